//! From event to event: what happens next, what it does, until everything rests.

use super::ball_ball::BallContact;
use super::cushion::CushionContact;
use super::meetings::Meetings;
use super::motion::Phase;
use super::parameters::Parameters;
use super::prediction::{BallState, EventKind, Motion, Path, Prediction, ShotEvent};
use super::reach::{approach, reach_circle, reach_line, sweep};
use super::roots::{first_entry, first_entry_quadratic};
use super::spacer::{part_balls, part_from_line, part_from_point};
use super::world::{Bounds, Obstacle, World};
use crate::table::{Geometry, Segment, TableSpec};
use crate::units::Vec2;

/// More events than any real shot has; a hard break has some hundreds.
const EVENT_CAP: usize = 10_000;
/// A table as the solver needs it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub parameters: Parameters,
    pub radius: f64,
    pub geometry: Geometry,
    /// Noses, then facings.
    pub lines: Vec<Segment>,
    ball_contact: BallContact,
    cushion_contact: CushionContact,
    /// The corner of the nose lines: |x|, |y| of the playing surface.
    pub corner: Vec2,
    /// Beyond this |x|, |y| there is no table.
    edge: Vec2,
}

impl Rules {
    pub fn new(table: &TableSpec, parameters: Parameters) -> Self {
        let geometry = Geometry::of(table);
        let lines = geometry.noses.iter().chain(&geometry.facings).copied().collect();
        let radius = table.ball.radius_m;
        let corner = Vec2::new(table.half_length_m(), table.half_width_m());
        Self {
            parameters,
            radius,
            lines,
            geometry,
            ball_contact: BallContact::new(radius, &parameters),
            cushion_contact: CushionContact::new(radius, table.nose_height_m, &parameters),
            corner,
            edge: corner + Vec2::splat(table.cushion_width_m + table.rail_width_m),
        }
    }
}

/// Plays `balls` (with the struck ball's state as it leaves the tip, if one is struck) to the end.
pub(super) fn play(
    rules: &Rules,
    world: &mut World,
    balls: &[BallState],
    struck: Option<(usize, BallState)>,
) -> Prediction {
    let mut shot = Shot::new(rules, world, balls, struck);
    while let Some(next) = shot.next_event() {
        if shot.events.len() >= EVENT_CAP {
            shot.truncated = true;
            break;
        }
        shot.happen(next);
    }
    shot.finish()
}

/// Something that will happen unless something else happens first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    /// The ball begins another kind of motion.
    Transition(usize),
    /// The ball falls into a pocket.
    Pocket(usize, usize),
    /// The ball touches a straight cushion.
    Line(usize, usize),
    /// The ball touches a jaw.
    Jaw(usize, usize),
    /// The ball leaves the table, which only rounding could make it do.
    Escape(usize),
    /// Two balls touch.
    Meeting(usize, usize),
}

/// A ball in play.
#[derive(Clone, Debug)]
struct Body {
    /// The ball at `since`.
    state: BallState,
    since: f64,
    phase: Phase,
    /// When and what happens to it without another ball.
    own: (f64, Next),
    /// Where its centre stays until then.
    sweep: Bounds,
    path: Path,
}

impl Body {
    fn position_at(&self, t: f64) -> Vec2 {
        self.phase.position_at(&self.state, t - self.since)
    }

    fn velocity_at(&self, t: f64) -> Vec2 {
        self.state.velocity + self.phase.acceleration * (t - self.since)
    }

    fn moves(&self) -> bool {
        matches!(self.state.motion, Motion::Sliding | Motion::Rolling)
    }

    /// The ball at `t`; its way until then goes into its path.
    fn arrive(&mut self, t: f64) -> BallState {
        self.phase
            .record(&self.state, self.since, t, &mut self.path.pieces);
        self.phase.at(&self.state, t - self.since)
    }
}

/// A shot in progress.
struct Shot<'a> {
    rules: &'a Rules,
    world: &'a mut World,
    bodies: Vec<Body>,
    meetings: Meetings,
    events: Vec<ShotEvent>,
    /// What the world found last; kept to save allocations.
    found: Vec<Obstacle>,
    now: f64,
    truncated: bool,
}

