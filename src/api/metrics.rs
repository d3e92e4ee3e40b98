//! Everything that is measured, in the text format of Prometheus. What is not measured is left out.

use std::fmt::Write as _;

use super::context::Context;
use crate::system::metrics::Kind;
use crate::system::snapshot::Snapshot;
use crate::system::status::{Health, Lifecycle, Severity};

/// Media type of the text format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page. Without a snapshot it has the API's own figures only.
pub(super) fn render(snapshot: Option<&Snapshot>, context: &Context) -> String {
    let mut page = Page::default();
    page.one(
        "bt_up",
        "gauge",
        "1 when the main loop turns.",
        Some(f64::from(u8::from(snapshot.is_some() && !context.is_stale()))),
    );
    page.one(
        "bt_snapshot_age_seconds",
        "gauge",
        "Time since the main loop last turned.",
        Some(context.pulse.age().as_secs_f64()),
    );
    if let Some(snapshot) = snapshot {
        system(&mut page, snapshot);
    }
    api(&mut page, context);
    if let Some(snapshot) = snapshot {
        measured(&mut page, snapshot);
    }
    page.text
}

/// What the catalogue has and is not on the page yet.
fn measured(page: &mut Page, snapshot: &Snapshot) {
    for (metric, value) in snapshot.sample.iter() {
        let info = metric.info();
        let name = format!("bt_{}", info.id);
        let kind = match info.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        if value.is_some() && !page.text.contains(&format!("# TYPE {name} ")) {
            page.one(&name, kind, info.help, value);
        }
    }
}

fn system(page: &mut Page, snapshot: &Snapshot) {
    let status = &snapshot.status;
    page.head("bt_build_info", "gauge", "Version of the program.");
    page.sample("bt_build_info", &[("version", status.version)], 1.0);
    page.one(
        "bt_uptime_seconds",
        "gauge",
        "Time since start.",
        Some(status.uptime_s),
    );
    page.one(
        "bt_health_score_ratio",
        "gauge",
        "Mean health of the modules, 0 to 1.",
        Some(status.score),
    );
    page.one(
        "bt_paused",
        "gauge",
        "1 while paused by the operator.",
        Some(f64::from(u8::from(status.paused))),
    );

    page.head("bt_module_health", "gauge", "1 for the health a module has now.");
    for module in &status.modules {
        for health in [
            Health::Healthy,
            Health::Unknown,
            Health::Degraded,
            Health::Unhealthy,
        ] {
            let labels = [("module", module.id), ("health", health.name())];
            page.sample(
                "bt_module_health",
                &labels,
                f64::from(u8::from(health == module.health)),
            );
        }
    }
    page.head("bt_module_running", "gauge", "1 while a module runs.");
    for module in &status.modules {
        let running = module.lifecycle == Lifecycle::Running;
        page.sample(
            "bt_module_running",
            &[("module", module.id)],
            f64::from(u8::from(running)),
        );
    }
    page.head(
        "bt_module_restarts_total",
        "counter",
        "How often a module was started again.",
    );
    for module in &status.modules {
        page.sample(
            "bt_module_restarts_total",
            &[("module", module.id)],
            f64::from(module.restarts),
        );
    }
    page.head("bt_module_faults_total", "counter", "Panics caught in a module.");
    for module in &status.modules {
        page.sample(
            "bt_module_faults_total",
            &[("module", module.id)],
            f64::from(module.faults),
        );
    }
    page.head("bt_alerts", "gauge", "Open alerts.");
    for (severity, name) in [(Severity::Warning, "warning"), (Severity::Critical, "critical")] {
        let count = status.alerts.iter().filter(|a| a.severity == severity).count();
        page.sample("bt_alerts", &[("severity", name)], count as f64);
    }

    let m = &status.metrics;
    let seconds = |ms: Option<f64>| ms.map(|v| v / 1e3);
    page.one(
        "bt_source_frames_per_second",
        "gauge",
        "Frames delivered by the source.",
        m.source_rate_hz,
    );
    page.one(
        "bt_vision_frames_per_second",
        "gauge",
        "Frames analysed.",
        m.vision_rate_hz,
    );
    page.one(
        "bt_main_loop_turns_per_second",
        "gauge",
        "Turns of the main loop.",
        m.loop_rate_hz,
    );
    page.quantiles(
        "bt_vision_duration_seconds",
        "Time to analyse a frame.",
        &[
            ("0.5", seconds(m.vision_ms_p50)),
            ("0.95", seconds(m.vision_ms_p95)),
        ],
    );
    page.quantiles(
        "bt_latency_seconds",
        "From the capture of a frame to the overlay that came of it.",
        &[
            ("0.5", seconds(m.latency_ms_p50)),
            ("0.95", seconds(m.latency_ms_p95)),
        ],
    );
    page.one(
        "bt_camera_frame_age_seconds",
        "gauge",
        "Age of the newest analysed frame.",
        seconds(m.frame_age_ms),
    );
    page.one(
        "bt_vision_frames_total",
        "counter",
        "Frames analysed.",
        Some(m.frames_analysed as f64),
    );
    page.one(
        "bt_vision_frames_dropped_total",
        "counter",
        "Frames left out because a newer one was there.",
        Some(m.frames_dropped as f64),
    );
    page.quantiles(
        "bt_prediction_duration_seconds",
        "Time of one prediction.",
        &[("0.5", m.prediction_us_p50.map(|us| us / 1e6))],
    );
    page.one(
        "bt_shots_predicted_total",
        "counter",
        "Shots predicted.",
        Some(m.shots_predicted as f64),
    );
    page.one(
        "bt_process_cpu_cores",
        "gauge",
        "Cores this process keeps busy.",
        m.process_cpu,
    );
    page.one(
        "bt_process_resident_memory_bytes",
        "gauge",
        "Resident memory of this process.",
        m.process_memory_bytes.map(|b| b as f64),
    );
    page.one(
        "bt_system_cpu_ratio",
        "gauge",
        "Share of all cores in use, 0 to 1.",
        m.system_cpu,
    );
    page.one(
        "bt_system_memory_ratio",
        "gauge",
        "Share of memory in use, 0 to 1.",
        m.system_memory,
    );
    let balls = snapshot.table.as_ref().map(|t| t.balls.len() as f64);
    page.one("bt_balls_on_table", "gauge", "Balls on the table.", balls);
}

