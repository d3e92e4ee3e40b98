//! Where backups keep what they need, and whose it is.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{BackupError, Cause};
use crate::config::InstanceLock;
use crate::ops::installation::Installation;

/// The files of backups in an installation.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub place: Installation,
    /// Who owns what is made: whoever owns the state folder (the backups, where that is gone), so that an
    /// administrator may work for the service.
    pub owner: Owner,
}

/// User and group numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub user: u32,
    pub group: u32,
}

impl Owner {
    /// Of a folder, or of the nearest one above it that is there.
    pub fn of(path: &Path) -> Self {
        let found = path.ancestors().find_map(|path| std::fs::metadata(path).ok());
        match found {
            Some(found) => Self {
                user: found.uid(),
                group: found.gid(),
            },
            None => Self {
                user: rustix::process::geteuid().as_raw(),
                group: rustix::process::getegid().as_raw(),
            },
        }
    }

    /// This process may give files away, and has to for this owner.
    pub fn is_another(self) -> bool {
        rustix::process::geteuid().is_root() && self.user != 0
    }

    /// Makes it the owner of a file or folder, where this process may.
    pub fn take(self, path: &Path) -> Result<(), BackupError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.user), Some(self.group))
            .map_err(|e| BackupError::io("give away", path, &e))
    }

    /// The same for what is open: its name may have become a link since.
    pub fn take_open(self, file: &File, path: &Path) -> Result<(), BackupError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        std::os::unix::fs::fchown(file, Some(self.user), Some(self.group))
            .map_err(|e| BackupError::io("give away", path, &e))
    }
}

/// Held while a command works; the system gives it back however the process ends.
#[derive(Debug)]
pub(super) struct CommandLock {
    _file: File,
}

impl Layout {
    pub fn new(place: &Installation) -> Self {
        let (state, backups) = (place.state(), place.backups());
        let owned = if state.is_dir() || !backups.is_dir() {
            state
        } else {
            &backups
        };
        Self {
            owner: Owner::of(owned),
            place: place.clone(),
        }
    }

    pub fn repository(&self) -> PathBuf {
        self.place.backups().join("repository")
    }

    /// What is about to be saved. Always at the same place, so that a backup finds the one before.
    pub fn staging(&self) -> PathBuf {
        self.place.backups().join("staging")
    }

    /// What was saved and is about to be restored.
    pub fn fetched(&self) -> PathBuf {
        self.place.backups().join("fetched")
    }

    pub fn journal(&self) -> PathBuf {
        self.place.backups().join("restore.json")
    }

    pub fn undo(&self) -> PathBuf {
        self.place.backups().join("undo.json")
    }

    pub fn key(&self) -> PathBuf {
        self.place.secrets().join("backup.key")
    }

    /// The live folder of an area of a backup: `config`, `state`, `logs`, `release`.
    pub fn live(&self, area: &str, release: Option<&str>) -> Result<PathBuf, BackupError> {
        match (area, release) {
            ("config", _) => Ok(self.place.config().to_owned()),
            ("state", _) => Ok(self.place.state().to_owned()),
            ("logs", _) => Ok(self.place.logs()),
            ("release", Some(release)) => Ok(self.place.releases().join(release)),
            _ => Err(BackupError::new(
                Cause::Damaged,
                format!("the backup has a folder {area} that belongs nowhere; take another backup"),
            )),
        }
    }

    /// Makes a folder that only its owner may look into, and those above it.
    pub fn make_folder(&self, path: &Path) -> Result<(), BackupError> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(above) = path.parent() {
            self.make_folder(above)?;
        }
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => self.owner.take(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(e) => Err(BackupError::io("make the folder", path, &e)),
        }
    }

    /// An empty folder in place of whatever was there.
    pub fn empty_folder(&self, path: &Path) -> Result<(), BackupError> {
        remove_folder(path)?;
        self.make_folder(path)
    }

    /// One backup command at a time.
    pub fn lock(&self) -> Result<CommandLock, BackupError> {
        self.make_folder(&self.place.backups())?;
        let path = self.place.backups().join("lock");
        let failed = |e: std::io::Error| BackupError::io("lock", &path, &e);
        let mut file = InstanceLock::open_file(&path).map_err(failed)?;
        self.owner.take_open(&file, &path)?;
        let locked = patiently(
            || file.try_lock(),
            |tried| matches!(tried, Err(TryLockError::WouldBlock)),
        );
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut said = String::new();
                drop(file.take(32).read_to_string(&mut said));
                let process = said.trim().parse::<u32>();
                let who = process.map_or("its process is not known yet".to_owned(), |p| {
                    format!("process {p}")
                });
                return Err(BackupError::new(
                    Cause::Busy,
                    format!("another backup command is at work ({who}); wait until it has ended"),
                ));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // The number is only for people.
        drop(
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| writeln!(file, "{}", std::process::id())),
        );
        Ok(CommandLock { _file: file })
    }
}

/// Tries once more for a moment: a program that is being started holds the locks of its parent until it has begun.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> T, is_held: impl Fn(&T) -> bool) -> T {
    let mut done = attempt();
    for _ in 0..10 {
        if !is_held(&done) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        done = attempt();
    }
    done
}

/// Removes a folder with all that is in it, if there is one.
pub(super) fn remove_folder(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(BackupError::io("remove", path, &e)),
        _ => Ok(()),
    }
}
