//! Whole shots: against the reference, and for what must hold of every shot.

use super::prediction::EventKind;
use super::*;
use crate::table::PocketId;
use crate::table::parameters::Restitution;
use crate::units::{Vec2, Vec3, unit};

const R: f64 = 0.028_575;

fn simulator() -> Simulator {
    Simulator::new(&TableSpec::reference_9ft())
}

fn with_parameters(physics: Parameters) -> Simulator {
    Simulator::new(&TableSpec {
        physics,
        ..TableSpec::reference_9ft()
    })
}

fn strike(speed: f64, direction_deg: f64) -> CueStrike {
    CueStrike {
        stick_speed_m_s: speed,
        direction: direction_deg.to_radians(),
        elevation: 0.0,
        side: 0.0,
        height: 0.0,
    }
}

fn resting(places: &[(f64, f64)]) -> Vec<BallState> {
    places
        .iter()
        .map(|&(x, y)| BallState::resting(Vec2::new(x, y)))
        .collect()
}

/// The triangle of fifteen with the apex on the foot spot, a hair apart, and the cue ball.
fn break_position() -> Vec<BallState> {
    break_position_on(&TableSpec::pool_9ft())
}

fn break_position_on(table: &TableSpec) -> Vec<BallState> {
    let pitch = 2.0 * table.ball.radius_m + 1e-5;
    let spot = table.length_m / 4.0;
    let mut places = vec![(-spot, 0.02)];
    for row in 0..5 {
        for seat in 0..=row {
            let across = f64::from(seat) - 0.5 * f64::from(row);
            places.push((spot + f64::from(row) * pitch * 0.75_f64.sqrt(), across * pitch));
        }
    }
    resting(&places)
}

/// Any position and stroke with `count` balls.
fn any_shot(rng: &mut fastrand::Rng, count: usize) -> (Vec<BallState>, CueStrike) {
    any_shot_on(&TableSpec::pool_9ft(), rng, count)
}

fn any_shot_on(table: &TableSpec, rng: &mut fastrand::Rng, count: usize) -> (Vec<BallState>, CueStrike) {
    let mut places: Vec<(f64, f64)> = Vec::new();
    let r = table.ball.radius_m;
    let room = Vec2::new(table.length_m, table.width_m) - Vec2::splat(2.0 * r + 1e-6);
    while places.len() < count {
        let place = ((rng.f64() - 0.5) * room.x, (rng.f64() - 0.5) * room.y);
        let apart = |&(x, y): &(f64, f64)| (x - place.0).hypot(y - place.1) > 2.0 * r;
        if places.iter().all(apart) {
            places.push(place);
        }
    }
    let strike = CueStrike {
        elevation: if rng.bool() { 0.0 } else { rng.f64() },
        side: rng.f64() - 0.5,
        height: rng.f64() - 0.5,
        ..strike(7.0 * rng.f64(), 360.0 * rng.f64())
    };
    (resting(&places), strike)
}

// ----------------------------------------------------------------------------- the reference

enum End {
    Rests(f64, f64),
    Falls(PocketId),
}
use End::{Falls, Rests};

struct ReferenceShot {
    what: &'static str,
    /// Centres in metres, the cue ball first.
    balls: &'static [(f64, f64)],
    /// Speed of the stick m/s, direction and elevation in degrees, side and height in radii.
    stroke: [f64; 5],
    ends: &'static [End],
    events: usize,
}

