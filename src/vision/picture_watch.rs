//! Whether what a camera delivers can be a picture of a table at all. A few hundred pixels tell.

use std::time::{Duration, Instant};

use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};

/// What is wrong with the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum PictureFault {
    /// Nothing.
    #[default]
    None,
    /// The same picture again and again, which a sensor's noise makes impossible.
    Frozen,
    /// Nothing but dark: the lens is covered, or the light is off.
    Dark,
    /// Nothing but white: far too much light, or a camera that has lost its settings.
    White,
    /// Nothing but noise: a broken cable or camera.
    Noise,
}

impl PictureFault {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Frozen, Self::Dark, Self::White, Self::Noise];

    /// In words, and what to do.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::None => "pictures look like pictures",
            Self::Frozen => {
                "the camera gives the same picture again and again; unplug it and plug it in again"
            }
            Self::Dark => "the picture is dark; take the cover off the lens, or switch on the lamp",
            Self::White => "the picture is white; turn down exposure, or keep light out of the lens",
            Self::Noise => "the picture is noise; check the camera's cable",
        }
    }
}

/// Pixels looked at in each direction.
const ACROSS: u32 = 32;
const DOWN: u32 = 24;
/// So many equal pictures in a row are a frozen one, if they come over [`HOLDS`].
const FROZEN_AFTER: u32 = 15;
/// A bad picture must stay bad this long before it is told: a hand before the lens is none.
const HOLDS: Duration = Duration::from_millis(700);

/// Watches the pictures of one source.
#[derive(Debug, Default)]
pub struct PictureWatch {
    print: u64,
    equal: u32,
    since: Option<(PictureFault, Instant)>,
    shape: Option<(ImageSize, PixelFormat)>,
    other_shape: u32,
}

/// So many pictures of another size in a row are the camera's new size.
const NEW_SHAPE_AFTER: u32 = 30;

impl PictureWatch {
    /// Looks at the next picture. `live`: it comes from a sensor, so that no two can be equal.
    pub fn look(&mut self, frame: &Frame, live: bool) -> PictureFault {
        let seen = Glance::of(frame);
        self.equal = if live && seen.print == self.print {
            self.equal + 1
        } else {
            0
        };
        self.print = seen.print;
        let now = if self.equal > 0 {
            PictureFault::Frozen
        } else {
            seen.fault()
        };
        if self.since.is_none_or(|(fault, _)| fault != now) {
            self.since = Some((now, frame.captured));
        }
        let holds = self
            .since
            .is_some_and(|(_, at)| frame.captured.saturating_duration_since(at) >= HOLDS);
        let enough = now != PictureFault::Frozen || self.equal >= FROZEN_AFTER;
        if holds && enough { now } else { PictureFault::None }
    }

    /// True for a picture of the size and layout the source has had so far. One that stays another is taken for a
    /// new one.
    pub fn is_shape_known(&mut self, frame: &Frame) -> bool {
        let shape = (frame.size, frame.format);
        if self.shape.is_none_or(|known| known == shape) || self.other_shape >= NEW_SHAPE_AFTER {
            (self.shape, self.other_shape) = (Some(shape), 0);
            return true;
        }
        self.other_shape += 1;
        false
    }
}

/// What a few hundred pixels say.
struct Glance {
    print: u64,
    mean: f64,
    spread: f64,
    /// Mean difference of neighbours.
    rough: f64,
}

