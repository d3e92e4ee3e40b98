//! The spread of the aimed shot, worked out beside the frame path.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::physics::CueStrike;
use crate::physics::prediction::{BallIndex, BallState};
use crate::physics::spread::{InputSpread, Spread, Uncertainty};
use crate::table::TableSpec;

/// A thread that works out spreads, one question after another; of those that wait only the newest
/// is asked. It ends with this.
#[derive(Debug)]
pub(super) struct Rollouts {
    /// `None` when the system gave no thread: then there is no spread.
    questions: Option<Sender<Question>>,
    answers: Receiver<(u64, Arc<Spread>)>,
    /// What waits until the thread is free.
    waiting: Option<Question>,
    asked: u64,
}

#[derive(Debug)]
struct Question {
    number: u64,
    balls: Vec<BallState>,
    strike: (BallIndex, CueStrike),
}

/// How much its thread gives way to others that want the processor; helpers are born with it.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

impl Rollouts {
    /// Shots simulated for one spread: probabilities to within 1.6 % (one standard error).
    const COUNT: usize = 1000;
    /// Any seed does; the same gives the same spread for the same shot.
    const SEED: u64 = 1;
    /// One core is left to vision and one to drawing, but never more used than this.
    const MOST_THREADS: usize = 4;

    pub(super) fn new(table: &TableSpec) -> Self {
        let (questions, asked) = bounded::<Question>(1);
        let (tell, answers) = bounded(1);
        let spare = thread::available_parallelism()
            .map_or(1, |cores| cores.get().saturating_sub(2))
            .clamp(1, Self::MOST_THREADS);
        let table = table.clone();
        let work = move || {
            // Whoever aims sees the line at once, and how sure it is a moment later.
            #[cfg(target_os = "linux")]
            rustix::process::setpriority_process(None, NICE).ok();
            let mut uncertainty = Uncertainty::new(&table, spare);
            while let Ok(Question {
                number,
                balls,
                strike,
            }) = asked.recv()
            {
                let spread = uncertainty.spread(&balls, strike, &InputSpread::SEEN, Self::COUNT, Self::SEED);
                if tell.send((number, Arc::new(spread))).is_err() {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("rollouts".to_owned()).spawn(work);
        if let Err(error) = &started {
            tracing::warn!("no thread for the spread of shots, none will be shown: {error}");
        }
        Self {
            questions: started.is_ok().then_some(questions),
            answers,
            waiting: None,
            asked: 0,
        }
    }

    /// Asks for the spread of a shot instead of any asked before; gives the number of the answer.
    pub(super) fn ask(&mut self, balls: Vec<BallState>, strike: (BallIndex, CueStrike)) -> u64 {
        self.asked += 1;
        self.waiting = Some(Question {
            number: self.asked,
            balls,
            strike,
        });
        self.asked
    }

    /// The answer that has come since, with its number. Never waits.
    pub(super) fn answer(&mut self) -> Option<(u64, Arc<Spread>)> {
        let answer = self.answers.try_recv().ok();
        if let (Some(question), Some(questions)) = (self.waiting.take(), &self.questions) {
            match questions.try_send(question) {
                Ok(()) => {}
                Err(TrySendError::Full(question)) => self.waiting = Some(question),
                Err(TrySendError::Disconnected(_)) => {
                    tracing::warn!("the thread for the spread of shots has ended; none will be shown");
                    self.questions = None;
                }
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Vec2;

    #[test]
    fn the_newest_question_is_answered() {
        let mut rollouts = Rollouts::new(&TableSpec::pool_9ft());
        let balls = vec![
            BallState::resting(Vec2::new(-0.5, 0.0)),
            BallState::resting(Vec2::new(0.5, 0.0)),
        ];
        let strike = CueStrike {
            stick_speed_m_s: 1.5,
            direction: 0.0,
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        };
        for _ in 0..20 {
            rollouts.ask(balls.clone(), (0, strike));
            rollouts.answer();
        }
        let newest = rollouts.ask(balls, (0, strike));
        let spread = loop {
            assert!(rollouts.questions.is_some(), "the thread has ended");
            match rollouts.answer() {
                Some((number, spread)) if number == newest => break spread,
                _ => thread::yield_now(),
            }
        };
        assert_eq!((spread.rollouts, spread.balls.len()), (Rollouts::COUNT, 2));
        assert!(spread.balls[1].cone.len() > 3);
    }
}
