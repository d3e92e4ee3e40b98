//! How a program ended, in words.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code; 0 is good.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Somebody else took note of its end: nothing is known.
    Unknown,
}

/// How a program ended, and the last thing it complained of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub end: End,
    /// The last line it wrote to standard error, if any.
    pub last_line: Option<String>,
}

impl Ending {
    pub(super) fn new(status: Option<ExitStatus>, last_line: Option<String>) -> Self {
        let end = match status.map(|s| (s.code(), s.signal())) {
            Some((Some(code), _)) => End::Code(code),
            Some((None, Some(signal))) => End::Signal(signal),
            _ => End::Unknown,
        };
        Self { end, last_line }
    }

    /// It ended by itself with code 0.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.end == End::Code(0)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.end, &self.last_line) {
            (End::Code(code), Some(line)) if code != 0 => write!(f, "ended with code {code}: {line}"),
            (End::Code(code), _) => write!(f, "ended with code {code}"),
            (End::Signal(signal), _) => write!(f, "killed by signal {signal}"),
            (End::Unknown, _) => write!(f, "ended, and nobody knows how"),
        }
    }
}
