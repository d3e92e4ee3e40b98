//! Restoring: fetched, compared, saved once more, and only then put in place.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::carry::{carry, make_like};
use super::difference::{Change, Difference, difference};
use super::error::{BackupError, Cause};
use super::fetch::{Fetched, Source, check_settings};
use super::layout::{Owner, remove_folder};
use super::manifest::{Broken, Entry, Manifest, Side, area_of, copy};
use super::part::Part;
use super::selection::Selection;
use super::snapshot::{Kind, PRE_RESTORE};
use super::staging::{Databases, now};
use super::status::{BackupStatus, Outcome};
use super::step::step;
use super::swap::{self, Journal, MARK, Undo, Unit, remove_mark, sync_folder};
use super::{CreateOptions, Progress, Repository, tree};

/// How to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreOptions {
    /// What is meant; none: everything in the configuration and state folders.
    pub selection: Option<Selection>,
    /// Only say what would change.
    pub dry_run: bool,
    /// Refuse settings that this program can't work with.
    pub check_settings: bool,
    /// First save what is there now.
    pub save_before: bool,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            selection: None,
            dry_run: false,
            check_settings: true,
            save_before: true,
        }
    }
}

/// What a restore changed, or would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// The backup it came from.
    pub from: String,
    /// The backup that was made before, if one was.
    pub saved_before: Option<String>,
    /// Every file that changed; none: all was as in the backup.
    pub changes: Vec<Change>,
    /// Nothing was done, only looked at.
    pub dry_run: bool,
}

