//! Settings as a tree in which every value knows who said it, and where.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who said a value; a later one is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Built in.
    Default,
    /// What the environment (development, testing) changes.
    Preset,
    /// The site file, or its last good copy.
    SiteFile,
    /// Somebody, while the program ran.
    Changed,
    /// An environment variable.
    Variable,
    /// A flag or `--set`.
    CommandLine,
    /// It follows from other settings, or from a file beside the site file.
    Derived,
}

impl Layer {
    /// The words shown to a person.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Preset => "preset",
            Self::SiteFile => "site file",
            Self::Changed => "changed while running",
            Self::Variable => "variable",
            Self::CommandLine => "command line",
            Self::Derived => "derived",
        }
    }
}

/// Where in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The layer says enough.
    Nowhere,
    /// In the site file, both from 1; columns count characters.
    At { line: usize, column: usize },
    /// `$BILLIARDS_PORT`, `--port`.
    Named(Arc<str>),
}

/// Who said something, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub layer: Layer,
    pub place: Place,
}

impl Origin {
    pub const DEFAULT: Self = Self {
        layer: Layer::Default,
        place: Place::Nowhere,
    };

    /// `config/site.ron:3:5`, `$BILLIARDS_PORT`, `--port`; empty where the layer says enough.
    pub fn show(&self, file: Option<&Path>) -> String {
        match (&self.place, file) {
            (Place::Nowhere, _) => String::new(),
            (Place::At { line, column }, Some(file)) => format!("{}:{line}:{column}", file.display()),
            (Place::At { line, column }, None) => format!("{line}:{column}"),
            (Place::Named(name), _) => name.to_string(),
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub origin: Origin,
    pub value: Value,
}

/// What a value is made of, in the terms of RON. `Some(x)` is `x`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A number, a text, a word: as RON writes it, on one line.
    Plain(String),
    /// `(a: 1)`, or `drop(a: 1)` with a name.
    Fields { name: String, fields: Vec<Field> },
    /// `(1, 2)`, `curve(1, 2)` or `[1, 2]`, by its opening bracket.
    Items {
        name: String,
        open: char,
        items: Vec<Node>,
    },
    /// `{a: 1}`.
    Pairs(Vec<(Node, Node)>),
}

/// One `key: value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub key: String,
    pub key_origin: Origin,
    pub node: Node,
}

impl Node {
    /// A section with nothing in it.
    pub fn empty(origin: Origin) -> Self {
        let value = Value::Fields {
            name: String::new(),
            fields: Vec::new(),
        };
        Self { origin, value }
    }

    /// Makes `origin` that of everything in it.
    pub fn said_by(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.value {
            Value::Plain(_) => {}
            Value::Fields { fields, .. } => {
                for field in fields {
                    field.key_origin = origin.clone();
                    field.node.said_by(origin);
                }
            }
            Value::Items { items, .. } => items.iter_mut().for_each(|item| item.said_by(origin)),
            Value::Pairs(pairs) => {
                for (key, value) in pairs {
                    key.said_by(origin);
                    value.said_by(origin);
                }
            }
        }
    }

    /// The fields, if this is a section.
    pub fn section(&self) -> Option<&[Field]> {
        match &self.value {
            Value::Fields { name, fields } if name.is_empty() => Some(fields),
            _ => None,
        }
    }

    /// Lays another layer over this one: key by key where both are sections of one name.
    pub fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (
                Value::Fields { name, fields },
                Value::Fields {
                    name: n,
                    fields: more,
                },
            ) if *name == n => {
                if !more.is_empty() {
                    self.origin = over.origin;
                }
                for field in more {
                    match fields.iter_mut().find(|f| f.key == field.key) {
                        Some(below) => {
                            below.key_origin = field.key_origin;
                            below.node.overlay(field.node);
                        }
                        None => fields.push(field),
                    }
                }
            }
            (value, over_value) => {
                self.origin = over.origin;
                *value = over_value;
            }
        }
    }

    /// Every value that is no section, with its key path, in order.
    pub fn leaves(&self) -> Vec<(String, &Self)> {
        let mut found = Vec::new();
        self.gather(String::new(), &mut found);
        found
    }

    fn gather<'a>(&'a self, path: String, found: &mut Vec<(String, &'a Self)>) {
        match self.section() {
            Some(fields) => {
                for field in fields {
                    field.node.gather(join(&path, &field.key), found);
                }
            }
            None => found.push((path, self)),
        }
    }

    /// The value at a key path, or `None`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| {
            let fields = node.section()?;
            fields.iter().find(|f| f.key == key).map(|f| &f.node)
        })
    }

    /// The same, changeable.
    pub fn at_mut(&mut self, path: &str) -> Option<&mut Self> {
        path.split('.').try_fold(self, |node, key| match &mut node.value {
            Value::Fields { fields, .. } => fields.iter_mut().find(|f| f.key == key).map(|f| &mut f.node),
            _ => None,
        })
    }

    /// Who said the value at a key path; for what is at its default, who said something of the
    /// sections around it.
    pub fn origin_near(&self, path: &str) -> &Origin {
        let mut path = path;
        loop {
            match self.at(path) {
                Some(node) if node.origin.layer != Layer::Default => return &node.origin,
                _ => {}
            }
            match path.rsplit_once('.') {
                Some((section, _)) => path = section,
                None => return &self.origin,
            }
        }
    }

    /// RON with every value on a line of its own, and whose line each one is.
    pub fn print(&self) -> Printed {
        let mut printed = Printed::default();
        self.print_into(&mut printed, "", "", 0);
        printed
    }

    fn print_into(&self, to: &mut Printed, path: &str, lead: &str, depth: usize) {
        let pad = "    ".repeat(depth);
        let comma = if depth == 0 { "" } else { "," };
        let line = |to: &mut Printed, text: &str| {
            to.text.push_str(text);
            to.text.push('\n');
            to.lines.push((path.to_owned(), self.origin.clone()));
        };
        match &self.value {
            Value::Plain(text) => line(to, &format!("{pad}{lead}{text}{comma}")),
            Value::Fields { name, fields } if fields.is_empty() => {
                line(to, &format!("{pad}{lead}{name}(){comma}"));
            }
            Value::Fields { name, fields } => {
                line(to, &format!("{pad}{lead}{name}("));
                for field in fields {
                    let path = join(path, &field.key);
                    field
                        .node
                        .print_into(to, &path, &format!("{}: ", field.key), depth + 1);
                }
                line(to, &format!("{pad}){comma}"));
            }
            Value::Items { .. } | Value::Pairs(_) => line(to, &format!("{pad}{lead}{self}{comma}")),
        }
    }
}

/// On one line.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = |i: usize| if i == 0 { "" } else { ", " };
        match &self.value {
            Value::Plain(text) => f.write_str(text),
            Value::Fields { name, fields } => {
                write!(f, "{name}(")?;
                for (i, field) in fields.iter().enumerate() {
                    write!(f, "{}{}: {}", between(i), field.key, field.node)?;
                }
                f.write_char(')')
            }
            Value::Items { name, open, items } => {
                write!(f, "{name}{open}")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", between(i))?;
                }
                f.write_char(if *open == '[' { ']' } else { ')' })
            }
            Value::Pairs(pairs) => {
                f.write_char('{')?;
                for (i, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", between(i))?;
                }
                f.write_char('}')
            }
        }
    }
}

/// A tree as text, and what each of its lines belongs to.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub text: String,
    /// Key path and origin, by line.
    pub lines: Vec<(String, Origin)>,
}

/// `section.key`.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}
