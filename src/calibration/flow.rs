//! The way from an unknown camera and an unknown projector to lines that land: what to show, what to
//! make of the frames, when to give up. No board, no markers: the noses tell where the camera is,
//! dots of light what the projector does.
//!
//! Whoever drives it shows [`Flow::pattern`] and hands in every frame; see [`Flow::look`].

mod faults;
mod marks;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use faults::CalibrationFault;
use marks::{Coded, Crosses, Grid};
pub(super) use marks::{dot_px, is_clear};

use super::fit::{self, Dot, Fitted, Known, Seen};
use super::look::Look;
use super::luminance::{Brightness as _, Luminance, Mean};
use super::markers::{self, Marker};
use super::noses::{self, NosePoint};
use super::pattern::Pattern;
use super::projector::ProjectorModel;
use super::session::{Progress, Steps};
use super::sights::{self, Sight};
use super::{CameraModel, Homography, Lens, Pose, Projection, dots};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2, Vec3};
use crate::vision::analyse::Analyser;
use crate::vision::frame::Frame;
use crate::vision::observation::TableSeen;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The camera.
    pub camera: CameraModel,
    /// The projector.
    pub projector: ProjectorModel,
    /// Distance of the noses from where the camera puts them, root mean square, pixels of the camera.
    pub noses_px: f64,
    /// The same of the dots.
    pub dots_px: f64,
    /// Dots it rests on.
    pub dots: usize,
    /// From showing a picture to the first frame that was taken of it, seconds.
    pub latency_s: f64,
    /// Share of the bed the projector reaches, 0..1.
    pub reach: f64,
    /// Light of full white on the cloth, as a multiple of the room's there.
    pub white_gain: f64,
    /// How the camera sees the table.
    pub sight: Option<Look>,
    /// How well light lands.
    pub landing: Landing,
}

/// How far from where it was meant light falls on the cloth.
#[derive(Clone, Debug, PartialEq)]
pub struct Landing {
    /// Crosses that were not used for the fit, and what was measured of them.
    pub crosses: Vec<Cross>,
    /// Root mean square over the crosses, metres.
    pub rms_m: f64,
    /// The worst all over the bed, nearly certainly: the worst cross and what is not known between them, metres.
    pub max_m: f64,
    /// How well the table itself is known, metres: light and sight are off together by this (one σ, at the worst
    /// place), as cushions' edges and the camera's height are not known better.
    pub table_sigma_m: f64,
}

/// One cross on the cloth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cross {
    /// Where it was meant, metres.
    pub meant_m: Vec2,
    /// Where it was seen.
    pub seen_m: Vec2,
}

/// What is to be calibrated, and how well.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The table.
    pub table: TableSpec,
    /// Size of the projector's picture.
    pub projector: ImageSize,
    /// Height of the camera's lens above the cloth, where somebody has measured it, metres: a camera that looks
    /// straight down can't tell its height from its zoom, and the noses are higher than the cloth.
    pub camera_height_m: Option<f64>,
    /// The camera's lens, where a board has shown it (`calibrate camera`).
    pub lens: Option<Lens>,
    /// Round stickers whose places somebody has measured, metres.
    pub markers: Vec<Vec3>,
    /// Worse landings than this are refused, metres.
    pub limit_m: f64,
    /// So is a table that is known less well than this (one σ), metres.
    pub table_limit_m: f64,
}

/// What a table that stands still, its camera and its projector go through.
#[derive(Debug)]
pub struct Flow {
    plan: Plan,
    stage: Stage,
    pattern: Arc<Pattern>,
    /// Frames of the pattern taken so far.
    mean: Option<Mean>,
    /// The first of them, where nothing may move meanwhile.
    first: Option<Luminance>,
    /// When this stage began, by the frames' clock.
    since: Option<Instant>,
    dark: Option<Luminance>,
    noses: Vec<NosePoint>,
    sights: Vec<Sight>,
    markers: Vec<Marker>,
    rig: Option<Fitted>,
    /// Places of balls on the table: light on them or behind them says nothing.
    balls: Vec<Vec2>,
    latencies_s: Vec<f64>,
    coded: Coded,
    grid: Grid,
    reach: f64,
    dots: usize,
    white_gain: f64,
    found: Option<Calibration>,
    period: Option<Duration>,
    last_captured: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The table without the projector's light.
    Dark,
    /// Light goes on: how long until it is seen.
    Flash(usize),
    /// And off again.
    Off(usize),
    /// All coded dots.
    AllDots,
    /// Those whose number has this bit, then those that do not.
    Bit(u32, bool),
    /// Dots on a grid of the table.
    Grid,
    /// Crosses that are not used for the fit.
    Crosses,
    /// The table without light again: nothing was to move since.
    DarkAgain,
}

