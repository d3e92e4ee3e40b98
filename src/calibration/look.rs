//! Whether the camera still sees the table where it was calibrated, from one picture, while people play.

use super::CameraModel;
use super::flow::{FEWEST_NOSES, sides_of};
use super::luminance::{Brightness, FrameLight};
use super::noses::{self, NosePoint};
use crate::table::TableSpec;
use crate::units::Vec2;
use crate::vision::frame::Frame;

/// How a camera sees the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// How far from where the calibration puts it the table is seen, at its worst corner, metres.
    pub off_m: f64,
    /// Width of the noses' edges from a fifth to four fifths of their climb, pixels: it grows out of focus.
    pub edge_px: f64,
    /// Brightness of the bed, its median, 0 black to 1 white in proportion to light.
    pub bed_light: f64,
}

/// The noses are sought this near and this far, pixels of a picture 1920 wide. Near, other edges are seldom taken for them.
const REACHES_PX: [f64; 2] = [8.0, 30.0];
/// Distances of noses that one movement of the table explains, at most, pixels of a picture 1920 wide.
const UNEXPLAINED_PX: f64 = 1.5;
/// Noses that are seen this near to where they were are not sought further off, metres.
const IN_PLACE_M: f64 = 0.0015;
/// One side may be hidden by whoever stands there.
const FEWEST_SIDES: usize = 3;

impl Look {
    /// Looks at one frame; `None` where too little of the noses is seen.
    #[must_use]
    pub fn at(frame: &Frame, camera: &CameraModel, table: &TableSpec) -> Option<Self> {
        Self::of(&FrameLight::of(frame), camera, table)
    }

    /// The same of a picture.
    pub(super) fn of(picture: &impl Brightness, camera: &CameraModel, table: &TableSpec) -> Option<Self> {
        let scale = f64::from(picture.size().width) / 1920.0;
        let half = Vec2::new(table.half_length_m(), table.half_width_m());
        let corners =
            [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)].map(|(x, y)| half * Vec2::new(x, y));
        let attempt = |reach_px: f64| {
            let noses = noses::measure(picture, camera, table, f64::max(reach_px * scale, 3.0));
            if noses.len() < FEWEST_NOSES || sides_of(&noses) < FEWEST_SIDES {
                return None;
            }
            let moved = Moved::of(&noses, camera, UNEXPLAINED_PX * scale)?;
            let off_m = corners
                .iter()
                .map(|corner| moved.at(*corner).length())
                .fold(0.0, f64::max);
            Some((off_m, moved.explained, noses))
        };
        let [near_px, far_px] = REACHES_PX;
        let (off_m, _, noses) = match attempt(near_px) {
            // The far reach takes four times as long, and a table that is where it was is not further off.
            Some(near) if near.0 <= IN_PLACE_M => near,
            // Whatever else may be taken for noses is explained less well.
            near => (near.into_iter().chain(attempt(far_px)))
                .reduce(|near, far| if far.1 > near.1 { far } else { near })?,
        };
        Some(Self {
            off_m,
            edge_px: median(noses.iter().map(|nose| nose.width_px))?,
            bed_light: median(over(half).filter_map(|p| Some(picture.at(camera.project(p.extend(0.0))?))))?,
        })
    }
}

/// A table that lies elsewhere in its plane, and looks larger or smaller.
struct Moved {
    shift_m: Vec2,
    turn: f64,
    growth: f64,
    /// Pieces of nose it explains.
    explained: usize,
}

impl Moved {
    /// What the noses' distances from their places along their normals say, by least squares, those that nothing explains
    /// left out. `None` where most are not explained.
    fn of(noses: &[NosePoint], camera: &CameraModel, unexplained_px: f64) -> Option<Self> {
        let seen: Vec<(&NosePoint, f64, f64)> = (noses.iter())
            .filter_map(|nose| {
                let expected = camera.project(nose.at_m)?;
                let outward = camera.project(nose.at_m + nose.outward.extend(0.0) * STEP_M)? - expected;
                let px_per_m = outward.dot(nose.normal_px) / STEP_M;
                let off_px = (nose.seen_px - expected).dot(nose.normal_px);
                (px_per_m > 1.0).then_some((nose, off_px / px_per_m, px_per_m))
            })
            .collect();
        let mut kept: Vec<_> = seen.iter().collect();
        for _ in 0..4 {
            let moved = Self::explaining(&kept)?;
            let left = |(nose, off_m, px_per_m): &(&NosePoint, f64, f64)| {
                (moved.at(nose.at_m.truncate()).dot(nose.outward) - off_m).abs() * px_per_m
            };
            let before = kept.len();
            kept = seen.iter().filter(|one| left(one) <= unexplained_px).collect();
            if kept.len() * 2 < seen.len() {
                return None;
            }
            if kept.len() == before {
                return Some(moved);
            }
        }
        Self::explaining(&kept)
    }

    fn explaining(seen: &[&(&NosePoint, f64, f64)]) -> Option<Self> {
        let mut left = nalgebra::Matrix4::<f64>::zeros();
        let mut right = nalgebra::Vector4::<f64>::zeros();
        for (nose, off_m, _) in seen {
            let (n, p) = (nose.outward, nose.at_m.truncate());
            let row = nalgebra::Vector4::new(n.x, n.y, n.dot(p.perp()), n.dot(p));
            left += row * row.transpose();
            right += row * *off_m;
        }
        let found = left.cholesky()?.solve(&right);
        Some(Self {
            shift_m: Vec2::new(found.x, found.y),
            turn: found.z,
            growth: found.w,
            explained: seen.len(),
        })
    }

    /// By how much a place is seen elsewhere, metres.
    fn at(&self, place: Vec2) -> Vec2 {
        self.shift_m + place.perp() * self.turn + place * self.growth
    }
}

/// For slopes, metres.
const STEP_M: f64 = 0.01;

/// Places all over the bed but its rim.
fn over(half: Vec2) -> impl Iterator<Item = Vec2> {
    const ACROSS: u32 = 24;
    const DOWN: u32 = 12;
    let at = move |i: u32, j: u32| {
        let share = Vec2::new(
            (f64::from(i) + 0.5) / f64::from(ACROSS),
            (f64::from(j) + 0.5) / f64::from(DOWN),
        );
        half * (2.0 * share - 1.0)
    };
    (0..ACROSS).flat_map(move |i| (0..DOWN).map(move |j| at(i, j)))
}

/// The middle one of all, in order of size; `None` of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
