//! The camera: its lens, and a pose in the table frame.

use glam::DMat3;
use serde::{Deserialize, Serialize};

use crate::units::{ImageSize, Vec2, Vec3};

/// How a lens brings directions into the picture, before its radial and tangential terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Straight lines stay straight; the terms are Brown's (Brown 1971).
    #[default]
    Perspective,
    /// The angle from the middle becomes the distance from it, as through a fisheye; the radial terms are those of Kannala
    /// and Brandt (2006).
    Fisheye,
}

/// A lens in pixels of one image size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lens {
    /// Size of the picture these numbers belong to.
    pub image: ImageSize,
    /// Focal length in pixels (x, y).
    pub focal_px: Vec2,
    /// Principal point in pixels, pixel centres at half-integers.
    pub centre_px: Vec2,
    /// Radial terms k1, k2, k3.
    pub radial: [f64; 3],
    /// Tangential terms p1, p2.
    pub tangential: [f64; 2],
    /// What the terms are about.
    #[serde(default)]
    pub projection: Projection,
}

/// Horizontal field of view of a usual camera, degrees.
const USUAL_VIEW_DEG: f64 = 65.0;

impl Lens {
    /// Focal length of a usual camera with pictures of this size, pixels.
    #[must_use]
    pub fn usual_focal_px(image: ImageSize) -> f64 {
        f64::from(image.width.max(image.height)) / 2.0 / (USUAL_VIEW_DEG / 2.0).to_radians().tan()
    }

    /// An ideal pinhole with its principal point in the middle.
    #[must_use]
    pub fn pinhole(image: ImageSize, focal_px: f64) -> Self {
        Self {
            image,
            focal_px: Vec2::splat(focal_px),
            centre_px: Vec2::new(f64::from(image.width) / 2.0, f64::from(image.height) / 2.0),
            radial: [0.0; 3],
            tangential: [0.0; 2],
            projection: Projection::Perspective,
        }
    }

    /// True for numbers that a lens can have.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let numbers = [
            self.focal_px.x,
            self.focal_px.y,
            self.centre_px.x,
            self.centre_px.y,
        ];
        let mut all = numbers.iter().chain(&self.radial).chain(&self.tangential);
        all.all(|number| number.is_finite()) && self.focal_px.min_element() > 0.0 && self.image.pixels() > 0
    }

    /// The same lens of pictures of another size that show the same; `None` where they have another shape.
    #[must_use]
    pub fn scaled_to(&self, image: ImageSize) -> Option<Self> {
        let (x, y) = (
            f64::from(image.width) / f64::from(self.image.width),
            f64::from(image.height) / f64::from(self.image.height),
        );
        ((x / y - 1.0).abs() < 0.005).then(|| Self {
            image,
            focal_px: self.focal_px * Vec2::new(x, y),
            centre_px: self.centre_px * Vec2::new(x, y),
            ..*self
        })
    }

    /// Pixel of the ray direction (x/z, y/z) in camera axes (x right, y down, z forward).
    #[must_use]
    pub fn distort(&self, ray: Vec2) -> Vec2 {
        self.distorted(ray) * self.focal_px + self.centre_px
    }

    /// Ray direction (x/z, y/z) of a pixel. Newton on the distortion polynomial; converges
    /// to 1e-12 wherever the lens model is monotonic.
    #[must_use]
    pub fn undistort(&self, pixel: Vec2) -> Vec2 {
        let target = (pixel - self.centre_px) / self.focal_px;
        let mut ray = target;
        for _ in 0..20 {
            let error = self.distorted(ray) - target;
            if error.length_squared() < 1e-26 {
                break;
            }
            const H: f64 = 1e-6;
            let dx = (self.distorted(ray + Vec2::new(H, 0.0)) - self.distorted(ray - Vec2::new(H, 0.0)))
                / (2.0 * H);
            let dy = (self.distorted(ray + Vec2::new(0.0, H)) - self.distorted(ray - Vec2::new(0.0, H)))
                / (2.0 * H);
            let det = dx.x * dy.y - dx.y * dy.x;
            if det.abs() < 1e-12 {
                break;
            }
            ray -= Vec2::new(dy.y * error.x - dy.x * error.y, dx.x * error.y - dx.y * error.x) / det;
        }
        ray
    }

    fn distorted(&self, ray: Vec2) -> Vec2 {
        let [k1, k2, k3] = self.radial;
        let [p1, p2] = self.tangential;
        let ray = match self.projection {
            Projection::Perspective => ray,
            // The angle in place of its tangent.
            Projection::Fisheye => ray * (ray.length().atan() / ray.length().max(f64::MIN_POSITIVE)),
        };
        let r2 = ray.length_squared();
        let gain = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        let (x, y) = (ray.x, ray.y);
        ray * gain
            + Vec2::new(
                2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
                p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
            )
    }
}

