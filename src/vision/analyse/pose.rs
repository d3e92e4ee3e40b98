//! The camera that explains four nose corners.

use glam::DMat3;
use nalgebra::{SMatrix, SVector};

use crate::calibration::{CameraModel, Homography, Lens, Pose};
use crate::units::{ImageSize, Vec2, Vec3};

/// How far a focal length may lie from the usual one (σ of its logarithm).
const FOCAL_SPREAD: f64 = 0.35;

/// A camera fitted to the noses, and which way the table lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FittedCamera {
    pub(super) camera: CameraModel,
    /// Root mean square distance of the corners from where the camera puts them, pixels.
    pub(super) residual_px: f64,
    /// Nose to nose across, metres (the length is given, this is what the picture says).
    pub(super) width_m: f64,
    /// How little it is like a camera over a table: half-percents of the picture by which the corners are off, and the
    /// square of the focal length's oddness.
    pub(super) oddness: f64,
}

/// Fits a camera (square pixels, no distortion, principal point in the middle) to the nose
/// corners (top left, top right, bottom right, bottom left; frame pixels) of a table of the given
/// size. The long side is whichever explains the picture better; a table whose long side
/// runs down the picture is read turned a quarter clockwise, so that the foot end is up.
pub(super) fn fit_camera(
    corners: &[Vec2; 4],
    image: ImageSize,
    length_m: f64,
    width_m: f64,
    nose_m: f64,
) -> Option<FittedCamera> {
    let [tl, tr, br, bl] = *corners;
    let lying = [tl, tr, br, bl];
    let standing = [bl, tl, tr, br];
    let extent = tl.distance(br).max(tr.distance(bl));
    let mut best: Option<FittedCamera> = None;
    for seen in [lying, standing] {
        let mut widths = vec![width_m];
        // Home tables are not always twice as long as wide; trust a view straight down.
        let [a, b, c, d] = seen;
        let (l1, l2, w1, w2) = (a.distance(b), d.distance(c), a.distance(d), b.distance(c));
        let skew = (l1 / l2).max(l2 / l1).max((w1 / w2).max(w2 / w1));
        let measured = length_m * (w1 + w2) / (l1 + l2);
        if skew < 1.06 && measured < 0.75 * length_m && measured > 0.35 * length_m {
            widths.push(measured);
        }
        for (k, width) in widths.into_iter().enumerate() {
            let Some(mut fitted) = fit_one(&seen, image, length_m, width, nose_m) else {
                continue;
            };
            fitted.width_m = width;
            // In half-percents of the picture; a width of its own or an odd focal length needs a reason.
            let odd = (fitted.camera.lens.focal_px.x / Lens::usual_focal_px(image)).ln() / 0.5;
            let cost = fitted.residual_px / (0.005 * extent) + odd * odd + if k > 0 { 1.2 } else { 0.0 };
            fitted.oddness = cost;
            if best.is_none_or(|best| cost < best.oddness) {
                best = Some(fitted);
            }
        }
    }
    best.filter(|f| f.residual_px < 0.05 * extent)
}

fn fit_one(
    seen: &[Vec2; 4],
    image: ImageSize,
    length_m: f64,
    width_m: f64,
    nose_m: f64,
) -> Option<FittedCamera> {
    let (hl, hw) = (length_m / 2.0, width_m / 2.0);
    let places = [
        Vec2::new(-hl, hw),
        Vec2::new(hl, hw),
        Vec2::new(hl, -hw),
        Vec2::new(-hl, -hw),
    ];
    let middle = Vec2::new(f64::from(image.width), f64::from(image.height)) / 2.0;
    let usual = Lens::usual_focal_px(image);
    let pairs: Vec<(Vec2, Vec2)> = places.iter().zip(seen).map(|(a, b)| (*a, *b - middle)).collect();
    let h = Homography::fit(&pairs)?.matrix();
    let mut best: Option<FittedCamera> = None;
    for focal in [Some(usual), focal_of(&h)].into_iter().flatten() {
        let focal = focal.clamp(0.3 * usual, 6.0 * usual);
        let Some(mut start) = Pose::of_plane(&h, focal) else {
            continue;
        };
        start.eye_m.z += nose_m;
        let fitted = refine(start, focal, usual, image, &places, seen, nose_m);
        if best.is_none_or(|b| fitted.residual_px < b.residual_px) {
            best = Some(fitted);
        }
    }
    best
}

