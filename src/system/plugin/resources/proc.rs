//! What only Linux's `/proc` tells. Elsewhere everything here is `None`.

use std::collections::HashMap;
use std::time::Instant;

/// Threads of this process.
pub(super) fn thread_count() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"))?;
    line.trim().parse().ok()
}

/// Open file descriptors of this process.
pub(super) fn open_files() -> Option<u64> {
    // Since Linux 6.2 the folder's size is their number; before, it is 0.
    match std::fs::metadata("/proc/self/fd").ok()?.len() {
        0 => std::fs::read_dir("/proc/self/fd")
            .ok()
            // The one that reads the folder is none of ours.
            .map(|entries| (entries.count() as u64).saturating_sub(1)),
        number => Some(number),
    }
}

/// Processes on the machine.
pub(super) fn processes() -> Option<u64> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let number = entries.filter(|entry| is_process(&entry.file_name())).count() as u64;
    (number > 0).then_some(number)
}

/// The processor time of every thread of this process.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// By thread number: nanoseconds.
    before: HashMap<u64, u64>,
    read: Option<Instant>,
}

impl Threads {
    /// The share of one core that the busiest thread has had since the last call.
    pub fn busiest(&mut self, now: Instant) -> Option<f64> {
        let mut times = HashMap::new();
        for entry in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
            let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A thread may have ended meanwhile.
            if let Some(time) = std::fs::read_to_string(entry.path().join("schedstat"))
                .ok()
                .and_then(|text| text.split_whitespace().next()?.parse().ok())
            {
                times.insert(thread, time);
            }
        }
        let passed_s = self
            .read
            .map(|read| now.saturating_duration_since(read).as_secs_f64());
        let busiest = times
            .iter()
            .map(|(thread, time): (&u64, &u64)| {
                time.saturating_sub(self.before.get(thread).copied().unwrap_or_default())
            })
            .max();
        self.before = times;
        self.read = Some(now);
        passed_s
            .filter(|passed_s| *passed_s > 0.0)
            .and_then(|passed_s| Some(busiest? as f64 * 1e-9 / passed_s))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_thread_is_the_one_that_works() {
        let mut threads = Threads::default();
        let begin = Instant::now();
        assert_eq!(threads.busiest(begin), None);
        let before = open_files().unwrap();
        let file = std::fs::File::open("/proc/self/status").unwrap();
        // Other tests open and close files meanwhile.
        assert!(open_files().unwrap().abs_diff(before) < 50);
        drop(file);
        while begin.elapsed().as_secs_f64() < 0.3 {
            std::hint::spin_loop();
        }
        let busiest = threads.busiest(Instant::now()).unwrap();
        assert!((0.05..1.5).contains(&busiest), "{busiest}");
        assert!(thread_count().unwrap() >= 1 && processes().unwrap() >= 1);
    }
}
