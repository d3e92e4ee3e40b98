//! What a run has achieved, against the truth where the source knows it.

use std::fmt;

use crate::system::rolling::quantile;
use crate::units::MM_PER_M;
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;

/// A found ball this far from a true one is not that ball, metres.
const MATCH_M: f64 = 0.02;
/// Samples kept for quantiles; a long run keeps a uniform sample of this size.
const KEPT: usize = 20_000;

/// Figures of a run, gathered frame by frame.
#[derive(Debug, Default)]
pub struct Summary {
    /// Frames analysed.
    pub frames: u64,
    /// Shots predicted.
    pub shots: u64,
    true_balls: u64,
    found_balls: u64,
    false_balls: u64,
    named_right: u64,
    latency_ms: Sample,
    vision_ms: Sample,
    error_mm: Sample,
}

/// A uniform sample of a stream of values (reservoir sampling, Vitter's algorithm R).
#[derive(Debug, Default)]
struct Sample {
    values: Vec<f64>,
    seen: u64,
    state: u64,
}

impl Sample {
    fn push(&mut self, value: f64) {
        self.seen += 1;
        if self.values.len() < KEPT {
            self.values.push(value);
            return;
        }
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (self.state >> 11) % self.seen;
        if let Some(slot) = self.values.get_mut(at as usize) {
            *slot = value;
        }
    }

    fn quantile(&self, q: f64) -> Option<f64> {
        quantile(&mut self.values.clone(), q)
    }
}

impl Summary {
    /// Takes in one analysed frame.
    pub fn frame(&mut self, frame: &Frame, seen: &Observation) {
        self.frames += 1;
        if let Some((_, total)) = seen.timing_ms.iter().find(|t| t.0 == "total") {
            self.vision_ms.push(*total);
        }
        let Some(truth) = &frame.truth else { return };
        let mut taken = vec![false; truth.balls.len()];
        for ball in seen.balls.iter().filter(|b| b.confidence >= 0.5) {
            let Some(position) = ball.position_m else { continue };
            let nearest = truth
                .balls
                .iter()
                .enumerate()
                .filter(|(i, _)| taken.get(*i) == Some(&false))
                .map(|(i, t)| (t.position_m.distance(position), i, t.kind))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            match nearest {
                Some((distance, i, kind)) if distance < MATCH_M => {
                    if let Some(slot) = taken.get_mut(i) {
                        *slot = true;
                    }
                    self.found_balls += 1;
                    self.named_right += u64::from(kind.group == ball.kind.group);
                    self.error_mm.push(distance * MM_PER_M);
                }
                _ => self.false_balls += 1,
            }
        }
        self.true_balls += truth.balls.len() as u64;
    }

    /// Takes in the time from a frame's capture to the overlay that came of it.
    pub fn latency(&mut self, ms: f64) {
        self.latency_ms.push(ms);
    }

    /// Share of true balls that were found; `None` when the source knows no truth.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.true_balls > 0).then(|| self.found_balls as f64 / self.true_balls as f64)
    }

    /// Found balls that are none, as a share of true balls.
    #[must_use]
    pub fn false_share(&self) -> Option<f64> {
        (self.true_balls > 0).then(|| self.false_balls as f64 / self.true_balls as f64)
    }

    /// Median distance between found and true centre, mm.
    #[must_use]
    pub fn error_mm(&self, q: f64) -> Option<f64> {
        self.error_mm.quantile(q)
    }

    /// The summary in words, for a run of `seconds`.
    #[must_use]
    pub fn report(&self, seconds: f64) -> Report<'_> {
        Report {
            summary: self,
            seconds,
        }
    }
}

