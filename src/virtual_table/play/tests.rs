use super::*;
use crate::physics::prediction::Motion;

fn check(play: &Play, when: &str) {
    let radius = play.table.ball.radius_m;
    let truth = play.truth();
    let (hl, hw) = (play.table.half_length_m(), play.table.half_width_m());
    for (i, a) in truth.balls.iter().enumerate() {
        assert!(
            a.position_m.is_finite() && a.velocity_m_s.is_finite(),
            "{when}: {a:?}"
        );
        // Between the jaws a ball may be beyond the noses, but never beyond the holes.
        assert!(
            a.position_m.x.abs() < hl + 0.10 && a.position_m.y.abs() < hw + 0.12,
            "{when}: {a:?} has left the table"
        );
        for b in &truth.balls[..i] {
            let gap = a.position_m.distance(b.position_m) - 2.0 * radius;
            assert!(
                gap > -1e-4,
                "{when}: {:?} and {:?} overlap by {gap}",
                a.kind,
                b.kind
            );
        }
    }
    let mut kinds: Vec<_> = play
        .balls
        .iter()
        .map(|b| b.kind)
        .filter(|k| k.group != Group::Red)
        .collect();
    let count = kinds.len();
    kinds.sort_by_key(|k| (k.group, k.number));
    kinds.dedup();
    assert_eq!(kinds.len(), count, "{when}: a ball is there twice");
}

#[test]
fn play_goes_on_for_ever_and_keeps_its_balls_apart_and_on_the_table() {
    for (scene, table, ticks) in [
        (SceneName::Practice, "pool-9ft", 9000),
        (SceneName::Practice, "pool-7ft", 3000),
        (SceneName::Break, "pool-9ft", 6000),
        (SceneName::Nine, "pool-8ft", 6000),
        (SceneName::Snooker, "snooker-12ft", 5000),
        (SceneName::Carom, "carom-10ft", 3000),
    ] {
        let table = TableSpec::named(table).unwrap();
        let mut play = Play::new(&table, scene, 11, VirtualHandle::new());
        let (mut shots, mut potted, mut last, mut aimed) = (0, 0, 0, 0);
        let mut rolled_up = 0;
        for tick in 0..ticks {
            play.step(1.0 / 30.0);
            check(&play, &format!("{scene} on {} tick {tick}", table.name));
            if play.shots != last {
                last = play.shots;
                shots += 1;
            }
            potted = potted.max(play.pocketed.len());
            match play.phase {
                Phase::Aiming(_) => aimed += 1,
                Phase::Rolling(_) => rolled_up += 1,
                _ => {}
            }
        }
        assert!(shots > ticks / 400, "{scene}: only {shots} shots");
        assert!(aimed > 0 && rolled_up > 0);
        assert!(
            potted > 0 || scene == SceneName::Carom,
            "{scene}: nothing fell in {shots} shots"
        );
    }
}

#[test]
fn a_rolling_ball_turns_about_as_fast_as_it_moves() {
    let table = TableSpec::pool_9ft();
    let mut play = Play::new(&table, SceneName::Practice, 3, VirtualHandle::new());
    let mut tested = 0;
    for _ in 0..3000 {
        let before: Vec<_> = play
            .balls
            .iter()
            .map(|b| (b.kind, b.orientation, b.state))
            .collect();
        play.step(1.0 / 120.0);
        for (kind, turn, state) in before {
            let Some(now) = play.balls.iter().find(|b| b.kind == kind && b.falling.is_none()) else {
                continue;
            };
            if state.motion == Motion::Rolling
                && now.state.motion == Motion::Rolling
                && state.velocity.length() > 0.2
                && (now.state.velocity - state.velocity).length() < 0.01
                && state.spin.z.abs() < 0.5
            {
                let way = now.state.position.distance(state.position);
                let angle = (now.orientation * turn.inverse()).to_scaled_axis().length();
                let rolled = angle * table.ball.radius_m;
                assert!((rolled - way).abs() < 0.03 * way + 1e-5, "{rolled} {way}");
                tested += 1;
            }
        }
    }
    assert!(tested > 50, "{tested}");
}

