//! One case after the other: break it, look at what the trainer says of itself, and judge.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::Serialize;
use serde_json::Value;

use super::cases::{Case, Kind};
use super::manager::{Manager, Setup, ended};
use super::outside;
use crate::system::faults::FaultScript;

/// What came of a case.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Result {
    /// The case's number.
    pub id: String,
    /// In words.
    pub what: String,
    /// All that is promised was kept.
    pub passed: bool,
    /// From the fault until it was noticed, seconds.
    pub detected_s: Option<f64>,
    /// From then, or the fault's end, until all was well, seconds.
    pub recovered_s: Option<f64>,
    /// What was done about it.
    pub actions: Vec<String>,
    /// What was promised and not kept, or what else is to be said.
    pub notes: Vec<String>,
    #[serde(skip)]
    patience: f64,
}

impl Result {
    /// A time must not be longer than promised.
    pub(super) fn within(&mut self, time_s: Option<f64>, promised_s: f64, what: &str) {
        let holds = time_s.is_some_and(|s| s <= promised_s * self.patience);
        self.must(holds, format!("{what} in {promised_s} s"));
    }

    pub(super) fn must(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.passed = false;
            self.notes.push(otherwise.into());
        }
    }
}

/// Runs one case of the trainer `program` in an empty `folder`. Times may be `patience` times as long as promised.
#[must_use]
pub fn run_case(case: &Case, program: &Path, folder: &Path, patience: f64) -> Result {
    let mut result = Result {
        id: case.id.to_owned(),
        what: case.what.to_owned(),
        passed: true,
        patience,
        ..Result::default()
    };
    let ran = match case.kind {
        Kind::Module { .. } | Kind::Harmless => in_one_process(case, program, folder, &mut result),
        Kind::Window => on_display(&mut result, |display, result| {
            window(case, display, program, folder, result)
        }),
        Kind::Process { detect_s, recover_s } => {
            process(case, None, (detect_s, recover_s), program, folder, &mut result)
        }
        Kind::LostGpu => on_display(&mut result, |display, result| {
            process(case, Some(display), (1.0, 5.0), program, folder, result)
        }),
        Kind::CrashLoop => crash_loop(case, program, folder, &mut result),
        Kind::KillNine => kill_nine(program, folder, &mut result),
        Kind::Terminate => terminate(program, folder, &mut result),
        Kind::Starved => starved(program, folder, &mut result),
        Kind::FewFiles => few_files(program, folder, &mut result),
        Kind::Settings => outside::settings(program, folder, &mut result),
        Kind::Disk => outside::disk(program, folder, &mut result),
        Kind::Clock => outside::clock(program, folder, &mut result),
        Kind::Offline => outside::offline(program, folder, &mut result),
        Kind::Alert { name, within_s } => {
            outside::alert(name, within_s, case.script, program, folder, &mut result)
        }
        Kind::History => history(program, folder, &mut result),
    };
    if let Err(error) = ran {
        result.must(false, error.to_string());
    }
    result
}

pub(super) type Ran = std::io::Result<()>;

/// A start may take this long, on a machine that does other things, too.
const START_WITHIN: Duration = Duration::from_secs(30);

fn is_ready(manager: &mut Manager) -> bool {
    manager.starts.last().is_some_and(|s| s.ready.is_some())
}

pub(super) fn up(program: &Path, folder: &Path, setup: Setup) -> std::io::Result<Manager> {
    let mut manager = Manager::start(program, folder, setup)?;
    if manager.wait_until(START_WITHIN, is_ready) {
        return Ok(manager);
    }
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let last = log.lines().last().unwrap_or("it says nothing");
    Err(std::io::Error::other(format!(
        "the trainer did not start: {last}"
    )))
}

/// Something that happened, as the trainer tells it.
struct Told {
    at_s: f64,
    kind: String,
    module: String,
    words: String,
}

fn events(manager: &Manager) -> Vec<Told> {
    let answer = manager.get("/api/v1/events");
    let list = answer.and_then(|(_, v)| v.get("events").and_then(Value::as_array).cloned());
    let text = |e: &Value, key: &str| e.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = |e: &Value| Told {
        at_s: e.get("uptime_s").and_then(Value::as_f64).unwrap_or_default(),
        kind: text(e, "kind"),
        module: text(e, "module"),
        words: text(e, "message"),
    };
    list.unwrap_or_default().iter().map(told).collect()
}

/// Restarts of each module.
pub(super) fn restarts(manager: &Manager) -> BTreeMap<String, u64> {
    let answer = manager.get("/api/v1/modules");
    let list = answer.and_then(|(_, v)| v.get("modules").and_then(Value::as_array).cloned());
    let one = |m: &Value| Some((m.get("id")?.as_str()?.to_owned(), m.get("restarts")?.as_u64()?));
    list.unwrap_or_default().iter().filter_map(one).collect()
}

