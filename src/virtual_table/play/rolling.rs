//! From the impact until every ball rests or has fallen.

use glam::DQuat;

use super::{Aim, Fall, Phase, Play, TableBall};
use crate::physics::prediction::{BallState, EventKind, Motion, ShotEvent};
use crate::physics::{CueStrike, LiveTable};
use crate::units::{Vec2, Vec3};
use crate::virtual_table::stroke::Stroke;
use crate::vision::observation::TrueHappening;

/// By how much an event changed a velocity, m/s: of two balls the one that changed more.
fn change_of(live: &LiveTable, event: EventKind, time_s: f64) -> f64 {
    /// Shorter than anything between two events that matter.
    const MOMENT_S: f64 = 1e-6;
    let change = |ball: usize| {
        let velocity = |t: f64| live.states_at(t).nth(ball).map(|state| state.velocity);
        let (before, after) = (velocity(time_s - MOMENT_S), velocity(time_s + MOMENT_S));
        before
            .zip(after)
            .map_or(0.0, |(before, after)| before.distance(after))
    };
    match event {
        EventKind::BallBall(a, b) => change(a).max(change(b)),
        EventKind::Cushion(a, _) | EventKind::Jaw(a, _) => change(a),
        _ => 0.0,
    }
}

/// How long a ball is seen falling into a pocket, seconds.
const FALL_S: f64 = 0.16;

/// A shot after the impact. The balls are on the live table.
#[derive(Debug)]
pub(super) struct Roll {
    /// Which ball each of the live table's is; what has vanished is none.
    pub(super) kinds: Vec<usize>,
    pub(super) since_s: f64,
    pub(super) next_event: usize,
    pub(super) strike: CueStrike,
    pub(super) stroke: Stroke,
    /// Where the tip met the ball.
    pub(super) met: Vec2,
}

impl Play {
    /// The tip meets the ball: from here on physics knows everything.
    pub(super) fn strike(&mut self, mut aim: Aim) -> Phase {
        let now = aim.since_s + aim.stroke.impact_s();
        let (kinds, states, cue_ball) = self.states();
        let met = self.cue_ball().unwrap_or_default();
        self.shots += 1;
        self.litter.on_cloth.clear();
        if self.manner.is_some()
            && let Some((cue, _)) = self.cue_behind(met, aim.strike.direction, &aim.strike, 0.0)
        {
            // Rails and balls may have lifted the stick above what the player is used to.
            aim.strike.elevation = cue.axis.z.clamp(-1.0, 1.0).asin();
        }
        let strike = cue_ball.map(|_| aim.strike);
        if let Err(bad) = self.live.start(&states, cue_ball, strike) {
            tracing::warn!("the virtual table can't play a shot: {bad}");
            return self.after_rest();
        }
        if let Some(ball) = cue_ball
            .and_then(|i| kinds.get(i))
            .and_then(|i| self.balls.get(*i))
        {
            let after = self.live.states_at(0.0).nth(cue_ball.unwrap_or(0));
            let speed = after.map_or(0.0, |state| state.velocity.length());
            self.happenings.note(now, TrueHappening::Struck(ball.id), speed);
        }
        Phase::Rolling(Roll {
            kinds,
            since_s: now,
            next_event: 0,
            strike: aim.strike,
            stroke: aim.stroke,
            met,
        })
    }

    pub(super) fn roll_on(&mut self, mut roll: Roll, before_s: f64) -> Phase {
        let t = self.clock_s - roll.since_s;
        let mut from = (before_s - roll.since_s).max(0.0);
        while from < t {
            // Turning is integrated tick by tick.
            let to = (from + 0.5 / LiveTable::RATE_HZ).min(t);
            while self.live.now_s() < to && self.live.step() {}
            for (state, index) in self.live.states_at(0.5 * (from + to)).zip(&roll.kinds) {
                if let Some(ball) = self.balls.get_mut(*index).filter(|b| b.falling.is_none())
                    && state.spin != Vec3::ZERO
                {
                    ball.orientation =
                        (DQuat::from_scaled_axis(state.spin * (to - from)) * ball.orientation).normalize();
                }
            }
            from = to;
        }
        // Rows that are exposed later than the moment itself show what is still to come.
        while self.live.now_s() < t + self.lead_s && self.live.step() {}
        self.note_events(&mut roll, t);
        if t < 0.0 {
            return Phase::Rolling(roll);
        }
        for (state, index) in self.live.states_at(t).zip(&roll.kinds) {
            if let Some(ball) = self.balls.get_mut(*index).filter(|b| b.falling.is_none())
                && state.motion != Motion::Pocketed
            {
                ball.state = state;
            }
        }
        let settled = !self.live.is_rolling() && t >= self.live.log().duration_s + 0.05;
        if !settled || self.balls.iter().any(|b| b.falling.is_some()) {
            return self.forget_fallen(roll);
        }
        // A ball that only spins on the spot is at rest for everybody who looks.
        let stops = |event: &ShotEvent| match event.kind {
            EventKind::Transition(_, from, to) if from.travels() && !to.travels() => Some(event.time_s),
            EventKind::Pocketed(..) => Some(event.time_s),
            _ => None,
        };
        let last_s = self
            .live
            .log()
            .events
            .iter()
            .filter_map(stops)
            .fold(0.0, f64::max);
        let rest_s = roll.since_s + last_s;
        self.happenings.note(rest_s, TrueHappening::AtRest, 0.0);
        for ball in &mut self.balls {
            ball.state = BallState::resting(ball.state.position);
        }
        self.after_rest()
    }

