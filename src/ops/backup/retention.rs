//! Which backups are kept.

use serde::Serialize;

use super::error::{BackupError, Cause};
use super::moment::Moment;
use super::snapshot::{PRE_RESTORE, PRE_UPGRADE, SnapshotInfo};

/// How many are kept, of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The newest.
    pub last: u32,
    /// The newest of an hour, for so many hours in which there are any; the same for the others.
    pub hourly: u32,
    /// Of a day.
    pub daily: u32,
    /// Of a week.
    pub weekly: u32,
    /// Of a month.
    pub monthly: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            last: 3,
            hourly: 24,
            daily: 7,
            weekly: 4,
            monthly: 6,
        }
    }
}

/// Releases to which an upgrade can be taken back: the present one and the one before.
const UPGRADES: usize = 2;
/// How long what was saved before a restore is kept whatever the policy says, seconds.
const PRE_RESTORE_S: i64 = 14 * 86_400;

impl Policy {
    /// It would keep nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last == 0 && self.hourly == 0 && self.daily == 0 && self.weekly == 0 && self.monthly == 0
    }

    /// Which of these moments it keeps, as `restic forget` does; in their order.
    #[must_use]
    pub fn keeps(&self, moments: &[Moment]) -> Vec<bool> {
        let mut order: Vec<usize> = (0..moments.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(moments.get(*at)));
        let of: [(u32, fn(&Moment) -> i64); 4] = [
            (self.hourly, Moment::hour),
            (self.daily, Moment::day),
            (self.weekly, Moment::week),
            (self.monthly, Moment::month),
        ];
        let mut left = of.map(|(count, which)| (count, which, None));
        let mut kept = vec![false; moments.len()];
        for (place, at) in order.into_iter().enumerate() {
            let (Some(moment), Some(keep)) = (moments.get(at), kept.get_mut(at)) else {
                continue;
            };
            *keep = place < self.last as usize;
            for (count, which, last) in &mut left {
                let this = Some(which(moment));
                if *count > 0 && *last != this {
                    *last = this;
                    *count -= 1;
                    *keep = true;
                }
            }
        }
        kept
    }
}

/// What happens to a backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// It stays.
    pub keep: bool,
    /// Why it does.
    pub why: &'static str,
}

/// What happens to each backup. `now_unix_s` is the present, `verified` the last one that was read back whole.
///
/// # Errors
/// [`BackupError`] when the policy would keep nothing.
pub fn judge(
    policy: &Policy,
    snapshots: &[SnapshotInfo],
    now_unix_s: i64,
    verified: Option<&str>,
) -> Result<Vec<Verdict>, BackupError> {
    if policy.is_empty() {
        return Err(BackupError::new(
            Cause::Refused,
            "this policy keeps no backup at all; keep at least one: --keep-last 1",
        ));
    }
    let future = |s: &SnapshotInfo| s.moment.unix_s() > now_unix_s;
    let moments: Vec<Moment> = snapshots.iter().map(|s| s.moment).collect();
    // A clock that was wrong must not use up what the right times are entitled to.
    let past: Vec<Moment> = snapshots
        .iter()
        .filter(|s| !future(s))
        .map(|s| s.moment)
        .collect();
    let mut kept_of_past = policy.keeps(&past).into_iter();
    let mut upgrades: Vec<&SnapshotInfo> = snapshots.iter().filter(|s| s.is_tagged(PRE_UPGRADE)).collect();
    upgrades.sort_by_key(|s| std::cmp::Reverse(s.moment));
    upgrades.truncate(UPGRADES);
    // What was put aside before a restore is nobody's last backup.
    let ordinary = snapshots.iter().filter(|s| !s.is_tagged(PRE_RESTORE));
    let newest = ordinary
        .max_by_key(|s| s.moment)
        .or(snapshots.iter().max_by_key(|s| s.moment));
    let newest = newest.map(|s| s.id.as_str());
    let verdicts = snapshots
        .iter()
        .zip(policy.keeps(&moments))
        .map(|(snapshot, by_policy)| {
            let by_policy = if future(snapshot) {
                by_policy
            } else {
                kept_of_past.next().unwrap_or(true) || by_policy
            };
            let age_s = now_unix_s - snapshot.moment.unix_s();
            let reasons = [
                (snapshot.pinned, "pinned"),
                (upgrades.iter().any(|s| s.id == snapshot.id), "before an upgrade"),
                (
                    snapshot.is_tagged(PRE_RESTORE) && age_s <= PRE_RESTORE_S,
                    "before a restore",
                ),
                (verified == Some(snapshot.id.as_str()), "read back whole"),
                (future(snapshot), "from the future: look at the clock"),
                (by_policy, "by the policy"),
                (newest == Some(snapshot.id.as_str()), "the newest"),
            ];
            let reason = reasons.into_iter().find(|(holds, _)| *holds);
            Verdict {
                keep: reason.is_some(),
                why: reason.map_or("", |(_, why)| why),
            }
        });
    Ok(verdicts.collect())
}
