//! Circles of a known radius inside a region: touching balls told apart.

use super::bed::Bed;
use super::regions::Region;
use super::working::WorkingPicture;
use crate::units::Vec2;

/// Centres of circles inside a core, by votes of the brightness and colour edges around it
/// along their gradients, one radius away. Greedy: the best first, none closer than touching
/// balls can be. `depth`: what erosion took off the region to leave the core.
pub(super) fn find_circles(
    picture: &WorkingPicture,
    core: &Region,
    bed: &Bed,
    radius_m: f64,
    depth: f64,
) -> Vec<Vec2> {
    let margin = depth.ceil() as usize + 3;
    let [l, t, r, b] = core.bounds.map(|v| v as usize);
    let (x0, y0) = (l.saturating_sub(margin), t.saturating_sub(margin));
    let (x1, y1) = ((r + margin).min(picture.w), (b + margin).min(picture.h));
    if x1 <= x0 + 2 || y1 <= y0 + 2 {
        return Vec::new();
    }
    let (w, h) = (x1 - x0, y1 - y0);
    let mut inside = vec![0u8; w * h];
    for &(y, a, b) in &core.runs {
        let start = (y as usize - y0) * w;
        if let Some(row) = inside.get_mut(start + a as usize - x0..start + b as usize - x0) {
            row.fill(1);
        }
    }
    let votes = votes(picture, [x0, y0, x1, y1], bed, radius_m);
    let mut taken: Vec<Vec2> = Vec::new();
    let mut order: Vec<usize> = (0..votes.len())
        .filter(|&i| inside.get(i) == Some(&1) && votes.get(i).is_some_and(|v| *v > 0.0))
        .collect();
    let value = |i: usize| votes.get(i).copied().unwrap_or(0.0);
    order.sort_by(|a, b| value(*b).total_cmp(&value(*a)));
    let mut best = 0.0_f32;
    for i in order {
        let p = Vec2::new((x0 + i % w) as f64 + 0.5, (y0 + i / w) as f64 + 0.5);
        let radius = bed.ball_radius(p, radius_m).max(2.0);
        if best == 0.0 {
            best = value(i);
        }
        if value(i) < 0.3 * best || taken.len() > 30 {
            break;
        }
        if taken.iter().any(|q| q.distance(p) < 1.7 * radius) {
            continue;
        }
        // The eroded disc must lie in the core.
        let reach = radius - depth;
        if coverage(&inside, w, h, p - Vec2::new(x0 as f64, y0 as f64), 0.9 * reach) < 0.8 {
            continue;
        }
        taken.push(p);
    }
    taken
}

/// Up to two centres of circles of a ball's size that pass within a radius of `p`.
pub(super) fn circles_around(picture: &WorkingPicture, p: Vec2, bed: &Bed, radius_m: f64) -> Vec<Vec2> {
    let radius = bed.ball_radius(p, radius_m).max(2.0);
    let reach = 2.3 * radius;
    let x0 = (p.x - reach).max(0.0) as usize;
    let y0 = (p.y - reach).max(0.0) as usize;
    let x1 = ((p.x + reach).max(0.0) as usize).min(picture.w);
    let y1 = ((p.y + reach).max(0.0) as usize).min(picture.h);
    if x1 <= x0 + 2 || y1 <= y0 + 2 {
        return Vec::new();
    }
    let votes = votes(picture, [x0, y0, x1, y1], bed, radius_m);
    let w = x1 - x0;
    let mut found: Vec<Vec2> = Vec::new();
    for _ in 0..2 {
        let best = votes
            .iter()
            .enumerate()
            .map(|(i, v)| {
                (
                    Vec2::new((x0 + i % w) as f64 + 0.5, (y0 + i / w) as f64 + 0.5),
                    *v,
                )
            })
            .filter(|(q, v)| {
                *v > 0.0
                    && q.distance(p) < 1.1 * radius
                    && !found.iter().any(|f| f.distance(*q) < 0.5 * radius)
            })
            .max_by(|a, b| a.1.total_cmp(&b.1));
        found.extend(best.map(|b| b.0));
    }
    found
}

