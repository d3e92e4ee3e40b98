//! Camera and projector as they explain the noses and the dots that were seen: one least squares over both
//! (bundle adjustment with one plane), so that what is not known of the one counts in what is said of the other.

use nalgebra::{DMatrix, DVector};

use super::least_squares::{self, Fit};
use super::markers::Marker;
use super::noses::NosePoint;
use super::projector::ProjectorModel;
use super::sights::Sight;
use super::{CameraModel, Homography, Lens, Pose};
use crate::units::{ImageSize, Vec2, Vec3};

/// A dot of the projector, seen on the cloth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dot {
    /// Its pixel in the projector's picture.
    pub(super) shown_px: Vec2,
    /// Where the camera saw it.
    pub(super) seen_px: Vec2,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen<'a> {
    pub(super) noses: &'a [NosePoint],
    pub(super) sights: &'a [Sight],
    pub(super) markers: &'a [Marker],
    pub(super) dots: &'a [Dot],
}

/// What is known before anything is measured, one σ each.
mod prior {
    /// Logarithm of a camera's focal length about the first guess.
    pub(super) const FOCAL: f64 = 0.35;
    /// Ratio of its two focal lengths.
    pub(super) const ASPECT: f64 = 0.002;
    /// Principal point of a camera about the middle, widths of the picture.
    pub(super) const CENTRE: f64 = 0.01;
    /// Radial terms k1, k2 about 0 and tangential terms of a usual lens.
    pub(super) const RADIAL: [f64; 2] = [0.15, 0.05];
    pub(super) const TANGENTIAL: f64 = 0.001;
    /// The same of a lens that a board has shown, about what it has shown.
    pub(super) const SHOWN_FOCAL: f64 = 0.003;
    pub(super) const SHOWN_ASPECT: f64 = 0.0003;
    pub(super) const SHOWN_CENTRE: f64 = 0.002;
    pub(super) const SHOWN_RADIAL: f64 = 0.004;
    pub(super) const SHOWN_TANGENTIAL: f64 = 0.0002;
    /// How far a whole nose may seem to lie from where the table's model has it, metres: noses are round,
    /// and how much of that is dark is up to the lamps.
    pub(super) const SIDE_M: f64 = 0.0009;
    /// A piece of nose, pixels: cloth, chalk and seams besides the picture's noise.
    pub(super) const NOSE_PX: f64 = 0.3;
    /// How far the rails' top may be from its usual height above the noses, metres.
    pub(super) const RAIL_M: f64 = 0.006;
    /// How far all sights of a rail may be from where they belong along it, metres, and each of them besides.
    pub(super) const ROW_M: f64 = 0.0004;
    pub(super) const SIGHT_M: f64 = 0.0006;
    /// How far a marker may be from where somebody has measured it, metres.
    pub(super) const MARKER_M: f64 = 0.0015;
    /// A sight or a marker, pixels.
    pub(super) const SPOT_PX: f64 = 0.12;
    /// A dot, pixels.
    pub(super) const DOT_PX: f64 = 0.12;
    /// A height above the cloth measured with a tape, metres.
    pub(super) const TAPE_M: f64 = 0.015;
    /// Logarithm of a projector's focal length about 1.3 widths.
    pub(super) const THROW: f64 = 0.6;
    /// Principal point of a projector, widths and heights: lenses are shifted up or down.
    pub(super) const SHIFT: [f64; 2] = [0.05, 0.6];
    /// Radial term k1 of a projector's lens.
    pub(super) const BARREL: f64 = 0.03;
}

/// A camera as parameters: turn, eye, ln f, aspect, principal point, k1, k2, p1, p2.
const CAMERA: usize = 14;
/// What the four sides are off by.
const SIDES: usize = 4;
/// How high the rails' top is, and what the sights of the four sides are off by along them.
const RAILS: usize = 1 + SIDES;
/// What a table as it is built may be off by.
const TABLE: usize = SIDES + RAILS;
/// A projector as parameters: turn, eye, ln f, principal point, k1.
const PROJECTOR: usize = 10;

/// What each parameter is changed by to see what comes of it.
const CAMERA_STEPS: [f64; CAMERA] = [
    1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-3, 1e-3, 1e-6, 1e-6, 1e-7, 1e-7,
];
const PROJECTOR_STEPS: [f64; PROJECTOR] = [1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-3, 1e-3, 1e-6];

fn steps() -> impl Iterator<Item = f64> {
    (CAMERA_STEPS.into_iter())
        .chain([1e-6; TABLE])
        .chain(PROJECTOR_STEPS)
}

