//! The last hour in memory, one sample a second.

use super::trend::Trend;
use crate::system::metrics::{Metric, Sample};

/// Samples kept: one hour at one a second.
pub const KEPT: usize = 3600;
/// Two samples closer than this are one: the newer is left out, seconds.
const CLOSEST_S: f64 = 0.5;

/// A ring of samples. All its memory (about 1.4 MB) is taken at the start.
#[derive(Clone, Debug)]
pub struct Ring {
    at_s: Vec<f64>,
    /// One row of `Metric::COUNT` values per sample; not a number where not measured.
    values: Vec<f64>,
    /// Where the next sample goes.
    next: usize,
    len: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            at_s: vec![0.0; KEPT],
            values: vec![f64::NAN; KEPT * Metric::COUNT],
            next: 0,
            len: 0,
        }
    }
}

impl Ring {
    /// Takes in a sample; the oldest goes when it is full. One that is not at least half a second
    /// younger than the newest is left out.
    pub fn push(&mut self, sample: &Sample) {
        let newest = self.newest_at_s();
        if !sample.at_s.is_finite() || newest.is_some_and(|newest| sample.at_s < newest + CLOSEST_S) {
            return;
        }
        let row = self.values.chunks_exact_mut(Metric::COUNT).nth(self.next);
        let (Some(row), Some(at_s)) = (row, self.at_s.get_mut(self.next)) else {
            return;
        };
        *at_s = sample.at_s;
        for (slot, (_, value)) in row.iter_mut().zip(sample.iter()) {
            *slot = value.unwrap_or(f64::NAN);
        }
        self.next = (self.next + 1) % KEPT;
        self.len = (self.len + 1).min(KEPT);
    }

    /// How many samples there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// There is none yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When the newest was taken, seconds since start.
    #[must_use]
    pub fn newest_at_s(&self) -> Option<f64> {
        (self.len > 0)
            .then(|| self.at_s.get((self.next + KEPT - 1) % KEPT).copied())
            .flatten()
    }

    /// The values of one metric over the last `span_s` seconds, oldest first: (seconds since start,
    /// value). Samples in which it was not measured are left out.
    pub fn series(&self, metric: Metric, span_s: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        let since = self.newest_at_s().unwrap_or_default() - span_s;
        let start = (self.next + KEPT - self.len) % KEPT;
        (0..self.len)
            .map(move |i| (start + i) % KEPT)
            .filter_map(move |place| {
                let at_s = *self.at_s.get(place)?;
                let value = *self.values.get(place * Metric::COUNT + metric.index())?;
                Some((at_s, value))
            })
            .filter(move |(at_s, value)| *at_s >= since && value.is_finite())
    }

    /// Where a metric is going, over the last `span_s` seconds; `None` while there is too little.
    #[must_use]
    pub fn trend(&self, metric: Metric, span_s: f64) -> Option<Trend> {
        Trend::of(&self.series(metric, span_s).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_s: f64, memory: impl Into<Option<f64>>) -> Sample {
        let mut sample = Sample::new(at_s);
        sample.set(Metric::ProcessMemory, memory);
        sample.set(Metric::ProjectorFaults, 1.0);
        sample
    }

    #[test]
    fn it_keeps_the_last_hour_in_order_and_no_more() {
        let mut ring = Ring::default();
        assert!(ring.is_empty() && ring.newest_at_s().is_none());
        for i in 0..10_000 {
            ring.push(&sample(f64::from(i), f64::from(i)));
        }
        assert_eq!((ring.len(), ring.values.len()), (KEPT, KEPT * Metric::COUNT));
        let all: Vec<_> = ring.series(Metric::ProcessMemory, 1e9).collect();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all.first(), Some(&(6400.0, 6400.0)));
        assert_eq!(all.last(), Some(&(9999.0, 9999.0)));
        assert!(all.is_sorted());
        assert_eq!(ring.series(Metric::ProcessMemory, 10.0).count(), 11);
        assert_eq!(ring.series(Metric::SystemCpu, 1e9).count(), 0);
        assert_eq!(ring.series(Metric::ProjectorFaults, 1e9).count(), KEPT);
    }

    #[test]
    fn what_was_not_measured_is_left_out_and_a_burst_is_one_sample() {
        let mut ring = Ring::default();
        for i in 0..100 {
            ring.push(&sample(f64::from(i), (i % 2 == 0).then(|| 3.0 * f64::from(i))));
            ring.push(&sample(f64::from(i) + 0.1, 1e9));
            ring.push(&sample(f64::from(i) - 5.0, 1e9));
            ring.push(&sample(f64::NAN, 1e9));
        }
        assert_eq!(ring.len(), 100);
        assert_eq!(ring.series(Metric::ProcessMemory, 1e9).count(), 50);
        let trend = ring.trend(Metric::ProcessMemory, 60.0).unwrap();
        assert!((trend.slope_per_s - 3.0).abs() < 1e-9, "{trend:?}");
        assert_eq!(ring.trend(Metric::SystemCpu, 60.0), None);
    }
}
