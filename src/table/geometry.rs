//! Noses, jaws and pockets of a table as lines and circles in the table frame.

use serde::{Deserialize, Serialize};

use super::spec::{PocketShape, TableSpec};
use crate::units::Vec2;

/// One of the six pockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PocketId {
    /// Head end, left side.
    HeadLeft,
    /// Middle of the left side.
    SideLeft,
    /// Foot end, left side.
    FootLeft,
    /// Head end, right side.
    HeadRight,
    /// Middle of the right side.
    SideRight,
    /// Foot end, right side.
    FootRight,
}

impl PocketId {
    /// All six, in the order of the enum.
    pub const ALL: [Self; 6] = [
        Self::HeadLeft,
        Self::SideLeft,
        Self::FootLeft,
        Self::HeadRight,
        Self::SideRight,
        Self::FootRight,
    ];

    /// Signs of (x, y) of the pocket: −1, 0, +1.
    #[must_use]
    pub const fn signs(self) -> (f64, f64) {
        match self {
            Self::HeadLeft => (-1.0, 1.0),
            Self::SideLeft => (0.0, 1.0),
            Self::FootLeft => (1.0, 1.0),
            Self::HeadRight => (-1.0, -1.0),
            Self::SideRight => (0.0, -1.0),
            Self::FootRight => (1.0, -1.0),
        }
    }

    /// The name used in every interface, `foot_left`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeadLeft => "head_left",
            Self::SideLeft => "side_left",
            Self::FootLeft => "foot_left",
            Self::HeadRight => "head_right",
            Self::SideRight => "side_right",
            Self::FootRight => "foot_right",
        }
    }

    /// True for the two pockets in the middle of the long sides.
    #[must_use]
    pub const fn is_side(self) -> bool {
        matches!(self, Self::SideLeft | Self::SideRight)
    }
}

/// A straight piece of cushion: a nose line or a pocket facing. The playing side
/// lies on the side `normal` points to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// One end, metres.
    pub a: Vec2,
    /// The other end, metres.
    pub b: Vec2,
    /// Unit normal toward the playing surface.
    pub normal: Vec2,
}

/// A rounded jaw: a circle the ball may touch from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    /// Centre, metres.
    pub centre: Vec2,
    /// Radius, metres.
    pub radius: f64,
}

/// The hole of a pocket. A ball whose centre enters the circle is pocketed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PocketCircle {
    /// Which pocket.
    pub id: PocketId,
    /// Centre, metres.
    pub centre: Vec2,
    /// Radius, metres.
    pub radius: f64,
}

/// Everything a ball can touch or fall into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    /// The straight noses between jaws.
    pub noses: Vec<Segment>,
    /// The facings that lead into the pockets.
    pub facings: Vec<Segment>,
    /// The rounded jaws.
    pub jaws: Vec<Arc>,
    /// The holes.
    pub pockets: Vec<PocketCircle>,
}