impl Glance {
    fn of(frame: &Frame) -> Self {
        let (w, h) = (frame.size.width, frame.size.height);
        let (mut print, mut sum, mut squares, mut rough) = (0xcbf2_9ce4_8422_2325u64, 0.0, 0.0, 0.0);
        let brightness = |x: u32, y: u32| {
            let [r, g, b] = frame.rgb(x, y).map(f64::from);
            0.299 * r + 0.587 * g + 0.114 * b
        };
        for (column, row) in (0..DOWN).flat_map(|row| (0..ACROSS).map(move |column| (column, row))) {
            let (x, y) = (
                (2 * column + 1) * w / (2 * ACROSS),
                (2 * row + 1) * h / (2 * DOWN),
            );
            let pixel = frame.rgb(x, y);
            // FNV-1a.
            for byte in pixel {
                print = (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            let value = brightness(x, y);
            sum += value;
            squares += value * value;
            rough += (brightness((x + 1).min(w.saturating_sub(1)), y) - value).abs();
        }
        let n = f64::from(ACROSS * DOWN);
        let mean = sum / n;
        Self {
            print,
            mean,
            spread: (squares / n - mean * mean).max(0.0).sqrt(),
            rough: rough / n,
        }
    }

    /// Limits: the darkest table that was measured has a mean of 30 of 255, its neighbours differ by 3; white noise
    /// has neighbours that differ by 1.1 times its spread.
    fn fault(&self) -> PictureFault {
        if self.mean < 14.0 && self.spread < 14.0 {
            PictureFault::Dark
        } else if self.mean > 245.0 && self.spread < 14.0 {
            PictureFault::White
        } else if self.rough > 20.0 && self.rough > 0.7 * self.spread {
            PictureFault::Noise
        } else {
            PictureFault::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_table::{Options, SceneName, VirtualTable};
    use crate::vision::source::FrameSource as _;

    fn painted(random: &mut fastrand::Rng, mut paint: impl FnMut(&mut fastrand::Rng) -> u8) -> Frame {
        let size = ImageSize::new(320, 200);
        let bytes = (0..size.pixels() * 3).map(|_| paint(random)).collect();
        Frame::new(0, size, PixelFormat::Rgb8, bytes).unwrap()
    }

    /// What is told of two seconds of such pictures.
    fn told(mut picture: impl FnMut() -> Frame) -> PictureFault {
        let (mut watch, start) = (PictureWatch::default(), Instant::now());
        let mut last = PictureFault::None;
        for i in 0..60 {
            let mut frame = picture();
            frame.captured = start + Duration::from_millis(33 * i);
            last = watch.look(&frame, true);
        }
        last
    }

    #[test]
    fn pictures_that_can_be_none_are_told() {
        let mut random = fastrand::Rng::with_seed(1);
        assert_eq!(told(|| painted(&mut random, |r| r.u8(0..9))), PictureFault::Dark);
        assert_eq!(
            told(|| painted(&mut random, |r| r.u8(250..))),
            PictureFault::White
        );
        assert_eq!(told(|| painted(&mut random, |r| r.u8(..))), PictureFault::Noise);
        let still = painted(&mut random, |r| r.u8(60..90));
        assert_eq!(told(|| still.clone()), PictureFault::Frozen);
    }

    #[test]
    fn a_table_at_rest_under_a_noisy_camera_is_a_picture() {
        for scene in [SceneName::Practice, SceneName::Snooker] {
            let mut table = VirtualTable::new(&Options::new(scene)).unwrap();
            let mut next = || loop {
                if let Some(frame) = table.next(Duration::from_secs(1)).unwrap() {
                    return frame;
                }
            };
            assert_eq!(told(&mut next), PictureFault::None, "{scene:?}");
        }
    }

    #[test]
    fn a_picture_of_another_size_is_left_out_until_it_stays() {
        let mut watch = PictureWatch::default();
        let frame = |w| {
            Frame::new(
                0,
                ImageSize::new(w, 8),
                PixelFormat::Rgb8,
                vec![0; w as usize * 24],
            )
            .unwrap()
        };
        assert!(watch.is_shape_known(&frame(16)));
        assert!(!watch.is_shape_known(&frame(8)) && watch.is_shape_known(&frame(16)));
        let new = (0..100).filter(|_| watch.is_shape_known(&frame(8))).count();
        assert!((60..80).contains(&new), "{new}");
    }
}
