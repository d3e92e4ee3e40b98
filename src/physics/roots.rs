//! When does a gap close? First zero of a polynomial from above, on a stretch of time.

/// A polynomial of degree four, lowest power first.
pub(crate) type Quartic = [f64; 5];

/// The first time in [0, `horizon`] at which the gap falls from positive to zero.
///
/// A gap that is already closed and still closing counts as time 0; one that is closed and
/// opening does not count, so a contact just resolved never fires again. One that stays closed
/// and turns to closing (two balls that a third has pushed into each other) counts from there.
/// The roots of the derivatives cut the stretch into monotone pieces, in each of which a
/// bracketed Newton iteration can't miss.
pub(crate) fn first_entry(gap: &Quartic, horizon: f64) -> Option<f64> {
    if gap[0] <= 0.0 && is_closing(&gap[1..]) {
        return Some(0.0);
    }
    if stays_positive(gap, horizon) {
        return None;
    }
    let mut knots = [0.0; 5];
    let count = turning_points(gap, horizon, &mut knots);
    let mut from = 0.0;
    let mut last = gap[0];
    for &to in knots.iter().take(count).chain(std::iter::once(&horizon)) {
        let next = value(gap, to);
        if last > 0.0 && next <= 0.0 {
            return Some(falling_root(|t| value_and_slope(gap, t), from, to));
        }
        if last <= 0.0 && next <= 0.0 && next > last && to < horizon {
            return Some(to);
        }
        (from, last) = (to, next);
    }
    None
}

/// The same for a gap of degree two, in closed form, without cancellation.
pub(crate) fn first_entry_quadratic(gap: [f64; 3], horizon: f64) -> Option<f64> {
    let [c0, c1, c2] = gap;
    if c0 <= 0.0 && is_closing(&[c1, c2]) {
        return Some(0.0);
    }
    let discriminant = c1 * c1 - 4.0 * c2 * c0;
    if discriminant < 0.0 {
        let turn = -c1 / (2.0 * c2);
        return (c0 <= 0.0 && turn >= 0.0 && turn <= horizon).then_some(turn);
    }
    // The root where the gap falls is (−c1 − √D) / 2c2 whatever the sign of c2.
    let root = discriminant.sqrt();
    let time = if c1 < 0.0 {
        2.0 * c0 / (root - c1)
    } else {
        (-c1 - root) / (2.0 * c2)
    };
    (time >= 0.0 && time <= horizon).then_some(time)
}

/// The root of a function that falls from positive to not positive between `low` and `high`.
/// `f` gives value and slope. Newton inside a bracket that every evaluation shrinks.
pub(crate) fn falling_root(f: impl Fn(f64) -> (f64, f64), mut low: f64, mut high: f64) -> f64 {
    const ROUNDS: usize = 80;
    let mut t = 0.5 * (low + high);
    for _ in 0..ROUNDS {
        let (value, slope) = f(t);
        if value > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let newton = t - value / slope;
        // A step out of the bracket (or a slope of zero) means: halve instead.
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        if (next - t).abs() <= 2.0 * f64::EPSILON * t.abs() || next <= low && next >= high {
            return next;
        }
        t = next;
    }
    t
}

/// True when the lowest non-zero derivative at time 0 is negative.
fn is_closing(derivatives: &[f64]) -> bool {
    derivatives.iter().find(|c| **c != 0.0).is_some_and(|c| *c < 0.0)
}

/// A cheap and certain "never": all Bernstein coefficients on [0, horizon] are positive.
pub(crate) fn stays_positive(c: &Quartic, h: f64) -> bool {
    let a1 = c[1] * h;
    let a2 = c[2] * h * h;
    let a3 = c[3] * h * h * h;
    let a4 = c[4] * h * h * h * h;
    c[0] > 0.0
        && c[0] + a1 / 4.0 > 0.0
        && c[0] + a1 / 2.0 + a2 / 6.0 > 0.0
        && c[0] + 0.75 * a1 + a2 / 2.0 + a3 / 4.0 > 0.0
        && c[0] + a1 + a2 + a3 + a4 > 0.0
}

/// Writes the roots of the derivative inside (0, horizon) in ascending order; gives their number.
fn turning_points(c: &Quartic, horizon: f64, out: &mut [f64; 5]) -> usize {
    let cubic = [c[1], 2.0 * c[2], 3.0 * c[3], 4.0 * c[4]];
    let mut bends = [0.0; 4];
    let bend_count = quadratic_roots(cubic[1], 2.0 * cubic[2], 3.0 * cubic[3], horizon, &mut bends);
    let at = |t: f64| {
        (
            cubic[0] + t * (cubic[1] + t * (cubic[2] + t * cubic[3])),
            cubic[1] + t * (2.0 * cubic[2] + t * 3.0 * cubic[3]),
        )
    };
    let mut count = 0;
    let mut from = 0.0;
    let mut start = cubic[0];
    for &to in bends.iter().take(bend_count).chain(std::iter::once(&horizon)) {
        let end = at(to).0;
        let root = if start > 0.0 && end <= 0.0 {
            Some(falling_root(at, from, to))
        } else if start < 0.0 && end >= 0.0 {
            let negated = |t: f64| {
                let (value, slope) = at(t);
                (-value, -slope)
            };
            Some(falling_root(negated, from, to))
        } else {
            None
        };
        if let (Some(root), Some(slot)) = (root, out.get_mut(count)) {
            *slot = root;
            count += 1;
        }
        start = end;
        from = to;
    }
    count
}

