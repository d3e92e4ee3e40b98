//! What is wrong with settings: each fault on one line, with its place, its key and what is allowed.

use std::fmt;
use std::path::{Path, PathBuf};

use super::tree::{Layer, Origin, Place};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who said it.
    pub layer: Layer,
    /// Where: `config/site.ron:3:5`, `$BILLIARDS_PORT`, `--port`; may be empty.
    pub place: String,
    /// Line and column from 1, where it is in a file.
    pub line_column: Option<(usize, usize)>,
    /// The key path, `vision.rate_hz`; empty for what is no matter of a key.
    pub key: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

impl Fault {
    pub(super) fn new(origin: &Origin, file: Option<&Path>, key: &str, reason: impl Into<String>) -> Self {
        Self {
            layer: origin.layer,
            place: origin.show(file),
            line_column: match origin.place {
                Place::At { line, column } => Some((line, column)),
                _ => None,
            },
            key: one_line(key),
            reason: one_line(&reason.into()),
        }
    }
}

/// A message is one line, and not a page of what somebody wrote.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut line = String::new();
    for (i, c) in text.chars().enumerate() {
        match c {
            _ if i == LONGEST => {
                line.push('…');
                break;
            }
            '\n' => line.push_str("\\n"),
            c if c.is_control() => line.push('\u{fffd}'),
            c => line.push(c),
        }
    }
    line
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" if !self.key.is_empty() => f.write_str("setting ")?,
            "" => {}
            place => write!(f, "{place}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

/// Settings that can't be used. The text is one line: what, where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the settings file {path}: {reason}; check the path or leave out --config")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// There is no such file.
        absent: bool,
    },
    /// The file is not RON: cut off, mixed up, or no settings file at all.
    #[error("{0}")]
    Corrupt(Fault),
    /// What is said is understood, but can't be; at least one fault.
    #[error("{}", first_of(.0))]
    Wrong(Vec<Fault>),
}

impl ConfigError {
    /// Every fault; none where the file can't be read.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Corrupt(fault) => std::slice::from_ref(fault),
            Self::Wrong(faults) => faults,
        }
    }

    /// The exit code of a program that can't go on: 2 if only the command line is wrong, else 78.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let faults = self.faults();
        if !faults.is_empty() && faults.iter().all(|f| f.layer == Layer::CommandLine) {
            2
        } else {
            78
        }
    }

    /// The file is there but can't be understood, so that an older copy of it may help.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Unreadable { absent, .. } => !absent,
            Self::Corrupt(_) => true,
            Self::Wrong(_) => false,
        }
    }
}

fn first_of(faults: &[Fault]) -> String {
    match faults {
        [] => "the settings are wrong; `billiards-trainer config check` says more".to_owned(),
        [fault] => fault.to_string(),
        [fault, more @ ..] => format!(
            "{fault} (and {} more; `billiards-trainer config check` names all)",
            more.len()
        ),
    }
}

/// `; did you mean `x`?` where one of the known words is near, else the words if they are few.
pub(super) fn suggestion<'a>(said: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(said, &known) {
        return format!("; did you mean `{near}`?");
    }
    format!("; allowed are {}", known.join(", "))
}

/// What to say about a word that is none of a few: all of them, and which one is near.
pub(super) fn one_of(said: &str, known: &[&str]) -> String {
    let near = nearest(said, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("; allowed are {}{near}", known.join(", "))
}

/// The word that was most likely meant.
pub(super) fn nearest<'a>(said: &str, known: &[&'a str]) -> Option<&'a str> {
    let said = said.to_lowercase();
    let length = said.chars().count();
    let limit = length.div_ceil(3).min(4);
    known
        .iter()
        .map(|word| (distance(&said, word), *word))
        .filter(|(d, word)| {
            // `rate` for `rate_hz`; but one letter is the beginning of too much.
            let begins = length > 2 && (word.starts_with(&said) || said.starts_with(word) && word.len() > 2);
            *d <= limit || begins
        })
        .min_by_key(|(d, _)| *d)
        .map(|(_, word)| word)
}

/// Letters to add, leave out, change or swap with their neighbour to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut a_before = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        let mut left = i + 1;
        row.push(left);
        let mut b_before = None;
        for (j, &cb) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, j) + usize::from(ca != cb))
                .min(cell(&last, j + 1) + 1)
                .min(left + 1);
            if a_before == Some(cb) && b_before == Some(ca) && j > 0 {
                best = best.min(cell(&before_last, j - 1) + 1);
            }
            row.push(best);
            left = best;
            b_before = Some(cb);
        }
        a_before = Some(ca);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_slips() {
        for (a, b, d) in [
            ("", "", 0),
            ("port", "port", 0),
            ("prot", "port", 1),
            ("por", "port", 1),
            ("ports", "port", 1),
            ("part", "port", 1),
            ("visoin", "vision", 1),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["enabled", "rate_hz", "width_px", "height_px", "balls"];
        for (said, meant) in [
            ("rate", Some("rate_hz")),
            ("Rate_Hz", Some("rate_hz")),
            ("enbaled", Some("enabled")),
            ("width", Some("width_px")),
            ("hieght_px", Some("height_px")),
            ("ball", Some("balls")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(said, &known), meant, "{said}");
        }
        assert!(suggestion("colour", known).contains("allowed are enabled, rate_hz"));
    }
}
