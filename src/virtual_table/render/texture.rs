//! Seeded noise for cloth, wood and floor.

/// A pseudo-random number 0..1 that belongs to a lattice point.
pub(super) fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    h ^= h >> 15;
    (h >> 8) as f32 / 16_777_216.0
}

/// Smooth noise −1..1 with features of size 1.
pub(super) fn value(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (ease(x - fx), ease(y - fy));
    let top = hash(ix, iy, seed) * (1.0 - u) + hash(ix + 1, iy, seed) * u;
    let bottom = hash(ix, iy + 1, seed) * (1.0 - u) + hash(ix + 1, iy + 1, seed) * u;
    (top * (1.0 - v) + bottom * v) * 2.0 - 1.0
}

/// Noise with detail: three octaves, −1..1.
pub(super) fn cloudy(x: f32, y: f32, seed: u32) -> f32 {
    0.57 * value(x, y, seed)
        + 0.28 * value(2.1 * x, 2.1 * y, seed ^ 1)
        + 0.15 * value(4.3 * x, 4.3 * y, seed ^ 2)
}
