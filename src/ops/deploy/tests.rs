//! Cut off at every moment, an installation comes out whole: the old release with everything as it was, or the new one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::journal::{Journal, Made, Operation, Step};
use super::probation::Rules;
use super::releases::{self, Known, Manifest};
use super::service::Service;
use super::workshop::Workshop;
use super::{DeployError, commands, data, guard, incoming, tree};
use crate::ops::installation::{Installation, PROGRAM};

const OLD: &str = "1.0.0";
const NEW: &str = "2.0.0";

/// An installation with an old release at work under a manager that keeps its state in a file.
struct Bench {
    place: Installation,
    manager: PathBuf,
}

/// Starts and stops nothing but a mark. A start of the new release writes into the state, as a release does; where
/// `fails` is there, it does not come up.
const MANAGER: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
case $1 in
start)
    [ -f running ] && exit 0
    case $(readlink opt/current) in *2.0.0) echo new > opt/state/new; echo ruined > opt/state/tokens.ron
        [ -f fails ] && { echo "it does not come up" >&2; exit 1; } ;; esac
    [ "$(cat opt/state/tokens.ron)" = "$(cat opt/state/tokens.copy)" ] || [ -f opt/state/new ] || exit 9
    touch running ;;
stop) rm -f running ;;
status) if [ -f running ]; then echo ActiveState=active; echo MainPID=77; else echo ActiveState=inactive; fi ;;
esac
"#;

fn put(folder: &Path, version: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(PROGRAM), version).unwrap();
    let manifest = Manifest {
        version: version.parse().unwrap(),
        hash: tree::file_digest(&folder.join(PROGRAM))
            .unwrap()
            .to_hex()
            .to_string(),
        bytes: version.len() as u64,
        signed: None,
        placed_unix_s: 5,
    };
    releases::write_manifest(folder, &manifest).unwrap();
}

impl Bench {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("billiards-deploy-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        let place = Installation::at(root.join("opt"));
        for folder in [place.config(), place.state(), &place.deploy()] {
            fs::create_dir_all(folder).unwrap();
        }
        // Nobody can be asked: whether it is ready is not what is looked at here.
        fs::write(place.site_file(), "(api: (enabled: false))").unwrap();
        for file in ["tokens.ron", "tokens.copy"] {
            fs::write(place.state().join(file), "all of them").unwrap();
        }
        put(&releases::folder(&place, OLD), OLD);
        tree::point(&place.current(), &Path::new("releases").join(OLD)).unwrap();
        let manager = root.join("manager");
        fs::write(&manager, MANAGER).unwrap();
        fs::set_permissions(&manager, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("running"), "").unwrap();
        let known = Known {
            service: Some(Service::Command(manager.clone())),
            good: vec![OLD.to_owned()],
            ..Known::default()
        };
        known.write(&place).unwrap();
        put(&incoming::folder(&place), NEW);
        Self { place, manager }
    }

    fn journal(&self) -> Journal {
        Journal {
            id: "1-1".to_owned(),
            operation: Operation::Upgrade,
            from: Some(OLD.to_owned()),
            to: NEW.to_owned(),
            step: Step::Backup,
            because: None,
            was_running: true,
            service: Service::Command(self.manager.clone()),
            staged: true,
            no_backup: true,
            backup: None,
            keep_new_data: false,
            nginx: false,
            // Nobody answers: with no time for that it fails its probation at once.
            rules: Rules {
                ready_within_s: -1.0,
                ..Rules::default()
            },
            old_rate_hz: None,
            made: Made::default(),
        }
    }

    /// Works until it is done, or cut off after so many moments.
    fn work(&self, journal: Journal, cut_after: Option<u32>) -> Result<(), DeployError> {
        let mut silent = |_: &str| {};
        let mut workshop = Workshop::new(&self.place, &mut silent);
        workshop.cut_after = cut_after;
        workshop.work(journal).map(drop)
    }

    fn runs(&self) -> bool {
        self.manager.with_file_name("running").exists()
    }

    /// The old release runs, everything is as it was, nothing is left over.
    fn assert_old(&self, before: &[String; 2], when: &str) {
        assert_eq!(releases::current(&self.place).as_deref(), Some(OLD), "{when}");
        assert_eq!(self.digests(), *before, "{when}");
        assert!(self.runs(), "{when}");
        assert!(!releases::folder(&self.place, NEW).exists(), "{when}");
        self.assert_settled(when);
    }

