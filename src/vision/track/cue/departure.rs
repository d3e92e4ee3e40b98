//! How a struck cue ball leaves its place: when, how fast, which way, and what that says of the tip.

use crate::table::Parameters;
use crate::units::Vec2;

/// One sighting of a ball that has left its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sighting {
    /// Seconds on the follower's clock.
    pub(super) time_s: f64,
    pub(super) at: Vec2,
    /// Standard deviation, metres.
    pub(super) sigma_m: f64,
}

/// What a ball's way since it was struck says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Departure {
    /// When it left, seconds on the follower's clock, with its standard deviation.
    pub(super) left_s: f64,
    pub(super) left_sigma_s: f64,
    /// How fast it left, m/s.
    pub(super) speed_m_s: f64,
    pub(super) speed_sigma_m_s: f64,
    /// Unit direction in which it left, and its standard deviation, radians.
    pub(super) direction: Vec2,
    pub(super) direction_sigma: f64,
    /// Where the tip met it above its middle, ball radii, with its standard deviation.
    pub(super) height: f64,
    pub(super) height_sigma: f64,
}

/// What is known of a stroke before the ball is seen to move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    /// Speed of the ball and its standard deviation, m/s.
    pub(super) speed_m_s: f64,
    pub(super) speed_sigma_m_s: f64,
}

/// What players do: a little above the middle on the average, seldom more than half a radius off it, ball radii.
const USUAL_HEIGHT: f64 = 0.03;
const HEIGHT_SPREAD: f64 = 0.22;
/// A ball is never placed better than this, metres, and the way it slides is known to about this share.
const LEAST_SIGMA_M: f64 = 6e-4;
const WAY_SHARE: f64 = 0.003;

/// Fits the way of a ball that left `from`: sliding first, then rolling, after Alciatore, TP A.4. For every
/// height of the tip the best time and speed; then the mean over heights, weighted by how well each explains
/// the sightings. `None` without sightings.
pub(super) fn fit(
    from: Vec2,
    sightings: &[Sighting],
    expected: Expected,
    physics: &Parameters,
) -> Option<Departure> {
    let toward: Vec2 = sightings.iter().map(|s| s.at - from).sum();
    let direction = toward.try_normalize()?;
    let way = Way {
        slide_m_s2: (physics.slide_friction * physics.gravity_m_s2).max(0.01),
        roll_m_s2: (physics.roll_friction * physics.gravity_m_s2).max(0.0),
    };
    let places: Vec<(f64, f64, f64)> = (sightings.iter())
        .map(|s| {
            let along = (s.at - from).dot(direction);
            (
                s.time_s,
                along,
                s.sigma_m.max(LEAST_SIGMA_M).hypot(WAY_SHARE * along),
            )
        })
        .collect();
    let mut told: Vec<(f64, Tried)> = Vec::with_capacity(32);
    for i in -12..=12_i32 {
        let height = 0.05 * f64::from(i);
        let spread = (height - USUAL_HEIGHT) / HEIGHT_SPREAD;
        if let Some(mut tried) = way.tried(&places, height, expected) {
            tried.misfit += spread * spread;
            told.push((height, tried));
        }
    }
    let best = told.iter().map(|t| t.1.misfit).fold(f64::INFINITY, f64::min);
    let mut sums = [0.0; 7];
    for (height, tried) in &told {
        let w = (-0.5 * (tried.misfit - best)).exp();
        let terms = [
            1.0,
            tried.left_s,
            tried.left_s * tried.left_s + tried.left_sigma_s * tried.left_sigma_s,
            tried.speed_m_s,
            tried.speed_m_s * tried.speed_m_s + tried.speed_sigma_m_s * tried.speed_sigma_m_s,
            *height,
            height * height,
        ];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += w * term;
        }
    }
    let [total, t, tt, v, vv, h, hh] = sums;
    if total <= 0.0 || !total.is_finite() {
        return None;
    }
    let spread = |first: f64, second: f64| (second / total - (first / total).powi(2)).max(0.0).sqrt();
    let (direction, direction_sigma) = way_of(from, sightings, direction);
    Some(Departure {
        left_s: t / total,
        left_sigma_s: spread(t, tt),
        speed_m_s: v / total,
        speed_sigma_m_s: spread(v, vv),
        direction,
        direction_sigma,
        height: h / total,
        // No finer than the steps that were tried.
        height_sigma: spread(h, hh).max(0.03),
    })
}

