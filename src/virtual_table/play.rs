//! The play: balls, cue and player in time. Knows nothing of pictures.

use std::sync::Arc;

use glam::DQuat;

use super::control::{Control, VirtualHandle};
use super::moment::{BallPose, CuePose, Moment};
use super::scene::{self, SceneName};
use super::shooter::{self, Target};
use super::stroke::Stroke;
use crate::physics::prediction::{BallState, EventKind, Motion, Prediction};
use crate::physics::{CueStrike, Simulator};
use crate::table::{BallKind, BallSet, Geometry, Group, PocketId, TableSpec};
use crate::units::{Vec2, Vec3, unit};
use crate::vision::observation::{TrueBall, TrueCue, Truth};

/// Standard gravity, m/s².
const GRAVITY: f64 = 9.81;
/// How long a ball is seen falling into a pocket, seconds.
const FALL_S: f64 = 0.16;
/// Longest stretch over which a ball's turning is integrated in one go, seconds.
const TURN_STEP_S: f64 = 1.0 / 240.0;
/// Height of the rails above the cloth that a cue must clear, and its own thickness, metres.
const CLEARANCE_M: f64 = 0.018;
const CUE_LENGTH_M: f64 = 1.47;
/// A rack is set up anew after so many shots, whatever is left.
const SHOTS_A_RACK: u32 = 60;

/// A ball that has not vanished.
#[derive(Clone, Debug)]
struct TableBall {
    kind: BallKind,
    state: BallState,
    orientation: DQuat,
    /// Since when it falls, seconds; `None` while it is on the table.
    falling: Option<(f64, PocketId)>,
}

/// What is going on.
#[derive(Debug)]
enum Phase {
    /// Nothing will happen by itself.
    Idle,
    /// The player walks around the table.
    Thinking { until_s: f64 },
    /// The player is down on the shot.
    Aiming(Aim),
    /// The operator holds the cue; a stroke may be under way.
    Operated { stroke: Option<Aim> },
    /// The cue circles the cue ball, for ever.
    Circling,
    /// Balls run.
    Rolling(Roll),
}

/// A shot being played.
#[derive(Clone, Copy, Debug)]
struct Aim {
    strike: CueStrike,
    stroke: Stroke,
    since_s: f64,
    /// How far off the player first points, radians.
    first_off: f64,
}

/// A shot after the impact.
#[derive(Debug)]
struct Roll {
    prediction: Prediction,
    /// Which ball each path belongs to.
    kinds: Vec<usize>,
    since_s: f64,
    next_event: usize,
    strike: CueStrike,
    /// Where the tip met the ball.
    met: Vec2,
}

/// Balls, cue and player on one table.
pub(super) struct Play {
    table: TableSpec,
    geometry: Geometry,
    scene: SceneName,
    random: fastrand::Rng,
    simulator: Simulator,
    balls: Vec<TableBall>,
    pocketed: Vec<(BallKind, PocketId)>,
    phase: Phase,
    clock_s: f64,
    shots: u32,
    red_went_last: bool,
    handle: VirtualHandle,
}

impl Play {
    pub(super) fn new(table: &TableSpec, scene: SceneName, seed: u64, handle: VirtualHandle) -> Self {
        let mut play = Self {
            geometry: Geometry::of(table),
            simulator: Simulator::new(table),
            table: table.clone(),
            scene,
            random: fastrand::Rng::with_seed(seed),
            balls: Vec::new(),
            pocketed: Vec::new(),
            phase: Phase::Idle,
            clock_s: 0.0,
            shots: 0,
            red_went_last: false,
            handle,
        };
        play.set_up();
        play
    }

