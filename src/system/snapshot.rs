//! The one immutable picture of everything that dashboard and network read.

use std::sync::Arc;

use crate::calibration::status::CalibrationStatus;
use crate::physics::prediction::Prediction;
use crate::physics::spread::Spread;
use crate::projector::overlay::Shape;
use crate::system::alerts::{Change, Silence};
use crate::system::forecast::Forecast;
use crate::system::journal::SystemEvent;
use crate::system::metrics::Sample;
use crate::system::recovery::Attempt;
use crate::system::status::SystemStatus;
use crate::table::TableSpec;
use crate::trainer::aim::ShotIntent;
use crate::trainer::played::Shot;
use crate::units::Vec2;
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;
use crate::vision::track::{BallId, TableState};

/// A line of the log as shown to an operator.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// Counts up by one.
    pub id: u64,
    /// RFC 3339.
    pub time: String,
    /// `ERROR`, `WARN`, `INFO`.
    pub level: &'static str,
    /// Where it comes from.
    pub target: String,
    /// The words.
    pub message: String,
}

/// A predicted shot together with what it was predicted from.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedShot {
    /// What the player aims at.
    pub intent: ShotIntent,
    /// The ids of the balls, in the order of `prediction.paths`.
    pub balls: Vec<BallId>,
    /// The event log.
    pub prediction: Prediction,
    /// How sure that is, given what is known of aim and balls. Comes a moment later.
    pub spread: Option<Arc<Spread>>,
}

/// A ball of a shot that is shown as it would roll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RehearsedBall {
    /// Which ball.
    pub id: BallId,
    /// Where it would be now, metres.
    pub position_m: Vec2,
    /// It would be rolling.
    pub moves: bool,
}

/// An encoded picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedImage {
    /// PNG bytes.
    pub png: Vec<u8>,
}

/// What there is to know of alerts beside the open ones.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct AlertingStatus {
    /// Of what nobody is told for a while.
    pub silences: Vec<Silence>,
    /// The last changes, newest first.
    pub history: Vec<Change>,
    /// How each webhook is.
    #[cfg(feature = "app")]
    pub webhooks: Vec<crate::system::webhook::WebhookStatus>,
}

/// What recovery has done and given up.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct RecoveryStatus {
    /// Troubles are mended, not only noted.
    pub enabled: bool,
    /// Modules of which all was tried.
    pub given_up: Vec<&'static str>,
    /// The last attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One second of the past, for plots. `None`: not measured in that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct HistorySample {
    /// Seconds since start.
    pub uptime_s: f64,
    /// Frames analysed per second.
    pub rate_hz: Option<f64>,
    /// Median time to analyse a frame, ms.
    pub vision_ms: Option<f64>,
    /// Median time from capture to overlay, ms.
    pub latency_ms: Option<f64>,
    /// Age of the newest analysed frame, ms.
    pub frame_age_ms: Option<f64>,
}

/// Made once per turn of the main loop, swapped in atomically, never changed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts up by one per turn.
    pub sequence: u64,
    /// When it was made, RFC 3339 UTC.
    pub time: String,
    /// Health, modules, alerts, metrics.
    pub status: Arc<SystemStatus>,
    /// The table model in use.
    pub table_spec: Arc<TableSpec>,
    /// What is on the table, once known.
    pub table: Option<Arc<TableState>>,
    /// It may have changed since: nothing is seen at present.
    pub table_stale: bool,
    /// The shot being aimed, if one is.
    pub shot: Option<Arc<PredictedShot>>,
    /// Shots as they were played, the oldest first.
    pub played: Arc<Vec<Arc<Shot>>>,
    /// The aimed shot as it would roll, while somebody watches that.
    pub rehearsal: Option<Arc<Vec<RehearsedBall>>>,
    /// How camera and projector are calibrated.
    pub calibration: Arc<CalibrationStatus>,
    /// What the projector draws.
    pub shapes: Arc<Vec<Shape>>,
    /// The newest analysed frame.
    pub frame: Option<Frame>,
    /// What was found in it.
    pub observation: Option<Arc<Observation>>,
    /// Rate, times and age over the last minutes, one sample a second, oldest first.
    pub history: Arc<Vec<HistorySample>>,
    /// The last lines of the log, oldest first.
    pub log: Arc<Vec<LogLine>>,
    /// What has happened, oldest first.
    pub events: Arc<Vec<SystemEvent>>,
    /// What recovery has done.
    pub recovery: Arc<RecoveryStatus>,
    /// Silences, changes of alerts, webhooks.
    pub alerting: Arc<AlertingStatus>,
    /// The newest sample of everything that is measured.
    pub sample: Arc<Sample>,
    /// What is foreseen of it.
    pub forecasts: Arc<Vec<Forecast>>,
}
