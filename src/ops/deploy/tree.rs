//! Folders copied for good, compared, and exchanged.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::DeployError;

/// Copies a folder with everything in it, owners and modes too, so that it is on the disk when this returns. What stands
/// at `to` is replaced. A folder that is not there is copied as an empty one.
///
/// # Errors
/// What the system says, with the file.
pub fn copy(from: &Path, to: &Path) -> Result<(), DeployError> {
    remove(to)?;
    fs::create_dir_all(to).map_err(|e| DeployError::io("make", to, &e))?;
    if from.exists() {
        copy_into(from, to)?;
    }
    sync_folder(to.parent().unwrap_or(to))
}

fn copy_into(from: &Path, to: &Path) -> Result<(), DeployError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |e: io::Error| DeployError::io("copy", &path, &e)
    };
    for name in names(from)? {
        let (old, new) = (from.join(&name), to.join(&name));
        let meta = match fs::symlink_metadata(&old) {
            // Whoever writes there meanwhile has taken it away.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            meta => meta.map_err(failed(&old))?,
        };
        let kind = meta.file_type();
        if kind.is_symlink() {
            symlink(fs::read_link(&old).map_err(failed(&old))?, &new).map_err(failed(&new))?;
        } else if kind.is_dir() {
            fs::create_dir(&new).map_err(failed(&new))?;
            copy_into(&old, &new)?;
            continue;
        } else if kind.is_file() {
            // With its mode; on some disks nothing is really copied.
            match fs::copy(&old, &new) {
                Err(e) if e.kind() == io::ErrorKind::NotFound && !old.exists() => continue,
                copied => copied.map_err(failed(&old))?,
            };
            let file = File::open(&new).map_err(failed(&new))?;
            let times = fs::FileTimes::new().set_modified(meta.modified().map_err(failed(&old))?);
            // A time that can't be set is no reason not to keep what is in the file.
            drop(file.set_times(times));
            file.sync_all().map_err(failed(&new))?;
        } else {
            // Sockets and pipes are of a running program only.
            continue;
        }
        own_as(&new, &meta)?;
    }
    let meta = fs::metadata(from).map_err(failed(from))?;
    fs::set_permissions(to, meta.permissions()).map_err(failed(to))?;
    own_as(to, &meta)?;
    sync_folder(to)
}

/// Gives a copy to the owner of what it was copied from; only an administrator can, and for others it is theirs.
fn own_as(new: &Path, old: &fs::Metadata) -> Result<(), DeployError> {
    match lchown(new, Some(old.uid()), Some(old.gid())) {
        Err(e) if rustix::process::geteuid().is_root() => Err(DeployError::io("give away", new, &e)),
        _ => Ok(()),
    }
}

/// What tells one content of a folder from another: names, modes, owners and bytes of everything in it.
///
/// # Errors
/// What the system says, with the file.
pub fn digest(folder: &Path) -> Result<String, DeployError> {
    let mut hash = blake3::Hasher::new();
    if folder.exists() {
        digest_into(folder, Path::new(""), &mut hash)?;
    }
    Ok(hash.finalize().to_hex().to_string())
}

fn digest_into(root: &Path, below: &Path, hash: &mut blake3::Hasher) -> Result<(), DeployError> {
    let folder = root.join(below);
    for name in names(&folder)? {
        let (path, shown) = (folder.join(&name), below.join(&name));
        let meta = fs::symlink_metadata(&path).map_err(|e| DeployError::io("read", &path, &e))?;
        let kind = meta.file_type();
        if kind.is_socket() || kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
            continue;
        }
        // Each part ends with what can't stand in it: no two folders sound alike.
        hash.update(shown.as_os_str().as_encoded_bytes());
        hash.update(&[0]);
        hash.update(format!("{:o} {} {}\0", meta.mode(), meta.uid(), meta.gid()).as_bytes());
        if kind.is_dir() {
            digest_into(root, &shown, hash)?;
        } else if kind.is_symlink() {
            let to = fs::read_link(&path).map_err(|e| DeployError::io("read", &path, &e))?;
            hash.update(to.as_os_str().as_encoded_bytes());
        } else {
            hash.update(file_digest(&path)?.as_bytes());
        }
        hash.update(&[0]);
    }
    Ok(())
}

/// The hash of a file.
///
/// # Errors
/// What the system says.
pub fn file_digest(path: &Path) -> Result<blake3::Hash, DeployError> {
    let mut hash = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hash.update_reader(file).map(drop));
    read.map_err(|e| DeployError::io("read", path, &e))?;
    Ok(hash.finalize())
}