/// A summary ready to be printed.
#[derive(Debug)]
pub struct Report<'a> {
    summary: &'a Summary,
    seconds: f64,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.summary;
        let or_none = |v: Option<f64>, digits: usize, unit: &str| match v {
            Some(v) => format!("{v:.digits$} {unit}"),
            None => "not measured".to_owned(),
        };
        writeln!(f, "run of {:.1} s", self.seconds)?;
        writeln!(
            f,
            "  frames           {} ({:.1} a second)",
            s.frames,
            s.frames as f64 / self.seconds.max(1e-9)
        )?;
        writeln!(
            f,
            "  vision time      p50 {}, p95 {}",
            or_none(s.vision_ms.quantile(0.5), 2, "ms"),
            or_none(s.vision_ms.quantile(0.95), 2, "ms")
        )?;
        writeln!(
            f,
            "  frame to overlay p50 {}, p95 {}",
            or_none(s.latency_ms.quantile(0.5), 1, "ms"),
            or_none(s.latency_ms.quantile(0.95), 1, "ms")
        )?;
        match (s.recall(), s.false_share()) {
            (Some(recall), Some(wrong)) => {
                writeln!(
                    f,
                    "  balls found      {} of {} true ({:.2} %), {} false ({:.2} %)",
                    s.found_balls,
                    s.true_balls,
                    recall * 100.0,
                    s.false_balls,
                    wrong * 100.0
                )?;
                writeln!(
                    f,
                    "  group right      {} of {} found ({:.2} %)",
                    s.named_right,
                    s.found_balls,
                    s.named_right as f64 / (s.found_balls as f64).max(1.0) * 100.0
                )?;
                writeln!(
                    f,
                    "  position error   p50 {}, p95 {}",
                    or_none(s.error_mm(0.5), 2, "mm"),
                    or_none(s.error_mm(0.95), 2, "mm")
                )?;
            }
            _ => writeln!(
                f,
                "  balls found      no truth to compare with (only the virtual table knows it)"
            )?,
        }
        write!(f, "  shots predicted  {}", s.shots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::BallKind;
    use crate::units::{ImageSize, Vec2};
    use crate::vision::frame::PixelFormat;
    use crate::vision::observation::{BallSeen, Covariance, TrueBall, Truth};
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn found_missed_and_false_balls_are_counted_against_the_truth() {
        let size = ImageSize::new(2, 2);
        let mut frame = Frame::new(1, size, PixelFormat::Rgb8, vec![0; 12]).unwrap();
        let truth = |n, x| TrueBall {
            id: u32::from(n),
            kind: BallKind::pool(n),
            position_m: Vec2::new(x, 0.0),
            velocity_m_s: Vec2::ZERO,
            row_s: 0.0,
            visible: 1.0,
        };
        frame.truth = Some(Arc::new(Truth {
            balls: vec![truth(1, 0.0), truth(9, 0.5)],
            ..Truth::default()
        }));
        let seen = |n, x| BallSeen {
            center_px: Vec2::ZERO,
            radius_px: 1.0,
            position_m: Some(Vec2::new(x, 0.0)),
            covariance_m2: Covariance::round(0.001),
            kind: BallKind::pool(n),
            confidence: 1.0,
            group_confidence: 1.0,
            odds: Default::default(),
            look: Default::default(),
        };
        let observation = Observation {
            sequence: 1,
            captured: Instant::now(),
            image: size,
            table: None,
            balls: vec![seen(2, 0.001), seen(3, -0.7)],
            cues: Vec::new(),
            hidden: Default::default(),
            timing_ms: vec![("total", 3.0)],
            warnings: Vec::new(),
            cloth_srgb: None,
        };
        let mut summary = Summary::default();
        summary.frame(&frame, &observation);
        assert_eq!((summary.recall(), summary.false_share()), (Some(0.5), Some(0.5)));
        assert!((summary.error_mm(0.5).unwrap() - 1.0).abs() < 1e-9);
        let text = summary.report(1.0).to_string();
        assert!(
            text.contains("1 of 2 true") && text.contains("group right      1 of 1"),
            "{text}"
        );
        assert!(Summary::default().report(1.0).to_string().contains("no truth"));
    }
}
