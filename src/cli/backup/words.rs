//! What came of a command, in words or as JSON.

use std::path::Path;

use super::super::{Failure, write_table};
use crate::ops::backup::{Drill, Exported, Key, Pruned, Restored, SnapshotInfo, What};
use crate::ops::helpers::bytes_in_words;

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|e| Failure::failed(format!("cannot be written as JSON: {e}")))
}

fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {note}\n")).collect()
}

pub(super) fn created(made: &SnapshotInfo, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(made);
    }
    Ok(format!(
        "Backup {} ({}): {} files, {}; {} new.\n{}",
        made.short_id(),
        made.kind.name(),
        made.files.unwrap_or(0),
        bytes_in_words(made.bytes.unwrap_or(0)),
        bytes_in_words(made.added_bytes.unwrap_or(0)),
        notes(&made.notes)
    ))
}

fn row(s: &SnapshotInfo) -> [String; 4] {
    let mut words = s.tags.clone();
    if s.pinned {
        words.insert(0, "pinned".to_owned());
    }
    let at = s.at.get(..19).unwrap_or(&s.at).replace('T', " ");
    [
        s.short_id().to_owned(),
        at,
        s.kind.name().to_owned(),
        words.join(", "),
    ]
}

pub(super) fn listed(snapshots: &[SnapshotInfo], as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(&serde_json::json!({ "backups": snapshots }));
    }
    if snapshots.is_empty() {
        return Ok("There is no backup yet: billiards-trainer backup create\n".to_owned());
    }
    let mut rows = vec![["id", "made", "kind", "tags"].map(ToOwned::to_owned)];
    rows.extend(snapshots.iter().map(row));
    table(&rows)
}

fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> Result<String, Failure> {
    let mut out = Vec::new();
    write_table(&mut out, rows).map_err(|e| Failure::failed(format!("can't write the list: {e}")))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

pub(super) fn restored(done: &Restored, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(done);
    }
    let from = if done.from.len() == 64 {
        done.from.get(..8).unwrap_or("")
    } else {
        &done.from
    };
    if done.changes.is_empty() {
        return Ok(format!("Nothing to do: all is as in the backup ({from}).\n"));
    }
    let size = |bytes: Option<u64>| bytes.map_or_else(String::new, bytes_in_words);
    let rows: Vec<_> = done
        .changes
        .iter()
        .map(|change| {
            let what = match change.what {
                What::Added => "added",
                What::Changed => "changed",
                What::Removed => "removed",
            };
            let arrow = if change.what == What::Changed { "→" } else { "" };
            let sizes = format!(
                "{} {arrow} {}",
                size(change.bytes_before),
                size(change.bytes_after)
            );
            [what.to_owned(), change.path.clone(), sizes.trim().to_owned()]
        })
        .collect();
    let mut text = table(&rows)?;
    if done.dry_run {
        text.push_str(&format!(
            "{} files would change, from {from}. Nothing was done.\n",
            rows.len()
        ));
    } else {
        text.push_str(&format!("{} files changed, from {from}.", rows.len()));
        if let Some(saved) = done.saved_before.as_deref() {
            text.push_str(&format!(
                " What was there before is backup {}.",
                saved.get(..8).unwrap_or(saved)
            ));
        }
        text.push_str(" To go back: billiards-trainer backup restore --undo\n");
    }
    Ok(text)
}

pub(super) fn pruned(done: &Pruned, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(done);
    }
    let rows: Vec<_> = done
        .verdicts
        .iter()
        .map(|(snapshot, verdict)| {
            let [id, made, kind, tags] = row(snapshot);
            let what = match (verdict.keep, done.dry_run) {
                (true, _) => format!("kept: {}", verdict.why),
                (false, true) => "would be removed".to_owned(),
                (false, false) => "removed".to_owned(),
            };
            [id, made, kind, what, tags]
        })
        .collect();
    let mut text = table(&rows)?;
    let gone = done.verdicts.iter().filter(|(_, verdict)| !verdict.keep).count();
    let would = if done.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    let size = bytes_in_words(done.repository_bytes);
    text.push_str(&format!(
        "{gone} of {} backups {would}; the repository takes {size}.\n",
        rows.len()
    ));
    Ok(text)
}

pub(super) fn pinned(snapshot: &SnapshotInfo, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(snapshot);
    }
    let is = if snapshot.pinned {
        "is kept for good"
    } else {
        "is kept no longer than others"
    };
    Ok(format!("Backup {} {is}.\n", snapshot.short_id()))
}

pub(super) fn drilled(drill: &Drill, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(drill);
    }
    Ok(format!(
        "Backup {} of {} can be restored: {} files ({}) as they were saved, databases whole, settings good.\n",
        drill.id.get(..8).unwrap_or(&drill.id),
        drill.at,
        drill.files,
        bytes_in_words(drill.bytes)
    ))
}

pub(super) fn exported(done: &Exported, file: &Path, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(done);
    }
    Ok(format!(
        "{}: {} files, {}, in {}. It is not encrypted: whoever has it can read it.\n{}",
        file.display(),
        done.files,
        bytes_in_words(done.bytes),
        bytes_in_words(done.archive_bytes),
        notes(&done.notes)
    ))
}

pub(super) fn key_shown(key: &Key, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(&serde_json::json!({ "key": key.written() }));
    }
    Ok(format!(
        "{}\n\nWrite it down and keep it elsewhere than this machine: without it nobody can read the backups.\n\
         The last group is a check. To put it in: billiards-trainer backup key set\n",
        key.written()
    ))
}
