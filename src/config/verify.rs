//! Whether a tree can be settings: known keys, kinds, ranges.

use std::path::Path;

use super::fault::{Fault, nearest, one_of, suggestion};
use super::keys::{KEYS, Range};
use super::shape::Shape;
use super::tree::{Field, Node, Value, join};

/// Looks for faults.
pub(super) struct Verifier<'a> {
    pub file: Option<&'a Path>,
    /// Of all settings.
    pub shape: &'a Shape,
    pub faults: Vec<Fault>,
}

impl Verifier<'_> {
    fn fault(&mut self, node: &Node, path: &str, reason: impl Into<String>) {
        self.faults
            .push(Fault::new(&node.origin, self.file, path, reason));
    }

    /// Every key has to be known, and every value of the kind that its key has.
    pub fn kinds(&mut self, node: &Node, shape: &Shape, path: &str) {
        let plain = match &node.value {
            Value::Plain(text) => Some(text.as_str()),
            _ => None,
        };
        match shape {
            Shape::Any => {}
            Shape::Optional(_) if plain == Some("None") => {}
            Shape::Optional(inner) => self.kinds(node, inner, path),
            Shape::Section(known) => self.section(node, known, path),
            Shape::List(inner) => match &node.value {
                Value::Items {
                    name,
                    open: '[',
                    items,
                } if name.is_empty() => {
                    for (i, item) in items.iter().enumerate() {
                        self.kinds(item, inner, &format!("{path}[{i}]"));
                    }
                }
                _ => self.fault(node, path, format!("is {node}; write a list, `[…, …]`")),
            },
            Shape::Tuple(shapes) => match &node.value {
                Value::Items {
                    name,
                    open: '(',
                    items,
                } if name.is_empty() && items.len() == shapes.len() => {
                    for (i, (item, shape)) in items.iter().zip(shapes).enumerate() {
                        self.kinds(item, shape, &format!("{path}[{i}]"));
                    }
                }
                _ => self.fault(
                    node,
                    path,
                    format!("is {node}; write {} values in ( )", shapes.len()),
                ),
            },
            Shape::Map(inner) => match &node.value {
                Value::Pairs(pairs) => {
                    for (key, value) in pairs {
                        self.kinds(value, inner, &join(path, &key.to_string()));
                    }
                }
                _ => self.fault(node, path, format!("is {node}; write `{{key: value, …}}`")),
            },
            Shape::Choice(words) => {
                let said = match &node.value {
                    Value::Plain(text) => text,
                    Value::Fields { name, .. } | Value::Items { name, .. } => name,
                    Value::Pairs(_) => "",
                };
                if !words.contains(&said) {
                    // A word in quotes is the commonest slip.
                    let bare = said.trim_matches('"');
                    let advice = if words.contains(&bare) {
                        format!("; write {bare} without the quotes")
                    } else {
                        one_of(bare, words)
                    };
                    self.fault(node, path, format!("is {node}{advice}"));
                }
            }
            Shape::Switch => {
                if !matches!(plain, Some("true" | "false")) {
                    self.fault(node, path, format!("is {node}; allowed are true and false"));
                }
            }
            Shape::Whole { low, high } => match plain.and_then(whole) {
                Some(value) if (low..=high).contains(&&value) => {}
                _ => self.fault(
                    node,
                    path,
                    format!("is {node}; allowed are whole numbers from {low} to {high}"),
                ),
            },
            Shape::Number => {
                if plain.and_then(number).is_none() {
                    self.fault(node, path, format!("is {node}; write a number"));
                }
            }
            Shape::Text => {
                if !plain.is_some_and(|text| text.starts_with('"')) {
                    self.fault(node, path, format!("is {node}; write a text in quotes, \"…\""));
                }
            }
        }
    }

    fn section(&mut self, node: &Node, known: &[(&'static str, Shape)], path: &str) {
        let Some(fields) = node.section() else {
            let reason = format!("is {node}; write a section, `(key: value, …)`");
            self.fault(node, path, reason);
            return;
        };
        for (i, field) in fields.iter().enumerate() {
            let path = join(path, &field.key);
            let Some((_, shape)) = known.iter().find(|(key, _)| *key == field.key) else {
                let reason = format!("is no setting{}", unknown(&field.key, known, self.shape));
                self.faults
                    .push(Fault::new(&field.key_origin, self.file, &path, reason));
                continue;
            };
            if let Some(first) = before(fields, i, &field.key) {
                let at = first.key_origin.show(None);
                let reason = format!("is there twice, first at {at}; leave one out");
                self.faults
                    .push(Fault::new(&field.key_origin, self.file, &path, reason));
            }
            self.kinds(&field.node, shape, &path);
        }
    }

    /// Every value has to be within its range. What has a fault already is passed over.
    pub fn ranges(&mut self, tree: &Node) {
        for key in KEYS {
            let Some(node) = tree.at(key.path) else { continue };
            if self.faults.iter().any(|fault| fault.key == key.path) {
                continue;
            }
            match key.range {
                Range::Any | Range::Measure => {}
                Range::Numbers(low, high) => self.numbers(node, key.path, low, high),
                Range::OneOf(words) => {
                    if let Some(said) = text(node).filter(|said| !words.contains(&said.as_str())) {
                        self.fault(node, key.path, format!("is `{said}`{}", one_of(&said, words)));
                    }
                }
                Range::Text(judge, _) => {
                    if let Some(said) = text(node)
                        && let Err(reason) = judge(&said)
                    {
                        self.fault(node, key.path, format!("is `{said}`; {reason}"));
                    }
                }
            }
        }
    }

    fn numbers(&mut self, node: &Node, path: &str, low: f64, high: f64) {
        match &node.value {
            Value::Plain(said) => {
                if let Some(value) = number(said)
                    && !(low..=high).contains(&value)
                {
                    self.fault(node, path, format!("is {said}; allowed are {low} to {high}"));
                }
            }
            Value::Items { items, .. } => {
                for item in items {
                    self.numbers(item, path, low, high);
                }
            }
            Value::Fields { .. } | Value::Pairs(_) => {}
        }
    }
}

/// What to say about a key that is not known in its section; it may be one of another section.
pub(super) fn unknown(said: &str, known: &[(&'static str, Shape)], all: &Shape) -> String {
    let names: Vec<&str> = known.iter().map(|(key, _)| *key).collect();
    let end = format!(".{said}");
    let elsewhere = all
        .leaves()
        .into_iter()
        .map(|(key, _)| key)
        .find(|key| key.ends_with(&end));
    match elsewhere {
        Some(meant) if nearest(said, &names).is_none() => format!("; did you mean `{meant}`?"),
        _ => suggestion(said, names),
    }
}

fn before<'a>(fields: &'a [Field], end: usize, key: &str) -> Option<&'a Field> {
    fields.iter().take(end).find(|f| f.key == key)
}

/// A number as RON reads it; infinities and NaN are numbers, but in no range.
fn number(text: &str) -> Option<f64> {
    ron::from_str(text).ok()
}

fn whole(text: &str) -> Option<i128> {
    let signed = ron::from_str::<i64>(text).map(i128::from);
    signed
        .or_else(|_| ron::from_str::<u64>(text).map(i128::from))
        .ok()
}

/// A text without its quotes.
pub(super) fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Plain(said) => ron::from_str(said).ok(),
        _ => None,
    }
}
