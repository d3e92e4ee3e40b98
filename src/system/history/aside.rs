//! Files that can't be used any more are moved out of the way, not deleted.

use std::path::{Path, PathBuf};

/// Files set aside that are kept, the newest.
const KEPT_ASIDE: usize = 2;

/// Moves a file and its write-ahead log out of the way, `history.sqlite.corrupt-20260731T120000Z`; of
/// those moved earlier the newest are kept. Gives the new name.
pub(super) fn set_aside(path: &Path, suffix: &str, stamp: &str) -> std::io::Result<PathBuf> {
    let with = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let mut to = with(&format!(".{suffix}-{stamp}"));
    for again in 1.. {
        if !to.exists() {
            break;
        }
        to = with(&format!(".{suffix}-{stamp}-{again}"));
    }
    std::fs::rename(path, &to)?;
    for end in ["-wal", "-shm"] {
        let mut beside = to.as_os_str().to_owned();
        beside.push(end);
        match std::fs::rename(with(end), beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    drop_oldest(path);
    Ok(to)
}

fn drop_oldest(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let aside = |entry: &std::fs::DirEntry| {
        let entry = entry.file_name();
        let rest = entry.to_str()?.strip_prefix(name)?.strip_prefix('.')?.to_owned();
        let (kind, stamp) = rest.split_once('-')?;
        let whole = matches!(kind, "corrupt" | "newer" | "full")
            && !stamp.ends_with("-wal")
            && !stamp.ends_with("-shm");
        whole.then(|| (stamp.to_owned(), folder.join(&entry)))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| aside(&entry)).collect();
    found.sort();
    found.reverse();
    for (_, old) in found.into_iter().skip(KEPT_ASIDE) {
        for end in ["", "-wal", "-shm"] {
            let mut name = old.as_os_str().to_owned();
            name.push(end);
            std::fs::remove_file(name).ok();
        }
    }
}
