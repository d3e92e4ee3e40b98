//! What goes wrong: told on one line, and nothing changed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use crate::config::InstanceLock;

pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, BackupError>, cause: Cause, word: &str) {
    let error = result.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.cause, cause, "{text}");
    assert!(
        text.contains(word) && !text.contains('\n') && text.len() < 600,
        "{text}"
    );
}

fn create(bench: &Bench) -> Result<SnapshotInfo, BackupError> {
    bench.open().create(&CreateOptions::default(), &mut |_| {})
}

#[test]
fn without_restic_the_package_is_named() {
    let bench = Bench::new("missing");
    let mut repository = bench.open();
    repository.restic = repository.restic.called("/nowhere/restic");
    let made = repository.create(&CreateOptions::default(), &mut |_| {});
    refused(made, Cause::Program, "restic is not installed");
    assert!(!bench.root.join("backups/repository").exists());
    let status = BackupStatus::load(&bench.place);
    assert!(!status.backup.last.unwrap().good);
}

#[test]
fn the_key_is_missed_and_a_wrong_one_is_refused() {
    let bench = Bench::new("key");
    bench.create();
    let live = bench.live();
    let key = Key::of(&bench.place).unwrap();
    let file = bench.root.join("secrets/backup.key");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let everything_is_refused = |cause, word| {
        refused(create(&bench), cause, word);
        refused(bench.restore(&RestoreOptions::default()), cause, word);
        refused(bench.open().list(), cause, word);
        refused(bench.open().verify(Depth::All), cause, word);
    };
    std::fs::remove_file(&file).unwrap();
    everything_is_refused(Cause::NoKey, "backup key set");
    refused(Key::of(&bench.place), Cause::NoKey, "there is no key");
    // One that opens nothing is not even kept.
    let other = Key::random().unwrap();
    refused(bench.open().set_key(&other), Cause::WrongKey, "does not open");
    assert!(!file.exists());
    std::fs::write(&file, other.written()).unwrap();
    everything_is_refused(Cause::WrongKey, "does not open the repository");
    std::fs::write(&file, "0000").unwrap();
    everything_is_refused(Cause::WrongKey, "has 4");
    bench
        .open()
        .set_key(&Key::parse(&key.written().to_lowercase()).unwrap())
        .unwrap();
    assert_eq!(bench.open().list().unwrap().len(), 1);
    assert_eq!(bench.live(), live);
}

#[test]
fn half_a_repository_is_told_from_none() {
    let bench = Bench::new("half");
    bench.create();
    let repository = bench.root.join("backups/repository");
    for name in ["config", "keys", "data", "index", "snapshots"] {
        let (from, aside) = (repository.join(name), bench.root.join("aside"));
        std::fs::rename(&from, &aside).unwrap();
        refused(
            create(&bench),
            Cause::HalfRepository,
            &format!("({name} is missing)"),
        );
        refused(
            bench.restore(&RestoreOptions::default()),
            Cause::HalfRepository,
            name,
        );
        std::fs::rename(&aside, &from).unwrap();
    }
    create(&bench).unwrap();
    // All keys are gone.
    for key in files(&repository.join("keys")) {
        std::fs::remove_file(key).unwrap();
    }
    refused(create(&bench), Cause::WrongKey, "does not open");
}

#[test]
fn a_dead_lock_is_taken_away_and_a_living_one_is_respected() {
    let bench = Bench::new("locked");
    bench.create();
    let restic = |arguments: &[&str]| {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "--repo"])
            .arg(bench.root.join("backups/repository"));
        command
            .arg("--password-file")
            .arg(bench.root.join("secrets/backup.key"))
            .args(arguments);
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    // It waits for the end of its input with the lock in its hands.
    let mut other = restic(&["backup", "--stdin"]);
    let locks = bench.root.join("backups/repository/locks");
    let deadline = Instant::now() + Duration::from_secs(60);
    while files(&locks).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    refused(
        bench.open().verify(Depth::Structure),
        Cause::Locked,
        "another program works on",
    );
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(files(&locks).len(), 1, "it left its lock");
    bench.open().verify(Depth::Structure).unwrap();
    assert_eq!(files(&locks).len(), 0);
}

