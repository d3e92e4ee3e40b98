//! Who owns what in an installation.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Gid, Mode, OFlags, Uid, chownat, fchown, openat};
use rustix::io::Errno;

use super::error::DeployError;
use crate::ops::installation::Installation;

/// The service's user and group.
pub const USER: &str = "billiards-trainer";

/// The numbers of the service's user and group, where this machine knows them and this process may give files away.
#[must_use]
pub fn service_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|l| l.split(':').next() == Some(USER))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Gives a folder with everything in it to the service, where there is such a user.
///
/// # Errors
/// What the system says.
pub fn give(folder: &Path) -> Result<(), DeployError> {
    let Some((user, group)) = service_user() else {
        return Ok(());
    };
    // The folder itself may be a link to another disk; nothing below it is followed.
    match std::fs::canonicalize(folder) {
        Ok(folder) => give_to(&folder, user, group),
        Err(_) => Ok(()),
    }
}

fn give_to(path: &Path, user: u32, group: u32) -> Result<(), DeployError> {
    let failed = |e: Errno| DeployError::io("give away", path, &e.into());
    let to = (Uid::from_raw(user), Gid::from_raw(group));
    match openat(CWD, path, FOLDER, Mode::empty()) {
        Ok(opened) => give_opened(&opened, to).map_err(failed),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            chownat(CWD, path, Some(to.0), Some(to.1), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)
        }
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// A folder that is opened, and no link to one.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What is in it first: as long as it is not theirs, nobody else can put anything in its place. Each folder is gone into by
/// what was opened, not by a path that may lead elsewhere by now.
fn give_opened(folder: &OwnedFd, to: (Uid, Gid)) -> Result<(), Errno> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let given = match openat(folder, name, FOLDER, Mode::empty()) {
            Ok(inner) => give_opened(&inner, to),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                chownat(folder, name, Some(to.0), Some(to.1), AtFlags::SYMLINK_NOFOLLOW)
            }
            Err(error) => Err(error),
        };
        match given {
            // Whoever works there meanwhile has taken it away.
            Err(Errno::NOENT) | Ok(()) => {}
            given => given?,
        }
    }
    fchown(folder, Some(to.0), Some(to.1))
}

/// A folder of an installation: mode, and whether it is the service's own.
struct Wanted {
    path: PathBuf,
    mode: u32,
    service: bool,
    group: bool,
}

fn wanted(place: &Installation) -> [Wanted; 8] {
    let of = |path: &Path, mode, service, group| Wanted {
        path: path.to_owned(),
        mode,
        service,
        group,
    };
    [
        of(place.root(), 0o755, false, false),
        of(&place.releases(), 0o755, false, false),
        of(&place.deploy(), 0o755, false, false),
        of(place.config(), 0o750, false, true),
        of(place.state(), 0o750, true, true),
        of(&place.logs(), 0o750, true, true),
        of(&place.backups(), 0o750, true, true),
        of(&place.secrets(), 0o700, true, true),
    ]
}

/// Makes the folders of an installation that are not there yet, and says which; those that are there stay as they are, or
/// get owner and mode, too, where `all` is said.
///
/// # Errors
/// What the system says.
pub fn make_folders(place: &Installation, all: bool) -> Result<Vec<PathBuf>, DeployError> {
    let mut made = Vec::new();
    for wanted in wanted(place) {
        let path = &wanted.path;
        if !path.is_dir() {
            std::fs::create_dir_all(path).map_err(|e| DeployError::io("make", path, &e))?;
            made.push(path.clone());
        } else if !all {
            continue;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(wanted.mode))
            .map_err(|e| DeployError::io("set the mode of", path, &e))?;
        if let Some((user, group)) = service_user() {
            let (user, group) = (
                if wanted.service { user } else { 0 },
                if wanted.group { group } else { 0 },
            );
            // What a link to another disk leads to.
            chown(path, Some(user), Some(group)).map_err(|e| DeployError::io("give away", path, &e))?;
        }
    }
    Ok(made)
}

