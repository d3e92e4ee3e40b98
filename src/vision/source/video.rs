//! Video files and network streams, decoded by the `ffmpeg` program in a child process.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::{FrameSource, SourceError};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};

/// Plays a video in real time, round and round (a file) or as it comes (a stream).
#[derive(Debug)]
pub struct VideoSource {
    /// When the last frame came, for a stream that may fall silent.
    last: Instant,
    rate_hz: Option<f64>,
    child: Child,
    frames: Receiver<(Instant, Vec<u8>)>,
    reader: Option<JoinHandle<()>>,
    size: ImageSize,
    sequence: u64,
    name: String,
}

impl VideoSource {
    /// Starts ffmpeg on a file or URL.
    ///
    /// # Errors
    /// [`SourceError::Failed`] when ffmpeg is missing or can't read it.
    pub fn open(url: &str) -> Result<Self, SourceError> {
        let failed = |what: String| SourceError::Failed(format!("video:{}: {what}", masked(url)));
        let is_stream = url.contains("://");
        if !is_stream && !std::path::Path::new(url).is_file() {
            return Err(failed("there is no such file; check the path".to_owned()));
        }
        let Probed { size, rate_hz } = probe(url).map_err(failed)?;
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error"]);
        if is_stream {
            command.args(["-fflags", "nobuffer"]).args(patience(url));
        } else {
            command.args(["-stream_loop", "-1", "-re"]);
        }
        // NV12 is the decoder's own 4:2:0 with the chroma interleaved: half the bytes of RGB.
        command.args(["-i", url, "-an", "-sn", "-f", "rawvideo", "-pix_fmt", "nv12", "-"]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| {
                failed(format!(
                    "ffmpeg cannot be started ({e}); install the package ffmpeg"
                ))
            })?;
        let Some(mut pipe) = child.stdout.take() else {
            return Err(failed("ffmpeg gives no output".to_owned()));
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
            .map_err(|e| failed(format!("no thread can be started ({e})")));
        let reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                child.kill().ok();
                return Err(error);
            }
        };
        let name = if is_stream {
            masked(url)
        } else {
            format!("video:{url}")
        };
        Ok(Self {
            last: Instant::now(),
            rate_hz,
            child,
            frames,
            reader: Some(reader),
            size,
            sequence: 0,
            name,
        })
    }
}

/// A stream that has given no picture for this long is opened again.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

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

impl FrameSource for VideoSource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        match self.frames.recv_timeout(timeout) {
            Ok((captured, bytes)) => {
                self.last = captured;
                self.sequence += 1;
                Ok(Some(Frame {
                    sequence: self.sequence,
                    captured,
                    size: self.size,
                    format: PixelFormat::Nv12,
                    pixels: Arc::new(bytes),
                    camera: None,
                    truth: None,
                }))
            }
            Err(RecvTimeoutError::Timeout) if self.last.elapsed() > SILENCE_LIMIT => {
                let seconds = SILENCE_LIMIT.as_secs();
                Err(SourceError::Failed(format!(
                    "{}: no picture for {seconds} s",
                    self.name
                )))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(SourceError::Ended(self.name.clone())),
        }
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
        // Both fail only if the child has gone already.
        self.child.kill().ok();
        self.child.wait().ok();
        // Disconnect first, so that a reader waiting to send wakes up.
        self.frames = crossbeam_channel::never();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}

/// What ffprobe says of the first video stream.
struct Probed {
    /// Picture size, even in both directions, turned as it will be decoded.
    size: ImageSize,
    rate_hz: Option<f64>,
}

fn probe(url: &str) -> Result<Probed, String> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0"]);
    if url.contains("://") {
        command.args(patience(url));
    }
    let entries = "stream=width,height,avg_frame_rate:stream_side_data=rotation";
    let output = command
        .args(["-show_entries", entries, "-of", "default=noprint_wrappers=1", url])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("ffprobe cannot be started ({e}); install the package ffmpeg"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |key: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(key)?.strip_prefix('=').map(str::trim))
    };
    let number = |key: &str| value(key).and_then(|v| v.parse::<u32>().ok()).filter(|n| *n > 1);
    let (Some(width), Some(height)) = (number("width"), number("height")) else {
        let reason = String::from_utf8_lossy(&output.stderr);
        let reason = reason
            .lines()
            .last()
            .unwrap_or("no video stream in it")
            .replace(url, "it");
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
