//! A cue measured in the full frame: both its edges between pixels, its middle line, and its tip.
//!
//! The two edges of a round stick are gradients of opposite sense that run apart with its taper. Everything is
//! done along straight lines of an ideal lens, so that a real lens's bending costs nothing.

#[cfg(test)]
mod tests;

use super::line::Line;
use crate::calibration::CameraModel;
use crate::units::Vec2;
use crate::vision::frame::{Frame, PixelFormat};

/// A cue's shaft in the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shaft {
    pub(super) tip_px: Vec2,
    /// A place of its middle line far behind the tip.
    pub(super) behind_px: Vec2,
    /// Standard deviation of its direction in the picture, radians.
    pub(super) turn_sigma: f64,
    /// Thickness at the tip's end of what is seen, and how it grows per metre behind it: metres.
    pub(super) thickness_m: f64,
    pub(super) taper: f64,
    /// Length over which both edges were seen, metres.
    pub(super) seen_m: f64,
    /// Share of the places between the first and the last at which both edges were seen.
    pub(super) cover: f64,
}

impl Shaft {
    /// Thickness half a metre behind the tip, where cues are 15 to 20 mm thick.
    pub(super) fn thickness_behind_m(&self) -> f64 {
        self.thickness_m + self.taper * 0.3
    }
}

/// Where a cue is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rough {
    /// Tip and the far end of what is seen, frame pixels.
    pub(super) tip: Vec2,
    pub(super) butt: Vec2,
    /// A cue goes on behind what is seen; its edges are looked for up to here from the tip, frame pixels.
    pub(super) reach: f64,
    /// How far its line may be off, frame pixels.
    pub(super) slack: f64,
    /// Frame pixels per metre at the cue.
    pub(super) scale: f64,
}

/// Most places along a cue at which its edges are looked for.
const MOST_STATIONS: usize = 72;
/// Places across it: half of them to each side.
const HALF_SPAN: usize = 18;
const SPAN: usize = 2 * HALF_SPAN + 1;
/// Thickness of a cue at its tip and growth per metre that nothing is known of, metres.
const TIP_M: f64 = 0.0127;
const TAPER: f64 = 0.011;
/// A tip is looked for so far in front of where it is supposed, metres.
const AHEAD_M: f64 = 0.06;
/// Least change of colour at an edge, levels between two neighbours of a profile.
const FAINT: f32 = 7.0;

/// A cue shows both edges at this share of the places between its first and its last, at least: a bridge hand or a
/// ball hides some. Where chance finds pairs in the grain of wood, the noise of cloth or rings of light, they are fewer.
const LEAST_COVER: f64 = 0.45;
/// And it differs from what lies beside it in one sense: the length of the sum of all contrasts over the sum of
/// their lengths. A cue over cloth, rail and floor has 0.85 and more.
const LEAST_COHERENCE: f32 = 0.7;
/// What is found first and shows so much of itself needs no better line.
const PLAIN_COVER: f64 = 0.9;
const PLAIN_COHERENCE: f32 = 0.9;
/// Where places are missing, edges of hands stand in for the cue's at some of those left: standard deviation of
/// the direction if all were missing, radians.
const UNCOVERED_SIGMA: f64 = 0.008;

/// Both edges at one place along the cue.
#[derive(Clone, Copy, Debug)]
struct Station {
    /// Distance along the line, from the tip back, ideal pixels.
    along: f64,
    left: f64,
    right: f64,
    /// Colour between the edges, and its distance from what lies beside them.
    colour: [f32; 3],
    apart: f32,
    /// What it is more than what lies beside it.
    contrast: [f32; 3],
}

impl Station {
    fn width(&self) -> f64 {
        self.right - self.left
    }
}

/// How far what was found along a line is one thing.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// Share of the places between first and last at which edges are.
    cover: f64,
    /// How much its contrasts have one sense, 0 to 1.
    coherence: f32,
}

impl Shown {
    /// Of stations `gap` apart.
    fn of(stations: &[Station], gap: f64) -> Self {
        let ends = stations.first().zip(stations.last());
        let places = ends.map_or(1.0, |(a, b)| (b.along - a.along) / gap.max(1e-9) + 1.0);
        let (mut sum, mut lengths) = ([0.0_f32; 3], 0.0_f32);
        for station in stations {
            for (sum, c) in sum.iter_mut().zip(station.contrast) {
                *sum += c;
            }
            lengths += distance(station.contrast, [0.0; 3]);
        }
        Self {
            cover: (stations.len() as f64 / places.max(1.0)).min(1.0),
            coherence: distance(sum, [0.0; 3]) / lengths.max(1e-6),
        }
    }
}

