//! The cue in time: where it points, what the player does with it, and when it meets the ball.

mod departure;
mod player;
mod swing;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{BallId, BallMotion, TrackedBall};
use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, squirt};
use crate::table::{Group, TableSpec};
use crate::units::Vec2;
use crate::vision::cue_line::CueLine;
use crate::vision::observation::{CueSeen, Observation};
use departure::{Departure, Expected, Sighting};
use player::Player;
use swing::{Arrival, Place, Swing};

/// The cue as followed over several frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrackedCue {
    /// Tip, metres.
    pub tip_m: Vec2,
    /// Unit direction of the shot, butt to tip.
    pub direction: Vec2,
    /// 0..1.
    pub confidence: f64,
    /// Standard deviation of the direction, radians: what the elevation is not known by is most of it.
    pub direction_sigma: f64,
    /// How far the butt is believed to be raised, radians.
    pub elevation: f64,
    /// What the player does with it.
    pub phase: CuePhase,
    /// Speed along its own line, toward the tip, m/s.
    pub speed_m_s: f64,
    /// The stroke it has just made.
    pub hit: Option<Hit>,
}

/// What a player does with a cue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CuePhase {
    /// It lies on the table or on a rail.
    Lying,
    /// It is held still or brought into line.
    #[default]
    Aiming,
    /// It goes to and fro.
    WarmingUp,
    /// It is drawn back and rests before the stroke.
    Paused,
    /// It comes forward to hit.
    Striking,
    /// It follows through.
    Following,
}

/// A stroke: the cue has met the cue ball.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Counts strokes since the tracker started, from 1.
    pub number: u32,
    /// The ball that was hit.
    pub ball: BallId,
    /// When.
    pub at: Instant,
    /// Standard deviation of `at`, seconds.
    pub sigma_s: f64,
    /// Speed of the stick at the impact, m/s.
    pub stick_speed_m_s: f64,
    /// Speed of the ball after it, m/s.
    pub ball_speed_m_s: f64,
    /// Direction in which the ball left, radians anticlockwise from +x.
    pub direction: f64,
    /// Where the tip met the ball to the side of its middle, in ball radii, + is left; `None` where that can't
    /// be told.
    pub side: Option<f64>,
    /// Where the tip met the ball above its middle, in ball radii; `None` where the ball's way does not tell.
    pub height: Option<f64>,
}

/// Follows the best cue from observation to observation, and the cue ball off its tip.
#[derive(Debug)]
pub(super) struct CueFollower {
    table: TableSpec,
    /// Time from the first to the last row of a frame, seconds.
    readout_s: f64,
    /// The clock's zero: the first frame.
    start: Option<Instant>,
    player: Player,
    aim: Option<Aim>,
    /// The last that pointed at the cue ball: a fast stroke is through it in the next frame.
    aimed: Option<Aim>,
    /// Since when the cue has not moved at all, and where its tip was then.
    still: Option<(Instant, Vec2)>,
    swing: Swing,
    /// Where the cue ball lies, or lay until it left.
    ball: Option<Spot>,
    flight: Option<Flight>,
    hit: Option<Hit>,
}

/// The cue as it was seen last.
#[derive(Clone, Copy, Debug)]
struct Aim {
    cue: TrackedCue,
    line: Option<CueLine>,
    at: Instant,
}

/// The cue ball at rest.
#[derive(Clone, Copy, Debug)]
struct Spot {
    id: BallId,
    place: Vec2,
    /// When it was seen there last, on the follower's clock, seconds.
    seen_s: f64,
}

/// A cue ball on its way.
#[derive(Debug)]
struct Flight {
    from: Spot,
    /// The cue that sent it.
    aim: Aim,
    arrival: Option<Arrival>,
    sightings: Vec<Sighting>,
    /// What they say.
    told: Option<Departure>,
    /// How far it gets before it meets a ball or a cushion, metres.
    free_m: f64,
    number: u32,
    /// Nothing more is learned from it.
    done: bool,
}

