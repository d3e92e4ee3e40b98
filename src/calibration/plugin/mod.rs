//! Calibrations in the running program: the projector shows, the eyes see, a thread decides.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

mod showing;
mod watching;

use showing::Showing;
use watching::Watching;

use super::ProjectorModel;
use super::flow::{Calibration, CalibrationFault, Flow, Plan};
use super::lens::LensFile;
use super::pattern::Pattern;
use super::profile::{Devices, Profile};
use super::session::Session;
use super::status::{Answered, CalibrationStatus, How, Said};
use crate::app::{Config, Ending, ProjectorStep, RunOptions, Stage, Started, now};
use crate::projector::plugin::ProjectorView;
use crate::system::faults::{self, Does};
use crate::system::health::check;
use crate::system::status::{Check, Health};
use crate::units::{ImageSize, MM_PER_M, Vec2, Vec3};
use crate::virtual_table::rig::drawn_projector;
use crate::vision::plugin::VisionState;
use crate::vision::source::SourceSpec;

/// Calibrates when asked to, and says what holds.
#[derive(Debug)]
pub struct CalibrationPlugin;

impl Plugin for CalibrationPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Calibrating>()
            .add_systems(Startup, read_profile)
            .add_systems(
                ProjectorStep,
                (
                    conduct,
                    watching::watch_over,
                    calibrate_and_end.run_if(|options: Res<RunOptions>| options.calibrate.is_some()),
                )
                    .chain()
                    .in_set(Conducted),
            );
    }
}

/// When it is settled what the projector shows for a calibration: after its window, before its shapes.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conducted;

/// What somebody wants of the calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// Begin one.
    Begin {
        /// The camera's height above the cloth, where somebody has measured it, metres.
        camera_height_m: Option<f64>,
        /// The number under which somebody waits for what comes of it.
        job: Option<u64>,
    },
    /// Begin one as the last was, without being asked; what the operator has fine-tuned stays so.
    Again,
    /// End it; what was kept before stays.
    Cancel,
    /// Go back to the one before.
    RollBack,
}

/// The calibration in force, and the one under way.
#[derive(Debug, Default, Resource)]
pub struct Calibrating {
    asked: Option<Ask>,
    running: Option<Running>,
    watching: Watching,
    path: Option<PathBuf>,
    status: Arc<CalibrationStatus>,
    /// The projector as calibrated, where that holds.
    projector: Option<ProjectorModel>,
    /// Counts up with every change of what is to be shown.
    version: u64,
    /// When it was last seen whether what is kept fits what is there.
    looked: Option<Instant>,
    /// The frames are of a real table, not of the virtual one, a film or a picture.
    real: bool,
}

#[derive(Debug)]
struct Running {
    showing: Showing<Calibration>,
    devices: Devices,
    camera_height_m: Option<f64>,
    /// Fine-tuning that stays, metres.
    nudge_m: Vec2,
    /// The number under which somebody waits for what comes of it.
    job: Option<u64>,
}

impl Calibrating {
    /// Asks for something; carried out in the next turn.
    pub fn ask(&mut self, ask: Ask) {
        if let Some(Ask::Begin { job: Some(job), .. }) = self.asked.replace(ask) {
            self.answer(
                job,
                How::Cancelled,
                "another wish came in the same moment".to_owned(),
            );
        }
    }

    /// The picture that is to be shown instead of lines.
    #[must_use]
    pub fn pattern(&self) -> Option<&Arc<Pattern>> {
        let calibrating = self.running.as_ref().map(|running| running.showing.pattern());
        calibrating.or_else(|| self.watching.pattern())
    }

    /// Moves the projector's light on the cloth by so much, metres. Gives the file to write and its text; `None` where nothing is
    /// calibrated or kept.
    pub fn nudge(&mut self, by_m: Vec2) -> Option<(PathBuf, String)> {
        let Some(profile) = &self.status.profile else {
            self.say(false, "nothing is calibrated that could be fine-tuned".to_owned());
            return None;
        };
        let profile = profile.nudge(by_m);
        let text = profile.to_text();
        let mm = profile.nudge_m * MM_PER_M;
        debug!("the light is moved by {:.1}, {:.1} mm", mm.x, mm.y);
        self.change(|status| status.profile = Some(Arc::new(profile)));
        self.looked = None;
        Some((self.path.clone()?, text.ok()?))
    }

    /// What dashboard and network read of it.
    #[must_use]
    pub const fn status(&self) -> &Arc<CalibrationStatus> {
        &self.status
    }

    /// The projector as calibrated, where that holds for the present one.
    #[must_use]
    pub const fn projector(&self) -> Option<&ProjectorModel> {
        self.projector.as_ref()
    }

