//! Upgrade, roll back, go on.

use std::path::Path;
use std::time::Duration;

use super::ask::{self, Trainer};
use super::checks::{self, Subject};
use super::error::DeployError;
use super::incoming::{self, Incoming};
use super::journal::{Journal, Made, Operation, Step};
use super::lock::DeployLock;
use super::outcome::{Outcome, Tell, Told, Wishes};
use super::releases::{self, Known};
use super::service::Service;
use super::trial::Scratch;
use super::workshop::Workshop;
use super::{guard, tree};
use crate::config::Environment;
use crate::ops::doctor::Finding;
use crate::ops::installation::Installation;

/// Puts another release in place of the one that runs.
///
/// # Errors
/// Why it is not begun; nothing is then changed.
pub fn upgrade(
    place: &Installation,
    file: &Path,
    wishes: &Wishes,
    tell: Tell,
) -> Result<Outcome, DeployError> {
    let lock = lock_existing(place)?;
    settle(place, tell)?;
    let from = check_installed(place)?;
    let known = Known::read(place)?;
    let service = service_of(wishes, &known);
    check_manager(place, &service)?;
    let runs = releases::manifest(place, &from)?.map(|m| m.version);
    let environment = ask::settings(place).ok().map(|s| s.environment);
    let mut wishes = wishes.clone();
    wishes.allowed.nginx |= known.nginx;
    let prepared = prepare(place, file, &service, runs, environment, &wishes, tell);
    let (to, checks) = prepared.inspect_err(|_| drop(tree::remove(&incoming::folder(place))))?;
    if to == from {
        tree::remove(&incoming::folder(place))?;
        return Err(DeployError::new(format!(
            "release {from} runs already; there is nothing to do"
        )));
    }
    let mut journal = begun(Operation::Upgrade, Some(from), to, service, &wishes);
    journal.staged = !releases::folder(place, &journal.to).exists();
    (journal.was_running, journal.old_rate_hz) = now(place, &journal.service);
    let outcome = finish(place, journal, checks, tell);
    drop(lock);
    outcome
}

/// Goes back to a release that was there before.
///
/// # Errors
/// Why it is not begun; nothing is then changed.
pub fn rollback(
    place: &Installation,
    to: Option<&str>,
    wishes: &Wishes,
    tell: Tell,
) -> Result<Outcome, DeployError> {
    let _lock = lock_existing(place)?;
    settle(place, tell)?;
    let from = releases::current(place);
    let known = Known::read(place)?;
    let to = match to {
        Some(to) => to.to_owned(),
        None => releases::previous(place, &known).ok_or_else(|| {
            DeployError::new(format!(
                "{}: there is no release to go back to; name one with --to ({})",
                place.root().display(),
                releases::all(place).join(", ")
            ))
        })?,
    };
    releases::check_whole(place, &to)?;
    if from.as_ref() == Some(&to) {
        return Err(DeployError::new(format!(
            "release {to} runs already; there is nothing to do"
        )));
    }
    let service = service_of(wishes, &known);
    check_manager(place, &service)?;
    // What is there now was written by the release that runs: can the other read it?
    let scratch = Scratch::of(place, "trial")?;
    tell(Told::Step("trying the release on a copy of the state"));
    let tried = super::trial::try_out(
        &releases::program(place, &to),
        &scratch,
        wishes.allowed.trial_limit,
    );
    drop(scratch);
    if let Err(why) = tried {
        return Err(DeployError::new(format!(
            "trial: release {to} can't work on the settings and state of now: {why}; restore the backup of before the upgrade \
             first (`billiards-trainer backup list`, tag pre-upgrade), then roll back"
        )));
    }
    let from = from.filter(|from| releases::program(place, from).is_file());
    let mut journal = begun(Operation::Rollback, from, to, service, wishes);
    (journal.was_running, journal.old_rate_hz) = now(place, &journal.service);
    journal.nginx |= known.nginx;
    finish(place, journal, Vec::new(), tell)
}

/// Goes on with a deploy that was cut off. None: there is none.
///
/// # Errors
/// When it can't go on.
pub fn resume(place: &Installation, tell: Tell) -> Result<Option<Outcome>, DeployError> {
    let _lock = lock_existing(place)?;
    let outcome = go_on(place, tell)?;
    if outcome.is_none() {
        // A scratch folder or a release that was being looked at when it was cut off.
        tidy(place)?;
    }
    Ok(outcome)
}

fn go_on(place: &Installation, tell: Tell) -> Result<Option<Outcome>, DeployError> {
    let Some(mut journal) = Journal::pending(place)? else {
        return Ok(None);
    };
    let cut = journal.step;
    journal.step = cut.after_a_kill();
    if journal.step.is_undo() {
        journal
            .because
            .get_or_insert_with(|| format!("it was cut off while {}", cut.words()));
    }
    tell(Told::Step(&format!(
        "going on with the {} to {} that was cut off while {}",
        journal.operation.name(),
        journal.to,
        cut.words()
    )));
    let mut say = |text: &str| tell(Told::Step(text));
    let ended = Workshop::new(place, &mut say).work(journal.clone())?;
    Ok(Some(Outcome::of(&journal, ended, Vec::new())))
}

/// What was cut off before is brought to an end first.
pub(super) fn settle(place: &Installation, tell: Tell) -> Result<(), DeployError> {
    if let Some(outcome) = go_on(place, tell)? {
        tell(Told::Step(&outcome.words()));
    }
    tidy(place)
}

