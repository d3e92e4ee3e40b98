//! What goes well.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn what_is_destroyed_comes_back_as_it_was_saved() {
    let bench = Bench::new("destroyed");
    let made = bench.create();
    assert_eq!((made.kind, made.files, made.pinned), (Kind::Data, Some(6), false));
    assert!(
        made.notes.iter().any(|note| note.contains("5.0 kB")),
        "{:?}",
        made.notes
    );
    // A live database has no log beside it afterwards that was not there before.
    assert!(!bench.root.join("state/history.sqlite-wal").exists());
    // The first restore brings the saved form of the database, every other one the same bytes.
    bench.restore(&RestoreOptions::default()).unwrap();
    let saved = bench.live();
    for folder in ["config", "state"] {
        std::fs::remove_dir_all(bench.root.join(folder)).unwrap();
    }
    let done = bench.restore(&RestoreOptions::default()).unwrap();
    assert_eq!(done.saved_before, None, "there was nothing to save");
    let mut expected = saved;
    // What is never saved can't come back.
    for path in NEVER_SAVED {
        assert!(expected.remove(path).is_some());
    }
    assert_eq!(bench.live(), expected);
    assert_eq!(bench.history(), [1]);
    let mode = |path: &str| {
        std::fs::metadata(bench.root.join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("state/tokens.ron"), mode("config/site.ron")),
        (0o600, 0o644)
    );
    let status = BackupStatus::load(&bench.place);
    assert!(status.backup.last_good_unix_s.is_some() && status.restore.last_good_unix_s.is_some());
}

#[test]
fn a_restore_says_what_it_changes_changes_that_alone_and_can_be_undone() {
    let bench = Bench::new("undo");
    let made = bench.create();
    bench.write("config/site.ron", "(api: (port: 9001))");
    bench.write("config/more.ron", "more");
    bench.write("state/tokens.ron", "other tokens");
    std::fs::remove_file(bench.root.join("state/drills-1.ron")).unwrap();
    bench.add_history(2);
    let before = bench.live();
    let dry = RestoreOptions {
        dry_run: true,
        ..RestoreOptions::default()
    };
    let would = bench.restore(&dry).unwrap();
    let said: Vec<_> = would
        .changes
        .iter()
        .map(|c| (c.what, c.path.as_str(), c.bytes_after))
        .collect();
    assert_eq!(
        said[..3],
        [
            (What::Removed, "config/more.ron", None),
            (What::Changed, "config/site.ron", Some(19)),
            (What::Added, "state/drills-1.ron", Some(6)),
        ]
    );
    assert_eq!(bench.live(), before, "a dry run changes nothing");
    // One part.
    let done = bench.restore(&parts(&[Part::Tokens])).unwrap();
    assert_eq!(done.changes.len(), 1);
    let saved_before = done.saved_before.unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    assert_eq!(bench.read("config/more.ron"), "more");
    assert_eq!(bench.history(), [1, 2]);
    // What was there is saved, kept, and not taken for the latest.
    let all = bench.open().list().unwrap();
    assert_eq!(all.len(), 2);
    assert!(
        all.iter()
            .any(|s| s.id == saved_before && s.is_tagged(PRE_RESTORE))
    );
    let undone = bench
        .open()
        .restore(Source::Undo, &RestoreOptions::default(), &mut |_| {})
        .unwrap();
    assert_eq!(undone.changes.len(), 1);
    assert_eq!(bench.live(), before);
    // And back again.
    bench
        .open()
        .restore(Source::Undo, &RestoreOptions::default(), &mut |_| {})
        .unwrap();
    assert_eq!(bench.read("state/tokens.ron"), "tokens");
    // One file, by where it lies.
    let file = RestoreOptions {
        selection: Some(Selection::File(
            bench.root.join("config/site.ron").display().to_string(),
        )),
        ..RestoreOptions::default()
    };
    bench.restore(&file).unwrap();
    assert_eq!(bench.read("config/site.ron"), "(api: (port: 9000))");
    assert_eq!(bench.read("config/more.ron"), "more");
    // Everything, exactly.
    bench
        .open()
        .restore_exact(&made.id, &Part::DATA, &mut |_| {})
        .unwrap();
    assert_eq!(bench.history(), [1]);
    assert_eq!(
        bench.read("config/more.ron"),
        "<No such file or directory (os error 2)>"
    );
    assert_eq!(
        bench.read("state/recordings/long.bin").len(),
        5000,
        "what is never saved stays"
    );
    assert_eq!(bench.restore(&RestoreOptions::default()).unwrap().changes, []);
    let no_file = |path: &str| {
        let options = RestoreOptions {
            selection: Some(Selection::File(path.to_owned())),
            ..RestoreOptions::default()
        };
        bench.restore(&options).unwrap_err().to_string()
    };
    assert!(no_file("tokens.ron").contains("did you mean state/tokens.ron?"));
    assert!(no_file("../../etc/passwd").contains("no file"));
}

