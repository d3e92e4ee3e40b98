//! Every key with its type, default, range and meaning, made from the types themselves.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::Loaded;
use super::fault::ConfigError;
use super::keys::{Key, Range, effect_of, known};
use super::overrides::{Assignment, Overrides};
use super::settings::Settings;
use super::shape::Shape;

/// One key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeySchema {
    /// Key path, `vision.rate_hz`.
    pub key: String,
    /// `switch`, `whole number`, `number`, `text`, `choice`, `list`, `tuple`, `map`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// May be `None`: it is then as the table's model has it, or not there.
    pub optional: bool,
    /// Its default as JSON.
    pub default: Json,
    /// `{"min", "max"}`, `{"one_of"}`, or `{"words"}`; null where anything of its type will do.
    pub range: Json,
    /// What it is, on one line.
    pub meaning: &'static str,
    /// What a change of it takes: `live`, `restart of vision`, `restart`.
    pub effect: String,
}

/// All of them, in the order of the settings.
///
/// # Errors
/// [`ConfigError`] only if the defaults themselves can't be used.
pub fn schema() -> Result<Vec<KeySchema>, ConfigError> {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let shape = Shape::of::<Settings>();
    let keys = shape.leaves().into_iter().map(|(key, shape)| {
        let row = known(&key);
        KeySchema {
            kind: kind(shape.plain()),
            optional: is_optional(&key),
            default: defaults
                .pointer(&format!("/{}", key.replace('.', "/")))
                .cloned()
                .unwrap_or_default(),
            range: range(&key, shape.plain(), row),
            meaning: row.map_or("", |row| row.meaning),
            effect: effect_of(&key).name(),
            key,
        }
    });
    Ok(keys.collect())
}

/// It, or a section around it, may be `None`.
fn is_optional(key: &str) -> bool {
    let shape = Shape::of::<Settings>();
    key.match_indices('.')
        .map(|(at, _)| at)
        .chain([key.len()])
        .filter_map(|end| shape.at(key.get(..end)?))
        .any(|shape| matches!(shape, Shape::Optional(_)))
}

const fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "any",
        Shape::Switch => "switch",
        Shape::Whole { .. } => "whole number",
        Shape::Number => "number",
        Shape::Text => "text",
        Shape::Choice(_) => "choice",
        Shape::List(_) => "list",
        Shape::Tuple(_) => "tuple",
        Shape::Map(_) => "map",
        Shape::Section(_) | Shape::Optional(_) => "section",
    }
}

fn range(key: &str, shape: &Shape, row: Option<&Key>) -> Json {
    match (row.map(|row| row.range), shape) {
        (Some(Range::Numbers(low, high)), Shape::Whole { .. }) => {
            json!({"min": low as i64, "max": high as i64})
        }
        (Some(Range::Numbers(low, high)), _) => json!({"min": low, "max": high}),
        (Some(Range::OneOf(words)), _) => json!({"one_of": words}),
        (Some(Range::Text(_, words)), _) => json!({"words": words}),
        (Some(Range::Measure), _) => measure(key, shape),
        (_, Shape::Choice(words)) => json!({"one_of": words}),
        (_, Shape::Whole { low, high }) => {
            json!({"min": *low as i64, "max": u64::try_from(*high).unwrap_or(0)})
        }
        _ => Json::Null,
    }
}

/// The range of a measure hangs on the table and on the other measures. It is asked for with a
/// value that no table can have.
fn measure(key: &str, shape: &Shape) -> Json {
    let impossible = match shape {
        Shape::Number => "1e12",
        Shape::Tuple(_) => "(1e12, 1e12)",
        Shape::Choice(words) => return json!({"one_of": words}),
        _ => return Json::Null,
    };
    // Most are bounded above; the others are refused below.
    [impossible, "-1e12"]
        .into_iter()
        .find_map(|value| {
            let alone = refusal(vec![Assignment::new(key, value, "")])?;
            // A section that is all or nothing is asked for as a whole.
            match allowed(&alone) {
                None => allowed(&refusal(beside(key, value))?),
                told => told,
            }
        })
        .map_or(Json::Null, |words| json!({"words": words}))
}

fn refusal(command_line: Vec<Assignment>) -> Option<String> {
    let overrides = Overrides {
        command_line,
        ..Overrides::default()
    };
    Loaded::from_text(None, &overrides).err().map(|e| e.to_string())
}

fn allowed(reason: &str) -> Option<String> {
    let (_, words) = reason.split_once("allowed ")?;
    let words = words
        .strip_prefix("are ")
        .or_else(|| words.strip_prefix("is "))
        .unwrap_or(words);
    Some(words.to_owned())
}

/// This key and all beside it, with the same value.
fn beside(key: &str, value: &str) -> Vec<Assignment> {
    let shape = Shape::of::<Settings>();
    let section = key.rsplit_once('.').map_or("", |(section, _)| section);
    let fields = shape
        .at(section)
        .and_then(|s| s.plain().section())
        .unwrap_or_default();
    let keys = fields.iter().map(|(name, _)| super::tree::join(section, name));
    keys.map(|key| Assignment::new(&key, value, "")).collect()
}
