//! A small copy of a frame on which everything is searched before it is measured in the frame itself.

use super::grid::{Flat, Grid};
use crate::units::{ImageSize, Vec2};
use crate::vision::frame::{Frame, PixelFormat};

/// The long side of a working picture is at most about one and a half times this, in pixels:
/// a ball on any usual table then keeps a radius of 7 to 20 pixels.
const LONG_SIDE: f64 = 960.0;

/// A frame shrunk by a whole number, or the table in it seen from straight above, as red, green,
/// blue and brightness per pixel.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkingPicture {
    /// Columns.
    pub(super) w: usize,
    /// Rows.
    pub(super) h: usize,
    /// Where the frame shows what the working pixels show.
    pub(super) grid: Grid,
    /// Red, green, blue, brightness ((r + 2g + b) / 4), rows top to bottom.
    pub(super) px: Vec<[u8; 4]>,
    /// For a flat grid: where in the frame every pixel is read ([`Flat::sources`]).
    sources: Vec<u32>,
    row: Gathered,
}

impl WorkingPicture {
    /// Takes in a whole frame, shrunk; reuses the memory of the one before.
    pub(super) fn shrink(&mut self, frame: &Frame) {
        let w = frame.size.width as usize;
        let step = step_of(frame.size);
        self.grid = Grid::Shrunk { step };
        self.w = w / step;
        self.h = frame.size.height as usize / step;
        self.px.resize(self.w * self.h, [0; 4]);
        if self.w == 0 {
            return;
        }
        for (row, out) in self.px.chunks_exact_mut(self.w).enumerate() {
            match frame.format {
                PixelFormat::Rgb8 => rgb_row(&frame.pixels, w, step, row, out),
                PixelFormat::Yuyv | PixelFormat::Nv12 => {
                    let y = (row * step + step / 2) as u32;
                    for (i, out) in out.iter_mut().enumerate() {
                        let x = (i * step + step / 2) as u32;
                        *out = with_brightness(frame.rgb(x, y));
                    }
                }
            }
        }
    }

    /// From now on the table is seen from straight above, in frames of this size.
    pub(super) fn lay_flat(&mut self, flat: Flat, frame: ImageSize) {
        self.grid = Grid::Flat(flat);
        (self.w, self.h) = flat.size();
        self.px.clear();
        self.px.resize(self.w * self.h, [0; 4]);
        self.sources = flat.sources(frame);
    }

    /// Takes in what a frame, of the size that was told, shows of the table. Every working pixel
    /// is the mean of two neighbours, which share their chroma in YUYV and NV12.
    pub(super) fn sample(&mut self, frame: &Frame) {
        let bytes = frame.pixels.as_slice();
        let (luma, chroma) = bytes.split_at(frame.size.pixels().min(bytes.len()));
        let columns = self.w.max(1);
        let rows = self.px.chunks_mut(columns).zip(self.sources.chunks(columns));
        for (out, sources) in rows {
            match frame.format {
                PixelFormat::Rgb8 => {
                    for (out, &source) in out.iter_mut().zip(sources) {
                        let at = source as usize * 3;
                        if let Some(&[r0, g0, b0, r1, g1, b1]) = bytes.get(at..at + 6) {
                            *out = with_brightness([mean(r0, r1), mean(g0, g1), mean(b0, b1)]);
                        }
                    }
                    continue;
                }
                PixelFormat::Yuyv => self.row.yuyv(bytes, sources),
                PixelFormat::Nv12 => self.row.nv12(luma, chroma, frame.size.width, sources),
            }
            self.row.convert(out);
        }
    }

    /// The pixel at a place, the nearest border pixel outside. Black for an empty picture.
    pub(super) fn at(&self, x: isize, y: isize) -> [u8; 4] {
        if self.w == 0 || self.h == 0 {
            return [0; 4];
        }
        let x = x.clamp(0, self.w as isize - 1) as usize;
        let y = y.clamp(0, self.h as isize - 1) as usize;
        self.px.get(y * self.w + x).copied().unwrap_or([0; 4])
    }

    /// Brightness between pixels (bilinear), 0..255; `p` in working pixels, centres at half-integers.
    pub(super) fn brightness(&self, p: Vec2) -> f64 {
        let (x, y) = (p.x - 0.5, p.y - 0.5);
        let (fx, fy) = (x - x.floor(), y - y.floor());
        let (x, y) = (x.floor() as isize, y.floor() as isize);
        let at = |dx: isize, dy: isize| f64::from(self.at(x + dx, y + dy)[3]);
        (at(0, 0) * (1.0 - fx) + at(1, 0) * fx) * (1.0 - fy) + (at(0, 1) * (1.0 - fx) + at(1, 1) * fx) * fy
    }

    /// True where `p` (working pixels) lies on a marked pixel of a mask of this picture.
    pub(super) fn is_marked(&self, mask: &[u8], p: Vec2) -> bool {
        self.contains(p) && mask.get(p.y as usize * self.w + p.x as usize) == Some(&1)
    }

    /// True where `p` (working pixels) lies on the picture.
    pub(super) fn contains(&self, p: Vec2) -> bool {
        p.x >= 0.0 && p.y >= 0.0 && p.x < self.w as f64 && p.y < self.h as f64
    }
}

