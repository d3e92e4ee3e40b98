//! The table as a solid: what a ray from the camera hits.

use glam::Vec2;

use super::{Point, texture, view};
use crate::table::{Geometry, TableSpec};

/// Everything that does not move.
pub(super) struct Furniture {
    /// Half the playing surface, nose to nose.
    pub(super) half: Vec2,
    nose_height: f32,
    rail_height: f32,
    /// Half the rectangle where cushions end and rails begin.
    pub(super) inner: Vec2,
    outer: Vec2,
    rail_width: f32,
    cushions: Vec<Cushion>,
    holes: Vec<Hole>,
    has_pockets: bool,
    seed: u32,
}

/// What a ray has hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Material {
    /// The playing surface.
    Cloth,
    /// The top of a cushion.
    CushionTop,
    /// The undercut face below a nose.
    CushionFace,
    /// The wooden rail.
    Rail,
    /// A sight in the rail.
    Diamond,
    /// The metal casting around a corner pocket.
    Casting,
    /// The rim of a pocket.
    Rim,
    /// The inside of a pocket.
    Hole,
    /// The floor around the table.
    Floor,
}

impl Material {
    /// One look per pixel is enough away from its edges.
    pub(super) fn is_smooth(self) -> bool {
        matches!(
            self,
            Self::Cloth | Self::Floor | Self::Hole | Self::CushionTop | Self::CushionFace
        )
    }
}

/// Where a ray ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) at: Point,
    pub(super) normal: Point,
    pub(super) material: Material,
}

/// A straight cushion with its two ends.
struct Cushion {
    start: Vec2,
    /// Toward the playing surface.
    normal: Vec2,
    ends: Vec<CushionEnd>,
}

/// Facing and rounded jaw at one end of a cushion.
struct CushionEnd {
    facing_start: Vec2,
    facing_normal: Vec2,
    facing_along: Vec2,
    jaw: Vec2,
    jaw_radius: f32,
    /// Along the nose, toward the pocket.
    outward: Vec2,
}

struct Hole {
    centre: Vec2,
    radius: f32,
}

/// How far the cushion's face stands back at the cloth, per metre of nose height.
const UNDERCUT: f32 = 0.6;
/// Radius of the rounded nose and of the rails' outer edge, metres.
const NOSE_ROUND: f32 = 0.0035;
const EDGE_ROUND: f32 = 0.012;
/// Radius of the table's outer corners in plan view, metres.
const CORNER_ROUND: f32 = 0.06;
/// The floor below the cloth, metres; the bottom of a pocket.
const FLOOR: f32 = -0.80;
const POCKET_DEPTH: f32 = 0.10;
/// Width of the rim around a pocket, metres.
const RIM: f32 = 0.016;

impl Furniture {
    /// A table of this model; `seed` is what its maker was off by.
    pub(super) fn of(table: &TableSpec, seed: u32) -> Self {
        let geometry = Geometry::of(table);
        let ends: Vec<CushionEnd> = geometry
            .facings
            .iter()
            .zip(&geometry.jaws)
            .map(|(facing, jaw)| CushionEnd {
                facing_start: facing.a.as_vec2(),
                facing_normal: facing.normal.as_vec2(),
                facing_along: (facing.b - facing.a).normalize_or_zero().as_vec2(),
                jaw: jaw.centre.as_vec2(),
                jaw_radius: jaw.radius as f32,
                outward: Vec2::ZERO,
            })
            .collect();
        let cushions = geometry
            .noses
            .iter()
            .map(|nose| {
                let (a, b) = (nose.a.as_vec2(), nose.b.as_vec2());
                let along = (b - a).normalize_or_zero();
                let end = |tip: Vec2, outward: Vec2| {
                    // The jaw that belongs to this end touches the nose line exactly here.
                    ends.iter()
                        .min_by(|p, q| {
                            let miss = |e: &CushionEnd| (e.jaw.distance(tip) - e.jaw_radius).abs();
                            miss(p).total_cmp(&miss(q))
                        })
                        .map(|e| CushionEnd { outward, ..*e })
                };
                Cushion {
                    start: a,
                    normal: nose.normal.as_vec2(),
                    ends: [end(a, -along), end(b, along)].into_iter().flatten().collect(),
                }
            })
            .collect();
        let half = Vec2::new(table.half_length_m() as f32, table.half_width_m() as f32);
        let inner = half + Vec2::splat(table.cushion_width_m as f32);
        Self {
            half,
            nose_height: table.nose_height_m as f32,
            rail_height: view::rail_height_m(table) as f32,
            inner,
            outer: inner + Vec2::splat(table.rail_width_m as f32),
            rail_width: table.rail_width_m as f32,
            cushions,
            holes: geometry
                .pockets
                .iter()
                .map(|p| Hole {
                    centre: p.centre.as_vec2(),
                    radius: p.radius as f32,
                })
                .collect(),
            has_pockets: !geometry.pockets.is_empty(),
            seed,
        }
    }

