//! The shapes of things: where a line passes a limb or a slab.
//!
//! Picture, truth and placing all ask the same question, so they get the same answer.

use glam::{Vec2, Vec3};

use super::moment::{Limb, Part, Slab};

/// A limb's shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stick {
    /// Middle of the first end, metres.
    pub(super) from: Vec3,
    /// From there to the other end, metres.
    pub(super) along: Vec3,
    /// Radius at the first end, metres.
    radius: f32,
    /// How much larger the other end's radius is, metres.
    growth: f32,
}

/// How a line passes a solid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// Between line and surface at the nearest, metres; negative when the line goes through.
    pub(super) gap: f32,
    /// How far along the line that is, metres.
    pub(super) far: f32,
    /// Where along the limb, 0..1; always 0 for a slab.
    pub(super) share: f32,
}

/// All lines of one direction past one stick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    stick: Stick,
    ray: Vec3,
    /// The stick as it looks along the lines.
    flat: Vec3,
    square: f32,
    /// How far the taper moves the nearest place, per metre between line and axis.
    lean: f32,
}

impl Stick {
    pub(super) fn of(limb: &Limb) -> Self {
        let [a, b] = limb.ends_m.map(|end| end.as_vec3());
        let [from, to] = limb.radii_m.map(|r| r as f32);
        Self {
            from: a,
            along: b - a,
            radius: from,
            growth: to - from,
        }
    }

    /// Middle of the stick.
    pub(super) fn middle(&self) -> Vec3 {
        self.from + self.along * 0.5
    }

    /// Radius at a share of its length, metres.
    pub(super) fn radius_at(&self, share: f32) -> f32 {
        self.radius + self.growth * share
    }

    /// The larger of its two radii, metres.
    pub(super) fn thickest(&self) -> f32 {
        self.radius.max(self.radius + self.growth)
    }

    /// Makes ready for lines in direction `ray` (a unit vector).
    pub(super) fn lines(&self, ray: Vec3) -> Lines {
        let flat = self.along - ray * self.along.dot(ray);
        let square = flat.length_squared();
        let rest = square - self.growth * self.growth;
        Lines {
            stick: *self,
            ray,
            flat,
            square,
            lean: if rest > 1e-10 {
                self.growth / (square * rest).sqrt()
            } else {
                // Seen end on, the thick end hides the rest.
                f32::INFINITY.copysign(self.growth)
            },
        }
    }

    /// Where a point's distance to the surface is least: the distance, negative inside.
    pub(super) fn distance(&self, at: Vec3) -> f32 {
        let square = self.along.length_squared().max(1e-12);
        let share = ((at - self.from).dot(self.along) / square).clamp(0.0, 1.0);
        at.distance(self.from + self.along * share) - self.radius_at(share)
    }

    /// Where a ray enters: how far along it, and the normal there.
    pub(super) fn enter(&self, at: Vec3, ray: Vec3) -> Option<(f32, Vec3)> {
        // From nearby, so that single precision does.
        let skip = (self.middle() - at).dot(ray);
        let a = at + ray * skip - self.from;
        let b = a - self.along;
        let (r, other) = (self.radius, self.radius + self.growth);
        let shrink = -self.growth;
        let (m0, m1, m2) = (
            self.along.length_squared(),
            self.along.dot(a),
            self.along.dot(ray),
        );
        let m3 = ray.dot(a);
        // The cone that touches both ends.
        let d2 = m0 - shrink * shrink;
        let k2 = d2 - m2 * m2;
        if d2 > 1e-10 && k2.abs() > 1e-12 {
            let k1 = d2 * m3 - m1 * m2 + m2 * shrink * r;
            let k0 = d2 * a.length_squared() - m1 * m1 + m1 * shrink * r * 2.0 - m0 * r * r;
            let inside = k1 * k1 - k0 * k2;
            if inside < 0.0 {
                return None;
            }
            let t = (-inside.sqrt() - k1) / k2;
            let y = m1 - r * shrink + t * m2;
            if y > 0.0 && y < d2 {
                let normal = (a + ray * t) * d2 - self.along * y;
                return Some((skip + t, normal.normalize_or(-ray)));
            }
        }
        let end = |from: Vec3, radius: f32| {
            let along = ray.dot(from);
            let inside = along * along - from.length_squared() + radius * radius;
            (inside >= 0.0).then(|| {
                let t = -along - inside.sqrt();
                (skip + t, ((from + ray * t) / radius.max(1e-6)).normalize_or(-ray))
            })
        };
        [end(a, r), end(b, other)]
            .into_iter()
            .flatten()
            .min_by(|p, q| p.0.total_cmp(&q.0))
    }
}

