//! Modules: who needs whom, started in that order, stopped in reverse.
//!
//! A module is told only whether it is to be up, and the number of this life ([`Duty`]); it says how it is
//! ([`Report`]). Both are levels, not messages: whatever a fault swallows is simply said again the next turn.

mod modules;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::system::status::Lifecycle;
pub use modules::{MODULES, ModuleSpec, OrderError, start_order};

/// What a module is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duty {
    /// It is to be up.
    pub up: bool,
    /// The number of this life. Another number than that it was built with: throw all away, build anew.
    pub life: u32,
}

/// How a module says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Report {
    /// Not there; nothing of it is left.
    #[default]
    Down,
    /// On its way up or down.
    Changing,
    /// At work.
    Up,
    /// Can't go on; the reason says what, where, what to do.
    Broken(String),
}

/// One module's life.
#[derive(Clone, Debug)]
pub struct Life {
    /// What it is.
    pub spec: ModuleSpec,
    /// Where it is.
    pub state: Lifecycle,
    /// Why it is there, where that needs saying.
    pub reason: Option<String>,
    /// How often it was started again.
    pub restarts: u32,
    /// What it says of itself for the life it is in.
    pub report: Report,
    enabled: bool,
    wanted: bool,
    again: bool,
    life: u32,
    since: Instant,
}

/// A module went from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Which.
    pub module: &'static str,
    /// From where.
    pub from: Lifecycle,
    /// To where.
    pub to: Lifecycle,
    /// Why, where that needs saying.
    pub reason: Option<String>,
}

impl Life {
    /// A module that has not been started yet; one that is not `enabled` is no fault.
    #[must_use]
    pub fn new(spec: ModuleSpec, enabled: bool, now: Instant) -> Self {
        Self {
            spec,
            state: if enabled {
                Lifecycle::Offline
            } else {
                Lifecycle::Disabled
            },
            reason: None,
            restarts: 0,
            report: Report::Down,
            enabled,
            wanted: true,
            again: false,
            life: 0,
            since: now,
        }
    }

    /// What it is told.
    #[must_use]
    pub fn duty(&self) -> Duty {
        Duty {
            up: matches!(self.state, Lifecycle::Starting | Lifecycle::Running),
            life: self.life,
        }
    }

    /// True where its systems have something to do.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(
            self.state,
            Lifecycle::Starting | Lifecycle::Running | Lifecycle::Stopping
        )
    }

    /// True unless the operator has switched it off.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// False where an operator has stopped it.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    fn should_run(&self) -> bool {
        self.enabled && self.wanted && !self.again
    }
}

/// What may be asked of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Take it into service, now and after every restart.
    Enable,
    /// Take it out of service: that is no fault.
    Disable,
    /// Start it, after it has failed or was stopped.
    Start,
    /// Stop it, and those that need it.
    Stop,
    /// Stop it and those that need it, and start them again.
    Restart,
    /// The same with those that use it.
    RestartWithUsers,
}

