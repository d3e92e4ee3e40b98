//! Watches between shots and during them whether the calibration still holds.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::showing::Showing;
use super::{Ask, Calibrating, thrower};
use crate::app::{Config, RunOptions, Stage};
use crate::calibration::look::Look;
use crate::calibration::profile::Profile;
use crate::calibration::session::Session;
use crate::calibration::spots::{FEWEST_DOTS, RADIUS_M, SpotCheck, Spots};
use crate::calibration::watch::{Change, Doubt, Watch};
use crate::calibration::{CameraModel, Pattern};
use crate::projector::plugin::ProjectorView;
use crate::system::plugin::Operator;
use crate::table::TableSpec;
use crate::units::{MM_PER_M, Vec2};
use crate::vision::frame::Frame;
use crate::vision::light::{Light, Stroke};
use crate::vision::plugin::VisionState;

/// Time between two looks at the cushions.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Nobody has been over the table for so long before it is calibrated without being asked.
const CLEAR_FOR: Duration = Duration::from_secs(4);
/// Time between two such tries.
const TRY_EVERY: Duration = Duration::from_secs(60);

/// What is watched, and how.
#[derive(Debug, Default)]
pub(super) struct Watching {
    /// What it is about, and what is thought of it.
    watch: Option<(Arc<Profile>, Watch)>,
    looker: Option<Looker>,
    looked: Option<Instant>,
    /// The check under way, and the places of its dots.
    checking: Option<(Showing<Spots>, Vec<Vec2>)>,
    /// Since when nothing moves and nobody is over the table, and when that was seen last.
    still: Option<(Instant, Instant)>,
    tried: Option<Instant>,
    /// The kinds of doubt and change that the log was told last.
    told: (Option<Discriminant<Doubt>>, Option<Discriminant<Change>>),
}

impl Watching {
    /// The dots that are shown.
    pub(super) fn pattern(&self) -> Option<&Arc<Pattern>> {
        self.checking.as_ref().map(|(showing, _)| showing.pattern())
    }

    /// Why lines would be wrong.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        self.watch.as_ref().and_then(|(_, watch)| watch.doubt())
    }

    /// Ends the check under way.
    pub(super) fn stop(&mut self, vision: &VisionState) -> bool {
        let Some((showing, _)) = self.checking.take() else {
            return false;
        };
        showing.end(vision);
        vision.shown.show(Instant::now(), Light::default());
        true
    }

    /// Nothing is watched over any more.
    fn forget(&mut self, vision: &VisionState) -> bool {
        let stopped = self.stop(vision);
        (self.watch, self.looked, self.still) = (None, None, None);
        stopped
    }
}

/// Looks at frames on a thread of its own: it takes some milliseconds.
#[derive(Debug)]
struct Looker {
    frames: Sender<(Frame, CameraModel)>,
    looks: Receiver<Option<Look>>,
}

