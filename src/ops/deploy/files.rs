//! Units and other files of the system: what a release brings, placed and taken back.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::DeployError;
use super::service::{UNIT, systemctl};
use super::{journal, tree, trial};
use crate::config::write_durably;
use crate::ops::installation::Installation;
use crate::ops::process::Program;

/// A file that belongs somewhere in the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemFile {
    /// Where.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Each is told once what has changed below it.
const LIMIT: Duration = Duration::from_secs(60);

macro_rules! embedded {
    ($($name:literal => $path:literal,)*) => {
        &[$(($path, include_str!(concat!("../../../deploy/", $name))),)*]
    };
}

/// What is always placed.
const FILES: &[(&str, &str)] = embedded! {
    "systemd/billiards-trainer.service" => "/etc/systemd/system/billiards-trainer.service",
    "systemd/billiards-trainer-safe.service" => "/etc/systemd/system/billiards-trainer-safe.service",
    "systemd/billiards-trainer-backup.service" => "/etc/systemd/system/billiards-trainer-backup.service",
    "systemd/billiards-trainer-backup.timer" => "/etc/systemd/system/billiards-trainer-backup.timer",
    "systemd/billiards-trainer-verify.service" => "/etc/systemd/system/billiards-trainer-verify.service",
    "systemd/billiards-trainer-verify.timer" => "/etc/systemd/system/billiards-trainer-verify.timer",
    "systemd/billiards-trainer-drill.service" => "/etc/systemd/system/billiards-trainer-drill.service",
    "systemd/billiards-trainer-drill.timer" => "/etc/systemd/system/billiards-trainer-drill.timer",
    "sysusers/billiards-trainer.conf" => "/etc/sysusers.d/billiards-trainer.conf",
    "tmpfiles/billiards-trainer.conf" => "/etc/tmpfiles.d/billiards-trainer.conf",
    "udev/60-billiards-trainer-camera.rules" => "/etc/udev/rules.d/60-billiards-trainer-camera.rules",
    "logrotate/billiards-trainer" => "/etc/logrotate.d/billiards-trainer",
};

/// What is placed where a proxy is asked for.
const NGINX: &[(&str, &str)] = embedded! {
    "nginx/billiards-trainer.conf" => "/etc/nginx/sites-enabled/billiards-trainer.conf",
    "nginx/snippets/billiards-trainer-limits.conf" => "/etc/nginx/snippets/billiards-trainer-limits.conf",
    "nginx/snippets/billiards-trainer-problems.conf" => "/etc/nginx/snippets/billiards-trainer-problems.conf",
    "nginx/snippets/billiards-trainer-proxy.conf" => "/etc/nginx/snippets/billiards-trainer-proxy.conf",
    "nginx/snippets/billiards-trainer-tls.conf" => "/etc/nginx/snippets/billiards-trainer-tls.conf",
};

/// How the unit of a checkout calls the guard: by the release that is about to start, which may be too broken for that.
const GUARD_BY_CURRENT: &str = "/current/billiards-trainer deploy boot-guard";
/// An installation calls it by the last release that was found good.
const GUARD_BY_GOOD: &str = "/deploy/good/billiards-trainer deploy boot-guard";

/// The files of this program for an installation.
#[must_use]
pub fn of_this_program(place: &Installation, nginx: bool) -> Vec<SystemFile> {
    let root = place.root().display().to_string();
    let root = root.trim_end_matches('/');
    let more = if nginx { NGINX } else { &[] };
    FILES
        .iter()
        .chain(more)
        .map(|(path, text)| SystemFile {
            path: PathBuf::from(path),
            text: text
                .replace(Installation::USUAL, root)
                .replace(GUARD_BY_CURRENT, GUARD_BY_GOOD),
        })
        .collect()
}

