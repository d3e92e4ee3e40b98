//! Problems that nothing else provokes.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::client::{get, open, post, read};
use super::world::{World, snapshot};
use crate::calibration::session::Progress;
use crate::calibration::status::CalibrationStatus;

/// A handler that takes too long.
pub(super) async fn sleep() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "late"
}

/// A refusal of the framework's own.
pub(super) async fn refuse() -> axum::http::StatusCode {
    axum::http::StatusCode::IM_A_TEAPOT
}

#[test]
fn what_can_not_be_done_now_is_refused_with_the_reason() {
    let world = World::usual();
    let at = world.server.local_addr();
    post(at, "/api/v1/modules/config/stop", "").problem(409, "module_refused");
    post(at, "/api/v1/command", r#"{"cue":{"aim":0.0}}"#).problem(409, "no_cue");
    let mut next = snapshot(2);
    next.shot = None;
    next.calibration = Arc::new(CalibrationStatus {
        running: Some(Progress {
            share: 0.5,
            words: "looking at dots",
        }),
        ..CalibrationStatus::default()
    });
    world.put(next);
    post(at, "/api/v1/command", "\"rehearse\"").problem(409, "no_shot");
    post(at, "/api/v1/calibration", "{}").problem(409, "calibration_running");
    post(at, "/api/v1/calibration/rollback", "").problem(409, "calibration_running");
    assert!(world.commands.is_empty());
}

#[test]
fn a_program_that_stops_takes_no_more_wishes() {
    let World { server, commands, .. } = World::usual();
    drop(commands);
    post(server.local_addr(), "/api/v1/command", r#"{"pause":true}"#).problem(503, "stopping");
}

#[test]
fn an_answer_that_takes_too_long_and_one_of_the_frameworks_own_are_problems() {
    let world = World::new(Some(snapshot(1)), |options| {
        options.request_timeout = Duration::from_millis(100);
    });
    let at = world.server.local_addr();
    get(at, "/api/v1/test/sleep").problem(503, "timeout");
    get(at, "/api/v1/test/refuse").problem(400, "bad_request");
}

#[test]
fn a_body_that_breaks_off_is_told() {
    let world = World::usual();
    let at = world.server.local_addr();
    let mut stream = open(at);
    write!(
        stream,
        "POST /api/v1/predict HTTP/1.1\r\nHost: {at}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{"
    )
    .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    read(&mut stream).problem(400, "body_incomplete");
}
