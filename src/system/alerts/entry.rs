//! One alert on the board, pending or open.

use std::time::{Duration, Instant};

use super::condition::Condition;
use super::history::{Change, ChangeKind};
use super::memory::Remembered;
use super::moment::Moment;
use super::phase::{LEVELS, Phase};
use super::rule::Rule;
use crate::system::status::{Alert, Severity};

/// A value that was not measured for so long is not waited for any longer.
pub(super) const UNMEASURED: Duration = Duration::from_secs(60);

/// What speaks for an alert in one update.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signal<'a> {
    /// A rule, with the value of its metric where it was measured.
    Rule(&'a Rule, Option<f64>),
    /// A condition that holds.
    Condition(&'a Condition),
}

impl<'a> Signal<'a> {
    pub(super) fn key(&self) -> &'a str {
        match self {
            Self::Rule(rule, _) => &rule.name,
            Self::Condition(condition) => condition.key(),
        }
    }

    pub(super) fn source(&self) -> &'a str {
        match self {
            Self::Rule(rule, _) => &rule.source,
            Self::Condition(condition) => condition.source(),
        }
    }

    fn times(&self) -> (Duration, Duration) {
        match self {
            Self::Rule(rule, _) => (rule.hold(), rule.keep()),
            Self::Condition(condition) => (condition.hold, condition.keep),
        }
    }

    /// Whether a level holds; None: not measured.
    pub(super) fn holds(&self, level: Severity, raised: bool) -> Option<bool> {
        match self {
            Self::Rule(rule, value) => value.map(|v| rule.holds(level, v, raised)),
            Self::Condition(condition) => Some(condition.severity >= level),
        }
    }

    /// The worst level that holds, for an alert that is not raised.
    pub(super) fn worst(&self) -> Option<Severity> {
        LEVELS
            .into_iter()
            .rev()
            .find(|level| self.holds(*level, false) == Some(true))
    }
}

/// One alert on the board.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) source: String,
    /// Warning and critical, each on its own.
    pub(super) levels: [Phase; 2],
    hold: Duration,
    keep: Duration,
    summary: String,
    remedy: String,
    value: Option<f64>,
    unmeasured_since: Option<Instant>,
    /// What the levels say, where one is firing.
    pub(super) severity: Option<Severity>,
    /// 0 until it is raised.
    pub(super) id: u64,
    since: String,
    /// When it was raised; None when that was before a restart.
    opened: Option<Instant>,
    pub(super) acknowledged_by: Option<String>,
    /// What people were told, and when last.
    pub(super) told: Option<Severity>,
    pub(super) last_told: Option<Instant>,
    pub(super) worst_told: Option<Severity>,
    /// Why nobody is told.
    pub(super) muted: Option<String>,
    pub(super) last_inhibited: Option<Instant>,
    /// Something spoke for it in this update.
    pub(super) seen: bool,
}

impl Entry {
    /// A new one; where there was one before a restart it goes on as that.
    pub(super) fn new(signal: &Signal, remembered: Option<Remembered>, now: &Moment) -> Self {
        let mut entry = remembered.map_or_else(Self::default, Self::gone);
        if let Some(severity) = entry.severity {
            // It had held for long enough before the restart.
            for (phase, level) in entry.levels.iter_mut().zip(LEVELS) {
                if level <= severity {
                    *phase = Phase::Firing { quiet_since: None };
                }
            }
            entry.last_told = Some(now.at);
        }
        signal.key().clone_into(&mut entry.key);
        entry
    }

    /// One that was open before a restart, and is so no more.
    pub(super) fn gone(old: Remembered) -> Self {
        Self {
            key: old.key,
            source: old.source,
            summary: old.message,
            severity: Some(old.severity),
            id: old.id,
            since: old.since,
            acknowledged_by: old.acknowledged_by,
            told: old.told,
            worst_told: old.told,
            ..Self::default()
        }
    }