impl<'a> Shot<'a> {
    fn new(
        rules: &'a Rules,
        world: &'a mut World,
        balls: &[BallState],
        struck: Option<(usize, BallState)>,
    ) -> Self {
        world.begin(balls.len());
        let bodies = balls.iter().map(|state| Body {
            state: *state,
            since: 0.0,
            phase: Phase::default(),
            own: (f64::INFINITY, Next::Transition(0)),
            sweep: Bounds {
                min: state.position,
                max: state.position,
            },
            path: Path::default(),
        });
        let mut shot = Self {
            rules,
            world,
            bodies: bodies.collect(),
            meetings: Meetings::new(balls.len()),
            events: Vec::with_capacity(32),
            found: Vec::new(),
            now: 0.0,
            truncated: false,
        };
        if let Some((ball, state)) = struck {
            if let Some(body) = shot.bodies.get_mut(ball) {
                body.state = state;
            }
            shot.tell(EventKind::Strike(ball), state.position);
        }
        for ball in 0..balls.len() {
            shot.plan(ball);
        }
        shot
    }

    /// The earliest event. Equal times: transitions and pockets before impacts, then the
    /// impact with more energy, then the lower ball.
    fn next_event(&self) -> Option<(f64, Next)> {
        let mut best: Option<(f64, Next)> = None;
        for (ball, body) in self.bodies.iter().enumerate() {
            let met = self.meetings.first(ball);
            let meeting = met
                .filter(|(_, with)| *with > ball)
                .map(|(time, with)| (time, Next::Meeting(ball, with)));
            for (time, next) in std::iter::once(body.own).chain(meeting) {
                let earlier = match &best {
                    None => time < f64::INFINITY,
                    Some((first, _)) if time != *first => time < *first,
                    Some((_, other)) => self.goes_first(next, *other, time),
                };
                if earlier {
                    best = Some((time, next));
                }
            }
        }
        best
    }

    fn goes_first(&self, a: Next, b: Next, time: f64) -> bool {
        let is_impact = |n: Next| matches!(n, Next::Line(..) | Next::Jaw(..) | Next::Meeting(..));
        let energy = |n: Next| {
            let of = |ball: usize| {
                self.bodies
                    .get(ball)
                    .map_or(0.0, |body| body.velocity_at(time).length_squared())
            };
            match n {
                Next::Meeting(a, b) => of(a) + of(b),
                Next::Line(a, _) | Next::Jaw(a, _) => of(a),
                Next::Transition(_) | Next::Pocket(..) | Next::Escape(_) => 0.0,
            }
        };
        match (is_impact(a), is_impact(b)) {
            (true, true) => energy(a) > energy(b),
            (first, second) => !first && second,
        }
    }

    fn happen(&mut self, (time, next): (f64, Next)) {
        // Rounding may put an event an instant before the last one.
        self.now = time.max(self.now);
        match next {
            Next::Transition(ball) => self.change_motion(ball),
            Next::Pocket(ball, pocket) => self.fall(ball, pocket),
            Next::Line(ball, line) => self.hit_line(ball, line),
            Next::Jaw(ball, jaw) => self.hit_jaw(ball, jaw),
            Next::Escape(ball) => self.leave(ball),
            Next::Meeting(a, b) => self.meet(a, b),
        }
    }

    fn change_motion(&mut self, ball: usize) {
        let Some(body) = self.bodies.get_mut(ball) else {
            return;
        };
        let was = body.state.motion;
        let after = body.phase.end(&body.state, self.rules.radius);
        body.arrive(self.now);
        let kind = EventKind::Transition(ball, was, after.motion);
        self.tell(kind, after.position);
        self.set(ball, after);
    }

