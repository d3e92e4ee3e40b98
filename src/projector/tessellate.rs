//! Shapes as coloured triangles with soft edges, in table metres.
//!
//! The edge falls from full to nothing over one projector pixel on either side of the
//! ideal outline, so lines are smooth without multisampling and keep their width in metres.

use std::f64::consts::TAU;

use crate::calibration::Mark;
use crate::projector::overlay::{Geometry, Shape};
use crate::projector::theme::{FADED, style};
use crate::units::{Vec2, linear_light, unit};

/// Triangles ready for a graphics card.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Triangles {
    /// Corners, table metres.
    pub positions: Vec<[f32; 2]>,
    /// Linear RGB and opacity of each corner.
    pub colours: Vec<[f32; 4]>,
    /// Three indices per triangle.
    pub indices: Vec<u32>,
}

const DASH_M: f64 = 0.02;
const GAP_M: f64 = 0.014;

impl Triangles {
    /// All shapes but text; `pixel_m` is the size of a projector pixel on the cloth.
    #[must_use]
    pub fn of(shapes: &[Shape], pixel_m: f64) -> Self {
        let mut triangles = Self::default();
        for shape in shapes {
            let look = style(shape.meaning);
            let opacity = look.opacity * (1.0 - (1.0 - FADED) * shape.fade.clamp(0.0, 1.0));
            let brush = Brush {
                colour: look.colour.map(linear_light),
                opacity: opacity as f32,
                half: look.width_m / 2.0,
                soft: pixel_m,
            };
            match &shape.geometry {
                Geometry::Polyline {
                    points,
                    dashed: false,
                } => triangles.polyline(points, &brush),
                Geometry::Polyline { points, dashed: true } => {
                    for dash in dashes(points) {
                        triangles.polyline(&dash, &brush);
                    }
                }
                Geometry::Ring { centre, radius } => {
                    // The line lies outside the circle it marks: a ring round a ball leaves the ball dark.
                    let middle = radius + brush.half;
                    let n = circle_steps(middle);
                    let points: Vec<Vec2> = (0..=n)
                        .map(|i| *centre + unit(TAU * i as f64 / n as f64) * middle)
                        .collect();
                    triangles.polyline(&points, &brush);
                }
                Geometry::Disc { centre, radius } => triangles.disc(*centre, *radius, &brush),
                Geometry::Text { .. } => {}
            }
        }
        triangles
    }

    /// Marks of a calibration's picture, in its pixels.
    #[must_use]
    pub fn of_marks(marks: &[Mark]) -> Self {
        let mut triangles = Self::default();
        for mark in marks {
            let brush = Brush {
                colour: mark.colour.map(linear_light),
                opacity: 1.0,
                half: mark.half_px,
                soft: 1.0,
            };
            if mark.from_px == mark.to_px {
                triangles.disc(mark.from_px, mark.half_px, &brush);
            } else {
                triangles.polyline(&[mark.from_px, mark.to_px], &brush);
            }
        }
        triangles
    }

    fn vertex(&mut self, at: Vec2, brush: &Brush, opacity: f32) -> u32 {
        let index = self.positions.len() as u32;
        let [r, g, b] = brush.colour;
        self.positions.push([at.x as f32, at.y as f32]);
        self.colours.push([r, g, b, opacity]);
        index
    }

    fn quad(&mut self, a: u32, b: u32, c: u32, d: u32) {
        self.indices.extend_from_slice(&[a, b, c, a, c, d]);
    }

    /// A ribbon with mitred joints: four corners across at every point (soft, full, full, soft).
    fn polyline(&mut self, points: &[Vec2], brush: &Brush) {
        let mut points = points.to_vec();
        points.dedup_by(|a, b| a.distance(*b) < 1e-6);
        if points.len() < 2 || points.iter().any(|p| !p.is_finite()) {
            return;
        }
        let closed = points.len() > 3
            && points
                .first()
                .zip(points.last())
                .is_some_and(|(a, b)| a.distance(*b) < 1e-6);
        let n = points.len();
        let at = |i: usize| points.get(i).copied().unwrap_or_default();
        let direction = |i: usize, j: usize| (at(j) - at(i)).normalize_or_zero();
        let mut previous: Option<[u32; 4]> = None;
        for i in 0..n {
            let before = if i > 0 {
                direction(i - 1, i)
            } else if closed {
                direction(n - 2, n - 1)
            } else {
                direction(0, 1)
            };
            let after = if i + 1 < n {
                direction(i, i + 1)
            } else if closed {
                direction(0, 1)
            } else {
                before
            };
            let across = (before + after).normalize_or(after).perp();
            // A mitre stretches by 1/cos of half the turn; sharper than 60° it is cut short.
            let stretch = 1.0 / across.dot(after.perp()).max(0.5);
            let (inner, outer) = (
                (brush.half - brush.soft / 2.0).max(0.0) * stretch,
                (brush.half + brush.soft / 2.0) * stretch,
            );
            let row = [
                self.vertex(at(i) - across * outer, brush, 0.0),
                self.vertex(at(i) - across * inner, brush, brush.opacity),
                self.vertex(at(i) + across * inner, brush, brush.opacity),
                self.vertex(at(i) + across * outer, brush, 0.0),
            ];
            if let Some(last) = previous {
                for k in 0..3 {
                    if let (Some(&a), Some(&b), Some(&c), Some(&d)) =
                        (last.get(k), last.get(k + 1), row.get(k + 1), row.get(k))
                    {
                        self.quad(a, b, c, d);
                    }
                }
            }
            previous = Some(row);
        }
    }