#[test]
fn a_scratch_brings_the_cue_ball_back() {
    let table = TableSpec::pool_9ft();
    let handle = VirtualHandle::new();
    let mut play = Play::new(&table, SceneName::Practice, 5, handle.clone());
    // Straight into a corner from close by, with nothing in the way.
    play.balls
        .retain(|b| b.kind.group == Group::Cue || b.state.position.x < 0.0);
    handle.place_cue_ball(Vec2::new(1.0, 0.365));
    handle.aim(std::f64::consts::FRAC_PI_4);
    handle.set_speed(1.0);
    handle.shoot();
    let mut fell = false;
    for _ in 0..400 {
        play.step(1.0 / 30.0);
        fell |= play.pocketed.iter().any(|(kind, _)| kind.group == Group::Cue);
    }
    assert!(fell);
    let back = play.cue_ball();
    assert!(
        back.is_some_and(|p| p.distance(Vec2::new(-0.635, 0.0)) < 0.2),
        "{back:?}"
    );
    assert!(play.pocketed.iter().all(|(kind, _)| kind.group != Group::Cue));
}

#[test]
fn the_cue_clears_the_rail_and_balls_behind_the_cue_ball() {
    let table = TableSpec::pool_9ft();
    let mut play = Play::new(&table, SceneName::Grid, 1, VirtualHandle::new());
    let frozen = Vec2::new(table.half_length_m() - table.ball.radius_m - 0.001, 0.2);
    let strike = CueStrike {
        stick_speed_m_s: 1.0,
        direction: std::f64::consts::PI,
        elevation: 0.0,
        side: 0.0,
        height: 0.0,
    };
    play.balls.clear();
    let (cue, along) = play.cue_behind(frozen, strike.direction, &strike, 0.02).unwrap();
    assert!((along - Vec2::NEG_X).length() < 1e-9);
    for i in 1..50 {
        let p = cue.tip_m + cue.axis * (0.02 * f64::from(i));
        if p.x > table.half_length_m() && p.x < table.half_length_m() + 0.18 {
            assert!(p.z > table.nose_height_m + 0.01, "{p}");
        }
    }
}

#[test]
fn a_cue_that_is_drawn_back_slides_along_its_own_line() {
    let table = TableSpec::pool_9ft();
    let mut play = Play::new(&table, SceneName::Grid, 1, VirtualHandle::new());
    play.balls.clear();
    let strike = CueStrike {
        stick_speed_m_s: 1.0,
        direction: 0.0,
        elevation: 0.05,
        side: 0.2,
        height: -0.1,
    };
    // From a hand's breadth off the rail: the tip comes near the nose.
    let ball = Vec2::new(0.17 - table.half_length_m(), 0.2);
    let (near, _) = play.cue_behind(ball, strike.direction, &strike, 0.0).unwrap();
    let (drawn, _) = play.cue_behind(ball, strike.direction, &strike, 0.12).unwrap();
    assert!(near.axis.distance(drawn.axis) < 1e-12 && near.axis.z > 0.05_f64.sin());
    assert!(drawn.tip_m.distance(near.tip_m + near.axis * 0.12) < 1e-9);
}

/// Prints how the player does.
#[test]
#[ignore = "prints statistics"]
fn statistics() {
    for (scene, table) in [
        (SceneName::Practice, "pool-9ft"),
        (SceneName::Break, "pool-9ft"),
        (SceneName::Nine, "pool-9ft"),
        (SceneName::Snooker, "snooker-12ft"),
    ] {
        let table = TableSpec::named(table).unwrap();
        let mut play = Play::new(&table, scene, 1, VirtualHandle::new());
        let (mut shots, mut potted, mut scratches, mut racks) = (0, 0, 0, 0);
        let (mut last, mut down) = (0, 0);
        let mut slowest = std::time::Duration::ZERO;
        for _ in 0..30 * 60 * 10 {
            let start = std::time::Instant::now();
            play.step(1.0 / 30.0);
            slowest = slowest.max(start.elapsed());
            shots += u32::from(play.shots > last);
            racks += u32::from(play.shots < last);
            last = play.shots;
            let now = play.pocketed.len();
            if now > down {
                potted += now - down;
                scratches += usize::from(play.pocketed.last().is_some_and(|(k, _)| k.group == Group::Cue));
            }
            down = now;
        }
        eprintln!(
            "{scene}: 10 min, {shots} shots, {potted} fell ({scratches} scratches), {racks} racks, slowest step {slowest:?}"
        );
    }
}
