//! Restores that are cut off, undone, or can't be.

use super::faults::{bench_archive, exact, killed, refused};
use super::*;

fn undo(bench: &Bench) -> Result<Restored, BackupError> {
    bench
        .open()
        .restore(Source::Undo, &RestoreOptions::default(), &mut |_| {})
}

fn save(bench: &Bench) {
    let file = bench_archive(&bench.place);
    bench.open().create_file(Kind::Data, &file, &mut |_| {}).unwrap();
}

fn restore(bench: &Bench) -> Result<Restored, BackupError> {
    let file = bench_archive(&bench.place);
    bench
        .open()
        .restore(Source::Archive(&file), &exact(), &mut |_| {})
}

/// Restores the archive, and is killed when the configuration is exchanged and the state is not.
fn cut_between(bench: &Bench) {
    let at = |name: &str| bench.root.join(name);
    for step in 1.. {
        assert!(killed(bench, "archive", step), "it ended before");
        let journal = at("backups/restore.json");
        if journal.exists() && at(".state.restore").join(swap::MARK).exists() {
            if !at(".config.restore").join(swap::MARK).exists() {
                return;
            }
            std::fs::remove_file(journal).unwrap();
        }
        // As it was before.
        drop(bench.open());
    }
}

#[test]
fn what_a_trainer_made_between_a_cut_restore_and_its_end_is_not_lost() {
    let bench = Bench::new("late");
    save(&bench);
    bench.write("config/site.ron", "(api: (port: 9001))");
    bench.write("state/tokens.ron", "before");
    cut_between(&bench);
    assert_eq!(bench.read("config/site.ron"), "(api: (port: 9000))");
    assert_eq!(bench.read("state/tokens.ron"), "before");
    // Days later.
    bench.write("state/recordings/new/late.bin", "late recording");
    bench.write("state/players-2.ron", "late player");
    std::fs::remove_file(bench.root.join("state/tokens.ron")).unwrap();
    bench.write("state/tokens.ron", "late tokens");
    std::fs::remove_file(bench.root.join("state/running")).unwrap();
    assert!(Repository::finish_restore(&bench.place).unwrap());
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    assert_eq!(bench.read("state/recordings/new/late.bin"), "late recording");
    assert!(!bench.root.join("state/running").exists(), "it ended well");
    assert!(
        !bench.root.join("state/players-2.ron").exists(),
        "the backup has no such player"
    );
    undo(&bench).unwrap();
    assert_eq!(bench.read("config/site.ron"), "(api: (port: 9001))");
    assert_eq!(bench.read("state/tokens.ron"), "late tokens");
    assert_eq!(bench.read("state/players-2.ron"), "late player");
    assert_eq!(bench.read("state/recordings/new/late.bin"), "late recording");
}

#[test]
fn what_nobody_replaced_is_not_deleted_and_does_not_hinder_an_undo() {
    let bench = Bench::new("stranger");
    save(&bench);
    bench.write("state/tokens.ron", "before");
    // Killed when all is exchanged and nothing is trimmed: the old folder is still beside.
    for step in 1.. {
        assert!(killed(&bench, "archive", step), "it ended before");
        let beside = bench.root.join(".state.restore");
        if beside.exists() && !beside.join(swap::MARK).exists() {
            std::fs::write(beside.join("stranger.ron"), "stranger").unwrap();
            break;
        }
        let journal = bench.root.join("backups/restore.json");
        if journal.exists() {
            std::fs::remove_file(journal).unwrap();
        }
        drop(bench.open());
    }
    drop(bench.open());
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    assert_eq!(bench.read(".state.undo/stranger.ron"), "stranger");
    assert!(
        !bench.root.join(".state.undo/recordings").exists(),
        "what lives on is not kept twice"
    );
    undo(&bench).unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "before");
}

#[test]
fn a_restore_of_one_folder_is_undone_without_a_touch_of_the_others() {
    let bench = Bench::new("one-folder");
    save(&bench);
    bench.write("state/tokens.ron", "before");
    let before = bench.live();
    let done = restore(&bench).unwrap();
    assert!(
        done.changes
            .iter()
            .all(|change| change.path.starts_with("state/"))
    );
    let undone = undo(&bench).unwrap();
    assert!(
        undone
            .changes
            .iter()
            .all(|change| change.path.starts_with("state/"))
    );
    assert_eq!(bench.live(), before);
}

