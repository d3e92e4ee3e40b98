//! From the table to the projector's picture.

use glam::DMat3;

use super::overlay::{Geometry, Shape};
use super::tessellate::Triangles;
use super::theme::Theme;
use crate::calibration::{Homography, ProjectorModel};
use crate::table::TableSpec;
use crate::units::{Vec2, Vec3};

/// Room round the noses in an uncalibrated picture, as a share of the table's size: the pockets fit in.
const MARGIN: f64 = 0.075;

/// How the table's places come into the projector's picture.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// Table metres to normalised device coordinates, as the graphics card does it.
    pub ndc: Homography,
    /// Size of a projector pixel on the cloth in the middle of the table, metres.
    pub pixel_m: f64,
    /// What the projector's lens bends beyond that: places are moved beforehand.
    bend: Option<(ProjectorModel, Homography)>,
}

/// Lines are bent in pieces of this length, metres: between them a projector's lens is straight to some hundredths
/// of a millimetre.
const PIECE_M: f64 = 0.08;

impl Mapping {
    /// By the settings: see [`table_to_ndc`].
    #[must_use]
    pub fn by_corners(
        table: &TableSpec,
        corners: Option<[Vec2; 4]>,
        width: f64,
        height: f64,
    ) -> Option<Self> {
        let ndc = table_to_ndc(table, corners, width, height)?;
        Some(Self {
            ndc,
            pixel_m: pixel_m(&ndc, width),
            bend: None,
        })
    }

    /// As calibrated. `None` where the projector does not throw its light onto the table.
    #[must_use]
    pub fn calibrated(projector: &ProjectorModel) -> Option<Self> {
        let size = projector.size();
        let straight = projector.straight()?;
        let ndc = pixels_to_ndc(f64::from(size.width), f64::from(size.height))?;
        let whole = ndc.matrix() * straight.matrix();
        // The device divides by w, which is to be 1 in the middle.
        let ndc = Homography::from_matrix(whole * (1.0 / whole.z_axis.z))?;
        Some(Self {
            ndc,
            pixel_m: pixel_m(&ndc, f64::from(size.width)),
            bend: (projector.optics.lens.radial != [0.0; 3]).then_some((*projector, straight)),
        })
    }

    /// Pixels of the picture itself instead of places of the table.
    #[must_use]
    pub fn pixels(width: f64, height: f64) -> Option<Self> {
        Some(Self {
            ndc: pixels_to_ndc(width, height)?,
            pixel_m: 1.0,
            bend: None,
        })
    }

    /// The shapes as triangles that land where they are meant.
    #[must_use]
    pub fn triangles(&self, shapes: &[Shape], theme: &Theme) -> Triangles {
        let Some((projector, straight)) = &self.bend else {
            return Triangles::of(shapes, theme, self.pixel_m);
        };
        let pieces: Vec<Shape> = shapes.iter().map(in_pieces).collect();
        let mut triangles = Triangles::of(&pieces, theme, self.pixel_m);
        for position in &mut triangles.positions {
            let place = Vec2::new(f64::from(position[0]), f64::from(position[1]));
            let bent = projector
                .pixel(place.extend(0.0))
                .and_then(|pixel| straight.invert(pixel));
            if let Some(bent) = bent {
                *position = [bent.x as f32, bent.y as f32];
            }
        }
        triangles
    }
}

/// The same shape, its lines cut into short pieces.
fn in_pieces(shape: &Shape) -> Shape {
    let Geometry::Polyline { points, dashed } = &shape.geometry else {
        return shape.clone();
    };
    let mut cut: Vec<Vec2> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        if let [a, b] = pair {
            let pieces = (a.distance(*b) / PIECE_M).ceil().clamp(1.0, 1000.0) as u32;
            cut.extend((1..=pieces).map(|i| a.lerp(*b, f64::from(i) / f64::from(pieces))));
        }
    }
    Shape {
        geometry: Geometry::Polyline {
            points: cut,
            dashed: *dashed,
        },
        ..shape.clone()
    }
}

/// Pixels, from the top left, to normalised device coordinates.
fn pixels_to_ndc(width: f64, height: f64) -> Option<Homography> {
    Homography::from_matrix(DMat3::from_cols(
        Vec3::new(2.0 / width, 0.0, 0.0),
        Vec3::new(0.0, -2.0 / height, 0.0),
        Vec3::new(-1.0, 1.0, 1.0),
    ))
}

/// Table metres to the projector's normalised device coordinates (x right, y up, −1..1).
///
/// With `corners` (fractions of the picture from its top left: head-left, foot-left,
/// foot-right, head-right) the noses land there; without, the table fills a picture of
/// `width` × `height` pixels. `None` when the corners do not make a quadrilateral.
#[must_use]
pub fn table_to_ndc(
    table: &TableSpec,
    corners: Option<[Vec2; 4]>,
    width: f64,
    height: f64,
) -> Option<Homography> {
    let (hl, hw) = (table.half_length_m(), table.half_width_m());
    let Some(corners) = corners else {
        let room = 1.0 + MARGIN;
        let scale = (width / (2.0 * hl * room + 0.1)).min(height / (2.0 * hw * room + 0.1));
        let (sx, sy) = (2.0 * scale / width.max(1.0), 2.0 * scale / height.max(1.0));
        return Homography::from_matrix(DMat3::from_diagonal(Vec3::new(sx, sy, 1.0)));
    };
    let noses = [
        Vec2::new(-hl, hw),
        Vec2::new(hl, hw),
        Vec2::new(hl, -hw),
        Vec2::new(-hl, -hw),
    ];
    let pairs: Vec<_> = noses
        .into_iter()
        .zip(corners.map(|c| Vec2::new(2.0 * c.x - 1.0, 1.0 - 2.0 * c.y)))
        .collect();
    let found = Homography::fit(&pairs)?;
    // The device divides by w: it must be positive all over the table, and is 1 in the middle.
    let w = |p: Vec2| (found.matrix() * p.extend(1.0)).z;
    let middle = w(Vec2::ZERO);
    let sane = noses.iter().all(|n| w(*n) / middle > 0.05);
    sane.then(|| Homography::from_matrix(found.matrix() * (1.0 / middle)))?
}

