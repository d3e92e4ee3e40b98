//! The eye on the virtual table's frames, against what is really there.

use super::*;
use crate::table::{BallSet, TableMeasures};
use crate::virtual_table::domain::as_calibrated;
use crate::virtual_table::rig::Rig;
use crate::virtual_table::shot::{Shot, ShotKind};
use crate::virtual_table::{Company, Lighting, Options, Pace, SceneName, VirtualTable};
use crate::vision::observation::{TrueBall, Truth};
use crate::vision::source::FrameSource as _;
use std::sync::Arc;
use std::time::Duration;

/// Sums over the frames of a scene.
#[derive(Debug, Default)]
struct Score {
    balls: usize,
    found: usize,
    extra: usize,
    group: usize,
    cues: usize,
    cues_found: usize,
    off_mm: Vec<f64>,
    turned_deg: Vec<f64>,
    ms: Vec<f64>,
}

impl Score {
    /// Counts the balls seen within `gate` metres of where they are, and those seen where none is.
    fn compare(&mut self, seen: &Observation, truth: &Truth, gate: f64) {
        let mut used = vec![false; seen.balls.len()];
        for ball in &truth.balls {
            self.balls += 1;
            let near = seen
                .balls
                .iter()
                .enumerate()
                .filter(|(i, _)| !used[*i])
                .filter_map(|(i, b)| Some((i, b, b.position_m?.distance(ball.position_m))))
                .min_by(|a, b| a.2.total_cmp(&b.2));
            if let Some((i, b, off)) = near.filter(|n| n.2 < gate) {
                used[i] = true;
                self.found += 1;
                self.group += usize::from(b.kind.group == ball.kind.group);
                self.off_mm.push(off * 1e3);
            }
        }
        self.extra += used.iter().filter(|u| !**u).count();
    }
}

fn score(scene: SceneName, skip: u64, frames: usize, calibrated: bool) -> Score {
    score_with(&Options::new(scene), skip, frames, calibrated)
}

fn score_with(options: &Options, skip: u64, frames: usize, calibrated: bool) -> Score {
    let options = Options {
        pace: Pace::Fast,
        ..options.clone()
    };
    let mut source = VirtualTable::new(&options).unwrap();
    let known = calibrated || options.table.ball_set != BallSet::Pool;
    let mut analyser = Analyser::new(known.then(|| options.table.clone()));
    let mut out = Score::default();
    for _ in 0..frames {
        source.skip(skip);
        let mut frame = source.next(Duration::from_secs(1)).unwrap().unwrap();
        let truth = frame.truth.clone().unwrap();
        if !calibrated {
            frame.camera = None;
        }
        let seen = analyser.analyse(&frame);
        out.ms.push(seen.timing_ms.last().unwrap().1);
        out.compare(&seen, &truth, if calibrated { 0.01 } else { 0.03 });
        if let Some(cue) = truth.cue {
            out.cues += 1;
            if let Some(c) = seen.cues.first() {
                out.cues_found += 1;
                out.turned_deg.push(
                    c.direction
                        .map_or(90.0, |d| d.angle_to(cue.direction).abs().to_degrees()),
                );
            }
        }
    }
    for v in [&mut out.off_mm, &mut out.turned_deg, &mut out.ms] {
        v.sort_by(f64::total_cmp);
    }
    out
}

