//! The cue: a tapered stick in the air over the table, and its shadow.

use super::backdrop::Backdrop;
use super::lamps::Lamps;
use super::tile::{Surroundings, Tile};
use super::tone::linear;
use super::{Light, Point, single, smoothstep, texture};
use crate::units::Vec3;
use crate::virtual_table::moment::CuePose;

/// Length of the stick, metres.
const LENGTH: f32 = 1.47;
/// Radius at tip and butt, metres.
const TIP_RADIUS: f32 = 0.0064;
const BUTT_RADIUS: f32 = 0.0148;

/// A cue made ready for drawing.
pub(super) struct CueDraw {
    tip: Point,
    /// Unit direction from the tip to the butt.
    axis: Point,
    bulbs: Vec<BulbOnCue>,
    vignette: f32,
    /// Points along the stick and along its shadows, pixels, with the reach around each.
    pub(super) track_px: Vec<(glam::Vec2, f32)>,
    wood: Light,
    wrap: Light,
    /// How far it moves while the shutter is open, metres.
    travel: f32,
}

struct BulbOnCue {
    direction: Point,
    spread: f32,
    share: f32,
    light: f32,
}

impl CueDraw {
    /// The shutter is open for `exposure_s`.
    pub(super) fn new(pose: &CuePose, exposure_s: f64, backdrop: &Backdrop) -> Option<Self> {
        let camera = backdrop.camera();
        let axis = single(pose.axis).normalize_or_zero();
        let tip = single(pose.tip_m);
        let mid = tip + axis * 0.5;
        let lamps = &backdrop.lamps;
        let total = lamps.ambient + lamps.direct(mid, Point::Z);
        // The two halves of a lamp box throw one shadow here: the stick is thin.
        let bulbs: Vec<BulbOnCue> = lamps
            .bulbs
            .chunks(2)
            .filter_map(|pair| {
                let [a, b] = pair else {
                    return None;
                };
                let (la, da) = Lamps::reach(a, mid);
                let (lb, db) = Lamps::reach(b, mid);
                let direction = (da + db).normalize_or(Point::Z);
                // Along the stick the lamp's length does not blur its shadow; across, it does.
                let across = (a.at - b.at) - axis * (a.at - b.at).dot(axis);
                let size = a.radius.max(0.5 * across.length() + 0.5 * a.radius);
                Some(BulbOnCue {
                    direction,
                    spread: size / a.at.distance(mid),
                    share: (la + lb) * direction.z / total,
                    light: la + lb,
                })
            })
            .collect();
        let mut track_px = Vec::new();
        let travel = (pose.speed_m_s.abs() * exposure_s) as f32;
        let steps = 96_u16;
        for i in 0..=steps {
            let s = (LENGTH + travel) * f32::from(i) / f32::from(steps) - 0.5 * travel;
            let on_stick = tip + axis * s;
            let mut add = |p: Point, reach_m: f32| {
                if let Some(px) = camera.project(Vec3::new(p.x.into(), p.y.into(), p.z.into())) {
                    let scale = camera.lens.focal_px.x as f32 / (backdrop.rays.eye.z - p.z).max(0.2);
                    track_px.push((px.as_vec2(), reach_m * scale + 3.0));
                }
            };
            add(on_stick, BUTT_RADIUS + 0.012);
            for bulb in &bulbs {
                // Where the shadow falls, on the cloth or up to the rails' height.
                let z = on_stick.z.max(0.0);
                let down = |to: f32| on_stick - bulb.direction * ((z - to) / bulb.direction.z.max(0.2));
                let reach = BUTT_RADIUS + z * bulb.spread + 0.008;
                add(down(0.0), reach);
                if on_stick.z > 0.045 {
                    add(down(0.045), reach);
                }
            }
        }
        let middle = camera.project(pose.tip_m)?.as_vec2();
        Some(Self {
            tip,
            axis,
            bulbs,
            vignette: backdrop.vignette(middle),
            track_px,
            wood: linear([226, 192, 138]),
            wrap: linear([38, 36, 40]),
            travel,
        })
    }

    /// Darkens `tile.shade` where the stick takes light away.
    pub(super) fn shadow(&self, tile: &mut Tile) {
        tile.scratch.fill(0.0);
        let (tip, axis) = (self.tip, self.axis);
        for bulb in &self.bulbs {
            // Distance between the ray to the lamp and the stick's axis: along u × axis.
            let u = bulb.direction;
            let cross = u.cross(axis);
            let length = cross.length().max(1e-6);
            let n = cross / length;
            // Where on the axis the ray passes: solve in the plane spanned by u and axis.
            let k = u.dot(axis);
            let scale = 1.0 / (1.0 - k * k).max(1e-6);
            let (spread, share) = (bulb.spread, bulb.share);
            for (((out, &x), &y), &z) in tile.scratch.iter_mut().zip(&tile.x).zip(&tile.y).zip(&tile.z) {
                let (dx, dy, dz) = (x - tip.x, y - tip.y, z - tip.z);
                let across = (dx * n.x + dy * n.y + dz * n.z).abs();
                let pu = dx * u.x + dy * u.y + dz * u.z;
                let pa = dx * axis.x + dy * axis.y + dz * axis.z;
                let s = (pa - k * pu) * scale;
                let t = (k * pa - pu) * scale;
                let radius = TIP_RADIUS + (BUTT_RADIUS - TIP_RADIUS) / LENGTH * s.clamp(0.0, LENGTH);
                let blur = (t * spread).max(0.001);
                let side = ((radius + blur - across) / (2.0 * blur)).clamp(0.0, 1.0);
                // A stick thinner than the lamp's disc never hides all of it.
                let most = (1.2 * radius / blur).min(1.0);
                let ends = ((s + blur) / (2.0 * blur)).clamp(0.0, 1.0)
                    * ((LENGTH - s + blur) / (2.0 * blur)).clamp(0.0, 1.0);
                let hidden = side * side * (3.0 - 2.0 * side) * most * ends * share;
                *out += if t > 0.0 { hidden } else { 0.0 };
            }
        }
        for (shade, &hidden) in tile.shade.iter_mut().zip(&tile.scratch) {
            *shade *= 1.0 - hidden.min(0.9);
        }
    }

