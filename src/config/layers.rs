//! Lays the layers over each other: defaults < preset < site file < changes < variables < command line.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::changes::Changes;
use super::fault::{ConfigError, Fault};
use super::overrides::Overrides;
use super::read::{quoted, read};
use super::settings::{Environment, Settings};
use super::shape::Shape;
use super::tree::{Layer, Node, Origin, Place, Value};
use super::verify::Verifier;
use crate::system::alerts::{KNOWN_CONDITIONS, Known};
use crate::system::metrics::Metric;
use crate::system::orchestrator::MODULES;
use crate::system::recovery::Rung;
use crate::table::{PhysicsMeasures, TableMeasures};
use crate::virtual_table::SceneName;
use crate::vision::house_set::HouseSet;
use crate::vision::source::SourceSpec;

/// No settings file is longer; what is, is another file.
const LONGEST_BYTES: u64 = 1 << 20;

/// Settings, and where each of them comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What somebody at the venue may want to know: to be logged once.
    pub notes: Vec<String>,
    /// The site file, if there is one.
    pub site_file: Option<PathBuf>,
    /// Its text.
    pub site_text: Option<String>,
    tree: Node,
}

/// A setting and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Key path.
    pub key: String,
    /// Value, as RON.
    pub value: String,
    /// Who said it.
    pub layer: Layer,
    /// Where: `config/site.ron:3:5`, `$BILLIARDS_PORT`, `--port`; may be empty.
    pub place: String,
}

impl Environment {
    /// What this environment changes of the defaults, as RON.
    const fn preset(self) -> &'static str {
        match self {
            Self::Development => "(log_level: \"debug\")",
            Self::Production => "()",
            Self::Testing => "(api: (port: 0))",
        }
    }
}

impl Loaded {
    /// Reads the site file, if there is one, and what was changed while the program ran, and lays everything over each other.
    ///
    /// # Errors
    /// [`ConfigError`] with every fault of every layer.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let text = path.map(site_text).transpose()?;
        let site = text.as_deref().zip(path);
        let mut loaded = Self::from_text(site, overrides)?;
        // Only now is it known where they are kept. A table comes up without them rather than not at all.
        let Ok(folder) = loaded.settings.state_folder() else {
            return Ok(loaded);
        };
        let changed = match Changes::read(&folder) {
            Ok(changes) if changes.is_empty() => return Ok(loaded),
            Ok(changes) => Self::from_copy(site, path, overrides, &changes)
                .and_then(Self::with_named_files)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match changed {
            Ok(changed) => Ok(changed),
            Err(words) => {
                let note = format!("what was changed while the program ran is left out: {words}");
                loaded.notes.push(note);
                Ok(loaded)
            }
        }
    }

    /// The same with these changes in place of those that are kept.
    ///
    /// # Errors
    /// [`ConfigError`] with every fault of every layer.
    pub(super) fn load_with(
        path: Option<&Path>,
        overrides: &Overrides,
        changes: &Changes,
    ) -> Result<Self, ConfigError> {
        let text = path.map(site_text).transpose()?;
        Self::from_copy(text.as_deref().zip(path), path, overrides, changes)?.with_named_files()
    }

