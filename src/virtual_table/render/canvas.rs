//! The clean picture, kept from frame to frame: only what changed is drawn again.

use std::ops::Range;
use std::sync::Arc;

use super::backdrop::Backdrop;
use super::ball::BallDraw;
use super::cue::CueDraw;
use super::paint::{Finish, Paint};
use super::projection::ProjectedLight;
use super::thing::{PartDraw, ThingDraw};
use super::tile::{Surroundings, Tile};
use crate::table::{BallKind, TableSpec};
use crate::virtual_table::moment::{BallPose, CuePose, Moment, Thing};

/// Height up to which light of a projector is looked for, metres: balls and rails.
const HIGHEST_LIT: f32 = 0.09;

/// The picture without the sensor's noise.
pub(in crate::virtual_table) struct Canvas {
    backdrop: Backdrop,
    ball_radius_m: f64,
    exposure_s: f64,
    kinds: Vec<BallKind>,
    paints: Vec<Paint>,
    set: crate::table::BallSet,
    finish: Finish,
    bytes: Vec<u8>,
    drawn: Moment,
    columns: usize,
    rows: usize,
    dirty: Vec<bool>,
    tile: Tile,
    projection: Option<Arc<ProjectedLight>>,
    /// Tiles the projector lights.
    lit: Vec<bool>,
    /// Lit, or lit until now: to be drawn again.
    relit: Vec<bool>,
}

impl Canvas {
    /// An empty table, ready to be drawn on; the shutter stays open for `exposure_s`.
    pub(in crate::virtual_table) fn new(
        backdrop: Backdrop,
        table: &TableSpec,
        finish: Finish,
        exposure_s: f64,
    ) -> Self {
        let size = backdrop.size;
        let columns = (size.width as usize).div_ceil(Tile::SIDE);
        let rows = (size.height as usize).div_ceil(Tile::SIDE);
        Self {
            bytes: backdrop.bytes.clone(),
            backdrop,
            ball_radius_m: table.ball.radius_m,
            exposure_s,
            kinds: Vec::new(),
            paints: Vec::new(),
            set: table.ball_set,
            finish,
            drawn: Moment::default(),
            columns,
            rows,
            dirty: vec![false; columns * rows],
            tile: Tile::new(),
            projection: None,
            lit: vec![false; columns * rows],
            relit: vec![false; columns * rows],
        }
    }

    /// Changes what the projector throws onto the table; seen from the next [`draw`](Self::draw) on.
    pub(in crate::virtual_table) fn project(&mut self, projection: Option<Arc<ProjectedLight>>) {
        for row in 0..self.rows {
            for column in 0..self.columns {
                let now = projection.as_ref().is_some_and(|p| {
                    let (low, high) = self.on_table(column, row);
                    p.lights(low, high, HIGHEST_LIT)
                });
                let index = row * self.columns + column;
                if let (Some(lit), Some(relit)) = (self.lit.get_mut(index), self.relit.get_mut(index)) {
                    *relit |= *lit || now;
                    *lit = now;
                }
            }
        }
        self.projection = projection;
    }

    /// What a tile can show of the table, rails and balls included: low and high corner, metres.
    fn on_table(&self, column: usize, row: usize) -> (glam::Vec2, glam::Vec2) {
        let [l, t, r, b] = tile_px(column, row);
        let mut low = glam::Vec2::MAX;
        let mut high = glam::Vec2::MIN;
        let eye = self.backdrop.rays.eye;
        for (x, y) in [(l, t), (r, t), (l, b), (r, b)] {
            let cloth = self.backdrop.rays.on_cloth(x, y);
            let raised = cloth + (eye.truncate() - cloth) * (HIGHEST_LIT / eye.z);
            low = low.min(cloth).min(raised);
            high = high.max(cloth).max(raised);
        }
        (low, high)
    }

    /// The picture as it was drawn last, red green blue.
    pub(in crate::virtual_table) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Brings the picture up to date: redraws the tiles touched by what came, went or moved.
    pub(in crate::virtual_table) fn draw(&mut self, moment: &Moment) {
        self.dirty.clone_from(&self.relit);
        self.relit.fill(false);
        let gone = std::mem::take(&mut self.drawn);
        for ball in gone.balls.iter().filter(|b| !moment.balls.contains(b)) {
            self.mark_ball(ball);
        }
        for ball in moment.balls.iter().filter(|b| !gone.balls.contains(b)) {
            self.mark_ball(ball);
        }
        if gone.cue != moment.cue {
            for cue in [gone.cue.as_ref(), moment.cue.as_ref()].into_iter().flatten() {
                self.mark_cue(cue);
            }
        }
        for thing in gone.things.iter().filter(|t| !moment.things.contains(t)) {
            self.mark_thing(thing);
        }
        for thing in moment.things.iter().filter(|t| !gone.things.contains(t)) {
            self.mark_thing(thing);
        }
        self.redraw(moment);
        self.drawn.clone_from(moment);
    }

