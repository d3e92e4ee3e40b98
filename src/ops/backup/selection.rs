//! Which files of a backup are meant.

use serde::{Deserialize, Serialize};

use super::error::{BackupError, Cause};
use super::layout::Layout;
use super::manifest::{AREAS, Manifest, area_of};
use super::part::{Fate, Part, fate_of};

/// Which files of a backup are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// All files of these parts.
    Parts(Vec<Part>),
    /// One file, by its path in a backup, `state/tokens.ron`, or where it lies.
    File(String),
}

impl Selection {
    /// A backup's file is meant; so is the log of a database that is.
    pub(super) fn has(&self, path: &str) -> bool {
        match self {
            Self::Parts(parts) => parts.contains(&Part::of(path)),
            Self::File(file) if fate_of(path) == Fate::Beside => path
                .strip_prefix(file.as_str())
                .is_some_and(|rest| rest.starts_with('-')),
            Self::File(file) => path == file,
        }
    }

    /// What holds for settings may change.
    pub(super) fn touches_settings(&self) -> bool {
        match self {
            Self::Parts(parts) => parts.contains(&Part::Configuration),
            Self::File(file) => Part::of(file) == Part::Configuration,
        }
    }

    /// The same with the path of a file as it stands in the backup.
    pub(super) fn resolved(self, layout: &Layout, manifest: &Manifest) -> Result<Self, BackupError> {
        let Self::File(said) = self else {
            let some = manifest.files.iter().any(|entry| self.has(&entry.path));
            return if some {
                Ok(self)
            } else {
                Err(BackupError::new(
                    Cause::NotFound,
                    "the backup has nothing of these parts; take another one",
                ))
            };
        };
        let mut path = said.trim_start_matches("./").to_owned();
        for area in AREAS {
            let live = layout.live(area, manifest.release.as_deref());
            if let Ok(live) = live
                && let Ok(below) = std::path::Path::new(&said).strip_prefix(live)
            {
                path = format!("{area}/{}", below.display());
            }
        }
        if manifest.files.iter().any(|entry| entry.path == path) {
            return Ok(Self::File(path));
        }
        let alike = manifest
            .files
            .iter()
            .find(|entry| entry.path.ends_with(&format!("/{path}")));
        let hint = alike.map_or_else(String::new, |entry| format!("; did you mean {}?", entry.path));
        Err(BackupError::new(
            Cause::NotFound,
            format!("the backup has no file `{said}`{hint}; `backup restore --dry-run` shows what it has"),
        ))
    }

    /// The folders it may touch.
    pub(super) fn areas(&self) -> Vec<&'static str> {
        let touches = |area: &str| match self {
            Self::Parts(parts) => match area {
                "logs" => parts.contains(&Part::Logs),
                "release" => parts.contains(&Part::Release),
                "config" => parts
                    .iter()
                    .any(|p| matches!(p, Part::Configuration | Part::Calibration)),
                _ => parts.iter().any(|p| !matches!(p, Part::Logs | Part::Release)),
            },
            Self::File(file) => area_of(file) == area,
        };
        AREAS.into_iter().filter(|area| touches(area)).collect()
    }
}
