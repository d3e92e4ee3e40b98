//! What became of the last backup, check and drill, for those who watch over it.

use serde::{Deserialize, Serialize};

use super::error::BackupError;
use super::layout::Layout;
use crate::config::write_durably;
use crate::ops::installation::Installation;

/// What became of the last of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupStatus {
    /// Saving.
    pub backup: Done,
    /// Looking whether the repository is whole.
    pub verify: Done,
    /// Restoring into a scratch folder.
    pub drill: Done,
    /// Restoring.
    pub restore: Done,
    /// What the repository takes on the disk, bytes.
    pub repository_bytes: Option<u64>,
    /// The last backup that was read back whole.
    pub verified: Option<String>,
    /// The part of the repository whose turn it is to be read, of those in `verify --data next`.
    pub next_part: u32,
}

/// How often something was done last, and with which result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// The last time; none: never.
    pub last: Option<Outcome>,
    /// When it went well last, Unix seconds.
    pub last_good_unix_s: Option<i64>,
}

/// One time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// When, Unix seconds.
    pub at_unix_s: i64,
    /// It went well.
    pub good: bool,
    /// What was done, or why not, on one line.
    pub says: String,
}

impl Outcome {
    pub(super) fn of<T>(result: &Result<T, BackupError>, says: impl FnOnce(&T) -> String) -> Self {
        Self {
            at_unix_s: time::OffsetDateTime::now_utc().unix_timestamp(),
            good: result.is_ok(),
            says: match result {
                Ok(done) => says(done),
                Err(error) => error.to_string(),
            },
        }
    }
}

impl Done {
    pub(super) fn note(&mut self, outcome: Outcome) {
        if outcome.good {
            self.last_good_unix_s = Some(outcome.at_unix_s);
        }
        self.last = Some(outcome);
    }
}

/// The file's name in the folder of backups.
const FILE: &str = "status.ron";

impl BackupStatus {
    /// As it was last written; nothing was ever done where there is no file, or a damaged one.
    #[must_use]
    pub fn load(place: &Installation) -> Self {
        let text = std::fs::read_to_string(place.backups().join(FILE)).unwrap_or_default();
        ron::from_str(&text).unwrap_or_default()
    }

    /// Changes and keeps it.
    pub(super) fn change(layout: &Layout, change: impl FnOnce(&mut Self)) -> Result<(), BackupError> {
        let mut status = Self::load(&layout.place);
        change(&mut status);
        let path = layout.place.backups().join(FILE);
        let text = ron::ser::to_string_pretty(&status, ron::ser::PrettyConfig::default()).unwrap_or_default();
        write_durably(&path, text.as_bytes()).map_err(|e| BackupError::io("write", &path, &e))?;
        layout.owner.take(&path)
    }
}
