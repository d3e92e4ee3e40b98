use super::*;
use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, Simulator};
use crate::table::{Geometry, PocketId};

fn measured(model: &str, measure: impl FnOnce(&mut TableMeasures)) -> Result<TableSpec, ImpossibleMeasure> {
    let mut measures = TableMeasures::default();
    measure(&mut measures);
    measures.on(&TableSpec::named(model).unwrap())
}

fn played(play: impl FnOnce(&mut PhysicsMeasures)) -> Result<Parameters, ImpossibleMeasure> {
    let mut measures = PhysicsMeasures::default();
    play(&mut measures);
    measures.on(&Parameters::POOL)
}

#[test]
fn without_measures_every_table_is_its_model() {
    for name in TableSpec::NAMES {
        let model = TableSpec::named(name).unwrap();
        assert_eq!(TableMeasures::default().on(&model), Ok(model.clone()));
        assert_eq!(PhysicsMeasures::default().on(&model.physics), Ok(model.physics));
    }
    let reference = TableSpec::reference_9ft();
    assert_eq!(TableMeasures::default().on(&reference), Ok(reference.clone()));
}

#[test]
fn noses_and_pockets_follow_the_measures() {
    let snooker = measured("snooker-12ft", |m| {
        (m.length_m, m.width_m) = (Some(2.54), Some(1.27));
        (m.corner.mouth_m, m.corner.shelf_m) = (Some(0.09), Some(0.03));
        m.side.hole_radius_m = Some(0.05);
    })
    .unwrap();
    let geometry = Geometry::of(&snooker);
    let noses = geometry.noses.iter().flat_map(|n| [n.a, n.b]);
    assert!(noses.clone().all(|p| p.x.abs() <= 1.27 && p.y.abs() <= 0.635));
    assert!(noses.clone().any(|p| p.x == 1.27) && noses.clone().any(|p| p.y == -0.635));
    let corner = geometry.pocket(PocketId::FootLeft).unwrap();
    // The hole's edge lies one shelf behind the middle of the mouth.
    let mouth = (2.0_f64).sqrt() * (1.27 + 0.635) / 2.0 - 0.045;
    let edge = (corner.centre.x + corner.centre.y) / (2.0_f64).sqrt() - corner.radius;
    assert!((edge - mouth - 0.03).abs() < 1e-12);
    assert_eq!(geometry.pocket(PocketId::SideLeft).unwrap().radius, 0.05);
}

#[test]
fn an_unweighed_cue_ball_weighs_as_much_as_the_others() {
    let weigh = |others, cue| {
        let spec = measured("pool-9ft", |m| {
            (m.ball.mass_kg, m.cue_ball_mass_kg) = (others, cue);
        })
        .unwrap();
        (spec.ball.mass_kg, spec.cue_ball_mass_kg)
    };
    let usual = BallSpec::POOL.mass_kg;
    assert_eq!(weigh(None, None), (usual, usual));
    assert_eq!(weigh(Some(0.16), None), (0.16, 0.16));
    assert_eq!(weigh(None, Some(0.19)), (usual, 0.19));
    assert_eq!(weigh(Some(0.16), Some(0.19)), (0.16, 0.19));
}