    fn fall(&mut self, ball: usize, pocket: usize) {
        let (Some(body), Some(pocket)) = (self.bodies.get_mut(ball), self.rules.geometry.pockets.get(pocket))
        else {
            return;
        };
        let state = body.arrive(self.now);
        self.tell(EventKind::Pocketed(ball, pocket.id), state.position);
        self.set(
            ball,
            BallState {
                position: pocket.centre,
                motion: Motion::Pocketed,
                ..BallState::default()
            },
        );
    }

    fn hit_line(&mut self, ball: usize, line: usize) {
        let rules = self.rules;
        let (Some(body), Some(segment)) = (self.bodies.get_mut(ball), rules.lines.get(line)) else {
            return;
        };
        let mut state = body.arrive(self.now);
        let touched = state.position;
        part_from_line(&mut state, segment.a, segment.normal, rules.radius);
        let from_nose = segment.normal * (state.position - segment.a).dot(segment.normal);
        rules.cushion_contact.resolve(&mut state, from_nose);
        self.tell(EventKind::Cushion(ball, line), touched);
        self.set(ball, state);
    }

    fn hit_jaw(&mut self, ball: usize, jaw: usize) {
        let rules = self.rules;
        let (Some(body), Some(arc)) = (self.bodies.get_mut(ball), rules.geometry.jaws.get(jaw)) else {
            return;
        };
        let mut state = body.arrive(self.now);
        let touched = state.position;
        part_from_point(&mut state, arc.centre, arc.radius + rules.radius);
        // As in the reference, the impulse of a rounded jaw comes from the arc's centre at the
        // height of the nose: flatter (9° for a corner jaw) than the 16° of a straight nose.
        let from_centre = state.position - arc.centre;
        rules.cushion_contact.resolve(&mut state, from_centre);
        self.tell(EventKind::Jaw(ball, jaw), touched);
        self.set(ball, state);
    }

    fn meet(&mut self, a: usize, b: usize) {
        let now = self.now;
        let Ok([first, second]) = self.bodies.get_disjoint_mut([a, b]) else {
            return;
        };
        let (mut one, mut other) = (first.arrive(now), second.arrive(now));
        let touched = one.position;
        part_balls(&mut one, &mut other, 2.0 * self.rules.radius);
        let mut contact = self.rules.ball_contact;
        if self.meetings.chatters(a, b, now) {
            contact.restitution = 0.0;
        }
        contact.resolve(&mut one, &mut other);
        self.tell(EventKind::BallBall(a, b), touched);
        // Both are in their new state before either looks for the other.
        if let Some(body) = self.bodies.get_mut(b) {
            (body.state, body.since) = (other, now);
            body.phase = Phase::of(&other, self.rules.radius, &self.rules.parameters);
        }
        self.set(a, one);
        self.set(b, other);
    }

    /// A ball off the table stays where it left, and the prediction says that it is incomplete.
    fn leave(&mut self, ball: usize) {
        let Some(body) = self.bodies.get_mut(ball) else {
            return;
        };
        let state = body.arrive(self.now);
        self.truncated = true;
        self.set(ball, BallState::resting(state.position));
    }

    fn tell(&mut self, kind: EventKind, position: Vec2) {
        self.events.push(ShotEvent {
            time_s: self.now,
            kind,
            position,
        });
    }

    fn set(&mut self, ball: usize, state: BallState) {
        if let Some(body) = self.bodies.get_mut(ball) {
            (body.state, body.since) = (state, self.now);
        }
        self.plan(ball);
    }

    /// Finds out what happens next to a ball whose state is new.
    fn plan(&mut self, ball: usize) {
        let rules = self.rules;
        let now = self.now;
        let Some(body) = self.bodies.get_mut(ball) else {
            return;
        };
        body.phase = Phase::of(&body.state, rules.radius, &rules.parameters);
        let duration = body.phase.duration_s;
        body.own = (now + duration, Next::Transition(ball));
        let whole = sweep(&body.state, &body.phase, duration);
        self.world.in_reach(ball, &whole, &mut self.found);
        body.sweep = whole;
        if body.moves() {
            let (time, next) = next_on_table(rules, body, ball, &self.found);
            if time < duration {
                body.own = (now + time, next);
                body.sweep = sweep(&body.state, &body.phase, time);
            }
        }
        self.world.place(ball, &body.sweep);
        self.plan_meetings(ball);
    }

