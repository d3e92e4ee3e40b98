//! `evaluate load`: the network side under many clients.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::progress;
use crate::cli::{Failure, show};
use crate::lab::{Load, load};

/// Runs the trainer without windows on the virtual table, lets live clients and requests at it from the same machine, and
/// measures both sides, without them and with them. What the clients themselves take of the machine is in the figures.
#[derive(Debug, Args)]
pub(crate) struct LoadCommand {
    /// Live clients over WebSocket.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    clients: u32,
    /// Updates a second that each of them asks for.
    #[arg(long, value_name = "HZ", default_value_t = 10.0)]
    rate_hz: f64,
    /// Requests a second beside them.
    #[arg(long, value_name = "HZ", default_value_t = 100.0)]
    requests_hz: f64,
    /// Connections of those who mean ill, beside: who say nothing, or a byte a second.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    hostile: u32,
    /// For so many seconds.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// Scene of the virtual table, or another source.
    #[arg(long, value_name = "SOURCE", default_value = "virtual")]
    source: String,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

impl LoadCommand {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let positive = |hz: f64| hz > 0.0 && hz <= 100_000.0;
        if !positive(self.rate_hz) || !positive(self.requests_hz) {
            return Err(Failure::usage(
                "--rate-hz and --requests-hz must be above 0 and at most 100000",
            ));
        }
        let failed = |error: std::io::Error| Failure::failed(format!("the load is not known: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let folder = std::env::temp_dir().join(format!("billiards-load-{}", std::process::id()));
        let arguments = vec!["--source".to_owned(), self.source.clone()];
        let wanted = Load {
            clients: self.clients as usize,
            rate_hz: self.rate_hz,
            requests_hz: self.requests_hz,
            hostile: self.hostile as usize,
            length: Duration::from_secs(self.seconds),
        };
        progress(0, 1, "runs");
        let told = load(&program, &folder, arguments, wanted);
        std::fs::remove_dir_all(&folder).ok();
        let told = told.map_err(failed)?;
        progress(1, 1, "runs");
        if self.json {
            return show(&format!("{}\n", json!(told)));
        }
        let [before, with] = told.overlay_p99_ms;
        let [memory_before, memory] = told.memory_mib;
        let [cores_before, cores] = told.cores;
        let [p50, p95, p99] = told.answer_ms;
        let refused = told
            .one_too_many
            .map_or("let in".to_owned(), |status| format!("refused with {status}"));
        show(&format!(
            "{} live clients at {} Hz and {} requests a second for {} s; one more {refused}\n  \
             requests          {} answered, {} failed; p50 {p50:.2}  p95 {p95:.2}  p99 {p99:.2} ms   asked ≤ 10 / 50 ms\n  \
             live clients      {:.2} messages a second each, gaps p50 {:.0}  p99 {:.0} ms, {} lost\n  \
             ill will          {} connections that hold still or dribble, closed {} times\n  \
             memory            {memory_before:.0} → {memory:.0} MiB, {:+.0}   asked ≤ +40\n  \
             frame to overlay  p99 {before:.2} → {with:.2} ms, {:+.2}   asked ≤ +0.5\n  \
             processor         {cores_before:.2} → {cores:.2} cores\n",
            told.clients,
            self.rate_hz,
            self.requests_hz,
            self.seconds,
            told.answered,
            told.failed,
            told.messages_hz,
            told.gap_ms[0],
            told.gap_ms[1],
            told.lost,
            self.hostile,
            told.turned_out,
            memory - memory_before,
            with - before,
        ))
    }
}