/// Light is waited for this long before it is said to be missing.
const NO_LIGHT_AFTER: Duration = Duration::from_secs(3);
/// A table is waited for this long to lie still.
const STILL_WITHIN: Duration = Duration::from_secs(12);
/// Before the delay of the projector is known, a new picture is waited for this long.
const SETTLES: Duration = Duration::from_millis(500);
/// More than this of the bed must be within the projector's reach.
const LEAST_REACH: f64 = 0.5;
/// Times the light is switched on to measure its delay.
const FLASHES: usize = 3;

/// Frames that are averaged.
mod frames {
    pub(super) const DARK: u16 = 8;
    pub(super) const DOTS: u16 = 6;
    pub(super) const BIT: u16 = 2;
    pub(super) const CROSSES: u16 = 8;
}

impl Steps for Flow {
    type Found = Calibration;

    fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    fn progress(&self) -> Progress {
        let (share, words) = match self.stage {
            Stage::Dark => (0.05, "looking at the table"),
            Stage::Flash(_) | Stage::Off(_) => (0.2, "measuring the projector's delay"),
            Stage::AllDots => (0.3, "counting dots of light"),
            Stage::Bit(bit, _) => (
                0.35 + 0.4 * f64::from(bit) / f64::from(self.coded.bits()),
                "telling dots apart",
            ),
            Stage::Grid => (0.8, "measuring dots on the table"),
            Stage::Crosses => (0.9, "checking where lines land"),
            Stage::DarkAgain => (0.97, "making sure nothing moved"),
        };
        Progress { share, words }
    }

    fn look(&mut self, frame: &Frame, shown: Instant) -> Result<Option<Calibration>, CalibrationFault> {
        let now = frame.captured;
        if let Some(last) = self.last_captured.replace(now)
            && let Some(between) = now.checked_duration_since(last)
        {
            self.period = Some(self.period.map_or(between, |p| (p * 3 + between) / 4));
        }
        let since = *self.since.get_or_insert(now);
        if let Stage::Flash(round) = self.stage {
            return self.flash(frame, shown, since, round).map(|()| None);
        }
        if now < shown + self.settles() {
            return Ok(None);
        }
        let wanted = match self.stage {
            Stage::Dark | Stage::DarkAgain => frames::DARK,
            Stage::AllDots | Stage::Grid => frames::DOTS,
            Stage::Crosses => frames::CROSSES,
            Stage::Bit(..) => frames::BIT,
            Stage::Off(_) | Stage::Flash(_) => 1,
        };
        if matches!(self.stage, Stage::Dark | Stage::DarkAgain) && !self.is_still(frame)? {
            if now > since + STILL_WITHIN {
                return Err(CalibrationFault::Moving);
            }
            return Ok(None);
        }
        let mean = self.mean.get_or_insert_with(|| Mean::new(frame.size));
        if !mean.add(frame) {
            return Err(CalibrationFault::PictureChanged);
        }
        if mean.frames() < wanted {
            return Ok(None);
        }
        let picture = mean.luminance();
        self.mean = None;
        self.take(picture, frame)
    }
}