    fn disc(&mut self, centre: Vec2, radius: f64, brush: &Brush) {
        if !centre.is_finite() || radius.is_nan() || radius <= 0.0 {
            return;
        }
        let n = circle_steps(radius);
        let middle = self.vertex(centre, brush, brush.opacity);
        let mut previous: Option<(u32, u32)> = None;
        for i in 0..=n {
            let out = unit(TAU * i as f64 / n as f64);
            let full = self.vertex(
                centre + out * (radius - brush.soft / 2.0).max(0.0),
                brush,
                brush.opacity,
            );
            let edge = self.vertex(centre + out * (radius + brush.soft / 2.0), brush, 0.0);
            if let Some((last_full, last_edge)) = previous {
                self.indices.extend_from_slice(&[middle, last_full, full]);
                self.quad(last_full, last_edge, edge, full);
            }
            previous = Some((full, edge));
        }
    }
}

struct Brush {
    colour: [f32; 3],
    opacity: f32,
    half: f64,
    soft: f64,
}

/// Steps that keep a circle within 0.2 mm of its chords.
fn circle_steps(radius: f64) -> usize {
    let angle = 2.0 * (1.0 - (0.0002 / radius.max(1e-3)).min(0.5)).acos();
    ((TAU / angle).ceil() as usize).clamp(16, 128)
}

fn dashes(points: &[Vec2]) -> Vec<Vec<Vec2>> {
    let mut dashes = Vec::new();
    for pair in points.windows(2) {
        let [a, b] = pair else { continue };
        let length = a.distance(*b);
        let mut at = 0.0;
        while at < length {
            let stop = (at + DASH_M).min(length);
            dashes.push(vec![a.lerp(*b, at / length), a.lerp(*b, stop / length)]);
            at = stop + GAP_M;
        }
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projector::overlay::Meaning;

    fn area(t: &Triangles) -> f64 {
        t.indices
            .chunks(3)
            .map(|tri| {
                let p: Vec<Vec2> = tri
                    .iter()
                    .map(|&i| Vec2::from(t.positions[i as usize].map(f64::from)))
                    .collect();
                ((p[1] - p[0]).perp_dot(p[2] - p[0]) / 2.0).abs()
            })
            .sum()
    }

    fn shape(geometry: Geometry) -> Vec<Shape> {
        vec![Shape {
            meaning: Meaning::Aim,
            fade: 0.0,
            geometry,
        }]
    }

    #[test]
    fn a_line_covers_its_length_times_its_width() {
        let line = Geometry::Polyline {
            points: vec![Vec2::ZERO, Vec2::new(1.0, 0.0)],
            dashed: false,
        };
        let t = Triangles::of(&shape(line), 0.001);
        assert!(
            (area(&t) - (style(Meaning::Aim).width_m + 0.001)).abs() < 1e-6,
            "{}",
            area(&t)
        );
        assert_eq!(t.positions.len(), t.colours.len());
    }

    #[test]
    fn a_ring_stays_outside_its_circle() {
        let ring = Geometry::Ring {
            centre: Vec2::new(0.3, 0.1),
            radius: 0.0286,
        };
        let t = Triangles::of(&shape(ring), 0.001);
        for p in &t.positions {
            let d = Vec2::from(p.map(f64::from)).distance(Vec2::new(0.3, 0.1));
            assert!(d > 0.0286 - 0.0011, "{d}");
        }
    }

    #[test]
    fn nothing_comes_of_points_that_are_nowhere() {
        for geometry in [
            Geometry::Polyline {
                points: vec![Vec2::NAN, Vec2::ZERO],
                dashed: false,
            },
            Geometry::Polyline {
                points: vec![Vec2::ZERO, Vec2::ZERO],
                dashed: true,
            },
            Geometry::Polyline {
                points: vec![],
                dashed: false,
            },
            Geometry::Disc {
                centre: Vec2::ZERO,
                radius: f64::NAN,
            },
        ] {
            assert!(Triangles::of(&shape(geometry), 0.001).indices.is_empty());
        }
    }
}
