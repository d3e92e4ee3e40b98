//! Why `deploy` did not do its work.

use std::io;
use std::path::Path;

/// Why it did not, on one line: what, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeployError {
    message: String,
    /// Another deploy runs.
    pub busy: bool,
}

impl DeployError {
    /// A trouble in words; what runs over several lines is made one.
    #[must_use]
    pub fn new(message: impl AsRef<str>) -> Self {
        Self {
            message: message.as_ref().split_whitespace().collect::<Vec<_>>().join(" "),
            busy: false,
        }
    }

    /// Another deploy runs.
    #[must_use]
    pub fn busy(message: impl AsRef<str>) -> Self {
        Self {
            busy: true,
            ..Self::new(message)
        }
    }

    /// What the system says of a file, and what to do about it.
    #[must_use]
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on that disk, then try again"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "the disk can only be read: mount it for writing, or replace it if it is failing"
            }
            io::ErrorKind::PermissionDenied => "run the command with sudo, or as the user who owns it",
            io::ErrorKind::NotFound => "correct the path",
            _ => "look at that disk",
        };
        Self::new(format!("can't {action} {}: {error}; {advice}", path.display()))
    }
}
