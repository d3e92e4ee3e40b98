//! A slab: an upright box with rounded corners, and the light it takes away.

use super::thing::{Coat, Lit};
use super::tile::{Surroundings, Tile};
use super::{Point, smoothstep};
use crate::virtual_table::moment::Slab;
use crate::virtual_table::solid::{Block, Pass, rounded};

/// A slab made ready for drawing.
pub(super) struct SlabDraw {
    pub(super) block: Block,
    top: Coat,
    side: Coat,
    inlay: Option<InlayDraw>,
}

struct InlayDraw {
    half: glam::Vec2,
    corner: f32,
    coat: Coat,
}

impl SlabDraw {
    pub(super) fn new(slab: &Slab) -> Self {
        Self {
            block: Block::of(slab),
            top: Coat::of(&slab.top),
            side: Coat::of(&slab.side),
            inlay: slab.inlay.as_ref().map(|inlay| InlayDraw {
                half: inlay.half_m.as_vec2(),
                corner: inlay.corner_m as f32,
                coat: Coat::of(&inlay.finish),
            }),
        }
    }

    fn hidden(pass: &Pass, spread: f32) -> f32 {
        let blur = (pass.far * spread).max(0.001);
        let side = ((blur - pass.gap) / (2.0 * blur)).clamp(0.0, 1.0);
        side * side * (3.0 - 2.0 * side)
    }

    /// Share of a lamp that is hidden from a point.
    pub(super) fn hides(&self, at: Point, direction: Point, spread: f32) -> f32 {
        self.block
            .pass(at, direction)
            .map_or(0.0, |pass| Self::hidden(&pass, spread))
    }

    /// Raises `tile.scratch` to what is hidden of a lamp that gives `share` of the light.
    /// False when the slab's shadow does not come here.
    pub(super) fn hide(&self, direction: Point, spread: f32, share: f32, tile: &mut Tile) -> bool {
        let (middle, reach) = tile.extent();
        let half = self.block.half;
        let to = self.block.middle - middle;
        let away = (to - direction * to.dot(direction)).length();
        if away > reach + half.length() * (1.0 + 2.0 * spread) + to.length() * spread {
            return false;
        }
        let places = tile.x.iter().zip(&tile.y).zip(&tile.z);
        for (out, ((&x, &y), &z)) in tile.scratch.iter_mut().zip(places) {
            let hidden = self.hides(Point::new(x, y, z), direction, spread);
            *out = out.max(share * hidden);
        }
        true
    }

    /// Draws the slab into `tile.light`.
    pub(super) fn draw(&self, lit: &Lit, middle: Point, tile: &mut Tile, surroundings: &Surroundings<'_>) {
        let backdrop = surroundings.backdrop;
        let eye = backdrop.rays.eye;
        let focal = backdrop.camera().lens.focal_px.x as f32;
        let size = self.block.half.length();
        for i in 0..Tile::PIXELS {
            let Some((ray, surface)) = tile.ray(i, eye) else {
                continue;
            };
            let to = middle - eye;
            if (to - ray * to.dot(ray)).length_squared() > (size + 0.01).powi(2) {
                continue;
            }
            let Some(pass) = self.block.pass(eye, ray) else {
                continue;
            };
            let pixel = pass.far / focal;
            let cover = smoothstep(-0.85, 0.85, -pass.gap / pixel);
            if cover <= 0.0 {
                continue;
            }
            let far = self.block.enter(eye, ray, &pass);
            let at = eye + ray * far;
            if at.z < surface - 0.001 || !tile.is_nearest(i, far) {
                continue;
            }
            let up = self.block.between(eye, ray).map_or(far, |(near, _)| near);
            let on_top = self.block.own((eye + ray * up).truncate());
            let half = self.block.half.truncate();
            let inside = rounded(on_top, half, self.block.corner);
            let flat = smoothstep(-0.85, 0.85, -inside / pixel);
            let mut colour = super::Light::ZERO;
            if flat > 0.0 {
                let mut coat = self.top;
                if let Some(inlay) = &self.inlay {
                    let edge = rounded(on_top, inlay.half, inlay.corner);
                    coat = coat.lerp(&inlay.coat, smoothstep(-0.85, 0.85, -edge / pixel));
                }
                let top = (eye + ray * up, Point::Z, ray);
                colour += lit.shade(&coat, top, on_top, 0.0, surroundings) * flat;
            }
            if flat < 1.0 {
                let normal = self.block.outward(at.truncate()).extend(0.0);
                let side = (at, normal.normalize_or(Point::Z), ray);
                let own = glam::Vec2::new(on_top.x + on_top.y, at.z);
                colour += lit.shade(&self.side, side, own, 0.0, surroundings) * (1.0 - flat);
            }
            tile.cover(i, colour, cover, far);
        }
    }
}
