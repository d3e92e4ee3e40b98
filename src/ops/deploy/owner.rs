//! Who owns what in an installation.

use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

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
    give_to(folder, user, group)
}

fn give_to(path: &Path, user: u32, group: u32) -> Result<(), DeployError> {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    lchown(path, Some(user), Some(group)).map_err(|e| DeployError::io("give away", path, &e))?;
    if meta.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|e| DeployError::io("read", path, &e))?;
        for entry in entries.flatten() {
            give_to(&entry.path(), user, group)?;
        }
    }
    Ok(())
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
            lchown(path, Some(user), Some(group)).map_err(|e| DeployError::io("give away", path, &e))?;
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
