//! Modules are started, watched, mended and stopped; what happens is written down.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use sd_notify::NotifyState;

use super::modules::{HealthState, Module, ModuleLife};
use super::{Facts, Measured};
use crate::app::{Config, DrawingFailed, Ending, MainPulse, RunOptions, Stage, Started, now};
use crate::projector::plugin::ProjectorView;
use crate::system::health::{Inertia, roll_up};
use crate::system::journal::{EventKind, Journal, SystemEvent};
use crate::system::keeper::Keeper;
use crate::system::orchestrator::{self, Life, Report, Wish};
use crate::system::recovery::{Action, Attempt, Order, Recovery, RecoverySettings, Trouble, View};
use crate::system::run_marker::boot;
use crate::system::snapshot::RecoveryStatus;
use crate::system::status::{Check, Health, Lifecycle};
use crate::system::{faults, watchdog};
use crate::vision::eyes::SourceState;
use crate::vision::picture_watch::PictureFault;

/// Exit code that asks the service manager for a new process.
pub const RESTART_CODE: u8 = 70;

/// What the supervisor keeps.
#[derive(Debug, Resource)]
pub struct Supervisor {
    /// What is done about troubles.
    pub recovery: Recovery,
    journal: Journal,
    keeper: Option<Keeper>,
    /// Where attempts are kept; `None`: nowhere.
    file: Option<PathBuf>,
    saved: u64,
    published: (u64, u64, Arc<Vec<SystemEvent>>, Arc<RecoveryStatus>),
    /// Caches are to be cleared with the next turn.
    pub clear_caches: bool,
    /// The settings file is to be read again.
    pub reload: bool,
    cleared: Option<Instant>,
    told_up: bool,
    level: Health,
}

/// Name of the file of attempts in the state folder.
const ATTEMPTS: &str = "recovery.ron";

impl Supervisor {
    /// Goes on from what is kept in the state folder.
    pub(super) fn begin(settings: RecoverySettings, enabled: bool, options: &RunOptions) -> Self {
        let file = options.state_folder.as_ref().map(|folder| folder.join(ATTEMPTS));
        let earlier = file.as_deref().map(read_attempts).unwrap_or_default();
        let mut recovery = Recovery::new(settings, earlier, Instant::now(), unix_s(), boot());
        recovery.enabled = enabled;
        if let Some(why) = &options.crashed {
            recovery.crashed(why, Instant::now(), unix_s());
        }
        let keeper = file.is_some().then(Keeper::start).and_then(|keeper| {
            keeper
                .inspect_err(|error| {
                    error!("nothing is kept over a restart: no thread can be started ({error})")
                })
                .ok()
        });
        Self {
            saved: 0,
            recovery,
            journal: Journal::default(),
            keeper,
            file,
            published: (u64::MAX, u64::MAX, Arc::default(), Arc::default()),
            clear_caches: false,
            reload: false,
            cleared: None,
            told_up: false,
            level: Health::Unknown,
        }
    }

    /// Writes the attempts, where they are kept at all.
    fn save(&mut self) {
        if self.saved == self.recovery.version {
            return;
        }
        self.saved = self.recovery.version;
        let (Some(file), Some(keeper)) = (&self.file, &self.keeper) else {
            return;
        };
        match ron::ser::to_string_pretty(&self.recovery.attempts(), ron::ser::PrettyConfig::default()) {
            Ok(text) => keeper.keep(file.clone(), text.into_bytes()),
            Err(error) => error!("recovery attempts cannot be kept: {error}"),
        }
    }

    /// Has a file of the state folder written soon.
    pub(super) fn keep(&self, path: PathBuf, bytes: Vec<u8>) {
        if let Some(keeper) = &self.keeper {
            keeper.keep(path, bytes);
        }
    }

    /// Why something that is to be kept could not be written.
    #[must_use]
    pub fn write_failure(&self) -> Option<String> {
        self.keeper.as_ref().and_then(Keeper::failure)
    }

    /// The events and attempts for whoever reads the snapshot.
    pub(super) fn published(&mut self) -> (Arc<Vec<SystemEvent>>, Arc<RecoveryStatus>) {
        let state = (self.journal.newest(), self.recovery.version);
        if (self.published.0, self.published.1) != state {
            let status = RecoveryStatus {
                enabled: self.recovery.enabled,
                given_up: self.recovery.given_up().collect(),
                attempts: self.recovery.attempts(),
            };
            let events = self.journal.events().cloned().collect();
            self.published = (state.0, state.1, Arc::new(events), Arc::new(status));
        }
        (Arc::clone(&self.published.2), Arc::clone(&self.published.3))
    }

    /// Makes the next [`Self::published`] look again.
    pub(super) fn changed(&mut self) {
        self.recovery.version += 1;
    }
}