#[test]
fn a_full_backup_goes_to_another_machine_in_one_file() {
    let (old, new) = (Bench::new("old"), Bench::new("new"));
    let file = old.root.join("x.tar.zst");
    let full = CreateOptions {
        kind: Kind::Full,
        tags: vec!["moving".to_owned()],
        pinned: true,
    };
    let made = old.open().create(&full, &mut |_| {}).unwrap();
    assert_eq!((made.kind, made.files, made.pinned), (Kind::Full, Some(8), true));
    let exported = old.open().export(made.short_id(), &file, &mut |_| {}).unwrap();
    assert_eq!(exported.files, 8);
    for folder in ["config", "state", "logs", "releases"] {
        std::fs::remove_dir_all(new.root.join(folder)).unwrap();
    }
    std::fs::remove_file(new.root.join("current")).unwrap();
    let mut all = Part::DATA.to_vec();
    all.extend([Part::Logs, Part::Release]);
    let done = new
        .open()
        .restore(Source::Archive(&file), &parts(&all), &mut |_| {})
        .unwrap();
    assert_eq!(done.changes.len(), 8);
    old.restore(&RestoreOptions::default()).unwrap();
    let mut expected = old.live();
    for path in NEVER_SAVED {
        expected.remove(path);
    }
    assert_eq!(new.live(), expected);
    assert_eq!(new.read("current/billiards-trainer"), "program");
    // The same without a repository.
    let direct = old.root.join("y.tar.zst");
    let exported = old.open().create_file(Kind::Data, &direct, &mut |_| {}).unwrap();
    assert_eq!(exported.files, 6);
    let mode = std::fs::metadata(&direct).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn backups_are_looked_at_pinned_and_removed() {
    let bench = Bench::new("upkeep");
    let first = bench.create();
    bench.write("state/tokens.ron", "second");
    let second = bench.create();
    let repository = bench.open();
    assert!(repository.verify(Depth::All).unwrap().contains("2 backups"));
    assert_eq!(
        BackupStatus::load(&bench.place).verified.as_deref(),
        Some(second.id.as_str())
    );
    for turn in 1..=7 {
        let says = repository.verify(Depth::Next).unwrap();
        assert!(says.contains(&format!("part {turn} of 7")), "{says}");
        assert_eq!(BackupStatus::load(&bench.place).next_part, turn % 7);
    }
    let drill = repository.drill("latest", &mut |_| {}).unwrap();
    assert_eq!((drill.id.as_str(), drill.files), (second.id.as_str(), 6));
    let pinned = repository.pin(first.short_id(), true).unwrap();
    assert!(pinned.pinned && pinned.id == first.id, "its id stays");
    let one = LAST_ONLY;
    let kept = |done: &Pruned| done.verdicts.iter().map(|(_, v)| v.keep).collect::<Vec<_>>();
    assert_eq!(kept(&repository.prune(&one, true).unwrap()), [true, true]);
    repository.pin(&first.id, false).unwrap();
    assert_eq!(kept(&repository.prune(&one, true).unwrap()), [false, true]);
    assert_eq!(repository.list().unwrap().len(), 2, "that was a dry run");
    repository.prune(&one, false).unwrap();
    let left = repository.list().unwrap();
    assert_eq!(
        left.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(),
        [second.id.as_str()]
    );
    assert_eq!(
        repository
            .prune(&Policy { last: 0, ..one }, false)
            .unwrap_err()
            .cause,
        Cause::Refused
    );
    // A second command has to wait.
    assert_eq!(Repository::open(&bench.place).unwrap_err().cause, Cause::Busy);
}