/// Straight lines of an ideal lens, in pixels of about the frame's size.
struct Ideal<'a> {
    camera: &'a CameraModel,
    focal: f64,
}

impl Ideal<'_> {
    fn of_frame(&self, p: Vec2) -> Vec2 {
        self.camera.lens.undistort(p) * self.focal
    }

    fn in_frame(&self, p: Vec2) -> Vec2 {
        self.camera.lens.distort(p / self.focal)
    }
}

/// Measures the cue near `rough`. `None` where no two edges run along there.
pub(super) fn measure(frame: &Frame, camera: &CameraModel, rough: Rough) -> Option<Shaft> {
    let ideal = Ideal {
        camera,
        focal: 0.5 * (camera.lens.focal_px.x + camera.lens.focal_px.y),
    };
    let (tip, butt) = (ideal.of_frame(rough.tip), ideal.of_frame(rough.butt));
    let mut line = Line::through(tip, butt)?;
    let seen = tip.distance(butt);
    let whole = rough.reach.max(seen);
    let mut stations: Vec<Station> = Vec::with_capacity(MOST_STATIONS);
    let mut model = (TIP_M * rough.scale, TAPER);
    let (mut tip_from, mut gap) = (0.0, 2.0);
    for (round, length) in [seen, whole, whole].into_iter().enumerate() {
        stations.clear();
        let strict = [2.2, 1.7, 1.35][round];
        let wanted = [32, 64, MOST_STATIONS][round];
        gap = (length / wanted as f64).max(2.0);
        let mut t = 0.3 * gap;
        while t < length && stations.len() < MOST_STATIONS {
            let wide = model.0 + model.1 * t;
            // A short piece knows its direction badly: farther back the cue may be farther aside.
            let loose = 0.5 * rough.slack + 0.7 + 0.035 * (t - seen).max(0.0);
            let slack = [rough.slack, loose, 1.2][round];
            stations.extend(edges(frame, &ideal, &line, t, wide, slack, strict));
            t += gap;
        }
        if stations.len() < 6 {
            return None;
        }
        drop_what_lies_in_front(&mut stations, rough.scale);
        if stations.len() < 6 {
            return None;
        }
        // Where no edges are for a while the cue has not begun.
        let front = stations.first().map_or(0.0, |s| s.along);
        tip_from = if front > AHEAD_M * rough.scale { front } else { 0.0 };
        let middles: Vec<Vec2> = (stations.iter())
            .map(|s| {
                line.point + line.direction * s.along + line.direction.perp() * (0.5 * (s.left + s.right))
            })
            .collect();
        let start = if round < 2 { robust(&middles, &line)? } else { line };
        let scale = [1.6, 1.0, 0.7][round];
        let fitted = start.refined(&middles, scale).unwrap_or(start);
        // Distances along stay those from the tip.
        let from = (tip - fitted.point).dot(fitted.direction);
        line = Line {
            point: fitted.point + fitted.direction * from,
            ..fitted
        };
        model = thickness(&stations, model);
        let shown = Shown::of(&stations, gap);
        let plain = shown.cover > PLAIN_COVER && shown.coherence > PLAIN_COHERENCE;
        if round == 0
            && !plain
            && let Some(better) = swept(frame, &ideal, &line, whole, rough.scale)
        {
            line = better;
            model = (TIP_M * rough.scale, TAPER);
        }
    }
    let sigma = turn_sigma(&stations);
    let seen = gap * stations.len() as f64;
    let shown = Shown::of(&stations, gap);
    if shown.cover < LEAST_COVER || shown.coherence < LEAST_COHERENCE {
        return None;
    }
    let tip_along = tip_along(frame, &ideal, &line, model, rough.scale, tip_from)?;
    let behind = line.point + line.direction * (0.6 * whole);
    Some(Shaft {
        tip_px: ideal.in_frame(line.point + line.direction * tip_along),
        behind_px: ideal.in_frame(behind),
        turn_sigma: sigma.hypot(UNCOVERED_SIGMA * (1.0 - shown.cover).max(0.0)),
        thickness_m: model.0 / rough.scale,
        taper: model.1,
        seen_m: seen / rough.scale,
        cover: shown.cover,
    })
}

