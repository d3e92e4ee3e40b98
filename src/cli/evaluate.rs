//! `evaluate`: how good is it, in figures that anyone can reproduce.

mod physics;

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
    /// The physics: measured truths, reference shots, both drivers, spread, speed.
    Physics(physics::Physics),
}

impl Evaluate {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match &self.what {
            What::Physics(command) => command.execute(),
        }
    }
}