impl Geometry {
    /// The geometry of `spec`. Jaw construction: an arc of the jaw's radius touches the
    /// nose line and the facing, which opens by the jaw angle.
    #[must_use]
    pub fn of(spec: &TableSpec) -> Self {
        let (hl, hw) = (spec.half_length_m(), spec.half_width_m());
        let (Some(corner), Some(side)) = (spec.corner, spec.side) else {
            return Self {
                noses: vec![
                    nose(Vec2::new(-hl, -hw), Vec2::new(-hl, hw)),
                    nose(Vec2::new(hl, -hw), Vec2::new(hl, hw)),
                    nose(Vec2::new(-hl, -hw), Vec2::new(hl, -hw)),
                    nose(Vec2::new(-hl, hw), Vec2::new(hl, hw)),
                ],
                ..Self::default()
            };
        };
        let mut geometry = Self::default();
        let corner_cut = corner.mouth_m / std::f64::consts::SQRT_2;
        let corner_jaw = Jaw::corner(&corner, spec.cushion_width_m);
        let side_jaw = Jaw::side(&side, spec.cushion_width_m);

        // Short cushions, head and foot: both ends lead into corner pockets.
        for sx in [-1.0, 1.0] {
            let end = hw - corner_cut;
            for sy in [-1.0, 1.0] {
                geometry.add_jaw(
                    &corner_jaw,
                    Vec2::new(sx * hl, sy * end),
                    Vec2::new(0.0, sy),
                    Vec2::new(sx, 0.0),
                );
            }
            let reach = end - corner_jaw.tangent_m;
            geometry
                .noses
                .push(nose(Vec2::new(sx * hl, -reach), Vec2::new(sx * hl, reach)));
        }
        // Long cushions: two a side, from a corner pocket to the side pocket.
        for sy in [-1.0, 1.0] {
            for sx in [-1.0, 1.0] {
                let corner_end = hl - corner_cut;
                let side_end = side.mouth_m / 2.0;
                let into = Vec2::new(0.0, sy);
                geometry.add_jaw(
                    &corner_jaw,
                    Vec2::new(sx * corner_end, sy * hw),
                    Vec2::new(sx, 0.0),
                    into,
                );
                geometry.add_jaw(
                    &side_jaw,
                    Vec2::new(sx * side_end, sy * hw),
                    Vec2::new(-sx, 0.0),
                    into,
                );
                geometry.noses.push(nose(
                    Vec2::new(sx * (side_end + side_jaw.tangent_m), sy * hw),
                    Vec2::new(sx * (corner_end - corner_jaw.tangent_m), sy * hw),
                ));
            }
        }
        for id in PocketId::ALL {
            let (sx, sy) = id.signs();
            let (centre, radius) = if id.is_side() {
                (
                    Vec2::new(0.0, sy * (hw + side.side_depth_m())),
                    side.hole_radius_m,
                )
            } else {
                let back = corner.corner_depth_m() / std::f64::consts::SQRT_2;
                (
                    Vec2::new(sx * (hl + back), sy * (hw + back)),
                    corner.hole_radius_m,
                )
            };
            geometry.pockets.push(PocketCircle { id, centre, radius });
        }
        geometry.close_gaps();
        geometry
    }

    /// Lengthens facings that end before the hole they lead to, so that nothing rolls round them.
    fn close_gaps(&mut self) {
        /// No ball fits through less, metres. (The side facings of the reference tables end 0.1 mm
        /// before their holes.)
        const NO_GAP_M: f64 = 5e-3;
        for facing in &mut self.facings {
            let away = |pocket: &&PocketCircle| pocket.centre.distance(facing.b) - pocket.radius;
            let Some(hole) = self.pockets.iter().min_by(|p, q| away(p).total_cmp(&away(q))) else {
                continue;
            };
            if away(&hole) <= NO_GAP_M {
                continue;
            }
            let along = (facing.b - facing.a).normalize_or_zero();
            let ahead = (hole.centre - facing.b).dot(along);
            let beside = (hole.centre - facing.b).perp_dot(along);
            // To where the facing's line enters the hole, or passes nearest to it.
            let half_chord = (hole.radius * hole.radius - beside * beside).max(0.0).sqrt();
            facing.b += along * (ahead - half_chord).max(0.0);
        }
    }

    /// The pocket with this name, if the table has pockets.
    #[must_use]
    pub fn pocket(&self, id: PocketId) -> Option<&PocketCircle> {
        self.pockets.iter().find(|p| p.id == id)
    }

    fn add_jaw(&mut self, jaw: &Jaw, corner_point: Vec2, toward_pocket: Vec2, outward: Vec2) {
        let centre = corner_point - toward_pocket * jaw.tangent_m + outward * jaw.radius_m;
        self.jaws.push(Arc {
            centre,
            radius: jaw.radius_m,
        });
        // The facing leaves along `direction`: toward the pocket by the sine, outward by the cosine.
        let direction = toward_pocket * jaw.lean_sin + outward * jaw.lean_cos;
        let a = corner_point + direction * jaw.tangent_m;
        let b = corner_point + toward_pocket * jaw.reach_m + outward * jaw.depth_m;
        let along = (b - a).normalize_or_zero();
        let across = along.perp();
        let normal = if across.dot(toward_pocket) < 0.0 {
            -across
        } else {
            across
        };
        self.facings.push(Segment { a, b, normal });
    }
}

/// One jaw in its own terms: how far the arc's tangent points lie from the sharp corner.
pub(super) struct Jaw {
    radius_m: f64,
    pub(super) tangent_m: f64,
    depth_m: f64,
    /// How far the facing's inner end has moved toward the pocket's middle.
    pub(super) reach_m: f64,
    lean_sin: f64,
    pub(super) lean_cos: f64,
}