    fn assert_settled(&self, when: &str) {
        assert_eq!(Journal::pending(&self.place).unwrap(), None, "{when}");
        assert!(
            !incoming::folder(&self.place).exists() && !self.place.deploy().join("before").exists(),
            "{when}"
        );
    }

    fn digests(&self) -> [String; 2] {
        [self.place.config(), self.place.state()].map(|folder| tree::digest(folder).unwrap())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(self.place.root().parent().unwrap()));
    }
}

#[test]
fn a_release_that_fails_is_taken_back_and_what_it_left_is_kept() {
    let bench = Bench::new("fails");
    let before = bench.digests();
    bench.work(bench.journal(), None).unwrap();
    bench.assert_old(&before, "after a probation that failed");
    assert_eq!(
        fs::read_to_string(data::aside(&bench.place).join("1-1/state/new")).unwrap(),
        "new\n"
    );
    let last = Journal::last(&bench.place).unwrap();
    assert!(last.because.unwrap().contains("not ready within"));
    // Asked to leave what the new one wrote, it is left.
    put(&incoming::folder(&bench.place), NEW);
    let journal = Journal {
        keep_new_data: true,
        ..bench.journal()
    };
    bench.work(journal, None).unwrap();
    assert!(bench.place.state().join("new").exists() && bench.runs());
}

#[test]
fn a_release_that_does_not_start_is_taken_back() {
    let bench = Bench::new("start");
    let before = bench.digests();
    fs::write(bench.manager.with_file_name("fails"), "").unwrap();
    bench.work(bench.journal(), None).unwrap();
    bench.assert_old(&before, "after a start that failed");
    assert!(
        Journal::last(&bench.place)
            .unwrap()
            .because
            .unwrap()
            .contains("does not come up")
    );
}

#[test]
fn cut_off_at_every_moment_it_is_gone_on_with_and_comes_out_whole() {
    for cut in 0.. {
        let bench = Bench::new("cut");
        let before = bench.digests();
        let done = bench.work(bench.journal(), Some(cut)).is_ok();
        // Whoever goes on may be cut off, too.
        for again in [0, 1, 2] {
            if let Some(mut journal) = Journal::pending(&bench.place).unwrap() {
                journal.step = journal.step.after_a_kill();
                drop(bench.work(journal, Some(again)));
            }
        }
        commands::resume(&bench.place, &mut |_| {}).unwrap();
        bench.assert_old(&before, &format!("cut off after {cut}"));
        assert!(commands::resume(&bench.place, &mut |_| {}).unwrap().is_none());
        if done {
            assert!(cut > 20, "{cut}");
            return;
        }
    }
}

#[test]
fn cut_off_when_it_was_found_good_the_new_one_stays() {
    for cut in 0..=4 {
        let bench = Bench::new("good");
        let journal = Journal {
            step: Step::Stage,
            service: Service::None,
            ..bench.journal()
        };
        // Nobody watches it, so nothing fails; the last two steps are what is cut off here.
        let all = 2 * 9;
        drop(bench.work(journal, Some(all - cut)));
        commands::resume(&bench.place, &mut |_| {}).unwrap();
        assert_eq!(releases::current(&bench.place).as_deref(), Some(NEW), "{cut}");
        assert_eq!(Known::read(&bench.place).unwrap().good, [OLD, NEW]);
        assert_eq!(
            fs::read_link(bench.place.deploy().join("good")).unwrap(),
            Path::new("../releases/2.0.0")
        );
        assert_eq!(
            releases::previous(&bench.place, &Known::read(&bench.place).unwrap()).unwrap(),
            OLD
        );
        bench.assert_settled(&format!("cut off {cut} before the end"));
    }
}

