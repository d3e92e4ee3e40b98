//! What keeps the repository in order: looking, removing, pinning, carrying elsewhere.

use std::path::Path;

use serde::Serialize;

use super::error::{BackupError, Cause};
use super::fetch::Source;
use super::retention::{Policy, Verdict, judge};
use super::snapshot::{self, Kind, PINNED, SnapshotInfo};
use super::staging::{Databases, stage};
use super::status::{BackupStatus, Outcome};
use super::{Progress, Repository, archive};

/// How much of the saved data is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None: only that everything is there that should be.
    Structure,
    /// Part `0` of `1`: `2/7`.
    Part(u32, u32),
    /// Of seven parts the one whose turn it is.
    Next,
    /// Everything.
    All,
}

/// Parts for [`Depth::Next`]: a week of nights.
const PARTS: u32 = 7;

impl std::str::FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = || {
            let (part, of) = text.split_once('/')?;
            let (part, of) = (part.parse().ok()?, of.parse().ok()?);
            (1 <= part && part <= of && of <= 256).then_some(Self::Part(part, of))
        };
        match text {
            "all" => Ok(Self::All),
            "next" => Ok(Self::Next),
            _ => part().ok_or_else(|| "say all, next, or a part like 1/7".to_owned()),
        }
    }
}

/// What was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Every backup, oldest first, and what happens to it.
    pub verdicts: Vec<(SnapshotInfo, Verdict)>,
    /// Nothing was done, only looked at.
    pub dry_run: bool,
    /// Bytes of the repository afterwards.
    pub repository_bytes: u64,
}

/// An archive that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Files in it.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// What is not in it, one line each.
    pub notes: Vec<String>,
}

