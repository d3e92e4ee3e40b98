use super::*;
use crate::projector::guard::GUARD_M;
use crate::table::{BallKind, Geometry as TableGeometry, TableSpec};
use crate::vision::track::{BallId, TableState, TrackedBall};

const R: f64 = 0.028_575;

fn shapes(exercise: &Exercise, balls: &[Vec2]) -> Vec<Shape> {
    let lying = balls
        .iter()
        .zip(0..)
        .map(|(p, id)| TrackedBall::lying(BallId(id), BallKind::pool(1), *p));
    let table = TableState::lying(lying.collect());
    let pockets = TableGeometry::of(&TableSpec::pool_9ft());
    let scene = Scene {
        table: &table,
        pockets: &pockets,
        ball_radius_m: R,
        projector_m: None,
    };
    compose_exercise(exercise, &scene)
}

fn place(at: Vec2, done: bool) -> Exercise {
    Exercise {
        placements: vec![Placement {
            at,
            label: "8".to_owned(),
            done,
        }],
        ..Exercise::default()
    }
}

#[test]
fn a_place_is_broken_with_a_cross_until_the_ball_lies_there_and_whole_with_a_tick_then() {
    let at = Vec2::new(0.4, 0.1);
    let of = |shapes: &[Shape], meaning: Meaning| shapes.iter().filter(|s| s.meaning == meaning).count();
    let empty = shapes(&place(at, false), &[]);
    assert_eq!(
        (of(&empty, Meaning::Placement), of(&empty, Meaning::Placed)),
        (3, 0)
    );
    let full = shapes(&place(at, true), &[at]);
    assert_eq!(
        (of(&full, Meaning::Placement), of(&full, Meaning::Placed)),
        (0, 2)
    );
    assert!(full.iter().any(
        |s| matches!(s.geometry, Geometry::Ring { centre, radius } if centre == at && radius > R + GUARD_M)
    ));
    for shapes in [empty, full] {
        assert!(
            shapes
                .iter()
                .any(|s| matches!(&s.geometry, Geometry::Text { text, .. } if text == "8"))
        );
    }
    // The cross goes when the ball comes, the ring stays whole.
    let just_put = shapes(&place(at, false), &[at]);
    assert_eq!(of(&just_put, Meaning::Placement), 1);
}

#[test]
fn a_zone_has_an_inside_an_outline_and_a_word() {
    let zone = |outline| Exercise {
        zones: vec![Zone {
            outline,
            label: "cue ball".to_owned(),
        }],
        ..Exercise::default()
    };
    let corners = [(0.2, -0.2), (0.6, -0.2), (0.6, 0.2), (0.2, 0.2)].map(|(x, y)| Vec2::new(x, y));
    for outline in [
        Outline::Circle {
            centre: Vec2::new(0.4, 0.0),
            radius: 0.2,
        },
        Outline::Polygon(corners.to_vec()),
    ] {
        let drawn = shapes(&zone(outline), &[Vec2::new(0.4, 0.15)]);
        let is = |pick: fn(&Geometry) -> bool| drawn.iter().filter(|s| pick(&s.geometry)).count();
        assert!(is(|g| matches!(g, Geometry::Area { .. })) >= 2);
        assert!(is(|g| matches!(g, Geometry::Polyline { .. })) >= 1);
        assert_eq!(is(|g| matches!(g, Geometry::Text { .. })), 1);
        // Surfaces come first, so that lines lie over them.
        assert!(drawn.is_sorted_by_key(|s| !matches!(s.geometry, Geometry::Area { .. })));
    }
    assert!(shapes(&zone(Outline::Polygon(corners[..2].to_vec())), &[]).is_empty());
}

#[test]
fn words_are_written_line_by_line_and_begin_at_one_margin() {
    let exercise = Exercise {
        words: vec![
            "Stop shot".to_owned(),
            "leave the cue ball in the zone".to_owned(),
        ],
        ..Exercise::default()
    };
    let lines: Vec<(Vec2, f64)> = shapes(&exercise, &[])
        .into_iter()
        .map(|s| match s.geometry {
            Geometry::Text { at, height, text } => (at, lettering::length(&text, height)),
            other => unreachable!("{other:?}"),
        })
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].0.y - lines[1].0.y > 1.5 * LETTER_M);
    let left = |i: usize| lines[i].0.x - lines[i].1 / 2.0;
    assert!((left(0) - left(1)).abs() < 1e-9);
    assert!(shapes(&Exercise::default(), &[]).is_empty());
}
