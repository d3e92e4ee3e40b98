//! A tile of the picture while it is drawn.

use std::ops::Range;

use super::backdrop::{Backdrop, HEIGHT_UNIT};
use super::paint::Paint;
use super::projection::ProjectedLight;
use super::tone::ONE;
use super::{Light, Point};

/// A square of pixels that is drawn in one go, small enough for the first-level cache.
///
/// What an item does to the picture ends at the tiles it touches, so drawing those tiles
/// again gives the same picture as drawing everything.
pub(super) struct Tile {
    left: usize,
    top: usize,
    /// Middle of the surface under the tile, and how far it reaches from there, metres.
    middle: Point,
    reach: f32,
    /// Where the surface under each pixel is, metres.
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<f32>,
    pub(super) z: Vec<f32>,
    /// The point on the plane z = 0 behind each pixel.
    cloth: Vec<glam::Vec2>,
    /// Share of the light that arrives.
    pub(super) shade: Vec<f32>,
    /// Light from the projector, as a share of the lamps' light; empty without a projector.
    glow: Vec<Light>,
    /// Room for one item's part of it.
    pub(super) scratch: Vec<f32>,
    /// Room for the sum of an item's parts.
    pub(super) dark: Vec<f32>,
    /// How far along its ray each pixel's nearest item is, metres: of things only those
    /// nearer than this are drawn.
    depth: Vec<f32>,
    /// The picture so far.
    pub(super) light: Vec<Light>,
}

impl Tile {
    pub(super) const SIDE: usize = 32;
    pub(super) const PIXELS: usize = Self::SIDE * Self::SIDE;

    pub(super) fn new() -> Self {
        Self {
            left: 0,
            top: 0,
            middle: Point::ZERO,
            reach: 0.0,
            x: vec![0.0; Self::PIXELS],
            y: vec![0.0; Self::PIXELS],
            z: vec![0.0; Self::PIXELS],
            cloth: vec![glam::Vec2::ZERO; Self::PIXELS],
            shade: vec![1.0; Self::PIXELS],
            glow: Vec::new(),
            scratch: vec![0.0; Self::PIXELS],
            dark: vec![0.0; Self::PIXELS],
            depth: vec![f32::MAX; Self::PIXELS],
            light: vec![Light::ZERO; Self::PIXELS],
        }
    }

    /// Columns and rows of this tile that lie within left, top, right, bottom (pixels).
    pub(super) fn pixels_in(&self, [l, t, r, b]: [f32; 4]) -> (Range<usize>, Range<usize>) {
        let clip = |from: f32, to: f32, start: usize| {
            let side = Self::SIDE as f32;
            let first = (from - start as f32).floor().clamp(0.0, side) as usize;
            let last = (to - start as f32).ceil().clamp(0.0, side) as usize;
            first..last.max(first)
        };
        (clip(l, r, self.left), clip(t, b, self.top))
    }

    /// Unit direction of the ray through pixel `i` and the height of the surface it meets.
    pub(super) fn ray(&self, i: usize, eye: Point) -> Option<(Point, f32)> {
        let (cloth, z) = (self.cloth.get(i)?, self.z.get(i)?);
        Some(((cloth.extend(0.0) - eye).normalize_or(Point::NEG_Z), *z))
    }

    /// True when no part of the surface under this tile lies within `reach` of the line from
    /// `from` against `direction`: nothing here can be in the shadow of a thing there.
    pub(super) fn is_beyond(&self, from: Point, direction: Point, reach: f32) -> bool {
        let to = self.middle - from;
        let across = to - direction * to.dot(direction);
        across.length_squared() > (reach + self.reach).powi(2)
    }

    /// Middle of the surface under the tile, and how far it reaches from there, metres.
    pub(super) fn extent(&self) -> (Point, f32) {
        (self.middle, self.reach)
    }

    /// Forgets how near what was drawn is.
    pub(super) fn clear_depth(&mut self) {
        self.depth.fill(f32::MAX);
    }

    /// Notes that something `far` along the ray hides pixel `i`.
    pub(super) fn note_depth(&mut self, i: usize, far: f32) {
        if let Some(depth) = self.depth.get_mut(i) {
            *depth = depth.min(far);
        }
    }

