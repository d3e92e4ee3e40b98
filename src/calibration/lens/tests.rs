//! Lenses from drawn pictures of boards, against the lenses they were drawn with.

use image::{GrayImage, Luma};

use super::*;
use crate::calibration::board::{Board, MARKER_SHARE, USUAL_MARKERS};

pub(crate) const SIZE: ImageSize = ImageSize::new(1280, 720);

fn board() -> Board {
    Board::new(9, 7, 0.05, MARKER_SHARE, USUAL_MARKERS).unwrap()
}

/// What a camera sees of a board that lies at z = 0: grey beside it, every pixel nine rays, between places two pixels apart.
fn picture(board: &Board, camera: &CameraModel, random: &mut fastrand::Rng) -> GrayImage {
    let image = camera.lens.image;
    let columns = (image.width / 2 + 2) as usize;
    let rows = (image.height / 2 + 2) as usize;
    let places: Vec<Vec2> = (0..rows * columns)
        .map(|i| {
            let pixel = Vec2::new((i % columns) as f64, (i / columns) as f64) * 2.0;
            camera.on_plane(pixel, 0.0).unwrap_or(Vec2::splat(1e6))
        })
        .collect();
    let place = |p: Vec2| {
        let (x, y) = (p.x / 2.0, p.y / 2.0);
        let (i, j) = (x as usize, y as usize);
        let at = |di: usize, dj: usize| places[(j + dj) * columns + i + di];
        let top = at(0, 0).lerp(at(1, 0), x.fract());
        top.lerp(at(0, 1).lerp(at(1, 1), x.fract()), y.fract())
    };
    GrayImage::from_fn(image.width, image.height, |x, y| {
        let light = (0..9).map(|k| {
            let within = Vec2::new(f64::from(k % 3) + 0.5, f64::from(k / 3) + 0.5) / 3.0;
            match board.is_black(place(Vec2::new(f64::from(x), f64::from(y)) + within)) {
                Some(true) => 25.0,
                Some(false) => 220.0,
                None => 150.0,
            }
        });
        Luma([(light.sum::<f64>() / 9.0 + 4.0 * (random.f64() - 0.5)) as u8])
    })
}

/// The board held before a camera: all over the picture, aslant by up to so many degrees.
fn poses(count: usize, most_aslant_deg: f64, far_m: f64, random: &mut fastrand::Rng) -> Vec<Pose> {
    let middle = Vec3::new(0.225, -0.175, 0.0);
    let mut between = |low: f64, high: f64| low + (high - low) * random.f64();
    (0..count)
        .map(|i| {
            let turn = std::f64::consts::TAU * i as f64 / count as f64;
            let aslant = between(0.3, 1.0) * most_aslant_deg.to_radians();
            let out = Vec3::new(turn.cos() * aslant.sin(), turn.sin() * aslant.sin(), aslant.cos());
            let eye = middle + out * between(0.9, 1.2) * far_m;
            let aside = Vec3::new(between(-0.32, 0.32), between(-0.18, 0.18), 0.0) * (far_m / 0.5);
            let roll = between(-0.4, 0.4);
            Pose::looking_at(
                eye + aside,
                middle + aside,
                Vec3::new(roll.sin(), roll.cos(), 0.0),
            )
        })
        .collect()
}

/// Pictures of a board of 9 × 7 squares of 50 mm, as this lens takes them.
pub(crate) fn pictures(lens: Lens, count: usize, most_aslant_deg: f64, far_m: f64) -> Vec<GrayImage> {
    let random = &mut fastrand::Rng::with_seed(7);
    let board = board();
    poses(count, most_aslant_deg, far_m, random)
        .into_iter()
        .map(|pose| picture(&board, &CameraModel { lens, pose }, random))
        .collect()
}

fn views(lens: Lens, count: usize, most_aslant_deg: f64, far_m: f64) -> Vec<Vec<BoardCorner>> {
    let board = board();
    let pictures = pictures(lens, count, most_aslant_deg, far_m);
    pictures.iter().map(|picture| board.find(picture)).collect()
}

/// The most that two lenses differ, pixels, over the picture's rays out to this share of it.
fn apart_px(a: &Lens, b: &Lens, share: f64) -> f64 {
    let (w, h) = (f64::from(SIZE.width), f64::from(SIZE.height));
    let places =
        (0..=10).flat_map(|i| (0..=10).map(move |j| Vec2::new(f64::from(i) - 5.0, f64::from(j) - 5.0) / 5.0));
    let offs: Vec<Vec2> = places
        .map(|p| {
            let pixel = Vec2::new(0.5 * w, 0.5 * h) * (1.0 + p * share);
            b.distort(a.undistort(pixel)) - pixel
        })
        .collect();
    // A moved principal point is a turned camera, which every calibration finds by itself.
    let middle = offs.iter().copied().sum::<Vec2>() / offs.len() as f64;
    offs.iter().map(|off| off.distance(middle)).fold(0.0, f64::max)
}

