//! Modules, their health, alerts, and the snapshot everyone else reads.

mod alerting;
pub mod modules;
mod monitoring;
pub mod resources;
mod settings;
mod supervise;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;

use crate::app::{
    Config, DrawingFailed, Ending, LogRing, MainPulse, ModuleFaults, RunOptions, Stage, Started,
    StreetSystems, now,
};
use crate::calibration::plugin::{Ask, Calibrating};
use crate::projector::plugin::{Drawn, ProjectorView};
use crate::projector::test_picture::TestPicture;
use crate::system::alerts::Moment;
use crate::system::command::OperatorCommand;
use crate::system::health::{self, VisionFacts};
use crate::system::journal::EventKind;
use crate::system::orchestrator::{self, Life, MODULES, Wish, start_order};
use crate::system::recovery::Order;
use crate::system::rolling::Rolling;
use crate::system::snapshot::{HistorySample, LogLine, Snapshot};
use crate::system::status::{Alert, Check, Health, Metrics, ModuleStatus, SystemStatus};
use crate::system::summary::Summary;
use crate::trainer::aim::Assistance;
use crate::trainer::plugin::CoreState;
use crate::units::{MM_PER_M, Vec2};
use crate::vision::eyes::SourceState;
use crate::vision::observation::Observation;
use crate::vision::picture_watch::PictureFault;
use crate::vision::plugin::{SourceChoice, VisionState};
pub use alerting::Board;
use modules::{HealthState, Module, ModuleLife, describe};
pub use monitoring::Monitor;
use resources::Resources;
pub use settings::SettingsState;
pub use supervise::{Happened, RESTART_CODE, Supervisor};
use supervise::{Scribe, in_order, unix_s};

/// The supervisor and publisher.
#[derive(Debug)]
pub struct SystemPlugin;

impl Plugin for SystemPlugin {
    fn build(&self, app: &mut App) {
        let settings = app.world().resource::<Config>();
        let enabled = settings.system.recovery;
        let options = app.world().resource::<RunOptions>();
        let resources = match options.state_folder.clone() {
            Some(folder) => Resources::start_with(folder),
            None => Resources::start(),
        };
        let supervisor = Supervisor::begin(settings.recovery.clone(), enabled, options);
        if supervisor.recovery.wants_safe_mode(Instant::now()) {
            warn!("the program was started again too often: it comes up in safe mode, with the API only");
            app.world_mut().resource_mut::<RunOptions>().safe_mode = true;
        }
        app.insert_resource(supervisor)
            .init_resource::<Operator>()
            .init_resource::<Unwritten>()
            .init_resource::<DrawingFailed>()
            .init_resource::<Monitor>()
            .init_resource::<Board>()
            .init_resource::<SettingsState>()
            .init_resource::<Measured>()
            .init_resource::<RunSummary>()
            .init_resource::<ApiHealth>()
            .init_resource::<Published>()
            .insert_resource(resources)
            .add_message::<Happened>()
            .add_systems(PreStartup, (spawn_modules, set_out))
            .add_systems(
                Last,
                (
                    (apply_wishes, settings::follow_settings, settings::keep_last_good)
                        .chain()
                        .in_set(StreetSystems::Apply),
                    (
                        supervise::move_modules,
                        supervise::check_modules,
                        supervise::recover,
                        supervise::clear_caches,
                        monitoring::sample,
                        alerting::raise_alerts,
                    )
                        .chain()
                        .in_set(StreetSystems::Supervise),
                    publish.in_set(StreetSystems::Publish),
                    report_on_exit.after(StreetSystems::Publish),
                ),
            );
    }
}

/// Why something that is to be kept could not be written.
#[derive(Clone, Debug, Default, Resource)]
struct Unwritten(Option<String>);

/// What the operator has chosen.
#[derive(Clone, Debug, Default, Resource)]
pub struct Operator {
    /// Looking and predicting is stopped.
    pub paused: bool,
    /// How much help is drawn.
    pub assistance: Assistance,
    /// Shown instead of lines, since then.
    pub test_picture: Option<(TestPicture, Instant)>,
}

