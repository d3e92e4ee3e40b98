//! How the working picture lies on the frame.

use crate::calibration::CameraModel;
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2};

/// A ball's radius in pixels of a flat grid, where that is not too many pixels in all.
const BALL_PX: f64 = 7.5;
/// No flat grid has more pixels than about this many.
const MOST_PX: f64 = 420_000.0;
/// What is seen beyond the cushions, metres.
const MARGIN_M: f64 = 0.005;

/// From working pixels to frame pixels and back.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for a picture, and it has to be copied"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Grid {
    /// A working pixel is a square of frame pixels with this side.
    Shrunk {
        /// Frame pixels.
        step: usize,
    },
    /// A working pixel is a square on the plane of the balls' centres, seen from straight above.
    Flat(Flat),
}

impl Default for Grid {
    fn default() -> Self {
        Self::Shrunk { step: 1 }
    }
}

impl Grid {
    /// The place of a working pixel in the frame.
    pub(super) fn in_frame(self, p: Vec2) -> Vec2 {
        match self {
            Self::Shrunk { step } => p * step.max(1) as f64,
            Self::Flat(flat) => flat
                .camera
                .project(flat.place_of(p).extend(flat.height_m))
                .unwrap_or(flat.camera.lens.centre_px),
        }
    }

    /// The working pixel that shows what lies at a place of the frame.
    pub(super) fn on_grid(self, p: Vec2) -> Vec2 {
        match self {
            Self::Shrunk { step } => p / step.max(1) as f64,
            Self::Flat(flat) => flat
                .camera
                .on_plane(p, flat.height_m)
                .map_or(Vec2::splat(-1.0), |place| flat.pixel_of(place)),
        }
    }

    /// The working pixel that shows a place on the plane of the balls' centres, `height_m` above the cloth, as
    /// `camera` sees it.
    pub(super) fn of_place(self, place: Vec2, height_m: f64, camera: &CameraModel) -> Vec2 {
        match self {
            Self::Flat(flat) => flat.pixel_of(place),
            Self::Shrunk { .. } => camera
                .project(place.extend(height_m))
                .map_or(Vec2::splat(-1.0), |p| self.on_grid(p)),
        }
    }

    /// How long in the frame a short `length` at a working pixel is, mean over directions.
    pub(super) fn frame_length(self, p: Vec2, length: f64) -> f64 {
        match self {
            Self::Shrunk { step } => length * step.max(1) as f64,
            Self::Flat(_) => {
                let across = |d: Vec2| self.in_frame(p + d).distance(self.in_frame(p - d));
                0.25 * (across(Vec2::new(length, 0.0)) + across(Vec2::new(0.0, length)))
            }
        }
    }
}

/// The table from straight above: x to the foot, y to the right seen from the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flat {
    camera: CameraModel,
    /// Height of the plane above the cloth, metres.
    height_m: f64,
    /// Side of a working pixel, metres.
    pub(super) pitch_m: f64,
    /// Half of what is shown, metres.
    half_m: Vec2,
}

impl Flat {
    /// The cloth of a table, as finely as the camera shows it and as is of use. `None` where the
    /// camera does not look at it.
    pub(super) fn new(camera: &CameraModel, spec: &TableSpec) -> Option<Self> {
        let height_m = spec.ball.radius_m;
        let half_m = Vec2::new(spec.half_length_m(), spec.half_width_m())
            + Vec2::splat(spec.cushion_width_m + MARGIN_M);
        let seen = |x: f64| camera.project(Vec2::new(x, 0.0).extend(height_m));
        let finest_m = 0.1 / seen(0.05)?.distance(seen(-0.05)?);
        let pitch_m = (spec.ball.radius_m / BALL_PX)
            .max((4.0 * half_m.x * half_m.y / MOST_PX).sqrt())
            .max(0.8 * finest_m);
        let flat = Self {
            camera: *camera,
            height_m,
            pitch_m,
            half_m,
        };
        let corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)];
        let seen = |(x, y)| {
            camera
                .project((Vec2::new(x, y) * half_m).extend(height_m))
                .is_some()
        };
        (pitch_m.is_finite() && corners.into_iter().all(seen)).then_some(flat)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        let of = |half: f64| (2.0 * half / self.pitch_m).ceil() as usize;
        (of(self.half_m.x), of(self.half_m.y))
    }

    /// Frame pixel (row times width plus column) from which each working pixel is read, the first
    /// of a pair: even, and the next exists. Empty for a frame narrower than two pixels.
    pub(super) fn sources(&self, frame: ImageSize) -> Vec<u32> {
        if frame.width < 2 || frame.height == 0 {
            return Vec::new();
        }
        let (w, h) = self.size();
        let grid = Grid::Flat(*self);
        let places = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
        places
            .map(|(x, y)| {
                let p = grid.in_frame(Vec2::new(x as f64 + 0.5, y as f64 + 0.5));
                // The pair whose middle is nearest.
                let column = ((p.x / 2.0).max(0.0) as u32).min(frame.width / 2 - 1) * 2;
                let row = (p.y.max(0.0) as u32).min(frame.height - 1);
                row * frame.width + column
            })
            .collect()
    }

    fn place_of(self, p: Vec2) -> Vec2 {
        Vec2::new(
            p.x * self.pitch_m - self.half_m.x,
            self.half_m.y - p.y * self.pitch_m,
        )
    }

    fn pixel_of(self, place: Vec2) -> Vec2 {
        Vec2::new(place.x + self.half_m.x, self.half_m.y - place.y) / self.pitch_m
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;

    #[test]
    fn places_come_back_from_the_frame_and_lengths_agree() {
        let scene = Scene::full();
        let flat = Flat::new(&scene.camera, &scene.spec).unwrap();
        for grid in [Grid::Flat(flat), Grid::Shrunk { step: 2 }] {
            for p in [Vec2::new(10.0, 20.0), Vec2::new(420.5, 210.25)] {
                assert!(grid.on_grid(grid.in_frame(p)).distance(p) < 1e-6);
                let long = grid.in_frame(p + Vec2::X).distance(grid.in_frame(p));
                assert!((grid.frame_length(p, 1.0) / long - 1.0).abs() < 0.05);
            }
        }
        let (w, h) = flat.size();
        assert!(w as f64 * h as f64 <= 1.02 * MOST_PX && (scene.spec.ball.radius_m / flat.pitch_m) > 7.0);
    }

    #[test]
    fn every_source_is_a_pair_inside_the_frame() {
        let scene = Scene::full();
        let flat = Flat::new(&scene.camera, &scene.spec).unwrap();
        for size in [
            ImageSize::new(1920, 1080),
            ImageSize::new(101, 57),
            ImageSize::new(2, 1),
        ] {
            let sources = flat.sources(size);
            let (w, h) = flat.size();
            assert_eq!(sources.len(), w * h);
            for source in sources {
                let (x, y) = (source % size.width, source / size.width);
                assert!(x % 2 == 0 && x + 1 < size.width && y < size.height);
            }
        }
        assert!(flat.sources(ImageSize::new(1, 9)).is_empty());
    }
}
