//! How the program is, and what is done about its modules.

use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::Wanted;
use super::{Accepted, Answer, Ctx, accept, asked, path, read_wish};
use crate::api::auth::Caller;
use crate::api::auth::tokens::Role;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::{metrics, views};
use crate::ops::backup::BackupStatus;
use crate::system::command::OperatorCommand;
use crate::system::journal;
use crate::system::recovery::Action;
use crate::system::snapshot::LogLine;
use crate::system::status::Lifecycle;

/// Most lines of the log in one answer.
pub(in crate::api) const MOST_LINES: usize = 1000;
/// Time the main loop has for its first turn: opening devices takes a while.
const START_GRACE: Duration = Duration::from_secs(60);

pub(in crate::api) async fn livez(State(context): Ctx) -> Response {
    // A start may take its time; only a loop that stopped turning is dead.
    let started = context.shared.snapshot.load().is_some();
    let hangs = if started {
        context.is_stale()
    } else {
        context.pulse.age() > START_GRACE
    };
    probe(if hangs {
        vec![format!(
            "the main loop has not turned for {:.1} s",
            context.pulse.age().as_secs_f64()
        )]
    } else {
        Vec::new()
    })
}

pub(in crate::api) async fn readyz(State(context): Ctx) -> Response {
    let stale = context.is_stale();
    probe(match context.shared.snapshot.load_full() {
        Some(snapshot) => views::not_ready(&snapshot, stale, context.options.fresh_frame),
        None => vec!["the trainer is still starting".to_owned()],
    })
}

fn probe(reasons: Vec<String>) -> Response {
    let ok = reasons.is_empty();
    if ok {
        return Json(json!({ "ok": true, "reasons": [] })).into_response();
    }
    let mut problem = Problem::unavailable("not_ready", reasons.join("; "));
    problem.extra.insert("ok".into(), json!(false));
    problem.extra.insert("reasons".into(), json!(reasons));
    problem.into_response()
}

pub(in crate::api) async fn prometheus(State(context): Ctx) -> Response {
    let snapshot = context.shared.snapshot.load_full();
    let page = metrics::render(snapshot.as_deref(), &context);
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response()
}

pub(in crate::api) async fn health(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(views::health(&snapshot.status, context.is_stale())))
}

pub(in crate::api) async fn status(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    let stats = &context.shared.stats;
    let latency = stats.latency();
    let mut view = json!(*snapshot.status);
    if let Some(map) = view.as_object_mut() {
        map.insert("time".into(), json!(snapshot.time));
        map.insert("sequence".into(), json!(snapshot.sequence));
        map.insert("responding".into(), json!(!context.is_stale()));
        map.insert(
            "api".into(),
            json!({
                "requests": stats.requests(),
                "client_errors": stats.client_errors(),
                "server_errors": stats.server_errors(),
                "latency_ms_p50": latency.map(|l| views::millis(l.0)),
                "latency_ms_p95": latency.map(|l| views::millis(l.1)),
                "connections": stats.connections(),
                "websocket_clients": stats.websockets(),
            }),
        );
    }
    Ok(Json(view))
}

pub(in crate::api) async fn version() -> Json<Value> {
    Json(json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "api": "v1",
    }))
}

pub(in crate::api) async fn modules(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({ "modules": snapshot.status.modules })))
}

pub(in crate::api) async fn module(State(context): Ctx, id: Result<Path<String>, PathRejection>) -> Answer {
    let id = path(id)?;
    let snapshot = context.snapshot()?;
    let module = snapshot.status.modules.iter().find(|m| m.id == id);
    module.map(|m| Json(json!(m))).ok_or_else(|| no_module(&id))
}

fn no_module(id: &str) -> Problem {
    let id: String = id.chars().take(60).collect();
    Problem::not_found(format!(
        "There is no module `{id}`; GET /api/v1/modules lists them."
    ))
}

