//! The way of a ball through its looks, and the kinks in it.

use std::collections::VecDeque;

use super::super::BallId;
use crate::units::Vec2;

/// Looks of one ball that are kept.
const LOOKS: usize = 20;
/// Looks after a gap that are waited for, and those before and after it that tell the ways.
const AFTER: usize = 3;
const BEFORE: usize = 6;
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
/// A ball that left its place has gone so far when that is told, metres.
pub(super) const WENT_M: f64 = 0.008;
/// Looks at a ball that lies are within this of each other, metres.
const SAME_PLACE_M: f64 = 0.0007;
/// A ball that lies is seen this near to its place, metres.
const STAYS_M: f64 = 0.008;

/// The looks at one ball.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) id: BallId,
    looks: VecDeque<Seen>,
    /// Looks before this time belong to an earlier stretch, seconds.
    cut_s: f64,
    /// The cut before that.
    cut_before_s: f64,
    /// Looks asked about already.
    asked_s: f64,
}

/// One look at a ball.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) time_s: f64,
    pub(super) place: Vec2,
    /// How far it may be off, metres.
    pub(super) sigma: f64,
}

/// A stretch of way: place and velocity at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    time_s: f64,
    place: Vec2,
    pub(super) velocity: Vec2,
    acceleration: Vec2,
}

impl Line {
    pub(super) fn at(&self, time_s: f64) -> Vec2 {
        let t = time_s - self.time_s;
        self.place + self.velocity * t + self.acceleration * (0.5 * t * t)
    }

    pub(super) fn velocity_at(&self, time_s: f64) -> Vec2 {
        self.velocity + self.acceleration * (time_s - self.time_s)
    }
}

/// Where two stretches of a way are not one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kink {
    pub(super) id: BallId,
    pub(super) time_s: f64,
    pub(super) before: Line,
    after: Line,
    /// It is known what made it.
    pub(super) explained: bool,
}

impl Kink {
    pub(super) fn place(&self) -> Vec2 {
        self.before.at(self.time_s).midpoint(self.after.at(self.time_s))
    }

    pub(super) fn change(&self) -> Vec2 {
        self.after.velocity_at(self.time_s) - self.before.velocity_at(self.time_s)
    }

    pub(super) fn lay(&self) -> bool {
        self.before.velocity.length() < LIES_M_S
    }
}

impl Way {
    pub(super) fn new(id: BallId) -> Self {
        Self {
            id,
            looks: VecDeque::with_capacity(LOOKS),
            cut_s: f64::MIN,
            cut_before_s: f64::MIN,
            asked_s: f64::MIN,
        }
    }

    /// Takes in a look; one that is not later than the last is left out.
    pub(super) fn see(&mut self, look: Seen) {
        if self.looks.back().is_some_and(|last| last.time_s >= look.time_s) {
            return;
        }
        if self.looks.len() >= LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// The looks that are kept, the oldest first.
    pub(super) fn looks(&self) -> impl Iterator<Item = &Seen> {
        self.looks.iter()
    }

    /// The newest look.
    pub(super) fn last(&self) -> Option<&Seen> {
        self.looks.back()
    }

    /// True where it comes from afar to this kink, or is gone for good from where it lay.
    pub(super) fn went(&self, kink: &Kink) -> bool {
        if self.lay_through(kink.time_s) {
            return false;
        }
        let place = kink.place();
        let far = |look: &Seen| look.place.distance(place) > WENT_M;
        self.last().is_none_or(far) || (!kink.lay() && self.looks.iter().any(far))
    }

    /// Its way until this time; that of a ball that lies has no velocity.
    pub(super) fn before(&self, time_s: f64) -> Option<Line> {
        let until = self.looks.partition_point(|look| look.time_s <= time_s);
        let looks = self.looks.range(until.saturating_sub(BEFORE)..until);
        let line = line_of(looks.clone()).filter(|_| looks.len() >= 3)?;
        if line.velocity.length() < LIES_M_S {
            let after = self.looks.get(until + 1).or(self.looks.back())?;
            let place = mean(looks);
            let stays = after.place.distance(place) < STAYS_M;
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
    pub(super) fn lay_until(&self) -> Option<(Vec2, f64)> {
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

    /// The kink between the looks that have just got enough looks after them; the way before it counts no longer.
    pub(super) fn next_kink(&mut self, frame_s: f64) -> Option<Kink> {
        let kink = self.kink(frame_s)?;
        self.cut_before_s = self.cut_s;
        self.cut_s = kink.time_s;
        Some(kink)
    }

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
