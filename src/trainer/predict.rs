//! From an intended shot to what it will do.

use std::sync::Arc;

use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, Simulator, part};
use crate::system::snapshot::PredictedShot;
use crate::table::TableSpec;
use crate::trainer::aim::{NoShot, ShotIntent, intent};
use crate::trainer::rollouts::Rollouts;
use crate::vision::track::{TableState, TrackedBall};

/// Predicts the shot being aimed, anew only when aim or balls have changed.
#[derive(Debug)]
pub struct Predictor {
    simulator: Simulator,
    rollouts: Rollouts,
    /// Number of the answer that belongs to `last`.
    awaited: u64,
    ball_radius_m: f64,
    last: Option<(Arc<PredictedShot>, Vec<TrackedBall>)>,
    /// Shots simulated since start.
    pub predicted: u64,
}

/// A ball that lies this far from where it was predicted from asks for a new prediction, metres.
const BALL_MOVED_M: f64 = 5e-4;

impl Predictor {
    /// A predictor for one table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self {
            simulator: Simulator::new(table),
            rollouts: Rollouts::new(table),
            awaited: 0,
            ball_radius_m: table.ball.radius_m,
            last: None,
            predicted: 0,
        }
    }

    /// The shot that is being aimed at this moment. Its spread comes with a later turn.
    ///
    /// # Errors
    /// [`NoShot`] when none is.
    pub fn update(&mut self, table: &TableState, stick_speed_m_s: f64) -> Result<Arc<PredictedShot>, NoShot> {
        let answer = self.rollouts.answer();
        if let (Some((number, spread)), Some((last, _))) = (answer, &mut self.last)
            && number == self.awaited
        {
            let mut told = last.as_ref().clone();
            told.spread = Some(spread);
            *last = Arc::new(told);
        }
        let aimed = match intent(table, self.ball_radius_m, stick_speed_m_s) {
            Ok(aimed) => aimed,
            Err(reason) => {
                self.last = None;
                return Err(reason);
            }
        };
        if let Some((last, from)) = &self.last
            && last.intent.is_about(&aimed)
            && is_same_table(from, &table.balls)
        {
            return Ok(Arc::clone(last));
        }
        let shot = Arc::new(self.simulate(aimed, table));
        self.predicted += 1;
        self.last = Some((Arc::clone(&shot), table.balls.clone()));
        Ok(shot)
    }

    fn simulate(&mut self, aimed: ShotIntent, table: &TableState) -> PredictedShot {
        let balls: Vec<_> = table.balls.iter().map(|b| b.id).collect();
        let states = resting(table, self.ball_radius_m);
        let strike = CueStrike {
            stick_speed_m_s: aimed.stick_speed_m_s,
            direction: aimed.direction,
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        };
        let struck = balls
            .iter()
            .position(|id| *id == aimed.cue_ball)
            .map(|index| (index, strike));
        let prediction = self.simulator.simulate(&states, struck);
        if let Some(struck) = struck {
            self.awaited = self.rollouts.ask(states, struck);
        }
        PredictedShot {
            intent: aimed,
            balls,
            prediction,
            spread: None,
        }
    }
}

/// The balls as they lie, in the order of the table's, ready to be simulated.
#[must_use]
pub fn resting(table: &TableState, ball_radius_m: f64) -> Vec<BallState> {
    let mut states: Vec<_> = table
        .balls
        .iter()
        .map(|b| BallState::resting(b.position_m))
        .collect();
    separate(&mut states, ball_radius_m);
    states
}

/// Measured centres of touching balls may overlap by the error of measurement.
fn separate(balls: &mut [BallState], radius: f64) {
    const ROUNDS: usize = 8;
    for _ in 0..ROUNDS {
        if !part(balls, radius) {
            return;
        }
    }
}

fn is_same_table(before: &[TrackedBall], now: &[TrackedBall]) -> bool {
    before.len() == now.len()
        && before
            .iter()
            .zip(now)
            .all(|(a, b)| a.id == b.id && a.position_m.distance(b.position_m) < BALL_MOVED_M)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Vec2;

    #[test]
    fn overlapping_measurements_are_moved_apart_to_touch() {
        let radius = 0.028_575;
        let mut balls: Vec<_> = [(0.0, 0.0), (0.056, 0.0), (0.028, 0.0485), (0.5, 0.0)]
            .map(|(x, y)| BallState::resting(Vec2::new(x, y)))
            .to_vec();
        separate(&mut balls, radius);
        for (i, a) in balls.iter().enumerate() {
            for b in balls.iter().skip(i + 1) {
                assert!(a.position.distance(b.position) > 2.0 * radius - 1e-5);
            }
        }
        assert_eq!(balls[3].position, Vec2::new(0.5, 0.0));
    }
}
