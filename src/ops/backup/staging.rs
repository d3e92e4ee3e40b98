//! What is to be saved, copied so that it no longer changes while it is saved.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{BackupError, Cause};
use super::layout::{Layout, remove_folder};
use super::manifest::{Broken, Entry, FORMAT, MANIFEST, Manifest, Side, check_path, copy};
use super::part::{Fate, fate_of};
use super::snapshot::Kind;
use super::step::step;
use super::tree::{self, Found};
use crate::ops::helpers::bytes_in_words;

/// What every SQLite file begins with.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// How long somebody else may hold a database.
const BUSY: Duration = Duration::from_secs(10);

/// A folder that is ready to be saved.
#[derive(Debug)]
pub(super) struct Staged {
    pub folder: PathBuf,
    pub manifest: Manifest,
    /// What is not in it, one line each.
    pub notes: Vec<String>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        // It has tokens in it, and is made anew each time.
        drop(remove_folder(&self.folder));
    }
}

/// Whether a database that is damaged is refused, or saved byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Databases {
    Whole,
    AsTheyAre,
}

/// Copies what belongs into a backup of this kind.
pub(super) fn stage(layout: &Layout, kind: Kind, databases: Databases) -> Result<Staged, BackupError> {
    let folder = layout.staging();
    layout.make_folder(&layout.place.backups())?;
    layout.empty_folder(&folder)?;
    let release = (kind == Kind::Full).then(|| current_release(layout)).flatten();
    let mut staged = Staged {
        folder,
        manifest: Manifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made: now(),
            kind,
            release: release.as_ref().map(|(name, _)| name.clone()),
            files: Vec::new(),
        },
        notes: Vec::new(),
    };
    let mut areas = vec![("config", layout.place.config().to_owned())];
    if kind == Kind::Full {
        areas.push(("logs", layout.place.logs()));
        match release {
            Some((_, folder)) => areas.push(("release", folder)),
            None => staged
                .notes
                .push("no release is installed: only what it knows is saved".to_owned()),
        }
    }
    areas.push(("state", layout.place.state().to_owned()));
    for (area, live) in areas {
        staged.area(layout, area, &live, databases)?;
    }
    if staged.manifest.files.is_empty() {
        return Err(BackupError::new(
            Cause::Empty,
            format!(
                "there is nothing to save in {} and {}; name the installation with --system-dir",
                layout.place.config().display(),
                layout.place.state().display()
            ),
        ));
    }
    // It sorts first, so it is made last.
    let manifest = staged.folder.join(MANIFEST);
    File::options()
        .write(true)
        .create_new(true)
        .open(&manifest)
        .and_then(|mut file| file.write_all(&staged.manifest.to_text()))
        .map_err(|e| BackupError::io("write", &manifest, &e))?;
    layout.owner.take(&manifest)?;
    step();
    Ok(staged)
}

impl Staged {
    fn area(
        &mut self,
        layout: &Layout,
        area: &str,
        live: &Path,
        databases: Databases,
    ) -> Result<(), BackupError> {
        let (mut kept_files, mut kept_bytes) = (0_u64, 0_u64);
        let live = std::fs::canonicalize(live).unwrap_or_else(|_| live.to_owned());
        for found in tree::all_below(&live)? {
            let path = format!("{area}/{}", found.name);
            if found.metadata.is_dir() {
                continue;
            }
            match fate_of(&path) {
                Fate::Saved => {}
                Fate::Beside | Fate::Scrap => continue,
                Fate::Kept => {
                    // Marks and locks mean nothing to anybody else.
                    if found.metadata.len() > 100 {
                        kept_files += 1;
                        kept_bytes += found.metadata.len();
                    }
                    continue;
                }
            }
            if !found.metadata.is_file() {
                self.notes
                    .push(format!("{} is no file and is not saved", found.path.display()));
                continue;
            }
            check_path(&path)?;
            let to = self.folder.join(&path);
            if let Some(above) = to.parent() {
                layout.make_folder(above)?;
            }
            if let Some(Saved { bytes, mode, blake3 }) = save(&live, &found, &to, databases)? {
                layout.owner.take(&to)?;
                self.manifest.files.push(Entry {
                    path,
                    bytes,
                    mode,
                    blake3,
                });
                step();
            }
        }
        if kept_files > 0 {
            self.notes.push(format!(
                "{kept_files} recordings and files that were set aside ({}) stay in {} and are not saved; copy them \
                 yourself if they are worth it",
                bytes_in_words(kept_bytes),
                live.display()
            ));
        }
        Ok(())
    }
}

/// What is in a copy.
struct Saved {
    bytes: u64,
    mode: u32,
    blake3: String,
}

