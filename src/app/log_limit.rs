//! One place that logs without end must neither fill the disk nor take the processor.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Lines one place in the program may write in each [`PERIOD`].
const LINES: u32 = 50;
/// The time those are counted over.
const PERIOD: Duration = Duration::from_secs(1);
/// Places remembered.
const PLACES: usize = 1024;

/// Lets through so many lines a second of each place in the program, and counts the rest.
#[derive(Debug, Default)]
pub(super) struct LogLimit {
    places: Mutex<HashMap<Identifier, (Instant, u32)>>,
}

static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Lines left out since start.
#[must_use]
pub fn log_lines_left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

impl LogLimit {
    fn lets_through(&self, place: Identifier, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES && !places.contains_key(&place) {
            places.retain(|_, (since, _)| now.saturating_duration_since(*since) < PERIOD);
        }
        let (since, count) = places.entry(place).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= PERIOD {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        let lets = *count <= LINES;
        LEFT_OUT.fetch_add(u64::from(!lets), Ordering::Relaxed);
        lets
    }
}

impl<S: Subscriber> Filter<S> for LogLimit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(event.metadata().callsite(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_floods_is_cut_and_others_are_heard() {
        use tracing_subscriber::layer::SubscriberExt as _;
        let ring = crate::app::LogRing::default();
        let subscriber = tracing_subscriber::registry().with(tracing_subscriber::Layer::with_filter(
            ring.clone(),
            LogLimit::default(),
        ));
        tracing::subscriber::with_default(subscriber, || {
            for i in 0..10_000 {
                tracing::info!("flood {i}");
            }
            tracing::info!("another place");
        });
        let lines = ring.news(&mut 0).unwrap();
        let floods = lines.iter().filter(|l| l.message.starts_with("flood")).count();
        assert!((1..=200).contains(&floods), "{floods}");
        assert_eq!(lines.last().unwrap().message, "another place");
        assert!(log_lines_left_out() >= 9_000);
    }
}
