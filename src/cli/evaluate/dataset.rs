//! What is looked at: rooms made up by seed, folders of annotated pictures, clips.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::{Failure, frame_of};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::source::{FrameSource as _, SourceError, VideoSource};

/// What `--dataset` names.
pub(super) enum Dataset {
    /// `virtual:SEED`.
    Virtual(u64),
    /// Anything else: a file or a folder.
    Real(PathBuf),
}

impl std::str::FromStr for Dataset {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let Some(seed) = text.strip_prefix("virtual:") else {
            return Ok(Self::Real(text.into()));
        };
        seed.parse().map(Self::Virtual).map_err(|_| {
            Failure::usage(format!(
                "virtual:{seed} must have a whole number, as in virtual:1000"
            ))
        })
    }
}

/// It is a film by its name.
pub(super) fn is_clip(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| ["mp4", "mov", "mkv", "avi"].contains(&end.to_lowercase().as_str()))
}

/// The items of a folder's `manifest.json`.
pub(super) fn manifest<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, Failure> {
    #[derive(Deserialize)]
    struct Manifest<T> {
        items: Vec<T>,
    }
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::failed(format!(
            "can't read {}: {error}; give a folder of annotated pictures, or virtual:SEED",
            path.display()
        ))
    })?;
    let manifest: Manifest<T> = serde_json::from_str(&text)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    Ok(manifest.items)
}

/// An annotated picture, or the frame of an annotated clip at this time.
pub(super) fn annotated_frame(path: &Path, time_s: Option<f64>) -> Result<Frame, Failure> {
    let failed = |error: String| Failure::failed(format!("{}: {error}", path.display()));
    if !is_clip(path) {
        return frame_of(path).map_err(failed);
    }
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-ss"])
        .arg(time_s.unwrap_or(0.0).to_string())
        .arg("-i")
        .arg(path)
        .args(["-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"])
        .output()
        .map_err(|error| {
            failed(format!(
                "ffmpeg cannot be started ({error}); install the package ffmpeg"
            ))
        })?;
    if output.stdout.is_empty() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!(
            "no picture at {} s ({}); check `frame_time_s` in the manifest",
            time_s.unwrap_or(0.0),
            why.trim()
        )));
    }
    let picture = image::load_from_memory(&output.stdout)
        .map_err(|error| failed(error.to_string()))?
        .to_rgb8();
    let size = ImageSize::new(picture.width(), picture.height());
    Frame::new(0, size, PixelFormat::Rgb8, picture.into_raw()).map_err(|error| failed(error.to_string()))
}

/// Calls `f` with every frame of a clip, stamped by the clip's own rate, until it has enough.
pub(super) fn each_frame(clip: &Path, mut f: impl FnMut(Frame) -> bool) -> Result<(), Failure> {
    let failed = |error: SourceError| Failure::failed(error.to_string());
    let mut source = VideoSource::once(&clip.to_string_lossy()).map_err(failed)?;
    loop {
        match source.next(Duration::from_secs(1)) {
            Ok(Some(frame)) => {
                if !f(frame) {
                    return Ok(());
                }
            }
            Ok(None) => {}
            Err(SourceError::Ended(_)) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
    }
}
