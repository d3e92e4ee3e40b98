//! Whether a source still gives what it should, and when to open it again. Pure: told what came, it says what to do.

use std::time::{Duration, Instant};

use super::Patience;
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::picture_watch::{PictureFault, PictureWatch};

/// So many pictures in a row that lack bytes, or are of another size or layout than before, are no accident.
const ODD_IN_A_ROW: u32 = 8;
/// After opening, so many pictures of another size than before are enough: a source that was opened again may
/// well give another.
const NEW_SHAPE_AFTER: u32 = 3;
/// Noise or one and the same picture for so long: opening the source again may help.
const HOPELESS_AFTER: Duration = Duration::from_secs(1);
/// If it did not, it is tried again after twice this time, and so on up to [`RETRY_MAX`]: opening takes a second
/// or two with many cameras.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// What to do with a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look at it.
    Use,
    /// It can't be one of the table; leave it out.
    LeaveOut,
    /// Open the source again, for this reason.
    Reopen(String),
}

/// Watches one source over all its openings.
#[derive(Debug)]
pub struct SourceWatch {
    pictures: PictureWatch,
    shape: Option<(ImageSize, PixelFormat)>,
    odd: u32,
    /// No picture of the known shape has come since it was opened.
    just_opened: bool,
    heard: Instant,
    hopeless_since: Option<Instant>,
    retry: Duration,
}