/// Output of pooltool 0.6.0 (9-ft table, its default parameters and models), in the table
/// frame, rounded to a nanometre.
#[test]
fn shots_end_where_the_reference_says() {
    let shots = [
        ReferenceShot {
            what: "straight-008: slides, then rolls to rest",
            balls: &[(-1.115_995_876, 0.158_963_135)],
            stroke: [1.161_542_619, 357.229_704_337, 0.0, 0.0, -0.645_465_222],
            ends: &[Rests(-0.560_171_819, 0.132_067_646)],
            events: 3,
        },
        ReferenceShot {
            what: "swerve-012: elevated stroke with side",
            balls: &[(-0.812_963_952, 0.056_109_922)],
            stroke: [1.168_722_37, 3.353_331_761, 33.918_439_774, 0.3, 0.3],
            ends: &[Rests(0.112_447_087, 0.532_246_049)],
            events: 7,
        },
        ReferenceShot {
            what: "cut-034: cut of 25 degrees",
            balls: &[(-0.794_790_257, 0.360_549_986), (-0.189_668_009, 0.232_078_689)],
            stroke: [1.294_451_528, 350.248_186_918, 0.0, 0.0, 0.0],
            ends: &[
                Rests(1.117_988_479, 0.445_344_534),
                Rests(0.863_706_309, -0.327_217_561),
            ],
            events: 15,
        },
        ReferenceShot {
            what: "throw-062: cut of 15 degrees with side",
            balls: &[(-0.696_434_551, 0.197_356_367), (-0.270_249_806, 0.086_415_668)],
            stroke: [0.931_752_888, 349.041_371_777, 0.0, 0.406_588_402, 0.050_193_671],
            ends: &[
                Rests(0.182_996_338, 0.297_188_124),
                Rests(0.911_661_626, -0.603_712_862),
            ],
            events: 9,
        },
        ReferenceShot {
            what: "kick1-073: one rail with side, then a jaw",
            balls: &[(0.362_128_608, -0.116_118_545)],
            stroke: [2.653_454_562, 282.876_744_113, 0.0, 0.388_299_204, 0.0],
            ends: &[Rests(0.775_823_821, 0.514_544_734)],
            events: 9,
        },
        ReferenceShot {
            what: "kick23-086: several rails",
            balls: &[(-0.451_848_743, 0.193_339_762)],
            stroke: [1.975_497_986, 318.752_231_998, 0.0, 0.0, 0.276_366_502],
            ends: &[Rests(-1.088_157_127, -0.323_975_106)],
            events: 11,
        },
        ReferenceShot {
            what: "bank-096: object ball off a rail",
            balls: &[(-0.664_371_323, 0.154_076_276), (-0.380_281_548, -0.220_858_127)],
            stroke: [1.318_582_974, 307.151_401_268, 0.0, 0.0, -0.285_425_371],
            ends: &[
                Rests(-0.408_889_265, -0.183_102_395),
                Rests(0.790_816_761, 0.158_297_574),
            ],
            events: 8,
        },
        ReferenceShot {
            what: "corner-125: into a corner pocket, aimed 1.6 degrees off",
            balls: &[(0.366_000_983, 0.248_762_84), (0.718_137_021, -0.142_665_925)],
            stroke: [1.005_010_966, 310.995_244_185, 0.0, 0.0, -0.000_766_53],
            ends: &[Rests(0.865_315_509, -0.582_014_432), Falls(PocketId::FootRight)],
            events: 9,
        },
        ReferenceShot {
            what: "rattle-132: rattles in both jaws of a corner",
            balls: &[(0.416_835_025, 0.077_824_578)],
            stroke: [3.952_455_036, 322.375_274_289, 0.0, 0.0, 0.4],
            ends: &[Falls(PocketId::FootLeft)],
            events: 12,
        },
        ReferenceShot {
            what: "combo-104: combination of two object balls",
            balls: &[
                (-0.727_857_417, 0.049_125_07),
                (-0.270_940_76, 0.042_855_087),
                (-0.025_292_148, -0.003_585_836),
            ],
            stroke: [2.816_461_401, 359.838_362_598, 0.0, 0.0, 0.281_551_298],
            ends: &[
                Rests(0.244_068_32, 0.565_300_186),
                Rests(1.169_150_817, -0.342_334_81),
                Rests(-0.913_730_802, 0.425_509_44),
            ],
            events: 24,
        },
        ReferenceShot {
            what: "frozen-107: onto a pair a micrometre apart",
            balls: &[
                (-0.729_534_774, 0.104_614_515),
                (-0.233_493_6, 0.041_819_986),
                (-0.177_759_576, 0.054_467_332),
            ],
            stroke: [1.889_038_146, 352.785_225_594, 0.0, 0.0, 0.262_654_268],
            ends: &[
                Rests(0.968_155_07, -0.187_426_141),
                Falls(PocketId::SideRight),
                Rests(-1.086_513_163, 0.524_075_075),
            ],
            events: 22,
        },
    ];
    let mut simulator = simulator();
    for shot in &shots {
        let [stick_speed_m_s, direction, elevation, side, height] = shot.stroke;
        let strike = CueStrike {
            stick_speed_m_s,
            direction: direction.to_radians(),
            elevation: elevation.to_radians(),
            side,
            height,
        };
        let prediction = simulator.simulate(&resting(shot.balls), Some((0, strike)));
        assert_eq!(prediction.events.len(), shot.events, "{}", shot.what);
        for (ball, end) in shot.ends.iter().enumerate() {
            match *end {
                Rests(x, y) => {
                    assert_eq!(prediction.pocket_of(ball), None, "{}", shot.what);
                    let error = prediction.paths[ball].end.position.distance(Vec2::new(x, y));
                    assert!(error < 1e-6, "{}: ball {ball} is out by {error} m", shot.what);
                }
                Falls(pocket) => assert_eq!(prediction.pocket_of(ball), Some(pocket), "{}", shot.what),
            }
        }
    }
}

