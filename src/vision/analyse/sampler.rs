//! Colours between the pixels of a frame.

use crate::units::Vec2;
use crate::vision::frame::{Frame, PixelFormat};

/// Reads a frame at any place.
pub(super) struct Sampler<'a> {
    frame: &'a Frame,
    width: f64,
    height: f64,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(frame: &'a Frame) -> Self {
        Self {
            frame,
            width: f64::from(frame.size.width),
            height: f64::from(frame.size.height),
        }
    }

    /// Red, green, blue and brightness (0..255), bilinear; the border's colour outside.
    pub(super) fn colour(&self, p: Vec2) -> [f32; 4] {
        let x = (p.x - 0.5).clamp(0.0, self.width - 1.001);
        let y = (p.y - 0.5).clamp(0.0, self.height - 1.001);
        let (fx, fy) = (x.fract() as f32, y.fract() as f32);
        let (x, y) = (x.max(0.0) as u32, y.max(0.0) as u32);
        let mut out = [0f32; 4];
        let corners = [
            (0, 0, (1.0 - fx) * (1.0 - fy)),
            (1, 0, fx * (1.0 - fy)),
            (0, 1, (1.0 - fx) * fy),
            (1, 1, fx * fy),
        ];
        for (dx, dy, weight) in corners {
            let rgb = self.rgb(x + dx, y + dy);
            for (out, c) in out.iter_mut().zip(rgb) {
                *out += weight * f32::from(c);
            }
        }
        out[3] = (out[0] + 2.0 * out[1] + out[2]) / 4.0;
        out
    }

    fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        if self.frame.format == PixelFormat::Rgb8 {
            let i = (y as usize * self.frame.size.width as usize + x as usize) * 3;
            if let Some(&[r, g, b]) = self.frame.pixels.get(i..i + 3) {
                return [r, g, b];
            }
        }
        self.frame.rgb(x, y)
    }
}
