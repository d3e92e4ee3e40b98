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
    decode_picture(&std::fs::read(path)?)
}

/// A picture from the bytes of its file, as [`read_picture`]. Of an animation the first picture;
/// sixteen bits, grey, CMYK and transparency become eight-bit RGB.
///
/// # Errors
/// [`PictureError`] for what is no picture, cut short, empty or too large.
pub fn decode_picture(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    match reader.format() {
        None => return Err(PictureError::NotAPicture),
        Some(ImageFormat::Jpeg) if !jpeg_ends(bytes) => return Err(PictureError::CutOff),
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

    /// What a test's text of hexadecimal digits stands for.
    fn from_hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|c| c.to_digit(16))
            .map(|d| d as u8)
            .collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn sixteen_bits_grey_and_transparency_become_rgb() {
        let pictures = [
            DynamicImage::new_luma16(9, 7),
            DynamicImage::new_rgba16(9, 7),
            DynamicImage::new_luma_a8(9, 7),
        ];
        for picture in pictures {
            let mut out = Cursor::new(Vec::new());
            picture.write_to(&mut out, ImageFormat::Png).unwrap();
            let read = decode_picture(&out.into_inner()).unwrap();
            assert_eq!(read.dimensions(), (9, 7));
            assert!(read.pixels().all(|px| px.0 == [0; 3]));
        }
    }

    /// A picture of printers' inks (cyan 0, magenta 200, yellow 200, black 10 of 255), as Pillow writes it.
    const CMYK: &str = "
        ffd8ffee000e41646f626500640000000000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a
        333d3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc00014080008001004431100
        4d11005911004b1100ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b510000201
        0303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282
        090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778
        797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5
        d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda000e0443004d0059004b00003f00f40ae6ab9aaeee8a28
        a2bfffd9
    ";

    /// Red for a tenth of a second, then blue, as Pillow writes it.
    const ANIMATED: &str = "
        524946468800000057454250565038580a000000020000000f0000070000414e494d06000000000000000000414e4d462a00
        00000000000000000f0000070000640000025650384c110000002f0fc0010007508f22d7a3ff8188e87f0000414e4d462a00
        00000000000000000f0000070000640000005650384c110000002f0fc0010007508f7a14b9ff8188e87f0000
    ";

    #[test]
    fn inks_are_read_as_light_and_of_an_animation_the_first_picture() {
        for text in [CMYK, ANIMATED] {
            let picture = decode_picture(&from_hex(text)).unwrap();
            assert_eq!(picture.dimensions(), (16, 8));
            let [r, g, b] = picture.get_pixel(8, 4).0;
            assert!(r > 150 && g < 90 && b < 90, "{r} {g} {b}");
        }
    }

    #[test]
    fn a_picture_taken_sideways_is_turned() {
        let jpeg = encoded(ImageFormat::Jpeg);
        // EXIF of one entry: orientation (0x0112), a short, once: 6, "turn a quarter clockwise".
        let tiff = [
            0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
        ];
        let mut turned = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 8 + tiff.len() as u8];
        turned.extend(b"Exif\0\0");
        turned.extend(tiff);
        turned.extend(&jpeg[2..]);
        assert_eq!(decode_picture(&turned).unwrap().dimensions(), (48, 64));
    }

    #[test]
    fn a_picture_far_too_large_is_refused_before_it_is_decoded() {
        // The header of a PNG that claims 60,000 × 60,000 pixels.
        let mut png = encoded(ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
        // Its checksum (CRC-32 of type and data) has to fit, or the file counts as damaged.
        let crc = !png[12..29].iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (0u32.wrapping_sub(crc & 1)))
            })
        });
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let error = decode_picture(&png).unwrap_err().to_string();
        assert!(error.contains("60000×60000"), "{error}");
    }
}
