//! New folders in place of old ones.

use std::fs::File;
use std::path::Path;

use super::error::BackupError;

/// Lies in a new folder until it is in its place.
pub(super) const MARK: &str = ".restored-folder";

/// What was named, renamed or removed in a folder is so after a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| BackupError::io("write", folder, &e))
}
