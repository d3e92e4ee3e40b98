//! Health checks: pure functions from facts to verdicts.
//!
//! The limits are the defaults of the requirements. A check that can't be made says Unknown.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::system::status::{Check, Health, Lifecycle, ModuleStatus};
use crate::vision::eyes::SourceState;
use crate::vision::picture_watch::PictureFault;
use crate::vision::recording::RecorderStatus;

/// What is known about vision when it is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionFacts {
    /// How the source is.
    pub source: (String, SourceState),
    /// Its threads run.
    pub alive: bool,
    /// Looking is paused by the operator.
    pub paused: bool,
    /// Frames analysed per second.
    pub rate_hz: Option<f64>,
    /// Other programs have taken the processor.
    pub starved: bool,
    /// Frames per second the source should give.
    pub wanted_hz: f64,
    /// Panics caught while looking, since the last check.
    pub recent_faults: u64,
    /// Age of the newest analysed frame, ms.
    pub frame_age_ms: Option<f64>,
    /// Share of delivered frames that were dropped in the last seconds, 0..1.
    pub dropped_share: Option<f64>,
    /// What is wrong with the pictures.
    pub picture: PictureFault,
    /// Share of delivered frames that were no pictures of the table, in the last seconds, 0..1.
    pub unusable_share: Option<f64>,
    /// The table was found in the newest frame.
    pub table_found: Option<bool>,
    /// Balls seen in the newest frame.
    pub balls: Option<usize>,
    /// How sure the eyes are of the balls of a table at rest, 0..1; `None` where none was at rest of late.
    pub confidence: Option<f64>,
    /// Share of the looks at a table at rest that show another number of balls than usual, 0..1.
    pub unsteady_share: Option<f64>,
}

/// The check of a recording.
#[must_use]
pub fn recording(status: &RecorderStatus) -> Check {
    let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
    if let Some(why) = status.stopped() {
        return check("recording", Health::Degraded, why).certain().outside();
    }
    let (recorded, left_out) = (count(&status.recorded), count(&status.left_out));
    let words = format!("{recorded} pictures recorded, {left_out} left out because the disk was too slow");
    // A few at a moment when the disk did something else are no fault.
    let slow = left_out > 30 && left_out * 20 > recorded;
    check(
        "recording",
        if slow { Health::Degraded } else { Health::Healthy },
        words,
    )
    .outside()
}

/// What to do where balls are not seen well.
const LOOK: &str = "; look at the light, the focus and the lens";

