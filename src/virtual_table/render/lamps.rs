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

/// Which lamps hang where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lighting {
    /// Two boxes beyond one long rail, one beyond the other, under the ceiling.
    #[default]
    Boxes,
    /// Six round shades in two rows above the table.
    Rows,
    /// Bars of light around the table, lower than the camera.
    Bars,
    /// One panel beside the camera.
    Panel,
    /// A strong light far to one side and hardly any other: half the light at the far rail.
    Side,
}

impl Lighting {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Boxes, Self::Rows, Self::Bars, Self::Panel, Self::Side];
}

/// A lamp as planned: place, half sizes, metres; power against the others.
type Planned = ([f32; 3], [f32; 2], f32);

impl Lamps {
    /// The lamps of `lighting` over a table, the camera at this height; `brightness` is 1 for a usual picture.
    pub(super) fn over(table: &TableSpec, eye_height_m: f32, lighting: Lighting, brightness: f32) -> Self {
        let exposure = EXPOSURE * brightness;
        let (hl, hw) = (table.half_length_m() as f32, table.half_width_m() as f32);
        let ceiling = eye_height_m + 0.25;
        let (planned, ambient): (Vec<Planned>, f32) = match lighting {
            Lighting::Boxes => (
                vec![
                    ([-0.66 * hl, hw + 0.82, ceiling], [0.62, 0.24], 1.0),
                    ([0.74 * hl, hw + 0.78, ceiling], [0.62, 0.24], 0.92),
                    ([0.06 * hl, -hw - 0.70, ceiling], [0.62, 0.24], 1.25),
                ],
                0.34,
            ),
            Lighting::Rows => (
                [-0.62, 0.0, 0.62]
                    .into_iter()
                    .flat_map(|x| [0.62, -0.7].map(|y| ([x * hl, y * hw, ceiling], [0.17, 0.17], 1.0)))
                    .collect(),
                0.22,
            ),
            Lighting::Bars => {
                let (x, y, z) = (hl + 0.12, hw + 0.12, 0.72 * eye_height_m);
                (
                    vec![
                        ([-0.5 * x, y, z], [0.5 * x, 0.03], 1.0),
                        ([0.5 * x, y, z], [0.5 * x, 0.03], 1.0),
                        ([-0.5 * x, -y, z], [0.5 * x, 0.03], 1.0),
                        ([0.5 * x, -y, z], [0.5 * x, 0.03], 1.0),
                        ([-x, 0.0, z], [0.03, y], 0.9),
                        ([x, 0.0, z], [0.03, y], 0.9),
                    ],
                    0.26,
                )
            }
            Lighting::Panel => (vec![([0.32, 0.38, ceiling], [0.5, 0.3], 1.0)], 0.42),
            Lighting::Side => (
                vec![
                    ([0.5 * hl, -hw - 2.6, ceiling], [0.8, 0.5], 1.0),
                    ([-0.4 * hl, hw + 0.8, ceiling], [0.6, 0.2], 0.06),
                ],
                0.30,
            ),
        };
        let mut bulbs = Vec::new();
        for ([x, y, z], [half_x, half_y], power) in &planned {
            let (long, wide) = (half_x.max(*half_y), half_x.min(*half_y));
            for side in [-0.5, 0.5] {
                let along = if half_x >= half_y { Point::X } else { Point::Y };
                bulbs.push(Bulb {
                    at: Point::new(*x, *y, *z) + along * (side * long),
                    radius: wide.max(0.3 * long).min(0.24),
                    power: *power,
                });
            }
        }
        let boxes = planned
            .iter()
            .map(|([x, y, z], [half_x, half_y], _)| LampBox {
                centre: Point::new(*x, *y, *z),
                half_x: *half_x,
                half_y: *half_y,
            })
            .collect();
        let ambient = ambient * exposure;
        let mut lamps = Self {
            boxes,
            bulbs,
            ambient,
            glare: 24.0 * brightness,
        };
        let there = lamps.direct(Point::ZERO, Point::Z);
        for bulb in &mut lamps.bulbs {
            bulb.power *= (exposure - ambient) / there;
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
        self.boxes
            .iter()
            .map(|lamp| {
                let hit = at + direction * ((lamp.centre.z - at.z) / direction.z);
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
