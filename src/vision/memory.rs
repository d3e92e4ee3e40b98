//! What is known of the table while nothing new is seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::table::TableSpec;
use crate::vision::observation::Observation;
use crate::vision::track::{TableState, Tracker};

/// A table that was not seen for this long may have changed.
const STALE: Duration = Duration::from_millis(500);

/// The tracked table, kept over every loss of the source: what was seen last is held and marked as old.
#[derive(Debug)]
pub struct Memory {
    tracker: Tracker,
    table: Option<Arc<TableState>>,
}

impl Memory {
    /// Nothing seen yet of this table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self {
            tracker: Tracker::new(table),
            table: None,
        }
    }

    /// Takes in what was seen; true when it says something of the table.
    pub fn take_in(&mut self, observation: &Observation) -> bool {
        let state = self.tracker.update(observation).map(Arc::new);
        let is_new = state.is_some();
        self.table = state.or_else(|| self.table.take());
        is_new
    }

    /// The table as last seen, however long that is ago.
    #[must_use]
    pub const fn table(&self) -> Option<&Arc<TableState>> {
        self.table.as_ref()
    }

    /// True where the table, if any, may have changed since it was seen. A slow source (`rate_hz` pictures a second)
    /// is given three of its periods.
    #[must_use]
    pub fn is_stale(&self, now: Instant, rate_hz: f64) -> bool {
        let limit = STALE.max(Duration::from_secs_f64(3.0 / rate_hz.clamp(0.1, 1e3)));
        let old = |t: &Arc<TableState>| now.saturating_duration_since(t.captured) > limit;
        self.table.as_ref().is_some_and(old)
    }
}
