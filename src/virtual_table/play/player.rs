//! What happens between shots: the rules put balls back, the player picks the next shot.

use super::{Aim, Phase, Play, TableBall};
use crate::physics::CueStrike;
use crate::physics::prediction::BallState;
use crate::table::{BallKind, BallSet, Group};
use crate::units::Vec2;
use crate::virtual_table::scene::{self, SceneName};
use crate::virtual_table::shooter::{self, Target};
use crate::virtual_table::stroke::Stroke;

/// A rack is set up anew after so many shots, whatever is left.
const SHOTS_A_RACK: u32 = 60;

impl Play {
    /// The player chooses a shot and gets down on it.
    pub(super) fn take_aim(&mut self) -> Phase {
        let Some(cue) = self.cue_ball() else {
            return self.after_rest();
        };
        let targets: Vec<Target> = self
            .on_table()
            .filter(|b| b.kind.group != Group::Cue)
            .map(|b| Target {
                position: b.state.position,
                allowed: self.may_hit(b.kind),
            })
            .collect();
        let racked = self.shots == 0
            && matches!(
                self.scene,
                SceneName::Break | SceneName::Nine | SceneName::Snooker
            );
        let strike = match shooter::break_ball(&self.table, cue, &targets) {
            Some(first) if racked => shooter::break_shot(cue, first, &self.table, &mut self.random),
            _ => {
                let (_, states, cue_ball) = self.states();
                // Where the targets, every ball but the cue ball, are among the states.
                let others: Vec<usize> = (0..states.len()).filter(|i| Some(*i) != cue_ball).collect();
                let simulator = &mut self.simulator;
                let works = |strike: &CueStrike, target: usize| {
                    let Some((cue_ball, &object)) = cue_ball.zip(others.get(target)) else {
                        return false;
                    };
                    let shot = simulator.simulate(&states, Some((cue_ball, *strike)));
                    shot.pocket_of(object).is_some() && shot.pocket_of(cue_ball).is_none()
                };
                let random = &mut self.random;
                shooter::choose(&self.table, &self.geometry, cue, &targets, random, works)
            }
        };
        let random = &mut self.random;
        let strike = self
            .manner
            .map_or(strike, |manner| manner.of_strike(strike, random));
        Phase::Aiming(Aim {
            stroke: Stroke {
                speed_m_s: strike.stick_speed_m_s,
                settle_s: 0.9 + 0.4 * random.f64(),
                warm_ups: random.u8(2..=3),
                gap_m: 0.018 + 0.02 * random.f64(),
                swing_m: 0.06 + 0.04 * random.f64(),
                period_s: 0.62 + 0.2 * random.f64(),
            },
            strike,
            since_s: self.clock_s,
            first_off: (random.f64() - 0.5) * 0.14,
        })
    }

    /// Which balls the rules let the player aim at.
    pub(super) fn may_hit(&self, kind: BallKind) -> bool {
        let any = |group: Group| self.on_table().any(|b| b.kind.group == group);
        match self.table.ball_set {
            BallSet::Carom => true,
            BallSet::Pool => {
                self.scene != SceneName::Nine
                    || self
                        .on_table()
                        .filter_map(|b| b.kind.number)
                        .filter(|n| *n > 0)
                        .min()
                        == kind.number
            }
            BallSet::Snooker if any(Group::Red) => (kind.group == Group::Red) != self.red_went_last,
            BallSet::Snooker if self.red_went_last => kind.group != Group::Red,
            BallSet::Snooker => {
                let lowest = self
                    .on_table()
                    .map(|b| b.kind.group)
                    .filter(|g| *g != Group::Cue)
                    .min();
                lowest == Some(kind.group)
            }
        }
    }

    /// All balls rest: put back what the rules put back, then the next shot.
    pub(super) fn after_rest(&mut self) -> Phase {
        let potted_red = self
            .pocketed
            .last()
            .is_some_and(|(kind, _)| kind.group == Group::Red);
        let reds_left = self.on_table().any(|b| b.kind.group == Group::Red);
        if self.table.ball_set == BallSet::Snooker {
            let back: Vec<BallKind> = self
                .pocketed
                .iter()
                .map(|(kind, _)| *kind)
                .filter(|kind| !matches!(kind.group, Group::Red | Group::Cue))
                .collect();
            if reds_left || self.red_went_last {
                for kind in back {
                    self.pocketed.retain(|(k, _)| *k != kind);
                    self.put_back(kind);
                }
            }
            self.red_went_last = potted_red && !self.red_went_last;
        }
        let objects = self.on_table().filter(|b| b.kind.group != Group::Cue).count();
        if self.scene.is_played() && (objects == 0 || self.shots >= SHOTS_A_RACK) {
            self.set_up();
            return Phase::Thinking {
                until_s: self.clock_s + 1.2,
            };
        }
        if self.cue_ball().is_none() && !self.balls.is_empty() {
            // A scratch: ball in hand.
            self.pocketed.retain(|(kind, _)| kind.group != Group::Cue);
            self.put_back(BallKind::pool(0));
        }
        match self.scene {
            SceneName::Still => Phase::Circling,
            scene if scene.is_played() => Phase::Thinking {
                until_s: self.clock_s + 0.5 + 0.7 * self.random.f64(),
            },
            _ => Phase::Idle,
        }
    }

    pub(super) fn put_back(&mut self, kind: BallKind) {
        if self.on_table().any(|b| b.kind == kind) {
            return;
        }
        let taken: Vec<Vec2> = self.on_table().map(|b| b.state.position).collect();
        let place = scene::free_place(scene::spot(kind, &self.table), &taken, &self.table);
        let id = self.happenings.id_of(kind);
        self.balls.push(TableBall::new(id, kind, place, &mut self.random));
    }

    pub(super) fn put_cue_ball(&mut self, wish: Vec2) {
        let r = self.table.ball.radius_m + 0.002;
        let reach = Vec2::new(self.table.half_length_m() - r, self.table.half_width_m() - r) / 1.02;
        let taken: Vec<Vec2> = self
            .on_table()
            .filter(|b| b.kind.group != Group::Cue)
            .map(|b| b.state.position)
            .collect();
        let place = scene::free_place(wish.clamp(-reach, reach), &taken, &self.table);
        if let Some(ball) = self
            .balls
            .iter_mut()
            .find(|b| b.kind.group == Group::Cue && b.falling.is_none())
        {
            ball.state = BallState::resting(place);
        }
    }
}
