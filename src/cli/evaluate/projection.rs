//! `evaluate projection`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use crate::calibration::Pattern;
use crate::calibration::flow::{Calibration, Plan};
use crate::calibration::look::Look;
use crate::cli::{Failure, make_folder, show, write_result};
use crate::units::{MM_PER_M, Vec2};
use crate::virtual_table::rig::Rig;
use crate::vision::source::SourceError;

/// Calibrates rigs of a camera and a projector that nobody has measured, and compares where light
/// meant for places all over the cloth falls with where the calibration says.
#[derive(Debug, Args)]
pub(crate) struct Projection {
    /// Rigs.
    #[arg(long, default_value_t = 100)]
    rigs: u64,
    /// First rig; each number is a room, camera and projector of its own.
    #[arg(long, default_value_t = 20_261_201)]
    seed: u64,
    /// Nobody has measured the camera's height with a tape; else within a centimetre (one σ).
    #[arg(long)]
    no_tape: bool,
    /// Largest landing error that a calibration may have, millimetres.
    #[arg(long, default_value_t = 2.0)]
    limit_mm: f64,
    /// How well the table must be known, one σ, millimetres.
    #[arg(long, default_value_t = 2.5)]
    table_limit_mm: f64,
    /// Write every rig as JSON into this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write what the camera sees of every refused rig into this folder.
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
}

/// What came of one rig.
#[derive(Clone, Debug, Serialize)]
struct Row {
    seed: u64,
    table: String,
    camera_width: u32,
    projector_width: u32,
    /// What the calibration says of itself, and what is true all over the bed.
    #[serde(flatten)]
    outcome: Outcome,
    /// From the start to the result, by the rig's own clock, seconds.
    virtual_s: f64,
    /// Processor's time for it, drawing included.
    spent_s: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
enum Outcome {
    Accepted(Figures),
    Refused { why: String },
}

/// What is said of a calibration, and what is true of it.
#[derive(Clone, Debug, Serialize)]
struct Figures {
    says_max_mm: f64,
    says_table_mm: f64,
    rms_mm: f64,
    max_mm: f64,
    seen_rms_mm: f64,
    seen_max_mm: f64,
    noses_px: f64,
    dots_px: f64,
    dots: usize,
    latency_ms: f64,
    true_latency_ms: f64,
    watched: Watched,
}

/// What the watch sees after it, millimetres. `None`: it saw too little to say anything.
#[derive(Clone, Copy, Debug, Serialize)]
struct Watched {
    /// How far off the table seems.
    look_mm: Option<f64>,
    /// How far off light seems to land.
    light_mm: Option<f64>,
    /// The same after the projector was pushed aside by [`PUSH_MM`].
    pushed_mm: Option<f64>,
}

/// Asked of every rig, millimetres.
const RMS_MM: f64 = 0.5;
const MAX_MM: f64 = 1.5;
/// So many σ hold nearly certainly.
const SURELY: f64 = 2.5;
/// The projector is pushed aside by so much, to see whether that is noticed, millimetres.
const PUSH_MM: f64 = 5.0;
/// How well people read a tape, metres (1 σ).
const TAPE_M: f64 = 0.01;

impl Projection {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let mut rows = Vec::new();
        make_folder(self.failures.as_deref())?;
        for seed in self.seed..self.seed + self.rigs {
            super::progress(seed - self.seed, self.rigs, "rigs");
            let row = self.rig(seed)?;
            show(&row.in_words())?;
            rows.push(row);
        }
        super::progress(self.rigs, self.rigs, "rigs");
        if let Some(file) = &self.json {
            let text = serde_json::to_string_pretty(&rows)
                .map_err(|error| Failure::failed(format!("can't write the result as JSON: {error}")))?;
            write_result(file, &text)?;
        }
        show(&in_words(&rows, self.limit_mm))
    }

