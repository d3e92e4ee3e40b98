mod company;

use super::*;
use crate::table::TableMeasures;
use crate::units::{Vec2, Vec3};

fn small(scene: SceneName) -> Options {
    Options {
        size: ImageSize::new(640, 360),
        pace: Pace::Fast,
        ..Options::new(scene)
    }
}

fn frame(table: &mut VirtualTable) -> Frame {
    table.next(Duration::ZERO).unwrap().unwrap()
}

#[test]
fn a_frame_shows_every_ball_where_the_truth_says_it_is() {
    let quiet = |scene| Options {
        size: ImageSize::new(1280, 720),
        pace: Pace::Fast,
        noise_levels: 0.0,
        ..Options::new(scene)
    };
    let empty = frame(&mut VirtualTable::new(&quiet(SceneName::Empty)).unwrap());
    let full = frame(&mut VirtualTable::new(&quiet(SceneName::Grid)).unwrap());
    let camera = full.camera.clone().unwrap();
    let radius = TableSpec::pool_9ft().ball.radius_m;
    let truth = full.truth.clone().unwrap();
    assert_eq!(truth.balls.len(), 16);
    for ball in &truth.balls {
        // Against the true outline: what is a ball inside, and cloth or its shadow outside.
        let outline = camera.silhouette(ball.position_m.extend(radius), radius, 90);
        let middle = outline.iter().sum::<Vec2>() / outline.len() as f64;
        let size = outline.iter().map(|p| p.distance(middle)).sum::<f64>() / outline.len() as f64;
        let (mut sum, mut count) = (Vec2::ZERO, 0.0);
        let reach = size as i32 + 6;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (x, y) = (middle.x as i32 + dx, middle.y as i32 + dy);
                let [r, g, b] = full.rgb(x as u32, y as u32).map(f64::from);
                let [r0, g0, b0] = empty.rgb(x as u32, y as u32).map(f64::from);
                // A shadow keeps the cloth's hue: compare the ratios of the channels.
                let bright = (r + g + b).max(1.0);
                let cloth = r0 + g0 + b0;
                let hue = (r / bright - r0 / cloth).abs() + (b / bright - b0 / cloth).abs();
                if hue > 0.06 || bright > 1.06 * cloth {
                    sum += Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
                    count += 1.0;
                }
            }
        }
        let area = std::f64::consts::PI * size * size;
        // A ball as blue as the cloth hides part of itself; the others must be whole.
        if count > 0.88 * area {
            let error = (sum / count).distance(middle);
            assert!(error < 0.5, "{:?} is off by {error} px", ball.kind);
            assert!(count < 1.15 * area, "{:?}: {count} px of {area}", ball.kind);
        } else {
            assert!(
                [2, 10, 6, 14].contains(&ball.kind.number.unwrap()),
                "{:?}: {count} px of {area}",
                ball.kind
            );
        }
    }
}

#[test]
fn the_cue_lies_where_the_truth_says_it_does() {
    let mut options = small(SceneName::Still);
    options.size = ImageSize::new(1280, 720);
    options.noise_levels = 0.0;
    let mut table = VirtualTable::new(&options).unwrap();
    table.skip(20);
    let seen = frame(&mut table);
    let truth = seen.truth.clone().unwrap();
    let cue = truth.cue.unwrap();
    // The ferrule, white, 25 mm behind the tip and about as high as the middle of a ball.
    let at = (cue.tip_m - cue.direction * 0.025).extend(0.031);
    let px = seen.camera.clone().unwrap().project(at).unwrap();
    let [r, g, b] = seen.rgb(px.x as u32, px.y as u32);
    assert!(r > 170 && g > 170 && b > 150, "{r} {g} {b} at {px}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let film = |seed| {
        let mut table = VirtualTable::new(&Options {
            seed,
            ..small(SceneName::Break)
        })
        .unwrap();
        (0..=50).map(|_| frame(&mut table).pixels).collect::<Vec<_>>()
    };
    let (a, b, other) = (film(7), film(7), film(8));
    for number in [0, 10, 50] {
        assert_eq!(a[number], b[number], "frame {number}");
        assert_ne!(a[number], other[number], "frame {number}");
    }
    assert_ne!(a[0], a[10]);
}

#[test]
fn redrawing_what_moved_gives_the_same_picture_as_redrawing_everything() {
    let mut table = VirtualTable::new(&small(SceneName::Break)).unwrap();
    for stretch in [0, 40, 60, 6, 1, 9, 30] {
        table.skip(stretch);
        let moment = table.play.moment();
        table.canvas.draw(&moment);
        let kept = table.canvas.bytes().to_vec();
        table.canvas.draw_all(&moment);
        assert!(kept == table.canvas.bytes(), "frame {}", table.sequence);
    }
}

