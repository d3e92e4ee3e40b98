//! The releases of an installation: what is known of each, which runs, which may go.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::service::Service;
use super::version::Version;
use super::{journal, tree};
use crate::ops::installation::{Installation, PROGRAM};

/// Releases kept.
pub const KEPT: usize = 3;
/// What is known of a release, in its folder.
const MANIFEST: &str = "release.ron";

/// What was known of a release when it was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it calls itself.
    pub version: Version,
    /// BLAKE3 of the program.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
    /// What its signature says of it; none: it was not signed.
    pub signed: Option<String>,
    /// When it was placed, Unix seconds.
    pub placed_unix_s: i64,
}

/// What is known of an installation beyond its releases: `deploy/known.ron`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Who starts and stops the program; none: never said.
    pub service: Option<Service>,
    /// Files of nginx were placed, too.
    pub nginx: bool,
    /// Releases that were found good, the last one last.
    pub good: Vec<String>,
}

impl Known {
    fn file(place: &Installation) -> PathBuf {
        place.deploy().join("known.ron")
    }

    /// What is known; nothing, where nothing is.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(place: &Installation) -> Result<Self, DeployError> {
        Ok(journal::read(&Self::file(place))?.unwrap_or_default())
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, place: &Installation) -> Result<(), DeployError> {
        journal::write(&Self::file(place), self)
    }

    /// A release was found good.
    pub fn note_good(&mut self, release: &str) {
        self.good.retain(|name| name != release);
        self.good.push(release.to_owned());
    }
}

/// The release that `current` leads to.
#[must_use]
pub fn current(place: &Installation) -> Option<String> {
    let to = fs::read_link(place.current()).ok()?;
    Some(to.file_name()?.to_str()?.to_owned())
}

/// The folder of a release.
#[must_use]
pub fn folder(place: &Installation, release: &str) -> PathBuf {
    place.releases().join(release)
}

/// The program of a release.
#[must_use]
pub fn program(place: &Installation, release: &str) -> PathBuf {
    folder(place, release).join(PROGRAM)
}

/// Names of the releases that are there whole, oldest placed first.
#[must_use]
pub fn all(place: &Installation) -> Vec<String> {
    let entries = fs::read_dir(place.releases()).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.parse::<Version>().ok()?;
            let manifest = manifest(place, &name).ok().flatten()?;
            Some((manifest.placed_unix_s, name))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// What is known of a release; none: it is not there, or not whole.
///
/// # Errors
/// When it can't be read.
pub fn manifest(place: &Installation, release: &str) -> Result<Option<Manifest>, DeployError> {
    journal::read(&folder(place, release).join(MANIFEST))
}

/// Writes down what is known of what was taken in, in its folder.
pub(super) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), DeployError> {
    journal::write(&folder.join(MANIFEST), manifest)
}

/// The good release that ran before the one that runs.
#[must_use]
pub fn previous(place: &Installation, known: &Known) -> Option<String> {
    let runs = current(place);
    let there = all(place);
    let other = |name: &&String| Some(*name) != runs.as_ref() && there.contains(name);
    known.good.iter().rev().find(other).cloned()
}

/// The name for a release that is taken in: its version; where another build has that name, with the beginning of its hash.
#[must_use]
pub fn name_for(place: &Installation, version: &Version, hash: &str) -> String {
    let plain = version.to_string();
    match manifest(place, &plain) {
        Ok(None) if !folder(place, &plain).exists() => plain,
        Ok(Some(there)) if there.hash == hash => plain,
        _ => version.with_build(hash.get(..8).unwrap_or(hash)).to_string(),
    }
}

/// Looks whether a release is what was placed.
///
/// # Errors
/// In words, where it is not.
pub fn check_whole(place: &Installation, release: &str) -> Result<Manifest, DeployError> {
    let lost = |what: &str| {
        let have = all(place);
        let have = if have.is_empty() {
            "none".to_owned()
        } else {
            have.join(", ")
        };
        DeployError::new(format!(
            "{}: there is {what} {release}; there are {have}",
            place.releases().display()
        ))
    };
    let manifest = manifest(place, release)?.ok_or_else(|| lost("no release"))?;
    let program = program(place, release);
    if !program.is_file() {
        return Err(lost("no program in"));
    }
    if tree::file_digest(&program)?.to_hex().as_str() != manifest.hash {
        return Err(DeployError::new(format!(
            "{} is not what was placed there: it is damaged or was changed; install this release anew with `deploy upgrade FILE`",
            program.display()
        )));
    }
    Ok(manifest)
}

