//! Pictures as a source: one file, a folder, or a glob.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::ImageDecoder as _;

use super::{FrameSource, SourceError};
use crate::units::ImageSize;
use crate::vision::frame::{Frame, PixelFormat};

/// How long one picture of several is shown.
const SHOW_EACH: Duration = Duration::from_secs(3);
/// A still picture is delivered this often, so that the rest of the program stays live.
const REPEAT_EVERY: Duration = Duration::from_millis(100);
/// Larger pictures are refused before they are decoded.
const MAX_PIXELS: u64 = 100_000_000;

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
            match load_image(file) {
                Ok(picture) => {
                    let size = ImageSize::new(picture.width(), picture.height());
                    self.shown = Some((size, Arc::new(picture.into_raw()), Instant::now()));
                    return Ok(());
                }
                Err(error) => {
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
            camera: None,
            truth: None,
        }))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// Reads a picture upright (EXIF rotation applied).
///
/// # Errors
/// One line that names the file and what is wrong with it.
pub fn load_image(path: &Path) -> Result<image::RgbImage, String> {
    let fail = |what: String| format!("{}: {what}", path.display());
    let meta = std::fs::metadata(path).map_err(|e| fail(format!("cannot be opened ({e})")))?;
    if meta.is_dir() {
        return Err(fail("is a folder, not a picture".to_owned()));
    }
    if meta.len() == 0 {
        return Err(fail("is empty (0 bytes)".to_owned()));
    }
    // The bytes decide what it is, not the file's name.
    let reader = std::fs::File::open(path)
        .and_then(|file| image::ImageReader::new(std::io::BufReader::new(file)).with_guessed_format())
        .map_err(|e| fail(format!("cannot be opened ({e})")))?;
    if reader.format().is_none() {
        return Err(fail(
            "is not a picture this program reads (JPEG, PNG, WebP, BMP)".to_owned(),
        ));
    }
    let damaged = |e: image::ImageError| fail(format!("is damaged or cut off ({e})"));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (w, h) = decoder.dimensions();
    if w == 0 || h == 0 || u64::from(w) * u64::from(h) > MAX_PIXELS {
        return Err(fail(format!(
            "is {w}×{h} pixels; 1 to {MAX_PIXELS} pixels can be read"
        )));
    }
    let orientation = decoder
        .orientation()
        .unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = image::DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
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

    #[test]
    fn pictures_that_cannot_be_read_name_the_file_and_the_reason() {
        let dir = folder("bad");
        let cases: [(&str, &[u8], &str); 3] = [
            ("empty.jpg", b"", "empty"),
            ("text.jpg", b"hello there", "not a picture"),
            ("cut.png", b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
        ];
        for (name, bytes, reason) in cases {
            let path = dir.join(name);
            std::fs::write(&path, bytes).unwrap();
            let message = load_image(&path).unwrap_err();
            assert!(message.contains(name) && message.contains(reason), "{message}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