impl Flow {
    /// The start.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let coded = Coded::over(plan.projector);
        Self {
            pattern: Arc::new(Pattern::dark(plan.projector)),
            stage: Stage::Dark,
            mean: None,
            first: None,
            since: None,
            dark: None,
            noses: Vec::new(),
            sights: Vec::new(),
            markers: Vec::new(),
            rig: None,
            balls: Vec::new(),
            latencies_s: Vec::new(),
            coded,
            grid: Grid::default(),
            reach: 0.0,
            dots: 0,
            white_gain: 0.0,
            found: None,
            period: None,
            last_captured: None,
            plan,
        }
    }

    /// A picture of the present stage is complete.
    fn take(&mut self, picture: Luminance, frame: &Frame) -> Result<Option<Calibration>, CalibrationFault> {
        match self.stage {
            Stage::Dark => {
                self.rig = Some(self.find_camera(&picture, frame)?);
                self.dark = Some(picture);
                self.enter(Stage::Flash(0), self.coded.all());
            }
            Stage::Flash(_) => {}
            Stage::Off(round) if round + 1 < FLASHES => self.enter(Stage::Flash(round + 1), self.coded.all()),
            Stage::Off(_) => self.enter(Stage::AllDots, self.coded.all()),
            Stage::AllDots => {
                self.coded.find(&self.gain(&picture)?);
                if self.coded.seen() < FEWEST_DOTS {
                    return Err(CalibrationFault::FewDots {
                        seen: self.coded.seen(),
                    });
                }
                self.enter(Stage::Bit(0, true), self.coded.with_bit(0, true));
            }
            Stage::Bit(bit, on) => {
                self.coded.read(bit, on, &self.gain(&picture)?);
                let next = if on { (bit, false) } else { (bit + 1, true) };
                if next.0 < self.coded.bits() {
                    self.enter(Stage::Bit(next.0, next.1), self.coded.with_bit(next.0, next.1));
                } else {
                    self.find_projector()?;
                    let pattern = self.grid.pattern(self.plan.projector);
                    self.enter(Stage::Grid, pattern);
                }
            }
            Stage::Grid => {
                self.refine(&picture)?;
                let crosses = Crosses::of(&self.plan.table, self.projector()?, &self.balls);
                self.enter(Stage::Crosses, crosses.pattern(self.plan.projector));
            }
            Stage::Crosses => {
                let found = self.verify(&self.gain(&picture)?)?;
                if found.landing.max_m > self.plan.limit_m {
                    return Err(CalibrationFault::TooCoarse {
                        max_m: found.landing.max_m,
                        limit_m: self.plan.limit_m,
                    });
                }
                if found.landing.table_sigma_m > self.plan.table_limit_m {
                    return Err(CalibrationFault::TableUnclear {
                        sigma_m: found.landing.table_sigma_m,
                        limit_m: self.plan.table_limit_m,
                    });
                }
                self.found = Some(found);
                self.enter(Stage::DarkAgain, Pattern::dark(self.plan.projector));
            }
            Stage::DarkAgain => {
                if self.dark.as_ref().is_some_and(|first| has_moved(first, &picture))
                    || self.noses_moved(&picture)
                {
                    return Err(CalibrationFault::Moved);
                }
                let (camera, table) = (self.rig()?.camera, &self.plan.table);
                let sight = Look::of(&picture, &camera, table);
                return Ok(self.found.take().map(|found| Calibration { sight, ..found }));
            }
        }
        Ok(None)
    }

    fn enter(&mut self, stage: Stage, pattern: Pattern) {
        self.stage = stage;
        self.pattern = Arc::new(pattern);
        self.since = None;
        self.mean = None;
        self.first = None;
    }

    /// True where nothing has moved since the first frame of this stage; else this one is the first.
    fn is_still(&mut self, frame: &Frame) -> Result<bool, CalibrationFault> {
        let mut one = Mean::new(frame.size);
        one.add(frame);
        let now = one.luminance();
        match &self.first {
            Some(first) if first.size != now.size => Err(CalibrationFault::PictureChanged),
            Some(first) if !has_moved(first, &now) => Ok(true),
            earlier => {
                let begins = earlier.is_none();
                self.mean = None;
                self.first = Some(now);
                Ok(begins)
            }
        }
    }

    /// How long a new picture of the projector takes to be in the frames, with some room.
    fn settles(&self) -> Duration {
        let slowest = self.latencies_s.iter().copied().fold(0.0, f64::max);
        if slowest > 0.0 {
            Duration::from_secs_f64(slowest) + self.period.unwrap_or_default()
        } else {
            SETTLES
        }
    }

    /// Waits for the light that has been switched on.
    fn flash(
        &mut self,
        frame: &Frame,
        shown: Instant,
        since: Instant,
        round: usize,
    ) -> Result<(), CalibrationFault> {
        let mut one = Mean::new(frame.size);
        if !one.add(frame) {
            return Err(CalibrationFault::PictureChanged);
        }
        let after = frame.captured.saturating_duration_since(shown);
        if dots::patches(&self.gain(&one.luminance())?).len() >= FEWEST_DOTS {
            self.latencies_s.push(after.as_secs_f64());
            self.enter(Stage::Off(round), Pattern::dark(self.plan.projector));
        } else if frame.captured > since + NO_LIGHT_AFTER {
            return Err(CalibrationFault::NoLight);
        }
        Ok(())
    }

    /// The light that came to the dark table.
    fn gain(&self, picture: &Luminance) -> Result<Luminance, CalibrationFault> {
        let dark = self.dark.as_ref().filter(|dark| dark.size == picture.size);
        let dark = dark.ok_or(CalibrationFault::PictureChanged)?;
        Ok(picture.gain_over(dark))
    }

    /// The camera, from the noses of the dark table.
    fn find_camera(&mut self, dark: &Luminance, frame: &Frame) -> Result<Fitted, CalibrationFault> {
        let plain = Frame {
            camera: None,
            light: None,
            truth: None,
            ..frame.clone()
        };
        let seen = Analyser::new(Some(self.plan.table.clone())).analyse(&plain);
        let warnings = seen.warnings;
        let Some(seen) = seen.table else {
            let why = warnings.into_iter().next().unwrap_or_default();
            return Err(CalibrationFault::NoTable(why));
        };
        // The finder knows no distortion: from each of a few usual ones the noses are sought anew. The lens that shows most
        // of them is kept, and of those that show as many the likeliest.
        let lenses = match self.plan.lens {
            Some(lens) => vec![lens.scaled_to(dark.size).ok_or(CalibrationFault::OtherLens {
                image: lens.image,
                now: dark.size,
            })?],
            None => usual_lenses(dark.size),
        };
        let tries = lenses.into_iter().flat_map(|lens| {
            let start = start_from(&seen, lens, &self.plan);
            FIRST_REACHES_PX.map(|reach_px| self.follow_noses(dark, start.as_ref()?, reach_px))
        });
        let best = (tries.flatten())
            .filter(|(rig, _)| is_likely(rig))
            .max_by(|(a, seen), (b, more)| (seen.len().cmp(&more.len())).then(b.cost.total_cmp(&a.cost)));
        let (rig, noses) = best.ok_or(CalibrationFault::NosesUnclear)?;
        self.noses = noses;
        self.sights = sights::measure(dark, &rig.camera, &self.plan.table);
        self.markers = markers::measure(dark, &rig.camera, &self.plan.markers)?;
        let rig = self.fit_camera(&rig.camera).filter(is_likely);
        let rig = rig.ok_or(CalibrationFault::NosesUnclear)?;
        let known = Frame {
            camera: Some(Arc::new(rig.camera)),
            ..plain
        };
        let seen = Analyser::new(Some(self.plan.table.clone())).analyse(&known);
        self.balls = seen.balls.iter().filter_map(|ball| ball.position_m).collect();
        Ok(rig)
    }

    /// The camera near this one that sees the noses where they are, and the noses; sought first within `reach_px` of a
    /// picture 1920 wide.
    fn follow_noses(
        &self,
        dark: &Luminance,
        near: &CameraModel,
        reach_px: f64,
    ) -> Option<(Fitted, Vec<NosePoint>)> {
        let scale = f64::from(dark.size.width) / 1920.0;
        let (mut camera, mut found) = (*near, None);
        for (reach_px, stiff) in [
            (reach_px, true),
            (reach_px, true),
            (12.0, false),
            (6.0, false),
            (4.0, false),
        ] {
            let reach_px = f64::max(reach_px * scale, 3.0);
            let noses = noses::measure(dark, &camera, &self.plan.table, reach_px);
            if noses.len() < FEWEST_NOSES || sides_of(&noses) < 4 {
                return None;
            }
            let seen = Seen {
                noses: &noses,
                ..Seen::default()
            };
            let rig = fit::fit(&camera, self.known(dark.size, stiff), None, seen)?;
            camera = rig.camera;
            found = Some((rig, noses));
        }
        found
    }

    fn rig(&self) -> Result<&Fitted, CalibrationFault> {
        self.rig.as_ref().ok_or(CalibrationFault::NosesUnclear)
    }

    fn projector(&self) -> Result<&ProjectorModel, CalibrationFault> {
        self.rig()?.projector.as_ref().ok_or(CalibrationFault::NoMap)
    }

    /// The projector, roughly, from the coded dots; then the grid on the table.
    fn find_projector(&mut self) -> Result<(), CalibrationFault> {
        let camera = self.rig()?.camera;
        let table = &self.plan.table;
        let half = Vec2::new(table.half_length_m(), table.half_width_m()) - EDGE_M;
        let mut pairs = Vec::new();
        let mut dots = Vec::new();
        for dot in self.coded.decoded() {
            let place = camera.on_plane(dot.seen_px, 0.0);
            if let Some(place) = place.filter(|p| (p.abs() - half).max_element() < 0.0) {
                pairs.push((place, dot.shown_px));
                dots.push(dot);
            }
        }
        if pairs.len() < FEWEST_DOTS {
            return Err(CalibrationFault::FewDots { seen: pairs.len() });
        }
        let start =
            marks::agreeing(&pairs).and_then(|agreed| fit::projector_from(&agreed, self.plan.projector));
        let start = start.ok_or(CalibrationFault::NoMap)?;
        let (rig, _) = self
            .fit_without_strays(&camera, &start, dots)
            .ok_or(CalibrationFault::NoMap)?;
        self.rig = Some(rig);
        (self.grid, self.reach) = Grid::on(&self.plan.table, self.projector()?, &self.balls);
        if self.reach < LEAST_REACH {
            return Err(CalibrationFault::OutOfReach { share: self.reach });
        }
        Ok(())
    }

    /// Camera and projector from the dots on the table's own grid.
    fn refine(&mut self, picture: &Luminance) -> Result<(), CalibrationFault> {
        let rig = self.rig()?;
        let dots = self.grid.find(&self.gain(picture)?, &rig.camera);
        let enough = FEWEST_DOTS.max(self.grid.len() / 2);
        if dots.len() < enough {
            return Err(CalibrationFault::FewDots { seen: dots.len() });
        }
        let (rig, kept) = self
            .fit_without_strays(&rig.camera, self.projector()?, dots)
            .filter(|(rig, kept)| kept.len() >= enough && is_likely(rig))
            .ok_or(CalibrationFault::NoMap)?;
        self.dots = kept.len();
        self.white_gain = self.white_gain(picture, &kept);
        self.rig = Some(rig);
        Ok(())
    }

    /// Light that came in the middles of these dots, as a multiple of what was there before: the median.
    fn white_gain(&self, picture: &Luminance, dots: &[Dot]) -> f64 {
        let mut gains: Vec<f64> = (dots.iter())
            .filter_map(|dot| {
                let dark = self.dark.as_ref()?.at(dot.seen_px);
                (dark > 0.0).then(|| picture.at(dot.seen_px) / dark - 1.0)
            })
            .collect();
        gains.sort_by(f64::total_cmp);
        gains.get(gains.len() / 2).copied().unwrap_or(0.0)
    }

    fn fit(&self, camera: &CameraModel, projector: &ProjectorModel, dots: &[Dot]) -> Option<Fitted> {
        let known = self.known(camera.lens.image, false);
        fit::fit(camera, known, Some(projector), self.seen(dots))
    }

    /// The camera alone, from what is on the table.
    fn fit_camera(&self, camera: &CameraModel) -> Option<Fitted> {
        let known = self.known(camera.lens.image, false);
        fit::fit(camera, known, None, self.seen(&[]))
    }

    fn seen<'a>(&'a self, dots: &'a [Dot]) -> Seen<'a> {
        Seen {
            noses: &self.noses,
            sights: &self.sights,
            markers: &self.markers,
            dots,
        }
    }

    /// What the plan says of the camera.
    fn known(&self, image: ImageSize, stiff: bool) -> Known {
        Known {
            height_m: self.plan.camera_height_m,
            lens: self.plan.lens.and_then(|lens| lens.scaled_to(image)),
            stiff,
        }
    }

    /// The fit without dots that do not fit: those on balls, rails, things.
    fn fit_without_strays(
        &self,
        camera: &CameraModel,
        projector: &ProjectorModel,
        mut dots: Vec<Dot>,
    ) -> Option<(Fitted, Vec<Dot>)> {
        /// No dot is a stray for less, pixels.
        const SURE_PX: f64 = 0.6;
        let (mut camera, mut projector) = (*camera, *projector);
        for _ in 0..4 {
            let rig = self.fit(&camera, &projector, &dots)?;
            (camera, projector) = (rig.camera, rig.projector?);
            let off = |dot: &Dot| {
                let place = projector.on_plane(dot.shown_px, 0.0)?;
                Some(camera.project(place.extend(0.0))?.distance(dot.seen_px))
            };
            let mut offs: Vec<f64> = dots.iter().filter_map(off).collect();
            offs.sort_by(f64::total_cmp);
            let allowed = (5.0 * offs.get(offs.len() / 2)?).max(SURE_PX);
            let before = dots.len();
            dots.retain(|dot| off(dot).is_some_and(|px| px <= allowed));
            if dots.len() == before {
                return Some((rig, dots));
            }
        }
        let rig = self.fit(&camera, &projector, &dots)?;
        Some((rig, dots))
    }

    /// Where the crosses have landed.
    fn verify(&self, gain: &Luminance) -> Result<Calibration, CalibrationFault> {
        let rig = self.rig()?;
        let projector = *self.projector()?;
        let crosses = Crosses::of(&self.plan.table, &projector, &self.balls);
        let wanted = crosses.len();
        let crosses: Vec<Cross> = (crosses.find(gain, &rig.camera).into_iter())
            .map(|(meant_m, seen_m)| Cross { meant_m, seen_m })
            .collect();
        if crosses.len() * 2 < wanted || crosses.is_empty() {
            return Err(CalibrationFault::FewCrosses {
                seen: crosses.len(),
                wanted,
            });
        }
        let delays = &self.latencies_s;
        Ok(Calibration {
            camera: rig.camera,
            projector,
            noses_px: rig.noses_px,
            dots_px: rig.dots_px,
            dots: self.dots,
            latency_s: delays.iter().sum::<f64>() / delays.len().max(1) as f64,
            reach: self.reach,
            white_gain: self.white_gain,
            sight: None,
            landing: Landing::of(crosses, rig, &self.plan.table),
        })
    }

    /// True where the noses are not any more where the camera was fitted to.
    fn noses_moved(&self, picture: &Luminance) -> bool {
        let Some(rig) = &self.rig else { return false };
        let before = noses::measure(picture, &rig.camera, &self.plan.table, 6.0);
        let mut off: Vec<f64> = (before.iter())
            .filter_map(|n| Some((n.seen_px - rig.camera.project(n.at_m)?).dot(n.normal_px).abs()))
            .collect();
        off.sort_by(f64::total_cmp);
        let middle = off.get(off.len() / 2).copied();
        middle.is_none_or(|px| px > 0.5 + rig.noses_px)
    }
}

