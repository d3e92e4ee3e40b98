//! The play: balls, cue and player in time. Knows nothing of pictures.

mod company;
mod happenings;
mod player;
mod rolling;
mod stick;
#[cfg(test)]
mod tests;

use glam::DQuat;

use super::company::Company;
use super::control::{Control, VirtualHandle};
use super::litter::Litter;
use super::manner::Manner;
use super::moment::{BallPose, CuePose, Moment};
use super::people::Stance;
use super::scene::{self, SceneName};
use super::stroke::Stroke;
use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, LiveTable, Simulator};
use crate::table::{BallKind, Geometry, Group, PocketId, TableSpec};
use crate::units::{Vec2, Vec3};
use crate::vision::observation::{TrueBall, TrueCue, TrueEvent, TrueStroke, Truth};
use happenings::Happenings;
use rolling::Roll;

/// Balls, cue and player on one table.
pub(super) struct Play {
    table: TableSpec,
    geometry: Geometry,
    scene: SceneName,
    random: fastrand::Rng,
    /// Tries out what the player thinks of.
    simulator: Simulator,
    /// Where the balls roll.
    live: LiveTable,
    balls: Vec<TableBall>,
    pocketed: Vec<(BallKind, PocketId)>,
    phase: Phase,
    clock_s: f64,
    shots: u32,
    red_went_last: bool,
    handle: VirtualHandle,
    company: Company,
    manner: Option<Manner>,
    /// Colour of the cloth, for people dressed in it.
    cloth_srgb: [u8; 3],
    litter: Litter,
    /// How the player stands to the shot.
    stance: Option<Stance>,
    /// What has happened and was not told yet.
    happenings: Happenings,
    /// How far ahead of the clock the balls are known, seconds: the last rows of a picture are
    /// exposed after its middle.
    lead_s: f64,
}

/// A ball that has not vanished.
#[derive(Clone, Debug)]
struct TableBall {
    /// Which of the set.
    id: u32,
    kind: BallKind,
    state: BallState,
    orientation: DQuat,
    /// Since when it has been over the edge of a hole, seconds.
    over_edge_s: Option<f64>,
    /// `None` while it is on the table.
    falling: Option<Fall>,
}

/// A ball that a pocket has.
#[derive(Clone, Copy, Debug)]
struct Fall {
    /// When it lost the cloth, seconds.
    since_s: f64,
    /// When the pocket had it for good, seconds: where its `state` is from.
    lost_s: f64,
    pocket: PocketId,
}

impl TableBall {
    fn new(id: u32, kind: BallKind, position: Vec2, random: &mut fastrand::Rng) -> Self {
        Self {
            id,
            kind,
            state: BallState::resting(position),
            orientation: random_turn(random),
            over_edge_s: None,
            falling: None,
        }
    }

    /// True where it lies or rolls on the cloth.
    fn is_on_table(&self) -> bool {
        self.falling.is_none() && self.over_edge_s.is_none()
    }
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

impl Play {
    pub(super) fn new(table: &TableSpec, scene: SceneName, seed: u64, handle: VirtualHandle) -> Self {
        let mut play = Self {
            geometry: Geometry::of(table),
            simulator: Simulator::new(table),
            live: LiveTable::new(table),
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
            company: Company::none(),
            manner: None,
            cloth_srgb: [0; 3],
            litter: Litter::default(),
            stance: None,
            happenings: Happenings::default(),
            lead_s: 0.0,
        };
        play.set_up();
        play
    }

    /// The same play with its balls known this long ahead of its clock, seconds.
    pub(super) fn looking_ahead(mut self, lead_s: f64) -> Self {
        self.lead_s = lead_s;
        self
    }

