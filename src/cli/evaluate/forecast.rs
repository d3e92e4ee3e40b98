//! `evaluate forecast`.

mod traces;

use std::collections::VecDeque;
use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use self::traces::{Family, Trace};
use crate::cli::{Failure, show};
use crate::system::forecast::{Forecaster, Watch};
use crate::system::metrics::Sample;

/// Are faults foreseen in time, and nothing else?
#[derive(Debug, Args)]
pub(crate) struct Forecast {
    /// Seed of the traces.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many traces lead to a limit; half of them are memory leaks. A third as many do not.
    #[arg(long, default_value_t = 120)]
    traces: usize,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

/// Found in time: at least so long before the limit, seconds.
const IN_TIME_S: f64 = 1800.0;
/// Asked: share of faults found in time.
const LEAST_FOUND: f64 = 0.95;
/// Asked: false alarms in thirty days, at most.
const MOST_FALSE: f64 = 1.0;
/// Days of a clean trace.
const CLEAN_DAYS: f64 = 4.0;
/// An alarm that comes again within this time is still the same, seconds.
const SAME_S: f64 = 3600.0;
const DAY_S: f64 = 86_400.0;

/// Something that may raise an alarm at a value.
trait Watchman {
    fn alarms(&mut self, at_s: f64, value: f64) -> bool;
}

struct Ours(Watch, Forecaster);

impl Watchman for Ours {
    fn alarms(&mut self, at_s: f64, value: f64) -> bool {
        let mut sample = Sample::new(at_s);
        sample.set(self.0.metric, value);
        self.1.push(&sample);
        self.1.forecasts().any(|forecast| forecast.reaches_in_s.is_some())
    }
}

/// What is commonly done: a least-squares line through the last hour reaches the limit within four
/// hours, and that for ten minutes (`predict_linear(x[1h], 4 * 3600)` with `for: 10m`).
struct LeastSquares {
    watch: Watch,
    /// Means of 30 s: (seconds, value).
    points: VecDeque<(f64, f64)>,
    open: (f64, f64, u32),
    since_s: Option<f64>,
}

impl Watchman for LeastSquares {
    fn alarms(&mut self, at_s: f64, value: f64) -> bool {
        let (begin, sum, count) = &mut self.open;
        if at_s - *begin < 30.0 {
            *sum += value;
            *count += 1;
            return self.since_s.is_some_and(|since| at_s - since >= 600.0);
        }
        self.points.push_back((*begin, *sum / f64::from((*count).max(1))));
        self.open = (at_s, value, 1);
        while self.points.front().is_some_and(|p| at_s - p.0 > 3600.0) {
            self.points.pop_front();
        }
        let n = self.points.len() as f64;
        let (t, v) = self
            .points
            .iter()
            .fold((0.0, 0.0), |sum, p| (sum.0 + p.0 / n, sum.1 + p.1 / n));
        let (vt, tt) = self.points.iter().fold((0.0, 0.0), |sum, p| {
            (sum.0 + (p.0 - t) * (p.1 - v), sum.1 + (p.0 - t) * (p.0 - t))
        });
        let then = v + vt / tt * (at_s + 4.0 * 3600.0 - t);
        let reaches = n >= 100.0
            && if self.watch.rising {
                then >= self.watch.limit
            } else {
                then <= self.watch.limit
            };
        self.since_s = if reaches {
            self.since_s.or(Some(at_s))
        } else {
            None
        };
        self.since_s.is_some_and(|since| at_s - since >= 600.0)
    }
}

/// How one watchman did on one trace.
struct Outcome {
    family: Family,
    what: &'static str,
    /// Seconds before the limit at which it was found; `None`: not, or nothing was to be found.
    lead_s: Option<f64>,
    /// Alarms while there was no fault, and the days watched for them.
    false_alarms: u32,
    clean_days: f64,
    is_fast: bool,
}

fn judge(trace: &Trace, watchman: &mut dyn Watchman, is_fast: bool) -> Outcome {
    let peace_s = trace.onset_s.unwrap_or(trace.length_s);
    let (mut false_alarms, mut quiet_since, mut found) = (0, f64::NEG_INFINITY, None);
    for (at_s, value) in trace.values() {
        if watchman.alarms(at_s, value) {
            if at_s >= peace_s {
                found = found.or(Some(trace.length_s - at_s));
            } else if at_s - quiet_since > SAME_S {
                false_alarms += 1;
            }
            quiet_since = at_s;
        } else if found.is_some_and(|lead| lead > IN_TIME_S) && trace.length_s - at_s > IN_TIME_S {
            // Dropped again half an hour before the limit or earlier: nobody would still believe it.
            found = None;
        }
    }
    Outcome {
        family: trace.family,
        what: trace.what,
        lead_s: found,
        false_alarms,
        clean_days: peace_s / DAY_S,
        is_fast,
    }
}

impl Forecast {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        if self.traces < 10 {
            return Err(Failure::usage("--traces: at least 10 are needed for a figure"));
        }
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut traces = Vec::new();
        for i in 0..self.traces {
            let others = Family::FAULTY.get(1 + i / 2 % 4).copied();
            let family = if i % 2 == 0 {
                Family::Leak
            } else {
                others.unwrap_or(Family::Leak)
            };
            traces.push((Trace::faulty(family, &mut rng), false));
        }
        for i in 0..self.traces / 3 {
            traces.push((Trace::clean(i, CLEAN_DAYS, &mut rng), false));
        }
        for _ in 0..self.traces / 8 {
            traces.push((Trace::fast(&mut rng), true));
        }
        let mut ours = Vec::new();
        let mut plain = Vec::new();
        for (trace, is_fast) in &traces {
            let mut watchman = Ours(trace.watch, Forecaster::new([trace.watch]));
            ours.push(judge(trace, &mut watchman, *is_fast));
            let mut watchman = LeastSquares {
                watch: trace.watch,
                points: VecDeque::new(),
                open: (0.0, 0.0, 0),
                since_s: None,
            };
            plain.push(judge(trace, &mut watchman, *is_fast));
        }
        let (ours, plain) = (Report(ours), Report(plain));
        let text = if self.json {
            json!({"seed": self.seed, "ours": ours.as_json(), "least_squares": plain.as_json(),
                "asked": {"found": LEAST_FOUND, "false_alarms_per_30_days": MOST_FALSE}})
            .to_string()
                + "\n"
        } else {
            self.in_words(&ours, &plain)
        };
        show(&text)?;
        let (found, false_alarms) = (ours.found(None), ours.false_per_30_days(None));
        if found < LEAST_FOUND {
            return Err(Failure::failed(format!(
                "only {:.1} % are found in time",
                found * 100.0
            )));
        }
        if false_alarms > MOST_FALSE {
            return Err(Failure::failed(format!(
                "{false_alarms:.2} false alarms in 30 days"
            )));
        }
        if found < plain.found(None) && false_alarms >= plain.false_per_30_days(None) {
            return Err(Failure::failed("a plain least-squares line does better"));
        }
        Ok(())
    }

