//! Finds the table in a picture nobody has calibrated: the outline of the cloth, then the
//! cushion noses inside it.

use super::cloth::ClothColour;
use super::line::{Line, convex_hull, signed_area};
use super::regions::largest_region;
use super::working::WorkingPicture;
use crate::units::Vec2;

/// A table as four lines seen in a working picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableOutline {
    /// Corners of the outer border of the cloth (against wood), clockwise as seen, from the top left.
    pub(super) cloth: [Vec2; 4],
    /// Corners of the cushion noses, same order.
    pub(super) noses: [Vec2; 4],
    /// Sides (top, right, bottom, left) whose nose was seen rather than supposed.
    pub(super) noses_seen: [bool; 4],
    /// Share of the cloth's hull that the quadrilateral explains, 0..1.
    pub(super) fit: f64,
}

/// A cushion is 2 in (5 cm) wide from rail to nose on a playing field 100 in long: a fiftieth,
/// slightly more on small tables.
const CUSHION_SHARE: f64 = 0.023;

impl TableOutline {
    /// This outline after an earlier one of the same camera: where both nearly agree nothing has moved, and the earlier
    /// one is only made better. From picture to picture an edge is found a few pixels to and fro, and all balls with it.
    pub(super) fn after(self, earlier: &Self) -> Self {
        /// Corners that differ by less than this share of the table's length have not moved.
        const STILL: f64 = 0.012;
        /// What a new picture counts against all before it.
        const FRESH: f64 = 0.08;
        let near = STILL * long_side(&earlier.cloth);
        let corners = |outline: &Self| outline.cloth.into_iter().chain(outline.noses);
        if corners(&self)
            .zip(corners(earlier))
            .any(|(a, b)| a.distance(b) > near)
        {
            return self;
        }
        let steadied = |old: [Vec2; 4], new: [Vec2; 4]| {
            let mut out = old;
            for (out, new) in out.iter_mut().zip(new) {
                *out = out.lerp(new, FRESH);
            }
            out
        };
        Self {
            cloth: steadied(earlier.cloth, self.cloth),
            noses: steadied(earlier.noses, self.noses),
            ..self
        }
    }

    /// Looks for the table; `None` when no four-sided piece of cloth stands out. Cloth of nearly the
    /// colour of rails or floor stands out only when it is looked at more narrowly: so it is where that shows more of the
    /// noses, or where no camera could see the first outline as a table. `oddness`: see [`FittedCamera::oddness`].
    ///
    /// [`FittedCamera::oddness`]: super::pose::FittedCamera::oddness
    pub(super) fn find(
        picture: &WorkingPicture,
        colour: &ClothColour,
        oddness: impl Fn(&Self) -> f64,
    ) -> Option<Self> {
        /// Tables whose shape is not quite the model's, seen through a wide lens, are less odd than this.
        const ODD: f64 = 3.0;
        // And a line across the cloth parts it.
        let ways = [
            (*colour, 0.0),
            (*colour, BRIDGED),
            (colour.well_lit(1.0), 0.0),
            (colour.well_lit(0.6), 0.0),
            (colour.well_lit(0.35), 0.0),
        ];
        let mut best: Option<(Self, f64)> = None;
        for (colour, bridged) in &ways {
            let Some(found) = Self::find_cloth(picture, colour, *bridged) else {
                continue;
            };
            let odd = oddness(&found);
            let sure = found.noses_count() == 4 && odd < ODD;
            let better = best.as_ref().is_none_or(|(best, least)| {
                let more = found.noses_count().cmp(&best.noses_count());
                let likelier = *least > ODD && odd < 0.5 * least;
                found.fit >= best.fit && (more.is_gt() || more.is_eq() && likelier)
            });
            if better {
                best = Some((found, odd));
                if sure {
                    break;
                }
            }
        }
        best.map(|(found, _)| found)
    }

    fn noses_count(&self) -> usize {
        self.noses_seen.iter().filter(|seen| **seen).count()
    }