impl Lines {
    /// How the line through `at` passes.
    #[inline]
    pub(super) fn pass(&self, at: Vec3) -> Pass {
        let to = self.stick.from - at;
        let far = to.dot(self.ray);
        let across = to - self.ray * far;
        let share = if self.square > 1e-10 {
            let nearest = -across.dot(self.flat) / self.square;
            let off = (across.length_squared() - nearest * nearest * self.square)
                .max(0.0)
                .sqrt();
            (nearest + self.lean_by(off)).clamp(0.0, 1.0)
        } else if self.stick.growth > 0.0 {
            1.0
        } else {
            0.0
        };
        let miss = (across + self.flat * share).length();
        Pass {
            gap: miss - self.stick.radius_at(share),
            far: far + self.stick.along.dot(self.ray) * share,
            share,
        }
    }

    fn lean_by(&self, off: f32) -> f32 {
        let by = self.lean * off;
        if by.is_nan() { 0.0 } else { by }
    }
}

/// A slab's shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) middle: Vec3,
    pub(super) half: Vec3,
    pub(super) corner: f32,
    /// Its own x axis.
    along: Vec2,
}

impl Block {
    pub(super) fn of(slab: &Slab) -> Self {
        Self {
            middle: slab.middle_m.as_vec3(),
            half: slab.half_m.as_vec3(),
            corner: slab.corner_m as f32,
            along: Vec2::from_angle(slab.turn as f32),
        }
    }

    /// A place in the slab's own axes, from its middle.
    pub(super) fn own(&self, at: Vec2) -> Vec2 {
        let to = at - self.middle.truncate();
        Vec2::new(self.along.dot(to), self.along.perp_dot(to))
    }

    /// The slab's own longer axis, half as long as it is.
    pub(super) fn spine(&self) -> Vec2 {
        if self.half.x > self.half.y {
            self.along * self.half.x
        } else {
            self.along.perp() * self.half.y
        }
    }

    /// Distance in plan view, metres; negative inside.
    fn beside(&self, at: Vec2) -> f32 {
        rounded(self.own(at), self.half.truncate(), self.corner)
    }

    /// The outward direction in plan view.
    pub(super) fn outward(&self, at: Vec2) -> Vec2 {
        let step = 2e-4;
        Vec2::new(
            self.beside(at + Vec2::X * step) - self.beside(at - Vec2::X * step),
            self.beside(at + Vec2::Y * step) - self.beside(at - Vec2::Y * step),
        )
        .normalize_or_zero()
    }

    /// A point's distance to the surface, metres; negative inside.
    pub(super) fn distance(&self, at: Vec3) -> f32 {
        let flat = self.beside(at.truncate());
        let up = (at.z - self.middle.z).abs() - self.half.z;
        Vec2::new(flat, up).max(Vec2::ZERO).length() + flat.max(up).min(0.0)
    }

    /// How the ray from `at` passes: nearest in plan view while between bottom and top.
    pub(super) fn pass(&self, at: Vec3, ray: Vec3) -> Option<Pass> {
        let (near, end) = self.between(at, ray)?;
        let far = self.nearest(at, ray, near, end);
        Some(Pass {
            gap: self.beside((at + ray * far).truncate()),
            far,
            share: 0.0,
        })
    }

    /// Where the ray from `at` comes to the height of the slab, and where it leaves it.
    pub(super) fn between(&self, at: Vec3, ray: Vec3) -> Option<(f32, f32)> {
        let slope = if ray.z.abs() < 1e-3 { 1e-3 } else { ray.z };
        let (a, b) = (
            (self.middle.z - self.half.z - at.z) / slope,
            (self.middle.z + self.half.z - at.z) / slope,
        );
        let (near, end) = (a.min(b).max(0.0), a.max(b));
        (end > near).then_some((near, end))
    }

