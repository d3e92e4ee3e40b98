//! Frames in, tracked table out.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use bevy::prelude::*;

use crate::app::{Config, RunOptions, Stage, VisionStep};
use crate::calibration::CameraModel;
use crate::calibration::plugin::Calibrating;
use crate::ops::devices::lasting_id;
use crate::system::command::CueCommand;
use crate::system::faults::{self, Point};
use crate::system::orchestrator::Report;
use crate::system::plugin::modules::{Desk, Lived};
use crate::system::plugin::{Measured, Operator, RunSummary};
use crate::system::status::HandCue;
use crate::table::{BallSet, TableSpec};
use crate::units::ImageSize;
use crate::virtual_table::{Options, SceneName, UnknownScene, VirtualHandle, VirtualTable};
use crate::vision::dark::DarkWindow;
use crate::vision::eyes::{Analysed, Eyes, Opener};
use crate::vision::light::Shown;
use crate::vision::memory::Memory;
use crate::vision::recording::{Header, Limits, Recorder};
use crate::vision::source::{
    CameraSettings, CameraSource, FaultySource, FrameSource, Held, Holder, ImageSource, Kept,
    RecordingSource, ReplayPace, SourceError, SourceSpec, VideoSource, list_cameras,
};
use crate::vision::track::TableState;

/// Runs the eyes and the tracker.
#[derive(Debug)]
pub struct VisionPlugin;

impl Plugin for VisionPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<VisionState>()
            .init_resource::<SourceChoice>()
            .add_systems(Startup, choose_first_source)
            .add_systems(VisionStep, (attend, perceive).chain());
    }
}

/// The source the operator wants, and whether it is to be opened now.
#[derive(Debug, Default, Resource)]
pub struct SourceChoice {
    wanted: Option<SourceSpec>,
    open_now: bool,
}

impl SourceChoice {
    /// Changes to another source with the next turn.
    pub fn choose(&mut self, spec: SourceSpec) {
        self.wanted = Some(spec);
        self.open_now = true;
    }
}

/// The cue of the virtual table, handed over by the thread that opens it.
#[derive(Clone, Debug, Default)]
pub struct Hand(Arc<Mutex<Option<VirtualHandle>>>);

impl Hand {
    /// The handle, while the virtual table is open.
    #[must_use]
    pub fn get(&self) -> Option<VirtualHandle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the cue is, while the virtual table is open.
    #[must_use]
    pub fn state(&self) -> Option<HandCue> {
        self.get().map(|cue| HandCue {
            taken: cue.is_taken(),
            stick_speed_m_s: cue.speed_m_s(),
        })
    }

    fn set(&self, handle: Option<VirtualHandle>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }

    /// Does with the cue what the operator wants; false when there is none.
    #[must_use]
    pub fn carry_out(&self, command: CueCommand) -> bool {
        let Some(cue) = self.get() else { return false };
        match command {
            CueCommand::Aim(degrees) => cue.aim(degrees.to_radians()),
            CueCommand::Turn(degrees) => cue.nudge(degrees.to_radians()),
            CueCommand::Speed(m_s) => cue.set_speed(m_s),
            CueCommand::Shoot => cue.shoot(),
            CueCommand::Release => cue.release(),
        }
        true
    }
}

/// Frames since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Looked at.
    pub analysed: u64,
    /// Replaced by a newer one before they were looked at.
    pub dropped: u64,
}

/// What vision knows.
#[derive(Debug, Default, Resource)]
pub struct VisionState {
    /// The running threads; `None` when vision is off or could not start.
    pub eyes: Option<Eyes>,
    /// The newest analysed frame.
    pub latest: Option<Analysed>,
    /// The table may have changed since it was seen last: the source is lost, or its pictures can't be used.
    pub stale: bool,
    /// When the newest frame was taken that nothing was drawn for yet, and when it came.
    pub undrawn: Option<(Instant, Instant)>,
    /// Counts of the sources before this one.
    pub before: Counts,
    /// Why vision could not start.
    pub failure: Option<String>,
    /// The cue of the virtual table, while that is the source.
    pub hand: Hand,
    /// What the projector shows, for the eyes to leave out.
    pub shown: Arc<Shown>,
    /// How the camera was calibrated, where that holds.
    pub known_camera: Arc<ArcSwapOption<CameraModel>>,
    /// When it is to show nothing, for the eyes' sake.
    pub dark: DarkWindow,
    /// The table in every frame since the last turn, in order.
    pub news: Vec<Arc<TableState>>,
    memory: Option<Memory>,
}