// ------------------------------------------------------------------ what holds of every shot

/// Path pieces follow each other without gaps, and the path says what the events say.
fn assert_consistent(prediction: &Prediction, balls: usize) {
    assert_eq!(prediction.paths.len(), balls);
    assert!(!prediction.truncated);
    assert!(prediction.events.is_sorted_by(|a, b| a.time_s <= b.time_s));
    for path in &prediction.paths {
        for pair in path.pieces.windows(2) {
            assert_eq!(pair[0].end_s, pair[1].start_s);
            let jump = pair[0].at(pair[0].end_s).position.distance(pair[1].from.position);
            assert!(jump < 5e-5, "jump of {jump} m");
        }
        if let (Some(first), Some(last)) = (path.pieces.first(), path.pieces.last()) {
            assert_eq!(first.start_s, 0.0);
            assert!(last.end_s <= prediction.duration_s);
            if path.end.motion == Motion::Resting {
                assert!(last.at(last.end_s).position.distance(path.end.position) < 5e-5);
            }
        }
        assert!(matches!(path.end.motion, Motion::Resting | Motion::Pocketed));
        assert_eq!((path.end.velocity, path.end.spin), (Vec2::ZERO, Vec3::ZERO));
    }
    let left: Vec<_> = prediction
        .paths
        .iter()
        .map(|path| path.end)
        .filter(|end| end.motion == Motion::Resting)
        .collect();
    for (i, a) in left.iter().enumerate() {
        assert!(TableSpec::pool_9ft().holds_ball_at(a.position.x, a.position.y) || in_a_mouth(a.position));
        for b in &left[i + 1..] {
            assert!(a.position.distance(b.position) > 2.0 * R - 1e-9);
        }
    }
}

/// At no time is a ball inside another or inside a cushion.
fn assert_solid(rules: &Rules, prediction: &Prediction, samples: u32) {
    for i in 0..=samples {
        let t = prediction.duration_s * f64::from(i) / f64::from(samples);
        let places = check::places(rules, &prediction.at(t), 6e-5);
        assert_eq!(places, Ok(()), "at {t}");
    }
}

fn in_a_mouth(p: Vec2) -> bool {
    crate::table::Geometry::of(&TableSpec::pool_9ft())
        .pockets
        .iter()
        .any(|pocket| p.distance(pocket.centre) < 0.15)
}

fn energy_at(prediction: &Prediction, t: f64) -> f64 {
    prediction
        .at(t)
        .iter()
        .map(|ball| ball.velocity.length_squared() + 0.4 * R * R * ball.spin.length_squared())
        .sum()
}

#[test]
fn any_shot_ends_with_balls_at_rest_and_never_gains_energy() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut simulator = simulator();
    for _ in 0..300 {
        let count = rng.usize(1..12);
        let (balls, strike) = any_shot(&mut rng, count);
        let prediction = simulator.simulate(&balls, Some((0, strike)));
        assert_consistent(&prediction, count);
        assert_solid(&simulator.rules, &prediction, 200);
        let mut energy = energy_at(&prediction, 1e-12);
        for event in &prediction.events {
            let after = energy_at(&prediction, event.time_s + 1e-12);
            assert!(after <= energy + 1e-6, "{energy} to {after} at {event:?}");
            energy = after;
        }
    }
}

#[test]
fn a_break_ends_and_scatters() {
    let balls = break_position();
    let mut shot = strike(7.0, 0.0);
    shot.direction = (-0.02_f64).atan2(1.27);
    let prediction = simulator().simulate(&balls, Some((0, shot)));
    assert_consistent(&prediction, 16);
    assert_solid(&simulator().rules, &prediction, 2000);
    assert!(prediction.events.len() > 60 && prediction.events.len() < 1000);
}

/// States no cue can produce: whatever comes out, it comes out.
#[test]
fn wild_states_end_too() {
    let mut rng = fastrand::Rng::with_seed(21);
    let mut simulator = simulator();
    for round in 0..200 {
        let count = rng.usize(1..23);
        let (mut balls, stroke) = any_shot(&mut rng, count);
        if round % 2 == 0 {
            balls = break_position();
        }
        let scale = 10.0_f64.powf(4.0 * rng.f64() - 2.0);
        let mut any = || scale * (2.0 * rng.f64() - 1.0);
        for ball in &mut balls {
            ball.velocity = Vec2::new(any(), any());
            ball.spin = Vec3::new(any(), any(), any()) / R;
        }
        let prediction = simulator.simulate(&balls, (round % 3 == 0).then_some((0, stroke)));
        assert!(!prediction.truncated);
        assert_solid(&simulator.rules, &prediction, 50);
    }
}

