//! How well does the eye see? What it says of pictures, against what is known of them.

pub mod tracking;

use crate::table::Group;
use crate::units::Vec2;
use crate::vision::observation::{BallSeen, Observation};
use crate::vision::track::{TableState, TrackedBall};

/// What is known of one ball in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownBall {
    /// Centre in pixels.
    pub center_px: Vec2,
    /// Place in the table frame, metres, where it is known.
    pub position_m: Option<Vec2>,
    /// Its group, where a person could tell.
    pub group: Option<Group>,
    /// Its number, where a person could tell.
    pub number: Option<u8>,
    /// It moves.
    pub moves: bool,
    /// Its paint is of the cloth's hue.
    pub cloth_coloured: bool,
}

/// What is known of one picture.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Every ball in it.
    pub balls: Vec<KnownBall>,
    /// Places that are neither ball nor free of balls (balls lying in pockets), pixels.
    pub ignore_px: Vec<Vec2>,
    /// Pockets TL TM TR BL BM BR, pixels, where they are known.
    pub pockets_px: [Option<Vec2>; 6],
    /// Radius of the balls, metres, where it is known.
    pub radius_m: Option<f64>,
    /// A ball found further from its centre than this is not found, pixels; at least a share of
    /// its radius is always allowed ([`REACH`]).
    pub reach_px: f64,
}

/// Share of its own radius by which a ball may be off and still be the one.
pub const REACH: f64 = 0.8;

/// One picture, compared.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// For each known ball the one that was found for it, as an index.
    pub found: Vec<Option<usize>>,
    /// Indices of what was found and is no ball.
    pub wrong: Vec<usize>,
}

