//! How a deploy is to be done, on the command line.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::Failure;
use crate::ops::deploy::checks::Allowed;
use crate::ops::deploy::commands::TRIAL_LIMIT;
use crate::ops::deploy::outcome::Wishes;
use crate::ops::deploy::probation::Rules;
use crate::ops::deploy::service::Service;

/// How it is to be done.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Place files only: nothing is started, nothing is watched.
    #[arg(long)]
    no_service: bool,
    /// Program that starts and stops the trainer where systemd does not: it takes start, stop and status.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "no_service")]
    service_command: Option<PathBuf>,
    /// Place the files of nginx, too.
    #[arg(long)]
    nginx: bool,
    /// Take a release that is not signed.
    #[arg(long)]
    unsigned: bool,
    /// Take a release that is older than the one that runs.
    #[arg(long)]
    allow_downgrade: bool,
    /// Also while somebody plays.
    #[arg(long)]
    now: bool,
    /// Make no backup into the repository before.
    #[arg(long)]
    no_backup: bool,
    /// Where a release is taken back, leave settings and state as it left them.
    #[arg(long)]
    keep_new_data: bool,
    /// Watch the new release for so long.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    probation: Duration,
    /// It has to be ready within so long.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    ready_within: Duration,
    /// Leave so much room on the disk, MB.
    #[arg(long, value_name = "MB", default_value_t = 1074)]
    spare_mb: u64,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    pub(super) json: bool,
}

impl How {
    /// The same, as a deploy reads it.
    pub(super) fn wishes(&self) -> Wishes {
        let command = self.service_command.as_ref().map(|program| {
            let program = std::path::absolute(program).unwrap_or_else(|_| program.clone());
            Service::Command(program)
        });
        Wishes {
            allowed: Allowed {
                unsigned: self.unsigned,
                downgrade: self.allow_downgrade,
                now: self.now,
                no_backup: self.no_backup,
                trial_limit: TRIAL_LIMIT,
                nginx: self.nginx,
            },
            service: command.or_else(|| self.no_service.then_some(Service::None)),
            rules: Rules::lasting(self.probation, self.ready_within),
            no_backup: self.no_backup,
            keep_new_data: self.keep_new_data,
            spare_bytes: self.spare_mb.saturating_mul(1_000_000),
        }
    }

    /// Somebody at a terminal is asked once.
    pub(super) fn confirm(&self, what: &str) -> Result<(), Failure> {
        if self.yes || self.json || !std::io::stdin().is_terminal() {
            return Ok(());
        }
        eprint!("{what}? [y/N] ");
        drop(std::io::stderr().flush());
        let mut answer = String::new();
        drop(std::io::stdin().read_line(&mut answer));
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failure::failed("nothing was done, as was answered"))
    }
}

/// 500ms, 30s, 5m.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a time such as 500ms, 30s or 5m".to_owned()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "write a time such as 500ms, 30s or 5m".to_owned())?;
    let seconds = number * scale;
    if seconds > 0.0 && seconds <= 86_400.0 {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err("allowed are times up to a day".to_owned())
}
