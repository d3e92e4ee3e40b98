//! A player at tables made up by seed: the virtual table knows what the cue really does.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::overlay::Overlay;
use super::tally::{Stroke, match_strokes, nadir_distance, seconds_after};
use super::{Report, cue_ms, progress};
use crate::calibration::CameraModel;
use crate::cli::Failure;
use crate::virtual_table::domain::as_calibrated;
use crate::virtual_table::{Company, Manner, Options, ProjectedLight, SceneName, VirtualTable};
use crate::vision::analyse::Analyser;
use crate::vision::frame::Frame;
use crate::vision::observation::{Observation, TrueCue};
use crate::vision::source::FrameSource as _;
use crate::vision::track::{Hit, TableState, Tracker};

/// How long a shot is watched after the impact, seconds.
const WATCHED_S: f64 = 0.8;
/// Longest that is waited for the next stroke, seconds.
const PATIENCE_S: f64 = 30.0;
/// Less of a cue than this over the bed need not be found, metres.
const LEAST_SHOWN_M: f64 = 0.10;
/// Frames from a state to its light on the cloth.
const LIGHT_DELAY: usize = 2;

/// Watches `strokes` strokes in each of `rooms` rooms.
pub(super) fn look(
    seed: u64,
    rooms: u64,
    strokes: usize,
    fps: f64,
    report: &mut Report,
) -> Result<(), Failure> {
    for room in 0..rooms {
        progress(room, rooms, "rooms");
        let domain = seed.wrapping_mul(1_000_003).wrapping_add(room);
        Room::new(domain, fps, room % 2 == 1)?.watch(strokes, report)?;
    }
    progress(rooms, rooms, "rooms");
    Ok(())
}

/// A player at a table, and the eyes on both.
struct Room {
    domain: u64,
    options: Options,
    table: VirtualTable,
    analyser: Analyser,
    tracker: Tracker,
    /// What a calibration would say of the camera.
    calibrated: Arc<CameraModel>,
    overlay: Option<Overlay>,
    /// Light on its way to the cloth.
    lights: VecDeque<Option<Arc<ProjectedLight>>>,
}

impl Room {
    fn new(domain: u64, fps: f64, lit: bool) -> Result<Self, Failure> {
        let mut options = Options::of_domain(domain);
        if !options.scene.is_played() {
            options.scene = SceneName::Practice;
        }
        options.fps = fps;
        options.exposure_s = options.exposure_s.min(0.9 / fps);
        options.manner = Some(Manner::of_seed(domain));
        let table = VirtualTable::new(&options)
            .map_err(|error| Failure::failed(format!("room {domain}: {error}")))?;
        Ok(Self {
            domain,
            analyser: Analyser::new(Some(options.table.clone())),
            tracker: Tracker::new(&options.table).with_readout(options.imaging.readout_s),
            calibrated: Arc::new(as_calibrated(&table.camera(), &options.table, domain)),
            overlay: lit.then(|| Overlay::new(&options.table)),
            lights: VecDeque::new(),
            table,
            options,
        })
    }

    fn watch(&mut self, wanted: usize, report: &mut Report) -> Result<(), Failure> {
        let mut strokes: Vec<Stroke> = Vec::new();
        let mut hits: BTreeMap<u32, Hit> = BTreeMap::new();
        let mut kinds: Vec<Vec<String>> = Vec::new();
        let mut aimed: Vec<String> = Vec::new();
        let mut waited = 0;
        loop {
            let now = self.table.truth();
            let (rolling, cue) = (now.stroke, now.cue);
            if rolling.is_some_and(|s| s.ago_s > WATCHED_S) {
                if strokes.len() >= wanted {
                    break;
                }
                self.table.skip(1);
                continue;
            }
            if rolling.is_none() && cue.is_none() && waited % 3 != 0 {
                // Nothing happens but that somebody thinks.
                waited += 1;
                self.table.skip(1);
                continue;
            }
            waited += 1;
            if f64::from(waited) > PATIENCE_S * self.options.fps {
                break;
            }
            let Some(frame) = self.picture()? else { break };
            let Some(truth) = frame.truth.clone() else { break };
            let seen = self.analyser.analyse(&frame);
            let Some(state) = self.tracker.update(&seen) else {
                continue;
            };
            report.cue_ms.push(cue_ms(&seen));
            hits.extend(self.tracker.last_hit().map(|hit| (hit.number, *hit)));
            if let Some(stroke) = truth.stroke
                && strokes.len() == kinds.len()
                && strokes
                    .last()
                    .is_none_or(|s| (frame.captured - s.at).as_secs_f64() > stroke.ago_s + 0.5)
                && let Some(at) = moment_before(frame.captured, stroke.ago_s)
            {
                strokes.push(Stroke {
                    at,
                    strike: stroke.strike,
                });
                kinds.push(aimed.clone());
                waited = 0;
            }
            let first = strokes.is_empty();
            if let (Some(cue), None) = (&truth.cue, &truth.stroke) {
                aimed = self.kinds_of(cue, first);
            }
            self.note(&frame, &seen, &state, &aimed, strokes.len(), report);
            self.light(&state);
        }
        let hits: Vec<Hit> = hits.into_values().collect();
        let (answers, invented) = match_strokes(&strokes, &hits);
        for ((stroke, answer), kinds) in strokes.iter().zip(answers).zip(&kinds) {
            report.note(kinds, |tally| tally.add_stroke(stroke, answer));
            self.tell(stroke, answer, report);
        }
        report.note(&[], |tally| tally.strokes_invented += invented);
        Ok(())
    }