#[test]
fn folders_that_a_backup_does_not_have_stay() {
    let bench = Bench::new("no-logs");
    save(&bench);
    bench.write("state/tokens.ron", "before");
    let mut all = Part::DATA.to_vec();
    all.extend([Part::Logs, Part::Release]);
    let options = RestoreOptions {
        selection: Some(Selection::Parts(all)),
        ..exact()
    };
    let file = bench_archive(&bench.place);
    bench
        .open()
        .restore(Source::Archive(&file), &options, &mut |_| {})
        .unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    assert_eq!(bench.read("logs/a.log"), "log");
}

#[test]
fn a_mark_that_was_left_behind_does_not_bring_the_old_back() {
    let bench = Bench::new("mark");
    save(&bench);
    let mark = format!("state/{}", swap::MARK);
    bench.write(&mark, "");
    bench.write("state/tokens.ron", "before");
    restore(&bench).unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    bench.write("state/tokens.ron", "before");
    bench.write(&mark, "");
    cut_after_all_exchanges(&bench);
    drop(bench.open());
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    // One that can't be removed ends it, and is told.
    bench.write(&format!("{mark}/in-the-way"), "");
    bench.write("state/tokens.ron", "before");
    refused(restore(&bench), Cause::System, swap::MARK);
    assert_eq!(bench.read("state/tokens.ron"), "before");
}

/// Restores the archive, and is killed in the first moment in which the new state is in its place.
fn cut_after_all_exchanges(bench: &Bench) {
    for step in 1.. {
        assert!(killed(bench, "archive", step), "it ended before");
        if bench.read("state/tokens.ron") == "tokens" {
            return;
        }
        let journal = bench.root.join("backups/restore.json");
        if journal.exists() {
            std::fs::remove_file(journal).unwrap();
        }
        drop(bench.open());
    }
}

#[test]
fn a_restore_that_can_not_exchange_anything_leaves_nothing_behind() {
    let bench = Bench::new("in-vain");
    save(&bench);
    let repository = bench.open();
    let unit = swap::Unit::new("state", bench.root.join("not-there")).unwrap();
    std::fs::create_dir(&unit.new).unwrap();
    std::fs::write(unit.new.join(swap::MARK), "").unwrap();
    let journal = swap::Journal {
        undo: swap::Undo {
            selection: Selection::Parts(Part::DATA.to_vec()),
            manifest: Manifest::default(),
            places: Vec::new(),
        },
        units: vec![unit.clone()],
        current: None,
    };
    swap::commit(&repository.layout, &journal).unwrap();
    let lock = swap::take_instance(&repository.layout).unwrap();
    let finished = swap::finish(&repository.layout, Some(&lock));
    refused(finished, Cause::System, "not-there");
    assert!(!unit.new.exists() && !repository.layout.journal().exists());
    drop((lock, repository));
    bench.write("state/tokens.ron", "before");
    restore(&bench).unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
}

#[test]
fn a_folder_with_a_disk_mounted_on_it_is_told_before_anything_is_written() {
    // Mounted on every Linux.
    let unit = swap::Unit::new("state", "/proc".into()).unwrap();
    refused(unit.check_place(), Cause::Refused, "a disk is mounted there");
    let bench = Bench::new("mounted");
    let unit = swap::Unit::new("state", bench.root.join("state")).unwrap();
    unit.check_place().unwrap();
}

#[test]
fn a_release_comes_from_a_file_only_where_nothing_is_installed() {
    let bench = Bench::new("foreign-release");
    let file = bench_archive(&bench.place);
    bench.open().create_file(Kind::Full, &file, &mut |_| {}).unwrap();
    bench.write("releases/0.1.0/billiards-trainer", "newer program");
    bench.write("state/tokens.ron", "before");
    bench.write("deploy/lock", "");
    let of = |parts: &[Part]| {
        let options = RestoreOptions {
            selection: Some(Selection::Parts(parts.to_vec())),
            ..exact()
        };
        bench
            .open()
            .restore(Source::Archive(&file), &options, &mut |_| {})
    };
    refused(
        of(&[Part::Tokens, Part::Release]),
        Cause::Refused,
        "deploy install --from",
    );
    assert_eq!(bench.read("state/tokens.ron"), "before");
    of(&[Part::Tokens, Part::Logs]).unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    assert_eq!(bench.read("releases/0.1.0/billiards-trainer"), "newer program");
    std::fs::remove_dir_all(bench.root.join("deploy")).unwrap();
    of(&[Part::Release]).unwrap();
    assert_eq!(bench.read("releases/0.1.0/billiards-trainer"), "program");
}
