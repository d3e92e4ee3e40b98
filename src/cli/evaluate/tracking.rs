//! `evaluate tracking`: how well are balls followed?

mod clips;
mod physical;
mod rooms;
mod strip;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::dataset::Dataset;
use crate::cli::{Failure, make_folder, show, write_result};
use crate::virtual_table::shot::ShotKind;
use crate::vision::evaluate::tracking::{Errors, EventClass, EventTally, Followed, Spent};
use crate::vision::evaluate::{quantile, share};

/// How well are balls followed?
#[derive(Debug, Args)]
pub(crate) struct Tracking {
    /// `virtual:SEED` for rooms made up by seed, a clip, or a folder of clips (nobody knows the truth of those:
    /// they are judged by physics).
    #[arg(long, value_name = "virtual:SEED|CLIP|DIR", default_value = "virtual:1000")]
    dataset: String,
    /// Rooms of a virtual data set, one shot of each kind in each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rooms: u64,
    /// The first room: to look at one again, `--from 17 --rooms 1`.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..100_000))]
    from: u64,
    /// Frames a second of a virtual data set: 30, 60 or any other rate; both where none is given.
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(5..=240))]
    fps: Option<u32>,
    /// `break`, `slow`, `cluster`, `occlusion` or `all`.
    #[arg(long, value_name = "KIND", default_value = "all")]
    scene: String,
    /// The camera's rolling shutter is not known to the tracker.
    #[arg(long)]
    shutter_unknown: bool,
    /// Write a strip of pictures of every failure into this folder: truth white, what is told green with its id.
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
    /// Write the figures as JSON into this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Tracking {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        make_folder(self.failures.as_deref())?;
        let (text, value) = match self.dataset.parse()? {
            Dataset::Virtual(seed) => {
                let report = self.follow_rooms(seed)?;
                (report.in_words(), report.as_json())
            }
            Dataset::Real(path) => clips::follow(&path, self.failures.as_deref())?,
        };
        if let Some(file) = &self.json {
            write_result(file, &format!("{value:#}\n"))?;
        }
        show(&text)
    }

    fn follow_rooms(&self, seed: u64) -> Result<Report, Failure> {
        let kinds = match self.scene.as_str() {
            "all" => ShotKind::ALL.to_vec(),
            word => vec![
                word.parse()
                    .map_err(|error| Failure::usage(format!("{error}, and `all`")))?,
            ],
        };
        let rates = self.fps.map_or(vec![30, 60], |fps| vec![fps]);
        let setting = rooms::Setting {
            seed,
            rooms: self.from..self.from + self.rooms,
            is_shutter_known: !self.shutter_unknown,
            failures: self.failures.as_deref(),
        };
        let mut report = Report::default();
        for kind in kinds {
            for fps in &rates {
                rooms::follow(&setting, kind, *fps, &mut report)?;
            }
        }
        Ok(report)
    }
}

/// Sums by kind of shot and rate, and what went wrong.
#[derive(Default)]
struct Report {
    strata: BTreeMap<(ShotKind, u32), Followed>,
    failures: Vec<String>,
}

impl Report {
    fn all(&self) -> Followed {
        let mut all = Followed::default();
        self.strata.values().for_each(|stratum| all.add(stratum));
        all
    }

    fn rows(&self) -> Vec<(String, Followed)> {
        let strata = self.strata.iter();
        let mut rows: Vec<_> = strata
            .map(|((kind, fps), sum)| (format!("{kind} {fps} fps"), sum.clone()))
            .collect();
        rows.push(("all".to_owned(), self.all()));
        rows
    }

    fn in_words(&self) -> String {
        let mut text = String::new();
        for failure in &self.failures {
            let _ = writeln!(text, "{failure}");
        }
        for (name, sum) in self.rows() {
            stratum_in_words(&mut text, &name, &sum);
        }
        text
    }

    fn as_json(&self) -> Value {
        let strata: Map<String, Value> = self
            .rows()
            .into_iter()
            .map(|(name, sum)| (name, as_json(&sum)))
            .collect();
        json!({ "strata": strata, "failures": self.failures })
    }
}