/// The line about the tip along which most of a cue shows, where `line` shows little of one: a short piece between
/// fingers, or with a finger beside it, says badly where the rest of the cue lies. `None` where no other line is better.
fn swept(frame: &Frame, ideal: &Ideal<'_>, line: &Line, whole: f64, scale: f64) -> Option<Line> {
    /// Lines to either side, and the angle between neighbours, radians.
    const TO_A_SIDE: i32 = 11;
    const STEP: f64 = 0.009;
    /// Places looked at along each at first, and along the best of them.
    const FEW: u32 = 6;
    const MANY: u32 = 24;
    const BEST: usize = 3;
    /// Another line must show so much more.
    const MUST_BE_BETTER: f32 = 1.25;
    /// More contrast than this proves nothing more, levels.
    const ENOUGH: f32 = 40.0;
    let shows = |turn: f64, places: u32| -> f32 {
        let tried = Line {
            direction: Vec2::from_angle(turn).rotate(line.direction),
            ..*line
        };
        let (mut shown, mut looked) = (0.0, 0.0);
        for k in 0..places {
            let t = whole * (f64::from(k) + 0.5) / f64::from(places);
            if sample(frame, ideal.in_frame(tried.point + tried.direction * t)).is_none() {
                break;
            }
            looked += ENOUGH;
            let wide = TIP_M * scale + TAPER * t;
            let slack = 1.2 + 0.5 * STEP * t;
            shown += edges(frame, ideal, &tried, t, wide, slack, 1.5).map_or(0.0, |s| s.apart.min(ENOUGH));
        }
        shown / looked.max(ENOUGH * places as f32 / 3.0)
    };
    // The best of all lines by a few places, the best first.
    let mut chosen = [(0.0_f32, 0.0_f64); BEST];
    for k in (-TO_A_SIDE..=TO_A_SIDE).filter(|k| *k != 0) {
        let turn = STEP * f64::from(k);
        let mut next = (shows(turn, FEW), turn);
        for kept in &mut chosen {
            if next.0 > kept.0 {
                std::mem::swap(kept, &mut next);
            }
        }
    }
    let (mut best, mut most) = (0.0, MUST_BE_BETTER * shows(0.0, MANY));
    for (_, turn) in chosen.into_iter().filter(|(shown, _)| *shown > 0.0) {
        let shown = shows(turn, MANY);
        if shown > most {
            (best, most) = (turn, shown);
        }
    }
    (best != 0.0).then(|| Line {
        direction: Vec2::from_angle(best).rotate(line.direction),
        ..*line
    })
}

