//! The thread that writes the history.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use time::OffsetDateTime;

use super::aside::set_aside;
use super::query::{Point, query};
use super::store::{Store, Trouble};
use crate::system::metrics::{Metric, Sample};
use crate::system::thread_time::thread_cpu_s;

/// Samples that may wait for the thread, and as many again for the disk: two minutes each.
const WAITING: usize = 120;
/// Time between two transactions.
const EVERY: Duration = Duration::from_secs(5);
/// The longest pause before a file that can't be opened is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The history on disk. Dropping it ends the thread after what it has is written; [`History::stop`]
/// also waits for that.
#[derive(Debug)]
pub struct History {
    sender: Sender<Message>,
    shared: Arc<Shared>,
    path: PathBuf,
}

/// How the history on disk is.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct HistoryState {
    /// Samples written since start.
    pub written: u64,
    /// Samples lost since start.
    pub lost: u64,
    /// Why nothing can be written at the moment.
    pub trouble: Option<String>,
    /// A file was moved out of the way since start: where to and why.
    pub set_aside: Option<String>,
    /// Why nothing old is deleted at the moment.
    pub not_swept: Option<&'static str>,
    /// Processor time of the thread since start, seconds.
    pub cpu_s: Option<f64>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Lost before they reached the thread.
    refused: AtomicU64,
    state: Mutex<HistoryState>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, HistoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Message {
    Sample(i64, Box<Sample>),
    /// Write what is there and answer whether nothing is left.
    Flush(Sender<bool>),
    /// The same, then close the file and end.
    Stop(Sender<bool>),
}

impl History {
    /// Starts the thread that keeps the history in the file `path`.
    ///
    /// # Errors
    /// When no thread can be started. A file that can't be written is no error here: it is told by
    /// [`History::state`] and tried again.
    pub fn start(path: &Path) -> std::io::Result<Self> {
        let (sender, receiver) = bounded(WAITING);
        let history = Self {
            sender,
            shared: Arc::default(),
            path: path.to_owned(),
        };
        let writer = Writer {
            path: path.to_owned(),
            shared: history.shared.clone(),
            store: None,
            pending: VecDeque::with_capacity(WAITING),
            born: Instant::now(),
            tried: None,
            pause: EVERY,
        };
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(history)
    }

    /// Hands over a sample that was taken now. Never waits.
    pub fn record(&self, sample: Sample) {
        self.record_at(sample, OffsetDateTime::now_utc().unix_timestamp());
    }

