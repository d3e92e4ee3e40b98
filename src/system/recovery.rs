//! What is done about a module in trouble: rung after rung, with pauses that grow and budgets that end.
//!
//! A success counts only once it has lasted ([`Policy::stable_s`]). Every attempt is kept, also over a restart of
//! the program, so that a program that restarts itself can't do so for ever.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Build the module anew. For the projector that opens its window again, for the API it binds its
    /// address again, for vision it opens the camera again.
    RestartModule,
    /// Throw away what the module has concluded and conclude it anew from the last good observation.
    ResetState,
    /// Build it and those that use it anew.
    RestartWithUsers,
    /// Let go of everything that can be made again.
    ClearCaches,
    /// End the program with the exit code that asks the service manager for a new one.
    RestartProcess,
    /// The same, and come up with the API only.
    SafeMode,
}

impl Action {
    /// The word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RestartModule => "restart_module",
            Self::ResetState => "reset_state",
            Self::RestartWithUsers => "restart_with_users",
            Self::ClearCaches => "clear_caches",
            Self::RestartProcess => "restart_process",
            Self::SafeMode => "safe_mode",
        }
    }
}

/// One rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// What is done.
    pub action: Action,
    /// How often at most …
    pub attempts: u32,
    /// … within this long, seconds.
    pub within_s: f64,
}

/// What is done about a module in trouble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// A module that works badly gets this long to mend itself, seconds. One that has failed is seen to at once.
    pub unhealthy_for_s: f64,
    /// What is tried, in this order.
    pub rungs: Vec<Rung>,
    /// When all is used up, the last rung is tried again and again at the longest pause.
    pub keep_trying: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            unhealthy_for_s: 3.0,
            rungs: vec![rung(Action::RestartModule, 2, 60.0)],
            keep_trying: false,
        }
    }
}

const fn rung(action: Action, attempts: u32, within_s: f64) -> Rung {
    Rung {
        action,
        attempts,
        within_s,
    }
}

/// All that can be set about recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecoverySettings {
    /// Policies by module; one that is not named has its usual policy.
    pub modules: BTreeMap<String, Policy>,
    /// First pause between two attempts, seconds; it doubles from one to the next.
    pub first_pause_s: f64,
    /// Longest pause, seconds.
    pub longest_pause_s: f64,
    /// Pauses are longer or shorter by up to this share, so that several tables don't move in step.
    pub jitter: f64,
    /// An attempt has helped when all was well for this long, seconds.
    pub stable_s: f64,
    /// Restarts of the program, whatever for, within `process_within_s`: after these it comes up in safe mode.
    pub process_restarts: u32,
    /// The time those are counted over, seconds.
    pub process_within_s: f64,
    /// Share of memory in use, 0..1, above which caches are cleared.
    pub memory_share: f64,
    /// With this many of core, vision and API in trouble at once the program is restarted.
    pub modules_down: u32,
}

impl Default for RecoverySettings {
    fn default() -> Self {
        Self {
            modules: BTreeMap::new(),
            first_pause_s: 0.1,
            longest_pause_s: 30.0,
            jitter: 0.2,
            stable_s: 60.0,
            process_restarts: 3,
            process_within_s: 600.0,
            memory_share: 0.9,
            modules_down: 2,
        }
    }
}

/// What is done about a module where the site says nothing else.
#[must_use]
pub fn usual_policy(module: &str) -> Policy {
    use Action::{ResetState, RestartModule, RestartProcess, RestartWithUsers};
    let whole = [rung(RestartWithUsers, 2, 300.0), rung(RestartProcess, 1, 600.0)];
    let (rungs, keep_trying) = match module {
        "vision" => ([&[rung(RestartModule, 3, 60.0)][..], &whole].concat(), false),
        "core" => ([&[rung(ResetState, 2, 60.0)][..], &whole].concat(), false),
        "projector" => (vec![rung(RestartModule, 3, 60.0)], true),
        "api" => (
            vec![rung(RestartModule, 3, 60.0), rung(RestartProcess, 1, 600.0)],
            true,
        ),
        _ => return Policy::default(),
    };
    Policy {
        rungs,
        keep_trying,
        ..Policy::default()
    }
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not known yet: it has not lasted long enough.
    Open,
    /// All has been well since.
    Helped,
    /// The trouble came back, or somebody stepped in before it could show.
    Failed,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Lasting number.
    pub id: u64,
    /// When, seconds since 1970 UTC: for show, and to count it after a restart of the program.
    pub unix_s: f64,
    /// Which module, or `system`.
    pub module: String,
    /// What was wrong.
    pub why: String,
    /// What was done.
    pub action: Action,
    /// By the operator's wish.
    pub forced: bool,
    /// How it went.
    pub outcome: Outcome,
    /// From the attempt until all was well, seconds.
    pub took_s: Option<f64>,
    /// Which start of the machine it was made in, and how long after it, seconds: no clock that somebody sets has a
    /// say in how old an attempt is.
    #[serde(default)]
    pub boot: Option<(String, f64)>,
}

