//! A ball: its shadow on what lies below it, and the lacquered sphere itself.

use glam::Mat3;

use super::backdrop::Backdrop;
use super::lamps::Lamps;
use super::paint::Paint;
use super::tile::{Surroundings, Tile};
use super::{Light, Point, single, smoothstep};
use crate::virtual_table::moment::BallPose;

/// A ball made ready for drawing.
pub(super) struct BallDraw {
    centre: Point,
    radius: f32,
    to_ball: Mat3,
    paint: usize,
    /// Pixels it, or its shadow, may touch: left, top, right, bottom.
    pub(super) reach_px: [f32; 4],
    /// Pixels its silhouette may touch.
    sphere_px: [f32; 4],
    /// Metres per pixel at the ball.
    pixel_m: f32,
    vignette: f32,
    /// How far from the eye, for drawing the nearest last.
    pub(super) distance: f32,
    bulbs: Vec<BulbOnBall>,
    /// Share of the light that comes from everywhere.
    sky: f32,
    /// 1 on the cloth, falling to 0 as the ball drops into a pocket.
    contact: f32,
    /// Half the way it goes while the shutter is open, metres.
    streak: Point,
}

/// One small light as this ball sees it.
struct BulbOnBall {
    direction: Point,
    light: f32,
    /// Penumbra half-width per metre behind the ball.
    spread: f32,
    /// Share of the light on the cloth here that this bulb gives.
    share: f32,
}

impl BallDraw {
    pub(super) fn new(
        pose: &BallPose,
        radius_m: f64,
        paint: usize,
        exposure_s: f64,
        backdrop: &Backdrop,
    ) -> Option<Self> {
        let camera = backdrop.camera();
        let streak_m = pose.velocity_m_s * (0.5 * exposure_s);
        let mut outline = camera.silhouette(pose.centre_m + streak_m, radius_m, 24);
        if streak_m != crate::units::Vec3::ZERO {
            outline.extend(camera.silhouette(pose.centre_m - streak_m, radius_m, 24));
        }
        let middle = camera.project(pose.centre_m)?.as_vec2();
        let mut sphere_px = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for p in &outline {
            let p = p.as_vec2();
            let [l, t, r, b] = sphere_px;
            sphere_px = [l.min(p.x), t.min(p.y), r.max(p.x), b.max(p.y)];
        }
        let [l, t, r, b] = sphere_px;
        let sphere_px = [l - 2.0, t - 2.0, r + 2.0, b + 2.0];
        let centre = single(pose.centre_m);
        let radius = radius_m as f32;
        let eye = backdrop.rays.eye;
        // Seen from the eye, the ball's distance over the focal length.
        let pixel_m = (centre.distance(eye) / camera.lens.focal_px.x as f32).max(1e-6);
        let ambient = backdrop.lamps.ambient;
        let total = ambient + backdrop.lamps.direct(centre, Point::Z);
        let mut slant = 0.0_f32;
        let bulbs = backdrop
            .lamps
            .bulbs
            .iter()
            .map(|bulb| {
                let (light, direction) = Lamps::reach(bulb, centre);
                slant = slant.max(direction.truncate().length() / direction.z.max(0.2));
                BulbOnBall {
                    direction,
                    light,
                    spread: bulb.radius / bulb.at.distance(centre),
                    share: light * direction.z / total,
                }
            })
            .collect();
        let streak = single(streak_m);
        let reach = ((radius * (1.35 + 2.0 * slant)).max(2.6 * radius) + streak.length()) / pixel_m + 3.0;
        Some(Self {
            centre,
            radius,
            to_ball: Mat3::from_quat(pose.orientation.as_quat()).transpose(),
            paint,
            reach_px: [
                middle.x - reach,
                middle.y - reach,
                middle.x + reach,
                middle.y + reach,
            ],
            sphere_px,
            pixel_m,
            vignette: backdrop.vignette(middle),
            distance: centre.distance(eye),
            bulbs,
            sky: ambient / total,
            contact: (1.0 + (centre.z - radius) / radius).clamp(0.0, 1.0),
            streak,
        })
    }

    /// How many places along the streak are drawn, so that their steps do not show.
    fn places(&self) -> u16 {
        let pixels = 2.0 * self.streak.length() / self.pixel_m;
        if pixels < 0.5 {
            1
        } else {
            (pixels / 1.6).ceil().clamp(2.0, 16.0) as u16
        }
    }

