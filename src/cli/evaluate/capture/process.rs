//! What this process holds.

use serde::Serialize;

/// One look.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Usage {
    /// Resident memory, bytes.
    pub memory_bytes: f64,
    pub open_files: usize,
    pub threads: usize,
}

impl Usage {
    /// As it is now; zeros where the system does not tell.
    pub(super) fn now() -> Self {
        let count = |folder: &str| std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().count());
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        Self {
            memory_bytes: kilobytes.unwrap_or(0.0) * 1024.0,
            open_files: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}