/// The direction from the place it left to where it was seen, farther places telling more.
fn way_of(from: Vec2, sightings: &[Sighting], about: Vec2) -> (Vec2, f64) {
    let (mut turn, mut weight) = (0.0, 0.0);
    for s in sightings {
        let off = s.at - from;
        let along = off.dot(about).max(1e-3);
        let sigma = s.sigma_m.max(LEAST_SIGMA_M).hypot(4e-4) / along;
        let w = 1.0 / (sigma * sigma);
        turn += w * (about.perp_dot(off) / along).atan();
        weight += w;
    }
    let mean = turn / weight.max(1e-12);
    // The place it left is common to all, so more sightings do not help without end.
    let farthest = sightings.iter().map(|s| s.at.distance(from)).fold(1e-3, f64::max);
    let sigma = (1.0 / weight.max(1e-12).sqrt()).max(5e-4 / farthest);
    (Vec2::from_angle(mean).rotate(about), sigma)
}

/// How balls slow down, m/s².
#[derive(Clone, Copy, Debug)]
struct Way {
    slide_m_s2: f64,
    roll_m_s2: f64,
}

/// The best time and speed for one height of the tip.
#[derive(Clone, Copy, Debug)]
struct Tried {
    left_s: f64,
    left_sigma_s: f64,
    speed_m_s: f64,
    speed_sigma_m_s: f64,
    /// Sum of squares over variances.
    misfit: f64,
}

impl Way {
    /// How far a ball has gone after `t` seconds that left with `speed`, struck at `height`.
    fn gone(self, t: f64, speed: f64, height: f64) -> f64 {
        if t <= 0.0 {
            // As if it had come at that speed, so that a fit finds its way.
            return speed * t;
        }
        // It spins at 5/2 height of what rolling would need.
        let slip = speed * (1.0 - 2.5 * height);
        let until = 2.0 * slip.abs() / (7.0 * self.slide_m_s2);
        let slides = t.min(until);
        let slid = speed * slides - 0.5 * self.slide_m_s2.copysign(slip) * slides * slides;
        let rolling = speed - 2.0 / 7.0 * slip;
        let rolls = (t - until)
            .max(0.0)
            .min(rolling.max(0.0) / self.roll_m_s2.max(1e-6));
        slid + rolling * rolls - 0.5 * self.roll_m_s2 * rolls * rolls
    }