    /// What the ray from `eye` through `cloth` (its point on the plane z = 0) hits.
    pub(super) fn hit(&self, eye: Point, cloth: Vec2) -> Hit {
        let top = self.rail_height + 0.001;
        let at = |z: f32| cloth + (eye.truncate() - cloth) * (z / eye.z);
        let high = at(top);
        let inside = |p: Vec2, half: Vec2| p.x.abs() < half.x && p.y.abs() < half.y;
        // Most rays meet nothing on their way down to the cloth or past the table.
        if inside(cloth, self.half) && inside(high, self.half) && self.hole_at(cloth).is_none() {
            return Hit {
                at: cloth.extend(0.0),
                normal: Point::Z,
                material: Material::Cloth,
            };
        }
        if !inside(cloth, self.outer) && !inside(high, self.outer) {
            return self.floor(eye, cloth);
        }
        const STEPS: u16 = 40;
        let mut above = top;
        for step in 0..=STEPS {
            let z = top * (1.0 - f32::from(step) / f32::from(STEPS));
            if self.solid(at(z), z) {
                let mut below = z;
                for _ in 0..7 {
                    let middle = 0.5 * (above + below);
                    if self.solid(at(middle), middle) {
                        below = middle;
                    } else {
                        above = middle;
                    }
                }
                return self.surface(at(below), below, at(above));
            }
            above = z;
        }
        if let Some(hole) = self.hole_at(cloth) {
            return Self::inside_hole(hole, eye, cloth);
        }
        if inside(cloth, self.outer) {
            return Hit {
                at: cloth.extend(0.0),
                normal: Point::Z,
                material: Material::Cloth,
            };
        }
        self.floor(eye, cloth)
    }

    /// Signed distance to the nearest cushion in plan view; far from all, a quick lower bound.
    pub(super) fn to_cushion(&self, p: Vec2) -> f32 {
        let room = (self.half - p.abs()).min_element();
        if room > 0.12 { room } else { self.cushion(p).0 }
    }

    /// Signed distance (negative inside) to the nearest cushion in plan view, and the
    /// direction away from it.
    pub(super) fn cushion(&self, p: Vec2) -> (f32, Vec2) {
        let mut best = (f32::MAX, Vec2::ZERO);
        for cushion in &self.cushions {
            let found = cushion.distance(p);
            if found.0 < best.0 {
                best = found;
            }
        }
        best
    }

    /// Height of the noses, metres.
    pub(super) fn nose_height(&self) -> f32 {
        self.nose_height
    }

    /// Distance outside the rails in plan view, metres; negative inside.
    pub(super) fn beyond_rails(&self, p: Vec2) -> f32 {
        let d = p.abs() - self.outer + Vec2::splat(CORNER_ROUND);
        if d.x > 0.0 && d.y > 0.0 {
            d.length() - CORNER_ROUND
        } else {
            d.x.max(d.y) - CORNER_ROUND
        }
    }

    /// Distance to the edge of the nearest pocket's hole in plan view, metres.
    pub(super) fn beyond_hole(&self, p: Vec2) -> f32 {
        self.holes
            .iter()
            .map(|h| p.distance(h.centre) - h.radius)
            .fold(f32::MAX, f32::min)
    }

    /// Whether a rail point belongs to a rail that runs along x.
    pub(super) fn runs_along_x(&self, p: Vec2) -> bool {
        p.y.abs() - self.half.y > p.x.abs() - self.half.x
    }

    fn hole_at(&self, p: Vec2) -> Option<&Hole> {
        self.holes
            .iter()
            .find(|h| p.distance_squared(h.centre) < h.radius * h.radius)
    }