/// The releases that may go: all but the newest [`KEPT`], never one of `held`.
#[must_use]
pub fn superfluous(there: &[String], good: &[String], held: &[String]) -> Vec<String> {
    let mut kept: BTreeSet<&String> = held.iter().collect();
    // Those that were good last first, then what was placed last.
    for name in good.iter().rev().chain(there.iter().rev()) {
        if kept.len() >= KEPT {
            break;
        }
        if there.contains(name) {
            kept.insert(name);
        }
    }
    there
        .iter()
        .filter(|name| !kept.contains(name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn three_releases_stay_and_never_goes_what_runs_or_ran_before() {
        let gone = |there: &str, good: &str, held: &str| {
            superfluous(&names(there), &names(good), &names(held)).join(" ")
        };
        assert_eq!(gone("1 2 3", "1 2 3", "3 2"), "");
        assert_eq!(gone("1 2 3 4", "1 2 3 4", "4 3"), "1");
        // What was good last stays, not what was placed last.
        assert_eq!(gone("1 2 3 4 5", "1 2 5 3", "3 1"), "2 4");
        assert_eq!(gone("1 2 3 4", "", "1 2"), "3");
        assert_eq!(gone("1 2 3 4", "9 8 1", "4"), "2");
        for held in ["1 2", "4 1", "2", "3 4"] {
            let gone = names(&gone("1 2 3 4 5 6", "6 5 4 3 2 1", held));
            assert!(
                gone.len() == 3 && names(held).iter().all(|h| !gone.contains(h)),
                "{held}: {gone:?}"
            );
        }
    }

    #[test]
    fn a_release_that_was_changed_is_seen() {
        let root = std::env::temp_dir().join(format!("billiards-releases-{}", std::process::id()));
        let place = Installation::at(&root);
        let put = |name: &str, text: &str, at| {
            fs::create_dir_all(folder(&place, name)).unwrap();
            fs::write(program(&place, name), text).unwrap();
            let hash = tree::file_digest(&program(&place, name))
                .unwrap()
                .to_hex()
                .to_string();
            let manifest = Manifest {
                version: name.parse().unwrap(),
                hash: hash.clone(),
                bytes: text.len() as u64,
                signed: None,
                placed_unix_s: at,
            };
            write_manifest(&folder(&place, name), &manifest).unwrap();
            hash
        };
        let hash = put("1.0.0", "one", 5);
        put("0.9.0", "old", 9);
        fs::create_dir_all(folder(&place, "2.0.0")).unwrap();
        assert_eq!(all(&place), ["1.0.0", "0.9.0"]);
        assert!(check_whole(&place, "1.0.0").is_ok());
        let one: Version = "1.0.0".parse().unwrap();
        assert_eq!(name_for(&place, &one, &hash), "1.0.0");
        assert_eq!(name_for(&place, &one, "0123456789"), "1.0.0+01234567");
        assert_eq!(
            name_for(&place, &"2.0.0".parse().unwrap(), "0123456789"),
            "2.0.0+01234567"
        );
        assert_eq!(name_for(&place, &"3.0.0".parse().unwrap(), "0123456789"), "3.0.0");
        let mut known = Known::default();
        for release in ["1.0.0", "0.9.0", "1.0.0", "7.0.0"] {
            known.note_good(release);
        }
        known.write(&place).unwrap();
        assert_eq!(Known::read(&place).unwrap().good, ["0.9.0", "1.0.0", "7.0.0"]);
        tree::point(&place.current(), Path::new("releases/1.0.0")).unwrap();
        assert_eq!(current(&place).unwrap(), "1.0.0");
        assert_eq!(previous(&place, &known).unwrap(), "0.9.0");
        fs::write(program(&place, "1.0.0"), "One").unwrap();
        assert!(
            check_whole(&place, "1.0.0")
                .unwrap_err()
                .to_string()
                .contains("not what was placed")
        );
        let error = check_whole(&place, "5.0.0").unwrap_err().to_string();
        assert!(
            error.contains("no release 5.0.0") && error.contains("1.0.0, 0.9.0"),
            "{error}"
        );
        fs::remove_dir_all(&root).unwrap();
    }
}