    /// Gauss–Newton over time and speed.
    fn tried(self, places: &[(f64, f64, f64)], height: f64, expected: Expected) -> Option<Tried> {
        let (first, last) = (places.first()?, places.last()?);
        let span = last.0 - first.0;
        let mut speed = if span > 0.01 && last.1 > first.1 + 0.005 {
            (last.1 - first.1) / span
        } else {
            expected.speed_m_s
        };
        let mut left = first.0 - first.1 / speed.max(0.05);
        let mut normal = [0.0; 3];
        let mut misfit = f64::INFINITY;
        for _ in 0..5 {
            let pull = (expected.speed_m_s - speed) / expected.speed_sigma_m_s;
            let (mut tt, mut tv, mut vv) = (0.0, 0.0, expected.speed_sigma_m_s.powi(-2));
            let (mut bt, mut bv) = (0.0, pull / expected.speed_sigma_m_s);
            misfit = pull * pull;
            for &(time, along, sigma) in places {
                let t = time - left;
                let gone = self.gone(t, speed, height);
                let by_time = -(self.gone(t + 1e-4, speed, height) - gone) / 1e-4;
                let by_speed = (self.gone(t, speed + 1e-3, height) - gone) / 1e-3;
                let (w, off) = (1.0 / (sigma * sigma), along - gone);
                tt += w * by_time * by_time;
                tv += w * by_time * by_speed;
                vv += w * by_speed * by_speed;
                bt += w * by_time * off;
                bv += w * by_speed * off;
                misfit += w * off * off;
            }
            let det = tt * vv - tv * tv;
            if !det.is_finite() || det <= 1e-12 {
                return None;
            }
            left += (vv * bt - tv * bv) / det;
            speed = (speed + (tt * bv - tv * bt) / det).clamp(0.02, 20.0);
            normal = [vv / det, tt / det, det];
        }
        let [left_var, speed_var, _] = normal;
        (left.is_finite() && misfit.is_finite()).then(|| Tried {
            left_s: left,
            left_sigma_s: left_var.max(0.0).sqrt(),
            speed_m_s: speed,
            speed_sigma_m_s: speed_var.max(0.0).sqrt(),
            misfit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::prediction::BallState;
    use crate::physics::{CueStrike, Simulator};
    use crate::table::TableSpec;
    use crate::units::unit;

    const UNKNOWN: Expected = Expected {
        speed_m_s: 3.0,
        speed_sigma_m_s: 3.0,
    };

    /// Sightings of a ball struck at 0.0123 s, at 30 frames a second, each off by about half a millimetre.
    fn seen(strike: CueStrike, count: u32) -> (Vec2, Vec<Sighting>) {
        let table = TableSpec::pool_9ft();
        let from = Vec2::new(-0.9, 0.1);
        let shot = Simulator::new(&table).simulate(&[BallState::resting(from)], Some((0, strike)));
        let mut random = fastrand::Rng::with_seed(3);
        let sightings = (1..=count)
            .map(|i| {
                let time_s = f64::from(i) / 30.0;
                let noise = Vec2::new(random.f64() - 0.5, random.f64() - 0.5) * 1.5e-3;
                Sighting {
                    time_s,
                    at: shot.paths[0].at(time_s - 0.0123).position + noise,
                    sigma_m: 5e-4,
                }
            })
            .collect();
        (from, sightings)
    }

    fn strike(speed: f64, height: f64) -> CueStrike {
        CueStrike {
            stick_speed_m_s: speed,
            direction: 0.05,
            elevation: 0.0,
            side: 0.0,
            height,
        }
    }

    #[test]
    fn time_speed_way_and_height_of_the_tip_come_back_from_physics_own_path() {
        let table = TableSpec::pool_9ft();
        for (speed, height) in [(1.0, 0.0), (1.5, 0.3), (1.5, -0.3), (2.0, 0.1), (0.8, 0.3)] {
            let strike = strike(speed, height);
            let (from, sightings) = seen(strike, 16);
            let told = fit(from, &sightings, UNKNOWN, &table.physics).unwrap();
            let ball = BallState::resting(from);
            let struck = strike.apply(&ball, &table.ball, &table.physics).ball;
            assert!((told.left_s - 0.0123).abs() < 0.0015, "{strike:?} {told:?}");
            let off = (told.speed_m_s - struck.velocity.length()).abs();
            assert!(
                off < 0.02 * told.speed_m_s + told.speed_sigma_m_s,
                "{strike:?} {told:?}"
            );
            assert!(
                (told.height - height).abs() < 0.08 + told.height_sigma,
                "{strike:?} {told:?}"
            );
            assert!(told.direction.angle_to(unit(0.05)).abs() < 2e-3, "{told:?}");
        }
    }

    #[test]
    fn few_sightings_leave_what_they_cannot_tell_unsure() {
        let table = TableSpec::pool_9ft();
        let (from, sightings) = seen(strike(2.0, 0.3), 3);
        let told = fit(from, &sightings, UNKNOWN, &table.physics).unwrap();
        assert!(
            (told.left_s - 0.0123).abs() < 0.004 && told.left_sigma_s < 0.004,
            "{told:?}"
        );
        assert!(told.height_sigma > 0.12, "{told:?}");
        // One sighting and a good idea of the speed.
        let (from, sightings) = seen(strike(2.0, 0.0), 1);
        let expected = Expected {
            speed_m_s: 3.0,
            speed_sigma_m_s: 0.3,
        };
        let told = fit(from, &sightings, expected, &table.physics).unwrap();
        assert!(
            (told.left_s - 0.0123).abs() < 0.005 && told.left_sigma_s < 0.006,
            "{told:?}"
        );
        assert!(fit(from, &[], expected, &table.physics).is_none());
    }
}
