//! A place to fall down at, so that it can be shown what a fall does.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that names the step at which the process is gone, counted from one. Only for tests.
const VARIABLE: &str = "BILLIARDS_BACKUP_DIES_AT";

/// One step of a command is done. With the variable set, the process is gone at that step, as by a power cut.
pub(super) fn step() {
    static LAST: OnceLock<Option<u64>> = OnceLock::new();
    static DONE: AtomicU64 = AtomicU64::new(0);
    let last = LAST.get_or_init(|| std::env::var(VARIABLE).ok()?.parse().ok());
    if let Some(last) = last
        && DONE.fetch_add(1, Ordering::Relaxed) + 1 == *last
    {
        let (own, kill) = (rustix::process::getpid(), rustix::process::Signal::KILL);
        rustix::process::kill_process(own, kill).ok();
    }
}
