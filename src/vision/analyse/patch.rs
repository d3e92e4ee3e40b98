//! A piece of a frame, copied to be read between its pixels many times.

use crate::units::Vec2;
use crate::vision::frame::{Frame, PixelFormat};

/// The frame around a ball, as red, green, blue and brightness ((r + 2g + b) / 4), 0..255.
#[derive(Clone, Debug, Default)]
pub(super) struct Patch {
    /// Frame column and row of the first pixel.
    corner: (usize, usize),
    /// Frame pixels per pixel, in each direction.
    step: usize,
    w: usize,
    h: usize,
    px: Vec<[f32; 4]>,
}

impl Patch {
    /// Copies what lies within `reach` (frame pixels) of `centre`, in pixels of `step` × `step` of the
    /// frame's, a power of two. Reuses the memory of the one before.
    pub(super) fn copy(&mut self, frame: &Frame, centre: Vec2, reach: f64, step: usize) {
        let step = step.max(1).next_power_of_two();
        let (width, height) = (frame.size.width as usize, frame.size.height as usize);
        // An even first column keeps pixels that share their chroma together.
        let from = |c: f64, most: usize| ((c - reach).max(0.0) as usize).min(most.saturating_sub(1)) & !1;
        let until = |c: f64, most: usize| ((c + reach).max(0.0) as usize + 2).min(most);
        self.corner = (from(centre.x, width), from(centre.y, height));
        self.step = step;
        self.w = (until(centre.x, width).saturating_sub(self.corner.0) / step).max(1);
        self.h = (until(centre.y, height).saturating_sub(self.corner.1) / step).max(1);
        self.px.resize(self.w * self.h, [0.0; 4]);
        for (row, out) in self.px.chunks_exact_mut(self.w).enumerate() {
            let at = |k: usize| (self.corner.1 + row * step + k).min(height.saturating_sub(1));
            if step == 1 {
                copy_row(frame, at(0), self.corner.0, out);
                continue;
            }
            out.fill([0.0; 4]);
            (0..step).for_each(|k| add_row(frame, at(k), self.corner.0, step, out));
            let gain = 1.0 / (step * step) as f32;
            for px in out {
                let [a, b, c, _] = px.map(|v| v * gain);
                let rgb = match frame.format {
                    PixelFormat::Rgb8 => [a, b, c],
                    PixelFormat::Yuyv | PixelFormat::Nv12 => lit(a, tint(b, c)),
                };
                *px = with_brightness(rgb);
            }
        }
    }

    /// The colours at `from`, `from + step`, `from + 2 step`, … of the frame, bilinear; the border's outside.
    pub(super) fn colours<const N: usize>(&self, from: Vec2, step: Vec2) -> [[f32; 4]; N] {
        let gain = 1.0 / self.step.max(1) as f64;
        let corner = Vec2::new(self.corner.0 as f64, self.corner.1 as f64);
        // Within a patch single precision is a ten thousandth of a pixel.
        let first = (from - corner) * gain - Vec2::splat(0.5);
        let (x0, y0) = (first.x as f32, first.y as f32);
        let (dx, dy) = ((step.x * gain) as f32, (step.y * gain) as f32);
        let last = |n: usize| (n as f32 - 1.001).max(0.0);
        let (right, bottom) = (last(self.w), last(self.h));
        let mut out = [[0.0; 4]; N];
        for (k, out) in out.iter_mut().enumerate() {
            let x = (x0 + dx * k as f32).clamp(0.0, right);
            let y = (y0 + dy * k as f32).clamp(0.0, bottom);
            let (column, row) = (x as u32, y as u32);
            let (fx, fy) = (x - column as f32, y - row as f32);
            let i = row as usize * self.w + column as usize;
            let (Some([a, b]), Some([c, d])) = (
                self.px.get(i..).and_then(|px| px.first_chunk::<2>()),
                self.px.get(i + self.w..).and_then(|px| px.first_chunk::<2>()),
            ) else {
                *out = self.px.get(i).copied().unwrap_or_default();
                continue;
            };
            for (j, out) in out.iter_mut().enumerate() {
                let upper = a[j] + (b[j] - a[j]) * fx;
                let lower = c[j] + (d[j] - c[j]) * fx;
                *out = upper + (lower - upper) * fy;
            }
        }
        out
    }
}

/// What Cb and Cr add to red, green and blue (BT.601 full range).
fn tint(cb: f32, cr: f32) -> [f32; 3] {
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    [1.402 * cr, -0.344_136 * cb - 0.714_136 * cr, 1.772 * cb]
}

fn lit(y: f32, tint: [f32; 3]) -> [f32; 3] {
    tint.map(|t| (y + t).clamp(0.0, 255.0))
}

fn with_brightness([r, g, b]: [f32; 3]) -> [f32; 4] {
    [r, g, b, (r + 2.0 * g + b) / 4.0]
}

