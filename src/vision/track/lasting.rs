//! Ids that last: a ball that was out of sight, or in a pocket, gets its own id again, and after a shot all
//! balls at rest are told apart by what they look like.

use std::time::{Duration, Instant};

use super::ball::Track;
use super::{BallId, UNSEEN};
use crate::table::{BallKind, Group};
use crate::units::Vec2;
use crate::vision::naming::Evidence;

/// Balls that went away and are remembered.
const REMEMBERED: usize = 32;
/// A ball that nobody saw go lies where it lay: one that shows up there, so near, is it …
const NEAR_M: f64 = 0.05;
/// … within this long.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// A name as sure as this tells which ball it is.
const SURE: f64 = 0.9;

/// A ball that is no longer on the table.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    id: BallId,
    kind: BallKind,
    lasting: Option<BallKind>,
    evidence: Evidence,
    /// When it was seen last, and where, unless it went into a pocket.
    seen: Instant,
    place: Option<Vec2>,
}

/// Balls that went away, the last ones last.
#[derive(Debug, Default)]
pub(super) struct Memory {
    gone: Vec<Gone>,
}

impl Memory {
    /// Remembers a ball that goes, into a pocket or just out of sight.
    pub(super) fn keep(&mut self, track: &Track, pocketed: bool) {
        if self.gone.len() >= REMEMBERED {
            self.gone.remove(0);
        }
        self.gone.push(Gone {
            id: track.id,
            kind: track.name.0,
            lasting: track.lasting,
            evidence: track.evidence.clone(),
            seen: track.seen,
            place: (!pocketed).then_some(track.seen_at),
        });
    }

    /// Gives each ball that has just been believed in the id of the one it must be: one that is out of sight
    /// and looks the same, or one that went away.
    pub(super) fn recognise(&mut self, tracks: &mut Vec<Track>, now_s: f64) {
        while let Some((new, old)) = self.find(tracks, now_s) {
            match old {
                Old::Unseen(old) => {
                    let Some(known) = tracks.get(old).cloned() else {
                        return;
                    };
                    if let Some(track) = tracks.get_mut(new) {
                        take_over(track, known.id, known.lasting, known.evidence);
                    }
                    tracks.remove(old);
                }
                Old::Gone(old) => {
                    let known = self.gone.remove(old);
                    if let Some(track) = tracks.get_mut(new) {
                        take_over(track, known.id, known.lasting, known.evidence);
                    }
                }
            }
        }
    }