/// Why a wish is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such module.
    #[error("there is no module `{0}`")]
    Unknown(String),
    /// It holds all the others up.
    #[error("module `{0}` can't be stopped: everything needs it; stop the program instead")]
    Essential(&'static str),
    /// It is switched off.
    #[error("module `{0}` is switched off; enable it first")]
    SwitchedOff(&'static str),
    /// It needs one that is switched off.
    #[error("module `{module}` needs `{needs}`, which is switched off; enable that first")]
    NeedsOther {
        /// Which.
        module: &'static str,
        /// What it needs.
        needs: &'static str,
    },
}

/// Takes a wish for the module `id` of `lives` (in start order), and says what it will do to others.
///
/// # Errors
/// [`Refused`] where it can't be carried out; nothing has changed then.
pub fn wish(lives: &mut [&mut Life], id: &str, wish: Wish) -> Result<(), Refused> {
    let Some(at) = lives.iter().position(|l| l.spec.id == id) else {
        return Err(Refused::Unknown(id.to_owned()));
    };
    let (spec, enabled) = (lives[at].spec, lives[at].enabled);
    if spec.required && wish != Wish::Start {
        return Err(Refused::Essential(spec.id));
    }
    if !enabled && !matches!(wish, Wish::Enable | Wish::Disable) {
        return Err(Refused::SwitchedOff(spec.id));
    }
    if matches!(wish, Wish::Enable | Wish::Start) {
        let off = |needs: &&&str| lives.iter().any(|l| l.spec.id == **needs && !l.enabled);
        if let Some(needs) = spec.needs.iter().find(off) {
            return Err(Refused::NeedsOther {
                module: spec.id,
                needs,
            });
        }
    }
    let with = match wish {
        Wish::Restart => followers(lives, at, false),
        Wish::RestartWithUsers => followers(lives, at, true),
        _ => Vec::new(),
    };
    for (i, life) in lives.iter_mut().enumerate() {
        if i == at {
            match wish {
                Wish::Enable => (life.enabled, life.wanted) = (true, true),
                Wish::Disable => life.enabled = false,
                Wish::Start => (life.wanted, life.again) = (true, life.state == Lifecycle::Failed),
                Wish::Stop => life.wanted = false,
                Wish::Restart | Wish::RestartWithUsers => {
                    // What is down already has nothing to stop first: it only starts.
                    let down = life.state == Lifecycle::Offline;
                    (life.wanted, life.again) = (true, !down);
                }
            }
        } else if with.contains(&i) && life.is_active() {
            life.again = true;
        }
    }
    Ok(())
}

/// Tells every module to stop, for good.
pub fn stop_all(lives: &mut [&mut Life]) {
    lives
        .iter_mut()
        .for_each(|l| (l.wanted, l.again) = (false, false));
}

/// True when nothing of any module is left at work.
#[must_use]
pub fn all_stopped(lives: &[&mut Life]) -> bool {
    lives.iter().all(|l| !l.is_active())
}

/// Those that need (or, with `users`, use) module `at`, directly or through others.
fn followers(lives: &[&mut Life], at: usize, users: bool) -> Vec<usize> {
    let mut found = vec![at];
    let mut looked = 0;
    while let Some(id) = found.get(looked).and_then(|i| lives.get(*i)).map(|l| l.spec.id) {
        looked += 1;
        for (i, life) in lives.iter().enumerate() {
            let follows = life.spec.needs.contains(&id) || (users && life.spec.uses.contains(&id));
            if follows && !found.contains(&i) {
                found.push(i);
            }
        }
    }
    found
}

/// One turn: moves every module (`lives` in start order) on as far as the others let it, and tells what changed.
pub fn advance(lives: &mut [&mut Life], now: Instant) -> Vec<LifecycleEvent> {
    let mut events = Vec::new();
    for at in 0..lives.len() {
        let (earlier, rest) = lives.split_at_mut(at);
        let Some((life, later)) = rest.split_first_mut() else {
            break;
        };
        let follows = |l: &&mut Life| {
            let id = &life.spec.id;
            l.is_active() && (l.spec.needs.contains(id) || (l.spec.uses.contains(id) && !l.should_run()))
        };
        let has_needs = |l: &Life| has_needs(l, earlier);
        let needs_are_up = has_needs(life);
        // On its way up, or about to be: not where it is off, broken, or itself held up.
        let comes = |l: &&mut Life| {
            l.again
                || l.state == Lifecycle::Starting
                || (l.state == Lifecycle::Offline && l.should_run() && has_needs(l))
        };
        // The first time all come up one after the other; later only those that are used are waited for.
        let awaited = |l: &&mut Life| (life.life == 0 || life.spec.uses.contains(&l.spec.id)) && comes(l);
        let may_start = needs_are_up && !earlier.iter().any(awaited);
        // Whoever needs it goes first; and in a stop of all, whoever was started later.
        let may_stop = !later
            .iter()
            .any(|l| follows(l) || (!life.wanted && !l.wanted && l.is_active()));
        let waited = now.saturating_duration_since(life.since);
        let next = step(life, may_start, needs_are_up, may_stop, waited);
        if let Some((to, reason)) = next {
            enter(life, to, reason, now, &mut events);
        }
    }
    events
}

/// All that it needs is up and stays so: whoever is to stop lets those that need it go first.
fn has_needs(life: &Life, earlier: &[&mut Life]) -> bool {
    life.spec.needs.iter().all(|id| {
        let found = earlier.iter().enumerate().find(|(_, e)| e.spec.id == *id);
        found.is_some_and(|(at, need)| {
            let before = earlier.get(..at).unwrap_or_default();
            need.state == Lifecycle::Running && need.should_run() && has_needs(need, before)
        })
    })
}

fn step(
    life: &Life,
    may_start: bool,
    needs_are_up: bool,
    may_stop: bool,
    waited: Duration,
) -> Option<(Lifecycle, Option<String>)> {
    let goes_on = life.should_run() && needs_are_up;
    match (life.state, &life.report) {
        (Lifecycle::Disabled, _) if life.enabled => Some((Lifecycle::Offline, None)),
        (Lifecycle::Offline | Lifecycle::Failed, _) if !life.enabled => Some((Lifecycle::Disabled, None)),
        (Lifecycle::Failed, _) if !life.wanted || life.again => Some((Lifecycle::Offline, None)),
        (Lifecycle::Offline, _) if life.should_run() && may_start => Some((Lifecycle::Starting, None)),
        (Lifecycle::Starting | Lifecycle::Running, _) if !goes_on && may_stop => {
            Some((Lifecycle::Stopping, None))
        }
        (Lifecycle::Starting | Lifecycle::Running, Report::Broken(why)) => {
            Some((Lifecycle::Failed, Some(why.clone())))
        }
        (Lifecycle::Starting, Report::Up) => Some((Lifecycle::Running, None)),
        (Lifecycle::Starting, _) if waited > life.spec.start_within => {
            let words = format!(
                "not up {:.0} s after its start",
                life.spec.start_within.as_secs_f64()
            );
            Some((Lifecycle::Failed, Some(words)))
        }
        (Lifecycle::Running, Report::Down) => Some((Lifecycle::Failed, Some("ended by itself".to_owned()))),
        (Lifecycle::Stopping, Report::Down) => Some((Lifecycle::Offline, None)),
        (Lifecycle::Stopping, _) if waited > life.spec.stop_within => {
            let words = format!(
                "not down after {:.0} s; left behind",
                life.spec.stop_within.as_secs_f64()
            );
            Some((Lifecycle::Offline, Some(words)))
        }
        _ => None,
    }
}

fn enter(
    life: &mut Life,
    to: Lifecycle,
    reason: Option<String>,
    now: Instant,
    events: &mut Vec<LifecycleEvent>,
) {
    let from = std::mem::replace(&mut life.state, to);
    life.since = now;
    life.reason.clone_from(&reason);
    match to {
        Lifecycle::Starting => {
            life.restarts += u32::from(life.life > 0);
            life.life += 1;
            // What its last life said does not hold for this one.
            life.report = Report::Changing;
        }
        Lifecycle::Offline => {
            life.again = false;
            life.report = Report::Down;
        }
        _ => {}
    }
    events.push(LifecycleEvent {
        module: life.spec.id,
        from,
        to,
        reason,
    });
}
