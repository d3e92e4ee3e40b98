//! Nobody undoes what somebody else has just done: ETag and If-Match (RFC 9110, 8.8.3 and 13.1.1).

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::api::problem::Problem;

/// Tells one state of a thing from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// The tag of a state that is written like this.
    pub(super) fn of(written: &str) -> Self {
        let hash = blake3::hash(written.as_bytes()).to_hex();
        Self(format!("\"{}\"", hash.get(..16).unwrap_or_default()))
    }

    /// An answer with this tag.
    pub(super) fn on(&self, body: Value) -> Response {
        let mut answer = Json(body).into_response();
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            answer.headers_mut().insert(header::ETAG, tag);
        }
        answer
    }

    /// Whether whoever changes has read this state: true where it is named, false where no state is.
    ///
    /// # Errors
    /// Other states are named.
    pub(super) fn is_named_by(&self, headers: &HeaderMap) -> Result<bool, Problem> {
        let mut named = headers.get_all(header::IF_MATCH).iter().peekable();
        if named.peek().is_none() {
            return Ok(false);
        }
        let fits = named.any(|list| {
            let mut tags = list.to_str().unwrap_or_default().split(',').map(str::trim);
            tags.any(|one| one == "*" || one == self.0)
        });
        if fits {
            return Ok(true);
        }
        Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "It has changed since it was read; read it again, and change what is still to be changed.",
        ))
    }
}
