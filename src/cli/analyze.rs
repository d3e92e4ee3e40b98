//! `analyze`: what is on the table in these pictures.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Failure, balls_from, frame_of, make_folder, table_named};
use crate::table::TableSpec;
use crate::vision::analyse::Analyser;
use crate::vision::annotate::annotated;
use crate::vision::house_set::HouseSet;
use crate::vision::observation::Observation;

/// Finds table, balls and cue in pictures.
#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// Pictures (JPEG, PNG, WebP, BMP).
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Write a copy of each picture with what was found drawn on it into this folder.
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    /// Table model, if known: pool-9ft, pool-8ft, pool-7ft, snooker-12ft, carom-10ft.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Colours of the house's own balls, a file that `calibrate balls` made.
    #[arg(long, value_name = "FILE")]
    balls: Option<PathBuf>,
}

impl Analyze {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let table = table_named(self.table.as_deref())?;
        let balls = balls_from(self.balls.as_deref(), table.as_ref())?;
        make_folder(self.annotate.as_deref())?;
        let mut entries: Vec<Value> = Vec::new();
        let mut failed = 0;
        let mut out = std::io::stdout().lock();
        for path in &self.images {
            match self.analyse(path, table.clone(), balls.clone()) {
                Ok((observation, decode_ms)) => {
                    if self.json {
                        entries.push(entry(path, &observation, decode_ms));
                    } else {
                        write_text(&mut out, path, &observation).map_err(stdout_failed)?;
                    }
                }
                Err(error) => {
                    failed += 1;
                    if self.json {
                        entries.push(json!({ "file": path.to_string_lossy(), "error": error }));
                    }
                    eprintln!("billiards-trainer: {}: {error}", path.display());
                }
            }
        }
        if self.json {
            let text = serde_json::to_string_pretty(&entries)
                .map_err(|e| Failure::failed(format!("can't write the result as JSON: {e}")))?;
            writeln!(out, "{text}").map_err(stdout_failed)?;
        }
        match failed {
            0 => Ok(()),
            n => Err(Failure::failed(format!(
                "{n} of {} pictures could not be analysed; the reasons are above",
                self.images.len()
            ))),
        }
    }

    /// One picture: what is on it, and how long reading it took (milliseconds).
    fn analyse(
        &self,
        path: &Path,
        table: Option<TableSpec>,
        balls: Option<HouseSet>,
    ) -> Result<(Observation, f64), String> {
        let start = Instant::now();
        let frame = frame_of(path)?;
        let decode_ms = start.elapsed().as_secs_f64() * 1e3;
        let observation = Analyser::new(table).with_house_set(balls).analyse(&frame);
        if let Some(folder) = &self.annotate {
            let name = path
                .file_stem()
                .map_or_else(|| "picture".into(), |s| s.to_string_lossy().into_owned());
            let target = annotated_path(folder, &name);
            annotated(&frame, &observation)
                .save(&target)
                .map_err(|e| format!("can't write {}: {e}", target.display()))?;
        }
        Ok((observation, decode_ms))
    }
}

fn stdout_failed(error: std::io::Error) -> Failure {
    Failure::failed(format!("can't write to standard output: {error}"))
}

/// `NAME.png` in the folder; of two pictures with the same name the later one stays.
fn annotated_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.png"))
}

fn entry(path: &Path, observation: &Observation, decode_ms: f64) -> Value {
    let point = |p: crate::units::Vec2| json!([p.x, p.y]);
    let table = observation.table.as_ref().map(|t| {
        let names = ["TL", "TM", "TR", "BL", "BM", "BR"];
        let pockets: Map<String, Value> = names
            .iter()
            .zip(t.pockets_px)
            .map(|(n, p)| ((*n).to_owned(), point(p)))
            .collect();
        json!({
            "corners_px": t.corners_px.map(point),
            "pockets_px": pockets,
            "model": t.model,
            "confidence": t.confidence,
        })
    });
    let mut timing = Map::new();
    timing.insert("decode".into(), json!(decode_ms));
    for (name, ms) in &observation.timing_ms {
        timing.insert((*name).to_owned(), json!(ms));
    }
    json!({
        "file": path.to_string_lossy(),
        "image_size": [observation.image.width, observation.image.height],
        "table": table,
        "balls": observation.balls,
        "cues": observation.cues,
        "hidden": observation.hidden,
        "timing_ms": timing,
        "warnings": observation.warnings,
    })
}

fn write_text(out: &mut impl std::io::Write, path: &Path, o: &Observation) -> std::io::Result<()> {
    writeln!(out, "{} ({} × {})", path.display(), o.image.width, o.image.height)?;
    match &o.table {
        Some(t) => writeln!(out, "  table {} ({:.0} %)", t.model, 100.0 * t.confidence)?,
        None => writeln!(out, "  no table")?,
    }
    if !o.balls.is_empty() {
        writeln!(
            out,
            "  {:<8} {:>3} {:>9} {:>9} {:>7} {:>8} {:>8}  sure",
            "group", "no", "x px", "y px", "r px", "x m", "y m"
        )?;
    }
    for b in &o.balls {
        let number = b.kind.number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let (x, y) = b.position_m.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |p| (format!("{:.4}", p.x), format!("{:.4}", p.y)),
        );
        writeln!(
            out,
            "  {:<8} {number:>3} {:>9.1} {:>9.1} {:>7.1} {x:>8} {y:>8}  {:.0} % ball, {:.0} % group",
            b.kind.group.name(),
            b.center_px.x,
            b.center_px.y,
            b.radius_px,
            100.0 * b.confidence,
            100.0 * b.group_confidence,
        )?;
    }
    for c in &o.cues {
        writeln!(
            out,
            "  cue: tip {:.0},{:.0} butt {:.0},{:.0} ({:.0} %)",
            c.tip_px.x,
            c.tip_px.y,
            c.butt_px.x,
            c.butt_px.y,
            100.0 * c.confidence,
        )?;
    }
    if !o.hidden.is_none() {
        let share = 100.0 * o.hidden.share();
        writeln!(out, "  {share:.1} % of the bed is hidden")?;
    }
    for w in &o.warnings {
        writeln!(out, "  note: {w}")?;
    }
    if let Some((_, ms)) = o.timing_ms.last() {
        writeln!(out, "  {ms:.1} ms")?;
    }
    Ok(())
}
