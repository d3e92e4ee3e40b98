//! What happened, and when, from the ways of the balls.
//!
//! Some looks after it, every gap between two looks of a ball is asked whether the ways before and after it
//! are one way ([`ways`]). Where they are not there is a kink, at the time at which both ways meet. A kink is explained by
//! what was there ([`partners`]): a cushion, a ball at two radii that has a kink of its own, or the cue. The contact's time is
//! then that at which the ways before it come to touch, which is between frames.

mod partners;
mod ways;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::foresight::{Walls, meeting};
use super::{BallId, Happening, MAX_SPEED, TableEvent};
use crate::units::Vec2;
use partners::{partner, wall_time};
use ways::{Kink, Seen, WENT_M, Way};

/// Kinks, and contacts told, that are kept at most.
const MOST: usize = 96;
/// A kink is explained so many frames after it: those it met have theirs by then.
const WAIT_FRAMES: f64 = 6.5;
/// What starts things from rest comes at least so fast, m/s.
const COMES_M_S: f64 = 0.15;
/// The same two touch again after so long at the earliest, seconds.
const AGAIN_S: f64 = 0.05;
/// Middles of balls that touch are nearer, metres.
const TOUCHING_M: f64 = 0.07;

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

impl Chronicle {
    /// A look at a ball, in order of time, and how far it may be off, metres.
    pub(super) fn see(&mut self, id: BallId, time_s: f64, place: Vec2, sigma: f64) {
        let look = Seen { time_s, place, sigma };
        if let Some(way) = self.ways.iter_mut().find(|way| way.id == id) {
            way.see(look);
            return;
        }
        let mut way = Way::new(id);
        way.see(look);
        self.ways.push(way);
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
            if let Some(kink) = way.next_kink(frame_s) {
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
            let recent = way.last().is_some_and(|look| look.time_s > forgotten_s);
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
        if let Some(partner) = partner(index, &self.kinks, &self.ways, self.at_rest, frame_s, radius) {
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
        let from = self.way(cue)?.looks().next()?.place;
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
            None => self.way(cue)?.before(about_s)?,
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
        let Some((place, lay_s)) = self.way(id).and_then(Way::lay_until) else {
            return;
        };
        // It left between two frames.
        let left_s = lay_s + 0.5 * self.frame_s;
        let near =
            |look: &Seen| look.place.distance(place) < TOUCHING_M + MAX_SPEED * (look.time_s - left_s).abs();
        if self.way(cue).is_some_and(|way| way.looks().any(near)) {
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
        let way = self.way(self.cue_ball?)?;
        let (place, lay_s) = way.lay_until()?;
        let gone = way.last()?.place.distance(place) >= WENT_M;
        gone.then_some((way.id, lay_s + 0.5 * frame_s))
    }

    fn went(&self, kink: &Kink) -> bool {
        self.way(kink.id).is_none_or(|way| way.went(kink))
    }

    fn way(&self, id: BallId) -> Option<&Way> {
        self.ways.iter().find(|way| way.id == id)
    }

    fn mark(&mut self, index: usize) {
        if let Some(kink) = self.kinks.get_mut(index) {
            kink.explained = true;
        }
    }
}
