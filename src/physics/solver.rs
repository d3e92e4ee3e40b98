//! From event to event: what happens next, what it does, until everything rests.

use super::Parameters;
use super::ball_ball::BallContact;
use super::cushion::{CushionContact, Sunk};
use super::hole::{Hole, Way};
use super::meetings::Meetings;
use super::motion::Phase;
use super::prediction::{BallState, EventKind, Motion, Path, Prediction, ShotEvent};
use super::reach::{approach, reach_circle, reach_line, sweep};
use super::roots::{first_entry, first_entry_quadratic, stays_positive};
use super::spacer::{part_balls, part_from_line, part_from_point};
use super::tree::{Bounds, Obstacle};
use crate::table::parameters::{Pocket, PressedBalls, Restitution};
use crate::table::{BallSpec, Geometry, Segment, TableSpec};
use crate::units::Vec2;

/// More events than any real shot has, per ball: a hard break of sixteen has some hundreds in all.
const EVENTS_PER_BALL: usize = 500;
/// … and never fewer than this.
const EVENT_CAP: usize = 10_000;
/// Bends of a way on a slope, which are no events, count against this many times as much.
const STEPS_PER_EVENT: usize = 4;

/// Answers who can meet whom. A driver owns one.
pub(super) trait Neighbours {
    /// Everything a ball whose centre stays inside `centres` could touch, itself excepted, in
    /// order. May name more than that, never less.
    fn in_reach(&self, ball: usize, centres: &Bounds, found: &mut Vec<Obstacle>);

    /// Says that the centre of a ball stays inside `centres` until told otherwise.
    fn place(&mut self, ball: usize, centres: &Bounds);
}

/// A table as the solver needs it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub parameters: Parameters,
    pub radius: f64,
    pub ball: BallSpec,
    pub cue_ball: BallSpec,
    pub geometry: Geometry,
    /// Noses, then facings.
    pub lines: Vec<Segment>,
    /// In the order of the pockets.
    pub holes: Vec<Hole>,
    ball_contact: BallContact,
    cushion_contact: CushionContact,
    facing_contact: CushionContact,
    /// The corner of the nose lines: |x|, |y| of the playing surface.
    pub corner: Vec2,
    /// Beyond this |x|, |y| there is no table.
    edge: Vec2,
}

impl Rules {
    /// The rules of a table; parameters that no table can have
    /// ([`Parameters::first_impossible`]) are replaced by the usual ones.
    pub fn new(table: &TableSpec) -> Self {
        let parameters = if table.physics.first_impossible().is_none() {
            table.physics
        } else {
            Parameters::of_set(table.ball_set, table.ball.mass_kg)
        };
        let of_facings = match parameters.pocket {
            Pocket::Edge => parameters,
            Pocket::Drop {
                facing_restitution, ..
            } => Parameters {
                cushion_restitution: Restitution::Constant(facing_restitution),
                ..parameters
            },
        };
        let geometry = Geometry::of(table);
        let lines = geometry.noses.iter().chain(&geometry.facings).copied().collect();
        let radius = table.ball.radius_m;
        let corner = Vec2::new(table.half_length_m(), table.half_width_m());
        let holes = geometry.pockets.iter();
        Self {
            parameters,
            radius,
            ball: table.ball,
            cue_ball: BallSpec {
                mass_kg: table.cue_ball_mass_kg,
                ..table.ball
            },
            holes: holes.map(|p| Hole::new(p, &geometry.facings, radius)).collect(),
            lines,
            geometry,
            ball_contact: BallContact::new(radius, &parameters),
            cushion_contact: CushionContact::new(radius, table.nose_height_m, &parameters),
            facing_contact: CushionContact::new(radius, table.nose_height_m, &of_facings),
            corner,
            edge: corner + Vec2::splat(table.cushion_width_m + table.rail_width_m),
        }
    }

    /// What two balls of these masses (kg) do to each other; pressed together they don't bounce.
    pub fn balls_touch(&self, a: &mut BallState, b: &mut BallState, masses: [f64; 2], pressed: bool) {
        part_balls(a, b, 2.0 * self.radius);
        let mut contact = self.ball_contact;
        if pressed {
            contact.restitution = Restitution::Constant(0.0);
        }
        contact.resolve(a, b, masses);
    }