impl Repository {
    /// All backups, oldest first.
    ///
    /// # Errors
    /// [`BackupError`] when the repository can't be read.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, BackupError> {
        self.snapshots()
    }

    /// Looks whether the repository is whole.
    ///
    /// # Errors
    /// [`BackupError`], that it is not, or that nobody knows.
    pub fn verify(&self, depth: Depth) -> Result<String, BackupError> {
        let turn = BackupStatus::load(&self.layout.place).next_part % PARTS;
        let verified = self.try_verify(depth, turn);
        let outcome = Outcome::of(&verified, |(says, _)| says.clone());
        let kept = BackupStatus::change(&self.layout, |status| {
            status.verify.note(outcome);
            if let Ok((_, newest)) = &verified {
                if depth == Depth::All {
                    status.verified = Some(newest.clone());
                }
                if depth == Depth::Next {
                    status.next_part = (turn + 1) % PARTS;
                }
            }
        });
        let (says, _) = verified?;
        kept?;
        Ok(says)
    }

    fn try_verify(&self, depth: Depth, turn: u32) -> Result<(String, String), BackupError> {
        let snapshots = self.snapshots()?;
        let newest = snapshot::named(&snapshots, "latest")?.id.clone();
        self.check_keys()?;
        let subset = |part, of| format!("--read-data-subset={part}/{of}");
        let (argument, read) = match depth {
            Depth::Structure => (None, "no data read back".to_owned()),
            Depth::Part(part, of) => (Some(subset(part, of)), format!("part {part} of {of} read back")),
            Depth::Next => (
                Some(subset(turn + 1, PARTS)),
                format!("part {} of {PARTS} read back", turn + 1),
            ),
            Depth::All => (Some("--read-data".to_owned()), "everything read back".to_owned()),
        };
        let mut arguments = vec!["check"];
        arguments.extend(argument.as_deref());
        self.restic.run(&arguments)?;
        Ok((format!("{} backups, whole; {read}", snapshots.len()), newest))
    }

    /// Removes what the policy does not keep.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is removed that is kept.
    pub fn prune(&self, policy: &Policy, dry_run: bool) -> Result<Pruned, BackupError> {
        let snapshots = self.snapshots()?;
        let verified = BackupStatus::load(&self.layout.place).verified;
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let verdicts = judge(policy, &snapshots, now, verified.as_deref())?;
        let verdicts: Vec<_> = snapshots.into_iter().zip(verdicts).collect();
        let goes: Vec<&str> = verdicts
            .iter()
            .filter(|(_, verdict)| !verdict.keep)
            .map(|(snapshot, _)| snapshot.restic_id.as_str())
            .collect();
        if !dry_run && !goes.is_empty() {
            let mut arguments = vec!["forget"];
            arguments.extend(&goes);
            self.restic.run(&arguments)?;
        }
        if !dry_run && !verdicts.is_empty() {
            // Also what killed commands left that nobody refers to.
            self.restic.run(&["prune"])?;
            self.restic.run(&["check"])?;
        }
        let repository_bytes = self.size();
        if !dry_run {
            BackupStatus::change(&self.layout, |status| {
                status.repository_bytes = Some(repository_bytes)
            })?;
        }
        Ok(Pruned {
            verdicts,
            dry_run,
            repository_bytes,
        })
    }

    /// Keeps a backup for good, or no longer.
    ///
    /// # Errors
    /// [`BackupError`] when there is no such backup.
    pub fn pin(&self, name: &str, pinned: bool) -> Result<SnapshotInfo, BackupError> {
        let snapshots = self.snapshots()?;
        let found = snapshot::named(&snapshots, name)?;
        if found.pinned == pinned {
            return Ok(found.clone());
        }
        let how = if pinned { "--add" } else { "--remove" };
        self.restic.run(&["tag", how, PINNED, &found.restic_id])?;
        let id = found.id.clone();
        let snapshots = self.snapshots()?;
        snapshot::named(&snapshots, &id).cloned()
    }

    /// Writes a backup of the repository into one file; a file of that name is replaced.
    ///
    /// # Errors
    /// [`BackupError`]; there is then no new file.
    pub fn export(
        &self,
        name: &str,
        file: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, BackupError> {
        let fetched = self.fetch(Source::Snapshot(name), progress)?;
        progress(Progress::of("writing"));
        let archive_bytes = archive::write(&fetched.manifest, &|path| fetched.path(path), file)?;
        Ok(Exported {
            files: fetched.manifest.files.len() as u64,
            bytes: fetched.manifest.bytes(),
            archive_bytes,
            notes: Vec::new(),
        })
    }

    /// Saves what there is now into one file instead of the repository.
    ///
    /// # Errors
    /// [`BackupError`]; there is then no new file.
    pub fn create_file(
        &self,
        kind: Kind,
        file: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, BackupError> {
        progress(Progress::of("copying"));
        let staged = stage(&self.layout, kind, Databases::Whole)?;
        progress(Progress::of("writing"));
        let archive_bytes = archive::write(&staged.manifest, &|path| staged.folder.join(path), file)?;
        Ok(Exported {
            files: staged.manifest.files.len() as u64,
            bytes: staged.manifest.bytes(),
            archive_bytes,
            notes: staged.notes.clone(),
        })
    }

    /// Takes a key that was written down.
    ///
    /// # Errors
    /// [`BackupError`] when it does not open the repository that is there.
    pub fn set_key(&self, key: &super::Key) -> Result<(), BackupError> {
        super::key::set(&self.layout, &self.restic, key)
    }
}

/// The restore drill: the newest backup, restored into a folder of its own, and everything in it looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// The backup.
    pub id: String,
    /// When it was made, RFC 3339.
    pub at: String,
    /// Files compared with what was saved.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Repository {
    /// Restores the newest backup into a scratch folder: every file as it was saved, databases whole, settings that
    /// this program can work with.
    ///
    /// # Errors
    /// [`BackupError`], what would have gone wrong.
    pub fn drill(&self, name: &str, progress: &mut dyn FnMut(Progress)) -> Result<Drill, BackupError> {
        let drilled = self.try_drill(name, progress);
        let outcome = Outcome::of(&drilled, |drill| {
            let id = drill.id.get(..8).unwrap_or(&drill.id);
            format!("{} files of backup {id} as they were saved", drill.files)
        });
        let kept = BackupStatus::change(&self.layout, |status| {
            status.drill.note(outcome);
            if let Ok(drill) = &drilled {
                status.verified = Some(drill.id.clone());
            }
        });
        let drilled = drilled?;
        kept?;
        Ok(drilled)
    }

    fn try_drill(&self, name: &str, progress: &mut dyn FnMut(Progress)) -> Result<Drill, BackupError> {
        let fetched = self.fetch(Source::Snapshot(name), progress)?;
        progress(Progress::of("looking"));
        let all = super::Selection::Parts(super::Part::DATA.to_vec());
        fetched.check_databases(&all)?;
        super::fetch::check_settings(&fetched.folder("config"), &fetched.folder("state"))?;
        if fetched.manifest.files.is_empty() {
            return Err(BackupError::new(
                Cause::Empty,
                "the backup has no files; make one with `backup create`",
            ));
        }
        Ok(Drill {
            id: fetched.from.clone(),
            at: fetched.manifest.made.clone(),
            files: fetched.manifest.files.len() as u64,
            bytes: fetched.manifest.bytes(),
        })
    }
}
