//! `config`: what is set, whether it can work, and what can be set.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;
use crate::config::{Assignment, ConfigError, Loaded, Overrides, Settings, Source, schema};

/// Checks and shows settings: defaults, site file, `BILLIARDS_…` variables and --set together.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the settings can work: exit code 0, or 78 with one line for each fault.
    Check(Check),
    /// Show the settings in force.
    Show(Show),
    /// Every setting with type, default, range and meaning, as JSON.
    Schema,
}

#[derive(Debug, Args)]
struct Check {
    /// Settings file (RON); without it the one that `run` would use.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Set a value on top of the file; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Assignment>,
}

#[derive(Debug, Args)]
struct Show {
    /// Settings file (RON); without it the one that `run` would use.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set a value on top of the file; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Assignment>,
    /// Also say where each value comes from.
    #[arg(long)]
    sources: bool,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let mut out = std::io::stdout().lock();
        match self.command {
            ConfigCommand::Check(check) => {
                let path = check.file.or_else(Settings::default_path);
                Ok(said(&mut out, path.as_deref(), &Overrides::of_process(check.set)))
            }
            ConfigCommand::Show(show) => {
                let path = show.config.or_else(Settings::default_path);
                let loaded = Loaded::load(path.as_deref(), &Overrides::of_process(show.set))?;
                written(out.write_all(shown(&loaded, show.sources, show.json)?.as_bytes()))
            }
            ConfigCommand::Schema => {
                let text = json(&schema()?)?;
                written(out.write_all(text.as_bytes()))
            }
        }
    }
}

/// Checks the settings and says what is wrong with them.
fn said(out: &mut impl Write, path: Option<&Path>, overrides: &Overrides) -> ExitCode {
    match checked(path, overrides) {
        Ok(loaded) => {
            let file = path.map_or("no settings file, the defaults".to_owned(), |p| {
                p.display().to_string()
            });
            let set = loaded.sources().iter().filter(|s| !s.place.is_empty()).count();
            let environment = loaded.settings.environment.name();
            // Nobody who listens no more wants to know.
            writeln!(
                out,
                "{file}: good; {set} settings are set, environment {environment}"
            )
            .ok();
            for note in &loaded.notes {
                writeln!(out, "note: {note}").ok();
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            if error.faults().is_empty() {
                eprintln!("{error}");
            }
            for fault in error.faults() {
                eprintln!("{fault}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// The settings, and the file that they name.
fn checked(path: Option<&Path>, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    Loaded::load(path, overrides)?.with_named_files()
}

fn shown(loaded: &Loaded, sources: bool, as_json: bool) -> Result<String, Failure> {
    match (sources, as_json) {
        (false, false) => Ok(loaded.to_ron()),
        (false, true) => json(&loaded.settings),
        (true, true) => json(&loaded.sources()),
        (true, false) => Ok(table(&loaded.sources())),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|e| Failure::failed(format!("cannot be written as JSON: {e}")))
}

/// Key, value, layer and place in columns.
fn table(sources: &[Source]) -> String {
    let width = |of: fn(&Source) -> usize| sources.iter().map(of).max().unwrap_or(0);
    let key = width(|s| s.key.chars().count());
    let value = width(|s| s.value.chars().count()).min(40);
    let layer = width(|s| s.layer.name().len());
    let mut text = String::new();
    for s in sources {
        let line = format!(
            "{:key$}  {:value$}  {:layer$}  {}",
            s.key,
            s.value,
            s.layer.name(),
            s.place
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn written(result: std::io::Result<()>) -> Result<ExitCode, Failure> {
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(e) => Err(Failure::failed(format!("can't write to standard output: {e}"))),
    }
}

/// Settings that can't be used end the program with the exit code that says so.
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            message: error.to_string(),
            code: error.exit_code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_a_table_of_key_value_layer_and_place() {
        let overrides = Overrides {
            variables: vec![("BILLIARDS_API__HOST".to_owned(), "0.0.0.0".to_owned())],
            command_line: vec!["log_level=warn".parse().unwrap()],
        };
        let text = "(\n  vision: (rate_hz: 25),\n)";
        let loaded = Loaded::from_text(Some((text, Path::new("site.ron"))), &overrides).unwrap();
        let text = shown(&loaded, true, false).unwrap();
        let row = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("vision.rate_hz"), "vision.rate_hz 25 site file site.ron:2:21");
        assert_eq!(
            row("api.host"),
            "api.host \"0.0.0.0\" variable $BILLIARDS_API__HOST"
        );
        assert_eq!(
            row("log_level"),
            "log_level \"warn\" command line --set log_level"
        );
        assert_eq!(row("api.port"), "api.port 8000 default");
        let json: serde_json::Value = serde_json::from_str(&shown(&loaded, true, true).unwrap()).unwrap();
        assert!(
            json.as_array()
                .unwrap()
                .iter()
                .any(|row| row["key"] == "vision.rate_hz"
                    && row["layer"] == "site_file"
                    && row["place"] == "site.ron:2:21")
        );
        // What is shown can be read again.
        let again = shown(&loaded, false, false).unwrap();
        let again = Loaded::from_text(Some((&again, Path::new("shown.ron"))), &Overrides::default()).unwrap();
        assert_eq!(again.settings, loaded.settings);
        let json: serde_json::Value = serde_json::from_str(&shown(&loaded, false, true).unwrap()).unwrap();
        assert_eq!(json["vision"]["rate_hz"], 25.0);
    }

    #[test]
    fn a_set_without_a_value_is_refused() {
        assert!("vision.rate_hz".parse::<Assignment>().is_err());
        assert!("=3".parse::<Assignment>().is_err());
        let set: Assignment = "source=images:a=b".parse().unwrap();
        assert_eq!((set.key.as_str(), set.value.as_str()), ("source", "images:a=b"));
    }
}
