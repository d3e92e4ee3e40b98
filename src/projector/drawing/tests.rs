use super::*;
use crate::projector::guard::GUARD_M;

const R: f64 = 0.028_575;

fn drawing(balls: Vec<Vec2>) -> Drawing {
    Drawing::new(Guard::round(balls, R), Vec2::new(1.27, 0.635))
}

#[test]
fn no_ring_and_no_disc_touches_a_ball() {
    let ball = Vec2::new(0.3, 0.1);
    let mut drawing = drawing(vec![ball]);
    // A ghost ball touches the ball it will hit.
    drawing.ring(ball - Vec2::new(2.0 * R, 0.0), R, Meaning::GhostBall);
    drawing.disc(ball + Vec2::new(0.04, 0.0), 0.009, Meaning::Rebound, 0.0);
    drawing.ring(Vec2::new(-0.5, 0.0), R, Meaning::Rest);
    drawing.words(ball, "SCRATCH", LETTER_M, Meaning::Scratch);
    let mut rings = 0;
    for shape in drawing.finish() {
        match &shape.geometry {
            Geometry::Polyline { points, .. } => {
                let near = points.iter().map(|p| p.distance(ball)).fold(f64::MAX, f64::min);
                assert!(near - form(shape.meaning).width_m / 2.0 > R + GUARD_M, "{near}");
            }
            Geometry::Ring { centre, .. } => {
                rings += 1;
                assert_eq!(*centre, Vec2::new(-0.5, 0.0));
            }
            Geometry::Text { at, height, text } => {
                let off = ((ball - *at).abs() - text_half(text, *height)).max(Vec2::ZERO);
                assert!(off.length() > R + GUARD_M);
            }
            other => unreachable!("{other:?} on a ball"),
        }
    }
    assert_eq!(rings, 1);
}

#[test]
fn an_arrow_points_where_its_line_ends_and_is_left_out_at_a_ball() {
    let points = [Vec2::ZERO, Vec2::new(0.2, 0.0), Vec2::new(0.2, 0.3)];
    let mut free = drawing(Vec::new());
    free.arrow(&points, Meaning::ObjectPath, 0.2);
    let shapes = free.finish();
    let head = HEAD * form(Meaning::ObjectPath).width_m;
    let [line, arrow] = shapes.as_slice() else {
        unreachable!("{shapes:?}")
    };
    let (Geometry::Polyline { points: shaft, .. }, Geometry::Arrow { tip, back }) =
        (&line.geometry, &arrow.geometry)
    else {
        unreachable!("{shapes:?}")
    };
    assert_eq!(*tip, points[2]);
    assert!(back.distance(Vec2::new(0.2, 0.3 - head)) < 1e-9, "{back}");
    // The line goes into the head and no further.
    assert!((shaft[2].y - (0.3 - 0.9 * head)).abs() < 1e-9);
    assert_eq!(arrow.fade, 0.2);

    let mut near = drawing(vec![Vec2::new(0.2, 0.35)]);
    near.arrow(&points, Meaning::ObjectPath, 0.2);
    let shapes = near.finish();
    assert!(
        shapes
            .iter()
            .all(|s| !matches!(s.geometry, Geometry::Arrow { .. }))
    );
    // Too short for a head.
    let mut short = drawing(Vec::new());
    short.arrow(&[Vec2::ZERO, Vec2::new(0.01, 0.0)], Meaning::ObjectPath, 0.0);
    assert_eq!(short.finish().len(), 1);
}

#[test]
fn the_inside_of_a_figure_is_as_large_as_the_figure() {
    let area = |corners: &[Vec2]| {
        let mut drawing = drawing(Vec::new());
        drawing.inside(corners, Meaning::Zone);
        let shapes = drawing.finish();
        let areas = shapes.iter().map(|shape| match &shape.geometry {
            Geometry::Area { left, right } => left
                .windows(2)
                .zip(right.windows(2))
                .map(|(l, r)| 0.5 * (r[1] - l[0]).perp_dot(r[0] - l[1]).abs())
                .sum::<f64>(),
            other => unreachable!("{other:?}"),
        });
        areas.sum::<f64>()
    };
    let square = [(0.0, 0.0), (0.3, 0.0), (0.3, 0.2), (0.0, 0.2)].map(|(x, y)| Vec2::new(x, y));
    assert!((area(&square) - 0.06).abs() < 1e-6);
    let kite = [(0.0, -0.1), (0.1, 0.0), (0.0, 0.3), (-0.1, 0.0)].map(|(x, y)| Vec2::new(x, y));
    assert!((area(&kite) - 0.04).abs() < 4e-4, "{}", area(&kite));
    let round = circle(Vec2::new(0.2, 0.1), 0.15);
    assert!((area(&round) / (std::f64::consts::PI * 0.15 * 0.15) - 1.0).abs() < 0.01);
    assert_eq!(area(&[Vec2::NAN, Vec2::ZERO, Vec2::X]), 0.0);
}

#[test]
fn words_lie_on_the_bed_and_on_nothing_else() {
    let mut drawing = drawing(vec![Vec2::new(0.1, 0.0), Vec2::new(-0.1, 0.02)]);
    drawing.line(&[Vec2::new(-1.0, 0.05), Vec2::new(1.0, 0.05)], Meaning::Aim, 0.0);
    for _ in 0..4 {
        drawing.words(Vec2::ZERO, "80 %", LETTER_M, Meaning::Label);
        drawing.words(Vec2::new(1.25, 0.62), "1", LETTER_M, Meaning::Label);
    }
    let shapes = drawing.finish();
    let boxes: Vec<(Vec2, Vec2)> = shapes
        .iter()
        .filter_map(|s| match &s.geometry {
            Geometry::Text { at, height, text } => Some((*at, text_half(text, *height))),
            _ => None,
        })
        .collect();
    assert_eq!(boxes.len(), 8);
    for (i, (a, half)) in boxes.iter().enumerate() {
        assert!((a.abs() + *half).cmplt(Vec2::new(1.27, 0.635)).all(), "{a}");
        assert!((a.y - 0.05).abs() > half.y, "{a}");
        for (b, other) in &boxes[..i] {
            assert!(
                !((*a - *b).abs() - *half - *other).cmplt(Vec2::ZERO).all(),
                "{a} {b}"
            );
        }
    }
}

#[test]
fn a_sign_goes_where_there_is_room_or_nowhere() {
    let sign = |places: Vec<Vec2>| Sign {
        places,
        half_m: Vec2::new(0.2, 0.05),
        shapes: vec![shape(
            Meaning::Tip,
            0.0,
            Geometry::Disc {
                centre: Vec2::ZERO,
                radius: 0.01,
            },
        )],
    };
    let ball = Vec2::new(0.0, 0.0);
    let mut some = drawing(vec![ball]);
    some.signs([sign(vec![
        Vec2::new(0.15, 0.0),
        Vec2::new(5.0, 0.0),
        Vec2::new(0.6, 0.1),
    ])]);
    let shapes = some.finish();
    assert!(matches!(shapes[0].geometry, Geometry::Disc { centre, .. } if centre == Vec2::new(0.6, 0.1)));
    let mut none = drawing(vec![ball]);
    none.signs([sign(vec![ball])]);
    assert!(none.finish().is_empty());
}
