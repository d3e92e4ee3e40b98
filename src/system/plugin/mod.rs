//! Modules, their health, alerts, and the snapshot everyone else reads.

pub mod modules;
pub mod resources;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bevy::prelude::*;

use crate::app::{Config, LogRing, ModuleFaults, Stage, Started, StreetSystems, now};
use crate::projector::plugin::{Drawn, ProjectorView};
use crate::system::alerts::{AlertBoard, Condition, Moment, NotificationKind, Readings};
use crate::system::command::OperatorCommand;
use crate::system::health::{self, VisionFacts};
use crate::system::rolling::Rolling;
use crate::system::snapshot::{HistorySample, LogLine, Snapshot};
use crate::system::status::{Check, Health, Lifecycle, Metrics, ModuleStatus, Severity, SystemStatus};
use crate::system::summary::Summary;
use crate::trainer::aim::Assistance;
use crate::trainer::plugin::CoreState;
use crate::vision::eyes::SourceState;
use crate::vision::plugin::{SourceChoice, VisionState};
use modules::{HealthState, LifecycleState, Module, RestartModule, Restarts, describe};
use resources::Resources;

/// The supervisor and publisher.
#[derive(Debug)]
pub struct SystemPlugin;

impl Plugin for SystemPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Operator>()
            .init_resource::<Board>()
            .init_resource::<Measured>()
            .init_resource::<RunSummary>()
            .init_resource::<ApiHealth>()
            .init_resource::<Published>()
            .insert_resource(Resources::start())
            .add_message::<RestartModule>()
            .add_systems(Startup, spawn_modules)
            .add_systems(
                Last,
                (
                    apply_wishes.in_set(StreetSystems::Apply),
                    (check_modules, raise_alerts)
                        .chain()
                        .in_set(StreetSystems::Supervise),
                    publish.in_set(StreetSystems::Publish),
                    report_on_exit.after(StreetSystems::Publish),
                ),
            );
    }
}

/// What the operator has chosen.
#[derive(Clone, Debug, Default, Resource)]
pub struct Operator {
    /// Looking and predicting is stopped.
    pub paused: bool,
    /// How much help is drawn.
    pub assistance: Assistance,
}

/// Open alerts.
#[derive(Debug, Default, Resource)]
struct Board(AlertBoard);

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
}

/// Figures over the last seconds.
#[derive(Debug, Resource)]
pub struct Measured {
    /// Analysed frames, ms each.
    pub vision_ms: Rolling,
    /// From capture to overlay, ms.
    pub latency_ms: Rolling,
    /// Prediction, µs.
    pub prediction_us: Rolling,
    turns: Rolling,
    last_counts: (u64, u64, u64, Instant),
    /// Panics caught in the vision thread since the last check.
    vision_faults: u64,
    dropped_share: Option<f64>,
    source_hz: Option<f64>,
}

