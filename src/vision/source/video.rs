//! Video files and network streams, decoded by the `ffmpeg` program in a child process.

use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::{FrameSource, Patience, SourceError};
use crate::ops::process::{Program, Running};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};

/// Plays a video in real time, round and round (a file) or as it comes (a stream).
#[derive(Debug)]
pub struct VideoSource {
    patience: Patience,
    rate_hz: Option<f64>,
    child: Running,
    frames: Receiver<(Instant, Vec<u8>)>,
    reader: Option<JoinHandle<()>>,
    size: ImageSize,
    sequence: u64,
    name: String,
    /// When a file that is played once began; its frames are stamped from then on by its own rate.
    stamps: Option<Instant>,
}

impl VideoSource {
    /// Starts ffmpeg on a file or URL.
    ///
    /// # Errors
    /// [`SourceError::Failed`] when ffmpeg is missing or can't read it.
    pub fn open(url: &str) -> Result<Self, SourceError> {
        Self::start(url, false)
    }

    /// Plays a file once, every frame of it, as fast as they are taken, stamped by the file's own rate.
    ///
    /// # Errors
    /// As [`VideoSource::open`].
    pub fn once(file: &str) -> Result<Self, SourceError> {
        Self::start(file, true)
    }

    fn start(url: &str, once: bool) -> Result<Self, SourceError> {
        let failed = |what: String| SourceError::Failed(format!("video:{}: {what}", masked(url)));
        let is_stream = url.contains("://");
        if !is_stream && !std::path::Path::new(url).is_file() {
            return Err(failed("there is no such file; check the path".to_owned()));
        }
        let Probed { size, rate_hz } = probe_once(url).map_err(failed)?;
        let mut program = Program::new("ffmpeg").args(["-nostdin", "-loglevel", "error"]);
        program = if is_stream {
            program.args(["-fflags", "nobuffer"]).args(patience(url))
        } else if once {
            program
        } else {
            program.args(["-stream_loop", "-1", "-re"])
        };
        // NV12 is the decoder's own 4:2:0 with the chroma interleaved: half the bytes of RGB.
        program = program
            .args(["-i", url, "-an", "-sn", "-f", "rawvideo", "-pix_fmt", "nv12", "-"])
            .memory_limit_bytes(MEMORY_LIMIT_BYTES);
        let patience = Patience {
            first: START_LIMIT,
            next: if is_stream { STREAM_SILENCE } else { FILE_SILENCE },
        };
        let name = if is_stream {
            masked(url)
        } else {
            format!("video:{url}")
        };
        let mut source = Self::play(program, patience, size, rate_hz, name)?;
        source.stamps = once.then(Instant::now);
        Ok(source)
    }

