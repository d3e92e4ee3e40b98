use std::path::PathBuf;
use std::time::Duration;

use super::store::{HOUR, MINUTE, SECOND, Store, Trouble, newest};
use super::{History, query};
use crate::system::metrics::{Metric, Sample};

const LONG: Duration = Duration::from_secs(60);
/// The begin of an hour.
const START: i64 = 1_800_000_000;

/// A folder of its own, removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("billiards-history-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.sqlite")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// As a program at work would measure: nearly everything, most of it noisy.
fn sample(at_s: f64, rng: &mut fastrand::Rng) -> Sample {
    let mut sample = Sample::new(at_s);
    for metric in Metric::ALL {
        sample.set(metric, rng.f64() * 1000.0);
    }
    sample.set(Metric::VisionRate, at_s);
    sample
}

fn fill(store: &mut Store, from: i64, seconds: i64, rng: &mut fastrand::Rng) {
    let rows: Vec<_> = (from..from + seconds)
        .map(|t| (t, sample((t - START) as f64, rng)))
        .collect();
    for five in rows.chunks(5) {
        store.write(five, (five[0].0 - START) as f64).unwrap();
    }
}

fn count(store: &Store, table: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {table}");
    store.connection.query_row(&count, [], |row| row.get(0)).unwrap()
}

#[test]
fn seconds_minutes_and_hours_say_the_same() {
    let folder = Folder::new("tiers");
    let mut store = Store::open(&folder.file()).unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    let length = 2 * 3600 + 90;
    fill(&mut store, START, length, &mut rng);
    assert_eq!((count(&store, "minute"), count(&store, "hour")), (121, 2));
    for (step, steps) in [(1, length), (60, 122), (100, 73), (3600, 3), (7200, 2)] {
        let points = query(&folder.file(), Metric::VisionRate, START, START + length, step).unwrap();
        assert_eq!(points.len() as i64, steps, "step {step}");
        for point in points {
            let first = (point.t - START) as f64;
            let last = (first + step as f64 - 1.0).min(length as f64 - 1.0);
            if 60 % step == 0 || step % 60 == 0 {
                assert_eq!((point.min, point.max), (first, last), "step {step}");
                assert!(
                    (point.avg - (first + last) / 2.0).abs() < 0.01,
                    "step {step}: {point:?}"
                );
            }
        }
    }
    // A question for too many points gets longer steps; for nothing, nothing.
    let wide = query(&folder.file(), Metric::VisionRate, 0, START * 2, 1).unwrap();
    assert!(!wide.is_empty() && wide.len() < 10);
    assert_eq!(
        query(&folder.file(), Metric::VisionRate, START + 9, START, 1).unwrap(),
        []
    );
    assert!(query(&folder.0.join("none"), Metric::VisionRate, 0, 1, 1).is_err());
}

#[test]
fn a_restart_in_the_middle_leaves_nothing_out_and_counts_nothing_twice() {
    let folder = Folder::new("restart");
    let mut rng = fastrand::Rng::with_seed(5);
    let mut at = START;
    // Dropped without a word, as by a kill, at odd moments of the minute and the hour.
    for length in [37, 100, 3600, 1, 59, 1801, 3000] {
        let mut store = Store::open(&folder.file()).unwrap();
        fill(&mut store, at, length, &mut rng);
        at += length;
    }
    let seconds = query(&folder.file(), Metric::VisionRate, START, at, 1).unwrap();
    assert_eq!(seconds.len() as i64, at - START);
    let store = Store::open(&folder.file()).unwrap();
    assert_eq!(count(&store, "minute"), (at - START) / 60);
    for step in [60, 3600] {
        for point in query(&folder.file(), Metric::VisionRate, START, at, step).unwrap() {
            assert_eq!(point.min, (point.t - START) as f64);
            assert_eq!(point.max, ((point.t - START + step).min(at - START) - 1) as f64);
            assert!((point.avg - (point.min + point.max) / 2.0).abs() < 0.01);
        }
    }
}