/// Position and direction of a camera in the table frame: camera = R · (table − eye).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Optical centre in the table frame, metres.
    pub eye_m: Vec3,
    /// Table axes to camera axes (x right, y down, z forward).
    pub rotation: DMat3,
}

impl Pose {
    /// A camera at `eye_m` that looks at `target_m`, with table direction `up` toward the top of the picture.
    #[must_use]
    pub fn looking_at(eye_m: Vec3, target_m: Vec3, up: Vec3) -> Self {
        let forward = (target_m - eye_m).normalize_or(Vec3::NEG_Z);
        let right = forward.cross(up).normalize_or(Vec3::X);
        let down = forward.cross(right);
        Self {
            eye_m,
            rotation: DMat3::from_cols(right, down, forward).transpose(),
        }
    }

    /// The same turned by an angle about an axis of its own (their product) and moved, metres.
    #[must_use]
    pub fn moved(&self, turn: Vec3, shift_m: Vec3) -> Self {
        let by = DMat3::from_axis_angle(turn.normalize_or(Vec3::X), turn.length());
        Self {
            eye_m: self.eye_m + shift_m,
            rotation: by * self.rotation,
        }
    }

    /// The pose from which a plane z = 0 is seen through `map`, from the plane to pixels about the
    /// principal point, with this focal length (Hartley & Zisserman 8.1.1, the nearest rotation by
    /// halves). `None` where no camera above the plane sees it so.
    #[must_use]
    pub fn of_plane(map: &DMat3, focal_px: f64) -> Option<Self> {
        let scale = Vec3::new(1.0 / focal_px, 1.0 / focal_px, 1.0);
        let (mut x, mut y, mut t) = (map.x_axis * scale, map.y_axis * scale, map.z_axis * scale);
        let mut norm = 2.0 / (x.length() + y.length());
        if t.z < 0.0 {
            norm = -norm;
        }
        x *= norm;
        y *= norm;
        t *= norm;
        let (sum, difference) = ((x + y).try_normalize()?, (x - y).try_normalize()?);
        let z = sum.cross(difference).try_normalize()?;
        let difference = z.cross(sum);
        x = (sum + difference).try_normalize()?;
        y = (sum - difference).try_normalize()?;
        let rotation = DMat3::from_cols(x, y, x.cross(y));
        let eye_m = -(rotation.transpose() * t);
        (eye_m.z > 0.0 && eye_m.is_finite()).then_some(Self { eye_m, rotation })
    }
}

/// A calibrated camera over a table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraModel {
    /// The lens.
    pub lens: Lens,
    /// Where it stands.
    pub pose: Pose,
}

impl CameraModel {
    /// Pixel of a point in the table frame; `None` behind the camera.
    #[must_use]
    pub fn project(&self, point_m: Vec3) -> Option<Vec2> {
        let p = self.pose.rotation * (point_m - self.pose.eye_m);
        (p.z > 1e-6).then(|| self.lens.distort(Vec2::new(p.x / p.z, p.y / p.z)))
    }

    /// Unit direction, in the table frame, of the ray through a pixel.
    #[must_use]
    pub fn ray(&self, pixel: Vec2) -> Vec3 {
        let ray = self.lens.undistort(pixel);
        (self.pose.rotation.transpose() * Vec3::new(ray.x, ray.y, 1.0)).normalize_or_zero()
    }

    /// The point at height `z_m` above the cloth seen at `pixel`; `None` where the ray misses that plane.
    #[must_use]
    pub fn on_plane(&self, pixel: Vec2, z_m: f64) -> Option<Vec2> {
        let ray = self.ray(pixel);
        let t = (z_m - self.pose.eye_m.z) / ray.z;
        (t.is_finite() && t > 0.0).then(|| (self.pose.eye_m + ray * t).truncate())
    }

