//! Balls that look like the cloth: only their rim shows, faintly. With the radius known it is
//! found all the same, by the many places of it that point to one centre.

use super::bed::Bed;
use super::blobs::{Candidate, Origin};
use super::working::WorkingPicture;
use crate::units::Vec2;

/// Least step of brightness over two pixels that counts as an edge, levels of 255.
const EDGE: u8 = 9;
/// Working pixels per cell of votes, in each direction.
const CELL: usize = 2;
/// Share of the circumference that has to vote for a centre.
const SHARE: f64 = 0.3;
/// No more candidates than this are given.
const MOST: usize = 60;

/// Looks for rims; reuses its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Rims {
    votes: Vec<u8>,
    /// Brightness of the row above, the row itself and the one below.
    rows: [Vec<u8>; 3],
    /// Where in the row there is an edge.
    edges: Vec<u8>,
}

impl Rims {
    /// Centres of circles of a ball's radius on the bed, the clearest first, but for those of `known`
    /// (centre, how near another ball can't be). For pictures in which all balls are alike in size.
    pub(super) fn find(
        &mut self,
        picture: &WorkingPicture,
        bed: &Bed,
        radius_m: f64,
        known: &[(Vec2, f64)],
    ) -> Vec<Candidate> {
        let [left, top, right, bottom] = bed.window;
        let middle = 0.5 * Vec2::new((left + right) as f64, (top + bottom) as f64);
        let radius = bed.ball_radius(middle, radius_m);
        let columns = picture.w.div_ceil(CELL) + 1;
        self.votes.clear();
        self.votes.resize(columns * (picture.h.div_ceil(CELL) + 1), 0);
        // What surely is a ball has explained the edges in it.
        let sure: Vec<Vec2> = known
            .iter()
            .filter(|(_, r)| *r > radius)
            .map(|(c, _)| *c)
            .collect();
        self.vote(picture, bed, radius, columns, &sure);

        let least = (SHARE * std::f64::consts::TAU * radius) as u32;
        let mut peaks: Vec<(u32, Vec2)> = Vec::new();
        let rows = self.votes.len() / columns;
        for row in 1..rows.saturating_sub(1) {
            let line = self.votes.get(row * columns + 1..(row + 1) * columns - 1);
            for (block, votes) in line.unwrap_or_default().chunks(16).enumerate() {
                // A peak has its own votes too; most blocks have none.
                if votes.iter().fold(0, |any, own| any | (own & !1)) == 0 {
                    continue;
                }
                let strong = (1 + block * 16..).zip(votes).filter(|(_, own)| **own > 1);
                peaks.extend(strong.filter_map(|(column, _)| self.peak(column, row, columns, least)));
            }
        }
        peaks.sort_by_key(|(sum, _)| std::cmp::Reverse(*sum));
        let mut found: Vec<Candidate> = Vec::new();
        for (_, centre) in peaks {
            let taken = known.iter().any(|(c, r)| c.distance(centre) < *r)
                || found.iter().any(|c| c.centre.distance(centre) < radius);
            if !taken && bed.depth(centre) > 0.35 * radius && bed.pocket_distance(centre) > 1.3 {
                found.push(Candidate {
                    centre,
                    radius,
                    origin: Origin::Rim,
                });
            }
            if found.len() == MOST {
                break;
            }
        }
        found
    }

    /// Votes in and around a cell, and the middle they have together (working pixels); `None` for fewer
    /// than `least`.
    fn peak(&self, column: usize, row: usize, columns: usize, least: u32) -> Option<(u32, Vec2)> {
        let (mut sum, mut centre) = (0u32, Vec2::ZERO);
        for dy in 0..3 {
            let line = (row + dy - 1) * columns + column;
            for (dx, votes) in self.votes.get(line - 1..line + 2)?.iter().enumerate() {
                sum += u32::from(*votes);
                centre += f64::from(*votes) * Vec2::new(dx as f64 - 1.0, dy as f64 - 1.0);
            }
        }
        let cell = Vec2::new(column as f64, row as f64) + centre / f64::from(sum.max(1));
        (sum >= least).then_some((sum, (cell + 0.5) * CELL as f64))
    }

    /// Every edge, but for those in the balls at `sure`, votes for the two places one radius away
    /// along its gradient.
    fn vote(&mut self, picture: &WorkingPicture, bed: &Bed, radius: f64, columns: usize, sure: &[Vec2]) {
        let Self { votes, rows, edges } = self;
        let w = picture.w;
        let brightness = |y: usize, row: &mut Vec<u8>| {
            row.clear();
            let line = picture.px.get(y * w..(y + 1) * w).unwrap_or_default();
            row.extend(line.iter().map(|px| (u32::from_le_bytes(*px) >> 24) as u8));
        };
        let [_, top, _, bottom] = bed.window;
        let top = top.max(1);
        brightness(top - 1, &mut rows[1]);
        brightness(top, &mut rows[2]);
        for y in top..bottom.min(picture.h.saturating_sub(1)) {
            rows.rotate_left(1);
            brightness(y + 1, &mut rows[2]);
            let [above, here, below] = &*rows;
            let (x0, x1) = bed.nose_spans.get(y).copied().unwrap_or_default();
            let (x0, x1) = ((x0 as usize).max(1), (x1 as usize).min(w.saturating_sub(1)));
            let (Some(above), Some(left), Some(right), Some(below)) = (
                above.get(x0..x1),
                here.get(x0 - 1..x1.saturating_sub(1)),
                here.get(x0 + 1..x1 + 1),
                below.get(x0..x1),
            ) else {
                continue;
            };
            // Edges are few: all pixels are asked at once, then those that are.
            edges.clear();
            let across = left.iter().zip(right).zip(above.iter().zip(below));
            edges.extend(
                across.map(|((l, r), (u, d))| u8::from((l.abs_diff(*r)).max(u.abs_diff(*d)) >= EDGE)),
            );
            for centre in sure {
                let dy = y as f64 + 0.5 - centre.y;
                let half = (radius * radius - dy * dy).max(0.0).sqrt();
                let column = |x: f64| ((x - x0 as f64).max(0.0) as usize).min(edges.len());
                let inside = column(centre.x - half)..column(centre.x + half);
                if let Some(inside) = edges.get_mut(inside) {
                    inside.fill(0);
                }
            }
            for (block, some) in edges.chunks(16).enumerate() {
                if some.iter().fold(0, |any, edge| any | edge) == 0 {
                    continue;
                }
                for (i, _) in (block * 16..).zip(some).filter(|(_, edge)| **edge != 0) {
                    let at = |line: &[u8]| line.get(i).map_or(0.0, |v| f32::from(*v));
                    let (gx, gy) = (at(right) - at(left), at(below) - at(above));
                    let size = (gx * gx + gy * gy).sqrt();
                    if size < f32::from(EDGE) {
                        continue;
                    }
                    let (dx, dy) = (gx * (radius as f32) / size, gy * (radius as f32) / size);
                    let (px, py) = ((x0 + i) as f32 + 0.5, y as f32 + 0.5);
                    for (x, y) in [(px - dx, py - dy), (px + dx, py + dy)] {
                        if x < 0.0 || y < 0.0 || x >= w as f32 {
                            continue;
                        }
                        let cell = (y as usize / CELL) * columns + x as usize / CELL;
                        if let Some(votes) = votes.get_mut(cell) {
                            *votes = votes.saturating_add(1);
                        }
                    }
                }
            }
        }
    }
}
