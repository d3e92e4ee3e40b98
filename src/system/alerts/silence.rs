//! Silences: what nobody wants to be told about for a while.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::moment::{Moment, stamp};
use super::one_line;

/// No silence is longer: thirty days.
pub const MAX_SILENCE: Duration = Duration::from_secs(30 * 86400);
/// Silences at most.
const MAX_SILENCES: usize = 64;

/// What is silenced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilenceTarget {
    /// One alert, by its key: the name of a rule or the key of a condition.
    Key(String),
    /// All alerts of a module, or of `system`.
    Source(String),
}

/// A silence, as it is shown and stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Lasting number.
    pub id: u64,
    /// What is silenced.
    pub target: SilenceTarget,
    /// Who asked for it.
    pub by: String,
    /// From when, by the wall clock, RFC 3339.
    pub since: String,
    /// Until when, by the wall clock, RFC 3339.
    pub until: String,
    /// The same as Unix time, seconds.
    pub until_unix_s: i64,
    /// Its whole length, seconds.
    pub length_s: u64,
}

/// All silences that have not run out.
#[derive(Debug, Default)]
pub(super) struct Silences {
    next_id: u64,
    list: Vec<(Instant, Silence)>,
}

impl Silences {
    /// Adds one, and says its id. One for the same target is replaced.
    pub(super) fn add(
        &mut self,
        target: SilenceTarget,
        length: Duration,
        by: &str,
        now: &Moment,
    ) -> Result<u64, String> {
        let length_s = length.as_secs();
        if length_s == 0 || length > MAX_SILENCE {
            return Err(format!(
                "a silence lasts 1 second to {} days, not {length_s} s; give another length",
                MAX_SILENCE.as_secs() / 86400
            ));
        }
        let target = match target {
            SilenceTarget::Key(name) => SilenceTarget::Key(one_line(&name, 96)),
            SilenceTarget::Source(name) => SilenceTarget::Source(one_line(&name, 48)),
        };
        self.expire(now.at);
        self.list.retain(|(_, s)| s.target != target);
        if self.list.len() >= MAX_SILENCES {
            return Err(format!(
                "there are {MAX_SILENCES} silences already; end one first"
            ));
        }
        self.next_id += 1;
        let until = now.clock + length;
        self.list.push((
            now.at + length,
            Silence {
                id: self.next_id,
                target,
                by: one_line(by, 64),
                since: now.stamp(),
                until: stamp(until),
                until_unix_s: until.unix_timestamp(),
                length_s,
            },
        ));
        Ok(self.next_id)
    }

    /// Ends one; false when there is none with this id.
    pub(super) fn end(&mut self, id: u64) -> bool {
        let before = self.list.len();
        self.list.retain(|(_, s)| s.id != id);
        self.list.len() < before
    }

    /// Forgets those that have run out; true when there were any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let before = self.list.len();
        self.list.retain(|(until, _)| now < *until);
        self.list.len() < before
    }

    /// The one that covers an alert.
    pub(super) fn covering(&self, key: &str, source: &str) -> Option<&Silence> {
        let covers = |s: &&Silence| match &s.target {
            SilenceTarget::Key(k) => k == key,
            SilenceTarget::Source(s) => s == source,
        };
        self.list.iter().map(|(_, s)| s).find(covers)
    }

    /// Those that have not run out.
    pub(super) fn list(&self) -> Vec<Silence> {
        self.list.iter().map(|(_, s)| s.clone()).collect()
    }

    /// Takes up stored ones. What the wall clock leaves of each is bounded by its length: after a
    /// jump of the clock none lasts for ever.
    pub(super) fn restore(stored: Vec<Silence>, now: &Moment) -> Self {
        let mut silences = Self::default();
        for silence in stored {
            silences.next_id = silences.next_id.max(silence.id);
            let left_s = silence.until_unix_s.saturating_sub(now.clock.unix_timestamp());
            let left = Duration::from_secs(u64::try_from(left_s).unwrap_or(0))
                .min(Duration::from_secs(silence.length_s))
                .min(MAX_SILENCE);
            if !left.is_zero() && silences.list.len() < MAX_SILENCES {
                let until = now.clock + left;
                silences.list.push((
                    now.at + left,
                    Silence {
                        until: stamp(until),
                        until_unix_s: until.unix_timestamp(),
                        ..silence
                    },
                ));
            }
        }
        silences
    }
}
