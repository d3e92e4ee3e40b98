//! What has happened: lifecycle, health, alerts, recovery, one line each, for whoever wants to know.

use std::collections::VecDeque;

use serde::Serialize;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The program is up.
    Started,
    /// The program goes down.
    Stopping,
    /// A module went from one state to another.
    ModuleChanged,
    /// The health of a module, or of the whole, is another.
    HealthChanged,
    /// An alert was raised or got worse.
    AlertRaised,
    /// An alert is over.
    AlertCleared,
    /// Something was done about a trouble.
    RecoveryAttempted,
    /// All that could be tried was tried.
    GaveUp,
    /// Settings were read again.
    SettingsChanged,
    /// A test made this fault on purpose.
    FaultInjected,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemEvent {
    /// Counts up by one.
    pub id: u64,
    /// Seconds since start.
    pub uptime_s: f64,
    /// RFC 3339.
    pub time: String,
    /// What kind.
    pub kind: EventKind,
    /// A module's id or `system`.
    pub module: String,
    /// In words.
    pub message: String,
}

/// Events kept.
pub const KEPT: usize = 500;

/// The last events.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    events: VecDeque<SystemEvent>,
    next_id: u64,
}

impl Journal {
    /// Adds an event, and gives it back with its number.
    pub fn add(
        &mut self,
        uptime_s: f64,
        time: String,
        kind: EventKind,
        module: &str,
        message: String,
    ) -> SystemEvent {
        self.next_id += 1;
        let event = SystemEvent {
            id: self.next_id,
            uptime_s,
            time,
            kind,
            module: module.to_owned(),
            message,
        };
        if self.events.len() >= KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
        event
    }

    /// All that are kept, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &SystemEvent> {
        self.events.iter()
    }

    /// The number of the newest.
    #[must_use]
    pub const fn newest(&self) -> u64 {
        self.next_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_and_numbers_never_repeat() {
        let mut journal = Journal::default();
        for i in 0..1200 {
            let text = i.to_string();
            journal.add(f64::from(i), String::new(), EventKind::Started, "system", text);
        }
        let ids: Vec<u64> = journal.events().map(|e| e.id).collect();
        assert_eq!(
            (ids.len(), ids.first(), ids.last()),
            (500, Some(&701), Some(&1200))
        );
    }
}
