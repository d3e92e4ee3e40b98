//! The tracker on made-up observations.

use super::*;
use crate::calibration::{CameraModel, Lens, Pose};
use crate::units::{ImageSize, Vec3};
use crate::vision::naming::Odds;
use crate::vision::observation::{BallSeen, Covariance, CueSeen, TableSeen};
use std::time::Duration;

fn observation(
    start: Instant,
    frame: u64,
    balls: &[(BallKind, Vec2)],
    cue: Option<(Vec2, Vec2)>,
) -> Observation {
    let image = ImageSize::new(1920, 1080);
    let camera = CameraModel {
        lens: Lens::pinhole(image, 1500.0),
        pose: Pose::looking_at(Vec3::new(0.0, 0.0, 2.5), Vec3::ZERO, Vec3::Y),
    };
    Observation {
        sequence: frame,
        captured: start + Duration::from_micros(33_333 * (frame + 1)),
        image,
        table: Some(TableSeen {
            corners_px: [Vec2::ZERO; 4],
            pockets_px: [Vec2::ZERO; 6],
            model: "pool-9ft".to_owned(),
            confidence: 1.0,
            camera,
        }),
        balls: balls
            .iter()
            .map(|&(kind, position)| BallSeen {
                center_px: Vec2::ZERO,
                radius_px: 17.0,
                position_m: Some(position),
                covariance_m2: Covariance::round(0.0003),
                kind,
                confidence: 1.0,
                group_confidence: 0.9,
                odds: Odds::of_name(kind, 0.9),
                look: Default::default(),
            })
            .collect(),
        hidden: Hidden::default(),
        cues: cue
            .map(|(tip, direction)| CueSeen {
                tip_px: Vec2::ZERO,
                butt_px: Vec2::ZERO,
                tip_m: Some(tip),
                direction: Some(direction),
                line: None,
                lying: false,
                confidence: 0.9,
            })
            .into_iter()
            .collect(),
        timing_ms: Vec::new(),
        warnings: Vec::new(),
        cloth_srgb: None,
    }
}

fn tracker() -> Tracker {
    Tracker::new(&TableSpec::pool_9ft())
}

#[test]
fn a_resting_ball_keeps_its_id_and_its_place_settles() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let mut noise = fastrand::Rng::with_seed(7);
    let truth = Vec2::new(0.3, -0.2);
    let mut last = None;
    for frame in 0..90 {
        let jitter = Vec2::new(noise.f64() - 0.5, noise.f64() - 0.5) * 0.001;
        last = tracker.update(&observation(
            start,
            frame,
            &[(BallKind::pool(3), truth + jitter)],
            None,
        ));
    }
    let state = last.unwrap();
    let ball = state.balls[0];
    assert_eq!(
        (state.balls.len(), ball.id, ball.motion, ball.kind),
        (1, BallId(1), BallMotion::Resting, BallKind::pool(3))
    );
    assert!(
        ball.position_m.distance(truth) < 0.000_15,
        "{}",
        ball.position_m.distance(truth)
    );
    assert!(state.at_rest);
}

#[test]
fn a_fast_ball_keeps_its_id_and_its_speed_is_measured() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let mut state = None;
    for frame in 0..30_u64 {
        // Still for ten frames, then 2.5 m/s along the table past a resting neighbour.
        let t = frame.saturating_sub(10) as f64 / 30.0;
        let cue = Vec2::new(-1.0 + 2.5 * t, 0.1);
        let balls = [
            (BallKind::pool(0), cue),
            (BallKind::pool(5), Vec2::new(0.0, 0.18)),
        ];
        state = tracker.update(&observation(start, frame, &balls, None));
    }
    let state = state.unwrap();
    let ball = state.cue_ball().unwrap();
    assert_eq!(
        (state.balls.len(), ball.id, ball.motion),
        (2, BallId(1), BallMotion::Moving)
    );
    assert!(
        (ball.velocity_m_s.x - 2.5).abs() < 0.05 && !state.at_rest,
        "{ball:?}"
    );
}