    /// Hands over a sample with its wall time, Unix seconds. Never waits.
    pub fn record_at(&self, sample: Sample, wall_s: i64) {
        if self
            .sender
            .try_send(Message::Sample(wall_s, Box::new(sample)))
            .is_err()
        {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> HistoryState {
        let mut state = self.shared.state().clone();
        state.lost += self.shared.refused.load(Ordering::Relaxed);
        state
    }

    /// What is recorded of a metric; see [`query`]. Reads the disk: not for the main loop. What came in
    /// the last five seconds may not be there yet.
    ///
    /// # Errors
    /// In words, when the file can't be read.
    pub fn query(&self, metric: Metric, from: i64, to: i64, step: i64) -> Result<Vec<Point>, String> {
        query(&self.path, metric, from, to, step)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what has been handed over, within `deadline`; whether all of it is written.
    #[must_use]
    pub fn flush(&self, deadline: Duration) -> bool {
        self.ask(Message::Flush, deadline)
    }

    /// Writes what has been handed over, closes the file and ends the thread; whether that was done
    /// within `deadline`. A thread that takes longer is left to itself: SQLite can be cut off anywhere.
    #[must_use]
    pub fn stop(self, deadline: Duration) -> bool {
        self.ask(Message::Stop, deadline)
    }

    fn ask(&self, message: fn(Sender<bool>) -> Message, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let (answer, answered) = bounded(1);
        self.sender.send_timeout(message(answer), deadline).is_ok()
            && answered.recv_deadline(until).unwrap_or(false)
    }
}

struct Writer {
    path: PathBuf,
    shared: Arc<Shared>,
    store: Option<Store>,
    pending: VecDeque<(i64, Sample)>,
    born: Instant,
    /// When it was last tried to write.
    tried: Option<Instant>,
    /// How long to wait after that.
    pause: Duration,
}

impl Writer {
    fn run(mut self, receiver: &Receiver<Message>) {
        loop {
            let due = self.tried.map_or_else(Instant::now, |tried| tried + self.pause);
            match receiver.recv_deadline(due) {
                Ok(Message::Sample(wall, sample)) => self.keep(wall, *sample),
                Ok(Message::Flush(answer)) => {
                    self.write();
                    answer.try_send(self.pending.is_empty()).ok();
                }
                Ok(Message::Stop(answer)) => {
                    let done = self.close();
                    answer.try_send(done).ok();
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.write(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.close();
                    return;
                }
            }
        }
    }

    fn keep(&mut self, wall: i64, sample: Sample) {
        if self.pending.len() >= WAITING {
            self.pending.pop_front();
            self.shared.state().lost += 1;
        }
        self.pending.push_back((wall, sample));
    }

    /// Writes what is pending, if it can be.
    fn write(&mut self) {
        self.tried = Some(Instant::now());
        self.pause = EVERY;
        if self.store.as_ref().is_some_and(Store::is_gone) {
            self.store = None;
            tracing::warn!(
                "the history file {} was taken away; a new one is begun",
                self.path.display()
            );
        }
        // Twice: once more after a damaged file has been moved out of the way.
        for _ in 0..2 {
            match self.try_write() {
                Ok(()) => {
                    self.tell(None);
                    break;
                }
                Err(Trouble::NotNow { why, reopen }) => {
                    if reopen {
                        self.store = None;
                        self.pause = LONGEST_PAUSE;
                    }
                    self.tell(Some(why));
                    break;
                }
                Err(Trouble::SetAside { suffix, why }) => self.set_aside(suffix, &why),
            }
        }
        let mut state = self.shared.state();
        state.cpu_s = thread_cpu_s();
        state.not_swept = self.store.as_ref().and_then(|store| store.not_swept);
    }

    fn try_write(&mut self) -> Result<(), Trouble> {
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(Store::open(&self.path)?),
        };
        let rows = self.pending.make_contiguous();
        store.write(rows, self.born.elapsed().as_secs_f64())?;
        self.shared.state().written += rows.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn set_aside(&mut self, suffix: &'static str, why: &str) {
        self.store = None;
        let stamp = OffsetDateTime::now_utc();
        let stamp = format!(
            "{}{:02}{:02}T{:02}{:02}{:02}Z",
            stamp.year(),
            u8::from(stamp.month()),
            stamp.day(),
            stamp.hour(),
            stamp.minute(),
            stamp.second()
        );
        match set_aside(&self.path, suffix, &stamp) {
            Ok(to) => {
                let told = format!("{} was moved to {}: {why}", self.path.display(), to.display());
                tracing::warn!("the history file {told}; a new one is begun");
                self.shared.state().set_aside = Some(told);
            }
            Err(error) => self.tell(Some(format!(
                "{why}; and it can't be moved out of the way: {error}"
            ))),
        }
    }

    /// Notes what is wrong, and says so once when it begins and once when it ends.
    fn tell(&self, trouble: Option<String>) {
        let mut state = self.shared.state();
        match (&state.trouble, &trouble) {
            (None, Some(why)) => tracing::warn!(
                "no history can be written to {}: {why}; make room, or let the program write there",
                self.path.display()
            ),
            (Some(_), None) => tracing::info!("history is written to {} again", self.path.display()),
            _ => {}
        }
        state.trouble = trouble;
    }

    fn close(&mut self) -> bool {
        if !self.pending.is_empty() {
            self.write();
        }
        let left = self.pending.len() as u64;
        self.shared.state().lost += left;
        let clean = self.store.take().is_none_or(|store| store.checkpoint().is_ok());
        clean && left == 0
    }
}
