//! The tip's way along the line of the cue: warm-up strokes, pause, and the stroke itself.

use std::collections::VecDeque;

use super::CuePhase;

/// Where the tip was seen: seconds on the follower's clock, metres along the line, growing toward the ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) time_s: f64,
    pub(super) along_m: f64,
}

/// The tip's coordinate with its speed (a Kalman filter in one dimension), and its latest places.
#[derive(Clone, Debug, Default)]
pub(super) struct Swing {
    places: VecDeque<Place>,
    along_m: f64,
    speed_m_s: f64,
    /// Covariance of both: place, place and speed, speed.
    covariance: [f64; 3],
    /// The last place was far from where it should be: one such look is an error, two are the tip.
    doubted: bool,
}

/// Places kept, seconds.
const KEPT_S: f64 = 1.2;
/// A tip is seen to about this, metres, along its line.
const SIGMA_M: f64 = 0.0025;
/// A hand speeds a cue up by about this, m/s² (1 σ).
const ACCELERATION_M_S2: f64 = 16.0;
/// No hand moves a tip this far beside where it should be from one frame to the next, metres.
const JUMP_M: f64 = 0.12;
/// A cue that moves less than this within half a second is held still, metres.
const STILL_M: f64 = 0.012;
/// A tip this far behind the ball has been drawn back, metres.
const DRAWN_M: f64 = 0.065;
/// Warm-up strokes go forward at up to about this, m/s.
const WARM_UP_M_S: f64 = 0.62;

impl Swing {
    /// The speed along the line, m/s.
    pub(super) fn speed_m_s(&self) -> f64 {
        self.speed_m_s
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes in where the tip is.
    pub(super) fn add(&mut self, place: Place) {
        let Some(last) = self.places.back().copied() else {
            self.along_m = place.along_m;
            self.speed_m_s = 0.0;
            self.covariance = [SIGMA_M * SIGMA_M, 0.0, 1.0];
            self.places.push_back(place);
            return;
        };
        let dt = place.time_s - last.time_s;
        if dt <= 0.0 {
            return;
        }
        let q = ACCELERATION_M_S2 * ACCELERATION_M_S2;
        let [a, b, c] = self.covariance;
        let a = a + 2.0 * dt * b + dt * dt * c + 0.25 * q * dt.powi(4);
        let b = b + dt * c + 0.5 * q * dt.powi(3);
        let c = c + q * dt * dt;
        let ahead = self.along_m + dt * self.speed_m_s;
        let gain = a + SIGMA_M * SIGMA_M;
        let off = place.along_m - ahead;
        if off.abs() > JUMP_M {
            if self.doubted {
                self.clear();
                self.add(place);
            } else {
                self.doubted = true;
            }
            return;
        }
        self.doubted = false;
        self.along_m = ahead + a / gain * off;
        self.speed_m_s += b / gain * off;
        self.covariance = [a - a * a / gain, b - a * b / gain, c - b * b / gain];
        self.places.push_back(place);
        while self
            .places
            .front()
            .is_some_and(|p| place.time_s - p.time_s > KEPT_S)
        {
            self.places.pop_front();
        }
    }

    /// How far the tip has moved within the last `within_s` seconds.
    fn range_m(&self, within_s: f64) -> f64 {
        let now = self.places.back().map_or(0.0, |p| p.time_s);
        let recent = self.places.iter().filter(|p| now - p.time_s <= within_s);
        let (low, high) = recent.fold((f64::MAX, f64::MIN), |(l, h), p| {
            (l.min(p.along_m), h.max(p.along_m))
        });
        (high - low).max(0.0)
    }

    /// What the player does: `touching_m` is where the tip touches the ball.
    pub(super) fn phase(&self, touching_m: f64) -> CuePhase {
        if self.speed_m_s > WARM_UP_M_S {
            return CuePhase::Striking;
        }
        if self.range_m(0.5) > STILL_M {
            let drawn = touching_m - self.along_m > DRAWN_M;
            return if drawn && self.range_m(0.1) < 0.5 * STILL_M {
                CuePhase::Paused
            } else {
                CuePhase::WarmingUp
            };
        }
        CuePhase::Aiming
    }

    /// When the tip gets to `touching_m`, from its way since it last turned, and its speed there: a constant
    /// acceleration. Places after `until_s` are left out. `None` where it does not come forward.
    pub(super) fn arrival(&self, touching_m: f64, until_s: f64) -> Option<Arrival> {
        // What is in front of the ball's place has pushed it away.
        let before: Vec<Place> = (self.places.iter().copied())
            .filter(|p| p.time_s <= until_s && p.along_m < touching_m + 0.004)
            .collect();
        let last = before.last()?;
        // Back to where it turned.
        let mut turned = before.len() - 1;
        while turned > 0 && before.get(turned - 1)?.along_m < before.get(turned)?.along_m - 0.001 {
            turned -= 1;
        }
        let run = before.get(turned..)?;
        if run.len() < 2 {
            return None;
        }
        // From rest where it turned: along = start + a/2 (t − since)², so the root of what it has gone is straight.
        let start = before.get(turned)?.along_m;
        let mut points: Vec<(f64, f64)> = (run.iter().skip(1))
            .filter(|p| p.along_m - start > 0.004)
            .map(|p| (p.time_s - last.time_s, (p.along_m - start).sqrt()))
            .collect();
        if points.len() > 5 {
            points.drain(..points.len() - 5);
        }
        let target = (touching_m - start).max(1e-4).sqrt();
        let (t, slope) = if points.len() >= 2 {
            let n = points.len() as f64;
            let (mt, mr) = (
                points.iter().map(|p| p.0).sum::<f64>() / n,
                points.iter().map(|p| p.1).sum::<f64>() / n,
            );
            let tt: f64 = points.iter().map(|p| (p.0 - mt).powi(2)).sum();
            let tr: f64 = points.iter().map(|p| (p.0 - mt) * (p.1 - mr)).sum();
            let slope = tr / tt.max(1e-12);
            (mt + (target - mr) / slope.max(1e-3), slope)
        } else {
            // One place on its way: it set out within the frame before.
            let (&(t, r), since) = (points.first()?, before.get(turned)?.time_s - last.time_s);
            let slope = r / (t - (since + 0.25 * (t - since))).max(1e-3);
            (t + (target - r) / slope.max(1e-3), slope)
        };
        let speed = 2.0 * slope * target;
        // The tip's own error, and that of the acceleration over what is not seen any more.
        let unseen = t.max(0.0);
        let sigma = (SIGMA_M / speed.max(0.1)).hypot(0.25 * unseen).hypot(0.002);
        (speed > 0.15 && t < 0.2).then_some(Arrival {
            time_s: last.time_s + t,
            sigma_s: if points.len() >= 2 { sigma } else { 2.0 * sigma },
            speed_m_s: speed,
        })
    }
}

/// The tip at the ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrival {
    pub(super) time_s: f64,
    pub(super) sigma_s: f64,
    pub(super) speed_m_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Aim, two warm-up strokes, drawing back, a pause, the stroke: the tip at `t`, touching at 0.
    fn tip(t: f64, speed: f64) -> f64 {
        let (drawn, gap) = (0.18, 0.03);
        let forward = 2.0 * drawn / speed;
        let impact = impact(speed);
        -if t < 1.0 {
            gap
        } else if t < 2.4 {
            gap + 0.04 * (1.0 - (std::f64::consts::TAU * (t - 1.0) / 0.7).cos())
        } else if t < 2.9 {
            let u = (t - 2.4) / 0.5;
            gap + (drawn - gap) * u * u * (3.0 - 2.0 * u)
        } else if t < impact - forward {
            drawn
        } else {
            let share = (1.0 - (impact - t) / forward).clamp(0.0, 1.2);
            drawn * (1.0 - share * share)
        }
    }

