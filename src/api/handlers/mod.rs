//! What the addresses answer.

pub(super) mod access;
pub(super) mod alerts;
pub(super) mod calibration;
pub(super) mod command;
pub(super) mod jobs;
mod paging;
pub(super) mod pictures;
mod precondition;
pub(super) mod settings;
pub(super) mod shots;
pub(super) mod system;
pub(super) mod table;

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::info;

use super::auth::Caller;
use super::context::Context;
use super::endpoint::BASE;
use super::problem::Problem;
use crate::calibration::status::CalibrationStatus;
use crate::system::command::OperatorCommand;
use crate::vision::source::SourceSpec;

/// Largest body taken, bytes.
const BODY_LIMIT: usize = 64 * 1024;

type Ctx = State<Arc<Context>>;
type Answer = Result<Json<Value>, Problem>;
type Accepted = Result<Response, Problem>;

/// Hands a wish on, and notes whose it was. What takes long becomes a job, whose address is told.
fn accept(context: &Context, caller: &Caller, mut command: OperatorCommand) -> Accepted {
    let job = match &mut command {
        OperatorCommand::Calibrate { job, .. } => {
            let opened = context.jobs.open("calibration");
            *job = Some(opened.id);
            Some(opened)
        }
        _ => None,
    };
    let accepted = json!(command);
    // A cue that is turned by hand is no news.
    if !matches!(command, OperatorCommand::Cue(_)) {
        info!(by = %context.gate.name_of(caller), wish = %in_words(&command), "asked over the network");
    }
    let sent = context.send(command);
    let Some(job) = job else {
        return sent.map(|()| (StatusCode::ACCEPTED, Json(json!({ "accepted": accepted }))).into_response());
    };
    sent.inspect_err(|_| context.jobs.withdraw(job.id))?;
    let place = [(header::LOCATION, format!("{BASE}/jobs/{}", job.id))];
    let view = json!({ "accepted": accepted, "job": jobs::view(&job, &CalibrationStatus::default()) });
    Ok((StatusCode::ACCEPTED, place, Json(view)).into_response())
}

/// A wish as it may stand in a log: an address without its password.
fn in_words(command: &OperatorCommand) -> String {
    match command {
        OperatorCommand::SelectSource(source) => match source.parse::<SourceSpec>() {
            Ok(source) => format!("select_source {source}"),
            Err(_) => "select_source".to_owned(),
        },
        other => json!(other).to_string(),
    }
}

fn path(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    id.map(|Path(id)| id)
        .map_err(|error| Problem::bad_request("invalid_path", error.body_text()))
}

/// The body, of bounded size and within bounded time.
pub(super) async fn read_body(context: &Context, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body may have at most {BODY_LIMIT} bytes."),
        )
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|l| l > BODY_LIMIT as u64) {
        return Err(too_large());
    }
    let read = axum::body::to_bytes(body, BODY_LIMIT);
    match tokio::time::timeout(context.options.request_timeout, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.to_string().contains("length limit") => Err(too_large()),
        Ok(Err(_)) => Err(Problem::bad_request(
            "body_incomplete",
            "The connection broke before the body was complete.",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The body did not come in time.",
        )),
    }
}

/// The body as JSON.
async fn read_json(context: &Context, request: Request) -> Result<Value, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = read_body(context, &parts.headers, body).await?;
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

/// The body as what somebody wishes; `what` names it where it is none.
async fn read_wish<T: DeserializeOwned>(
    context: &Context,
    request: Request,
    what: &str,
) -> Result<T, Problem> {
    let body = read_json(context, request).await?;
    serde_json::from_value(body).map_err(|error| Problem::invalid(what, error.to_string()))
}

/// What stands behind the question mark.
fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query
        .map(|Query(asked)| asked)
        .map_err(|error| Problem::bad_request("invalid_query", error.body_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_no_password() {
        let wish = |source: &str| in_words(&OperatorCommand::SelectSource(source.to_owned()));
        assert!(
            !wish("rtsp://me:pass@10.0.0.5/1").contains("pass"),
            "{}",
            wish("rtsp://me:pass@10.0.0.5/1")
        );
        assert_eq!(wish("camera:0"), "select_source camera:0");
        assert_eq!(in_words(&OperatorCommand::Pause(true)), r#"{"pause":true}"#);
    }
}
