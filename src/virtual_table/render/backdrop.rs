//! The table without balls and cue, drawn once.

use glam::Vec2;

use super::furniture::{Furniture, Hit, Material};
use super::lamps::{Lamps, Lighting};
use super::tone::{ONE, Tone, linear};
use super::view::RayMap;
use super::{Light, Point, smoothstep, texture};
use crate::calibration::CameraModel;
use crate::table::{BallSet, TableSpec};
use crate::units::ImageSize;

/// What is drawn once: the empty table in light and in bytes, and how high everything is.
pub(in crate::virtual_table) struct Backdrop {
    pub(super) size: ImageSize,
    /// Linear light, 16-bit, red green blue.
    pub(super) light: Vec<u16>,
    /// The same as the camera's bytes.
    pub(super) bytes: Vec<u8>,
    /// Height above the cloth per pixel, in tenths of a millimetre.
    pub(super) height: Vec<i16>,
    pub(super) rays: RayMap,
    pub(super) lamps: Lamps,
    pub(super) tone: Tone,
    /// Colour of the cloth in the middle of the table.
    pub(super) cloth: Light,
    camera: CameraModel,
    middle: Vec2,
    vignette_px: f32,
}

/// Tenths of a millimetre in a metre.
pub(super) const HEIGHT_UNIT: f32 = 1e-4;

impl Backdrop {
    /// Draws the empty table. `None` when the camera does not look down on the cloth.
    pub(in crate::virtual_table) fn new(
        table: &TableSpec,
        camera: &CameraModel,
        cloth_srgb: [u8; 3],
        lighting: Lighting,
        brightness: f32,
        seed: u32,
    ) -> Option<Self> {
        let size = camera.lens.image;
        let rays = RayMap::new(camera)?;
        let lamps = Lamps::over(table, rays.eye.z, lighting, brightness);
        let cloth = linear(cloth_srgb);
        let painter = Painter {
            furniture: Furniture::of(table, seed),
            lamps: &lamps,
            eye: rays.eye,
            cloth,
            spots: Markings::of(table),
            seed,
        };
        let width = size.width as usize;
        let mut picture = vec![Light::ZERO; size.pixels()];
        let mut height = vec![0_i16; size.pixels()];
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let band = (size.height as usize).div_ceil(4 * threads).max(1);
        let bands: Vec<_> = picture
            .chunks_mut(band * width)
            .zip(height.chunks_mut(band * width))
            .enumerate()
            .collect();
        let queue = std::sync::Mutex::new(bands);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let job = queue.lock().ok().and_then(|mut q| q.pop());
                        let Some((index, (light, height))) = job else {
                            break;
                        };
                        painter.fill(&rays, width, index * band, light, height);
                    }
                });
            }
        });
        blur(&mut picture, width);
        let middle = camera.lens.centre_px.as_vec2();
        let vignette_px = (width as f32) * 0.62;
        for (i, light) in picture.iter_mut().enumerate() {
            let at = Vec2::new((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            *light *= vignette(at, middle, vignette_px);
        }
        let tone = Tone::new();
        let light: Vec<u16> = picture
            .iter()
            .flat_map(|c| c.to_array())
            .map(|x| (x * ONE) as u16)
            .collect();
        let bytes = light.iter().map(|&x| tone.stored(x)).collect();
        Some(Self {
            size,
            light,
            bytes,
            height,
            rays,
            lamps,
            tone,
            cloth,
            camera: *camera,
            middle,
            vignette_px,
        })
    }

    /// The camera this picture is taken with.
    pub(super) fn camera(&self) -> &CameraModel {
        &self.camera
    }

    /// How much light the lens loses toward the corner, 0..1.
    pub(super) fn vignette(&self, at_px: Vec2) -> f32 {
        vignette(at_px, self.middle, self.vignette_px)
    }
}

fn vignette(at: Vec2, middle: Vec2, reach: f32) -> f32 {
    let r2 = at.distance_squared(middle) / (reach * reach);
    1.0 / (1.0 + 0.40 * r2)
}

