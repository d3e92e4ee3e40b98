//! What a camera does to the light it gets: focus, white balance, drift, lamps that flicker under
//! a rolling shutter, sharpening, and the format the picture is delivered in.

use crate::calibration::CameraModel;
use crate::units::{ImageSize, Vec3};
use crate::vision::frame::{Frame, PixelFormat};

/// How the virtual camera makes a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Imaging {
    /// Share of its light a pixel loses to each neighbour, before noise: 0 is a lens in focus
    /// (0.6 px of blur are always there), 0.2 is about 0.8 px more.
    pub defocus: f64,
    /// Share each neighbour is weakened by, after noise: the halo of a camera's sharpening. 0..=0.12.
    pub sharpening: f64,
    /// White balance and exposure: what red, green and blue are multiplied by.
    pub gain: [f64; 3],
    /// Exponent on 0..1: below 1 lifts shadows, above 1 deepens them.
    pub gamma: f64,
    /// How far exposure and white balance wander within some seconds, as a share.
    pub drift: f64,
    /// How far the lamps' light swings at 100 Hz, as a share.
    pub flicker: f64,
    /// Time from the first to the last row of a picture, seconds; negative from bottom to top.
    /// The truth is that of each ball's own row.
    pub readout_s: f64,
    /// How the bytes arrive.
    pub delivery: Delivery,
}

/// How the bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As they are.
    Raw(PixelFormat),
    /// Through a JPEG of this quality (1..=100) with 4:2:0 chroma, decoded to RGB.
    Jpeg(u8),
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Raw(PixelFormat::Rgb8) => "rgb",
            Self::Raw(PixelFormat::Yuyv) => "yuyv",
            Self::Raw(PixelFormat::Nv12) => "nv12",
            Self::Jpeg(_) => "jpeg",
        })
    }
}

impl Default for Imaging {
    /// A camera that adds nothing.
    fn default() -> Self {
        Self {
            defocus: 0.0,
            sharpening: 0.0,
            gain: [1.0; 3],
            gamma: 1.0,
            drift: 0.0,
            flicker: 0.0,
            readout_s: 0.0,
            delivery: Delivery::Raw(PixelFormat::Rgb8),
        }
    }
}

impl Imaging {
    /// Cameras as they are sold and set, drawn at random.
    #[must_use]
    pub fn drawn(random: &mut fastrand::Rng) -> Self {
        let mut between = |low: f64, high: f64| low + (high - low) * random.f64();
        let exposure = between(0.75, 1.15);
        let (red, blue) = (between(0.92, 1.08), between(0.92, 1.08));
        let quality = between(60.0, 95.0) as u8;
        let mut imaging = Self {
            defocus: between(0.0, 0.16),
            sharpening: between(0.0, 0.09),
            gain: [exposure * red, exposure, exposure * blue],
            gamma: between(0.85, 1.2),
            drift: between(0.0, 0.05),
            flicker: 0.0,
            readout_s: between(0.008, 0.030),
            delivery: Delivery::Raw(PixelFormat::Rgb8),
        };
        if random.f64() < 0.3 {
            imaging.flicker = 0.02 + 0.06 * random.f64();
        }
        if random.bool() {
            imaging.readout_s = -imaging.readout_s;
        }
        imaging.delivery = match random.u8(0..4) {
            0 => Delivery::Raw(PixelFormat::Yuyv),
            1 => Delivery::Raw(PixelFormat::Nv12),
            _ => Delivery::Jpeg(quality),
        };
        imaging
    }

