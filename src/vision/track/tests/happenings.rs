//! Events and their times on made-up ways of balls.

use super::*;
use crate::units::unit;

const FPS: f64 = 30.0;
const R: f64 = 0.028_575;

/// Shows the tracker balls on these ways, frame by frame, and collects what it tells with seconds after the start.
fn told(
    seconds: f64,
    ways: &[(BallKind, &dyn Fn(f64) -> Option<Vec2>)],
) -> (Vec<(f64, Happening)>, TableState) {
    let (mut tracker, start) = (tracker(), Instant::now());
    let mut noise = fastrand::Rng::with_seed(3);
    let (mut events, mut last) = (Vec::new(), None);
    for frame in 0..(seconds * FPS) as u64 {
        let t = frame as f64 / FPS;
        let balls: Vec<_> = ways
            .iter()
            .filter_map(|(kind, way)| {
                let jitter = Vec2::new(noise.f64() - 0.5, noise.f64() - 0.5) * 0.0008;
                Some((*kind, way(t)? + jitter))
            })
            .collect();
        let mut seen = observation(start, frame, &balls, None);
        seen.captured = start + Duration::from_secs_f64(1.0 + t);
        let state = tracker.update(&seen).unwrap();
        events.extend(state.events.iter().map(|event| {
            let at = event.at.saturating_duration_since(start).as_secs_f64() - 1.0;
            (at, event.what)
        }));
        last = Some(state);
    }
    (events, last.unwrap())
}

fn time_of(events: &[(f64, Happening)], test: impl Fn(&Happening) -> bool) -> Option<f64> {
    let mut found = events.iter().filter(|(_, what)| test(what));
    let first = found.next().map(|(at, _)| *at);
    first.filter(|_| found.next().is_none())
}

#[test]
fn a_stroke_its_first_contact_and_a_cushion_are_told_with_their_times() {
    // The cue ball is struck at 1.013 s, rolls 2 m/s, meets the five full after 0.5 m less two radii; the five
    // goes on with 1.8 m/s to the foot cushion and comes back.
    let (struck, speed) = (1.013, 2.0);
    let gap = 0.5 - 2.0 * R;
    let met = struck + gap / speed;
    let wall = 1.27 - R;
    let back = met + (wall - 0.7) / 1.8;
    let cue = |t: f64| {
        let way = (speed * (t - struck)).clamp(0.0, gap) + 0.1 * (t - met).max(0.0);
        Some(Vec2::new(0.2 + way, 0.05))
    };
    let five = |t: f64| {
        let way = 1.8 * (t - met).max(0.0);
        let x = 0.7 + way;
        Some(Vec2::new(
            if x > wall { wall - 0.75 * (x - wall) } else { x },
            0.05,
        ))
    };
    let (events, state) = told(2.2, &[(BallKind::pool(0), &cue), (BallKind::pool(5), &five)]);
    let near = |told: Option<f64>, right: f64| {
        assert!(
            told.is_some_and(|t| (t - right).abs() < 0.004),
            "{told:?} {right} of {events:?}"
        )
    };
    near(time_of(&events, |e| matches!(e, Happening::Struck(_))), struck);
    near(
        time_of(&events, |e| matches!(e, Happening::Contact { first: true, .. })),
        met,
    );
    near(time_of(&events, |e| matches!(e, Happening::Cushion(_))), back);
    assert_eq!(state.balls.len(), 2);
}

#[test]
fn nothing_happens_to_balls_that_lie() {
    let place = |x: f64| move |_: f64| Some(Vec2::new(x, 0.0));
    let (a, b) = (place(0.0), place(2.0 * R));
    let (events, _) = told(4.0, &[(BallKind::pool(0), &a), (BallKind::pool(5), &b)]);
    let only_rest = events.iter().all(|(_, what)| *what == Happening::AtRest);
    assert!(only_rest && events.len() == 1, "{events:?}");
}