/// The focus blur of a webcam, about 0.6 px.
fn blur(picture: &mut [Light], width: usize) {
    const SIDE: f32 = 0.19;
    const MIDDLE: f32 = 1.0 - 2.0 * SIDE;
    for row in picture.chunks_mut(width) {
        let mut before = row.first().copied().unwrap_or_default();
        for x in 0..row.len() {
            let here = row.get(x).copied().unwrap_or_default();
            let after = row.get(x + 1).copied().unwrap_or(here);
            if let Some(out) = row.get_mut(x) {
                *out = before * SIDE + here * MIDDLE + after * SIDE;
            }
            before = here;
        }
    }
    let mut before: Vec<Light> = picture.get(..width).unwrap_or_default().to_vec();
    let mut rest = picture;
    while !rest.is_empty() {
        let (row, below) = rest.split_at_mut(width.min(rest.len()));
        for (x, here) in row.iter_mut().enumerate() {
            let after = below.get(x).copied().unwrap_or(*here);
            let old = *here;
            if let Some(above) = before.get_mut(x) {
                *here = *above * SIDE + old * MIDDLE + after * SIDE;
                *above = old;
            }
        }
        rest = below;
    }
}

/// Lines and spots on the cloth.
struct Markings {
    spots: Vec<Vec2>,
    /// x of the baulk line and radius of the D, on a snooker table.
    baulk: Option<(f32, f32)>,
}

impl Markings {
    fn of(table: &TableSpec) -> Self {
        let (hl, hw) = (table.half_length_m() as f32, table.half_width_m() as f32);
        match table.ball_set {
            BallSet::Pool => Self {
                spots: vec![Vec2::new(-0.5 * hl, 0.0), Vec2::new(0.5 * hl, 0.0)],
                baulk: None,
            },
            BallSet::Snooker => Self {
                spots: vec![Vec2::ZERO, Vec2::new(0.5 * hl, 0.0), Vec2::new(hl - 0.324, 0.0)],
                baulk: Some((-hl + 0.737, 0.292)),
            },
            BallSet::Carom => Self {
                spots: vec![
                    Vec2::new(-0.5 * hl, 0.0),
                    Vec2::new(-0.5 * hl, 0.29 * hw),
                    Vec2::ZERO,
                    Vec2::new(0.5 * hl, 0.0),
                ],
                baulk: None,
            },
        }
    }
}

/// Colours and lights what rays hit.
struct Painter<'a> {
    furniture: Furniture,
    lamps: &'a Lamps,
    eye: Point,
    cloth: Light,
    spots: Markings,
    seed: u32,
}