impl VisionState {
    /// The table as last seen; see [`VisionState::stale`].
    #[must_use]
    pub fn table(&self) -> Option<&Arc<TableState>> {
        self.memory.as_ref().and_then(Memory::table)
    }

    /// The table, where it is seen now. Only this is aimed at and drawn for: a line on the cloth for a table that is no
    /// longer seen would be a lie.
    #[must_use]
    pub fn seen_table(&self) -> Option<&Arc<TableState>> {
        self.table().filter(|_| !self.stale)
    }

    /// Colour of the cloth in the newest frame that shows one, sRGB.
    #[must_use]
    pub fn cloth_srgb(&self) -> Option<[u8; 3]> {
        self.latest.as_ref().and_then(|l| l.observation.cloth_srgb)
    }

    /// Lets go of the source and of all that was seen.
    fn close(&mut self) {
        // The old threads end by themselves; a camera they still hold is tried again until it is free.
        if let Some(old) = self.eyes.take() {
            let status = old.status();
            self.before.analysed += status.analysed.load(Ordering::Relaxed);
            self.before.dropped += status.dropped.load(Ordering::Relaxed);
        }
        (self.latest, self.memory, self.failure, self.stale) = (None, None, None, false);
    }

    /// How the module is. That a camera is not there is not its fault: its thread waits for it.
    fn report(&self) -> Report {
        match (&self.failure, &self.eyes) {
            (Some(why), _) => Report::Broken(why.clone()),
            (None, None) => Report::Changing,
            (None, Some(eyes)) => eyes.fault().map_or(Report::Up, Report::Broken),
        }
    }

    /// Frames since start, of this source and those before it.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Some(eyes) = &self.eyes else {
            return self.before;
        };
        Counts {
            analysed: self.before.analysed + eyes.status().analysed.load(Ordering::Relaxed),
            dropped: self.before.dropped + eyes.status().dropped.load(Ordering::Relaxed),
        }
    }

    /// Frames a second to expect: what the source gives of itself, else `configured`.
    #[must_use]
    pub fn wanted_hz(&self, configured: f64) -> f64 {
        self.eyes
            .as_ref()
            .and_then(|e| e.status().own_rate_hz())
            .map_or(configured, |own| own)
    }

    /// Age of the newest analysed frame, ms.
    #[must_use]
    pub fn frame_age_ms(&self, now: Instant) -> Option<f64> {
        let captured = self.latest.as_ref()?.frame.captured;
        Some(now.saturating_duration_since(captured).as_secs_f64() * 1e3)
    }
}

fn choose_first_source(config: Res<Config>, mut choice: ResMut<SourceChoice>) {
    match config.source.parse() {
        Ok(spec) => choice.choose(spec),
        Err(error) => error!("{error}"),
    }
}

/// Opens the source in each new life and where another is chosen, and says how vision is.
fn attend(
    mut choice: ResMut<SourceChoice>,
    mut vision: ResMut<VisionState>,
    mut desk: Desk,
    mut lived: Local<Lived>,
    config: Res<Config>,
    stage: Res<Stage>,
    options: Res<RunOptions>,
) {
    faults::point(Point::VisionStep);
    let duty = desk.duty("vision");
    if !duty.up {
        vision.close();
        desk.report("vision", Report::Down);
        return;
    }
    if lived.is_new(duty) || choice.open_now {
        choice.open_now = false;
        open_source(&mut vision, choice.wanted.clone(), &config, &stage, &options);
    }
    desk.report("vision", vision.report());
}

