//! The whole way from pixels to an observation, on drawn pictures.

use std::sync::Arc;

use super::scene::Scene;
use super::*;
use crate::table::{BallKind, Group};
use crate::units::unit;
use crate::vision::frame::PixelFormat;
use crate::vision::house_set::Lesson;

fn calibrated(scene: &Scene) -> Frame {
    let mut frame = scene.render();
    frame.camera = Some(Arc::new(scene.camera));
    frame
}

/// The ball seen nearest to a place, with its distance.
fn nearest(observation: &Observation, place: Vec2) -> Option<(&BallSeen, f64)> {
    observation
        .balls
        .iter()
        .filter_map(|b| b.position_m.map(|p| (b, p.distance(place))))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

#[test]
fn a_calibrated_frame_gives_every_ball_within_a_millimetre() {
    let scene = Scene::full();
    let seen = Analyser::new(Some(scene.spec.clone())).analyse(&calibrated(&scene));
    assert_eq!(seen.balls.len(), 16, "{:?}", seen.balls);
    let mut right = 0;
    for (kind, place) in &scene.balls {
        let (ball, off) = nearest(&seen, *place).unwrap();
        assert!(off < 1e-3, "{kind:?} off by {:.2} mm", off * 1e3);
        right += u32::from(ball.kind.group == kind.group);
    }
    assert!(right >= 15, "{right} groups of 16 right");
    assert!(seen.cues.is_empty() && seen.warnings.is_empty());
}

#[test]
fn the_second_frame_reuses_what_the_first_taught() {
    let scene = Scene::full();
    let frame = calibrated(&scene);
    let mut analyser = Analyser::new(Some(scene.spec.clone()));
    let first = analyser.analyse(&frame);
    let second = analyser.analyse(&frame);
    assert_eq!(first.balls, second.balls);
    assert!(!second.timing_ms.iter().any(|(step, _)| *step == "cloth"));
}

#[test]
fn a_picture_without_calibration_gives_the_table_and_its_balls() {
    let scene = Scene::full();
    let seen = Analyser::new(None).analyse(&scene.render());
    let table = seen.table.as_ref().unwrap();
    let truth = bed::rectangle_px(&scene.camera, 1.27, 0.635, scene.spec.nose_height_m).unwrap();
    for (found, real) in table.corners_px.iter().zip(truth) {
        assert!(found.distance(real) < 4.0, "{found} should be {real}");
    }
    assert_eq!(table.model, "pool-9ft");
    assert_eq!(seen.balls.len(), 16);
    for (kind, place) in &scene.balls {
        let (_, off) = nearest(&seen, *place).unwrap();
        assert!(off < 0.012, "{kind:?} off by {:.1} mm", off * 1e3);
    }
}

#[test]
fn stickers_and_shadows_are_not_balls() {
    let mut scene = Scene::empty();
    scene.stickers = vec![(Vec2::new(0.635, 0.0), 0.014), (Vec2::new(-0.635, 0.0), 0.012)];
    scene.shadows = vec![
        (Vec2::new(0.2, 0.2), 0.05, 0.6),
        (Vec2::new(-0.4, -0.3), 0.03, 0.55),
    ];
    for frame in [scene.render(), calibrated(&scene)] {
        let seen = Analyser::new(None).analyse(&frame);
        assert!(seen.table.is_some());
        assert!(seen.balls.is_empty(), "{:?}", seen.balls);
    }
}

/// What a camera sees of this scene while its last ball goes from its place by `way`, evenly.
fn exposed(scene: &mut Scene, way: Vec2) -> Frame {
    const MOMENTS: u32 = 12;
    let (kind, from) = scene.balls.pop().unwrap();
    let mut light = vec![0u32; scene.camera.lens.image.pixels() * 3];
    for k in 0..MOMENTS {
        let share = (f64::from(k) + 0.5) / f64::from(MOMENTS);
        scene.balls.push((kind, from + way * share));
        let frame = scene.render();
        light
            .iter_mut()
            .zip(frame.pixels.iter())
            .for_each(|(sum, byte)| *sum += u32::from(*byte));
        scene.balls.pop();
    }
    scene.balls.push((kind, from));
    let pixels = light.iter().map(|sum| (sum / MOMENTS) as u8).collect();
    Frame::new(1, scene.camera.lens.image, PixelFormat::Rgb8, pixels).unwrap()
}

#[test]
fn a_streak_is_one_ball_and_two_alike_that_touch_are_two() {
    let mut scene = Scene::empty();
    let d = 2.0 * scene.spec.ball.radius_m;
    let from = Vec2::new(0.3, 0.1);
    let red = |place| (BallKind::pool(3), place);
    scene.balls = vec![
        red(Vec2::new(-0.6, 0.2)),
        red(Vec2::new(-0.6 + d, 0.2)),
        red(from),
    ];
    for length_m in [0.06, 0.08] {
        let way = length_m * unit(0.4);
        let mut frame = exposed(&mut scene, way);
        for camera in [None, Some(Arc::new(scene.camera))] {
            frame.camera = camera;
            let seen = Analyser::new(Some(scene.spec.clone())).analyse(&frame);
            assert_eq!(seen.balls.len(), 3, "{length_m} m: {:?}", seen.balls);
            let (_, off) = nearest(&seen, from + way * 0.5).unwrap();
            assert!(off < 0.012, "{length_m} m: {off} m");
        }
    }
}

#[test]
fn touching_balls_are_told_apart() {
    let mut scene = Scene::empty();
    let d = 2.0 * scene.spec.ball.radius_m;
    let first = Vec2::new(0.5, 0.1);
    for (n, place) in [
        first,
        first + Vec2::new(d, 0.0),
        first + Vec2::new(d / 2.0, d * 0.866),
        first + Vec2::new(d * 1.5, d * 0.866),
        Vec2::new(-0.7, 0.635 - d / 2.0),
    ]
    .into_iter()
    .enumerate()
    {
        scene.balls.push((BallKind::pool(n as u8 + 1), place));
    }
    let seen = Analyser::new(None).analyse(&calibrated(&scene));
    assert_eq!(seen.balls.len(), 5, "{:?}", seen.balls);
    for (kind, place) in &scene.balls {
        let (_, off) = nearest(&seen, *place).unwrap();
        assert!(off < 2e-3, "{kind:?} off by {:.2} mm", off * 1e3);
    }
}

#[test]
fn a_cue_over_the_rail_is_seen_with_tip_and_direction_and_is_no_ball() {
    let mut scene = Scene::empty();
    scene.balls = vec![
        (BallKind::pool(0), Vec2::new(-0.3, 0.05)),
        (BallKind::pool(8), Vec2::new(0.5, 0.2)),
    ];
    let (tip, butt) = (Vec2::new(-0.38, 0.04), Vec2::new(-1.75, -0.20));
    scene.cue = Some((tip, butt));
    let seen = Analyser::new(None).analyse(&calibrated(&scene));
    assert_eq!(seen.balls.len(), 2, "{:?}", seen.balls);
    let cue = seen.cues.first().unwrap();
    assert!(cue.tip_m.unwrap().distance(tip) < 0.02, "{:?}", cue.tip_m);
    let turned = cue.direction.unwrap().angle_to((tip - butt).normalize()).abs();
    assert!(turned.to_degrees() < 2.0, "{}°", turned.to_degrees());
    assert!(cue.line.is_some() && !cue.lying);
}

#[test]
fn a_cue_of_which_the_rail_leaves_little_to_see_is_seen() {
    for depth in [0.12, 0.16, 0.2] {
        let mut scene = Scene::empty();
        let (tip, along) = (Vec2::new(depth - 1.27, 0.1), unit(0.15));
        scene.balls = vec![(BallKind::pool(0), tip + along * 0.05)];
        scene.cue = Some((tip, tip - along * 0.8));
        let seen = Analyser::new(None).analyse(&calibrated(&scene));
        let cue = seen.cues.first().unwrap();
        assert!(
            cue.tip_m.unwrap().distance(tip) < 0.02,
            "{depth}: {:?}",
            cue.tip_m
        );
        let turned = cue.direction.unwrap().angle_to(along).abs();
        assert!(turned.to_degrees() < 1.5 && !cue.lying, "{depth}: {turned}");
    }
}

#[test]
fn a_cue_that_lies_on_the_cloth_is_told_as_lying() {
    let mut scene = Scene::empty();
    scene.balls = vec![(BallKind::pool(0), Vec2::new(-0.7, 0.3))];
    scene.cue = Some((Vec2::new(-0.5, 0.3), Vec2::new(0.7, -0.35)));
    let seen = Analyser::new(None).analyse(&calibrated(&scene));
    assert_eq!(seen.balls.len(), 1, "{:?}", seen.balls);
    assert!(seen.cues.iter().any(|cue| cue.lying), "{:?}", seen.cues);
    assert!(seen.cues.iter().all(|cue| cue.lying), "{:?}", seen.cues);
}

#[test]
fn many_reds_are_a_snooker_set() {
    let mut scene = Scene::empty();
    let kind = |group| BallKind { group, number: None };
    for i in 0..8 {
        scene
            .balls
            .push((kind(Group::Red), Vec2::new(-0.9 + 0.2 * f64::from(i), 0.3)));
    }
    for (i, group) in Group::COLOURS.into_iter().chain([Group::Cue]).enumerate() {
        scene
            .balls
            .push((kind(group), Vec2::new(-0.9 + 0.25 * i as f64, -0.2)));
    }
    scene.cloth = [40.0, 110.0, 60.0];
    let seen = Analyser::new(None).analyse(&calibrated(&scene));
    let right = scene
        .balls
        .iter()
        .filter(|(kind, place)| {
            nearest(&seen, *place).is_some_and(|(b, off)| off < 2e-3 && b.kind.group == kind.group)
        })
        .count();
    assert!(right >= 14, "{right} of 15: {:?}", seen.balls);
}

#[test]
fn pictures_of_nothing_give_nothing_and_do_no_harm() {
    let picture = |w: u32, h: u32, pixel: &mut dyn FnMut(u32, u32) -> [u8; 3]| {
        let bytes = (0..h)
            .flat_map(|y| (0..w).map(move |x| (x, y)))
            .flat_map(|(x, y)| pixel(x, y))
            .collect();
        Frame::new(0, ImageSize::new(w, h), PixelFormat::Rgb8, bytes).unwrap()
    };
    let mut random = fastrand::Rng::with_seed(3);
    let mut pictures = vec![
        picture(1, 1, &mut |_, _| [20, 90, 40]),
        picture(2, 3000, &mut |_, _| [20, 90, 40]),
        picture(640, 480, &mut |_, _| [0, 0, 0]),
        picture(640, 480, &mut |_, _| [255, 255, 255]),
        picture(640, 480, &mut |_, _| [20, 90, 40]),
        picture(640, 480, &mut |x, _| [20, (x / 3) as u8, 40]),
        picture(640, 480, &mut |x, y| {
            if (x / 40 + y / 40) % 2 == 0 {
                [20, 90, 40]
            } else {
                [90, 50, 30]
            }
        }),
    ];
    pictures.push(picture(640, 480, &mut |_, _| {
        [random.u8(..), random.u8(..), random.u8(..)]
    }));
    for (i, frame) in pictures.into_iter().enumerate() {
        let seen = Analyser::new(None).analyse(&frame);
        assert!(
            seen.balls.is_empty() && seen.cues.is_empty(),
            "picture {i}: {:?}",
            seen.balls
        );
        let mut frame = frame;
        let mut camera = Scene::empty().camera;
        camera.lens.image = frame.size;
        frame.camera = Some(Arc::new(camera));
        // Told that this is a table it may believe what it likes, but must come back.
        let seen = Analyser::new(None).analyse(&frame);
        assert_eq!(seen.image, frame.size);
    }
}

#[test]
fn the_three_pixel_formats_agree() {
    let scene = Scene::full();
    let rgb = calibrated(&scene);
    for format in [PixelFormat::Yuyv, PixelFormat::Nv12] {
        let seen = Analyser::new(None).analyse(&rgb.in_format(format).unwrap());
        assert_eq!(seen.balls.len(), 16, "{format:?}");
        for (kind, place) in &scene.balls {
            let (_, off) = nearest(&seen, *place).unwrap();
            assert!(off < 1.5e-3, "{format:?} {kind:?} off by {:.2} mm", off * 1e3);
        }
    }
}

/// The picture of `scene` with every pixel changed by `change` (column, row, colour, the picture's own pixels).
fn changed(scene: &Scene, change: impl Fn(u32, u32, &Frame) -> [u8; 3], size: ImageSize) -> Frame {
    let frame = scene.render();
    let bytes = (0..size.height)
        .flat_map(|y| (0..size.width).map(move |x| (x, y)))
        .flat_map(|(x, y)| change(x, y, &frame))
        .collect();
    Frame::new(0, size, PixelFormat::Rgb8, bytes).unwrap()
}

#[test]
fn half_a_picture_half_a_table_and_two_tables_get_an_answer_that_is_not_wrong() {
    let scene = Scene::full();
    let size = scene.camera.lens.image;
    // The lower half never came: grey.
    let half = changed(
        &scene,
        |x, y, frame| if y < 540 { frame.rgb(x, y) } else { [128; 3] },
        size,
    );
    // The right third of the table is out of the picture.
    let cut = changed(&scene, |x, y, frame| frame.rgb(x, y), ImageSize::new(1250, 1080));
    let two = changed(
        &scene,
        |x, y, frame| frame.rgb(x, if y < 1080 { y } else { 2159 - y }),
        ImageSize::new(1920, 2160),
    );
    for (name, frame) in [("half", half), ("cut", cut), ("two", two)] {
        let seen = Analyser::new(None).analyse(&frame);
        match &seen.table {
            None => {
                let [why] = seen.warnings.as_slice() else {
                    panic!("{name}: {:?}", seen.warnings);
                };
                assert!(why.starts_with("no table found: "), "{name}: {why}");
                assert!(seen.balls.is_empty() && seen.cues.is_empty());
            }
            // Whatever is called a ball is one.
            Some(_) => {
                for ball in &seen.balls {
                    let real = |(_, place): &(BallKind, Vec2)| {
                        let at = scene
                            .camera
                            .project(place.extend(scene.spec.ball.radius_m))
                            .unwrap();
                        let mirrored = Vec2::new(at.x, 2160.0 - at.y);
                        at.distance(ball.center_px).min(mirrored.distance(ball.center_px)) < 6.0
                    };
                    assert!(scene.balls.iter().any(real), "{name}: {ball:?}");
                }
            }
        }
    }
}

/// What is learned of a drawn scene when a person says that the balls there are called `names`.
fn house_of(scene: &Scene, names: &[(u8, u8)]) -> HouseSet {
    let seen = Analyser::new(Some(scene.spec.clone())).analyse(&calibrated(scene));
    let mut lesson = Lesson::new(BallSet::Pool);
    for (kind, place) in &scene.balls {
        let (ball, _) = nearest(&seen, *place).unwrap();
        lesson.add(renamed(*kind, names), &ball.look).unwrap();
    }
    lesson.set().check().unwrap();
    lesson.set()
}

fn renamed(kind: BallKind, names: &[(u8, u8)]) -> BallKind {
    let other = names.iter().find(|n| Some(n.0) == kind.number);
    other.map_or(kind, |n| BallKind::pool(n.1))
}

#[test]
fn a_house_with_other_colours_is_named_by_them() {
    // A set whose 2 is green and whose 6 is blue, and 4 and 5 the other way round.
    let odd = [
        (2, 6),
        (6, 2),
        (10, 14),
        (14, 10),
        (4, 5),
        (5, 4),
        (12, 13),
        (13, 12),
    ];
    let scene = Scene::full();
    let house = house_of(&scene, &odd);
    let mut analyser = Analyser::new(Some(scene.spec.clone())).with_house_set(Some(house));
    let mut frame = calibrated(&scene);
    for frames in [1, 10] {
        let mut seen = None;
        for _ in 0..frames {
            frame.captured += CLOTH_PERIOD;
            seen = Some(analyser.analyse(&frame));
        }
        let seen = seen.unwrap();
        for (kind, place) in &scene.balls {
            let (ball, _) = nearest(&seen, *place).unwrap();
            assert_eq!(ball.kind, renamed(*kind, &odd), "after {frames}");
        }
    }
    analyser.reset();
    let seen = analyser.analyse(&frame);
    let (ball, _) = nearest(&seen, scene.balls[2].1).unwrap();
    assert_eq!(ball.kind, BallKind::pool(6), "a reset keeps what was taught");
}

#[test]
fn a_whole_rack_moves_the_taught_colours_with_the_light() {
    let scene = Scene::full();
    let mut house = house_of(&scene, &[]);
    for ball in &mut house.balls {
        ball.shade.value = (ball.shade.value - 0.05).max(0.0);
    }
    let taught = house.clone();
    let mut analyser = Analyser::new(Some(scene.spec.clone())).with_house_set(Some(house));
    let mut frame = calibrated(&scene);
    for _ in 0..2 {
        analyser.analyse(&frame);
        frame.captured += CLOTH_PERIOD;
    }
    let now = analyser.house.as_ref().unwrap().now();
    let led = (now.balls.iter().zip(&taught.balls)).filter(|(a, b)| a.shade.value > b.shade.value);
    assert!(led.count() >= 12);
}

#[test]
fn a_lone_hand_is_hidden_bed_to_an_analyser_that_saw_nothing_before() {
    let scene = Scene::empty();
    let (middle, half) = (Vec2::new(0.3, 0.1), 0.05);
    let mut frame = calibrated(&scene);
    let mut pixels = frame.pixels.to_vec();
    for (i, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        let w = frame.size.width as usize;
        let p = Vec2::new((i % w) as f64 + 0.5, (i / w) as f64 + 0.5);
        let off = scene.camera.on_plane(p, 0.0).unwrap() - middle;
        if off.abs().max_element() < half {
            pixel.copy_from_slice(&[200, 150, 120]);
        }
    }
    frame.pixels = Arc::new(pixels);
    let seen = Analyser::new(Some(scene.spec.clone())).analyse(&frame);
    assert!(seen.balls.is_empty(), "{:?}", seen.balls);
    assert!(seen.hidden.at(middle), "nothing hidden");
    let cover = (2.0 * half) * (2.0 * half) / (2.54 * 1.27);
    assert!(
        (0.5..2.0).contains(&(seen.hidden.share() / cover)),
        "{:?}",
        seen.hidden.strips()
    );
}
