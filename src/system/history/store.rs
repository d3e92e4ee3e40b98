//! The history file: three tables of rows, one a second, a minute, an hour.
//!
//! Minutes are made of the stored seconds and hours of the stored minutes, so that a restart, however
//! sudden, leaves nothing out and counts nothing twice.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, params};

use super::clock::ClockWatch;
use super::row::{Stat, Stats, decode, encode, merge};
use crate::system::metrics::{Metric, Sample};

/// One of the three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    pub table: &'static str,
    /// Seconds that one row stands for.
    pub period_s: i64,
    /// Seconds for which rows are kept.
    pub keep_s: i64,
}

/// Finest first.
pub(super) const TIERS: [Tier; 3] = [SECOND, MINUTE, HOUR];
pub(super) const SECOND: Tier = Tier {
    table: "second",
    period_s: 1,
    keep_s: 86_400,
};
pub(super) const MINUTE: Tier = Tier {
    table: "minute",
    period_s: 60,
    keep_s: 90 * 86_400,
};
pub(super) const HOUR: Tier = Tier {
    table: "hour",
    period_s: 3600,
    keep_s: 730 * 86_400,
};

/// Version of the schema, in `user_version`.
const SCHEMA: i64 = 1;
/// Rows deleted in one go.
const SWEEP: i64 = 4000;
/// While nothing may be deleted the file grows; beyond this it is set aside, bytes. In order it stays
/// well below.
const MOST_BYTES: i64 = 200_000_000;
/// How long to wait for somebody else who holds the file.
const BUSY: Duration = Duration::from_secs(2);

/// Why something could not be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The file is not what it should be; it has to go out of the way.
    SetAside { suffix: &'static str, why: String },
    /// Not now, but maybe later. `reopen`: the connection is of no more use.
    NotNow { why: String, reopen: bool },
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::NotNow {
                why: "the disk is full".to_owned(),
                reopen: false,
            },
            Some(ErrorCode::ReadOnly | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::NotNow { why, reopen: false }
            }
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted,
            ) => Self::NotNow { why, reopen: true },
            // Damage shows in many ways: a missing table, a key that is there twice, a text for a number.
            _ => Self::SetAside {
                suffix: "corrupt",
                why,
            },
        }
    }
}

/// An open history file.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    /// The code of each metric of the catalogue in this file.
    codes: Vec<usize>,
    clock: ClockWatch,
    /// Newest row of seconds, Unix seconds.
    newest: Option<i64>,
    /// Why nothing is deleted at the moment.
    pub(super) not_swept: Option<&'static str>,
}

impl Store {
    /// Opens the file, or begins a new one; its folder is made where there is none.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Trouble::NotNow {
                why: format!("can't make {}: {error}", folder.display()),
                reopen: true,
            })?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > SCHEMA {
            return Err(Trouble::SetAside {
                suffix: "newer",
                why: format!("it was written by a newer version of the program (schema {version})"),
            });
        }
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update_and_check(None, "journal_size_limit", 4_194_304, |_| Ok(()))?;
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(Trouble::SetAside {
                suffix: "corrupt",
                why: check,
            });
        }
        let transaction = connection.transaction()?;
        if version == 0 {
            create(&transaction)?;
        }
        let codes = codes(&transaction)?;
        let newest = newest(&transaction, SECOND)?;
        catch_up(&transaction)?;
        transaction.commit()?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            codes,
            clock: ClockWatch::default(),
            newest,
            not_swept: None,
        })
    }

    /// Writes samples with their wall time (Unix seconds), all or none, and rolls up and deletes what
    /// is due. `monotonic_s` is now.
    pub fn write(&mut self, rows: &[(i64, Sample)], monotonic_s: f64) -> Result<(), Trouble> {
        let Some((wall, _)) = rows.last() else {
            return Ok(());
        };
        let swept = self.clock.check(*wall, monotonic_s, self.newest);
        self.not_swept = swept.err();
        let transaction = self.connection.transaction()?;
        let mut newest = self.newest;
        let mut last = newest;
        for (wall, sample) in rows {
            if let Some(last) = last.filter(|last| last.div_euclid(60) != wall.div_euclid(60)) {
                roll_up(&transaction, SECOND, MINUTE, last)?;
                if last.div_euclid(3600) != wall.div_euclid(3600) {
                    roll_up(&transaction, MINUTE, HOUR, last)?;
                }
                if swept.is_ok() {
                    sweep(&transaction, *wall)?;
                }
            }
            let mut stats: Stats = Vec::new();
            for ((_, value), code) in sample.iter().zip(&self.codes) {
                if stats.len() <= *code {
                    stats.resize(*code + 1, None);
                }
                if let Some(slot) = stats.get_mut(*code) {
                    *slot = value.map(Stat::one);
                }
            }
            put(&transaction, SECOND, *wall, &stats)?;
            last = Some(*wall);
            newest = newest.max(last);
        }
        transaction.commit()?;
        self.newest = newest;
        if let Some(why) = self
            .not_swept
            .filter(|_| self.bytes().is_ok_and(|bytes| bytes > MOST_BYTES))
        {
            return Err(Trouble::SetAside {
                suffix: "full",
                why: format!("{why}, so that nothing old is deleted, and it has grown too large"),
            });
        }
        Ok(())
    }

    /// Size of the file without its write-ahead log.
    pub fn bytes(&self) -> rusqlite::Result<i64> {
        let of = |pragma| {
            self.connection
                .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
        };
        Ok(of("page_count")?.saturating_mul(of("page_size")?))
    }

    /// The file is no longer where it was opened.
    pub fn is_gone(&self) -> bool {
        !self.path.exists()
    }

    /// Brings everything from the write-ahead log into the file.
    pub fn checkpoint(&self) -> Result<(), Trouble> {
        Ok(self
            .connection
            .pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))?)
    }
}

