//! Real pictures with annotated cues, and clips, of which nobody knows the truth.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::{Report, cue_ms, progress};
use crate::cli::Failure;
use crate::cli::evaluate::dataset::{annotated_frame, each_frame, is_clip, manifest};
use crate::table::TableSpec;
use crate::units::Vec2;
use crate::vision::analyse::Analyser;
use crate::vision::annotate::annotated;
use crate::vision::frame::Frame;
use crate::vision::observation::{CueSeen, Observation};
use crate::vision::track::{TableState, Tracker};

/// An annotated picture, or a frame of a clip.
#[derive(Deserialize)]
struct Item {
    file: String,
    /// `None` where nobody has looked for cues.
    #[serde(default)]
    cues: Option<Vec<Known>>,
    #[serde(default)]
    frame_time_s: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
struct Known {
    tip_px: [f64; 2],
    butt_visible_px: [f64; 2],
}

/// Looks at a folder of annotated pictures, or at one clip.
pub(super) fn look(path: &Path, report: &mut Report) -> Result<(), Failure> {
    if is_clip(path) {
        return watch(path, report);
    }
    let items: Vec<Item> = manifest(path)?;
    let annotated: Vec<(&Item, &Vec<Known>)> = (items.iter())
        .filter(|item| !is_clip(Path::new(&item.file)) || item.frame_time_s.is_some())
        .filter_map(|item| Some((item, item.cues.as_ref()?)))
        .collect();
    for (index, (item, known)) in annotated.iter().enumerate() {
        progress(index as u64, annotated.len() as u64, "pictures");
        let frame = annotated_frame(&path.join(&item.file), item.frame_time_s)?;
        let seen = Analyser::new(None).analyse(&frame);
        compare(&item.file, &frame, known, &seen, report);
    }
    progress(annotated.len() as u64, annotated.len() as u64, "pictures");
    Ok(())
}

/// Compares cues of one picture with those annotated: direction and tip in the picture.
fn compare(name: &str, frame: &Frame, known: &[Known], seen: &Observation, report: &mut Report) {
    let point = |[x, y]: [f64; 2]| Vec2::new(x, y);
    let mut left: Vec<&CueSeen> = seen.cues.iter().collect();
    let mut failed = false;
    for cue in known {
        let (tip, butt) = (point(cue.tip_px), point(cue.butt_visible_px));
        report.all.looks += 1;
        let axis = (tip - butt).normalize_or_zero();
        let off = |c: &CueSeen| {
            (c.tip_px - c.butt_px)
                .normalize_or_zero()
                .angle_to(axis)
                .abs()
                .to_degrees()
        };
        let beside = |c: &CueSeen| axis.perp_dot(c.tip_px - tip).abs();
        let near = 0.03 * f64::from(frame.size.width);
        let found = (left.iter().enumerate())
            .filter(|(_, c)| beside(c) < near && off(c) < 10.0)
            .min_by(|a, b| beside(a.1).total_cmp(&beside(b.1)))
            .map(|(index, _)| index);
        match found {
            Some(index) => {
                let cue = left.remove(index);
                report.all.found += 1;
                report.all.direction_deg.push(off(cue));
                failed |= off(cue) > 1.0;
                let _ = writeln!(
                    report.story,
                    "{name}: direction off {:.2} deg, tip off {:.1} px along, {:.1} px across; lying {}",
                    off(cue),
                    axis.dot(cue.tip_px - tip),
                    axis.perp_dot(cue.tip_px - tip),
                    cue.lying,
                );
            }
            None => {
                failed = true;
                let _ = writeln!(report.story, "{name}: cue at {:?} missed", cue.tip_px);
            }
        }
    }
    if known.is_empty() {
        report.all.empty += 1;
        report.all.invented += usize::from(!left.is_empty());
    }
    for cue in &left {
        failed = true;
        let _ = writeln!(
            report.story,
            "{name}: a cue at {:.0} where none is annotated",
            cue.tip_px
        );
    }
    report.cue_ms.push(cue_ms(seen));
    if failed || !known.is_empty() {
        report.failed += usize::from(failed);
        save(&name.replace(['/', '.'], "_"), frame, seen, report);
    }
}

fn save(name: &str, frame: &Frame, seen: &Observation, report: &Report) {
    let Some(folder) = &report.failures else { return };
    let file = folder.join(format!("{name}.jpg"));
    if let Err(error) = annotated(frame, seen).save(&file) {
        eprintln!("billiards-trainer: can't write {}: {error}", file.display());
    }
}

/// Follows a whole clip; what is known of it is what a person sees in the pictures that are kept.
fn watch(path: &Path, report: &mut Report) -> Result<(), Failure> {
    let mut analyser = Analyser::new(None);
    let mut tracker: Option<Tracker> = None;
    let (mut start, mut second, mut number) = (None, None, 0);
    let (mut frames, mut shown) = (0_u64, 0_u64);
    each_frame(path, |frame| {
        let start = *start.get_or_insert(frame.captured);
        let time_s = frame.captured.saturating_duration_since(start).as_secs_f64();
        frames += 1;
        let seen = analyser.analyse(&frame);
        report.cue_ms.push(cue_ms(&seen));
        if let Some(table) = &seen.table {
            tracker.get_or_insert_with(|| {
                Tracker::new(&TableSpec::named(&table.model).unwrap_or_else(|_| TableSpec::pool_9ft()))
            });
        }
        let Some(following) = &mut tracker else {
            return true;
        };
        let Some(state) = following.update(&seen) else {
            return true;
        };
        shown += u64::from(state.cue.is_some());
        let now = Some(time_s as u64);
        if second != now {
            second = now;
            let _ = writeln!(report.story, "{time_s:7.2} s: {}", told(&state));
            save(&format!("clip-{time_s:06.2}"), &frame, &seen, report);
        }
        if let Some(hit) = following.last_hit().filter(|hit| hit.number != number) {
            number = hit.number;
            let at = hit.at.saturating_duration_since(start).as_secs_f64();
            let _ = writeln!(
                report.story,
                "{time_s:7.2} s: hit {number} at {at:.3} s (sd {:.1} ms), stick {:.2} m/s, ball {:.2} m/s",
                1e3 * hit.sigma_s,
                hit.stick_speed_m_s,
                hit.ball_speed_m_s
            );
            save(&format!("clip-{time_s:06.2}-hit{number}"), &frame, &seen, report);
        }
        true
    })?;
    let _ = writeln!(
        report.story,
        "{frames} frames, a cue in {shown} of them, {number} hits"
    );
    Ok(())
}

fn told(state: &TableState) -> String {
    match &state.cue {
        Some(cue) => format!(
            "cue at {:.2} m toward {:.1} deg (sd {:.2}), {:?}, {:.2} m/s",
            cue.tip_m,
            cue.direction.to_angle().to_degrees(),
            cue.direction_sigma.to_degrees(),
            cue.phase,
            cue.speed_m_s
        ),
        None => "no cue".to_owned(),
    }
}
