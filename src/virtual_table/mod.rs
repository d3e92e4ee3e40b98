//! The virtual table: a physically simulated table as a camera would see it, with its truth.
//!
//! ```no_run
//! use billiards_trainer::virtual_table::{Options, SceneName, VirtualTable};
//! use billiards_trainer::vision::source::FrameSource as _;
//!
//! let mut table = VirtualTable::new(&Options::new(SceneName::Practice))?;
//! let hand = table.handle(); // for another thread: aim, nudge, shoot, release
//! let frame = table.next(std::time::Duration::from_millis(100))?;
//! hand.aim(0.4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`VirtualTable`] is a [`FrameSource`]. Its `play` moves balls and cue through time (physics
//! from [`crate::physics`]), its `render` makes the picture through a
//! [`CameraModel`] with a real lens's distortion, and every frame carries that camera and the
//! [`crate::vision::observation::Truth`]. A [`VirtualHandle`] lets an operator take the cue.

mod company;
mod control;
pub mod domain;
mod imaging;
mod litter;
mod manner;
mod moment;
mod people;
mod play;
mod render;
pub mod rig;
mod scene;
mod shooter;
pub mod shot;
mod solid;
mod stroke;
#[cfg(test)]
mod tests;
mod visible;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use company::Company;
pub use control::VirtualHandle;
pub use imaging::{Delivery, Imaging};
pub use manner::Manner;
pub use render::lamps::Lighting;
pub use render::paint::Finish;
pub use render::projection::{BadProjection, ProjectedLight};
pub use scene::{SceneName, UnknownScene};

use crate::calibration::CameraModel;
use crate::table::{BallSet, TableSpec};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::observation::Truth;
use crate::vision::source::{FrameSource, Patience, SourceError};
use imaging::Developer;
use moment::Moment;
use play::Play;
use render::backdrop::Backdrop;
use render::canvas::Canvas;
use render::sensor::Sensor;
use visible::Screens;

/// A camera over a table that does not exist.
pub struct VirtualTable {
    scene: SceneName,
    size: ImageSize,
    camera: Arc<CameraModel>,
    play: Play,
    ball_radius_m: f64,
    /// Half of the bed's length and width, metres.
    half_m: crate::units::Vec2,
    canvas: Canvas,
    sensor: Sensor,
    imaging: Imaging,
    developer: Developer,
    handle: VirtualHandle,
    projection: Option<Arc<ProjectedLight>>,
    /// What could hide balls in the last frame.
    screens: Option<Screens>,
    pace: Pace,
    period: Duration,
    sequence: u64,
    /// When frame 0 was, or would have been, taken.
    start: Option<Instant>,
}

/// What the table is and how it is filmed.
#[derive(Clone, Debug)]
pub struct Options {
    /// The table.
    pub table: TableSpec,
    /// The scene.
    pub scene: SceneName,
    /// Same seed, same everything (with [`Pace::Fast`], and nobody taking the cue).
    pub seed: u64,
    /// Frames a second, 1..=240.
    pub fps: f64,
    /// Live or as fast as possible.
    pub pace: Pace,
    /// Size of the picture, 160×90 to 4096×2304 pixels.
    pub size: ImageSize,
    /// Strength of the sensor's noise, levels of 255 (1 σ), 0..=20.
    pub noise_levels: f64,
    /// How long the shutter is open, seconds, 0..=1/fps: moving balls blur. The truth is that
    /// of the middle of this time.
    pub exposure_s: f64,
    /// Colour of the cloth as sRGB; `None` for the colour usual for the table.
    pub cloth_srgb: Option<[u8; 3]>,
    /// What hangs over the table.
    pub lighting: Lighting,
    /// How bright the picture is, 0.01..=2: 1 as a camera exposes a lit table, less as with a smaller aperture.
    pub brightness: f64,
    /// How the balls are made.
    pub finish: Finish,
    /// What the camera does to the light it gets.
    pub imaging: Imaging,
    /// The camera; `None` for one under the ceiling that sees the whole table. Its image size
    /// counts, not `size`.
    pub camera: Option<CameraModel>,
    /// People and things around; nobody unless asked for.
    pub company: Company,
    /// How the scripted player holds the cue; level and in the middle unless told.
    pub manner: Option<Manner>,
}

