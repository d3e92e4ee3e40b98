//! The camera's picture as an endless motion JPEG.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_lite::stream;

use super::auth::Caller;
use super::context::{Context, stopped};
use super::frames::{self, Made, Wanted};
use super::problem::Problem;

/// A picture that does not change is sent again after this long, so that the connection is seen to live.
const REPEAT: Duration = Duration::from_secs(5);

/// What a client asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) wanted: Wanted,
    /// At most so many pictures per second.
    pub(super) fps: f64,
}

/// Starts a stream, if there is room for one more.
pub(super) fn respond(
    context: Arc<Context>,
    caller: Caller,
    settings: Settings,
) -> Result<Response, Problem> {
    let place = Arc::clone(&context.streams).try_acquire_owned().map_err(|_| {
        Problem::unavailable(
            "too_many_streams",
            "Too many streams are being watched; try again later.",
        )
    })?;
    context.snapshot()?;
    let pace = Duration::from_secs_f64(1.0 / settings.fps.clamp(0.1, 15.0));
    let mut ticks = tokio::time::interval(pace);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let last: Option<(Made, Instant)> = None;
    // Whoever reads slowly asks for the next picture late and gets the newest one then.
    let parts = stream::unfold(
        (context, caller, ticks, last, place),
        move |(context, caller, mut ticks, mut last, place)| async move {
            loop {
                tokio::select! {
                    () = stopped(context.stop.clone()) => return None,
                    _ = ticks.tick() => {}
                }
                if !context.gate.still_holds(&caller) {
                    return None;
                }
                let Ok((made, jpeg)) = frames::frame_jpeg(&context, settings.wanted).await else {
                    continue;
                };
                if last.is_some_and(|(of, at)| of == made && at.elapsed() < REPEAT) {
                    continue;
                }
                last = Some((made, Instant::now()));
                return Some((
                    Ok::<_, std::convert::Infallible>(part(&jpeg)),
                    (context, caller, ticks, last, place),
                ));
            }
        },
    );
    let kind = "multipart/x-mixed-replace; boundary=frame";
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response())
}

fn part(jpeg: &Bytes) -> Bytes {
    let head = format!(
        "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        jpeg.len()
    );
    [head.as_bytes(), jpeg, b"\r\n"].concat().into()
}
