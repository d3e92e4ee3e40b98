//! Pictures from files, turned the way they were taken.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbImage};

/// A file that gives no picture. The text says why, not which.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file can't be opened or read.
    #[error("cannot be opened ({0})")]
    Unreadable(#[from] std::io::Error),
    /// It is a folder.
    #[error("is a folder, not a picture")]
    Folder,
    /// It has no bytes.
    #[error("is empty (0 bytes)")]
    Empty,
    /// Its bytes are of no kind of picture that can be read.
    #[error("is not a picture this program reads (JPEG, PNG, WebP, BMP)")]
    NotAPicture,
    /// It begins like a picture and is none.
    #[error("is damaged or cut off ({})", .0.to_string().trim_end())]
    Damaged(#[from] image::ImageError),
    /// It ends before the picture does.
    #[error("is cut off: the end of the picture is missing; copy it again")]
    CutOff,
    /// No pixels, or too many.
    #[error("is {width}×{height} pixels; 1 to {MAX_PIXELS} pixels can be read")]
    Size {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// Larger pictures are refused before they are decoded.
const MAX_PIXELS: u64 = 100_000_000;

/// Reads a picture as RGB, applying its EXIF rotation. The bytes decide what it is, not the name.
///
/// # Errors
/// [`PictureError`] for a file that is missing, no picture, cut short, empty or too large.
pub fn read_picture(path: &Path) -> Result<RgbImage, PictureError> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return Err(PictureError::Folder);
    }
    if meta.len() == 0 {
        return Err(PictureError::Empty);
    }
    let bytes = std::fs::read(path)?;
    let reader = ImageReader::new(Cursor::new(bytes.as_slice())).with_guessed_format()?;
    match reader.format() {
        None => return Err(PictureError::NotAPicture),
        Some(ImageFormat::Jpeg) if !jpeg_ends(&bytes) => return Err(PictureError::CutOff),
        Some(_) => {}
    }
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureError::Size { width, height });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// True if an end-of-image marker follows the last scan (ITU T.81, table B.1). The decoder fills
/// up what is missing with grey; a person should be told instead.
fn jpeg_ends(bytes: &[u8]) -> bool {
    const SCAN: [u8; 2] = [0xFF, 0xDA];
    const END: [u8; 2] = [0xFF, 0xD9];
    let last_scan = bytes.windows(2).rposition(|w| w == SCAN);
    last_scan.is_some_and(|at| {
        bytes
            .get(at..)
            .is_some_and(|rest| rest.windows(2).any(|w| w == END))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn written(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("billiards-picture-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 3, y as u8 * 5, 90]));
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn whole_pictures_are_read_and_cut_ones_refused() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = encoded(format);
            let whole = written("whole", &bytes);
            assert_eq!(read_picture(&whole).unwrap().dimensions(), (64, 48));
            let half = written("half", &bytes[..bytes.len() * 2 / 3]);
            assert!(read_picture(&half).is_err(), "{format:?}");
            for path in [whole, half] {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    #[test]
    fn an_empty_file_and_no_file_are_refused_in_one_line() {
        let empty = written("empty", &[]);
        for path in [empty.clone(), PathBuf::from("/nowhere/at/all.png")] {
            let text = read_picture(&path).unwrap_err().to_string();
            assert!(!text.contains('\n'), "{text}");
        }
        std::fs::remove_file(empty).unwrap();
    }
}
