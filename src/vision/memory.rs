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
    /// Nothing seen yet of this table, by a camera with this readout ([`Tracker::with_readout`]), seconds.
    #[must_use]
    pub fn new(table: &TableSpec, readout_s: f64) -> Self {
        Self {
            tracker: Tracker::new(table).with_readout(readout_s),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
    use crate::vision::analyse::Analyser;
    use crate::vision::source::FrameSource as _;

    #[test]
    fn what_was_seen_is_held_and_marked_once_nothing_new_comes() {
        let options = Options {
            pace: Pace::Fast,
            size: crate::units::ImageSize::new(1280, 720),
            ..Options::new(SceneName::Still)
        };
        let mut table = VirtualTable::new(&options).unwrap();
        let mut memory = Memory::new(&options.table, 0.0);
        let mut eyes = Analyser::new(Some(options.table.clone()));
        let mut last = Instant::now();
        assert!(!memory.is_stale(last, 30.0), "nothing known is nothing old");
        for _ in 0..5 {
            let frame = table.next(Duration::from_secs(1)).unwrap().unwrap();
            last = frame.captured;
            assert!(memory.take_in(&eyes.analyse(&frame)));
        }
        let known = Arc::clone(memory.table().unwrap());
        assert!(!known.balls.is_empty());
        // A picture of something else says nothing about the table.
        let mut other = eyes.analyse(&table.next(Duration::from_secs(1)).unwrap().unwrap());
        other.table = None;
        assert!(!memory.take_in(&other));
        assert!(Arc::ptr_eq(memory.table().unwrap(), &known));
        let after = |ms| last + Duration::from_millis(ms);
        assert!(!memory.is_stale(after(490), 30.0) && memory.is_stale(after(510), 30.0));
        // A slow source is given three of its periods.
        assert!(!memory.is_stale(after(2900), 1.0) && memory.is_stale(after(3100), 1.0));
    }
}
