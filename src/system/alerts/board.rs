//! The board: at most one open alert for each rule and each condition.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::check;
use super::condition::Condition;
use super::defaults::default_rules;
use super::entry::{Entry, Signal};
use super::history::{Change, ChangeKind, ClearedBy, History};
use super::memory::{AlertMemory, Remembered};
use super::moment::Moment;
use super::notify::{Limiter, Notification, NotificationKind};
use super::one_line;
use super::rule::Rule;
use super::settings::AlertSettings;
use super::silence::{Silence, SilenceTarget, Silences};
use crate::system::status::{Alert, Severity};

/// Alerts on the board at most, pending or open.
pub(super) const MAX_OPEN: usize = 64;
/// Of these, warnings at most: something critical always finds a place.
const MAX_WARNINGS: usize = 48;
/// What follows from another alert may take so long to be well again after it.
pub(super) const LINGER: Duration = Duration::from_secs(10);
/// An alert remembered from before a restart is waited for so long.
pub(super) const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// What an update looks at.
#[derive(Clone, Copy)]
pub struct Readings<'a> {
    /// Conditions that hold right now.
    pub conditions: &'a [Condition],
    /// The value of a metric by its id; None where it is not measured.
    pub metric: &'a dyn Fn(&str) -> Option<f64>,
    /// Modules that are switched off: nothing of theirs is an alert.
    pub switched_off: &'a [&'a str],
}

/// All alerts: pending, open, and the last changes.
#[derive(Debug)]
pub struct AlertBoard {
    rules: Vec<Rule>,
    repeat_after: Duration,
    entries: Vec<Entry>,
    silences: Silences,
    history: History,
    limiter: Limiter,
    remembered: Vec<Remembered>,
    remembered_until: Option<Instant>,
    last_id: u64,
    left_out: usize,
    version: u64,
}

impl Default for AlertBoard {
    fn default() -> Self {
        Self::new(default_rules(), AlertSettings::default().repeat_after())
    }
}

impl AlertBoard {
    /// An empty board with these rules, as [`AlertSettings::rules_in_force`] gives them.
    #[must_use]
    pub fn new(rules: Vec<Rule>, repeat_after: Duration) -> Self {
        Self {
            rules,
            repeat_after,
            entries: Vec::new(),
            silences: Silences::default(),
            history: History::default(),
            limiter: Limiter::default(),
            remembered: Vec::new(),
            remembered_until: None,
            last_id: 0,
            left_out: 0,
            version: 0,
        }
    }

    /// Takes up what was stored before a restart. What is open again then goes on as it was: it
    /// is not raised anew, keeps its number, and who has seen it has seen it.
    #[must_use]
    pub fn with_memory(mut self, memory: AlertMemory, now: &Moment) -> Self {
        let highest = memory.open.iter().map(|a| a.id).max().unwrap_or(0);
        self.last_id = memory.last_id.max(highest);
        self.silences = Silences::restore(memory.silences, now);
        for change in memory.history {
            self.history.push(change);
        }
        for alert in memory.open {
            if self.remembered.len() < MAX_OPEN && self.remembered.iter().all(|a| a.key != alert.key) {
                self.remembered.push(alert);
            }
        }
        self.remembered_until = Some(now.at + REMEMBERED);
        self
    }

    /// What is to outlive a restart. It is worth storing anew when [`Self::version`] has changed.
    #[must_use]
    pub fn memory(&self) -> AlertMemory {
        let open = self.entries.iter().filter_map(Entry::remembered);
        AlertMemory {
            last_id: self.last_id,
            open: open
                .chain(self.remembered.iter().cloned())
                .take(MAX_OPEN)
                .collect(),
            silences: self.silences.list(),
            history: self.history.iter().cloned().collect(),
        }
    }

    /// Changes whenever [`Self::memory`] does.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Puts other rules in force. An open alert whose rule is gone or switched off is cleared by
    /// the next update.
    pub fn set_rules(&mut self, rules: Vec<Rule>, repeat_after: Duration) {
        self.rules = rules;
        self.repeat_after = repeat_after;
    }

    /// Takes in how things are at `now`, and says what to tell people.
    pub fn update(&mut self, readings: &Readings, now: &Moment) -> Vec<Notification> {
        let mut wanted = Vec::new();
        if self.silences.expire(now.at) {
            self.version += 1;
        }
        for entry in &mut self.entries {
            entry.seen = false;
        }
        self.forget_remembered(readings, now, &mut wanted);
        self.left_out = 0;
        // The rules are lent out while the entries change.
        let rules = std::mem::take(&mut self.rules);
        for rule in rules.iter().filter(|r| r.enabled) {
            let value = (readings.metric)(&rule.metric).filter(|v| !v.is_nan());
            self.take_in(&Signal::Rule(rule, value), readings, now, &mut wanted);
        }
        for condition in worst_of_each(readings.conditions) {
            self.take_in(&Signal::Condition(condition), readings, now, &mut wanted);
        }
        self.end_the_unseen(readings, now, &mut wanted);
        self.mute(&rules, now);
        self.rules = rules;
        self.tell(now, &mut wanted);
        let open = self.entries.iter().filter(|e| e.severity.is_some()).count();
        self.limiter
            .pass(wanted, now.at, &now.stamp(), open, self.left_out)
    }

