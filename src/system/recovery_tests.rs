use super::*;
use crate::system::orchestrator::{self, Life, MODULES, Report, Wish, start_order};
use crate::system::status::Lifecycle;

fn failed(module: &'static str) -> View {
    View {
        module,
        trouble: Some(Trouble::Failed("test".to_owned())),
        well: false,
    }
}

fn fine(module: &'static str) -> View {
    View {
        module,
        trouble: None,
        well: true,
    }
}

fn at(start: Instant, s: f64) -> Instant {
    start + Duration::from_secs_f64(s)
}

/// What is done about a module that stays broken, one entry an action, over `length_s`.
fn ladder(
    recovery: &mut Recovery,
    module: &'static str,
    start: Instant,
    length_s: f64,
) -> Vec<(f64, String)> {
    let mut done = Vec::new();
    for tick in 0..(length_s * 10.0) as u32 {
        let s = f64::from(tick) / 10.0;
        for order in recovery.look(&[failed(module)], at(start, s), s) {
            done.push((
                s,
                match order {
                    Order::Do { action, .. } => action.name().to_owned(),
                    Order::GaveUp { .. } => "gave_up".to_owned(),
                },
            ));
        }
    }
    done
}

#[test]
fn a_module_that_stays_broken_is_tried_rung_after_rung_and_then_given_up() {
    let start = Instant::now();
    // What chance adds would hide how the pauses grow.
    let settings = RecoverySettings {
        jitter: 0.0,
        ..RecoverySettings::default()
    };
    let mut recovery = Recovery::new(settings, Vec::new(), start, 0.0, Boot::default());
    let done = ladder(&mut recovery, "vision", start, 120.0);
    let words: Vec<_> = done.iter().map(|d| d.1.as_str()).collect();
    assert_eq!(
        words,
        [
            "restart_module",
            "restart_module",
            "restart_module",
            "restart_with_users",
            "restart_with_users",
            "restart_process",
            "gave_up"
        ]
    );
    assert_eq!(recovery.given_up().collect::<Vec<_>>(), ["vision"]);
    // The first at once, then pauses that double.
    assert!(done[0].0 < 0.2, "{done:?}");
    let pauses: Vec<f64> = done.windows(2).map(|w| w[1].0 - w[0].0).collect();
    // A tenth of a second is as fine as this looks, and a fifth is chance.
    assert!(
        pauses[3] > 2.0 * pauses[1] && pauses[5] > 3.0 * pauses[3],
        "{pauses:?}"
    );
    recovery.forced("vision", Action::RestartModule, at(start, 200.0), 200.0);
    assert_eq!(recovery.given_up().count(), 0, "the operator begins anew");
}

#[test]
fn given_up_stays_given_up_however_long_it_takes() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    let done = ladder(&mut recovery, "core", start, 3600.0);
    let count = |word: &str| done.iter().filter(|d| d.1 == word).count();
    assert_eq!((count("restart_process"), count("gave_up")), (1, 1), "{done:?}");
}

#[test]
fn a_projector_is_waited_for_as_long_as_it_takes() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    let done = ladder(&mut recovery, "projector", start, 3600.0);
    assert!(done.iter().all(|d| d.1 == "restart_module"), "{done:?}");
    assert!((90..140).contains(&done.len()), "twice a minute: {}", done.len());
}

#[test]
fn a_success_counts_only_when_it_has_lasted() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    // Broken, well for 20 s, broken again: the ladder goes on where it was.
    for round in 0..3 {
        let s = 20.0 * f64::from(round);
        assert_eq!(recovery.look(&[failed("api")], at(start, s), s).len(), 1);
        recovery.look(&[fine("api")], at(start, s + 0.5), s + 0.5);
    }
    let outcomes: Vec<_> = recovery.attempts().iter().map(|a| a.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Failed, Outcome::Open]);
    recovery.look(&[fine("api")], at(start, 99.0), 99.0);
    assert_eq!(recovery.attempts()[2].outcome, Outcome::Open);
    recovery.look(&[fine("api")], at(start, 101.0), 101.0);
    let last = recovery.attempts().pop().unwrap();
    assert_eq!((last.outcome, last.took_s), (Outcome::Helped, Some(0.5)));
}

