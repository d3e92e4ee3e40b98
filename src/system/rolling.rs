//! Figures over the last few seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Values of the last seconds, bounded in time and number.
#[derive(Clone, Debug)]
pub struct Rolling {
    span: Duration,
    capacity: usize,
    values: VecDeque<(Instant, f64)>,
}

impl Rolling {
    /// Keeps values for `span`, at most `capacity` of them.
    #[must_use]
    pub fn new(span: Duration, capacity: usize) -> Self {
        Self {
            span,
            capacity,
            values: VecDeque::with_capacity(capacity),
        }
    }

    /// Adds a value measured at `now`; what is not finite is left out.
    pub fn push(&mut self, now: Instant, value: f64) {
        self.forget(now);
        if value.is_finite() {
            if self.values.len() >= self.capacity {
                self.values.pop_front();
            }
            self.values.push_back((now, value));
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    fn forget(&mut self, now: Instant) {
        while self
            .values
            .front()
            .is_some_and(|(t, _)| now.saturating_duration_since(*t) > self.span)
        {
            self.values.pop_front();
        }
    }

    /// The quantile `q` (0..1) of what is younger than the span; `None` when nothing is.
    #[must_use]
    pub fn quantile(&self, now: Instant, q: f64) -> Option<f64> {
        let mut values: Vec<f64> = self.young(now).map(|v| v.1).collect();
        quantile(&mut values, q)
    }

    /// Values per second over the span; `None` before there are two.
    #[must_use]
    pub fn rate_hz(&self, now: Instant) -> Option<f64> {
        let first = self.young(now).next()?.0;
        let last = self.values.back()?.0;
        let count = self.young(now).count();
        // Counted up to now when it has stalled, so that a stopped source falls to zero.
        let quiet = now.saturating_duration_since(last).as_secs_f64();
        let span = last.saturating_duration_since(first).as_secs_f64();
        let mean_gap = span / (count.saturating_sub(1).max(1)) as f64;
        let span = if quiet > 3.0 * mean_gap {
            span + quiet
        } else {
            span
        };
        (count >= 2 && span > 0.0).then(|| (count - 1) as f64 / span)
    }

    /// Share of the values, 0..1, that are not the usual one (their median); `None` before there are thirty.
    #[must_use]
    pub fn unusual_share(&self, now: Instant) -> Option<f64> {
        let usual = self.quantile(now, 0.5)?;
        let count = self.young(now).count();
        let unusual = self.young(now).filter(|(_, value)| *value != usual).count();
        (count >= 30).then(|| unusual as f64 / count as f64)
    }

    fn young(&self, now: Instant) -> impl Iterator<Item = &(Instant, f64)> {
        self.values
            .iter()
            .filter(move |(t, _)| now.saturating_duration_since(*t) <= self.span)
    }
}

/// The quantile `q` (0..1, nearest rank) of a list, which is sorted by it; `None` when empty.
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (q.clamp(0.0, 1.0) * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_rank() {
        let mut values: Vec<f64> = (1..=100).map(f64::from).rev().collect();
        assert_eq!(quantile(&mut values, 0.5), Some(50.0));
        assert_eq!(quantile(&mut values, 0.95), Some(95.0));
        assert_eq!(quantile(&mut values, 1.0), Some(100.0));
        assert_eq!(quantile(&mut [], 0.5), None);
    }

    #[test]
    fn rate_counts_gaps_and_falls_when_nothing_comes() {
        let start = Instant::now();
        let mut rolling = Rolling::new(Duration::from_secs(5), 1000);
        for i in 0..31 {
            rolling.push(start + Duration::from_millis(100 * i), 0.0);
        }
        let end = start + Duration::from_secs(3);
        assert!((rolling.rate_hz(end).unwrap() - 10.0).abs() < 1e-6);
        assert!(rolling.rate_hz(end + Duration::from_secs(3)).unwrap() < 6.0);
        assert_eq!(rolling.rate_hz(end + Duration::from_secs(60)), None);
    }

    #[test]
    fn what_comes_and_goes_is_unusual() {
        let now = Instant::now();
        let mut counts = Rolling::new(Duration::from_secs(5), 1000);
        (0..29).for_each(|_| counts.push(now, 9.0));
        assert_eq!(counts.unusual_share(now), None);
        (0..10).for_each(|_| counts.push(now, 8.0));
        counts.push(now, 10.0);
        assert_eq!(counts.unusual_share(now), Some(11.0 / 40.0));
    }

    #[test]
    fn it_never_grows_beyond_its_capacity_and_leaves_out_nan() {
        let now = Instant::now();
        let mut rolling = Rolling::new(Duration::from_secs(5), 4);
        for i in 0..100 {
            rolling.push(now, f64::from(i));
        }
        rolling.push(now, f64::NAN);
        assert_eq!(rolling.quantile(now, 0.0), Some(96.0));
    }
}
