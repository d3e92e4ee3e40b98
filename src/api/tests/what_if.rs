//! What would happen, and what could be played.

use std::sync::Arc;

use serde_json::{Value, json};

use super::SHOT;
use super::client::{get, post};
use super::world::{World, snapshot};
use crate::table::TableSpec;

#[test]
fn what_if_answers_and_names_what_is_wrong() {
    let world = World::usual();
    let at = world.server.local_addr();
    let answer = post(at, "/api/v1/predict", SHOT);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let shot = answer.json()["shot"].clone();
    assert_eq!(shot["events"][0]["type"], "stick_ball");
    assert_eq!(shot["events"][0]["ids"], json!([0]));
    assert_eq!(
        (&shot["paths"][1]["ball"], shot["truncated"].as_bool()),
        (&json!("three"), Some(false))
    );
    assert!(shot["paths"][0]["length_m"].as_f64() > Some(0.5) && shot["duration_s"].as_f64() > Some(0.5));

    let mut lots: Vec<Value> = Vec::new();
    for i in 0..40 {
        lots.push(json!({ "id": i, "position": [f64::from(i) * 0.06 - 1.2, 0.0] }));
    }
    let shot: Value = serde_json::from_str(SHOT).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = shot.clone();
        match pointer.rsplit_once('/') {
            Some((parent, key)) if changed.pointer(pointer).is_none() => {
                changed.pointer_mut(parent).unwrap()[key] = value;
            }
            _ => *changed.pointer_mut(pointer).unwrap() = value,
        }
        changed.to_string()
    };
    let wrong = [
        (
            with("/balls/1/position", json!([-0.47, 0.0])),
            "balls[1].position",
        ),
        (with("/balls/0/position", json!([1.26, 0.0])), "balls[0].position"),
        (with("/balls/0/position", json!([0.0, 7.0])), "balls[0].position"),
        (with("/balls/0/position", json!([0.0])), "balls[0].position"),
        (with("/balls/0/position/1", json!("zero")), "balls[0].position[1]"),
        (with("/balls/0/position/0", json!(null)), "balls[0].position[0]"),
        (with("/balls/1/id", json!(0)), "balls[1].id"),
        (with("/balls/1/id", json!(1.5)), "balls[1].id"),
        (with("/balls/1/colour", json!("red")), "balls[1].colour"),
        (with("/balls", json!([])), "balls"),
        (with("/balls", json!(lots)), "balls"),
        (with("/balls", json!({})), "balls"),
        (with("/table", json!("ping-pong")), "table"),
        (with("/table", json!(9)), "table"),
        (with("/extra", json!(1)), "extra"),
        (with("/cue/ball", json!(8)), "cue.ball"),
        (with("/cue/stick_speed_m_s", json!(-1)), "cue.stick_speed_m_s"),
        (with("/cue/stick_speed_m_s", json!(1e9)), "cue.stick_speed_m_s"),
        (with("/cue/direction_deg", json!("north")), "cue.direction_deg"),
        (with("/cue/side", json!(1.2)), "cue.side"),
        (with("/cue/side", json!(0.9)), "cue.side"),
        (with("/cue/elevation_deg", json!(90)), "cue.elevation_deg"),
        (with("/cue/spin", json!(1)), "cue.spin"),
        (with("/cue", json!(null)), "cue"),
        ("[]".to_owned(), "body"),
        ("{}".to_owned(), "balls"),
    ];
    for (body, field) in wrong {
        let problem = post(at, "/api/v1/predict", &body).problem(422, "validation");
        assert_eq!(problem["errors"][0]["field"], field, "{body} -> {problem}");
    }
    let nan = SHOT.replace("5.7", "NaN");
    let problem = post(at, "/api/v1/predict", &nan).problem(400, "malformed_json");
    assert!(
        problem["detail"].as_str().unwrap().contains("finite"),
        "{problem}"
    );
    post(at, "/api/v1/predict", &SHOT.replace("5.7", "1e999")).problem(400, "malformed_json");
    post(at, "/api/v1/predict", &"[".repeat(20_000)).problem(400, "malformed_json");
}

