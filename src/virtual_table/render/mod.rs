//! The picture: what a camera over the table would deliver.
//!
//! The table without balls is drawn once ([`backdrop`]); per frame only the tiles that a
//! moving ball, the cue or a thing touches are drawn again ([`canvas`]), and the sensor adds its
//! noise to the whole ([`sensor`]).

pub(super) mod backdrop;
mod ball;
pub(super) mod canvas;
mod cue;
mod digits;
mod furniture;
pub(super) mod lamps;
mod limb;
pub(super) mod paint;
pub(super) mod projection;
pub(super) mod sensor;
mod slab;
mod texture;
mod thing;
mod tile;
mod tone;
pub(super) mod view;

/// A point or direction in the table frame in single precision (metres), for shading.
type Point = glam::Vec3;
/// Linear light, red green blue; 1 is a white sheet in the middle of the table.
type Light = glam::Vec3;

/// Single precision is plenty for shading: 0.1 µm at 1 m.
fn single(v: crate::units::Vec3) -> Point {
    v.as_vec3()
}

/// The usual cubic step from 0 at `a` to 1 at `b`.
fn smoothstep(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
