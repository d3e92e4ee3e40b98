//! The copy of the site file with which the program last started well.

use std::path::{Path, PathBuf};

use super::changes::Changes;
use super::fault::ConfigError;
use super::layers::{Loaded, site_text};
use super::overrides::Overrides;

/// Its name in the state folder.
const NAME: &str = "last-good.ron";

impl Loaded {
    /// What is to be kept of the site file in the state folder, and where; to be written durably after a good
    /// start. `None` where there is no site file, or where the copy says the same already.
    #[must_use]
    pub fn last_good(&self, folder: &Path) -> Option<(PathBuf, Vec<u8>)> {
        let text = self.site_text.as_ref()?;
        let path = folder.join(NAME);
        let known = std::fs::read(&path).is_ok_and(|kept| kept == text.as_bytes());
        (!known).then(|| (path, text.clone().into_bytes()))
    }

    /// As [`Self::load`]; but where the site file is damaged (it can't be read or is not RON), the
    /// last good copy is used, with the reason why, to be shown as long as it is in use.
    ///
    /// A file that is understood but says what can't be is refused: whoever wrote it is there to
    /// put it right. So is a file that is not there.
    ///
    /// # Errors
    /// [`ConfigError`] of the site file, when no last good copy can take its place.
    pub fn load_or_last_good(
        path: Option<&Path>,
        overrides: &Overrides,
    ) -> Result<(Self, Option<String>), ConfigError> {
        let error = match Self::load(path, overrides) {
            Ok(loaded) => return Ok((loaded, None)),
            Err(error) if error.is_damage() => error,
            Err(error) => return Err(error),
        };
        match Self::from_last_good(path, overrides) {
            Ok((loaded, copy)) => {
                let reason = format!(
                    "the settings file is damaged ({error}); the last good copy {} is in use until it is put right",
                    copy.display()
                );
                Ok((loaded, Some(reason)))
            }
            Err(advice) => Err(with_advice(
                error,
                &format!("; {advice}; put the file right, or take it away to use the defaults"),
            )),
        }
    }

    /// For safe mode, which is there so that somebody can see what is wrong: it comes up whatever the site file says.
    /// Where that is of no use the last good copy is used, else the defaults; with the reason why.
    ///
    /// # Errors
    /// [`ConfigError`] of what stands above the site file.
    pub fn load_for_safe_mode(
        path: Option<&Path>,
        overrides: &Overrides,
    ) -> Result<(Self, Option<String>), ConfigError> {
        let error = match Self::load_or_last_good(path, overrides) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let (loaded, instead) = match Self::from_last_good(path, overrides) {
            Ok((loaded, copy)) => (loaded, format!("the last good copy {} is", copy.display())),
            Err(_) => (Self::load(None, overrides)?, "the defaults are".to_owned()),
        };
        let error = error.to_string().lines().collect::<Vec<_>>().join(", ");
        let reason =
            format!("the settings can't be used ({error}); {instead} in use until they are put right");
        Ok((loaded, Some(reason)))
    }

    /// The last good copy of the site file, and where it lies; or why there is none, in words that follow a semicolon.
    fn from_last_good(path: Option<&Path>, overrides: &Overrides) -> Result<(Self, PathBuf), String> {
        let mut advice = String::from("and there is no last good copy of it");
        for folder in state_folders(path, overrides) {
            let copy = folder.join(NAME);
            let Ok(text) = site_text(&copy) else { continue };
            // What lies beside the site file lies there still.
            // … and what was changed while the program ran holds still.
            let changes = Changes::read(&folder).unwrap_or_default();
            let with = |changes: &Changes| Self::from_copy(Some((&text, &copy)), path, overrides, changes);
            let changed = with(&changes).and_then(Self::with_named_files);
            match changed.or_else(|_| with(&Changes::default())) {
                Ok(loaded) => return Ok((loaded, copy)),
                Err(of_copy) => advice = format!("and its last good copy is of no use ({of_copy})"),
            }
        }
        Err(advice)
    }
}

/// Where a last good copy may be. The damaged file itself may have said so.
fn state_folders(path: Option<&Path>, overrides: &Overrides) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let Ok(without) = Loaded::from_text(None, overrides) else {
        return folders;
    };
    let said = |mut settings: super::Settings, folder: String| {
        if settings.state_folder.is_empty() {
            settings.state_folder = folder;
        }
        settings.state_folder().ok()
    };
    if let Some(bytes) = path.and_then(|path| std::fs::read(path).ok()) {
        let text = String::from_utf8_lossy(&bytes);
        folders.extend(salvaged(&text).and_then(|folder| said(without.settings.clone(), folder)));
    }
    folders.extend(without.settings.state_folder().ok());
    folders
}

/// What a damaged text says of the state folder, as far as it can be made out.
fn salvaged(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("state_folder"))?;
    let value = line.split_once('"')?.1;
    let folder = value.split_once('"')?.0;
    (!folder.is_empty() && !folder.contains('\\')).then(|| folder.to_owned())
}

