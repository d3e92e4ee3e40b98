//! The key of the repository: without it nobody reads what is saved, not even its owner.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::error::{BackupError, Cause};
use super::layout::Layout;
use super::restic::Restic;
use crate::config::write_privately;
use crate::ops::installation::Installation;

/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bytes of a key.
const BYTES: usize = 32;
/// Characters of a key as it is written down: 52 for it and 4 to see slips of the pen.
const WRITTEN: usize = 56;

/// A key, 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// [`BackupError`] when the system has no random numbers.
    pub fn random() -> Result<Self, BackupError> {
        let source = Path::new("/dev/urandom");
        let mut bytes = [0; BYTES];
        File::open(source)
            .and_then(|mut file| file.read_exact(&mut bytes))
            .map_err(|e| BackupError::io("read", source, &e))?;
        Ok(Self(bytes))
    }

    /// That of an installation; nothing is made and nobody is waited for.
    ///
    /// # Errors
    /// [`BackupError`] when there is none, or it can't be read.
    pub fn of(place: &Installation) -> Result<Self, BackupError> {
        read(&Layout::new(place))
    }

    /// As a person can write it down: fourteen groups of four, the last of which shows slips.
    #[must_use]
    pub fn written(&self) -> String {
        let mut all = encoded(&self.0);
        all.extend(self.check());
        let groups: Vec<_> = all.chunks(4).map(|g| g.iter().collect::<String>()).collect();
        groups.join("-")
    }

    /// Reads what a person wrote down; small letters, spaces, and the letters O, I and L are understood.
    ///
    /// # Errors
    /// [`BackupError`] that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BackupError> {
        let refused = |what: String| BackupError::new(Cause::WrongKey, what);
        let mut values = Vec::new();
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let upper = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            match ALPHABET.iter().position(|a| char::from(*a) == upper) {
                Some(value) => values.push(value as u8),
                None => {
                    return Err(refused(format!(
                        "`{}` is in no key; keys have digits and letters without I, L, O and U",
                        c.escape_default()
                    )));
                }
            }
        }
        if values.len() != WRITTEN {
            return Err(refused(format!(
                "a key has {WRITTEN} characters, 14 groups of 4, and this has {}; compare it with what was written down",
                values.len()
            )));
        }
        let mut bytes = [0; BYTES];
        let (mut bits, mut count, mut at) = (0_u32, 0, 0);
        for value in values.iter().take(WRITTEN - 4) {
            bits = (bits << 5 | u32::from(*value)) & 0xFFFF;
            count += 5;
            if count >= 8 {
                count -= 8;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = (bits >> count) as u8;
                }
                at += 1;
            }
        }
        let key = Self(bytes);
        let said: String = values
            .iter()
            .filter_map(|v| ALPHABET.get(usize::from(*v)))
            .map(|b| char::from(*b))
            .collect();
        if key.written().replace('-', "") == said {
            Ok(key)
        } else {
            Err(refused(
                "a character of the key is wrong; compare it with what was written down, group by group"
                    .to_owned(),
            ))
        }
    }

    fn check(&self) -> Vec<char> {
        let hash = blake3::hash(&self.0);
        encoded(hash.as_bytes()).into_iter().take(4).collect()
    }

    /// As it stands in its file, and as restic reads it.
    fn to_text(&self) -> String {
        format!("{}\n", self.written())
    }
}

/// Five bits to a character, the last ones filled up with zeros.
fn encoded(bytes: &[u8]) -> Vec<char> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    let mut put = |value: u32| {
        let letter = ALPHABET.get((value & 31) as usize).copied().unwrap_or(b'0');
        out.push(char::from(letter));
    };
    for byte in bytes {
        bits = (bits << 8 | u32::from(*byte)) & 0xFFFF;
        count += 8;
        while count >= 5 {
            count -= 5;
            put(bits >> count);
        }
    }
    if count > 0 {
        put(bits << (5 - count));
    }
    out
}

/// The key of an installation.
///
/// # Errors
/// [`BackupError`] when there is none, or it can't be read.
pub(super) fn read(layout: &Layout) -> Result<Key, BackupError> {
    let path = layout.key();
    match std::fs::read_to_string(&path) {
        Ok(text) => Key::parse(&text).map_err(|e| e.at(path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(BackupError::new(
            Cause::NoKey,
            format!(
                "there is no key {}; `backup key set` takes the one that was written down",
                path.display()
            ),
        )),
        Err(e) => Err(BackupError::io("read the key", &path, &e)),
    }
}

/// Writes the key of an installation.
pub(super) fn write(layout: &Layout, key: &Key) -> Result<(), BackupError> {
    let path = layout.key();
    layout.make_folder(&layout.place.secrets())?;
    write_privately(&path, key.to_text().as_bytes()).map_err(|e| BackupError::io("write", &path, &e))?;
    layout.owner.take(&path)
}

/// Takes a key that was written down, if it opens the repository that is there.
pub(super) fn set(layout: &Layout, restic: &Restic, key: &Key) -> Result<(), BackupError> {
    if restic.exists()? {
        restic.check_installed()?;
        let beside = layout.key().with_extension("try");
        layout.make_folder(&layout.place.secrets())?;
        let tried = write_privately(&beside, key.to_text().as_bytes())
            .map_err(|e| BackupError::io("write", &beside, &e))
            .and_then(|()| restic.with_key(&beside).run(&["cat", "config", "--no-lock"]));
        drop(std::fs::remove_file(&beside));
        tried.map_err(|error| match error.cause {
            Cause::WrongKey => BackupError::new(
                Cause::WrongKey,
                format!(
                    "this key does not open the repository {}; nothing was changed",
                    layout.repository().display()
                ),
            ),
            _ => error,
        })?;
    } else if layout.key().exists() && read(layout)? != *key {
        return Err(BackupError::new(
            Cause::Refused,
            format!(
                "there is another key in {} already; move that file away first if nothing was saved with it",
                layout.key().display()
            ),
        ));
    }
    write(layout, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_written_down_and_slips_are_seen() {
        for _ in 0..50 {
            let key = Key::random().unwrap();
            let written = key.written();
            assert_eq!(written.len(), 14 * 4 + 13);
            assert_eq!(Key::parse(&written).unwrap(), key);
            let by_hand = written
                .to_lowercase()
                .replace('-', " ")
                .replace('0', "o")
                .replace('1', "l");
            assert_eq!(Key::parse(&by_hand).unwrap(), key);
            // Any one character that is another is noticed: four to check miss one of a million.
            let at = fastrand::usize(..written.len());
            let mut slip: Vec<char> = written.chars().collect();
            if slip[at] != '-' {
                slip[at] = if slip[at] == '7' { '8' } else { '7' };
                let slip: String = slip.into_iter().collect();
                assert!(
                    Key::parse(&slip).unwrap_err().to_string().contains("is wrong"),
                    "{written} {slip}"
                );
            }
        }
        assert_ne!(Key::random().unwrap(), Key::random().unwrap());
        assert!(Key::parse("ABCD").unwrap_err().to_string().contains("this has 4"));
        assert!(Key::parse("U").unwrap_err().to_string().contains("`U`"));
        assert!(!format!("{:?}", Key([7; 32])).contains('7'));
    }
}
