//! A camera that goes wrong on purpose, as a fault script (or a test) says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{FrameSource, Patience, SourceError};
use crate::system::faults::{Does, active};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};

/// The device while nobody has it open: it stays the same one, whether it is plugged in or not.
pub type Kept = Arc<Mutex<Option<Box<dyn FrameSource>>>>;

/// Says whether a fault of this kind holds right now, and its size.
pub type Asked = Arc<dyn Fn(Does) -> Option<f64> + Send + Sync>;

/// Any source, with the faults put on it that somebody asked for.
pub struct FaultySource {
    inner: Option<Box<dyn FrameSource>>,
    kept: Kept,
    asked: Asked,
    frozen: Option<Frame>,
    count: u64,
}

impl FaultySource {
    /// What the fault script of this run asks for.
    #[must_use]
    pub fn script() -> Asked {
        Arc::new(active)
    }

    /// Opens what `open` opens, unless the camera is unplugged.
    ///
    /// # Errors
    /// That of `open`, or that it is unplugged.
    pub fn open(
        open: impl FnOnce() -> Result<Box<dyn FrameSource>, SourceError>,
        kept: &Kept,
        asked: &Asked,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        if asked(Does::LoseCamera).is_some() {
            return Err(unplugged());
        }
        let inner = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let inner = inner.map_or_else(open, Ok)?;
        Ok(Box::new(Self {
            inner: Some(inner),
            kept: Arc::clone(kept),
            asked: Arc::clone(asked),
            frozen: None,
            count: 0,
        }))
    }

    fn has(&self, does: Does) -> bool {
        (self.asked)(does).is_some()
    }

    /// The frame with what is to be done to its picture.
    fn spoilt(&mut self, frame: Frame) -> Option<Frame> {
        self.count += 1;
        if self.has(Does::FreezePicture) {
            let frozen = self.frozen.get_or_insert_with(|| frame.clone());
            return Some(Frame {
                sequence: frame.sequence,
                captured: frame.captured,
                ..frozen.clone()
            });
        }
        self.frozen = None;
        let mut random = fastrand::Rng::with_seed(self.count);
        let mut painted = |low: u8, high: u8| {
            let bytes = (0..frame.size.pixels() * 3)
                .map(|_| random.u8(low..=high))
                .collect();
            let picture = Frame::new(frame.sequence, frame.size, PixelFormat::Rgb8, bytes);
            picture.ok().map(|p| Frame {
                captured: frame.captured,
                camera: frame.camera.clone(),
                ..p
            })
        };
        if self.has(Does::BlackPicture) {
            return painted(0, 6);
        }
        if self.has(Does::WhitePicture) {
            return painted(253, 255);
        }
        if self.has(Does::NoisePicture) {
            return painted(0, 255);
        }
        if self.has(Does::TruncateFrames) {
            let length = frame.pixels.len() * 2 / 3;
            let pixels = Arc::new(frame.pixels.get(..length)?.to_vec());
            let encoded = None;
            return Some(Frame {
                pixels,
                encoded,
                ..frame
            });
        }
        if self.has(Does::ChangeFormat) {
            return smaller(&frame);
        }
        if self.has(Does::BadFrames) && self.count.is_multiple_of(2) {
            let size = ImageSize::new(frame.size.width / 2, frame.size.height / 2);
            let length = frame.format.byte_len(size);
            let pixels = frame.pixels.get(..length)?.to_vec();
            return Frame::new(frame.sequence, size, frame.format, pixels).ok();
        }
        Some(frame)
    }
}

impl FrameSource for FaultySource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        if self.has(Does::LoseCamera) {
            return Err(unplugged());
        }
        if self.has(Does::StallCamera) {
            std::thread::sleep(timeout);
            return Ok(None);
        }
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(inner) = &mut self.inner else {
                return Err(unplugged());
            };
            let Some(frame) = inner.next(left)? else {
                return Ok(None);
            };
            if let Some(frame) = self.spoilt(frame) {
                return Ok(Some(frame));
            }
        }
    }

    fn is_live(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.is_live())
    }

    fn patience(&self) -> Patience {
        self.inner
            .as_ref()
            .map_or_else(Patience::default, |inner| inner.patience())
    }

    fn rate_hz(&self) -> Option<f64> {
        self.inner.as_ref().and_then(|inner| inner.rate_hz())
    }

    fn name(&self) -> String {
        self.inner.as_ref().map_or_else(String::new, |inner| inner.name())
    }
}

impl Drop for FaultySource {
    fn drop(&mut self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = self.inner.take();
    }
}

/// The same view in half the size, as YUYV.
fn smaller(frame: &Frame) -> Option<Frame> {
    let rgb = frame.to_rgb(2);
    let size = ImageSize::new(rgb.width() & !1, rgb.height());
    let rgb = image::imageops::crop_imm(&rgb, 0, 0, size.width, size.height).to_image();
    let small = Frame::new(frame.sequence, size, PixelFormat::Rgb8, rgb.into_raw()).ok()?;
    let small = small.in_format(PixelFormat::Yuyv).ok()?;
    Some(Frame {
        captured: frame.captured,
        ..small
    })
}

fn unplugged() -> SourceError {
    SourceError::Failed("the camera is unplugged (a fault on purpose); plug it in again".to_owned())
}