fn with_advice(error: ConfigError, advice: &str) -> ConfigError {
    match error {
        ConfigError::Corrupt(mut fault) => {
            fault.reason.push_str(advice);
            ConfigError::Corrupt(fault)
        }
        ConfigError::Unreadable {
            path,
            mut reason,
            absent,
        } => {
            reason.push_str(advice);
            ConfigError::Unreadable { path, reason, absent }
        }
        wrong @ ConfigError::Wrong(_) => wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::super::overrides::Assignment;
    use super::*;

    /// As the program does after a good start.
    fn keep(loaded: &Loaded) {
        let folder = loaded.settings.state_folder().unwrap();
        if let Some((path, text)) = loaded.last_good(&folder) {
            crate::config::write_durably(&path, &text).unwrap();
        }
    }

    struct Place {
        folder: PathBuf,
        site: PathBuf,
        overrides: Overrides,
    }

    impl Place {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("billiards-good-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let state = folder.join("state").display().to_string();
            Self {
                site: folder.join("site.ron"),
                overrides: Overrides {
                    command_line: vec![Assignment::new("state_folder", state, "--set")],
                    ..Overrides::default()
                },
                folder,
            }
        }

        fn load(&self, text: &[u8]) -> Result<(Loaded, Option<String>), ConfigError> {
            std::fs::write(&self.site, text).unwrap();
            Loaded::load_or_last_good(Some(&self.site), &self.overrides)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }

    #[test]
    fn safe_mode_comes_up_whatever_the_site_file_says() {
        let place = Place::new("safe");
        let safe = || Loaded::load_for_safe_mode(Some(&place.site), &place.overrides).unwrap();
        let refused = b"(api: (port: 99999), vision: (rate: 3))";
        assert!(place.load(refused).is_err());
        let (loaded, reason) = safe();
        let reason = reason.unwrap();
        assert_eq!(loaded.settings.api.port, 8000);
        assert!(
            reason.contains("99999") && reason.contains("the defaults are"),
            "{reason}"
        );
        assert!(!reason.contains('\n'), "{reason}");
        keep(&place.load(b"(api: (port: 8123))").unwrap().0);
        assert!(place.load(refused).is_err());
        let (loaded, reason) = safe();
        assert_eq!(loaded.settings.api.port, 8123);
        assert!(reason.is_some_and(|r| r.contains("last-good.ron")));
        std::fs::remove_file(&place.site).unwrap();
        assert_eq!(safe().0.settings.api.port, 8123);
        assert!(place.load(b"(api: (port: 8124))").unwrap().1.is_none());
        assert_eq!((safe().0.settings.api.port, safe().1), (8124, None));
    }

    #[test]
    fn a_damaged_file_gives_way_to_the_last_good_one_and_says_so() {
        let place = Place::new("damaged");
        let good = b"(\n  api: (port: 8123),\n)";
        let (loaded, reason) = place.load(good).unwrap();
        assert_eq!((loaded.settings.api.port, reason), (8123, None));
        keep(&loaded);
        for length in 0..good.len() {
            let (loaded, reason) = place.load(&good[..length]).unwrap();
            let reason = reason.unwrap();
            assert_eq!(loaded.settings.api.port, 8123, "{length}");
            assert!(
                reason.contains("site.ron:") && reason.contains("last-good.ron"),
                "{reason}"
            );
            assert!(!reason.contains('\n'), "{reason}");
        }
        for bytes in [
            &[0_u8; 64][..],
            b"(\n api: (port: \xff\xfe)",
            b"{",
            b"port = 8123",
        ] {
            let (loaded, reason) = place.load(bytes).unwrap();
            assert_eq!(loaded.settings.api.port, 8123);
            assert!(reason.unwrap().contains("site.ron:"));
        }
        // Put right, the file counts again.
        let (loaded, reason) = place.load(b"(api: (port: 8124))").unwrap();
        assert_eq!((loaded.settings.api.port, reason), (8124, None));
    }

    #[test]
    fn a_file_that_is_understood_but_wrong_is_refused_whatever_is_kept() {
        let place = Place::new("wrong");
        let (loaded, _) = place.load(b"(api: (port: 8123))").unwrap();
        keep(&loaded);
        for text in [
            "(api: (prot: 1))",
            "(vision: (rate_hz: 0))",
            "(table: \"ping-pong\")",
            "(api: (port: 1), api: (port: 2))",
        ] {
            let error = place.load(text.as_bytes()).unwrap_err();
            assert!(matches!(error, ConfigError::Wrong(_)), "{error}");
            assert_eq!(error.exit_code(), 78);
        }
        std::fs::remove_file(&place.site).unwrap();
        let error = Loaded::load_or_last_good(Some(&place.site), &place.overrides).unwrap_err();
        assert!(error.to_string().contains("check the path"), "{error}");
    }

    #[test]
    fn with_both_bad_the_error_names_both_and_what_to_do() {
        let place = Place::new("both");
        let error = place.load(b"(api").unwrap_err().to_string();
        assert!(
            error.contains("site.ron:1:") && error.contains("no last good copy"),
            "{error}"
        );
        let state = place.folder.join("state");
        std::fs::create_dir_all(&state).unwrap();
        std::fs::write(state.join(NAME), "(api: (port: 99999999))").unwrap();
        let error = place.load(b"(api").unwrap_err().to_string();
        assert!(
            error.contains("site.ron:1:")
                && error.contains("last-good.ron:1:")
                && error.contains("put the file right"),
            "{error}"
        );
    }

    #[test]
    fn a_state_folder_named_in_the_damaged_file_itself_is_found() {
        let mut place = Place::new("salvage");
        place.overrides = Overrides::default();
        let state = place.folder.join("kept");
        let text = format!(
            "(\n  state_folder: \"{}\",\n  api: (port: 8125),\n)",
            state.display()
        );
        let (loaded, _) = place.load(text.as_bytes()).unwrap();
        keep(&loaded);
        assert!(state.join(NAME).is_file());
        let (loaded, reason) = place.load(&text.as_bytes()[..text.len() - 3]).unwrap();
        assert_eq!(loaded.settings.api.port, 8125);
        assert!(reason.is_some());
    }
}
