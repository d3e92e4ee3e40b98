//! Open conditions: one alert each, raised after a while, cleared after a while.

use std::time::{Duration, Instant};

use crate::system::status::{Alert, Severity};

/// A condition must be gone this long before its alert is cleared.
const GONE: Duration = Duration::from_secs(2);
/// Open alerts kept at most.
const MAX_OPEN: usize = 64;

/// A condition that holds right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What makes it the same condition the next time, `vision.source`.
    pub key: String,
    /// How bad.
    pub severity: Severity,
    /// A module's id or `system`.
    pub source: String,
    /// In words.
    pub message: String,
    /// How long it must hold before it is raised.
    pub hold: Duration,
}

/// All conditions that hold or held a moment ago.
#[derive(Debug, Default)]
pub struct AlertBoard {
    next_id: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: String,
    first: Instant,
    last: Instant,
    hold: Duration,
    alert: Alert,
    raised: bool,
}

/// What changed on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// A new alert, with its words.
    Raised(Severity, String),
    /// An alert is over, with its words.
    Cleared(String),
}

impl AlertBoard {
    /// Takes in the conditions that hold at `now` (`time`: the same moment, RFC 3339).
    pub fn update(&mut self, conditions: &[Condition], now: Instant, time: &str) -> Vec<AlertChange> {
        let mut worse = Vec::new();
        for condition in conditions {
            if let Some(entry) = self.entries.iter_mut().find(|e| e.key == condition.key) {
                entry.last = now;
                if condition.severity > entry.alert.severity && entry.raised {
                    // What was seen as a warning was not seen as this.
                    entry.alert.acknowledged = false;
                    worse.push(AlertChange::Raised(condition.severity, condition.message.clone()));
                }
                entry.alert.severity = condition.severity;
                entry.alert.message.clone_from(&condition.message);
            } else if self.entries.len() < MAX_OPEN {
                self.next_id += 1;
                self.entries.push(Entry {
                    key: condition.key.clone(),
                    first: now,
                    last: now,
                    hold: condition.hold,
                    raised: false,
                    alert: Alert {
                        id: self.next_id,
                        severity: condition.severity,
                        source: condition.source.clone(),
                        message: condition.message.clone(),
                        since: time.to_owned(),
                        acknowledged: false,
                    },
                });
            }
        }
        let mut changes = worse;
        self.entries.retain(|entry| {
            let gone = now.saturating_duration_since(entry.last);
            // A condition that never came up to an alert is forgotten at once.
            let keep = gone.is_zero() || (entry.raised && gone < GONE);
            if !keep && entry.raised {
                changes.push(AlertChange::Cleared(entry.alert.message.clone()));
            }
            keep
        });
        for entry in &mut self.entries {
            if !entry.raised && now.saturating_duration_since(entry.first) >= entry.hold {
                entry.raised = true;
                time.clone_into(&mut entry.alert.since);
                changes.push(AlertChange::Raised(
                    entry.alert.severity,
                    entry.alert.message.clone(),
                ));
            }
        }
        changes
    }

    /// Marks an alert as seen; false when there is none with this id.
    pub fn acknowledge(&mut self, id: u64) -> bool {
        let found = self.entries.iter_mut().find(|e| e.raised && e.alert.id == id);
        found.map(|e| e.alert.acknowledged = true).is_some()
    }

    /// Open alerts, newest first.
    #[must_use]
    pub fn open(&self) -> Vec<Alert> {
        self.entries
            .iter()
            .rev()
            .filter(|e| e.raised)
            .map(|e| e.alert.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Vec<Condition> {
        vec![Condition {
            key: "vision.source".to_owned(),
            severity: Severity::Critical,
            source: "vision".to_owned(),
            message: "camera lost".to_owned(),
            hold: Duration::from_secs(2),
        }]
    }

    #[test]
    fn a_condition_is_raised_once_and_cleared_once() {
        let (mut board, start) = (AlertBoard::default(), Instant::now());
        let at = |s: u64| start + Duration::from_millis(s);
        assert!(board.update(&lost(), at(0), "t").is_empty());
        assert_eq!(board.update(&lost(), at(2000), "t").len(), 1);
        assert!(board.update(&lost(), at(2500), "t").is_empty());
        assert_eq!(board.open().len(), 1);
        assert!(board.acknowledge(1) && !board.acknowledge(2));
        assert!(
            board.update(&[], at(3000), "t").is_empty(),
            "a short gap is not the end"
        );
        assert_eq!(
            board.update(&[], at(4600), "t"),
            vec![AlertChange::Cleared("camera lost".to_owned())]
        );
        assert!(board.open().is_empty());
    }

    #[test]
    fn a_warning_that_was_seen_and_gets_worse_is_told_again() {
        let (mut board, start) = (AlertBoard::default(), Instant::now());
        let mut slow = lost();
        slow[0].severity = Severity::Warning;
        board.update(&slow, start, "t");
        board.update(&slow, start + Duration::from_secs(2), "t");
        assert!(board.acknowledge(1));
        let changes = board.update(&lost(), start + Duration::from_secs(3), "t");
        assert_eq!(
            changes,
            vec![AlertChange::Raised(Severity::Critical, "camera lost".to_owned())]
        );
        assert!(!board.open()[0].acknowledged);
    }

    #[test]
    fn a_blip_is_no_alert() {
        let (mut board, start) = (AlertBoard::default(), Instant::now());
        board.update(&lost(), start, "t");
        board.update(&[], start + Duration::from_millis(500), "t");
        assert!(
            board
                .update(&lost(), start + Duration::from_secs(3), "t")
                .is_empty()
        );
        assert!(board.open().is_empty());
    }
}