    /// Silhouette of a ball of `radius_m` whose centre is at `centre_m`: `n` pixels around it.
    /// The contour directions are w cos a + sin a (e1 cos t + e2 sin t), a = asin(R/D).
    #[must_use]
    pub fn silhouette(&self, centre_m: Vec3, radius_m: f64, n: usize) -> Vec<Vec2> {
        let to = centre_m - self.pose.eye_m;
        let distance = to.length();
        if distance <= radius_m {
            return Vec::new();
        }
        let w = to / distance;
        let (sin_a, cos_a) = (radius_m / distance, (1.0 - (radius_m / distance).powi(2)).sqrt());
        let e1 = w.cross(Vec3::X).normalize_or(Vec3::Y);
        let e2 = w.cross(e1);
        (0..n)
            .filter_map(|i| {
                let (s, c) = (std::f64::consts::TAU * i as f64 / n as f64).sin_cos();
                let direction = w * cos_a + (e1 * c + e2 * s) * sin_a;
                self.project(self.pose.eye_m + direction)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> CameraModel {
        let mut lens = Lens::pinhole(ImageSize::new(1920, 1080), 1500.0);
        lens.radial = [-0.08, 0.01, 0.0];
        lens.tangential = [0.0005, -0.0003];
        let pose = Pose::looking_at(Vec3::new(0.05, -0.1, 2.4), Vec3::new(0.02, 0.01, 0.0), Vec3::Y);
        CameraModel { lens, pose }
    }

    #[test]
    fn a_point_on_the_cloth_comes_back_from_its_pixel() {
        let camera = camera();
        for (x, y) in [(0.0, 0.0), (1.27, 0.635), (-1.27, 0.635), (1.0, -0.6)] {
            let px = camera.project(Vec3::new(x, y, 0.03)).unwrap();
            let back = camera.on_plane(px, 0.03).unwrap();
            assert!((back - Vec2::new(x, y)).length() < 1e-9, "{back}");
        }
    }

    /// θ' = θ (1 + k1 θ² + k2 θ⁴) (Kannala & Brandt 2006): at 60° from the middle, with f = 600 px.
    #[test]
    fn a_fisheye_has_angles_for_distances_and_they_come_back() {
        let mut lens = Lens::pinhole(ImageSize::new(1920, 1080), 600.0);
        lens.projection = Projection::Fisheye;
        lens.radial = [-0.02, 0.003, 0.0];
        let theta = 60.0_f64.to_radians();
        let expected = 600.0 * theta * (1.0 - 0.02 * theta.powi(2) + 0.003 * theta.powi(4));
        let pixel = lens.distort(Vec2::new(theta.tan(), 0.0));
        assert!((pixel.x - 960.0 - expected).abs() < 1e-9 && (pixel.y - 540.0).abs() < 1e-9);
        for degrees in [0.0_f64, 1.0, 30.0, 60.0, 78.0] {
            let ray = Vec2::new(0.6, -0.8) * degrees.to_radians().tan();
            let back = lens.undistort(lens.distort(ray));
            assert!(
                back.distance(ray) < 1e-6 * (1.0 + ray.length()),
                "{degrees}°: {back} {ray}"
            );
        }
    }

    #[test]
    fn left_of_the_table_is_up_and_foot_is_right_in_the_picture() {
        let camera = camera();
        let at = |x: f64, y: f64| camera.project(Vec3::new(x, y, 0.0)).unwrap();
        assert!(at(1.0, 0.0).x > at(-1.0, 0.0).x);
        assert!(at(0.0, 0.5).y < at(0.0, -0.5).y);
    }

    #[test]
    fn silhouette_surrounds_the_centre_and_is_wider_away_from_the_nadir() {
        let camera = camera();
        let rim = camera.silhouette(Vec3::new(1.2, 0.6, 0.0286), 0.0286, 64);
        let middle = camera.project(Vec3::new(1.2, 0.6, 0.0286)).unwrap();
        let (near, far) = rim.iter().fold((f64::MAX, 0.0_f64), |(a, b), p| {
            let d = p.distance(middle);
            (a.min(d), b.max(d))
        });
        assert_eq!(rim.len(), 64);
        assert!(
            near > 10.0 && far / near > 1.05 && far / near < 1.4,
            "{near} {far}"
        );
    }
}