    /// Advances by `dt_s` seconds.
    pub(super) fn step(&mut self, dt_s: f64) {
        let before = self.clock_s;
        self.clock_s += dt_s;
        let control = *self.handle.lock();
        if control.restart {
            self.handle.lock().restart = false;
            self.set_up();
        }
        if control.shoot && matches!(self.phase, Phase::Rolling(_)) {
            // Nobody shoots at rolling balls, nor by surprise once they rest.
            self.handle.lock().shoot = false;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        self.phase = match phase {
            Phase::Rolling(roll) => self.roll_on(roll, before),
            resting => self.at_rest(resting, control),
        };
        self.show_direction();
    }

    /// Where everything is now.
    pub(super) fn moment(&self) -> Moment {
        let balls = self
            .balls
            .iter()
            .map(|ball| {
                let mut centre = ball.state.position.extend(self.table.ball.radius_m);
                if let Some((since, pocket)) = ball.falling {
                    centre = self.falling_at(ball, self.clock_s - since, pocket);
                }
                BallPose {
                    kind: ball.kind,
                    centre_m: centre,
                    orientation: ball.orientation,
                    velocity_m_s: if ball.falling.is_some() {
                        Vec3::ZERO
                    } else {
                        ball.state.velocity.extend(0.0)
                    },
                }
            })
            .collect();
        Moment {
            balls,
            cue: self.cue().map(|(pose, _)| pose),
        }
    }

    /// What is really there now.
    pub(super) fn truth(&self) -> Arc<Truth> {
        Arc::new(Truth {
            balls: self
                .on_table()
                .map(|ball| TrueBall {
                    kind: ball.kind,
                    position_m: ball.state.position,
                    velocity_m_s: ball.state.velocity,
                })
                .collect(),
            cue: self.cue().map(|(pose, direction)| TrueCue {
                tip_m: pose.tip_m.truncate(),
                direction,
            }),
            pocketed: self.pocketed.clone(),
        })
    }

    /// Sets the scene up from the start.
    fn set_up(&mut self) {
        let layout = scene::layout(self.scene, &self.table, &mut self.random);
        self.balls = layout
            .into_iter()
            .map(|(kind, position)| TableBall {
                kind,
                state: BallState::resting(position),
                orientation: random_turn(&mut self.random),
                falling: None,
            })
            .collect();
        self.pocketed.clear();
        self.shots = 0;
        self.red_went_last = false;
        self.phase = match self.scene {
            SceneName::Still => Phase::Circling,
            scene if scene.is_played() => Phase::Thinking {
                until_s: self.clock_s + 0.8,
            },
            _ => Phase::Idle,
        };
    }

    fn on_table(&self) -> impl Iterator<Item = &TableBall> {
        self.balls.iter().filter(|b| b.falling.is_none())
    }

    fn cue_ball(&self) -> Option<Vec2> {
        self.on_table()
            .find(|b| b.kind.group == Group::Cue)
            .map(|b| b.state.position)
    }

    /// One step with all balls at rest.
    fn at_rest(&mut self, phase: Phase, control: Control) -> Phase {
        if let Some(wish) = control.place {
            self.handle.lock().place = None;
            self.put_cue_ball(wish);
        }
        match phase {
            Phase::Operated { stroke } if control.taken => self.operated(stroke, control),
            _ if control.taken && self.cue_ball().is_some() => self.operated(None, control),
            Phase::Operated { .. } => self.after_rest(),
            Phase::Thinking { until_s } if self.clock_s >= until_s => self.take_aim(),
            Phase::Aiming(aim) if self.clock_s - aim.since_s >= aim.stroke.impact_s() => self.strike(aim),
            other => other,
        }
    }

    fn operated(&mut self, stroke: Option<Aim>, control: Control) -> Phase {
        if let Some(aim) = stroke {
            if self.clock_s - aim.since_s >= aim.stroke.impact_s() {
                return self.strike(aim);
            }
            return Phase::Operated { stroke };
        }
        if !control.shoot {
            return Phase::Operated { stroke: None };
        }
        self.handle.lock().shoot = false;
        Phase::Operated {
            stroke: Some(Aim {
                strike: strike_of(&control),
                stroke: Stroke {
                    speed_m_s: control.speed_m_s,
                    settle_s: 0.0,
                    warm_ups: 0,
                    gap_m: OPERATOR_GAP_M,
                    swing_m: 0.0,
                    period_s: 1.0,
                },
                since_s: self.clock_s,
                first_off: 0.0,
            }),
        }
    }

    /// The player chooses a shot and gets down on it.
    fn take_aim(&mut self) -> Phase {
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
    fn may_hit(&self, kind: BallKind) -> bool {
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

    /// The balls on the table as physics takes them, their places in the list of balls, and
    /// which of the states is the cue ball's.
    fn states(&self) -> (Vec<usize>, Vec<BallState>, Option<usize>) {
        let standing = self.balls.iter().enumerate().filter(|(_, b)| b.falling.is_none());
        let (kinds, states) = standing.map(|(index, ball)| (index, ball.state)).unzip();
        let cue_ball = self.on_table().position(|b| b.kind.group == Group::Cue);
        (kinds, states, cue_ball)
    }

    /// The tip meets the ball: from here on physics knows everything.
    fn strike(&mut self, aim: Aim) -> Phase {
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

    fn roll_on(&mut self, mut roll: Roll, before_s: f64) -> Phase {
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
    fn forget_fallen(&mut self, mut roll: Roll) -> Phase {
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

    /// All balls rest: put back what the rules put back, then the next shot.
    fn after_rest(&mut self) -> Phase {
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

    fn put_back(&mut self, kind: BallKind) {
        if self.on_table().any(|b| b.kind == kind) {
            return;
        }
        let taken: Vec<Vec2> = self.on_table().map(|b| b.state.position).collect();
        let place = scene::free_place(scene::spot(kind, &self.table), &taken, &self.table);
        self.balls.push(TableBall {
            kind,
            state: BallState::resting(place),
            orientation: random_turn(&mut self.random),
            falling: None,
        });
    }

    fn put_cue_ball(&mut self, wish: Vec2) {
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

    /// A ball that has lost its footing: free fall, held inside the pocket.
    fn falling_at(&self, ball: &TableBall, fallen_s: f64, pocket: PocketId) -> Vec3 {
        let mut flat = ball.state.position + ball.state.velocity * fallen_s;
        if let Some(hole) = self.geometry.pocket(pocket) {
            let slack = (hole.radius - self.table.ball.radius_m).max(0.0);
            flat = hole.centre + (flat - hole.centre).clamp_length_max(slack);
        }
        flat.extend(self.table.ball.radius_m - 0.5 * GRAVITY * fallen_s * fallen_s)
    }

    /// The cue and the direction of its shot.
    fn cue(&self) -> Option<(CuePose, Vec2)> {
        match &self.phase {
            Phase::Idle | Phase::Thinking { .. } => None,
            Phase::Aiming(aim) => {
                let t = self.clock_s - aim.since_s;
                // The player swings into line while settling, with a trace of tremor until the stroke.
                let rest = (1.0 - t / aim.stroke.settle_s).clamp(0.0, 1.0);
                let calm = (1.0 - t / aim.stroke.impact_s()).clamp(0.0, 1.0);
                let tremor = 0.0004 * calm * ((7.1 * t).sin() + (11.3 * t).sin());
                let direction = aim.strike.direction + aim.first_off * rest * rest * rest + tremor;
                self.cue_behind(self.cue_ball()?, direction, &aim.strike, aim.stroke.gap_at(t))
            }
            Phase::Operated { stroke: Some(aim) } => {
                let gap = aim.stroke.gap_at(self.clock_s - aim.since_s);
                self.cue_behind(self.cue_ball()?, aim.strike.direction, &aim.strike, gap)
            }
            Phase::Operated { stroke: None } => {
                let strike = strike_of(&self.handle.lock());
                self.cue_behind(self.cue_ball()?, strike.direction, &strike, OPERATOR_GAP_M)
            }
            Phase::Circling => {
                let direction = 0.25 * self.clock_s + 0.6 * (0.11 * self.clock_s).sin();
                let strike = CueStrike {
                    stick_speed_m_s: 0.0,
                    direction,
                    elevation: 0.0,
                    side: 0.0,
                    height: 0.0,
                };
                let gap = 0.04 + 0.015 * (0.9 * self.clock_s).sin();
                self.cue_behind(self.cue_ball()?, direction, &strike, gap)
            }
            Phase::Rolling(roll) => {
                // The stroke follows through a little, then the cue is lifted away.
                let t = self.clock_s - roll.since_s;
                if t > 0.22 {
                    return None;
                }
                let reach = 0.10;
                let through = reach * (1.0 - (-roll.strike.stick_speed_m_s * t / reach).exp());
                let along = unit(roll.strike.direction);
                let room = self.cue_ball().map_or(through, |cue| {
                    let ahead = cue - roll.met;
                    let beside = along.perp_dot(ahead).abs() > 2.0 * self.table.ball.radius_m;
                    if beside { through } else { ahead.dot(along) }
                });
                self.cue_behind(
                    roll.met,
                    roll.strike.direction,
                    &roll.strike,
                    -through.min(room.max(-0.3)),
                )
            }
        }
    }

    /// The cue `gap_m` behind a ball at `ball`.
    fn cue_behind(
        &self,
        ball: Vec2,
        direction: f64,
        strike: &CueStrike,
        gap_m: f64,
    ) -> Option<(CuePose, Vec2)> {
        let along = unit(direction);
        let r = self.table.ball.radius_m;
        let off = (strike.side.hypot(strike.height)).min(0.9) * r;
        let behind = (r * r - off * off).sqrt() + gap_m;
        let flat = ball - along * behind + along.perp() * (strike.side * r);
        let height = r * (1.0 + strike.height);
        let elevation = self.elevation(flat, along, height).max(strike.elevation);
        let (sin, cos) = elevation.sin_cos();
        let axis = (-along * cos).extend(sin);
        let tip = flat.extend(height + gap_m.max(0.0) * elevation.tan());
        Some((CuePose { tip_m: tip, axis }, along))
    }

    /// The least elevation that clears rails and balls behind the tip, radians.
    fn elevation(&self, tip: Vec2, along: Vec2, height: f64) -> f64 {
        let r = self.table.ball.radius_m;
        let (hl, hw) = (self.table.half_length_m(), self.table.half_width_m());
        let edge = self.table.cushion_width_m + self.table.rail_width_m;
        let mut steepest = 3.4_f64.to_radians().tan();
        let steps = 60_u32;
        for i in 1..=steps {
            let s = CUE_LENGTH_M * f64::from(i) / f64::from(steps);
            let p = tip - along * s;
            let beyond = (p.x.abs() - hl).max(p.y.abs() - hw);
            let mut need = 0.0;
            if beyond > 0.0 && beyond < edge {
                need = self.table.nose_height_m + 0.008 + CLEARANCE_M;
            }
            if self
                .on_table()
                .any(|b| b.kind.group != Group::Cue && b.state.position.distance(p) < r + 0.012)
            {
                need = 2.0 * r + CLEARANCE_M;
            }
            steepest = steepest.max((need - height) / s);
        }
        steepest.atan().min(1.0)
    }

    /// Lets the operator take over from where the script points.
    fn show_direction(&self) {
        let shown = match &self.phase {
            Phase::Aiming(aim) => aim.strike.direction,
            Phase::Circling => match self.cue() {
                Some((_, along)) => along.to_angle(),
                None => return,
            },
            _ => return,
        };
        let mut control = self.handle.lock();
        if !control.taken {
            control.direction = shown;
        }
    }
}

/// Gap between tip and cue ball while an operator aims, metres.
const OPERATOR_GAP_M: f64 = 0.03;

fn strike_of(control: &Control) -> CueStrike {
    CueStrike {
        stick_speed_m_s: control.speed_m_s,
        direction: control.direction,
        elevation: 0.0,
        side: control.tip.x,
        height: control.tip.y,
    }
}

/// Any orientation, all alike (Shoemake's uniform unit quaternion).
fn random_turn(random: &mut fastrand::Rng) -> DQuat {
    let (u, v, w) = (random.f64(), random.f64(), random.f64());
    let turn = std::f64::consts::TAU;
    let (s1, c1) = (turn * v).sin_cos();
    let (s2, c2) = (turn * w).sin_cos();
    let (a, b) = ((1.0 - u).sqrt(), u.sqrt());
    DQuat::from_xyzw(a * s1, a * c1, b * s2, b * c2).normalize()
}

#[cfg(test)]
mod tests;
