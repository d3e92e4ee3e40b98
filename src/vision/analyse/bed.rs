//! Where on the picture balls can lie: the bed between the noses, less the pockets.

use super::grid::Grid;
use super::line::{signed_area, spans_of};
use super::working::WorkingPicture;
use crate::calibration::CameraModel;
use crate::table::{Geometry, PocketId, TableSpec};
use crate::units::{Vec2, Vec3};

/// The table's places on a working picture. Everything here is in working pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct Bed {
    /// Nose corners, clockwise as seen.
    pub(super) noses: Vec<Vec2>,
    /// Middle and radius of the pockets: TL TM TR BL BM BR as seen.
    pub(super) pockets: Vec<(Vec2, f64)>,
    /// Length of the long side between the noses.
    pub(super) length: f64,
    /// Width of the cushions.
    pub(super) cushion: f64,
    /// Columns of each row between the noses.
    pub(super) nose_spans: Vec<(u32, u32)>,
    /// Columns of each row on any cloth, cushions included.
    pub(super) cloth_spans: Vec<(u32, u32)>,
    /// Left, top, right, bottom of the cloth.
    pub(super) window: [usize; 4],
    /// A ball's radius is (this · (1, x, y)) pixels per metre of radius.
    scale: [f64; 3],
}

impl Bed {
    /// The bed of a table seen by `camera`. `cloth`: its outer border as seen, working pixels.
    pub(super) fn new(
        picture: &WorkingPicture,
        noses: [Vec2; 4],
        cloth: [Vec2; 4],
        pockets: [(Vec2, f64); 6],
        camera: &CameraModel,
        ball_height_m: f64,
    ) -> Self {
        let (w, h) = (picture.w, picture.h);
        let cloth_spans = spans_of(&cloth, w, h);
        let mut window = [w, h, 0, 0];
        for (y, &(x0, x1)) in cloth_spans.iter().enumerate() {
            if x0 < x1 {
                window = [
                    window[0].min(x0 as usize),
                    window[1].min(y),
                    window[2].max(x1 as usize),
                    y + 1,
                ];
            }
        }
        if window[2] == 0 {
            window = [0; 4];
        }
        let length = super::table_finder::long_side(&noses);
        Self {
            cushion: (super::table_finder::long_side(&cloth) - length).max(0.0) / 2.0,
            length,
            nose_spans: spans_of(&noses, w, h),
            cloth_spans,
            window,
            scale: radius_scale(camera, picture.grid, &noses, ball_height_m),
            noses: noses.to_vec(),
            pockets: pockets.to_vec(),
        }
    }

    /// Radius in working pixels of a ball of `radius_m` seen at `p`.
    pub(super) fn ball_radius(&self, p: Vec2, radius_m: f64) -> f64 {
        let [a, b, c] = self.scale;
        radius_m * (a + b * p.x + c * p.y)
    }

    /// How far inside the noses a place lies (negative outside).
    pub(super) fn depth(&self, p: Vec2) -> f64 {
        let sense = signed_area(&self.noses).signum();
        self.noses
            .iter()
            .zip(self.noses.iter().cycle().skip(1))
            .map(|(a, b)| sense * (*b - *a).normalize_or_zero().perp_dot(p - *a))
            .fold(f64::MAX, f64::min)
    }

    /// The nearest pocket's distance from `p` in units of that pocket's radius.
    pub(super) fn pocket_distance(&self, p: Vec2) -> f64 {
        self.pockets
            .iter()
            .map(|(c, r)| c.distance(p) / r.max(1e-6))
            .fold(f64::MAX, f64::min)
    }

    /// Takes the pockets out of a mask.
    pub(super) fn clear_pockets(&self, mask: &mut [u8], w: usize) {
        for &(centre, radius) in &self.pockets {
            let rows =
                (centre.y - radius).floor().max(0.0) as usize..=(centre.y + radius).ceil().max(0.0) as usize;
            for y in rows {
                let dy = y as f64 + 0.5 - centre.y;
                let half = (radius * radius - dy * dy).max(0.0).sqrt();
                let x0 = (centre.x - half).round().clamp(0.0, w as f64) as usize;
                let x1 = (centre.x + half).round().clamp(0.0, w as f64) as usize;
                if let Some(row) = mask.get_mut(y * w + x0..y * w + x1) {
                    row.fill(0);
                }
            }
        }
    }
}

