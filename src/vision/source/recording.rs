//! A recorded session as a source: the same pictures, the same times between them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{FrameSource, SourceError};
use crate::vision::frame::Frame;
use crate::vision::recording::Reader;

/// How time passes in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayPace {
    /// As it was.
    RealTime,
    /// As fast as somebody takes the pictures; they are stamped as if they had been waited for.
    Fast,
}

/// Plays a recording.
#[derive(Debug)]
pub struct RecordingSource {
    reader: Reader,
    pace: ReplayPace,
    next: usize,
    base: Option<Instant>,
    damaged: usize,
    name: String,
}

impl RecordingSource {
    /// Opens a recording; of a folder, the newest in it.
    ///
    /// # Errors
    /// [`SourceError::Failed`] when it can't be read or holds no picture.
    pub fn open(path: &str, pace: ReplayPace) -> Result<Self, SourceError> {
        let file = newest(Path::new(path));
        let reader = Reader::open(&file).map_err(|e| SourceError::Failed(e.to_string()))?;
        if reader.is_empty() {
            let text = format!("recording:{}: holds no whole picture", file.display());
            return Err(SourceError::Failed(text));
        }
        if !reader.closed_well() {
            tracing::warn!(
                "recording:{} was cut; its {} whole pictures are played",
                file.display(),
                reader.len()
            );
        }
        Ok(Self {
            reader,
            pace,
            next: 0,
            base: None,
            damaged: 0,
            name: format!("recording:{}", file.display()),
        })
    }
}

/// The newest recording of a folder; any other path is taken as it is.
fn newest(path: &Path) -> PathBuf {
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    let newest = files
        .map(|f| f.path())
        .filter(|p| p.extension().is_some_and(|e| e == "btr"))
        .max();
    newest.unwrap_or_else(|| path.to_owned())
}

impl FrameSource for RecordingSource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        let now = Instant::now();
        let base = *self.base.get_or_insert(now);
        let until = now + timeout;
        loop {
            let Some(time) = self.reader.time(self.next) else {
                return Err(SourceError::Ended(self.name.clone()));
            };
            if self.pace == ReplayPace::RealTime {
                let due = base + time;
                std::thread::sleep(due.min(until).saturating_duration_since(Instant::now()));
                if due > until {
                    return Ok(None);
                }
            }
            let frame = self.reader.frame(self.next, base);
            self.next += 1;
            match frame {
                Ok(frame) => return Ok(Some(frame)),
                Err(error) => {
                    self.damaged += 1;
                    if self.damaged == 1 {
                        tracing::warn!("{error}; it and others like it are left out");
                    }
                }
            }
        }
    }

    fn is_live(&self) -> bool {
        false
    }

    fn patience(&self) -> super::Patience {
        // It is as silent as it was then.
        super::Patience {
            first: Duration::MAX,
            next: Duration::MAX,
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
