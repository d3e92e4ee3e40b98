//! Every address the server knows.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use schemars::json_schema;

use super::auth::tokens::Role::{Admin, Operator, Viewer};
use super::context::Context;
use super::endpoint::{Endpoint, schema_of};
use super::handlers::{access, alerts, calibration, command, jobs, pictures, settings, shots, system, table};
use super::{guard, openapi, page, suggest, websocket, what_if};
use crate::system::command::OperatorCommand;
use crate::system::journal;
use crate::table::Group;
use crate::trainer::suggest::Skill;

/// The table of contents.
pub(super) fn router(context: Arc<Context>) -> Router {
    let known = endpoints().into_iter();
    let router = known.fold(Router::new(), |router, endpoint| {
        endpoint.add_to(router, &context)
    });
    #[cfg(test)]
    let router = super::tests::add_to(router);
    router
        .merge(page::router())
        .layer(from_fn_with_state(Arc::clone(&context), guard::protect))
        .with_state(context)
}

/// All of them.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let lists = [
        probes(),
        system_at_large(),
        modules(),
        alerting(),
        the_table(),
        pictures_and_live(),
        calibrating(),
        long_work(),
        who_comes_in(),
    ];
    lists.into_iter().flatten().collect()
}

fn probes() -> Vec<Endpoint> {
    let group = "Probes";
    vec![
        Endpoint::open(group, "/livez", system::livez)
            .told("Whether the program turns: 200 or 503")
            .may_fail(&["not_ready"]),
        Endpoint::open(group, "/readyz", system::readyz)
            .told("Whether it is at work, and every reason why not: 200 or 503")
            .may_fail(&["not_ready"]),
        Endpoint::open(group, "/metrics", system::prometheus)
            .needs(Viewer)
            .told("All figures, for Prometheus")
            .gives_media("text/plain"),
    ]
}

fn system_at_large() -> Vec<Endpoint> {
    let group = "System";
    let level =
        json_schema!({ "type": "string", "enum": ["error", "warn", "warning", "info", "debug", "trace"] });
    vec![
        Endpoint::get(group, "/health", Viewer, system::health).told("Health of the program and its modules"),
        Endpoint::get(group, "/status", Viewer, system::status)
            .told("Everything of health and figures in one answer"),
        Endpoint::get(group, "/version", Viewer, system::version).told("Which program this is"),
        Endpoint::get(group, "/events", Viewer, system::events)
            .told("What has happened to the program, oldest first; `next` is the `before` of the page before this one")
            .paged(1..=journal::KEPT),
        Endpoint::get(group, "/recovery", Viewer, system::recovery)
            .told("What was mended by itself, and what was given up"),
        Endpoint::post(group, "/recovery", Operator, system::recover)
            .told("Do something about a module now; to restart the program needs an admin")
            .takes(schema_of::<system::Recover>)
            .may_fail(&["not_found"]),
        Endpoint::get(group, "/metrics/history", Viewer, system::history)
            .told("The last minutes, one sample a second"),
        Endpoint::get(group, "/trends", Viewer, system::trends).told("What is foreseen of what is measured"),
        Endpoint::get(group, "/log", Admin, system::log)
            .told("The last lines of the log, oldest first; `next` is the `before` of the page before this one")
            .asks("level", "at least so bad", level)
            .paged(0..=system::MOST_LINES),
        Endpoint::get(group, "/backups", Viewer, system::backups)
            .told("What became of the last backup, verification, drill and restore; `billiards-trainer backup` makes them"),
        Endpoint::post(group, "/config/reload", Admin, command::reload).told("Read the settings file again"),
        Endpoint::get(group, "/diagnostics", Admin, system::diagnostics)
            .told("All that somebody needs who is to find out from afar what is wrong, in one document"),
        Endpoint::get(group, "/config", Admin, settings::show)
            .told("The settings, and where each comes from; its ETag tells one state from another")
            .may_fail(&["settings_damaged", "no_settings"]),
        Endpoint::put(group, "/config", Admin, settings::change)
            .told("Change settings, above the settings file, which stays as it is")
            .asks(
                "validate_only",
                "1: only say whether it could be",
                json_schema!({ "type": "integer", "enum": [0, 1] }),
            )
            .reads(
                "If-Match",
                "the ETag of what was read before; needed unless it is only tried out",
            )
            .takes(schema_of::<settings::Wish>)
            .may_fail(&[
                "precondition_required",
                "precondition_failed",
                "settings_damaged",
                "not_kept",
                "no_settings",
            ]),
        Endpoint::get(group, "/config/schema", Admin, settings::describe)
            .told("Every setting with its type, default, range and meaning, and what a change of it takes"),
        Endpoint::post(group, "/command", Operator, command::command)
            .told("Any wish of an operator, as the dashboard has them; some need an admin")
            .takes(schema_of::<OperatorCommand>)
            .may_fail(&[
                "not_found",
                "module_refused",
                "calibration_running",
                "no_calibration_running",
                "not_calibrated",
                "no_shot",
                "no_cue",
            ]),
        Endpoint::post(group, "/shutdown", Admin, command::shutdown).told("Stop the program in good order"),
    ]
}

