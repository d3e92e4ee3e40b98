//! `run`: the application.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Failure;
use crate::app::{self, RunOptions};
use crate::config::{Environment, Settings};
use crate::system::faults::FaultScript;
use crate::table::{PhysicsMeasures, TableMeasures};
use crate::trainer::aim::Assistance;
use crate::virtual_table::SceneName;
use crate::vision::source::SourceSpec;

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
  http://… rtsp://…    a network camera

Examples:
  billiards-trainer run
  billiards-trainer run --source camera:0 --monitor HDMI-1
  billiards-trainer run --headless --source virtual:break --duration 30s")]
pub(crate) struct Run {
    /// Settings file (RON); what it does not name keeps its default.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where frames come from; see below.
    #[arg(long, value_name = "SOURCE", env = "BILLIARDS_SOURCE")]
    source: Option<String>,
    /// No windows: draw off-screen and serve the pictures over HTTP.
    #[arg(long)]
    headless: bool,
    /// Stop by itself after this long: 30s, 5m, 2h.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Table model: pool-9ft, pool-8ft, pool-7ft, snooker-12ft, carom-10ft.
    #[arg(long, value_name = "NAME", env = "BILLIARDS_TABLE")]
    table: Option<String>,
    /// Colours of the house's own balls, a file that `calibrate balls` made.
    #[arg(long, value_name = "FILE", env = "BILLIARDS_BALLS")]
    balls: Option<String>,
    /// Monitor of the projector by name, HDMI-1.
    #[arg(long, value_name = "NAME", env = "BILLIARDS_MONITOR")]
    monitor: Option<String>,
    /// How much help is drawn: off, minimal, beginner, intermediate, advanced, expert.
    #[arg(long, value_name = "LEVEL", value_parser = parse_assistance)]
    assistance: Option<Assistance>,
    /// Seed of the virtual table: the same seed plays the same shots.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Address the HTTP API listens on.
    #[arg(long, value_name = "ADDRESS", env = "BILLIARDS_HOST")]
    host: Option<String>,
    /// Port the HTTP API listens on; 0 takes any free one.
    #[arg(long, env = "BILLIARDS_PORT")]
    port: Option<u16>,
    /// development, production or testing.
    #[arg(long, value_enum, env = "BILLIARDS_ENVIRONMENT")]
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
    #[arg(long, value_name = "LEVEL", env = "BILLIARDS_LOG")]
    log_level: Option<String>,
    /// The same as --log-level debug.
    #[arg(long, conflicts_with = "log_level")]
    debug: bool,
    /// Append the log to this file, too.
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Folder for what outlasts the program: recovery attempts, crash reports, history.
    #[arg(long, value_name = "DIR", env = "BILLIARDS_STATE")]
    state_folder: Option<PathBuf>,
    /// Come up with the API only, to find out what is wrong.
    #[arg(long)]
    safe_mode: bool,
    /// Break things on purpose, as this file says (testing environment only).
    #[arg(long, value_name = "FILE")]
    fault_script: Option<PathBuf>,
}

/// The folder asked for, the service manager's, or the user's own.
fn state_folder(asked: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let var = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let own = || var("XDG_STATE_HOME").or_else(|| var("HOME").map(|home| home.join(".local/state")));
    asked
        .or_else(|| var("STATE_DIRECTORY"))
        .or_else(|| own().map(|folder| folder.join("billiards-trainer")))
        .ok_or_else(|| {
            Failure::usage("there is no home folder to keep things in; name one with --state-folder")
        })
}

impl Run {
    pub(crate) fn execute(self) -> Result<std::process::ExitCode, Failure> {
        let settings = self.settings()?;
        let spec: SourceSpec = settings
            .source
            .parse()
            .map_err(|e| Failure::usage(format!("{e}")))?;
        check_source(&spec)?;
        let table = settings.table_spec().map_err(|e| Failure::usage(e.to_string()))?;
        settings.vision.house_set(&table).map_err(Failure::failed)?;
        if self.fault_script.is_some() && settings.environment != Environment::Testing {
            return Err(Failure::usage(
                "--fault-script breaks things on purpose; it is for --environment testing only",
            ));
        }
        let script = self.fault_script.as_deref().map(FaultScript::load);
        let faults = script.transpose().map_err(Failure::usage)?;
        let options = RunOptions {
            headless: self.headless,
            duration: self.duration,
            seed: self.seed,
            log_file: self.log_file,
            state_folder: Some(state_folder(self.state_folder)?),
            crashed: None,
            safe_mode: self.safe_mode,
            faults,
        };
        app::run(settings, options).map_err(Failure::failed)
    }

    /// Defaults < site file < environment < command line.
    fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match self.config.clone().or_else(Settings::default_path) {
            Some(path) => Settings::load(&path).map_err(|e| Failure::failed(e.to_string()))?,
            None => Settings::default(),
        };
        let set = |to: &mut String, from: &Option<String>| {
            if let Some(value) = from {
                to.clone_from(value);
            }
        };
        set(&mut settings.source, &self.source);
        set(&mut settings.table, &self.table);
        set(&mut settings.vision.balls, &self.balls);
        set(&mut settings.projector.monitor, &self.monitor);
        set(&mut settings.api.host, &self.host);
        set(&mut settings.log_level, &self.log_level);
        if self.debug {
            "debug".clone_into(&mut settings.log_level);
        }
        settings.environment = self.environment.unwrap_or(settings.environment);
        settings.api.port = self.port.unwrap_or(settings.api.port);
        settings.trainer.assistance = self.assistance.unwrap_or(settings.trainer.assistance);
        settings.vision.enabled &= !self.no_vision;
        settings.core_enabled &= !self.no_core;
        settings.projector.disabled |= self.no_projector;
        settings.api.enabled &= !self.no_api;
        settings.check().map_err(|e| Failure::usage(e.to_string()))?;
        if self.table.is_none() {
            follow_scene(&mut settings);
        }
        Ok(settings)
    }
}

/// A scene that needs other balls than the table has brings its own table, unless one was asked for.
/// What was measured at the table in the settings does not hold for that one.
fn follow_scene(settings: &mut Settings) {
    let Ok(SourceSpec::Virtual(scene)) = settings.source.parse() else {
        return;
    };
    let (Ok(scene), Ok(table)) = (scene.parse::<SceneName>(), settings.table_spec()) else {
        return;
    };
    let usual = scene.usual_table();
    if usual.ball_set != table.ball_set {
        settings.table = usual.name;
        settings.table_measures = TableMeasures::default();
        settings.physics = PhysicsMeasures::default();
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
        SourceSpec::Camera(id) => crate::vision::source::find_camera(id)
            .map(drop)
            .map_err(|e| Failure::failed(e.to_string())),
        _ => Ok(()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
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

    #[test]
    fn a_scene_with_other_balls_brings_its_own_table_without_measures_of_another() {
        let mut settings = Settings {
            table_measures: TableMeasures {
                cue_ball_mass_kg: Some(0.19),
                ..TableMeasures::default()
            },
            ..Settings::default()
        };
        for (source, table) in [
            ("virtual:break", "pool-9ft, custom"),
            ("virtual:snooker", "snooker-12ft"),
        ] {
            settings.source = source.to_owned();
            follow_scene(&mut settings);
            assert_eq!(settings.table_spec().unwrap().name, table);
        }
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
