//! Where shapes put light on the cloth.

use crate::projector::overlay::{Geometry, Shape};
use crate::projector::theme::style;
use crate::units::{Vec2, unit};
use crate::vision::light::{Light, Stroke};

/// Sides of the polygon that stands for a ring.
const RING_SIDES: u32 = 32;

/// The light of these shapes. Dashes count as whole lines, words as bars.
#[must_use]
pub fn footprint(shapes: &[Shape]) -> Light {
    let mut light = Light::default();
    for shape in shapes {
        let style = style(shape.meaning);
        let half_m = style.width_m / 2.0;
        let opacity = style.opacity * (1.0 - 0.65 * shape.fade.clamp(0.0, 1.0));
        let colour = style.colour.map(|c| (f64::from(c) * opacity) as u8);
        let mut stroke = |from: Vec2, to: Vec2, half_m: f64, colour: [u8; 3]| {
            light.strokes.push(Stroke {
                from,
                to,
                half_m,
                colour,
            });
        };
        match &shape.geometry {
            Geometry::Polyline { points, .. } => {
                for pair in points.windows(2) {
                    if let [from, to] = pair {
                        stroke(*from, *to, half_m, colour);
                    }
                }
            }
            Geometry::Ring { centre, radius } => {
                let turn = std::f64::consts::TAU / f64::from(RING_SIDES);
                let at = |i: u32| *centre + unit(turn * f64::from(i)) * (radius + half_m);
                for i in 0..RING_SIDES {
                    stroke(at(i), at(i + 1), half_m, colour);
                }
            }
            Geometry::Disc { centre, radius } => stroke(*centre, *centre, radius + half_m, colour),
            Geometry::Text { at, height, text } => {
                let half = Vec2::new(0.35 * height * text.chars().count() as f64, 0.0);
                stroke(*at - half, *at + half, 0.7 * height, [0; 3]);
            }
        }
    }
    light
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projector::overlay::Meaning;

    #[test]
    fn every_form_covers_what_it_lights() {
        let shape = |geometry| Shape {
            meaning: Meaning::Aim,
            fade: 0.0,
            geometry,
        };
        let centre = Vec2::new(0.2, -0.1);
        let shapes = [
            shape(Geometry::Polyline {
                points: vec![Vec2::ZERO, Vec2::X, Vec2::ONE],
                dashed: true,
            }),
            shape(Geometry::Ring { centre, radius: 0.03 }),
            shape(Geometry::Disc { centre, radius: 0.01 }),
        ];
        let light = footprint(&shapes);
        let covered = |p: Vec2| light.strokes.iter().any(|s| s.distance(p) <= s.half_m + 5e-4);
        for p in [
            Vec2::new(0.5, 0.002),
            Vec2::new(1.0, 0.5),
            centre + Vec2::new(0.0, 0.033),
            centre + unit(0.3) * 0.034,
            centre,
        ] {
            assert!(covered(p), "{p}");
        }
        assert!(!covered(Vec2::new(0.5, 0.01)) && !covered(centre + Vec2::new(0.02, 0.0)));
    }
}