#[test]
fn the_same_shot_gives_the_same_bits() {
    let balls = break_position();
    let mut simulator = simulator();
    let first = simulator.simulate(&balls, Some((0, strike(6.0, 0.3))));
    let mut rng = fastrand::Rng::with_seed(2);
    for count in [1, 7, 3] {
        let (other, stroke) = any_shot(&mut rng, count);
        simulator.simulate(&other, Some((0, stroke)));
    }
    assert_eq!(first, simulator.simulate(&balls, Some((0, strike(6.0, 0.3)))));
}

#[test]
fn a_mirrored_shot_has_a_mirrored_end() {
    let mut simulator = simulator();
    let balls = [(-0.7, 0.1), (0.2, 0.05), (0.5, -0.3)];
    let mirrored = balls.map(|(x, y)| (x, -y));
    let shot = CueStrike {
        side: 0.3,
        height: 0.2,
        ..strike(1.5, -3.0)
    };
    let mirrored_shot = CueStrike {
        side: -0.3,
        direction: -shot.direction,
        ..shot
    };
    let one = simulator.simulate(&resting(&balls), Some((0, shot)));
    let other = simulator.simulate(&resting(&mirrored), Some((0, mirrored_shot)));
    assert_eq!(one.events.len(), other.events.len());
    for (a, b) in one.paths.iter().zip(&other.paths) {
        let (a, b) = (a.end.position, b.end.position);
        assert!(a.distance(Vec2::new(b.x, -b.y)) < 1e-9);
    }
}

#[test]
fn running_on_from_the_middle_gives_the_same_end() {
    let mut simulator = simulator();
    let balls = resting(&[(-0.7, 0.1), (0.2, 0.05)]);
    let whole = simulator.simulate(&balls, Some((0, strike(1.2, -2.0))));
    let middle = whole.at(0.3);
    let rest = simulator.simulate(&middle, None);
    assert!(!rest.events.iter().any(|e| matches!(e.kind, EventKind::Strike(_))));
    for (a, b) in whole.paths.iter().zip(&rest.paths) {
        assert!(a.end.position.distance(b.end.position) < 1e-7);
    }
    assert!((whole.duration_s - 0.3 - rest.duration_s).abs() < 1e-7);
}

// --------------------------------------------------------------------------- particular cases

#[test]
fn a_cushion_is_duller_at_speed_when_told_so() {
    let falling = Parameters {
        cushion_restitution: Restitution::Curve([
            [0.0, 0.85],
            [2.0, 0.75],
            [4.0, 0.65],
            [6.0, 0.6],
            [8.0, 0.5],
            [9.0, 0.5],
        ]),
        ..Parameters::REFERENCE
    };
    let back = |parameters: Parameters, speed: f64| {
        let mut ball = BallState::resting(Vec2::new(1.0, 0.2));
        ball.velocity = Vec2::new(speed, 0.0);
        let prediction = with_parameters(parameters).simulate(&[ball], None);
        let hit = prediction
            .events
            .iter()
            .find(|e| matches!(e.kind, EventKind::Cushion(..)));
        let t = hit.unwrap().time_s;
        -prediction.paths[0].at(t + 1e-12).velocity.x / prediction.paths[0].at(t - 1e-12).velocity.x
    };
    // Fast enough to arrive sliding, so that both come with the same kind of spin.
    assert!(back(falling, 5.0) < back(Parameters::REFERENCE, 5.0) - 0.1);
}

#[test]
fn a_stop_shot_stops_and_the_object_ball_goes_straight_on() {
    let mut cue = BallState::resting(Vec2::new(-0.3, 0.0));
    cue.velocity = Vec2::new(3.0, 0.0);
    // So near that it still slides without any roll when it arrives.
    let object = BallState::resting(Vec2::new(-0.3 + 2.0 * R + 1e-3, 0.0));
    let prediction = simulator().simulate(&[cue, object], None);
    let impact = prediction
        .events
        .iter()
        .find(|e| e.kind == EventKind::BallBall(0, 1))
        .unwrap();
    let after = prediction.at(impact.time_s + 1e-9);
    assert!((after[0].velocity.x / 3.0 - 0.025).abs() < 1e-3);
    assert!((after[1].velocity.x / 3.0 - 0.975).abs() < 1e-3);
    assert!(after[1].velocity.y.abs() < 1e-12);
}

