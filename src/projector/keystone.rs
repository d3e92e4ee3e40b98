//! From the table to the projector's picture.

use glam::DMat3;

use crate::calibration::Homography;
use crate::table::TableSpec;
use crate::units::{Vec2, Vec3};

/// Room round the noses in an uncalibrated picture, as a share of the table's size: the pockets fit in.
const MARGIN: f64 = 0.075;

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
pub fn pixel_m(map: &Homography, width: f64) -> f64 {
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
