//! Looks at a running release, from outside.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::ask::Trainer;
use super::probation::Look;
use super::service::Service;
use crate::config::Settings;
use crate::ops::installation::Installation;

/// Looks at a running release, from outside.
pub struct Watch<'a> {
    started: Instant,
    service: &'a Service,
    trainer: Option<Trainer>,
    log: LogErrors,
}

impl<'a> Watch<'a> {
    /// From now on.
    #[must_use]
    pub fn new(place: &Installation, service: &'a Service, settings: Option<&Settings>) -> Self {
        Self {
            started: Instant::now(),
            service,
            trainer: settings.and_then(|s| Trainer::of(s, None)),
            log: LogErrors::from_now(place.logs().join("billiards-trainer.log")),
        }
    }

    /// One look.
    pub fn look(&mut self) -> Look {
        let not_ready = match &self.trainer {
            Some(trainer) => trainer.ready().err(),
            None => Some("nobody can ask it: its settings can't be read, or its API is off".to_owned()),
        };
        let status = self.trainer.as_ref().and_then(|t| t.json("/api/v1/status"));
        let status = status.as_ref();
        let number = |path: &str| status.and_then(|s| s.pointer(path)).and_then(Value::as_f64);
        let count = |path: &str| status.and_then(|s| s.pointer(path)).and_then(Value::as_u64);
        // Last: why nobody answers is mostly that it has ended.
        let state = self.service.state().unwrap_or_default();
        Look {
            at_s: self.started.elapsed().as_secs_f64(),
            pid: state.pid,
            restarts: state.restarts,
            not_ready,
            rate_hz: number("/metrics/vision_rate_hz"),
            server_errors: count("/api/server_errors"),
            memory_bytes: state
                .pid
                .and_then(memory_of)
                .or_else(|| count("/metrics/process_memory_bytes")),
            memory_left_bytes: memory_left(),
            error_lines: self.log.count(),
        }
    }
}

/// Resident memory of a process, bytes.
fn memory_of(pid: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// What programs can still have, bytes.
fn memory_left() -> Option<u64> {
    kilobytes("/proc/meminfo", "MemAvailable:")
}

fn kilobytes(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|l| l.strip_prefix(key))?;
    value
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// Counts lines of errors as they come.
struct LogErrors {
    path: PathBuf,
    read: u64,
    count: u64,
}

impl LogErrors {
    fn from_now(path: PathBuf) -> Self {
        let read = std::fs::metadata(&path).map_or(0, |m| m.len());
        Self { path, read, count: 0 }
    }

    fn count(&mut self) -> u64 {
        let Ok(mut file) = File::open(&self.path) else {
            return self.count;
        };
        let length = file.metadata().map_or(0, |m| m.len());
        if length < self.read {
            // A new file was begun.
            self.read = 0;
        }
        let mut text = Vec::new();
        if file.seek(SeekFrom::Start(self.read)).is_ok() && file.take(1 << 24).read_to_end(&mut text).is_ok()
        {
            // Only whole lines; the rest is read next time.
            let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            let text = String::from_utf8_lossy(text.get(..whole).unwrap_or_default()).into_owned();
            self.read += whole as u64;
            let is_error = |line: &&str| line.split_whitespace().take(3).any(|word| word == "ERROR");
            self.count += text.lines().filter(is_error).count() as u64;
        }
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn errors_are_counted_once_over_the_change_of_the_file() {
        let path = std::env::temp_dir().join(format!("billiards-watch-{}.log", std::process::id()));
        std::fs::write(&path, "2026-01-01T00:00:00Z ERROR old\n").unwrap();
        let mut log = LogErrors::from_now(path.clone());
        let say = |text: &str| {
            std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap()
        };
        assert_eq!(log.count(), 0);
        say(
            "2026-01-01T00:00:01Z  INFO an ERROR is told of\n2026-01-01T00:00:01Z ERROR one\n2026-01-01T00:00:02Z ERR",
        );
        assert_eq!(log.count(), 1);
        say("OR two\n");
        assert_eq!((log.count(), log.count()), (2, 2));
        std::fs::write(&path, "2026 ERROR 3\n").unwrap();
        assert_eq!(log.count(), 3);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(log.count(), 3);
    }

    #[test]
    fn this_process_has_memory_and_the_machine_too() {
        assert!(memory_of(std::process::id()).unwrap() > 0 && memory_left().unwrap() > 0);
        assert_eq!(memory_of(u32::MAX), None);
    }
}
