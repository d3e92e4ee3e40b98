//! The one way in which files are written that somebody relies on.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file so that after a power cut there is either the old one or the new one, whole.
/// Makes its folder where there is none.
///
/// # Errors
/// What the system says; the old file is then untouched.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "that is no name for a file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.new", std::process::id()));
    let beside = folder.join(beside);
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = std::env::temp_dir().join(format!("billiards-durable-{}", std::process::id()));
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
}
