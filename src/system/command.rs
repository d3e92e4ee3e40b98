//! What an operator may ask for, from the dashboard or over the network alike.

use serde::{Deserialize, Serialize};

use crate::trainer::aim::Assistance;

/// A wish of the operator. Carried out by one system, once, at one place in the frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorCommand {
    /// Stop or resume looking and predicting; the last picture stays.
    Pause(bool),
    /// Change to another frame source, written as for `--source`.
    SelectSource(String),
    /// Change how much help is drawn.
    SetAssistance(Assistance),
    /// Start a module again by its id.
    RestartModule(String),
    /// Mark an alert as seen by its id.
    AcknowledgeAlert(u64),
    /// Show the shot being aimed as it would roll.
    Rehearse,
    /// Take the cue of the virtual table.
    Cue(CueCommand),
    /// Stop the program in good order.
    Shutdown,
}

/// What an operator does with the cue of the virtual table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CueCommand {
    /// Point it: degrees anticlockwise from the direction to the foot end.
    Aim(f64),
    /// Turn it by so many degrees, anticlockwise.
    Turn(f64),
    /// Speed of the stick for the next shot, m/s.
    Speed(f64),
    /// Shoot where it points.
    Shoot,
    /// Give it back to the script.
    Release,
}