#[test]
fn every_impossible_measure_is_named_with_what_is_allowed() {
    type Change = fn(&mut TableMeasures);
    let wrong: [(&str, Change, &str); 29] = [
        ("length_m", |m| m.length_m = Some(f64::NAN), "0.5 to 6"),
        ("length_m", |m| m.length_m = Some(-2.54), "0.5 to 6"),
        ("width_m", |m| m.width_m = Some(2.6), "0.635 to 2.54"),
        ("width_m", |m| m.width_m = Some(0.1), "0.635 to 2.54"),
        ("width_m", |m| m.length_m = Some(1.0), "0.25 to 1"),
        (
            "nose_height_m",
            |m| m.nose_height_m = Some(0.1),
            "0.01715 to 0.05715",
        ),
        (
            "nose_height_m",
            |m| m.ball.radius_m = Some(0.015),
            "0.009 to 0.03",
        ),
        (
            "cushion_width_m",
            |m| m.cushion_width_m = Some(0.0),
            "0.02 to 0.12",
        ),
        (
            "rail_width_m",
            |m| m.rail_width_m = Some(f64::INFINITY),
            "0.01 to 0.5",
        ),
        (
            "ball.radius_m",
            |m| m.ball.radius_m = Some(57.15),
            "0.005 to 0.06",
        ),
        (
            "ball.radius_m",
            |m| (m.length_m, m.width_m) = (Some(0.8), Some(0.4)),
            "0.005 to 0.025",
        ),
        ("ball.mass_kg", |m| m.ball.mass_kg = Some(170.0), "0.01 to 2"),
        (
            "cue_ball_mass_kg",
            |m| m.cue_ball_mass_kg = Some(0.0),
            "0.01 to 2",
        ),
        (
            "corner.mouth_m",
            |m| m.corner.mouth_m = Some(0.05),
            "0.06001 to 0.42333",
        ),
        (
            "side.mouth_m",
            |m| m.side.mouth_m = Some(0.5),
            "0.06001 to 0.42333",
        ),
        (
            "corner.jaw_angle_deg",
            |m| m.corner.jaw_angle_deg = Some(45.0),
            "0 to 44",
        ),
        (
            "side.jaw_angle_deg",
            |m| m.side.jaw_angle_deg = Some(-1.0),
            "0 to 44",
        ),
        (
            "corner.jaw_angle_deg",
            |m| m.corner.jaw_angle_deg = Some(40.0),
            "smaller angle",
        ),
        (
            "side.jaw_angle_deg",
            |m| (m.side.mouth_m, m.side.jaw_angle_deg) = (Some(0.1), Some(44.0)),
            "smaller angle",
        ),
        (
            "corner.jaw_radius_m",
            |m| m.corner.jaw_radius_m = Some(0.0),
            "0.001 to 0.2",
        ),
        (
            "side.jaw_radius_m",
            |m| m.side.jaw_radius_m = Some(0.19),
            "smaller radius",
        ),
        (
            "corner.hole_radius_m",
            |m| m.corner.hole_radius_m = Some(0.02),
            "0.03001 to 0.1159",
        ),
        (
            "side.hole_radius_m",
            |m| m.side.hole_radius_m = Some(0.2),
            "0.03001 to 0.1286",
        ),
        (
            "corner.shelf_m",
            |m| m.corner.shelf_m = Some(0.2),
            "-0.01428 to 0.08",
        ),
        (
            "side.shelf_m",
            |m| m.side.shelf_m = Some(-0.1),
            "-0.01428 to 0.0508",
        ),
        (
            "side.hole_radius_m",
            |m| m.side.shelf_m = Some(0.05),
            "larger one",
        ),
        ("rail_width_m", |m| m.rail_width_m = Some(0.05), "at least 0.0822"),
        (
            "corner.jaw_radius_m",
            |m| {
                (m.length_m, m.width_m) = (Some(1.0), Some(0.4));
                (m.corner.mouth_m, m.corner.jaw_radius_m) = (Some(0.13), Some(0.2));
                (m.cushion_width_m, m.corner.jaw_angle_deg) = (Some(0.1), Some(0.0));
            },
            "no straight cushion",
        ),
        (
            "side.mouth_m",
            |m| {
                (m.length_m, m.width_m) = (Some(1.27), Some(1.27));
                (m.corner.mouth_m, m.side.mouth_m) = (Some(0.42), Some(0.42));
                (m.corner.hole_radius_m, m.side.hole_radius_m) = (Some(0.3), Some(0.4));
                (m.corner.shelf_m, m.side.shelf_m) = (Some(-0.01), Some(-0.01));
                (m.corner.jaw_radius_m, m.side.jaw_radius_m) = (Some(0.2), Some(0.05));
            },
            "no straight cushion",
        ),
    ];
    for (key, change, allowed) in wrong {
        let error = measured("pool-9ft", change).unwrap_err();
        assert!(
            error.key == key && error.reason.contains(allowed),
            "{key}: {error}"
        );
    }
    let error = measured("carom-10ft", |m| m.side.shelf_m = Some(0.0)).unwrap_err();
    assert!(
        error.key == "side" && error.reason.contains("carom-10ft"),
        "{error}"
    );
}

