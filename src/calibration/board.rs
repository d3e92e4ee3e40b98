//! The board that shows a camera's lens: a chessboard with numbered markers (ChArUco, as OpenCV prints it).

use calib_targets_aruco::{Dictionary, GrayImageView, resolve_dictionary};
use calib_targets_charuco::{CharucoBoard, CharucoBoardSpec, CharucoDetector, CharucoParams};
use image::GrayImage;

use crate::units::{ImageSize, Vec2};

/// A board as it was printed.
#[derive(Clone, Debug)]
pub struct Board {
    spec: CharucoBoardSpec,
    layout: CharucoBoard,
    dictionary: Dictionary,
    square_m: f64,
}

/// Why there can be no such board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such board: {0}")]
pub struct BadBoard(String);

/// Markers of usual boards.
pub const USUAL_MARKERS: &str = "DICT_5X5_100";
/// Side of a marker, squares.
pub const MARKER_SHARE: f64 = 0.75;

/// An inner corner of the board that was found in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoardCorner {
    /// Its place on the board, metres from the top left, x right, y up (so that who looks at the board is above it).
    pub place_m: Vec2,
    /// Its pixel, pixel centres at half-integers.
    pub seen_px: Vec2,
}

impl Board {
    /// A board of so many squares across and down, each `square_m` metres wide, with markers of this dictionary, a marker's
    /// side being `marker_share` of a square's.
    ///
    /// # Errors
    /// [`BadBoard`] where the dictionary is unknown or too small, or a number makes no board.
    pub fn new(
        columns: u32,
        rows: u32,
        square_m: f64,
        marker_share: f64,
        markers: &str,
    ) -> Result<Self, BadBoard> {
        if !(square_m.is_finite() && square_m > 0.0) {
            return Err(BadBoard("a square has a size above zero".to_owned()));
        }
        let dictionary = resolve_dictionary(markers).ok_or_else(|| {
            BadBoard(format!(
                "markers {markers} are not known; names are like {USUAL_MARKERS}"
            ))
        })?;
        let spec = CharucoBoardSpec::new(rows, columns, 1.0, marker_share as f32, dictionary);
        let layout = CharucoBoard::new(spec).map_err(|error| BadBoard(error.to_string()))?;
        Ok(Self {
            spec,
            layout,
            dictionary,
            square_m,
        })
    }

    /// Inner corners across and down.
    #[must_use]
    pub const fn inner(&self) -> (u32, u32) {
        (self.spec.cols - 1, self.spec.rows - 1)
    }

    /// The inner corners that a picture shows; none where it shows no board.
    #[must_use]
    pub fn find(&self, picture: &GrayImage) -> Vec<BoardCorner> {
        let Ok(detector) = CharucoDetector::new(CharucoParams::for_board(self.spec)) else {
            return Vec::new();
        };
        let view = GrayImageView {
            width: picture.width() as usize,
            height: picture.height() as usize,
            data: picture.as_raw(),
        };
        let Ok(found) = detector.detect(&view) else {
            return Vec::new();
        };
        let corner = |corner: &calib_targets_charuco::CharucoCorner| {
            let at = self.layout.charuco_object_xy(corner.id)?;
            Some(BoardCorner {
                place_m: Vec2::new(f64::from(at.x), -f64::from(at.y)) * self.square_m,
                // The detector counts pixel centres as integers.
                seen_px: Vec2::new(f64::from(corner.position.x), f64::from(corner.position.y)) + 0.5,
            })
        };
        found.corners.iter().filter_map(corner).collect()
    }

    /// True where the board is black, false where it is white; `None` beside it. `place_m` as in [`BoardCorner`].
    #[must_use]
    pub fn is_black(&self, place_m: Vec2) -> Option<bool> {
        let square = Vec2::new(place_m.x, -place_m.y) / self.square_m;
        let size = Vec2::new(f64::from(self.spec.cols), f64::from(self.spec.rows));
        if square.min_element() < 0.0 || square.x >= size.x || square.y >= size.y {
            return None;
        }
        let (column, row) = (square.x as i32, square.y as i32);
        if (column + row) % 2 == 0 {
            return Some(true);
        }
        let marker = self
            .layout
            .iter_marker_positions()
            .find(|(_, at)| (at.u, at.v) == (column, row));
        let Some((id, _)) = marker else {
            return Some(false);
        };
        let bits = self.dictionary.marker_size() as f64;
        let share = f64::from(self.spec.marker_size_rel);
        // In cells of the marker, its black border counted.
        let cell = ((square.fract() - 0.5) / share + 0.5) * (bits + 2.0);
        if cell.min_element() < 0.0 || cell.max_element() >= bits + 2.0 {
            return Some(false);
        }
        let (x, y) = (cell.x as i64 - 1, cell.y as i64 - 1);
        let n = self.dictionary.marker_size() as i64;
        if !(0..n).contains(&x) || !(0..n).contains(&y) {
            return Some(true);
        }
        let code = self.dictionary.codes().get(id as usize).copied().unwrap_or(0);
        Some((code >> (y * n + x)) & 1 == 1)
    }

    /// The board for a printer: so many pixels to a square, with a white rim of half a square.
    #[must_use]
    pub fn picture(&self, square_px: u32) -> GrayImage {
        let size = ImageSize::new((self.spec.cols + 1) * square_px, (self.spec.rows + 1) * square_px);
        GrayImage::from_fn(size.width, size.height, |x, y| {
            let at = Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5) / f64::from(square_px) - 0.5;
            let black = self.is_black(Vec2::new(at.x, -at.y) * self.square_m);
            image::Luma([if black == Some(true) { 0 } else { 255 }])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_that_is_printed_is_found_again() {
        let board = Board::new(8, 6, 0.03, MARKER_SHARE, USUAL_MARKERS).unwrap();
        let found = board.find(&board.picture(80));
        assert_eq!(found.len(), 7 * 5);
        for corner in &found {
            let expected = (Vec2::new(corner.place_m.x, -corner.place_m.y) / 0.03 + 0.5) * 80.0;
            assert!(corner.seen_px.distance(expected) < 0.1, "{corner:?} {expected}");
        }
        assert!(
            board
                .find(&GrayImage::from_pixel(640, 480, image::Luma([90])))
                .is_empty()
        );
    }

    #[test]
    fn boards_that_cannot_be_say_why() {
        let why = |columns, rows, square_m, markers| {
            Board::new(columns, rows, square_m, MARKER_SHARE, markers)
                .unwrap_err()
                .to_string()
        };
        assert!(why(8, 6, 0.0, USUAL_MARKERS).contains("size"));
        assert!(why(8, 6, 0.03, "DICT_9X9").contains("DICT_9X9"));
        assert!(why(1, 1, 0.03, USUAL_MARKERS).contains("rows"));
        assert!(why(40, 40, 0.03, USUAL_MARKERS).contains("markers"));
    }
}