    fn find(&self, tracks: &[Track], now_s: f64) -> Option<(usize, Old)> {
        let is_new = |track: &&Track| track.is_ball() && track.lasting.is_none() && !track.recognised;
        for (index, new) in tracks.iter().enumerate().filter(|(_, t)| is_new(t)) {
            let unseen = tracks
                .iter()
                .enumerate()
                .filter(|(k, old)| *k != index && old.is_ball() && now_s - old.seen_s > 0.5 * UNSEEN)
                .filter(|(_, old)| new.since > old.seen);
            let candidates = unseen.filter(|(_, old)| could_be(old.name.0, old.lasting, new.name.0));
            let nearest = candidates
                .map(|(k, old)| (distance(old, new), k))
                .filter(|(cost, _)| cost.is_finite())
                .min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, old)) = nearest {
                return Some((index, Old::Unseen(old)));
            }
            let gone = self.gone.iter().rposition(|old| {
                let kind = old.lasting.unwrap_or(old.kind);
                is_unique(kind) && kind == new.name.0 && new.since > old.seen
            });
            if let Some(old) = gone.or_else(|| self.left_there(new)) {
                return Some((index, Old::Gone(old)));
            }
        }
        None
    }

    /// The one that was lost from sight nearest to where this one has shown up.
    fn left_there(&self, new: &Track) -> Option<usize> {
        let off = |gone: &Gone| {
            let off = gone.place?.distance(new.place);
            let later = new.since > gone.seen && new.since.duration_since(gone.seen) <= BACK_WITHIN;
            // One of which there is one is known by its name, as soon as that is clear.
            let fits = off <= NEAR_M && later && !is_unique(gone.lasting.unwrap_or(gone.kind));
            (fits && could_be(gone.kind, gone.lasting, new.name.0)).then_some(off)
        };
        let near = self
            .gone
            .iter()
            .enumerate()
            .filter_map(|(k, gone)| Some((off(gone)?, k)));
        near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
    }

    /// At rest: who surely looks like another ball is that one, unless one of them still lies where it was known.
    pub(super) fn tell_apart(&mut self, tracks: &mut [Track], radius: f64) {
        for index in 0..tracks.len() {
            let Some(track) = tracks.get(index) else { continue };
            let (kind, sure) = track.name;
            if !is_unique(kind) || sure < SURE || !track.is_resting() {
                continue;
            }
            let place = Some(track.place);
            if track.lasting == Some(kind) {
                if let Some(track) = tracks.get_mut(index) {
                    track.known_at = place;
                }
                continue;
            }
            let (id, lasting) = (track.id, track.lasting);
            let other = tracks.iter().position(|t| t.lasting == Some(kind));
            let stays = |k: usize| tracks.get(k).is_some_and(|t| t.is_where_known(radius));
            if stays(index) {
                // It is the same ball as before, under another name; another that stays, too, was called that wrongly.
                let swaps = other.is_none_or(stays);
                if let Some(other) = other.filter(|_| swaps).and_then(|k| tracks.get_mut(k)) {
                    other.lasting = lasting;
                }
                if let Some(track) = tracks.get_mut(index).filter(|_| swaps) {
                    track.lasting = Some(kind);
                }
                continue;
            }
            if other.is_some_and(stays) {
                continue;
            }
            if let Some(track) = tracks.get_mut(index) {
                track.known_at = place;
            }
            if let Some(other) = other {
                // The other gets the id that was wrongly here, unless it, too, is told apart later.
                let theirs = tracks.get(other).map(|t| t.id);
                if let (Some(theirs), Some(other)) = (theirs, tracks.get_mut(other)) {
                    (other.id, other.lasting, other.known_at) = (id, lasting, None);
                    if let Some(track) = tracks.get_mut(index) {
                        (track.id, track.lasting) = (theirs, Some(kind));
                    }
                }
            } else if let Some(old) = self.gone.iter().rposition(|gone| gone.lasting == Some(kind)) {
                let known = self.gone.remove(old);
                if let Some(track) = tracks.get_mut(index) {
                    (track.id, track.lasting) = (known.id, Some(kind));
                }
            } else if let Some(track) = tracks.get_mut(index) {
                track.lasting = Some(kind);
            }
        }
    }
}

enum Old {
    Unseen(usize),
    Gone(usize),
}

fn take_over(track: &mut Track, id: BallId, lasting: Option<BallKind>, mut evidence: Evidence) {
    (track.id, track.lasting, track.known_at) = (id, lasting, None);
    evidence.turn();
    track.evidence = evidence;
    track.recognised = true;
}

/// How far a ball out of sight would have had to go beyond its way; infinite if it can't have.
fn distance(old: &Track, new: &Track) -> f64 {
    let off = |place: Vec2| place.distance(new.place);
    let gap_s = (new.seen_s - old.seen_s).max(0.0);
    // A ball of which there is one may have been carried anywhere; of others the near one is it.
    let reach = if old.lasting.is_some_and(is_unique) {
        f64::INFINITY
    } else {
        0.15 + 1.5 * old.velocity.length().max(0.5) * gap_s
    };
    let off = off(old.place).min(off(old.seen_at));
    if off <= reach { off } else { f64::INFINITY }
}

/// There is one such ball in the set.
pub(super) fn is_unique(kind: BallKind) -> bool {
    match kind.group {
        Group::Unknown | Group::Red => false,
        Group::Solid | Group::Stripe => kind.number.is_some(),
        _ => true,
    }
}

/// A ball that was called `old` may be what is called `new` now.
fn could_be(old: BallKind, lasting: Option<BallKind>, new: BallKind) -> bool {
    let old = lasting.unwrap_or(old);
    let known = old.group != Group::Unknown && new.group != Group::Unknown;
    let numbers = old.number.zip(new.number).is_some_and(|(a, b)| a != b);
    !known || (old.group == new.group && !numbers)
}