#[test]
fn a_ball_put_back_is_the_one_that_was_pocketed() {
    // Into the foot left pocket at 1.2 s; from 3 s on it lies on the head spot.
    let cue = |t: f64| {
        let roll = (t - 1.0).max(0.0);
        let way = Vec2::new(1.0, 0.365) + Vec2::new(1.3, 1.3) * roll;
        let gone = way.x > 1.26;
        if t > 3.0 {
            Some(Vec2::new(-0.635, 0.0))
        } else {
            (!gone).then_some(way)
        }
    };
    let five = |_: f64| Some(Vec2::new(0.0, 0.3));
    let (events, state) = told(4.0, &[(BallKind::pool(0), &cue), (BallKind::pool(5), &five)]);
    let fell = events.iter().find_map(|(at, what)| match what {
        Happening::Pocketed(id, kind, PocketId::FootLeft) => Some((*at, *id, *kind)),
        _ => None,
    });
    let (at, id, kind) = fell.unwrap();
    assert!(
        (1.15..1.35).contains(&at) && kind == BallKind::pool(0),
        "{at} {kind:?}"
    );
    assert_eq!(state.cue_ball().map(|b| b.id), Some(id));
    assert_eq!(state.balls.len(), 2);
}

#[test]
fn rows_that_are_exposed_later_are_told_apart_from_balls_that_are_faster() {
    // A ball that goes down the picture is seen ahead of where it is; at the frame's own time it is not.
    let (start, readout_s) = (Instant::now(), 0.03);
    let mut tracker = tracker().with_readout(readout_s);
    let mut worst: f64 = 0.0;
    for frame in 0..24_u64 {
        let t = 1.0 + frame as f64 / FPS;
        let y = |t: f64| 0.5 - 0.9 * (t - 1.0);
        // The row that shows it: the upper rail is the first row, the lower the last.
        let row = 0.5 - y(t);
        let seen_at = t + readout_s * (row - 0.5);
        let place = Vec2::new(0.3, y(seen_at));
        let mut seen = observation(start, frame, &[(BallKind::pool(3), place)], None);
        seen.balls[0].center_px.y = row * 1080.0;
        seen.captured = start + Duration::from_secs_f64(t);
        let state = tracker.update(&seen).unwrap();
        if frame > 6 {
            let told = state.balls[0].position_m;
            worst = worst.max(told.distance(Vec2::new(0.3, y(t))));
        }
    }
    assert!(worst < 0.002, "{worst}");
    // Nonsense is no camera.
    assert_eq!(super::tracker().with_readout(f64::NAN).readout_s, 0.0);
}

#[test]
fn reds_that_were_lost_from_sight_have_their_ids_again_where_they_lay() {
    let red = BallKind {
        group: Group::Red,
        number: None,
    };
    let place = |k: usize| Vec2::new(0.8, 0.058 * k as f64);
    // A poorer picture for a while: two of three are seen beside their places, as if they moved, then not at all.
    let way = |k: usize| {
        move |t: f64| match t {
            t if k > 0 && (2.0..2.1).contains(&t) => Some(place(k) + Vec2::new(0.6 * R, 0.0)),
            t if k > 0 && (2.1..8.0).contains(&t) => None,
            _ => Some(place(k)),
        }
    };
    let (a, b, c) = (way(0), way(1), way(2));
    let (_, before) = told(1.9, &[(red, &a), (red, &b), (red, &c)]);
    let (_, gone) = told(7.9, &[(red, &a), (red, &b), (red, &c)]);
    let (_, after) = told(9.0, &[(red, &a), (red, &b), (red, &c)]);
    let ids = |state: &TableState| {
        let mut all: Vec<_> = state
            .balls
            .iter()
            .map(|ball| ((ball.position_m.y / 0.058).round() as i32, ball.id))
            .collect();
        all.sort_unstable();
        all
    };
    assert_eq!((before.balls.len(), gone.balls.len()), (3, 1));
    assert_eq!(ids(&after), ids(&before));
}

