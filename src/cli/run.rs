//! `run`: the application.

use clap::Args;

use super::Failure;

/// Starts the trainer.
#[derive(Debug, Args)]
pub(crate) struct Run {}

impl Run {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        Ok(())
    }
}
