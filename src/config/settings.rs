//! Everything that can be set, with its default.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fault::{ConfigError, Fault};
use super::tree::Origin;
use crate::projector::theme::Wanted;
use crate::projector::tone::Tone;
use crate::system::alerts::AlertSettings;
use crate::system::recovery::RecoverySettings;
use crate::table::{ImpossibleMeasure, PhysicsMeasures, TableMeasures, TableSpec};
use crate::trainer::aim::Assistance;
use crate::trainer::help::Help;
use crate::units::Vec2;
use crate::vision::house_set::HouseSet;
use crate::vision::source::CameraSettings;

/// Where the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "app", derive(clap::ValueEnum))]
pub enum Environment {
    /// On a developer's desk.
    Development,
    /// At a table.
    #[default]
    Production,
    /// Under automated test.
    Testing,
}

impl Environment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Development, Self::Production, Self::Testing];

    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
            Self::Testing => "testing",
        }
    }
}

/// Everything that can be set, with its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the program runs.
    pub environment: Environment,
    /// Table model, one of `TableSpec::NAMES`.
    pub table: String,
    /// What is different about this very table and its balls.
    pub table_measures: TableMeasures,
    /// What is different about how it plays.
    pub physics: PhysicsMeasures,
    /// Where frames come from; see `run --help`.
    pub source: String,
    /// Camera and finder.
    pub vision: VisionSettings,
    /// Sessions kept on disk.
    pub recording: RecordingSettings,
    /// Aiming and help.
    pub trainer: TrainerSettings,
    /// Projector.
    pub projector: ProjectorSettings,
    /// Camera and projector against each other.
    pub calibration: CalibrationSettings,
    /// HTTP.
    pub api: ApiSettings,
    /// Physics and trainer run (off only for tests of the rest).
    pub core_enabled: bool,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,wgpu=error`.
    pub log_level: String,
    /// Folder of what the program keeps; empty: see [`Settings::state_folder`].
    pub state_folder: String,
    /// Longest time each module may take to stop, seconds, 0.1..=300.
    pub shutdown_timeout_s: f64,
    /// Health, monitoring, recovery.
    pub system: SystemSettings,
    /// When somebody is told of what.
    pub alerts: AlertSettings,
    /// What is done about modules in trouble.
    pub recovery: RecoverySettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            table: "pool-9ft".to_owned(),
            table_measures: TableMeasures::default(),
            physics: PhysicsMeasures::default(),
            source: "auto".to_owned(),
            vision: VisionSettings::default(),
            recording: RecordingSettings::default(),
            trainer: TrainerSettings::default(),
            projector: ProjectorSettings::default(),
            calibration: CalibrationSettings::default(),
            api: ApiSettings::default(),
            core_enabled: true,
            log_level: "info".to_owned(),
            state_folder: String::new(),
            shutdown_timeout_s: 10.0,
            system: SystemSettings::default(),
            alerts: AlertSettings::default(),
            recovery: RecoverySettings::default(),
        }
    }
}

/// Camera and finder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VisionSettings {
    /// On or off.
    pub enabled: bool,
    /// Wanted frames per second, 1..=240.
    pub rate_hz: f64,
    /// Wanted picture width in pixels (cameras only).
    pub width_px: u32,
    /// Wanted picture height in pixels (cameras only).
    pub height_px: u32,
    /// How much later the last row of a picture is exposed than the first, milliseconds, -100..=100: a rolling
    /// shutter; negative where it runs from bottom to top, 0 where all rows are exposed at once or nobody knows.
    pub readout_ms: f64,
    /// What a camera must not change by itself.
    pub camera: CameraSettings,
    /// File with the colours of the house's own balls, from the working folder; empty: `balls.ron`
    /// beside the site file if there is one, else the usual colours. See `calibrate balls`.
    pub balls: String,
}

impl VisionSettings {
    /// The house's own balls, where a file of them is named.
    ///
    /// # Errors
    /// What is wrong with the file, or that it is for another game than the table's.
    pub fn house_set(&self, table: &TableSpec) -> Result<Option<HouseSet>, String> {
        if self.balls.is_empty() {
            return Ok(None);
        }
        HouseSet::load_for(Path::new(&self.balls), table.ball_set)
            .map(Some)
            .map_err(|e| e.to_string())
    }
}

impl Default for VisionSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            rate_hz: 30.0,
            width_px: 1920,
            height_px: 1080,
            readout_ms: 0.0,
            camera: CameraSettings::default(),
            balls: String::new(),
        }
    }
}

/// Sessions kept on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingSettings {
    /// Every picture that is looked at is recorded into this folder; empty: none is.
    pub folder: String,
    /// All recordings in the folder together may take so much, gigabytes (10⁹ bytes), 0.1..=100000. The oldest go first.
    pub limit_gb: f64,
}

impl RecordingSettings {
    /// Where to record, if anywhere.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        (!self.folder.is_empty()).then(|| Path::new(&self.folder))
    }
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            folder: String::new(),
            limit_gb: 50.0,
        }
    }
}

/// Aiming and help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainerSettings {
    /// How much help is drawn.
    pub assistance: Assistance,
    /// What that is, level by level.
    pub draws: Help,
    /// Stick speed assumed for a shot that is only aimed, m/s, 0.1..=15.
    pub stick_speed_m_s: f64,
}

impl Default for TrainerSettings {
    fn default() -> Self {
        Self {
            assistance: Assistance::default(),
            draws: Help::default(),
            stick_speed_m_s: 1.8,
        }
    }
}

/// Projector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectorSettings {
    /// Off switches the projector off; it is on unless `disabled` is true.
    pub disabled: bool,
    /// Name of the monitor (`HDMI-1`); empty: the second one, or a window where there is only one.
    pub monitor: String,
    /// Corners of the nose rectangle in projector pixels, as fractions 0..1 of its width and
    /// height from the top left: head-left, foot-left, foot-right, head-right. `None`: the table fills the picture.
    pub corners: Option<[Vec2; 4]>,
    /// How lines are coloured.
    pub theme: Wanted,
    /// Light of full white on the cloth as a multiple of the room's light there, 0.01..=1000. `None`: as the calibration has measured
    /// it, if it has.
    pub gain: Option<f64>,
    /// What this projector makes of light, put right.
    pub tone: Tone,
}

/// Camera and projector against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationSettings {
    /// Name under which the calibration is kept in the state folder.
    pub profile: String,
    /// Height of the camera's lens above the cloth as measured with a tape, metres, 0.3..=10. `None`: nobody has measured it,
    /// and the table is known less well.
    pub camera_height_m: Option<f64>,
    /// File with the camera's lens, from the working folder; empty: the lens is found on the table. See `calibrate camera`.
    pub lens: String,
    /// Round stickers on rails or bed whose places somebody has measured: toward the foot and to the left from the table's
    /// middle, and height above the cloth, metres. All of them must be seen.
    pub markers: Vec<[f64; 3]>,
    /// A calibration whose light lands worse than this anywhere is refused, millimetres, 0.1..=100.
    pub limit_mm: f64,
    /// A calibration that knows the table less well than this (one σ) is refused, millimetres, 0.1..=100.
    pub table_limit_mm: f64,
    /// Time between two checks between shots of where light lands, seconds, 0..=86400; 0: no checks.
    pub check_every_s: f64,
    /// Calibrate again without being asked where camera, table or projector were moved and the table is clear.
    pub by_itself: bool,
}

impl Default for CalibrationSettings {
    fn default() -> Self {
        Self {
            profile: "table".to_owned(),
            camera_height_m: None,
            lens: String::new(),
            markers: Vec::new(),
            limit_mm: 2.0,
            table_limit_mm: 3.0,
            check_every_s: 120.0,
            by_itself: true,
        }
    }
}

/// HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// On or off.
    pub enabled: bool,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Also on this machine nobody comes in without a token.
    pub require_token: bool,
    /// File with the certificate shown to browsers (PEM), and those that vouch for it; empty: not encrypted.
    pub tls_certificate: String,
    /// File with its private key (PEM).
    pub tls_key: String,
    /// Names under which a proxy on this machine is called.
    pub names: Vec<String>,
    /// Pages of other sites that may ask, `https://club.example`.
    pub origins: Vec<String>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            host: "127.0.0.1".to_owned(),
            port: 8000,
            require_token: false,
            tls_certificate: String::new(),
            tls_key: String::new(),
            names: Vec::new(),
            origins: Vec::new(),
        }
    }
}