    fn find_cloth(picture: &WorkingPicture, colour: &ClothColour, bridged: f64) -> Option<Self> {
        let mut mask: Vec<u8> = picture
            .px
            .iter()
            .map(|px| u8::from(colour.is_cloth(*px)))
            .collect();
        bridge_gaps(&mut mask, picture.w, (bridged * picture.w as f64) as usize);
        let region = largest_region(&mask, picture.w, picture.h)?;
        if region.len() * 12 < picture.px.len() {
            return None;
        }
        let mut rim: Vec<Vec2> = Vec::new();
        for &(y, x0, x1) in &region.runs {
            rim.push(Vec2::new(f64::from(x0), f64::from(y) + 0.5));
            rim.push(Vec2::new(f64::from(x1), f64::from(y) + 0.5));
        }
        let hull = convex_hull(&mut rim);
        let hull_area = signed_area(&hull).abs();
        let sides = four_sides(&hull)?;
        let corners = corners_of(&sides)?;
        let sides = refine_outer(picture, colour, &corners, 0.08);
        let corners = corners_of(&sides)?;
        let sides = refine_outer(picture, colour, &corners, 0.05);
        let corners = corners_of(&sides)?;
        let area = signed_area(&corners).abs();
        let fit = (hull_area / area).min(area / hull_area);
        if fit < 0.75 || hull_area < 0.08 * picture.px.len() as f64 {
            return None;
        }
        // A coloured picture without any border is a wall, not a table, unless cushions show in it.
        let (w, h) = (picture.w as f64, picture.h as f64);
        let at_border = sides
            .iter()
            .filter(|s| {
                let m = s.point;
                m.x < 2.5 || m.y < 2.5 || m.x > w - 2.5 || m.y > h - 2.5
            })
            .count();
        let (nose_lines, noses_seen) = find_noses(picture, colour, &corners, &sides);
        let seen = noses_seen.iter().filter(|seen| **seen).count();
        if at_border >= 3 && seen < at_border - 1 {
            return None;
        }
        let noses = corners_of(&nose_lines)?;
        Some(Self {
            cloth: corners,
            noses,
            noses_seen,
            fit,
        })
    }
}

/// Lines on the cloth up to this wide do not part it, as a share of the picture's width.
const BRIDGED: f64 = 0.006;

/// Sets what lies between two set pixels of a row or a column that are at most `gap` apart.
fn bridge_gaps(mask: &mut [u8], w: usize, gap: usize) {
    if gap == 0 {
        return;
    }
    let h = mask.len() / w.max(1);
    for (lines, hop, length, stride) in [(h, w, w, 1), (w, 1, h, w)] {
        for line in 0..lines {
            let mut last: Option<usize> = None;
            for k in 0..length {
                if mask.get(line * hop + k * stride).is_none_or(|set| *set == 0) {
                    continue;
                }
                if let Some(last) = last.filter(|last| k - last <= gap + 1) {
                    for between in last + 1..k {
                        if let Some(px) = mask.get_mut(line * hop + between * stride) {
                            *px = 1;
                        }
                    }
                }
                last = Some(k);
            }
        }
    }
}

