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

/// How long the thread of this number was ready to run and got no processor, since it began (Linux, `schedstat`'s second
/// figure). `None` where the system does not say.
#[must_use]
pub fn thread_waited(number: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{number}/schedstat")).ok()?;
    let nanoseconds = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