/// How far a stiff lens may change: aspect, principal point, k1, k2, p1, p2.
const STIFF: [f64; 7] = [1e-4, 1.0, 1.0, 1e-3, 1e-3, 1e-5, 1e-5];

/// Camera and perhaps projector, and how sure they are.
#[derive(Clone, Debug)]
pub(super) struct Fitted {
    pub(super) camera: CameraModel,
    pub(super) projector: Option<ProjectorModel>,
    /// Root mean square of the noses' distances, pixels.
    pub(super) noses_px: f64,
    /// The same of the dots.
    pub(super) dots_px: f64,
    /// The most that anything is from what is usual, in its σ.
    pub(super) oddest: f64,
    /// All that is left and all that is odd together: squares in their σ. Of fits to the same noses the least is the likeliest.
    pub(super) cost: f64,
    base: Base,
    parameters: Vec<f64>,
    covariance: DMatrix<f64>,
}

/// What parameters count from.
#[derive(Clone, Copy, Debug)]
struct Base {
    camera: CameraModel,
    projector: Option<ProjectorModel>,
    known: Known,
}

/// What is known of a camera beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Its height above the cloth as somebody measured it, metres: looking straight down, a camera can't tell height from
    /// zoom.
    pub(super) height_m: Option<f64>,
    /// Its lens as a board showed it.
    pub(super) lens: Option<Lens>,
    /// The lens stays nearly as it is: while it is not sure yet what is a nose, it must not explain what is none.
    pub(super) stiff: bool,
}

impl Base {
    fn camera(&self, p: &[f64]) -> Option<CameraModel> {
        let &[a, b, c, x, y, z, focal, aspect, cx, cy, k1, k2, p1, p2] = p.get(..CAMERA)? else {
            return None;
        };
        let lens = &self.camera.lens;
        let focal_px = lens.focal_px.x * focal.exp();
        Some(CameraModel {
            lens: Lens {
                focal_px: Vec2::new(focal_px, focal_px * (lens.focal_px.y / lens.focal_px.x + aspect)),
                centre_px: lens.centre_px + Vec2::new(cx, cy),
                radial: [lens.radial[0] + k1, lens.radial[1] + k2, lens.radial[2]],
                tangential: [lens.tangential[0] + p1, lens.tangential[1] + p2],
                ..*lens
            },
            pose: self.camera.pose.moved(Vec3::new(a, b, c), Vec3::new(x, y, z)),
        })
    }

    fn projector(&self, p: &[f64]) -> Option<ProjectorModel> {
        let base = self.projector?;
        let &[a, b, c, x, y, z, focal, cx, cy, k1] = p.get(CAMERA + TABLE..)? else {
            return None;
        };
        let lens = &base.optics.lens;
        let mut radial = lens.radial;
        radial[0] += k1;
        Some(ProjectorModel {
            optics: CameraModel {
                lens: Lens {
                    focal_px: lens.focal_px * focal.exp(),
                    centre_px: lens.centre_px + Vec2::new(cx, cy),
                    radial,
                    ..*lens
                },
                pose: base.optics.pose.moved(Vec3::new(a, b, c), Vec3::new(x, y, z)),
            },
            mirrored: base.mirrored,
        })
    }

    /// What was known before, in units of its σ.
    fn priors(&self, p: &[f64], out: &mut Vec<f64>) -> Option<()> {
        let camera = self.camera(p)?;
        if self.known.stiff {
            let lens = p.get(CAMERA - 7..CAMERA)?.iter().zip(STIFF);
            out.extend(lens.map(|(change, sigma)| change / sigma));
        }
        if let Some(height_m) = self.known.height_m {
            out.push((camera.pose.eye_m.z - height_m) / prior::TAPE_M);
        }
        let camera = camera.lens;
        match &self.known.lens {
            Some(lens) => known_lens(&camera, lens, out),
            None => usual_lens(&camera, out),
        }
        let (sides, rails) = p.get(CAMERA..CAMERA + TABLE)?.split_at(SIDES);
        let (rise, rows) = rails.split_first()?;
        out.extend(sides.iter().map(|s| s / prior::SIDE_M));
        out.push(rise / prior::RAIL_M);
        out.extend(rows.iter().map(|s| s / prior::ROW_M));
        if self.projector.is_some() {
            let lens = self.projector(p)?.optics.lens;
            let (w, h) = (f64::from(lens.image.width), f64::from(lens.image.height));
            out.push((lens.focal_px.x / (USUAL_THROW * w)).ln() / prior::THROW);
            out.push((lens.centre_px.x - 0.5 * w) / (prior::SHIFT[0] * w));
            out.push((lens.centre_px.y - 0.5 * h) / (prior::SHIFT[1] * h));
            out.push(lens.radial[0] / prior::BARREL);
        }
        Some(())
    }
}

