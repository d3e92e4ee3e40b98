//! Starts the API thread and looks after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::{ApiServer, ApiStats, Options, Shared};
use crate::app::{ApiStep, Config, Stage};
use crate::system::health::check;
use crate::system::plugin::ApiHealth;
use crate::system::plugin::modules::RestartModule;
use crate::system::rolling::Rolling;
use crate::system::status::{Check, Health};

/// The network side.
#[derive(Debug)]
pub struct ApiPlugin;

impl Plugin for ApiPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Api>().add_systems(ApiStep, keep_serving);
    }
}

/// The running server.
#[derive(Debug, Default, Resource)]
struct Api {
    server: Option<ApiServer>,
    stats: Arc<ApiStats>,
    failure: Option<String>,
    tried: Option<Instant>,
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(STOP_WITHIN);
        }
    }
}

/// Open requests get this long to end.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// A server that could not start is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The thread beats at least ten times a second.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// Counts of failed requests over the last minute.
struct ErrorWindow(Rolling);

impl Default for ErrorWindow {
    fn default() -> Self {
        Self(Rolling::new(Duration::from_secs(60), 200))
    }
}

/// The health figures are made anew this often.
const CHECK_EVERY: Duration = Duration::from_millis(500);

fn keep_serving(
    mut api: ResMut<Api>,
    config: Res<Config>,
    stage: Res<Stage>,
    mut health: ResMut<ApiHealth>,
    mut restarts: MessageReader<RestartModule>,
    mut checked: Local<Option<Instant>>,
    mut window: Local<ErrorWindow>,
) {
    if !config.api.enabled {
        return;
    }
    if restarts.read().any(|r| r.0 == "api") {
        // Told to stop, not waited for: the address is free a moment later.
        api.server = None;
        api.tried = Some(Instant::now());
    }
    if api.server.as_ref().is_some_and(|s| !s.is_alive()) {
        error!("the API thread has ended; it is started again");
        api.server = None;
    }
    if api.server.is_none() && api.tried.is_none_or(|t| t.elapsed() >= RETRY_AFTER) {
        api.tried = Some(Instant::now());
        start(&mut api, &config, &stage);
        *checked = None;
    }
    if checked.is_none_or(|t| t.elapsed() >= CHECK_EVERY) {
        *checked = Some(Instant::now());
        health.address = api.server.as_ref().map(|s| s.local_addr().to_string());
        health.requests = (api.stats.requests(), api.stats.server_errors());
        health.checks = checks(&api, &mut window.0);
    }
}

fn start(api: &mut Api, config: &Config, stage: &Stage) {
    let options = Options {
        host: config.api.host.clone(),
        port: config.api.port,
        ..Options::default()
    };
    let shared = Shared {
        snapshot: Arc::clone(&stage.snapshot),
        commands: stage.commands.clone(),
        projector: Arc::clone(&stage.projector_picture),
        dashboard: Arc::clone(&stage.dashboard_picture),
        stats: Arc::clone(&api.stats),
    };
    match ApiServer::start(options, shared) {
        Ok(server) => {
            info!("open http://{} in a browser", server.local_addr());
            (api.server, api.failure) = (Some(server), None);
        }
        Err(error) => {
            let text = error.to_string();
            if api.failure.as_ref() != Some(&text) {
                error!("{text}");
            }
            api.failure = Some(text);
        }
    }
}

fn checks(api: &Api, window: &mut Rolling) -> Vec<Check> {
    let Some(server) = &api.server else {
        let words = api.failure.clone().unwrap_or_else(|| "not listening".to_owned());
        return vec![check("listening", Health::Unhealthy, words)];
    };
    let alive = match api.stats.heartbeat_age() {
        Some(age) if age > HANGS_AFTER => check(
            "alive",
            Health::Unhealthy,
            format!("no sign of life for {:.0} s", age.as_secs_f64()),
        ),
        Some(_) => check("alive", Health::Healthy, "answering".to_owned()),
        None => check("alive", Health::Unknown, "starting".to_owned()),
    };
    let now = Instant::now();
    window.push(now, api.stats.server_errors() as f64);
    let (first, last) = (window.quantile(now, 0.0), window.quantile(now, 1.0));
    let recent = first.zip(last).map_or(0.0, |(a, b)| b - a);
    let level = match recent {
        n if n < 1.0 => Health::Healthy,
        n if n < 10.0 => Health::Degraded,
        _ => Health::Unhealthy,
    };
    vec![
        alive,
        check(
            "errors",
            level,
            format!("{recent:.0} requests failed inside in the last minute"),
        ),
        check(
            "listening",
            Health::Healthy,
            format!("http://{}", server.local_addr()),
        ),
    ]
}
