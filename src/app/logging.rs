//! The log: to stderr, to a file if asked, and the last lines for dashboard and network.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bevy::prelude::Resource;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use super::log_file::LogFile;
use super::log_limit::LogLimit;
use crate::system::snapshot::LogLine;

/// Lines kept for an operator to look at.
const KEPT: usize = 200;

/// The last lines of the log.
#[derive(Clone, Debug, Default, Resource)]
pub struct LogRing {
    inner: Arc<Mutex<Ring>>,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    version: u64,
}

impl LogRing {
    /// The lines, if there are new ones since `version`, which is moved on.
    #[must_use]
    pub fn news(&self, version: &mut u64) -> Option<Vec<LogLine>> {
        let ring = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (ring.version != *version).then(|| {
            *version = ring.version;
            ring.lines.iter().cloned().collect()
        })
    }

    /// Takes a line in, under the next number.
    fn push(&self, mut line: LogLine) {
        let mut ring = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.lines.len() >= KEPT {
            ring.lines.pop_front();
        }
        line.id = ring.version;
        ring.lines.push_back(line);
        ring.version += 1;
    }
}

/// The ring of this process, for a crash report.
static RING: OnceLock<LogRing> = OnceLock::new();

/// The last lines of the log, without waiting for whoever writes one: a panic may have come in the middle of that.
pub(super) fn last_lines() -> Vec<String> {
    let Some(ring) = RING.get() else { return Vec::new() };
    let Ok(ring) = ring.inner.try_lock() else {
        return Vec::new();
    };
    let line = |l: &LogLine| format!("{} {:5} {}: {}", l.time, l.level, l.target, l.message);
    ring.lines.iter().map(line).collect()
}

impl<S: Subscriber> Layer<S> for LogRing {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARN",
            Level::INFO => "INFO",
            _ => return,
        };
        let mut words = Words::default();
        event.record(&mut words);
        self.push(LogLine {
            id: 0,
            time: now(),
            level,
            target: event
                .metadata()
                .target()
                .split("::")
                .take(2)
                .collect::<Vec<_>>()
                .join("::"),
            message: words.0,
        });
    }
}

/// The message of an event, its fields behind it.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string can't fail.
        if field.name() == "message" {
            self.0.insert_str(0, &format!("{value:?}"));
        } else if !field.name().starts_with("log.") {
            write!(self.0, " {}={value:?}", field.name()).ok();
        }
    }
}

/// This moment, UTC, RFC 3339 to the millisecond.
#[must_use]
pub fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    let now = now
        .replace_nanosecond(now.nanosecond() / 1_000_000 * 1_000_000)
        .unwrap_or(now);
    now.format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}

/// Starts logging. `level` is a level or a filter such as `info,wgpu=error`.
pub(super) fn start(level: &str, file: Option<&Path>) -> Result<LogRing, String> {
    // What the engine says about itself is of no use at the venue, unless it is bad.
    let quiet = "wgpu=error,wgpu_hal=off,naga=error,bevy_render=error,bevy_egui=error,bevy_ecs=error,bevy_winit=warn,bevy_window=warn,winit=error,\
                 bevy_app=warn,bevy_diagnostic=warn,bevy_asset=error,sctk=off,calloop=error";
    // A bare unknown word would be taken for the name of a part of the program, and silence the rest.
    let plain = !level.contains(['=', ',']);
    if plain && level.parse::<tracing_subscriber::filter::LevelFilter>().is_err() {
        return Err(format!(
            "log level `{level}` is not known; write error, warn, info, debug or trace"
        ));
    }
    let filter = EnvFilter::try_new(format!("{quiet},{level}")).map_err(|e| {
        format!("log level `{level}` is not understood ({e}); write error, warn, info, debug or trace")
    })?;
    let ring = LogRing::default();
    RING.get_or_init(|| ring.clone());
    let to_file = match file {
        Some(path) => {
            let file = LogFile::open(path).map_err(|e| {
                format!(
                    "cannot write the log file {}: {e}; check the folder or leave out --log-file",
                    path.display()
                )
            })?;
            Some(
                tracing_subscriber::fmt::layer()
                    .with_ansi(false)
                    .with_writer(Mutex::new(file)),
            )
        }
        None => None,
    };
    let to_terminal = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_timer(tracing_subscriber::fmt::time::uptime());
    tracing_subscriber::registry()
        .with(filter)
        .with(
            to_terminal
                .and_then(to_file)
                .and_then(ring.clone())
                .with_filter(LogLimit::default()),
        )
        .try_init()
        .map_err(|e| format!("logging cannot be started: {e}"))?;
    Ok(ring)
}