/// How simulated time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// With the clock on the wall: `next` waits until a frame is due.
    #[default]
    RealTime,
    /// Exactly 1/fps per frame, without waiting. Frames are stamped as if they had been waited for.
    Fast,
}

/// Options no virtual table can be made from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadOptions {
    /// A picture too small to show a table or too large to handle.
    #[error(
        "a virtual camera of {width}×{height} pixels is not possible; use 160×90 to 4096×2304",
        width = .0.width, height = .0.height
    )]
    Size(ImageSize),
    /// Not a frame rate.
    #[error("{0} frames a second is not possible; use 1 to 240")]
    FrameRate(f64),
    /// Not a noise level.
    #[error("a noise of {0} levels is not possible; use 0 to 20")]
    Noise(f64),
    /// The shutter can't be open that long.
    #[error("a shutter time of {0} s is not possible; use 0 to 1/fps")]
    Exposure(f64),
    /// Not a brightness.
    #[error("a picture {0} times as bright is not possible; use 0.01 to 2")]
    Brightness(f64),
    /// A camera that can't be.
    #[error("a virtual camera like this is not possible: {0}")]
    Imaging(&'static str),
    /// The camera does not look down on the whole of the cloth's plane.
    #[error("the virtual camera must hang over the table and look down; part of its picture shows no floor")]
    Camera,
    /// The scene needs other balls than the table has.
    #[error("scene `{scene}` needs a {needs:?} table, but `{table}` has the {has:?} set", needs = .needs, has = .has)]
    Scene {
        /// The scene asked for.
        scene: SceneName,
        /// The set it needs.
        needs: BallSet,
        /// The table asked for.
        table: String,
        /// The set that table has.
        has: BallSet,
    },
}

impl Options {
    /// `scene` on its usual table, live, 1080p at 30 frames a second.
    #[must_use]
    pub fn new(scene: SceneName) -> Self {
        Self {
            table: scene.usual_table(),
            scene,
            seed: 1,
            fps: 30.0,
            pace: Pace::RealTime,
            size: ImageSize::new(1920, 1080),
            noise_levels: 1.4,
            exposure_s: 1.0 / 250.0,
            cloth_srgb: None,
            lighting: Lighting::default(),
            brightness: 1.0,
            finish: Finish::default(),
            imaging: Imaging::default(),
            camera: None,
            company: Company::none(),
            manner: None,
        }
    }

    fn check(&self) -> Result<(), BadOptions> {
        let size = self.camera.map_or(self.size, |c| c.lens.image);
        if !(160..=4096).contains(&size.width) || !(90..=2304).contains(&size.height) {
            return Err(BadOptions::Size(size));
        }
        if !(1.0..=240.0).contains(&self.fps) {
            return Err(BadOptions::FrameRate(self.fps));
        }
        if !(0.0..=20.0).contains(&self.noise_levels) {
            return Err(BadOptions::Noise(self.noise_levels));
        }
        if !(0.0..=1.0 / self.fps).contains(&self.exposure_s) {
            return Err(BadOptions::Exposure(self.exposure_s));
        }
        if !(0.01..=2.0).contains(&self.brightness) {
            return Err(BadOptions::Brightness(self.brightness));
        }
        self.imaging.check(size).map_err(BadOptions::Imaging)?;
        match self.scene.needs() {
            Some(needs) if needs != self.table.ball_set => Err(BadOptions::Scene {
                scene: self.scene,
                needs,
                table: self.table.name.clone(),
                has: self.table.ball_set,
            }),
            _ => Ok(()),
        }
    }

