//! The table as it lies in the picture, from a known camera or from its outline.

use super::bed::{self, Bed};
use super::cloth::ClothColour;
use super::pose::FittedCamera;
use super::table_finder::TableOutline;
use super::working::WorkingPicture;
use super::{pockets, pose};
use crate::calibration::CameraModel;
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2, Vec3};
use crate::vision::observation::TableSeen;

/// The table on the picture.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) bed: Bed,
    pub(super) seen: TableSeen,
    /// Half of the bed's length and width between the noses, metres.
    pub(super) half_m: Vec2,
    /// Ball radius, metres.
    pub(super) radius_m: f64,
    /// The camera came with the frame.
    pub(super) calibrated: bool,
}

impl View {
    /// The table seen by a known camera.
    pub(super) fn of_camera(
        picture: &WorkingPicture,
        camera: &CameraModel,
        spec: &TableSpec,
        radius_m: f64,
        confidence: f64,
        calibrated: bool,
    ) -> Option<Self> {
        let noses = bed::rectangle_px(
            camera,
            spec.half_length_m(),
            spec.half_width_m(),
            spec.nose_height_m,
        )?;
        let cloth = bed::rectangle_px(
            camera,
            spec.half_length_m() + spec.cushion_width_m,
            spec.half_width_m() + spec.cushion_width_m,
            spec.nose_height_m,
        )?;
        let pockets = bed::pockets_px(camera, spec)?;
        let small = |p: [Vec2; 4]| p.map(|p| picture.grid.on_grid(p));
        let bed = Bed::new(
            picture,
            small(noses),
            small(cloth),
            pockets.map(|(centre, radius)| {
                let at = picture.grid.on_grid(centre);
                (at, radius / picture.grid.frame_length(at, 1.0).max(1e-6))
            }),
            camera,
            radius_m,
        );
        (bed.window[2] > 0).then(|| Self {
            bed,
            seen: TableSeen {
                corners_px: noses,
                pockets_px: pockets.map(|p| p.0),
                model: spec.name.clone(),
                confidence,
                camera: *camera,
            },
            half_m: Vec2::new(spec.half_length_m(), spec.half_width_m()),
            radius_m,
            calibrated,
        })
    }

    /// The camera that explains an outline as this table.
    pub(super) fn camera_of(
        picture: &WorkingPicture,
        image: ImageSize,
        outline: &TableOutline,
        spec: &TableSpec,
    ) -> Option<FittedCamera> {
        let noses = outline.noses.map(|p| picture.grid.in_frame(p));
        pose::fit_camera(&noses, image, spec.length_m, spec.width_m, spec.nose_height_m)
    }

    /// The table as its outline shows it, with the camera that explains it.
    pub(super) fn of_outline(
        picture: &WorkingPicture,
        image: ImageSize,
        outline: &TableOutline,
        spec: &TableSpec,
        radius_m: f64,
        colour: &ClothColour,
    ) -> Option<Self> {
        let noses = outline.noses.map(|p| picture.grid.in_frame(p));
        let fitted = Self::camera_of(picture, image, outline, spec)?;
        let mut spec = spec.clone();
        spec.width_m = fitted.width_m;
        let seen_noses = outline.noses.iter().zip(outline.noses_seen);
        let share = seen_noses.filter(|(_, seen)| *seen).count() as f64 / 4.0;
        let confidence = outline.fit * (0.7 + 0.3 * share);
        let mut view = Self::of_camera(picture, &fitted.camera, &spec, radius_m, confidence, false)?;
        // The picture itself is the better witness of where noses and pockets are.
        view.seen.corners_px = as_read(&fitted.camera, noses);
        let mut pockets = [(Vec2::ZERO, 0.0); 6];
        let middle = outline.noses.iter().copied().sum::<Vec2>() / 4.0;
        // Left and right neighbours of a side pocket give its direction, for a corner the diagonal does.
        let along = view.bed.pockets.iter().map(|p| p.0).collect::<Vec<_>>();
        let dark =
            |centre, radius, depth| pockets::dark_hole(picture, centre, radius, colour.brightness, depth);
        let mut holes: Vec<pockets::Hole> = Vec::with_capacity(6);
        for (i, &(centre, radius)) in view.bed.pockets.iter().enumerate() {
            let outward = match (i, along.as_slice()) {
                (1, [tl, _, tr, ..]) => outward_of(*tl, *tr, middle),
                (4, [_, _, _, bl, _, br]) => outward_of(*bl, *br, middle),
                _ => corner_outward(&outline.noses, centre),
            };
            holes.push(pockets::Hole {
                supposed: centre,
                radius,
                outward,
                side: i == 1 || i == 4,
                dark: dark(centre, radius, pockets::ANY_DEPTH),
                edge: pockets::hole_behind_edge(picture, colour, centre, radius, outward),
            });
        }
        for ((slot, place), hole) in pockets.iter_mut().zip(pockets::agree(&holes)).zip(&holes) {
            *slot = (place, hole.radius);
        }
        for hole in &mut holes {
            hole.dark = dark(hole.supposed, hole.radius, pockets::DEEPEST);
        }
        for (seen, place) in view.seen.pockets_px.iter_mut().zip(pockets::agree(&holes)) {
            *seen = picture.grid.in_frame(place);
        }
        view.bed = Bed::new(
            picture,
            outline.noses,
            outline.cloth,
            pockets,
            &fitted.camera,
            radius_m,
        );
        Some(view)
    }
}

/// The table model whose balls are as large against the table as those seen.
pub(super) fn model_for(radius_over_length: f64) -> TableSpec {
    let distance = |s: &TableSpec| (s.ball.radius_m / s.length_m / radius_over_length).ln().abs();
    ["pool-9ft", "pool-8ft", "pool-7ft", "snooker-12ft"]
        .iter()
        .filter_map(|name| TableSpec::named(name).ok())
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .unwrap_or_else(TableSpec::pool_9ft)
}

/// Unit normal of a side, away from the table's middle.
fn outward_of(a: Vec2, b: Vec2, middle: Vec2) -> Vec2 {
    let normal = (b - a).normalize_or_zero().perp();
    if normal.dot(middle - a) > 0.0 {
        -normal
    } else {
        normal
    }
}

/// Unit direction out of the nose corner nearest to `pocket`, halving its angle.
fn corner_outward(noses: &[Vec2; 4], pocket: Vec2) -> Vec2 {
    let mut nearest = (f64::MAX, Vec2::X);
    for (i, corner) in noses.iter().enumerate() {
        let at = |k: usize| noses.get((i + k) % 4).copied().unwrap_or(*corner);
        let inward = (at(1) - *corner).normalize_or_zero() + (at(3) - *corner).normalize_or_zero();
        let distance = corner.distance(pocket);
        if distance < nearest.0 {
            nearest = (distance, -inward.normalize_or_zero());
        }
    }
    nearest.1
}

/// Corners as seen (top left first), named as the table is read: a standing table turned a quarter clockwise.
fn as_read(camera: &CameraModel, corners: [Vec2; 4]) -> [Vec2; 4] {
    let head = camera.project(Vec3::new(-0.5, 0.0, 0.0));
    let foot = camera.project(Vec3::new(0.5, 0.0, 0.0));
    let [tl, tr, br, bl] = corners;
    match (head, foot) {
        (Some(h), Some(f)) if (f - h).x.abs() < (f - h).y.abs() => [bl, tl, tr, br],
        _ => corners,
    }
}