#[test]
fn every_table_is_drawn_with_every_scene_it_can_show() {
    let mut measures = TableMeasures::default();
    (measures.length_m, measures.width_m) = (Some(1.2), Some(0.6));
    measures.ball.radius_m = Some(0.019);
    let custom = measures.on(&TableSpec::pool_9ft()).unwrap();
    let models = TableSpec::NAMES.map(|name| TableSpec::named(name).unwrap());
    for spec in models.into_iter().chain([custom]) {
        for scene in SceneName::ALL {
            let options = Options {
                table: spec.clone(),
                size: ImageSize::new(320, 180),
                ..small(scene)
            };
            match VirtualTable::new(&options) {
                Ok(mut table) => {
                    table.skip(75);
                    let seen = frame(&mut table);
                    let truth = seen.truth.clone().unwrap();
                    assert_eq!(truth.balls.is_empty(), scene == SceneName::Empty);
                    assert_eq!(seen.pixels.len(), 320 * 180 * 3);
                    assert_eq!(table.name(), format!("virtual:{scene}"));
                }
                Err(error) => {
                    assert!(scene.needs().is_some_and(|set| set != spec.ball_set));
                    assert!(error.to_string().contains(scene.name()), "{error}");
                }
            }
        }
    }
}

#[test]
fn impossible_options_are_refused_and_the_message_says_what_is_possible() {
    let base = small(SceneName::Practice);
    let refused = |options: Options, words: &[&str]| {
        let text = VirtualTable::new(&options).unwrap_err().to_string();
        assert!(words.iter().all(|w| text.contains(w)), "{text}");
    };
    for (w, h) in [
        (0, 0),
        (0, 1080),
        (1920, 0),
        (8, 8),
        (100_000, 100_000),
        (u32::MAX, 1080),
    ] {
        let size = ImageSize::new(w, h);
        refused(Options { size, ..base.clone() }, &[&w.to_string(), "4096×2304"]);
    }
    for fps in [0.0, -30.0, 1e9, f64::NAN, f64::INFINITY] {
        refused(Options { fps, ..base.clone() }, &["1 to 240"]);
    }
    for noise_levels in [-1.0, 300.0, f64::NAN] {
        refused(
            Options {
                noise_levels,
                ..base.clone()
            },
            &["0 to 20"],
        );
    }
    for exposure_s in [-0.001, 0.5, f64::NAN] {
        refused(
            Options {
                exposure_s,
                ..base.clone()
            },
            &["1/fps"],
        );
    }
    let mut up = render::view::overhead(&base.table, base.size);
    up.pose =
        crate::calibration::Pose::looking_at(Vec3::new(0.0, 0.0, 2.0), Vec3::new(0.0, 5.0, 3.0), Vec3::Z);
    refused(
        Options {
            camera: Some(up),
            ..base
        },
        &["look down"],
    );
}

#[test]
fn fast_pace_stamps_frames_one_period_apart() {
    let mut table = VirtualTable::new(&small(SceneName::Empty)).unwrap();
    let (a, b) = (frame(&mut table), frame(&mut table));
    assert_eq!((a.sequence, b.sequence), (0, 1));
    let gap = (b.captured - a.captured).as_secs_f64();
    assert!((gap - 1.0 / 30.0).abs() < 1e-6, "{gap}");
}

#[test]
fn real_time_waits_for_a_frame_and_says_when_none_has_come() {
    let options = Options {
        pace: Pace::RealTime,
        fps: 1.0,
        ..small(SceneName::Empty)
    };
    let mut table = VirtualTable::new(&options).unwrap();
    assert!(table.next(Duration::ZERO).unwrap().is_some());
    assert!(table.next(Duration::from_millis(1)).unwrap().is_none());
}

#[test]
fn a_camera_nobody_reads_drops_frames_and_shows_the_gap() {
    let options = Options {
        pace: Pace::RealTime,
        fps: 200.0,
        ..small(SceneName::Still)
    };
    let mut table = VirtualTable::new(&options).unwrap();
    let first = frame(&mut table);
    std::thread::sleep(Duration::from_millis(60));
    let second = frame(&mut table);
    assert!(second.sequence > first.sequence + 2, "{}", second.sequence);
}

