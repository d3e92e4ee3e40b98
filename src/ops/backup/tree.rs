//! What lies in a folder.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::error::{BackupError, Cause};

/// Folders below each other; deeper is refused.
pub(super) const DEEPEST: usize = 32;

/// One thing in a folder.
#[derive(Debug)]
pub(super) struct Found {
    /// Below the folder, with `/`.
    pub name: String,
    pub path: PathBuf,
    /// Of itself, not of what a link leads to.
    pub metadata: Metadata,
}

/// Everything below a folder, folders before what is in them, in the order of names. A folder that is not there
/// has nothing in it.
pub(super) fn all_below(folder: &Path) -> Result<Vec<Found>, BackupError> {
    let mut found = Vec::new();
    look(folder, "", 0, &mut found)?;
    Ok(found)
}

/// Opens a file below a folder as [`all_below`] found it: neither it nor a folder on the way may have become a link
/// since, and a pipe keeps nobody waiting.
pub(super) fn open_below(folder: &Path, name: &str) -> std::io::Result<File> {
    let way = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = openat(CWD, folder, way, Mode::empty())?;
    let mut names: Vec<_> = name.split('/').collect();
    let last = names.pop().unwrap_or_default();
    for name in names {
        at = openat(&at, name, way | OFlags::NOFOLLOW, Mode::empty())?;
    }
    let file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(openat(&at, last, file, Mode::empty())?))
}

fn look(folder: &Path, above: &str, depth: usize, found: &mut Vec<Found>) -> Result<(), BackupError> {
    let failed = |e: &std::io::Error| BackupError::io("look into", folder, e);
    let refused = |what: String| Err(BackupError::new(Cause::Refused, what));
    if depth > DEEPEST {
        return refused(format!(
            "{} lies more than {DEEPEST} folders deep; move it up, or out of there",
            folder.display()
        ));
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(&e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| failed(&e))?;
        let Ok(name) = entry.file_name().into_string() else {
            return refused(format!(
                "{} has a name that is not UTF-8; rename it",
                entry.path().display()
            ));
        };
        names.push(name);
    }
    names.sort();
    for name in names {
        let path = folder.join(&name);
        // What has gone meanwhile is not there.
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(BackupError::io("look at", &path, &e)),
        };
        let name = if above.is_empty() {
            name
        } else {
            format!("{above}/{name}")
        };
        let is_folder = metadata.is_dir();
        found.push(Found {
            name: name.clone(),
            path: path.clone(),
            metadata,
        });
        if is_folder {
            look(&path, &name, depth + 1, found)?;
        }
    }
    Ok(())
}