#[test]
fn every_impossible_parameter_is_named_with_what_is_allowed() {
    type Change = fn(&mut PhysicsMeasures);
    let wrong: [(&str, Change, &str); 22] = [
        ("gravity_m_s2", |p| p.gravity_m_s2 = Some(0.0), "above 0"),
        ("slide_friction", |p| p.slide_friction = Some(-0.2), "above 0"),
        ("roll_friction", |p| p.roll_friction = Some(f64::NAN), "above 0"),
        ("spin_down_rad_s2", |p| p.spin_down_rad_s2 = Some(0.0), "above 0"),
        (
            "slope",
            |p| p.slope = Some(Vec2::new(0.0, 0.02)),
            "0.9 times roll_friction",
        ),
        (
            "slope",
            |p| (p.slope, p.roll_friction) = (Some(Vec2::X * 0.005), Some(0.005)),
            "0.9",
        ),
        (
            "ball_restitution",
            |p| p.ball_restitution = Some(RestitutionMeasures::Constant(1.1)),
            "up to 1",
        ),
        (
            "cushion_restitution",
            |p| p.cushion_restitution = Some(RestitutionMeasures::Curve(vec![[2.0, 0.8], [1.0, 0.8]])),
            "in order of speed",
        ),
        (
            "cushion_restitution",
            |p| p.cushion_restitution = Some(RestitutionMeasures::Curve(vec![])),
            "1 to 6",
        ),
        (
            "ball_restitution",
            |p| p.ball_restitution = Some(RestitutionMeasures::Curve(vec![[1.0, 0.9]; 7])),
            "curve of 7 points",
        ),
        (
            "ball_friction",
            |p| {
                p.ball_friction = Some(BallFriction {
                    floor: -0.1,
                    ..BallFriction::ALCIATORE
                });
            },
            "from 0",
        ),
        ("cushion_friction", |p| p.cushion_friction = Some(0.0), "above 0"),
        (
            "cushion_frequency_ratio",
            |p| p.cushion_frequency_ratio = Some(2.0),
            "between 1 and 2",
        ),
        (
            "pocket",
            |p| {
                p.pocket = Some(PocketPlay::Drop {
                    depth_m: Some(0.0),
                    liner_restitution: None,
                    facing_restitution: None,
                });
            },
            "depth_m above 0",
        ),
        ("cue_mass_kg", |p| p.cue_mass_kg = Some(0.0), "above 0"),
        ("cue_end_mass_kg", |p| p.cue_end_mass_kg = Some(-0.006), "above 0"),
        ("tip_restitution", |p| p.tip_restitution = Some(1.5), "up to 1"),
        ("tip_friction", |p| p.tip_friction = Some(0.0), "above 0"),
        ("bed_restitution", |p| p.bed_restitution = Some(1.5), "0 to 1"),
        (
            "drift",
            |p| {
                p.drift = Some(Drift {
                    roll_friction_per_k: 1.0,
                    ..Drift::NONE
                });
            },
            "per kelvin",
        ),
        ("temperature_c", |p| p.temperature_c = Some(75.0), "-10 to 50"),
        (
            "temperature_c",
            |p| {
                p.temperature_c = Some(45.0);
                p.drift = Some(Drift {
                    roll_friction_per_k: -0.05,
                    ..Drift::NONE
                });
            },
            "roll_friction would not be possible",
        ),
    ];
    for (key, change, allowed) in wrong {
        let error = played(change).unwrap_err();
        assert!(
            error.key == key && error.reason.contains(allowed),
            "{key}: {error}"
        );
    }
}

#[test]
fn a_curve_may_have_fewer_points_than_there_is_room_for() {
    let curve = |points: &[[f64; 2]]| {
        played(|p| p.ball_restitution = Some(RestitutionMeasures::Curve(points.to_vec())))
            .unwrap()
            .ball_restitution
    };
    let three = curve(&[[1.0, 0.96], [3.0, 0.94], [5.0, 0.9]]);
    for (speed, expected) in [(0.2, 0.96), (2.0, 0.95), (4.0, 0.92), (5.0, 0.9), (20.0, 0.9)] {
        assert!(
            (three.at(speed) - expected).abs() < 1e-12,
            "{speed}: {}",
            three.at(speed)
        );
    }
    let one = curve(&[[1.0, 0.9]]);
    assert!([0.0, 1.0, 9.0].iter().all(|speed| one.at(*speed) == 0.9));
}

#[test]
fn a_pocket_is_as_the_model_has_it_where_it_was_not_measured() {
    let dead = PocketPlay::Drop {
        depth_m: None,
        liner_restitution: Some(0.0),
        facing_restitution: None,
    };
    for model in [Parameters::POOL, Parameters::REFERENCE] {
        let mut measures = PhysicsMeasures {
            pocket: Some(dead),
            ..PhysicsMeasures::default()
        };
        let pocket = measures.on(&model).unwrap().pocket;
        assert!(
            matches!(
                pocket,
                Pocket::Drop {
                    depth_m: 0.0143,
                    liner_restitution: 0.0,
                    facing_restitution: 0.7,
                    ..
                }
            ),
            "{pocket:?}"
        );
        measures.pocket = Some(PocketPlay::Edge);
        assert_eq!(measures.on(&model).unwrap().pocket, Pocket::Edge);
    }
}

#[test]
fn a_warm_table_rolls_as_its_drift_says() {
    let at = |temperature_c| {
        played(|p| {
            p.temperature_c = temperature_c;
            p.drift = Some(Drift {
                roll_friction_per_k: -0.01,
                ..Drift::NONE
            });
        })
        .unwrap()
        .roll_friction
    };
    assert_eq!(at(None), Parameters::POOL.roll_friction);
    assert!((at(Some(30.0)) - 0.9 * Parameters::POOL.roll_friction).abs() < 1e-12);
    assert!(at(Some(10.0)) > Parameters::POOL.roll_friction);
}

