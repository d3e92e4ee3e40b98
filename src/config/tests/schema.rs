//! The schema misses no key, and says the truth about each.

use std::path::Path;

use super::all_different;
use crate::config::keys::KEYS;
use crate::config::{Loaded, Overrides, Settings, schema};

#[test]
fn no_key_of_the_settings_is_missing_and_none_is_made_up() {
    let keys: Vec<String> = schema().unwrap().into_iter().map(|k| k.key).collect();
    // Of the defaults as they are written, where a section may be `None`.
    let defaults = Loaded::from_text(None, &Overrides::default()).unwrap();
    for source in defaults.sources() {
        let inside = format!("{}.", source.key);
        assert!(
            keys.iter()
                .any(|key| *key == source.key || key.starts_with(&inside)),
            "{}",
            source.key
        );
    }
    // Of a file in which everything is said: exactly these.
    let text = all_different();
    let whole = Loaded::from_text(Some((&text, Path::new("site.ron"))), &Overrides::default()).unwrap();
    let mut said: Vec<String> = whole.sources().into_iter().map(|s| s.key).collect();
    said.sort();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(sorted, said);
    // What is written down about keys is about keys that there are, once, in their order.
    let rows: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    assert_eq!(keys, rows);
}

#[test]
fn every_key_has_a_meaning_and_a_default_within_its_range() {
    for key in schema().unwrap() {
        assert!(!key.meaning.is_empty() && !key.meaning.contains('\n'), "{key:?}");
        assert!(!matches!(key.kind, "any" | "section"), "{key:?}");
        assert_eq!(key.optional, key.default.is_null(), "{key:?}");
        if let (Some(low), Some(high), Some(value)) = (
            key.range["min"].as_f64(),
            key.range["max"].as_f64(),
            key.default.as_f64(),
        ) {
            assert!((low..=high).contains(&value), "{key:?}");
        }
        if let (Some(words), Some(value)) = (key.range["one_of"].as_array(), key.default.as_str()) {
            assert!(words.iter().any(|word| word == value), "{key:?}");
        }
        // The temperature of a measurement may be any.
        let bounded = matches!(key.kind, "number" | "whole number" | "choice");
        let free = key.key == "physics.drift.holds_at_c";
        assert!(!bounded || free || !key.range.is_null(), "{key:?}");
    }
    let range = |path: &str| {
        schema()
            .unwrap()
            .into_iter()
            .find(|k| k.key == path)
            .unwrap()
            .range
    };
    assert_eq!(range("table_measures.length_m")["words"], "0.5 to 6");
    assert_eq!(range("physics.ball_friction.rise")["words"], "numbers from 0");
    assert_eq!(range("api.port")["max"], 65535);
}

#[test]
fn ranges_in_the_schema_are_those_that_are_checked() {
    for key in schema().unwrap() {
        let (Some(low), Some(high)) = (key.range["min"].as_f64(), key.range["max"].as_f64()) else {
            continue;
        };
        if key.kind == "tuple" {
            continue;
        }
        let try_with = |value: f64| {
            let set = match key.kind {
                "list" => format!("{}=[({value}, {value}, {value})]", key.key),
                _ => format!("{}={value}", key.key),
            };
            let overrides = Overrides {
                variables: Vec::new(),
                command_line: vec![set.parse().unwrap()],
            };
            Loaded::from_text(None, &overrides).map(drop)
        };
        for value in [low, high] {
            assert_eq!(try_with(value), Ok(()), "{} {value}", key.key);
        }
        for value in [low - 1.0, high + 1.0] {
            let error = try_with(value).unwrap_err();
            assert_eq!(error.faults()[0].key, key.key);
        }
    }
    assert!(Settings::default().check().is_ok());
    let mut settings = Settings::default();
    settings.vision.rate_hz = f64::NAN;
    settings.api.host = "table".to_owned();
    assert_eq!(settings.check().unwrap_err().faults().len(), 2);
}