#[test]
fn a_line_of_frozen_balls_passes_the_blow_on() {
    let place = |i: f64| (i * (2.0 * R + 1e-6), 0.0);
    let balls = resting(&[(-0.5, 0.0), place(0.0), place(1.0), place(2.0)]);
    let prediction = simulator().simulate(&balls, Some((0, strike(2.0, 0.0))));
    assert!(!prediction.truncated);
    let first = prediction
        .events
        .iter()
        .find(|e| matches!(e.kind, EventKind::BallBall(..)))
        .unwrap();
    let after = prediction.at(first.time_s + 5e-5);
    assert!(after[3].velocity.x > 0.85 * 2.0 * 1.538 * 0.9);
    assert!(after[1].velocity.x < 0.3 && after[2].velocity.x < 0.3);
}

#[test]
fn a_ball_aimed_at_a_pocket_falls_into_it() {
    let mut simulator = simulator();
    for pocket in PocketId::ALL {
        let centre = crate::table::Geometry::of(&TableSpec::reference_9ft())
            .pocket(pocket)
            .unwrap()
            .centre;
        let mut shot = strike(1.0, 0.0);
        shot.direction = centre.to_angle();
        let prediction = simulator.simulate(&resting(&[(0.0, 0.0)]), Some((0, shot)));
        assert_eq!(prediction.pocket_of(0), Some(pocket));
        assert_eq!(prediction.paths[0].end.motion, Motion::Pocketed);
        assert_eq!(prediction.paths[0].end.position, centre);
    }
}

#[test]
fn pocketed_balls_are_out_of_the_way() {
    let mut balls = resting(&[(-0.5, 0.0), (0.0, 0.0)]);
    balls[1].motion = Motion::Pocketed;
    let prediction = simulator().simulate(&balls, Some((0, strike(1.0, 0.0))));
    assert!(
        !prediction
            .events
            .iter()
            .any(|e| matches!(e.kind, EventKind::BallBall(..)))
    );
    assert_eq!(prediction.paths[1].end.motion, Motion::Pocketed);
}

#[test]
fn carom_and_snooker_tables_play_too() {
    for name in ["carom-10ft", "snooker-12ft", "pool-7ft", "pool-8ft"] {
        let mut simulator = Simulator::new(&TableSpec::named(name).unwrap());
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..50 {
            let balls = resting(&[(-0.5, 0.1), (0.4, 0.0), (0.1, -0.3)]);
            let shot = strike(5.0 * rng.f64(), 360.0 * rng.f64());
            let prediction = simulator.simulate(&balls, Some((0, shot)));
            assert!(!prediction.truncated && prediction.duration_s < 120.0);
        }
    }
    // Straight into the corner of two cushions.
    let mut carom = Simulator::new(&TableSpec::named("carom-10ft").unwrap());
    let prediction = carom.simulate(
        &resting(&[(1.42 - 0.3, 0.71 - 0.3)]),
        Some((0, strike(3.0, 45.0))),
    );
    assert!(!prediction.truncated && prediction.paths[0].end.position.x < 1.39);
}

#[test]
fn a_ball_frozen_to_the_rail_rolls_along_it() {
    let y = 0.635 - R;
    let prediction = simulator().simulate(&resting(&[(0.3, y)]), Some((0, strike(0.13, 0.0))));
    let end = prediction.paths[0].end;
    assert!(end.position.x > 0.38 && (end.position.y - y).abs() < 1e-3);
    // Swerving into it is a rapid series of tiny hits that ends.
    let swerving = CueStrike {
        elevation: 0.6,
        side: 0.4,
        ..strike(1.0, 0.0)
    };
    let prediction = simulator().simulate(&resting(&[(0.3, y)]), Some((0, swerving)));
    assert!(!prediction.truncated);
    let prediction = simulator().simulate(
        &resting(&[(0.3, y)]),
        Some((
            0,
            CueStrike {
                side: -0.4,
                ..swerving
            },
        )),
    );
    assert!(!prediction.truncated);
}

#[test]
fn a_spinning_ball_spins_down_on_the_spot() {
    let mut ball = BallState::resting(Vec2::ZERO);
    ball.spin = Vec3::new(0.0, 0.0, 21.8);
    let prediction = simulator().simulate(&[ball], None);
    assert!((prediction.duration_s - 2.0).abs() < 1e-9);
    assert_eq!(prediction.paths[0].at(1.0).motion, Motion::Spinning);
    assert_eq!(prediction.paths[0].end.position, Vec2::ZERO);
}

