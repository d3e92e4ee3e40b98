//! Shots as they were played.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::Wanted;
use super::{Answer, Ctx, asked, path};
use crate::api::problem::Problem;
use crate::trainer::played::Shot;

/// Shots in one answer, where nobody says how many.
const USUAL: usize = 50;
/// Most of them.
pub(in crate::api) const MOST: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ListQuery {
    limit: Option<usize>,
    before: Option<u64>,
}

/// The newest first; `next` is where to go on.
pub(in crate::api) async fn list(
    State(context): Ctx,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Answer {
    let query = asked(query)?;
    let wanted = Wanted::new(query.limit, query.before, USUAL, 1..=MOST)?;
    let played = Arc::clone(&context.snapshot()?.played);
    let (shots, next) = wanted.of(played.iter().rev(), |shot| shot.id);
    let shots: Vec<Value> = shots.into_iter().map(|shot| summary(shot)).collect();
    Ok(Json(json!({ "shots": shots, "next": next })))
}

pub(in crate::api) async fn one(State(context): Ctx, id: Result<Path<String>, PathRejection>) -> Answer {
    let id = path(id)?;
    let played = Arc::clone(&context.snapshot()?.played);
    let known = id
        .parse()
        .ok()
        .and_then(|id: u64| played.iter().find(|shot| shot.id == id));
    let known = known.ok_or_else(|| {
        let id: String = id.chars().take(60).collect();
        Problem::not_found(format!(
            "There is no shot `{id}`; GET /api/v1/shots lists those that are kept."
        ))
    })?;
    Ok(Json(json!(**known)))
}

/// A shot without its ways.
fn summary(shot: &Shot) -> Value {
    let count = |what: &str| shot.events.iter().filter(|event| event.what == what).count();
    let way = |id| shot.ways.iter().find(|way| way.ball == id);
    let pocketed: Vec<Value> = (shot.events.iter().filter(|event| event.what == "pocketed"))
        .map(|event| {
            let ball = event.balls.first().copied();
            let way = ball.and_then(way);
            json!({ "ball": ball, "group": way.map(|w| w.group), "number": way.and_then(|w| w.number), "pocket": event.pocket })
        })
        .collect();
    json!({
        "id": shot.id, "struck_at": shot.struck_at, "duration_s": shot.duration_s, "struck": shot.struck,
        "pocketed": pocketed, "cushions": count("cushion"), "contacts": count("contact") + count("first_contact"),
    })
}
