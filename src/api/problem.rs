//! Errors as RFC 9457 problem details.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// One kind of problem.
#[derive(Debug)]
pub(super) struct Kind {
    /// Stable word for programs.
    pub(super) code: &'static str,
    pub(super) status: u16,
    /// When it is answered.
    pub(super) about: &'static str,
}

const fn kind(code: &'static str, status: u16, about: &'static str) -> Kind {
    Kind { code, status, about }
}

/// All kinds there are.
pub(super) const KINDS: &[Kind] = &[
    kind("bad_request", 400, "the request can't be understood"),
    kind(
        "body_incomplete",
        400,
        "the connection broke before the body was complete",
    ),
    kind("host_missing", 400, "there is no Host header"),
    kind("invalid_path", 400, "the path can't be read"),
    kind("invalid_query", 400, "a parameter is unknown or of another type"),
    kind("malformed_json", 400, "the body is not JSON"),
    kind(
        "ticket_invalid",
        401,
        "the ticket is used, over, or from another address",
    ),
    kind("token_invalid", 401, "the token is unknown, over, or was revoked"),
    kind("unauthenticated", 401, "a token is needed"),
    kind("forbidden", 403, "the token's role may not do this"),
    kind("host_not_allowed", 403, "the server is not called by this name"),
    kind("origin_not_allowed", 403, "a page of another site asks"),
    kind("not_found", 404, "there is no such thing"),
    kind("method_not_allowed", 405, "the address knows other methods"),
    kind("request_timeout", 408, "the body did not come in time"),
    kind("balls_moving", 409, "balls are moving"),
    kind("calibration_running", 409, "a calibration is under way"),
    kind("job_ended", 409, "the job has come to its end"),
    kind(
        "key_reused",
        409,
        "the Idempotency-Key was sent with another wish",
    ),
    kind("module_refused", 409, "the module can't be treated like that now"),
    kind("no_calibration_running", 409, "no calibration is under way"),
    kind("no_cue", 409, "there is no cue that can be taken by hand"),
    kind("no_cue_ball", 409, "the cue ball is not on the table"),
    kind("no_shot", 409, "no shot is being aimed"),
    kind("no_table", 409, "the table is not seen at present"),
    kind("not_calibrated", 409, "nothing is calibrated"),
    kind("settings_damaged", 409, "the settings can't be read"),
    kind(
        "precondition_failed",
        412,
        "what was to be changed has changed since",
    ),
    kind("body_too_large", 413, "the body is larger than 64 KiB"),
    kind("unsupported_media_type", 415, "the body is not application/json"),
    kind("validation", 422, "a value is impossible; `errors` names it"),
    kind("https_required", 426, "the address is reached encrypted only"),
    kind("websocket_required", 426, "the address speaks WebSocket only"),
    kind("precondition_required", 428, "what was read before must be named"),
    kind("too_many_requests", 429, "the address asks too often"),
    kind(
        "too_many_wrong_tokens",
        429,
        "too many wrong tokens came from this address",
    ),
    kind(
        "internal",
        500,
        "the server made a mistake; its log has the details",
    ),
    kind("busy", 503, "too much is being asked at once"),
    kind("no_frame", 503, "there is no camera picture"),
    kind("no_settings", 503, "the server knows of no settings"),
    kind("not_drawn", 503, "there is no such picture at present"),
    kind("not_ready", 503, "the program is not at work; `reasons` says why"),
    kind("starting", 503, "the program is still starting"),
    kind("stopping", 503, "the program is stopping"),
    kind("timeout", 503, "the answer took too long"),
    kind("too_many_clients", 503, "too many live clients are connected"),
    kind("too_many_connections", 503, "too many connections are open"),
    kind("too_many_streams", 503, "too many streams are being watched"),
    kind("not_kept", 507, "there is no room to keep it"),
];

/// What went wrong with a request: rendered as `application/problem+json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// Stable word for programs.
    pub(super) code: &'static str,
    /// What was wrong and what to do, for people.
    pub(super) detail: String,
    /// The fields that are wrong, as (path in the body, what about it).
    pub(super) errors: Vec<(String, String)>,
    /// Seconds after which a further try makes sense.
    pub(super) retry_after_s: Option<u32>,
    /// Further members of the body.
    pub(super) extra: Map<String, Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
            extra: Map::new(),
        }
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(super) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server made a mistake with this request; the log has the details.",
        )
    }

    /// A body that is JSON but says something impossible in `field`.
    pub(super) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self {
            errors: vec![(field.clone(), message.clone())],
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation",
                format!("{field}: {message}"),
            )
        }
    }

    /// The problem behind a bare status, as frameworks give it.
    pub(super) fn of_status(status: StatusCode, path: &str) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", format!("There is nothing at {path}.")),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                format!("{path} does not know this method; the Allow header names the ones it knows."),
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("body_too_large", "The request's body is too large.".to_owned())
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "Send application/json.".to_owned())
            }
            s if s.is_client_error() => {
                return Self::bad_request("bad_request", "The request can't be understood.");
            }
            _ => ("internal", "The server could not answer this request.".to_owned()),
        };
        Self::new(status, code, detail)
    }

    /// The body, for the request to `instance`.
    pub(super) fn body(&self, instance: &str) -> Value {
        let mut body = Map::new();
        body.insert(
            "type".into(),
            json!(format!("urn:billiards-trainer:problem:{}", self.code)),
        );
        body.insert(
            "title".into(),
            json!(self.status.canonical_reason().unwrap_or("Error")),
        );
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("detail".into(), json!(self.detail));
        body.insert("instance".into(), json!(instance));
        body.insert("code".into(), json!(self.code));
        if !self.errors.is_empty() {
            let errors: Vec<Value> = self
                .errors
                .iter()
                .map(|(field, message)| json!({ "field": field, "message": message }))
                .collect();
            body.insert("errors".into(), Value::Array(errors));
        }
        body.extend(self.extra.clone());
        Value::Object(body)
    }

    /// The whole response, for the request to `instance`.
    pub(super) fn render(&self, instance: &str) -> Response {
        let mut response = (self.status, Json(self.body(instance))).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Leaves the problem in the response, where the outermost layer, which knows the
/// request's path, finds and renders it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
