//! `calibrate camera`: the lens of a camera, from pictures of a board.

use std::path::PathBuf;

use clap::Args;

use crate::calibration::Projection;
use crate::calibration::board::{Board, BoardCorner, MARKER_SHARE, USUAL_MARKERS};
use crate::calibration::lens::{LensFile, lens_of};
use crate::cli::{Failure, show};
use crate::units::{ImageSize, MM_PER_M};
use crate::vision::picture_file::read_picture;

/// Learns a camera's lens from pictures of a printed board.
///
/// Not needed for most cameras: calibrating on the table finds the lens, too. With a fisheye, or where nobody can measure the
/// camera's height, it is worth ten minutes. Print the board (--print), glue it to something flat, and take 15 to 25
/// pictures with the camera's focus fixed: all over the picture, into its corners, and in half of them aslant.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  billiards-trainer calibrate camera --print board.png
  billiards-trainer calibrate camera one.jpg two.jpg three.jpg …
  billiards-trainer calibrate camera views/*.png --columns 11 --rows 8 --square-mm 24.6 --markers DICT_4X4_50

Then say in the site file: calibration: (lens: \"config/lens.ron\")")]
pub(crate) struct Camera {
    /// Pictures of the board, all of one size (JPEG, PNG, WebP, BMP).
    #[arg(required_unless_present = "print", value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// Squares across.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(3..=40))]
    columns: u32,
    /// Squares down.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(3..=40))]
    rows: u32,
    /// Side of a square as measured on the print, millimetres.
    #[arg(long, default_value_t = 25.0)]
    square_mm: f64,
    /// Side of a marker, as a share of a square's.
    #[arg(long, default_value_t = MARKER_SHARE)]
    marker_share: f64,
    /// Dictionary of the markers, as OpenCV calls it.
    #[arg(long, default_value = USUAL_MARKERS, value_name = "NAME")]
    markers: String,
    /// The most that corners may be off from what the lens says, pixels (root mean square).
    #[arg(long, default_value_t = 0.3)]
    limit_px: f64,
    /// File to write.
    #[arg(long, value_name = "FILE", default_value = "config/lens.ron")]
    out: PathBuf,
    /// Write the board itself into this file, to be printed, and do nothing else.
    #[arg(long, value_name = "FILE")]
    print: Option<PathBuf>,
}

/// Pixels of a printed square: 25 mm at 300 dots an inch.
const PRINTED_PX: u32 = 295;

impl Camera {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let board = Board::new(
            self.columns,
            self.rows,
            self.square_mm / MM_PER_M,
            self.marker_share,
            &self.markers,
        )
        .map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(file) = &self.print {
            (board.picture(PRINTED_PX).save(file))
                .map_err(|error| Failure::failed(format!("can't write {}: {error}", file.display())))?;
            return show(&format!(
                "{}: print it at any size on matt paper, glue it to something flat, and measure a square for --square-mm\n",
                file.display()
            ));
        }
        let (views, size) = self.views(&board)?;
        let found =
            lens_of(&views, size, self.limit_px).map_err(|fault| Failure::failed(fault.to_string()))?;
        found
            .save(&self.out)
            .map_err(|why| Failure::failed(format!("{why}; choose another file with --out")))?;
        show(&self.in_words(&found))
    }

    /// The corners in every picture, told one by one.
    fn views(&self, board: &Board) -> Result<(Vec<Vec<BoardCorner>>, ImageSize), Failure> {
        let (across, down) = board.inner();
        let mut views = Vec::with_capacity(self.pictures.len());
        let mut size: Option<ImageSize> = None;
        for path in &self.pictures {
            let picture = read_picture(path)
                .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
            let own = ImageSize::new(picture.width(), picture.height());
            match size {
                Some(size) if size != own => {
                    return Err(Failure::failed(format!(
                        "{} is {}×{}, the pictures before are {}×{}: all must be as the camera takes them",
                        path.display(),
                        own.width,
                        own.height,
                        size.width,
                        size.height
                    )));
                }
                _ => size = Some(own),
            }
            let corners = board.find(&image::imageops::grayscale(&picture));
            show(&format!(
                "{}: {} of {} corners\n",
                path.display(),
                corners.len(),
                across * down
            ))?;
            views.push(corners);
        }
        let size = size.ok_or_else(|| Failure::usage("no pictures".to_owned()))?;
        Ok((views, size))
    }

    fn in_words(&self, found: &LensFile) -> String {
        let lens = &found.lens;
        let kind = match lens.projection {
            Projection::Perspective => "lens",
            Projection::Fisheye => "fisheye",
        };
        let [k1, k2, k3] = lens.radial;
        format!(
            "{kind} of {}×{} pictures: focal length {:.1} × {:.1} px, middle at {:.1}, {:.1}, radial {k1:.4} {k2:.4} {k3:.4}; \
             {} corners in {} pictures are {:.2} px off\nwritten to {}; say in the site file: calibration: (lens: \"{}\")\n",
            lens.image.width,
            lens.image.height,
            lens.focal_px.x,
            lens.focal_px.y,
            lens.centre_px.x,
            lens.centre_px.y,
            found.corners,
            found.pictures,
            found.rms_px,
            self.out.display(),
            self.out.display(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;
    use image::GrayImage;

    use super::*;
    use crate::calibration::Lens;
    use crate::calibration::lens::tests::{SIZE, pictures};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        camera: Camera,
    }

    fn execute(arguments: &[&str]) -> Result<(), Failure> {
        let words = std::iter::once("camera").chain(arguments.iter().copied());
        Cli::try_parse_from(words).unwrap().camera.execute()
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lens-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn text(path: &Path) -> &str {
        path.to_str().unwrap()
    }

    #[test]
    fn pictures_of_a_board_become_a_lens_file() {
        let folder = folder("made");
        let lens = Lens::pinhole(SIZE, 900.0);
        let mut words = Vec::new();
        for (i, picture) in pictures(lens, 12, 40.0, 0.5).iter().enumerate() {
            let file = folder.join(format!("{i}.png"));
            picture.save(&file).unwrap();
            words.push(text(&file).to_owned());
        }
        let out = folder.join("lens.ron");
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.extend(["--square-mm", "50", "--out", text(&out)]);
        execute(&words).unwrap();
        let found = LensFile::load(&out).unwrap();
        assert!((found.lens.focal_px.x / 900.0 - 1.0).abs() < 0.003, "{found:?}");
        assert_eq!((found.pictures, found.lens.image), (12, SIZE));

        // What can't be a lens is told, and the file that was there stays.
        let small = folder.join("small.png");
        GrayImage::new(64, 48).save(&small).unwrap();
        let before = std::fs::read(&out).unwrap();
        let why = |words: &[&str]| execute(words).unwrap_err().to_string();
        let first = *words.first().unwrap();
        assert!(why(&[first, text(&small), "--out", text(&out)]).contains("small.png is 64×48"));
        assert!(!why(&[text(&small), "--out", text(&out)]).is_empty());
        assert!(why(&[text(&folder.join("none.png")), "--out", text(&out)]).contains("none.png"));
        assert!(why(&[first, "--markers", "DICT_9X9"]).contains("DICT_9X9"));
        assert_eq!(std::fs::read(&out).unwrap(), before);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_board_that_is_printed_is_the_one_that_is_looked_for() {
        let folder = folder("printed");
        let file = folder.join("board.png");
        execute(&["--print", text(&file)]).unwrap();
        let board = Board::new(9, 7, 0.025, MARKER_SHARE, USUAL_MARKERS).unwrap();
        let printed = image::imageops::grayscale(&read_picture(&file).unwrap());
        assert_eq!(board.find(&printed).len(), 8 * 6);
        let why = execute(&["--print", text(&folder.join("none").join("board.png"))])
            .unwrap_err()
            .to_string();
        assert!(why.contains("board.png"), "{why}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
