//! Flapping inputs and storms.

use super::*;
use crate::system::status::Severity;

#[test]
fn an_input_that_flaps_once_a_second_changes_at_most_once_in_ten_seconds() {
    let mut random = fastrand::Rng::with_seed(7);
    for rule in default_rules() {
        let limits = [rule.warning, rule.critical];
        for case in 0..60 {
            let limit = limits[case % 2].unwrap();
            // From a tremble about the limit to a swing across everything, up and down unevenly.
            let swing = limit * [0.001, 0.05, 0.5, 0.99][case / 2 % 4];
            let period = random.usize(2..=4);
            let high = random.usize(1..period);
            let mut bench = Bench::new(vec![rule.clone()]);
            let mut changes = Vec::new();
            for second in 0..1200 {
                let up = if second % period < high { 1.0 } else { -1.0 };
                let value = limit + up * swing * random.f64();
                let before = bench.board.history().count();
                bench.second(&[], &|_| Some(value));
                if bench.board.history().count() > before {
                    changes.push(second);
                }
            }
            for pair in changes.windows(2) {
                assert!(pair[1] - pair[0] >= 10, "{}: changes at {changes:?} s", rule.name);
            }
        }
    }
    let lost = [Condition::new(
        "vision",
        "source",
        Severity::Critical,
        "camera lost",
    )];
    let mut bench = Bench::new(Vec::new());
    bench.seconds(5, &lost, &nothing);
    for _ in 0..300 {
        bench.second(&[], &nothing);
        bench.second(&lost, &nothing);
    }
    assert_eq!(bench.changes().len(), 1);
}

#[test]
fn a_tremble_within_the_hysteresis_changes_nothing_at_all() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rule = Rule {
            name: "r".to_owned(),
            metric: "m".to_owned(),
            critical: Some(100.0),
            clear: Some(90.0),
            for_s: 0.0,
            keep_firing_for_s: 0.0,
            ..Rule::default()
        };
        let mut bench = Bench::new(vec![rule]);
        for _ in 0..500 {
            let value = random.f64().mul_add(19.0, 90.5);
            bench.second(&[], &|_| Some(value));
        }
        assert_eq!(bench.changes().len(), 1);
    }
}

#[test]
fn ten_thousand_changes_leave_a_short_list_and_ten_notifications_a_minute() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut bench = Bench::new(default_rules());
    let (mut told, mut transitions) = (Vec::new(), 0);
    // Conditions that come and go, of far more kinds than there are places, and one that matters.
    for second in 0..600 {
        let mut storm: Vec<Condition> = (0..200)
            .map(|_| {
                let mut condition = Condition::new(
                    "core",
                    &format!("event_{}", random.u32(0..400)),
                    if random.u32(0..20) == 0 {
                        Severity::Critical
                    } else {
                        Severity::Warning
                    },
                    "something",
                );
                condition.hold = Duration::ZERO;
                condition.keep = Duration::ZERO;
                condition
            })
            .collect();
        if second >= 300 {
            storm.push(Condition::new(
                "vision",
                "source",
                Severity::Critical,
                "camera lost",
            ));
        }
        let before = bench.board.version();
        let at = bench.now_ms;
        told.extend(bench.second(&storm, &nothing).into_iter().map(|n| (at, n)));
        transitions += bench.board.version() - before;
        assert!(bench.board.open().len() <= 64);
        assert!(bench.board.history().count() <= 500);
        assert!(bench.board.left_out() > 0, "what has no place is counted");
    }
    assert!(transitions > 10_000, "{transitions}");
    for (at, _) in &told {
        let minute = told
            .iter()
            .filter(|(t, _)| (*at..at + 60_000).contains(t))
            .count();
        assert!(minute <= 10, "{minute} in a minute");
    }
    let summaries: Vec<&Notification> = told
        .iter()
        .map(|(_, n)| n)
        .filter(|n| n.kind == NotificationKind::Summary)
        .collect();
    assert!((9..=11).contains(&summaries.len()), "{}", summaries.len());
    assert!(summaries[1].text.contains("faster than they can be told"));
    assert!(bench.board.open().iter().any(|a| a.key == "vision.source"));
    assert!(serde_json::to_string(&bench.board.memory()).unwrap().len() < 200_000);
    // The storm is over: what was not told is summed up, and then all is quiet.
    let after = bench.seconds(300, &[], &nothing);
    assert!(after.len() <= 20);
    assert!(bench.board.open().is_empty());
    assert!(bench.seconds(300, &[], &nothing).is_empty());
}
