//! Long work, long lists, and what nobody may undo by mistake.

use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{ask, get, post};
use super::world::{World, snapshot};
use crate::calibration::profile::tests::profile;
use crate::calibration::session::Progress;
use crate::calibration::status::{Answered, CalibrationStatus, How};
use crate::system::command::OperatorCommand;
use crate::system::journal::{EventKind, SystemEvent};
use crate::system::snapshot::LogLine;

impl World {
    fn calibration(&self, sequence: u64, status: CalibrationStatus) {
        let mut next = snapshot(sequence);
        next.calibration = Arc::new(status);
        self.put(next);
    }
}

#[test]
fn long_work_is_a_job_that_can_be_followed_to_its_end() {
    let world = World::usual();
    let at = world.server.local_addr();
    assert_eq!(get(at, "/api/v1/jobs").json()["jobs"], json!([]));
    let key = "idempotency-key: twice\r\n";
    let answer = ask(
        at,
        "POST",
        "/api/v1/calibration",
        key,
        r#"{"camera_height_m":2.5}"#,
    );
    assert_eq!(answer.status, 202);
    let place = answer.header("location").unwrap().to_owned();
    let told = answer.json()["job"].clone();
    let id = told["id"].as_u64().unwrap();
    assert_eq!(place, format!("/api/v1/jobs/{id}"));
    let camera_height_m = Some(2.5);
    let job = Some(id);
    let wish = OperatorCommand::Calibrate { camera_height_m, job };
    assert_eq!(world.commands.try_recv(), Ok(wish));
    assert_eq!(get(at, &place).json()["state"], "queued");

    // Sent again, it is the same job.
    let again = ask(
        at,
        "POST",
        "/api/v1/calibration",
        key,
        r#"{"camera_height_m":2.5}"#,
    );
    assert_eq!(again.header("location"), Some(place.as_str()));
    assert!(world.commands.is_empty());

    let progress = Progress {
        share: 0.5,
        words: "looking at dots",
    };
    let running = CalibrationStatus {
        running: Some(progress),
        job,
        ..CalibrationStatus::default()
    };
    world.calibration(2, running);
    let view = get(at, &place).json();
    assert_eq!(
        (&view["state"], &view["share"], &view["words"]),
        (&json!("running"), &json!(0.5), &json!("looking at dots"))
    );

    let mut ended = CalibrationStatus::default();
    ended.answer(Answered {
        job: id,
        how: How::Failed,
        words: "not calibrated: too dark".to_owned(),
        at: "2026-12-01T12:00:00Z".to_owned(),
    });
    world.calibration(3, ended);
    let view = &get(at, "/api/v1/jobs").json()["jobs"][0];
    assert_eq!(
        (&view["state"], &view["words"], &view["ended_at"]),
        (
            &json!("failed"),
            &json!("not calibrated: too dark"),
            &json!("2026-12-01T12:00:00Z")
        )
    );
    ask(at, "DELETE", &place, "", "").problem(409, "job_ended");
    ask(at, "DELETE", "/api/v1/jobs/7", "", "").problem(404, "not_found");
    get(at, "/api/v1/jobs/coffee").problem(404, "not_found");
}