/// Both edges across `line` at `t` from its point, if they are there: `wide` apart within a factor of `strict`,
/// their middle within `slack` of the line.
fn edges(
    frame: &Frame,
    ideal: &Ideal<'_>,
    line: &Line,
    t: f64,
    wide: f64,
    slack: f64,
    strict: f64,
) -> Option<Station> {
    let at = line.point + line.direction * t;
    let across = line.direction.perp();
    // Straight through the distortion at this place: a short line stays straight.
    let (middle, beside) = (ideal.in_frame(at), ideal.in_frame(at + across * 4.0));
    let step = (beside - middle) / 4.0;
    let reach = 0.5 * wide * strict + slack + 1.5;
    let pitch = (reach / HALF_SPAN as f64).max(0.5);
    let mut colours = [[0.0_f32; 3]; SPAN];
    for (k, colour) in colours.iter_mut().enumerate() {
        *colour = sample(frame, middle + step * (pitch * (k as f64 - HALF_SPAN as f64)))?;
    }
    // Change of colour per pixel, over two steps.
    let mut change = [[0.0_f32; 3]; SPAN];
    let mut size = [0.0_f32; SPAN];
    for k in 1..SPAN - 1 {
        let (a, b) = (colours.get(k - 1)?, colours.get(k + 1)?);
        let d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
        *change.get_mut(k)? = d;
        *size.get_mut(k)? = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
    }
    let place = |k: f64| pitch * (k - HALF_SPAN as f64);
    let is_peak = |k: usize| {
        let here = size.get(k).copied().unwrap_or(0.0);
        let at = |k: usize| size.get(k).copied().unwrap_or(0.0);
        here > FAINT && here >= at(k - 1) && here > at(k + 1)
    };
    let peaks: Vec<usize> = (2..SPAN - 2).filter(|k| is_peak(*k)).collect();
    let mut best: Option<(f32, usize, usize)> = None;
    for (i, &l) in peaks.iter().enumerate() {
        for &r in peaks.iter().skip(i + 1) {
            let apart = place(r as f64) - place(l as f64);
            let middle = 0.5 * (place(r as f64) + place(l as f64));
            if apart < wide / strict || apart > wide * strict || middle.abs() > slack {
                continue;
            }
            let (a, b) = (change.get(l)?, change.get(r)?);
            let opposite = -(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
            if opposite <= 0.0 {
                continue;
            }
            // Both must be strong; of equals the pair of the expected thickness.
            let fit = 1.0 - 0.5 * ((apart / wide).ln().abs() / strict.ln()) as f32;
            let score = opposite.sqrt() * fit;
            if best.is_none_or(|(most, ..)| score > most) {
                best = Some((score, l, r));
            }
        }
    }
    let (_, l, r) = best?;
    let fine = |k: usize| {
        let at = |k: usize| f64::from(size.get(k).copied().unwrap_or(0.0));
        let (a, b, c) = (at(k - 1), at(k), at(k + 1));
        let bend = a - 2.0 * b + c;
        let off = if bend < -1e-6 {
            (0.5 * (a - c) / bend).clamp(-0.5, 0.5)
        } else {
            0.0
        };
        place(k as f64 + off)
    };
    let at = |k: usize| colours.get(k).copied();
    let colour = at((l + r) / 2)?;
    let beside = (at(l.saturating_sub(3))?, at((r + 3).min(SPAN - 1))?);
    Some(Station {
        along: t,
        left: fine(l),
        right: fine(r),
        colour,
        apart: distance(colour, beside.0).min(distance(colour, beside.1)),
        contrast: std::array::from_fn(|k| colour[k] - 0.5 * (beside.0[k] + beside.1[k])),
    })
}

/// Leaves out what lies in front of the cue along its line: a projected line begins where a cue aims. Such a
/// piece is thinner than the cue, and nearer to the cloth's colour than to the cue's.
fn drop_what_lies_in_front(stations: &mut Vec<Station>, scale: f64) {
    /// A gap that parts two pieces, metres: a hand's or a ball's width.
    const GAP_M: f64 = 0.03;
    /// A piece shorter than this is judged by nothing, metres: ferrule and tip.
    const SHORT_M: f64 = 0.05;
    let gap = (GAP_M * scale).max(4.0);
    let starts: Vec<usize> = std::iter::once(0)
        .chain(
            (1..stations.len()).filter(|i| match (stations.get(i - 1), stations.get(*i)) {
                (Some(a), Some(b)) => b.along - a.along > gap,
                _ => false,
            }),
        )
        .collect();
    let piece = |k: usize| -> &[Station] {
        let from = starts.get(k).copied().unwrap_or(stations.len());
        let to = starts.get(k + 1).copied().unwrap_or(stations.len());
        stations.get(from..to).unwrap_or_default()
    };
    // Thickness over what it should be at that place.
    let stout = |part: &[Station]| {
        let usual = |s: &Station| s.width() / (TIP_M * scale + TAPER * s.along);
        let mut all: Vec<f64> = part.iter().map(usual).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(0.0)
    };
    let stoutest = (0..starts.len())
        .filter(|k| piece(*k).len() >= 4)
        .map(|k| stout(piece(k)))
        .fold(0.0, f64::max);
    // The cue is the longest of those of its thickness.
    let Some(main) = (0..starts.len())
        .filter(|k| stout(piece(*k)) > 0.72 * stoutest)
        .max_by_key(|k| piece(*k).len())
    else {
        return;
    };
    let Some(colour) = piece(main).first().map(|s| s.colour) else {
        return;
    };
    let is_foreign = |k: &usize| {
        let part = piece(*k);
        let ends = part.last().zip(part.first());
        let long = ends.is_some_and(|(b, a)| b.along - a.along > SHORT_M * scale);
        let alike = part
            .iter()
            .filter(|s| distance(s.colour, colour) < s.apart)
            .count();
        long && stout(part) < 0.85 * stoutest && 2 * alike < part.len()
    };
    if let Some(first) = (0..main)
        .rev()
        .find(is_foreign)
        .and_then(|cut| starts.get(cut + 1).copied())
    {
        stations.drain(..first);
    }
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let d = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt()
}

/// The line through two of the middles that most others lie on: the start for the fit.
fn robust(middles: &[Vec2], line: &Line) -> Option<Line> {
    let n = middles.len();
    let third = (n / 3).max(1);
    let mut best: Option<(usize, Line)> = None;
    // Pairs from the two outer thirds, evenly: enough for half of them to be wrong.
    for i in (0..third).step_by((third / 8).max(1)) {
        for j in (n - third..n).step_by((third / 8).max(1)) {
            let (Some(a), Some(b)) = (middles.get(i), middles.get(j)) else {
                continue;
            };
            let Some(tried) = Line::through(*a, *b) else {
                continue;
            };
            if tried.direction.dot(line.direction) < 0.95 {
                continue;
            }
            let count = middles.iter().filter(|m| tried.distance(**m).abs() < 0.7).count();
            if best.is_none_or(|(most, _)| count > most) {
                best = Some((count, tried));
            }
        }
    }
    best.map(|b| b.1)
}

/// Thickness at the tip and its growth per pixel, from medians of both halves; what was supposed where they
/// do not tell.
fn thickness(stations: &[Station], supposed: (f64, f64)) -> (f64, f64) {
    let half = stations.len() / 2;
    let median = |part: &[Station]| {
        let mut wide: Vec<f64> = part.iter().map(|s| s.right - s.left).collect();
        wide.sort_by(f64::total_cmp);
        let along = part.iter().map(|s| s.along).sum::<f64>() / part.len().max(1) as f64;
        wide.get(wide.len() / 2).map(|w| (along, *w))
    };
    let (front, back) = stations.split_at(half);
    match (median(front), median(back)) {
        (Some((a, wa)), Some((b, wb))) if b - a > 20.0 => {
            let taper = ((wb - wa) / (b - a)).clamp(0.0, 0.03);
            let middle = 0.5 * (wa + wb) - taper * 0.5 * (a + b);
            (middle.max(0.4 * supposed.0), taper)
        }
        (Some((a, wa)), Some((b, wb))) => {
            // Too short to show its taper.
            let tip = 0.5 * (wa + wb) - supposed.1 * 0.5 * (a + b);
            (tip.clamp(0.4 * supposed.0, 2.5 * supposed.0), supposed.1)
        }
        _ => supposed,
    }
}

/// How sure the direction is: scatter of the middles over how far they are apart.
fn turn_sigma(stations: &[Station]) -> f64 {
    let n = stations.len().max(1) as f64;
    let mean = stations.iter().map(|s| s.along).sum::<f64>() / n;
    let spread = stations.iter().map(|s| (s.along - mean).powi(2)).sum::<f64>();
    let mut off: Vec<f64> = stations
        .iter()
        .map(|s| (0.5 * (s.left + s.right)).abs())
        .collect();
    off.sort_by(f64::total_cmp);
    let scatter = 1.48 * off.get(off.len() / 2).copied().unwrap_or(1.0).max(0.05);
    // Neighbours err together, and a picture is never calibrated better than to a tenth of a pixel.
    let correlated = 2.0 * scatter / spread.max(1.0).sqrt();
    let length = (12.0 * spread / n).sqrt().max(1.0);
    correlated.hypot(0.15 / length)
}

/// How far along the line the tip is, supposed at `from`, ideal pixels: where the middle stops being unlike its
/// surroundings.
fn tip_along(
    frame: &Frame,
    ideal: &Ideal<'_>,
    line: &Line,
    model: (f64, f64),
    scale: f64,
    from: f64,
) -> Option<f64> {
    /// And so far behind it.
    const BEHIND_M: f64 = 0.10;
    const STEP: f64 = 0.5;
    let contrast_at = |t: f64| -> Option<f32> {
        let at = line.point + line.direction * t;
        let out = line.direction.perp() * (0.5 * model.0 + 2.5);
        let core = line.direction.perp() * (0.15 * model.0);
        let mean = |a: [f32; 3], b: [f32; 3]| [0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1]), 0.5 * (a[2] + b[2])];
        let middle = mean(
            sample(frame, ideal.in_frame(at + core))?,
            sample(frame, ideal.in_frame(at - core))?,
        );
        let apart = |a: [f32; 3]| {
            let d = [a[0] - middle[0], a[1] - middle[1], a[2] - middle[2]];
            (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt()
        };
        // Unlike both sides.
        let (left, right) = (
            apart(sample(frame, ideal.in_frame(at + out))?),
            apart(sample(frame, ideal.in_frame(at - out))?),
        );
        Some(left.min(right))
    };
    let (first, last) = (from - AHEAD_M * scale, from + BEHIND_M * scale);
    let mut values: Vec<(f64, f32)> = Vec::with_capacity(256);
    let mut t = last;
    while t > first && values.len() < 400 {
        match contrast_at(t) {
            Some(v) => values.push((t, v)),
            None => break,
        }
        t -= STEP;
    }
    let usual = {
        let mut v: Vec<f32> = values
            .iter()
            .take((0.06 * scale / STEP) as usize)
            .map(|v| v.1)
            .collect();
        v.sort_by(f32::total_cmp);
        v.get(v.len() / 2).copied()?
    };
    let limit = (0.35 * usual).clamp(8.0, 40.0);
    // From behind forward: the last place that is unlike, with no more than a short gap before it.
    let room = (0.006 * scale).max(2.0);
    let mut end: Option<usize> = None;
    for (i, (t, v)) in values.iter().enumerate() {
        if *v >= limit {
            end = Some(i);
        } else if let Some(e) = end
            && values.get(e).is_some_and(|last| last.0 - t > room)
        {
            break;
        }
    }
    let e = end?;
    let (t, v) = *values.get(e)?;
    // Between the last that is and the first that is not.
    Some(match values.get(e + 1) {
        Some((_, next)) if v > *next => t - STEP * f64::from(((v - limit) / (v - next)).clamp(0.0, 1.0)),
        _ => t,
    })
}