/// Pairs what was found with what is known, nearest first.
#[must_use]
pub fn compare(known: &Known, seen: &Observation) -> Compared {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (k, ball) in known.balls.iter().enumerate() {
        for (s, found) in seen.balls.iter().enumerate() {
            let off = ball.center_px.distance(found.center_px);
            if off <= known.reach_px.max(REACH * found.radius_px) {
                pairs.push((off, k, s));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut told = Compared {
        found: vec![None; known.balls.len()],
        wrong: Vec::new(),
    };
    let mut used = vec![false; seen.balls.len()];
    for (_, k, s) in pairs {
        if let (Some(slot), Some(used)) = (told.found.get_mut(k), used.get_mut(s))
            && slot.is_none()
            && !*used
        {
            *slot = Some(s);
            *used = true;
        }
    }
    for (s, used) in used.iter().enumerate() {
        let ignored = seen.balls.get(s).is_some_and(|ball| {
            let near = |p: &Vec2| p.distance(ball.center_px) <= 1.5 * ball.radius_px;
            known.ignore_px.iter().any(near)
        });
        if !used && !ignored {
            told.wrong.push(s);
        }
    }
    told
}

/// Sums over pictures of one kind.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Pictures.
    pub pictures: usize,
    /// Balls that are there.
    pub balls: usize,
    /// … and found.
    pub found: usize,
    /// Found, and no ball.
    pub wrong: usize,
    /// Only some balls of the pictures count, so that nothing is false among them.
    pub in_part: bool,
    /// Found balls whose group is known.
    pub groups: usize,
    /// … and told right.
    pub groups_right: usize,
    /// … and told `unknown`.
    pub groups_unknown: usize,
    /// Found balls whose number is known.
    pub numbers: usize,
    /// … and told right.
    pub numbers_right: usize,
    /// Distances of found balls from the truth, pixels.
    pub off_px: Vec<f64>,
    /// The same on the table, millimetres.
    pub off_mm: Vec<f64>,
    /// Errors of the centres, each against its own covariance: squares of standard deviations.
    pub off_sigma2: Vec<f64>,
    /// Pockets that are known.
    pub pockets: usize,
    /// … and told within two percent of the table's length.
    pub pockets_right: usize,
    /// Pictures in which no table was found.
    pub no_table: usize,
    /// Time per picture, milliseconds.
    pub ms: Vec<f64>,
}

impl Tally {
    /// Adds one picture.
    pub fn add(&mut self, known: &Known, seen: &Observation, compared: &Compared) {
        self.pictures += 1;
        self.no_table += usize::from(seen.table.is_none());
        self.wrong += compared.wrong.len();
        self.ms.extend(seen.timing_ms.last().map(|(_, ms)| *ms));
        for (ball, found) in known.balls.iter().zip(&compared.found) {
            self.balls += 1;
            if let Some(found) = found.and_then(|s| seen.balls.get(s)) {
                self.found += 1;
                self.add_ball(ball, found);
                // Where the centre should be by the eyes' own calibration, whose error is not the centre's.
                let at = |radius: f64| seen.table.as_ref()?.camera.on_plane(ball.center_px, radius);
                if let (Some(right), Some(told)) = (known.radius_m.and_then(at), found.position_m) {
                    self.off_sigma2.push(found.covariance_m2.squared(told - right));
                }
            }
        }
        if let Some(table) = &seen.table {
            let [tl, tr, ..] = table.corners_px;
            let [_, _, br, bl] = table.corners_px;
            let length = 0.5 * (tl.distance(tr) + bl.distance(br));
            for (known, told) in known.pockets_px.iter().zip(table.pockets_px) {
                if let Some(known) = known {
                    self.pockets += 1;
                    self.pockets_right += usize::from(known.distance(told) <= 0.02 * length);
                }
            }
        } else {
            self.pockets += known.pockets_px.iter().flatten().count();
        }
    }

    fn add_ball(&mut self, ball: &KnownBall, found: &BallSeen) {
        self.off_px.push(ball.center_px.distance(found.center_px));
        if let (Some(known), Some(told)) = (ball.position_m, found.position_m) {
            self.off_mm.push(1e3 * known.distance(told));
        }
        if let Some(group) = ball.group {
            self.groups += 1;
            self.groups_right += usize::from(found.kind.group == group);
            self.groups_unknown += usize::from(found.kind.group == Group::Unknown);
        }
        if let Some(number) = ball.number.filter(|n| *n > 0) {
            self.numbers += 1;
            let told = found.kind.number.filter(|_| found.kind.group != Group::Unknown);
            self.numbers_right += usize::from(told == Some(number));
        }
    }

    /// How many times as large errors are as their covariances say: 1 is honest. `None` without any.
    #[must_use]
    pub fn error_over_sigma(&self) -> Option<f64> {
        // Half of the squares of two normal numbers are below 2 ln 2.
        quantile(&self.off_sigma2, 0.5).map(|m| (m / (2.0 * std::f64::consts::LN_2)).sqrt())
    }

    /// Share of the balls that were found; `None` where there are none.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.found, self.balls)
    }

    /// False balls as a share of everything called a ball; `None` where nothing was, or where only
    /// some balls count.
    #[must_use]
    pub fn false_share(&self) -> Option<f64> {
        share(self.wrong, self.found + self.wrong).filter(|_| !self.in_part)
    }

    /// Share of known groups told right.
    #[must_use]
    pub fn group_share(&self) -> Option<f64> {
        share(self.groups_right, self.groups)
    }

    /// Share of known numbers told right.
    #[must_use]
    pub fn number_share(&self) -> Option<f64> {
        share(self.numbers_right, self.numbers)
    }
}

/// Balls that have lain still for a while, as the tracker has them.
#[derive(Clone, Debug, Default)]
pub struct Resting {
    /// Balls whose group is known.
    pub groups: usize,
    /// … and told right.
    pub groups_right: usize,
    /// Balls whose number is known.
    pub numbers: usize,
    /// … and told right.
    pub numbers_right: usize,
    /// How far the place of a ball wandered, root mean square, millimetres; one per ball.
    pub jitter_mm: Vec<f64>,
}

impl Resting {
    /// Adds what the tracker said of one table: its places in frames after another, the last with
    /// names. A ball that moves is left out.
    pub fn add(&mut self, known: &Known, states: &[TableState]) {
        let Some(last) = states.last() else { return };
        for ball in known.balls.iter().filter(|b| !b.moves) {
            let near = |state: &TableState| {
                let place = ball.position_m?;
                let apart = |b: &&TrackedBall| b.position_m.distance_squared(place);
                let found = state.balls.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
                found.filter(|b| apart(b) < 0.015 * 0.015).copied()
            };
            let places: Vec<Vec2> = states.iter().filter_map(near).map(|b| b.position_m).collect();
            let Some(told) = near(last).filter(|_| places.len() == states.len()) else {
                continue;
            };
            let mean = places.iter().sum::<Vec2>() / places.len() as f64;
            let square = places.iter().map(|p| p.distance_squared(mean)).sum::<f64>() / places.len() as f64;
            self.jitter_mm.push(1e3 * square.sqrt());
            if let Some(group) = ball.group {
                self.groups += 1;
                self.groups_right += usize::from(told.kind.group == group);
            }
            if let Some(number) = ball.number.filter(|n| *n > 0) {
                self.numbers += 1;
                self.numbers_right += usize::from(told.kind.number == Some(number));
            }
        }
    }

    /// Jitter of all balls, root mean square, millimetres; `None` of none.
    #[must_use]
    pub fn jitter_rms_mm(&self) -> Option<f64> {
        let n = self.jitter_mm.len();
        (n > 0).then(|| (self.jitter_mm.iter().map(|j| j * j).sum::<f64>() / n as f64).sqrt())
    }
}

/// Places of beds, empty or not, against what the eyes say of them: in sight or hidden.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight {
    /// Places where next to nothing of a ball would be seen.
    pub hidden: usize,
    /// … and told so.
    pub hidden_told: usize,
    /// Places where nearly all of a ball would be seen.
    pub open: usize,
    /// … and called hidden.
    pub open_called_hidden: usize,
}