#[test]
fn an_unwatched_release_gets_three_starts_and_then_the_old_one_is_back() {
    let bench = Bench::new("guard");
    let before = bench.digests();
    // A power cut in the probation: the service starts with the machine, and nobody goes on.
    for cut in 0.. {
        drop(bench.work(bench.journal(), Some(cut)));
        let step = Journal::pending(&bench.place).unwrap().unwrap().step;
        if step == Step::Probation {
            break;
        }
        commands::resume(&bench.place, &mut |_| {}).unwrap();
        put(&incoming::folder(&bench.place), NEW);
    }
    drop(fs::remove_file(bench.manager.with_file_name("running")));
    let mut silent = |_: &str| {};
    for start in 1..=guard::STARTS {
        let told = guard::boot_guard(&bench.place, &mut silent).unwrap().unwrap();
        assert!(told.starts_with(&format!("start {start} of 3")), "{told}");
        assert_eq!(releases::current(&bench.place).as_deref(), Some(NEW));
    }
    let told = guard::boot_guard(&bench.place, &mut silent).unwrap().unwrap();
    assert!(told.contains("release 1.0.0 starts"), "{told}");
    assert!(!bench.runs(), "the guard does not start what is about to start");
    // Whether it did start is seen by whoever goes on; it may have been told to stop meanwhile.
    commands::resume(&bench.place, &mut |_| {}).unwrap().unwrap();
    bench.assert_old(&before, "after three starts");
    assert_eq!(guard::boot_guard(&bench.place, &mut silent).unwrap(), None);
}

#[test]
fn what_was_cut_off_on_the_way_back_is_whole_before_anything_starts() {
    for step in Step::BACK {
        let bench = Bench::new("boot");
        let before = bench.digests();
        for cut in 0.. {
            drop(bench.work(bench.journal(), Some(cut)));
            match Journal::pending(&bench.place).unwrap() {
                Some(journal) if journal.step == step => break,
                Some(_) => drop(commands::resume(&bench.place, &mut |_| {}).unwrap()),
                None => {}
            }
            put(&incoming::folder(&bench.place), NEW);
        }
        // In the order of a start: the guard first, then the service; whoever goes on comes last.
        guard::boot_guard(&bench.place, &mut |_| {}).unwrap();
        assert_eq!(bench.digests(), before, "{}", step.words());
        assert_eq!(releases::current(&bench.place).as_deref(), Some(OLD));
        Service::Command(bench.manager.clone()).start().unwrap();
        commands::resume(&bench.place, &mut |_| {}).unwrap().unwrap();
        bench.assert_old(&before, step.words());
    }
}

/// A first install, as far as its folders and its site file.
fn first_install(bench: &Bench) -> Journal {
    let place = &bench.place;
    fs::remove_file(place.current()).unwrap();
    fs::remove_dir_all(place.releases()).unwrap();
    fs::remove_file(place.deploy().join("known.ron")).unwrap();
    fs::remove_dir_all(place.state()).unwrap();
    fs::remove_file(bench.manager.with_file_name("running")).unwrap();
    let mut made = Made::default();
    for folder in [
        place.config().to_owned(),
        place.releases(),
        place.state().to_owned(),
        place.logs(),
        place.backups(),
        place.secrets(),
    ] {
        fs::create_dir_all(&folder).unwrap();
        made.folders.push(folder);
    }
    let hash = tree::file_digest(&place.site_file()).unwrap();
    made.files
        .push((place.site_file(), hash.to_hex().as_str().to_owned()));
    for file in ["tokens.ron", "tokens.copy"] {
        fs::write(place.state().join(file), "").unwrap();
        let hash = tree::file_digest(&place.state().join(file)).unwrap();
        made.files
            .push((place.state().join(file), hash.to_hex().as_str().to_owned()));
    }
    Journal {
        operation: Operation::Install,
        from: None,
        was_running: false,
        made,
        ..bench.journal()
    }
}

