//! The states of one level of one alert, as Prometheus defines them.

use std::time::{Duration, Instant};

use crate::system::status::Severity;

/// Where one level (warning or critical) of an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// The condition does not hold.
    #[default]
    Inactive,
    /// It holds, but not for long enough yet.
    Pending {
        /// When it was first seen to hold.
        since: Instant,
    },
    /// It has held for long enough.
    Firing {
        /// When it was first seen not to hold any more; the alert is kept a while after that.
        quiet_since: Option<Instant>,
    },
}

impl Phase {
    /// Takes in whether the condition holds at `now`.
    pub(super) fn step(&mut self, holds: bool, now: Instant, hold: Duration, keep: Duration) {
        if *self == Self::Inactive && holds {
            *self = Self::Pending { since: now };
        }
        match self {
            Self::Pending { since } if holds => {
                if now.saturating_duration_since(*since) >= hold {
                    *self = Self::Firing { quiet_since: None };
                }
            }
            Self::Firing { quiet_since } if holds => *quiet_since = None,
            Self::Firing { quiet_since } => {
                let since = *quiet_since.get_or_insert(now);
                if now.saturating_duration_since(since) >= keep {
                    *self = Self::Inactive;
                }
            }
            Self::Inactive | Self::Pending { .. } => *self = Self::Inactive,
        }
    }

    /// The level is raised.
    pub(super) const fn is_firing(self) -> bool {
        matches!(self, Self::Firing { .. })
    }
}

/// The levels of an alert, mildest first.
pub(super) const LEVELS: [Severity; 2] = [Severity::Warning, Severity::Critical];