    /// Light of full white on the cloth, as a multiple of the room's there, as it was measured.
    #[must_use]
    pub fn white_gain(&self) -> Option<f64> {
        let profile = self.status.profile.as_ref();
        profile.filter(|_| self.projector.is_some())?.white_gain
    }

    /// Counts up with every change of what is to be shown and how.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Why no line can be drawn where it is meant, in a few words for who stands at the table. `by_hand`: the operator has
    /// said where the projector's corners lie.
    #[must_use]
    pub fn distrust(&self, by_hand: bool) -> Option<&'static str> {
        if let Some(doubt) = self.watching.doubt() {
            return Some(doubt.headline());
        }
        match (&self.status.profile, &self.status.unfit) {
            (Some(_), Some(_)) if self.real => Some("camera or projector has changed: calibrate again"),
            (None, _) if self.real && !by_hand => Some("not calibrated yet"),
            _ => None,
        }
    }

    /// How it is, for the projector's health. Nothing is said of a projector that nobody has calibrated over a table that
    /// is not there.
    #[must_use]
    pub fn check(&self) -> Option<Check> {
        const NAME: &str = "calibration";
        if let Some(progress) = self.status.running {
            let words = format!("calibrating, {:.0} %: {}", 100.0 * progress.share, progress.words);
            return Some(check(NAME, Health::Healthy, words));
        }
        match (&self.status.profile, &self.status.unfit) {
            (Some(_), Some(why)) => {
                let words = format!("the calibration {why}; calibrate again");
                Some(check(NAME, Health::Degraded, words))
            }
            (Some(profile), None) => Some(match (&self.status.doubt, &self.status.change) {
                (Some(doubt), _) => check(NAME, Health::Degraded, format!("no lines are drawn: {doubt}")),
                (None, Some(change)) => check(NAME, Health::Degraded, change.clone()),
                (None, None) => {
                    let words = format!(
                        "light lands within {:.1} mm of where it is meant",
                        profile.landing_max_m * MM_PER_M
                    );
                    check(NAME, Health::Healthy, words)
                }
            }),
            (None, _) => self.real.then(|| {
                let words = "no lines are drawn unless the settings tell the corners: the projector is not calibrated; \
                             clear the table and calibrate";
                check(NAME, Health::Degraded, words.to_owned())
            }),
        }
    }

    fn say(&mut self, good: bool, words: String) {
        if good {
            info!("{words}");
        } else {
            warn!("{words}");
        }
        self.change(|status| status.last = Some(Said { good, words }));
    }

    /// Says what came of a calibration, also to whoever waits for it.
    fn come_to(&mut self, job: Option<u64>, how: How, words: String) {
        if let Some(job) = job {
            self.answer(job, how, words.clone());
        }
        self.say(how != How::Failed, words);
    }

    fn answer(&mut self, job: u64, how: How, words: String) {
        let at = now();
        self.change(|status| status.answer(Answered { job, how, words, at }));
    }

    fn change(&mut self, change: impl FnOnce(&mut CalibrationStatus)) {
        change(Arc::make_mut(&mut self.status));
    }
}

/// Reads what was kept.
fn read_profile(mut state: ResMut<Calibrating>, config: Res<Config>, options: Res<RunOptions>) {
    let Some(folder) = &options.state_folder else {
        return;
    };
    let path = folder
        .join("calibration")
        .join(format!("{}.ron", config.calibration.profile));
    match Profile::load(&path) {
        Ok(profile) => state.change(|status| status.profile = profile.map(Arc::new)),
        Err(error) => state.say(false, error.to_string()),
    }
    state.path = Some(path);
}

/// Calibrates as soon as there is something to see and something to show on, tells what comes of it, and ends.
fn calibrate_and_end(
    mut state: ResMut<Calibrating>,
    options: Res<RunOptions>,
    vision: Res<VisionState>,
    view: Res<ProjectorView>,
    mut ending: ResMut<Ending>,
    started: Res<Started>,
    mut asked: Local<bool>,
    mut told: Local<Option<&'static str>>,
) {
    /// A camera and a window are there by then, or do not come.
    const READY_WITHIN: Duration = Duration::from_secs(20);
    if !*asked {
        let ready = vision.latest.is_some() && view.size.is_some();
        if ready || started.0.elapsed() > READY_WITHIN {
            *asked = true;
            state.ask(Ask::Begin {
                camera_height_m: options.calibrate.flatten(),
                job: None,
            });
        }
        return;
    }
    let status = state.status();
    if let Some(progress) = status.running
        && *told != Some(progress.words)
    {
        *told = Some(progress.words);
        info!("{:3.0} % {}", 100.0 * progress.share, progress.words);
    }
    if let (None, Some(said)) = (status.running, &status.last)
        && state.asked.is_none()
        && ending.decided().is_none()
    {
        use std::io::Write as _;
        // Standard output may be closed by now: then nobody wants to read it.
        writeln!(std::io::stdout(), "{}", said.words).ok();
        ending.begin(u8::from(!said.good));
    }
}

