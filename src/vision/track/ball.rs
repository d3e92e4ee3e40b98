//! One ball that is followed: where it is, how it moves, how sure that is.

use std::time::Instant;

use super::foresight::ROLLING_M_S2;
use super::{BallId, MAX_SPEED};
use crate::table::{BallKind, PocketId};
use crate::units::Vec2;
use crate::vision::naming::Evidence;
use crate::vision::observation::BallSeen;

/// A look at a resting ball farther than this from its place may mean that it moved, metres: it has if the
/// next ones see it go on, or see it there for as long as [`SETTLE`].
const REST_RADIUS: f64 = 0.004;
/// A resting ball that is seen this many radii beside its place has left it, whatever the next look says.
const LEFT: f64 = 0.5;
/// Everything must be still for this long before the table counts as at rest, seconds.
pub(super) const SETTLE: f64 = 0.25;
/// A ball that was seen in one place for this long lies still, seconds.
const STILL: f64 = 0.12;
/// Sightings, and what they say together, before it counts as a ball.
const CONFIRM: u32 = 3;
const BELIEVED: f64 = 2.0;
/// Looks within this of each other are in one place, metres.
const ONE_PLACE: f64 = 0.0012;
/// A ball as slow as this is at rest, m/s.
const REST_SPEED: f64 = 0.012;
/// Accelerations of a ball that slides, and of one that rolls, that are not foreseen, m/s².
const SLIDES_M_S2: f64 = 2.0;
const ROLLS_M_S2: f64 = 0.25;
/// A ball slides for so long after a contact, seconds.
const SLIDES_S: f64 = 0.6;
/// What a look at a ball may be off beyond what it says itself: metres, and seconds of its way.
const LOOK_M: f64 = 0.0005;
const LOOK_S: f64 = 0.0012;
/// A look less clear than this is off by more, and by how much per confidence that lacks, metres.
pub(super) const CLEARLY: f64 = 0.78;
const UNCLEAR_M: f64 = 0.05;

/// A ball that is followed.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) id: BallId,
    /// Where it is and how it moves at `time_s`.
    pub(super) place: Vec2,
    pub(super) velocity: Vec2,
    pub(super) time_s: f64,
    /// How fast it was a look earlier, m/s.
    was_m_s: f64,
    /// Variances of place (m²) and velocity (m²/s²), and their covariance, along either axis.
    pub(super) spread: Spread,
    pub(super) rest: Option<Rest>,
    /// Until when it may slide, seconds.
    slides_until_s: f64,
    still: Option<Still>,
    pub(super) seen: Instant,
    /// When it was seen first: it is none of those that were seen then.
    pub(super) since: Instant,
    /// When it was seen last, seconds, and where.
    pub(super) seen_s: f64,
    pub(super) seen_at: Vec2,
    /// When it comes, or came, to rest as it slows down, seconds.
    pub(super) stops_s: f64,
    /// How far that look may be off, metres.
    pub(super) seen_sigma: f64,
    /// When it was last seen, or something covered its place.
    pub(super) covered: Instant,
    sightings: u32,
    /// What speaks for its being a ball: 1 is a look beyond doubt.
    belief: f64,
    /// How clear its clearest look was.
    clearest: f64,
    /// It lies there, not believed in yet, and looks like a ball that is seen elsewhere.
    pub(super) is_double: bool,
    pub(super) evidence: Evidence,
    /// Where the ball was when it began to show its present side.
    judged_at: Vec2,
    /// What it was called last.
    pub(super) name: (BallKind, f64),
    /// Which ball it is as far as was clear at rest: its id goes with that.
    pub(super) lasting: Option<BallKind>,
    /// Where it lay when that was clear last.
    pub(super) known_at: Option<Vec2>,
    /// It was new, and is a ball that was known.
    pub(super) recognised: bool,
    /// The pocket it went into since it was seen last, and when, seconds.
    pub(super) fell: Option<(PocketId, f64)>,
}

/// How sure place and velocity are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) place: f64,
    pub(super) both: f64,
    pub(super) velocity: f64,
}

/// Looks in a row in one place.
#[derive(Clone, Copy, Debug)]
struct Still {
    place: Mean,
    since_s: f64,
}