/// Nobody looks at a test picture for longer.
const TEST_PICTURE_FOR: Duration = Duration::from_secs(600);

impl Operator {
    /// The test picture that is to be shown now.
    #[must_use]
    pub fn test_picture(&self, now: Instant) -> Option<TestPicture> {
        let (picture, since) = self.test_picture?;
        (now.saturating_duration_since(since) < TEST_PICTURE_FOR).then_some(picture)
    }
}

/// What the run has achieved.
#[derive(Debug, Default, Resource, Deref, DerefMut)]
pub struct RunSummary(pub Summary);

/// What the API module says about itself.
#[derive(Clone, Debug, Default, Resource)]
pub struct ApiHealth {
    /// Its checks.
    pub checks: Vec<Check>,
    /// Where it listens.
    pub address: Option<String>,
    /// Requests and server errors since start.
    pub requests: (u64, u64),
    /// How it answers.
    pub figures: Option<ApiFigures>,
}

/// How the API answers. `None`: not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ApiFigures {
    /// Time to answer a request, seconds, median.
    pub latency_p50_s: Option<f64>,
    /// 95th percentile.
    pub latency_p95_s: Option<f64>,
    /// Server errors of the last minute, share of its requests, 0..1.
    pub error_share: Option<f64>,
    /// Connected clients.
    pub clients: Option<f64>,
    /// Time until its certificate is over, seconds; below zero where it is.
    pub certificate_remaining_s: Option<f64>,
}

/// Figures over the last seconds.
#[derive(Debug, Resource)]
pub struct Measured {
    /// Analysed frames, ms each.
    pub vision_ms: Rolling,
    /// From capture to overlay, ms.
    pub latency_ms: Rolling,
    /// From a frame's arrival to overlay, ms: what is left without the camera's own time.
    pub loop_ms: Rolling,
    /// Prediction, µs.
    pub prediction_us: Rolling,
    /// How sure the eyes are of the balls of a table at rest, 0..1, look by look.
    pub confidence: Rolling,
    /// How many balls they see of it.
    pub ball_count: Rolling,
    balls_at_rest: usize,
    turns: Rolling,
    last_counts: (u64, u64, u64, u64, Instant),
    /// Panics caught in the vision thread since the last check.
    vision_faults: u64,
    dropped_share: Option<f64>,
    unusable_share: Option<f64>,
    source_hz: Option<f64>,
}

impl Default for Measured {
    fn default() -> Self {
        let window = || Rolling::new(Duration::from_secs(5), 1500);
        Self {
            vision_ms: window(),
            latency_ms: window(),
            loop_ms: window(),
            prediction_us: Rolling::new(Duration::from_secs(60), 1500),
            confidence: Rolling::new(Duration::from_secs(10), 1500),
            ball_count: Rolling::new(Duration::from_secs(10), 1500),
            balls_at_rest: 0,
            turns: window(),
            last_counts: (0, 0, 0, 0, Instant::now()),
            vision_faults: 0,
            dropped_share: None,
            unusable_share: None,
            source_hz: None,
        }
    }
}

impl Measured {
    /// The main loop has turned.
    fn turn(&mut self, now: Instant) {
        self.turns.push(now, 0.0);
    }

    /// A look at a table on which nothing moves and nothing hides a ball, and so many are known.
    pub fn see_at_rest(&mut self, now: Instant, seen: &Observation, balls: usize) {
        if balls != self.balls_at_rest {
            self.forget_rest();
            self.balls_at_rest = balls;
        }
        let sure = seen.balls.iter().map(|ball| ball.confidence);
        let (sum, count) = sure.fold((0.0, 0.0), |(sum, count), sure| (sum + sure, count + 1.0));
        self.confidence.push(now, sum / count);
        self.ball_count.push(now, count);
    }

