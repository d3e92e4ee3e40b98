//! From a predicted shot to shapes on the cloth.

use crate::physics::prediction::{BallIndex, EventKind, Prediction};
use crate::projector::drawing::{Drawing, LETTER_M, SAMPLE_M, is_speck};
use crate::projector::guard::{GUARD_M, Guard, clear_of_circle};
use crate::projector::overlay::{Meaning, Shape};
use crate::projector::sign::{Stroke, stroke_sign};
use crate::projector::theme::form;
use crate::system::snapshot::PredictedShot;
use crate::table::{Geometry as TableGeometry, Group};
use crate::trainer::aim::Assistance;
use crate::trainer::help::Element;
use crate::units::{Vec2, Vec3, unit};
use crate::vision::track::TableState;

/// What a drawing has to fit in with.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Balls and cue, which stay dark.
    pub table: &'a TableState,
    /// Noses and pockets.
    pub pockets: &'a TableGeometry,
    /// Radius of the balls, metres.
    pub ball_radius_m: f64,
    /// Where the projector's lens is, table frame, metres; `None`: not known.
    pub projector_m: Option<Vec3>,
}

impl Scene<'_> {
    /// An empty drawing for it.
    pub(super) fn drawing(&self) -> Drawing {
        let noses = self.pockets.noses.iter().flat_map(|nose| [nose.a, nose.b]);
        let half_m = noses.fold(Vec2::ZERO, |half, p| half.max(p.abs()));
        Drawing::new(
            Guard::of(self.table, self.ball_radius_m, self.projector_m),
            half_m,
        )
    }
}

/// Room between a line and a ring that it comes to, metres.
const GAP_M: f64 = 0.007;

/// The shapes for a shot, clear of every ball that lies on the table.
#[must_use]
pub fn compose(shot: &PredictedShot, scene: &Scene, elements: &[Element]) -> Vec<Shape> {
    let prediction = &shot.prediction;
    let Some(cue_ball) = shot.balls.iter().position(|id| *id == shot.intent.cue_ball) else {
        return Vec::new();
    };
    let Some(cue_path) = prediction.paths.get(cue_ball) else {
        return Vec::new();
    };
    let has = |element: Element| elements.contains(&element);
    let mut drawing = scene.drawing();
    let radius = scene.ball_radius_m;
    let contact = first_contact(prediction, cue_ball);
    let end = prediction.duration_s;
    let mut ways = Ways {
        drawing: &mut drawing,
        prediction,
        pockets: scene.pockets,
        quiet: Vec::new(),
    };
    if let Some((time, _)) = contact
        && has(Element::Ghost)
    {
        let around = radius + form(Meaning::GhostBall).width_m + GAP_M;
        ways.quiet.push((cue_path.at(time).position, around));
    }
    // A simulation that was cut off knows no place of rest.
    let rests = !prediction.truncated && prediction.pocket_of(cue_ball).is_none();
    let rest = Some(cue_path.end.position).filter(|_| rests && has(Element::Rest));
    if let Some(rest) = rest {
        ways.quiet
            .push((rest, radius + form(Meaning::Rest).width_m + GAP_M));
    }
    if has(Element::Aim) {
        ways.draw(cue_ball, (0.0, contact.map_or(end, |c| c.0)), Meaning::Aim, false);
    }
    if let Some((time, object)) = contact {
        if has(Element::Object) {
            ways.draw(object, (time, end), Meaning::ObjectPath, true);
        } else if has(Element::ObjectToCushion) {
            let stop = first_cushion(prediction, object, time).unwrap_or(end);
            ways.draw(object, (time, stop), Meaning::ObjectPath, true);
        }
        if has(Element::CuePath) {
            ways.draw(cue_ball, (time, end), Meaning::CuePath, true);
        }
        if has(Element::Others) {
            for other in (0..prediction.paths.len()).filter(|b| *b != cue_ball && *b != object) {
                ways.draw(other, (time, end), Meaning::OtherPath, false);
            }
        }
        meeting(&mut drawing, shot, scene, (time, cue_ball, object), &has);
        if has(Element::Spread) && (has(Element::Object) || has(Element::ObjectToCushion)) {
            spread(&mut drawing, shot, scene.pockets, object, !has(Element::Object));
        }
    }
    let balls = (cue_ball, contact.map(|c| c.1));
    marks(&mut drawing, prediction, scene, balls, rest, &has);
    if let Some(rest) = rest {
        drawing.ring(rest, radius, Meaning::Rest);
        drawing.disc(rest, 0.006, Meaning::Rest, 0.0);
    }
    let stroke = Stroke {
        stick_speed_m_s: has(Element::Speed).then_some(shot.intent.stick_speed_m_s),
        // What is predicted is a ball that is struck in the middle.
        tip: has(Element::Tip).then_some(Vec2::ZERO),
        forward: unit(shot.intent.direction),
    };
    drawing.signs(stroke_sign(&stroke, shot.intent.cue_ball_m, drawing.half_m()));
    drawing.finish()
}

