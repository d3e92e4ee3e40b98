//! Clips of real tables: nobody knows the truth, so physics judges, and people look.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::physical::Physical;
use crate::calibration::CameraModel;
use crate::cli::Failure;
use crate::cli::evaluate::dataset::{each_frame, is_clip};
use crate::table::TableSpec;
use crate::units::Vec2;
use crate::vision::analyse::Analyser;
use crate::vision::annotate::annotated_with_tracks;
use crate::vision::evaluate::quantile;
use crate::vision::evaluate::tracking::name_of;
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;
use crate::vision::track::{BallId, Happening, TableEvent, TableState, Tracker};

/// Frames in which the table is looked for.
const FIRST: usize = 12;
/// Of every so many frames one is written.
const WRITTEN: u64 = 12;

/// Follows the balls of a clip, or of every clip of a folder.
pub(super) fn follow(path: &Path, pictures: Option<&Path>) -> Result<(String, Value), Failure> {
    let mut clips = Vec::new();
    collect(path, &mut clips);
    clips.sort();
    if clips.is_empty() {
        return Err(Failure::failed(format!(
            "{} is no clip and has none in it; give a video file, a folder of them, or virtual:SEED",
            path.display()
        )));
    }
    let mut text = String::from("No truth is known of these clips.\n");
    let mut values = Vec::new();
    for clip in clips {
        let value = follow_one(&clip, pictures, &mut text)?;
        values.push(value);
    }
    Ok((text, json!({ "clips": values })))
}

fn collect(path: &Path, clips: &mut Vec<PathBuf>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries.flatten() {
            collect(&entry.path(), clips);
        }
    } else if is_clip(path) {
        clips.push(path.to_owned());
    }
}

fn follow_one(clip: &Path, pictures: Option<&Path>, text: &mut String) -> Result<Value, Failure> {
    let name = clip.display().to_string();
    let _ = writeln!(text, "{name}");
    let Some((camera, table)) = find_table(clip)? else {
        let _ = writeln!(text, "  no table found in its first {FIRST} frames");
        return Ok(json!({ "clip": name, "table": null }));
    };
    let mut analyser = Analyser::new(Some(table.clone()));
    let mut tracker = Tracker::new(&table);
    let (mut log, mut physical) = (Log::default(), Physical::default());
    let mut times_us = Vec::new();
    let stem = clip
        .file_stem()
        .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    each_frame(clip, |mut frame| {
        frame.camera = Some(Arc::clone(&camera));
        let seen = analyser.analyse(&frame);
        let start = Instant::now();
        let told = tracker.update(&seen);
        times_us.push(start.elapsed().as_secs_f64() * 1e6);
        if let Some(state) = told {
            physical.note(&state);
            let news = log.note(&state);
            if let Some(folder) = pictures.filter(|_| news || frame.sequence.is_multiple_of(WRITTEN)) {
                write(folder, &stem, &frame, &seen, &state, table.ball.radius_m);
            }
        }
        true
    })?;
    log.in_words(text);
    let verdict = physical.judge();
    verdict.in_words(text);
    let time = |part: f64| quantile(&times_us, part).unwrap_or(0.0);
    let _ = writeln!(
        text,
        "  tracker {:.0} / {:.0} us a frame (p50/99)",
        time(0.5),
        time(0.99)
    );
    Ok(json!({
        "clip": name, "table": table.name, "rests": log.rests, "strokes": log.strokes,
        "events": log.lines, "physics": verdict.as_json(),
        "tracker_us": { "p50": time(0.5), "p99": time(0.99) },
    }))
}

