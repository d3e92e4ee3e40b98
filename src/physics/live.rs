//! The live driver: balls in step with a clock, in a rapier world that really steps.
//!
//! Every tick rapier integrates the balls and finds its contact pairs; a hook tells its solver to
//! leave them alone, because its impulses are two-dimensional, single-precision and depend on the
//! step. The pairs say who can meet whom before the tick ends; when they meet, and what that
//! does, is the core's, as in the event driver, to the last bit.

use std::fmt;

use rapier2d::prelude::{
    ActiveHooks, ColliderBuilder, ColliderHandle, PairFilterContext, PhysicsHooks, PhysicsWorld,
    RigidBodyBuilder, RigidBodyHandle, SolverFlags, Vector,
};

use super::prediction::{BallIndex, BallState, Motion, Prediction};
use super::solver::{Neighbours, Rules, Shot};
use super::tree::{Bounds, Obstacle, single};
use super::{BadInput, CueStrike, prepare};
use crate::table::TableSpec;
use crate::units::Vec2;

/// A table on which balls roll as time goes by.
///
/// ```
/// use billiards_trainer::physics::{CueStrike, LiveTable, prediction::BallState};
/// use billiards_trainer::{table::TableSpec, units::Vec2};
///
/// let mut live = LiveTable::new(&TableSpec::pool_9ft());
/// let balls = [BallState::resting(Vec2::new(-0.6, 0.0)), BallState::resting(Vec2::new(0.6, 0.1))];
/// let stroke = CueStrike { stick_speed_m_s: 2.0, direction: 0.08, elevation: 0.0, side: 0.0, height: 0.0 };
/// live.start(&balls, Some(0), Some(stroke))?;
/// while live.step() {
///     // draw live.states(), play the sounds of live.log().events
/// }
/// # Ok::<(), billiards_trainer::physics::BadInput>(())
/// ```
pub struct LiveTable {
    rules: Rules,
    world: PhysicsWorld,
    balls: Vec<RigidBodyHandle>,
    pairs: Pairs,
    shot: Shot,
    start: Vec<BallState>,
    now_s: f64,
    rolling: bool,
}

impl LiveTable {
    /// Ticks a second.
    pub const RATE_HZ: f64 = 120.0;

    /// Two bodies nearer than this are a pair, metres. A tick in which two could come nearer to
    /// each other by more is cut into shorter steps.
    const REACH_M: f64 = 0.25;
    /// A body further than this from where it should be (rapier rounds) is set right, metres.
    const DRIFT_M: f32 = 1e-6;
    /// Where pocketed balls wait, metres.
    const ASIDE_M: f64 = 20.0;

