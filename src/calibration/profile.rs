//! What a calibration found, kept in a file: one for each table of a house, with those before it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::flow::Calibration;
use super::{CameraModel, ProjectorModel};
use crate::config::write_durably;
use crate::units::{ImageSize, Vec2};

/// The form of the file; files of another are refused.
const VERSION: u32 = 1;
/// Earlier profiles that are kept.
const KEPT: usize = 9;
/// By more than this a calibration is not put right by hand, metres.
pub const MOST_NUDGE_M: f64 = 0.02;

/// Everything that was fitted, and to what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    version: u32,
    /// When it was made, RFC 3339.
    pub made: String,
    /// The table's name.
    pub table: String,
    /// Where the frames came from: the camera by its lasting name, or another source as it is written.
    pub source: String,
    /// Where the projector's picture went: a monitor by its name.
    pub monitor: String,
    /// The camera.
    pub camera: CameraModel,
    /// The projector.
    pub projector: ProjectorModel,
    /// Height of the camera's lens above the cloth as somebody measured it, metres.
    pub camera_height_m: Option<f64>,
    /// Distance of the noses from where the camera puts them, root mean square, pixels.
    pub noses_px: f64,
    /// The same of the projector's dots.
    pub dots_px: f64,
    /// Dots it rests on.
    pub dots: usize,
    /// From showing a picture to the first frame taken of it, seconds.
    pub latency_s: f64,
    /// Share of the bed the projector reaches.
    pub reach: f64,
    /// Light of full white on the cloth, as a multiple of the room's there.
    #[serde(default)]
    pub white_gain: Option<f64>,
    /// Width of the noses' edges in the camera's picture, pixels.
    #[serde(default)]
    pub edge_px: Option<f64>,
    /// Brightness of the bed in the camera's picture, 0..1 in proportion to light.
    #[serde(default)]
    pub bed_light: Option<f64>,
    /// By how much the operator has moved the light on the cloth since, metres.
    #[serde(default)]
    pub nudge_m: Vec2,
    /// How far from where it is meant the camera sees light fall, root mean square, metres.
    pub landing_rms_m: f64,
    /// The same at worst.
    pub landing_max_m: f64,
    /// How well the table itself is known, one σ, metres.
    pub table_sigma_m: f64,
    /// The crosses this was checked by: where each was meant, and where it was seen, metres.
    pub crosses: Vec<(Vec2, Vec2)>,
}

/// A profile that can't be used. The text says what, where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The file can't be read.
    #[error("cannot read the calibration {path}: {reason}; calibrate again")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It is not understood.
    #[error(
        "the calibration {path} can't be used: {reason}; calibrate again, or roll back to the one before"
    )]
    Wrong {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// It can't be written.
    #[error("cannot write the calibration {path}: {reason}; the one before is untouched")]
    Unwritable {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// There is none to go back to.
    #[error("there is no calibration before this one to go back to")]
    NoneBefore,
}

/// To what a calibration belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    /// The table's name.
    pub table: String,
    /// Where frames come from.
    pub source: String,
    /// Where the projector's picture goes.
    pub monitor: String,
}

impl Profile {
    /// What was found for these devices, at this time (RFC 3339).
    #[must_use]
    pub fn of(found: &Calibration, devices: &Devices, camera_height_m: Option<f64>, made: String) -> Self {
        Self {
            version: VERSION,
            made,
            table: devices.table.clone(),
            source: devices.source.clone(),
            monitor: devices.monitor.clone(),
            camera: found.camera,
            projector: found.projector,
            camera_height_m,
            noses_px: found.noses_px,
            dots_px: found.dots_px,
            dots: found.dots,
            latency_s: found.latency_s,
            reach: found.reach,
            white_gain: Some(found.white_gain),
            edge_px: found.sight.map(|sight| sight.edge_px),
            bed_light: found.sight.map(|sight| sight.bed_light),
            nudge_m: Vec2::ZERO,
            landing_rms_m: found.landing.rms_m,
            landing_max_m: found.landing.max_m,
            table_sigma_m: found.landing.table_sigma_m,
            crosses: found
                .landing
                .crosses
                .iter()
                .map(|c| (c.meant_m, c.seen_m))
                .collect(),
        }
    }