impl Landing {
    fn of(crosses: Vec<Cross>, rig: &Fitted, table: &TableSpec) -> Self {
        let off = |c: &Cross| c.meant_m.distance(c.seen_m);
        let squares: f64 = crosses.iter().map(|c| off(c).powi(2)).sum();
        let worst = crosses.iter().map(off).fold(0.0, f64::max);
        let half = Vec2::new(table.half_length_m(), table.half_width_m());
        let over_bed = |sigma: &dyn Fn(Vec2) -> Option<f64>| {
            (-3..=3_i32)
                .flat_map(|i| {
                    (-2..=2_i32).map(move |j| half * Vec2::new(f64::from(i) / 3.0, f64::from(j) / 2.0))
                })
                .filter_map(sigma)
                .fold(0.0, f64::max)
        };
        Self {
            rms_m: (squares / crosses.len().max(1) as f64).sqrt(),
            max_m: worst + SURELY * over_bed(&|place| rig.landing_sigma_m(place)),
            table_sigma_m: over_bed(&|place| rig.table_sigma_m(place)),
            crosses,
        }
    }
}

/// σ within which something nearly certainly lies.
const SURELY: f64 = 2.5;
/// The noses are sought this far from where the finder has them, pixels of a picture 1920 wide. On a large table in a small
/// picture the far reach goes beyond the cushions.
const FIRST_REACHES_PX: [f64; 2] = [30.0, 12.0];
/// Lenses of usual cameras: as good as none, with the barrel of most, and a fisheye.
fn usual_lenses(image: ImageSize) -> Vec<Lens> {
    let pinhole = Lens::pinhole(image, Lens::usual_focal_px(image));
    let barrel = |k1: f64| Lens {
        radial: [k1, 0.0, 0.0],
        ..pinhole
    };
    /// Half of what a fisheye's picture is wide, as an angle.
    const HALF_VIEW: f64 = 0.9;
    let fisheye = Lens {
        projection: Projection::Fisheye,
        ..Lens::pinhole(image, 0.5 * f64::from(image.width) / HALF_VIEW)
    };
    vec![pinhole, barrel(-0.07), barrel(-0.14), fisheye]
}