/// Shapes for a table on which no shot is aimed: a word for the player when the cue ball is missing.
#[must_use]
pub fn compose_waiting(scene: &Scene, level: Assistance) -> Vec<Shape> {
    let table = scene.table;
    let missing =
        level != Assistance::Off && table.at_rest && !table.balls.is_empty() && table.cue_ball().is_none();
    let known = table.balls.iter().any(|b| b.kind.group != Group::Unknown);
    if !(missing && known) {
        return Vec::new();
    }
    let mut drawing = scene.drawing();
    drawing.words(
        Vec2::new(-0.6, 0.0),
        "place the cue ball",
        LETTER_M,
        Meaning::Label,
    );
    drawing.finish()
}

/// Where cue ball and struck ball meet: ghost ball, point of contact, tangent.
fn meeting(
    drawing: &mut Drawing,
    shot: &PredictedShot,
    scene: &Scene,
    (time, cue_ball, object): (f64, BallIndex, BallIndex),
    has: &impl Fn(Element) -> bool,
) {
    let radius = scene.ball_radius_m;
    let at = |ball: BallIndex, time: f64| shot.prediction.paths.get(ball).map(|path| path.at(time));
    let (Some(cue), Some(struck)) = (at(cue_ball, time), at(object, time)) else {
        return;
    };
    let ghost = cue.position;
    let line = (struck.position - ghost).normalize_or_zero();
    if has(Element::Ghost) {
        drawing.ring(ghost, radius, Meaning::GhostBall);
    }
    if line == Vec2::ZERO {
        return;
    }
    if has(Element::Contact) {
        // As near to the point as light may come, inside the ghost ball.
        let (near, far) = (radius - GUARD_M, CONTACT_M - radius + 0.003);
        let tips = (0..=8).map(|i| ghost + line * (near + (far - near) * f64::from(i) / 8.0));
        let arrows = tips.map(|tip| (tip - line * CONTACT_M, tip));
        drawing.first_head(arrows, Meaning::Contact);
    }
    if has(Element::Tangent) {
        let before = at(cue_ball, (time - 1e-4).max(0.0)).map_or(Vec2::ZERO, |c| c.velocity);
        let mut tangent = line.perp();
        if tangent.dot(before) < 0.0 {
            tangent = -tangent;
        }
        // Where the cue ball goes along it, its way says it already.
        let soon =
            at(cue_ball, time + SOON_S).map_or(Vec2::ZERO, |c| (c.position - ghost).normalize_or_zero());
        let said = has(Element::CuePath) && soon.dot(tangent) > ALONG;
        // A full hit leaves no way along the tangent: the line would point at random.
        if !said && tangent.dot(before.normalize_or_zero()) > 0.05 {
            let length = room(scene.pockets, ghost, tangent).min(TANGENT_M);
            let from = radius + form(Meaning::GhostBall).width_m + GAP_M;
            if length > from {
                drawing.line(
                    &[ghost + tangent * from, ghost + tangent * length],
                    Meaning::TangentLine,
                    0.0,
                );
            }
        }
    }
}

