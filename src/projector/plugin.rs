//! The projector: a window of its own on the chosen monitor, or a picture off-screen.

mod fine_tuning;
mod light;
mod place;
mod submission;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::window::OnMonitor;

use light::{draw, follow_size, spawn_light};
use place::{keep_picture, keep_window};
use submission::Submitted;

use super::compose::{Scene, compose, compose_message, compose_waiting};
use super::footprint::footprint;
use super::overlay::Shape;
use super::test_picture::TestPicture;
use super::theme::{Limit, Theme, UNSEEN_CLOTH};
use crate::app::{Config, Display, ProjectorStep, Stage};
use crate::calibration::Pattern;
use crate::calibration::plugin::{Calibrating, Conducted};
use crate::system::faults::{self, Point};
use crate::system::health::check;
use crate::system::orchestrator::Report;
use crate::system::plugin::modules::{Desk, Lived};
use crate::system::plugin::{Measured, Operator, RunSummary};
use crate::system::snapshot::PredictedShot;
use crate::system::status::{Check, Health};
use crate::table::{Geometry as TableGeometry, TableSpec};
use crate::trainer::aim::Assistance;
use crate::trainer::help::Help;
use crate::trainer::plugin::CoreState;
use crate::units::ImageSize;
use crate::vision::plugin::VisionState;
use crate::vision::track::TableState;

/// Draws the overlay and looks after the projector's window.
#[derive(Debug)]
pub struct ProjectorPlugin;

impl Plugin for ProjectorPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Drawn>()
            .init_resource::<ProjectorView>()
            .init_resource::<Submitted>()
            .add_systems(
                ProjectorStep,
                (attend.before(Conducted), compose_shapes.after(Conducted)),
            );
        let stage = app.world().get_resource::<Stage>();
        let display = stage.map_or_else(|| Display::None(String::new()), |s| s.display.clone());
        if matches!(display, Display::None(_)) {
            return;
        }
        Submitted::connect(app);
        app.add_systems(Startup, spawn_light)
            .add_systems(ProjectorStep, (follow_size, draw).chain().after(compose_shapes));
        match display {
            Display::Windows(_) => {
                // A monitor that goes takes its windows along (Bevy 0.19): cut that tie.
                app.add_observer(|placed: On<Insert, OnMonitor>, mut commands: Commands| {
                    commands.entity(placed.entity).remove::<OnMonitor>();
                })
                .add_systems(
                    ProjectorStep,
                    (
                        keep_window.after(attend).before(Conducted),
                        fine_tuning::fine_tune.after(follow_size),
                    ),
                );
            }
            _ => {
                app.add_systems(ProjectorStep, keep_picture.after(attend).before(Conducted));
            }
        }
    }
}

/// What is drawn at present.
#[derive(Debug, Default, Resource)]
pub struct Drawn {
    /// The shapes, in table metres.
    pub shapes: Arc<Vec<Shape>>,
    /// Their colours.
    pub theme: Theme,
    /// The cloth these were chosen for, sRGB.
    cloth: Option<[u8; 3]>,
    /// And the projector's strength, where it is known.
    gain: Option<f64>,
    /// Counts up with every change of the shapes or their colours.
    version: u64,
    /// A picture in pixels that is shown instead: for a calibration, or a test picture.
    pattern: Option<Arc<Pattern>>,
    /// The test picture it was made of, and for which size.
    test: Option<(TestPicture, (u32, u32))>,
    /// Since when they fade out, because they would be wrong.
    fading: Option<Instant>,
    /// A frame whose overlay is decided but not yet handed over: when it was taken and came, and when that was decided.
    awaited: Option<((Instant, Instant), Instant)>,
}

/// Lines that would be wrong are gone after so long.
const FADES_WITHIN: Duration = Duration::from_millis(400);
const FADE_STEPS: u8 = 16;
/// A cloth that looks this different by no channel of 255 is the same in slightly other light.
const SAME_CLOTH: u8 = 12;

impl Drawn {
    /// Decides about the picture in pixels.
    fn show_pattern(
        &mut self,
        wanted: Option<&Arc<Pattern>>,
        test: Option<TestPicture>,
        size: Option<(u32, u32)>,
    ) {
        let test = test.zip(size);
        if let Some(wanted) = wanted {
            if !self
                .pattern
                .as_ref()
                .is_some_and(|shown| Arc::ptr_eq(shown, wanted))
            {
                self.pattern = Some(Arc::clone(wanted));
            }
            self.test = None;
        } else if self.test != test || self.pattern.is_some() != test.is_some_and(|(p, _)| p.is_of_pixels()) {
            let made = test.and_then(|(picture, (w, h))| picture.pattern(ImageSize::new(w, h)));
            self.pattern = made.map(Arc::new);
            self.test = test;
        }
    }

