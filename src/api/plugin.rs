//! Starts the API thread and looks after it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use time::OffsetDateTime;

use super::probe::Probe;
use super::{ApiServer, ApiStats, Options, SettingsPlace, Shared};
use crate::app::{ApiStep, Config, RunOptions, Stage};
use crate::ops::installation::Installation;
use crate::system::faults::{self, Point};
use crate::system::health::check;
use crate::system::orchestrator::Report;
use crate::system::plugin::modules::{Desk, Lived};
use crate::system::plugin::{ApiFigures, ApiHealth};
use crate::system::pulse::HangDetector;
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
    probe: Option<Probe>,
    /// The port that was set last, and the one it listened on then.
    port: Option<(u16, u16)>,
    tried: Option<Instant>,
    /// Starts in this life that came to nothing.
    refused: u32,
    hang: Option<HangDetector>,
    hangs: bool,
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
/// A server that could not start this often says so; recovery has longer pauses.
const TRIES: u32 = 3;
/// The thread beats at least ten times a second.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// A count that only grows, over the last minute.
struct LastMinute(Rolling);

impl Default for LastMinute {
    fn default() -> Self {
        Self(Rolling::new(Duration::from_secs(60), 200))
    }
}

/// The health figures are made anew this often.
const CHECK_EVERY: Duration = Duration::from_millis(500);

fn keep_serving(
    mut api: ResMut<Api>,
    config: Res<Config>,
    run: Res<RunOptions>,
    stage: Res<Stage>,
    mut health: ResMut<ApiHealth>,
    mut desk: Desk,
    mut lived: Local<Lived>,
    mut checked: Local<Option<Instant>>,
    mut window: Local<LastMinute>,
    mut asked: Local<LastMinute>,
) {
    faults::point(Point::ApiStep);
    let duty = desk.duty("api");
    if !duty.up {
        api.server = api.server.take().filter(ApiServer::is_alive);
        api.server.iter().for_each(ApiServer::begin_stop);
        (api.tried, api.failure, health.address) = (None, None, None);
        api.refused = 0;
        health.checks.clear();
        desk.report(
            "api",
            if api.server.is_some() {
                Report::Changing
            } else {
                Report::Down
            },
        );
        return;
    }
    if lived.is_new(duty) {
        (api.server, api.tried) = (None, None);
        api.refused = 0;
    }
    let mut hang = api.hang.take().unwrap_or_else(|| HangDetector::new(HANGS_AFTER));
    api.hangs = hang.look(api.stats.pulse(), Instant::now());
    api.hang = Some(hang);
    let report = match &api.server {
        Some(server) if !server.is_alive() => Report::Broken("the API thread has ended".to_owned()),
        Some(_) if api.hangs => Report::Broken("the API thread hangs".to_owned()),
        Some(_) => Report::Up,
        None => match &api.failure {
            Some(words) if api.refused >= TRIES => Report::Broken(words.clone()),
            _ => Report::Changing,
        },
    };
    desk.report("api", report);
    if api.server.is_none() && api.tried.is_none_or(|t| t.elapsed() >= RETRY_AFTER) {
        api.tried = Some(Instant::now());
        start(&mut api, &config, &run, &stage);
        *checked = None;
    }
    if checked.is_none_or(|t| t.elapsed() >= CHECK_EVERY) {
        *checked = Some(Instant::now());
        health.address = api.server.as_ref().map(|s| s.local_addr().to_string());
        health.requests = (api.stats.requests(), api.stats.server_errors());
        health.checks = checks(&api, &mut window.0);
        let now = Instant::now();
        asked.0.push(now, api.stats.requests() as f64);
        let grown = |w: &Rolling| w.quantile(now, 1.0).zip(w.quantile(now, 0.0)).map(|(b, a)| b - a);
        let latency = api.stats.latency();
        health.figures = Some(ApiFigures {
            latency_p50_s: latency.map(|l| l.0.as_secs_f64()),
            latency_p95_s: latency.map(|l| l.1.as_secs_f64()),
            error_share: grown(&window.0)
                .zip(grown(&asked.0))
                .and_then(|(e, n)| (n > 0.0).then(|| e / n)),
            clients: Some(api.stats.connections() as f64),
            certificate_remaining_s: (api.stats.certificate_ends_unix_s())
                .map(|ends| (ends - OffsetDateTime::now_utc().unix_timestamp()) as f64),
        });
    }
}