/// Size of a projector pixel on the cloth in the middle of the table, metres.
#[must_use]
fn pixel_m(map: &Homography, width: f64) -> f64 {
    const STEP: f64 = 0.1;
    let across = map
        .apply(Vec2::new(STEP, 0.0))
        .zip(map.apply(Vec2::new(-STEP, 0.0)));
    let pixels = across.map_or(0.0, |(a, b)| a.distance(b) * width / 2.0);
    if pixels > 1e-6 {
        2.0 * STEP / pixels
    } else {
        0.0015
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncalibrated_table_is_in_the_picture_and_square() {
        let table = TableSpec::pool_9ft();
        for (w, h) in [(1920.0, 1080.0), (1280.0, 800.0), (800.0, 1280.0)] {
            let map = table_to_ndc(&table, None, w, h).unwrap();
            let corner = map.apply(Vec2::new(1.34, 0.71)).unwrap();
            assert!(corner.x < 1.0 && corner.y < 1.0, "{corner}");
            let (x, y) = (
                map.apply(Vec2::X).unwrap().x * w,
                map.apply(Vec2::Y).unwrap().y * h,
            );
            assert!((x - y).abs() < 1e-9);
        }
    }

    /// Every corner of a drawn line comes, divided by the device, to the pixel that lights its place.
    #[test]
    fn as_calibrated_lines_come_to_the_pixels_that_light_their_places() {
        use crate::calibration::{CameraModel, Lens, Pose};
        use crate::projector::overlay::Meaning;
        use crate::units::ImageSize;

        let mut lens = Lens::pinhole(ImageSize::new(1920, 1080), 1700.0);
        lens.radial[0] = 0.03;
        lens.centre_px.y += 200.0;
        let pose = Pose::looking_at(Vec3::new(0.2, -0.3, 2.5), Vec3::new(0.0, 0.1, 0.0), Vec3::Y);
        let projector = ProjectorModel {
            optics: CameraModel { lens, pose },
            mirrored: true,
        };
        let mapping = Mapping::calibrated(&projector).unwrap();
        let (from, to) = (Vec2::new(-1.1, -0.5), Vec2::new(1.2, 0.55));
        let shape = Shape {
            meaning: Meaning::Aim,
            fade: 0.0,
            geometry: Geometry::Polyline {
                points: vec![from, to],
                dashed: false,
            },
        };
        let flat = Triangles::of(&[in_pieces(&shape)], &Theme::default(), mapping.pixel_m);
        let bent = mapping.triangles(&[shape], &Theme::default());
        assert_eq!(flat.positions.len(), bent.positions.len());
        assert!(flat.positions.len() > 100);
        let (mut moved, place) = (0.0_f64, |p: [f32; 2]| Vec2::new(f64::from(p[0]), f64::from(p[1])));
        for (flat, bent) in flat.positions.iter().zip(&bent.positions) {
            let ndc = mapping.ndc.apply(place(*bent)).unwrap();
            let pixel = Vec2::new((ndc.x + 1.0) * 960.0, (1.0 - ndc.y) * 540.0);
            let right = projector.pixel(place(*flat).extend(0.0)).unwrap();
            assert!(pixel.distance(right) < 0.01, "{pixel} {right}");
            moved = moved.max(place(*flat).distance(place(*bent)));
        }
        // A lens like this one bends by more than nothing.
        assert!(moved > 0.002, "{moved}");
        let middle = (mapping.ndc.matrix() * Vec3::new(0.0, 0.0, 1.0)).z;
        assert!((middle - 1.0).abs() < 1e-12);
    }

    #[test]
    fn corners_land_where_they_were_put() {
        let table = TableSpec::pool_9ft();
        let corners = [(0.1, 0.12), (0.92, 0.08), (0.97, 0.9), (0.05, 0.95)].map(|(x, y)| Vec2::new(x, y));
        let map = table_to_ndc(&table, Some(corners), 1920.0, 1080.0).unwrap();
        let head_left = map.apply(Vec2::new(-1.27, 0.635)).unwrap();
        assert!(head_left.distance(Vec2::new(-0.8, 0.76)) < 1e-9);
        assert!((map.matrix().z_axis.z - 1.0).abs() < 1e-12);
    }

    #[test]
    fn corners_in_a_bad_order_are_refused() {
        let table = TableSpec::pool_9ft();
        let bow_tie = [(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)].map(|(x, y)| Vec2::new(x, y));
        assert!(table_to_ndc(&table, Some(bow_tie), 1920.0, 1080.0).is_none());
        assert!(table_to_ndc(&table, Some([Vec2::ZERO; 4]), 1920.0, 1080.0).is_none());
    }
}
