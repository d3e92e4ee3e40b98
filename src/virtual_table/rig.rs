//! A camera and a projector over a virtual table, standing where nobody has measured.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{BadOptions, Company, Options, ProjectedLight, SceneName, VirtualTable};
use crate::calibration::flow::{Calibration, CalibrationFault, Flow, Plan};
use crate::calibration::session::Steps;
use crate::calibration::spots::{SpotCheck, Spots};
use crate::calibration::{CameraModel, Lens, Mark, Pattern, Pose, ProjectorModel};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2, Vec3};
use crate::vision::frame::Frame;
use crate::vision::source::{FrameSource as _, SourceError};

/// Pictures of usual projectors.
const SIZES: [ImageSize; 3] = [
    ImageSize::new(1920, 1080),
    ImageSize::new(1280, 800),
    ImageSize::new(1920, 1200),
];

/// What a projector throws comes onto the table some frames later, and the camera sees it.
pub struct Rig {
    /// The table with its camera.
    pub table: VirtualTable,
    /// Its model.
    pub spec: TableSpec,
    /// The truth about the projector.
    pub projector: ProjectorModel,
    /// A second projector that shows the same, as two on one graphics card do.
    pub second: Option<ProjectorModel>,
    delay: u64,
    period_s: f64,
    taken: u64,
    coming: VecDeque<(u64, Arc<Pattern>)>,
    wanted: Option<Arc<Pattern>>,
}

impl Rig {
    /// A room with its camera, and a projector in it, always the same for the same seed.
    ///
    /// # Errors
    /// [`BadOptions`] where the room's table is not possible.
    pub fn of_seed(seed: u64) -> Result<Self, BadOptions> {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x7e57);
        let mut options = Options::of_domain(seed);
        options.company = Company::none();
        options.scene = if random.bool() {
            SceneName::Empty
        } else {
            SceneName::Grid
        };
        let size = *random.choice(&SIZES).unwrap_or(&ImageSize::new(1920, 1080));
        let projector = drawn_projector(&options.table, size, &mut random);
        Self::new(&options, projector, random.u64(1..5))
    }

    /// This table, with this projector, whose pictures come `delay` frames late.
    ///
    /// # Errors
    /// [`BadOptions`] as for the table.
    pub fn new(options: &Options, projector: ProjectorModel, delay: u64) -> Result<Self, BadOptions> {
        Ok(Self {
            table: VirtualTable::new(options)?,
            spec: options.table.clone(),
            projector,
            second: None,
            delay,
            period_s: 1.0 / options.fps,
            taken: 0,
            coming: VecDeque::new(),
            wanted: None,
        })
    }

    /// Has the projector show this from now on.
    pub fn show(&mut self, pattern: &Arc<Pattern>) {
        if self
            .wanted
            .as_ref()
            .is_some_and(|wanted| Arc::ptr_eq(wanted, pattern))
        {
            return;
        }
        self.wanted = Some(Arc::clone(pattern));
        self.coming
            .push_back((self.taken + self.delay, Arc::clone(pattern)));
    }

    /// How late its pictures come, seconds: shown after a frame, they are in this later one.
    #[must_use]
    pub fn delay_s(&self) -> f64 {
        (self.delay + 1) as f64 * self.period_s
    }

    /// Calibrates camera and projector; see [`Self::take_steps`].
    ///
    /// # Errors
    /// [`SourceError`] as the table's; what the calibration comes to is inside.
    pub fn calibrate(
        &mut self,
        plan: Plan,
        meddle: impl FnMut(&mut Frame, f64),
    ) -> Result<(Result<Calibration, CalibrationFault>, f64), SourceError> {
        self.take_steps(Flow::new(plan), meddle)
    }

    /// Checks where light lands, as it was calibrated, and says how long that took by the rig's own clock, seconds.
    ///
    /// # Errors
    /// [`SourceError`] as the table's; what the check comes to is inside.
    pub fn check_light(
        &mut self,
        found: &Calibration,
    ) -> Result<(Result<Spots, CalibrationFault>, f64), SourceError> {
        let truth = self.table.truth();
        let balls: Vec<Vec2> = truth.balls.iter().map(|ball| ball.position_m).collect();
        let places = SpotCheck::places(&self.spec, &found.projector, &balls);
        let steps = SpotCheck::new(found.camera, found.projector, found.latency_s, places);
        self.take_steps(steps, |_, _| ())
    }

    /// Takes these steps, and says how long that took by the rig's own clock, seconds. `meddle` may change
    /// every frame; it is told how far they are.
    ///
    /// # Errors
    /// [`SourceError`] as the table's; what the steps come to is inside.
    pub fn take_steps<S: Steps>(
        &mut self,
        mut steps: S,
        mut meddle: impl FnMut(&mut Frame, f64),
    ) -> Result<(Result<S::Found, CalibrationFault>, f64), SourceError> {
        let first = self.take()?.captured;
        let mut shown = first;
        loop {
            let pattern = Arc::clone(steps.pattern());
            self.show(&pattern);
            let mut frame = self.take()?;
            meddle(&mut frame, steps.progress().share);
            let outcome = match steps.look(&frame, shown) {
                Ok(found) => found.map(Ok),
                Err(fault) => Some(Err(fault)),
            };
            if let Some(outcome) = outcome {
                return Ok((
                    outcome,
                    frame.captured.saturating_duration_since(first).as_secs_f64(),
                ));
            }
            if !Arc::ptr_eq(&pattern, steps.pattern()) {
                shown = frame.captured;
            }
        }
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// [`SourceError`] as the table's.
    pub fn take(&mut self) -> Result<Frame, SourceError> {
        while let Some((due, pattern)) = self.coming.front()
            && *due <= self.taken
        {
            let light = match &self.second {
                Some(second) => {
                    ProjectedLight::by_projector(&both(pattern, &self.projector, second), &self.projector)
                }
                None => ProjectedLight::by_projector(pattern, &self.projector),
            };
            self.table.set_projection(light.ok().map(Arc::new));
            self.coming.pop_front();
        }
        self.taken += 1;
        let frame = self.table.next(Duration::from_secs(1))?;
        let frame = frame.ok_or_else(|| SourceError::Failed("the virtual table gave no frame".to_owned()))?;
        Ok(frame)
    }
}

