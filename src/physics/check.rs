//! Is this a position that can be played?

use super::cue_strike::CueStrike;
use super::prediction::{BallIndex, BallState, Motion};
use super::solver::Rules;
use super::spacer::SPACER_M;
use crate::units::Vec2;

/// Why a position or a strike can't be simulated.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadInput {
    /// A number is NaN or infinite.
    #[error("ball {ball}: {field} is not a finite number")]
    NotFinite {
        /// The ball.
        ball: BallIndex,
        /// `position`, `velocity` or `spin`.
        field: &'static str,
    },
    /// A ball is faster than any ball can be.
    #[error("ball {ball}: {field} is faster than {FASTEST_M_S} m/s")]
    TooFast {
        /// The ball.
        ball: BallIndex,
        /// `velocity` or `spin` (of the ball's surface).
        field: &'static str,
    },
    /// More balls than a simulation takes.
    #[error("balls: {count} are too many; {MOST_BALLS} at most")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A ball lies outside the playing surface, inside a cushion or over a hole.
    #[error("ball {ball}: position is not on the playing surface")]
    OffTable {
        /// The ball.
        ball: BallIndex,
    },
    /// Two balls are inside each other.
    #[error("ball {ball}: position overlaps ball {other} by {mm:.3} mm", mm = overlap_m * 1000.0)]
    Overlap {
        /// The ball.
        ball: BallIndex,
        /// The ball it overlaps, which comes later in the list.
        other: BallIndex,
        /// How deep, metres.
        overlap_m: f64,
    },
    /// The strike names a ball that isn't there.
    #[error("ball {ball}: there is no such ball to strike")]
    NoSuchBall {
        /// The ball.
        ball: BallIndex,
    },
    /// The strike itself is impossible.
    #[error("strike: {field} is not possible")]
    Strike {
        /// The field of [`CueStrike`].
        field: &'static str,
    },
}

/// No ball is faster than this, m/s; the fastest stick makes less.
const FASTEST_M_S: f64 = 200.0;
/// Overlap that a caller who knows positions exactly may have, metres.
pub(super) const STRICT_M: f64 = 1e-6;
/// Overlap that measured positions may have, metres.
const FORGIVEN_M: f64 = 3e-3;

/// More balls than any game has, and as many as still play in milliseconds.
pub const MOST_BALLS: usize = 256;

/// Are all numbers usable?
pub(super) fn numbers(
    radius: f64,
    balls: &[BallState],
    strike: Option<&(BallIndex, CueStrike)>,
) -> Result<(), BadInput> {
    if balls.len() > MOST_BALLS {
        return Err(BadInput::TooMany { count: balls.len() });
    }
    for (ball, state) in balls.iter().enumerate() {
        for (field, finite) in [
            ("position", state.position.is_finite()),
            ("velocity", state.velocity.is_finite()),
            ("spin", state.spin.is_finite()),
        ] {
            if !finite {
                return Err(BadInput::NotFinite { ball, field });
            }
        }
        for (field, speed) in [
            ("velocity", state.velocity.length()),
            ("spin", state.spin.length() * radius),
        ] {
            if speed > FASTEST_M_S {
                return Err(BadInput::TooFast { ball, field });
            }
        }
    }
    if let Some((ball, strike)) = strike {
        if let Some(field) = strike.first_impossible() {
            return Err(BadInput::Strike { field });
        }
        let in_play = |state: &BallState| state.motion != Motion::Pocketed;
        if !balls.get(*ball).is_some_and(in_play) {
            return Err(BadInput::NoSuchBall { ball: *ball });
        }
    }
    Ok(())
}

/// Does every ball lie on the table, none inside another by more than `tolerance`?
pub(super) fn places(rules: &Rules, balls: &[BallState], tolerance: f64) -> Result<(), BadInput> {
    let in_play = || {
        balls
            .iter()
            .enumerate()
            .filter(|(_, state)| state.motion != Motion::Pocketed)
    };
    for (ball, state) in in_play() {
        // A ball over a hole has the pocket round it instead of cushions.
        let inside = state.motion != Motion::Falling && intrusion(rules, state.position).length() > tolerance;
        if inside || !lies_on_table(rules, state.position) {
            return Err(BadInput::OffTable { ball });
        }
        for (other, neighbour) in in_play().skip_while(|(other, _)| *other <= ball) {
            // One that falls is below the other.
            if state.motion == Motion::Falling || neighbour.motion == Motion::Falling {
                continue;
            }
            let overlap_m = 2.0 * rules.radius - state.position.distance(neighbour.position);
            if overlap_m > tolerance {
                return Err(BadInput::Overlap {
                    ball,
                    other,
                    overlap_m,
                });
            }
        }
    }
    Ok(())
}