    fn plan_meetings(&mut self, ball: usize) {
        let mut candidates = self.found.iter().filter_map(|obstacle| match obstacle {
            Obstacle::Ball(other) => Some(*other),
            _ => None,
        });
        let mut candidate = candidates.next();
        for other in 0..self.bodies.len() {
            if other == ball {
                continue;
            }
            let time = if candidate == Some(other) {
                candidate = candidates.next();
                self.meeting(ball, other)
            } else {
                f64::INFINITY
            };
            self.meetings.put(ball, other, time);
        }
    }

    /// When two balls touch, if they do before either does something else.
    fn meeting(&self, a: usize, b: usize) -> f64 {
        let (Some(a), Some(b)) = (self.bodies.get(a), self.bodies.get(b)) else {
            return f64::INFINITY;
        };
        let distance = 2.0 * self.rules.radius;
        let gone = a.state.motion == Motion::Pocketed || b.state.motion == Motion::Pocketed;
        if gone || !(a.moves() || b.moves()) || !a.sweep.touches(&b.sweep, distance) {
            return f64::INFINITY;
        }
        let offset = b.position_at(self.now) - a.position_at(self.now);
        let velocity = b.velocity_at(self.now) - a.velocity_at(self.now);
        let acceleration = b.phase.acceleration - a.phase.acceleration;
        let horizon = a.own.0.min(b.own.0) - self.now;
        first_entry(
            &approach(offset, velocity, acceleration, distance),
            horizon.max(0.0),
        )
        .map_or(f64::INFINITY, |t| self.now + t)
    }

    fn finish(self) -> Prediction {
        let now = self.now;
        let paths = self.bodies.into_iter().map(|mut body| {
            body.path.end = if body.moves() || body.state.motion == Motion::Spinning {
                body.arrive(now)
            } else {
                body.state
            };
            body.path
        });
        Prediction {
            paths: paths.collect(),
            events: self.events,
            duration_s: now,
            truncated: self.truncated,
        }
    }
}

/// The first thing on the table itself that a ball comes to, with the time from now; the end
/// of the phase if there is none.
fn next_on_table(rules: &Rules, body: &Body, ball: usize, found: &[Obstacle]) -> (f64, Next) {
    let (state, phase) = (&body.state, &body.phase);
    let mut first = (phase.duration_s, Next::Transition(ball));
    for obstacle in found {
        let met = match *obstacle {
            Obstacle::Line(i) => rules
                .lines
                .get(i)
                .and_then(|line| reach_line(state, phase, line, rules.radius, first.0))
                .map(|t| (t, Next::Line(ball, i))),
            Obstacle::Jaw(i) => rules
                .geometry
                .jaws
                .get(i)
                .and_then(|arc| reach_circle(state, phase, arc.centre, arc.radius + rules.radius, first.0))
                .map(|t| (t, Next::Jaw(ball, i))),
            Obstacle::Pocket(i) => rules
                .geometry
                .pockets
                .get(i)
                .and_then(|hole| reach_circle(state, phase, hole.centre, hole.radius, first.0))
                .map(|t| (t, Next::Pocket(ball, i))),
            Obstacle::Ball(_) => None,
        };
        if let Some(met) = met.filter(|(t, _)| *t < first.0) {
            first = met;
        }
    }
    let edge = rules.edge;
    if body.sweep.max.cmpgt(edge).any() || body.sweep.min.cmplt(-edge).any() {
        for side in [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y] {
            let gap = [
                edge.dot(side.abs()) - state.position.dot(side),
                -state.velocity.dot(side),
                -0.5 * phase.acceleration.dot(side),
            ];
            if let Some(t) = first_entry_quadratic(gap, first.0).filter(|t| *t < first.0) {
                first = (t, Next::Escape(ball));
            }
        }
    }
    first
}