/// Where cue ball and object ball, half a metre apart, lie after a stroke along x.
fn straight_shot(table: &TableSpec, stick_speed_m_s: f64) -> [Vec2; 2] {
    let balls = [Vec2::new(-0.4, 0.0), Vec2::new(0.1, 0.0)].map(BallState::resting);
    let strike = CueStrike {
        stick_speed_m_s,
        direction: 0.0,
        elevation: 0.0,
        side: 0.0,
        height: 0.0,
    };
    let mut simulator = Simulator::new(table);
    assert_eq!(simulator.parameters(), &table.physics);
    let shot = simulator.simulate(&balls, Some((0, strike)));
    assert!(!shot.truncated);
    [0, 1].map(|ball| shot.paths[ball].end.position)
}

#[test]
fn physics_plays_on_the_table_as_measured() {
    let usual = TableSpec::pool_9ft();
    let [cue, object] = straight_shot(&usual, 0.5);
    // A heavy cue ball drives on behind the ball it hit.
    let heavy = measured("pool-9ft", |m| m.cue_ball_mass_kg = Some(0.25)).unwrap();
    let [heavy_cue, _] = straight_shot(&heavy, 0.5);
    assert!(heavy_cue.x > cue.x + 0.01, "{heavy_cue} {cue}");
    // On a table out of level the cue ball rolls aside and hits the other beside its middle.
    let sloping = TableSpec {
        physics: played(|p| p.slope = Some(Vec2::new(0.0, -0.002))).unwrap(),
        ..usual.clone()
    };
    let [low, high] = straight_shot(&sloping, 0.5);
    assert_eq!((cue.y, object.y), (0.0, 0.0));
    assert!(low.y < -0.001 && high.y > 0.001, "{low} {high}");
    // On a short table a ball comes back from the cushion that it does not reach on a long one.
    let short = measured("pool-9ft", |m| (m.length_m, m.width_m) = (Some(1.4), Some(0.7))).unwrap();
    let ([_, far], [_, back]) = (straight_shot(&usual, 0.7), straight_shot(&short, 0.7));
    assert!(far.x > 0.7 && back.x < 0.7 - usual.ball.radius_m, "{far} {back}");
}

#[test]
fn any_table_not_unlike_a_model_can_be_played() {
    let mut random = fastrand::Rng::with_seed(5);
    let models = TableSpec::NAMES.map(|name| TableSpec::named(name).unwrap());
    let mut accepted = 0;
    for model in models.iter().cycle().take(3000) {
        let mut near = |value: f64| Some(value * (0.7 + 0.7 * random.f64()));
        let mut pocket = |shape: Option<PocketShape>| {
            shape.map_or_else(PocketMeasures::default, |s| PocketMeasures {
                mouth_m: near(s.mouth_m),
                jaw_angle_deg: near(s.jaw_angle_deg),
                jaw_radius_m: near(s.jaw_radius_m),
                hole_radius_m: near(s.hole_radius_m),
                shelf_m: near(s.shelf_m),
            })
        };
        let measures = TableMeasures {
            corner: pocket(model.corner),
            side: pocket(model.side),
            length_m: near(model.length_m),
            width_m: near(model.width_m),
            nose_height_m: near(model.nose_height_m),
            cushion_width_m: near(model.cushion_width_m),
            rail_width_m: near(model.rail_width_m),
            ball: BallMeasures {
                radius_m: near(model.ball.radius_m),
                mass_kg: near(model.ball.mass_kg),
            },
            cue_ball_mass_kg: near(model.cue_ball_mass_kg),
        };
        let Ok(mut table) = measures.on(model) else {
            continue;
        };
        table.physics.pocket = Pocket::Edge;
        accepted += 1;
        let mut simulator = Simulator::new(&table);
        let balls = [Vec2::new(-0.2, 0.0), Vec2::new(0.2, 0.01)].map(BallState::resting);
        for step in 0..40 {
            let strike = CueStrike {
                stick_speed_m_s: 6.0,
                direction: f64::from(step) * 0.157,
                elevation: 0.0,
                side: 0.0,
                height: 0.0,
            };
            let shot = simulator.simulate(&balls, Some((0, strike)));
            // Truncated is what a shot is whose ball slips past a hole and off the table.
            assert!(!shot.truncated && !shot.events.is_empty(), "{measures:?} {step}");
        }
    }
    assert!(accepted > 1000, "{accepted}");
}
