//! Reading from the history file, beside the thread that writes it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::row::{Stat, decode_one};
use super::store::{HOUR, MINUTE, SECOND, Tier, code_of, newest, oldest};
use crate::system::metrics::Metric;

/// Points that one question can have for an answer.
pub const MOST_POINTS: i64 = 10_000;

/// What is known of a metric in one step of time.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Point {
    /// Begin of the step, Unix seconds.
    pub t: i64,
    /// Smallest value in it.
    pub min: f64,
    /// Mean value.
    pub avg: f64,
    /// Largest value.
    pub max: f64,
}

/// What is recorded of a metric from `from` to `to` (Unix seconds, the end left out) in steps of
/// `step` seconds. Steps of which nothing is known are left out. Where more points than
/// [`MOST_POINTS`] would come, steps are longer.
///
/// Each stretch is read from the coarsest rows that are no longer than a step; what is too old for
/// these from coarser ones, what is too young from finer ones.
///
/// # Errors
/// In words, when the file can't be read.
pub fn query(path: &Path, metric: Metric, from: i64, to: i64, step: i64) -> Result<Vec<Point>, String> {
    read(path, metric, from, to, step).map_err(|error| {
        format!(
            "can't read the history in {}: {error}; it is checked at the next start",
            path.display()
        )
    })
}

fn read(path: &Path, metric: Metric, from: i64, to: i64, step: i64) -> rusqlite::Result<Vec<Point>> {
    let length = to.saturating_sub(from);
    if length <= 0 {
        return Ok(Vec::new());
    }
    let step = step
        .max(1)
        .max(length.saturating_add(MOST_POINTS - 1) / MOST_POINTS);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(500))?;
    // One transaction, so that no row moves from tier to tier while it is read.
    let connection = connection.transaction()?;
    let Some(code) = code_of(&connection, metric)? else {
        return Ok(Vec::new());
    };
    let mut steps = BTreeMap::new();
    for (tier, from, to) in stretches(&connection, from, to, step)? {
        gather(&connection, tier, code, from, to, |t, stat| {
            let t = from_step(t, step);
            let known = steps.get(&t).map_or(stat, |known: &Stat| known.with(stat));
            steps.insert(t, known);
        })?;
    }
    Ok(steps
        .into_iter()
        .map(|(t, stat)| Point {
            t,
            min: stat.min,
            avg: stat.avg,
            max: stat.max,
        })
        .collect())
}

const fn from_step(t: i64, step: i64) -> i64 {
    t.div_euclid(step) * step
}

/// Which tier answers for which stretch of time.
fn stretches(
    connection: &Connection,
    from: i64,
    to: i64,
    step: i64,
) -> rusqlite::Result<[(Tier, i64, i64); 3]> {
    // Where the finer tier begins to answer: at the end of the coarser one, or, where the finer one is
    // wanted, as early as it is whole.
    let border = |finer: Tier, coarser: Tier| -> rusqlite::Result<i64> {
        let end = newest(connection, coarser)?.map_or(i64::MIN, |t| t + coarser.period_s);
        if step >= coarser.period_s {
            return Ok(end);
        }
        let (Some(oldest), Some(before)) = (oldest(connection, finer)?, oldest(connection, coarser)?) else {
            return Ok(end);
        };
        let begin = oldest.div_euclid(coarser.period_s) * coarser.period_s;
        Ok(match before < begin {
            // The coarser row that the finer ones begin in the middle of is the better one.
            true if begin < oldest => end.min(begin + coarser.period_s),
            true => begin,
            false => i64::MIN,
        })
    };
    let seconds = border(SECOND, MINUTE)?.clamp(from, to);
    let minutes = border(MINUTE, HOUR)?.clamp(from, seconds);
    Ok([
        (HOUR, from, minutes),
        (MINUTE, minutes, seconds),
        (SECOND, seconds, to),
    ])
}

fn gather(
    connection: &Connection,
    tier: Tier,
    code: usize,
    from: i64,
    to: i64,
    mut take: impl FnMut(i64, Stat),
) -> rusqlite::Result<()> {
    if from >= to {
        return Ok(());
    }
    let select = format!("SELECT t, v FROM {} WHERE t >= ?1 AND t < ?2", tier.table);
    let mut select = connection.prepare(&select)?;
    let mut rows = select.query([from_step(from, tier.period_s), to])?;
    while let Some(row) = rows.next()? {
        let found = row.get_ref(1)?.as_blob().ok();
        if let Some(stat) = found.and_then(|v| decode_one(v, tier == SECOND, code)) {
            take(row.get(0)?, stat);
        }
    }
    Ok(())
}