/// What is wrong with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It does nothing any more.
    Failed(String),
    /// It works badly.
    Unhealthy(String),
}

/// A module as recovery sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Which.
    pub module: &'static str,
    /// What is wrong, and could be mended from inside. A camera that is unplugged is not: its thread waits for it.
    pub trouble: Option<Trouble>,
    /// It is at work, and that was looked at: not where it waits for something outside, or nobody has looked yet.
    pub well: bool,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// This.
    Do {
        /// Which module, or `system`.
        module: String,
        /// What.
        action: Action,
        /// Because of what.
        why: String,
    },
    /// All that could be tried was tried; somebody has to look.
    GaveUp {
        /// Which module.
        module: String,
        /// What is wrong with it.
        why: String,
    },
}

/// One start of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Boot {
    /// What tells it from others; empty where the system does not say.
    pub id: String,
    /// Since then, seconds.
    pub s: f64,
}

/// Attempts older than this count for nothing; no window is longer.
const LONGEST_WINDOW_S: f64 = 86_400.0;
/// Attempts kept.
const KEPT: usize = 500;
/// What the attempt for the whole system is filed under.
const SYSTEM: &str = "system";

/// One module's trouble, from its first sign until all has been well for long enough.
#[derive(Clone, Debug)]
struct Case {
    since: Instant,
    calm_since: Option<Instant>,
    not_before: Instant,
    tried: u32,
    rung: usize,
    open: Option<(u64, Instant)>,
    given_up: bool,
}

/// Keeps count and decides.
#[derive(Debug)]
pub struct Recovery {
    settings: RecoverySettings,
    /// Off: troubles are noted and nothing is done.
    pub enabled: bool,
    cases: BTreeMap<&'static str, Case>,
    attempts: VecDeque<Attempt>,
    /// When each of `attempts` that counts was made, by module and action.
    made: Vec<(String, Action, Instant)>,
    next_id: u64,
    random: fastrand::Rng,
    /// Since when all is well everywhere, on both clocks.
    calm: Option<(Instant, f64)>,
    /// This start of the machine, as it was when this was made.
    boot: (Boot, Instant),
    /// Counts up with every change of the attempts.
    pub version: u64,
}

impl Recovery {
    /// Goes on from `earlier` attempts of runs before this one; `unix_s` is now, in this `boot`.
    #[must_use]
    pub fn new(
        settings: RecoverySettings,
        earlier: Vec<Attempt>,
        now: Instant,
        unix_s: f64,
        boot: Boot,
    ) -> Self {
        let mut attempts: VecDeque<Attempt> = earlier.into();
        while attempts.len() > KEPT {
            attempts.pop_front();
        }
        // Within one start of the machine no setting of its clock makes a budget new. What comes from another one and
        // lies in the future was dated by a clock that was wrong: it counts for nothing, or a machine without a clock
        // of its own would come up in safe mode for ever.
        let age_s = |a: &Attempt| match &a.boot {
            Some((id, s)) if *id == boot.id && !id.is_empty() => (boot.s - s).max(0.0),
            _ => unix_s - a.unix_s,
        };
        let made = attempts.iter().filter(|a| !a.forced);
        let made = made.filter_map(|a| {
            let age = Duration::try_from_secs_f64(age_s(a)).ok()?;
            Some((a.module.clone(), a.action, now.checked_sub(age)?))
        });
        let made = made.collect();
        for attempt in attempts
            .iter_mut()
            .filter(|a| a.outcome == Outcome::Open && !is_of_process(a.action))
        {
            // The program ended before that was known.
            attempt.outcome = Outcome::Failed;
        }
        Self {
            enabled: true,
            cases: BTreeMap::new(),
            next_id: attempts.back().map_or(1, |a| a.id + 1),
            attempts,
            made,
            // Several tables must not move in step; tests have to be the same every time.
            random: fastrand::Rng::with_seed(if cfg!(test) {
                7
            } else {
                u64::from(std::process::id())
            }),
            calm: None,
            boot: (boot, now),
            version: 0,
            settings,
        }
    }

