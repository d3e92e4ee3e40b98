//! What a backup says it contains, and whether that is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{BackupError, Cause};
use super::snapshot::Kind;
use super::tree;

/// Its name in a backup; it sorts, and stands, before everything else.
pub(super) const MANIFEST: &str = "MANIFEST.json";
/// The form of manifests; a later one is refused.
pub(super) const FORMAT: u32 = 1;
/// Larger than any manifest, bytes.
pub(super) const LARGEST_MANIFEST: u64 = 64 * 1024 * 1024;
/// Most files in a backup.
pub(super) const MOST_FILES: usize = 200_000;
/// Longest path, bytes.
const LONGEST_PATH: usize = 4096;
/// Longest name, bytes.
const LONGEST_NAME: usize = 255;
/// The folders of a backup.
pub(super) const AREAS: [&str; 4] = ["config", "logs", "release", "state"];

/// What a backup contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// When, RFC 3339 UTC.
    pub made: String,
    /// What was saved.
    pub kind: Kind,
    /// The release that ran, in full backups.
    #[serde(default)]
    pub release: Option<String>,
    /// Every file, in the order of paths.
    pub files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// In the backup: `state/tokens.ron`.
    pub path: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Its permissions, the last nine bits.
    pub mode: u32,
    /// BLAKE3 of its contents, hexadecimal.
    pub blake3: String,
}

/// What every form of manifest says.
#[derive(Deserialize)]
struct Form {
    format: u32,
    #[serde(default)]
    program: String,
}

