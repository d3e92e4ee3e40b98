//! Links that somebody puts in the way, programs that hang or are missing, and what is made for the first time.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use super::faults::refused;
use super::*;

#[test]
fn a_link_in_place_of_the_lock_of_backups_is_not_followed() {
    let bench = Bench::new("planted");
    let precious = bench.root.join("precious");
    std::fs::write(&precious, "precious").unwrap();
    std::fs::create_dir(bench.root.join("backups")).unwrap();
    std::os::unix::fs::symlink(&precious, bench.root.join("backups/lock")).unwrap();
    refused(
        Repository::open(&bench.place),
        Cause::System,
        "lock is a link; remove it",
    );
    assert_eq!(bench.read("precious"), "precious");
}

#[test]
fn a_file_that_became_a_link_is_not_read() {
    let bench = Bench::new("swapped");
    bench.write("precious/table.ron", "precious");
    let state = bench.root.join("state");
    let names = ["tokens.ron", "calibration/table.ron"];
    for name in names {
        assert!(tree::open_below(&state, name).is_ok());
    }
    // Both the file and the folder it lies in.
    std::fs::remove_file(state.join("tokens.ron")).unwrap();
    std::os::unix::fs::symlink("../precious/table.ron", state.join("tokens.ron")).unwrap();
    std::fs::remove_dir_all(state.join("calibration")).unwrap();
    std::os::unix::fs::symlink("../precious", state.join("calibration")).unwrap();
    for name in names {
        assert!(
            std::fs::read(state.join(name)).is_ok(),
            "the link leads somewhere"
        );
        assert!(tree::open_below(&state, name).is_err(), "{name}");
    }
}

#[test]
fn a_restic_that_hangs_is_stopped_whether_it_is_silent_or_says_the_same_for_ever() {
    let bench = Bench::new("hangs");
    let program = bench.root.join("hanging");
    for does in [
        "sleep 600",
        // It tells the time, and nothing else.
        "n=0; while sleep 0.05; do n=$((n+1)); \
         echo \"{\\\"message_type\\\":\\\"status\\\",\\\"seconds_elapsed\\\":$n,\\\"bytes_done\\\":5}\"; done",
    ] {
        std::fs::write(&program, format!("#!/bin/sh\n{does}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let repository = bench.open();
        let restic = (repository.restic.clone())
            .called(program.to_str().unwrap())
            .waiting(Duration::from_millis(500));
        refused(restic.run(&["backup"]), Cause::System, "did nothing for 0.5 s");
    }
    // One that goes on is left alone, however long it takes.
    std::fs::write(
        &program,
        "#!/bin/sh\nfor n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; echo \"{\\\"bytes_done\\\":$n}\"; done\n",
    )
    .unwrap();
    let restic = (bench.open().restic.clone())
        .called(program.to_str().unwrap())
        .waiting(Duration::from_millis(1500));
    assert_eq!(restic.run(&["backup"]).unwrap().lines().count(), 10);
}

#[test]
fn without_setpriv_it_is_not_restic_that_is_missed() {
    let bench = Bench::new("setpriv");
    let programs = bench.root.join("programs");
    std::fs::create_dir(&programs).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let restic = std::env::split_paths(&path)
        .map(|folder| folder.join("restic"))
        .find(|program| program.exists())
        .unwrap();
    std::os::unix::fs::symlink(restic, programs.join("restic")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ops::backup::tests::faults::child",
            "--ignored",
            "--nocapture",
        ])
        .env("BENCH", &bench.root)
        .env("DO", "create")
        .env("PATH", &programs)
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stderr);
    assert!(
        says.contains("setpriv is not installed; install the package util-linux"),
        "{says}"
    );
}

#[test]
fn who_only_looks_makes_nothing_and_what_is_prepared_is_enough_for_the_first_backup() {
    let bench = Bench::new("prepare");
    assert!(Repository::find(&bench.place).unwrap().is_none());
    refused(Key::of(&bench.place), Cause::NoKey, "there is no key");
    for folder in ["backups", "secrets"] {
        assert!(!bench.root.join(folder).exists(), "{folder}");
    }
    Repository::prepare(&bench.place).unwrap();
    let key = Key::of(&bench.place).unwrap();
    let found = Repository::find(&bench.place).unwrap().unwrap();
    assert_eq!(found.list().unwrap(), []);
    assert!(bench.root.join("backups/repository/config").exists());
    drop(found);
    // Once more changes nothing, and the first backup makes no other key.
    Repository::prepare(&bench.place).unwrap();
    bench.create();
    assert_eq!(Key::of(&bench.place).unwrap(), key);
    assert_eq!(bench.open().list().unwrap().len(), 1);
}
