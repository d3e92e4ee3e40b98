//! What happened, and when, from the ways of the balls.
//!
//! Some looks after it, every gap between two looks of a ball is asked whether the ways before and after it
//! are one way. Where they are not there is a kink, at the time at which both ways meet. A kink is explained by
//! what was there: a cushion, a ball at two radii that has a kink of its own, or the cue. The contact's time is
//! then that at which the ways before it come to touch, which is between frames.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::foresight::{Walls, meeting};
use super::{BallId, Happening, MAX_SPEED, TableEvent};
use crate::units::Vec2;

/// Looks of one ball that are kept.
const LOOKS: usize = 20;
/// Looks after a gap that are waited for, and those before and after it that tell the ways.
const AFTER: usize = 3;
const BEFORE: usize = 6;
/// Kinks, and contacts told, that are kept at most.
const MOST: usize = 96;
/// A kink is explained so many frames after it: those it met have theirs by then.
const WAIT_FRAMES: f64 = 6.5;
/// Ways that differ by less are one, m/s.
const SAME_M_S: f64 = 0.045;
/// What a look is off at least, metres, and per m/s of its speed.
const LOOK_M: f64 = 0.0006;
const LOOK_S: f64 = 0.0004;
/// A look this near to where it would be without a contact does not tell of one, metres.
const STILL_ON_M: f64 = 0.002;
/// A sliding ball slows down by at most so much, m/s², and slides for so long after a contact, seconds.
const SLIDES_M_S2: f64 = 2.6;
const SLIDES_S: f64 = 0.7;
/// What is slower lies, m/s.
const LIES_M_S: f64 = 0.03;
/// A ball that was struck has gone so far when that is told, metres.
const WENT_M: f64 = 0.008;
/// Looks at a ball that lies are within this of each other, metres.
const SAME_PLACE_M: f64 = 0.0007;
/// What starts things from rest comes at least so fast, m/s.
const COMES_M_S: f64 = 0.15;
/// The same two touch again after so long at the earliest, seconds.
const AGAIN_S: f64 = 0.05;
/// How far from touching two may seem to be when they touch, metres.
const NEAR_M: f64 = 0.008;
/// Middles of balls that touch are nearer, metres.
const TOUCHING_M: f64 = 0.07;
/// What speaks against a partner that does not move.
const SILENT: f64 = 0.3;
/// Cosine of the largest angle between a change of velocity and the line it should be along.
const ALONG: f64 = 0.72;
const ALONG_WALL: f64 = 0.55;
const ALONG_SILENT: f64 = 0.88;

/// A ball's looks, for finding events.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    ways: Vec<Way>,
    kinks: VecDeque<Kink>,
    told: VecDeque<(f64, [BallId; 2])>,
    /// The cue ball, where it is known.
    cue_ball: Option<BallId>,
    /// The ball that was struck and has met none yet.
    struck: Option<BallId>,
    /// Nothing has moved since all came to rest.
    at_rest: bool,
    frame_s: f64,
    last_s: f64,
}

#[derive(Debug)]
struct Way {
    id: BallId,
    looks: VecDeque<Seen>,
    /// Looks before this time belong to an earlier stretch, seconds.
    cut_s: f64,
    /// The cut before that.
    cut_before_s: f64,
    /// Looks asked about already.
    asked_s: f64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    time_s: f64,
    place: Vec2,
    sigma: f64,
}

/// A stretch of way: place and velocity at a time.
#[derive(Clone, Copy, Debug)]
struct Line {
    time_s: f64,
    place: Vec2,
    velocity: Vec2,
    acceleration: Vec2,
}

impl Line {
    fn at(&self, time_s: f64) -> Vec2 {
        let t = time_s - self.time_s;
        self.place + self.velocity * t + self.acceleration * (0.5 * t * t)
    }

    fn velocity_at(&self, time_s: f64) -> Vec2 {
        self.velocity + self.acceleration * (time_s - self.time_s)
    }
}

#[derive(Clone, Copy, Debug)]
struct Kink {
    id: BallId,
    time_s: f64,
    before: Line,
    after: Line,
    explained: bool,
}

impl Kink {
    fn place(&self) -> Vec2 {
        self.before.at(self.time_s).midpoint(self.after.at(self.time_s))
    }

