//! Sub-pixel place of a ball: its outline is fitted to the edges of the full-resolution frame.

use nalgebra::{Matrix4, Vector4};

use super::cloth::ClothField;
use super::grid::Grid;
use super::patch::Patch;
use crate::calibration::CameraModel;
use crate::units::Vec2;
use crate::vision::frame::Frame;
use crate::vision::observation::Covariance;

/// Rays from the centre along which the outline is looked for.
const RAYS: usize = 48;
/// Samples along a ray.
const SAMPLES: usize = 16;

/// A fitted outline, frame pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outline {
    pub(super) centre: Vec2,
    /// Mean radius.
    pub(super) radius: f64,
    /// Share of the rays on which an edge was found where the outline is.
    pub(super) support: f64,
    /// Share of the rays beyond whose edge cloth lies.
    pub(super) cloth_around: f64,
    /// Covariance of the centre, square pixels.
    pub(super) covariance: Covariance,
}

/// What the fit needs to know about the picture around a ball.
pub(super) struct Surroundings<'a> {
    pub(super) frame: &'a Frame,
    pub(super) field: &'a ClothField,
    /// From the cloth field's pixels to the frame's.
    pub(super) grid: Grid,
    pub(super) camera: &'a CameraModel,
    /// Ball radius in metres.
    pub(super) radius_m: f64,
    /// The camera is calibrated: the outline's size is known.
    pub(super) size_known: bool,
}

/// How well the middle of an outline is known before it is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// To a third of the radius.
    Rough,
    /// To a quarter of it.
    Near,
    /// To a twentieth: others around it leave no other place.
    Held,
}

/// Fits the outline of a ball near `centre` (frame pixels).
/// `beside`: where balls may lie next to it. `None` when nothing like an outline is there.
pub(super) fn fit_outline(
    around: &Surroundings<'_>,
    patch: &mut Patch,
    centre: Vec2,
    radius: f64,
    start: Start,
    beside: &[Vec2],
) -> Option<Outline> {
    // No finer than twelve pixels to a radius: an edge is blurred by more than that tells.
    let step = ((radius / 12.0) as usize).max(1);
    let near = start != Start::Rough;
    let reach = if near { 1.65 } else { 2.0 };
    patch.copy(around.frame, centre, reach * radius + 2.0, step);
    let mut at = centre;
    let mut scale = 1.0;
    // Away from the picture's middle a ball is stretched along this direction.
    let outward = (centre - around.camera.lens.centre_px).normalize_or(Vec2::X);
    let mut result = None;
    // The first look may be off by a third of a radius, later ones are near.
    let reaches: &[f64] = if near { &[0.30, 0.16] } else { &[0.42, 0.26, 0.16] };
    for &reach in reaches {
        let last = reaches.last() == Some(&reach);
        // Half of the rays are enough to come near.
        let rays = if last { RAYS } else { RAYS / 2 };
        let shape = outline_shape(around, at, radius, rays);
        let edges = edges(around, patch, at, &shape, scale, reach, beside);
        let held = (start == Start::Held).then_some(centre - at);
        let fit = solve(&edges, rays, outward, scale, reach, around.size_known, held)?;
        at += fit.shift;
        scale = fit.scale;
        let mean = shape.iter().map(|o| o.length()).sum::<f64>() / shape.len().max(1) as f64;
        if at.distance(centre) > 0.8 * radius || !(0.6..1.5).contains(&scale) {
            return None;
        }
        result = Some(Outline {
            centre: at,
            radius: mean * scale,
            support: fit.support,
            cloth_around: fit.cloth_around,
            covariance: fit.covariance,
        });
    }
    result
}

/// Offsets from the (projected) centre to the silhouette, scaled to the mean `radius`
/// unless the camera is calibrated. A ball away from the middle of a picture is seen as an ellipse.
fn outline_shape(around: &Surroundings<'_>, at: Vec2, radius: f64, rays: usize) -> Vec<Vec2> {
    let circle = || {
        (0..rays)
            .map(|k| crate::units::unit(std::f64::consts::TAU * k as f64 / rays as f64) * radius)
            .collect::<Vec<_>>()
    };
    let Some(place) = around.camera.on_plane(at, around.radius_m) else {
        return circle();
    };
    let rim = around
        .camera
        .silhouette(place.extend(around.radius_m), around.radius_m, rays);
    if rim.len() != rays {
        return circle();
    }
    let offsets: Vec<Vec2> = rim.iter().map(|p| *p - at).collect();
    let mean = offsets.iter().map(|o| o.length()).sum::<f64>() / rays as f64;
    if !(mean.is_finite() && mean > 0.5) {
        return circle();
    }
    let gain = if around.size_known { 1.0 } else { radius / mean };
    offsets.into_iter().map(|o| o * gain).collect()
}

