//! What was measured: the last hour in memory, two years on disk.
//!
//! [`Ring`] holds one sample a second for an hour. [`History`] writes the same samples, on a thread of
//! its own, to an SQLite file: every second for 24 hours, every minute for 90 days, every hour for two
//! years, with smallest, mean and largest value. Whoever records never waits: what the thread can't take
//! is dropped and counted.

mod aside;
mod clock;
mod query;
mod ring;
mod row;
mod store;
pub mod trend;
mod writer;

pub use query::{MOST_POINTS, Point, query};
pub use ring::{KEPT, Ring};
pub use writer::{History, HistoryState};

#[cfg(test)]
mod tests;
