//! The spread of a shot by brute force: plain random draws, tens of thousands of them.

use std::time::Instant;

use crate::physics::prediction::{BallIndex, BallState};
use crate::physics::spread::{InputSpread, Spread, Uncertainty};
use crate::physics::{CueStrike, Simulator};
use crate::table::{PocketId, TableSpec};
use crate::units::{Vec2, unit};

/// One ball's outcome by plain random draws.
#[derive(Clone, Copy, Debug, Default)]
pub struct BruteBall {
    /// Share of draws in which it ends in each pocket.
    pub pocketed: [f64; 6],
    /// Mean place of rest of those in which it doesn't, metres.
    pub rest_m: Vec2,
    /// Standard deviation of that place along x and y, metres.
    pub rest_spread_m: Vec2,
}

/// Simulates `draws` independent random shots.
#[must_use]
pub fn brute_force(
    table: &TableSpec,
    balls: &[BallState],
    strike: (BallIndex, CueStrike),
    inputs: &InputSpread,
    draws: usize,
    seed: u64,
) -> Vec<BruteBall> {
    let mut random = fastrand::Rng::with_seed(seed);
    // Box & Muller.
    let mut normal = || {
        let size = (-2.0 * libm::log(1.0 - random.f64())).sqrt();
        size * libm::cos(std::f64::consts::TAU * random.f64())
    };
    let mut simulator = Simulator::new(table);
    let mut drawn = balls.to_vec();
    let mut told = vec![BruteBall::default(); balls.len()];
    let mut rests = vec![(0_usize, Vec2::ZERO, Vec2::ZERO); balls.len()];
    for _ in 0..draws {
        for (to, from) in drawn.iter_mut().zip(balls) {
            to.position = from.position + Vec2::new(normal(), normal()) * inputs.position_m;
        }
        let stroke = CueStrike {
            direction: strike.1.direction + inputs.direction * normal(),
            side: strike.1.side + inputs.tip_offset * normal(),
            height: strike.1.height + inputs.tip_offset * normal(),
            stick_speed_m_s: strike.1.stick_speed_m_s * (1.0 + inputs.speed_share * normal()).max(0.0),
            ..strike.1
        };
        let prediction = simulator.play(&drawn, Some((strike.0, stroke)));
        for (ball, (told, rest)) in told.iter_mut().zip(&mut rests).enumerate() {
            match prediction.pocket_of(ball) {
                Some(pocket) => {
                    if let Some(slot) = told.pocketed.get_mut(pocket as usize) {
                        *slot += 1.0 / draws as f64;
                    }
                }
                None => {
                    let end = prediction
                        .paths
                        .get(ball)
                        .map(|p| p.end.position)
                        .unwrap_or_default();
                    *rest = (rest.0 + 1, rest.1 + end, rest.2 + end * end);
                }
            }
        }
    }
    for (told, (count, sum, squares)) in told.iter_mut().zip(rests) {
        let count = count.max(1) as f64;
        told.rest_m = sum / count;
        let variance = squares / count - told.rest_m * told.rest_m;
        told.rest_spread_m = Vec2::new(variance.x.max(0.0).sqrt(), variance.y.max(0.0).sqrt());
    }
    told
}

/// How the rollouts of one shot agree with brute force.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The shot.
    pub what: String,
    /// Probability that the object ball falls into the pocket it is aimed at: rollouts, brute force.
    pub pocketed: [f64; 2],
    /// Largest difference between two pocket probabilities, over all balls and pockets.
    pub worst_probability: f64,
    /// The same in standard errors of the difference.
    pub worst_sigmas: f64,
    /// Spread of the cue ball's rest (root of the sum of both variances, metres): rollouts, brute force.
    pub rest_spread_m: [f64; 2],
    /// Time the rollouts took, milliseconds.
    pub took_ms: f64,
}

/// Rollouts against brute force on cut shots into the foot left corner, with six other balls about.
#[must_use]
pub fn agreements(table: &TableSpec, rollouts: usize, draws: usize, threads: usize) -> Vec<Agreement> {
    let mut uncertainty = Uncertainty::new(table, threads);
    [0.0, 15.0, 30.0, 45.0, 60.0]
        .into_iter()
        .map(|cut_deg| {
            let (balls, strike) = cut_into_corner(table, cut_deg);
            // Once to warm up.
            uncertainty.spread(&balls, strike, &InputSpread::SEEN, rollouts, 1);
            let began = Instant::now();
            let spread = uncertainty.spread(&balls, strike, &InputSpread::SEEN, rollouts, 2);
            let took_ms = began.elapsed().as_secs_f64() * 1e3;
            let brute = brute_force(table, &balls, strike, &InputSpread::SEEN, draws, 3);
            compare(
                format!("{cut_deg:.0}° cut into the corner"),
                &spread,
                &brute,
                draws,
                took_ms,
            )
        })
        .collect()
}

fn compare(what: String, spread: &Spread, brute: &[BruteBall], draws: usize, took_ms: f64) -> Agreement {
    let mut worst = (0.0_f64, 0.0_f64);
    for (ours, theirs) in spread.balls.iter().zip(brute) {
        for (p, q) in ours.pocketed.iter().zip(theirs.pocketed) {
            let mean = (0.5 * (p + q)).clamp(1e-4, 1.0 - 1e-4);
            let error =
                (mean * (1.0 - mean) * (1.0 / spread.rollouts.max(1) as f64 + 1.0 / draws as f64)).sqrt();
            worst = (worst.0.max((p - q).abs()), worst.1.max((p - q).abs() / error));
        }
    }
    let corner = PocketId::FootLeft;
    Agreement {
        what,
        pocketed: [
            spread.balls.get(1).map_or(0.0, |b| b.pocket_probability(corner)),
            brute
                .get(1)
                .and_then(|b| b.pocketed.get(corner as usize).copied())
                .unwrap_or(0.0),
        ],
        worst_probability: worst.0,
        worst_sigmas: worst.1,
        rest_spread_m: [
            spread.balls.first().map_or(0.0, |b| b.rest_spread_m.length()),
            brute.first().map_or(0.0, |b| b.rest_spread_m.length()),
        ],
        took_ms,
    }
}

/// An object ball 0.6 m in front of the foot left corner pocket, the cue ball 0.5 m from it at
/// this cut angle (degrees), six more balls out of the way of both.
fn cut_into_corner(table: &TableSpec, cut_deg: f64) -> (Vec<BallState>, (BallIndex, CueStrike)) {
    let r = table.ball.radius_m;
    let corner = Vec2::new(table.half_length_m(), table.half_width_m());
    let pocket = Vec2::ONE.normalize();
    let object = corner - pocket * 0.6;
    let ghost = object - pocket * (2.0 * r);
    let direction = std::f64::consts::FRAC_PI_4 - cut_deg.to_radians();
    let cue = ghost - unit(direction) * 0.5;
    let strike = CueStrike {
        stick_speed_m_s: 1.8,
        direction,
        elevation: 0.0,
        side: 0.0,
        height: 0.1,
    };
    let mut places = vec![cue, object];
    for (x, y) in [
        (-1.0, 0.4),
        (-0.7, -0.5),
        (-0.9, -0.1),
        (-0.3, -0.45),
        (-0.2, 0.5),
        (0.9, -0.4),
    ] {
        places.push(Vec2::new(x, y));
    }
    let balls = places.into_iter().map(BallState::resting).collect();
    (balls, (0, strike))
}