    /// Something moves: what was seen before says nothing of what is seen after.
    pub fn forget_rest(&mut self) {
        self.confidence.clear();
        self.ball_count.clear();
    }

    /// Takes in the counters of the eyes since the last time.
    fn count(&mut self, vision: &VisionState, now: Instant) {
        let Some(eyes) = &vision.eyes else {
            // Nobody looks: what the last ones saw is not how it is now.
            self.last_counts = (0, 0, 0, 0, now);
            self.vision_faults = 0;
            (self.dropped_share, self.unusable_share, self.source_hz) = (None, None, None);
            return;
        };
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let status = eyes.status();
        let (delivered, dropped, faults, unusable) = (
            count(&status.delivered),
            count(&status.dropped),
            count(&status.faults),
            count(&status.unusable),
        );
        let (was_delivered, was_dropped, was_faults, was_unusable, at) = self.last_counts;
        self.last_counts = (delivered, dropped, faults, unusable, now);
        let bad = unusable.saturating_sub(was_unusable) as f64;
        let fresh = delivered.saturating_sub(was_delivered);
        self.unusable_share = (fresh > 0).then(|| (bad / fresh as f64).min(1.0));
        // Counters that run backwards belong to a new source: its first second says nothing.
        if let (Some(fresh), Some(lost)) = (
            delivered.checked_sub(was_delivered),
            dropped.checked_sub(was_dropped),
        ) {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            self.dropped_share = (fresh > 0).then(|| lost as f64 / fresh as f64);
            self.source_hz = (seconds > 0.0).then(|| fresh as f64 / seconds);
        }
        self.vision_faults = faults.saturating_sub(was_faults);
    }
}

/// What was published last, so that only what has changed is made anew.
#[derive(Debug, Default, Resource)]
struct Published {
    sequence: u64,
    status: Option<(Instant, Arc<SystemStatus>)>,
    log_version: u64,
    log: Arc<Vec<LogLine>>,
    history: Arc<Vec<HistorySample>>,
    sampled: Option<Instant>,
}

/// The status is made anew this often.
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// History kept for plots: one sample a second.
const HISTORY_KEPT: usize = 600;

fn spawn_modules(mut commands: Commands, config: Res<Config>, options: Res<RunOptions>) {
    let enabled = |id: &str| match id {
        "core" => config.core_enabled && !options.safe_mode,
        "vision" => config.vision.enabled && !options.safe_mode,
        "projector" => !config.projector.disabled && !options.safe_mode,
        "api" => config.api.enabled,
        _ => true,
    };
    let now = Instant::now();
    match start_order(&MODULES) {
        Ok(order) => {
            let specs = order.iter().filter_map(|i| MODULES.get(*i));
            for (place, spec) in specs.enumerate() {
                let life = Life::new(*spec, enabled(spec.id), now);
                commands.spawn((Module { id: spec.id, place }, ModuleLife(life)));
            }
        }
        // The table is fixed, and a test starts it.
        Err(error) => error!("{error}"),
    }
}

/// What the operator starts with.
fn set_out(config: Res<Config>, mut operator: ResMut<Operator>) {
    operator.assistance = config.trainer.assistance;
}

