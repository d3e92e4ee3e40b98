//! Signs of life: a thread notes each time it comes round, anybody may look how long ago that was.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::thread_time::{thread_number, thread_waited};

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

    /// How long the thread was ready and got no processor, since it began; `None` where the system does not say.
    #[must_use]
    pub fn waited_for_processor(&self) -> Option<Duration> {
        match self.0.thread.load(Ordering::Relaxed) {
            0 => None,
            thread => thread_waited(thread),
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
    /// How long the thread had waited for a processor by the last look.
    waited: Option<Duration>,
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
            waited: None,
        }
    }

    /// Looks at a thread; true when it hangs. To be called several times within the limit: of the time between two
    /// looks at most a quarter of the limit counts.
    pub fn look(&mut self, pulse: &Pulse, now: Instant) -> bool {
        self.look_at(pulse.turns(), || pulse.waited_for_processor(), now)
    }

    fn look_at(&mut self, turns: u64, waited: impl FnOnce() -> Option<Duration>, now: Instant) -> bool {
        let passed = self
            .looked
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.looked = Some(now);
        if turns != self.turns {
            self.quiet = Duration::ZERO;
            self.waited = None;
        } else if self.quiet < self.limit / 4 {
            // Nearly every quiet ends here: nobody is asked yet.
            self.quiet += passed.min(self.limit / 4);
        } else {
            let waited = waited();
            let held_up = waited
                .zip(self.waited)
                .map(|(now, then)| now.saturating_sub(then));
            self.waited = waited;
            self.quiet += passed
                .min(self.limit / 4)
                .saturating_sub(held_up.unwrap_or_default());
        }
        self.turns = turns;
        self.quiet >= self.limit
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
        let hung_after_ms = |share_waited: f64| {
            let mut hang = HangDetector::new(Duration::from_secs(2));
            (0..600).map(|look| look * 100).find(|ms| {
                let waited = Duration::from_secs_f64(share_waited * *ms as f64 / 1e3);
                hang.look_at(1, || Some(waited), start + Duration::from_millis(*ms))
            })
        };
        // The first looks learn how many turns it has made, and where its waiting begins.
        assert!((2000..2300).contains(&hung_after_ms(0.0).unwrap()));
        assert!((10_000..20_000).contains(&hung_after_ms(0.9).unwrap()));
        assert_eq!(hung_after_ms(1.0), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_how_long_a_thread_waited_for_a_processor() {
        let pulse = Pulse::default();
        assert_eq!(pulse.waited_for_processor(), None, "nobody knows the thread yet");
        let theirs = pulse.clone();
        std::thread::spawn(move || theirs.beat()).join().unwrap();
        assert_eq!(pulse.waited_for_processor(), None, "it has ended");
        pulse.beat();
        assert!(pulse.waited_for_processor().is_some());
    }
}
