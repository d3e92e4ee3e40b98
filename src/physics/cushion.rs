//! A ball meets a cushion: Stronge's impact with a compliant contact, at the height of the nose.

use std::f64::consts::FRAC_PI_2;

use super::Parameters;
use super::ball_ball::sliding_or_falling;
use super::prediction::BallState;
use super::roots::falling_root;
use crate::table::parameters::Restitution;
use crate::units::{Vec2, Vec3};

/// Ratio of the inverse masses of a solid sphere at the contact, tangential over normal
/// (Stronge's β_t, β_n = 1): 1 + m R² / I = 7/2.
const MASS_RATIO: f64 = 3.5;

/// The nose of a cushion and how it gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct CushionContact {
    radius: f64,
    nose_height: f64,
    restitution: Restitution,
    friction: f64,
    frequency_ratio: f64,
}

/// How far a ball has fallen below the cloth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sunk {
    /// Metres, down.
    pub depth_m: f64,
    /// m/s, down.
    pub speed_m_s: f64,
}

impl CushionContact {
    /// The contact of balls of this radius with cushions whose nose is this high.
    pub fn new(radius: f64, nose_height: f64, parameters: &Parameters) -> Self {
        Self {
            radius,
            nose_height,
            restitution: parameters.cushion_restitution,
            friction: parameters.cushion_friction,
            frequency_ratio: parameters.cushion_frequency_ratio,
        }
    }

    /// Gives the ball the velocity and spin it has after the impact; `from_nose` leads
    /// horizontally from the touched point of the nose to the ball's centre. A falling ball has
    /// `sunk` so deep (m) and at such a speed (m/s): the nose then meets it higher up and presses it
    /// down more than back.
    ///
    /// The nose is above the centre, so the impulse points downward too; the cloth takes that
    /// part. Both components of the impact run like springs: v_n' = −e v_n, and the tangential
    /// one sticks or slips as Coulomb allows (W. J. Stronge, Impact Mechanics, 2000, ch. 5).
    pub fn resolve(&self, ball: &mut BallState, from_nose: Vec2, sunk: Sunk) {
        let n = from_nose
            .extend(self.radius - self.nose_height - sunk.depth_m)
            .normalize_or_zero();
        let arm = -self.radius * n;
        let contact = ball.velocity.extend(-sunk.speed_m_s) + ball.spin.cross(arm);
        let normal = contact.dot(n);
        if normal >= 0.0 {
            // It sinks faster than it comes on: nothing to throw back, but no way in either.
            stop_at(ball, from_nose, sunk);
            return;
        }
        let along = contact - normal * n;
        let speed = along.length();
        // The tangential speed counts negative, so that its ratio to the normal one is positive.
        let tangent = if speed > 0.0 { along / -speed } else { Vec3::ZERO };
        let restitution = self.restitution.at(-normal);
        let impact = Impact {
            restitution,
            friction: self.friction,
            frequency: self.frequency_ratio,
            normal,
            tangential: -speed,
        };
        let normal_change = -(1.0 + restitution) * normal;
        let tangential_change = (impact.tangential_after() + speed) / MASS_RATIO;
        let change = normal_change * n + tangential_change * tangent;
        ball.velocity += change.truncate();
        stop_at(ball, from_nose, sunk);
        ball.spin += n.cross(tangent) * (-2.5 / self.radius * tangential_change);
        ball.motion = sliding_or_falling(ball.motion);
    }
}

/// A ball that has sunk is pressed under the nose rather than thrown back: it goes no further in.
fn stop_at(ball: &mut BallState, from_nose: Vec2, sunk: Sunk) {
    if sunk.depth_m > 0.0 {
        let out = from_nose.normalize_or_zero();
        ball.velocity -= out * ball.velocity.dot(out).min(0.0);
    }
}

/// The tangential half of one impact, in Stronge's terms. Time is counted so that the normal
/// spring has the frequency 1: compression lasts π/2, restitution e times as long.
struct Impact {
    restitution: f64,
    friction: f64,
    /// Frequency of the tangential spring.
    frequency: f64,
    /// Normal speed of the contact point before, negative.
    normal: f64,
    /// Tangential speed of the contact point before, not positive.
    tangential: f64,
}

impl Impact {
    const COMPRESSED: f64 = FRAC_PI_2;

    fn tangential_after(&self) -> f64 {
        let (e, mu) = (self.restitution, self.friction);
        let k = MASS_RATIO;
        let stiffness = self.stiffness();
        let ratio = self.tangential / self.normal;
        if ratio > mu * ((1.0 + e) * k - stiffness / e) {
            self.tangential - mu * self.normal * k * (1.0 + e)
        } else if ratio < mu * stiffness {
            self.stick_then_slip(ratio)
        } else {
            self.slip_stick_slip(ratio)
        }
    }

    /// η² = β_t / (β_n Ω²).
    fn stiffness(&self) -> f64 {
        MASS_RATIO / (self.frequency * self.frequency)
    }