    /// The camera, for frames of this size from this source over this table; else why not.
    ///
    /// # Errors
    /// What differs, in words.
    pub fn camera_for(&self, devices: &Devices, image: ImageSize) -> Result<&CameraModel, String> {
        self.is_of_table(devices)?;
        let made_at = self.camera.lens.image;
        if self.source != devices.source {
            Err(format!(
                "was made with {}, not with {}",
                self.source, devices.source
            ))
        } else if made_at != image {
            Err(format!(
                "was made with pictures of {}×{}, not of {}×{}",
                made_at.width, made_at.height, image.width, image.height
            ))
        } else {
            Ok(&self.camera)
        }
    }

    /// The projector, for a picture of this size on this monitor over this table; else why not.
    ///
    /// # Errors
    /// What differs, in words.
    pub fn projector_for(&self, devices: &Devices, image: ImageSize) -> Result<&ProjectorModel, String> {
        self.is_of_table(devices)?;
        let made_at = self.projector.size();
        if self.monitor != devices.monitor {
            Err(format!(
                "was made with {}, not with {}",
                self.monitor, devices.monitor
            ))
        } else if made_at != image {
            Err(format!(
                "was made with a projected picture of {}×{}, not of {}×{}",
                made_at.width, made_at.height, image.width, image.height
            ))
        } else {
            Ok(&self.projector)
        }
    }

    /// The projector as it is used: what it is to light a nudge further on is shown where it would light this.
    #[must_use]
    pub fn nudged(&self) -> ProjectorModel {
        let mut projector = self.projector;
        projector.optics.pose.eye_m -= self.nudge_m.extend(0.0);
        projector
    }

    /// The same, its light moved on the cloth by so much more, metres.
    #[must_use]
    pub fn nudge(&self, by_m: Vec2) -> Self {
        let most = Vec2::splat(MOST_NUDGE_M);
        Self {
            nudge_m: (self.nudge_m + by_m).clamp(-most, most),
            ..self.clone()
        }
    }