/// The files that the program of a release brings: asked of that program, for units belong to their release.
///
/// # Errors
/// When it does not say.
pub fn of_release(program: &Path, place: &Installation, nginx: bool) -> Result<Vec<SystemFile>, DeployError> {
    let mut arguments = vec![
        OsString::from("deploy"),
        "files".into(),
        place.root().to_owned().into_os_string(),
        "--json".into(),
    ];
    if nginx {
        arguments.push("--nginx".into());
    }
    // Only to tell something: as the service's user, as everything of it that is tried.
    let home = program.parent().unwrap_or(Path::new("/"));
    let told = trial::tame(program, home, arguments)
        .run(LIMIT)
        .map_err(|e| DeployError::new(e.to_string()))?;
    let silent = |why: &dyn std::fmt::Display| {
        DeployError::new(format!(
            "{} does not say which units it needs: {why}",
            program.display()
        ))
    };
    if !told.ending.is_good() {
        return Err(silent(&told.ending));
    }
    let files: Vec<SystemFile> = serde_json::from_slice(&told.output).map_err(|e| silent(&e))?;
    // It places what belongs to it, and nothing else.
    let own = |file: &SystemFile| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let plain = file
            .path
            .components()
            .all(|c| !matches!(c, std::path::Component::ParentDir));
        plain && file.path.starts_with("/etc") && name.contains("billiards-trainer")
    };
    match files.iter().find(|file| !own(file)) {
        None => Ok(files),
        Some(file) => Err(silent(&format!("{} is not its own", file.path.display()))),
    }
}

/// What stood where a file was placed.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    path: PathBuf,
    text: Option<String>,
}

fn before_file(place: &Installation) -> PathBuf {
    place.deploy().join("files-before.ron")
}

/// Places files below `system` (`/`), and keeps what stood there until [`forget`].
///
/// # Errors
/// What the system says.
pub fn place(place: &Installation, system: &Path, files: &[SystemFile]) -> Result<(), DeployError> {
    let path_of = |file: &SystemFile| system.join(file.path.strip_prefix("/").unwrap_or(&file.path));
    let kept = before_file(place);
    // Kept once: what is cut off and done again would keep what it placed itself.
    if !kept.exists() {
        let before: Vec<Before> = files
            .iter()
            .map(|file| {
                let path = path_of(file);
                Before {
                    text: std::fs::read_to_string(&path).ok(),
                    path,
                }
            })
            .collect();
        journal::write(&kept, &before)?;
    }
    for file in files {
        write_public(&path_of(file), &file.text)?;
    }
    Ok(())
}

/// The timers that were placed; those only that were not there before where `new` is said. One that was there is as its
/// owner wants it, on or off.
///
/// # Errors
/// When what stood there can't be read.
pub fn timers(place: &Installation, new: bool) -> Result<Vec<String>, DeployError> {
    let before = journal::read::<Vec<Before>>(&before_file(place))?.unwrap_or_default();
    let timers = before
        .into_iter()
        .filter(|file| !new || file.text.is_none())
        .filter(|file| file.path.extension().is_some_and(|e| e == "timer"))
        .filter_map(|file| Some(file.path.file_name()?.to_string_lossy().into_owned()));
    Ok(timers.collect())
}

/// Puts back what stood where files were placed.
///
/// # Errors
/// What the system says.
pub fn put_back(place: &Installation) -> Result<bool, DeployError> {
    let Some(before) = journal::read::<Vec<Before>>(&before_file(place))? else {
        return Ok(false);
    };
    for Before { path, text } in &before {
        match text {
            Some(text) => write_public(path, text)?,
            None => journal::remove(path)?,
        }
    }
    forget(place)?;
    Ok(true)
}

/// What stood there is of no more interest.
///
/// # Errors
/// What the system says.
pub fn forget(place: &Installation) -> Result<(), DeployError> {
    journal::remove(&before_file(place))
}

fn write_public(path: &Path, text: &str) -> Result<(), DeployError> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    write_durably(path, text.as_bytes()).map_err(|e| DeployError::io("write", path, &e))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
        .map_err(|e| DeployError::io("open to all", path, &e))
}

