//! A backup as the repository knows it.

use serde::{Deserialize, Serialize};

use super::error::{BackupError, Cause};
use super::moment::Moment;

/// What is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The current release, configuration, state and logs.
    Full,
    /// Configuration and state. Only what is new takes room.
    #[default]
    #[value(alias = "incremental")]
    Data,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Data => "data",
        }
    }
}

/// Backups with this tag are never removed.
pub const PINNED: &str = "pinned";
/// Made before a restore.
pub const PRE_RESTORE: &str = "pre-restore";
/// Made before an upgrade.
pub const PRE_UPGRADE: &str = "pre-upgrade";

/// A backup in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotInfo {
    /// Its id, which stays when it is pinned or unpinned. Eight characters are enough to name it.
    pub id: String,
    /// When it was made, RFC 3339.
    pub at: String,
    /// What was saved.
    pub kind: Kind,
    /// Files in it; none where only the repository was asked.
    pub files: Option<u64>,
    /// Bytes of them all.
    pub bytes: Option<u64>,
    /// What it made the repository grow by, bytes.
    pub added_bytes: Option<u64>,
    /// It is never removed.
    pub pinned: bool,
    /// Its other tags.
    pub tags: Vec<String>,
    /// What was not saved, one line each.
    pub notes: Vec<String>,
    /// As restic calls it at the moment.
    #[serde(skip)]
    pub(super) restic_id: String,
    /// The folder that was saved.
    #[serde(skip)]
    pub(super) path: String,
    #[serde(skip)]
    pub(super) moment: Moment,
}

/// One of the list that `restic snapshots --json` prints.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    time: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    id: String,
    #[serde(default)]
    original: Option<String>,
}

impl TryFrom<Listed> for SnapshotInfo {
    type Error = BackupError;

    fn try_from(listed: Listed) -> Result<Self, BackupError> {
        let tags = listed.tags.unwrap_or_default();
        let moment = Moment::parse(&listed.time).ok_or_else(|| {
            let text = format!(
                "backup {} has no readable time; remove it with restic forget",
                listed.id
            );
            BackupError::new(Cause::Damaged, text)
        })?;
        let own = |tag: &&String| ![PINNED, Kind::Full.name(), Kind::Data.name()].contains(&tag.as_str());
        Ok(Self {
            id: listed.original.unwrap_or_else(|| listed.id.clone()),
            at: listed.time,
            kind: if tags.iter().any(|tag| tag == Kind::Full.name()) {
                Kind::Full
            } else {
                Kind::Data
            },
            files: None,
            bytes: None,
            added_bytes: None,
            pinned: tags.iter().any(|tag| tag == PINNED),
            tags: tags.iter().filter(own).cloned().collect(),
            notes: Vec::new(),
            restic_id: listed.id,
            path: listed.paths.into_iter().next().unwrap_or_default(),
            moment,
        })
    }
}

impl SnapshotInfo {
    /// The first characters of its id, enough to name it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }

    /// It has this tag.
    #[must_use]
    pub fn is_tagged(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t == tag)
    }
}

/// The backup somebody means: `latest`, or the beginning of an id. `snapshots` are oldest first.
pub(super) fn named<'a>(snapshots: &'a [SnapshotInfo], name: &str) -> Result<&'a SnapshotInfo, BackupError> {
    if name == "latest" {
        // Somebody who asks for the latest does not mean what was put aside before the last restore.
        let latest = snapshots.iter().rev().find(|s| !s.is_tagged(PRE_RESTORE));
        return latest.or(snapshots.last()).ok_or_else(|| {
            BackupError::new(
                Cause::NotFound,
                "there is no backup yet; `backup create` makes one",
            )
        });
    }
    let mut found = snapshots
        .iter()
        .filter(|s| !name.is_empty() && (s.id.starts_with(name) || s.restic_id.starts_with(name)));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(BackupError::new(
            Cause::NotFound,
            format!("there is no backup `{name}`; `backup list` shows them"),
        )),
        (Some(_), Some(_)) => Err(BackupError::new(
            Cause::NotFound,
            format!("`{name}` may be several backups; give more of its id"),
        )),
    }
}
