//! The sights inlaid in the rails. They divide the sides of the table evenly (into eight and four, WPA equipment
//! specifications), whatever the lamps make of its cushions; how far from the noses and how high they lie differs from
//! maker to maker.

use super::CameraModel;
use super::blob::Blob;
use super::look::median;
use super::luminance::Brightness;
use crate::table::TableSpec;
use crate::units::{Vec2, Vec3};

/// A sight as it is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sight {
    /// Where it is known to lie along its rail, at the usual height of a rail's top, metres; across the rail where it was seen.
    pub(super) at_m: Vec3,
    /// Which of the four sides: head, foot, right, left.
    pub(super) side: usize,
    /// Where it was seen, pixels.
    pub(super) seen_px: Vec2,
    /// Unit direction of the rail in the picture.
    pub(super) along_px: Vec2,
    /// Pixels to a metre of rail.
    pub(super) px_per_m: f64,
}

/// Rails rise above the noses by about so much, metres.
const RISE_M: f64 = 0.006;
/// A sight is sought this far from its place along the rail, and its rail looked at every so many metres.
const REACH_M: f64 = 0.022;
const STEP_M: f64 = 0.001;
/// Joints and rounded edges of a rail, left out, metres.
const EDGE_M: f64 = 0.008;
/// Sights are so long and so wide, metres.
const LENGTH_M: std::ops::Range<f64> = 0.004..0.017;
const WIDTH_M: std::ops::Range<f64> = 0.004..0.032;
/// A sight differs from its rail by this share of the rail's brightness, and by so many times what the rail itself varies.
const CONTRAST: f64 = 0.25;
const CLEAR: f64 = 5.0;
/// Those of one rail are off alike, within this, metres; it needs so many of them.
const ALIKE_M: f64 = 0.003;
const FEWEST: usize = 2;

/// Finds the sights about where `camera` would show them; none where a rail has none.
pub(super) fn measure(picture: &impl Brightness, camera: &CameraModel, spec: &TableSpec) -> Vec<Sight> {
    let mut found = Vec::new();
    for side in 0..4 {
        let mut of_rail: Vec<(f64, Sight)> = (places(spec, side).into_iter())
            .filter_map(|place| find(picture, camera, spec, side, place))
            .collect();
        of_rail.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some((middle, _)) = of_rail.get(of_rail.len() / 2).copied() else {
            continue;
        };
        of_rail.retain(|(off, _)| (off - middle).abs() < ALIKE_M);
        if of_rail.len() >= FEWEST {
            found.extend(of_rail.into_iter().map(|(_, sight)| sight));
        }
    }
    found
}

/// Unit directions of a side: along its rail, and away from the bed.
fn directions(side: usize) -> (Vec2, Vec2) {
    match side {
        0 => (Vec2::Y, Vec2::NEG_X),
        1 => (Vec2::Y, Vec2::X),
        2 => (Vec2::X, Vec2::NEG_Y),
        _ => (Vec2::X, Vec2::Y),
    }
}

/// Where along a side its sights lie, metres from its middle.
fn places(spec: &TableSpec, side: usize) -> Vec<f64> {
    let (half, count) = match side {
        0 | 1 => (spec.half_width_m(), 4),
        _ => (spec.half_length_m(), 8),
    };
    let has_pocket = |k: i32| count == 8 && k == 0 && spec.side.is_some();
    (1 - count / 2..count / 2)
        .filter(|k| !has_pocket(*k))
        .map(|k| f64::from(k) * 2.0 * half / f64::from(count))
        .collect()
}