/// Health, monitoring, recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemSettings {
    /// Time between two looks at the health of all modules, seconds, 0.1..=3600.
    pub health_interval_s: f64,
    /// Bad checks in a row before a state gets worse, 1..=100.
    pub worse_after: u32,
    /// Good checks in a row before a state gets better, 1..=100.
    pub better_after: u32,
    /// Watch health and performance.
    pub monitoring: bool,
    /// Repair by itself what fails.
    pub recovery: bool,
}

impl Default for SystemSettings {
    fn default() -> Self {
        Self {
            health_interval_s: 0.5,
            worse_after: 2,
            better_after: 3,
            monitoring: true,
            recovery: true,
        }
    }
}

impl Settings {
    /// The table these settings describe: the named model with its measures and its way to play.
    ///
    /// A table that differs from its model has another name, `pool-9ft, custom`, for replies
    /// carry the name only and must not pass it off as the model. Asked about by name
    /// (`POST /predict`) either is still there: this one by its own name, the model by its.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] for a model that is not known and for the first measure that can't be.
    pub fn table_spec(&self) -> Result<TableSpec, ConfigError> {
        let wrong = |key: String, reason: String| {
            ConfigError::Wrong(vec![Fault::new(&Origin::DEFAULT, None, &key, reason)])
        };
        let impossible =
            |section: &str, m: ImpossibleMeasure| wrong(format!("{section}.{}", m.key), m.reason);
        let model =
            TableSpec::named(&self.table).map_err(|e| wrong("table".to_owned(), format!("is wrong: {e}")))?;
        let measured = self.table_measures.on(&model);
        let mut spec = measured.map_err(|e| impossible("table_measures", e))?;
        let played = self.physics.on(&model.physics);
        spec.physics = played.map_err(|e| impossible("physics", e))?;
        if spec != model {
            spec.name.push_str(", custom");
        }
        Ok(spec)
    }