    fn ended(&self) -> f64 {
        (1.0 + self.restitution) * Self::COMPRESSED
    }

    /// Phase of the normal spring during restitution, π at the end.
    fn phase(&self, t: f64) -> f64 {
        t / self.restitution + FRAC_PI_2 * (1.0 - 1.0 / self.restitution)
    }

    /// Speed that slip takes from `t` in restitution to the end.
    fn slip_from(&self, t: f64) -> f64 {
        self.friction * self.normal * MASS_RATIO * self.restitution * (1.0 + libm::cos(self.phase(t)))
    }

    /// Sticks from the first touch until the tangential force exceeds friction.
    fn stick_then_slip(&self, ratio: f64) -> f64 {
        let omega = self.frequency;
        let limit = self.friction * self.stiffness() * omega;
        let slack = |t: f64| {
            let pull = ratio * libm::sin(omega * t);
            let phase = self.phase(t);
            let pull_slope = ratio * omega * libm::cos(omega * t);
            (
                limit * libm::sin(phase) - pull.abs(),
                limit * libm::cos(phase) / self.restitution - pull_slope * pull.signum(),
            )
        };
        let slip = if ratio > 0.0 {
            falling_root(slack, Self::COMPRESSED, self.ended())
        } else {
            self.ended()
        };
        self.tangential * libm::cos(omega * slip) + self.slip_from(slip)
    }

    /// Slips, sticks from `stick` on, and slips again before the end.
    fn slip_stick_slip(&self, ratio: f64) -> f64 {
        let (e, mu, omega) = (self.restitution, self.friction, self.frequency);
        let k = MASS_RATIO;
        let stiffness = self.stiffness();
        let excess = ratio / mu - k;
        let (stick, spring, crept) = if ratio <= mu * k {
            let stick = libm::acos((excess / (stiffness - k)).clamp(-1.0, 1.0));
            (stick, libm::sin(stick), 1.0 - libm::cos(stick))
        } else {
            let phase = libm::acos((excess / (stiffness / e - e * k)).clamp(-1.0, 1.0));
            let stick = e * (phase - FRAC_PI_2 * (1.0 - 1.0 / e));
            (stick, libm::sin(phase), 1.0 - e * libm::cos(phase))
        };
        let stretch = -mu * self.normal * stiffness * spring;
        let speed = self.tangential - mu * k * self.normal * crept;
        let scale = mu * self.normal;
        let slack = |t: f64| {
            let (sin, cos) = libm::sincos(omega * (t - stick));
            let pull = (stretch * cos - speed / omega * sin) / scale;
            let pull_slope = (-stretch * omega * sin - speed * cos) / scale;
            let phase = self.phase(t);
            (
                stiffness * libm::sin(phase) - pull.abs(),
                stiffness * libm::cos(phase) / e - pull_slope * pull.signum(),
            )
        };
        let end = self.ended();
        let earliest = stick.max(Self::COMPRESSED);
        // When sticking begins in restitution that instant is itself a root: step off it.
        let slip = [0.25, 1e-2, 1e-4, 1e-6, 1e-9]
            .iter()
            .map(|share| earliest + share * (end - earliest))
            .find(|&t| slack(t).0 > 0.0)
            .map_or(earliest, |from| falling_root(slack, from, end));
        let (sin, cos) = libm::sincos(omega * (slip - stick));
        omega * stretch * sin + speed * cos + self.slip_from(slip)
    }
}

#[cfg(test)]
mod tests {
    use super::super::motion::{Phase, rolling_spin};
    use super::*;
    use crate::table::TableSpec;

    const R: f64 = 0.028_575;

    fn contact() -> CushionContact {
        CushionContact::new(R, TableSpec::pool_9ft().nose_height_m, &Parameters::REFERENCE)
    }

    /// A ball of speed 1 that comes at this angle from the normal of a cushion at +y.
    fn coming(angle_deg: f64, rolling: bool) -> BallState {
        let (sin, cos) = angle_deg.to_radians().sin_cos();
        let velocity = Vec2::new(sin, cos);
        BallState {
            velocity,
            spin: if rolling {
                rolling_spin(velocity, R, 0.0)
            } else {
                Vec3::ZERO
            },
            ..BallState::default()
        }
    }

    /// Angle from the normal (degrees) and speed, just after and when rolling again.
    fn rebound(angle_deg: f64, rolling: bool) -> [f64; 4] {
        let mut ball = coming(angle_deg, rolling);
        contact().resolve(&mut ball, Vec2::new(0.0, -R), Sunk::default());
        let end = Phase::of(&ball, R, &Parameters::REFERENCE).end(&ball, R);
        let angle = |v: Vec2| v.x.atan2(-v.y).to_degrees();
        [
            angle(ball.velocity),
            ball.velocity.length(),
            angle(end.velocity),
            end.velocity.length(),
        ]
    }

