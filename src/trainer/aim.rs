//! From a cue over the table to the shot the player intends.

use serde::{Deserialize, Serialize};

use crate::units::Vec2;
use crate::vision::track::BallId;

/// How much help is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assistance {
    /// Nothing.
    Off,
    /// The aim line only.
    Minimal,
    /// Everything: the whole way of every ball.
    #[default]
    Beginner,
    /// Aim, ghost ball, object ball to its first cushion.
    Intermediate,
    /// Aim and ghost ball.
    Advanced,
    /// The ghost ball only.
    Expert,
}

impl Assistance {
    /// All levels from none to most subtle.
    pub const ALL: [Self; 6] = [
        Self::Off,
        Self::Minimal,
        Self::Beginner,
        Self::Intermediate,
        Self::Advanced,
        Self::Expert,
    ];

    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Minimal => "minimal",
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
            Self::Expert => "expert",
        }
    }
}

/// The shot the player is aiming at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShotIntent {
    /// The cue ball.
    pub cue_ball: BallId,
    /// Where it lies, metres.
    pub cue_ball_m: Vec2,
    /// Direction of the shot, radians anticlockwise from +x.
    pub direction: f64,
    /// Assumed speed of the stick at impact, m/s.
    pub stick_speed_m_s: f64,
}
