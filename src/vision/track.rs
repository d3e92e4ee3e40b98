//! From observations to a table that lasts: balls with ids, rest and motion, the cue.

use std::time::Instant;

use serde::Serialize;

use crate::table::{BallKind, Geometry, Group, PocketId, TableSpec};
use crate::units::Vec2;
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

/// The cue as followed over several frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackedCue {
    /// Tip, metres.
    pub tip_m: Vec2,
    /// Unit direction of the shot, butt to tip.
    pub direction: Vec2,
    /// 0..1.
    pub confidence: f64,
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
/// A resting ball that is seen farther than this from its place has moved, metres.
const REST_RADIUS: f64 = 0.004;
/// Everything must be still for this long before the table counts as at rest, seconds.
const SETTLE: f64 = 0.25;
/// Sightings before a track counts as a ball.
const CONFIRM: u32 = 3;
/// An unseen resting ball is kept this long, seconds.
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
    cue: Option<(TrackedCue, Instant)>,
    pocketed: Vec<(BallKind, PocketId)>,
}

#[derive(Clone, Debug)]
struct Track {
    id: BallId,
    position: Vec2,
    velocity: Vec2,
    /// Running mean of a resting ball and how many sightings it holds.
    rest: Option<(Vec2, f64)>,
    seen: Instant,
    sightings: u32,
    evidence: Evidence,
    /// Where the ball was when it began to show its present side.
    judged_at: Vec2,
    /// What it was called last.
    name: (BallKind, f64),
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
        if let Some((mean, weight)) = &mut self.rest {
            if measured.distance(*mean) < REST_RADIUS.max(4.0 * seen.covariance_m2.sigma()) {
                // Long average of a ball that lies still: jitter falls with the square root of its length.
                *weight = (*weight + 1.0).min(60.0);
                *mean += (measured - *mean) / *weight;
                self.position = *mean;
                self.velocity = Vec2::ZERO;
            } else {
                self.velocity = (measured - *mean) / dt;
                self.position = measured;
                self.rest = None;
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
                self.rest = Some((measured, 1.0));
                self.velocity = Vec2::ZERO;
            }
        }
        self.velocity = self.velocity.clamp_length_max(MAX_SPEED);
        self.seen = now;
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
            cue: None,
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
        self.retire(now, &mut events);
        self.follow_cue(observation, now);

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
        let balls = self.confirmed().map(|t| describe(t, now)).collect();
        Some(TableState {
            sequence: observation.sequence,
            captured: now,
            balls,
            cue: self.cue.map(|c| c.0),
            at_rest,
            pocketed: self.pocketed.clone(),
            events,
        })
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
                    rest: Some((*place, 1.0)),
                    seen: now,
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

