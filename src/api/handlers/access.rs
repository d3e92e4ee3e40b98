//! Who one is, and tickets.

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;

use super::Ctx;
use crate::api::auth::tokens::Role;
use crate::api::auth::{Caller, TICKET_LASTS};
use crate::api::connection::Peer;
use crate::api::problem::Problem;

/// Whoever asks, as the gate knows it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Who {
    /// What is allowed.
    role: Role,
    /// The token's name; on the machine itself `local`.
    name: String,
}

/// A ticket for a live connection or a stream.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct NewTicket {
    /// To be sent as the parameter `ticket`, once.
    ticket: String,
    /// It must be used within this time, seconds.
    lasts_s: u64,
}

pub(in crate::api) async fn who(State(context): Ctx, Extension(caller): Extension<Caller>) -> Json<Who> {
    let name = context.gate.name_of(&caller);
    Json(Who {
        role: caller.role,
        name,
    })
}

pub(in crate::api) async fn ticket(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<NewTicket>), Problem> {
    let ticket = context.gate.ticket(peer, &headers, caller)?;
    let lasts_s = TICKET_LASTS.as_secs();
    Ok((StatusCode::CREATED, Json(NewTicket { ticket, lasts_s })))
}
