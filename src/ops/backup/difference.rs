//! What a restore would change.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::Serialize;

use super::error::BackupError;
use super::fetch::Fetched;
use super::layout::Layout;
use super::manifest::{Entry, copy};
use super::part::{Fate, fate_of};
use super::selection::Selection;
use super::tree;

/// One file that a restore changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its path in the backup: `state/tokens.ron`.
    pub path: String,
    /// What happens to it.
    pub what: What,
    /// Size before, bytes.
    pub bytes_before: Option<u64>,
    /// Size after, bytes.
    pub bytes_after: Option<u64>,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is in the backup alone.
    Added,
    /// It is another now.
    Changed,
    /// It is not in the backup.
    Removed,
}

/// What is live, and what is changed about it.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub changes: Vec<Change>,
    /// The live files that are meant, with the logs of their databases.
    pub live: Vec<Entry>,
}

/// The files of a live folder that are meant, with the logs of their databases.
pub(super) fn replaced(area: &str, live: &Path, selection: &Selection) -> Result<Vec<Entry>, BackupError> {
    let mut entries = Vec::new();
    for file in tree::all_below(live)? {
        let path = format!("{area}/{}", file.name);
        if !file.metadata.is_file()
            || !selection.has(&path)
            || matches!(fate_of(&path), Fate::Kept | Fate::Scrap)
        {
            continue;
        }
        let failed = |e: &std::io::Error| BackupError::io("read", &file.path, e);
        let mut source = tree::open_below(live, &file.name).map_err(|e| failed(&e))?;
        let (bytes, blake3) = copy(&mut source, &mut std::io::sink()).map_err(|broken| failed(&broken.1))?;
        entries.push(Entry {
            path,
            bytes,
            mode: file.metadata.permissions().mode() & 0o777,
            blake3,
        });
    }
    Ok(entries)
}

pub(super) fn difference(
    layout: &Layout,
    fetched: &Fetched,
    selection: &Selection,
) -> Result<Difference, BackupError> {
    let mut saved: BTreeMap<&str, &Entry> = (fetched.manifest.files.iter())
        .filter(|entry| selection.has(&entry.path))
        .map(|entry| (entry.path.as_str(), entry))
        .collect();
    let mut found = Difference::default();
    let change = |path: &str, what, bytes_before, bytes_after| Change {
        path: path.to_owned(),
        what,
        bytes_before,
        bytes_after,
    };
    for area in fetched.areas(selection) {
        let Ok(live) = layout.live(area, fetched.manifest.release.as_deref()) else {
            continue;
        };
        let live = std::fs::canonicalize(&live).unwrap_or(live);
        for entry in replaced(area, &live, selection)? {
            let bytes = entry.bytes;
            match saved.remove(entry.path.as_str()) {
                Some(same) if *same == entry => {}
                Some(other) => {
                    let after = Some(other.bytes);
                    found
                        .changes
                        .push(change(&entry.path, What::Changed, Some(bytes), after));
                }
                // The log of a database goes with it, and is none of the files somebody thinks of.
                None if fate_of(&entry.path) == Fate::Beside => {}
                None => found
                    .changes
                    .push(change(&entry.path, What::Removed, Some(bytes), None)),
            }
            found.live.push(entry);
        }
    }
    let added = saved
        .values()
        .map(|entry| change(&entry.path, What::Added, None, Some(entry.bytes)));
    found.changes.extend(added);
    found.changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
