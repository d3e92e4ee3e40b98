//! How it listens, bears what comes, and stops.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{self, get, open};
use super::world::{World, snapshot};
use crate::api::{ApiError, ApiServer, Options};
use crate::ops::installation::Installation;

#[test]
fn a_port_in_use_is_one_clear_line() {
    let world = World::usual();
    let port = world.server.local_addr().port();
    let options = Options {
        port,
        ..Options::default()
    };
    let error = ApiServer::start(options, world.shared.clone()).unwrap_err();
    assert!(matches!(error, ApiError::InUse { .. }));
    let line = error.to_string();
    assert!(
        line.contains(&port.to_string()) && line.contains("127.0.0.1") && !line.contains('\n'),
        "{line}"
    );
    let options = Options {
        host: "203.0.113.7".to_owned(),
        port: 0,
        ..Options::default()
    };
    let error = ApiServer::start(options, world.shared.clone()).unwrap_err();
    assert!(matches!(error, ApiError::Bind { .. }), "{error}");
}

#[test]
fn what_became_of_backups_is_told_as_it_was_written() {
    let folder = std::env::temp_dir().join(format!("billiards-api-backups-{}", std::process::id()));
    let place = Installation::at(&folder);
    std::fs::create_dir_all(place.backups()).unwrap();
    let text = "(backup: (last: Some((at_unix_s: 1700000000, good: false, says: \"no room\")), last_good_unix_s: Some(1600000000)))";
    std::fs::write(place.backups().join("status.ron"), text).unwrap();
    let world = World::new(Some(snapshot(1)), |o| o.installation = Some(place));
    let told = get(world.server.local_addr(), "/api/v1/backups").json();
    assert_eq!(
        (
            &told["backup"]["last"]["says"],
            &told["backup"]["last_good_unix_s"],
            &told["drill"]["last"]
        ),
        (&json!("no room"), &json!(1_600_000_000), &json!(null))
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn garbage_and_silence_are_closed_and_hurt_nobody() {
    let world = World::new(Some(snapshot(1)), |o| {
        o.request_timeout = Duration::from_millis(200)
    });
    let at = world.server.local_addr();
    let mut garbage = open(at);
    garbage
        .write_all(&[0xff, 0x00, 0x17, b'\n', 0x80, b'\r', b'\n', b'\r', b'\n'])
        .unwrap();
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"));

    // Silence, half a head, and a body that does not come.
    let started = Instant::now();
    let mut silent = open(at);
    let mut half = open(at);
    half.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    let mut bodyless = open(at);
    write!(
        bodyless,
        "POST /api/v1/predict HTTP/1.1\r\nHost: {at}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{"
    )
    .unwrap();
    client::read(&mut bodyless).problem(408, "request_timeout");
    assert_eq!(get(at, "/livez").status, 200);
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(get(at, "/livez").status, 200);
}

#[test]
fn more_connections_than_allowed_are_turned_away_with_a_word() {
    let world = World::new(Some(snapshot(1)), |o| o.max_connections = 2);
    let at = world.server.local_addr();
    let first = open(at);
    let second = open(at);
    std::thread::sleep(Duration::from_millis(100));
    let mut third = open(at);
    client::read(&mut third).problem(503, "too_many_connections");
    assert_eq!(
        (
            world.shared.stats.connections(),
            world.shared.stats.connections_refused()
        ),
        (2, 1)
    );
    drop((first, second));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(get(at, "/livez").status, 200);
}

#[test]
fn it_stops_in_good_order_and_in_time() {
    let world = World::usual();
    let at = world.server.local_addr();
    let mut live = client::Socket::connect(at, "").ok().unwrap();
    live.say(r#"{"type":"subscribe","topics":["state"]}"#);
    live.expect("state");
    let _idle = open(at);
    let mut watching = open(at);
    write!(
        watching,
        "GET /api/v1/stream.mjpeg HTTP/1.1\r\nHost: {at}\r\n\r\n"
    )
    .unwrap();
    let started = Instant::now();
    assert!(world.server.stop(Duration::from_secs(5)));
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    let closed = std::iter::from_fn(|| live.frame()).find(|(opcode, _)| *opcode == 8);
    assert_eq!(closed.map(|(_, p)| u16::from_be_bytes([p[0], p[1]])), Some(1001));
    assert!(std::net::TcpStream::connect(at).is_err());
}