fn create(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("CREATE TABLE metric (code INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);")?;
    for Tier { table, .. } in TIERS {
        transaction.execute_batch(&format!(
            "CREATE TABLE {table} (t INTEGER PRIMARY KEY, v BLOB NOT NULL);"
        ))?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA)
}

/// The code of each metric; one that is new to the file gets the next.
fn codes(transaction: &Transaction<'_>) -> Result<Vec<usize>, Trouble> {
    let mut codes = Vec::with_capacity(Metric::COUNT);
    for metric in Metric::ALL {
        let known = code_of(transaction, metric)?;
        codes.push(if let Some(code) = known {
            code
        } else {
            let next = "INSERT INTO metric SELECT coalesce(max(code) + 1, 0), ?1 FROM metric RETURNING code";
            usize::from(transaction.query_row(next, [metric.id()], |row| row.get::<_, u16>(0))?)
        });
    }
    match codes.iter().find(|code| **code >= super::row::MOST_CODES) {
        Some(code) => Err(Trouble::SetAside {
            suffix: "corrupt",
            why: format!("a metric has the code {code}"),
        }),
        None => Ok(codes),
    }
}

/// The code of a metric in this file; `None` when it was never recorded there.
pub(super) fn code_of(connection: &Connection, metric: Metric) -> rusqlite::Result<Option<usize>> {
    let find = "SELECT code FROM metric WHERE id = ?1";
    connection
        .query_row(find, [metric.id()], |row| Ok(usize::from(row.get::<_, u16>(0)?)))
        .optional()
}

/// Time of the newest row of a tier, Unix seconds.
pub(super) fn newest(connection: &Connection, tier: Tier) -> rusqlite::Result<Option<i64>> {
    connection.query_row(&format!("SELECT max(t) FROM {}", tier.table), [], |row| {
        row.get(0)
    })
}

/// Time of the oldest row of a tier, Unix seconds.
pub(super) fn oldest(connection: &Connection, tier: Tier) -> rusqlite::Result<Option<i64>> {
    connection.query_row(&format!("SELECT min(t) FROM {}", tier.table), [], |row| {
        row.get(0)
    })
}

fn put(transaction: &Transaction<'_>, tier: Tier, t: i64, stats: &Stats) -> rusqlite::Result<()> {
    let put = format!("INSERT OR REPLACE INTO {} VALUES (?1, ?2)", tier.table);
    transaction
        .prepare(&put)?
        .execute(params![t, encode(stats, tier == SECOND)])?;
    Ok(())
}

/// Makes the row of the coarser tier that `t` lies in out of the rows of the finer one.
fn roll_up(transaction: &Transaction<'_>, from: Tier, to: Tier, t: i64) -> rusqlite::Result<()> {
    let start = t.div_euclid(to.period_s) * to.period_s;
    let mut stats = Stats::new();
    {
        let select = format!("SELECT v FROM {} WHERE t >= ?1 AND t < ?2", from.table);
        let mut select = transaction.prepare(&select)?;
        let mut rows = select.query([start, start + to.period_s])?;
        while let Some(row) = rows.next()? {
            if let Some(row) = row
                .get_ref(0)?
                .as_blob()
                .ok()
                .and_then(|v| decode(v, from == SECOND))
            {
                merge(&mut stats, &row);
            }
        }
    }
    if stats.iter().any(Option::is_some) {
        put(transaction, to, start, &stats)?;
    }
    Ok(())
}

/// Rolls up what a former run has left: all but the minute and hour of the newest second.
fn catch_up(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for (from, to) in [(SECOND, MINUTE), (MINUTE, HOUR)] {
        let Some(end) = newest(transaction, SECOND)? else {
            return Ok(());
        };
        let end = end.div_euclid(to.period_s) * to.period_s;
        let mut t = newest(transaction, to)?.unwrap_or(i64::MIN);
        let next = format!("SELECT min(t) FROM {} WHERE t >= ?1 AND t < ?2", from.table);
        while let Some(found) = transaction.query_row(&next, [t, end], |row| row.get::<_, Option<i64>>(0))? {
            roll_up(transaction, from, to, found)?;
            t = (found.div_euclid(to.period_s) + 1) * to.period_s;
        }
    }
    Ok(())
}

/// Deletes what is too old at `now`, Unix seconds.
fn sweep(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    for Tier { table, keep_s, .. } in TIERS {
        let old = format!(
            "DELETE FROM {table} WHERE t IN (SELECT t FROM {table} WHERE t < ?1 ORDER BY t LIMIT {SWEEP})"
        );
        transaction.execute(&old, [now - keep_s])?;
    }
    Ok(())
}

#[cfg(test)]
impl Store {
    /// Fills a tier with rows in which every metric varies.
    pub fn fill_for_test(&mut self, tier: Tier, start: i64, rows: i64, rng: &mut fastrand::Rng) {
        let transaction = self.connection.transaction().unwrap();
        for row in 0..rows {
            let stats: Stats = (0..Metric::COUNT)
                .map(|_| {
                    Some(Stat {
                        min: rng.f64(),
                        avg: rng.f64() + 1.0,
                        max: rng.f64() + 2.0,
                        count: 60,
                    })
                })
                .collect();
            put(&transaction, tier, start + row * tier.period_s, &stats).unwrap();
        }
        transaction.commit().unwrap();
    }
}
