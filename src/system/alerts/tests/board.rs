//! Story by story: what an operator gets to see.

use super::*;
use crate::system::status::Severity::{Critical, Warning};
use NotificationKind::{Cleared, Raised, Repeated, Worse};

fn lost() -> Condition {
    Condition::new("vision", "source", Critical, "camera lost")
}

fn cpu(share: f64) -> impl Fn(&str) -> Option<f64> {
    move |id| (id == "system_cpu_ratio").then_some(share)
}

fn busy() -> Bench {
    Bench::new(vec![Rule {
        for_s: 10.0,
        keep_firing_for_s: 10.0,
        ..default_rules().remove(0)
    }])
}

#[test]
fn a_condition_is_told_once_and_its_end_is_told_once() {
    let mut bench = Bench::new(Vec::new());
    assert!(bench.seconds(2, &[lost()], &nothing).is_empty());
    let told = bench.seconds(10, &[lost(), lost()], &nothing);
    assert_eq!(kinds(&told), [Raised]);
    assert_eq!(told[0].text, "critical: camera lost");
    assert!(
        bench.second(&[], &nothing).is_empty(),
        "a short gap is not the end"
    );
    assert!(bench.second(&[lost()], &nothing).is_empty());
    let told = bench.seconds(5, &[], &nothing);
    assert_eq!(kinds(&told), [Cleared]);
    assert_eq!(told[0].text, "over after 14 s: camera lost (all is well again)");
    assert!(bench.board.open().is_empty());
    let changes = bench.changes();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0].kind, ChangeKind::Raised);
    assert!(
        matches!(changes[1].kind, ChangeKind::Cleared { because: ClearedBy::Recovery, duration_s: Some(s) } if s == 14.0)
    );
    // A blip is no alert.
    bench.second(&[lost()], &nothing);
    assert!(bench.second(&[], &nothing).is_empty());
    assert!(bench.seconds(2, &[lost()], &nothing).is_empty());
}

#[test]
fn a_rule_warns_gets_worse_eases_and_ends_each_at_its_own_limit() {
    let mut bench = busy();
    assert!(bench.seconds(10, &[], &cpu(0.75)).is_empty());
    let told = bench.second(&[], &cpu(0.75));
    assert_eq!(kinds(&told), [Raised]);
    assert_eq!(
        told[0].text,
        "warning: processor 75 % in use (limit 70 %); what to do: close other programs on this computer, or lower \
         `vision.rate_hz`"
    );
    let id = bench.board.open()[0].id;
    let now = bench.now();
    assert!(bench.board.acknowledge(id, "anna\n", &now) && !bench.board.acknowledge(99, "anna", &now));
    assert_eq!(bench.board.open()[0].acknowledged_by.as_deref(), Some("anna"));
    let told = bench.seconds(11, &[], &cpu(0.95));
    assert_eq!(kinds(&told), [Worse]);
    assert!(
        told[0]
            .text
            .starts_with("now critical: processor 95 % in use (limit 90 %)")
    );
    assert!(!bench.board.open()[0].acknowledged, "what was seen was a warning");
    // Between the two limits of a level nothing changes.
    assert!(bench.seconds(60, &[], &cpu(0.85)).is_empty());
    assert_eq!(bench.board.open()[0].severity, Critical);
    assert!(
        bench.seconds(60, &[], &cpu(0.72)).is_empty(),
        "that it eases is not told"
    );
    assert_eq!(bench.board.open()[0].severity, Warning);
    assert_eq!(kinds(&bench.seconds(20, &[], &cpu(0.95))), [Worse], "told again");
    bench.seconds(60, &[], &cpu(0.72));
    let told = bench.seconds(20, &[], &cpu(0.2));
    assert_eq!(kinds(&told), [Cleared]);
    let alert = told[0].alert.as_ref().unwrap();
    assert_eq!((told[0].severity, alert.severity), (Critical, Warning));
    let all: Vec<ChangeKind> = bench.changes().into_iter().map(|c| c.kind).collect();
    assert!(matches!(
        all[..],
        [
            ChangeKind::Raised,
            ChangeKind::Acknowledged { .. },
            ChangeKind::Worse,
            ChangeKind::Eased,
            ChangeKind::Worse,
            ChangeKind::Eased,
            ChangeKind::Cleared { .. }
        ]
    ));
}

#[test]
fn what_is_not_measured_neither_raises_nor_clears_and_is_given_up_after_a_minute() {
    let mut bench = busy();
    bench.seconds(5, &[], &cpu(0.75));
    assert!(bench.seconds(20, &[], &nothing).is_empty(), "not raised unseen");
    assert_eq!(kinds(&bench.second(&[], &cpu(0.75))), [Raised]);
    assert!(bench.seconds(59, &[], &nothing).is_empty(), "not cleared unseen");
    assert_eq!(bench.board.open().len(), 1);
    assert!(bench.second(&[], &cpu(0.75)).is_empty());
    let told = bench.seconds(62, &[], &cpu(f64::NAN));
    assert_eq!(kinds(&told), [Cleared]);
    assert!(told[0].text.ends_with("(not measured any more)"));
    // Pending and not measured for a minute: it begins anew.
    bench.seconds(5, &[], &cpu(0.75));
    bench.seconds(62, &[], &nothing);
    assert!(bench.seconds(10, &[], &cpu(0.75)).is_empty());
    assert_eq!(kinds(&bench.second(&[], &cpu(0.75))), [Raised]);
}