pub(super) fn lifecycles(manager: &Manager) -> BTreeMap<String, (String, String)> {
    let answer = manager.get("/api/v1/modules");
    let list = answer.and_then(|(_, v)| v.get("modules").and_then(Value::as_array).cloned());
    let one = |m: &Value| {
        let text = |key: &str| m.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((text("id")?, (text("lifecycle")?, text("health")?)))
    };
    list.unwrap_or_default().iter().filter_map(one).collect()
}

fn is_bad(event: &Told, module: &str) -> bool {
    let changed = |to: &[&str]| to.iter().any(|t| event.words.contains(t));
    event.module == module
        && match event.kind.as_str() {
            "module_changed" => changed(&["→ failed"]),
            "health_changed" => changed(&["→ unhealthy", "→ degraded", "failed inside"]),
            "recovery_attempted" => true,
            _ => false,
        }
}

/// When the module is at work and its health known and not bad, for good, seconds after the start.
fn well_since(told: &[Told], module: &str, from_s: f64) -> Option<f64> {
    let (mut running, mut well) = (true, true);
    let mut since = Some(from_s);
    for event in told.iter().filter(|e| e.module == module) {
        match event.kind.as_str() {
            "module_changed" if event.words.contains('→') => {
                running = event.words.contains("→ running");
                if !running {
                    well = false;
                }
            }
            "health_changed" if event.words.contains('→') => {
                well = event.words.contains("→ healthy") || event.words.contains("→ degraded");
            }
            _ => {}
        }
        if event.at_s >= from_s {
            since = (running && well).then(|| since.unwrap_or(event.at_s));
        } else {
            since = (running && well).then_some(from_s);
        }
    }
    since
}

fn in_one_process(case: &Case, program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let setup = Setup {
        script: case.script.to_owned(),
        ..Setup::default()
    };
    let manager = up(program, folder, setup)?;
    judge_modules(case, manager, result)
}

fn judge_modules(case: &Case, mut manager: Manager, result: &mut Result) -> Ran {
    let script = FaultScript::parse(case.script).map_err(std::io::Error::other)?;
    let end_s = script.0.iter().map(|f| f.at_s + f.for_s).fold(0.0, f64::max);
    let started = manager.starts.last().map_or_else(Instant::now, |s| s.at);
    let until = started + Duration::from_secs_f64(end_s + 9.0);
    let mut shown_bad = false;
    while Instant::now() < until {
        manager.wait(Duration::from_millis(100));
        let status = manager.get("/api/v1/health");
        let level = status.and_then(|(_, v)| v.get("health").or_else(|| v.get("status")).cloned());
        shown_bad |= level.is_some_and(|l| l.as_str().is_some_and(|l| l != "healthy"));
    }
    let told = events(&manager);
    let first = told.iter().find(|e| e.kind == "fault_injected").map(|e| e.at_s);
    let done = |e: &&Told| e.kind == "recovery_attempted" || e.kind == "gave_up";
    let action = |e: &Told| format!("{} {}", e.module, e.words.split(':').next().unwrap_or_default());
    result.actions = told.iter().filter(done).map(action).collect();
    result.must(first.is_some(), "the fault did not happen");
    let fault_s = first.unwrap_or_default();
    let counts = restarts(&manager);
    result.must(!counts.is_empty(), "the API does not answer at the end");
    let mut allowed = None;
    if let Kind::Module {
        module,
        detect_s,
        recover_s,
        restarts,
    } = case.kind
    {
        allowed = Some(module);
        let noticed = told
            .iter()
            .find(|e| e.at_s >= fault_s && is_bad(e, module))
            .map(|e| e.at_s);
        result.detected_s = noticed.map(|s| s - fault_s);
        let lasts = script.0.first().map_or(0.0, |f| f.for_s);
        let from_s = noticed.unwrap_or(fault_s).max(fault_s + lasts);
        result.recovered_s = well_since(&told, module, from_s).map(|s| s - from_s);
        result.within(result.detected_s, detect_s, "to be noticed");
        result.within(result.recovered_s, recover_s, "to be well");
        result.must(
            shown_bad || case.id == "F6b",
            "all was shown as healthy meanwhile",
        );
        let again = counts.get(module).copied().unwrap_or_default();
        result.must(
            again > 0 || !restarts,
            format!("{module} was to be started again"),
        );
        result.must(again == 0 || restarts, format!("{module} was started again"));
    }
    for (id, n) in counts
        .iter()
        .filter(|(id, n)| **n > 0 && Some(id.as_str()) != allowed)
    {
        // The second fault of the disk's case is the core's.
        result.must(
            case.id == "F12" && id == "core",
            format!("{id} was started again {n} times"),
        );
    }
    result.must(manager.starts.len() == 1, "the process was started again");
    for (id, (life, health)) in lifecycles(&manager) {
        result.must(
            life == "running" && health != "unhealthy",
            format!("{id} is {life}, {health} at the end"),
        );
    }
    end(&mut manager, result);
    Ok(())
}

