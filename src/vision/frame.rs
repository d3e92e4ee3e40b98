//! One picture from a source.

use std::sync::Arc;
use std::time::Instant;

use crate::calibration::CameraModel;
use crate::units::ImageSize;
use crate::vision::light::Light;
use crate::vision::observation::Truth;

/// How the bytes of a frame are laid out, rows top to bottom without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Red, green, blue, one byte each.
    Rgb8,
    /// Y0 U Y1 V for two pixels (BT.601, full or video range alike for our purposes); even width.
    Yuyv,
    /// A plane of Y, then a half-size plane of interleaved U V; even width and height.
    Nv12,
}

impl PixelFormat {
    /// Bytes of a picture of this format and size.
    #[must_use]
    pub const fn byte_len(self, size: ImageSize) -> usize {
        match self {
            Self::Rgb8 => size.pixels() * 3,
            Self::Yuyv => size.pixels() * 2,
            Self::Nv12 => size.pixels() * 3 / 2,
        }
    }
}

/// A picture with the moment it was taken. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Counts up by one per frame the source produced; a gap is a dropped frame.
    pub sequence: u64,
    /// When the picture was taken, monotonic.
    pub captured: Instant,
    /// Width and height in pixels.
    pub size: ImageSize,
    /// Layout of `pixels`.
    pub format: PixelFormat,
    /// The bytes, exactly [`PixelFormat::byte_len`] of them.
    pub pixels: Arc<Vec<u8>>,
    /// The JPEG the pixels were decoded from, where the camera sent one: what is recorded.
    pub encoded: Option<Arc<Vec<u8>>>,
    /// The calibration that belongs to this picture, where the source knows it.
    pub camera: Option<Arc<CameraModel>>,
    /// What the projector lights in this picture, where that is known.
    pub light: Option<Arc<Light>>,
    /// What is really on the table, where the source knows it (virtual table only).
    pub truth: Option<Arc<Truth>>,
}

/// Bytes that do not make a picture of the size they claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {width}×{height} {format:?} picture needs {expected} bytes, got {got}", width = size.width, height = size.height)]
pub struct WrongLength {
    /// Claimed size.
    pub size: ImageSize,
    /// Claimed format.
    pub format: PixelFormat,
    /// Bytes such a picture has.
    pub expected: usize,
    /// Bytes that came.
    pub got: usize,
}

impl Frame {
    /// A frame taken now, without calibration or truth.
    ///
    /// # Errors
    /// [`WrongLength`] when the bytes do not fit the size.
    pub fn new(
        sequence: u64,
        size: ImageSize,
        format: PixelFormat,
        pixels: Vec<u8>,
    ) -> Result<Self, WrongLength> {
        let expected = format.byte_len(size);
        if pixels.len() != expected || expected == 0 {
            return Err(WrongLength {
                size,
                format,
                expected,
                got: pixels.len(),
            });
        }
        Ok(Self {
            sequence,
            captured: Instant::now(),
            size,
            format,
            pixels: Arc::new(pixels),
            encoded: None,
            light: None,
            camera: None,
            truth: None,
        })
    }

    /// Red, green, blue of a pixel; black outside the picture.
    #[must_use]
    pub fn rgb(&self, x: u32, y: u32) -> [u8; 3] {
        if x >= self.size.width || y >= self.size.height {
            return [0; 3];
        }
        let (w, x, y) = (self.size.width as usize, x as usize, y as usize);
        let at = |i: usize| self.pixels.get(i).copied().unwrap_or(0);
        match self.format {
            PixelFormat::Rgb8 => {
                let i = (y * w + x) * 3;
                [at(i), at(i + 1), at(i + 2)]
            }
            PixelFormat::Yuyv => {
                let pair = (y * w + (x & !1)) * 2;
                ycbcr_to_rgb(at((y * w + x) * 2), at(pair + 1), at(pair + 3))
            }
            PixelFormat::Nv12 => {
                let chroma = w * self.size.height as usize + (y / 2) * w + (x & !1);
                ycbcr_to_rgb(at(y * w + x), at(chroma), at(chroma + 1))
            }
        }
    }

