//! What a ball met where its way has a kink: another ball, or a cushion.

use std::collections::VecDeque;

use super::super::BallId;
use super::super::foresight::{Walls, meeting};
use super::COMES_M_S;
use super::ways::{Kink, Way};
use crate::units::Vec2;

/// How far from touching two may seem to be when they touch, metres.
const NEAR_M: f64 = 0.008;
/// What speaks against a partner that does not move.
const SILENT: f64 = 0.3;
/// Cosine of the largest angle between a change of velocity and the line it should be along.
const ALONG: f64 = 0.72;
const ALONG_WALL: f64 = 0.55;
const ALONG_SILENT: f64 = 0.88;

/// A ball that was met.
pub(super) struct Partner {
    pub(super) id: BallId,
    /// Which kink is its own; none has this number where it has none.
    pub(super) kink: usize,
    /// When they touched, seconds.
    pub(super) time_s: f64,
    /// The contact is what made the partner's kink, too.
    pub(super) explains_both: bool,
}

/// The ball that the one of this kink met. `at_rest`: nothing has moved since all came to rest.
pub(super) fn partner(
    index: usize,
    kinks: &VecDeque<Kink>,
    ways: &[Way],
    at_rest: bool,
    frame_s: f64,
    radius: f64,
) -> Option<Partner> {
    let kink = kinks.get(index)?;
    let change = kink.change();
    let mut found: Vec<(f64, Partner)> = Vec::new();
    for (k, other) in kinks.iter().enumerate() {
        let apart_s = (other.time_s - kink.time_s).abs();
        if k == index
            || other.id == kink.id
            || apart_s > 1.5 * frame_s
            || (kink.lay() && other.lay() && at_rest)
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
        if at_rest && closing.length() < COMES_M_S {
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
    found.extend(silent_partner(kink, ways, at_rest, frame_s, radius));
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
fn silent_partner(
    kink: &Kink,
    ways: &[Way],
    at_rest: bool,
    frame_s: f64,
    radius: f64,
) -> Option<(f64, Partner)> {
    if kink.lay() && at_rest {
        return None;
    }
    let change = kink.change().normalize_or_zero();
    let velocity = kink.before.velocity_at(kink.time_s);
    let found = ways.iter().filter(|way| way.id != kink.id).filter_map(|way| {
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

/// When a ball met a wall, if that is what turned it, seconds.
pub(super) fn wall_time(kink: &Kink, frame_s: f64, walls: &Walls) -> Option<f64> {
    let from_s = kink.time_s - frame_s;
    let velocity = kink.before.velocity_at(kink.time_s);
    let touch = walls.first(kink.before.at(from_s), velocity, 2.0 * frame_s);
    let change = kink.change().normalize_or_zero();
    if let Some((t, _)) = touch.filter(|(_, normal)| change.dot(*normal) > ALONG_WALL) {
        return Some(from_s + t);
    }
    let (gap, normal) = walls.nearest(kink.place())?;
    let near = gap.abs() < NEAR_M + 0.15 * velocity.length() * frame_s;
    (near && velocity.dot(normal) < 0.0 && change.dot(normal) > ALONG_WALL).then_some(kink.time_s)
}