/// A cue not seen for this long is gone, seconds.
const GONE_S: f64 = 0.2;
/// The cue that sent a ball off was seen this shortly before, seconds.
const BEFORE_S: f64 = 1.0;
/// A tip farther than this from the cue ball is not aimed at it, metres.
const AIM_M: f64 = 0.45;
/// A cue that has not moved for so long, and points at no ball, lies there, seconds.
const LIES_S: f64 = 4.0;
/// A cue ball is watched for so long after it was hit, seconds, and seen so often at most.
const WATCHED_S: f64 = 0.7;
const MOST_SIGHTINGS: usize = 24;
/// A ball seen this far from its place has left it, metres.
const LEFT_M: f64 = 0.006;

impl CueFollower {
    pub(super) fn new(table: &TableSpec) -> Self {
        Self {
            table: table.clone(),
            readout_s: 0.0,
            start: None,
            player: Player::new(),
            aim: None,
            aimed: None,
            still: None,
            swing: Swing::default(),
            ball: None,
            flight: None,
            hit: None,
        }
    }

    pub(super) fn set_readout(&mut self, readout_s: f64) {
        self.readout_s = if readout_s.is_finite() {
            readout_s.clamp(-0.1, 0.1)
        } else {
            0.0
        };
    }

    pub(super) fn last_hit(&self) -> Option<&Hit> {
        self.hit.as_ref()
    }

    /// Takes in what one frame shows; `balls` as they are followed at that moment.
    pub(super) fn follow(&mut self, observation: &Observation, balls: &[TrackedBall]) -> Option<TrackedCue> {
        let now = observation.captured;
        let start = *self.start.get_or_insert(now);
        let clock = Clock {
            now_s: now.saturating_duration_since(start).as_secs_f64(),
            readout_s: self.readout_s,
            height: f64::from(observation.image.height.max(1)),
        };
        self.watch_ball(observation, balls, &clock);
        self.watch_cue(observation, balls, now, &clock);
        self.watch_flight(observation, balls, now, &clock);
        let hit = self
            .hit
            .filter(|hit| now.saturating_duration_since(hit.at).as_secs_f64() < 0.5);
        let aim = self.aim.as_ref()?;
        if now.saturating_duration_since(aim.at).as_secs_f64() > GONE_S {
            self.aim = None;
            self.still = None;
            self.swing.clear();
            return None;
        }
        let mut cue = aim.cue;
        cue.hit = hit;
        if hit.is_some() {
            cue.phase = CuePhase::Following;
        }
        Some(cue)
    }

    /// Notes where the cue ball lies as long as it does.
    fn watch_ball(&mut self, observation: &Observation, balls: &[TrackedBall], clock: &Clock) {
        if self.flight.as_ref().is_some_and(|f| !f.done) {
            return;
        }
        let known = balls.iter().find(|b| b.kind.group == Group::Cue);
        if let Some(ball) = known.filter(|b| b.motion != BallMotion::Moving) {
            let same = |s: Spot| s.id == ball.id && s.place.distance(ball.position_m) <= LEFT_M;
            if !self.ball.is_some_and(same) {
                self.ball = Some(Spot {
                    id: ball.id,
                    place: ball.position_m,
                    seen_s: clock.now_s,
                });
            }
        }
        let Some(spot) = &mut self.ball else { return };
        for seen in &observation.balls {
            let near = |at: Vec2| at.distance(spot.place) < 0.6 * LEFT_M;
            if seen.position_m.is_some_and(near) {
                spot.seen_s = clock.at(seen.center_px);
                let same = |b: &&TrackedBall| b.id == spot.id && b.position_m.distance(spot.place) < LEFT_M;
                if let Some(ball) = known.filter(same) {
                    spot.place = ball.position_m;
                }
            }
        }
    }