    fn take_in(
        &mut self,
        signal: &Signal,
        readings: &Readings,
        now: &Moment,
        wanted: &mut Vec<Notification>,
    ) {
        let at = self.entries.iter().position(|e| e.key == signal.key());
        if readings.switched_off.contains(&signal.source()) {
            if let Some(at) = at {
                let entry = self.entries.remove(at);
                self.close(&entry, ClearedBy::SwitchedOff, now, wanted);
            }
            return;
        }
        let at = match at {
            Some(at) => at,
            None => match self.enter(signal, now) {
                Some(at) => at,
                None => return,
            },
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        let goes_on = entry.take_in(signal, now.at);
        if !goes_on || entry.is_inactive() {
            let because = if goes_on {
                ClearedBy::Recovery
            } else {
                ClearedBy::NotMeasured
            };
            let entry = self.entries.remove(at);
            self.close(&entry, because, now, wanted);
            return;
        }
        self.note_change(at, now);
    }

    /// Gives a signal that has no entry a place, where it holds; says which.
    fn enter(&mut self, signal: &Signal, now: &Moment) -> Option<usize> {
        let measured = signal.holds(Severity::Warning, true).is_some();
        let old = self.remembered.iter().position(|a| a.key == signal.key());
        let old = old.filter(|_| measured);
        let worst = signal.worst();
        if old.is_none() && worst.is_none() {
            return None;
        }
        let places = match worst {
            Some(Severity::Critical) => MAX_OPEN,
            _ => MAX_WARNINGS,
        };
        if self.entries.len() >= places {
            self.left_out += 1;
            return None;
        }
        let old = old.map(|at| self.remembered.swap_remove(at));
        self.entries.push(Entry::new(signal, old, now));
        Some(self.entries.len() - 1)
    }

    /// Writes down what has changed in an entry.
    fn note_change(&mut self, at: usize, now: &Moment) {
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        if let Some(kind) = entry.changed(now, self.last_id + 1) {
            self.last_id = self.last_id.max(entry.id);
            let severity = entry.severity.unwrap_or(Severity::Warning);
            self.history.push(entry.change(kind, severity, now));
            self.version += 1;
        }
    }

    /// Lets the time of those pass that nothing spoke for.
    fn end_the_unseen(&mut self, readings: &Readings, now: &Moment, wanted: &mut Vec<Notification>) {
        let mut at = 0;
        while let Some(entry) = self.entries.get_mut(at) {
            if entry.seen {
                at += 1;
                continue;
            }
            let because = if readings.switched_off.contains(&entry.source.as_str()) {
                Some(ClearedBy::SwitchedOff)
            } else if !entry.key.contains('.') {
                Some(ClearedBy::RuleChanged)
            } else {
                entry.take_in_silence(now.at);
                entry.is_inactive().then_some(ClearedBy::Recovery)
            };
            if let Some(because) = because {
                let entry = self.entries.remove(at);
                self.close(&entry, because, now, wanted);
            } else {
                self.note_change(at, now);
                at += 1;
            }
        }
    }

    /// Ends what was open before a restart and did not come back.
    fn forget_remembered(&mut self, readings: &Readings, now: &Moment, wanted: &mut Vec<Notification>) {
        if self.remembered.is_empty() {
            return;
        }
        let late = self.remembered_until.is_none_or(|until| now.at >= until);
        let mut gone = Vec::new();
        self.remembered.retain(|alert| {
            let off = readings.switched_off.contains(&alert.source.as_str());
            if off || late {
                let because = if off {
                    ClearedBy::SwitchedOff
                } else {
                    ClearedBy::Restart
                };
                gone.push((alert.clone(), because));
            }
            !off && !late
        });
        for (alert, because) in gone {
            self.close(&Entry::gone(alert), because, now, wanted);
        }
    }

    /// Writes down that an entry is over, and tells those who were told of it.
    fn close(&mut self, entry: &Entry, because: ClearedBy, now: &Moment, wanted: &mut Vec<Notification>) {
        let Some(alert) = entry.alert() else {
            return;
        };
        let duration_s = entry.open_for_s(now.at);
        let kind = ChangeKind::Cleared { because, duration_s };
        self.history.push(entry.change(kind, alert.severity, now));
        self.version += 1;
        if entry.told.is_none() || self.silences.covering(&entry.key, &entry.source).is_some() {
            return;
        }
        let worst = entry.worst_told.unwrap_or(alert.severity);
        wanted.push(Notification::over(alert, worst, because, duration_s, now));
    }

    /// Finds out of which alerts nobody is told, and why.
    fn mute(&mut self, rules: &[Rule], now: &Moment) {
        let open: HashSet<String> = self
            .entries
            .iter()
            .filter(|e| e.severity.is_some())
            .map(|e| e.key.clone())
            .collect();
        for entry in self.entries.iter_mut().filter(|e| e.severity.is_some()) {
            let by = check::inhibitors(rules, &entry.key).find(|by| *by != entry.key && open.contains(*by));
            if by.is_some() {
                entry.last_inhibited = Some(now.at);
            }
            let silence = self.silences.covering(&entry.key, &entry.source);
            entry.muted = silence
                .map(|s| format!("silenced by {} until {}", s.by, s.until))
                .or_else(|| by.map(|by| format!("follows from {by}")));
        }
    }

    /// Gathers what people are not told yet, or are to be told again.
    fn tell(&mut self, now: &Moment, wanted: &mut Vec<Notification>) {
        for entry in &mut self.entries {
            let Some(alert) = entry.alert() else {
                continue;
            };
            let lingers = entry
                .last_inhibited
                .is_some_and(|t| now.at.saturating_duration_since(t) < LINGER);
            if alert.muted.is_some() || alert.acknowledged || lingers {
                continue;
            }
            let late = entry
                .last_told
                .is_none_or(|t| now.at.saturating_duration_since(t) >= self.repeat_after);
            let kind = match entry.told {
                None => NotificationKind::Raised,
                Some(told) if told < alert.severity => NotificationKind::Worse,
                Some(_) if alert.severity == Severity::Critical && late => NotificationKind::Repeated,
                Some(_) => continue,
            };
            if entry.told != Some(alert.severity) {
                self.version += 1;
            }
            entry.told = Some(alert.severity);
            entry.worst_told = entry.worst_told.max(entry.told);
            entry.last_told = Some(now.at);
            wanted.push(Notification::about(kind, alert, now));
        }
    }

    /// Marks an open alert as seen by somebody; false when there is none with this id.
    pub fn acknowledge(&mut self, id: u64, who: &str, now: &Moment) -> bool {
        let open = |e: &&mut Entry| e.severity.is_some() && e.id == id;
        let Some(entry) = self.entries.iter_mut().find(open) else {
            return false;
        };
        if entry.acknowledged_by.is_none() {
            let by = one_line(who, 64);
            entry.acknowledged_by = Some(by.clone());
            let severity = entry.severity.unwrap_or(Severity::Warning);
            self.history
                .push(entry.change(ChangeKind::Acknowledged { by }, severity, now));
            self.version += 1;
        }
        true
    }

    /// Tells nobody of an alert or a module for a while. Gives the silence's id.
    ///
    /// # Errors
    /// One line, when it is too long or there are too many.
    pub fn silence(
        &mut self,
        target: SilenceTarget,
        length: Duration,
        who: &str,
        now: &Moment,
    ) -> Result<u64, String> {
        let id = self.silences.add(target, length, who, now)?;
        self.version += 1;
        Ok(id)
    }

    /// Ends a silence; false when there is none with this id.
    pub fn unsilence(&mut self, id: u64) -> bool {
        let ended = self.silences.end(id);
        self.version += u64::from(ended);
        ended
    }

    /// Silences that have not run out.
    #[must_use]
    pub fn silences(&self) -> Vec<Silence> {
        self.silences.list()
    }

    /// Open alerts, newest first; those of which nobody is told come last.
    #[must_use]
    pub fn open(&self) -> Vec<Alert> {
        let mut open: Vec<Alert> = self.entries.iter().filter_map(Entry::alert).collect();
        open.sort_by_key(|a| (a.muted.is_some(), std::cmp::Reverse(a.id)));
        open
    }

    /// The last changes, newest first.
    pub fn history(&self) -> impl Iterator<Item = &Change> {
        self.history.iter().rev()
    }

    /// Conditions that hold and found no place on the board in the last update.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    #[cfg(test)]
    pub(super) fn phases(&self, key: &str) -> [super::phase::Phase; 2] {
        let entry = self.entries.iter().find(|e| e.key == key);
        entry.map_or_else(Default::default, |e| e.levels)
    }
}

/// One condition for each key, the worst; in the order in which they came.
fn worst_of_each(conditions: &[Condition]) -> Vec<&Condition> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut worst: Vec<&Condition> = Vec::new();
    for condition in conditions {
        let place = *places.entry(condition.key()).or_insert(worst.len());
        match worst.get_mut(place) {
            None => worst.push(condition),
            Some(other) if other.severity < condition.severity => *other = condition,
            Some(_) => {}
        }
    }
    worst
}
