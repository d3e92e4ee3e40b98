//! Where everything is at one moment: what the play hands to the picture.

use crate::table::BallKind;
use crate::units::{Vec2, Vec3};

/// All that moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moment {
    /// Balls that can be seen, those that are falling into a pocket too.
    pub(super) balls: Vec<BallPose>,
    /// The cue, if it is over the table.
    pub(super) cue: Option<CuePose>,
    /// People's arms and heads, and what lies about; 32 at most are drawn.
    pub(super) things: Vec<Thing>,
}

/// A ball's place and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BallPose {
    pub(super) kind: BallKind,
    /// Centre, metres.
    pub(super) centre_m: Vec3,
    /// Ball axes to table axes.
    pub(super) orientation: glam::DQuat,
    /// Velocity, m/s: while the shutter is open the ball draws a streak.
    pub(super) velocity_m_s: Vec3,
}

/// The cue's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CuePose {
    /// Middle of the tip, metres.
    pub(super) tip_m: Vec3,
    /// Unit direction from tip to butt.
    pub(super) axis: Vec3,
    /// How fast it moves along its axis, toward the tip, m/s: while the shutter is open the tip draws a streak.
    pub(super) speed_m_s: f64,
}

/// Something that is neither ball nor cue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thing {
    pub(super) parts: Vec<Part>,
}

/// A simple solid.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Limb(Limb),
    Slab(Slab),
}

/// A rounded tapered stick; a sphere when both ends are in the same place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limb {
    /// Middles of the round ends, metres.
    pub(super) ends_m: [Vec3; 2],
    /// Their radii, metres.
    pub(super) radii_m: [f64; 2],
    pub(super) finish: Finish,
}

/// A box that stands upright, its corners rounded in plan view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slab {
    pub(super) middle_m: Vec3,
    /// Half its size along its own axes, metres.
    pub(super) half_m: Vec3,
    /// Radius of its upright edges, metres.
    pub(super) corner_m: f64,
    /// How far it is turned about the vertical, radians.
    pub(super) turn: f64,
    pub(super) top: Finish,
    pub(super) side: Finish,
    /// What is let into its top.
    pub(super) inlay: Option<Inlay>,
}

/// A rounded rectangle in the middle of a slab's top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Inlay {
    /// Half its size along the slab's axes, metres.
    pub(super) half_m: Vec2,
    /// Radius of its corners, metres.
    pub(super) corner_m: f64,
    pub(super) finish: Finish,
}

/// How a surface looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Finish {
    pub(super) srgb: [u8; 3],
    /// How much it mirrors the room and its lamps, 0 (chalk) to 1 (glass).
    pub(super) gloss: f64,
    /// How uneven its colour is, 0 (lacquer) to 1 (hair, folds of a shirt).
    pub(super) rough: f64,
}