impl Sight {
    /// Adds a place: how much of a ball there would be seen, 0..1, and whether it was called hidden.
    pub fn add(&mut self, visible: f64, called_hidden: bool) {
        if visible < 0.2 {
            self.hidden += 1;
            self.hidden_told += usize::from(called_hidden);
        } else if visible > 0.9 {
            self.open += 1;
            self.open_called_hidden += usize::from(called_hidden);
        }
    }
}

/// A share of a whole; `None` of nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The value below which this share of the numbers lies; `None` of none.
#[must_use]
pub fn quantile(numbers: &[f64], share: f64) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(rank).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::BallKind;
    use crate::units::ImageSize;
    use crate::vision::observation::Covariance;
    use std::time::Instant;

    fn seen(places: &[(f64, f64)]) -> Observation {
        let ball = |&(x, y): &(f64, f64)| BallSeen {
            center_px: Vec2::new(x, y),
            radius_px: 10.0,
            position_m: None,
            covariance_m2: Covariance::round(0.001),
            kind: BallKind::pool(3),
            confidence: 1.0,
            group_confidence: 1.0,
            odds: Default::default(),
            look: Default::default(),
        };
        Observation {
            sequence: 0,
            captured: Instant::now(),
            image: ImageSize::new(100, 100),
            table: None,
            balls: places.iter().map(ball).collect(),
            cues: Vec::new(),
            hidden: Default::default(),
            timing_ms: vec![("total", 1.0)],
            warnings: Vec::new(),
            cloth_srgb: None,
        }
    }

    fn known(places: &[(f64, f64)]) -> Known {
        let ball = |&(x, y): &(f64, f64)| KnownBall {
            center_px: Vec2::new(x, y),
            position_m: None,
            group: Some(Group::Solid),
            number: Some(3),
            moves: false,
            cloth_coloured: false,
        };
        Known {
            balls: places.iter().map(ball).collect(),
            ..Known::default()
        }
    }

    #[test]
    fn each_ball_is_found_once_by_the_nearest() {
        let known = known(&[(10.0, 10.0), (18.0, 10.0), (60.0, 60.0)]);
        let seen = seen(&[(17.0, 10.0), (11.0, 10.0), (90.0, 90.0)]);
        let compared = compare(&known, &seen);
        assert_eq!(compared.found, [Some(1), Some(0), None]);
        assert_eq!(compared.wrong, [2]);
        let mut tally = Tally::default();
        tally.add(&known, &seen, &compared);
        assert_eq!((tally.balls, tally.found, tally.wrong), (3, 2, 1));
        assert_eq!((tally.groups, tally.groups_right, tally.numbers_right), (2, 2, 2));
        assert_eq!(tally.recall(), Some(2.0 / 3.0));
        assert_eq!(quantile(&tally.off_px, 1.0), Some(1.0));
    }

    #[test]
    fn what_lies_in_a_pocket_is_neither_right_nor_wrong() {
        let mut known = known(&[]);
        known.ignore_px.push(Vec2::new(50.0, 50.0));
        let seen = seen(&[(52.0, 50.0)]);
        assert!(compare(&known, &seen).wrong.is_empty());
    }
}