    /// How much of the shapes is still to be seen, in steps of which each is drawn anew.
    fn steps_left(&self, now: Instant) -> u8 {
        let gone = self.fading.map_or(0.0, |since| {
            now.saturating_duration_since(since).as_secs_f32() / FADES_WITHIN.as_secs_f32()
        });
        ((1.0 - gone.min(1.0)) * f32::from(FADE_STEPS)).ceil() as u8
    }

    /// Chooses colours for the cloth as it is seen and the projector's measured strength, if they or the settings have changed. True
    /// where they are others.
    fn follow_cloth(&mut self, seen: Option<[u8; 3]>, gain: Option<f64>, config: &Res<Config>) -> bool {
        let alike = |a: [u8; 3], b: [u8; 3]| a.into_iter().zip(b).all(|(a, b)| a.abs_diff(b) <= SAME_CLOTH);
        let same = match (self.cloth, seen) {
            (Some(chosen_for), Some(seen)) => alike(chosen_for, seen),
            (_, seen) => seen.is_none(),
        };
        if same && gain == self.gain && !config.is_changed() {
            return false;
        }
        self.cloth = seen.or(self.cloth);
        self.gain = gain;
        let theme = Theme::of(config.projector.theme, self.cloth.unwrap_or(UNSEEN_CLOTH), gain);
        std::mem::replace(&mut self.theme, theme) != theme
    }
}

/// The projector as it stands.
#[derive(Debug, Default, Resource)]
pub struct ProjectorView {
    /// Size of its picture, pixels.
    pub size: Option<(u32, u32)>,
    /// The picture, when it is drawn off-screen.
    pub picture: Option<Handle<Image>>,
    /// The camera that draws it.
    pub camera: Option<Entity>,
    /// The window, when there is one.
    pub window: Option<Entity>,
    /// How often its window had gone by itself and was opened again.
    pub reopened: u32,
    /// A window was opened in this life.
    opened: bool,
    /// It is to draw.
    on: bool,
    /// What there is belongs to an earlier life: away with it.
    anew: bool,
    place: Option<String>,
    keystone_bad: bool,
    /// Why it is not where it was asked to be.
    misplaced: Option<String>,
    /// The room is too bright for its lines.
    limit: Option<Limit>,
}

impl ProjectorView {
    /// Where the projector draws, in words.
    #[must_use]
    pub fn describe(&self, display: &Display) -> String {
        match (&self.place, display) {
            (Some(place), _) => place.clone(),
            (None, display) => display.describe(),
        }
    }

    /// The checks of the projector module.
    #[must_use]
    pub fn checks(&self, display: &Display) -> Vec<Check> {
        let drawing = match (display, self.size) {
            (Display::None(reason), _) => check("drawing", Health::Degraded, format!("not drawn: {reason}")),
            (_, None) => check(
                "drawing",
                Health::Unhealthy,
                "there is no projector window".to_owned(),
            ),
            (_, Some((w, h))) => check(
                "drawing",
                Health::Healthy,
                format!("{}, {w}×{h}", self.describe(display)),
            ),
        };
        if let Some(words) = &self.misplaced {
            return vec![drawing, check("monitor", Health::Degraded, words.clone())];
        }
        if self.keystone_bad {
            let words =
                "the corners in the settings make no quadrilateral; the table fills the picture instead";
            return vec![drawing, check("keystone", Health::Degraded, words.to_owned())];
        }
        if let Some(limit) = &self.limit {
            return vec![drawing, check("contrast", Health::Degraded, limit.to_string())];
        }
        vec![drawing]
    }
}

/// Takes the module's orders and says how it is.
fn attend(mut view: ResMut<ProjectorView>, stage: Res<Stage>, mut desk: Desk, mut lived: Local<Lived>) {
    faults::point(Point::ProjectorStep);
    let duty = desk.duty("projector");
    view.on = duty.up;
    view.anew |= lived.is_new(duty);
    let undrawn = matches!(stage.display, Display::None(_));
    let report = match (duty.up, view.camera) {
        // Where nothing can be drawn at all the shapes are still there for whoever asks the API.
        (true, _) if undrawn => Report::Up,
        (true, Some(_)) if !view.anew => Report::Up,
        (true, _) => Report::Changing,
        (false, None) => Report::Down,
        (false, Some(_)) => Report::Changing,
    };
    desk.report("projector", report);
}

/// What the shapes follow from.
struct Basis {
    shot: Option<Arc<PredictedShot>>,
    table: Option<Arc<TableState>>,
    level: Assistance,
    /// Said instead of drawing lines, which would be wrong.
    instead: Option<&'static str>,
    /// Shown instead of all that.
    test_picture: Option<TestPicture>,
    /// Where the projector's lens is, metres.
    projector_m: Option<crate::units::Vec3>,
}

impl Basis {
    fn is_same(&self, other: &Self) -> bool {
        let same_shot = self.shot.as_ref().map(Arc::as_ptr) == other.shot.as_ref().map(Arc::as_ptr);
        let same_table = self.table.as_ref().map(Arc::as_ptr) == other.table.as_ref().map(Arc::as_ptr);
        let same_words = self.instead == other.instead && self.test_picture == other.test_picture;
        let same_level = self.level == other.level && self.projector_m == other.projector_m;
        same_shot && same_table && same_level && same_words
    }