    fn impact(speed: f64) -> f64 {
        3.1 + 2.0 * 0.18 / speed
    }

    #[test]
    fn a_stroke_goes_through_its_phases_and_its_arrival_is_foreseen() {
        for speed in [0.9, 1.5, 2.5, 4.0] {
            let mut swing = Swing::default();
            let mut random = fastrand::Rng::with_seed(1);
            let mut phases = Vec::new();
            let mut time_s = 0.0;
            while time_s < impact(speed) {
                let noise = 0.002 * (random.f64() - 0.5);
                swing.add(Place {
                    time_s,
                    along_m: tip(time_s, speed) + noise,
                });
                let phase = swing.phase(0.0);
                if phases.last() != Some(&phase) {
                    phases.push(phase);
                }
                time_s += 1.0 / 30.0;
            }
            assert_eq!(phases.first(), Some(&CuePhase::Aiming));
            assert!(
                phases.contains(&CuePhase::WarmingUp) && phases.contains(&CuePhase::Paused),
                "{speed} {phases:?}"
            );
            assert_eq!(phases.last(), Some(&CuePhase::Striking), "{speed} {phases:?}");
            let told = swing.arrival(0.0, f64::MAX).unwrap();
            let off = told.time_s - impact(speed);
            assert!(
                off.abs() < 3.0 * told.sigma_s && off.abs() < 0.012,
                "{speed}: {off} {told:?}"
            );
            assert!((told.speed_m_s / speed - 1.0).abs() < 0.2, "{speed} {told:?}");
        }
        // A cue that is drawn back does not arrive.
        let mut swing = Swing::default();
        for i in 0..10_u8 {
            swing.add(Place {
                time_s: f64::from(i) / 30.0,
                along_m: -0.03 - 0.01 * f64::from(i),
            });
        }
        assert!(swing.arrival(0.0, f64::MAX).is_none() && swing.speed_m_s() < -0.1);
    }
}