    /// An empty table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        let rules = Rules::new(table);
        let mut world = PhysicsWorld::new();
        world.gravity = Vector::ZERO;
        world.integration_parameters.normalized_prediction_distance =
            Self::REACH_M as f32 / world.integration_parameters.length_unit;
        for (i, line) in rules.lines.iter().enumerate() {
            let shape = ColliderBuilder::segment(single(line.a), single(line.b));
            insert_still(&mut world, shape, Obstacle::Line(i));
        }
        for (i, jaw) in rules.geometry.jaws.iter().enumerate() {
            let shape = ColliderBuilder::ball(jaw.radius as f32).translation(single(jaw.centre));
            insert_still(&mut world, shape, Obstacle::Jaw(i));
        }
        for (i, pocket) in rules.geometry.pockets.iter().enumerate() {
            let shape = ColliderBuilder::ball(pocket.radius as f32).translation(single(pocket.centre));
            insert_still(&mut world, shape, Obstacle::Pocket(i));
        }
        Self {
            rules,
            world,
            balls: Vec::new(),
            pairs: Pairs::default(),
            shot: Shot::default(),
            start: Vec::new(),
            now_s: 0.0,
            rolling: false,
        }
    }

    /// Puts these balls on the table and strikes `cue_ball`; without a strike they run on from
    /// the state they are in. Overlaps are forgiven as by [`super::Simulator::simulate`].
    ///
    /// # Errors
    /// [`BadInput`]; the table then is as it was.
    pub fn start(
        &mut self,
        balls: &[BallState],
        cue_ball: Option<BallIndex>,
        strike: Option<CueStrike>,
    ) -> Result<(), BadInput> {
        if let (Some(_), None) = (strike, cue_ball) {
            return Err(BadInput::NoSuchBall { ball: balls.len() });
        }
        let stroke = prepare(&self.rules, balls, cue_ball, strike, &mut self.start)?;
        while self.balls.len() < self.start.len() {
            let (body, _) = self.world.insert(
                RigidBodyBuilder::dynamic().lock_rotations().can_sleep(false),
                ColliderBuilder::ball(self.rules.radius as f32)
                    .active_hooks(ActiveHooks::FILTER_CONTACT_PAIRS)
                    .user_data(encode(Obstacle::Ball(self.balls.len()))),
            );
            self.balls.push(body);
        }
        self.now_s = 0.0;
        self.rolling = true;
        // Nobody knows of anybody yet; the first tick tells.
        self.pairs.begin(self.balls.len());
        self.shot.begin(
            &self.rules,
            &mut self.pairs,
            &self.start,
            cue_ball,
            strike.is_some(),
        );
        stroke.note_in(&mut self.shot);
        Ok(())
    }

    /// Lets one tick pass. False once everything rests.
    pub fn step(&mut self) -> bool {
        if !self.rolling {
            return false;
        }
        let tick_s = 1.0 / Self::RATE_HZ;
        let nearer = 2.0 * self.shot.speed_bound(&self.rules) * tick_s;
        // Half a millimetre of the reach is for rapier's rounding and the spacers.
        let steps = (nearer / (Self::REACH_M - 5e-4)).ceil().clamp(1.0, 1000.0);
        let end = self.now_s + tick_s;
        for step in 1..=steps as u32 {
            let to = end - tick_s * (steps - f64::from(step)) / steps;
            self.integrate(to);
            self.shot.look_around(&self.rules, &mut self.pairs);
            self.rolling = self.shot.play_until(&self.rules, &mut self.pairs, to);
            self.now_s = to;
            if !self.rolling {
                break;
            }
        }
        self.rolling
    }

    /// True while something is still to happen.
    #[must_use]
    pub fn is_rolling(&self) -> bool {
        self.rolling
    }

    /// Time since the stroke, seconds.
    #[must_use]
    pub fn now_s(&self) -> f64 {
        self.now_s
    }

    /// Every ball now.
    pub fn states(&self) -> impl Iterator<Item = BallState> {
        self.states_at(self.now_s)
    }

    /// Every ball `t` seconds after the stroke, but no later than now.
    pub fn states_at(&self, t: f64) -> impl Iterator<Item = BallState> {
        self.shot.states_at(t.min(self.now_s))
    }

    /// What has happened so far; the whole of it, equal to the event driver's, once nothing is rolling.
    #[must_use]
    pub fn log(&self) -> &Prediction {
        self.shot.log()
    }

    /// Sets rapier's bodies to where the balls are and on their way, lets rapier step to `to`,
    /// and notes its pairs.
    fn integrate(&mut self, to: f64) {
        let step_s = to - self.now_s;
        self.world.integration_parameters.dt = step_s as f32;
        let places = self.shot.states_at(self.now_s).zip(self.shot.states_at(to));
        for (index, ((now, then), handle)) in places.zip(&self.balls).enumerate() {
            let aside = Vec2::new(Self::ASIDE_M + index as f64, Self::ASIDE_M);
            let gone = now.motion == Motion::Pocketed;
            let (from, way) = if gone {
                (aside, Vec2::ZERO)
            } else {
                (now.position, then.position - now.position)
            };
            if let Some(body) = self.world.bodies.get_mut(*handle) {
                put(body, from, way / step_s);
            }
        }
        for (index, handle) in self.balls.iter().enumerate().skip(self.start.len()) {
            let aside = Vec2::new(Self::ASIDE_M + index as f64, Self::ASIDE_M);
            if let Some(body) = self.world.bodies.get_mut(*handle) {
                put(body, aside, Vec2::ZERO);
            }
        }
        self.world.step_with_events(&LeaveAlone, &());
        self.pairs.begin(self.balls.len());
        for pair in self.world.narrow_phase.contact_pairs() {
            let named = |handle: ColliderHandle| {
                let collider = self.world.colliders.get(handle)?;
                decode(collider.user_data)
            };
            if let (Some(a), Some(b)) = (named(pair.collider1), named(pair.collider2)) {
                self.pairs.note(a, b);
            }
        }
        self.pairs.sort();
    }
}

