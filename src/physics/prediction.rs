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
    /// Over the hole of a pocket, not yet too deep to come back.
    Falling,
    /// In a pocket.
    Pocketed,
}

impl Motion {
    /// True when the ball changes its place.
    #[must_use]
    pub const fn travels(self) -> bool {
        matches!(self, Self::Rolling | Self::Sliding | Self::Falling)
    }
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
    /// A ball's centre passes the edge of a hole and the ball begins to fall.
    OverEdge(BallIndex, PocketId),
    /// A ball that falls meets the back of the pocket.
    PocketBack(BallIndex, PocketId),
    /// A ball comes back out of a hole.
    BackOut(BallIndex, PocketId),
    /// The pocket has the ball.
    Pocketed(BallIndex, PocketId),
    /// A ball changes from one kind of motion to another.
    Transition(BallIndex, Motion, Motion),
}

impl EventKind {
    /// Kind, ball, and with what, as bytes.
    fn code(self) -> [u8; 6] {
        let (kind, ball, with) = match self {
            Self::Strike(a) => (0, a, 0),
            Self::BallBall(a, b) => (1, a, b),
            Self::Cushion(a, line) => (2, a, line),
            Self::Jaw(a, jaw) => (3, a, jaw),
            Self::OverEdge(a, pocket) => (4, a, pocket as usize),
            Self::PocketBack(a, pocket) => (5, a, pocket as usize),
            Self::BackOut(a, pocket) => (6, a, pocket as usize),
            Self::Pocketed(a, pocket) => (7, a, pocket as usize),
            Self::Transition(a, from, to) => (8, a, from as usize * 16 + to as usize),
        };
        let ([a0, a1, ..], [b0, b1, ..]) = (ball.to_le_bytes(), with.to_le_bytes());
        [kind, 0, a0, a1, b0, b1]
    }
}

struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: f64) {
        self.bytes(&number.to_bits().to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[f64]) {
        for number in numbers {
            self.number(*number);
        }
    }

    fn state(&mut self, state: &BallState) {
        self.numbers(&state.position.to_array());
        self.numbers(&state.velocity.to_array());
        self.numbers(&state.spin.to_array());
        self.bytes(&[state.motion as u8]);
    }
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
    /// True when this is not the whole shot: the event cap ended it before everything was at rest, or
    /// a ball left the table.
    pub truncated: bool,
    /// The tip slipped off the cue ball.
    pub miscue: bool,
    /// Set when the stroke would throw the cue ball up from the cloth by more than
    /// [`Hop::NOTICED_M`]. Balls in the air are not simulated: the paths are those of a ball that
    /// stays down, and past the start they are not to be trusted.
    pub hop: Option<Hop>,
}

/// The flight with which an elevated stroke begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hop {
    /// Highest point of the ball above the cloth, metres.
    pub height_m: f64,
    /// Where it comes down, metres from where it was struck.
    pub length_m: f64,
}

impl Hop {
    /// A hop lower than this does not change what the ball meets: at 3 mm the line of centres
    /// of two pool balls is tilted by 3°, 0.15 % of the speed.
    pub const NOTICED_M: f64 = 3e-3;
}

impl Prediction {
    /// All balls `t` seconds after the stroke.
    #[must_use]
    pub fn at(&self, t: f64) -> Vec<BallState> {
        self.paths.iter().map(|p| p.at(t)).collect()
    }

    /// One number for every bit of the result: equal for equal predictions, on every run.
    ///
    /// FNV-1a over times, states and events.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        for path in &self.paths {
            for piece in &path.pieces {
                hash.number(piece.start_s);
                hash.number(piece.end_s);
                hash.state(&piece.from);
                hash.numbers(&piece.acceleration.to_array());
                hash.numbers(&piece.spin_acceleration.to_array());
            }
            hash.state(&path.end);
        }
        for event in &self.events {
            hash.number(event.time_s);
            hash.numbers(&event.position.to_array());
            hash.bytes(&event.kind.code());
        }
        hash.number(self.duration_s);
        hash.bytes(&[u8::from(self.truncated), u8::from(self.miscue)]);
        hash.0
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
