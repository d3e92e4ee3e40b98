//! Work that takes long: how far it is, and its end.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::{Accepted, Answer, Ctx, accept, path};
use crate::api::auth::Caller;
use crate::api::context::Context;
use crate::api::jobs::Job;
use crate::api::problem::Problem;
use crate::calibration::status::CalibrationStatus;
use crate::system::command::OperatorCommand;

pub(in crate::api) async fn list(State(context): Ctx) -> Answer {
    let snapshot = context.snapshot()?;
    let jobs = context.jobs.newest_first();
    let jobs: Vec<Value> = jobs.iter().map(|job| view(job, &snapshot.calibration)).collect();
    Ok(Json(json!({ "jobs": jobs })))
}

pub(in crate::api) async fn one(State(context): Ctx, id: Result<Path<String>, PathRejection>) -> Answer {
    let job = known(&context, id)?;
    Ok(Json(view(&job, &context.snapshot()?.calibration)))
}

pub(in crate::api) async fn cancel(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Accepted {
    let job = known(&context, id)?;
    if has_ended(&job, &context.snapshot()?.calibration) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "job_ended",
            "This job has come to its end already.",
        ));
    }
    accept(&context, &caller, OperatorCommand::CancelCalibration)
}

fn known(context: &Context, id: Result<Path<String>, PathRejection>) -> Result<Job, Problem> {
    let id = path(id)?;
    let job = (context.jobs.newest_first().into_iter()).find(|job| id.parse() == Ok(job.id));
    job.ok_or_else(|| {
        let id: String = id.chars().take(60).collect();
        Problem::not_found(format!(
            "There is no job `{id}`; GET /api/v1/jobs lists those that are known."
        ))
    })
}

fn has_ended(job: &Job, calibration: &CalibrationStatus) -> bool {
    calibration.jobs.iter().any(|answered| answered.job == job.id)
}

/// How far a job is.
pub(super) fn view(job: &Job, calibration: &CalibrationStatus) -> Value {
    let answered = calibration.jobs.iter().find(|answered| answered.job == job.id);
    let is_running = answered.is_none() && calibration.job == Some(job.id);
    let progress = calibration.running.filter(|_| is_running);
    let state = match answered {
        Some(answered) => json!(answered.how),
        None if is_running => json!("running"),
        None => json!("queued"),
    };
    let doing = progress.map(|progress| progress.words);
    json!({
        "id": job.id,
        "what": job.what,
        "state": state,
        "share": progress.map(|progress| progress.share),
        "words": answered.map(|answered| answered.words.as_str()).or(doing),
        "asked_at": job.asked_at,
        "ended_at": answered.map(|answered| &answered.at),
    })
}
