//! Ball physics: an f64 core of published formulas, with rapier2d as the world that
//! owns balls and rails and answers which of them can meet.
//!
//! A shot runs from event to event. Between two events every ball moves in closed form
//! (`motion`); the instant of the next event is the root of a polynomial (`roots`); an impact
//! changes velocity and spin by a published impulse model (`ball_ball`, `cushion`,
//! `cue_strike`). No step size is involved, so nothing depends on one.

mod ball_ball;
mod check;
mod cue_strike;
mod cushion;
mod meetings;
mod motion;
pub mod parameters;
pub mod prediction;
mod reach;
mod roots;
mod solver;
mod spacer;
#[cfg(test)]
mod tests;
mod world;

pub use check::BadInput;
pub use cue_strike::{CueStrike, squirt};
pub use parameters::Parameters;

use crate::table::{BallSpec, TableSpec};
use prediction::{BallIndex, BallState, Motion, Path, Prediction};
use solver::Rules;
use world::World;

/// Simulates shots on one table. Keeps its world between shots: building it costs more than a shot.
#[derive(Debug)]
pub struct Simulator {
    rules: Rules,
    ball: BallSpec,
    world: World,
}

impl Simulator {
    /// A simulator for `table` with the usual cloth, cushions and balls.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self::with_parameters(table, Parameters::of(table))
    }

    /// A simulator for `table` with these parameters. Parameters that no table can have
    /// ([`Parameters::first_impossible`]) are replaced by the usual ones.
    #[must_use]
    pub fn with_parameters(table: &TableSpec, parameters: Parameters) -> Self {
        let parameters = if parameters.first_impossible().is_none() {
            parameters
        } else {
            Parameters::of(table)
        };
        let rules = Rules::new(table, parameters);
        Self {
            world: World::new(&rules.geometry, rules.radius),
            rules,
            ball: table.ball,
        }
    }

    /// The parameters in use.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.rules.parameters
    }

    /// Says what is wrong with these balls and this strike, if anything is.
    ///
    /// Strict: balls may touch, but not overlap by more than a micrometre. [`Self::simulate`]
    /// forgives a few millimetres, which positions seen by a camera need.
    ///
    /// # Errors
    /// The first [`BadInput`], with the ball and the field it concerns.
    pub fn check(
        &self,
        balls: &[BallState],
        strike: Option<&(BallIndex, CueStrike)>,
    ) -> Result<(), BadInput> {
        check::numbers(balls, strike)?;
        check::places(&self.rules, balls, check::STRICT_M)?;
        check::no_hole(&self.rules, balls)
    }

    /// Runs until everything rests. `strike` says which ball is struck and how; without it
    /// the balls just run on from the state they are in.
    ///
    /// Balls that overlap each other or a cushion by up to 3 mm are pushed apart first. With
    /// worse input (see [`Self::check`]) every ball just rests where it is.
    ///
    /// A ball's path may jump by some micrometres (at most 50) at an impact: touching bodies are
    /// backed off to one micrometre.
    pub fn simulate(&mut self, balls: &[BallState], strike: Option<(BallIndex, CueStrike)>) -> Prediction {
        let Ok(mut start) = check::seat(&self.rules, balls, strike.as_ref()) else {
            return at_rest(balls);
        };
        for ball in &mut start {
            ball.motion = motion::kind_of(ball, self.rules.radius);
            if ball.motion == Motion::Resting {
                *ball = BallState::resting(ball.position);
            }
        }
        let struck = strike.and_then(|(index, strike)| {
            let ball = start.get(index)?;
            Some((index, strike.apply(ball, &self.ball, &self.rules.parameters)))
        });
        solver::play(&self.rules, &mut self.world, &start, struck)
    }
}

/// What is predicted when nothing can be: every ball stays where it is.
fn at_rest(balls: &[BallState]) -> Prediction {
    let paths = balls.iter().map(|ball| Path {
        pieces: Vec::new(),
        end: BallState {
            position: ball.position,
            motion: if ball.motion == Motion::Pocketed {
                Motion::Pocketed
            } else {
                Motion::Resting
            },
            ..BallState::default()
        },
    });
    Prediction {
        paths: paths.collect(),
        ..Prediction::default()
    }
}
