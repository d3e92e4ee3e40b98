//! From a predicted shot to shapes on the cloth.

use crate::physics::prediction::{BallIndex, EventKind, Prediction};
use crate::projector::overlay::{Geometry, Meaning, Shape};
use crate::projector::theme::style;
use crate::system::snapshot::PredictedShot;
use crate::table::{Geometry as TableGeometry, Group};
use crate::trainer::aim::Assistance;
use crate::units::{Vec2, unit};
use crate::vision::track::TableState;

/// Light stays this far away from the edge of a ball, metres: it would change the ball's
/// colour for the camera and dazzle the player.
const GUARD_M: f64 = 0.015;
/// As wide as a ball and its guard, the way of the cue stays dark so far behind the tip, metres: a stick is 1.5 m long.
const CUE_WAY_M: f64 = 1.5;
/// Distance of the dark circles that make up that way, metres.
const CUE_WAY_STEP_M: f64 = 0.03;
/// Distance between two samples of a curved path, metres.
const SAMPLE_M: f64 = 0.01;

/// What each level of assistance draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    aim: bool,
    ghost: bool,
    tangent: bool,
    object: bool,
    /// The object ball's way ends at its first cushion.
    object_short: bool,
    cue_after: bool,
    others: bool,
    /// How sure it is: the edges of the object ball's cone, and the odds of the pocket.
    spread: bool,
    marks: bool,
}

impl Content {
    const fn of(level: Assistance) -> Self {
        let nothing = Self {
            aim: false,
            ghost: false,
            tangent: false,
            object: false,
            object_short: false,
            cue_after: false,
            others: false,
            spread: false,
            marks: false,
        };
        match level {
            Assistance::Off => nothing,
            Assistance::Minimal => Self { aim: true, ..nothing },
            Assistance::Beginner => Self {
                aim: true,
                ghost: true,
                tangent: true,
                object: true,
                object_short: false,
                cue_after: true,
                others: true,
                spread: true,
                marks: true,
            },
            Assistance::Intermediate => Self {
                aim: true,
                ghost: true,
                tangent: true,
                object: true,
                object_short: true,
                spread: true,
                ..nothing
            },
            Assistance::Advanced => Self {
                aim: true,
                ghost: true,
                ..nothing
            },
            Assistance::Expert => Self {
                ghost: true,
                ..nothing
            },
        }
    }
}

/// The shapes for a shot, clear of every ball that lies on the table.
#[must_use]
pub fn compose(
    shot: &PredictedShot,
    table: &TableState,
    pockets: &TableGeometry,
    ball_radius_m: f64,
    level: Assistance,
) -> Vec<Shape> {
    let content = Content::of(level);
    let mut drawing = Drawing::clear_of(table, ball_radius_m);
    let prediction = &shot.prediction;
    let Some(cue_ball) = shot.balls.iter().position(|id| *id == shot.intent.cue_ball) else {
        return Vec::new();
    };
    let Some(cue_path) = prediction.paths.get(cue_ball) else {
        return Vec::new();
    };
    let contact = first_contact(prediction, cue_ball);
    let end = prediction.duration_s;
    let contact_time = contact.map_or(end, |c| c.0);

    if content.aim {
        drawing.path(prediction, cue_ball, 0.0, contact_time, Meaning::Aim);
    }
    if let Some((time, object)) = contact {
        let ghost = cue_path.at(time).position;
        let object_at = prediction
            .paths
            .get(object)
            .map_or(ghost, |p| p.at(time).position);
        let line = (object_at - ghost).normalize_or_zero();
        if content.ghost {
            drawing.ring(ghost, ball_radius_m, Meaning::GhostBall);
        }
        if content.tangent && line != Vec2::ZERO {
            let incoming = cue_path.at((time - 1e-4).max(0.0)).velocity;
            let mut tangent = line.perp();
            if tangent.dot(incoming) < 0.0 {
                tangent = -tangent;
            }
            // A full hit leaves no way along the tangent: the line would point at random.
            if tangent.dot(incoming.normalize_or_zero()) > 0.05 {
                let length = room(pockets, ghost, tangent).min(TANGENT_M);
                drawing.line(
                    ghost + tangent * ball_radius_m * 1.4,
                    ghost + tangent * length,
                    Meaning::TangentLine,
                    true,
                );
            }
        }
        if content.object {
            let stop = if content.object_short {
                first_cushion(prediction, object, time).unwrap_or(end)
            } else {
                end
            };
            drawing.path(prediction, object, time, stop, Meaning::ObjectPath);
            if content.spread {
                spread(&mut drawing, shot, pockets, object, content.object_short);
            }
        }
        if content.cue_after {
            drawing.path(prediction, cue_ball, time, end, Meaning::CuePath);
        }
        if content.others {
            for other in (0..prediction.paths.len()).filter(|b| *b != cue_ball && *b != object) {
                drawing.path(prediction, other, time, end, Meaning::OtherPath);
            }
        }
    }
    if content.marks {
        marks(
            &mut drawing,
            prediction,
            pockets,
            cue_ball,
            contact.map(|c| c.1),
            ball_radius_m,
        );
    }
    if content.marks && prediction.pocket_of(cue_ball).is_some() {
        let fall = cue_path.end.position;
        drawing.text(inward(fall, 0.2), "SCRATCH", Meaning::Scratch);
    }
    drawing.shapes
}

