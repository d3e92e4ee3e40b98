//! Shapes that leave balls, cue and each other alone.

use std::f64::consts::TAU;

use super::guard::Guard;
use super::lettering;
use crate::projector::overlay::{Geometry, Meaning, Shape};
use crate::projector::theme::form;
use crate::units::{Vec2, unit};

/// Distance between two samples of a curved line, metres.
pub(super) const SAMPLE_M: f64 = 0.01;
/// Distance between two rungs of a surface, metres.
const RUNG_M: f64 = 0.005;
/// Height of a capital letter, metres: read at three metres.
pub(super) const LETTER_M: f64 = 0.045;
/// Room between words or signs and everything else, metres.
const ROOM_M: f64 = 0.012;
/// Length of an arrow's head, as a multiple of its line's width.
const HEAD: f64 = 3.6;

/// A drawing as it grows. Words and signs find their places in the end, when all lines are there.
pub(super) struct Drawing {
    shapes: Vec<Shape>,
    guard: Guard,
    /// Half of the bed, metres: words stay on it.
    half_m: Vec2,
    words: Vec<Words>,
    signs: Vec<Sign>,
}

/// Words that want to be at a place.
struct Words {
    at: Vec2,
    text: String,
    height: f64,
    meaning: Meaning,
}

/// Something of this size, to be drawn round one of these places, the first that is free.
pub(super) struct Sign {
    /// Where it may be.
    pub places: Vec<Vec2>,
    /// Half of its length and height, metres.
    pub half_m: Vec2,
    /// Its shapes, round the origin.
    pub shapes: Vec<Shape>,
}

impl Drawing {
    /// An empty drawing that keeps clear of the guard, on a bed of this half size.
    pub(super) fn new(guard: Guard, half_m: Vec2) -> Self {
        Self {
            shapes: Vec::new(),
            guard,
            half_m,
            words: Vec::new(),
            signs: Vec::new(),
        }
    }

    fn push(&mut self, meaning: Meaning, fade: f64, geometry: Geometry) {
        self.shapes.push(shape(meaning, fade, geometry));
    }

    /// A line, without the parts that would fall on a ball.
    pub(super) fn line(&mut self, points: &[Vec2], meaning: Meaning, fade: f64) {
        let form = form(meaning);
        let mut parts = self.guard.clear_parts(points, form.width_m / 2.0);
        if parts.len() > 1 {
            parts.retain(|points| !is_speck(points));
        }
        for points in parts {
            let dashed = form.dash_m.is_some();
            self.push(meaning, fade, Geometry::Polyline { points, dashed });
        }
    }

    /// A line with a head at its end, where there is room for one.
    pub(super) fn arrow(&mut self, points: &[Vec2], meaning: Meaning, fade: f64) {
        let head = HEAD * form(meaning).width_m;
        if let Some((shaft, back, tip)) = headed(points, head)
            && self.guard.is_clear(back.midpoint(tip), 0.75 * head)
        {
            self.line(&shaft, meaning, fade);
            self.push(meaning, fade, Geometry::Arrow { tip, back });
        } else {
            self.line(points, meaning, fade);
        }
    }

    /// The first of these arrows' heads, base and tip, that no ball is near to.
    pub(super) fn first_head(&mut self, heads: impl IntoIterator<Item = (Vec2, Vec2)>, meaning: Meaning) {
        let clear = |(back, tip): &(Vec2, Vec2)| {
            let sides = [1.0, -1.0].map(|side| arrow_corner(*back, *tip, side));
            // Along the edges, for a dark circle may reach in between the corners.
            let edges = sides
                .into_iter()
                .flat_map(|side| [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| side.lerp(*tip, share)));
            edges.chain([*back]).all(|p| self.guard.is_clear(p, 0.0))
        };
        if let Some((back, tip)) = heads.into_iter().find(clear) {
            self.push(meaning, 0.0, Geometry::Arrow { tip, back });
        }
    }

    /// A circle line outside `radius`, broken where a ball lies.
    pub(super) fn ring(&mut self, centre: Vec2, radius: f64, meaning: Meaning) {
        let form = form(meaning);
        let width = form.width_m;
        // Balls wholly inside the ring are not touched by it.
        let touched = self.guard.circles().any(|(dark, reach)| {
            let distance = dark.distance(centre);
            distance < radius + width + reach && distance + reach > radius
        });
        if !touched && form.dash_m.is_none() {
            self.push(meaning, 0.0, Geometry::Ring { centre, radius });
            return;
        }
        self.line(&circle(centre, radius + width / 2.0), meaning, 0.0);
    }

    /// A filled circle; nothing where a ball is near.
    pub(super) fn disc(&mut self, centre: Vec2, radius: f64, meaning: Meaning, fade: f64) {
        if self.guard.is_clear(centre, radius) {
            self.push(meaning, fade, Geometry::Disc { centre, radius });
        }
    }

    /// A surface between two lines, without what would fall on a ball.
    pub(super) fn area(&mut self, left: &[Vec2], right: &[Vec2], meaning: Meaning) {
        let (left, right) = closer_rungs(left, right);
        for [left, right] in self.guard.clear_bands(&left, &right) {
            self.push(meaning, 0.0, Geometry::Area { left, right });
        }
    }

