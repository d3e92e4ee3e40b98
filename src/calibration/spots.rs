//! Whether light still lands where it is meant: a few faint dots for half a second, between shots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dots;
use super::flow::{CalibrationFault, Cross, dot_px, is_clear};
use super::luminance::{Luminance, Mean};
use super::pattern::{Mark, Pattern};
use super::session::{Progress, Steps};
use super::{CameraModel, ProjectorModel};
use crate::table::TableSpec;
use crate::units::Vec2;
use crate::vision::frame::Frame;

/// What was seen of the dots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spots {
    /// Dots shown.
    pub shown: usize,
    /// Those that were seen: where each was meant, and where it was seen.
    pub seen: Vec<Cross>,
}

/// Fewest dots that say anything.
pub const FEWEST_DOTS: usize = 3;

impl Spots {
    /// How far from where it was meant light lands: the second worst dot, metres, as the worst may have fallen on a piece of
    /// chalk. `None` where too few are seen.
    #[must_use]
    pub fn off_m(&self) -> Option<f64> {
        let mut off: Vec<f64> = (self.seen.iter())
            .map(|spot| spot.meant_m.distance(spot.seen_m))
            .collect();
        off.sort_by(|a, b| b.total_cmp(a));
        off.get(1).copied().filter(|_| off.len() >= FEWEST_DOTS)
    }
}

/// Shows the dots and looks for them.
#[derive(Debug)]
pub struct SpotCheck {
    camera: CameraModel,
    projector: ProjectorModel,
    places: Vec<Vec2>,
    settles: Duration,
    stage: Stage,
    pattern: Arc<Pattern>,
    mean: Option<Mean>,
    dark: Option<Luminance>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dark,
    Faint,
    Bright,
}

/// Columns and rows of dots.
const ACROSS: u32 = 4;
const DOWN: u32 = 2;
/// Room to the noses, metres.
const EDGE_M: f64 = 0.15;
/// Radius of a dot, metres.
pub const RADIUS_M: f64 = 0.008;
/// Brightness of dots in a room that is not too bright for them, and in any other.
const FAINT: u8 = 140;
const BRIGHT: u8 = 255;
/// Frames that are averaged.
const FRAMES: u16 = 3;
/// Beyond the measured delay, to be sure.
const ROOM: Duration = Duration::from_millis(80);
/// Light is looked for so far from where it should land, metres.
const REACH_M: f64 = 0.06;

impl SpotCheck {
    /// Where dots can be shown on this table, with balls lying there.
    #[must_use]
    pub fn places(table: &TableSpec, projector: &ProjectorModel, balls: &[Vec2]) -> Vec<Vec2> {
        let half = Vec2::new(table.half_length_m(), table.half_width_m()) - EDGE_M;
        let at = |i: u32, of: u32| 2.0 * f64::from(i) / f64::from(of - 1) - 1.0;
        (0..ACROSS)
            .flat_map(|i| (0..DOWN).map(move |j| Vec2::new(at(i, ACROSS), at(j, DOWN))))
            .map(|share| half * share)
            .filter(|place| is_clear(*place, balls, REACH_M))
            .filter(|place| dot_px(projector, *place, RADIUS_M).is_some())
            .collect()
    }

    /// Dots at these places, with the projector's delay as it was measured.
    #[must_use]
    pub fn new(camera: CameraModel, projector: ProjectorModel, latency_s: f64, places: Vec<Vec2>) -> Self {
        Self {
            pattern: Arc::new(Pattern::dark(projector.size())),
            settles: Duration::from_secs_f64(latency_s.clamp(0.0, 2.0)) + ROOM,
            stage: Stage::Dark,
            mean: None,
            dark: None,
            camera,
            projector,
            places,
        }
    }

    fn enter(&mut self, stage: Stage) {
        let level = if stage == Stage::Faint { FAINT } else { BRIGHT };
        let marks = (self.places.iter())
            .filter_map(|place| dot_px(&self.projector, *place, RADIUS_M))
            .map(|(pixel, radius)| Mark::dot(pixel, radius, level));
        self.pattern = Arc::new(Pattern {
            size: self.projector.size(),
            marks: marks.collect(),
        });
        self.stage = stage;
    }

    fn spots(&self, gain: &Luminance) -> Spots {
        let seen = self.places.iter().filter_map(|place| {
            let expected = self.camera.project(place.extend(0.0))?;
            let px = |m: f64| {
                let beside = self.camera.project((*place + Vec2::new(m, 0.0)).extend(0.0))?;
                Some(beside.distance(expected))
            };
            let centre = dots::near(gain, expected, px(REACH_M)?, px(RADIUS_M)?)?;
            Some(Cross {
                meant_m: *place,
                seen_m: self.camera.on_plane(centre, 0.0)?,
            })
        });
        Spots {
            shown: self.places.len(),
            seen: seen.collect(),
        }
    }
}

impl Steps for SpotCheck {
    type Found = Spots;

    fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    fn progress(&self) -> Progress {
        Progress {
            share: if self.stage == Stage::Dark { 0.0 } else { 0.5 },
            words: "checking where light lands",
        }
    }

    fn look(&mut self, frame: &Frame, shown: Instant) -> Result<Option<Spots>, CalibrationFault> {
        if frame.captured < shown + self.settles {
            return Ok(None);
        }
        let mean = self.mean.get_or_insert_with(|| Mean::new(frame.size));
        if !mean.add(frame) {
            return Err(CalibrationFault::PictureChanged);
        }
        if mean.frames() < FRAMES {
            return Ok(None);
        }
        let picture = mean.luminance();
        self.mean = None;
        let Some(dark) = self.dark.as_ref().filter(|dark| dark.size == picture.size) else {
            self.dark = Some(picture);
            self.enter(Stage::Faint);
            return Ok(None);
        };
        let spots = self.spots(&picture.gain_over(dark));
        // In a bright room faint dots are lost.
        if self.stage == Stage::Faint && spots.seen.len() * 2 < spots.shown {
            self.enter(Stage::Bright);
            return Ok(None);
        }
        Ok(Some(spots))
    }
}
