//! What a child says: its output with a watch on it, and the last lines of its complaints.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::process::{ChildStderr, ChildStdout};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::CAPTURE_BYTES;

/// Lines of complaints kept.
const TAIL_LINES: usize = 20;
/// Bytes kept of one such line.
const LINE_BYTES: usize = 300;

/// The output of a child. Reading it is what tells a slow child from a hanging one.
#[derive(Debug)]
pub struct Output {
    pipe: ChildStdout,
    heard: Arc<Heard>,
}

impl Output {
    pub(super) fn new(pipe: ChildStdout, heard: Arc<Heard>) -> Self {
        Self { pipe, heard }
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.heard.wait();
        let read = self.pipe.read(buffer);
        self.heard.wake(matches!(read, Ok(n) if n > 0));
        read
    }
}

/// Since when somebody waits for output. A child whose output nobody takes is not silent.
#[derive(Debug)]
pub(super) struct Heard {
    start: Instant,
    /// Milliseconds from the start, plus one; 0: nobody waits.
    waiting_since: AtomicU64,
    any: AtomicBool,
}

impl Heard {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            waiting_since: AtomicU64::new(0),
            any: AtomicBool::new(false),
        }
    }

    fn wait(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.waiting_since.store(now + 1, Ordering::Relaxed);
    }

    fn wake(&self, got_something: bool) {
        self.any.fetch_or(got_something, Ordering::Relaxed);
        self.waiting_since.store(0, Ordering::Relaxed);
    }

    /// It has given output before.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// How long somebody has been waiting for output in vain.
    pub(super) fn silence(&self) -> Duration {
        match self.waiting_since.load(Ordering::Relaxed).checked_sub(1) {
            Some(since) => self.start.elapsed().saturating_sub(Duration::from_millis(since)),
            None => Duration::ZERO,
        }
    }
}

/// A thread that ends when its pipe does, and is left behind where the pipe does not.
#[derive(Debug)]
pub(super) struct Reader(Option<JoinHandle<()>>);

impl Reader {
    /// # Errors
    /// What the system says when there is no thread to be had.
    pub(super) fn start(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self(Some(thread)))
    }

    /// Waits for it, at most `limit`: somebody who got away may still hold the pipe.
    pub(super) fn finish(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.0.as_ref().is_some_and(|t| !t.is_finished()) {
            if Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(thread) = self.0.take() {
            thread.join().ok();
        }
    }
}

/// Everything a child prints, up to [`CAPTURE_BYTES`].
#[derive(Debug)]
pub(super) struct Capture {
    kept: Arc<Mutex<(Vec<u8>, bool)>>,
    reader: Reader,
}

impl Capture {
    pub(super) fn start(name: &str, mut pipe: Output) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new((Vec::new(), false)));
        let theirs = Arc::clone(&kept);
        let reader = Reader::start(format!("{name}-out"), move || {
            read_on(&mut pipe, |bytes| {
                let mut kept = theirs.lock().unwrap_or_else(PoisonError::into_inner);
                let room = CAPTURE_BYTES.saturating_sub(kept.0.len());
                kept.0.extend(bytes.iter().take(room));
                kept.1 |= bytes.len() > room;
            });
        })?;
        Ok(Self { kept, reader })
    }

    /// What was printed, and whether it was more than is kept.
    pub(super) fn finish(mut self, limit: Duration) -> (Vec<u8>, bool) {
        self.reader.finish(limit);
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The last lines of a child's complaints.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    whole: VecDeque<String>,
    begun: Vec<u8>,
}

impl Tail {
    /// Starts to read them.
    ///
    /// # Errors
    /// What the system says when there is no thread to be had.
    pub(super) fn start(name: &str, mut pipe: ChildStderr) -> io::Result<(Self, Reader)> {
        let tail = Self::default();
        let theirs = tail.clone();
        let reader = Reader::start(format!("{name}-err"), move || {
            read_on(&mut pipe, |bytes| theirs.take_in(bytes));
        })?;
        Ok((tail, reader))
    }

    fn take_in(&self, bytes: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            // Progress lines end with a carriage return only.
            if byte == b'\n' || byte == b'\r' {
                lines.end_line();
            } else if lines.begun.len() < LINE_BYTES {
                lines.begun.push(byte);
            }
        }
    }

    /// The last lines, oldest first, the one not yet ended among them.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = text_of(&lines.begun);
        lines.whole.iter().cloned().chain(begun).collect()
    }
}

impl Lines {
    fn end_line(&mut self) {
        let begun = std::mem::take(&mut self.begun);
        if let Some(line) = text_of(&begun) {
            if self.whole.len() >= TAIL_LINES {
                self.whole.pop_front();
            }
            self.whole.push_back(line);
        }
    }
}

/// A line fit to be shown; none where it is blank.
fn text_of(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads to the end, in small pieces.
fn read_on(pipe: &mut impl Read, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 4096];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => take(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
