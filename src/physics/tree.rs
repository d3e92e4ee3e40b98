//! Who can meet whom, for whole phases of motion: the event driver's side of rapier.
//!
//! rapier's bounding-volume tree holds the table and the sweep of every ball and answers for a
//! box. It is used directly, without a world round it: a world notes every changed box until it
//! steps, and here nothing steps. Instants and impulses are never rapier's: it works in f32,
//! with slack of millimetres.

use std::fmt;

use rapier2d::parry::bounding_volume::BoundingVolume as _;
use rapier2d::parry::partitioning::Bvh;
use rapier2d::prelude::{Aabb, Vector};

use super::solver::{Neighbours, Rules};
use crate::units::Vec2;

/// Something in the way of a ball. The order is the order of trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// A straight cushion: noses, then facings.
    Line(usize),
    /// A rounded jaw.
    Jaw(usize),
    /// A pocket.
    Pocket(usize),
    /// Another ball.
    Ball(usize),
}

/// A box on the cloth, metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub min: Vec2,
    pub max: Vec2,
}

impl Bounds {
    /// The box round a circle.
    pub fn around(centre: Vec2, radius: f64) -> Self {
        Self {
            min: centre - Vec2::splat(radius),
            max: centre + Vec2::splat(radius),
        }
    }

    /// True when the boxes, grown by `margin` in all, share a point.
    pub fn touches(&self, other: &Self, margin: f64) -> bool {
        self.min.x <= other.max.x + margin
            && other.min.x <= self.max.x + margin
            && self.min.y <= other.max.y + margin
            && other.min.y <= self.max.y + margin
    }
}

/// The tree of one table. It lives as long as its simulator.
#[derive(Clone)]
pub(super) struct Tree {
    tree: Bvh,
    /// What the first leaves stand for; balls follow.
    still: Vec<Obstacle>,
    balls: usize,
    ball_radius: f64,
}

impl Tree {
    /// What f32 and the spacers between touching bodies can move, metres.
    const PAD_M: f64 = 1e-4;

    pub fn new(rules: &Rules) -> Self {
        let mut new = Self {
            tree: Bvh::new(),
            still: Vec::new(),
            balls: 0,
            ball_radius: rules.radius,
        };
        for (i, line) in rules.lines.iter().enumerate() {
            let bounds = Bounds {
                min: line.a.min(line.b),
                max: line.a.max(line.b),
            };
            new.add_still(Obstacle::Line(i), &bounds);
        }
        for (i, jaw) in rules.geometry.jaws.iter().enumerate() {
            new.add_still(Obstacle::Jaw(i), &Bounds::around(jaw.centre, jaw.radius));
        }
        for (i, pocket) in rules.geometry.pockets.iter().enumerate() {
            new.add_still(Obstacle::Pocket(i), &Bounds::around(pocket.centre, pocket.radius));
        }
        new
    }

    /// Clears the table for a shot with balls at these places.
    pub fn begin(&mut self, places: impl ExactSizeIterator<Item = Vec2>) {
        let count = places.len();
        for ball in count..self.balls {
            self.tree.remove(self.leaf(ball));
        }
        self.balls = count;
        for (ball, place) in places.enumerate() {
            let reach = self.reach(&Bounds::around(place, 0.0));
            self.tree.insert_or_update_partially(reach, self.leaf(ball), 0.0);
        }
        self.tree.refit_without_opt();
    }

    fn add_still(&mut self, obstacle: Obstacle, bounds: &Bounds) {
        let pad = Vec2::splat(Self::PAD_M);
        let padded = Aabb::new(single(bounds.min - pad), single(bounds.max + pad));
        self.tree.insert(padded, self.still.len() as u32);
        self.still.push(obstacle);
    }

    fn leaf(&self, ball: usize) -> u32 {
        (self.still.len() + ball) as u32
    }

    fn reach(&self, centres: &Bounds) -> Aabb {
        let grow = Vec2::splat(self.ball_radius + Self::PAD_M);
        Aabb::new(single(centres.min - grow), single(centres.max + grow))
    }
}

impl Neighbours for Tree {
    fn in_reach(&self, ball: usize, centres: &Bounds, found: &mut Vec<Obstacle>) {
        let reach = self.reach(centres);
        found.clear();
        for leaf in self.tree.leaves(|node| node.aabb().intersects(&reach)) {
            let leaf = leaf as usize;
            let still = self.still.get(leaf).copied();
            let obstacle = still.unwrap_or(Obstacle::Ball(leaf.saturating_sub(self.still.len())));
            if obstacle != Obstacle::Ball(ball) {
                found.push(obstacle);
            }
        }
        // The tree's order depends on its history.
        found.sort_unstable();
    }

    fn place(&mut self, ball: usize, centres: &Bounds) {
        let reach = self.reach(centres);
        self.tree.insert(reach, self.leaf(ball));
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("balls", &self.balls)
            .finish_non_exhaustive()
    }
}

/// The point in rapier's single precision.
pub(super) fn single(p: Vec2) -> Vector {
    Vector::new(p.x as f32, p.y as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableSpec;

    fn point(x: f64, y: f64) -> Bounds {
        Bounds::around(Vec2::new(x, y), 0.0)
    }

    fn tree() -> Tree {
        Tree::new(&Rules::new(&TableSpec::pool_9ft()))
    }

    #[test]
    fn a_ball_in_the_middle_reaches_nothing_and_one_at_the_rail_the_nose() {
        let mut tree = tree();
        let mut found = Vec::new();
        tree.begin([Vec2::ZERO, Vec2::new(0.6, 0.606)].into_iter());
        tree.in_reach(0, &point(0.0, 0.0), &mut found);
        assert!(found.is_empty());
        tree.in_reach(1, &point(0.6, 0.6065), &mut found);
        assert_eq!(found, [Obstacle::Line(5)]);
    }

    #[test]
    fn boxes_shrink_again_and_old_balls_are_gone() {
        let mut tree = tree();
        let mut found = Vec::new();
        let far = Vec2::new(1.0, 0.5);
        tree.begin([far, Vec2::ZERO, far].into_iter());
        tree.place(1, &Bounds::around(Vec2::ZERO, 0.5));
        tree.in_reach(0, &point(0.4, 0.0), &mut found);
        assert_eq!(found, [Obstacle::Ball(1)]);
        tree.place(1, &point(-0.4, 0.0));
        tree.in_reach(0, &point(0.4, 0.0), &mut found);
        assert!(found.is_empty());
        tree.begin([far].into_iter());
        tree.in_reach(0, &point(-0.4, 0.0), &mut found);
        assert!(found.is_empty());
        tree.begin([].into_iter());
    }

    #[test]
    fn the_sweep_over_the_table_finds_everything_in_order() {
        let mut tree = tree();
        let mut found = Vec::new();
        tree.begin([].into_iter());
        tree.in_reach(0, &Bounds::around(Vec2::ZERO, 2.0), &mut found);
        assert_eq!(found.len(), 18 + 12 + 6);
        assert!(found.is_sorted());
    }
}
