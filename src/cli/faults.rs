//! `faults`: breaks the trainer on purpose and shows what comes of it.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::lab::{CASES, run_case};

/// Breaks the trainer on purpose, one fault after the other, and shows when each was noticed, what was done, and when
/// all was well again. Takes about ten minutes; `--quick` two.
#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// Only these cases: F1,F7b.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    only: Vec<String>,
    /// Times may be so many times as long as promised: for machines that do other things, too.
    #[arg(long, value_name = "TIMES", default_value_t = 1.0)]
    patience: f64,
    /// Run on the virtual table for so long instead, and watch memory, open files and threads: 30m, 2h.
    #[arg(long, value_name = "TIME", value_parser = super::run::parse_duration, conflicts_with_all = ["only", "quick", "list"])]
    soak: Option<std::time::Duration>,
    /// Only the most important ones.
    #[arg(long)]
    quick: bool,
    /// List the cases and do nothing.
    #[arg(long)]
    list: bool,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Keep logs, states and crash reports of every case here.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Faults {
    pub(crate) fn execute(self) -> Result<(), Failure> {
        let unknown = self.only.iter().find(|id| !CASES.iter().any(|c| c.id == **id));
        if let Some(id) = unknown {
            return Err(Failure::usage(format!(
                "there is no case `{id}`; --list shows them"
            )));
        }
        let chosen = |c: &&crate::lab::Case| {
            (self.only.is_empty() || self.only.iter().any(|id| id == c.id)) && (!self.quick || c.quick)
        };
        let cases: Vec<_> = CASES.iter().filter(chosen).collect();
        let mut out = std::io::stdout();
        if self.list {
            for case in cases {
                // Nobody reads a closed pipe.
                let _ = writeln!(out, "{:5} {}", case.id, case.what);
            }
            return Ok(());
        }
        let program = std::env::current_exe().map_err(|e| Failure::failed(e.to_string()))?;
        let scratch = std::env::temp_dir().join(format!("billiards-faults-{}", std::process::id()));
        let folder = self.keep.clone().unwrap_or_else(|| scratch.clone());
        if let Some(length) = self.soak {
            let report = crate::lab::soak(&program, &folder, length, |line| {
                let _ = writeln!(std::io::stderr(), "{line}");
            });
            drop(std::fs::remove_dir_all(scratch));
            let report = report.map_err(|e| Failure::failed(e.to_string()))?;
            let text = if self.json {
                serde_json::to_string_pretty(&report).map_err(|e| Failure::failed(e.to_string()))?
            } else {
                report.to_string()
            };
            let _ = writeln!(out, "{text}");
            return if report.is_flat() {
                Ok(())
            } else {
                Err(Failure::failed("something grows, or the trainer did not stay up"))
            };
        }
        let mut results = Vec::new();
        if !self.json {
            let _ = writeln!(
                out,
                "{:5} {:52} {:>9} {:>9}  what was done",
                "", "fault", "noticed", "well"
            );
        }
        for (i, case) in cases.iter().enumerate() {
            if std::io::stderr().is_terminal() {
                eprint!("\r{} of {}: {} …\u{1b}[K\r", i + 1, cases.len(), case.what);
            }
            let result = run_case(case, &program, &folder.join(case.id), self.patience.max(1.0));
            if !self.json {
                let time = |s: Option<f64>| s.map_or_else(|| "-".to_owned(), |s| format!("{s:.2} s"));
                let verdict = if result.passed { "ok  " } else { "FAIL" };
                let mut words = result.actions.clone();
                words.extend(result.notes.iter().map(|n| format!("[{n}]")));
                let _ = writeln!(
                    out,
                    "{:5} {:52} {:>9} {:>9}  {verdict} {}",
                    result.id,
                    result.what,
                    time(result.detected_s),
                    time(result.recovered_s),
                    words.join("; ")
                );
            }
            results.push(result);
        }
        drop(std::fs::remove_dir_all(scratch));
        let failed = results.iter().filter(|r| !r.passed).count();
        if self.json {
            let text = serde_json::to_string_pretty(&results).map_err(|e| Failure::failed(e.to_string()))?;
            let _ = writeln!(out, "{text}");
        }
        match failed {
            0 => Ok(()),
            n => Err(Failure::failed(format!(
                "{n} of {} cases did not keep what is promised",
                results.len()
            ))),
        }
    }
}
