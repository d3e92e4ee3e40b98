//! Fault prediction: what grows steadily toward its limit, and when it would get there.
//!
//! Every watched metric is kept as means of 5 s, 10 s, 20 s, … (each of two of the former), sixty of
//! each. On each of these scales a growth counts only when all of this holds:
//!
//! * its direction is not chance: Mann–Kendall's Z is large;
//! * it is large against the scatter round its line;
//! * it goes on through every fifth of the span (a step, or a cache that fills up, does not);
//! * it leads beyond everything of the days before (the flank of a sawtooth or of a daily cycle does not;
//!   the very first one can't be told from a leak);
//! * it does not slow down so that it comes to rest below the limit;
//! * extrapolated by no more than a few times its own span, it reaches the limit;
//! * and all of that several times running.
//!
//! From half a day to three days the rhythm of the day is larger than any growth, so these scales say
//! nothing; the longest compares whole days.

mod growth;

use std::collections::VecDeque;

use serde::Serialize;

use self::growth::{AT_FIRST, DAYS, Demands, Growth, NEW, TOLD};
use crate::system::history::trend::median;
use crate::system::metrics::{Metric, Sample};

/// Mean values kept on each scale.
const KEPT: usize = 60;
/// Seconds of the finest mean.
const FINEST_S: f64 = 5.0;
/// Scales: 5 min, 10 min, … 85 h.
const SCALES: usize = 11;
/// Scales up to this number (5.3 h) speak whenever they are full,
const SHORT: usize = 7;
/// up to this (21 h) when they know the day before, which shows how high a day goes.
const MIDDLE: usize = 9;
/// From this one (40 min) on they speak also when little is known of the time before.
const FIRST: usize = 3;
/// So much has to be known of the time before, in spans.
const BEFORE: f64 = 2.0;
/// Seconds of a day.
const DAY_S: f64 = 86_400.0;
/// How far beyond all that was before the values have to be, as a share of what was left to the limit.
const BEYOND: f64 = 0.04;
/// Looks in a row that must find it, and that must not find it any more before it is dropped.
const IN_A_ROW: u32 = 4;

/// A metric and the limit it should not reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Watch {
    /// What is watched.
    #[serde(serialize_with = "by_id")]
    pub metric: Metric,
    /// What it should not reach, in the metric's unit.
    pub limit: f64,
    /// It comes from below; else from above.
    pub rising: bool,
}

/// What is foreseen of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Which.
    #[serde(serialize_with = "by_id")]
    pub metric: Metric,
    /// What it should not reach, in the metric's unit.
    pub limit: f64,
    /// It reaches that in so many seconds; `None`: nothing of the kind is foreseen.
    pub reaches_in_s: Option<f64>,
    /// By the steepest slope that its points allow, seconds.
    pub low_s: Option<f64>,
    /// By the flattest, seconds; `None` also when by that one it would never.
    pub high_s: Option<f64>,
    /// How clear the growth is, 0..1: how even it is, and how large against its scatter. No probability.
    pub confidence: f64,
}

fn by_id<S: serde::Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(metric.id())
}

/// Watches metrics and foresees when they reach their limits. Its memory is fixed: about 20 kB a metric.
#[derive(Clone, Debug)]
pub struct Forecaster {
    watched: Vec<Watched>,
}

impl Forecaster {
    /// Watches these.
    #[must_use]
    pub fn new(watches: impl IntoIterator<Item = Watch>) -> Self {
        Self {
            watched: watches.into_iter().map(Watched::new).collect(),
        }
    }

    /// Takes in a sample. Costs a fraction of a millisecond now and then, else nearly nothing.
    pub fn push(&mut self, sample: &Sample) {
        for watched in &mut self.watched {
            if let Some(value) = sample.get(watched.watch.metric) {
                watched.push(sample.at_s, value);
            }
        }
    }

    /// What is foreseen now, in the order of the watches.
    pub fn forecasts(&self) -> impl Iterator<Item = Forecast> + '_ {
        self.watched.iter().map(Watched::forecast)
    }
}

/// One metric on all scales. Values are turned so that the limit is above.
#[derive(Clone, Debug)]
struct Watched {
    watch: Watch,
    scales: [Scale; SCALES],
}

