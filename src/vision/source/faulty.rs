//! A camera that goes wrong on purpose, as a fault script says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{FrameSource, SourceError};
use crate::system::faults::{Does, active};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};

/// The device while nobody has it open: it stays the same one, whether it is plugged in or not.
pub type Kept = Arc<Mutex<Option<Box<dyn FrameSource>>>>;

/// Any source, with the faults of the script put on it.
pub struct FaultySource {
    inner: Option<Box<dyn FrameSource>>,
    kept: Kept,
    frozen: Option<Frame>,
    count: u64,
}

impl FaultySource {
    /// Opens what `open` opens, unless the camera is unplugged.
    ///
    /// # Errors
    /// That of `open`, or that it is unplugged.
    pub fn open(
        open: impl FnOnce() -> Result<Box<dyn FrameSource>, SourceError>,
        kept: &Kept,
    ) -> Result<Box<dyn FrameSource>, SourceError> {
        if active(Does::LoseCamera).is_some() {
            return Err(unplugged());
        }
        let inner = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let inner = inner.map_or_else(open, Ok)?;
        Ok(Box::new(Self {
            inner: Some(inner),
            kept: Arc::clone(kept),
            frozen: None,
            count: 0,
        }))
    }

    /// The frame with what the script does to its picture.
    fn spoilt(&mut self, frame: Frame) -> Option<Frame> {
        self.count += 1;
        if active(Does::FreezePicture).is_some() {
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
        if active(Does::BlackPicture).is_some() {
            return painted(0, 6);
        }
        if active(Does::WhitePicture).is_some() {
            return painted(253, 255);
        }
        if active(Does::NoisePicture).is_some() {
            return painted(0, 255);
        }
        if active(Does::BadFrames).is_some() && self.count.is_multiple_of(2) {
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
        if active(Does::LoseCamera).is_some() {
            return Err(unplugged());
        }
        if active(Does::StallCamera).is_some() {
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

fn unplugged() -> SourceError {
    SourceError::Failed("the camera is unplugged (a fault on purpose); plug it in again".to_owned())
}
