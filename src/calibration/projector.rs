//! The projector: a camera run backwards.

use glam::DMat3;
use serde::{Deserialize, Serialize};

use super::{CameraModel, Homography};
use crate::units::{ImageSize, Vec2, Vec3};

/// A calibrated projector over a table: which of its pixels lights which place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorModel {
    /// Lens and place, as those of a camera that would take the projected picture.
    pub optics: CameraModel,
    /// Its picture is mirrored, left for right, as projectors do for screens seen from behind.
    pub mirrored: bool,
}

impl ProjectorModel {
    /// Size of its picture, pixels.
    #[must_use]
    pub const fn size(&self) -> ImageSize {
        self.optics.lens.image
    }

    /// The pixel that lights a point of the table frame; `None` for one behind the projector.
    #[must_use]
    pub fn pixel(&self, point_m: Vec3) -> Option<Vec2> {
        self.optics.project(point_m).map(|p| self.mirror(p))
    }

    /// Where a pixel's light falls at height `z_m` above the cloth.
    #[must_use]
    pub fn on_plane(&self, pixel: Vec2, z_m: f64) -> Option<Vec2> {
        self.optics.on_plane(self.mirror(pixel), z_m)
    }

    /// True where a pixel is in the picture.
    #[must_use]
    pub fn shows(&self, pixel: Vec2) -> bool {
        let size = self.size();
        (0.0..=f64::from(size.width)).contains(&pixel.x) && (0.0..=f64::from(size.height)).contains(&pixel.y)
    }

    /// From the cloth to pixels as without the lens's distortion: what a graphics card can do by
    /// one division. `None` where it would be no map.
    #[must_use]
    pub fn straight(&self) -> Option<Homography> {
        let lens = &self.optics.lens;
        let pose = &self.optics.pose;
        let r = pose.rotation;
        let shift = -(r * pose.eye_m);
        let plane = DMat3::from_cols(r.x_axis, r.y_axis, shift);
        let focal = DMat3::from_cols(
            Vec3::new(lens.focal_px.x, 0.0, 0.0),
            Vec3::new(0.0, lens.focal_px.y, 0.0),
            lens.centre_px.extend(1.0),
        );
        let mirror = if self.mirrored {
            DMat3::from_cols(
                Vec3::new(-1.0, 0.0, 0.0),
                Vec3::Y,
                Vec3::new(f64::from(lens.image.width), 0.0, 1.0),
            )
        } else {
            DMat3::IDENTITY
        };
        Homography::from_matrix(mirror * focal * plane)
    }

    fn mirror(&self, p: Vec2) -> Vec2 {
        if self.mirrored {
            Vec2::new(f64::from(self.size().width) - p.x, p.y)
        } else {
            p
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{Lens, Pose};

    fn projector(mirrored: bool, k1: f64) -> ProjectorModel {
        let mut lens = Lens::pinhole(ImageSize::new(1920, 1080), 1900.0);
        lens.centre_px.y += 300.0;
        lens.radial[0] = k1;
        let pose = Pose::looking_at(Vec3::new(0.2, 0.3, 2.6), Vec3::new(0.0, 0.05, 0.0), Vec3::Y);
        ProjectorModel {
            optics: CameraModel { lens, pose },
            mirrored,
        }
    }

    #[test]
    fn light_falls_where_its_pixel_was_asked_for() {
        for mirrored in [false, true] {
            let projector = projector(mirrored, -0.02);
            for place in [Vec2::ZERO, Vec2::new(1.2, -0.6), Vec2::new(-0.7, 0.3)] {
                let pixel = projector.pixel(place.extend(0.02)).unwrap();
                assert!(projector.on_plane(pixel, 0.02).unwrap().distance(place) < 1e-9);
            }
        }
    }

    #[test]
    fn without_distortion_the_straight_map_is_the_whole_of_it() {
        for mirrored in [false, true] {
            let projector = projector(mirrored, 0.0);
            let straight = projector.straight().unwrap();
            for place in [Vec2::ZERO, Vec2::new(1.2, -0.6), Vec2::new(-0.7, 0.3)] {
                let pixel = projector.pixel(place.extend(0.0)).unwrap();
                assert!(straight.apply(place).unwrap().distance(pixel) < 1e-8);
            }
        }
    }
}