    /// Draws everything anew.
    #[cfg(test)]
    pub(in crate::virtual_table) fn draw_all(&mut self, moment: &Moment) {
        self.dirty.fill(true);
        self.redraw(moment);
        self.drawn.clone_from(moment);
    }

    fn redraw(&mut self, moment: &Moment) {
        let mut balls: Vec<BallDraw> = Vec::with_capacity(moment.balls.len());
        for pose in &moment.balls {
            let paint = self.paint(pose.kind);
            balls.extend(BallDraw::new(
                pose,
                self.ball_radius_m,
                paint,
                self.exposure_s,
                &self.backdrop,
            ));
        }
        // The nearest last: it is in front.
        balls.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        let cue = moment
            .cue
            .as_ref()
            .and_then(|pose| CueDraw::new(pose, self.exposure_s, &self.backdrop));
        let mut under_cue = vec![false; if cue.is_some() { self.dirty.len() } else { 0 }];
        if let Some(cue) = &cue {
            mark_track(&mut under_cue, &cue.track_px, self.columns, self.rows);
        }
        let things: Vec<ThingDraw> = moment
            .things
            .iter()
            .take(MOST_THINGS)
            .map(|thing| ThingDraw::new(thing, moment.cue.as_ref(), &self.backdrop))
            .collect();
        // A bit per thing.
        let mut under_things = vec![0_u32; if things.is_empty() { 0 } else { self.dirty.len() }];
        for (bit, thing) in things.iter().enumerate() {
            let mut under = vec![false; self.dirty.len()];
            mark_track(&mut under, &thing.track_px, self.columns, self.rows);
            for (mask, under) in under_things.iter_mut().zip(under) {
                *mask |= u32::from(under) << bit;
            }
            for ball in &mut balls {
                ball.dim(|at, direction, spread| thing.hides(at, direction, spread));
            }
        }
        for row in 0..self.rows {
            for column in 0..self.columns {
                let index = row * self.columns + column;
                if !self.dirty.get(index).copied().unwrap_or(false) {
                    continue;
                }
                let here = tile_px(column, row);
                let touching: Vec<&BallDraw> = balls.iter().filter(|b| b.touches(here)).collect();
                let cue = cue
                    .as_ref()
                    .filter(|_| under_cue.get(index).copied().unwrap_or(false));
                let lit = self.lit.get(index).copied().unwrap_or(false);
                let mask = under_things.get(index).copied().unwrap_or(0);
                if touching.is_empty() && cue.is_none() && mask == 0 && !lit {
                    self.restore(column, row);
                } else {
                    let here = (0..)
                        .zip(&things)
                        .filter(|(bit, _)| mask & (1 << bit) != 0)
                        .map(|(_, thing)| thing);
                    let here: Vec<&ThingDraw> = here.collect();
                    self.compose(column, row, &touching, cue, &here);
                }
            }
        }
    }

    fn compose(
        &mut self,
        column: usize,
        row: usize,
        balls: &[&BallDraw],
        cue: Option<&CueDraw>,
        things: &[&ThingDraw],
    ) {
        let tile = &mut self.tile;
        tile.place(&self.backdrop, column, row);
        for ball in balls {
            ball.shadow(tile);
        }
        if let Some(cue) = cue {
            cue.shadow(tile);
        }
        for thing in things {
            thing.shadow(tile);
        }
        let here = tile_px(column, row);
        let lit = self
            .lit
            .get(row * self.columns + column)
            .copied()
            .unwrap_or(false);
        let projection = self.projection.as_deref().filter(|_| lit);
        tile.shine(projection);
        tile.lay_ground(&self.backdrop);
        let around = Surroundings {
            backdrop: &self.backdrop,
            paints: &self.paints,
            projection,
        };
        tile.clear_depth();
        for ball in balls.iter().filter(|b| b.covers(here)) {
            let near: Vec<&BallDraw> = balls
                .iter()
                .filter(|other| !std::ptr::eq(**other, *ball) && ball.is_near(other))
                .copied()
                .collect();
            ball.draw(tile, &near, &around);
        }
        let mut parts: Vec<&PartDraw> = things.iter().flat_map(|thing| &thing.parts).collect();
        parts.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        if let Some(cue) = cue {
            for part in parts.iter().filter(|part| part.is_below_cue) {
                part.draw(tile, &around);
            }
            cue.draw(tile, &around);
            parts.retain(|part| !part.is_below_cue);
        }
        for part in parts {
            part.draw(tile, &around);
        }
        let tone = &self.backdrop.tone;
        each_row(self.backdrop.size, column, row, |i, bytes, columns| {
            let light = self
                .tile
                .light
                .get(i * Tile::SIDE..i * Tile::SIDE + columns)
                .unwrap_or_default();
            let out = self.bytes.get_mut(bytes).unwrap_or_default();
            for (out, light) in out.chunks_exact_mut(3).zip(light) {
                if let [r, g, b] = out {
                    (*r, *g, *b) = (tone.byte(light.x), tone.byte(light.y), tone.byte(light.z));
                }
            }
        });
    }