#[test]
fn a_struck_ball_far_from_everything_is_in_the_path_at_any_time() {
    let prediction = simulator().simulate(&resting(&[(-1.0, 0.0), (0.5, 0.0)]), Some((0, strike(0.5, 90.0))));
    assert_eq!(prediction.paths[1].pieces.len(), 0);
    assert_eq!(prediction.at(0.1)[1].position, Vec2::new(0.5, 0.0));
    let hit = simulator().simulate(&resting(&[(-0.5, 0.0), (0.5, 0.0)]), Some((0, strike(1.0, 0.0))));
    assert_eq!(hit.paths[1].at(0.01).motion, Motion::Resting);
}

// ---------------------------------------------------------------------------------- bad input

#[test]
fn bad_input_is_named_and_leaves_every_ball_where_it_is() {
    let mut simulator = simulator();
    let good = resting(&[(0.0, 0.0), (0.5, 0.0)]);
    let shot = strike(1.0, 0.0);
    let with = |change: &dyn Fn(&mut Vec<BallState>)| {
        let mut balls = good.clone();
        change(&mut balls);
        balls
    };
    let cases: [(Vec<BallState>, (usize, CueStrike), BadInput); 9] = [
        (
            with(&|b| b[1].position.x = f64::NAN),
            (0, shot),
            BadInput::NotFinite {
                ball: 1,
                field: "position",
            },
        ),
        (
            with(&|b| b[0].velocity.y = f64::INFINITY),
            (0, shot),
            BadInput::NotFinite {
                ball: 0,
                field: "velocity",
            },
        ),
        (
            with(&|b| b[0].spin.z = f64::NAN),
            (0, shot),
            BadInput::NotFinite {
                ball: 0,
                field: "spin",
            },
        ),
        (
            with(&|b| b[1].position.x = 3.0),
            (0, shot),
            BadInput::OffTable { ball: 1 },
        ),
        (
            with(&|b| b[1].position = Vec2::new(0.5, 0.62)),
            (0, shot),
            BadInput::OffTable { ball: 1 },
        ),
        (good.clone(), (2, shot), BadInput::NoSuchBall { ball: 2 }),
        (
            good.clone(),
            (0, CueStrike { side: 1.2, ..shot }),
            BadInput::Strike { field: "side" },
        ),
        (
            good.clone(),
            (0, strike(f64::NAN, 0.0)),
            BadInput::Strike {
                field: "stick_speed_m_s",
            },
        ),
        (
            good.clone(),
            (
                0,
                CueStrike {
                    elevation: 1.6,
                    ..shot
                },
            ),
            BadInput::Strike { field: "elevation" },
        ),
    ];
    for (balls, strike, expected) in cases {
        assert_eq!(simulator.check(&balls, Some(&strike)), Err(expected));
        let prediction = simulator.simulate(&balls, Some(strike));
        assert!(prediction.events.is_empty() && prediction.paths.len() == balls.len());
        assert_eq!(prediction.paths[0].end.motion, Motion::Resting);
    }
    let overlapping = resting(&[(0.0, 0.0), (0.05, 0.0)]);
    assert!(matches!(
        simulator.check(&overlapping, None),
        Err(BadInput::Overlap { ball: 0, other: 1, overlap_m }) if (overlap_m - (2.0 * R - 0.05)).abs() < 1e-12
    ));
    assert!(
        simulator
            .simulate(&overlapping, Some((0, shot)))
            .events
            .is_empty()
    );
    assert_eq!(simulator.check(&good, Some(&(0, shot))), Ok(()));
    assert_eq!(simulator.simulate(&[], None), Prediction::default());
}

#[test]
fn a_ball_in_a_hole_must_be_called_pocketed() {
    let simulator = simulator();
    let mut balls = resting(&[(1.27, 0.635)]);
    assert_eq!(simulator.check(&balls, None), Err(BadInput::OffTable { ball: 0 }));
    balls[0].motion = Motion::Pocketed;
    assert_eq!(simulator.check(&balls, None), Ok(()));
    // In the mouth it still lies on the table.
    assert_eq!(simulator.check(&resting(&[(1.235, 0.6)]), None), Ok(()));
}

#[test]
fn small_overlaps_of_measured_positions_are_forgiven() {
    let mut simulator = simulator();
    let balls = resting(&[
        (-0.5, 0.0),
        (0.2, 0.0),
        (0.2 + 2.0 * R - 0.001, 0.0),
        (0.3, 0.635 - R + 0.002),
    ]);
    assert!(simulator.check(&balls, None).is_err());
    let prediction = simulator.simulate(&balls, Some((0, strike(1.5, 0.0))));
    assert_consistent(&prediction, 4);
    assert!(
        prediction
            .events
            .iter()
            .any(|e| e.kind == EventKind::BallBall(1, 2))
    );
    assert!(prediction.paths[3].end.position.y <= 0.635 - R);
}