/// The checks of the vision module.
#[must_use]
pub fn vision(facts: &VisionFacts) -> Vec<Check> {
    if facts.paused {
        return vec![check(
            "source",
            Health::Unknown,
            format!("{} is paused by the operator", facts.source.0),
        )];
    }
    let (name, state) = &facts.source;
    let source = match state {
        _ if !facts.alive => check(
            "source",
            Health::Unhealthy,
            format!("{name}: a vision thread has ended"),
        )
        .certain(),
        SourceState::Running => check("source", Health::Healthy, format!("{name} delivers")),
        SourceState::Opening => check("source", Health::Unknown, format!("{name} is being opened")),
        SourceState::Lost(reason) => check("source", Health::Unhealthy, reason.clone())
            .certain()
            .outside(),
    };
    let ratio = facts.rate_hz.map(|r| r / facts.wanted_hz.max(1e-9));
    let rate = graded(
        "rate",
        ratio,
        |r| r >= 0.9,
        |r| r >= 0.5,
        |_| {
            format!(
                "{:.1} of {:.0} frames/s",
                facts.rate_hz.unwrap_or_default(),
                facts.wanted_hz
            )
        },
    );
    // A slow source has old frames by nature: two of its periods are as good as it gets.
    let period_ms = 1e3 / facts.wanted_hz.max(0.1);
    let age = graded(
        "frame_age",
        facts.frame_age_ms,
        |a| a <= (2.0 * period_ms).max(100.0),
        |a| a <= (5.0 * period_ms).max(500.0),
        |a| format!("{a:.0} ms old"),
    );
    let dropped = graded(
        "dropped",
        facts.dropped_share,
        |d| d < 0.10,
        |d| d < 0.5,
        |d| format!("{:.0} % dropped", d * 100.0),
    );
    let table = match facts.table_found {
        None => check("table", Health::Unknown, "no frame yet".to_owned()),
        Some(true) => check(
            "table",
            Health::Healthy,
            format!("table found, {} balls", facts.balls.unwrap_or_default()),
        ),
        Some(false) => check(
            "table",
            Health::Degraded,
            "no table in the picture; aim the camera at the table".to_owned(),
        ),
    };
    let unusable = graded(
        "unusable",
        facts.unusable_share,
        |s| s < 0.10,
        |_| true,
        |s| format!("{:.0} % of the frames are damaged", s * 100.0),
    );
    let mut checks = vec![source, rate, age, dropped, unusable, table];
    // Only a table at rest tells; no restart betters light and focus.
    if facts.confidence.is_some() {
        let graded = graded(
            "confidence",
            facts.confidence,
            |c| c >= 0.7,
            |_| true,
            |c| {
                format!(
                    "balls are seen with {:.0} % certainty{}",
                    c * 100.0,
                    if c < 0.7 { LOOK } else { "" }
                )
            },
        );
        checks.push(graded.outside());
    }
    if facts.unsteady_share.is_some() {
        let graded = graded(
            "count",
            facts.unsteady_share,
            |s| s < 0.1,
            |_| true,
            |s| {
                let advice = if s < 0.1 { "" } else { LOOK };
                format!(
                    "in {:.0} % of the looks another number of balls is seen at rest{advice}",
                    s * 100.0
                )
            },
        );
        checks.push(graded.outside());
    }
    if *state != SourceState::Running {
        // The rest follows from that.
        checks = checks.into_iter().map(Check::outside).collect();
    }
    if facts.starved {
        // A restart would only take more of what there is too little of.
        checks = checks.into_iter().map(Check::outside).collect();
    }
    if facts.picture != PictureFault::None {
        checks = checks.into_iter().map(Check::outside).collect();
        // The capture thread opens a camera again that repeats itself; nothing inside takes a cover off.
        let words = format!("{name}: {}", facts.picture.words());
        let picture = check("picture", Health::Unhealthy, words).certain().outside();
        checks.insert(0, picture);
    }
    if facts.recent_faults > 0 {
        let words = format!("looking at a frame failed inside, {} times", facts.recent_faults);
        checks.insert(0, check("faults", Health::Unhealthy, words));
    }
    checks
}

/// The checks of the core (aiming and physics). `no_table`: why nothing is known of the table, where that is so.
#[must_use]
pub fn core(prediction_us_p50: Option<f64>, no_table: Option<&str>, recent_faults: u32) -> Vec<Check> {
    let update = graded(
        "prediction_time",
        prediction_us_p50.map(|us| us / 1e3),
        |ms| ms <= 10.0,
        |ms| ms <= 100.0,
        |ms| format!("{ms:.2} ms a shot"),
    );
    let state = match no_table {
        None => check("state", Health::Healthy, "table state present".to_owned()),
        Some(why) => check("state", Health::Unknown, why.to_owned()),
    };
    let faults = match recent_faults {
        0 => check(
            "errors",
            Health::Healthy,
            "no errors in the last minute".to_owned(),
        ),
        n => check(
            "errors",
            if n < 3 {
                Health::Degraded
            } else {
                Health::Unhealthy
            },
            format!("{n} errors in the last minute"),
        ),
    };
    // Before the first aimed shot there is no time to measure: that says nothing bad about the core.
    if prediction_us_p50.is_some() {
        vec![state, update, faults]
    } else {
        vec![state, faults]
    }
}

