//! What dashboard and network read of calibrations.

use std::sync::Arc;

use super::profile::Profile;
use super::session::Progress;

/// The calibration in force and the one under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalibrationStatus {
    /// How far the one under way is.
    pub running: Option<Progress>,
    /// What came of the last wish.
    pub last: Option<Said>,
    /// What is kept.
    pub profile: Option<Arc<Profile>>,
    /// Why what is kept is not used.
    pub unfit: Option<String>,
    /// Why lines by what is kept would be wrong now, so that none are drawn.
    pub doubt: Option<String>,
    /// What has changed since without making lines wrong.
    pub change: Option<String>,
    /// How far from where it was meant light landed at the last check between shots, metres.
    pub checked_off_m: Option<f64>,
    /// How many have come to an end in this run.
    pub ended: u64,
}

/// What came of a wish.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Said {
    /// It was what was wished.
    pub good: bool,
    /// In words.
    pub words: String,
}