impl SourceWatch {
    /// Watches a source that is opened now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            pictures: PictureWatch::default(),
            shape: None,
            odd: 0,
            just_opened: true,
            heard: now,
            hopeless_since: None,
            retry: RETRY_MIN,
        }
    }

    /// The source was opened, again perhaps.
    pub fn opened(&mut self, now: Instant) {
        (self.just_opened, self.odd, self.heard) = (true, 0, now);
        self.hopeless_since = self.hopeless_since.map(|_| now);
    }

    /// Nothing was expected until now: it was paused.
    pub const fn rested(&mut self, now: Instant) {
        self.heard = now;
    }

    /// What is wrong with the pictures, once that is sure.
    #[must_use]
    pub const fn fault(&self) -> PictureFault {
        self.pictures.told()
    }

    /// A picture has come. `live`: from a sensor, so that no two can be equal.
    pub fn picture(&mut self, frame: &Frame, live: bool, now: Instant) -> Verdict {
        self.heard = now;
        let whole = frame.format.byte_len(frame.size);
        if frame.pixels.len() != whole || whole == 0 {
            let (got, size) = (frame.pixels.len(), frame.size);
            return self.strange(|| {
                format!(
                    "gives damaged pictures ({got} of {whole} bytes, {}×{})",
                    size.width, size.height
                )
            });
        }
        let shape = (frame.size, frame.format);
        if let Some(known) = self.shape.filter(|known| *known != shape) {
            if !self.just_opened || self.odd + 1 < NEW_SHAPE_AFTER {
                let words = |(size, format): (ImageSize, PixelFormat)| {
                    format!("{}×{} {format:?}", size.width, size.height)
                };
                return self
                    .strange(|| format!("gives pictures of {} instead of {}", words(shape), words(known)));
            }
            // Another camera, or another setting: what was seen before says nothing about it.
            self.pictures = PictureWatch::default();
        }
        (self.shape, self.odd, self.just_opened) = (Some(shape), 0, false);
        let usable = self.pictures.look(frame, live);
        let fault = self.pictures.told();
        if !matches!(fault, PictureFault::Frozen | PictureFault::Noise) {
            if usable {
                (self.hopeless_since, self.retry) = (None, RETRY_MIN);
            }
            return if usable { Verdict::Use } else { Verdict::LeaveOut };
        }
        let since = *self.hopeless_since.get_or_insert(now);
        let wait = if self.retry == RETRY_MIN {
            HOPELESS_AFTER
        } else {
            self.retry
        };
        if now.saturating_duration_since(since) < wait {
            return Verdict::LeaveOut;
        }
        self.retry = (self.retry * 2).min(RETRY_MAX);
        Verdict::Reopen(fault.words().to_owned())
    }

    /// No picture has come for a while; the reason to open the source again once that is too long.
    #[must_use]
    pub fn silence(&self, patience: Patience, now: Instant) -> Option<String> {
        let limit = if self.just_opened {
            patience.first
        } else {
            patience.next
        };
        let silence = now.saturating_duration_since(self.heard);
        (silence > limit).then(|| format!("no picture for {:.1} s", silence.as_secs_f64()))
    }

    fn strange(&mut self, reason: impl FnOnce() -> String) -> Verdict {
        self.odd += 1;
        if self.odd >= ODD_IN_A_ROW {
            self.odd = 0;
            return Verdict::Reopen(reason());
        }
        Verdict::LeaveOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const PERIOD: Duration = Duration::from_millis(33);

    /// A table of noise over a slope, so that it is neither dark nor even.
    fn picture(width: u32, seed: u64, at: Instant) -> Frame {
        let mut random = fastrand::Rng::with_seed(seed);
        let size = ImageSize::new(width, 48);
        let bytes = (0..size.pixels() * 3)
            .map(|i| (40 + i * 120 / (size.pixels() * 3)) as u8 + random.u8(0..4))
            .collect();
        let frame = Frame::new(seed, size, PixelFormat::Rgb8, bytes).unwrap();
        Frame {
            captured: at,
            ..frame
        }
    }

    #[test]
    fn damaged_and_odd_pictures_are_left_out_and_many_in_a_row_reopen() {
        let mut now = Instant::now();
        let mut watch = SourceWatch::new(now);
        let mut see = |frame: Frame, watch: &mut SourceWatch| {
            now += PERIOD;
            watch.picture(&frame, true, now)
        };
        let at = Instant::now();
        assert_eq!(see(picture(64, 0, at), &mut watch), Verdict::Use);
        // Every second one is of another size: the others go on.
        for i in 0..40 {
            assert_eq!(see(picture(32, i, at), &mut watch), Verdict::LeaveOut);
            assert_eq!(see(picture(64, i + 1, at), &mut watch), Verdict::Use);
        }
        let cut = |seed| {
            let frame = picture(64, seed, at);
            Frame {
                pixels: Arc::new(frame.pixels[..100].to_vec()),
                ..frame
            }
        };
        for i in 1..ODD_IN_A_ROW {
            assert_eq!(see(cut(u64::from(i)), &mut watch), Verdict::LeaveOut);
        }
        let Verdict::Reopen(why) = see(cut(99), &mut watch) else {
            panic!("not opened again")
        };
        assert!(why.contains("100 of 9216 bytes"), "{why}");
        // A source that gives another size for good is opened again, and then taken as it is.
        for i in 1..ODD_IN_A_ROW {
            assert_eq!(see(picture(32, u64::from(i), at), &mut watch), Verdict::LeaveOut);
        }
        let Verdict::Reopen(why) = see(picture(32, 50, at), &mut watch) else {
            panic!("not opened again")
        };
        assert!(why.contains("32×48") && why.contains("64×48"), "{why}");
        watch.opened(Instant::now());
        let verdicts = [51, 52, 53, 54].map(|seed| see(picture(32, seed, at), &mut watch));
        assert_eq!(
            verdicts,
            [Verdict::LeaveOut, Verdict::LeaveOut, Verdict::Use, Verdict::Use]
        );
    }

    #[test]
    fn a_frozen_picture_is_told_and_opened_again_ever_more_rarely() {
        let mut now = Instant::now();
        let mut watch = SourceWatch::new(now);
        let still = picture(64, 7, now);
        let mut reopened = Vec::new();
        for i in 0..2000_u32 {
            now += PERIOD;
            let frame = Frame {
                captured: now,
                ..still.clone()
            };
            match watch.picture(&frame, true, now) {
                Verdict::Reopen(why) => {
                    assert!(why.contains("same picture"), "{why}");
                    reopened.push(i);
                    watch.opened(now);
                }
                Verdict::Use => assert!(i < 15, "{i}"),
                Verdict::LeaveOut => assert_eq!(watch.fault(), PictureFault::Frozen),
            }
        }
        let gaps: Vec<u32> = reopened.windows(2).map(|w| (w[1] - w[0]) / 30).collect();
        assert!(
            reopened[0] < 50 && gaps.starts_with(&[2, 4, 8, 16]),
            "{reopened:?} {gaps:?}"
        );
        // It moves again: all is well at once.
        now += PERIOD;
        assert_eq!(watch.picture(&picture(64, 8, now), true, now), Verdict::Use);
        assert_eq!(watch.fault(), PictureFault::None);
    }

    #[test]
    fn a_sensor_that_often_repeats_itself_is_not_frozen() {
        let mut now = Instant::now();
        let mut watch = SourceWatch::new(now);
        // Runs of equal pictures of all lengths, as of a camera that smooths noise away over time.
        let mut random = fastrand::Rng::with_seed(3);
        let mut seed = 0;
        for _ in 0..200 {
            seed += 1;
            for _ in 0..random.u32(1..9) {
                now += PERIOD;
                assert_eq!(watch.picture(&picture(64, seed, now), true, now), Verdict::Use);
            }
        }
        for _ in 0..90 {
            now += PERIOD;
            assert_eq!(watch.picture(&picture(64, seed, now), true, now), Verdict::Use);
        }
        // Not of a sensor at all: never.
        let mut film = SourceWatch::new(now);
        for _ in 0..900 {
            now += PERIOD;
            assert_eq!(film.picture(&picture(64, 1, now), false, now), Verdict::Use);
        }
    }

    #[test]
    fn silence_is_told_after_the_first_picture_sooner_than_before_it() {
        let start = Instant::now();
        let mut watch = SourceWatch::new(start);
        let patience = Patience::default();
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(watch.silence(patience, after(3900)), None);
        assert!(watch.silence(patience, after(4100)).is_some());
        watch.picture(&picture(64, 1, start), true, after(4100));
        assert_eq!(watch.silence(patience, after(4500)), None);
        assert!(watch.silence(patience, after(4700)).unwrap().contains("0.6 s"));
        watch.rested(after(9000));
        assert_eq!(watch.silence(patience, after(9400)), None);
    }
}
