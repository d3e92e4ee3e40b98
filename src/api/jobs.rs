//! Work that takes long: asked for in one request, followed and ended in others.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::context::now;
use crate::calibration::status::CalibrationStatus;

/// Jobs asked for, the oldest first; as many as the main loop keeps answers to.
#[derive(Default)]
pub(super) struct Jobs(Mutex<VecDeque<Job>>);

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Counts up, also over restarts: whoever asks for an old job is never told of another.
    pub(super) id: u64,
    /// What kind of work.
    pub(super) what: &'static str,
    /// When it was asked for, RFC 3339.
    pub(super) asked_at: String,
}

impl Jobs {
    /// Takes in a new one.
    pub(super) fn open(&self, what: &'static str) -> Job {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clock_ms = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        let clock_ms = u64::try_from(clock_ms).unwrap_or_default();
        let job = Job {
            id: jobs.back().map_or(clock_ms, |last| clock_ms.max(last.id + 1)),
            what,
            asked_at: now(),
        };
        if jobs.len() >= CalibrationStatus::MOST_JOBS {
            jobs.pop_front();
        }
        jobs.push_back(job.clone());
        job
    }

    /// It could not be handed on: as if it had not been asked for.
    pub(super) fn withdraw(&self, id: u64) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|job| job.id != id);
    }

    /// All that are known, the newest first.
    pub(super) fn newest_first(&self) -> Vec<Job> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().rev().cloned().collect()
    }
}