/// Shapes for a table on which no shot is aimed: a word for the player when the cue ball is missing.
#[must_use]
pub fn compose_waiting(table: &TableState, ball_radius_m: f64, level: Assistance) -> Vec<Shape> {
    let missing =
        level != Assistance::Off && table.at_rest && !table.balls.is_empty() && table.cue_ball().is_none();
    let known = table.balls.iter().any(|b| b.kind.group != Group::Unknown);
    if !(missing && known) {
        return Vec::new();
    }
    let mut drawing = Drawing::clear_of(table, ball_radius_m);
    drawing.text(Vec2::new(-0.6, 0.0), "place the cue ball", Meaning::Label);
    drawing.shapes
}

/// Words instead of lines, where lines would be wrong.
#[must_use]
pub fn compose_message(table: Option<&TableState>, ball_radius_m: f64, words: &str) -> Vec<Shape> {
    let mut drawing = match table {
        Some(table) => Drawing::clear_of(table, ball_radius_m),
        None => Drawing::clear_of(&TableState::lying(Vec::new()), ball_radius_m),
    };
    drawing.text(Vec2::ZERO, words, Meaning::Label);
    drawing.shapes
}

/// The cone of the struck ball's way while most ways still go the same, and the odds of its pocket.
fn spread(
    drawing: &mut Drawing,
    shot: &PredictedShot,
    pockets: &TableGeometry,
    object: BallIndex,
    to_first_cushion: bool,
) {
    /// Where less than this share of the ways come by, a cone says nothing.
    const LEAST_SHARE: f64 = 0.75;
    /// Two points of one leg are never further apart, metres.
    const GAP_M: f64 = 0.15;
    /// A narrower cone is the line itself, metres.
    const NARROW_M: f64 = 0.012;
    let Some(told) = shot.spread.as_ref().and_then(|s| s.balls.get(object)) else {
        return;
    };
    let mut edges: [Vec<Vec2>; 2] = Default::default();
    let mut last: Option<(Vec2, Vec2)> = None;
    for point in told.cone.iter().take_while(|point| point.share >= LEAST_SHARE) {
        let turned =
            last.is_some_and(|(at, left)| left.dot(point.left) < 0.9 || at.distance(point.at_m) > GAP_M);
        if turned {
            drawing.edges(&mut edges);
            if to_first_cushion {
                break;
            }
        }
        last = Some((point.at_m, point.left));
        if point.to_m - point.from_m >= NARROW_M {
            for (edge, offset) in edges.iter_mut().zip([point.from_m, point.to_m]) {
                edge.push(point.at_m + point.left * offset);
            }
        }
    }
    drawing.edges(&mut edges);
    if let Some(id) = shot.prediction.pocket_of(object)
        && let Some(pocket) = pockets.pocket(id)
    {
        // Beside the way, on the side of the table's middle.
        let from = told.cone.last().map_or(Vec2::ZERO, |point| point.at_m);
        let arrives = (pocket.centre - from).normalize_or_zero();
        let mut beside = arrives.perp();
        if beside.dot(pocket.centre) > 0.0 {
            beside = -beside;
        }
        let odds = format!("{:.0} %", 100.0 * told.pocket_probability(id));
        drawing.text(
            pocket.centre - arrives * 0.2 + beside * 0.1,
            &odds,
            Meaning::Label,
        );
    }
}

fn marks(
    drawing: &mut Drawing,
    prediction: &Prediction,
    pockets: &TableGeometry,
    cue_ball: BallIndex,
    object: Option<BallIndex>,
    ball_radius_m: f64,
) {
    for event in &prediction.events {
        match event.kind {
            EventKind::Cushion(ball, _) | EventKind::Jaw(ball, _)
                if ball == cue_ball || Some(ball) == object =>
            {
                let fade = drawing.fade(event.time_s, prediction.duration_s);
                drawing.disc(event.position, 0.009, Meaning::Rebound, fade);
            }
            EventKind::Pocketed(ball, id) => {
                if let Some(pocket) = pockets.pocket(id) {
                    let meaning = if ball == cue_ball {
                        Meaning::Scratch
                    } else {
                        Meaning::Pocket
                    };
                    drawing.ring(pocket.centre, pocket.radius + 0.012, meaning);
                }
            }
            _ => {}
        }
    }
    // A simulation that was cut off knows no place of rest.
    if !prediction.truncated
        && prediction.pocket_of(cue_ball).is_none()
        && let Some(path) = prediction.paths.get(cue_ball)
    {
        drawing.ring(path.end.position, ball_radius_m, Meaning::Rest);
    }
}