    fn change(&self) -> Vec2 {
        self.after.velocity_at(self.time_s) - self.before.velocity_at(self.time_s)
    }

    fn lay(&self) -> bool {
        self.before.velocity.length() < LIES_M_S
    }
}

impl Chronicle {
    /// A look at a ball, in order of time, and how far it may be off, metres.
    pub(super) fn see(&mut self, id: BallId, time_s: f64, place: Vec2, sigma: f64) {
        let way = match self.ways.iter_mut().find(|way| way.id == id) {
            Some(way) => way,
            None => {
                self.ways.push(Way {
                    id,
                    looks: VecDeque::with_capacity(LOOKS),
                    cut_s: f64::MIN,
                    cut_before_s: f64::MIN,
                    asked_s: f64::MIN,
                });
                let Some(way) = self.ways.last_mut() else { return };
                way
            }
        };
        if way.looks.back().is_some_and(|last| last.time_s >= time_s) {
            return;
        }
        if way.looks.len() >= LOOKS {
            way.looks.pop_front();
        }
        way.looks.push_back(Seen { time_s, place, sigma });
    }

    /// Tells what is clear now. `known` says which balls are still followed, `cue_ball` which at rest is the cue ball:
    /// while it moves it stays that, whatever is taken for it meanwhile.
    pub(super) fn tell(
        &mut self,
        now_s: f64,
        start: Instant,
        walls: &Walls,
        radius: f64,
        known: impl Fn(BallId) -> bool,
        cue_ball: Option<BallId>,
        events: &mut Vec<TableEvent>,
    ) {
        self.cue_ball = cue_ball.or(self.cue_ball.filter(|cue| known(*cue)));
        let gap_s = now_s - self.last_s;
        if self.last_s > 0.0 && (1e-3..0.1).contains(&gap_s) {
            // Frames that are left out now and then do not count.
            self.frame_s = if self.frame_s == 0.0 {
                gap_s
            } else {
                self.frame_s.min(gap_s).mul_add(0.9, 0.1 * gap_s)
            };
        }
        self.last_s = now_s;
        let frame_s = self.frame_s.clamp(1.0 / 240.0, 0.05);
        for way in &mut self.ways {
            if let Some(kink) = way.kink(frame_s) {
                way.cut_before_s = way.cut_s;
                way.cut_s = kink.time_s;
                if self.kinks.len() >= MOST {
                    self.kinks.pop_front();
                }
                let at = self.kinks.partition_point(|k| k.time_s <= kink.time_s);
                self.kinks.insert(at, kink);
            }
        }
        let due_s = now_s - WAIT_FRAMES * frame_s;
        for index in 0..self.kinks.len() {
            let Some(kink) = self.kinks.get(index).copied() else {
                break;
            };
            if kink.time_s > due_s {
                break;
            }
            if !kink.explained {
                self.explain(index, &kink, frame_s, walls, radius, start, events);
            }
        }
        // What has been explained is still a partner for what comes a little later.
        let old_s = due_s - 3.0 * frame_s;
        while self.kinks.front().is_some_and(|kink| kink.time_s < old_s) {
            self.kinks.pop_front();
        }
        while self.told.front().is_some_and(|(at, _)| *at < now_s - 1.0) {
            self.told.pop_front();
        }
        let forgotten_s = now_s - 2.0;
        self.ways.retain(|way| {
            let recent = way.looks.back().is_some_and(|look| look.time_s > forgotten_s);
            recent || known(way.id)
        });
    }

    /// All balls rest.
    pub(super) fn rest(&mut self) {
        self.at_rest = true;
        self.struck = None;
    }

