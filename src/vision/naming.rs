//! Who is who: the odds of each kind of ball, and names for many balls together, each ball of
//! the set once.

use super::analyse::assignment::assign;
use super::observation::BallSeen;
use crate::table::{BallKind, Group};

/// Kinds of ball: pool by number, then what carries none, last what is no ball of any set.
const KINDS: usize = 25;
/// Where the kinds without a number begin.
const PLAIN: usize = 16;
const PLAIN_GROUPS: [Group; 8] = [
    Group::Cue,
    Group::Red,
    Group::Yellow,
    Group::Green,
    Group::Brown,
    Group::Blue,
    Group::Pink,
    Group::Black,
];
/// "None of the set".
const OTHER: usize = KINDS - 1;
/// Reds of a snooker set; every other kind is there once.
const REDS: usize = 15;

/// ln likelihood of any look for something that is no ball of the set: a ball that fits worse is
/// called unknown.
const OTHER_FITS: f64 = -6.2;
/// ln odds against a kind that one look can give at most: looks can deceive.
const SUREST: f64 = 8.0;

/// ln odds of each kind of ball, the likeliest 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds([f32; KINDS]);

impl Default for Odds {
    /// Nothing is known.
    fn default() -> Self {
        Self([0.0; KINDS])
    }
}

impl Odds {
    /// The odds of a look by its ln likelihoods, 0 for a perfect fit. What is not named can't be.
    #[must_use]
    pub fn of_likelihoods(likelihoods: impl IntoIterator<Item = (BallKind, f64)>) -> Self {
        let mut fits = [f64::MIN; KINDS];
        fits[OTHER] = OTHER_FITS;
        for (kind, fit) in likelihoods {
            if let Some(slot) = fits.get_mut(place_of(kind)).filter(|_| fit.is_finite()) {
                *slot = slot.max(fit);
            }
        }
        let best = fits.iter().copied().fold(f64::MIN, f64::max);
        Self(fits.map(|fit| (fit - best).max(-SUREST) as f32))
    }

    /// The odds of a ball of which only a name and its confidence, 0..1, are known.
    #[must_use]
    pub fn of_name(kind: BallKind, confidence: f64) -> Self {
        let sure = if confidence.is_finite() {
            confidence.clamp(0.02, 0.98)
        } else {
            0.02
        };
        let other = 0.5 * (1.0 - sure);
        let fits = (0..KINDS).map(|place| {
            let same = kind_of(place);
            let is_it = same.group == kind.group && (kind.number.is_none() || same.number == kind.number);
            let share = match (is_it, place) {
                (true, _) => sure,
                (_, OTHER) => other,
                _ => other / (KINDS - 1) as f64,
            };
            share.ln()
        });
        let mut odds = [0.0; KINDS];
        for (slot, fit) in odds.iter_mut().zip(fits) {
            *slot = fit;
        }
        let best = odds.iter().copied().fold(f64::MIN, f64::max);
        Self(odds.map(|fit| (fit - best).max(-SUREST) as f32))
    }
}

/// ln odds against the cue ball for a ball inside a rack, where nobody puts it: more than a stripe loses that lies with its
/// white side up.
const NOT_RACKED: f64 = 10.0;

/// The same odds for a ball inside a rack.
pub(crate) fn racked(mut odds: [f64; KINDS]) -> [f64; KINDS] {
    for (place, odds) in odds.iter_mut().enumerate() {
        if kind_of(place).group == Group::Cue {
            *odds -= NOT_RACKED;
        }
    }
    odds
}

/// How likely each kind is, 0..1.
pub(crate) type Shares = [f64; KINDS];

impl Odds {
    /// How well each kind fits a look, the best 1.
    pub(crate) fn weights(&self) -> Shares {
        self.0.map(|odds| f64::from(odds).exp())
    }
}

/// ln of how much likelier a look of these weights is if it is of the ball of these shares than if it is
/// of any ball.
pub(crate) fn alike(shares: &Shares, weights: &Shares) -> f64 {
    let own: f64 = shares
        .iter()
        .zip(weights)
        .map(|(share, weight)| share * weight)
        .sum();
    let any = weights.iter().sum::<f64>() / KINDS as f64;
    (own.max(1e-12) / any.max(1e-12)).ln()
}

/// The place of a kind in [`Odds`].
fn place_of(kind: BallKind) -> usize {
    match kind.number {
        Some(number) if usize::from(number) < PLAIN => usize::from(number),
        _ => PLAIN_GROUPS
            .iter()
            .position(|group| *group == kind.group)
            .map_or(OTHER, |plain| PLAIN + plain),
    }
}