impl Painter<'_> {
    fn fill(&self, rays: &RayMap, width: usize, first_row: usize, light: &mut [Light], height: &mut [i16]) {
        const FEW: [(f32, f32); 4] = [(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)];
        for (i, (light, height)) in light.iter_mut().zip(height).enumerate() {
            let (x, y) = ((i % width) as f32, (first_row + i / width) as f32);
            let hit = |dx: f32, dy: f32| self.furniture.hit(self.eye, rays.on_cloth(x + dx, y + dy));
            let middle = hit(0.5, 0.5);
            *height = (middle.at.z.max(-0.2) / HEIGHT_UNIT).round() as i16;
            let hits = FEW.map(|(dx, dy)| hit(dx, dy));
            let same = |h: &Hit| h.material == middle.material && h.normal.dot(middle.normal) > 0.98;
            if hits.iter().all(same) && middle.material.is_smooth() {
                *light = self.colour(&middle);
                continue;
            }
            let mut sum = hits.iter().fold(Light::ZERO, |sum, h| sum + self.colour(h));
            let mut count = 4.0;
            if !hits.iter().all(same) {
                for j in 0..4_u8 {
                    for k in 0..4_u8 {
                        let (dx, dy) = (f32::from(j) / 4.0 + 0.125, f32::from(k) / 4.0 + 0.125);
                        sum += self.colour(&hit(dx, dy));
                        count += 1.0;
                    }
                }
            }
            *light = sum / count;
        }
    }

    fn colour(&self, hit: &Hit) -> Light {
        let flat = hit.at.truncate();
        match hit.material {
            Material::Cloth => self.cloth_colour(hit, flat),
            Material::CushionTop | Material::CushionFace => self.cushion_colour(hit, flat),
            Material::Rail | Material::Diamond => self.rail_colour(hit, flat),
            Material::Casting => {
                let brushed = 1.0 + 0.05 * texture::value(flat.x * 900.0, flat.y * 60.0, self.seed ^ 11);
                let edge = smoothstep(0.0, 0.006, -self.furniture.beyond_rails(flat));
                let base = Light::new(0.27, 0.275, 0.285) * (brushed * (0.5 + 0.5 * edge));
                base * self.open_light(hit) + self.shine(hit, 0.40, 0.55)
            }
            Material::Rim => {
                let rim = self.furniture.beyond_hole(flat);
                // A rounded lip: bright outside, falling into the hole.
                let bulge = smoothstep(0.0, 0.007, rim) * (1.0 - 0.5 * smoothstep(0.011, 0.016, rim));
                Light::new(0.020, 0.019, 0.018) * ((0.5 + bulge) * self.open_light(hit))
                    + self.shine(hit, 0.25, 0.05) * bulge
            }
            Material::Hole => self.hole_colour(hit, flat),
            Material::Floor => self.floor_colour(flat),
        }
    }

    /// Light on a surface with nothing in the way.
    fn open_light(&self, hit: &Hit) -> f32 {
        self.lamps.ambient * (0.6 + 0.4 * hit.normal.z) + self.lamps.direct(hit.at, hit.normal)
    }

    /// The lamps mirrored in a lacquered surface.
    fn shine(&self, hit: &Hit, blur: f32, strength: f32) -> Light {
        let view = (hit.at - self.eye).normalize_or(Point::NEG_Z);
        let mirror = view - hit.normal * (2.0 * view.dot(hit.normal));
        Light::splat(self.lamps.mirrored(hit.at, mirror, blur) * strength)
    }

    fn cloth_colour(&self, hit: &Hit, p: Vec2) -> Light {
        let nap = self.nap(p);
        let to_cushion = self.furniture.to_cushion(p);
        let mut direct = 0.0;
        let near = to_cushion < 0.085;
        for bulb in &self.lamps.bulbs {
            let (light, direction) = Lamps::reach(bulb, hit.at);
            let mut seen = 1.0;
            if near {
                // Does the ray to the lamp pass below the nose?
                let at_nose =
                    p + direction.truncate() * (self.furniture.nose_height() / direction.z.max(0.1));
                let blur = 0.0035;
                seen = 1.0 - smoothstep(-blur, blur, -self.furniture.cushion(at_nose).0);
            }
            direct += light * direction.z * seen;
        }
        // The cushion takes half the sky from the cloth right under it.
        let sky = 1.0 - 0.55 * (-to_cushion.max(0.0) / 0.022).exp();
        let rim = self.furniture.beyond_hole(p);
        let edge = 0.35 + 0.65 * smoothstep(-0.001, 0.012, rim);
        let mut light = (self.lamps.ambient * sky + direct) * edge;
        // Below the nose only what creeps in from the side.
        light *= 0.32 + 0.68 * smoothstep(-0.009, 0.0015, to_cushion);
        let mut colour = self.cloth * nap;
        colour = self.mark(colour, p);
        colour * light
    }

    /// Woven wool: fine fibres along the table, broad clouds, tracks of play, chalk.
    fn nap(&self, p: Vec2) -> f32 {
        let seed = self.seed;
        let fibre = texture::value(p.x * 260.0, p.y * 620.0, seed) * 0.6
            + texture::value(p.x * 900.0, p.y * 900.0, seed ^ 3) * 0.4;
        let broad = texture::cloudy(p.x * 3.2, p.y * 4.1, seed ^ 5);
        let brushed = texture::value(p.x * 1.3, p.y * 26.0, seed ^ 7);
        1.0 + 0.050 * fibre + 0.045 * broad + 0.022 * brushed
    }

    fn mark(&self, cloth: Light, p: Vec2) -> Light {
        let mut colour = cloth;
        // Chalk: pale specks, denser near the middle of the head end.
        let cell = Vec2::new((p.x * 22.0).floor(), (p.y * 22.0).floor());
        let (ix, iy) = (cell.x as i32, cell.y as i32);
        let chance = texture::hash(ix, iy, self.seed ^ 21);
        if chance > 0.93 {
            let centre = cell
                + Vec2::new(
                    0.2 + 0.6 * texture::hash(ix, iy, self.seed ^ 22),
                    0.2 + 0.6 * texture::hash(ix, iy, self.seed ^ 23),
                );
            let d = (p * 22.0).distance(centre) / 22.0;
            let size = 0.0012 + 0.002 * texture::hash(ix, iy, self.seed ^ 24);
            let amount = 0.16 * (1.0 - smoothstep(0.2 * size, size, d));
            colour = colour.lerp(Light::new(0.55, 0.65, 0.75), amount);
        }
        for spot in &self.spots.spots {
            let d = p.distance(*spot);
            if d < 0.010 {
                let dark = smoothstep(0.0055, 0.0045, d) * smoothstep(0.0020, 0.0030, d);
                let sticker = Light::splat(0.55).lerp(Light::splat(0.03), dark);
                colour = colour.lerp(sticker, smoothstep(0.0078, 0.0068, d));
            }
        }
        if let Some((x, radius)) = self.spots.baulk {
            let line = (p.x - x).abs();
            let d = p - Vec2::new(x, 0.0);
            let arc = if d.x < 0.0 {
                (d.length() - radius).abs()
            } else {
                f32::MAX
            };
            let drawn = smoothstep(0.0018, 0.0010, line.min(arc));
            colour = colour.lerp(Light::new(0.62, 0.66, 0.60), 0.75 * drawn);
        }
        colour
    }

    fn cushion_colour(&self, hit: &Hit, p: Vec2) -> Light {
        let cloth = self.cloth * self.nap(p);
        if hit.material == Material::CushionFace {
            // Lit by the cloth in front of it only.
            return cloth * (self.cloth * 0.25 + Light::splat(0.16));
        }
        let light = self.lamps.ambient * (0.55 + 0.45 * hit.normal.z) + self.lamps.direct(hit.at, hit.normal);
        // Where cushion meets rail there is a narrow dark joint.
        let (distance, _) = self.furniture.cushion(p);
        let joint = 1.0 - 0.5 * smoothstep(0.047, 0.0505, -distance);
        cloth * (light * joint)
    }

    fn rail_colour(&self, hit: &Hit, p: Vec2) -> Light {
        if hit.material == Material::Diamond {
            return Light::new(0.80, 0.77, 0.68) * self.open_light(hit);
        }
        let (along, across) = if self.furniture.runs_along_x(p) {
            (p.x, p.y)
        } else {
            (p.y, p.x)
        };
        let seed = self.seed ^ 31;
        let warp = texture::value(along * 2.2, across * 9.0, seed) * 0.012;
        let rings = texture::cloudy(along * 3.0, (across + warp) * 150.0, seed ^ 1);
        let pores = texture::value(along * 40.0, across * 900.0, seed ^ 2);
        let figure = 0.5 + 0.5 * rings;
        let dark = Light::new(0.050, 0.019, 0.011);
        let pale = Light::new(0.165, 0.066, 0.034);
        let wood = dark.lerp(pale, figure) * (1.0 + 0.18 * pores);
        let joint = 1.0
            - 0.7
                * smoothstep(0.0035, 0.0, {
                    let d = p.abs() - self.furniture.inner;
                    d.x.max(d.y)
                });
        wood * (self.open_light(hit) * joint) + self.shine(hit, 0.26, 0.24)
    }

    fn hole_colour(&self, hit: &Hit, p: Vec2) -> Light {
        let depth = -hit.at.z;
        let seen = (1.0 - depth / 0.11).clamp(0.0, 1.0);
        let leather = Light::new(0.030, 0.026, 0.023)
            * (1.0 + 0.25 * texture::value(p.x * 300.0 + hit.at.z * 200.0, p.y * 300.0, self.seed ^ 41));
        let light = 0.10 + 0.75 * seen * seen;
        let facing = self.lamps.direct(hit.at, hit.normal).min(1.0);
        leather * (light * (0.45 + 0.55 * facing))
    }

    fn floor_colour(&self, p: Vec2) -> Light {
        // Oak planks along the table.
        let plank = (p.y / 0.14).floor();
        let shift = texture::hash(plank as i32, 7, self.seed ^ 51) * 1.1;
        let board = ((p.x + shift) / 1.1).floor();
        let tone = texture::hash(plank as i32, board as i32, self.seed ^ 52);
        let seam_y = (p.y / 0.14 - plank).min(plank + 1.0 - p.y / 0.14) * 0.14;
        let across = (p.x + shift) / 1.1 - board;
        let seam_x = across.min(1.0 - across) * 1.1;
        let seam = 0.55 + 0.45 * smoothstep(0.0, 0.003, seam_y.min(seam_x));
        let grain = texture::cloudy(p.x * 4.0 + tone * 50.0, p.y * 90.0, self.seed ^ 53);
        let wood = Light::new(0.33, 0.22, 0.13) * ((0.78 + 0.36 * tone + 0.12 * grain) * seam);
        // The table stands over the floor and takes its light.
        let away = self.furniture.beyond_rails(p).max(0.0);
        let shade = 0.16 + 0.62 * smoothstep(-0.05, 0.55, away);
        wood * shade
    }
}
