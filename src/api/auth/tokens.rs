//! Tokens: who may come in over the network, and as what.
//!
//! A token is 256 random bits, shown once. Kept is its BLAKE3 hash only: nothing that can be guessed needs a slow hash.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::config::write_privately;

/// What somebody may do. Each may what those before it may.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look: table, pictures, health, figures.
    Viewer,
    /// Work the table: modules, alerts, calibration, projector.
    Operator,
    /// Everything: settings, tokens, stopping the program.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Names it in lists; no secret.
    pub id: String,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// What it lets its holder do.
    pub role: Role,
    /// BLAKE3 of the whole token, hexadecimal.
    hash: String,
    /// When it was made, seconds since 1970.
    pub made_unix_s: u64,
    /// From then on it is refused, seconds since 1970.
    pub expires_unix_s: Option<u64>,
}

impl Token {
    /// It is not over yet.
    #[must_use]
    pub fn holds(&self, now_unix_s: u64) -> bool {
        self.expires_unix_s.is_none_or(|end| now_unix_s < end)
    }

    fn is(&self, hash: &blake3::Hash) -> bool {
        bool::from(self.hash.as_bytes().ct_eq(hash.to_hex().as_bytes()))
    }
}

/// Why tokens can't be read or changed, on one line.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be read or written.
    #[error("can't use the tokens in {file}: {reason}; check that this user may read and write it")]
    File {
        /// Which.
        file: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// It has been damaged.
    #[error(
        "the tokens in {file} are damaged ({reason}): restore a backup of it, or delete it and make new tokens"
    )]
    Damaged {
        /// Which.
        file: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// There are enough.
    #[error("there are {MOST} tokens already; `token revoke` takes away those that nobody needs")]
    TooMany,
    /// A name nobody could tell from others.
    #[error("a token's name must have 1 to {LONGEST_NAME} characters on one line")]
    Name,
    /// There is none of this id.
    #[error("there is no token `{0}`; `token list` shows them")]
    Unknown(String),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// Most tokens kept.
const MOST: usize = 64;
/// Longest name, characters.
const LONGEST_NAME: usize = 60;
/// Longer than any token: what is longer is not looked at.
const LONGEST_TOKEN: usize = 128;
const FILE: &str = "tokens.ron";

/// Seconds since 1970.
#[must_use]
pub fn now_unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The tokens of a state folder; none where there is no file.
///
/// # Errors
/// [`TokenError`], where the file can't be read or has been damaged.
pub fn read(folder: &Path) -> Result<Vec<Token>, TokenError> {
    let file = file_in(folder);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(reason) => return Err(TokenError::File { file, reason }),
    };
    ron::from_str(&text).map_err(|error| TokenError::Damaged {
        file,
        reason: error.to_string(),
    })
}

/// Makes a token, and gives it with the secret that is never seen again.
///
/// # Errors
/// [`TokenError`]; then there is no new token.
pub fn make(
    folder: &Path,
    name: &str,
    role: Role,
    lasts: Option<Duration>,
) -> Result<(Token, String), TokenError> {
    let name = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !fits {
        return Err(TokenError::Name);
    }
    let (id, secret) = (random_hex::<4>()?, random_hex::<32>()?);
    let secret = format!("bt_{id}_{secret}");
    let made_unix_s = now_unix_s();
    let token = Token {
        id,
        name: name.to_owned(),
        role,
        hash: blake3::hash(secret.as_bytes()).to_hex().to_string(),
        made_unix_s,
        expires_unix_s: lasts.map(|lasts| made_unix_s.saturating_add(lasts.as_secs())),
    };
    change(folder, |tokens| {
        if tokens.len() >= MOST {
            return Err(TokenError::TooMany);
        }
        tokens.push(token.clone());
        Ok(())
    })?;
    Ok((token, secret))
}

/// Takes a token away. Gives what it was.
///
/// # Errors
/// [`TokenError`]; then nothing has changed.
pub fn revoke(folder: &Path, id: &str) -> Result<Token, TokenError> {
    change(folder, |tokens| {
        let place = tokens.iter().position(|token| token.id == id);
        let place = place.ok_or_else(|| TokenError::Unknown(id.chars().take(60).collect()))?;
        Ok(tokens.remove(place))
    })
}

