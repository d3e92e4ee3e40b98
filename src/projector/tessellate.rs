//! Shapes as coloured triangles with soft edges, in table metres.
//!
//! The edge falls from full to nothing over one projector pixel on either side of the
//! ideal outline, so lines are smooth without multisampling and keep their width in metres.

use std::f64::consts::TAU;

use crate::calibration::Mark;
use crate::projector::drawing::arrow_corner;
use crate::projector::lettering;
use crate::projector::overlay::{Geometry, Shape};
use crate::projector::theme::Theme;
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

/// Thickness of the pen that writes, as a share of the height of its capitals.
const PEN: f64 = 0.115;

impl Triangles {
    /// All shapes in the colours of a theme; `pixel_m` is the size of a projector pixel on the cloth.
    #[must_use]
    pub fn of(shapes: &[Shape], theme: &Theme, pixel_m: f64) -> Self {
        let mut triangles = Self::default();
        for shape in shapes {
            let look = theme.style(shape.meaning);
            let mut brush = Brush {
                colour: look.colour.map(linear_light),
                opacity: look.opacity(shape.fade) as f32,
                half: look.form.width_m / 2.0,
                soft: pixel_m,
            };
            match &shape.geometry {
                Geometry::Polyline { points, dashed } => match look.form.dash_m.filter(|_| *dashed) {
                    None => triangles.polyline(points, &brush),
                    Some(dash) => {
                        for dash in dashes(points, dash) {
                            triangles.polyline(&dash, &brush);
                        }
                    }
                },
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
                Geometry::Arrow { tip, back } => triangles.head(*back, *tip, &brush),
                Geometry::Area { left, right } => {
                    brush.opacity = look.area_opacity(shape.fade) as f32;
                    triangles.area(left, right, &brush);
                }
                Geometry::Text { at, height, text } => {
                    brush.half = PEN * height / 2.0;
                    for stroke in lettering::strokes(text, *height) {
                        let stroke: Vec<Vec2> = stroke.into_iter().map(|p| *at + p).collect();
                        triangles.polyline(&stroke, &brush);
                        // Round ends, where it does not come back to where it began.
                        let ends = stroke.first().into_iter().chain(stroke.last());
                        let closed = stroke.len() > 3 && stroke.first() == stroke.last();
                        for end in ends.filter(|_| !closed) {
                            triangles.disc(*end, brush.half, &brush);
                        }
                    }
                }
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
            // An open end is soft, too: its light falls to nothing over a pixel, half of it beyond the end.
            let along = if closed {
                Vec2::ZERO
            } else {
                after * (brush.soft / 2.0)
            };
            let rows: &[(Vec2, f32)] = match i {
                0 if !closed => &[(-along, 0.0), (along, 1.0)],
                _ if i + 1 == n && !closed => &[(-along, 1.0), (along, 0.0)],
                _ => &[(Vec2::ZERO, 1.0)],
            };
            for (moved, share) in rows {
                let (middle, opacity) = (at(i) + *moved, brush.opacity * share);
                let row = [
                    self.vertex(middle - across * outer, brush, 0.0),
                    self.vertex(middle - across * inner, brush, opacity),
                    self.vertex(middle + across * inner, brush, opacity),
                    self.vertex(middle + across * outer, brush, 0.0),
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
    }

    /// A triangle, its edges drawn with a fine line so that they are soft.
    fn head(&mut self, back: Vec2, tip: Vec2, brush: &Brush) {
        if !(back.is_finite() && tip.is_finite()) {
            return;
        }
        // The line lies within: the head is no larger than it is said to be.
        let corners = [tip, arrow_corner(back, tip, 1.0), arrow_corner(back, tip, -1.0)];
        let middle = corners.iter().sum::<Vec2>() / 3.0;
        let inner = |by: f64| corners.map(|c| c + (middle - c).normalize_or_zero() * (2.0 * by));
        let full = inner(brush.soft / 2.0).map(|c| self.vertex(c, brush, brush.opacity));
        let edge = corners.map(|c| self.vertex(c, brush, 0.0));
        self.indices.extend_from_slice(&full);
        let [a, b, c] = full;
        let [d, e, f] = edge;
        self.quad(a, d, e, b);
        self.quad(b, e, f, c);
        self.quad(c, f, d, a);
    }

    /// A surface from rung to rung. Its edges are hard: lines lie over them.
    fn area(&mut self, left: &[Vec2], right: &[Vec2], brush: &Brush) {
        let finite = |points: &[Vec2]| points.iter().all(|p| p.is_finite());
        if left.len() != right.len() || !finite(left) || !finite(right) {
            return;
        }
        let mut previous: Option<(u32, u32)> = None;
        for (l, r) in left.iter().zip(right) {
            let l = self.vertex(*l, brush, brush.opacity);
            let r = self.vertex(*r, brush, brush.opacity);
            if let Some((last_l, last_r)) = previous {
                self.quad(last_l, last_r, r, l);
            }
            previous = Some((l, r));
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

/// The dashes of a line, as if it were straight: they go on round its corners.
fn dashes(points: &[Vec2], (on, off): (f64, f64)) -> Vec<Vec<Vec2>> {
    let mut dashes: Vec<Vec<Vec2>> = Vec::new();
    let (mut lit, mut left) = (false, 0.0);
    for pair in points.windows(2) {
        let [a, b] = pair else { continue };
        let length = a.distance(*b);
        if !length.is_finite() || length < 1e-9 {
            continue;
        }
        let mut at = 0.0;
        while at < length {
            // A step that rounding made nothing would never end.
            if left < 1e-9 {
                lit = !lit;
                left = if lit { on } else { off };
                if lit {
                    dashes.push(vec![a.lerp(*b, at / length)]);
                }
            }
            let step = left.min(length - at).max(1e-9);
            at += step;
            left -= step;
            if lit && let Some(dash) = dashes.last_mut() {
                dash.push(a.lerp(*b, (at / length).min(1.0)));
            }
        }
    }
    // A speck at the end comes and goes with every breath of the player.
    let speck = dashes
        .last()
        .is_some_and(|last| lit && on - left < 0.25 * on && last.len() >= 2);
    if speck {
        dashes.pop();
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projector::overlay::Meaning;
    use crate::projector::theme::form;

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
        let t = Triangles::of(&shape(line), &Theme::default(), 0.001);
        assert!(
            (area(&t) - (form(Meaning::Aim).width_m + 0.001) * 1.001).abs() < 1e-6,
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
        let t = Triangles::of(&shape(ring), &Theme::default(), 0.001);
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
            Geometry::Arrow {
                tip: Vec2::NAN,
                back: Vec2::ZERO,
            },
            Geometry::Area {
                left: vec![Vec2::ZERO, Vec2::X],
                right: vec![Vec2::Y],
            },
        ] {
            assert!(
                Triangles::of(&shape(geometry), &Theme::default(), 0.001)
                    .indices
                    .is_empty()
            );
        }
    }

    #[test]
    fn dashes_go_on_round_corners() {
        let bent: Vec<Vec2> = [(0.0, 0.0), (0.05, 0.0), (0.05, 0.05), (0.1, 0.05)]
            .map(|(x, y)| Vec2::new(x, y))
            .to_vec();
        let length = |dash: &Vec<Vec2>| dash.windows(2).map(|p| p[0].distance(p[1])).sum::<f64>();
        let dashes = dashes(&bent, (0.02, 0.01));
        assert_eq!(dashes.len(), 5);
        assert!(
            dashes.iter().all(|d| (length(d) - 0.02).abs() < 1e-6),
            "{dashes:?}"
        );
        // However finely the line is cut, the dashes are the same.
        let fine: Vec<Vec2> = (0..=150)
            .map(|i| match i {
                0..=50 => Vec2::new(0.001 * f64::from(i), 0.0),
                51..=100 => Vec2::new(0.05, 0.001 * f64::from(i - 50)),
                _ => Vec2::new(0.001 * f64::from(i - 50), 0.05),
            })
            .collect();
        let again = super::dashes(&fine, (0.02, 0.01));
        assert_eq!(again.len(), 5);
        for (a, b) in dashes.iter().zip(&again) {
            assert!(a[0].distance(b[0]) < 1e-6, "{a:?} {b:?}");
        }
    }

    #[test]
    fn an_arrow_is_half_a_square_and_a_surface_as_large_as_it_is() {
        let arrow = Geometry::Arrow {
            tip: Vec2::new(0.1, 0.0),
            back: Vec2::new(0.08, 0.0),
        };
        let t = Triangles::of(&shape(arrow), &Theme::default(), 0.0005);
        assert!((area(&t) - 0.0002).abs() < 1e-9, "{}", area(&t));
        let band = Geometry::Area {
            left: vec![Vec2::ZERO, Vec2::new(0.1, 0.0)],
            right: vec![Vec2::new(0.0, 0.1), Vec2::new(0.1, 0.2)],
        };
        let t = Triangles::of(&shape(band), &Theme::default(), 0.0005);
        assert!((area(&t) - 0.015).abs() < 1e-9, "{}", area(&t));
    }

    #[test]
    fn words_are_written_within_their_size() {
        let text = Geometry::Text {
            at: Vec2::new(0.2, 0.1),
            height: 0.05,
            text: "8 BALL".to_owned(),
        };
        let t = Triangles::of(&shape(text), &Theme::default(), 0.001);
        let half = Vec2::new(lettering::length("8 BALL", 0.05), 0.05) / 2.0 + 0.05 * PEN + 0.002;
        assert!(t.positions.len() > 100);
        for p in &t.positions {
            let off = (Vec2::from(p.map(f64::from)) - Vec2::new(0.2, 0.1)).abs();
            assert!(off.cmple(half).all(), "{off}");
        }
    }
}