#[test]
fn a_trainer_that_runs_is_not_pulled_the_floor_from_under() {
    let bench = Bench::new("running");
    bench.create();
    bench.write("state/tokens.ron", "new");
    let trainer = InstanceLock::take(&bench.root.join("state")).unwrap();
    refused(
        bench.restore(&RestoreOptions::default()),
        Cause::Busy,
        "a trainer runs on",
    );
    refused(
        bench.open().restore_exact("latest", &Part::DATA, &mut |_| {}),
        Cause::Busy,
        "systemctl stop",
    );
    let dry = RestoreOptions {
        dry_run: true,
        ..RestoreOptions::default()
    };
    assert_eq!(bench.restore(&dry).unwrap().changes.len(), 2);
    // Saving needs no pause, and sees what is in the log of the database.
    let history = rusqlite::Connection::open(bench.root.join("state/history.sqlite")).unwrap();
    history
        .execute("INSERT INTO second VALUES (7, x'00')", [])
        .unwrap();
    assert!(
        bench
            .root
            .join("state/history.sqlite-wal")
            .metadata()
            .unwrap()
            .len()
            > 0
    );
    bench.create();
    drop((history, trainer));
    std::fs::remove_file(bench.root.join("state/history.sqlite")).unwrap();
    bench.restore(&RestoreOptions::default()).unwrap();
    assert_eq!(bench.history(), [1, 7]);
    assert_eq!(bench.read("state/tokens.ron"), "new");
}

#[test]
fn a_damaged_database_is_not_saved_as_if_it_were_whole() {
    let bench = Bench::new("database");
    for t in 2..2000 {
        if t % 500 == 0 {
            bench.add_history(t);
        }
    }
    bench.create();
    let file = bench.root.join("state/history.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2000].fill(0xA5);
    std::fs::write(&file, &bytes).unwrap();
    refused(create(&bench), Cause::Damaged, "history.sqlite");
    assert_eq!(bench.open().list().unwrap().len(), 1);
    // A restore saves it as it is, and brings the whole one.
    let done = bench.restore(&parts(&[Part::History])).unwrap();
    assert!(done.saved_before.is_some());
    assert_eq!(bench.history(), [1, 500, 1000, 1500]);
}

#[test]
fn settings_that_this_version_can_not_use_are_not_put_in_place() {
    let bench = Bench::new("settings");
    bench.write("config/site.ron", "(api: (prot: 9000))");
    bench.create();
    refused(bench.open().drill("latest", &mut |_| {}), Cause::Refused, "prot");
    bench.write("config/site.ron", "(api: (port: 9001))");
    let live = bench.live();
    refused(bench.restore(&RestoreOptions::default()), Cause::Refused, "prot");
    assert_eq!(bench.live(), live);
    assert!(!bench.root.join(".config.restore").exists());
    // Other parts of it are good, and who has his reasons gets the bytes.
    bench.write("state/tokens.ron", "new");
    bench.restore(&parts(&[Part::Tokens])).unwrap();
    bench
        .open()
        .restore_exact("latest", &[Part::Configuration], &mut |_| {})
        .unwrap();
    assert_eq!(
        bench.read("config/site.ron"),
        "(api: (port: 9000))".replace("port", "prot")
    );
}

#[test]
fn every_damage_to_the_repository_is_found_before_anything_live_changes() {
    let bench = Bench::new("damage");
    bench.create();
    bench.write("state/tokens.ron", "new");
    let live = bench.live();
    let repository = bench.root.join("backups/repository");
    let mut random = fastrand::Rng::with_seed(7);
    for file in files(&repository) {
        let good = std::fs::read(&file).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions();
        let put = |bytes: &[u8]| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::write(&file, bytes).unwrap();
            std::fs::set_permissions(&file, mode.clone()).unwrap();
        };
        let mut flipped = good.clone();
        let at = random.usize(..good.len());
        flipped[at] ^= 1 << random.u8(..8);
        for damaged in [flipped.as_slice(), &good[..good.len() / 2], b""] {
            put(damaged);
            let error = bench.open().verify(Depth::All).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{error}");
            let restored = bench.restore(&RestoreOptions::default());
            let name = file.strip_prefix(&repository).unwrap().display();
            assert!(restored.is_err(), "{name} at {at}: {restored:?}");
            assert_eq!(bench.live(), live, "{name}");
        }
        put(&good);
    }
    bench.open().verify(Depth::All).unwrap();
}