    /// The folder of what the program keeps: the one that is set, else `$STATE_DIRECTORY` (which
    /// the service manager sets), else `$XDG_STATE_HOME/billiards-trainer`, else
    /// `~/.local/state/billiards-trainer`. Under test it is a scratch folder of this process
    /// unless one is set. It may not be there yet.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] when none of these is known.
    pub fn state_folder(&self) -> Result<PathBuf, ConfigError> {
        let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        if !self.state_folder.is_empty() {
            return Ok(match (self.state_folder.strip_prefix("~/"), home) {
                (Some(below), Some(home)) => home.join(below),
                _ => PathBuf::from(&self.state_folder),
            });
        }
        if self.environment == Environment::Testing {
            let name = format!("billiards-trainer-testing-{}", std::process::id());
            return Ok(std::env::temp_dir().join(name));
        }
        // There may be several, with colons between them; the first is the main one.
        if let Some(folders) = variable("STATE_DIRECTORY")
            && let Some(folder) = std::env::split_paths(&folders).next()
        {
            return Ok(folder);
        }
        variable("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".local/state")))
            .map(|folder| folder.join("billiards-trainer"))
            .ok_or_else(|| {
                let reason = "is empty, and neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME says where to \
                              keep things; set it to a folder";
                ConfigError::Wrong(vec![Fault::new(&Origin::DEFAULT, None, "state_folder", reason)])
            })
    }

    /// The site file that is used when none is named: `$BILLIARDS_CONFIG`, else
    /// `config/site.ron` under the working folder, else `billiards-trainer/site.ron` in the user's
    /// configuration folder. `None` when there is none.
    #[must_use]
    pub fn default_path() -> Option<PathBuf> {
        if let Some(path) = std::env::var_os("BILLIARDS_CONFIG") {
            return Some(PathBuf::from(path));
        }
        let home = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".config")));
        [
            Some(PathBuf::from("config/site.ron")),
            home.map(|h| h.join("billiards-trainer/site.ron")),
        ]
        .into_iter()
        .flatten()
        .find(|p| p.is_file())
    }
}