#[test]
fn a_critical_alert_that_nobody_acknowledges_is_told_again() {
    let mut bench = Bench::new(Vec::new());
    let told = bench.seconds(4000, &[lost()], &nothing);
    assert_eq!(kinds(&told), [Raised, Repeated, Repeated]);
    assert!(told[1].text.starts_with("still critical since 2027-"));
    let now = bench.now();
    assert!(bench.board.acknowledge(1, "anna", &now));
    assert!(bench.seconds(4000, &[lost()], &nothing).is_empty());
    let mild = Condition::new("core", "errors", Warning, "2 errors");
    let mut bench = Bench::new(Vec::new());
    assert_eq!(kinds(&bench.seconds(4000, &[mild], &nothing)), [Raised]);
}

#[test]
fn what_follows_from_a_lost_camera_is_not_told() {
    let age = Condition::new("vision", "frame_age", Critical, "9000 ms old");
    let all = [lost(), age.clone()];
    let slow = |id: &str| (id == "vision_rate_hertz").then_some(0.5);
    let mut bench = Bench::new(default_rules());
    let told = bench.seconds(60, &all, &slow);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].text, "critical: camera lost");
    let open = bench.board.open();
    assert_eq!(open.len(), 3, "they are shown all the same");
    assert_eq!(open[0].key, "vision.source");
    assert!(
        open[1..]
            .iter()
            .all(|a| a.muted.as_deref() == Some("follows from vision.source"))
    );
    // The camera is back, the rest needs a while: not told. If it stays, it is.
    let told = bench.seconds(8, std::slice::from_ref(&age), &slow);
    assert_eq!(kinds(&told), [Cleared]);
    let told = bench.seconds(30, &[age], &slow);
    assert_eq!(kinds(&told), [Raised, Raised]);
    assert!(bench.board.open().iter().all(|a| a.muted.is_none()));
    // Switched off by the site, a rule inhibits nothing.
    let quiet = Rule {
        name: "dark".to_owned(),
        inhibits: vec!["vision.source".to_owned()],
        critical: Some(-1.0),
        for_s: 0.0,
        metric: "x".to_owned(),
        ..Rule::default()
    };
    let on = [quiet.clone()].to_vec();
    let off = [Rule {
        enabled: false,
        ..quiet
    }]
    .to_vec();
    let first = |rules| {
        let told = Bench::new(rules).seconds(30, &[lost()], &|_| Some(0.0));
        assert_eq!(kinds(&told), [Raised]);
        told[0].alert.clone().unwrap().key
    };
    assert_eq!(
        (first(on).as_str(), first(off).as_str()),
        ("dark", "vision.source")
    );
}

#[test]
fn a_silence_covers_one_alert_or_a_module_and_runs_out() {
    let mut bench = Bench::new(Vec::new());
    let (hour, now) = (Duration::from_secs(3600), bench.now());
    let source = SilenceTarget::Source("vision".to_owned());
    let id = bench.board.silence(source.clone(), hour, "bert", &now).unwrap();
    assert!(bench.seconds(100, &[lost()], &nothing).is_empty());
    let muted = bench.board.open()[0].muted.clone().unwrap();
    assert!(muted.starts_with("silenced by bert until 2027-"), "{muted}");
    assert!(bench.board.unsilence(id) && !bench.board.unsilence(id));
    assert_eq!(kinds(&bench.second(&[lost()], &nothing)), [Raised]);
    let key = SilenceTarget::Key("vision.source".to_owned());
    let (first, now) = (
        bench.board.silence(key.clone(), hour, "bert", &now).unwrap(),
        bench.now(),
    );
    let second = bench.board.silence(key, hour, "anna", &now).unwrap();
    assert!(second > first);
    assert_eq!(
        bench.board.silences().len(),
        1,
        "the new one replaces the old one"
    );
    assert!(
        bench.seconds(10, &[], &nothing).is_empty(),
        "nor is the end of it told"
    );
    assert!(bench.seconds(3500, &[lost()], &nothing).is_empty());
    assert_eq!(
        kinds(&bench.seconds(200, &[lost()], &nothing)),
        [Raised],
        "it has run out"
    );
    assert!(bench.board.silences().is_empty());
    for wrong in [Duration::ZERO, MAX_SILENCE + Duration::from_secs(1)] {
        let now = bench.now();
        assert!(bench.board.silence(source.clone(), wrong, "bert", &now).is_err());
    }
    let now = bench.now();
    let many = (0..100).filter(|i| {
        let key = SilenceTarget::Key(format!("k{i}"));
        bench.board.silence(key, hour, "bert", &now).is_ok()
    });
    assert_eq!(many.count(), 64);
}

