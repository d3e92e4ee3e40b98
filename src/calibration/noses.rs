//! The cushions' noses between pixels: straight lines of the table at a known height, all round.

use super::CameraModel;
use super::luminance::Brightness;
use crate::table::{Geometry, TableSpec};
use crate::units::{Vec2, Vec3};

/// A piece of a nose as it is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NosePoint {
    /// Its place, at the height of the noses, metres.
    pub(super) at_m: Vec3,
    /// Unit direction away from the playing surface.
    pub(super) outward: Vec2,
    /// Which of the four sides: head, foot, right, left.
    pub(super) side: usize,
    /// A point of the edge, pixels.
    pub(super) seen_px: Vec2,
    /// Unit normal of the edge, pixels.
    pub(super) normal_px: Vec2,
    /// From a fifth to four fifths of the edge's climb, pixels.
    pub(super) width_px: f64,
}

/// Length of a nose that is looked at as one, metres, and room left at its ends, where it bends into the jaws.
const PIECE_M: f64 = 0.03;
const END_M: f64 = 0.03;
/// Distance of two looks across the edge, pixels.
const STEP_PX: f64 = 0.25;
/// Half the width over which the slope of brightness is taken, in steps.
const SLOPE: usize = 4;
/// A piece further than this from its neighbours' curve is something else, pixels.
const STRAY_PX: f64 = 1.2;
/// A nose's curve needs so many pieces.
const FEWEST: usize = 6;

/// Finds the noses within `reach_px` of where `camera` would show them.
pub(super) fn measure(
    picture: &impl Brightness,
    camera: &CameraModel,
    spec: &TableSpec,
    reach_px: f64,
) -> Vec<NosePoint> {
    let mut found = Vec::new();
    for nose in Geometry::of(spec).noses {
        let (along, length) = ((nose.b - nose.a).normalize_or_zero(), nose.a.distance(nose.b));
        let outward = -nose.normal;
        let side = match (outward.x.abs() > outward.y.abs(), outward.x + outward.y > 0.0) {
            (true, false) => 0,
            (true, true) => 1,
            (false, false) => 2,
            (false, true) => 3,
        };
        let pieces = ((length - 2.0 * END_M) / PIECE_M).floor().max(0.0) as usize;
        let mut of_nose: Vec<(f64, f64, NosePoint)> = Vec::with_capacity(pieces);
        for i in 0..pieces {
            let s = END_M + (i as f64 + 0.5) * PIECE_M;
            let at_m = (nose.a + along * s).extend(spec.nose_height_m);
            if let Some((off_px, point)) = piece(picture, camera, at_m, outward, along, side, reach_px) {
                of_nose.push((s / length - 0.5, off_px, point));
            }
        }
        found.extend(on_one_curve(&of_nose));
    }
    found
}

/// The edge across one piece of nose: how far outward of the expected place, and the point.
fn piece(
    picture: &impl Brightness,
    camera: &CameraModel,
    at_m: Vec3,
    outward: Vec2,
    along: Vec2,
    side: usize,
    reach_px: f64,
) -> Option<(f64, NosePoint)> {
    let middle = camera.project(at_m)?;
    let half = along.extend(0.0) * (0.5 * PIECE_M);
    let (from, to) = (camera.project(at_m - half)?, camera.project(at_m + half)?);
    let away = camera.project(at_m + outward.extend(0.0) * 0.01)? - middle;
    let tangent = (to - from).try_normalize()?;
    let mut normal = tangent.perp();
    if normal.dot(away) < 0.0 {
        normal = -normal;
    }
    let margin = reach_px + 2.0;
    let size = picture.size();
    let inside = middle.x > margin
        && middle.y > margin
        && middle.x < f64::from(size.width) - margin
        && middle.y < f64::from(size.height) - margin;
    if !inside {
        return None;
    }
    let across = (0.5 * from.distance(to)).max(1.0);
    let lanes = (2.0 * across).ceil().clamp(3.0, 24.0) as usize;
    let steps = (2.0 * reach_px / STEP_PX) as usize + 1;
    let profile: Vec<f64> = (0..steps)
        .map(|i| {
            let u = i as f64 * STEP_PX - reach_px;
            let lane = |k: usize| (2.0 * (k as f64 + 0.5) / lanes as f64 - 1.0) * across;
            let sum: f64 = (0..lanes)
                .map(|k| picture.at(middle + normal * u + tangent * lane(k)))
                .sum();
            sum / lanes as f64
        })
        .collect();
    let edge = edge(&profile)?;
    let u = edge.onset * STEP_PX - reach_px;
    let point = NosePoint {
        at_m,
        outward,
        side,
        seen_px: middle + normal * u,
        normal_px: normal,
        width_px: edge.width * STEP_PX,
    };
    Some((u, point))
}

/// A change of brightness, in steps.
struct Edge {
    onset: f64,
    width: f64,
}