#[test]
fn backups_of_newer_programs_and_of_others_are_refused() {
    let bench = Bench::new("foreign");
    bench.create();
    let live = bench.live();
    let save = |manifest: Option<&str>| {
        let folder = bench.root.join("backups/staging");
        std::fs::create_dir_all(folder.join("state")).unwrap();
        std::fs::write(folder.join("state/tokens.ron"), "foreign").unwrap();
        if let Some(manifest) = manifest {
            std::fs::write(folder.join("MANIFEST.json"), manifest).unwrap();
        }
        let repository = bench.open();
        std::fs::create_dir_all(folder.join("state")).unwrap();
        std::fs::write(folder.join("state/tokens.ron"), "foreign").unwrap();
        if let Some(manifest) = manifest {
            std::fs::write(folder.join("MANIFEST.json"), manifest).unwrap();
        }
        repository
            .restic
            .run(&["backup", folder.to_str().unwrap()])
            .unwrap();
    };
    save(None);
    refused(
        bench.restore(&RestoreOptions::default()),
        Cause::Damaged,
        "no manifest",
    );
    save(Some(r#"{"format": 2, "program": "9.0.0"}"#));
    refused(bench.restore(&RestoreOptions::default()), Cause::Newer, "9.0.0");
    save(Some(
        r#"{"format": 1, "program": "0.1.0", "made": "", "kind": "data", "files": []}"#,
    ));
    refused(
        bench.restore(&RestoreOptions::default()),
        Cause::Damaged,
        "state/tokens.ron is not in its manifest",
    );
    assert_eq!(bench.live(), live);
}

/// The archive that the child restores.
pub(super) fn bench_archive(place: &Installation) -> PathBuf {
    place.root().join("x.tar.zst")
}

/// Everything, as it was saved.
pub(super) fn exact() -> RestoreOptions {
    RestoreOptions {
        check_settings: false,
        save_before: false,
        ..RestoreOptions::default()
    }
}

/// Runs in a process of its own, which is killed at a step: what `killed_at_any_step…` starts.
#[test]
#[ignore = "a part of another test"]
fn child() {
    let root = std::env::var_os("BENCH").unwrap();
    let repository = match Repository::open(&Installation::at(root)) {
        Ok(repository) => repository,
        Err(error) => panic!("{error}"),
    };
    match std::env::var("DO").unwrap().as_str() {
        "create" => drop(repository.create(&CreateOptions::default(), &mut |_| {}).unwrap()),
        "archive" => {
            let (file, options) = (bench_archive(&repository.layout.place), exact());
            drop(
                repository
                    .restore(Source::Archive(&file), &options, &mut |_| {})
                    .unwrap(),
            );
        }
        "undo" => drop(
            repository
                .restore(Source::Undo, &RestoreOptions::default(), &mut |_| {})
                .unwrap(),
        ),
        _ => drop(
            repository
                .restore_exact("latest", &Part::DATA, &mut |_| {})
                .unwrap(),
        ),
    }
}

/// Whether the child was killed before it had ended.
pub(super) fn killed(bench: &Bench, does: &str, at: u64) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let status = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ops::backup::tests::faults::child",
            "--ignored",
            "--quiet",
        ])
        .env("BENCH", &bench.root)
        .env("DO", does)
        .env("BILLIARDS_BACKUP_DIES_AT", at.to_string())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(
        status.success() || status.signal() == Some(9),
        "{does} at {at}: {status}"
    );
    !status.success()
}