impl Default for Measured {
    fn default() -> Self {
        let window = || Rolling::new(Duration::from_secs(5), 1500);
        Self {
            vision_ms: window(),
            latency_ms: window(),
            prediction_us: Rolling::new(Duration::from_secs(60), 1500),
            turns: window(),
            last_counts: (0, 0, 0, Instant::now()),
            vision_faults: 0,
            dropped_share: None,
            source_hz: None,
        }
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

/// Health is checked this often.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The status is made anew this often.
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// History kept for plots: one sample a second.
const HISTORY_KEPT: usize = 600;

fn spawn_modules(mut commands: Commands, config: Res<Config>, mut operator: ResMut<Operator>) {
    operator.assistance = config.trainer.assistance;
    let modules = [
        ("config", true),
        ("core", config.core_enabled),
        ("vision", config.vision.enabled),
        ("projector", !config.projector.disabled),
        ("api", config.api.enabled),
    ];
    for (id, enabled) in modules {
        let life = if enabled {
            Lifecycle::Starting
        } else {
            Lifecycle::Disabled
        };
        commands.spawn((Module(id), LifecycleState(life)));
    }
}

/// Carries out what operators have asked for since the last turn.
fn apply_wishes(
    stage: Res<Stage>,
    mut operator: ResMut<Operator>,
    mut board: ResMut<Board>,
    mut source: ResMut<SourceChoice>,
    vision: Res<VisionState>,
    mut core: ResMut<CoreState>,
    mut modules: Query<(&Module, &LifecycleState, &mut Restarts)>,
    mut restart: MessageWriter<RestartModule>,
    mut exit: MessageWriter<AppExit>,
) {
    for wish in stage.wishes.try_iter() {
        match wish {
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
            OperatorCommand::RestartModule(id) => match modules.iter_mut().find(|(m, ..)| m.0 == id) {
                Some((module, life, _)) if life.0 == Lifecycle::Disabled || module.0 == "config" => {
                    warn!("module {id} has nothing to start again");
                }
                Some((_, _, mut restarts)) => {
                    info!("module {id} is started again by the operator");
                    restarts.0 += 1;
                    restart.write(RestartModule(id));
                }
                None => warn!("there is no module `{id}`"),
            },
            OperatorCommand::AcknowledgeAlert(id) => {
                if !board.0.acknowledge(id, "operator", &Moment::now()) {
                    warn!("there is no open alert {id}");
                }
            }
            OperatorCommand::Rehearse => {
                if !core.rehearse(&stage.table) {
                    warn!("no shot is being aimed that could be shown");
                }
            }
            OperatorCommand::Cue(command) => {
                if !vision.hand.carry_out(command) {
                    warn!("there is no cue to take by hand: only the virtual table has one");
                }
            }
            OperatorCommand::Shutdown => {
                info!("shutdown asked for by an operator");
                exit.write(AppExit::Success);
            }
        }
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
}

impl Facts<'_> {
    /// Where a module that is switched on is in its life.
    fn lifecycle(&self, module: &str) -> Lifecycle {
        match module {
            "vision" => match self.vision.eyes.as_ref().map(|e| e.status().source().1) {
                _ if self.vision.failure.is_some() => Lifecycle::Failed,
                Some(SourceState::Running | SourceState::Lost(_)) => Lifecycle::Running,
                Some(SourceState::Opening) | None => Lifecycle::Starting,
            },
            "api" if self.api.address.is_some() => Lifecycle::Running,
            "api" if self.api.checks.is_empty() => Lifecycle::Starting,
            "api" => Lifecycle::Failed,
            _ => Lifecycle::Running,
        }
    }

    fn checks(&self, module: &str, measured: &Measured, now: Instant) -> Vec<Check> {
        let mut checks = match module {
            "config" => vec![health::check(
                "valid",
                Health::Healthy,
                "settings read and valid".to_owned(),
            )],
            "core" => health::core(
                measured.prediction_us.quantile(now, 0.5),
                self.vision.table.is_some(),
                self.faults.recent("core"),
            ),
            "vision" => self.vision_checks(measured, now),
            "projector" => self.projector.checks(&self.stage.display),
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

    fn vision_checks(&self, measured: &Measured, now: Instant) -> Vec<Check> {
        let Some(eyes) = &self.vision.eyes else {
            let words = self
                .vision
                .failure
                .clone()
                .unwrap_or_else(|| "vision has not started".to_owned());
            return vec![health::check("source", Health::Unhealthy, words)];
        };
        health::vision(&VisionFacts {
            source: eyes.status().source(),
            alive: eyes.is_alive(),
            paused: self.operator.paused,
            rate_hz: measured.vision_ms.rate_hz(now),
            wanted_hz: self.vision.wanted_hz(self.config.vision.rate_hz),
            recent_faults: measured.vision_faults,
            frame_age_ms: self.vision.frame_age_ms(now),
            dropped_share: measured.dropped_share,
            table_found: self.vision.latest.as_ref().map(|a| a.observation.table.is_some()),
            balls: self.vision.latest.as_ref().map(|a| a.observation.balls.len()),
        })
    }
}

fn check_modules(
    facts: Facts,
    mut measured: ResMut<Measured>,
    mut last: Local<Option<Instant>>,
    mut modules: Query<(&Module, &mut LifecycleState, &mut HealthState)>,
) {
    let now = Instant::now();
    measured.turns.push(now, 0.0);
    if last.is_some_and(|l| now.saturating_duration_since(l) < CHECK_EVERY) {
        return;
    }
    *last = Some(now);
    if let Some(eyes) = &facts.vision.eyes {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let status = eyes.status();
        let (delivered, dropped, faults) = (
            count(&status.delivered),
            count(&status.dropped),
            count(&status.faults),
        );
        let (was_delivered, was_dropped, was_faults, at) = measured.last_counts;
        measured.last_counts = (delivered, dropped, faults, now);
        // Counters that run backwards belong to a new source: its first second says nothing.
        if let (Some(fresh), Some(lost)) = (
            delivered.checked_sub(was_delivered),
            dropped.checked_sub(was_dropped),
        ) {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            measured.dropped_share = (fresh > 0).then(|| lost as f64 / fresh as f64);
            measured.source_hz = (seconds > 0.0).then(|| fresh as f64 / seconds);
        }
        measured.vision_faults = faults.saturating_sub(was_faults);
    }
    for (module, mut life, mut health) in &mut modules {
        if life.0 != Lifecycle::Disabled {
            life.set_if_neq(LifecycleState(facts.lifecycle(module.0)));
            health.update(facts.checks(module.0, &measured, now));
        }
    }
}

fn raise_alerts(
    modules: Query<(&Module, &LifecycleState, &HealthState)>,
    resources: Res<Resources>,
    measured: Res<Measured>,
    operator: Res<Operator>,
    mut board: ResMut<Board>,
    mut last: Local<Option<Instant>>,
) {
    let now_is = Instant::now();
    if last.is_some_and(|l| now_is.saturating_duration_since(l) < CHECK_EVERY) {
        return;
    }
    *last = Some(now_is);
    let mut conditions = Vec::new();
    let mut switched_off = Vec::new();
    for (module, life, health) in &modules {
        if life.0 == Lifecycle::Disabled {
            switched_off.push(module.0);
        }
        if !matches!(health.level, Health::Degraded | Health::Unhealthy) {
            continue;
        }
        for check in &health.checks {
            let severity = match check.status {
                Health::Unhealthy => Severity::Critical,
                Health::Degraded => Severity::Warning,
                Health::Healthy | Health::Unknown => continue,
            };
            conditions.push(Condition::new(module.0, check.name, severity, &check.message));
        }
    }
    let sample = resources.latest();
    let rate_hz = measured.vision_ms.rate_hz(now_is);
    let readings = Readings {
        conditions: &conditions,
        metric: &|id| match id {
            "system_cpu_share" => sample.system_cpu,
            "system_memory_share" => sample.system_memory,
            "vision_rate_hz" if !operator.paused => rate_hz,
            _ => None,
        },
        switched_off: &switched_off,
    };
    for told in board.0.update(&readings, &Moment::now()) {
        let text = &told.text;
        match told.kind {
            NotificationKind::Cleared => info!("{text}"),
            _ if told.severity == Severity::Critical => error!("{text}"),
            _ => warn!("{text}"),
        }
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
    board: Res<'w, Board>,
    faults: Res<'w, ModuleFaults>,
    log: Res<'w, LogRing>,
}

fn publish(
    parts: Parts,
    modules: Query<(&Module, &LifecycleState, &HealthState, &Restarts)>,
    mut published: ResMut<Published>,
) {
    let now_is = Instant::now();
    published.sequence += 1;
    let status = match &published.status {
        Some((at, status)) if now_is.saturating_duration_since(*at) < STATUS_EVERY => Arc::clone(status),
        _ => {
            let list = modules
                .iter()
                .map(|(module, life, health, restarts)| {
                    describe(*module, *life, health, *restarts, parts.faults.total(module.0))
                })
                .collect();
            let status = Arc::new(parts.status(list, now_is));
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
    parts.stage.snapshot.store(Some(Arc::new(Snapshot {
        sequence: published.sequence,
        time: now(),
        status,
        table_spec: Arc::clone(&parts.stage.table),
        table: parts.vision.table.clone(),
        shot: parts.core.shot.clone(),
        rehearsal: parts.core.rehearsed(),
        shapes: Arc::clone(&parts.drawn.shapes),
        frame: parts.vision.latest.as_ref().map(|a| a.frame.clone()),
        observation: parts.vision.latest.as_ref().map(|a| Arc::clone(&a.observation)),
        history: Arc::clone(&published.history),
        log: Arc::clone(&published.log),
    })));
}

impl Parts<'_> {
    fn status(&self, modules: Vec<ModuleStatus>, now: Instant) -> SystemStatus {
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
            paused: self.operator.paused,
            assistance: self.operator.assistance,
            display: self.projector.describe(&self.stage.display),
            hand_cue: self.vision.hand.state(),
            modules,
            alerts: self.board.0.open(),
            metrics: Metrics {
                vision_rate_hz: measured.vision_ms.rate_hz(now),
                source_rate_hz: measured.source_hz,
                vision_ms_p50: measured.vision_ms.quantile(now, 0.5),
                vision_ms_p95: measured.vision_ms.quantile(now, 0.95),
                latency_ms_p50: measured.latency_ms.quantile(now, 0.5),
                latency_ms_p95: measured.latency_ms.quantile(now, 0.95),
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