    /// The same with a text; `path` is for messages, and for what lies beside the site file.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_text(site: Option<(&str, &Path)>, overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::from_copy(site, site.map(|(_, path)| path), overrides, &Changes::default())
    }

    /// The same with a copy that lies elsewhere than the site file.
    pub(super) fn from_copy(
        site: Option<(&str, &Path)>,
        original: Option<&Path>,
        overrides: &Overrides,
        changes: &Changes,
    ) -> Result<Self, ConfigError> {
        let file = site.map(|(_, path)| path);
        let shape = Shape::of::<Settings>();
        let (mut faults, mut notes) = (Vec::new(), Vec::new());
        let [changed, variables, command_line] = overrides.trees(changes, &shape, &mut faults, &mut notes);
        let site_file = match site {
            Some((text, path)) => read(text.trim_start_matches('\u{feff}')).map_err(|e| {
                let place = Place::At {
                    line: e.line,
                    column: e.column,
                };
                let origin = Origin {
                    layer: Layer::SiteFile,
                    place,
                };
                ConfigError::Corrupt(Fault::new(&origin, Some(path), "", e.reason))
            })?,
            None => Node::empty(Origin::DEFAULT),
        };
        let said = [site_file, changed, variables, command_line];
        let environment = said.iter().rev().find_map(environment_of).unwrap_or_default();
        let mut verifier = Verifier {
            file,
            shape: &shape,
            faults,
        };
        for layer in &said {
            verifier.kinds(layer, &shape, "");
        }
        let mut tree = defaults()?;
        tree.overlay(preset(environment));
        for layer in said {
            tree.overlay(layer);
        }
        verifier.ranges(&tree);
        if !verifier.faults.is_empty() {
            verifier.faults.sort_by_key(|fault| fault.line_column);
            // What is said of the whole file, and of no key, is that it is no settings file.
            return Err(match verifier.faults.iter().find(|fault| fault.key.is_empty()) {
                Some(whole) => ConfigError::Corrupt(whole.clone()),
                None => ConfigError::Wrong(verifier.faults),
            });
        }
        let settings = settings_of(&tree, file)?;
        if let Err(error) = settings
            .table_spec()
            .map(drop)
            .and_then(|()| settings.check_rules())
        {
            return Err(placed(error, &tree, file));
        }
        let mut loaded = Self {
            settings,
            notes,
            site_file: file.map(Path::to_owned),
            site_text: site.map(|(text, _)| text.to_owned()),
            tree,
        };
        loaded.follow_scene();
        loaded.find_balls(original);
        Ok(loaded)
    }

    /// The same, if what they name can be used.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] where a file that is named can't be used.
    pub fn with_named_files(self) -> Result<Self, ConfigError> {
        let table = self.settings.table_spec()?;
        match self.settings.vision.house_set(&table) {
            Ok(_) => Ok(self),
            Err(reason) => {
                let reason = format!("cannot be used: {reason}");
                Err(ConfigError::Wrong(vec![self.fault("vision.balls", &reason)]))
            }
        }
    }

    /// Every setting, with its value and where it comes from.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let file = self.site_file.as_deref();
        let leaves = self.tree.leaves().into_iter();
        leaves
            .map(|(key, node)| Source {
                key,
                value: node.to_string(),
                layer: node.origin.layer,
                place: node.origin.show(file),
            })
            .collect()
    }

    /// The settings as RON, one to a line.
    #[must_use]
    pub fn to_ron(&self) -> String {
        self.tree.print().text
    }

    /// A fault found in a setting later on, where its value comes from: a file that it names is
    /// no good, say.
    #[must_use]
    pub fn fault(&self, key: &str, reason: &str) -> Fault {
        Fault::new(self.tree.origin_near(key), self.site_file.as_deref(), key, reason)
    }

    /// A scene that needs other balls than the table has brings its own table, unless one was
    /// asked for by variable or flag. What was measured at the table in the settings does not
    /// hold for that one.
    fn follow_scene(&mut self) {
        let asked_for = self
            .tree
            .at("table")
            .is_some_and(|node| node.origin.layer >= Layer::Variable);
        let Ok(SourceSpec::Virtual(scene)) = self.settings.source.parse() else {
            return;
        };
        let (Ok(scene), Ok(table), false) =
            (scene.parse::<SceneName>(), self.settings.table_spec(), asked_for)
        else {
            return;
        };
        let usual = scene.usual_table();
        if usual.ball_set == table.ball_set {
            return;
        }
        self.derive("table", &quoted(&usual.name));
        self.derive_section("table_measures", &TableMeasures::default());
        self.derive_section("physics", &PhysicsMeasures::default());
        self.notes.push(format!(
            "{} is played on {}, which is used instead of the table in the settings",
            self.settings.source, usual.name
        ));
        self.settings.table = usual.name;
        self.settings.table_measures = TableMeasures::default();
        self.settings.physics = PhysicsMeasures::default();
    }

    /// Balls that were taught beside the site file are used without being named.
    fn find_balls(&mut self, site_file: Option<&Path>) {
        if !self.settings.vision.balls.is_empty() {
            return;
        }
        let Some(found) = site_file.map(|path| path.with_file_name("balls.ron")) else {
            return;
        };
        let (true, Ok(table), Some(name)) = (found.is_file(), self.settings.table_spec(), found.to_str())
        else {
            return;
        };
        // Nobody asked for this file: where it can't be used, play goes on without it.
        match HouseSet::load_for(&found, table.ball_set) {
            Ok(_) => {
                self.notes.push(format!(
                    "the balls are known from {name}, which lies beside the settings file"
                ));
                self.derive("vision.balls", &quoted(name));
                name.clone_into(&mut self.settings.vision.balls);
            }
            Err(error) => self
                .notes
                .push(format!("balls are looked for in their usual colours: {error}")),
        }
    }

    fn derive(&mut self, key: &str, ron: &str) {
        if let Some(node) = self.tree.at_mut(key) {
            *node = Node {
                origin: DERIVED,
                value: Value::Plain(ron.to_owned()),
            };
        }
    }

    fn derive_section<T: Serialize>(&mut self, key: &str, value: &T) {
        if let (Some(node), Some(section)) = (self.tree.at_mut(key), tree_of(value, Layer::Derived)) {
            *node = section;
        }
    }
}

const DERIVED: Origin = Origin {
    layer: Layer::Derived,
    place: Place::Nowhere,
};

