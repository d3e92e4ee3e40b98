//! The network side: an HTTP server on a thread of its own, with a web page and a WebSocket.
//!
//! The thread reads one immutable [`Snapshot`], swapped in once per turn of the main loop,
//! and sends bounded [`OperatorCommand`]s back. It never touches anything else of the
//! program, so that no client, however slow or hostile, can hold up the table.

pub mod auth;
mod connection;
mod context;
mod endpoint;
mod feed;
mod frames;
mod guard;
mod handlers;
mod idempotency;
mod jobs;
mod metrics;
mod motion;
mod openapi;
mod page;
mod picture;
pub mod plugin;
mod probe;
mod problem;
mod rate;
mod routes;
mod server;
mod slot;
mod stats;
mod stream;
mod suggest;
#[cfg(test)]
mod tests;
mod tls;
mod views;
mod websocket;
mod what_if;

pub use server::{ApiError, ApiServer};
pub use slot::PictureSlot;
pub use stats::ApiStats;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::config::Overrides;
use crate::ops::installation::Installation;
use crate::system::command::OperatorCommand;
use crate::system::snapshot::Snapshot;

/// Where to listen, and how much to bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Address or name to listen on. Only this one is bound.
    pub host: String,
    /// Port; 0 lets the system choose, see [`ApiServer::local_addr`].
    pub port: u16,
    /// Further names under which the server may be called while it listens on loopback,
    /// for a proxy that passes on its own name.
    pub allowed_hosts: Vec<String>,
    /// Origins of other sites whose pages may ask.
    pub allowed_origins: Vec<String>,
    /// Also on this machine nobody comes in without a token: for a proxy that does not say for whom it speaks.
    pub require_token: bool,
    /// Certificate and private key, PEM files; `None`: connections are not encrypted.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where tokens are kept; `None`: there are none.
    pub state_folder: Option<PathBuf>,
    /// Whose backups are told of.
    pub installation: Option<Installation>,
    /// Where the settings are; `None`: they can be neither shown nor changed.
    pub settings: Option<SettingsPlace>,
    /// Connections at one time; a further one is told so and closed.
    pub max_connections: usize,
    /// WebSocket clients at one time.
    pub max_websockets: usize,
    /// Motion-JPEG streams at one time.
    pub max_streams: usize,
    /// A snapshot that has not changed for longer than this means that the main loop hangs.
    pub stale_after: Duration,
    /// A frame older than this is no longer fresh.
    pub fresh_frame: Duration,
    /// How long a client may keep the server waiting for the rest of a request.
    pub request_timeout: Duration,
    /// How long a WebSocket client may take nothing before it is let go.
    pub send_timeout: Duration,
}

/// Where the settings are, to read and change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsPlace {
    /// The site file, if there is one.
    pub file: Option<PathBuf>,
    /// What goes above it.
    pub overrides: Overrides,
    /// Where changes are kept.
    pub state_folder: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8000,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            require_token: false,
            tls: None,
            state_folder: None,
            installation: None,
            settings: None,
            max_connections: 1280,
            max_websockets: 1000,
            max_streams: 8,
            stale_after: Duration::from_secs(5),
            fresh_frame: Duration::from_secs(2),
            request_timeout: Duration::from_secs(8),
            send_timeout: Duration::from_secs(5),
        }
    }
}

/// Everything the API thread shares with the rest of the program.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The newest picture of everything; empty until the first turn of the main loop.
    pub snapshot: Arc<ArcSwapOption<Snapshot>>,
    /// Wishes of operators. Bounded; a full channel is told to the client.
    pub commands: crossbeam_channel::Sender<OperatorCommand>,
    /// The projector's picture, made on request.
    pub projector: Arc<PictureSlot>,
    /// The dashboard's picture, made on request.
    pub dashboard: Arc<PictureSlot>,
    /// What the API itself counts.
    pub stats: Arc<ApiStats>,
}