fn first_contact(prediction: &Prediction, cue_ball: BallIndex) -> Option<(f64, BallIndex)> {
    prediction.events.iter().find_map(|e| match e.kind {
        EventKind::BallBall(a, b) if a == cue_ball => Some((e.time_s, b)),
        EventKind::BallBall(a, b) if b == cue_ball => Some((e.time_s, a)),
        _ => None,
    })
}

fn first_cushion(prediction: &Prediction, ball: BallIndex, after: f64) -> Option<f64> {
    prediction.events.iter().find_map(|e| match e.kind {
        EventKind::Cushion(b, _) | EventKind::Jaw(b, _) if b == ball && e.time_s > after => Some(e.time_s),
        _ => None,
    })
}

/// Longest tangent line, metres: a direction, not a way.
const TANGENT_M: f64 = 0.35;

/// How far it is from a point on the cloth, in a direction, to the line of the noses.
fn room(table: &TableGeometry, from: Vec2, direction: Vec2) -> f64 {
    table
        .noses
        .iter()
        .filter_map(|nose| {
            let closing = -direction.dot(nose.normal);
            (closing > 1e-9).then(|| (from - nose.a).dot(nose.normal) / closing)
        })
        .fold(f64::MAX, f64::min)
        .max(0.0)
}

/// A point moved toward the middle of the table.
fn inward(point: Vec2, by: f64) -> Vec2 {
    point - point.normalize_or_zero() * by
}

struct Drawing {
    shapes: Vec<Shape>,
    guard: Vec<Vec2>,
    guard_radius: f64,
}

impl Drawing {
    /// An empty drawing that will leave every ball of the table dark, and the way of the cue.
    fn clear_of(table: &TableState, ball_radius_m: f64) -> Self {
        let mut guard: Vec<Vec2> = table.balls.iter().map(|b| b.position_m).collect();
        if let Some(cue) = &table.cue {
            // From the ball it is aimed at, if it is, else from the tip.
            let ahead = |ball: Vec2| (ball - cue.tip_m).dot(cue.direction);
            let begin = table
                .cue_ball()
                .map(|b| ahead(b.position_m))
                .filter(|a| (0.0..0.5).contains(a))
                .unwrap_or(0.0);
            let steps = ((begin + CUE_WAY_M) / CUE_WAY_STEP_M).ceil() as usize;
            guard
                .extend((0..=steps).map(|i| cue.tip_m + cue.direction * (begin - CUE_WAY_STEP_M * i as f64)));
        }
        Self {
            shapes: Vec::new(),
            guard,
            guard_radius: ball_radius_m + GUARD_M,
        }
    }

    fn fade(&self, time: f64, duration: f64) -> f64 {
        (time / duration.max(1e-9)).clamp(0.0, 1.0)
    }

    fn is_clear(&self, point: Vec2, reach: f64) -> bool {
        self.guard
            .iter()
            .all(|ball| ball.distance(point) > self.guard_radius + reach)
    }

    /// A circle line outside `radius`, broken where a ball lies.
    fn ring(&mut self, centre: Vec2, radius: f64, meaning: Meaning) {
        let width = style(meaning).width_m;
        // Balls wholly inside the ring are not touched by it.
        let touched = self.guard.iter().any(|ball| {
            let distance = ball.distance(centre);
            distance < radius + width + self.guard_radius && distance + self.guard_radius > radius
        });
        if !touched {
            self.shapes.push(Shape {
                meaning,
                fade: 0.0,
                geometry: Geometry::Ring { centre, radius },
            });
            return;
        }
        const STEPS: u32 = 96;
        let turn = std::f64::consts::TAU / f64::from(STEPS);
        let circle: Vec<Vec2> = (0..=STEPS)
            .map(|i| centre + unit(turn * f64::from(i)) * (radius + width / 2.0))
            .collect();
        self.polyline(&circle, meaning, 0.0, false);
    }

    fn disc(&mut self, centre: Vec2, radius: f64, meaning: Meaning, fade: f64) {
        if self.is_clear(centre, radius) {
            self.shapes.push(Shape {
                meaning,
                fade,
                geometry: Geometry::Disc { centre, radius },
            });
        }
    }