#[test]
fn a_ball_that_vanishes_at_a_pocket_is_pocketed_and_one_that_is_covered_is_held() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let mut events = Vec::new();
    let mut last = None;
    for frame in 0..55_u64 {
        let t = frame.saturating_sub(15) as f64 / 30.0;
        let nine = Vec2::new(0.9, 0.26) + Vec2::new(1.2, 1.2) * t;
        let mut balls = Vec::new();
        if nine.x < 1.255 {
            balls.push((BallKind::pool(9), nine));
        }
        if frame < 30 {
            balls.push((BallKind::pool(2), Vec2::new(-0.5, 0.0)));
        }
        let state = tracker.update(&observation(start, frame, &balls, None)).unwrap();
        events.extend(state.events.clone());
        last = Some(state);
    }
    let state = last.unwrap();
    assert_eq!(state.pocketed, vec![(BallKind::pool(9), PocketId::FootLeft)]);
    assert!(events.iter().any(|e| matches!(e.what, Happening::Struck(_))));
    assert_eq!(state.balls.len(), 1);
    assert_eq!(
        (state.balls[0].kind, state.balls[0].motion),
        (BallKind::pool(2), BallMotion::Held)
    );
}

#[test]
fn a_single_sighting_is_no_ball_and_no_table_is_no_state() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let state = tracker
        .update(&observation(start, 0, &[(BallKind::pool(1), Vec2::ZERO)], None))
        .unwrap();
    assert!(state.balls.is_empty());
    let mut blind = observation(start, 1, &[], None);
    blind.table = None;
    assert!(tracker.update(&blind).is_none());
    assert!(
        tracker.update(&observation(start, 0, &[], None)).is_none(),
        "an old frame changes nothing"
    );
}

#[test]
fn two_claims_to_be_the_cue_ball_leave_one() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let mut state = None;
    for frame in 0..20 {
        let balls = [
            (BallKind::pool(0), Vec2::ZERO),
            (BallKind::pool(0), Vec2::new(0.5, 0.0)),
        ];
        state = tracker.update(&observation(start, frame, &balls, None));
    }
    let state = state.unwrap();
    let groups: Vec<_> = state.balls.iter().map(|b| b.kind.group).collect();
    assert_eq!(groups, [Group::Cue, Group::Unknown]);
}

/// Shows the tracker balls with these odds, each `frames` times where it lies and then `step` further.
fn roll(
    tracker: &mut Tracker,
    start: Instant,
    frames: std::ops::Range<u64>,
    balls: &[(Odds, Vec2, Vec2)],
) -> TableState {
    let mut state = None;
    for (k, frame) in frames.enumerate() {
        let places: Vec<_> = balls
            .iter()
            .map(|(_, place, step)| (BallKind::default(), *place + *step * k as f64))
            .collect();
        let mut seen = observation(start, frame, &places, None);
        for (ball, (odds, ..)) in seen.balls.iter_mut().zip(balls) {
            ball.odds = *odds;
        }
        state = tracker.update(&seen);
    }
    state.unwrap()
}

fn odds(fits: &[(u8, f64)]) -> Odds {
    Odds::of_likelihoods(fits.iter().map(|(n, fit)| (BallKind::pool(*n), *fit)))
}

/// A stripe that lies with its white side up: most of all a cue ball.
fn white_side_up() -> Odds {
    odds(&[(0, -0.1), (9, -4.0), (10, -4.0), (11, -4.0), (12, -4.0)])
}

#[test]
fn a_stripe_that_comes_to_rest_white_side_up_keeps_its_number() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let step = Vec2::new(0.012, 0.0);
    let eleven = odds(&[(11, -0.1), (15, -2.5), (3, -3.0)]);
    let place = Vec2::new(-0.5, 0.1);
    let state = roll(&mut tracker, start, 0..20, &[(eleven, place, step)]);
    assert_eq!(state.balls[0].kind, BallKind::pool(11));
    let end = place + step * 20.0;
    let state = roll(
        &mut tracker,
        start,
        20..400,
        &[(white_side_up(), end, Vec2::ZERO)],
    );
    assert_eq!(
        (state.balls[0].id, state.balls[0].kind),
        (BallId(1), BallKind::pool(11))
    );
}

