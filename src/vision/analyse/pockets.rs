//! Moves supposed pockets onto the holes that are seen.

use super::cloth::ClothColour;
use super::working::WorkingPicture;
use crate::units::Vec2;

/// Darker than this share of the cloth's brightness is taken for a hole.
const HOLE_SHARE: f32 = 0.4;
/// The middle of a hole is what is not brighter than its darkest part by more than this share of the
/// cloth's brightness; rails may be dark too, but a hole is darker.
pub(super) const DEEPEST: f32 = 0.15;
/// The whole of what a hole may be, for balls to be kept out of it.
pub(super) const ANY_DEPTH: f32 = 1.0;

/// What was seen around a supposed pocket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    /// Where the table's shape puts it.
    pub(super) supposed: Vec2,
    pub(super) radius: f64,
    /// Unit direction away from the bed.
    pub(super) outward: Vec2,
    /// A side pocket, not a corner pocket.
    pub(super) side: bool,
    /// Middle of a dark hole.
    pub(super) dark: Option<Vec2>,
    /// Middle of a hole that begins at the cloth's edge.
    pub(super) edge: Option<Vec2>,
}

/// Places of the pockets. Holes are dark, and where one is, its place is that. On a table with nets
/// the dark spots are something else: then most holes begin elsewhere, and the edges decide for
/// all (single disagreements are balls in front of a pocket).
pub(super) fn agree(holes: &[Hole]) -> Vec<Vec2> {
    let (mut same, mut other) = (0, 0);
    for hole in holes {
        match (hole.dark, hole.edge) {
            (Some(d), Some(e)) if d.distance(e) < 0.9 * hole.radius => same += 1,
            (_, Some(_)) => other += 1,
            _ => {}
        }
    }
    if other <= same || other < 3 {
        return holes.iter().map(|h| h.dark.unwrap_or(h.supposed)).collect();
    }
    let reach = |h: &Hole| h.edge.map(|e| (e - h.supposed).dot(h.outward) / h.radius);
    holes
        .iter()
        .map(|h| {
            // A pocket whose edge is far from that of its like is hidden or has a ball in front.
            let mut alike: Vec<f64> = holes
                .iter()
                .filter(|o| o.side == h.side)
                .filter_map(reach)
                .collect();
            alike.sort_by(f64::total_cmp);
            let Some(usual) = alike.get(alike.len() / 2).copied() else {
                return h.dark.unwrap_or(h.supposed);
            };
            match h.edge.zip(reach(h)) {
                Some((e, r)) if (r - usual).abs() < 0.4 => e,
                _ => h.supposed + h.outward * (usual * h.radius),
            }
        })
        .collect()
}

/// Where the hole supposed at `centre` begins, seen from the bed: the last change from cloth to
/// something else on the way `outward`, a radius before the hole's middle. `None` where the
/// way shows no such change (the pocket is hidden).
pub(super) fn hole_behind_edge(
    picture: &WorkingPicture,
    colour: &ClothColour,
    centre: Vec2,
    radius: f64,
    outward: Vec2,
) -> Option<Vec2> {
    let cloth = |p: Vec2| {
        picture.contains(p) && colour.is_cloth(picture.at(p.x.floor() as isize, p.y.floor() as isize))
    };
    let across = outward.perp();
    let mut edges: Vec<f64> = Vec::new();
    for k in -3..=3 {
        let base = centre + across * (0.12 * radius * f64::from(k));
        let (mut t, mut edge, mut dark) = (-3.0 * radius, None, 0.0);
        while t < 1.2 * radius {
            if cloth(base + outward * t) {
                // Threads of cloth colour seen through a net do not end the hole.
                if dark < 0.7 * radius {
                    edge = Some(t + 0.5);
                }
                dark = 0.0;
            } else {
                dark += 1.0;
                if dark > 0.7 * radius && edge.is_some() {
                    break;
                }
            }
            t += 1.0;
        }
        edges.extend(edge.filter(|_| dark > 0.7 * radius));
    }
    if edges.len() < 4 {
        return None;
    }
    edges.sort_by(f64::total_cmp);
    let edge = edges.get(edges.len() / 2).copied()?;
    (-2.6 * radius..0.3 * radius)
        .contains(&edge)
        .then(|| centre + outward * (edge + 0.95 * radius))
}

/// Where the pocket supposed at `centre` with `radius` (working pixels) really is: the middle of the dark
/// pixels around it, `depth` ([`DEEPEST`] or [`ANY_DEPTH`]) brighter than the darkest. `None` if they do
/// not look like a hole (a net pocket does not).
pub(super) fn dark_hole(
    picture: &WorkingPicture,
    centre: Vec2,
    radius: f64,
    cloth_brightness: f32,
    depth: f32,
) -> Option<Vec2> {
    let reach = 1.15 * radius;
    let mut levels: Vec<f32> = pixels_around(picture, centre, reach).map(|(_, y)| y).collect();
    if levels.is_empty() {
        return None;
    }
    let rank = levels.len() / 8;
    let darkest = *levels.select_nth_unstable_by(rank, f32::total_cmp).1;
    let limit = (HOLE_SHARE * cloth_brightness).min(darkest + depth * cloth_brightness);
    let mut at = centre;
    for _ in 0..8 {
        let (mut sum, mut n, mut all) = (Vec2::ZERO, 0.0, 0.0);
        for (p, brightness) in pixels_around(picture, at, reach) {
            all += 1.0;
            if brightness < limit {
                sum += p;
                n += 1.0;
            }
        }
        if n < 0.3 * all || n < 4.0 {
            return None;
        }
        let next = sum / n;
        if next.distance(centre) > 0.8 * radius {
            return None;
        }
        let moved = next.distance(at);
        at = next;
        if moved < 0.05 {
            break;
        }
    }
    Some(at)
}

/// The pixels of a picture inside a circle: middle and brightness.
fn pixels_around(picture: &WorkingPicture, centre: Vec2, reach: f64) -> impl Iterator<Item = (Vec2, f32)> {
    let range = move |c: f64| (c - reach).floor() as isize..=(c + reach).ceil() as isize;
    range(centre.y)
        .flat_map(move |y| range(centre.x).map(move |x| (x, y)))
        .map(|(x, y)| (x, y, Vec2::new(x as f64 + 0.5, y as f64 + 0.5)))
        .filter(move |(_, _, p)| picture.contains(*p) && p.distance(centre) <= reach)
        .map(|(x, y, p)| (p, f32::from(picture.at(x, y)[3])))
}
