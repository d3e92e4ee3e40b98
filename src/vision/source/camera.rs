//! A camera through nokhwa, on a capture thread of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use nokhwa::Camera;
use nokhwa::pixel_format::RgbFormat;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
};

use v4l::control::{Control, Value};

use super::controls::{Dials, Holder};
use super::{FrameSource, SourceError};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::jpeg::decode_jpeg;

/// Opening a USB camera takes a second or two; longer means it hangs.
const OPEN_LIMIT: Duration = Duration::from_secs(8);
/// A thread that was told to let its camera go does so with the next picture.
const LET_GO_LIMIT: Duration = Duration::from_millis(200);
/// So many pictures in a row that can't be read are a camera in disorder.
const BAD_IN_A_ROW: u32 = 10;

/// The thread in each device's driver, by the device's number. A driver that hangs keeps its thread, and the device open,
/// for ever: no second one is sent after it, so that there are never more of them than devices.
static IN_DRIVER: Mutex<BTreeMap<u32, (JoinHandle<()>, Instant)>> = Mutex::new(BTreeMap::new());

/// What is held of a camera over every time it is opened.
pub type Held = Arc<Mutex<Holder>>;

/// A camera as the system lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraEntry {
    /// What to write after `camera:`.
    pub id: String,
    /// What the maker calls it.
    pub name: String,
}

/// The cameras of this machine, none where there are none or they can't be listed.
#[must_use]
pub fn list_cameras() -> Vec<CameraEntry> {
    // The capture library opens every device node to read its name and may panic on odd ones.
    let found = std::panic::catch_unwind(|| nokhwa::query(ApiBackend::Auto));
    let mut cameras: Vec<CameraEntry> = match found {
        Ok(Ok(list)) => list
            .iter()
            .map(|c| CameraEntry {
                id: c.index().as_string(),
                name: c.human_name(),
            })
            .collect(),
        _ => Vec::new(),
    };
    cameras.sort_by_key(|c| c.id.parse::<u32>().unwrap_or(u32::MAX));
    cameras
}

/// Frames of a camera, newest first: what is not taken in time is replaced.
#[derive(Debug)]
pub struct CameraSource {
    frames: Receiver<Result<Frame, String>>,
    stop: Arc<AtomicBool>,
    rate_hz: f64,
    name: String,
}

impl CameraSource {
    /// Opens a camera by index (`0`) or device path (`/dev/video0`, `/dev/v4l/by-id/…`, looked up anew each time), as close
    /// to the wanted size and rate as it can.
    ///
    /// # Errors
    /// [`SourceError::Failed`] when there is no such camera, it gives no stream, or its driver hangs.
    pub fn open(id: &str, wanted: ImageSize, rate_hz: f64, held: &Held) -> Result<Self, SourceError> {
        let failed = |what: String| SourceError::Failed(format!("camera:{id}: {what}"));
        let index = find(id)?;
        let mut in_driver = IN_DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((thread, since)) = in_driver.remove(&index) {
            let end = Instant::now() + LET_GO_LIMIT;
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !thread.is_finished() {
                let age_s = since.elapsed().as_secs();
                in_driver.insert(index, (thread, since));
                return Err(failed(format!(
                    "its driver does not come back (asked {age_s} s ago); unplug it and plug it in again"
                )));
            }
        }
        let (sender, frames) = bounded(1);
        let (opened_sender, opened) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let thread_stop = Arc::clone(&stop);
        let taker = frames.clone();
        let holder = Arc::clone(held);
        // The thread owns the camera: a driver that hangs blocks only this thread, which is left behind.
        let thread = std::thread::Builder::new()
            .name("camera-device".to_owned())
            .spawn(move || {
                capture(
                    index,
                    wanted,
                    rate_hz,
                    &opened_sender,
                    &sender,
                    &taker,
                    &thread_stop,
                    &holder,
                )
            })
            .map_err(|e| failed(format!("no thread can be started ({e})")))?;
        in_driver.insert(index, (thread, Instant::now()));
        drop(in_driver);
        match opened.recv_timeout(OPEN_LIMIT) {
            Ok(Ok((label, rate_hz))) => Ok(Self {
                frames,
                stop,
                rate_hz,
                name: format!("camera:{id} ({label})"),
            }),
            Ok(Err(reason)) => Err(failed(reason)),
            Err(RecvTimeoutError::Timeout) => {
                stop.store(true, Ordering::Relaxed);
                Err(failed(
                    "does not answer; unplug it and plug it in again".to_owned(),
                ))
            }
            Err(RecvTimeoutError::Disconnected) => Err(failed(
                "its driver failed; unplug it and plug it in again".to_owned(),
            )),
        }
    }
}