    /// What is wrong with the numbers, if anything.
    pub(super) fn check(&self, size: ImageSize) -> Result<(), &'static str> {
        let within = |v: f64, low: f64, high: f64| (low..=high).contains(&v);
        let even = size.width.is_multiple_of(2) && size.height.is_multiple_of(2);
        if !within(self.defocus, 0.0, 0.25) || !within(self.sharpening, 0.0, 0.12) {
            return Err("defocus is 0 to 0.25, sharpening 0 to 0.12");
        }
        if !self.gain.iter().all(|g| within(*g, 0.05, 4.0)) || !within(self.gamma, 0.3, 3.0) {
            return Err("gains are 0.05 to 4, gamma 0.3 to 3");
        }
        if !within(self.drift, 0.0, 0.5) || !within(self.flicker, 0.0, 0.5) {
            return Err("drift and flicker are 0 to 0.5");
        }
        if !within(self.readout_s.abs(), 0.0, 0.1) {
            return Err("the readout takes 0 to 0.1 s");
        }
        match self.delivery {
            Delivery::Jpeg(quality) if !(1..=100).contains(&quality) => Err("JPEG quality is 1 to 100"),
            Delivery::Raw(PixelFormat::Rgb8) => Ok(()),
            _ if !even => Err("this format needs an even width and height"),
            _ => Ok(()),
        }
    }

    /// How much later than the middle row a row is exposed, seconds. `share`: 0 the first row, 1 the last.
    fn lag_s(&self, share: f64) -> f64 {
        self.readout_s * (share.clamp(0.0, 1.0) - 0.5)
    }

    /// How much later than the middle row the rows that show this place are exposed, seconds.
    pub(super) fn row_s(&self, camera: &CameraModel, at: Vec3) -> f64 {
        if self.readout_s == 0.0 {
            return 0.0;
        }
        let height = f64::from(camera.lens.image.height);
        camera.project(at).map_or(0.0, |px| self.lag_s(px.y / height))
    }
}

/// Turns the clean picture into what this camera makes of it, frame by frame.
pub(super) struct Developer {
    imaging: Imaging,
    size: ImageSize,
    picture: Vec<u8>,
    above: Vec<u8>,
}

impl Developer {
    pub(super) fn new(imaging: Imaging, size: ImageSize) -> Self {
        Self {
            imaging,
            size,
            picture: Vec::new(),
            above: Vec::new(),
        }
    }

    /// What the sensor gets, before its noise; RGB like `clean`, `time_s` since the start.
    pub(super) fn light<'a>(&'a mut self, clean: &'a [u8], time_s: f64) -> &'a [u8] {
        let imaging = self.imaging;
        let even = imaging.gain == [1.0; 3] && imaging.gamma == 1.0;
        if even && imaging.drift == 0.0 && imaging.flicker == 0.0 && imaging.defocus == 0.0 {
            return clean;
        }
        self.picture.clear();
        self.picture.extend_from_slice(clean);
        // Two slow waves that never meet: exposure and the balance of red and blue.
        let wave = |period_s: f64| imaging.drift * (std::f64::consts::TAU * time_s / period_s).sin();
        let (all, tint) = (1.0 + wave(7.3), 0.5 * wave(11.9));
        let [r, g, b] = imaging.gain;
        let gains = [r * all * (1.0 + tint), g * all, b * all * (1.0 - tint)];
        let row_bytes = self.size.width as usize * 3;
        let rows = f64::from(self.size.height);
        let mut tables = [[0u8; 256]; 3];
        let mut swung = f64::NAN;
        for (y, row) in self.picture.chunks_mut(row_bytes.max(1)).enumerate() {
            let swing = if imaging.flicker > 0.0 {
                let at = time_s + imaging.lag_s(y as f64 / rows);
                // Steps of a five-hundredth: the tables are made anew only for those.
                let swing = imaging.flicker * (std::f64::consts::TAU * 100.0 * at).sin();
                (swing * 500.0).round() / 500.0
            } else {
                0.0
            };
            if swing != swung {
                swung = swing;
                for (table, gain) in tables.iter_mut().zip(gains) {
                    for (level, out) in table.iter_mut().enumerate() {
                        *out = toned(level as f64 / 255.0, gain * (1.0 + swing), imaging.gamma);
                    }
                }
            }
            for pixel in row.chunks_exact_mut(3) {
                for (byte, table) in pixel.iter_mut().zip(&tables) {
                    // A byte can't miss a table of 256.
                    *byte = table[usize::from(*byte)];
                }
            }
        }
        if imaging.defocus > 0.0 {
            spread(&mut self.picture, row_bytes, imaging.defocus, &mut self.above);
        }
        &self.picture
    }

    /// What leaves the camera: sharpened and in its format. `frame` is RGB.
    pub(super) fn deliver(&mut self, frame: Frame) -> Frame {
        if self.imaging.sharpening == 0.0 && self.imaging.delivery == Delivery::Raw(PixelFormat::Rgb8) {
            return frame;
        }
        let row_bytes = self.size.width as usize * 3;
        let mut bytes = frame.pixels.to_vec();
        if self.imaging.sharpening > 0.0 {
            spread(&mut bytes, row_bytes, -self.imaging.sharpening, &mut self.above);
        }
        let rgb = Frame {
            pixels: std::sync::Arc::new(bytes),
            ..frame
        };
        // `check` has seen to it that the size fits the format.
        match self.imaging.delivery {
            Delivery::Raw(format) => rgb.in_format(format).unwrap_or(rgb),
            Delivery::Jpeg(quality) => through_jpeg(rgb.in_format(PixelFormat::Nv12).unwrap_or(rgb), quality),
        }
    }
}

