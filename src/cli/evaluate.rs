//! `evaluate`: how good is it, in figures that anyone can reproduce.

mod forecast;
mod monitoring;
mod physics;
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
    /// Fault prediction: leaks found in time, false alarms, on traces made up by seed.
    Forecast(forecast::Forecast),
    /// What monitoring itself costs.
    Monitoring(monitoring::Monitoring),
    /// The physics: measured truths, reference shots, both drivers, spread, speed.
    Physics(physics::Physics),
    /// The eyes: balls found, false, misplaced and misnamed, on annotated pictures or in rooms made up by seed.
    Vision(vision::Vision),
}

impl Evaluate {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match &self.what {
            What::Forecast(command) => command.execute(),
            What::Monitoring(command) => command.execute(),
            What::Physics(command) => command.execute(),
            What::Vision(command) => command.execute(),
        }
    }
}
