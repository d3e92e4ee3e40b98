//! One frame in, one observation out.

use std::time::Instant;

use crate::table::TableSpec;
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;

/// Finds table, balls and cue in a frame. Holds what it learned from earlier frames of
/// the same source (cloth colour, table place, scratch buffers).
#[derive(Debug, Default)]
pub struct Analyser {
    table: Option<TableSpec>,
}

impl Analyser {
    /// An analyser that knows which table it looks at, or `None` to find out.
    #[must_use]
    pub fn new(table: Option<TableSpec>) -> Self {
        Self { table }
    }

    /// Forgets everything learned from earlier frames.
    pub fn reset(&mut self) {
        *self = Self::new(self.table.take());
    }

    /// Looks at one frame.
    pub fn analyse(&mut self, frame: &Frame) -> Observation {
        let start = Instant::now();
        Observation {
            sequence: frame.sequence,
            captured: frame.captured,
            image: frame.size,
            table: None,
            balls: Vec::new(),
            cues: Vec::new(),
            timing_ms: vec![("total", start.elapsed().as_secs_f64() * 1e3)],
            warnings: Vec::new(),
        }
    }
}
