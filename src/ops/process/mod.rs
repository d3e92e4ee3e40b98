//! Other programs as children of this one: started, watched, stopped and always buried.

mod ending;
mod output;
mod registry;
mod running;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub use ending::{End, Ending};
pub use output::Output;
pub use registry::{ChildStatus, children};
pub use running::Running;

/// Most bytes kept of what a program prints in [`Program::run`]; the rest is read and dropped.
pub const CAPTURE_BYTES: usize = 1024 * 1024;
/// What a program that runs too long gets between being asked to stop and being made to.
const RUN_GRACE: Duration = Duration::from_millis(200);
/// Time a pipe may take to run dry once everybody who could write to it is dead.
const PIPE_LIMIT: Duration = Duration::from_millis(200);

/// A program with its arguments and limits, not started yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    name: String,
    arguments: Vec<OsString>,
    niceness: Option<i32>,
    memory_limit_bytes: Option<u64>,
    start_limit: Option<Duration>,
    silence_limit: Option<Duration>,
}

/// Why a program gave nothing. The text is one line and says what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("{program} is not installed{}", how_to_install(program))]
    Missing {
        /// Its name.
        program: String,
    },
    /// The system does not start it.
    #[error("{program} can't be started ({reason}); check that it may be run and that memory is left")]
    NotStarted {
        /// Its name.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It did not end in time and was stopped.
    #[error("{program} did not end within {limit_s} s and was stopped; try again, or restart the machine")]
    TooSlow {
        /// Its name.
        program: String,
        /// Time it had, seconds.
        limit_s: f64,
    },
}

/// What a program that ran to its end left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How it ended; a code other than 0 is not an error here.
    pub ending: Ending,
    /// What it printed, at most [`CAPTURE_BYTES`].
    pub output: Vec<u8>,
    /// It printed more than that.
    pub truncated: bool,
}

impl Finished {
    /// What it printed, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

impl Program {
    /// A program by name (looked for in `PATH`) or path.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            arguments: Vec::new(),
            niceness: None,
            memory_limit_bytes: None,
            start_limit: None,
            silence_limit: None,
        }
    }

    /// With these arguments, after those it has.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Gives way to others: 0 not at all, 19 to everybody.
    #[must_use]
    pub const fn niceness(mut self, niceness: i32) -> Self {
        self.niceness = Some(niceness);
        self
    }

    /// Refuses it more memory of its own (data, not mapped files) than this; a program that asks
    /// for more usually ends. Set just after the start: what it starts in its very first moment
    /// may escape the limit.
    #[must_use]
    pub const fn memory_limit_bytes(mut self, bytes: u64) -> Self {
        self.memory_limit_bytes = Some(bytes);
        self
    }

    /// Counts as hanging when somebody waits for its first output this long, and later for this long
    /// for any more; see [`Running::hangs`].
    #[must_use]
    pub const fn output_within(mut self, first: Duration, then: Duration) -> Self {
        self.start_limit = Some(first);
        self.silence_limit = Some(then);
        self
    }

    /// Starts it, in a process group of its own, without input, its output in a pipe
    /// ([`Running::take_output`]), the last lines of its complaints kept.
    ///
    /// # Errors
    /// [`ProcessError`] when it is missing or can't be started.
    pub fn start(&self) -> Result<Running, ProcessError> {
        // Drivers are opened by libraries that let children inherit them: a child that lives on would keep a camera busy.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let child = Command::new(&self.name)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => ProcessError::Missing {
                    program: self.name.clone(),
                },
                _ => self.not_started(&e),
            })?;
        Running::watch(self, child)
    }

    /// Starts it and waits until it has ended, at most `limit` (and a moment to stop it).
    ///
    /// # Errors
    /// [`ProcessError`] when it is missing, can't be started or takes too long.
    pub fn run(&self, limit: Duration) -> Result<Finished, ProcessError> {
        let deadline = Instant::now() + limit;
        let mut running = self.start()?;
        let Some(pipe) = running.take_output() else {
            return Err(self.not_started(&"it has no output"));
        };
        let capture = output::Capture::start(self.short_name(), pipe).map_err(|e| self.not_started(&e))?;
        let Some(ending) = running.wait_until(deadline) else {
            running.stop(RUN_GRACE);
            return Err(ProcessError::TooSlow {
                program: self.name.clone(),
                limit_s: limit.as_secs_f64(),
            });
        };
        let (output, truncated) = capture.finish(PIPE_LIMIT);
        Ok(Finished {
            ending,
            output,
            truncated,
        })
    }

    fn not_started(&self, reason: &dyn std::fmt::Display) -> ProcessError {
        ProcessError::NotStarted {
            program: self.name.clone(),
            reason: reason.to_string(),
        }
    }

    /// The name without its folder.
    fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// `; install the package …` for programs the trainer knows.
fn how_to_install(program: &str) -> String {
    let package = match program {
        "ffmpeg" | "ffprobe" => "ffmpeg",
        "restic" => "restic",
        "xrandr" => "x11-xserver-utils",
        _ => return "; install it, or correct its path".to_owned(),
    };
    format!("; install the package {package} (apt install {package})")
}