    /// Ends tracks that were not seen for too long: in a pocket if they were on their way into one.
    fn retire(&mut self, now: Instant, events: &mut Vec<TableEvent>) {
        let (geometry, radius) = (&self.geometry, self.radius);
        let mut fallen = Vec::new();
        self.tracks.retain(|track| {
            let unseen = now.saturating_duration_since(track.seen).as_secs_f64();
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

    fn follow_cue(&mut self, observation: &Observation, now: Instant) {
        let best = observation
            .cues
            .iter()
            .filter_map(|c| Some((c.confidence, c.tip_m?, c.direction?)))
            .filter(|c| c.1.is_finite() && c.2.is_finite())
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((confidence, tip_m, direction)) = best {
            let mut cue = TrackedCue {
                tip_m,
                direction,
                confidence,
            };
            if let Some((old, _)) = self.cue {
                // Follow a sweep at once, smooth a steady aim.
                let turn = old.direction.angle_to(direction).abs();
                let keep = if turn < 0.003 {
                    0.8
                } else if turn < 0.02 {
                    0.4
                } else {
                    0.0
                };
                cue.direction = (old.direction * keep + direction * (1.0 - keep)).normalize_or(direction);
            }
            self.cue = Some((cue, now));
        } else if self
            .cue
            .is_some_and(|c| now.saturating_duration_since(c.1).as_secs_f64() > 0.2)
        {
            self.cue = None;
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
mod tests {
    use super::*;
    use crate::calibration::{CameraModel, Lens, Pose};
    use crate::units::{ImageSize, Vec3};
    use crate::vision::naming::Odds;
    use crate::vision::observation::{Covariance, CueSeen, TableSeen};
    use std::time::Duration;

    fn observation(
        start: Instant,
        frame: u64,
        balls: &[(BallKind, Vec2)],
        cue: Option<(Vec2, Vec2)>,
    ) -> Observation {
        let image = ImageSize::new(1920, 1080);
        let camera = CameraModel {
            lens: Lens::pinhole(image, 1500.0),
            pose: Pose::looking_at(Vec3::new(0.0, 0.0, 2.5), Vec3::ZERO, Vec3::Y),
        };
        Observation {
            sequence: frame,
            captured: start + Duration::from_micros(33_333 * (frame + 1)),
            image,
            table: Some(TableSeen {
                corners_px: [Vec2::ZERO; 4],
                pockets_px: [Vec2::ZERO; 6],
                model: "pool-9ft".to_owned(),
                confidence: 1.0,
                camera,
            }),
            balls: balls
                .iter()
                .map(|&(kind, position)| BallSeen {
                    center_px: Vec2::ZERO,
                    radius_px: 17.0,
                    position_m: Some(position),
                    covariance_m2: Covariance::round(0.0003),
                    kind,
                    confidence: 1.0,
                    group_confidence: 0.9,
                    odds: Odds::of_name(kind, 0.9),
                    look: Default::default(),
                })
                .collect(),
            hidden: Hidden::default(),
            cues: cue
                .map(|(tip, direction)| CueSeen {
                    tip_px: Vec2::ZERO,
                    butt_px: Vec2::ZERO,
                    tip_m: Some(tip),
                    direction: Some(direction),
                    confidence: 0.9,
                })
                .into_iter()
                .collect(),
            timing_ms: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn tracker() -> Tracker {
        Tracker::new(&TableSpec::pool_9ft())
    }

    #[test]
    fn a_resting_ball_keeps_its_id_and_its_place_settles() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let mut noise = fastrand::Rng::with_seed(7);
        let truth = Vec2::new(0.3, -0.2);
        let mut last = None;
        for frame in 0..90 {
            let jitter = Vec2::new(noise.f64() - 0.5, noise.f64() - 0.5) * 0.001;
            last = tracker.update(&observation(
                start,
                frame,
                &[(BallKind::pool(3), truth + jitter)],
                None,
            ));
        }
        let state = last.unwrap();
        let ball = state.balls[0];
        assert_eq!(
            (state.balls.len(), ball.id, ball.motion, ball.kind),
            (1, BallId(1), BallMotion::Resting, BallKind::pool(3))
        );
        assert!(
            ball.position_m.distance(truth) < 0.000_15,
            "{}",
            ball.position_m.distance(truth)
        );
        assert!(state.at_rest);
    }

    #[test]
    fn a_fast_ball_keeps_its_id_and_its_speed_is_measured() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let mut state = None;
        for frame in 0..30_u64 {
            // Still for ten frames, then 2.5 m/s along the table past a resting neighbour.
            let t = frame.saturating_sub(10) as f64 / 30.0;
            let cue = Vec2::new(-1.0 + 2.5 * t, 0.1);
            let balls = [
                (BallKind::pool(0), cue),
                (BallKind::pool(5), Vec2::new(0.0, 0.18)),
            ];
            state = tracker.update(&observation(start, frame, &balls, None));
        }
        let state = state.unwrap();
        let ball = state.cue_ball().unwrap();
        assert_eq!(
            (state.balls.len(), ball.id, ball.motion),
            (2, BallId(1), BallMotion::Moving)
        );
        assert!(
            (ball.velocity_m_s.x - 2.5).abs() < 0.05 && !state.at_rest,
            "{ball:?}"
        );
    }

    #[test]
    fn a_ball_that_vanishes_at_a_pocket_is_pocketed_and_one_that_is_covered_is_held() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let mut events = Vec::new();
        let mut last = None;
        for frame in 0..55_u64 {
            let t = frame.saturating_sub(15) as f64 / 30.0;
            let nine = Vec2::new(0.9, 0.26) + Vec2::new(1.2, 1.2) * t;
            let mut balls = Vec::new();
            if nine.x < 1.255 {
                balls.push((BallKind::pool(9), nine));
            }
            if frame < 30 {
                balls.push((BallKind::pool(2), Vec2::new(-0.5, 0.0)));
            }
            let state = tracker.update(&observation(start, frame, &balls, None)).unwrap();
            events.extend(state.events.clone());
            last = Some(state);
        }
        let state = last.unwrap();
        assert_eq!(state.pocketed, vec![(BallKind::pool(9), PocketId::FootLeft)]);
        assert!(events.contains(&TableEvent::ShotStruck));
        assert_eq!(state.balls.len(), 1);
        assert_eq!(
            (state.balls[0].kind, state.balls[0].motion),
            (BallKind::pool(2), BallMotion::Held)
        );
    }

    #[test]
    fn a_single_sighting_is_no_ball_and_no_table_is_no_state() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let state = tracker
            .update(&observation(start, 0, &[(BallKind::pool(1), Vec2::ZERO)], None))
            .unwrap();
        assert!(state.balls.is_empty());
        let mut blind = observation(start, 1, &[], None);
        blind.table = None;
        assert!(tracker.update(&blind).is_none());
        assert!(
            tracker.update(&observation(start, 0, &[], None)).is_none(),
            "an old frame changes nothing"
        );
    }

    #[test]
    fn two_claims_to_be_the_cue_ball_leave_one() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let mut state = None;
        for frame in 0..20 {
            let balls = [
                (BallKind::pool(0), Vec2::ZERO),
                (BallKind::pool(0), Vec2::new(0.5, 0.0)),
            ];
            state = tracker.update(&observation(start, frame, &balls, None));
        }
        let state = state.unwrap();
        let groups: Vec<_> = state.balls.iter().map(|b| b.kind.group).collect();
        assert_eq!(groups, [Group::Cue, Group::Unknown]);
    }

    /// Shows the tracker balls with these odds, each `frames` times where it lies and then `step` further.
    fn roll(
        tracker: &mut Tracker,
        start: Instant,
        frames: std::ops::Range<u64>,
        balls: &[(Odds, Vec2, Vec2)],
    ) -> TableState {
        let mut state = None;
        for (k, frame) in frames.enumerate() {
            let places: Vec<_> = balls
                .iter()
                .map(|(_, place, step)| (BallKind::default(), *place + *step * k as f64))
                .collect();
            let mut seen = observation(start, frame, &places, None);
            for (ball, (odds, ..)) in seen.balls.iter_mut().zip(balls) {
                ball.odds = *odds;
            }
            state = tracker.update(&seen);
        }
        state.unwrap()
    }

    fn odds(fits: &[(u8, f64)]) -> Odds {
        Odds::of_likelihoods(fits.iter().map(|(n, fit)| (BallKind::pool(*n), *fit)))
    }

    /// A stripe that lies with its white side up: most of all a cue ball.
    fn white_side_up() -> Odds {
        odds(&[(0, -0.1), (9, -4.0), (10, -4.0), (11, -4.0), (12, -4.0)])
    }

    #[test]
    fn a_stripe_that_comes_to_rest_white_side_up_keeps_its_number() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let step = Vec2::new(0.012, 0.0);
        let eleven = odds(&[(11, -0.1), (15, -2.5), (3, -3.0)]);
        let place = Vec2::new(-0.5, 0.1);
        let state = roll(&mut tracker, start, 0..20, &[(eleven, place, step)]);
        assert_eq!(state.balls[0].kind, BallKind::pool(11));
        let end = place + step * 20.0;
        let state = roll(
            &mut tracker,
            start,
            20..400,
            &[(white_side_up(), end, Vec2::ZERO)],
        );
        assert_eq!(
            (state.balls[0].id, state.balls[0].kind),
            (BallId(1), BallKind::pool(11))
        );
    }

    #[test]
    fn a_white_ball_beside_the_cue_ball_is_a_stripe_without_a_number() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let balls = [
            (odds(&[(0, 0.0)]), Vec2::ZERO, Vec2::ZERO),
            (white_side_up(), Vec2::new(0.5, 0.0), Vec2::ZERO),
        ];
        let state = roll(&mut tracker, start, 0..60, &balls);
        let kinds: Vec<_> = state
            .balls
            .iter()
            .map(|b| (b.kind.group, b.kind.number))
            .collect();
        assert_eq!(kinds, [(Group::Cue, Some(0)), (Group::Stripe, None)]);
    }

    #[test]
    fn of_two_that_claim_a_number_the_better_has_it() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let balls = [
            (odds(&[(3, -1.0), (7, -2.5)]), Vec2::ZERO, Vec2::ZERO),
            (odds(&[(3, -0.2), (7, -5.0)]), Vec2::new(0.5, 0.0), Vec2::ZERO),
        ];
        let state = roll(&mut tracker, start, 0..60, &balls);
        let kinds: Vec<_> = state.balls.iter().map(|b| b.kind).collect();
        assert_eq!(kinds, [BallKind::pool(7), BallKind::pool(3)]);
    }

