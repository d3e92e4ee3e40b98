//! What one frame shows.

use std::time::Instant;

use serde::Serialize;

use crate::calibration::CameraModel;
use crate::physics::CueStrike;
use crate::table::{BallKind, Group, PocketId};
use crate::units::{ImageSize, Vec2};
use crate::vision::cue_line::CueLine;
use crate::vision::hidden::Hidden;
use crate::vision::look::Look;
use crate::vision::naming::Odds;

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
    /// Colour of the cloth, sRGB as the camera gives it, of all of the table the median; `None` where no table was found.
    pub cloth_srgb: Option<[u8; 3]>,
    /// Where hands, heads, triangles and the like keep balls from being seen.
    pub hidden: Hidden,
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
    /// How sure the position is, m². What the calibration is off by is not in it.
    pub covariance_m2: Covariance,
    /// Group and number.
    pub kind: BallKind,
    /// That it is a ball, 0..1.
    pub confidence: f64,
    /// That the group is right, 0..1.
    pub group_confidence: f64,
    /// What this one look says about every kind of ball.
    pub odds: Odds,
    /// What it looks like.
    pub look: Look,
}

/// Covariance of a place on a plane, in its unit squared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Covariance {
    /// Variance along x.
    pub xx: f64,
    /// Covariance of x and y.
    pub xy: f64,
    /// Variance along y.
    pub yy: f64,
}

impl Covariance {
    /// The same standard deviation in every direction.
    #[must_use]
    pub fn round(sigma: f64) -> Self {
        Self {
            xx: sigma * sigma,
            xy: 0.0,
            yy: sigma * sigma,
        }
    }

    /// Standard deviation per axis, the mean of both.
    #[must_use]
    pub fn sigma(self) -> f64 {
        (0.5 * (self.xx + self.yy)).max(0.0).sqrt()
    }

    /// The covariance after a map whose derivative by x is `x` and by y is `y`.
    #[must_use]
    pub fn mapped(self, x: Vec2, y: Vec2) -> Self {
        let (first, second) = (Vec2::new(x.x, y.x), Vec2::new(x.y, y.y));
        Self {
            xx: quadratic(self, first, first),
            xy: quadratic(self, first, second),
            yy: quadratic(self, second, second),
        }
    }

    /// Square of an offset in standard deviations (Mahalanobis); 2 on the average for what fits.
    #[must_use]
    pub fn squared(self, off: Vec2) -> f64 {
        let determinant = (self.xx * self.yy - self.xy * self.xy).max(1e-300);
        (self.yy * off.x * off.x - 2.0 * self.xy * off.x * off.y + self.xx * off.y * off.y) / determinant
    }
}

/// `a`ᵀ C `b`.
fn quadratic(c: Covariance, a: Vec2, b: Vec2) -> f64 {
    a.x * (c.xx * b.x + c.xy * b.y) + a.y * (c.xy * b.x + c.yy * b.y)
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
    /// Where it can be in space.
    pub line: Option<CueLine>,
    /// It lies on the cloth or along a rail: nobody aims with it.
    pub lying: bool,
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
    /// The stroke that set the balls rolling, as long as they do.
    pub stroke: Option<TrueStroke>,
    /// Balls that have been pocketed, in order.
    pub pocketed: Vec<(BallKind, PocketId)>,
    /// What happened since the frame before, in order of time.
    pub events: Vec<TrueEvent>,
}

/// Something that really happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueEvent {
    /// How long before the frame was taken, seconds.
    pub ago_s: f64,
    /// What.
    pub what: TrueHappening,
    /// By how much it changed a velocity, m/s: of two balls the one that changed more.
    pub change_m_s: f64,
}

/// What can happen to balls, told by their [`TrueBall::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrueHappening {
    /// The tip met a ball.
    Struck(u32),
    /// Two balls met.
    Contact(u32, u32),
    /// A ball met a cushion, a facing or a jaw.
    Cushion(u32),
    /// A pocket has a ball.
    Pocketed(u32, PocketId),
    /// The last ball has come to rest.
    AtRest,
}

/// A ball's true place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueBall {
    /// Which of the set, however many look like it; the same when it is put back.
    pub id: u32,
    /// What kind of ball.
    pub kind: BallKind,
    /// Centre on the table when its own rows of the picture were exposed, metres.
    pub position_m: Vec2,
    /// Velocity at that moment, m/s.
    pub velocity_m_s: Vec2,
    /// How much later than the middle row its own rows were exposed, seconds.
    pub row_s: f64,
    /// Share of its disc that no cue, no thing and no nearer ball covers, 0..1.
    pub visible: f64,
}

/// The cue's true place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueCue {
    /// Tip on the table, metres.
    pub tip_m: Vec2,
    /// Height of the middle of the tip above the cloth, metres.
    pub tip_height_m: f64,
    /// Unit direction of the shot.
    pub direction: Vec2,
    /// How far the butt end is raised, radians.
    pub elevation: f64,
    /// Length of it that the picture shows over the bed, not hidden by hands and the like, metres.
    pub shown_m: f64,
}

/// A stroke as it really was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueStroke {
    /// Time from the impact to the frame, seconds.
    pub ago_s: f64,
    /// How the stick met the ball.
    pub strike: CueStrike,
}

/// The shape of `analyze --json`.
impl Serialize for BallSeen {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut out = s.serialize_struct("ball", 8)?;
        out.serialize_field("center_px", &self.center_px.to_array())?;
        out.serialize_field("radius_px", &self.radius_px)?;
        out.serialize_field("position", &self.position_m.map(|p| p.to_array()))?;
        out.serialize_field("covariance_m2", &self.position_m.map(|_| self.covariance_m2))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covariance_follows_a_map_and_measures_offsets() {
        let c = Covariance {
            xx: 4.0,
            xy: 1.0,
            yy: 1.0,
        };
        // Turned by a quarter, both axes doubled.
        let turned = c.mapped(Vec2::new(0.0, 2.0), Vec2::new(-2.0, 0.0));
        assert_eq!(
            turned,
            Covariance {
                xx: 4.0,
                xy: -4.0,
                yy: 16.0
            }
        );
        // The same offset is as many standard deviations before as after.
        let off = Vec2::new(0.7, -0.4);
        let after = Vec2::new(-2.0 * off.y, 2.0 * off.x);
        assert!((c.squared(off) - turned.squared(after)).abs() < 1e-12);
        assert_eq!(Covariance::round(0.5).squared(Vec2::new(0.5, 0.5)), 2.0);
        assert_eq!(Covariance::round(0.5).sigma(), 0.5);
    }
}