    /// The centre at place `i` of `n` along the streak.
    fn centre_at(&self, i: u16, n: u16) -> Point {
        self.centre + self.streak * ((2.0 * f32::from(i) + 1.0) / f32::from(n) - 1.0)
    }

    /// Darkens `tile.shade` where this ball takes light away.
    pub(super) fn shadow(&self, tile: &mut Tile) {
        if self.contact <= 0.0 {
            return;
        }
        // The shadow is soft: a few places are enough.
        let n = self.places().div_ceil(4);
        tile.scratch.fill(0.0);
        for i in 0..n {
            self.add_shadow(self.centre_at(i, n), self.contact / f32::from(n), tile);
        }
        for (shade, &dark) in tile.shade.iter_mut().zip(&tile.scratch) {
            *shade *= 1.0 - dark.min(0.95);
        }
    }

    /// Adds to `tile.scratch` the share of light that is missing because of a ball at `c`.
    fn add_shadow(&self, c: Point, weight: f32, tile: &mut Tile) {
        let r = self.radius;
        for bulb in &self.bulbs {
            let u = bulb.direction;
            let (spread, share) = (bulb.spread, bulb.share * weight);
            let floor = 0.25 * r * spread;
            if tile.is_beyond(c, u, r * (1.0 + 3.0 * spread)) {
                continue;
            }
            for (((out, &x), &y), &z) in tile.scratch.iter_mut().zip(&tile.x).zip(&tile.y).zip(&tile.z) {
                let (dx, dy, dz) = (c.x - x, c.y - y, c.z - z);
                let along = dx * u.x + dy * u.y + dz * u.z;
                let across = (dx * dx + dy * dy + dz * dz - along * along).max(0.0).sqrt();
                let blur = (along * spread).max(floor);
                // Penumbra: the ball's edge against the disc of the lamp.
                let t = ((r + blur - across) / (2.0 * blur)).clamp(0.0, 1.0);
                let hidden = t * t * (3.0 - 2.0 * t);
                *out += if along > 0.0 { hidden * share } else { 0.0 };
            }
        }
        // The sphere hides part of the sky from the cloth: cos · (R/d)² for a sphere of radius R.
        let sky = self.sky * 0.95 * weight;
        let nearest = r * r;
        for (((out, &x), &y), &z) in tile.scratch.iter_mut().zip(&tile.x).zip(&tile.y).zip(&tile.z) {
            let (dx, dy, dz) = (c.x - x, c.y - y, (c.z - z).max(0.0));
            let square = (dx * dx + dy * dy + dz * dz).max(nearest);
            *out += sky * (nearest * dz / (square * square.sqrt())).min(1.0);
        }
    }

    /// Draws the sphere into `tile.light`. `near` are the balls close enough to shade it.
    pub(super) fn draw(&self, tile: &mut Tile, near: &[&Self], around: &Surroundings<'_>) {
        let Some(paint) = around.paints.get(self.paint) else {
            return;
        };
        let eye = around.backdrop.rays.eye;
        let n = self.places();
        let (columns, rows) = tile.pixels_in(self.sphere_px);
        for row in rows {
            for column in columns.clone() {
                let index = row * Tile::SIDE + column;
                let Some((ray, surface)) = tile.ray(index, eye) else {
                    continue;
                };
                let (mut sum, mut covered) = (Light::ZERO, 0.0);
                for i in 0..n {
                    let centre = self.centre_at(i, n);
                    let origin = eye - centre;
                    let miss = origin - ray * origin.dot(ray);
                    let across = miss.length();
                    let cover = smoothstep(-0.85, 0.85, (self.radius - across) / self.pixel_m);
                    if cover <= 0.0 {
                        continue;
                    }
                    let depth = (self.radius * self.radius - across * across).max(0.0).sqrt();
                    let on_ball = miss - ray * depth;
                    // Hidden by a cushion, or inside a pocket below its edge.
                    if centre.z + on_ball.z < surface - 0.0008 {
                        continue;
                    }
                    let normal = on_ball.normalize_or(Point::Z);
                    sum += self.shade(centre, normal, ray, near, paint, around) * cover;
                    covered += cover;
                }
                if covered > 0.0
                    && let Some(light) = tile.light.get_mut(index)
                {
                    let places = f32::from(n);
                    *light = *light * (1.0 - covered / places) + sum * (self.vignette / places);
                    if covered > 0.5 * places {
                        // Half a radius up is near enough to tell what is in front.
                        tile.note_depth(index, self.distance - 0.5 * self.radius);
                    }
                }
            }
        }
    }

