//! What a shot does when it is not quite the one intended.
//!
//! By simulation, not by derivatives: a pocket's jaw or a missed ball is a step in the outcome, which
//! no derivative sees. The inputs are drawn by Latin hypercube sampling (McKay, Beckman, Conover,
//! Technometrics 21, 1979: every input's range is used evenly, so that fewer rollouts do), seeded,
//! and shared out over threads; the result does not depend on how many.

use super::prediction::{BallIndex, BallState, EventKind, Motion, Prediction};
use super::{CueStrike, Simulator};
use crate::table::{PocketId, TableSpec};
use crate::units::Vec2;

/// Standard deviations of what a prediction starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputSpread {
    /// Direction of the cue, radians.
    pub direction: f64,
    /// Point of contact to the side and up, ball radii.
    pub tip_offset: f64,
    /// Speed of the stick, as a share of it.
    pub speed_share: f64,
    /// Place of every ball along x and y, metres.
    pub position_m: f64,
}

impl InputSpread {
    /// What the eyes leave open: cue direction 0.3°, ball positions 0.35 mm, as they are to be measured
    /// (`docs/physics.md`), and a speed guessed to a tenth. The stroke itself is taken as perfect.
    pub const SEEN: Self = Self {
        direction: 0.005,
        tip_offset: 0.03,
        speed_share: 0.1,
        position_m: 3.5e-4,
    };

    /// Nothing is left open.
    pub const NONE: Self = Self {
        direction: 0.0,
        tip_offset: 0.0,
        speed_share: 0.0,
        position_m: 0.0,
    };

    /// Itself where it is possible, else none.
    fn possible(&self) -> Self {
        match self.first_impossible() {
            None => *self,
            Some(_) => Self::NONE,
        }
    }

    /// The name of the first field that can't be a spread, if there is one.
    #[must_use]
    pub fn first_impossible(&self) -> Option<&'static str> {
        let within = |value: f64, most: f64| (0.0..=most).contains(&value);
        [
            ("direction", within(self.direction, 1.0)),
            ("tip_offset", within(self.tip_offset, 0.5)),
            ("speed_share", within(self.speed_share, 0.5)),
            // Wider, balls would lie inside each other too often.
            ("position_m", within(self.position_m, 2e-3)),
        ]
        .into_iter()
        .find_map(|(name, possible)| (!possible).then_some(name))
    }
}

/// The spread of a shot's outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Shots simulated for it.
    pub rollouts: usize,
    /// Ball by ball, in the order the balls were handed in.
    pub balls: Vec<BallSpread>,
}

/// The spread of one ball's way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BallSpread {
    /// Probability of ending in each pocket, in the order of [`PocketId::ALL`].
    pub pocketed: [f64; 6],
    /// Mean place of rest when it is not pocketed, metres.
    pub rest_m: Vec2,
    /// Standard deviation of the place of rest along x and y, metres.
    pub rest_spread_m: Vec2,
    /// How wide the bundle of ways is along the intended way.
    pub cone: Vec<ConePoint>,
}

impl BallSpread {
    /// Probability of ending in this pocket.
    #[must_use]
    pub fn pocket_probability(&self, pocket: PocketId) -> f64 {
        self.pocketed.get(pocket as usize).copied().unwrap_or(0.0)
    }
}

/// The bundle of ways where it crosses a line square to the intended way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConePoint {
    /// On the intended way, metres.
    pub at_m: Vec2,
    /// Unit vector to the left of the intended way.
    pub left: Vec2,
    /// Nine of ten ways cross between these distances to the left, metres: the 5th and 95th of a hundred.
    pub from_m: f64,
    /// See `from_m`.
    pub to_m: f64,
    /// Share of all rollouts that come by here having met the same things in the same order.
    pub share: f64,
}

/// Simulates a shot over and over.
#[derive(Debug)]
pub struct Uncertainty {
    simulators: Vec<Simulator>,
    /// Normal scores of the strata, for the last number of rollouts.
    scores: Vec<f64>,
    outcomes: Vec<Outcome>,
}

/// What is kept of one rollout.
#[derive(Clone, Debug, Default)]
struct Outcome {
    ends: Vec<(Option<PocketId>, Vec2)>,
    /// Distance to the left of each station, NaN when the ball does not come by.
    offsets: Vec<f32>,
}