/// Attempts of earlier runs; a file that can't be read is no reason not to start.
fn read_attempts(file: &std::path::Path) -> Vec<Attempt> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            warn!(
                "earlier recovery attempts are not known: {}: {error}",
                file.display()
            );
            return Vec::new();
        }
    };
    ron::from_str(&text).unwrap_or_else(|error| {
        warn!(
            "earlier recovery attempts are not known: {}:{error}",
            file.display()
        );
        Vec::new()
    })
}

/// Seconds since 1970.
pub(super) fn unix_s() -> f64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .map(|d| d.as_secs_f64())
        .unwrap_or_default()
}

/// Something happened: for whoever listens, and for the journal.
#[derive(Clone, Debug, Message, Deref)]
pub struct Happened(pub SystemEvent);

/// Where systems write down what happened.
#[derive(SystemParam)]
pub(super) struct Scribe<'w> {
    pub(super) supervisor: ResMut<'w, Supervisor>,
    happened: MessageWriter<'w, Happened>,
    started: Res<'w, Started>,
}

impl Scribe<'_> {
    pub(super) fn note(&mut self, kind: EventKind, module: &str, message: impl Into<String>) {
        self.note_at(Instant::now(), kind, module, message);
    }

    fn note_at(&mut self, at: Instant, kind: EventKind, module: &str, message: impl Into<String>) {
        let uptime_s = at.saturating_duration_since(self.started.0).as_secs_f64();
        let event = self
            .supervisor
            .journal
            .add(uptime_s, now(), kind, module, message.into());
        self.happened.write(Happened(event));
    }
}

/// Everything of the modules, in the order of starting.
pub(super) fn in_order<'a>(
    modules: impl Iterator<Item = (&'a Module, Mut<'a, ModuleLife>)>,
) -> Vec<&'a mut Life> {
    let mut all: Vec<_> = modules
        .map(|(m, life)| (m.place, &mut life.into_inner().0))
        .collect();
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, life)| life).collect()
}

/// Moves every module on; ends the program once all are down.
pub(super) fn move_modules(
    mut modules: Query<(&Module, &mut ModuleLife)>,
    mut scribe: Scribe,
    pulse: Res<MainPulse>,
    ending: Res<Ending>,
    config: Res<Config>,
    mut exit: MessageWriter<AppExit>,
    mut monitor: ResMut<super::Monitor>,
    mut exited: Local<bool>,
    mut stopping: Local<bool>,
    mut leaked: Local<Vec<Vec<u8>>>,
    mut turned: Local<Option<Instant>>,
) {
    pulse.0.enter(crate::system::pulse::Stage::Supervision);
    faults::point(faults::Point::MainLoop);
    for (at, words) in faults::news() {
        warn!("fault injected: {words}");
        scribe.note_at(at, EventKind::FaultInjected, "system", words);
    }
    for line in 0..faults::active(faults::Does::FloodLog).unwrap_or_default() as u32 / 50 {
        info!("a line too many, number {line}");
    }
    let since = turned.replace(Instant::now());
    if let Some((megabytes, since)) = faults::active(faults::Does::LeakMemory).zip(since) {
        // Written to, or the system does not give it.
        leaked.push(vec![
            1;
            (1e6 * megabytes * since.elapsed().as_secs_f64()) as usize
        ]);
    }
    let mut lives = in_order(modules.iter_mut());
    // The settings are there as long as the program is: they have no systems of their own.
    if let Some(config) = lives.iter_mut().find(|l| l.spec.id == "config") {
        config.report = if config.duty().up {
            Report::Up
        } else {
            Report::Down
        };
    }
    if ending.decided().is_some() {
        if !std::mem::replace(&mut *stopping, true) {
            watchdog::tell(&[NotifyState::Stopping]);
            scribe.note(EventKind::Stopping, "system", "the program ends");
        }
        orchestrator::stop_all(&mut lives);
    }
    for event in orchestrator::advance(&mut lives, Instant::now()) {
        let mut words = format!("{} → {}", event.from.name(), event.to.name());
        if let Some(reason) = &event.reason {
            words.push_str(&format!(": {reason}"));
        }
        match event.to {
            Lifecycle::Failed => error!(
                "module {} has failed: {}",
                event.module,
                event.reason.unwrap_or_default()
            ),
            _ => debug!("module {}: {words}", event.module),
        }
        scribe.note(EventKind::ModuleChanged, event.module, words);
    }
    let settled = |l: &&mut Life| !matches!(l.state, Lifecycle::Offline | Lifecycle::Starting);
    if !scribe.supervisor.told_up && lives.iter().all(settled) {
        scribe.supervisor.told_up = true;
        scribe.note(EventKind::Started, "system", "all modules are up or told why not");
        watchdog::tell(&[NotifyState::Ready]);
    }
    let Some((ago, code)) = ending.decided() else {
        return;
    };
    let late = ago.as_secs_f64() > config.shutdown_timeout_s;
    if *exited || !(orchestrator::all_stopped(&lives) || late) {
        return;
    }
    *exited = true;
    if late {
        let left: Vec<_> = lives
            .iter()
            .filter(|l| l.is_active())
            .map(|l| l.spec.id)
            .collect();
        error!("stopped without waiting any longer for: {}", left.join(", "));
    }
    scribe.supervisor.save();
    if let Some(keeper) = &scribe.supervisor.keeper
        && !keeper.flush(FLUSH_WITHIN)
    {
        error!("not everything could be written before the end");
    }
    // Each of these may wait for the disk: that is no hang.
    pulse.0.beat();
    monitor.close(FLUSH_WITHIN);
    pulse.0.beat();
    exit.write(std::num::NonZero::new(code).map_or(AppExit::Success, AppExit::Error));
}

