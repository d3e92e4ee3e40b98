//! Install, upgrade, roll back, go on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::ask::{self, Trainer};
use super::checks::{self, Allowed, Subject};
use super::error::DeployError;
use super::incoming::{self, Incoming};
use super::journal::{Journal, Made, Operation, Step};
use super::lock::DeployLock;
use super::probation::{Rules, Shown};
use super::releases::{self, Known};
use super::service::Service;
use super::trial::Scratch;
use super::workshop::{Ended, Workshop};
use super::{guard, owner, tree};
use crate::config::{Environment, write_durably};
use crate::ops::doctor::Finding;
use crate::ops::installation::Installation;

/// What is told while it is done.
#[derive(Debug)]
pub enum Told<'a> {
    /// Something was looked at.
    Check(&'a Finding),
    /// A step begins, or something of it.
    Step(&'a str),
}

/// How a deploy is to be done.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// What an operator allows.
    pub allowed: Allowed,
    /// Who starts and stops the program; none: as it was at the install.
    pub service: Option<Service>,
    /// What the release has to show.
    pub rules: Rules,
    /// No backup into the repository.
    pub no_backup: bool,
    /// On the way back settings and state stay as the new release left them.
    pub keep_new_data: bool,
    /// Room that is to be left on the disk, bytes.
    pub spare_bytes: u64,
}

/// What an install sets.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// `environment`.
    pub environment: Option<Environment>,
    /// `api.host`.
    pub host: Option<String>,
    /// `api.port`.
    pub port: Option<u16>,
    /// Key that releases are signed with.
    pub key: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// `install`, `upgrade`, `rollback`.
    pub operation: &'static str,
    /// It is done; else the old release runs.
    pub done: bool,
    /// The release that was to run.
    pub to: String,
    /// The release that ran before.
    pub from: Option<String>,
    /// The release that `current` leads to now.
    pub release: Option<String>,
    /// Why it is not done.
    pub because: Option<String>,
    /// What could not be done on the way back.
    pub trouble: Option<String>,
    /// Settings and state that were put back.
    pub put_back: Vec<&'static str>,
    /// The backup that was made.
    pub backup: Option<String>,
    /// What the release has shown.
    pub shown: Option<Shown>,
    /// What was looked at before.
    pub checks: Vec<Finding>,
}

impl Outcome {
    fn of(journal: &Journal, ended: Ended, checks: Vec<Finding>) -> Self {
        Self {
            operation: journal.operation.name(),
            done: ended.because.is_none(),
            to: journal.to.clone(),
            from: journal.from.clone(),
            release: ended.release,
            because: ended.because,
            trouble: ended.trouble,
            put_back: ended.put_back,
            backup: journal.backup.clone(),
            shown: ended.shown,
            checks,
        }
    }

    /// On one line.
    #[must_use]
    pub fn words(&self) -> String {
        if self.done {
            return format!("release {} is in place", self.to);
        }
        let because = self.because.as_deref().unwrap_or("it failed");
        let runs = match (&self.release, self.from.is_some()) {
            (Some(release), _) => format!("release {release} is back in place"),
            (None, _) => "nothing is installed, as before".to_owned(),
        };
        let data = match self.put_back.as_slice() {
            [] => String::new(),
            parts => format!(
                ", {} as before (what the new one left is in deploy/aside)",
                parts.join(" and ")
            ),
        };
        let trouble = self
            .trouble
            .as_ref()
            .map(|t| format!("; BUT {t}"))
            .unwrap_or_default();
        format!(
            "release {} was taken back: {because}; {runs}{data}{trouble}",
            self.to
        )
    }
}

pub(super) type Tell<'a> = &'a mut dyn FnMut(Told);