/// Votes of the edges in a window (left, top, right, bottom) for centres one radius away.
fn votes(picture: &WorkingPicture, [x0, y0, x1, y1]: [usize; 4], bed: &Bed, radius_m: f64) -> Vec<f32> {
    let (w, h) = (x1 - x0, y1 - y0);
    let mut votes = vec![0f32; w * h];
    let corner = Vec2::new(x0 as f64, y0 as f64);
    for y in 0..h {
        for x in 0..w {
            let Some((gradient, strength)) = edge(picture, x0 + x, y0 + y) else {
                continue;
            };
            let p = Vec2::new(x as f64 + 0.5, y as f64 + 0.5);
            let radius = bed.ball_radius(corner + p, radius_m);
            for side in [-radius, radius] {
                for k in -2..=2 {
                    let q = p + gradient * (side * (1.0 + 0.06 * f64::from(k)));
                    if q.x < 0.0 || q.y < 0.0 || q.x >= w as f64 || q.y >= h as f64 {
                        continue;
                    }
                    // To the pixel below: neither is negative.
                    if let Some(v) = votes.get_mut(q.y as usize * w + q.x as usize) {
                        *v += strength;
                    }
                }
            }
        }
    }
    smooth(&smooth(&votes, w, h), w, h)
}

/// Direction and strength (0..1) of the strongest channel's gradient; `None` where flat.
fn edge(picture: &WorkingPicture, x: usize, y: usize) -> Option<(Vec2, f32)> {
    let (w, last) = (picture.w, picture.h.saturating_sub(1));
    let at = |x: usize, y: usize| picture.px.get(y * w + x).copied().unwrap_or_default();
    let (l, r) = (
        at(x.saturating_sub(1), y),
        at((x + 1).min(w.saturating_sub(1)), y),
    );
    let (u, d) = (at(x, y.saturating_sub(1)), at(x, (y + 1).min(last)));
    let mut best = (0i32, 0i32, 0i32);
    for c in 0..3 {
        let gx = i32::from(r[c]) - i32::from(l[c]);
        let gy = i32::from(d[c]) - i32::from(u[c]);
        let m = gx * gx + gy * gy;
        if m > best.0 {
            best = (m, gx, gy);
        }
    }
    if best.0 < 24 * 24 {
        return None;
    }
    let g = Vec2::new(f64::from(best.1), f64::from(best.2));
    let length = g.length();
    Some((g / length, (length / 80.0).min(1.0) as f32))
}

fn smooth(v: &[f32], w: usize, h: usize) -> Vec<f32> {
    let mut out = vec![0f32; v.len()];
    for y in 1..h.saturating_sub(1) {
        for x in 1..w.saturating_sub(1) {
            let i = y * w + x;
            let row = |i: usize| v.get(i - 1..=i + 1).map_or(0.0, |r| r.iter().sum::<f32>());
            if let Some(out) = out.get_mut(i) {
                *out = (row(i - w) + row(i) + row(i + w)) / 9.0;
            }
        }
    }
    out
}

/// Share of a disc that is marked.
fn coverage(mask: &[u8], w: usize, h: usize, p: Vec2, radius: f64) -> f64 {
    let (mut n, mut all) = (0.0, 0.0);
    let (ya, yb) = ((p.y - radius).floor() as isize, (p.y + radius).ceil() as isize);
    let (xa, xb) = ((p.x - radius).floor() as isize, (p.x + radius).ceil() as isize);
    for y in ya..=yb {
        for x in xa..=xb {
            let d = Vec2::new(x as f64 + 0.5, y as f64 + 0.5).distance(p);
            if d > radius {
                continue;
            }
            all += 1.0;
            let on = x >= 0
                && y >= 0
                && (x as usize) < w
                && (y as usize) < h
                && mask.get(y as usize * w + x as usize) == Some(&1);
            n += f64::from(u8::from(on));
        }
    }
    if all > 0.0 { n / all } else { 0.0 }
}
