//! What is on the table, what would happen to it, and what could be played.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};

use super::{Answer, Ctx, asked, read_json};
use crate::api::{suggest, views, what_if};

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

pub(in crate::api) async fn suggestions(
    State(context): Ctx,
    query: Result<Query<suggest::Wish>, QueryRejection>,
) -> Answer {
    suggest::for_the_table(&context, asked(query)?).await.map(Json)
}

pub(in crate::api) async fn suggest(State(context): Ctx, request: Request) -> Answer {
    let body = read_json(&context, request).await?;
    suggest::for_a_lie(&context, &body).await.map(Json)
}
