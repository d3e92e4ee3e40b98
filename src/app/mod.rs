//! The application: plugin groups, system order, module guard, errors, logging, shutdown.

mod display;
mod errors;
mod gpu;
mod guard;
mod log_file;
mod log_limit;
mod logging;
mod monitors;
mod pictures;
mod sets;
mod shutdown;
mod stage;
mod wake;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bevy::app::{PluginGroupBuilder, TerminalCtrlCHandlerPlugin};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::settings::WgpuSettings;
use bevy::window::ExitCondition;
use bevy::winit::{UpdateMode, WinitPlugin, WinitSettings};

pub(crate) use display::window_system;
pub use display::{Adapter, Display};
pub use gpu::DrawingFailed;
pub use guard::{MainPulse, ModuleFaults, guarded};
pub use log_limit::log_lines_left_out;
pub use logging::{LogRing, now};
pub use pictures::{PicturesPlugin, WANTED_FOR, target_picture};
pub use sets::{ApiStep, CoreStep, CoreTick, ProjectorStep, SetsPlugin, StreetSystems, VisionStep};
pub(crate) use shutdown::reload_asked;
pub use shutdown::{Ending, ShutdownPlugin, Started};
pub use stage::{DASHBOARD_LAYER, PROJECTOR_LAYER, Stage};
pub use wake::Bell;

use crate::api::plugin::ApiPlugin;
use crate::calibration::plugin::CalibrationPlugin;
use crate::config::{Loaded, Overrides, Settings, sweep_unfinished};
use crate::dashboard::plugin::DashboardPlugin;
use crate::projector::plugin::ProjectorPlugin;
use crate::system::plugin::SystemPlugin;
use crate::system::run_marker::{RunMarker, boot_id};
use crate::system::{crash, faults, watchdog};
use crate::trainer::plugin::CorePlugin;
use crate::vision::plugin::VisionPlugin;

/// How the application is to run, beyond its settings.
#[derive(Clone, Debug, Default, Resource)]
pub struct RunOptions {
    /// No windows, even where a display exists.
    pub headless: bool,
    /// End by itself after this long.
    pub duration: Option<Duration>,
    /// Seed of the virtual table.
    pub seed: u64,
    /// Append the log to this file.
    pub log_file: Option<std::path::PathBuf>,
    /// What is to outlast the program is kept here; `None`: nothing is.
    pub state_folder: Option<std::path::PathBuf>,
    /// The run before this one ended without a word: why, as far as that is known.
    pub crashed: Option<String>,
    /// Come up with the API only.
    pub safe_mode: bool,
    /// Calibrate camera and projector, and end; the camera's height above the cloth, where somebody has measured it, metres.
    pub calibrate: Option<Option<f64>>,
    /// Faults on purpose, for tests.
    pub faults: Option<faults::FaultScript>,
    /// What is to be told about the settings, once the log is there.
    pub notes: Vec<String>,
    /// Why the last good settings are in use instead of the site file.
    pub last_good_because: Option<String>,
    /// Where the settings came from, to read them again.
    pub site: Option<Site>,
}

/// Where settings came from.
#[derive(Clone, Debug)]
pub struct Site {
    /// As they were read.
    pub loaded: Loaded,
    /// What goes above the file.
    pub overrides: Overrides,
}

/// The settings in force.
#[derive(Clone, Debug, Resource, Deref)]
pub struct Config(pub Settings);

/// The plugins that make the trainer, in the order in which they depend on each other.
#[derive(Debug)]
pub struct TrainerPlugins;

impl PluginGroup for TrainerPlugins {
    fn build(self) -> PluginGroupBuilder {
        PluginGroupBuilder::start::<Self>()
            .add(SetsPlugin)
            .add(ShutdownPlugin)
            .add(SystemPlugin)
            .add(VisionPlugin)
            .add(CorePlugin)
            .add(CalibrationPlugin)
            .add(ProjectorPlugin)
            .add(ApiPlugin)
            .add(DashboardPlugin)
    }
}