fn tidy(place: &Installation) -> Result<(), DeployError> {
    tree::remove(&incoming::folder(place))?;
    tree::remove(&place.deploy().join("trial"))?;
    tree::remove(&place.deploy().join("units"))
}

/// Takes a release in and looks at everything. Gives the name it gets.
pub(super) fn prepare(
    place: &Installation,
    file: &Path,
    service: &Service,
    runs: Option<super::version::Version>,
    environment: Option<Environment>,
    wishes: &Wishes,
    tell: Tell,
) -> Result<(String, Vec<Finding>), DeployError> {
    tell(Told::Step(&format!("taking in {}", file.display())));
    let incoming = Incoming::take(file, place, wishes.spare_bytes)?;
    let scratch = Scratch::of(place, "trial")?;
    let subject = Subject {
        place,
        incoming: &incoming,
        runs,
        service,
        scratch: &scratch,
        environment: environment.unwrap_or_default(),
        allowed: wishes.allowed,
    };
    let (checks, version) = subject.examine(&mut |finding| tell(Told::Check(finding)))?;
    checks::passed(&checks)?;
    let version =
        version.ok_or_else(|| DeployError::new("the release did not say its version; get the file again"))?;
    incoming.write_manifest(&version)?;
    Ok((releases::name_for(place, &version, &incoming.hash), checks))
}

pub(super) fn begun(
    operation: Operation,
    from: Option<String>,
    to: String,
    service: Service,
    wishes: &Wishes,
) -> Journal {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    Journal {
        id: format!("{now}-{}", std::process::id()),
        operation,
        from,
        to,
        step: Step::FORWARD[0],
        because: None,
        was_running: false,
        service,
        staged: operation != Operation::Rollback,
        no_backup: wishes.no_backup,
        backup: None,
        keep_new_data: wishes.keep_new_data,
        nginx: wishes.allowed.nginx,
        rules: wishes.rules,
        old_rate_hz: None,
        made: Made::default(),
    }
}

pub(super) fn finish(
    place: &Installation,
    mut journal: Journal,
    checks: Vec<Finding>,
    tell: Tell,
) -> Result<Outcome, DeployError> {
    let mut say = |text: &str| tell(Told::Step(text));
    let ended = Workshop::new(place, &mut say).work(journal.clone())?;
    if let Some(last) = Journal::last(place).filter(|last| last.id == journal.id) {
        journal.backup = last.backup;
    }
    Ok(Outcome::of(&journal, ended, checks))
}

/// Whether it runs now, and how many pictures a second it looks at.
fn now(place: &Installation, service: &Service) -> (bool, Option<f64>) {
    let runs = service.state().is_ok_and(|state| state.is_up());
    let trainer = ask::settings(place).ok().and_then(|s| Trainer::of(&s, None));
    let status = trainer.filter(|_| runs).and_then(|t| t.json("/api/v1/status"));
    (
        runs,
        status.and_then(|s| s.pointer("/metrics/vision_rate_hz")?.as_f64()),
    )
}

fn service_of(wishes: &Wishes, known: &Known) -> Service {
    wishes
        .service
        .clone()
        .or_else(|| known.service.clone())
        .unwrap_or(Service::Systemd)
}

pub(super) fn lock_existing(place: &Installation) -> Result<DeployLock, DeployError> {
    if !place.root().is_dir() {
        return Err(not_installed(place));
    }
    DeployLock::take(place)
}

pub(super) fn not_installed(place: &Installation) -> DeployError {
    DeployError::new(format!(
        "{0}: nothing is installed there; `deploy install {0}` does that",
        place.root().display()
    ))
}

/// The release that runs.
pub(super) fn check_installed(place: &Installation) -> Result<String, DeployError> {
    let release = releases::current(place).ok_or_else(|| not_installed(place))?;
    if !releases::program(place, &release).is_file() {
        return Err(DeployError::new(format!(
            "{} leads to release {release}, which is not there; lead it to one that is with `deploy rollback --to VERSION` ({})",
            place.current().display(),
            releases::all(place).join(", ")
        )));
    }
    Ok(release)
}

pub(super) fn check_manager(place: &Installation, service: &Service) -> Result<(), DeployError> {
    match service {
        Service::Systemd if !Service::systemd_runs() => Err(DeployError::new(
            "systemd does not run this machine; say --service-command PROGRAM, or --no-service to place files only",
        )),
        Service::Systemd if !rustix::process::geteuid().is_root() => Err(DeployError::new(
            "only root may place units; use sudo, or say --no-service to place files only",
        )),
        Service::Systemd
            if !place
                .root()
                .to_string_lossy()
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) =>
        {
            Err(DeployError::new(format!(
                "{} can't stand in a unit; choose a target of letters, digits and / . _ -",
                place.root().display()
            )))
        }
        Service::Command(program) if !program.is_file() => Err(DeployError::new(format!(
            "{} is not there; correct --service-command",
            program.display()
        ))),
        _ => Ok(()),
    }
}

/// Goes before each start of the service; see [`guard`].
///
/// # Errors
/// When it can't do what it should.
pub fn boot_guard(place: &Installation, tell: Tell) -> Result<Option<String>, DeployError> {
    guard::boot_guard(place, &mut |text| tell(Told::Step(text)))
}

/// How long a trial may take.
pub const TRIAL_LIMIT: Duration = Duration::from_secs(90);
