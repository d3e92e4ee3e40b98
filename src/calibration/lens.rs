//! A camera's lens from pictures of a board (Zhang 2000): one least squares over the lens and where the board was in each
//! picture.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::board::BoardCorner;
use super::least_squares;
use super::{CameraModel, Homography, Lens, Pose, Projection};
use crate::config::write_durably;
use crate::units::{ImageSize, Vec2, Vec3};

/// A lens that a board has shown, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LensFile {
    /// The lens.
    pub lens: Lens,
    /// Root mean square distance of the board's corners from where the lens shows them, pixels.
    pub rms_px: f64,
    /// Pictures and corners it was taken from.
    pub pictures: usize,
    /// Corners in them.
    pub corners: usize,
}

/// Why the pictures show no lens.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LensFault {
    /// Too few show the board.
    #[error(
        "the board is seen in {seen} pictures, {FEWEST_VIEWS} at least are needed; take more, and check columns, rows and markers"
    )]
    FewViews {
        /// Pictures that show enough of it.
        seen: usize,
    },
    /// The board was never near the rim of the picture.
    #[error(
        "the board was in {covered} of {REGIONS} parts of the picture, {FEWEST_REGIONS} at least are needed; hold it into the corners, too"
    )]
    Uncovered {
        /// Parts of the picture that had corners of the board.
        covered: usize,
    },
    /// The board always faced the camera.
    #[error("the zoom is not sure ({percent:.1} %): in some pictures hold the board aslant, by some 30°")]
    Frontal {
        /// One σ of the focal length, percent.
        percent: f64,
    },
    /// No lens explains the pictures.
    #[error(
        "no lens explains the pictures (corners are {rms_px:.2} pixels off, {limit_px:.2} allowed): is the board flat, the camera's focus fixed, is every picture sharp?"
    )]
    Unexplained {
        /// What is left, pixels.
        rms_px: f64,
        /// The most that may be, pixels.
        limit_px: f64,
    },
}

/// Pictures with so many corners, and so many of them, are enough.
const FEWEST_CORNERS: usize = 12;
const FEWEST_VIEWS: usize = 6;
/// Parts of the picture, 4 by 4, and how many must have had corners.
const REGIONS: usize = 16;
const FEWEST_REGIONS: usize = 12;
/// One σ of the logarithm of a focal length that is sure.
const SURE_FOCAL: f64 = 0.005;
/// A corner, pixels, one σ.
const CORNER_PX: f64 = 0.2;
/// What is known of a lens beforehand, one σ each: aspect, principal point in widths, k1 … k3, p1 and p2. A fisheye is made to
/// be one, and its terms are small: they are all that is known where the board never was.
const fn prior(projection: Projection) -> [f64; 8] {
    match projection {
        Projection::Perspective => [0.01, 0.05, 0.05, 0.5, 0.5, 0.3, 0.01, 0.01],
        Projection::Fisheye => [0.01, 0.05, 0.05, 0.1, 0.02, 0.005, 0.01, 0.01],
    }
}
/// A lens as numbers: ln f, aspect, principal point, k1, k2, k3, p1, p2; and a pose.
const LENS: usize = 9;
const POSE: usize = 6;

/// The lens that these pictures, all of one size, show.
///
/// # Errors
/// [`LensFault`] where they show too little, or no lens explains them to within `limit_px`.
pub fn lens_of(views: &[Vec<BoardCorner>], image: ImageSize, limit_px: f64) -> Result<LensFile, LensFault> {
    let views: Vec<Vec<BoardCorner>> = (views.iter())
        .filter(|view| view.len() >= FEWEST_CORNERS)
        .cloned()
        .collect();
    if views.len() < FEWEST_VIEWS {
        return Err(LensFault::FewViews { seen: views.len() });
    }
    let covered = regions_covered(&views, image);
    if covered < FEWEST_REGIONS {
        return Err(LensFault::Uncovered { covered });
    }
    let unexplained = |rms_px| LensFault::Unexplained { rms_px, limit_px };
    let fits = [Projection::Perspective, Projection::Fisheye]
        .map(|kind| Fitted::of(&views, image, kind)?.without_strays(&views));
    let best = match fits {
        [Some(straight), Some(round)]
            if round.rms_px < SIMPLER * straight.rms_px || !reaches_corners(&straight.lens) =>
        {
            round
        }
        [Some(straight), _] => straight,
        [None, Some(round)] => round,
        [None, None] => return Err(unexplained(f64::INFINITY)),
    };
    if best.rms_px > limit_px {
        return Err(unexplained(best.rms_px));
    }
    if best.focal_sigma > SURE_FOCAL {
        return Err(LensFault::Frontal {
            percent: 100.0 * best.focal_sigma,
        });
    }
    Ok(LensFile {
        lens: best.lens,
        rms_px: best.rms_px,
        pictures: views.len(),
        corners: best.corners,
    })
}