/// An edge on a ray: where (in units of the expected radius), how strong.
#[derive(Clone, Copy, Debug)]
struct Edge {
    direction: Vec2,
    /// Expected radius on this ray, pixels.
    length: f64,
    place: f64,
    strength: f64,
    /// How sure it is this ball's own, 0..1.
    trust: f64,
    /// Cloth lies beyond.
    on_cloth: bool,
}

fn edges(
    around: &Surroundings<'_>,
    patch: &Patch,
    at: Vec2,
    shape: &[Vec2],
    scale: f64,
    reach: f64,
    beside: &[Vec2],
) -> Vec<Edge> {
    let mut found = Vec::with_capacity(shape.len());
    let local = around.field.around(around.grid.on_grid(at));
    // A ball of the cloth's colour shows a faint edge. Where its size is known, that is trusted.
    let (hidden, faintest) = if around.size_known { (0.8, 5.0) } else { (0.4, 8.0) };
    for offset in shape {
        let length = offset.length();
        if length < 1.0 {
            continue;
        }
        let rim = at + *offset;
        let is_close = |c: &Vec2| c.distance(rim) < (1.0 + CLOSE) * length;
        let trust = if beside.iter().any(is_close) {
            CLOSE_TRUST
        } else {
            1.0
        };
        // Gradients reach beyond the edges that are looked for.
        let blur = 0.05_f64.max(BLUR_PX / length);
        let margin = 0.1_f64.max(blur);
        let (from, to) = (scale - reach - margin, scale + reach + margin);
        let spacing = (to - from) / (SAMPLES - 1) as f64;
        let colours: [_; SAMPLES] = patch.colours(at + *offset * from, *offset * spacing);
        let odd = around.field.deviations(local, &colours);
        // A gradient over about a tenth of the radius, at least as wide as lens and compression blur an edge.
        let half = ((blur / spacing).round() as usize).clamp(1, 6);
        let mut strengths = [0f64; SAMPLES];
        for k in half..SAMPLES - half {
            let (Some(inner), Some(outer), Some(within), Some(beyond)) = (
                colours.get(k - half),
                colours.get(k + half),
                odd.get(k - half),
                odd.get(k + half),
            ) else {
                continue;
            };
            let difference: f32 = inner
                .iter()
                .zip(outer)
                .take(3)
                .map(|(a, b)| (a - b).powi(2))
                .sum();
            let u = (from + spacing * k as f64 - scale) / reach;
            if u.abs() > 1.0 {
                continue;
            }
            // Outside lies cloth, inside something else: an edge inside a ball counts less.
            let outside = if *beyond < 1.0 { 1.0 } else { 0.35 };
            let inside = if *within > 0.8 { 1.0 } else { hidden };
            if let Some(s) = strengths.get_mut(k) {
                *s = f64::from(difference.sqrt()) * outside * inside * (1.0 - 0.6 * u * u);
            }
        }
        let best = (1..SAMPLES - 1).max_by(|a, b| {
            let at = |k: &usize| strengths.get(*k).copied().unwrap_or(0.0);
            at(a).total_cmp(&at(b))
        });
        let Some(k) = best else { continue };
        let at = |k: usize| strengths.get(k).copied().unwrap_or(0.0);
        let (l, m, r) = (at(k - 1), at(k), at(k + 1));
        if m < faintest {
            continue;
        }
        let bend = l - 2.0 * m + r;
        let shift = if bend < -1e-9 {
            (0.5 * (l - r) / bend).clamp(-0.5, 0.5)
        } else {
            0.0
        };
        found.push(Edge {
            direction: *offset / length,
            length,
            place: from + spacing * (k as f64 + shift),
            strength: m,
            trust,
            on_cloth: odd.get((k + 2 * half).min(SAMPLES - 1)).is_some_and(|o| *o < 1.0),
        });
    }
    found
}

