//! What a ball in one phase of motion comes to, and where it can be.

use super::motion::Phase;
use super::prediction::BallState;
use super::roots::{first_entry, first_entry_quadratic};
use super::tree::Bounds;
use crate::table::Segment;
use crate::units::Vec2;

/// When a ball touches a straight cushion between its ends.
pub(super) fn reach_line(
    state: &BallState,
    phase: &Phase,
    line: &Segment,
    radius: f64,
    horizon: f64,
) -> Option<f64> {
    let along = line.b - line.a;
    let beside = |time: f64| {
        let share = (phase.position_at(state, time) - line.a).dot(along);
        share >= 0.0 && share <= along.length_squared()
    };
    let gap = [
        (state.position - line.a).dot(line.normal) - radius,
        state.velocity.dot(line.normal),
        0.5 * phase.acceleration.dot(line.normal),
    ];
    let closed = gap[0] <= 0.0 && (gap[1] < 0.0 || gap[1] == 0.0 && gap[2] < 0.0);
    // Deeper than its own radius the ball is behind the line, which ends somewhere, and belongs
    // to another cushion. From there a curved way can still come round to this one's front.
    let behind = gap[0] < -radius;
    if closed && !behind && beside(0.0) {
        return Some(0.0);
    }
    let time = if closed || behind {
        second_root(gap)?
    } else {
        first_entry_quadratic(gap, horizon)?
    };
    (time <= horizon && beside(time)).then_some(time)
}

/// When a gap that is closed now falls to zero after having opened.
fn second_root([c0, c1, c2]: [f64; 3]) -> Option<f64> {
    let discriminant = c1 * c1 - 4.0 * c2 * c0;
    let time = (-c1 - discriminant.sqrt()) / (2.0 * c2);
    // The comparison also refuses NaN: a gap that never opens.
    (c2 < 0.0 && time > 0.0).then_some(time)
}

/// When the centre of a ball comes within `distance` of a point.
pub(super) fn reach_circle(
    state: &BallState,
    phase: &Phase,
    centre: Vec2,
    distance: f64,
    horizon: f64,
) -> Option<f64> {
    let gap = approach(
        state.position - centre,
        state.velocity,
        phase.acceleration,
        distance,
    );
    first_entry(&gap, horizon)
}

/// |p + v t + a t²/2|² − d², lowest power first.
pub(super) fn approach(p: Vec2, v: Vec2, a: Vec2, d: f64) -> [f64; 5] {
    [
        p.length_squared() - d * d,
        2.0 * p.dot(v),
        v.length_squared() + p.dot(a),
        v.dot(a),
        0.25 * a.length_squared(),
    ]
}

/// The box of the centre during the first `duration` seconds of a phase.
pub(super) fn sweep(state: &BallState, phase: &Phase, duration: f64) -> Bounds {
    let start = state.position;
    if !state.motion.travels() {
        return Bounds {
            min: start,
            max: start,
        };
    }
    let end = phase.position_at(state, duration);
    let mut bounds = Bounds {
        min: start.min(end),
        max: start.max(end),
    };
    // A parabola reaches furthest where the velocity along an axis vanishes.
    let turn = -state.velocity / phase.acceleration;
    for time in [turn.x, turn.y] {
        if time > 0.0 && time < duration {
            let furthest = phase.position_at(state, time);
            bounds.min = bounds.min.min(furthest);
            bounds.max = bounds.max.max(furthest);
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::super::motion::kind_of;
    use super::*;
    use crate::physics::Parameters;
    use crate::units::Vec3;

    const R: f64 = 0.028_575;

    /// A ball drawn back by its spin comes round the end of a facing and hits it from the front.
    #[test]
    fn a_curved_way_from_behind_the_line_of_a_cushion_meets_its_front() {
        let line = Segment {
            a: Vec2::new(0.0, 0.0),
            b: Vec2::new(1.0, 0.0),
            normal: Vec2::Y,
        };
        // Begins left of the end and 50 mm below the line, goes up, and is pulled down again.
        let mut ball = BallState {
            position: Vec2::new(-0.3, -0.05),
            velocity: Vec2::new(1.0, 1.0),
            spin: Vec3::new(200.0, 20.0, 0.0),
            ..BallState::default()
        };
        ball.motion = kind_of(&ball, R);
        let phase = Phase::of(&ball, R, &Parameters::REFERENCE);
        assert!(phase.acceleration.y < -1.0);
        let time = reach_line(&ball, &phase, &line, R, 5.0).unwrap();
        let at = phase.position_at(&ball, time);
        assert!((at.y - R).abs() < 1e-12 && at.x > 0.0, "{at}");
        assert!(time > 0.3);
    }
}