/// How odd a lens is of which nothing is known.
fn usual_lens(lens: &Lens, out: &mut Vec<f64>) {
    let (w, h) = (f64::from(lens.image.width), f64::from(lens.image.height));
    out.push((lens.focal_px.x / Lens::usual_focal_px(lens.image)).ln() / prior::FOCAL);
    out.push((lens.focal_px.y / lens.focal_px.x - 1.0) / prior::ASPECT);
    out.push((lens.centre_px.x - 0.5 * w) / (prior::CENTRE * w));
    out.push((lens.centre_px.y - 0.5 * h) / (prior::CENTRE * w));
    out.push(lens.radial[0] / prior::RADIAL[0]);
    out.push(lens.radial[1] / prior::RADIAL[1]);
    out.extend(lens.tangential.map(|t| t / prior::TANGENTIAL));
}

/// How odd a lens is that a board has shown to be this one; focus and a jolt change it by a little.
fn known_lens(lens: &Lens, known: &Lens, out: &mut Vec<f64>) {
    let w = f64::from(lens.image.width);
    out.push((lens.focal_px.x / known.focal_px.x).ln() / prior::SHOWN_FOCAL);
    let aspect = |lens: &Lens| lens.focal_px.y / lens.focal_px.x;
    out.push((aspect(lens) - aspect(known)) / prior::SHOWN_ASPECT);
    let centre = (lens.centre_px - known.centre_px) / (prior::SHOWN_CENTRE * w);
    out.extend([centre.x, centre.y]);
    let radial = lens.radial.iter().zip(known.radial).take(2);
    out.extend(radial.map(|(a, b)| (a - b) / prior::SHOWN_RADIAL));
    let tangential = lens.tangential.iter().zip(known.tangential);
    out.extend(tangential.map(|(a, b)| (a - b) / prior::SHOWN_TANGENTIAL));
}

/// A usual projector's focal length, widths of its picture.
const USUAL_THROW: f64 = 1.3;

/// Fits the camera, and with dots the projector, starting from these.
///
/// `None` where nothing near them is possible.
pub(super) fn fit(
    camera: &CameraModel,
    known: Known,
    projector: Option<&ProjectorModel>,
    seen: Seen<'_>,
) -> Option<Fitted> {
    let base = Base {
        camera: *camera,
        projector: projector.copied(),
        known,
    };
    let count = CAMERA + TABLE + if projector.is_some() { PROJECTOR } else { 0 };
    let steps: Vec<f64> = steps().take(count).collect();
    let residuals = |p: &[f64], out: &mut Vec<f64>| -> bool { residuals_of(&base, p, seen, out).is_some() };
    let Fit {
        parameters,
        residuals,
        information,
    } = least_squares::minimise(&vec![0.0; count], &steps, 100, residuals)?;
    let rms = |part: Option<&[f64]>, sigma: f64, per: f64| {
        let part = part.unwrap_or_default();
        let squares: f64 = part.iter().map(|r| r * r).sum();
        sigma * (squares * per / part.len().max(1) as f64).sqrt()
    };
    let n = seen.noses.len();
    let d = n + seen.sights.len() + 2 * seen.markers.len();
    let m = d + 2 * seen.dots.len();
    Some(Fitted {
        camera: base.camera(&parameters)?,
        projector: base.projector(&parameters),
        noses_px: rms(residuals.get(..n), prior::NOSE_PX, 1.0),
        dots_px: rms(residuals.get(d..m), prior::DOT_PX, 2.0),
        oddest: residuals.iter().skip(m).map(|r| r.abs()).fold(0.0, f64::max),
        cost: residuals.iter().map(|r| r * r).sum(),
        covariance: inverse(&information)?,
        base,
        parameters,
    })
}

/// The inverse of a matrix of squares whose entries differ by many orders of magnitude: scaled to ones on the diagonal first.
fn inverse(information: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let scale = information.diagonal().map(|d| 1.0 / d.max(1e-300).sqrt());
    let scale = DMatrix::from_diagonal(&scale);
    let inverse = (&scale * information * &scale).cholesky()?.inverse();
    Some(&scale * inverse * &scale)
}

