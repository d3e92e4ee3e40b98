//! `deploy`: releases in place.

mod how;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use how::{How, parse_time};

use super::{Failure, show, write_json};
use crate::config::Environment;
use crate::ops::deploy::commands;
use crate::ops::deploy::install::{self, Site};
use crate::ops::deploy::outcome::{Outcome, Told};
use crate::ops::deploy::{DeployError, files, report, shadow};
use crate::ops::doctor::{Finding, Verdict};
use crate::ops::installation::Installation;

/// Puts a release in place, watches it, and takes it back where it does not work.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  sudo billiards-trainer deploy install /opt/billiards-trainer --environment production
  sudo billiards-trainer deploy upgrade billiards-trainer-0.3.0
  sudo billiards-trainer deploy rollback
  billiards-trainer deploy status"
)]
pub(crate) struct Deploy {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    install: Install,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Put a release where none is yet, and start it.
    Install(Install),
    /// Put another release in the place of the one that runs; it is taken back if it does not work.
    Upgrade(Upgrade),
    /// Go back to the release before, or to any that is kept.
    Rollback(Rollback),
    /// Go on with what was cut off.
    Resume(Look),
    /// Say what runs, what ran, and how it is.
    Status(Look),
    /// Look whether everything is as it was placed.
    Verify(Look),
    /// Let a release look at the pictures of the one that runs, and compare both.
    Shadow(Shadow),
    /// Show the units and other files of the system that this program brings.
    Files(Files),
    /// Count the starts of a release nobody has found good yet; the unit calls this.
    #[command(hide = true)]
    BootGuard(Look),
}