/// Carries out what operators have asked for since the last turn.
fn apply_wishes(
    stage: Res<Stage>,
    mut operator: ResMut<Operator>,
    mut board: ResMut<Board>,
    mut source: ResMut<SourceChoice>,
    mut vision: ResMut<VisionState>,
    mut core: ResMut<CoreState>,
    mut calibrating: ResMut<Calibrating>,
    mut modules: Query<(&Module, &mut ModuleLife)>,
    mut scribe: Scribe,
    mut ending: ResMut<Ending>,
) {
    for command in stage.wishes.try_iter() {
        match command {
            OperatorCommand::Pause(paused) => {
                if operator.paused != paused {
                    info!("{} by the operator", if paused { "paused" } else { "resumed" });
                    operator.paused = paused;
                }
            }
            OperatorCommand::SelectSource(text) => match text.parse() {
                Ok(spec) => source.choose(spec),
                Err(error) => warn!("{error}"),
            },
            OperatorCommand::SetAssistance(level) => operator.assistance = level,
            OperatorCommand::StartModule(id) => wish(&id, Wish::Start, &mut modules, &mut scribe),
            OperatorCommand::StopModule(id) => wish(&id, Wish::Stop, &mut modules, &mut scribe),
            OperatorCommand::RestartModule(id) => wish(&id, Wish::Restart, &mut modules, &mut scribe),
            OperatorCommand::EnableModule(id) => wish(&id, Wish::Enable, &mut modules, &mut scribe),
            OperatorCommand::DisableModule(id) => wish(&id, Wish::Disable, &mut modules, &mut scribe),
            OperatorCommand::SetRecovery(on) => {
                info!(
                    "recovery switched {} by the operator",
                    if on { "on" } else { "off" }
                );
                scribe.supervisor.recovery.enabled = on;
                scribe.supervisor.changed();
            }
            OperatorCommand::Recover { module, action } => {
                let now = Instant::now();
                scribe.supervisor.recovery.forced(&module, action, now, unix_s());
                let why = "asked for by the operator".to_owned();
                let order = Order::Do { module, action, why };
                supervise::carry_out(order, &mut in_order(modules.iter_mut()), &mut scribe, &mut ending);
            }
            OperatorCommand::ReloadSettings => scribe.supervisor.reload = true,
            OperatorCommand::AcknowledgeAlert(id) => {
                if !board.board.acknowledge(id, "operator", &Moment::now()) {
                    warn!("there is no open alert {id}");
                }
            }
            OperatorCommand::Silence { target, for_s } => {
                let length = Duration::from_secs(for_s);
                match board.board.silence(target, length, "operator", &Moment::now()) {
                    Ok(id) => info!("silence {id} for {for_s} s by the operator"),
                    Err(error) => warn!("{error}"),
                }
            }
            OperatorCommand::Unsilence(id) => {
                if !board.board.unsilence(id) {
                    warn!("there is no silence {id}");
                }
            }
            OperatorCommand::Rehearse => {
                if !core.rehearse(&stage.table) {
                    warn!("no shot is being aimed that could be shown");
                }
            }
            OperatorCommand::LookInTheDark => vision.dark.ask(Instant::now()),
            OperatorCommand::Calibrate { camera_height_m, job } => {
                calibrating.ask(Ask::Begin { camera_height_m, job });
            }
            OperatorCommand::CancelCalibration => calibrating.ask(Ask::Cancel),
            OperatorCommand::RollBackCalibration => calibrating.ask(Ask::RollBack),
            OperatorCommand::NudgeProjector { x_mm, y_mm } => {
                if let Some((path, text)) = calibrating.nudge(Vec2::new(x_mm, y_mm) / MM_PER_M) {
                    scribe.supervisor.keep(path, text.into_bytes());
                }
            }
            OperatorCommand::ShowTestPicture(picture) => {
                operator.test_picture = picture.map(|p| (p, Instant::now()))
            }
            OperatorCommand::Cue(command) => {
                if !vision.hand.carry_out(command) {
                    warn!("there is no cue to take by hand: only the virtual table has one");
                }
            }
            OperatorCommand::Shutdown => {
                info!("shutdown asked for by an operator");
                ending.begin(0);
            }
        }
    }
}

/// Passes an operator's wish for a module on.
fn wish(id: &str, what: Wish, modules: &mut Query<(&Module, &mut ModuleLife)>, scribe: &mut Scribe) {
    let words = format!("{what:?} asked for by the operator").to_lowercase();
    match orchestrator::wish(&mut in_order(modules.iter_mut()), id, what) {
        Ok(()) => {
            info!("module {id}: {words}");
            if matches!(what, Wish::Start | Wish::Restart | Wish::Enable) {
                // Whoever looked at it wants it to be tried anew.
                scribe.supervisor.recovery.forget(id);
            }
            scribe.note(EventKind::ModuleChanged, id, words);
        }
        Err(refused) => warn!("{refused}"),
    }
}