/// A place on an intended way.
#[derive(Clone, Copy, Debug)]
struct Station {
    ball: BallIndex,
    /// How many things the ball has met before.
    leg: usize,
    at: Vec2,
    along: Vec2,
}

/// Way between two stations, metres.
const STATION_M: f64 = 0.06;
/// Stations of one ball at most.
const STATIONS_A_BALL: usize = 80;

impl Uncertainty {
    /// For shots on this table, on so many threads (at least one).
    #[must_use]
    pub fn new(table: &TableSpec, threads: usize) -> Self {
        Self {
            simulators: (0..threads.clamp(1, 64)).map(|_| Simulator::new(table)).collect(),
            scores: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// The spread of a shot by this many rollouts. The same seed gives the same result.
    ///
    /// A spread that is impossible ([`InputSpread::first_impossible`]) counts as none.
    pub fn spread(
        &mut self,
        balls: &[BallState],
        strike: (BallIndex, CueStrike),
        inputs: &InputSpread,
        rollouts: usize,
        seed: u64,
    ) -> Spread {
        let inputs = inputs.possible();
        let Some(first) = self.simulators.first_mut() else {
            return Spread::default();
        };
        let shot = first.play(balls, Some(strike));
        let stations = stations(shot);
        let intended: Vec<Vec<EventKind>> = meetings(shot, balls.len());
        if self.scores.len() != rollouts {
            self.scores = normal_scores(rollouts);
        }
        let order = Order::new(seed, rollouts, 4 + 2 * balls.len());
        self.outcomes.resize_with(rollouts, Outcome::default);
        self.outcomes.iter_mut().for_each(Outcome::clear);

        let share = rollouts.div_ceil(self.simulators.len()).max(1);
        let (scores, order, stations, intended) = (&self.scores, &order, &stations, &intended);
        std::thread::scope(|scope| {
            let chunks = self.outcomes.chunks_mut(share).enumerate();
            let mut jobs = chunks
                .zip(&mut self.simulators)
                .map(|((chunk, outcomes), simulator)| {
                    move || {
                        let mut drawn = balls.to_vec();
                        for (i, outcome) in outcomes.iter_mut().enumerate() {
                            let score = |input: usize| order.stratum(input, chunk * share + i, scores);
                            let stroke = draw(balls, strike.1, &inputs, &score, &mut drawn);
                            let prediction = simulator.play(&drawn, Some((strike.0, stroke)));
                            outcome.note(prediction, stations, intended);
                        }
                    }
                });
            // One of the jobs is this thread's own.
            let own = jobs.next();
            for (index, job) in jobs.enumerate() {
                let thread = std::thread::Builder::new().name(format!("rollouts-{}", index + 1));
                // Without a thread its share is missing: there are fewer rollouts then.
                thread.spawn_scoped(scope, job).ok();
            }
            if let Some(mut own) = own {
                own();
            }
        });
        self.sum_up(balls, stations)
    }

    fn sum_up(&self, balls: &[BallState], stations: &[Station]) -> Spread {
        let played = self.outcomes.iter().filter(|o| !o.ends.is_empty()).count();
        let count = played.max(1) as f64;
        let mut spread = Spread {
            rollouts: played,
            balls: vec![BallSpread::default(); balls.len()],
        };
        for (ball, told) in spread.balls.iter_mut().enumerate() {
            let ends = || self.outcomes.iter().filter_map(|o| o.ends.get(ball));
            for (slot, pocket) in told.pocketed.iter_mut().zip(PocketId::ALL) {
                *slot = ends().filter(|end| end.0 == Some(pocket)).count() as f64 / count;
            }
            let rests = || ends().filter(|end| end.0.is_none()).map(|end| end.1);
            let resting = rests().count().max(1) as f64;
            told.rest_m = rests().sum::<Vec2>() / resting;
            let square: Vec2 = rests().map(|p| (p - told.rest_m) * (p - told.rest_m)).sum();
            told.rest_spread_m = Vec2::new((square.x / resting).sqrt(), (square.y / resting).sqrt());
        }
        let mut offsets: Vec<f32> = Vec::with_capacity(self.outcomes.len());
        for (index, station) in stations.iter().enumerate() {
            offsets.clear();
            let all = self.outcomes.iter().filter_map(|o| o.offsets.get(index).copied());
            offsets.extend(all.filter(|offset| offset.is_finite()));
            if offsets.is_empty() {
                continue;
            }
            offsets.sort_unstable_by(f32::total_cmp);
            let quantile = |share: f64| {
                let rank = (share * (offsets.len() - 1) as f64).round() as usize;
                offsets.get(rank).copied().map_or(0.0, f64::from)
            };
            if let Some(told) = spread.balls.get_mut(station.ball) {
                told.cone.push(ConePoint {
                    at_m: station.at,
                    left: station.along.perp(),
                    from_m: quantile(0.05),
                    to_m: quantile(0.95),
                    share: offsets.len() as f64 / count,
                });
            }
        }
        spread
    }
}

/// Plays a shot over and over with other inputs each time, on this thread, and shows each to `see`.
///
/// The same seed gives the same shots. A spread that is impossible counts as none.
pub fn replay(
    simulator: &mut Simulator,
    balls: &[BallState],
    strike: (BallIndex, CueStrike),
    inputs: &InputSpread,
    rollouts: usize,
    seed: u64,
    mut see: impl FnMut(&Prediction),
) {
    let inputs = inputs.possible();
    let scores = normal_scores(rollouts);
    let order = Order::new(seed, rollouts, 4 + 2 * balls.len());
    let mut drawn = balls.to_vec();
    for rollout in 0..rollouts {
        let score = |input: usize| order.stratum(input, rollout, &scores);
        let stroke = draw(balls, strike.1, &inputs, &score, &mut drawn);
        see(simulator.play(&drawn, Some((strike.0, stroke))));
    }
}

/// Draws the balls into `drawn`, and gives the stroke.
fn draw(
    balls: &[BallState],
    strike: CueStrike,
    inputs: &InputSpread,
    score: &impl Fn(usize) -> f64,
    drawn: &mut [BallState],
) -> CueStrike {
    for (index, (to, from)) in drawn.iter_mut().zip(balls).enumerate() {
        *to = *from;
        let by = Vec2::new(score(4 + 2 * index), score(5 + 2 * index)) * inputs.position_m;
        if from.motion != Motion::Pocketed {
            to.position += by;
        }
    }
    let tip = Vec2::new(
        strike.side + inputs.tip_offset * score(1),
        strike.height + inputs.tip_offset * score(2),
    )
    .clamp_length_max(0.99);
    CueStrike {
        direction: strike.direction + inputs.direction * score(0),
        side: tip.x,
        height: tip.y,
        stick_speed_m_s: strike.stick_speed_m_s * (1.0 + inputs.speed_share * score(3)).max(0.0),
        ..strike
    }
}

/// Which stratum of each input each rollout uses: a Latin hypercube.
struct Order {
    rollouts: usize,
    strata: Vec<u32>,
}

impl Order {
    fn new(seed: u64, rollouts: usize, inputs: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut strata = Vec::with_capacity(rollouts * inputs);
        for input in 0..inputs {
            strata.extend(0..rollouts as u32);
            if let Some(of_input) = strata.get_mut(input * rollouts..) {
                random.shuffle(of_input);
            }
        }
        Self { rollouts, strata }
    }

    fn stratum(&self, input: usize, rollout: usize, scores: &[f64]) -> f64 {
        let stratum = self.strata.get(input * self.rollouts + rollout);
        stratum
            .and_then(|s| scores.get(*s as usize))
            .copied()
            .unwrap_or(0.0)
    }
}

/// The normal deviates in the middle (by probability) of `count` strata of equal probability.
fn normal_scores(count: usize) -> Vec<f64> {
    let below = |z: f64| 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    (0..count)
        .map(|i| {
            let wanted = (i as f64 + 0.5) / count as f64;
            let (mut low, mut high) = (-9.0, 9.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if below(middle) < wanted {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            0.5 * (low + high)
        })
        .collect()
}

/// What each ball meets, in order.
fn meetings(prediction: &Prediction, balls: usize) -> Vec<Vec<EventKind>> {
    (0..balls)
        .map(|ball| met(prediction, ball).map(|(_, kind)| kind).collect())
        .collect()
}

/// What a ball meets, with the time.
fn met(prediction: &Prediction, ball: BallIndex) -> impl Iterator<Item = (f64, EventKind)> {
    prediction.events.iter().filter_map(move |event| {
        let concerns = match event.kind {
            EventKind::BallBall(a, b) => a == ball || b == ball,
            EventKind::Cushion(a, _) | EventKind::Jaw(a, _) | EventKind::PocketBack(a, _) => a == ball,
            _ => false,
        };
        concerns.then_some((event.time_s, event.kind))
    })
}

/// Places at even distances along the intended way of every ball.
fn stations(prediction: &Prediction) -> Vec<Station> {
    let mut stations = Vec::new();
    for (ball, path) in prediction.paths.iter().enumerate() {
        let mut turns = met(prediction, ball).map(|(time, _)| time).peekable();
        let (mut leg, mut since_last, mut count) = (0, STATION_M, 0);
        for piece in &path.pieces {
            while turns.next_if(|time| *time <= piece.start_s).is_some() {
                leg += 1;
                since_last = STATION_M;
            }
            if !piece.from.motion.travels() {
                continue;
            }
            // Fine enough steps that the way between two is straight.
            let steps = 64;
            let mut before = piece.from.position;
            for step in 0..steps {
                let share = f64::from(step) / f64::from(steps);
                let state = piece.at(piece.start_s + (piece.end_s - piece.start_s) * share);
                since_last += state.position.distance(before);
                before = state.position;
                let along = state.velocity.normalize_or_zero();
                if since_last >= STATION_M && along != Vec2::ZERO && count < STATIONS_A_BALL {
                    stations.push(Station {
                        ball,
                        leg,
                        at: state.position,
                        along,
                    });
                    (since_last, count) = (0.0, count + 1);
                }
            }
        }
    }
    stations
}

impl Outcome {
    fn clear(&mut self) {
        self.ends.clear();
        self.offsets.clear();
    }

    fn note(&mut self, prediction: &Prediction, stations: &[Station], intended: &[Vec<EventKind>]) {
        self.clear();
        self.offsets.resize(stations.len(), f32::NAN);
        for (ball, path) in prediction.paths.iter().enumerate() {
            self.ends.push((prediction.pocket_of(ball), path.end.position));
        }
        for (ball, wanted) in intended.iter().enumerate() {
            let Some(path) = prediction.paths.get(ball) else {
                continue;
            };
            // As far as the ball meets what it was meant to meet, leg by leg.
            let mut turns = met(prediction, ball);
            let (mut leg, mut from_s) = (0, 0.0);
            loop {
                let turn = turns.next();
                let to_s = turn.map_or(f64::INFINITY, |(time, _)| time);
                // Stations come ball by ball, leg by leg.
                let first = stations.partition_point(|s| (s.ball, s.leg) < (ball, leg));
                let of_leg = stations.iter().zip(&mut self.offsets).skip(first);
                for (station, offset) in of_leg.take_while(|(s, _)| (s.ball, s.leg) == (ball, leg)) {
                    *offset = crossing(path, from_s, to_s, station);
                }
                match (turn, wanted.get(leg)) {
                    (Some((time, kind)), Some(meant)) if kind == *meant => (leg, from_s) = (leg + 1, time),
                    _ => break,
                }
            }
        }
    }
}

/// How far to the left of a station a way passes between two times; NaN when it doesn't.
fn crossing(path: &super::prediction::Path, from_s: f64, to_s: f64, station: &Station) -> f32 {
    for piece in &path.pieces {
        if piece.start_s < from_s || piece.end_s <= piece.start_s {
            continue;
        }
        if piece.start_s >= to_s {
            break;
        }
        let ahead = |p: Vec2| (p - station.at).dot(station.along);
        let end = piece.at(piece.end_s).position;
        if ahead(piece.from.position) > 0.0 || ahead(end) < 0.0 {
            continue;
        }
        // ahead(t) = c + b t + a t² rises through zero.
        let (c, b) = (ahead(piece.from.position), piece.from.velocity.dot(station.along));
        let a = 0.5 * piece.acceleration.dot(station.along);
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        let time = if b + root > 0.0 {
            -2.0 * c / (b + root)
        } else {
            0.0
        };
        let at = piece.at(piece.start_s + time).position;
        return (at - station.at).dot(station.along.perp()) as f32;
    }
    f32::NAN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::evaluate::brute::brute_force;

    fn layout() -> Vec<BallState> {
        [(-0.5, 0.1), (0.4, 0.0), (0.1, -0.4)]
            .map(|(x, y)| BallState::resting(Vec2::new(x, y)))
            .to_vec()
    }

    fn cut_shot() -> CueStrike {
        let aim = Vec2::new(0.4, 0.0) - Vec2::new(-0.5, 0.1) + Vec2::new(-0.045, -0.03);
        CueStrike {
            stick_speed_m_s: 1.6,
            direction: aim.to_angle(),
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        }
    }

    #[test]
    fn scores_are_normal() {
        let scores = normal_scores(1001);
        let mean: f64 = scores.iter().sum::<f64>() / 1001.0;
        let variance: f64 = scores.iter().map(|z| z * z).sum::<f64>() / 1001.0;
        assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 0.01, "{variance}");
        assert!(scores[500].abs() < 1e-9 && (scores[841] - 1.0).abs() < 0.005);
    }

    #[test]
    fn the_result_depends_on_the_seed_and_not_on_the_threads() {
        let table = TableSpec::pool_9ft();
        let run = |threads: usize, seed: u64| {
            Uncertainty::new(&table, threads).spread(
                &layout(),
                (0, cut_shot()),
                &InputSpread::SEEN,
                200,
                seed,
            )
        };
        let one = run(1, 7);
        assert_eq!(one, run(3, 7));
        assert_ne!(one, run(1, 8));
    }

    #[test]
    fn nothing_open_means_no_spread() {
        let table = TableSpec::pool_9ft();
        let spread =
            Uncertainty::new(&table, 1).spread(&layout(), (0, cut_shot()), &InputSpread::NONE, 16, 1);
        let sure = Simulator::new(&table).simulate(&layout(), Some((0, cut_shot())));
        for (told, path) in spread.balls.iter().zip(&sure.paths) {
            assert!(told.rest_spread_m.length() < 1e-9);
            assert!(told.rest_m.distance(path.end.position) < 1e-9 || told.pocketed.contains(&1.0));
            assert!(
                told.cone
                    .iter()
                    .all(|c| c.from_m.abs() < 1e-6 && c.to_m.abs() < 1e-6 && c.share == 1.0)
            );
        }
        assert!(spread.balls[0].cone.len() > 5 && spread.balls[2].cone.is_empty());
    }

    /// A cone in front of the first ball is that of the direction: ±1.645 σ times the way.
    #[test]
    fn the_first_leg_opens_as_the_direction_does() {
        let table = TableSpec::pool_9ft();
        let inputs = InputSpread {
            direction: 0.004,
            ..InputSpread::NONE
        };
        let spread = Uncertainty::new(&table, 2).spread(&layout(), (0, cut_shot()), &inputs, 2000, 3);
        let start = Vec2::new(-0.5, 0.1);
        for point in spread.balls[0].cone.iter().take(10).skip(1) {
            let way = point.at_m.distance(start);
            assert!((point.to_m - 1.645 * 0.004 * way).abs() < 0.03 * 1.645 * 0.004 * way + 1e-6);
            assert!((point.from_m + point.to_m).abs() < 0.05 * point.to_m);
        }
        // Behind the object ball it opens wider: the angle is multiplied.
        let object = &spread.balls[1].cone;
        let (first, later) = (object[0], object[8]);
        let opening =
            (later.to_m - later.from_m - (first.to_m - first.from_m)) / later.at_m.distance(first.at_m);
        assert!(opening > 5.0 * 2.0 * 1.645 * 0.004, "{opening}");
    }

    /// Against brute force: plain random draws, twenty times as many.
    #[test]
    fn it_agrees_with_brute_force() {
        let table = TableSpec::pool_9ft();
        let spread =
            Uncertainty::new(&table, 1).spread(&layout(), (0, cut_shot()), &InputSpread::SEEN, 1000, 3);
        let brute = brute_force(&table, &layout(), (0, cut_shot()), &InputSpread::SEEN, 20_000, 11);
        for (told, brute) in spread.balls.iter().zip(brute) {
            for (ours, theirs) in told.pocketed.iter().zip(brute.pocketed) {
                // Three standard errors of both.
                let error = (theirs * (1.0 - theirs) * (1.0 / 1000.0 + 1.0 / 20_000.0)).sqrt();
                assert!((ours - theirs).abs() <= 3.0 * error + 0.002, "{ours} {theirs}");
            }
            assert!(told.rest_m.distance(brute.rest_m) < 0.05, "{told:?} {brute:?}");
        }
    }
}