    fn rig(&self, seed: u64) -> Result<Row, Failure> {
        let failed = |what: String| Failure::failed(format!("rig {seed}: {what}"));
        let begun = Instant::now();
        let mut rig = Rig::of_seed(seed).map_err(|e| failed(e.to_string()))?;
        let mut random = fastrand::Rng::with_seed(seed);
        // A sum of three uniform numbers is normal enough; its σ is a half.
        let misread = 2.0 * TAPE_M * (random.f64() + random.f64() + random.f64() - 1.5);
        let height_m = rig.table.camera().pose.eye_m.z + misread;
        let plan = Plan {
            table: rig.spec.clone(),
            projector: rig.projector.size(),
            camera_height_m: (!self.no_tape).then_some(height_m),
            lens: None,
            markers: Vec::new(),
            limit_m: self.limit_mm / MM_PER_M,
            table_limit_m: self.table_limit_mm / MM_PER_M,
        };
        let (result, virtual_s) = rig
            .calibrate(plan, |_, _| ())
            .map_err(|e| failed(e.to_string()))?;
        let outcome = match result {
            Ok(found) => {
                let mut figures = figures(&rig, &found);
                figures.watched = watched(&mut rig, &found).map_err(|e| failed(e.to_string()))?;
                Outcome::Accepted(figures)
            }
            Err(fault) => {
                if let Some(folder) = &self.failures {
                    rig.show(&Arc::new(Pattern::dark(rig.projector.size())));
                    let frame = rig.take().map_err(|e| failed(e.to_string()))?;
                    let file = folder.join(format!("rig-{seed}.png"));
                    (frame.to_rgb(1).save(&file))
                        .map_err(|e| Failure::failed(format!("can't write {}: {e}", file.display())))?;
                }
                Outcome::Refused {
                    why: fault.to_string(),
                }
            }
        };
        Ok(Row {
            seed,
            table: rig.spec.name.clone(),
            camera_width: rig.table.camera().lens.image.width,
            projector_width: rig.projector.size().width,
            outcome,
            virtual_s,
            spent_s: begun.elapsed().as_secs_f64(),
        })
    }
}

/// Looks at the table as it stands and checks light, then pushes the projector and checks it again.
fn watched(rig: &mut Rig, found: &Calibration) -> Result<Watched, SourceError> {
    let light = |rig: &mut Rig| -> Result<Option<f64>, SourceError> {
        let (spots, _) = rig.check_light(found)?;
        Ok(spots
            .ok()
            .and_then(|spots| spots.off_m())
            .map(|off_m| off_m * MM_PER_M))
    };
    let light_mm = light(rig)?;
    // Dark again.
    rig.show(&Arc::new(Pattern::dark(rig.projector.size())));
    for _ in 0..8 {
        rig.take()?;
    }
    let look = Look::at(&rig.take()?, &found.camera, &rig.spec);
    rig.projector.optics.pose.eye_m.x += PUSH_MM / MM_PER_M;
    Ok(Watched {
        look_mm: look.map(|look| look.off_m * MM_PER_M),
        light_mm,
        pushed_mm: light(rig)?,
    })
}

/// Compares with the truth on a fine grid over the whole bed.
fn figures(rig: &Rig, found: &Calibration) -> Figures {
    const ACROSS: u32 = 41;
    const DOWN: u32 = 21;
    let half = Vec2::new(rig.spec.half_length_m(), rig.spec.half_width_m());
    let camera = rig.table.camera();
    let (mut squares, mut worst, mut n) = (0.0, 0.0_f64, 0.0);
    let (mut apart, mut apart_most) = (0.0, 0.0_f64);
    for i in 0..ACROSS {
        for j in 0..DOWN {
            let share = Vec2::new(
                f64::from(i) / f64::from(ACROSS - 1),
                f64::from(j) / f64::from(DOWN - 1),
            );
            let place = half * (2.0 * share - 1.0);
            let lands = found
                .projector
                .pixel(place.extend(0.0))
                .and_then(|p| rig.projector.on_plane(p, 0.0));
            let off = lands.map_or(f64::MAX, |p| p.distance(place));
            worst = worst.max(off);
            squares += off * off;
            let seen = lands
                .and_then(|p| camera.project(p.extend(0.0)))
                .and_then(|p| found.camera.on_plane(p, 0.0));
            let off = seen.map_or(f64::MAX, |p| p.distance(place));
            apart_most = apart_most.max(off);
            apart += off * off;
            n += 1.0;
        }
    }
    let mm = |m: f64| m * MM_PER_M;
    Figures {
        says_max_mm: mm(found.landing.max_m),
        says_table_mm: mm(found.landing.table_sigma_m),
        rms_mm: mm((squares / n).sqrt()),
        max_mm: mm(worst),
        seen_rms_mm: mm((apart / n).sqrt()),
        seen_max_mm: mm(apart_most),
        noses_px: found.noses_px,
        dots_px: found.dots_px,
        dots: found.dots,
        latency_ms: found.latency_s * 1e3,
        true_latency_ms: rig.delay_s() * 1e3,
        watched: Watched {
            look_mm: None,
            light_mm: None,
            pushed_mm: None,
        },
    }
}

