//! Pictures drawn in software: what the projector would show, and what was found in a frame.

use image::{Rgb, RgbImage};

use crate::projector::drawing::arrow_corner;
use crate::projector::lettering;
use crate::projector::overlay::{Geometry as Form, Meaning, Shape};
use crate::table::{BallKind, Geometry, Group, TableSpec};
use crate::units::Vec2;
use crate::vision::observation::Observation;

/// Cloth, cushions and pockets around the noses that a projector picture shows, metres.
const MARGIN_M: f64 = 0.145;

/// The overlay on black, seen from above, foot end to the right, `width` pixels wide.
pub(super) fn overlay(shapes: &[Shape], spec: &TableSpec, width: u32) -> RgbImage {
    let across = Vec2::new(spec.length_m + 2.0 * MARGIN_M, spec.width_m + 2.0 * MARGIN_M);
    let scale = f64::from(width) / across.x;
    let height = (across.y * scale).round().max(1.0) as u32;
    let mut canvas = Canvas::new(RgbImage::new(width.max(1), height));
    let pixel = |p: Vec2| Vec2::new((p.x + across.x / 2.0) * scale, (across.y / 2.0 - p.y) * scale);

    // The table itself, only just visible: it is there to find one's way, not projected.
    let table = Geometry::of(spec);
    for line in table.noses.iter().chain(&table.facings) {
        canvas.line(&[pixel(line.a), pixel(line.b)], 0.6);
    }
    for pocket in &table.pockets {
        canvas.ring(pixel(pocket.centre), pocket.radius * scale, 0.6);
    }
    canvas.fill([255; 3], 0.16);

    for shape in shapes {
        let (colour, width_m) = look(shape.meaning);
        let strength = 1.0 - 0.6 * shape.fade.clamp(0.0, 1.0);
        let half = width_m * scale / 2.0;
        let mut stroke = |half: f64, alpha: f64| {
            match &shape.geometry {
                Form::Polyline { points, dashed } => {
                    let points: Vec<Vec2> = points.iter().map(|&p| pixel(p)).collect();
                    if *dashed {
                        for dash in dashes(&points, 0.035 * scale, 0.03 * scale) {
                            canvas.line(&dash, half);
                        }
                    } else {
                        canvas.line(&points, half);
                    }
                }
                Form::Ring { centre, radius } => canvas.ring(pixel(*centre), radius * scale, half),
                Form::Disc { centre, radius } => canvas.disc(pixel(*centre), radius * scale + half),
                Form::Arrow { tip, back } => {
                    // A bundle of lines from the tip to all along the base.
                    for side in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                        canvas.line(&[pixel(*tip), pixel(arrow_corner(*back, *tip, side))], half);
                    }
                }
                Form::Area { left, right } => {
                    for edge in [left, right] {
                        let edge: Vec<Vec2> = edge.iter().map(|&p| pixel(p)).collect();
                        canvas.line(&edge, half);
                    }
                }
                Form::Text { at, height, text } => {
                    let middle = pixel(*at);
                    let pen = (height * scale * 0.075).max(0.7) + half - width_m * scale / 2.0;
                    for line in lettering::strokes(text, height * scale) {
                        let line: Vec<Vec2> =
                            line.into_iter().map(|p| middle + Vec2::new(p.x, -p.y)).collect();
                        canvas.line(&line, pen);
                    }
                }
            }
            canvas.fill(colour, alpha);
        };
        // A faint halo makes a line read as light.
        stroke(half + 0.007 * scale, 0.14 * strength);
        stroke(half, strength);
    }
    canvas.image
}

/// Colour and width of a meaning, bright on black and told apart without red and green.
const fn look(meaning: Meaning) -> ([u8; 3], f64) {
    match meaning {
        Meaning::Aim | Meaning::Contact => ([255, 255, 255], 0.009),
        Meaning::CuePath => ([110, 205, 255], 0.008),
        Meaning::GhostBall | Meaning::Label | Meaning::Tip | Meaning::Placement => ([255, 255, 255], 0.006),
        Meaning::TangentLine => ([150, 160, 170], 0.005),
        Meaning::ObjectPath => ([255, 190, 40], 0.010),
        Meaning::OtherPath => ([200, 150, 255], 0.007),
        Meaning::Spread => ([165, 125, 40], 0.005),
        Meaning::Rebound | Meaning::Zone => ([110, 205, 255], 0.005),
        Meaning::Pocket | Meaning::Placed => ([70, 230, 150], 0.010),
        Meaning::Scratch => ([255, 95, 70], 0.012),
        Meaning::Rest | Meaning::Scale => ([190, 200, 210], 0.005),
        Meaning::Speed => ([255, 255, 255], 0.016),
    }
}

