//! Settings and state around a deploy: saved before, kept as they were at the stop, put back when it fails.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::{journal, owner, tree};
use crate::ops::backup::{self, CreateOptions, Kind, PRE_UPGRADE, Repository};
use crate::ops::installation::Installation;

/// What is kept.
const PARTS: [&str; 2] = ["config", "state"];
/// What was put aside in failed deploys is kept for so many.
const ASIDES: usize = 3;

/// A copy of both, whole.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The deploy it belongs to.
    id: String,
    /// What each held.
    config: String,
    /// The same.
    state: String,
}

/// Where a part really lies: a link to another disk stays the link it is, and what it leads to is exchanged.
fn live(place: &Installation, part: &str) -> PathBuf {
    let named = if part == "config" {
        place.config()
    } else {
        place.state()
    };
    std::fs::canonicalize(named).unwrap_or_else(|_| named.to_owned())
}

fn folder(place: &Installation) -> PathBuf {
    place.deploy().join("before")
}

fn record(place: &Installation) -> PathBuf {
    folder(place).join("kept.ron")
}

/// Makes a backup into the repository, which is never removed. Gives its name.
///
/// # Errors
/// When it can't be made.
pub fn back_up(place: &Installation, say: &mut dyn FnMut(&str)) -> Result<String, DeployError> {
    let failed = |error: backup::BackupError| {
        DeployError::new(format!(
            "no backup can be made: {error} (--no-backup goes without one)"
        ))
    };
    let options = CreateOptions {
        kind: Kind::Data,
        tags: vec![PRE_UPGRADE.to_owned()],
        pinned: true,
    };
    let repository = Repository::open(place).map_err(failed)?;
    let made = repository.create(&options, &mut |_| {}).map_err(failed)?;
    drop(repository);
    owner::give(&place.backups())?;
    owner::give(&place.secrets())?;
    say(&format!("backup {}", made.short_id()));
    Ok(made.id.clone())
}

/// Copies settings and state as they are; the service must not run.
///
/// # Errors
/// What the system says.
pub fn keep(place: &Installation, id: &str) -> Result<(), DeployError> {
    drop_kept(place)?;
    for part in PARTS {
        tree::copy(&live(place, part), &folder(place).join(part))?;
    }
    let kept = Kept {
        id: id.to_owned(),
        config: tree::digest(place.config())?,
        state: tree::digest(place.state())?,
    };
    // Only with this is the copy one.
    journal::write(&record(place), &kept)
}

/// Puts settings and state back to what they were at the stop. What is there now is put aside, never deleted. Gives the parts
/// that were not as they had been.
///
/// # Errors
/// What the system says.
pub fn put_back(
    place: &Installation,
    id: &str,
    backup: Option<&str>,
) -> Result<Vec<&'static str>, DeployError> {
    let kept: Option<Kept> = journal::read(&record(place))?;
    let Some(kept) = kept.filter(|kept| kept.id == id) else {
        // Nothing was kept, so nothing new has run yet.
        return Ok(Vec::new());
    };
    let mut changed = Vec::new();
    for part in PARTS {
        let wanted = if part == "config" {
            &kept.config
        } else {
            &kept.state
        };
        let (now, copy) = (live(place, part), folder(place).join(part));
        if tree::digest(&now)? != *wanted {
            if tree::digest(&copy)? == *wanted {
                tree::exchange(&now, &copy)?;
            } else {
                restore(place, part, backup)?;
            }
            changed.push(part);
        }
        // After an exchange, also one of before a cut, the copy is what the new release left; where the cut came between two
        // disks, it lies beside.
        let beside = tree::exchanged(&copy);
        let left = if beside.exists() {
            // Its copy may be half gone; it is of no more use, and must not be taken for what was left.
            tree::remove(&copy)?;
            Some(beside)
        } else if copy.exists() && tree::digest(&copy)? != *wanted {
            Some(copy)
        } else {
            None
        };
        if let Some(left) = left {
            let aside = aside(place).join(id).join(part);
            tree::remove(&aside)?;
            let above = aside.parent().unwrap_or(&aside);
            std::fs::create_dir_all(above).map_err(|e| DeployError::io("make", above, &e))?;
            std::fs::rename(&left, &aside).map_err(|e| DeployError::io("move", &left, &e))?;
            tree::sync_folder(above)?;
            if !changed.contains(&part) {
                changed.push(part);
            }
        }
    }
    Ok(changed)
}

