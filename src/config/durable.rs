//! The one way in which files are written that somebody relies on.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::system::faults::{self, Does};

/// Tells apart what several threads write beside the same file.
static WRITES: AtomicU32 = AtomicU32::new(0);

/// Writes a file so that after a power cut there is either the old one or the new one, whole.
/// Makes its folder where there is none; the new file has the permissions of the old one.
///
/// # Errors
/// What the system says; the old file is then untouched.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(bytes))
}

/// The same for what only this user may read.
///
/// # Errors
/// What the system says; the old file is then untouched.
pub fn write_privately(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    // Whose file it was, or whose folder it is: an administrator may write for the user who runs the service.
    let owner = std::fs::metadata(path)
        .ok()
        .or_else(|| std::fs::metadata(path.parent()?).ok());
    replace(path, |file| {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        if let Some(owner) = &owner {
            // Only an administrator may; for anybody else it is theirs already, or can't be helped.
            drop(fchown(&*file, Some(owner.uid()), Some(owner.gid())));
        }
        file.write_all(bytes)
    })
}

/// The same with what `fill` writes.
fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    if faults::active(Does::FailWrites).is_some() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "that is no name for a file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    let count = WRITES.fetch_add(1, Ordering::Relaxed);
    beside.push(format!(".{}-{count}.new", std::process::id()));
    let beside = folder.join(beside);
    let written = (|| {
        let mut file = create_anew(&beside)?;
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        fill(&mut file)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    if let Err(error) = written {
        // What could not be finished is of no use to anybody.
        drop(std::fs::remove_file(&beside));
        return Err(error);
    }
    // The new name is on the disk only once the folder is. Not every system can do that.
    if let Ok(folder) = File::open(&folder) {
        drop(folder.sync_all());
    }
    Ok(())
}

/// A new file in place of whatever bears its name; a link is removed, never followed: an administrator may write in a
/// folder of somebody else, who can foresee the name.
fn create_anew(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    File::options().write(true).create_new(true).open(path)
}

/// Removes from a folder what processes left that ended in the middle of [`write_durably`]. To be
/// called at the start, before this process writes there: what bears its number is from an
/// earlier one, too. Gives how many were removed.
///
/// # Errors
/// What the system says of the folder; one that is not there has nothing in it.
pub fn sweep_unfinished(folder: &Path) -> io::Result<usize> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(writer_of) else {
            continue;
        };
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && (pid == std::process::id() || !lives(pid)) && std::fs::remove_file(entry.path()).is_ok()
        {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The process that wrote `.name.pid-count.new`, or `.name.pid.new`.
fn writer_of(name: &str) -> Option<u32> {
    let inner = name.strip_prefix('.')?.strip_suffix(".new")?;
    let (file, writer) = inner.rsplit_once('.')?;
    let (pid, count) = writer.split_once('-').unwrap_or((writer, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if file.is_empty() || !digits(pid) || !digits(count) {
        return None;
    }
    pid.parse().ok().filter(|pid| *pid > 0)
}

fn lives(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    // Any other refusal is of a process that is there.
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("billiards-durable-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = folder("whole");
        let path = folder.join("deep/balls.ron");
        write_durably(&path, b"one").unwrap();
        write_durably(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.join("deep")).unwrap().count(), 1);
        // A folder stands where the file should be: told, and left as it is.
        assert!(write_durably(&folder.join("deep"), b"three").is_err());
        assert!(write_durably(Path::new("/"), b"four").is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_disk_that_fills_up_at_any_byte_leaves_the_old_file_whole() {
        let folder = folder("full");
        let path = folder.join("site.ron");
        let (old, new) = (
            b"(api: (port: 8000))",
            b"(api: (port: 9000), table: \"pool-8ft\")",
        );
        write_durably(&path, old).unwrap();
        for room in 0..new.len() {
            let failed = replace(&path, |file| {
                file.write_all(&new[..room])?;
                Err(io::ErrorKind::StorageFull.into())
            });
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
            assert_eq!(std::fs::read(&path).unwrap(), old, "full after {room} bytes");
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "{room}");
        }
        write_durably(&path, new).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), new);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn permissions_stay_as_they_were() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder("mode");
        let path = folder.join("secret.ron");
        write_durably(&path, b"one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        write_durably(&path, b"two").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let folder = folder("link");
        std::fs::create_dir_all(&folder).unwrap();
        let precious = folder.join("precious");
        std::fs::write(&precious, "precious").unwrap();
        // Of the next names one is taken, whatever other tests write meanwhile.
        let next = WRITES.load(Ordering::Relaxed);
        let links: Vec<_> = (next..next + 2000)
            .map(|count| folder.join(format!(".a.ron.{}-{count}.new", std::process::id())))
            .collect();
        for link in &links {
            std::os::unix::fs::symlink(&precious, link).unwrap();
        }
        write_durably(&folder.join("a.ron"), b"new").unwrap();
        assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
        assert_eq!(std::fs::read(folder.join("a.ron")).unwrap(), b"new");
        let left = links.iter().filter(|link| link.is_symlink()).count();
        assert_eq!(left, links.len() - 1, "one was in the way");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn threads_that_write_one_file_at_once_leave_one_of_their_texts() {
        let folder = folder("threads");
        let path = folder.join("a.ron");
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write_durably(path, &[b'a' + thread; 5000]).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read(&path).unwrap();
        assert!(text.len() == 5000 && text.iter().all(|b| *b == text[0]));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_dead_processes_left_is_swept_and_nothing_else() {
        let folder = folder("sweep");
        std::fs::create_dir_all(folder.join(".dir.999999999.new")).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = std::process::id();
        let living = child.id();
        for name in [
            "site.ron".to_owned(),
            ".site.ron.new".to_owned(),
            "x.999999999.new".to_owned(),
            ".x.99-.new".to_owned(),
            format!(".site.ron.{living}-3.new"),
            // These go.
            ".site.ron.999999999.new".to_owned(),
            ".site.ron.999999999-7.new".to_owned(),
            format!(".balls.ron.{own}-0.new"),
        ] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        assert_eq!(sweep_unfinished(&folder).unwrap(), 3);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 6);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(sweep_unfinished(&folder).unwrap(), 1);
        assert_eq!(sweep_unfinished(&folder.join("nowhere")).unwrap(), 0);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