/// Draws what was found in a frame over it. The picture may be smaller than the frame.
pub(super) fn annotate(picture: RgbImage, seen: &Observation) -> RgbImage {
    let scale = f64::from(picture.width()) / f64::from(seen.image.width.max(1));
    let pen = (f64::from(picture.width()) / 900.0).max(0.8);
    let mut canvas = Canvas::new(picture);
    let outlined = |canvas: &mut Canvas, draw: &dyn Fn(&mut Canvas, f64), colour: [u8; 3]| {
        draw(canvas, pen * 2.2);
        canvas.fill([0; 3], 0.55);
        draw(canvas, pen);
        canvas.fill(colour, 1.0);
    };
    if let Some(table) = &seen.table {
        let mut corners: Vec<Vec2> = table.corners_px.iter().map(|&p| p * scale).collect();
        corners.extend(corners.first().copied());
        outlined(&mut canvas, &|c, half| c.line(&corners, half), [110, 205, 255]);
    }
    for cue in &seen.cues {
        let line = [cue.butt_px * scale, cue.tip_px * scale];
        outlined(&mut canvas, &|c, half| c.line(&line, half), [255, 190, 40]);
        outlined(
            &mut canvas,
            &|c, half| c.ring(cue.tip_px * scale, pen * 5.0, half),
            [255, 255, 255],
        );
    }
    for ball in &seen.balls {
        let (centre, radius) = (ball.center_px * scale, ball.radius_px * scale + pen * 1.5);
        outlined(
            &mut canvas,
            &|c, half| c.ring(centre, radius, half),
            [255, 255, 255],
        );
        let height = (radius * 0.75).max(7.0);
        let at = centre - Vec2::new(0.0, radius + height * 0.5 + pen * 4.0);
        let strokes: Vec<Vec<Vec2>> = lettering::strokes(&label(ball.kind), height)
            .into_iter()
            .map(|line| line.into_iter().map(|p| at + Vec2::new(p.x, -p.y)).collect())
            .collect();
        let weight = height * 0.07 / pen;
        outlined(
            &mut canvas,
            &|c, half| strokes.iter().for_each(|line| c.line(line, half * weight)),
            [255, 255, 255],
        );
    }
    canvas.image
}

/// What to write at a ball: its number, with a bar for a stripe, or the first letters of its colour.
fn label(kind: BallKind) -> String {
    match (kind.group, kind.number) {
        (Group::Unknown, _) => "?".to_owned(),
        (Group::Cue, _) => "CUE".to_owned(),
        (Group::Solid | Group::Stripe, Some(n)) => n.to_string(),
        (Group::Eight, _) => "8".to_owned(),
        (Group::Stripe, None) => "STRIPE".to_owned(),
        (Group::Solid, None) => "SOLID".to_owned(),
        (group, _) => group.name().to_uppercase(),
    }
}

/// Cuts a line into dashes of length `on` with gaps of length `off`.
fn dashes(points: &[Vec2], on: f64, off: f64) -> Vec<[Vec2; 2]> {
    let mut out = Vec::new();
    if !(on > 0.5 && off > 0.5) {
        return out;
    }
    let mut walked = 0.0;
    for pair in points.windows(2) {
        let [a, b] = *pair else { continue };
        let length = a.distance(b);
        // Nobody sees the dashes of a line that leaves the picture by far.
        if length > 1e5 {
            continue;
        }
        let mut at = 0.0;
        while at < length {
            let phase = (walked + at) % (on + off);
            let next = if phase < on {
                at + on - phase
            } else {
                at + on + off - phase
            };
            // A step that rounding made nothing would never end.
            let next = next.max(at + 0.01).min(length);
            if phase < on {
                out.push([a.lerp(b, at / length), a.lerp(b, next / length)]);
            }
            at = next;
        }
        walked += length;
    }
    out
}

/// A picture with a round pen. Strokes are collected first and coloured together,
/// so that a see-through line is not darker where its pieces overlap.
struct Canvas {
    image: RgbImage,
    cover: Vec<f32>,
    /// Left, top, right, bottom of what `cover` holds; empty when right < left.
    dirty: [i64; 4],
}

impl Canvas {
    fn new(image: RgbImage) -> Self {
        let pixels = image.width() as usize * image.height() as usize;
        Self {
            image,
            cover: vec![0.0; pixels],
            dirty: EMPTY,
        }
    }

    /// A line through points with round ends; one point twice is a dot.
    fn line(&mut self, points: &[Vec2], half: f64) {
        for pair in points.windows(2) {
            if let [a, b] = *pair {
                self.touch(a.min(b) - half, a.max(b) + half, |p| {
                    super::views::distance_to_segment(p, a, b) - half
                });
            }
        }
    }

    fn ring(&mut self, centre: Vec2, radius: f64, half: f64) {
        let reach = Vec2::splat(radius + half);
        self.touch(centre - reach, centre + reach, |p| {
            (p.distance(centre) - radius).abs() - half
        });
    }

    fn disc(&mut self, centre: Vec2, radius: f64) {
        let reach = Vec2::splat(radius);
        self.touch(centre - reach, centre + reach, |p| p.distance(centre) - radius);
    }

