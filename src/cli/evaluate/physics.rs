//! `evaluate physics`.

mod reference;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use self::reference::Reference;
use crate::cli::{Failure, show};
use crate::physics::evaluate::brute::{Agreement, agreements};
use crate::physics::evaluate::families::{self, FamilyShot, FamilyTime, median};
use crate::physics::evaluate::truths::{self, Truth};
use crate::physics::{LiveTable, Simulator};
use crate::table::TableSpec;

/// Is the physics right, and how fast is it?
#[derive(Debug, Args)]
pub(crate) struct Physics {
    /// A file of reference shots (as `simulate` reads, with events and final places), or a folder
    /// with such files.
    #[arg(long, value_name = "PATH")]
    dataset: Option<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Seed of the shots that are made up for timing.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write those shots to this file, for `simulate` or another simulator.
    #[arg(long, value_name = "FILE")]
    shots_to: Option<PathBuf>,
}

/// Rollouts of one prediction's spread.
const ROLLOUTS: usize = 1000;
/// Random draws they are held against.
const DRAWS: usize = 100_000;

impl Physics {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let table = TableSpec::reference_9ft();
        let shots = families::all(&table, self.seed);
        if let Some(path) = &self.shots_to {
            let text = reference::document(&table, &shots).to_string();
            std::fs::write(path, text).map_err(|error| {
                Failure::failed(format!(
                    "can't write {}: {error}; choose another file",
                    path.display()
                ))
            })?;
        }
        let report = Report {
            references: match &self.dataset {
                Some(path) => reference::compare_all(path)?,
                None => Vec::new(),
            },
            truths: truths::all(),
            drivers: Drivers::compare(&table, &shots),
            spread: agreements(&TableSpec::pool_9ft(), ROLLOUTS, DRAWS, threads()),
            speed: Speed::measure(&table, &shots),
        };
        let text = if self.json {
            report.as_json().to_string() + "\n"
        } else {
            report.in_words()
        };
        show(&text)?;
        match report.first_broken() {
            None => Ok(()),
            Some(what) => Err(Failure::failed(what)),
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

struct Report {
    truths: Vec<Truth>,
    references: Vec<Reference>,
    drivers: Drivers,
    spread: Vec<Agreement>,
    speed: Speed,
}

/// Both drivers on the same shots.
struct Drivers {
    shots: usize,
    /// Shots on which they differ by a bit.
    different: Vec<String>,
    /// All fingerprints in one.
    fingerprint: u64,
}

impl Drivers {
    fn compare(table: &TableSpec, shots: &[FamilyShot]) -> Self {
        let mut told = Self {
            shots: 0,
            different: Vec::new(),
            fingerprint: 0,
        };
        for table in [table, &TableSpec::pool_9ft()] {
            let (mut simulator, mut live) = (Simulator::new(table), LiveTable::new(table));
            for shot in shots {
                let balls = shot.balls();
                if live.start(&balls, Some(0), Some(shot.strike)).is_err() {
                    continue;
                }
                while live.step() {}
                let event = simulator.play(&balls, Some((0, shot.strike)));
                told.shots += 1;
                told.fingerprint = told.fingerprint.rotate_left(1) ^ event.fingerprint();
                if event != live.log() || event.fingerprint() != live.log().fingerprint() {
                    told.different.push(format!("{} on {}", shot.id, table.name));
                }
            }
        }
        told
    }
}

/// What it costs, on one core.
struct Speed {
    /// With the reference's parameters.
    reference: Vec<FamilyTime>,
    /// With the table's own.
    ours: Vec<FamilyTime>,
    suggestions_a_second: f64,
}

impl Speed {
    fn measure(table: &TableSpec, shots: &[FamilyShot]) -> Self {
        let own = TableSpec {
            physics: TableSpec::pool_9ft().physics,
            ..table.clone()
        };
        let (count, seconds) = families::suggestions(&TableSpec::pool_9ft(), 20, 7);
        Self {
            reference: families::time(&mut Simulator::new(table), shots, 21),
            ours: families::time(&mut Simulator::new(&own), shots, 21),
            suggestions_a_second: count as f64 / seconds.max(1e-9),
        }
    }
}

/// Median of all ordinary shots and the slowest break, microseconds.
fn ordinary_and_break(times: &[FamilyTime]) -> (f64, f64) {
    let of = |breaks: bool| {
        let families = times
            .iter()
            .filter(move |t| t.family.starts_with("break") == breaks);
        families.flat_map(|t| t.us.iter().copied())
    };
    let mut ordinary: Vec<f64> = of(false).collect();
    (median(&mut ordinary), of(true).fold(0.0, f64::max))
}

impl Report {
    /// The first promise that is not kept, in words.
    fn first_broken(&self) -> Option<String> {
        let truth = self.truths.iter().find(|t| !t.holds());
        let truth = truth.map(|t| format!("a measured truth does not hold: {}", t.what));
        let reference = self.references.iter().find_map(Reference::first_broken);
        let driver = self.drivers.different.first();
        let driver = driver.map(|shot| format!("the two drivers differ on {shot}"));
        let driver = driver
            .or_else(|| (self.drivers.shots == 0).then(|| "no shot was played by both drivers".to_owned()));
        let spread = self.spread.iter().find(|a| a.worst_sigmas > 4.0);
        let spread = spread.map(|a| format!("the spread of a {} does not agree with brute force", a.what));
        truth.or(reference).or(driver).or(spread)
    }

    fn in_words(&self) -> String {
        let mut text = String::new();
        self.truths_in_words(&mut text);
        for reference in &self.references {
            reference.in_words(&mut text);
        }
        let drivers = &self.drivers;
        let _ = writeln!(
            text,
            "\nBoth drivers, {} shots: {} with the same bits, fingerprint {:016x}",
            drivers.shots,
            drivers.shots - drivers.different.len(),
            drivers.fingerprint
        );
        for shot in &drivers.different {
            let _ = writeln!(text, "  differ on {shot}");
        }
        let _ = writeln!(
            text,
            "\nSpread by {ROLLOUTS} rollouts on {} threads, against {DRAWS} random draws\n{:<34}{:>21}{:>14}{:>24}{:>8}",
            threads(),
            "",
            "object ball pocketed",
            "worst Δp",
            "rest of cue ball, mm",
            "ms"
        );
        for a in &self.spread {
            let _ = writeln!(
                text,
                "  {:<32}{:>12.3} {:>7.3}{:>8.3} {:.1} σ{:>13.0} {:>10.0}{:>8.1}",
                a.what,
                a.pocketed[0],
                a.pocketed[1],
                a.worst_probability,
                a.worst_sigmas,
                a.rest_spread_m[0] * 1e3,
                a.rest_spread_m[1] * 1e3,
                a.took_ms
            );
        }
        self.speed_in_words(&mut text);
        text
    }

    fn truths_in_words(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "Measured truths{:>83}{:>12}{:>10}  source",
            "measured", "pooltool", "ours"
        );
        for t in &self.truths {
            let _ = writeln!(
                text,
                "{} {:<78} {:>17}{:>12}{:>10}  {}",
                if t.holds() { " " } else { "✗" },
                t.what,
                format!("{}…{} {}", short(t.measured[0]), short(t.measured[1]), t.unit),
                short(t.reference),
                short(t.ours),
                t.source
            );
        }
        let holding = self.truths.iter().filter(|t| t.holds()).count();
        let theirs = self
            .truths
            .iter()
            .filter(|t| (t.measured[0]..=t.measured[1]).contains(&t.reference));
        let _ = writeln!(
            text,
            "  {holding} of {} hold with the trainer's parameters, {} with those of pooltool 0.6.0",
            self.truths.len(),
            theirs.count()
        );
    }

    fn speed_in_words(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\nTime of a shot on one core, µs{:>14}{:>22}{:>22}\n{:<20}{:>7}{:>8}{:>11}{:>11}{:>11}{:>11}",
            "",
            "as the reference",
            "with own parameters",
            "  family",
            "shots",
            "events",
            "median",
            "worst",
            "median",
            "worst"
        );
        for (reference, ours) in self.speed.reference.iter().zip(&self.speed.ours) {
            let worst = |t: &FamilyTime| t.us.iter().copied().fold(0.0, f64::max);
            let _ = writeln!(
                text,
                "  {:<18}{:>7}{:>8.0}{:>11.1}{:>11.1}{:>11.1}{:>11.1}",
                reference.family,
                reference.us.len(),
                reference.events,
                median(&mut reference.us.clone()),
                worst(reference),
                median(&mut ours.us.clone()),
                worst(ours)
            );
        }
        let (reference, ours) = (
            ordinary_and_break(&self.speed.reference),
            ordinary_and_break(&self.speed.ours),
        );
        let _ = writeln!(
            text,
            "  median of ordinary shots {:.1} (own parameters {:.1}), slowest break {:.0} ({:.0})\n  \
             suggestions: {:.0} shots a second, eight balls on the table",
            reference.0, ours.0, reference.1, ours.1, self.speed.suggestions_a_second
        );
    }

