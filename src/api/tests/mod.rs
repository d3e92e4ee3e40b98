//! The server as its clients meet it, over real sockets.

mod access;
mod client;
mod encrypted;
mod hostile;
mod jobs;
mod live;
mod openapi;
mod pictures;
mod problems;
mod serving;
mod settings;
mod what_if;
pub(super) mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{get, post, post_with, raw};
use serde_json::json;
use world::{World, snapshot, status};

use super::ApiServer;
use crate::projector::test_picture::TestPicture;
use crate::system::command::OperatorCommand;
use crate::system::status::Lifecycle;
use crate::trainer::aim::Assistance;

/// Addresses that behave badly.
pub(super) fn add_to<S: Clone + Send + Sync + 'static>(router: axum::Router<S>) -> axum::Router<S> {
    router
        .route("/api/v1/test/panic", axum::routing::get(panic))
        .route("/api/v1/test/sleep", axum::routing::get(problems::sleep))
        .route("/api/v1/test/refuse", axum::routing::get(problems::refuse))
}

async fn panic() -> &'static str {
    panic!("on purpose")
}

const SHOT: &str = r#"{"table":"pool-9ft","balls":[{"id":0,"position":[-0.5,0]},{"id":"three","position":[0.5,0.1]}],
    "cue":{"ball":0,"direction_deg":5.7,"stick_speed_m_s":2.5,"side":0,"height":0.1,"elevation_deg":0}}"#;