/// Tells the system of new files: users, folders, units, rules.
///
/// # Errors
/// When one of those that matter does not take them.
pub fn announce(nginx: bool, install: bool, timers: &[String]) -> Result<(), DeployError> {
    run("systemd-sysusers", &["/etc/sysusers.d/billiards-trainer.conf"])?;
    run(
        "systemd-tmpfiles",
        &["--create", "/etc/tmpfiles.d/billiards-trainer.conf"],
    )?;
    told(
        systemctl(&["daemon-reload"], LIMIT)?.ending,
        "systemctl daemon-reload",
    )?;
    // A machine without udev has no cameras that come and go.
    drop(Program::new("udevadm").args(["control", "--reload"]).run(LIMIT));
    if install {
        told(systemctl(&["enable", UNIT], LIMIT)?.ending, "systemctl enable")?;
    }
    if !timers.is_empty() {
        let mut arguments = vec!["enable", "--now"];
        arguments.extend(timers.iter().map(String::as_str));
        told(systemctl(&arguments, LIMIT)?.ending, "systemctl enable --now")?;
    }
    if nginx {
        run("nginx", &["-t", "-q"])?;
        told(
            systemctl(&["reload-or-restart", "nginx.service"], LIMIT)?.ending,
            "systemctl reload nginx",
        )?;
    }
    Ok(())
}

/// What was switched on is switched off again: the timers, and the service where it came with this. One that `starts` right
/// now waits for this: it is not stopped.
pub fn switch_off(install: bool, starts: bool, timers: &[String]) {
    // Units that are gone already can't be switched off.
    let off = |units: &[&str], now: bool| {
        let words: &[&str] = if now { &["disable", "--now"] } else { &["disable"] };
        drop(systemctl(&[words, units].concat(), LIMIT));
    };
    if install {
        off(&[UNIT], !starts);
    }
    if !timers.is_empty() {
        off(&timers.iter().map(String::as_str).collect::<Vec<_>>(), true);
    }
}

