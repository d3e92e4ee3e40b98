//! What outlives a restart of the program.

use serde::{Deserialize, Serialize};

use super::history::Change;
use super::silence::Silence;
use crate::system::status::Severity;

/// What outlives a restart: what is open and who has seen it, silences, history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertMemory {
    /// The last number given to an alert.
    pub last_id: u64,
    /// Alerts that were open.
    pub open: Vec<Remembered>,
    /// Silences that had not run out.
    pub silences: Vec<Silence>,
    /// The last changes, oldest first.
    pub history: Vec<Change>,
}

/// An alert that was open when the program ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The name of a rule or the key of a condition.
    pub key: String,
    /// Lasting number.
    pub id: u64,
    /// A module's id or `system`.
    pub source: String,
    /// How bad it was.
    pub severity: Severity,
    /// In words.
    pub message: String,
    /// Since when, by the wall clock, RFC 3339.
    pub since: String,
    /// Who has seen it.
    pub acknowledged_by: Option<String>,
    /// What people were told of it.
    pub told: Option<Severity>,
}