    /// Words about `at`, moved aside where a ball lies under them.
    fn text(&mut self, at: Vec2, words: &str, meaning: Meaning) {
        const HEIGHT_M: f64 = 0.05;
        let half = HEIGHT_M * 0.35 * words.chars().count() as f64;
        let free = |at: Vec2| {
            self.guard.iter().all(|ball| {
                let off = (*ball - at).abs();
                off.x > half + self.guard_radius || off.y > HEIGHT_M / 2.0 + self.guard_radius
            })
        };
        let places = [0.0, 0.1, -0.1, 0.2, -0.2, 0.3, -0.3].map(|dy| at + Vec2::new(0.0, dy));
        if let Some(at) = places.into_iter().find(|p| free(*p)) {
            let geometry = Geometry::Text {
                at,
                height: HEIGHT_M,
                text: words.to_owned(),
            };
            self.shapes.push(Shape {
                meaning,
                fade: 0.0,
                geometry,
            });
        }
    }

    /// A line, without the parts that would fall on a ball.
    fn polyline(&mut self, points: &[Vec2], meaning: Meaning, fade: f64, dashed: bool) {
        let reach = self.guard_radius + style(meaning).width_m / 2.0;
        for points in clear_of(&self.guard, reach, points) {
            self.shapes.push(Shape {
                meaning,
                fade,
                geometry: Geometry::Polyline { points, dashed },
            });
        }
    }

    /// Draws both edges of a cone and empties them.
    fn edges(&mut self, edges: &mut [Vec<Vec2>; 2]) {
        for edge in edges {
            if edge.len() >= 2 {
                self.polyline(edge, Meaning::Spread, 0.0, false);
            }
            edge.clear();
        }
    }

    fn line(&mut self, a: Vec2, b: Vec2, meaning: Meaning, dashed: bool) {
        self.polyline(&[a, b], meaning, 0.0, dashed);
    }

    /// The way of a ball between two times, one polyline per stretch between cushions, fading with time.
    fn path(&mut self, prediction: &Prediction, ball: BallIndex, from: f64, to: f64, meaning: Meaning) {
        let Some(path) = prediction.paths.get(ball) else {
            return;
        };
        for piece in path.pieces.iter().filter(|p| p.end_s > from && p.start_s < to) {
            let (start, stop) = (piece.start_s.max(from), piece.end_s.min(to));
            let (a, b) = (piece.at(start).position, piece.at(stop).position);
            // Only a sliding ball's path bends; a rolling ball's two ends say all.
            let straight = piece.from.velocity.perp_dot(piece.acceleration).abs() < 1e-6;
            let steps = if straight {
                1
            } else {
                ((a.distance(b) / SAMPLE_M).ceil() as usize).clamp(1, 200)
            };
            let points: Vec<Vec2> = (0..=steps)
                .map(|i| {
                    piece
                        .at(start + (stop - start) * i as f64 / steps as f64)
                        .position
                })
                .collect();
            if a.distance(b) < 1e-4 {
                continue;
            }
            let fade = self.fade(start, prediction.duration_s);
            self.polyline(&points, meaning, fade, false);
        }
    }
}

/// The parts of a polyline outside every guard circle.
fn clear_of(guard: &[Vec2], radius: f64, points: &[Vec2]) -> Vec<Vec<Vec2>> {
    let mut parts = Vec::new();
    let mut part: Vec<Vec2> = Vec::new();
    for pair in points.windows(2) {
        let [a, b] = pair else { continue };
        for (from, to) in outside(guard, radius, *a, *b) {
            let (p, q) = (a.lerp(*b, from), a.lerp(*b, to));
            match part.last() {
                Some(last) if last.distance(p) < 1e-9 => part.push(q),
                _ => {
                    parts.push(std::mem::replace(&mut part, vec![p, q]));
                }
            }
        }
    }
    parts.push(part);
    parts.retain(|p| p.len() >= 2);
    parts
}

/// Shares 0..1 of a segment that lie outside every circle, in order.
fn outside(guard: &[Vec2], radius: f64, a: Vec2, b: Vec2) -> Vec<(f64, f64)> {
    let along = b - a;
    let length2 = along.length_squared();
    if length2 < 1e-18 {
        return Vec::new();
    }
    let mut hidden: Vec<(f64, f64)> = guard
        .iter()
        .filter_map(|centre| {
            let to = *centre - a;
            let middle = to.dot(along) / length2;
            let off2 = (to - along * middle).length_squared();
            let half = ((radius * radius - off2).max(0.0) / length2).sqrt();
            (off2 < radius * radius && middle + half > 0.0 && middle - half < 1.0)
                .then_some((middle - half, middle + half))
        })
        .collect();
    hidden.sort_by(|x, y| x.0.total_cmp(&y.0));
    let mut parts = Vec::new();
    let mut at = 0.0;
    for (from, to) in hidden {
        if from > at {
            parts.push((at, from.min(1.0)));
        }
        at = at.max(to);
    }
    if at < 1.0 {
        parts.push((at, 1.0));
    }
    parts
}

#[cfg(test)]
mod tests;
