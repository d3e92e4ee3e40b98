use super::*;
use crate::table::BallKind;
use crate::vision::track::{BallId, TrackedBall, TrackedCue};

#[test]
fn a_line_is_broken_where_a_ball_lies() {
    let parts = clear_of(&[Vec2::new(0.5, 0.0)], 0.1, &[Vec2::ZERO, Vec2::new(1.0, 0.0)]);
    assert_eq!(parts.len(), 2);
    assert!((parts[0][1].x - 0.4).abs() < 1e-12 && (parts[1][0].x - 0.6).abs() < 1e-12);
}

#[test]
fn a_bent_line_stays_one_part_where_nothing_lies() {
    let points = [
        Vec2::ZERO,
        Vec2::new(0.1, 0.01),
        Vec2::new(0.2, 0.03),
        Vec2::new(0.3, 0.06),
    ];
    let parts = clear_of(&[Vec2::new(0.0, 0.5)], 0.1, &points);
    assert_eq!(parts, vec![points.to_vec()]);
}

#[test]
fn a_direction_ends_at_the_nose() {
    let table = TableGeometry::of(&crate::table::TableSpec::pool_9ft());
    assert!((room(&table, Vec2::new(1.0, 0.2), Vec2::X) - 0.27).abs() < 1e-9);
    assert!((room(&table, Vec2::new(1.0, 0.2), Vec2::NEG_Y) - 0.835).abs() < 1e-9);
}

#[test]
fn inside_a_guard_nothing_is_drawn() {
    assert!(clear_of(&[Vec2::ZERO], 0.1, &[Vec2::new(0.01, 0.0), Vec2::new(0.05, 0.0)]).is_empty());
}

#[test]
fn nothing_is_drawn_where_the_cue_is_and_where_it_goes() {
    let ball = TrackedBall::lying(BallId(0), BallKind::pool(0), Vec2::new(0.2, 0.1));
    let direction = unit(0.7);
    let tip = ball.position_m - direction * 0.08;
    let table = TableState {
        cue: Some(TrackedCue {
            tip_m: tip,
            direction,
            confidence: 1.0,
            ..TrackedCue::default()
        }),
        ..TableState::lying(vec![ball])
    };
    let mut drawing = Drawing::clear_of(&table, 0.028_575);
    // Lines across the stick at every place, and one along it to beyond its end.
    for i in 0..=30 {
        let at = ball.position_m - direction * (0.05 * f64::from(i));
        drawing.line(at - direction.perp(), at + direction.perp(), Meaning::Aim, false);
    }
    drawing.line(
        ball.position_m + direction,
        tip - direction * 3.0,
        Meaning::Aim,
        false,
    );
    let mut drawn = 0;
    for shape in &drawing.shapes {
        let Geometry::Polyline { points, .. } = &shape.geometry else {
            unreachable!("only lines were drawn")
        };
        for point in points {
            let behind = (ball.position_m - *point).dot(direction);
            let beside = (*point - ball.position_m).perp_dot(direction).abs();
            assert!(
                !(0.0..1.5).contains(&behind) || beside > 0.04,
                "{behind} {beside}"
            );
            drawn += 1;
        }
    }
    assert!(drawn > 100, "{drawn}");
}

#[test]
fn no_ring_and_no_disc_touches_a_ball() {
    let radius = 0.028_575;
    let ball = Vec2::new(0.3, 0.1);
    let mut drawing = Drawing {
        shapes: Vec::new(),
        guard: vec![ball],
        guard_radius: radius + GUARD_M,
    };
    // A ghost ball touches the ball it will hit.
    drawing.ring(ball - Vec2::new(2.0 * radius, 0.0), radius, Meaning::GhostBall);
    drawing.disc(ball + Vec2::new(0.04, 0.0), 0.009, Meaning::Rebound, 0.0);
    drawing.ring(Vec2::new(-0.5, 0.0), radius, Meaning::Rest);
    drawing.text(ball, "SCRATCH", Meaning::Scratch);
    let mut rings = 0;
    for shape in &drawing.shapes {
        match &shape.geometry {
            Geometry::Polyline { points, .. } => {
                let near = points.iter().map(|p| p.distance(ball)).fold(f64::MAX, f64::min);
                assert!(
                    near - style(shape.meaning).width_m / 2.0 > radius + GUARD_M - 1e-3,
                    "{near}"
                );
            }
            Geometry::Ring { centre, .. } => {
                rings += 1;
                assert_eq!(*centre, Vec2::new(-0.5, 0.0));
            }
            Geometry::Disc { .. } => unreachable!("a disc on a ball"),
            Geometry::Text { at, .. } => assert!((at.y - ball.y).abs() > radius),
        }
    }
    assert_eq!(rings, 1);
}

#[test]
fn more_help_never_draws_less() {
    let count = |level| {
        let c = Content::of(level);
        [
            c.aim,
            c.ghost,
            c.tangent,
            c.object,
            c.cue_after,
            c.others,
            c.marks,
        ]
        .iter()
        .filter(|b| **b)
        .count()
    };
    assert_eq!(count(Assistance::Off), 0);
    assert!(count(Assistance::Expert) <= count(Assistance::Advanced));
    assert!(count(Assistance::Advanced) < count(Assistance::Intermediate));
    assert!(count(Assistance::Intermediate) < count(Assistance::Beginner));
}