    /// Whether nothing that was drawn at pixel `i` is nearer than `far`.
    pub(super) fn is_nearest(&self, i: usize, far: f32) -> bool {
        self.depth.get(i).is_some_and(|depth| far < *depth)
    }

    /// Lays a colour over a share of pixel `i`.
    pub(super) fn cover(&mut self, i: usize, colour: Light, share: f32, far: f32) {
        if let Some(light) = self.light.get_mut(i) {
            *light = light.lerp(colour, share);
        }
        if share > 0.5 {
            self.note_depth(i, far);
        }
    }

    /// Moves the tile and fills in what lies under it.
    pub(super) fn place(&mut self, backdrop: &Backdrop, column: usize, row: usize) {
        (self.left, self.top) = (column * Self::SIDE, row * Self::SIDE);
        self.shade.fill(1.0);
        let eye = backdrop.rays.eye;
        let width = backdrop.size.width as usize;
        let (mut low, mut high) = (Point::MAX, Point::MIN);
        for i in 0..Self::PIXELS {
            let (px, py) = (self.left + i % Self::SIDE, self.top + i / Self::SIDE);
            let cloth = backdrop.rays.on_cloth(px as f32 + 0.5, py as f32 + 0.5);
            let stored = if px < width {
                backdrop.height.get(py * width + px).copied().unwrap_or(0)
            } else {
                0
            };
            let z = f32::from(stored) * HEIGHT_UNIT;
            let p = cloth + (eye.truncate() - cloth) * (z / eye.z);
            if let (Some(a), Some(b), Some(c), Some(d)) = (
                self.x.get_mut(i),
                self.y.get_mut(i),
                self.z.get_mut(i),
                self.cloth.get_mut(i),
            ) {
                (*a, *b, *c, *d) = (p.x, p.y, z, cloth);
            }
            (low, high) = (low.min(p.extend(z)), high.max(p.extend(z)));
        }
        self.middle = (low + high) * 0.5;
        self.reach = low.distance(high) * 0.5;
    }

    /// Lets a projector shine on what lies under the tile.
    pub(super) fn shine(&mut self, projection: Option<&ProjectedLight>) {
        self.glow.clear();
        if let Some(projection) = projection {
            let places = self.x.iter().zip(&self.y).zip(&self.z);
            self.glow
                .extend(places.map(|((&x, &y), &z)| projection.at(Point::new(x, y, z))));
        }
    }

    /// The empty table under the shade gathered so far.
    pub(super) fn lay_ground(&mut self, backdrop: &Backdrop) {
        let (width, height) = (backdrop.size.width as usize, backdrop.size.height as usize);
        let columns = Self::SIDE.min(width.saturating_sub(self.left));
        for row in 0..Self::SIDE.min(height.saturating_sub(self.top)) {
            let from = ((self.top + row) * width + self.left) * 3;
            let ground = backdrop.light.get(from..from + 3 * columns).unwrap_or_default();
            let own = row * Self::SIDE..row * Self::SIDE + columns;
            let light = self.light.get_mut(own.clone()).unwrap_or_default();
            let shade = self.shade.get(own.clone()).unwrap_or_default();
            for ((out, rgb), &shade) in light.iter_mut().zip(ground.chunks_exact(3)).zip(shade) {
                if let [r, g, b] = *rgb {
                    *out = Light::new(f32::from(r), f32::from(g), f32::from(b)) * (shade / ONE);
                }
            }
            let glow = self.glow.get(own).unwrap_or_default();
            for ((out, rgb), glow) in light.iter_mut().zip(ground.chunks_exact(3)).zip(glow) {
                if let [r, g, b] = *rgb {
                    *out += Light::new(f32::from(r), f32::from(g), f32::from(b)) * *glow / ONE;
                }
            }
        }
    }
}

/// What lights and colours the things that move.
pub(super) struct Surroundings<'a> {
    pub(super) backdrop: &'a Backdrop,
    pub(super) paints: &'a [Paint],
    pub(super) projection: Option<&'a ProjectedLight>,
}

impl Surroundings<'_> {
    /// The projector's light on a surface at `at` that faces `normal`.
    pub(super) fn projected(&self, at: Point, normal: Point) -> Light {
        match self.projection {
            Some(projection) if normal.z > 0.0 => projection.at(at) * normal.z,
            _ => Light::ZERO,
        }
    }
}
