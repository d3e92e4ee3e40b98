//! Where frames come from: camera, pictures, video, recording, virtual table.

#[cfg(feature = "app")]
mod camera;
mod controls;
mod faulty;
mod images;
mod recording;
mod spec;
mod video;
mod watch;

use std::time::Duration;

#[cfg(feature = "app")]
pub use camera::{CameraEntry, CameraSource, Held, find as find_camera, list_cameras};
pub use controls::{CameraSettings, Holder};
pub use faulty::{Asked, FaultySource, Kept};
pub use images::ImageSource;
pub use recording::{RecordingSource, ReplayPace};
pub use spec::{SourceSpec, UnknownSource};
pub use video::VideoSource;
pub use watch::{SourceWatch, Verdict};

use crate::vision::frame::Frame;

/// Something that delivers frames, one after the other, on a thread of its own.
pub trait FrameSource: Send {
    /// The next frame, waited for at most `timeout`. `Ok(None)`: none came in time, ask again.
    ///
    /// # Errors
    /// [`SourceError`] when no further frame will come without reopening the source.
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError>;

    /// True for pictures of a sensor: no two of them can be equal.
    fn is_live(&self) -> bool {
        true
    }

    /// How long it may be silent before it is opened again.
    fn patience(&self) -> Patience {
        Patience::default()
    }

    /// Frames a second it gives of itself, where that is known.
    fn rate_hz(&self) -> Option<f64> {
        None
    }

    /// What to call it on screen: `camera:0 (HD Webcam)`, `virtual:practice`.
    fn name(&self) -> String;
}

/// How long a source may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Between opening it and its first picture.
    pub first: Duration,
    /// Between two pictures.
    pub next: Duration,
}

impl Default for Patience {
    /// That of a camera: starting a sensor takes a second or two, and after that its pictures come like a clock.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(4),
            next: Duration::from_millis(500),
        }
    }
}

/// Why a source gives no frames. The text says what, where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The source has delivered everything it had.
    #[error("{0} has ended")]
    Ended(String),
    /// It can't be opened or read.
    #[error("{0}")]
    Failed(String),
}