fn middle(v: &[f64]) -> f64 {
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

#[test]
fn the_grid_of_the_virtual_table_is_seen_whole() {
    let s = score(SceneName::Grid, 0, 2, true);
    assert_eq!((s.found, s.extra), (s.balls, 0), "{s:?}");
    assert!(middle(&s.off_mm) < 1.0, "{} mm", middle(&s.off_mm));
    assert!(s.group * 10 >= s.balls * 9, "{} of {} groups", s.group, s.balls);
}

#[test]
fn the_grid_of_a_custom_table_is_seen_whole() {
    let mut measures = TableMeasures::default();
    (measures.length_m, measures.width_m) = (Some(2.1), Some(1.1));
    (measures.nose_height_m, measures.cushion_width_m) = (Some(0.034), Some(0.045));
    measures.ball.radius_m = Some(0.026);
    let options = Options {
        table: measures.on(&TableSpec::pool_9ft()).unwrap(),
        ..Options::new(SceneName::Grid)
    };
    let s = score_with(&options, 0, 2, true);
    assert_eq!((s.found, s.extra), (s.balls, 0), "{s:?}");
    assert!(middle(&s.off_mm) < 1.0, "{} mm", middle(&s.off_mm));
}

#[test]
fn the_empty_virtual_table_is_empty() {
    for calibrated in [true, false] {
        let s = score(SceneName::Empty, 0, 1, calibrated);
        assert_eq!((s.balls, s.extra), (0, 0));
    }
}

#[test]
fn a_black_ball_on_grey_cloth_and_a_ball_in_a_pockets_mouth_are_found() {
    // Rooms made up by a number in which one lies some seconds later.
    for room in [20_261_201_783_427, 20_261_201_783_432] {
        let s = score_with(&Options::of_domain(room), 350, 1, true);
        assert!(s.balls > 3);
        assert_eq!((s.found, s.extra), (s.balls, 0), "{room}: {s:?}");
    }
}

#[test]
fn balls_like_the_cloth_in_racks_are_found_where_they_lie() {
    // A green one of nine on green, in the others' shadow, a stripe's dark red at a rack's corner on red, and a black one
    // on grey.
    for room in [20_261_195_783_409, 20_261_195_783_413, 20_261_207_783_456] {
        let mut shot = Shot::new(room, ShotKind::Break, 30.0).unwrap();
        let camera = Arc::new(as_calibrated(&shot.table.camera(), &shot.options.table, room));
        let mut analyser = Analyser::new(Some(shot.options.table.clone()));
        let mut s = Score::default();
        for _ in 0..8 {
            let mut frame = shot.next_frame().unwrap();
            let truth = frame.truth.clone().unwrap();
            frame.camera = Some(Arc::clone(&camera));
            s.compare(&analyser.analyse(&frame), &truth, 0.005);
        }
        assert!(s.balls >= 80, "{s:?}");
        assert_eq!((s.found, s.extra), (s.balls, 0), "{room}: {s:?}");
    }
}

#[test]
fn a_black_ball_between_two_on_grey_cloth_is_seen() {
    // At the back of a rack, where two balls touch it.
    let room = 20_261_261_783_607;
    let mut shot = Shot::new(room, ShotKind::Break, 30.0).unwrap();
    let camera = Arc::new(as_calibrated(&shot.table.camera(), &shot.options.table, room));
    let mut analyser = Analyser::new(Some(shot.options.table.clone()));
    let place = Vec2::new(0.8329, 0.0008);
    let mut seen = 0;
    for _ in 0..8 {
        let mut frame = shot.next_frame().unwrap();
        frame.camera = Some(Arc::clone(&camera));
        let balls = analyser.analyse(&frame).balls;
        seen += usize::from(
            balls
                .iter()
                .filter_map(|b| b.position_m)
                .any(|p| p.distance(place) < 0.014),
        );
    }
    assert!(seen >= 3, "{seen} of 8");
}

#[test]
fn hard_shadows_beside_the_balls_are_no_balls() {
    // One lamp far to the side: every ball has a dark disc beside it.
    for cloth in [[160, 30, 40], [86, 50, 120], [104, 108, 112]] {
        let options = Options {
            lighting: Lighting::Side,
            cloth_srgb: Some(cloth),
            ..Options::new(SceneName::Grid)
        };
        let s = score_with(&options, 0, 1, true);
        assert!(s.found + 1 >= s.balls && s.extra == 0, "{cloth:?}: {s:?}");
    }
}

#[test]
fn a_table_of_the_floors_colour_is_found_in_a_picture() {
    for lighting in [Lighting::Rows, Lighting::Bars] {
        let options = Options {
            lighting,
            cloth_srgb: Some([176, 150, 108]),
            size: ImageSize::new(1280, 720),
            ..Options::new(SceneName::Practice)
        };
        let mut frame = VirtualTable::new(&options).unwrap();
        let mut frame = frame.next(Duration::from_secs(1)).unwrap().unwrap();
        let camera = frame.camera.take().unwrap();
        let seen = Analyser::new(None).analyse(&frame);
        let table = seen
            .table
            .unwrap_or_else(|| panic!("{lighting:?}: {:?}", seen.warnings));
        let half = Vec2::new(options.table.half_length_m(), options.table.half_width_m());
        for corner in table.corners_px {
            let place = camera.on_plane(corner, options.table.nose_height_m).unwrap();
            let off = (place.abs() - half).abs().max_element();
            assert!(off < 0.02, "{lighting:?}: a corner is {off} m off");
        }
    }
}

/// Tan cloth over a wooden floor (13, 32, 65) looks like one four-sided thing, and the baulk line of a snooker table (02, 25)
/// parts its cloth: in the first picture that is tried, not in the one that is kept.
#[test]
fn cloth_like_the_floor_and_cloth_under_a_line_are_outlined() {
    for seed in [20_261_202, 20_261_213, 20_261_225, 20_261_232, 20_261_265] {
        let mut rig = Rig::of_seed(seed).unwrap();
        let frame = Frame {
            camera: None,
            ..rig.take().unwrap()
        };
        let camera = rig.table.camera();
        let seen = Analyser::new(Some(rig.spec.clone()))
            .analyse(&frame)
            .table
            .unwrap();
        let half = Vec2::new(rig.spec.half_length_m(), rig.spec.half_width_m());
        let length_px = f64::from(frame.size.width);
        for (corner, (x, y)) in
            seen.corners_px
                .iter()
                .zip([(-1.0, 1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])
        {
            let place = (half * Vec2::new(x, y)).extend(rig.spec.nose_height_m);
            let off = corner.distance(camera.project(place).unwrap());
            // A lens bends the noses, and their straight lines meet beyond their corners.
            assert!(off < 0.012 * length_px, "{seed}: {off:.1} px");
        }
    }
}

#[test]
fn people_are_no_balls_and_hide_what_they_cover() {
    let (mut hidden, mut told, mut called, mut balls, mut found) = (0, 0, 0, 0, 0);
    for seed in 0..8 {
        let options = Options {
            size: ImageSize::new(1280, 720),
            pace: Pace::Fast,
            // A shirt of the cloth's own colour can't be told from it.
            company: Company::of_seed(seed),
            cloth_srgb: Some([58, 128, 40]),
            ..Options::new(SceneName::Practice)
        };
        let mut table = VirtualTable::new(&options).unwrap();
        let mut analyser = Analyser::new(Some(options.table.clone()));
        for _ in 0..4 {
            table.skip(25);
            let frame = table.next(Duration::from_secs(1)).unwrap().unwrap();
            let truth = frame.truth.clone().unwrap();
            let seen = analyser.analyse(&frame);
            for ball in &seen.balls {
                let place = ball.position_m.unwrap();
                let near = |b: &&TrueBall| b.position_m.distance(place) < 0.015;
                assert!(
                    truth.balls.iter().any(|b| near(&b)),
                    "seed {seed}: no ball at {place}"
                );
            }
            for ball in truth.balls.iter().filter(|b| b.visible > 0.8) {
                balls += 1;
                let near = |b: &&BallSeen| b.position_m.unwrap().distance(ball.position_m) < 0.01;
                found += usize::from(seen.balls.iter().any(|b| near(&b)));
            }
            for i in 0..2000 {
                let place =
                    Vec2::new(f64::from(i % 50) - 24.5, f64::from(i / 50) - 19.5) * Vec2::new(0.049, 0.03);
                match table.visible_at(place) {
                    sight if sight < 0.1 => {
                        hidden += 1;
                        told += usize::from(seen.hidden.at(place));
                    }
                    sight if sight > 0.95 => called += usize::from(seen.hidden.at(place)),
                    _ => {}
                }
            }
        }
    }
    assert!(
        balls > 100 && found * 100 >= 99 * balls,
        "{found} of {balls} balls"
    );
    assert!(
        hidden > 100 && told * 10 >= 8 * hidden,
        "{told} of {hidden} hidden places"
    );
    assert!(called < 20, "{called} places in sight called hidden");
}

/// `cargo test --no-default-features --lib vision -- --ignored --nocapture virtual`
#[test]
#[ignore = "prints figures of every scene"]
fn figures_of_the_virtual_scenes() {
    for scene in SceneName::ALL {
        for calibrated in [true, false] {
            let s = score(scene, 25, 8, calibrated);
            eprintln!(
                "{:9} {} found {}/{} extra {} group {} off median {:.2} max {:.2} mm; cue {}/{} off {:.2}°; {:.1} ms",
                scene.name(),
                if calibrated { "calibrated " } else { "picture    " },
                s.found,
                s.balls,
                s.extra,
                s.group,
                middle(&s.off_mm),
                s.off_mm.last().copied().unwrap_or(0.0),
                s.cues_found,
                s.cues,
                middle(&s.turned_deg),
                middle(&s.ms),
            );
        }
    }
}