#[derive(Clone, Debug, Default)]
struct Scale {
    means: VecDeque<Mean>,
    open: Option<Mean>,
    /// Looks in a row that have found growth, and that have not.
    found: u32,
    missed: u32,
    /// Means since the last look.
    since: usize,
    growth: Option<Growth>,
}

#[derive(Clone, Copy, Debug)]
struct Mean {
    /// Begin, seconds since start.
    at_s: f64,
    value: f64,
    /// Largest of the finest means in it.
    highest: f64,
    /// Values (finest scale) or halves (others) in it.
    parts: u32,
}

impl Mean {
    /// As a point in the middle of its time.
    fn point(&self, place: usize) -> (f64, f64) {
        (self.at_s + width_s(place) / 2.0, self.value)
    }
}

/// Seconds of a mean on a scale.
fn width_s(place: usize) -> f64 {
    FINEST_S * f64::from(1_u32 << place.min(SCALES))
}

impl Watched {
    fn new(watch: Watch) -> Self {
        Self {
            watch,
            scales: Default::default(),
        }
    }

    fn push(&mut self, at_s: f64, value: f64) {
        let value = if self.watch.rising { value } else { -value };
        let Some(finest) = self.scales.first_mut() else {
            return;
        };
        let begin = (at_s / FINEST_S).floor() * FINEST_S;
        match &mut finest.open {
            Some(open) if open.at_s == begin => {
                open.parts += 1;
                open.value += (value - open.value) / f64::from(open.parts);
                return;
            }
            Some(open) if begin < open.at_s => return,
            _ => {}
        }
        let opened = Mean {
            at_s: begin,
            value,
            highest: value,
            parts: 1,
        };
        let Some(mut done) = finest.open.replace(opened) else {
            return;
        };
        done.highest = done.value;
        if let Some(now) = self.now() {
            for scale in &mut self.scales {
                if scale.growth.is_some_and(|growth| now < growth.floor) {
                    scale.growth = None;
                    scale.found = 0;
                }
            }
        }
        self.hand_up(done);
    }

    /// Puts a finished mean where it belongs, and looks at the scales that have got a new one.
    fn hand_up(&mut self, mut done: Mean) {
        let mut reached = 0;
        for (place, scale) in self.scales.iter_mut().enumerate() {
            if place > 0 {
                let begin = (done.at_s / width_s(place)).floor() * width_s(place);
                let half = Mean {
                    at_s: begin,
                    parts: 1,
                    ..done
                };
                done = match scale.open.take() {
                    // Both halves are there.
                    Some(open) if open.at_s == begin => Mean {
                        value: (open.value + half.value) / 2.0,
                        highest: open.highest.max(half.highest),
                        ..open
                    },
                    // The second half of the one before never came: it stands for itself.
                    Some(open) => {
                        scale.open = Some(half);
                        open
                    }
                    None => {
                        scale.open = Some(half);
                        break;
                    }
                };
            }
            if scale.means.len() >= KEPT {
                scale.means.pop_front();
            }
            scale.means.push_back(done);
            scale.since += 1;
            reached = place + 1;
        }
        for place in 0..reached {
            self.look(place);
        }
    }

    fn look(&mut self, place: usize) {
        let Some(scale) = self.scales.get(place) else {
            return;
        };
        let longest = place + 1 == SCALES;
        if scale.since < if longest { 1 } else { 3 } || !(longest || place < MIDDLE) {
            return;
        }
        let growth = if longest {
            self.by_days(place, scale.growth.is_some())
        } else {
            self.by_parts(place, scale.growth.is_some())
        };
        let Some(scale) = self.scales.get_mut(place) else {
            return;
        };
        scale.since = 0;
        match growth {
            Some(growth) => {
                scale.found += 1;
                scale.missed = 0;
                // Days need no repetition: they have been three already.
                if scale.found >= IN_A_ROW || longest || scale.growth.is_some() {
                    scale.growth = Some(growth);
                }
            }
            None => {
                scale.found = 0;
                scale.missed += 1;
                if scale.missed >= IN_A_ROW {
                    scale.growth = None;
                }
            }
        }
    }

