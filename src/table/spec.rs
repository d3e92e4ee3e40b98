//! Named table models: sizes from the WPA rules and, for snooker and carom, the usual makers' sheets.

use serde::{Deserialize, Serialize};

use super::balls::{BallSet, BallSpec};

/// Opening and shape of one kind of pocket (corner or side).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PocketShape {
    /// Mouth between the two noses, metres.
    pub mouth_m: f64,
    /// Angle by which a jaw opens beyond 45° (corner) or 0° (side), degrees.
    pub jaw_angle_deg: f64,
    /// Radius of the rounded jaw where nose turns into pocket facing, metres.
    pub jaw_radius_m: f64,
    /// Radius of the hole, metres.
    pub hole_radius_m: f64,
    /// Distance of the hole's centre behind the corner of the nose lines (corner)
    /// or behind the nose line (side), metres.
    pub depth_m: f64,
}

/// A table model: everything that is fixed before a camera looks at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSpec {
    /// The name used in settings and replies, `pool-9ft`.
    pub name: String,
    /// Nose to nose along the long side, metres.
    pub length_m: f64,
    /// Nose to nose along the short side, metres.
    pub width_m: f64,
    /// Height of the cushion nose above the cloth, metres.
    pub nose_height_m: f64,
    /// Width of cloth-covered cushion between nose and wooden rail, metres.
    pub cushion_width_m: f64,
    /// Width of the wooden rail outside the cushion, metres.
    pub rail_width_m: f64,
    /// Corner pockets, none on a carom table.
    pub corner: Option<PocketShape>,
    /// Side pockets, none on a carom table.
    pub side: Option<PocketShape>,
    /// The balls' size and mass.
    pub ball: BallSpec,
    /// The set of balls.
    pub ball_set: BallSet,
}

/// A table name that stands for no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown table `{0}`; known tables are {known}", known = TableSpec::NAMES.join(", "))]
pub struct UnknownTable(pub String);

impl TableSpec {
    /// Every name [`TableSpec::named`] knows.
    pub const NAMES: [&'static str; 5] = ["pool-9ft", "pool-8ft", "pool-7ft", "snooker-12ft", "carom-10ft"];

    /// The table with this name.
    ///
    /// # Errors
    /// [`UnknownTable`] when there is none; the message lists the names.
    pub fn named(name: &str) -> Result<Self, UnknownTable> {
        match name {
            "pool-9ft" => Ok(Self::pool(name, 2.54, 1.27)),
            "pool-8ft" => Ok(Self::pool(name, 2.2352, 1.1176)),
            "pool-7ft" => Ok(Self::pool(name, 1.9812, 0.9906)),
            "snooker-12ft" => Ok(Self::snooker()),
            "carom-10ft" => Ok(Self::carom()),
            other => Err(UnknownTable(other.to_owned())),
        }
    }

    /// The tournament pool table.
    #[must_use]
    pub fn pool_9ft() -> Self {
        Self::pool("pool-9ft", 2.54, 1.27)
    }

    fn pool(name: &str, length_m: f64, width_m: f64) -> Self {
        Self {
            name: name.to_owned(),
            length_m,
            width_m,
            nose_height_m: 0.64 * 2.0 * BallSpec::POOL.radius_m,
            cushion_width_m: 0.0508,
            rail_width_m: 0.13,
            corner: Some(PocketShape {
                mouth_m: 0.118,
                jaw_angle_deg: 5.3,
                jaw_radius_m: 0.02095,
                hole_radius_m: 0.062,
                depth_m: 0.0417,
            }),
            side: Some(PocketShape {
                mouth_m: 0.137,
                jaw_angle_deg: 7.14,
                jaw_radius_m: 0.00795,
                hole_radius_m: 0.0645,
                depth_m: 0.0685,
            }),
            ball: BallSpec::POOL,
            ball_set: BallSet::Pool,
        }
    }

    fn snooker() -> Self {
        Self {
            name: "snooker-12ft".to_owned(),
            length_m: 3.5445,
            width_m: 1.7465,
            nose_height_m: 0.028,
            cushion_width_m: 0.0508,
            rail_width_m: 0.13,
            corner: Some(PocketShape {
                mouth_m: 0.083,
                jaw_angle_deg: 0.0,
                jaw_radius_m: 0.08,
                hole_radius_m: 0.0445,
                depth_m: 0.0417,
            }),
            side: Some(PocketShape {
                mouth_m: 0.087,
                jaw_angle_deg: 0.0,
                jaw_radius_m: 0.05,
                hole_radius_m: 0.0445,
                depth_m: 0.0685,
            }),
            ball: BallSpec::SNOOKER,
            ball_set: BallSet::Snooker,
        }
    }

    fn carom() -> Self {
        Self {
            name: "carom-10ft".to_owned(),
            length_m: 2.84,
            width_m: 1.42,
            nose_height_m: 0.037,
            cushion_width_m: 0.0508,
            rail_width_m: 0.13,
            corner: None,
            side: None,
            ball: BallSpec::CAROM,
            ball_set: BallSet::Carom,
        }
    }

    /// Half the length, metres: the nose of the foot cushion lies at +this.
    #[must_use]
    pub fn half_length_m(&self) -> f64 {
        self.length_m / 2.0
    }

    /// Half the width, metres: the nose of the left cushion lies at +this.
    #[must_use]
    pub fn half_width_m(&self) -> f64 {
        self.width_m / 2.0
    }

    /// True where a ball of this table may rest with its centre at (x, y), cushions considered.
    #[must_use]
    pub fn holds_ball_at(&self, x: f64, y: f64) -> bool {
        let r = self.ball.radius_m;
        x.abs() <= self.half_length_m() - r && y.abs() <= self.half_width_m() - r
    }
}
