//! People's arms and what lies about: what all their parts have in common, and their shadow.

use super::backdrop::Backdrop;
use super::lamps::Lamps;
use super::limb::LimbDraw;
use super::slab::SlabDraw;
use super::tile::{Surroundings, Tile};
use super::tone::linear;
use super::{Light, Point, smoothstep, texture};
use crate::units::Vec3;
use crate::virtual_table::moment::{CuePose, Finish, Part, Thing};

/// A thing made ready for drawing.
pub(super) struct ThingDraw {
    pub(super) parts: Vec<PartDraw>,
    /// Points along its parts and along their shadows, pixels, with the reach around each.
    pub(super) track_px: Vec<(glam::Vec2, f32)>,
}

/// One part of it.
pub(super) struct PartDraw {
    solid: Solid,
    lit: Lit,
    /// Middle of the part.
    middle: Point,
    /// How far from the eye, for drawing the nearest last.
    pub(super) distance: f32,
    /// Under the cue: drawn before it.
    pub(super) is_below_cue: bool,
}

enum Solid {
    Limb(LimbDraw),
    Slab(SlabDraw),
}

/// The light on one part.
pub(super) struct Lit {
    pub(super) bulbs: Vec<BulbOnPart>,
    /// Share of the light that comes from everywhere.
    sky: f32,
    pub(super) vignette: f32,
}

/// One lamp as a part sees it.
pub(super) struct BulbOnPart {
    pub(super) direction: Point,
    pub(super) light: f32,
    /// Penumbra half-width per metre behind the part.
    pub(super) spread: f32,
    share: f32,
}

/// A finish in linear light.
#[derive(Clone, Copy)]
pub(super) struct Coat {
    body: Light,
    gloss: f32,
    rough: f32,
}

/// How far around a thing and its shadow a ball may lie that is dimmer for it, metres.
const AROUND_M: f32 = 0.065;
/// How near to a surface a thing takes the sky from it, metres.
const CONTACT_M: f32 = 0.045;
/// The floor is too far below for a shadow with an edge.
const DEEP_M: f32 = -0.15;

impl ThingDraw {
    pub(super) fn new(thing: &Thing, cue: Option<&CuePose>, backdrop: &Backdrop) -> Self {
        let mut draw = Self {
            parts: Vec::with_capacity(thing.parts.len()),
            track_px: Vec::new(),
        };
        for part in &thing.parts {
            let solid = match part {
                Part::Limb(limb) => Solid::Limb(LimbDraw::new(limb)),
                Part::Slab(slab) => Solid::Slab(SlabDraw::new(slab)),
            };
            let (middle, half, thick) = match &solid {
                Solid::Limb(limb) => (limb.stick.middle(), limb.stick.along * 0.5, limb.stick.thickest()),
                Solid::Slab(slab) => {
                    let half = slab.block.half;
                    (
                        slab.block.middle,
                        slab.block.spine().extend(0.0),
                        half.x.min(half.y).hypot(half.z),
                    )
                }
            };
            let lit = Lit::at(middle, half, backdrop);
            draw.track(middle, half, thick, &lit, backdrop);
            draw.parts.push(PartDraw {
                lit,
                middle,
                distance: middle.distance(backdrop.rays.eye),
                is_below_cue: cue.is_some_and(|cue| {
                    let (tip, axis) = (cue.tip_m.as_vec3(), cue.axis.as_vec3());
                    let flat = axis.truncate().length_squared().max(1e-6);
                    let s = (middle - tip).truncate().dot(axis.truncate()) / flat;
                    middle.z < tip.z + axis.z * s
                }),
                solid,
            });
        }
        draw
    }