    /// What a straight cushion or facing does to a ball.
    pub fn line_touches(&self, ball: &mut BallState, line: usize, sunk: Sunk) {
        let Some(segment) = self.lines.get(line) else {
            return;
        };
        part_from_line(ball, segment.a, segment.normal, self.radius);
        let from_nose = segment.normal * (ball.position - segment.a).dot(segment.normal);
        let contact = if line < self.geometry.noses.len() {
            &self.cushion_contact
        } else {
            &self.facing_contact
        };
        contact.resolve(ball, from_nose, sunk);
    }

    /// What a rounded jaw does to a ball.
    ///
    /// As in the reference, the impulse comes from the arc's centre at the height of the nose:
    /// flatter (9° for a corner jaw) than the 16° of a straight nose.
    pub fn jaw_touches(&self, ball: &mut BallState, centre: Vec2, jaw_radius: f64, sunk: Sunk) {
        part_from_point(ball, centre, jaw_radius + self.radius);
        let from_centre = ball.position - centre;
        self.cushion_contact.resolve(ball, from_centre, sunk);
    }
}

/// Something that will happen unless something else happens first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    /// The ball begins another kind of motion, or another stretch of the same.
    Transition(usize),
    /// The ball's centre passes the edge of a hole.
    Edge(usize, usize),
    /// The ball touches a straight cushion.
    Line(usize, usize),
    /// The ball touches a jaw.
    Jaw(usize, usize),
    /// The falling ball touches the inner end of a facing.
    End(usize, usize),
    /// The ball leaves the table, which only rounding could make it do.
    Escape(usize),
    /// The ball meets the back of the pocket it falls into.
    Back(usize),
    /// The ball comes back over the edge of the hole it falls into.
    Out(usize),
    /// The pocket has the ball.
    Sunk(usize),
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
    mass_kg: f64,
    /// The hole it falls into, and since when it falls.
    over: Option<(usize, f64)>,
}

impl Body {
    fn position_at(&self, t: f64) -> Vec2 {
        self.phase.position_at(&self.state, t - self.since)
    }

    fn velocity_at(&self, t: f64) -> Vec2 {
        self.state.velocity + self.phase.acceleration * (t - self.since)
    }

    fn travels(&self) -> bool {
        self.state.motion.travels()
    }

    fn ends(&self) -> f64 {
        self.since + self.phase.duration_s
    }
}

/// A shot in progress. One is reused for shot after shot, so that nothing is allocated anew.
///
/// What happens next follows from the phases of motion alone, not from when it is asked for:
/// drivers that ask at other times get the same bits.
#[derive(Debug, Default)]
pub(super) struct Shot {
    bodies: Vec<Body>,
    meetings: Meetings,
    log: Prediction,
    /// Paths of balls that earlier shots had more.
    spare: Vec<Path>,
    /// What was in reach last.
    found: Vec<Obstacle>,
    now: f64,
    steps: usize,
}

impl Shot {
    /// Begins a shot with these balls (the struck ball as it leaves the tip). `heavy` is the cue ball.
    pub fn begin<N: Neighbours>(
        &mut self,
        rules: &Rules,
        near: &mut N,
        balls: &[BallState],
        heavy: Option<usize>,
        struck: bool,
    ) {
        self.now = 0.0;
        self.steps = 0;
        self.meetings.begin(balls.len());
        self.clear_log(balls.len());
        self.bodies.clear();
        self.bodies
            .extend(balls.iter().enumerate().map(|(ball, state)| Body {
                state: *state,
                since: 0.0,
                phase: Phase::default(),
                own: (f64::INFINITY, Next::Transition(ball)),
                sweep: Bounds::around(state.position, 0.0),
                mass_kg: if heavy == Some(ball) {
                    rules.cue_ball.mass_kg
                } else {
                    rules.ball.mass_kg
                },
                over: None,
            }));
        if let (true, Some(ball)) = (struck, heavy)
            && let Some(state) = balls.get(ball)
        {
            self.tell(EventKind::Strike(ball), state.position);
        }
        for ball in 0..balls.len() {
            self.plan(rules, near, ball);
        }
    }

    /// What is predicted when nothing can be: every ball stays where it is.
    pub fn nothing(&mut self, balls: &[BallState]) {
        self.bodies.clear();
        self.clear_log(balls.len());
        for (path, ball) in self.log.paths.iter_mut().zip(balls) {
            path.end.position = ball.position;
            if ball.motion == Motion::Pocketed {
                path.end.motion = Motion::Pocketed;
            }
        }
    }

