//! `evaluate`: how good is it, in figures that anyone can reproduce.

mod capture;
mod cue;
mod dataset;
mod forecast;
#[cfg(feature = "app")]
mod latency;
#[cfg(feature = "app")]
mod load;
mod monitoring;
mod overlay;
mod physics;
mod projection;
mod replay;
mod tracking;
mod vision;

use std::io::IsTerminal as _;

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
    /// The cue: found, its direction, tip, strokes and the time of the hit, in rooms made up by seed, on annotated pictures or in a clip.
    Cue(cue::Cue),
    /// Fault prediction: leaks found in time, false alarms, on traces made up by seed.
    Forecast(forecast::Forecast),
    /// From a camera's frame to the overlay that comes of it, in the running trainer.
    #[cfg(feature = "app")]
    Latency(latency::Latency),
    /// The network side under a thousand live clients: how fast it answers, what it takes, whether it holds up the table.
    #[cfg(feature = "app")]
    Load(load::LoadCommand),
    /// What monitoring itself costs.
    Monitoring(monitoring::Monitoring),
    /// What is drawn: does it stand out on cloths of many colours, does light keep off balls and cue; with pictures.
    Overlay(overlay::Overlay),
    /// The physics: measured truths, reference shots, both drivers, spread, speed.
    Physics(physics::Physics),
    /// Where projected lines land, on rigs of camera and projector made up by seed.
    Projection(projection::Projection),
    /// A recorded session, played again: is the same tracked, bit for bit?
    Replay(replay::Replay),
    /// The tracker: balls followed through shots, and what happened to them, in rooms made up by seed or in clips.
    Tracking(tracking::Tracking),
    /// The eyes: balls found, false, misplaced and misnamed, on annotated pictures or in rooms made up by seed.
    Vision(vision::Vision),
}

impl Evaluate {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match &self.what {
            What::Capture(command) => command.execute(),
            What::Cue(command) => command.execute(),
            What::Forecast(command) => command.execute(),
            #[cfg(feature = "app")]
            What::Latency(command) => command.execute(),
            #[cfg(feature = "app")]
            What::Load(command) => command.execute(),
            What::Monitoring(command) => command.execute(),
            What::Overlay(command) => command.execute(),
            What::Physics(command) => command.execute(),
            What::Projection(command) => command.execute(),
            What::Replay(command) => command.execute(),
            What::Tracking(command) => command.execute(),
            What::Vision(command) => command.execute(),
        }
    }
}

/// A line that writes over itself on a terminal, now and then a line elsewhere.
fn progress(done: u64, of: u64, what: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{done} of {of} {what} ");
        if done == of {
            eprintln!();
        }
    } else if done > 0 && done.is_multiple_of(20) {
        eprintln!("{done} of {of} {what}");
    }
}