    fn restore(&mut self, column: usize, row: usize) {
        each_row(self.backdrop.size, column, row, |_, bytes, _| {
            if let (Some(out), Some(clean)) =
                (self.bytes.get_mut(bytes.clone()), self.backdrop.bytes.get(bytes))
            {
                out.copy_from_slice(clean);
            }
        });
    }

    fn paint(&mut self, kind: BallKind) -> usize {
        if let Some(known) = self.kinds.iter().position(|k| *k == kind) {
            return known;
        }
        self.kinds.push(kind);
        self.paints.push(Paint::of(kind, self.set, &self.finish));
        self.kinds.len() - 1
    }

    fn mark_ball(&mut self, pose: &BallPose) {
        if let Some(ball) = BallDraw::new(pose, self.ball_radius_m, 0, self.exposure_s, &self.backdrop) {
            mark_box(&mut self.dirty, ball.reach_px, self.columns, self.rows);
        }
    }

    fn mark_cue(&mut self, pose: &CuePose) {
        if let Some(cue) = CueDraw::new(pose, self.exposure_s, &self.backdrop) {
            mark_track(&mut self.dirty, &cue.track_px, self.columns, self.rows);
        }
    }

    fn mark_thing(&mut self, thing: &Thing) {
        let draw = ThingDraw::new(thing, None, &self.backdrop);
        mark_track(&mut self.dirty, &draw.track_px, self.columns, self.rows);
    }
}

/// As many things are drawn: as many as a tile has bits for.
const MOST_THINGS: usize = 32;

/// Left, top, right, bottom of a tile in pixels.
fn tile_px(column: usize, row: usize) -> [f32; 4] {
    let at = |i: usize| (i * Tile::SIDE) as f32;
    [at(column), at(row), at(column + 1), at(row + 1)]
}

/// Calls `f` with every row of a tile inside the picture: its number, its bytes, its columns.
fn each_row(
    size: crate::units::ImageSize,
    column: usize,
    row: usize,
    mut f: impl FnMut(usize, Range<usize>, usize),
) {
    let (width, height) = (size.width as usize, size.height as usize);
    let (left, top) = (column * Tile::SIDE, row * Tile::SIDE);
    let columns = Tile::SIDE.min(width.saturating_sub(left));
    for i in 0..Tile::SIDE.min(height.saturating_sub(top)) {
        let from = ((top + i) * width + left) * 3;
        f(i, from..from + 3 * columns, columns);
    }
}

fn mark_track(marks: &mut [bool], track_px: &[(glam::Vec2, f32)], columns: usize, rows: usize) {
    for (at, reach) in track_px {
        mark_box(
            marks,
            [at.x - reach, at.y - reach, at.x + reach, at.y + reach],
            columns,
            rows,
        );
    }
}

fn mark_box(marks: &mut [bool], [l, t, r, b]: [f32; 4], columns: usize, rows: usize) {
    let side = Tile::SIDE as f32;
    // The same strict comparison as `BallDraw::touches`, so that both agree on every tile.
    let span = |from: f32, to: f32, count: usize| {
        let first = (from / side).floor().max(0.0) as usize;
        let last = ((to / side).ceil().max(0.0) as usize).min(count);
        first..last
    };
    for row in span(t, b, rows) {
        for column in span(l, r, columns) {
            if let Some(mark) = marks.get_mut(row * columns + column) {
                *mark = true;
            }
        }
    }
}