    /// The text of its file.
    ///
    /// # Errors
    /// What the writer says; it has always managed so far.
    pub fn to_text(&self) -> Result<String, String> {
        ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::new()).map_err(|error| error.to_string())
    }

    fn is_of_table(&self, devices: &Devices) -> Result<(), String> {
        if self.table == devices.table {
            Ok(())
        } else {
            Err(format!("was made for {}, not for {}", self.table, devices.table))
        }
    }

    /// Reads a profile; `None` where there is none.
    ///
    /// # Errors
    /// [`ProfileError`] where the file can't be read or is not understood.
    pub fn load(path: &Path) -> Result<Option<Self>, ProfileError> {
        let name = || path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(ProfileError::Unreadable {
                    path: name(),
                    reason: error.to_string(),
                });
            }
        };
        let wrong = |reason: String| ProfileError::Wrong { path: name(), reason };
        let profile: Self = ron::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if profile.version != VERSION {
            return Err(wrong(format!(
                "it has form {}, this program reads {VERSION}",
                profile.version
            )));
        }
        profile.check().map_err(wrong)?;
        Ok(Some(profile))
    }

    /// Writes the profile; the one that was there is kept beside it, and so are eight before that.
    ///
    /// # Errors
    /// [`ProfileError::Unwritable`]; the one that was there is then still in force.
    pub fn save(&self, path: &Path) -> Result<(), ProfileError> {
        let failed = |error: String| ProfileError::Unwritable {
            path: path.display().to_string(),
            reason: error,
        };
        let text = self.to_text().map_err(failed)?;
        if let Ok(old) = std::fs::read(path) {
            for age in (1..KEPT).rev() {
                // One that is not there leaves a gap, which hurts nobody.
                drop(std::fs::rename(earlier(path, age), earlier(path, age + 1)));
            }
            write_durably(&earlier(path, 1), &old).map_err(|error| failed(error.to_string()))?;
        }
        write_durably(path, text.as_bytes()).map_err(|error| failed(error.to_string()))
    }

    /// Puts the profile before the present one in force, and gives it. The present one is then the one before: doing it
    /// twice changes nothing.
    ///
    /// # Errors
    /// [`ProfileError`] where there is none before, or it can't be used; the present one is then still in force.
    pub fn roll_back(path: &Path) -> Result<Self, ProfileError> {
        let before = Self::load(&earlier(path, 1))?.ok_or(ProfileError::NoneBefore)?;
        let failed = |error: std::io::Error| ProfileError::Unwritable {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let present = std::fs::read(path).map_err(failed)?;
        let text = std::fs::read(earlier(path, 1)).map_err(failed)?;
        write_durably(path, &text).map_err(failed)?;
        write_durably(&earlier(path, 1), &present).map_err(failed)?;
        Ok(before)
    }

    fn check(&self) -> Result<(), String> {
        let pose = |pose: &super::Pose| {
            let turned = (pose.rotation * pose.rotation.transpose()).to_cols_array();
            let one = glam::DMat3::IDENTITY.to_cols_array();
            let off = turned
                .iter()
                .zip(one)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            pose.eye_m.is_finite() && pose.eye_m.z > 0.0 && off < 1e-6
        };
        let good = |camera: &CameraModel| camera.lens.is_possible() && pose(&camera.pose);
        if !good(&self.camera) {
            return Err("its camera is none that could be".to_owned());
        }
        if !good(&self.projector.optics) {
            return Err("its projector is none that could be".to_owned());
        }
        if !self.nudge_m.is_finite() || self.nudge_m.abs().max_element() > MOST_NUDGE_M {
            return Err("it is nudged further than can be".to_owned());
        }
        let landing = [
            self.landing_rms_m,
            self.landing_max_m,
            self.table_sigma_m,
            self.latency_s,
        ];
        if landing.iter().all(|v| v.is_finite() && *v >= 0.0) {
            Ok(())
        } else {
            Err("its residuals are none that could be".to_owned())
        }
    }
}