fn put(body: &mut rapier2d::prelude::RigidBody, at: Vec2, velocity: Vec2) {
    let at = single(at);
    if (body.translation() - at).length() > LiveTable::DRIFT_M {
        body.set_translation(at, true);
    }
    body.set_linvel(single(velocity), true);
}

impl fmt::Debug for LiveTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTable")
            .field("balls", &self.start.len())
            .field("now_s", &self.now_s)
            .field("rolling", &self.rolling)
            .finish_non_exhaustive()
    }
}

/// Tells rapier to find contacts and its solver not to touch them.
struct LeaveAlone;

impl PhysicsHooks for LeaveAlone {
    fn filter_contact_pair(&self, _: &PairFilterContext<'_>) -> Option<SolverFlags> {
        Some(SolverFlags::empty())
    }
}

/// Who is near whom, as of the last step of rapier.
#[derive(Debug, Default)]
struct Pairs {
    of: Vec<Vec<Obstacle>>,
}

impl Pairs {
    fn begin(&mut self, balls: usize) {
        self.of.resize_with(balls, Vec::new);
        self.of.iter_mut().for_each(Vec::clear);
    }

    fn note(&mut self, a: Obstacle, b: Obstacle) {
        for (one, other) in [(a, b), (b, a)] {
            if let Obstacle::Ball(ball) = one
                && let Some(list) = self.of.get_mut(ball)
            {
                list.push(other);
            }
        }
    }

    fn sort(&mut self) {
        for list in &mut self.of {
            list.sort_unstable();
            list.dedup();
        }
    }
}

impl Neighbours for Pairs {
    fn in_reach(&self, ball: usize, _: &Bounds, found: &mut Vec<Obstacle>) {
        found.clear();
        if let Some(list) = self.of.get(ball) {
            found.extend_from_slice(list);
        }
    }

    fn place(&mut self, _: usize, _: &Bounds) {}
}

fn insert_still(world: &mut PhysicsWorld, shape: ColliderBuilder, obstacle: Obstacle) {
    world.insert_collider(shape.user_data(encode(obstacle)), None);
}

fn encode(obstacle: Obstacle) -> u128 {
    let (kind, index) = match obstacle {
        Obstacle::Line(i) => (0, i),
        Obstacle::Jaw(i) => (1, i),
        Obstacle::Pocket(i) => (2, i),
        Obstacle::Ball(i) => (3, i),
    };
    (kind << 64) | index as u128
}

fn decode(name: u128) -> Option<Obstacle> {
    let index = name as u64 as usize;
    match name >> 64 {
        0 => Some(Obstacle::Line(index)),
        1 => Some(Obstacle::Jaw(index)),
        2 => Some(Obstacle::Pocket(index)),
        3 => Some(Obstacle::Ball(index)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_round_trip() {
        for obstacle in [
            Obstacle::Line(17),
            Obstacle::Jaw(0),
            Obstacle::Pocket(5),
            Obstacle::Ball(21),
        ] {
            assert_eq!(decode(encode(obstacle)), Some(obstacle));
        }
    }
}
