//! Settings: defaults < site file < environment < command line.
//!
//! The site file is RON. Unknown or out-of-range keys are refused with file, line and
//! column; a program that runs on settings it did not understand helps nobody.

mod durable;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use durable::write_durably;

use crate::table::{ImpossibleMeasure, PhysicsMeasures, TableMeasures, TableSpec};
use crate::trainer::aim::Assistance;
use crate::units::Vec2;
use crate::vision::house_set::HouseSet;

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
    /// Aiming and help.
    pub trainer: TrainerSettings,
    /// Projector.
    pub projector: ProjectorSettings,
    /// HTTP.
    pub api: ApiSettings,
    /// Physics and trainer run (off only for tests of the rest).
    pub core_enabled: bool,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,wgpu=error`.
    pub log_level: String,
    /// Modules get this long to stop, seconds.
    pub shutdown_timeout_s: f64,
    /// Health, monitoring and recovery as a whole.
    pub system: SystemSettings,
    /// When somebody is told of what.
    pub alerts: crate::system::alerts::AlertSettings,
    /// What is done about modules in trouble.
    pub recovery: crate::system::recovery::RecoverySettings,
}

/// Health, monitoring and recovery as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemSettings {
    /// Time between two looks at the health of all modules, seconds, 0.1..=3600.
    pub health_interval_s: f64,
    /// Repair by itself what fails.
    pub recovery: bool,
}

impl Default for SystemSettings {
    fn default() -> Self {
        Self {
            health_interval_s: 1.0,
            recovery: true,
        }
    }
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
            trainer: TrainerSettings::default(),
            projector: ProjectorSettings::default(),
            api: ApiSettings::default(),
            core_enabled: true,
            log_level: "info".to_owned(),
            shutdown_timeout_s: 10.0,
            system: SystemSettings::default(),
            alerts: crate::system::alerts::AlertSettings::default(),
            recovery: crate::system::recovery::RecoverySettings::default(),
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
    /// File with the colours of the house's own balls, from the working folder; empty: the usual
    /// colours. See `calibrate balls`.
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
            balls: String::new(),
        }
    }
}

/// Aiming and help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainerSettings {
    /// How much help is drawn.
    pub assistance: Assistance,
    /// Stick speed assumed for a shot that is only aimed, m/s, 0.1..=15.
    pub stick_speed_m_s: f64,
}

impl Default for TrainerSettings {
    fn default() -> Self {
        Self {
            assistance: Assistance::default(),
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
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            host: "127.0.0.1".to_owned(),
            port: 8000,
        }
    }
}

/// Settings that can't be used. The text says what, where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the settings file {path}: {reason}; check the path or leave out --config")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is not what it should be.
    #[error("{path}:{line}:{column}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A value is out of range.
    #[error("setting `{key}` {reason}")]
    OutOfRange {
        /// The key, `vision.rate_hz`.
        key: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

impl Settings {
    /// Reads a site file on top of the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] when it can't be read, parsed, or a value is out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Unreadable {
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
        let settings = Self::parse(&text, path)?;
        settings.check()?;
        Ok(settings)
    }

    /// Reads settings from RON text; `path` is only for messages.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let options =
            ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        options.from_str(text).map_err(|e| ConfigError::Invalid {
            path: path.to_owned(),
            line: e.span.start.line,
            column: e.span.start.col,
            reason: e.code.to_string(),
        })
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for the first value that can't work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let range = |key: &str, value: f64, low: f64, high: f64| {
            if value.is_finite() && (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::OutOfRange {
                    key: key.to_owned(),
                    reason: format!("is {value}; allowed are {low} to {high}"),
                })
            }
        };
        self.table_spec()?;
        range("vision.rate_hz", self.vision.rate_hz, 1.0, 240.0)?;
        range("vision.width_px", f64::from(self.vision.width_px), 160.0, 7680.0)?;
        range(
            "vision.height_px",
            f64::from(self.vision.height_px),
            120.0,
            4320.0,
        )?;
        range("trainer.stick_speed_m_s", self.trainer.stick_speed_m_s, 0.1, 15.0)?;
        for corner in self.projector.corners.iter().flatten() {
            range("projector.corners", corner.x, -1.0, 2.0)?;
            range("projector.corners", corner.y, -1.0, 2.0)?;
        }
        if self.api.host.parse::<std::net::IpAddr>().is_err() && self.api.host != "localhost" {
            return Err(ConfigError::OutOfRange {
                key: "api.host".to_owned(),
                reason: format!(
                    "is `{}`; give an IP address such as 127.0.0.1 or 0.0.0.0",
                    self.api.host
                ),
            });
        }
        Ok(())
    }

    /// The table these settings describe: the named model with its measures and its way to play.
    ///
    /// A table that differs from its model has another name, `pool-9ft, custom`, for replies
    /// carry the name only and must not pass it off as the model. Asked about by name
    /// (`POST /predict`) either is still there: this one by its own name, the model by its.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a model that is not known and for the first measure that
    /// can't be.
    pub fn table_spec(&self) -> Result<TableSpec, ConfigError> {
        let impossible = |section: &str, measure: ImpossibleMeasure| ConfigError::OutOfRange {
            key: format!("{section}.{}", measure.key),
            reason: measure.reason,
        };
        let model = TableSpec::named(&self.table).map_err(|e| ConfigError::OutOfRange {
            key: "table".to_owned(),
            reason: format!("is wrong: {e}"),
        })?;
        let measured = self.table_measures.on(&model);
        let mut spec = measured.map_err(|e| impossible("table_measures", e))?;
        let played = self.physics.on(&model.physics);
        spec.physics = played.map_err(|e| impossible("physics", e))?;
        if spec != model {
            spec.name.push_str(", custom");
        }
        Ok(spec)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::parameters::Pocket;

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        let settings = Settings::parse(text, Path::new("site.ron"))?;
        settings.check()?;
        Ok(settings)
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped = include_str!("../../config/default.ron");
        assert_eq!(parse(shipped).unwrap(), Settings::default());
    }

    #[test]
    fn a_file_may_name_only_what_differs() {
        let settings = parse("(table: \"pool-8ft\", api: (port: 9000))").unwrap();
        assert_eq!((settings.table.as_str(), settings.api.port), ("pool-8ft", 9000));
        assert_eq!(settings.api.host, "127.0.0.1");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let message = parse("(\n  vision: (rate: 30),\n)").unwrap_err().to_string();
        assert!(
            message.starts_with("site.ron:2:") && message.contains("rate"),
            "{message}"
        );
    }

    #[test]
    fn values_out_of_range_are_named_with_the_range() {
        for (text, key) in [
            ("(vision: (rate_hz: 0))", "vision.rate_hz"),
            ("(vision: (rate_hz: NaN))", "vision.rate_hz"),
            ("(trainer: (stick_speed_m_s: -3))", "trainer.stick_speed_m_s"),
            ("(table: \"billiard\")", "table"),
            ("(api: (host: \"table 1\"))", "api.host"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    /// Every line of the shipped file that is an example, `// key: value`, made a setting.
    fn with_examples(shipped: &str) -> String {
        let example = |line: &str| {
            let said = line.trim_start().strip_prefix("// ")?;
            let (key, _) = said.split_once(": ")?;
            let is_key = key
                .chars()
                .all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
            (is_key && said.ends_with(',')).then(|| said.to_owned())
        };
        let lines = shipped
            .lines()
            .map(|l| example(l).unwrap_or_else(|| l.to_owned()));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_examples_of_the_shipped_file_can_be_used_and_name_every_measure() {
        let shipped = include_str!("../../config/default.ron");
        let settings = parse(&with_examples(shipped)).unwrap();
        let written = ron::to_string(&(settings.table_measures.clone(), settings.physics.clone())).unwrap();
        assert!(!written.contains("None"), "{written}");
        let spec = settings.table_spec().unwrap();
        assert_eq!(
            (spec.name.as_str(), spec.cue_ball_mass_kg),
            ("pool-9ft, custom", 0.185)
        );
    }

    #[test]
    fn a_site_file_describes_its_own_table() {
        let settings = parse(
            "(
                table: \"pool-7ft\",
                table_measures: (
                    length_m: 2.0,
                    corner: (mouth_m: 0.125),
                    cue_ball_mass_kg: 0.19,
                ),
                physics: (
                    slope: (0.001, -0.002),
                    cushion_restitution: curve([(0.5, 0.9), (4, 0.8)]),
                    pocket: drop(depth_m: 0.012, liner_restitution: 0.3),
                ),
            )",
        )
        .unwrap();
        let spec = settings.table_spec().unwrap();
        let model = TableSpec::named("pool-7ft").unwrap();
        assert_eq!(spec.name, "pool-7ft, custom");
        assert_eq!(
            (spec.length_m, spec.width_m, spec.cue_ball_mass_kg),
            (2.0, model.width_m, 0.19)
        );
        let (corner, usual) = (spec.corner.unwrap(), model.corner.unwrap());
        assert_eq!((corner.mouth_m, corner.shelf_m), (0.125, usual.shelf_m));
        assert_eq!((spec.side, spec.ball), (model.side, model.ball));
        assert_eq!(spec.physics.slope, Vec2::new(0.001, -0.002));
        assert_eq!(spec.physics.roll_friction, model.physics.roll_friction);
        assert!((spec.physics.cushion_restitution.at(2.25) - 0.85).abs() < 1e-12);
        assert_eq!(spec.physics.cushion_restitution.at(9.0), 0.8);
        let Pocket::Drop {
            depth_m,
            liner_restitution,
            ..
        } = spec.physics.pocket
        else {
            unreachable!("the site file says drop");
        };
        assert_eq!((depth_m, liner_restitution), (0.012, 0.3));
    }

    #[test]
    fn a_table_as_its_model_has_it_keeps_its_name() {
        for name in TableSpec::NAMES {
            let model = TableSpec::named(name).unwrap();
            let text = format!(
                "(table: \"{name}\", table_measures: (length_m: {}), physics: (gravity_m_s2: 9.81))",
                model.length_m
            );
            assert_eq!(parse(&text).unwrap().table_spec().unwrap(), model);
        }
    }

    #[test]
    fn an_unknown_measure_is_refused_with_its_place() {
        for (text, word) in [
            ("(\n\n  table_measures: (corner: (mouth: 0.1)),\n)", "mouth"),
            ("(\n\n  table_measures: (radius_m: 0.03),\n)", "radius_m"),
            ("(\n\n  physics: (friction: 0.2),\n)", "friction"),
            (
                "(\n\n  physics: (pocket: drop(depth_m: 0.01, liner_restitution: 0, lip: 1)),\n)",
                "lip",
            ),
            ("(\n\n  physics: (pocket: net),\n)", "net"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(
                message.starts_with("site.ron:3:") && message.contains(word),
                "{message}"
            );
        }
    }

    #[test]
    fn measures_that_cannot_be_are_named_with_their_section() {
        for (text, key, allowed) in [
            (
                "(table_measures: (side: (mouth_m: 0.01)))",
                "`table_measures.side.mouth_m` is 0.01;",
                "0.06",
            ),
            (
                "(table: \"carom-10ft\", table_measures: (corner: (mouth_m: 0.1)))",
                "`table_measures.corner` is set, but `carom-10ft` has no pockets",
                "leave it out",
            ),
            (
                "(physics: (slope: (0.02, 0)))",
                "`physics.slope` is not possible",
                "roll_friction",
            ),
            (
                "(physics: (temperature_c: 99))",
                "`physics.temperature_c` is 99;",
                "-10 to 50",
            ),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains(allowed), "{message}");
        }
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let message = Settings::load(Path::new("/nowhere/site.ron"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("/nowhere/site.ron") && message.contains("--config"));
    }
}
