//! A small copy of a frame on which everything is searched before it is measured in the frame itself.

use crate::units::{ImageSize, Vec2};
use crate::vision::frame::{Frame, PixelFormat};

/// The long side of a working picture is at most about one and a half times this, in pixels:
/// a ball on any usual table then keeps a radius of 7 to 20 pixels.
const LONG_SIDE: f64 = 960.0;

/// A frame shrunk by a whole number, as red, green, blue and brightness per pixel.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkingPicture {
    /// Columns.
    pub(super) w: usize,
    /// Rows.
    pub(super) h: usize,
    /// Frame pixels per working pixel, in each direction.
    pub(super) step: usize,
    /// Red, green, blue, brightness ((r + 2g + b) / 4), rows top to bottom.
    pub(super) px: Vec<[u8; 4]>,
}

impl WorkingPicture {
    /// Takes in a frame; reuses the memory of the one before. Only rows and columns inside
    /// `window` (frame pixels: left, top, right, bottom) are filled when it is given.
    pub(super) fn fill(&mut self, frame: &Frame, window: Option<[usize; 4]>) {
        let (w, h) = (frame.size.width as usize, frame.size.height as usize);
        self.step = step_of(frame.size);
        self.w = w / self.step;
        self.h = h / self.step;
        self.px.resize(self.w * self.h, [0; 4]);
        let [left, top, right, bottom] = window.unwrap_or([0, 0, w, h]);
        let columns = (left / self.step).min(self.w)..right.div_ceil(self.step).min(self.w);
        let rows = (top / self.step).min(self.h)..bottom.div_ceil(self.step).min(self.h);
        if columns.is_empty() {
            return;
        }
        for row in rows {
            let start = row * self.w;
            let Some(out) = self.px.get_mut(start + columns.start..start + columns.end) else {
                continue;
            };
            match frame.format {
                PixelFormat::Rgb8 => rgb_row(&frame.pixels, w, self.step, row, columns.start, out),
                PixelFormat::Yuyv | PixelFormat::Nv12 => {
                    let y = (row * self.step + self.step / 2) as u32;
                    for (i, out) in out.iter_mut().enumerate() {
                        let x = ((columns.start + i) * self.step + self.step / 2) as u32;
                        *out = with_brightness(frame.rgb(x, y));
                    }
                }
            }
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

    /// True where `p` (working pixels) lies on the picture.
    pub(super) fn contains(&self, p: Vec2) -> bool {
        p.x >= 0.0 && p.y >= 0.0 && p.x < self.w as f64 && p.y < self.h as f64
    }
}

/// How many frame pixels make one working pixel.
pub(super) fn step_of(size: ImageSize) -> usize {
    let long = f64::from(size.width.max(size.height));
    ((long / LONG_SIDE).round() as usize).max(1)
}

fn with_brightness([r, g, b]: [u8; 3]) -> [u8; 4] {
    let y = (u16::from(r) + 2 * u16::from(g) + u16::from(b)) / 4;
    [r, g, b, y as u8]
}

/// One working row of an RGB frame: the mean of each `step` × `step` square.
fn rgb_row(pixels: &[u8], w: usize, step: usize, row: usize, first: usize, out: &mut [[u8; 4]]) {
    let bytes = out.len() * step * 3;
    let line = |k: usize| {
        let start = ((row * step + k) * w + first * step) * 3;
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
