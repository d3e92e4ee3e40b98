//! `run`: the application.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Failure;
use crate::app::{self, RunOptions, Site};
use crate::config::{Assignment, Environment, InstanceLock, Loaded, LockError, Overrides, Settings};
use crate::ops::backup::Repository;
use crate::ops::installation::Installation;
use crate::system::faults::FaultScript;
use crate::trainer::aim::Assistance;
use crate::virtual_table::SceneName;
use crate::vision::source::{RecordingSource, ReplayPace, SourceSpec};

/// Starts the trainer: projector, operator dashboard, HTTP API.
///
/// Without a camera the virtual table plays; without a display everything is drawn
/// off-screen and shown on the web page, whose address is printed.
#[derive(Debug, Args)]
#[command(after_help = "Sources:
  auto                 first camera, else the virtual table
  virtual[:SCENE]      a simulated table that plays by itself
  camera:ID            a camera by number or device path, camera:0
  video:FILE           a video file, round and round
  images:DIR_OR_GLOB   pictures, one after the other
  recording:FILE       a recorded session (--record), again and again; of a folder, the newest
  http://… rtsp://…    a network camera

Examples:
  billiards-trainer run
  billiards-trainer run --source camera:0 --monitor HDMI-1
  billiards-trainer run --headless --source virtual:break --duration 30s
  billiards-trainer run --set vision.rate_hz=25 --set api.enabled=false

Every setting can also be said by a variable: BILLIARDS_VISION__RATE_HZ=25. `config show --sources`
tells what holds and who said it; `config check` finds faults.")]
pub(crate) struct Run {
    /// Settings file (RON); what it does not name keeps its default.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where frames come from; see below.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// No windows: draw off-screen and serve the pictures over HTTP.
    #[arg(long)]
    headless: bool,
    /// Stop by itself after this long: 30s, 5m, 2h.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Record every picture that is looked at into this folder; the oldest recordings there make room.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Table model: pool-9ft, pool-8ft, pool-7ft, snooker-12ft, carom-10ft.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Colours of the house's own balls, a file that `calibrate balls` made.
    #[arg(long, value_name = "FILE")]
    balls: Option<String>,
    /// Monitor of the projector by name, HDMI-1.
    #[arg(long, value_name = "NAME")]
    monitor: Option<String>,
    /// How much help is drawn: off, minimal, beginner, intermediate, advanced, expert.
    #[arg(long, value_name = "LEVEL", value_parser = parse_assistance)]
    assistance: Option<Assistance>,
    /// Seed of the virtual table: the same seed plays the same shots.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Address the HTTP API listens on.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port the HTTP API listens on; 0 takes any free one.
    #[arg(long)]
    port: Option<u16>,
    /// development, production or testing.
    #[arg(long, value_enum)]
    environment: Option<Environment>,
    /// Do not look (no source).
    #[arg(long)]
    no_vision: bool,
    /// Do not aim or predict.
    #[arg(long)]
    no_core: bool,
    /// Do not project.
    #[arg(long)]
    no_projector: bool,
    /// Do not listen on the network.
    #[arg(long)]
    no_api: bool,
    /// error, warn, info, debug or trace, or a filter.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// The same as --log-level debug.
    #[arg(long, conflicts_with = "log_level")]
    debug: bool,
    /// Append the log to this file, too; at 16 MiB it goes on in a new one, and the last is kept as FILE.1.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Folder for what outlasts the program: recovery attempts, crash reports, history.
    #[arg(long, value_name = "DIR")]
    state_folder: Option<PathBuf>,
    /// Come up with the API only, to find out what is wrong.
    #[arg(long)]
    safe_mode: bool,
    /// Break things on purpose, as this file says (testing environment only).
    #[arg(long, value_name = "FILE")]
    fault_script: Option<PathBuf>,
    /// Look at the health of all modules this often: 1s, 500ms.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    health_interval: Option<Duration>,
    /// Give each module this long to stop.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    shutdown_timeout: Option<Duration>,
    /// Do not watch health and performance.
    #[arg(long)]
    no_monitoring: bool,
    /// Do not repair by itself what fails.
    #[arg(long)]
    no_recovery: bool,
    /// Set any value of the settings file; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Assignment>,
}