    /// The picture as RGB, `1/step` of its size in each direction (nearest pixel; for previews).
    #[must_use]
    pub fn to_rgb(&self, step: u32) -> image::RgbImage {
        let step = step.max(1);
        let (w, h) = (self.size.width / step, self.size.height / step);
        if step == 1 && self.format == PixelFormat::Rgb8 {
            return image::RgbImage::from_raw(w, h, self.pixels.to_vec())
                .unwrap_or_else(|| image::RgbImage::new(w, h));
        }
        if self.format == PixelFormat::Rgb8 {
            let (row_bytes, step) = (self.size.width as usize * 3, step as usize);
            let rows = self
                .pixels
                .chunks_exact(row_bytes.max(1))
                .step_by(step)
                .take(h as usize);
            let bytes = rows.flat_map(|row| {
                row.chunks_exact(3)
                    .step_by(step)
                    .take(w as usize)
                    .flatten()
                    .copied()
            });
            return image::RgbImage::from_raw(w, h, bytes.collect())
                .unwrap_or_else(|| image::RgbImage::new(w, h));
        }
        image::RgbImage::from_fn(w, h, |x, y| image::Rgb(self.rgb(x * step, y * step)))
    }

    /// The same picture with its bytes laid out as `format`, as a camera that delivers it would
    /// give it (chroma is the mean of the pixels that share it).
    ///
    /// # Errors
    /// [`WrongLength`] where the format can't have this size: an odd width, for NV12 also height.
    pub fn in_format(&self, format: PixelFormat) -> Result<Self, WrongLength> {
        let (w, h) = (self.size.width, self.size.height);
        let fits = match format {
            PixelFormat::Rgb8 => true,
            PixelFormat::Yuyv => w.is_multiple_of(2),
            PixelFormat::Nv12 => w.is_multiple_of(2) && h.is_multiple_of(2),
        };
        let expected = format.byte_len(self.size);
        if !fits {
            return Err(WrongLength {
                size: self.size,
                format,
                expected,
                got: self.pixels.len(),
            });
        }
        let converted;
        let rgb: &[u8] = if self.format == PixelFormat::Rgb8 {
            &self.pixels
        } else {
            converted = self.to_rgb(1);
            &converted
        };
        let mut pixels = Vec::with_capacity(expected);
        match format {
            PixelFormat::Rgb8 => pixels.extend_from_slice(rgb),
            PixelFormat::Yuyv => {
                pixels.extend(rgb.as_chunks().0.iter().flat_map(|&[r, g, b, r2, g2, b2]| {
                    let pair = [[r, g, b], [r2, g2, b2]];
                    let [cb, cr] = shared_chroma(pair);
                    let [first, second] = pair.map(|pixel| rgb_to_ycbcr(pixel)[0]);
                    [first, cb, second, cr]
                }));
            }
            PixelFormat::Nv12 => {
                pixels.extend(rgb.as_chunks().0.iter().map(|pixel| rgb_to_ycbcr(*pixel)[0]));
                let row_bytes = w as usize * 3;
                for two in rgb.chunks_exact(2 * row_bytes) {
                    let (upper, lower) = two.split_at(row_bytes);
                    let squares = upper.as_chunks().0.iter().zip(lower.as_chunks().0);
                    pixels.extend(
                        squares.flat_map(|(&[r, g, b, r2, g2, b2], &[r3, g3, b3, r4, g4, b4])| {
                            shared_chroma([[r, g, b], [r2, g2, b2], [r3, g3, b3], [r4, g4, b4]])
                        }),
                    );
                }
            }
        }
        let mut frame = Self::new(self.sequence, self.size, format, pixels)?;
        (frame.captured, frame.camera, frame.truth) =
            (self.captured, self.camera.clone(), self.truth.clone());
        frame.light.clone_from(&self.light);
        Ok(frame)
    }
}

/// The chroma of pixels that share it: that of their mean.
fn shared_chroma<const N: usize>(pixels: [[u8; 3]; N]) -> [u8; 2] {
    let mut sum = [0; 3];
    for rgb in pixels {
        for (sum, c) in sum.iter_mut().zip(rgb) {
            *sum += usize::from(c);
        }
    }
    let [_, cb, cr] = rgb_to_ycbcr(sum.map(|s| (s / N) as u8));
    [cb, cr]
}

