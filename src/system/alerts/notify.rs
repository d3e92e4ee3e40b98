//! What is told to people, and how often at most.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::history::ClearedBy;
use super::moment::Moment;
use crate::system::status::{Alert, Severity};

/// Notifications in any minute at most, the summary of the rest among them.
pub(super) const PER_MINUTE: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Something to tell people, once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notification {
    /// What happened.
    pub kind: NotificationKind,
    /// How bad; of an alert that is over, how bad it was at its worst. A summary is critical, for
    /// nobody knows what is in it.
    pub severity: Severity,
    /// By the wall clock, RFC 3339.
    pub time: String,
    /// One line for people.
    pub text: String,
    /// The alert; a summary has none.
    pub alert: Option<Alert>,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// An alert is new.
    Raised,
    /// A warning has become critical.
    Worse,
    /// A critical alert is still there and nobody has acknowledged it.
    Repeated,
    /// An alert is over.
    Cleared,
    /// More has changed than can be told one by one.
    Summary,
}

impl Notification {
    /// That an alert is open.
    pub(super) fn about(kind: NotificationKind, alert: Alert, now: &Moment) -> Self {
        let (level, message) = (alert.severity.name(), &alert.message);
        let mut text = match kind {
            NotificationKind::Worse => format!("now {level}: {message}"),
            NotificationKind::Repeated => {
                format!(
                    "still {level} since {} and not acknowledged: {message}",
                    alert.since
                )
            }
            _ => format!("{level}: {message}"),
        };
        if !alert.remedy.is_empty() {
            text.push_str(&format!("; what to do: {}", alert.remedy));
        }
        Self {
            kind,
            severity: alert.severity,
            time: now.stamp(),
            text,
            alert: Some(alert),
        }
    }

    /// That an alert is over, which was open for so long and `worst` at its worst.
    pub(super) fn over(
        alert: Alert,
        worst: Severity,
        because: ClearedBy,
        duration_s: Option<f64>,
        now: &Moment,
    ) -> Self {
        let after = duration_s.map_or_else(String::new, |s| format!(" after {}", length(s)));
        Self {
            kind: NotificationKind::Cleared,
            severity: worst,
            time: now.stamp(),
            text: format!("over{after}: {} ({})", alert.message, because.words()),
            alert: Some(alert),
        }
    }

    /// What is sent to a webhook: JSON, with the line in `text`, where chat programs look for it.
    #[must_use]
    pub fn payload(&self) -> String {
        #[derive(Serialize)]
        struct Payload<'a> {
            version: u32,
            #[serde(flatten)]
            notification: &'a Notification,
        }
        // Numbers and texts can always be written.
        serde_json::to_string(&Payload {
            version: 1,
            notification: self,
        })
        .unwrap_or_default()
    }

    /// The worst first; what is over last.
    fn rank(&self) -> u8 {
        match (self.kind, self.severity) {
            (NotificationKind::Raised | NotificationKind::Worse, Severity::Critical) => 0,
            (NotificationKind::Repeated, _) => 1,
            (NotificationKind::Raised | NotificationKind::Worse, Severity::Warning) => 2,
            (NotificationKind::Cleared, Severity::Critical) => 3,
            (NotificationKind::Cleared, Severity::Warning) => 4,
            (NotificationKind::Summary, _) => 5,
        }
    }
}

/// Lets through what people can read, and counts the rest.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    /// When the notifications of the last minute were made.
    made: VecDeque<Instant>,
    summary_made: Option<Instant>,
    untold_raised: u64,
    untold_over: u64,
}

impl Limiter {
    /// What of `wanted` is told now; `open` alerts are open, `left_out` conditions found no place.
    pub(super) fn pass(
        &mut self,
        mut wanted: Vec<Notification>,
        now: Instant,
        stamp: &str,
        open: usize,
        left_out: usize,
    ) -> Vec<Notification> {
        while self
            .made
            .front()
            .is_some_and(|t| now.saturating_duration_since(*t) >= MINUTE)
        {
            self.made.pop_front();
        }
        wanted.sort_by_key(Notification::rank);
        let mut told = Vec::new();
        for notification in wanted {
            // One place is kept for the summary.
            if self.made.len() + 1 < PER_MINUTE {
                self.made.push_back(now);
                told.push(notification);
            } else if notification.kind == NotificationKind::Cleared {
                self.untold_over += 1;
            } else {
                self.untold_raised += 1;
            }
        }
        let untold = self.untold_raised + self.untold_over;
        let due = self
            .summary_made
            .is_none_or(|t| now.saturating_duration_since(t) >= MINUTE);
        if untold > 0 && due && self.made.len() < PER_MINUTE {
            self.made.push_back(now);
            self.summary_made = Some(now);
            let mut text = format!(
                "alerts come faster than they can be told one by one: {} more raised or repeated, {} more over; {open} \
                 are open",
                self.untold_raised, self.untold_over
            );
            if left_out > 0 {
                text.push_str(&format!(
                    ", {left_out} more conditions hold than the list has places"
                ));
            }
            (self.untold_raised, self.untold_over) = (0, 0);
            told.push(Notification {
                kind: NotificationKind::Summary,
                severity: Severity::Critical,
                time: stamp.to_owned(),
                text,
                alert: None,
            });
        }
        told
    }
}

/// A length of time as people say it.
fn length(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86400.0),
    }
}