    /// Draws the stick into `tile.light`.
    pub(super) fn draw(&self, tile: &mut Tile, surroundings: &Surroundings<'_>) {
        let backdrop = surroundings.backdrop;
        let eye = backdrop.rays.eye;
        let from_tip = eye - self.tip;
        for i in 0..Tile::PIXELS {
            let Some((ray, surface)) = tile.ray(i, eye) else {
                continue;
            };
            let cross = ray.cross(self.axis);
            let length = cross.length().max(1e-6);
            let n = cross / length;
            let across = -from_tip.dot(n);
            if across.abs() > BUTT_RADIUS + 0.004 {
                continue;
            }
            let k = ray.dot(self.axis);
            let s = (from_tip.dot(self.axis) - k * from_tip.dot(ray)) / (1.0 - k * k).max(1e-6);
            let on_axis = self.tip + self.axis * s;
            let pixel = on_axis.distance(eye) / backdrop.camera().lens.focal_px.x as f32;
            let radius = TIP_RADIUS + (BUTT_RADIUS - TIP_RADIUS) / LENGTH * s.clamp(0.0, LENGTH);
            let end = 0.85 + 0.5 * self.travel / pixel;
            let cover = smoothstep(-0.85, 0.85, (radius - across.abs()) / pixel)
                * smoothstep(-end, end, s / pixel)
                * smoothstep(-0.85, 0.85, (LENGTH - s) / pixel);
            if cover <= 0.0 || on_axis.z + radius < surface {
                continue;
            }
            let q = (across / radius).clamp(-1.0, 1.0);
            let toward = -(ray - self.axis * k).normalize_or(Point::NEG_Z);
            // `across` is measured along n from the axis to the ray.
            let normal = (toward * (1.0 - q * q).sqrt() - n * q).normalize_or(Point::Z);
            let at = on_axis + normal * radius;
            let colour = self.shade(s, at, normal, ray, pixel, surroundings) * self.vignette;
            if let Some(light) = tile.light.get_mut(i) {
                *light = light.lerp(colour, cover);
            }
            if cover > 0.5 {
                tile.note_depth(i, on_axis.distance(eye) - radius);
            }
        }
    }

    fn shade(
        &self,
        s: f32,
        at: Point,
        normal: Point,
        ray: Point,
        pixel: f32,
        surroundings: &Surroundings<'_>,
    ) -> Light {
        let backdrop = surroundings.backdrop;
        let lamps = &backdrop.lamps;
        let body = self.colour_at(s, pixel);
        let direct: f32 = self
            .bulbs
            .iter()
            .map(|b| b.light * normal.dot(b.direction).max(0.0))
            .sum();
        let up = 0.5 + 0.5 * normal.z;
        let around = Light::splat(lamps.ambient * up * 1.1) + backdrop.cloth * (0.6 * (1.0 - up));
        let facing = -ray.dot(normal);
        let mirror = ray + normal * (2.0 * facing);
        let gloss = lamps.mirrored(at, mirror, 0.9) * 1.6;
        body * (around + Light::splat(direct) + surroundings.projected(at, normal)) + Light::splat(gloss)
    }

    /// Tip, ferrule, maple shaft, joint, forearm, wrap, sleeve.
    fn colour_at(&self, s: f32, pixel: f32) -> Light {
        let soft = 0.7 * pixel;
        let grain = 1.0 + 0.07 * texture::value(s * 60.0, 0.5, 77);
        let parts: [(f32, Light); 8] = [
            (0.012, Light::new(0.035, 0.10, 0.19)),
            (0.037, Light::new(0.82, 0.80, 0.74)),
            (0.735, self.wood * grain),
            (0.748, Light::new(0.62, 0.60, 0.55)),
            (1.02, Light::new(0.16, 0.055, 0.026) * grain),
            (1.03, Light::new(0.72, 0.68, 0.60)),
            (1.33, self.wrap),
            (f32::MAX, Light::new(0.10, 0.035, 0.02)),
        ];
        let mut colour = parts.first().map_or(Light::ONE, |p| p.1);
        for pair in parts.windows(2) {
            if let [(end, _), (_, next)] = pair {
                colour = colour.lerp(*next, smoothstep(end - soft, end + soft, s));
            }
        }
        colour
    }
}
