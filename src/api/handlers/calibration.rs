//! Camera and projector against each other.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::precondition::Tag;
use super::{Accepted, Ctx, accept, read_wish};
use crate::api::auth::Caller;
use crate::api::context::Context;
use crate::api::problem::Problem;
use crate::api::views;
use crate::calibration::profile::MOST_NUDGE_M;
use crate::calibration::status::CalibrationStatus;
use crate::system::command::OperatorCommand;
use crate::units::MM_PER_M;

pub(in crate::api) async fn calibration(State(context): Ctx) -> Result<Response, Problem> {
    let snapshot = context.snapshot()?;
    let status = &snapshot.calibration;
    Ok(tag(status).on(views::calibration(status)))
}

/// Tells one calibration from another.
fn tag(status: &CalibrationStatus) -> Tag {
    Tag::of(&json!(status.profile.as_deref()).to_string())
}

/// What a calibration is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CalibrationWish {
    /// Height of the camera's lens above the cloth, where somebody has measured it, metres.
    #[schemars(range(min = 0.3, max = 10.0))]
    camera_height_m: Option<f64>,
}

pub(in crate::api) async fn calibrate(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Accepted {
    let headers = request.headers().clone();
    let wish: CalibrationWish = read_wish(&context, request, "calibration").await?;
    tag(&context.snapshot()?.calibration).is_named_by(&headers)?;
    let command = OperatorCommand::Calibrate {
        camera_height_m: wish.camera_height_m,
        job: None,
    };
    check_calibration(&context, &command)?;
    accept(&context, &caller, command)
}

pub(in crate::api) async fn cancel_calibration(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
) -> Accepted {
    check_calibration(&context, &OperatorCommand::CancelCalibration)?;
    accept(&context, &caller, OperatorCommand::CancelCalibration)
}

pub(in crate::api) async fn roll_back_calibration(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Accepted {
    // Whoever presses at the same time as somebody else does not go back twice.
    tag(&context.snapshot()?.calibration).is_named_by(&headers)?;
    check_calibration(&context, &OperatorCommand::RollBackCalibration)?;
    accept(&context, &caller, OperatorCommand::RollBackCalibration)
}

/// Only what is calibrated can be fine-tuned, and only by a little.
pub(super) fn check_nudge(context: &Context, mm: [f64; 2]) -> Result<(), Problem> {
    let most = MOST_NUDGE_M * MM_PER_M;
    if mm.iter().any(|v| v.is_nan() || v.abs() > most) {
        let words = format!("`x_mm` and `y_mm` must be numbers from -{most} to {most}.");
        return Err(Problem::invalid("nudge_projector", words));
    }
    if context.snapshot()?.calibration.profile.is_none() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "not_calibrated",
            "Nothing is calibrated that could be fine-tuned; POST /api/v1/calibration calibrates.",
        ));
    }
    Ok(())
}

/// A wish about the calibration that can't be carried out is refused at once.
pub(super) fn check_calibration(context: &Context, command: &OperatorCommand) -> Result<(), Problem> {
    let conflict = |code, detail: &str| Err(Problem::new(StatusCode::CONFLICT, code, detail));
    let running = context.snapshot()?.calibration.running.is_some();
    match command {
        OperatorCommand::Calibrate { camera_height_m, .. } => {
            if camera_height_m.is_some_and(|h| !(0.3..=10.0).contains(&h)) {
                return Err(Problem::invalid(
                    "camera_height_m",
                    "must be 0.3 to 10 metres above the cloth",
                ));
            }
            if running {
                return conflict(
                    "calibration_running",
                    "A calibration is under way; DELETE /api/v1/calibration ends it.",
                );
            }
        }
        OperatorCommand::CancelCalibration if !running => {
            return conflict("no_calibration_running", "No calibration is under way.");
        }
        OperatorCommand::RollBackCalibration if running => {
            return conflict("calibration_running", "A calibration is under way; end it first.");
        }
        _ => {}
    }
    Ok(())
}
