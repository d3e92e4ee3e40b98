//! The faults, and one after the other put on the rig.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Row;
use super::process::Usage;
use super::rig::{self, Looped, Rig};
use crate::ops::process::{Program, children};
use crate::system::faults::Does;
use crate::units::Vec2;
use crate::vision::eyes::Opener;
use crate::vision::source::{Asked, FaultySource, FrameSource, Kept, Patience, SourceError, VideoSource};
use crate::vision::track::BallId;

/// A way to break a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The fault-injecting source does this.
    Source(&'static str, Does),
    /// The child is killed and its file gone.
    ChildDies,
    /// The child is stopped.
    ChildStalls,
    /// The child is killed; the ones after it die in the middle of their first picture.
    ChildCut,
    /// The child is killed; the one after it sends noise.
    ChildGarbage,
    /// The child is killed and the film is another size.
    ChildFormat,
}

/// All of them.
pub(super) const ALL: [Fault; 11] = [
    Fault::Source("unplug", Does::LoseCamera),
    Fault::Source("stall", Does::StallCamera),
    Fault::Source("freeze", Does::FreezePicture),
    Fault::Source("truncated", Does::TruncateFrames),
    Fault::Source("garbage", Does::NoisePicture),
    Fault::Source("format", Does::ChangeFormat),
    Fault::ChildDies,
    Fault::ChildStalls,
    Fault::ChildCut,
    Fault::ChildGarbage,
    Fault::ChildFormat,
];

impl Fault {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Source(name, _) => name,
            Self::ChildDies => "child-dies",
            Self::ChildStalls => "child-stalls",
            Self::ChildCut => "child-cut",
            Self::ChildGarbage => "child-garbage",
            Self::ChildFormat => "child-format",
        }
    }

    /// Pictures of another size are taken as they are: the change itself is the fault, there and back.
    const fn is_change(self) -> bool {
        matches!(self, Self::Source(_, Does::ChangeFormat) | Self::ChildFormat)
    }
}

/// Cycles before the first look at memory: what is made once is made by then.
const WARM_UP: usize = 3;
/// All is well by then, or never.
const NEVER: Duration = Duration::from_secs(20);

/// Lets a fault happen so many times.
///
/// # Errors
/// What could not be made: pictures, files, threads; or that nothing was seen at all.
pub(super) fn run(fault: Fault, cycles: usize, seed: u64) -> Result<Row, String> {
    let folder = std::env::temp_dir().join(format!(
        "billiards-capture-{}-{}",
        std::process::id(),
        fault.name()
    ));
    std::fs::create_dir_all(&folder).map_err(|e| format!("can't make {}: {e}", folder.display()))?;
    let row = Bench::new(fault, &folder).and_then(|mut bench| bench.run(cycles, seed));
    drop(std::fs::remove_dir_all(&folder));
    row
}

/// A rig, and the hand that breaks its source.
struct Bench {
    fault: Fault,
    rig: Rig,
    broken: Arc<AtomicBool>,
    film: PathBuf,
    /// The film that is not shown now.
    other: PathBuf,
}

impl Bench {
    fn new(fault: Fault, folder: &Path) -> Result<Self, String> {
        let broken = Arc::new(AtomicBool::new(false));
        let (film, other) = (folder.join("film.y4m"), folder.join("other.y4m"));
        let pictures = rig::pictures(rig::SIZE)?;
        let opener: Opener = if let Fault::Source(_, does) = fault {
            let (kept, pictures, switch) = (Kept::default(), Arc::new(pictures), Arc::clone(&broken));
            let asked: Asked =
                Arc::new(move |d| (d == does && switch.load(Ordering::Relaxed)).then_some(0.0));
            Box::new(move || {
                let open = || Ok(Box::new(Looped::new(&pictures)) as Box<dyn FrameSource>);
                FaultySource::open(open, &kept, &asked)
            })
        } else {
            rig::write_film(&film, &pictures)?;
            if fault == Fault::ChildFormat {
                rig::write_film(&other, &rig::pictures(rig::SMALL)?)?;
            }
            let (film, switch) = (film.clone(), Arc::clone(&broken));
            Box::new(move || open_child(fault, &film, switch.load(Ordering::Relaxed)))
        };
        let rig = Rig::start(opener, None)?;
        Ok(Self {
            fault,
            rig,
            broken,
            film,
            other,
        })
    }

