//! What could be played from here: shots found by geometry, tuned and judged by simulation.
//!
//! A ball goes where the line of centres points, and a little aside, for balls throw each other and cushions
//! turn them. So a line drawn on paper is only a beginning: each is tried with aims beside it, and the middle of
//! the aims that work is the one suggested. How often it works is found by playing it many times as this player
//! would, not by a formula.

mod lines;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::physics::prediction::{BallIndex, BallState, EventKind, Prediction};
use crate::physics::spread::{InputSpread, replay};
use crate::physics::{CueStrike, Simulator};
use crate::table::{Geometry, PocketId, TableSpec};
use crate::units::Vec2;

use lines::Line;

/// Finds shots on one table.
#[derive(Debug)]
pub struct Suggester {
    table: TableSpec,
    geometry: Geometry,
    simulator: Simulator,
}

/// How a ball is to be pocketed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ShotKind {
    /// The cue ball meets it, and it goes straight into the pocket.
    Direct,
    /// It goes over one cushion first.
    Bank,
    /// The cue ball goes over one cushion first.
    Kick,
    /// Another ball drives it.
    Combination,
}

/// How sure a player's stroke is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skill {
    /// The noise of the computer pool tournaments: 0.125° of direction, 0.5 mm of the tip's place, 0.075 m/s of
    /// speed, here taken as 4 % (Archibald, Altman, Shoham, Analysis of a winning computational billiards player,
    /// IJCAI 2009).
    Expert,
    /// Three times that. No study says so; it is a measure to compare shots by.
    #[default]
    Club,
    /// Eight times that; the same holds.
    Beginner,
}

impl Skill {
    /// All of them, the surest first.
    pub const ALL: [Self; 3] = [Self::Expert, Self::Club, Self::Beginner];

    /// The word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expert => "expert",
            Self::Club => "club",
            Self::Beginner => "beginner",
        }
    }

    /// The spread of such a player's strokes.
    #[must_use]
    pub fn spread(self) -> InputSpread {
        let times = match self {
            Self::Expert => 1.0,
            Self::Club => 3.0,
            Self::Beginner => 8.0,
        };
        InputSpread {
            direction: times * 0.125_f64.to_radians(),
            tip_offset: times * 0.0175,
            speed_share: times * 0.04,
            position_m: 0.0,
        }
    }
}

/// What lies on the table, and what may be played.
#[derive(Clone, Copy, Debug)]
pub struct Lie<'a> {
    /// All balls, at rest.
    pub balls: &'a [BallState],
    /// The cue ball among them.
    pub cue_ball: BallIndex,
    /// The balls that may be met first and pocketed.
    pub targets: &'a [BallIndex],
}

/// A shot worth playing.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// How.
    pub kind: ShotKind,
    /// The ball to be pocketed.
    pub ball: BallIndex,
    /// The ball that is met first; another than `ball` in a combination.
    pub first: BallIndex,
    /// Where it goes.
    pub pocket: PocketId,
    /// The stroke.
    pub strike: CueStrike,
    /// Share of [`ROLLOUTS`] strokes of this player in which `first` is met first, `ball` goes into `pocket` and
    /// the cue ball into none.
    pub success: f64,
    /// Share in which the cue ball is pocketed.
    pub scratch: f64,
    /// Mean place where the cue ball stops after a success, metres.
    pub rest_m: Vec2,
    /// Its standard deviation along x and y, metres.
    pub rest_spread_m: Vec2,
}

/// Strokes played for each suggestion.
pub const ROLLOUTS: usize = 300;
/// So well a share is known by them: one standard error of a half.
const KNOWN_TO: f64 = 0.03;
/// Speeds of the stick that are tried, m/s: soft, usual, firm.
const SPEEDS_M_S: [f64; 3] = [1.0, 1.8, 3.0];
/// Any seed does; the same lie gives the same suggestions.
const SEED: u64 = 1;

/// A line with the aim that does best on it.
#[derive(Clone, Copy, Debug)]
struct Tuned {
    line: Line,
    strike: CueStrike,
    /// Width of the aims that work, radians.
    window: f64,
}

