//! The command line: one file per subcommand.

mod analyze;
mod backup;
mod calibrate;
mod cameras;
mod config;
mod deploy;
mod doctor;
mod evaluate;
#[cfg(feature = "app")]
mod faults;
mod monitors;
#[cfg(feature = "app")]
mod run;
mod simulate;
#[cfg(feature = "app")]
mod token;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::table::TableSpec;
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::house_set::HouseSet;
use crate::vision::picture_file::read_picture;

/// A camera sees the table, physics predicts the shot, a projector draws it on the cloth.
#[derive(Debug, Parser)]
#[command(name = "billiards-trainer", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at pictures and say what is on the table.
    Analyze(analyze::Analyze),
    /// Save what the trainer knows, and restore it.
    Backup(backup::Backup),
    /// Teach the trainer what is special about this house.
    Calibrate(calibrate::Calibrate),
    /// List the connected cameras: what to call them, what they offer, who uses them.
    Cameras(cameras::Cameras),
    /// Put releases in place, watch them, and take them back.
    Deploy(Box<deploy::Deploy>),
    /// Look whether this machine has what the trainer needs, and say what to do where not.
    Doctor(doctor::Doctor),
    /// Check and show settings.
    Config(config::Config),
    /// Measure how good the trainer is, in figures.
    Evaluate(evaluate::Evaluate),
    /// Break the trainer on purpose and see what comes of it.
    #[cfg(feature = "app")]
    Faults(faults::Faults),
    /// List the connected monitors and projectors: name for projector.monitor, size, rate, place.
    Monitors(monitors::Monitors),
    /// Start the trainer: projector, operator dashboard, HTTP API.
    #[cfg(feature = "app")]
    Run(Box<run::Run>),
    /// Play the shots of a file and tell where the balls come to rest.
    Simulate(simulate::Simulate),
    /// Say who may reach the trainer over the network.
    #[cfg(feature = "app")]
    Token(token::TokenCommand),
}

/// A failure that is told to the user on one line: what, where, what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The command could not do its work (exit code 1).
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// Another instance does it already (exit code 75).
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 75,
        }
    }

    /// The same, with where it happened in front.
    pub(crate) fn of(self, place: impl std::fmt::Display) -> Self {
        Self {
            message: format!("{place}: {}", self.message),
            ..self
        }
    }

    /// The command was called in a way that can't work (exit code 2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 2,
        }
    }

    /// It was called in a way that never works.
    #[cfg(feature = "app")]
    pub(crate) const fn is_usage(&self) -> bool {
        self.code == 2
    }
}

/// One JSON document.
fn write_json(out: &mut impl std::io::Write, document: &impl serde::Serialize) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}

/// Columns as wide as their widest entry.
fn write_table<const COLUMNS: usize>(
    out: &mut impl std::io::Write,
    rows: &[[String; COLUMNS]],
) -> std::io::Result<()> {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = entry.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(e, w)| format!("{e:<w$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The result, on standard output.
fn show(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .map_err(|error| Failure::failed(format!("can't write the result: {error}")))
}

/// Writes a result into a file of the user's choice.
fn write_result(file: &Path, text: &str) -> Result<(), Failure> {
    crate::config::write_durably(file, text.as_bytes()).map_err(|error| {
        Failure::failed(format!(
            "can't write {}: {error}; choose another file",
            file.display()
        ))
    })
}

/// Makes a folder of the user's choice, if one is given.
fn make_folder(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::failed(format!(
            "can't make the folder {}: {error}; choose another",
            folder.display()
        ))
    })
}

/// The table model with this name, if one is given.
fn table_named(name: Option<&str>) -> Result<Option<TableSpec>, Failure> {
    name.map(|name| TableSpec::named(name).map_err(|e| Failure::usage(e.to_string())))
        .transpose()
}

/// The house's own balls, if a file is given; those of the table's game where that is given.
fn balls_from(file: Option<&Path>, table: Option<&TableSpec>) -> Result<Option<HouseSet>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let balls = match table {
        Some(table) => HouseSet::load_for(file, table.ball_set),
        None => HouseSet::load(file),
    };
    balls.map(Some).map_err(|e| Failure::failed(e.to_string()))
}

/// A picture file as a frame.
fn frame_of(path: &Path) -> Result<Frame, String> {
    let picture = read_picture(path).map_err(|e| e.to_string())?;
    let size = ImageSize::new(picture.width(), picture.height());
    Frame::new(0, size, PixelFormat::Rgb8, picture.into_raw()).map_err(|e| e.to_string())
}

/// Reads the command line, does what it says, and gives the exit code; docs/configuration.md lists
/// them.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Analyze(command) => command.execute().map(|()| ExitCode::SUCCESS),
        Command::Backup(command) => command.execute().map(|()| ExitCode::SUCCESS),
        Command::Calibrate(command) => command.execute(),
        Command::Cameras(command) => command.execute().map(|()| ExitCode::SUCCESS),
        Command::Deploy(command) => command.execute(),
        Command::Doctor(command) => command.execute(),
        Command::Monitors(command) => command.execute().map(|()| ExitCode::SUCCESS),
        Command::Config(command) => command.execute(),
        Command::Evaluate(command) => command.execute().map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "app")]
        Command::Faults(command) => command.execute().map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "app")]
        Command::Run(command) => command.execute(),
        Command::Simulate(command) => command.execute().map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "app")]
        Command::Token(command) => command.execute().map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("billiards-trainer: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