#[test]
fn a_white_ball_beside_the_cue_ball_is_a_stripe_without_a_number() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let balls = [
        (odds(&[(0, 0.0)]), Vec2::ZERO, Vec2::ZERO),
        (white_side_up(), Vec2::new(0.5, 0.0), Vec2::ZERO),
    ];
    let state = roll(&mut tracker, start, 0..60, &balls);
    let kinds: Vec<_> = state
        .balls
        .iter()
        .map(|b| (b.kind.group, b.kind.number))
        .collect();
    assert_eq!(kinds, [(Group::Cue, Some(0)), (Group::Stripe, None)]);
}

#[test]
fn a_white_ball_inside_a_rack_is_not_the_cue_ball() {
    let (mut tracker, start) = (tracker(), Instant::now());
    // The cue ball lies in the shade and fits nothing well.
    let mut balls = vec![(odds(&[(0, -5.9)]), Vec2::new(-0.6, 0.0), Vec2::ZERO)];
    // A diamond of nine, a stripe in its middle.
    let rows = [(0, 1), (1, 2), (2, 3), (3, 2), (4, 1)];
    for (row, count) in rows {
        for place in 0..count {
            let across = f64::from(place) - f64::from(count - 1) / 2.0;
            let at = Vec2::new(0.6 + f64::from(row) * 0.0497, across * 0.0574);
            let number = balls.len() as u8;
            let look = if number == 5 {
                white_side_up()
            } else {
                odds(&[(number, 0.0)])
            };
            balls.push((look, at, Vec2::ZERO));
        }
    }
    let state = roll(&mut tracker, start, 0..60, &balls);
    assert_eq!(state.balls.len(), 10);
    let groups = [0, 5].map(|index| state.balls[index].kind.group);
    assert_eq!(groups, [Group::Cue, Group::Stripe]);
}

#[test]
fn of_two_that_claim_a_number_the_better_has_it() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let balls = [
        (odds(&[(3, -1.0), (7, -2.5)]), Vec2::ZERO, Vec2::ZERO),
        (odds(&[(3, -0.2), (7, -5.0)]), Vec2::new(0.5, 0.0), Vec2::ZERO),
    ];
    let state = roll(&mut tracker, start, 0..60, &balls);
    let kinds: Vec<_> = state.balls.iter().map(|b| b.kind).collect();
    assert_eq!(kinds, [BallKind::pool(7), BallKind::pool(3)]);
}

#[test]
fn what_is_not_clear_is_unknown() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let unclear = odds(&[(0, -1.0), (9, -1.0), (3, -1.1)]);
    let state = roll(&mut tracker, start, 0..60, &[(unclear, Vec2::ZERO, Vec2::ZERO)]);
    assert_eq!(state.balls[0].kind, BallKind::default());
    let nothing = roll(
        &mut tracker,
        start,
        60..90,
        &[(Odds::default(), Vec2::new(0.8, 0.0), Vec2::ZERO)],
    );
    assert_eq!(nothing.balls.last().unwrap().kind, BallKind::default());
}

#[test]
fn a_name_is_given_up_when_another_ball_lies_there() {
    let (mut tracker, start) = (tracker(), Instant::now());
    roll(
        &mut tracker,
        start,
        0..60,
        &[(odds(&[(3, 0.0)]), Vec2::ZERO, Vec2::new(0.001, 0.0))],
    );
    let place = Vec2::new(0.06, 0.0);
    let state = roll(
        &mut tracker,
        start,
        60..120,
        &[(odds(&[(2, 0.0)]), place, Vec2::ZERO)],
    );
    assert_eq!(state.balls[0].kind, BallKind::pool(2));
}

#[test]
fn balls_that_meet_fast_are_looked_at_anew() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let step = Vec2::new(0.04, 0.0);
    let balls = [
        (odds(&[(3, 0.0), (7, -3.0)]), Vec2::new(-0.9, 0.0), step),
        (odds(&[(7, 0.0), (3, -3.0)]), Vec2::new(-0.07, 0.03), Vec2::ZERO),
    ];
    let state = roll(&mut tracker, start, 0..21, &balls);
    assert_eq!(state.balls.len(), 2);
    // Seen the other way round from now on: whatever was believed before gives way.
    let after = [
        (odds(&[(7, 0.0), (3, -3.0)]), Vec2::new(-0.1, -0.02), Vec2::ZERO),
        (odds(&[(3, 0.0), (7, -3.0)]), Vec2::new(-0.03, 0.04), Vec2::ZERO),
    ];
    let state = roll(&mut tracker, start, 21..80, &after);
    for ball in &state.balls {
        let expected = if ball.position_m.x < -0.06 { 7 } else { 3 };
        assert_eq!(ball.kind, BallKind::pool(expected), "{ball:?}");
    }
}