#[test]
fn one_that_works_badly_may_mend_itself_first() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    let bad = View {
        module: "vision",
        trouble: Some(Trouble::Unhealthy("slow".to_owned())),
        well: true,
    };
    assert!(
        recovery
            .look(std::slice::from_ref(&bad), at(start, 0.0), 0.0)
            .is_empty()
    );
    assert!(recovery.look(&[fine("vision")], at(start, 2.0), 2.0).is_empty());
    assert!(
        recovery
            .look(std::slice::from_ref(&bad), at(start, 4.0), 4.0)
            .is_empty()
    );
    assert_eq!(
        recovery
            .look(std::slice::from_ref(&bad), at(start, 7.1), 7.1)
            .len(),
        1
    );
    assert!(
        recovery.look(&[bad], at(start, 8.0), 8.0).is_empty(),
        "it gets time to show that it helps"
    );
}

#[test]
fn two_main_modules_down_at_once_restart_the_program_once() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    let views = [failed("core"), failed("vision"), fine("api")];
    let mut restarts = 0;
    for tick in 0..300 {
        let s = f64::from(tick) / 10.0;
        for order in recovery.look(&views, at(start, s), s) {
            restarts += u32::from(
                matches!(order, Order::Do { action: Action::RestartProcess, ref module, .. } if module == "system"),
            );
        }
    }
    assert_eq!(restarts, 1);
}

/// Three restarts of the program, thirty seconds apart, at 1000 s by the clock and 10 s into start `a` of the machine.
fn three_crashes(start: Instant) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for run in 0..3 {
        let s = 30.0 * f64::from(run);
        let mut recovery = resumed(attempts, start, 1000.0 + s, ("a", 10.0 + s));
        assert!(!recovery.wants_safe_mode(start), "run {run}");
        recovery.crashed("killed by the watchdog", start, 1000.0 + s);
        attempts = recovery.attempts();
    }
    attempts
}

fn resumed(attempts: Vec<Attempt>, now: Instant, unix_s: f64, boot: (&str, f64)) -> Recovery {
    let boot = Boot {
        id: boot.0.to_owned(),
        s: boot.1,
    };
    Recovery::new(RecoverySettings::default(), attempts, now, unix_s, boot)
}

#[test]
fn restarts_of_the_program_are_remembered_and_end_in_safe_mode() {
    let start = Instant::now();
    let attempts = three_crashes(start);
    let safe = |unix_s, boot| resumed(attempts.clone(), start, unix_s, boot).wants_safe_mode(start);
    assert!(safe(1100.0, ("a", 110.0)));
    assert!(!safe(5000.0, ("a", 4010.0)));
    // In one start of the machine nobody's setting of the clock makes the budget new, or uses it up.
    assert!(safe(3.0, ("a", 110.0)) && safe(9e6, ("a", 110.0)));
    assert!(!safe(1100.0, ("a", 4010.0)));
    // In the next the clock is all there is; but what lies in the future was dated wrong.
    assert!(safe(1100.0, ("b", 20.0)));
    assert!(!safe(3.0, ("b", 20.0)));
}

#[test]
fn in_safe_mode_too_restarts_of_the_program_end() {
    let start = Instant::now();
    let mut attempts = three_crashes(start);
    let mut starts = 0;
    for run in 0..20 {
        let s = 100.0 + 60.0 * f64::from(run);
        let now = at(start, s);
        let mut recovery = resumed(attempts, now, 1000.0 + s, ("a", 10.0 + s));
        let mut ended = false;
        for tick in 0..500 {
            let s = s + f64::from(tick) / 10.0;
            for order in recovery.look(&[failed("vision")], at(start, s), 1000.0 + s) {
                ended |= matches!(order, Order::Do { action, .. } if is_of_process(action));
            }
        }
        starts += u32::from(ended);
        attempts = recovery.attempts();
        if !ended {
            break;
        }
    }
    assert!((1..=3).contains(&starts), "{starts}");
}