/// The copy itself was damaged: the backup of a moment before is next.
fn restore(place: &Installation, part: &str, backup: Option<&str>) -> Result<(), DeployError> {
    let lost = |why: &dyn std::fmt::Display| {
        DeployError::new(format!(
            "{} is not as it was, its copy is damaged, and the backup can't be put back: {why}; look at the disk, then \
             `billiards-trainer backup restore`",
            live(place, part).display()
        ))
    };
    let id = backup.ok_or_else(|| lost(&"there is none"))?;
    let repository = Repository::open(place).map_err(|e| lost(&e))?;
    // Both hang together: the backup gives the moment it was made, and nothing in between.
    let restored = repository.restore_exact(id, &backup::Part::DATA, &mut |_| {});
    restored.map(drop).map_err(|e| lost(&e))
}

/// What failed releases left behind.
#[must_use]
pub fn aside(place: &Installation) -> PathBuf {
    place.deploy().join("aside")
}

/// The copy is of no more use; what was put aside long ago neither.
///
/// # Errors
/// What the system says.
pub fn drop_kept(place: &Installation) -> Result<(), DeployError> {
    // First the record: half a copy is none.
    journal::remove(&record(place))?;
    tree::remove(&folder(place))?;
    let mut asides: Vec<_> = std::fs::read_dir(aside(place))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    asides.sort();
    let old = asides.len().saturating_sub(ASIDES);
    asides.iter().take(old).try_for_each(|path| tree::remove(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn installation(name: &str) -> Installation {
        let root = std::env::temp_dir().join(format!("billiards-data-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        let place = Installation::at(root);
        fs::create_dir_all(place.config()).unwrap();
        fs::create_dir_all(place.state().join("deep")).unwrap();
        fs::write(place.site_file(), "()").unwrap();
        fs::write(place.state().join("deep/tokens.ron"), "all of them").unwrap();
        place
    }

    fn both(place: &Installation) -> [String; 2] {
        PARTS.map(|part| tree::digest(&live(place, part)).unwrap())
    }

    #[test]
    fn what_a_release_ruined_is_as_before_and_its_ruin_is_kept() {
        let place = installation("ruined");
        let before = both(&place);
        keep(&place, "1").unwrap();
        assert_eq!(put_back(&place, "1", None).unwrap(), Vec::<&str>::new());
        fs::write(place.state().join("deep/tokens.ron"), "none").unwrap();
        fs::write(place.state().join("new"), "of the minute").unwrap();
        assert_eq!(put_back(&place, "1", None).unwrap(), ["state"]);
        assert_eq!(both(&place), before);
        assert_eq!(
            fs::read_to_string(aside(&place).join("1/state/new")).unwrap(),
            "of the minute"
        );
        // Done again it changes nothing; another deploy's copy is not this one's.
        assert_eq!(put_back(&place, "1", None).unwrap(), Vec::<&str>::new());
        fs::write(place.site_file(), "no").unwrap();
        assert_eq!(put_back(&place, "2", None).unwrap(), Vec::<&str>::new());
        // Everything gone.
        keep(&place, "3").unwrap();
        let before = both(&place);
        fs::remove_dir_all(place.config()).unwrap();
        fs::remove_dir_all(place.state()).unwrap();
        assert_eq!(put_back(&place, "3", None).unwrap(), ["config", "state"]);
        assert_eq!(both(&place), before);
        fs::remove_dir_all(place.root()).unwrap();
    }

    #[test]
    fn a_cut_after_the_exchange_is_gone_on_from() {
        let place = installation("cut");
        let before = both(&place);
        keep(&place, "1").unwrap();
        fs::write(place.state().join("deep/tokens.ron"), "none").unwrap();
        tree::exchange(place.state(), &folder(&place).join("state")).unwrap();
        assert_eq!(put_back(&place, "1", None).unwrap(), ["state"]);
        assert_eq!(both(&place), before);
        assert!(aside(&place).join("1/state/deep/tokens.ron").exists());
        // A copy that is damaged itself is not put anywhere.
        keep(&place, "2").unwrap();
        fs::write(place.site_file(), "no").unwrap();
        fs::write(folder(&place).join("config/site.ron"), "neither").unwrap();
        let error = put_back(&place, "2", None).unwrap_err().to_string();
        assert!(
            error.contains("damaged") && fs::read_to_string(place.site_file()).unwrap() == "no",
            "{error}"
        );
        fs::remove_dir_all(place.root()).unwrap();
    }

    /// The state is a link to a folder on another disk, where this machine has one to write to.
    fn state_elsewhere(place: &Installation) -> PathBuf {
        use std::os::unix::fs::MetadataExt as _;
        let device = |path: &Path| fs::metadata(path).map(|m| m.dev()).ok();
        let shm = Path::new("/dev/shm");
        let name = place.root().file_name().unwrap();
        let disk = if device(shm).is_some() && device(shm) != device(place.root()) {
            shm.join(name)
        } else {
            place.root().with_extension("disk")
        };
        drop(fs::remove_dir_all(&disk));
        tree::copy(place.state(), &disk).unwrap();
        fs::remove_dir_all(place.state()).unwrap();
        std::os::unix::fs::symlink(&disk, place.state()).unwrap();
        disk
    }

    #[test]
    fn a_state_on_another_disk_is_put_back_there() {
        let place = installation("disk");
        let disk = state_elsewhere(&place);
        let before = both(&place);
        keep(&place, "1").unwrap();
        fs::write(disk.join("deep/tokens.ron"), "none").unwrap();
        assert_eq!(put_back(&place, "1", None).unwrap(), ["state"]);
        assert_eq!(fs::read_link(place.state()).unwrap(), disk);
        assert_eq!(
            fs::read_to_string(disk.join("deep/tokens.ron")).unwrap(),
            "all of them"
        );
        assert_eq!(both(&place), before);
        let left = aside(&place).join("1/state");
        assert!(fs::symlink_metadata(&left).unwrap().is_dir());
        assert_eq!(fs::read_to_string(left.join("deep/tokens.ron")).unwrap(), "none");
        fs::remove_dir_all(disk).unwrap();
        fs::remove_dir_all(place.root()).unwrap();
    }

    #[test]
    fn an_exchange_between_disks_is_cut_off_anywhere_and_nothing_is_lost() {
        // After so many steps, and in the middle of the next: something of it is gone or not there yet.
        for (done, half) in (0..=5).flat_map(|done| [(done, false), (done, true)]) {
            let place = installation("steps");
            let disk = state_elsewhere(&place);
            let when = format!("cut off after {done} steps, half of the next {half}");
            let before = both(&place);
            keep(&place, "1").unwrap();
            for file in ["deep/tokens.ron", "minute", "zone"] {
                fs::write(disk.join(file), "of the minute").unwrap();
            }
            let newer = tree::digest(&disk).unwrap();
            let copy = folder(&place).join("state");
            tree::by_copy(&disk, &copy, done).unwrap();
            if half {
                match done {
                    // Beside it half of what is to be saved.
                    0 => fs::create_dir_all(tree::beside(&tree::exchanged(&copy), "part")).unwrap(),
                    // Half emptied; half filled.
                    2 => fs::remove_file(disk.join("minute")).unwrap(),
                    3 => fs::create_dir(disk.join("deep")).unwrap(),
                    // The copy half removed.
                    4 => fs::remove_file(copy.join("deep/tokens.ron")).unwrap(),
                    _ => {}
                }
            }
            assert_eq!(put_back(&place, "1", None).unwrap(), ["state"], "{when}");
            assert_eq!(both(&place), before, "{when}");
            assert_eq!(
                tree::digest(&aside(&place).join("1/state")).unwrap(),
                newer,
                "{when}"
            );
            assert_eq!(put_back(&place, "1", None).unwrap(), Vec::<&str>::new(), "{when}");
            drop_kept(&place).unwrap();
            assert!(!folder(&place).exists());
            fs::remove_dir_all(disk).unwrap();
            fs::remove_dir_all(place.root()).unwrap();
        }
    }

    #[test]
    fn only_the_last_ruins_are_kept() {
        let place = installation("asides");
        for id in 1..=5 {
            keep(&place, &id.to_string()).unwrap();
            fs::write(place.state().join("mark"), id.to_string()).unwrap();
            put_back(&place, &id.to_string(), None).unwrap();
        }
        drop_kept(&place).unwrap();
        let mut left: Vec<_> = fs::read_dir(aside(&place))
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["3", "4", "5"]);
        fs::remove_dir_all(place.root()).unwrap();
    }
}
