//! From observations to a table that lasts: balls with ids, rest and motion, the cue.

mod cue;

use std::time::Instant;

use serde::Serialize;

pub use cue::{CuePhase, Hit, TrackedCue};

use crate::table::{BallKind, Geometry, Group, PocketId, TableSpec};
use crate::units::Vec2;
use crate::vision::hidden::Hidden;
use crate::vision::naming::{Evidence, Name, name_jointly};
use crate::vision::observation::{BallSeen, Observation};

/// A lasting number for a tracked ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BallId(pub u32);

/// What a tracked ball is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BallMotion {
    /// Still.
    Resting,
    /// Rolling or sliding.
    Moving,
    /// Not seen at present (covered by a hand, a cue, another ball); kept where it was.
    Held,
}

/// A ball that has been followed over several frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackedBall {
    /// Lasting id.
    pub id: BallId,
    /// Group and number, as far as known.
    pub kind: BallKind,
    /// Centre, metres.
    pub position_m: Vec2,
    /// Velocity, m/s.
    pub velocity_m_s: Vec2,
    /// Resting, moving or held.
    pub motion: BallMotion,
    /// That the group is right, 0..1.
    pub group_confidence: f64,
}

/// Something that happened on the table between two states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TableEvent {
    /// A ball left its place.
    ShotStruck,
    /// A ball went into a pocket.
    Pocketed(BallId, BallKind, PocketId),
    /// Every ball has come to rest.
    AtRest,
}

/// The table as the trainer believes it to be.
#[derive(Clone, Debug, PartialEq)]
pub struct TableState {
    /// The frame it is based on.
    pub sequence: u64,
    /// When that frame was taken.
    pub captured: Instant,
    /// Balls on the table, by id.
    pub balls: Vec<TrackedBall>,
    /// The cue, if one is over the table.
    pub cue: Option<TrackedCue>,
    /// Where balls can't be seen at present.
    pub hidden: Hidden,
    /// Nothing moves.
    pub at_rest: bool,
    /// Balls that went into pockets since the tracker started, in order; the last 64.
    pub pocketed: Vec<(BallKind, PocketId)>,
    /// What happened since the previous state.
    pub events: Vec<TableEvent>,
}

impl TableState {
    /// The cue ball, if it is known.
    #[must_use]
    pub fn cue_ball(&self) -> Option<&TrackedBall> {
        self.balls.iter().find(|b| b.kind.group == Group::Cue)
    }
}

/// A ball slower than this is at rest, m/s. A resting ball's jitter at 30 frames a second stays below it.
const REST_SPEED: f64 = 0.03;
/// A look at a resting ball farther than this from its place may mean that it moved, metres: it has if the
/// next ones see it go on, or see it there for as long as [`SETTLE`].
const REST_RADIUS: f64 = 0.004;
/// A resting ball that is seen this many radii beside its place has left it, whatever the next look says.
const LEFT: f64 = 0.5;
/// Everything must be still for this long before the table counts as at rest, seconds.
const SETTLE: f64 = 0.25;
/// Sightings before a track counts as a ball.
const CONFIRM: u32 = 3;
/// A resting ball that is neither seen nor covered is kept this long, seconds.
const HOLD: f64 = 4.0;
/// An unseen moving ball is kept this long before it is pocketed or given up, seconds.
const HOLD_MOVING: f64 = 0.35;
/// A ball not seen for this long is held where it was, seconds.
const UNSEEN: f64 = 0.1;
/// Hardest shots leave the tip at about 13 m/s.
const MAX_SPEED: f64 = 14.0;
/// A group or number less sure than this is not told.
const CLEAR: f64 = 0.6;
/// Pocketed balls kept in the list.
const POCKETED_KEPT: usize = 64;

/// Follows balls and cue from observation to observation.
#[derive(Debug)]
pub struct Tracker {
    geometry: Geometry,
    radius: f64,
    tracks: Vec<Track>,
    next_id: u32,
    last: Option<Instant>,
    still_since: Option<Instant>,
    was_at_rest: bool,
    cue: cue::CueFollower,
    pocketed: Vec<(BallKind, PocketId)>,
}

