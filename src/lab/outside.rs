//! What befalls a table from outside: its disk, its clock, its network, its settings file.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::manager::{Manager, Setup};
use super::measure::{Ran, Result, end, lifecycles, restarts, up};

/// The health of the module `config`, to which the state folder belongs.
fn config_is(health: &'static str) -> impl FnMut(&mut Manager) -> bool {
    move |m| {
        lifecycles(m)
            .remove("config")
            .is_some_and(|(life, h)| life == "running" && h == health)
    }
}

/// Neither the process nor a module was started again, but for those in `but`, and all is well.
fn untouched(manager: &Manager, but: &[&str], result: &mut Result) {
    result.must(manager.starts.len() == 1, "the process was started again");
    let counts = restarts(manager);
    result.must(!counts.is_empty(), "the API does not answer");
    for (id, n) in counts
        .iter()
        .filter(|(id, n)| **n > 0 && !but.contains(&id.as_str()))
    {
        result.must(false, format!("{id} was started again {n} times"));
    }
    for (id, (life, health)) in lifecycles(manager) {
        result.must(
            life == "running" && health != "unhealthy",
            format!("{id} is {life}, {health}"),
        );
    }
}

/// Keys of the alerts that are open.
fn alerts(manager: &Manager) -> Vec<String> {
    let answer = manager.get("/api/v1/alerts");
    let list = answer.and_then(|(_, v)| v.get("alerts").and_then(Value::as_array).cloned());
    let key = |a: &Value| a.get("key").and_then(Value::as_str).map(str::to_owned);
    list.unwrap_or_default().iter().filter_map(key).collect()
}

/// Alerts that a machine with too much to do raises by itself.
fn of_load(key: &str) -> bool {
    ["vision.rate", "vision_slow", "processor_busy", "vision.processor"].contains(&key)
}

