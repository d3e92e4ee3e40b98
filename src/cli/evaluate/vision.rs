//! `evaluate vision`.

mod dataset;
mod speed;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use image::Rgb;
use imageproc::drawing::draw_hollow_circle_mut;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::units::Vec2;
use crate::virtual_table::domain::as_calibrated;
use crate::virtual_table::{Options, VirtualTable};
use crate::vision::analyse::Analyser;
use crate::vision::annotate::annotated;
use crate::vision::evaluate::{Compared, Known, KnownBall, Tally, compare, quantile};
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;
use crate::vision::source::FrameSource as _;

/// How well do the eyes see?
#[derive(Debug, Args)]
pub(crate) struct Vision {
    /// A folder with annotated pictures (`manifest.json`), or `virtual:SEED` for rooms made up by seed.
    #[arg(long, value_name = "DIR|virtual:SEED", default_value = "virtual:1000")]
    dataset: String,
    /// Rooms of a virtual data set.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rooms: u64,
    /// Pictures of each room.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    frames: u64,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Write every picture with a missed, false or misnamed ball into this folder: missed balls
    /// ringed in red, false ones in yellow.
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
    /// Measure how long each step takes on one core instead, at 720p, 1080p and 4K.
    #[arg(long, conflicts_with_all = ["dataset", "rooms", "frames", "failures"])]
    speed: bool,
    /// Write the pictures that --speed looks at into this folder, as PNG by size.
    #[arg(long, value_name = "DIR", requires = "speed")]
    pictures: Option<PathBuf>,
}

/// Pictures by kind, each with its tally.
struct Report {
    all: Tally,
    strata: BTreeMap<String, Tally>,
    failed: usize,
    failures: Option<PathBuf>,
}

impl Vision {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let text = if self.speed {
            speed::measure(self.json, self.pictures.as_deref())?
        } else {
            self.compare()?
        };
        std::io::stdout()
            .lock()
            .write_all(text.as_bytes())
            .map_err(|error| Failure::failed(format!("can't write the result: {error}")))
    }

    /// What the eyes say against what is known, as it is to be printed.
    fn compare(&self) -> Result<String, Failure> {
        if let Some(folder) = &self.failures {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::failed(format!(
                    "can't make the folder {}: {error}; choose another",
                    folder.display()
                ))
            })?;
        }
        let mut report = Report {
            all: Tally::default(),
            strata: BTreeMap::new(),
            failed: 0,
            failures: self.failures.clone(),
        };
        match self.dataset.strip_prefix("virtual:") {
            Some(seed) => {
                let seed: u64 = seed.parse().map_err(|_| {
                    Failure::usage(format!(
                        "virtual:{seed} must have a whole number, as in virtual:1000"
                    ))
                })?;
                self.look_at_rooms(seed, &mut report)?;
            }
            None => dataset::look(Path::new(&self.dataset), &mut report)?,
        }
        Ok(if self.json {
            report.as_json().to_string() + "\n"
        } else {
            report.in_words()
        })
    }

    fn look_at_rooms(&self, seed: u64, report: &mut Report) -> Result<(), Failure> {
        for room in 0..self.rooms {
            let domain = seed.wrapping_mul(1_000_003).wrapping_add(room);
            let options = Options::of_domain(domain);
            progress(room, self.rooms, "rooms");
            let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("room {domain}: {error}"));
            let mut table = VirtualTable::new(&options).map_err(|e| failed(&e))?;
            let mut analyser = Analyser::new(Some(options.table.clone()));
            let camera = std::sync::Arc::new(as_calibrated(&table.camera(), domain));
            let mut random = fastrand::Rng::with_seed(domain);
            for index in 0..self.frames {
                // Any moment of the next seconds of play.
                table.skip(random.u64(5..150));
                let Some(mut frame) = table.next(Duration::from_secs(1)).map_err(|e| failed(&e))? else {
                    continue;
                };
                let Some(known) = known_of(&frame, options.table.ball.radius_m) else {
                    continue;
                };
                frame.camera = Some(std::sync::Arc::clone(&camera));
                let seen = analyser.analyse(&frame);
                let compared = compare(&known, &seen);
                report.all.add(&known, &seen, &compared);
                let name = format!("room{domain}-{index}");
                for stratum in [
                    format!("table {}", options.table.name),
                    format!("scene {}", options.scene),
                    format!("picture {}x{}", frame.size.width, frame.size.height),
                ] {
                    report.note(&stratum, &known, &seen, &compared);
                }
                report.note_moving(&known, &seen, &compared);
                report.keep_failure(&name, &frame, &known, &seen, &compared);
            }
        }
        progress(self.rooms, self.rooms, "rooms");
        Ok(())
    }
}

/// What a virtual frame shows, in pixels of its true camera.
fn known_of(frame: &Frame, radius_m: f64) -> Option<Known> {
    let (truth, camera) = (frame.truth.as_ref()?, frame.camera.as_ref()?);
    let balls = truth.balls.iter().filter_map(|ball| {
        Some(KnownBall {
            center_px: camera.project(ball.position_m.extend(radius_m))?,
            position_m: Some(ball.position_m),
            group: Some(ball.kind.group),
            number: ball.kind.number,
            moves: ball.velocity_m_s.length() > 0.02,
        })
    });
    Some(Known {
        balls: balls.collect(),
        ..Known::default()
    })
}

impl Report {
    fn note(&mut self, stratum: &str, known: &Known, seen: &Observation, compared: &Compared) {
        let tally = self.strata.entry(stratum.to_owned()).or_default();
        tally.add(known, seen, compared);
    }