/// How many frame pixels make one working pixel.
fn step_of(size: ImageSize) -> usize {
    let long = f64::from(size.width.max(size.height));
    ((long / LONG_SIDE).round() as usize).max(1)
}

/// One row of Y, Cb and Cr, gathered.
#[derive(Clone, Debug, Default)]
struct Gathered {
    y: Vec<u8>,
    cb: Vec<u8>,
    cr: Vec<u8>,
}

impl Gathered {
    /// Two neighbours of `yuyv` at every source.
    fn yuyv(&mut self, yuyv: &[u8], sources: &[u32]) {
        for ((y, cb, cr), &source) in self.cells(sources.len()).zip(sources) {
            let at = source as usize * 2;
            if let Some(&[y0, u, y1, v]) = yuyv.get(at..at + 4) {
                (*y, *cb, *cr) = (mean(y0, y1), u, v);
            }
        }
    }

    /// Two neighbours of `luma`, `w` wide, at every source, with the chroma they share.
    fn nv12(&mut self, luma: &[u8], chroma: &[u8], w: u32, sources: &[u32]) {
        for ((y, cb, cr), &source) in self.cells(sources.len()).zip(sources) {
            // Two rows share a row of chroma.
            let (at, below) = (source as usize, (source / w / 2 * w + source % w) as usize);
            if let (Some(&[y0, y1]), Some(&[u, v])) = (luma.get(at..at + 2), chroma.get(below..below + 2)) {
                (*y, *cb, *cr) = (mean(y0, y1), u, v);
            }
        }
    }

    fn cells(&mut self, count: usize) -> impl Iterator<Item = (&mut u8, &mut u8, &mut u8)> {
        self.y.resize(count, 0);
        self.cb.resize(count, 0);
        self.cr.resize(count, 0);
        let chroma = self.cb.iter_mut().zip(&mut self.cr);
        self.y.iter_mut().zip(chroma).map(|(y, (cb, cr))| (y, cb, cr))
    }

    /// As red, green, blue, brightness (BT.601 full range): sixteen-bit arithmetic in 64ths,
    /// which every processor does on many numbers at a time.
    fn convert(&self, out: &mut [[u8; 4]]) {
        let parts = self.y.iter().zip(&self.cb).zip(&self.cr);
        for (out, ((&y, &cb), &cr)) in out.iter_mut().zip(parts) {
            let (y, cb, cr) = (i16::from(y) * 64 + 32, i16::from(cb) - 128, i16::from(cr) - 128);
            let byte = |v: i16| (v >> 6).clamp(0, 255);
            let r = byte(y + 90 * cr);
            let g = byte(y - 22 * cb - 46 * cr);
            let b = byte(y + 113 * cb);
            let brightness = (r + 2 * g + b) >> 2;
            *out = [r as u8, g as u8, b as u8, brightness as u8];
        }
    }
}

fn mean(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b)) / 2) as u8
}

fn with_brightness([r, g, b]: [u8; 3]) -> [u8; 4] {
    let y = (u16::from(r) + 2 * u16::from(g) + u16::from(b)) / 4;
    [r, g, b, y as u8]
}

/// One working row of an RGB frame: the mean of each `step` × `step` square.
fn rgb_row(pixels: &[u8], w: usize, step: usize, row: usize, out: &mut [[u8; 4]]) {
    let bytes = out.len() * step * 3;
    let line = |k: usize| {
        let start = (row * step + k) * w * 3;
        pixels.get(start..start + bytes).unwrap_or_default()
    };
    match step {
        1 => {
            for (out, px) in out.iter_mut().zip(line(0).chunks_exact(3)) {
                if let &[r, g, b] = px {
                    *out = with_brightness([r, g, b]);
                }
            }
        }
        2 => {
            let (upper, lower) = (line(0), line(1));
            for ((out, a), b) in out
                .iter_mut()
                .zip(upper.chunks_exact(6))
                .zip(lower.chunks_exact(6))
            {
                let (&[r0, g0, b0, r1, g1, b1], &[r2, g2, b2, r3, g3, b3]) = (a, b) else {
                    continue;
                };
                let mean = |a: u8, b: u8, c: u8, d: u8| {
                    ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4) as u8
                };
                *out = with_brightness([mean(r0, r1, r2, r3), mean(g0, g1, g2, g3), mean(b0, b1, b2, b3)]);
            }
        }
        _ => {
            // Two samples per direction are enough to calm the noise of a 4K picture.
            let second = step / 2;
            let (upper, lower) = (line(step / 4), line(step / 4 + second));
            for (i, out) in out.iter_mut().enumerate() {
                let (a, b) = ((i * step + step / 4) * 3, (i * step + step / 4 + second) * 3);
                let mean = |c: usize| {
                    let at = |line: &[u8], i: usize| line.get(i + c).map_or(0, |v| u16::from(*v));
                    ((at(upper, a) + at(upper, b) + at(lower, a) + at(lower, b) + 2) / 4) as u8
                };
                *out = with_brightness([mean(0), mean(1), mean(2)]);
            }
        }
    }
}