/// Whoever found the port the system chose finds it again; a port that was set anew is taken.
fn port_to_take(set: u16, last: Option<(u16, u16)>) -> u16 {
    match last {
        Some((0, bound)) if set == 0 => bound,
        _ => set,
    }
}

/// Certificate and key, where either is set: one without the other is told when it can't be read.
fn tls_files(config: &Config) -> Option<(PathBuf, PathBuf)> {
    let files = [&config.api.tls_certificate, &config.api.tls_key];
    let [certificate, key] = files.map(PathBuf::from);
    files
        .iter()
        .any(|file| !file.is_empty())
        .then_some((certificate, key))
}

fn settings_place(run: &RunOptions) -> Option<SettingsPlace> {
    let site = run.site.as_ref()?;
    Some(SettingsPlace {
        file: site.loaded.site_file.clone(),
        overrides: site.overrides.clone(),
        state_folder: run.state_folder.clone()?,
    })
}

fn start(api: &mut Api, config: &Config, run: &RunOptions, stage: &Stage) {
    let options = Options {
        host: config.api.host.clone(),
        port: port_to_take(config.api.port, api.port),
        allowed_hosts: config.api.names.clone(),
        allowed_origins: config.api.origins.clone(),
        require_token: config.api.require_token,
        tls: tls_files(config),
        state_folder: run.state_folder.clone(),
        installation: Installation::of_running(run.state_folder.clone()),
        settings: settings_place(run),
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
            info!("open {} in a browser", server.url());
            api.port = Some((config.api.port, server.local_addr().port()));
            // What the one before it did not do is not held against it.
            api.hang = None;
            api.refused = 0;
            api.stats.beat();
            api.probe = Probe::start(server.local_addr())
                .inspect_err(|error| warn!("the API is not asked whether it answers: {error}"))
                .ok();
            (api.server, api.failure) = (Some(server), None);
        }
        Err(error) => {
            let text = error.to_string();
            if api.failure.as_ref() != Some(&text) {
                error!("{text}");
            }
            api.failure = Some(text);
            api.refused += 1;
        }
    }
}

fn checks(api: &Api, window: &mut Rolling) -> Vec<Check> {
    let Some(server) = &api.server else {
        let words = api.failure.clone().unwrap_or_else(|| "not listening".to_owned());
        return vec![check("listening", Health::Unhealthy, words)];
    };
    let alive = match api.stats.heartbeat_age() {
        Some(age) if api.hangs => check(
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
    let probe = match api.probe.as_ref().and_then(Probe::newest) {
        None => check("probe", Health::Unknown, "not asked yet".to_owned()),
        Some(Ok(took)) => {
            let ms = took.as_secs_f64() * 1e3;
            check("probe", Health::Healthy, format!("answers in {ms:.1} ms"))
        }
        Some(Err(why)) => check("probe", Health::Unhealthy, why),
    };
    vec![
        alive,
        probe,
        check(
            "errors",
            level,
            format!("{recent:.0} requests failed inside in the last minute"),
        ),
        check("listening", Health::Healthy, server.url()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_the_systems_choice_is_kept_and_one_that_is_set_anew_is_taken() {
        assert_eq!(port_to_take(0, None), 0);
        assert_eq!(port_to_take(0, Some((0, 40_001))), 40_001);
        assert_eq!(port_to_take(8080, Some((0, 40_001))), 8080);
        assert_eq!(port_to_take(9090, Some((8080, 8080))), 9090);
        assert_eq!(port_to_take(0, Some((8080, 8080))), 0);
    }
}