    /// Balls at rest and balls that move, each for themselves.
    fn note_moving(&mut self, known: &Known, seen: &Observation, compared: &Compared) {
        for (moves, stratum) in [(false, "balls at rest"), (true, "balls that move")] {
            let chosen = |(ball, _): &(&KnownBall, &Option<usize>)| ball.moves == moves;
            let (balls, found) = known
                .balls
                .iter()
                .zip(&compared.found)
                .filter(chosen)
                .map(|(ball, found)| (*ball, *found))
                .unzip();
            let part = Known {
                balls,
                ..known.clone()
            };
            let compared = Compared {
                found,
                wrong: Vec::new(),
            };
            self.note(stratum, &part, seen, &compared);
        }
    }

    fn keep_failure(
        &mut self,
        name: &str,
        frame: &Frame,
        known: &Known,
        seen: &Observation,
        compared: &Compared,
    ) {
        let misnamed = known.balls.iter().zip(&compared.found).any(|(ball, found)| {
            let told = found.and_then(|s| seen.balls.get(s)).map(|b| b.kind.group);
            ball.group.zip(told).is_some_and(|(known, told)| known != told)
        });
        let missed = compared.found.iter().any(Option::is_none);
        if !(missed || misnamed || !compared.wrong.is_empty()) {
            return;
        }
        self.failed += 1;
        let Some(folder) = &self.failures else { return };
        let mut picture = annotated(frame, seen);
        let mut ring = |at: Vec2, radius: f64, colour: Rgb<u8>| {
            for k in 0..4 {
                draw_hollow_circle_mut(
                    &mut picture,
                    (at.x as i32, at.y as i32),
                    radius as i32 + k,
                    colour,
                );
            }
        };
        let large = f64::from(frame.size.width) / 50.0;
        for (ball, found) in known.balls.iter().zip(&compared.found) {
            if found.is_none() {
                ring(ball.center_px, large, Rgb([255, 0, 0]));
            }
        }
        for wrong in compared.wrong.iter().filter_map(|s| seen.balls.get(*s)) {
            ring(wrong.center_px, large, Rgb([255, 255, 0]));
        }
        let file = folder.join(format!("{}.jpg", name.replace(['/', '.'], "_")));
        if let Err(error) = picture.save(&file) {
            eprintln!("billiards-trainer: can't write {}: {error}", file.display());
        }
    }

    fn in_words(&self) -> String {
        let mut text = format!(
            "{:<30}{:>8}{:>7}{:>9}{:>8}{:>8}{:>9}{:>9}{:>11}{:>11}{:>9}{:>10}\n",
            "",
            "pictures",
            "balls",
            "recall",
            "false",
            "group",
            "number",
            "pockets",
            "px p50/95",
            "mm p50/95",
            "ms p50",
            "no table"
        );
        let percent =
            |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |s| format!("{:.2} %", 100.0 * s));
        let pair = |numbers: &[f64]| match (quantile(numbers, 0.5), quantile(numbers, 0.95)) {
            (Some(middle), Some(high)) => format!("{middle:.2}/{high:.2}"),
            _ => "-".to_owned(),
        };
        let whole = &self.all;
        for (name, t) in self
            .strata
            .iter()
            .chain(std::iter::once((&"all".to_owned(), whole)))
        {
            let pockets = match t.pockets {
                0 => "-".to_owned(),
                n => format!("{}/{n}", t.pockets_right),
            };
            let _ = writeln!(
                text,
                "{name:<30}{:>8}{:>7}{:>9}{:>8}{:>8}{:>9}{:>9}{:>11}{:>11}{:>9.1}{:>10}",
                t.pictures,
                t.balls,
                percent(t.recall()),
                percent(t.false_share()),
                percent(t.group_share()),
                percent(t.number_share()),
                pockets,
                pair(&t.off_px),
                pair(&t.off_mm),
                quantile(&t.ms, 0.5).unwrap_or(0.0),
                t.no_table,
            );
        }
        let _ = writeln!(
            text,
            "missed {}, false {}, group wrong {} (of them called unknown {}), pictures with any of these {}",
            whole.balls - whole.found,
            whole.wrong,
            whole.groups - whole.groups_right,
            whole.groups_unknown,
            self.failed
        );
        text
    }

    fn as_json(&self) -> Value {
        let tally = |t: &Tally| {
            json!({
                "pictures": t.pictures, "balls": t.balls, "found": t.found, "false": t.wrong,
                "recall": t.recall(), "false_share": t.false_share(),
                "groups": t.groups, "groups_right": t.groups_right, "groups_unknown": t.groups_unknown,
                "numbers": t.numbers, "numbers_right": t.numbers_right,
                "pockets": t.pockets, "pockets_right": t.pockets_right, "no_table": t.no_table,
                "error_px": { "p50": quantile(&t.off_px, 0.5), "p95": quantile(&t.off_px, 0.95) },
                "error_mm": { "p50": quantile(&t.off_mm, 0.5), "p95": quantile(&t.off_mm, 0.95) },
                "ms": { "p50": quantile(&t.ms, 0.5), "p99": quantile(&t.ms, 0.99) },
            })
        };
        let strata: serde_json::Map<String, Value> = self
            .strata
            .iter()
            .map(|(name, t)| (name.clone(), tally(t)))
            .collect();
        json!({ "all": tally(&self.all), "strata": strata, "pictures_with_failures": self.failed })
    }
}

/// A line that writes over itself on a terminal, now and then a line elsewhere.
fn progress(done: u64, of: u64, what: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{done} of {of} {what} ");
        if done == of {
            eprintln!();
        }
    } else if done > 0 && done.is_multiple_of(20) {
        eprintln!("{done} of {of} {what}");
    }
}
