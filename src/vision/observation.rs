//! What one frame shows.

use std::time::Instant;

use serde::Serialize;

use crate::calibration::CameraModel;
use crate::table::{BallKind, Group, PocketId};
use crate::units::{ImageSize, Vec2};

/// Everything that was found in one frame.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The frame's number.
    pub sequence: u64,
    /// When the frame was taken.
    pub captured: Instant,
    /// Size of the frame; every `_px` point below is in it.
    pub image: ImageSize,
    /// The table, if it was found or is known from calibration.
    pub table: Option<TableSeen>,
    /// Balls, best confidence first.
    pub balls: Vec<BallSeen>,
    /// Cues, best confidence first.
    pub cues: Vec<CueSeen>,
    /// Time spent per step, milliseconds, in order; the last entry is `total`.
    pub timing_ms: Vec<(&'static str, f64)>,
    /// What a person should know about this picture.
    pub warnings: Vec<String>,
}

/// The table as seen in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSeen {
    /// Corners of the rectangle of cushion noses, as seen: top left, top right, bottom right, bottom left.
    pub corners_px: [Vec2; 4],
    /// Pockets as seen: TL TM TR BL BM BR (a point on the noses' rectangle extended to the hole's middle).
    pub pockets_px: [Vec2; 6],
    /// Name of the table model it agrees with best.
    pub model: String,
    /// 0..1.
    pub confidence: f64,
    /// Camera that explains the picture. Calibrated where the frame brought its
    /// calibration, else estimated from the noses.
    pub camera: CameraModel,
}

/// A ball in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct BallSeen {
    /// Centre in pixels.
    pub center_px: Vec2,
    /// Mean radius of its outline in pixels.
    pub radius_px: f64,
    /// Centre in the table frame, metres, if the table is known.
    pub position_m: Option<Vec2>,
    /// Standard deviation of the position, metres (1 σ per axis).
    pub sigma_m: f64,
    /// Group and number.
    pub kind: BallKind,
    /// That it is a ball, 0..1.
    pub confidence: f64,
    /// That the group is right, 0..1.
    pub group_confidence: f64,
}

/// A cue stick in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct CueSeen {
    /// Tip in pixels.
    pub tip_px: Vec2,
    /// The other visible end in pixels.
    pub butt_px: Vec2,
    /// Tip in the table frame, metres, at tip height.
    pub tip_m: Option<Vec2>,
    /// Unit direction of the shot (butt to tip) on the table.
    pub direction: Option<Vec2>,
    /// 0..1.
    pub confidence: f64,
}

/// What really is on the table when a frame is taken. Only the virtual table knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Every ball that is on the table.
    pub balls: Vec<TrueBall>,
    /// The cue, if it is over the table.
    pub cue: Option<TrueCue>,
    /// Balls that have been pocketed, in order.
    pub pocketed: Vec<(BallKind, PocketId)>,
}

/// A ball's true place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueBall {
    /// Which ball.
    pub kind: BallKind,
    /// Centre on the table, metres.
    pub position_m: Vec2,
    /// Velocity, m/s.
    pub velocity_m_s: Vec2,
}

/// The cue's true place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueCue {
    /// Tip on the table, metres.
    pub tip_m: Vec2,
    /// Unit direction of the shot.
    pub direction: Vec2,
}

/// The shape of `analyze --json`.
impl Serialize for BallSeen {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = s.serialize_struct("ball", 7)?;
        out.serialize_field("center_px", &self.center_px.to_array())?;
        out.serialize_field("radius_px", &self.radius_px)?;
        out.serialize_field("position", &self.position_m.map(|p| p.to_array()))?;
        out.serialize_field("group", self.kind.group.name())?;
        out.serialize_field(
            "number",
            &self.kind.number.filter(|_| self.kind.group != Group::Unknown),
        )?;
        out.serialize_field("confidence", &self.confidence)?;
        out.serialize_field("group_confidence", &self.group_confidence)?;
        out.end()
    }
}

/// The shape of `analyze --json`.
impl Serialize for CueSeen {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = s.serialize_struct("cue", 3)?;
        out.serialize_field("tip_px", &self.tip_px.to_array())?;
        out.serialize_field("butt_px", &self.butt_px.to_array())?;
        out.serialize_field("confidence", &self.confidence)?;
        out.end()
    }
}
