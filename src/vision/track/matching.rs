//! Which look is which ball: the likeliest assignment over all, by place and appearance.
//!
//! A look may be where a ball was foreseen to roll, where it was foreseen to be after a contact, or, less
//! likely, anywhere in the disc that the fastest ball around could have sent it to.

use std::f64::consts::TAU;

use super::ball::{CLEARLY, Explained, Look, Spread, Track};
use super::foresight::{Body, Walls};
use super::{MAX_SPEED, UNSEEN};
use crate::table::Group;
use crate::units::Vec2;
use crate::vision::analyse::assignment::assign;
use crate::vision::hidden::Hidden;
use crate::vision::naming::{Shares, alike};

/// New balls, and things that are none, per square metre and frame.
const NEW_PER_M2: f64 = 0.05;
/// A ball in sight is not found in one of so many looks.
const MISSED: f64 = 0.03;
/// Places foreseen are not surer than this, metres: of a ball that lies, and of one that rolls.
const LIES_WITHIN_M: f64 = 0.0025;
const ROLLS_WITHIN_M: f64 = 0.0015;
/// How likely a hand moves a ball from one frame to the next.
const BY_HAND: f64 = 0.002;
/// How far a foreseen contact may be wrong, as a share of what it changes.
const CONTACT_SHARE: f64 = 0.25;
/// A contact that changes less does not matter, m/s.
const CONTACT_M_S: f64 = 0.02;
/// A look less clear than this hardly tells that a ball has changed its way, least of all in a pocket's mouth.
const CLEARLY_SEEN: f64 = 0.65;
/// So many balls that are pushed go where contacts were foreseen to send them, and by so much those are wrong, radians:
/// how fast a ball leaves a pack nobody can tell, but its neighbours' places tell where to.
const AIMED: f64 = 0.5;
const AIM_RAD: f64 = 0.25;
/// A contact that changes this much sends off a ball that is not seen any more, m/s.
const SENT_OFF_M_S: f64 = 0.3;
/// The place of a ball that the shutter has drawn out is off by about this, metres.
const STREAK_M: f64 = 0.01;
/// What appearance can say for and against a pair, ln odds.
const ALIKE: [f64; 2] = [-6.0, 3.0];

/// What is foreseen of one ball at the time of the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreseen {
    /// If it meets nothing.
    free: (Vec2, Vec2, Spread),
    /// If it meets what it seems to.
    touched: Option<(Vec2, Vec2, Spread)>,
    /// Fastest ball that could have sent it off since it was seen, m/s, and how likely that is.
    fastest_m_s: f64,
    pushed: f64,
    /// How likely it is that it is not seen.
    unseen: f64,
    near_pocket: bool,
    /// Nothing around it moves, and it is not the cue ball: only a hand could move it.
    left_alone: bool,
    /// Something covers its place.
    hidden: bool,
    pub(super) body: Body,
}

/// Foresees every ball at `to_s` from where all were at `from_s`.
pub(super) fn foresee(
    tracks: &[Track],
    walls: &Walls,
    hidden: &Hidden,
    from_s: f64,
    to_s: f64,
    radius: f64,
) -> Vec<Foreseen> {
    let mut bodies: Vec<Body> = tracks
        .iter()
        .map(|track| {
            let mut body = Body::new(track.place_at(from_s), track.velocity);
            // What may be no ball pushes nobody.
            body.alone = !track.is_ball();
            body
        })
        .collect();
    walls.foresee(&mut bodies, to_s - from_s);
    tracks
        .iter()
        .zip(&bodies)
        .enumerate()
        .map(|(index, (track, body))| {
            let spread = track.spread_after((to_s - track.time_s).max(0.0));
            let free = (track.place_at(to_s), track.velocity_at(to_s), spread);
            let off = CONTACT_SHARE * body.changed;
            let touched = Spread {
                place: spread.place + (off * body.since_s).powi(2) + 9e-6,
                both: 0.0,
                velocity: spread.velocity + off * off + 0.0025,
            };
            let touched = (body.changed > CONTACT_M_S).then_some((body.place, body.velocity, touched));
            let gap_s = to_s - track.seen_s;
            let (fastest_m_s, pushed) = fastest(tracks, index, to_s - from_s, radius);
            let left_alone = track.is_resting() && pushed <= BY_HAND;
            let near_pocket = body.fell.is_some()
                || walls
                    .geometry()
                    .pockets
                    .iter()
                    .any(|pocket| pocket.centre.distance(body.place) < pocket.radius + 2.0 * radius);
            let unseen = if hidden.at(body.place) {
                0.6
            } else if !track.is_ball() || near_pocket || gap_s > UNSEEN {
                0.3
            } else {
                MISSED
            };
            Foreseen {
                free,
                touched,
                fastest_m_s,
                pushed,
                unseen,
                near_pocket,
                left_alone,
                hidden: hidden.at(track.place),
                body: *body,
            }
        })
        .collect()
}