    fn run(&mut self, cycles: usize, seed: u64) -> Result<Row, String> {
        let mut random = fastrand::Rng::with_seed(seed);
        let fault = self.fault.name();
        // A table of which everything is known.
        let mut known = Vec::new();
        let settled = self.rig.turn_until(NEVER, |rig| {
            known = rig.balls();
            !rig.is_marked() && known.len() >= 22
        });
        if !settled {
            return Err(format!("{fault}: the table was not seen before the first fault"));
        }
        let (mut times, mut held, mut marked, mut identities_lost) = (Vec::new(), 0, 0, 0);
        let (mut before, mut halfway) = (Usage::now(), Usage::now());
        for cycle in 0..cycles + WARM_UP {
            if cycle == WARM_UP {
                (before, halfway) = (Usage::now(), Usage::now());
                (held, marked, identities_lost) = (0, 0, 0);
                times.clear();
            }
            if cycle == WARM_UP + cycles / 2 {
                halfway = Usage::now();
            }
            let length = Duration::from_secs_f64(0.8 + 0.6 * random.f64());
            let outcome = self.cycle(length, &known);
            times.extend(outcome.times_s);
            held += usize::from(outcome.held);
            marked += usize::from(outcome.marked);
            identities_lost += usize::from(outcome.lost);
            // Another part of the film, or of the camera's rhythm.
            let rest = Duration::from_millis(random.u64(150..300));
            self.rig.turn_until(rest, |_| false);
        }
        let after = Usage::now();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
            times.get(index).copied().unwrap_or(f64::NAN)
        };
        Ok(Row {
            fault,
            cycles,
            worst_s: at(1.0),
            p95_s: at(0.95),
            held,
            marked,
            identities_lost,
            before,
            halfway,
            after,
        })
    }

    fn cycle(&mut self, length: Duration, known: &[(BallId, Vec2)]) -> Outcome {
        let (mut held, mut marked) = (true, false);
        let mut times_s = Vec::new();
        self.strike();
        let struck = Instant::now();
        let look = |rig: &Rig| {
            held &= !rig.balls().is_empty();
            // What is shown as of now was seen a moment ago, or is marked.
            marked |= rig.is_marked();
            false
        };
        if self.fault.is_change() {
            times_s.push(self.rig_until_seen(struck));
            self.rig.turn_until(length, look);
        } else {
            self.rig.turn_until(length, look);
        }
        let back = self.mend();
        times_s.push(self.rig_until_seen(back));
        // A change is no loss: it is enough that it was followed.
        marked |= self.fault.is_change();
        // Those that are known come back soon or never; a busy machine takes its time.
        let settled = self.rig.turn_until(Duration::from_secs(10), |rig| rig.has(known));
        Outcome {
            times_s,
            held,
            marked,
            lost: !settled,
        }
    }

    /// Seconds from then until the state is of a picture taken after it.
    fn rig_until_seen(&mut self, then: Instant) -> f64 {
        self.rig.turn_until(NEVER, |rig| {
            !rig.is_marked() && rig.seen().is_some_and(|at| at > then)
        });
        then.elapsed().as_secs_f64()
    }

    fn strike(&self) {
        self.broken.store(true, Ordering::Relaxed);
        match self.fault {
            Fault::Source(..) => {}
            Fault::ChildStalls => signal_children(Signal::STOP),
            Fault::ChildDies => {
                drop(std::fs::rename(&self.film, &self.other));
                signal_children(Signal::KILL);
            }
            Fault::ChildFormat => self.change_film(),
            Fault::ChildCut | Fault::ChildGarbage => signal_children(Signal::KILL),
        }
    }

    /// The picture is back; from when.
    fn mend(&self) -> Instant {
        self.broken.store(false, Ordering::Relaxed);
        let now = Instant::now();
        match self.fault {
            Fault::Source(..) => {}
            Fault::ChildStalls => signal_children(Signal::CONT),
            Fault::ChildDies => drop(std::fs::rename(&self.other, &self.film)),
            Fault::ChildFormat => self.change_film(),
            Fault::ChildCut | Fault::ChildGarbage => signal_children(Signal::KILL),
        }
        now
    }

    fn change_film(&self) {
        let aside = self.film.with_extension("aside");
        drop(std::fs::rename(&self.film, &aside));
        drop(std::fs::rename(&self.other, &self.film));
        drop(std::fs::rename(&aside, &self.other));
        signal_children(Signal::KILL);
    }
}

struct Outcome {
    times_s: Vec<f64>,
    held: bool,
    marked: bool,
    lost: bool,
}

/// To every player of this process.
fn signal_children(signal: Signal) {
    for child in children().iter().filter(|c| c.name != "ffprobe") {
        if let Some(pid) = i32::try_from(child.pid).ok().and_then(Pid::from_raw) {
            // One that has ended meanwhile needs none.
            kill_process(pid, signal).ok();
        }
    }
}

fn open_child(fault: Fault, film: &Path, broken: bool) -> Result<Box<dyn FrameSource>, SourceError> {
    let frame_bytes = rig::SIZE.pixels() * 3 / 2;
    let printed = match fault {
        Fault::ChildCut if broken => frame_bytes / 2,
        Fault::ChildGarbage if broken => frame_bytes * 10_000,
        _ => return Ok(Box::new(VideoSource::open(&film.to_string_lossy())?)),
    };
    let from = if fault == Fault::ChildCut {
        "/dev/zero"
    } else {
        "/dev/urandom"
    };
    let program = Program::new("head").args(["-c", &printed.to_string(), from]);
    let name = format!("video:{}", film.display());
    let source = VideoSource::play(program, Patience::default(), rig::SIZE, Some(rig::RATE_HZ), name)?;
    Ok(Box::new(source))
}