#[test]
fn the_cue_is_followed_and_forgotten_when_it_goes() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let direction = Vec2::new(0.6, 0.8);
    let mut state = None;
    for frame in 0..5 {
        state = tracker.update(&observation(
            start,
            frame,
            &[],
            Some((Vec2::new(-0.1, 0.0), direction)),
        ));
    }
    let cue = state.as_ref().unwrap().cue.unwrap();
    assert!(cue.direction.distance(direction) < 1e-9);
    for frame in 5..20 {
        state = tracker.update(&observation(start, frame, &[], None));
    }
    assert!(state.unwrap().cue.is_none());
}

/// `cargo test --no-default-features --lib names_over_a_game -- --ignored --nocapture`
#[test]
#[ignore = "prints how many names are right while the virtual table plays"]
fn figures_of_the_names_over_a_game() {
    use crate::virtual_table::{Options, VirtualTable};
    use crate::vision::analyse::Analyser;
    use crate::vision::source::FrameSource as _;

    let mut sums = [[0u32; 4]; 2];
    for domain in 0..24 {
        let mut options = Options::of_domain(7_000 + domain);
        if options.table.ball_set != crate::table::BallSet::Pool {
            continue;
        }
        options.fps = 30.0;
        let mut source = VirtualTable::new(&options).unwrap();
        let mut analyser = Analyser::new(Some(options.table.clone()));
        let mut tracker = Tracker::new(&options.table);
        for _ in 0..400 {
            let frame = source.next(Duration::from_secs(1)).unwrap().unwrap();
            let Some(state) = tracker.update(&analyser.analyse(&frame)) else {
                continue;
            };
            for ball in &frame.truth.as_ref().unwrap().balls {
                let moves = usize::from(ball.velocity_m_s.length() > 0.02);
                let near = |b: &&TrackedBall| b.position_m.distance(ball.position_m) < 0.02;
                let Some(told) = state.balls.iter().find(near) else {
                    continue;
                };
                let sum = &mut sums[moves];
                sum[0] += 1;
                sum[1] += u32::from(told.kind.group == ball.kind.group);
                sum[2] += u32::from(told.kind == ball.kind);
                sum[3] += u32::from(told.kind.group == Group::Unknown);
            }
        }
    }
    for (name, [balls, group, number, unknown]) in ["at rest", "moving"].iter().zip(sums) {
        let share = |n: u32| 100.0 * f64::from(n) / f64::from(balls.max(1));
        eprintln!(
            "{name}: {balls} balls, group {:.2} %, number {:.2} %, unknown {:.2} %",
            share(group),
            share(number),
            share(unknown)
        );
    }
}

#[test]
fn a_look_that_is_off_does_not_move_a_resting_ball_but_a_lasting_change_does() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let (place, beside) = (Vec2::new(0.3, -0.2), Vec2::new(0.307, -0.2));
    let ball_at = |tracker: &mut Tracker, frame: u64, at: Vec2| {
        let state = tracker.update(&observation(start, frame, &[(BallKind::pool(3), at)], None));
        let ball = state.map(|s| (s.balls.clone(), s.at_rest));
        ball.filter(|(balls, _)| balls.len() == 1)
            .map(|(balls, rest)| (balls[0], rest))
    };
    for frame in 0..60 {
        // Every third look is off.
        let at = if frame % 3 == 2 { beside } else { place };
        if let Some((ball, at_rest)) = ball_at(&mut tracker, frame, at).filter(|_| frame > 12) {
            assert!(
                ball.position_m.distance(place) < 1e-9 && at_rest,
                "frame {frame}: {ball:?}"
            );
        }
    }
    for frame in 60..70 {
        ball_at(&mut tracker, frame, beside);
    }
    let (ball, at_rest) = ball_at(&mut tracker, 70, beside).unwrap();
    assert!(
        ball.position_m.distance(beside) < 1e-9 && at_rest && ball.id == BallId(1),
        "{ball:?}"
    );
}

