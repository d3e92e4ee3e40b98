//! What is looked at before anything is touched. Each can fail, is called by a name, and says what to do.

use std::cmp::Ordering;
use std::path::Path;
use std::time::Duration;

use super::ask::{self, Trainer};
use super::error::DeployError;
use super::files;
use super::incoming::Incoming;
use super::service::Service;
use super::signature::Signed;
use super::trial::{Scratch, try_out};
use super::version::Version;
use crate::config::{Environment, Settings};
use crate::ops::doctor::{Finding, Verdict, examine};
use crate::ops::installation::Installation;
use crate::ops::process::Program;

/// What an operator allows, and how long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// A release without a signature.
    pub unsigned: bool,
    /// An older release.
    pub downgrade: bool,
    /// While somebody plays.
    pub now: bool,
    /// Without a backup into the repository.
    pub no_backup: bool,
    /// The trial may take so long.
    pub trial_limit: Duration,
    /// Files of nginx, too.
    pub nginx: bool,
}

/// All that is known when the checks begin.
pub struct Subject<'a> {
    /// The installation.
    pub place: &'a Installation,
    /// The release.
    pub incoming: &'a Incoming,
    /// The version of the release that runs.
    pub runs: Option<Version>,
    /// Who starts and stops it.
    pub service: &'a Service,
    /// Settings and state to try it on.
    pub scratch: &'a Scratch,
    /// The environment that is set.
    pub environment: Environment,
    /// What an operator allows.
    pub allowed: Allowed,
}

fn finding(check: &'static str, verdict: Verdict, says: impl Into<String>, remedy: Option<&str>) -> Finding {
    Finding {
        check,
        verdict,
        says: says.into(),
        remedy: remedy.map(ToOwned::to_owned),
    }
}

fn good(check: &'static str, says: impl Into<String>) -> Finding {
    finding(check, Verdict::Ok, says, None)
}

fn fault(check: &'static str, says: impl Into<String>, remedy: &str) -> Finding {
    finding(check, Verdict::Fault, says, Some(remedy))
}

/// The first fault, as the reason not to go on.
///
/// # Errors
/// That reason.
pub fn passed(findings: &[Finding]) -> Result<(), DeployError> {
    match findings.iter().find(|f| f.verdict == Verdict::Fault) {
        None => Ok(()),
        Some(f) => Err(DeployError::new(format!(
            "{}: {}; {}",
            f.check,
            f.says,
            f.remedy.as_deref().unwrap_or("look at it")
        ))),
    }
}

/// Whether a file may be run at all: it is for this machine, and of somebody who is believed.
///
/// # Errors
/// When it can't be read.
pub fn origin(
    incoming: &Incoming,
    environment: Environment,
    unsigned: bool,
) -> Result<[Finding; 2], DeployError> {
    let machine = match incoming.foreign()? {
        None => good("machine", format!("made for {}", std::env::consts::ARCH)),
        Some(why) => fault("machine", why, "get the release for this machine"),
    };
    Ok([machine, signature(&incoming.signed, environment, unsigned)])
}

fn signature(signed: &Signed, environment: Environment, unsigned: bool) -> Finding {
    const NAME: &str = "signature";
    match signed {
        Signed::Good(comment) => good(NAME, format!("good: {comment}")),
        Signed::Bad(why) => fault(
            NAME,
            why,
            "do not use this file: get it again from where releases come from",
        ),
        Signed::Not(why) if environment != Environment::Production || unsigned => finding(
            NAME,
            Verdict::Warning,
            why,
            Some("whoever can change the file can change the trainer"),
        ),
        Signed::Not(why) => fault(
            NAME,
            why,
            "put FILE.minisig beside it and the key to config/release.pub, or say --unsigned if you made it yourself",
        ),
    }
}