impl Manifest {
    /// Reads one, and refuses what can't be one: a newer form, a path that leads elsewhere, a path that is there twice.
    ///
    /// # Errors
    /// [`BackupError`] that names the path.
    pub fn parse(text: &[u8]) -> Result<Self, BackupError> {
        let damaged = |e: serde_json::Error| {
            let text = format!("the manifest of the backup is damaged ({e}); take another backup");
            BackupError::new(Cause::Damaged, text)
        };
        let form: Form = serde_json::from_slice(text).map_err(damaged)?;
        if form.format > FORMAT {
            return Err(BackupError::new(
                Cause::Newer,
                format!(
                    "the backup was made by a newer version ({}, form {}); install that version first",
                    form.program, form.format
                ),
            ));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(damaged)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// As it is kept.
    #[must_use]
    pub fn to_text(&self) -> Vec<u8> {
        // Numbers and texts can always be written.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }

    fn check(&self) -> Result<(), BackupError> {
        if self.files.len() > MOST_FILES {
            return Err(refused("MANIFEST.json", "names more files than any trainer has"));
        }
        if let Some(release) = &self.release
            && (check_name(release).is_err() || release.contains('/'))
        {
            return Err(refused(release, "is no name for a release"));
        }
        let mut seen = BTreeSet::new();
        for entry in &self.files {
            check_path(&entry.path)?;
            if !seen.insert(folded(&entry.path)) {
                return Err(refused(
                    &entry.path,
                    "is there twice, or differs only in capitals",
                ));
            }
            if entry.mode & !0o777 != 0 {
                return Err(refused(
                    &entry.path,
                    "has permissions that no saved file has (setuid, say)",
                ));
            }
        }
        // A file can't be a folder as well.
        for entry in &self.files {
            for (at, _) in entry.path.match_indices('/') {
                if entry
                    .path
                    .get(..at)
                    .is_some_and(|above| seen.contains(&folded(above)))
                {
                    return Err(refused(&entry.path, "lies below a file"));
                }
            }
        }
        Ok(())
    }

    /// Whether a folder has exactly these files below these areas, each as it was saved.
    ///
    /// # Errors
    /// [`BackupError`] that names the first file that is missing, unknown or another.
    pub(super) fn verify(
        &self,
        place: &dyn Fn(&str) -> std::path::PathBuf,
        areas: &[&str],
    ) -> Result<(), BackupError> {
        let mut expected: BTreeMap<&str, &Entry> = self.files.iter().map(|e| (e.path.as_str(), e)).collect();
        for area in areas {
            for found in tree::all_below(&place(area))? {
                if found.metadata.is_dir() {
                    continue;
                }
                let path = format!("{area}/{}", found.name);
                let Some(entry) = expected.remove(path.as_str()) else {
                    return Err(damaged(&path, "is not in its manifest"));
                };
                if !found.metadata.is_file() {
                    return Err(damaged(&path, "is no file any more"));
                }
                entry.matches(&found.path)?;
            }
        }
        match expected.keys().find(|path| areas.contains(&area_of(path))) {
            Some(missing) => Err(damaged(missing, "is missing")),
            None => Ok(()),
        }
    }
}

impl Entry {
    /// Whether a file is this one.
    pub(super) fn matches(&self, file: &Path) -> Result<(), BackupError> {
        let mut source = File::open(file).map_err(|e| BackupError::io("read", file, &e))?;
        let (bytes, hash) = copy(&mut source, &mut std::io::sink())
            .map_err(|Broken(_, e)| BackupError::io("read", file, &e))?;
        self.is(bytes, &hash)
    }

    /// Whether these are its size and hash.
    pub(super) fn is(&self, bytes: u64, blake3: &str) -> Result<(), BackupError> {
        if bytes == self.bytes && blake3 == self.blake3 {
            Ok(())
        } else {
            Err(damaged(&self.path, "is not as it was saved"))
        }
    }
}

/// Which end of a copy failed, and how.
pub(super) struct Broken(pub Side, pub std::io::Error);

/// An end of a copy.
pub(super) enum Side {
    Read,
    Write,
}

/// Copies everything; gives size and hash.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<(u64, String), Broken> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut bytes = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Broken(Side::Read, e)),
        };
        let read = buffer.get(..count).unwrap_or_default();
        hasher.update(read);
        to.write_all(read).map_err(|e| Broken(Side::Write, e))?;
        bytes += count as u64;
    }
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

/// The folder of a backup that a path lies in.
pub(super) fn area_of(path: &str) -> &str {
    path.split('/').next().unwrap_or("")
}

fn damaged(path: &str, what: &str) -> BackupError {
    BackupError::new(
        Cause::Damaged,
        format!("the backup is damaged: {path} {what}; nothing was changed, take another backup"),
    )
}

/// What is refused, by name.
pub(super) fn refused(path: &str, what: &str) -> BackupError {
    let shown: String = path
        .chars()
        .take(200)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    BackupError::new(
        Cause::Refused,
        format!("the backup is refused: {shown} {what}; nothing was changed, take another backup"),
    )
}

/// Whether a path leads into one of the four folders of a backup, and nowhere else.
pub(super) fn check_path(path: &str) -> Result<(), BackupError> {
    let no = |what| Err(refused(path, what));
    if path.starts_with('/') {
        return no("is an absolute path");
    }
    if path.len() > LONGEST_PATH {
        return no("has a path of more than 4096 bytes");
    }
    let names: Vec<_> = path.split('/').collect();
    if names.len() > tree::DEEPEST {
        return no("lies more than 32 folders deep");
    }
    for name in &names {
        if let Err(what) = check_name(name) {
            return no(what);
        }
    }
    if names.len() < 2 || !AREAS.contains(names.first().unwrap_or(&"")) {
        return no("lies in none of the folders config, logs, release and state");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("has an empty name in its path"),
        "." | ".." => Err("leads out of its folder"),
        name if name.len() > LONGEST_NAME => Err("has a name of more than 255 bytes"),
        name if name.chars().any(char::is_control) => Err("has a control character in its name"),
        name if name.chars().any(is_respelled) => {
            Err("has a letter in its name that systems spell in different ways; rename the file")
        }
        _ => Ok(()),
    }
}

/// Letters that Unicode's composed form (NFC) never has, or has in other words: combining marks, conjoining jamo,
/// and the signs that stand for a letter. Without them, two names are the same letters only if they are the same
/// bytes.
fn is_respelled(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x036F | 0x0483..=0x0487 | 0x0591..=0x05C7 | 0x064B..=0x065F | 0x093C | 0x0958..=0x095F
        | 0x1100..=0x11FF | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x1F71..=0x1FFD | 0x2000..=0x200F | 0x2028..=0x202E
        | 0x2060..=0x206F | 0x20D0..=0x20FF | 0x2126 | 0x212A..=0x212B | 0x2329..=0x232A | 0x2ADC
        | 0x3099..=0x309A | 0xF900..=0xFAFF | 0xFB1D..=0xFB4E | 0xFE00..=0xFE0F | 0xFE20..=0xFE2F | 0xFEFF
        | 0x2F800..=0x2FA1F)
}

