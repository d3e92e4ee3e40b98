//! What happens on the table, kept until somebody asks.

use crate::table::BallKind;
use crate::vision::observation::{TrueEvent, TrueHappening};

/// What has happened and was not told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Happenings {
    /// With its time on the play's clock, seconds.
    noted: Vec<(f64, TrueHappening, f64)>,
    /// Which ball is which number.
    set: Vec<(BallKind, u32)>,
}

/// Most that is kept: a break is a few hundred.
const MOST: usize = 4096;

impl Happenings {
    /// Balls of a new rack with their numbers.
    pub(super) fn number(&mut self, set: impl Iterator<Item = (BallKind, u32)>) {
        self.set.clear();
        self.set.extend(set);
    }

    /// The number of a ball of which there is one, when it is put back.
    pub(super) fn id_of(&self, kind: BallKind) -> u32 {
        let known = self.set.iter().find(|(k, _)| *k == kind);
        known.map_or(u32::MAX, |(_, id)| *id)
    }

    /// Notes what happened at `when_s` and by how much it changed a velocity, m/s.
    pub(super) fn note(&mut self, when_s: f64, what: TrueHappening, change_m_s: f64) {
        if self.noted.len() < MOST {
            self.noted.push((when_s, what, change_m_s));
        }
    }

    /// All that happened until `now_s`, in order of time; it is told once.
    pub(super) fn take(&mut self, now_s: f64) -> Vec<TrueEvent> {
        let mut told = Vec::new();
        self.noted.retain(|&(when_s, what, change_m_s)| {
            if when_s <= now_s {
                told.push(TrueEvent {
                    ago_s: now_s - when_s,
                    what,
                    change_m_s,
                });
            }
            when_s > now_s
        });
        told.sort_by(|a, b| b.ago_s.total_cmp(&a.ago_s));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_once_and_not_before_its_time() {
        let mut happenings = Happenings::default();
        happenings.note(1.0, TrueHappening::Cushion(3), 0.5);
        happenings.note(0.5, TrueHappening::Struck(0), 2.0);
        assert!(happenings.take(0.4).is_empty());
        let told = happenings.take(1.1);
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].what, TrueHappening::Struck(0));
        assert!((told[1].ago_s - 0.1).abs() < 1e-12);
        assert!(happenings.take(2.0).is_empty());
        for _ in 0..2 * MOST {
            happenings.note(1.0, TrueHappening::AtRest, 0.0);
        }
        assert_eq!(happenings.take(9.0).len(), MOST);
    }

    #[test]
    fn a_ball_that_is_put_back_has_its_number() {
        let mut happenings = Happenings::default();
        happenings.number([(BallKind::pool(0), 0), (BallKind::pool(9), 1)].into_iter());
        assert_eq!(happenings.id_of(BallKind::pool(9)), 1);
    }
}