/// Where brightness begins to climb from the cloth in the nose's shadow to the top of the cushion, in steps;
/// where nothing climbs, as on a cushion seen from behind, where it begins to change the most.
fn edge(profile: &[f64]) -> Option<Edge> {
    let slopes: Vec<f64> = (profile.windows(2 * SLOPE + 1))
        .map(|w| {
            // A smooth derivative: triangular weights.
            let side = |k: usize| k.min(2 * SLOPE - k) as f64 + 1.0;
            let halves: f64 = (0..=2 * SLOPE)
                .map(|k| {
                    let sign = (k as f64 - SLOPE as f64).signum() * f64::from(u8::from(k != SLOPE));
                    sign * side(k) * w.get(k).copied().unwrap_or(0.0)
                })
                .sum();
            halves
        })
        .collect();
    let highest = |of: &dyn Fn(f64) -> f64| {
        (slopes.iter().enumerate())
            .map(|(i, s)| (i, of(*s)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (_, climb) = highest(&|s| s)?;
    let (change_at, change) = highest(&f64::abs)?;
    // Behind the nose there are other edges, of cushion and rail: the first that is nearly as steep as any is the nose.
    let is_peak = |i: usize| {
        let s = slopes.get(i).copied().unwrap_or(0.0);
        let around = [i.wrapping_sub(1), i + 1].map(|i| slopes.get(i).copied().unwrap_or(f64::MAX));
        s > 0.5 * climb && around.iter().all(|a| s >= *a)
    };
    let at = if climb > 0.4 * change {
        (1..slopes.len().saturating_sub(1)).find(|i| is_peak(*i))?
    } else {
        change_at
    };
    let level = profile.iter().sum::<f64>() / profile.len() as f64;
    let strength = slopes.get(at)?.abs();
    if strength < 0.05 * level || at == 0 || at + 1 >= slopes.len() {
        return None;
    }
    onset(profile, at + SLOPE)
}

/// Where the climb has come so far of its way. A nose is round: what is seen first of it is turned from
/// the lamps, and brightens toward the top. Halfway is already on it.
const ONSET: f64 = 0.35;
/// The dark before and the light after a climb are looked for this far from its steepest place, in steps.
const FOOT: usize = 14;

/// The change whose steepest place is `peak`: where it begins, and how wide it is.
fn onset(profile: &[f64], peak: usize) -> Option<Edge> {
    let value = |i: usize| profile.get(i).copied();
    let rises = value(peak + 1)? > value(peak.checked_sub(1)?)?;
    let sign = if rises { 1.0 } else { -1.0 };
    let (first, last) = (peak.saturating_sub(FOOT), (peak + FOOT).min(profile.len() - 1));
    let (low_at, low) = (first..=peak)
        .filter_map(|i| Some((i, sign * value(i)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let high = (peak..=last)
        .filter_map(|i| Some(sign * value(i)?))
        .fold(f64::MIN, f64::max);
    let reaches = |share: f64| {
        let wanted = low + share * (high - low);
        (low_at..last).find_map(|i| {
            let (before, after) = (sign * value(i)?, sign * value(i + 1)?);
            (before <= wanted && after > wanted).then(|| i as f64 + (wanted - before) / (after - before))
        })
    };
    Some(Edge {
        onset: reaches(ONSET)?,
        width: reaches(0.8)? - reaches(0.2)?,
    })
}

/// Those that lie on one smooth curve, as the edge of a straight nose does through any lens.
fn on_one_curve(pieces: &[(f64, f64, NosePoint)]) -> Vec<NosePoint> {
    let mut kept: Vec<&(f64, f64, NosePoint)> = pieces.iter().collect();
    let mut allowed = f64::MAX;
    for _ in 0..8 {
        if kept.len() < FEWEST {
            return Vec::new();
        }
        let Some(curve) = parabola(&kept) else {
            return Vec::new();
        };
        let off = |p: &(f64, f64, NosePoint)| (p.1 - curve[0] - p.0 * (curve[1] + p.0 * curve[2])).abs();
        let mut offs: Vec<f64> = kept.iter().map(|p| off(p)).collect();
        offs.sort_by(f64::total_cmp);
        let middle = offs.get(offs.len() / 2).copied().unwrap_or(0.0);
        let next = (4.0 * middle).max(STRAY_PX).min(allowed);
        let before = kept.len();
        kept = pieces.iter().filter(|p| off(p) <= next).collect();
        if kept.len() == before && next <= STRAY_PX {
            break;
        }
        allowed = next;
    }
    kept.into_iter().map(|p| p.2).collect()
}

/// Least squares of a parabola in the first number, weighted alike.
fn parabola(points: &[&(f64, f64, NosePoint)]) -> Option<[f64; 3]> {
    let mut left = nalgebra::Matrix3::<f64>::zeros();
    let mut right = nalgebra::Vector3::<f64>::zeros();
    for (s, u, _) in points.iter().copied() {
        let row = nalgebra::Vector3::new(1.0, *s, s * s);
        left += row * row.transpose();
        right += row * *u;
    }
    let c = left.cholesky()?.solve(&right);
    Some([c.x, c.y, c.z])
}
