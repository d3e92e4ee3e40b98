//! Watches the main loop from a thread of its own, outside ECS and network.
//!
//! While the loop comes round, the service manager is told so; when it hangs, a report is written and the process
//! ends, for only a new one can mend that. `NOTIFY_SOCKET` and `WATCHDOG_USEC` are those of `systemd.service(5)`.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::crash;
use super::pulse::{HangDetector, Pulse};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Turns the loop must have made before it is watched: the first ones compile what the graphics card runs …
const WARM_UP: u64 = 30;
/// … but not for longer than this.
const WARM_UP_LIMIT: Duration = Duration::from_secs(60);

/// Starts the watch. `limit`: the loop must come round within this.
///
/// # Errors
/// When the system gives no thread.
pub fn start(pulse: Pulse, limit: Duration) -> std::io::Result<()> {
    let keep_alive = sd_notify::watchdog_enabled();
    std::thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || watch(&pulse, limit, keep_alive))
        .map(drop)
}

/// Tells the service manager that the program is ready, or what it is at. Nothing happens without one.
pub fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager can't be told: {error}");
    }
}

fn watch(pulse: &Pulse, limit: Duration, keep_alive: Option<Duration>) {
    let mut hang = HangDetector::new(limit);
    let mut fed: Option<Instant> = None;
    let started = Instant::now();
    loop {
        std::thread::sleep(LOOK_EVERY);
        let turns = pulse.turns();
        let hangs = hang.look(pulse, Instant::now());
        let warms_up = turns < WARM_UP && started.elapsed() < WARM_UP_LIMIT;
        if hangs && !warms_up {
            give_up(pulse, limit);
        }
        // Half of the time it is given, as the service manager asks for; while starting, too.
        let due = |period: Duration| fed.is_none_or(|at| at.elapsed() >= period / 3);
        if keep_alive.is_some_and(due) && (!hangs || warms_up) {
            fed = Some(Instant::now());
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn give_up(pulse: &Pulse, limit: Duration) -> ! {
    let what = format!(
        "the main loop hangs in {}: it has not come round for {:.1} s",
        pulse.stage().name(),
        limit.as_secs_f64()
    );
    crash::report(&what, &threads());
    // Whoever reads the log may hang as well.
    crash::do_within(crash::LAST_WORDS, move || {
        tracing::error!("{what}; the process ends, so that the service manager starts a new one");
    });
    // Nothing less is sure to end a process whose main thread hangs.
    std::process::abort()
}

/// What each thread of the process waits for, from the system.
fn threads() -> String {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let lines = tasks.map(|task| {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let state = read("stat");
        let state = state
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .chars()
            .next();
        let (name, waits) = (read("comm"), read("wchan"));
        format!("  {:16} {} {}", name.trim(), state.unwrap_or('?'), waits.trim())
    });
    format!(
        "threads (name, state, waits in):\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}