/// What the checks read.
#[derive(bevy::ecs::system::SystemParam)]
struct Facts<'w> {
    config: Res<'w, Config>,
    stage: Res<'w, Stage>,
    operator: Res<'w, Operator>,
    vision: Res<'w, VisionState>,
    projector: Res<'w, ProjectorView>,
    api: Res<'w, ApiHealth>,
    faults: Res<'w, ModuleFaults>,
    unwritten: Res<'w, Unwritten>,
    settings: Res<'w, SettingsState>,
    drawing: Res<'w, DrawingFailed>,
    resources: Res<'w, Resources>,
    calibrating: Res<'w, Calibrating>,
}

impl Facts<'_> {
    /// How the source and its pictures are, where there is one.
    fn source_state(&self) -> Option<(SourceState, PictureFault)> {
        let status = self.vision.eyes.as_ref()?.status();
        Some((status.source().1, status.picture()))
    }

    /// Why nothing can be aimed at, where that is so.
    fn why_no_table(&self) -> Option<&'static str> {
        let vision = &self.vision;
        if vision.seen_table().is_some() {
            None
        } else if self.calibrating.status().running.is_some() {
            Some("the table is not looked at while it is calibrated")
        } else if vision.table().is_some() {
            Some("the table is not seen now")
        } else {
            Some("no table state yet")
        }
    }

    fn checks(&self, module: &str, measured: &Measured, now: Instant) -> Vec<Check> {
        let mut checks = match module {
            "config" => {
                let valid = match &self.settings.fault {
                    Some(why) => health::check("valid", Health::Degraded, why.clone()).certain(),
                    None => health::check("valid", Health::Healthy, "settings read and valid".to_owned()),
                };
                let mut checks = vec![valid];
                if !self.settings.needs_restart.is_empty() {
                    let words = format!(
                        "new settings wait for a restart of the program: {}",
                        self.settings.needs_restart.join(", ")
                    );
                    checks.push(health::check("restart", Health::Degraded, words).certain());
                }
                if let Some(why) = &self.unwritten.0 {
                    checks.push(health::check("state_folder", Health::Degraded, why.clone()).certain());
                }
                checks
            }
            "core" => health::core(
                measured.prediction_us.quantile(now, 0.5),
                self.why_no_table(),
                self.faults.recent("core"),
            ),
            "vision" => self.vision_checks(measured, now),
            "projector" => {
                let mut checks = self.projector.checks(&self.stage.display);
                checks.extend(self.calibrating.check());
                if let Some(why) = &self.drawing.0 {
                    let words = format!("{why}; restart the trainer");
                    checks.push(health::check("drawing", Health::Unhealthy, words).certain());
                }
                checks
            }
            _ => self.api.checks.clone(),
        };
        let faults = self.faults.recent(module);
        if module != "core" && faults > 0 {
            let level = if faults < 3 {
                Health::Degraded
            } else {
                Health::Unhealthy
            };
            checks.push(health::check(
                "faults",
                level,
                format!("{faults} faults in the last minute"),
            ));
        }
        checks
    }

    /// More than half of all processors is taken by others, and hardly anything is left.
    fn is_starved(&self) -> bool {
        let sample = self.resources.latest();
        let processors = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
        let (Some(all), Some(own)) = (sample.system_cpu, sample.process_cpu) else {
            return false;
        };
        all > 0.9 && all * processors - own > 0.5 * processors
    }

    fn vision_checks(&self, measured: &Measured, now: Instant) -> Vec<Check> {
        let Some(eyes) = &self.vision.eyes else {
            let words = self
                .vision
                .failure
                .clone()
                .unwrap_or_else(|| "vision has not started".to_owned());
            return vec![health::check("source", Health::Unhealthy, words)];
        };
        let mut checks = health::vision(&VisionFacts {
            source: eyes.status().source(),
            alive: eyes.is_alive(),
            paused: self.operator.paused,
            rate_hz: measured.vision_ms.rate_hz(now),
            starved: self.is_starved(),
            wanted_hz: self.vision.wanted_hz(self.config.vision.rate_hz),
            recent_faults: measured.vision_faults,
            frame_age_ms: self.vision.frame_age_ms(now),
            dropped_share: measured.dropped_share,
            picture: eyes.status().picture(),
            unusable_share: measured.unusable_share,
            table_found: self.vision.latest.as_ref().map(|a| a.observation.table.is_some()),
            balls: self.vision.latest.as_ref().map(|a| a.observation.balls.len()),
            confidence: measured.confidence.quantile(now, 0.5),
            unsteady_share: measured.ball_count.unusual_share(now),
        });
        if let Some(recording) = eyes.status().recording() {
            checks.push(health::recording(recording));
        }
        checks
    }
}