/// A level of 0..1 under more or less light: the gain acts on light, the camera's curve after it.
fn toned(level: f64, gain: f64, gamma: f64) -> u8 {
    // Near the top the camera's curve has rolled off already, so that white stays white.
    let lit = level * gain.powf(1.0 / 2.2);
    let rolled = if gain > 1.0 { lit.min(1.0) } else { lit };
    (255.0 * rolled.clamp(0.0, 1.0).powf(gamma)).round() as u8
}

/// Gives each pixel `share` of each of its four neighbours and takes as much of its own; a
/// negative share sharpens.
fn spread(bytes: &mut [u8], row_bytes: usize, share: f64, above: &mut Vec<u8>) {
    // 16 bits hold the product: shares are at most a quarter, differences of both sides 510.
    let side = (share * 256.0).round().clamp(-64.0, 64.0) as i16;
    let mix = |a: u8, b: u8, c: u8| {
        let [a, b, c] = [a, b, c].map(i16::from);
        let gain = (side * (a + c - 2 * b)).saturating_add(128) >> 8;
        (b + gain).clamp(0, 255) as u8
    };
    for row in bytes.chunks_mut(row_bytes.max(1)) {
        above.clear();
        above.extend_from_slice(row);
        let (before, here, after) = (above.iter(), above.iter().skip(3), above.iter().skip(6));
        for (out, ((a, b), c)) in row.iter_mut().skip(3).zip(before.zip(here).zip(after)) {
            *out = mix(*a, *b, *c);
        }
    }
    above.clear();
    above.extend_from_slice(bytes.get(..row_bytes).unwrap_or_default());
    let mut rest = bytes;
    while rest.len() > row_bytes {
        let (row, below) = rest.split_at_mut(row_bytes);
        for ((here, above), below) in row.iter_mut().zip(above.iter_mut()).zip(below.iter()) {
            let old = *here;
            *here = mix(*above, old, *below);
            *above = old;
        }
        rest = below;
    }
}

