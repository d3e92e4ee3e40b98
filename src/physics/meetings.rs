//! Which two balls meet next.

/// A pair that has met more often than this …
const CHATTER_HITS: u32 = 16;
/// … within this time, seconds, is pressed together: it stops bouncing.
const CHATTER_WINDOW_S: f64 = 1e-4;

/// When which balls meet.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    count: usize,
    /// Row and column: the two balls. Infinite: never, as things are.
    times: Vec<f64>,
    /// Per ball its first meeting and with whom; of several at the same time with the lowest.
    first: Vec<(f64, usize)>,
    /// Per pair: when the current burst of hits began and how many it has.
    bursts: Vec<(f64, u32)>,
}

impl Meetings {
    /// Forgets everything, for a shot with `count` balls.
    pub fn begin(&mut self, count: usize) {
        self.count = count;
        self.times.clear();
        self.times.resize(count * count, f64::INFINITY);
        self.first.clear();
        self.first.resize(count, (f64::INFINITY, 0));
        self.bursts.clear();
        self.bursts.resize(count * count, (f64::NEG_INFINITY, 0));
    }

    /// Notes when two balls meet.
    pub fn put(&mut self, a: usize, b: usize, time: f64) {
        for (row, column) in [(a, b), (b, a)] {
            if let Some(slot) = self.times.get_mut(row * self.count + column) {
                *slot = time;
            }
            let Some(&(best, with)) = self.first.get(row) else {
                continue;
            };
            let first = if time < best || (time == best && column < with) {
                (time, column)
            } else if with == column && time > best {
                self.earliest(row)
            } else {
                continue;
            };
            if let Some(slot) = self.first.get_mut(row) {
                *slot = first;
            }
        }
    }

    /// The first meeting of a ball, and with whom.
    pub fn first(&self, ball: usize) -> Option<(f64, usize)> {
        self.first.get(ball).copied()
    }

    fn earliest(&self, row: usize) -> (f64, usize) {
        let times = self.times.iter().skip(row * self.count).take(self.count);
        let mut best = (f64::INFINITY, 0);
        for (column, &time) in times.enumerate() {
            if time < best.0 {
                best = (time, column);
            }
        }
        best
    }

    /// Counts a hit; true when the pair chatters.
    pub fn chatters(&mut self, a: usize, b: usize, now: f64) -> bool {
        let Some((began, hits)) = self.bursts.get_mut(a.min(b) * self.count + a.max(b)) else {
            return false;
        };
        if now - *began > CHATTER_WINDOW_S {
            (*began, *hits) = (now, 0);
        }
        *hits += 1;
        *hits > CHATTER_HITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize) -> Meetings {
        let mut meetings = Meetings::default();
        meetings.begin(count);
        meetings
    }

    #[test]
    fn the_first_meeting_of_each_ball_is_known() {
        let mut meetings = of(3);
        assert_eq!(meetings.first(0), Some((f64::INFINITY, 0)));
        meetings.put(0, 2, 3.0);
        meetings.put(0, 1, 2.0);
        assert_eq!(meetings.first(0), Some((2.0, 1)));
        assert_eq!(meetings.first(2), Some((3.0, 0)));
        meetings.put(1, 0, f64::INFINITY);
        assert_eq!(meetings.first(0), Some((3.0, 2)));
        meetings.put(0, 2, 4.0);
        assert_eq!(meetings.first(2), Some((4.0, 0)));
        assert_eq!(meetings.first(1).map(|(time, _)| time), Some(f64::INFINITY));
        // Of two at the same time the lower counts, in whatever order they became known.
        meetings.put(2, 1, 4.0);
        assert_eq!(meetings.first(2), Some((4.0, 0)));
        meetings.put(2, 0, 4.0);
        assert_eq!(meetings.first(2), Some((4.0, 0)));
    }

    #[test]
    fn a_pair_chatters_when_it_meets_too_often() {
        let mut meetings = of(2);
        let mut burst = |from: f64| {
            (0..20)
                .filter(|i| meetings.chatters(1, 0, from + f64::from(*i) * 1e-6))
                .count()
        };
        assert_eq!(burst(0.0), 4);
        assert_eq!(burst(1.0), 4);
        let mut meetings = of(2);
        assert!(!(0..100).any(|i| meetings.chatters(0, 1, f64::from(i) * 1e-4)));
    }
}
