//! Saves files beside the main loop: the newest content of each wins, and nobody waits for a disk.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::write_durably;

/// Files that can wait to be written at once; there are fewer kinds than that.
const WAITING: usize = 16;

/// Writes files on a thread of its own, through [`write_durably`].
#[derive(Clone, Debug)]
pub struct Keeper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(PathBuf, Vec<u8>)>,
    writing: bool,
    /// Files whose last write failed, and why.
    failures: Vec<(PathBuf, String)>,
    /// Contents that found no place among those that wait.
    lost: u64,
}

impl Keeper {
    /// Starts the thread; it ends with the program.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let keeper = Self(Arc::default());
        let weak = Arc::downgrade(&keeper.0);
        std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || {
                while let Some(shared) = weak.upgrade() {
                    write_waiting(&shared);
                }
            })?;
        Ok(keeper)
    }

    /// Has this written soon. What waits for the same file is replaced.
    pub fn keep(&self, path: PathBuf, bytes: Vec<u8>) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.retain(|(p, _)| *p != path);
        if state.waiting.len() >= WAITING {
            state.lost += 1;
            return;
        }
        state.waiting.push((path, bytes));
        self.0.changed.notify_all();
    }

    /// Waits until all is written, at most `limit`; true when it is.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.waiting.is_empty() || state.writing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.failures.is_empty() && state.lost == 0
    }

    /// What could not be written last and why, until it can be; what was to be written is tried again.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words: Vec<String> = state.failures.iter().map(|(_, words)| words.clone()).collect();
        if state.lost > 0 {
            words.push(format!(
                "{} files were not written: too many wait for the disk",
                state.lost
            ));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// After a failure the next try waits this long: a full disk is not full for a moment.
const RETRY_AFTER: Duration = Duration::from_secs(1);

fn write_waiting(shared: &Shared) {
    let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    let limit = Duration::from_millis(500);
    let waited = shared
        .changed
        .wait_timeout_while(state, limit, |s| s.waiting.is_empty());
    let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
    let Some((path, bytes)) = state.waiting.first().cloned() else {
        return;
    };
    state.waiting.remove(0);
    state.writing = true;
    drop(state);
    let written = write_durably(&path, &bytes);
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    state.writing = false;
    let failed = match written {
        Ok(()) => {
            let before = state.failures.len();
            state.failures.retain(|(p, _)| *p != path);
            if state.failures.len() < before {
                tracing::info!("{} could be written again", path.display());
            }
            false
        }
        Err(error) => {
            let words = format!(
                "cannot write {}: {error}; free space or check the folder",
                path.display()
            );
            let known = state.failures.iter().any(|(_, w)| *w == words);
            if !known {
                tracing::error!("{words}");
                state.failures.retain(|(p, _)| *p != path);
                state.failures.push((path.clone(), words));
            }
            // Unless there is a newer one by now.
            if !state.waiting.iter().any(|(p, _)| *p == path) && state.waiting.len() < WAITING {
                state.waiting.push((path, bytes));
            }
            true
        }
    };
    drop(state);
    shared.changed.notify_all();
    if failed {
        std::thread::sleep(RETRY_AFTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_content_is_on_the_disk_after_a_flush_and_a_failure_is_told_and_mended() {
        let folder = std::env::temp_dir().join(format!("billiards-keeper-{}", std::process::id()));
        let keeper = Keeper::start().unwrap();
        let path = folder.join("recovery.ron");
        for i in 0..50 {
            keeper.keep(path.clone(), format!("{i}").into_bytes());
        }
        assert!(keeper.flush(Duration::from_secs(20)));
        assert_eq!(std::fs::read(&path).unwrap(), b"49");
        // A file stands where a folder should be: told, tried again, and written once it is gone.
        let blocked = folder.join("recovery.ron/state.ron");
        keeper.keep(blocked.clone(), b"x".to_vec());
        // That another file can be written does not take that back.
        keeper.keep(folder.join("other.ron"), b"y".to_vec());
        let told = (0..2000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            keeper.failure().is_some_and(|f| f.contains("state.ron"))
        });
        assert!(told);
        while !folder.join("other.ron").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(keeper.failure().is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(keeper.flush(Duration::from_secs(20)) || keeper.flush(Duration::from_secs(20)));
        assert_eq!(std::fs::read(&blocked).unwrap(), b"x");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
