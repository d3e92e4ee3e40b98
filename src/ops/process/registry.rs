//! Who of the children runs, and those that could not be buried yet.

use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// A running child, as the status shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChildStatus {
    /// The program.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it was started.
    pub age_s: f64,
    /// Memory it holds, bytes; none where the system does not tell.
    pub memory_bytes: Option<u64>,
}

/// The children that run now, oldest first.
#[must_use]
pub fn children() -> Vec<ChildStatus> {
    bury();
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
    running
        .into_iter()
        .map(|child| ChildStatus {
            memory_bytes: memory_of(child.pid),
            name: child.name,
            pid: child.pid,
            age_s: child.started.elapsed().as_secs_f64(),
        })
        .collect()
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    pid: u32,
    started: Instant,
}

static RUNNING: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
/// Killed, but stuck in the kernel when last looked at (a device that does not answer).
static LEFT_OVER: Mutex<Vec<Child>> = Mutex::new(Vec::new());

pub(super) fn enter(name: &str, pid: u32) {
    RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Entry {
            name: name.to_owned(),
            pid,
            started: Instant::now(),
        });
}

pub(super) fn leave(pid: u32) {
    RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|c| c.pid != pid);
}

/// Takes a child that was killed and is not dead yet.
pub(super) fn leave_over(child: Child) {
    LEFT_OVER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(child);
}

/// Takes note of the end of those left over.
pub(super) fn bury() {
    LEFT_OVER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

/// Resident memory of a process, bytes.
fn memory_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