    /// Time until the tip meets the ball, seconds, while somebody is down on a shot.
    pub(super) fn until_impact_s(&self) -> Option<f64> {
        match &self.phase {
            Phase::Aiming(aim) | Phase::Operated { stroke: Some(aim) } => {
                Some(aim.since_s + aim.stroke.impact_s() - self.clock_s)
            }
            _ => None,
        }
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
        if let Some(wish) = control.place {
            // Whoever puts a ball there clears the place first.
            self.litter.make_room(wish, &self.table);
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
        self.take_stance();
    }

    /// Where everything is now.
    #[cfg(test)]
    pub(super) fn moment(&self) -> Moment {
        self.moment_by_rows(|_| 0.0)
    }

    /// Where everything is that a picture of now shows, whose rows for a place are exposed so much
    /// later, seconds.
    pub(super) fn moment_by_rows(&self, row_s: impl Fn(Vec3) -> f64) -> Moment {
        let balls = self
            .balls
            .iter()
            .enumerate()
            .map(|(index, ball)| {
                let (state, _) = self.seen(index, ball, &row_s);
                let mut centre = state.position.extend(self.table.ball.radius_m);
                if let Some(fall) = ball.falling {
                    centre = self.falling_at(ball, fall);
                } else if let Some(since) = ball.over_edge_s {
                    centre.z -= self.fallen_m(self.clock_s - since);
                }
                BallPose {
                    kind: ball.kind,
                    centre_m: centre,
                    orientation: ball.orientation,
                    velocity_m_s: if ball.falling.is_some() {
                        Vec3::ZERO
                    } else {
                        state.velocity.extend(0.0)
                    },
                }
            })
            .collect();
        Moment {
            balls,
            cue: self.cue().map(|(pose, _)| pose),
            things: self.things(),
        }
    }

    /// What is really there now, every ball as if nothing hid it.
    pub(super) fn truth(&self) -> Truth {
        self.truth_by_rows(|_| 0.0)
    }

    /// The same as a picture shows it; see [`Self::moment_by_rows`]. Without what happened.
    pub(super) fn truth_by_rows(&self, row_s: impl Fn(Vec3) -> f64) -> Truth {
        let standing = self.balls.iter().enumerate().filter(|(_, b)| b.is_on_table());
        Truth {
            balls: standing
                .map(|(index, ball)| {
                    let (state, row_s) = self.seen(index, ball, &row_s);
                    TrueBall {
                        id: ball.id,
                        kind: ball.kind,
                        position_m: state.position,
                        velocity_m_s: state.velocity,
                        row_s,
                        visible: 1.0,
                    }
                })
                .collect(),
            events: Vec::new(),
            cue: self.cue().map(|(pose, direction)| true_cue(&pose, direction)),
            stroke: match &self.phase {
                Phase::Rolling(roll) => Some(TrueStroke {
                    ago_s: self.clock_s - roll.since_s,
                    strike: roll.strike,
                }),
                _ => None,
            },
            pocketed: self.pocketed.clone(),
        }
    }

    /// What happened since this was asked last.
    pub(super) fn take_happenings(&mut self) -> Vec<TrueEvent> {
        self.happenings.take(self.clock_s)
    }

    /// Shows the cue as it is `ahead_s` from now, in the picture and in its truth.
    pub(super) fn show_cue_at(&self, ahead_s: f64, moment: &mut Moment, truth: &mut Truth) {
        if let Some((pose, direction)) = self.cue_at(ahead_s) {
            moment.cue = Some(pose);
            truth.cue = Some(true_cue(&pose, direction));
        }
    }

    /// The same play by somebody who strokes like this.
    pub(super) fn in_manner(mut self, manner: Option<Manner>) -> Self {
        self.manner = manner;
        self
    }

    /// Sets the scene up from the start.
    fn set_up(&mut self) {
        let layout = scene::layout(self.scene, &self.table, &mut self.random);
        self.balls = layout
            .into_iter()
            .zip(0..)
            .map(|((kind, position), id)| TableBall::new(id, kind, position, &mut self.random))
            .collect();
        self.happenings.number(self.balls.iter().map(|b| (b.kind, b.id)));
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
        self.spread_litter();
        self.stance = None;
    }

    /// The balls that lie on the cloth.
    fn on_table(&self) -> impl Iterator<Item = &TableBall> {
        self.balls.iter().filter(|b| b.is_on_table())
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
            Phase::Aiming(aim) if self.is_due(&aim) => self.strike(aim),
            other => other,
        }
    }

    /// The tip meets the ball before the last row of this moment's picture is exposed.
    fn is_due(&self, aim: &Aim) -> bool {
        self.clock_s + self.lead_s - aim.since_s >= aim.stroke.impact_s()
    }

    fn operated(&mut self, stroke: Option<Aim>, control: Control) -> Phase {
        if let Some(aim) = stroke {
            if self.is_due(&aim) {
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

    /// The balls on the table as physics takes them, their places in the list of balls, and
    /// which of the states is the cue ball's.
    fn states(&self) -> (Vec<usize>, Vec<BallState>, Option<usize>) {
        let standing = self.balls.iter().enumerate().filter(|(_, b)| b.falling.is_none());
        let (kinds, states) = standing.map(|(index, ball)| (index, ball.state)).unzip();
        let cue_ball = self.on_table().position(|b| b.kind.group == Group::Cue);
        (kinds, states, cue_ball)
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

fn true_cue(pose: &CuePose, direction: Vec2) -> TrueCue {
    TrueCue {
        tip_m: pose.tip_m.truncate(),
        tip_height_m: pose.tip_m.z,
        direction,
        elevation: pose.axis.z.clamp(-1.0, 1.0).asin(),
        shown_m: 0.0,
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