fn brown() -> Lens {
    Lens {
        focal_px: Vec2::new(905.0, 906.5),
        centre_px: Vec2::new(652.0, 349.0),
        radial: [-0.13, 0.02, 0.0],
        tangential: [0.0006, -0.0004],
        ..Lens::pinhole(SIZE, 900.0)
    }
}

fn fisheye() -> Lens {
    Lens {
        focal_px: Vec2::splat(560.0),
        centre_px: Vec2::new(630.0, 366.0),
        radial: [-0.03, 0.004, 0.0],
        projection: Projection::Fisheye,
        ..Lens::pinhole(SIZE, 560.0)
    }
}

#[test]
fn a_lens_and_a_fisheye_come_back_from_pictures_of_a_board() {
    // A board is seen no further out than some 55° from the middle: no more is asked of the fisheye.
    for (lens, far_m, share) in [(brown(), 0.5, 0.9), (fisheye(), 0.4, 0.7)] {
        let views = views(lens, 14, 40.0, far_m);
        let found = lens_of(&views, SIZE, 0.3).unwrap();
        let off = apart_px(&lens, &found.lens, share);
        // The detector finds a corner of a drawn board to 0.15 px in each direction.
        assert!(found.rms_px < 0.25, "{found:?}");
        assert!(off < 0.6, "{off} {found:?}");
        assert!(
            (found.lens.focal_px.x / lens.focal_px.x - 1.0).abs() < 0.002,
            "{found:?}"
        );
    }
}

#[test]
fn pictures_that_show_too_little_say_so() {
    let exact = |count: usize, most_aslant_deg: f64, moves: bool| -> Vec<Vec<BoardCorner>> {
        let random = &mut fastrand::Rng::with_seed(3);
        let poses = poses(count, most_aslant_deg, 0.5, random);
        let first = poses[0];
        let see = |pose: &Pose| {
            let camera = CameraModel {
                lens: brown(),
                pose: if moves { *pose } else { first },
            };
            let places =
                (1..9).flat_map(|i| (1..7).map(move |j| Vec2::new(f64::from(i), -f64::from(j)) * 0.05));
            places
                .filter_map(|place_m| {
                    let seen_px = camera.project(place_m.extend(0.0))?;
                    let inside =
                        seen_px.cmpge(Vec2::ZERO).all() && seen_px.cmplt(Vec2::new(1280.0, 720.0)).all();
                    inside.then_some(BoardCorner { place_m, seen_px })
                })
                .collect()
        };
        poses.iter().map(see).collect()
    };
    assert_eq!(
        lens_of(&exact(4, 40.0, true), SIZE, 0.3),
        Err(LensFault::FewViews { seen: 4 })
    );
    assert!(matches!(
        lens_of(&exact(10, 40.0, false), SIZE, 0.3),
        Err(LensFault::Uncovered { .. })
    ));
    assert!(matches!(
        lens_of(&exact(14, 0.5, true), SIZE, 0.3),
        Err(LensFault::Frontal { .. })
    ));
    // A board that is bent: no lens explains it.
    let mut bent = exact(14, 40.0, true);
    for corner in bent.iter_mut().flatten() {
        corner.seen_px.y += 4.0 * (corner.place_m.x * 30.0).sin();
    }
    assert!(matches!(
        lens_of(&bent, SIZE, 0.3),
        Err(LensFault::Unexplained { .. })
    ));
    // A corner or two that were taken for others do no harm.
    let mut wrong = exact(14, 40.0, true);
    wrong[0][0].seen_px.x += 25.0;
    wrong[3][5].seen_px.y -= 12.0;
    let found = lens_of(&wrong, SIZE, 0.3).unwrap();
    assert!(apart_px(&brown(), &found.lens, 0.9) < 0.05, "{found:?}");
}

#[test]
fn a_lens_file_comes_back_and_a_damaged_one_says_so() {
    let folder = std::env::temp_dir().join(format!("lens-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("lens.ron");
    let file = LensFile {
        lens: fisheye(),
        rms_px: 0.11,
        pictures: 14,
        corners: 500,
    };
    file.save(&path).unwrap();
    assert_eq!(LensFile::load(&path).unwrap(), file);
    let text = std::fs::read_to_string(&path).unwrap();
    for end in 0..text.trim_end().len() {
        std::fs::write(&path, &text[..end]).unwrap();
        let why = LensFile::load(&path).unwrap_err();
        assert!(
            why.contains("lens.ron") && why.contains("calibrate camera"),
            "{why}"
        );
    }
    std::fs::write(&path, text.replace("560", "-560")).unwrap();
    assert!(LensFile::load(&path).unwrap_err().contains("none that could be"));
    std::fs::remove_dir_all(&folder).unwrap();
}