impl Repository {
    /// Restores, with everything compared before anything live is touched.
    ///
    /// # Errors
    /// [`BackupError`]; everything is then as it was, or, where the process itself was killed, becomes what was
    /// asked for with the next backup command.
    pub fn restore(
        &self,
        source: Source<'_>,
        options: &RestoreOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Restored, BackupError> {
        let restored = self.try_restore(source, options, progress);
        if !options.dry_run {
            let outcome = Outcome::of(&restored, |done| {
                format!("{} files changed, from {}", done.changes.len(), done.from)
            });
            let kept = BackupStatus::change(&self.layout, |status| status.restore.note(outcome));
            // What went wrong first is what matters.
            restored.as_ref().map_err(Clone::clone)?;
            kept?;
        }
        restored
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
        let options = RestoreOptions {
            selection: Some(Selection::Parts(parts.to_vec())),
            dry_run: false,
            check_settings: false,
            save_before: false,
        };
        self.restore(Source::Snapshot(snapshot_id), &options, progress)
    }

    fn try_restore(
        &self,
        source: Source<'_>,
        options: &RestoreOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Restored, BackupError> {
        let fetched = self.fetch(source, progress)?;
        step();
        let undone = fetched.selection.clone();
        let is_undo = undone.is_some();
        let selection = match undone {
            Some(selection) => selection,
            None => (options.selection.clone())
                .unwrap_or_else(|| Selection::Parts(Part::DATA.to_vec()))
                .resolved(&self.layout, &fetched.manifest)?,
        };
        if matches!(source, Source::Archive(_)) {
            self.refuse_foreign_release(&fetched, &selection)?;
        }
        if !is_undo {
            fetched.check_databases(&selection)?;
        }
        let mut restored = Restored {
            from: fetched.from.clone(),
            dry_run: options.dry_run,
            ..Restored::default()
        };
        if options.dry_run {
            restored.changes = difference(&self.layout, &fetched, &selection)?.changes;
            return Ok(restored);
        }
        let lock = swap::take_instance(&self.layout)?;
        let found = difference(&self.layout, &fetched, &selection)?;
        if found.changes.is_empty() {
            return Ok(restored);
        }
        if options.save_before && !is_undo {
            restored.saved_before = self.save_before(progress)?;
        }
        progress(Progress::of("preparing"));
        let journal = self.make_ready(&fetched, &selection, &found)?;
        if options.check_settings && selection.touches_settings() && !is_undo {
            let new = |area: &str, live: &Path| {
                let unit = journal.units.iter().find(|unit| unit.area == area);
                unit.map_or_else(|| live.to_owned(), |unit| unit.new.clone())
            };
            let place = &self.layout.place;
            if let Err(error) = check_settings(&new("config", place.config()), &new("state", place.state())) {
                for unit in &journal.units {
                    remove_folder(&unit.new)?;
                }
                return Err(error);
            }
        }
        progress(Progress::of("putting in place"));
        swap::commit(&self.layout, &journal)?;
        step();
        swap::finish(&self.layout, Some(&lock))?;
        restored.changes = found.changes;
        Ok(restored)
    }

    /// Programs come into an installation by their signature alone, and an archive has none.
    fn refuse_foreign_release(&self, fetched: &Fetched, selection: &Selection) -> Result<(), BackupError> {
        let meant = |entry: &Entry| area_of(&entry.path) == "release" && selection.has(&entry.path);
        if !self.layout.place.deploy().exists() || !fetched.manifest.files.iter().any(meant) {
            return Ok(());
        }
        Err(BackupError::new(
            Cause::Refused,
            "a release is not restored from a file into an installation; bring it with `deploy install --from`, and \
             restore without --all",
        ))
    }

    /// Saves what is there now, if anything is. What is damaged is saved, too, as it is.
    fn save_before(&self, progress: &mut dyn FnMut(Progress)) -> Result<Option<String>, BackupError> {
        let options = CreateOptions {
            kind: Kind::Data,
            tags: vec![PRE_RESTORE.to_owned()],
            pinned: false,
        };
        let mut saved = self.create_with(&options, Databases::Whole, progress);
        if matches!(&saved, Err(error) if error.cause == Cause::Damaged && error.to_string().contains("database"))
        {
            saved = self.create_with(&options, Databases::AsTheyAre, progress);
        }
        match saved {
            Ok(made) => Ok(Some(made.id)),
            Err(error) if error.cause == Cause::Empty => Ok(None),
            Err(error) => Err(error.at(
                "what is there now can't be saved first, so nothing was changed (--without-backup restores all the same)",
            )),
        }
    }

    /// Makes the new folders, whole, beside the old ones.
    fn make_ready(
        &self,
        fetched: &Fetched,
        selection: &Selection,
        found: &Difference,
    ) -> Result<Journal, BackupError> {
        let release = fetched.manifest.release.as_deref();
        let mut units = Vec::new();
        // The state last: until then its lock keeps a trainer from starting.
        for area in fetched.areas(selection) {
            if !found.changes.iter().any(|change| area_of(&change.path) == area) {
                continue;
            }
            let live = self.layout.live(area, release)?;
            self.make_live(&live, area)?;
            let live = std::fs::canonicalize(&live).map_err(|e| BackupError::io("look at", &live, &e))?;
            let unit = Unit::new(area, live)?;
            let built = unit.check_place().and_then(|()| build(&unit, fetched, selection));
            if let Err(error) = built {
                // What is half made must not be taken for anything.
                drop(remove_folder(&unit.new));
                for unit in &units {
                    let unit: &Unit = unit;
                    drop(remove_folder(&unit.new));
                }
                return Err(error);
            }
            units.push(unit);
        }
        let current = release
            .filter(|_| fetched.areas(selection).contains(&"release"))
            .map(|release| (self.layout.place.current(), Path::new("releases").join(release)));
        Ok(Journal {
            undo: Undo {
                selection: selection.clone(),
                manifest: Manifest {
                    made: now(),
                    release: release.map(ToOwned::to_owned),
                    // Of the folders that are exchanged: the others stay, and there is nothing to go back to.
                    files: (found.live.iter())
                        .filter(|entry| units.iter().any(|unit| unit.area == area_of(&entry.path)))
                        .cloned()
                        .collect(),
                    ..fetched.manifest.clone()
                },
                places: units.iter().map(|u| (u.area.clone(), u.undo.clone())).collect(),
            },
            units,
            current,
        })
    }

    /// A live folder that is gone is made anew, to be replaced like any other.
    fn make_live(&self, live: &Path, area: &str) -> Result<(), BackupError> {
        if live.is_dir() {
            return Ok(());
        }
        let above = live.parent().unwrap_or(Path::new("/"));
        // What is between them, releases/ say, is like what is above it.
        self.make_live(above, "release")?;
        let (owner, mode) = belongs(area, Owner::of(above), self.layout.owner);
        std::fs::DirBuilder::new()
            .mode(mode)
            .create(live)
            .map_err(|e| BackupError::io("make the folder", live, &e))?;
        owner.take(live)
    }
}

/// Whose a folder of an area is that is made anew, and its mode: what the service writes is its own, settings it may
/// read, and programs are of whoever installed it.
fn belongs(area: &str, above: Owner, service: Owner) -> (Owner, u32) {
    match area {
        "state" | "logs" => (service, 0o750),
        "config" => {
            let group = service.group;
            (Owner { group, ..above }, 0o750)
        }
        _ => (above, 0o755),
    }
}

/// Makes the new folder of a unit: what is meant from the backup, everything else as it is.
fn build(unit: &Unit, fetched: &Fetched, selection: &Selection) -> Result<(), BackupError> {
    let owner = Owner::of(&unit.live);
    remove_folder(&unit.new)?;
    make_like(&unit.live, &unit.new, owner)?;
    // One that was left behind would have the folders exchanged once more, back.
    remove_mark(&unit.live)?;
    let mark = unit.new.join(MARK);
    (std::fs::File::options().write(true).create_new(true).open(&mark))
        .map_err(|e| BackupError::io("write", &mark, &e))?;
    carry(unit, selection, owner)?;
    step();
    for entry in &fetched.manifest.files {
        if area_of(&entry.path) == unit.area && selection.has(&entry.path) {
            let below = entry.path.get(unit.area.len() + 1..).unwrap_or_default();
            put(entry, &fetched.path(&entry.path), &unit.new, below, owner)?;
            step();
        }
    }
    // All of it is on the disk before the journal says so.
    for folder in tree::all_below(&unit.new)?
        .iter()
        .filter(|found| found.metadata.is_dir())
    {
        sync_folder(&folder.path)?;
    }
    sync_folder(&unit.new)?;
    unit.new.parent().map_or(Ok(()), sync_folder)
}

/// Copies one file of a backup into a new folder, and sees that the copy is what was saved.
fn put(entry: &Entry, from: &Path, new: &Path, below: &str, owner: Owner) -> Result<(), BackupError> {
    let to = new.join(below);
    if let Some(above) = to.parent() {
        make_above(new, above, owner)?;
    }
    let cannot_write = |e: &std::io::Error| BackupError::io("write", &to, e);
    let mut source = std::fs::File::open(from).map_err(|e| BackupError::io("read", from, &e))?;
    let mut target = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&to)
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => BackupError::new(
                Cause::Refused,
                format!(
                    "{} is a link or another thing that no backup has; move it away first",
                    entry.path
                ),
            ),
            _ => cannot_write(&e),
        })?;
    let (bytes, hash) = copy(&mut source, &mut target).map_err(|Broken(side, e)| match side {
        Side::Read => BackupError::io("read", from, &e),
        Side::Write => cannot_write(&e),
    })?;
    entry.is(bytes, &hash)?;
    owner.take_open(&target, &to)?;
    target
        .set_permissions(std::fs::Permissions::from_mode(entry.mode))
        .and_then(|()| target.sync_all())
        .map_err(|e| cannot_write(&e))
}

fn make_above(new: &Path, folder: &Path, owner: Owner) -> Result<(), BackupError> {
    if std::fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir()) {
        return Ok(());
    }
    let above: PathBuf = folder.parent().unwrap_or(new).to_owned();
    if above.starts_with(new) {
        make_above(new, &above, owner)?;
    }
    make_like(&above, folder, owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_made_anew_belong_to_whom_they_should() {
        let (root, service) = (Owner { user: 0, group: 0 }, Owner { user: 7, group: 8 });
        for area in ["state", "logs"] {
            assert_eq!(belongs(area, root, service), (service, 0o750));
        }
        assert_eq!(
            belongs("config", root, service),
            (Owner { user: 0, group: 8 }, 0o750)
        );
        assert_eq!(belongs("release", root, service), (root, 0o755));
    }
}