#[test]
fn a_ball_that_has_not_moved_keeps_its_id_whoever_else_looks_like_it() {
    let (lying, elsewhere) = (Vec2::new(0.6, 0.1), Vec2::new(0.2, -0.4));
    // It is taken for its stripe for a while, and somebody's head for it.
    let clear = move |t: f64| (t < 1.5).then_some(lying);
    let mistaken = move |t: f64| (t >= 1.5).then_some(lying);
    let other = move |t: f64| (t >= 1.5).then_some(elsewhere);
    let seven = BallKind::pool(7);
    let ways: [(BallKind, &dyn Fn(f64) -> Option<Vec2>); 3] =
        [(seven, &clear), (BallKind::pool(15), &mistaken), (seven, &other)];
    let id_there = |state: &TableState| {
        let mut there = state.balls.iter().filter(|b| b.position_m.distance(lying) < 0.01);
        there.next().map(|b| b.id)
    };
    let before = id_there(&told(1.4, &ways).1);
    assert!(before.is_some());
    for seconds in [1.8, 2.5, 4.0, 8.0] {
        assert_eq!(id_there(&told(seconds, &ways).1), before, "after {seconds} s");
    }
}

#[test]
fn a_stroke_so_fast_that_nobody_sees_the_cue_ball_fly_is_told_by_what_it_sets_off() {
    let (cue, yellow, red) = (BallKind::pool(0), BallKind::pool(1), BallKind::pool(3));
    let apex = Vec2::new(0.5, 0.0);
    let (hit_s, met_s) = (1.5, 1.6);
    let cue_way = move |t: f64| match t {
        t if t < hit_s => Some(Vec2::new(-0.5, 0.0)),
        t if t < met_s + 0.03 => None,
        t => Some(apex - Vec2::new(2.0 * R + 0.3 * (t - met_s), 0.0)),
    };
    let goes = |from: Vec2, velocity: Vec2| move |t: f64| Some(from + velocity * (t - met_s).max(0.0));
    let near = goes(apex, Vec2::new(0.6, 0.9));
    let far = goes(apex + 2.0 * R * Vec2::from_angle(0.5), Vec2::new(1.5, 0.4));
    let (events, _) = told(2.2, &[(cue, &cue_way), (yellow, &near), (red, &far)]);
    let strokes: Vec<_> = events
        .iter()
        .filter(|(_, what)| matches!(what, Happening::Struck(_)))
        .collect();
    assert_eq!(strokes.len(), 1, "{events:?}");
    let (at, first) = (events.iter())
        .find_map(|(at, what)| match what {
            Happening::Contact { balls, first: true } => Some((*at, *balls)),
            _ => None,
        })
        .unwrap();
    assert!((strokes[0].0 - hit_s).abs() < 0.03, "{events:?}");
    assert_eq!(
        (first, strokes[0].1),
        ([BallId(1), BallId(2)], Happening::Struck(BallId(1)))
    );
    assert!((at - met_s).abs() < 0.012, "{events:?}");
}

#[test]
fn a_ball_pocketed_within_two_frames_was_met_by_the_one_that_was_struck() {
    let (cue, red) = (BallKind::pool(0), BallKind::pool(3));
    // It lies just before the foot left pocket, and is gone one frame after it was hit.
    let lies = Vec2::new(1.27, 0.635) - Vec2::splat(0.14);
    let way = unit(std::f64::consts::FRAC_PI_4);
    let (hit_s, met_s) = (1.505, 1.705);
    let speed = 3.0;
    let from = lies - way * (2.0 * R + speed * (met_s - hit_s));
    let cue_way = |t: f64| Some(from + way * (speed * (t - hit_s)).clamp(0.0, speed * (met_s - hit_s)));
    let red_way = |t: f64| {
        let gone = speed * (t - met_s).max(0.0);
        (gone < 0.12).then_some(lies + way * gone)
    };
    let (events, _) = told(2.4, &[(cue, &cue_way), (red, &red_way)]);
    let first = time_of(&events, |e| {
        matches!(
            e,
            Happening::Contact {
                balls: [BallId(1), BallId(2)],
                first: true
            }
        )
    });
    assert!(first.is_some_and(|at| (at - met_s).abs() < 0.02), "{events:?}");
    assert!(
        time_of(&events, |e| matches!(e, Happening::Struck(BallId(1)))).is_some(),
        "{events:?}"
    );
    assert!(
        time_of(&events, |e| matches!(e, Happening::Pocketed(BallId(2), ..))).is_some(),
        "{events:?}"
    );
}

