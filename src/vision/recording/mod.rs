//! Sessions on disk: every picture that was looked at, untouched, with its time.
//!
//! [`writer::Recorder`] writes them beside the frame path, [`reader::Reader`] reads them, whole or cut;
//! [`crate::vision::source::RecordingSource`] plays them through the same code as a camera. The container is described in
//! `docs/recording.md`; [`format`] is its one place in code.

pub mod format;
mod keep;
pub mod reader;
pub mod replay;
pub mod writer;

pub use format::Header;
pub use keep::Limits;
pub use reader::{Reader, ReadingError};
pub use writer::{Recorder, RecorderStatus};