#[test]
fn balls_that_touch_exactly_are_good_input() {
    let mut simulator = simulator();
    let balls = resting(&[(-0.5, 0.0), (0.2, 0.0), (0.2 + 2.0 * R, 0.0), (0.3, 0.635 - R)]);
    assert_eq!(simulator.check(&balls, None), Ok(()));
    let prediction = simulator.simulate(&balls, Some((0, strike(1.5, 0.0))));
    assert_consistent(&prediction, 4);
    assert!(
        prediction
            .events
            .iter()
            .any(|e| e.kind == EventKind::BallBall(1, 2))
    );
}

#[test]
fn a_simulator_may_live_on_any_thread() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&simulator());
}

#[test]
fn the_cloth_turns_a_swerving_ball() {
    let swerving = CueStrike {
        elevation: 0.5,
        side: 0.4,
        ..strike(1.0, 0.0)
    };
    let prediction = simulator().simulate(&resting(&[(-1.0, 0.0)]), Some((0, swerving)));
    let path = &prediction.paths[0];
    // Left side: squirts to the right, then swerves to the left.
    assert!(path.at(0.0).velocity.y < 0.0 && path.at(0.4).velocity.y > 0.0);
    assert!(
        path.at(0.02)
            .position
            .distance(Vec2::new(-1.0, 0.0) + unit(0.0) * 0.03)
            < 0.01
    );
}

// ---------------------------------------------------------------------------------- two drivers

/// The live driver's result for the same input.
fn lived(table: &TableSpec, balls: &[BallState], strike: CueStrike) -> Prediction {
    let mut live = LiveTable::new(table);
    live.start(balls, Some(0), Some(strike)).unwrap();
    while live.step() {}
    live.log().clone()
}

#[test]
fn both_drivers_give_the_same_bits() {
    let mut rng = fastrand::Rng::with_seed(31);
    for name in ["reference", "pool-9ft", "pool-7ft", "snooker-12ft", "carom-10ft"] {
        let mut table = TableSpec::named(name).unwrap_or_else(|_| TableSpec::reference_9ft());
        if name == "pool-7ft" {
            table.physics.slope = Vec2::new(0.001, -0.002);
            table.cue_ball_mass_kg = 0.185;
        }
        let mut simulator = Simulator::new(&table);
        for round in 0..12 {
            let (mut balls, mut shot) = any_shot_on(&table, &mut rng, 1 + round % 8);
            if round == 11 {
                balls = break_position_on(&table);
                shot = strike(6.0, -0.9);
            }
            let event = simulator.simulate(&balls, Some((0, shot)));
            let live = lived(&table, &balls, shot);
            assert_eq!(event, live, "{name} {round}");
            assert_eq!(event.fingerprint(), live.fingerprint());
        }
    }
}

#[test]
fn the_live_table_shows_the_balls_where_the_prediction_has_them() {
    let table = TableSpec::pool_9ft();
    let balls = resting(&[(-0.7, 0.1), (0.2, 0.05), (0.5, -0.3)]);
    let whole = Simulator::new(&table).simulate(&balls, Some((0, strike(2.5, -2.0))));
    let mut live = LiveTable::new(&table);
    live.start(&balls, Some(0), Some(strike(2.5, -2.0))).unwrap();
    let mut ticks = 0;
    while live.step() {
        ticks += 1;
        assert!((live.now_s() - f64::from(ticks) / LiveTable::RATE_HZ).abs() < 1e-9);
        for (seen, told) in live.states().zip(whole.at(live.now_s())) {
            assert!(seen.position.distance(told.position) < 1e-12);
        }
    }
    assert!(f64::from(ticks) / LiveTable::RATE_HZ > whole.duration_s - 0.01);
    // Refused input leaves the table as it was.
    let bad = resting(&[(9.0, 0.0)]);
    assert!(live.start(&bad, None, None).is_err() && live.log() == &whole);
}

// --------------------------------------------------------------------------------------- memory

#[test]
fn a_warm_simulator_allocates_nothing() {
    let mut simulator = Simulator::new(&TableSpec::pool_9ft());
    let mut rng = fastrand::Rng::with_seed(17);
    let mut shots: Vec<_> = (1..12).map(|count| any_shot(&mut rng, count)).collect();
    shots.push((break_position(), strike(7.0, -0.9)));
    let play = |simulator: &mut Simulator| {
        for (balls, strike) in &shots {
            assert!(!simulator.play(balls, Some((0, *strike))).events.is_empty());
        }
    };
    // Memory grows to what the largest of them needs.
    for _ in 0..3 {
        play(&mut simulator);
    }
    let used = allocation_counter::measure(|| play(&mut simulator));
    assert_eq!(used.count_total, 0);
}

