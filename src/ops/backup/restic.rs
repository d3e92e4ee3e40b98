//! The program that keeps what is saved.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::complaint::translated;
use super::error::{BackupError, Cause};
use super::layout::Layout;
use super::step::step;
use crate::ops::process::{Output, ProcessError, Program};

/// What it is called.
const RESTIC: &str = "restic";
/// Gives way to the trainer.
const NICENESS: i32 = 10;
/// Time it may take to end once it has said everything.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How long a backup may say the same: longer than the system itself tries to read from a disk that does not answer.
const STANDSTILL: Duration = Duration::from_secs(5 * 60);
/// How long everything else may say nothing: it works in silence, and nothing else of a night takes longer.
const SILENCE: Duration = Duration::from_secs(2 * 3600);
/// How often somebody looks at what it complains of.
const LOOK: Duration = Duration::from_millis(100);
/// More than it ever prints of a list.
const MOST_OUTPUT: u64 = 256 * 1024 * 1024;
/// Variables of the user's own backups that would be in the way.
const NOT_OURS: [&str; 6] = [
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD_COMMAND",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_REPOSITORY",
    "RESTIC_REPOSITORY_FILE",
    "RESTIC_KEY_HINT",
];

/// Goes on only as a child of the process that is named first.
const IF_ASKED_FOR: &str = r#"test "$PPID" = "$1" || exit 1; shift; exec "$@""#;

/// Restic with a repository and its key.
#[derive(Clone, Debug)]
pub(super) struct Restic {
    program: String,
    repository: PathBuf,
    key: PathBuf,
    /// As whom it runs, when an administrator works for the service.
    run_as: Option<(u32, u32)>,
    /// How long it may do nothing: when it saves, and else.
    patience: [Duration; 2],
}

impl Restic {
    pub fn new(layout: &Layout) -> Self {
        Self {
            program: RESTIC.to_owned(),
            repository: layout.repository(),
            key: layout.key(),
            run_as: layout
                .owner
                .is_another()
                .then_some((layout.owner.user, layout.owner.group)),
            patience: [STANDSTILL, SILENCE],
        }
    }

    /// With another program in its place.
    #[cfg(test)]
    pub fn called(self, program: &str) -> Self {
        Self {
            program: program.to_owned(),
            ..self
        }
    }

    /// With less patience.
    #[cfg(test)]
    pub fn waiting(self, limit: Duration) -> Self {
        Self {
            patience: [limit; 2],
            ..self
        }
    }

    pub fn with_key(&self, key: &Path) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// It is installed and can be started.
    pub fn check_installed(&self) -> Result<(), BackupError> {
        let finished = Program::new(&self.program)
            .args(["version"])
            .run(Duration::from_secs(30))?;
        if finished.ending.is_good() {
            return Ok(());
        }
        Err(BackupError::new(
            Cause::Program,
            format!(
                "restic does not work ({}); install it again (apt install --reinstall restic)",
                finished.ending
            ),
        ))
    }

    /// Whether there is a repository; half a one is refused.
    pub fn exists(&self) -> Result<bool, BackupError> {
        let missing = |name: &str| !self.repository.join(name).exists();
        if missing("config") {
            let empty =
                std::fs::read_dir(&self.repository).map_or(true, |mut entries| entries.next().is_none());
            // A folder that can't be looked into is not empty, but not known either.
            if let Err(e) = std::fs::read_dir(&self.repository)
                && e.kind() != std::io::ErrorKind::NotFound
            {
                return Err(BackupError::io("look into", &self.repository, &e));
            }
            return if empty {
                Ok(false)
            } else {
                Err(self.half("config"))
            };
        }
        match ["keys", "data", "index", "snapshots"]
            .into_iter()
            .find(|name| missing(name))
        {
            Some(name) => Err(self.half(name)),
            None => Ok(true),
        }
    }

    fn half(&self, missing: &str) -> BackupError {
        BackupError::new(
            Cause::HalfRepository,
            format!(
                "the repository {} is not whole ({missing} is missing); put a copy of it in its place, or move it \
                 away and `backup create` begins a new one",
                self.repository.display()
            ),
        )
    }

    /// Makes the repository, whole or not at all.
    pub fn init(&self, layout: &Layout) -> Result<(), BackupError> {
        let beside = self.repository.with_extension("new");
        layout.empty_folder(&beside)?;
        let new = Self {
            repository: beside.clone(),
            ..self.clone()
        };
        new.run(&["init"])?;
        step();
        // An empty folder may be in the way.
        drop(std::fs::remove_dir(&self.repository));
        std::fs::rename(&beside, &self.repository)
            .map_err(|e| BackupError::io("make", &self.repository, &e))?;
        super::swap::sync_folder(&layout.place.backups())
    }