    fn explain(
        &mut self,
        index: usize,
        kink: &Kink,
        frame_s: f64,
        walls: &Walls,
        radius: f64,
        start: Instant,
        events: &mut Vec<TableEvent>,
    ) {
        let at = |time_s: f64| start + Duration::from_secs_f64(time_s.max(0.0));
        if !self.went(kink) {
            // Looks at a ball among others jump a little.
            self.mark(index);
            return;
        }
        if kink.lay()
            && self.at_rest
            && self.tell_unseen_stroke(kink, frame_s, start, events) == Some(kink.id)
        {
            return;
        }
        if let Some(partner) = self.partner(index, kink, frame_s, radius) {
            // Balls that lay and meet were set off by one that came.
            let others = |cue: &BallId| *cue != kink.id && *cue != partner.id;
            if let Some(cue) = self.struck.filter(others).filter(|_| kink.lay()) {
                match self.first_met(cue, partner.time_s, frame_s, radius) {
                    Some((first, met_s)) => self.tell_first(cue, first, met_s, start, events),
                    None => {
                        self.tell_unseen_contact(cue, f64::INFINITY, kink, frame_s, start, events);
                    }
                }
            }
            self.mark(index);
            if partner.explains_both {
                self.mark(partner.kink);
            }
            let (mut balls, mut met_s) = ([kink.id, partner.id], partner.time_s);
            balls.sort_unstable();
            if let Some(cue) = self.struck.filter(|struck| balls.contains(struck))
                && let Some((first, first_s)) = self.first_met(cue, met_s, frame_s, radius)
            {
                (balls, met_s) = ([cue, first], first_s);
                balls.sort_unstable();
            }
            let again = |(then, told): &(f64, [BallId; 2])| *told == balls && (met_s - then).abs() < AGAIN_S;
            if !self.told.iter().any(again) {
                self.note_told(met_s, balls);
                if let Some((cue, left_s)) = self.unseen_stroke(frame_s).filter(|_| self.at_rest) {
                    self.struck = Some(cue);
                    events.push(TableEvent {
                        at: at(left_s.min(met_s)),
                        what: Happening::Struck(cue),
                    });
                }
                let first = self.struck.is_some_and(|struck| balls.contains(&struck));
                if first {
                    self.struck = None;
                }
                self.at_rest = false;
                events.push(TableEvent {
                    at: at(met_s),
                    what: Happening::Contact { balls, first },
                });
            }
            return;
        }
        if let Some(time_s) = wall_time(kink, frame_s, walls) {
            self.mark(index);
            events.push(TableEvent {
                at: at(time_s),
                what: Happening::Cushion(kink.id),
            });
            return;
        }
        let could_be = self.cue_ball.is_none_or(|cue| cue == kink.id);
        if kink.lay() && self.at_rest && could_be {
            self.mark(index);
            self.at_rest = false;
            self.struck = Some(kink.id);
            events.push(TableEvent {
                at: at(kink.time_s),
                what: Happening::Struck(kink.id),
            });
        }
    }

    /// Another ball leaves its place, and the cue ball is gone from its own: it was struck, and nobody saw it on its
    /// way. What it met first, if that is so.
    fn tell_unseen_stroke(
        &mut self,
        kink: &Kink,
        frame_s: f64,
        start: Instant,
        events: &mut Vec<TableEvent>,
    ) -> Option<BallId> {
        let (cue, left_s) = self.unseen_stroke(frame_s).filter(|(cue, _)| *cue != kink.id)?;
        let stroke = events.len();
        let reach_m = TOUCHING_M + MAX_SPEED * (kink.time_s - left_s + frame_s).max(0.0);
        let (first, met_s) = self.tell_unseen_contact(cue, reach_m, kink, frame_s, start, events)?;
        let at = start + Duration::from_secs_f64(left_s.min(met_s).max(0.0));
        let what = Happening::Struck(cue);
        events.insert(stroke, TableEvent { at, what });
        self.at_rest = false;
        Some(first)
    }

    /// Of the balls that leave their places at one moment the cue ball met the nearest, if that is within reach: which,
    /// and when, seconds.
    fn tell_unseen_contact(
        &mut self,
        cue: BallId,
        reach_m: f64,
        kink: &Kink,
        frame_s: f64,
        start: Instant,
        events: &mut Vec<TableEvent>,
    ) -> Option<(BallId, f64)> {
        let from = self.ways.iter().find(|way| way.id == cue)?.looks.front()?.place;
        let left = |other: &Kink| other.id != cue && other.lay() && self.went(other);
        let off = |other: &Kink| other.place().distance(from);
        let (index, first, met_s) = (self.kinks.iter().enumerate())
            .filter(|(_, other)| other.time_s < kink.time_s + frame_s && left(other))
            .min_by(|(_, a), (_, b)| off(a).total_cmp(&off(b)))
            .filter(|(_, first)| off(first) < reach_m)
            .map(|(index, first)| (index, first.id, first.time_s))?;
        self.mark(index);
        self.tell_first(cue, first, met_s, start, events);
        Some((first, met_s))
    }