fn open_source(
    vision: &mut VisionState,
    wanted: Option<SourceSpec>,
    config: &Config,
    stage: &Stage,
    options: &RunOptions,
) {
    vision.close();
    let Some(spec) = wanted else { return };
    let size = ImageSize::new(config.vision.width_px, config.vision.height_px);
    // Each opening has a hand of its own: a late old thread can't give its cue to the new source.
    vision.hand = Hand::default();
    let opener = opener(
        spec.clone(),
        Arc::clone(&stage.table),
        size,
        config.vision.rate_hz,
        options.seed,
        vision.hand.clone(),
        config.vision.camera,
    );
    // Read anew with every opening: a restart of the module takes in a set that was just taught.
    let balls = match config.vision.house_set(&stage.table) {
        Ok(balls) => balls,
        Err(error) => {
            vision.failure = Some(error);
            return;
        }
    };
    vision.memory = Some(Memory::new(&stage.table, readout_ms(&spec, config) / 1e3));
    // A folder that can't be written is told, and nobody the worse for it.
    let recorder = recorder(&spec, config).unwrap_or_else(|why| {
        warn!("{why}");
        None
    });
    let bell = Arc::clone(&stage.bell);
    let table = Some(TableSpec::clone(&stage.table));
    match Eyes::start(
        &spec.to_string(),
        opener,
        table,
        balls,
        Arc::new(move || bell.ring()),
        recorder,
        Arc::clone(&vision.shown),
        Arc::clone(&vision.known_camera),
    ) {
        Ok(eyes) => (vision.eyes, vision.failure) = (Some(eyes), None),
        Err(error) => vision.failure = Some(format!("vision cannot start: {error}")),
    }
}

/// Begins a recording, if one is wanted. Of a recording none is made.
fn recorder(spec: &SourceSpec, config: &Config) -> Result<Option<Recorder>, String> {
    let folder = config.recording.folder();
    let Some(folder) = folder.filter(|_| !matches!(spec, SourceSpec::Recording(_))) else {
        return Ok(None);
    };
    let header = Header {
        source: spec.to_string(),
        table: config.table.clone(),
        balls: config.vision.balls.clone(),
        readout_ms: readout_ms(spec, config),
        ..Header::default()
    };
    Recorder::start(folder, header, Limits::gigabytes(config.recording.limit_gb)).map(Some)
}

/// How much the drawing of the virtual table gives way to others that want the processor.
#[cfg(target_os = "linux")]
const VIRTUAL_NICE: i32 = 5;

/// The virtual table shows all rows of one moment; of other sources the settings tell.
fn readout_ms(spec: &SourceSpec, config: &Config) -> f64 {
    match spec {
        SourceSpec::Virtual(_) => 0.0,
        _ => config.vision.readout_ms,
    }
}

/// Takes in what the eyes have seen since the last turn.
fn perceive(
    mut vision: ResMut<VisionState>,
    operator: Res<Operator>,
    config: Res<Config>,
    stage: Res<Stage>,
    calibrating: Res<Calibrating>,
    mut measured: ResMut<Measured>,
    mut summary: ResMut<RunSummary>,
) {
    // The dots of a calibration are no balls.
    let dots = calibrating.pattern().is_some();
    let vision = &mut *vision;
    vision.news.clear();
    let Some(eyes) = &vision.eyes else { return };
    eyes.pause(operator.paused);
    let seeing = eyes.status().is_seeing();
    for analysed in eyes.take() {
        summary.frame(&analysed.frame, &analysed.observation);
        let now = Instant::now();
        if let Some((_, total)) = analysed.observation.timing_ms.iter().find(|t| t.0 == "total") {
            measured.vision_ms.push(now, *total);
        }
        if let Some(memory) = vision.memory.as_mut().filter(|_| !dots)
            && memory.take_in(&analysed.observation)
            && let Some(table) = memory.table()
        {
            vision.news.push(Arc::clone(table));
            if !table.at_rest {
                measured.forget_rest();
            } else if table.hidden.is_none() {
                measured.see_at_rest(now, &analysed.observation, table.balls.len());
            }
        }
        vision.undrawn = Some((analysed.frame.captured, analysed.arrived));
        vision.latest = Some(analysed);
    }
    let rate_hz = vision.wanted_hz(config.vision.rate_hz);
    let now = Instant::now();
    let old = vision.memory.as_ref().is_some_and(|m| m.is_stale(now, rate_hz));
    // Who pauses knows that the table changes meanwhile.
    vision.stale = !operator.paused && (old || !seeing);
    if let Some(table) = vision.seen_table().cloned() {
        let light = vision.shown.at(now);
        let radius_m = stage.table.ball.radius_m;
        vision.dark.consider(now, &table, light.as_deref(), radius_m);
    }
}