#[test]
fn the_thread_keeps_what_it_was_given_and_stops_in_order() {
    let folder = Folder::new("thread");
    let mut rng = fastrand::Rng::with_seed(6);
    let history = History::start(&folder.file()).unwrap();
    for t in 0..50 {
        history.record_at(sample(t as f64, &mut rng), START + t);
    }
    assert!(history.flush(LONG));
    assert_eq!(
        history
            .query(Metric::VisionRate, START, START + 99, 1)
            .unwrap()
            .len(),
        50
    );
    history.record_at(sample(50.0, &mut rng), START + 50);
    let state = history.state();
    assert_eq!((state.written, state.lost, state.trouble), (50, 0, None));
    assert!(history.stop(LONG));
    // The write-ahead log is gone: everything is in the one file.
    assert_eq!(folder.names(), ["history.sqlite"]);
    let again = History::start(&folder.file()).unwrap();
    assert!(again.flush(LONG));
    assert_eq!(
        again
            .query(Metric::VisionRate, START, START + 99, 1)
            .unwrap()
            .len(),
        51
    );
    assert_eq!(
        again
            .query(Metric::ApiFaults, START, START + 99, 1)
            .unwrap()
            .len(),
        51
    );
}

#[test]
fn nothing_is_deleted_while_the_clock_is_wrong() {
    let folder = Folder::new("clock");
    let mut rng = fastrand::Rng::with_seed(7);
    let mut store = Store::open(&folder.file()).unwrap();
    let mut go = |store: &mut Store, wall: i64, monotonic_s: f64| {
        // Two minutes, so that there is a change of minute at which old rows would go.
        for (wall, monotonic_s) in [(wall, monotonic_s), (wall + 60, monotonic_s + 60.0)] {
            store
                .write(&[(wall, sample(0.0, &mut rng))], monotonic_s)
                .unwrap();
        }
    };
    go(&mut store, START, 0.0);
    assert_eq!((count(&store, "second"), store.not_swept), (2, None));
    for wrong in [START + 400 * 86_400, 100_000, START - 10 * 86_400] {
        go(&mut store, wrong, 100.0);
        assert!(store.not_swept.is_some());
    }
    assert_eq!(count(&store, "second"), 8);
    drop(store);
    let mut store = Store::open(&folder.file()).unwrap();
    // The year of the wrong row has come, and the clock has run evenly for more than a day.
    go(&mut store, START + 401 * 86_400, 0.0);
    assert_eq!(count(&store, "second"), 3);
    assert_eq!(count(&store, "minute"), 3, "older than 90 days");
    drop(store);
    // Off for 60 days: watched for a day, then what is old goes.
    let mut store = Store::open(&folder.file()).unwrap();
    go(&mut store, START + 461 * 86_400, 0.0);
    assert!(store.not_swept.is_some());
    go(&mut store, START + 462 * 86_400 + 100, 86_500.0);
    assert_eq!((store.not_swept, count(&store, "second")), (None, 2));
}

