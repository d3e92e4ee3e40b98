//! The engine against a small reference: the alerting rules of Prometheus, from their documentation.
//!
//! An alert is inactive; pending from the first evaluation at which its expression gives a result;
//! firing once it has done so at every evaluation for `for`; and still firing after that until the
//! expression has given none for `keep_firing_for`. A separate clear threshold is written as
//! `m > limit or (m > clear and ALERTS{alertstate="firing"})`.

use proptest::prelude::*;

use super::super::phase::Phase;
use super::*;
use crate::system::status::Severity;

/// What Prometheus keeps of one alert.
#[derive(Default)]
struct Reference {
    active_at: Option<u64>,
    firing: bool,
    keep_firing_since: Option<u64>,
}

impl Reference {
    fn evaluate(&mut self, result: bool, second: u64, hold: u64, keep: u64) {
        if result {
            self.keep_firing_since = None;
            let active_at = *self.active_at.get_or_insert(second);
            if second - active_at >= hold {
                self.firing = true;
            }
            return;
        }
        if self.firing && keep > 0 {
            let since = *self.keep_firing_since.get_or_insert(second);
            if second - since < keep {
                return;
            }
        }
        *self = Self::default();
    }

    fn state(&self) -> &'static str {
        match (self.active_at, self.firing) {
            (None, _) => "inactive",
            (Some(_), false) => "pending",
            (Some(_), true) => "firing",
        }
    }
}

pub(super) fn state(phase: Phase) -> &'static str {
    match phase {
        Phase::Inactive => "inactive",
        Phase::Pending { .. } => "pending",
        Phase::Firing { .. } => "firing",
    }
}

/// A rule and what is measured, in whole numbers so that both sides compare alike.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) rule: Rule,
    pub(super) values: Vec<Option<f64>>,
}

pub(super) fn case(gaps: bool) -> impl Strategy<Value = Case> {
    let limits = (
        0_i32..3,
        2_i32..8,
        0_i32..5,
        0_i32..3,
        0_u8..6,
        0_u8..6,
        any::<bool>(),
    );
    let walk = prop::collection::vec((-4_i32..=4, 0_u8..10), 90..150);
    (limits, walk).prop_map(move |((which, gap, clear, back, hold, keep, above), walk)| {
        let sign = if above { 1 } else { -1 };
        let number = |n: i32| f64::from(sign * n);
        let rule = Rule {
            name: "r".to_owned(),
            metric: "m".to_owned(),
            compare: if above { Compare::Above } else { Compare::Below },
            warning: (which != 1).then(|| number(10)),
            critical: (which != 0).then(|| number(10 + gap)),
            clear: (back > 0).then(|| number(10 + if which == 1 { gap } else { 0 } - clear)),
            hysteresis_share: 0.0,
            // Short times and long ones.
            for_s: f64::from([0, 1, 2, 3, 7, 20][usize::from(hold)]),
            keep_firing_for_s: f64::from([0, 1, 2, 3, 7, 20][usize::from(keep)]),
            ..Rule::default()
        };
        let mut value = 10;
        let values = walk
            .into_iter()
            .map(|(step, luck)| {
                // Some stretches stay where they are, some jump.
                value = match luck {
                    0..4 => value,
                    4..9 => (value + step).clamp(0, 24),
                    _ => 12 + 2 * step,
                };
                (!gaps || luck != 5).then(|| number(value))
            })
            .collect();
        Case { rule, values }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_engine_makes_the_transitions_of_prometheus(case in case(true)) {
        let mut bench = Bench::new(vec![case.rule.clone()]);
        let mut reference = [Reference::default(), Reference::default()];
        let (hold, keep) = (case.rule.for_s as u64, case.rule.keep_firing_for_s as u64);
        let mut open = 0_usize;
        let mut wanted_changes = 0;
        for (second, value) in (0..).zip(&case.values) {
            bench.second(&[], &|_| *value);
            let levels = [Severity::Warning, Severity::Critical];
            for (alert, level) in reference.iter_mut().zip(levels) {
                // Where nothing is measured, nothing is evaluated.
                let (Some(limit), Some(value)) = (case.rule.limit(level), *value) else { continue };
                let mild = case.rule.warning.or(case.rule.critical).unwrap();
                let clear = limit - (mild - case.rule.clear.unwrap_or(mild));
                let beyond = |limit: f64| match case.rule.compare {
                    Compare::Above => value > limit,
                    Compare::Below => value < limit,
                };
                let result = beyond(limit) || (beyond(clear) && alert.firing);
                alert.evaluate(result, second, hold, keep);
            }
            let ours = bench.board.phases("r").map(state);
            let theirs = [reference[0].state(), reference[1].state()];
            prop_assert_eq!(ours, theirs, "at {} s, value {:?}", second, value);
            // The board shows the worst level that fires, and writes down each change of it.
            let level = theirs.iter().rposition(|s| *s == "firing").map_or(0, |l| l + 1);
            wanted_changes += usize::from(level != open);
            open = level;
            let shown = bench.board.open().first().map_or(0, |a| a.severity as usize + 1);
            prop_assert_eq!(shown, level);
        }
        prop_assert_eq!(bench.changes().len(), wanted_changes);
    }
}
