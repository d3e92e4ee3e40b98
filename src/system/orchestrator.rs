//! Modules: who needs whom, started in that order, stopped in reverse.
//!
//! A module is told only whether it is to be up, and the number of this life ([`Duty`]); it says how it is
//! ([`Report`]). Both are levels, not messages: whatever a fault swallows is simply said again the next turn.

use std::time::{Duration, Instant};

use crate::system::status::Lifecycle;

/// What a module is and what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleSpec {
    /// `config`, `core`, `vision`, `projector`, `api`.
    pub id: &'static str,
    /// It runs only while these run, and is stopped before them.
    pub needs: &'static [&'static str],
    /// It is started after these and restarted with them where a restart of one alone did not help.
    pub uses: &'static [&'static str],
    /// Without it the program does not start.
    pub required: bool,
    /// It must be up this long after it was told to start.
    pub start_within: Duration,
    /// It must be down this long after it was told to stop; then it is left behind.
    pub stop_within: Duration,
}

const fn module(
    id: &'static str,
    needs: &'static [&'static str],
    uses: &'static [&'static str],
    start_s: u64,
) -> ModuleSpec {
    ModuleSpec {
        id,
        needs,
        uses,
        required: false,
        start_within: Duration::from_secs(start_s),
        stop_within: Duration::from_secs(2),
    }
}

/// The modules of the trainer, in the order in which they are started. Projector and camera may take long: the
/// first picture of a graphics card compiles its programs, a camera is waited for by its own thread.
pub const MODULES: [ModuleSpec; 5] = [
    ModuleSpec {
        required: true,
        ..module("config", &[], &[], 1)
    },
    module("core", &["config"], &[], 5),
    module("vision", &["config"], &["core"], 5),
    module("projector", &["config"], &["core", "vision"], 20),
    module("api", &["config"], &[], 5),
];

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

/// Why modules can't be put in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It depends on something that isn't there.
    #[error("module `{module}` depends on `{missing}`, and there is no such module")]
    Missing {
        /// Which.
        module: &'static str,
        /// On what.
        missing: &'static str,
    },
    /// They wait for each other.
    #[error("modules wait for each other and none could start: {}", .0.join(" → "))]
    Cycle(Vec<&'static str>),
    /// Two have the same id.
    #[error("there are two modules `{0}`")]
    Double(&'static str),
}

/// Indices of `specs` so that each comes after what it needs and uses; as given where that leaves a choice.
///
/// # Errors
/// [`OrderError`] with the names of those that can't be ordered.
pub fn start_order(specs: &[ModuleSpec]) -> Result<Vec<usize>, OrderError> {
    let place = |id: &str| specs.iter().position(|s| s.id == id);
    let double = specs.iter().enumerate().find(|(i, s)| place(s.id) != Some(*i));
    if let Some((_, spec)) = double {
        return Err(OrderError::Double(spec.id));
    }
    for spec in specs {
        if let Some(missing) = before(spec).find(|id| place(id).is_none()) {
            return Err(OrderError::Missing {
                module: spec.id,
                missing,
            });
        }
    }
    let mut order: Vec<usize> = Vec::with_capacity(specs.len());
    let is_done = |order: &[usize], id: &str| order.iter().any(|i| specs.get(*i).is_some_and(|s| s.id == id));
    while order.len() < specs.len() {
        let mut open = specs.iter().enumerate().filter(|(i, _)| !order.contains(i));
        let next = open.find(|(_, s)| before(s).all(|id| is_done(&order, id)));
        match next {
            Some((i, _)) => order.push(i),
            None => return Err(OrderError::Cycle(cycle(specs, &order))),
        }
    }
    Ok(order)
}

fn before(spec: &ModuleSpec) -> impl Iterator<Item = &'static str> {
    spec.needs.iter().chain(spec.uses).copied()
}

