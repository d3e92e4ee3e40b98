//! What belongs together in a backup, and what is never saved.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is saved and restored together. Every file belongs to exactly one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The site file, the files it names, and what was changed while running.
    Configuration,
    /// Camera and projector as they were found, and the house's balls.
    Calibration,
    /// Players.
    Players,
    /// What was measured and played.
    History,
    /// Drills.
    Drills,
    /// Who may reach the trainer over the network.
    Tokens,
    /// Alerts, attempts at recovery, crash reports.
    Records,
    /// Everything else in the configuration and state folders.
    Other,
    /// Log files (only in full backups).
    Logs,
    /// The release that ran (only in full backups).
    Release,
}

impl Part {
    /// All that lies in the configuration and state folders.
    pub const DATA: [Self; 8] = [
        Self::Configuration,
        Self::Calibration,
        Self::Players,
        Self::History,
        Self::Drills,
        Self::Tokens,
        Self::Records,
        Self::Other,
    ];

    /// The part of a file, by its path in a backup: `state/history.sqlite`.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let mut names = path.split('/');
        match (names.next().unwrap_or(""), names.next().unwrap_or("")) {
            ("config", "balls.ron") => Self::Calibration,
            ("config", _) => Self::Configuration,
            ("logs", _) => Self::Logs,
            ("release", _) => Self::Release,
            ("state", "calibration") => Self::Calibration,
            ("state", name) => Self::of_state(name),
            _ => Self::Other,
        }
    }

    fn of_state(name: &str) -> Self {
        const BY_START: [(&str, Part); 12] = [
            ("changed-settings.", Part::Configuration),
            ("last-good.", Part::Configuration),
            ("players", Part::Players),
            ("history", Part::History),
            ("shots", Part::History),
            ("sessions", Part::History),
            ("drills", Part::Drills),
            ("tokens", Part::Tokens),
            ("wrong_tokens", Part::Tokens),
            ("alerts", Part::Records),
            ("recovery", Part::Records),
            ("crashes", Part::Records),
        ];
        let found = BY_START.iter().find(|(start, _)| name.starts_with(start));
        found.map_or(Self::Other, |(_, part)| *part)
    }
}

/// What a backup does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is saved.
    Saved,
    /// A database's log beside it: what it says is saved with the database, and it goes when that is replaced.
    Beside,
    /// What somebody can make anew, and would be wrong beside another file.
    Scrap,
    /// It is never saved and never touched.
    Kept,
}

/// Of a file, by its path in a backup.
pub(super) fn fate_of(path: &str) -> Fate {
    let mut names: Vec<_> = path.split('/').collect();
    let name = names.pop().unwrap_or("");
    if name.ends_with("-shm") || name == super::swap::MARK {
        return Fate::Scrap;
    }
    if ["-wal", "-journal"].iter().any(|end| name.ends_with(end)) {
        return Fate::Beside;
    }
    let in_state = names.first() == Some(&"state");
    let kept = in_state && (matches!(name, "lock" | "running") || name.ends_with(".lock"))
        || name.contains(".sqlite.")
        || name.ends_with(".btr")
        // Half a file of a process that writes, or has ended while it wrote.
        || name.starts_with('.') && name.ends_with(".new")
        || names
            .iter()
            .skip(1)
            .any(|folder| matches!(*folder, "cache" | "recordings"));
    if kept { Fate::Kept } else { Fate::Saved }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_part() {
        for (path, part) in [
            ("config/site.ron", Part::Configuration),
            ("config/tls/key.pem", Part::Configuration),
            ("config/balls.ron", Part::Calibration),
            ("state/changed-settings.ron", Part::Configuration),
            ("state/calibration/table.ron", Part::Calibration),
            ("state/history.sqlite", Part::History),
            ("state/history.sqlite-wal", Part::History),
            ("state/tokens.ron", Part::Tokens),
            ("state/crashes/1.txt", Part::Records),
            ("state/else", Part::Other),
            ("logs/a.log", Part::Logs),
            ("release/billiards-trainer", Part::Release),
        ] {
            assert_eq!(Part::of(path), part, "{path}");
        }
    }

    #[test]
    fn locks_recordings_and_leftovers_are_not_saved() {
        for (path, fate) in [
            ("config/site.ron", Fate::Saved),
            ("config/lock", Fate::Saved),
            ("state/lock", Fate::Kept),
            ("state/running", Fate::Kept),
            ("state/tokens.lock", Fate::Kept),
            ("state/recordings/a.txt", Fate::Kept),
            ("state/a.btr", Fate::Kept),
            ("state/history.sqlite.corrupt-20260731T120000Z", Fate::Kept),
            ("state/history.sqlite-wal", Fate::Beside),
            ("state/history.sqlite-shm", Fate::Scrap),
            ("state/.tokens.ron.12-3.new", Fate::Kept),
        ] {
            assert_eq!(fate_of(path), fate, "{path}");
        }
    }
}
