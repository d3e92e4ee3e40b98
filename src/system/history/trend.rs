//! Where a series is going: slopes that a few wild values don't turn.

/// A robust straight line through a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Change per second: the median of the slopes of all pairs (Theil 1950, Sen 1968).
    pub slope_per_s: f64,
    /// The slope's 95 % band, from below (Sen 1968, by the variance of Kendall's S).
    pub low_per_s: f64,
    /// And from above.
    pub high_per_s: f64,
    /// The line's value at the newest point.
    pub now: f64,
    /// Typical distance of a point from the line (scaled median absolute deviation).
    pub noise: f64,
    /// Mann–Kendall's Z: standard deviations by which the order of the values differs from chance.
    pub z: f64,
    /// Seconds from the first to the last point.
    pub span_s: f64,
    /// Points used.
    pub points: usize,
}

/// Points beyond this number are thinned: all pairs are looked at, 120 give 7140.
pub const MOST_POINTS: usize = 120;

impl Trend {
    /// The trend of points (seconds, value) in order of time; `None` with fewer than three, or when
    /// they span no time.
    #[must_use]
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let thinned = thin(points);
        let points = thinned.as_deref().unwrap_or(points);
        let (first, last) = (points.first()?, points.last()?);
        let span_s = last.0 - first.0;
        if points.len() < 3 || span_s <= 0.0 {
            return None;
        }
        let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
        let mut s = 0_i64;
        for (i, a) in points.iter().enumerate() {
            for b in points.iter().skip(i + 1) {
                if b.0 > a.0 {
                    slopes.push((b.1 - a.1) / (b.0 - a.0));
                    s += i64::from(b.1 > a.1) - i64::from(b.1 < a.1);
                }
            }
        }
        slopes.sort_unstable_by(f64::total_cmp);
        let n = points.len() as f64;
        let sigma = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
        let z = (s - s.signum()) as f64 / sigma;
        let at = |rank: f64| {
            let rank = rank.clamp(0.0, slopes.len().saturating_sub(1) as f64);
            slopes.get(rank as usize).copied()
        };
        let (middle, half) = (slopes.len() as f64 / 2.0, 1.96 * sigma / 2.0);
        let slope_per_s = at(middle)?;
        let mut rest: Vec<f64> = points
            .iter()
            .map(|p| p.1 - slope_per_s * (p.0 - last.0))
            .collect();
        let now = median(&mut rest)?;
        rest.iter_mut().for_each(|value| *value = (*value - now).abs());
        Some(Self {
            slope_per_s,
            low_per_s: at((middle - half).floor())?,
            high_per_s: at((middle + half).ceil())?,
            now,
            noise: 1.4826 * median(&mut rest)?,
            z,
            span_s,
            points: points.len(),
        })
    }
}

/// The middle value of a list, which is put in order by it; `None` when empty.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Fewer points, each the median of its neighbours; `None` where there are few enough.
fn thin(points: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    (points.len() > MOST_POINTS).then(|| {
        points
            .chunks(points.len().div_ceil(MOST_POINTS))
            .filter_map(|chunk| {
                let mut values: Vec<f64> = chunk.iter().map(|p| p.1).collect();
                Some((chunk.get(chunk.len() / 2)?.0, median(&mut values)?))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_under_noise_and_wild_values() {
        let mut random = fastrand::Rng::with_seed(4);
        for case in 0..50 {
            let slope = (random.f64() - 0.5) * 4.0;
            let points: Vec<(f64, f64)> = (0..600)
                .map(|i| {
                    let t = f64::from(i);
                    let wild = if random.f64() < 0.1 {
                        1e4 * random.f64()
                    } else {
                        0.0
                    };
                    (t, 7.0 + slope * t + 2.0 * (random.f64() - 0.5) + wild)
                })
                .collect();
            let trend = Trend::of(&points).unwrap();
            assert!((trend.slope_per_s - slope).abs() < 0.01, "{case}: {trend:?}");
            assert!(trend.low_per_s <= trend.slope_per_s && trend.slope_per_s <= trend.high_per_s);
            assert!(
                (trend.now - (7.0 + slope * 599.0)).abs() < 8.0,
                "{case}: {trend:?}"
            );
            assert!(trend.points <= MOST_POINTS);
        }
    }

    #[test]
    fn the_band_holds_the_true_slope_and_chance_is_no_trend() {
        let mut random = fastrand::Rng::with_seed(9);
        let (mut held, mut significant) = (0, 0);
        for _ in 0..400 {
            let points: Vec<(f64, f64)> = (0..60).map(|i| (f64::from(i), random.f64())).collect();
            let trend = Trend::of(&points).unwrap();
            held += i32::from(trend.low_per_s <= 0.0 && trend.high_per_s >= 0.0);
            significant += i32::from(trend.z.abs() > 1.96);
        }
        // 95 % and 5 % of 400, give or take three standard deviations.
        assert!((367..=393).contains(&held), "{held}");
        assert!((7..=33).contains(&significant), "{significant}");
    }

    #[test]
    fn too_little_is_no_trend() {
        assert_eq!(Trend::of(&[]), None);
        assert_eq!(Trend::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(Trend::of(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        let flat = Trend::of(&[(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)]).unwrap();
        assert_eq!((flat.slope_per_s, flat.z, flat.noise), (0.0, 0.0, 0.0));
    }
}