/// The trainer must end in good order.
pub(super) fn end(manager: &mut Manager, result: &mut Result) {
    match manager.stop() {
        None => result.must(false, "it did not end when told to"),
        Some((status, took)) => {
            result.must(status.success(), format!("it ended with {}", ended(status)));
            result.within(Some(took.as_secs_f64()), 3.0, "to end");
        }
    }
}

fn process(
    case: &Case,
    display: Option<String>,
    (detect_s, recover_s): (f64, f64),
    program: &Path,
    folder: &Path,
    result: &mut Result,
) -> Ran {
    let setup = Setup {
        script: case.script.to_owned(),
        display,
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    let script = FaultScript::parse(case.script).map_err(std::io::Error::other)?;
    let at_s = script.0.first().map_or(0.0, |f| f.at_s);
    manager.wait_until(Duration::from_secs_f64(at_s + 15.0), |m| m.starts.len() > 1);
    manager.wait_until(START_WITHIN, is_ready);
    let (Some(first), Some(second)) = (manager.starts.first(), manager.starts.get(1)) else {
        result.must(false, "the process was not started again");
        return Ok(());
    };
    // The script counts from a moment after the start, so this is the later of both figures.
    let fault = first.at + Duration::from_secs_f64(at_s);
    if let Some((at, status)) = first.end {
        result.detected_s = Some(at.saturating_duration_since(fault).as_secs_f64());
        result
            .actions
            .push(format!("process ended by {}, started again", ended(status)));
        result.recovered_s = second
            .ready
            .map(|r| r.saturating_duration_since(at).as_secs_f64());
    }
    result.within(result.detected_s, detect_s, "to be noticed");
    result.within(result.recovered_s, recover_s, "to be ready again");
    told_of_the_end(&mut manager, result);
    result.must(
        manager.starts.len() == 2,
        format!("started {} times", manager.starts.len()),
    );
    end(&mut manager, result);
    Ok(())
}

/// The new process knows that the one before ended badly.
fn told_of_the_end(manager: &mut Manager, result: &mut Result) {
    let knows = |m: &mut Manager| {
        let answer = m
            .get("/api/v1/recovery")
            .map(|(_, v)| v.to_string())
            .unwrap_or_default();
        answer.contains("restart_process")
    };
    let knows = manager.wait_until(Duration::from_secs(3), knows);
    result.must(knows, "the new process does not tell of the end of the old one");
}

fn crash_loop(case: &Case, program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let setup = Setup {
        script: case.script.to_owned(),
        every_start: true,
        ..Setup::default()
    };
    let mut manager = Manager::start(program, folder, setup)?;
    let began = Instant::now();
    let is_safe = |m: &mut Manager| {
        let status = m.get("/api/v1/status").map(|(_, v)| v).unwrap_or_default();
        status.get("safe_mode").and_then(Value::as_bool) == Some(true)
    };
    let safe = manager.wait_until(Duration::from_secs(60), is_safe);
    result.recovered_s = safe.then(|| began.elapsed().as_secs_f64());
    result
        .actions
        .push(format!("started {} times, then safe mode", manager.starts.len()));
    result.must(safe, "it does not come up in safe mode");
    result.must(manager.starts.len() <= 5, "it was started too often");
    Ok(())
}

fn kill_nine(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let mut manager = up(program, folder, Setup::default())?;
    let mut random = fastrand::Rng::with_seed(21);
    let mut longest: f64 = 0.0;
    for n in 0..5 {
        manager.wait(Duration::from_millis(random.u64(200..3000)));
        let killed = Instant::now();
        manager.signal(Signal::KILL);
        let starts = manager.starts.len();
        let back = |m: &mut Manager| m.starts.len() > starts && is_ready(m);
        let back = manager.wait_until(START_WITHIN, back);
        result.must(back, format!("not back after kill {}", n + 1));
        longest = longest.max(killed.elapsed().as_secs_f64());
    }
    result.recovered_s = Some(longest);
    result.within(Some(longest), 5.0, "to be ready again");
    told_of_the_end(&mut manager, result);
    let kept = folder.join("state/recovery.ron");
    let readable = std::fs::read_to_string(&kept).is_ok_and(|t| ron::from_str::<ron::Value>(&t).is_ok());
    result.must(readable, format!("{} can't be read", kept.display()));
    end(&mut manager, result);
    Ok(())
}

fn terminate(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let mut random = fastrand::Rng::with_seed(20);
    let mut longest: f64 = 0.0;
    for n in 0..10 {
        let mut manager = up(program, &folder.join(format!("{n}")), Setup::default())?;
        // Requests without a pause, while it is told to end.
        let until = Instant::now() + Duration::from_millis(random.u64(100..2000));
        while Instant::now() < until {
            for path in ["/api/v1/status", "/api/v1/frame.jpg", "/metrics"] {
                drop(manager.get(path));
            }
            manager.turn();
        }
        match manager.stop() {
            None => result.must(false, format!("run {} did not end", n + 1)),
            Some((status, took)) => {
                longest = longest.max(took.as_secs_f64());
                result.must(
                    status.success(),
                    format!("run {} ended with {}", n + 1, ended(status)),
                );
            }
        }
        let mark = folder.join(format!("{n}/state/running"));
        result.must(!mark.exists(), format!("run {} left its mark behind", n + 1));
    }
    result.recovered_s = Some(longest);
    result.within(Some(longest), 3.0, "to end");
    Ok(())
}

fn starved(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let mut manager = up(program, folder, Setup::default())?;
    let mut busy: Vec<_> = (0..16)
        .filter_map(|_| {
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .ok()
        })
        .collect();
    manager.wait(Duration::from_secs(15));
    for child in &mut busy {
        drop(child.kill());
        drop(child.wait());
    }
    manager.wait(Duration::from_secs(6));
    result.must(manager.starts.len() == 1, "the process was started again");
    let counts = restarts(&manager);
    result.must(!counts.is_empty(), "the API does not answer afterwards");
    for (id, n) in counts.iter().filter(|(_, n)| **n > 0) {
        result.must(false, format!("{id} was started again {n} times"));
    }
    end(&mut manager, result);
    Ok(())
}

fn few_files(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let setup = Setup {
        before: "ulimit -n 96;".to_owned(),
        ..Setup::default()
    };
    let mut manager = up(program, folder, setup)?;
    let address = manager.address();
    let held: Vec<_> = (0..200)
        .filter_map(|_| std::net::TcpStream::connect(address).ok())
        .collect();
    manager.wait(Duration::from_secs(4));
    drop(held);
    let answers = manager.wait_until(Duration::from_secs(12), |m| {
        m.get("/livez").is_some_and(|(c, _)| c == 200)
    });
    result.must(answers, "the API does not answer afterwards");
    result.must(manager.starts.len() == 1, "the process was started again");
    end(&mut manager, result);
    Ok(())
}

/// Does something with a display of its own.
fn on_display(result: &mut Result, what: impl FnOnce(String, &mut Result) -> Ran) -> Ran {
    let display = ":87".to_owned();
    let server = Command::new("Xvfb")
        .args([&display, "-screen", "0", "1600x900x24"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut server) = server else {
        result.notes.push("not made: Xvfb is not installed".to_owned());
        return Ok(());
    };
    std::thread::sleep(Duration::from_secs(1));
    let ran = what(display, result);
    drop(server.kill());
    drop(server.wait());
    ran
}

fn window(case: &Case, display: String, program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let setup = Setup {
        script: case.script.to_owned(),
        display: Some(display),
        ..Setup::default()
    };
    let manager = up(program, folder, setup)?;
    let kind = Kind::Module {
        module: "projector",
        detect_s: 1.5,
        recover_s: 3.0,
        restarts: false,
    };
    judge_modules(&Case { kind, ..*case }, manager, result)
}

fn history(program: &Path, folder: &Path, result: &mut Result) -> Ran {
    let mut manager = up(program, folder, Setup::default())?;
    manager.wait(Duration::from_secs(8));
    end(&mut manager, result);
    drop(manager);
    let file = folder.join("state/history.sqlite");
    let mut bytes = std::fs::read(&file)?;
    let mut random = fastrand::Rng::with_seed(35);
    for at in (0..bytes.len()).step_by(7) {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.u8(..);
        }
    }
    std::fs::write(&file, bytes)?;
    let mut manager = up(program, folder, Setup::default())?;
    manager.wait(Duration::from_secs(3));
    let aside = std::fs::read_dir(folder.join("state"))?.flatten();
    let aside = aside
        .filter(|e| e.file_name().to_string_lossy().contains("corrupt"))
        .count();
    result.must(aside > 0, "the spoilt file was not put aside");
    result.must(manager.starts.len() == 1, "the process was started again");
    for (id, (life, health)) in lifecycles(&manager) {
        result.must(
            life == "running" && health != "unhealthy",
            format!("{id} is {life}, {health}"),
        );
    }
    end(&mut manager, result);
    Ok(())
}
