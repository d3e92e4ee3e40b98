//! One deploy at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::DeployError;
use crate::ops::installation::Installation;

/// Held as long as a deploy works. The system gives it back however the process ends. Folders that were made for it go with
/// it, as long as nothing else is in them.
#[derive(Debug)]
pub struct DeployLock {
    _file: File,
    path: PathBuf,
    made: Vec<PathBuf>,
}

impl DeployLock {
    /// Takes it; makes the folder for it.
    ///
    /// # Errors
    /// [`DeployError::busy`] when another has it; else what the system says.
    pub fn take(place: &Installation) -> Result<Self, DeployError> {
        let folder = place.deploy();
        let mut made: Vec<_> = folder
            .ancestors()
            .take_while(|f| !f.exists())
            .map(Path::to_owned)
            .collect();
        made.reverse();
        std::fs::create_dir_all(&folder).map_err(|e| DeployError::io("make", &folder, &e))?;
        let path = folder.join("lock");
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
        };
        loop {
            let mut file = open().map_err(|e| DeployError::io("write", &path, &e))?;
            match patiently(|| file.try_lock()) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut said = String::new();
                    drop(file.take(32).read_to_string(&mut said));
                    return Err(DeployError::busy(format!(
                        "another deploy works on {} (process {}); wait until it has ended",
                        place.root().display(),
                        said.trim()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(DeployError::io("lock", &path, &error)),
            }
            // Whoever had it may have taken the file away in between: then this one is nobody's.
            let same = std::fs::metadata(&path)
                .is_ok_and(|there| file.metadata().is_ok_and(|m| m.ino() == there.ino()));
            if same {
                let written = file
                    .set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| writeln!(file, "{}", std::process::id()));
                drop(written);
                return Ok(Self {
                    _file: file,
                    path,
                    made,
                });
            }
        }
    }

    /// Somebody has it.
    #[must_use]
    pub fn is_held(place: &Installation) -> bool {
        File::open(place.deploy().join("lock")).is_ok_and(|file| {
            matches!(
                patiently(|| file.try_lock_shared()),
                Err(TryLockError::WouldBlock)
            )
        })
    }
}

/// Whoever has just given it back may have a child between its birth and its own program, which still holds it.
fn patiently(try_lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    for _ in 0..20 {
        match try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    try_lock()
}

impl Drop for DeployLock {
    fn drop(&mut self) {
        if self.made.is_empty() {
            return;
        }
        // Alone in its folder: nothing came of it.
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        if std::fs::read_dir(folder).is_ok_and(|all| all.count() == 1) {
            drop(std::fs::remove_file(&self.path));
            for folder in self.made.iter().rev() {
                drop(std::fs::remove_dir(folder));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_is_left_where_nothing_was() {
        let root = std::env::temp_dir().join(format!("billiards-deploy-lock-{}", std::process::id()));
        let place = Installation::at(root.join("deep"));
        let first = DeployLock::take(&place).unwrap();
        let error = DeployLock::take(&place).unwrap_err();
        assert!(
            error.busy && error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
        assert!(DeployLock::is_held(&place));
        drop(first);
        assert!(!root.exists() && !DeployLock::is_held(&place));
        let first = DeployLock::take(&place).unwrap();
        std::fs::write(place.deploy().join("known.ron"), "()").unwrap();
        drop(first);
        assert!(place.deploy().join("known.ron").exists());
        drop(DeployLock::take(&place).unwrap());
        std::fs::remove_dir_all(&root).unwrap();
    }
}