fn kind_of(place: usize) -> BallKind {
    match (u8::try_from(place), place.checked_sub(PLAIN)) {
        (Ok(number), None) => BallKind::pool(number),
        (_, plain) => BallKind {
            group: plain
                .and_then(|p| PLAIN_GROUPS.get(p))
                .copied()
                .unwrap_or(Group::Unknown),
            number: None,
        },
    }
}

/// What speaks for each kind of one ball, summed over looks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evidence {
    /// Of earlier ways up, the likeliest 0.
    settled: [f64; KINDS],
    /// Mean of the looks at its present way up.
    present: [f64; KINDS],
    /// How many looks that are, a blurred one less than one.
    looks: f64,
}

/// Looks at one way up that together count as one more: they differ by noise only.
const SAME_AGAIN: f64 = 30.0;
/// ln odds that all earlier looks together can give: more than a ball can lose by lying with its
/// white side up, less than by the wrong paint.
const SETTLED: f64 = 12.0;

impl Evidence {
    pub(crate) fn new() -> Self {
        Self {
            settled: [0.0; KINDS],
            present: [0.0; KINDS],
            looks: 0.0,
        }
    }

    /// One more look at the same way up; `weight` 0..=1.
    pub(crate) fn look(&mut self, odds: &Odds, weight: f64) {
        if !(weight > 0.0 && weight <= 1.0) {
            return;
        }
        self.looks = (self.looks + weight).min(10.0 * SAME_AGAIN);
        for (mean, new) in self.present.iter_mut().zip(odds.0) {
            *mean += (f64::from(new) - *mean) * weight / self.looks;
        }
    }

    /// The ball has turned: what it shows now is new.
    pub(crate) fn turn(&mut self) {
        self.settled = self.limited(SETTLED);
        self.present = [0.0; KINDS];
        self.looks = 0.0;
    }

    /// It may have been confused with another ball: earlier looks count little.
    pub(crate) fn doubt(&mut self) {
        self.turn();
        self.settled = self.limited(4.0);
    }

    /// ln odds of each kind, the likeliest 0, none below `-most`.
    fn limited(&self, most: f64) -> [f64; KINDS] {
        let counts = self.looks.min(1.0) + ((self.looks - 1.0) / SAME_AGAIN).clamp(0.0, 1.0);
        let mut sums = self.settled;
        for (sum, present) in sums.iter_mut().zip(self.present) {
            *sum += counts * present;
        }
        let best = sums.iter().copied().fold(f64::MIN, f64::max);
        sums.map(|sum| (sum - best).max(-most))
    }

    /// How likely it is each kind.
    pub(crate) fn shares(&self) -> Shares {
        let weights = self.limited(SETTLED).map(f64::exp);
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum.max(1e-12))
    }

    /// ln odds of each kind, the likeliest 0.
    pub(crate) fn odds(&self) -> [f64; KINDS] {
        self.limited(4.0 * SETTLED)
    }
}

/// A name with how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Name {
    /// The kind that fits best when every ball gets one.
    pub(crate) kind: BallKind,
    /// That its group is right, 0..1.
    pub(crate) group_confidence: f64,
    /// That it is this very ball, 0..1.
    pub(crate) confidence: f64,
}

/// Names balls by the odds of single looks; see [`name_jointly`].
pub(crate) fn name_looks(odds: &[Odds]) -> Vec<Name> {
    let rows: Vec<_> = odds.iter().map(|o| o.0.map(f64::from)).collect();
    name_jointly(&rows)
}

/// The names of balls seen in one picture, each with how sure it is, 0..1, that it is this very ball.
#[must_use]
pub fn sure_names(balls: &[BallSeen]) -> Vec<(BallKind, f64)> {
    let odds: Vec<Odds> = balls.iter().map(|ball| ball.odds).collect();
    let names = name_looks(&odds);
    names.iter().map(|name| (name.kind, name.confidence)).collect()
}