impl Settings {
    /// Reads a site file on top of the defaults, with no regard to anything else that is said.
    ///
    /// # Errors
    /// [`ConfigError`] when it can't be read, parsed, or a value is out of range.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Loaded::load(Some(path), &Overrides::default()).map(|loaded| loaded.settings)
    }

    /// Checks every range; for settings that were changed in the program.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] with every value that can't work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut verifier = Verifier {
            file: None,
            shape: &Shape::Any,
            faults: Vec::new(),
        };
        verifier.ranges(&self.tree()?);
        match verifier.faults.is_empty() {
            true => self.table_spec().map(drop).and_then(|()| self.check_rules()),
            false => Err(ConfigError::Wrong(verifier.faults)),
        }
    }

    /// Checks what hangs together: alert rules, and policies for modules.
    fn check_rules(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, reason: &str| {
            Err(ConfigError::Wrong(vec![Fault::new(
                &Origin::DEFAULT,
                None,
                key,
                reason,
            )]))
        };
        let known = Known {
            metrics: &Metric::ALL.map(Metric::id),
            conditions: &KNOWN_CONDITIONS.map(|c| c.0),
        };
        if let Err(reason) = self.alerts.rules_in_force(&known) {
            return wrong("alerts.rules", &reason);
        }
        let is_module = |id: &str| MODULES.iter().any(|m| m.id == id);
        for (id, policy) in &self.recovery.modules {
            if !is_module(id) {
                let known = MODULES.map(|m| m.id).join(", ");
                return wrong(
                    "recovery.modules",
                    &format!("names a module `{id}`; there are {known}"),
                );
            }
            let possible = |r: &Rung| r.attempts > 0 && (1.0..=86_400.0).contains(&r.within_s);
            if !policy.rungs.iter().all(possible) || !(0.0..=3600.0).contains(&policy.unhealthy_for_s) {
                let words = "attempts are 1 or more, within_s is 1 to 86400, unhealthy_for_s is 0 to 3600";
                return wrong(
                    "recovery.modules",
                    &format!("has a policy for `{id}` that can't be: {words}"),
                );
            }
        }
        Ok(())
    }

    /// These settings as a tree, as if they were defaults.
    pub(super) fn tree(&self) -> Result<Node, ConfigError> {
        tree_of(self, Layer::Default).ok_or_else(|| {
            // Only a type that RON can't write can bring this about.
            let reason = "these settings cannot be written as RON; this is a fault of the program";
            ConfigError::Wrong(vec![Fault::new(&Origin::DEFAULT, None, "", reason)])
        })
    }
}

/// The text of a site file, which may not be endless.
pub(super) fn site_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason: String, absent| ConfigError::Unreadable {
        path: path.to_owned(),
        reason,
        absent,
    };
    let failed = |e: std::io::Error| unreadable(e.to_string(), e.kind() == std::io::ErrorKind::NotFound);
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(unreadable("it is no file".to_owned(), false));
    }
    if about.len() > LONGEST_BYTES {
        return Err(unreadable("it is too long for a settings file".to_owned(), false));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|e| {
        let before = e
            .as_bytes()
            .get(..e.utf8_error().valid_up_to())
            .unwrap_or_default();
        let before = String::from_utf8_lossy(before);
        let place = Place::At {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        };
        let origin = Origin {
            layer: Layer::SiteFile,
            place,
        };
        let reason =
            "what stands here is no text (UTF-8); the file is damaged, or was saved in another encoding";
        ConfigError::Corrupt(Fault::new(&origin, Some(path), "", reason))
    })
}

fn defaults() -> Result<Node, ConfigError> {
    Settings::default().tree()
}

fn preset(environment: Environment) -> Node {
    let origin = Origin {
        layer: Layer::Preset,
        place: Place::Nowhere,
    };
    rooted(environment.preset(), &origin).unwrap_or_else(|| Node::empty(origin))
}

/// What serde makes of a value, all said by `layer`.
fn tree_of<T: Serialize>(value: &T, layer: Layer) -> Option<Node> {
    let text = ron::to_string(value).ok()?;
    let origin = Origin {
        layer,
        place: Place::Nowhere,
    };
    rooted(&text, &origin)
}

fn rooted(text: &str, origin: &Origin) -> Option<Node> {
    let mut node = read(text).ok()?;
    node.said_by(origin);
    Some(node)
}

/// The environment that a layer names, if it names one.
fn environment_of(layer: &Node) -> Option<Environment> {
    match &layer.at("environment")?.value {
        Value::Plain(word) => Environment::ALL.into_iter().find(|e| e.name() == word),
        _ => None,
    }
}

/// The tree as settings; what RON or a type refuses is told with the place of that value.
fn settings_of(tree: &Node, file: Option<&Path>) -> Result<Settings, ConfigError> {
    let printed = tree.print();
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    options.from_str(&printed.text).map_err(|e| {
        let line = printed.lines.get(e.span.start.line.saturating_sub(1));
        let (key, origin) = line.map_or(("", &tree.origin), |(key, origin)| (key, origin));
        ConfigError::Wrong(vec![Fault::new(
            origin,
            file,
            key,
            format!("cannot be used: {}", e.code),
        )])
    })
}

/// Faults found in the settings themselves, with the places of their values.
fn placed(error: ConfigError, tree: &Node, file: Option<&Path>) -> ConfigError {
    let ConfigError::Wrong(faults) = error else {
        return error;
    };
    let place = |fault: Fault| Fault::new(tree.origin_near(&fault.key), file, &fault.key, fault.reason);
    ConfigError::Wrong(faults.into_iter().map(place).collect())
}