/// Copies a file as it is at one moment; gives nothing if it has gone meanwhile.
fn save(live: &Path, found: &Found, to: &Path, databases: Databases) -> Result<Option<Saved>, BackupError> {
    let cannot_read = |e: &std::io::Error| BackupError::io("read", &found.path, e);
    let mut source = match tree::open_below(live, &found.name) {
        Ok(source) => source,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(cannot_read(&e)),
    };
    // What is open counts, not what lay there a moment ago.
    let is = source.metadata().map_err(|e| cannot_read(&e))?;
    if !is.is_file() {
        return Ok(None);
    }
    let saved = |(bytes, blake3)| {
        Some(Saved {
            bytes,
            mode: is.permissions().mode() & 0o777,
            blake3,
        })
    };
    if databases == Databases::Whole && begins_as_database(&mut source).map_err(|e| cannot_read(&e))? {
        save_database(&found.path, to)?;
        let mut copied = File::open(to).map_err(|e| BackupError::io("read", to, &e))?;
        let done = copy(&mut copied, &mut std::io::sink());
        return done
            .map(saved)
            .map_err(|Broken(_, e)| BackupError::io("read", to, &e));
    }
    let mut target = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|e| BackupError::io("write", to, &e))?;
    copy(&mut source, &mut target)
        .map(saved)
        .map_err(|Broken(side, e)| match side {
            Side::Read => cannot_read(&e),
            Side::Write => BackupError::io("write", to, &e),
        })
}

/// It is an SQLite file, by what it begins with.
pub(super) fn is_database(path: &Path) -> std::io::Result<bool> {
    begins_as_database(&mut File::open(path)?)
}

/// The same of an open file, which is then at its start again.
fn begins_as_database(file: &mut File) -> std::io::Result<bool> {
    let mut start = Vec::new();
    (&mut *file).take(SQLITE.len() as u64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == SQLITE)
}

/// Copies a database that may be written to meanwhile, and checks the copy.
fn save_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |e: &rusqlite::Error| {
        let (cause, advice) = match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => (Cause::NoSpace, "make room on that disk, then try again"),
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => (
                Cause::Damaged,
                "a trainer sets it aside at its next start; `backup restore --part history` brings the last whole one",
            ),
            _ => (Cause::System, "try again, as the user who runs the trainer"),
        };
        BackupError::new(
            cause,
            format!("can't save the database {}: {e}; {advice}", from.display()),
        )
    };
    // Links on the way to the installation are its owner's; below it none is followed.
    let folder = to.parent().unwrap_or(Path::new("/"));
    let folder = std::fs::canonicalize(folder).map_err(|e| BackupError::io("look at", folder, &e))?;
    let to = &folder.join(to.file_name().unwrap_or_default());
    let run = || -> Result<(), rusqlite::Error> {
        // Who only reads leaves a log behind; who may write takes it away at the end, unless others use it.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let source = Connection::open_with_flags(from, flags)?;
        source.busy_timeout(BUSY)?;
        let mut target = Connection::open_with_flags(to, flags | OpenFlags::SQLITE_OPEN_CREATE)?;
        {
            let backup = Backup::new(&source, &mut target)?;
            // All pages at once: a reader of a write-ahead log holds nobody up.
            let deadline = Instant::now() + BUSY;
            while backup.step(i32::MAX)? != StepResult::Done {
                if Instant::now() > deadline {
                    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                    return Err(rusqlite::Error::SqliteFailure(busy, None));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // One file, without a log beside it.
        target.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
        Ok(())
    };
    run().map_err(|e| failed(&e))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| BackupError::io("write", to, &e))?;
    check_database(to).map_err(|says| {
        BackupError::new(
            Cause::Damaged,
            format!(
                "the database {} is damaged ({says}) and is not saved; a trainer sets it aside at its next start, \
                 `backup restore --part history` brings the last whole one",
                from.display()
            ),
        )
    })
}

/// Whether a database is whole; if not, what SQLite says.
pub(super) fn check_database(path: &Path) -> Result<(), String> {
    let check = || -> Result<String, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
    };
    match check() {
        Ok(says) if says == "ok" => Ok(()),
        Ok(says) => Err(says),
        Err(e) => Err(e.to_string()),
    }
}

/// Name and folder of the release that runs.
fn current_release(layout: &Layout) -> Option<(String, PathBuf)> {
    let folder = std::fs::canonicalize(layout.place.current()).ok()?;
    let name = folder.file_name()?.to_str()?.to_owned();
    Some((name, folder))
}

/// RFC 3339 UTC.
pub(super) fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