impl Run {
    pub(crate) fn execute(self) -> Result<std::process::ExitCode, Failure> {
        self.start(None)
    }

    /// Runs it; with `calibrate` only until camera and projector are calibrated, the camera's height being this.
    pub(super) fn start(self, calibrate: Option<Option<f64>>) -> Result<std::process::ExitCode, Failure> {
        let overrides = Overrides::of_process(self.assignments());
        let file = self.config.clone().or_else(Settings::default_path);
        let load = if self.safe_mode {
            Loaded::load_for_safe_mode
        } else {
            Loaded::load_or_last_good
        };
        let (loaded, last_good_because) = load(file.as_deref(), &overrides)?;
        let settings = loaded.settings.clone();
        let spec: SourceSpec = settings
            .source
            .parse()
            .map_err(|e| Failure::usage(format!("{e}")))?;
        let mut notes = loaded.notes.clone();
        // Who starts it by hand learns at once; nobody does at a table that starts by itself, and a camera may come.
        if let Err(failure) = check_source(&spec) {
            if self.source.is_some() || failure.is_usage() {
                return Err(failure);
            }
            notes.push(format!("{failure}; waiting for it"));
        }
        let table = settings.table_spec()?;
        settings.vision.house_set(&table).map_err(Failure::failed)?;
        if self.fault_script.is_some() && settings.environment != Environment::Testing {
            return Err(Failure::usage(
                "--fault-script breaks things on purpose; it is for --environment testing only",
            ));
        }
        let script = self.fault_script.as_deref().map(FaultScript::load);
        let faults = script.transpose().map_err(Failure::usage)?;
        let folder = settings.state_folder()?;
        // What a restore that was cut off left half done must not be worked with.
        if let Some(place) = Installation::of_running(Some(folder.clone()))
            && Repository::finish_restore(&place).map_err(|e| Failure::failed(e.to_string()))?
        {
            return Err(Failure::failed(
                "a restore that was cut off has just been finished; start the trainer again, on what it brought back",
            ));
        }
        let lock = InstanceLock::take(&folder).map_err(|error| match &error {
            LockError::Held { .. } => Failure::busy(error.to_string()),
            LockError::Failed { .. } => Failure::failed(error.to_string()),
        })?;
        let options = RunOptions {
            headless: self.headless,
            duration: self.duration,
            seed: self.seed,
            log_file: self.log_file,
            state_folder: Some(folder),
            crashed: None,
            safe_mode: self.safe_mode,
            calibrate,
            faults,
            notes,
            last_good_because,
            site: Some(Site { loaded, overrides }),
        };
        let ended = app::run(settings, options).map_err(Failure::failed);
        drop(lock);
        ended
    }

    /// What the flags set.
    fn assignments(&self) -> Vec<Assignment> {
        let mut set = self.set.clone();
        let mut say = |key: &str, value: Option<String>, flag: &str| {
            set.extend(value.map(|value| Assignment::new(key, value, flag)));
        };
        let seconds = |time: Option<Duration>| time.map(|t| t.as_secs_f64().to_string());
        let off = |off: bool, value: &str| off.then(|| value.to_owned());
        say("source", self.source.clone(), "--source");
        say("table", self.table.clone(), "--table");
        let record = self.record.as_ref().map(|f| f.to_string_lossy().into_owned());
        say("recording.folder", record, "--record");
        say("vision.balls", self.balls.clone(), "--balls");
        say("projector.monitor", self.monitor.clone(), "--monitor");
        say(
            "trainer.assistance",
            self.assistance.map(|a| a.name().to_owned()),
            "--assistance",
        );
        say("api.host", self.host.clone(), "--host");
        say("api.port", self.port.map(|p| p.to_string()), "--port");
        say(
            "environment",
            self.environment.map(|e| e.name().to_owned()),
            "--environment",
        );
        say("vision.enabled", off(self.no_vision, "false"), "--no-vision");
        say("core_enabled", off(self.no_core, "false"), "--no-core");
        say(
            "projector.disabled",
            off(self.no_projector, "true"),
            "--no-projector",
        );
        say("api.enabled", off(self.no_api, "false"), "--no-api");
        let folder = self
            .state_folder
            .as_ref()
            .map(|f| f.to_string_lossy().into_owned());
        say("state_folder", folder, "--state-folder");
        say("log_level", self.log_level.clone(), "--log-level");
        say("log_level", off(self.debug, "debug"), "--debug");
        say(
            "system.health_interval_s",
            seconds(self.health_interval),
            "--health-interval",
        );
        say(
            "shutdown_timeout_s",
            seconds(self.shutdown_timeout),
            "--shutdown-timeout",
        );
        say(
            "system.monitoring",
            off(self.no_monitoring, "false"),
            "--no-monitoring",
        );
        say("system.recovery", off(self.no_recovery, "false"), "--no-recovery");
        set
    }
}

