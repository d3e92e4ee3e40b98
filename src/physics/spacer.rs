//! Backs touching bodies off to a micrometre, so that rounding can't put one into another.
//!
//! The micrometre matters: it tilts the line from a cushion's nose to the ball's centre by
//! 10⁻⁵, which grows to tenths of a millimetre over a shot. It is the spacer of pooltool 0.6,
//! whose shots serve as reference.

use super::prediction::BallState;
use crate::units::Vec2;

/// What stays between two bodies after an impact, metres.
pub(super) const SPACER_M: f64 = 1e-6;
/// A ball is backed off along its own way unless that would move it further than this, metres.
const LONGEST_RETREAT_M: f64 = 5.0 * SPACER_M;
/// Two balls are backed off while the middle between them obeys that limit and each ball this
/// one: balls that pass each other closely could else go back a long way, metres.
const LONGEST_PAIR_RETREAT_M: f64 = 50.0 * SPACER_M;

/// Puts a ball `radius` + spacer away from a line through `point` with this unit normal.
pub(super) fn part_from_line(ball: &mut BallState, point: Vec2, normal: Vec2, radius: f64) {
    let missing = radius + SPACER_M - (ball.position - point).dot(normal);
    let retreat = ball.velocity * (missing / ball.velocity.dot(normal));
    // A grazing ball would have to go back too far; the comparison also refuses NaN.
    ball.position += if retreat.length() <= LONGEST_RETREAT_M {
        retreat
    } else {
        normal * missing
    };
}

/// Puts a ball `distance` + spacer away from a point.
pub(super) fn part_from_point(ball: &mut BallState, point: Vec2, distance: f64) {
    let wanted = distance + SPACER_M;
    let offset = ball.position - point;
    let retreat = ball.velocity * time_apart(offset, ball.velocity, wanted);
    ball.position += if retreat.length() <= LONGEST_RETREAT_M {
        retreat
    } else {
        offset.normalize_or_zero() * (wanted - offset.length())
    };
}

/// Puts two balls `distance` + spacer apart.
pub(super) fn part_balls(a: &mut BallState, b: &mut BallState, distance: f64) {
    let wanted = distance + SPACER_M;
    let offset = b.position - a.position;
    let time = time_apart(offset, b.velocity - a.velocity, wanted);
    let fastest = a.velocity.length().max(b.velocity.length());
    let middle = 0.5 * (a.velocity + b.velocity);
    if middle.length() * -time <= LONGEST_RETREAT_M && fastest * -time <= LONGEST_PAIR_RETREAT_M {
        a.position += a.velocity * time;
        b.position += b.velocity * time;
    } else {
        let half = offset.normalize_or_zero() * (0.5 * (wanted - offset.length()));
        a.position -= half;
        b.position += half;
    }
}

/// The last time (negative) at which `offset` + `velocity` t was `distance` long; NaN if never.
fn time_apart(offset: Vec2, velocity: Vec2, distance: f64) -> f64 {
    let square = velocity.length_squared();
    let half = offset.dot(velocity);
    let excess = offset.length_squared() - distance * distance;
    excess / ((half * half - square * excess).sqrt() - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: f64 = 0.028_575;

    fn moving(position: Vec2, velocity: Vec2) -> BallState {
        BallState {
            position,
            velocity,
            ..BallState::default()
        }
    }

    #[test]
    fn a_ball_goes_back_along_its_way() {
        let mut ball = moving(Vec2::new(0.3, R), Vec2::new(1.0, -1.0));
        part_from_line(&mut ball, Vec2::ZERO, Vec2::Y, R);
        assert!((ball.position - Vec2::new(0.3 - SPACER_M, R + SPACER_M)).length() < 1e-15);
        let mut ball = moving(Vec2::new(R, 0.0), Vec2::new(-3.0, 0.0));
        part_from_point(&mut ball, Vec2::ZERO, R);
        assert!((ball.position - Vec2::new(R + SPACER_M, 0.0)).length() < 1e-15);
    }

    #[test]
    fn a_grazing_ball_is_pushed_straight_off() {
        let mut ball = moving(Vec2::new(0.3, R), Vec2::new(1.0, -1e-3));
        part_from_line(&mut ball, Vec2::ZERO, Vec2::Y, R);
        assert!((ball.position - Vec2::new(0.3, R + SPACER_M)).length() < 1e-15);
        let mut ball = moving(Vec2::new(R, 0.0), Vec2::new(-1e-4, 1.0));
        part_from_point(&mut ball, Vec2::ZERO, R);
        assert!((ball.position - Vec2::new(R + SPACER_M, 0.0)).length() < 1e-15);
    }

    #[test]
    fn only_the_moving_ball_goes_back() {
        let mut a = moving(Vec2::ZERO, Vec2::new(2.0, 0.5));
        let mut b = moving(Vec2::new(2.0 * R, 0.0), Vec2::ZERO);
        part_balls(&mut a, &mut b, 2.0 * R);
        assert_eq!(b.position, Vec2::new(2.0 * R, 0.0));
        assert!((a.position.distance(b.position) - 2.0 * R - SPACER_M).abs() < 1e-15);
        assert!(a.position.perp_dot(Vec2::new(2.0, 0.5)).abs() < 1e-15);
    }

    #[test]
    fn balls_that_move_alike_are_pushed_apart() {
        let mut a = moving(Vec2::ZERO, Vec2::new(2.0, 0.0));
        let mut b = moving(Vec2::new(2.0 * R, 0.0), Vec2::new(2.0, 0.0));
        part_balls(&mut a, &mut b, 2.0 * R);
        assert!((a.position + b.position - Vec2::new(2.0 * R, 0.0)).length() < 1e-15);
        assert!((a.position.distance(b.position) - 2.0 * R - SPACER_M).abs() < 1e-15);
    }

    #[test]
    fn balls_that_pass_each_other_are_pushed_apart() {
        let mut a = moving(Vec2::ZERO, Vec2::new(1e-3, 1.0));
        let mut b = moving(Vec2::new(2.0 * R, 0.0), Vec2::new(-1e-3, -1.0));
        part_balls(&mut a, &mut b, 2.0 * R);
        assert!(a.position.length() < SPACER_M);
        assert!((a.position.distance(b.position) - 2.0 * R - SPACER_M).abs() < 1e-15);
    }
}