/// Where the camera is, and how large table and balls are, by the clearest of the first frames.
fn find_table(clip: &Path) -> Result<Option<(Arc<CameraModel>, TableSpec)>, Failure> {
    let mut best: Option<(f64, CameraModel, TableSpec)> = None;
    let mut looks = 0;
    each_frame(clip, |frame| {
        looks += 1;
        let seen = Analyser::new(None).analyse(&frame);
        let spec = seen.table.as_ref().and_then(|t| TableSpec::named(&t.model).ok());
        if let Some((table, mut spec)) = seen.table.as_ref().zip(spec) {
            let radii: Vec<f64> = seen
                .balls
                .iter()
                .filter(|b| b.confidence > 0.8)
                .filter_map(|b| {
                    let height = spec.ball.radius_m;
                    let at = |px: Vec2| table.camera.on_plane(px, height);
                    Some(at(b.center_px)?.distance(at(b.center_px + Vec2::new(b.radius_px, 0.0))?))
                })
                .collect();
            if let Some(radius_m) = quantile(&radii, 0.5) {
                spec.ball.radius_m = radius_m.clamp(0.7 * spec.ball.radius_m, 1.6 * spec.ball.radius_m);
            }
            let clear = table.confidence * (1.0 + radii.len() as f64);
            if best.as_ref().is_none_or(|(known, ..)| clear > *known) {
                best = Some((clear, table.camera, spec));
            }
        }
        looks < FIRST
    })?;
    Ok(best.map(|(_, camera, spec)| (Arc::new(camera), spec)))
}

fn write(folder: &Path, stem: &str, frame: &Frame, seen: &Observation, state: &TableState, radius_m: f64) {
    let file = folder.join(format!("{stem}-{:04}.jpg", frame.sequence));
    if let Err(error) = annotated_with_tracks(frame, seen, state, radius_m).save(&file) {
        eprintln!("billiards-trainer: can't write {}: {error}", file.display());
    }
}

/// What was told of a clip.
#[derive(Default)]
struct Log {
    start: Option<Instant>,
    lines: Vec<String>,
    /// Balls at each rest.
    rests: Vec<usize>,
    strokes: usize,
    at_rest: bool,
    known: BTreeSet<BallId>,
    fallen: BTreeSet<BallId>,
}

impl Log {
    /// True where something is worth a picture.
    fn note(&mut self, state: &TableState) -> bool {
        let start = *self.start.get_or_insert(state.captured);
        let since = |at: Instant| {
            at.saturating_duration_since(start).as_secs_f64()
                - start.saturating_duration_since(at).as_secs_f64()
        };
        for TableEvent { at, what } in &state.events {
            let what = match what {
                Happening::Struck(a) => {
                    self.strokes += 1;
                    format!("stroke: {} leaves", a.0)
                }
                Happening::Contact { balls: [a, b], first } => {
                    format!(
                        "{} meets {}{}",
                        a.0,
                        b.0,
                        if *first { ", first contact" } else { "" }
                    )
                }
                Happening::Cushion(a) => format!("{} meets a cushion", a.0),
                Happening::Pocketed(a, kind, pocket) => {
                    self.fallen.insert(*a);
                    format!("{} ({}) falls into {}", a.0, name_of(*kind), pocket.name())
                }
                Happening::OffTable(a) => format!("{} leaves the table", a.0),
                Happening::AtRest => "all at rest".to_owned(),
            };
            self.lines.push(format!("{:7.3} s {what}", since(*at)));
        }
        let news = state.at_rest && !self.at_rest;
        self.at_rest = state.at_rest;
        if !news {
            return false;
        }
        let ids: BTreeSet<BallId> = state.balls.iter().map(|b| b.id).collect();
        let list = |ids: &mut dyn Iterator<Item = &BallId>| {
            ids.map(|id| id.0.to_string()).collect::<Vec<_>>().join(" ")
        };
        let new = list(&mut ids.difference(&self.known));
        let gone = list(&mut self.known.difference(&ids).filter(|id| !self.fallen.contains(id)));
        let first = self.rests.is_empty();
        let balls = state.balls.iter();
        let names: Vec<String> = balls.map(|b| format!("{} {}", b.id.0, name_of(b.kind))).collect();
        self.rests.push(ids.len());
        let mut line = format!(
            "{:7.3} s rest: {} balls ({})",
            since(state.captured),
            ids.len(),
            names.join(", ")
        );
        if !(first || new.is_empty() && gone.is_empty()) {
            let _ = write!(
                line,
                "; new since the last rest: {new}; gone and not pocketed: {gone}"
            );
        }
        self.lines.push(line);
        self.known = ids;
        true
    }

    fn in_words(&self, text: &mut String) {
        for line in &self.lines {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(
            text,
            "  {} strokes; balls at each rest: {:?}",
            self.strokes, self.rests
        );
    }
}