/// The four hull lines that carry most of the outline, as top, right, bottom, left, each
/// running clockwise as seen (so that `perp` points into the table).
fn four_sides(hull: &[Vec2]) -> Option<[Line; 4]> {
    let n = hull.len();
    if n < 4 {
        return None;
    }
    let perimeter: f64 = hull
        .iter()
        .zip(hull.iter().cycle().skip(1))
        .map(|(a, b)| a.distance(*b))
        .sum();
    let tolerance = 0.003 * perimeter / 2.0;
    let spacing = perimeter / 800.0;
    let mut samples: Vec<Vec2> = Vec::with_capacity(900);
    for (a, b) in hull.iter().zip(hull.iter().cycle().skip(1)) {
        let count = (a.distance(*b) / spacing).ceil().max(1.0) as usize;
        samples.extend((0..count).map(|i| a.lerp(*b, i as f64 / count as f64)));
    }
    let mut found: Vec<Line> = Vec::new();
    for _ in 0..4 {
        let mut best: Option<(usize, Line)> = None;
        for (i, a) in hull.iter().enumerate() {
            for b in hull.iter().skip(i + 1) {
                if a.distance(*b) < 0.06 * perimeter {
                    continue;
                }
                let Some(line) = Line::through(*a, *b) else {
                    continue;
                };
                let count = samples
                    .iter()
                    .filter(|p| line.distance(**p).abs() < tolerance)
                    .count();
                if best.is_none_or(|(most, _)| count > most) {
                    best = Some((count, line));
                }
            }
        }
        let (_, line) = best?;
        let line = line.refined(&samples, 2.0 * tolerance).unwrap_or(line);
        samples.retain(|p| line.distance(*p).abs() >= 3.0 * tolerance);
        found.push(line);
    }
    let centre = hull.iter().copied().sum::<Vec2>() / n as f64;
    for line in &mut found {
        if line.distance(centre) < 0.0 {
            line.direction = -line.direction;
        }
    }
    // Outward normals sorted by angle go round the table; top (pointing to -y) first.
    found.sort_by(|a, b| {
        let angle = |l: &Line| {
            let out = -l.direction.perp();
            // -y (top) = 0, then +x (right), clockwise as seen.
            out.x.atan2(-out.y).rem_euclid(std::f64::consts::TAU)
        };
        angle(a).total_cmp(&angle(b))
    });
    let mut sides: [Line; 4] = found.try_into().ok()?;
    // The top side is the one whose normal is nearest to straight up.
    let up = |l: &Line| (-l.direction.perp()).dot(Vec2::NEG_Y);
    let first = (0..4).max_by(|&a, &b| {
        let get = |i: usize| sides.get(i).map_or(0.0, up);
        get(a).total_cmp(&get(b))
    })?;
    sides.rotate_left(first);
    let turns_right = (0..4).all(|i| {
        let (Some(a), Some(b)) = (sides.get(i), sides.get((i + 1) % 4)) else {
            return false;
        };
        a.direction.perp_dot(b.direction) > 0.4
    });
    turns_right.then_some(sides)
}

/// Corners of four sides (top, right, bottom, left): top left, top right, bottom right, bottom left.
fn corners_of([top, right, bottom, left]: &[Line; 4]) -> Option<[Vec2; 4]> {
    let corners = [
        left.meet(top)?,
        top.meet(right)?,
        right.meet(bottom)?,
        bottom.meet(left)?,
    ];
    (signed_area(&corners) > 0.0).then_some(corners)
}

/// Side lines of four corners, each clockwise as seen.
pub(super) fn sides_of([tl, tr, br, bl]: &[Vec2; 4]) -> [Line; 4] {
    let side = |a: Vec2, b: Vec2| {
        Line::through(a, b).unwrap_or(Line {
            point: a,
            direction: Vec2::X,
        })
    };
    [side(*tl, *tr), side(*tr, *br), side(*br, *bl), side(*bl, *tl)]
}

/// The mean length of the two longer sides.
pub(super) fn long_side(corners: &[Vec2; 4]) -> f64 {
    let [tl, tr, br, bl] = corners;
    let across = (tl.distance(*tr) + bl.distance(*br)) / 2.0;
    let down = (tl.distance(*bl) + tr.distance(*br)) / 2.0;
    across.max(down)
}

/// Places along a side used for measuring: away from the corner pockets and the middle one.
fn stations() -> impl Iterator<Item = f64> {
    (0..120)
        .map(|i| 0.08 + 0.84 * f64::from(i) / 119.0)
        .filter(|t| (t - 0.5).abs() > 0.06)
}

/// Moves each line onto the border between cloth and what lies around it. Looks `reach` (share of
/// the length) to both sides; a dark gap as wide as a cushion's shadow does not end the cloth.
fn refine_outer(
    picture: &WorkingPicture,
    colour: &ClothColour,
    corners: &[Vec2; 4],
    reach: f64,
) -> [Line; 4] {
    let length = long_side(corners);
    let (reach, gap) = (reach * length, 0.035 * length);
    sides_with_ends(corners).map(|(line, a, b)| {
        let inward = line.direction.perp();
        let nearby = stations().map(|t| {
            let p = a.lerp(b, t) + inward * (0.06 * length);
            picture.at(p.x.floor() as isize, p.y.floor() as isize)
        });
        let colour = colour.under_light_of(nearby).looser(1.4);
        let points: Vec<Vec2> = stations()
            .filter(|t| (0.14..0.86).contains(t))
            .filter_map(|t| {
                let base = a.lerp(b, t);
                let cloth = |d: f64| {
                    let p = base + inward * d;
                    picture.contains(p)
                        && colour.is_cloth(picture.at(p.x.floor() as isize, p.y.floor() as isize))
                };
                // From the inside outward: the last cloth before a gap.
                let (mut d, mut last) = (reach, None);
                while d > -reach {
                    if cloth(d) && cloth(d - 1.0) {
                        last = Some(d - 1.0);
                    } else if last.is_some_and(|l| l - d > gap) {
                        break;
                    }
                    d -= 1.0;
                }
                last.filter(|l| *l > 2.0 - reach)
                    .map(|l| base + inward * (l - 0.5))
            })
            .collect();
        most_supported(&points, 0.004 * length, 0.2 * length)
            .map(|l| {
                if l.direction.dot(line.direction) < 0.0 {
                    Line {
                        direction: -l.direction,
                        ..l
                    }
                } else {
                    l
                }
            })
            .filter(|l| l.direction.dot(line.direction) > 0.95)
            .unwrap_or(line)
    })
}

