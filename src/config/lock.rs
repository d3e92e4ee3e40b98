//! One instance for each state folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Held as long as this instance runs. The system gives it back however the process ends, so that
/// the file left behind is harmless.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

/// Why this instance can't have the folder.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another one has it: exit code 75.
    #[error(
        "another instance runs on {folder} ({}); stop it, or give this one a state_folder of its own",
        .pid.map_or("its process is not known yet".to_owned(), |pid| format!("process {pid}"))
    )]
    Held {
        /// The state folder.
        folder: PathBuf,
        /// Its process, once it has written that down.
        pid: Option<u32>,
    },
    /// The system refuses.
    #[error("cannot lock the state folder {folder}: {reason}; check that it can be written")]
    Failed {
        /// The state folder.
        folder: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

impl InstanceLock {
    /// Takes the lock on a state folder, which is made where there is none.
    ///
    /// # Errors
    /// [`LockError`], on one line.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let failed = |reason: io::Error| LockError::Failed {
            folder: folder.to_owned(),
            reason,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = Self::open_file(&folder.join("lock")).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Shorter than any nonsense that might stand there.
                let mut said = String::new();
                drop(file.take(32).read_to_string(&mut said));
                return Err(LockError::Held {
                    folder: folder.to_owned(),
                    pid: said.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(reason)) => return Err(failed(reason)),
        }
        // The number is only for people: on a full disk the lock holds without it.
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        drop(written);
        Ok(Self { _file: file })
    }

    /// Opens the file of a lock, and makes it where there is none. A link is refused: an administrator may work in a folder
    /// of somebody else, who could have it lead to any file.
    ///
    /// # Errors
    /// What the system says, or that it is a link.
    pub(crate) fn open_file(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)
            .map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::LOOP) => io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} is a link; remove it", path.display()),
                ),
                _ => error,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_told_who_has_the_folder_and_a_stale_file_is_harmless() {
        let folder = std::env::temp_dir().join(format!("billiards-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("lock"), "999999999 and more from an earlier life\n").unwrap();
        let first = InstanceLock::take(&folder).unwrap();
        let error = InstanceLock::take(&folder).unwrap_err();
        let message = error.to_string();
        let LockError::Held { pid, .. } = error else {
            unreachable!("{message}")
        };
        assert_eq!(pid, Some(std::process::id()));
        assert!(
            message.contains(&format!("process {}", std::process::id())),
            "{message}"
        );
        assert!(!message.contains('\n'));
        drop(first);
        let again = InstanceLock::take(&folder).unwrap();
        std::fs::write(folder.join("lock"), [0_u8, 255]).unwrap();
        let error = InstanceLock::take(&folder).unwrap_err();
        assert!(error.to_string().contains("not known"), "{error}");
        drop(again);
        std::fs::remove_dir_all(&folder).unwrap();
        // A file stands where the folder should be.
        std::fs::write(&folder, "").unwrap();
        let error = InstanceLock::take(&folder).unwrap_err();
        assert!(matches!(error, LockError::Failed { .. }), "{error}");
        std::fs::remove_file(&folder).unwrap();
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_not_followed() {
        let folder = std::env::temp_dir().join(format!("billiards-lock-link-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        let (precious, missing) = (folder.join("precious"), folder.join("missing"));
        std::fs::write(&precious, "precious").unwrap();
        for target in [&precious, &missing] {
            std::os::unix::fs::symlink(target, folder.join("lock")).unwrap();
            let message = InstanceLock::take(&folder).unwrap_err().to_string();
            assert!(
                message.contains("lock is a link; remove it") && !message.contains('\n'),
                "{message}"
            );
            std::fs::remove_file(folder.join("lock")).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
        assert!(!missing.exists());
        drop(InstanceLock::take(&folder).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