#[derive(Clone, Debug)]
struct Track {
    id: BallId,
    position: Vec2,
    velocity: Vec2,
    rest: Option<Rest>,
    seen: Instant,
    /// When it was last seen, or something covered its place.
    covered: Instant,
    sightings: u32,
    evidence: Evidence,
    /// Where the ball was when it began to show its present side.
    judged_at: Vec2,
    /// What it was called last.
    name: (BallKind, f64),
}

/// A ball that lies still.
#[derive(Clone, Copy, Debug)]
struct Rest {
    place: Mean,
    /// Where it is seen lately, a little beside its place: one look at a ball among others may be off by
    /// millimetres, and the next is not.
    doubt: Option<Doubt>,
}

/// Looks in a row that agree on another place.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    place: Mean,
    first: Vec2,
    since: Instant,
}

/// Running mean of places, and how many it holds.
#[derive(Clone, Copy, Debug)]
struct Mean {
    place: Vec2,
    weight: f64,
}

impl Mean {
    /// The long average of a ball that lies still: jitter falls with the square root of its length.
    const LONGEST: f64 = 60.0;

    fn of(place: Vec2) -> Self {
        Self { place, weight: 1.0 }
    }

    fn add(&mut self, place: Vec2) {
        self.weight = (self.weight + 1.0).min(Self::LONGEST);
        self.place += (place - self.place) / self.weight;
    }
}

impl Rest {
    fn at(place: Vec2) -> Self {
        Self {
            place: Mean::of(place),
            doubt: None,
        }
    }

    /// Takes in a sighting that may be off by `slack` metres. Where the ball has left its place: from where
    /// and since when, as far as the looks tell.
    fn confirm(
        &mut self,
        seen: Vec2,
        slack: f64,
        radius: f64,
        now: Instant,
    ) -> Result<(), Option<(Vec2, Instant)>> {
        let off = seen.distance(self.place.place);
        if off < slack {
            self.place.add(seen);
            self.doubt = None;
            return Ok(());
        }
        let from = self.doubt.map(|doubt| (doubt.first, doubt.since));
        // Farther away than the first look beside its place: it rolls.
        let goes_on = |first: Vec2| off > first.distance(self.place.place) + slack;
        if off > LEFT * radius || self.doubt.is_some_and(|doubt| goes_on(doubt.first)) {
            return Err(from);
        }
        match &mut self.doubt {
            Some(doubt) if doubt.first.distance(seen) < slack => {
                doubt.place.add(seen);
                if now.saturating_duration_since(doubt.since).as_secs_f64() >= SETTLE {
                    self.place = doubt.place;
                    self.doubt = None;
                }
            }
            doubt => {
                *doubt = Some(Doubt {
                    place: Mean::of(seen),
                    first: seen,
                    since: now,
                });
            }
        }
        Ok(())
    }
}

impl Track {
    /// Takes in what the ball looks like. A ball that has rolled shows another side: a new look.
    fn judge(&mut self, seen: &BallSeen, radius: f64) {
        const TURNED: f64 = 0.35;
        if self.position.distance(self.judged_at) > TURNED * radius {
            self.evidence.turn();
            self.judged_at = self.position;
        }
        // What moves is blurred.
        let speed = self.velocity.length();
        self.evidence.look(&seen.odds, 1.0 / (1.0 + speed * speed));
    }

    fn is_resting(&self) -> bool {
        self.rest.is_some()
    }

    fn predicted(&self, dt: f64) -> Vec2 {
        if self.is_resting() {
            self.position
        } else {
            self.position + self.velocity * dt
        }
    }

