//! Conditions and measurements become alerts; alerts are told in the log, to the dashboard, the API and webhooks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::modules::{HealthState, Module, ModuleLife};
use super::monitoring::{Monitor, early_warnings};
use super::supervise::Scribe;
use crate::app::{Config, Ending, RunOptions};
use crate::system::alerts::{
    AlertBoard, AlertMemory, AlertSettings, Condition, KNOWN_CONDITIONS, Known, Moment, Notification,
    NotificationKind, Readings,
};
use crate::system::journal::EventKind;
use crate::system::metrics::Metric;
use crate::system::snapshot::AlertingStatus;
use crate::system::status::{Health, Lifecycle, Severity};
use crate::system::webhook::{WebhookSender, WebhookStatus};

/// Open alerts, and whom they are told to.
#[derive(Resource)]
pub struct Board {
    /// The alerts.
    pub board: AlertBoard,
    senders: Vec<WebhookSender>,
    file: Option<PathBuf>,
    saved: (u64, Option<Instant>),
    about: (u64, Arc<AlertingStatus>),
}

/// Name of the file of alerts in the state folder.
const ALERTS: &str = "alerts.json";
/// Alerts are saved at most this often.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// A condition must hold this long before it is an alert: what mends itself at once is none.
const CHECK_EVERY: Duration = Duration::from_secs(1);

impl FromWorld for Board {
    fn from_world(world: &mut World) -> Self {
        let settings = &world.resource::<Config>().alerts;
        let folder = world.resource::<RunOptions>().state_folder.clone();
        let file = folder.map(|folder| folder.join(ALERTS));
        let mut board = board_of(settings);
        if let Some(memory) = file.as_deref().and_then(read) {
            board = board.with_memory(memory, &Moment::now());
        }
        Self {
            senders: senders_of(settings),
            about: (u64::MAX, Arc::default()),
            saved: (board.version(), None),
            board,
            file,
        }
    }
}

fn board_of(settings: &AlertSettings) -> AlertBoard {
    let known = Known {
        metrics: &Metric::ALL.map(Metric::id),
        conditions: &KNOWN_CONDITIONS.map(|c| c.0),
    };
    let rules = settings.rules_in_force(&known).unwrap_or_else(|error| {
        // Settings are checked before this; the defaults are better than no alerts.
        error!("alerts: {error}; the usual rules are in force");
        crate::system::alerts::default_rules()
    });
    AlertBoard::new(rules, settings.repeat_after())
}

fn senders_of(settings: &AlertSettings) -> Vec<WebhookSender> {
    let start = |webhook| {
        WebhookSender::start(webhook)
            .inspect_err(|error| error!("{error}"))
            .ok()
    };
    let enabled = settings.webhooks.iter().filter(|w| w.enabled);
    enabled.filter_map(start).collect()
}

impl Board {
    /// Goes on under other settings: what is open stays open under its number, as over a restart.
    pub(super) fn set(&mut self, settings: &AlertSettings, before: &AlertSettings) {
        self.board = board_of(settings).with_memory(self.board.memory(), &Moment::now());
        self.saved.0 = u64::MAX;
        self.about.0 = u64::MAX;
        if settings.webhooks != before.webhooks {
            self.senders = senders_of(settings);
        }
    }

    /// What there is to know beside the open alerts; made anew only where something has changed.
    pub(super) fn about(&mut self) -> Arc<AlertingStatus> {
        let webhooks: Vec<WebhookStatus> = self.senders.iter().map(WebhookSender::status).collect();
        let version = self.board.version();
        if self.about.0 != version || self.about.1.webhooks != webhooks {
            let status = AlertingStatus {
                silences: self.board.silences(),
                history: self.board.history().cloned().collect(),
                webhooks,
            };
            self.about = (version, Arc::new(status));
        }
        Arc::clone(&self.about.1)
    }
}

fn read(file: &std::path::Path) -> Option<AlertMemory> {
    let text = std::fs::read_to_string(file).ok()?;
    serde_json::from_str(&text)
        .inspect_err(|error| warn!("earlier alerts are not known: {}: {error}", file.display()))
        .ok()
}

