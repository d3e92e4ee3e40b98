//! A stroke in time: how far the tip is behind the cue ball.

/// Warm-up strokes, the last drawing back, a pause, and the stroke itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    /// Speed of the stick when it meets the ball, m/s.
    pub(super) speed_m_s: f64,
    /// Time to settle into the aim, seconds.
    pub(super) settle_s: f64,
    /// Number of warm-up strokes.
    pub(super) warm_ups: u8,
    /// Gap between tip and ball while aiming, metres.
    pub(super) gap_m: f64,
    /// How far a warm-up stroke draws back, metres.
    pub(super) swing_m: f64,
    /// Time of one warm-up stroke, seconds.
    pub(super) period_s: f64,
}

const BACK_S: f64 = 0.5;
const PAUSE_S: f64 = 0.12;

impl Stroke {
    /// When the tip meets the ball, seconds after the start.
    pub(super) fn impact_s(&self) -> f64 {
        self.back_from_s() + BACK_S + PAUSE_S + self.forward_s()
    }

    /// Gap between tip and the ball's place at `t` seconds, metres; negative from the impact on.
    pub(super) fn gap_at(&self, t: f64) -> f64 {
        if t > self.impact_s() {
            return -self.through_m(t - self.impact_s());
        }
        let warm = t - self.settle_s;
        let back = t - self.back_from_s();
        let forward = back - BACK_S - PAUSE_S;
        if warm < 0.0 {
            self.gap_m
        } else if back < 0.0 {
            let phase = std::f64::consts::TAU * warm / self.period_s;
            self.gap_m + self.swing_m * 0.5 * (1.0 - phase.cos())
        } else if forward < 0.0 {
            let u = (back / BACK_S).clamp(0.0, 1.0);
            self.gap_m + (self.drawn_m() - self.gap_m) * u * u * (3.0 - 2.0 * u)
        } else {
            // Constant acceleration from rest to the stick's speed.
            let share = (forward / self.forward_s()).clamp(0.0, 1.0);
            self.drawn_m() * (1.0 - share * share)
        }
    }

    /// How far the tip has gone on `t` seconds after the impact, metres.
    pub(super) fn through_m(&self, t: f64) -> f64 {
        const REACH_M: f64 = 0.10;
        REACH_M * (1.0 - (-self.speed_m_s * t.max(0.0) / REACH_M).exp())
    }

    fn back_from_s(&self) -> f64 {
        self.settle_s + f64::from(self.warm_ups) * self.period_s
    }

    fn drawn_m(&self) -> f64 {
        (0.08 + 0.045 * self.speed_m_s).clamp(0.1, 0.34)
    }

    fn forward_s(&self) -> f64 {
        2.0 * self.drawn_m() / self.speed_m_s.max(0.05)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tip_never_jumps_and_arrives_at_the_asked_speed() {
        let stroke = Stroke {
            speed_m_s: 2.0,
            settle_s: 1.0,
            warm_ups: 3,
            gap_m: 0.03,
            swing_m: 0.09,
            period_s: 0.7,
        };
        let end = stroke.impact_s();
        let dt = 1e-4;
        let mut t = 0.0;
        while t < end {
            let step = (stroke.gap_at(t + dt) - stroke.gap_at(t)).abs() / dt;
            assert!(step < 2.01 && stroke.gap_at(t) >= 0.0, "{t} {step}");
            t += dt;
        }
        let speed = (stroke.gap_at(end - dt) - stroke.gap_at(end)) / dt;
        assert!((speed - 2.0).abs() < 0.01 && stroke.gap_at(end).abs() < 1e-9);
    }
}
