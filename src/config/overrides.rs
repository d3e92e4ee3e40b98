//! What is said outside the site file: environment variables and the command line.

use std::ffi::OsString;
use std::sync::Arc;

use super::changes::Changes;
use super::fault::{Fault, nearest};
use super::read::{quoted, read_as};
use super::shape::Shape;
use super::tree::{Field, Layer, Node, Origin, Place, Value, join};
use super::verify::unknown;

/// What every variable of ours begins with.
const PREFIX: &str = "BILLIARDS_";

/// Short names of a few keys. Every key also has its long name, `BILLIARDS_API__PORT`.
const SHORT: &[(&str, &str)] = &[
    ("BILLIARDS_BALLS", "vision.balls"),
    ("BILLIARDS_HOST", "api.host"),
    ("BILLIARDS_LOG", "log_level"),
    ("BILLIARDS_MONITOR", "projector.monitor"),
    ("BILLIARDS_PORT", "api.port"),
];

/// Variables that begin like ours but are no settings.
const OTHERS: &[&str] = &["BILLIARDS_CONFIG"];

/// What is said on top of the site file; the same for the whole life of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Environment variables that begin with `BILLIARDS_`, name and value.
    pub variables: Vec<(String, String)>,
    /// What the command line sets, the later the stronger.
    pub command_line: Vec<Assignment>,
}

/// One setting on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Key path, `vision.rate_hz`.
    pub key: String,
    /// Value as RON; a text needs no quotes.
    pub value: String,
    /// How it was said, for messages: `--port`.
    pub said: String,
}

impl Assignment {
    /// What `flag` sets.
    pub fn new(key: &str, value: impl ToString, flag: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_string(),
            said: flag.to_owned(),
        }
    }
}

/// Reads the `section.key=value` of `--set`.
impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok(Self::new(
                key.trim(),
                value.trim(),
                &format!("--set {}", key.trim()),
            )),
            _ => Err(format!("`{text}` sets nothing; write section.key=value")),
        }
    }
}

impl Overrides {
    /// The variables of this process, and what the command line sets.
    #[must_use]
    pub fn of_process(command_line: Vec<Assignment>) -> Self {
        // What is no UTF-8 is kept with marks in it, and then refused where a setting has it.
        let text = |s: OsString| s.to_string_lossy().into_owned();
        let mut variables: Vec<_> = std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .filter(|(name, _)| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()))
            .collect();
        variables.sort();
        Self {
            variables,
            command_line,
        }
    }

    /// The layers above the site file, with what is wrong in `faults` and what is passed over in `notes`.
    pub(super) fn trees(
        &self,
        changes: &Changes,
        shape: &Shape,
        faults: &mut Vec<Fault>,
        notes: &mut Vec<String>,
    ) -> [Node; 3] {
        let mut changed = Node::empty(origin(Layer::Changed, ""));
        for (key, value) in changes.iter() {
            match assign(shape, key, value, &origin(Layer::Changed, "")) {
                Ok(node) => changed.overlay(node),
                Err(fault) => faults.push(fault),
            }
        }
        let mut variables = Node::empty(origin(Layer::Variable, ""));
        // Long names last: they are the stronger.
        let long = |name: &String| !SHORT.iter().any(|(short, _)| short == name);
        let mut sorted: Vec<_> = self.variables.iter().collect();
        sorted.sort_by_key(|(name, _)| (long(name), name));
        for (name, value) in sorted {
            let origin = origin(Layer::Variable, &format!("${name}"));
            let Some(key) = key_of(name, shape) else {
                notes.push(format!(
                    "${name} is no setting and is passed over{}",
                    hint(name, shape)
                ));
                continue;
            };
            match assign(shape, &key, value, &origin) {
                Ok(node) => variables.overlay(node),
                Err(fault) => faults.push(fault),
            }
        }
        let mut command_line = Node::empty(origin(Layer::CommandLine, ""));
        for said in &self.command_line {
            let origin = origin(Layer::CommandLine, &said.said);
            match assign(shape, &said.key, &said.value, &origin) {
                Ok(node) => command_line.overlay(node),
                Err(fault) => faults.push(fault),
            }
        }
        [changed, variables, command_line]
    }
}

fn origin(layer: Layer, name: &str) -> Origin {
    Origin {
        layer,
        place: match name {
            "" => Place::Nowhere,
            name => Place::Named(Arc::from(name)),
        },
    }
}

/// The key path that a variable sets; `None` where it is none of ours: another program may have
/// variables that begin like ours. Two underscores are only in ours.
fn key_of(name: &str, shape: &Shape) -> Option<String> {
    if let Some((_, key)) = SHORT.iter().find(|(short, _)| *short == name) {
        return Some((*key).to_owned());
    }
    let key = name.strip_prefix(PREFIX)?.to_lowercase();
    (key.contains("__") || shape.at(&key).is_some()).then(|| key.replace("__", "."))
}

/// What may have been meant by a variable that is none.
fn hint(name: &str, shape: &Shape) -> String {
    let short = name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase();
    let keys = shape.section().unwrap_or_default().iter().map(|(key, _)| *key);
    let aliases = SHORT.iter().filter_map(|(name, _)| name.strip_prefix(PREFIX));
    let aliases: Vec<String> = aliases.map(str::to_lowercase).collect();
    let known: Vec<&str> = keys.chain(aliases.iter().map(String::as_str)).collect();
    nearest(&short, &known).map_or(String::new(), |near| {
        format!("; did you mean ${PREFIX}{}?", near.to_uppercase())
    })
}

/// A tree with one value in it.
fn assign(shape: &Shape, key: &str, value: &str, origin: &Origin) -> Result<Node, Fault> {
    let fault = |key: &str, reason: String| Fault::new(origin, None, key, reason);
    let mut kind = shape;
    let mut passed = String::new();
    for part in key.split('.') {
        let Some(known) = kind.plain().section() else {
            return Err(fault(
                key,
                format!("is no setting; `{passed}` has no keys of its own"),
            ));
        };
        let path = join(&passed, part);
        let Some((_, inner)) = known.iter().find(|(name, _)| *name == part) else {
            let reason = format!("is no setting{}", unknown(part, known, shape));
            return Err(fault(&path, reason));
        };
        kind = inner;
        passed = path;
    }
    let node = parsed(kind, value, origin).map_err(|reason| fault(key, reason))?;
    Ok(key.rsplit('.').fold(node, |node, key| Node {
        origin: origin.clone(),
        value: Value::Fields {
            name: String::new(),
            fields: vec![Field {
                key: key.to_owned(),
                key_origin: origin.clone(),
                node,
            }],
        },
    }))
}

/// A value: a text as it stands, anything else as RON.
fn parsed(kind: &Shape, value: &str, origin: &Origin) -> Result<Node, String> {
    let optional = matches!(kind, Shape::Optional(_));
    if *kind.plain() == Shape::Text && !(optional && value == "None") {
        let in_quotes = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        let unquoted = in_quotes.then(|| ron::from_str::<String>(value).ok()).flatten();
        return Ok(Node {
            origin: origin.clone(),
            value: Value::Plain(quoted(unquoted.as_deref().unwrap_or(value))),
        });
    }
    let named = match &origin.place {
        Place::Named(name) => Some(name),
        _ => None,
    };
    if value.trim().is_empty() {
        return Err("is empty; give it a value, or leave it out".to_owned());
    }
    read_as(value, origin.layer, named)
        .map_err(|e| format!("is `{value}`, which cannot be read: {}", e.reason))
}
