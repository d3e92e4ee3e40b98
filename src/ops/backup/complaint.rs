//! What restic says, in one line that says what to do.

use std::path::Path;

use super::error::{BackupError, Cause};
use crate::ops::process::Ending;

/// What to look for in its words (in small letters), what it means, and what is said instead. The first that fits
/// holds. `{repository}` and `{key}` are put in.
const MEANINGS: &[(&[&str], Cause, &str)] = &[
    (
        &["wrong password or no key found"],
        Cause::WrongKey,
        "the key in {key} does not open the repository {repository}; `backup key set` takes the one that was \
         written down",
    ),
    (
        &["no space left on device", "disk quota exceeded"],
        Cause::NoSpace,
        "no room is left on the disk of {repository}; make room, or remove old backups with `backup prune`",
    ),
    (
        &["read-only file system"],
        Cause::ReadOnly,
        "the disk of {repository} can only be read: mount it for writing, or replace it if it is failing",
    ),
    (
        &[
            "unable to open password file",
            "resolving password failed",
            "password file",
            "reading password",
        ],
        Cause::NoKey,
        "the key {key} can't be read; put it back with `backup key set`",
    ),
    (
        &["permission denied", "operation not permitted"],
        Cause::NotAllowed,
        "this user may not use the repository {repository}; run the command as its owner or with sudo, or give it \
         back: sudo chown -R --reference=STATE_FOLDER {repository}",
    ),
    (
        &["already locked", "unable to create lock"],
        Cause::Locked,
        "another program works on the repository {repository}; wait until it has ended",
    ),
    (
        &[
            "unsupported repository version",
            "unknown repository version",
            "repository version",
        ],
        Cause::Newer,
        "the repository {repository} was made by a newer restic; install a newer one (apt upgrade restic)",
    ),
    (
        &[
            "unable to open config file",
            "is there a repository at the following location",
        ],
        Cause::HalfRepository,
        "the repository {repository} is not whole; put a copy of it in its place, or move it away and `backup \
         create` begins a new one",
    ),
    (
        &[
            "mac ",
            "ciphertext",
            "repository contains errors",
            "invalid data",
            "not found in index",
            "not found in repository",
            "no such file or directory",
            "invalid character",
            "unexpected eof",
            "hash does not match",
            "does not exist",
            "not contained in the index",
            "ignoring error for",
            "load <",
            "load(<",
            "there were",
            "checksum",
            "decrypt",
            "corrupt",
            "unmarshal",
            "size mismatch",
            "pack ",
            "tree ",
            "id mismatch",
            "too short",
            "illegal",
            "error loading",
        ],
        Cause::Damaged,
        "the repository {repository} is damaged; what is live is as it was: put a copy of the repository in its \
         place, or move it away and `backup create` begins a new one",
    ),
];

/// What it means that restic failed. `said` are its lines, oldest first.
pub(super) fn translated(said: &[String], ending: &Ending, repository: &Path, key: &Path) -> BackupError {
    let all = said.join("\n").to_lowercase();
    let put_in = |text: &str| {
        text.replace("{repository}", &repository.display().to_string())
            .replace("{key}", &key.display().to_string())
    };
    let meaning = MEANINGS
        .iter()
        .find(|(words, _, _)| words.iter().any(|word| all.contains(word)));
    // Its own words are for those who know it; of many lines the one that says most.
    let own = said
        .iter()
        .find(|line| line.starts_with("Fatal:"))
        .or_else(|| said.iter().find(|line| line.to_lowercase().contains("error")))
        .or(said.last());
    match (meaning, own) {
        (Some((_, cause @ (Cause::Damaged | Cause::Locked), words)), Some(own)) => {
            BackupError::new(*cause, format!("{} (restic: {})", put_in(words), shortened(own)))
        }
        (Some((_, cause, words)), _) => BackupError::new(*cause, put_in(words)),
        (None, _) => BackupError::new(
            Cause::System,
            format!(
                "restic {ending}; look at its words, and at the disk of {}",
                repository.display()
            ),
        ),
    }
}

fn shortened(line: &str) -> String {
    line.trim_start_matches("Fatal: ").chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::process::End;

    #[test]
    fn what_restic_says_becomes_one_line_that_says_what_to_do() {
        let ending = Ending {
            end: End::Code(1),
            last_line: Some("Fatal: something new".to_owned()),
        };
        let of = |said: &str| {
            let said: Vec<_> = said.lines().map(ToOwned::to_owned).collect();
            translated(
                &said,
                &ending,
                Path::new("/b/repository"),
                Path::new("/s/backup.key"),
            )
        };
        // As restic 0.14 says it.
        for (said, cause) in [
            ("Fatal: wrong password or no key found", Cause::WrongKey),
            (
                "Fatal: unable to save snapshot: write /b/tmp: no space left on device",
                Cause::NoSpace,
            ),
            (
                "Fatal: unable to create lock in backend: open /b/locks/1: read-only file system",
                Cause::ReadOnly,
            ),
            (
                "Fatal: unable to create lock in backend: open /b/locks/1: permission denied",
                Cause::NotAllowed,
            ),
            (
                "Fatal: unable to open config file: stat /b/config: no such file or directory\nIs there a repository at the following location?",
                Cause::HalfRepository,
            ),
            (
                "unable to create lock in backend: repository is already locked exclusively by PID 7 on x by y\nlock was created at",
                Cause::Locked,
            ),
            (
                "error for tree 1234: \n  tree 1234: file has been modified\nFatal: repository contains errors",
                Cause::Damaged,
            ),
            (
                "ignoring error for /x: ciphertext verification failed",
                Cause::Damaged,
            ),
            (
                "Resolving password failed: Fatal: /s/backup.key does not exist",
                Cause::NoKey,
            ),
            ("nobody knows these words", Cause::System),
        ] {
            let error = of(said);
            assert_eq!(error.cause, cause, "{said}: {error}");
            assert!(
                !error.to_string().contains('\n') && error.to_string().contains([';', ':']),
                "{error}"
            );
        }
        assert!(of("Fatal: nonsense").to_string().contains("something new"));
    }
}