/// A source that can't work is told at once, not after the window is open.
fn check_source(spec: &SourceSpec) -> Result<(), Failure> {
    match spec {
        SourceSpec::Virtual(scene) => {
            if scene.is_empty() {
                return Ok(());
            }
            scene
                .parse::<SceneName>()
                .map(drop)
                .map_err(|e| Failure::usage(e.to_string()))
        }
        SourceSpec::Images(pattern) => crate::vision::source::ImageSource::open(pattern)
            .map(drop)
            .map_err(|e| Failure::failed(e.to_string())),
        SourceSpec::Video(file) if !file.contains("://") && !std::path::Path::new(file).is_file() => Err(
            Failure::failed(format!("video:{file}: there is no such file; check the path")),
        ),
        SourceSpec::Recording(path) => RecordingSource::open(path, ReplayPace::RealTime)
            .map(drop)
            .map_err(|e| Failure::failed(e.to_string())),
        SourceSpec::Camera(id) => crate::vision::source::find_camera(id)
            .map(drop)
            .map_err(|e| Failure::failed(e.to_string())),
        _ => Ok(()),
    }
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write 30s, 5m, 2h or 500ms");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|d| !d.is_zero())
        .ok_or_else(wrong)
}

fn parse_assistance(text: &str) -> Result<Assistance, String> {
    Assistance::ALL
        .into_iter()
        .find(|a| a.name() == text)
        .ok_or_else(|| {
            let names: Vec<_> = Assistance::ALL.iter().map(|a| a.name()).collect();
            format!("`{text}` is no level of assistance; write {}", names.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        run: Run,
    }

    #[test]
    fn flags_are_settings_of_the_command_line() {
        let line = "run --environment production --host 0.0.0.0 --port 8000 --no-vision --no-core --no-projector \
                    --no-api --no-monitoring --no-recovery --health-interval 500ms --shutdown-timeout 5s --debug \
                    --assistance expert --monitor HDMI-1 --table pool-8ft --source virtual --set vision.rate_hz=25";
        let line = <Line as clap::Parser>::try_parse_from(line.split_whitespace()).unwrap();
        let overrides = Overrides {
            command_line: line.run.assignments(),
            ..Overrides::default()
        };
        let loaded = Loaded::load(None, &overrides).unwrap();
        let s = &loaded.settings;
        assert_eq!(
            (s.environment, s.api.host.as_str(), s.api.port),
            (Environment::Production, "0.0.0.0", 8000)
        );
        assert!(!s.vision.enabled && !s.core_enabled && s.projector.disabled && !s.api.enabled);
        assert!(!s.system.monitoring && !s.system.recovery);
        assert_eq!((s.system.health_interval_s, s.shutdown_timeout_s), (0.5, 5.0));
        assert_eq!((s.vision.rate_hz, s.log_level.as_str()), (25.0, "debug"));
        assert_eq!(
            (s.trainer.assistance, s.table.as_str()),
            (Assistance::Expert, "pool-8ft")
        );
        let said = loaded.sources().into_iter().filter(|s| s.place.starts_with("--"));
        assert_eq!(said.count(), line.run.assignments().len());
    }

    #[test]
    fn lengths_of_time_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "s", "-3s", "0s", "NaN", "5 weeks", "1e400s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
