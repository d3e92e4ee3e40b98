//! Folders copied for good, compared, and exchanged.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, fchown, lchown, symlink};
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
    let opened = File::open(from).map_err(|e| DeployError::io("copy", from, &e))?;
    copy_opened(&opened, from, to)
}

/// Copies what is in a folder that is opened: whoever owns what is above it can't lead this elsewhere meanwhile.
fn copy_opened(folder: &File, shown: &Path, to: &Path) -> Result<(), DeployError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |e: io::Error| DeployError::io("copy", &path, &e)
    };
    let from = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    for name in names(&from)? {
        let (old, shown, new) = (from.join(&name), shown.join(&name), to.join(&name));
        let meta = match fs::symlink_metadata(&old) {
            // Whoever writes there meanwhile has taken it away.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            meta => meta.map_err(failed(&shown))?,
        };
        let kind = meta.file_type();
        if kind.is_symlink() {
            let to = match fs::read_link(&old) {
                // No link any more.
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                    continue;
                }
                to => to.map_err(failed(&shown))?,
            };
            symlink(to, &new).map_err(failed(&new))?;
            own_as(&new, &meta)?;
        } else if kind.is_dir() || kind.is_file() {
            match open_plain(&old).and_then(|old| Ok((old.metadata()?, old))) {
                Ok((meta, inner)) if meta.is_dir() => {
                    fs::create_dir(&new).map_err(failed(&new))?;
                    copy_opened(&inner, &shown, &new)?;
                }
                Ok((meta, file)) if meta.is_file() => copy_file(file, &meta, &new).map_err(failed(&shown))?,
                // Sockets and pipes are of a running program only.
                Ok(_) => {}
                // It is gone, or a link by now.
                Err(e) if e.kind() == io::ErrorKind::NotFound || is_link(&e) => {}
                Err(error) => return Err(failed(&shown)(error)),
            }
        }
    }
    let meta = folder.metadata().map_err(failed(shown))?;
    fs::set_permissions(to, meta.permissions()).map_err(failed(to))?;
    own_as(to, &meta)?;
    sync_folder(to)
}

/// Copies a file with its mode, owner and time.
fn copy_file(mut from: File, meta: &fs::Metadata, new: &Path) -> io::Result<()> {
    // Closed until all is in it.
    let mut to = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    io::copy(&mut from, &mut to)?;
    own_as_of(fchown(&to, Some(meta.uid()), Some(meta.gid())))?;
    to.set_permissions(meta.permissions())?;
    // A time that can't be set is no reason not to keep what is in the file.
    drop(to.set_times(fs::FileTimes::new().set_modified(meta.modified()?)));
    to.sync_all()
}

/// Opens what is no link, and waits for nobody where it is a pipe.
fn open_plain(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// What was opened for was a link.
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Gives a copy to the owner of what it was copied from.
fn own_as(new: &Path, old: &fs::Metadata) -> Result<(), DeployError> {
    own_as_of(lchown(new, Some(old.uid()), Some(old.gid())))
        .map_err(|e| DeployError::io("give away", new, &e))
}

/// Only an administrator can give away, and for others it is theirs.
fn own_as_of(given: io::Result<()>) -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        given
    } else {
        Ok(())
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
            by_copy(old, new, usize::MAX)?;
        }
        Err(error) => return Err(DeployError::io("exchange", old, &error.into())),
    }
    sync_folder(old.parent().unwrap_or(old))?;
    sync_folder(new.parent().unwrap_or(new))
}

/// Where what was at `old` lies, whole, while it is exchanged with what is at `new` by copying.
#[must_use]
pub fn exchanged(new: &Path) -> PathBuf {
    beside(new, "exchange")
}

/// An exchange between two disks. Cut off after any step and begun again, it loses nothing: what was at `old` lies whole
/// beside `new` before anything of it is touched, and what is at `new` is removed once it is whole at `old`.
pub(super) fn by_copy(old: &Path, new: &Path, steps: usize) -> Result<(), DeployError> {
    let saved = exchanged(new);
    let part = beside(&saved, "part");
    let there = saved.exists();
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).map_err(|e| DeployError::io("move", from, &e))?;
        sync_folder(to.parent().unwrap_or(to))
    };
    let all: [&dyn Fn() -> Result<(), DeployError>; 6] = [
        &|| if there { Ok(()) } else { copy(old, &part) },
        &|| if there { Ok(()) } else { rename(&part, &saved) },
        &|| empty(old),
        &|| copy_into(new, old),
        &|| remove(new),
        &|| rename(&saved, new),
    ];
    all.iter().take(steps).try_for_each(|step| step())
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
    fn a_link_put_in_the_place_of_a_file_is_never_followed() {
        let root = std::env::temp_dir().join(format!("billiards-follow-{}", std::process::id()));
        drop(fs::remove_dir_all(&root));
        let (state, theirs) = (root.join("state"), root.join("theirs"));
        fs::create_dir_all(&state).unwrap();
        fs::create_dir_all(&theirs).unwrap();
        fs::write(theirs.join("file"), "secret").unwrap();
        // Somebody changes what is a file and what is a folder into links and back, as fast as can be.
        let done = std::sync::atomic::AtomicBool::new(false);
        let swapped = |name: &str, to: &Path| {
            drop(symlink(to, state.join(name)));
            drop(fs::remove_file(state.join(name)));
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    swapped("one", &theirs.join("file"));
                    fs::write(state.join("one"), "own").unwrap();
                    fs::remove_file(state.join("one")).unwrap();
                    swapped("two", &theirs);
                    fs::create_dir(state.join("two")).unwrap();
                    fs::remove_dir(state.join("two")).unwrap();
                }
            });
            for i in 0..400 {
                let new = root.join("new");
                drop(fs::remove_dir_all(&new));
                fs::create_dir(&new).unwrap();
                copy_into(&state, &new).unwrap();
                let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink());
                let one = new.join("one");
                let leaked = !is_link(&one) && fs::read_to_string(&one).is_ok_and(|text| text == "secret");
                let two = new.join("two");
                let leaked = leaked || !is_link(&two) && two.join("file").exists();
                if leaked {
                    done.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                assert!(!leaked, "at copy {i}");
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        // A link itself, opened as what it was taken for.
        symlink(theirs.join("file"), root.join("link")).unwrap();
        assert!(is_link(&open_plain(&root.join("link")).unwrap_err()));
        assert!(
            open_plain(&theirs.join("file"))
                .unwrap()
                .metadata()
                .unwrap()
                .is_file()
        );
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
