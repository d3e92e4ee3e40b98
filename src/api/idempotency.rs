//! Wishes that are sent again because nobody knows whether they came: carried out once, answered twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::auth::Caller;
use super::auth::tokens::Role;
use super::context::Context;
use super::handlers::read_body;
use super::problem::Problem;

/// What a viewer sends changes nothing, and may as well be done twice.
pub(super) const FROM: Role = Role::Operator;
/// The header with a key that whoever asks has made up.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Set on an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// An answer is remembered for so long.
const LASTS: Duration = Duration::from_secs(24 * 3600);
/// Most answers remembered; the oldest gives way.
const MOST: usize = 256;
/// Longest key, characters.
const LONGEST: usize = 128;
/// Longest answer remembered, bytes; those to wishes are short.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// Answers to wishes with a key, oldest first.
#[derive(Default)]
pub(super) struct Answered(Mutex<VecDeque<Entry>>);

#[derive(Clone)]
struct Entry {
    caller: Caller,
    key: String,
    /// Hash of what was asked.
    asked: blake3::Hash,
    at: Instant,
    /// Empty while the first of them is being carried out.
    answer: Arc<tokio::sync::Mutex<Option<Answer>>>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    /// The place of this wish: an old one, where the same caller has used the key before.
    fn entry(&self, new: Entry) -> Entry {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.at.elapsed() < LASTS);
        if let Some(old) = entries
            .iter()
            .find(|e| e.key == new.key && e.caller == new.caller)
        {
            return old.clone();
        }
        if entries.len() >= MOST {
            entries.pop_front();
        }
        entries.push_back(new.clone());
        new
    }

    /// As if it had not come. Where others wait for the same, the next of them is carried out instead.
    fn forget(&self, entry: &Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One here, one in the list: nobody else has it.
        if Arc::strong_count(&entry.answer) <= 2 {
            entries.retain(|e| !Arc::ptr_eq(&e.answer, &entry.answer));
        }
    }
}

/// Carries a wish out, or answers as before where the same caller has sent it with the same key.
pub(super) async fn once(
    context: &Context,
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = request.headers().get(HEADER) else {
        return Ok(next.run(request).await);
    };
    let key = key.to_str().unwrap_or_default();
    if !(1..=LONGEST).contains(&key.len()) {
        let words = format!("must have 1 to {LONGEST} letters, digits and signs");
        return Err(Problem::invalid("Idempotency-Key", words));
    }
    let key = key.to_owned();
    let (parts, body) = request.into_parts();
    let bytes = read_body(context, &parts.headers, body).await?;
    let mut asked = blake3::Hasher::new();
    for part in [parts.method.as_str(), parts.uri.to_string().as_str()] {
        asked.update(part.as_bytes()).update(b"\n");
    }
    let entry = context.answered.entry(Entry {
        caller,
        key,
        asked: asked.update(&bytes).finalize(),
        at: Instant::now(),
        answer: Arc::default(),
    });
    if entry.asked != asked.finalize() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "key_reused",
            "This Idempotency-Key was sent with another wish; make up a new one for each.",
        ));
    }
    // Whoever comes while the first is carried out waits for its answer.
    let mut slot = entry.answer.lock().await;
    if let Some(answer) = slot.as_ref() {
        let mut again = (answer.status, answer.headers.clone(), answer.body.clone()).into_response();
        again
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        return Ok(again);
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let is_short = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|bytes| bytes <= ANSWER_LIMIT);
    if !response.status().is_success() || !is_short {
        // What was refused may be tried again with the same key.
        context.answered.forget(&entry);
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .map_err(|_| Problem::internal())?;
    *slot = Some(Answer {
        status: parts.status,
        headers: parts.headers.clone(),
        body: body.clone(),
    });
    Ok(Response::from_parts(parts, Body::from(body)))
}