#[test]
fn overwritten_pages_never_bring_it_down() {
    let folder = Folder::new("pages");
    let mut rng = fastrand::Rng::with_seed(8);
    let (mut opened, mut moved) = (0, 0);
    let mut store = Store::open(&folder.file()).unwrap();
    fill(&mut store, START, 1000, &mut rng);
    store.checkpoint().unwrap();
    drop(store);
    let whole = std::fs::read(folder.file()).unwrap();
    for seed in 0..50 {
        let folder = Folder::new(&format!("pages-{seed}"));
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut bytes = whole.clone();
        let length = *rng.choice(&[16, 100, 4096]).unwrap();
        let place = if seed < 10 {
            seed as usize
        } else {
            rng.usize(0..bytes.len() - length)
        };
        bytes[place..place + length].fill_with(|| rng.u8(..));
        if seed % 5 == 4 {
            bytes.truncate(rng.usize(0..bytes.len()));
        }
        std::fs::write(folder.file(), &bytes).unwrap();
        let history = History::start(&folder.file()).unwrap();
        for t in 0..70 {
            history.record_at(sample(2000.0, &mut rng), START + 2000 + t);
        }
        assert!(history.flush(LONG), "{seed}: {:?}", history.state());
        for metric in Metric::ALL {
            for step in [1, 60, 3600] {
                for point in history
                    .query(metric, START, START + 3000, step)
                    .unwrap_or_default()
                {
                    // No invented numbers: nothing but what was recorded.
                    assert!(
                        (0.0..=2000.0).contains(&point.min),
                        "{seed}: {metric:?} {point:?}"
                    );
                    assert!(
                        (0.0..=2000.0).contains(&point.max),
                        "{seed}: {metric:?} {point:?}"
                    );
                }
            }
        }
        let new = history
            .query(Metric::VisionRate, START + 2000, START + 2070, 1)
            .unwrap();
        assert_eq!(new.len(), 70, "{seed}: {:?}", history.state());
        match history.state().set_aside {
            Some(told) => {
                moved += 1;
                assert!(told.contains("history.sqlite.corrupt-"), "{told}");
                assert!(
                    folder
                        .names()
                        .iter()
                        .any(|name| name.starts_with("history.sqlite.corrupt-"))
                );
            }
            None => opened += 1,
        }
        assert!(history.stop(LONG));
    }
    eprintln!("of 50 damaged files {opened} opened, {moved} were moved aside");
    assert!(opened > 5 && moved > 5);
}

#[test]
fn no_more_than_two_damaged_files_are_kept() {
    let folder = Folder::new("aside");
    for _ in 0..5 {
        std::fs::write(
            folder.file(),
            "this is no database, and never was one. ".repeat(200),
        )
        .unwrap();
        std::fs::write(folder.0.join("history.sqlite-wal"), "nor is this").unwrap();
        let history = History::start(&folder.file()).unwrap();
        assert!(history.flush(LONG));
        assert!(history.state().set_aside.unwrap().contains("not a database"));
        assert!(history.stop(LONG));
    }
    let names = folder.names();
    let aside = |name: &&String| name.contains("corrupt") && !name.ends_with("-wal");
    assert_eq!(names.iter().filter(aside).count(), 2, "{names:?}");
}

#[test]
fn a_file_of_a_newer_version_is_left_whole() {
    let folder = Folder::new("newer");
    let store = Store::open(&folder.file()).unwrap();
    store.connection.pragma_update(None, "user_version", 2).unwrap();
    drop(store);
    assert!(matches!(
        Store::open(&folder.file()),
        Err(Trouble::SetAside { suffix: "newer", .. })
    ));
    let history = History::start(&folder.file()).unwrap();
    assert!(history.flush(LONG));
    assert!(
        folder
            .names()
            .iter()
            .any(|name| name.starts_with("history.sqlite.newer-"))
    );
    assert!(history.stop(LONG));
}

#[test]
fn a_full_disk_costs_what_comes_meanwhile_and_no_more() {
    let folder = Folder::new("full");
    let mut rng = fastrand::Rng::with_seed(11);
    let mut store = Store::open(&folder.file()).unwrap();
    fill(&mut store, START, 100, &mut rng);
    let pages: i64 = store
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store
        .connection
        .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        .unwrap();
    let batch: Vec<_> = (100..400)
        .map(|t| (START + t, sample(t as f64, &mut rng)))
        .collect();
    let refused = store.write(&batch, 400.0).unwrap_err();
    assert_eq!(
        refused,
        Trouble::NotNow {
            why: "the disk is full".to_owned(),
            reopen: false
        }
    );
    // All or nothing, and once there is room it goes on with the same connection.
    assert_eq!(newest(&store.connection, SECOND).unwrap(), Some(START + 99));
    store
        .connection
        .pragma_update_and_check(None, "max_page_count", 100_000, |_| Ok(()))
        .unwrap();
    store.write(&batch, 400.0).unwrap();
    assert_eq!(count(&store, "second"), 400);
    assert_eq!(newest(&store.connection, MINUTE).unwrap(), Some(START + 300));
    assert_eq!(newest(&store.connection, HOUR).unwrap(), None);
}

