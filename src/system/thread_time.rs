//! What a thread costs, and what it waits for.

use std::time::Duration;

/// Processor seconds that the calling thread has used since it began (Linux; up to a few
/// milliseconds late). `None` where the system does not say.
#[must_use]
pub fn thread_cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 * 1e-9)
}

/// The number that the system gives the calling thread (Linux); 0 where it gives none.
#[must_use]
pub fn thread_number() -> u32 {
    thread_local!(static NUMBER: u32 = ask_thread_number().unwrap_or_default());
    // In a thread that is just ending nobody needs it any more.
    NUMBER.try_with(|number| *number).unwrap_or_default()
}

fn ask_thread_number() -> Option<u32> {
    let itself = std::fs::read_link("/proc/thread-self").ok()?;
    itself.file_name()?.to_str()?.parse().ok()
}

/// How a thread has spent its time since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadTime {
    /// On a processor.
    pub ran: Duration,
    /// Ready to run, and no processor free.
    pub waited: Duration,
    /// It runs now, or is ready to.
    pub ready: bool,
}

impl ThreadTime {
    /// That of the thread with this number (Linux, `schedstat` and `stat`). `None` where the system does not say.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/self/task/{number}/{file}")).ok();
        let times = read("schedstat")?;
        let mut times = times
            .split_whitespace()
            .map(|ns| ns.parse().map(Duration::from_nanos));
        let (ran, waited): (Duration, Duration) = (times.next()?.ok()?, times.next()?.ok()?);
        // A kernel that keeps no such figures says 0.
        if ran.is_zero() && waited.is_zero() {
            return None;
        }
        // The state follows the name in brackets.
        let stat = read("stat")?;
        let ready = stat.rsplit_once(')')?.1.trim_start().starts_with('R');
        Some(Self { ran, waited, ready })
    }

    /// How much of the time that has `passed` since `before` it waited for a processor. A wait that goes on is in no
    /// figure yet: who is ready and has not run since then waits.
    #[must_use]
    pub fn waited_since(self, before: Self, passed: Duration) -> Duration {
        if self.ready && self.ran == before.ran {
            passed
        } else {
            self.waited.saturating_sub(before.waited)
        }
    }
}
