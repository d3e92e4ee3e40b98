//! What every request handler can reach.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore, watch};
use tracing::warn;

use super::auth::Gate;
use super::feed::Feed;
use super::frames::Pictures;
use super::idempotency::Answered;
use super::jobs::Jobs;
use super::problem::Problem;
use super::rate::Rates;
use super::{Options, Shared};
use crate::system::command::OperatorCommand;
use crate::system::snapshot::Snapshot;

/// Simulations of `POST /predict` at one time: they may not take the table's own cores.
const SIMULATIONS: usize = 1;

/// Shared by all handlers of one server.
pub(super) struct Context {
    pub(super) options: Options,
    pub(super) shared: Shared,
    pub(super) bound: SocketAddr,
    /// Turns true when the server is to stop.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) pulse: Pulse,
    pub(super) gate: Arc<Gate>,
    pub(super) rates: Rates,
    pub(super) feed: Feed,
    pub(super) pictures: Pictures,
    pub(super) simulations: Arc<Semaphore>,
    /// Answers to wishes that may come again.
    pub(super) answered: Answered,
    /// Long work that was asked for.
    pub(super) jobs: Jobs,
    /// Held while settings are changed.
    pub(super) settings: Arc<Mutex<()>>,
    pub(super) websockets: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
}

impl Context {
    pub(super) fn new(
        options: Options,
        shared: Shared,
        bound: SocketAddr,
        gate: Gate,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            gate: Arc::new(gate),
            rates: Rates::default(),
            simulations: Arc::new(Semaphore::new(SIMULATIONS)),
            answered: Answered::default(),
            jobs: Jobs::default(),
            settings: Arc::default(),
            websockets: Arc::new(Semaphore::new(options.max_websockets)),
            streams: Arc::new(Semaphore::new(options.max_streams)),
            pulse: Pulse::new(),
            feed: Feed::default(),
            pictures: Pictures::default(),
            options,
            shared,
            bound,
            stop,
        }
    }

    /// The newest snapshot, or a problem while there is none.
    pub(super) fn snapshot(&self) -> Result<Arc<Snapshot>, Problem> {
        self.shared.snapshot.load_full().ok_or_else(|| {
            Problem::unavailable(
                "starting",
                "The trainer is still starting; try again in a moment.",
            )
        })
    }

    /// True when the main loop has made no snapshot for too long.
    pub(super) fn is_stale(&self) -> bool {
        if let Some(snapshot) = self.shared.snapshot.load().as_ref() {
            self.pulse.note(snapshot.sequence);
        }
        self.pulse.age() > self.options.stale_after
    }

    /// Hands a wish to the main loop, without waiting.
    pub(super) fn send(&self, command: OperatorCommand) -> Result<(), Problem> {
        use crossbeam_channel::TrySendError;
        self.shared
            .commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => Problem::unavailable(
                    "busy",
                    "Too many commands are waiting to be carried out; try again in a moment.",
                ),
                TrySendError::Disconnected(_) => Problem::unavailable(
                    "stopping",
                    "The trainer is stopping and takes no further commands.",
                ),
            })
    }
}

/// Remembers when the snapshot last changed, on a clock that can't be set.
pub(super) struct Pulse {
    start: Instant,
    /// Sequence + 1 of the newest snapshot; 0 before the first.
    sequence: AtomicU64,
    changed_ms: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            sequence: AtomicU64::new(0),
            changed_ms: AtomicU64::new(0),
        }
    }

    /// Takes in the sequence of the newest snapshot.
    pub(super) fn note(&self, sequence: u64) {
        let mark = sequence.wrapping_add(1);
        if self.sequence.swap(mark, Relaxed) != mark {
            let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.changed_ms.store(ms, Relaxed);
        }
    }

    /// Time since the last change, or since the start before the first snapshot.
    pub(super) fn age(&self) -> Duration {
        self.start
            .elapsed()
            .saturating_sub(Duration::from_millis(self.changed_ms.load(Relaxed)))
    }
}

/// What goes wrong again and again is told once.
#[derive(Debug, Default)]
pub(super) struct Trouble(std::sync::Mutex<Option<String>>);

impl Trouble {
    pub(super) fn tell(&self, words: String) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(&words) {
            warn!("{words}");
            *told = Some(words);
        }
    }

    pub(super) fn is_over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Returns when the server is to stop.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|s| *s).await;
}

/// The time now, RFC 3339 UTC with milliseconds.
pub(super) fn now() -> String {
    use time::format_description::well_known::Rfc3339;
    let now = time::OffsetDateTime::now_utc();
    let millis = now.replace_millisecond(now.millisecond()).unwrap_or(now);
    millis
        .format(&Rfc3339)
        .unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}
