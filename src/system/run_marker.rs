//! A mark on the disk for as long as a run lasts: whoever finds one left over knows that the run before ended
//! without a word.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::write_durably;
use crate::system::crash;
use crate::system::recovery::Boot;

/// The mark of this run.
#[derive(Debug)]
pub struct RunMarker(PathBuf);

/// Name of the mark in the state folder.
const NAME: &str = "running";
/// A crash report this old belongs to the run that left the mark.
const REPORT_AGE: Duration = Duration::from_secs(600);

impl RunMarker {
    /// Puts the mark up. Second: why the run before this one ended without a word, if it did. That the machine
    /// itself went down (another `boot`) is not the program's fault.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn put_up(folder: &Path, crashes: &Path, boot: &str) -> std::io::Result<(Self, Option<String>)> {
        let path = folder.join(NAME);
        let left = std::fs::read_to_string(&path).ok();
        let crashed = left.filter(|boot_then| boot_then.trim() == boot).map(|_| {
            let why = crash::newest(crashes, REPORT_AGE);
            why.unwrap_or_else(|| "the program was killed, or ended without a word".to_owned())
        });
        write_durably(&path, boot.as_bytes())?;
        Ok((Self(path), crashed))
    }

    /// Takes the mark down: this run has ended in good order.
    pub fn take_down(self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(
                "{}: {error}; the next start will take this end for a crash",
                self.0.display()
            );
        }
    }
}

/// What tells one start of the machine from the next; empty where the system does not say.
#[must_use]
pub fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// This start of the machine. Seconds are those of `/proc/uptime`, which go on while the machine sleeps.
#[must_use]
pub fn boot() -> Boot {
    let up = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let s = up.split_whitespace().next().and_then(|s| s.parse().ok());
    Boot {
        // Without a time since then its name says nothing.
        id: s.map(|_: f64| boot_id()).unwrap_or_default(),
        s: s.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_left_over_tells_of_a_crash_but_not_of_a_power_cut() {
        let folder = std::env::temp_dir().join(format!("billiards-marker-{}", std::process::id()));
        let put_up = |boot| RunMarker::put_up(&folder, &folder.join("crashes"), boot).unwrap();
        assert_eq!(put_up("a").1, None);
        let (marker, crashed) = put_up("a");
        assert!(crashed.unwrap().contains("killed"));
        marker.take_down();
        assert_eq!(put_up("a").1, None);
        assert_eq!(put_up("b").1, None, "the machine was started anew");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
