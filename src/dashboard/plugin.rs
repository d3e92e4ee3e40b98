//! Shows the dashboard in the operator's window, or off-screen while somebody looks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bevy::camera::RenderTarget;
use bevy::camera::visibility::RenderLayers;
use bevy::prelude::*;
use bevy::window::{PrimaryWindow, WindowCloseRequested, WindowClosed};
use bevy_egui::{EguiContext, EguiGlobalSettings, EguiPlugin, EguiPrimaryContextPass, PrimaryEguiContext};

use super::{Dashboard, dashboard};
use crate::app::{DASHBOARD_LAYER, Display, Ending, Stage, WANTED_FOR};

/// The operator's dashboard.
#[derive(Debug)]
pub struct DashboardPlugin;

impl Plugin for DashboardPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<DashboardView>();
        let display = app.world().get_resource::<Stage>().map(|s| s.display.clone());
        let spawn = match display {
            Some(Display::Windows(_)) => spawn_in_window.into_configs(),
            Some(Display::Offscreen(_)) => spawn_off_screen.into_configs(),
            _ => return,
        };
        app.add_plugins(EguiPlugin::default())
            .add_systems(PreStartup, |mut settings: ResMut<EguiGlobalSettings>| {
                settings.auto_create_primary_context = false;
            })
            .add_systems(Startup, spawn)
            .add_systems(Update, end_with_the_window)
            .add_systems(EguiPrimaryContextPass, show);
    }
}

/// Where the dashboard is drawn.
#[derive(Debug, Default, Resource)]
pub struct DashboardView {
    /// The picture, when it is drawn off-screen.
    pub picture: Option<Handle<Image>>,
    /// The window, when there is one.
    pub window: Option<Entity>,
    /// The camera that draws it.
    pub camera: Option<Entity>,
}

/// Size of the dashboard off-screen.
const PICTURE: (u32, u32) = (1280, 800);

/// Whoever closes the dashboard's window wants the program to end; when the window goes any
/// other way, it is only not there.
fn end_with_the_window(
    mut view: ResMut<DashboardView>,
    mut closing: MessageReader<WindowCloseRequested>,
    mut closed: MessageReader<WindowClosed>,
    mut ending: ResMut<Ending>,
) {
    let window = view.window;
    if closing.read().any(|c| Some(c.window) == window) {
        info!("the dashboard was closed");
        ending.begin(0);
    }
    if closed.read().any(|c| Some(c.window) == window) && window.is_some() {
        view.window = None;
    }
}

fn spawn_in_window(
    mut commands: Commands,
    mut view: ResMut<DashboardView>,
    windows: Query<Entity, With<PrimaryWindow>>,
) {
    view.window = windows.iter().next();
    view.camera = Some(spawn_camera(&mut commands, RenderTarget::default()));
}

fn spawn_off_screen(
    mut commands: Commands,
    mut view: ResMut<DashboardView>,
    mut images: ResMut<Assets<Image>>,
) {
    let picture = images.add(crate::app::target_picture(PICTURE.0, PICTURE.1));
    view.camera = Some(spawn_camera(
        &mut commands,
        RenderTarget::Image(picture.clone().into()),
    ));
    view.picture = Some(picture);
}

fn spawn_camera(commands: &mut Commands, target: RenderTarget) -> Entity {
    commands
        .spawn((
            Camera2d,
            Msaa::Off,
            target,
            PrimaryEguiContext,
            RenderLayers::layer(DASHBOARD_LAYER),
        ))
        .id()
}

fn show(
    mut context: Single<&mut EguiContext, With<PrimaryEguiContext>>,
    stage: Res<Stage>,
    mut state: Local<Dashboard>,
    mut failed: Local<Option<String>>,
) {
    let offscreen = matches!(stage.display, Display::Offscreen(_));
    if offscreen && !stage.dashboard_picture.is_wanted(WANTED_FOR) {
        return;
    }
    let snapshot = stage.snapshot.load_full();
    let ctx = context.get_mut().clone();
    let drawn = catch_unwind(AssertUnwindSafe(|| {
        dashboard(&ctx, &mut state, snapshot.as_ref().map(Arc::as_ref))
    }));
    match drawn {
        Ok(wishes) => {
            *failed = None;
            for wish in wishes {
                // A full queue means the main loop is far behind: the operator will press again.
                stage.commands.try_send(wish).ok();
            }
        }
        Err(_) => {
            if failed.is_none() {
                error!("the dashboard could not be drawn; it is tried again");
            }
            *failed = Some("the dashboard could not be drawn".to_owned());
            *state = Dashboard::default();
        }
    }
}
