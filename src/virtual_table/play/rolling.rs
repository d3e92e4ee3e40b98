//! From the impact until every ball rests or has fallen.

use glam::DQuat;

use super::{Aim, Phase, Play, TableBall};
use crate::physics::CueStrike;
use crate::physics::prediction::{BallState, EventKind, Motion, Prediction};
use crate::table::PocketId;
use crate::units::{Vec2, Vec3};

/// Standard gravity, m/s².
const GRAVITY: f64 = 9.81;
/// How long a ball is seen falling into a pocket, seconds.
const FALL_S: f64 = 0.16;
/// Longest stretch over which a ball's turning is integrated in one go, seconds.
const TURN_STEP_S: f64 = 1.0 / 240.0;

/// A shot after the impact.
#[derive(Debug)]
pub(super) struct Roll {
    pub(super) prediction: Prediction,
    /// Which ball each path belongs to.
    pub(super) kinds: Vec<usize>,
    pub(super) since_s: f64,
    pub(super) next_event: usize,
    pub(super) strike: CueStrike,
    /// Where the tip met the ball.
    pub(super) met: Vec2,
}

impl Play {
    /// The tip meets the ball: from here on physics knows everything.
    pub(super) fn strike(&mut self, aim: Aim) -> Phase {
        let now = aim.since_s + aim.stroke.impact_s();
        let (kinds, states, cue_ball) = self.states();
        let struck = cue_ball.map(|index| (index, aim.strike));
        let met = self.cue_ball().unwrap_or_default();
        self.shots += 1;
        let prediction = self.simulator.simulate(&states, struck);
        Phase::Rolling(Roll {
            prediction,
            kinds,
            since_s: now,
            next_event: 0,
            strike: aim.strike,
            met,
        })
    }

    pub(super) fn roll_on(&mut self, mut roll: Roll, before_s: f64) -> Phase {
        let t = self.clock_s - roll.since_s;
        let end = roll.prediction.duration_s;
        let mut from = (before_s - roll.since_s).clamp(0.0, end);
        while from < t.min(end) {
            let to = (from + TURN_STEP_S).min(t.min(end));
            for (path, index) in roll.prediction.paths.iter().zip(&roll.kinds) {
                let spin = path.at(0.5 * (from + to)).spin;
                if let Some(ball) = self.balls.get_mut(*index).filter(|b| b.falling.is_none())
                    && spin != Vec3::ZERO
                {
                    ball.orientation =
                        (DQuat::from_scaled_axis(spin * (to - from)) * ball.orientation).normalize();
                }
            }
            from = to;
        }
        for (path, index) in roll.prediction.paths.iter().zip(&roll.kinds) {
            if let Some(ball) = self.balls.get_mut(*index).filter(|b| b.falling.is_none()) {
                let state = path.at(t);
                if state.motion != Motion::Pocketed {
                    ball.state = state;
                }
            }
        }
        while let Some(event) = roll
            .prediction
            .events
            .get(roll.next_event)
            .filter(|e| e.time_s <= t)
        {
            if let EventKind::Pocketed(which, pocket) = event.kind
                && let Some(ball) = roll.kinds.get(which).and_then(|i| self.balls.get_mut(*i))
            {
                // As fast as just before it lost its footing.
                let rim = roll
                    .prediction
                    .paths
                    .get(which)
                    .map(|p| p.at(event.time_s - 1e-6).velocity);
                ball.state.position = event.position;
                ball.state.velocity = rim.unwrap_or_default();
                ball.falling = Some((roll.since_s + event.time_s, pocket));
                self.pocketed.push((ball.kind, pocket));
            }
            roll.next_event += 1;
        }
        if t < end + 0.05 || self.balls.iter().any(|b| b.falling.is_some()) {
            return self.forget_fallen(roll);
        }
        for ball in &mut self.balls {
            ball.state = BallState::resting(ball.state.position);
        }
        self.after_rest()
    }

    /// Forgets balls that have fallen out of sight, here and in `roll`.
    pub(super) fn forget_fallen(&mut self, mut roll: Roll) -> Phase {
        let gone: Vec<usize> = self
            .balls
            .iter()
            .enumerate()
            .filter(|(_, b)| b.falling.is_some_and(|(since, _)| self.clock_s - since >= FALL_S))
            .map(|(i, _)| i)
            .collect();
        for index in gone.into_iter().rev() {
            self.balls.remove(index);
            for i in &mut roll.kinds {
                *i = match (*i).cmp(&index) {
                    std::cmp::Ordering::Less => *i,
                    std::cmp::Ordering::Equal => usize::MAX,
                    std::cmp::Ordering::Greater if *i == usize::MAX => *i,
                    std::cmp::Ordering::Greater => *i - 1,
                };
            }
        }
        Phase::Rolling(roll)
    }

    /// A ball that has lost its footing: free fall, held inside the pocket.
    pub(super) fn falling_at(&self, ball: &TableBall, fallen_s: f64, pocket: PocketId) -> Vec3 {
        let mut flat = ball.state.position + ball.state.velocity * fallen_s;
        if let Some(hole) = self.geometry.pocket(pocket) {
            // It starts with its centre over the edge and is inside the hole when it has sunk.
            let inside = (fallen_s / 0.06).min(1.0);
            let slack = (hole.radius - inside * self.table.ball.radius_m).max(0.0);
            flat = hole.centre + (flat - hole.centre).clamp_length_max(slack);
        }
        flat.extend(self.table.ball.radius_m - 0.5 * GRAVITY * fallen_s * fallen_s)
    }
}