/// The fastest speed a ball can have got since the last frame, and how likely it is that it changed its way. What a ball
/// around hit just before that frame may be on its way since then and not be seen to be, so its speed before counts too.
fn fastest(tracks: &[Track], index: usize, dt: f64, radius: f64) -> (f64, f64) {
    let Some(track) = tracks.get(index) else {
        return (0.0, 0.0);
    };
    let others = || {
        tracks
            .iter()
            .enumerate()
            .filter(|(k, _)| *k != index)
            .map(|(_, t)| t)
    };
    let packed = others().any(|other| other.place.distance(track.place) < 2.3 * radius);
    // A push goes through a pack at once.
    let through = if packed { 16.0 * radius } else { 0.0 };
    let comes = |other: &&Track| {
        let speed = other.lately_m_s();
        speed > 0.0 && other.place.distance(track.place) < 2.0 * radius + 0.01 + 1.3 * speed * dt + through
    };
    let speed = track.velocity.length();
    let around = others().filter(comes).map(Track::lately_m_s);
    let around = around.fold(0.0, f64::max);
    if around > 0.0 {
        return (speed.max(around), if packed { 0.2 } else { 0.08 });
    }
    if track.has_just_left() {
        // It may have been struck just before that frame.
        return (MAX_SPEED, 0.1);
    }
    if speed > 0.0 {
        return (speed, 0.03);
    }
    // By the cue, or by a hand.
    let likely = if track.name.0.group == Group::Cue {
        0.05
    } else {
        BY_HAND
    };
    (MAX_SPEED, likely)
}

impl Foreseen {
    /// Lets a ball that is not seen go on as foreseen.
    pub(super) fn go_on(&self, track: &mut Track, now_s: f64) {
        // What lies and is not seen where it lies may be hidden; a hard hit sends it off.
        let sent_off = self.body.changed > SENT_OFF_M_S && !self.hidden;
        if track.is_resting() && !sent_off {
            return;
        }
        let fell = self.body.fell.map(|(pocket, ago_s)| (pocket, now_s - ago_s));
        track.fell = track.fell.or(fell);
        let (place, velocity, spread) = self.touched.unwrap_or(self.free);
        track.coast(place, velocity, spread, now_s);
    }