    fn solid(&self, p: Vec2, z: f32) -> bool {
        if self.hole_at(p).is_some() {
            return false;
        }
        let beyond = p.abs() - self.inner;
        if beyond.x > 0.0 || beyond.y > 0.0 {
            let edge = -self.beyond_rails(p);
            if edge < 0.0 {
                return false;
            }
            let drop = rounded(edge, EDGE_ROUND);
            return z <= self.rail_height - drop;
        }
        let (distance, _) = self.cushion(p);
        let depth = -distance;
        if depth < 0.0 {
            return false;
        }
        if z < self.nose_height {
            depth >= (self.nose_height - z) * UNDERCUT
        } else {
            z <= self.cushion_top(depth)
        }
    }

    fn cushion_top(&self, depth: f32) -> f32 {
        let width = (self.inner - self.half).x.max(1e-3);
        let rise = (depth / width).min(1.0);
        // A ball touches the nose at its height; from there the cloth goes round to the top.
        let edge = self.nose_height + NOSE_ROUND;
        edge + (self.rail_height - 0.002 - edge) * rise - rounded(depth, NOSE_ROUND)
    }

    fn surface(&self, p: Vec2, z: f32, before: Vec2) -> Hit {
        let rim = self.beyond_hole(p);
        let came_from_hole = self.hole_at(before).is_some();
        let (material, normal) = if self.has_pockets && came_from_hole {
            (Material::Hole, Point::Z)
        } else if rim < RIM {
            (Material::Rim, Point::new(0.0, 0.0, 1.0))
        } else if p.x.abs() > self.inner.x || p.y.abs() > self.inner.y {
            (self.rail_material(p), self.rail_normal(p))
        } else {
            let (distance, away) = self.cushion(p);
            let depth = -distance;
            if z < self.nose_height {
                let n = Point::new(away.x, away.y, -UNDERCUT).normalize_or(Point::Z);
                (Material::CushionFace, n)
            } else {
                let e = 0.0006;
                let slope = ((self.cushion_top(depth + e) - self.cushion_top(depth)) / e).min(2.5);
                let n = Point::new(away.x * slope, away.y * slope, 1.0).normalize_or(Point::Z);
                (Material::CushionTop, n)
            }
        };
        Hit {
            at: p.extend(z),
            normal,
            material,
        }
    }

    fn rail_normal(&self, p: Vec2) -> Point {
        let edge = -self.beyond_rails(p);
        let tilt = (1.0 - edge / EDGE_ROUND).clamp(0.0, 0.95);
        let d = p.abs() - self.outer + Vec2::splat(CORNER_ROUND);
        let out = if d.x > 0.0 && d.y > 0.0 {
            d.normalize_or_zero() * p.signum()
        } else if d.x > d.y {
            Vec2::new(p.x.signum(), 0.0)
        } else {
            Vec2::new(0.0, p.y.signum())
        };
        (out * tilt).extend((1.0 - tilt * tilt).sqrt())
    }

    fn rail_material(&self, p: Vec2) -> Material {
        let a = p.abs();
        if self.has_pockets {
            let reach = 0.075;
            let at_corner = (a.x > self.half.x - reach && a.y > self.inner.y - 0.001)
                || (a.y > self.half.y - reach && a.x > self.inner.x - 0.001);
            if at_corner {
                return Material::Casting;
            }
        }
        // Sights divide the long side into eight parts, the short side into four.
        let middle = 0.45 * self.rail_width;
        let (along, across, pitch) = if self.runs_along_x(p) {
            (p.x, a.y - self.inner.y - middle, self.half.x / 4.0)
        } else {
            (p.y, a.x - self.inner.x - middle, self.half.y / 2.0)
        };
        let nearest = (along / pitch).round();
        let along = along - self.inlaid_off(p, nearest);
        let at_side_pocket = self.has_pockets && self.runs_along_x(p) && nearest == 0.0;
        let limit = if self.runs_along_x(p) { 3.5 } else { 1.5 };
        if !at_side_pocket
            && nearest.abs() < limit
            && (along - nearest * pitch).abs() / 0.0060 + across.abs() / 0.0100 < 1.0
        {
            return Material::Diamond;
        }
        Material::Rail
    }

