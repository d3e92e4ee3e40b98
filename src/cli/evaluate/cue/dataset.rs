//! Real pictures with annotated cues, and clips, of which nobody knows the truth.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Report, cue_ms, progress};
use crate::cli::Failure;
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2};
use crate::vision::analyse::Analyser;
use crate::vision::annotate::annotated;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::observation::{CueSeen, Observation};
use crate::vision::picture_file::read_picture;
use crate::vision::track::{TableState, Tracker};

#[derive(Deserialize)]
struct Manifest {
    items: Vec<Item>,
}

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
    if is_clip(&path.to_string_lossy()) {
        return watch(path, report);
    }
    let manifest = path.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).map_err(|error| {
        Failure::failed(format!(
            "can't read {}: {error}; give a folder of annotated pictures, a clip, or virtual:SEED",
            manifest.display()
        ))
    })?;
    let read: Manifest = serde_json::from_str(&text)
        .map_err(|error| Failure::failed(format!("{}: {error}", manifest.display())))?;
    let annotated: Vec<(&Item, &Vec<Known>)> = (read.items.iter())
        .filter(|item| !is_clip(&item.file) || item.frame_time_s.is_some())
        .filter_map(|item| Some((item, item.cues.as_ref()?)))
        .collect();
    for (index, (item, known)) in annotated.iter().enumerate() {
        progress(index as u64, annotated.len() as u64, "pictures");
        let frame = item.frame(path)?;
        let seen = Analyser::new(None).analyse(&frame);
        compare(&item.file, &frame, known, &seen, report);
    }
    progress(annotated.len() as u64, annotated.len() as u64, "pictures");
    Ok(())
}

fn is_clip(file: &str) -> bool {
    ["mp4", "mov", "mkv", "avi"].iter().any(|end| file.ends_with(end))
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
    let mut clip = Clip::open(path)?;
    let mut analyser = Analyser::new(None);
    let mut tracker: Option<Tracker> = None;
    let start = Instant::now() + Duration::from_secs(1);
    let (mut shown, mut number) = (0_u64, 0);
    let mut frames = 0_u64;
    while let Some(mut frame) = clip.next()? {
        let time_s = frame.sequence as f64 / clip.rate_hz;
        frame.captured = start + Duration::from_secs_f64(time_s);
        frames += 1;
        let seen = analyser.analyse(&frame);
        report.cue_ms.push(cue_ms(&seen));
        if let Some(table) = &seen.table {
            tracker.get_or_insert_with(|| {
                Tracker::new(&TableSpec::named(&table.model).unwrap_or_else(|_| TableSpec::pool_9ft()))
            });
        }
        let Some(following) = &mut tracker else { continue };
        let Some(state) = following.update(&seen) else {
            continue;
        };
        shown += u64::from(state.cue.is_some());
        let second = (
            time_s.floor() as u64,
            (time_s - 1.0 / clip.rate_hz).floor() as u64,
        );
        if second.0 != second.1 || frame.sequence == 0 {
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
    }
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

/// The frames of a clip, one after the other, as fast as they are looked at.
struct Clip {
    child: Child,
    size: ImageSize,
    rate_hz: f64,
    sequence: u64,
}

impl Clip {
    fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |what: String| Failure::failed(format!("{}: {what}", path.display()));
        let cannot = |program: &str, error: std::io::Error| {
            failed(format!(
                "{program} cannot be started ({error}); install the package ffmpeg"
            ))
        };
        let probed = Command::new("ffprobe")
            .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"])
            .args(["-show_entries", "stream=width,height,r_frame_rate"])
            .arg(path)
            .output()
            .map_err(|error| cannot("ffprobe", error))?;
        let text = String::from_utf8_lossy(&probed.stdout).trim().to_owned();
        let parts: Vec<&str> = text.split([',', '/', '\n']).collect();
        let number = |i: usize| {
            parts
                .get(i)
                .and_then(|p| p.parse::<u32>().ok())
                .filter(|n| *n > 0)
        };
        let (Some(width), Some(height), Some(rate)) = (number(0), number(1), number(2)) else {
            return Err(failed(format!("no picture in it: {text:?}")));
        };
        let child = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-noautorotate", "-i"])
            .arg(path)
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| cannot("ffmpeg", error))?;
        Ok(Self {
            child,
            size: ImageSize::new(width, height),
            rate_hz: f64::from(rate) / f64::from(number(3).unwrap_or(1)),
            sequence: 0,
        })
    }

    fn next(&mut self) -> Result<Option<Frame>, Failure> {
        let mut bytes = vec![0; PixelFormat::Rgb8.byte_len(self.size)];
        let Some(pipe) = &mut self.child.stdout else {
            return Ok(None);
        };
        if pipe.read_exact(&mut bytes).is_err() {
            return Ok(None);
        }
        let frame = Frame::new(self.sequence, self.size, PixelFormat::Rgb8, bytes);
        self.sequence += 1;
        frame
            .map(Some)
            .map_err(|error| Failure::failed(error.to_string()))
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        // It ends by itself at the end of the clip; an early end may find it gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Item {
    fn frame(&self, folder: &Path) -> Result<Frame, Failure> {
        let path = folder.join(&self.file);
        let failed = |error: String| Failure::failed(format!("{}: {error}", path.display()));
        if let Some(time_s) = self.frame_time_s.filter(|_| is_clip(&self.file)) {
            let mut clip = Clip::open(&path)?;
            let wanted = (time_s * clip.rate_hz).round() as u64;
            while let Some(frame) = clip.next()? {
                if frame.sequence == wanted {
                    return Ok(frame);
                }
            }
            return Err(failed(format!("it is over before {time_s} s")));
        }
        let picture = read_picture(&path).map_err(|error| failed(error.to_string()))?;
        let size = ImageSize::new(picture.width(), picture.height());
        Frame::new(0, size, PixelFormat::Rgb8, picture.into_raw()).map_err(|error| failed(error.to_string()))
    }
}