    fn in_words(&self, ours: &Report, plain: &Report) -> String {
        let mut text = format!(
            "Found at least {:.0} minutes before the limit, seed {}{:>18}{:>16}\n",
            IN_TIME_S / 60.0,
            self.seed,
            "ours",
            "least squares"
        );
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        for family in Family::FAULTY {
            let _ = writeln!(
                text,
                "  {:<28}{:>4} traces{:>29}{:>16}",
                family.name(),
                ours.faulty(Some(family)).count(),
                percent(ours.found(Some(family))),
                percent(plain.found(Some(family)))
            );
        }
        let _ = writeln!(
            text,
            "  {:<28}{:>4} traces{:>29}{:>16}   asked ≥ {:.0} %",
            "all",
            ours.faulty(None).count(),
            percent(ours.found(None)),
            percent(plain.found(None)),
            LEAST_FOUND * 100.0
        );
        let minutes = |report: &Report| format!("{:.0} min", report.median_lead_s() / 60.0);
        let _ = writeln!(
            text,
            "  {:<40}{:>29}{:>16}",
            "median time before the limit",
            minutes(ours),
            minutes(plain)
        );
        let _ = writeln!(
            text,
            "Leaks of less than an hour, found before the limit at all\n  {:<28}{:>4} traces{:>29}{:>16}",
            "",
            ours.fast().count(),
            percent(ours.found_fast()),
            percent(plain.found_fast())
        );
        let _ = writeln!(text, "False alarms in 30 days");
        for what in ours.clean_kinds() {
            let _ = writeln!(
                text,
                "  {:<28}{:>6.1} days{:>29.2}{:>16.2}",
                what,
                ours.clean_days(Some(what)),
                ours.false_per_30_days(Some(what)),
                plain.false_per_30_days(Some(what))
            );
        }
        let _ = writeln!(
            text,
            "  {:<28}{:>6.1} days{:>29.2}{:>16.2}   asked ≤ {MOST_FALSE:.0}",
            "all",
            ours.clean_days(None),
            ours.false_per_30_days(None),
            plain.false_per_30_days(None)
        );
        text
    }
}