impl Subject<'_> {
    /// Looks at everything, and tells each as it is found. Ends at the first thing without which the others can't be looked at.
    ///
    /// # Errors
    /// When something can't be looked at at all.
    pub fn examine(
        &self,
        tell: &mut dyn FnMut(&Finding),
    ) -> Result<(Vec<Finding>, Option<Version>), DeployError> {
        let mut found = Vec::new();
        let mut note = |finding: Finding| {
            tell(&finding);
            let goes_on = finding.verdict != Verdict::Fault;
            found.push(finding);
            goes_on
        };
        // Nobody runs a program of which nobody knows where it comes from.
        for finding in origin(self.incoming, self.environment, self.allowed.unsigned)? {
            if !note(finding) {
                return Ok((found, None));
            }
        }
        let version = match self.incoming.version(self.scratch.place().root()) {
            Ok(version) => {
                note(good("program", format!("runs, and is {version}")));
                version
            }
            Err(why) => {
                note(fault("program", why, "get the release's file again"));
                return Ok((found, None));
            }
        };
        let goes_on = note(self.order(&version)) && note(self.settings());
        if goes_on && note(self.backup()) && note(self.trial()) {
            note(self.units()?);
            note(self.nginx());
            note(self.players());
            note(self.port());
            for finding in self.machine_findings() {
                note(finding);
            }
        }
        Ok((found, Some(version)))
    }

    fn order(&self, version: &Version) -> Finding {
        const NAME: &str = "version";
        let Some(runs) = &self.runs else {
            return good(NAME, version.to_string());
        };
        match version.order(runs) {
            Ordering::Less if !self.allowed.downgrade => fault(
                NAME,
                format!("{version} is older than {runs}, which runs"),
                "take a newer one, go back with `deploy rollback`, or say --allow-downgrade",
            ),
            Ordering::Less => finding(
                NAME,
                Verdict::Warning,
                format!("{version} is older than {runs}"),
                Some("as was asked for"),
            ),
            _ => good(NAME, format!("{version} after {runs}")),
        }
    }

    fn settings(&self) -> Finding {
        match self.incoming.check_settings(self.scratch.place()) {
            Ok(()) => good("settings", "the release understands them"),
            Err(why) => fault(
                "settings",
                why,
                "correct the site file so that both releases understand it",
            ),
        }
    }

    fn backup(&self) -> Finding {
        const NAME: &str = "backup";
        if self.allowed.no_backup {
            return good(NAME, "none is made");
        }
        let told = match Program::new("restic")
            .args(["version"])
            .run(Duration::from_secs(20))
        {
            Ok(told) if told.ending.is_good() => {
                good(NAME, told.text().lines().next().unwrap_or("restic").to_owned())
            }
            Ok(told) => fault(
                NAME,
                format!("restic {}", told.ending),
                "install it anew, or say --no-backup",
            ),
            Err(error) => fault(NAME, error.to_string(), "or say --no-backup"),
        };
        match told.verdict {
            // Nothing is there to be saved yet; the one at night will need it.
            Verdict::Fault if self.runs.is_none() => finding(
                NAME,
                Verdict::Warning,
                told.says,
                Some("apt install restic: until then no backups are made"),
            ),
            _ => told,
        }
    }

    fn trial(&self) -> Finding {
        const NAME: &str = "trial";
        match try_out(&self.incoming.program, self.scratch, self.allowed.trial_limit) {
            Ok(changes) if changes.is_empty() => good(NAME, "at work on a copy of the state, nothing lost"),
            Ok(changes) => good(
                NAME,
                format!("at work on a copy of the state; {}", changes.join(", ")),
            ),
            Err(why) => fault(NAME, why, "this release does not work here; nothing was changed"),
        }
    }

    fn units(&self) -> Result<Finding, DeployError> {
        const NAME: &str = "units";
        if *self.service != Service::Systemd {
            return Ok(good(NAME, "not placed here"));
        }
        // They are looked at where they lead to something: in a folder laid out as an installation.
        let inside = Installation::at(self.place.deploy().join("units"));
        super::tree::remove(inside.root())?;
        let deploy = inside.deploy();
        std::fs::create_dir_all(&deploy).map_err(|e| DeployError::io("make", &deploy, &e))?;
        super::tree::point(
            &inside.current(),
            self.incoming.program.parent().unwrap_or(Path::new("/")),
        )?;
        super::tree::point(&deploy.join("good"), Path::new("../current"))?;
        let said = files::of_release(&self.incoming.program, &inside, false)
            .and_then(|list| files::complaints(&inside, &list));
        super::tree::remove(inside.root())?;
        Ok(match said {
            Ok(None) => good(NAME, "systemd has nothing to say against them"),
            Ok(Some(said)) => fault(NAME, said, "this release's units do not fit this system"),
            Err(why) => fault(NAME, why.to_string(), "get the release's file again"),
        })
    }

    fn nginx(&self) -> Finding {
        const NAME: &str = "nginx";
        match Program::new("nginx")
            .args(["-t", "-q"])
            .run(Duration::from_secs(20))
        {
            Err(_) if self.allowed.nginx => {
                fault(NAME, "not installed", "apt install nginx, or leave out --nginx")
            }
            Err(_) => good(NAME, "not installed, not needed"),
            Ok(told) if told.ending.is_good() => good(NAME, "its configuration is good"),
            Ok(told) if self.allowed.nginx => fault(
                NAME,
                told.ending.to_string(),
                "`nginx -t` tells more; correct it first",
            ),
            Ok(told) => finding(
                NAME,
                Verdict::Warning,
                told.ending.to_string(),
                Some("`nginx -t` tells more"),
            ),
        }
    }

    fn players(&self) -> Finding {
        const NAME: &str = "players";
        let trainer = ask::settings(self.place).ok().and_then(|s| Trainer::of(&s, None));
        match trainer.and_then(|t| t.somebody_plays()) {
            None => good(NAME, "nobody plays"),
            Some(why) if self.allowed.now => finding(NAME, Verdict::Warning, why, Some("--now was said")),
            Some(why) => fault(NAME, why, "wait until they have finished, or say --now"),
        }
    }

    fn port(&self) -> Finding {
        const NAME: &str = "port";
        let settings = ask::settings(self.place).unwrap_or_default();
        if *self.service == Service::None {
            return good(NAME, "nothing is started");
        }
        port_finding(NAME, &settings, self.service)
    }

    /// What the doctor thinks of the machine: nothing of it stops a deploy.
    fn machine_findings(&self) -> Vec<Finding> {
        let config = self.scratch.place().site_file();
        let report = examine(config.is_file().then_some(config));
        let wanted = ["camera", "monitors", "graphics", "memory"];
        let mild = |mut finding: Finding| {
            if finding.verdict == Verdict::Fault {
                finding.verdict = Verdict::Warning;
            }
            finding
        };
        let found = report.checks.into_iter().filter(|f| wanted.contains(&f.check));
        found.map(mild).collect()
    }
}