    /// The inside of a figure without dents.
    pub(super) fn inside(&mut self, corners: &[Vec2], meaning: Meaning) {
        let (left, right) = rungs(corners);
        self.area(&left, &right, meaning);
    }

    /// Words about `at`, moved aside where there is something already; left out where there is no room.
    pub(super) fn words(&mut self, at: Vec2, text: impl Into<String>, height: f64, meaning: Meaning) {
        self.words.push(Words {
            at,
            text: text.into(),
            height,
            meaning,
        });
    }

    /// Signs that are drawn where there is room for them.
    pub(super) fn signs(&mut self, signs: impl IntoIterator<Item = Sign>) {
        self.signs.extend(signs);
    }

    /// Half of the bed, metres.
    pub(super) const fn half_m(&self) -> Vec2 {
        self.half_m
    }

    /// All of it: surfaces first, so that lines lie over them.
    pub(super) fn finish(mut self) -> Vec<Shape> {
        let mut taken = Taken::of(&self.shapes, &self.guard, self.half_m);
        for words in std::mem::take(&mut self.words) {
            let half = text_half(&words.text, words.height);
            let place = around(words.at).find(|at| taken.is_free(*at, half));
            if let Some(at) = place {
                taken.take(at, half);
                let geometry = Geometry::Text {
                    at,
                    height: words.height,
                    text: words.text,
                };
                self.push(words.meaning, 0.0, geometry);
            }
        }
        for sign in std::mem::take(&mut self.signs) {
            let place = sign.places.iter().find(|at| taken.is_free(**at, sign.half_m));
            if let Some(at) = place {
                taken.take(*at, sign.half_m);
                self.shapes.extend(sign.shapes.into_iter().map(|s| moved(s, *at)));
            }
        }
        self.shapes
            .sort_by_key(|shape| !matches!(shape.geometry, Geometry::Area { .. }));
        self.shapes
    }
}

/// A piece of a line that is too short to be read.
pub(super) fn is_speck(points: &[Vec2]) -> bool {
    const SPECK_M: f64 = 0.018;
    let ends = points.first().zip(points.last());
    points.len() < 12 && ends.is_none_or(|(a, b)| a.distance(*b) < SPECK_M)
}

/// One shape.
pub(super) const fn shape(meaning: Meaning, fade: f64, geometry: Geometry) -> Shape {
    Shape {
        meaning,
        fade,
        geometry,
    }
}

/// A corner of the base of an arrow's head.
#[must_use]
pub fn arrow_corner(back: Vec2, tip: Vec2, side: f64) -> Vec2 {
    back + (tip - back).perp() * (0.5 * side)
}

/// A circle as a closed line.
pub(super) fn circle(centre: Vec2, radius: f64) -> Vec<Vec2> {
    const STEPS: u32 = 96;
    let turn = TAU / f64::from(STEPS);
    (0..=STEPS)
        .map(|i| centre + unit(turn * f64::from(i)) * radius)
        .collect()
}

/// A line cut short for the head at its end, and where that has its base and its tip.
fn headed(points: &[Vec2], head: f64) -> Option<(Vec<Vec2>, Vec2, Vec2)> {
    let tip = *points.last()?;
    let before = points.iter().rposition(|p| p.distance(tip) > head)?;
    let (from, after) = (*points.get(before)?, *points.get(before + 1)?);
    // Where the line leaves the circle round its tip.
    let along = (after - from).normalize_or_zero();
    let nearest = (tip - from).dot(along);
    let off2 = (tip - from).length_squared() - nearest * nearest;
    let back = from + along * (nearest - (head * head - off2).max(0.0).sqrt());
    let mut shaft = points.get(..=before)?.to_vec();
    // Into the head, so that no gap is seen.
    shaft.push(back.lerp(tip, 0.1));
    Some((shaft, back, tip))
}

/// The same surface with more rungs, none further from the next than a sample.
fn closer_rungs(left: &[Vec2], right: &[Vec2]) -> (Vec<Vec2>, Vec<Vec2>) {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for (l, r) in left.windows(2).zip(right.windows(2)) {
        let ([a, b], [c, d]) = (l, r) else { continue };
        let steps = (a.distance(*b).max(c.distance(*d)) / RUNG_M)
            .ceil()
            .clamp(1.0, 1000.0) as u32;
        let first = u32::from(!lefts.is_empty());
        for share in (first..=steps).map(|i| f64::from(i) / f64::from(steps)) {
            lefts.push(a.lerp(*b, share));
            rights.push(c.lerp(*d, share));
        }
    }
    (lefts, rights)
}

