use super::*;
use crate::calibration::{CameraModel, Lens, Pose, ProjectorModel};
use crate::physics::prediction::BallState;
use crate::physics::spread::{BallSpread, ConePoint, Spread};
use crate::physics::{CueStrike, Simulator};
use crate::projector::keystone::Mapping;
use crate::projector::overlay::Geometry;
use crate::projector::raster::picture;
use crate::projector::theme::{Theme, UNSEEN_CLOTH, Wanted};
use crate::table::{BallKind, TableSpec};
use crate::trainer::aim::ShotIntent;
use crate::trainer::help::Help;
use crate::units::ImageSize;
use crate::vision::track::{BallId, TrackedBall, TrackedCue};

const R: f64 = 0.028_575;

/// A shot from balls that lie like this, the cue ball first.
fn shot(spec: &TableSpec, balls: &[Vec2], direction: f64, speed: f64) -> (TableState, PredictedShot) {
    let lying: Vec<TrackedBall> = (balls.iter().zip(0..))
        .map(|(p, id)| TrackedBall::lying(BallId(id), BallKind::pool(id as u8), *p))
        .collect();
    let cue = TrackedCue {
        tip_m: balls[0] - unit(direction) * (R + 0.01),
        direction: unit(direction),
        elevation: 0.06,
        confidence: 1.0,
        ..TrackedCue::default()
    };
    let strike = CueStrike {
        stick_speed_m_s: speed,
        direction,
        elevation: 0.0,
        side: 0.0,
        height: 0.0,
    };
    let states: Vec<_> = balls.iter().map(|p| BallState::resting(*p)).collect();
    let prediction = Simulator::new(spec).simulate(&states, Some((0, strike)));
    let shot = PredictedShot {
        intent: ShotIntent {
            cue_ball: BallId(0),
            cue_ball_m: balls[0],
            direction,
            stick_speed_m_s: speed,
        },
        balls: lying.iter().map(|b| b.id).collect(),
        prediction,
        spread: None,
    };
    let table = TableState {
        cue: Some(cue),
        ..TableState::lying(lying)
    };
    (table, shot)
}

/// A straight shot into a corner pocket.
fn pot(spec: &TableSpec) -> (TableState, PredictedShot) {
    let balls = [Vec2::new(0.2, 0.0), Vec2::new(0.75, 0.3)];
    let corner = TableGeometry::of(spec)
        .pockets
        .iter()
        .map(|p| p.centre)
        .find(|p| p.x > 1.0 && p.y > 0.0);
    let ghost = balls[1] - (corner.unwrap() - balls[1]).normalize() * 2.0 * R;
    shot(spec, &balls, (ghost - balls[0]).to_angle(), 2.0)
}

fn drawn(table: &TableState, shot: &PredictedShot, elements: &[Element]) -> Vec<Shape> {
    let pockets = TableGeometry::of(&TableSpec::pool_9ft());
    let scene = Scene {
        table,
        pockets: &pockets,
        ball_radius_m: R,
        projector_m: None,
    };
    compose(shot, &scene, elements)
}

#[test]
fn a_direction_ends_at_the_nose() {
    let table = TableGeometry::of(&TableSpec::pool_9ft());
    assert!((room(&table, Vec2::new(1.0, 0.2), Vec2::X) - 0.27).abs() < 1e-9);
    assert!((room(&table, Vec2::new(1.0, 0.2), Vec2::NEG_Y) - 0.835).abs() < 1e-9);
}

