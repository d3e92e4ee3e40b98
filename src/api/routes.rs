//! Every address the server knows, and the short answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::Peer;
use super::context::Context;
use super::problem::Problem;
use super::{frames, guard, metrics, page, stream, views, websocket, what_if};
use crate::calibration::profile::MOST_NUDGE_M;
use crate::system::alerts::SilenceTarget;
use crate::system::command::OperatorCommand;
use crate::system::recovery::Action;
use crate::system::status::Lifecycle;
use crate::units::MM_PER_M;

/// Largest body taken, bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Time the main loop has for its first turn: opening devices takes a while.
const START_GRACE: Duration = Duration::from_secs(60);

type Ctx = State<Arc<Context>>;
type Answer = Result<Json<Value>, Problem>;
type Accepted = Result<(StatusCode, Json<Value>), Problem>;

/// The table of contents.
pub(super) fn router(context: Arc<Context>) -> Router {
    let v1 = Router::new()
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/version", get(version))
        .route("/modules", get(modules))
        .route("/modules/{id}", get(module))
        .route("/modules/{id}/{verb}", post(change_module))
        .route("/alerts/silences", post(silence))
        .route("/alerts/silences/{id}", delete(unsilence))
        .route("/trends", get(trends))
        .route("/recovery", get(recovery).post(recover))
        .route("/events", get(events))
        .route("/config/reload", post(reload))
        .route("/alerts", get(alerts))
        .route("/alerts/{id}/acknowledge", post(acknowledge))
        .route(
            "/calibration",
            get(calibration).post(calibrate).delete(cancel_calibration),
        )
        .route("/calibration/rollback", post(roll_back_calibration))
        .route("/table", get(table))
        .route("/predict", get(prediction).post(predict))
        .route("/frame.jpg", get(frame_jpg))
        .route("/projector.png", get(projector_png))
        .route("/dashboard.png", get(dashboard_png))
        .route("/metrics/history", get(history))
        .route("/stream.mjpeg", get(stream_mjpeg))
        .route("/log", get(log))
        .route("/command", post(command))
        .route("/shutdown", post(shutdown))
        .route("/ws", get(websocket::upgrade));
    #[cfg(test)]
    let v1 = v1.route("/test/panic", get(super::tests::panic));
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(prometheus))
        .merge(page::router())
        .nest("/api/v1", v1)
        .layer(from_fn_with_state(Arc::clone(&context), guard::protect))
        .with_state(context)
}

async fn livez(State(context): Ctx) -> Response {
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

async fn readyz(State(context): Ctx) -> Response {
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

async fn prometheus(State(context): Ctx) -> Response {
    let snapshot = context.shared.snapshot.load_full();
    let page = metrics::render(snapshot.as_deref(), &context);
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response()
}

async fn health(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(views::health(&snapshot.status, context.is_stale())))
}

async fn status(State(context): Ctx) -> Answer {
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

async fn version() -> Json<Value> {
    Json(json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "api": "v1",
    }))
}

async fn modules(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({ "modules": snapshot.status.modules })))
}

async fn module(State(context): Ctx, id: Result<Path<String>, PathRejection>) -> Answer {
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
async fn change_module(State(context): Ctx, path: Result<Path<(String, String)>, PathRejection>) -> Accepted {
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
    check_module(&context, &command)?;
    accept(&context, command)
}

/// Refuses what would be refused anyway, so that whoever asks learns of it.
fn check_module(context: &Context, command: &OperatorCommand) -> Result<(), Problem> {
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

async fn recovery(State(context): Ctx) -> Answer {
    Ok(Json(json!(*context.snapshot()?.recovery)))
}

async fn recover(State(context): Ctx, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Accepted {
    let headers = request.headers().clone();
    let body = read_json(&context, request).await?;
    let asked: Recover =
        serde_json::from_value(body).map_err(|error| Problem::invalid("recovery", error.to_string()))?;
    let command = OperatorCommand::Recover {
        module: asked.module,
        action: asked.action,
    };
    check_recovery(&context, peer, &headers, &command)?;
    accept(&context, command)
}

/// What is to be done, and about which module.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Recover {
    module: String,
    action: Action,
}

fn check_recovery(
    context: &Context,
    peer: Peer,
    headers: &HeaderMap,
    command: &OperatorCommand,
) -> Result<(), Problem> {
    let OperatorCommand::Recover { module, action } = command else {
        return Ok(());
    };
    if matches!(action, Action::RestartProcess | Action::SafeMode) {
        only_local(peer, headers)?;
    }
    let known = context.snapshot()?.status.modules.iter().any(|m| m.id == module);
    if known || module == "system" {
        Ok(())
    } else {
        Err(no_module(module))
    }
}

async fn events(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({ "events": *snapshot.events })))
}

