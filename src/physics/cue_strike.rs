//! The tip meets the cue ball: speed, spin and squirt.

use super::parameters::Parameters;
use super::prediction::{BallState, Motion};
use crate::table::BallSpec;
use crate::units::{Vec2, Vec3, unit};

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
        if !(self.stick_speed_m_s.is_finite() && self.stick_speed_m_s >= 0.0) {
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

    /// The ball as it leaves the tip, from where it rests.
    ///
    /// One impulse along the stick at the contact point Q (R. Evans; Alciatore, TP A.30):
    /// J = 2 m V / (1 + m/M + 5/2 |Q × d|² / R²), v = J d / m, ω = Q × J d / I. The part of v
    /// into the cloth is lost. Squirt turns v, not ω.
    #[must_use]
    pub fn apply(&self, ball: &BallState, spec: &BallSpec, parameters: &Parameters) -> BallState {
        let (sin, cos) = self.elevation.sin_cos();
        let along = unit(self.direction);
        let stick = (along * cos).extend(-sin);
        let left = along.perp().extend(0.0);
        let up = (along * sin).extend(cos);
        let depth = (1.0 - self.side * self.side - self.height * self.height)
            .max(0.0)
            .sqrt();
        let contact = self.side * left + self.height * up - depth * stick;
        let lever = contact.cross(stick);
        let speed = 2.0 * self.stick_speed_m_s
            / (1.0 + spec.mass_kg / parameters.cue_mass_kg + 2.5 * lever.length_squared());
        let squirt = Vec2::from_angle(-squirt(self.side, spec.mass_kg / parameters.cue_end_mass_kg));
        let spin: Vec3 = lever * (2.5 * speed / spec.radius_m);
        BallState {
            position: ball.position,
            velocity: squirt.rotate(along * (cos * speed)),
            spin,
            motion: Motion::Sliding,
        }
    }
}

/// Squirt: the angle (radians, away from the side that is struck) between the stick and the
/// ball's way. `side` in ball radii, `mass_ratio` = ball over the end of the cue
/// (Alciatore, TP A.31).
#[must_use]
pub fn squirt(side: f64, mass_ratio: f64) -> f64 {
    let depth_squared = (1.0 - side * side).max(0.0);
    (2.5 * side * depth_squared.sqrt() / (1.0 + mass_ratio + 2.5 * depth_squared)).atan()
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
}