    /// Writes down a stroke that was missed or told wrong.
    fn tell(&self, stroke: &Stroke, answer: Option<&Hit>, report: &mut Report) {
        /// What the time of a hit may be off by, seconds.
        const TOLERANCE_S: f64 = 0.006;
        let off_s = answer.map(|hit| seconds_after(hit.at, stroke.at));
        if off_s.is_some_and(|off| off.abs() <= TOLERANCE_S) {
            return;
        }
        let told = match (off_s, answer) {
            (Some(off), Some(hit)) => format!("told {:.1} ms late (sd {:.1})", 1e3 * off, 1e3 * hit.sigma_s),
            _ => "missed".to_owned(),
        };
        let s = &stroke.strike;
        let _ = writeln!(
            report.story,
            "room {}: stroke at {:.2} m/s, side {:.2}, height {:.2}, elevation {:.1} deg {told}",
            self.domain,
            s.stick_speed_m_s,
            s.side,
            s.height,
            s.elevation.to_degrees(),
        );
    }

    /// What kind of aim this is.
    fn kinds_of(&self, cue: &TrueCue, first: bool) -> Vec<String> {
        let elevation = match cue.elevation.to_degrees() {
            d if d < 4.0 => "elevation 2-4",
            d if d < 6.0 => "elevation 4-6",
            d if d <= 8.0 => "elevation 6-8",
            _ => "elevation above 8",
        };
        let nadir = match nadir_distance(cue, self.calibrated.pose.eye_m.truncate()) {
            d if d < 0.2 => "nadir below 0.2 m",
            d if d < 0.5 => "nadir 0.2-0.5 m",
            _ => "nadir above 0.5 m",
        };
        let shown = if cue.shown_m < 0.3 {
            "shown below 0.3 m"
        } else {
            "shown 0.3 m or more"
        };
        let company = if self.options.company == Company::none() {
            "bare cue"
        } else {
            "somebody there"
        };
        let light = if self.overlay.is_some() {
            "overlay on"
        } else {
            "overlay off"
        };
        let stroke = if first {
            "player's first stroke"
        } else {
            "player's later strokes"
        };
        // What nothing but the player's habit tells.
        let free = (elevation != "elevation above 8").then_some("elevation 2-8");
        let kinds = [elevation, nadir, shown, company, light, stroke];
        kinds.into_iter().chain(free).map(str::to_owned).collect()
    }

    fn note(
        &self,
        frame: &Frame,
        seen: &Observation,
        state: &TableState,
        kinds: &[String],
        stroke: usize,
        report: &mut Report,
    ) {
        let Some(truth) = &frame.truth else { return };
        match &truth.cue {
            // What follows through is no aim.
            Some(_) if truth.stroke.is_some() => {}
            Some(cue) if cue.shown_m < LEAST_SHOWN_M => {}
            Some(cue) => {
                let mut look = None;
                report.note(kinds, |tally| {
                    look = Some(tally.add_look(Some(cue), state.cue.as_ref()))
                });
                let name = format!("room{}-{}", self.domain, stroke + 1);
                report.keep_failure(&name, look, frame, seen, state);
            }
            // A cue that has just been taken away may still be believed in.
            None if truth.stroke.is_some_and(|s| s.ago_s < 0.6) => {}
            None => {
                let mut look = None;
                report.note(&[], |tally| look = Some(tally.add_look(None, state.cue.as_ref())));
                let name = format!("room{}-{}", self.domain, stroke + 1);
                report.keep_failure(&name, look, frame, seen, state);
            }
        }
    }

    /// The next picture, with the camera as calibrated.
    fn picture(&mut self) -> Result<Option<Frame>, Failure> {
        let next = self.table.next(Duration::from_secs(1));
        let next = next.map_err(|error| Failure::failed(format!("room {}: {error}", self.domain)))?;
        Ok(next.map(|frame| Frame {
            camera: Some(Arc::clone(&self.calibrated)),
            ..frame
        }))
    }

    /// Throws the overlay for `state` onto the cloth, some frames later.
    fn light(&mut self, state: &TableState) {
        let Some(overlay) = &mut self.overlay else { return };
        self.lights.push_back(overlay.light(state));
        if self.lights.len() > LIGHT_DELAY
            && let Some(light) = self.lights.pop_front()
        {
            self.table.set_projection(light);
        }
    }
}

/// The moment `ago_s` seconds before another; after it where that is negative, as with a stroke that only late rows show.
fn moment_before(at: Instant, ago_s: f64) -> Option<Instant> {
    let distance = Duration::try_from_secs_f64(ago_s.abs()).ok()?;
    if ago_s < 0.0 {
        at.checked_add(distance)
    } else {
        at.checked_sub(distance)
    }
}