    /// Notes where a part and its shadows may be seen.
    fn track(&mut self, middle: Point, half: Point, thick: f32, lit: &Lit, backdrop: &Backdrop) {
        let camera = backdrop.camera();
        let steps = (half.length() / 0.025).ceil().clamp(1.0, 60.0) as u16;
        for i in 0..=steps {
            let p = middle + half * (2.0 * f32::from(i) / f32::from(steps) - 1.0);
            let mut add = |p: Point, reach_m: f32| {
                if let Some(px) = camera.project(Vec3::new(p.x.into(), p.y.into(), p.z.into())) {
                    let scale = camera.lens.focal_px.x as f32 / (backdrop.rays.eye.z - p.z).max(0.2);
                    self.track_px.push((px.as_vec2(), reach_m * scale + 3.0));
                }
            };
            add(p, thick + AROUND_M);
            for bulb in &lit.bulbs {
                let z = (p.z + thick).max(0.0);
                let slant = 1.0 / bulb.direction.z.max(0.2);
                let reach = thick * slant + z * slant * bulb.spread + AROUND_M;
                for level in [0.0, 0.045] {
                    if p.z >= level {
                        add(p - bulb.direction * ((p.z - level) * slant), reach);
                    }
                }
            }
        }
    }

    /// Darkens `tile.shade` where the thing takes light away. Where parts overlap, only the one
    /// that hides most counts: they are joined.
    pub(super) fn shadow(&self, tile: &mut Tile) {
        tile.dark.fill(0.0);
        let lamps = self.parts.iter().map(|p| p.lit.bulbs.len()).max().unwrap_or(0);
        let mut touched = false;
        for lamp in 0..lamps {
            tile.scratch.fill(0.0);
            let mut some = false;
            for part in &self.parts {
                if let Some(bulb) = part.lit.bulbs.get(lamp) {
                    some |= part.hide(bulb, tile);
                }
            }
            if some {
                touched = true;
                for (dark, &hidden) in tile.dark.iter_mut().zip(&tile.scratch) {
                    *dark += hidden;
                }
            }
        }
        tile.scratch.fill(0.0);
        for part in &self.parts {
            touched |= part.hide_sky(tile);
        }
        if !touched {
            return;
        }
        let both = tile.dark.iter().zip(&tile.scratch);
        for ((shade, (&lamps, &sky)), &z) in tile.shade.iter_mut().zip(both).zip(&tile.z) {
            if z > DEEP_M {
                *shade *= 1.0 - (lamps + sky).min(0.94);
            }
        }
    }

    /// Share of a lamp in `direction` that this thing hides from a point.
    pub(super) fn hides(&self, at: Point, direction: Point, spread: f32) -> f32 {
        self.parts
            .iter()
            .map(|part| match &part.solid {
                Solid::Limb(limb) => limb.hides(at, direction, spread),
                Solid::Slab(slab) => slab.hides(at, direction, spread),
            })
            .fold(0.0, f32::max)
    }
}

impl PartDraw {
    /// Raises `tile.scratch` to the share of light that is missing because of this part.
    fn hide(&self, bulb: &BulbOnPart, tile: &mut Tile) -> bool {
        match &self.solid {
            Solid::Limb(limb) => limb.hide(bulb.direction, bulb.spread, bulb.share, tile),
            Solid::Slab(slab) => slab.hide(bulb.direction, bulb.spread, bulb.share, tile),
        }
    }

    /// The same for the light from everywhere, close to where the part rests.
    fn hide_sky(&self, tile: &mut Tile) -> bool {
        let distance = |at: Point| match &self.solid {
            Solid::Limb(limb) => limb.stick.distance(at),
            Solid::Slab(slab) => slab.block.distance(at),
        };
        let (middle, reach) = tile.extent();
        if distance(middle) > reach + CONTACT_M {
            return false;
        }
        let most = 0.8 * self.lit.sky;
        let places = tile.x.iter().zip(&tile.y).zip(&tile.z);
        for (out, ((&x, &y), &z)) in tile.scratch.iter_mut().zip(places) {
            let near = 1.0 - smoothstep(-0.002, CONTACT_M, distance(Point::new(x, y, z)));
            *out = out.max(most * near * near);
        }
        true
    }

    /// Draws the part into `tile.light` where nothing nearer has been drawn.
    pub(super) fn draw(&self, tile: &mut Tile, around: &Surroundings<'_>) {
        match &self.solid {
            Solid::Limb(limb) => limb.draw(&self.lit, tile, around),
            Solid::Slab(slab) => slab.draw(&self.lit, self.middle, tile, around),
        }
    }
}