/// The token that was shown, if it holds. Takes as long whichever it is.
#[must_use]
pub fn find<'a>(tokens: &'a [Token], shown: &str, now_unix_s: u64) -> Option<&'a Token> {
    if shown.len() > LONGEST_TOKEN {
        return None;
    }
    let hash = blake3::hash(shown.as_bytes());
    let mut found = None;
    for token in tokens {
        if token.is(&hash) {
            found = Some(token);
        }
    }
    found.filter(|token| token.holds(now_unix_s))
}

/// Where the tokens of a state folder are.
pub(super) fn file_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Reads, changes and writes the tokens while nobody else does.
fn change<T>(
    folder: &Path,
    how: impl FnOnce(&mut Vec<Token>) -> Result<T, TokenError>,
) -> Result<T, TokenError> {
    let file = file_in(folder);
    let failed = |reason: io::Error| TokenError::File {
        file: file.clone(),
        reason,
    };
    let _held = lock(folder).map_err(failed)?;
    let mut tokens = read(folder)?;
    let done = how(&mut tokens)?;
    let pretty = ron::ser::PrettyConfig::default();
    let text = ron::ser::to_string_pretty(&tokens, pretty).map_err(|e| failed(io::Error::other(e)))?;
    write_privately(&file, text.as_bytes()).map_err(failed)?;
    Ok(done)
}

/// Given back when the file is closed.
fn lock(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("tokens.lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// So many random bytes, hexadecimal.
pub(super) fn random_hex<const BYTES: usize>() -> Result<String, TokenError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| TokenError::Random(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("billiards-tokens-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_token_is_found_until_it_is_revoked_or_over_and_its_secret_is_nowhere() {
        let folder = folder("found");
        assert_eq!(read(&folder).unwrap(), []);
        let hour = Duration::from_secs(3600);
        let (wall, wall_secret) = make(&folder, " wall screen ", Role::Viewer, None).unwrap();
        let (boss, boss_secret) = make(&folder, "boss", Role::Admin, Some(hour)).unwrap();
        assert_eq!((wall.name.as_str(), wall_secret.len()), ("wall screen", 76));

        let (tokens, now) = (read(&folder).unwrap(), now_unix_s());
        assert_eq!(find(&tokens, &wall_secret, now), Some(&wall));
        assert_eq!(find(&tokens, &boss_secret, now + 3590), Some(&boss));
        assert_eq!(find(&tokens, &boss_secret, boss.expires_unix_s.unwrap()), None);
        let mut other = wall_secret.clone();
        other.pop();
        for wrong in [other.as_str(), "", &wall.id, &wall.hash, &"x".repeat(10_000)] {
            assert_eq!(find(&tokens, wrong, now), None, "{wrong}");
        }

        for entry in std::fs::read_dir(&folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains(&wall_secret) && !text.contains(wall_secret.rsplit('_').next().unwrap()));
        }
        assert_eq!(revoke(&folder, &wall.id).unwrap(), wall);
        assert_eq!(find(&read(&folder).unwrap(), &wall_secret, now), None);
        assert!(matches!(revoke(&folder, &wall.id), Err(TokenError::Unknown(_))));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_its_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder("private");
        make(&folder, "one", Role::Viewer, None).unwrap();
        make(&folder, "two", Role::Viewer, None).unwrap();
        let mode = std::fs::metadata(file_in(&folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn makers_at_the_same_time_lose_none_and_there_is_an_end() {
        let folder = folder("many");
        std::thread::scope(|scope| {
            for maker in 0..4 {
                let folder = &folder;
                scope.spawn(move || {
                    for n in 0..MOST / 4 {
                        make(folder, &format!("{maker} {n}"), Role::Operator, None).unwrap();
                    }
                });
            }
        });
        assert_eq!(read(&folder).unwrap().len(), MOST);
        assert!(matches!(
            make(&folder, "one more", Role::Viewer, None),
            Err(TokenError::TooMany)
        ));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_damaged_or_impossible_is_told() {
        let folder = folder("damaged");
        for name in ["", "  ", "two\nlines", &"x".repeat(61)] {
            assert!(matches!(
                make(&folder, name, Role::Viewer, None),
                Err(TokenError::Name)
            ));
        }
        make(&folder, "one", Role::Viewer, None).unwrap();
        std::fs::write(file_in(&folder), "[(id: \"1\"").unwrap();
        let told = make(&folder, "two", Role::Viewer, None).unwrap_err().to_string();
        assert!(
            told.contains("tokens.ron") && told.contains("restore a backup"),
            "{told}"
        );
        assert!(matches!(read(&folder), Err(TokenError::Damaged { .. })));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
