//! From observations to a table that lasts: balls with ids, rest and motion, the cue.

use std::time::Instant;

use serde::Serialize;

use crate::table::{BallKind, PocketId};
use crate::units::Vec2;
use crate::vision::observation::Observation;

/// A lasting number for a tracked ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BallId(pub u32);

/// What a tracked ball is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BallMotion {
    /// Still.
    Resting,
    /// Rolling or sliding.
    Moving,
    /// Not seen at present (covered by a hand, a cue, another ball); kept where it was.
    Held,
}

/// A ball that has been followed over several frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackedBall {
    /// Lasting id.
    pub id: BallId,
    /// Group and number, as far as known.
    pub kind: BallKind,
    /// Centre, metres.
    pub position_m: Vec2,
    /// Velocity, m/s.
    pub velocity_m_s: Vec2,
    /// Resting, moving or held.
    pub motion: BallMotion,
    /// That the group is right, 0..1.
    pub group_confidence: f64,
}

/// The cue as followed over several frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackedCue {
    /// Tip, metres.
    pub tip_m: Vec2,
    /// Unit direction of the shot, butt to tip.
    pub direction: Vec2,
    /// 0..1.
    pub confidence: f64,
}

/// Something that happened on the table between two states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TableEvent {
    /// The cue ball left its place.
    ShotStruck,
    /// A ball went into a pocket.
    Pocketed(BallId, BallKind, PocketId),
    /// Every ball has come to rest.
    AtRest,
}

/// The table as the trainer believes it to be.
#[derive(Clone, Debug, PartialEq)]
pub struct TableState {
    /// The frame it is based on.
    pub sequence: u64,
    /// When that frame was taken.
    pub captured: Instant,
    /// Balls on the table, by id.
    pub balls: Vec<TrackedBall>,
    /// The cue, if one is over the table.
    pub cue: Option<TrackedCue>,
    /// Nothing moves.
    pub at_rest: bool,
    /// Balls that went into pockets since the tracker started, in order.
    pub pocketed: Vec<(BallKind, PocketId)>,
    /// What happened since the previous state.
    pub events: Vec<TableEvent>,
}

impl TableState {
    /// The cue ball, if it is known.
    #[must_use]
    pub fn cue_ball(&self) -> Option<&TrackedBall> {
        self.balls
            .iter()
            .find(|b| b.kind.group == crate::table::Group::Cue)
    }
}

/// Follows balls and cue from observation to observation.
#[derive(Debug, Default)]
pub struct Tracker {}

impl Tracker {
    /// Takes in one observation and says what is on the table now. `None` while no table is known.
    pub fn update(&mut self, observation: &Observation) -> Option<TableState> {
        let _ = observation;
        None
    }
}
