//! Once a second everything that is measured becomes one sample: for the last hour in memory, for years on disk, for
//! the alert rules and for what can be foreseen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::{ApiHealth, Measured, Operator, Resources};
use crate::app::{Config, ModuleFaults, RunOptions, Started};
use crate::system::forecast::{Forecast, Forecaster, Watch};
use crate::system::history::{History, HistoryState, Ring};
use crate::system::metrics::{Metric, Sample};
use crate::trainer::plugin::CoreState;
use crate::vision::plugin::VisionState;

/// What is kept of all measurements.
#[derive(Resource)]
pub struct Monitor {
    /// The newest sample.
    pub newest: Arc<Sample>,
    /// The last hour.
    pub ring: Ring,
    /// What is foreseen.
    pub forecasts: Arc<Vec<Forecast>>,
    forecaster: Forecaster,
    history: Option<History>,
    sampled: Option<Instant>,
    /// Processor time of the history's thread at the last sample, seconds.
    history_cpu_s: Option<f64>,
}

/// Name of the history in the state folder.
const HISTORY: &str = "history.sqlite";
/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// What is watched for steady growth toward a limit.
fn watches() -> [Watch; 5] {
    let rising = |metric, limit| Watch {
        metric,
        limit,
        rising: true,
    };
    [
        rising(Metric::SystemMemoryUsed, 0.95),
        rising(Metric::SystemDiskUsed, 0.98),
        rising(Metric::SystemTemperature, 90.0),
        rising(Metric::VisionDropShare, 0.5),
        Watch {
            metric: Metric::VisionRate,
            limit: 5.0,
            rising: false,
        },
    ]
}

impl FromWorld for Monitor {
    fn from_world(world: &mut World) -> Self {
        let folder = world.resource::<RunOptions>().state_folder.clone();
        let on = world.resource::<Config>().system.monitoring;
        let history = folder.filter(|_| on).and_then(|folder| {
            History::start(&folder.join(HISTORY))
                .inspect_err(|error| error!("nothing is recorded: no thread can be started ({error})"))
                .ok()
        });
        Self {
            newest: Arc::new(Sample::new(0.0)),
            ring: Ring::default(),
            forecasts: Arc::default(),
            forecaster: Forecaster::new(watches()),
            history,
            sampled: None,
            history_cpu_s: None,
        }
    }
}

impl Monitor {
    /// How the history on disk is, where there is one.
    #[must_use]
    pub fn history(&self) -> Option<HistoryState> {
        self.history.as_ref().map(History::state)
    }

    /// Ends the history in good order, within `limit`.
    pub(super) fn close(&mut self, limit: Duration) {
        if let Some(history) = self.history.take()
            && !history.stop(limit)
        {
            warn!("the last seconds of the history could not be written before the end");
        }
    }
}

/// What a sample is made of.
#[derive(bevy::ecs::system::SystemParam)]
pub(super) struct Gauges<'w> {
    operator: Res<'w, Operator>,
    vision: Res<'w, VisionState>,
    core: Res<'w, CoreState>,
    measured: Res<'w, Measured>,
    resources: Res<'w, Resources>,
    api: Res<'w, ApiHealth>,
    faults: Res<'w, ModuleFaults>,
    started: Res<'w, Started>,
}

/// Takes a sample where one is due.
pub(super) fn sample(gauges: Gauges, config: Res<Config>, mut monitor: ResMut<Monitor>) {
    let now = Instant::now();
    let due = monitor
        .sampled
        .is_none_or(|at| now.saturating_duration_since(at) >= EVERY);
    if !due || !config.system.monitoring {
        return;
    }
    monitor.sampled = Some(now);
    let mut sample = gauges.sample(now);
    let (history_cpu_s, mut written_cpu_s) = (monitor.history_cpu_s, None);
    if let Some(history) = &monitor.history {
        let state = history.state();
        sample.set(Metric::HistoryLost, state.lost as f64);
        // The sampler has put in its own share; the other thread of monitoring is this one.
        let spent = state.cpu_s.zip(history_cpu_s).map(|(now, before)| now - before);
        let own = sample.get(Metric::MonitoringCpu);
        sample.set(
            Metric::MonitoringCpu,
            own.zip(spent)
                .map(|(own, spent)| own + spent / EVERY.as_secs_f64()),
        );
        written_cpu_s = state.cpu_s;
    }
    monitor.history_cpu_s = written_cpu_s;
    monitor.ring.push(&sample);
    monitor.forecaster.push(&sample);
    monitor.forecasts = Arc::new(monitor.forecaster.forecasts().collect());
    if let Some(history) = &monitor.history {
        history.record(sample.clone());
    }
    monitor.newest = Arc::new(sample);
}

