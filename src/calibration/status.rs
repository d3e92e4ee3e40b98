//! What dashboard and network read of calibrations.

use std::collections::VecDeque;
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
    /// The number under which the one under way was asked for, where somebody waits for what comes of it.
    pub job: Option<u64>,
    /// What came of those that somebody waited for, the oldest first.
    pub jobs: VecDeque<Answered>,
}

impl CalibrationStatus {
    /// Answers kept for those who ask later.
    pub const MOST_JOBS: usize = 16;

    /// Keeps what came of a job.
    pub fn answer(&mut self, answered: Answered) {
        if self.jobs.len() >= Self::MOST_JOBS {
            self.jobs.pop_front();
        }
        self.jobs.push_back(answered);
    }
}

/// What came of a calibration that somebody waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The number under which it was asked for.
    pub job: u64,
    /// How it ended.
    pub how: How,
    /// In words.
    pub words: String,
    /// When, RFC 3339.
    pub at: String,
}

/// How a calibration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// As wished.
    Done,
    /// It could not be.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// What came of a wish.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Said {
    /// It was what was wished.
    pub good: bool,
    /// In words.
    pub words: String,
}
