//! The WebSocket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Socket, get};
use super::world::{World, snapshot, status};
use crate::system::snapshot::Snapshot;
use crate::table::{BallKind, PocketId};
use crate::vision::track::TableState;

fn connect(world: &World) -> Socket {
    Socket::connect(world.server.local_addr(), "").ok().unwrap()
}

fn with_table(sequence: u64, change: impl FnOnce(&mut TableState)) -> Snapshot {
    let mut next = snapshot(sequence);
    let mut table = next.table.as_deref().cloned().unwrap();
    change(&mut table);
    next.table = Some(Arc::new(table));
    next
}

#[test]
fn topics_come_when_subscribed_and_when_they_change() {
    let world = World::usual();
    let mut live = connect(&world);
    live.say(r#"{"type":"subscribe","topics":["state","prediction","health","metrics","alert","event"]}"#);
    assert_eq!(live.expect("event")["data"]["event"], "subscribed");
    let state = live.expect("state");
    assert_eq!(state["data"]["balls"].as_array().map(Vec::len), Some(11));
    assert!(state["timestamp"].as_str().is_some_and(|t| t.ends_with('Z')) && state["sequence"].is_u64());
    assert_eq!(
        live.expect("prediction")["data"]["shot"]["pocketed"][0]["pocket"],
        "foot_left"
    );
    assert_eq!(live.expect("alert")["data"]["alerts"][0]["id"], 7);
    assert_eq!(live.expect("health")["data"]["state"], "running");
    assert_eq!(live.expect("metrics")["data"]["vision_rate_hz"], 30.0);

    world.put(with_table(2, |t| {
        t.at_rest = false;
    }));
    assert_eq!(live.expect("event")["data"]["event"], "shot_struck");
    // Two balls fall and all comes to rest within snapshots nobody looked at.
    world.put(with_table(9, |t| {
        t.pocketed.push((BallKind::pool(3), PocketId::FootLeft));
        t.pocketed.push((BallKind::pool(9), PocketId::SideLeft));
    }));
    let events: Vec<_> = (0..3).map(|_| live.expect("event")["data"].clone()).collect();
    assert_eq!(
        (&events[0]["number"], &events[0]["pocket"]),
        (&json!(3), &json!("foot_left"))
    );
    assert_eq!(
        (&events[1]["number"], &events[2]["event"]),
        (&json!(9), &json!("at_rest"))
    );

    let mut paused = snapshot(10);
    let mut state = status();
    state.paused = true;
    paused.status = Arc::new(state);
    paused.shot = None;
    world.put(paused);
    assert_eq!(
        live.expect("prediction")["data"]["reason"],
        "paused by the operator"
    );
    assert_eq!(live.expect("health")["data"]["paused"], true);

    live.say(r#"{"type":"unsubscribe","topics":["state"]}"#);
    assert_eq!(live.expect("event")["data"]["event"], "unsubscribed");
    assert_eq!(world.shared.stats.websockets(), 1);
    drop(live);
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        world.shared.stats.websockets() == 0
    });
    assert!(gone);
}