/// Puts a release in place where none is yet.
///
/// # Errors
/// Why it is not done; nothing is then changed.
pub fn install(
    place: &Installation,
    file: &Path,
    site: &Site,
    wishes: &Wishes,
    tell: Tell,
) -> Result<Outcome, DeployError> {
    check_empty(place)?;
    let _lock = DeployLock::take(place)?;
    let mut made = Made::default();
    let service = wishes.service.clone().unwrap_or(Service::Systemd);
    check_manager(place, &service)?;
    let prepared = (|| {
        made.folders = owner::make_folders(place, false)?;
        // Logs say what went wrong, the journal what was done; what is in it keeps the lock's folder, too.
        let lasts = [place.root().to_owned(), place.deploy()];
        made.folders.retain(|folder| !lasts.contains(folder));
        write_site(place, site, &mut made)?;
        prepare(place, file, &service, None, site.environment, wishes, tell)
    })();
    let (incoming_name, checks) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            drop(tree::remove(&incoming::folder(place)));
            drop(made.take_away());
            return Err(error);
        }
    };
    let journal = Journal {
        made,
        ..begun(Operation::Install, None, incoming_name, service, wishes)
    };
    finish(place, journal, checks, tell)
}

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
fn prepare(
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

fn begun(
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

fn finish(
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

fn not_installed(place: &Installation) -> DeployError {
    DeployError::new(format!(
        "{0}: nothing is installed there; `deploy install {0}` does that",
        place.root().display()
    ))
}

/// The release that runs.
fn check_installed(place: &Installation) -> Result<String, DeployError> {
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

/// Nothing is there that an install would have to make room for.
fn check_empty(place: &Installation) -> Result<(), DeployError> {
    let root = place.root().display();
    if Journal::pending(place)?.is_some() {
        return Err(DeployError::new(format!(
            "{root}: a deploy was cut off there; `deploy resume {root}` goes on with it"
        )));
    }
    if let Ok(to) = std::fs::read_link(place.current()) {
        return Err(if place.root().join(&to).is_dir() {
            DeployError::new(format!(
                "{root}: release {} is installed already; use `deploy upgrade FILE {root}`",
                to.display()
            ))
        } else {
            check_installed(place).map_or_else(|e| e, |_| not_installed(place))
        });
    }
    let Ok(entries) = std::fs::read_dir(place.root()) else {
        return if place.root().exists() {
            Err(DeployError::new(format!(
                "{root} is no folder that can be read; choose another target"
            )))
        } else {
            Ok(())
        };
    };
    let ours = [
        "config",
        "state",
        "logs",
        "backups",
        "secrets",
        "releases",
        "deploy",
        "lost+found",
    ];
    let foreign = entries
        .flatten()
        .map(|e| e.file_name())
        .find(|name| !ours.iter().any(|o| *name == **o));
    match foreign {
        None => Ok(()),
        Some(name) => Err(DeployError::new(format!(
            "{root} has something else in it ({}); choose an empty folder, or one that does not exist",
            name.to_string_lossy()
        ))),
    }
}

fn check_manager(place: &Installation, service: &Service) -> Result<(), DeployError> {
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

/// The first site file, and the key, where they are not there yet.
fn write_site(place: &Installation, site: &Site, made: &mut Made) -> Result<(), DeployError> {
    let mut api = Vec::new();
    api.extend(site.host.as_ref().map(|host| format!("host: {host:?}")));
    api.extend(site.port.map(|port| format!("port: {port}")));
    let mut lines = Vec::new();
    lines.extend(
        site.environment
            .map(|e| format!("    environment: {},\n", e.name())),
    );
    if !api.is_empty() {
        lines.push(format!("    api: ({}),\n", api.join(", ")));
    }
    let text = format!(
        "// What differs from the defaults at this table; `billiards-trainer config schema` knows every setting.\n(\n{})\n",
        lines.concat()
    );
    let file = place.site_file();
    if !file.exists() {
        write_site_file(file, text.as_bytes(), made)?;
    }
    if let Some(key) = &site.key {
        let text = std::fs::read(key).map_err(|e| DeployError::io("read", key, &e))?;
        let file = place.config().join("release.pub");
        if !file.exists() {
            write_site_file(file, &text, made)?;
        }
    }
    let settings = ask::settings(place).map_err(|e| DeployError::new(e.to_string()))?;
    let host = settings.api.host.parse::<std::net::IpAddr>();
    let alone = host.map_or(settings.api.host == "localhost", |ip| ip.is_loopback());
    if !alone && !place.state().join("tokens.ron").exists() {
        return Err(DeployError::new(format!(
            "api.host is {}: without a token the trainer listens on this machine only; make one first (`billiards-trainer token \
             create NAME --set state_folder={}`), or leave out --host",
            settings.api.host,
            place.state().display()
        )));
    }
    Ok(())
}

fn write_site_file(file: PathBuf, text: &[u8], made: &mut Made) -> Result<(), DeployError> {
    write_durably(&file, text).map_err(|e| DeployError::io("write", &file, &e))?;
    made.files.push((file, blake3::hash(text).to_hex().to_string()));
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn root(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("billiards-commands-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        root
    }

    #[test]
    fn where_something_is_already_nothing_is_installed() {
        let root = root("empty");
        let place = Installation::at(&root);
        assert!(check_empty(&place).is_ok());
        fs::create_dir_all(place.state()).unwrap();
        assert!(check_empty(&place).is_ok());
        tree::point(&place.current(), Path::new("releases/1.0.0")).unwrap();
        let told = || check_empty(&place).unwrap_err().to_string();
        assert!(told().contains("which is not there"), "{}", told());
        fs::create_dir_all(place.releases().join("1.0.0")).unwrap();
        assert!(told().contains("deploy upgrade"), "{}", told());
        fs::remove_file(place.current()).unwrap();
        fs::write(root.join("thesis.odt"), "").unwrap();
        assert!(told().contains("thesis.odt"), "{}", told());
        fs::remove_dir_all(&root).unwrap();
        fs::write(&root, "").unwrap();
        assert!(told().contains("no folder"), "{}", told());
        fs::remove_file(&root).unwrap();
    }

    #[test]
    fn the_first_site_file_says_what_was_asked_for_and_a_later_one_is_kept() {
        let root = root("site");
        let place = Installation::at(&root);
        let site = Site {
            environment: Some(Environment::Development),
            port: Some(9123),
            ..Site::default()
        };
        let mut made = Made::default();
        write_site(&place, &site, &mut made).unwrap();
        let settings = ask::settings(&place).unwrap();
        assert_eq!(
            (settings.environment, settings.api.port),
            (Environment::Development, 9123)
        );
        assert_eq!(made.files.len(), 1);
        assert_eq!(made.files[0].0, place.site_file());
        fs::write(place.site_file(), "(api: (port: 9000))").unwrap();
        write_site(&place, &site, &mut made).unwrap();
        assert_eq!(ask::settings(&place).unwrap().api.port, 9000);
        assert_eq!(made.files.len(), 1);
        // Nobody is to be let in from elsewhere before there is a token.
        fs::write(place.site_file(), "(api: (host: \"0.0.0.0\"))").unwrap();
        assert!(
            write_site(&place, &site, &mut made)
                .unwrap_err()
                .to_string()
                .contains("token create")
        );
        fs::create_dir_all(place.state()).unwrap();
        fs::write(place.state().join("tokens.ron"), "[]").unwrap();
        write_site(&place, &site, &mut made).unwrap();
        fs::remove_dir_all(&root).unwrap();
    }
}