#[test]
fn every_reading_address_answers() {
    let world = World::usual();
    let at = world.server.local_addr();
    let health = get(at, "/api/v1/health").json();
    assert_eq!(
        (&health["health"], &health["responding"]),
        (&json!("healthy"), &json!(true))
    );
    let state = get(at, "/api/v1/status").json();
    assert_eq!(state["metrics"]["vision_rate_hz"], 30.0);
    assert!(state["metrics"]["system_cpu"].is_null() && state["api"]["requests"].as_u64() >= Some(1));
    assert_eq!(
        get(at, "/api/v1/version").json()["version"],
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        get(at, "/api/v1/modules").json()["modules"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );
    assert_eq!(get(at, "/api/v1/modules/vision").json()["lifecycle"], "running");
    assert_eq!(get(at, "/api/v1/alerts").json()["alerts"][0]["id"], 7);
    assert_eq!(
        get(at, "/api/v1/log").json()["lines"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(
        get(at, "/api/v1/log?level=error").json()["lines"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    let of_vision = get(at, "/api/v1/modules/vision/logs").json();
    assert_eq!(of_vision["lines"].as_array().map(Vec::len), Some(2));
    let of_core = get(at, "/api/v1/modules/core/logs").json();
    assert_eq!(of_core["lines"], json!([]));
    get(at, "/api/v1/modules/coffee/logs").problem(404, "not_found");
    let bundle = get(at, "/api/v1/diagnostics").json();
    for part in [
        "status",
        "table",
        "calibration",
        "recovery",
        "alerting",
        "forecasts",
        "events",
        "history",
        "log",
    ] {
        assert!(!bundle[part].is_null(), "{part}");
    }
    assert_eq!(bundle["log"].as_array().map(Vec::len), Some(2));

    assert_eq!(
        get(at, "/api/v1/metrics/history").json()["samples"][0]["rate_hz"],
        30.0
    );

    let table = get(at, "/api/v1/table").json();
    assert_eq!(table["spec"]["name"], "pool-9ft");
    assert_eq!(table["balls"][3]["position"], json!([0.62, 0.31]));
    assert_eq!(table["balls"][3]["group"], "solid");
    assert_eq!(table["balls"][3]["number"], 3);
    assert_eq!(table["pocketed"][0]["pocket"], "side_right");
    assert_eq!(table["geometry"]["pockets"].as_array().map(Vec::len), Some(6));
    assert_eq!(table["at_rest"], true);
    // 4 × 7 cells of a corner that is covered.
    assert_eq!(table["hidden"]["strips_m"].as_array().map(Vec::len), Some(7));
    assert_eq!(table["hidden"]["strips_m"][0], json!([1.19, 0.505, 1.27, 0.525]));

    let page = get(at, "/api/v1/shots?limit=2").json();
    let ids = |page: &serde_json::Value| {
        page["shots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((ids(&page), &page["next"]), (vec![json!(3), json!(2)], &json!(2)));
    assert_eq!(
        page["shots"][0]["pocketed"][0],
        json!({ "ball": 4, "group": "solid", "number": 3, "pocket": "foot_left" })
    );
    assert_eq!(
        (&page["shots"][0]["cushions"], &page["shots"][0]["contacts"]),
        (&json!(1), &json!(1))
    );
    let page = get(at, "/api/v1/shots?limit=2&before=2").json();
    assert_eq!((ids(&page), &page["next"]), (vec![json!(1)], &json!(null)));
    let shot = get(at, "/api/v1/shots/2").json();
    assert_eq!(
        (&shot["id"], shot["ways"].as_array().map(Vec::len)),
        (&json!(2), Some(3))
    );
    for id in ["9", "abc", "-1"] {
        get(at, &format!("/api/v1/shots/{id}")).problem(404, "not_found");
    }
    get(at, "/api/v1/shots?limit=0").problem(422, "validation");

    let shot = get(at, "/api/v1/predict").json()["shot"].clone();
    assert_eq!(shot["pocketed"], json!([{ "ball": 4, "pocket": "foot_left" }]));
    assert_eq!(shot["events"][1]["type"], "ball_ball");
    assert_eq!(shot["paths"][0]["points"].as_array().map(Vec::len), Some(4));
    assert_eq!(shot["paths"][3]["number"], 3);

    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = get(at, path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        assert!(answer.body.len() > 100 && answer.header("content-security-policy").is_some());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn metrics_are_prometheus_text_without_missing_values() {
    let world = World::usual();
    let answer = get(world.server.local_addr(), "/metrics");
    assert!(
        answer
            .header("content-type")
            .is_some_and(|t| t.starts_with("text/plain; version=0.0.4"))
    );
    let page = answer.text();
    assert!(page.contains("bt_module_health{module=\"vision\",health=\"healthy\"} 1\n"));
    assert!(page.contains("bt_vision_duration_seconds{quantile=\"0.95\"} 0.0149\n"));
    assert!(page.contains("bt_camera_frame_age_seconds 0.024\n"));
    assert!(!page.contains("bt_system_cpu_ratio") && !page.contains("NaN"));
    let mut typed = std::collections::HashSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(
                typed.insert(rest.split(' ').next().unwrap().to_owned()),
                "twice: {line}"
            );
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(typed.contains(name), "no TYPE before {line}");
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
}

#[test]
fn before_the_first_snapshot_it_lives_but_is_not_ready() {
    let world = World::new(None, |_| {});
    let at = world.server.local_addr();
    assert_eq!(get(at, "/livez").status, 200);
    let ready = get(at, "/readyz").problem(503, "not_ready");
    assert_eq!(ready["ok"], false);
    get(at, "/api/v1/table").problem(503, "starting");
    get(at, "/api/v1/frame.jpg").problem(503, "starting");
    assert_eq!(get(at, "/metrics").status, 200);
    assert_eq!(get(at, "/api/v1/table").header("retry-after"), Some("1"));
}

#[test]
fn a_main_loop_that_hangs_fails_the_probes() {
    let world = World::new(Some(snapshot(1)), |o| o.stale_after = Duration::from_millis(300));
    let at = world.server.local_addr();
    assert_eq!((get(at, "/livez").status, get(at, "/readyz").status), (200, 200));
    std::thread::sleep(Duration::from_millis(600));
    get(at, "/livez").problem(503, "not_ready");
    get(at, "/readyz").problem(503, "not_ready");
    assert_eq!(get(at, "/api/v1/health").json()["responding"], false);
    world.put(snapshot(2));
    assert_eq!(get(at, "/livez").status, 200);
}

#[test]
fn readiness_names_every_reason() {
    let world = World::usual();
    let at = world.server.local_addr();
    let mut next = snapshot(2);
    let mut state = status();
    state.state = "starting";
    state.modules[2].lifecycle = Lifecycle::Failed;
    next.status = Arc::new(state);
    next.frame = None;
    world.put(next);
    let answer = get(at, "/readyz").problem(503, "not_ready");
    assert_eq!(
        answer["reasons"],
        json!([
            "the system is starting",
            "vision is failed",
            "no frame has been seen yet"
        ])
    );
    assert_eq!(get(at, "/livez").status, 200);
    // A pause is as the operator wants it.
    let mut paused = snapshot(3);
    let mut state = status();
    state.paused = true;
    paused.status = Arc::new(state);
    paused.frame = None;
    paused.shot = None;
    world.put(paused);
    assert_eq!(get(at, "/readyz").status, 200);
    let view = get(at, "/api/v1/predict").json();
    assert!(view["shot"].is_null() && view["reason"] == "paused by the operator");
}

#[test]
fn wishes_reach_the_main_loop_and_a_full_queue_is_told() {
    let world = World::usual();
    let at = world.server.local_addr();
    let wishes = [
        (
            "/api/v1/command",
            r#"{"pause":true}"#,
            OperatorCommand::Pause(true),
        ),
        (
            "/api/v1/command",
            r#"{"select_source":"virtual"}"#,
            OperatorCommand::SelectSource("virtual".into()),
        ),
        (
            "/api/v1/command",
            r#"{"set_assistance":"expert"}"#,
            OperatorCommand::SetAssistance(Assistance::Expert),
        ),
        (
            "/api/v1/modules/vision/restart",
            "",
            OperatorCommand::RestartModule("vision".into()),
        ),
        (
            "/api/v1/alerts/7/acknowledge",
            "",
            OperatorCommand::AcknowledgeAlert(7),
        ),
        (
            "/api/v1/calibration/rollback",
            "",
            OperatorCommand::RollBackCalibration,
        ),
        (
            "/api/v1/command",
            r#"{"show_test_picture":"sharpness"}"#,
            OperatorCommand::ShowTestPicture(Some(TestPicture::Sharpness)),
        ),
        (
            "/api/v1/command",
            r#"{"show_test_picture":null}"#,
            OperatorCommand::ShowTestPicture(None),
        ),
        ("/api/v1/shutdown", "", OperatorCommand::Shutdown),
        ("/api/v1/command", "\"shutdown\"", OperatorCommand::Shutdown),
    ];
    for (path, body, wish) in wishes {
        assert_eq!(post(at, path, body).status, 202, "{path} {body}");
        assert_eq!(world.commands.try_recv(), Ok(wish));
    }
    for _ in 0..2 {
        assert_eq!(post(at, "/api/v1/command", r#"{"pause":true}"#).status, 202);
    }
    let started = Instant::now();
    post(at, "/api/v1/command", r#"{"pause":true}"#).problem(503, "busy");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let world = World::usual();
    let at = world.server.local_addr();
    for body in [
        r#"{"pause":3}"#,
        r#"{"dance":true}"#,
        "[]",
        r#"{"set_assistance":"godlike"}"#,
        "null",
    ] {
        post(at, "/api/v1/command", body).problem(422, "validation");
    }
    post(at, "/api/v1/command", r#"{"select_source":" "}"#).problem(422, "validation");
    post(at, "/api/v1/command", r#"{"restart_module":"coffee"}"#).problem(404, "not_found");
    post(at, "/api/v1/command", r#"{"acknowledge_alert":99}"#).problem(404, "not_found");
    post(at, "/api/v1/command", "{pause").problem(400, "malformed_json");
    post(at, "/api/v1/command", "").problem(400, "malformed_json");
    post(at, "/api/v1/modules/coffee/restart", "").problem(404, "not_found");
    post(at, "/api/v1/alerts/99/acknowledge", "").problem(404, "not_found");
    post(at, "/api/v1/alerts/abc/acknowledge", "").problem(404, "not_found");
    for body in [
        r#"{"camera_height_m":-1}"#,
        r#"{"camera_height_m":"high"}"#,
        r#"{"height":2}"#,
    ] {
        post(at, "/api/v1/calibration", body).problem(422, "validation");
    }
    post(at, "/api/v1/command", r#"{"calibrate":{"camera_height_m":99}}"#).problem(422, "validation");
    for body in [
        r#"{"nudge_projector":{"x_mm":21,"y_mm":0}}"#,
        r#"{"nudge_projector":{"x_mm":1}}"#,
        r#"{"show_test_picture":"kittens"}"#,
    ] {
        post(at, "/api/v1/command", body).problem(422, "validation");
    }
    let nudge = r#"{"nudge_projector":{"x_mm":1,"y_mm":-0.5}}"#;
    post(at, "/api/v1/command", nudge).problem(409, "not_calibrated");
    post(at, "/api/v1/command", "\"cancel_calibration\"").problem(409, "no_calibration_running");
    get(at, "/api/v1/modules/%ff").problem(400, "invalid_path");
    assert!(world.commands.is_empty());
}

#[test]
fn errors_of_the_framework_are_problems_too() {
    let world = World::usual();
    let at = world.server.local_addr();
    let missing = get(at, "/api/v1/coffee").problem(404, "not_found");
    assert_eq!(missing["instance"], "/api/v1/coffee");
    let method = post(at, "/api/v1/table", "{}");
    method.problem(405, "method_not_allowed");
    assert_eq!(method.header("allow"), Some("GET,HEAD"));
    get(at, "/api/v1/frame.jpg?width=many").problem(400, "invalid_query");
    get(at, "/api/v1/frame.jpg?widht=100").problem(400, "invalid_query");
    get(at, "/api/v1/frame.jpg?width=9").problem(422, "validation");
    get(at, "/api/v1/stream.mjpeg?fps=NaN").problem(422, "validation");
    get(at, "/api/v1/log?level=loud").problem(422, "validation");
    get(at, "/api/v1/ws").problem(426, "websocket_required");
    let big = format!("\"{}\"", "x".repeat(70_000));
    post(at, "/api/v1/predict", &big).problem(413, "body_too_large");
    let chunked = format!(
        "POST /api/v1/predict HTTP/1.1\r\nHost: {at}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{big}\r\n0\r\n\r\n",
        big.len()
    );
    raw(at, chunked.as_bytes()).problem(413, "body_too_large");
    post_with(at, "/api/v1/predict", SHOT, "content-type: text/plain\r\n")
        .problem(415, "unsupported_media_type");
}

#[test]
fn a_panic_in_a_handler_is_a_500_and_the_server_goes_on() {
    let world = World::usual();
    let at = world.server.local_addr();
    get(at, "/api/v1/test/panic").problem(500, "internal");
    assert_eq!(get(at, "/livez").status, 200);
    assert_eq!(
        (world.shared.stats.panics(), world.shared.stats.server_errors()),
        (1, 1)
    );
    assert!(world.server.is_alive());
    // It beats on, however long the machine took to write the panic down.
    let beats = || {
        let age = world.shared.stats.heartbeat_age();
        age.is_some_and(|age| age < Duration::from_secs(2))
    };
    let started = Instant::now();
    while !beats() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(beats());
}

#[test]
fn the_server_can_be_kept_as_a_resource() {
    fn shared_between_threads<T: Send + Sync + 'static>() {}
    shared_between_threads::<ApiServer>();
    shared_between_threads::<super::Shared>();
}

#[test]
fn pages_of_other_sites_get_nothing_done() {
    let world = World::usual();
    let at = world.server.local_addr();
    let json = "content-type: application/json\r\n";
    let pause = r#"{"pause":true}"#;
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let headers = format!("{json}origin: {origin}\r\n");
        post_with(at, "/api/v1/command", pause, &headers).problem(403, "origin_not_allowed");
    }
    let own = format!("{json}origin: http://{at}\r\n");
    assert_eq!(post_with(at, "/api/v1/command", pause, &own).status, 202);
    let rebound = |path: &str| {
        raw(
            at,
            format!("GET {path} HTTP/1.1\r\nHost: evil.example:8000\r\n\r\n").as_bytes(),
        )
    };
    rebound("/api/v1/table").problem(403, "host_not_allowed");
    rebound("/api/v1/frame.jpg").problem(403, "host_not_allowed");
    assert_eq!(rebound("/livez").status, 200);
    for host in ["localhost:8000", "[::1]:8000", "127.0.0.1"] {
        let request = format!("GET /api/v1/version HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(raw(at, request.as_bytes()).status, 200, "{host}");
    }
    raw(at, b"POST /api/v1/shutdown HTTP/1.0\r\n\r\n").problem(400, "host_missing");
    let refused = client::Socket::connect(at, "Origin: http://evil.example\r\n")
        .err()
        .unwrap();
    refused.problem(403, "origin_not_allowed");

    let named = World::new(Some(snapshot(1)), |o| {
        o.allowed_hosts = vec!["table7.example".into()]
    });
    let request = b"GET /api/v1/version HTTP/1.1\r\nHost: table7.example\r\n\r\n";
    // Known by that name, but whoever asks there comes from elsewhere.
    raw(named.server.local_addr(), request).problem(401, "unauthenticated");
}