/// What is still to be written gets this long at the end.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// Looks at every module, every so often, and at once where a fact has changed.
pub(super) fn check_modules(
    facts: Facts,
    mut measured: ResMut<Measured>,
    mut last: Local<Option<Instant>>,
    mut source: Local<Option<(SourceState, PictureFault)>>,
    mut at_work: Local<usize>,
    mut modules: Query<(&Module, &ModuleLife, &mut HealthState)>,
    config: Res<Config>,
    mut scribe: Scribe,
) {
    let now = Instant::now();
    measured.turn(now);
    if !config.system.monitoring {
        // What is not looked at is unknown, not as it was.
        for (_, _, mut health) in &mut modules {
            if !health.checks.is_empty() {
                health.clear();
            }
        }
        return;
    }
    let state = facts.source_state();
    let running = modules
        .iter()
        .filter(|(_, life, _)| life.state == Lifecycle::Running)
        .count();
    let news = *source != state || *at_work != running;
    *at_work = running;
    if *source != state {
        // What was measured before a gap says nothing about after it.
        measured.vision_ms.clear();
    }
    // What is not well is looked at twice as often: it may be well any moment.
    let hurry = if scribe.supervisor.level == Health::Healthy {
        1.0
    } else {
        0.5
    };
    let every = hurry * config.system.health_interval_s;
    let every = Duration::try_from_secs_f64(every).unwrap_or(Duration::from_secs(1));
    if !news && last.is_some_and(|l| now.saturating_duration_since(l) < every) {
        return;
    }
    if !news || last.is_none() {
        *last = Some(now);
        measured.count(&facts.vision, now);
        if measured.vision_faults > 0 {
            let words = format!(
                "looking at a frame failed inside {} times; begun afresh",
                measured.vision_faults
            );
            scribe.note(EventKind::HealthChanged, "vision", words);
        }
    }
    *source = state;
    let inertia = Inertia {
        worse_after: config.system.worse_after,
        better_after: config.system.better_after,
    };
    for (module, life, mut health) in &mut modules {
        if life.state != Lifecycle::Running {
            health.clear();
            continue;
        }
        let before = health.level;
        if health.update(facts.checks(module.id, &measured, now), inertia) {
            let worst = health
                .checks
                .iter()
                .filter(|c| c.status > Health::Healthy)
                .max_by_key(|c| c.status);
            let why = worst.map_or_else(String::new, |c| format!(": {}", c.message));
            let words = format!("{} → {}{why}", before.name(), health.level.name());
            scribe.note(EventKind::HealthChanged, module.id, words);
        }
    }
    let level =
        roll_up(modules.iter().filter(|(_, l, _)| l.is_enabled()).map(
            |(_, life, health)| match life.state {
                Lifecycle::Failed => Health::Unhealthy,
                _ => health.level,
            },
        ));
    if level != scribe.supervisor.level {
        let words = format!("{} → {}", scribe.supervisor.level.name(), level.name());
        scribe.supervisor.level = level;
        scribe.note(EventKind::HealthChanged, "system", words);
    }
}

