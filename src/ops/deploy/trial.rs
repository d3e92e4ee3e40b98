//! A release at work on a copy of settings and state, beside the one that runs: no projector, no camera, another port.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ask::Trainer;
use super::error::DeployError;
use super::kept::{self, Kept};
use super::{owner, tree};
use crate::ops::installation::Installation;
use crate::ops::process::{End, Ending, Program, Running};

/// How long a program may take to end when it is asked to.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// Runs a program as somebody else, and only as long as this one; of util-linux, which every Linux has.
const SETPRIV: &str = "setpriv";

/// A folder with a copy of settings and state, removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    place: Installation,
}

impl Scratch {
    /// Makes one below the folder `deploy`, with a copy of what an installation has.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(place: &Installation, name: &str) -> Result<Self, DeployError> {
        let root = place.deploy().join(name);
        tree::remove(&root)?;
        let scratch = Self {
            place: Installation::at(&root),
        };
        std::fs::create_dir_all(&root).map_err(|e| DeployError::io("make", &root, &e))?;
        tree::copy(place.config(), scratch.place.config())?;
        tree::copy(place.state(), scratch.place.state())?;
        // A database that is being written to is copied by its own means; its files one by one would not fit together.
        for path in kept::databases(place.state()) {
            kept::copy_database(&place.state().join(&path), &scratch.place.state().join(&path))?;
        }
        // The marks of the one that runs say nothing here.
        for mark in ["lock", "running"] {
            tree::remove(&scratch.place.state().join(mark))?;
        }
        owner::give(&root)?;
        Ok(scratch)
    }

    /// It, laid out as an installation.
    #[must_use]
    pub const fn place(&self) -> &Installation {
        &self.place
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(tree::remove(self.place.root()));
    }
}

/// A program as it is run to be tried: as the service's user where there is one, and with nothing of this process's
/// surroundings.
#[must_use]
pub fn tame(program: &Path, home: &Path, arguments: impl IntoIterator<Item = OsString>) -> Program {
    // It goes with this process, however that ends.
    let mut words: Vec<OsString> = vec![SETPRIV.into(), "--pdeathsig=KILL".into()];
    if let Some((user, group)) = owner::service_user() {
        words.extend([
            format!("--reuid={user}").into(),
            format!("--regid={group}").into(),
        ]);
        words.extend(["--init-groups".into(), "--no-new-privs".into()]);
    }
    words.extend(["env".into(), "-i".into(), "-C".into(), home.into()]);
    for name in ["PATH", "LANG", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            let mut word = OsString::from(format!("{name}="));
            word.push(value);
            words.push(word);
        }
    }
    let mut word = OsString::from("HOME=");
    word.push(home);
    words.push(word);
    words.push(program.into());
    words.extend(arguments);
    let mut words = words.into_iter();
    let first = words.next().unwrap_or_default();
    Program::new(first.to_string_lossy()).args(words)
}

/// A program that runs beside the trainer.
pub struct Beside {
    /// How to ask it.
    pub trainer: Trainer,
    running: Running,
}

