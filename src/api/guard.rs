//! What every request passes on its way in and every answer on its way out.
//!
//! In: who is asked for (DNS rebinding) and who asks (cross-site requests). Out: errors as
//! problem details, headers, counting. Between: a time limit, and a panic becomes a 500.

use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::error;

use super::auth::{address_of, is_forwarded};
use super::connection::Peer;
use super::context::Context;
use super::problem::Problem;

/// Time a handler has beyond the time a client has for its body.
const HANDLING: Duration = Duration::from_secs(1);

/// The outermost layer.
pub(super) async fn protect(
    State(context): State<Arc<Context>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let path: String = request.uri().path().chars().take(200).collect();
    let friend = friend(&context, request.headers());
    let home = is_at_home(&context, &request);
    if home {
        request.extensions_mut().insert(AtHome);
    }
    let response = match check(&context, &request)
        .and_then(|()| if home { Ok(()) } else { count(&context, &request) })
    {
        Ok(()) if friend.is_some() && is_preflight(&request) => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => run(&context, &path, request, next).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = finish(response, &path);
    if let Some(origin) = friend {
        let_in(response.headers_mut(), origin);
    }
    context
        .shared
        .stats
        .answered(response.status().as_u16(), started.elapsed());
    response
}

/// Runs the handler; a panic in it is its own fault only.
async fn run(context: &Context, path: &str, request: Request, next: Next) -> Response {
    let mut handler = pin!(next.run(request));
    let guarded = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    });
    match tokio::time::timeout(context.options.request_timeout + HANDLING, guarded).await {
        Ok(Some(response)) => response,
        Ok(None) => {
            context.shared.stats.panicked();
            error!(path, "a request handler panicked");
            Problem::internal().into_response()
        }
        Err(_) => Problem::unavailable("timeout", "The answer took too long; try again in a moment.")
            .into_response(),
    }
}

/// Turns errors into problem details and adds the headers every answer has.
fn finish(mut response: Response, path: &str) -> Response {
    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(path);
    } else if status.is_client_error() || status.is_server_error() {
        // From the framework: its own text, but its headers (Allow) are worth keeping.
        let mut rendered = Problem::of_status(status, path).render(path);
        if let Some(allow) = response.headers().get(header::ALLOW) {
            rendered.headers_mut().insert(header::ALLOW, allow.clone());
        }
        response = rendered;
    }
    let headers = response.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Marks a request from this machine itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtHome;

/// It comes from this machine, to one of its own names, and from no page of another site: in a browser here, such a page
/// could have its own name lead here.
fn is_at_home(context: &Context, request: &Request) -> bool {
    let headers = request.headers();
    let is_here = peer_of(request).is_some_and(Peer::is_local) && !is_forwarded(headers);
    let host = host_of(request);
    let own_name = host.is_none_or(|host| is_own_name(context, host));
    is_here && own_name && host.is_none_or(|host| same_origin(headers, host))
}

fn peer_of(request: &Request) -> Option<Peer> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<Peer>>()?;
    Some(*peer)
}

fn host_of(request: &Request) -> Option<&str> {
    let authority = request.uri().authority().map(|a| a.as_str());
    authority.or_else(|| text(request.headers(), header::HOST))
}

/// It does not come from a page, or from one of this server.
fn same_origin(headers: &HeaderMap, host: &str) -> bool {
    headers.get(header::ORIGIN).is_none_or(|origin| {
        origin.to_str().is_ok_and(|origin| {
            let mut schemes = ["http://", "https://"].iter();
            schemes.any(|s| {
                origin
                    .strip_prefix(s)
                    .is_some_and(|from| from.eq_ignore_ascii_case(host))
            })
        })
    })
}

/// Counts what comes from elsewhere.
fn count(context: &Context, request: &Request) -> Result<(), Problem> {
    let Some(peer) = peer_of(request) else {
        return Ok(());
    };
    let from = address_of(peer, request.headers());
    context
        .rates
        .count(from, Instant::now())
        .map_err(|wait_s| Problem {
            retry_after_s: Some(wait_s),
            ..Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "This address asks too often; wait a moment.",
            )
        })
}

/// The page of another site that asks, where the settings name it.
fn friend(context: &Context, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let named = |known: &String| {
        origin
            .as_bytes()
            .eq_ignore_ascii_case(known.trim_end_matches('/').as_bytes())
    };
    context
        .options
        .allowed_origins
        .iter()
        .any(named)
        .then(|| origin.clone())
}

/// A browser asks whether a page may ask.
fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Tells a browser that this page may read the answer. Cookies are never taken, so it needs a token of its own.
fn let_in(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let fixed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, idempotency-key, if-match",
        ),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "etag, location, retry-after, x-drawn-by",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Whether this request may come in at all.
fn check(context: &Context, request: &Request) -> Result<(), Problem> {
    let path = request.uri().path();
    if matches!(path, "/livez" | "/readyz" | "/metrics") {
        return Ok(());
    }
    let headers = request.headers();
    let host = host_of(request);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let sensitive = changes || matches!(path, "/api/v1/ws" | "/api/v1/stream.mjpeg");
    match host {
        Some(host) if !host_allowed(context, host) => {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                format!(
                    "This server is not called `{}`; use the address it listens on.",
                    host.chars().take(80).collect::<String>()
                ),
            ));
        }
        None if sensitive => {
            return Err(Problem::bad_request(
                "host_missing",
                "The Host header is missing.",
            ));
        }
        _ => {}
    }
    let friendly = friend(context, headers).is_some();
    if sensitive && !friendly && host.is_some_and(|host| !same_origin(headers, host)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "Requests from pages of other sites are not taken.",
        ));
    }
    if changes && has_body(headers) && !is_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as application/json.",
        ));
    }
    Ok(())
}

/// A page elsewhere can have its own name point at this machine. While only this machine may come in, only its own names,
/// and those of a proxy on it, are answered.
fn host_allowed(context: &Context, host: &str) -> bool {
    let name = without_port(host);
    let mut named = context.options.allowed_hosts.iter();
    !context.bound.ip().is_loopback()
        || is_own_name(context, host)
        || named.any(|h| h.eq_ignore_ascii_case(name) || h.eq_ignore_ascii_case(host))
}

/// A name that leads from this machine to itself.
fn is_own_name(context: &Context, host: &str) -> bool {
    let name = without_port(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || bare.eq_ignore_ascii_case(&context.options.host)
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => host.get(..colon).unwrap_or(host),
        _ => host,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || text(headers, header::CONTENT_LENGTH).is_some_and(|l| l.trim() != "0")
}

fn is_json(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE).is_some_and(|t| {
        let media = t.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/json")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_cut_off_names_and_addresses() {
        for (host, name) in [
            ("localhost:8000", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:8000", "[::1]"),
            ("[::1]", "[::1]"),
            ("127.0.0.1:80", "127.0.0.1"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