    /// All attempts that are kept, oldest first.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.iter().cloned().collect()
    }

    /// Modules of which all was tried.
    pub fn given_up(&self) -> impl Iterator<Item = &'static str> {
        self.cases.iter().filter(|(_, c)| c.given_up).map(|(id, _)| *id)
    }

    /// True when the budget of restarts of the program is used up, or an operator's last word was safe mode: it
    /// should come up so.
    #[must_use]
    pub fn wants_safe_mode(&self, now: Instant) -> bool {
        let last = self.attempts.iter().rev().find(|a| is_of_process(a.action));
        let asked = |a: &Attempt| a.forced && a.action == Action::SafeMode && a.outcome == Outcome::Open;
        last.is_some_and(asked)
            || self.made_within(None, Action::RestartProcess, self.settings.process_within_s, now)
                >= self.settings.process_restarts
    }

    /// Notes what an operator did, and forgets that it was given up.
    pub fn forced(&mut self, module: &str, action: Action, now: Instant, unix_s: f64) {
        self.end_case(module);
        let id = self.note(module, "asked for by the operator", action, true, now, unix_s);
        if !is_of_process(action) {
            self.close(id, Outcome::Helped, None);
        }
    }

    /// Notes that the run before this one ended without a word, and why as far as that is known.
    pub fn crashed(&mut self, why: &str, now: Instant, unix_s: f64) {
        self.note(SYSTEM, why, Action::RestartProcess, false, now, unix_s);
        self.made.push((SYSTEM.to_owned(), Action::RestartProcess, now));
    }

    /// Forgets a module's troubles: somebody has seen to it.
    pub fn forget(&mut self, module: &str) {
        self.end_case(module);
        self.made.retain(|(whose, ..)| whose != module);
    }

    /// Somebody steps in: what was tried last is not known to have helped.
    fn end_case(&mut self, module: &str) {
        let open = self.cases.get(module).and_then(|c| c.open);
        self.cases.retain(|id, _| *id != module);
        if let Some((id, _)) = open {
            self.close(id, Outcome::Failed, None);
        }
    }

    /// Goes on under other settings; what was tried counts against the new budgets.
    pub fn set(&mut self, settings: RecoverySettings) {
        self.settings = settings;
        self.version += 1;
    }

    /// What was set.
    #[must_use]
    pub const fn settings(&self) -> &RecoverySettings {
        &self.settings
    }

    /// Notes something that was done without a module in trouble; it is over with that.
    pub fn noted(&mut self, module: &str, why: &str, action: Action, now: Instant, unix_s: f64) {
        let id = self.note(module, why, action, false, now, unix_s);
        self.close(id, Outcome::Helped, None);
    }

    /// Only a new process can go on: `module` has lost what can't be had twice.
    #[must_use]
    pub fn beyond_repair(&mut self, module: &str, why: String, now: Instant, unix_s: f64) -> Option<Order> {
        self.enabled.then(|| self.end_process(module, why, now, unix_s))
    }

    /// Looks at every module and says what is to be done now.
    pub fn look(&mut self, views: &[View], now: Instant, unix_s: f64) -> Vec<Order> {
        self.made.retain(|(_, _, at)| secs(now, *at) <= LONGEST_WINDOW_S);
        self.judge_last_start(views, now, unix_s);
        let mut orders = Vec::new();
        if let Some(order) = self.look_at_all(views, now, unix_s) {
            return vec![order];
        }
        for view in views {
            match &view.trouble {
                None => self.calm(view, now),
                Some(trouble) => orders.extend(self.trouble(view.module, trouble, now, unix_s)),
            }
        }
        orders
    }

    /// A restart of the program has helped when all has been well in the new one for long enough.
    fn judge_last_start(&mut self, views: &[View], now: Instant, unix_s: f64) {
        if views.iter().any(|v| v.trouble.is_some() || !v.well) {
            self.calm = None;
            return;
        }
        let (since, unix_since) = *self.calm.get_or_insert((now, unix_s));
        if secs(now, since) < self.settings.stable_s {
            return;
        }
        let is_open = |a: &&Attempt| is_of_process(a.action) && a.outcome == Outcome::Open;
        let open = self
            .attempts
            .iter()
            .filter(is_open)
            .map(|a| (a.id, unix_since - a.unix_s));
        for (at, (id, took_s)) in open.collect::<Vec<_>>().into_iter().rev().enumerate() {
            // Only the last one can have been the one that helped.
            let outcome = if at == 0 { Outcome::Helped } else { Outcome::Failed };
            self.close(id, outcome, (at == 0 && took_s >= 0.0).then_some(took_s));
        }
    }

    /// Several main modules down at once are the program's trouble, not theirs.
    fn look_at_all(&mut self, views: &[View], now: Instant, unix_s: f64) -> Option<Order> {
        let is_down = |v: &&View| {
            let since = self.cases.get(v.module).map(|c| secs(now, c.since));
            let given_up = self.cases.get(v.module).is_some_and(|c| c.given_up);
            let main = matches!(v.module, "core" | "vision" | "api") && !given_up;
            main && v.trouble.is_some() && since.is_some_and(|s| s >= self.policy(v.module).unhealthy_for_s)
        };
        let down: Vec<&str> = views.iter().filter(is_down).map(|v| v.module).collect();
        let many = down.len() >= self.settings.modules_down.max(1) as usize;
        let before = self.made_within(
            Some(SYSTEM),
            Action::RestartProcess,
            self.settings.process_within_s,
            now,
        );
        (self.enabled && many && before == 0).then(|| {
            let why = format!("{} are in trouble at once", down.join(", "));
            self.end_process(SYSTEM, why, now, unix_s)
        })
    }

    fn calm(&mut self, view: &View, now: Instant) {
        let Some(case) = self.cases.get_mut(view.module) else {
            return;
        };
        case.since = now;
        if !view.well {
            // It may wait for something outside: that says nothing for what was tried, nor against it.
            case.calm_since = None;
            return;
        }
        let calm = *case.calm_since.get_or_insert(now);
        let open = case.open;
        // Nothing was tried, or what was tried has lasted.
        if open.is_none() || secs(now, calm) >= self.settings.stable_s {
            self.cases.remove(view.module);
            if let Some((id, at)) = open {
                self.close(id, Outcome::Helped, Some(secs(calm, at)));
            }
        }
    }

    fn trouble(
        &mut self,
        module: &'static str,
        trouble: &Trouble,
        now: Instant,
        unix_s: f64,
    ) -> Option<Order> {
        let case = self.cases.entry(module).or_insert(Case {
            since: now,
            calm_since: None,
            not_before: now,
            tried: 0,
            rung: 0,
            open: None,
            given_up: false,
        });
        case.calm_since = None;
        let (why, wait) = match trouble {
            Trouble::Failed(why) => (why.clone(), 0.0),
            Trouble::Unhealthy(why) => (why.clone(), self.policy(module).unhealthy_for_s),
        };
        let case = self.cases.get(module)?.clone();
        // An attempt has as long to show that it helps as the trouble had to mend itself.
        let from = case.open.map_or(case.since, |(_, at)| at.max(case.since));
        // Given up is given up, until it has been well or somebody has seen to it.
        if case.given_up || !self.enabled || now < case.not_before || secs(now, from) < wait {
            return None;
        }
        if let Some((id, _)) = case.open {
            self.close(id, Outcome::Failed, None);
            self.cases.entry(module).and_modify(|c| c.open = None);
        }
        let Some((rung, action)) = self.next_rung(module, case.rung, now) else {
            let first = !case.given_up;
            self.cases.entry(module).and_modify(|c| c.given_up = true);
            return first.then(|| Order::GaveUp {
                module: module.to_owned(),
                why,
            });
        };
        let pause = self.pause(case.tried);
        if let Some(case) = self.cases.get_mut(module) {
            case.rung = rung;
            case.tried += 1;
            case.not_before = now + pause;
        }
        if is_of_process(action) {
            return Some(self.end_process(module, why, now, unix_s));
        }
        let id = self.note(module, &why, action, false, now, unix_s);
        self.made.push((module.to_owned(), action, now));
        self.cases.entry(module).and_modify(|c| c.open = Some((id, now)));
        Some(Order::Do {
            module: module.to_owned(),
            action,
            why,
        })
    }

    /// The first rung from `from` on whose budget is not used up. Never a lower one before all has been well.
    fn next_rung(&self, module: &str, from: usize, now: Instant) -> Option<(usize, Action)> {
        let policy = self.policy(module);
        let has_left = |r: &Rung| self.made_within(Some(module), r.action, r.within_s, now) < r.attempts;
        let mut rungs = policy.rungs.iter().enumerate().skip(from);
        let next = rungs.find(|(_, r)| has_left(r)).map(|(i, r)| (i, r.action));
        let last = || {
            let mut own = policy.rungs.iter().enumerate().rev();
            own.find(|(_, r)| !is_of_process(r.action))
                .map(|(i, r)| (i, r.action))
        };
        next.or_else(|| policy.keep_trying.then(last).flatten())
    }

    fn end_process(&mut self, module: &str, why: String, now: Instant, unix_s: f64) -> Order {
        let action = if self.wants_safe_mode(now) {
            Action::SafeMode
        } else {
            Action::RestartProcess
        };
        self.note(module, &why, action, false, now, unix_s);
        self.made.push((module.to_owned(), action, now));
        Order::Do {
            module: module.to_owned(),
            action,
            why,
        }
    }

    fn note(
        &mut self,
        module: &str,
        why: &str,
        action: Action,
        forced: bool,
        now: Instant,
        unix_s: f64,
    ) -> u64 {
        let id = self.next_id;
        let (boot, since) = &self.boot;
        self.next_id += 1;
        self.version += 1;
        if self.attempts.len() >= KEPT {
            self.attempts.pop_front();
        }
        self.attempts.push_back(Attempt {
            id,
            unix_s,
            module: module.to_owned(),
            why: why.to_owned(),
            action,
            forced,
            outcome: Outcome::Open,
            took_s: None,
            boot: Some((boot.id.clone(), boot.s + secs(now, *since))),
        });
        id
    }

    fn close(&mut self, id: u64, outcome: Outcome, took_s: Option<f64>) {
        if let Some(attempt) = self.attempts.iter_mut().find(|a| a.id == id) {
            (attempt.outcome, attempt.took_s) = (outcome, took_s);
            self.version += 1;
        }
    }

    fn made_within(&self, module: Option<&str>, action: Action, within_s: f64, now: Instant) -> u32 {
        // Into safe mode or not, it is one start of the program more.
        let same = |what: Action| what == action || (is_of_process(what) && is_of_process(action));
        let counts = |(whose, what, at): &&(String, Action, Instant)| {
            module.is_none_or(|m| m == whose) && same(*what) && secs(now, *at) <= within_s
        };
        self.made.iter().filter(counts).count() as u32
    }

    fn pause(&mut self, tried: u32) -> Duration {
        let s = &self.settings;
        let grown = (s.first_pause_s * 2f64.powi(tried.min(30) as i32)).min(s.longest_pause_s);
        let share = 1.0 + s.jitter * (2.0 * self.random.f64() - 1.0);
        Duration::try_from_secs_f64(grown * share).unwrap_or_default()
    }

    fn policy(&self, module: &str) -> Policy {
        let own = self.settings.modules.get(module).cloned();
        own.unwrap_or_else(|| usual_policy(module))
    }
}

const fn is_of_process(action: Action) -> bool {
    matches!(action, Action::RestartProcess | Action::SafeMode)
}

fn secs(now: Instant, then: Instant) -> f64 {
    now.saturating_duration_since(then).as_secs_f64()
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