/// A small disk of memory under a folder, for as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this account may not mount.
    fn under(folder: &Path) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let disk = Self(folder.to_owned());
        Ok(disk
            .mount(&["-t", "tmpfs", "-o", "size=24m", "small"])
            .then_some(disk))
    }

    fn read_only(&self, yes: bool) -> bool {
        // A disk with open files can't be made so; what is laid over it can.
        if yes {
            let itself = self.0.to_string_lossy().into_owned();
            self.mount(&["--bind", &itself]) && self.mount(&["-o", "remount,bind,ro"])
        } else {
            self.unmount()
        }
    }

    fn unmount(&self) -> bool {
        let done = Command::new("umount").arg("-l").arg(&self.0).status();
        done.is_ok_and(|status| status.success())
    }

    fn mount(&self, arguments: &[&str]) -> bool {
        let done = Command::new("mount")
            .args(arguments)
            .arg(&self.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        done.is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// The disk of the state folder is really full, and then really read-only, each while something is to be kept.
pub(super) fn disk(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let state = folder.join("state");
    let Some(disk) = SmallDisk::under(&state)? else {
        result
            .notes
            .push("not made: this account may not mount a disk".to_owned());
        return Ok(());
    };
    let setup = Setup {
        script: "[(at_s: 9, does: panic, point: core_step), (at_s: 22, does: panic, point: core_step)]"
            .to_owned(),
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    let begun = manager.starts.last().map_or_else(Instant::now, |s| s.at);
    let until = |manager: &mut Manager, s: u64| {
        let left = (begun + Duration::from_secs(s)).saturating_duration_since(Instant::now());
        manager.wait(left);
    };
    until(&mut manager, 7);
    let filler = state.join("filler");
    // It ends with an error: the disk is full.
    drop(std::fs::write(&filler, vec![0; 32 << 20]));
    let told = manager.wait_until(Duration::from_secs(8), config_is("degraded"));
    result.must(told, "a full disk is not told");
    until(&mut manager, 15);
    std::fs::remove_file(&filler)?;
    let freed = Instant::now();
    let well = manager.wait_until(Duration::from_secs(10), config_is("healthy"));
    result.must(well, "not well after there was space again");
    result.recovered_s = Some(freed.elapsed().as_secs_f64());
    until(&mut manager, 20);
    result.must(disk.read_only(true), "the disk could not be made read-only");
    let told = manager.wait_until(Duration::from_secs(8), config_is("degraded"));
    result.must(told, "a read-only disk is not told");
    until(&mut manager, 28);
    result.must(disk.read_only(false), "the disk could not be made writable");
    let well = manager.wait_until(Duration::from_secs(10), config_is("healthy"));
    result.must(well, "not well after it could be written again");
    untouched(&manager, &["core"], result);
    let kept = std::fs::read_to_string(state.join("recovery.ron")).unwrap_or_default();
    result.must(
        kept.matches("module: \"core\"").count() == 2,
        "an attempt was not kept after all",
    );
    end(&mut manager, result);
    drop(manager);
    drop(disk);
    Ok(())
}

/// Where distributions put the library that shows a program another time.
const FAKE_TIME: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// The clock jumps by hours and days, to and fro, and to 1970.
pub(super) fn clock(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let Some(library) = FAKE_TIME.iter().find(|path| Path::new(path).exists()) else {
        result
            .notes
            .push("not made: libfaketime is not installed".to_owned());
        return Ok(());
    };
    std::fs::create_dir_all(folder)?;
    let file = folder.join("clock");
    std::fs::write(&file, "+0")?;
    let site = folder.join("site.ron");
    std::fs::write(&site, "()")?;
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let setup = Setup {
        variables: vec![
            variable("LD_PRELOAD", library),
            variable("FAKETIME_TIMESTAMP_FILE", &file.to_string_lossy()),
            variable("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            variable("FAKETIME_NO_CACHE", "1"),
        ],
        arguments: vec!["--config".to_owned(), site.to_string_lossy().into_owned()],
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    manager.wait(Duration::from_secs(4));
    for jump in ["+1h", "-1h", "+10d", "-10d", "@1970-01-01 00:02:00", "+0"] {
        std::fs::write(&file, jump)?;
        manager.wait(Duration::from_secs(3));
        let mut open = alerts(&manager);
        open.retain(|key| !of_load(key));
        result.must(open.is_empty(), format!("{jump}: alerts {}", open.join(", ")));
        if jump.starts_with('@') {
            // It is in force at all: what is told now is told of that year.
            std::fs::write(&site, "(trainer: (speed: 2))")?;
            manager.signal(Signal::HUP);
            let shown = manager.wait_until(Duration::from_secs(3), |m| {
                let told = m.get("/api/v1/events").map(|(_, v)| v.to_string());
                told.is_some_and(|t| t.contains("1970-01-01"))
            });
            result.must(shown, "the made-up clock was not in force");
            std::fs::write(&site, "()")?;
            manager.signal(Signal::HUP);
        }
    }
    untouched(&manager, &[], result);
    end(&mut manager, result);
    Ok(())
}

/// There is no network, and whoever should be told of alerts is out of reach.
pub(super) fn offline(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("site.ron");
    // Addresses that RFC 5737 and RFC 2606 keep free for ever: nobody answers, no name is found.
    std::fs::write(
        &file,
        "(alerts: (webhooks: [(name: \"far\", url: \"http://192.0.2.1/hook\"), (name: \"unknown\", url: \"http://nobody.invalid/hook\")]))",
    )?;
    let setup = Setup {
        arguments: vec!["--config".to_owned(), file.to_string_lossy().into_owned()],
        script: "[(at_s: 5, does: black_picture, for_s: 6)]".to_owned(),
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    let took = manager
        .starts
        .last()
        .and_then(|s| Some(s.ready?.saturating_duration_since(s.at).as_secs_f64()));
    result.within(took, 5.0, "to be ready");
    let raised = manager.wait_until(Duration::from_secs(12), |m| {
        alerts(m).iter().any(|key| !of_load(key))
    });
    result.must(
        raised,
        "the covered lens raised no alert that could have been sent",
    );
    manager.wait(Duration::from_secs(8));
    untouched(&manager, &[], result);
    end(&mut manager, result);
    Ok(())
}

/// An alert of this name is raised in time, and nothing is restarted for it.
pub(super) fn alert(
    name: &str,
    within_s: f64,
    script: &str,
    program: &Path,
    folder: &Path,
    result: &mut Result,
) -> Ran {
    let setup = Setup {
        script: script.to_owned(),
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    let begins = crate::system::faults::FaultScript::parse(script).map_err(io::Error::other)?;
    let at_s = begins.0.first().map_or(0.0, |f| f.at_s);
    let begun = manager.starts.last().map_or_else(Instant::now, |s| s.at) + Duration::from_secs_f64(at_s);
    let limit = Duration::from_secs_f64(at_s + 2.0 * within_s);
    let raised = manager.wait_until(limit, |m| alerts(m).iter().any(|key| key == name));
    result.detected_s = raised.then(|| begun.elapsed().as_secs_f64());
    result.within(result.detected_s, within_s, "to raise the alert");
    untouched(&manager, &[], result);
    end(&mut manager, result);
    Ok(())
}

/// The settings file is spoilt in every way while the program runs, and before it starts.
pub(super) fn settings(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("site.ron");
    let good = "(trainer: (stick_speed_m_s: 2.0))";
    std::fs::write(&file, good)?;
    let setup = Setup {
        arguments: vec!["--config".to_owned(), file.to_string_lossy().into_owned()],
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup.clone())?;
    let mut slowest: f64 = 0.0;
    for bad in [
        "(trainer: (stick_speed_m_s: 2.",
        "(trainer: (speed: 2))",
        "(trainer: (stick_speed_m_s: 99))",
        "(trainer: (stick_speed_m_s: fast))",
        "",
        "\u{0}\u{0}\u{0}",
    ] {
        let said = Instant::now();
        std::fs::write(&file, bad)?;
        manager.signal(Signal::HUP);
        let told = manager.wait_until(Duration::from_secs(4), config_is("degraded"));
        result.must(told, format!("`{bad}` is not told"));
        slowest = slowest.max(said.elapsed().as_secs_f64());
        std::fs::write(&file, good)?;
        manager.signal(Signal::HUP);
        let well = manager.wait_until(Duration::from_secs(6), config_is("healthy"));
        result.must(well, format!("good settings are not taken after `{bad}`"));
    }
    result.detected_s = Some(slowest);
    // So long a run with them makes settings the last good ones.
    manager.wait(Duration::from_secs(12));
    untouched(&manager, &[], result);
    end(&mut manager, result);
    drop(manager);
    std::fs::write(&file, "(trainer: (stick_speed_m_s: 2.")?;
    let mut manager = up(program, folder, setup)?;
    let told = manager.wait_until(Duration::from_secs(4), config_is("degraded"));
    result.must(
        told,
        "it does not tell that it started with the last good settings",
    );
    result
        .actions
        .push("started with the last good settings".to_owned());
    end(&mut manager, result);
    Ok(())
}
