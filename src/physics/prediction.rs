//! The result of a simulated shot: an event log of piecewise-quadratic paths.

use crate::table::PocketId;
use crate::units::{Vec2, Vec3};

/// Identifies a ball inside one simulation: its index in the list handed in.
pub type BallIndex = usize;

/// How a ball moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motion {
    /// At rest.
    #[default]
    Resting,
    /// Turning on the spot about the vertical.
    Spinning,
    /// Rolling without slip.
    Rolling,
    /// Slipping on the cloth.
    Sliding,
    /// In a pocket.
    Pocketed,
}

/// Position, velocity and spin of a ball.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BallState {
    /// Centre on the table, metres.
    pub position: Vec2,
    /// Velocity along the cloth, m/s.
    pub velocity: Vec2,
    /// Angular velocity, rad/s.
    pub spin: Vec3,
    /// How it moves.
    pub motion: Motion,
}

impl BallState {
    /// A ball at rest.
    #[must_use]
    pub fn resting(position: Vec2) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }
}

/// A stretch of path with constant acceleration: p(t) = p + v τ + a τ²/2, τ = t − start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathPiece {
    /// Start, seconds after the stroke.
    pub start_s: f64,
    /// End, seconds after the stroke.
    pub end_s: f64,
    /// Ball at the start.
    pub from: BallState,
    /// Acceleration, m/s².
    pub acceleration: Vec2,
    /// Angular acceleration, rad/s².
    pub spin_acceleration: Vec3,
}

impl PathPiece {
    /// The ball at time `t` (clamped into the piece).
    #[must_use]
    pub fn at(&self, t: f64) -> BallState {
        let tau = (t.clamp(self.start_s, self.end_s)) - self.start_s;
        BallState {
            position: self.from.position + self.from.velocity * tau + self.acceleration * (0.5 * tau * tau),
            velocity: self.from.velocity + self.acceleration * tau,
            spin: self.from.spin + self.spin_acceleration * tau,
            motion: self.from.motion,
        }
    }
}

/// The whole way of one ball.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// Pieces in order of time, without gaps.
    pub pieces: Vec<PathPiece>,
    /// Where and how it ends.
    pub end: BallState,
}

impl Path {
    /// The ball `t` seconds after the stroke.
    #[must_use]
    pub fn at(&self, t: f64) -> BallState {
        let next = self.pieces.partition_point(|p| p.end_s < t);
        self.pieces.get(next).map_or(self.end, |p| p.at(t))
    }

    /// Length along the path, metres.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        self.pieces
            .iter()
            .map(|p| {
                let steps = 8;
                let dt = (p.end_s - p.start_s) / f64::from(steps);
                (0..steps)
                    .map(|i| {
                        let t = p.start_s + dt * f64::from(i);
                        p.at(t).position.distance(p.at(t + dt).position)
                    })
                    .sum::<f64>()
            })
            .sum()
    }
}

/// Something that happens during a shot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// The tip strikes a ball.
    Strike(BallIndex),
    /// Two balls touch.
    BallBall(BallIndex, BallIndex),
    /// A ball touches a straight cushion or facing (index into noses, then facings).
    Cushion(BallIndex, usize),
    /// A ball touches a rounded jaw (index into jaws).
    Jaw(BallIndex, usize),
    /// A ball falls.
    Pocketed(BallIndex, PocketId),
    /// A ball changes from one kind of motion to another.
    Transition(BallIndex, Motion, Motion),
}

/// An event with its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShotEvent {
    /// Seconds after the stroke.
    pub time_s: f64,
    /// What happens.
    pub kind: EventKind,
    /// Where: the centre of the (first) ball, metres.
    pub position: Vec2,
}

/// A simulated shot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// One path per ball, in the order the balls were handed in.
    pub paths: Vec<Path>,
    /// What happens, in order of time.
    pub events: Vec<ShotEvent>,
    /// When everything has come to rest, seconds after the stroke.
    pub duration_s: f64,
    /// True when the event cap ended the simulation before everything was at rest.
    pub truncated: bool,
}

impl Prediction {
    /// All balls `t` seconds after the stroke.
    #[must_use]
    pub fn at(&self, t: f64) -> Vec<BallState> {
        self.paths.iter().map(|p| p.at(t)).collect()
    }

    /// The pocket a ball ends in, if it does.
    #[must_use]
    pub fn pocket_of(&self, ball: BallIndex) -> Option<PocketId> {
        self.events.iter().find_map(|e| match e.kind {
            EventKind::Pocketed(b, pocket) if b == ball => Some(pocket),
            _ => None,
        })
    }
}