    /// The cloth's colour as sRGB.
    #[must_use]
    pub fn cloth(&self) -> [u8; 3] {
        self.cloth_srgb.unwrap_or(match self.table.ball_set {
            BallSet::Pool => [38, 132, 160],
            BallSet::Snooker => [34, 118, 66],
            BallSet::Carom => [30, 96, 160],
        })
    }
}

impl VirtualTable {
    /// Sets up the table and draws it once (a second or two at 1080p).
    ///
    /// # Errors
    /// [`BadOptions`] names the option that is not possible and what is.
    pub fn new(options: &Options) -> Result<Self, BadOptions> {
        options.check()?;
        let camera = options
            .camera
            .unwrap_or_else(|| render::view::overhead(&options.table, options.size));
        let size = camera.lens.image;
        let (cloth, seed) = (options.cloth(), options.seed as u32);
        let backdrop = Backdrop::new(
            &options.table,
            &camera,
            cloth,
            options.lighting,
            options.brightness as f32,
            seed,
        )
        .ok_or(BadOptions::Camera)?;
        let handle = VirtualHandle::new();
        Ok(Self {
            scene: options.scene,
            size,
            camera: Arc::new(camera),
            play: Play::new(&options.table, options.scene, options.seed, handle.clone())
                .in_manner(options.manner)
                .among(options.company, options.cloth())
                .looking_ahead(0.5 * options.imaging.readout_s.abs()),
            ball_radius_m: options.table.ball.radius_m,
            half_m: crate::units::Vec2::new(options.table.half_length_m(), options.table.half_width_m()),
            canvas: Canvas::new(backdrop, &options.table, options.finish, options.exposure_s),
            sensor: Sensor::new(options.noise_levels, size.width as usize * 3, options.seed),
            imaging: options.imaging,
            developer: Developer::new(options.imaging, size),
            handle,
            projection: None,
            screens: None,
            pace: options.pace,
            period: Duration::from_secs_f64(1.0 / options.fps),
            sequence: 0,
            start: None,
        })
    }

    /// Lets another thread take the cue.
    #[must_use]
    pub fn handle(&self) -> VirtualHandle {
        self.handle.clone()
    }

    /// The camera every frame is taken with.
    #[must_use]
    pub fn camera(&self) -> Arc<CameraModel> {
        Arc::clone(&self.camera)
    }

    /// Changes what a projector throws onto the table; as [`VirtualHandle::set_projection`].
    pub fn set_projection(&self, light: Option<Arc<ProjectedLight>>) {
        self.handle.set_projection(light);
    }

    /// Moves the play on by `periods` frames without drawing any.
    pub fn skip(&mut self, periods: u64) {
        for _ in 0..periods {
            self.play.step(self.period.as_secs_f64());
            self.sequence += 1;
        }
    }

    /// Time until the tip meets the ball, seconds, while somebody is down on a shot.
    #[must_use]
    pub fn until_impact_s(&self) -> Option<f64> {
        self.play.until_impact_s()
    }

    /// Every ball where it is while its own rows are exposed.
    fn moment_by_rows(&self) -> Moment {
        self.play
            .moment_by_rows(|at| self.imaging.row_s(&self.camera, at))
    }

    /// What is true of that.
    fn truth_by_rows(&self) -> Truth {
        self.play.truth_by_rows(|at| self.imaging.row_s(&self.camera, at))
    }

    /// When frame `sequence` is due.
    fn due(&self, start: Instant, sequence: u64) -> Instant {
        start + Duration::from_secs_f64(self.period.as_secs_f64() * sequence as f64)
    }