    /// Growth that goes on through all parts of a scale; `told`: it was there at the last look.
    fn by_parts(&self, place: usize, told: bool) -> Option<Growth> {
        let means = &self.scales.get(place)?.means;
        let first = means.front().filter(|_| means.len() >= KEPT)?;
        let points: Vec<(f64, f64)> = means.iter().map(|mean| mean.point(place)).collect();
        if told {
            return self.growth(&points, TOLD);
        }
        let span_s = KEPT as f64 * width_s(place);
        let known_s = if place < SHORT { BEFORE * span_s } else { DAY_S };
        let before = self.before(place, first.at_s);
        let asked = match before {
            Some((oldest, _)) if first.at_s - oldest >= known_s => NEW,
            _ if (FIRST..SHORT).contains(&place) => AT_FIRST,
            _ => return None,
        };
        let growth = self.growth(&points, asked)?;
        let mut last: Vec<f64> = points.iter().rev().take(KEPT / 10).map(|point| point.1).collect();
        let now = median(&mut last)?;
        let leads = |highest: f64| now > highest + BEYOND * (self.limit() - highest).max(0.0);
        before.is_none_or(|(_, highest)| leads(highest)).then_some(growth)
    }

    /// Growth from day to day.
    fn by_days(&self, place: usize, told: bool) -> Option<Growth> {
        let means = &self.scales.get(place)?.means;
        let since = means.back()?.at_s - 3.0 * DAY_S;
        // The first of the three days has to be there whole.
        means.front().filter(|first| first.at_s <= since)?;
        let points: Vec<(f64, f64)> = means
            .iter()
            .filter(|mean| mean.at_s > since)
            .map(|mean| mean.point(place))
            .collect();
        self.growth(&points, if told { TOLD } else { DAYS })
    }

    /// The level of the last minute, without its scatter.
    fn now(&self) -> Option<f64> {
        let means = self.scales.first()?.means.iter();
        median(&mut means.rev().take(12).map(|mean| mean.value).collect::<Vec<f64>>())
    }

    /// The limit, from below.
    fn limit(&self) -> f64 {
        if self.watch.rising {
            self.watch.limit
        } else {
            -self.watch.limit
        }
    }

    fn growth(&self, points: &[(f64, f64)], asked: Demands) -> Option<Growth> {
        Growth::of(points, self.limit(), self.now()?, asked)
    }