/// What the snapshot is made of.
#[derive(bevy::ecs::system::SystemParam)]
struct Parts<'w> {
    config: Res<'w, Config>,
    stage: Res<'w, Stage>,
    started: Res<'w, Started>,
    operator: Res<'w, Operator>,
    vision: Res<'w, VisionState>,
    core: Res<'w, CoreState>,
    drawn: Res<'w, Drawn>,
    projector: Res<'w, ProjectorView>,
    measured: Res<'w, Measured>,
    resources: Res<'w, Resources>,
    api: Res<'w, ApiHealth>,
    faults: Res<'w, ModuleFaults>,
    log: Res<'w, LogRing>,
    options: Res<'w, RunOptions>,
    calibrating: Res<'w, Calibrating>,
}

fn publish(
    parts: Parts,
    modules: Query<(&Module, &ModuleLife, &HealthState)>,
    mut supervisor: ResMut<Supervisor>,
    mut board: ResMut<Board>,
    monitor: Res<Monitor>,
    pulse: Res<MainPulse>,
    mut published: ResMut<Published>,
) {
    let now_is = Instant::now();
    published.sequence += 1;
    let status = match &published.status {
        Some((at, status)) if now_is.saturating_duration_since(*at) < STATUS_EVERY => Arc::clone(status),
        _ => {
            let mut list: Vec<_> = modules.iter().collect();
            list.sort_by_key(|(module, ..)| module.place);
            let describe = |(module, life, health): &(&Module, &ModuleLife, &HealthState)| {
                describe(life, health, parts.faults.total(module.id))
            };
            let list = list.iter().map(describe).collect();
            let status = Arc::new(parts.status(list, board.board.open(), now_is));
            published.status = Some((now_is, Arc::clone(&status)));
            status
        }
    };
    if published
        .sampled
        .is_none_or(|at| now_is.saturating_duration_since(at) >= Duration::from_secs(1))
    {
        published.sampled = Some(now_is);
        let keep = published.history.len().saturating_sub(HISTORY_KEPT - 1);
        let mut history: Vec<HistorySample> = published.history.iter().skip(keep).copied().collect();
        history.push(HistorySample {
            uptime_s: status.uptime_s,
            rate_hz: status.metrics.vision_rate_hz,
            vision_ms: status.metrics.vision_ms_p50,
            latency_ms: status.metrics.latency_ms_p50,
            frame_age_ms: status.metrics.frame_age_ms,
        });
        published.history = Arc::new(history);
    }
    let mut version = published.log_version;
    if let Some(lines) = parts.log.news(&mut version) {
        published.log_version = version;
        published.log = Arc::new(lines);
    }
    let (events, recovery) = supervisor.published();
    // The main loop has come round: everything before this may hang, nothing after it can.
    pulse.0.beat();
    pulse.0.enter(crate::system::pulse::Stage::Between);
    parts.stage.snapshot.store(Some(Arc::new(Snapshot {
        sequence: published.sequence,
        time: now(),
        status,
        table_spec: Arc::clone(&parts.stage.table),
        table: parts.vision.table().cloned(),
        table_stale: parts.vision.stale,
        shot: parts.core.shot.clone(),
        played: Arc::clone(&parts.core.played),
        rehearsal: parts.core.rehearsed(),
        calibration: Arc::clone(parts.calibrating.status()),
        shapes: Arc::clone(&parts.drawn.shapes),
        frame: parts.vision.latest.as_ref().map(|a| a.frame.clone()),
        observation: parts.vision.latest.as_ref().map(|a| Arc::clone(&a.observation)),
        history: Arc::clone(&published.history),
        log: Arc::clone(&published.log),
        events,
        recovery,
        alerting: board.about(),
        sample: Arc::clone(&monitor.newest),
        forecasts: Arc::clone(&monitor.forecasts),
    })));
}