/// Roots of a + b t + c t² inside (0, horizon), ascending; gives their number.
fn quadratic_roots(a: f64, b: f64, c: f64, horizon: f64, out: &mut [f64; 4]) -> usize {
    let discriminant = b * b - 4.0 * a * c;
    if discriminant < 0.0 {
        return 0;
    }
    let q = -0.5 * (b + discriminant.sqrt().copysign(b));
    let (first, second) = (q / c, a / q);
    let mut count = 0;
    for t in [first.min(second), first.max(second)] {
        if t > 0.0
            && t < horizon
            && let Some(slot) = out.get_mut(count)
        {
            *slot = t;
            count += 1;
        }
    }
    count
}

fn value(c: &Quartic, t: f64) -> f64 {
    c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * c[4])))
}

fn value_and_slope(c: &Quartic, t: f64) -> (f64, f64) {
    (
        value(c, t),
        c[1] + t * (2.0 * c[2] + t * (3.0 * c[3] + t * 4.0 * c[4])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polynomial with these four roots and this leading coefficient.
    fn from_roots(roots: [f64; 4], lead: f64) -> Quartic {
        let mut c = [lead, 0.0, 0.0, 0.0, 0.0];
        for (degree, root) in roots.iter().enumerate() {
            for k in (0..=degree + 1).rev() {
                let lower = if k > 0 { c[k - 1] } else { 0.0 };
                c[k] = lower - root * c[k];
            }
        }
        c
    }

    #[test]
    fn finds_the_first_fall_through_zero() {
        let p = from_roots([1.0, 2.0, 3.0, 4.0], 1.0);
        assert!((first_entry(&p, 10.0).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(first_entry(&p, 0.9), None);
        // Only a fall counts: this gap is closed and opening, open from 0.5 on, and falls at 2.
        let p = from_roots([-1.0, 0.5, 2.0, 7.0], 1.0);
        assert!(p[0] < 0.0 && p[1] > 0.0);
        assert!((first_entry(&p, 5.0).unwrap() - 2.0).abs() < 1e-12);
        let p = p.map(|c| -c);
        assert_eq!(first_entry(&p, 0.4), None);
        assert!((first_entry(&p, 5.0).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn closed_and_opening_waits_for_the_next_fall() {
        // −(t − 1)(t − 2) = −2 + 3t − t²: closed at 0, open in (1, 2).
        let p = [-2.0, 3.0, -1.0, 0.0, 0.0];
        assert!((first_entry(&p, 5.0).unwrap() - 2.0).abs() < 1e-12);
        assert!((first_entry_quadratic([-2.0, 3.0, -1.0], 5.0).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(first_entry(&[0.0, 1.0, 0.0, 0.0, 0.0], 5.0), None);
    }

    #[test]
    fn closed_and_turning_to_closing_counts_from_the_turn() {
        // −1 + t − t²: opens for half a second, never reaches zero, closes again.
        let p = [-1.0, 1.0, -1.0, 0.0, 0.0];
        assert!((first_entry(&p, 5.0).unwrap() - 0.5).abs() < 1e-12);
        assert!((first_entry_quadratic([-1.0, 1.0, -1.0], 5.0).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(first_entry(&p, 0.4), None);
        assert_eq!(first_entry_quadratic([-1.0, 1.0, -1.0], 0.4), None);
        assert_eq!(first_entry(&[-1.0, 0.1, 0.0, 0.0, 0.0], 5.0), None);
    }

    #[test]
    fn touching_and_pulled_in_counts_as_now() {
        assert_eq!(first_entry(&[0.0, 0.0, -1.0, 0.0, 0.0], 5.0), Some(0.0));
        assert_eq!(first_entry_quadratic([0.0, 0.0, -1.0], 5.0), Some(0.0));
        assert_eq!(first_entry(&[0.0; 5], 5.0), None);
    }

    #[test]
    fn lower_degrees_are_no_special_case() {
        assert!((first_entry(&[1.0, -2.0, 0.0, 0.0, 0.0], 5.0).unwrap() - 0.5).abs() < 1e-15);
        assert!((first_entry(&[1.0, 0.0, -1.0, 0.0, 0.0], 5.0).unwrap() - 1.0).abs() < 1e-15);
        assert!((first_entry(&[8.0, 0.0, 0.0, -1.0, 0.0], 5.0).unwrap() - 2.0).abs() < 1e-14);
        assert_eq!(first_entry_quadratic([1.0, 0.0, 0.0], 5.0), None);
        assert!((first_entry_quadratic([1.0, -4.0, 0.0], 5.0).unwrap() - 0.25).abs() < 1e-15);
    }

    #[test]
    fn agrees_with_a_fine_scan_on_random_polynomials() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut found = 0;
        for _ in 0..2000 {
            let p: Quartic = std::array::from_fn(|_| rng.f64() * 4.0 - 2.0);
            let horizon = 0.2 + 3.0 * rng.f64();
            let steps = 20_000;
            let at = |k: usize| horizon * k as f64 / steps as f64;
            let scanned = (1..=steps).find(|&k| value(&p, at(k - 1)) > 0.0 && value(&p, at(k)) <= 0.0);
            let solved = first_entry(&p, horizon);
            if p[0] <= 0.0 && p[1] < 0.0 {
                assert_eq!(solved, Some(0.0));
            } else if let Some(k) = scanned.filter(|_| p[0] > 0.0) {
                let t = solved.unwrap();
                assert!(t >= at(k - 1) - 1e-9 && t <= at(k) + 1e-9, "{p:?} {t} {}", at(k));
                found += 1;
            }
        }
        assert!(found > 200);
    }
}