    #[test]
    fn what_is_not_clear_is_unknown() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let unclear = odds(&[(0, -1.0), (9, -1.0), (3, -1.1)]);
        let state = roll(&mut tracker, start, 0..60, &[(unclear, Vec2::ZERO, Vec2::ZERO)]);
        assert_eq!(state.balls[0].kind, BallKind::default());
        let nothing = roll(
            &mut tracker,
            start,
            60..90,
            &[(Odds::default(), Vec2::new(0.8, 0.0), Vec2::ZERO)],
        );
        assert_eq!(nothing.balls.last().unwrap().kind, BallKind::default());
    }

    #[test]
    fn a_name_is_given_up_when_another_ball_lies_there() {
        let (mut tracker, start) = (tracker(), Instant::now());
        roll(
            &mut tracker,
            start,
            0..60,
            &[(odds(&[(3, 0.0)]), Vec2::ZERO, Vec2::new(0.001, 0.0))],
        );
        let place = Vec2::new(0.06, 0.0);
        let state = roll(
            &mut tracker,
            start,
            60..120,
            &[(odds(&[(2, 0.0)]), place, Vec2::ZERO)],
        );
        assert_eq!(state.balls[0].kind, BallKind::pool(2));
    }

    #[test]
    fn balls_that_meet_fast_are_looked_at_anew() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let step = Vec2::new(0.04, 0.0);
        let balls = [
            (odds(&[(3, 0.0), (7, -3.0)]), Vec2::new(-0.9, 0.0), step),
            (odds(&[(7, 0.0), (3, -3.0)]), Vec2::new(-0.07, 0.03), Vec2::ZERO),
        ];
        let state = roll(&mut tracker, start, 0..21, &balls);
        assert_eq!(state.balls.len(), 2);
        // Seen the other way round from now on: whatever was believed before gives way.
        let after = [
            (odds(&[(7, 0.0), (3, -3.0)]), Vec2::new(-0.1, -0.02), Vec2::ZERO),
            (odds(&[(3, 0.0), (7, -3.0)]), Vec2::new(-0.03, 0.04), Vec2::ZERO),
        ];
        let state = roll(&mut tracker, start, 21..80, &after);
        for ball in &state.balls {
            let expected = if ball.position_m.x < -0.06 { 7 } else { 3 };
            assert_eq!(ball.kind, BallKind::pool(expected), "{ball:?}");
        }
    }

    #[test]
    fn the_cue_is_followed_and_forgotten_when_it_goes() {
        let (mut tracker, start) = (tracker(), Instant::now());
        let direction = Vec2::new(0.6, 0.8);
        let mut state = None;
        for frame in 0..5 {
            state = tracker.update(&observation(
                start,
                frame,
                &[],
                Some((Vec2::new(-0.1, 0.0), direction)),
            ));
        }
        let cue = state.as_ref().unwrap().cue.unwrap();
        assert!(cue.direction.distance(direction) < 1e-9);
        for frame in 5..20 {
            state = tracker.update(&observation(start, frame, &[], None));
        }
        assert!(state.unwrap().cue.is_none());
    }

    /// `cargo test --no-default-features --lib names_over_a_game -- --ignored --nocapture`
    #[test]
    #[ignore = "prints how many names are right while the virtual table plays"]
    fn figures_of_the_names_over_a_game() {
        use crate::virtual_table::{Options, VirtualTable};
        use crate::vision::analyse::Analyser;
        use crate::vision::source::FrameSource as _;

        let mut sums = [[0u32; 4]; 2];
        for domain in 0..24 {
            let mut options = Options::of_domain(7_000 + domain);
            if options.table.ball_set != crate::table::BallSet::Pool {
                continue;
            }
            options.fps = 30.0;
            let mut source = VirtualTable::new(&options).unwrap();
            let mut analyser = Analyser::new(Some(options.table.clone()));
            let mut tracker = Tracker::new(&options.table);
            for _ in 0..400 {
                let frame = source.next(Duration::from_secs(1)).unwrap().unwrap();
                let Some(state) = tracker.update(&analyser.analyse(&frame)) else {
                    continue;
                };
                for ball in &frame.truth.as_ref().unwrap().balls {
                    let moves = usize::from(ball.velocity_m_s.length() > 0.02);
                    let near = |b: &&TrackedBall| b.position_m.distance(ball.position_m) < 0.02;
                    let Some(told) = state.balls.iter().find(near) else {
                        continue;
                    };
                    let sum = &mut sums[moves];
                    sum[0] += 1;
                    sum[1] += u32::from(told.kind.group == ball.kind.group);
                    sum[2] += u32::from(told.kind == ball.kind);
                    sum[3] += u32::from(told.kind.group == Group::Unknown);
                }
            }
        }
        for (name, [balls, group, number, unknown]) in ["at rest", "moving"].iter().zip(sums) {
            let share = |n: u32| 100.0 * f64::from(n) / f64::from(balls.max(1));
            eprintln!(
                "{name}: {balls} balls, group {:.2} %, number {:.2} %, unknown {:.2} %",
                share(group),
                share(number),
                share(unknown)
            );
        }
    }
}