#[test]
fn each_element_draws_what_it_says_and_nothing_else() {
    let spec = TableSpec::pool_9ft();
    let (table, mut shot) = pot(&spec);
    // A cone along the struck ball's way that grows from nothing to 8 cm.
    let way = legs(&shot.prediction, 1, (0.0, shot.prediction.duration_s));
    let (from, to) = (way[0].0[0], *way[0].0.last().unwrap());
    let cone = (0..=10).map(|i| {
        let share = f64::from(i) / 10.0;
        ConePoint {
            at_m: from.lerp(to, 0.8 * share),
            left: (to - from).normalize().perp(),
            from_m: -0.04 * share,
            to_m: 0.04 * share,
            share: if i == 0 { 0.5 } else { 1.0 },
        }
    });
    let mut balls = vec![BallSpread::default(); 2];
    balls[1].cone = cone.collect();
    shot.spread = Some(std::sync::Arc::new(Spread { rollouts: 1, balls }));
    for (elements, meanings) in [
        (&[Element::Aim][..], &[Meaning::Aim][..]),
        (&[Element::Ghost], &[Meaning::GhostBall]),
        (&[Element::Contact], &[Meaning::Contact]),
        (&[Element::Tangent], &[Meaning::TangentLine]),
        (&[Element::Object], &[Meaning::ObjectPath]),
        (&[Element::ObjectToCushion], &[Meaning::ObjectPath]),
        (&[Element::CuePath], &[Meaning::CuePath]),
        (&[Element::Rest], &[Meaning::Rest]),
        (&[Element::Pockets], &[Meaning::Pocket]),
        (&[Element::Tip], &[Meaning::Tip]),
        (
            &[Element::Speed],
            &[Meaning::Speed, Meaning::Scale, Meaning::Label],
        ),
        (&[Element::Spread], &[]),
        (
            &[Element::Object, Element::Spread],
            &[Meaning::ObjectPath, Meaning::Spread, Meaning::Label],
        ),
        (&[], &[]),
    ] {
        let mut seen: Vec<Meaning> = Vec::new();
        for shape in drawn(&table, &shot, elements) {
            if !seen.contains(&shape.meaning) {
                seen.push(shape.meaning);
            }
        }
        let same = seen.len() == meanings.len() && meanings.iter().all(|m| seen.contains(m));
        assert!(same, "{elements:?}: {seen:?}");
    }
}

#[test]
fn the_arrow_in_the_ghost_ball_points_at_the_contact() {
    let (table, shot) = pot(&TableSpec::pool_9ft());
    let shapes = drawn(&table, &shot, &[Element::Ghost, Element::Contact]);
    let arrow = shapes.iter().find_map(|s| match s.geometry {
        Geometry::Arrow { tip, back } if s.meaning == Meaning::Contact => Some((tip, back)),
        _ => None,
    });
    let (tip, back) = arrow.unwrap();
    let struck = table.balls[1].position_m;
    assert!((tip - back).normalize().dot((struck - back).normalize()) > 1.0 - 1e-6);
    let ghost = struck - (struck - back).normalize() * 2.0 * R;
    assert!(tip.distance(ghost) < R && back.distance(ghost) < R);
    assert!(tip.distance(struck) > R + GUARD_M);
}

