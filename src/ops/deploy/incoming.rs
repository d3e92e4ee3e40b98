//! A release that is brought: taken in first, so that what is looked at is what is placed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::DeployError;
use super::releases::{self, Manifest};
use super::signature::{self, Signed};
use super::version::Version;
use super::{elf, tree, trial};
use crate::ops::helpers::{DiskSpace, bytes_in_words};
use crate::ops::installation::{Installation, PROGRAM};

/// What only tells something does so within this.
const TELL_LIMIT: Duration = Duration::from_secs(20);

/// The folder of a release that was taken in and not placed yet.
#[must_use]
pub fn folder(place: &Installation) -> PathBuf {
    place.deploy().join("incoming")
}

/// A release that was taken in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its program, in the folder of the installation.
    pub program: PathBuf,
    /// BLAKE3 of it.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
    /// What its signature says.
    pub signed: Signed,
}

impl Incoming {
    /// Copies a program and its signature into the installation.
    ///
    /// # Errors
    /// When there is no room, or what the system says; nothing is then left of it.
    pub fn take(file: &Path, place: &Installation, spare_bytes: u64) -> Result<Self, DeployError> {
        let meta = fs::metadata(file).map_err(|e| DeployError::io("read", file, &e))?;
        if !meta.is_file() || meta.len() == 0 {
            return Err(DeployError::new(format!(
                "{} is no file with a program in it; name the release's file",
                file.display()
            )));
        }
        check_room(place, meta.len(), spare_bytes)?;
        let folder = folder(place);
        tree::remove(&folder)?;
        let taken = Self::copy(file, &folder, place);
        if taken.is_err() {
            drop(tree::remove(&folder));
        }
        taken
    }

    fn copy(file: &Path, folder: &Path, place: &Installation) -> Result<Self, DeployError> {
        fs::create_dir_all(folder).map_err(|e| DeployError::io("make", folder, &e))?;
        open_to_all(folder, 0o755)?;
        let program = folder.join(PROGRAM);
        let failed = |e| DeployError::io("write", &program, &e);
        let mut from = fs::File::open(file).map_err(|e| DeployError::io("read", file, &e))?;
        let mut to = fs::File::create(&program).map_err(failed)?;
        let mut hash = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            let read = from
                .read(&mut buffer)
                .map_err(|e| DeployError::io("read", file, &e))?;
            let part = buffer.get(..read).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            hash.update(part);
            to.write_all(part).map_err(failed)?;
            bytes += read as u64;
        }
        to.sync_all().map_err(failed)?;
        drop(to);
        open_to_all(&program, 0o755)?;
        let beside = signature::signature_file(file);
        if beside.exists() {
            let copy = signature::signature_file(&program);
            fs::copy(&beside, &copy).map_err(|e| DeployError::io("copy", &beside, &e))?;
            open_to_all(&copy, 0o644)?;
        }
        Ok(Self {
            signed: signature::look(&program, signature::key_file(place).as_deref()),
            hash: hash.finalize().to_hex().to_string(),
            program,
            bytes,
        })
    }

    /// Why it can't be for this machine, if it can't.
    ///
    /// # Errors
    /// What the system says.
    pub fn foreign(&self) -> Result<Option<String>, DeployError> {
        elf::foreign(&self.program).map_err(|e| DeployError::io("read", &self.program, &e))
    }

    /// Runs it for the first time, to hear its version; in a scratch folder, and only for a moment.
    ///
    /// # Errors
    /// Why it does not say it.
    pub fn version(&self, home: &Path) -> Result<Version, String> {
        let told = trial::tame(&self.program, home, ["--version".into()])
            .run(TELL_LIMIT)
            .map_err(|e| e.to_string())?;
        if !told.ending.is_good() {
            return Err(format!(
                "asked for its version, it {}",
                trial::ended(&told.ending)
            ));
        }
        Version::told(&told.text()).map_err(|e| format!("it is no billiards-trainer: {e}"))
    }

    /// Has it look at the settings.
    ///
    /// # Errors
    /// What it says against them.
    pub fn check_settings(&self, scratch: &Installation) -> Result<(), String> {
        let mut arguments = vec!["config".into(), "check".into()];
        if scratch.site_file().is_file() {
            arguments.push(scratch.site_file().into_os_string());
        }
        let mut set = std::ffi::OsString::from("state_folder=");
        set.push(scratch.state());
        arguments.extend(["--set".into(), set]);
        let told = trial::tame(&self.program, scratch.root(), arguments)
            .run(TELL_LIMIT)
            .map_err(|e| e.to_string())?;
        if told.ending.is_good() {
            Ok(())
        } else {
            Err(format!("config check {}", trial::ended(&told.ending)))
        }
    }

    /// Writes down what is known of it, in its folder.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_manifest(&self, version: &Version) -> Result<(), DeployError> {
        let manifest = Manifest {
            version: version.clone(),
            hash: self.hash.clone(),
            bytes: self.bytes,
            signed: match &self.signed {
                Signed::Good(comment) => Some(comment.clone()),
                _ => None,
            },
            placed_unix_s: time::OffsetDateTime::now_utc().unix_timestamp(),
        };
        let folder = self.program.parent().unwrap_or(&self.program);
        releases::write_manifest(folder, &manifest)?;
        open_to_all(&folder.join("release.ron"), 0o644)?;
        tree::sync_folder(folder)
    }
}

