//! The aimed shot as it would be played, rolling in step with the clock.

use std::sync::Arc;

use crate::physics::LiveTable;
use crate::system::snapshot::{PredictedShot, RehearsedBall};
use crate::table::TableSpec;
use crate::vision::track::BallId;

/// A predicted shot on the live table.
#[derive(Debug)]
pub struct Rehearsal {
    live: LiveTable,
    balls: Vec<BallId>,
    /// Ticks since everything came to rest.
    rested: u32,
}

impl Rehearsal {
    /// How long the last picture stays, ticks.
    const STAYS: u32 = LiveTable::RATE_HZ as u32;

    /// Begins the shot; `None` when nothing could roll.
    #[must_use]
    pub fn of(shot: &PredictedShot, table: &TableSpec) -> Option<Self> {
        let mut live = LiveTable::new(table);
        let cue_ball = shot.balls.iter().position(|id| *id == shot.intent.cue_ball);
        // From the first instant after the stroke, which the prediction has.
        live.start(&shot.prediction.at(0.0), cue_ball, None).ok()?;
        Some(Self {
            live,
            balls: shot.balls.clone(),
            rested: 0,
        })
    }

    /// Lets one tick of [`LiveTable::RATE_HZ`] pass. False when the show is over.
    pub fn step(&mut self) -> bool {
        if !self.live.step() {
            self.rested += 1;
        }
        self.rested < Self::STAYS
    }

    /// Where the balls are now.
    #[must_use]
    pub fn balls(&self) -> Arc<Vec<RehearsedBall>> {
        let balls = self.balls.iter().zip(self.live.states());
        Arc::new(
            balls
                .map(|(id, state)| RehearsedBall {
                    id: *id,
                    position_m: state.position,
                    moves: state.motion.travels(),
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::prediction::BallState;
    use crate::physics::{CueStrike, Simulator};
    use crate::trainer::aim::ShotIntent;
    use crate::units::Vec2;

    #[test]
    fn a_rehearsal_ends_where_the_prediction_does() {
        let table = TableSpec::pool_9ft();
        let places = [(-0.5, 0.1), (0.4, 0.0), (0.1, -0.4)];
        let balls: Vec<_> = places
            .iter()
            .map(|&(x, y)| BallState::resting(Vec2::new(x, y)))
            .collect();
        let strike = CueStrike {
            stick_speed_m_s: 2.0,
            direction: -0.1,
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        };
        let shot = PredictedShot {
            intent: ShotIntent {
                cue_ball: BallId(7),
                cue_ball_m: balls[0].position,
                direction: -0.1,
                stick_speed_m_s: 2.0,
            },
            balls: vec![BallId(7), BallId(2), BallId(3)],
            prediction: Simulator::new(&table).simulate(&balls, Some((0, strike))),
            spread: None,
        };
        let mut rehearsal = Rehearsal::of(&shot, &table).unwrap();
        let mut ticks = 0;
        let mut moved = false;
        while rehearsal.step() {
            ticks += 1;
            moved |= rehearsal.balls()[1].moves;
        }
        let seconds = f64::from(ticks - Rehearsal::STAYS) / LiveTable::RATE_HZ;
        assert!(moved && (seconds - shot.prediction.duration_s).abs() < 0.05);
        for (ball, path) in rehearsal.balls().iter().zip(&shot.prediction.paths) {
            assert!(ball.position_m.distance(path.end.position) < 1e-9);
        }
    }
}