/// The picture after a JPEG of this quality. The encoder keeps chroma at full size, so its being
/// halved before is what makes it 4:2:0.
fn through_jpeg(halved: Frame, quality: u8) -> Frame {
    let picture = halved.to_rgb(1);
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    let decoded = picture
        .write_with_encoder(encoder)
        .ok()
        .and_then(|()| image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).ok())
        .map_or(picture, |decoded| decoded.to_rgb8());
    Frame {
        format: PixelFormat::Rgb8,
        pixels: std::sync::Arc::new(decoded.into_raw()),
        ..halved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Vec2;
    use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
    use crate::vision::source::FrameSource as _;

    #[test]
    fn a_camera_that_cannot_be_is_refused() {
        let good = Imaging::default();
        let even = ImageSize::new(640, 360);
        assert_eq!(good.check(even), Ok(()));
        assert_eq!(good.check(ImageSize::new(641, 361)), Ok(()));
        for bad in [
            Imaging {
                defocus: f64::NAN,
                ..good
            },
            Imaging {
                sharpening: 0.2,
                ..good
            },
            Imaging {
                gain: [1.0, 0.0, 1.0],
                ..good
            },
            Imaging { gamma: 0.0, ..good },
            Imaging { drift: -0.1, ..good },
            Imaging {
                readout_s: 1.0,
                ..good
            },
            Imaging {
                delivery: Delivery::Jpeg(0),
                ..good
            },
        ] {
            assert!(bad.check(even).is_err(), "{bad:?}");
        }
        let yuyv = Imaging {
            delivery: Delivery::Raw(PixelFormat::Yuyv),
            ..good
        };
        assert!(yuyv.check(ImageSize::new(641, 360)).is_err());
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..200 {
            assert_eq!(Imaging::drawn(&mut random).check(even), Ok(()));
        }
    }

    #[test]
    fn spreading_softens_an_edge_sharpening_overshoots_and_even_light_stays() {
        let row: Vec<u8> = (0..8).flat_map(|x| [if x < 4 { 50 } else { 150 }; 3]).collect();
        let (mut soft, mut sharp) = (row.repeat(3), row.repeat(3));
        spread(&mut soft, 24, 0.2, &mut Vec::new());
        spread(&mut sharp, 24, -0.1, &mut Vec::new());
        let at = |bytes: &[u8], x: usize| bytes[24 + 3 * x + 1];
        assert_eq!([2, 3, 4, 5].map(|x| at(&soft, x)), [50, 70, 130, 150]);
        assert_eq!([2, 3, 4, 5].map(|x| at(&sharp, x)), [50, 40, 160, 150]);
    }

    #[test]
    fn a_ball_is_seen_where_it_is_while_its_rows_are_exposed() {
        for readout_s in [0.03, -0.03] {
            let options = Options {
                pace: Pace::Fast,
                size: ImageSize::new(640, 360),
                imaging: Imaging {
                    readout_s,
                    ..Imaging::default()
                },
                ..Options::new(SceneName::Practice)
            };
            let mut table = VirtualTable::new(&options).unwrap();
            let radius = options.table.ball.radius_m;
            let mut tested = 0;
            for _ in 0..400 {
                table.skip(1);
                let (clock, moment, truth) =
                    (table.play.truth(), table.moment_by_rows(), table.truth_by_rows());
                for (now, seen) in clock.balls.iter().zip(&truth.balls) {
                    let far = now.position_m.y / options.table.half_width_m();
                    assert!(seen.row_s.abs() <= 0.5 * 0.03);
                    // Rows go from the top of the picture, where y is positive.
                    if far.abs() > 0.5 {
                        assert_eq!(seen.row_s > 0.0, (far < 0.0) == (readout_s > 0.0));
                    }
                    let way = now.velocity_m_s * seen.row_s;
                    let turned = (seen.velocity_m_s - now.velocity_m_s).length() > 0.1;
                    if !turned && now.velocity_m_s != Vec2::ZERO {
                        assert!((seen.position_m - now.position_m - way).length() < 1e-3);
                        tested += 1;
                    }
                    let drawn = moment.balls.iter().any(|b| {
                        b.kind == seen.kind && b.centre_m.truncate().distance(seen.position_m) < 1e-9
                    });
                    assert!(drawn, "{seen:?}");
                }
                // Where they are seen they are on the table and apart, fast as they may be.
                for (i, a) in truth.balls.iter().enumerate() {
                    let half = Vec2::new(options.table.half_length_m(), options.table.half_width_m());
                    assert!((a.position_m.abs() - half).max_element() < 0.12, "{a:?}");
                    for b in &truth.balls[..i] {
                        let near = a.position_m.distance(b.position_m) - 2.0 * radius;
                        assert!(near > -0.025, "{a:?} {b:?}");
                    }
                }
            }
            assert!(tested > 100, "{tested}");
        }
    }

    #[test]
    fn every_delivery_shows_the_same_table() {
        let shot = |imaging: Imaging| {
            let options = Options {
                size: ImageSize::new(640, 360),
                pace: Pace::Fast,
                imaging,
                ..Options::new(SceneName::Grid)
            };
            let mut table = VirtualTable::new(&options).unwrap();
            table.next(std::time::Duration::ZERO).unwrap().unwrap()
        };
        let plain = shot(Imaging::default());
        for delivery in [
            Delivery::Raw(PixelFormat::Yuyv),
            Delivery::Raw(PixelFormat::Nv12),
            Delivery::Jpeg(80),
        ] {
            let other = shot(Imaging {
                delivery,
                ..Imaging::default()
            });
            let right = match delivery {
                Delivery::Raw(format) => format,
                Delivery::Jpeg(_) => PixelFormat::Rgb8,
            };
            assert_eq!(other.format, right);
            let (mut off, mut n) = (0.0, 0.0);
            for (x, y) in (0..360)
                .step_by(7)
                .flat_map(|y| (0..640).step_by(7).map(move |x| (x, y)))
            {
                for (a, b) in plain.rgb(x, y).iter().zip(other.rgb(x, y)) {
                    off += f64::from(a.abs_diff(b));
                    n += 1.0;
                }
            }
            assert!(off / n < 5.0, "{delivery}: {}", off / n);
        }
        // Half the light is darker by what the camera's curve makes of it.
        let dim = shot(Imaging {
            gain: [0.5; 3],
            ..Imaging::default()
        });
        let (a, b) = (plain.rgb(320, 120), dim.rgb(320, 120));
        assert!(
            a.iter()
                .zip(b)
                .all(|(a, b)| b < *a && f64::from(b) > 0.6 * f64::from(*a)),
            "{a:?} {b:?}"
        );
    }
}
