//! Who made a release: a minisign signature beside the file, against the key of this installation.

use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey, Signature};

use crate::ops::installation::Installation;

/// What a signature says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By whoever holds the key of this installation; what they say of it, which is signed, too.
    Good(String),
    /// There is none, or no key to hold against it; which of both.
    Not(String),
    /// There is one, and it is not right; why.
    Bad(String),
}

/// Where the key that releases are signed with lies: beside the settings, which the trainer itself can't change.
#[must_use]
pub fn key_file(place: &Installation) -> Option<PathBuf> {
    Some(place.config().join("release.pub")).filter(|file| file.is_file())
}

/// Reads a key that only root or whoever runs this can have put there.
fn read_key(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;
    let mut file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let owner = file.metadata().map_err(|e| e.to_string())?.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(format!(
            "it belongs to user {owner}, who could have put any key there: put the right one there, then chown root {}",
            path.display()
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| e.to_string())?;
    Ok(text)
}

/// The file that holds the signature of another.
#[must_use]
pub fn signature_file(program: &Path) -> PathBuf {
    let mut name = program.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// Looks at the signature beside `program`.
#[must_use]
pub fn look(program: &Path, key: Option<&Path>) -> Signed {
    let beside = signature_file(program);
    let text = match std::fs::read_to_string(&beside) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Signed::Not("it is not signed".to_owned());
        }
        Err(error) => return Signed::Bad(format!("its signature can't be read ({error})")),
    };
    let Some(key) = key else {
        return Signed::Not("it is signed, but there is no key to hold against it".to_owned());
    };
    let read = read_key(key);
    // With its comment line, as minisign writes it, or without.
    let public = read.and_then(|text| {
        PublicKey::decode(text.trim())
            .or_else(|_| PublicKey::from_base64(text.trim()))
            .map_err(|e| e.to_string())
    });
    let public = match public {
        Ok(public) => public,
        Err(why) => return Signed::Bad(format!("the key {} can't be used ({why})", key.display())),
    };
    match verified(program, &public, &text) {
        Ok(comment) => Signed::Good(comment),
        Err(why) => Signed::Bad(why),
    }
}

fn verified(program: &Path, key: &PublicKey, text: &str) -> Result<String, String> {
    use std::io::Read as _;
    let signature =
        Signature::decode(text).map_err(|_| "its signature is no minisign signature".to_owned())?;
    let words = |error: Error| match error {
        Error::UnexpectedKeyId => "it is signed with another key than this installation's".to_owned(),
        Error::UnsupportedLegacyMode => {
            "it is signed in the old way; sign it with minisign 0.8 or later".to_owned()
        }
        _ => "its signature does not fit: the file or the signature was changed".to_owned(),
    };
    let mut stream = key.verify_stream(&signature).map_err(words)?;
    let unreadable = |error: std::io::Error| format!("it can't be read ({error})");
    let mut file = std::fs::File::open(program).map_err(unreadable)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        stream.update(buffer.get(..read).unwrap_or_default());
    }
    stream.finalize().map_err(words)?;
    Ok(signature.trusted_comment().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with Debian's minisign 0.11, for the file "release\n".
    const KEY: &str = include_str!("../../../tests/ops/release.pub");
    const SIGNATURE: &str = include_str!("../../../tests/ops/release.minisig");
    const OTHER_KEY: &str = "RWSqJeN8wtCxDN0Uys6J5vjK6pVFUA4vQz/8t1ZLv5NBWzzVC14NAdHY";

    #[test]
    fn the_key_is_the_one_beside_the_settings() {
        let root = std::env::temp_dir().join(format!("billiards-key-{}", std::process::id()));
        let place = Installation::at(&root);
        for folder in [place.secrets(), place.config().to_owned()] {
            std::fs::create_dir_all(&folder).unwrap();
        }
        // The trainer's own folder: whoever breaks into it could put any key there.
        std::fs::write(place.secrets().join("release.pub"), OTHER_KEY).unwrap();
        assert_eq!(key_file(&place), None);
        let key = place.config().join("release.pub");
        std::fs::write(&key, KEY).unwrap();
        assert_eq!(key_file(&place), Some(key));
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_file_is_believed_only_with_the_signature_of_the_right_key() {
        let folder = std::env::temp_dir().join(format!("billiards-signed-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (program, key, other) = (
            folder.join("program"),
            folder.join("release.pub"),
            folder.join("other.pub"),
        );
        std::fs::write(&program, "release\n").unwrap();
        std::fs::write(&key, KEY).unwrap();
        std::fs::write(&other, OTHER_KEY).unwrap();
        assert!(matches!(look(&program, Some(&key)), Signed::Not(_)));
        std::fs::write(folder.join("program.minisig"), SIGNATURE).unwrap();
        assert!(matches!(look(&program, None), Signed::Not(_)));
        let Signed::Good(comment) = look(&program, Some(&key)) else {
            unreachable!("{:?}", look(&program, Some(&key)))
        };
        assert!(comment.contains("billiards-trainer"), "{comment}");
        let bad = |key: &Path, words: &str| match look(&program, Some(key)) {
            Signed::Bad(why) => assert!(why.contains(words), "{why}"),
            told => unreachable!("{told:?}"),
        };
        bad(&other, "another key");
        // A key of somebody else's proves nothing; only an administrator can make one here.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&key, Some(4242), None).unwrap();
            bad(&key, "belongs to user 4242");
            std::os::unix::fs::chown(&key, Some(0), None).unwrap();
        }
        std::fs::write(&other, "no key").unwrap();
        bad(&other, "can't be used");
        std::fs::write(&program, "Release\n").unwrap();
        bad(&key, "does not fit");
        std::fs::write(&program, "release\n").unwrap();
        // What is said of the file is signed, too.
        std::fs::write(
            folder.join("program.minisig"),
            SIGNATURE.replace("billiards", "Billiards"),
        )
        .unwrap();
        bad(&key, "does not fit");
        std::fs::write(folder.join("program.minisig"), "nonsense").unwrap();
        bad(&key, "no minisign");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
