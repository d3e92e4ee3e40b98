//! Where no light may fall: on balls, and on the way of the cue.

use crate::units::{Vec2, Vec3};
use crate::vision::track::{TableState, TrackedCue};

/// Light stays this far away from the edge of a ball, metres: it would change the ball's
/// colour for the camera and dazzle the player.
pub const GUARD_M: f64 = 0.015;
/// Edges of lines are softened over a pixel of the projector, metres.
const SOFT_M: f64 = 0.0015;
/// As wide as a ball and its guard, the way of the cue stays dark so far behind the tip, metres: a stick is 1.5 m long.
const CUE_WAY_M: f64 = 1.5;
/// Distance of the dark circles that make up a way, metres.
const STEP_M: f64 = 0.015;

/// From the centre of a ball to the nearest line, metres.
pub(super) fn ball_clearance_m(ball_radius_m: f64) -> f64 {
    ball_radius_m + GUARD_M + SOFT_M
}

/// So far may a surface reach into a circle between two rungs, metres.
const CUT_M: f64 = 0.0005;

/// Circles of one size that stay dark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Guard {
    circles: Vec<Vec2>,
    radius: f64,
}

impl Guard {
    /// Dark circles with these middles, round balls of this radius.
    pub(super) fn round(circles: Vec<Vec2>, ball_radius_m: f64) -> Self {
        Self {
            circles,
            radius: ball_clearance_m(ball_radius_m),
        }
    }

    /// Every ball of the table and the way of the cue, both on the cloth and, where it is known where the
    /// projector's lens is, as far as their shadows fall: what is thrown there would hit them on its way.
    pub(super) fn of(table: &TableState, ball_radius_m: f64, projector: Option<Vec3>) -> Self {
        let mut circles = Vec::new();
        for ball in &table.balls {
            let end = projector.map_or(ball.position_m, |eye| {
                shadow_end(ball.position_m, ball_radius_m, eye)
            });
            row(ball.position_m, end, &mut circles);
        }
        if let Some(cue) = &table.cue {
            let aimed_at = table.cue_ball().map(|b| b.position_m);
            for (on_cloth, in_space) in cue_way(cue, aimed_at, ball_radius_m) {
                circles.push(on_cloth);
                circles.extend(projector.and_then(|eye| shadow(in_space, eye)));
            }
        }
        Self::round(circles, ball_radius_m)
    }

    /// No dark circle is nearer to the point than this.
    pub(super) fn is_clear(&self, point: Vec2, reach: f64) -> bool {
        self.circles
            .iter()
            .all(|dark| dark.distance(point) > self.radius + reach)
    }

    /// The circles and their radius.
    pub(super) fn circles(&self) -> impl Iterator<Item = (Vec2, f64)> {
        self.circles.iter().map(|c| (*c, self.radius))
    }