#[test]
fn a_ball_in_a_pack_that_is_seen_elsewhere_now_and_then_met_nobody() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let cue = (BallKind::pool(0), Vec2::new(-0.6, 0.1));
    let beside = (BallKind::pool(5), Vec2::new(0.2428, -0.2));
    let mut told = Vec::new();
    for frame in 0..200 {
        // For a look or two in every eleven it seems to lie 12 mm further.
        let off = if frame > 60 && matches!(frame % 11, 3 | 7 | 8) {
            0.012
        } else {
            0.0
        };
        let trembling = (BallKind::pool(3), Vec2::new(0.3 + off, -0.2));
        let state = tracker.update(&observation(start, frame, &[cue, beside, trembling], None));
        told.extend(state.into_iter().flat_map(|state| state.events.clone()));
    }
    let happened = |event: &&TableEvent| !matches!(event.what, Happening::AtRest);
    assert!(!told.iter().any(|event| happened(&event)), "{told:?}");
}

#[test]
fn a_ball_under_a_hand_is_held_for_as_long_as_the_hand_stays() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let place = Vec2::new(0.3, -0.2);
    let hand = Hidden::of(Vec2::new(1.27, 0.635), |p| p.distance(place) < 0.08);
    let mut held = Vec::new();
    for frame in 0..1200_u64 {
        let ball = [(BallKind::pool(3), place)];
        let covered = (30..600).contains(&frame);
        let mut seen = observation(start, frame, if frame < 30 { &ball } else { &[] }, None);
        if covered {
            seen.hidden = hand.clone();
        }
        let state = tracker.update(&seen).unwrap();
        held.extend(
            state
                .balls
                .first()
                .filter(|b| b.motion == BallMotion::Held)
                .map(|_| frame),
        );
    }
    // From a few frames after it was seen last until four seconds after the hand is gone.
    let (first, last) = (*held.first().unwrap(), *held.last().unwrap());
    assert!(
        (30..36).contains(&first) && (715..725).contains(&last),
        "{first}..{last}"
    );
    assert_eq!(held.len() as u64, last - first + 1);
}

#[test]
fn a_slow_ball_is_seen_to_roll_at_its_own_speed() {
    for fps in [30.0, 60.0, 120.0] {
        for speed in [0.04, 0.1, 0.2, 0.3] {
            let (mut tracker, start) = (tracker(), Instant::now());
            let mut fastest = 0.0_f64;
            let mut left_after = None;
            for frame in 0..(2.0 * fps) as u64 {
                let t = frame as f64 / fps;
                let way = speed * (t - 1.0).max(0.0);
                let place = Vec2::new(-0.3 + way, 0.1);
                let mut seen = observation(start, 0, &[(BallKind::pool(3), place)], None);
                seen.captured = start + Duration::from_secs_f64(t);
                let Some(state) = tracker.update(&seen) else {
                    continue;
                };
                let Some(ball) = state.balls.first() else { continue };
                fastest = fastest.max(ball.velocity_m_s.length());
                if ball.motion == BallMotion::Moving {
                    left_after.get_or_insert(way);
                }
            }
            // Half a radius, and the way until the next look.
            let name = format!("{speed} m/s at {fps}");
            assert!(
                left_after.is_some_and(|way| way < 0.0145 + speed / fps),
                "{name}: {left_after:?}"
            );
            assert!(fastest < 1.5 * speed + 0.02, "{name}: told {fastest} m/s");
        }
    }
}

/// An observation of looks, each of a kind, at a place, this clear.
fn looks(start: Instant, frame: u64, balls: &[(Odds, Vec2, f64)]) -> Observation {
    let places: Vec<_> = balls
        .iter()
        .map(|(_, place, _)| (BallKind::default(), *place))
        .collect();
    let mut seen = observation(start, frame, &places, None);
    for (ball, (odds, _, clear)) in seen.balls.iter_mut().zip(balls) {
        (ball.odds, ball.confidence) = (*odds, *clear);
    }
    seen
}

