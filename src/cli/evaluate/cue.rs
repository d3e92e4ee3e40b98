//! `evaluate cue`: how well the cue is seen, followed and timed.

mod dataset;
mod overlay;
mod rooms;
mod tally;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use image::Rgb;
use imageproc::drawing::draw_line_segment_mut;
use serde_json::{Value, json};

use super::dataset::Dataset;
use super::progress;
use crate::cli::{Failure, make_folder, show, write_result};
use crate::units::Vec2;
use crate::vision::annotate::annotated;
use crate::vision::evaluate::{quantile, share};
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;
use crate::vision::track::TableState;
use tally::{Look, Tally, mean, rms};

/// How well is the cue seen, followed and timed?
#[derive(Debug, Args)]
pub(crate) struct Cue {
    /// A folder with annotated pictures (`manifest.json`), a clip, or `virtual:SEED` for rooms made up by seed.
    #[arg(long, value_name = "DIR|CLIP|virtual:SEED", default_value = "virtual:1000")]
    dataset: String,
    /// Rooms of a virtual data set.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rooms: u64,
    /// Strokes watched in each room.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000))]
    strokes: u16,
    /// Frames a second of the virtual camera.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(5..=240))]
    fps: u16,
    /// Write an annotated picture of every failure into this folder, the true cue in green.
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
    /// Write the figures as JSON into this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A direction off by more than this is a failure to look at, degrees.
const FAILURE_DEG: f64 = 0.8;
/// Pictures kept of each aim at most.
const PICTURES_OF_AN_AIM: usize = 3;

/// Looks and strokes by kind.
#[derive(Default)]
struct Report {
    all: Tally,
    strata: BTreeMap<String, Tally>,
    /// Time spent on the cue in each frame.
    cue_ms: Vec<f64>,
    failed: usize,
    failures: Option<PathBuf>,
    /// How many pictures were kept of an aim.
    kept: BTreeMap<String, usize>,
    /// Of a clip: what was seen and when.
    story: String,
}

impl Cue {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        make_folder(self.failures.as_deref())?;
        let mut report = Report {
            failures: self.failures.clone(),
            ..Report::default()
        };
        match self.dataset.parse()? {
            Dataset::Virtual(seed) => {
                let strokes = usize::from(self.strokes);
                rooms::look(seed, self.rooms, strokes, f64::from(self.fps), &mut report)?;
            }
            Dataset::Real(path) => dataset::look(&path, &mut report)?,
        }
        if let Some(file) = &self.json {
            write_result(file, &format!("{:#}\n", report.as_json()))?;
        }
        let text = report.story.clone() + &report.in_words();
        show(&text)
    }
}

impl Report {
    /// Notes something under all kinds it is of, and under all.
    fn note(&mut self, kinds: &[String], mut add: impl FnMut(&mut Tally)) {
        for kind in kinds {
            add(self.strata.entry(kind.clone()).or_default());
        }
        add(&mut self.all);
    }

    fn keep_failure(
        &mut self,
        name: &str,
        look: Option<Look>,
        frame: &Frame,
        seen: &Observation,
        state: &TableState,
    ) {
        let what = match look {
            Some(Look::Found(off)) if off > FAILURE_DEG => format!("off-{off:.1}-deg"),
            Some(Look::Missed) => "missed".to_owned(),
            Some(Look::Other) => "other".to_owned(),
            Some(Look::Invented) => "invented".to_owned(),
            _ => return,
        };
        self.failed += 1;
        let kind = format!("{name} {}", what.split('-').next().unwrap_or_default());
        let kept = self.kept.entry(kind).or_default();
        let Some(folder) = self.failures.as_ref().filter(|_| *kept < PICTURES_OF_AN_AIM) else {
            return;
        };
        *kept += 1;
        let mut picture = annotated(frame, seen);
        let mut line = |from: Vec2, to: Vec2, height: f64, rise: f64, colour: Rgb<u8>| {
            let Some(camera) = &frame.camera else { return };
            let ends = (
                camera.project(from.extend(height)),
                camera.project(to.extend(height + rise)),
            );
            if let (Some(a), Some(b)) = ends {
                let at = |p: Vec2| (p.x as f32, p.y as f32);
                draw_line_segment_mut(&mut picture, at(a), at(b), colour);
            }
        };
        if let Some(cue) = frame.truth.as_ref().and_then(|t| t.cue) {
            let back = cue.tip_m - cue.direction * 0.9;
            line(
                cue.tip_m,
                back,
                cue.tip_height_m,
                0.9 * cue.elevation.tan(),
                Rgb([0, 255, 0]),
            );
        }
        if let Some(cue) = &state.cue {
            // As it would be drawn on the cloth.
            line(
                cue.tip_m,
                cue.tip_m + cue.direction * 0.5,
                0.0,
                0.0,
                Rgb([255, 0, 255]),
            );
        }
        let file = folder.join(format!("{name}-{}-{what}.jpg", frame.sequence));
        if let Err(error) = picture.save(&file) {
            eprintln!("billiards-trainer: can't write {}: {error}", file.display());
        }
    }

