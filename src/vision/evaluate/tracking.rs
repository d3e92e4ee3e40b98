//! How well are balls followed? What the tracker says of a shot, against what really happened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::table::{BallKind, Geometry, TableSpec};
use crate::units::Vec2;
use crate::vision::observation::{TrueBall, TrueHappening, Truth};
use crate::vision::track::{BallId, Happening, TableState, TrackedBall};

/// What kinds of events are told apart when they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventClass {
    /// The tip meets the cue ball.
    Stroke,
    /// The cue ball meets its first ball.
    FirstContact,
    /// Two balls meet.
    Contact,
    /// A ball meets a cushion.
    Cushion,
    /// A pocket has a ball.
    Pocketed,
    /// The pocket has the cue ball.
    Scratch,
    /// Nothing moves any more.
    AtRest,
}

impl EventClass {
    /// Every class, in the order they are told in.
    pub const ALL: [Self; 7] = [
        Self::Stroke,
        Self::FirstContact,
        Self::Contact,
        Self::Cushion,
        Self::Pocketed,
        Self::Scratch,
        Self::AtRest,
    ];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stroke => "stroke",
            Self::FirstContact => "first contact",
            Self::Contact => "ball contact",
            Self::Cushion => "cushion",
            Self::Pocketed => "pocketed",
            Self::Scratch => "scratch",
            Self::AtRest => "at rest",
        }
    }

    /// An event told further from the true time is another one, seconds.
    const fn reach_s(self) -> f64 {
        match self {
            Self::AtRest => 0.6,
            Self::Pocketed | Self::Scratch => 0.25,
            _ => 0.06,
        }
    }
}

/// Events of one class.
#[derive(Clone, Debug, Default)]
pub struct EventTally {
    /// That really happened.
    pub true_ones: usize,
    /// … and were told, of the right balls.
    pub found: usize,
    /// Told, and nothing like it happened.
    pub invented: usize,
    /// Told time less true time, milliseconds.
    pub off_ms: Vec<f64>,
}

/// Errors of balls in one state.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// Of places, millimetres.
    pub place_mm: Vec<f64>,
    /// Of velocities, m/s.
    pub velocity_m_s: Vec<f64>,
}

/// Sums over shots of one kind.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// Shots.
    pub shots: usize,
    /// … in which no ball changed its id.
    pub shots_without_switch: usize,
    /// … after which every ball had its id of before.
    pub ids_right_at_end: usize,
    /// … and its right name.
    pub names_right_at_end: usize,
    /// True balls in sight, frame by frame.
    pub balls: usize,
    /// … for which nothing was told.
    pub missed: usize,
    /// Told balls where none is, frame by frame.
    pub false_ones: usize,
    /// Changes of a ball's id.
    pub switches: usize,
    /// Balls in sight that were not told for [`LASTING_S`].
    pub lost: usize,
    /// Balls told for [`LASTING_S`] that are none.
    pub invented: usize,
    /// Balls that lie.
    pub at_rest: Errors,
    /// Balls that move.
    pub moving: Errors,
    /// What happened.
    pub events: BTreeMap<EventClass, EventTally>,
    /// Time spent on each frame.
    pub spent: Vec<Spent>,
    /// The same of those in which at least ten balls moved.
    pub spent_busy: Vec<Spent>,
}

/// Time spent on one frame, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// By the eyes.
    pub eyes_ms: f64,
    /// By the tracker.
    pub tracker_ms: f64,
}

/// A ball is lost, or invented, after so long, seconds.
pub const LASTING_S: f64 = 0.3;
/// A ball slower than this counts as lying, m/s.
const LIES_M_S: f64 = 0.02;
/// A ball of which less is seen is not missed.
const IN_SIGHT: f64 = 0.5;
/// A tracker may take so long to believe in a new ball, seconds.
const NEW_S: f64 = 0.3;
/// A contact that changes velocities by less can't be asked for, m/s; nor one in a pack that hands on what it
/// gets within the same moment, so that from one frame to the next neither ball is seen to change.
const FELT_M_S: f64 = 0.1;
/// Contacts of the same balls within so long are one, seconds.
const ONE_S: f64 = 0.06;
/// A ball may be told for so long after it fell, seconds.
const FALLEN_S: f64 = 0.7;