/// What is there to calibrate, and how it is to be done.
#[derive(SystemParam)]
struct Around<'w> {
    vision: Res<'w, VisionState>,
    view: Res<'w, ProjectorView>,
    stage: Res<'w, Stage>,
    config: Res<'w, Config>,
    options: Res<'w, RunOptions>,
}

impl Around<'_> {
    fn devices(&self) -> Devices {
        let eyes = self.vision.eyes.as_ref();
        Devices {
            table: self.stage.table.name.clone(),
            source: eyes.map_or_else(String::new, |eyes| eyes.status().source().0),
            monitor: self.view.describe(&self.stage.display),
        }
    }
}

/// Carries out wishes, passes frames on, and takes in what comes of it.
fn conduct(mut state: ResMut<Calibrating>, around: Around) {
    /// Whether other devices are there is looked at this often; the loop turns more often.
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    let idle = state.asked.is_none() && state.running.is_none();
    if idle && state.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
        return;
    }
    let state = &mut *state;
    let vision = &around.vision;
    state.looked = Some(Instant::now());
    let devices = around.devices();
    state.real = vision.latest.is_some() && shows_real_table(&devices.source);
    match state.asked.take() {
        Some(Ask::Begin { camera_height_m, job }) => {
            begin(state, &around, camera_height_m, Vec2::ZERO, job);
        }
        Some(Ask::Again) => {
            let last = state.status.profile.as_deref();
            let height_m = last.and_then(|profile| profile.camera_height_m);
            let nudge_m = last.map_or(Vec2::ZERO, |profile| profile.nudge_m);
            begin(state, &around, height_m, nudge_m, None);
        }
        Some(Ask::Cancel) if state.running.is_some() => {
            let job = end(state, vision);
            let words = "the calibration was ended; what was kept before holds";
            state.come_to(job, How::Cancelled, words.to_owned());
        }
        Some(Ask::Cancel) => state.say(false, "no calibration is under way".to_owned()),
        Some(Ask::RollBack) => roll_back(state),
        None => {}
    }
    if let Some(running) = &mut state.running {
        let lost = devices.monitor != running.devices.monitor || devices.source != running.devices.source;
        let outcome = running.showing.take_outcome();
        if lost {
            let job = end(state, vision);
            let words = "camera or projector went away during the calibration; try again";
            state.come_to(job, How::Failed, words.to_owned());
        } else if let Some(outcome) = outcome {
            finish(state, vision, outcome);
        } else {
            running.showing.follow(vision);
        }
    }
    let progress = state.running.as_ref().map(|running| running.showing.progress());
    if progress != state.status.running {
        state.change(|status| status.running = progress);
    }
    settle(state, vision, &around.view, &devices);
}

/// True where a source is a camera, here or on the network.
fn shows_real_table(source: &str) -> bool {
    match source.parse() {
        Ok(SourceSpec::Camera(_)) => true,
        Ok(SourceSpec::Video(from)) => from.contains("://"),
        _ => false,
    }
}

fn begin(state: &mut Calibrating, around: &Around, height_m: Option<f64>, nudge_m: Vec2, job: Option<u64>) {
    if state.running.is_some() {
        let words = "a calibration is under way already";
        state.come_to(job, How::Failed, words.to_owned());
        return;
    }
    match prepare(around, height_m, nudge_m, job) {
        Ok(running) => {
            info!("calibrating camera and projector");
            state.watching.stop(&around.vision);
            state.running = Some(running);
            state.change(|status| status.job = job);
            state.version += 1;
        }
        Err(words) => state.come_to(job, How::Failed, words),
    }
}

/// All that a calibration needs, or why it can't begin.
fn prepare(
    around: &Around,
    height_m: Option<f64>,
    nudge_m: Vec2,
    job: Option<u64>,
) -> Result<Running, String> {
    let Around { vision, stage, .. } = around;
    let size = around.view.size;
    let (width, height) = size.ok_or("there is no projector to calibrate: nothing can be drawn")?;
    if vision.latest.is_none() {
        return Err("there is no camera to calibrate: no pictures come".to_owned());
    }
    let projector = ImageSize::new(width, height);
    let settings = &around.config.calibration;
    let camera_height_m = height_m.or(settings.camera_height_m);
    let lens = match settings.lens.as_str() {
        "" => None,
        file => Some(LensFile::load(Path::new(file))?.lens),
    };
    let plan = Plan {
        table: stage.table.as_ref().clone(),
        projector,
        camera_height_m,
        lens,
        markers: settings.markers.iter().copied().map(Vec3::from).collect(),
        limit_m: settings.limit_mm / MM_PER_M,
        table_limit_m: settings.table_limit_mm / MM_PER_M,
    };
    let session = Session::start(Flow::new(plan));
    let session = session.map_err(|error| format!("the calibration cannot start: {error}"))?;
    let thrower = thrower(vision, stage, projector, around.options.seed);
    Ok(Running {
        showing: Showing::new(session, thrower),
        devices: around.devices(),
        camera_height_m,
        nudge_m,
        job,
    })
}