impl Beside {
    /// Starts it on a scratch folder, looking at `source`, with settings of its own.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(
        program: &Path,
        scratch: &Installation,
        source: &str,
        set: &[String],
    ) -> Result<Self, DeployError> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let port = free
            .map_err(|e| DeployError::new(format!("no port is free on this machine: {e}")))?
            .port();
        let mut arguments: Vec<OsString> = vec!["run".into(), "--headless".into()];
        if scratch.site_file().is_file() {
            arguments.extend(["--config".into(), scratch.site_file().into()]);
        }
        let state = scratch.state().to_owned().into_os_string();
        arguments.extend([
            "--state-folder".into(),
            state,
            "--host".into(),
            "127.0.0.1".into(),
        ]);
        arguments.extend([
            "--port".into(),
            port.to_string().into(),
            "--source".into(),
            source.into(),
        ]);
        arguments.extend(["--no-projector".into(), "--no-recovery".into()]);
        // It must be seen here by whoever asks, and tell nobody else.
        for set in [
            "alerts.webhooks=[]",
            "api.require_token=false",
            "api.tls_certificate=",
            "api.tls_key=",
            "recording.folder=",
        ] {
            arguments.extend(["--set".into(), set.into()]);
        }
        for set in set {
            arguments.extend(["--set".into(), set.into()]);
        }
        let mut running = tame(program, scratch.root(), arguments)
            .niceness(5)
            .start()
            .map_err(|e| DeployError::new(e.to_string()))?;
        if let Some(mut output) = running.take_output() {
            // Nobody reads it, but somebody has to.
            drop(
                std::thread::Builder::new()
                    .name("trial-out".to_owned())
                    .spawn(move || std::io::copy(&mut output, &mut std::io::sink())),
            );
        }
        Ok(Self {
            trainer: Trainer::at(&format!("http://127.0.0.1:{port}"), None),
            running,
        })
    }

    /// Waits until it has been ready `looks` times in a row.
    ///
    /// # Errors
    /// Why it was not.
    pub fn wait_ready(&mut self, limit: Duration, looks: u32) -> Result<Duration, String> {
        let started = Instant::now();
        let mut ready = 0;
        loop {
            if let Some(ending) = self.running.ended() {
                return Err(format!("it {}", ended(ending)));
            }
            let why = match self.trainer.ready() {
                Ok(()) => {
                    ready += 1;
                    if ready >= looks {
                        return Ok(started.elapsed());
                    }
                    String::new()
                }
                Err(why) => {
                    ready = 0;
                    why
                }
            };
            if started.elapsed() > limit {
                return Err(format!(
                    "it was not ready within {:.0} s: {why}",
                    limit.as_secs_f64()
                ));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// It still runs; else how it ended.
    ///
    /// # Errors
    /// How it ended.
    pub fn lives(&mut self) -> Result<(), String> {
        self.running
            .ended()
            .map_or(Ok(()), |ending| Err(format!("it {}", ended(ending))))
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(mut self) -> Result<(), String> {
        match self.running.stop(STOP_GRACE) {
            Some(ending) if ending.is_good() => Ok(()),
            Some(ending) => Err(format!("asked to end, it {}", ended(&ending))),
            None => Err("asked to end, it did not".to_owned()),
        }
    }
}

/// How it ended, as a part of a sentence.
pub(super) fn ended(ending: &Ending) -> String {
    match ending.end {
        End::Signal(_) => format!("was {ending}"),
        _ => ending.to_string(),
    }
}

/// Tries a program on a copy of settings and state. Gives what it changed in the forms of its files, in words.
///
/// # Errors
/// Why it may not take over.
pub fn try_out(program: &Path, scratch: &Scratch, limit: Duration) -> Result<Vec<String>, String> {
    let words = |e: DeployError| e.to_string();
    let state = scratch.place.state();
    let before = Kept::read(state).map_err(words)?;
    let mut beside = Beside::start(program, &scratch.place, "virtual", &[]).map_err(words)?;
    beside.wait_ready(limit, 3)?;
    beside.stop()?;
    before.against(&Kept::read(state).map_err(words)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn installation(name: &str) -> Installation {
        let root = std::env::temp_dir().join(format!("billiards-trial-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&root));
        let place = Installation::at(root);
        std::fs::create_dir_all(place.config()).unwrap();
        std::fs::create_dir_all(place.state()).unwrap();
        place
    }

    #[test]
    fn a_program_that_does_not_come_up_is_told_with_its_last_words() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = installation("words");
        let program = place.root().join("program");
        std::fs::write(
            &program,
            "#!/bin/sh\necho \"no such setting in $HOME\" >&2\nexit 78\n",
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let scratch = Scratch::of(&place, "trial").unwrap();
        let told = try_out(&program, &scratch, Duration::from_secs(30)).unwrap_err();
        assert!(
            told.contains("code 78: no such setting in") && told.contains("deploy/trial"),
            "{told}"
        );
        drop(scratch);
        std::fs::remove_dir_all(place.root()).unwrap();
    }
}
