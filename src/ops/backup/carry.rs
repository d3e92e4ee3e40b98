//! What lives on in a new folder: everything that a restore does not replace.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, OFlags, linkat};

use super::error::BackupError;
use super::layout::Owner;
use super::part::{Fate, fate_of};
use super::selection::Selection;
use super::swap::{MARK, Unit};
use super::tree::{self, Found};

/// Puts into the new folder what lives on of the live one, and takes out of it what no longer does: a restore that
/// was cut off may be finished days later, and a trainer has worked in the live folder since.
pub(super) fn carry(unit: &Unit, selection: &Selection, owner: Owner) -> Result<(), BackupError> {
    let mut live = BTreeSet::new();
    for found in tree::all_below(&unit.live)? {
        let to = unit.new.join(&found.name);
        let there = std::fs::symlink_metadata(&to).ok();
        if found.metadata.is_dir() {
            if there.is_none() {
                make_like(&found.path, &to, owner)?;
            }
        } else if !goes(unit, selection, &found) {
            match there {
                Some(there) if is_same(&there, &found.metadata) => {}
                Some(_) => {
                    std::fs::remove_file(&to).map_err(|e| BackupError::io("replace", &to, &e))?;
                    link(&found.path, &to)?;
                }
                None => link(&found.path, &to)?,
            }
        }
        live.insert(found.name);
    }
    for found in tree::all_below(&unit.new)? {
        if !found.metadata.is_dir()
            && found.name != MARK
            && !goes(unit, selection, &found)
            && !live.contains(&found.name)
        {
            std::fs::remove_file(&found.path).map_err(|e| BackupError::io("remove", &found.path, &e))?;
        }
    }
    Ok(())
}

/// It makes way for what a backup has, or for nothing.
fn goes(unit: &Unit, selection: &Selection, found: &Found) -> bool {
    let path = format!("{}/{}", unit.area, found.name);
    match fate_of(&path) {
        Fate::Scrap => true,
        Fate::Kept => false,
        Fate::Saved | Fate::Beside => selection.has(&path) && found.metadata.is_file(),
    }
}

/// Two names of one file.
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The same file in both folders until the old one is trimmed: no room is taken, no byte is copied.
fn link(from: &Path, to: &Path) -> Result<(), BackupError> {
    linkat(CWD, from, CWD, to, AtFlags::empty()).map_err(|e| BackupError::io("keep", from, &e.into()))
}

/// A folder with the permissions of another one.
pub(super) fn make_like(model: &Path, folder: &Path, owner: Owner) -> Result<(), BackupError> {
    let failed = |e: &std::io::Error| BackupError::io("make the folder", folder, e);
    let mode = std::fs::metadata(model)
        .map_err(|e| failed(&e))?
        .permissions()
        .mode()
        & 0o7777;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(|e| failed(&e))?;
    // Through a handle: whoever owns the folder above may put a link in its place.
    let made = std::fs::File::options()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::DIRECTORY).bits() as i32)
        .open(folder)
        .map_err(|e| failed(&e))?;
    owner.take_open(&made, folder)?;
    made.set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(|e| failed(&e))
}