/// Words instead of lines, where lines would be wrong.
#[must_use]
pub fn compose_message(scene: &Scene, words: &str) -> Vec<Shape> {
    let mut drawing = scene.drawing();
    drawing.words(Vec2::ZERO, words, LETTER_M, Meaning::Label);
    drawing.finish()
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
    const APART_M: f64 = 0.15;
    /// A narrower cone is the line itself, metres.
    const NARROW_M: f64 = 0.012;
    /// A narrower cone has no edges of its own beside the line, metres.
    const EDGED_M: f64 = 0.034;
    let Some(told) = shot.spread.as_ref().and_then(|s| s.balls.get(object)) else {
        return;
    };
    let mut legs: Vec<[Vec<Vec2>; 2]> = vec![Default::default()];
    let mut last: Option<(Vec2, Vec2)> = None;
    // Where the ball lies, half of the ways begin beyond the line that is crossed.
    for point in told
        .cone
        .iter()
        .skip(1)
        .take_while(|point| point.share >= LEAST_SHARE)
    {
        let turned =
            last.is_some_and(|(at, left)| left.dot(point.left) < 0.9 || at.distance(point.at_m) > APART_M);
        if turned {
            if to_first_cushion {
                break;
            }
            legs.push(Default::default());
        }
        last = Some((point.at_m, point.left));
        if point.to_m - point.from_m >= NARROW_M
            && let Some([left, right]) = legs.last_mut()
        {
            left.push(point.at_m + point.left * point.to_m);
            right.push(point.at_m + point.left * point.from_m);
        }
    }
    for [left, right] in &legs {
        drawing.area(left, right, Meaning::Spread);
        let narrow = left
            .iter()
            .zip(right)
            .take_while(|(l, r)| l.distance(**r) < EDGED_M)
            .count();
        for edge in [left, right] {
            drawing.line(edge.get(narrow..).unwrap_or_default(), Meaning::Spread, 0.0);
        }
    }
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
        drawing.words(
            pocket.centre - arrives * 0.2 + beside * 0.1,
            odds,
            LETTER_M,
            Meaning::Label,
        );
    }
}