/// What one projector would have to show for the light of two that show this.
fn both(pattern: &Pattern, first: &ProjectorModel, second: &ProjectorModel) -> Pattern {
    let elsewhere = |pixel: Vec2| first.pixel(second.on_plane(pixel, 0.0)?.extend(0.0));
    let marks = pattern.marks.iter().filter_map(|mark| {
        Some(Mark {
            from_px: elsewhere(mark.from_px)?,
            to_px: elsewhere(mark.to_px)?,
            ..*mark
        })
    });
    Pattern {
        size: pattern.size,
        marks: pattern.marks.iter().copied().chain(marks).collect(),
    }
}

/// A projector as houses have them: over the table or beside it, aslant, turned, shifted, mirrored.
pub fn drawn_projector(table: &TableSpec, image: ImageSize, random: &mut fastrand::Rng) -> ProjectorModel {
    let mut between = |low: f64, high: f64| low + (high - low) * random.f64();
    let half = Vec2::new(table.half_length_m(), table.half_width_m());
    let eye = Vec3::new(
        between(-0.5, 0.5),
        between(-0.7, 0.7),
        between(1.2, 2.0) * half.x.max(1.2),
    );
    let target = Vec3::new(between(-0.1, 0.1), between(-0.1, 0.1), 0.0);
    let shift = between(-0.35, 0.35);
    let k1 = between(-0.03, 0.03);
    let room = between(1.04, 1.3);
    let roll = between(-0.08, 0.08);
    let up = if random.bool() {
        Vec3::new(roll, 1.0, 0.0)
    } else {
        Vec3::new(roll, -1.0, 0.0)
    };
    let mut lens = Lens::pinhole(image, 1.0);
    lens.radial[0] = k1;
    let (w, h) = (f64::from(image.width), f64::from(image.height));
    lens.centre_px += Vec2::new(0.0, shift * h);
    // Aimed so that the shifted picture has the table in its middle, zoomed so that the table fits in.
    let mut optics = CameraModel {
        lens,
        pose: Pose::looking_at(eye, target, up),
    };
    for _ in 0..30 {
        let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| {
            let at = (half * Vec2::new(x, y)).extend(0.0);
            optics.project(at).unwrap_or(lens.centre_px)
        });
        let low = corners.iter().fold(Vec2::MAX, |a, b| a.min(*b));
        let high = corners.iter().fold(Vec2::MIN, |a, b| a.max(*b));
        let zoom = (w / (high.x - low.x)).min(h / (high.y - low.y)) / room;
        optics.lens.focal_px *= zoom.clamp(0.2, 2000.0);
        let off = 0.5 * (low + high) - 0.5 * Vec2::new(w, h);
        let focal = optics.lens.focal_px.x;
        // Turn the projector by what the middle is off.
        let turn = glam::DMat3::from_rotation_y(-off.x * zoom.min(1.0) / focal * 0.7)
            * glam::DMat3::from_rotation_x(off.y * zoom.min(1.0) / focal * 0.7);
        optics.pose.rotation = turn * optics.pose.rotation;
    }
    ProjectorModel {
        optics,
        mirrored: random.u8(0..5) == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projectors_reach_the_whole_table_and_differ() {
        let table = TableSpec::pool_9ft();
        let half = Vec2::new(table.half_length_m(), table.half_width_m());
        let mut mirrored = 0;
        for seed in 0..60 {
            let size = SIZES[seed as usize % SIZES.len()];
            let projector = drawn_projector(&table, size, &mut fastrand::Rng::with_seed(seed));
            for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (0.0, 0.0)] {
                let pixel = projector.pixel((half * Vec2::new(x, y)).extend(0.0)).unwrap();
                assert!(projector.shows(pixel), "{seed} {pixel}");
            }
            mirrored += usize::from(projector.mirrored);
        }
        assert!((3..30).contains(&mirrored));
    }
}
