//! From observations to a table that lasts: balls with ids, rest and motion, the cue.

mod ball;
mod cue;
mod events;
mod foresight;
mod lasting;
mod matching;

use std::time::{Duration, Instant};

use serde::Serialize;

pub use cue::{CuePhase, Hit, TrackedCue};

use crate::table::{BallKind, Geometry, Group, PocketCircle, PocketId, TableSpec};
use crate::units::Vec2;
use crate::vision::hidden::Hidden;
use crate::vision::naming::{Evidence, Name, name_jointly, racked};
use crate::vision::observation::Observation;
use ball::{Look, SETTLE, Track};
use events::Chronicle;
use foresight::Walls;
use lasting::{Memory, is_unique};
use matching::{foresee, match_looks};

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

impl TrackedBall {
    /// A ball that lies there, and is surely this one.
    #[must_use]
    pub const fn lying(id: BallId, kind: BallKind, position_m: Vec2) -> Self {
        Self {
            id,
            kind,
            position_m,
            velocity_m_s: Vec2::ZERO,
            motion: BallMotion::Resting,
            group_confidence: 1.0,
        }
    }
}

/// Something that happened on the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableEvent {
    /// When, as exactly as the balls' ways before and after tell: between frames.
    pub at: Instant,
    /// What.
    pub what: Happening,
}

