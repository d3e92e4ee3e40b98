//! `calibrate`: what a house teaches the trainer once.

#[cfg(feature = "app")]
mod all;
mod balls;
mod camera;

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
    /// Camera and projector: where they are, and where light lands.
    #[cfg(feature = "app")]
    #[command(visible_alias = "projector")]
    All(Box<all::All>),
    /// The colours of the house's own balls.
    Balls(balls::Balls),
    /// The lens of the camera, from pictures of a printed board.
    Camera(camera::Camera),
}

impl Calibrate {
    pub(crate) fn execute(self) -> Result<std::process::ExitCode, Failure> {
        match self.what {
            #[cfg(feature = "app")]
            What::All(command) => command.execute(),
            What::Balls(command) => command.execute().map(|()| std::process::ExitCode::SUCCESS),
            What::Camera(command) => command.execute().map(|()| std::process::ExitCode::SUCCESS),
        }
    }
}