async fn reload(State(context): Ctx) -> Accepted {
    accept(&context, OperatorCommand::ReloadSettings)
}

async fn alerts(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({
        "alerts": snapshot.status.alerts,
        "silences": snapshot.alerting.silences,
        "history": snapshot.alerting.history,
        "webhooks": snapshot.alerting.webhooks,
    })))
}

async fn silence(State(context): Ctx, request: Request) -> Accepted {
    let body = read_json(&context, request).await?;
    let asked: NewSilence =
        serde_json::from_value(body).map_err(|error| Problem::invalid("silence", error.to_string()))?;
    let command = OperatorCommand::Silence {
        target: asked.target,
        for_s: asked.for_s,
    };
    check_silence(&context, &command)?;
    accept(&context, command)
}

/// Of what nobody is to be told, and for how long.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSilence {
    target: SilenceTarget,
    for_s: u64,
}

async fn unsilence(State(context): Ctx, id: Result<Path<String>, PathRejection>) -> Accepted {
    let id = path(id)?;
    let known = id.parse().ok().filter(|id| {
        context
            .snapshot()
            .is_ok_and(|s| s.alerting.silences.iter().any(|x| x.id == *id))
    });
    let id = known.ok_or_else(|| Problem::not_found("There is no silence with this number.".to_owned()))?;
    accept(&context, OperatorCommand::Unsilence(id))
}

fn check_silence(context: &Context, command: &OperatorCommand) -> Result<(), Problem> {
    match command {
        OperatorCommand::Silence { for_s, .. } if !(1..=30 * 86_400).contains(for_s) => {
            Err(Problem::invalid("for_s", "must be 1 second to 30 days (2592000)"))
        }
        OperatorCommand::Unsilence(id)
            if !context.snapshot()?.alerting.silences.iter().any(|s| s.id == *id) =>
        {
            Err(Problem::not_found(format!("There is no silence `{id}`.")))
        }
        _ => Ok(()),
    }
}

async fn trends(State(context): Ctx) -> Answer {
    Ok(Json(json!({ "forecasts": *context.snapshot()?.forecasts })))
}

async fn acknowledge(State(context): Ctx, id: Result<Path<String>, PathRejection>) -> Accepted {
    let id = path(id)?;
    let snapshot = context.snapshot()?;
    let known = id
        .parse::<u64>()
        .ok()
        .filter(|id| snapshot.status.alerts.iter().any(|a| a.id == *id));
    let Some(known) = known else {
        let id: String = id.chars().take(60).collect();
        return Err(Problem::not_found(format!("There is no open alert `{id}`.")));
    };
    accept(&context, OperatorCommand::AcknowledgeAlert(known))
}

async fn table(State(context): Ctx) -> Answer {
    Ok(Json(views::table(&*context.snapshot()?)))
}

async fn prediction(State(context): Ctx) -> Answer {
    Ok(Json(views::prediction(&*context.snapshot()?)))
}

async fn predict(State(context): Ctx, request: Request) -> Answer {
    let body = read_json(&context, request).await?;
    what_if::answer(&context, &body).await.map(Json)
}

/// What a client may ask of a camera picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameQuery {
    annotate: Option<u8>,
    width: Option<u32>,
    /// Frames per second of a stream.
    fps: Option<f64>,
    /// Anything, to get around caches.
    #[serde(rename = "t")]
    _t: Option<String>,
}

impl FrameQuery {
    fn read(query: Result<Query<Self>, QueryRejection>) -> Result<Self, Problem> {
        let Query(query) = query.map_err(|error| Problem::bad_request("invalid_query", error.body_text()))?;
        if query.width.is_some_and(|w| !(64..=4096).contains(&w)) {
            return Err(Problem::invalid("width", "must be 64 to 4096 pixels"));
        }
        if query.annotate.is_some_and(|a| a > 1) {
            return Err(Problem::invalid("annotate", "must be 0 or 1"));
        }
        if query.fps.is_some_and(|f| !(0.1..=15.0).contains(&f)) {
            return Err(Problem::invalid("fps", "must be 0.1 to 15"));
        }
        Ok(query)
    }
}

async fn frame_jpg(
    State(context): Ctx,
    query: Result<Query<FrameQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = FrameQuery::read(query)?;
    let (_, bytes) = frames::frame_jpeg(&context, query.annotate == Some(1), query.width).await?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], bytes).into_response())
}

