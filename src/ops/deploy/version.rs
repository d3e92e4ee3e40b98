//! What a release is called.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version, `1.4.2` or `1.5.0-rc.1`; what stands after a `+` tells builds apart and no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    numbers: [u64; 3],
    pre: String,
    build: String,
}

/// A text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version; write three numbers, 1.4.2")]
pub struct NoVersion(String);

/// No sensible version is longer; it names a folder.
const LONGEST: usize = 64;

impl Version {
    /// The same with a mark that tells this build from another of its version.
    #[must_use]
    pub fn with_build(&self, mark: &str) -> Self {
        Self {
            build: mark.to_owned(),
            ..self.clone()
        }
    }

    /// The last word of what `billiards-trainer --version` prints.
    ///
    /// # Errors
    /// [`NoVersion`].
    pub fn told(text: &str) -> Result<Self, NoVersion> {
        let line = text.lines().next().unwrap_or_default().trim();
        match line.rsplit_once(' ') {
            Some((crate::ops::installation::PROGRAM, version)) => version.parse(),
            _ => Err(NoVersion(line.chars().take(LONGEST).collect())),
        }
    }

    /// Which of two is newer; two builds of one version are equal.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        let pre = |v: &Self| (v.pre.is_empty(), parts(&v.pre));
        (self.numbers.cmp(&other.numbers)).then_with(|| pre(self).cmp(&pre(other)))
    }
}

/// Numbers come before words, and are compared as numbers.
fn parts(pre: &str) -> Vec<(bool, u64, String)> {
    pre.split('.')
        .map(|part| match part.parse() {
            Ok(number) => (false, number, String::new()),
            Err(_) => (true, 0, part.to_owned()),
        })
        .collect()
}

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let no = || NoVersion(text.chars().take(LONGEST).collect());
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let (rest, build) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, pre) = rest.split_once('-').unwrap_or((rest, ""));
        let ends_well = !(text.ends_with('+') || rest.ends_with('-'));
        if text.len() > LONGEST || !ends_well || !pre.chars().chain(build.chars()).all(good) {
            return Err(no());
        }
        let read: Vec<u64> = numbers
            .split('.')
            .map(|n| {
                if n.bytes().all(|b| b.is_ascii_digit()) {
                    n.parse().ok()
                } else {
                    None
                }
            })
            .collect::<Option<_>>()
            .ok_or_else(no)?;
        Ok(Self {
            numbers: read.try_into().map_err(|_| no())?,
            pre: pre.to_owned(),
            build: build.to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.build.is_empty() {
            write!(f, "+{}", self.build)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Version {
    type Error = NoVersion;

    fn try_from(text: String) -> Result<Self, NoVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_shown_and_put_in_order() {
        let order = [
            "0.1.0",
            "0.2.0-alpha",
            "0.2.0-rc.2",
            "0.2.0-rc.10",
            "0.2.0",
            "0.10.0",
            "1.0.0",
        ];
        for pair in order.windows(2) {
            let [a, b]: [Version; 2] = [pair[0].parse().unwrap(), pair[1].parse().unwrap()];
            assert_eq!(
                (a.to_string().as_str(), b.to_string().as_str()),
                (pair[0], pair[1])
            );
            assert_eq!(
                (a.order(&b), b.order(&a)),
                (Ordering::Less, Ordering::Greater),
                "{pair:?}"
            );
        }
        let built: Version = "0.2.0+1f".parse().unwrap();
        assert_eq!(built.order(&"0.2.0".parse().unwrap()), Ordering::Equal);
        assert_eq!(built.with_build("9").to_string(), "0.2.0+9");
    }

    #[test]
    fn what_could_lead_out_of_the_folder_is_no_version() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "../1.2.3",
            "1.2.3/..",
            "1.2.3-../x",
            "1.2.x",
            "+1.2.3",
            "1.2.3-",
            "1.2.-3",
            "1..3",
            " 1.2.3",
            "1.2.3+",
            "99999999999999999999.0.0",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!(format!("1.2.3-{}", "x".repeat(70)).parse::<Version>().is_err());
        assert_eq!(
            Version::told("billiards-trainer 0.3.1\n").unwrap().to_string(),
            "0.3.1"
        );
        for text in ["", "0.3.1", "ffmpeg 5.1.6", "billiards-trainer"] {
            assert!(Version::told(text).is_err(), "{text}");
        }
    }
}
