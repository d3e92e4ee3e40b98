//! Which backups are kept, as restic has it and as we promise it.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::ops::process::Program;

fn snapshot(at: &str, id: &str, tags: &[&str]) -> SnapshotInfo {
    SnapshotInfo {
        id: id.to_owned(),
        at: at.to_owned(),
        kind: Kind::Data,
        files: None,
        bytes: None,
        added_bytes: None,
        pinned: tags.contains(&PINNED),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
        notes: Vec::new(),
        restic_id: id.to_owned(),
        path: String::new(),
        moment: Moment::parse(at).unwrap(),
    }
}

#[test]
fn what_is_promised_to_stay_stays() {
    let one = LAST_ONLY;
    let now = Moment::parse("2026-12-01T12:00:00Z").unwrap().unix_s();
    let all = [
        snapshot("2026-01-01T00:00:00Z", "old", &[]),
        snapshot("2026-01-02T00:00:00Z", "pinned", &[PINNED]),
        snapshot("2026-01-03T00:00:00Z", "upgrade-1", &[PRE_UPGRADE]),
        snapshot("2026-01-04T00:00:00Z", "upgrade-2", &[PRE_UPGRADE]),
        snapshot("2026-01-05T00:00:00Z", "upgrade-3", &[PRE_UPGRADE]),
        snapshot("2026-01-06T00:00:00Z", "verified", &[]),
        snapshot("2026-11-01T00:00:00Z", "restore-old", &[PRE_RESTORE]),
        snapshot("2026-11-30T00:00:00Z", "restore-new", &[PRE_RESTORE]),
        snapshot("2026-11-30T10:00:00Z", "newest", &[]),
        snapshot("2026-12-24T00:00:00Z", "future", &[]),
        snapshot("2027-01-01T00:00:00Z", "far future", &[]),
    ];
    let verdicts = judge(&one, &all, now, Some("verified")).unwrap();
    let goes: Vec<_> = all
        .iter()
        .zip(&verdicts)
        .filter(|(_, v)| !v.keep)
        .map(|(s, _)| s.id.as_str())
        .collect();
    assert_eq!(goes, ["old", "upgrade-1", "restore-old"]);
    // The only one left stays, whatever the policy is.
    let lonely = judge(
        &Policy {
            last: 0,
            hourly: 1,
            ..one
        },
        &all[..1],
        now,
        None,
    )
    .unwrap();
    assert!(lonely[0].keep);
    // What was put aside before a restore does not stand in for the last backup.
    let aside = [
        all[0].clone(),
        all[6].clone(),
        snapshot("2026-11-02T00:00:00Z", "aside", &[PRE_RESTORE]),
    ];
    let kept: Vec<_> = judge(&one, &aside, now, None)
        .unwrap()
        .iter()
        .map(|v| v.keep)
        .collect();
    assert_eq!(kept, [true, false, true]);
    let empty = Policy { last: 0, ..one };
    assert_eq!(judge(&empty, &all, now, None).unwrap_err().cause, Cause::Refused);
}

/// A repository with backups at given times, and what `restic forget` would keep of them.
struct Oracle(PathBuf);

impl Oracle {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("billiards-policy-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("key"), "key").unwrap();
        std::fs::write(folder.join("x"), "x").unwrap();
        let oracle = Self(folder);
        oracle.restic("UTC", &["init"]);
        oracle
    }

