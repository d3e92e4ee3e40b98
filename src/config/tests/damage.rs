//! A damaged settings file is refused with its place, or means exactly what it says.

use std::path::Path;

use super::{SHIPPED, all_different, with_examples};
use crate::config::{ConfigError, Layer, Loaded, Overrides, Settings};

fn load(text: &str) -> Result<Loaded, ConfigError> {
    Loaded::from_text(Some((text, Path::new("site.ron"))), &Overrides::default())
}

/// The error says where, on one line each, and of which key where it is a matter of a key.
fn assert_placed(error: &ConfigError, text: &str) {
    let lines = text.lines().count() + 1;
    assert!(!error.faults().is_empty());
    for fault in error.faults() {
        let shown = fault.to_string();
        let (line, column) = fault.line_column.unwrap_or_else(|| panic!("{shown}\n{text}"));
        assert!(
            shown.starts_with(&format!("site.ron:{line}:{column}: ")) && !shown.contains('\n'),
            "{shown}"
        );
        assert!((1..=lines).contains(&line) && column > 0, "{shown}");
        let of_a_key = matches!(error, ConfigError::Wrong(_));
        assert_eq!(of_a_key, !fault.key.is_empty(), "{shown}");
    }
}

#[test]
fn a_file_that_ends_anywhere_is_refused_with_the_place() {
    for whole in [SHIPPED.to_owned(), with_examples(SHIPPED), all_different()] {
        load(&whole).unwrap();
        let end = whole.rfind(')').unwrap();
        for (length, _) in whole.char_indices() {
            let text = &whole[..length];
            match load(text) {
                Ok(_) => assert!(length > end, "{text}"),
                Err(error) => {
                    assert!(matches!(error, ConfigError::Corrupt(_)), "{error}");
                    assert_placed(&error, text);
                }
            }
        }
    }
}

/// The text without comments, in lines: an independent reading.
fn bare_lines(text: &str) -> Vec<String> {
    let (mut bare, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let passed = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if c == '"' {
            let mut end = 1;
            let bytes = rest.as_bytes();
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            let mut end = (end + 1).min(rest.len());
            while !rest.is_char_boundary(end) {
                end += 1;
            }
            bare.push_str(&rest[..end]);
            end
        } else {
            bare.push(c);
            c.len_utf8()
        };
        rest = &rest[passed..];
    }
    let lines = bare.lines().map(|line| line.trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// The lines in which two texts differ, of both.
fn difference(a: &str, b: &str) -> String {
    let (a, b) = (bare_lines(a), bare_lines(b));
    let before = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[before..], &b[before..]);
    let after = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (a, b) = (&a[..a.len() - after], &b[..b.len() - after]);
    [a.join("\n"), b.join("\n")].join("\n")
}

/// What chance does to a text.
fn mutated(text: &str, rng: &mut fastrand::Rng) -> String {
    const LIKELY: &str = "()[]{}:,\"'/*#.-+_ \n\t\\0189eExNrbaZ\0\u{7f}é°\u{2028}💥";
    let likely: Vec<char> = LIKELY.chars().collect();
    let mut chars: Vec<char> = text.chars().collect();
    let at = rng.usize(..chars.len());
    let end = (at + 1 + rng.usize(..24)).min(chars.len());
    match rng.u8(..9) {
        0 => chars[at] = likely[rng.usize(..likely.len())],
        1 => chars.insert(at, likely[rng.usize(..likely.len())]),
        2 => drop(chars.drain(at..end)),
        3 => drop(chars.remove(at)),
        4 => {
            let again: Vec<char> = chars[at..end].to_vec();
            drop(chars.splice(at..at, again));
        }
        5 => chars[at] = char::from_u32(u32::from(chars[at]) ^ (1 << rng.u32(..7))).unwrap_or('?'),
        6 => {
            let other = rng.usize(..chars.len());
            chars.swap(at, other);
        }
        7 => chars[at..end].fill('\0'),
        _ => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (a, b) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
            match rng.u8(..3) {
                0 => lines.swap(a, b),
                1 => drop(lines.remove(a)),
                _ => lines.insert(b, lines[a]),
            }
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

#[test]
fn ten_thousand_mutations_are_refused_with_the_place_or_mean_what_they_say() {
    let text = all_different();
    let whole = load(&text).unwrap();
    let before: Vec<_> = whole.sources();
    let ron = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let mut rng = fastrand::Rng::with_seed(20_260_823);
    let (mut read, mut changed) = (0, 0);
    for _ in 0..10_000 {
        let text_now = mutated(&text, &mut rng);
        let mut by_ron = ron.from_str::<Settings>(&text_now);
        let loaded = match load(&text_now) {
            Ok(loaded) => loaded,
            Err(error) => {
                assert_placed(&error, &text_now);
                continue;
            }
        };
        read += 1;
        // What RON alone makes of it is the same, the preset of the environment apart.
        for source in loaded.sources().iter().filter(|s| s.layer == Layer::Preset) {
            let by_ron = by_ron.as_mut().unwrap();
            match source.key.as_str() {
                "log_level" => "debug".clone_into(&mut by_ron.log_level),
                other => panic!("{other} is no preset"),
            }
        }
        assert_eq!(by_ron.as_ref(), Ok(&loaded.settings), "{text_now}");
        let region = difference(&text, &text_now);
        let after = loaded.sources();
        for source in before
            .iter()
            .filter(|s| !after.iter().any(|a| a.key == s.key && a.value == s.value))
        {
            changed += 1;
            let inside = source.key.split('.').any(|part| region.contains(part));
            assert!(inside, "{} changed, but only this did: {region}", source.key);
        }
    }
    // The test looks at something: many are refused, many are read, and some mean something else.
    assert!(
        (1000..9000).contains(&read) && changed > 300,
        "{read} read, {changed} changed"
    );
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let folder = std::env::temp_dir().join(format!("billiards-bytes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("site.ron");
    std::fs::write(&path, b"(\n  // caf\xc3\xa9 \xff\n)").unwrap();
    let message = Settings::load(&path).unwrap_err().to_string();
    assert!(
        message.contains("site.ron:2:11: ") && message.contains("UTF-8"),
        "{message}"
    );
    std::fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    let message = Settings::load(&path).unwrap_err().to_string();
    assert!(message.contains("too long"), "{message}");
    // As some editors save.
    std::fs::write(&path, "\u{feff}(api: (port: 1))").unwrap();
    assert_eq!(Settings::load(&path).unwrap().api.port, 1);
    assert!(
        Settings::load(&folder)
            .unwrap_err()
            .to_string()
            .contains("no file")
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
