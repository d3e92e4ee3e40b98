//! How long each step takes.

use std::time::Instant;

/// Measures the steps.
pub(super) struct Clock {
    start: Instant,
    last: Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            last: now,
            laps: Vec::with_capacity(12),
        }
    }

    pub(super) fn lap(&mut self, name: &'static str) {
        let now = Instant::now();
        self.laps.push((name, (now - self.last).as_secs_f64() * 1e3));
        self.last = now;
    }

    pub(super) fn finish(mut self) -> Vec<(&'static str, f64)> {
        self.laps
            .push(("total", self.start.elapsed().as_secs_f64() * 1e3));
        self.laps
    }
}