fn opener(
    spec: SourceSpec,
    table: Arc<TableSpec>,
    size: ImageSize,
    rate_hz: f64,
    seed: u64,
    hand: Hand,
    camera: CameraSettings,
) -> Opener {
    // `auto` is settled once: a camera that is unplugged later is waited for, not replaced by the virtual table.
    let mut settled = (spec != SourceSpec::Auto).then_some(spec);
    let held = Held::default();
    *held.lock().unwrap_or_else(PoisonError::into_inner) = Holder::new(camera);
    let mut find = move || {
        if let Some(spec) = &mut settled {
            let source = open(spec, &table, size, rate_hz, seed, &hand, &held)?;
            if let SourceSpec::Camera(id) = spec {
                // It may come back with another number.
                *id = lasting_id(id);
            }
            return Ok(source);
        }
        for camera in list_cameras() {
            // Not every device node that calls itself a camera gives pictures.
            match CameraSource::open(&camera.id, size, rate_hz, &held) {
                Ok(source) => {
                    settled = Some(SourceSpec::Camera(lasting_id(&camera.id)));
                    return Ok(Box::new(source) as Box<dyn FrameSource>);
                }
                Err(error) => info!("{error}"),
            }
        }
        info!("no camera is connected: the virtual table plays");
        let spec = settled.insert(SourceSpec::Virtual(String::new()));
        open(spec, &table, size, rate_hz, seed, &hand, &held)
    };
    if faults::is_on() {
        let (kept, script) = (Kept::default(), FaultySource::script());
        return Box::new(move || FaultySource::open(&mut find, &kept, &script));
    }
    Box::new(find)
}

fn open(
    spec: &SourceSpec,
    table: &TableSpec,
    size: ImageSize,
    rate_hz: f64,
    seed: u64,
    hand: &Hand,
    held: &Held,
) -> Result<Box<dyn FrameSource>, SourceError> {
    Ok(match spec {
        SourceSpec::Auto => {
            return open(
                &SourceSpec::Virtual(String::new()),
                table,
                size,
                rate_hz,
                seed,
                hand,
                held,
            );
        }
        SourceSpec::Virtual(scene) => {
            let options = virtual_options(scene, table, rate_hz, seed)?;
            let source =
                VirtualTable::new(&options).map_err(|e| SourceError::Failed(format!("{spec}: {e}")))?;
            hand.set(Some(source.handle()));
            // It draws on this thread, which a real camera would not.
            #[cfg(target_os = "linux")]
            rustix::process::setpriority_process(None, VIRTUAL_NICE).ok();
            Box::new(source)
        }
        SourceSpec::Camera(id) => Box::new(CameraSource::open(id, size, rate_hz, held)?),
        SourceSpec::Video(url) => Box::new(VideoSource::open(url)?),
        SourceSpec::Images(pattern) => Box::new(ImageSource::open(pattern)?),
        SourceSpec::Recording(path) => Box::new(RecordingSource::open(path, ReplayPace::RealTime)?),
    })
}

/// A scene by its name on the table in use.
fn virtual_options(scene: &str, table: &TableSpec, rate_hz: f64, seed: u64) -> Result<Options, SourceError> {
    let scene = match table.ball_set {
        _ if !scene.is_empty() => scene
            .parse()
            .map_err(|e: UnknownScene| SourceError::Failed(e.to_string()))?,
        BallSet::Pool => SceneName::Practice,
        BallSet::Snooker => SceneName::Snooker,
        BallSet::Carom => SceneName::Carom,
    };
    Ok(Options {
        table: table.clone(),
        seed,
        fps: rate_hz,
        ..Options::new(scene)
    })
}