/// A fisheye must explain the pictures so much better, as a share of what is left: of hundreds of corners that is far more than
/// chance.
const SIMPLER: f64 = 0.98;
/// No corner is left out for less, pixels.
const STRAY_PX: f64 = 0.8;

/// True where every pixel has its ray: terms that explain the middle of a very wide picture may fold its corners over.
fn reaches_corners(lens: &Lens) -> bool {
    let (w, h) = (f64::from(lens.image.width), f64::from(lens.image.height));
    [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)]
        .into_iter()
        .all(|(x, y)| {
            let corner = Vec2::new(x, y);
            lens.distort(lens.undistort(corner)).distance(corner) < 0.1
        })
}

fn regions_covered(views: &[Vec<BoardCorner>], image: ImageSize) -> usize {
    let size = Vec2::new(f64::from(image.width), f64::from(image.height));
    let mut covered = [false; REGIONS];
    for corner in views.iter().flatten() {
        let part = (corner.seen_px / size * 4.0).clamp(Vec2::ZERO, Vec2::splat(3.0));
        if let Some(part) = covered.get_mut(part.y as usize * 4 + part.x as usize) {
            *part = true;
        }
    }
    covered.iter().filter(|part| **part).count()
}

/// A lens and where the board was, as they explain the pictures.
struct Fitted {
    lens: Lens,
    poses: Vec<Pose>,
    rms_px: f64,
    corners: usize,
    /// One σ of the focal length's logarithm.
    focal_sigma: f64,
}

impl Fitted {
    /// From nothing: the best of a few zooms.
    fn of(views: &[Vec<BoardCorner>], image: ImageSize, projection: Projection) -> Option<Self> {
        let starts = [0.35, 0.5, 0.7, 1.0, 1.4, 2.0].map(|zoom| {
            let lens = Lens {
                projection,
                ..Lens::pinhole(image, zoom * Lens::usual_focal_px(image))
            };
            let poses: Option<Vec<Pose>> = views.iter().map(|view| pose_of(view, &lens)).collect();
            let poses = poses?;
            let squares = squares(views, &lens, &poses)?;
            Some((squares, lens, poses))
        });
        let (_, lens, poses) = (starts.into_iter().flatten()).min_by(|a, b| a.0.total_cmp(&b.0))?;
        Self::from(views, lens, poses)
    }

    /// The same without corners that were taken for others, or are blurred.
    fn without_strays(mut self, all: &[Vec<BoardCorner>]) -> Option<Self> {
        const ROUNDS: usize = 4;
        for _ in 0..ROUNDS {
            let off = |pose: &Pose, corner: &BoardCorner| {
                let camera = CameraModel {
                    lens: self.lens,
                    pose: *pose,
                };
                let at = camera.project(corner.place_m.extend(0.0));
                at.map_or(f64::MAX, |at| at.distance(corner.seen_px))
            };
            let seen = all.iter().zip(&self.poses);
            let mut offs: Vec<f64> = (seen.clone())
                .flat_map(|(view, pose)| view.iter().map(move |corner| off(pose, corner)))
                .collect();
            offs.sort_by(f64::total_cmp);
            let allowed_px = (5.0 * offs.get(offs.len() / 2)?).max(STRAY_PX);
            let kept: Vec<Vec<BoardCorner>> = seen
                .map(|(view, pose)| {
                    let good = view.iter().filter(|corner| off(pose, corner) < allowed_px);
                    good.copied().collect()
                })
                .collect();
            let count: usize = kept.iter().map(Vec::len).sum();
            if count == self.corners {
                break;
            }
            self = Self::from(&kept, self.lens, self.poses)?;
        }
        Some(self)
    }

    fn from(views: &[Vec<BoardCorner>], lens: Lens, poses: Vec<Pose>) -> Option<Self> {
        let count = LENS + POSE * views.len();
        let mut steps = vec![1e-6; count];
        for (step, own) in steps.iter_mut().zip([1e-6, 1e-6, 1e-3, 1e-3]) {
            *step = own;
        }
        let fit = least_squares::minimise(&vec![0.0; count], &steps, 60, |p, out| {
            residuals(views, &lens, &poses, p, out).is_some()
        })?;
        let changed = changed(&lens, &fit.parameters)?;
        let posed = (poses.iter().enumerate())
            .map(|(i, pose)| moved(pose, &fit.parameters, i))
            .collect::<Option<Vec<Pose>>>()?;
        let corners: usize = views.iter().map(Vec::len).sum();
        let squares = squares(views, &changed, &posed)?;
        // What is left tells how well a corner is seen, where that is worse than supposed.
        let rms_px = (squares / corners.max(1) as f64).sqrt();
        let covariance = fit.information.cholesky()?.inverse();
        let worse = (rms_px / (CORNER_PX * std::f64::consts::SQRT_2)).max(1.0);
        Some(Self {
            lens: changed,
            poses: posed,
            rms_px,
            corners,
            focal_sigma: covariance[(0, 0)].max(0.0).sqrt() * worse,
        })
    }
}