impl Parts<'_> {
    fn status(&self, modules: Vec<ModuleStatus>, alerts: Vec<Alert>, now: Instant) -> SystemStatus {
        let (health, score) = health::system(&modules);
        let measured = &self.measured;
        let resources = self.resources.latest();
        let eyes = self.vision.eyes.as_ref();
        let (source, _) = eyes.map_or_else(
            || ("none".to_owned(), SourceState::Opening),
            |e| e.status().source(),
        );
        SystemStatus {
            state: match health {
                Health::Unhealthy => "error",
                Health::Degraded => "degraded",
                Health::Unknown if self.started.0.elapsed() < Duration::from_secs(5) => "starting",
                _ => "running",
            },
            health,
            score,
            uptime_s: self.started.0.elapsed().as_secs_f64(),
            version: env!("CARGO_PKG_VERSION"),
            environment: self.config.environment.name().to_owned(),
            source,
            safe_mode: self.options.safe_mode,
            paused: self.operator.paused,
            assistance: self.operator.assistance,
            test_picture: self.operator.test_picture(now),
            display: self.projector.describe(&self.stage.display),
            hand_cue: self.vision.hand.state(),
            modules,
            alerts,
            metrics: Metrics {
                vision_rate_hz: measured.vision_ms.rate_hz(now),
                source_rate_hz: measured.source_hz,
                vision_ms_p50: measured.vision_ms.quantile(now, 0.5),
                vision_ms_p95: measured.vision_ms.quantile(now, 0.95),
                latency_ms_p50: measured.latency_ms.quantile(now, 0.5),
                latency_ms_p95: measured.latency_ms.quantile(now, 0.95),
                loop_ms_p50: measured.loop_ms.quantile(now, 0.5),
                loop_ms_p95: measured.loop_ms.quantile(now, 0.95),
                loop_ms_p99: measured.loop_ms.quantile(now, 0.99),
                frame_age_ms: self.vision.frame_age_ms(now),
                frames_analysed: self.vision.counts().analysed,
                frames_dropped: self.vision.counts().dropped,
                prediction_us_p50: measured.prediction_us.quantile(now, 0.5),
                shots_predicted: self.core.predicted(),
                loop_rate_hz: measured.turns.rate_hz(now),
                process_cpu: resources.process_cpu,
                process_memory_bytes: resources.process_memory_bytes,
                system_cpu: resources.system_cpu,
                system_memory: resources.system_memory,
                api_requests: self.api.requests.0,
                api_errors: self.api.requests.1,
            },
        }
    }
}

/// Prints what the run has achieved when it ends.
fn report_on_exit(
    mut exits: MessageReader<AppExit>,
    mut summary: ResMut<RunSummary>,
    core: Res<CoreState>,
    started: Res<Started>,
) {
    if exits.read().last().is_some() {
        summary.shots = core.predicted();
        let text = summary.report(started.0.elapsed().as_secs_f64()).to_string();
        use std::io::Write as _;
        // Standard output may be closed by now: then nobody wants to read it.
        writeln!(std::io::stdout(), "{text}").ok();
    }
}