    /// A ball as the rows of a picture show it that are exposed `row_s` later than the moment, and that time.
    pub(super) fn seen(
        &self,
        index: usize,
        ball: &TableBall,
        row_s: impl Fn(Vec3) -> f64,
    ) -> (BallState, f64) {
        let late = row_s(ball.state.position.extend(self.table.ball.radius_m));
        let Phase::Rolling(roll) = &self.phase else {
            return (ball.state, late);
        };
        let t = self.clock_s - roll.since_s + late;
        if late == 0.0 || t < 0.0 || ball.falling.is_some() {
            return (ball.state, late);
        }
        let place = roll.kinds.iter().position(|i| *i == index);
        let state = place.and_then(|place| self.live.states_at(t).nth(place));
        let state = state.filter(|state| state.motion != Motion::Pocketed);
        (state.unwrap_or(ball.state), late)
    }

    /// What an event means, in the balls' own numbers.
    fn happening(&self, kinds: &[usize], event: EventKind) -> Option<TrueHappening> {
        let id = |which: usize| kinds.get(which).and_then(|i| self.balls.get(*i)).map(|b| b.id);
        Some(match event {
            EventKind::BallBall(a, b) => TrueHappening::Contact(id(a)?, id(b)?),
            EventKind::Cushion(a, _) | EventKind::Jaw(a, _) => TrueHappening::Cushion(id(a)?),
            EventKind::Pocketed(a, pocket) => TrueHappening::Pocketed(id(a)?, pocket),
            _ => return None,
        })
    }

    /// How far a ball has sunk after falling for so long, metres.
    pub(super) fn fallen_m(&self, fallen_s: f64) -> f64 {
        0.5 * self.table.physics.gravity_m_s2 * fallen_s * fallen_s
    }

    /// Takes note of what has happened until `t`.
    fn note_events(&mut self, roll: &mut Roll, t: f64) {
        let log = self.live.log();
        while let Some(event) = log.events.get(roll.next_event).filter(|e| e.time_s <= t) {
            roll.next_event += 1;
            let when = roll.since_s + event.time_s;
            if let Some(what) = self.happening(&roll.kinds, event.kind) {
                let change = change_of(&self.live, event.kind, event.time_s);
                self.happenings.note(when, what, change);
            }
            let (EventKind::OverEdge(which, _)
            | EventKind::BackOut(which, _)
            | EventKind::Pocketed(which, _)) = event.kind
            else {
                continue;
            };
            let Some(ball) = roll.kinds.get(which).and_then(|i| self.balls.get_mut(*i)) else {
                continue;
            };
            match event.kind {
                EventKind::OverEdge(..) => ball.over_edge_s = Some(when),
                EventKind::Pocketed(_, pocket) => {
                    // As fast as just before the pocket had it.
                    let path = log.paths.get(which);
                    let last = path.and_then(|path| path.pieces.last());
                    ball.state.position = event.position;
                    ball.state.velocity = last
                        .map(|piece| piece.at(piece.end_s).velocity)
                        .unwrap_or_default();
                    ball.falling = Some(Fall {
                        since_s: ball.over_edge_s.unwrap_or(when),
                        lost_s: when,
                        pocket,
                    });
                    self.pocketed.push((ball.kind, pocket));
                }
                _ => ball.over_edge_s = None,
            }
        }
    }

    /// Forgets balls that have fallen out of sight, here and in `roll`.
    pub(super) fn forget_fallen(&mut self, mut roll: Roll) -> Phase {
        let gone: Vec<usize> = self
            .balls
            .iter()
            .enumerate()
            .filter(|(_, b)| {
                b.falling
                    .is_some_and(|fall| self.clock_s - fall.since_s >= FALL_S)
            })
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
    pub(super) fn falling_at(&self, ball: &TableBall, fall: Fall) -> Vec3 {
        let (fallen_s, lost_s) = (self.clock_s - fall.since_s, self.clock_s - fall.lost_s);
        let mut flat = ball.state.position + ball.state.velocity * lost_s;
        if let Some(hole) = self.geometry.pocket(fall.pocket) {
            // It starts with its centre over the edge and is inside the hole when it has sunk.
            let inside = (fallen_s / 0.06).min(1.0);
            let slack = (hole.radius - inside * self.table.ball.radius_m).max(0.0);
            flat = hole.centre + (flat - hole.centre).clamp_length_max(slack);
        }
        flat.extend(self.table.ball.radius_m - self.fallen_m(fallen_s))
    }
}