/// The line through two of the points, at least `apart` from each other, that passes within
/// `tolerance` of most others, refined. `None` when it passes fewer than a third.
fn most_supported(points: &[Vec2], tolerance: f64, apart: f64) -> Option<Line> {
    let mut best: Option<(usize, Line)> = None;
    for (i, a) in points.iter().enumerate() {
        for b in points.iter().skip(i + 1) {
            if a.distance(*b) < apart {
                continue;
            }
            let Some(line) = Line::through(*a, *b) else {
                continue;
            };
            let count = points
                .iter()
                .filter(|p| line.distance(**p).abs() < tolerance)
                .count();
            if best.is_none_or(|(most, _)| count > most) {
                best = Some((count, line));
            }
        }
    }
    let (count, line) = best?;
    (count * 3 > points.len() && count >= 12).then(|| line.refined(points, 1.5 * tolerance).unwrap_or(line))
}

fn sides_with_ends(corners: &[Vec2; 4]) -> [(Line, Vec2, Vec2); 4] {
    let [tl, tr, br, bl] = *corners;
    let [top, right, bottom, left] = sides_of(corners);
    [(top, tl, tr), (right, tr, br), (bottom, br, bl), (left, bl, tl)]
}

/// The nose of each cushion: the brightness edge parallel to the cloth's border that runs
/// along the whole side, within the width cushions have.
fn find_noses(
    picture: &WorkingPicture,
    colour: &ClothColour,
    corners: &[Vec2; 4],
    outer: &[Line; 4],
) -> ([Line; 4], [bool; 4]) {
    let length = long_side(corners);
    let ends = sides_with_ends(corners);
    let profiles: [Vec<(f64, f64)>; 4] =
        ends.map(|(line, a, b)| nose_profile(picture, colour, line.direction.perp(), a, b, length));
    let pick = |profile: &[(f64, f64)], expected: f64, spread: f64| {
        profile
            .iter()
            .map(|&(d, strength)| {
                let u = (d / length - expected) / spread;
                (d, strength * (-0.5 * u * u).exp())
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))
    };
    // First each side alone, then all with the width the sides agree on.
    let mut widths: Vec<f64> = profiles
        .iter()
        .filter_map(|p| pick(p, CUSHION_SHARE, 0.009))
        .filter(|p| p.1 > NOSE_STRENGTH)
        .map(|p| p.0 / length)
        .collect();
    widths.sort_by(f64::total_cmp);
    let agreed = widths.get(widths.len() / 2).copied().unwrap_or(CUSHION_SHARE);
    let mut seen = [false; 4];
    let mut lines = *outer;
    for (i, line) in lines.iter_mut().enumerate() {
        let profile = profiles.get(i).map_or(&[][..], Vec::as_slice);
        let best = pick(profile, agreed, 0.006).filter(|p| p.1 > NOSE_STRENGTH);
        let width = best.map_or(agreed * length, |p| p.0);
        if let (Some(seen), Some((side, a, b))) = (seen.get_mut(i), ends.get(i)) {
            *seen = best.is_some();
            let supposed = side.shifted(width);
            *line = if best.is_some() {
                trace_nose(picture, side, *a, *b, width, 0.006 * length).unwrap_or(supposed)
            } else {
                supposed
            };
        }
    }
    (lines, seen)
}