    /// Takes in what a signal says. False: nothing was measured for too long, it is to be closed.
    pub(super) fn take_in(&mut self, signal: &Signal, now: Instant) -> bool {
        self.seen = true;
        (self.hold, self.keep) = signal.times();
        signal.source().clone_into(&mut self.source);
        if let Signal::Rule(_, None) = signal {
            // Not to know is neither bad nor good: all stays as it is, for a while.
            let since = *self.unmeasured_since.get_or_insert(now);
            return now.saturating_duration_since(since) < UNMEASURED;
        }
        self.unmeasured_since = None;
        for (phase, level) in self.levels.iter_mut().zip(LEVELS) {
            let holds = signal.holds(level, phase.is_firing()).unwrap_or(false);
            phase.step(holds, now, self.hold, self.keep);
        }
        match signal {
            Signal::Rule(rule, value) => {
                self.value = *value;
                // The words name the limit of the level that is raised, or is about to be. While an
                // alert is only kept, its last words stay.
                let raised = self.level().filter(|l| signal.holds(*l, true) == Some(true));
                if let (Some(level), Some(value)) = (raised.or_else(|| signal.worst()), value) {
                    self.summary = rule.words(level, *value);
                }
                rule.remedy.clone_into(&mut self.remedy);
            }
            Signal::Condition(condition) => {
                condition.message.clone_into(&mut self.summary);
                condition.remedy.clone_into(&mut self.remedy);
            }
        }
        true
    }

    /// Nothing speaks for it any more.
    pub(super) fn take_in_silence(&mut self, now: Instant) {
        for phase in &mut self.levels {
            phase.step(false, now, self.hold, self.keep);
        }
    }

    /// The worst level that is firing.
    fn level(&self) -> Option<Severity> {
        let firing = self.levels.iter().zip(LEVELS).rev();
        firing
            .clone()
            .find(|(p, _)| p.is_firing())
            .map(|(_, level)| level)
    }

    pub(super) fn is_inactive(&self) -> bool {
        self.levels.iter().all(|p| *p == Phase::Inactive)
    }

    /// What has changed since it was last asked; a new one gets `next_id`. That it is over, the
    /// board says.
    pub(super) fn changed(&mut self, now: &Moment, next_id: u64) -> Option<ChangeKind> {
        let (before, level) = (self.severity, self.level()?);
        self.severity = Some(level);
        match before {
            None => {
                self.id = next_id;
                self.since = now.stamp();
                self.opened = Some(now.at);
                Some(ChangeKind::Raised)
            }
            Some(before) if level > before => {
                // What was seen as a warning was not seen as this.
                self.acknowledged_by = None;
                Some(ChangeKind::Worse)
            }
            Some(before) if level < before => {
                // Should it rise again, that is told again.
                self.told = self.told.min(Some(level));
                Some(ChangeKind::Eased)
            }
            Some(_) => None,
        }
    }

    /// How long it has been open, s; None when that began before a restart.
    pub(super) fn open_for_s(&self, now: Instant) -> Option<f64> {
        self.opened
            .map(|opened| now.saturating_duration_since(opened).as_secs_f64())
    }

    pub(super) fn change(&self, kind: ChangeKind, severity: Severity, now: &Moment) -> Change {
        Change {
            time: now.stamp(),
            id: self.id,
            key: self.key.clone(),
            source: self.source.clone(),
            severity,
            message: self.summary.clone(),
            kind,
        }
    }

    /// As it is shown, where it is open.
    pub(super) fn alert(&self) -> Option<Alert> {
        self.severity.map(|severity| Alert {
            id: self.id,
            key: self.key.clone(),
            severity,
            source: self.source.clone(),
            message: self.summary.clone(),
            remedy: self.remedy.clone(),
            value: self.value,
            since: self.since.clone(),
            acknowledged: self.acknowledged_by.is_some(),
            acknowledged_by: self.acknowledged_by.clone(),
            muted: self.muted.clone(),
        })
    }

    /// As it is stored, where it is open.
    pub(super) fn remembered(&self) -> Option<Remembered> {
        self.severity.map(|severity| Remembered {
            key: self.key.clone(),
            id: self.id,
            source: self.source.clone(),
            severity,
            message: self.summary.clone(),
            since: self.since.clone(),
            acknowledged_by: self.acknowledged_by.clone(),
            told: self.told,
        })
    }
}