#[test]
fn what_looks_like_a_ball_that_lies_elsewhere_is_one_if_it_is_clear() {
    let eight = odds(&[(8, 0.0)]);
    let told = |shown: Odds, clear: f64| {
        let (mut tracker, start) = (tracker(), Instant::now());
        let mut most = 0;
        for frame in 0..150_u64 {
            let mut balls = vec![(eight, Vec2::new(-0.3, 0.1), 1.0)];
            if frame > 30 && frame % 3 == 0 {
                balls.push((shown, Vec2::new(0.3, -0.2), clear));
            }
            let state = tracker.update(&looks(start, frame, &balls)).unwrap();
            most = most.max(state.balls.len());
        }
        most
    };
    // A shadow, another eight, and a faint seven.
    assert_eq!(told(eight, 0.7), 1);
    assert_eq!(told(eight, 0.9), 2);
    assert_eq!(told(odds(&[(7, 0.0), (3, -1.0)]), 0.7), 2);
}

#[test]
fn an_unclear_look_does_not_carry_off_a_ball_that_nothing_could_have_pushed() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let seven = odds(&[(7, 0.0), (3, -0.8)]);
    let (place, shadow) = (Vec2::new(0.3, -0.2), Vec2::new(0.3, -0.159));
    for frame in 0..120_u64 {
        // A ball of the cloth's colour, seen now and then; once its shadow is.
        let looked = match frame {
            61 => vec![(seven, shadow, 0.64)],
            _ if frame % 3 == 0 => vec![(seven, place, 0.6)],
            _ => Vec::new(),
        };
        let state = tracker.update(&looks(start, frame, &looked)).unwrap();
        let lies = |ball: &TrackedBall| {
            ball.id == BallId(1) && ball.position_m.distance(place) < 1e-6 && ball.velocity_m_s == Vec2::ZERO
        };
        assert!(
            frame < 40 || state.balls.len() == 1 && state.balls.iter().all(lies),
            "frame {frame}: {state:?}"
        );
    }
}

#[test]
fn of_two_balls_in_a_pack_the_one_that_was_hit_flies_off_where_it_was_hit_to() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let (hit, beside) = (Vec2::new(0.2, 0.0), Vec2::new(0.2, 0.0573));
    let (fifteen, fourteen) = (odds(&[(15, 0.0), (14, -3.0)]), odds(&[(14, 0.0), (15, -3.0)]));
    let cue = odds(&[(0, 0.0), (14, -6.0)]);
    // The cue ball comes straight at the one; the other is not seen in the frame after they met, and the blur
    // looks a little more like that.
    let blur = odds(&[(14, 0.0), (15, -0.3), (0, -0.3)]);
    for frame in 0..25_u64 {
        let comes = Vec2::new(-0.825 + 0.2 * frame.saturating_sub(16) as f64, 0.0);
        let balls = match frame {
            0..=20 => vec![(cue, comes, 1.0), (fifteen, hit, 1.0), (fourteen, beside, 0.7)],
            21 => vec![
                (cue, Vec2::new(0.14, 0.0), 1.0),
                (blur, hit + Vec2::new(0.19, 0.0), 0.85),
            ],
            _ => vec![
                (cue, Vec2::new(0.14, 0.0), 1.0),
                (fifteen, hit + Vec2::new(0.19 * (frame - 20) as f64, 0.0), 0.85),
                (fourteen, beside, 0.7),
            ],
        };
        let state = tracker.update(&looks(start, frame, &balls)).unwrap();
        let far = state.balls.iter().find(|ball| ball.position_m.x > 0.3);
        assert_eq!(
            far.map(|ball| ball.id),
            (frame > 20).then_some(BallId(2)),
            "frame {frame}: {state:?}"
        );
    }
}

#[test]
fn what_was_no_ball_before_is_none_under_a_hand() {
    let (mut tracker, start) = (tracker(), Instant::now());
    let place = Vec2::new(0.3, -0.2);
    let hand = Hidden::of(Vec2::new(1.27, 0.635), |p| p.distance(place) < 0.08);
    for frame in 0..90_u64 {
        let flicker = [(BallKind::pool(3), place)];
        let mut seen = observation(start, frame, if frame % 20 == 0 { &flicker } else { &[] }, None);
        seen.hidden = hand.clone();
        if let Some(state) = tracker.update(&seen) {
            assert!(state.balls.is_empty(), "frame {frame}");
        }
    }
}

mod happenings;