    fn restic(&self, zone: &str, arguments: &[&str]) -> String {
        let at = |name: &str| self.0.join(name).display().to_string();
        let zone = format!("TZ={zone}");
        let finished = Program::new("env")
            .args([
                &zone,
                "restic",
                "--no-cache",
                "--json",
                "--repo",
                &at("r"),
                "--password-file",
                &at("key"),
            ])
            .args(arguments)
            .run(Duration::from_secs(600))
            .unwrap();
        assert!(finished.ending.is_good(), "{arguments:?}: {}", finished.ending);
        finished.text()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Seconds since 1970 as `restic backup --time` takes them, in UTC.
fn date(unix_s: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(unix_s).unwrap();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// One repository has many timelines in it: each is a host, and `forget` treats hosts one by one.
#[test]
fn the_policy_keeps_what_restic_keeps() {
    let oracle = Oracle::new();
    let x = oracle.0.join("x").display().to_string();
    let mut runner = TestRunner::deterministic();
    // Ends of summer time (25 October 2026 in Berlin, 1 November in New York), of years and months; dates to come.
    let around = prop_oneof![
        Just(1_792_890_000_i64),
        Just(1_793_512_800),
        Just(1_774_746_000),
        Just(1_798_761_600),
        Just(4_102_444_800),
        1_600_000_000_i64..1_900_000_000,
    ];
    let spread = prop_oneof![
        Just(600_i64),
        Just(7200),
        Just(90_000),
        Just(900_000),
        Just(9_000_000)
    ];
    let times = (around, spread, prop::collection::vec(0.0..1.0_f64, 3..7));
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"];
    // Each backup takes restic half a second: PROPTEST_CASES asks for more.
    let lines = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(6);
    for line in 0..lines {
        let (around, spread, at) = times.new_tree(&mut runner).unwrap().current();
        // The first has every day of ten, so that the border of a week is crossed.
        let ten_days: Vec<f64> = (0..10).map(|day| f64::from(day) / 10.0).collect();
        let (at, spread) = if line == 0 {
            (ten_days, 864_000)
        } else {
            (at, spread)
        };
        for at in at {
            let unix_s = around + ((at - 0.5) * spread as f64) as i64;
            let host = format!("line{line}");
            let zone = zones[line % zones.len()];
            oracle.restic(zone, &["backup", "--time", &date(unix_s), "--host", &host, &x]);
        }
    }
    let listed: Vec<snapshot::Listed> = serde_json::from_str(&oracle.restic("UTC", &["snapshots"])).unwrap();
    let hosts: serde_json::Value = serde_json::from_str(&oracle.restic("UTC", &["snapshots"])).unwrap();
    let all: Vec<(String, SnapshotInfo)> = hosts
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["hostname"].as_str().unwrap().to_owned())
        .zip(listed.into_iter().map(|s| SnapshotInfo::try_from(s).unwrap()))
        .collect();
    let keep = |last, hourly, daily, weekly, monthly| Policy {
        last,
        hourly,
        daily,
        weekly,
        monthly,
    };
    let policies = [
        Policy::default(),
        keep(1, 0, 0, 0, 0),
        keep(0, 2, 0, 0, 0),
        keep(0, 20, 0, 0, 0),
        keep(0, 0, 2, 0, 0),
        keep(0, 0, 20, 0, 0),
        keep(0, 0, 0, 2, 0),
        keep(0, 0, 0, 20, 0),
        keep(0, 0, 0, 0, 2),
        keep(0, 0, 0, 0, 20),
        keep(1, 1, 2, 1, 3),
    ];
    let mut compared = 0;
    let mut removed = 0;
    // The oracle judges all timelines by host, and all of them together as one.
    for (group_by, policy) in ["host", ""]
        .into_iter()
        .flat_map(|g| policies.iter().map(move |p| (g, p)))
    {
        let counts = [
            ("--keep-last", policy.last),
            ("--keep-hourly", policy.hourly),
            ("--keep-daily", policy.daily),
            ("--keep-weekly", policy.weekly),
            ("--keep-monthly", policy.monthly),
        ];
        let mut arguments: Vec<String> = ["forget", "--dry-run", "--group-by", group_by]
            .map(ToOwned::to_owned)
            .to_vec();
        for (flag, count) in counts {
            arguments.extend([flag.to_owned(), count.to_string()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said: serde_json::Value = serde_json::from_str(&oracle.restic("UTC", &arguments)).unwrap();
        for group in said.as_array().unwrap() {
            let ids = |of: &str| -> Vec<String> {
                let some = group[of].as_array().cloned().unwrap_or_default();
                some.iter()
                    .map(|s| s["id"].as_str().unwrap().to_owned())
                    .collect()
            };
            let (kept, gone) = (ids("keep"), ids("remove"));
            let line: Vec<&SnapshotInfo> = all
                .iter()
                .map(|(_, s)| s)
                .filter(|s| kept.contains(&s.id) || gone.contains(&s.id))
                .collect();
            let moments: Vec<Moment> = line.iter().map(|s| s.moment).collect();
            for (snapshot, keep) in line.iter().zip(policy.keeps(&moments)) {
                assert_eq!(keep, kept.contains(&snapshot.id), "{policy:?} {}", snapshot.at);
            }
            compared += 1;
            removed += gone.len();
        }
    }
    assert!(
        compared == (lines + 1) * policies.len() && removed > 50,
        "{compared} timelines, {removed} removed"
    );
}