/// A ball that lies still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
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
    since_s: f64,
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
        now_s: f64,
    ) -> Result<(), Option<(Vec2, f64)>> {
        let off = seen.distance(self.place.place);
        if off < slack {
            self.place.add(seen);
            self.doubt = None;
            return Ok(());
        }
        let from = self.doubt.map(|doubt| (doubt.first, doubt.since_s));
        // Farther away than the first look beside its place: it rolls.
        let goes_on = |first: Vec2| off > first.distance(self.place.place) + slack;
        if off > LEFT * radius || self.doubt.is_some_and(|doubt| goes_on(doubt.first)) {
            return Err(from);
        }
        match &mut self.doubt {
            Some(doubt) if doubt.first.distance(seen) < slack => {
                doubt.place.add(seen);
                if now_s - doubt.since_s >= SETTLE {
                    self.place = doubt.place;
                    self.doubt = None;
                }
            }
            doubt => {
                *doubt = Some(Doubt {
                    place: Mean::of(seen),
                    first: seen,
                    since_s: now_s,
                });
            }
        }
        Ok(())
    }
}

/// What a look of this confidence says for its being one of a ball.
fn believed(confidence: f64) -> f64 {
    ((confidence - 0.4) / 0.6).clamp(0.02, 1.0).powf(1.5)
}

/// One look at a ball.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) ball: &'a BallSeen,
    pub(super) place: Vec2,
    /// When its rows of the picture were exposed, seconds.
    pub(super) time_s: f64,
}

/// What explains a look best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Explained {
    /// It lies, or rolls on.
    Foreseen,
    /// It met what it was foreseen to meet; with place, velocity and spread then.
    Touched(Vec2, Vec2, Spread),
    /// It met something, or was pushed.
    Surprise,
}

impl Track {
    pub(super) fn new(id: BallId, look: &Look<'_>, now: Instant, radius: f64) -> Self {
        let mut track = Self {
            id,
            place: look.place,
            velocity: Vec2::ZERO,
            time_s: look.time_s,
            was_m_s: 0.0,
            spread: Spread {
                place: 1e-6,
                both: 0.0,
                velocity: 0.0,
            },
            rest: Some(Rest::at(look.place)),
            slides_until_s: f64::MIN,
            still: None,
            seen: now,
            since: now,
            seen_s: look.time_s,
            seen_at: look.place,
            stops_s: look.time_s,
            seen_sigma: 0.001,
            covered: now,
            sightings: 1,
            belief: believed(look.ball.confidence),
            clearest: look.ball.confidence,
            is_double: false,
            evidence: Evidence::new(),
            judged_at: look.place,
            name: (BallKind::default(), 0.0),
            lasting: None,
            known_at: None,
            recognised: false,
            fell: None,
        };
        track.judge(look.ball, radius);
        track
    }

    /// Takes in what the ball looks like. A ball that has rolled shows another side: a new look.
    fn judge(&mut self, seen: &BallSeen, radius: f64) {
        const TURNED: f64 = 0.35;
        if self.place.distance(self.judged_at) > TURNED * radius {
            self.evidence.turn();
            self.judged_at = self.place;
        }
        // What moves is blurred.
        let speed = self.velocity.length();
        self.evidence.look(&seen.odds, 1.0 / (1.0 + speed * speed));
    }

    /// It was seen often and clearly enough to be one. A shadow among balls looks like one of them, but never quite.
    pub(super) fn is_ball(&self) -> bool {
        let is_seen = self.sightings >= CONFIRM && self.belief >= BELIEVED;
        is_seen && !(self.is_double && self.clearest < CLEARLY)
    }

    /// It is not believed in yet, but was seen in one place more than once.
    pub(super) fn is_faint(&self) -> bool {
        !self.is_ball() && self.sightings > 1 && self.is_resting()
    }

    /// It lies where it lay when it was clear which ball it is: it can't have become another since.
    pub(super) fn is_where_known(&self, radius: f64) -> bool {
        let at = self.known_at.filter(|_| self.is_resting());
        at.is_some_and(|at| at.distance(self.place) < 0.5 * radius)
    }

