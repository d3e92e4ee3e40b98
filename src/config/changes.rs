//! What was changed while the program ran, over the network say: kept beside the program's other state, above the site file,
//! which stays as somebody wrote it, and below variables and command line.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::durable::write_privately;
use super::fault::ConfigError;
use super::layers::Loaded;
use super::overrides::Overrides;
use super::reload::changed_keys;

const FILE: &str = "changed-settings.ron";
/// Keys that say what state is kept where; they can't be kept there themselves.
const NOT_HERE: [&str; 2] = ["state_folder", "environment"];

/// Values by key path, written as for `--set`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<String, String>);

/// Why changes can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// They can't be, or the settings can't be used at all.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// A key that can't be changed like that.
    #[error("`{0}` can only be set in the settings file, by a variable or on the command line")]
    NotHere(String),
    /// Those of before have been damaged.
    #[error("{file} is damaged: {reason}; restore a backup of it, or delete it, which undoes those changes")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// They can't be read or kept.
    #[error("can't use {file}: {reason}; check that there is room and that this user may write there")]
    NotKept {
        /// Where.
        file: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

/// What changes lead to.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The settings as they will be.
    pub loaded: Loaded,
    /// Key paths that are different from before.
    pub keys: Vec<String>,
}

impl Changes {
    /// Those of a state folder; none where there is no file.
    ///
    /// # Errors
    /// [`ChangeError::NotKept`] or [`ChangeError::Damaged`], where the file can't be read.
    pub fn read(folder: &Path) -> Result<Self, ChangeError> {
        let file = Self::file_in(folder);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(reason) => return Err(ChangeError::NotKept { file, reason }),
        };
        let read = ron::from_str(&text);
        read.map(Self).map_err(|error| ChangeError::Damaged {
            file,
            reason: error.to_string(),
        })
    }

    /// The keys and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with these changed, too; `None` goes back to what the site file says.
    ///
    /// # Errors
    /// [`ChangeError::NotHere`].
    pub fn with(
        mut self,
        wished: impl IntoIterator<Item = (String, Option<String>)>,
    ) -> Result<Self, ChangeError> {
        for (key, value) in wished {
            if NOT_HERE.contains(&key.as_str()) {
                return Err(ChangeError::NotHere(key));
            }
            match value {
                Some(value) => drop(self.0.insert(key, value)),
                None => drop(self.0.remove(&key)),
            }
        }
        Ok(self)
    }

    /// What the settings would be with them, beside what they are.
    ///
    /// # Errors
    /// [`ChangeError::Settings`] with every fault.
    pub fn try_out(
        &self,
        before: &Loaded,
        site: Option<&Path>,
        overrides: &Overrides,
    ) -> Result<Changed, ChangeError> {
        let loaded = Loaded::load_with(site, overrides, self)?;
        let keys = changed_keys(&before.settings, &loaded.settings)?;
        Ok(Changed { loaded, keys })
    }

    /// Where those of a state folder are.
    #[must_use]
    pub fn file_in(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Keeps them for good, for this user only: addresses may hold passwords.
    ///
    /// # Errors
    /// [`ChangeError::NotKept`]; then those of before are kept still.
    pub fn keep(&self, folder: &Path) -> Result<(), ChangeError> {
        let file = Self::file_in(folder);
        let pretty = ron::ser::PrettyConfig::default();
        let text = ron::ser::to_string_pretty(&self.0, pretty).map_err(io::Error::other);
        text.and_then(|text| write_privately(&file, text.as_bytes()))
            .map_err(|reason| ChangeError::NotKept { file, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::super::overrides::Assignment;
    use super::super::tree::Layer;
    use super::*;

    fn setup(name: &str, port: Option<u16>) -> (PathBuf, PathBuf, Overrides) {
        let folder = std::env::temp_dir().join(format!("billiards-changes-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let site = folder.join("site.ron");
        std::fs::write(&site, "(vision: (rate_hz: 25), table: \"pool-8ft\")").unwrap();
        let mut command_line = vec![Assignment::new("state_folder", folder.display(), "--set")];
        command_line.extend(port.map(|port| Assignment::new("api.port", port, "--port")));
        let overrides = Overrides {
            command_line,
            ..Overrides::default()
        };
        (folder, site, overrides)
    }

    fn wish(key: &str, value: Option<&str>) -> (String, Option<String>) {
        (key.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn changes_stand_above_the_file_and_below_the_command_line_and_last() {
        let (folder, site, overrides) = setup("layers", Some(8200));
        let before = Loaded::load(Some(&site), &overrides).unwrap();
        assert_eq!(before.settings.vision.rate_hz, 25.0);
        let changes = Changes::read(&folder).unwrap();
        let wishes = [
            wish("vision.rate_hz", Some("50")),
            wish("api.port", Some("9000")),
            wish("trainer.assistance", Some("expert")),
        ];
        let changes = changes.with(wishes).unwrap();
        let changed = changes.try_out(&before, Some(&site), &overrides).unwrap();
        assert_eq!(changed.keys, ["trainer.assistance", "vision.rate_hz"]);
        assert_eq!(
            Loaded::load(Some(&site), &overrides).unwrap().settings,
            before.settings
        );
        changes.keep(&folder).unwrap();

        let after = Loaded::load(Some(&site), &overrides).unwrap();
        assert_eq!(
            (after.settings.vision.rate_hz, after.settings.api.port),
            (50.0, 8200)
        );
        let sources = after.sources();
        let layer = |key: &str| sources.iter().find(|s| s.key == key).unwrap().layer;
        assert_eq!(
            (layer("vision.rate_hz"), layer("table"), layer("api.port")),
            (Layer::Changed, Layer::SiteFile, Layer::CommandLine)
        );
        // Taken back one by one.
        let fewer = Changes::read(&folder)
            .unwrap()
            .with([wish("vision.rate_hz", None)])
            .unwrap();
        fewer.keep(&folder).unwrap();
        let again = Loaded::load(Some(&site), &overrides).unwrap();
        assert_eq!(again.settings.vision.rate_hz, 25.0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_can_not_be_is_refused_with_its_key_and_nothing_is_kept() {
        let (folder, site, overrides) = setup("refused", None);
        let before = Loaded::load(Some(&site), &overrides).unwrap();
        for (key, value) in [
            ("vision.rate_hz", "0"),
            ("vision.rate_hz", "fast"),
            ("vision.rat_hz", "30"),
            ("api.port", "70000"),
            ("", "1"),
            ("vision.balls", "/nowhere/balls.ron"),
        ] {
            let changes = Changes::default().with([wish(key, Some(value))]).unwrap();
            let error = changes.try_out(&before, Some(&site), &overrides).unwrap_err();
            let ChangeError::Settings(error) = error else {
                panic!("{key}: {error}")
            };
            assert!(error.faults()[0].key.starts_with(key), "{error}");
        }
        for key in NOT_HERE {
            let error = Changes::default().with([wish(key, Some("x"))]).unwrap_err();
            assert!(matches!(error, ChangeError::NotHere(_)));
        }
        assert!(Changes::read(&folder).unwrap().is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// A table must come up whatever has become of them.
    #[test]
    fn damaged_changes_are_left_out_and_that_is_told() {
        let (folder, site, overrides) = setup("damaged", None);
        for text in [
            "{",
            "{\"vision.rate_hz\": \"0\"}",
            "{\"no.such\": \"1\"}",
            "{\"vision.balls\": \"/nowhere/balls.ron\"}",
            "\u{0}",
        ] {
            std::fs::write(folder.join(FILE), text).unwrap();
            let loaded = Loaded::load(Some(&site), &overrides).unwrap();
            assert_eq!(loaded.settings.vision.rate_hz, 25.0);
            let told = loaded.notes.iter().any(|note| note.contains("left out"));
            assert!(told, "{text}: {:?}", loaded.notes);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
