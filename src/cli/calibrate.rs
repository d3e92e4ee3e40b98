//! `calibrate`: what a house teaches the trainer once.

mod balls;

use clap::{Args, Subcommand};

use super::Failure;

/// Teaches the trainer what is special about this house.
#[derive(Debug, Args)]
pub(crate) struct Calibrate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The colours of the house's own balls.
    Balls(balls::Balls),
}

impl Calibrate {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match &self.what {
            What::Balls(command) => command.execute(),
        }
    }
}