    /// How far along its rail a sight is from where it belongs, metres: 0.5 mm at most with all of its rail, and 0.8 mm on
    /// its own.
    fn inlaid_off(&self, p: Vec2, sight: f32) -> f32 {
        const RAIL: f32 = 0.0005;
        const OWN: f32 = 0.0008;
        let rail = if self.runs_along_x(p) {
            i32::from(p.y > 0.0)
        } else {
            2 + i32::from(p.x > 0.0)
        };
        let random = |k: i32| 2.0 * texture::hash(rail, k, self.seed ^ 41) - 1.0;
        RAIL * random(100) + OWN * random(sight as i32)
    }

    fn inside_hole(hole: &Hole, eye: Point, cloth: Vec2) -> Hit {
        // Down from the cloth's plane until the ray meets the wall or the bottom.
        let mut z = 0.0;
        let drift = (cloth - eye.truncate()) / eye.z;
        while z > -POCKET_DEPTH {
            let p = cloth - drift * z;
            if p.distance_squared(hole.centre) > hole.radius * hole.radius {
                break;
            }
            z -= 0.004;
        }
        let p = cloth - drift * z;
        let normal = if z > -POCKET_DEPTH {
            (hole.centre - p).normalize_or_zero().extend(0.1)
        } else {
            Point::Z
        };
        Hit {
            at: p.extend(z),
            normal,
            material: Material::Hole,
        }
    }

    fn floor(&self, eye: Point, cloth: Vec2) -> Hit {
        let p = cloth + (eye.truncate() - cloth) * (FLOOR / eye.z);
        Hit {
            at: p.extend(FLOOR),
            normal: Point::Z,
            material: Material::Floor,
        }
    }
}

impl Cushion {
    fn distance(&self, p: Vec2) -> (f32, Vec2) {
        let mut best = ((p - self.start).dot(self.normal), self.normal);
        for end in &self.ends {
            let from_jaw = p - end.jaw;
            if from_jaw.dot(end.outward) > 0.0 && from_jaw.dot(end.facing_along) < 0.0 {
                let length = from_jaw.length();
                return (length - end.jaw_radius, from_jaw / length.max(1e-9));
            }
            let side = (p - end.facing_start).dot(end.facing_normal);
            if side > best.0 {
                best = (side, end.facing_normal);
            }
        }
        best
    }
}

/// How far a quarter-round edge of radius `r` lies below its flat at `depth` from the edge.
fn rounded(depth: f32, r: f32) -> f32 {
    let missing = (r - depth).clamp(0.0, r);
    r - (r * r - missing * missing).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_straight_down_meets_what_lies_there() {
        let table = TableSpec::pool_9ft();
        let furniture = Furniture::of(&table, 0);
        let from_above = |x: f32, y: f32| furniture.hit(Point::new(x, y, 2.5), Vec2::new(x, y));
        assert_eq!(from_above(0.0, 0.0).material, Material::Cloth);
        assert_eq!(from_above(0.5, 0.66).material, Material::CushionTop);
        assert_eq!(from_above(0.5, 0.72).material, Material::Rail);
        assert_eq!(from_above(0.0, 0.70).material, Material::Hole);
        assert_eq!(from_above(-1.30, -0.665).material, Material::Hole);
        assert_eq!(
            from_above(0.635, 0.6858 + 0.45 * 0.13).material,
            Material::Diamond
        );
        assert_eq!(from_above(1.6, 0.0).material, Material::Floor);
    }

    #[test]
    fn the_nose_hides_what_lies_behind_it_from_a_camera_over_the_middle() {
        let table = TableSpec::pool_9ft();
        let furniture = Furniture::of(&table, 0);
        let eye = Point::new(0.0, 0.0, 2.5);
        // The nose at x = 1.27 is seen where a ray through it would meet the cloth further out.
        let nose = Vec2::new(1.27 * 2.5 / (2.5 - table.nose_height_m as f32), 0.2);
        assert_eq!(
            furniture.hit(eye, nose + Vec2::new(0.003, 0.0)).material,
            Material::CushionTop
        );
        assert_ne!(
            furniture.hit(eye, nose - Vec2::new(0.003, 0.0)).material,
            Material::CushionTop
        );
    }
}