#[test]
fn killed_at_any_step_a_restore_leaves_old_or_new_and_the_next_command_finishes_it() {
    let bench = Bench::new("killed");
    bench.create();
    bench
        .open()
        .restore_exact("latest", &Part::DATA, &mut |_| {})
        .unwrap();
    let area = |name: &str| -> Vec<(String, String)> {
        bench
            .live()
            .into_iter()
            .filter(|(path, _)| path.starts_with(name))
            .collect()
    };
    let new = [area("config"), area("state")];
    let mut ends = std::collections::BTreeSet::new();
    // The first step that nobody reaches is the end.
    for at in 1.. {
        bench.write("config/site.ron", "(api: (port: 9002))");
        bench.write("state/tokens.ron", "changed");
        bench.write("state/one-more.ron", "one more");
        let old = [area("config"), area("state")];
        let was_killed = killed(&bench, "restore", at);
        // Each folder is whole, one or the other.
        let now = [area("config"), area("state")].map(|files| {
            files
                .into_iter()
                .filter(|(path, _)| !path.ends_with(swap::MARK))
                .collect::<Vec<_>>()
        });
        let is: Vec<_> = (0..2).map(|i| (now[i] == old[i], now[i] == new[i])).collect();
        assert!(
            is.iter().all(|(old, new)| old ^ new),
            "step {at}: {is:?} {:?}",
            bench.live().keys()
        );
        let is_new = now[0] == new[0];
        let journal = bench.root.join("backups/restore.json").exists();
        // The next command, whatever it is, leaves all of the one or all of the other, and nothing beside it.
        let repository = bench.open();
        let after = [area("config"), area("state")];
        assert!(after == old || after == new, "step {at}");
        assert_eq!(after == new, journal || is_new, "step {at}");
        for left in [
            ".config.restore",
            ".state.restore",
            "backups/fetched",
            "backups/restore.json",
        ] {
            assert!(!bench.root.join(left).exists(), "step {at}: {left}");
        }
        ends.insert((after == new, journal));
        if after == new {
            // What was replaced is still there to go back to.
            repository
                .restore(Source::Undo, &RestoreOptions::default(), &mut |_| {})
                .unwrap();
            assert_eq!([area("config"), area("state")], old, "step {at}");
        }
        drop(repository);
        if !was_killed {
            break;
        }
    }
    assert_eq!(ends.len(), 3, "killed before, in the middle, and after: {ends:?}");
    bench.open().verify(Depth::Structure).unwrap();
}

#[test]
fn killed_at_any_step_a_backup_leaves_all_before_it_whole() {
    let bench = Bench::new("killed-backup");
    let mut made = 0;
    for at in 1.. {
        bench.write("state/tokens.ron", &format!("tokens {at}"));
        let was_killed = killed(&bench, "create", at);
        let repository = bench.open();
        let snapshots = repository.list().or_else(|error| match error.cause {
            // It was killed before it had a key and a repository.
            Cause::NoKey => Ok(Vec::new()),
            _ => Err(error),
        });
        let snapshots = snapshots.unwrap();
        assert!(snapshots.len() >= made, "step {at}");
        made = snapshots.len();
        if made > 0 {
            repository.verify(Depth::Structure).unwrap();
        }
        assert!(!bench.root.join("backups/staging").exists(), "step {at}");
        if !was_killed {
            break;
        }
    }
    assert!(made >= 1);
    bench.open().drill("latest", &mut |_| {}).unwrap();
}
