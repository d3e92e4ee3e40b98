//! Signs of life: a thread notes each time it comes round, anybody may look how long ago that was.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::thread_time::{ThreadTime, thread_number};

/// What a thread was at when it was last heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Between turns.
    #[default]
    Between,
    /// The vision module's systems.
    Vision,
    /// The core's systems.
    Core,
    /// The projector's systems.
    Projector,
    /// The API's systems.
    Api,
    /// Health, recovery, publishing.
    Supervision,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Between,
        Self::Vision,
        Self::Core,
        Self::Projector,
        Self::Api,
        Self::Supervision,
    ];

    /// The stage in which the systems of a module run.
    #[must_use]
    pub fn of_module(module: &str) -> Self {
        match module {
            "vision" => Self::Vision,
            "core" => Self::Core,
            "projector" => Self::Projector,
            "api" => Self::Api,
            _ => Self::Supervision,
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Between => "between turns (drawing, windows)",
            Self::Vision => "vision",
            Self::Core => "core",
            Self::Projector => "projector",
            Self::Api => "api",
            Self::Supervision => "supervision",
        }
    }
}

/// One thread's sign of life. Beating is a few stores; looking never waits.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Beat>);

#[derive(Debug, Default)]
struct Beat {
    /// Milliseconds + 1 since the first look at the clock; 0: never.
    last_ms: AtomicU64,
    turns: AtomicU64,
    stage: AtomicU8,
    /// The thread that beat last, as the system numbers it; 0: not known.
    thread: AtomicU32,
}

impl Pulse {
    /// The thread has come round.
    pub fn beat(&self) {
        self.0.last_ms.store(now_ms() + 1, Ordering::Relaxed);
        self.0.turns.fetch_add(1, Ordering::Relaxed);
        self.0.thread.store(thread_number(), Ordering::Relaxed);
    }

    /// How the thread has spent its time; `None` where the system does not say.
    #[must_use]
    pub fn thread_time(&self) -> Option<ThreadTime> {
        match self.0.thread.load(Ordering::Relaxed) {
            0 => None,
            thread => ThreadTime::of(thread),
        }
    }

    /// The thread goes on to something else.
    pub fn enter(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// What it is at.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let at = usize::from(self.0.stage.load(Ordering::Relaxed));
        Stage::ALL.get(at).copied().unwrap_or_default()
    }

    /// Since the last beat; `None` before the first.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let last = self.0.last_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(now_ms().saturating_sub(last)))
    }

    /// How often it has come round.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }
}

fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Decides from a thread's beats whether it hangs. What holds up the one who looks, too (a machine that slept), or keeps
/// the processor from the thread (a machine with too much to do), is not the thread's fault.
#[derive(Debug)]
pub struct HangDetector {
    limit: Duration,
    turns: u64,
    quiet: Duration,
    looked: Option<Instant>,
    /// How the thread had spent its time when the quiet began.
    before: Option<ThreadTime>,
}

impl HangDetector {
    /// A thread that does not come round for `limit` hangs.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self {
            limit,
            turns: 0,
            quiet: Duration::ZERO,
            looked: None,
            before: None,
        }
    }

    /// Looks at a thread; true when it hangs. To be called several times within the limit: of the time between two
    /// looks at most a quarter of the limit counts.
    pub fn look(&mut self, pulse: &Pulse, now: Instant) -> bool {
        self.look_at(pulse.turns(), || pulse.thread_time(), now)
    }

    fn look_at(&mut self, turns: u64, spent: impl FnOnce() -> Option<ThreadTime>, now: Instant) -> bool {
        let passed = self
            .looked
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.looked = Some(now);
        if turns != self.turns {
            (self.turns, self.quiet, self.before) = (turns, Duration::ZERO, None);
            return false;
        }
        self.quiet += passed.min(self.limit / 4);
        let spent = spent();
        self.before = self.before.or(spent);
        let both = spent.zip(self.before);
        let waited = both.map(|(now, before)| now.waited_since(before, self.quiet));
        self.quiet.saturating_sub(waited.unwrap_or_default()) >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_tells_age_turns_and_stage() {
        let pulse = Pulse::default();
        assert_eq!(pulse.age(), None);
        let other = pulse.clone();
        other.beat();
        other.enter(Stage::of_module("core"));
        assert!(pulse.age().is_some());
        assert_eq!((pulse.turns(), pulse.stage()), (1, Stage::Core));
    }

    #[test]
    fn a_hang_is_told_after_its_limit_and_a_sleeping_machine_is_none() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut hang = HangDetector::new(Duration::from_millis(2000));
        assert!(!hang.look_at(1, || None, at(0)));
        // Stalls of 800 ms, as a disk makes them.
        for i in 1..100 {
            assert!(!hang.look_at(i, || None, at(800 * i)));
        }
        // The last beat was seen at 79.2 s.
        let mut now = 79_200;
        let mut hung = None;
        for _ in 0..20 {
            now += 250;
            if hang.look_at(99, || None, at(now)) && hung.is_none() {
                hung = Some(now - 79_200);
            }
        }
        assert_eq!(hung, Some(2000));
        // The whole machine slept for an hour: one look later it is not yet a hang.
        let mut hang = HangDetector::new(Duration::from_millis(2000));
        assert!(!hang.look_at(1, || None, at(0)));
        assert!(!hang.look_at(1, || None, at(3_600_000)));
    }

    #[test]
    fn a_thread_that_gets_no_processor_does_not_hang_and_one_that_gets_it_and_does_nothing_does() {
        let start = Instant::now();
        // Of each second it runs and waits for so long, and sleeps the rest.
        let hung_after_ms = |ran: f64, waited: f64, ready: bool| {
            let mut hang = HangDetector::new(Duration::from_secs(2));
            (0..600).map(|look| look * 100).find(|ms| {
                let of = |share: f64| Duration::from_secs_f64(share * *ms as f64 / 1e3);
                let spent = ThreadTime {
                    ran: of(ran),
                    waited: of(waited),
                    ready,
                };
                hang.look_at(1, || Some(spent), start + Duration::from_millis(*ms))
            })
        };
        // It sleeps, and it turns in a circle. The first look learns how many turns it has made.
        assert_eq!(hung_after_ms(0.0, 0.0, false), Some(2000));
        assert_eq!(hung_after_ms(1.0, 0.0, true), Some(2000));
        assert!((10_000..21_000).contains(&hung_after_ms(0.1, 0.9, true).unwrap()));
        assert_eq!(hung_after_ms(0.0, 1.0, true), None);
        // One long wait that no figure has yet.
        assert_eq!(hung_after_ms(0.0, 0.0, true), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_how_a_thread_spends_its_time() {
        let pulse = Pulse::default();
        assert_eq!(pulse.thread_time(), None, "nobody knows the thread yet");
        let theirs = pulse.clone();
        std::thread::spawn(move || theirs.beat()).join().unwrap();
        assert_eq!(pulse.thread_time(), None, "it has ended");
        pulse.beat();
        let before = pulse.thread_time().unwrap();
        assert!(before.ready);
        while pulse.thread_time().unwrap().ran == before.ran {
            std::hint::spin_loop();
        }
    }
}
