//! The projector: a window of its own on the chosen monitor, or a picture off-screen.

mod fine_tuning;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bevy::asset::RenderAssetUsages;
use bevy::camera::visibility::{NoCpuCulling, RenderLayers};
use bevy::camera::{CameraProjection, Projection, RenderTarget, SubCameraView};
use bevy::math::{Mat4, Vec3A, Vec4};
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use bevy::render::{Render, RenderApp, RenderSystems};
use bevy::sprite_render::AlphaMode2d;
use bevy::window::{
    CursorOptions, Monitor, OnMonitor, PresentMode, PrimaryMonitor, PrimaryWindow, WindowMode, WindowRef,
    WindowResolution,
};

use super::compose::{Scene, compose, compose_message, compose_waiting};
use super::footprint::footprint;
use super::keystone::Mapping;
use super::overlay::Shape;
use super::tessellate::Triangles;
use super::test_picture::TestPicture;
use super::theme::{Limit, Theme, UNSEEN_CLOTH};
use crate::app::{Config, Display, PROJECTOR_LAYER, ProjectorStep, Stage};
use crate::calibration::plugin::{Calibrating, Conducted};
use crate::calibration::{Homography, Pattern};
use crate::system::faults::{self, Does, Point};
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
        let submitted = app.world().resource::<Submitted>().clone();
        if let Some(renderer) = app.get_sub_app_mut(RenderApp) {
            renderer
                .insert_resource(submitted)
                .add_systems(Render, note_submission.in_set(RenderSystems::Cleanup));
        }
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

/// When a picture was handed to the graphics card last.
#[derive(Clone, Debug, Resource)]
struct Submitted {
    since: Instant,
    /// Nanoseconds later; 0: never.
    after: Arc<AtomicU64>,
}

impl Default for Submitted {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            after: Arc::default(),
        }
    }
}

impl Submitted {
    fn last(&self) -> Option<Instant> {
        let after = self.after.load(Ordering::Relaxed);
        (after > 0).then(|| self.since + Duration::from_nanos(after))
    }
}