    fn shapes(&self, pockets: &TableGeometry, spec: &TableSpec, help: &Help) -> Vec<Shape> {
        if let Some(picture) = self.test_picture {
            return picture.shapes(spec).unwrap_or_default();
        }
        let nothing = TableState::lying(Vec::new());
        let scene = Scene {
            table: self.table.as_deref().unwrap_or(&nothing),
            pockets,
            ball_radius_m: spec.ball.radius_m,
            projector_m: self.projector_m,
        };
        match (self.instead, &self.shot, &self.table) {
            (Some(words), ..) => compose_message(&scene, words),
            (None, Some(shot), Some(_)) => compose(shot, &scene, help.of(self.level)),
            (None, None, Some(_)) => compose_waiting(&scene, self.level),
            (None, _, None) => Vec::new(),
        }
    }
}

/// Decides what is to be drawn for the table as it is now.
fn compose_shapes(
    mut drawn: ResMut<Drawn>,
    mut vision: ResMut<VisionState>,
    core: Res<CoreState>,
    mut view: ResMut<ProjectorView>,
    stage: Res<Stage>,
    config: Res<Config>,
    operator: Res<Operator>,
    calibrating: Res<Calibrating>,
    submitted: Res<Submitted>,
    mut measured: ResMut<Measured>,
    mut summary: ResMut<RunSummary>,
    mut geometry: Local<Option<TableGeometry>>,
    mut composed: Local<Option<Basis>>,
) {
    let now = Instant::now();
    let dark = vision.dark.is_dark(now) || calibrating.pattern().is_some();
    let live = view.on && !operator.paused && !dark;
    let test_picture = operator
        .test_picture(now)
        .filter(|_| view.on && calibrating.pattern().is_none());
    let distrust = calibrating.distrust(config.projector.corners.is_some());
    // Who wants nothing drawn needs no excuse for it.
    let helps = live && test_picture.is_none() && operator.assistance != Assistance::Off;
    let instead = distrust.filter(|_| helps);
    drawn.show_pattern(calibrating.pattern(), test_picture, view.size);
    // What is there when it begins to be wrong fades; then words take its place.
    let was_trusted = composed.as_ref().is_some_and(|last| last.instead.is_none());
    if instead.is_some() && was_trusted && !drawn.shapes.is_empty() {
        let since = *drawn.fading.get_or_insert(now);
        if now < since + FADES_WITHIN {
            return;
        }
    }
    if drawn.fading.take().is_some() {
        drawn.version += 1;
    }
    let basis = Basis {
        shot: core.shot.clone().filter(|_| live),
        table: vision.seen_table().filter(|_| live).cloned(),
        level: operator.assistance,
        instead,
        test_picture,
        projector_m: calibrating.projector().map(|p| p.optics.pose.eye_m),
    };
    let full = config.projector.gain.or_else(|| calibrating.white_gain());
    let gain = full.map(|gain| gain * config.projector.tone.brightness);
    let recoloured = drawn.follow_cloth(vision.cloth_srgb(), gain, &config);
    if config.is_changed() || recoloured {
        *composed = None;
    }
    // The loop turns more often than frames come.
    if !composed.as_ref().is_some_and(|last| last.is_same(&basis)) {
        let geometry = geometry.get_or_insert_with(|| TableGeometry::of(&stage.table));
        let shapes = basis.shapes(geometry, &stage.table, &config.trainer.draws);
        if *drawn.shapes != shapes || recoloured {
            vision.shown.show(now, footprint(&shapes, &drawn.theme));
            drawn.shapes = Arc::new(shapes);
            drawn.version += 1;
        }
        *composed = Some(basis);
    }
    let limit = drawn.theme.limit().filter(|_| gain.is_some());
    if view.limit != limit {
        view.limit = limit;
    }
    // Where nothing is drawn, the decision is all there is.
    let undrawn = matches!(stage.display, Display::None(_));
    let mut over = |(captured, arrived): (Instant, Instant), over: Instant| {
        let ms_since = |then: Instant| over.saturating_duration_since(then).as_secs_f64() * 1e3;
        measured.latency_ms.push(over, ms_since(captured));
        measured.loop_ms.push(over, ms_since(arrived));
        summary.latency(ms_since(captured));
    };
    // Pictures are handed over after this: that of the last turn is out by now.
    if let (Some((times, decided)), Some(at)) = (drawn.awaited, submitted.last())
        && at >= decided
    {
        over(times, at);
        drawn.awaited = None;
    }
    if let Some(times) = vision.undrawn.take().filter(|_| live && instead.is_none()) {
        if undrawn {
            over(times, Instant::now());
        } else {
            drawn.awaited = Some((times, now));
        }
    }
}