/// A camera with this lens, zoomed as its height tells where the lens is not known for sure, that sees the corners of the
/// noses where they were seen. The finder's own is of no use: from four corners alone it may be anything.
fn start_from(seen: &TableSeen, lens: Lens, plan: &Plan) -> Option<CameraModel> {
    let table = &plan.table;
    let half = Vec2::new(table.half_length_m(), table.half_width_m());
    let places = [(-1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)].map(|(x, y)| half * Vec2::new(x, y));
    let zoomed = |zoom: f64| {
        let lens = Lens {
            focal_px: lens.focal_px * zoom,
            ..lens
        };
        let focal_px = lens.focal_px.x;
        let pairs: Vec<_> = (places.iter().zip(seen.corners_px))
            .map(|(place, pixel)| (*place, lens.undistort(pixel) * focal_px))
            .collect();
        let mut pose = Pose::of_plane(&Homography::fit(&pairs)?.matrix(), focal_px)?;
        pose.eye_m.z += table.nose_height_m;
        Some(CameraModel { lens, pose })
    };
    let camera = zoomed(1.0)?;
    match plan.camera_height_m.filter(|_| plan.lens.is_none()) {
        Some(height_m) => zoomed(height_m / camera.pose.eye_m.z),
        None => Some(camera),
    }
}

