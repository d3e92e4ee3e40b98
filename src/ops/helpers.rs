//! Small things that several parts of the house use.

use std::path::Path;
use std::time::Duration;

/// A number of bytes for people: `512 B`, `1.5 kB`, `3.2 GB`. Thousands, as on the box of a disk.
#[must_use]
pub fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = "kB";
    for larger in UNITS.iter().skip(1) {
        // What would be shown as a thousand is one of the next.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if value < 9.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A length of time for people: `45 s`, `3 min`, `2 h 5 min`, `4 days 3 h`.
#[must_use]
pub fn duration_in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let with = |whole: String, rest: u64, unit: &str| match rest {
        0 => whole,
        rest => format!("{whole} {rest} {unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => with(format!("{hours} h"), minutes % 60, "min"),
        _ if days == 1 => with("1 day".to_owned(), hours % 24, "h"),
        _ => with(format!("{days} days"), hours % 24, "h"),
    }
}

/// Room on the disk (or memory disk) a folder lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// For everybody, bytes.
    pub free_bytes: u64,
    /// In all, bytes.
    pub total_bytes: u64,
    /// Files that can still be made; none where the file system does not count.
    pub free_files: Option<u64>,
    /// Nothing can be written.
    pub read_only: bool,
}

impl DiskSpace {
    /// Of the disk that an existing folder lies on.
    ///
    /// # Errors
    /// What the system says, when the folder can't be reached.
    pub fn of(folder: &Path) -> std::io::Result<Self> {
        let found = rustix::fs::statvfs(folder)?;
        Ok(Self {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            free_files: (found.f_files > 0).then_some(found.f_favail),
            read_only: found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_times_are_said_in_words() {
        for (bytes, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_940, "9.9 kB"),
            (9_960, "10 kB"),
            (999_600, "1.0 MB"),
            (12_345_678_901, "12 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes_in_words(bytes), words);
        }
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (150, "2 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400, "1 day"),
            (3 * 86_400 + 7200, "3 days 2 h"),
        ] {
            assert_eq!(duration_in_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn the_room_of_a_folder_is_told_and_of_none_is_not() {
        let space = DiskSpace::of(&std::env::temp_dir()).unwrap();
        assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes && !space.read_only);
        assert!(DiskSpace::of(Path::new("/nowhere/at/all")).is_err());
        // The kernel's own folders are no disks: nothing is free there.
        assert_eq!(DiskSpace::of(Path::new("/proc")).unwrap().free_bytes, 0);
    }
}