fn marks(
    drawing: &mut Drawing,
    prediction: &Prediction,
    scene: &Scene,
    (cue_ball, object): (BallIndex, Option<BallIndex>),
    rest: Option<Vec2>,
    has: &impl Fn(Element) -> bool,
) {
    /// From the edge of a hole to the ring round it, and between two such rings, metres.
    const AROUND_M: f64 = 0.012;
    for event in &prediction.events {
        match event.kind {
            EventKind::Cushion(ball, _) | EventKind::Jaw(ball, _)
                if has(Element::Rebounds) && (ball == cue_ball || Some(ball) == object) =>
            {
                let fade = fade(event.time_s, prediction);
                // Beside the place of rest it would only be in its ring's way.
                if rest.is_none_or(|rest| rest.distance(event.position) > 2.0 * scene.ball_radius_m) {
                    drawing.disc(event.position, 0.009, Meaning::Rebound, fade);
                }
            }
            EventKind::Pocketed(ball, id) if has(Element::Pockets) => {
                let Some(pocket) = scene.pockets.pocket(id) else {
                    continue;
                };
                let around = pocket.radius + AROUND_M;
                if ball == cue_ball {
                    let second = around + form(Meaning::Scratch).width_m + AROUND_M;
                    drawing.ring(pocket.centre, around, Meaning::Scratch);
                    drawing.ring(pocket.centre, second, Meaning::Scratch);
                    drawing.words(inward(pocket.centre, 0.2), "SCRATCH", LETTER_M, Meaning::Scratch);
                } else {
                    drawing.ring(pocket.centre, around, Meaning::Pocket);
                }
            }
            _ => {}
        }
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
/// The cue ball is on its new way for so long before its direction is asked for, seconds.
const SOON_S: f64 = 0.05;
/// Two directions nearer than 8° are one to the eye (cosine).
const ALONG: f64 = 0.99;
/// Length of the arrow to the point of contact, metres.
const CONTACT_M: f64 = 0.021;

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

/// How far along its time something is, 0..1.
fn fade(time_s: f64, prediction: &Prediction) -> f64 {
    (time_s / prediction.duration_s.max(1e-9)).clamp(0.0, 1.0)
}

/// Draws the ways of balls.
struct Ways<'a> {
    drawing: &'a mut Drawing,
    prediction: &'a Prediction,
    pockets: &'a TableGeometry,
    /// Circles that ways end at, metres.
    quiet: Vec<(Vec2, f64)>,
}

impl Ways<'_> {
    /// The way of a ball between two times, leg by leg, fading with time; with an arrow at its end where that is known.
    fn draw(&mut self, ball: BallIndex, times: (f64, f64), meaning: Meaning, arrow: bool) {
        let mut quiet = self.quiet.clone();
        if let Some(pocket) = self
            .prediction
            .pocket_of(ball)
            .and_then(|id| self.pockets.pocket(id))
        {
            quiet.push((pocket.centre, pocket.radius + GAP_M));
        }
        let mut parts: Vec<(Vec<Vec2>, f64)> = Vec::new();
        for (points, fade) in legs(self.prediction, ball, times) {
            let half = form(meaning).width_m / 2.0;
            let mut left = vec![points];
            for (centre, radius) in &quiet {
                left = left
                    .iter()
                    .flat_map(|points| clear_of_circle(*centre, *radius + half, points))
                    .collect();
            }
            parts.extend(left.into_iter().map(|points| (points, fade)));
            parts.retain(|(points, _)| !is_speck(points));
        }
        let arrow = arrow && !self.prediction.truncated;
        let last = parts.len().saturating_sub(1);
        for (i, (points, fade)) in parts.iter().enumerate() {
            if arrow && i == last {
                self.drawing.arrow(points, meaning, *fade);
            } else {
                self.drawing.line(points, meaning, *fade);
            }
        }
    }
}

/// The way of a ball between two times from cushion to cushion, each leg with how far along its time it begins.
fn legs(prediction: &Prediction, ball: BallIndex, (from, to): (f64, f64)) -> Vec<(Vec<Vec2>, f64)> {
    /// A ball that turns by more has met something (cosine).
    const TURN: f64 = 0.97;
    let pieces = prediction.paths.get(ball).map_or(&[][..], |path| &path.pieces);
    let mut legs: Vec<(Vec<Vec2>, f64)> = Vec::new();
    let mut heading = Vec2::ZERO;
    for piece in pieces.iter().filter(|p| p.end_s > from && p.start_s < to) {
        let (start, stop) = (piece.start_s.max(from), piece.end_s.min(to));
        let (a, b) = (piece.at(start).position, piece.at(stop).position);
        if a.distance(b) < 1e-4 {
            continue;
        }
        // Only a sliding ball's path bends; a rolling ball's two ends say all.
        let straight = piece.from.velocity.perp_dot(piece.acceleration).abs() < 1e-6;
        let steps = if straight {
            1
        } else {
            ((a.distance(b) / SAMPLE_M).ceil() as usize).clamp(1, 200)
        };
        let at = |i: usize| {
            piece
                .at(start + (stop - start) * i as f64 / steps as f64)
                .position
        };
        let leaves = (at(1) - a).normalize_or_zero();
        let goes_on = heading.dot(leaves) > TURN;
        match legs.last_mut() {
            Some((points, _)) if goes_on => points.extend((1..=steps).map(at)),
            _ => legs.push(((0..=steps).map(at).collect(), fade(start, prediction))),
        }
        heading = (b - at(steps - 1)).normalize_or_zero();
    }
    legs
}

#[cfg(test)]
mod tests;
