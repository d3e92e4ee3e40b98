//! What is to be restored, brought into a folder of its own and looked at before anything live is touched.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::archive;
use super::create::{below, path_text};
use super::error::{BackupError, Cause};
use super::layout::remove_folder;
use super::manifest::{AREAS, LARGEST_MANIFEST, MANIFEST, Manifest};
use super::selection::Selection;
use super::snapshot::Kind;
use super::staging::{check_database, is_database};
use super::swap::last_undo;
use super::{Progress, Repository, snapshot};
use crate::config::{Assignment, Loaded, Overrides};
use crate::ops::process::Program;

/// Where to restore from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A backup in the repository: `latest`, or the beginning of its id.
    Snapshot(&'a str),
    /// A file that `backup export` wrote.
    Archive(&'a Path),
    /// What the last restore replaced.
    Undo,
}

/// A backup in a folder, every file of it as it was saved.
#[derive(Debug)]
pub(super) struct Fetched {
    pub from: String,
    pub manifest: Manifest,
    places: BTreeMap<String, PathBuf>,
    /// What it was when it was replaced, for [`Source::Undo`].
    pub selection: Option<Selection>,
    scratch: Option<PathBuf>,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if let Some(scratch) = &self.scratch {
            drop(remove_folder(scratch));
        }
    }
}

impl Fetched {
    /// Where a file of it lies.
    pub fn path(&self, path: &str) -> PathBuf {
        let (area, rest) = path.split_once('/').unwrap_or((path, ""));
        self.folder(area).join(rest)
    }

    pub fn folder(&self, area: &str) -> PathBuf {
        // An area that is not there has nothing in it.
        self.places
            .get(area)
            .cloned()
            .unwrap_or_else(|| PathBuf::from("/nonexistent"))
    }

    /// The folders of it that are meant. One that it does not have says nothing of the live one.
    pub fn areas(&self, selection: &Selection) -> Vec<&'static str> {
        let has = |area: &&str| match (&self.selection, self.manifest.kind) {
            (Some(_), _) => self.places.contains_key(*area),
            (None, Kind::Full) => true,
            (None, Kind::Data) => matches!(*area, "config" | "state"),
        };
        selection.areas().into_iter().filter(has).collect()
    }

    /// Its databases are whole, of the files that are meant.
    pub fn check_databases(&self, selection: &Selection) -> Result<(), BackupError> {
        for entry in self.manifest.files.iter().filter(|e| selection.has(&e.path)) {
            let file = self.path(&entry.path);
            if is_database(&file).map_err(|e| BackupError::io("read", &file, &e))? {
                check_database(&file).map_err(|says| {
                    let text = format!(
                        "the database {} in the backup is damaged ({says}); nothing was changed, take another backup",
                        entry.path
                    );
                    BackupError::new(Cause::Damaged, text)
                })?;
            }
        }
        Ok(())
    }
}

impl Repository {
    /// Brings a backup into a folder of its own and compares every file with the manifest.
    pub(super) fn fetch(
        &self,
        source: Source<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, BackupError> {
        if source == Source::Undo {
            return self.fetch_undo();
        }
        let scratch = self.layout.fetched();
        self.layout.empty_folder(&scratch)?;
        let mut fetched = Fetched {
            from: String::new(),
            manifest: Manifest::default(),
            places: BTreeMap::new(),
            selection: None,
            scratch: Some(scratch.clone()),
        };
        progress(Progress::of("fetching"));
        let root = match source {
            Source::Archive(file) => {
                fetched.from = file.display().to_string();
                fetched.manifest = archive::read(file, &scratch, progress)?;
                scratch
            }
            Source::Snapshot(name) => {
                let snapshots = self.snapshots()?;
                let snapshot = snapshot::named(&snapshots, name)?;
                self.check_keys()?;
                fetched.from = snapshot.id.clone();
                self.restic
                    .run(&["restore", &snapshot.restic_id, "--target", path_text(&scratch)?])?;
                let root = below(&scratch, &snapshot.path);
                fetched.manifest = read_manifest(&root)?;
                root
            }
            Source::Undo => scratch,
        };
        progress(Progress::of("comparing"));
        for area in AREAS {
            let place = root.join(area);
            if std::fs::symlink_metadata(&place).is_ok_and(|m| !m.is_dir()) {
                return Err(BackupError::new(
                    Cause::Damaged,
                    format!(
                        "the backup is damaged: {area} is no folder; nothing was changed, take another backup"
                    ),
                ));
            }
            fetched.places.insert(area.to_owned(), place);
        }
        fetched.manifest.verify(&|area| fetched.folder(area), &AREAS)?;
        Ok(fetched)
    }

    fn fetch_undo(&self) -> Result<Fetched, BackupError> {
        let undo = last_undo(&self.layout)?;
        let fetched = Fetched {
            from: "what was there before".to_owned(),
            manifest: undo.manifest,
            places: undo.places.into_iter().collect(),
            selection: Some(undo.selection),
            scratch: None,
        };
        // What else lies there was nobody's to remove, and is not brought back.
        for entry in &fetched.manifest.files {
            entry.matches(&fetched.path(&entry.path))?;
        }
        Ok(fetched)
    }

    /// The files with the repository's keys are whole: restic calls them by their SHA-256, and does not look.
    pub(super) fn check_keys(&self) -> Result<(), BackupError> {
        let folder = self.layout.repository().join("keys");
        for found in super::tree::all_below(&folder)? {
            let finished = Program::new("sha256sum")
                .args([found.path.as_os_str()])
                .run(Duration::from_secs(30))?;
            if !finished.ending.is_good()
                || !finished.text().trim_start_matches('\\').starts_with(&found.name)
            {
                return Err(BackupError::new(
                    Cause::Damaged,
                    format!(
                        "{} is damaged; put back a copy of it, or of the whole repository",
                        found.path.display()
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn read_manifest(root: &Path) -> Result<Manifest, BackupError> {
    let path = root.join(MANIFEST);
    let mut text = Vec::new();
    let is_file = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST_MANIFEST);
    if !is_file {
        return Err(BackupError::new(
            Cause::Damaged,
            "the backup has no manifest: it was not made with `backup create`, or is damaged; take another one",
        ));
    }
    std::fs::File::open(&path)
        .and_then(|file| file.take(LARGEST_MANIFEST).read_to_end(&mut text))
        .map_err(|e| BackupError::io("read", &path, &e))?;
    Manifest::parse(&text)
}

/// Whether this program can work with settings in these folders.
pub(super) fn check_settings(config: &Path, state: &Path) -> Result<(), BackupError> {
    let site = Some(config.join("site.ron")).filter(|path| path.is_file());
    let overrides = Overrides {
        variables: Vec::new(),
        command_line: vec![Assignment::new("state_folder", state.display(), "backup")],
    };
    let loaded = Loaded::load(site.as_deref(), &overrides).and_then(Loaded::with_named_files);
    match loaded {
        Ok(_) => Ok(()),
        Err(error) => {
            // One is enough to say no, and its place is told.
            let says = error
                .faults()
                .first()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Err(BackupError::new(
                Cause::Refused,
                format!(
                    "the settings in the backup can't be used by this version ({says}); nothing was changed, take \
                     another backup or other parts"
                ),
            ))
        }
    }
}
