//! The lamps: boxes under the ceiling, and the light they throw.

use super::{Point, smoothstep};
use crate::table::TableSpec;

/// A lit rectangle under the ceiling, facing down.
#[derive(Clone, Copy, Debug)]
struct LampBox {
    centre: Point,
    half_x: f32,
    half_y: f32,
}

/// A piece of a lamp that is treated as one small round light.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulb {
    /// Where it hangs, metres.
    pub(super) at: Point,
    /// Its radius, metres: how soft its shadows are.
    pub(super) radius: f32,
    power: f32,
}

/// All the light there is.
#[derive(Clone, Debug)]
pub(super) struct Lamps {
    boxes: Vec<LampBox>,
    /// The boxes cut into small lights.
    pub(super) bulbs: Vec<Bulb>,
    /// Light that comes from everywhere: walls and ceiling.
    pub(super) ambient: f32,
    /// Brightness of a lamp seen directly.
    pub(super) glare: f32,
}

/// Light on the cloth in the middle of the table: a camera exposes a little above white paper.
const EXPOSURE: f32 = 1.18;

impl Lamps {
    /// Two boxes beyond the left rail, one beyond the right, above the camera.
    pub(super) fn over(table: &TableSpec, eye_height_m: f32) -> Self {
        let (hl, hw) = (table.half_length_m() as f32, table.half_width_m() as f32);
        let z = eye_height_m + 0.25;
        let boxes: Vec<LampBox> = [
            (-0.66 * hl, hw + 0.82),
            (0.74 * hl, hw + 0.78),
            (0.06 * hl, -hw - 0.70),
        ]
        .into_iter()
        .map(|(x, y)| LampBox {
            centre: Point::new(x, y, z),
            half_x: 0.62,
            half_y: 0.24,
        })
        .collect();
        let power = [1.0_f32, 0.92, 1.25];
        let mut bulbs = Vec::new();
        for (lamp, power) in boxes.iter().zip(power) {
            for side in [-0.5, 0.5] {
                bulbs.push(Bulb {
                    at: lamp.centre + Point::new(side * lamp.half_x, 0.0, 0.0),
                    radius: 0.24,
                    power,
                });
            }
        }
        let ambient = 0.34 * EXPOSURE;
        let mut lamps = Self {
            boxes,
            bulbs,
            ambient,
            glare: 24.0,
        };
        let there = lamps.direct(Point::ZERO, Point::Z);
        for bulb in &mut lamps.bulbs {
            bulb.power *= (EXPOSURE - ambient) / there;
        }
        lamps
    }

    /// Light of one bulb on a surface that faces it, and the direction to it.
    pub(super) fn reach(bulb: &Bulb, at: Point) -> (f32, Point) {
        let to = bulb.at - at;
        let square = to.length_squared();
        let direction = to / square.sqrt();
        // The boxes face down: their light falls with the cosine at the lamp, too.
        (bulb.power * direction.z.max(0.0) / square, direction)
    }

    /// Light of all bulbs on a surface, nothing in the way.
    pub(super) fn direct(&self, at: Point, normal: Point) -> f32 {
        self.bulbs
            .iter()
            .map(|bulb| {
                let (light, direction) = Self::reach(bulb, at);
                light * normal.dot(direction).max(0.0)
            })
            .sum()
    }

    /// How much of the lamps a mirror at `at` shows in `direction`, 0..1 per lamp;
    /// `blur` (metres at the lamp) is how dull the mirror is.
    pub(super) fn mirrored(&self, at: Point, direction: Point, blur: f32) -> f32 {
        if direction.z < 0.05 {
            return 0.0;
        }
        let Some(first) = self.boxes.first() else {
            return 0.0;
        };
        let hit = at + direction * ((first.centre.z - at.z) / direction.z);
        self.boxes
            .iter()
            .map(|lamp| {
                let x = (hit.x - lamp.centre.x).abs();
                let y = (hit.y - lamp.centre.y).abs();
                let seen = (1.0 - smoothstep(lamp.half_x - blur, lamp.half_x + blur, x))
                    * (1.0 - smoothstep(lamp.half_y - blur, lamp.half_y + blur, y));
                // A dull mirror spreads the same light over more of its surface.
                seen * (lamp.half_y / blur.max(lamp.half_y)) * (lamp.half_x / blur.max(lamp.half_x))
            })
            .sum()
    }
}
