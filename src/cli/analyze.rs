//! `analyze`: what is on the table in these pictures.

use std::path::PathBuf;

use clap::Args;

use super::Failure;

/// Finds table, balls and cue in pictures.
#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// Pictures (JPEG, PNG, WebP, BMP).
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Write a copy of each picture with what was found drawn on it into this folder.
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    /// Table model, if known: pool-9ft, pool-8ft, pool-7ft, snooker-12ft, carom-10ft.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl Analyze {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let _ = (&self.images, self.json, &self.annotate, &self.table);
        Err(Failure::failed("analyze is not built yet"))
    }
}