/// A module's verbs: `start`, `stop`, `restart`, `enable`, `disable`.
pub(in crate::api) async fn change_module(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Accepted {
    let Path((id, verb)) = path.map_err(|error| Problem::bad_request("invalid_path", error.body_text()))?;
    let command = match verb.as_str() {
        "start" => OperatorCommand::StartModule(id),
        "stop" => OperatorCommand::StopModule(id),
        "restart" => OperatorCommand::RestartModule(id),
        "enable" => OperatorCommand::EnableModule(id),
        "disable" => OperatorCommand::DisableModule(id),
        _ => {
            return Err(Problem::not_found(
                "A module can be started, stopped, restarted, enabled, disabled.".to_owned(),
            ));
        }
    };
    check_module(&context, &caller, &command)?;
    accept(&context, &caller, command)
}

/// Refuses what would be refused anyway, so that whoever asks learns of it.
pub(super) fn check_module(
    context: &Context,
    caller: &Caller,
    command: &OperatorCommand,
) -> Result<(), Problem> {
    use OperatorCommand::{DisableModule, EnableModule, RestartModule, StartModule, StopModule};
    let (StartModule(id) | StopModule(id) | RestartModule(id) | EnableModule(id) | DisableModule(id)) =
        command
    else {
        return Ok(());
    };
    let snapshot = context.snapshot()?;
    let module = snapshot.status.modules.iter().find(|m| m.id == id);
    let module = module.ok_or_else(|| no_module(id))?;
    let refused = |words: String| Err(Problem::new(StatusCode::CONFLICT, "module_refused", words));
    let is_off = module.lifecycle == Lifecycle::Disabled;
    if id == "api" && matches!(command, StopModule(_) | DisableModule(_)) {
        // Nobody could start it again from afar.
        caller.must_be(Role::Admin)?;
    }
    match command {
        StopModule(_) | RestartModule(_) | DisableModule(_) if id == "config" => {
            refused("Everything needs the module `config`; stop the program instead.".to_owned())
        }
        StartModule(_) | StopModule(_) | RestartModule(_) if is_off => {
            refused(format!("The module `{id}` is switched off; enable it first."))
        }
        _ => Ok(()),
    }
}

pub(in crate::api) async fn recovery(State(context): Ctx) -> Answer {
    Ok(Json(json!(*context.snapshot()?.recovery)))
}

pub(in crate::api) async fn recover(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Accepted {
    let asked: Recover = read_wish(&context, request, "recovery").await?;
    let command = OperatorCommand::Recover {
        module: asked.module,
        action: asked.action,
    };
    check_recovery(&context, &caller, &command)?;
    accept(&context, &caller, command)
}

/// What is to be done, and about which module.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Recover {
    module: String,
    action: Action,
}

pub(super) fn check_recovery(
    context: &Context,
    caller: &Caller,
    command: &OperatorCommand,
) -> Result<(), Problem> {
    let OperatorCommand::Recover { module, action } = command else {
        return Ok(());
    };
    if matches!(action, Action::RestartProcess | Action::SafeMode) {
        caller.must_be(Role::Admin)?;
    }
    let known = context.snapshot()?.status.modules.iter().any(|m| m.id == module);
    if known || module == "system" {
        Ok(())
    } else {
        Err(no_module(module))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct EventsQuery {
    limit: Option<usize>,
    before: Option<u64>,
}

pub(in crate::api) async fn events(
    State(context): Ctx,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Answer {
    let query = asked(query)?;
    let wanted = Wanted::new(query.limit, query.before, journal::KEPT, 1..=journal::KEPT)?;
    let snapshot = context.snapshot()?;
    let (mut events, next) = wanted.of(snapshot.events.iter().rev(), |event| event.id);
    events.reverse();
    Ok(Json(json!({ "events": events, "next": next })))
}

pub(in crate::api) async fn trends(State(context): Ctx) -> Answer {
    Ok(Json(json!({ "forecasts": *context.snapshot()?.forecasts })))
}

/// What somebody needs who is to find out from afar what is wrong: in one document, without pictures and secrets.
pub(in crate::api) async fn diagnostics(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({
        "made": crate::api::context::now(),
        "version": env!("CARGO_PKG_VERSION"),
        "responding": !context.is_stale(),
        "status": *snapshot.status,
        "table": views::state(&snapshot),
        "calibration": views::calibration(&snapshot.calibration),
        "recovery": *snapshot.recovery,
        "alerting": *snapshot.alerting,
        "forecasts": *snapshot.forecasts,
        "events": *snapshot.events,
        "history": *snapshot.history,
        "log": *snapshot.log,
    })))
}

pub(in crate::api) async fn module_log(
    State(context): Ctx,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let id = path(id)?;
    let snapshot = context.snapshot()?;
    if !snapshot.status.modules.iter().any(|module| module.id == id) {
        return Err(no_module(&id));
    }
    let is_of = |target: &str| {
        let room = target.rsplit("::").next().unwrap_or_default();
        match id.as_str() {
            "core" => matches!(room, "physics" | "trainer" | "table"),
            "vision" => matches!(room, "vision" | "virtual_table"),
            "projector" => matches!(room, "projector" | "calibration"),
            other => room == other,
        }
    };
    let lines: Vec<_> = snapshot.log.iter().filter(|line| is_of(&line.target)).collect();
    Ok(Json(json!({ "lines": lines })))
}

pub(in crate::api) async fn history(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({ "interval_s": 1, "samples": *snapshot.history })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct LogQuery {
    level: Option<String>,
    limit: Option<usize>,
    before: Option<u64>,
}

pub(in crate::api) async fn backups(State(context): Ctx) -> Answer {
    let place = context.options.installation.clone();
    // A disk may hang; the network side must not.
    let look =
        tokio::task::spawn_blocking(move || place.as_ref().map(BackupStatus::load).unwrap_or_default());
    let status = look.await.map_err(|_| Problem::internal())?;
    Ok(Json(json!(status)))
}

pub(in crate::api) async fn log(
    State(context): Ctx,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Answer {
    let query = asked(query)?;
    let levels: &[&str] = match query.level.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("info" | "debug" | "trace") => &[],
        Some("warn" | "warning") => &["ERROR", "WARN"],
        Some("error") => &["ERROR"],
        Some(_) => return Err(Problem::invalid("level", "must be error, warn or info")),
    };
    let wanted = Wanted::new(query.limit, query.before, 200, 0..=MOST_LINES)?;
    let snapshot = context.snapshot()?;
    let so_bad = |line: &&LogLine| levels.is_empty() || levels.contains(&line.level);
    let (mut lines, next) = wanted.of(snapshot.log.iter().rev().filter(so_bad), |line| line.id);
    lines.reverse();
    Ok(Json(json!({ "lines": lines, "next": next })))
}
