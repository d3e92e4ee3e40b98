//! What was made of the cue against what it really did.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::physics::CueStrike;
use crate::units::Vec2;
use crate::vision::evaluate::{quantile, share};
use crate::vision::observation::TrueCue;
use crate::vision::track::{Hit, TrackedCue};

/// A direction further off than this is another thing than the cue, degrees.
const ANOTHER_DEG: f64 = 10.0;

/// Looks and strokes of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Looks at a cue, and how many of them showed it.
    pub(super) looks: usize,
    pub(super) found: usize,
    /// Looks that showed something else as the cue.
    pub(super) other: usize,
    /// Looks without a cue, and how many of them showed one.
    pub(super) empty: usize,
    pub(super) invented: usize,
    pub(super) direction_deg: Vec<f64>,
    /// Errors over their own standard deviations.
    pub(super) over_sigma: Vec<f64>,
    pub(super) elevation_deg: Vec<f64>,
    pub(super) tip_mm: Vec<f64>,
    pub(super) strokes: usize,
    pub(super) strokes_missed: usize,
    pub(super) strokes_invented: usize,
    /// Of strokes found, with sign.
    pub(super) impact_ms: Vec<f64>,
    pub(super) impact_over_sigma: Vec<f64>,
    pub(super) speed_percent: Vec<f64>,
    pub(super) side: Vec<f64>,
    pub(super) height: Vec<f64>,
}

/// How one look went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Look {
    /// The cue was found, its direction off by so many degrees.
    Found(f64),
    Missed,
    Other,
    Empty,
    Invented,
}

impl Tally {
    /// Compares one look with the truth.
    pub(super) fn add_look(&mut self, truth: Option<&TrueCue>, seen: Option<&TrackedCue>) -> Look {
        match (truth, seen) {
            (Some(truth), Some(seen)) => {
                self.looks += 1;
                let off = seen.direction.angle_to(truth.direction);
                let off_deg = off.abs().to_degrees();
                if off_deg > ANOTHER_DEG {
                    self.other += 1;
                    return Look::Other;
                }
                self.found += 1;
                self.direction_deg.push(off_deg);
                if seen.direction_sigma > 0.0 {
                    self.over_sigma.push(off.abs() / seen.direction_sigma);
                    self.elevation_deg
                        .push((seen.elevation - truth.elevation).to_degrees());
                }
                self.tip_mm.push(1e3 * seen.tip_m.distance(truth.tip_m));
                Look::Found(off_deg)
            }
            (Some(_), None) => {
                self.looks += 1;
                Look::Missed
            }
            (None, Some(_)) => {
                self.empty += 1;
                self.invented += 1;
                Look::Invented
            }
            (None, None) => {
                self.empty += 1;
                Look::Empty
            }
        }
    }

    /// Compares what was said of a stroke with the stroke.
    pub(super) fn add_stroke(&mut self, stroke: &Stroke, hit: Option<&Hit>) {
        self.strokes += 1;
        let Some(hit) = hit else {
            self.strokes_missed += 1;
            return;
        };
        let off_s = seconds_after(hit.at, stroke.at);
        self.impact_ms.push(1e3 * off_s);
        if hit.sigma_s > 0.0 {
            self.impact_over_sigma.push(off_s.abs() / hit.sigma_s);
        }
        let strike = &stroke.strike;
        self.speed_percent
            .push(100.0 * (hit.stick_speed_m_s / strike.stick_speed_m_s - 1.0));
        self.side.extend(hit.side.map(|side| side - strike.side));
        self.height
            .extend(hit.height.map(|height| height - strike.height));
    }

    pub(super) fn as_json(&self) -> Value {
        let abs = |v: &[f64]| v.iter().map(|x| x.abs()).collect::<Vec<_>>();
        let spread = |v: &[f64]| {
            let v = abs(v);
            json!({ "count": v.len(), "mean": mean(&v), "p50": quantile(&v, 0.5), "p95": quantile(&v, 0.95), "worst": quantile(&v, 1.0) })
        };
        json!({
            "looks": self.looks, "found": self.found, "found_share": share(self.found, self.looks),
            "other": self.other, "empty": self.empty, "invented": self.invented,
            "direction_deg": spread(&self.direction_deg),
            "direction_over_sigma_rms": rms(&self.over_sigma),
            "elevation_deg": spread(&self.elevation_deg),
            "tip_mm": spread(&self.tip_mm),
            "strokes": self.strokes, "strokes_missed": self.strokes_missed, "strokes_invented": self.strokes_invented,
            "impact_ms": spread(&self.impact_ms), "impact_mean_ms": mean(&self.impact_ms),
            "impact_over_sigma_rms": rms(&self.impact_over_sigma),
            "stick_speed_percent": spread(&self.speed_percent),
            "side_radii": spread(&self.side), "height_radii": spread(&self.height),
        })
    }
}

