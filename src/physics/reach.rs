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
    let offset = state.position - line.a;
    let gap = offset.dot(line.normal) - radius;
    // Deeper than its own radius the ball is behind the cushion and belongs to another one.
    if gap < -radius {
        return None;
    }
    let time = first_entry_quadratic(
        [
            gap,
            state.velocity.dot(line.normal),
            0.5 * phase.acceleration.dot(line.normal),
        ],
        horizon,
    )?;
    let along = line.b - line.a;
    let share = (phase.position_at(state, time) - line.a).dot(along);
    (share >= 0.0 && share <= along.length_squared()).then_some(time)
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
