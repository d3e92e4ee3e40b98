//! Backups: what the trainer knows, saved so that it is found again.
//!
//! The engine is the program restic: contents are saved once, encrypted, and checked. Here is decided what is
//! saved, how it is checked before anything live is touched, and what is kept. What is promised stands in
//! `docs/backup.md`.

mod archive;
mod carry;
mod complaint;
mod create;
mod difference;
mod error;
mod fetch;
mod key;
mod layout;
mod manifest;
mod moment;
mod part;
mod restic;
mod restore;
mod retention;
mod selection;
mod snapshot;
mod staging;
mod status;
mod step;
mod swap;
#[cfg(test)]
mod tests;
mod tree;
mod upkeep;

use layout::{CommandLock, Layout};
use restic::Restic;

pub use difference::{Change, What};
pub use error::{BackupError, Cause};
pub use fetch::Source;
pub use key::Key;
pub use manifest::{Entry, Manifest};
pub use moment::Moment;
pub use part::Part;
pub use restore::{RestoreOptions, Restored};
pub use retention::{Policy, Verdict, judge};
pub use selection::Selection;
pub use snapshot::{Kind, PINNED, PRE_RESTORE, PRE_UPGRADE, SnapshotInfo};
pub use status::{BackupStatus, Done, Outcome};
pub use upkeep::{Depth, Drill, Exported, Pruned};

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

impl Repository {
    /// Opens the backups of an installation; it is made with the first backup. A restore that was cut short is
    /// finished first.
    ///
    /// # Errors
    /// [`BackupError`], when another command is at work, the folder can't be used, or a restore that was cut short
    /// can't be finished because a trainer runs.
    pub fn open(place: &Installation) -> Result<Self, BackupError> {
        let layout = Layout::new(place);
        let lock = layout.lock()?;
        swap::finish(&layout, None)
            .map_err(|error| error.at("a restore was cut short and is not finished"))?;
        Ok(Self {
            restic: Restic::new(&layout),
            layout,
            _lock: lock,
        })
    }

    /// The same, if there ever was a backup: who only looks makes nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn find(place: &Installation) -> Result<Option<Self>, BackupError> {
        if !place.backups().exists() {
            return Ok(None);
        }
        Self::open(place).map(Some)
    }

    /// Finishes a restore that was cut short, if one was; to be called before a trainer begins to work with what may
    /// be half of it. Tells whether there was one.
    ///
    /// # Errors
    /// As [`Self::open`]; where nothing was cut short, nothing is touched.
    pub fn finish_restore(place: &Installation) -> Result<bool, BackupError> {
        let layout = Layout::new(place);
        if !layout.journal().exists() {
            return Ok(false);
        }
        let _lock = layout.lock()?;
        swap::finish(&layout, None)
    }
}