    /// Lets everything happen until `until` (seconds after the stroke). True when more is to come.
    pub fn play_until<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, until: f64) -> bool {
        let cap = EVENT_CAP.max(EVENTS_PER_BALL * self.bodies.len());
        while let Some(next) = self.next_event() {
            if next.0 > until {
                return true;
            }
            self.steps += 1;
            if self.log.events.len() >= cap || self.steps > STEPS_PER_EVENT * cap {
                self.log.truncated = true;
                break;
            }
            self.happen(rules, near, next);
        }
        self.finish();
        false
    }

    /// Everything so far; whole once nothing more is to come.
    pub fn log(&self) -> &Prediction {
        &self.log
    }

    /// The log, to be added to by whoever began the shot.
    pub fn log_mut(&mut self) -> &mut Prediction {
        &mut self.log
    }

    /// Every ball at `t`: anywhere before the next event.
    pub fn states_at(&self, t: f64) -> impl Iterator<Item = BallState> {
        self.bodies.iter().zip(&self.log.paths).map(move |(body, path)| {
            if t >= body.since {
                body.phase.at(&body.state, t - body.since)
            } else {
                path.at(t)
            }
        })
    }

    /// Looks again for what comes next to every ball that travels: what is in reach has changed.
    pub fn look_around<N: Neighbours>(&mut self, rules: &Rules, near: &mut N) {
        for ball in 0..self.bodies.len() {
            if self.bodies.get(ball).is_some_and(Body::travels) {
                self.look_ahead(rules, near, ball);
            }
        }
    }

    /// No ball will ever be faster than this, m/s: all the energy there is, in the lightest ball,
    /// with what a slope may yet give. ([`PressedBalls::Share`] makes a tenth of a speed at a time:
    /// twice this for a while.)
    pub fn speed_bound(&self, rules: &Rules) -> f64 {
        let energy: f64 = self
            .bodies
            .iter()
            .map(|body| {
                let surface = body.state.spin * rules.radius;
                body.mass_kg * (body.state.velocity.length_squared() + 0.4 * surface.length_squared())
            })
            .sum();
        let parameters = &rules.parameters;
        let fall = 2.0 * parameters.gravity_m_s2 * parameters.slope.length() * rules.edge.length();
        let lightest = rules.ball.mass_kg.min(rules.cue_ball.mass_kg);
        let heaviest = rules.ball.mass_kg.max(rules.cue_ball.mass_kg);
        let given = 2.0 * fall * heaviest * self.bodies.len() as f64;
        let made = match parameters.pressed_balls {
            PressedBalls::Merge => 1.0,
            PressedBalls::Share => 2.0,
        };
        made * ((energy + given) / lightest).sqrt()
    }

    fn clear_log(&mut self, balls: usize) {
        while self.log.paths.len() > balls {
            self.spare.extend(self.log.paths.pop());
        }
        while self.log.paths.len() < balls {
            self.log.paths.push(self.spare.pop().unwrap_or_default());
        }
        for path in &mut self.log.paths {
            path.pieces.clear();
            path.end = BallState::default();
        }
        self.log.events.clear();
        self.log.duration_s = 0.0;
        self.log.truncated = false;
        self.log.miscue = false;
        self.log.hop = None;
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
        let is_impact = |n: Next| {
            matches!(
                n,
                Next::Line(..) | Next::Jaw(..) | Next::End(..) | Next::Back(_) | Next::Meeting(..)
            )
        };
        let energy = |n: Next| {
            let of = |ball: usize| {
                self.bodies
                    .get(ball)
                    .map_or(0.0, |body| body.velocity_at(time).length_squared())
            };
            match n {
                Next::Meeting(a, b) => of(a) + of(b),
                Next::Line(a, _) | Next::Jaw(a, _) | Next::End(a, _) | Next::Back(a) => of(a),
                Next::Transition(_) | Next::Edge(..) | Next::Out(_) | Next::Sunk(_) | Next::Escape(_) => 0.0,
            }
        };
        match (is_impact(a), is_impact(b)) {
            (true, true) => energy(a) > energy(b),
            (first, second) => !first && second,
        }
    }

    fn happen<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, (time, next): (f64, Next)) {
        // Rounding may put an event an instant before the last one.
        self.now = time.max(self.now);
        match next {
            Next::Transition(ball) => self.change_motion(rules, near, ball),
            Next::Edge(ball, pocket) => self.pass_edge(rules, near, ball, pocket),
            Next::Line(ball, line) => self.hit_line(rules, near, ball, line),
            Next::Jaw(ball, jaw) => self.hit_jaw(rules, near, ball, jaw),
            Next::End(ball, line) => self.hit_end(rules, near, ball, line),
            Next::Escape(ball) => self.leave(rules, near, ball),
            Next::Back(ball) => self.hit_back(rules, near, ball),
            Next::Out(ball) => self.come_out(rules, near, ball),
            Next::Sunk(ball) => self.sink(rules, near, ball),
            Next::Meeting(a, b) => self.meet(rules, near, a, b),
        }
    }

    fn change_motion<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        let Some(body) = self.bodies.get(ball) else {
            return;
        };
        let was = body.state.motion;
        let after = body.phase.end(&body.state, rules.radius);
        self.arrive(ball);
        if after.motion != was {
            self.tell(EventKind::Transition(ball, was, after.motion), after.position);
        }
        self.set(rules, near, ball, after);
    }

    fn pass_edge<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize, pocket: usize) {
        let Some(mut state) = self.arrive(ball) else {
            return;
        };
        if let Some(body) = self.bodies.get_mut(ball) {
            body.over = Some((pocket, self.now));
        }
        match rules.parameters.pocket {
            Pocket::Edge => self.give_to_pocket(rules, near, ball, state.position),
            Pocket::Drop { .. } => {
                if let Some(circle) = rules.geometry.pockets.get(pocket) {
                    self.tell(EventKind::OverEdge(ball, circle.id), state.position);
                }
                state.motion = Motion::Falling;
                self.set(rules, near, ball, state);
            }
        }
    }

    fn hit_back<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        let Some(mut state) = self.arrive(ball) else {
            return;
        };
        let over = self.bodies.get(ball).and_then(|body| body.over);
        if let Some((hole, circle)) = over.and_then(|(pocket, _)| {
            let hole = rules.holes.get(pocket)?;
            Some((hole, rules.geometry.pockets.get(pocket)?))
        }) {
            self.tell(EventKind::PocketBack(ball, circle.id), state.position);
            let restitution = match rules.parameters.pocket {
                Pocket::Drop {
                    liner_restitution, ..
                } => liner_restitution,
                Pocket::Edge => 0.0,
            };
            (state.position, state.velocity) = hole.rebound(state.position, state.velocity, restitution);
        }
        self.set(rules, near, ball, state);
    }

    fn come_out<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        let Some(mut state) = self.arrive(ball) else {
            return;
        };
        let Some(body) = self.bodies.get_mut(ball) else {
            return;
        };
        let Some((pocket, since)) = body.over else {
            return;
        };
        // The way down again is climbed; what does not reach the top stays in.
        let fell = rules.parameters.gravity_m_s2 * (self.now - since);
        let left = state.velocity.length_squared() - fell * fell;
        if left <= 0.0 {
            return self.give_to_pocket(rules, near, ball, state.position);
        }
        body.over = None;
        state.velocity = state.velocity.normalize_or_zero() * left.sqrt();
        state.motion = Motion::Sliding;
        if let Some(circle) = rules.geometry.pockets.get(pocket) {
            self.tell(EventKind::BackOut(ball, circle.id), state.position);
        }
        self.set(rules, near, ball, state);
    }

    fn sink<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        if let Some(state) = self.arrive(ball) {
            self.give_to_pocket(rules, near, ball, state.position);
        }
    }

    /// The pocket has the ball, which was last seen at `position`.
    fn give_to_pocket<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize, position: Vec2) {
        let over = self.bodies.get(ball).and_then(|body| body.over);
        let Some(circle) = over.and_then(|(pocket, _)| rules.geometry.pockets.get(pocket)) else {
            return;
        };
        self.tell(EventKind::Pocketed(ball, circle.id), position);
        let state = BallState {
            position: circle.centre,
            motion: Motion::Pocketed,
            ..BallState::default()
        };
        self.set(rules, near, ball, state);
    }

    fn hit_line<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize, line: usize) {
        let Some(mut state) = self.arrive(ball) else {
            return;
        };
        let touched = state.position;
        rules.line_touches(&mut state, line, self.sunk(rules, ball));
        self.tell(EventKind::Cushion(ball, line), touched);
        self.set(rules, near, ball, state);
    }

    fn hit_jaw<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize, jaw: usize) {
        let (Some(mut state), Some(arc)) = (self.arrive(ball), rules.geometry.jaws.get(jaw)) else {
            return;
        };
        let touched = state.position;
        rules.jaw_touches(&mut state, arc.centre, arc.radius, self.sunk(rules, ball));
        self.tell(EventKind::Jaw(ball, jaw), touched);
        self.set(rules, near, ball, state);
    }

    fn hit_end<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize, line: usize) {
        let (Some(mut state), Some(facing)) = (self.arrive(ball), rules.lines.get(line)) else {
            return;
        };
        let touched = state.position;
        rules.jaw_touches(&mut state, facing.b, 0.0, self.sunk(rules, ball));
        self.tell(EventKind::Cushion(ball, line), touched);
        self.set(rules, near, ball, state);
    }

    fn meet<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, a: usize, b: usize) {
        let now = self.now;
        let (Some(mut one), Some(mut other)) = (self.arrive(a), self.arrive(b)) else {
            return;
        };
        let Ok([first, second]) = self.bodies.get_disjoint_mut([a, b]) else {
            return;
        };
        let touched = one.position;
        let masses = [first.mass_kg, second.mass_kg];
        let pressed =
            rules.parameters.pressed_balls == PressedBalls::Merge && self.meetings.chatters(a, b, now);
        rules.balls_touch(&mut one, &mut other, masses, pressed);
        // Both are in their new state before either looks for the other.
        second.start(rules, other, now);
        self.tell(EventKind::BallBall(a, b), touched);
        self.set(rules, near, a, one);
        self.set(rules, near, b, other);
    }

    /// How far a ball has fallen by now.
    fn sunk(&self, rules: &Rules, ball: usize) -> Sunk {
        let over = self.bodies.get(ball).and_then(|body| body.over);
        over.map_or(Sunk::default(), |(_, since)| {
            let speed_m_s = rules.parameters.gravity_m_s2 * (self.now - since);
            Sunk {
                depth_m: 0.5 * speed_m_s * (self.now - since),
                speed_m_s,
            }
        })
    }

    /// A ball off the table stays where it left, and the prediction says that it is incomplete.
    fn leave<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        let Some(state) = self.arrive(ball) else {
            return;
        };
        self.log.truncated = true;
        self.set(rules, near, ball, BallState::resting(state.position));
    }

    /// The ball now; its way until now goes into its path.
    fn arrive(&mut self, ball: usize) -> Option<BallState> {
        let body = self.bodies.get(ball)?;
        let path = self.log.paths.get_mut(ball)?;
        body.phase
            .record(&body.state, body.since, self.now, &mut path.pieces);
        Some(body.phase.at(&body.state, self.now - body.since))
    }

    fn tell(&mut self, kind: EventKind, position: Vec2) {
        self.log.events.push(ShotEvent {
            time_s: self.now,
            kind,
            position,
        });
    }

    fn set<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize, state: BallState) {
        if let Some(body) = self.bodies.get_mut(ball) {
            (body.state, body.since) = (state, self.now);
        }
        self.plan(rules, near, ball);
    }

    /// Finds out what happens next to a ball whose state is new.
    fn plan<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        if let Some(body) = self.bodies.get_mut(ball) {
            let (state, since) = (body.state, body.since);
            body.start(rules, state, since);
        }
        self.look_ahead(rules, near, ball);
    }

    /// Finds out what happens next to a ball, from what is in its reach.
    fn look_ahead<N: Neighbours>(&mut self, rules: &Rules, near: &mut N, ball: usize) {
        let Some(body) = self.bodies.get_mut(ball) else {
            return;
        };
        let duration = body.phase.duration_s;
        let end = match body.state.motion {
            Motion::Falling => Next::Sunk(ball),
            _ => Next::Transition(ball),
        };
        body.own = (body.since + duration, end);
        body.sweep = sweep(&body.state, &body.phase, duration);
        near.in_reach(ball, &body.sweep, &mut self.found);
        if body.travels() {
            let (time, next) = next_on_table(rules, body, ball, &self.found, end);
            if time < duration {
                body.own = (body.since + time, next);
                body.sweep = sweep(&body.state, &body.phase, time);
            }
        }
        near.place(ball, &body.sweep);
        self.plan_meetings(rules, ball);
    }

    fn plan_meetings(&mut self, rules: &Rules, ball: usize) {
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
                self.meeting(rules, ball, other)
            } else {
                f64::INFINITY
            };
            self.meetings.put(ball, other, time);
        }
    }

    /// When two balls touch, if they do before either does something else. Counted from the
    /// later of the two starts of phase, so that it does not matter when it is asked.
    fn meeting(&self, rules: &Rules, a: usize, b: usize) -> f64 {
        // The lower first, whichever of the two asks: the other way round rounds differently.
        let (Some(a), Some(b)) = (self.bodies.get(a.min(b)), self.bodies.get(a.max(b))) else {
            return f64::INFINITY;
        };
        let distance = 2.0 * rules.radius;
        let gone = a.state.motion == Motion::Pocketed || b.state.motion == Motion::Pocketed;
        if gone || !(a.travels() || b.travels()) || !a.sweep.touches(&b.sweep, distance) {
            return f64::INFINITY;
        }
        let start = a.since.max(b.since);
        let offset = b.position_at(start) - a.position_at(start);
        let velocity = b.velocity_at(start) - a.velocity_at(start);
        let acceleration = b.phase.acceleration - a.phase.acceleration;
        let gap = approach(offset, velocity, acceleration, distance);
        if stays_positive(&gap, (a.own.0.min(b.own.0) - start).max(0.0)) {
            return f64::INFINITY;
        }
        let horizon = a.ends().min(b.ends()) - start;
        first_entry(&gap, horizon.max(0.0)).map_or(f64::INFINITY, |t| start + t)
    }

    fn finish(&mut self) {
        for ball in 0..self.bodies.len() {
            let unfinished = self
                .bodies
                .get(ball)
                .is_some_and(|body| body.travels() || body.state.motion == Motion::Spinning);
            let end = if unfinished {
                self.arrive(ball)
            } else {
                self.bodies.get(ball).map(|body| body.state)
            };
            if let (Some(end), Some(path)) = (end, self.log.paths.get_mut(ball)) {
                path.end = end;
            }
        }
        self.log.duration_s = self.now;
    }
}