#[test]
fn safe_mode_asked_for_by_an_operator_comes_with_the_next_start_and_ends_with_the_one_after() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    recovery.forced(SYSTEM, Action::SafeMode, start, 0.0);
    let mut next = resumed(recovery.attempts(), start, 5.0, ("a", 5.0));
    assert!(next.wants_safe_mode(start));
    next.forced(SYSTEM, Action::RestartProcess, start, 9.0);
    assert!(!resumed(next.attempts(), start, 12.0, ("a", 12.0)).wants_safe_mode(start));
}

#[test]
fn what_waits_for_something_outside_does_not_show_that_an_attempt_has_helped() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    recovery.look(&[failed("vision")], start, 0.0);
    let waits = View {
        module: "vision",
        trouble: None,
        well: false,
    };
    for s in 1..300 {
        recovery.look(
            std::slice::from_ref(&waits),
            at(start, f64::from(s)),
            f64::from(s),
        );
    }
    assert_eq!(recovery.attempts()[0].outcome, Outcome::Open);
    recovery.forget("vision");
    assert_eq!(recovery.attempts()[0].outcome, Outcome::Failed);
}

#[test]
fn other_settings_hold_at_once_and_what_was_tried_counts() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    let done = ladder(&mut recovery, "projector", start, 20.0).len();
    assert!(done > 3);
    let once = Policy {
        rungs: vec![rung(Action::RestartModule, 4, 600.0)],
        ..Policy::default()
    };
    recovery.set(RecoverySettings {
        modules: [("projector".to_owned(), once)].into(),
        ..RecoverySettings::default()
    });
    let after = ladder(&mut recovery, "projector", at(start, 20.0), 100.0);
    assert_eq!(after.last().unwrap().1, "gave_up", "{after:?}");
    assert!(done + after.len() - 1 <= 4.max(done));
}

#[test]
fn switched_off_it_does_nothing() {
    let start = Instant::now();
    let mut recovery = resumed(Vec::new(), start, 0.0, ("a", 0.0));
    recovery.enabled = false;
    assert!(ladder(&mut recovery, "core", start, 60.0).is_empty());
}

/// A fault of a made-up module: from when, until when it comes back however often it is started again, and how many
/// restarts mend it before that.
#[derive(Clone, Copy)]
struct Fault {
    from_s: f64,
    until_s: f64,
    restarts: u32,
    hangs: bool,
}

/// Ten minutes of a whole house in which faults happen at random, in made-up time.
struct Night {
    lives: Vec<Life>,
    recovery: Recovery,
    faults: BTreeMap<&'static str, Vec<Fault>>,
    start: Instant,
    down_until_s: f64,
    log: Vec<(f64, String, Action)>,
    safe: bool,
}

