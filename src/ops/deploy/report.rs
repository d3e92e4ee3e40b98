//! How an installation is: what runs, what ran, and whether all is as it was placed.

use std::path::Path;

use serde::Serialize;

use super::ask::{self, Trainer};
use super::error::DeployError;
use super::files;
use super::journal::Journal;
use super::releases::{self, Known};
use super::service::{Service, ServiceState};
use super::{data, owner};
use crate::ops::backup::BackupStatus;
use crate::ops::doctor::{Finding, Verdict};
use crate::ops::helpers::{DiskSpace, bytes_in_words};
use crate::ops::installation::Installation;

/// Less free than this is a warning, bytes.
const LOW_DISK: u64 = 1 << 30;

/// How an installation is.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The folder.
    pub root: String,
    /// The release that runs.
    pub release: Option<String>,
    /// It was found good.
    pub found_good: bool,
    /// The good release before it.
    pub previous: Option<String>,
    /// All releases, oldest first.
    pub releases: Vec<String>,
    /// Who starts and stops it.
    pub service: Option<String>,
    /// How the service is; none: nobody knows.
    pub state: Option<ServiceState>,
    /// It is at work; none: nobody can be asked.
    pub ready: Option<bool>,
    /// Why it is not.
    pub not_ready: Option<String>,
    /// A deploy that has not ended: what, where to, where it is.
    pub pending: Option<String>,
    /// What became of the last deploy.
    pub last: Option<String>,
    /// When a backup went well last, Unix seconds.
    pub last_backup_unix_s: Option<i64>,
    /// What failed releases left behind.
    pub aside: Vec<String>,
}

/// Looks how an installation is.
///
/// # Errors
/// When nothing is installed there, or what is known of it can't be read.
pub fn status(place: &Installation) -> Result<Status, DeployError> {
    check_there(place)?;
    let known = Known::read(place)?;
    let service = known.service.clone().unwrap_or(Service::None);
    let state = service.state().ok().filter(|_| service != Service::None);
    let up = state.as_ref().is_none_or(ServiceState::is_up);
    let trainer = ask::settings(place).ok().and_then(|s| Trainer::of(&s, None));
    let ready = trainer.filter(|_| up).map(|t| t.ready());
    let release = releases::current(place);
    let last = Journal::last(place).map(|last| {
        let what = format!("{} to {}", last.operation.name(), last.to);
        match last.because {
            Some(because) => format!("{what}, taken back: {because}"),
            None => format!("{what}, done"),
        }
    });
    let asides = std::fs::read_dir(data::aside(place))
        .into_iter()
        .flatten()
        .flatten();
    Ok(Status {
        root: place.root().display().to_string(),
        found_good: release.as_ref().is_some_and(|r| known.good.contains(r)),
        previous: releases::previous(place, &known),
        releases: releases::all(place),
        service: known.service.map(|s| s.words()),
        ready: ready.as_ref().map(Result::is_ok),
        not_ready: ready.and_then(Result::err),
        state,
        pending: Journal::pending(place)?
            .map(|j| format!("{} to {}: {}", j.operation.name(), j.to, j.step.words())),
        last,
        last_backup_unix_s: BackupStatus::load(place).backup.last_good_unix_s,
        aside: asides.map(|e| e.path().display().to_string()).collect(),
        release,
    })
}

fn check_there(place: &Installation) -> Result<(), DeployError> {
    if place.deploy().is_dir() || std::fs::symlink_metadata(place.current()).is_ok() {
        return Ok(());
    }
    Err(DeployError::new(format!(
        "{0}: nothing is installed there; `deploy install {0}` does that",
        place.root().display()
    )))
}

fn finding(check: &'static str, problem: Option<String>, says: String, remedy: &str) -> Finding {
    Finding {
        check,
        verdict: if problem.is_some() {
            Verdict::Fault
        } else {
            Verdict::Ok
        },
        remedy: problem.is_some().then(|| remedy.to_owned()),
        says: problem.unwrap_or(says),
    }
}