/// A stroke that really was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) at: Instant,
    pub(super) strike: CueStrike,
}

/// Strokes and what was said of them: each is the answer to the stroke nearest in time. Also how many
/// answers are to no stroke.
pub(super) fn match_strokes<'a>(strokes: &[Stroke], hits: &'a [Hit]) -> (Vec<Option<&'a Hit>>, usize) {
    const NEAR_S: f64 = 0.25;
    let mut taken = vec![false; hits.len()];
    let answers = strokes
        .iter()
        .map(|stroke| {
            let near = hits
                .iter()
                .enumerate()
                .filter(|(_, hit)| seconds_after(hit.at, stroke.at).abs() < NEAR_S);
            let (index, hit) = near.min_by(|a, b| {
                seconds_after(a.1.at, stroke.at)
                    .abs()
                    .total_cmp(&seconds_after(b.1.at, stroke.at).abs())
            })?;
            let free = taken.get_mut(index).filter(|t| !**t)?;
            *free = true;
            Some(hit)
        })
        .collect();
    (answers, taken.iter().filter(|t| !**t).count())
}

/// How much later `a` is than `b`, seconds.
pub(super) fn seconds_after(a: Instant, b: Instant) -> f64 {
    let later = a
        .checked_duration_since(b)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64();
    later
        - b.checked_duration_since(a)
            .unwrap_or(Duration::ZERO)
            .as_secs_f64()
}

pub(super) fn mean(v: &[f64]) -> Option<f64> {
    (!v.is_empty()).then(|| v.iter().sum::<f64>() / v.len() as f64)
}

pub(super) fn rms(v: &[f64]) -> Option<f64> {
    mean(&v.iter().map(|x| x * x).collect::<Vec<_>>()).map(f64::sqrt)
}

/// Distance of the cue's line from the place straight below the camera, metres.
pub(super) fn nadir_distance(cue: &TrueCue, eye: Vec2) -> f64 {
    cue.direction.perp_dot(eye - cue.tip_m).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::track::BallId;

    fn hit(at: Instant, number: u32) -> Hit {
        Hit {
            number,
            ball: BallId(1),
            at,
            sigma_s: 0.001,
            stick_speed_m_s: 2.2,
            ball_speed_m_s: 3.0,
            direction: 0.0,
            side: Some(0.1),
            height: None,
        }
    }

    #[test]
    fn looks_and_strokes_are_counted_against_the_truth() {
        let truth = TrueCue {
            tip_m: Vec2::ZERO,
            tip_height_m: 0.03,
            direction: Vec2::X,
            elevation: 0.1,
            shown_m: 0.4,
        };
        let seen = |deg: f64| TrackedCue {
            tip_m: Vec2::new(0.0, 0.002),
            direction: Vec2::from_angle(deg.to_radians()),
            direction_sigma: 0.5_f64.to_radians(),
            ..TrackedCue::default()
        };
        let mut tally = Tally::default();
        assert!(
            matches!(tally.add_look(Some(&truth), Some(&seen(1.0))), Look::Found(d) if (d - 1.0).abs() < 1e-9)
        );
        assert_eq!(tally.add_look(Some(&truth), Some(&seen(30.0))), Look::Other);
        assert_eq!(tally.add_look(Some(&truth), None), Look::Missed);
        assert_eq!(tally.add_look(None, None), Look::Empty);
        assert_eq!(tally.add_look(None, Some(&seen(0.0))), Look::Invented);
        assert_eq!(
            (tally.looks, tally.found, tally.other, tally.empty, tally.invented),
            (3, 1, 1, 2, 1)
        );
        assert!((tally.over_sigma[0] - 2.0).abs() < 1e-9 && (tally.tip_mm[0] - 2.0).abs() < 1e-9);

        let start = Instant::now() + Duration::from_secs(10);
        let strike = CueStrike {
            stick_speed_m_s: 2.0,
            direction: 0.0,
            elevation: 0.1,
            side: 0.3,
            height: 0.0,
        };
        let stroke = |s: f64| Stroke {
            at: start + Duration::from_secs_f64(s),
            strike,
        };
        let strokes = [stroke(0.0), stroke(5.0)];
        let hits = [
            hit(start - Duration::from_millis(4), 1),
            hit(start + Duration::from_secs(2), 2),
        ];
        let (answers, invented) = match_strokes(&strokes, &hits);
        assert_eq!(
            (answers[0].map(|h| h.number), answers[1], invented),
            (Some(1), None, 1)
        );
        for (stroke, answer) in strokes.iter().zip(answers) {
            tally.add_stroke(stroke, answer);
        }
        assert_eq!((tally.strokes, tally.strokes_missed), (2, 1));
        assert!((tally.impact_ms[0] + 4.0).abs() < 1e-6 && (tally.speed_percent[0] - 10.0).abs() < 1e-9);
        assert!((tally.side[0] + 0.2).abs() < 1e-9 && tally.height.is_empty());
    }
}