/// Median brightness step along a side, relative to the cloth, that counts as a nose.
const NOSE_STRENGTH: f64 = 0.02;

/// (distance inward, strength of the brightness step common to the whole side), local maxima only.
fn nose_profile(
    picture: &WorkingPicture,
    colour: &ClothColour,
    inward: Vec2,
    a: Vec2,
    b: Vec2,
    length: f64,
) -> Vec<(f64, f64)> {
    let (from, to) = (0.007 * length, 0.055 * length);
    let count = ((to - from) / 0.5) as usize;
    let mut strengths: Vec<(f64, f64)> = Vec::with_capacity(count);
    let mut steps: Vec<f64> = Vec::with_capacity(128);
    for k in 0..count {
        let d = from + 0.5 * k as f64;
        steps.clear();
        for t in stations() {
            let p = a.lerp(b, t) + inward * d;
            let (before, after) = (p - inward * 1.0, p + inward * 1.0);
            if picture.contains(before) && picture.contains(after) {
                steps.push(picture.brightness(after) - picture.brightness(before));
            }
        }
        if steps.len() < 20 {
            continue;
        }
        let middle = steps.len() / 2;
        let median = *steps.select_nth_unstable_by(middle, f64::total_cmp).1;
        strengths.push((d, median.abs() / f64::from(colour.brightness).max(1.0)));
    }
    strengths
        .windows(3)
        .filter_map(|w| match w {
            [(_, l), (d, s), (_, r)] if s >= l && s >= r => Some((*d, *s)),
            _ => None,
        })
        .collect()
}

/// Follows the nose along a side and fits a line to it.
fn trace_nose(
    picture: &WorkingPicture,
    side: &Line,
    a: Vec2,
    b: Vec2,
    width: f64,
    reach: f64,
) -> Option<Line> {
    let inward = side.direction.perp();
    let mut sign = 0.0;
    let step_at = |p: Vec2| picture.brightness(p + inward) - picture.brightness(p - inward);
    for t in stations() {
        sign += step_at(a.lerp(b, t) + inward * width).signum();
    }
    let points: Vec<Vec2> = stations()
        .filter_map(|t| {
            let base = a.lerp(b, t) + inward * width;
            let count = (2.0 * reach / 0.25) as usize + 1;
            (0..count)
                .map(|k| -reach + 0.25 * k as f64)
                .map(|d| {
                    (
                        d,
                        sign.signum() * step_at(base + inward * d) * (1.0 - 0.5 * (d / reach).abs()),
                    )
                })
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .filter(|(_, s)| *s > 0.0)
                .map(|(d, _)| base + inward * d)
        })
        .collect();
    side.shifted(width).refined(&points, (0.5 * reach).max(1.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(shift: Vec2) -> TableOutline {
        let corners = |grow: f64| {
            [(-1.0, -0.5), (1.0, -0.5), (1.0, 0.5), (-1.0, 0.5)]
                .map(|(x, y)| Vec2::new(320.0, 180.0) + Vec2::new(x, y) * (250.0 + grow) + shift)
        };
        TableOutline {
            cloth: corners(10.0),
            noses: corners(0.0),
            noses_seen: [true; 4],
            fit: 1.0,
        }
    }

    /// An edge that is found three pixels to and fro moves a table that stands by a fraction of that.
    #[test]
    fn an_outline_that_trembles_is_steadied_and_one_that_moves_is_followed() {
        let place = |outline: &TableOutline| outline.noses[0].x - 70.0;
        let mut known = outline(Vec2::ZERO);
        let mut most = 0.0_f64;
        for i in 0..100 {
            let seen = outline(Vec2::new(if i % 2 == 0 { 3.0 } else { -3.0 }, 0.0));
            let before = place(&known);
            known = seen.after(&known);
            most = most.max((place(&known) - before).abs());
        }
        assert!(most < 0.4 && place(&known).abs() < 1.0, "{most}");
        // A drift is followed within a second.
        for _ in 0..60 {
            known = outline(Vec2::new(3.0, 0.0)).after(&known);
        }
        assert!((place(&known) - 3.0).abs() < 0.1);
        // A table that is elsewhere is there at once.
        let moved = outline(Vec2::new(40.0, 0.0));
        assert_eq!(moved.clone().after(&known), moved);
    }
}
