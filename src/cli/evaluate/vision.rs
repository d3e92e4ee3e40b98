//! `evaluate vision`.

mod dataset;
mod overlay;
mod rooms;
mod speed;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use image::Rgb;
use imageproc::drawing::draw_hollow_circle_mut;
use serde_json::{Value, json};

use super::progress;
use crate::cli::evaluate::dataset::Dataset;
use crate::cli::{Failure, balls_from, make_folder, show, write_result};
use crate::units::Vec2;
use crate::vision::annotate::annotated;
use crate::vision::evaluate::{Compared, Known, KnownBall, Resting, Sight, Tally, quantile, share};
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;

/// How well do the eyes see?
#[derive(Debug, Args)]
pub(crate) struct Vision {
    /// A folder with annotated pictures (`manifest.json`), or `virtual:SEED` for rooms made up by seed.
    #[arg(long, value_name = "DIR|virtual:SEED", default_value = "virtual:1000")]
    dataset: String,
    /// Rooms of a virtual data set.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rooms: u64,
    /// The first room: to look at one again, `--from 17 --rooms 1`.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..100_000))]
    from: u64,
    /// Pictures of each room.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    frames: u64,
    /// Colours of the house's own balls, a file that `calibrate balls` made.
    #[arg(long, value_name = "FILE")]
    balls: Option<PathBuf>,
    /// Teach the eyes each room's own balls first, as `calibrate balls` does.
    #[arg(long, conflicts_with = "balls")]
    taught: bool,
    /// Rooms with a projector that draws a shot on the cloth, as the eyes know or do not.
    #[arg(long, value_enum, default_value_t)]
    overlay: overlay::Overlay,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Write every picture with a missed, false or misnamed ball into this folder: missed balls
    /// ringed in red, false ones in yellow, and a list of all three, `failures.csv`.
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
    /// Measure how long each step takes on one core instead, at 720p, 1080p and 4K.
    #[arg(long, conflicts_with_all = ["dataset", "rooms", "from", "frames", "balls", "taught", "failures"])]
    speed: bool,
    /// Write the pictures that --speed looks at into this folder, as PNG by size.
    #[arg(long, value_name = "DIR", requires = "speed")]
    pictures: Option<PathBuf>,
}

/// Every missed, false and misnamed ball with its picture and its place in it, pixels.
const LIST: &str = "failures.csv";

/// Pictures by kind, each with its tally.
struct Report {
    all: Tally,
    strata: BTreeMap<String, Tally>,
    /// Virtual tables after a second at rest.
    resting: Resting,
    /// What is hidden of virtual tables.
    sight: Sight,
    /// What was found of virtual tables without any calibration.
    uncalibrated: Uncalibrated,
    /// Pictures without a cue, and cues seen in them.
    cueless: (usize, usize),
    failed: usize,
    failures: Option<PathBuf>,
}

/// How far lines and pockets that were found in a picture nobody calibrated are off, millimetres.
#[derive(Default)]
struct Uncalibrated {
    tables: usize,
    found: usize,
    noses_mm: Vec<f64>,
    pockets_mm: Vec<f64>,
}

impl Vision {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let text = if self.speed {
            speed::measure(self.json, self.pictures.as_deref())?
        } else {
            self.compare()?
        };
        show(&text)
    }

    /// What the eyes say against what is known, as it is to be printed.
    fn compare(&self) -> Result<String, Failure> {
        make_folder(self.failures.as_deref())?;
        if let Some(folder) = &self.failures {
            // A list of failures of another time would be mixed with these.
            write_result(&folder.join(LIST), "picture,what,x_px,y_px\n")?;
        }
        let balls = balls_from(self.balls.as_deref(), None)?;
        let mut report = Report {
            all: Tally::default(),
            strata: BTreeMap::new(),
            resting: Resting::default(),
            sight: Sight::default(),
            uncalibrated: Uncalibrated::default(),
            cueless: (0, 0),
            failed: 0,
            failures: self.failures.clone(),
        };
        match self.dataset.parse()? {
            Dataset::Virtual(seed) => {
                let house = rooms::House {
                    balls: balls.as_ref(),
                    taught: self.taught,
                    overlay: self.overlay,
                };
                rooms::look(
                    seed,
                    self.from..self.from + self.rooms,
                    self.frames,
                    &house,
                    &mut report,
                )?;
            }
            Dataset::Real(path) => dataset::look(&path, balls.as_ref(), &mut report)?,
        }
        Ok(if self.json {
            report.as_json().to_string() + "\n"
        } else {
            report.in_words()
        })
    }
}

impl Report {
    fn note(&mut self, stratum: &str, known: &Known, seen: &Observation, compared: &Compared) {
        let tally = self.strata.entry(stratum.to_owned()).or_default();
        tally.add(known, seen, compared);
    }