#[test]
fn the_operator_takes_the_cue_aims_and_shoots() {
    let mut table = VirtualTable::new(&small(SceneName::Practice)).unwrap();
    let handle = table.handle();
    handle.place_cue_ball(Vec2::new(-0.6, 0.1));
    handle.aim(0.3);
    handle.nudge(0.2);
    handle.set_speed(1.5);
    table.skip(2);
    let truth = table.play.truth();
    let cue = truth.cue.unwrap();
    assert!((cue.direction.to_angle() - 0.5).abs() < 1e-9);
    let ball = truth.balls[0].position_m;
    let behind = (ball - cue.tip_m).dot(cue.direction);
    assert!(behind > 0.0 && behind < 0.2, "{behind}");
    handle.shoot();
    let mut moved = false;
    for _ in 0..60 {
        table.skip(1);
        let velocity = table.play.truth().balls[0].velocity_m_s;
        if velocity.length() > 0.5 && !moved {
            moved = true;
            assert!((velocity.to_angle() - 0.5).abs() < 0.05, "{velocity}");
        }
    }
    assert!(moved);
    handle.release();
    assert!(!handle.is_taken());
    // Nonsense changes nothing.
    handle.aim(f64::NAN);
    handle.set_speed(f64::INFINITY);
    assert!(!handle.is_taken());
}

#[test]
fn projected_light_falls_where_it_is_aimed_and_leaves_no_trace() {
    let mut options = small(SceneName::Grid);
    options.noise_levels = 0.0;
    let mut table = VirtualTable::new(&options).unwrap();
    let dark = frame(&mut table);
    // A red bar across the table at x = 0.5..0.6 m, the full length of it in the picture.
    let (size, half) = (ImageSize::new(254, 127), Vec2::new(1.27, 0.635));
    let mut rgb = vec![0_u8; size.pixels() * 3];
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        if (177..187).contains(&(i % 254)) {
            pixel[0] = 255;
        }
    }
    table.set_projection(Some(Arc::new(ProjectedLight::new(size, rgb, half).unwrap())));
    let lit = frame(&mut table);
    let camera = lit.camera.clone().unwrap();
    let red = |frame: &Frame, x: f64, y: f64| {
        let p = camera.project(Vec3::new(x, y, 0.0)).unwrap();
        frame.rgb(p.x as u32, p.y as u32)
    };
    for y in [-0.4, 0.05, 0.3] {
        assert!(red(&lit, 0.55, y)[0] > red(&dark, 0.55, y)[0] + 12);
        assert_eq!(red(&lit, 0.55, y)[2], red(&dark, 0.55, y)[2]);
        assert_eq!(red(&lit, 0.42, y), red(&dark, 0.42, y));
    }
    let kept = table.canvas.bytes().to_vec();
    let moment = table.play.moment();
    table.canvas.draw_all(&moment);
    assert!(kept == table.canvas.bytes());
    table.set_projection(None);
    assert!(frame(&mut table).pixels == dark.pixels);
    assert!(ProjectedLight::new(size, vec![0; 7], half).is_err());
    assert!(ProjectedLight::new(ImageSize::new(1, 1), vec![0; 3], Vec2::ZERO).is_err());
}

/// Writes pictures into the folder named by `PICTURES`, to look at.
#[test]
#[ignore = "writes pictures for people to look at"]
fn pictures() {
    let Ok(folder) = std::env::var("PICTURES") else {
        return;
    };
    let wanted = std::env::var("SCENES").unwrap_or_else(|_| "practice".to_owned());
    let frames: Vec<u64> = std::env::var("FRAMES")
        .unwrap_or_else(|_| "0".to_owned())
        .split(',')
        .filter_map(|f| f.parse().ok())
        .collect();
    for name in wanted.split(',') {
        let mut options = Options::new(name.parse().unwrap());
        options.pace = Pace::Fast;
        let mut table = VirtualTable::new(&options).unwrap();
        for &number in &frames {
            table.skip(number.saturating_sub(table.sequence));
            let frame = table.next(Duration::ZERO).unwrap().unwrap();
            frame
                .to_rgb(1)
                .save(format!("{folder}/{name}_{number:05}.png"))
                .unwrap();
        }
    }
}

/// Prints milliseconds per frame.
#[test]
#[ignore = "measures speed"]
fn speed() {
    for (name, skip, frames) in [
        ("grid", 0, 60),
        ("still", 0, 60),
        ("practice", 60, 120),
        ("practice", 130, 120),
        ("break", 110, 60),
        ("break", 150, 60),
    ] {
        let mut options = Options::new(name.parse().unwrap());
        options.pace = Pace::Fast;
        let start = Instant::now();
        let mut table = VirtualTable::new(&options).unwrap();
        let setup = start.elapsed();
        table.skip(skip);
        let _ = table.next(Duration::ZERO);
        let mut worst = Duration::ZERO;
        let start = Instant::now();
        for _ in 0..frames {
            let one = Instant::now();
            let _ = table.next(Duration::ZERO);
            worst = worst.max(one.elapsed());
        }
        let mean = start.elapsed().as_secs_f64() * 1e3 / f64::from(frames);
        eprintln!("{name} from {skip}: setup {setup:?}, {mean:.2} ms a frame, worst {worst:?}");
    }
}