/// Runs the application until it is told to stop.
///
/// # Errors
/// A start-up that can't succeed, as one line: what, where, what to do.
pub fn run(settings: Settings, mut options: RunOptions) -> Result<ExitCode, String> {
    let ring = logging::start(&settings.log_level, options.log_file.as_deref())?;
    for note in &options.notes {
        tracing::info!("{note}");
    }
    if let Some(reason) = &options.last_good_because {
        tracing::warn!("{reason}");
    }
    shutdown::listen()?;
    let marker = keep_track(&mut options)?;
    let ended = run_marked(settings, options, ring);
    // A start that fails and says why is no crash either.
    if let Some(marker) = marker {
        marker.take_down();
    }
    ended
}

fn run_marked(settings: Settings, options: RunOptions, ring: LogRing) -> Result<ExitCode, String> {
    if let Some(script) = options.faults.clone() {
        faults::begin(script);
    }
    let stage = Stage::set_up(&settings, &options)?;
    let mut app = App::new();
    app.set_error_handler(errors::report);
    add_engine(&mut app, &stage.display, Arc::clone(&stage.bell));
    app.insert_resource(ring)
        .insert_resource(Config(settings))
        .insert_resource(options)
        .insert_resource(stage)
        .add_plugins(TrainerPlugins);
    if !matches!(app.world().resource::<Stage>().display, Display::None(_)) {
        app.add_plugins(PicturesPlugin)
            .insert_resource(gpu::HANDLER)
            .add_systems(First, gpu::lose_on_purpose);
    }
    let pulse = app.world().resource::<MainPulse>().0.clone();
    watchdog::start(pulse, HANGS_AFTER).map_err(|e| format!("the watchdog cannot be started: {e}"))?;
    Ok(match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    })
}

/// A main loop that does not come round for this long hangs.
const HANGS_AFTER: Duration = Duration::from_millis(2500);

/// Crash reports from now on, and a mark that this run goes on.
fn keep_track(options: &mut RunOptions) -> Result<Option<RunMarker>, String> {
    let Some(folder) = &options.state_folder else {
        return Ok(None);
    };
    if let Err(error) = sweep_unfinished(folder) {
        tracing::debug!("{}: {error}", folder.display());
    }
    let crashes = folder.join("crashes");
    let about = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let marker = RunMarker::put_up(folder, &crashes, &boot_id());
    let (marker, crashed) = marker.map_err(|e| {
        format!(
            "cannot write to the state folder {}: {e}; check its rights and free space, or name another one",
            folder.display()
        )
    })?;
    options.crashed = crashed;
    crash::install(crashes, about, logging::last_lines);
    Ok(Some(marker))
}

/// Bevy itself, as much of it as the display allows.
fn add_engine(app: &mut App, display: &Display, bell: Arc<Bell>) {
    let windows = |primary_window| WindowPlugin {
        primary_window,
        // A projector that is unplugged takes its window along: that must not end the program.
        exit_condition: ExitCondition::DontExit,
        ..default()
    };
    // Logging is set up before Bevy; signals are ours; a rendered frame must not lag one turn behind.
    let common = |adapter: &Adapter| {
        DefaultPlugins
            .build()
            .disable::<LogPlugin>()
            .disable::<TerminalCtrlCHandlerPlugin>()
            .disable::<PipelinedRenderingPlugin>()
            .set(RenderPlugin {
                synchronous_pipeline_compilation: true,
                render_creation: WgpuSettings {
                    backends: Some(adapter.backends),
                    ..default()
                }
                .into(),
                ..default()
            })
    };
    match display {
        Display::Windows(adapter) => {
            app.add_plugins(common(adapter).set(windows(Some(stage::dashboard_window()))));
            app.add_plugins(monitors::MonitorsPlugin {
                bell: Arc::clone(&bell),
            });
            // An installation is rarely focused: both modes alike. A software renderer shares the
            // processor with vision, so it draws less often.
            let pace = Duration::from_secs_f64(1.0 / if adapter.software { 20.0 } else { 60.0 });
            let mode = UpdateMode::reactive_low_power(pace);
            app.insert_resource(WinitSettings {
                focused_mode: mode,
                unfocused_mode: mode,
            });
            if !adapter.software {
                app.add_systems(Startup, wake::wake_window_loop);
            }
        }
        Display::Offscreen(adapter) => {
            app.add_plugins(common(adapter).set(windows(None)).disable::<WinitPlugin>());
            app.set_runner(wake::runner(bell));
        }
        Display::None(_) => {
            app.add_plugins((MinimalPlugins, bevy::state::app::StatesPlugin));
            app.set_runner(wake::runner(bell));
        }
    }
}
