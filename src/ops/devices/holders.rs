//! Which programs have a device or socket open.

use std::path::Path;

use serde::Serialize;

/// A program that has something open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Its name, as the system shortens it (15 letters).
    pub program: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.program, self.pid)
    }
}

/// The programs found, other than this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holders {
    /// In order of their numbers.
    pub found: Vec<Holder>,
    /// Every program could be looked at; false where some belong to other users.
    pub all_seen: bool,
}

impl Holders {
    /// `cheese (pid 812), vlc (pid 900)`; none where nobody was found.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let words: Vec<_> = self.found.iter().map(ToString::to_string).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// Who has a file open that `wanted` knows by what its descriptor leads to: `/dev/video0`,
/// `socket:[4711]`.
#[must_use]
pub fn holders_of(wanted: impl Fn(&Path) -> bool) -> Holders {
    among(Path::new("/proc"), std::process::id(), wanted)
}

fn among(processes: &Path, own_pid: u32, wanted: impl Fn(&Path) -> bool) -> Holders {
    let mut holders = Holders {
        found: Vec::new(),
        all_seen: true,
    };
    let Ok(folders) = std::fs::read_dir(processes) else {
        holders.all_seen = false;
        return holders;
    };
    for folder in folders.flatten() {
        let Some(pid) = folder.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        if pid == own_pid {
            continue;
        }
        match std::fs::read_dir(folder.path().join("fd")) {
            Ok(descriptors) => {
                let holds = descriptors
                    .flatten()
                    .filter_map(|d| std::fs::read_link(d.path()).ok())
                    .any(|target| wanted(&target));
                if holds {
                    let program = std::fs::read_to_string(folder.path().join("comm"));
                    holders.found.push(Holder {
                        pid,
                        program: program.map_or_else(|_| "a program".to_owned(), |p| p.trim().to_owned()),
                    });
                }
            }
            // Ended meanwhile: it holds nothing any more.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => holders.all_seen = false,
        }
    }
    holders.found.sort_by_key(|h| h.pid);
    holders
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn programs_are_found_by_what_they_have_open() {
        let root = std::env::temp_dir().join(format!("billiards-holders-{}", std::process::id()));
        let process = |pid: &str, name: &str, target: &str| {
            std::fs::create_dir_all(root.join(pid).join("fd")).unwrap();
            std::fs::write(root.join(pid).join("comm"), format!("{name}\n")).unwrap();
            symlink(target, root.join(pid).join("fd/3")).unwrap();
        };
        process("900", "vlc", "/dev/video0");
        process("81", "cheese", "/dev/video0");
        process("82", "editor", "/dev/video10");
        process("7", "ourselves", "/dev/video0");
        std::fs::create_dir_all(root.join("90")).unwrap();
        std::fs::create_dir_all(root.join("sys")).unwrap();
        let found = among(&root, 7, |p| p == Path::new("/dev/video0"));
        assert_eq!(found.in_words().unwrap(), "cheese (pid 81), vlc (pid 900)");
        assert!(found.all_seen);
        // A folder of descriptors that can't be read is not taken for an empty one.
        std::fs::write(root.join("90/fd"), "").unwrap();
        assert!(!among(&root, 7, |_| false).all_seen);
        assert_eq!(among(Path::new("/nowhere"), 7, |_| true), Holders::default());
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_real_holder_is_seen() {
        let path = std::env::temp_dir().join(format!("billiards-held-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let script = format!("exec 3<{}; echo ready; sleep 1000", path.display());
        let mut child = crate::ops::process::Program::new("sh")
            .args(["-c", &script])
            .start()
            .unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(&mut child.take_output().unwrap(), &mut ready).unwrap();
        let found = holders_of(|p| p == path).found;
        assert!(found.iter().any(|h| h.pid == child.pid()), "{found:?}");
        drop(child);
        std::fs::remove_file(path).unwrap();
    }
}
