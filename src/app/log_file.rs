//! A log file that a program which runs for months can't fill the disk with.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file with this many bytes is put aside, and the one put aside before it goes.
const LARGEST: u64 = 16 << 20;

/// Appends to a file, beside which at most one older one (`NAME.1`) is kept.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Devices and pipes are not put aside.
    is_file: bool,
    largest: u64,
}

impl LogFile {
    /// Goes on with the file at `path`, or begins one.
    ///
    /// # Errors
    /// When it can't be opened for writing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, LARGEST)
    }

    fn open_with(path: &Path, largest: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let about = file.metadata()?;
        Ok(Self {
            bytes: about.len(),
            is_file: about.is_file(),
            path: path.to_owned(),
            file,
            largest,
        })
    }

    fn put_aside(&mut self) -> io::Result<()> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(".1");
        std::fs::rename(&self.path, aside)?;
        *self = Self::open_with(&self.path, self.largest)?;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes >= self.largest && self.put_aside().is_err() {
            // Where that is not allowed the log goes on, and is tried again a file's length later.
            self.bytes = 0;
        }
        let written = self.file.write(line)?;
        if self.is_file {
            self.bytes += written as u64;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_never_takes_more_than_two_files_and_loses_no_line_of_them() {
        let folder = std::env::temp_dir().join(format!("billiards-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("table.log");
        let mut log = LogFile::open_with(&path, 1000).unwrap();
        for line in 0..500 {
            writeln!(log, "line {line:04}").unwrap();
        }
        // It goes on where it was after the program was started again.
        let mut log = LogFile::open_with(&path, 1000).unwrap();
        writeln!(log, "line 0500").unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let text = read("table.log.1") + &read("table.log");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        assert!(text.len() < 2100 && text.ends_with("line 0500\n"));
        let numbers: Vec<u32> = text.lines().map(|l| l[5..].parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1) && numbers.len() > 100);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_device_is_written_to_and_never_moved() {
        let mut log = LogFile::open_with(Path::new("/dev/null"), 10).unwrap();
        for _ in 0..5 {
            log.write_all(b"twenty bytes of a log").unwrap();
        }
        assert!(Path::new("/dev/null").exists() && log.bytes == 0);
    }
}