/// The names on one round of modules that wait for each other, first and last the same.
fn cycle(specs: &[ModuleSpec], done: &[usize]) -> Vec<&'static str> {
    let open = |id: &str| {
        let mut left = specs.iter().enumerate().filter(|(i, _)| !done.contains(i));
        left.find(|(_, s)| s.id == id).map(|(_, s)| s)
    };
    let mut at = specs
        .iter()
        .enumerate()
        .find(|(i, _)| !done.contains(i))
        .map(|(_, s)| s);
    let mut walked: Vec<&'static str> = Vec::new();
    while let Some(spec) = at {
        if let Some(start) = walked.iter().position(|id| *id == spec.id) {
            let mut round = walked.split_off(start);
            round.push(spec.id);
            return round;
        }
        walked.push(spec.id);
        // Whoever is left waits for another that is left.
        at = before(spec).find_map(open);
    }
    walked
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Modules that do what they are told at once, except those that hang.
    struct House {
        lives: Vec<Life>,
        now: Instant,
        hanging: Vec<&'static str>,
    }

    impl House {
        fn of(specs: &[ModuleSpec]) -> Self {
            let now = Instant::now();
            let order = start_order(specs).unwrap();
            Self {
                lives: order.iter().map(|i| Life::new(specs[*i], true, now)).collect(),
                now,
                hanging: Vec::new(),
            }
        }

        fn wish(&mut self, id: &str, w: Wish) -> Result<(), Refused> {
            wish(&mut self.lives.iter_mut().collect::<Vec<_>>(), id, w)
        }

        fn stop_all(&mut self) {
            stop_all(&mut self.lives.iter_mut().collect::<Vec<_>>());
        }

        fn life(&mut self, id: &str) -> &mut Life {
            self.lives.iter_mut().find(|l| l.spec.id == id).unwrap()
        }

        /// Turns until nothing changes; events as `module:state`.
        fn settle(&mut self) -> Vec<String> {
            let mut all = Vec::new();
            for _ in 0..1000 {
                self.now += Duration::from_millis(100);
                let events = advance(&mut self.lives.iter_mut().collect::<Vec<_>>(), self.now);
                all.extend(events.iter().map(|e| format!("{}:{}", e.module, e.to.name())));
                for life in &mut self.lives {
                    if self.hanging.contains(&life.spec.id) || matches!(life.report, Report::Broken(_)) {
                        continue;
                    }
                    life.report = if life.duty().up { Report::Up } else { Report::Down };
                }
            }
            all
        }
    }

    #[test]
    fn the_trainer_starts_in_order_and_stops_in_exact_reverse() {
        let mut house = House::of(&MODULES);
        let up: Vec<_> = house
            .settle()
            .into_iter()
            .filter(|e| e.ends_with(":running"))
            .collect();
        assert_eq!(
            up,
            [
                "config:running",
                "core:running",
                "vision:running",
                "projector:running",
                "api:running"
            ]
        );
        house.stop_all();
        let down: Vec<_> = house
            .settle()
            .into_iter()
            .filter(|e| e.ends_with(":offline"))
            .collect();
        assert_eq!(
            down,
            [
                "api:offline",
                "projector:offline",
                "vision:offline",
                "core:offline",
                "config:offline"
            ]
        );
        assert!(all_stopped(&house.lives.iter_mut().collect::<Vec<_>>()));
    }

    #[test]
    fn a_restart_touches_nobody_else_and_one_with_users_those_that_use_it() {
        let mut house = House::of(&MODULES);
        house.settle();
        house.wish("vision", Wish::Restart).unwrap();
        assert_eq!(
            house.settle(),
            [
                "vision:stopping",
                "vision:offline",
                "vision:starting",
                "vision:running"
            ]
        );
        house.wish("core", Wish::RestartWithUsers).unwrap();
        let events = house.settle();
        let place = |e: &str| events.iter().position(|x| x == e).unwrap();
        assert!(place("projector:offline") < place("vision:offline"));
        assert!(place("vision:offline") < place("core:offline"));
        assert!(place("core:running") < place("vision:running"));
        assert!(place("vision:running") < place("projector:running"));
        assert!(
            !events
                .iter()
                .any(|e| e.starts_with("api") || e.starts_with("config"))
        );
        assert_eq!(
            (house.life("vision").restarts, house.life("api").restarts),
            (2, 0)
        );
    }

    #[test]
    fn what_does_not_come_up_fails_and_what_does_not_go_down_is_left_behind() {
        let mut house = House::of(&MODULES);
        house.hanging = vec!["vision"];
        let events = house.settle();
        assert!(events.contains(&"vision:failed".to_owned()));
        assert!(events.contains(&"api:running".to_owned()), "the others go on");
        let words = house.life("vision").reason.clone().unwrap();
        assert!(words.contains("not up 5 s"), "{words}");
        house.hanging.clear();
        house.wish("vision", Wish::Start).unwrap();
        assert!(house.settle().contains(&"vision:running".to_owned()));
        house.hanging = vec!["projector"];
        house.stop_all();
        assert!(
            house.settle().contains(&"core:offline".to_owned()),
            "nobody waits for ever"
        );
    }

    #[test]
    fn a_module_is_switched_off_and_on_while_the_others_run() {
        let mut house = House::of(&MODULES);
        house.settle();
        house.wish("api", Wish::Disable).unwrap();
        assert_eq!(house.settle(), ["api:stopping", "api:offline", "api:disabled"]);
        assert_eq!(house.wish("api", Wish::Restart), Err(Refused::SwitchedOff("api")));
        house.wish("api", Wish::Enable).unwrap();
        assert_eq!(house.settle(), ["api:offline", "api:starting", "api:running"]);
        assert_eq!(
            house.wish("config", Wish::Stop),
            Err(Refused::Essential("config"))
        );
        assert!(matches!(
            house.wish("coffee", Wish::Stop),
            Err(Refused::Unknown(_))
        ));
    }

    #[test]
    fn a_restart_of_what_was_stopped_starts_it() {
        let mut house = House::of(&MODULES);
        house.settle();
        house.wish("core", Wish::Stop).unwrap();
        assert_eq!(house.settle(), ["core:stopping", "core:offline"]);
        house.wish("core", Wish::Restart).unwrap();
        assert_eq!(house.settle(), ["core:starting", "core:running"]);
    }

    #[test]
    fn a_broken_module_waits_until_somebody_starts_it_again() {
        let mut house = House::of(&MODULES);
        house.settle();
        house.life("core").report = Report::Broken("test".to_owned());
        assert_eq!(house.settle(), ["core:failed"]);
        house.wish("core", Wish::Restart).unwrap();
        assert_eq!(house.settle(), ["core:offline", "core:starting", "core:running"]);
    }

    #[test]
    fn modules_that_wait_for_each_other_or_for_nobody_are_named() {
        let a = module("a", &["b"], &[], 1);
        let (b, c) = (module("b", &[], &["c"], 1), module("c", &["a"], &[], 1));
        let error = start_order(&[a, b, c]).unwrap_err();
        assert_eq!(error, OrderError::Cycle(vec!["a", "b", "c", "a"]));
        let error = start_order(&[a]).unwrap_err().to_string();
        assert!(error.contains("`a`") && error.contains("`b`"), "{error}");
        assert_eq!(start_order(&[b, b]), Err(OrderError::Double("b")));
    }

    /// 10,000 houses in which nobody waits in a circle: each starts after what it needs, one alone is stopped and
    /// started with those that need it, and all stop in exact reverse.
    #[test]
    fn any_house_starts_after_its_needs_and_stops_in_reverse() {
        const IDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..10_000 {
            let n = random.usize(1..=IDS.len());
            let mut specs: Vec<ModuleSpec> = (0..n)
                .map(|i| {
                    let pick = |random: &mut fastrand::Rng| -> &'static [&'static str] {
                        let chosen: Vec<_> =
                            IDS[..i].iter().copied().filter(|_| random.u8(..) < 64).collect();
                        Box::leak(chosen.into_boxed_slice())
                    };
                    let needs = pick(&mut random);
                    module(IDS[i], needs, pick(&mut random), 1)
                })
                .collect();
            random.shuffle(&mut specs);
            let order = start_order(&specs).unwrap();
            for (at, i) in order.iter().enumerate() {
                let earlier = |id: &str| order[..at].iter().any(|j| specs[*j].id == id);
                assert!(before(&specs[*i]).all(earlier));
            }
            let mut house = House::of(&specs);
            let told = |house: &mut House, state: &str| -> Vec<String> {
                let mut events = Vec::new();
                for _ in 0..3 * n + 3 {
                    house.now += Duration::from_millis(10);
                    let new = advance(&mut house.lives.iter_mut().collect::<Vec<_>>(), house.now);
                    events.extend(
                        new.iter()
                            .filter(|e| e.to.name() == state)
                            .map(|e| e.module.to_owned()),
                    );
                    for life in &mut house.lives {
                        life.report = if life.duty().up { Report::Up } else { Report::Down };
                    }
                }
                events
            };
            let up = told(&mut house, "starting");
            // One alone: those that need it go before it, and come back after it.
            let one = IDS[random.usize(..n)];
            house.wish(one, Wish::Stop).unwrap();
            let gone = told(&mut house, "offline");
            assert!(
                house
                    .lives
                    .iter()
                    .all(|l| l.is_active() != gone.iter().any(|g| g == l.spec.id))
            );
            assert_eq!(gone.last().map(String::as_str), Some(one));
            house.wish(one, Wish::Start).unwrap();
            let mut back = told(&mut house, "starting");
            back.sort_unstable();
            let mut gone = gone;
            gone.sort_unstable();
            assert_eq!(back, gone);
            house.stop_all();
            let mut down = told(&mut house, "stopping");
            down.reverse();
            assert_eq!((up.len(), &up), (n, &down));
        }
    }
}
