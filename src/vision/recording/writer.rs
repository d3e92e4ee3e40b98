//! Writes a recording beside the frame path.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::format::{
    Entry, Header, Layout, RecordHead, RecordKind, TAIL_MAGIC, camera_bytes, file_head, index_bytes,
    light_bytes,
};
use super::keep::{EXTENSION, Limits, make_room};
use crate::calibration::CameraModel;
use crate::system::faults::{self, Does};
use crate::vision::frame::Frame;
use crate::vision::light::Light;

/// Pictures that wait for the disk: half a second, 75 MB of uncompressed ones.
const QUEUE: usize = 12;
/// What was written is on the disk for sure after so long.
const SYNC_EVERY: Duration = Duration::from_secs(2);
/// Room is looked after this often.
const ROOM_EVERY: Duration = Duration::from_secs(2);
/// It is told this often that pictures are left out.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How a recording goes, shared with its thread.
#[derive(Debug, Default)]
pub struct RecorderStatus {
    /// Pictures on the disk.
    pub recorded: AtomicU64,
    /// Pictures left out because the disk was too slow.
    pub left_out: AtomicU64,
    /// Bytes of the file.
    pub bytes: AtomicU64,
    stopped: Mutex<Option<String>>,
}

impl RecorderStatus {
    /// Why nothing is recorded any more.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn stop(&self, why: String) {
        tracing::warn!("{why}");
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// Records pictures. Never waits: what the disk can't take in time is left out, counted and told.
#[derive(Debug)]
pub struct Recorder {
    pictures: Option<Sender<Frame>>,
    status: Arc<RecorderStatus>,
    base: Arc<OnceLock<Instant>>,
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins a recording in a folder, which is made if it is not there. Older ones there are removed when room is needed.
    ///
    /// # Errors
    /// One line: what could not be made, and why.
    pub fn start(folder: &Path, mut header: Header, limits: Limits) -> Result<Self, String> {
        let failed = |e: io::Error| {
            format!(
                "can't record into {}: {e}; choose another folder",
                folder.display()
            )
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let now = time::OffsetDateTime::now_utc();
        header.began = now
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_default();
        header.program = format!("billiards-trainer {}", env!("CARGO_PKG_VERSION"));
        let (path, file) = new_file(folder, now).map_err(failed)?;
        let head = file_head(&header).map_err(|e| failed(e.into()))?;
        let (pictures, waiting) = bounded(QUEUE);
        let status = Arc::new(RecorderStatus::default());
        let base = Arc::new(OnceLock::new());
        let mut writer = Writer {
            file,
            path: path.clone(),
            folder: folder.to_owned(),
            limits,
            at: 0,
            entries: Vec::new(),
            camera: None,
            camera_offset: 0,
            light: None,
            light_offset: 0,
            base: Arc::clone(&base),
            status: Arc::clone(&status),
        };
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&head, &waiting))
            .map_err(failed)?;
        Ok(Self {
            pictures: Some(pictures),
            status,
            base,
            path,
            thread: Some(thread),
        })
    }

