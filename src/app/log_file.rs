//! A log file that a program which runs for months can't fill the disk with.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file with this many bytes is put aside, and the one put aside before it goes.
const LARGEST: u64 = 16 << 20;

/// How often somebody else has put the file aside.
static MOVES: AtomicU32 = AtomicU32::new(0);

/// The next line goes into a new file under the old name: whoever rotates logs has put the present one aside.
pub(super) fn begin_anew() {
    MOVES.fetch_add(1, Ordering::SeqCst);
}

/// Appends to a file, beside which at most one older one (`NAME.1`) is kept.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Devices and pipes are not put aside.
    is_file: bool,
    largest: u64,
    /// Of [`MOVES`], those it knows of.
    moves: u32,
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
            moves: MOVES.load(Ordering::SeqCst),
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
        // Where it can't be opened the log goes on in the one that was put aside.
        let moves = MOVES.load(Ordering::SeqCst);
        if self.is_file
            && std::mem::replace(&mut self.moves, moves) != moves
            && let Ok(new) = Self::open_with(&self.path, self.largest)
        {
            *self = new;
        }
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
    fn a_log_that_was_put_aside_goes_on_under_its_name_and_no_line_is_lost() {
        let folder = std::env::temp_dir().join(format!("billiards-log-aside-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("table.log");
        let mut log = LogFile::open_with(&path, 1 << 20).unwrap();
        writeln!(log, "one").unwrap();
        std::fs::rename(&path, folder.join("table.log-old")).unwrap();
        writeln!(log, "two").unwrap();
        begin_anew();
        writeln!(log, "three").unwrap();
        writeln!(log, "four").unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(
            (read("table.log-old").as_str(), read("table.log").as_str()),
            ("one\ntwo\n", "three\nfour\n")
        );
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