/// Names all balls together so that they fit best over all, each ball of the set given once.
/// What fits nothing is [`Group::Unknown`].
///
/// The confidences weigh the answer against those that differ by one ball with another name, or
/// by two that change places: a white ball is sure not to be the cue ball where another surely is.
pub(crate) fn name_jointly(rows: &[[f64; KINDS]]) -> Vec<Name> {
    let at = |row: usize, kind: usize| {
        rows.get(row)
            .and_then(|r| r.get(kind))
            .copied()
            .unwrap_or(f64::MIN)
    };
    let room = |kind: usize| if kind == PLAIN + 1 { REDS } else { 1 };
    // Only kinds that may be given to anyone.
    let columns: Vec<usize> = (0..OTHER)
        .filter(|kind| (0..rows.len()).any(|row| at(row, *kind) >= at(row, OTHER)))
        .flat_map(|kind| std::iter::repeat_n(kind, room(kind)))
        .collect();
    let costs: Vec<Vec<f64>> = (0..rows.len())
        .map(|row| {
            let nothing = (0..rows.len()).map(|_| -at(row, OTHER));
            columns
                .iter()
                .map(|kind| -at(row, *kind))
                .chain(nothing)
                .collect()
        })
        .collect();
    let chosen: Vec<usize> = assign(&costs)
        .iter()
        .map(|column| columns.get(*column).copied().unwrap_or(OTHER))
        .collect();
    // Who holds a kind of which there is no more.
    let holder = |kind: usize| {
        let mut holders = (0..chosen.len()).filter(|row| kind != OTHER && chosen.get(*row) == Some(&kind));
        let first = holders.next();
        first.filter(|_| holders.count() + 1 >= room(kind))
    };
    let holders: [Option<usize>; KINDS] = std::array::from_fn(holder);
    let taken = |kind: usize| holders.get(kind).copied().flatten();
    let best_free: Vec<f64> = (0..rows.len())
        .map(|row| {
            let free = (0..KINDS).filter(|kind| taken(*kind).is_none());
            free.map(|kind| at(row, kind)).fold(f64::MIN, f64::max)
        })
        .collect();
    chosen
        .iter()
        .enumerate()
        .map(|(row, own)| {
            let kind = kind_of(*own);
            let (mut same_group, mut all) = (1.0, 1.0);
            let mut by_group = [0f64; KINDS];
            for other in (0..KINDS).filter(|other| other != own) {
                // What it costs the ball that holds this kind to take another.
                let moved = taken(other)
                    .filter(|holder| *holder != row)
                    .map_or(0.0, |holder| {
                        let next = best_free.get(holder).copied().unwrap_or(f64::MIN);
                        at(holder, other) - next.max(at(holder, *own))
                    });
                let weight = (at(row, other) - at(row, *own) - moved).min(0.0).exp();
                all += weight;
                if let Some(slot) = by_group.get_mut(kind_of(other).group as usize) {
                    *slot = slot.max(weight);
                }
            }
            for (group, weight) in by_group.iter().enumerate() {
                if group != kind.group as usize {
                    same_group += weight;
                }
            }
            Name {
                kind,
                group_confidence: 1.0 / same_group,
                confidence: 1.0 / all,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(number: u8) -> BallKind {
        BallKind::pool(number)
    }

    #[test]
    fn every_kind_has_its_place() {
        for place in 0..OTHER {
            assert_eq!(place_of(kind_of(place)), place);
        }
        assert_eq!(place_of(BallKind::default()), OTHER);
        assert_eq!(kind_of(OTHER), BallKind::default());
        assert_eq!(kind_of(99), BallKind::default());
    }

    #[test]
    fn a_second_white_ball_is_a_stripe_where_the_cue_ball_is_clear() {
        let cue = Odds::of_likelihoods([(pool(0), 0.0), (pool(11), -7.0)]);
        let white_up = Odds::of_likelihoods([(pool(0), -1.0), (pool(11), -3.5), (pool(3), -20.0)]);
        let alone = name_looks(&[white_up]);
        assert_eq!(alone[0].kind, pool(0));
        let names = name_looks(&[white_up, cue]);
        assert_eq!((names[0].kind, names[1].kind), (pool(11), pool(0)));
        assert!(names[0].group_confidence > 0.85, "{names:?}");
    }

    #[test]
    fn fifteen_reds_are_red_and_the_sixteenth_is_not() {
        let red = BallKind {
            group: Group::Red,
            number: None,
        };
        let names = name_looks(&[Odds::of_likelihoods([(red, -0.1)]); 16]);
        assert_eq!(names.iter().filter(|n| n.kind == red).count(), 15);
        assert!(name_looks(&[]).is_empty());
    }

    #[test]
    fn what_fits_nothing_or_everything_is_not_sure() {
        let nothing = Odds::of_likelihoods([(pool(3), -30.0), (pool(4), f64::NAN)]);
        assert_eq!(name_looks(&[nothing])[0].kind, BallKind::default());
        assert!(name_looks(&[Odds::default()])[0].group_confidence < 0.2);
        assert!(name_looks(&[Odds::of_name(pool(3), f64::NAN)])[0].kind.group == Group::Unknown);
    }

    #[test]
    fn looks_at_one_way_up_count_at_most_twice() {
        let mut evidence = Evidence::new();
        for _ in 0..10_000 {
            evidence.look(&Odds::of_likelihoods([(pool(3), 0.0), (pool(7), -2.0)]), 1.0);
        }
        assert!((evidence.odds()[7] + 4.0).abs() < 1e-6);
        evidence.look(&Odds::default(), f64::NAN);
        for _ in 0..100 {
            evidence.turn();
            evidence.look(&Odds::of_likelihoods([(pool(3), 0.0), (pool(7), -2.0)]), 1.0);
        }
        assert!(evidence.odds()[7] >= -SETTLED - 2.0);
    }
}