struct Report(Vec<Outcome>);

impl Report {
    fn faulty(&self, family: Option<Family>) -> impl Iterator<Item = &Outcome> {
        self.0.iter().filter(move |o| {
            o.family != Family::Clean && !o.is_fast && family.is_none_or(|family| family == o.family)
        })
    }

    fn found(&self, family: Option<Family>) -> f64 {
        let found = self
            .faulty(family)
            .filter(|o| o.lead_s.is_some_and(|lead| lead >= IN_TIME_S));
        found.count() as f64 / self.faulty(family).count().max(1) as f64
    }

    fn fast(&self) -> impl Iterator<Item = &Outcome> {
        self.0.iter().filter(|o| o.is_fast)
    }

    fn found_fast(&self) -> f64 {
        self.fast().filter(|o| o.lead_s.is_some()).count() as f64 / self.fast().count().max(1) as f64
    }

    fn median_lead_s(&self) -> f64 {
        let mut leads: Vec<f64> = self.faulty(None).filter_map(|o| o.lead_s).collect();
        crate::system::history::trend::median(&mut leads).unwrap_or_default()
    }

    /// What is watched for false alarms: the clean traces by kind, and the time of peace before faults.
    fn clean_kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&str> = Vec::new();
        for outcome in &self.0 {
            if !kinds.contains(&outcome.clean_kind()) {
                kinds.push(outcome.clean_kind());
            }
        }
        kinds
    }

    fn clean(&self, kind: Option<&'static str>) -> impl Iterator<Item = &Outcome> {
        self.0
            .iter()
            .filter(move |o| kind.is_none_or(|kind| kind == o.clean_kind()))
    }

    fn clean_days(&self, kind: Option<&'static str>) -> f64 {
        self.clean(kind).map(|o| o.clean_days).sum()
    }

    fn false_per_30_days(&self, kind: Option<&'static str>) -> f64 {
        let alarms: u32 = self.clean(kind).map(|o| o.false_alarms).sum();
        f64::from(alarms) / self.clean_days(kind).max(1e-9) * 30.0
    }

    fn as_json(&self) -> Value {
        let families = Family::FAULTY.map(|family| {
            json!({"family": family.name(), "traces": self.faulty(Some(family)).count(),
                "found": self.found(Some(family))})
        });
        let clean: Vec<Value> = self
            .clean_kinds()
            .into_iter()
            .map(|kind| {
                json!({"kind": kind, "days": self.clean_days(Some(kind)),
                    "false_alarms_per_30_days": self.false_per_30_days(Some(kind))})
            })
            .collect();
        json!({
            "found": self.found(None), "traces": self.faulty(None).count(), "families": families,
            "median_lead_s": self.median_lead_s(),
            "fast_found": self.found_fast(), "fast_traces": self.fast().count(),
            "false_alarms_per_30_days": self.false_per_30_days(None), "clean_days": self.clean_days(None),
            "clean": clean,
        })
    }
}

impl Outcome {
    fn clean_kind(&self) -> &'static str {
        if self.family == Family::Clean {
            self.what
        } else {
            "before a fault"
        }
    }
}
