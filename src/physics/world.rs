//! Who can meet whom: rapier's world holds the table and the balls, and its bounding-volume
//! tree answers for a box. Instants and impulses are never rapier's: it works in f32, with
//! slack of millimetres.

use std::fmt;

use rapier2d::prelude::{
    Aabb, BroadPhaseBvh, ColliderBuilder, ColliderHandle, IntegrationParameters, PhysicsWorld,
    RigidBodyBuilder, Vector,
};

use crate::table::Geometry;
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
    /// True when the boxes, grown by `margin` in all, share a point.
    pub fn touches(&self, other: &Self, margin: f64) -> bool {
        self.min.x <= other.max.x + margin
            && other.min.x <= self.max.x + margin
            && self.min.y <= other.max.y + margin
            && other.min.y <= self.max.y + margin
    }
}

/// The rapier world of one table. It lives as long as its simulator.
pub(super) struct World {
    world: PhysicsWorld,
    /// The tree with the table in it and no ball: where every shot begins.
    bare_table: BroadPhaseBvh,
    balls: Vec<ColliderHandle>,
    /// rapier fattens boxes by a share of the length unit to save updates; a box here is
    /// already the sweep of a whole phase and must be able to shrink.
    exact: IntegrationParameters,
    ball_radius: f64,
}

impl World {
    /// What f32 and the spacers between touching bodies can move, metres.
    const PAD_M: f64 = 1e-4;

    pub fn new(geometry: &Geometry, ball_radius: f64) -> Self {
        let mut new = Self {
            world: PhysicsWorld::new(),
            bare_table: BroadPhaseBvh::new(),
            balls: Vec::new(),
            exact: IntegrationParameters {
                length_unit: 0.0,
                ..IntegrationParameters::default()
            },
            ball_radius,
        };
        new.world.gravity = Vector::ZERO;
        for (i, line) in geometry.noses.iter().chain(&geometry.facings).enumerate() {
            let shape = ColliderBuilder::segment(single(line.a), single(line.b));
            new.add_still(
                shape,
                Obstacle::Line(i),
                Bounds {
                    min: line.a.min(line.b),
                    max: line.a.max(line.b),
                },
            );
        }
        for (i, jaw) in geometry.jaws.iter().enumerate() {
            let shape = ColliderBuilder::ball(jaw.radius as f32).translation(single(jaw.centre));
            new.add_still(shape, Obstacle::Jaw(i), around(jaw.centre, jaw.radius));
        }
        for (i, pocket) in geometry.pockets.iter().enumerate() {
            let shape = ColliderBuilder::ball(pocket.radius as f32)
                .sensor(true)
                .translation(single(pocket.centre));
            new.add_still(shape, Obstacle::Pocket(i), around(pocket.centre, pocket.radius));
        }
        new.bare_table = new.world.broad_phase.clone();
        new
    }

    /// Clears the table for a shot with `count` balls.
    pub fn begin(&mut self, count: usize) {
        while self.balls.len() < count {
            let name = encode(Obstacle::Ball(self.balls.len()));
            let (_, handle) = self.world.insert(
                RigidBodyBuilder::dynamic().lock_rotations().can_sleep(false),
                ColliderBuilder::ball(self.ball_radius as f32).user_data(name),
            );
            self.balls.push(handle);
        }
        self.world.broad_phase = self.bare_table.clone();
    }

    /// Says that the centre of a ball stays inside `centres` until told otherwise.
    pub fn place(&mut self, ball: usize, centres: &Bounds) {
        let reach = self.reach(centres);
        if let Some(handle) = self.balls.get(ball) {
            self.world.broad_phase.set_aabb(&self.exact, *handle, reach);
        }
    }

    /// Everything a ball whose centre stays inside `centres` could touch, itself excepted, in order.
    pub fn in_reach(&self, ball: usize, centres: &Bounds, found: &mut Vec<Obstacle>) {
        found.clear();
        let query = self.world.query_pipeline();
        found.extend(
            query
                .intersect_aabb_conservative(self.reach(centres))
                .filter_map(|(_, collider)| decode(collider.user_data))
                .filter(|obstacle| *obstacle != Obstacle::Ball(ball)),
        );
        // rapier's order depends on the history of the tree.
        found.sort_unstable();
    }

