//! How much of the disk recordings may take, and which go first.

use std::io;
use std::path::{Path, PathBuf};

/// Ending of the files.
pub(super) const EXTENSION: &str = "btr";

/// How much room recordings may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// All recordings in the folder together, bytes.
    pub total_bytes: u64,
    /// What must stay free on the disk, bytes.
    pub free_bytes: u64,
}

impl Limits {
    /// So many gigabytes (10⁹ bytes), and two that stay free: what else the machine does needs room, too.
    #[must_use]
    pub fn gigabytes(total: f64) -> Self {
        Self {
            total_bytes: (total * 1e9).max(0.0) as u64,
            free_bytes: 2_000_000_000,
        }
    }
}

/// Recordings in a folder, oldest first (they are named after their time), with their size in bytes.
pub(super) fn recordings(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found: Vec<_> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == EXTENSION))
        .filter_map(|path| {
            let bytes = std::fs::metadata(&path).ok().filter(|m| m.is_file())?.len();
            Some((path, bytes))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Removes the oldest recordings until there is room, but never `own`. False: there is none, even so.
pub(super) fn make_room(folder: &Path, own: &Path, limits: Limits) -> io::Result<bool> {
    loop {
        let all = recordings(folder)?;
        let total: u64 = all.iter().map(|(_, bytes)| bytes).sum();
        if total <= limits.total_bytes && free_bytes(folder)? >= limits.free_bytes {
            return Ok(true);
        }
        let Some((oldest, bytes)) = all.iter().find(|(path, _)| path != own) else {
            return Ok(false);
        };
        std::fs::remove_file(oldest)?;
        tracing::info!(
            "the oldest recording was removed to make room: {} ({:.1} GB)",
            oldest.display(),
            *bytes as f64 / 1e9
        );
    }
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_one_being_made_never() {
        let folder = std::env::temp_dir().join(format!("billiards-keep-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for day in 1..=4 {
            std::fs::write(folder.join(format!("2026-11-0{day}.btr")), [0; 100]).unwrap();
        }
        std::fs::write(folder.join("notes.txt"), [0; 1000]).unwrap();
        let own = folder.join("2026-11-01.btr");
        let limit = |total_bytes| Limits {
            total_bytes,
            free_bytes: 0,
        };
        assert!(make_room(&folder, &own, limit(250)).unwrap());
        let names: Vec<_> = recordings(&folder)
            .unwrap()
            .iter()
            .map(|(p, _)| p.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["2026-11-01.btr", "2026-11-04.btr"]);
        assert!(!make_room(&folder, &own, limit(50)).unwrap());
        assert!(own.exists() && folder.join("notes.txt").exists());
        let nothing_free = Limits {
            total_bytes: 1000,
            free_bytes: u64::MAX,
        };
        assert!(!make_room(&folder, &own, nothing_free).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