impl Row {
    fn in_words(&self) -> String {
        let who = format!(
            "{} {:12} camera {:4} projector {:4}",
            self.seed, self.table, self.camera_width, self.projector_width
        );
        match &self.outcome {
            Outcome::Accepted(f) => format!(
                "{who}: as the camera sees it rms {:.2} max {:.2} mm, says {:.2}; on the table rms {:.2} max {:.2} mm, \
                 says σ {:.2}; noses {:.2} dots {:.2} px ({}); delay {:.0} of {:.0} ms; \
                 watched: table {} off, light {}, pushed by {PUSH_MM} {}; {:.1} s of the rig's, {:.1} s spent\n",
                f.seen_rms_mm,
                f.seen_max_mm,
                f.says_max_mm,
                f.rms_mm,
                f.max_mm,
                f.says_table_mm,
                f.noses_px,
                f.dots_px,
                f.dots,
                f.latency_ms,
                f.true_latency_ms,
                or_unclear(f.watched.look_mm),
                or_unclear(f.watched.light_mm),
                or_unclear(f.watched.pushed_mm),
                self.virtual_s,
                self.spent_s
            ),
            Outcome::Refused { why } => format!("{who}: refused after {:.1} s: {why}\n", self.virtual_s),
        }
    }
}

fn or_unclear(mm: Option<f64>) -> String {
    mm.map_or_else(|| "unclear".to_owned(), |mm| format!("{mm:.1}"))
}

/// The last lines: all rigs together.
fn in_words(rows: &[Row], limit_mm: f64) -> String {
    let mut good = 0;
    let mut good_as_seen = 0;
    let mut honest = 0;
    let (mut squares, mut worst_rms, mut worst, mut calibrated) = (0.0, 0.0_f64, 0.0_f64, 0);
    for row in rows {
        let Outcome::Accepted(f) = &row.outcome else {
            continue;
        };
        calibrated += 1;
        good += usize::from(f.rms_mm <= RMS_MM && f.max_mm <= MAX_MM);
        good_as_seen += usize::from(f.seen_rms_mm <= RMS_MM && f.seen_max_mm <= MAX_MM);
        honest += usize::from(f.seen_max_mm <= f.says_max_mm && f.max_mm <= SURELY * f.says_table_mm);
        squares += f.rms_mm * f.rms_mm;
        worst_rms = worst_rms.max(f.rms_mm);
        worst = worst.max(f.max_mm);
    }
    let rms = (squares / f64::from(calibrated.max(1))).sqrt();
    let watched: Vec<Watched> = (rows.iter())
        .filter_map(|row| match &row.outcome {
            Outcome::Accepted(f) => Some(f.watched),
            Outcome::Refused { .. } => None,
        })
        .collect();
    let count = |so: &dyn Fn(&Watched) -> bool| watched.iter().filter(|w| so(w)).count();
    let slowest = rows.iter().map(|r| r.virtual_s).fold(0.0, f64::max);
    format!(
        "{} rigs: {calibrated} calibrated, {} refused. As the camera sees it: {good_as_seen} within {RMS_MM} mm rms and \
         {MAX_MM} mm at most. On the table: {good} within, rms of all {rms:.2}, worst rig {worst_rms:.2}, worst place \
         {worst:.2} mm. {honest} no worse than they say. Slowest {slowest:.1} s\n\
         Watched: {} taken for moved though nothing was, {} with light checked; the projector pushed by {PUSH_MM} mm: \
         noticed in {}\n",
        rows.len(),
        rows.len() as i32 - calibrated,
        count(&|w| w.look_mm.is_some_and(|mm| mm > 2.0 * limit_mm)
            || w.light_mm.is_some_and(|mm| mm > limit_mm)),
        count(&|w| w.light_mm.is_some()),
        count(&|w| w.pushed_mm.is_some_and(|mm| mm > limit_mm)),
    )
}
