//! Where the camera and the projector stand, and how sure we are of it.

mod blob;
pub mod board;
mod camera;
mod dots;
mod fit;
pub mod flow;
mod homography;
mod least_squares;
pub mod lens;
pub mod look;
mod luminance;
mod markers;
mod noses;
mod pattern;
#[cfg(feature = "app")]
pub mod plugin;
pub mod profile;
mod projector;
pub mod session;
mod sights;

pub mod spots;
pub mod status;
pub mod watch;
#[cfg(test)]
mod watch_tests;

pub use camera::{CameraModel, Lens, Pose, Projection};
pub use homography::Homography;
pub use pattern::{Mark, Pattern};
pub use projector::ProjectorModel;