/// The projector that throws light on the virtual table, where that is the source: always the same for a seed.
fn thrower(vision: &VisionState, stage: &Stage, projector: ImageSize, seed: u64) -> Option<ProjectorModel> {
    vision.hand.get()?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut thrower = drawn_projector(&stage.table, projector, &mut random);
    if let Some(mm) = faults::active(Does::PushProjector) {
        thrower.optics.pose.eye_m.x += mm / MM_PER_M;
    }
    Some(thrower)
}

fn finish(state: &mut Calibrating, vision: &VisionState, outcome: Result<Calibration, CalibrationFault>) {
    let Some(running) = &state.running else { return };
    let (devices, camera_height_m) = (running.devices.clone(), running.camera_height_m);
    let nudge_m = running.nudge_m;
    let job = end(state, vision);
    let found = match outcome {
        Ok(found) => found,
        Err(fault) => {
            state.come_to(job, How::Failed, format!("not calibrated: {fault}"));
            return;
        }
    };
    let profile = Profile::of(&found, &devices, camera_height_m, now()).nudge(nudge_m);
    // It is written here and not by the keeper: whoever asked wants to know that it is kept.
    if let Some(path) = &state.path
        && let Err(error) = profile.save(path)
    {
        state.come_to(job, How::Failed, error.to_string());
        return;
    }
    let words = format!(
        "calibrated: light lands within {:.1} mm of where it is meant, the table is known to {:.1} mm; delay {:.0} ms",
        profile.landing_max_m * MM_PER_M,
        profile.table_sigma_m * MM_PER_M,
        profile.latency_s * 1e3,
    );
    state.change(|status| status.profile = Some(Arc::new(profile)));
    state.come_to(job, How::Done, words);
}

fn roll_back(state: &mut Calibrating) {
    let Some(path) = &state.path else {
        state.say(false, "nothing is kept in this run".to_owned());
        return;
    };
    match Profile::roll_back(path) {
        Ok(profile) => {
            let words = format!("the calibration of {} is in force again", profile.made);
            state.change(|status| status.profile = Some(Arc::new(profile)));
            state.version += 1;
            state.say(true, words);
        }
        Err(error) => state.say(false, error.to_string()),
    }
}

/// Ends the calibration under way; the table is dark where it threw light. Gives the number under which somebody waits
/// for it.
fn end(state: &mut Calibrating, vision: &VisionState) -> Option<u64> {
    let running = state.running.take();
    let job = running.as_ref().and_then(|running| running.job);
    if let Some(running) = running {
        running.showing.end(vision);
    }
    state.change(|status| {
        status.running = None;
        status.job = None;
        status.ended += 1;
    });
    state.version += 1;
    job
}

/// Whether what is kept holds for the camera and the projector that are there.
fn settle(state: &mut Calibrating, vision: &VisionState, view: &ProjectorView, devices: &Devices) {
    let Some(profile) = state.status.profile.clone() else {
        return;
    };
    let image = vision.latest.as_ref().map(|latest| latest.frame.size);
    let camera = image.map(|image| profile.camera_for(devices, image));
    let projector = view
        .size
        .map(|(w, h)| profile.projector_for(devices, ImageSize::new(w, h)));
    let unfit = [
        camera.as_ref().and_then(|c| c.as_ref().err()),
        projector.as_ref().and_then(|p| p.as_ref().err()),
    ];
    let unfit = unfit.into_iter().flatten().next().cloned();
    // Lines follow what the camera sees: without its calibration the projector's says nothing.
    let projector = match (&unfit, projector) {
        (None, Some(Ok(_))) => Some(profile.nudged()),
        _ => None,
    };
    if projector != state.projector {
        state.projector = projector;
        state.version += 1;
    }
    let camera = camera.and_then(Result::ok).copied();
    if camera != vision.known_camera.load().as_deref().copied() {
        vision.known_camera.store(camera.map(Arc::new));
    }
    if unfit != state.status.unfit {
        if let Some(why) = &unfit {
            warn!("the calibration {why}; calibrate again");
        }
        state.change(|status| status.unfit = unfit);
    }
}