/// A verdict from a measured value; Unknown when it was not measured.
fn graded(
    name: &'static str,
    value: Option<f64>,
    healthy: impl Fn(f64) -> bool,
    degraded: impl Fn(f64) -> bool,
    words: impl Fn(f64) -> String,
) -> Check {
    match value {
        None => check(name, Health::Unknown, "not measured yet".to_owned()),
        Some(v) if healthy(v) => check(name, Health::Healthy, words(v)),
        Some(v) if degraded(v) => check(name, Health::Degraded, words(v)),
        Some(v) => check(name, Health::Unhealthy, words(v)),
    }
}

/// A check's result.
#[must_use]
pub fn check(name: &'static str, status: Health, message: String) -> Check {
    Check {
        name,
        status,
        message,
        certain: false,
        outside: false,
    }
}

/// Any unhealthy makes it unhealthy, else any degraded degraded, else any unknown unknown.
#[must_use]
pub fn roll_up(checks: impl IntoIterator<Item = Health>) -> Health {
    checks.into_iter().max().unwrap_or_default()
}

/// The system's health and its score (1 healthy, ½ degraded, 0 else) over modules that are switched on.
#[must_use]
pub fn system(modules: &[ModuleStatus]) -> (Health, f64) {
    let on: Vec<Health> = modules
        .iter()
        .filter(|m| m.lifecycle != Lifecycle::Disabled)
        .map(|m| m.health)
        .collect();
    let points: f64 = on
        .iter()
        .map(|h| match h {
            Health::Healthy => 1.0,
            Health::Degraded => 0.5,
            Health::Unknown | Health::Unhealthy => 0.0,
        })
        .sum();
    (
        roll_up(on.iter().copied()),
        if on.is_empty() {
            0.0
        } else {
            points / on.len() as f64
        },
    )
}

/// How many results in a row it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inertia {
    /// Bad ones until a level gets worse.
    pub worse_after: u32,
    /// Good ones until it gets better.
    pub better_after: u32,
}

impl Default for Inertia {
    fn default() -> Self {
        Self {
            worse_after: 2,
            better_after: 3,
        }
    }
}

/// Worse only after some bad results, better only after some good ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hysteresis {
    shown: Health,
    /// It is shown because of a fact: it goes as soon as that does.
    by_fact: bool,
    worse: u32,
    better: u32,
}