impl Suggester {
    /// For shots on this table.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        Self {
            table: table.clone(),
            geometry: Geometry::of(table),
            simulator: Simulator::new(table),
        }
    }

    /// The best shots, the surest first, at most so many. None on a table without pockets, and where none works.
    pub fn suggest(&mut self, lie: Lie<'_>, skill: Skill, most: usize) -> Vec<Suggestion> {
        let lines = lines::of(&self.table, &self.geometry, lie);
        let mut tuned: Vec<Tuned> = Vec::new();
        for line in lines {
            for speed in SPEEDS_M_S {
                tuned.extend(self.tune(lie, line, speed));
            }
        }
        tuned.sort_by(|a, b| b.window.total_cmp(&a.window));
        // The width of the window says most of what the rollouts will; a few more are judged than are wanted.
        tuned.truncate(4 * most);
        let mut found: Vec<Suggestion> = tuned.into_iter().map(|t| self.judge(lie, t, skill)).collect();
        // What differs by less than is known of it counts as equal; then the simpler shot is the better one.
        let rank = |s: &Suggestion| (-(s.success / KNOWN_TO).round() as i32, s.kind);
        found.sort_by(|a, b| rank(a).cmp(&rank(b)).then(b.success.total_cmp(&a.success)));
        let mut told: Vec<Suggestion> = Vec::new();
        for shot in found {
            // The same shot at another speed is no other suggestion.
            let same = |t: &Suggestion| {
                (t.kind, t.ball, t.first, t.pocket) == (shot.kind, shot.ball, shot.first, shot.pocket)
            };
            if shot.success > 0.0 && !told.iter().any(same) {
                told.push(shot);
            }
        }
        told.truncate(most);
        told
    }

    /// Tries aims beside a line; the middle of the widest row of those that work.
    fn tune(&mut self, lie: Lie<'_>, line: Line, stick_speed_m_s: f64) -> Option<Tuned> {
        let strike = |offset: f64| CueStrike {
            stick_speed_m_s,
            direction: line.direction + offset,
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        };
        let (mut row, mut widest): (Option<f64>, Option<(f64, f64)>) = (None, None);
        for step in -line.steps..=line.steps {
            let offset = f64::from(step) * line.step;
            let shot = self
                .simulator
                .play(lie.balls, Some((lie.cue_ball, strike(offset))));
            if !line.done_by(shot, lie.cue_ball) {
                row = None;
                continue;
            }
            let from = *row.get_or_insert(offset);
            if widest.is_none_or(|(a, b)| offset - from > b - a) {
                widest = Some((from, offset));
            }
        }
        widest.map(|(from, to)| Tuned {
            line,
            strike: strike(0.5 * (from + to)),
            window: to - from + line.step,
        })
    }

    /// Plays it as this player would, many times.
    fn judge(&mut self, lie: Lie<'_>, tuned: Tuned, skill: Skill) -> Suggestion {
        let Tuned { line, strike, .. } = tuned;
        let (mut done, mut scratched) = (0_u32, 0_u32);
        let (mut sum, mut square) = (Vec2::ZERO, Vec2::ZERO);
        let shot = (lie.cue_ball, strike);
        replay(
            &mut self.simulator,
            lie.balls,
            shot,
            &skill.spread(),
            ROLLOUTS,
            SEED,
            |shot| {
                scratched += u32::from(shot.pocket_of(lie.cue_ball).is_some());
                if line.done_by(shot, lie.cue_ball) {
                    let rest = shot
                        .paths
                        .get(lie.cue_ball)
                        .map_or(Vec2::ZERO, |path| path.end.position);
                    done += 1;
                    sum += rest;
                    square += rest * rest;
                }
            },
        );
        let count = f64::from(done.max(1));
        let rest_m = sum / count;
        let variance = (square / count - rest_m * rest_m).max(Vec2::ZERO);
        Suggestion {
            kind: line.kind,
            ball: line.ball,
            first: line.first,
            pocket: line.pocket,
            strike,
            success: f64::from(done) / ROLLOUTS as f64,
            scratch: f64::from(scratched) / ROLLOUTS as f64,
            rest_m,
            rest_spread_m: Vec2::new(variance.x.sqrt(), variance.y.sqrt()),
        }
    }
}

impl Line {
    /// The shot does what the line promises.
    fn done_by(&self, shot: &Prediction, cue_ball: BallIndex) -> bool {
        let met = shot.events.iter().find_map(|event| match event.kind {
            EventKind::BallBall(a, b) if a == cue_ball => Some(b),
            EventKind::BallBall(a, b) if b == cue_ball => Some(a),
            _ => None,
        });
        met == Some(self.first)
            && shot.pocket_of(self.ball) == Some(self.pocket)
            && shot.pocket_of(cue_ball).is_none()
            && !shot.truncated
    }
}
