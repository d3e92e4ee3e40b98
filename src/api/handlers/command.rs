//! Any wish of an operator, as the dashboard has them.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::alerts::check_silence;
use super::calibration::{check_calibration, check_nudge};
use super::system::{check_module, check_recovery};
use super::{Accepted, Ctx, accept, read_wish};
use crate::api::auth::Caller;
use crate::api::auth::tokens::Role;
use crate::api::problem::Problem;
use crate::system::command::OperatorCommand;

pub(in crate::api) async fn command(
    State(context): Ctx,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Accepted {
    let command: OperatorCommand = read_wish(&context, request, "command").await?;
    match &command {
        OperatorCommand::Shutdown => caller.must_be(Role::Admin)?,
        OperatorCommand::SelectSource(source) => {
            let odd = source.trim().is_empty() || source.len() > 1024 || source.chars().any(char::is_control);
            if odd {
                return Err(Problem::invalid(
                    "select_source",
                    "must be a source as for --source, at most 1024 characters",
                ));
            }
        }
        OperatorCommand::StartModule(_)
        | OperatorCommand::StopModule(_)
        | OperatorCommand::RestartModule(_)
        | OperatorCommand::EnableModule(_)
        | OperatorCommand::DisableModule(_) => check_module(&context, &caller, &command)?,
        OperatorCommand::Recover { .. } => check_recovery(&context, &caller, &command)?,
        OperatorCommand::Silence { .. } | OperatorCommand::Unsilence(_) => check_silence(&context, &command)?,
        OperatorCommand::ReloadSettings => caller.must_be(Role::Admin)?,
        OperatorCommand::SetRecovery(_) => {}
        OperatorCommand::AcknowledgeAlert(id) => {
            if !context.snapshot()?.status.alerts.iter().any(|a| a.id == *id) {
                return Err(Problem::not_found(format!("There is no open alert `{id}`.")));
            }
        }
        OperatorCommand::Calibrate { .. }
        | OperatorCommand::CancelCalibration
        | OperatorCommand::RollBackCalibration => check_calibration(&context, &command)?,
        OperatorCommand::NudgeProjector { x_mm, y_mm } => check_nudge(&context, [*x_mm, *y_mm])?,
        OperatorCommand::Pause(_)
        | OperatorCommand::SetAssistance(_)
        | OperatorCommand::LookInTheDark
        | OperatorCommand::ShowTestPicture(_) => {}
        OperatorCommand::Rehearse => {
            if context.snapshot()?.shot.is_none() {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "no_shot",
                    "No shot is being aimed that could be shown.",
                ));
            }
        }
        OperatorCommand::Cue(_) => {
            if context.snapshot()?.status.hand_cue.is_none() {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "no_cue",
                    "Only the virtual table has a cue that can be taken by hand.",
                ));
            }
        }
    }
    accept(&context, &caller, command)
}

pub(in crate::api) async fn reload(State(context): Ctx, Extension(caller): Extension<Caller>) -> Accepted {
    accept(&context, &caller, OperatorCommand::ReloadSettings)
}

pub(in crate::api) async fn shutdown(State(context): Ctx, Extension(caller): Extension<Caller>) -> Accepted {
    caller.must_be(Role::Admin)?;
    accept(&context, &caller, OperatorCommand::Shutdown)
}