/// What is not as it should be with owners and modes, in words.
#[must_use]
pub fn faults(place: &Installation) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut faults = Vec::new();
    let service = service_user();
    for wanted in wanted(place) {
        let shown = wanted.path.display();
        let Ok(meta) = std::fs::metadata(&wanted.path) else {
            faults.push(format!("{shown} is not there"));
            continue;
        };
        let more = meta.mode() & 0o777 & !wanted.mode;
        if more != 0 {
            faults.push(format!(
                "{shown} is open to more than it should be (chmod {:o} {shown})",
                wanted.mode
            ));
        }
        if let Some((user, _)) = service
            && meta.uid() != if wanted.service { user } else { 0 }
        {
            let owner = if wanted.service { USER } else { "root" };
            faults.push(format!("{shown} is not {owner}'s (chown {owner} {shown})"));
        }
    }
    for entry in std::fs::read_dir(place.secrets()).into_iter().flatten().flatten() {
        let open = entry
            .metadata()
            .is_ok_and(|meta| meta.is_file() && meta.mode() & 0o077 != 0);
        // A public key may be read by everybody.
        if open && entry.path().extension().is_none_or(|e| e != "pub") {
            let shown = entry.path();
            faults.push(format!(
                "{0} can be read by others (chmod 600 {0})",
                shown.display()
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_away_is_what_lies_there_and_never_what_a_link_leads_to() {
        use std::os::unix::fs::{MetadataExt as _, symlink};
        if !rustix::process::geteuid().is_root() {
            // Only an administrator gives anything away.
            return;
        }
        let root = std::env::temp_dir().join(format!("billiards-give-{}", std::process::id()));
        let (state, theirs) = (root.join("state"), root.join("theirs"));
        std::fs::create_dir_all(state.join("deep/deeper")).unwrap();
        std::fs::create_dir_all(theirs.join("inside")).unwrap();
        std::fs::write(state.join("deep/deeper/file"), "").unwrap();
        std::fs::write(theirs.join("file"), "").unwrap();
        symlink(&theirs, state.join("deep/folder")).unwrap();
        symlink(theirs.join("file"), state.join("deep/file")).unwrap();
        symlink("nowhere", state.join("lost")).unwrap();
        give_to(&state, 4242, 4343).unwrap();
        let of = |path: &Path| {
            let meta = std::fs::symlink_metadata(path).unwrap();
            (meta.uid(), meta.gid())
        };
        for name in [
            "",
            "deep",
            "deep/deeper",
            "deep/deeper/file",
            "deep/folder",
            "deep/file",
            "lost",
        ] {
            assert_eq!(of(&state.join(name)), (4242, 4343), "{name}");
        }
        for name in ["", "inside", "file"] {
            assert_eq!(of(&theirs.join(name)), (0, 0), "{name}");
        }
        give_to(&root.join("none"), 4242, 4343).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn folders_are_made_closed_and_an_open_secret_is_seen() {
        let root = std::env::temp_dir().join(format!("billiards-owner-{}", std::process::id()));
        let place = Installation::at(&root);
        assert_eq!(faults(&place).len(), 8);
        assert_eq!(make_folders(&place, false).unwrap().len(), 8);
        assert_eq!(
            (make_folders(&place, false).unwrap().len(), faults(&place)),
            (0, Vec::new())
        );
        let key = place.secrets().join("backup.key");
        std::fs::write(&key, "x").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::set_permissions(place.state(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let told = faults(&place).join("\n");
        assert!(
            told.contains("backup.key can be read") && told.contains("chmod 750"),
            "{told}"
        );
        // What somebody set on purpose in an installation that is there stays.
        make_folders(&place, false).unwrap();
        assert_eq!(faults(&place).join("\n"), told);
        make_folders(&place, true).unwrap();
        assert_eq!(faults(&place).len(), 1);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