/// Does something about every module in trouble.
pub(super) fn recover(
    mut modules: Query<(&Module, &mut ModuleLife, &HealthState)>,
    mut unwritten: ResMut<super::Unwritten>,
    mut scribe: Scribe,
    mut ending: ResMut<Ending>,
    resources: Res<super::Resources>,
    config: Res<Config>,
    drawing: Res<DrawingFailed>,
    projector: Res<ProjectorView>,
    mut reopened: Local<u32>,
    mut gave_in: Local<bool>,
) {
    if ending.decided().is_some() {
        return;
    }
    let trouble = |life: &Life, health: &HealthState| match life.state {
        Lifecycle::Failed => Some(Trouble::Failed(life.reason.clone().unwrap_or_default())),
        Lifecycle::Running if health.level == Health::Unhealthy => {
            // What follows from something outside goes away with it.
            let inside = |c: &&Check| c.status == Health::Unhealthy && !c.outside;
            let worst = health.checks.iter().filter(inside).max_by_key(|c| c.certain)?;
            let why = worst.message.clone();
            Some(if worst.certain {
                Trouble::Failed(why)
            } else {
                Trouble::Unhealthy(why)
            })
        }
        _ => None,
    };
    let views: Vec<View> = modules
        .iter()
        .filter(|(_, life, _)| life.is_enabled())
        .map(|(module, life, health)| View {
            module: module.id,
            trouble: trouble(life, health),
            well: life.state == Lifecycle::Running
                && (!config.system.monitoring || matches!(health.level, Health::Healthy | Health::Degraded)),
        })
        .collect();
    let now = Instant::now();
    let mut orders = scribe.supervisor.recovery.look(&views, now, unix_s());
    if let Some(why) = drawing.0.clone().filter(|_| !*gave_in) {
        *gave_in = true;
        let recovery = &mut scribe.supervisor.recovery;
        orders.extend(recovery.beyond_repair("projector", why, now, unix_s()));
    }
    if *reopened != projector.reopened {
        *reopened = projector.reopened;
        let words = "reopen_window: the projector's window had gone";
        warn!("{words}");
        let recovery = &mut scribe.supervisor.recovery;
        recovery.noted(
            "projector",
            "its window had gone",
            Action::RestartModule,
            now,
            unix_s(),
        );
        scribe.note(EventKind::RecoveryAttempted, "projector", words);
    }
    let mut lives = in_order(modules.iter_mut().map(|(m, life, _)| (m, life)));
    for order in orders {
        carry_out(order, &mut lives, &mut scribe, &mut ending);
    }
    let full = resources.latest().system_memory;
    relieve_memory(full, now, &mut scribe);
    scribe.supervisor.save();
    unwritten.0 = scribe.supervisor.write_failure();
}

/// Caches are cleared at most this often.
const CLEAR_EVERY: Duration = Duration::from_secs(600);

/// Lets go of what can be made again: pictures for the network.
pub(super) fn clear_caches(mut supervisor: ResMut<Supervisor>, stage: Res<Stage>) {
    if std::mem::take(&mut supervisor.clear_caches) {
        stage.projector_picture.clear();
        stage.dashboard_picture.clear();
        info!("caches are cleared");
    }
}

fn relieve_memory(used_share: Option<f64>, now: Instant, scribe: &mut Scribe) {
    let supervisor = &mut scribe.supervisor;
    let limit = supervisor.recovery.settings().memory_share;
    let due = supervisor
        .cleared
        .is_none_or(|at| now.saturating_duration_since(at) >= CLEAR_EVERY);
    let Some(used) = used_share.filter(|u| *u >= limit && due && supervisor.recovery.enabled) else {
        return;
    };
    supervisor.cleared = Some(now);
    supervisor.clear_caches = true;
    let why = format!("memory {:.0} % in use", used * 100.0);
    warn!("{why}: caches are cleared");
    supervisor
        .recovery
        .noted("system", &why, Action::ClearCaches, now, unix_s());
    scribe.note(
        EventKind::RecoveryAttempted,
        "system",
        format!("clear_caches: {why}"),
    );
}

/// Carries out what recovery has decided, or an operator.
pub(super) fn carry_out(order: Order, lives: &mut [&mut Life], scribe: &mut Scribe, ending: &mut Ending) {
    let (module, action, why) = match order {
        Order::Do { module, action, why } => (module, action, why),
        Order::GaveUp { module, why } => {
            error!("module {module} is given up: {why}; look at it, then start it again");
            scribe.note(EventKind::GaveUp, &module, why);
            return;
        }
    };
    warn!("{}: {} ({why})", module, action.name());
    scribe.note(
        EventKind::RecoveryAttempted,
        &module,
        format!("{}: {why}", action.name()),
    );
    let wish = match action {
        Action::RestartModule | Action::ResetState => Some(Wish::Restart),
        Action::RestartWithUsers => Some(Wish::RestartWithUsers),
        Action::ClearCaches => {
            scribe.supervisor.clear_caches = true;
            None
        }
        Action::RestartProcess | Action::SafeMode => {
            ending.begin(RESTART_CODE);
            None
        }
    };
    if let Some(wish) = wish
        && let Err(refused) = orchestrator::wish(lives, &module, wish)
    {
        warn!("{refused}");
    }
}
