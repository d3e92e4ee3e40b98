//! Round stickers on the table whose places somebody has measured.

use super::CameraModel;
use super::blob::Blob;
use super::flow::CalibrationFault;
use super::look::median;
use super::luminance::Brightness;
use crate::units::{Vec2, Vec3};

/// A marker as it is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Marker {
    /// Where it was measured, metres.
    pub(super) at_m: Vec3,
    /// Its middle, pixels.
    pub(super) seen_px: Vec2,
    /// Pixels to a metre there.
    pub(super) px_per_m: f64,
}

/// A marker is sought this far from its place, every so many metres.
const REACH_M: f64 = 0.03;
const STEP_M: f64 = 0.001;
/// It is so large, metres, and so much longer than wide at most, as grains of the picture make it.
const SIZE_M: std::ops::Range<f64> = 0.005..0.035;
const LONGER: f64 = 1.7;
/// It differs from what is around it by this share of that, and by so many times what that varies.
const CONTRAST: f64 = 0.25;
const CLEAR: f64 = 5.0;
/// The noses tell where the table is within a few millimetres: a marker further off was measured wrongly, metres.
const ELSEWHERE_M: f64 = 0.01;

/// Finds the markers about where `camera` would show them.
///
/// # Errors
/// [`CalibrationFault::MarkerUnseen`], [`CalibrationFault::MarkerElsewhere`] for the first that is not there.
pub(super) fn measure(
    picture: &impl Brightness,
    camera: &CameraModel,
    markers: &[Vec3],
) -> Result<Vec<Marker>, CalibrationFault> {
    let numbered = markers.iter().zip(1..);
    numbered
        .map(|(at_m, number)| {
            let found = find(picture, camera, *at_m).ok_or(CalibrationFault::MarkerUnseen {
                number,
                at_m: at_m.truncate(),
            })?;
            match found {
                (off_m, _) if off_m > ELSEWHERE_M => Err(CalibrationFault::MarkerElsewhere { number, off_m }),
                (_, marker) => Ok(marker),
            }
        })
        .collect()
}

/// What stands out most about this place, and how far from it that is, metres.
fn find(picture: &impl Brightness, camera: &CameraModel, at_m: Vec3) -> Option<(f64, Marker)> {
    let columns = (2.0 * REACH_M / STEP_M) as usize + 1;
    let place = |spot: Vec2| at_m + (spot * STEP_M - REACH_M).extend(0.0);
    let mut levels: Vec<f64> = Vec::with_capacity(columns * columns);
    for row in 0..columns {
        for column in 0..columns {
            levels.push(picture.at(camera.project(place(Vec2::new(column as f64, row as f64)))?));
        }
    }
    let usual = median(levels.iter().copied())?;
    let odd: Vec<f64> = levels.iter().map(|level| level - usual).collect();
    let noise = median(odd.iter().map(|d| d.abs()))?;
    // What is nearer counts more: rails end, and have sights.
    let weighed = |i: usize, d: f64| {
        let off = Vec2::new((i % columns) as f64, (i / columns) as f64) * STEP_M - REACH_M;
        d.abs() * (1.0 - 0.5 * (off.length() / REACH_M).min(1.0))
    };
    let (at, peak) =
        (odd.iter().copied().enumerate()).max_by(|a, b| weighed(a.0, a.1).total_cmp(&weighed(b.0, b.1)))?;
    if peak.abs() < f64::max(CONTRAST * usual, CLEAR * noise) {
        return None;
    }
    let blob = Blob::around(&odd, columns, at)?;
    let (long, wide) = (
        blob.columns.max(blob.rows) as f64,
        blob.columns.min(blob.rows) as f64,
    );
    if blob.is_cut_off || !SIZE_M.contains(&(long * STEP_M)) || long > LONGER * wide {
        return None;
    }
    let seen_m = place(blob.centre);
    let step = 0.01;
    let scale = camera
        .project(seen_m + Vec3::new(step, 0.0, 0.0))?
        .distance(camera.project(seen_m)?)
        / step;
    let marker = Marker {
        at_m,
        seen_px: camera.project(seen_m)?,
        px_per_m: scale,
    };
    Some((seen_m.distance(at_m), marker))
}
