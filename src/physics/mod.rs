//! Ball physics: an f64 core of published formulas, and rapier2d as the world round it that
//! owns balls and rails and answers which of them can meet.
//!
//! A shot runs from event to event. Between two events every ball moves in closed form
//! (`motion`); the instant of the next event is the root of a polynomial (`roots`); an impact
//! changes velocity and spin by a published impulse model (`ball_ball`, `cushion`,
//! `cue_strike`). No step size is involved, so nothing depends on one.
//!
//! Two drivers play the same core (`solver`) and give the same bits:
//!
//! * [`Simulator`], the event driver: as fast as it can, for previews, suggestions, evaluation.
//!   rapier's bounding-volume tree says who can meet whom before a phase of motion ends (`tree`).
//! * [`LiveTable`], the live driver: in step with a clock, for balls that are seen rolling.
//!   rapier steps, its solver switched off, and its contact pairs say who can meet whom
//!   before the step ends (`live`).
//!
//! [`Uncertainty`] asks the event driver thousands of times what a shot does when it is not quite
//! the one intended (`spread`).

mod ball_ball;
mod check;
mod cue_strike;
mod cushion;
pub mod evaluate;
mod hole;
mod live;
mod meetings;
mod motion;
pub mod prediction;
#[cfg(test)]
mod properties;
mod reach;
mod roots;
mod solver;
mod spacer;
pub mod spread;
#[cfg(test)]
mod tests;
mod tree;

pub use crate::table::Parameters;
pub use check::{BadInput, MOST_BALLS, part};
pub use cue_strike::{CueStrike, Struck, squirt};
pub use live::LiveTable;

use crate::table::TableSpec;
use prediction::{BallIndex, BallState, Hop, Motion, Prediction};
use solver::{Rules, Shot};
use tree::Tree;

/// Simulates shots on one table. Keeps its tree and its memory between shots: once it has seen
/// the largest of them, it allocates nothing.
#[derive(Debug)]
pub struct Simulator {
    rules: Rules,
    tree: Tree,
    shot: Shot,
    start: Vec<BallState>,
}

impl Simulator {
    /// A simulator for `table`. Parameters that no table can have
    /// ([`Parameters::first_impossible`]) are replaced by the usual ones.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        let rules = Rules::new(table);
        Self {
            tree: Tree::new(&rules),
            rules,
            shot: Shot::default(),
            start: Vec::new(),
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
        check::numbers(self.rules.radius, balls, strike)?;
        check::places(&self.rules, balls, check::STRICT_M)?;
        check::no_hole(&self.rules, balls)
    }

    /// What the tip does to a cue ball that rests at the origin.
    #[must_use]
    pub fn strike(&self, strike: &CueStrike) -> Struck {
        strike.apply(
            &BallState::default(),
            &self.rules.cue_ball,
            &self.rules.parameters,
        )
    }

    /// Runs until everything rests. `strike` says which ball, the cue ball, is struck and how;
    /// without it the balls just run on from the state they are in.
    ///
    /// Balls that overlap each other or a cushion by up to 3 mm are pushed apart first. With
    /// worse input (see [`Self::check`]) every ball just rests where it is.
    ///
    /// A ball's path may jump by some micrometres (at most 50) at an impact: touching bodies are
    /// backed off to one micrometre.
    pub fn simulate(&mut self, balls: &[BallState], strike: Option<(BallIndex, CueStrike)>) -> Prediction {
        self.play(balls, strike).clone()
    }

    /// As [`Self::simulate`], into the simulator's own memory.
    pub fn play(&mut self, balls: &[BallState], strike: Option<(BallIndex, CueStrike)>) -> &Prediction {
        let cue_ball = strike.map(|(ball, _)| ball);
        self.run(balls, cue_ball, strike.map(|(_, strike)| strike))
    }

    /// Lets balls run on from the state they are in, `cue_ball`, which may be heavier, among them.
    pub fn run_on(&mut self, balls: &[BallState], cue_ball: Option<BallIndex>) -> &Prediction {
        self.run(balls, cue_ball, None)
    }

    fn run(
        &mut self,
        balls: &[BallState],
        cue_ball: Option<BallIndex>,
        strike: Option<CueStrike>,
    ) -> &Prediction {
        match prepare(&self.rules, balls, cue_ball, strike, &mut self.start) {
            Ok(stroke) => {
                self.tree.begin(self.start.iter().map(|ball| ball.position));
                self.shot.begin(
                    &self.rules,
                    &mut self.tree,
                    &self.start,
                    cue_ball,
                    strike.is_some(),
                );
                self.shot.play_until(&self.rules, &mut self.tree, f64::INFINITY);
                stroke.note_in(&mut self.shot);
            }
            Err(_) => self.shot.nothing(balls),
        }
        self.shot.log()
    }
}

/// What the tip did besides moving the ball.
#[derive(Clone, Copy, Debug, Default)]
struct Stroke {
    miscue: bool,
    hop: Option<Hop>,
}

impl Stroke {
    fn note_in(self, shot: &mut Shot) {
        let log = shot.log_mut();
        (log.miscue, log.hop) = (self.miscue, self.hop);
    }
}

/// The balls as the solver takes them, the struck one as it leaves the tip.
fn prepare(
    rules: &Rules,
    balls: &[BallState],
    cue_ball: Option<BallIndex>,
    strike: Option<CueStrike>,
    start: &mut Vec<BallState>,
) -> Result<Stroke, BadInput> {
    check::seat(rules, balls, cue_ball.zip(strike).as_ref(), start)?;
    for ball in start.iter_mut() {
        // How far a ball has fallen is not part of its state: it begins to fall anew.
        if ball.motion == Motion::Falling {
            ball.motion = Motion::Sliding;
        }
        ball.motion = motion::kind_of(ball, rules.radius);
        if ball.motion == Motion::Resting {
            *ball = BallState::resting(ball.position);
            // What lies in a hole lies at its bottom and is in nobody's way.
            if rules.holes.iter().any(|hole| hole.holds(ball.position)) {
                ball.motion = Motion::Pocketed;
            }
        }
    }
    let (Some(strike), Some(ball)) = (strike, cue_ball.and_then(|index| start.get_mut(index))) else {
        return Ok(Stroke::default());
    };
    let struck = strike.apply(ball, &rules.cue_ball, &rules.parameters);
    *ball = struck.ball;
    Ok(Stroke {
        miscue: struck.miscue,
        hop: struck.hop,
    })
}
