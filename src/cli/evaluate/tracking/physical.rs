//! What physics thinks of a followed clip, where nobody knows the truth.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::units::Vec2;
use crate::vision::evaluate::quantile;
use crate::vision::track::{BallId, BallMotion, Happening, TableEvent};

/// Speeds are taken this long before and after a contact, seconds.
const BESIDE_S: f64 = 0.07;
/// A stretch without contacts must last so long for its deceleration to be told, seconds.
const STRETCH_S: f64 = 0.5;
/// Slower balls tell nothing, m/s.
const SLOW_M_S: f64 = 0.15;

/// Where balls were, and what was told to have happened.
#[derive(Default)]
pub(super) struct Physical {
    ways: BTreeMap<BallId, Vec<Look>>,
    events: Vec<TableEvent>,
}

#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    place: Vec2,
    velocity: Vec2,
}

/// What came of it.
pub(super) struct Verdict {
    /// Decelerations of free rolling, m/s².
    decelerations: Vec<f64>,
    /// Energy after contacts of two balls as a share of that before.
    energies: Vec<f64>,
    /// Angles between the change of a velocity and the line of centres, degrees.
    angles_deg: Vec<f64>,
    /// Highest speed, m/s.
    fastest_m_s: f64,
}

impl Physical {
    pub(super) fn note(&mut self, state: &crate::vision::track::TableState) {
        for ball in state.balls.iter().filter(|b| b.motion != BallMotion::Held) {
            self.ways.entry(ball.id).or_default().push(Look {
                at: state.captured,
                place: ball.position_m,
                velocity: ball.velocity_m_s,
            });
        }
        self.events.extend(&state.events);
    }

    pub(super) fn judge(&self) -> Verdict {
        let mut verdict = Verdict {
            decelerations: Vec::new(),
            energies: Vec::new(),
            angles_deg: Vec::new(),
            fastest_m_s: 0.0,
        };
        for (id, way) in &self.ways {
            let speeds = way.iter().map(|look| look.velocity.length());
            verdict.fastest_m_s = speeds.fold(verdict.fastest_m_s, f64::max);
            self.add_stretches(*id, way, &mut verdict.decelerations);
        }
        for event in &self.events {
            if let Happening::Contact { balls, .. } = event.what {
                self.add_contact(event.at, balls, &mut verdict);
            }
        }
        verdict
    }

    /// Decelerations between the contacts of one ball.
    fn add_stretches(&self, id: BallId, way: &[Look], found: &mut Vec<f64>) {
        let mut cuts: Vec<Instant> = self
            .events
            .iter()
            .filter(|event| match event.what {
                Happening::Struck(ball) | Happening::Cushion(ball) => ball == id,
                Happening::Contact { balls, .. } => balls.contains(&id),
                _ => false,
            })
            .map(|event| event.at)
            .collect();
        cuts.sort_unstable();
        let settled = Duration::from_secs_f64(2.0 * BESIDE_S);
        let mut from = 0;
        while let Some(first) = way.get(from) {
            let next_cut = cuts.iter().find(|cut| **cut > first.at + settled);
            let free = way.get(from..).unwrap_or_default();
            let count = free
                .iter()
                .take_while(|look| {
                    look.velocity.length() > SLOW_M_S && next_cut.is_none_or(|cut| look.at < *cut)
                })
                .count();
            let stretch = free.get(..count).unwrap_or_default();
            if let (Some(a), Some(b)) = (stretch.first(), stretch.last()) {
                let lasted = b.at.saturating_duration_since(a.at).as_secs_f64();
                let straight = a.velocity.angle_to(b.velocity).abs() < 0.05;
                if lasted >= STRETCH_S && straight {
                    found.push((a.velocity.length() - b.velocity.length()) / lasted);
                }
            }
            from += count.max(1);
        }
    }

    fn add_contact(&self, at: Instant, [a, b]: [BallId; 2], verdict: &mut Verdict) {
        let beside = Duration::from_secs_f64(BESIDE_S);
        let look = |id: BallId, at: Option<Instant>| {
            let (way, at) = (self.ways.get(&id)?, at?);
            let apart = |look: &&Look| {
                look.at
                    .saturating_duration_since(at)
                    .max(at.saturating_duration_since(look.at))
            };
            way.iter().min_by_key(apart).filter(|look| apart(look) < beside)
        };
        let (before, after) = (at.checked_sub(beside), Some(at + beside));
        let (Some(a0), Some(b0), Some(a1), Some(b1)) =
            (look(a, before), look(b, before), look(a, after), look(b, after))
        else {
            return;
        };
        let energy = |a: &Look, b: &Look| a.velocity.length_squared() + b.velocity.length_squared();
        if energy(a0, b0) < SLOW_M_S * SLOW_M_S {
            return;
        }
        verdict.energies.push(energy(a1, b1) / energy(a0, b0));
        // Where each was when they met.
        let met = |before: &Look| before.place + before.velocity * BESIDE_S;
        let line = met(b0) - met(a0);
        let change = (b1.velocity - b0.velocity) - (a1.velocity - a0.velocity);
        if change.length() > SLOW_M_S && line != Vec2::ZERO {
            verdict.angles_deg.push(change.angle_to(line).abs().to_degrees());
        }
    }
}

impl Verdict {
    pub(super) fn in_words(&self, text: &mut String) {
        let triple = |list: &[f64], digits: usize| {
            let of =
                |part: f64| quantile(list, part).map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"));
            format!("{} / {} / {} of {}", of(0.1), of(0.5), of(0.9), list.len())
        };
        let _ = writeln!(
            text,
            "  by physics (no truth is known; p10/50/90): free balls slow down by {} m/s2 (rolling: 0.05 to 0.25), \
             energy after contacts {} (at most 1), changes of velocity off the line of centres by {} deg, fastest {:.1} m/s",
            triple(&self.decelerations, 2),
            triple(&self.energies, 2),
            triple(&self.angles_deg, 0),
            self.fastest_m_s,
        );
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "decelerations_m_s2": self.decelerations, "energies": self.energies,
            "angles_deg": self.angles_deg, "fastest_m_s": self.fastest_m_s,
        })
    }
}