#[test]
fn a_ball_on_its_way_to_rest_has_an_arrow_and_one_that_was_cut_off_has_none() {
    let (table, mut shot) = shot(
        &TableSpec::pool_9ft(),
        &[Vec2::new(-0.5, 0.0), Vec2::new(0.0, 0.01)],
        0.0,
        1.0,
    );
    let arrows = |shot: &PredictedShot| {
        drawn(&table, shot, &[Element::Object, Element::CuePath])
            .iter()
            .filter(|s| matches!(s.geometry, Geometry::Arrow { .. }))
            .count()
    };
    assert!(arrows(&shot) >= 1);
    shot.prediction.truncated = true;
    assert_eq!(arrows(&shot), 0);
    let rest = drawn(&table, &shot, &[Element::Rest]);
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_scratch_is_told_by_form_and_word() {
    let spec = TableSpec::pool_9ft();
    let side = TableGeometry::of(&spec)
        .pockets
        .iter()
        .map(|p| p.centre)
        .find(|p| p.x.abs() < 0.1 && p.y > 0.0);
    let from = Vec2::new(0.1, -0.3);
    let (table, shot) = shot(&spec, &[from], (side.unwrap() - from).to_angle(), 1.5);
    let shapes = drawn(&table, &shot, &[Element::Pockets]);
    let rings = shapes
        .iter()
        .filter(|s| matches!(s.geometry, Geometry::Ring { .. }))
        .count();
    let words = shapes
        .iter()
        .filter(|s| matches!(&s.geometry, Geometry::Text { text, .. } if text == "SCRATCH"))
        .count();
    assert_eq!((rings, words), (2, 1), "{shapes:?}");
}

#[test]
fn without_a_cue_ball_on_the_table_there_is_a_word_for_it() {
    let pockets = TableGeometry::of(&TableSpec::pool_9ft());
    let waiting = |kind: BallKind, level| {
        let table = TableState::lying(vec![TrackedBall::lying(BallId(3), kind, Vec2::ZERO)]);
        let scene = Scene {
            table: &table,
            pockets: &pockets,
            ball_radius_m: R,
            projector_m: None,
        };
        compose_waiting(&scene, level).len()
    };
    assert_eq!(waiting(BallKind::pool(3), Assistance::Expert), 1);
    assert_eq!(waiting(BallKind::pool(3), Assistance::Off), 0);
    assert_eq!(waiting(BallKind::pool(0), Assistance::Beginner), 0);
    assert_eq!(waiting(BallKind::default(), Assistance::Beginner), 0);
}

/// Over many shots and projectors: no pixel that is lit falls on a ball, nor within the guard round it, nor on the way of
/// the cue.
#[test]
fn no_light_falls_on_a_ball_or_on_the_way_of_the_cue() {
    let spec = TableSpec::pool_9ft();
    let pockets = TableGeometry::of(&spec);
    let help = Help::default();
    let theme = Theme::of(Wanted::HighContrast, UNSEEN_CLOTH, None);
    let mut random = fastrand::Rng::with_seed(20_261_129);
    let mut lit_in_all = 0;
    for round in 0..40 {
        let mut balls: Vec<Vec2> = Vec::new();
        while balls.len() < 8 {
            let at = Vec2::new(2.4 * random.f64() - 1.2, 1.15 * random.f64() - 0.575);
            if balls.iter().all(|b| b.distance(at) > 2.0 * R + 0.001) {
                balls.push(at);
            }
        }
        let (table, shot) = shot(
            &spec,
            &balls,
            std::f64::consts::TAU * random.f64(),
            0.5 + 3.0 * random.f64(),
        );
        let eye = Vec3::new(
            2.0 * random.f64() - 1.0,
            2.0 * random.f64() - 1.0,
            2.0 + random.f64(),
        );
        let size = ImageSize::new(1280, 800);
        let lens = Lens::pinhole(size, 900.0);
        let pose = Pose::looking_at(eye, Vec3::ZERO, Vec3::Y);
        let projector = ProjectorModel {
            optics: CameraModel { lens, pose },
            mirrored: round % 2 == 0,
        };
        let scene = Scene {
            table: &table,
            pockets: &pockets,
            ball_radius_m: R,
            projector_m: Some(eye),
        };
        let shapes = compose(&shot, &scene, help.of(Assistance::Beginner));
        let mapping = Mapping::calibrated(&projector).unwrap();
        let triangles = mapping.triangles(&shapes, &theme);
        let rgb = picture(&triangles, &mapping.ndc, size);
        let cue = table.cue.unwrap();
        for (i, px) in rgb.chunks_exact(3).enumerate() {
            if px == [0; 3] {
                continue;
            }
            lit_in_all += 1;
            let pixel = Vec2::new((i % 1280) as f64 + 0.5, (i / 1280) as f64 + 0.5);
            let on_cloth = projector.on_plane(pixel, 0.0).unwrap();
            let ray = (on_cloth.extend(0.0) - eye).normalize();
            for ball in &balls {
                let to = ball.extend(R) - eye;
                let miss = (to - ray * to.dot(ray)).length();
                assert!(miss > R, "round {round}: light on the ball at {ball}");
                assert!(
                    on_cloth.distance(*ball) > R + GUARD_M,
                    "round {round}: light at the ball at {ball}"
                );
            }
            let behind = (balls[0] - on_cloth).dot(cue.direction);
            let beside = (on_cloth - balls[0]).perp_dot(cue.direction).abs();
            assert!(
                !(0.0..1.5).contains(&behind) || beside > R + 0.014,
                "round {round}: {on_cloth}"
            );
        }
    }
    assert!(lit_in_all > 100_000, "{lit_in_all}");
}