    /// The first ball in the way of the one that was struck, and when they touch, about this time: all others lie until
    /// then, so it is told by the way alone, whatever a pack does with the push.
    fn first_met(&self, cue: BallId, about_s: f64, frame_s: f64, radius: f64) -> Option<(BallId, f64)> {
        let turns = |kink: &&Kink| kink.id == cue && (kink.time_s - about_s).abs() < 1.5 * frame_s;
        let came = match self.kinks.iter().find(turns) {
            Some(kink) => kink.before,
            None => self.ways.iter().find(|way| way.id == cue)?.before(about_s)?,
        };
        let velocity = came.velocity_at(about_s);
        if velocity.length() < COMES_M_S {
            return None;
        }
        let from_s = about_s - 2.0 * frame_s;
        let touched = self.ways.iter().filter(|way| way.id != cue).filter_map(|way| {
            let (place, lay_s) = way.lay_until()?;
            let met_s = from_s + meeting(came.at(from_s) - place, velocity, 2.0 * radius)?;
            let now = (met_s - about_s).abs() < 1.5 * frame_s && lay_s > met_s - 1.5 * frame_s;
            now.then_some((way.id, met_s))
        });
        touched.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// A ball went into a pocket. One that lay until then and was seen too little on its way there for a kink was met by
    /// the ball that was struck, where that is all that moved.
    pub(super) fn fell(&mut self, id: BallId, start: Instant, events: &mut Vec<TableEvent>) {
        let Some(cue) = self.struck.filter(|cue| *cue != id) else {
            return;
        };
        let Some((place, lay_s)) = self.ways.iter().find(|way| way.id == id).and_then(Way::lay_until) else {
            return;
        };
        // It left between two frames.
        let left_s = lay_s + 0.5 * self.frame_s;
        let came = self.ways.iter().find(|way| way.id == cue);
        let near =
            |look: &Seen| look.place.distance(place) < TOUCHING_M + MAX_SPEED * (look.time_s - left_s).abs();
        if came.is_some_and(|way| way.looks.iter().any(near)) {
            self.tell_first(cue, id, left_s, start, events);
        }
    }

    /// The ball that was struck met its first.
    fn tell_first(
        &mut self,
        cue: BallId,
        first: BallId,
        met_s: f64,
        start: Instant,
        events: &mut Vec<TableEvent>,
    ) {
        self.struck = None;
        let mut balls = [cue, first];
        balls.sort_unstable();
        self.note_told(met_s, balls);
        events.push(TableEvent {
            at: start + Duration::from_secs_f64(met_s.max(0.0)),
            what: Happening::Contact { balls, first: true },
        });
    }

    fn note_told(&mut self, time_s: f64, balls: [BallId; 2]) {
        if self.told.len() >= MOST {
            self.told.pop_front();
        }
        self.told.push_back((time_s, balls));
    }

    /// The cue ball, if it is gone from where it lay faster than it could be followed, and about when it left,
    /// seconds: a break in few frames.
    fn unseen_stroke(&self, frame_s: f64) -> Option<(BallId, f64)> {
        let way = self.ways.iter().find(|way| Some(way.id) == self.cue_ball)?;
        let (place, lay_s) = way.lay_until()?;
        let gone = way.looks.back()?.place.distance(place) >= WENT_M;
        gone.then_some((way.id, lay_s + 0.5 * frame_s))
    }

    /// True where a ball comes from afar, or is gone for good from where it lay.
    fn went(&self, kink: &Kink) -> bool {
        let Some(way) = self.ways.iter().find(|way| way.id == kink.id) else {
            return true;
        };
        if way.lay_through(kink.time_s) {
            return false;
        }
        let place = kink.place();
        let far = |look: &Seen| look.place.distance(place) > WENT_M;
        let last = way.looks.back().is_none_or(far);
        last || (!kink.lay() && way.looks.iter().any(far))
    }

    fn mark(&mut self, index: usize) {
        if let Some(kink) = self.kinks.get_mut(index) {
            kink.explained = true;
        }
    }

    /// The ball that this one met.
    fn partner(&self, index: usize, kink: &Kink, frame_s: f64, radius: f64) -> Option<Partner> {
        let change = kink.change();
        let mut found: Vec<(f64, Partner)> = Vec::new();
        for (k, other) in self.kinks.iter().enumerate() {
            let apart_s = (other.time_s - kink.time_s).abs();
            if k == index
                || other.id == kink.id
                || apart_s > 1.5 * frame_s
                || (kink.lay() && other.lay() && self.at_rest)
            {
                continue;
            }
            // When the ways before come to touch.
            let from_s = kink.time_s.min(other.time_s) - 1.5 * frame_s;
            let (a, b) = (kink.before, other.before);
            let off = a.at(from_s) - b.at(from_s);
            let closing = a.velocity_at(kink.time_s) - b.velocity_at(other.time_s);
            let middle_s = 0.5 * (kink.time_s + other.time_s);
            let touch_s = meeting(off, closing, 2.0 * radius)
                .map(|t| from_s + t)
                .filter(|t| (*t - middle_s).abs() < frame_s);
            let time_s = touch_s.unwrap_or(middle_s);
            let (here, there) = (a.at(time_s), b.at(time_s));
            let line = (here - there).normalize_or_zero();
            let miss = (here.distance(there) - 2.0 * radius).abs();
            if touch_s.is_none() && miss > NEAR_M + 0.1 * closing.length() * frame_s {
                continue;
            }
            let mine = change.normalize_or_zero().dot(line);
            let theirs = -other.change().normalize_or_zero().dot(line);
            // Out of rest, somebody must come.
            if self.at_rest && closing.length() < COMES_M_S {
                continue;
            }
            // Who has met something else as well goes elsewhere; one of the two must fit.
            let surely = mine > ALONG_SILENT && touch_s.is_some();
            if mine.max(theirs) < ALONG || (mine.min(theirs) < -0.2 && !surely) {
                continue;
            }
            let cost = (2.0 - mine - theirs.max(0.0)) + apart_s / frame_s + miss / NEAR_M * 0.3;
            let partner = Partner {
                id: other.id,
                kink: k,
                time_s,
                explains_both: theirs >= ALONG,
            };
            found.push((cost, partner));
        }
        found.extend(self.silent_partner(kink, frame_s, radius));
        // Who is reached first hides those behind.
        let first_s = found
            .iter()
            .map(|(_, partner)| partner.time_s)
            .fold(f64::MAX, f64::min);
        let cost = |(cost, partner): &(f64, Partner)| cost + 3.0 * (partner.time_s - first_s) / frame_s;
        let best = found.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.map(|(_, partner)| partner)
    }

    /// A ball that lies in touch with others hands on what it gets, and stays; a slow ball that sends another off
    /// hardly turns: neither has a kink of its own.
    fn silent_partner(&self, kink: &Kink, frame_s: f64, radius: f64) -> Option<(f64, Partner)> {
        if kink.lay() && self.at_rest {
            return None;
        }
        let change = kink.change().normalize_or_zero();
        let velocity = kink.before.velocity_at(kink.time_s);
        let found = self
            .ways
            .iter()
            .filter(|way| way.id != kink.id)
            .filter_map(|way| {
                let there = way.before(kink.time_s)?;
                let moves = there.velocity != Vec2::ZERO;
                if moves && !kink.lay() {
                    return None;
                }
                let from_s = kink.time_s - 1.5 * frame_s;
                let off = kink.before.at(from_s) - there.at(from_s);
                let touch_s = meeting(off, velocity - there.velocity, 2.0 * radius)
                    .map(|t| from_s + t)
                    .filter(|t| (*t - kink.time_s).abs() < frame_s);
                let time_s = touch_s.unwrap_or(kink.time_s);
                let line = kink.before.at(time_s) - there.at(time_s);
                let miss = (line.length() - 2.0 * radius).abs();
                let along = change.dot(line.normalize_or_zero());
                (miss < 0.6 * NEAR_M && along > ALONG_SILENT).then_some((
                    SILENT + 1.0 - along + miss / NEAR_M,
                    Partner {
                        id: way.id,
                        kink: usize::MAX,
                        time_s,
                        explains_both: false,
                    },
                ))
            });
        found.min_by(|a, b| a.0.total_cmp(&b.0))
    }
}

struct Partner {
    id: BallId,
    kink: usize,
    time_s: f64,
    explains_both: bool,
}

/// When a ball met a wall, if that is what turned it.
fn wall_time(kink: &Kink, frame_s: f64, walls: &Walls) -> Option<f64> {
    let from_s = kink.time_s - frame_s;
    let velocity = kink.before.velocity_at(kink.time_s);
    let touch = walls.first(kink.before.at(from_s), velocity, 2.0 * frame_s);
    let change = kink.change().normalize_or_zero();
    if let Some((t, normal)) = touch.filter(|(_, normal)| change.dot(*normal) > ALONG_WALL) {
        let touch_s = from_s + t;
        let _ = normal;
        return Some(touch_s);
    }
    let (gap, normal) = walls.nearest(kink.place())?;
    let near = gap.abs() < NEAR_M + 0.15 * velocity.length() * frame_s;
    (near && velocity.dot(normal) < 0.0 && change.dot(normal) > ALONG_WALL).then_some(kink.time_s)
}

impl Way {
    /// Its way until this time; that of a ball that lies has no velocity.
    fn before(&self, time_s: f64) -> Option<Line> {
        let until = self.looks.partition_point(|look| look.time_s <= time_s);
        let looks = self.looks.range(until.saturating_sub(BEFORE)..until);
        let line = line_of(looks.clone()).filter(|_| looks.len() >= 3)?;
        if line.velocity.length() < LIES_M_S {
            let after = self.looks.get(until + 1).or(self.looks.back())?;
            let place = mean(looks);
            let stays = after.place.distance(place) < NEAR_M;
            return stays.then_some(Line {
                place,
                velocity: Vec2::ZERO,
                acceleration: Vec2::ZERO,
                ..line
            });
        }
        // Of what moves only the stretch since its last contact counts.
        let cut_s = if self.cut_s < time_s {
            self.cut_s
        } else {
            self.cut_before_s
        };
        let from = self.looks.partition_point(|look| look.time_s <= cut_s);
        let looks = self
            .looks
            .range(until.saturating_sub(BEFORE).max(from).min(until)..until);
        line_of(looks.clone()).filter(|_| looks.len() >= 3)
    }