impl Looker {
    fn start(table: Arc<TableSpec>) -> std::io::Result<Self> {
        let (frames, theirs) = bounded::<(Frame, CameraModel)>(1);
        let (told, looks) = bounded(1);
        std::thread::Builder::new()
            .name("calibration-look".to_owned())
            .spawn(move || {
                while let Ok((frame, camera)) = theirs.recv() {
                    if told.send(Look::at(&frame, &camera, &table)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self { frames, looks })
    }
}

/// Looks, checks, and says what comes of it.
pub(super) fn watch_over(
    mut state: ResMut<Calibrating>,
    vision: Res<VisionState>,
    view: Res<ProjectorView>,
    stage: Res<Stage>,
    operator: Res<Operator>,
    config: Res<Config>,
    options: Res<RunOptions>,
) {
    let state = &mut *state;
    let (Some(profile), None, Some(_)) = (&state.status.profile, &state.status.unfit, state.projector) else {
        state.version += u64::from(state.watching.forget(&vision));
        return tell(state);
    };
    // Light is checked against what was calibrated, not against what somebody has made of it by hand.
    let projector = profile.projector;
    let limit_m = config.calibration.limit_mm / MM_PER_M;
    if (state.watching.watch.as_ref()).is_none_or(|(of, _)| of.made != profile.made) {
        let profile = Arc::clone(profile);
        state.version += u64::from(state.watching.forget(&vision));
        let watch = Watch::over(&profile, limit_m);
        state.watching.watch = Some((profile, watch));
    }
    if let Some((_, watch)) = &mut state.watching.watch {
        watch.set_limit(limit_m);
    }
    let now = Instant::now();
    let busy = operator.paused || operator.test_picture(now).is_some();
    if busy {
        state.version += u64::from(state.watching.stop(&vision));
    }
    if busy || state.running.is_some() {
        return tell(state);
    }
    let Some(camera) = vision.known_camera.load_full() else {
        return;
    };
    look(&mut state.watching, &vision, &stage, &camera, now);
    let still_since = follow_rest(&mut state.watching, &vision, now);
    if check(&mut state.watching, &vision, still_since, now) {
        state.version += 1;
    }
    let every = config.calibration.check_every_s;
    let every = (every > 0.0).then(|| Duration::from_secs_f64(every));
    let watching = &mut state.watching;
    let Some((profile, watch)) = &mut watching.watch else {
        return;
    };
    let wants =
        watching.checking.is_none() && view.size.is_some() && watch.wants_check(now, still_since, every);
    if wants {
        let balls: Vec<Vec2> = (vision.seen_table().iter())
            .flat_map(|table| table.balls.iter().map(|ball| ball.position_m))
            .collect();
        let places = SpotCheck::places(&stage.table, &projector, &balls);
        let steps = SpotCheck::new(*camera, projector, profile.latency_s, places.clone());
        if places.len() < FEWEST_DOTS {
            // Balls lie everywhere: later.
            watch.checked(&Spots::default(), now);
        } else if let Ok(session) = Session::start(steps) {
            let thrower = thrower(&vision, &stage, projector.size(), options.seed);
            watching.checking = Some((Showing::new(session, thrower), places));
            state.version += 1;
        }
    }
    recalibrate(state, still_since, now, config.calibration.by_itself);
    tell(state);
}

/// Has a frame looked at now and then, and takes in what was seen.
fn look(watching: &mut Watching, vision: &VisionState, stage: &Stage, camera: &CameraModel, now: Instant) {
    let due = watching
        .looked
        .is_none_or(|at| now.saturating_duration_since(at) >= LOOK_EVERY);
    if watching.looker.is_none() {
        if !due {
            return;
        }
        watching.looked = Some(now);
        watching.looker = Looker::start(Arc::clone(&stage.table)).ok();
    }
    let Some(looker) = &watching.looker else { return };
    match looker.looks.try_recv() {
        Ok(look) => {
            if let Some((_, watch)) = &mut watching.watch {
                watch.looked(look);
            }
        }
        Err(TryRecvError::Empty) => {}
        // Its thread has ended: another is started with the next look.
        Err(TryRecvError::Disconnected) => {
            watching.looker = None;
            return;
        }
    }
    if due
        && !vision.stale
        && let Some(latest) = &vision.latest
    {
        watching.looked = Some(now);
        // One that is still busy is not waited for.
        drop(looker.frames.try_send((latest.frame.clone(), *camera)));
    }
}

/// Since when nothing has moved and nobody has been over the table.
fn follow_rest(watching: &mut Watching, vision: &VisionState, now: Instant) -> Option<Instant> {
    /// Something that always hangs there, a lamp's cable, hides less of the bed than a hand.
    const ALWAYS: f64 = 0.005;
    /// A look or two that say otherwise are of a moment's light.
    const FOR_A_MOMENT: Duration = Duration::from_millis(400);
    let is_still = vision
        .seen_table()
        .is_some_and(|table| table.at_rest && table.cue.is_none() && table.hidden.share() <= ALWAYS);
    if is_still {
        let (since, _) = watching.still.unwrap_or((now, now));
        watching.still = Some((since, now));
    } else {
        watching.still =
            (watching.still).filter(|(_, last)| now.saturating_duration_since(*last) < FOR_A_MOMENT);
    }
    watching.still.map(|(since, _)| since)
}

/// Follows the check under way. True where something else is to be shown, or nothing any more.
fn check(watching: &mut Watching, vision: &VisionState, still_since: Option<Instant>, now: Instant) -> bool {
    let Some((showing, places)) = &mut watching.checking else {
        return false;
    };
    if still_since.is_none() {
        debug!("the check of light is given up: somebody is over the table, or something moves");
        return watching.stop(vision);
    }
    if let Some(outcome) = showing.take_outcome() {
        match (outcome, &mut watching.watch) {
            (Ok(spots), Some((_, watch))) => {
                debug!(
                    "{} of {} dots seen, off by {:?} m",
                    spots.seen.len(),
                    spots.shown,
                    spots.off_m()
                );
                watch.checked(&spots, now);
            }
            (Err(fault), _) => debug!("light could not be checked: {fault}"),
            (Ok(_), None) => {}
        }
        return watching.stop(vision);
    }
    let other = showing.follow(vision);
    if other {
        vision.shown.show(now, light_of(showing.pattern(), places));
    }
    other
}

/// What the eyes are told of these dots at these places.
fn light_of(pattern: &Pattern, places: &[Vec2]) -> Light {
    let strokes = pattern.marks.iter().zip(places).map(|(mark, place)| Stroke {
        from: *place,
        to: *place,
        half_m: RADIUS_M,
        colour: mark.colour,
    });
    Light {
        strokes: strokes.collect(),
    }
}

/// Calibrates again where that mends it and nobody is in the way.
fn recalibrate(state: &mut Calibrating, still_since: Option<Instant>, now: Instant, by_itself: bool) {
    let Some((_, watch)) = &state.watching.watch else {
        return;
    };
    let since = |at: Instant| now.saturating_duration_since(at);
    let mends = watch.doubt().is_some_and(Doubt::asks_for_calibration);
    let clear = still_since.is_some_and(|at| since(at) >= CLEAR_FOR);
    let due = state.watching.tried.is_none_or(|at| since(at) >= TRY_EVERY);
    if by_itself && mends && clear && due && state.asked.is_none() && state.watching.checking.is_none() {
        info!("calibrating again without being asked: the table is clear");
        state.watching.tried = Some(now);
        state.ask(Ask::Again);
    }
}

/// Puts what is thought into words; the log is told only when it is something else.
fn tell(state: &mut Calibrating) {
    let watch = state.watching.watch.as_ref().map(|(_, watch)| watch);
    let doubt = watch.and_then(Watch::doubt);
    let change = watch.and_then(Watch::change);
    let off_m = watch.and_then(Watch::last_off_m);
    let thought = (
        doubt.as_ref().map(discriminant),
        change.as_ref().map(discriminant),
    );
    let before = std::mem::replace(&mut state.watching.told, thought);
    if thought.0 != before.0 {
        match &doubt {
            Some(doubt) => warn!("{doubt}; no lines are drawn until it is well again or calibrated anew"),
            None => info!("what was calibrated holds again"),
        }
    }
    if let (true, Some(change)) = (thought.1 != before.1, &change) {
        warn!("{change}");
    }
    let doubt = doubt.map(|doubt| doubt.to_string());
    let change = change.map(|change| change.to_string());
    let status = &state.status;
    if (&doubt, &change, off_m) != (&status.doubt, &status.change, status.checked_off_m) {
        state.change(|status| (status.doubt, status.change, status.checked_off_m) = (doubt, change, off_m));
    }
}