/// Does no ball hang over a hole? One that does is pocketed and should say so.
pub(super) fn no_hole(rules: &Rules, balls: &[BallState]) -> Result<(), BadInput> {
    let over_a_hole = |state: &BallState| rules.holes.iter().any(|hole| hole.holds(state.position));
    let fallen = |state: &BallState| state.motion != Motion::Pocketed && over_a_hole(state);
    balls
        .iter()
        .position(fallen)
        .map_or(Ok(()), |ball| Err(BadInput::OffTable { ball }))
}

/// Writes the balls with small overlaps resolved; an error when the input can't be played.
pub(super) fn seat(
    rules: &Rules,
    balls: &[BallState],
    strike: Option<&(BallIndex, CueStrike)>,
    seated: &mut Vec<BallState>,
) -> Result<(), BadInput> {
    /// A rack seen askew needs some; what then still overlaps is left to the solver, whose
    /// closing contacts fire at once and whose opening ones don't.
    const ROUNDS: usize = 30;
    numbers(rules.radius, balls, strike)?;
    let overlapping = places(rules, balls, 0.0).is_err();
    if overlapping {
        places(rules, balls, FORGIVEN_M)?;
    }
    seated.clear();
    seated.extend_from_slice(balls);
    for _ in 0..ROUNDS {
        if !overlapping || !push_apart(rules, seated) {
            break;
        }
    }
    Ok(())
}

/// One round of pushing; true when something was pushed.
fn push_apart(rules: &Rules, balls: &mut [BallState]) -> bool {
    let mut pushed = part(balls, rules.radius);
    for ball in balls.iter_mut().filter(|ball| ball.motion != Motion::Pocketed) {
        let out = intrusion(rules, ball.position);
        if out != Vec2::ZERO {
            ball.position += out + out.normalize_or_zero() * SPACER_M;
            pushed = true;
        }
    }
    pushed
}

/// Moves every two balls that overlap apart along their line of centres until they just touch;
/// true when something moved. With more than two in touch it takes several rounds.
pub fn part(balls: &mut [BallState], radius: f64) -> bool {
    let mut pushed = false;
    let wanted = 2.0 * radius + SPACER_M;
    for first in 0..balls.len() {
        for second in first + 1..balls.len() {
            let Ok([a, b]) = balls.get_disjoint_mut([first, second]) else {
                continue;
            };
            if a.motion == Motion::Pocketed || b.motion == Motion::Pocketed {
                continue;
            }
            let offset = b.position - a.position;
            let overlap = 2.0 * radius - offset.length();
            if overlap > 0.0 {
                let half = offset.normalize_or(Vec2::X) * (0.5 * (wanted - offset.length()));
                a.position -= half;
                b.position += half;
                pushed = true;
            }
        }
    }
    pushed
}

/// On the playing surface as far as the noses, or in the mouth of a pocket.
fn lies_on_table(rules: &Rules, p: Vec2) -> bool {
    p.abs().cmple(rules.corner).all() || rules.holes.iter().any(|hole| hole.reaches(p))
}

/// The way out of the cushion a ball at `p` is furthest inside; zero when it is in none.
fn intrusion(rules: &Rules, p: Vec2) -> Vec2 {
    // Nothing stands out beyond the nose lines.
    if p.abs().cmple(rules.corner - Vec2::splat(rules.radius)).all() {
        return Vec2::ZERO;
    }
    let lines = rules.lines.iter().filter_map(|line| {
        let along = line.b - line.a;
        let offset = p - line.a;
        let beside = offset.dot(along) >= 0.0 && offset.dot(along) <= along.length_squared();
        let depth = rules.radius - offset.dot(line.normal);
        // Facings look at the pocket; a ball far behind one is simply elsewhere.
        (beside && depth < 2.0 * rules.radius).then_some(line.normal * depth.max(0.0))
    });
    let jaws = rules.geometry.jaws.iter().map(|jaw| {
        let offset = p - jaw.centre;
        let depth = rules.radius + jaw.radius - offset.length();
        offset.normalize_or_zero() * depth.max(0.0)
    });
    lines.chain(jaws).fold(Vec2::ZERO, |worst, out| {
        if out.length_squared() > worst.length_squared() {
            out
        } else {
            worst
        }
    })
}