/// Three times the release, a copy of what is kept, and something to spare.
fn check_room(place: &Installation, release: u64, spare: u64) -> Result<(), DeployError> {
    let there = place
        .root()
        .ancestors()
        .find(|f| f.is_dir())
        .unwrap_or(Path::new("/"));
    let space = DiskSpace::of(there).map_err(|e| DeployError::io("look at", there, &e))?;
    if space.read_only {
        return Err(DeployError::io(
            "write",
            there,
            &std::io::ErrorKind::ReadOnlyFilesystem.into(),
        ));
    }
    let data = tree::size(place.state()) + tree::size(place.config());
    // One copy is tried out, one is kept.
    let needed = release
        .saturating_mul(3)
        .saturating_add(data.saturating_mul(2))
        .saturating_add(spare);
    if space.free_bytes < needed {
        return Err(DeployError::new(format!(
            "{}: {} are free and {} are needed; make room on that disk, or say --spare-mb for less to spare",
            there.display(),
            bytes_in_words(space.free_bytes),
            bytes_in_words(needed)
        )));
    }
    Ok(())
}

fn open_to_all(path: &Path, mode: u32) -> Result<(), DeployError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|e| DeployError::io("set the mode of", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_taken_in_whole_or_not_at_all() {
        let root = std::env::temp_dir().join(format!("billiards-incoming-{}", std::process::id()));
        let place = Installation::at(root.join("opt"));
        fs::create_dir_all(&root).unwrap();
        let file = root.join("new");
        fs::write(&file, "#!/bin/sh\necho billiards-trainer 3.1.4\n").unwrap();
        let taken = Incoming::take(&file, &place, 0).unwrap();
        assert_eq!(
            taken.hash,
            blake3::hash(&fs::read(&file).unwrap()).to_hex().as_str()
        );
        assert!(taken.foreign().unwrap().is_some());
        assert_eq!(taken.version(&root).unwrap().to_string(), "3.1.4");
        assert!(matches!(taken.signed, Signed::Not(_)));
        fs::write(&taken.program, "#!/bin/sh\necho ffmpeg 5.1.6\n").unwrap();
        assert!(taken.version(&root).unwrap_err().contains("no billiards-trainer"));
        fs::write(&taken.program, "#!/bin/sh\necho out of luck >&2; exit 3\n").unwrap();
        assert!(taken.version(&root).unwrap_err().contains("out of luck"));
        assert!(taken.check_settings(&place).unwrap_err().contains("out of luck"));
        // Nothing is left of what can't be taken in.
        tree::remove(&place.deploy()).unwrap();
        let told = |file: &Path, spare| Incoming::take(file, &place, spare).unwrap_err().to_string();
        assert!(told(&root.join("none"), 0).contains("none"));
        assert!(told(&root, 0).contains("no file"));
        assert!(told(&file, u64::MAX).contains("are needed"));
        assert!(!place.deploy().exists());
        fs::remove_dir_all(&root).unwrap();
    }
}
