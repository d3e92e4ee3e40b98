//! New settings while the program runs.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::fault::ConfigError;
use super::keys::{Effect, effect_of};
use super::layers::Loaded;
use super::overrides::Overrides;
use super::settings::Settings;

/// What a reload brings.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The settings as they are to be, with where they come from.
    pub loaded: Loaded,
    /// Key paths of what is different, in order.
    pub changed: Vec<String>,
    /// Those of them that have no effect before a module or the program is restarted;
    /// [`effect_of`] says which.
    pub needs_restart: Vec<String>,
}

/// Reads the site file again, under the same overrides as before. Nothing is changed by this:
/// what to do with the result is the caller's, and an error leaves everything as it was.
///
/// # Errors
/// As [`Loaded::load`].
pub fn reload(
    current: &Settings,
    path: Option<&Path>,
    overrides: &Overrides,
) -> Result<Reloaded, ConfigError> {
    let loaded = Loaded::load(path, overrides)?;
    let changed = changed_keys(current, &loaded.settings)?;
    let needs_restart = changed
        .iter()
        .filter(|key| effect_of(key) != Effect::Live)
        .cloned()
        .collect();
    Ok(Reloaded {
        loaded,
        changed,
        needs_restart,
    })
}

/// Key paths whose values differ.
///
/// # Errors
/// When settings can't be written as text, which those that were read can.
pub fn changed_keys(before: &Settings, after: &Settings) -> Result<Vec<String>, ConfigError> {
    let (before, after) = (before.tree()?, after.tree()?);
    let mut values: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for (side, tree) in [&before, &after].into_iter().enumerate() {
        for (key, node) in tree.leaves() {
            if let Some(slot) = values.entry(key).or_default().get_mut(side) {
                *slot = Some(node.to_string());
            }
        }
    }
    values.retain(|_, [before, after]| before != after);
    let keys: Vec<String> = values.into_keys().collect();
    // A section that was `None` is told by its keys.
    let is_section = |key: &String| {
        keys.iter()
            .any(|k| k.strip_prefix(key.as_str()).is_some_and(|r| r.starts_with('.')))
    };
    Ok(keys.iter().filter(|key| !is_section(key)).cloned().collect())
}

/// How often a file is looked at. It has settled when two looks in a row see the same.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells that a file has changed and settled. Looks at it once a second, when asked.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    /// What was reported, or seen at first.
    known: Option<Stamp>,
    last: Option<Stamp>,
    looked: Option<Instant>,
}

/// What tells one state of a file from another; another name moved onto it has another inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    changed: Option<SystemTime>,
    length_bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self {
            changed: about.modified().ok(),
            length_bytes: about.len(),
            inode: about.ino(),
        })
    }
}

impl FileWatch {
    /// Watches from now on; to be made before the file is read, so that no change is missed.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let stamp = Stamp::of(path);
        Self {
            path: path.to_owned(),
            known: stamp,
            last: stamp,
            looked: None,
        }
    }

    /// The file that is watched.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True once for each change, after the file has stayed the same for a second. A file that
    /// is gone has changed, too. To be called as often as one likes.
    pub fn has_changed(&mut self, now: Instant) -> bool {
        if self
            .looked
            .is_some_and(|at| now.saturating_duration_since(at) < LOOK_EVERY)
        {
            return false;
        }
        self.looked = Some(now);
        let seen = Stamp::of(&self.path);
        let settled = seen == self.last;
        self.last = seen;
        if settled && seen != self.known {
            self.known = seen;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::overrides::Assignment;
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("billiards-reload-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_reload_tells_what_changed_and_what_needs_a_restart() {
        let folder = folder("keys");
        let path = folder.join("site.ron");
        let overrides = Overrides {
            command_line: vec![Assignment::new("api.port", 8200, "--port")],
            ..Overrides::default()
        };
        std::fs::write(&path, "(api: (port: 9000), vision: (rate_hz: 25))").unwrap();
        let before = Loaded::load(Some(&path), &overrides).unwrap().settings;
        let same = reload(&before, Some(&path), &overrides).unwrap();
        assert!(same.changed.is_empty() && same.needs_restart.is_empty());
        std::fs::write(
            &path,
            "(api: (port: 9001), trainer: (assistance: expert), physics: (ball_friction: (floor: 0.01, rise: 0.1, \
             decay_s_m: 1)), projector: (corners: ((0, 0), (1, 0), (1, 1), (0, 1))))",
        )
        .unwrap();
        let after = reload(&before, Some(&path), &overrides).unwrap();
        // The port is still the one of the command line.
        assert_eq!(after.loaded.settings.api.port, 8200);
        assert_eq!(
            after.changed,
            [
                "physics.ball_friction.decay_s_m",
                "physics.ball_friction.floor",
                "physics.ball_friction.rise",
                "projector.corners",
                "trainer.assistance",
                "vision.rate_hz"
            ]
        );
        assert_eq!(after.needs_restart.len(), 4);
        assert_eq!(effect_of("vision.rate_hz"), Effect::Module("vision"));
        assert_eq!(effect_of("vision"), Effect::Module("vision"));
        assert_eq!(effect_of("unheard_of"), Effect::Process);
        for bad in ["(", "(api: (port: -1))", "(vision: (rate: 1))"] {
            std::fs::write(&path, bad).unwrap();
            let error = reload(&before, Some(&path), &overrides).unwrap_err();
            assert!(error.to_string().contains("site.ron:1:"), "{error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(reload(&before, Some(&path), &overrides).is_err());
    }

    #[test]
    fn a_watch_waits_until_the_file_has_settled_and_tells_once() {
        let folder = folder("watch");
        let path = folder.join("site.ron");
        std::fs::write(&path, "()").unwrap();
        let mut watch = FileWatch::new(&path);
        let begin = Instant::now();
        let at = |seconds: f64| begin + Duration::from_secs_f64(seconds);
        assert!(!watch.has_changed(at(0.0)) && !watch.has_changed(at(1.0)));
        std::fs::write(&path, "(api").unwrap();
        assert!(!watch.has_changed(at(1.5)), "once a second");
        assert!(!watch.has_changed(at(2.0)), "just seen");
        std::fs::write(&path, "(api: ())").unwrap();
        assert!(!watch.has_changed(at(3.0)), "still being written");
        assert!(watch.has_changed(at(4.0)));
        assert!(!watch.has_changed(at(5.0)), "told already");
        // As an editor saves: a new file is moved onto it, of the same length.
        let beside = folder.join("site.ron.new");
        std::fs::write(&beside, "(vision:)").unwrap();
        std::fs::rename(&beside, &path).unwrap();
        assert!(!watch.has_changed(at(6.0)) && watch.has_changed(at(7.0)));
        std::fs::remove_file(&path).unwrap();
        assert!(!watch.has_changed(at(8.0)) && watch.has_changed(at(9.0)) && !watch.has_changed(at(10.0)));
        // Back and forth between two looks is no change.
        assert_eq!(watch.path(), path);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
