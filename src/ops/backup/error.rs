//! Why a backup command did not do its work.

use std::io;
use std::path::Path;

use crate::ops::process::ProcessError;

/// Why a backup command did not do its work, on one line: what, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BackupError {
    /// What kind of trouble it is.
    pub cause: Cause,
    message: String,
}

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A program that is needed is not installed, or can't be started.
    Program,
    /// No room is left.
    NoSpace,
    /// The disk can only be read.
    ReadOnly,
    /// This user may not.
    NotAllowed,
    /// There is no backup, or not this one.
    NotFound,
    /// There is nothing to save.
    Empty,
    /// The repository is not whole.
    HalfRepository,
    /// Another program works on the repository.
    Locked,
    /// Another backup command runs, or a trainer.
    Busy,
    /// The key is missing.
    NoKey,
    /// The key is not the repository's.
    WrongKey,
    /// What was saved is not as it was saved.
    Damaged,
    /// It was made by a newer version of the program.
    Newer,
    /// What is asked for, or what lies there, can't be used.
    Refused,
    /// The system says no for another reason.
    System,
}

impl BackupError {
    /// A trouble in words; what runs over several lines is made one.
    #[must_use]
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let lines: Vec<_> = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        Self {
            cause,
            message: lines.join(", "),
        }
    }

    /// What the system says of a file, and what to do about it.
    #[must_use]
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let (cause, advice) = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (Cause::NoSpace, "make room on that disk, then try again")
            }
            io::ErrorKind::ReadOnlyFilesystem => (
                Cause::ReadOnly,
                "the disk can only be read: mount it for writing, or replace it if it is failing",
            ),
            io::ErrorKind::PermissionDenied => (
                Cause::NotAllowed,
                "run the command as the user who owns it, or with sudo",
            ),
            io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy => (
                Cause::Refused,
                "a disk is mounted there: mount it on the folder above, or make the folder a link to one on it",
            ),
            _ => (Cause::System, "check that the disk works and the folder is there"),
        };
        Self::new(
            cause,
            format!("can't {action} {}: {error}; {advice}", path.display()),
        )
    }

    /// The same trouble with where it happened in front.
    #[must_use]
    pub fn at(self, place: impl std::fmt::Display) -> Self {
        Self {
            message: format!("{place}: {}", self.message),
            ..self
        }
    }
}

impl From<ProcessError> for BackupError {
    fn from(error: ProcessError) -> Self {
        Self::new(Cause::Program, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_one_line_that_says_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = BackupError::io("write", Path::new("/a/b"), &full);
        assert_eq!(error.cause, Cause::NoSpace);
        assert_eq!(
            error.to_string(),
            "can't write /a/b: no storage space; make room on that disk, then try again"
        );
        let lines = BackupError::new(Cause::System, "one\n\n  two\n").at("here");
        assert_eq!(lines.to_string(), "here: one, two");
    }
}
