//! The one decoder of camera JPEGs: what was recorded untouched must decode to the same pixels again.

use crate::units::ImageSize;

/// Decodes one JPEG picture to RGB.
///
/// # Errors
/// What is wrong with it.
pub fn decode_jpeg(bytes: &[u8]) -> Result<(ImageSize, Vec<u8>), String> {
    use zune_core::bytestream::ZCursor;
    use zune_core::colorspace::ColorSpace;
    use zune_core::options::DecoderOptions;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|e| format!("damaged picture ({e:?})"))?;
    let (width, height) = decoder.dimensions().ok_or("picture without a size")?;
    Ok((ImageSize::new(width as u32, height as u32), pixels))
}