/// Bytes that a folder takes.
#[must_use]
pub fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Puts `new` in the place of `old`, and `old` in the place of `new`, in one moment. Where the system can't (one of them is
/// a disk of its own), what is in them is copied.
///
/// # Errors
/// What the system says.
pub fn exchange(old: &Path, new: &Path) -> Result<(), DeployError> {
    if !old.exists() {
        fs::create_dir_all(old).map_err(|e| DeployError::io("make", old, &e))?;
    }
    match renameat_with(CWD, old, CWD, new, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        Err(
            rustix::io::Errno::BUSY
            | rustix::io::Errno::XDEV
            | rustix::io::Errno::INVAL
            | rustix::io::Errno::NOSYS,
        ) => {
            let beside = beside(new, "exchange");
            copy(old, &beside)?;
            empty(old)?;
            copy_into(new, old)?;
            remove(new)?;
            fs::rename(&beside, new).map_err(|e| DeployError::io("move", &beside, &e))?;
        }
        Err(error) => return Err(DeployError::io("exchange", old, &error.into())),
    }
    sync_folder(old.parent().unwrap_or(old))?;
    sync_folder(new.parent().unwrap_or(new))
}

/// A name beside a path for what is not finished yet.
#[must_use]
pub fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{word}"));
    path.with_file_name(name)
}

/// Removes a folder or file with everything in it; one that is not there is removed already.
///
/// # Errors
/// What the system says.
pub fn remove(path: &Path) -> Result<(), DeployError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DeployError::io("remove", path, &error)),
        _ => Ok(()),
    }
}

fn empty(folder: &Path) -> Result<(), DeployError> {
    names(folder)?
        .iter()
        .try_for_each(|name| remove(&folder.join(name)))
}

/// In the same order everywhere.
fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>, DeployError> {
    let read = fs::read_dir(folder).and_then(|all| all.map(|e| e.map(|e| e.file_name())).collect());
    let mut names: Vec<_> = read.map_err(|e| DeployError::io("read", folder, &e))?;
    names.sort();
    Ok(names)
}

/// What was made, renamed or removed in a folder is on the disk when this returns.
///
/// # Errors
/// What the system says; that it can't do this at all is none.
pub fn sync_folder(folder: &Path) -> Result<(), DeployError> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        Err(e) if e.kind() == io::ErrorKind::StorageFull || e.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Err(DeployError::io("write", folder, &e))
        }
        _ => Ok(()),
    }
}

/// A symbolic link is made, or led elsewhere, in one moment.
///
/// # Errors
/// What the system says; the link is then as it was.
pub fn point(link: &Path, to: &Path) -> Result<(), DeployError> {
    if fs::read_link(link).is_ok_and(|now| now == to) {
        return Ok(());
    }
    let new = beside(link, "new");
    remove(&new)?;
    symlink(to, &new).map_err(|e| DeployError::io("make", &new, &e))?;
    fs::rename(&new, link).map_err(|e| {
        drop(fs::remove_file(&new));
        DeployError::io("lead elsewhere", link, &e)
    })?;
    sync_folder(link.parent().unwrap_or(link))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_copy_is_alike_and_every_change_is_seen() {
        let root = std::env::temp_dir().join(format!("billiards-tree-{}", std::process::id()));
        let (a, b) = (root.join("a"), root.join("b"));
        fs::create_dir_all(a.join("deep/empty")).unwrap();
        fs::write(a.join("deep/file"), "one").unwrap();
        fs::set_permissions(a.join("deep/file"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file", a.join("deep/link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(a.join("socket")).unwrap();
        fs::create_dir_all(b.join("old")).unwrap();
        copy(&a, &b).unwrap();
        let same = digest(&a).unwrap();
        assert_eq!(digest(&b).unwrap(), same);
        assert_eq!(size(&b.join("deep/empty")), 0);
        drop(socket);
        let changed: [&dyn Fn(); 6] = [
            &|| fs::write(b.join("deep/file"), "two").unwrap(),
            &|| fs::set_permissions(b.join("deep/file"), fs::Permissions::from_mode(0o644)).unwrap(),
            &|| fs::remove_file(b.join("deep/link")).unwrap(),
            &|| fs::remove_dir(b.join("deep/empty")).unwrap(),
            &|| fs::write(b.join("more"), "").unwrap(),
            &|| fs::rename(b.join("deep"), b.join("Deep")).unwrap(),
        ];
        for (i, change) in changed.iter().enumerate() {
            copy(&a, &b).unwrap();
            change();
            assert_ne!(digest(&b).unwrap(), same, "change {i}");
        }
        let other = digest(&b).unwrap();
        exchange(&a, &b).unwrap();
        assert_eq!((digest(&b).unwrap(), digest(&a).unwrap()), (same, other));
        // None is as good as an empty one.
        copy(&root.join("none"), &b).unwrap();
        assert_eq!(digest(&b).unwrap(), digest(&root.join("none")).unwrap());
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_link_is_led_elsewhere_in_one_moment() {
        let root = std::env::temp_dir().join(format!("billiards-link-{}", std::process::id()));
        for release in ["one", "two"] {
            fs::create_dir_all(root.join(release)).unwrap();
            fs::write(root.join(release).join("file"), release).unwrap();
        }
        let link = root.join("current");
        point(&link, Path::new("one")).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let read = fs::read_to_string(link.join("file")).unwrap();
                    assert!(read == "one" || read == "two");
                }
            });
            for i in 0..300 {
                point(&link, Path::new(["two", "one"][i % 2])).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        // What is no link is left alone.
        assert!(point(&root.join("one"), Path::new("two")).is_err());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 3);
        fs::remove_dir_all(&root).unwrap();
    }
}
