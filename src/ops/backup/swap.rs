//! New folders in place of old ones: each at one stroke, and all of them or none, whenever the process is killed.
//!
//! A new folder is made beside the old one, whole. Then the journal is written, and from there on it is always
//! finished: folders are exchanged, the old ones become what `restore --undo` goes back to, the journal is removed.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, RenameFlags, StatxFlags, renameat_with, statx};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::carry::{carry, is_same};
use super::difference::replaced;
use super::error::{BackupError, Cause};
use super::layout::{Layout, Owner, patiently, remove_folder};
use super::manifest::{Manifest, area_of};
use super::part::{Fate, fate_of};
use super::selection::Selection;
use super::step::step;
use super::tree;
use crate::config::{InstanceLock, LockError, write_privately};

/// Lies in a new folder until it is in its place.
pub(super) const MARK: &str = ".restored-folder";

/// One folder that is exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unit {
    /// Its name in a backup.
    pub area: String,
    pub live: PathBuf,
    /// The new one; after the exchange, the old one.
    pub new: PathBuf,
    /// Where the old one stays.
    pub undo: PathBuf,
}

/// What is to be finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub units: Vec<Unit>,
    pub undo: Undo,
    /// The link to the release that runs, and what it leads to, if there is none.
    pub current: Option<(PathBuf, PathBuf)>,
}

/// What a restore replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Undo {
    pub selection: Selection,
    /// Every file that was replaced or removed.
    pub manifest: Manifest,
    pub places: Vec<(String, PathBuf)>,
}

impl Unit {
    pub fn new(area: &str, live: PathBuf) -> Result<Self, BackupError> {
        let name = live.file_name().and_then(|name| name.to_str());
        let (Some(name), Some(above)) = (name, live.parent()) else {
            let text = format!("{} can't be replaced; name another folder", live.display());
            return Err(BackupError::new(Cause::Refused, text));
        };
        Ok(Self {
            area: area.to_owned(),
            new: above.join(format!(".{name}.restore")),
            undo: above.join(format!(".{name}.undo")),
            live,
        })
    }

    /// Its folders can be exchanged: no disk is mounted on the live one.
    pub fn check_place(&self) -> Result<(), BackupError> {
        let of = |path: &Path| mount_of(path).map_err(|e| BackupError::io("look at", path, &e));
        if of(&self.live)? == of(self.above())? {
            return Ok(());
        }
        let mounted = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
        Err(BackupError::io("replace", &self.live, &mounted))
    }

    fn is_to_be_exchanged(&self) -> bool {
        self.new.join(MARK).exists()
    }

    fn above(&self) -> &Path {
        self.live.parent().unwrap_or(Path::new("/"))
    }
}

/// Writes the journal: from here on there is no way back but forward.
pub(super) fn commit(layout: &Layout, journal: &Journal) -> Result<(), BackupError> {
    write(layout, &layout.journal(), journal)
}

fn write(layout: &Layout, path: &Path, what: &impl Serialize) -> Result<(), BackupError> {
    let text = serde_json::to_vec_pretty(what).unwrap_or_default();
    write_privately(path, &text).map_err(|e| BackupError::io("write", path, &e))?;
    layout.owner.take(path)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, BackupError> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|e| {
            BackupError::new(
                Cause::Damaged,
                format!(
                    "{} is damaged ({e}); remove it, then look at the folders beside it",
                    path.display()
                ),
            )
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(BackupError::io("read", path, &e)),
    }
}

/// What the last restore replaced.
pub(super) fn last_undo(layout: &Layout) -> Result<Undo, BackupError> {
    read(&layout.undo())?.ok_or_else(|| {
        BackupError::new(
            Cause::NotFound,
            "there is no restore to undo; `backup list` shows what can be restored",
        )
    })
}

/// Finishes what was begun, and clears away what was prepared and never begun. Tells whether there was a restore
/// to finish.
pub(super) fn finish(layout: &Layout, held: Option<&InstanceLock>) -> Result<bool, BackupError> {
    let Some(mut journal) = read::<Journal>(&layout.journal())? else {
        sweep(layout)?;
        return Ok(false);
    };
    let _lock = match held {
        None if journal.units.iter().any(Unit::is_to_be_exchanged) => Some(take_instance(layout)?),
        _ => None,
    };
    if held.is_none() {
        catch_up(layout, &mut journal)?;
    }
    for unit in &journal.units {
        if unit.is_to_be_exchanged() {
            if let Err(e) = renameat_with(CWD, &unit.new, CWD, &unit.live, RenameFlags::EXCHANGE) {
                // What was prepared just now can be prepared again, and where a disk was mounted it never succeeds.
                let in_vain = held.is_some() || matches!(e, Errno::BUSY | Errno::XDEV);
                if in_vain && journal.units.iter().all(Unit::is_to_be_exchanged) {
                    give_up(layout, &journal)?;
                }
                return Err(BackupError::io("replace", &unit.live, &e.into()));
            }
            sync_folder(unit.above())?;
        }
        step();
    }
    for unit in &journal.units {
        remove_mark(&unit.live)?;
        step();
        if unit.new.exists() {
            trim(unit, &journal.undo.manifest)?;
            step();
            remove_folder(&unit.undo)?;
            step();
            std::fs::rename(&unit.new, &unit.undo).map_err(|e| BackupError::io("keep", &unit.undo, &e))?;
            sync_folder(unit.above())?;
        }
        step();
    }
    if let Some((link, target)) = &journal.current
        && std::fs::symlink_metadata(link).is_err()
    {
        std::os::unix::fs::symlink(target, link).map_err(|e| BackupError::io("make", link, &e))?;
    }
    write(layout, &layout.undo(), &journal.undo)?;
    step();
    std::fs::remove_file(layout.journal()).map_err(|e| BackupError::io("remove", &layout.journal(), &e))?;
    sync_folder(&layout.place.backups())?;
    step();
    if held.is_none() {
        sweep(layout)?;
    }
    Ok(true)
}

