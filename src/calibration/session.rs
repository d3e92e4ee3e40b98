//! Something that shows pictures and looks at frames, under way: its thread looks and decides, others show and hand in frames.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::flow::CalibrationFault;
use super::pattern::Pattern;
use crate::vision::frame::Frame;

/// Frames that wait to be looked at; more are left out.
const WAITING: usize = 4;
/// A camera that gives nothing for so long ends the calibration.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// It takes seconds; after so long somebody keeps it from ending.
const LONGEST: Duration = Duration::from_secs(120);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// 0..1.
    pub share: f64,
    /// What is being done.
    pub words: &'static str,
}

/// What shows one picture after another and looks at the frames that come, until it knows.
pub trait Steps: Send + 'static {
    /// What it finds.
    type Found: Send;

    /// What the projector is to show now.
    fn pattern(&self) -> &Arc<Pattern>;

    /// How far it is.
    fn progress(&self) -> Progress;

    /// Takes a frame. `shown`: since when the present [`pattern`](Self::pattern) has been shown.
    ///
    /// # Errors
    /// [`CalibrationFault`] where it can't be done; nothing else happens then.
    fn look(&mut self, frame: &Frame, shown: Instant) -> Result<Option<Self::Found>, CalibrationFault>;
}

/// Steps that are being taken. Dropping it ends them; nothing is kept then.
#[derive(Debug)]
pub struct Session<F> {
    frames: Sender<Seen>,
    shared: Arc<Shared<F>>,
}

#[derive(Debug)]
struct Seen {
    frame: Frame,
    pattern: Arc<Pattern>,
    shown: Instant,
}

#[derive(Debug)]
struct Shared<F> {
    wanted: ArcSwap<Pattern>,
    progress: Mutex<Progress>,
    outcome: Mutex<Option<Result<F, CalibrationFault>>>,
    stop: AtomicBool,
}

impl<F: Send + 'static> Session<F> {
    /// Begins.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(steps: impl Steps<Found = F>) -> std::io::Result<Self> {
        let (frames, seen) = bounded(WAITING);
        let shared = Arc::new(Shared {
            wanted: ArcSwap::new(Arc::clone(steps.pattern())),
            progress: Mutex::new(steps.progress()),
            outcome: Mutex::new(None),
            stop: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("calibration".to_owned())
            .spawn(move || {
                let outcome = follow(steps, &seen, &theirs);
                *theirs.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            })?;
        Ok(Self { frames, shared })
    }

    /// What the projector is to show now.
    #[must_use]
    pub fn wanted(&self) -> Arc<Pattern> {
        self.shared.wanted.load_full()
    }

    /// Hands in a frame, with the pattern that has been shown since then. One too many is left out.
    pub fn offer(&self, frame: Frame, pattern: &Arc<Pattern>, shown: Instant) {
        let seen = Seen {
            frame,
            pattern: Arc::clone(pattern),
            shown,
        };
        drop(self.frames.try_send(seen));
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self
            .shared
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of it, once.
    #[must_use]
    pub fn take_outcome(&self) -> Option<Result<F, CalibrationFault>> {
        self.shared
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<F> Drop for Session<F> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// Looks at frames until there is an outcome; `None` when told to stop.
fn follow<S: Steps>(
    mut steps: S,
    seen: &Receiver<Seen>,
    shared: &Shared<S::Found>,
) -> Option<Result<S::Found, CalibrationFault>> {
    let begun = Instant::now();
    let mut last = begun;
    loop {
        if shared.stop.load(Ordering::Relaxed) {
            return None;
        }
        match seen.recv_timeout(Duration::from_millis(100)) {
            Ok(Seen {
                frame,
                pattern,
                shown,
            }) => {
                last = Instant::now();
                // What was shown before says nothing.
                if !Arc::ptr_eq(&pattern, steps.pattern()) {
                    continue;
                }
                match steps.look(&frame, shown) {
                    Ok(None) => {}
                    Ok(Some(found)) => return Some(Ok(found)),
                    Err(fault) => return Some(Err(fault)),
                }
                *shared.progress.lock().unwrap_or_else(PoisonError::into_inner) = steps.progress();
                shared.wanted.store(Arc::clone(steps.pattern()));
            }
            Err(RecvTimeoutError::Timeout) if last.elapsed() > SILENT_FOR => {
                return Some(Err(CalibrationFault::NoPictures));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        if begun.elapsed() > LONGEST {
            return Some(Err(CalibrationFault::TooLong));
        }
    }
}
