//! What is settled before the first turn: the display, the source, the address.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bevy::prelude::*;
use bevy::window::{PresentMode, WindowResolution};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Bell, Display, RunOptions};
use crate::api::PictureSlot;
use crate::config::Settings;
use crate::system::command::OperatorCommand;
use crate::system::snapshot::Snapshot;
use crate::table::TableSpec;

/// Render layer of everything in the operator's window.
pub const DASHBOARD_LAYER: usize = 0;
/// Render layer of everything on the cloth.
pub const PROJECTOR_LAYER: usize = 1;

/// Wishes waiting to be carried out; more are refused.
const COMMANDS_WAITING: usize = 64;

/// What every module shares.
#[derive(Clone, Debug, Resource)]
pub struct Stage {
    /// Where the program draws.
    pub display: Display,
    /// The table.
    pub table: Arc<TableSpec>,
    /// The newest snapshot; `None` before the first turn.
    pub snapshot: Arc<ArcSwapOption<Snapshot>>,
    /// Where wishes of the operator go.
    pub commands: Sender<OperatorCommand>,
    /// Where they come out.
    pub wishes: Receiver<OperatorCommand>,
    /// Wakes the main loop.
    pub bell: Arc<Bell>,
    /// The projector's picture, made on request.
    pub projector_picture: Arc<PictureSlot>,
    /// The dashboard's picture, made on request.
    pub dashboard_picture: Arc<PictureSlot>,
}

impl Stage {
    /// Prepares what the modules share.
    ///
    /// # Errors
    /// When the settings describe no possible table, or the API's address can't be had.
    pub fn set_up(settings: &Settings, options: &RunOptions) -> Result<Self, String> {
        if settings.api.enabled {
            check_address(&settings.api.host, settings.api.port)?;
        }
        let display = Display::choose(options.headless);
        Self::on(display, settings)
    }

    /// The stage on a given display.
    ///
    /// # Errors
    /// When the settings describe no possible table.
    pub fn on(display: Display, settings: &Settings) -> Result<Self, String> {
        let table = settings.table_spec().map_err(|e| e.to_string())?;
        let (commands, wishes) = bounded(COMMANDS_WAITING);
        Ok(Self {
            display,
            table: Arc::new(table),
            snapshot: Arc::default(),
            commands,
            wishes,
            bell: Arc::default(),
            projector_picture: Arc::default(),
            dashboard_picture: Arc::default(),
        })
    }
}

/// The operator's window.
pub(super) fn dashboard_window() -> Window {
    Window {
        title: "Billiards Trainer".to_owned(),
        name: Some("billiards-trainer".to_owned()),
        resolution: WindowResolution::new(1280, 800),
        // Two windows that wait for the screen would wait for each other; only the projector does.
        present_mode: PresentMode::AutoNoVsync,
        ..default()
    }
}

/// An address that is taken at start-up is told at once; later losses are the API module's to mend.
fn check_address(host: &str, port: u16) -> Result<(), String> {
    std::net::TcpListener::bind((host, port)).map(drop).map_err(|e| {
        format!(
            "cannot listen on {host}:{port} ({e}); stop the other program or choose another --port or --host"
        )
    })
}