impl FrameSource for CameraSource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        match self.frames.recv_timeout(timeout) {
            Ok(Ok(frame)) => Ok(Some(frame)),
            Ok(Err(reason)) => Err(SourceError::Failed(format!("{}: {reason}", self.name))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(SourceError::Failed(format!(
                "{}: disconnected; plug it in again",
                self.name
            ))),
        }
    }

    fn rate_hz(&self) -> Option<f64> {
        Some(self.rate_hz)
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Drop for CameraSource {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The number of a camera that is there.
///
/// # Errors
/// [`SourceError::Failed`] with the cameras that are connected.
pub fn find(id: &str) -> Result<u32, SourceError> {
    let failed = |what: String| SourceError::Failed(format!("camera:{id}: {what}"));
    let Some(index) = device_index(id) else {
        if id.starts_with("/dev/") && !std::path::Path::new(id).exists() {
            return Err(failed("is not connected; plug it in".to_owned()));
        }
        return Err(failed(
            "is no camera; write its number or its device, camera:0 or camera:/dev/video0".to_owned(),
        ));
    };
    if cfg!(target_os = "linux") && !std::path::Path::new(&format!("/dev/video{index}")).exists() {
        let others = list_cameras();
        let others = if others.is_empty() {
            "no camera is connected; plug one in, or use --source virtual".to_owned()
        } else {
            let list: Vec<_> = others
                .iter()
                .map(|c| format!("camera:{} ({})", c.id, c.name))
                .collect();
            format!("connected are {}", list.join(", "))
        };
        return Err(failed(format!("there is no such camera; {others}")));
    }
    Ok(index)
}

fn device_index(id: &str) -> Option<u32> {
    // A lasting link such as /dev/v4l/by-id/… leads to the numbered node.
    let path = std::fs::canonicalize(id).ok();
    let node = path.as_deref().and_then(|p| p.to_str()).unwrap_or(id);
    node.strip_prefix("/dev/video").unwrap_or(node).parse().ok()
}

fn capture(
    index: u32,
    wanted: ImageSize,
    rate_hz: f64,
    opened: &Sender<Result<(String, f64), String>>,
    sender: &Sender<Result<Frame, String>>,
    taker: &Receiver<Result<Frame, String>>,
    stop: &AtomicBool,
    held: &Held,
) {
    let mut camera = match open_stream(index, wanted, rate_hz) {
        Ok(camera) => camera,
        Err(reason) => {
            opened.send(Err(reason)).ok();
            return;
        }
    };
    opened
        .send(Ok((camera.info().human_name(), f64::from(camera.frame_rate()))))
        .ok();
    let mut controls = Controls::of(index);
    controls.tell(held, |holder, dials| holder.opened(dials, Instant::now()));
    let mut sequence = 0;
    let mut bad_in_a_row = 0;
    while !stop.load(Ordering::Relaxed) {
        let result = camera.frame().map_err(|e| e.to_string()).and_then(|buffer| {
            // Decoding takes milliseconds: they count as part of the frame's age.
            let captured = Instant::now();
            let size = ImageSize::new(buffer.resolution().width(), buffer.resolution().height());
            let frame = convert(sequence, size, buffer.source_frame_format(), buffer.buffer())?;
            Ok(Frame { captured, ..frame })
        });
        sequence += 1;
        match result {
            Ok(frame) => {
                bad_in_a_row = 0;
                controls.picture(held, &frame);
                newest(sender, taker, Ok(frame));
            }
            Err(reason) => {
                // A torn frame now and then is the cable's doing; many in a row are a dead camera.
                bad_in_a_row += 1;
                if bad_in_a_row >= BAD_IN_A_ROW {
                    newest(sender, taker, Err(reason));
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// The controls of a camera, through a second opening of its device, which takes no pictures.
struct Controls {
    name: String,
    device: Option<v4l::Device>,
}

impl Controls {
    fn of(index: u32) -> Self {
        Self {
            name: format!("camera:{index}"),
            device: v4l::Device::new(index as usize).ok(),
        }
    }

    fn picture(&mut self, held: &Held, frame: &Frame) {
        if !frame.sequence.is_multiple_of(LOOK_EVERY) {
            return;
        }
        let (brightness, now) = (brightness(frame), Instant::now());
        let step = held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .picture(brightness, now);
        if let Some(step) = step {
            self.tell(held, |holder, dials| holder.take(step, dials, brightness, now));
        }
    }

    fn tell(&mut self, held: &Held, work: impl FnOnce(&mut Holder, &mut Self) -> Vec<String>) {
        let mut holder = held.lock().unwrap_or_else(PoisonError::into_inner);
        for complaint in work(&mut holder, self) {
            tracing::warn!("{}: {complaint}", self.name);
        }
    }
}

impl Dials for Controls {
    fn get(&mut self, id: u32) -> Option<i64> {
        match self.device.as_ref()?.control(id).ok()?.value {
            Value::Integer(value) => Some(value),
            Value::Boolean(value) => Some(i64::from(value)),
            _ => None,
        }
    }

    fn set(&mut self, id: u32, value: i64) -> Result<(), String> {
        let device = self.device.as_ref().ok_or("its controls can't be opened")?;
        // Switches are boolean to some drivers and whole numbers to the kernel, which takes either.
        let control = Control {
            id,
            value: Value::Integer(value),
        };
        device.set_control(control).map_err(|e| e.to_string())
    }
}

/// Pictures between two looks at their brightness.
const LOOK_EVERY: u64 = 15;

/// Mean brightness of a few hundred pixels, 0..255.
fn brightness(frame: &Frame) -> f64 {
    const ACROSS: u32 = 24;
    let (w, h) = (frame.size.width, frame.size.height);
    let sum: u32 = (0..ACROSS * ACROSS)
        .map(|i| frame.rgb((i % ACROSS) * w / ACROSS, (i / ACROSS) * h / ACROSS))
        .map(|[r, g, b]| (u32::from(r) + 2 * u32::from(g) + u32::from(b)) / 4)
        .sum();
    f64::from(sum) / f64::from(ACROSS * ACROSS)
}

/// Puts a frame into the one-place slot, in place of an older one that nobody took.
fn newest(
    sender: &Sender<Result<Frame, String>>,
    taker: &Receiver<Result<Frame, String>>,
    mut item: Result<Frame, String>,
) {
    while let Err(TrySendError::Full(back)) = sender.try_send(item) {
        taker.try_recv().ok();
        item = back;
    }
}

fn open_stream(index: u32, wanted: ImageSize, rate_hz: f64) -> Result<Camera, String> {
    const FORMATS: [FrameFormat; 3] = [FrameFormat::MJPEG, FrameFormat::NV12, FrameFormat::YUYV];
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
    let mut camera = Camera::new(CameraIndex::Index(index), any).map_err(|e| {
        format!(
            "cannot be opened ({e}); is another program using it, and may this user read /dev/video{index}?"
        )
    })?;
    let formats = camera
        .compatible_camera_formats()
        .map_err(|e| format!("does not list its formats ({e})"))?;
    let best = formats
        .into_iter()
        .filter(|f| FORMATS.contains(&f.format()))
        .min_by_key(|f| misfit(f, wanted, rate_hz))
        .ok_or("offers no picture format this program reads (MJPEG, NV12, YUYV)")?;
    camera
        .set_camera_requset(RequestedFormat::new::<RgbFormat>(RequestedFormatType::Exact(
            best,
        )))
        .or_else(|_| {
            camera.set_camera_requset(RequestedFormat::with_formats(
                RequestedFormatType::Exact(best),
                &FORMATS,
            ))
        })
        .map_err(|e| format!("refuses {best} ({e})"))?;
    camera
        .open_stream()
        .map_err(|e| format!("gives no stream ({e})"))?;
    Ok(camera)
}

/// Cost of a format: too slow is worst, then the wrong size, then the order MJPEG < NV12 < YUYV
/// reversed (uncompressed first: no decoding, no artefacts).
fn misfit(format: &CameraFormat, wanted: ImageSize, rate_hz: f64) -> u64 {
    let slow = (rate_hz - f64::from(format.frame_rate())).max(0.0) as u64;
    let size = u64::from(format.resolution().width().abs_diff(wanted.width))
        + u64::from(format.resolution().height().abs_diff(wanted.height));
    let order = match format.format() {
        FrameFormat::YUYV => 0,
        FrameFormat::NV12 => 1,
        _ => 2,
    };
    slow * 1_000_000 + size * 100 + u64::from(format.frame_rate().saturating_sub(rate_hz as u32)) * 3 + order
}

fn convert(sequence: u64, size: ImageSize, format: FrameFormat, bytes: &[u8]) -> Result<Frame, String> {
    match format {
        FrameFormat::YUYV => Frame::new(sequence, size, PixelFormat::Yuyv, bytes.to_vec()),
        FrameFormat::NV12 => Frame::new(sequence, size, PixelFormat::Nv12, bytes.to_vec()),
        FrameFormat::MJPEG => {
            let (size, pixels) = decode_jpeg(bytes)?;
            Frame::new(sequence, size, PixelFormat::Rgb8, pixels).map(|frame| Frame {
                encoded: Some(Arc::new(bytes.to_vec())),
                ..frame
            })
        }
        other => return Err(format!("sends {other}, which this program does not read")),
    }
    .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_not_there_is_named_with_what_is() {
        let wanted = ImageSize::new(1920, 1080);
        let message = CameraSource::open("77", wanted, 30.0, &Held::default())
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("camera:77:") && message.contains("no such camera"),
            "{message}"
        );
        let message = CameraSource::open("front", wanted, 30.0, &Held::default())
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(message.contains("camera:0"), "{message}");
        let gone = "/dev/v4l/by-id/usb-nobody-index0";
        let message = CameraSource::open(gone, wanted, 30.0, &Held::default())
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(message.contains("not connected"), "{message}");
    }

    #[test]
    fn camera_pictures_become_frames_and_damaged_ones_errors() {
        let size = ImageSize::new(16, 8);
        let mut jpeg = Vec::new();
        image::RgbImage::from_pixel(16, 8, image::Rgb([200, 30, 40]))
            .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95))
            .unwrap();
        let frame = convert(3, size, FrameFormat::MJPEG, &jpeg).unwrap();
        assert_eq!(
            (frame.sequence, frame.size, frame.format),
            (3, size, PixelFormat::Rgb8)
        );
        assert!(frame.rgb(8, 4)[0] > 190 && frame.rgb(8, 4)[1] < 45);
        assert!(convert(0, size, FrameFormat::MJPEG, &jpeg[..20]).is_err());
        assert!(convert(0, size, FrameFormat::MJPEG, b"not a jpeg").is_err());
        assert!(
            convert(0, size, FrameFormat::YUYV, &[0; 10])
                .unwrap_err()
                .contains("256")
        );
        assert!(convert(0, size, FrameFormat::GRAY, &[0; 128]).is_err());
    }

    #[test]
    fn the_nearest_format_is_preferred_and_too_slow_is_worst() {
        let wanted = ImageSize::new(1920, 1080);
        let f = |w, h, format, rate| CameraFormat::new_from(w, h, format, rate);
        let formats = [
            f(1920, 1080, FrameFormat::YUYV, 5),
            f(1920, 1080, FrameFormat::MJPEG, 30),
            f(1280, 720, FrameFormat::YUYV, 30),
            f(3840, 2160, FrameFormat::MJPEG, 30),
        ];
        let best = formats.iter().min_by_key(|f| misfit(f, wanted, 30.0)).unwrap();
        assert_eq!(
            (best.format(), best.frame_rate(), best.resolution().width()),
            (FrameFormat::MJPEG, 30, 1920)
        );
    }
}