impl Hysteresis {
    /// Takes in a new result and gives the level to show. What is `certain` is shown at once.
    pub fn update(&mut self, now: Health, certain: bool, inertia: Inertia) -> Health {
        let fact_is_over = std::mem::replace(&mut self.by_fact, certain) && !certain;
        if self.shown == Health::Unknown || now == Health::Unknown || certain || fact_is_over {
            // Not knowing has no inertia: what is known is shown at once, what is not known any more too.
            *self = Self {
                shown: now,
                worse: 0,
                better: 0,
                ..*self
            };
            return now;
        }
        if now > self.shown {
            (self.worse, self.better) = (self.worse + 1, 0);
        } else if now < self.shown {
            (self.worse, self.better) = (0, self.better + 1);
        } else {
            (self.worse, self.better) = (0, 0);
        }
        if self.worse >= inertia.worse_after || self.better >= inertia.better_after {
            *self = Self {
                shown: now,
                worse: 0,
                better: 0,
                ..*self
            };
        }
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> VisionFacts {
        VisionFacts {
            source: ("virtual".to_owned(), SourceState::Running),
            alive: true,
            paused: false,
            rate_hz: Some(29.9),
            starved: false,
            wanted_hz: 30.0,
            recent_faults: 0,
            frame_age_ms: Some(12.0),
            dropped_share: Some(0.0),
            picture: PictureFault::None,
            unusable_share: Some(0.0),
            table_found: Some(true),
            balls: Some(16),
            confidence: Some(0.95),
            unsteady_share: Some(0.0),
        }
    }

    fn verdict(facts: &VisionFacts) -> Health {
        roll_up(vision(facts).iter().map(|c| c.status))
    }

    #[test]
    fn limits_are_those_of_the_requirements() {
        assert_eq!(verdict(&good()), Health::Healthy);
        assert_eq!(
            verdict(&VisionFacts {
                rate_hz: Some(20.0),
                ..good()
            }),
            Health::Degraded
        );
        assert_eq!(
            verdict(&VisionFacts {
                rate_hz: Some(14.0),
                ..good()
            }),
            Health::Unhealthy
        );
        assert_eq!(
            verdict(&VisionFacts {
                frame_age_ms: Some(300.0),
                ..good()
            }),
            Health::Degraded
        );
        assert_eq!(
            verdict(&VisionFacts {
                frame_age_ms: Some(800.0),
                ..good()
            }),
            Health::Unhealthy
        );
        assert_eq!(
            verdict(&VisionFacts {
                frame_age_ms: None,
                ..good()
            }),
            Health::Unknown
        );
        assert_eq!(
            verdict(&VisionFacts {
                alive: false,
                ..good()
            }),
            Health::Unhealthy
        );
        assert_eq!(
            verdict(&VisionFacts {
                table_found: Some(false),
                ..good()
            }),
            Health::Degraded
        );
        for unsure in [
            VisionFacts {
                confidence: Some(0.6),
                ..good()
            },
            VisionFacts {
                unsteady_share: Some(0.2),
                ..good()
            },
        ] {
            assert_eq!(verdict(&unsure), Health::Degraded);
            let checks = vision(&unsure);
            let bad = checks.iter().find(|c| c.status == Health::Degraded).unwrap();
            assert!(bad.outside && bad.message.contains("focus"), "{bad:?}");
        }
        // Where nothing is at rest nothing is said.
        assert_eq!(
            verdict(&VisionFacts {
                confidence: None,
                unsteady_share: None,
                ..good()
            }),
            Health::Healthy
        );
        let lost = (
            "camera:0".to_owned(),
            SourceState::Lost("camera:0: disconnected".to_owned()),
        );
        assert_eq!(
            verdict(&VisionFacts {
                source: lost,
                ..good()
            }),
            Health::Unhealthy
        );
        assert_eq!(
            verdict(&VisionFacts {
                paused: true,
                ..good()
            }),
            Health::Unknown
        );
    }

    #[test]
    fn a_single_bad_result_does_not_flicker() {
        let mut shown = Hysteresis::default();
        let update = |shown: &mut Hysteresis, now, certain| shown.update(now, certain, Inertia::default());
        assert_eq!(update(&mut shown, Health::Healthy, false), Health::Healthy);
        assert_eq!(update(&mut shown, Health::Unhealthy, false), Health::Healthy);
        assert_eq!(update(&mut shown, Health::Healthy, false), Health::Healthy);
        assert_eq!(update(&mut shown, Health::Unhealthy, false), Health::Healthy);
        assert_eq!(update(&mut shown, Health::Unhealthy, false), Health::Unhealthy);
        for expected in [Health::Unhealthy, Health::Unhealthy, Health::Healthy] {
            assert_eq!(update(&mut shown, Health::Healthy, false), expected);
        }
        assert_eq!(
            update(&mut shown, Health::Unhealthy, true),
            Health::Unhealthy,
            "a fact is one at once"
        );
        assert_eq!(
            update(&mut shown, Health::Healthy, false),
            Health::Healthy,
            "and is over at once"
        );
    }

    #[test]
    fn a_disabled_module_is_no_fault() {
        let module = |id, lifecycle, health| ModuleStatus {
            id,
            lifecycle,
            health,
            message: String::new(),
            checks: Vec::new(),
            restarts: 0,
            faults: 0,
        };
        let modules = [
            module("core", Lifecycle::Running, Health::Healthy),
            module("vision", Lifecycle::Running, Health::Degraded),
            module("api", Lifecycle::Disabled, Health::Unknown),
        ];
        assert_eq!(system(&modules), (Health::Degraded, 0.75));
    }
}