async fn projector_png(State(context): Ctx) -> Result<Response, Problem> {
    let (rendered, bytes) = frames::projector_png(&context).await?;
    let by = if rendered { "projector" } else { "software" };
    Ok(([("content-type", "image/png"), ("x-drawn-by", by)], bytes).into_response())
}

async fn dashboard_png(State(context): Ctx) -> Result<Response, Problem> {
    let bytes = frames::dashboard_png(&context).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], bytes).into_response())
}

async fn history(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({ "interval_s": 1, "samples": *snapshot.history })))
}

async fn stream_mjpeg(
    State(context): Ctx,
    query: Result<Query<FrameQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = FrameQuery::read(query)?;
    let settings = stream::Settings {
        annotate: query.annotate == Some(1),
        width: query.width,
        fps: query.fps.unwrap_or(10.0),
    };
    stream::respond(context, settings)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    level: Option<String>,
    limit: Option<usize>,
}

async fn log(State(context): Ctx, query: Result<Query<LogQuery>, QueryRejection>) -> Answer {
    let Query(query) = query.map_err(|error| Problem::bad_request("invalid_query", error.body_text()))?;
    let levels: &[&str] = match query.level.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("info" | "debug" | "trace") => &[],
        Some("warn" | "warning") => &["ERROR", "WARN"],
        Some("error") => &["ERROR"],
        Some(_) => return Err(Problem::invalid("level", "must be error, warn or info")),
    };
    let snapshot = context.snapshot()?;
    let mut lines: Vec<&crate::system::snapshot::LogLine> = snapshot
        .log
        .iter()
        .rev()
        .filter(|l| levels.is_empty() || levels.contains(&l.level))
        .take(query.limit.unwrap_or(200).min(1000))
        .collect();
    lines.reverse();
    Ok(Json(json!({ "lines": lines })))
}

async fn command(State(context): Ctx, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Accepted {
    let headers = request.headers().clone();
    let body = read_json(&context, request).await?;
    let command: OperatorCommand =
        serde_json::from_value(body).map_err(|error| Problem::invalid("command", error.to_string()))?;
    match &command {
        OperatorCommand::Shutdown => only_local(peer, &headers)?,
        OperatorCommand::SelectSource(source) => {
            let odd = source.trim().is_empty() || source.len() > 1024 || source.chars().any(char::is_control);
            if odd {
                return Err(Problem::invalid(
                    "select_source",
                    "must be a source as for --source, at most 1024 characters",
                ));
            }
        }
        OperatorCommand::StartModule(_)
        | OperatorCommand::StopModule(_)
        | OperatorCommand::RestartModule(_)
        | OperatorCommand::EnableModule(_)
        | OperatorCommand::DisableModule(_) => check_module(&context, &command)?,
        OperatorCommand::Recover { .. } => check_recovery(&context, peer, &headers, &command)?,
        OperatorCommand::Silence { .. } | OperatorCommand::Unsilence(_) => check_silence(&context, &command)?,
        OperatorCommand::SetRecovery(_) | OperatorCommand::ReloadSettings => {}
        OperatorCommand::AcknowledgeAlert(id) => {
            if !context.snapshot()?.status.alerts.iter().any(|a| a.id == *id) {
                return Err(Problem::not_found(format!("There is no open alert `{id}`.")));
            }
        }
        OperatorCommand::Calibrate { .. }
        | OperatorCommand::CancelCalibration
        | OperatorCommand::RollBackCalibration => check_calibration(&context, &command)?,
        OperatorCommand::NudgeProjector { x_mm, y_mm } => check_nudge(&context, [*x_mm, *y_mm])?,
        OperatorCommand::Pause(_)
        | OperatorCommand::SetAssistance(_)
        | OperatorCommand::LookInTheDark
        | OperatorCommand::ShowTestPicture(_) => {}
        OperatorCommand::Rehearse => {
            if context.snapshot()?.shot.is_none() {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "no_shot",
                    "No shot is being aimed that could be shown.",
                ));
            }
        }
        OperatorCommand::Cue(_) => {
            if context.snapshot()?.status.hand_cue.is_none() {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "no_cue",
                    "Only the virtual table has a cue that can be taken by hand.",
                ));
            }
        }
    }
    accept(&context, command)
}

async fn calibration(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(views::calibration(&snapshot.calibration)))
}

/// What a calibration is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalibrationWish {
    camera_height_m: Option<f64>,
}