    /// Notes how much of each ball this camera sees.
    fn tell_visible(&mut self, moment: &Moment, truth: &mut Truth) {
        let screens = Screens::of(moment, self.ball_radius_m, self.camera.pose.eye_m);
        for ball in &mut truth.balls {
            ball.visible = screens.visible(ball.position_m.extend(self.ball_radius_m));
        }
        if let (Some(cue), Some(pose)) = (&mut truth.cue, &moment.cue) {
            let others = Moment {
                cue: None,
                ..moment.clone()
            };
            let screens = Screens::of(&others, self.ball_radius_m, self.camera.pose.eye_m);
            cue.shown_m = screens.shown_of_cue(pose, &self.camera, self.half_m);
        }
        self.screens = Some(screens);
    }

    /// What is on the table now, before the next frame is taken; what the camera sees of it is not told.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.play.truth()
    }

    /// Share of a ball that the last frame would show if one lay at this place (table frame, metres), 0..1.
    /// 1 before the first frame.
    #[must_use]
    pub fn visible_at(&self, place: crate::units::Vec2) -> f64 {
        let at = place.extend(self.ball_radius_m);
        self.screens.as_ref().map_or(1.0, |screens| screens.visible(at))
    }

    fn take(&mut self, captured: Instant) -> Frame {
        let projection = self.handle.projection();
        let same = match (&projection, &self.projection) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.canvas.project(projection.clone());
            self.projection = projection;
        }
        let mut moment = self.moment_by_rows();
        let mut truth = self.truth_by_rows();
        truth.events = self.play.take_happenings();
        if let Some(cue) = moment.cue {
            let row_s = self.imaging.row_s(&self.camera, cue.tip_m);
            self.play.show_cue_at(row_s, &mut moment, &mut truth);
        }
        self.tell_visible(&moment, &mut truth);
        self.canvas.draw(&moment);
        let row_bytes = self.size.width as usize * 3;
        let time_s = self.period.as_secs_f64() * self.sequence as f64;
        let light = self.developer.light(self.canvas.bytes(), time_s);
        let frame = Frame {
            sequence: self.sequence,
            captured,
            size: self.size,
            format: PixelFormat::Rgb8,
            pixels: self.sensor.expose(light, row_bytes),
            encoded: None,
            light: None,
            camera: Some(self.camera()),
            truth: Some(Arc::new(truth)),
        };
        let frame = self.developer.deliver(frame);
        self.sequence += 1;
        frame
    }
}

/// Longest stretch of missed frames that is caught up with; after more (a suspended
/// machine) the play goes on where it stood.
const CATCH_UP_FRAMES: u64 = 30;

impl FrameSource for VirtualTable {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        let now = Instant::now();
        let back = Duration::from_secs_f64(self.period.as_secs_f64() * self.sequence as f64);
        let start = *self.start.get_or_insert(now.checked_sub(back).unwrap_or(now));
        let mut due = self.due(start, self.sequence);
        if self.pace == Pace::RealTime {
            if due > now {
                let wait = due - now;
                std::thread::sleep(wait.min(timeout));
                if wait > timeout {
                    return Ok(None);
                }
            } else {
                let missed = (now - due).as_secs_f64() / self.period.as_secs_f64();
                let missed = missed as u64;
                if missed > CATCH_UP_FRAMES {
                    self.start = start.checked_add(now - due);
                    due = now;
                } else if missed > 0 {
                    // A camera that nobody reads drops frames: the play goes on, the numbers show the gap.
                    self.skip(missed);
                    due = self.due(start, self.sequence);
                }
            }
        }
        let frame = self.take(due);
        self.play.step(self.period.as_secs_f64());
        Ok(Some(frame))
    }

    fn patience(&self) -> Patience {
        let usual = Patience::default();
        Patience {
            next: usual.next.max(3 * self.period),
            ..usual
        }
    }

    fn name(&self) -> String {
        format!("virtual:{}", self.scene)
    }
}

impl std::fmt::Debug for VirtualTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VirtualTable")
            .field("scene", &self.scene)
            .field("size", &self.size)
            .field("pace", &self.pace)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