#[test]
fn odd_messages_are_answered_and_the_connection_stays() {
    let world = World::usual();
    let mut live = connect(&world);
    for (message, code) in [
        ("{nonsense", "malformed_json"),
        (r#"{"type":"dance"}"#, "unknown_message"),
        ("[1,2]", "unknown_message"),
        (r#"{"type":"subscribe"}"#, "invalid_topics"),
        (r#"{"type":"subscribe","topics":[1]}"#, "invalid_topics"),
        (
            r#"{"type":"subscribe","topics":["state","gossip"]}"#,
            "unknown_topic",
        ),
        (
            r#"{"type":"subscribe","topics":["state"],"rate_hz":0}"#,
            "invalid_rate",
        ),
        (
            r#"{"type":"subscribe","topics":["state"],"rate_hz":"fast"}"#,
            "invalid_rate",
        ),
    ] {
        live.say(message);
        assert_eq!(live.expect("error")["data"]["code"], code, "{message}");
    }
    live.send(2, &[1, 2, 3]);
    assert_eq!(live.expect("error")["data"]["code"], "unknown_message");
    live.say(r#"{"type":"ping"}"#);
    assert_eq!(live.expect("event")["data"]["event"], "pong");
}

#[test]
fn floods_and_giants_are_shown_the_door() {
    let world = World::usual();
    let mut live = connect(&world);
    // Shown the door before the sixtieth, it can't send the rest.
    let sent = (0..60).take_while(|_| live.try_send(1, b"{}").is_ok()).count();
    assert!(sent > 10, "{sent}");
    let closed = std::iter::from_fn(|| live.frame()).find(|(opcode, _)| *opcode == 8);
    assert_eq!(closed.map(|(_, p)| u16::from_be_bytes([p[0], p[1]])), Some(1008));
    let mut giant = connect(&world);
    giant.say(&"x".repeat(20_000));
    let started = Instant::now();
    while giant.frame().is_some_and(|(opcode, _)| opcode != 8) {}
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(get(world.server.local_addr(), "/livez").status, 200);
}

#[test]
fn one_client_too_many_is_told() {
    let world = World::new(Some(snapshot(1)), |o| o.max_websockets = 1);
    let _first = connect(&world);
    let refused = Socket::connect(world.server.local_addr(), "").err().unwrap();
    refused.problem(503, "too_many_clients");
}

#[test]
fn a_client_that_reads_nothing_is_let_go_and_holds_up_nobody() {
    let world = World::new(Some(snapshot(1)), |o| o.send_timeout = Duration::from_millis(700));
    let mut quick = connect(&world);
    quick.say(r#"{"type":"subscribe","topics":["state"]}"#);
    quick.expect("state");
    let mut slow = connect(&world);
    slow.say(r#"{"type":"subscribe","topics":["state","prediction","health","metrics"]}"#);
    slow.expect("state");
    // From here on `slow` reads nothing. A long log of pocketed balls makes big messages.
    let base = with_table(2, |t| {
        t.pocketed = (0..4000)
            .map(|_| (BallKind::pool(3), PocketId::FootLeft))
            .collect();
    });
    let started = Instant::now();
    let mut sequence = 2;
    let mut worst = Duration::ZERO;
    let mut last = Instant::now();
    while world.shared.stats.websockets() > 1 && started.elapsed() < Duration::from_secs(30) {
        sequence += 1;
        let mut next = base.clone();
        next.sequence = sequence;
        let mut table = next.table.as_deref().cloned().unwrap();
        table.sequence = sequence;
        next.table = Some(Arc::new(table));
        world.put(next);
        quick.expect("state");
        worst = worst.max(last.elapsed());
        last = Instant::now();
    }
    assert_eq!(
        world.shared.stats.websockets(),
        1,
        "the slow client is still there"
    );
    assert!(
        worst < Duration::from_millis(500),
        "the quick client waited {worst:?}"
    );
}

#[test]
fn a_client_that_lags_is_told_how_many_it_missed() {
    let world = World::new(Some(snapshot(1)), |o| o.send_timeout = Duration::from_secs(20));
    let mut live = connect(&world);
    live.say(r#"{"type":"subscribe","topics":["state"]}"#);
    live.expect("state");
    let base = with_table(2, |t| {
        t.pocketed = (0..4000)
            .map(|_| (BallKind::pool(3), PocketId::FootLeft))
            .collect();
    });
    let started = Instant::now();
    let mut sequence = 2;
    // Long enough to fill the socket's buffers.
    while started.elapsed() < Duration::from_secs(4) {
        sequence += 1;
        let mut next = base.clone();
        next.sequence = sequence;
        let mut table = next.table.as_deref().cloned().unwrap();
        table.sequence = sequence;
        next.table = Some(Arc::new(table));
        world.put(next);
        std::thread::sleep(Duration::from_millis(40));
    }
    let mut before = 0;
    let mut told = 0;
    while told == 0 && before < 10_000 {
        let message = live.expect("state");
        let now = message["sequence"].as_u64().unwrap();
        told = message["dropped"].as_u64().unwrap_or(0);
        if before > 0 {
            assert_eq!(now - before - 1, told);
        }
        before = now;
    }
    assert!(told > 0);
    assert!(world.shared.stats.messages_dropped() >= told);
}

#[test]
fn motion_tells_the_whole_once_and_then_what_differs() {
    let world = World::usual();
    let mut live = connect(&world);
    live.say(r#"{"type":"subscribe","topics":["motion","state"]}"#);
    let state = live.expect("state");
    let motion = live.expect("motion");
    assert_eq!(motion["data"]["base"], state["sequence"]);
    assert_eq!(motion["data"]["balls"], json!([]));
    let mut frame = 1;
    let mut moved_by = |x: f64| {
        frame += 1;
        with_table(frame, |table| {
            table.sequence = frame;
            table.balls[3].position_m.x += x;
        })
    };
    world.put(moved_by(0.1));
    let motion = live.expect("motion");
    assert_eq!(motion["data"]["base"], state["sequence"]);
    let balls = motion["data"]["balls"].as_array().unwrap();
    assert_eq!((balls.len(), &balls[0]["position"]), (1, &json!([0.72, 0.31])));
    // Another ball has gone: told whole again, before what differs from that.
    let mut next = moved_by(0.2);
    let mut table = next.table.as_deref().cloned().unwrap();
    table.balls.pop();
    next.table = Some(Arc::new(table));
    world.put(next);
    let again = live.expect("state");
    assert_eq!(again["data"]["balls"].as_array().map(Vec::len), Some(10));
    let motion = live.expect("motion");
    assert_eq!(motion["data"]["base"], again["sequence"]);
    assert_ne!(again["sequence"], state["sequence"]);
    // Nothing is known any more: told as well.
    let mut gone = snapshot(99);
    gone.table = None;
    world.put(gone);
    assert_eq!(live.expect("state")["data"]["known"], false);
}

#[test]
fn a_client_gets_no_more_than_it_asked_for_and_misses_nothing_by_that() {
    let world = World::usual();
    let mut live = connect(&world);
    live.say(r#"{"type":"subscribe","topics":["state"],"rate_hz":4}"#);
    live.expect("state");
    let begun = Instant::now();
    let mut frame = 1;
    std::thread::scope(|scope| {
        let (world, frame) = (&world, &mut frame);
        scope.spawn(move || {
            while begun.elapsed() < Duration::from_secs(3) {
                *frame += 1;
                world.put(with_table(*frame, |table| table.sequence = *frame));
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let mut told = 0;
        while begun.elapsed() < Duration::from_secs(2) {
            let message = live.expect("state");
            assert!(message.get("dropped").is_none(), "{message}");
            told += 1;
        }
        // Between two there is always a quarter of a second, however slow the machine.
        assert!((2..=10).contains(&told), "{told}");
    });
}