    fn as_json(&self) -> Value {
        let truths: Vec<Value> = self
            .truths
            .iter()
            .map(|t| {
                json!({
                    "what": t.what, "source": t.source, "unit": t.unit, "measured": t.measured,
                    "pooltool": t.reference, "ours": t.ours, "holds": t.holds(),
                })
            })
            .collect();
        let families: Vec<Value> = self
            .speed
            .reference
            .iter()
            .zip(&self.speed.ours)
            .map(|(reference, ours)| {
                json!({
                    "family": reference.family, "shots": reference.us.len(), "events": reference.events,
                    "reference_median_us": median(&mut reference.us.clone()),
                    "own_median_us": median(&mut ours.us.clone()),
                })
            })
            .collect();
        let spread: Vec<Value> = self
            .spread
            .iter()
            .map(|a| {
                json!({
                    "shot": a.what, "pocketed": a.pocketed, "worst_probability": a.worst_probability,
                    "worst_sigmas": a.worst_sigmas, "cue_ball_rest_spread_m": a.rest_spread_m,
                    "took_ms": a.took_ms,
                })
            })
            .collect();
        let (ordinary_us, break_us) = ordinary_and_break(&self.speed.reference);
        let references: Vec<Value> = self.references.iter().map(Reference::as_json).collect();
        json!({
            "truths": truths,
            "references": references,
            "drivers": {
                "shots": self.drivers.shots, "different": self.drivers.different,
                "fingerprint": format!("{:016x}", self.drivers.fingerprint),
            },
            "spread": { "rollouts": ROLLOUTS, "draws": DRAWS, "threads": threads(), "shots": spread },
            "speed": {
                "families": families, "ordinary_median_us": ordinary_us, "break_worst_us": break_us,
                "suggestions_per_second": self.speed.suggestions_a_second,
            },
            "broken": self.first_broken(),
        })
    }
}

/// A number in as few letters as it needs.
fn short(number: f64) -> String {
    let digits = match number.abs() {
        a if a >= 100.0 => 0,
        a if a >= 10.0 => 1,
        a if a >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{number:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0')
            .trim_end_matches('.')
            .replace("-0", if number > -0.0005 { "0" } else { "-0" })
    } else {
        text
    }
}
