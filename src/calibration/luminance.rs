//! Brightness of a still scene, averaged over frames.

use crate::units::{ImageSize, Vec2, linear_light};
use crate::vision::frame::{Frame, PixelFormat};

/// Brightness of every pixel, 0 black to 1 white, in proportion to light.
#[derive(Clone, Debug)]
pub struct Luminance {
    /// Size of the picture.
    pub size: ImageSize,
    light: Vec<f32>,
}

/// Adds up frames of one size.
#[derive(Clone, Debug)]
pub struct Mean {
    size: ImageSize,
    sum: Vec<f32>,
    frames: u16,
    linear: Linear,
}

/// A picture of which brightness is asked between pixels, 0 black to 1 white, in proportion to light.
pub(super) trait Brightness {
    /// Size of the picture.
    fn size(&self) -> ImageSize;

    /// Brightness of the pixel in this column and row; 0 outside.
    fn pixel(&self, x: usize, y: usize) -> f64;

    /// Brightness at a place of the picture, between pixels in proportion; that of the border outside.
    fn at(&self, p: Vec2) -> f64 {
        let size = self.size();
        let (right, bottom) = (size.width.saturating_sub(1), size.height.saturating_sub(1));
        let x = (p.x - 0.5).clamp(0.0, f64::from(right));
        let y = (p.y - 0.5).clamp(0.0, f64::from(bottom));
        let (ix, iy) = (x as usize, y as usize);
        let (u, v) = (x - ix as f64, y - iy as f64);
        let pixel =
            |dx: usize, dy: usize| self.pixel((ix + dx).min(right as usize), (iy + dy).min(bottom as usize));
        let top = pixel(0, 0) * (1.0 - u) + pixel(1, 0) * u;
        let bottom = pixel(0, 1) * (1.0 - u) + pixel(1, 1) * u;
        top * (1.0 - v) + bottom * v
    }
}

impl Brightness for Luminance {
    fn size(&self) -> ImageSize {
        self.size
    }

    fn pixel(&self, x: usize, y: usize) -> f64 {
        f64::from(
            self.light
                .get(y * self.size.width as usize + x)
                .copied()
                .unwrap_or(0.0),
        )
    }
}

/// One frame as the camera gave it; only what is asked for is turned into brightness.
#[derive(Debug)]
pub(super) struct FrameLight<'a> {
    frame: &'a Frame,
    linear: Linear,
}

impl<'a> FrameLight<'a> {
    pub(super) fn of(frame: &'a Frame) -> Self {
        Self {
            frame,
            linear: Linear::default(),
        }
    }
}

impl Brightness for FrameLight<'_> {
    fn size(&self) -> ImageSize {
        self.frame.size
    }

    fn pixel(&self, x: usize, y: usize) -> f64 {
        let at = y * self.frame.size.width as usize + x;
        let pixels = &self.frame.pixels;
        let light = match self.frame.format {
            PixelFormat::Rgb8 => match pixels.get(3 * at..3 * at + 3) {
                Some(&[r, g, b]) => self.linear.of_colour([r, g, b]),
                _ => 0.0,
            },
            PixelFormat::Yuyv => pixels.get(2 * at).map_or(0.0, |luma| self.linear.of(*luma)),
            PixelFormat::Nv12 => pixels.get(at).map_or(0.0, |luma| self.linear.of(*luma)),
        };
        f64::from(light)
    }
}

/// Light by byte.
#[derive(Clone, Debug)]
struct Linear([f32; 256]);

impl Default for Linear {
    fn default() -> Self {
        Self(std::array::from_fn(|byte| linear_light(byte as u8)))
    }
}

impl Linear {
    fn of(&self, byte: u8) -> f32 {
        self.0.get(usize::from(byte)).copied().unwrap_or(0.0)
    }

    fn of_colour(&self, [r, g, b]: [u8; 3]) -> f32 {
        0.2126 * self.of(r) + 0.7152 * self.of(g) + 0.0722 * self.of(b)
    }
}

impl Mean {
    /// Nothing yet of pictures of this size.
    #[must_use]
    pub fn new(size: ImageSize) -> Self {
        Self {
            size,
            sum: vec![0.0; size.pixels()],
            frames: 0,
            linear: Linear::default(),
        }
    }

    /// How many frames it is of.
    #[must_use]
    pub const fn frames(&self) -> u16 {
        self.frames
    }

