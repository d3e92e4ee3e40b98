//! Faults on purpose, so that what is promised about faults can be shown. Only in the testing environment.
//!
//! A script is a list in RON: `[(at_s: 5.0, does: panic, point: look), (at_s: 9.0, does: lose_camera, for_s: 3.0)]`.
//! Without a script each point costs one look at a flag.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Where a fault can strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// The vision module's systems.
    VisionStep,
    /// The thread that looks at frames.
    Look,
    /// The thread that captures.
    Capture,
    /// The core's systems.
    CoreStep,
    /// The projector's systems.
    ProjectorStep,
    /// The systems that look after the API's thread.
    ApiStep,
    /// The API's thread.
    ApiThread,
    /// The main loop outside every module.
    #[default]
    MainLoop,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It panics: once, or for `for_s` as often as it comes by.
    Panic,
    /// It does not come back for `for_s`, or ever.
    Hang,
    /// It takes `size` milliseconds longer.
    Slow,
    /// The process is gone at once.
    Abort,
    /// The camera is unplugged.
    LoseCamera,
    /// The camera gives no frames.
    StallCamera,
    /// The camera gives one picture again and again, with new times.
    FreezePicture,
    /// The lens is covered.
    BlackPicture,
    /// The picture is white.
    WhitePicture,
    /// The picture is noise.
    NoisePicture,
    /// Every second frame is of another size.
    BadFrames,
    /// Every frame lacks its end.
    TruncateFrames,
    /// The camera gives smaller pictures, laid out otherwise.
    ChangeFormat,
    /// The projector's window is closed.
    CloseWindow,
    /// The virtual projector is pushed aside by `size` millimetres.
    PushProjector,
    /// No file can be written: the disk is full.
    FailWrites,
    /// `size` lines a second go into the log.
    FloodLog,
    /// `size` megabytes a second are taken and not given back.
    LeakMemory,
    /// The graphics card is lost.
    LoseGpu,
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// When, seconds after the start.
    pub at_s: f64,
    /// What.
    pub does: Does,
    /// Where, for those that can strike at several places.
    #[serde(default)]
    pub point: Point,
    /// For how long, seconds; 0: once (of a camera's faults: one frame), and a hang for ever.
    #[serde(default)]
    pub for_s: f64,
    /// How much, where that means something.
    #[serde(default)]
    pub size: f64,
}

/// The faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultScript(pub Vec<Injection>);

impl FaultScript {
    /// Reads a script.
    ///
    /// # Errors
    /// One line: file, line and column, what is wrong.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            format!(
                "cannot read the fault script {}: {e}; check the path",
                path.display()
            )
        })?;
        Self::parse(&text).map_err(|e| format!("{}:{e}", path.display()))
    }

    /// Reads a script from its text.
    ///
    /// # Errors
    /// `line:column: what is wrong`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let script: Self = ron::from_str(text).map_err(|e| e.to_string())?;
        let is_wrong = |i: &&Injection| {
            [i.at_s, i.for_s, i.size]
                .iter()
                .any(|v| !v.is_finite() || *v < 0.0)
        };
        match script.0.iter().position(|i| is_wrong(&i)) {
            Some(at) => Err(format!(
                "1:1: fault {} has a time or size that is no positive number",
                at + 1
            )),
            None => Ok(script),
        }
    }
}

