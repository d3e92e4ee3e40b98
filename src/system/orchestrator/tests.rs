use super::modules::{before, module};
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
                    let chosen: Vec<_> = IDS[..i].iter().copied().filter(|_| random.u8(..) < 64).collect();
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