/// What file systems take for the same name that don't tell capitals apart.
fn folded(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn entry(path: &str, contents: &[u8]) -> Entry {
        Entry {
            path: path.to_owned(),
            bytes: contents.len() as u64,
            mode: 0o644,
            blake3: blake3::hash(contents).to_hex().to_string(),
        }
    }

    pub(in super::super) fn manifest(files: Vec<Entry>) -> Manifest {
        Manifest {
            format: FORMAT,
            program: "0.1.0".to_owned(),
            made: "2026-12-01T12:00:00Z".to_owned(),
            kind: Kind::Data,
            release: None,
            files,
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused_by_name() {
        let deep = format!("state/{}x", "a/".repeat(40));
        let (long_name, long_path) = (
            format!("state/{}", "n".repeat(256)),
            format!("state/{}", "n/".repeat(3000)),
        );
        for (path, word) in [
            ("../etc/passwd", "leads out"),
            ("state/../../x", "leads out"),
            ("state/./x", "leads out"),
            ("/etc/passwd", "absolute"),
            ("state//x", "empty name"),
            ("state/", "empty name"),
            ("", "empty name"),
            ("etc/passwd", "none of the folders"),
            ("state", "none of the folders"),
            ("state/a\nb", "control"),
            ("state/a\0b", "control"),
            ("state/e\u{301}", "spell"),
            ("state/\u{212b}", "spell"),
            (&deep, "32 folders"),
            (&long_name, "255 bytes"),
            (&long_path, "4096 bytes"),
        ] {
            let error = check_path(path).unwrap_err();
            assert_eq!(error.cause, Cause::Refused);
            assert!(error.to_string().contains(word), "{path}: {error}");
            let text = manifest(vec![entry(path, b"")]).to_text();
            assert_eq!(Manifest::parse(&text).unwrap_err(), error);
        }
        for path in [
            "config/site.ron",
            "state/ä/Größe.ron",
            "release/billiards-trainer",
        ] {
            check_path(path).unwrap();
        }
    }

    #[test]
    fn manifests_that_contradict_themselves_are_refused() {
        let parse = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest = manifest(vec![entry("state/a", b"a"), entry("state/b", b"b")]);
            change(&mut manifest);
            Manifest::parse(&manifest.to_text())
        };
        assert_eq!(parse(&|_| {}).unwrap().bytes(), 2);
        let twice = |name: &'static str| {
            parse(&|m| m.files.push(entry(name, b"c")))
                .unwrap_err()
                .to_string()
        };
        assert!(twice("state/a").contains("state/a is there twice"));
        assert!(twice("state/A").contains("state/A is there twice"));
        assert!(twice("state/a/b").contains("below a file"));
        let setuid = parse(&|m| m.files.iter_mut().for_each(|e| e.mode = 0o4755)).unwrap_err();
        assert!(setuid.to_string().contains("state/a has permissions"), "{setuid}");
        assert_eq!(parse(&|m| m.format = FORMAT + 1).unwrap_err().cause, Cause::Newer);
        assert!(parse(&|m| m.release = Some("../x".to_owned())).is_err());
        assert_eq!(Manifest::parse(b"{").unwrap_err().cause, Cause::Damaged);
    }

    #[test]
    fn a_folder_that_is_not_as_saved_is_found_out() {
        let folder = std::env::temp_dir().join(format!("billiards-manifest-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("state/deep")).unwrap();
        for name in ["a", "deep/b"] {
            std::fs::write(folder.join("state").join(name), name).unwrap();
        }
        let good = manifest(vec![entry("state/a", b"a"), entry("state/deep/b", b"deep/b")]);
        let verify = |m: &Manifest| m.verify(&|area| folder.join(area), &AREAS);
        verify(&good).unwrap();
        let says = |m: &Manifest| verify(m).unwrap_err().to_string();
        let with = |change: &dyn Fn(&mut Manifest)| {
            let mut changed = good.clone();
            change(&mut changed);
            says(&changed)
        };
        assert!(with(&|m| drop(m.files.pop())).contains("state/deep/b is not in its manifest"));
        assert!(with(&|m| m.files.push(entry("state/c", b""))).contains("state/c is missing"));
        assert!(with(&|m| m.files[0] = entry("state/a", b"A")).contains("state/a is not as"));
        std::fs::remove_file(folder.join("state/a")).unwrap();
        std::os::unix::fs::symlink("deep/b", folder.join("state/a")).unwrap();
        assert!(says(&good).contains("state/a is no file"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