    /// Runs a command to its end; gives all it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String, BackupError> {
        let mut text = String::new();
        self.run_with(arguments, &mut |line| {
            text.push_str(line);
            text.push('\n');
        })?;
        Ok(text)
    }

    /// The same, line by line. A lock that a dead process left is taken away; one that dies this very moment gets a
    /// moment.
    pub fn run_with(&self, arguments: &[&str], on_line: &mut dyn FnMut(&str)) -> Result<(), BackupError> {
        let mut done = self.attempt(arguments, on_line);
        for pause in [Duration::ZERO, Duration::from_secs(2)] {
            if !matches!(&done, Err(error) if error.cause == Cause::Locked) {
                break;
            }
            std::thread::sleep(pause);
            // Takes away only what nobody holds any more.
            self.attempt(&["unlock"], &mut |_| {})?;
            done = self.attempt(arguments, on_line);
        }
        done
    }

    fn attempt(&self, arguments: &[&str], on_line: &mut dyn FnMut(&str)) -> Result<(), BackupError> {
        step();
        let mut running = self.command(arguments).start().map_err(|error| match error {
            ProcessError::Missing { program } => BackupError::new(
                Cause::Program,
                format!(
                    "{program} is not installed; install the package util-linux (apt install util-linux)"
                ),
            ),
            other => other.into(),
        })?;
        let [saving, other] = self.patience;
        let patience = if arguments.first() == Some(&"backup") {
            saving
        } else {
            other
        };
        let mut said = Vec::new();
        let mut take = |line: String| {
            if line.starts_with('{') || line.starts_with('[') {
                on_line(&line);
            } else if said.len() < 50 {
                said.push(line);
            }
        };
        let mut gives_up = false;
        if let Some(output) = running.take_output() {
            let lines = lines_of(output)?;
            let (mut newest, mut since) = (String::new(), Instant::now());
            loop {
                match lines.recv_timeout(LOOK) {
                    Ok(line) => {
                        let says = without_clock(&line);
                        if says != newest {
                            (newest, since) = (says, Instant::now());
                        }
                        take(line);
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                    // It tries a quarter of an hour to read what a disk does not give.
                    Err(RecvTimeoutError::Timeout) => {
                        let retries = |line: &String| line.contains("retrying after");
                        if !gives_up && running.last_lines().iter().any(retries) {
                            gives_up = true;
                            running.stop(Duration::from_secs(5));
                        }
                    }
                }
                if since.elapsed() > patience {
                    running.stop(Duration::from_secs(5));
                    return Err(self.stuck(patience));
                }
            }
        }
        let Some(ending) = running.wait_until(Instant::now() + END_LIMIT) else {
            running.stop(Duration::from_secs(1));
            let program = RESTIC.to_owned();
            let limit_s = END_LIMIT.as_secs_f64();
            return Err(ProcessError::TooSlow { program, limit_s }.into());
        };
        step();
        if ending.is_good() {
            return Ok(());
        }
        said.extend(running.last_lines());
        Err(translated(&said, &ending, &self.repository, &self.key))
    }

    fn stuck(&self, patience: Duration) -> BackupError {
        BackupError::new(
            Cause::System,
            format!(
                "restic did nothing for {} s and was stopped; check that the disk of {} still answers, then try again",
                patience.as_secs_f64(),
                self.repository.display()
            ),
        )
    }

    /// `setpriv … sh -c … env -u … restic …`: ends with this process, as the owner of the backups, without the user's own
    /// settings of restic.
    fn command(&self, arguments: &[&str]) -> Program {
        let mut line: Vec<OsString> = vec!["--pdeathsig".into(), "KILL".into()];
        if let Some((user, group)) = self.run_as {
            line.extend([
                format!("--reuid={user}").into(),
                format!("--regid={group}").into(),
            ]);
            line.push("--clear-groups".into());
        }
        // Who asked for it may be dead already, and then nothing kills it: it asks once more.
        let pid = std::process::id().to_string();
        line.extend(["sh", "-c", IF_ASKED_FOR, "sh", &pid, "env"].map(OsString::from));
        for variable in NOT_OURS {
            line.extend(["-u".into(), variable.into()]);
        }
        line.push((&self.program).into());
        line.extend(["--repo".into(), self.repository.as_os_str().to_owned()]);
        line.extend(["--password-file".into(), self.key.as_os_str().to_owned()]);
        line.extend(["--no-cache".into(), "--json".into()]);
        line.extend(arguments.iter().map(OsString::from));
        Program::new("setpriv").args(line).niceness(NICENESS)
    }
}

/// What it prints, line by line. Who reads is left behind where the pipe never ends: a process that waits for a disk
/// can't even be killed.
fn lines_of(output: Output) -> Result<Receiver<String>, BackupError> {
    let (sender, lines) = crossbeam_channel::bounded(100);
    let read = move || {
        let lines = BufReader::new(output.take(MOST_OUTPUT)).lines();
        for line in lines.map_while(Result::ok) {
            // Nobody listens any more: so it ends.
            if sender.send(line).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new()
        .name("restic-out".to_owned())
        .spawn(read)
        .map_err(|e| {
            let text = format!("can't read what restic says: {e}; end other programs, then try again");
            BackupError::new(Cause::System, text)
        })?;
    Ok(lines)
}

/// A line without what changes by itself: it goes on telling the time when nothing goes on.
fn without_clock(line: &str) -> String {
    match serde_json::from_str(line) {
        Ok(serde_json::Value::Object(mut says)) => {
            for clock in ["seconds_elapsed", "seconds_remaining"] {
                says.remove(clock);
            }
            serde_json::Value::Object(says).to_string()
        }
        _ => line.to_owned(),
    }
}
