//! Crash reports: one small text file for every panic and every hang, for whoever has to find out why.

use std::fmt::Write as _;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::config::write_durably;

/// Reports kept; older ones are removed.
const KEPT: usize = 20;
/// The largest report, bytes.
const LARGEST: usize = 1 << 20;
/// The same place is reported at most this often: a module may panic at every turn.
const REPEAT_AFTER: Duration = Duration::from_secs(60);
/// Places remembered for that.
const PLACES: usize = 64;

/// A disk that hangs holds up the end of a program, or a module's panic, for no longer than this.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// Does something on a thread of its own, and waits for it no longer than `limit`.
pub fn do_within(limit: Duration, what: impl FnOnce() + Send + 'static) {
    let (done, wait) = std::sync::mpsc::channel();
    let started = std::thread::Builder::new()
        .name("last words".to_owned())
        .spawn(move || {
            what();
            // Nobody may be waiting any more.
            done.send(()).ok();
        });
    if started.is_ok() {
        wait.recv_timeout(limit).ok();
    }
}

/// What every report says beside its own words.
#[derive(Debug)]
pub struct Desk {
    folder: PathBuf,
    started: Instant,
    about: String,
    log: fn() -> Vec<String>,
    told: Mutex<Vec<(String, Instant)>>,
}

static DESK: OnceLock<Desk> = OnceLock::new();

/// From now on every panic leaves a report in `folder`. `about` is put into each: version, settings. `log` gives the
/// last lines of the log without waiting for anybody. The first call counts.
pub fn install(folder: PathBuf, about: String, log: fn() -> Vec<String>) {
    let desk = Desk {
        folder,
        started: Instant::now(),
        about,
        log,
        told: Mutex::default(),
    };
    if DESK.set(desk).is_ok() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(desk) = DESK.get() {
                desk.panicked(info);
            }
            before(info);
        }));
    }
}

/// Writes a report that is not about a panic, where reports are written.
pub fn report(what: &str, details: &str) {
    if let Some(desk) = DESK.get() {
        desk.write(what, details);
    }
}

/// First line of the newest report in `folder` that is younger than `within`, to be told as the reason of the end.
#[must_use]
pub fn newest(folder: &Path, within: Duration) -> Option<String> {
    let path = reports(folder).pop()?;
    let written = std::fs::metadata(&path).ok()?.modified().ok()?;
    // A clock that was set back makes it look as if it were still to come: then it is new, too.
    if written.elapsed().is_ok_and(|age| age > within) {
        return None;
    }
    let text = std::fs::read_to_string(&path).ok()?;
    text.lines().next().map(str::to_owned)
}

/// The reports in a folder, oldest first.
#[must_use]
pub fn reports(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"));
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    paths
}

impl Desk {
    fn panicked(&self, info: &PanicHookInfo<'_>) {
        let place = info
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        if !self.is_news(&place) {
            return;
        }
        let words = text_of(info.payload());
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name").to_owned();
        let trace = std::backtrace::Backtrace::force_capture();
        self.write(
            &format!("thread `{name}` panicked: {words}"),
            &format!("at {place}\n\n{trace}"),
        );
    }

    fn is_news(&self, place: &str) -> bool {
        // A second panic while this is held must not wait for itself.
        let Ok(mut told) = self.told.try_lock() else {
            return false;
        };
        told.retain(|(_, at)| at.elapsed() < REPEAT_AFTER);
        let known = told.iter().any(|(p, _)| p == place) || told.len() >= PLACES;
        if !known {
            told.push((place.to_owned(), Instant::now()));
        }
        !known
    }

    fn write(&self, what: &str, details: &str) {
        static ORDER: Mutex<u32> = Mutex::new(0);
        let number = {
            let mut order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
            *order += 1;
            *order
        };
        let now = time::OffsetDateTime::now_utc();
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}", what.lines().next().unwrap_or_default());
        let _ = writeln!(
            text,
            "{now}, {:.1} s after the start",
            self.started.elapsed().as_secs_f64()
        );
        let _ = writeln!(
            text,
            "{}\n\n{what}\n{details}\n\nThe last lines of the log:",
            self.about
        );
        for line in (self.log)() {
            let _ = writeln!(text, "{line}");
        }
        let end = (0..=LARGEST.min(text.len()))
            .rev()
            .find(|i| text.is_char_boundary(*i));
        text.truncate(end.unwrap_or_default());
        let stamp = now.unix_timestamp();
        let name = format!("crash-{stamp:011}-{:07}-{number:03}.txt", std::process::id());
        let folder = self.folder.clone();
        do_within(LAST_WORDS, move || {
            // Where nothing can be written there is nothing more to be done; the log has the panic, too.
            drop(write_durably(&folder.join(name), text.as_bytes()));
            let all = reports(&folder);
            for old in all.iter().take(all.len().saturating_sub(KEPT)) {
                drop(std::fs::remove_file(old));
            }
        });
    }
}

/// The words of a panic, whatever they were thrown as.
#[must_use]
pub fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "something that is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(folder: &Path) -> Desk {
        Desk {
            folder: folder.to_owned(),
            started: Instant::now(),
            about: "version test".to_owned(),
            log: || vec!["INFO the last line".to_owned(), "ä".repeat(LARGEST)],
            told: Mutex::default(),
        }
    }

    #[test]
    fn reports_are_small_few_and_begin_with_the_reason() {
        let folder = std::env::temp_dir().join(format!("billiards-crash-{}", std::process::id()));
        let desk = desk(&folder);
        for i in 0..KEPT + 5 {
            desk.write(&format!("thread `vision` panicked: number {i}"), "at here");
        }
        let all = reports(&folder);
        assert_eq!(all.len(), KEPT);
        let newest_size = std::fs::metadata(all.last().unwrap()).unwrap().len();
        assert!(newest_size <= LARGEST as u64 && newest_size > 1000);
        let reason = newest(&folder, Duration::from_secs(60)).unwrap();
        assert_eq!(reason, format!("thread `vision` panicked: number {}", KEPT + 4));
        assert_eq!(newest(&folder, Duration::ZERO), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nobody_waits_for_a_disk_that_hangs() {
        let (free, hangs) = std::sync::mpsc::channel::<()>();
        let begun = Instant::now();
        do_within(Duration::from_millis(20), move || {
            hangs.recv().ok();
        });
        // It came back while the other still waits, which only this end lets go.
        assert!(begun.elapsed() >= Duration::from_millis(20));
        drop(free);
    }

    #[test]
    fn the_same_place_is_told_once_and_many_places_are_bounded() {
        let desk = desk(Path::new("/nowhere"));
        assert!(desk.is_news("a.rs:1") && !desk.is_news("a.rs:1"));
        let told = (0..200).filter(|i| desk.is_news(&format!("b.rs:{i}"))).count();
        assert_eq!(told, PLACES - 1);
    }
}
