//! Backups with the real restic.
