use super::*;
use crate::calibration::{Lens, Pose};
use crate::units::{ImageSize, Vec3, unit};

/// Pixels per metre.
const SCALE: f64 = 500.0;
const CLOTH: [f64; 3] = [60.0, 140.0, 70.0];
const WOOD: [f64; 3] = [220.0, 190.0, 130.0];
const SKIN: [f64; 3] = [225.0, 170.0, 130.0];

fn camera() -> CameraModel {
    CameraModel {
        lens: Lens::pinhole(ImageSize::new(800, 450), 1000.0),
        pose: Pose::looking_at(Vec3::new(0.0, 0.0, 2.0), Vec3::ZERO, Vec3::Y),
    }
}

/// Noisy cloth, and on it what `colour` has there.
fn picture(seed: u64, colour: impl Fn(Vec2) -> Option<[f64; 3]>) -> Frame {
    let mut random = fastrand::Rng::with_seed(seed);
    let size = ImageSize::new(800, 450);
    let mut pixels = Vec::with_capacity(800 * 450 * 3);
    for y in 0..450_u16 {
        for x in 0..800_u16 {
            let mut sum = [0.0; 3];
            for (i, j) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                let here = colour(Vec2::new(f64::from(x) + i, f64::from(y) + j)).unwrap_or(CLOTH);
                for (sum, c) in sum.iter_mut().zip(here) {
                    *sum += 0.25 * c;
                }
            }
            pixels.extend(sum.map(|c| (c + 14.0 * (random.f64() - 0.5)) as u8));
        }
    }
    Frame::new(0, size, PixelFormat::Rgb8, pixels).unwrap()
}

/// Whether a place is on a stick whose tip is at `tip`, going back along `back`.
fn on_stick(p: Vec2, tip: Vec2, back: Vec2, length: f64, (wide, taper): (f64, f64)) -> bool {
    let along = (p - tip).dot(back);
    (0.0..length).contains(&along) && back.perp_dot(p - tip).abs() < 0.5 * (wide + taper * along)
}

fn rough(tip: Vec2, back: Vec2, seen: f64, reach: f64) -> Rough {
    Rough {
        tip,
        butt: tip + back * seen,
        reach,
        slack: 3.0,
        scale: SCALE,
    }
}

const CUE: (f64, f64) = (6.5, 0.011);

#[test]
fn a_finger_beside_the_front_of_a_cue_does_not_turn_it() {
    for (k, side) in [-1.0, 1.0, -1.0, 1.0].into_iter().enumerate() {
        let (tip, back) = (Vec2::new(150.0, 200.0), unit(0.05 + 0.1 * k as f64));
        // It hides most of the cue from a hand's breadth behind the tip on, and leans on it before.
        let finger = unit(0.05 + 0.1 * k as f64 + side * 0.09);
        let frame = picture(k as u64, |p| {
            let hand = (p - tip - back * 95.0).length() < 30.0;
            let beside = on_stick(
                p,
                tip + back * 18.0 + back.perp() * (side * 5.0),
                finger,
                70.0,
                (7.0, 0.0),
            );
            let cue = on_stick(p, tip, back, 480.0, CUE);
            (hand || beside).then_some(SKIN).or(cue.then_some(WOOD))
        });
        // What was found first follows the finger.
        let shaft = measure(&frame, &camera(), rough(tip, finger, 300.0, 400.0)).unwrap();
        let off = (shaft.behind_px - shaft.tip_px).angle_to(back).to_degrees();
        assert!(off.abs() < 0.15, "{k}: {off} {shaft:?}");
        assert!(
            shaft.tip_px.distance(tip) < 6.0 && shaft.cover > 0.45,
            "{shaft:?}"
        );
    }
}

#[test]
fn the_noise_of_bare_cloth_is_no_cue() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bare = picture(seed, |_| None);
        for _ in 0..4 {
            let back = unit(0.3 * random.f64());
            let found = measure(
                &bare,
                &camera(),
                rough(Vec2::new(100.0, 150.0), back, 200.0, 400.0),
            );
            assert!(found.is_none(), "{seed}: {found:?}");
        }
    }
}

#[test]
fn a_plain_cue_shows_itself_all_along_and_rings_in_a_row_do_not() {
    let (tip, back) = (Vec2::new(120.0, 120.0), unit(0.2));
    let frame = picture(3, |p| on_stick(p, tip, back, 600.0, CUE).then_some(WOOD));
    let shaft = measure(&frame, &camera(), rough(tip, back, 300.0, 400.0)).unwrap();
    assert!(shaft.cover > 0.95, "{shaft:?}");
    let off = (shaft.behind_px - shaft.tip_px).angle_to(back).to_degrees();
    assert!(
        off.abs() < 3.0 * shaft.turn_sigma.to_degrees() && off.abs() < 0.1,
        "{off} {shaft:?}"
    );
    // Rings of light around balls in a row, and the line that touches them.
    let rings = picture(4, |p| {
        let on = (0..9).any(|i| {
            let centre = tip + back * (20.0 + 45.0 * f64::from(i)) + back.perp() * 30.0;
            (p.distance(centre) - 30.0).abs() < 3.0
        });
        on.then_some([120.0, 200.0, 210.0])
    });
    let found = measure(&rings, &camera(), rough(tip, back, 380.0, 380.0));
    assert!(found.is_none_or(|s| s.cover < 0.75), "{found:?}");
}