    /// Chooses among the cues seen and follows the one that is aimed.
    fn watch_cue(&mut self, observation: &Observation, balls: &[TrackedBall], now: Instant, clock: &Clock) {
        let ball = self.ball.map(|s| s.place);
        let radius = self.table.ball.radius_m;
        let worth = |seen: &CueSeen| {
            let (tip, along) = (seen.tip_m?, seen.direction?);
            if !tip.is_finite() || !along.is_finite() {
                return None;
            }
            let at_ball = ball.is_some_and(|ball| points_at(tip, along, ball, 2.0 * radius));
            let same = self.aim.is_some_and(|aim| aim.cue.direction.dot(along) > 0.99);
            let one = |yes: bool| f64::from(u8::from(yes));
            Some(seen.confidence + one(at_ball) + 0.5 * one(same) - one(seen.lying))
        };
        let best = (observation.cues.iter())
            .filter_map(|seen| Some((worth(seen)?, seen)))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, seen)) = best else { return };
        let Some(mut cue) = self.placed(seen, ball, balls) else {
            return;
        };
        if let Some(old) = self.aim.map(|aim| aim.cue) {
            // A steady aim is averaged, a sweep is followed at once.
            let noise = seen.line.map_or(0.002, |line| line.turn_sigma);
            let turn = old.direction.angle_to(cue.direction).abs();
            let keep = if turn < 2.5 * noise { 0.75 } else { 0.0 };
            cue.direction = (old.direction * keep + cue.direction * (1.0 - keep)).normalize_or(cue.direction);
        }
        let at_ball = ball.is_some_and(|ball| points_at(cue.tip_m, cue.direction, ball, radius));
        if self.flight.as_ref().is_none_or(|f| f.done)
            && let Some(ball) = ball.filter(|_| at_ball)
        {
            let along_m = (cue.tip_m - ball).dot(cue.direction);
            let time_s = clock.at(seen.tip_px);
            self.swing.add(Place { time_s, along_m });
            cue.phase = self.swing.phase(-self.touching_m(0.0));
            cue.speed_m_s = self.swing.speed_m_s();
        } else if !at_ball && self.aimed.is_none_or(|aim| seconds_since(aim.at, now) > BEFORE_S) {
            self.swing.clear();
        }
        match &mut self.still {
            Some((_, tip)) if tip.distance(cue.tip_m) < 0.003 => {}
            still => *still = Some((now, cue.tip_m)),
        }
        let still_s = (self.still).map_or(0.0, |s| now.saturating_duration_since(s.0).as_secs_f64());
        if seen.lying || (still_s > LIES_S && !at_ball) {
            cue.phase = CuePhase::Lying;
        }
        let aim = Aim {
            cue,
            line: seen.line,
            at: now,
        };
        self.aim = Some(aim);
        if at_ball {
            self.aimed = Some(aim);
        }
    }

    /// How far behind the ball's middle the tip is when it touches the ball `side` radii beside it, metres.
    fn touching_m(&self, side: f64) -> f64 {
        self.table.ball.radius_m * (1.0 - side * side).max(0.1).sqrt()
    }

    /// The cue in space, by what is believed of the player.
    fn placed(&self, seen: &CueSeen, ball: Option<Vec2>, balls: &[TrackedBall]) -> Option<TrackedCue> {
        let radius = self.table.ball.radius_m;
        let (tip_m, direction) = (seen.tip_m?, seen.direction?);
        let mut cue = TrackedCue {
            tip_m,
            direction,
            confidence: seen.confidence,
            ..TrackedCue::default()
        };
        let Some(line) = seen.line else { return Some(cue) };
        let believed = self.player.next();
        // The tip meets the ball a little above its middle for coming down on it, and is higher farther back.
        let gap = ball.map_or(0.0, |ball| {
            ((ball - tip_m).dot(direction) - radius).clamp(0.0, 0.4)
        });
        let height = |e: f64| radius * (1.0 + e.sin()) + gap * e.tan();
        let lying = balls
            .iter()
            .filter(|b| b.kind.group != Group::Cue && b.motion != BallMotion::Moving);
        let places = lying.map(|b| b.position_m);
        let elevation = line.elevation(believed, height(believed.mean), &self.table, places);
        if let Some((direction, sigma)) = line.direction(elevation) {
            cue.tip_m = line.tip_at(height(elevation.mean));
            cue.direction = direction;
            cue.direction_sigma = sigma;
            cue.elevation = elevation.mean;
        }
        Some(cue)
    }

    /// Sees the ball leave, follows it, and tells what its way says of the stroke.
    fn watch_flight(
        &mut self,
        observation: &Observation,
        balls: &[TrackedBall],
        now: Instant,
        clock: &Clock,
    ) {
        if self.flight.as_ref().is_some_and(|f| !f.done) {
            if let Some(mut flight) = self.flight.take() {
                self.add_sighting(&mut flight, observation, balls, clock);
                self.flight = Some(flight);
            }
        } else if let Some(flight) = self.leaving(observation, balls, now, clock) {
            self.flight = Some(flight);
        } else {
            return;
        }
        let Some(mut flight) = self.flight.take() else {
            return;
        };
        self.tell(&flight);
        let since_s = clock.now_s - flight.from.seen_s;
        flight.done |= since_s > WATCHED_S || flight.sightings.len() >= MOST_SIGHTINGS;
        if flight.done {
            self.learn(&flight);
            self.swing.clear();
            self.ball = None;
            self.aimed = None;
        }
        self.flight = Some(flight);
    }

    /// The cue ball's flight, if it has left its place in front of a cue.
    fn leaving(
        &self,
        observation: &Observation,
        balls: &[TrackedBall],
        now: Instant,
        clock: &Clock,
    ) -> Option<Flight> {
        let (spot, aim) = (self.ball?, self.aimed?);
        if seconds_since(aim.at, now) > BEFORE_S {
            return None;
        }
        let there = |at: Vec2| at.distance(spot.place) < LEFT_M;
        if observation.balls.iter().filter_map(|b| b.position_m).any(there) {
            return None;
        }
        let touching = -self.touching_m(self.side_of(&aim, spot.place));
        let arrival = self.swing.arrival(touching, clock.now_s);
        let mut flight = Flight {
            from: spot,
            aim,
            arrival,
            sightings: Vec::with_capacity(MOST_SIGHTINGS),
            told: None,
            free_m: free_way(spot, aim.cue.direction, balls, &self.table),
            number: self.hit.map_or(1, |hit| hit.number.saturating_add(1)),
            done: false,
        };
        self.add_sighting(&mut flight, observation, balls, clock);
        // Nothing where it was: it may be under the cue, a hand, or so fast that it is a streak. It has been
        // hit if it is seen ahead, or if the tip has come through where it was.
        let tip = self.aim.map_or(aim.cue.tip_m, |aim| aim.cue.tip_m);
        let tip_m = (tip - spot.place).dot(aim.cue.direction);
        let through = tip_m > -0.4 * self.table.ball.radius_m;
        let arrived =
            aim.cue.phase == CuePhase::Striking && arrival.is_some_and(|a| a.time_s < clock.now_s + 0.01);
        let unseen_s = clock.now_s - spot.seen_s;
        (!flight.sightings.is_empty() || ((through || arrived) && unseen_s > 0.05)).then_some(flight)
    }

    /// The cue's line to the side of the ball's middle, ball radii, + is left.
    fn side_of(&self, aim: &Aim, ball: Vec2) -> f64 {
        let side = aim.cue.direction.perp_dot(aim.cue.tip_m - ball) / self.table.ball.radius_m;
        side.clamp(-0.8, 0.8)
    }

    /// What the tip lets expect of the ball's speed.
    fn expected(&self, flight: &Flight) -> Expected {
        let side = self.side_of(&flight.aim, flight.from.place);
        flight.arrival.map_or(Expected::UNKNOWN, |arrival| {
            let speed_m_s = self.ball_speed(side, 0.0) * arrival.speed_m_s;
            Expected {
                speed_m_s,
                speed_sigma_m_s: 0.25 * speed_m_s,
            }
        })
    }

    /// Speed of the ball over that of the stick that sends it off.
    fn ball_speed(&self, side: f64, height: f64) -> f64 {
        let strike = CueStrike {
            stick_speed_m_s: 1.0,
            direction: 0.0,
            elevation: 0.0,
            side: side.clamp(-0.5, 0.5),
            height: height.clamp(-0.5, 0.5),
        };
        let ball = BallState::resting(Vec2::ZERO);
        let struck = strike.apply(&ball, &self.table.ball, &self.table.physics);
        struck.ball.velocity.length().max(0.1)
    }

    /// Looks for the ball ahead of where it was.
    fn add_sighting(
        &self,
        flight: &mut Flight,
        observation: &Observation,
        balls: &[TrackedBall],
        clock: &Clock,
    ) {
        let from = flight.from.place;
        let told = flight.told;
        let expected = self.expected(flight);
        let way = told.map_or(flight.aim.cue.direction, |d| d.direction);
        let last_m = flight.sightings.last().map_or(0.0, |s| (s.at - from).dot(way));
        let resting = |at: Vec2| {
            let others = balls
                .iter()
                .filter(|b| b.id != flight.from.id && b.motion != BallMotion::Moving);
            others.into_iter().any(|b| b.position_m.distance(at) < 0.012)
        };
        let mut best: Option<(f64, Sighting)> = None;
        for seen in &observation.balls {
            let Some(at) = seen.position_m.filter(|p| p.is_finite()) else {
                continue;
            };
            let off = at - from;
            let (ahead, beside) = (off.dot(way), way.perp_dot(off).abs());
            let room = 0.004 + if told.is_some() { 0.02 } else { 0.12 } * ahead;
            let reached = LEFT_M.max(last_m + 0.001)..flight.free_m - 0.001;
            if !reached.contains(&ahead) || beside > room || resting(at) {
                continue;
            }
            let time_s = clock.at(seen.center_px);
            // About where it should be, as far as that is known.
            let (due, slack) = match (told, flight.arrival) {
                (Some(d), _) => {
                    let since_s = time_s - d.left_s;
                    let due = d.speed_m_s * since_s;
                    // A ball that has met another is far short of it.
                    let slides = 0.5 * self.table.physics.slide_friction * self.table.physics.gravity_m_s2;
                    let unsure = 3.0 * d.speed_sigma_m_s * since_s.abs() + slides * since_s * since_s;
                    (due, 0.03 + unsure.min(0.25 * due.abs()))
                }
                (None, Some(tip)) => {
                    let speed = expected.speed_m_s;
                    let due = speed * (time_s - tip.time_s);
                    (due, 0.06 + 0.05 * speed + 0.4 * due.abs())
                }
                (None, None) => (0.0, f64::INFINITY),
            };
            let off_m = (ahead - due).abs();
            if off_m > slack {
                continue;
            }
            let stranger = !matches!(seen.kind.group, Group::Cue | Group::Unknown);
            let cost = off_m + 0.02 * f64::from(u8::from(stranger)) + 0.5 * beside;
            if best.is_none_or(|(least, _)| cost < least) {
                let sigma_m = seen.covariance_m2.sigma().max(1e-4);
                best = Some((cost, Sighting { time_s, at, sigma_m }));
            }
        }
        match best {
            Some((_, sighting)) => {
                flight.sightings.push(sighting);
                flight.told = departure::fit(from, &flight.sightings, expected, &self.table.physics);
            }
            // It is not where it must be: something has turned it.
            None => flight.done |= flight.sightings.len() >= 2,
        }
    }

    /// Says what is known of the stroke by now.
    fn tell(&mut self, flight: &Flight) {
        let told = flight.told;
        let side = self.side_of(&flight.aim, flight.from.place);
        let Some(start) = self.start else { return };
        let (left_s, sigma_s) = match (told, flight.arrival) {
            (Some(ball), Some(tip)) => {
                let ball_sigma_s = ball.left_sigma_s.max(5e-4);
                let (a, b) = (ball_sigma_s.powi(-2), tip.sigma_s.powi(-2));
                // Two that do not agree: the ball was there.
                if (ball.left_s - tip.time_s).abs() > 3.0 * ball_sigma_s.hypot(tip.sigma_s) {
                    (ball.left_s, ball_sigma_s)
                } else {
                    ((a * ball.left_s + b * tip.time_s) / (a + b), (a + b).powf(-0.5))
                }
            }
            (Some(ball), None) => (ball.left_s, ball.left_sigma_s.max(5e-4)),
            (None, Some(tip)) => (tip.time_s, tip.sigma_s),
            (None, None) => return,
        };
        let gain = self.ball_speed(side, told.map_or(0.0, |d| d.height));
        // The stick's own speed, and what the ball's says of it.
        let stick_speed_m_s = match (told, flight.arrival) {
            (Some(ball), Some(tip)) => {
                let own = (0.12 * tip.speed_m_s).powi(-2);
                let by_ball = ball.speed_m_s / gain;
                let weight = (ball.speed_sigma_m_s / gain).hypot(0.05 * by_ball).powi(-2);
                (own * tip.speed_m_s + weight * by_ball) / (own + weight)
            }
            (Some(ball), None) => ball.speed_m_s / gain,
            (None, Some(tip)) => tip.speed_m_s,
            (None, None) => return,
        };
        let Some(at) = start.checked_add(Duration::from_secs_f64(left_s.max(0.0))) else {
            return;
        };
        let direction = told.map_or(flight.aim.cue.direction, |d| d.direction);
        self.hit = Some(Hit {
            number: flight.number,
            ball: flight.from.id,
            at,
            sigma_s,
            stick_speed_m_s,
            ball_speed_m_s: told.map_or(gain * stick_speed_m_s, |d| d.speed_m_s),
            direction: direction.to_angle(),
            side: flight.aim.line.map(|_| side),
            height: told.filter(|d| d.height_sigma < HEIGHT_TOLD).map(|d| d.height),
        });
    }

    /// The way the ball took shows how the cue was really held.
    fn learn(&mut self, flight: &Flight) {
        let (Some(told), Some(line)) = (flight.told, flight.aim.line) else {
            return;
        };
        let ratio = self.table.ball.mass_kg / self.table.physics.cue_end_mass_kg.max(1e-6);
        let side = self.side_of(&flight.aim, flight.from.place);
        let stick = Vec2::from_angle(squirt(side, ratio)).rotate(told.direction);
        // A side that is off by a twentieth of a radius.
        let by_side = (squirt(side + 0.05, ratio) - squirt(side - 0.05, ratio)).abs() / 2.0;
        let sigma = told.direction_sigma.hypot(by_side).hypot(line.turn_sigma);
        if sigma < DIRECTION_TOLD {
            self.player.learn(&line, stick, sigma, flight.aim.cue.elevation);
        }
    }
}

