//! What a thread costs.

/// Processor seconds that the calling thread has used since it began (Linux; up to a few
/// milliseconds late). `None` where the system does not say.
#[must_use]
pub fn thread_cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 * 1e-9)
}