#[derive(Debug, Args)]
struct Install {
    /// Folder of the installation.
    #[arg(default_value = Installation::USUAL)]
    target: PathBuf,
    /// production, development or testing, for the site file.
    #[arg(long, value_parser = parse_environment)]
    environment: Option<Environment>,
    /// Release to install; without it this very program.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Address the API listens on, for the site file.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port the API listens on, for the site file.
    #[arg(long)]
    port: Option<u16>,
    /// Public key (minisign) that releases of this installation are signed with.
    #[arg(long, value_name = "FILE")]
    release_key: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct Upgrade {
    /// The release.
    file: PathBuf,
    /// Folder of the installation.
    #[arg(default_value = Installation::USUAL)]
    target: PathBuf,
    /// Compare it with the one that runs before it takes over, for so long.
    #[arg(long, value_name = "TIME", value_parser = parse_time, num_args = 0..=1, default_missing_value = "60s")]
    shadow: Option<Duration>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct Rollback {
    /// Folder of the installation.
    #[arg(default_value = Installation::USUAL)]
    target: PathBuf,
    /// The release to go back to; without it the good one before the one that runs.
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct Look {
    /// Folder of the installation.
    target: Option<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Files {
    /// Folder of the installation.
    #[arg(default_value = Installation::USUAL)]
    target: PathBuf,
    /// Also those of nginx.
    #[arg(long)]
    nginx: bool,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Shadow {
    /// The release.
    file: PathBuf,
    /// Folder of the installation.
    #[arg(default_value = Installation::USUAL)]
    target: PathBuf,
    /// Compare for so long.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    length: Duration,
    /// What it looks at in place of the pictures of the running trainer: recording:FILE.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Run a release that is not signed.
    #[arg(long)]
    unsigned: bool,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        if error.busy {
            Self::busy(error.to_string())
        } else {
            Self::failed(error.to_string())
        }
    }
}

impl Deploy {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        match self.what.unwrap_or(What::Install(self.install)) {
            What::Install(install) => install.execute(),
            What::Upgrade(upgrade) => upgrade.execute(),
            What::Rollback(rollback) => {
                let place = Installation::at(&rollback.target);
                rollback
                    .how
                    .confirm(&format!("Roll {} back", place.root().display()))?;
                let outcome =
                    commands::rollback(&place, rollback.to.as_deref(), &rollback.how.wishes(), &mut tell)?;
                told(&outcome, rollback.how.json)
            }
            What::Resume(look) => match commands::resume(&look.place(), &mut tell)? {
                Some(outcome) => told(&outcome, look.json),
                None if look.json => json(&serde_json::Value::Null),
                None => show("Nothing was cut off.\n").map(|()| ExitCode::SUCCESS),
            },
            What::Status(look) => look.status(),
            What::Verify(look) => look.verify(),
            What::Shadow(shadow) => shadow.execute(),
            What::Files(list) => list.execute(),
            What::BootGuard(look) => {
                if let Some(words) = commands::boot_guard(&look.place(), &mut tell)? {
                    eprintln!("{words}");
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Install {
    fn execute(self) -> Result<ExitCode, Failure> {
        let place = Installation::at(&self.target);
        let file = match self.from {
            Some(file) => file,
            None => std::env::current_exe().map_err(|e| {
                Failure::failed(format!(
                    "this program can't find its own file ({e}); name it with --from"
                ))
            })?,
        };
        self.how.confirm(&format!(
            "Install {} into {}",
            file.display(),
            place.root().display()
        ))?;
        let site = Site {
            environment: self.environment,
            host: self.host,
            port: self.port,
            key: self.release_key,
        };
        let outcome = install::install(&place, &file, &site, &self.how.wishes(), &mut tell)?;
        told(&outcome, self.how.json)
    }
}

impl Upgrade {
    fn execute(self) -> Result<ExitCode, Failure> {
        let place = Installation::at(&self.target);
        self.how.confirm(&format!(
            "Put {} in the place of what runs in {}",
            self.file.display(),
            place.root().display()
        ))?;
        let wishes = self.how.wishes();
        if let Some(length) = self.shadow {
            let compared = shadow::shadow(
                &place,
                &self.file,
                None,
                length,
                wishes.spare_bytes,
                wishes.allowed.unsigned,
                &mut tell,
            )?;
            if !compared.may_take_over() {
                return Err(Failure::failed(format!(
                    "beside the running trainer the release did not do as well: {}; nothing was changed",
                    compared.against.join(", ")
                )));
            }
        }
        let outcome = commands::upgrade(&place, &self.file, &wishes, &mut tell)?;
        told(&outcome, self.how.json)
    }
}

impl Look {
    /// The folder that was named; else that of this program; else the usual one.
    fn place(&self) -> Installation {
        let own = || Installation::of_program(&std::env::current_exe().ok()?);
        match &self.target {
            Some(target) => Installation::at(target),
            None => own().unwrap_or_else(|| Installation::at(Installation::USUAL)),
        }
    }

    fn status(&self) -> Result<ExitCode, Failure> {
        let status = report::status(&self.place())?;
        if self.json {
            return json(&status);
        }
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let release = match (&status.release, status.found_good) {
            (Some(release), false) => format!("{release}, not found good yet"),
            (release, _) => or_none(release),
        };
        let service = match (&status.service, &status.state) {
            (Some(name), Some(state)) => {
                let pid = state
                    .pid
                    .map(|pid| format!(", process {pid}"))
                    .unwrap_or_default();
                format!(
                    "{name}: {}{pid}, started again {} times",
                    state.active, state.restarts
                )
            }
            (name, _) => or_none(name),
        };
        let ready = match (status.ready, &status.not_ready) {
            (Some(true), _) => "yes".to_owned(),
            (_, Some(why)) => format!("no: {why}"),
            _ => "nobody can be asked".to_owned(),
        };
        let backup = status
            .last_backup_unix_s
            .and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
        let backup = backup.and_then(|t| t.format(&time::format_description::well_known::Rfc3339).ok());
        let rows = [
            ("folder", status.root.clone()),
            ("release", release),
            ("previous", or_none(&status.previous)),
            ("kept", status.releases.join(", ")),
            ("service", service),
            ("ready", ready),
            ("last deploy", or_none(&status.last)),
            ("cut off", or_none(&status.pending)),
            ("last backup", or_none(&backup)),
            (
                "put aside",
                if status.aside.is_empty() {
                    "none".to_owned()
                } else {
                    status.aside.join(", ")
                },
            ),
        ];
        let text: Vec<_> = rows
            .iter()
            .map(|(name, says)| format!("{name:<12} {says}\n"))
            .collect();
        show(&text.concat()).map(|()| ExitCode::SUCCESS)
    }

    fn verify(&self) -> Result<ExitCode, Failure> {
        let found = report::verify(&self.place())?;
        let faults = found.iter().filter(|f| f.verdict == Verdict::Fault).count();
        if self.json {
            json(&found)?;
        } else {
            show(&found.iter().map(line).collect::<Vec<_>>().concat())?;
        }
        Ok(if faults > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl Shadow {
    fn execute(self) -> Result<ExitCode, Failure> {
        let place = Installation::at(&self.target);
        let spare = 100_000_000;
        let compared = shadow::shadow(
            &place,
            &self.file,
            self.source.as_deref(),
            self.length,
            spare,
            self.unsigned,
            &mut tell,
        )?;
        if self.json {
            json(&compared)?;
        } else {
            let rate = compared.rate_hz.map_or("?".to_owned(), |r| format!("{r:.1}"));
            let says = if compared.may_take_over() {
                "It may take over.".to_owned()
            } else {
                format!("It may not take over: {}.", compared.against.join(", "))
            };
            show(&format!(
                "{} of {} looks alike, {rate} pictures a second. {says}\n",
                compared.agreed, compared.looks
            ))?;
        }
        Ok(if compared.may_take_over() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Files {
    fn execute(self) -> Result<ExitCode, Failure> {
        let list = files::of_this_program(&Installation::at(&self.target), self.nginx);
        if self.json {
            return json(&list);
        }
        let text: Vec<_> = list
            .iter()
            .map(|f| format!("==> {}\n{}\n", f.path.display(), f.text))
            .collect();
        show(&text.concat()).map(|()| ExitCode::SUCCESS)
    }
}

fn parse_environment(text: &str) -> Result<Environment, String> {
    let all = [
        Environment::Production,
        Environment::Development,
        Environment::Testing,
    ];
    let found = all.into_iter().find(|e| e.name() == text);
    found.ok_or_else(|| "write production, development or testing".to_owned())
}

/// What is done, as it is done; on standard error, so that a document on standard output stays one.
fn tell(told: Told) {
    match told {
        Told::Check(finding) => eprint!("{}", line(finding)),
        Told::Step(text) => eprintln!("- {text}"),
    }
}

fn line(finding: &Finding) -> String {
    let remedy = finding
        .remedy
        .as_ref()
        .map(|r| format!("\n{:20} → {r}", ""))
        .unwrap_or_default();
    format!(
        "{:<8} {:<10}  {}{remedy}\n",
        finding.verdict.word(),
        finding.check,
        finding.says
    )
}

fn json(document: &impl serde::Serialize) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    write_json(&mut out, document)
        .map_err(|e| Failure::failed(format!("can't write to standard output: {e}")))?;
    Ok(ExitCode::SUCCESS)
}

/// The result: one line, or one document; a release that was taken back is a failure.
fn told(outcome: &Outcome, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        json(outcome)?;
    }
    if !outcome.done {
        return Err(Failure::failed(outcome.words()));
    }
    if !as_json {
        show(&format!("{}.\n", outcome.words()))?;
    }
    Ok(ExitCode::SUCCESS)
}
