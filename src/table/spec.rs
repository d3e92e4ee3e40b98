//! Named table models: sizes from the WPA rules and, for snooker and carom, the usual makers' sheets.

use serde::{Deserialize, Serialize};

use super::balls::{BallSet, BallSpec};
use super::parameters::Parameters;

/// Opening and shape of one kind of pocket (corner or side).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PocketShape {
    /// Mouth between the two noses, metres.
    pub mouth_m: f64,
    /// Angle by which a jaw opens beyond 45° (corner) or 0° (side), degrees: the cut angle of
    /// the rules less 135° (corner) or 90° (side).
    pub jaw_angle_deg: f64,
    /// Radius of the rounded jaw where nose turns into pocket facing, metres.
    pub jaw_radius_m: f64,
    /// Radius of the hole, metres.
    pub hole_radius_m: f64,
    /// Shelf: slate between the middle of the mouth and the edge of the hole, metres.
    pub shelf_m: f64,
}

impl PocketShape {
    /// Distance of a corner hole's centre behind the corner of the nose lines, metres.
    #[must_use]
    pub fn corner_depth_m(&self) -> f64 {
        self.shelf_m + self.hole_radius_m - self.mouth_m / 2.0
    }

    /// Distance of a side hole's centre behind the nose line, metres.
    #[must_use]
    pub fn side_depth_m(&self) -> f64 {
        self.shelf_m + self.hole_radius_m
    }

    /// The same pocket with the hole's centre this far behind the corner of the nose lines.
    #[must_use]
    pub fn with_corner_depth(self, depth_m: f64) -> Self {
        Self {
            shelf_m: depth_m - self.hole_radius_m + self.mouth_m / 2.0,
            ..self
        }
    }

    /// The same pocket with the hole's centre this far behind the nose line.
    #[must_use]
    pub fn with_side_depth(self, depth_m: f64) -> Self {
        Self {
            shelf_m: depth_m - self.hole_radius_m,
            ..self
        }
    }

    /// The corner pocket of the rules (WPA Tables & Equipment, middle of what is allowed): mouth
    /// 4.5–4.625 in, cut 142°, shelf 1–2.25 in. Jaw radius and hole as in pooltool's tables.
    pub const WPA_CORNER: Self = Self {
        mouth_m: 0.1159,
        jaw_angle_deg: 7.0,
        jaw_radius_m: 0.02095,
        hole_radius_m: 0.062,
        shelf_m: 0.0387,
    };

    /// The side pocket of the rules: mouth 5–5.125 in, cut 104°, shelf 0–0.375 in.
    pub const WPA_SIDE: Self = Self {
        mouth_m: 0.1286,
        jaw_angle_deg: 14.0,
        jaw_radius_m: 0.00795,
        hole_radius_m: 0.0645,
        shelf_m: 0.004,
    };

    /// The corner pocket of a 7-ft bar table (Showood, measures of pooltool 0.6.0).
    pub const BAR_CORNER: Self = Self {
        mouth_m: 0.118,
        jaw_angle_deg: 5.3,
        jaw_radius_m: 0.02095,
        hole_radius_m: 0.062,
        shelf_m: 0.0387,
    };

    /// The side pocket of a 7-ft bar table (Showood, measures of pooltool 0.6.0).
    pub const BAR_SIDE: Self = Self {
        mouth_m: 0.137,
        jaw_angle_deg: 7.14,
        jaw_radius_m: 0.00795,
        hole_radius_m: 0.0645,
        shelf_m: 0.004,
    };
}

/// A table model: everything that is fixed before a camera looks at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSpec {
    /// The name used in settings and replies, `pool-9ft`; of a table that differs from the model
    /// of that name, `pool-9ft, custom`.
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
    /// Mass of the cue ball, kilograms: more than the others' on many a coin table.
    pub cue_ball_mass_kg: f64,
    /// The set of balls.
    pub ball_set: BallSet,
    /// How cloth, cushions, pockets and balls play.
    pub physics: Parameters,
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
            "pool-9ft" => Ok(Self::pool_9ft()),
            // 92 × 46 in (WPA).
            "pool-8ft" => Ok(Self::pool(
                name,
                2.3368,
                PocketShape::WPA_CORNER,
                PocketShape::WPA_SIDE,
            )),
            // 78 × 39 in, no size of the rules but the usual one of bars.
            "pool-7ft" => Ok(Self::pool(
                name,
                1.9812,
                PocketShape::BAR_CORNER,
                PocketShape::BAR_SIDE,
            )),
            "snooker-12ft" => Ok(Self::snooker()),
            "carom-10ft" => Ok(Self::carom()),
            other => Err(UnknownTable(other.to_owned())),
        }
    }

    /// The tournament pool table: 100 × 50 in (WPA).
    #[must_use]
    pub fn pool_9ft() -> Self {
        Self::pool("pool-9ft", 2.54, PocketShape::WPA_CORNER, PocketShape::WPA_SIDE)
    }

    /// The table of the reference shots: 9 ft long with the pockets of a bar table, and
    /// [`Parameters::REFERENCE`].
    #[must_use]
    pub fn reference_9ft() -> Self {
        Self {
            physics: Parameters::REFERENCE,
            ..Self::pool(
                "reference-9ft",
                2.54,
                PocketShape::BAR_CORNER.with_corner_depth(0.0417),
                PocketShape::BAR_SIDE.with_side_depth(0.0685),
            )
        }
    }

    fn pool(name: &str, length_m: f64, corner: PocketShape, side: PocketShape) -> Self {
        Self {
            name: name.to_owned(),
            length_m,
            width_m: length_m / 2.0,
            nose_height_m: 0.64 * 2.0 * BallSpec::POOL.radius_m,
            cushion_width_m: 0.0508,
            rail_width_m: 0.13,
            corner: Some(corner),
            side: Some(side),
            ball: BallSpec::POOL,
            cue_ball_mass_kg: BallSpec::POOL.mass_kg,
            ball_set: BallSet::Pool,
            physics: Parameters::of_set(BallSet::Pool, BallSpec::POOL.mass_kg),
        }
    }

    fn snooker() -> Self {
        Self {
            name: "snooker-12ft".to_owned(),
            // Between the cushion faces (WPBSA): 11 ft 8½ in × 5 ft 10 in.
            length_m: 3.569,
            width_m: 1.778,
            nose_height_m: 0.028,
            cushion_width_m: 0.0508,
            rail_width_m: 0.13,
            corner: Some(PocketShape {
                mouth_m: 0.083,
                jaw_angle_deg: 0.0,
                jaw_radius_m: 0.08,
                hole_radius_m: 0.0445,
                shelf_m: 0.0387,
            }),
            side: Some(PocketShape {
                mouth_m: 0.087,
                jaw_angle_deg: 0.0,
                jaw_radius_m: 0.05,
                hole_radius_m: 0.0445,
                shelf_m: 0.024,
            }),
            ball: BallSpec::SNOOKER,
            cue_ball_mass_kg: BallSpec::SNOOKER.mass_kg,
            ball_set: BallSet::Snooker,
            physics: Parameters::of_set(BallSet::Snooker, BallSpec::SNOOKER.mass_kg),
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
            cue_ball_mass_kg: BallSpec::CAROM.mass_kg,
            ball_set: BallSet::Carom,
            physics: Parameters::of_set(BallSet::Carom, BallSpec::CAROM.mass_kg),
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