    fn add_still(&mut self, shape: ColliderBuilder, obstacle: Obstacle, bounds: Bounds) {
        let handle = self
            .world
            .insert_collider(shape.user_data(encode(obstacle)), None);
        let padded = Aabb::new(
            single(bounds.min - Vec2::splat(Self::PAD_M)),
            single(bounds.max + Vec2::splat(Self::PAD_M)),
        );
        self.world.broad_phase.set_aabb(&self.exact, handle, padded);
    }

    fn reach(&self, centres: &Bounds) -> Aabb {
        let grow = Vec2::splat(self.ball_radius + Self::PAD_M);
        Aabb::new(single(centres.min - grow), single(centres.max + grow))
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("balls", &self.balls.len())
            .finish_non_exhaustive()
    }
}

fn around(centre: Vec2, radius: f64) -> Bounds {
    Bounds {
        min: centre - Vec2::splat(radius),
        max: centre + Vec2::splat(radius),
    }
}

fn single(p: Vec2) -> Vector {
    Vector::new(p.x as f32, p.y as f32)
}

fn encode(obstacle: Obstacle) -> u128 {
    let (kind, index) = match obstacle {
        Obstacle::Line(i) => (0, i),
        Obstacle::Jaw(i) => (1, i),
        Obstacle::Pocket(i) => (2, i),
        Obstacle::Ball(i) => (3, i),
    };
    (kind << 64) | index as u128
}

fn decode(name: u128) -> Option<Obstacle> {
    let index = name as u64 as usize;
    match name >> 64 {
        0 => Some(Obstacle::Line(index)),
        1 => Some(Obstacle::Jaw(index)),
        2 => Some(Obstacle::Pocket(index)),
        3 => Some(Obstacle::Ball(index)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableSpec;

    fn point(x: f64, y: f64) -> Bounds {
        around(Vec2::new(x, y), 0.0)
    }

    fn world() -> World {
        let table = TableSpec::pool_9ft();
        World::new(&Geometry::of(&table), table.ball.radius_m)
    }

    #[test]
    fn names_survive_the_round_trip() {
        for obstacle in [
            Obstacle::Line(17),
            Obstacle::Jaw(0),
            Obstacle::Pocket(5),
            Obstacle::Ball(21),
        ] {
            assert_eq!(decode(encode(obstacle)), Some(obstacle));
        }
    }

    #[test]
    fn a_ball_in_the_middle_reaches_nothing_and_one_at_the_rail_the_nose() {
        let mut world = world();
        let mut found = Vec::new();
        world.begin(2);
        world.place(0, &point(0.0, 0.0));
        world.place(1, &point(0.6, 0.606));
        world.in_reach(0, &point(0.0, 0.0), &mut found);
        assert!(found.is_empty());
        world.in_reach(1, &point(0.6, 0.6065), &mut found);
        assert_eq!(found, [Obstacle::Line(5)]);
    }

    #[test]
    fn boxes_shrink_again_and_old_balls_are_gone() {
        let mut world = world();
        let mut found = Vec::new();
        world.begin(3);
        world.place(1, &around(Vec2::ZERO, 0.5));
        world.in_reach(0, &point(0.4, 0.0), &mut found);
        assert_eq!(found, [Obstacle::Ball(1)]);
        world.place(1, &point(-0.4, 0.0));
        world.in_reach(0, &point(0.4, 0.0), &mut found);
        assert!(found.is_empty());
        world.begin(1);
        world.in_reach(0, &point(-0.4, 0.0), &mut found);
        assert!(found.is_empty());
    }

    #[test]
    fn the_sweep_over_the_table_finds_everything_in_order() {
        let mut world = world();
        let mut found = Vec::new();
        world.begin(0);
        world.in_reach(0, &around(Vec2::ZERO, 2.0), &mut found);
        assert_eq!(found.len(), 18 + 12 + 6);
        assert!(found.is_sorted());
    }
}
