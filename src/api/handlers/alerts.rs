//! Alerts: seen, silenced.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Accepted, Answer, Ctx, accept, path, read_wish};
use crate::api::auth::Caller;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::system::alerts::SilenceTarget;
use crate::system::command::{OperatorCommand, whole};

pub(in crate::api) async fn alerts(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    Ok(Json(json!({
        "alerts": snapshot.status.alerts,
        "silences": snapshot.alerting.silences,
        "history": snapshot.alerting.history,
        "webhooks": snapshot.alerting.webhooks,
    })))
}

pub(in crate::api) async fn silence(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Accepted {
    let asked: NewSilence = read_wish(&context, request, "silence").await?;
    let command = OperatorCommand::Silence {
        target: asked.target,
        for_s: asked.for_s,
    };
    check_silence(&context, &command)?;
    accept(&context, &caller, command)
}

/// Of what nobody is to be told, and for how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewSilence {
    target: SilenceTarget,
    /// Seconds, at most thirty days.
    #[schemars(range(min = 1, max = 2_592_000))]
    #[serde(deserialize_with = "whole")]
    for_s: u64,
}

pub(in crate::api) async fn unsilence(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Accepted {
    let id = path(id)?;
    let known = id.parse().ok().filter(|id| {
        context
            .snapshot()
            .is_ok_and(|s| s.alerting.silences.iter().any(|x| x.id == *id))
    });
    let id = known.ok_or_else(|| Problem::not_found("There is no silence with this number.".to_owned()))?;
    accept(&context, &caller, OperatorCommand::Unsilence(id))
}

pub(super) fn check_silence(context: &Context, command: &OperatorCommand) -> Result<(), Problem> {
    match command {
        OperatorCommand::Silence { for_s, .. } if !(1..=30 * 86_400).contains(for_s) => {
            Err(Problem::invalid("for_s", "must be 1 second to 30 days (2592000)"))
        }
        OperatorCommand::Unsilence(id)
            if !context.snapshot()?.alerting.silences.iter().any(|s| s.id == *id) =>
        {
            Err(Problem::not_found(format!("There is no silence `{id}`.")))
        }
        _ => Ok(()),
    }
}

pub(in crate::api) async fn acknowledge(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Accepted {
    let id = path(id)?;
    let snapshot = context.snapshot()?;
    let known = id
        .parse::<u64>()
        .ok()
        .filter(|id| snapshot.status.alerts.iter().any(|a| a.id == *id));
    let Some(known) = known else {
        let id: String = id.chars().take(60).collect();
        return Err(Problem::not_found(format!("There is no open alert `{id}`.")));
    };
    accept(&context, &caller, OperatorCommand::AcknowledgeAlert(known))
}
