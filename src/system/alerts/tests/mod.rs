//! The engine as a whole, in accelerated time.

mod board;
mod model;
mod prometheus;
mod storms;

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::*;

/// A board with its clock.
struct Bench {
    board: AlertBoard,
    start: Moment,
    now_ms: u64,
    off: Vec<&'static str>,
}

impl Bench {
    fn new(rules: Vec<Rule>) -> Self {
        Self {
            board: AlertBoard::new(rules, Duration::from_secs(1800)),
            start: Moment {
                at: Instant::now(),
                clock: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            },
            now_ms: 0,
            off: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        let since = Duration::from_millis(self.now_ms);
        Moment {
            at: self.start.at + since,
            clock: self.start.clock + since,
        }
    }

    /// One update at the present time, then a second passes.
    fn second(
        &mut self,
        conditions: &[Condition],
        metric: &dyn Fn(&str) -> Option<f64>,
    ) -> Vec<Notification> {
        let now = self.now();
        let readings = Readings {
            conditions,
            metric,
            switched_off: &self.off,
        };
        let told = self.board.update(&readings, &now);
        self.now_ms += 1000;
        let mut keys: Vec<String> = self.board.open().into_iter().map(|a| a.key).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all, "one open alert for each key");
        told
    }

    /// So many seconds of the same.
    fn seconds(
        &mut self,
        count: u64,
        conditions: &[Condition],
        metric: &dyn Fn(&str) -> Option<f64>,
    ) -> Vec<Notification> {
        (0..count).flat_map(|_| self.second(conditions, metric)).collect()
    }

    /// Changes so far, oldest first.
    fn changes(&self) -> Vec<Change> {
        let mut all: Vec<Change> = self.board.history().cloned().collect();
        all.reverse();
        all
    }
}

/// Nothing is measured.
fn nothing(_: &str) -> Option<f64> {
    None
}

fn kinds(told: &[Notification]) -> Vec<NotificationKind> {
    told.iter().map(|n| n.kind).collect()
}