/// Looks whether everything is as it was placed. Changes nothing.
///
/// # Errors
/// When nothing is installed there.
pub fn verify(place: &Installation) -> Result<Vec<Finding>, DeployError> {
    check_there(place)?;
    let known = Known::read(place)?;
    let service = known.service.clone().unwrap_or(Service::None);
    let runs = releases::current(place);
    let mut found = Vec::new();
    let pending = Journal::pending(place);
    let says = match &pending {
        Ok(None) => None,
        Ok(Some(j)) => Some(format!(
            "the {} to {} was cut off while {}",
            j.operation.name(),
            j.to,
            j.step.words()
        )),
        Err(error) => Some(error.to_string()),
    };
    found.push(finding(
        "deploy",
        says,
        "nothing is under way".to_owned(),
        "`deploy resume` goes on with it",
    ));
    let link = match &runs {
        None => Some(format!("{} leads nowhere", place.current().display())),
        Some(release) if !releases::program(place, release).is_file() => {
            Some(format!("release {release} is not there"))
        }
        Some(_) => None,
    };
    let remedy = "`deploy rollback --to VERSION` leads it to one that is there";
    found.push(finding(
        "current",
        link.clone(),
        runs.clone().unwrap_or_default(),
        remedy,
    ));
    for release in releases::all(place) {
        let problem = releases::check_whole(place, &release)
            .err()
            .map(|e| e.to_string());
        let runs = Some(&release) == runs.as_ref();
        let mut told = finding(
            "release",
            problem,
            format!("{release} is what was placed"),
            "install it anew with `deploy upgrade FILE`",
        );
        if told.verdict == Verdict::Fault && !runs {
            told.verdict = Verdict::Warning;
        }
        found.push(told);
    }
    let owners = owner::faults(place);
    found.push(finding(
        "owners",
        (!owners.is_empty()).then(|| owners.join("; ")),
        "as they should be".to_owned(),
        "do as it says",
    ));
    if service == Service::Systemd && link.is_none() {
        found.push(units(place, &known, runs.as_deref().unwrap_or_default()));
    }
    let settings = ask::settings(place);
    let problem = settings.as_ref().err().map(ToString::to_string);
    found.push(finding(
        "settings",
        problem,
        "can be understood".to_owned(),
        "correct the site file",
    ));
    if service != Service::None {
        let trainer = settings.ok().and_then(|s| Trainer::of(&s, None));
        let problem = match trainer.map(|t| t.ready()) {
            None => Some("nobody can ask it".to_owned()),
            Some(ready) => ready.err(),
        };
        found.push(finding(
            "ready",
            problem,
            "it is at work".to_owned(),
            "look at `deploy status`, then at its log",
        ));
    }
    found.push(disk(place));
    Ok(found)
}

/// Units as the release that runs would have them; what a site adds in drop-ins is its own.
fn units(place: &Installation, known: &Known, release: &str) -> Finding {
    const REMEDY: &str = "put changes into drop-ins (systemctl edit); an upgrade writes these files anew";
    let program = releases::program(place, release);
    let wanted = match files::of_release(&program, place, known.nginx) {
        Ok(wanted) => wanted,
        Err(error) => return finding("units", Some(error.to_string()), String::new(), REMEDY),
    };
    let differs = |path: &Path, text: &str| std::fs::read_to_string(path).map_or(true, |there| there != text);
    let other: Vec<_> = wanted
        .iter()
        .filter(|file| differs(&file.path, &file.text))
        .map(|file| file.path.display().to_string())
        .collect();
    let problem = (!other.is_empty()).then(|| format!("not as the release has them: {}", other.join(", ")));
    finding("units", problem, "as the release has them".to_owned(), REMEDY)
}

fn disk(place: &Installation) -> Finding {
    let space = match DiskSpace::of(place.root()) {
        Ok(space) => space,
        Err(error) => return finding("disk", Some(error.to_string()), String::new(), "look at the disk"),
    };
    let says = format!("{} are free", bytes_in_words(space.free_bytes));
    if space.read_only {
        return finding(
            "disk",
            Some("it can only be read".to_owned()),
            String::new(),
            "mount it for writing, or replace it",
        );
    }
    let mut told = finding("disk", None, says, "");
    if space.free_bytes < LOW_DISK {
        told.verdict = Verdict::Warning;
        told.remedy = Some("make room: an upgrade needs it".to_owned());
    }
    told
}