/// Looks once a second which conditions hold, and tells what changed.
pub(super) fn raise_alerts(
    modules: Query<(&Module, &ModuleLife, &HealthState)>,
    monitor: Res<Monitor>,
    options: Res<RunOptions>,
    ending: Res<Ending>,
    mut board: ResMut<Board>,
    mut scribe: Scribe,
    mut last: Local<Option<Instant>>,
) {
    let now = Instant::now();
    let ends = ending.decided().is_some();
    if ends || last.is_some_and(|l| now.saturating_duration_since(l) < CHECK_EVERY) {
        return;
    }
    *last = Some(now);
    let mut conditions = Vec::new();
    let mut switched_off = Vec::new();
    for (module, life, health) in &modules {
        match life.state {
            Lifecycle::Disabled => switched_off.push(module.id),
            Lifecycle::Failed => {
                let why = life.reason.as_deref().unwrap_or("no reason given");
                let words = format!("{}: {why}", module.id);
                conditions.push(Condition::new(module.id, "failed", Severity::Critical, &words));
            }
            Lifecycle::Running if health.level > Health::Unknown => {
                conditions.extend(health.checks.iter().filter_map(|check| {
                    let severity = match check.status {
                        Health::Unhealthy => Severity::Critical,
                        Health::Degraded => Severity::Warning,
                        Health::Healthy | Health::Unknown => return None,
                    };
                    let words = format!(
                        "{}, {}: {}",
                        module.id,
                        check.name.replace('_', " "),
                        check.message
                    );
                    Some(Condition::new(module.id, check.name, severity, &words))
                }));
            }
            _ => {}
        }
    }
    if options.safe_mode {
        let words = "the program came up in safe mode, with the API only: it was started again too often; look at the \
                     crash reports in the state folder, then start it anew";
        conditions.push(Condition::new("system", "safe_mode", Severity::Critical, words));
    }
    for module in scribe.supervisor.recovery.given_up() {
        let words = format!("module {module} is given up; look at it, then start it again");
        conditions.push(Condition::new(module, "given_up", Severity::Critical, &words));
    }
    for (id, words) in early_warnings(&monitor.forecasts) {
        conditions.push(Condition::new("forecast", id, Severity::Warning, &words));
    }
    if let Some(trouble) = monitor.history().and_then(|h| h.trouble) {
        conditions.push(Condition::new("system", "history", Severity::Warning, &trouble));
    }
    let newest = &monitor.newest;
    let readings = Readings {
        conditions: &conditions,
        metric: &|id| Metric::named(id).and_then(|metric| newest.get(metric)),
        switched_off: &switched_off,
    };
    for told in board.board.update(&readings, &Moment::now()) {
        tell(&told, &mut scribe);
        board.senders.iter().for_each(|sender| sender.send(&told));
    }
    let (version, at) = board.saved;
    let due = at.is_none_or(|at| now.saturating_duration_since(at) >= SAVE_EVERY);
    if let Some(file) = board
        .file
        .clone()
        .filter(|_| due && version != board.board.version())
    {
        board.saved = (board.board.version(), Some(now));
        match serde_json::to_vec_pretty(&board.board.memory()) {
            Ok(bytes) => scribe.supervisor.keep(file, bytes),
            Err(error) => error!("alerts cannot be kept: {error}"),
        }
    }
}

fn tell(told: &Notification, scribe: &mut Scribe) {
    let text = &told.text;
    let module = told
        .alert
        .as_ref()
        .map_or("system", |a| a.source.as_str())
        .to_owned();
    match told.kind {
        NotificationKind::Cleared => {
            info!("{text}");
            scribe.note(EventKind::AlertCleared, &module, text.as_str());
        }
        _ => {
            match told.severity {
                Severity::Critical => error!("{text}"),
                Severity::Warning => warn!("{text}"),
            }
            scribe.note(EventKind::AlertRaised, &module, text.as_str());
        }
    }
}
