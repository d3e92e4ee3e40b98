//! A calibration under way: its thread looks and decides, others show and hand in frames.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::flow::{Calibration, CalibrationFault, Flow, Plan};
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

/// A running calibration. Dropping it ends it; nothing is kept then.
#[derive(Debug)]
pub struct Session {
    frames: Sender<Seen>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Seen {
    frame: Frame,
    pattern: Arc<Pattern>,
    shown: Instant,
}

#[derive(Debug)]
struct Shared {
    wanted: ArcSwap<Pattern>,
    progress: Mutex<Progress>,
    outcome: Mutex<Option<Result<Calibration, CalibrationFault>>>,
    stop: AtomicBool,
}

impl Session {
    /// Begins.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(plan: Plan) -> std::io::Result<Self> {
        let flow = Flow::new(plan);
        let (frames, seen) = bounded(WAITING);
        let (share, words) = flow.progress();
        let shared = Arc::new(Shared {
            wanted: ArcSwap::new(Arc::clone(flow.pattern())),
            progress: Mutex::new(Progress { share, words }),
            outcome: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("calibration".to_owned())
            .spawn(move || {
                let outcome = follow(flow, &seen, &theirs);
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
    pub fn take_outcome(&self) -> Option<Result<Calibration, CalibrationFault>> {
        self.shared
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// Looks at frames until there is an outcome; `None` when told to stop.
fn follow(
    mut flow: Flow,
    seen: &Receiver<Seen>,
    shared: &Shared,
) -> Option<Result<Calibration, CalibrationFault>> {
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
                if !Arc::ptr_eq(&pattern, flow.pattern()) {
                    continue;
                }
                match flow.look(&frame, shown) {
                    Ok(None) => {}
                    Ok(Some(found)) => return Some(Ok(found)),
                    Err(fault) => return Some(Err(fault)),
                }
                let (share, words) = flow.progress();
                *shared.progress.lock().unwrap_or_else(PoisonError::into_inner) = Progress { share, words };
                shared.wanted.store(Arc::clone(flow.pattern()));
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
