//! The tip meets the cue ball: speed, spin and squirt.

use super::Parameters;
use super::prediction::{BallState, Hop, Motion};
use crate::table::BallSpec;
use crate::units::{Vec2, Vec3};

/// No stick is faster than this, m/s: the balls of hard breaks do 13 (Alciatore).
pub const FASTEST_M_S: f64 = 50.0;

/// A stroke of the cue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CueStrike {
    /// Speed of the stick at impact, m/s.
    pub stick_speed_m_s: f64,
    /// Direction of the stick on the table, radians anticlockwise from +x.
    pub direction: f64,
    /// Elevation of the butt, radians.
    pub elevation: f64,
    /// Contact point to the side, in ball radii; + is left.
    pub side: f64,
    /// Contact point above the middle as seen along the stick, in ball radii; + is top.
    pub height: f64,
}

impl CueStrike {
    /// The name of the first field that no stroke can have, if there is one.
    #[must_use]
    pub fn first_impossible(&self) -> Option<&'static str> {
        let quarter = std::f64::consts::FRAC_PI_2;
        if !(0.0..=FASTEST_M_S).contains(&self.stick_speed_m_s) {
            Some("stick_speed_m_s")
        } else if !self.direction.is_finite() {
            Some("direction")
        } else if !(self.elevation >= 0.0 && self.elevation < quarter) {
            Some("elevation")
        } else if !self.side.is_finite() || self.side.abs() > 1.0 {
            Some("side")
        } else if !self.height.is_finite() || self.side.hypot(self.height) > 1.0 {
            Some("height")
        } else {
            None
        }
    }

    /// What the tip does to a cue ball that rests on the cloth.
    ///
    /// One impulse along the stick at the contact point Q (R. Evans; Alciatore, TP A.30):
    /// J = (1 + e) m V / (1 + m/M + 5/2 |Q × d|² / R²), v = J d / m, ω = Q × J d / I. Squirt
    /// turns v, not ω. The part of v into the cloth is lost, but for what throws the ball up again.
    ///
    /// A tip that meets the ball further out than its friction holds slips: the impulse then
    /// points along the edge j of the friction cone round the inward normal instead of along d:
    /// J = (1 + e) m V (d·j) / (1 + (d·j)² m/M + 5/2 |Q × j|² / R²), which is the same law, and the
    /// same stroke at the limit.
    #[must_use]
    pub fn apply(&self, ball: &BallState, spec: &BallSpec, parameters: &Parameters) -> Struck {
        let (sin, cos) = libm::sincos(self.elevation);
        let (away_y, away_x) = libm::sincos(self.direction);
        let along = Vec2::new(away_x, away_y);
        let stick = (along * cos).extend(-sin);
        let left = along.perp().extend(0.0);
        let up = (along * sin).extend(cos);
        let depth = (1.0 - self.side * self.side - self.height * self.height)
            .max(0.0)
            .sqrt();
        let contact = self.side * left + self.height * up - depth * stick;
        let mass_ratio = spec.mass_kg / parameters.cue_mass_kg;
        let bounce = (1.0 + parameters.tip_restitution) * self.stick_speed_m_s;

        let miscue = Vec2::new(self.side, self.height).length() > parameters.tip_friction * depth;
        let push = if miscue {
            // Along the surface the tip drags outward, away from the middle.
            let inward = -contact;
            let outward = (stick - inward * depth).normalize_or_zero();
            (inward + outward * parameters.tip_friction).normalize_or_zero()
        } else {
            stick
        };
        let lever = contact.cross(push);
        let along_stick = push.dot(stick);
        let yields = 1.0 + mass_ratio * along_stick * along_stick + 2.5 * lever.length_squared();
        let speed = bounce * along_stick / yields;
        let spin: Vec3 = lever * (2.5 * speed / spec.radius_m);
        let squirt = squirt(self.side, spec.mass_kg / parameters.cue_end_mass_kg);
        let (turn_sin, turn_cos) = libm::sincos(-squirt);
        let velocity = Vec2::new(turn_cos, turn_sin).rotate(push.truncate() * speed);
        // Down it bounces off the bed; a tip that slips below the middle scoops the ball up.
        let rise = if push.z > 0.0 {
            push.z * speed
        } else {
            -push.z * speed * parameters.bed_restitution
        };
        Struck {
            ball: BallState {
                position: ball.position,
                velocity,
                spin,
                motion: Motion::Sliding,
            },
            miscue,
            hop: hop(velocity, rise, parameters.gravity_m_s2),
        }
    }
}