/// A row of the frame in the format it came in.
enum Row<'a> {
    Rgb(&'a [[u8; 3]]),
    /// Pairs of Y, Cb, Y, Cr.
    Yuyv(&'a [[u8; 4]]),
    /// Pairs of Y, and their Cb and Cr.
    Nv12(&'a [[u8; 2]], &'a [[u8; 2]]),
}

impl<'a> Row<'a> {
    /// Row `y` from the column `first` on, which is even.
    fn of(frame: &'a Frame, y: usize, first: usize) -> Self {
        let (w, bytes) = (frame.size.width as usize, frame.pixels.as_slice());
        let part = |bytes: &'a [u8], from: usize, until: usize| bytes.get(from..until).unwrap_or_default();
        match frame.format {
            PixelFormat::Rgb8 => Self::Rgb(part(bytes, (y * w + first) * 3, (y + 1) * w * 3).as_chunks().0),
            PixelFormat::Yuyv => Self::Yuyv(part(bytes, (y * w + first) * 2, (y + 1) * w * 2).as_chunks().0),
            PixelFormat::Nv12 => {
                let (luma, chroma) = bytes.split_at(frame.size.pixels().min(bytes.len()));
                let below = y / 2 * w;
                Self::Nv12(
                    part(luma, y * w + first, (y + 1) * w).as_chunks().0,
                    part(chroma, below + first, below + w).as_chunks().0,
                )
            }
        }
    }
}

/// Copies a row of the frame.
fn copy_row(frame: &Frame, y: usize, first: usize, out: &mut [[f32; 4]]) {
    match Row::of(frame, y, first) {
        Row::Rgb(pixels) => {
            for (out, px) in out.iter_mut().zip(pixels) {
                *out = with_brightness(px.map(f32::from));
            }
        }
        Row::Yuyv(pairs) => copy_pairs(pairs.iter().map(|&[y0, u, y1, v]| (y0, y1, u, v)), out),
        Row::Nv12(luma, chroma) => {
            let pairs = luma.iter().zip(chroma);
            copy_pairs(pairs.map(|(&[y0, y1], &[u, v])| (y0, y1, u, v)), out);
        }
    }
}

/// Copies pairs of pixels (two Y, Cb, Cr).
fn copy_pairs(pairs: impl Iterator<Item = (u8, u8, u8, u8)>, out: &mut [[f32; 4]]) {
    for (out, (y0, y1, u, v)) in out.chunks_mut(2).zip(pairs) {
        let tint = tint(f32::from(u), f32::from(v));
        for (out, y) in out.iter_mut().zip([y0, y1]) {
            *out = with_brightness(lit(f32::from(y), tint));
        }
    }
}

/// Adds a row of the frame, `step` pixels (more than one) to each of `out`, as its format has them: red, green,
/// blue or Y, Cb, Cr.
fn add_row(frame: &Frame, y: usize, first: usize, step: usize, out: &mut [[f32; 4]]) {
    match Row::of(frame, y, first) {
        Row::Rgb(pixels) => {
            for (out, pixels) in out.iter_mut().zip(pixels.chunks(step)) {
                pixels.iter().for_each(|px| add(out, *px));
            }
        }
        Row::Yuyv(pairs) => add_pairs(pairs.iter().map(|&[y0, u, y1, v]| (y0, y1, u, v)), step, out),
        Row::Nv12(luma, chroma) => {
            let pairs = luma.iter().zip(chroma);
            add_pairs(pairs.map(|(&[y0, y1], &[u, v])| (y0, y1, u, v)), step, out);
        }
    }
}

/// Adds pairs of pixels (two Y, Cb, Cr), `step` / 2 to each of `out`.
fn add_pairs(mut pairs: impl Iterator<Item = (u8, u8, u8, u8)>, step: usize, out: &mut [[f32; 4]]) {
    for out in out {
        for (y0, y1, u, v) in pairs.by_ref().take(step / 2) {
            add(out, [y0, u, v]);
            add(out, [y1, u, v]);
        }
    }
}

fn add(out: &mut [f32; 4], [a, b, c]: [u8; 3]) {
    out[0] += f32::from(a);
    out[1] += f32::from(b);
    out[2] += f32::from(c);
}

#[cfg(test)]
mod tests {
    use super::super::sampler::Sampler;
    use super::super::scene::Scene;
    use super::*;

    fn colour(patch: &Patch, p: Vec2) -> [f32; 4] {
        let [colour] = patch.colours(p, Vec2::ZERO);
        colour
    }

    #[test]
    fn a_patch_shows_what_the_frame_shows_in_every_format_to_its_border() {
        let rgb = Scene::full().render();
        let mut patch = Patch::default();
        for format in [PixelFormat::Rgb8, PixelFormat::Yuyv, PixelFormat::Nv12] {
            let frame = rgb.in_format(format).unwrap();
            let sampler = Sampler::new(&frame);
            for centre in [
                Vec2::new(960.3, 540.8),
                Vec2::new(4.0, 3.0),
                Vec2::new(1917.0, 1079.0),
            ] {
                patch.copy(&frame, centre, 12.0, 1);
                for i in 0..100 {
                    let off = crate::units::unit(f64::from(i)) * (0.1 * f64::from(i));
                    let p = (centre + off).clamp(Vec2::ZERO, Vec2::new(1920.0, 1080.0));
                    let (a, b) = (sampler.colour(p), colour(&patch, p));
                    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(worst < 1.6, "{format:?} at {p}: {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_coarser_patch_is_the_mean() {
        let frame = Scene::full().render();
        let (mut fine, mut coarse) = (Patch::default(), Patch::default());
        let centre = Vec2::new(500.0, 400.0);
        fine.copy(&frame, centre, 20.0, 1);
        coarse.copy(&frame, centre, 20.0, 2);
        // The middle between four pixels is their mean.
        let p = Vec2::new(501.0, 397.0);
        let (a, b) = (colour(&fine, p), colour(&coarse, p));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3), "{a:?} {b:?}");
        // Outside of the frame lies nothing.
        coarse.copy(&frame, Vec2::new(-900.0, 5e4), 20.0, 4);
        assert!(colour(&coarse, centre).iter().all(|v| v.is_finite()));
    }
}