    /// Notes those balls of a picture that are `chosen`, by themselves.
    fn note_those(
        &mut self,
        stratum: &str,
        chosen: impl Fn(&KnownBall) -> bool,
        known: &Known,
        seen: &Observation,
        compared: &Compared,
    ) {
        let pairs = known.balls.iter().zip(&compared.found);
        let (balls, found) = pairs
            .filter(|(ball, _)| chosen(ball))
            .map(|(b, f)| (*b, *f))
            .unzip();
        let part = Known {
            balls,
            ..known.clone()
        };
        let wrong = Vec::new();
        self.note(stratum, &part, seen, &Compared { found, wrong });
        if let Some(tally) = self.strata.get_mut(stratum) {
            tally.in_part = true;
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
        let is_misnamed = |(ball, found): &(&KnownBall, &Option<usize>)| {
            let told = found.and_then(|s| seen.balls.get(s)).map(|b| b.kind.group);
            ball.group.zip(told).is_some_and(|(known, told)| known != told)
        };
        let pairs = || known.balls.iter().zip(&compared.found);
        let misnamed = pairs().any(|pair| is_misnamed(&pair));
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
        let mut list = String::new();
        let name = name.replace(['/', '.', ',', '"', '\n'], "_");
        for (ball, _) in pairs().filter(is_misnamed) {
            let _ = writeln!(
                list,
                "{name}.jpg,misnamed,{:.0},{:.0}",
                ball.center_px.x, ball.center_px.y
            );
        }
        let mut mark = |what: &str, at: Vec2, colour: Rgb<u8>| {
            ring(at, large, colour);
            let _ = writeln!(list, "{name}.jpg,{what},{:.0},{:.0}", at.x, at.y);
        };
        for (ball, found) in pairs() {
            if found.is_none() {
                mark("missed", ball.center_px, Rgb([255, 0, 0]));
            }
        }
        for wrong in compared.wrong.iter().filter_map(|s| seen.balls.get(*s)) {
            mark("false", wrong.center_px, Rgb([255, 255, 0]));
        }
        let picture_file = folder.join(format!("{name}.jpg"));
        let list_file = folder.join(LIST);
        let written = picture
            .save(&picture_file)
            .map_err(|error| format!("{}: {error}", picture_file.display()));
        let listed = OpenOptions::new().append(true).open(&list_file);
        let listed = listed.and_then(|mut file| file.write_all(list.as_bytes()));
        let listed = listed.map_err(|error| format!("{}: {error}", list_file.display()));
        if let Err(why) = written.and(listed) {
            eprintln!("billiards-trainer: can't write {why}");
        }
    }

    fn in_words(&self) -> String {
        let mut text = format!(
            "{:<30}{:>9}{:>7}{:>10}{:>10}{:>10}{:>10}{:>9}{:>11}{:>11}{:>9}{:>10}\n",
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
            |part: Option<f64>| part.map_or_else(|| "-".to_owned(), |p| format!("{:.2} %", 100.0 * p));
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
                "{name:<30}{:>9}{:>7}{:>10}{:>10}{:>10}{:>10}{:>9}{:>11}{:>11}{:>9.1}{:>10}",
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
        if self.cueless.0 > 0 {
            let (pictures, cues) = self.cueless;
            let _ = writeln!(text, "cues seen in {pictures} pictures without one: {cues}");
        }
        let number = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        if let Some(ratio) = whole.error_over_sigma() {
            let _ = writeln!(text, "errors are {ratio:.2} times what their own covariances say");
        }
        let (rest, line) = (&self.resting, &self.uncalibrated);
        if rest.groups > 0 {
            let _ = writeln!(
                text,
                "after a second at rest: {} balls, group {}, number {}, jitter {} mm rms",
                rest.groups,
                percent(share(rest.groups_right, rest.groups)),
                percent(share(rest.numbers_right, rest.numbers)),
                number(rest.jitter_rms_mm()),
            );
        }
        let sight = &self.sight;
        if sight.hidden + sight.open > 0 {
            let _ = writeln!(
                text,
                "of {} hidden places {} are told, of {} in sight {} are called hidden",
                sight.hidden,
                percent(share(sight.hidden_told, sight.hidden)),
                sight.open,
                percent(share(sight.open_called_hidden, sight.open)),
            );
        }
        if line.tables > 0 {
            let _ = writeln!(
                text,
                "without calibration: {} of {} tables found, noses off {} mm, pockets {} mm (p50/95)",
                line.found,
                line.tables,
                pair(&line.noses_mm),
                pair(&line.pockets_mm),
            );
        }
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
                "error_over_sigma": t.error_over_sigma(),
                "error_mm": { "p50": quantile(&t.off_mm, 0.5), "p95": quantile(&t.off_mm, 0.95) },
                "ms": { "p50": quantile(&t.ms, 0.5), "p99": quantile(&t.ms, 0.99) },
            })
        };
        let strata: serde_json::Map<String, Value> = self
            .strata
            .iter()
            .map(|(name, t)| (name.clone(), tally(t)))
            .collect();
        let (rest, line) = (&self.resting, &self.uncalibrated);
        json!({
            "all": tally(&self.all), "strata": strata, "pictures_with_failures": self.failed,
            "after_a_second_at_rest": {
                "groups": rest.groups, "groups_right": rest.groups_right,
                "numbers": rest.numbers, "numbers_right": rest.numbers_right,
                "jitter_rms_mm": rest.jitter_rms_mm(),
            },
            "sight": {
                "hidden": self.sight.hidden, "hidden_told": self.sight.hidden_told,
                "open": self.sight.open, "open_called_hidden": self.sight.open_called_hidden,
            },
            "without_calibration": {
                "tables": line.tables, "found": line.found,
                "noses_mm": { "p50": quantile(&line.noses_mm, 0.5), "p95": quantile(&line.noses_mm, 0.95) },
                "pockets_mm": { "p50": quantile(&line.pockets_mm, 0.5), "p95": quantile(&line.pockets_mm, 0.95) },
            },
        })
    }
}
