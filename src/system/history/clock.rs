//! Whether the wall clock can be believed enough to throw something away by it.

/// 1 January 2026, Unix seconds: no clock that is right shows less.
const BUILT_S: i64 = 1_767_225_600;
/// What the clock may be behind the newest row, or ahead of what the monotonic clock says, seconds.
const SLACK_S: i64 = 86_400;
/// A program that was off for longer than this starts with a clock that is watched, seconds.
const LONG_OFF_S: i64 = 30 * 86_400;
/// After a leap ahead the clock is believed again when it has run on evenly for so long, seconds.
const PROBATION_S: f64 = 86_400.0;

/// Watches the wall clock against the monotonic one and against what is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockWatch {
    /// The last reading: (wall Unix seconds, monotonic seconds).
    last: Option<(i64, f64)>,
    /// Not believed before this, monotonic seconds.
    probation_until: Option<f64>,
}

impl ClockWatch {
    /// Takes in a reading; `newest` is the newest row stored before it (Unix seconds).
    /// `Err`: nothing may be deleted now, and why.
    pub fn check(&mut self, wall: i64, monotonic_s: f64, newest: Option<i64>) -> Result<(), &'static str> {
        let expected = match self.last {
            Some((before, since)) => Some((before + (monotonic_s - since) as i64, SLACK_S)),
            None => newest.map(|newest| (newest, LONG_OFF_S)),
        };
        self.last = Some((wall, monotonic_s));
        // A clock that was never right may leap: that is how it comes right.
        if expected.is_some_and(|(expected, slack)| expected >= BUILT_S && wall - expected > slack) {
            self.probation_until = Some(monotonic_s + PROBATION_S);
        }
        if wall < BUILT_S {
            return Err("the clock shows a time before this program was made");
        }
        if newest.is_some_and(|newest| newest - wall > SLACK_S) {
            return Err("the clock is more than a day behind what is recorded");
        }
        match self.probation_until {
            Some(until) if monotonic_s < until => Err("the clock has leapt ahead"),
            _ => {
                self.probation_until = None;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_steady_clock_is_believed_also_after_a_week_off_and_small_corrections() {
        let mut watch = ClockWatch::default();
        assert!(watch.check(NOW, 0.0, None).is_ok());
        assert!(watch.check(NOW + 5, 5.0, Some(NOW)).is_ok());
        assert!(watch.check(NOW + 3605, 10.0, Some(NOW + 5)).is_ok());
        assert!(watch.check(NOW - 3600, 15.0, Some(NOW + 3605)).is_ok());
        assert!(
            ClockWatch::default()
                .check(NOW + 7 * 86_400, 0.0, Some(NOW))
                .is_ok()
        );
    }

    #[test]
    fn a_clock_from_before_the_program_or_behind_the_rows_is_not() {
        let mut watch = ClockWatch::default();
        assert!(watch.check(100, 0.0, None).is_err());
        assert!(watch.check(NOW, 5.0, Some(NOW + 10 * 86_400)).is_err());
        // The time server answers: from 1970 to now is a leap that is right.
        let mut watch = ClockWatch::default();
        assert!(watch.check(100, 0.0, Some(NOW)).is_err());
        assert!(watch.check(NOW + 60, 5.0, Some(NOW)).is_ok());
    }

    #[test]
    fn a_leap_ahead_is_watched_for_a_day() {
        let mut watch = ClockWatch::default();
        assert!(watch.check(NOW, 0.0, None).is_ok());
        let far = NOW + 10 * 86_400;
        assert!(watch.check(far, 5.0, Some(NOW)).is_err());
        assert!(watch.check(far + 40_000, 40_005.0, Some(far)).is_err());
        // Back again: behind the rows that were stored meanwhile.
        assert!(watch.check(NOW + 50_000, 50_000.0, Some(far + 40_000)).is_err());
        let mut watch = ClockWatch::default();
        assert!(watch.check(NOW, 0.0, None).is_ok());
        assert!(watch.check(far, 5.0, Some(NOW)).is_err());
        assert!(watch.check(far + 86_500, 86_505.0, Some(far + 86_400)).is_ok());
        assert!(
            ClockWatch::default()
                .check(NOW + 400 * 86_400, 0.0, Some(NOW))
                .is_err()
        );
    }
}