fn stratum_in_words(text: &mut String, name: &str, sum: &Followed) {
    let percent = |part: usize| {
        share(part, sum.shots).map_or_else(|| "-".to_owned(), |p| format!("{:.1} %", 100.0 * p))
    };
    let number =
        |v: Option<f64>, digits: usize| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"));
    let _ = writeln!(
        text,
        "{name}: {} shots, no identity switch in {} ({}), all ids right at the end in {} ({}), all names in {} ({})",
        sum.shots,
        sum.shots_without_switch,
        percent(sum.shots_without_switch),
        sum.ids_right_at_end,
        percent(sum.ids_right_at_end),
        sum.names_right_at_end,
        percent(sum.names_right_at_end),
    );
    let _ = writeln!(
        text,
        "  MOTA {}; of {} balls {} missed, {} false, {} switches; {} lost, {} invented for longer",
        number(sum.mota(), 5),
        sum.balls,
        sum.missed,
        sum.false_ones,
        sum.switches,
        sum.lost,
        sum.invented,
    );
    for (state, errors) in [("at rest", &sum.at_rest), ("moving", &sum.moving)] {
        let of = |list: &[f64], part: f64, digits: usize| number(quantile(list, part), digits);
        let _ = writeln!(
            text,
            "  {state:<8} place off {} / {} / {} mm (p50/95/99), velocity {} / {} m/s (p50/95), {} looks",
            of(&errors.place_mm, 0.5, 2),
            of(&errors.place_mm, 0.95, 2),
            of(&errors.place_mm, 0.99, 2),
            of(&errors.velocity_m_s, 0.5, 4),
            of(&errors.velocity_m_s, 0.95, 4),
            errors.place_mm.len(),
        );
    }
    for class in EventClass::ALL {
        let Some(tally) = sum.events.get(&class) else {
            continue;
        };
        let sizes: Vec<f64> = tally.off_ms.iter().map(|ms| ms.abs()).collect();
        let _ = writeln!(
            text,
            "  {:<14} {:>4} happened, {:>4} found, {:>3} missed, {:>3} invented; off {} / {} ms (p50/95), {} ms on the average",
            class.name(),
            tally.true_ones,
            tally.found,
            tally.true_ones - tally.found,
            tally.invented,
            number(quantile(&sizes, 0.5), 1),
            number(quantile(&sizes, 0.95), 1),
            number(mean(&tally.off_ms), 1),
        );
    }
    for (name, spent) in [
        ("a frame", &sum.spent),
        ("with ten balls or more moving", &sum.spent_busy),
    ] {
        let [eyes, tracker] = parts_ms(spent);
        let time = |list: &[f64], part: f64| number(quantile(list, part), 2);
        let _ = writeln!(
            text,
            "  {name:<30} eyes {} / {} ms, tracker {} / {} ms (p50/99)",
            time(&eyes, 0.5),
            time(&eyes, 0.99),
            time(&tracker, 0.5),
            time(&tracker, 0.99),
        );
    }
}

/// Milliseconds of the eyes and of the tracker.
fn parts_ms(spent: &[Spent]) -> [Vec<f64>; 2] {
    let part = |of: fn(&Spent) -> f64| spent.iter().map(of).collect();
    [part(|s| s.eyes_ms), part(|s| s.tracker_ms)]
}

fn mean(list: &[f64]) -> Option<f64> {
    (!list.is_empty()).then(|| list.iter().sum::<f64>() / list.len() as f64)
}

fn as_json(sum: &Followed) -> Value {
    let quantiles = |list: &[f64]| json!({ "p50": quantile(list, 0.5), "p95": quantile(list, 0.95), "p99": quantile(list, 0.99) });
    let errors = |e: &Errors| json!({ "place_mm": quantiles(&e.place_mm), "velocity_m_s": quantiles(&e.velocity_m_s) });
    let spent = |spent: &[Spent]| {
        let [eyes, tracker] = parts_ms(spent);
        json!({ "eyes_ms": quantiles(&eyes), "tracker_ms": quantiles(&tracker) })
    };
    let event = |(class, tally): (&EventClass, &EventTally)| {
        let sizes: Vec<f64> = tally.off_ms.iter().map(|ms| ms.abs()).collect();
        let value = json!({
            "true": tally.true_ones, "found": tally.found, "invented": tally.invented,
            "off_ms": quantiles(&sizes), "mean_ms": mean(&tally.off_ms),
        });
        (class.name().to_owned(), value)
    };
    let events: Map<String, Value> = sum.events.iter().map(event).collect();
    json!({
        "shots": sum.shots, "shots_without_switch": sum.shots_without_switch,
        "ids_right_at_end": sum.ids_right_at_end, "names_right_at_end": sum.names_right_at_end,
        "mota": sum.mota(), "balls": sum.balls, "missed": sum.missed, "false": sum.false_ones,
        "switches": sum.switches, "lost": sum.lost, "invented": sum.invented,
        "at_rest": errors(&sum.at_rest), "moving": errors(&sum.moving), "events": events,
        "spent": spent(&sum.spent), "spent_busy": spent(&sum.spent_busy),
    })
}
