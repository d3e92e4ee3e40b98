//! The cue: a long, straight, narrow thing that comes in over a rail or out of a hand.

use super::bed::Bed;
use super::blobs::Thread;
use super::line::Line;
use super::regions::Region;
use super::working::WorkingPicture;
use crate::units::Vec2;

/// A cue in working pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CueFound {
    pub(super) tip: Vec2,
    pub(super) butt: Vec2,
    /// It lies there: neither a hand nor a rail is under its other end.
    pub(super) lying: bool,
    /// So short or so thick that it is a cue only if it shows two edges, and goes on behind.
    pub(super) doubtful: bool,
    /// 0..1.
    pub(super) confidence: f64,
}

impl CueFound {
    /// How far a place lies from the cue's middle line.
    pub(super) fn distance(&self, p: Vec2) -> f64 {
        let along = self.butt - self.tip;
        let share = (p - self.tip).dot(along) / along.length_squared().max(1e-9);
        p.distance(self.tip + along * share.clamp(0.0, 1.0))
    }
}

/// Balls' radii of a cue that nobody holds: much of its length.
const LYING: f64 = 20.0;
/// Balls' radii of a cue that must be seen.
const SHORTEST: f64 = 2.6;

/// A straight piece of something long.
#[derive(Clone, Debug)]
struct Stick {
    line: Line,
    /// Extent along the line from its point.
    from: f64,
    to: f64,
    width: f64,
    area: usize,
}

/// Looks for cues among what is long and thin. `radius_m`: balls' radius.
pub(super) fn find_cues(
    threads: &[Thread],
    occluders: &[Region],
    picture: &WorkingPicture,
    bed: &Bed,
    radius_m: f64,
) -> Vec<CueFound> {
    let mut sticks: Vec<Stick> = threads
        .iter()
        .flat_map(|t| sticks_of(&t.region, bed, radius_m))
        .filter(|s| !lies_on_cushion(s, bed, radius_m))
        .collect();
    sticks.sort_by_key(|s| std::cmp::Reverse(s.area));
    let mut whole: Vec<Stick> = Vec::new();
    for stick in sticks {
        let radius = bed.ball_radius(stick.line.point, radius_m);
        let same = whole.iter_mut().find(|w| {
            let ends = [stick.from, stick.to].map(|t| stick.line.point + stick.line.direction * t);
            ends.iter().all(|e| w.line.distance(*e).abs() < 0.6 * radius)
        });
        match same {
            // Pieces of one cue, cut by a hand or a ball it passes over.
            Some(w) => {
                for t in [stick.from, stick.to] {
                    let p = stick.line.point + stick.line.direction * t;
                    let s = (p - w.line.point).dot(w.line.direction);
                    w.from = w.from.min(s);
                    w.to = w.to.max(s);
                }
                w.area += stick.area;
            }
            None => whole.push(stick),
        }
    }
    let mut cues: Vec<CueFound> = whole
        .iter()
        .filter_map(|s| cue_of(s, occluders, picture, bed, radius_m))
        .collect();
    cues.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    // A sleeve's or a shadow's edge runs along a cue; the better of the two stays.
    let mut kept: Vec<CueFound> = Vec::new();
    for cue in cues {
        let radius = bed.ball_radius(cue.tip, radius_m);
        let axis = (cue.tip - cue.butt).normalize_or_zero();
        let beside = kept.iter().any(|k| {
            let other = (k.tip - k.butt).normalize_or_zero();
            let apart = other
                .perp_dot(cue.tip - k.tip)
                .abs()
                .min(axis.perp_dot(k.tip - cue.tip).abs());
            other.dot(axis) > 0.9 && apart < 5.0 * radius
        });
        if !beside {
            kept.push(cue);
        }
    }
    kept.truncate(3);
    kept
}

/// True for a stick that lies along a cushion: the nose's edge or its shadow.
fn along_cushion(tip: Vec2, butt: Vec2, bed: &Bed, radius: f64) -> bool {
    let axis = (tip - butt).normalize_or_zero();
    bed.noses
        .iter()
        .zip(bed.noses.iter().cycle().skip(1))
        .any(|(a, b)| {
            let side = (*b - *a).normalize_or_zero();
            let near = |p: Vec2| side.perp_dot(p - *a).abs() < 1.5 * radius + bed.cushion;
            side.dot(axis).abs() > 0.99 && near(tip) && near(butt)
        })
}

fn lies_on_cushion(stick: &Stick, bed: &Bed, radius_m: f64) -> bool {
    let at = |t: f64| stick.line.point + stick.line.direction * t;
    along_cushion(
        at(stick.to),
        at(stick.from),
        bed,
        bed.ball_radius(stick.line.point, radius_m),
    )
}

/// Follows the cue forward from where its mask ends, over a ball it covers, as long as its colour goes on.
fn follow_tip(tip: Vec2, butt: Vec2, picture: &WorkingPicture, radius: f64) -> Vec2 {
    let forward = (tip - butt).normalize_or_zero();
    let at = |p: Vec2| picture.at(p.x.floor() as isize, p.y.floor() as isize);
    let mut usual = [0u8; 3];
    for (c, usual) in usual.iter_mut().enumerate() {
        let mut values: Vec<u8> = (2..14)
            .map(|k| at(tip - forward * (0.15 * radius * f64::from(k))))
            .filter_map(|px| px.get(c).copied())
            .collect();
        values.sort_unstable();
        *usual = values.get(values.len() / 2).copied().unwrap_or(0);
    }
    let (mut end, mut t) = (tip, 0.0);
    while t < 4.0 * radius {
        t += 1.0;
        let p = tip + forward * t;
        let alike = at(p).iter().zip(usual).take(3).all(|(a, b)| a.abs_diff(b) < 40);
        if !alike || !picture.contains(p) {
            break;
        }
        end = p;
    }
    end
}

