//! `evaluate`: how good is it, in figures that anyone can reproduce.

mod capture;
mod forecast;
mod monitoring;
mod physics;
mod replay;
mod vision;

use clap::{Args, Subcommand};

use super::Failure;

/// Measures a part of the trainer against truths, references and itself.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Capture: sources that are lost, stall, freeze or send nonsense; how soon all is well again.
    Capture(capture::Capture),
    /// Fault prediction: leaks found in time, false alarms, on traces made up by seed.
    Forecast(forecast::Forecast),
    /// What monitoring itself costs.
    Monitoring(monitoring::Monitoring),
    /// The physics: measured truths, reference shots, both drivers, spread, speed.
    Physics(physics::Physics),
    /// A recorded session, played again: is the same tracked, bit for bit?
    Replay(replay::Replay),
    /// The eyes: balls found, false, misplaced and misnamed, on annotated pictures or in rooms made up by seed.
    Vision(vision::Vision),
}

impl Evaluate {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match &self.what {
            What::Capture(command) => command.execute(),
            What::Forecast(command) => command.execute(),
            What::Monitoring(command) => command.execute(),
            What::Physics(command) => command.execute(),
            What::Replay(command) => command.execute(),
            What::Vision(command) => command.execute(),
        }
    }
}