impl Body {
    /// Begins the phase that follows from `state`.
    fn start(&mut self, rules: &Rules, state: BallState, now: f64) {
        (self.state, self.since) = (state, now);
        self.phase = Phase::of(&state, rules.radius, &rules.parameters);
        if let (Motion::Falling, Some((_, fell)), Pocket::Drop { depth_m, .. }) =
            (state.motion, self.over, rules.parameters.pocket)
        {
            let fall_s = (2.0 * depth_m / rules.parameters.gravity_m_s2).sqrt();
            self.phase.duration_s = (fell + fall_s - now).max(0.0);
        }
    }
}

/// The first thing on the table itself that a ball comes to, with the time since its phase
/// began; `end`, the end of the phase, if there is none.
fn next_on_table(rules: &Rules, body: &Body, ball: usize, found: &[Obstacle], end: Next) -> (f64, Next) {
    let (state, phase) = (&body.state, &body.phase);
    let duration = phase.duration_s;
    let mut first = (duration, end);
    for obstacle in found {
        let met = match *obstacle {
            Obstacle::Line(i) => rules
                .lines
                .get(i)
                .and_then(|line| reach_line(state, phase, line, rules.radius, duration))
                .map(|t| (t, Next::Line(ball, i))),
            Obstacle::Jaw(i) => rules
                .geometry
                .jaws
                .get(i)
                .and_then(|arc| reach_circle(state, phase, arc.centre, arc.radius + rules.radius, duration))
                .map(|t| (t, Next::Jaw(ball, i))),
            Obstacle::Pocket(i) if body.over.is_none() => rules
                .geometry
                .pockets
                .get(i)
                .and_then(|hole| reach_circle(state, phase, hole.centre, hole.radius, duration))
                .map(|t| (t, Next::Edge(ball, i))),
            Obstacle::Pocket(_) | Obstacle::Ball(_) => None,
        };
        if let Some(met) = met.filter(|(t, _)| *t < first.0) {
            first = met;
        }
        // Only over a hole does a ball come to where a facing ends.
        if let (Obstacle::Line(i), Motion::Falling) = (*obstacle, state.motion)
            && let Some(facing) = rules.lines.get(i).filter(|_| i >= rules.geometry.noses.len())
            && let Some(t) =
                reach_circle(state, phase, facing.b, rules.radius, duration).filter(|t| *t < first.0)
        {
            first = (t, Next::End(ball, i));
        }
    }
    if let Some(hole) = body.over.and_then(|(pocket, _)| rules.holes.get(pocket)) {
        let (time, way) = hole.way_out(state.position, state.velocity);
        if time < first.0 {
            let next = match way {
                Way::Back => Next::Back(ball),
                Way::Mouth => Next::Out(ball),
                Way::Behind => Next::Sunk(ball),
            };
            first = (time, next);
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
            if let Some(t) = first_entry_quadratic(gap, duration).filter(|t| *t < first.0) {
                first = (t, Next::Escape(ball));
            }
        }
    }
    first
}