impl Followed {
    /// Multiple object tracking accuracy (Bernardin & Stiefelhagen 2008): 1 less the shares of balls missed,
    /// false and confused. `None` without balls.
    #[must_use]
    pub fn mota(&self) -> Option<f64> {
        let wrong = self.missed + self.false_ones + self.switches;
        (self.balls > 0).then(|| 1.0 - wrong as f64 / self.balls as f64)
    }

    /// Adds the sums of others.
    pub fn add(&mut self, other: &Self) {
        self.shots += other.shots;
        self.shots_without_switch += other.shots_without_switch;
        self.ids_right_at_end += other.ids_right_at_end;
        self.names_right_at_end += other.names_right_at_end;
        self.balls += other.balls;
        self.missed += other.missed;
        self.false_ones += other.false_ones;
        self.switches += other.switches;
        self.lost += other.lost;
        self.invented += other.invented;
        for (sum, errors) in [
            (&mut self.at_rest, &other.at_rest),
            (&mut self.moving, &other.moving),
        ] {
            sum.place_mm.extend(&errors.place_mm);
            sum.velocity_m_s.extend(&errors.velocity_m_s);
        }
        for (class, tally) in &other.events {
            let sum = self.events.entry(*class).or_default();
            sum.true_ones += tally.true_ones;
            sum.found += tally.found;
            sum.invented += tally.invented;
            sum.off_ms.extend(&tally.off_ms);
        }
        self.spent.extend(&other.spent);
        self.spent_busy.extend(&other.spent_busy);
    }
}

/// Something that went wrong in a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// What.
    pub what: String,
    /// Where, metres.
    pub place: Vec2,
}

/// Something that went wrong with an event, or that is wrong at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// What.
    pub what: String,
    /// The event's kind; `None` for what is wrong at the end.
    pub class: Option<EventClass>,
    /// The frame that shows it first, and where in it, metres, as far as is known.
    pub seen: Option<(u64, Vec2)>,
}

/// Where the true balls were in a frame.
#[derive(Debug)]
struct Places {
    sequence: u64,
    captured: Instant,
    balls: Vec<(u32, Vec2)>,
}

/// An event with the numbers of its true balls; [`u32::MAX`] for what is none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Noted {
    at: Instant,
    class: EventClass,
    balls: [u32; 2],
    /// It may be told and need not.
    faint: bool,
}

/// One shot, compared frame by frame.
#[derive(Debug)]
pub struct Follow {
    radius: f64,
    geometry: Geometry,
    sum: Followed,
    /// The id each true ball had last.
    last: BTreeMap<u32, BallId>,
    /// The ids before the stroke.
    before: BTreeMap<u32, (BallKind, BallId)>,
    /// The true ball each id was last.
    owner: BTreeMap<BallId, u32>,
    /// Since when a true ball is there, and since when it is in sight and not told.
    there: BTreeMap<u32, Instant>,
    missing: BTreeMap<u32, Instant>,
    /// Since when an id is none of the true balls.
    stray: BTreeMap<BallId, Instant>,
    /// Velocities in the frame before.
    velocities: BTreeMap<u32, Vec2>,
    cue_ball: Option<u32>,
    struck: bool,
    first_contact: bool,
    true_events: Vec<Noted>,
    told_events: Vec<Noted>,
    film: Vec<Places>,
}

