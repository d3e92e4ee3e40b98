//! Any bytes as a picture file, as `analyze` gets them: decoded, and looked at if that gives a picture.
#![no_main]

use billiards_trainer::units::ImageSize;
use billiards_trainer::vision::analyse::Analyser;
use billiards_trainer::vision::frame::{Frame, PixelFormat};
use billiards_trainer::vision::picture_file::decode_picture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(picture) = decode_picture(bytes) else {
        return;
    };
    let size = ImageSize::new(picture.width(), picture.height());
    // Larger ones take long and reach nothing new.
    if size.pixels() > 1 << 18 {
        return;
    }
    if let Ok(frame) = Frame::new(0, size, PixelFormat::Rgb8, picture.into_raw()) {
        Analyser::new(None).analyse(&frame);
    }
});