    fn shade(
        &self,
        centre: Point,
        normal: Point,
        ray: Point,
        near: &[&Self],
        paint: &Paint,
        surroundings: &Surroundings<'_>,
    ) -> Light {
        let backdrop = surroundings.backdrop;
        let at = centre + normal * self.radius;
        let facing = -ray.dot(normal);
        let soft = 0.75 * self.pixel_m / self.radius / facing.clamp(0.35, 1.0);
        let body = paint.at(self.to_ball * normal, soft);
        let lamps = &backdrop.lamps;
        let (mut sky, mut lamp_light) = (1.0_f32, 1.0_f32);
        for other in near {
            let to = other.centre - at;
            let square = to.length_squared();
            let reach = 2.2 * other.radius;
            if square < reach * reach {
                let distance = square.sqrt();
                let toward = (normal.dot(to) / distance).max(0.0);
                let fade = 1.0 - smoothstep(1.2 * other.radius, reach, distance);
                let hidden = toward * fade * (other.radius * other.radius / square).min(1.0);
                sky *= 1.0 - 0.8 * hidden;
                lamp_light *= 1.0 - 0.45 * hidden;
            }
        }
        let mut direct = 0.0;
        for bulb in &self.bulbs {
            direct += bulb.light * (normal.dot(bulb.direction) + 0.06).max(0.0) / 1.06;
        }
        // The cloth around the foot of the ball is lit and throws its colour back up.
        let up = 0.5 + 0.5 * normal.z;
        let foot = smoothstep(-1.0, 0.1, normal.z);
        let bounce = backdrop.cloth * (0.75 * foot + 0.1) + Light::splat(0.03);
        let around = Light::splat(up) * (lamps.ambient * 1.1) + bounce * (1.0 - up);
        let projected = surroundings.projected(at, normal);
        let mut colour = body * (around * sky + Light::splat(direct * lamp_light) + projected);
        // Clear lacquer: Schlick's approximation of Fresnel for n = 1.5.
        let mirror = ray + normal * (2.0 * facing);
        let fresnel = 0.04 + 0.96 * (1.0 - facing.clamp(0.0, 1.0)).powi(5);
        let room = if mirror.z > 0.0 {
            Light::splat(0.16 + 0.20 * smoothstep(0.0, 0.6, mirror.z))
        } else {
            backdrop.cloth * 0.55
        };
        // A pixel sees this much of the ceiling in the curved mirror.
        let blur = 4.2 * self.pixel_m / self.radius;
        let glare = lamps.mirrored(at, mirror, blur) * lamps.glare;
        colour += (room * sky + Light::splat(glare)) * fresnel;
        colour * self.contact.max(0.15)
    }

    /// Takes the light from the ball that `hides` says is hidden from a point in a direction,
    /// with that penumbra.
    pub(super) fn dim(&mut self, hides: impl Fn(Point, Point, f32) -> f32) {
        for bulb in &mut self.bulbs {
            bulb.light *= 1.0 - hides(self.centre, bulb.direction, bulb.spread);
        }
    }

    /// Whether `other` can shade this ball.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        self.centre.distance_squared(other.centre) < (4.0 * self.radius).powi(2)
    }

    /// Whether this ball's shadow can fall into the pixels left..right, top..bottom.
    pub(super) fn touches(&self, tile: [f32; 4]) -> bool {
        overlaps(self.reach_px, tile)
    }

    /// Whether the sphere itself can be seen in those pixels.
    pub(super) fn covers(&self, tile: [f32; 4]) -> bool {
        overlaps(self.sphere_px, tile)
    }
}

fn overlaps(a: [f32; 4], b: [f32; 4]) -> bool {
    let ([al, at, ar, ab], [bl, bt, br, bb]) = (a, b);
    al < br && bl < ar && at < bb && bt < ab
}