    /// Begin and highest value of the time before `since`, as coarser scales than `place` know it.
    fn before(&self, place: usize, since: f64) -> Option<(f64, f64)> {
        let coarser = self.scales.iter().enumerate().skip(place + 1);
        let means =
            coarser.flat_map(|(place, scale)| scale.means.iter().map(move |mean| (mean, width_s(place))));
        means
            .filter(|(mean, width_s)| mean.at_s + width_s <= since)
            .map(|(mean, _)| (mean.at_s, mean.highest))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The clearest of what the scales have found.
    fn forecast(&self) -> Forecast {
        let now = self
            .scales
            .first()
            .and_then(|scale| scale.open)
            .map_or(0.0, |open| open.at_s);
        let best = self
            .scales
            .iter()
            .filter_map(|scale| scale.growth)
            .max_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let later = |growth: Growth, in_s: f64| (in_s - (now - growth.seen_at_s)).max(0.0);
        Forecast {
            metric: self.watch.metric,
            limit: self.watch.limit,
            reaches_in_s: best.map(|growth| later(growth, growth.reaches_in_s)),
            low_s: best.map(|growth| later(growth, growth.low_s)),
            high_s: best.and_then(|growth| Some(later(growth, growth.high_s?))),
            confidence: best.map_or(0.0, |growth| growth.confidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rising: bool, limit: f64, hours: f64, mut value: impl FnMut(f64) -> f64) -> Vec<(f64, Forecast)> {
        let watch = Watch {
            metric: Metric::ProcessMemory,
            limit,
            rising,
        };
        let mut forecaster = Forecaster::new([watch]);
        let mut seen = Vec::new();
        for i in 0..(hours * 720.0) as usize {
            let at_s = i as f64 * 5.0;
            let mut sample = Sample::new(at_s);
            sample.set(Metric::ProcessMemory, value(at_s));
            forecaster.push(&sample);
            let forecast = forecaster.forecasts().next().unwrap();
            if forecast.reaches_in_s.is_some() {
                seen.push((at_s, forecast));
            }
        }
        seen
    }

    #[test]
    fn a_steady_leak_is_foreseen_and_its_time_is_right() {
        let mut rng = fastrand::Rng::with_seed(1);
        // 400 of 1000 for 3 h, then 100 an hour: the limit comes after 9 h.
        let seen = run(true, 1000.0, 8.9, |t| {
            400.0 + 4.0 * rng.f64() + (t / 3600.0 - 3.0).max(0.0) * 100.0
        });
        let (first, _) = seen[0];
        assert!(first > 3.0 * 3600.0 && first < 8.0 * 3600.0, "{first}");
        for (at, forecast) in seen {
            let truly = 9.0 * 3600.0 - at;
            let told = forecast.reaches_in_s.unwrap();
            assert!(
                (told - truly).abs() < 0.15 * truly + 120.0,
                "at {at}: {forecast:?}, truly {truly}"
            );
            assert!(forecast.low_s.unwrap() <= told && told <= forecast.high_s.unwrap());
            assert!(forecast.confidence > 0.2 && forecast.confidence <= 1.0);
        }
    }

    #[test]
    fn a_falling_rate_is_foreseen() {
        let mut rng = fastrand::Rng::with_seed(2);
        let seen = run(false, 15.0, 6.0, |t| {
            30.0 + rng.f64() - 2.0 * (t / 3600.0 - 1.0).max(0.0)
        });
        assert!(!seen.is_empty());
    }

    #[test]
    fn what_is_no_leak_is_not_told_as_one() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut noise = move || 20.0 * (rng.f64() + rng.f64() - 1.0);
        let hour = 3600.0;
        let none = |seen: Vec<(f64, Forecast)>, what| assert!(seen.is_empty(), "{what}: {:?}", seen.first());
        none(run(true, 1000.0, 48.0, |_| 800.0 + noise()), "noise");
        // The first flank can't be told from a leak; those after it can.
        let saw = |t: f64| 300.0 + 400.0 * (t / (3.0 * hour)).fract();
        let seen = run(true, 1000.0, 48.0, |t| saw(t) + noise());
        assert!(
            seen.iter().all(|(at, _)| *at < 3.02 * hour),
            "sawtooth: {:?}",
            seen.last()
        );
        let day = |t: f64| 550.0 - 300.0 * (t / DAY_S * std::f64::consts::TAU).cos();
        let seen = run(true, 1000.0, 120.0, |t| day(t) + noise());
        assert!(
            seen.iter().all(|(at, _)| *at < 14.0 * hour),
            "day: {:?}",
            seen.last()
        );
        let step = |t: f64| if t > 5.0 * hour { 850.0 } else { 400.0 };
        none(run(true, 1000.0, 24.0, |t| step(t) + noise()), "step");
        let fills = |t: f64| 900.0 - 700.0 * (-t / (0.5 * hour)).exp();
        assert_eq!(
            run(true, 1000.0, 24.0, |t| fills(t) + noise()),
            [],
            "a cache that fills"
        );
    }

    #[test]
    fn gaps_and_clocks_that_stand_still_do_no_harm() {
        let seen = run(true, 1000.0, 24.0, |t| {
            if (t as u64 / 600).is_multiple_of(3) {
                f64::NAN
            } else {
                5.0
            }
        });
        assert_eq!(seen.len(), 0);
        let watch = Watch {
            metric: Metric::SystemDiskUsed,
            limit: 1.0,
            rising: true,
        };
        let mut forecaster = Forecaster::new([watch]);
        for i in 0..1000 {
            let mut sample = Sample::new(f64::from(i % 7) * 1e6);
            sample.set(Metric::SystemDiskUsed, 0.5);
            forecaster.push(&sample);
        }
        assert_eq!(forecaster.forecasts().next().unwrap().reaches_in_s, None);
        assert!(
            forecaster.watched[0]
                .scales
                .iter()
                .all(|scale| scale.means.len() <= KEPT)
        );
    }
}