    /// The parts of a polyline `half_m` wide to either side that lie outside.
    pub(super) fn clear_parts(&self, points: &[Vec2], half_m: f64) -> Vec<Vec<Vec2>> {
        let mut parts = Vec::new();
        let mut part: Vec<Vec2> = Vec::new();
        for pair in points.windows(2) {
            let [a, b] = pair else { continue };
            for (from, to) in self.outside(*a, *b, half_m) {
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

    /// The parts of the surface between two lines that lie outside, each again between two lines. Rungs are to be
    /// close together: between them the edge of a circle is cut straight.
    pub(super) fn clear_bands(&self, left: &[Vec2], right: &[Vec2]) -> Vec<[Vec<Vec2>; 2]> {
        let rungs: Vec<(Vec2, Vec2)> = left.iter().copied().zip(right.iter().copied()).collect();
        let mut bands: Vec<[Vec<Vec2>; 2]> = Vec::new();
        // How many of the last ones go on.
        let mut open = 0;
        for pair in rungs.windows(2) {
            let [(a, b), (c, d)] = pair else { continue };
            let (from, to) = (self.outside(*a, *b, 0.0), self.outside(*c, *d, 0.0));
            let half_gap = 0.5 * a.distance(*c).max(b.distance(*d));
            let between = self.outside(a.midpoint(*c), b.midpoint(*d), half_gap);
            let middle = self.outside(a.midpoint(*c), b.midpoint(*d), 0.0);
            let cut = CUT_M / a.midpoint(*c).distance(b.midpoint(*d)).max(1e-9);
            let smooth = from.len() == to.len()
                && from.len() == middle.len()
                && from
                    .iter()
                    .zip(&to)
                    .zip(&middle)
                    .all(|((f, t), m)| 0.5 * (f.0 + t.0) > m.0 - cut && 0.5 * (f.1 + t.1) < m.1 + cut);
            // Where a circle begins or ends, or is steep, the piece is as narrow as where it is narrowest.
            let (from, to) = if smooth {
                (from, to)
            } else {
                (between.clone(), between)
            };
            if !smooth || open != from.len() {
                bands.extend(
                    from.iter()
                        .map(|(l, r)| [vec![a.lerp(*b, *l)], vec![a.lerp(*b, *r)]]),
                );
            }
            let first = bands.len() - from.len();
            for (band, (l, r)) in bands.iter_mut().skip(first).zip(&to) {
                let [left, right] = band;
                left.push(c.lerp(*d, *l));
                right.push(c.lerp(*d, *r));
            }
            open = if smooth { to.len() } else { 0 };
        }
        bands
    }

    /// Shares 0..1 of a segment that lie outside every circle, in order.
    fn outside(&self, a: Vec2, b: Vec2, half_m: f64) -> Vec<(f64, f64)> {
        let radius = self.radius + half_m;
        let along = b - a;
        let length2 = along.length_squared();
        if length2 < 1e-18 {
            return Vec::new();
        }
        let mut hidden: Vec<(f64, f64)> = self
            .circles
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
}

/// The parts of a polyline outside a circle.
pub(super) fn clear_of_circle(centre: Vec2, radius: f64, points: &[Vec2]) -> Vec<Vec<Vec2>> {
    let circles = vec![centre];
    Guard { circles, radius }.clear_parts(points, 0.0)
}

/// Circles from one place to another.
fn row(from: Vec2, to: Vec2, circles: &mut Vec<Vec2>) {
    let steps = (from.distance(to) / STEP_M).ceil() as u32;
    circles.extend((0..steps).map(|i| from.lerp(to, f64::from(i) / f64::from(steps))));
    circles.push(to);
}

/// Points along the stick, behind the ball it is aimed at, if it is, else behind the tip: on the cloth below it, and
/// in space.
fn cue_way(
    cue: &TrackedCue,
    aimed_at: Option<Vec2>,
    ball_radius_m: f64,
) -> impl Iterator<Item = (Vec2, Vec3)> {
    let ahead = |ball: Vec2| (ball - cue.tip_m).dot(cue.direction);
    let begin = aimed_at
        .map(ahead)
        .filter(|a| (0.0..0.5).contains(a))
        .unwrap_or(0.0);
    let steps = ((begin + CUE_WAY_M) / STEP_M).ceil() as u32;
    let (tip, direction, rise) = (cue.tip_m, cue.direction, cue.elevation.max(0.0).sin());
    (0..=steps).map(move |i| {
        let forward = begin - STEP_M * f64::from(i);
        let place = tip + direction * forward;
        (place, place.extend(ball_radius_m + rise * (-forward).max(0.0)))
    })
}

/// Where the shadow of a point falls on the cloth; `None` for one as high as the light.
fn shadow(point: Vec3, eye: Vec3) -> Option<Vec2> {
    let drop = eye.z - point.z;
    (drop > 0.1).then(|| {
        let foot = eye.truncate();
        foot + (point.truncate() - foot) * (eye.z / drop)
    })
}

/// The middle of a dark circle that covers the far end of a ball's shadow.
fn shadow_end(ball: Vec2, radius: f64, eye: Vec3) -> Vec2 {
    let foot = eye.truncate();
    let away = ball - foot;
    let (across, drop) = (away.length(), eye.z - radius);
    if drop < 0.1 {
        return ball;
    }
    // The ray that touches the ball on its far side.
    let angle = across.atan2(drop) + (radius / across.hypot(drop)).min(1.0).asin();
    let end = eye.z * angle.tan() - across - radius;
    ball + away.normalize_or_zero() * end.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::unit;

    const R: f64 = 0.028_575;

    /// As [`Guard::round`], the circles of this very radius.
    fn guard(circles: Vec<Vec2>, radius: f64) -> Guard {
        Guard { circles, radius }
    }

    #[test]
    fn a_line_is_broken_where_a_ball_lies() {
        let parts =
            guard(vec![Vec2::new(0.5, 0.0)], 0.1).clear_parts(&[Vec2::ZERO, Vec2::new(1.0, 0.0)], 0.0);
        assert_eq!(parts.len(), 2);
        assert!((parts[0][1].x - 0.4).abs() < 1e-12 && (parts[1][0].x - 0.6).abs() < 1e-12);
    }

    #[test]
    fn a_bent_line_stays_one_part_where_nothing_lies() {
        let points = [
            Vec2::ZERO,
            Vec2::new(0.1, 0.01),
            Vec2::new(0.2, 0.03),
            Vec2::new(0.3, 0.06),
        ];
        let parts = guard(vec![Vec2::new(0.0, 0.5)], 0.1).clear_parts(&points, 0.0);
        assert_eq!(parts, vec![points.to_vec()]);
    }

    #[test]
    fn inside_a_guard_nothing_is_drawn() {
        let inside = [Vec2::new(0.01, 0.0), Vec2::new(0.05, 0.0)];
        assert!(guard(vec![Vec2::ZERO], 0.1).clear_parts(&inside, 0.0).is_empty());
    }

    #[test]
    fn a_surface_has_a_hole_where_a_ball_lies_and_is_whole_beside_it() {
        let rungs = |y: f64| {
            (0..=100)
                .map(|i| Vec2::new(0.01 * f64::from(i), y))
                .collect::<Vec<_>>()
        };
        let dark = guard(vec![Vec2::new(0.5, 0.05)], 0.04);
        let bands = dark.clear_bands(&rungs(-0.1), &rungs(0.1));
        // Before it, behind it, to its left and to its right, and pieces where it begins and ends.
        assert!((4..=20).contains(&bands.len()), "{}", bands.len());
        let mut area = 0.0;
        for [left, right] in &bands {
            assert_eq!(left.len(), right.len());
            for i in 1..left.len() {
                area += 0.5 * (right[i] - left[i - 1]).perp_dot(right[i - 1] - left[i]).abs();
                for j in 0..=10 {
                    let share = f64::from(j) / 10.0;
                    let at = left[i - 1]
                        .lerp(right[i - 1], share)
                        .lerp(left[i].lerp(right[i], share), 0.5);
                    assert!(at.distance(Vec2::new(0.5, 0.05)) > 0.0395, "{at}");
                }
            }
        }
        let whole = 0.2 - std::f64::consts::PI * 0.04 * 0.04;
        assert!((area - whole).abs() < 0.002, "{area} {whole}");
    }

    /// Every ray from the lens that meets a ball meets the cloth in the dark.
    #[test]
    fn the_shadow_of_a_ball_is_dark() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut between = |low: f64, high: f64| low + (high - low) * random.f64();
        for _ in 0..200 {
            let eye = Vec3::new(between(-1.5, 1.5), between(-1.5, 1.5), between(1.5, 3.0));
            let ball = Vec2::new(between(-1.2, 1.2), between(-0.6, 0.6));
            let end = shadow_end(ball, R, eye);
            let mut circles = Vec::new();
            row(ball, end, &mut circles);
            let dark = Guard::round(circles, R);
            for _ in 0..50 {
                let (angle, height) = (between(-3.2, 3.2), between(-1.0, 1.0));
                let around = unit(angle) * (1.0 - height * height).sqrt();
                let on_ball = (ball + around * R).extend(R + height * R);
                let lands = shadow(on_ball, eye).unwrap();
                // Not only dark: with room to spare.
                assert!(!dark.is_clear(lands, -0.01), "{eye} {ball} {lands}");
            }
        }
        let above = Vec3::new(0.0, 0.0, 2.5);
        assert!(shadow_end(Vec2::ZERO, R, above).length() < 1e-3);
    }
}