fn api(page: &mut Page, context: &Context) {
    let stats = &context.shared.stats;
    page.one(
        "bt_http_requests_total",
        "counter",
        "HTTP requests answered.",
        Some(stats.requests() as f64),
    );
    page.head(
        "bt_http_errors_total",
        "counter",
        "HTTP requests answered with an error.",
    );
    page.sample(
        "bt_http_errors_total",
        &[("class", "4xx")],
        stats.client_errors() as f64,
    );
    page.sample(
        "bt_http_errors_total",
        &[("class", "5xx")],
        stats.server_errors() as f64,
    );
    page.one(
        "bt_http_panics_total",
        "counter",
        "Panics caught in request handlers.",
        Some(stats.panics() as f64),
    );
    let latency = stats.latency();
    page.quantiles(
        "bt_http_request_duration_seconds",
        "Time to answer, over the last requests.",
        &[
            ("0.5", latency.map(|l| l.0.as_secs_f64())),
            ("0.95", latency.map(|l| l.1.as_secs_f64())),
        ],
    );
    page.one(
        "bt_http_connections",
        "gauge",
        "Open connections.",
        Some(stats.connections() as f64),
    );
    page.one(
        "bt_http_connections_refused_total",
        "counter",
        "Connections turned away because too many were open.",
        Some(stats.connections_refused() as f64),
    );
    page.one(
        "bt_ws_clients",
        "gauge",
        "WebSocket clients.",
        Some(stats.websockets() as f64),
    );
    page.one(
        "bt_ws_messages_dropped_total",
        "counter",
        "WebSocket updates that slow clients did not get.",
        Some(stats.messages_dropped() as f64),
    );
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (i, (key, label)) in labels.iter().enumerate() {
            let escaped = label
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let open = if i == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{key}=\"{escaped}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// One value without labels, left out where it is missing.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.head(name, kind, help);
            self.sample(name, &[], value);
        }
    }

    /// Percentiles that were computed inside, left out where they are missing.
    fn quantiles(&mut self, name: &str, help: &str, values: &[(&str, Option<f64>)]) {
        let known: Vec<(&str, f64)> = values
            .iter()
            .filter_map(|&(q, v)| Some((q, v.filter(|v| v.is_finite())?)))
            .collect();
        if known.is_empty() {
            return;
        }
        self.head(name, "summary", help);
        for (quantile, value) in known {
            self.sample(name, &[("quantile", quantile)], value);
        }
    }
}
