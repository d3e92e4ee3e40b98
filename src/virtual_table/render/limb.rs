//! A limb: a rounded tapered stick, and the light it takes away.

use super::thing::{Coat, Lit};
use super::tile::{Surroundings, Tile};
use super::{Light, Point, smoothstep};
use crate::virtual_table::moment::Limb;
use crate::virtual_table::solid::{Pass, Stick};

/// A limb made ready for drawing.
pub(super) struct LimbDraw {
    pub(super) stick: Stick,
    coat: Coat,
    length: f32,
}

impl LimbDraw {
    pub(super) fn new(limb: &Limb) -> Self {
        let stick = Stick::of(limb);
        Self {
            coat: Coat::of(&limb.finish),
            length: stick.along.length(),
            stick,
        }
    }

    /// Share of a lamp that is hidden from where `pass` comes from.
    fn hidden(&self, pass: &Pass, spread: f32) -> f32 {
        if pass.far <= 0.0 {
            return 0.0;
        }
        let blur = (pass.far * spread).max(0.001);
        let side = ((blur - pass.gap) / (2.0 * blur)).clamp(0.0, 1.0);
        // A limb thinner than the lamp's disc never hides all of it.
        let most = (1.2 * self.stick.radius_at(pass.share) / blur).min(1.0);
        side * side * (3.0 - 2.0 * side) * most
    }

    /// The same for a point.
    pub(super) fn hides(&self, at: Point, direction: Point, spread: f32) -> f32 {
        self.hidden(&self.stick.lines(direction).pass(at), spread)
    }

    /// Raises `tile.scratch` to what is hidden of a lamp that gives `share` of the light.
    /// False when the limb's shadow does not come here.
    pub(super) fn hide(&self, direction: Point, spread: f32, share: f32, tile: &mut Tile) -> bool {
        let lines = self.stick.lines(direction);
        let (middle, reach) = tile.extent();
        let pass = lines.pass(middle);
        // Anywhere on the tile the line's nearest place may be further along by its extent.
        let far = pass.far + reach + self.length;
        if far < 0.0 || pass.gap > 1.5 * reach + far * spread {
            return false;
        }
        let places = tile.x.iter().zip(&tile.y).zip(&tile.z);
        for (out, ((&x, &y), &z)) in tile.scratch.iter_mut().zip(places) {
            let pass = lines.pass(Point::new(x, y, z));
            *out = out.max(share * self.hidden(&pass, spread));
        }
        true
    }

    /// Draws the limb into `tile.light`.
    pub(super) fn draw(&self, lit: &Lit, tile: &mut Tile, surroundings: &Surroundings<'_>) {
        let backdrop = surroundings.backdrop;
        let eye = backdrop.rays.eye;
        let focal = backdrop.camera().lens.focal_px.x as f32;
        let near_tile = |tile: &Tile| {
            let (middle, reach) = tile.extent();
            let ray = (middle - eye).normalize_or(Point::NEG_Z);
            self.stick.lines(ray).pass(eye).gap < 1.5 * reach
        };
        if !near_tile(tile) {
            return;
        }
        for i in 0..Tile::PIXELS {
            let Some((ray, surface)) = tile.ray(i, eye) else {
                continue;
            };
            let pass = self.stick.lines(ray).pass(eye);
            let pixel = pass.far / focal;
            let cover = smoothstep(-0.85, 0.85, -pass.gap / pixel);
            if cover <= 0.0 {
                continue;
            }
            let (far, normal) = self.stick.enter(eye, ray).unwrap_or_else(|| {
                // The outermost half pixel: as at the edge.
                let axis = self.stick.from + self.stick.along * pass.share;
                let miss = eye + ray * pass.far - axis;
                (pass.far, miss.normalize_or(Point::Z))
            });
            let at = eye + ray * far;
            if at.z < surface - 0.001 || !tile.is_nearest(i, far) {
                continue;
            }
            let axis = self.stick.from + self.stick.along * pass.share;
            let off = at - axis;
            let around = off.cross(self.stick.along).z / self.length.max(0.02);
            let own = glam::Vec2::new(pass.share * self.length, around);
            let colour: Light = lit.shade(&self.coat, (at, normal, ray), own, 0.25, surroundings);
            tile.cover(i, colour, cover, far);
        }
    }
}
