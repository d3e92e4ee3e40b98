use super::*;

fn at(x: f64, y: f64) -> BallState {
    BallState::resting(Vec2::new(x, y))
}

fn suggest(balls: &[BallState], targets: &[BallIndex], skill: Skill) -> Vec<Suggestion> {
    let lie = Lie {
        balls,
        cue_ball: 0,
        targets,
    };
    Suggester::new(&TableSpec::pool_9ft()).suggest(lie, skill, 8)
}

#[test]
fn a_ball_that_hangs_in_a_pocket_is_a_sure_thing_and_suggested_first() {
    let balls = [at(-0.3, 0.0), at(1.2, 0.58), at(0.4, 0.6)];
    let found = suggest(&balls, &[1, 2], Skill::Expert);
    let best = &found[0];
    assert_eq!(
        (best.kind, best.ball, best.pocket),
        (ShotKind::Direct, 1, PocketId::FootLeft)
    );
    assert!(best.success > 0.95, "{best:?}");
    assert!(
        found.windows(2).all(|w| w[0].success >= w[1].success - KNOWN_TO),
        "{found:?}"
    );
}

/// A straight shot over 0.8 m to a ball 0.8 m before a corner: the error of the cue's direction is multiplied by
/// (d − 2R) / 2R on the object ball (the geometry of every textbook), and the ball drops while its centre passes
/// within the part of the mouth that the jaws leave. The share of a normal spread within that is the success.
#[test]
fn the_success_of_a_straight_shot_is_that_of_its_geometry() {
    let diagonal = Vec2::new(1.0, 1.0).normalize();
    let hole = Geometry::of(&TableSpec::pool_9ft())
        .pockets
        .iter()
        .find(|p| p.id == PocketId::FootLeft)
        .unwrap()
        .centre;
    let object = hole - diagonal * 0.8;
    let balls = [
        BallState::resting(object - diagonal * 0.8),
        BallState::resting(object),
    ];
    let radius = TableSpec::pool_9ft().ball.radius_m;
    for skill in Skill::ALL {
        let found = suggest(&balls, &[1], skill);
        let shot = found
            .iter()
            .find(|s| s.kind == ShotKind::Direct && s.pocket == PocketId::FootLeft)
            .unwrap();
        // The mouth leaves its width less a ball's, to both sides of the middle; a ball that brushes a jaw may
        // still drop, so the true window lies between that and the whole mouth.
        let turned = skill.spread().direction * (0.8 - 2.0 * radius) / (2.0 * radius);
        let share = |half_m: f64| libm::erf(half_m / 0.75 / turned / std::f64::consts::SQRT_2);
        let mouth = TableSpec::pool_9ft().corner.unwrap().mouth_m;
        let (least, most) = (share(mouth / 2.0 - radius), share(mouth / 2.0));
        assert!(
            (least - 0.08..=most + 0.08).contains(&shot.success),
            "{}: {} is not between {least} and {most}",
            skill.name(),
            shot.success
        );
    }
}

#[test]
fn a_ball_in_the_way_is_played_round_over_a_cushion() {
    // The object ball lies before the foot-left corner; a wall of balls stands between it and the cue ball.
    let mut balls = vec![at(0.0, -0.1), at(1.1, 0.45)];
    balls.extend((0..6).map(|i| at(0.6, -0.05 + 0.06 * f64::from(i))));
    let found = suggest(&balls, &[1], Skill::Expert);
    assert!(!found.is_empty());
    assert!(found.iter().all(|s| s.kind != ShotKind::Direct), "{found:?}");
    assert!(found.iter().any(|s| s.kind == ShotKind::Kick), "{found:?}");
}

#[test]
fn every_suggestion_does_what_it_says_when_it_is_played_as_it_stands() {
    let balls = [
        at(-0.7, 0.1),
        at(0.3, 0.2),
        at(0.9, -0.4),
        at(0.5, 0.45),
        at(-0.2, -0.5),
        at(1.0, 0.3),
    ];
    let found = suggest(&balls, &[1, 2, 3, 4, 5], Skill::Club);
    assert!(found.len() >= 4, "{found:?}");
    for s in &found {
        let shot = Simulator::new(&TableSpec::pool_9ft()).simulate(&balls, Some((0, s.strike)));
        assert_eq!(shot.pocket_of(s.ball), Some(s.pocket), "{s:?}");
        assert_eq!(shot.pocket_of(0), None, "{s:?}");
    }
    assert_eq!(
        found,
        suggest(&balls, &[1, 2, 3, 4, 5], Skill::Club),
        "the same lie, the same answer"
    );
}

#[test]
fn a_combination_is_found_and_drives_the_ball_named() {
    let hole = Vec2::new(1.27, 0.635);
    let diagonal = hole.normalize();
    let last = hole - diagonal * 0.25;
    let balls = [
        BallState::resting(last - diagonal * 0.5),
        BallState::resting(last - diagonal * 0.08),
        BallState::resting(last),
    ];
    let found = suggest(&balls, &[1, 2], Skill::Expert);
    let combination = found.iter().find(|s| s.kind == ShotKind::Combination).unwrap();
    assert_eq!((combination.first, combination.ball), (1, 2));
}

#[test]
fn without_pockets_targets_or_a_way_there_is_nothing_to_suggest() {
    let balls = [at(0.0, 0.0), at(0.5, 0.0)];
    assert!(suggest(&balls, &[], Skill::Club).is_empty());
    assert!(suggest(&balls, &[7], Skill::Club).is_empty());
    let lie = Lie {
        balls: &balls,
        cue_ball: 0,
        targets: &[1],
    };
    let carom = TableSpec::named("carom-10ft").unwrap();
    assert!(Suggester::new(&carom).suggest(lie, Skill::Club, 8).is_empty());
}