    /// Takes NV12 frames of this size from what a program prints.
    ///
    /// # Errors
    /// [`SourceError::Failed`] when it can't be started.
    pub(crate) fn play(
        program: Program,
        patience: Patience,
        size: ImageSize,
        rate_hz: Option<f64>,
        name: String,
    ) -> Result<Self, SourceError> {
        let program = program.output_within(patience.first, patience.next);
        let failed = |what: String| SourceError::Failed(format!("{name}: {what}"));
        let mut child = program.start().map_err(|e| failed(e.to_string()))?;
        let Some(mut pipe) = child.take_output() else {
            return Err(failed(format!("{} gives no output", child.name())));
        };
        let (sender, frames) = bounded(2);
        let reader = std::thread::Builder::new()
            .name("video".to_owned())
            .spawn(move || {
                loop {
                    let mut bytes = vec![0; PixelFormat::Nv12.byte_len(size)];
                    if pipe.read_exact(&mut bytes).is_err() || sender.send((Instant::now(), bytes)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|e| failed(format!("no thread can be started ({e})")))?;
        Ok(Self {
            patience,
            rate_hz,
            child,
            frames,
            reader: Some(reader),
            size,
            sequence: 0,
            name,
            stamps: None,
        })
    }

    /// Why there are no further frames.
    fn end(&mut self) -> SourceError {
        // Its own end first, so that its own reason is told.
        let ending = self.child.wait_until(Instant::now() + END_LIMIT);
        match ending.or_else(|| self.child.stop(Duration::ZERO)) {
            Some(ending) if !ending.is_good() => {
                let what = without_passwords(&ending.to_string());
                SourceError::Failed(format!("{}: {} {what}", self.name, self.child.name()))
            }
            _ => SourceError::Ended(self.name.clone()),
        }
    }
}

/// A stream may take this long to its first picture: it begins with a whole one, which comes every
/// few seconds.
const START_LIMIT: Duration = Duration::from_secs(12);
/// A stream that has given no picture for this long is opened again. Not sooner: a network falters now and then, and a
/// stream that is opened waits for its next whole picture, a second or more.
const STREAM_SILENCE: Duration = Duration::from_secs(2);
/// The same of a file, which plays like a clock.
const FILE_SILENCE: Duration = Duration::from_secs(1);
/// Looking into a video or stream takes no longer than this.
const PROBE_LIMIT: Duration = Duration::from_secs(15);
/// Frames a second of a file that does not tell.
const USUAL_RATE_HZ: f64 = 30.0;
/// Between closing its output and ending a program has this long.
const END_LIMIT: Duration = Duration::from_millis(500);
/// A decoder of 4K pictures in 16 threads holds 0.8 GB. One that leaks ends here, and is opened again.
const MEMORY_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// ffmpeg's own limits for a peer that does not answer, microseconds.
fn patience(url: &str) -> &'static [&'static str] {
    if url.starts_with("rtsp://") {
        &["-rtsp_transport", "tcp", "-timeout", "5000000"]
    } else {
        &["-rw_timeout", "5000000"]
    }
}

/// An address without the password in it: names of sources are shown and logged.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..end).and_then(|host| host.rfind('@')) {
        Some(at) => format!("{scheme}://***{}", rest.get(at..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

/// A message in which any address may stand, without the passwords.
fn without_passwords(text: &str) -> String {
    let words: Vec<_> = text.split(' ').map(masked).collect();
    words.join(" ")
}

impl FrameSource for VideoSource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        match self.frames.recv_timeout(timeout) {
            Ok((captured, bytes)) => {
                self.sequence += 1;
                let period_s = 1.0 / self.rate_hz.unwrap_or(USUAL_RATE_HZ);
                let stamp = self
                    .stamps
                    .map(|start| start + Duration::from_secs_f64(self.sequence as f64 * period_s));
                let captured = stamp.unwrap_or(captured);
                Ok(Some(Frame {
                    sequence: self.sequence,
                    captured,
                    size: self.size,
                    format: PixelFormat::Nv12,
                    pixels: Arc::new(bytes),
                    encoded: None,
                    light: None,
                    camera: None,
                    truth: None,
                }))
            }
            Err(RecvTimeoutError::Timeout) => match self.child.hangs() {
                Some(silence) => Err(SourceError::Failed(format!(
                    "{}: no picture for {:.1} s",
                    self.name,
                    silence.as_secs_f64()
                ))),
                None => Ok(None),
            },
            Err(RecvTimeoutError::Disconnected) => Err(self.end()),
        }
    }

    fn patience(&self) -> Patience {
        self.patience
    }

    fn rate_hz(&self) -> Option<f64> {
        self.rate_hz
    }

    fn is_live(&self) -> bool {
        false
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Drop for VideoSource {
    fn drop(&mut self) {
        // Nothing it does matters any more.
        self.child.stop(Duration::ZERO);
        // Disconnect first, so that a reader waiting to send wakes up.
        self.frames = crossbeam_channel::never();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}

/// What ffprobe says of the first video stream.
#[derive(Clone, Copy, Debug)]
struct Probed {
    /// Picture size, even in both directions, turned as it will be decoded.
    size: ImageSize,
    rate_hz: Option<f64>,
}

/// A file that was looked into, with its length and when it was written.
type Known = (String, u64, SystemTime, Probed);

/// The file that was looked into last: a decoder that died is replaced sooner without asking again.
static LAST_PROBED: Mutex<Option<Known>> = Mutex::new(None);

/// [`probe`], but of a file that has not changed since only once.
fn probe_once(url: &str) -> Result<Probed, String> {
    let written = std::fs::metadata(url).and_then(|m| Ok((m.len(), m.modified()?)));
    let Ok((length, modified)) = written else {
        return probe(url);
    };
    let mut last = LAST_PROBED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some((file, l, m, probed)) if file == url && (*l, *m) == (length, modified) => Ok(*probed),
        _ => {
            let probed = probe(url)?;
            *last = Some((url.to_owned(), length, modified, probed));
            Ok(probed)
        }
    }
}

fn probe(url: &str) -> Result<Probed, String> {
    let mut program = Program::new("ffprobe").args(["-v", "error", "-select_streams", "v:0"]);
    if url.contains("://") {
        program = program.args(patience(url));
    }
    let entries = "stream=width,height,avg_frame_rate:stream_side_data=rotation";
    let finished = program
        .args(["-show_entries", entries, "-of", "default=noprint_wrappers=1", url])
        .run(PROBE_LIMIT)
        .map_err(|e| e.to_string())?;
    let text = finished.text();
    let value = |key: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(key)?.strip_prefix('=').map(str::trim))
    };
    let number = |key: &str| value(key).and_then(|v| v.parse::<u32>().ok()).filter(|n| *n > 1);
    let (Some(width), Some(height)) = (number("width"), number("height")) else {
        let reason = finished.ending.last_line;
        let reason = reason
            .as_deref()
            .unwrap_or("no video stream in it")
            .replace(url, "it");
        let reason = without_passwords(&reason);
        return Err(format!("is not a video ffmpeg can read ({reason})"));
    };
    // Phones mark portrait video with a rotation that ffmpeg applies when it decodes.
    let turned = value("rotation")
        .and_then(|v| v.parse::<f64>().ok())
        .is_some_and(|r| (r / 90.0).abs() % 2.0 == 1.0);
    let (width, height) = if turned { (height, width) } else { (width, height) };
    let rate_hz = value("avg_frame_rate")
        .and_then(|v| v.split_once('/'))
        .and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok()?))
        .filter(|r| (1.0..=1000.0).contains(r));
    Ok(Probed {
        size: ImageSize::new(width & !1, height & !1),
        rate_hz,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        assert_eq!(masked("rtsp://me:secret@cam.local/1"), "rtsp://***@cam.local/1");
        assert_eq!(masked("http://cam.local/a@b"), "http://cam.local/a@b");
        assert_eq!(masked("game.mp4"), "game.mp4");
    }

    /// A source of 2 × 2 pictures (six bytes each) that a script prints.
    fn played(script: &str, start: Duration, silence: Duration) -> VideoSource {
        let program = Program::new("sh").args(["-c", script]);
        let patience = Patience {
            first: start,
            next: silence,
        };
        let size = ImageSize::new(2, 2);
        VideoSource::play(program, patience, size, None, "video:test".to_owned()).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);
    const SOON: Duration = Duration::from_millis(30);

    /// Asks until there is an error, at most a minute.
    fn error_of(source: &mut VideoSource) -> SourceError {
        let deadline = Instant::now() + LONG;
        loop {
            match source.next(Duration::from_millis(5)) {
                Err(error) => return error,
                Ok(_) => assert!(Instant::now() < deadline, "no error within a minute"),
            }
        }
    }

    #[test]
    fn a_program_that_hangs_is_noticed_before_its_first_picture_and_after() {
        let never = &mut played("sleep 1000", SOON, LONG);
        assert!(matches!(error_of(never), SourceError::Failed(t) if t.contains("no picture for")));
        let one = &mut played("printf 123456; sleep 1000", LONG, SOON);
        assert_eq!(one.next(LONG).unwrap().unwrap().pixels.as_slice(), b"123456");
        assert!(matches!(error_of(one), SourceError::Failed(t) if t.contains("no picture for")));
    }

    #[test]
    fn pictures_that_nobody_takes_for_a_while_are_no_silence() {
        let source = &mut played("yes", LONG, SOON);
        for _ in 0..3 {
            source.next(LONG).unwrap().unwrap();
            std::thread::sleep(3 * SOON);
        }
        for _ in 0..10 {
            source.next(LONG).unwrap().unwrap();
        }
    }

    #[test]
    fn how_the_program_ended_is_told_without_passwords() {
        let script = "printf 123456; echo 'rtsp://me:secret@cam.local/1: Connection refused' >&2; exit 1";
        let failed = error_of(&mut played(script, LONG, LONG));
        assert_eq!(
            failed.to_string(),
            "video:test: sh ended with code 1: rtsp://***@cam.local/1: Connection refused"
        );
        let ended = error_of(&mut played("printf 123456", LONG, LONG));
        assert_eq!(ended, SourceError::Ended("video:test".to_owned()));
    }

    #[test]
    fn a_missing_file_and_a_file_that_is_no_video_are_refused() {
        let text = |u: &str| VideoSource::open(u).map(|_| ()).unwrap_err().to_string();
        assert!(text("/nowhere/clip.mp4").contains("no such file"));
        let path = std::env::temp_dir().join(format!("billiards-not-a-video-{}.mp4", std::process::id()));
        std::fs::write(&path, b"not a video").unwrap();
        let message = text(path.to_str().unwrap());
        assert!(
            message.contains("ffmpeg") || message.contains("ffprobe"),
            "{message}"
        );
        std::fs::remove_file(path).unwrap();
    }
}
