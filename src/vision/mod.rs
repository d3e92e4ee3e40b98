//! Eyes: from a camera frame to balls and cue in table metres.
//!
//! [`source`] brings frames, [`analyse::Analyser`] turns one [`frame::Frame`] into one
//! [`observation::Observation`], [`track::Tracker`] turns observations into a lasting
//! [`track::TableState`]. Pixels do not leave this folder except inside an observation,
//! where every pixel point comes with the image size it was taken in.

pub mod analyse;
pub mod annotate;
pub mod cue_line;
pub mod dark;
mod digits;
pub mod evaluate;
pub mod eyes;
pub mod frame;
pub mod hidden;
pub mod house_set;
pub mod jpeg;
pub mod light;
pub mod look;
pub mod memory;
pub mod naming;
pub mod observation;
pub mod picture_file;
pub mod picture_watch;
#[cfg(feature = "app")]
pub mod plugin;
pub mod recording;
pub mod source;
pub mod track;