    /// Where it lay at first, as far as its looks are kept, and until when.
    fn lay_until(&self) -> Option<(Vec2, f64)> {
        let place = self.looks.front()?.place;
        let lay = |look: &&Seen| look.place.distance(place) < WENT_M;
        let last = self.looks.iter().take_while(lay).last()?;
        Some((place, last.time_s))
    }

    /// True where it lies at the same place before this time and after it: a look among other balls that was off, and
    /// no way.
    fn lay_through(&self, time_s: f64) -> bool {
        let until = self.looks.partition_point(|look| look.time_s <= time_s);
        self.looks.range(..until).any(|there| {
            let same = |look: &&Seen| look.place.distance(there.place) < SAME_PLACE_M;
            self.looks.range(..until).filter(same).nth(1).is_some()
                && self.looks.range(until..).filter(same).nth(1).is_some()
        })
    }

    /// The kink between the looks that have just got enough looks after them.
    fn kink(&mut self, frame_s: f64) -> Option<Kink> {
        let count = self.looks.len();
        let gap = count.checked_sub(AFTER + 1)?;
        let (here, next) = (*self.looks.get(gap)?, *self.looks.get(gap + 1)?);
        if here.time_s <= self.asked_s {
            return None;
        }
        self.asked_s = here.time_s;
        let from = (0..=gap)
            .rev()
            .take(BEFORE)
            .take_while(|k| self.looks.get(*k).is_some_and(|look| look.time_s > self.cut_s));
        let first = from.last()?;
        if first == gap && gap > 0 {
            // One look tells no way.
            return None;
        }
        let before = line_of(self.looks.range(first..=gap))?;
        let after = line_of(self.looks.range(gap + 1..count))?;
        let near_after = line_of(self.looks.range(gap + 1..count - 1))?;
        // Another kink right after this one must not blur it.
        let last = self.looks.get(count - 1)?;
        let after = if near_after.at(last.time_s).distance(last.place)
            > 0.006 + 0.002 * near_after.velocity.length()
        {
            near_after
        } else {
            after
        };
        let before = if before.velocity.length() < LIES_M_S {
            Line {
                velocity: Vec2::ZERO,
                acceleration: Vec2::ZERO,
                place: mean(self.looks.range(first..=gap)),
                ..before
            }
        } else {
            before
        };
        // Still on its way: what comes, comes later.
        let speed = before.velocity.length();
        if before.at(next.time_s).distance(next.place)
            < STILL_ON_M + LOOK_S * speed + (next.sigma - 0.001).max(0.0)
        {
            return None;
        }
        let middle_s = 0.5 * (here.time_s + next.time_s);
        let (old, new) = (before.velocity_at(middle_s), after.velocity_at(middle_s));
        let change = new - old;
        let span_s = (next.time_s - here.time_s).max(frame_s);
        let looks = self.looks.range(first..count);
        let sigma = looks.map(|look| look.sigma).fold(LOOK_M, f64::max);
        let noise = 2.0 * sigma / span_s;
        let same = SAME_M_S + noise;
        // Slowing down is no kink.
        let slides = if middle_s - self.cut_s < SLIDES_S {
            SLIDES_M_S2 * 1.5 * span_s
        } else {
            0.1 * span_s
        };
        let ahead = old.normalize_or_zero();
        let slower = (-change.dot(ahead)).clamp(0.0, slides.min(old.length()));
        let rest = change + ahead * slower;
        if rest.length() < same {
            return None;
        }
        // Where both ways meet.
        let off = before.at(middle_s) - after.at(middle_s);
        let time_s = middle_s + off.dot(change) / change.length_squared().max(1e-9);
        let slack = 0.35 * span_s;
        if time_s > next.time_s + slack {
            // Later: the next gap will tell.
            return None;
        }
        Some(Kink {
            id: self.id,
            time_s: time_s.clamp(here.time_s - slack, next.time_s + slack),
            before,
            after,
            explained: false,
        })
    }
}

fn mean<'a>(looks: impl Iterator<Item = &'a Seen>) -> Vec2 {
    let (mut sum, mut count) = (Vec2::ZERO, 0.0);
    for look in looks {
        sum += look.place;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

/// The way through some looks: a parabola through five or more, a line through fewer.
fn line_of<'a>(looks: impl Iterator<Item = &'a Seen> + Clone) -> Option<Line> {
    let last = looks.clone().last()?;
    let (mut n, mut s1, mut s2, mut s3, mut s4) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut p0, mut p1, mut p2) = (Vec2::ZERO, Vec2::ZERO, Vec2::ZERO);
    for look in looks {
        let t = look.time_s - last.time_s;
        n += 1.0;
        s1 += t;
        s2 += t * t;
        s3 += t * t * t;
        s4 += t * t * t * t;
        p0 += look.place;
        p1 += look.place * t;
        p2 += look.place * (t * t);
    }
    let mut line = Line {
        time_s: last.time_s,
        place: last.place,
        velocity: Vec2::ZERO,
        acceleration: Vec2::ZERO,
    };
    let determinant = n * s2 - s1 * s1;
    if n < 2.0 || determinant < 1e-12 {
        return Some(line);
    }
    line.place = (p0 * s2 - p1 * s1) / determinant;
    line.velocity = (p1 * n - p0 * s1) / determinant;
    if n >= 5.0 {
        let m = glam::DMat3::from_cols(
            glam::DVec3::new(n, s1, s2),
            glam::DVec3::new(s1, s2, s3),
            glam::DVec3::new(s2, s3, s4),
        );
        if m.determinant().abs() > 1e-18 {
            let inverse = m.inverse();
            let of = |a: f64, b: f64, c: f64| inverse * glam::DVec3::new(a, b, c);
            let (x, y) = (of(p0.x, p1.x, p2.x), of(p0.y, p1.y, p2.y));
            let acceleration = Vec2::new(2.0 * x.z, 2.0 * y.z);
            // Cloth can't do more.
            if acceleration.length() < SLIDES_M_S2 + 0.5 {
                line.place = Vec2::new(x.x, y.x);
                line.velocity = Vec2::new(x.y, y.y);
                line.acceleration = acceleration;
            }
        }
    }
    Some(line)
}