#[test]
fn a_module_that_is_switched_off_is_no_alert_and_clears_at_once() {
    let slow = |id: &str| (id == "vision_rate_hertz").then_some(0.5);
    let mut bench = Bench::new(default_rules());
    bench.off = vec!["vision"];
    assert!(bench.seconds(100, &[lost()], &slow).is_empty());
    bench.off.clear();
    assert_eq!(kinds(&bench.seconds(5, &[lost()], &slow)), [Raised]);
    bench.off = vec!["vision"];
    let told = bench.second(&[], &slow);
    assert_eq!(kinds(&told), [Cleared]);
    assert!(told[0].text.ends_with("(switched off)"));
}

#[test]
fn a_rule_that_is_taken_away_ends_its_alert() {
    let mut bench = busy();
    assert_eq!(kinds(&bench.seconds(20, &[], &cpu(0.8))), [Raised]);
    bench.board.set_rules(Vec::new(), Duration::from_secs(600));
    let told = bench.second(&[], &cpu(0.8));
    assert_eq!(kinds(&told), [Cleared]);
    assert!(told[0].text.ends_with("(its rule was changed)"));
}

/// A board that took up what the other one left, so much later by the wall clock.
fn restarted(bench: &Bench, later_s: i64) -> Bench {
    let text = serde_json::to_string(&bench.board.memory()).unwrap();
    let memory: AlertMemory = serde_json::from_str(&text).unwrap();
    assert_eq!(memory, bench.board.memory());
    let mut next = Bench::new(bench.board.rules().to_vec());
    next.start.clock = bench.now().clock + time::Duration::seconds(later_s);
    let now = next.now();
    next.board = next.board.with_memory(memory, &now);
    next
}

#[test]
fn an_alert_goes_on_after_a_restart_as_it_was() {
    let mut bench = busy();
    let two = [lost(), Condition::new("core", "errors", Warning, "2 errors")];
    assert_eq!(bench.seconds(30, &two, &cpu(0.95)).len(), 3);
    let ids: Vec<(String, u64, String)> = bench
        .board
        .open()
        .into_iter()
        .map(|a| (a.key, a.id, a.since))
        .collect();
    let now = bench.now();
    assert!(bench.board.acknowledge(1, "anna", &now));
    let mut bench = restarted(&restarted(&bench, 5), 5);
    assert!(bench.board.open().is_empty(), "nothing is known yet");
    // The camera is still lost and somebody has seen that; the processor rests between its limits.
    assert!(bench.seconds(20, &[lost()], &cpu(0.85)).is_empty());
    let open = bench.board.open();
    assert_eq!(open.len(), 2);
    for alert in open {
        assert!(
            ids.contains(&(alert.key.clone(), alert.id, alert.since)),
            "{}",
            alert.key
        );
        assert_eq!(alert.acknowledged, alert.key == "vision.source");
    }
    assert_eq!(kinds(&bench.seconds(30, &[lost()], &cpu(0.2))), [Cleared]);
    let told = bench.seconds(900, &[lost()], &cpu(0.2));
    assert_eq!(kinds(&told), [Cleared]);
    assert_eq!(told[0].text, "over: 2 errors (gone after a restart)");
    let fresh = Condition::new("api", "alive", Critical, "hangs");
    bench.seconds(5, &[fresh], &nothing);
    assert!(bench.board.open()[0].id > ids.iter().map(|i| i.1).max().unwrap());
}

#[test]
fn a_jump_of_the_clock_silences_nothing_for_ever() {
    let mut bench = Bench::new(Vec::new());
    let now = bench.now();
    let key = SilenceTarget::Key("vision.source".to_owned());
    bench
        .board
        .silence(key, Duration::from_secs(600), "bert", &now)
        .unwrap();
    bench.seconds(100, &[lost()], &nothing);
    // Five minutes later, at 1970, and ten days later.
    for (later_s, silent_for) in [(300, 200), (-1_700_000_000, 600), (864_000, 0)] {
        let mut next = restarted(&bench, later_s);
        let told = next.seconds(silent_for, &[lost()], &nothing);
        assert!(told.is_empty(), "{later_s}: {told:?}");
        assert_eq!(next.seconds(2, &[lost()], &nothing).len(), 1, "{later_s}");
    }
}

#[test]
fn the_payload_says_all_that_a_receiver_needs() {
    let mut bench = Bench::new(Vec::new());
    let told = bench.seconds(3, &[lost()], &nothing);
    let json: serde_json::Value = serde_json::from_str(&told[0].payload()).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["kind"], "raised");
    assert_eq!(json["text"], "critical: camera lost");
    assert_eq!(json["alert"]["key"], "vision.source");
    assert_eq!(json["alert"]["severity"], "critical");
    assert!(json["time"].as_str().unwrap().starts_with("2027-01-15T08:00:0"));
}