/// Tells the system that files are as they were.
pub fn announce_undone(nginx: bool) {
    // Taken back as far as the system takes it.
    drop(systemctl(&["daemon-reload"], LIMIT));
    if nginx && run("nginx", &["-t", "-q"]).is_ok() {
        drop(systemctl(&["try-reload-or-restart", "nginx.service"], LIMIT));
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), DeployError> {
    let finished = Program::new(program)
        .args(arguments)
        .run(LIMIT)
        .map_err(|e| DeployError::new(e.to_string()))?;
    told(finished.ending, program)
}

fn told(ending: crate::ops::process::Ending, what: &str) -> Result<(), DeployError> {
    if ending.is_good() {
        return Ok(());
    }
    Err(DeployError::new(format!(
        "{what} {ending}; run it by hand to see more"
    )))
}

/// What systemd thinks of the units that a program brings; they are looked at in `scratch`, which holds that program as an
/// installation does. None: nothing to complain of.
///
/// # Errors
/// When it can't be asked.
pub fn complaints(scratch: &Installation, files: &[SystemFile]) -> Result<Option<String>, DeployError> {
    let folder = scratch.root().join("units");
    let mut units = Vec::new();
    for file in files.iter().filter(|f| f.path.starts_with("/etc/systemd/system")) {
        let path = folder.join(file.path.file_name().unwrap_or_default());
        write_public(&path, &file.text)?;
        units.push(path.into_os_string());
    }
    let told = Program::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(units)
        .run(LIMIT);
    tree::remove(&folder)?;
    let told = told.map_err(|e| DeployError::new(e.to_string()))?;
    let said = told.text();
    let said = said.lines().find(|l| !l.trim().is_empty()).map(ToOwned::to_owned);
    Ok(said
        .or_else(|| told.ending.last_line.clone())
        .or_else(|| (!told.ending.is_good()).then(|| told.ending.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_lead_to_the_folder_they_are_for_and_the_guard_is_the_last_good_one() {
        let files = of_this_program(&Installation::at("/srv/table 1/"), true);
        assert_eq!(files.len(), FILES.len() + NGINX.len());
        let unit = &files[0];
        assert!(
            unit.text
                .contains("ExecStart=/srv/table 1/current/billiards-trainer run"),
            "{}",
            unit.text
        );
        assert!(
            unit.text
                .contains("+/srv/table 1/deploy/good/billiards-trainer deploy boot-guard"),
            "{}",
            unit.text
        );
        for file in &files {
            assert!(!file.text.contains("/opt/"), "{}", file.path.display());
            assert!(
                file.path.starts_with("/etc") && file.text.ends_with('\n'),
                "{}",
                file.path.display()
            );
        }
        // The usual place is as the templates have it, but for the guard.
        let usual = of_this_program(&Installation::at(Installation::USUAL), false);
        for (file, (_, template)) in usual.iter().zip(FILES) {
            assert_eq!(file.text.replace(GUARD_BY_GOOD, GUARD_BY_CURRENT), *template);
        }
    }

    #[test]
    fn systemd_has_nothing_against_our_units_and_something_against_worse_ones() {
        if Program::new("systemd-analyze")
            .args(["--version"])
            .run(LIMIT)
            .is_err()
        {
            // Without systemd there is nobody to ask.
            return;
        }
        let root = std::env::temp_dir().join(format!("billiards-units-{}", std::process::id()));
        let inside = Installation::at(&root);
        std::fs::create_dir_all(inside.current()).unwrap();
        std::fs::create_dir_all(inside.deploy().join("good")).unwrap();
        for folder in [inside.current(), inside.deploy().join("good")] {
            std::os::unix::fs::symlink("/bin/true", folder.join("billiards-trainer")).unwrap();
        }
        let mut list = of_this_program(&inside, false);
        assert_eq!(complaints(&inside, &list).unwrap(), None);
        list[0].text = list[0]
            .text
            .replace("[Service]", "[Service]\nRestartSteps=5\nNonsense=yes");
        let said = complaints(&inside, &list).unwrap().unwrap();
        assert!(said.contains("Unknown key"), "{said}");
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_release_says_its_files_without_anything_of_the_callers() {
        let root = std::env::temp_dir().join(format!("billiards-says-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let program = root.join("program");
        // Cargo sets this one for every test.
        let script = "#!/bin/sh\n[ -z \"$CARGO_MANIFEST_DIR\" ] || exit 9\n\
                      echo '[{\"path\": \"/etc/billiards-trainer.conf\", \"text\": \"x\"}]'\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let told = of_release(&program, &Installation::at(&root), false).unwrap();
        assert_eq!(told[0].path, Path::new("/etc/billiards-trainer.conf"));
        let script = "#!/bin/sh\necho '[{\"path\": \"/etc/passwd\", \"text\": \"x\"}]'\n";
        std::fs::write(&program, script).unwrap();
        let told = of_release(&program, &Installation::at(&root), false).unwrap_err();
        assert!(told.to_string().contains("not its own"), "{told}");
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn what_stood_there_comes_back_to_the_byte() {
        let root = std::env::temp_dir().join(format!("billiards-files-{}", std::process::id()));
        let (at, system) = (Installation::at(root.join("opt")), root.join("system"));
        let theirs = system.join("etc/logrotate.d/billiards-trainer");
        write_durably(&theirs, b"mine\n").unwrap();
        let timer = system.join("etc/systemd/system/billiards-trainer-backup.timer");
        write_durably(&timer, b"[Timer]\n").unwrap();
        let files = of_this_program(&at, false);
        for _ in 0..2 {
            place(&at, &system, &files).unwrap();
            assert!(
                std::fs::read_to_string(&theirs)
                    .unwrap()
                    .contains(&at.root().display().to_string())
            );
        }
        let timers = |new| timers(&at, new).unwrap().join(" ");
        // What was there before is on or off as somebody wants it.
        assert_eq!(
            timers(true),
            "billiards-trainer-verify.timer billiards-trainer-drill.timer"
        );
        assert_eq!(
            timers(false),
            "billiards-trainer-backup.timer billiards-trainer-verify.timer billiards-trainer-drill.timer"
        );
        assert!(put_back(&at).unwrap());
        std::fs::remove_file(&timer).unwrap();
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "mine\n");
        assert_eq!(tree::size(&system), 5);
        assert!(!put_back(&at).unwrap());
        std::fs::remove_dir_all(&root).unwrap();
    }
}
