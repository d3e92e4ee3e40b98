//! Who starts and stops the trainer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use crate::ops::process::{Finished, Program};

/// The unit.
pub const UNIT: &str = "billiards-trainer.service";
/// A start may take its `TimeoutStartSec=`, and a little.
const START_LIMIT: Duration = Duration::from_secs(90);
/// A stop its `TimeoutStopSec=`.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// A question is answered at once.
const ASK_LIMIT: Duration = Duration::from_secs(20);

/// Who starts and stops the trainer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// systemd, by its unit.
    Systemd,
    /// A program that takes `start`, `stop` and `status`, and keeps the trainer running in between. To `status` it prints
    /// lines as `systemctl show` does: `ActiveState=`, `MainPID=`, `NRestarts=`.
    Command(PathBuf),
    /// Nobody: files are placed, and somebody else sees to the rest.
    None,
}

/// How the service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceState {
    /// `active`, `activating`, `inactive`, `failed`.
    pub active: String,
    /// Process of the trainer.
    pub pid: Option<u32>,
    /// How often it was started again by itself since it was started.
    pub restarts: u32,
}

impl ServiceState {
    /// It runs, or is about to.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading")
    }

    fn read(text: &str) -> Self {
        let mut state = Self::default();
        for (key, value) in text.lines().filter_map(|l| l.split_once('=')) {
            match key {
                "ActiveState" => value.clone_into(&mut state.active),
                "MainPID" => state.pid = value.parse().ok().filter(|pid| *pid > 0),
                "NRestarts" => state.restarts = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        state
    }
}

impl Service {
    /// systemd runs this machine.
    #[must_use]
    pub fn systemd_runs() -> bool {
        // Its own test.
        Path::new("/run/systemd/system").is_dir()
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Systemd => UNIT.to_owned(),
            Self::Command(program) => program.display().to_string(),
            Self::None => "nobody".to_owned(),
        }
    }

    /// Starts it, if it does not run. Returns once it said that it is ready, where that is known.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self) -> Result<(), DeployError> {
        if *self == Self::Systemd {
            // Failed starts of before don't count against this one.
            drop(systemctl(&["reset-failed", UNIT], ASK_LIMIT));
        }
        self.order("start", START_LIMIT)
    }

    /// Stops it, if it runs. Returns once it has ended.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&self) -> Result<(), DeployError> {
        if *self == Self::Systemd {
            // Whoever is there in its place goes, too.
            drop(systemctl(&["stop", "billiards-trainer-safe.service"], STOP_LIMIT));
        }
        self.order("stop", STOP_LIMIT)
    }

    /// How it is.
    ///
    /// # Errors
    /// When that can't be found out.
    pub fn state(&self) -> Result<ServiceState, DeployError> {
        let told = match self {
            Self::None => return Ok(ServiceState::default()),
            Self::Systemd => systemctl(
                &["show", UNIT, "--property=ActiveState,MainPID,NRestarts"],
                ASK_LIMIT,
            )?,
            Self::Command(program) => command(program, "status", ASK_LIMIT)?,
        };
        if !told.ending.is_good() {
            return Err(DeployError::new(format!(
                "{} can't say how it is: {}",
                self.words(),
                told.ending
            )));
        }
        Ok(ServiceState::read(&told.text()))
    }

    fn order(&self, verb: &str, limit: Duration) -> Result<(), DeployError> {
        let told = match self {
            Self::None => return Ok(()),
            Self::Systemd => systemctl(&[verb, UNIT], limit)?,
            Self::Command(program) => command(program, verb, limit)?,
        };
        if told.ending.is_good() {
            return Ok(());
        }
        let look = match self {
            Self::Systemd => format!("; `journalctl -u {UNIT} -n 50` tells more"),
            _ => String::new(),
        };
        Err(DeployError::new(format!(
            "the service did not {verb}: {} {}{look}",
            self.words(),
            told.ending
        )))
    }
}

fn command(program: &Path, verb: &str, limit: Duration) -> Result<Finished, DeployError> {
    Program::new(program.to_string_lossy())
        .args([verb])
        .run(limit)
        .map_err(|e| DeployError::new(e.to_string()))
}

/// Runs systemctl.
pub(super) fn systemctl(arguments: &[&str], limit: Duration) -> Result<Finished, DeployError> {
    Program::new("systemctl")
        .args(arguments)
        .run(limit)
        .map_err(|e| DeployError::new(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manager_says_is_understood() {
        let state = ServiceState::read("NRestarts=2\nActiveState=active\nMainPID=4711\nElse=x\n\n");
        assert_eq!((state.is_up(), state.pid, state.restarts), (true, Some(4711), 2));
        let state = ServiceState::read("MainPID=0\nActiveState=failed\nNRestarts=\n");
        assert_eq!((state.is_up(), state.pid, state.restarts), (false, None, 0));
        assert!(!ServiceState::read("").is_up());
    }

    #[test]
    fn a_program_that_manages_is_asked_and_its_refusal_is_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("billiards-manager-{}", std::process::id()));
        let script = "#!/bin/sh\ncase $1 in status) echo ActiveState=active; echo MainPID=5;; start) ;; \
                      *) echo 'it will not' >&2; exit 3;; esac\n";
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let service = Service::Command(path.clone());
        assert_eq!(service.state().unwrap().pid, Some(5));
        service.start().unwrap();
        let error = service.stop().unwrap_err().to_string();
        assert!(
            error.contains("did not stop") && error.contains("it will not"),
            "{error}"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(service.state().unwrap_err().to_string().contains("not installed"));
        assert_eq!(Service::None.state().unwrap(), ServiceState::default());
        Service::None.stop().unwrap();
    }
}