fn modules() -> Vec<Endpoint> {
    let group = "Modules";
    vec![
        Endpoint::get(group, "/modules", Viewer, system::modules).told("All modules"),
        Endpoint::get(group, "/modules/{id}", Viewer, system::module)
            .told("One module")
            .may_fail(&["not_found", "invalid_path"]),
        Endpoint::get(group, "/modules/{id}/logs", Admin, system::module_log)
            .told("The last lines of the log that are of one module")
            .may_fail(&["not_found", "invalid_path"]),
        Endpoint::post(group, "/modules/{id}/{verb}", Operator, system::change_module)
            .told("Start, stop, restart, enable or disable a module")
            .may_fail(&["not_found", "invalid_path", "module_refused"]),
    ]
}

fn alerting() -> Vec<Endpoint> {
    let group = "Alerts";
    vec![
        Endpoint::get(group, "/alerts", Viewer, alerts::alerts)
            .told("Open alerts, silences, the last changes, webhooks"),
        Endpoint::post(group, "/alerts/{id}/acknowledge", Operator, alerts::acknowledge)
            .told("Say that somebody has seen it")
            .may_fail(&["not_found", "invalid_path"]),
        Endpoint::post(group, "/alerts/silences", Operator, alerts::silence)
            .told("Tell nobody of certain alerts for a while")
            .takes(schema_of::<alerts::NewSilence>),
        Endpoint::delete(group, "/alerts/silences/{id}", Operator, alerts::unsilence)
            .told("End a silence")
            .may_fail(&["not_found", "invalid_path"]),
    ]
}

fn the_table() -> Vec<Endpoint> {
    let group = "Table";
    vec![
        Endpoint::get(group, "/table", Viewer, table::table).told("What is on the table, and its measures"),
        Endpoint::get(group, "/predict", Viewer, table::prediction)
            .told("The shot being aimed, or why there is none"),
        Endpoint::post(group, "/predict", Viewer, table::predict)
            .answers(StatusCode::OK)
            .told("What would happen if a ball were struck like that")
            .takes(what_if::schema)
            .may_fail(&["busy", "timeout"]),
        Endpoint::get(group, "/suggest", Viewer, table::suggestions)
            .told("What could be played from here, the surest first, each with how often it works")
            .asks(
                "skill",
                "whose strokes",
                json_schema!({ "type": "string", "enum": Skill::ALL.map(Skill::name) }),
            )
            .asks(
                "most",
                "at most so many",
                json_schema!({ "type": "integer", "minimum": 1, "maximum": suggest::MOST }),
            )
            .asks(
                "group",
                "only balls of this group",
                json_schema!({ "type": "string", "enum": Group::ALL.map(Group::name) }),
            )
            .may_fail(&["busy", "timeout", "no_table", "balls_moving", "no_cue_ball"]),
        Endpoint::post(group, "/suggest", Viewer, table::suggest)
            .answers(StatusCode::OK)
            .told("What could be played if balls lay like that")
            .takes(suggest::schema)
            .may_fail(&["busy", "timeout"]),
        Endpoint::get(group, "/shots", Viewer, shots::list)
            .told("Shots as they were played, the newest first; `next` is the `before` of the next page")
            .paged(1..=shots::MOST),
        Endpoint::get(group, "/shots/{id}", Viewer, shots::one)
            .told("One shot: what happened, and how every ball went")
            .may_fail(&["not_found", "invalid_path"]),
    ]
}