    /// Covers the pixels between `low` and `high` by their distance from the edge, which is negative inside.
    fn touch(&mut self, low: Vec2, high: Vec2, edge: impl Fn(Vec2) -> f64) {
        if !(low.is_finite() && high.is_finite()) {
            return;
        }
        let (w, h) = (i64::from(self.image.width()), i64::from(self.image.height()));
        let clamp = |v: f64, max: i64| (v as i64).clamp(0, max);
        let (x0, y0) = (clamp(low.x - 1.0, w), clamp(low.y - 1.0, h));
        let (x1, y1) = (clamp(high.x + 2.0, w), clamp(high.y + 2.0, h));
        if x0 >= x1 || y0 >= y1 {
            return;
        }
        for y in y0..y1 {
            let row = (y * w) as usize;
            let Some(row) = self.cover.get_mut(row + x0 as usize..row + x1 as usize) else {
                continue;
            };
            for (x, cover) in (x0..x1).zip(row) {
                let pixel = Vec2::new(x as f64 + 0.5, y as f64 + 0.5);
                let inside = (0.5 - edge(pixel)).clamp(0.0, 1.0) as f32;
                *cover = cover.max(inside);
            }
        }
        let [l, t, r, b] = self.dirty;
        self.dirty = [l.min(x0), t.min(y0), r.max(x1), b.max(y1)];
    }

    /// Colours what was touched since the last time.
    fn fill(&mut self, colour: [u8; 3], alpha: f64) {
        let [x0, y0, x1, y1] = std::mem::replace(&mut self.dirty, EMPTY);
        let w = i64::from(self.image.width());
        for y in y0..y1 {
            for x in x0..x1 {
                let Some(cover) = self.cover.get_mut((y * w + x) as usize) else {
                    continue;
                };
                let share = std::mem::take(cover) * alpha as f32;
                if share <= 0.0 {
                    continue;
                }
                if let Some(Rgb(pixel)) = self.image.get_pixel_mut_checked(x as u32, y as u32) {
                    for (old, new) in pixel.iter_mut().zip(colour) {
                        let mixed = f32::from(*old) * (1.0 - share) + f32::from(new) * share;
                        *old = mixed.round() as u8;
                    }
                }
            }
        }
    }
}

const EMPTY: [i64; 4] = [i64::MAX, i64::MAX, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(meaning: Meaning, geometry: Form) -> Shape {
        Shape {
            meaning,
            fade: 0.0,
            geometry,
        }
    }

    #[test]
    fn shapes_land_where_the_table_frame_says() {
        let spec = TableSpec::pool_9ft();
        let picture = overlay(
            &[
                shape(
                    Meaning::ObjectPath,
                    Form::Polyline {
                        points: vec![Vec2::new(0.2, 0.3), Vec2::new(1.0, 0.3)],
                        dashed: false,
                    },
                ),
                shape(
                    Meaning::Label,
                    Form::Text {
                        at: Vec2::new(-0.6, -0.3),
                        height: 0.05,
                        text: "8 ball".into(),
                    },
                ),
            ],
            &spec,
            900,
        );
        let scale = 900.0 / (2.54 + 2.0 * MARGIN_M);
        let at = |x: f64, y: f64| {
            let px = ((x + 1.27 + MARGIN_M) * scale) as u32;
            let py = ((0.635 + MARGIN_M - y) * scale) as u32;
            picture.get_pixel(px, py).0
        };
        assert_eq!(at(0.6, 0.3), [255, 190, 40]);
        assert_eq!(at(0.6, 0.1), [0, 0, 0]);
        let lit = |x0: f64, x1: f64, y0: f64, y1: f64| {
            let n = 60;
            (0..n * n).any(|i| {
                let (u, v) = (f64::from(i % n) / f64::from(n), f64::from(i / n) / f64::from(n));
                at(x0 + (x1 - x0) * u, y0 + (y1 - y0) * v)[0] > 200
            })
        };
        assert!(lit(-0.8, -0.4, -0.36, -0.24) && !lit(-0.8, -0.4, 0.0, 0.2));
    }

    #[test]
    fn hostile_numbers_draw_nothing_and_end() {
        let points = vec![
            Vec2::new(f64::NAN, 0.0),
            Vec2::new(f64::INFINITY, 1e300),
            Vec2::new(-1e12, 5.0),
            Vec2::new(0.0, 0.0),
        ];
        let spec = TableSpec::pool_9ft();
        for dashed in [false, true] {
            let line = Form::Polyline {
                points: points.clone(),
                dashed,
            };
            overlay(&[shape(Meaning::Aim, line)], &spec, 64);
        }
        assert!(dashes(&[Vec2::ZERO, Vec2::new(f64::NAN, 1.0)], 3.0, 3.0).is_empty());
        assert_eq!(dashes(&[Vec2::ZERO, Vec2::new(30.0, 0.0)], 3.0, 3.0).len(), 5);
    }
}