#[test]
fn what_if_knows_a_custom_table_and_its_model_apart() {
    let mut seen = snapshot(1);
    let mut table = TableSpec::clone(&seen.table_spec);
    table.name = "pool-9ft, custom".to_owned();
    table.physics.roll_friction *= 2.0;
    seen.table_spec = Arc::new(table);
    let world = World::new(Some(seen), |_| {});
    let rolled = |name: &str| {
        let body = SHOT.replace("pool-9ft", name);
        let answer = post(world.server.local_addr(), "/api/v1/predict", &body).json();
        assert_eq!(answer["table"], name, "{answer}");
        answer["shot"]["duration_s"].as_f64().unwrap()
    };
    assert!(rolled("pool-9ft, custom") < rolled("pool-9ft"));
}

const LIE: &str = r#"{"table":"pool-9ft","balls":[{"id":0,"position":[-0.3,0]},{"id":"three","position":[1.2,0.58]},
    {"id":4,"position":[0.4,-0.2]}],"cue_ball":0,"skill":"expert","most":3}"#;

#[test]
fn suggestions_can_be_asked_for_any_lie() {
    let world = World::usual();
    let at = world.server.local_addr();
    let answer = post(at, "/api/v1/suggest", LIE);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let shots = answer["suggestions"].as_array().unwrap();
    assert!((1..=3).contains(&shots.len()), "{answer}");
    let hangs = shots.iter().find(|s| s["ball"] == "three").unwrap();
    assert_eq!(
        (&hangs["kind"], &hangs["pocket"]),
        (&json!("direct"), &json!("foot_left"))
    );
    assert!(hangs["success"].as_f64() > Some(0.9), "{hangs}");
    // What is suggested can be asked about as it stands.
    let asked = json!({ "balls": serde_json::from_str::<Value>(LIE).unwrap()["balls"], "cue": {
        "ball": 0, "direction_deg": hangs["cue"]["direction_deg"], "stick_speed_m_s": hangs["cue"]["stick_speed_m_s"],
    } });
    let shot = post(at, "/api/v1/predict", &asked.to_string()).json();
    assert_eq!(
        shot["shot"]["pocketed"][0],
        json!({ "ball": "three", "pocket": "foot_left" })
    );

    let lie: Value = serde_json::from_str(LIE).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = lie.clone();
        changed[key] = value;
        changed.to_string()
    };
    for (body, field) in [
        (with("cue_ball", json!(9)), "cue_ball"),
        (with("targets", json!([])), "targets"),
        (with("targets", json!([4, 4])), "targets[1]"),
        (with("targets", json!([0])), "targets[0]"),
        (with("targets", json!(["five"])), "targets[0]"),
        (with("skill", json!("god")), "skill"),
        (with("most", json!(0)), "most"),
        (with("most", json!(13)), "most"),
        (with("most", json!("all")), "most"),
        (with("cue", json!({})), "cue"),
        (with("balls", json!([])), "balls"),
    ] {
        let problem = post(at, "/api/v1/suggest", &body).problem(422, "validation");
        assert_eq!(problem["errors"][0]["field"], field, "{body} -> {problem}");
    }
}

#[test]
fn suggestions_for_the_table_name_its_balls_or_say_why_there_are_none() {
    let world = World::usual();
    let at = world.server.local_addr();
    let on_the_table: Vec<Value> = get(at, "/api/v1/table").json()["balls"]
        .as_array()
        .unwrap()
        .clone();
    let answer = get(at, "/api/v1/suggest?skill=expert&most=2&group=solid").json();
    let shots = answer["suggestions"].as_array().unwrap();
    assert!(!shots.is_empty() && shots.len() <= 2, "{answer}");
    for shot in shots {
        let ball = on_the_table.iter().find(|b| b["id"] == shot["ball"]).unwrap();
        assert_eq!(ball["group"], "solid", "{shot}");
    }
    get(at, "/api/v1/suggest?skill=god").problem(400, "invalid_query");
    get(at, "/api/v1/suggest?most=99").problem(422, "validation");

    let mut next = snapshot(2);
    let mut table = (**next.table.as_ref().unwrap()).clone();
    table.at_rest = false;
    next.table = Some(Arc::new(table.clone()));
    world.put(next);
    get(at, "/api/v1/suggest").problem(409, "balls_moving");
    let mut next = snapshot(3);
    table.at_rest = true;
    let cue_ball = table.cue_ball().unwrap().id;
    table.balls.retain(|ball| ball.id != cue_ball);
    next.table = Some(Arc::new(table));
    world.put(next);
    get(at, "/api/v1/suggest").problem(409, "no_cue_ball");
    let mut next = snapshot(4);
    next.table = None;
    world.put(next);
    get(at, "/api/v1/suggest").problem(409, "no_table");
}