/// Where the board is, seen through this lens.
fn pose_of(view: &[BoardCorner], lens: &Lens) -> Option<Pose> {
    let pairs: Vec<(Vec2, Vec2)> = (view.iter())
        .map(|corner| (corner.place_m, lens.undistort(corner.seen_px) * lens.focal_px.x))
        .collect();
    Pose::of_plane(&Homography::fit(&pairs)?.matrix(), lens.focal_px.x)
}

/// The lens changed by the first numbers.
fn changed(lens: &Lens, p: &[f64]) -> Option<Lens> {
    let &[focal, aspect, cx, cy, k1, k2, k3, p1, p2] = p.get(..LENS)? else {
        return None;
    };
    let focal_px = lens.focal_px.x * focal.exp();
    let ratio = lens.focal_px.y / lens.focal_px.x + aspect;
    let [r1, r2, r3] = lens.radial;
    Some(Lens {
        focal_px: Vec2::new(focal_px, focal_px * ratio),
        centre_px: lens.centre_px + Vec2::new(cx, cy),
        radial: [r1 + k1, r2 + k2, r3 + k3],
        tangential: [lens.tangential[0] + p1, lens.tangential[1] + p2],
        ..*lens
    })
}

/// The pose of a picture changed by its numbers.
fn moved(pose: &Pose, p: &[f64], picture: usize) -> Option<Pose> {
    let at = LENS + POSE * picture;
    let &[a, b, c, x, y, z] = p.get(at..at + POSE)? else {
        return None;
    };
    Some(pose.moved(Vec3::new(a, b, c), Vec3::new(x, y, z)))
}

fn residuals(
    views: &[Vec<BoardCorner>],
    lens: &Lens,
    poses: &[Pose],
    p: &[f64],
    out: &mut Vec<f64>,
) -> Option<()> {
    let lens = changed(lens, p)?;
    for (i, (view, pose)) in views.iter().zip(poses).enumerate() {
        let camera = CameraModel {
            lens,
            pose: moved(pose, p, i)?,
        };
        for corner in view {
            let off = camera.project(corner.place_m.extend(0.0))? - corner.seen_px;
            out.extend([off.x / CORNER_PX, off.y / CORNER_PX]);
        }
    }
    let (w, h) = (f64::from(lens.image.width), f64::from(lens.image.height));
    let odd = [
        lens.focal_px.y / lens.focal_px.x - 1.0,
        (lens.centre_px.x - 0.5 * w) / w,
        (lens.centre_px.y - 0.5 * h) / w,
        lens.radial[0],
        lens.radial[1],
        lens.radial[2],
        lens.tangential[0],
        lens.tangential[1],
    ];
    out.extend(
        odd.iter()
            .zip(prior(lens.projection))
            .map(|(odd, sigma)| odd / sigma),
    );
    Some(())
}

/// Sum of the squared distances of all corners, pixels².
fn squares(views: &[Vec<BoardCorner>], lens: &Lens, poses: &[Pose]) -> Option<f64> {
    let mut sum = 0.0;
    for (view, pose) in views.iter().zip(poses) {
        let camera = CameraModel {
            lens: *lens,
            pose: *pose,
        };
        for corner in view {
            sum += camera
                .project(corner.place_m.extend(0.0))?
                .distance_squared(corner.seen_px);
        }
    }
    Some(sum)
}

impl LensFile {
    /// Reads a lens that `calibrate camera` wrote.
    ///
    /// # Errors
    /// One line that says what is wrong and what to do.
    pub fn load(path: &Path) -> Result<Self, String> {
        let again = "make it anew with `calibrate camera`";
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("can't read the lens {}: {error}; {again}", path.display()))?;
        let file: Self = ron::from_str(&text).map_err(|error| {
            format!(
                "the lens {} can't be understood: {error}; {again}",
                path.display()
            )
        })?;
        if !file.lens.is_possible() {
            return Err(format!(
                "the lens {} is none that could be; {again}",
                path.display()
            ));
        }
        Ok(file)
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// One line that says why it can't be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let failed = |why: String| format!("can't write {}: {why}", path.display());
        let text = ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default())
            .map_err(|error| failed(error.to_string()))?;
        write_durably(path, text.as_bytes()).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