struct Plan {
    started: Instant,
    faults: Vec<(Injection, AtomicBool)>,
    news: Mutex<Vec<(Instant, String)>>,
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Lets the faults of a script happen, counted from now. The first call counts.
pub fn begin(script: FaultScript) {
    let faults = script.0.into_iter().map(|i| (i, AtomicBool::new(false)));
    let plan = Plan {
        started: Instant::now(),
        faults: faults.collect(),
        news: Mutex::default(),
    };
    drop(PLAN.set(plan));
}

/// True where faults can happen at all.
#[must_use]
pub fn is_on() -> bool {
    PLAN.get().is_some()
}

/// Faults that have begun since the last call, with their time.
#[must_use]
pub fn news() -> Vec<(Instant, String)> {
    let Some(plan) = PLAN.get() else { return Vec::new() };
    std::mem::take(&mut *plan.news.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A place where something can be made to go wrong.
#[inline]
pub fn point(point: Point) {
    if let Some(plan) = PLAN.get() {
        plan.strike(point);
    }
}

/// Size of the fault of this kind that holds right now.
#[inline]
#[must_use]
pub fn active(does: Does) -> Option<f64> {
    PLAN.get().and_then(|plan| plan.active(does))
}

impl Does {
    /// It strikes at a point; the others are asked for by whoever they concern.
    const fn strikes(self) -> bool {
        matches!(self, Self::Panic | Self::Hang | Self::Slow | Self::Abort)
    }
}

impl Plan {
    fn holds(&self, fault: &Injection) -> bool {
        let s = self.started.elapsed().as_secs_f64();
        s >= fault.at_s && (fault.for_s == 0.0 || s < fault.at_s + fault.for_s)
    }

    /// Notes that a fault has begun; true the first time.
    fn is_new(&self, fault: &Injection, struck: &AtomicBool) -> bool {
        let new = !struck.swap(true, Ordering::Relaxed);
        if new {
            let words = match fault.for_s {
                0.0 => format!("{:?} at {:?}", fault.does, fault.point),
                s => format!("{:?} at {:?} for {s} s", fault.does, fault.point),
            };
            self.news
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((Instant::now(), words));
        }
        new
    }

    fn active(&self, does: Does) -> Option<f64> {
        let mut holding = self
            .faults
            .iter()
            .filter(|(i, _)| i.does == does && self.holds(i));
        // Those without a length happen once, and leave room for the next of their kind.
        let now = holding.find(|(fault, struck)| self.is_new(fault, struck) || fault.for_s > 0.0);
        now.map(|(fault, _)| fault.size)
    }

    #[expect(clippy::panic, reason = "that is what was asked for")]
    fn strike(&self, point: Point) {
        for (fault, struck) in &self.faults {
            if fault.point != point || !fault.does.strikes() || !self.holds(fault) {
                continue;
            }
            let strikes = self.is_new(fault, struck) || fault.for_s > 0.0;
            match fault.does {
                Does::Panic if strikes => panic!("a fault on purpose at {point:?}"),
                Does::Hang if strikes => {
                    while self.holds(fault) {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
                Does::Slow => {
                    std::thread::sleep(Duration::try_from_secs_f64(fault.size / 1e3).unwrap_or_default())
                }
                Does::Abort => std::process::abort(),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_and_nonsense_is_refused_with_its_place() {
        let text = "[(at_s: 5.0, does: panic, point: look),\n (at_s: 9, does: lose_camera, for_s: 3)]";
        let script = FaultScript::parse(text).unwrap();
        assert_eq!(script.0.len(), 2);
        assert_eq!(
            (script.0[0].point, script.0[1].does),
            (Point::Look, Does::LoseCamera)
        );
        for (text, word) in [
            ("[(at_s: 5.0,\n does: dance)]", "2:"),
            ("[(at_s: -1, does: panic)]", "fault 1"),
            ("[(at_s: 1, does: panic, where: look)]", "where"),
        ] {
            let error = FaultScript::parse(text).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_fault_without_a_length_strikes_once_and_others_as_long_as_they_hold() {
        let fault = |does, for_s| {
            let injection = Injection {
                at_s: 0.0,
                does,
                point: Point::Look,
                for_s,
                size: 7.0,
            };
            (injection, AtomicBool::new(false))
        };
        let plan = Plan {
            started: Instant::now(),
            faults: vec![
                fault(Does::Panic, 0.0),
                fault(Does::FloodLog, 3600.0),
                fault(Does::CloseWindow, 0.0),
            ],
            news: Mutex::default(),
        };
        assert_eq!(
            (plan.active(Does::FloodLog), plan.active(Does::FloodLog)),
            (Some(7.0), Some(7.0))
        );
        assert_eq!(
            (plan.active(Does::CloseWindow), plan.active(Does::CloseWindow)),
            (Some(7.0), None)
        );
        assert_eq!(plan.active(Does::FailWrites), None);
        let strike = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| plan.strike(Point::Look)));
        assert!(strike().is_err() && strike().is_ok());
        plan.strike(Point::MainLoop);
        assert_eq!(plan.news.lock().unwrap().len(), 3);
    }

    #[test]
    fn a_point_uses_up_only_what_strikes_there() {
        let once = |does| {
            let injection = Injection {
                at_s: 0.0,
                does,
                point: Point::MainLoop,
                for_s: 0.0,
                size: 0.0,
            };
            (injection, AtomicBool::new(false))
        };
        let plan = Plan {
            started: Instant::now(),
            faults: vec![once(Does::LoseCamera), once(Does::LoseCamera)],
            news: Mutex::default(),
        };
        plan.strike(Point::MainLoop);
        let asked = [(); 3].map(|()| plan.active(Does::LoseCamera).is_some());
        assert_eq!(asked, [true, true, false]);
    }
}
