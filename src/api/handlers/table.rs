//! What is on the table, and what would happen to it.

use axum::Json;
use axum::extract::{Request, State};

use super::{Answer, Ctx, read_json};
use crate::api::{views, what_if};

pub(in crate::api) async fn table(State(context): Ctx) -> Answer {
    Ok(Json(views::table(&*context.snapshot()?)))
}

pub(in crate::api) async fn prediction(State(context): Ctx) -> Answer {
    Ok(Json(views::prediction(&*context.snapshot()?)))
}

pub(in crate::api) async fn predict(State(context): Ctx, request: Request) -> Answer {
    let body = read_json(&context, request).await?;
    what_if::answer(&context, &body).await.map(Json)
}