    fn correct(&mut self, seen: &BallSeen, measured: Vec2, dt: f64, now: Instant, radius: f64) {
        if let Some(rest) = &mut self.rest {
            let slack = REST_RADIUS.max(4.0 * seen.covariance_m2.sigma());
            match rest.confirm(measured, slack, radius, now) {
                Ok(()) => {
                    self.position = rest.place.place;
                    self.velocity = Vec2::ZERO;
                }
                Err(left) => {
                    // What it went while it was in doubt took as long as the doubt did.
                    let went =
                        left.map(|(from, since)| (from, now.saturating_duration_since(since).as_secs_f64()));
                    let (from, time) = went.unwrap_or((rest.place.place, dt));
                    self.velocity = (measured - from) / time.max(1e-3);
                    self.position = measured;
                    self.rest = None;
                }
            }
        } else {
            // Alpha-beta filter; a surprise larger than its own reach is a collision: start over from it.
            let predicted = self.position + self.velocity * dt;
            let surprise = measured - predicted;
            let observed = (measured - self.position) / dt;
            if surprise.length() > 0.02 + 0.2 * self.velocity.length() * dt {
                self.velocity = observed;
                self.position = measured;
            } else {
                self.position = predicted + surprise * 0.7;
                self.velocity += surprise * (0.35 / dt);
            }
            if self.velocity.length() < REST_SPEED && observed.length() < 3.0 * REST_SPEED {
                self.rest = Some(Rest::at(measured));
                self.velocity = Vec2::ZERO;
            }
        }
        self.velocity = self.velocity.clamp_length_max(MAX_SPEED);
        self.seen = now;
        self.covered = now;
        self.sightings += 1;
        self.judge(seen, radius);
    }
}