/// Fewest pieces of nose.
pub(super) const FEWEST_NOSES: usize = 40;
/// Sides of the table on which noses are seen.
pub(super) fn sides_of(noses: &[NosePoint]) -> usize {
    (0..4)
        .filter(|side| noses.iter().any(|n| n.side == *side))
        .count()
}

/// Dots as near to the noses as this may lie on them, metres.
const EDGE_M: f64 = 0.03;

/// Fewest dots a projector is fitted to.
const FEWEST_DOTS: usize = 12;

/// True where the noses are where the camera shows them, and nothing is as no camera or projector would be: else something else
/// was taken for a nose or a dot.
fn is_likely(rig: &Fitted) -> bool {
    const NEAR_PX: f64 = 0.8;
    const ODD: f64 = 5.0;
    rig.noses_px < NEAR_PX && rig.oddest < ODD
}

/// Blocks of the picture that are compared, across.
const BLOCKS: u32 = 48;

/// True where something has come, gone or moved between two pictures.
fn has_moved(first: &Luminance, second: &Luminance) -> bool {
    if first.size != second.size {
        return true;
    }
    // What all of the picture does together is the camera's or the lamp's doing.
    let all = |picture: &Luminance| picture.light().iter().sum::<f32>().max(1e-6);
    let exposed = all(second) / all(first);
    let side = (first.size.width / BLOCKS).max(1) as usize;
    let width = first.size.width as usize;
    let rows = first
        .light()
        .chunks(side * width)
        .zip(second.light().chunks(side * width));
    let mut changed = 0;
    for (a, b) in rows {
        let mut columns = vec![(0.0_f32, 0.0_f32); width.div_ceil(side)];
        for (a, b) in a.chunks(width).zip(b.chunks(width)) {
            for (column, (a, b)) in columns.iter_mut().zip(a.chunks(side).zip(b.chunks(side))) {
                column.0 += a.iter().sum::<f32>();
                column.1 += b.iter().sum::<f32>();
            }
        }
        let pixels = (a.len() / width.max(1) * side) as f32;
        let differ = |(a, b): &&(f32, f32)| (exposed * a - b).abs() > 0.2 * a.max(*b) + 0.005 * pixels;
        changed += columns.iter().filter(differ).count();
    }
    changed >= 3
}