/// The same on every run, machine and driver: the arithmetic is that of IEEE 754, and sines,
/// arcs and exponentials come from one library.
#[test]
fn the_bits_of_a_break_are_these() {
    let mut simulator = Simulator::new(&TableSpec::pool_9ft());
    let prediction = simulator.simulate(&break_position(), Some((0, strike(7.0, -0.9))));
    assert_eq!(prediction.fingerprint(), 10_205_990_295_632_748_621);
}

// -------------------------------------------------------------------------------------- pockets

/// A ball that rolls along a long rail at this speed, this far (metres) from touching it.
fn along_the_rail(simulator: &mut Simulator, speed: f64, gap: f64) -> Prediction {
    let mut ball = BallState::resting(Vec2::new(0.4, 0.635 - R - gap));
    ball.velocity = Vec2::new(speed, 0.0);
    ball.spin = Vec3::new(0.0, speed / R, 0.0);
    ball.motion = Motion::Rolling;
    simulator.simulate(&[ball], None)
}

#[test]
fn a_slow_ball_along_the_rail_falls_and_fast_ones_may_come_out_again() {
    let mut simulator = Simulator::new(&TableSpec::pool_9ft());
    let corner = PocketId::FootLeft;
    let slow = along_the_rail(&mut simulator, 0.8, 0.01);
    assert_eq!(slow.pocket_of(0), Some(corner));
    let over = slow
        .events
        .iter()
        .position(|e| e.kind == EventKind::OverEdge(0, corner));
    let had = slow
        .events
        .iter()
        .position(|e| e.kind == EventKind::Pocketed(0, corner));
    assert!(over.unwrap() < had.unwrap());
    // What comes out again has paid for the climb and is on the table once more.
    let mut out = 0;
    for gap in 0..40 {
        let shot = along_the_rail(&mut simulator, 11.0, f64::from(gap) * 1e-3);
        assert!(!shot.truncated && shot.events.len() < 200);
        for event in shot
            .events
            .iter()
            .filter(|e| matches!(e.kind, EventKind::BackOut(..)))
        {
            let (before, after) = (shot.at(event.time_s - 1e-9), shot.at(event.time_s + 1e-9));
            assert_eq!(
                (before[0].motion, after[0].motion),
                (Motion::Falling, Motion::Sliding)
            );
            assert!(after[0].velocity.length() < before[0].velocity.length());
            out += 1;
        }
    }
    assert!(out > 0);
}

#[test]
fn a_ball_that_sinks_under_the_nose_of_a_facing_does_not_patter() {
    let mut ball = BallState::resting(Vec2::new(1.103_075_300_256_856, 0.530_905_581_787_037_8));
    ball.velocity = Vec2::new(0.349_232_180_899_423_65, 0.205_169_918_036_570_5);
    ball.spin = Vec3::new(
        1.288_623_854_093_196_5,
        5.861_297_722_493_831,
        0.566_987_572_610_02,
    );
    ball.motion = Motion::Sliding;
    let mut simulator = Simulator::new(&TableSpec::pool_9ft());
    let prediction = simulator.simulate(&[ball], None);
    assert_eq!(prediction.pocket_of(0), Some(PocketId::FootLeft));
    assert!(prediction.events.len() < 30, "{}", prediction.events.len());
}

#[test]
fn a_prediction_runs_on_from_a_ball_that_falls() {
    let mut simulator = Simulator::new(&TableSpec::pool_9ft());
    let whole = along_the_rail(&mut simulator, 0.8, 0.01);
    let over = whole
        .events
        .iter()
        .find(|e| matches!(e.kind, EventKind::OverEdge(..)))
        .unwrap();
    let falling = whole.at(over.time_s + 0.01);
    assert_eq!(falling[0].motion, Motion::Falling);
    assert_eq!(
        simulator.run_on(&falling, None).pocket_of(0),
        Some(PocketId::FootLeft)
    );
    // One that lies in a hole is at its bottom.
    let resting = [BallState::resting(Vec2::new(1.285, 0.65))];
    assert_eq!(
        simulator.run_on(&resting, None).paths[0].end.motion,
        Motion::Pocketed
    );
}

#[test]
fn no_ball_lies_in_the_wood_behind_the_cushions() {
    let simulator = simulator();
    for (x, y) in [(1.34, 0.586), (1.19, 0.706), (-0.09, -0.70), (0.3, 0.66)] {
        assert_eq!(
            simulator.check(&resting(&[(x, y)]), None),
            Err(BadInput::OffTable { ball: 0 }),
            "{x} {y}"
        );
    }
}