    /// How likely a look is of this ball, ln of a density per square metre, and what explains it best.
    fn explain(&self, track: &Track, look: &Look<'_>, frame_s: f64, radius: f64) -> Option<(f64, Explained)> {
        let sigma = track.look_sigma(look.ball);
        let within = if track.is_resting() {
            LIES_WITHIN_M
        } else {
            ROLLS_WITHIN_M
        };
        let late = look.time_s - frame_s;
        let normal = |place: Vec2, spread: &Spread| {
            let variance = spread.place + sigma * sigma + within * within;
            -(TAU * variance).ln() - 0.5 * place.distance_squared(look.place) / variance
        };
        let (place, velocity, spread) = self.free;
        let share: f64 = if self.touched.is_some() { 0.3 } else { 0.9 };
        let free_place = place + velocity * late;
        let off = look.place.distance(free_place);
        let mut best = (share.ln() + normal(free_place, &spread), Explained::Foreseen);
        if track.is_resting() && off > radius {
            // There it does not lie, however unclear the look is.
            best.0 = f64::NEG_INFINITY;
        }
        if let Some((place, velocity, spread)) = self.touched {
            let place = place + velocity * late;
            let fit = 0.6_f64.ln() + normal(place, &spread);
            if fit > best.0 {
                best = (fit, Explained::Touched(place, velocity, spread));
            }
        }
        let gap_s = (look.time_s - track.seen_s).max(1e-3);
        let reach = (1.15 * self.fastest_m_s * gap_s + 0.008).min(1.5);
        let way = look.place.distance(track.seen_at);
        if way <= reach {
            // As likely in every ring around where it was: most pushes are gentle.
            let (clearly, weight) = match (self.left_alone, self.near_pocket) {
                (true, _) => (CLEARLY, 60.0),
                (_, true) => (CLEARLY_SEEN, 60.0),
                _ => (CLEARLY_SEEN, 20.0),
            };
            let doubt = weight * (clearly - look.ball.confidence).max(0.0);
            let ring = (TAU * reach * way.max(0.02)).ln();
            let fit = self.pushed.ln() + self.aimed(track, look.place).ln() - ring - doubt;
            if fit > best.0 {
                best = (fit, Explained::Surprise);
            }
        } else if off > 6.0 * (spread.place.sqrt() + sigma + within) && best.1 == Explained::Foreseen {
            return None;
        }
        // A faint sighting may confirm a ball where it is, not carry it away.
        let credible = look.ball.confidence >= 0.5 || off < 0.5 * radius;
        credible.then_some(best)
    }

    /// How much likelier a ball that lay was pushed to this place than to one in any other direction.
    fn aimed(&self, track: &Track, place: Vec2) -> f64 {
        let way = place - track.seen_at;
        let is_told = |velocity: Vec2| track.is_resting() && velocity != Vec2::ZERO && way != Vec2::ZERO;
        let Some((_, velocity, _)) = self.touched.filter(|(_, velocity, _)| is_told(*velocity)) else {
            return 1.0;
        };
        let off = velocity.angle_to(way) / AIM_RAD;
        let peak = TAU.sqrt() / AIM_RAD;
        1.0 - AIMED + AIMED * peak * (-0.5 * off * off).exp()
    }
}

/// For each ball the look that is of it, and what explains it.
pub(super) fn match_looks(
    tracks: &[Track],
    foreseen: &[Foreseen],
    looks: &[Look<'_>],
    frame_s: f64,
    radius: f64,
) -> Vec<Option<(usize, Explained)>> {
    let weights: Vec<Shares> = looks.iter().map(|look| look.ball.odds.weights()).collect();
    let mut explained = vec![Explained::Foreseen; tracks.len() * looks.len()];
    let mut costs = Vec::with_capacity(tracks.len());
    for (t, (track, foreseen)) in tracks.iter().zip(foreseen).enumerate() {
        let shares = track.evidence.shares();
        let mut row = vec![f64::INFINITY; looks.len() + tracks.len()];
        for (l, (look, weights)) in looks.iter().zip(&weights).enumerate() {
            let Some((fit, how)) = foreseen.explain(track, look, frame_s, radius) else {
                continue;
            };
            // Blur mixes colours: of what is fast, and of what the shutter has drawn out.
            let speed = track.velocity.length();
            let drawn_out = look.ball.covariance_m2.sigma() / STREAK_M;
            let clear = 1.0 / (1.0 + 0.02 * speed * speed + drawn_out * drawn_out);
            let [against, in_favour] = ALIKE;
            let looks_like = clear * alike(&shares, weights).clamp(against, in_favour);
            let gain = fit + looks_like - NEW_PER_M2.ln() - foreseen.unseen.ln();
            if gain > 0.0
                && let (Some(cost), Some(slot)) = (row.get_mut(l), explained.get_mut(t * looks.len() + l))
            {
                *cost = -gain;
                *slot = how;
            }
        }
        if let Some(none) = row.get_mut(looks.len() + t) {
            *none = 0.0;
        }
        costs.push(row);
    }
    let chosen = assign(&costs);
    (0..tracks.len())
        .map(|t| {
            let look = *chosen.get(t)?;
            let possible = costs.get(t)?.get(look)?.is_finite();
            let how = *explained
                .get(t * looks.len() + look)
                .filter(|_| look < looks.len() && possible)?;
            Some((look, how))
        })
        .collect()
}
