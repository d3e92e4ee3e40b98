//! Where the virtual camera stands and which ray each of its pixels takes.

use crate::calibration::{CameraModel, Lens, Pose, Projection};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2, Vec3};

/// Height of the rails' top above the cloth, metres.
pub(in crate::virtual_table) fn rail_height_m(table: &TableSpec) -> f64 {
    table.nose_height_m + 0.008
}

/// Half the outer size of the table including its rails, metres.
pub(in crate::virtual_table) fn outer_half_m(table: &TableSpec) -> Vec2 {
    Vec2::new(table.half_length_m(), table.half_width_m())
        + Vec2::splat(table.cushion_width_m + table.rail_width_m)
}

/// A webcam under the ceiling: a little off the middle, a little tilted, with the barrel
/// distortion of a cheap lens, and the whole table with its rails in the picture.
pub(in crate::virtual_table) fn overhead(table: &TableSpec, image: ImageSize) -> CameraModel {
    let outer = outer_half_m(table);
    let height = (1.72 * outer.x).max(2.4);
    let pose = Pose::looking_at(
        Vec3::new(0.06, -0.09, height),
        Vec3::new(0.012, 0.006, 0.0),
        Vec3::new(0.008, 1.0, 0.0),
    );
    framed(table, image, pose, [-0.075, 0.012, 0.0])
}

/// A camera in this pose with this distortion, zoomed so that the table with its rails just fits.
pub(in crate::virtual_table) fn framed(
    table: &TableSpec,
    image: ImageSize,
    pose: Pose,
    radial: [f64; 3],
) -> CameraModel {
    let outer = outer_half_m(table);
    let mut lens = Lens {
        image,
        focal_px: Vec2::ONE,
        centre_px: Vec2::ZERO,
        radial,
        tangential: [0.0006, -0.0004],
        projection: Projection::Perspective,
    };
    // With unit focal length the lens gives the extent in units of the focal length.
    let unit = CameraModel { lens, pose };
    let middle = Vec2::new(f64::from(image.width) * 0.5, f64::from(image.height) * 0.5);
    let centre = middle + Vec2::new(0.004, -0.006) * f64::from(image.width);
    let room = (middle - (centre - middle).abs()) * 0.985;
    let mut focal = f64::INFINITY;
    for sx in [-1.0, 0.0, 1.0] {
        for sy in [-1.0, 0.0, 1.0] {
            let corner = (outer * Vec2::new(sx, sy)).extend(rail_height_m(table));
            if let Some(at) = unit.project(corner) {
                focal = focal
                    .min(room.x / at.x.abs().max(1e-9))
                    .min(room.y / at.y.abs().max(1e-9));
            }
        }
    }
    lens.focal_px = Vec2::new(focal, focal * 1.0015);
    lens.centre_px = centre;
    CameraModel { lens, pose }
}

/// The point of the cloth's plane behind every pixel, kept on a coarse lattice: between its
/// nodes the lens is straight to some thousandths of a pixel.
pub(super) struct RayMap {
    columns: usize,
    nodes: Vec<glam::Vec2>,
    /// Where all rays start.
    pub(super) eye: glam::Vec3,
}

impl RayMap {
    const STEP: f32 = 8.0;

    /// `None` when a pixel of the camera does not look down on the plane of the cloth.
    pub(super) fn new(camera: &CameraModel) -> Option<Self> {
        let image = camera.lens.image;
        let count = |pixels: u32| (pixels as f32 / Self::STEP).ceil() as usize + 2;
        let (columns, rows) = (count(image.width), count(image.height));
        let mut nodes = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let pixel = Vec2::new(column as f64, row as f64) * f64::from(Self::STEP);
                let at = camera.on_plane(pixel, 0.0)?;
                if camera.pose.eye_m.z <= 0.2 || at.length() > 50.0 {
                    return None;
                }
                nodes.push(at.as_vec2());
            }
        }
        Some(Self {
            columns,
            nodes,
            eye: camera.pose.eye_m.as_vec3(),
        })
    }

    /// The point of the plane z = 0 that is seen at a pixel position (centres at half-integers).
    pub(super) fn on_cloth(&self, x: f32, y: f32) -> glam::Vec2 {
        let (gx, gy) = ((x / Self::STEP).max(0.0), (y / Self::STEP).max(0.0));
        let (ix, iy) = (gx as usize, gy as usize);
        let (u, v) = (gx - ix as f32, gy - iy as f32);
        let node = |dx: usize, dy: usize| {
            let i = (iy + dy) * self.columns + ix + dx;
            self.nodes.get(i).copied().unwrap_or_default()
        };
        let top = node(0, 0).lerp(node(1, 0), u);
        let bottom = node(0, 1).lerp(node(1, 1), u);
        top.lerp(bottom, v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_fits_into_the_picture_with_its_rails() {
        for name in TableSpec::NAMES {
            let table = TableSpec::named(name).unwrap();
            let camera = overhead(&table, ImageSize::new(1920, 1080));
            let outer = outer_half_m(&table);
            for (sx, sy) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
                let at = camera.project((outer * Vec2::new(sx, sy)).extend(0.045)).unwrap();
                assert!(
                    at.x > 0.0 && at.x < 1920.0 && at.y > 0.0 && at.y < 1080.0,
                    "{name} {at}"
                );
            }
        }
    }

    #[test]
    fn the_lattice_of_rays_agrees_with_the_lens() {
        let table = TableSpec::pool_9ft();
        let camera = overhead(&table, ImageSize::new(1920, 1080));
        let rays = RayMap::new(&camera).unwrap();
        for (x, y) in [(3.5, 2.5), (700.3, 333.3), (1919.5, 1079.5), (1204.0, 20.0)] {
            let exact = camera.on_plane(Vec2::new(x, y), 0.0).unwrap();
            let error = rays.on_cloth(x as f32, y as f32).as_dvec2().distance(exact);
            assert!(error < 2e-5, "{error} m at {x}, {y}");
        }
    }
}