fn residuals_of(base: &Base, p: &[f64], seen: Seen<'_>, out: &mut Vec<f64>) -> Option<()> {
    let camera = base.camera(p)?;
    let (sides, rails) = p.get(CAMERA..CAMERA + TABLE)?.split_at(SIDES);
    for nose in seen.noses {
        let off = nose.outward.extend(0.0) * sides.get(nose.side)?;
        let at = camera.project(nose.at_m + off)?;
        out.push((nose.seen_px - at).dot(nose.normal_px) / prior::NOSE_PX);
    }
    let (rise, rows) = rails.split_first()?;
    for sight in seen.sights {
        let at = camera.project(sight.at_m + Vec3::new(0.0, 0.0, *rise))?;
        let off = (sight.seen_px - at).dot(sight.along_px) - rows.get(sight.side)? * sight.px_per_m;
        out.push(off / f64::hypot(prior::SPOT_PX, prior::SIGHT_M * sight.px_per_m));
    }
    for marker in seen.markers {
        let sigma = f64::hypot(prior::SPOT_PX, prior::MARKER_M * marker.px_per_m);
        let off = (marker.seen_px - camera.project(marker.at_m)?) / sigma;
        out.extend([off.x, off.y]);
    }
    if let Some(projector) = base.projector(p) {
        for dot in seen.dots {
            let place = projector.on_plane(dot.shown_px, 0.0)?;
            let off = (dot.seen_px - camera.project(place.extend(0.0))?) / prior::DOT_PX;
            out.extend([off.x, off.y]);
        }
    }
    base.priors(p, out)
}

impl Fitted {
    /// How far from a place of the table light meant for it may fall, metres: one σ, both directions together.
    /// `None` without a projector.
    pub(super) fn table_sigma_m(&self, place: Vec2) -> Option<f64> {
        let pixel = self.projector?.pixel(place.extend(0.0))?;
        self.sigma_m(|p| self.base.projector(p)?.on_plane(pixel, 0.0))
    }

    /// How far from a place as the camera sees it light meant for that place may fall: what camera and projector
    /// are wrong about together does not count.
    pub(super) fn landing_sigma_m(&self, place: Vec2) -> Option<f64> {
        let projector = self.projector?;
        self.sigma_m(|p| {
            let pixel = self.base.projector(p)?.pixel(place.extend(0.0))?;
            let lands = projector.on_plane(pixel, 0.0)?;
            let seen = self.camera.project(lands.extend(0.0))?;
            self.base.camera(p)?.on_plane(seen, 0.0)
        })
    }

    /// How far a place moves with what is not known of the parameters, one σ.
    fn sigma_m(&self, moved: impl Fn(&[f64]) -> Option<Vec2>) -> Option<f64> {
        let n = self.parameters.len();
        let mut jacobian = DMatrix::zeros(2, n);
        for (k, step) in steps().take(n).enumerate() {
            let step = least_squares::WIDER * step;
            let at = |step: f64| moved(&least_squares::moved(&self.parameters, k, step));
            let off = (at(step)? - at(-step)?) / (2.0 * step);
            jacobian.set_column(k, &DVector::from_vec(vec![off.x, off.y]));
        }
        let spread = &jacobian * &self.covariance * jacobian.transpose();
        Some(spread.trace().max(0.0).sqrt())
    }
}

/// A projector that puts its pixels about where they were seen on the cloth: a first guess from
/// pairs of place and pixel. `None` where they do not make a map, or none a projector could make.
pub(super) fn projector_from(pairs: &[(Vec2, Vec2)], size: ImageSize) -> Option<ProjectorModel> {
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let mut best: Option<(f64, ProjectorModel)> = None;
    let plain = Homography::fit(pairs)?.matrix();
    // Seen from above a picture keeps its sense; one that does not is mirrored.
    let mirrored = plain.determinant() > 0.0;
    for focal in [0.6, 0.9, 1.3, 1.8, 2.4].map(|throw| throw * w) {
        for shift in [-0.6, -0.3, 0.0, 0.3, 0.6] {
            let centre = Vec2::new(0.5 * w, (0.5 + shift) * h);
            let centred: Vec<_> = (pairs.iter())
                .map(|(place, pixel)| {
                    let x = if mirrored { w - pixel.x } else { pixel.x };
                    (*place, Vec2::new(x, pixel.y) - centre)
                })
                .collect();
            let matrix = Homography::fit(&centred)?.matrix();
            let Some(pose) = Pose::of_plane(&matrix, focal) else {
                continue;
            };
            let model = ProjectorModel {
                optics: CameraModel {
                    lens: Lens {
                        centre_px: centre,
                        ..Lens::pinhole(size, focal)
                    },
                    pose,
                },
                mirrored,
            };
            let squares: Option<f64> = (pairs.iter())
                .map(|(place, pixel)| Some(model.pixel(place.extend(0.0))?.distance_squared(*pixel)))
                .sum();
            if let Some(squares) = squares
                && best.as_ref().is_none_or(|(least, _)| squares < *least)
            {
                best = Some((squares, model));
            }
        }
    }
    best.map(|b| b.1)
}
