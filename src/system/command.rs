//! What an operator may ask for, from the dashboard or over the network alike.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::projector::test_picture::TestPicture;
use crate::system::alerts::SilenceTarget;
use crate::system::recovery::Action;
use crate::trainer::aim::Assistance;

/// A wish of the operator. Carried out by one system, once, at one place in the frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperatorCommand {
    /// Stop or resume looking and predicting; the last picture stays.
    Pause(bool),
    /// Change to another frame source, written as for `--source`.
    SelectSource(
        #[schemars(
            length(min = 1, max = 1024),
            regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
        )]
        String,
    ),
    /// Change how much help is drawn.
    SetAssistance(Assistance),
    /// Start a module that was stopped or has failed, by its id.
    StartModule(String),
    /// Stop a module by its id, and those that need it.
    StopModule(String),
    /// Start a module again by its id.
    RestartModule(String),
    /// Take a module into service.
    EnableModule(String),
    /// Take a module out of service: that is no fault.
    DisableModule(String),
    /// Let troubles be mended by the program itself, or only note them.
    SetRecovery(bool),
    /// Do this about a module now, whatever it says.
    Recover {
        /// A module's id or `system`.
        module: String,
        /// What.
        action: Action,
    },
    /// Read the settings file again.
    ReloadSettings,
    /// Mark an alert as seen by its id.
    AcknowledgeAlert(#[serde(deserialize_with = "whole")] u64),
    /// Tell nobody of these alerts for so many seconds.
    Silence {
        /// Which.
        target: SilenceTarget,
        /// For how long, seconds, at most thirty days.
        #[schemars(range(min = 1, max = 2_592_000))]
        #[serde(deserialize_with = "whole")]
        for_s: u64,
    },
    /// End a silence by its id.
    Unsilence(#[serde(deserialize_with = "whole")] u64),
    /// Show the shot being aimed as it would roll.
    Rehearse,
    /// Look at the table without the projector's light for a moment.
    LookInTheDark,
    /// Calibrate camera and projector.
    Calibrate {
        /// Height of the camera's lens above the cloth, where somebody has measured it, metres.
        #[serde(default)]
        #[schemars(range(min = 0.3, max = 10.0))]
        camera_height_m: Option<f64>,
        /// The number under which somebody waits for what comes of it; given by whoever hands the wish on.
        #[serde(skip)]
        job: Option<u64>,
    },
    /// End the calibration under way; what was kept before holds.
    CancelCalibration,
    /// Go back to the calibration before the present one.
    RollBackCalibration,
    /// Move the projector's light on the cloth: millimetres toward the foot end, and to the left as seen from the head.
    NudgeProjector {
        /// Toward the foot end, millimetres.
        #[schemars(range(min = -20.0, max = 20.0))]
        x_mm: f64,
        /// To the left, millimetres.
        #[schemars(range(min = -20.0, max = 20.0))]
        y_mm: f64,
    },
    /// Show a test picture instead of lines, or lines again.
    ShowTestPicture(Option<TestPicture>),
    /// Take the cue of the virtual table.
    Cue(CueCommand),
    /// Stop the program in good order.
    Shutdown,
}

/// What an operator does with the cue of the virtual table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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

/// A whole number, also where it is written as 60.0: to JSON that is the same.
pub(crate) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let written = number
        .as_f64()
        .filter(|v| v.fract() == 0.0 && (0.0..=MOST_EXACT).contains(v));
    let whole = number.as_u64().or_else(|| written.map(|v| v as u64));
    whole.ok_or_else(|| D::Error::custom(format!("{number} is no whole number from 0 up")))
}

/// Up to here every whole number has a floating-point one of its own.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        let wish = |text: &str| serde_json::from_str::<OperatorCommand>(text).ok();
        for text in [
            r#"{"unsilence":7}"#,
            r#"{"unsilence":7.0}"#,
            r#"{"unsilence":0.7e1}"#,
        ] {
            assert_eq!(wish(text), Some(OperatorCommand::Unsilence(7)), "{text}");
        }
        for text in [
            r#"{"unsilence":7.5}"#,
            r#"{"unsilence":-1}"#,
            r#"{"unsilence":1e300}"#,
            r#"{"unsilence":"7"}"#,
        ] {
            assert_eq!(wish(text), None, "{text}");
        }
    }
}
