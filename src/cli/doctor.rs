//! `doctor`: is everything there that the trainer needs?

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use crate::ops::doctor::{Finding, Report, Verdict, examine};

/// Looks whether this machine has what the trainer needs, and says what to do where not.
///
/// Nothing is changed. The exit code is 1 if there is a fault, else 0.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Settings file (RON) to go by.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let mut out = std::io::stdout();
        if !self.json && out.is_terminal() {
            eprintln!("Looking at everything; this takes up to ten seconds …");
        }
        let report = examine(self.config);
        let written = if self.json {
            super::write_json(&mut out, &report)
        } else {
            let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write_report(&mut out, &report, coloured)
        };
        written.map_err(|e| Failure::failed(format!("can't write to standard output: {e}")))?;
        Ok(match report.verdict {
            Verdict::Fault => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }
}

fn write_report(out: &mut impl Write, report: &Report, coloured: bool) -> std::io::Result<()> {
    let width = report.checks.iter().map(|f| f.check.len()).max().unwrap_or(0);
    for finding in &report.checks {
        write_finding(out, finding, width, coloured)?;
    }
    let counts: Vec<_> = [Verdict::Fault, Verdict::Warning, Verdict::Unknown, Verdict::Ok]
        .into_iter()
        .filter_map(|verdict| match (report.count(verdict), verdict) {
            (0, _) => None,
            (1, _) | (_, Verdict::Ok | Verdict::Unknown) => Some((verdict, "")),
            _ => Some((verdict, "s")),
        })
        .map(|(verdict, s)| format!("{} {}{s}", report.count(verdict), verdict.word()))
        .collect();
    let says = match report.verdict {
        Verdict::Fault => "The trainer can't do its work until the faults are mended; the arrows say how.",
        Verdict::Warning => "The trainer can run; the arrows say what would make it better.",
        Verdict::Unknown => "Nothing bad was found; not everything could be looked at.",
        Verdict::Ok => "All is well.",
    };
    writeln!(out, "\n{}. {says}", counts.join(", "))
}

fn write_finding(
    out: &mut impl Write,
    finding: &Finding,
    width: usize,
    coloured: bool,
) -> std::io::Result<()> {
    let (start, end) = match (coloured, finding.verdict) {
        (false, _) => ("", ""),
        (true, Verdict::Ok) => ("\x1b[32m", "\x1b[0m"),
        (true, Verdict::Warning) => ("\x1b[33m", "\x1b[0m"),
        (true, Verdict::Fault) => ("\x1b[1;31m", "\x1b[0m"),
        (true, Verdict::Unknown) => ("\x1b[36m", "\x1b[0m"),
    };
    let word = finding.verdict.word();
    writeln!(
        out,
        "{start}{word:<7}{end}  {:<width$}  {}",
        finding.check, finding.says
    )?;
    match &finding.remedy {
        Some(remedy) => writeln!(out, "{:9}{:width$}  → {remedy}", "", ""),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let finding = |check, verdict, remedy: Option<&str>| Finding {
            check,
            verdict,
            says: format!("{check} it is"),
            remedy: remedy.map(ToOwned::to_owned),
        };
        Report {
            version: "0.1.0",
            verdict: Verdict::Fault,
            checks: vec![
                finding("disk space", Verdict::Ok, None),
                finding("camera", Verdict::Fault, Some("plug it in")),
            ],
        }
    }

    #[test]
    fn the_table_is_aligned_and_coloured_only_when_asked() {
        let text = |coloured| {
            let mut out = Vec::new();
            write_report(&mut out, &report(), coloured).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            text(false),
            "ok       disk space  disk space it is\n\
             fault    camera      camera it is\n\
             \x20                    → plug it in\n\
             \n1 fault, 1 ok. The trainer can't do its work until the faults are mended; the arrows say how.\n"
        );
        let coloured = text(true);
        assert!(
            coloured.contains("\x1b[1;31mfault  \x1b[0m  camera"),
            "{coloured}"
        );
    }

    #[test]
    fn the_json_document_has_every_field() {
        let mut out = Vec::new();
        crate::cli::write_json(&mut out, &report()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["verdict"], "fault");
        assert_eq!(value["checks"][1]["remedy"], "plug it in");
        assert!(value["checks"][0]["remedy"].is_null());
    }
}