#[test]
fn a_job_can_be_ended_and_one_that_was_not_taken_is_none() {
    let world = World::usual();
    let at = world.server.local_addr();
    let answer = post(at, "/api/v1/command", r#"{"calibrate":{}}"#);
    let place = answer.header("location").unwrap().to_owned();
    assert_eq!(ask(at, "DELETE", &place, "", "").status, 202);
    assert!(matches!(
        world.commands.try_recv(),
        Ok(OperatorCommand::Calibrate { job: Some(_), .. })
    ));
    assert_eq!(world.commands.try_recv(), Ok(OperatorCommand::CancelCalibration));

    // The queue is full: there is no job of which nothing would ever come.
    for _ in 0..2 {
        post(at, "/api/v1/command", r#"{"pause":true}"#);
    }
    post(at, "/api/v1/calibration", "{}").problem(503, "busy");
    assert_eq!(
        get(at, "/api/v1/jobs").json()["jobs"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_calibration_that_somebody_else_has_changed_is_not_gone_back_from() {
    let world = World::usual();
    let at = world.server.local_addr();
    let made = |made| CalibrationStatus {
        profile: Some(Arc::new(profile(made))),
        ..CalibrationStatus::default()
    };
    world.calibration(2, made("2026-12-01T10:00:00Z"));
    let tag = get(at, "/api/v1/calibration").header("etag").unwrap().to_owned();
    let with_tag = format!("if-match: {tag}\r\n");
    let back = "/api/v1/calibration/rollback";
    assert_eq!(ask(at, "POST", back, &with_tag, "").status, 202);

    world.calibration(3, made("2026-11-01T10:00:00Z"));
    ask(at, "POST", back, &with_tag, "").problem(412, "precondition_failed");
    ask(at, "POST", "/api/v1/calibration", &with_tag, "{}").problem(412, "precondition_failed");
    assert_eq!(world.commands.len(), 1);
    // Who names none takes what is there.
    assert_eq!(post(at, back, "").status, 202);
}

#[test]
fn events_and_log_are_read_page_by_page() {
    let world = World::usual();
    let at = world.server.local_addr();
    let mut next = snapshot(2);
    let event = |id: u64| SystemEvent {
        id,
        uptime_s: id as f64,
        time: "2026-12-01T10:00:00Z".to_owned(),
        kind: EventKind::ModuleChanged,
        module: "vision".to_owned(),
        message: id.to_string(),
    };
    next.events = Arc::new((10..15).map(event).collect());
    let line = |id: u64| LogLine {
        id,
        time: "2026-12-01T10:00:00Z".to_owned(),
        level: if id.is_multiple_of(2) { "INFO" } else { "WARN" },
        target: "vision".to_owned(),
        message: id.to_string(),
    };
    next.log = Arc::new((20..26).map(line).collect());
    world.put(next);
    let numbers = |path: &str, list: &str| -> (Vec<u64>, Option<u64>) {
        let page = get(at, path).json();
        let ids = page[list].as_array().unwrap().iter();
        (
            ids.filter_map(|entry| entry["id"].as_u64()).collect(),
            page["next"].as_u64(),
        )
    };
    assert_eq!(
        numbers("/api/v1/events?limit=2", "events"),
        (vec![13, 14], Some(13))
    );
    assert_eq!(
        numbers("/api/v1/events?limit=3&before=13", "events"),
        (vec![10, 11, 12], None)
    );
    assert_eq!(numbers("/api/v1/events", "events").0.len(), 5);
    let errors: &Value = &get(at, "/api/v1/events?limit=0").problem(422, "validation")["errors"];
    assert_eq!(errors[0]["field"], "limit");
    assert_eq!(
        numbers("/api/v1/log?limit=2&level=warn", "lines"),
        (vec![23, 25], Some(23))
    );
    assert_eq!(
        numbers("/api/v1/log?before=23&level=warn", "lines"),
        (vec![21], None)
    );
}

#[test]
fn the_projector_is_told_of() {
    let world = World::usual();
    let at = world.server.local_addr();
    let mut next = snapshot(2);
    next.calibration = Arc::new(CalibrationStatus {
        profile: Some(Arc::new(profile("2026-12-01T10:00:00Z"))),
        ..CalibrationStatus::default()
    });
    let shapes = next.shapes.len();
    world.put(next);
    let view = get(at, "/api/v1/projector").json();
    assert_eq!(view["module"]["id"], "projector");
    assert_eq!(
        (&view["calibrated"], &view["moved_mm"], &view["shapes"]),
        (&json!(true), &json!([0.0, 0.0]), &json!(shapes))
    );
}
