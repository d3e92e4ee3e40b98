//! What camera, projector and dashboard show.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;

use super::{Answer, Ctx, asked};
use crate::api::auth::Caller;
use crate::api::frames::{Quality, Wanted};
use crate::api::problem::Problem;
use crate::api::{frames, stream, views};

/// What a client may ask of a camera picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct FrameQuery {
    annotate: Option<u8>,
    width: Option<u32>,
    #[serde(default)]
    quality: Quality,
    /// Frames per second of a stream.
    fps: Option<f64>,
    /// Anything, to get around caches.
    #[serde(rename = "t")]
    _t: Option<String>,
    /// Has been looked at already.
    #[serde(rename = "ticket")]
    _ticket: Option<String>,
}

impl FrameQuery {
    fn wanted(&self) -> Wanted {
        Wanted {
            annotate: self.annotate == Some(1),
            width: self.width,
            quality: self.quality,
        }
    }

    fn read(query: Result<Query<Self>, QueryRejection>) -> Result<Self, Problem> {
        let query = asked(query)?;
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

pub(in crate::api) async fn frame_jpg(
    State(context): Ctx,
    query: Result<Query<FrameQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = FrameQuery::read(query)?;
    let (_, bytes) = frames::frame_jpeg(&context, query.wanted()).await?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], bytes).into_response())
}

pub(in crate::api) async fn projector(State(context): Ctx) -> Answer {
    Ok(Json(views::projector(&*context.snapshot()?)))
}

pub(in crate::api) async fn projector_png(State(context): Ctx) -> Result<Response, Problem> {
    let (rendered, bytes) = frames::projector_png(&context).await?;
    let by = if rendered { "projector" } else { "software" };
    Ok(([("content-type", "image/png"), ("x-drawn-by", by)], bytes).into_response())
}

pub(in crate::api) async fn dashboard_png(State(context): Ctx) -> Result<Response, Problem> {
    let bytes = frames::dashboard_png(&context).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], bytes).into_response())
}

pub(in crate::api) async fn stream_mjpeg(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    query: Result<Query<FrameQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = FrameQuery::read(query)?;
    let settings = stream::Settings {
        wanted: query.wanted(),
        fps: query.fps.unwrap_or(10.0),
    };
    stream::respond(context, caller, settings)
}