#[test]
fn a_ball_hit_just_before_a_frame_is_the_same_one_far_away_in_the_next() {
    let (cue, red) = (BallKind::pool(0), BallKind::pool(3));
    // Seen some millimetres on its way, and two hundred a frame later, when what hit it has stopped.
    let speed = 6.0;
    let met_s = 1.5 - 0.006 / speed;
    let lies = Vec2::new(-0.3, 0.1);
    let cue_way = |t: f64| Some(lies - Vec2::new(2.0 * R + speed * (met_s - t).clamp(0.0, 0.12), 0.0));
    let red_way = |t: f64| Some(lies + Vec2::new(speed * (t - met_s).clamp(0.0, 0.2), 0.0));
    let (_, before) = told(1.45, &[(cue, &cue_way), (red, &red_way)]);
    let (_, after) = told(1.6, &[(cue, &cue_way), (red, &red_way)]);
    let ids = |state: &TableState| state.balls.iter().map(|ball| ball.id).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after));
    let gone = after.balls.iter().find(|ball| ball.position_m.x > lies.x + 0.1);
    assert_eq!(gone.map(|ball| ball.id), Some(BallId(2)), "{after:?}");
}

#[test]
fn the_first_contact_of_a_break_is_with_the_ball_in_the_way_whatever_the_pack_makes_of_it() {
    let (apex, speed) = (Vec2::new(0.3, 0.0), 8.0);
    let mut random = fastrand::Rng::with_seed(1);
    for case in 0..200_u32 {
        // Struck just before a frame or just after one, and off in all ways that a pack may go.
        let hit_s = 1.5 + 0.01 * f64::from(case % 4);
        let met_s = 1.6 + 0.009 * f64::from(case % 7);
        let mut goes = |from: Vec2, fastest: f64| {
            let velocity = Vec2::new(random.f64() - 0.3, random.f64() - 0.5) * fastest;
            move |t: f64| Some(from + velocity * (t - met_s).max(0.0))
        };
        let second_row = 2.0 * R * unit(std::f64::consts::FRAC_PI_6);
        let first = goes(apex, 2.0);
        let left = goes(apex + second_row, 5.0);
        let right = goes(apex + second_row * Vec2::new(1.0, -1.0), 5.0);
        let behind = goes(apex + 2.0 * second_row, 3.0);
        let back = goes(Vec2::ZERO, 1.0);
        let angle = 0.9 * (random.f64() - 0.5);
        let touch = apex - 2.0 * R * unit(angle + 0.4 * (random.f64() - 0.5));
        let cue = |t: f64| {
            let to_go = unit(angle) * (speed * (met_s - t.max(hit_s)).max(0.0));
            Some(touch - to_go + back(t)?)
        };
        let ball = BallKind::pool;
        let ways: [(BallKind, &dyn Fn(f64) -> Option<Vec2>); 5] = [
            (ball(0), &cue),
            (ball(1), &first),
            (ball(2), &left),
            (ball(3), &right),
            (ball(4), &behind),
        ];
        let (events, _) = told(2.1, &ways);
        let told = events.iter().find_map(|(at, what)| match what {
            Happening::Contact { balls, first: true } => Some((*at, *balls)),
            _ => None,
        });
        let right =
            told.is_some_and(|(at, balls)| balls == [BallId(1), BallId(2)] && (at - met_s).abs() < 0.003);
        assert!(right, "case {case}: {met_s} {events:?}");
    }
}
