//! Where shapes put light on the cloth.

use crate::projector::colour::{of_srgb, to_srgb};
use crate::projector::lettering;
use crate::projector::overlay::{Geometry, Shape};
use crate::projector::theme::Theme;
use crate::units::{Vec2, unit};
use crate::vision::light::{Light, Stroke};

/// Sides of the polygon that stands for a ring.
const RING_SIDES: u32 = 32;

/// The light of these shapes. Dashes count as whole lines, words as bars.
#[must_use]
pub fn footprint(shapes: &[Shape], theme: &Theme) -> Light {
    let mut light = Light::default();
    for shape in shapes {
        let style = theme.style(shape.meaning);
        let half_m = style.form.width_m / 2.0;
        let lit = |share: f64| to_srgb(of_srgb(style.colour) * share);
        let colour = lit(style.opacity(shape.fade));
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
            Geometry::Arrow { tip, back } => {
                let half = tip.distance(*back) / 2.0;
                stroke(*back, back.midpoint(*tip), half, colour);
            }
            Geometry::Area { left, right } => {
                let colour = lit(style.area_opacity(shape.fade));
                let rungs: Vec<(Vec2, Vec2)> = left.iter().copied().zip(right.iter().copied()).collect();
                for pair in rungs.windows(2) {
                    if let [(a, b), (c, d)] = pair {
                        let apart = a.distance(*c).max(b.distance(*d));
                        stroke(a.midpoint(*c), b.midpoint(*d), 0.5 * apart, colour);
                    }
                }
            }
            Geometry::Text { at, height, text } => {
                let half = Vec2::new(lettering::length(text, *height) / 2.0, 0.0);
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
        let shapes = vec![
            shape(Geometry::Polyline {
                points: vec![Vec2::ZERO, Vec2::X, Vec2::ONE],
                dashed: true,
            }),
            shape(Geometry::Ring { centre, radius: 0.03 }),
            shape(Geometry::Disc { centre, radius: 0.01 }),
            shape(Geometry::Arrow {
                tip: Vec2::new(-0.5, 0.0),
                back: Vec2::new(-0.53, 0.0),
            }),
            shape(Geometry::Area {
                left: vec![
                    Vec2::new(-0.9, 0.0),
                    Vec2::new(-0.88, 0.0),
                    Vec2::new(-0.86, 0.01),
                ],
                right: vec![Vec2::new(-0.9, 0.3), Vec2::new(-0.88, 0.3), Vec2::new(-0.86, 0.3)],
            }),
        ];
        let light = footprint(&shapes, &Theme::default());
        let covered = |p: Vec2| light.strokes.iter().any(|s| s.distance(p) <= s.half_m + 5e-4);
        for p in [
            Vec2::new(0.5, 0.002),
            Vec2::new(1.0, 0.5),
            centre + Vec2::new(0.0, 0.033),
            centre + unit(0.3) * 0.034,
            centre,
            Vec2::new(-0.501, 0.0),
            Vec2::new(-0.529, 0.014),
            Vec2::new(-0.87, 0.15),
            Vec2::new(-0.889, 0.01),
        ] {
            assert!(covered(p), "{p}");
        }
        assert!(!covered(Vec2::new(0.5, 0.01)) && !covered(centre + Vec2::new(0.02, 0.0)));
    }
}
