//! A new release shows what it can before it is believed. What is seen, and what is thought of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a release has to show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// It is watched for so long once it is ready, seconds.
    pub watch_s: f64,
    /// It is ready within so long, seconds.
    pub ready_within_s: f64,
    /// Time between two looks, seconds.
    pub every_s: f64,
    /// Ready so often in a row.
    pub ready_looks: u32,
    /// Part of the old rate of pictures, or of the rate that is set, that it keeps.
    pub rate_share: f64,
    /// At the pace at which its memory grows, the machine's must last at least so long, seconds.
    pub memory_lasts_s: f64,
    /// Lines of errors in the log, a minute.
    pub errors_per_min: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            watch_s: 60.0,
            ready_within_s: 60.0,
            every_s: 1.0,
            ready_looks: 5,
            rate_share: 0.9,
            memory_lasts_s: 6.0 * 3600.0,
            errors_per_min: 30.0,
        }
    }
}

impl Rules {
    /// A probation of another length; what depends on it follows.
    #[must_use]
    pub fn lasting(watch: Duration, ready_within: Duration) -> Self {
        let watch_s = watch.as_secs_f64();
        Self {
            watch_s,
            ready_within_s: ready_within.as_secs_f64(),
            every_s: (watch_s / 20.0).clamp(0.1, 1.0),
            ..Self::default()
        }
    }
}

/// One look at the release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Seconds since the start.
    pub at_s: f64,
    /// Its process; none: it does not run.
    pub pid: Option<u32>,
    /// How often the manager started it again.
    pub restarts: u32,
    /// Why it is not ready; none: it is.
    pub not_ready: Option<String>,
    /// Pictures it looks at a second, where it says so.
    pub rate_hz: Option<f64>,
    /// Answers that were server errors, since its start.
    pub server_errors: Option<u64>,
    /// Memory it has, bytes.
    pub memory_bytes: Option<u64>,
    /// Memory the machine has left, bytes.
    pub memory_left_bytes: Option<u64>,
    /// Lines of errors it logged.
    pub error_lines: u64,
}

/// What to measure by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Before {
    /// Pictures a second the old release looked at.
    pub old_rate_hz: Option<f64>,
    /// Pictures a second that are set; none where nothing looks.
    pub set_rate_hz: Option<f64>,
}

/// What is thought of a release so far.
#[derive(Clone, Debug, PartialEq)]
pub enum Thought {
    /// It needs more looks.
    Open,
    /// It is good.
    Good(Shown),
    /// It is not; why.
    Bad(String),
}

/// What a good release has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Shown {
    /// Seconds until it was ready.
    pub ready_after_s: f64,
    /// Pictures it looked at a second, where it said so.
    pub rate_hz: Option<f64>,
    /// Growth of its memory, bytes a second.
    pub memory_growth_bytes_per_s: Option<f64>,
    /// Lines of errors it logged.
    pub error_lines: u64,
}

/// The probation of one start of a release.
#[derive(Clone, Debug)]
pub struct Probation {
    rules: Rules,
    before: Before,
    looks: Vec<Look>,
    /// Where it was ready for the first time of a row.
    ready_since: Option<usize>,
    /// It has been ready often enough.
    shone: bool,
}

impl Probation {
    /// Begins with its start.
    #[must_use]
    pub const fn new(rules: Rules, before: Before) -> Self {
        Self {
            rules,
            before,
            looks: Vec::new(),
            ready_since: None,
            shone: false,
        }
    }

    /// Takes one more look in.
    pub fn see(&mut self, look: Look) -> Thought {
        let first = self.looks.first().cloned();
        let thought = self.judge(first.as_ref(), &look);
        self.shone |= self.was_ready();
        if look.not_ready.is_some() {
            self.ready_since = self.ready_since.filter(|_| self.shone);
        } else if self.ready_since.is_none() {
            self.ready_since = Some(self.looks.len());
        }
        self.looks.push(look);
        match thought {
            Some(why) => Thought::Bad(why),
            None => self.conclude(),
        }
    }

    /// What is wrong at once.
    fn judge(&self, first: Option<&Look>, look: &Look) -> Option<String> {
        if let Some(first) = first {
            if look.restarts > first.restarts
                || (look.pid.is_some() && first.pid.is_some() && look.pid != first.pid)
            {
                return Some(format!("it ended and was started again after {:.0} s", look.at_s));
            }
            if look.pid.is_none() && first.pid.is_some() {
                return Some(format!("it ended after {:.0} s", look.at_s));
            }
        }
        if let Some(why) = &look.not_ready {
            // Once is no trend.
            let again = self.looks.last().is_some_and(|last| last.not_ready.is_some());
            if self.shone && again {
                return Some(format!("it was ready and is not any more: {why}"));
            }
            if !self.shone && look.at_s > self.rules.ready_within_s {
                return Some(format!(
                    "it was not ready within {:.0} s: {why}",
                    self.rules.ready_within_s
                ));
            }
        }
        None
    }

