//! The last changes, for people to look back at.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::system::status::Severity;

/// Changes kept.
pub(super) const KEPT: usize = 500;

/// One change of one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When, by the wall clock, RFC 3339.
    pub time: String,
    /// The alert's lasting number.
    pub id: u64,
    /// What alert: the name of a rule or the key of a condition.
    pub key: String,
    /// A module's id or `system`.
    pub source: String,
    /// How bad it is after the change (for a cleared one: was).
    pub severity: Severity,
    /// In words.
    pub message: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: ChangeKind,
}

/// What happened to an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ChangeKind {
    /// It is new.
    Raised,
    /// A warning has become critical.
    Worse,
    /// A critical one is a warning again.
    Eased,
    /// Somebody has seen it.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// It is over.
    Cleared {
        /// Why.
        because: ClearedBy,
        /// How long it was open; unknown when the program was restarted meanwhile.
        duration_s: Option<f64>,
    },
}

/// Why an alert is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClearedBy {
    /// All is well again.
    Recovery,
    /// Its value is not measured any more: how it is nobody knows.
    NotMeasured,
    /// Its module was switched off.
    SwitchedOff,
    /// Its rule was changed or taken away.
    RuleChanged,
    /// It did not come back after a restart of the program.
    Restart,
}

impl ClearedBy {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Recovery => "all is well again",
            Self::NotMeasured => "not measured any more",
            Self::SwitchedOff => "switched off",
            Self::RuleChanged => "its rule was changed",
            Self::Restart => "gone after a restart",
        }
    }
}

/// The newest changes, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Change>);

impl History {
    pub(super) fn push(&mut self, change: Change) {
        while self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(change);
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.0.iter()
    }
}