    /// Takes a picture, if there is room for it in the queue.
    pub fn record(&self, frame: &Frame) {
        let Some(pictures) = &self.pictures else { return };
        self.base.get_or_init(|| frame.captured);
        // What is true of it is not the camera's to know.
        let frame = Frame {
            truth: None,
            ..frame.clone()
        };
        if let Err(TrySendError::Full(_)) = pictures.try_send(frame) {
            self.status.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How it goes.
    #[must_use]
    pub const fn status(&self) -> &Arc<RecorderStatus> {
        &self.status
    }

    /// When the first picture was taken, from which all times count; for whoever hands the recorder on.
    #[must_use]
    pub fn base_cell(&self) -> Arc<OnceLock<Instant>> {
        Arc::clone(&self.base)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Recorder {
    /// Writes what waits and closes the file in good order.
    fn drop(&mut self) {
        self.pictures = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A file that was not there before, named after the time.
fn new_file(folder: &Path, now: time::OffsetDateTime) -> io::Result<(PathBuf, File)> {
    let name = format!(
        "{:04}-{:02}-{:02}T{:02}{:02}{:02}Z",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    );
    let mut number = 1;
    loop {
        let suffix = if number == 1 {
            String::new()
        } else {
            format!("-{number}")
        };
        let path = folder.join(format!("{name}{suffix}.{EXTENSION}"));
        let made = File::options().write(true).create_new(true).open(&path);
        match made {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
            made => return made.map(|file| (path, file)),
        }
    }
}

fn is_same<T: PartialEq>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (None, None) => true,
        _ => false,
    }
}

/// The side thread's half.
struct Writer {
    file: File,
    path: PathBuf,
    folder: PathBuf,
    limits: Limits,
    at: u64,
    entries: Vec<Entry>,
    camera: Option<Arc<CameraModel>>,
    /// Offset of the record of `camera`; 0 before the first.
    camera_offset: u64,
    light: Option<Arc<Light>>,
    light_offset: u64,
    base: Arc<OnceLock<Instant>>,
    status: Arc<RecorderStatus>,
}

/// Why a recording ends before its source.
enum Stop {
    Full,
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Writer {
    fn run(&mut self, head: &[u8], waiting: &Receiver<Frame>) {
        if let Err(stop) = self.record(head, waiting) {
            let path = self.path.display();
            self.status.stop(match stop {
                Stop::Full => format!(
                    "recording has stopped: {path} alone fills the {:.1} GB that recordings may take, or the disk; \
                     raise recording.limit_gb, or move recordings away",
                    self.limits.total_bytes as f64 / 1e9
                ),
                Stop::Failed(e) => {
                    format!("recording has stopped: {path} can't be written ({e}); free space or check the disk")
                }
            });
        }
        // What was recorded so far is whole either way; the index only makes opening it quick.
        if let Err(error) = self.close() {
            tracing::debug!("{}: no index could be written: {error}", self.path.display());
        }
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        tracing::info!(
            "recorded {} pictures, {:.1} MB, {} left out: {}",
            count(&self.status.recorded),
            self.at as f64 / 1e6,
            count(&self.status.left_out),
            self.path.display()
        );
    }

    fn record(&mut self, head: &[u8], waiting: &Receiver<Frame>) -> Result<(), Stop> {
        self.make_room()?;
        self.write(head)?;
        let (mut synced, mut looked, mut told) = (Instant::now(), Instant::now(), None::<Instant>);
        let mut left_out = 0;
        for frame in waiting {
            self.picture(&frame)?;
            drop(frame);
            if synced.elapsed() >= SYNC_EVERY {
                self.file.sync_data()?;
                // Nobody reads it soon: it need not push out what others have in memory.
                rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed).ok();
                synced = Instant::now();
            }
            if looked.elapsed() >= ROOM_EVERY {
                self.make_room()?;
                looked = Instant::now();
            }
            let now_left_out = self.status.left_out.load(Ordering::Relaxed);
            if now_left_out > left_out && told.is_none_or(|t| t.elapsed() >= TELL_EVERY) {
                tracing::warn!(
                    "the disk is too slow: {} pictures are not in the recording {}",
                    now_left_out - left_out,
                    self.path.display()
                );
                (left_out, told) = (now_left_out, Some(Instant::now()));
            }
        }
        Ok(())
    }

    fn make_room(&self) -> Result<(), Stop> {
        if make_room(&self.folder, &self.path, self.limits)? {
            return Ok(());
        }
        Err(Stop::Full)
    }

    fn picture(&mut self, frame: &Frame) -> io::Result<()> {
        if !is_same(self.camera.as_ref(), frame.camera.as_ref()) {
            let payload = frame.camera.as_ref().map(|c| camera_bytes(c)).unwrap_or_default();
            self.camera_offset = self.append(RecordHead::plain(RecordKind::Camera, &payload), &payload)?;
            self.camera.clone_from(&frame.camera);
        }
        if !is_same(self.light.as_ref(), frame.light.as_ref()) {
            let payload = frame.light.as_ref().map(|l| light_bytes(l)).unwrap_or_default();
            self.light_offset = self.append(RecordHead::plain(RecordKind::Light, &payload), &payload)?;
            self.light.clone_from(&frame.light);
        }
        let base = *self.base.get_or_init(|| frame.captured);
        let ns = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
        let t_ns = match frame.captured.checked_duration_since(base) {
            Some(after) => ns(after),
            None => -ns(base.saturating_duration_since(frame.captured)),
        };
        let (layout, payload) = match &frame.encoded {
            Some(jpeg) => (Layout::Jpeg, jpeg.as_slice()),
            None => (Layout::Raw(frame.format), frame.pixels.as_slice()),
        };
        let head = RecordHead {
            layout,
            size: frame.size,
            sequence: frame.sequence,
            t_ns,
            ..RecordHead::plain(RecordKind::Frame, payload)
        };
        let offset = self.append(head, payload)?;
        self.entries.push(Entry {
            offset,
            camera_offset: self.camera_offset,
            light_offset: self.light_offset,
            t_ns,
        });
        self.status.recorded.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Adds a record; gives where it begins.
    fn append(&mut self, head: RecordHead, payload: &[u8]) -> io::Result<u64> {
        let offset = self.at;
        self.write(&head.to_bytes())?;
        self.write(payload)?;
        Ok(offset)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if faults::active(Does::FailWrites).is_some() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all(bytes)?;
        self.at += bytes.len() as u64;
        self.status.bytes.store(self.at, Ordering::Relaxed);
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let payload = index_bytes(&self.entries);
        let offset = self.append(RecordHead::plain(RecordKind::Index, &payload), &payload)?;
        let mut tail = offset.to_le_bytes().to_vec();
        tail.extend(TAIL_MAGIC);
        self.write(&tail)?;
        self.file.sync_all()
    }
}