/// What can happen on the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happening {
    /// A ball was struck: it left its place and no ball had met it.
    Struck(BallId),
    /// Two balls met.
    Contact {
        /// Which.
        balls: [BallId; 2],
        /// It is the first of the ball that was struck.
        first: bool,
    },
    /// A ball met a cushion.
    Cushion(BallId),
    /// A ball went into a pocket. If it is the cue ball: a scratch.
    Pocketed(BallId, BallKind, PocketId),
    /// A ball left the table elsewhere than through a pocket.
    OffTable(BallId),
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
    /// Balls on the table, each with its id.
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
    /// These balls lie on the table now; nothing else is known of it.
    #[must_use]
    pub fn lying(balls: Vec<TrackedBall>) -> Self {
        Self {
            sequence: 0,
            captured: Instant::now(),
            balls,
            cue: None,
            hidden: Hidden::default(),
            at_rest: true,
            pocketed: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The cue ball, if it is known.
    #[must_use]
    pub fn cue_ball(&self) -> Option<&TrackedBall> {
        self.balls.iter().find(|b| b.kind.group == Group::Cue)
    }
}

/// A resting ball that is neither seen nor covered is kept this long, seconds.
const HOLD: f64 = 4.0;
/// An unseen moving ball is kept this long before it is given up, seconds.
const HOLD_MOVING: f64 = 0.5;
/// An unseen ball that was on its way into a pocket is in it after so long, seconds.
const HOLD_FALLING: f64 = 0.15;
/// A ball that lay in a pocket's mouth has fallen when its place was seen empty for so long, seconds.
const HOLD_IN_MOUTH: f64 = 0.7;
/// A ball over the edge of a hole is too deep to come back after so long, seconds.
const FALL_S: f64 = 0.055;
/// What is not believed in yet is kept this long unseen, seconds …
const HOLD_NEW: f64 = 0.12;
/// … and this long where it was seen more than once in one place: a ball of the cloth's own colour comes and goes.
const HOLD_FAINT: f64 = 0.6;
/// A ball not seen for this long is held where it was, seconds.
const UNSEEN: f64 = 0.1;
/// Hardest shots leave the tip at about 13 m/s.
const MAX_SPEED: f64 = 14.0;
/// A group or number less sure than this is not told.
const CLEAR: f64 = 0.6;
/// No camera reads a picture slower, seconds.
const LONGEST_READOUT_S: f64 = 0.1;
/// Balls nearer than this to each other touch, metres.
const TOUCH_M: f64 = 0.005;
/// So many balls that touch two others are a rack: of the smallest one all nine do.
const RACK: usize = 8;
/// Pocketed balls kept in the list.
const POCKETED_KEPT: usize = 64;
/// Most balls followed: more than any set has, fewer than a picture full of errors could make.
const MOST_TRACKS: usize = 48;

/// Follows balls and cue from observation to observation.
#[derive(Debug)]
pub struct Tracker {
    walls: Walls,
    radius: f64,
    tracks: Vec<Track>,
    memory: Memory,
    chronicle: Chronicle,
    next_id: u32,
    /// The first frame's time: the zero of all seconds here.
    start: Option<Instant>,
    last: Option<Instant>,
    still_since: Option<Instant>,
    was_at_rest: bool,
    cue: cue::CueFollower,
    pocketed: Vec<(BallKind, PocketId)>,
    /// Time from a picture's first row to its last, seconds.
    readout_s: f64,
}

impl Tracker {
    /// A tracker for one table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self {
            walls: Walls::new(Geometry::of(table), table.ball.radius_m),
            radius: table.ball.radius_m,
            tracks: Vec::new(),
            memory: Memory::default(),
            chronicle: Chronicle::default(),
            next_id: 1,
            start: None,
            last: None,
            still_since: None,
            was_at_rest: false,
            cue: cue::CueFollower::new(table),
            pocketed: Vec::new(),
            readout_s: 0.0,
        }
    }

    /// The same for a camera whose last row is exposed this much later than its first, seconds; negative where
    /// it reads from bottom to top.
    #[must_use]
    pub fn with_readout(mut self, readout_s: f64) -> Self {
        self.readout_s = if readout_s.is_finite() {
            readout_s.clamp(-LONGEST_READOUT_S, LONGEST_READOUT_S)
        } else {
            0.0
        };
        self.cue.set_readout(self.readout_s);
        self
    }

    /// Takes in one observation and says what is on the table now. `None` while no table is
    /// known, or when the observation is not newer than the last.
    pub fn update(&mut self, observation: &Observation) -> Option<TableState> {
        observation.table.as_ref()?;
        let now = observation.captured;
        if self.last.is_some_and(|last| now <= last) {
            return None;
        }
        let start = *self.start.get_or_insert(now);
        let seconds = |at: Instant| at.saturating_duration_since(start).as_secs_f64();
        let now_s = seconds(now);
        let before_s = self.last.map_or(now_s - USUAL_PERIOD_S, seconds);
        self.last = Some(now);

        let mut events = Vec::new();
        self.associate(observation, before_s, now_s, now);
        self.chronicle_looks(now, now_s, start, &mut events);
        self.retire(now, now_s, start, &observation.hidden, &mut events);
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
            events.push(TableEvent {
                at: self.came_to_rest(start, now),
                what: Happening::AtRest,
            });
            self.chronicle.rest();
            self.was_at_rest = true;
        } else if moving && self.was_at_rest {
            self.was_at_rest = false;
        }
        self.doubt_the_confused(now_s - before_s);
        self.name_all(now);
        self.memory.recognise(&mut self.tracks, now_s);
        if at_rest {
            self.memory.tell_apart(&mut self.tracks, self.radius);
        }
        let balls: Vec<TrackedBall> = self.confirmed().map(|t| describe(t, now, now_s)).collect();
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

    /// The last stroke that was seen; its speed and spin become known while the ball rolls.
    #[must_use]
    pub fn last_hit(&self) -> Option<&Hit> {
        self.cue.last_hit()
    }

    fn confirmed(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|t| t.is_ball())
    }

    /// Gives every ball its look, and makes balls of looks that are nobody's.
    fn associate(&mut self, observation: &Observation, before_s: f64, now_s: f64, now: Instant) {
        let height = f64::from(observation.image.height.max(1));
        let looks: Vec<Look<'_>> = observation
            .balls
            .iter()
            .filter_map(|ball| {
                let place = ball.position_m.filter(|p| p.is_finite())?;
                let row = (ball.center_px.y / height).clamp(0.0, 1.0) - 0.5;
                let time_s = now_s + self.readout_s * row;
                Some(Look { ball, place, time_s })
            })
            .collect();
        let hidden = &observation.hidden;
        let foreseen = foresee(&self.tracks, &self.walls, hidden, before_s, now_s, self.radius);
        let chosen = match_looks(&self.tracks, &foreseen, &looks, now_s, self.radius);
        let mut taken = vec![false; looks.len()];
        for ((track, foreseen), chosen) in self.tracks.iter_mut().zip(&foreseen).zip(chosen) {
            let look = chosen.and_then(|(index, how)| Some((index, looks.get(index)?, how)));
            if let Some((index, look, how)) = look {
                track.correct(look, how, now, self.radius);
                track.fell = None;
                if let Some(taken) = taken.get_mut(index) {
                    *taken = true;
                }
            } else {
                foreseen.go_on(track, now_s);
            }
        }
        for (look, taken) in looks.iter().zip(taken) {
            if !taken && look.ball.confidence >= 0.5 && self.tracks.len() < MOST_TRACKS {
                let track = Track::new(BallId(self.next_id), look, now, self.radius);
                self.next_id = self.next_id.wrapping_add(1);
                self.tracks.push(track);
            }
        }
    }

    /// When the last ball stopped, by how fast each was when it was taken to lie.
    fn came_to_rest(&self, start: Instant, now: Instant) -> Instant {
        let last_s = self.confirmed().map(|t| t.stops_s).fold(0.0, f64::max);
        (start + Duration::from_secs_f64(last_s)).min(now)
    }

    /// Notes this frame's looks, and tells what they make clear.
    fn chronicle_looks(&mut self, now: Instant, now_s: f64, start: Instant, events: &mut Vec<TableEvent>) {
        for track in self.tracks.iter().filter(|t| t.is_ball() && t.seen == now) {
            self.chronicle
                .see(track.id, track.seen_s, track.calm_place(), track.seen_sigma);
        }
        let tracks = &self.tracks;
        let known = |id: BallId| tracks.iter().any(|t| t.id == id);
        // While anything moves, what lies may be taken for the cue ball that was struck.
        let lie = self.confirmed().all(Track::is_resting);
        let cue_ball = self.confirmed().find(|t| lie && t.name.0.group == Group::Cue);
        let cue_ball = cue_ball.map(|t| t.id);
        self.chronicle
            .tell(now_s, start, &self.walls, self.radius, known, cue_ball, events);
    }

    /// Ends tracks that were neither seen nor covered for too long: in a pocket if they were on their way into one.
    fn retire(
        &mut self,
        now: Instant,
        now_s: f64,
        start: Instant,
        hidden: &Hidden,
        events: &mut Vec<TableEvent>,
    ) {
        let (walls, radius, memory) = (&self.walls, self.radius, &mut self.memory);
        let (pocketed, mut fallen) = (&mut self.pocketed, Vec::new());
        self.tracks.retain_mut(|track| {
            let is_ball = track.is_ball();
            if is_ball && hidden.at(track.place) && track.fell.is_none() {
                track.covered = now;
            }
            let unseen_s = now.saturating_duration_since(track.covered).as_secs_f64();
            let ahead = match track.fell {
                _ if !is_ball => None,
                Some(fell) => Some(fell),
                None if track.is_resting() => in_mouth(walls.geometry(), radius, track),
                None => pocket_ahead(walls.geometry(), radius, track)
                    .or_else(|| in_mouth(walls.geometry(), radius, track)),
            };
            let limit_s = match ahead {
                _ if track.is_faint() => HOLD_FAINT,
                _ if !is_ball => HOLD_NEW,
                Some(_) if track.fell.is_some() => HOLD_FALLING,
                Some(_) if track.is_resting() => HOLD_IN_MOUTH,
                None if track.is_resting() => HOLD,
                _ => HOLD_MOVING,
            };
            if unseen_s <= limit_s {
                return true;
            }
            if is_ball {
                memory.keep(track, ahead.is_some());
            }
            if let Some((pocket, at_s)) = ahead {
                fallen.push((track.id, track.name.0, pocket, (at_s + FALL_S).min(now_s)));
            } else if is_ball && !walls.holds(track.seen_at) {
                events.push(TableEvent {
                    at: track.seen,
                    what: Happening::OffTable(track.id),
                });
            }
            false
        });
        for (id, kind, pocket, at_s) in fallen {
            self.chronicle.fell(id, start, events);
            events.push(TableEvent {
                at: start + Duration::from_secs_f64(at_s.max(0.0)),
                what: Happening::Pocketed(id, kind, pocket),
            });
            if pocketed.len() >= POCKETED_KEPT {
                pocketed.remove(0);
            }
            pocketed.push((kind, pocket));
        }
    }

    /// Calls every ball what it was seen to be, all together: there is one cue ball, and one ball of
    /// each number. What is not clear is unknown. A ball that is not seen at present keeps its name
    /// unless one that is seen has it: a ball taken up and put down elsewhere is named there.
    fn name_all(&mut self, now: Instant) {
        let is_seen = |track: &Track| now.saturating_duration_since(track.seen).as_secs_f64() <= UNSEEN;
        let rack = self.confirmed().filter(|t| self.touching(t) >= 2).count() >= RACK;
        let odds: Vec<_> = (self.tracks.iter().filter(|t| is_seen(t)))
            .map(|t| {
                let odds = t.evidence.odds();
                if rack && self.touching(t) >= 3 {
                    racked(odds)
                } else {
                    odds
                }
            })
            .collect();
        let mut names = name_jointly(&odds).into_iter();
        let mut given: Vec<BallKind> = Vec::with_capacity(self.tracks.len());
        for track in self.tracks.iter_mut().filter(|t| is_seen(t)) {
            track.name = names.next().map_or_else(Default::default, clear_name);
            given.push(track.name.0);
        }
        // What lies there and is not believed in yet may be no ball, if the one it looks like is another.
        for track in self.tracks.iter_mut().filter(|t| is_seen(t) && !t.is_ball()) {
            let is_nameless = track.is_resting() && track.name.0 == BallKind::default();
            let alone = is_nameless.then(|| name_alone(&track.evidence).0);
            track.is_double = alone.is_some_and(|kind| is_unique(kind) && given.contains(&kind));
        }
        for track in self.tracks.iter_mut().filter(|t| !is_seen(t)) {
            let name = name_alone(&track.evidence);
            let unique = name.0.group == Group::Cue || name.0.number.is_some();
            track.name = if unique && given.contains(&name.0) {
                Default::default()
            } else {
                name
            };
            given.push(track.name.0);
        }
    }

    /// How many others a resting ball touches.
    fn touching(&self, track: &Track) -> usize {
        if !track.is_resting() {
            return 0;
        }
        let touches = |other: &&Track| {
            other.id != track.id && other.place.distance(track.place) < 2.0 * self.radius + TOUCH_M
        };
        self.confirmed().filter(touches).count()
    }

    /// Two balls that meet so fast that either may be the one seen next may have changed names.
    fn doubt_the_confused(&mut self, dt: f64) {
        let spots: Vec<(Vec2, f64)> = self
            .tracks
            .iter()
            .map(|t| (t.place, t.velocity.length() * dt))
            .collect();
        for (i, track) in self.tracks.iter_mut().enumerate() {
            let confused = spots.iter().enumerate().any(|(j, (place, way))| {
                let longest = way.max(track.velocity.length() * dt);
                i != j
                    && longest > 0.5 * self.radius
                    && place.distance(track.place) < 2.0 * self.radius + longest
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

/// What a ball is called by its own looks.
fn name_alone(evidence: &Evidence) -> (BallKind, f64) {
    let own = name_jointly(&[evidence.odds()]).into_iter().next();
    own.map_or_else(Default::default, clear_name)
}

fn describe(track: &Track, now: Instant, now_s: f64) -> TrackedBall {
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
        position_m: track.place_at(now_s),
        velocity_m_s: track.velocity,
        motion,
        group_confidence,
    }
}

/// The pocket a moving ball was on its way into when it was last seen, and when it got there, seconds.
fn pocket_ahead(geometry: &Geometry, radius: f64, track: &Track) -> Option<(PocketId, f64)> {
    geometry
        .pockets
        .iter()
        .filter_map(|pocket| {
            let to = pocket.centre - track.seen_at;
            let distance = to.length();
            let speed = track.velocity.length();
            // It may travel this far unseen between its last sighting and the hole's rim.
            let reach = pocket.radius + 2.0 * radius + speed * 0.12;
            let closing = track.velocity.dot(to) > 0.0 || distance < pocket.radius;
            let sideways = track.velocity.normalize_or_zero().perp().dot(to).abs();
            let takes_s = (distance - pocket.radius).max(0.0) / speed.max(0.05);
            (distance < reach && closing && sideways < pocket.radius + 2.0 * radius).then_some((
                distance,
                pocket.id,
                track.seen_s + takes_s,
            ))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, pocket, at_s)| (pocket, at_s))
}

/// The pocket in whose mouth a ball was seen last, and when, seconds.
fn in_mouth(geometry: &Geometry, radius: f64, track: &Track) -> Option<(PocketId, f64)> {
    let near = |pocket: &&PocketCircle| pocket.centre.distance(track.seen_at) < pocket.radius + 1.6 * radius;
    let pocket = geometry.pockets.iter().find(near)?;
    Some((pocket.id, track.seen_s))
}

/// Time before the first frame that balls are supposed to have lain, seconds.
const USUAL_PERIOD_S: f64 = 1.0 / 30.0;

#[cfg(test)]
mod tests;