/// Where the profile of so many calibrations ago is.
fn earlier(path: &Path, age: usize) -> PathBuf {
    path.with_extension(format!("{age}.ron"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::calibration::{Lens, Pose};
    use crate::units::Vec3;

    pub(crate) fn profile(made: &str) -> Profile {
        let camera = CameraModel {
            lens: Lens::pinhole(ImageSize::new(1920, 1080), 1500.0),
            pose: Pose::looking_at(Vec3::new(0.1, 0.0, 2.5), Vec3::ZERO, Vec3::Y),
        };
        Profile {
            version: VERSION,
            made: made.to_owned(),
            table: "pool-9ft".to_owned(),
            source: "camera:0".to_owned(),
            monitor: "HDMI-1".to_owned(),
            camera,
            projector: ProjectorModel {
                optics: camera,
                mirrored: true,
            },
            camera_height_m: Some(2.5),
            noses_px: 0.1,
            dots_px: 0.05,
            dots: 120,
            latency_s: 0.08,
            reach: 1.0,
            white_gain: Some(2.0),
            edge_px: Some(5.0),
            bed_light: None,
            nudge_m: Vec2::ZERO,
            landing_rms_m: 4e-4,
            landing_max_m: 1.2e-3,
            table_sigma_m: 1e-3,
            crosses: vec![(Vec2::ZERO, Vec2::new(1e-4, 0.0))],
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("bt-profile-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_profile_comes_back_and_those_before_it_are_kept() {
        let folder = folder("kept");
        let path = folder.join("table.ron");
        assert_eq!(Profile::load(&path), Ok(None));
        for i in 0..12 {
            profile(&i.to_string()).save(&path).unwrap();
        }
        let made = |path: &Path| Profile::load(path).unwrap().unwrap().made;
        assert_eq!(made(&path), "11");
        assert_eq!(made(&earlier(&path, 1)), "10");
        assert_eq!(made(&earlier(&path, 9)), "2");
        assert!(!earlier(&path, 10).exists());
        assert_eq!(Profile::roll_back(&path).unwrap().made, "10");
        assert_eq!(
            (made(&path), made(&earlier(&path, 1))),
            ("10".to_owned(), "11".to_owned())
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// What was lit at a place is lit a nudge further on.
    #[test]
    fn a_nudge_moves_all_light_by_as_much() {
        let before = profile("a");
        let nudged = before
            .nudge(Vec2::new(0.003, -0.002))
            .nudge(Vec2::new(0.001, 0.0));
        for place in [Vec2::ZERO, Vec2::new(1.1, 0.5), Vec2::new(-0.9, -0.6)] {
            let pixel = nudged.nudged().pixel(place.extend(0.0)).unwrap();
            let lands = before.projector.on_plane(pixel, 0.0).unwrap();
            assert!(
                lands.distance(place + Vec2::new(0.004, -0.002)) < 1e-9,
                "{place} {lands}"
            );
        }
        let far = before.nudge(Vec2::new(9.0, -9.0));
        assert_eq!(far.nudge_m, Vec2::new(MOST_NUDGE_M, -MOST_NUDGE_M));
        assert_eq!(before.nudged(), before.projector);
    }

    #[test]
    fn going_back_without_one_before_changes_nothing() {
        let folder = folder("none");
        let path = folder.join("table.ron");
        profile("a").save(&path).unwrap();
        assert_eq!(Profile::roll_back(&path), Err(ProfileError::NoneBefore));
        std::fs::write(earlier(&path, 1), "(version: 1").unwrap();
        assert!(matches!(
            Profile::roll_back(&path),
            Err(ProfileError::Wrong { .. })
        ));
        assert_eq!(Profile::load(&path).unwrap().unwrap().made, "a");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn files_that_are_cut_or_changed_are_refused_or_right() {
        let folder = folder("cut");
        let path = folder.join("table.ron");
        profile("a").save(&path).unwrap();
        let text = std::fs::read(&path).unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..400 {
            let mut bytes = text.clone();
            if round % 2 == 0 {
                bytes.truncate(random.usize(..bytes.len()));
            } else {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            std::fs::write(&path, &bytes).unwrap();
            match Profile::load(&path) {
                Ok(Some(profile)) => assert!(profile.check().is_ok()),
                Ok(None) => panic!("the file is there"),
                Err(error) => assert!(error.to_string().contains("calibrate again"), "{error}"),
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn other_devices_sizes_and_tables_are_told_apart() {
        let profile = profile("a");
        let devices = Devices {
            table: "pool-9ft".to_owned(),
            source: "camera:0".to_owned(),
            monitor: "HDMI-1".to_owned(),
        };
        let full = ImageSize::new(1920, 1080);
        assert!(profile.camera_for(&devices, full).is_ok() && profile.projector_for(&devices, full).is_ok());
        let small = ImageSize::new(1280, 720);
        assert!(
            profile
                .camera_for(&devices, small)
                .unwrap_err()
                .contains("1280×720")
        );
        assert!(
            profile
                .projector_for(&devices, small)
                .unwrap_err()
                .contains("1280×720")
        );
        let other = Devices {
            table: "pool-8ft".to_owned(),
            ..devices.clone()
        };
        assert!(profile.camera_for(&other, full).unwrap_err().contains("pool-8ft"));
        let other = Devices {
            source: "camera:1".to_owned(),
            monitor: "DP-1".to_owned(),
            ..devices
        };
        assert!(profile.camera_for(&other, full).unwrap_err().contains("camera:1"));
        assert!(profile.projector_for(&other, full).unwrap_err().contains("DP-1"));
    }
}