/// BT.601 full range.
fn rgb_to_ycbcr([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(i32::from);
    let byte = |v: i32| ((v + (1 << 15)) >> 16).clamp(0, 255) as u8;
    [
        byte(19_595 * r + 38_470 * g + 7_471 * b),
        byte(-11_059 * r - 21_709 * g + 32_768 * b + (128 << 16)),
        byte(32_768 * r - 27_439 * g - 5_329 * b + (128 << 16)),
    ]
}

/// BT.601 full range.
fn ycbcr_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 10, i32::from(cb) - 128, i32::from(cr) - 128);
    let byte = |v: i32| ((v + 512) >> 10).clamp(0, 255) as u8;
    [
        byte(y + 1436 * cr),
        byte(y - 352 * cb - 731 * cr),
        byte(y + 1815 * cb),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_number_of_bytes_is_refused_with_both_numbers() {
        let size = ImageSize::new(4, 2);
        let error = Frame::new(0, size, PixelFormat::Rgb8, vec![0; 23]).unwrap_err();
        assert!(error.to_string().contains("24") && error.to_string().contains("23"));
        assert!(Frame::new(0, ImageSize::new(0, 0), PixelFormat::Rgb8, vec![]).is_err());
    }

    #[test]
    fn a_smaller_picture_takes_every_so_many_pixels() {
        let size = ImageSize::new(7, 5);
        let bytes: Vec<u8> = (0..105).collect();
        let frame = Frame::new(0, size, PixelFormat::Rgb8, bytes).unwrap();
        for step in 1..=4 {
            let small = frame.to_rgb(step);
            assert_eq!(small.dimensions(), (7 / step, 5 / step));
            for (x, y, pixel) in small.enumerate_pixels() {
                assert_eq!(pixel.0, frame.rgb(x * step, y * step));
            }
        }
    }

    #[test]
    fn a_picture_laid_out_otherwise_shows_the_same() {
        let size = ImageSize::new(6, 4);
        // Pairs and squares of one colour, since chroma is shared.
        let colours = [
            [200, 30, 40],
            [20, 120, 60],
            [240, 240, 235],
            [10, 12, 90],
            [128, 128, 128],
        ];
        let bytes: Vec<u8> = (0..24)
            .flat_map(|i| colours[(i % 6 / 2 + 2 * (i / 12)) % 5])
            .collect();
        let frame = Frame::new(3, size, PixelFormat::Rgb8, bytes).unwrap();
        for format in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Rgb8] {
            let other = frame.in_format(format).unwrap();
            assert_eq!((other.sequence, other.format), (3, format));
            for (x, y) in (0..4).flat_map(|y| (0..6).map(move |x| (x, y))) {
                let (a, b) = (frame.rgb(x, y), other.rgb(x, y));
                assert!(
                    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 2),
                    "{format:?} {x},{y}: {a:?} {b:?}"
                );
            }
        }
        let odd = Frame::new(0, ImageSize::new(3, 3), PixelFormat::Rgb8, vec![9; 27]).unwrap();
        assert!(odd.in_format(PixelFormat::Yuyv).is_err() && odd.in_format(PixelFormat::Nv12).is_err());
    }

    #[test]
    fn the_three_formats_agree_on_a_grey_and_a_red_pixel() {
        let size = ImageSize::new(2, 2);
        let red_ycc = (76, 85, 255); // BT.601 full range of pure red
        let rgb = Frame::new(0, size, PixelFormat::Rgb8, [255, 0, 0].repeat(4)).unwrap();
        let (y, u, v) = red_ycc;
        let yuyv = Frame::new(0, size, PixelFormat::Yuyv, [y, u, y, v].repeat(2)).unwrap();
        let nv12 = Frame::new(0, size, PixelFormat::Nv12, vec![y, y, y, y, u, v]).unwrap();
        for frame in [rgb, yuyv, nv12] {
            let [r, g, b] = frame.rgb(1, 1);
            assert!(r >= 253 && g <= 2 && b <= 2, "{:?} {r} {g} {b}", frame.format);
            assert_eq!(frame.rgb(2, 0), [0; 3]);
        }
    }
}
