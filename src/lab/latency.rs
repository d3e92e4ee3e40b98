//! How long it takes from a camera's frame to the overlay that comes of it.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::manager::Setup;
use super::measure::up;

/// Figures of the running trainer over its last seconds, milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Loop {
    /// Analysing a frame: the median.
    pub vision_p50_ms: f64,
    /// The same, 95 in 100.
    pub vision_p95_ms: f64,
    /// From a frame's arrival to the overlay handed to the graphics card: the median.
    pub overlay_p50_ms: f64,
    /// The same, 95 in 100.
    pub overlay_p95_ms: f64,
    /// From a frame's capture to that: the median.
    pub captured_p50_ms: f64,
    /// The same, 95 in 100.
    pub captured_p95_ms: f64,
}

/// Time between two looks at the figures: those before are out of them by then.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs `program` on the virtual table in `folder` as `arguments` say, and asks it so many times for its own figures.
///
/// # Errors
/// When it does not start, or does not tell.
pub fn latency(program: &Path, folder: &Path, arguments: Vec<String>, looks: u32) -> io::Result<Vec<Loop>> {
    let setup = Setup {
        arguments,
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    // What the start takes is no part of it.
    manager.wait(LOOK_EVERY);
    let mut told = Vec::new();
    for _ in 0..looks {
        manager.wait(LOOK_EVERY);
        let answer = manager.get("/api/v1/status");
        let metrics = answer.and_then(|(_, status)| status.get("metrics").cloned());
        let figure = |name: &str| metrics.as_ref()?.get(name).and_then(Value::as_f64);
        let looked = || {
            Some(Loop {
                vision_p50_ms: figure("vision_ms_p50")?,
                vision_p95_ms: figure("vision_ms_p95")?,
                overlay_p50_ms: figure("loop_ms_p50")?,
                overlay_p95_ms: figure("loop_ms_p95")?,
                captured_p50_ms: figure("latency_ms_p50")?,
                captured_p95_ms: figure("latency_ms_p95")?,
            })
        };
        told.extend(looked());
    }
    manager.stop();
    if told.is_empty() {
        return Err(io::Error::other("the trainer told no figures of its overlay"));
    }
    Ok(told)
}