/// The sight nearest to a place along a rail, and how far along the rail it is off, metres.
fn find(
    picture: &impl Brightness,
    camera: &CameraModel,
    spec: &TableSpec,
    side: usize,
    place: f64,
) -> Option<(f64, Sight)> {
    let (along, outward) = directions(side);
    let half = Vec2::new(spec.half_length_m(), spec.half_width_m());
    let cushion = half.dot(outward.abs()) + spec.cushion_width_m;
    let (from, to) = (cushion + EDGE_M, cushion + spec.rail_width_m - EDGE_M);
    let height = spec.nose_height_m + RISE_M;
    let on_rail = |u: f64, v: f64| (along * (place + u) + outward * v).extend(height);
    let columns = (2.0 * REACH_M / STEP_M) as usize + 1;
    let rows = ((to - from) / STEP_M).max(0.0) as usize;
    let u_of = |column: f64| column * STEP_M - REACH_M;
    let v_of = |row: f64| from + row * STEP_M;
    let size = picture.size();
    let inside = |p: Vec2| {
        p.min_element() > 1.0 && p.x < f64::from(size.width) - 1.0 && p.y < f64::from(size.height) - 1.0
    };
    // Brightness of the rail, line by line along it; what runs along it is taken off.
    let mut odd: Vec<f64> = Vec::with_capacity(columns * rows);
    let mut levels: Vec<f64> = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut line: Vec<f64> = Vec::with_capacity(columns);
        for column in 0..columns {
            let p = camera.project(on_rail(u_of(column as f64), v_of(row as f64)))?;
            if !inside(p) {
                return None;
            }
            line.push(picture.at(p));
        }
        let usual = median(line.iter().copied())?;
        levels.push(usual);
        odd.extend(line.iter().map(|b| b - usual));
    }
    let level = median(levels.into_iter())?;
    let noise = median(odd.iter().map(|d| d.abs()))?;
    let (peak_at, peak) = (odd.iter().copied().enumerate()).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    if peak.abs() < f64::max(CONTRAST * level, CLEAR * noise) {
        return None;
    }
    let blob = Blob::around(&odd, columns, peak_at)?;
    let (length, width) = (blob.columns as f64 * STEP_M, blob.rows as f64 * STEP_M);
    if !LENGTH_M.contains(&length) || !WIDTH_M.contains(&width) {
        return None;
    }
    let (u, v) = (u_of(blob.centre.x), v_of(blob.centre.y));
    let at = |u: f64| camera.project(on_rail(u, v));
    let (before, after) = (at(u - 0.01)?, at(u + 0.01)?);
    let sight = Sight {
        at_m: on_rail(0.0, v),
        side,
        seen_px: at(u)?,
        along_px: (after - before).try_normalize()?,
        px_per_m: after.distance(before) / 0.02,
    };
    Some((u, sight))
}

#[cfg(test)]
mod tests {
    use super::super::flow::tests::rig;
    use super::super::luminance::Mean;
    use super::*;
    use crate::units::ImageSize;

    #[test]
    fn sights_are_found_as_their_maker_set_them() {
        let mut rig = rig(false, false);
        let frame = rig.take().unwrap();
        let mut mean = Mean::new(frame.size);
        assert!(mean.add(&frame));
        let (picture, camera) = (mean.luminance(), rig.table.camera());
        let found = measure(&picture, &camera, &rig.spec);
        // Six on each long side, three on each short one.
        assert!((16..=18).contains(&found.len()), "{}", found.len());
        for sight in &found {
            // The virtual table's rails rise by 8 mm.
            let at_m = sight.at_m + Vec3::new(0.0, 0.0, 0.008 - RISE_M);
            let off_px = (sight.seen_px - camera.project(at_m).unwrap()).dot(sight.along_px);
            let off_mm = 1e3 * off_px / sight.px_per_m;
            // Its maker is off by 1.3 mm at most.
            assert!(off_mm.abs() < 1.6, "{off_mm} {sight:?}");
        }
        // Through a camera a hand's breadth aside nothing is where a sight would be.
        let mut aside = *camera;
        aside.pose.eye_m += Vec3::new(0.1, 0.1, 0.0);
        assert!(measure(&picture, &aside, &rig.spec).is_empty());
        let dark = Mean::new(ImageSize::new(64, 36)).luminance();
        assert!(measure(&dark, &camera, &rig.spec).is_empty());
    }
}