impl Follow {
    /// A shot on this table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self {
            radius: table.ball.radius_m,
            geometry: Geometry::of(table),
            sum: Followed::default(),
            last: BTreeMap::new(),
            before: BTreeMap::new(),
            owner: BTreeMap::new(),
            there: BTreeMap::new(),
            missing: BTreeMap::new(),
            stray: BTreeMap::new(),
            velocities: BTreeMap::new(),
            cue_ball: None,
            struck: false,
            first_contact: false,
            true_events: Vec::new(),
            told_events: Vec::new(),
            film: Vec::new(),
        }
    }

    /// Takes in a frame, and the time that was spent on it. What went wrong in it is given back.
    pub fn note(&mut self, truth: &Truth, state: &TableState, spent: Spent) -> Vec<Trouble> {
        let now = state.captured;
        self.film.push(Places {
            sequence: state.sequence,
            captured: now,
            balls: truth.balls.iter().map(|b| (b.id, place_now(b))).collect(),
        });
        let mut troubles = Vec::new();
        let pairs = self.pair(truth, state);
        self.note_true_events(truth, now);
        self.velocities = truth.balls.iter().map(|b| (b.id, b.velocity_m_s)).collect();
        self.cue_ball = cue_ball_of(truth).or(self.cue_ball);
        for ball in &truth.balls {
            let told = pairs.get(&ball.id).and_then(|i| state.balls.get(*i));
            self.note_ball(ball, told, now, &mut troubles);
        }
        self.there.retain(|id, _| truth.balls.iter().any(|b| b.id == *id));
        self.note_strays(truth, state, &pairs, &mut troubles);
        for event in &state.events {
            let class_and_balls = match event.what {
                Happening::Struck(a) => Some((EventClass::Stroke, [self.owner_of(a), 0])),
                Happening::Contact { balls: [a, b], .. } => {
                    Some((EventClass::Contact, sorted([self.owner_of(a), self.owner_of(b)])))
                }
                Happening::Cushion(a) => Some((EventClass::Cushion, [self.owner_of(a), 0])),
                Happening::Pocketed(a, ..) => Some((EventClass::Pocketed, [self.owner_of(a), 0])),
                Happening::AtRest => Some((EventClass::AtRest, [0, 0])),
                Happening::OffTable(_) => None,
            };
            let Some((class, balls)) = class_and_balls else {
                continue;
            };
            let mut noted = Noted {
                at: event.at,
                class,
                balls,
                faint: false,
            };
            if let Happening::Contact { first: true, .. } = event.what {
                self.told_events.push(Noted {
                    class: EventClass::FirstContact,
                    ..noted
                });
            }
            // Rest before the stroke is no end of a shot.
            if class == EventClass::AtRest && !self.struck {
                continue;
            }
            self.told_events.push(noted);
            if class == EventClass::Pocketed && self.cue_ball.is_some_and(|cue| cue == noted.balls[0]) {
                noted.class = EventClass::Scratch;
                self.told_events.push(noted);
            }
        }
        let moving = truth
            .balls
            .iter()
            .filter(|b| b.velocity_m_s.length() > LIES_M_S)
            .count();
        self.sum.spent.push(spent);
        if moving >= 10 {
            self.sum.spent_busy.push(spent);
        }
        troubles
    }

    /// The sums over the shot, and what went wrong with its events.
    #[must_use]
    pub fn finish(mut self, last: &Truth) -> (Followed, Vec<Wrong>) {
        let mut wrong = self.count_events();
        self.sum.shots = 1;
        self.sum.shots_without_switch = usize::from(self.sum.switches == 0);
        let (mut ids, mut strays) = (true, !self.stray.is_empty());
        for ball in last.balls.iter().filter(|b| b.visible >= IN_SIGHT) {
            let now = self
                .last
                .get(&ball.id)
                .filter(|_| !self.missing.contains_key(&ball.id));
            // Balls that look alike may have changed places: nobody could tell.
            let mut same = self.before.values().filter(|(kind, _)| *kind == ball.kind);
            let right = now.is_some_and(|now| same.any(|(_, id)| id == now));
            if !right {
                ids = false;
                wrong.push(Wrong {
                    what: format!("ball {} has not its id at the end", name_of(ball.kind)),
                    class: None,
                    seen: self.film.last().map(|frame| (frame.sequence, place_now(ball))),
                });
            }
        }
        strays |= self.before.is_empty();
        self.sum.ids_right_at_end = usize::from(ids && !strays);
        (self.sum, wrong)
    }

    /// Says whether every name of the last frame is right.
    pub fn note_end(&mut self, truth: &Truth, state: &TableState) {
        let right = truth.balls.iter().filter(|b| b.visible >= IN_SIGHT).all(|ball| {
            let near = nearest(state, ball, self.radius);
            near.is_some_and(|told| told.kind == ball.kind)
        });
        self.sum.names_right_at_end = usize::from(right);
    }

    fn owner_of(&self, id: BallId) -> u32 {
        self.owner.get(&id).copied().unwrap_or(u32::MAX)
    }

    /// Pairs true balls with told ones: those that were paired stay so while they are near, then the nearest.
    fn pair(&self, truth: &Truth, state: &TableState) -> BTreeMap<u32, usize> {
        let mut found: Vec<(bool, f64, u32, usize)> = Vec::new();
        for ball in &truth.balls {
            let reach = self.radius + 0.012 * ball.velocity_m_s.length();
            for (index, told) in state.balls.iter().enumerate() {
                let off = told.position_m.distance(place_now(ball));
                if off <= reach {
                    let other = self.last.get(&ball.id) != Some(&told.id);
                    found.push((other, off, ball.id, index));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut pairs = BTreeMap::new();
        let mut used = vec![false; state.balls.len()];
        for (_, _, id, index) in found {
            if let Some(used) = used.get_mut(index)
                && !*used
                && !pairs.contains_key(&id)
            {
                *used = true;
                pairs.insert(id, index);
            }
        }
        pairs
    }

    fn note_ball(
        &mut self,
        ball: &TrueBall,
        told: Option<&TrackedBall>,
        now: Instant,
        troubles: &mut Vec<Trouble>,
    ) {
        let place = place_now(ball);
        let since = *self.there.entry(ball.id).or_insert(now);
        let mut trouble = |what: String| troubles.push(Trouble { what, place });
        let Some(told) = told else {
            let new = now.saturating_duration_since(since).as_secs_f64() < NEW_S;
            if ball.visible < IN_SIGHT || new {
                self.missing.remove(&ball.id);
                return;
            }
            self.sum.balls += 1;
            self.sum.missed += 1;
            let from = *self.missing.entry(ball.id).or_insert(now);
            if passes(from, now) {
                self.sum.lost += 1;
                trouble(format!("lost {}", name_of(ball.kind)));
                // Once.
                self.missing.insert(ball.id, now + Duration::from_secs(3600));
            }
            return;
        };
        self.missing.remove(&ball.id);
        self.sum.balls += 1;
        let errors = if ball.velocity_m_s.length() < LIES_M_S {
            &mut self.sum.at_rest
        } else {
            &mut self.sum.moving
        };
        errors.place_mm.push(1e3 * told.position_m.distance(place));
        errors
            .velocity_m_s
            .push(told.velocity_m_s.distance(ball.velocity_m_s));
        let old = self.last.insert(ball.id, told.id);
        if old.is_some_and(|old| old != told.id) {
            self.sum.switches += 1;
            trouble(format!("switch {}", name_of(ball.kind)));
        }
        self.owner.insert(told.id, ball.id);
        if !self.struck {
            self.before.insert(ball.id, (ball.kind, told.id));
        }
    }

    /// Told balls that are none.
    fn note_strays(
        &mut self,
        truth: &Truth,
        state: &TableState,
        pairs: &BTreeMap<u32, usize>,
        troubles: &mut Vec<Trouble>,
    ) {
        let now = state.captured;
        let mut seen = Vec::new();
        for (index, told) in state.balls.iter().enumerate() {
            let place = told.position_m;
            let paired = pairs.values().any(|i| *i == index);
            // A second claim to a true ball is one too many; one on what can't be seen may be right.
            let beside = |b: &&TrueBall| place_now(b).distance(place) < 1.5 * self.radius;
            let hides = truth
                .balls
                .iter()
                .filter(|b| b.visible < IN_SIGHT)
                .any(|b| beside(&b));
            if paired || hides {
                continue;
            }
            let from = *self.stray.entry(told.id).or_insert(now);
            seen.push(told.id);
            let unseen_s = now.saturating_duration_since(from).as_secs_f64();
            let falls = self.geometry.pockets.iter().any(|pocket| {
                place.distance(pocket.centre) < pocket.radius + 3.0 * self.radius && unseen_s < FALLEN_S
            });
            if falls {
                continue;
            }
            self.sum.false_ones += 1;
            if passes(from, now) {
                self.sum.invented += 1;
                troubles.push(Trouble {
                    what: "invented".to_owned(),
                    place,
                });
                self.stray.insert(told.id, now + Duration::from_secs(3600));
            }
        }
        self.stray.retain(|id, _| seen.contains(id));
    }

    fn note_true_events(&mut self, truth: &Truth, now: Instant) {
        for event in &truth.events {
            let at = now
                .checked_sub(Duration::from_secs_f64(event.ago_s.max(0.0)))
                .unwrap_or(now);
            let (class, balls) = match event.what {
                TrueHappening::Struck(a) => (EventClass::Stroke, [a, 0]),
                TrueHappening::Contact(a, b) => (EventClass::Contact, sorted([a, b])),
                TrueHappening::Cushion(a) => (EventClass::Cushion, [a, 0]),
                TrueHappening::Pocketed(a, _) => (EventClass::Pocketed, [a, 0]),
                TrueHappening::AtRest => (EventClass::AtRest, [0, 0]),
            };
            self.struck |= class == EventClass::Stroke;
            let touches = matches!(class, EventClass::Contact | EventClass::Cushion);
            let hands_on = class == EventClass::Contact
                && balls.iter().all(|id| self.seen_change(*id, truth) < FELT_M_S);
            let noted = Noted {
                at,
                class,
                balls,
                faint: touches && event.change_m_s < FELT_M_S || hands_on,
            };
            let again = self
                .true_events
                .iter_mut()
                .rev()
                .find(|e| e.class == class && e.balls == balls && apart_s(e.at, at) < ONE_S && touches);
            if let Some(first) = again {
                first.faint &= noted.faint;
                continue;
            }
            self.true_events.push(noted);
            let is_cue = |id: &u32| self.cue_ball == Some(*id);
            if class == EventClass::Contact && balls.iter().any(is_cue) && !self.first_contact {
                self.first_contact = true;
                self.true_events.push(Noted {
                    class: EventClass::FirstContact,
                    ..noted
                });
            }
            if class == EventClass::Pocketed && is_cue(&balls[0]) {
                self.true_events.push(Noted {
                    class: EventClass::Scratch,
                    ..noted
                });
            }
        }
    }

    /// By how much a ball's velocity has changed since the frame before; of one that came or went, by a lot.
    fn seen_change(&self, id: u32, truth: &Truth) -> f64 {
        let now = truth.balls.iter().find(|b| b.id == id).map(|b| b.velocity_m_s);
        let before = self.velocities.get(&id);
        now.zip(before)
            .map_or(f64::INFINITY, |(now, before)| now.distance(*before))
    }

    /// Pairs told events with true ones, nearest in time first.
    fn count_events(&mut self) -> Vec<Wrong> {
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (t, true_one) in self.true_events.iter().enumerate() {
            for (k, told) in self.told_events.iter().enumerate() {
                let off = apart_s(true_one.at, told.at);
                if true_one.class == told.class && true_one.balls == told.balls && off <= told.class.reach_s()
                {
                    pairs.push((off, t, k));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut of_true = vec![None; self.true_events.len()];
        let mut of_told = vec![None; self.told_events.len()];
        for (_, t, k) in pairs {
            if let (Some(a @ None), Some(b @ None)) = (of_true.get_mut(t), of_told.get_mut(k)) {
                (*a, *b) = (Some(k), Some(t));
            }
        }
        let mut wrong = Vec::new();
        let start = self.true_events.first().map(|e| e.at);
        let seconds = |at: Instant| {
            start.map_or(0.0, |start| {
                at.saturating_duration_since(start).as_secs_f64()
                    - start.saturating_duration_since(at).as_secs_f64()
            })
        };
        let film = &self.film;
        let seen = |event: &Noted| {
            let frame = film.iter().find(|frame| frame.captured >= event.at)?;
            let place = frame.balls.iter().find(|(id, _)| event.balls.contains(id));
            Some((frame.sequence, place.map_or(Vec2::ZERO, |(_, at)| *at)))
        };
        for (true_one, told) in self.true_events.iter().zip(&of_true) {
            if true_one.faint {
                continue;
            }
            let tally = self.sum.events.entry(true_one.class).or_default();
            tally.true_ones += 1;
            if let Some(told) = told.and_then(|k| self.told_events.get(k)) {
                tally.found += 1;
                let late = told.at.saturating_duration_since(true_one.at).as_secs_f64();
                let early = true_one.at.saturating_duration_since(told.at).as_secs_f64();
                tally.off_ms.push(1e3 * (late - early));
            } else {
                wrong.push(Wrong {
                    what: format!(
                        "{} of {:?} missed at {:.3} s",
                        true_one.class.name(),
                        true_one.balls,
                        seconds(true_one.at)
                    ),
                    class: Some(true_one.class),
                    seen: seen(true_one),
                });
            }
        }
        for (told, true_one) in self.told_events.iter().zip(&of_told) {
            if true_one.is_none() {
                self.sum.events.entry(told.class).or_default().invented += 1;
                wrong.push(Wrong {
                    what: format!(
                        "{} of {:?} invented at {:.3} s",
                        told.class.name(),
                        told.balls,
                        seconds(told.at)
                    ),
                    class: Some(told.class),
                    seen: seen(told),
                });
            }
        }
        wrong
    }
}

/// Where a ball is at the frame's own time: its rows were exposed a little earlier or later.
fn place_now(ball: &TrueBall) -> Vec2 {
    ball.position_m - ball.velocity_m_s * ball.row_s
}

fn nearest<'a>(state: &'a TableState, ball: &TrueBall, reach: f64) -> Option<&'a TrackedBall> {
    let apart = |told: &TrackedBall| told.position_m.distance(place_now(ball));
    let near = state.balls.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
    near.filter(|told| apart(told) <= reach)
}

fn cue_ball_of(truth: &Truth) -> Option<u32> {
    let cue = truth
        .balls
        .iter()
        .find(|b| b.kind.group == crate::table::Group::Cue);
    cue.map(|b| b.id)
}

fn sorted([a, b]: [u32; 2]) -> [u32; 2] {
    [a.min(b), a.max(b)]
}

fn apart_s(a: Instant, b: Instant) -> f64 {
    a.saturating_duration_since(b)
        .max(b.saturating_duration_since(a))
        .as_secs_f64()
}

/// True in the frame in which it has lasted for [`LASTING_S`].
fn passes(from: Instant, now: Instant) -> bool {
    now.saturating_duration_since(from).as_secs_f64() >= LASTING_S
}

/// `solid 3`, `red`.
#[must_use]
pub fn name_of(kind: BallKind) -> String {
    match kind.number.filter(|n| *n > 0) {
        Some(number) => format!("{} {number}", kind.group.name()),
        None => kind.group.name().to_owned(),
    }
}

#[cfg(test)]
mod tests;
