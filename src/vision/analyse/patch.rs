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
        self.px.clear();
        self.px.resize(self.w * self.h, [0.0; 4]);
        for (row, out) in self.px.chunks_exact_mut(self.w).enumerate() {
            for k in 0..step {
                let y = (self.corner.1 + row * step + k).min(height.saturating_sub(1));
                add_row(frame, y, self.corner.0, step, out);
            }
            let gain = 1.0 / (step * step) as f32;
            for px in out {
                let [a, b, c, _] = px.map(|v| v * gain);
                let [r, g, b] = match frame.format {
                    PixelFormat::Rgb8 => [a, b, c],
                    // BT.601 full range.
                    PixelFormat::Yuyv | PixelFormat::Nv12 => {
                        let (cb, cr) = (b - 128.0, c - 128.0);
                        [
                            a + 1.402 * cr,
                            a - 0.344_136 * cb - 0.714_136 * cr,
                            a + 1.772 * cb,
                        ]
                        .map(|v| v.clamp(0.0, 255.0))
                    }
                };
                *px = [r, g, b, (r + 2.0 * g + b) / 4.0];
            }
        }
    }

    /// The colour at a place of the frame, bilinear; the border's outside.
    pub(super) fn colour(&self, p: Vec2) -> [f32; 4] {
        let gain = 1.0 / self.step.max(1) as f64;
        let last = |n: usize| (n as f64 - 1.001).max(0.0);
        let x = ((p.x - self.corner.0 as f64) * gain - 0.5).clamp(0.0, last(self.w));
        let y = ((p.y - self.corner.1 as f64) * gain - 0.5).clamp(0.0, last(self.h));
        let (column, row) = (x as u32, y as u32);
        let (fx, fy) = ((x - f64::from(column)) as f32, (y - f64::from(row)) as f32);
        let i = row as usize * self.w + column as usize;
        let (Some([a, b]), Some([c, d])) = (
            self.px.get(i..).and_then(|px| px.first_chunk::<2>()),
            self.px.get(i + self.w..).and_then(|px| px.first_chunk::<2>()),
        ) else {
            return self.px.get(i).copied().unwrap_or_default();
        };
        let mut out = [0.0; 4];
        for k in 0..4 {
            let upper = a[k] + (b[k] - a[k]) * fx;
            let lower = c[k] + (d[k] - c[k]) * fx;
            out[k] = upper + (lower - upper) * fy;
        }
        out
    }
}

/// Adds a row of the frame, `step` pixels to each of `out`, as its format has them: red, green,
/// blue or Y, Cb, Cr. `first`, the first column, is even.
fn add_row(frame: &Frame, y: usize, first: usize, step: usize, out: &mut [[f32; 4]]) {
    let (w, bytes) = (frame.size.width as usize, frame.pixels.as_slice());
    match frame.format {
        PixelFormat::Rgb8 => {
            let row = bytes.get((y * w + first) * 3..(y + 1) * w * 3);
            let (pixels, _) = row.unwrap_or_default().as_chunks::<3>();
            for (out, pixels) in out.iter_mut().zip(pixels.chunks(step)) {
                for px in pixels {
                    add(out, *px);
                }
            }
        }
        PixelFormat::Yuyv => {
            let row = bytes.get((y * w + first) * 2..(y + 1) * w * 2);
            let (pairs, _) = row.unwrap_or_default().as_chunks::<4>();
            add_pairs(pairs.iter().map(|&[y0, u, y1, v]| (y0, y1, u, v)), step, out);
        }
        PixelFormat::Nv12 => {
            let (luma, chroma) = bytes.split_at(frame.size.pixels().min(bytes.len()));
            let luma = luma.get(y * w + first..(y + 1) * w).unwrap_or_default();
            let below = y / 2 * w;
            let chroma = chroma.get(below + first..below + w).unwrap_or_default();
            let pairs = luma.as_chunks::<2>().0.iter().zip(chroma.as_chunks::<2>().0);
            add_pairs(pairs.map(|(&[y0, y1], &[u, v])| (y0, y1, u, v)), step, out);
        }
    }
}

/// Adds pairs of pixels (two Y, Cb, Cr) where one of `out` takes one pixel or whole pairs.
fn add_pairs(mut pairs: impl Iterator<Item = (u8, u8, u8, u8)>, step: usize, out: &mut [[f32; 4]]) {
    if step == 1 {
        for (out, (y0, y1, u, v)) in out.chunks_mut(2).zip(pairs) {
            for (out, y) in out.iter_mut().zip([y0, y1]) {
                add(out, [y, u, v]);
            }
        }
        return;
    }
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
                    let (a, b) = (sampler.colour(p), patch.colour(p));
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
        let (a, b) = (fine.colour(p), coarse.colour(p));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3), "{a:?} {b:?}");
        // Outside of the frame lies nothing.
        coarse.copy(&frame, Vec2::new(-900.0, 5e4), 20.0, 4);
        assert!(coarse.colour(centre).iter().all(|v| v.is_finite()));
    }
}
