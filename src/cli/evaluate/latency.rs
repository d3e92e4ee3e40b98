//! `evaluate latency`: from a camera's frame to the overlay.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::progress;
use crate::cli::{Failure, show};
use crate::lab::Loop;

/// Runs the trainer without windows on the virtual table, whose camera gives full-HD pictures, and asks it how long frames take
/// to become an overlay. The table that is drawn for the camera costs more of the machine than all the rest: on a real table
/// it is faster.
#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// Measure for so many looks of five seconds.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    looks: u32,
    /// Scene of the virtual table, or another source.
    #[arg(long, value_name = "SOURCE", default_value = "virtual")]
    source: String,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

/// Asked of 95 in 100 frames, milliseconds.
const MOST_MS: f64 = 12.0;

impl Latency {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::failed(format!("the latency is not known: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let folder = std::env::temp_dir().join(format!("billiards-latency-{}", std::process::id()));
        let arguments = vec!["--source".to_owned(), self.source.clone()];
        progress(0, 1, "runs");
        let told = crate::lab::latency(&program, &folder, arguments, self.looks);
        std::fs::remove_dir_all(&folder).ok();
        let looks = told.map_err(failed)?;
        progress(1, 1, "runs");
        let median = |of: &dyn Fn(&Loop) -> f64| {
            let mut values: Vec<f64> = looks.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let p95 = median(&|look| look.overlay_p95_ms);
        let worst = looks.iter().map(|look| look.overlay_p95_ms).fold(0.0, f64::max);
        let text = if self.json {
            json!({ "looks": looks, "overlay_p95_ms": p95, "asked_ms": MOST_MS }).to_string()
        } else {
            format!(
                "{} looks of {} s at {}, medians of what each look tells\n  \
                 analysing a frame      p50 {:6.2}  p95 {:6.2} ms\n  \
                 frame in → overlay out p50 {:6.2}  p95 {p95:6.2} ms   asked ≤ {MOST_MS:.0} ms; worst look {worst:.2} ms\n  \
                 with the camera's time p50 {:6.2}  p95 {:6.2} ms",
                looks.len(),
                Duration::from_secs(5).as_secs(),
                self.source,
                median(&|look| look.vision_p50_ms),
                median(&|look| look.vision_p95_ms),
                median(&|look| look.overlay_p50_ms),
                median(&|look| look.captured_p50_ms),
                median(&|look| look.captured_p95_ms),
            )
        };
        show(&(text + "\n"))?;
        if p95 <= MOST_MS {
            Ok(())
        } else {
            Err(Failure::failed(format!(
                "95 in 100 frames take up to {p95:.1} ms, {MOST_MS:.0} ms were asked"
            )))
        }
    }
}