impl Tracker {
    /// A tracker for one table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self {
            geometry: Geometry::of(table),
            radius: table.ball.radius_m,
            tracks: Vec::new(),
            next_id: 1,
            last: None,
            still_since: None,
            was_at_rest: false,
            cue: cue::CueFollower::new(table),
            pocketed: Vec::new(),
        }
    }

    /// Takes in one observation and says what is on the table now. `None` while no table is
    /// known, or when the observation is not newer than the last.
    pub fn update(&mut self, observation: &Observation) -> Option<TableState> {
        observation.table.as_ref()?;
        let now = observation.captured;
        let dt = match self.last {
            Some(last) => now
                .checked_duration_since(last)
                .filter(|d| !d.is_zero())?
                .as_secs_f64(),
            None => 1.0 / 30.0,
        };
        self.last = Some(now);

        let mut events = Vec::new();
        self.associate(observation, dt, now);
        self.retire(now, &observation.hidden, &mut events);
        let moving = self.confirmed().any(|t| !t.is_resting());
        if moving {
            self.still_since = None;
        } else if self.still_since.is_none() {
            self.still_since = Some(now);
        }
        let at_rest = self
            .still_since
            .is_some_and(|s| now.saturating_duration_since(s).as_secs_f64() >= SETTLE);
        if at_rest && !self.was_at_rest {
            events.push(TableEvent::AtRest);
            self.was_at_rest = true;
        } else if moving && self.was_at_rest {
            events.push(TableEvent::ShotStruck);
            self.was_at_rest = false;
        }
        self.doubt_the_confused(dt);
        self.name_all(now);
        let balls: Vec<TrackedBall> = self.confirmed().map(|t| describe(t, now)).collect();
        let cue = self.cue.follow(observation, &balls);
        Some(TableState {
            sequence: observation.sequence,
            captured: now,
            balls,
            cue,
            hidden: observation.hidden.clone(),
            at_rest,
            pocketed: self.pocketed.clone(),
            events,
        })
    }

    /// The same for a camera whose rows are exposed one after the other: `readout_s` from the first to the last,
    /// negative from bottom to top.
    #[must_use]
    pub fn with_readout(mut self, readout_s: f64) -> Self {
        self.cue.set_readout(readout_s);
        self
    }

    /// The last stroke that was seen; its speed and spin become known while the ball rolls.
    #[must_use]
    pub fn last_hit(&self) -> Option<&Hit> {
        self.cue.last_hit()
    }

    fn confirmed(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|t| t.sightings >= CONFIRM)
    }

    /// Matches sightings to tracks, cheapest pair first: distance to the predicted place, with a
    /// penalty for another colour.
    fn associate(&mut self, observation: &Observation, dt: f64, now: Instant) {
        let seen: Vec<(&BallSeen, Vec2)> = observation
            .balls
            .iter()
            .filter_map(|b| Some((b, b.position_m.filter(|p| p.is_finite())?)))
            .collect();
        let mut pairs = Vec::new();
        for (t, track) in self.tracks.iter().enumerate() {
            let gap = now.saturating_duration_since(track.seen).as_secs_f64();
            let reach = if track.is_resting() { 0.10 } else { 0.06 } + track.velocity.length() * gap * 0.6;
            // What is covered may have been moved a little, but not across the table.
            let reach = (reach + 2.0 * gap)
                .min(MAX_SPEED * gap.max(dt))
                .min(if track.is_resting() { 0.3 } else { 1.5 });
            for (s, (ball, place)) in seen.iter().enumerate() {
                let distance = track.predicted(gap).distance(*place);
                let (kind, confidence) = track.name;
                let other = differ(kind, ball.kind);
                let cost = distance
                    + if other {
                        0.06 * confidence * ball.group_confidence
                    } else {
                        0.0
                    };
                // A faint sighting may confirm a ball where it is, not carry it away.
                let credible = ball.confidence >= 0.5 || distance < 0.5 * self.radius;
                if credible && distance <= reach.max(0.03) {
                    pairs.push((cost, t, s));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut track_done = vec![false; self.tracks.len()];
        let mut seen_done = vec![false; seen.len()];
        for (_, t, s) in pairs {
            let (Some(track_taken), Some(seen_taken)) = (track_done.get_mut(t), seen_done.get_mut(s)) else {
                continue;
            };
            if *track_taken || *seen_taken {
                continue;
            }
            if let (Some(track), Some((ball, place))) = (self.tracks.get_mut(t), seen.get(s)) {
                let gap = now.saturating_duration_since(track.seen).as_secs_f64().max(1e-3);
                track.correct(ball, *place, gap, now, self.radius);
                (*track_taken, *seen_taken) = (true, true);
            }
        }
        for ((ball, place), done) in seen.iter().zip(seen_done) {
            if !done && ball.confidence >= 0.5 {
                let mut track = Track {
                    id: BallId(self.next_id),
                    position: *place,
                    velocity: Vec2::ZERO,
                    rest: Some(Rest::at(*place)),
                    seen: now,
                    covered: now,
                    sightings: 1,
                    evidence: Evidence::new(),
                    judged_at: *place,
                    name: (BallKind::default(), 0.0),
                };
                track.judge(ball, self.radius);
                self.next_id = self.next_id.wrapping_add(1);
                self.tracks.push(track);
            }
        }
    }

    /// Ends tracks that were neither seen nor covered for too long: in a pocket if they were on their way into one.
    fn retire(&mut self, now: Instant, hidden: &Hidden, events: &mut Vec<TableEvent>) {
        let (geometry, radius) = (&self.geometry, self.radius);
        let mut fallen = Vec::new();
        self.tracks.retain_mut(|track| {
            if track.sightings >= CONFIRM && track.is_resting() && hidden.at(track.position) {
                track.covered = now;
            }
            let unseen = now.saturating_duration_since(track.covered).as_secs_f64();
            let limit = if track.sightings < CONFIRM {
                0.12
            } else if track.is_resting() {
                HOLD
            } else {
                HOLD_MOVING
            };
            if unseen <= limit {
                return true;
            }
            if track.sightings >= CONFIRM
                && !track.is_resting()
                && let Some(pocket) = pocket_ahead(geometry, radius, track)
            {
                fallen.push((track.id, track.name.0, pocket));
            }
            false
        });
        for (id, kind, pocket) in fallen {
            events.push(TableEvent::Pocketed(id, kind, pocket));
            if self.pocketed.len() >= POCKETED_KEPT {
                self.pocketed.remove(0);
            }
            self.pocketed.push((kind, pocket));
        }
    }

    /// Calls every ball what it was seen to be, all together: there is one cue ball, and one ball of
    /// each number. What is not clear is unknown. A ball that is not seen at present keeps its name
    /// unless one that is seen has it: a ball taken up and put down elsewhere is named there.
    fn name_all(&mut self, now: Instant) {
        let is_seen = |track: &Track| now.saturating_duration_since(track.seen).as_secs_f64() <= UNSEEN;
        let odds: Vec<_> = (self.tracks.iter().filter(|t| is_seen(t)))
            .map(|t| t.evidence.odds())
            .collect();
        let mut names = name_jointly(&odds).into_iter();
        let mut given: Vec<BallKind> = Vec::with_capacity(self.tracks.len());
        for track in self.tracks.iter_mut().filter(|t| is_seen(t)) {
            track.name = names.next().map_or_else(Default::default, clear_name);
            given.push(track.name.0);
        }
        for track in self.tracks.iter_mut().filter(|t| !is_seen(t)) {
            let own = name_jointly(&[track.evidence.odds()]).into_iter().next();
            let name = own.map_or_else(Default::default, clear_name);
            let unique = name.0.group == Group::Cue || name.0.number.is_some();
            track.name = if unique && given.contains(&name.0) {
                Default::default()
            } else {
                name
            };
            given.push(track.name.0);
        }
    }

    /// Two balls that meet so fast that either may be the one seen next may have changed names.
    fn doubt_the_confused(&mut self, dt: f64) {
        let spots: Vec<(Vec2, f64)> = self
            .tracks
            .iter()
            .map(|t| (t.position, t.velocity.length() * dt))
            .collect();
        for (i, track) in self.tracks.iter_mut().enumerate() {
            let confused = spots.iter().enumerate().any(|(j, (place, way))| {
                let longest = way.max(track.velocity.length() * dt);
                i != j
                    && longest > 0.5 * self.radius
                    && place.distance(track.position) < 2.0 * self.radius + longest
            });
            if confused {
                track.evidence.doubt();
            }
        }
    }
}

/// A name as far as it is clear.
fn clear_name(name: Name) -> (BallKind, f64) {
    if name.group_confidence < CLEAR {
        return (BallKind::default(), 0.0);
    }
    let number = name.kind.number.filter(|_| name.confidence >= CLEAR);
    (BallKind { number, ..name.kind }, name.group_confidence)
}

/// True for two kinds that can't be the same ball; what is not known can be any.
fn differ(a: BallKind, b: BallKind) -> bool {
    let numbers = a.number.zip(b.number).is_some_and(|(a, b)| a != b);
    let known = a.group != Group::Unknown && b.group != Group::Unknown;
    known && (a.group != b.group || numbers)
}

fn describe(track: &Track, now: Instant) -> TrackedBall {
    let (kind, group_confidence) = track.name;
    let unseen = now.saturating_duration_since(track.seen).as_secs_f64();
    let motion = if unseen > UNSEEN {
        BallMotion::Held
    } else if track.is_resting() {
        BallMotion::Resting
    } else {
        BallMotion::Moving
    };
    TrackedBall {
        id: track.id,
        kind,
        position_m: track.predicted(if unseen > UNSEEN { 0.0 } else { unseen }),
        velocity_m_s: track.velocity,
        motion,
        group_confidence,
    }
}

/// The pocket a moving ball was on its way into when it was last seen.
fn pocket_ahead(geometry: &Geometry, radius: f64, track: &Track) -> Option<PocketId> {
    geometry
        .pockets
        .iter()
        .filter_map(|pocket| {
            let to = pocket.centre - track.position;
            let distance = to.length();
            // It may travel this far unseen between its last sighting and the hole's rim.
            let reach = pocket.radius + 2.0 * radius + track.velocity.length() * 0.12;
            let closing = track.velocity.dot(to) > 0.0 || distance < pocket.radius;
            let sideways = track.velocity.normalize_or_zero().perp().dot(to).abs();
            (distance < reach && closing && sideways < pocket.radius + 2.0 * radius)
                .then_some((distance, pocket.id))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|p| p.1)
}

#[cfg(test)]
mod tests;