/// Seen from above all balls are alike; over a plane seen aslant the inverse of the depth is affine
/// in the picture, and so is a ball's size.
fn radius_scale(camera: &CameraModel, grid: Grid, noses: &[Vec2; 4], height_m: f64) -> [f64; 3] {
    let step = match grid {
        Grid::Flat(flat) => return [1.0 / flat.pitch_m, 0.0, 0.0],
        Grid::Shrunk { step } => step.max(1) as f64,
    };
    let at = |p: Vec2| {
        let place = camera.on_plane(p * step, height_m)?;
        let depth = (camera.pose.rotation * (place.extend(height_m) - camera.pose.eye_m)).z;
        (depth > 1e-3).then(|| (camera.lens.focal_px.x + camera.lens.focal_px.y) / 2.0 / depth / step)
    };
    let [tl, tr, _, bl] = *noses;
    let (Some(a), Some(b), Some(c)) = (at(tl), at(tr), at(bl)) else {
        return [1.0, 0.0, 0.0];
    };
    let (u, v) = (tr - tl, bl - tl);
    let det = u.perp_dot(v);
    if det.abs() < 1e-6 {
        return [a, 0.0, 0.0];
    }
    let gx = ((b - a) * v.y - (c - a) * u.y) / det;
    let gy = ((c - a) * u.x - (b - a) * v.x) / det;
    [a - gx * tl.x - gy * tl.y, gx, gy]
}

/// The table's quadrilateral at a height and an extra width beyond the noses, as the camera
/// shows it, clockwise as seen from the top left; frame pixels.
pub(super) fn rectangle_px(
    camera: &CameraModel,
    half_length_m: f64,
    half_width_m: f64,
    height_m: f64,
) -> Option<[Vec2; 4]> {
    let mut corners = [Vec2::ZERO; 4];
    let places = [(-1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)];
    for (corner, (sx, sy)) in corners.iter_mut().zip(places) {
        *corner = camera.project(Vec3::new(sx * half_length_m, sy * half_width_m, height_m))?;
    }
    if reads_backward(camera) {
        corners.rotate_left(2);
    }
    Some(corners)
}

/// True where the foot end is seen at the left (or at the bottom of a standing table), so
/// that names as seen are turned by half a turn against the table's own.
fn reads_backward(camera: &CameraModel) -> bool {
    let (Some(head), Some(foot)) = (
        camera.project(Vec3::new(-0.5, 0.0, 0.0)),
        camera.project(Vec3::new(0.5, 0.0, 0.0)),
    ) else {
        return false;
    };
    let along = foot - head;
    if along.x.abs() >= along.y.abs() {
        along.x < 0.0
    } else {
        along.y > 0.0
    }
}

/// Pockets as seen (TL TM TR BL BM BR) with their radius, frame pixels.
pub(super) fn pockets_px(camera: &CameraModel, spec: &TableSpec) -> Option<[(Vec2, f64); 6]> {
    let geometry = Geometry::of(spec);
    let mut order = [
        PocketId::HeadLeft,
        PocketId::SideLeft,
        PocketId::FootLeft,
        PocketId::HeadRight,
        PocketId::SideRight,
        PocketId::FootRight,
    ];
    if reads_backward(camera) {
        order.reverse();
    }
    let mut out = [(Vec2::ZERO, 0.0); 6];
    for (slot, id) in out.iter_mut().zip(order) {
        // A table without pockets still has the six places, with nothing to leave out.
        let (centre, radius) = geometry.pocket(id).map_or_else(
            || {
                let (sx, sy) = id.signs();
                (
                    Vec2::new(sx * spec.half_length_m(), sy * spec.half_width_m()),
                    0.0,
                )
            },
            |p| (p.centre, p.radius),
        );
        let px = camera.project(centre.extend(0.0))?;
        let rim = camera.project((centre + Vec2::new(radius, 0.0)).extend(0.0))?;
        let side = camera.project((centre + Vec2::new(0.0, radius)).extend(0.0))?;
        *slot = (px, (px.distance(rim) + px.distance(side)) / 2.0);
    }
    Some(out)
}