/// In the renderer, when it has handed over all pictures.
fn note_submission(submitted: Res<Submitted>) {
    let after = submitted.since.elapsed().as_nanos();
    (submitted.after).store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
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

/// Marks the projector's window.
#[derive(Debug, Component)]
struct ProjectorWindow;

/// Marks the projector's camera.
#[derive(Debug, Component)]
struct ProjectorCamera;

/// Marks the mesh that holds every line.
#[derive(Debug, Component)]
struct Light;

/// A homography as a camera projection: the graphics card divides, so lines stay crisp.
#[derive(Clone, Debug)]
struct Keystone(Homography);

impl CameraProjection for Keystone {
    fn get_clip_from_view(&self) -> Mat4 {
        let m = self.0.matrix().as_mat3();
        // Constant depth with a slight slope in z keeps the drawing order.
        let (depth, slope) = (0.5, 1e-4);
        let column = |c: Vec3| Vec4::new(c.x, c.y, depth * c.z, c.z);
        let (x, y, t) = (m.x_axis.to_array(), m.y_axis.to_array(), m.z_axis.to_array());
        Mat4::from_cols(
            column(x.into()),
            column(y.into()),
            Vec4::new(0.0, 0.0, slope, 0.0),
            column(t.into()),
        )
    }

    fn get_clip_from_view_for_sub(&self, _: &SubCameraView) -> Mat4 {
        self.get_clip_from_view()
    }

    fn update(&mut self, _: f32, _: f32) {}

    fn far(&self) -> f32 {
        1000.0
    }

    fn get_frustum_corners(&self, _: f32, _: f32) -> [Vec3A; 8] {
        [Vec3A::ZERO; 8]
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
    let instead = distrust.filter(|_| live && test_picture.is_none());
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
    let gain = config.projector.gain.or_else(|| calibrating.white_gain());
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

fn spawn_light(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<ColorMaterial>>,
) {
    let layer = RenderLayers::layer(PROJECTOR_LAYER);
    let material = materials.add(ColorMaterial {
        alpha_mode: AlphaMode2d::Blend,
        ..default()
    });
    commands.spawn((
        Light,
        Mesh2d(meshes.add(mesh_of(&Triangles::default()))),
        MeshMaterial2d(material),
        layer,
    ));
}

/// Size of the picture that is drawn off-screen.
const PICTURE: (u32, u32) = (1920, 1080);

/// Draws off-screen where there is no window.
fn keep_picture(mut commands: Commands, mut images: ResMut<Assets<Image>>, mut view: ResMut<ProjectorView>) {
    let leftover = view.anew || !view.on;
    if leftover && let Some(old) = view.camera.take() {
        commands.entity(old).despawn();
        (view.picture, view.size, view.place) = (None, None, None);
    }
    view.anew &= !view.on;
    if !view.on || view.camera.is_some() {
        return;
    }
    let picture = images.add(crate::app::target_picture(PICTURE.0, PICTURE.1));
    view.camera = Some(spawn_camera(
        &mut commands,
        RenderTarget::Image(picture.clone().into()),
    ));
    view.picture = Some(picture);
    view.place = Some("off-screen picture".to_owned());
    view.size = Some(PICTURE);
}

fn spawn_camera(commands: &mut Commands, target: RenderTarget) -> Entity {
    commands
        .spawn((
            ProjectorCamera,
            Camera2d,
            Camera {
                clear_color: ClearColorConfig::Custom(Color::BLACK),
                ..default()
            },
            Msaa::Off,
            target,
            NoCpuCulling,
            RenderLayers::layer(PROJECTOR_LAYER),
        ))
        .id()
}

/// How long a lost window is waited for before the next try.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Opens the projector's window, and opens it again when it has gone or its monitor has come back.
fn keep_window(
    mut commands: Commands,
    mut view: ResMut<ProjectorView>,
    config: Res<Config>,
    mut windows: Query<(Entity, &mut Window), With<ProjectorWindow>>,
    primary: Query<&Window, (With<PrimaryWindow>, Without<ProjectorWindow>)>,
    monitors: Monitors,
    mut tried: Local<Option<Instant>>,
    mut placed_on: Local<Option<Entity>>,
) {
    if faults::active(Does::CloseWindow).is_some() {
        for (window, _) in &windows {
            commands.entity(window).despawn();
        }
        return;
    }
    if view.anew || !view.on {
        if let Some(old) = view.camera.take() {
            commands.entity(old).despawn();
        }
        for (window, _) in &windows {
            commands.entity(window).despawn();
        }
        view.anew &= !view.on;
        (view.window, view.size, view.place, view.opened) = (None, None, None, false);
        *tried = None;
        return;
    }
    if monitors.is_empty() {
        return;
    }
    let wanted = choose_monitor(&monitors, &config.projector.monitor);
    let mode = wanted.as_ref().map_or(WindowMode::Windowed, |(monitor, _)| {
        WindowMode::BorderlessFullscreen(MonitorSelection::Entity(*monitor))
    });
    let place = match &wanted {
        Some((_, name)) => format!("fullscreen on {name}"),
        None if config.projector.monitor.is_empty() => "window (only one monitor)".to_owned(),
        None => format!("window (monitor {} is not connected)", config.projector.monitor),
    };
    let monitor = wanted.map(|w| w.0);
    let missing = monitor.is_none() && !config.projector.monitor.is_empty();
    view.misplaced = missing.then(|| {
        let names: Vec<_> = monitors
            .iter()
            .filter_map(|(_, m, _)| m.name.as_deref())
            .collect();
        format!(
            "monitor {} is not connected; connected: {}",
            config.projector.monitor,
            names.join(", ")
        )
    });
    // The whole monitor, or on a single one its lower right corner, beside the dashboard where there is room.
    let frame = match monitor.and_then(|m| monitors.get(m).ok()) {
        Some((_, m, _)) => (m.physical_position, m.physical_size()),
        None => {
            let screen = monitors
                .iter()
                .next()
                .map_or(UVec2::new(1920, 1080), |(_, m, _)| m.physical_size());
            let taken = primary.single().map_or(0, |w| w.resolution.physical_width());
            let width = screen.x.saturating_sub(taken).clamp(480, 1280);
            let size = UVec2::new(width, width * 9 / 16);
            (screen.saturating_sub(size).as_ivec2(), size)
        }
    };
    if let Ok((_, mut window)) = windows.single_mut() {
        if *placed_on != monitor {
            info!("projector: {place}");
            window.mode = WindowMode::Windowed;
            window.position = WindowPosition::At(frame.0);
            window.resolution.set_physical_resolution(frame.1.x, frame.1.y);
            window.decorations = monitor.is_none();
            window.present_mode = pace(monitor);
            *placed_on = monitor;
            view.place = Some(place);
        } else if window.mode != mode {
            window.mode = mode;
        }
        return;
    }
    if tried.is_some_and(|t| t.elapsed() < REOPEN_AFTER) {
        return;
    }
    *tried = Some(Instant::now());
    if let Some(old) = view.camera.take() {
        commands.entity(old).despawn();
    }
    info!("projector: {place}");
    // There was one, and nobody took it away on purpose.
    view.reopened += u32::from(std::mem::replace(&mut view.opened, true));
    let window = commands
        .spawn((
            ProjectorWindow,
            Window {
                title: "Billiards Trainer: projector".to_owned(),
                name: Some("billiards-trainer-projector".to_owned()),
                // Placed and sized first, made fullscreen the turn after: without a window manager
                // nobody answers the second wish, and the first already fills the monitor.
                mode: WindowMode::Windowed,
                position: WindowPosition::At(frame.0),
                resolution: WindowResolution::new(frame.1.x, frame.1.y).with_scale_factor_override(1.0),
                present_mode: pace(monitor),
                decorations: monitor.is_none(),
                focused: false,
                desired_maximum_frame_latency: NonZero::new(1),
                ..default()
            },
            CursorOptions {
                visible: false,
                ..default()
            },
        ))
        .id();
    view.camera = Some(spawn_camera(
        &mut commands,
        RenderTarget::Window(WindowRef::Entity(window)),
    ));
    view.window = Some(window);
    view.place = Some(place);
    *placed_on = monitor;
}

/// Only a projector waits for its screen: a window among others that is covered would hold up everything.
const fn pace(monitor: Option<Entity>) -> PresentMode {
    if monitor.is_some() {
        PresentMode::Fifo
    } else {
        PresentMode::AutoNoVsync
    }
}

type Monitors<'w, 's> = Query<'w, 's, (Entity, &'static Monitor, Has<PrimaryMonitor>)>;

/// The monitor of that name; without a name, the first one that is not the operator's: the
/// primary one, or where the window system names none, the one at the origin.
fn choose_monitor(monitors: &Monitors, name: &str) -> Option<(Entity, String)> {
    let mut all: Vec<_> = monitors
        .iter()
        .map(|(e, m, primary)| {
            let name = m.name.clone().unwrap_or_else(|| "unnamed".to_owned());
            (e, name, m.physical_position, primary)
        })
        .collect();
    if !name.is_empty() {
        return all.into_iter().find(|m| m.1 == name).map(|m| (m.0, m.1));
    }
    all.sort_by_key(|m| (m.2.x, m.2.y));
    let operator = all
        .iter()
        .position(|m| m.3)
        .or_else(|| all.iter().position(|m| m.2 == IVec2::ZERO))
        .unwrap_or(0);
    all.into_iter()
        .enumerate()
        .find(|(i, _)| *i != operator)
        .map(|(_, m)| (m.0, m.1))
}

/// Fits the projection to the size of the picture.
fn follow_size(
    mut commands: Commands,
    mut view: ResMut<ProjectorView>,
    config: Res<Config>,
    stage: Res<Stage>,
    calibrating: Res<Calibrating>,
    drawn: Res<Drawn>,
    windows: Query<&Window, With<ProjectorWindow>>,
    mut applied: Local<Option<(Entity, (u32, u32), u64, bool)>>,
) {
    if view.picture.is_none() {
        view.size = windows
            .iter()
            .next()
            .map(|w| (w.physical_width().max(1), w.physical_height().max(1)));
        if view.size.is_none() {
            view.window = None;
        }
    }
    let (Some(camera), Some(size)) = (view.camera, view.size) else {
        return;
    };
    let now = Some((camera, size, calibrating.version(), drawn.pattern.is_some()));
    if *applied == now {
        return;
    }
    *applied = now;
    let (w, h) = (f64::from(size.0), f64::from(size.1));
    let by_corners = |corners| Mapping::by_corners(&stage.table, corners, w, h);
    let mapping = match (&drawn.pattern, calibrating.projector()) {
        (Some(_), _) => Mapping::pixels(w, h),
        (None, Some(projector)) => Mapping::calibrated(projector),
        (None, None) => {
            let set = by_corners(config.projector.corners);
            view.keystone_bad = set.is_none();
            set
        }
    };
    if let Some(mapping) = mapping.or_else(|| by_corners(None)) {
        commands
            .entity(camera)
            .insert((Projection::custom(Keystone(mapping.ndc)), Mapped(mapping)));
    }
}

/// How places come into the projector's picture.
#[derive(Clone, Copy, Debug, Component)]
struct Mapped(Mapping);

/// Puts the shapes into the mesh and the lines of text.
fn draw(
    drawn: Res<Drawn>,
    mapped: Query<Ref<Mapped>>,
    light: Query<&Mesh2d, With<Light>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut done: Local<(u64, Option<Arc<Pattern>>, u8)>,
) {
    let Some(mapped) = mapped.iter().next() else {
        return;
    };
    let pattern = drawn.pattern.as_ref();
    let same_pattern = pattern.map(Arc::as_ptr) == done.1.as_ref().map(Arc::as_ptr);
    let steps = drawn.steps_left(Instant::now());
    if done.0 == drawn.version && same_pattern && done.2 == steps && !mapped.is_changed() {
        return;
    }
    *done = (drawn.version, pattern.cloned(), steps);
    let opacity = f32::from(steps) / f32::from(FADE_STEPS);
    let mut triangles = match pattern {
        Some(pattern) => Triangles::of_marks(&pattern.marks),
        None => mapped.0.triangles(&drawn.shapes, &drawn.theme),
    };
    if pattern.is_none() {
        for colour in &mut triangles.colours {
            colour[3] *= opacity;
        }
    }
    for handle in &light {
        if let Some(mut mesh) = meshes.get_mut(&handle.0) {
            *mesh = mesh_of(&triangles);
        }
    }
}

fn mesh_of(triangles: &Triangles) -> Mesh {
    let mut mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default());
    // A mesh needs a triangle; one without area shows nothing.
    if triangles.indices.is_empty() {
        mesh.insert_attribute(Mesh::ATTRIBUTE_POSITION, vec![[0.0_f32; 3]; 3]);
        mesh.insert_attribute(Mesh::ATTRIBUTE_COLOR, vec![[0.0_f32; 4]; 3]);
        mesh.insert_indices(Indices::U32(vec![0, 1, 2]));
        return mesh;
    }
    let positions: Vec<[f32; 3]> = triangles.positions.iter().map(|p| [p[0], p[1], 0.0]).collect();
    mesh.insert_attribute(Mesh::ATTRIBUTE_POSITION, positions);
    mesh.insert_attribute(Mesh::ATTRIBUTE_COLOR, triangles.colours.clone());
    mesh.insert_indices(Indices::U32(triangles.indices.clone()));
    mesh
}
