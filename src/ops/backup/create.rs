//! Saving.

use serde::Deserialize;

use super::key::{self, Key};
use super::snapshot::{self, Listed};
use super::staging::{Databases, Staged, stage};
use super::status::{BackupStatus, Outcome};
use super::{BackupError, Cause, CreateOptions, Kind, PINNED, Progress, Repository, SnapshotInfo};
use crate::ops::installation::Installation;

/// One line of what `restic backup --json` prints.
#[derive(Debug, Deserialize)]
struct Message {
    message_type: String,
    percent_done: Option<f64>,
    data_added: Option<u64>,
    snapshot_id: Option<String>,
}

impl Repository {
    /// Saves what there is now.
    ///
    /// # Errors
    /// [`BackupError`]; what was saved before is as it was.
    pub fn create(
        &self,
        options: &CreateOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<SnapshotInfo, BackupError> {
        self.create_with(options, Databases::Whole, progress)
    }

    pub(super) fn create_with(
        &self,
        options: &CreateOptions,
        databases: Databases,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<SnapshotInfo, BackupError> {
        let made = self.try_create(options, databases, progress);
        let outcome = Outcome::of(&made, |info: &SnapshotInfo| {
            format!("{} files, backup {}", info.files.unwrap_or(0), info.short_id())
        });
        let size = made.is_ok().then(|| self.size());
        let kept = BackupStatus::change(&self.layout, |status| {
            status.backup.note(outcome);
            status.repository_bytes = size.or(status.repository_bytes);
        });
        let made = made?;
        kept?;
        Ok(made)
    }

    fn try_create(
        &self,
        options: &CreateOptions,
        databases: Databases,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<SnapshotInfo, BackupError> {
        check_tags(&options.tags)?;
        self.restic.check_installed()?;
        self.make_repository()?;
        progress(Progress::of("copying"));
        let staged = stage(&self.layout, options.kind, databases)?;
        let (restic_id, added_bytes) = self.save(&staged, options, progress)?;
        progress(Progress::of("checking"));
        self.restic.run(&["check"])?;
        let snapshots = self.snapshots()?;
        let made = snapshot::named(&snapshots, &restic_id)?;
        Ok(SnapshotInfo {
            files: Some(staged.manifest.files.len() as u64),
            bytes: Some(staged.manifest.bytes()),
            added_bytes,
            notes: staged.notes.clone(),
            ..made.clone()
        })
    }

    /// Makes the key of an installation, and the repository where restic is installed, so that a backup needs to
    /// write nothing but that.
    ///
    /// # Errors
    /// [`BackupError`]; as [`Self::open`], and when a repository is there whose key is not.
    pub fn prepare(place: &Installation) -> Result<(), BackupError> {
        let made = Self::open(place)?;
        if made.restic.check_installed().is_ok() {
            return made.make_repository();
        }
        made.make_key()
    }

    /// Makes key and repository where there are none.
    fn make_repository(&self) -> Result<(), BackupError> {
        if self.restic.exists()? {
            return key::read(&self.layout).map(drop);
        }
        self.make_key()?;
        self.restic.init(&self.layout)
    }

    fn make_key(&self) -> Result<(), BackupError> {
        if self.layout.key().exists() || self.restic.exists()? {
            return key::read(&self.layout).map(drop);
        }
        key::write(&self.layout, &Key::random()?)
    }

    fn save(
        &self,
        staged: &Staged,
        options: &CreateOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(String, Option<u64>), BackupError> {
        let mut tags = vec![options.kind.name().to_owned()];
        tags.extend(options.tags.iter().cloned());
        if options.pinned {
            tags.push(PINNED.to_owned());
        }
        let tags = tags.join(",");
        let folder = path_text(&staged.folder)?;
        let (mut id, mut added) = (None, None);
        // One host: backups of a machine that was given another name still find each other.
        let arguments = ["backup", "--host", "billiards-trainer", "--tag", &tags, folder];
        let result = self.restic.run_with(&arguments, &mut |line| {
            let Ok(message) = serde_json::from_str::<Message>(line) else {
                return;
            };
            match message.message_type.as_str() {
                "status" => progress(Progress {
                    doing: "saving",
                    done: message.percent_done.map(|done| done.clamp(0.0, 1.0)),
                }),
                "summary" => (id, added) = (message.snapshot_id, message.data_added),
                _ => {}
            }
        });
        match (result, id) {
            (Ok(()), Some(id)) => Ok((id, added)),
            (Ok(()), None) => Err(BackupError::new(
                Cause::System,
                "restic saved something and does not say what; look with `backup list`",
            )),
            // It saves what it can read and says so: half a backup is none.
            (Err(error), Some(id)) => {
                drop(self.restic.run(&["forget", &id]));
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// All backups, oldest first.
    pub(super) fn snapshots(&self) -> Result<Vec<SnapshotInfo>, BackupError> {
        if !self.restic.exists()? {
            return Ok(Vec::new());
        }
        key::read(&self.layout)?;
        self.restic.check_installed()?;
        let text = self.restic.run(&["snapshots", "--no-lock"])?;
        let listed: Vec<Listed> = serde_json::from_str(text.trim()).map_err(|e| {
            let text = format!("restic's list of backups can't be read ({e}); install restic 0.14 or later");
            BackupError::new(Cause::System, text)
        })?;
        let mut snapshots = listed
            .into_iter()
            .map(SnapshotInfo::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        snapshots.sort_by_key(|s| s.moment);
        Ok(snapshots)
    }

    /// Bytes the repository takes on the disk.
    pub(super) fn size(&self) -> u64 {
        let found = super::tree::all_below(&self.layout.repository()).unwrap_or_default();
        found
            .iter()
            .filter(|f| f.metadata.is_file())
            .map(|f| f.metadata.len())
            .sum()
    }
}

/// Words that can stand in a list with commas between them.
fn check_tags(tags: &[String]) -> Result<(), BackupError> {
    let own = [PINNED, Kind::Full.name(), Kind::Data.name()];
    let good = |tag: &String| {
        !tag.is_empty()
            && tag.len() <= 64
            && tag.chars().all(|c| c.is_alphanumeric() || "-_.=+:".contains(c))
            && !own.contains(&tag.as_str())
    };
    match tags.iter().find(|tag| !good(tag)) {
        None => Ok(()),
        Some(bad) => Err(BackupError::new(
            Cause::Refused,
            format!(
                "`{bad}` can't be a tag; use a word of letters, digits and - _ . = + : (pinned is --pin)"
            ),
        )),
    }
}

/// A path as restic is told it.
pub(super) fn path_text(path: &std::path::Path) -> Result<&str, BackupError> {
    path.to_str().ok_or_else(|| {
        BackupError::new(
            Cause::Refused,
            format!(
                "{} has a name that is not UTF-8; move the installation",
                path.display()
            ),
        )
    })
}

/// Where a saved folder lies below the folder it was restored to.
pub(super) fn below(target: &std::path::Path, saved: &str) -> std::path::PathBuf {
    target.join(saved.trim_start_matches('/'))
}
