//! Pictures as a source: one file, a folder, or a glob.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FrameSource, SourceError};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::picture_file::read_picture;

/// How long one picture of several is shown.
const SHOW_EACH: Duration = Duration::from_secs(3);
/// A still picture is delivered this often, so that the rest of the program stays live.
const REPEAT_EVERY: Duration = Duration::from_millis(100);

/// Shows pictures one after the other, round and round.
#[derive(Debug)]
pub struct ImageSource {
    files: Vec<PathBuf>,
    next_file: usize,
    shown: Option<(ImageSize, Arc<Vec<u8>>, Instant)>,
    due: Instant,
    sequence: u64,
    name: String,
}

impl ImageSource {
    /// Opens a picture, a folder of pictures, or a glob.
    ///
    /// # Errors
    /// [`SourceError::Failed`] when there is no such file, or a folder or glob holds no picture.
    pub fn open(pattern: &str) -> Result<Self, SourceError> {
        let files = list(pattern)?;
        Ok(Self {
            files,
            next_file: 0,
            shown: None,
            due: Instant::now(),
            sequence: 0,
            name: format!("images:{pattern}"),
        })
    }

    fn advance(&mut self) -> Result<(), SourceError> {
        let first_error = std::cell::OnceCell::new();
        for _ in 0..self.files.len() {
            let Some(file) = self.files.get(self.next_file) else {
                break;
            };
            self.next_file = (self.next_file + 1) % self.files.len();
            match read_picture(file) {
                Ok(picture) => {
                    let size = ImageSize::new(picture.width(), picture.height());
                    self.shown = Some((size, Arc::new(picture.into_raw()), Instant::now()));
                    return Ok(());
                }
                Err(error) => {
                    let error = format!("{} {error}", file.display());
                    tracing::warn!("{error}; it is left out");
                    let _ = first_error.set(error);
                }
            }
        }
        Err(SourceError::Failed(match first_error.into_inner() {
            Some(error) => format!("{}: no picture can be read ({error})", self.name),
            None => format!("{} holds no pictures", self.name),
        }))
    }
}

impl FrameSource for ImageSource {
    fn next(&mut self, timeout: Duration) -> Result<Option<Frame>, SourceError> {
        let wait = self.due.saturating_duration_since(Instant::now());
        std::thread::sleep(wait.min(timeout));
        if wait > timeout {
            return Ok(None);
        }
        self.due = Instant::now() + REPEAT_EVERY;
        let turn = self.files.len() > 1 && self.shown.as_ref().is_some_and(|s| s.2.elapsed() >= SHOW_EACH);
        if self.shown.is_none() || turn {
            self.advance()?;
        }
        let Some((size, pixels, _)) = &self.shown else {
            return Ok(None);
        };
        self.sequence += 1;
        Ok(Some(Frame {
            sequence: self.sequence,
            captured: Instant::now(),
            size: *size,
            format: PixelFormat::Rgb8,
            pixels: Arc::clone(pixels),
            encoded: None,
            light: None,
            camera: None,
            truth: None,
        }))
    }

    fn rate_hz(&self) -> Option<f64> {
        Some(1.0 / REPEAT_EVERY.as_secs_f64())
    }

    fn is_live(&self) -> bool {
        false
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

fn list(pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |what: &str| SourceError::Failed(format!("images:{pattern}: {what}"));
    let path = Path::new(pattern);
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files: Vec<PathBuf> = if path.is_dir() {
        std::fs::read_dir(path)
            .map_err(|e| failed(&format!("the folder cannot be read ({e})")))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect()
    } else if pattern.contains(['*', '?', '[']) {
        glob::glob(pattern)
            .map_err(|e| failed(&format!("is not a pattern ({e})")))?
            .filter_map(Result::ok)
            .collect()
    } else {
        return Err(failed("there is no such file or folder; check the path"));
    };
    files.retain(|f| {
        let extension = f
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        ["jpg", "jpeg", "png", "webp", "bmp"].contains(&extension.as_str())
    });
    files.sort();
    if files.is_empty() {
        return Err(failed("no pictures here (.jpg .jpeg .png .webp .bmp)"));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("billiards-images-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_folder_is_shown_in_order_and_a_damaged_picture_is_passed_over() {
        let dir = folder("order");
        image::RgbImage::from_pixel(4, 2, image::Rgb([1, 2, 3]))
            .save(dir.join("b.png"))
            .unwrap();
        std::fs::write(dir.join("a.png"), b"\x89PNG\r\n\x1a\n cut off").unwrap();
        let mut source = ImageSource::open(dir.to_str().unwrap()).unwrap();
        let frame = source.next(Duration::from_secs(1)).unwrap().unwrap();
        assert_eq!((frame.size, frame.rgb(0, 0)), (ImageSize::new(4, 2), [1, 2, 3]));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn bad_paths_and_empty_folders_say_what_is_wrong() {
        let dir = folder("empty");
        let text = |p: &str| ImageSource::open(p).map(|_| ()).unwrap_err().to_string();
        assert!(text(dir.to_str().unwrap()).contains("no pictures"));
        assert!(text("/nowhere/x.png").contains("no such file"));
        assert!(text("/nowhere/*.png").contains("no pictures"));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