/// Whether the port is free, or the trainer's own.
fn port_finding(name: &'static str, settings: &Settings, service: &Service) -> Finding {
    if !settings.api.enabled || settings.api.port == 0 {
        return fault(
            name,
            "the API is off or on any free port: nobody could see whether the release works",
            "set api.enabled and api.port in the site file",
        );
    }
    let address = (settings.api.host.as_str(), settings.api.port);
    match std::net::TcpListener::bind(address) {
        Ok(_) => good(name, format!("{}:{} is free", address.0, address.1)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            if service.state().is_ok_and(|state| state.is_up()) {
                return good(
                    name,
                    format!("{}:{} is the running trainer's", address.0, address.1),
                );
            }
            fault(
                name,
                format!("{}:{} is taken by another program", address.0, address.1),
                "stop that program, or choose another api.port",
            )
        }
        Err(error) => fault(
            name,
            format!("{}:{}: {error}", address.0, address.1),
            "correct api.host and api.port",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_or_taken_or_of_no_use() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = Settings::default();
        settings.api.port = listener.local_addr().unwrap().port();
        let look = |settings: &Settings| port_finding("port", settings, &Service::None).verdict;
        assert_eq!(look(&settings), Verdict::Fault);
        drop(listener);
        assert_eq!(look(&settings), Verdict::Ok);
        settings.api.host = "203.0.113.1".to_owned();
        assert_eq!(look(&settings), Verdict::Fault);
        settings.api.port = 0;
        assert_eq!(look(&settings), Verdict::Fault);
    }

    #[test]
    fn the_first_fault_is_the_reason_on_one_line() {
        let list = [
            good("a", "x"),
            finding("b", Verdict::Warning, "y", Some("do that")),
            fault("c", "it is so", "do this"),
            fault("d", "z", "no"),
        ];
        assert_eq!(passed(&list).unwrap_err().to_string(), "c: it is so; do this");
        assert!(passed(&list[..2]).is_ok());
    }
}