    /// Where it was seen last; where it lies, as long as looks differ from that by their usual errors.
    pub(super) fn calm_place(&self) -> Vec2 {
        let beside = self.seen_at.distance(self.place) >= REST_RADIUS + 2.0 * self.seen_sigma;
        if self.is_resting() && !beside {
            self.place
        } else {
            self.seen_at
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        self.rest.is_some()
    }

    /// The fastest it was since the look before the last: what it has hit since then may be as fast.
    pub(super) fn lately_m_s(&self) -> f64 {
        self.velocity.length().max(self.was_m_s)
    }

    /// It lay at the look before the last: how fast it is can't be told yet.
    pub(super) fn has_just_left(&self) -> bool {
        !self.is_resting() && self.was_m_s == 0.0
    }

    /// How far a look may be off, metres (one standard deviation).
    pub(super) fn look_sigma(&self, seen: &BallSeen) -> f64 {
        let own = seen.covariance_m2.sigma();
        let speed = self.velocity.length();
        let blurred = LOOK_S * speed;
        let unclear = self.unclear_m(seen);
        (own * own + LOOK_M * LOOK_M + blurred * blurred + unclear * unclear).sqrt()
    }

    /// What a look may be off because it is hardly one, metres: a ball of the cloth's colour in a pack is seen
    /// a little here and there. Blurred balls are unclear, too, and where they are.
    fn unclear_m(&self, seen: &BallSeen) -> f64 {
        let speed = self.velocity.length();
        UNCLEAR_M * (CLEARLY - seen.confidence).max(0.0) / (1.0 + 4.0 * speed * speed)
    }

    /// How sure place and velocity are after `dt` more seconds without a contact.
    pub(super) fn spread_after(&self, dt: f64) -> Spread {
        if self.is_resting() {
            return self.spread;
        }
        let sliding = self.time_s < self.slides_until_s;
        let q = if sliding { SLIDES_M_S2 } else { ROLLS_M_S2 }.powi(2);
        let Spread {
            place,
            both,
            velocity,
        } = self.spread;
        Spread {
            place: place + 2.0 * dt * both + dt * dt * velocity + 0.25 * q * dt.powi(4),
            both: both + dt * velocity + 0.5 * q * dt.powi(3),
            velocity: velocity + q * dt * dt,
        }
    }

    /// Where it is at another time if nothing happens to it.
    pub(super) fn place_at(&self, time_s: f64) -> Vec2 {
        if self.is_resting() {
            return self.place;
        }
        let dt = time_s - self.time_s;
        let speed = self.velocity.length();
        // Backwards it was faster; forwards it stops some time.
        let stops_s = speed / ROLLING_M_S2;
        let t = dt.min(stops_s);
        self.place + self.velocity.normalize_or_zero() * (speed * t - 0.5 * ROLLING_M_S2 * t * t)
    }

    /// How fast it is then.
    pub(super) fn velocity_at(&self, time_s: f64) -> Vec2 {
        let slower = ROLLING_M_S2 * (time_s - self.time_s).max(0.0);
        self.velocity.normalize_or_zero() * (self.velocity.length() - slower).max(0.0)
    }

    /// Goes on unseen.
    pub(super) fn coast(&mut self, place: Vec2, velocity: Vec2, spread: Spread, time_s: f64) {
        self.was_m_s = self.velocity.length();
        self.spread = spread;
        (self.place, self.velocity, self.time_s) = (place, velocity, time_s);
        // It rolls out where nobody sees it.
        self.rest = (velocity.length() < REST_SPEED).then(|| Rest::at(place));
    }

    /// Takes in a look.
    pub(super) fn correct(&mut self, look: &Look<'_>, how: Explained, now: Instant, radius: f64) {
        self.was_m_s = self.velocity.length();
        let sigma = self.look_sigma(look.ball);
        self.seen_sigma = sigma;
        let unclear = self.unclear_m(look.ball);
        if let Some(rest) = &mut self.rest {
            let slack = (REST_RADIUS + 2.2 * unclear).max(4.0 * look.ball.covariance_m2.sigma());
            match rest.confirm(look.place, slack, radius, look.time_s) {
                Ok(()) => {
                    self.place = rest.place.place;
                    self.velocity = Vec2::ZERO;
                    self.spread.place = (sigma * sigma / rest.place.weight).max(1e-8);
                }
                Err(left) => {
                    // What it went while it was in doubt took as long as the doubt did.
                    let (from, since_s) = left.unwrap_or((rest.place.place, self.seen_s));
                    self.rest = None;
                    let touched = if let Explained::Touched(_, velocity, _) = how {
                        Some(velocity).filter(|_| left.is_none())
                    } else {
                        None
                    };
                    let went = (look.place - from) / (look.time_s - since_s).max(1e-3);
                    self.set_off(look, touched.unwrap_or(went), sigma);
                }
            }
        } else {
            match how {
                Explained::Surprise => {
                    let dt = (look.time_s - self.seen_s).max(1e-3);
                    self.set_off(look, (look.place - self.seen_at) / dt, sigma);
                }
                Explained::Touched(place, velocity, spread) => {
                    (self.place, self.velocity, self.spread) = (place, velocity, spread);
                    self.time_s = look.time_s;
                    self.slides_until_s = look.time_s + SLIDES_S;
                    self.update(look.place, sigma);
                }
                Explained::Foreseen => {
                    let dt = look.time_s - self.time_s;
                    let spread = self.spread_after(dt.max(0.0));
                    let place = self.place_at(look.time_s);
                    let speed = (self.velocity.length() - ROLLING_M_S2 * dt.max(0.0)).max(0.0);
                    self.velocity = self.velocity.normalize_or_zero() * speed;
                    (self.place, self.spread, self.time_s) = (place, spread, look.time_s);
                    self.update(look.place, sigma);
                }
            }
            self.settle(look, sigma);
        }
        self.velocity = self.velocity.clamp_length_max(MAX_SPEED);
        self.time_s = look.time_s;
        (self.seen, self.covered) = (now, now);
        (self.seen_s, self.seen_at) = (look.time_s, look.place);
        self.sightings = self.sightings.saturating_add(1);
        self.belief = (self.belief + believed(look.ball.confidence)).min(1e3);
        self.clearest = self.clearest.max(look.ball.confidence);
        self.judge(look.ball, radius);
    }

    /// Starts anew from a look: it has met something since the last.
    fn set_off(&mut self, look: &Look<'_>, velocity: Vec2, sigma: f64) {
        self.place = look.place;
        self.velocity = velocity.clamp_length_max(MAX_SPEED);
        let unsure = 0.5 * self.velocity.length() + 0.3;
        self.spread = Spread {
            place: sigma * sigma,
            both: 0.0,
            velocity: unsure * unsure,
        };
        self.time_s = look.time_s;
        self.slides_until_s = look.time_s + SLIDES_S;
        self.still = None;
    }

    /// The update of a Kalman filter with a look of the place.
    fn update(&mut self, seen: Vec2, sigma: f64) {
        let surprise = seen - self.place;
        let Spread {
            place,
            both,
            velocity,
        } = self.spread;
        let sum = place + sigma * sigma;
        let (of_place, of_velocity) = (place / sum, both / sum);
        self.place += surprise * of_place;
        self.velocity += surprise * of_velocity;
        self.spread = Spread {
            place: (1.0 - of_place) * place,
            both: (1.0 - of_place) * both,
            velocity: (velocity - of_velocity * both).max(1e-8),
        };
    }

    /// Notices that it lies still.
    fn settle(&mut self, look: &Look<'_>, sigma: f64) {
        let one_place = ONE_PLACE + 2.0 * sigma.min(0.008);
        match &mut self.still {
            Some(still) if still.place.place.distance(look.place) < one_place => still.place.add(look.place),
            still => {
                *still = Some(Still {
                    place: Mean::of(look.place),
                    since_s: look.time_s,
                });
            }
        }
        let lies = self.still.filter(|still| {
            let lasted = look.time_s - still.since_s;
            let slow = self.velocity.length() < 0.04 && still.place.weight >= 3.0 && lasted >= STILL;
            slow || (self.velocity.length() < REST_SPEED && still.place.weight >= 2.0)
        });
        if let Some(still) = lies {
            self.stops_s = look.time_s + self.velocity.length() / ROLLING_M_S2;
            self.rest = Some(Rest {
                place: still.place,
                doubt: None,
            });
            self.place = still.place.place;
            self.velocity = Vec2::ZERO;
            self.spread = Spread {
                place: sigma * sigma,
                both: 0.0,
                velocity: 0.0,
            };
            self.still = None;
        }
    }
}