    /// Takes in a frame; false, and nothing is taken, where it has another size.
    pub fn add(&mut self, frame: &Frame) -> bool {
        if frame.size != self.size {
            return false;
        }
        let linear = &self.linear;
        match frame.format {
            PixelFormat::Rgb8 => {
                for (sum, rgb) in self.sum.iter_mut().zip(frame.pixels.chunks_exact(3)) {
                    if let [r, g, b] = *rgb {
                        *sum += linear.of_colour([r, g, b]);
                    }
                }
            }
            PixelFormat::Yuyv => {
                for (sum, luma) in self.sum.iter_mut().zip(frame.pixels.iter().step_by(2)) {
                    *sum += linear.of(*luma);
                }
            }
            PixelFormat::Nv12 => {
                for (sum, luma) in self.sum.iter_mut().zip(frame.pixels.iter()) {
                    *sum += linear.of(*luma);
                }
            }
        }
        self.frames += 1;
        true
    }

    /// The mean; black of nothing.
    #[must_use]
    pub fn luminance(&self) -> Luminance {
        let share = 1.0 / f32::from(self.frames.max(1));
        Luminance {
            size: self.size,
            light: self.sum.iter().map(|s| s * share).collect(),
        }
    }
}

impl Luminance {
    /// The pixels, row by row.
    #[must_use]
    pub fn light(&self) -> &[f32] {
        &self.light
    }

    /// The mean of every pixel and its eight neighbours; the border is left black.
    #[must_use]
    pub fn smoothed(&self) -> Self {
        let w = self.size.width as usize;
        let mut light = vec![0.0; self.light.len()];
        let rows: Vec<&[f32]> = self.light.chunks(w.max(1)).collect();
        for (out, rows) in light.chunks_mut(w.max(1)).skip(1).zip(rows.windows(3)) {
            if let [above, here, below] = rows {
                let columns: Vec<f32> = (above.iter().zip(*here).zip(*below))
                    .map(|((a, b), c)| a + b + c)
                    .collect();
                for (out, three) in out.iter_mut().skip(1).zip(columns.windows(3)) {
                    *out = three.iter().sum::<f32>() / 9.0;
                }
            }
        }
        Self {
            size: self.size,
            light,
        }
    }

    /// What light came to `dark`, as a share of the light that is there without it: so the cloth's
    /// own pattern and the lamps fall out. Where it is much darker than in most of the picture there is little
    /// but noise, which is not made much of.
    #[must_use]
    pub fn gain_over(&self, dark: &Self) -> Self {
        /// Share of the usual brightness that is added to every pixel's own.
        const FLOOR: f32 = 0.3;
        let mut sample: Vec<f32> = dark.light.iter().step_by(17).copied().collect();
        let middle = sample.len() / 2;
        let usual = (!sample.is_empty()).then(|| *sample.select_nth_unstable_by(middle, f32::total_cmp).1);
        let floor = (FLOOR * usual.unwrap_or(1.0)).max(1e-3);
        Self {
            size: self.size,
            light: (self.light.iter().zip(&dark.light))
                .map(|(lit, dark)| (lit - dark) / (dark + floor))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_frames_is_taken_in_light_and_of_one_size() {
        let size = ImageSize::new(4, 2);
        let mut mean = Mean::new(size);
        for byte in [0_u8, 255] {
            let frame = Frame::new(0, size, PixelFormat::Rgb8, vec![byte; 24]).unwrap();
            assert!(mean.add(&frame));
        }
        let other = Frame::new(0, ImageSize::new(2, 2), PixelFormat::Rgb8, vec![9; 12]).unwrap();
        assert!(!mean.add(&other));
        assert!((mean.luminance().at(Vec2::new(2.0, 1.0)) - 0.5).abs() < 1e-3);
        assert_eq!(mean.frames(), 2);
    }

    #[test]
    fn formats_of_cameras_agree_on_grey() {
        let size = ImageSize::new(4, 2);
        let grey = |format: PixelFormat| {
            let mut mean = Mean::new(size);
            assert!(mean.add(&Frame::new(0, size, format, vec![128; format.byte_len(size)]).unwrap()));
            mean.luminance().at(Vec2::new(1.3, 0.9))
        };
        let expected = grey(PixelFormat::Rgb8);
        assert!((grey(PixelFormat::Yuyv) - expected).abs() < 1e-6);
        assert!((grey(PixelFormat::Nv12) - expected).abs() < 1e-6);
    }
}