/// A height of the tip that is less sure than this is not told, ball radii.
const HEIGHT_TOLD: f64 = 0.12;
/// A direction less sure than this teaches nothing, radians.
const DIRECTION_TOLD: f64 = 0.02;

impl Expected {
    /// Nothing is known: anything from a touch to a break.
    const UNKNOWN: Self = Self {
        speed_m_s: 2.5,
        speed_sigma_m_s: 2.5,
    };
}

/// When a place of a frame was exposed.
struct Clock {
    now_s: f64,
    readout_s: f64,
    height: f64,
}

impl Clock {
    fn at(&self, px: Vec2) -> f64 {
        self.now_s + self.readout_s * ((px.y / self.height).clamp(0.0, 1.0) - 0.5)
    }
}

fn seconds_since(then: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(then).as_secs_f64()
}

/// Whether a cue points at a ball, its line within `room` of the ball's middle, from nearby.
fn points_at(tip: Vec2, along: Vec2, ball: Vec2, room: f64) -> bool {
    let to = ball - tip;
    (-0.06..AIM_M).contains(&to.dot(along)) && along.perp_dot(to).abs() < room
}

/// How far a ball gets along a direction before it meets another or a cushion, metres.
fn free_way(spot: Spot, along: Vec2, balls: &[TrackedBall], table: &TableSpec) -> f64 {
    let radius = table.ball.radius_m;
    let half = Vec2::new(table.half_length_m(), table.half_width_m()) - Vec2::splat(radius);
    let to = |at: f64, step: f64, edge: f64| {
        if step.abs() < 1e-9 {
            f64::INFINITY
        } else {
            (edge.copysign(step) - at) / step
        }
    };
    let cushion = to(spot.place.x, along.x, half.x).min(to(spot.place.y, along.y, half.y));
    let meets = |b: &TrackedBall| {
        let off = b.position_m - spot.place;
        let (ahead, beside) = (off.dot(along), along.perp_dot(off).abs());
        let back = (4.0 * radius * radius - beside * beside).max(0.0).sqrt();
        (ahead > 0.0 && beside < 2.0 * radius).then_some(ahead - back)
    };
    let others = balls.iter().filter(|b| b.id != spot.id).filter_map(meets);
    others.fold(cushion, f64::min).max(0.0)
}