/// The colour between pixels, bilinear; `None` outside. Luminance weighs as much as the colours do.
fn sample(frame: &Frame, p: Vec2) -> Option<[f32; 3]> {
    let (x, y) = (p.x - 0.5, p.y - 0.5);
    if x < 0.0 || y < 0.0 || x >= f64::from(frame.size.width) - 1.0 || y >= f64::from(frame.size.height) - 1.0
    {
        return None;
    }
    let (column, row) = (x as usize, y as usize);
    let (fx, fy) = ((x - column as f64) as f32, (y - row as f64) as f32);
    let [a, b] = pair(frame, column, row)?;
    let [c, d] = pair(frame, column, row + 1)?;
    let mut out = [0.0; 3];
    for k in 0..3 {
        let upper = a[k] + (b[k] - a[k]) * fx;
        let lower = c[k] + (d[k] - c[k]) * fx;
        out[k] = upper + (lower - upper) * fy;
    }
    Some(out)
}

/// Two neighbours of a row: red, green, blue, or Y, Cb, Cr.
fn pair(frame: &Frame, x: usize, y: usize) -> Option<[[f32; 3]; 2]> {
    let (w, bytes) = (frame.size.width as usize, frame.pixels.as_slice());
    let at = |i: usize| bytes.get(i).map(|b| f32::from(*b));
    Some(match frame.format {
        PixelFormat::Rgb8 => {
            let i = (y * w + x) * 3;
            let px = bytes.get(i..i + 6)?;
            let f = |k: usize| px.get(k).map_or(0.0, |b| f32::from(*b));
            [[f(0), f(1), f(2)], [f(3), f(4), f(5)]]
        }
        PixelFormat::Yuyv => {
            let one = |x: usize| {
                let pair = (y * w + (x & !1)) * 2;
                Some([at((y * w + x) * 2)?, at(pair + 1)?, at(pair + 3)?])
            };
            [one(x)?, one(x + 1)?]
        }
        PixelFormat::Nv12 => {
            let one = |x: usize| {
                let chroma = w * frame.size.height as usize + (y / 2) * w + (x & !1);
                Some([at(y * w + x)?, at(chroma)?, at(chroma + 1)?])
            };
            [one(x)?, one(x + 1)?]
        }
    })
}