    /// Where between two places of a ray the slab is nearest in plan view.
    fn nearest(&self, at: Vec3, ray: Vec3, mut low: f32, mut high: f32) -> f32 {
        let beside = |t: f32| self.beside((at + ray * t).truncate());
        // The distance to a convex shape has one valley along a line.
        for _ in 0..9 {
            let third = (high - low) / 3.0;
            if beside(low + third) <= beside(high - third) {
                high -= third;
            } else {
                low += third;
            }
        }
        0.5 * (low + high)
    }

    /// Where a ray that passes within meets the surface.
    pub(super) fn enter(&self, at: Vec3, ray: Vec3, pass: &Pass) -> f32 {
        let near = self.between(at, ray).map_or(pass.far, |(near, _)| near);
        let beside = |t: f32| self.beside((at + ray * t).truncate());
        if beside(near) <= 0.0 || pass.gap > 0.0 {
            return if pass.gap > 0.0 { pass.far } else { near };
        }
        let (mut out, mut inside) = (near, pass.far);
        for _ in 0..8 {
            let middle = 0.5 * (out + inside);
            if beside(middle) > 0.0 {
                out = middle;
            } else {
                inside = middle;
            }
        }
        inside
    }
}

/// Distance to a rectangle with rounded corners around the origin, metres; negative inside.
pub(super) fn rounded(at: Vec2, half: Vec2, corner: f32) -> f32 {
    let corner = corner.min(half.x).min(half.y);
    let q = at.abs() - half + Vec2::splat(corner);
    q.max(Vec2::ZERO).length() + q.x.max(q.y).min(0.0) - corner
}

/// A part's distance to a point, metres; negative inside.
pub(super) fn distance(part: &Part, at: Vec3) -> f32 {
    match part {
        Part::Limb(limb) => Stick::of(limb).distance(at),
        Part::Slab(slab) => Block::of(slab).distance(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units;
    use crate::virtual_table::moment::Finish;

    const DULL: Finish = Finish {
        srgb: [128; 3],
        gloss: 0.0,
        rough: 0.0,
    };

    #[test]
    fn a_line_passes_a_tapered_stick_where_trying_every_place_says_it_does() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut any = |size: f64| {
            units::Vec3::new(random.f64() - 0.5, random.f64() - 0.5, random.f64() - 0.5) * 2.0 * size
        };
        for i in 0..300_u32 {
            let limb = Limb {
                ends_m: [any(0.2), any(0.2)],
                radii_m: [any(0.05).x.abs(), any(0.05).x.abs()],
                finish: DULL,
            };
            let stick = Stick::of(&limb);
            let (at, ray) = (any(1.0).as_vec3(), any(1.0).as_vec3().normalize());
            let pass = stick.lines(ray).pass(at);
            let tried = (0..=2000)
                .map(|k| {
                    let share = k as f32 / 2000.0;
                    let to = stick.from + stick.along * share - at;
                    (to - ray * to.dot(ray)).length() - stick.radius_at(share)
                })
                .fold(f32::MAX, f32::min);
            assert!((pass.gap - tried).abs() < 3e-4, "{i}: {pass:?} {tried}");
            let toward = (stick.middle() - at).normalize();
            let (far, normal) = stick.enter(at, toward).unwrap();
            if stick.distance(at) > 0.0 {
                assert!(normal.dot(toward) < 1e-3, "{i}");
                // Inside the ball of a much thicker end, the taper's distance is only nearly right.
                assert!(stick.distance(at + toward * far) > -0.02, "{i}");
            }
        }
    }

    #[test]
    fn a_slab_is_as_large_as_it_says() {
        let block = Block::of(&Slab {
            middle_m: units::Vec3::new(0.1, 0.2, 0.05),
            half_m: units::Vec3::new(0.08, 0.04, 0.05),
            corner_m: 0.0,
            turn: std::f64::consts::FRAC_PI_2,
            top: DULL,
            side: DULL,
            inlay: None,
        });
        assert!((block.distance(Vec3::new(0.1, 0.2, 0.15)) - 0.05).abs() < 1e-5);
        assert!((block.distance(Vec3::new(0.1, 0.3, 0.05)) - 0.02).abs() < 1e-5);
        let down = |x: f32, y: f32| block.pass(Vec3::new(x, y, 2.0), Vec3::NEG_Z).unwrap().gap;
        assert!(down(0.13, 0.27) < 0.0 && down(0.15, 0.2) > 0.0);
        assert!(block.pass(Vec3::ZERO, Vec3::NEG_Z).is_none());
    }
}