    /// Ready often enough in a row.
    fn was_ready(&self) -> bool {
        let since = self.ready_since.map(|i| self.looks.len() - i);
        since.is_some_and(|looks| looks >= self.rules.ready_looks as usize)
    }

    fn conclude(&self) -> Thought {
        let (Some(since), true) = (self.ready_since, self.was_ready()) else {
            return Thought::Open;
        };
        let ready = self.looks.get(since..).unwrap_or_default();
        let (Some(start), Some(last)) = (ready.first(), ready.last()) else {
            return Thought::Open;
        };
        let watched_s = last.at_s - start.at_s;
        if watched_s < self.rules.watch_s {
            return Thought::Open;
        }
        // The first half is for caches that fill and rates that settle.
        let half = |look: &&Look| look.at_s - start.at_s >= self.rules.watch_s / 2.0;
        let later: Vec<&Look> = ready.iter().filter(half).collect();
        let rate_hz = mean(later.iter().filter_map(|l| l.rate_hz));
        let growth = growth(&later);
        let error_lines = last.error_lines - self.looks.first().map_or(0, |l| l.error_lines);
        let shown = Shown {
            ready_after_s: start.at_s,
            rate_hz,
            memory_growth_bytes_per_s: growth,
            error_lines,
        };
        match self.faults(&shown, start, last) {
            Some(why) => Thought::Bad(why),
            None => Thought::Good(shown),
        }
    }

