//! Made-up courses of a metric: some lead to a limit, some only look as if.

use std::f64::consts::TAU;

use crate::system::forecast::Watch;
use crate::system::metrics::Metric;

/// Seconds between two values.
pub(super) const STEP_S: f64 = 5.0;
const HOUR_S: f64 = 3600.0;
const DAY_S: f64 = 86_400.0;

/// What a trace is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Leak,
    Disk,
    Temperature,
    Rate,
    Drops,
    Clean,
}

impl Family {
    pub(super) const FAULTY: [Self; 5] = [Self::Leak, Self::Disk, Self::Temperature, Self::Rate, Self::Drops];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Leak => "memory leak",
            Self::Disk => "disk fills",
            Self::Temperature => "temperature climbs",
            Self::Rate => "vision rate decays",
            Self::Drops => "drop share rises",
            Self::Clean => "clean",
        }
    }

    /// Metric, limit, where it begins (as shares of the way from the far end to the limit), the shortest
    /// and longest time from the begin of the fault to the limit in hours.
    const fn shape(self) -> (Metric, f64, f64, [f64; 2], [f64; 2]) {
        match self {
            Self::Leak | Self::Clean => (Metric::ProcessMemory, 0.0, 1e9, [0.25, 0.7], [1.0, 72.0]),
            Self::Disk => (Metric::SystemDiskUsed, 0.0, 0.95, [0.2, 0.8], [2.0, 168.0]),
            Self::Temperature => (Metric::SystemTemperature, 20.0, 85.0, [0.35, 0.7], [1.0, 12.0]),
            Self::Rate => (Metric::VisionRate, 40.0, 15.0, [0.3, 0.5], [1.0, 48.0]),
            Self::Drops => (Metric::VisionDropShare, 0.0, 0.1, [0.01, 0.3], [1.0, 48.0]),
        }
    }
}

/// One course. All in shares of the way to the limit: 0 far away, 1 reached.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) family: Family,
    pub(super) what: &'static str,
    pub(super) watch: Watch,
    far: f64,
    /// When the fault begins, seconds; `None`: never.
    pub(super) onset_s: Option<f64>,
    pub(super) length_s: f64,
    /// From the fault's begin to the limit, seconds.
    pub(super) takes_s: f64,
    base: f64,
    /// The fault's course, as a power of its time.
    bend: f64,
    /// It grows by jumps of this share of the whole.
    stair: f64,
    noise: f64,
    /// How long a deviation lasts, seconds; 0: no longer than one value.
    memory_s: f64,
    saw: f64,
    saw_s: f64,
    day: f64,
    /// (when, by how much) the level changes.
    steps: Vec<(f64, f64)>,
    /// A start that warms up: how much, and in which time.
    warm: (f64, f64),
    /// Chance of a lone wild value, and its size.
    spikes: (f64, f64),
    phase: f64,
    seed: u64,
}

fn log_uniform(rng: &mut fastrand::Rng, range: [f64; 2]) -> f64 {
    let [low, high] = range.map(f64::ln);
    (low + (high - low) * rng.f64()).exp()
}

fn between(rng: &mut fastrand::Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.f64()
}

impl Trace {
    fn plain(family: Family, rng: &mut fastrand::Rng) -> Self {
        let (metric, far, limit, base, takes_h) = family.shape();
        Self {
            family,
            what: family.name(),
            watch: Watch {
                metric,
                limit,
                rising: limit > far,
            },
            far,
            onset_s: None,
            length_s: 0.0,
            takes_s: log_uniform(rng, takes_h) * HOUR_S,
            base: between(rng, base[0], base[1]),
            bend: 1.0,
            stair: 0.0,
            noise: log_uniform(rng, [0.002, 0.03]),
            memory_s: 0.0,
            saw: 0.0,
            saw_s: 1.0,
            day: 0.0,
            steps: Vec::new(),
            warm: (0.0, 1.0),
            spikes: (0.0, 0.0),
            phase: rng.f64(),
            seed: rng.u64(..),
        }
    }

    /// A course that leads to the limit after a time of peace.
    pub(super) fn faulty(family: Family, rng: &mut fastrand::Rng) -> Self {
        let mut trace = Self::plain(family, rng);
        let onset_s = between(rng, 2.0, 26.0) * HOUR_S;
        trace.onset_s = Some(onset_s);
        trace.length_s = onset_s + trace.takes_s;
        trace.bend = between(rng, 0.8, 1.3);
        let room = 1.0 - trace.base;
        match rng.u8(0..4) {
            0 => trace.stair = between(rng, 0.005, 0.03),
            1 => trace.memory_s = log_uniform(rng, [30.0, 600.0]),
            2 if family == Family::Leak => {
                trace.saw = between(rng, 0.02, 0.15) * room;
                trace.saw_s = log_uniform(rng, [120.0, 3600.0]).min(trace.takes_s / 8.0);
            }
            2 => trace.spikes = (0.002, between(rng, 0.05, 0.3) * room),
            _ => {}
        }
        trace
    }