impl Jaw {
    pub(super) fn corner(shape: &PocketShape, depth_m: f64) -> Self {
        let lean_deg = 45.0 + shape.jaw_angle_deg;
        Self::with_lean(
            shape,
            depth_m,
            lean_deg,
            depth_m * libm::tan(lean_deg.to_radians()),
        )
    }

    pub(super) fn side(shape: &PocketShape, depth_m: f64) -> Self {
        // The reference tables place the inner end of a side facing by the sine of its
        // angle, 0.05 mm short of the straight continuation; kept so that results compare.
        let reach_m = depth_m * libm::sin(shape.jaw_angle_deg.to_radians());
        Self::with_lean(shape, depth_m, shape.jaw_angle_deg, reach_m)
    }

    /// `lean_deg`: angle between the facing and the cushion's outward normal, measured
    /// away from the pocket's middle (a facing opens toward the table).
    fn with_lean(shape: &PocketShape, depth_m: f64, lean_deg: f64, reach_m: f64) -> Self {
        let half = ((90.0 + lean_deg) / 2.0).to_radians();
        let (lean_sin, lean_cos) = libm::sincos(lean_deg.to_radians());
        Self {
            radius_m: shape.jaw_radius_m,
            tangent_m: shape.jaw_radius_m / libm::tan(half),
            depth_m,
            reach_m,
            lean_sin,
            lean_cos,
        }
    }
}

fn nose(a: Vec2, b: Vec2) -> Segment {
    let along = (b - a).normalize_or_zero();
    let mut normal = along.perp();
    // The origin lies on the playing side of every nose.
    if normal.dot(a) > 0.0 {
        normal = -normal;
    }
    Segment { a, b, normal }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Vec2, x: f64, y: f64) -> bool {
        (a - Vec2::new(x, y)).length() < 1e-9
    }

    /// Reference points of the 9-ft table of the reference shots (pooltool 0.6 geometry).
    #[test]
    fn nine_foot_table_matches_published_geometry() {
        let g = Geometry::of(&TableSpec::reference_9ft());
        assert_eq!(
            (g.noses.len(), g.facings.len(), g.jaws.len(), g.pockets.len()),
            (6, 12, 12, 6)
        );
        let has_nose = |x: f64, y: f64| g.noses.iter().any(|s| close(s.a, x, y) || close(s.b, x, y));
        assert!(has_nose(0.075_516_269_231, 0.635));
        assert!(has_nose(1.178_998_277_212, -0.635));
        assert!(has_nose(1.27, 0.543_998_277_212));
        let facing = |x: f64, y: f64| g.facings.iter().any(|s| close(s.a, x, y) || close(s.b, x, y));
        assert!(facing(1.247_750_295_573, 0.6858) && facing(1.192_380_462_989, 0.639_831_079_322));
        assert!(facing(0.062_185_853_373, 0.6858) && facing(0.067_627_918_254, 0.641_961_860_912));
        assert!(
            g.jaws
                .iter()
                .any(|a| close(a.centre, 1.290_95, -0.543_998_277_212))
        );
        let p = g.pocket(PocketId::FootLeft).map(|p| p.centre);
        assert!(p.is_some_and(|c| close(c, 1.299_486_352_775, 0.664_486_352_775)));
    }

    #[test]
    fn normals_point_to_the_playing_side() {
        let g = Geometry::of(&TableSpec::pool_9ft());
        for s in g.noses.iter().chain(&g.facings) {
            let middle = (s.a + s.b) / 2.0;
            let toward = if g.noses.contains(s) {
                -middle
            } else {
                // Nearest pocket's centre line lies on the open side of a facing.
                let nearest = g
                    .pockets
                    .iter()
                    .min_by(|p, q| p.centre.distance(middle).total_cmp(&q.centre.distance(middle)));
                nearest.map_or(Vec2::ZERO, |p| p.centre) - middle
            };
            assert!(s.normal.dot(toward) > 0.0, "{s:?}");
            assert!((s.normal.length() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn carom_table_has_no_pockets() {
        let spec = TableSpec::named("carom-10ft").unwrap();
        let g = Geometry::of(&spec);
        assert!(g.pockets.is_empty() && g.jaws.is_empty() && g.noses.len() == 4);
    }
}
