//! `calibrate all`: camera and projector against each other.

use clap::Args;

use crate::cli::Failure;
use crate::cli::run::Run;

/// Calibrates camera and projector with the trainer's own windows, keeps the result, and ends.
///
/// Point the camera so that it shows the whole table, let the projector reach all of the cloth, take the
/// balls off, and step back. Nothing else is needed: no board, no markers. It takes about ten seconds.
/// A running trainer is calibrated from its dashboard or with POST /api/v1/calibration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  billiards-trainer calibrate all --camera-height 2.45
  billiards-trainer calibrate all --source camera:0 --monitor HDMI-1
  billiards-trainer calibrate all --source virtual:empty --headless")]
pub(crate) struct All {
    /// Height of the camera's lens above the cloth, measured with a tape, metres. With it the table is
    /// known twice as well.
    #[arg(long, value_name = "METRES")]
    camera_height: Option<f64>,
    #[command(flatten)]
    run: Run,
}

impl All {
    pub(crate) fn execute(self) -> Result<std::process::ExitCode, Failure> {
        if let Some(height) = self.camera_height
            && !(0.3..=10.0).contains(&height)
        {
            return Err(Failure::usage(format!(
                "--camera-height {height}: write the height above the cloth in metres, 0.3 to 10"
            )));
        }
        self.run.start(Some(self.camera_height))
    }
}