impl Lit {
    fn at(middle: Point, half: Point, backdrop: &Backdrop) -> Self {
        /// Bulbs nearer to each other than this throw one shadow, metres.
        const ONE_LAMP: f32 = 0.8;
        let lamps = &backdrop.lamps;
        let total = (lamps.ambient + lamps.direct(middle, Point::Z)).max(1e-6);
        let axis = half.normalize_or_zero();
        let mut bulbs = Vec::with_capacity(lamps.bulbs.len());
        let mut rest = lamps.bulbs.as_slice();
        while let [a, after @ ..] = rest {
            let (mut light, mut direction) = Lamps::reach(a, middle);
            let mut size = a.radius;
            rest = after;
            if let [b, after @ ..] = rest
                && a.at.distance(b.at) < ONE_LAMP
            {
                let (more, other) = Lamps::reach(b, middle);
                light += more;
                direction = (direction + other).normalize_or(Point::Z);
                // Along a limb the lamp's length does not blur its shadow; across, it does.
                let across = (a.at - b.at) - axis * (a.at - b.at).dot(axis);
                size = a.radius.max(0.5 * across.length() + 0.5 * a.radius);
                rest = after;
            }
            bulbs.push(BulbOnPart {
                direction,
                light,
                spread: size / a.at.distance(middle),
                share: light * direction.z / total,
            });
        }
        let v = |p: Point| Vec3::new(p.x.into(), p.y.into(), p.z.into());
        Self {
            bulbs,
            sky: lamps.ambient / total,
            vignette: backdrop
                .camera()
                .project(v(middle))
                .map_or(1.0, |px| backdrop.vignette(px.as_vec2())),
        }
    }

    /// What a surface of this coat at `at` sends to the eye; `own` is where on the part it is,
    /// metres, for its pattern, and `wrap` how soft light and dark meet on it.
    pub(super) fn shade(
        &self,
        coat: &Coat,
        (at, normal, ray): (Point, Point, Point),
        own: glam::Vec2,
        wrap: f32,
        surroundings: &Surroundings<'_>,
    ) -> Light {
        let backdrop = surroundings.backdrop;
        let lamps = &backdrop.lamps;
        let direct: f32 = self
            .bulbs
            .iter()
            .map(|b| b.light * ((normal.dot(b.direction) + wrap) / (1.0 + wrap)).max(0.0))
            .sum();
        let up = 0.5 + 0.5 * normal.z;
        let around = Light::splat(lamps.ambient * up) + backdrop.cloth * (0.45 * (1.0 - up));
        let mut body = coat.body;
        if coat.rough > 0.0 {
            let folds = texture::cloudy(own.x * 34.0, own.y * 90.0, 91);
            let fine = texture::value(own.x * 130.0, own.y * 520.0, 92);
            body *= (1.0 + coat.rough * (0.30 * folds + 0.30 * fine)).max(0.1);
        }
        let mut colour =
            body * (around + Light::splat(direct) + surroundings.projected(at, normal)) * self.vignette;
        if coat.gloss > 0.0 {
            let facing = -ray.dot(normal);
            let mirror = ray + normal * (2.0 * facing);
            let fresnel = 0.04 + 0.96 * (1.0 - facing.clamp(0.0, 1.0)).powi(5);
            let room = 0.16 + 0.20 * smoothstep(0.0, 0.6, mirror.z);
            // The duller, the wider the lamps' reflections.
            let glare = lamps.mirrored(at, mirror, 0.1 + 1.2 * (1.0 - coat.gloss)) * lamps.glare;
            colour += Light::splat((room + glare) * fresnel.min(0.5) * coat.gloss * self.vignette);
        }
        colour
    }
}

impl Coat {
    pub(super) fn of(finish: &Finish) -> Self {
        Self {
            body: linear(finish.srgb),
            gloss: finish.gloss as f32,
            rough: finish.rough as f32,
        }
    }

    /// Between two coats.
    pub(super) fn lerp(&self, other: &Self, share: f32) -> Self {
        Self {
            body: self.body.lerp(other.body, share),
            gloss: self.gloss + (other.gloss - self.gloss) * share,
            rough: self.rough + (other.rough - self.rough) * share,
        }
    }
}