    /// Angles and speed ratios of the model for a rolling ball: as the reference computes them.
    #[test]
    fn rebound_of_a_rolling_ball() {
        for (angle, out, ratio, rolled, rolled_ratio) in [
            (0.0, 0.0, 0.81, 0.0, 0.55),
            (10.0, 8.0, 0.81, 12.0, 0.55),
            (20.0, 17.0, 0.79, 26.0, 0.55),
            (30.0, 27.0, 0.77, 39.0, 0.57),
            (40.0, 38.0, 0.76, 53.0, 0.60),
            (50.0, 50.0, 0.77, 65.0, 0.67),
            (60.0, 62.0, 0.81, 75.0, 0.75),
            (70.0, 73.0, 0.86, 82.0, 0.84),
            (80.0, 82.0, 0.93, 87.0, 0.93),
        ] {
            let found = rebound(angle, true);
            let expected = [out, ratio, rolled, rolled_ratio];
            for (i, (f, e)) in found.into_iter().zip(expected).enumerate() {
                let tolerance = if i % 2 == 0 { 0.6 } else { 0.0065 };
                assert!((f - e).abs() < tolerance, "{angle}°: {found:?} not {expected:?}");
            }
        }
    }

    #[test]
    fn rebound_of_a_stunned_ball() {
        for (angle, out, rolled) in [
            (10.0, 9.0, 6.0),
            (20.0, 16.0, 11.0),
            (30.0, 24.0, 17.0),
            (40.0, 35.0, 26.0),
            (50.0, 49.0, 43.0),
            (60.0, 62.0, 59.0),
            (70.0, 73.0, 72.0),
        ] {
            let found = rebound(angle, false);
            assert!(
                (found[0] - out).abs() < 0.6 && (found[2] - rolled).abs() < 0.6,
                "{angle}°: {found:?}"
            );
        }
    }

    #[test]
    fn speed_does_not_change_the_angle_and_energy_never_grows() {
        let mut rng = fastrand::Rng::with_seed(9);
        let energy = |b: &BallState| b.velocity.length_squared() + 0.4 * R * R * b.spin.length_squared();
        for _ in 0..5000 {
            let mut any = |scale: f64| scale * (2.0 * rng.f64() - 1.0);
            let slow = BallState {
                velocity: Vec2::new(any(3.0), any(1.5) + 1.5),
                spin: Vec3::new(any(120.0), any(120.0), any(120.0)),
                ..BallState::default()
            };
            let mut after = slow;
            contact().resolve(&mut after, Vec2::new(0.0, -R), Sunk::default());
            assert!(energy(&after) <= energy(&slow) + 1e-9, "{slow:?} {after:?}");
            let mut fast = slow;
            fast.velocity *= 2.0;
            fast.spin *= 2.0;
            contact().resolve(&mut fast, Vec2::new(0.0, -R), Sunk::default());
            assert!((fast.velocity - 2.0 * after.velocity).length() < 1e-9);
        }
    }

    #[test]
    fn mirrored_balls_rebound_mirrored() {
        let (mut right, mut left) = (coming(33.0, true), coming(-33.0, true));
        right.spin.z = 20.0;
        left.spin.z = -20.0;
        contact().resolve(&mut right, Vec2::new(0.0, -R), Sunk::default());
        contact().resolve(&mut left, Vec2::new(0.0, -R), Sunk::default());
        assert!((right.velocity.x + left.velocity.x).abs() < 1e-15);
        assert!((right.velocity.y - left.velocity.y).abs() < 1e-15);
        assert!((right.spin.z + left.spin.z).abs() < 1e-12);
    }

    #[test]
    fn running_side_widens_and_check_side_narrows_the_rebound() {
        let with_side = |spin: f64| {
            let mut ball = coming(30.0, true);
            ball.spin.z = spin;
            contact().resolve(&mut ball, Vec2::new(0.0, -R), Sunk::default());
            ball.velocity.x
        };
        // Moving along +x against a cushion on its left, the ball runs with spin.z > 0.
        assert!(with_side(30.0) > with_side(0.0) && with_side(0.0) > with_side(-30.0));
    }

    #[test]
    fn a_ball_that_leaves_is_left_alone() {
        let mut ball = coming(150.0, true);
        let before = ball;
        contact().resolve(&mut ball, Vec2::new(0.0, -R), Sunk::default());
        assert_eq!(ball, before);
    }

    #[test]
    fn a_ball_that_has_sunk_is_pressed_down_and_comes_back_slower() {
        let back = |depth_m: f64| {
            let mut ball = coming(0.0, true);
            let sunk = Sunk {
                depth_m,
                speed_m_s: (2.0 * 9.81 * depth_m).sqrt(),
            };
            contact().resolve(&mut ball, Vec2::new(0.0, -R), sunk);
            -ball.velocity.y
        };
        let speeds = [0.0, 0.003, 0.006, 0.012, 0.02].map(back);
        assert!(
            speeds.is_sorted_by(|a, b| a >= b) && speeds[0] > 0.7,
            "{speeds:?}"
        );
        assert!(speeds[3] < 0.2 && speeds[4] >= 0.0, "{speeds:?}");
    }
}
