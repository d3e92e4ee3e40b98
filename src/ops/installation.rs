//! Where an installed trainer keeps what it is and what it knows.

use std::path::{Path, PathBuf};

/// The folders of one installation, all below one:
///
/// ```text
/// /opt/billiards-trainer/
///   current -> releases/0.2.0    what runs
///   releases/0.2.0/              one release: the program, billiards-trainer
///   config/                      site.ron and the files it names; release.pub, the key releases are signed with
///   state/                       the state folder: calibration, history, tokens, changed settings
///   logs/
///   backups/repository/          restic's; backups/ also has what the last of each did
///   secrets/                     readable for the service's user only: backup.key
///   deploy/                      journal and lock of install, upgrade, rollback
/// ```
///
/// A trainer that nobody installed (started from a checkout or by hand) has its settings and its state folder
/// elsewhere: [`Installation::of_home`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Absolute. Everything that has no other place is below it.
    root: PathBuf,
    config: PathBuf,
    state: PathBuf,
}

/// The program's name in a release.
pub const PROGRAM: &str = "billiards-trainer";

impl Installation {
    /// The usual place.
    pub const USUAL: &str = "/opt/billiards-trainer";

    /// The installation below a folder; nothing is looked at or made.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let root = std::path::absolute(&root).unwrap_or(root);
        Self {
            config: root.join("config"),
            state: root.join("state"),
            root,
        }
    }

    /// What somebody runs without having installed it: settings and state lie where they lie, backups below `root`.
    #[must_use]
    pub fn of_home(root: impl Into<PathBuf>, config: PathBuf, state: PathBuf) -> Self {
        Self {
            config,
            state,
            ..Self::at(root)
        }
    }

    /// The same for the user who runs this: settings beside the site file, else where a site file would lie; backups in
    /// the user's data folder. None for a user without a home.
    #[must_use]
    pub fn at_home(site_file: Option<&Path>, state: PathBuf) -> Option<Self> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let below_home = |name, rest| variable(name).or_else(|| Some(variable("HOME")?.join(rest)));
        let data = below_home("XDG_DATA_HOME", ".local/share")?.join(PROGRAM);
        let config = match site_file.and_then(Path::parent) {
            Some(folder) => folder.to_owned(),
            None => below_home("XDG_CONFIG_HOME", ".config")?.join(PROGRAM),
        };
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Some(Self::of_home(data, absolute(config), absolute(state)))
    }

    /// That of a running trainer with this state folder: the one its program belongs to, else its user's.
    #[must_use]
    pub fn of_running(state: Option<PathBuf>) -> Option<Self> {
        Self::of_this_program().or_else(|| Self::at_home(None, state?))
    }

    /// The installation this very program belongs to. What `current` leads to is what runs.
    #[must_use]
    pub fn of_this_program() -> Option<Self> {
        let program = std::env::current_exe().and_then(std::fs::canonicalize).ok()?;
        Self::of_program(&program)
    }

    /// The installation a program belongs to: that of `ROOT/releases/VERSION/billiards-trainer`.
    #[must_use]
    pub fn of_program(program: &Path) -> Option<Self> {
        let releases = program.parent()?.parent()?;
        (releases.file_name()? == "releases").then(|| Self::at(releases.parent().unwrap_or(Path::new("/"))))
    }

    /// The folder of it all.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Settings and the files they name.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The site file.
    #[must_use]
    pub fn site_file(&self) -> PathBuf {
        self.config.join("site.ron")
    }

    /// The state folder.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// All releases.
    #[must_use]
    pub fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    /// The link to the release that runs.
    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.root.join("current")
    }

    /// What is known of backups, and the repository in it.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// Keys.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// The journal and lock of `deploy`.
    #[must_use]
    pub fn deploy(&self) -> PathBuf {
        self.root.join("deploy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_a_release_knows_its_installation() {
        let of = |path| Installation::of_program(Path::new(path));
        let place = of("/srv/table/releases/0.2.0/billiards-trainer").unwrap();
        assert_eq!(place, Installation::at("/srv/table"));
        assert_eq!(place.site_file(), Path::new("/srv/table/config/site.ron"));
        for path in [
            "/usr/bin/billiards-trainer",
            "/a",
            "/",
            "target/debug/billiards-trainer",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
