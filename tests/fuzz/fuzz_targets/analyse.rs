//! Pictures of tables that never were, in every layout of pixels, with a calibration or without:
//! patches of colour that the input chooses.
#![no_main]

use std::sync::Arc;

use billiards_trainer::calibration::{CameraModel, Lens, Pose};
use billiards_trainer::table::TableSpec;
use billiards_trainer::units::{ImageSize, Vec3};
use billiards_trainer::vision::analyse::Analyser;
use billiards_trainer::vision::frame::{Frame, PixelFormat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [kind, wide, high, eye_x, eye_y, eye_z, focal, rest @ ..] = bytes else {
        return;
    };
    let odd = u32::from(kind >> 4 & 1);
    let size = ImageSize::new(u32::from(*wide) * 2 + 2 - odd, u32::from(*high) * 2 + 2 - odd);
    let format = [PixelFormat::Rgb8, PixelFormat::Yuyv, PixelFormat::Nv12][usize::from(kind % 3)];
    // Six bytes paint a rectangle: two corners and a colour out of two bytes.
    let (w, h) = (size.width as usize, size.height as usize);
    let mut rgb = vec![40u8; size.pixels() * 3];
    for paint in rest.chunks_exact(6).take(64) {
        let across = |b: u8, most: usize| usize::from(b) * most / 256;
        let (x0, x1) = (across(paint[0].min(paint[1]), w), across(paint[0].max(paint[1]), w));
        let (y0, y1) = (across(paint[2].min(paint[3]), h), across(paint[2].max(paint[3]), h));
        for y in y0..=y1 {
            for px in rgb[(y * w + x0) * 3..(y * w + x1 + 1) * 3].chunks_exact_mut(3) {
                px.copy_from_slice(&[paint[4], paint[5], paint[4] ^ paint[5]]);
            }
        }
    }
    let Ok(frame) = Frame::new(0, size, PixelFormat::Rgb8, rgb) else {
        return;
    };
    let Ok(mut frame) = frame.in_format(format) else {
        return;
    };
    if kind & 4 != 0 {
        let metres = |b: &u8| (f64::from(*b) - 127.0) / 32.0;
        let eye = Vec3::new(metres(eye_x), metres(eye_y), metres(eye_z));
        frame.camera = Some(Arc::new(CameraModel {
            lens: Lens::pinhole(size, f64::from(*focal) * 8.0),
            pose: Pose::looking_at(eye, Vec3::ZERO, Vec3::Y),
        }));
    }
    let table = (kind & 8 != 0).then(TableSpec::pool_9ft);
    let mut analyser = Analyser::new(table);
    let first = analyser.analyse(&frame);
    // The second time it uses what it has learned, and sees the same.
    let second = analyser.analyse(&frame);
    assert_eq!(first.balls.len(), second.balls.len());
});
