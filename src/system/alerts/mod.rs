//! Alerts: what is wrong, since when, how bad, and what to do about it.
//!
//! Rules on measured values and conditions found elsewhere (health checks, forecasts, events) go
//! over one board, and there is one open alert for each. The states and their times are those of
//! Prometheus: inactive → pending (`for`) → firing → (`keep_firing_for`) → resolved; on top of
//! them come two severities, a separate clear threshold, silences and inhibition.
//!
//! All here is pure: the caller passes the time in and carries the notifications away.

mod board;
mod check;
mod condition;
mod defaults;
mod entry;
mod history;
mod memory;
mod moment;
mod notify;
mod phase;
mod rule;
mod settings;
mod silence;
#[cfg(test)]
mod tests;

pub use board::{AlertBoard, Readings};
pub use check::Known;
pub use condition::{Condition, KNOWN_CONDITIONS};
pub use defaults::{RULE_METRICS, default_rules};
pub use history::{Change, ChangeKind, ClearedBy};
pub use memory::{AlertMemory, Remembered};
pub use moment::Moment;
pub use notify::{Notification, NotificationKind};
pub use rule::{Compare, Rule};
pub use settings::{AlertSettings, RuleChange, Webhook};
pub use silence::{MAX_SILENCE, Silence, SilenceTarget};

/// A text as one line of at most `most` characters: what comes from outside goes into logs.
fn one_line(text: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(most).map(clean).collect()
}