impl Night {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let start = Instant::now();
        let faults = ["core", "vision", "projector", "api"].map(|id| {
            let faults = (0..random.usize(0..4)).map(|_| {
                let from_s = random.f64() * 500.0;
                Fault {
                    from_s,
                    until_s: from_s + 40.0 * random.f64() * if random.u8(..) < 40 { 100.0 } else { 1.0 },
                    restarts: random.u32(1..8),
                    hangs: random.bool(),
                }
            });
            (id, faults.collect::<Vec<_>>())
        });
        Self {
            lives: lives_of_new_run(start),
            recovery: resumed(Vec::new(), start, 0.0, ("a", 0.0)),
            faults: faults.into(),
            start,
            down_until_s: 0.0,
            log: Vec::new(),
            safe: false,
        }
    }

    fn turn(&mut self, s: f64) {
        let now = at(self.start, s);
        if s < self.down_until_s {
            return;
        }
        for life in &mut self.lives {
            let up = life.duty().up;
            let fault = self.faults.get_mut(life.spec.id).and_then(|all| {
                all.iter_mut()
                    .find(|f| f.from_s <= s && s < f.until_s && f.restarts > 0)
            });
            life.report = match fault {
                Some(fault) if up => {
                    // Started again since: it may be over.
                    fault.restarts -= u32::from(life.state == Lifecycle::Starting);
                    match (fault.hangs, life.state) {
                        (true, Lifecycle::Starting) => Report::Changing,
                        _ => Report::Broken("made up".to_owned()),
                    }
                }
                _ if up => Report::Up,
                _ => Report::Down,
            };
        }
        let mut lives: Vec<&mut Life> = self.lives.iter_mut().collect();
        orchestrator::advance(&mut lives, now);
        let views: Vec<View> = lives
            .iter()
            .filter(|l| l.is_enabled())
            .map(|l| View {
                module: l.spec.id,
                trouble: (l.state == Lifecycle::Failed)
                    .then(|| Trouble::Failed(l.reason.clone().unwrap_or_default())),
                well: l.state == Lifecycle::Running,
            })
            .collect();
        for order in self.recovery.look(&views, now, s) {
            let Order::Do { module, action, .. } = order else {
                continue;
            };
            self.log.push((s, module.clone(), action));
            match action {
                Action::RestartModule | Action::ResetState => {
                    orchestrator::wish(&mut lives, &module, Wish::Restart).unwrap();
                }
                Action::RestartWithUsers => {
                    orchestrator::wish(&mut lives, &module, Wish::RestartWithUsers).unwrap();
                }
                Action::ClearCaches => {}
                Action::RestartProcess | Action::SafeMode => {
                    self.safe |= action == Action::SafeMode;
                    self.down_until_s = s + 2.0;
                    let earlier = self.recovery.attempts();
                    self.recovery = resumed(earlier, now, s, ("a", s));
                    self.lives = lives_of_new_run(now);
                    break;
                }
            }
        }
    }
}

fn lives_of_new_run(now: Instant) -> Vec<Life> {
    let order = start_order(&MODULES).unwrap();
    order.iter().map(|i| Life::new(MODULES[*i], true, now)).collect()
}

/// 100 nights of ten minutes: no budget is ever exceeded, no module climbs down before it has been well, and in the
/// morning every module runs or is visibly given up.
#[test]
fn after_any_night_all_is_well_or_visibly_given_up() {
    let settings = RecoverySettings::default();
    let mut actions = 0;
    for seed in 0..100 {
        let mut night = Night::new(seed);
        for tick in 0..6000 {
            night.turn(f64::from(tick) / 10.0);
        }
        // The last faults may just have come: what was begun is brought to its end.
        for tick in 6000..9000 {
            night.turn(f64::from(tick) / 10.0);
        }
        actions += night.log.len();
        for (s, module, action) in &night.log {
            let policy = usual_policy(module);
            let Some(rung) = policy.rungs.iter().find(|r| r.action == *action) else {
                continue;
            };
            let within = |l: &&(f64, String, Action)| {
                l.1 == *module && l.2 == *action && l.0 <= *s && s - l.0 <= rung.within_s
            };
            let used = night.log.iter().filter(within).count() as u32;
            let kept_trying = policy.keep_trying;
            assert!(
                used <= rung.attempts || kept_trying,
                "seed {seed}: {module} {action:?} {used} times"
            );
        }
        let process = |l: &&(f64, String, Action)| l.2 == Action::RestartProcess;
        let restarts: Vec<f64> = night.log.iter().filter(process).map(|l| l.0).collect();
        let most = settings.process_restarts as usize;
        assert!(
            restarts
                .windows(most + 1)
                .all(|w| w[most] - w[0] > settings.process_within_s),
            "{restarts:?}"
        );
        let given_up: Vec<_> = night.recovery.given_up().collect();
        for life in &night.lives {
            let id = life.spec.id;
            let still = night.faults.get(id).is_some_and(|all| {
                all.iter()
                    .any(|f| f.until_s > 870.0 && f.restarts > 0 && f.from_s < 900.0)
            });
            let well = life.state == Lifecycle::Running;
            assert!(
                well || given_up.contains(&id) || (still && id == "projector") || (still && id == "api"),
                "seed {seed}: {id} is {:?} ({:?}), given up {given_up:?}: {:?}",
                life.state,
                life.reason,
                night.log
            );
        }
    }
    assert!(actions > 300, "the nights were too quiet: {actions}");
}