/// Pixels to either side of an edge between which it is measured. Chosen on the virtual table: half as much
/// makes centres half as far off again, where pictures came as JPEG.
const BLUR_PX: f64 = 1.2;

/// Closer to another ball's outline than this share of the radius an edge may be that ball's, and counts
/// as little as the second.
const CLOSE: f64 = 0.25;
const CLOSE_TRUST: f64 = 0.2;

/// In the end edges further from the outline than about this count little, radii.
const NARROW: f64 = 0.1;

/// Where others leave no other place, that counts so many times as much as all edges.
const HOLD: f64 = 2.0;

/// Edges beside each other see the same pixels, highlights and shadows: this many count as one.
/// Chosen so that errors on the virtual table are as large as the covariance says.
const NEIGHBOURS: f64 = 6.0;

/// No centre is surer than this, pixels.
const FLOOR_PX: f64 = 0.03;

struct Fit {
    shift: Vec2,
    scale: f64,
    support: f64,
    cloth_around: f64,
    covariance: Covariance,
}

/// Least squares with Geman–McClure weights for shift, size and stretch (along `outward`) of the outline. `held`: where
/// its middle is held, if it is, from where it is now.
fn solve(
    edges: &[Edge],
    rays: usize,
    outward: Vec2,
    scale: f64,
    reach: f64,
    size_known: bool,
    held: Option<Vec2>,
) -> Option<Fit> {
    if edges.len() < rays / 4 {
        return None;
    }
    let mut strengths: Vec<f64> = edges.iter().map(|e| e.strength).collect();
    strengths.sort_by(f64::total_cmp);
    let usual = strengths.get(strengths.len() / 2).copied().unwrap_or(1.0);
    let mut x = Vector4::new(0.0, 0.0, scale, 0.0);
    let mut spread = 0.5 * reach;
    let mut covariance = Covariance::default();
    let row = |e: &Edge| {
        let along = e.direction.dot(outward);
        Vector4::new(
            e.direction.x / e.length,
            e.direction.y / e.length,
            1.0,
            2.0 * along * along - 1.0,
        )
    };
    let residual = |e: &Edge, x: &Vector4<f64>| e.place - row(e).dot(x);
    for _ in 0..8 {
        let mut a = Matrix4::zeros();
        let mut b = Vector4::zeros();
        let (mut total, mut squares) = (0.0, 0.0);
        for e in edges {
            let r = residual(e, &x);
            let u = r / spread;
            let w = e.trust * (e.strength / usual).min(1.5) / (1.0 + u * u).powi(2);
            let row = row(e);
            a += w * row * row.transpose();
            b += w * row * (e.place);
            total += w;
            squares += w * r * r;
        }
        // Size and shape are known well from calibration, roughly from the other balls.
        let prior = total * if size_known { 20.0 } else { 0.3 };
        a[(2, 2)] += prior;
        b[2] += prior;
        a[(3, 3)] += total * if size_known { 50.0 } else { 0.15 };
        // A weak pull to the start keeps a half hidden ball from running away.
        a[(0, 0)] += 1e-6;
        a[(1, 1)] += 1e-6;
        if let Some(place) = held {
            let pull = HOLD * 0.5 * (a[(0, 0)] + a[(1, 1)]);
            a[(0, 0)] += pull;
            a[(1, 1)] += pull;
            b[0] += pull * place.x;
            b[1] += pull * place.y;
        }
        let inverse = a.try_inverse()?;
        let better = inverse * b;
        let settled = spread <= NARROW && (better - x).amax() < 1e-4;
        x = better;
        let variance = NEIGHBOURS * squares / total.max(1e-9);
        covariance = Covariance {
            xx: variance * inverse[(0, 0)] + FLOOR_PX * FLOOR_PX,
            xy: variance * inverse[(0, 1)],
            yy: variance * inverse[(1, 1)] + FLOOR_PX * FLOOR_PX,
        };
        if settled {
            break;
        }
        spread = (spread * 0.7).max(NARROW);
    }
    let good = || {
        edges
            .iter()
            .filter(|e| residual(e, &x).abs() < 0.09 && e.strength > 0.25 * usual)
    };
    x.iter().all(|v| v.is_finite()).then_some(Fit {
        shift: Vec2::new(x[0], x[1]),
        scale: x[2],
        support: good().count() as f64 / rays as f64,
        cloth_around: good().filter(|e| e.on_cloth).count() as f64 / rays as f64,
        covariance,
    })
}