fn pictures_and_live() -> Vec<Endpoint> {
    let group = "Pictures and live data";
    let annotate = json_schema!({ "type": "integer", "enum": [0, 1] });
    let quality = json_schema!({ "type": "string", "enum": ["low", "usual", "high"] });
    let width = json_schema!({ "type": "integer", "minimum": 64, "maximum": 4096 });
    vec![
        Endpoint::get(group, "/frame.jpg", Viewer, pictures::frame_jpg)
            .told("The newest camera picture")
            .asks("annotate", "1: with what was found in it", annotate.clone())
            .asks("width", "at most so many pixels wide", width.clone())
            .asks("quality", "how well the picture is kept", quality.clone())
            .gives_media("image/jpeg")
            .may_fail(&["no_frame"]),
        Endpoint::get(group, "/stream.mjpeg", Viewer, pictures::stream_mjpeg)
            .by_ticket()
            .told("Camera pictures as an endless motion JPEG")
            .asks("annotate", "1: with what was found in them", annotate)
            .asks("width", "at most so many pixels wide", width)
            .asks("quality", "how well the pictures are kept", quality)
            .asks(
                "fps",
                "at most so many a second",
                json_schema!({ "type": "number", "minimum": 0.1, "maximum": 15 }),
            )
            .gives_media("multipart/x-mixed-replace")
            .may_fail(&["too_many_streams"]),
        Endpoint::get(group, "/projector", Viewer, pictures::projector)
            .told("How the projector draws, and what; `POST /api/v1/command` moves its light and shows test pictures"),
        Endpoint::get(group, "/projector.png", Viewer, pictures::projector_png)
            .told("What the projector shows")
            .gives_media("image/png"),
        Endpoint::get(group, "/dashboard.png", Viewer, pictures::dashboard_png)
            .told("What the dashboard shows")
            .gives_media("image/png")
            .may_fail(&["not_drawn"]),
        Endpoint::get(group, "/ws", Viewer, websocket::upgrade)
            .by_ticket()
            .told("Live data over WebSocket: state, motion, prediction, alert, health, metrics, event")
            .upgrades()
            .may_fail(&["websocket_required", "too_many_clients"]),
    ]
}

fn calibrating() -> Vec<Endpoint> {
    let group = "Calibration";
    vec![
        Endpoint::get(group, "/calibration", Viewer, calibration::calibration)
            .told("How camera and projector are calibrated, and how far a calibration is; its ETag tells one from another"),
        Endpoint::post(group, "/calibration", Operator, calibration::calibrate)
            .told("Calibrate camera and projector: a job, which Location names")
            .reads("If-Match", "only if this is what is in force")
            .takes(schema_of::<calibration::CalibrationWish>)
            .may_fail(&["calibration_running", "precondition_failed"]),
        Endpoint::delete(group, "/calibration", Operator, calibration::cancel_calibration)
            .told("End the calibration under way")
            .may_fail(&["no_calibration_running"]),
        Endpoint::post(
            group,
            "/calibration/rollback",
            Operator,
            calibration::roll_back_calibration,
        )
        .told("Go back to the calibration before the present one")
        .reads("If-Match", "only if this is what is in force")
        .may_fail(&["calibration_running", "precondition_failed"]),
    ]
}

fn long_work() -> Vec<Endpoint> {
    let group = "Jobs";
    vec![
        Endpoint::get(group, "/jobs", Viewer, jobs::list).told("Work that takes long, the newest first"),
        Endpoint::get(group, "/jobs/{id}", Viewer, jobs::one)
            .told("How far a job is: queued, running, done, failed or cancelled")
            .may_fail(&["not_found", "invalid_path"]),
        Endpoint::delete(group, "/jobs/{id}", Operator, jobs::cancel)
            .told("End a job before its time")
            .may_fail(&["not_found", "invalid_path", "job_ended"]),
    ]
}

fn who_comes_in() -> Vec<Endpoint> {
    let group = "Access";
    vec![
        Endpoint::get(group, "/auth/who", Viewer, access::who)
            .told("Who one is, and what one may do")
            .gives::<access::Who>(),
        Endpoint::post(group, "/auth/ticket", Viewer, access::ticket)
            .answers(StatusCode::CREATED)
            .told("A ticket for `/ws` or `/stream.mjpeg`, good once, for seconds, from one address")
            .gives::<access::NewTicket>(),
        Endpoint::get(group, "/openapi.json", Viewer, openapi::document)
            .told("This description, as OpenAPI 3.1"),
    ]
}
