//! Where the camera and the projector stand, and how sure we are of it.

mod camera;
mod homography;

pub use camera::{CameraModel, Lens, Pose};
pub use homography::Homography;