/// Straight pieces of a thread, up to three: a cue may hang together with lines on the cloth and
/// with a cushion's shadow.
fn sticks_of(region: &Region, bed: &Bed, radius_m: f64) -> Vec<Stick> {
    let radius = bed.ball_radius(region.moments().centre, radius_m);
    let mut points: Vec<Vec2> = Vec::with_capacity(region.len());
    for &(y, a, b) in &region.runs {
        points.extend((a..b).map(|x| Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5)));
    }
    let mut random = fastrand::Rng::with_seed(1);
    let mut found = Vec::new();
    for _ in 0..3 {
        if (points.len() as f64) < 0.4 * radius * radius {
            break;
        }
        let Some(line) = strongest_line(&points, 0.3 * radius, 2.5 * radius, &mut random) else {
            break;
        };
        found.extend(stick_on(&line, &points, radius));
        let before = points.len();
        points.retain(|p| line.distance(*p).abs() > 0.6 * radius);
        if points.len() == before {
            break;
        }
    }
    found
}

/// The line through two of the points that has most others within `reach`, refined.
fn strongest_line(points: &[Vec2], reach: f64, apart: f64, random: &mut fastrand::Rng) -> Option<Line> {
    let stride = (points.len() / 200).max(1);
    let looked_at = points.len().div_ceil(stride);
    let mut best: Option<(usize, Line)> = None;
    for tried in 0..96 {
        // Until a better line has been missed with a chance of one in ten thousand.
        if let Some((count, _)) = best {
            let share = count as f64 / looked_at as f64;
            if (1.0 - share * share).powi(tried) < 1e-4 {
                break;
            }
        }
        let pick = |random: &mut fastrand::Rng| points.get(random.usize(..points.len())).copied();
        let (a, b) = (pick(random)?, pick(random)?);
        if a.distance(b) < apart {
            continue;
        }
        let Some(line) = Line::through(a, b) else { continue };
        let count = points
            .iter()
            .step_by(stride)
            .filter(|p| line.distance(**p).abs() < reach)
            .count();
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, line));
        }
    }
    let (_, line) = best?;
    Some(line.refined(points, 1.6 * reach).unwrap_or(line))
}

/// The longest unbroken piece of a line that is covered by points, if it is as thick as a cue.
fn stick_on(line: &Line, points: &[Vec2], radius: f64) -> Option<Stick> {
    let mut along: Vec<f64> = points
        .iter()
        .filter(|p| line.distance(**p).abs() < 0.6 * radius)
        .map(|p| (*p - line.point).dot(line.direction))
        .collect();
    along.sort_by(f64::total_cmp);
    // Balls and hands the cue passes over leave gaps; pieces of it are put together later.
    let (mut from, mut count) = (along.first().copied()?, 0usize);
    let mut last = from;
    let mut best = (from, from, 0usize);
    for &t in &along {
        if t - last > 0.8 * radius {
            from = t;
            count = 0;
        }
        count += 1;
        last = t;
        if t - from > best.1 - best.0 {
            best = (from, t, count);
        }
    }
    let (from, to, area) = best;
    let length = to - from;
    let width = area as f64 / length.max(1.0);
    // A cue is 12 to 30 mm thick, a ball 57 mm; lines drawn on the cloth are thinner.
    (length > 2.5 * radius && width > 0.16 * radius && width < 1.2 * radius && length > 3.0 * width)
        .then_some(Stick {
            line: *line,
            from,
            to,
            width,
            area,
        })
}

fn cue_of(
    stick: &Stick,
    occluders: &[Region],
    picture: &WorkingPicture,
    bed: &Bed,
    radius_m: f64,
) -> Option<CueFound> {
    let a = stick.line.point + stick.line.direction * stick.from;
    let b = stick.line.point + stick.line.direction * stick.to;
    let (tip, mut butt) = if bed.depth(a) >= bed.depth(b) {
        (a, b)
    } else {
        (b, a)
    };
    let radius = bed.ball_radius(stick.line.point, radius_m);
    let length = tip.distance(butt);
    if bed.depth(tip) < radius
        || along_cushion(tip, butt, bed, radius)
        || length < SHORTEST * radius
        || length < 3.0 * stick.width
    {
        return None;
    }
    // The shadow of a cushion may hide where a cue comes in over it: what ends at the noses goes on over the rail, or
    // is none.
    let out = bed.depth(butt) < -0.4 * bed.cushion;
    let over_rail = out || (length < LYING * radius && bed.depth(butt) < 2.0 * radius);
    let from_hand = occluders.iter().any(|o| {
        let [l, t, r, b] = o.bounds.map(f64::from);
        let nearest = butt.clamp(Vec2::new(l, t), Vec2::new(r, b));
        nearest.distance(butt) < 2.0 * radius
    });
    // Nobody holds it and no rail carries it: it lies there.
    let lying = !over_rail && !from_hand;
    if lying && length < LYING * radius {
        return None;
    }
    if over_rail {
        // Beyond the cloth the cue goes on to the border of the picture.
        let direction = (butt - tip).normalize_or_zero();
        let limit = (picture.w + picture.h) as f64;
        let mut t = 0.0;
        while t < limit && picture.contains(butt + direction) {
            butt += direction;
            t += 1.0;
        }
    }
    let doubtful = length < 4.0 * radius || length < 5.0 * stick.width || (over_rail && !out);
    let confidence = (length / (12.0 * radius)).min(1.0) * if over_rail { 0.95 } else { 0.8 };
    Some(CueFound {
        tip: follow_tip(tip, butt, picture, radius),
        butt,
        lying,
        doubtful,
        confidence,
    })
}