async fn calibrate(State(context): Ctx, request: Request) -> Accepted {
    let body = read_json(&context, request).await?;
    let wish: CalibrationWish =
        serde_json::from_value(body).map_err(|error| Problem::invalid("calibration", error.to_string()))?;
    let command = OperatorCommand::Calibrate {
        camera_height_m: wish.camera_height_m,
    };
    check_calibration(&context, &command)?;
    accept(&context, command)
}

async fn cancel_calibration(State(context): Ctx) -> Accepted {
    check_calibration(&context, &OperatorCommand::CancelCalibration)?;
    accept(&context, OperatorCommand::CancelCalibration)
}

async fn roll_back_calibration(State(context): Ctx) -> Accepted {
    check_calibration(&context, &OperatorCommand::RollBackCalibration)?;
    accept(&context, OperatorCommand::RollBackCalibration)
}

/// Only what is calibrated can be fine-tuned, and only by a little.
fn check_nudge(context: &Context, mm: [f64; 2]) -> Result<(), Problem> {
    let most = MOST_NUDGE_M * MM_PER_M;
    if mm.iter().any(|v| v.is_nan() || v.abs() > most) {
        let words = format!("`x_mm` and `y_mm` must be numbers from -{most} to {most}.");
        return Err(Problem::invalid("nudge_projector", words));
    }
    if context.snapshot()?.calibration.profile.is_none() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "not_calibrated",
            "Nothing is calibrated that could be fine-tuned; POST /api/v1/calibration calibrates.",
        ));
    }
    Ok(())
}

/// A wish about the calibration that can't be carried out is refused at once.
fn check_calibration(context: &Context, command: &OperatorCommand) -> Result<(), Problem> {
    let conflict = |code, detail: &str| Err(Problem::new(StatusCode::CONFLICT, code, detail));
    let running = context.snapshot()?.calibration.running.is_some();
    match command {
        OperatorCommand::Calibrate { camera_height_m } => {
            if camera_height_m.is_some_and(|h| !(0.3..=10.0).contains(&h)) {
                return Err(Problem::invalid(
                    "camera_height_m",
                    "must be 0.3 to 10 metres above the cloth",
                ));
            }
            if running {
                return conflict(
                    "calibration_running",
                    "A calibration is under way; DELETE /api/v1/calibration ends it.",
                );
            }
        }
        OperatorCommand::CancelCalibration if !running => {
            return conflict("no_calibration_running", "No calibration is under way.");
        }
        OperatorCommand::RollBackCalibration if running => {
            return conflict("calibration_running", "A calibration is under way; end it first.");
        }
        _ => {}
    }
    Ok(())
}

async fn shutdown(State(context): Ctx, ConnectInfo(peer): ConnectInfo<Peer>, headers: HeaderMap) -> Accepted {
    only_local(peer, &headers)?;
    accept(&context, OperatorCommand::Shutdown)
}

/// A proxy on this machine speaks for others; its forwarding header gives it away.
fn only_local(peer: Peer, headers: &HeaderMap) -> Result<(), Problem> {
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED);
    if peer.is_local() && !forwarded {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "local_only",
            "The trainer can only be stopped from the machine it runs on.",
        ))
    }
}

fn accept(context: &Context, command: OperatorCommand) -> Accepted {
    let view = json!({ "accepted": command });
    context.send(command)?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

fn path(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    id.map(|Path(id)| id)
        .map_err(|error| Problem::bad_request("invalid_path", error.body_text()))
}

/// The body as JSON, of bounded size and within bounded time.
async fn read_json(context: &Context, request: Request) -> Result<Value, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body may have at most {BODY_LIMIT} bytes."),
        )
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|l| l > BODY_LIMIT as u64) {
        return Err(too_large());
    }
    let read = axum::body::to_bytes(Body::new(request.into_body()), BODY_LIMIT);
    let bytes: Bytes = match tokio::time::timeout(context.options.request_timeout, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if error.to_string().contains("length limit") => return Err(too_large()),
        Ok(Err(_)) => {
            return Err(Problem::bad_request(
                "body_incomplete",
                "The connection broke before the body was complete.",
            ));
        }
        Err(_) => {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The body did not come in time.",
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes);
        let hint = if ["NaN", "Infinity", "nan", "inf"].iter().any(|w| text.contains(w)) {
            " JSON has no NaN or infinity: every number must be finite."
        } else if bytes.is_empty() {
            " The body is empty."
        } else {
            ""
        };
        Problem::bad_request("malformed_json", format!("The body is not JSON: {error}.{hint}"))
    })
}