/// A trainer may have worked in what a cut restore had not exchanged yet: what lives on is as it is now, and so is what
/// `restore --undo` goes back to.
fn catch_up(layout: &Layout, journal: &mut Journal) -> Result<(), BackupError> {
    let Journal { units, undo, .. } = &mut *journal;
    // Of a live folder that is gone the new one may have the last of all that lived on.
    let behind = |unit: &&Unit| unit.is_to_be_exchanged() && unit.live.is_dir();
    for unit in units.iter().filter(behind) {
        carry(unit, &undo.selection, Owner::of(&unit.live))?;
        undo.manifest
            .files
            .retain(|entry| area_of(&entry.path) != unit.area);
        undo.manifest
            .files
            .extend(replaced(&unit.area, &unit.live, &undo.selection)?);
        for folder in tree::all_below(&unit.new)? {
            if folder.metadata.is_dir() {
                sync_folder(&folder.path)?;
            }
        }
        sync_folder(&unit.new)?;
    }
    commit(layout, journal)
}

/// Nothing was exchanged, and nothing is left of it.
fn give_up(layout: &Layout, journal: &Journal) -> Result<(), BackupError> {
    std::fs::remove_file(layout.journal()).map_err(|e| BackupError::io("remove", &layout.journal(), &e))?;
    sync_folder(&layout.place.backups())?;
    journal.units.iter().try_for_each(|unit| remove_folder(&unit.new))
}

/// Takes away the mark of a new folder, so that it is exchanged no more.
pub(super) fn remove_mark(folder: &Path) -> Result<(), BackupError> {
    let mark = folder.join(MARK);
    match std::fs::remove_file(&mark) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(BackupError::io("remove", &mark, &e)),
        _ => Ok(()),
    }
}

/// The mount a folder is on; where the system does not tell, its device.
fn mount_of(folder: &Path) -> std::io::Result<(u64, u64)> {
    let found = statx(
        CWD,
        folder,
        AtFlags::empty(),
        StatxFlags::BASIC_STATS | StatxFlags::MNT_ID,
    )?;
    let device = u64::from(found.stx_dev_major) << 32 | u64::from(found.stx_dev_minor);
    Ok((device, found.stx_mnt_id))
}

/// Leaves of the old folder what was replaced; everything else lives on in the new one. What does not live on stays,
/// too, whatever it is: nobody said that it may go.
fn trim(unit: &Unit, replaced: &Manifest) -> Result<(), BackupError> {
    let stays: BTreeSet<&str> = replaced.files.iter().map(|e| e.path.as_str()).collect();
    // The deepest first, so that folders are empty when it is their turn.
    for found in tree::all_below(&unit.new)?.iter().rev() {
        if found.metadata.is_dir() {
            // One that is not empty stays.
            drop(std::fs::remove_dir(&found.path));
            continue;
        }
        let path = format!("{}/{}", unit.area, found.name);
        let lives_on = || {
            let live = std::fs::symlink_metadata(unit.live.join(&found.name));
            live.is_ok_and(|live| is_same(&live, &found.metadata))
        };
        if !stays.contains(path.as_str()) && (fate_of(&path) == Fate::Scrap || lives_on()) {
            std::fs::remove_file(&found.path).map_err(|e| BackupError::io("remove", &found.path, &e))?;
        }
    }
    Ok(())
}

/// Removes what commands left that were killed before anything live was touched.
fn sweep(layout: &Layout) -> Result<(), BackupError> {
    for folder in [
        layout.fetched(),
        layout.staging(),
        layout.repository().with_extension("new"),
    ] {
        remove_folder(&folder)?;
    }
    let lives = [
        layout.place.config().to_owned(),
        layout.place.state().to_owned(),
        layout.place.logs(),
    ];
    for live in lives {
        let live = std::fs::canonicalize(&live).unwrap_or(live);
        if let Ok(unit) = Unit::new("", live)
            && unit.new.exists()
        {
            remove_folder(&unit.new)?;
        }
    }
    Ok(())
}

/// No trainer runs on the state folder, and none can start.
pub(super) fn take_instance(layout: &Layout) -> Result<InstanceLock, BackupError> {
    let state = layout.place.state();
    let was_there = state.is_dir();
    let lock = patiently(
        || InstanceLock::take(state),
        |tried| matches!(tried, Err(LockError::Held { .. })),
    )
    .map_err(|error| match error {
        LockError::Held { pid, .. } => BackupError::new(
            Cause::Busy,
            format!(
                "a trainer runs on {}{}; stop it first (systemctl stop billiards-trainer)",
                state.display(),
                pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
            ),
        ),
        LockError::Failed { reason, .. } => BackupError::io("lock", state, &reason),
    })?;
    if !was_there {
        layout.owner.take(state)?;
    }
    layout.owner.take(&state.join("lock"))?;
    Ok(lock)
}

/// What was named, renamed or removed in a folder is so after a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| BackupError::io("write", folder, &e))
}