    /// A leak that takes less than an hour.
    pub(super) fn fast(rng: &mut fastrand::Rng) -> Self {
        let mut trace = Self::faulty(Family::Leak, rng);
        let onset_s = trace.onset_s.unwrap_or_default();
        trace.takes_s = log_uniform(rng, [0.15, 1.0]) * HOUR_S;
        trace.length_s = onset_s + trace.takes_s;
        trace.saw_s = trace.saw_s.min(trace.takes_s / 8.0);
        trace
    }

    /// A course of `days` that never comes near the limit, of the kind `kind`.
    pub(super) fn clean(kind: usize, days: f64, rng: &mut fastrand::Rng) -> Self {
        let mut trace = Self::plain(Family::Clean, rng);
        trace.length_s = days * DAY_S;
        trace.base = between(rng, 0.2, 0.5);
        match kind % 6 {
            0 => {
                trace.what = "noise";
                trace.base = between(rng, 0.2, 0.85);
                trace.noise = log_uniform(rng, [0.002, 0.02]);
                trace.memory_s = log_uniform(rng, [1.0, 3600.0]);
            }
            1 => {
                trace.what = "sawtooth";
                trace.saw = between(rng, 0.05, 0.9 - trace.base);
                trace.saw_s = log_uniform(rng, [300.0, 10.0 * HOUR_S]);
            }
            2 => {
                trace.what = "steps";
                let mut level = trace.base;
                for _ in 0..rng.usize(2..12) {
                    let next = between(rng, 0.15, 0.85);
                    trace.steps.push((rng.f64() * trace.length_s, next - level));
                    level = next;
                }
                trace.steps.sort_by(|a, b| a.0.total_cmp(&b.0));
                // In order of time the levels are others than they were drawn as: kept inside the bounds.
                let mut level = trace.base;
                for (_, by) in &mut trace.steps {
                    *by = (level + *by).clamp(0.15, 0.85) - level;
                    level += *by;
                }
            }
            3 => {
                trace.what = "daily cycle";
                trace.day = between(rng, 0.05, 0.85 - trace.base);
                trace.memory_s = log_uniform(rng, [1.0, 600.0]);
            }
            4 => {
                trace.what = "warming up";
                trace.warm = (
                    between(rng, 0.1, 0.85 - trace.base),
                    log_uniform(rng, [60.0, 6.0 * HOUR_S]),
                );
                trace.day = 0.03;
            }
            _ => {
                trace.what = "everything";
                let room = 0.85 - trace.base;
                trace.day = between(rng, 0.1, 0.4) * room;
                trace.saw = between(rng, 0.05, 0.3) * room;
                trace.saw_s = log_uniform(rng, [300.0, 6.0 * HOUR_S]);
                trace.warm = (0.2 * room, log_uniform(rng, [60.0, HOUR_S]));
                trace.spikes = (0.001, between(rng, 0.0, 0.1));
                trace.memory_s = log_uniform(rng, [1.0, 600.0]);
            }
        }
        trace
    }

    /// Its values in order: (seconds, value in the metric's unit).
    pub(super) fn values(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut deviation = 0.0;
        let mut level = self.base;
        let mut steps = self.steps.iter().peekable();
        // An autoregressive course with the wanted scatter.
        let stays = if self.memory_s > 0.0 {
            (-STEP_S / self.memory_s).exp()
        } else {
            0.0
        };
        (0..(self.length_s / STEP_S) as u64).map(move |i| {
            let t = i as f64 * STEP_S;
            while let Some((_, by)) = steps.next_if(|(when, _)| *when <= t) {
                level += by;
            }
            deviation = stays * deviation + (1.0 - stays * stays).sqrt() * self.noise * gauss(&mut rng);
            let mut share = level + deviation;
            share += self.saw * (t / self.saw_s + self.phase).fract();
            share += self.day * 0.5 * (1.0 - ((t / DAY_S + self.phase) * TAU).cos());
            share += self.warm.0 * (1.0 - (-t / self.warm.1).exp());
            if rng.f64() < self.spikes.0 {
                share += self.spikes.1;
            }
            if let Some(onset_s) = self.onset_s.filter(|onset_s| t > *onset_s) {
                let mut done = ((t - onset_s) / self.takes_s).powf(self.bend);
                if self.stair > 0.0 {
                    done = (done / self.stair).floor() * self.stair;
                }
                share += done * (1.0 - self.base);
            }
            (t, self.far + share.max(0.0) * (self.watch.limit - self.far))
        })
    }
}

/// A normal deviate (Box and Muller 1958).
fn gauss(rng: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos()
}
