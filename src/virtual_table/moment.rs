//! Where everything is at one moment: what the play hands to the picture.

use crate::table::BallKind;
use crate::units::Vec3;

/// All that moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moment {
    /// Balls that can be seen, those that are falling into a pocket too.
    pub(super) balls: Vec<BallPose>,
    /// The cue, if it is over the table.
    pub(super) cue: Option<CuePose>,
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
}
