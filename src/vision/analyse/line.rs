//! Straight lines in a picture.

use crate::units::Vec2;

/// A line as a point and a unit direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) point: Vec2,
    pub(super) direction: Vec2,
}

impl Line {
    /// The line through two points; `None` if they coincide.
    pub(super) fn through(a: Vec2, b: Vec2) -> Option<Self> {
        let direction = (b - a).try_normalize()?;
        Some(Self { point: a, direction })
    }

    /// Distance of a point, positive on the side of `direction.perp()`.
    pub(super) fn distance(&self, p: Vec2) -> f64 {
        self.direction.perp().dot(p - self.point)
    }

    /// Where two lines meet; `None` for (nearly) parallel ones.
    pub(super) fn meet(&self, other: &Self) -> Option<Vec2> {
        let cross = self.direction.perp_dot(other.direction);
        if cross.abs() < 1e-3 {
            return None;
        }
        let t = (other.point - self.point).perp_dot(other.direction) / cross;
        Some(self.point + self.direction * t)
    }

    /// The line moved sideways by `distance` toward `direction.perp()`.
    pub(super) fn shifted(&self, distance: f64) -> Self {
        Self {
            point: self.point + self.direction.perp() * distance,
            ..*self
        }
    }

    /// Total least squares through points with Tukey's weight; points further than `scale`
    /// do not count. Starts from `self`; keeps its direction's sense. `None` without support.
    pub(super) fn refined(&self, points: &[Vec2], scale: f64) -> Option<Self> {
        let mut line = *self;
        for round in 0..6 {
            let reach = scale * if round < 2 { 2.0 } else { 1.0 };
            let (mut total, mut mean) = (0.0, Vec2::ZERO);
            let weight = |p: Vec2, line: &Self| {
                let u = line.distance(p) / reach;
                if u.abs() >= 1.0 {
                    0.0
                } else {
                    (1.0 - u * u).powi(2)
                }
            };
            for &p in points {
                let w = weight(p, &line);
                total += w;
                mean += w * p;
            }
            if total < 4.0 {
                return None;
            }
            mean /= total;
            let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
            for &p in points {
                let w = weight(p, &line);
                let d = p - mean;
                xx += w * d.x * d.x;
                xy += w * d.x * d.y;
                yy += w * d.y * d.y;
            }
            let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
            let mut direction = Vec2::new(angle.cos(), angle.sin());
            if direction.dot(line.direction) < 0.0 {
                direction = -direction;
            }
            line = Self {
                point: mean,
                direction,
            };
        }
        Some(line)
    }
}

/// Convex hull, anticlockwise in a y-up frame (Andrew's monotone chain).
pub(super) fn convex_hull(points: &mut Vec<Vec2>) -> Vec<Vec2> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    points.dedup();
    if points.len() < 3 {
        return points.clone();
    }
    let half = |points: &mut dyn Iterator<Item = &Vec2>| {
        let mut chain: Vec<Vec2> = Vec::new();
        for &p in points {
            while let [.., a, b] = chain.as_slice()
                && (*b - *a).perp_dot(p - *a) <= 0.0
            {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter());
    hull.extend(half(&mut points.iter().rev()));
    hull
}

/// Area of a polygon, positive when anticlockwise in a y-up frame.
pub(super) fn signed_area(polygon: &[Vec2]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    polygon.iter().zip(next).map(|(a, b)| a.perp_dot(*b)).sum::<f64>() / 2.0
}

/// Per row of a `w` × `h` picture the columns inside a convex polygon: first and one past the last.
pub(super) fn spans_of(polygon: &[Vec2], w: usize, h: usize) -> Vec<(u32, u32)> {
    let mut spans = vec![(0, 0); h];
    for (row, span) in spans.iter_mut().enumerate() {
        let y = row as f64 + 0.5;
        let (mut lo, mut hi) = (f64::MAX, f64::MIN);
        for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
            if (a.y - y) * (b.y - y) <= 0.0 && (a.y - b.y).abs() > 1e-9 {
                let x = a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y);
                lo = lo.min(x);
                hi = hi.max(x);
            }
        }
        if lo < hi {
            let first = (lo - 0.5).ceil().clamp(0.0, w as f64) as u32;
            let last = (hi + 0.5).floor().clamp(0.0, w as f64) as u32;
            *span = (first, last.max(first));
        }
    }
    spans
}
