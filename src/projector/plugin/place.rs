//! Where the projector draws: a window of its own on the chosen monitor, or a picture off-screen.

use std::num::NonZero;
use std::time::{Duration, Instant};

use bevy::camera::RenderTarget;
use bevy::camera::visibility::{NoCpuCulling, RenderLayers};
use bevy::prelude::*;
use bevy::window::{
    CursorOptions, Monitor, PresentMode, PrimaryMonitor, PrimaryWindow, WindowMode, WindowRef,
    WindowResolution,
};

use super::ProjectorView;
use crate::app::{Config, PROJECTOR_LAYER};
use crate::system::faults::{self, Does};

/// Marks the projector's window.
#[derive(Debug, Component)]
pub(super) struct ProjectorWindow;

/// Marks the projector's camera.
#[derive(Debug, Component)]
struct ProjectorCamera;

/// Size of the picture that is drawn off-screen.
const PICTURE: (u32, u32) = (1920, 1080);

/// Draws off-screen where there is no window.
pub(super) fn keep_picture(
    mut commands: Commands,
    mut images: ResMut<Assets<Image>>,
    mut view: ResMut<ProjectorView>,
) {
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
/// So long a window that was placed is held there: until then others have had their say where it goes.
const SETTLES: Duration = Duration::from_secs(5);

/// Where the window was put.
#[derive(Default)]
pub(super) struct Placed {
    /// A monitor, its corner and its size.
    at: Option<(Entity, (IVec2, UVec2))>,
    /// When.
    since: Option<Instant>,
}

impl Placed {
    fn now(at: Option<(Entity, (IVec2, UVec2))>) -> Self {
        let since = Some(Instant::now());
        Self { at, since }
    }

    fn may_still_move(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() < SETTLES)
    }
}

/// Opens the projector's window, and opens it again when it has gone or its monitor has come back.
pub(super) fn keep_window(
    mut commands: Commands,
    mut view: ResMut<ProjectorView>,
    config: Res<Config>,
    mut windows: Query<(Entity, &mut Window), With<ProjectorWindow>>,
    primary: Query<&Window, (With<PrimaryWindow>, Without<ProjectorWindow>)>,
    monitors: Monitors,
    mut tried: Local<Option<Instant>>,
    mut placed: Local<Placed>,
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
    // Beside the dashboard it may be moved and sized by hand.
    let wanted_at = monitor.map(|monitor| (monitor, frame));
    if let Ok((_, mut window)) = windows.single_mut() {
        if placed.at != wanted_at {
            info!("projector: {place}");
            window.mode = WindowMode::Windowed;
            window.position = WindowPosition::At(frame.0);
            window.resolution.set_physical_resolution(frame.1.x, frame.1.y);
            window.decorations = monitor.is_none();
            window.present_mode = pace(monitor);
            *placed = Placed::now(wanted_at);
            view.place = Some(place);
        } else if window.mode != mode {
            window.mode = mode;
        } else if monitor.is_some() && placed.may_still_move() {
            // The window library puts what becomes fullscreen at the corner that its monitor had at the start, and does
            // not always tell. A wish that differs from the last one makes it look where the window really is.
            let corner = WindowPosition::At(frame.0);
            window.position = match window.position {
                WindowPosition::Automatic => corner,
                _ => WindowPosition::Automatic,
            };
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
    *placed = Placed::now(wanted_at);
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
