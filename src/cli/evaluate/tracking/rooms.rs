//! Shots in rooms made up by a number: the virtual table knows what really happened.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Report;
use super::strip::Strips;
use crate::cli::Failure;
use crate::cli::evaluate::progress;
use crate::virtual_table::domain::as_calibrated;
use crate::virtual_table::shot::{Shot, ShotKind};
use crate::vision::analyse::Analyser;
use crate::vision::evaluate::tracking::{EventClass, Follow, Followed, Spent, Trouble, Wrong};
use crate::vision::observation::Truth;
use crate::vision::track::Tracker;

/// What is played, and what the tracker is told of the camera.
pub(super) struct Setting<'a> {
    pub(super) seed: u64,
    pub(super) rooms: Range<u64>,
    pub(super) is_shutter_known: bool,
    pub(super) failures: Option<&'a Path>,
}

/// Follows one shot of a kind in each room.
pub(super) fn follow(
    setting: &Setting<'_>,
    kind: ShotKind,
    fps: u32,
    report: &mut Report,
) -> Result<(), Failure> {
    let what = format!("shots ({kind}, {fps} fps)");
    let of = setting.rooms.end - setting.rooms.start;
    for (done, room) in (0..).zip(setting.rooms.clone()) {
        progress(done, of, &what);
        follow_one(setting, kind, fps, room, report)?;
    }
    progress(of, of, &what);
    Ok(())
}

fn follow_one(
    setting: &Setting<'_>,
    kind: ShotKind,
    fps: u32,
    room: u64,
    report: &mut Report,
) -> Result<(), Failure> {
    let domain = setting.seed.wrapping_mul(1_000_003).wrapping_add(room);
    let film = Film {
        setting,
        kind,
        fps,
        domain,
    };
    let name = format!("{kind}-{fps}-room{domain}");
    let mut strips = Strips::new(setting.failures, &name);
    let (sum, wrong) = film.play(&mut strips, |frame, trouble| {
        let text = format!("{name} frame {frame}: {}", trouble.what);
        report.failures.push(text);
        true
    })?;
    report
        .failures
        .extend(wrong.iter().map(|wrong| format!("{name}: {}", wrong.what)));
    report.strata.entry((kind, fps)).or_default().add(&sum);
    // Events are found wrong at the end: the film is played again for pictures of them.
    if setting.failures.is_some() && wrong.iter().any(|wrong| wrong.seen.is_some()) {
        let mut strips = Strips::new(setting.failures, &name);
        let mut wrong = wrong;
        // Of contacts there are many, within racks most.
        wrong.sort_by_key(|wrong| wrong.class == Some(EventClass::Contact));
        for wrong in wrong {
            if let Some((sequence, place)) = wrong.seen {
                let what = wrong.what;
                strips.wish(sequence, &Trouble { what, place });
            }
        }
        film.play(&mut strips, |_, _| false)?;
    }
    Ok(())
}

/// One shot in one room; it is the same each time it is played.
struct Film<'a> {
    setting: &'a Setting<'a>,
    kind: ShotKind,
    fps: u32,
    domain: u64,
}

impl Film<'_> {
    /// Follows it from its first frame to its last, and hands on what goes wrong on the way; `tell` says whether that is
    /// to be seen in a strip.
    fn play(
        &self,
        strips: &mut Strips,
        mut tell: impl FnMut(u64, &Trouble) -> bool,
    ) -> Result<(Followed, Vec<Wrong>), Failure> {
        let mut shot = Shot::new(self.domain, self.kind, f64::from(self.fps))
            .map_err(|error| Failure::failed(format!("room {}: {error}", self.domain)))?;
        let table = shot.options.table.clone();
        let calibrated = Arc::new(as_calibrated(&shot.table.camera(), &table, self.domain));
        let mut analyser = Analyser::new(Some(table.clone()));
        let mut tracker = Tracker::new(&table);
        if self.setting.is_shutter_known {
            tracker = tracker.with_readout(shot.options.imaging.readout_s);
        }
        let mut follow = Follow::new(&table);
        let mut last = None;
        while let Some(mut frame) = shot.next_frame() {
            frame.camera = Some(Arc::clone(&calibrated));
            let seen = analyser.analyse(&frame);
            let start = Instant::now();
            let told = tracker.update(&seen);
            let spent = Spent {
                eyes_ms: seen.timing_ms.last().map_or(0.0, |(_, ms)| *ms),
                tracker_ms: start.elapsed().as_secs_f64() * 1e3,
            };
            let (Some(state), Some(truth)) = (told, frame.truth.clone()) else {
                continue;
            };
            for trouble in follow.note(&truth, &state, spent) {
                if tell(frame.sequence, &trouble) {
                    strips.wish(frame.sequence, &trouble);
                }
            }
            strips.take(&frame, &seen, &state, table.ball.radius_m);
            last = Some((truth, state));
        }
        strips.finish(table.ball.radius_m);
        let truth = last
            .as_ref()
            .map_or_else(Truth::default, |(truth, _)| Truth::clone(truth));
        if let Some((truth, state)) = &last {
            follow.note_end(truth, state);
        }
        Ok(follow.finish(&truth))
    }
}
