//! One running child.

use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, prlimit, setpriority_pgrp,
    waitid,
};

use super::output::{Heard, Output, Reader, Tail};
use super::{Ending, PIPE_LIMIT, ProcessError, Program, registry};

/// Time a killed process has to die before it is left to be buried later.
const KILL_LIMIT: Duration = Duration::from_millis(500);
/// The same when nobody wants to know how it ended.
const DROP_LIMIT: Duration = Duration::from_millis(100);

/// A child that was started. Dropped, it is killed with everything it started itself.
#[derive(Debug)]
pub struct Running {
    name: String,
    pid: Pid,
    /// None once its end was taken note of: until then its number, and with it that of its group,
    /// can't become somebody else's.
    child: Option<Child>,
    ending: Option<Ending>,
    output: Option<Output>,
    heard: Arc<Heard>,
    start_limit: Option<Duration>,
    silence_limit: Option<Duration>,
    tail: Tail,
    tail_reader: Option<Reader>,
}

impl Running {
    pub(super) fn watch(program: &Program, mut child: Child) -> Result<Self, ProcessError> {
        registry::bury();
        let name = program.short_name().to_owned();
        let pid = child.id();
        let heard = Arc::new(Heard::new());
        let output = child.stdout.take().map(|p| Output::new(p, Arc::clone(&heard)));
        let complaints = child.stderr.take();
        registry::enter(&name, pid);
        let mut running = Self {
            pid: Pid::from_child(&child),
            name,
            child: Some(child),
            ending: None,
            output,
            heard,
            start_limit: program.start_limit,
            silence_limit: program.silence_limit,
            tail: Tail::default(),
            tail_reader: None,
        };
        // From here on an early return drops, and so kills, the child.
        if let Some(pipe) = complaints {
            let (tail, reader) = Tail::start(&running.name, pipe).map_err(|e| program.not_started(&e))?;
            running.tail = tail;
            running.tail_reader = Some(reader);
        }
        running.limit(program);
        Ok(running)
    }

    /// A limit that can't be set is no reason not to run; a child that has ended already needs none.
    fn limit(&self, program: &Program) {
        let mut failed = None;
        if let Some(bytes) = program.memory_limit_bytes {
            let limit = Rlimit {
                current: Some(bytes),
                maximum: Some(bytes),
            };
            failed = prlimit(Some(self.pid), Resource::Data, limit).err();
        }
        if let Some(niceness) = program.niceness {
            failed = setpriority_pgrp(Some(self.pid), niceness).err().or(failed);
        }
        if let Some(error) = failed {
            tracing::debug!("{} runs without its limits: {error}", self.name);
        }
    }

    /// The program's name, without its folder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process number, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its output, once: whoever takes it must read on, or the child will wait for that.
    pub fn take_output(&mut self) -> Option<Output> {
        self.output.take()
    }

    /// It has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.ended().is_none()
    }

    /// How it ended, if it has. What it started itself is then killed, too.
    pub fn ended(&mut self) -> Option<&Ending> {
        if self.ending.is_none() && !self.still_runs() {
            self.bury();
        }
        self.ending.as_ref()
    }

    /// How long somebody has been waiting for its output, if that is longer than allowed
    /// ([`Program::output_within`]).
    #[must_use]
    pub fn hangs(&self) -> Option<Duration> {
        let limit = if self.heard.any() {
            self.silence_limit
        } else {
            self.start_limit
        };
        let silence = self.heard.silence();
        limit.filter(|limit| silence > *limit).map(|_| silence)
    }

    /// The last lines it wrote to standard error, oldest first.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// Waits for its end, not beyond `deadline`.
    pub fn wait_until(&mut self, deadline: Instant) -> Option<Ending> {
        // Short programs are told soon, long ones cost nothing.
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(ending) = self.ended() {
                return Some(ending.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Asks it and all it started to end, and makes them after `grace`. Takes no more than half a
    /// second beyond that; none: it is dead but stuck in the kernel, and will be buried later.
    pub fn stop(&mut self, grace: Duration) -> Option<Ending> {
        if self.is_alive() {
            self.signal(Signal::TERM);
            if self.wait_until(Instant::now() + grace).is_none() {
                self.signal(Signal::KILL);
            }
        }
        self.wait_until(Instant::now() + KILL_LIMIT)
    }

    /// To the whole group, and only while the number is certainly its own.
    fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            // Fails only where nobody is left.
            kill_process_group(self.pid, signal).ok();
        }
    }

    /// Looks without taking note: a process noted as ended loses its number.
    fn still_runs(&self) -> bool {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.pid), how), Ok(None))
    }

    /// Takes note of its end.
    fn bury(&mut self) {
        // First those it leaves behind, as long as the group's number is certainly theirs.
        self.signal(Signal::KILL);
        let status = self.child.take().and_then(|mut child| child.wait().ok());
        registry::leave(self.pid());
        if let Some(reader) = &mut self.tail_reader {
            reader.finish(PIPE_LIMIT);
        }
        self.ending = Some(Ending::new(status, self.tail.lines().pop()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ending.is_some() {
            return;
        }
        self.signal(Signal::KILL);
        if self.wait_until(Instant::now() + DROP_LIMIT).is_none()
            && let Some(child) = self.child.take()
        {
            registry::leave(self.pid());
            registry::leave_over(child);
        }
    }
}