/// Rungs across a figure without dents, along its longer side.
fn rungs(corners: &[Vec2]) -> (Vec<Vec2>, Vec<Vec2>) {
    let low = corners.iter().fold(Vec2::MAX, |a, b| a.min(*b));
    let high = corners.iter().fold(Vec2::MIN, |a, b| a.max(*b));
    let (mut left, mut right) = (Vec::new(), Vec::new());
    if !(low.is_finite() && high.is_finite()) {
        return (left, right);
    }
    let size = high - low;
    let flip = |p: Vec2| if size.x >= size.y { p } else { Vec2::new(p.y, p.x) };
    let (from, to) = (flip(low).x, flip(high).x);
    let steps = ((to - from) / RUNG_M).ceil().clamp(1.0, 1000.0) as u32;
    let sides = || {
        corners
            .iter()
            .zip(corners.iter().cycle().skip(1))
            .map(|(a, b)| (flip(*a), flip(*b)))
    };
    for i in 0..=steps {
        let x = from + (to - from) * f64::from(i) / f64::from(steps);
        let crossings = sides().filter_map(|(a, b)| {
            let (low, high) = (a.x.min(b.x) - 1e-9, a.x.max(b.x) + 1e-9);
            let share = ((x - a.x) / (b.x - a.x)).clamp(0.0, 1.0);
            ((low..=high).contains(&x) && share.is_finite()).then_some(a.y + (b.y - a.y) * share)
        });
        let (bottom, top) = crossings.fold((f64::MAX, f64::MIN), |(l, h), y| (l.min(y), h.max(y)));
        if top >= bottom {
            left.push(flip(Vec2::new(x, bottom)));
            right.push(flip(Vec2::new(x, top)));
        }
    }
    (left, right)
}

/// Half the length and height of words.
fn text_half(text: &str, height: f64) -> Vec2 {
    Vec2::new(lettering::length(text, height), height) / 2.0
}

/// A place, and places round it, the nearer first.
fn around(at: Vec2) -> impl Iterator<Item = Vec2> {
    const RINGS: u32 = 8;
    const RING_M: f64 = 0.045;
    const SIDES: u32 = 16;
    std::iter::once(at).chain((1..=RINGS).flat_map(move |ring| {
        (0..SIDES).map(move |i| at + unit(TAU * f64::from(i) / f64::from(SIDES)) * (RING_M * f64::from(ring)))
    }))
}

pub(super) fn moved(shape: Shape, by: Vec2) -> Shape {
    let all = |points: Vec<Vec2>| points.into_iter().map(|p| p + by).collect();
    let geometry = match shape.geometry {
        Geometry::Polyline { points, dashed } => Geometry::Polyline {
            points: all(points),
            dashed,
        },
        Geometry::Ring { centre, radius } => Geometry::Ring {
            centre: centre + by,
            radius,
        },
        Geometry::Disc { centre, radius } => Geometry::Disc {
            centre: centre + by,
            radius,
        },
        Geometry::Arrow { tip, back } => Geometry::Arrow {
            tip: tip + by,
            back: back + by,
        },
        Geometry::Area { left, right } => Geometry::Area {
            left: all(left),
            right: all(right),
        },
        Geometry::Text { at, height, text } => Geometry::Text {
            at: at + by,
            height,
            text,
        },
    };
    Shape { geometry, ..shape }
}

/// What is taken by lines, balls and words already.
struct Taken {
    circles: Vec<(Vec2, f64)>,
    half_m: Vec2,
}

impl Taken {
    fn of(shapes: &[Shape], guard: &Guard, half_m: Vec2) -> Self {
        let mut taken = Self {
            circles: guard.circles().collect(),
            half_m,
        };
        for shape in shapes {
            let half = form(shape.meaning).width_m / 2.0;
            match &shape.geometry {
                Geometry::Polyline { points, .. } => taken.line(points, half),
                Geometry::Ring { centre, radius } => taken.line(&circle(*centre, radius + half), half),
                Geometry::Disc { centre, radius } => taken.circles.push((*centre, *radius)),
                Geometry::Arrow { tip, back } => {
                    taken
                        .circles
                        .push((tip.midpoint(*back), 0.5 * tip.distance(*back)));
                }
                // Words may lie over it: it is faint.
                Geometry::Area { .. } => {}
                Geometry::Text { at, height, text } => taken.take(*at, text_half(text, *height)),
            }
        }
        taken
    }

    fn line(&mut self, points: &[Vec2], half: f64) {
        const STEP_M: f64 = 0.02;
        for pair in points.windows(2) {
            if let [a, b] = pair {
                let steps = (a.distance(*b) / STEP_M).ceil().clamp(1.0, 1000.0) as u32;
                let places = (0..=steps).map(|i| a.lerp(*b, f64::from(i) / f64::from(steps)));
                self.circles.extend(places.map(|p| (p, half)));
            }
        }
    }

    fn take(&mut self, at: Vec2, half: Vec2) {
        let flat = Vec2::new((half.x - half.y).max(0.0), 0.0);
        self.line(&[at - flat, at + flat], half.y);
    }

    fn is_free(&self, at: Vec2, half: Vec2) -> bool {
        let on_bed = (at.abs() + half + ROOM_M).cmple(self.half_m).all();
        on_bed
            && self.circles.iter().all(|(centre, radius)| {
                let off = ((*centre - at).abs() - half).max(Vec2::ZERO);
                off.length() > radius + ROOM_M
            })
    }
}

#[cfg(test)]
mod tests;