    /// What is wrong with what was shown.
    fn faults(&self, shown: &Shown, start: &Look, last: &Look) -> Option<String> {
        let needed = [self.before.old_rate_hz, self.before.set_rate_hz]
            .into_iter()
            .flatten()
            .reduce(f64::min)
            .map(|rate| rate * self.rules.rate_share);
        if let (Some(needed), Some(rate)) = (needed, shown.rate_hz)
            && rate < needed
        {
            return Some(format!(
                "it looks at {rate:.1} pictures a second, and {needed:.1} are needed"
            ));
        }
        if let (Some(then), Some(now)) = (start.server_errors, last.server_errors)
            && now > then
        {
            return Some(format!("it answered {} requests with a server error", now - then));
        }
        if let (Some(growth), Some(left)) = (shown.memory_growth_bytes_per_s, last.memory_left_bytes)
            && growth * self.rules.memory_lasts_s > left as f64
        {
            return Some(format!(
                "its memory grows by {} a second without a pause",
                crate::ops::helpers::bytes_in_words(growth as u64)
            ));
        }
        let minutes = ((last.at_s - start.at_s) / 60.0).max(1.0 / 60.0);
        // A few at the start are no flood, however short the watch.
        let most = (self.rules.errors_per_min * minutes).max(10.0);
        (shown.error_lines as f64 > most).then(|| format!("it logged {} errors", shown.error_lines))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// The pace of the slowest of three parts: memory that is taken once and kept grows in one of them only.
fn growth(looks: &[&Look]) -> Option<f64> {
    let known: Vec<(f64, f64)> = looks
        .iter()
        .filter_map(|l| Some((l.at_s, l.memory_bytes? as f64)))
        .collect();
    let parts = 3;
    let length = known.len().checked_sub(1)? / parts;
    if length == 0 {
        return None;
    }
    (0..parts)
        .map(|part| {
            let (from, to) = (known.get(part * length)?, known.get((part + 1) * length)?);
            Some((to.1 - from.1) / (to.0 - from.0).max(1e-3))
        })
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Looks once a second at what `at` makes of the usual one.
    fn watched(rules: Rules, before: Before, at: impl Fn(u32, &mut Look)) -> (u32, Thought) {
        let mut probation = Probation::new(rules, before);
        for second in 0..200 {
            let mut look = Look {
                at_s: f64::from(second),
                pid: Some(7),
                not_ready: (second < 3).then(|| "still starting".to_owned()),
                rate_hz: Some(30.0),
                server_errors: Some(4),
                memory_bytes: Some(300 * MB + u64::from(second.min(20)) * MB),
                memory_left_bytes: Some(8000 * MB),
                ..Look::default()
            };
            at(second, &mut look);
            match probation.see(look) {
                Thought::Open => {}
                thought => return (second, thought),
            }
        }
        (200, Thought::Open)
    }

    fn before() -> Before {
        Before {
            old_rate_hz: Some(28.0),
            set_rate_hz: Some(30.0),
        }
    }

    #[test]
    fn a_good_release_is_watched_to_the_end() {
        let (second, thought) = watched(Rules::default(), before(), |_, _| {});
        let Thought::Good(shown) = thought else {
            unreachable!("{thought:?}")
        };
        assert_eq!(
            (second, shown.ready_after_s, shown.rate_hz),
            (63, 3.0, Some(30.0))
        );
        assert!(shown.memory_growth_bytes_per_s.unwrap() < 1.0);
        // Not ready for a moment before it was ready for good.
        let late =
            |s: u32, look: &mut Look| look.not_ready = (s < 3 || s == 6).then(|| "a moment".to_owned());
        assert!(matches!(
            watched(Rules::default(), before(), late),
            (67, Thought::Good(_))
        ));
        // It says nothing of itself but that it is ready.
        let silent = |_: u32, look: &mut Look| {
            (look.rate_hz, look.server_errors, look.memory_bytes) = (None, None, None);
        };
        assert!(matches!(
            watched(Rules::default(), before(), silent),
            (63, Thought::Good(_))
        ));
    }

    #[test]
    fn every_way_to_be_bad_is_seen() {
        let bad = |words: &str, at: &dyn Fn(u32, &mut Look)| {
            let (second, thought) = watched(Rules::default(), before(), at);
            let Thought::Bad(why) = thought else {
                unreachable!("{words}: {thought:?}")
            };
            assert!(why.contains(words), "{why}");
            second
        };
        assert_eq!(bad("started again", &|s, l| l.restarts = u32::from(s >= 30)), 30);
        assert_eq!(
            bad("started again", &|s, l| l.pid = Some(if s < 30 { 7 } else { 8 })),
            30
        );
        assert_eq!(bad("it ended", &|s, l| l.pid = (s < 30).then_some(7)), 30);
        assert_eq!(
            bad("within 60 s", &|_, l| l.not_ready = Some("no camera".to_owned())),
            61
        );
        let hangs = |s: u32, l: &mut Look| l.not_ready = (s >= 50).then(|| "hangs".to_owned());
        assert_eq!(bad("not any more", &hangs), 51);
        bad("25.2 are needed", &|_, l| l.rate_hz = Some(25.0));
        bad("server error", &|s, l| l.server_errors = Some(u64::from(s > 40)));
        bad("memory grows", &|s, l| {
            l.memory_bytes = Some(300 * MB + u64::from(s) * MB)
        });
        bad("errors", &|s, l| l.error_lines = u64::from(s) * 2);
    }

    #[test]
    fn what_is_no_fault_is_not_taken_for_one() {
        let good = |before: Before, at: &dyn Fn(u32, &mut Look)| {
            let (_, thought) = watched(Rules::default(), before, at);
            assert!(matches!(thought, Thought::Good(_)), "{thought:?}");
        };
        // The old one did no better; the set rate is what counts where it did.
        good(
            Before {
                old_rate_hz: Some(20.0),
                set_rate_hz: Some(30.0),
            },
            &|_, l| l.rate_hz = Some(19.0),
        );
        good(
            Before {
                old_rate_hz: Some(60.0),
                set_rate_hz: Some(30.0),
            },
            &|_, l| l.rate_hz = Some(28.0),
        );
        good(Before::default(), &|_, l| l.rate_hz = Some(0.0));
        // A moment, at a machine that has much to do.
        good(before(), &|s, l| {
            l.not_ready = (s < 3 || s == 40).then(|| "late".to_owned())
        });
        // Taken at once, and then no more; given back again and again.
        good(before(), &|s, l| {
            l.memory_bytes = Some(if s < 50 { 300 } else { 900 } * MB)
        });
        good(before(), &|s, l| {
            l.memory_bytes = Some((300 + u64::from(s % 7) * 50) * MB)
        });
        // Errors of the time before it was ready.
        good(before(), &|s, l| l.server_errors = Some(u64::from(s.min(3))));
        good(before(), &|s, l| l.error_lines = u64::from(s.min(9)));
    }

    #[test]
    fn a_short_watch_is_the_same_in_small() {
        let rules = Rules::lasting(Duration::from_secs(10), Duration::from_secs(20));
        // What is taken at the start must be taken by half of it.
        let soon = |s: u32, look: &mut Look| look.memory_bytes = Some(u64::from(s.min(8)) * 50 * MB);
        assert!(matches!(watched(rules, before(), soon), (13, Thought::Good(_))));
        let leaks = |s: u32, look: &mut Look| look.memory_bytes = Some(u64::from(s) * 50 * MB);
        assert!(matches!(watched(rules, before(), leaks), (13, Thought::Bad(_))));
        let never = |_: u32, look: &mut Look| look.not_ready = Some("no".to_owned());
        assert!(matches!(watched(rules, before(), never), (21, Thought::Bad(_))));
    }
}