/// The cue ball as it leaves the tip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Struck {
    /// The ball, kept on the cloth.
    pub ball: BallState,
    /// The tip slipped off.
    pub miscue: bool,
    /// Set when the ball would leave the cloth by more than [`Hop::NOTICED_M`].
    pub hop: Option<Hop>,
}

/// The flight of a ball thrown up with `rise` m/s.
fn hop(velocity: Vec2, rise: f64, gravity: f64) -> Option<Hop> {
    let height_m = rise * rise / (2.0 * gravity);
    (height_m > Hop::NOTICED_M).then(|| Hop {
        height_m,
        length_m: velocity.length() * 2.0 * rise / gravity,
    })
}

/// Squirt: the angle (radians, away from the side that is struck) between the stick and the
/// ball's way. `side` in ball radii, `mass_ratio` = ball over the end of the cue
/// (Alciatore, TP A.31).
#[must_use]
pub fn squirt(side: f64, mass_ratio: f64) -> f64 {
    let depth_squared = (1.0 - side * side).max(0.0);
    libm::atan(2.5 * side * depth_squared.sqrt() / (1.0 + mass_ratio + 2.5 * depth_squared))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(side: f64, height: f64, elevation: f64) -> BallState {
        let strike = CueStrike {
            stick_speed_m_s: 1.0,
            direction: 0.0,
            elevation,
            side,
            height,
        };
        let ball = BallState::resting(Vec2::ZERO);
        strike.apply(&ball, &BallSpec::POOL, &Parameters::REFERENCE).ball
    }

    fn played(side: f64, height: f64, elevation_deg: f64, speed: f64) -> Struck {
        let strike = CueStrike {
            stick_speed_m_s: speed,
            direction: 0.0,
            elevation: elevation_deg.to_radians(),
            side,
            height,
        };
        strike.apply(
            &BallState::resting(Vec2::ZERO),
            &BallSpec::POOL,
            &Parameters::POOL,
        )
    }

    #[test]
    fn centre_hit_sends_the_ball_ahead_faster_than_the_stick() {
        let ball = strike(0.0, 0.0, 0.0);
        assert!((ball.velocity.x - 1.538).abs() < 0.001 && ball.velocity.y == 0.0);
        assert_eq!(ball.spin, Vec3::ZERO);
    }

    #[test]
    fn a_hit_at_two_fifths_rolls_at_once() {
        let ball = strike(0.0, 0.4, 0.0);
        assert!(super::super::motion::slip(&ball, BallSpec::POOL.radius_m).length() < 1e-12);
        assert!(ball.spin.y > 0.0, "topspin of a ball along +x turns about +y");
    }

    /// Regular shaft (m_r 20), Predator Z (29), break/jump cue (12): Alciatore 2007; the
    /// default shaft (30) at offsets 0.1 … 0.5.
    #[test]
    fn squirt_angles() {
        for (side, ratio, expected) in [
            (0.453, 20.0, 2.5),
            (0.453, 29.0, 1.8),
            (0.267, 12.0, 2.4),
            (0.1, 30.0, 0.43),
            (0.2, 30.0, 0.84),
            (0.3, 30.0, 1.23),
            (0.4, 30.0, 1.59),
            (0.5, 30.0, 1.89),
        ] {
            let angle = squirt(side, ratio).to_degrees();
            assert!((angle - expected).abs() < 0.06, "{side} {ratio}: {angle}");
        }
        let ball = strike(0.5, 0.0, 0.0);
        assert!((ball.velocity.to_angle().to_degrees() + 1.89).abs() < 0.01);
        // Left side turns the ball clockwise seen from above.
        assert!(ball.spin.z < 0.0);
    }

    #[test]
    fn mirrored_side_gives_a_mirrored_ball() {
        let (left, right) = (strike(0.3, -0.2, 0.6), strike(-0.3, -0.2, 0.6));
        assert!((left.velocity - Vec2::new(right.velocity.x, -right.velocity.y)).length() < 1e-15);
        let mirrored = Vec3::new(-right.spin.x, right.spin.y, -right.spin.z);
        assert!((left.spin - mirrored).length() < 1e-12);
    }

    #[test]
    fn an_elevated_side_stroke_swerves() {
        let ball = strike(0.4, 0.0, 0.5);
        assert!(ball.spin.x.abs() > 1.0, "spin about the line of travel");
    }

    /// Leather tip e 0.71–0.75: about 1.33 times the speed of the stick (physics reference, A).
    #[test]
    fn a_leather_tip_sends_the_ball_a_third_faster_than_the_stick() {
        let ratio = played(0.0, 0.0, 0.0, 3.0).ball.velocity.x / 3.0;
        assert!((ratio - 1.33).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn a_tip_too_far_out_slips_off() {
        assert!(!played(0.5, 0.0, 0.0, 2.0).miscue && !played(-0.35, 0.35, 0.0, 2.0).miscue);
        let miscue = played(0.6, 0.0, 0.0, 2.0);
        assert!(miscue.miscue);
        // Struck on the left the ball goes off to the right, slower than it should.
        assert!(
            miscue.ball.velocity.y < -0.1
                && miscue.ball.velocity.x < played(0.5, 0.0, 0.0, 2.0).ball.velocity.x
        );
        // At the limit both laws agree.
        let limit = 0.6 / (1.0_f64 + 0.36).sqrt();
        let (inside, outside) = (
            played(limit - 1e-9, 0.0, 0.0, 2.0),
            played(limit + 1e-9, 0.0, 0.0, 2.0),
        );
        assert!(!inside.miscue && outside.miscue);
        assert!((inside.ball.spin - outside.ball.spin).length() < 1e-3 * inside.ball.spin.length());
        assert!((inside.ball.velocity.x - outside.ball.velocity.x).abs() < 0.01);
    }

    #[test]
    fn no_stroke_gives_more_energy_than_the_cue_brings() {
        let cue = 0.5 * Parameters::POOL.cue_mass_kg * 4.0;
        for side in [-0.99, -0.7, -0.3, 0.0, 0.4, 0.6, 0.9] {
            for elevation in [0.0, 20.0, 60.0] {
                let ball = played(side, 0.1, elevation, 2.0).ball;
                let (m, r) = (BallSpec::POOL.mass_kg, BallSpec::POOL.radius_m);
                let energy =
                    0.5 * m * (ball.velocity.length_squared() + 0.4 * r * r * ball.spin.length_squared());
                assert!(energy < cue, "{side} {elevation}: {energy} of {cue}");
            }
        }
    }

    #[test]
    fn a_steep_hard_stroke_hops_and_a_level_one_does_not() {
        assert_eq!(played(0.0, 0.0, 0.0, 8.0).hop, None);
        assert_eq!(played(0.0, 0.0, 4.0, 2.0).hop, None);
        // A scoop: the tip slips off below and lifts the ball.
        let scoop = played(0.0, -0.7, 0.0, 4.0);
        assert!(
            scoop.miscue && (scoop.hop.unwrap().height_m - 0.033).abs() < 0.003,
            "{scoop:?}"
        );
        let jump = played(0.0, 0.0, 45.0, 4.0).hop.unwrap();
        // 4 m/s of stick: 5.3 m/s of ball, 3.8 down, 1.9 up again: 18 cm high.
        assert!(
            (jump.height_m - 0.18).abs() < 0.01 && jump.length_m > 1.0,
            "{jump:?}"
        );
    }
}
