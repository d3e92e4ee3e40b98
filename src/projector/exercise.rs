//! What an exercise shows on the cloth: where balls are to be put, where one is to come to rest, and words.

use super::compose::Scene;
use super::drawing::{Drawing, LETTER_M, Sign, circle, shape};
use super::guard::ball_clearance_m;
use super::lettering;
use crate::projector::overlay::{Geometry, Meaning, Shape};
use crate::projector::theme::form;
use crate::units::Vec2;

/// A place for a ball.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Where its centre is to be, metres.
    pub at: Vec2,
    /// What to call it: a number, or a word.
    pub label: String,
    /// It lies there.
    pub done: bool,
}

/// The outline of a part of the cloth.
#[derive(Clone, Debug, PartialEq)]
pub enum Outline {
    /// A circle.
    Circle {
        /// Middle, metres.
        centre: Vec2,
        /// Radius, metres.
        radius: f64,
    },
    /// A figure without dents, corner by corner, metres.
    Polygon(Vec<Vec2>),
}

/// A part of the cloth where a ball is to come to rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its outline.
    pub outline: Outline,
    /// What is written in it; may be empty.
    pub label: String,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exercise {
    /// Places for balls.
    pub placements: Vec<Placement>,
    /// Where to come to rest.
    pub zones: Vec<Zone>,
    /// What to do, line by line.
    pub words: Vec<String>,
}

/// The shapes of an exercise, clear of every ball that lies on the table.
#[must_use]
pub fn compose_exercise(exercise: &Exercise, scene: &Scene) -> Vec<Shape> {
    let mut drawing = scene.drawing();
    for zone in &exercise.zones {
        zone_into(&mut drawing, zone);
    }
    for placement in &exercise.placements {
        place_into(&mut drawing, placement, scene.ball_radius_m);
    }
    let half_m = drawing.half_m();
    drawing.signs(words_sign(&exercise.words, half_m));
    drawing.finish()
}

fn zone_into(drawing: &mut Drawing, zone: &Zone) {
    let corners = match &zone.outline {
        Outline::Circle { centre, radius } => circle(*centre, *radius),
        Outline::Polygon(corners) => corners.iter().chain(corners.first()).copied().collect(),
    };
    if corners.len() < 4 {
        return;
    }
    drawing.inside(&corners, Meaning::Zone);
    drawing.line(&corners, Meaning::Zone, 0.0);
    if !zone.label.is_empty() {
        let low = corners.iter().fold(Vec2::MAX, |a, b| a.min(*b));
        let high = corners.iter().fold(Vec2::MIN, |a, b| a.max(*b));
        drawing.words(low.midpoint(high), &zone.label, LETTER_M, Meaning::Label);
    }
}

/// A ring as wide as the ball may be lit round: it need not change when the ball comes. Broken, with a cross, while the place is
/// empty; whole, with a tick, when the ball lies there.
fn place_into(drawing: &mut Drawing, placement: &Placement, ball_radius_m: f64) {
    /// Half of the cross, metres.
    const CROSS_M: f64 = 0.008;
    let at = placement.at;
    let radius = ball_clearance_m(ball_radius_m) + 0.001;
    let outer = radius + form(Meaning::Placed).width_m;
    if placement.done {
        drawing.ring(at, radius, Meaning::Placed);
        drawing.signs([tick(at, outer)]);
    } else {
        drawing.ring(at, radius, Meaning::Placement);
        for side in [Vec2::X, Vec2::Y] {
            drawing.line(
                &[at - side * CROSS_M, at + side * CROSS_M],
                Meaning::Placement,
                0.0,
            );
        }
    }
    if !placement.label.is_empty() {
        let below = at - Vec2::new(0.0, outer + LETTER_M);
        drawing.words(below, &placement.label, LETTER_M, Meaning::Label);
    }
}

/// A tick beside a ring of this radius, on the side where there is room.
fn tick(at: Vec2, radius: f64) -> Sign {
    let half_m = Vec2::new(0.0165, 0.015);
    let points = [(-0.0135, -0.003), (-0.0045, -0.012), (0.0135, 0.012)].map(|(x, y)| Vec2::new(x, y));
    let sides = [
        (1.0, 1.0),
        (-1.0, 1.0),
        (1.0, -1.0),
        (-1.0, -1.0),
        (1.0, 0.0),
        (-1.0, 0.0),
        (0.0, 1.0),
    ];
    let line = Geometry::Polyline {
        points: points.to_vec(),
        dashed: false,
    };
    Sign {
        places: sides
            .map(|(x, y)| at + Vec2::new(x, y).normalize() * (radius + half_m.length() + 0.014))
            .to_vec(),
        half_m,
        shapes: vec![shape(Meaning::Placed, 0.0, line)],
    }
}

/// Lines of text, one below the other.
fn words_sign(lines: &[String], half_bed_m: Vec2) -> Option<Sign> {
    const LINE_M: f64 = 1.8 * LETTER_M;
    let length = |line: &String| lettering::length(line, LETTER_M);
    let longest = lines.iter().map(length).fold(0.0, f64::max);
    let height = LINE_M * (lines.len().max(1) - 1) as f64 + LETTER_M;
    let shapes = lines.iter().enumerate().map(|(i, line)| {
        let down = height / 2.0 - LETTER_M / 2.0 - LINE_M * i as f64;
        let geometry = Geometry::Text {
            at: Vec2::new(length(line) / 2.0 - longest / 2.0, down),
            height: LETTER_M,
            text: line.clone(),
        };
        shape(Meaning::Label, 0.0, geometry)
    });
    // Along the left rail first, where it is read from the right one; then wherever there is room.
    let rows = [0.72, -0.72, 0.45, -0.45, 0.2, -0.2, 0.0];
    let columns = [0.0, -0.3, 0.3, -0.5, 0.5];
    let places = rows
        .into_iter()
        .flat_map(|y| columns.map(|x| Vec2::new(x, y) * half_bed_m));
    (longest > 0.0).then(|| Sign {
        places: places.collect(),
        half_m: Vec2::new(longest, height) / 2.0,
        shapes: shapes.collect(),
    })
}

#[cfg(test)]
mod tests;
