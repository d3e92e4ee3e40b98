//! Strips of pictures of what went wrong: some frames before and after, side by side.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage, imageops};
use imageproc::drawing::draw_hollow_circle_mut;

use crate::units::Vec2;
use crate::vision::annotate::annotated_with_tracks;
use crate::vision::evaluate::tracking::Trouble;
use crate::vision::frame::Frame;
use crate::vision::observation::Observation;
use crate::vision::track::TableState;

/// Frames before and after the failure.
const BEFORE: usize = 4;
const AFTER: u64 = 2;
/// Side of a picture in the strip, pixels.
const SIDE: u32 = 360;
/// Strips written of one shot at most.
const MOST: usize = 12;

/// Keeps the last frames, and writes a strip when a failure's last frame has come.
pub(super) struct Strips {
    folder: Option<PathBuf>,
    name: String,
    frames: VecDeque<(Frame, Observation, TableState)>,
    wishes: Vec<Wish>,
    written: usize,
}

struct Wish {
    sequence: u64,
    what: String,
    place: Vec2,
}

impl Strips {
    pub(super) fn new(folder: Option<&Path>, name: &str) -> Self {
        Self {
            folder: folder.map(Path::to_owned),
            name: name.to_owned(),
            frames: VecDeque::new(),
            wishes: Vec::new(),
            written: 0,
        }
    }

    /// Asks for a strip of what went wrong in this frame.
    pub(super) fn wish(&mut self, sequence: u64, trouble: &Trouble) {
        if self.folder.is_some() && self.written + self.wishes.len() < MOST {
            self.wishes.push(Wish {
                sequence,
                what: trouble.what.replace([' ', '[', ']', ',', ':'], "_"),
                place: trouble.place,
            });
        }
    }

    /// Takes in a frame.
    pub(super) fn take(&mut self, frame: &Frame, seen: &Observation, state: &TableState, radius_m: f64) {
        if self.folder.is_none() {
            return;
        }
        if self.frames.len() > BEFORE + AFTER as usize {
            self.frames.pop_front();
        }
        self.frames
            .push_back((frame.clone(), seen.clone(), state.clone()));
        let mut due = Vec::new();
        self.wishes.retain(|wish| {
            let is_due = frame.sequence >= wish.sequence + AFTER;
            if is_due {
                due.push((wish.sequence, wish.what.clone(), wish.place));
            }
            !is_due
        });
        for (sequence, what, place) in due {
            self.write(sequence, &what, place, radius_m);
        }
    }

    /// Writes what is still asked for.
    pub(super) fn finish(&mut self, radius_m: f64) {
        for wish in std::mem::take(&mut self.wishes) {
            self.write(wish.sequence, &wish.what, wish.place, radius_m);
        }
    }

    fn write(&mut self, sequence: u64, what: &str, place: Vec2, radius_m: f64) {
        let Some(folder) = &self.folder else { return };
        let count = self.frames.len() as u32;
        let mut strip = RgbImage::new(count * SIDE, SIDE);
        for (at, (frame, seen, state)) in (0_i64..).zip(&self.frames) {
            let picture = pictured(frame, seen, state, place, radius_m);
            imageops::replace(&mut strip, &picture, at * i64::from(SIDE), 0);
        }
        let file = folder.join(format!("{}-{sequence}-{what}.jpg", self.name));
        self.written += 1;
        if let Err(error) = strip.save(&file) {
            eprintln!("billiards-trainer: can't write {}: {error}", file.display());
        }
    }
}

/// The part of an annotated frame around a place.
fn pictured(frame: &Frame, seen: &Observation, state: &TableState, place: Vec2, radius_m: f64) -> RgbImage {
    let mut picture = annotated_with_tracks(frame, seen, state, radius_m);
    let camera = seen.table.as_ref().map(|table| table.camera);
    let at = camera.and_then(|camera| camera.project(place.extend(radius_m)));
    if let (Some(truth), Some(camera)) = (&frame.truth, &frame.camera) {
        for ball in &truth.balls {
            let centre = camera.project(ball.position_m.extend(radius_m));
            let side = camera.project((ball.position_m + Vec2::X * radius_m).extend(radius_m));
            if let Some((centre, side)) = centre.zip(side) {
                let radius = centre.distance(side) as i32;
                let centre = (centre.x as i32, centre.y as i32);
                draw_hollow_circle_mut(&mut picture, centre, radius + 3, Rgb([255; 3]));
            }
        }
    }
    let at = at.unwrap_or(Vec2::new(
        0.5 * f64::from(frame.size.width),
        0.5 * f64::from(frame.size.height),
    ));
    let corner = |at: f64, size: u32| {
        let most = f64::from(size.saturating_sub(SIDE));
        (at - 0.5 * f64::from(SIDE)).clamp(0.0, most) as u32
    };
    let (left, top) = (corner(at.x, frame.size.width), corner(at.y, frame.size.height));
    imageops::crop_imm(&picture, left, top, SIDE, SIDE).to_image()
}
