//! Conditions found elsewhere: by health checks, forecasts, events.

use std::time::Duration;

use super::one_line;
use crate::system::status::Severity;

/// Conditions that are known by name, each with those it follows from: while one of these is
/// open, the condition says nothing new.
pub const KNOWN_CONDITIONS: [(&str, &[&str]); 27] = [
    ("config.valid", &[]),
    ("config.faults", &[]),
    ("config.restart", &[]),
    ("config.state_folder", &[]),
    ("core.state", &["vision.source"]),
    ("core.prediction_time", &[]),
    ("core.errors", &[]),
    ("vision.source", &[]),
    ("vision.picture", &["vision.source"]),
    ("vision.faults", &[]),
    (
        "vision.rate",
        &["vision.source", "vision.picture", "vision.faults", "vision_slow"],
    ),
    (
        "vision.frame_age",
        &["vision.source", "vision.picture", "vision.faults"],
    ),
    (
        "vision.dropped",
        &["vision.source", "vision.picture", "vision.faults", "vision.rate"],
    ),
    ("vision.recording", &[]),
    ("vision.unusable", &["vision.source", "vision.picture"]),
    (
        "vision.confidence",
        &["vision.source", "vision.picture", "vision.table"],
    ),
    (
        "vision.count",
        &[
            "vision.source",
            "vision.picture",
            "vision.table",
            "vision.confidence",
        ],
    ),
    (
        "vision.table",
        &["vision.source", "vision.picture", "vision.faults"],
    ),
    ("projector.drawing", &[]),
    ("projector.monitor", &["projector.drawing"]),
    ("projector.keystone", &["projector.drawing", "projector.monitor"]),
    ("projector.faults", &[]),
    ("api.listening", &[]),
    ("api.alive", &["api.listening"]),
    ("api.probe", &["api.listening", "api.alive"]),
    ("api.faults", &[]),
    ("api.errors", &["api.listening", "api.alive", "api_errors"]),
];

/// A condition that holds right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    key: String,
    source: String,
    /// How bad.
    pub severity: Severity,
    /// In words, one line.
    pub message: String,
    /// What to do, one line; may be empty.
    pub remedy: String,
    /// How long it must hold before it is raised.
    pub hold: Duration,
    /// How long it must be over before it is cleared. An event holds once, and is kept this long.
    pub keep: Duration,
}

impl Condition {
    /// A condition of a module (or `system`), with a name that stays the same from time to time.
    /// It is raised after two seconds and cleared after two.
    #[must_use]
    pub fn new(source: &str, name: &str, severity: Severity, message: &str) -> Self {
        Self {
            key: one_line(&format!("{source}.{name}"), 96),
            source: one_line(source, 48),
            severity,
            message: one_line(message, 300),
            remedy: String::new(),
            hold: Duration::from_secs(2),
            keep: Duration::from_secs(2),
        }
    }

    /// What makes it the same condition the next time: `vision.source`. It always has a dot, so
    /// that no rule has the same name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The module it is of, or `system`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}
