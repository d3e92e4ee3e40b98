//! Whether what a camera delivers can be a picture of a table at all. A few hundred pixels tell.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::vision::frame::Frame;

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
/// So many equal pictures in a row are a frozen one, if they come over [`FROZEN_HOLDS`].
const FROZEN_AFTER: u32 = 10;
const FROZEN_HOLDS: Duration = Duration::from_millis(400);
/// A sensor that has repeated itself for moments only, more often than this of late, does so by nature: it smooths its
/// noise away over time, or is slower than it says. It must stand still for [`REPEATER_HOLDS`].
const REPEATER_RUNS: f64 = 5.0;
const REPEATER_HOLDS: Duration = Duration::from_secs(30);
/// What is left of that memory from picture to picture: it fades over half a minute.
const RUNS_KEPT: f64 = 0.999;
/// A bad picture must stay bad this long before it is told: a hand before the lens is none.
const HOLDS: Duration = Duration::from_millis(700);

/// Watches the pictures of one source.
#[derive(Debug, Default)]
pub struct PictureWatch {
    print: u64,
    last: Option<Arc<Vec<u8>>>,
    equal: u32,
    short_runs: f64,
    since: Option<(PictureFault, Instant)>,
    told: PictureFault,
}

impl PictureWatch {
    /// Looks at the next picture; true when it can be one of the table. `live`: it comes from a sensor, so that no
    /// two can be equal.
    pub fn look(&mut self, frame: &Frame, live: bool) -> bool {
        let seen = Glance::of(frame);
        // A few pixels may be equal by chance, and a still table's often are; all of them are not.
        let repeats = live
            && seen.print == self.print
            && self
                .last
                .as_ref()
                .is_some_and(|last| Arc::ptr_eq(last, &frame.pixels) || *last == frame.pixels);
        self.short_runs *= RUNS_KEPT;
        if !repeats && (1..FROZEN_AFTER).contains(&self.equal) {
            self.short_runs += 1.0;
        }
        self.equal = if repeats { self.equal.saturating_add(1) } else { 0 };
        (self.print, self.last) = (seen.print, Some(Arc::clone(&frame.pixels)));
        let now = match seen.fault() {
            PictureFault::None if self.equal > 0 => PictureFault::Frozen,
            fault => fault,
        };
        if self.since.is_none_or(|(fault, _)| fault != now) {
            self.since = Some((now, frame.captured));
        }
        let frozen_holds = if self.short_runs > REPEATER_RUNS {
            REPEATER_HOLDS
        } else {
            FROZEN_HOLDS
        };
        let (holds, enough) = match now {
            PictureFault::Frozen => (frozen_holds, self.equal >= FROZEN_AFTER),
            _ => (HOLDS, true),
        };
        let held = self.since.map_or(Duration::ZERO, |(_, at)| {
            frame.captured.saturating_duration_since(at)
        });
        self.told = if held >= holds && enough {
            now
        } else {
            PictureFault::None
        };
        // No balls on a covered lens would be a table that was cleared; a picture seen before says nothing wrong.
        matches!(now, PictureFault::None | PictureFault::Frozen) && self.told == PictureFault::None
    }

    /// What is wrong with the pictures, once that is sure.
    #[must_use]
    pub const fn told(&self) -> PictureFault {
        self.told
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
    use crate::units::ImageSize;
    use crate::virtual_table::{Options, SceneName, VirtualTable};
    use crate::vision::frame::PixelFormat;
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
            watch.look(&frame, true);
            last = watch.told();
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
}