#[test]
fn where_nothing_can_be_written_samples_are_counted_until_it_can_be() {
    let folder = Folder::new("nowhere");
    let mut rng = fastrand::Rng::with_seed(12);
    // A file stands where the folder should be.
    let blocked = folder.0.join("state");
    std::fs::write(&blocked, "").unwrap();
    let history = History::start(&blocked.join("history.sqlite")).unwrap();
    for t in 0..500 {
        history.record_at(sample(t as f64, &mut rng), START + t);
        if t % 50 == 0 {
            assert!(!history.flush(LONG));
        }
    }
    assert!(!history.flush(LONG));
    let state = history.state();
    assert_eq!((state.written, state.lost), (0, 380));
    assert!(state.trouble.unwrap().contains("can't make"));
    std::fs::remove_file(&blocked).unwrap();
    assert!(history.flush(LONG));
    let state = history.state();
    assert_eq!((state.written, state.lost, state.trouble), (120, 380, None));
    // The file is taken away while it is open: a new one is begun.
    std::fs::remove_file(blocked.join("history.sqlite")).unwrap();
    history.record_at(sample(0.0, &mut rng), START + 600);
    assert!(history.flush(LONG));
    assert_eq!(
        history
            .query(Metric::VisionRate, START, START + 999, 1)
            .unwrap()
            .len(),
        1
    );
    assert!(history.stop(LONG));
}

/// Ninety days of minutes, without the seconds they would be made of: the size of rows is what counts.
#[test]
fn two_years_fit_into_200_megabytes() {
    let folder = Folder::new("size");
    let mut rng = fastrand::Rng::with_seed(13);
    let mut store = Store::open(&folder.file()).unwrap();
    // Every metric varies in every minute: the largest rows there are.
    let days = 90;
    let mut sizes = Vec::new();
    for (tier, rows) in [
        (SECOND, SECOND.keep_s),
        (MINUTE, days * 1440),
        (HOUR, HOUR.keep_s / 3600),
    ] {
        let before = store.bytes().unwrap();
        store.fill_for_test(tier, START, rows, &mut rng);
        sizes.push((store.bytes().unwrap() - before) as f64 / rows as f64);
    }
    let bytes = store.bytes().unwrap();
    eprintln!(
        "bytes a row: second {:.0}, minute {:.0}, hour {:.0}; all tiers full: {:.1} MB",
        sizes[0],
        sizes[1],
        sizes[2],
        bytes as f64 / 1e6
    );
    assert!(bytes < 200_000_000, "{bytes}");
}

#[test]
fn after_ninety_days_the_file_grows_no_more_than_by_its_hours() {
    let folder = Folder::new("days");
    let mut rng = fastrand::Rng::with_seed(14);
    let mut store = Store::open(&folder.file()).unwrap();
    // A sample every half minute: the same roll-ups and deletions with fewer seconds.
    let mut sizes = Vec::new();
    for day in 0..100 {
        let rows: Vec<_> = (0..2880)
            .map(|i| {
                let t = day * 86_400 + i * 30;
                let mut sample = Sample::new(t as f64);
                for metric in Metric::ALL.into_iter().take(5) {
                    sample.set(metric, rng.f64());
                }
                (START + t, sample)
            })
            .collect();
        for hour in rows.chunks(120) {
            store.write(hour, (hour[0].0 - START) as f64).unwrap();
        }
        sizes.push(store.bytes().unwrap());
    }
    assert_eq!((store.not_swept, count(&store, "hour")), (None, 2399));
    assert!((2880..=2882).contains(&count(&store, "second")));
    assert!((90 * 1440..=90 * 1440 + 2).contains(&count(&store, "minute")));
    eprintln!(
        "five metrics: {:.2} MB after 91 days, {:.2} MB after 100",
        sizes[90] as f64 / 1e6,
        sizes[99] as f64 / 1e6
    );
    // Nine days of hours with five metrics are less than 30 kB; pages are given out whole.
    assert!(sizes[99] - sizes[90] < 100_000, "{sizes:?}");
}