#[test]
fn a_first_install_that_fails_takes_only_what_is_as_it_was_made() {
    // At once: nothing is left but what the deploy says of it.
    let bench = Bench::new("first");
    bench.work(first_install(&bench), None).unwrap();
    let mut left: Vec<_> = fs::read_dir(bench.place.root())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["deploy"]);
    assert!(fs::symlink_metadata(bench.place.deploy().join("good")).is_err());
    // Cut off in its probation, and found weeks later by whoever goes on.
    let bench = Bench::new("weeks");
    let place = &bench.place;
    for cut in 0.. {
        let journal = first_install(&bench);
        drop(bench.work(journal, Some(cut)));
        if Journal::pending(place).unwrap().unwrap().step == Step::Probation {
            break;
        }
        drop(fs::remove_dir_all(place.root()));
        for folder in [place.config(), place.state(), &place.deploy(), &place.releases()] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(place.site_file(), "(api: (enabled: false))").unwrap();
        fs::write(place.deploy().join("known.ron"), "()").unwrap();
        fs::write(bench.manager.with_file_name("running"), "").unwrap();
        tree::point(&place.current(), Path::new("releases/1.0.0")).unwrap();
        put(&incoming::folder(place), NEW);
    }
    // Every start is guarded, though nobody has found it good.
    assert!(place.deploy().join("good").join(PROGRAM).is_file());
    assert!(Known::read(place).unwrap().good.is_empty());
    let told = guard::boot_guard(place, &mut |_| {}).unwrap().unwrap();
    assert!(told.starts_with("start 1 of 3"), "{told}");
    let (key, pack) = (
        place.secrets().join("backup.key"),
        place.backups().join("repository/pack"),
    );
    fs::create_dir_all(pack.parent().unwrap()).unwrap();
    fs::write(&key, "the only one").unwrap();
    fs::write(&pack, "all there is").unwrap();
    fs::write(place.logs().join("trainer.log"), "why").unwrap();
    fs::write(place.site_file(), "(api: (enabled: false, port: 9000))").unwrap();
    commands::resume(place, &mut |_| {}).unwrap().unwrap();
    assert_eq!(releases::current(place), None);
    assert_eq!(fs::read_to_string(&key).unwrap(), "the only one");
    assert_eq!(fs::read_to_string(&pack).unwrap(), "all there is");
    assert!(place.logs().join("trainer.log").exists());
    // What was set and written since is aside; it is not what was there before.
    let aside = data::aside(place).join("1-1");
    assert!(
        fs::read_to_string(aside.join("config/site.ron"))
            .unwrap()
            .contains("9000")
    );
    assert!(aside.join("state/new").exists());
    assert!(!place.state().exists() && !place.config().exists() && !place.releases().exists());
    bench.assert_settled("weeks later");
}

#[test]
fn a_first_install_makes_what_the_backup_at_night_needs() {
    let bench = Bench::new("key");
    let journal = Journal {
        service: Service::None,
        ..first_install(&bench)
    };
    bench.work(journal, None).unwrap();
    assert_eq!(releases::current(&bench.place).as_deref(), Some(NEW));
    assert!(bench.place.secrets().join("backup.key").is_file());
    let good = bench.place.deploy().join("good");
    assert_eq!(fs::read_link(good).unwrap(), Path::new("../releases/2.0.0"));
    bench.assert_settled("a first install");
}

#[test]
fn a_file_that_was_changed_since_stays_and_so_does_its_folder() {
    let bench = Bench::new("made");
    let folder = bench.place.root().join("made");
    let (same, other) = (folder.join("same"), folder.join("other"));
    fs::create_dir_all(folder.join("empty")).unwrap();
    for file in [&same, &other] {
        fs::write(file, "as made").unwrap();
    }
    let hash = || blake3::hash(b"as made").to_hex().to_string();
    let made = Made {
        folders: vec![folder.clone(), folder.join("empty"), folder.join("none")],
        files: vec![(same.clone(), hash()), (other.clone(), hash())],
    };
    fs::write(&other, "as somebody wants it").unwrap();
    made.take_away().unwrap();
    assert!(!same.exists() && !folder.join("empty").exists());
    assert_eq!(fs::read_to_string(&other).unwrap(), "as somebody wants it");
    fs::remove_file(&other).unwrap();
    made.take_away().unwrap();
    assert!(!folder.exists());
}

#[test]
fn nothing_is_begun_while_another_deploy_works_or_where_nothing_is() {
    let bench = Bench::new("busy");
    let lock = super::lock::DeployLock::take(&bench.place).unwrap();
    assert!(commands::resume(&bench.place, &mut |_| {}).unwrap_err().busy);
    assert_eq!(guard::boot_guard(&bench.place, &mut |_| {}).unwrap(), None);
    drop(lock);
    let nowhere = Installation::at(bench.place.root().join("nowhere"));
    assert!(
        commands::resume(&nowhere, &mut |_| {})
            .unwrap_err()
            .to_string()
            .contains("nothing is installed")
    );
    assert!(!nowhere.root().exists());
}