impl Gauges<'_> {
    fn sample(&self, now: Instant) -> Sample {
        let mut sample = Sample::new(self.started.0.elapsed().as_secs_f64());
        self.resources.latest().write(&mut sample);
        let measured = &*self.measured;
        let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1e3);
        let looks = !self.operator.paused && self.vision.eyes.is_some();
        let when_looking = |value: Option<f64>| value.filter(|_| looks);
        let seen = self.vision.latest.as_ref().filter(|_| looks);
        let confidence = seen.and_then(|latest| {
            let balls = &latest.observation.balls;
            let sum: f64 = balls.iter().map(|b| b.confidence).sum();
            (!balls.is_empty()).then(|| sum / balls.len() as f64)
        });
        let counts = self.vision.counts();
        let faults = |module: &str| f64::from(self.faults.total(module));
        let api = self
            .api
            .figures
            .filter(|_| self.api.address.is_some())
            .unwrap_or_default();
        for (metric, value) in [
            (Metric::LoopRate, measured.turns.rate_hz(now)),
            (Metric::VisionRate, when_looking(measured.vision_ms.rate_hz(now))),
            (Metric::VisionSourceRate, when_looking(measured.source_hz)),
            (
                Metric::VisionTimeP50,
                seconds(measured.vision_ms.quantile(now, 0.5)),
            ),
            (
                Metric::VisionTimeP95,
                seconds(measured.vision_ms.quantile(now, 0.95)),
            ),
            (
                Metric::VisionFrameAge,
                when_looking(seconds(self.vision.frame_age_ms(now))),
            ),
            (Metric::VisionFrames, Some(counts.analysed as f64)),
            (Metric::VisionDropped, Some(counts.dropped as f64)),
            (Metric::VisionDropShare, when_looking(measured.dropped_share)),
            (Metric::VisionConfidence, confidence),
            (Metric::VisionFaults, Some(faults("vision"))),
            (
                Metric::CorePredictionP50,
                measured.prediction_us.quantile(now, 0.5).map(|us| us / 1e6),
            ),
            (Metric::CorePredictions, Some(self.core.predicted() as f64)),
            (Metric::CoreFaults, Some(faults("core"))),
            (Metric::ApiLatencyP50, api.latency_p50_s),
            (Metric::ApiLatencyP95, api.latency_p95_s),
            (Metric::ApiRequests, Some(self.api.requests.0 as f64)),
            (Metric::ApiErrors, Some(self.api.requests.1 as f64)),
            (Metric::ApiErrorShare, api.error_share),
            (Metric::ApiClients, api.clients),
            (Metric::ApiCertificate, api.certificate_remaining_s),
            (Metric::ApiFaults, Some(faults("api"))),
            (
                Metric::ProjectorLatencyP50,
                seconds(measured.latency_ms.quantile(now, 0.5)),
            ),
            (
                Metric::ProjectorLatencyP95,
                seconds(measured.latency_ms.quantile(now, 0.95)),
            ),
            (Metric::ProjectorFaults, Some(faults("projector"))),
        ] {
            sample.set(metric, value);
        }
        sample
    }
}

/// What is foreseen, as a warning in words, by the metric's id.
#[must_use]
pub(super) fn early_warnings(forecasts: &[Forecast]) -> Vec<(&'static str, String)> {
    let warning = |f: &Forecast| {
        let when = Duration::try_from_secs_f64(f.reaches_in_s?).ok()?;
        let when = crate::ops::helpers::duration_in_words(when);
        let what = match f.metric {
            Metric::SystemMemoryUsed => "memory will be full",
            Metric::SystemDiskUsed => "the disk will be full",
            Metric::SystemTemperature => "the machine will be too hot",
            Metric::VisionDropShare => "half of the frames will be dropped",
            Metric::VisionRate => "vision will be too slow to be of use",
            other => other.id(),
        };
        Some((
            f.metric.id(),
            format!("{what} in about {when} if it goes on like this"),
        ))
    };
    forecasts.iter().filter_map(warning).collect()
}
