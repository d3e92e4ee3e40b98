//! How the system and each of its modules is.

use serde::{Deserialize, Serialize};

/// Four levels of health. Ordered from best to worst, unknown between healthy and degraded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All checks good.
    Healthy,
    /// Not checked, or the last check is too old.
    #[default]
    Unknown,
    /// Working, but below what is wanted.
    Degraded,
    /// Not working.
    Unhealthy,
}

impl Health {
    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// Where a module is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Switched off by the operator: not a fault.
    Disabled,
    /// Not started yet.
    #[default]
    Offline,
    /// Coming up.
    Starting,
    /// At work.
    Running,
    /// Going down.
    Stopping,
    /// Broken.
    Failed,
}

impl Lifecycle {
    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Offline => "offline",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }
}

/// The result of one health check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What is checked, `frame_age`.
    pub name: &'static str,
    /// The verdict.
    pub status: Health,
    /// In words, with figures and units.
    pub message: String,
    /// A fact, not a measurement that may be off once: shown without waiting for a second look.
    #[serde(skip)]
    pub certain: bool,
    /// Its cause lies outside the program (a camera that is unplugged): nothing inside can mend it.
    #[serde(skip)]
    pub outside: bool,
}

impl Check {
    /// The same, as a fact.
    #[must_use]
    pub fn certain(self) -> Self {
        Self {
            certain: true,
            ..self
        }
    }

    /// The same, with its cause outside the program.
    #[must_use]
    pub fn outside(self) -> Self {
        Self {
            outside: true,
            ..self
        }
    }
}

/// One module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModuleStatus {
    /// `config`, `core`, `vision`, `projector`, `api`.
    pub id: &'static str,
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// Roll-up of its checks.
    pub health: Health,
    /// One line for the operator.
    pub message: String,
    /// The single checks.
    pub checks: Vec<Check>,
    /// How often it was started again.
    pub restarts: u32,
    /// Panics caught in it.
    pub faults: u32,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    #[default]
    Warning,
    /// Needs somebody now.
    Critical,
}

impl Severity {
    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// An open condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Alert {
    /// Lasting number.
    pub id: u64,
    /// What it is known by: the name of a rule or the key of a condition, `vision.source`.
    pub key: String,
    /// How bad.
    pub severity: Severity,
    /// Where it comes from: a module's id or `system`.
    pub source: String,
    /// In words.
    pub message: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// The value that a rule looked at, in the unit of its metric.
    pub value: Option<f64>,
    /// When it was raised, RFC 3339.
    pub since: String,
    /// Somebody has seen it.
    pub acknowledged: bool,
    /// Who has.
    pub acknowledged_by: Option<String>,
    /// Why nobody is told of it: silenced, or it follows from another one.
    pub muted: Option<String>,
}

/// Measured quantities. `None`: not measured (yet), shown as such.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Frames analysed per second over the last seconds.
    pub vision_rate_hz: Option<f64>,
    /// Frames delivered by the source per second over the last seconds.
    pub source_rate_hz: Option<f64>,
    /// Time to analyse a frame, ms: median and 95th percentile over the last seconds.
    pub vision_ms_p50: Option<f64>,
    /// 95th percentile.
    pub vision_ms_p95: Option<f64>,
    /// From the frame's capture to the overlay that came of it, ms, median.
    pub latency_ms_p50: Option<f64>,
    /// 95th percentile.
    pub latency_ms_p95: Option<f64>,
    /// From the frame's arrival, complete, to that overlay, ms, median: without the camera's own time.
    pub loop_ms_p50: Option<f64>,
    /// 95th percentile.
    pub loop_ms_p95: Option<f64>,
    /// 99th percentile.
    pub loop_ms_p99: Option<f64>,
    /// Age of the newest analysed frame, ms.
    pub frame_age_ms: Option<f64>,
    /// Frames analysed since start.
    pub frames_analysed: u64,
    /// Frames dropped because a newer one was there, since start.
    pub frames_dropped: u64,
    /// Time of one prediction, µs, median.
    pub prediction_us_p50: Option<f64>,
    /// Shots predicted since start.
    pub shots_predicted: u64,
    /// Main loop turns per second.
    pub loop_rate_hz: Option<f64>,
    /// This process: share of one core, 0..n.
    pub process_cpu: Option<f64>,
    /// This process: resident memory, bytes.
    pub process_memory_bytes: Option<u64>,
    /// The machine: share of all cores in use, 0..1.
    pub system_cpu: Option<f64>,
    /// The machine: share of memory in use, 0..1.
    pub system_memory: Option<f64>,
    /// HTTP requests answered since start.
    pub api_requests: u64,
    /// HTTP requests answered with a server error since start.
    pub api_errors: u64,
}

/// A cue that an operator can take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HandCue {
    /// It is taken now.
    pub taken: bool,
    /// Speed of the stick for the next shot, m/s.
    pub stick_speed_m_s: f64,
}

/// The whole system at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SystemStatus {
    /// `starting`, `running`, `degraded` (something is below what is wanted), `error` (something does not work).
    pub state: &'static str,
    /// Roll-up of all enabled modules.
    pub health: Health,
    /// Average of 1 (healthy), 0.5 (degraded), 0 (unhealthy or unknown) over enabled modules.
    pub score: f64,
    /// Seconds since start.
    pub uptime_s: f64,
    /// Package version.
    pub version: &'static str,
    /// `development`, `production`, `testing`.
    pub environment: String,
    /// The source in use, in words.
    pub source: String,
    /// The program came up with the API only, to find out what is wrong.
    pub safe_mode: bool,
    /// Looking and predicting is paused by the operator.
    pub paused: bool,
    /// How much help is drawn.
    pub assistance: crate::trainer::aim::Assistance,
    /// The test picture that is shown instead of lines.
    pub test_picture: Option<crate::projector::test_picture::TestPicture>,
    /// How the projector draws: `window HDMI-1`, `off-screen`, `not drawn: no GPU`.
    pub display: String,
    /// The cue that can be taken by hand, where the source has one (virtual table).
    pub hand_cue: Option<HandCue>,
    /// The modules in start order.
    pub modules: Vec<ModuleStatus>,
    /// Open alerts, newest first.
    pub alerts: Vec<Alert>,
    /// Measured quantities.
    pub metrics: Metrics,
}
