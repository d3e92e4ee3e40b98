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
        let failed = |what: String| SourceError::Failed(format!("video:{url}: {what}"));
        let is_stream = url.contains("://");
        if !is_stream && !std::path::Path::new(url).is_file() {
            return Err(failed("there is no such file; check the path".to_owned()));
        }
        let size = probe(url).map_err(failed)?;
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error"]);
        if is_stream {
            command.args(["-fflags", "nobuffer"]);
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
            .map_err(|e| failed(format!("no thread can be started ({e})")))?;
        let name = if is_stream {
            url.to_owned()
        } else {
            format!("video:{url}")
        };
        Ok(Self {
            child,
            frames,
            reader: Some(reader),
            size,
            sequence: 0,
            name,
        })
    }
}

impl FrameSource for VideoSource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        match self.frames.recv_timeout(timeout) {
            Ok((captured, bytes)) => {
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
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(SourceError::Ended(self.name.clone())),
        }
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

/// Picture size of the first video stream, even in both directions.
fn probe(url: &str) -> Result<ImageSize, String> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=width,height",
            "-of",
            "csv=p=0",
            url,
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("ffprobe cannot be started ({e}); install the package ffmpeg"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text
        .lines()
        .next()
        .unwrap_or_default()
        .split(',')
        .map(|n| n.trim().parse::<u32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(width)), Some(Ok(height))) if width > 1 && height > 1 => {
            // Phones mark portrait video with a rotation that ffmpeg applies when it decodes.
            let (width, height) = if is_turned(url) {
                (height, width)
            } else {
                (width, height)
            };
            Ok(ImageSize::new(width & !1, height & !1))
        }
        _ => {
            let reason = String::from_utf8_lossy(&output.stderr);
            let reason = reason.lines().last().unwrap_or("no video stream in it");
            Err(format!("is not a video ffmpeg can read ({reason})"))
        }
    }
}

fn is_turned(url: &str) -> bool {
    Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "side_data=rotation",
            "-of",
            "csv=p=0",
            url,
        ])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|o| {
            String::from_utf8_lossy(&o.stdout)
                .lines()
                .any(|l| l.trim().trim_matches(',').ends_with("90"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

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