/// Focal length from a plane's homography: the images of its two axes are orthogonal and
/// equally long (Hartley & Zisserman, 8.8). `None` where the view is too frontal to tell.
fn focal_of(h: &DMat3) -> Option<f64> {
    let (a, b) = (h.x_axis, h.y_axis);
    let (p, q) = (a.z * b.z, a.z * a.z - b.z * b.z);
    let (r, s) = (
        a.x * b.x + a.y * b.y,
        a.x * a.x + a.y * a.y - b.x * b.x - b.y * b.y,
    );
    let weight = p * p + q * q;
    let f2 = -(p * r + q * s) / weight;
    (weight > 1e-12 && f2.is_finite() && f2 > 1.0).then(|| f2.sqrt())
}

/// Levenberg–Marquardt over pose and focal length, the latter held near the usual one.
fn refine(
    start: Pose,
    focal: f64,
    usual: f64,
    image: ImageSize,
    places: &[Vec2; 4],
    seen: &[Vec2; 4],
    nose_m: f64,
) -> FittedCamera {
    let build = |p: &SVector<f64, 7>| CameraModel {
        lens: Lens::pinhole(image, focal * p[6].exp()),
        pose: start.moved(Vec3::new(p[0], p[1], p[2]), Vec3::new(p[3], p[4], p[5])),
    };
    let residuals = |p: &SVector<f64, 7>| {
        let camera = build(p);
        let mut out = SVector::<f64, 9>::zeros();
        for (i, (place, seen)) in places.iter().zip(seen).enumerate() {
            let px = camera.project(place.extend(nose_m)).unwrap_or(Vec2::splat(1e5));
            out[2 * i] = px.x - seen.x;
            out[2 * i + 1] = px.y - seen.y;
        }
        // One pixel of prior per spread keeps the focal length when the corners do not tell.
        out[8] = (focal * p[6].exp() / usual).ln() / FOCAL_SPREAD;
        out
    };
    let mut p = SVector::<f64, 7>::zeros();
    let mut r = residuals(&p);
    let mut damping = 1e-3;
    for _ in 0..40 {
        let mut j = SMatrix::<f64, 9, 7>::zeros();
        for k in 0..7 {
            let mut q = p;
            q[k] += 1e-6;
            j.set_column(k, &((residuals(&q) - r) / 1e-6));
        }
        let jtj = j.transpose() * j;
        let mut lhs = jtj;
        for k in 0..7 {
            lhs[(k, k)] += damping * (jtj[(k, k)] + 1e-9);
        }
        let Some(step) = lhs.lu().solve(&(-(j.transpose() * r))) else {
            break;
        };
        let next = p + step;
        let s = residuals(&next);
        if s.norm_squared() < r.norm_squared() {
            let gain = r.norm_squared() - s.norm_squared();
            p = next;
            r = s;
            damping = (damping * 0.3).max(1e-9);
            if gain < 1e-9 {
                break;
            }
        } else {
            damping *= 8.0;
            if damping > 1e9 {
                break;
            }
        }
    }
    let squares: f64 = r.iter().take(8).map(|v| v * v).sum();
    FittedCamera {
        camera: build(&p),
        residual_px: (squares / 4.0).sqrt(),
        width_m: 0.0,
        oddness: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_of_a_tilted_view_comes_back() {
        let image = ImageSize::new(1920, 1080);
        let truth = CameraModel {
            lens: Lens::pinhole(image, 1400.0),
            pose: Pose::looking_at(Vec3::new(0.1, -1.9, 2.0), Vec3::new(0.0, 0.1, 0.0), Vec3::Y),
        };
        let corners = [(-1.27, 0.635), (1.27, 0.635), (1.27, -0.635), (-1.27, -0.635)]
            .map(|(x, y)| truth.project(Vec3::new(x, y, 0.0366)).unwrap());
        let found = fit_camera(&corners, image, 2.54, 1.27, 0.0366).unwrap();
        assert!(found.residual_px < 0.5, "{}", found.residual_px);
        assert!((found.camera.lens.focal_px.x / 1400.0 - 1.0).abs() < 0.02);
        assert!(found.camera.pose.eye_m.distance(truth.pose.eye_m) < 0.05);
    }

    #[test]
    fn a_table_that_stands_in_the_picture_is_read_with_its_foot_up() {
        let image = ImageSize::new(600, 1000);
        let corners =
            [(100.0, 100.0), (500.0, 100.0), (500.0, 900.0), (100.0, 900.0)].map(|(x, y)| Vec2::new(x, y));
        let found = fit_camera(&corners, image, 2.54, 1.27, 0.0366).unwrap();
        let foot = found.camera.project(Vec3::new(1.0, 0.0, 0.0)).unwrap();
        let left = found.camera.project(Vec3::new(0.0, 0.5, 0.0)).unwrap();
        assert!(foot.y < 400.0 && left.x < 300.0, "{foot} {left}");
    }
}