    fn in_words(&self) -> String {
        let heads = [
            "looks",
            "found",
            "other",
            "deg mean/p95",
            "/sigma",
            "elev deg",
            "tip mm p50/95",
            "strokes",
            "missed",
            "hit ms mean/p95",
            "speed %",
            "side r",
            "height r",
        ];
        let mut text = format!("{:<24}", "");
        for head in heads {
            let _ = write!(text, "{head:>16}");
        }
        text.push('\n');
        let told =
            |v: Option<f64>, digits: usize| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"));
        let abs = |v: &[f64]| v.iter().map(|x| x.abs()).collect::<Vec<_>>();
        for (name, t) in self
            .strata
            .iter()
            .chain(std::iter::once((&"all".to_owned(), &self.all)))
        {
            let percent = |part: usize| told(share(part, t.looks).map(|s| 100.0 * s), 1) + " %";
            let impact = abs(&t.impact_ms);
            let cells = [
                t.looks.to_string(),
                percent(t.found),
                percent(t.other),
                format!(
                    "{}/{}",
                    told(mean(&t.direction_deg), 3),
                    told(quantile(&t.direction_deg, 0.95), 3)
                ),
                told(rms(&t.over_sigma), 2),
                told(mean(&abs(&t.elevation_deg)), 2),
                format!(
                    "{}/{}",
                    told(quantile(&t.tip_mm, 0.5), 1),
                    told(quantile(&t.tip_mm, 0.95), 1)
                ),
                t.strokes.to_string(),
                t.strokes_missed.to_string(),
                format!("{}/{}", told(mean(&impact), 2), told(quantile(&impact, 0.95), 2)),
                told(mean(&abs(&t.speed_percent)), 1),
                format!("{} ({})", told(mean(&abs(&t.side)), 3), t.side.len()),
                format!("{} ({})", told(mean(&abs(&t.height)), 3), t.height.len()),
            ];
            let _ = write!(text, "{name:<24}");
            for cell in cells {
                let _ = write!(text, "{cell:>16}");
            }
            text.push('\n');
        }
        let all = &self.all;
        let _ = writeln!(
            text,
            "strokes invented {}; a cue where there is none in {} of {} looks; failures to look at {}",
            all.strokes_invented, all.invented, all.empty, self.failed
        );
        if let (Some(middle), Some(high)) = (quantile(&self.cue_ms, 0.5), quantile(&self.cue_ms, 0.99)) {
            let _ = writeln!(
                text,
                "time on the cue per frame: {middle:.2} ms (p50), {high:.2} ms (p99)"
            );
        }
        text
    }

    fn as_json(&self) -> Value {
        let strata: serde_json::Map<String, Value> =
            (self.strata.iter().map(|(name, t)| (name.clone(), t.as_json()))).collect();
        json!({
            "all": self.all.as_json(), "strata": strata, "failures": self.failed,
            "cue_ms": { "p50": quantile(&self.cue_ms, 0.5), "p99": quantile(&self.cue_ms, 0.99) },
        })
    }
}

/// Time that a look spent on the cue, milliseconds.
fn cue_ms(seen: &Observation) -> f64 {
    (seen.timing_ms.iter())
        .filter(|t| t.0 == "cue")
        .map(|t| t.1)
        .sum()
}
