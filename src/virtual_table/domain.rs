//! Rooms that differ: table, cloth, balls, lamps, camera, lens and noise drawn by a seed.

use super::render::view::{framed, outer_half_m};
use super::{Company, Finish, Imaging, Lighting, Options, Pace, SceneName};
use crate::calibration::{CameraModel, Pose};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec3};

/// Cloths as makers sell them, sRGB: blues, greens, reds, greys, purple, tan.
const CLOTHS: [[u8; 3]; 12] = [
    [38, 132, 160],
    [20, 98, 170],
    [10, 80, 140],
    [34, 118, 66],
    [20, 96, 60],
    [96, 140, 60],
    [160, 30, 40],
    [110, 22, 36],
    [104, 108, 112],
    [60, 64, 70],
    [86, 50, 120],
    [176, 150, 108],
];

impl Options {
    /// A table in a room of its own, always the same for the same seed: fast, at rest where the
    /// scene allows it.
    ///
    /// `domain` chooses room and camera, `self.seed` what happens in it.
    #[must_use]
    pub fn of_domain(domain: u64) -> Self {
        // Neighbouring seeds give unrelated rooms.
        let mut random = fastrand::Rng::with_seed(domain.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let scene = *random.choice(&SCENES).unwrap_or(&SceneName::Practice);
        let table = match scene {
            SceneName::Snooker | SceneName::Carom => scene.usual_table(),
            _ => {
                let name = random
                    .choice(["pool-9ft", "pool-8ft", "pool-7ft"])
                    .unwrap_or("pool-9ft");
                TableSpec::named(name).unwrap_or_else(|_| TableSpec::pool_9ft())
            }
        };
        let size = *random
            .choice(&[ImageSize::new(1280, 720), ImageSize::new(1920, 1080)])
            .unwrap_or(&ImageSize::new(1920, 1080));
        let mut between = |low: f64, high: f64| low + (high - low) * random.f64();
        let outer = outer_half_m(&table);
        let height = (between(1.55, 2.3) * outer.x).max(2.2);
        let eye = Vec3::new(between(-0.35, 0.35), between(-0.4, 0.4), height);
        let target = Vec3::new(between(-0.03, 0.03), between(-0.03, 0.03), 0.0);
        let up = Vec3::new(between(-0.05, 0.05), 1.0, 0.0);
        let radial = [between(-0.14, 0.02), between(-0.01, 0.03), 0.0];
        let camera = framed(&table, size, Pose::looking_at(eye, target, up), radial);
        let noise_levels = between(0.5, 3.5);
        let exposure_s = between(0.001, 0.012);
        let tint = between(0.85, 1.15);
        // Nobody plays snooker on red.
        let cloths = if scene == SceneName::Snooker {
            &CLOTHS[..5]
        } else {
            &CLOTHS[..]
        };
        let mut things = fastrand::Rng::with_seed(random.u64(..));
        let lighting = *things.choice(&Lighting::ALL).unwrap_or(&Lighting::Boxes);
        let finish = drawn_finish(&mut things);
        let imaging = Imaging::drawn(&mut things);
        let cloth = random.choice(cloths).copied().unwrap_or([38, 132, 160]);
        Self {
            table,
            scene,
            seed: domain,
            pace: Pace::Fast,
            size,
            noise_levels,
            exposure_s,
            cloth_srgb: Some(cloth.map(|c| (f64::from(c) * tint).clamp(0.0, 255.0) as u8)),
            camera: Some(camera),
            lighting,
            finish,
            imaging,
            // Somebody is there in three of five rooms.
            company: if domain.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xff < 154 {
                Company::of_seed(domain)
            } else {
                Company::none()
            },
            ..Self::new(scene)
        }
    }
}

/// Scenes of domains; those with much to see more often.
const SCENES: [SceneName; 8] = [
    SceneName::Practice,
    SceneName::Practice,
    SceneName::Break,
    SceneName::Nine,
    SceneName::Grid,
    SceneName::Snooker,
    SceneName::Carom,
    SceneName::Still,
];

/// A set of balls as a house may have it.
fn drawn_finish(random: &mut fastrand::Rng) -> Finish {
    // From new to well worn: the blue in the white goes first.
    let age = random.f64();
    let white = [240.0 - 8.0 * age, 236.0 - 16.0 * age, 224.0 - 48.0 * age];
    Finish {
        television: random.f64() < 0.15,
        white_srgb: white.map(|c| c as u8),
        band: 0.48 + 0.14 * random.f64(),
        points: random.bool(),
        odd: (0.08, random.u64(..)),
    }
}

/// What a good calibration leaves: the places it gives in the picture are off by this much, root
/// mean square over the table, pixels. The target of the calibration itself.
pub const CALIBRATION_RESIDUAL_PX: f64 = 0.15;

/// The camera as a calibration would have found it: a little off in place, direction, focal length
/// and distortion, such that balls all over the table are seen off by [`CALIBRATION_RESIDUAL_PX`]
/// (rms). On a nine-foot table filmed at 1080p that is about 0.2 mm.
#[must_use]
pub fn as_calibrated(camera: &CameraModel, table: &TableSpec, seed: u64) -> CameraModel {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x00ca_11b8);
    // A sum of three uniform numbers is normal enough.
    let mut normal = |sigma: f64| sigma * 2.0 * (random.f64() + random.f64() + random.f64() - 1.5);
    // Shares in which the errors come, each worth about the same on the cloth.
    let eye = Vec3::new(normal(2e-4), normal(2e-4), normal(2e-4));
    let turn = Vec3::new(normal(8e-5), normal(8e-5), normal(8e-5));
    let (focal, radial) = (normal(1e-4), normal(2e-4));
    let off = |share: f64| {
        let rotation = glam::DMat3::from_quat(glam::DQuat::from_scaled_axis(turn * share));
        let mut lens = camera.lens;
        lens.focal_px *= 1.0 + focal * share;
        if let Some(k) = lens.radial.first_mut() {
            *k += radial * share;
        }
        CameraModel {
            lens,
            pose: Pose {
                eye_m: camera.pose.eye_m + eye * share,
                rotation: rotation * camera.pose.rotation,
            },
        }
    };
    let (mut squares, mut count) = (0.0, 0.0);
    let whole = off(1.0);
    for (i, j) in (-4..=4).flat_map(|i| (-2..=2).map(move |j| (f64::from(i), f64::from(j)))) {
        let at = Vec3::new(
            i / 4.0 * table.half_length_m(),
            j / 2.0 * table.half_width_m(),
            table.ball.radius_m,
        );
        if let (Some(a), Some(b)) = (camera.project(at), whole.project(at)) {
            squares += a.distance_squared(b);
            count += 1.0;
        }
    }
    let rms: f64 = (squares / f64::max(count, 1.0)).sqrt();
    off(CALIBRATION_RESIDUAL_PX / rms.max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_table::VirtualTable;

    #[test]
    fn a_calibration_is_off_by_its_residual() {
        let table = TableSpec::pool_9ft();
        let camera = super::super::render::view::overhead(&table, ImageSize::new(1920, 1080));
        for seed in 0..20 {
            let off = as_calibrated(&camera, &table, seed);
            assert_ne!(off, camera);
            let mut worst: f64 = 0.0;
            for (x, y) in [(-1.2, -0.6), (0.0, 0.0), (1.2, 0.6), (0.6, -0.5)] {
                let at = Vec3::new(x, y, table.ball.radius_m);
                let px = off.project(at).unwrap().distance(camera.project(at).unwrap());
                worst = worst.max(px);
            }
            assert!((0.05..0.6).contains(&worst), "{worst} px");
        }
    }

    #[test]
    fn domains_are_possible_differ_and_come_again() {
        let mut cloths = std::collections::BTreeSet::new();
        for domain in 0..40 {
            let options = Options::of_domain(domain);
            assert!(options.check().is_ok(), "{domain}");
            let again = Options::of_domain(domain);
            assert_eq!(
                (options.cloth_srgb, options.camera),
                (again.cloth_srgb, again.camera)
            );
            cloths.insert(options.cloth_srgb);
        }
        assert!(cloths.len() > 20);
        // Drawn at a small size, two of them: every pixel must see the floor.
        for domain in [3, 4] {
            assert!(VirtualTable::new(&Options::of_domain(domain)).is_ok(), "{domain}");
        }
    }
}
