//! What is inside, as JSON for those outside.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::calibration::status::CalibrationStatus;
use crate::physics::prediction::{EventKind, Motion, Path, Prediction, ShotEvent};
use crate::physics::spread::Spread;
use crate::system::snapshot::{PredictedShot, Snapshot};
use crate::system::status::{Lifecycle, ModuleStatus, SystemStatus};
use crate::table::{BallKind, Geometry, Group, PocketId, TableSpec};
use crate::units::{MM_PER_M, Vec2};
use crate::vision::track::{TableState, TrackedBall};

/// A length to the micrometre: what is behind that is noise and makes replies long.
pub(super) fn metres(v: f64) -> f64 {
    let rounded = (v * 1e6).round() / 1e6;
    // No negative zero.
    if rounded == 0.0 { 0.0 } else { rounded }
}

pub(super) fn point(p: Vec2) -> [f64; 2] {
    [metres(p.x), metres(p.y)]
}

/// The number on a ball; a number on a ball of unknown group is a guess and not told.
fn number(kind: BallKind) -> Option<u8> {
    kind.number.filter(|_| kind.group != Group::Unknown)
}

fn ball(ball: &TrackedBall) -> Value {
    json!({
        "id": ball.id,
        "group": ball.kind.group.name(),
        "number": number(ball.kind),
        "position": point(ball.position_m),
        "velocity": point(ball.velocity_m_s),
        "motion": ball.motion,
        "group_confidence": metres(ball.group_confidence),
    })
}

/// `GET /calibration`.
pub(super) fn calibration(status: &CalibrationStatus) -> Value {
    let running = status
        .running
        .map(|progress| json!({ "share": metres(progress.share), "doing": progress.words }));
    json!({
        "running": running,
        "last": status.last,
        "in_force": in_force(status),
        "unfit": status.unfit,
        "doubt": status.doubt,
        "change": status.change,
        "checked_off_mm": status.checked_off_m.map(|off_m| metres(off_m * MM_PER_M)),
        "profile": status.profile.as_deref(),
        "ended": status.ended,
    })
}

fn in_force(calibration: &CalibrationStatus) -> bool {
    calibration.profile.is_some() && calibration.unfit.is_none() && calibration.doubt.is_none()
}

/// `GET /projector`.
pub(super) fn projector(snapshot: &Snapshot) -> Value {
    let status = &snapshot.status;
    let moved_m = snapshot
        .calibration
        .profile
        .as_ref()
        .map(|profile| profile.nudge_m);
    json!({
        "display": status.display,
        "module": status.modules.iter().find(|module| module.id == "projector"),
        "calibrated": in_force(&snapshot.calibration),
        "moved_mm": moved_m.map(|by_m| point(by_m * MM_PER_M)),
        "assistance": status.assistance,
        "test_picture": status.test_picture,
        "shapes": snapshot.shapes.len(),
    })
}

/// What is on the table: topic `state`, and the changing part of `GET /table`.
pub(super) fn state(snapshot: &Snapshot) -> Value {
    let spec = &snapshot.table_spec;
    let Some(table) = snapshot.table.as_deref() else {
        return json!({
            "known": false, "stale": false, "model": spec.name, "sequence": null, "balls": [], "cue": null,
            "hidden": null, "at_rest": null, "pocketed": [],
        });
    };
    let balls: Vec<Value> = table.balls.iter().map(ball).collect();
    let pocketed: Vec<Value> = table
        .pocketed
        .iter()
        .map(|&(kind, pocket)| pocketed(kind, pocket))
        .collect();
    json!({
        "known": true,
        "stale": snapshot.table_stale,
        "model": spec.name,
        "sequence": table.sequence,
        "balls": balls,
        "cue": cue(table),
        "hidden": table.hidden,
        "at_rest": table.at_rest,
        "pocketed": pocketed,
    })
}

/// The cue over the table.
pub(super) fn cue(table: &TableState) -> Value {
    let cue = table.cue.map(|cue| {
        json!({
            "tip": point(cue.tip_m),
            "direction": point(cue.direction),
            "direction_deg": metres(cue.direction.y.atan2(cue.direction.x).to_degrees()),
            "confidence": metres(cue.confidence),
            "direction_sigma_deg": metres(cue.direction_sigma.to_degrees()),
            "elevation_deg": metres(cue.elevation.to_degrees()),
            "phase": cue.phase,
            "speed_m_s": metres(cue.speed_m_s),
        })
    });
    json!(cue)
}

/// A ball that fell.
pub(super) fn pocketed(kind: BallKind, pocket: PocketId) -> Value {
    json!({ "group": kind.group.name(), "number": number(kind), "pocket": pocket.name() })
}

/// `GET /table`: [`state`] with the table's measures.
pub(super) fn table(snapshot: &Snapshot) -> Value {
    let mut view = state(snapshot);
    if let Some(map) = view.as_object_mut() {
        map.insert("time".into(), json!(snapshot.time));
        map.insert("spec".into(), json!(*snapshot.table_spec));
        map.insert("geometry".into(), geometry(&snapshot.table_spec));
        let age = snapshot.table.as_ref().map(|t| t.captured.elapsed());
        map.insert("age_ms".into(), json!(age.map(millis)));
    }
    view
}

fn geometry(spec: &TableSpec) -> Value {
    let shape = Geometry::of(spec);
    let lines = |l: &[crate::table::Segment]| -> Vec<Value> {
        l.iter().map(|s| json!([point(s.a), point(s.b)])).collect()
    };
    let jaws: Vec<Value> = shape
        .jaws
        .iter()
        .map(|j| json!({ "centre": point(j.centre), "radius": metres(j.radius) }))
        .collect();
    let pockets: Vec<Value> = shape
        .pockets
        .iter()
        .map(|p| json!({ "id": p.id.name(), "centre": point(p.centre), "radius": metres(p.radius) }))
        .collect();
    json!({ "noses": lines(&shape.noses), "facings": lines(&shape.facings), "jaws": jaws, "pockets": pockets })
}

/// `GET /predict` and topic `prediction`: the shot being aimed, or why there is none.
pub(super) fn prediction(snapshot: &Snapshot) -> Value {
    match snapshot.shot.as_deref() {
        Some(shot) => json!({ "shot": predicted(shot, snapshot.table.as_deref()), "reason": null }),
        None => json!({ "shot": null, "reason": why_no_shot(snapshot) }),
    }
}

fn why_no_shot(snapshot: &Snapshot) -> &'static str {
    let Some(table) = snapshot.table.as_deref() else {
        return if snapshot.status.paused {
            "paused by the operator"
        } else {
            "no table is seen yet"
        };
    };
    if snapshot.status.paused {
        "paused by the operator"
    } else if snapshot.table_stale {
        "the table is not seen at present"
    } else if table.cue_ball().is_none() {
        "the cue ball is not seen"
    } else if !table.at_rest {
        "balls are moving"
    } else if table.cue.is_none() {
        "no cue is over the table"
    } else {
        "the cue is not aimed at the cue ball"
    }
}

fn predicted(shot: &PredictedShot, table: Option<&TableState>) -> Value {
    let kind_of = |id| {
        table
            .and_then(|t| t.balls.iter().find(|b| b.id == id))
            .map(|b| b.kind)
    };
    let labels: Vec<Value> = shot
        .balls
        .iter()
        .map(|&id| {
            let kind = kind_of(id);
            json!({
                "ball": id,
                "group": kind.map_or(Group::Unknown, |k| k.group).name(),
                "number": kind.and_then(number),
            })
        })
        .collect();
    let mut view = outcome(&shot.prediction, &labels);
    if let Some(map) = view.as_object_mut() {
        map.insert(
            "intent".into(),
            json!({
                "cue_ball": shot.intent.cue_ball,
                "position": point(shot.intent.cue_ball_m),
                "direction_deg": metres(shot.intent.direction.to_degrees()),
                "stick_speed_m_s": metres(shot.intent.stick_speed_m_s),
            }),
        );
        let spread = shot.spread.as_ref().map(|told| spread(told, &labels));
        map.insert("spread".into(), json!(spread));
    }
    view
}

/// How sure a prediction is. `labels` describe the balls, in order.
pub(super) fn spread(spread: &Spread, labels: &[Value]) -> Value {
    let balls: Vec<Value> = spread
        .balls
        .iter()
        .zip(labels)
        .map(|(ball, label)| {
            let pocketed: Map<String, Value> = PocketId::ALL
                .into_iter()
                .map(|id| (id.name().to_owned(), json!(metres(ball.pocket_probability(id)))))
                .collect();
            let cone: Vec<Value> = ball
                .cone
                .iter()
                .map(|c| {
                    json!({
                        "from": point(c.at_m + c.left * c.from_m), "to": point(c.at_m + c.left * c.to_m),
                        "share": metres(c.share),
                    })
                })
                .collect();
            json!({
                "ball": label.get("ball"), "pocketed": pocketed, "rest": point(ball.rest_m),
                "rest_spread_m": point(ball.rest_spread_m), "cone": cone,
            })
        })
        .collect();
    json!({ "rollouts": spread.rollouts, "balls": balls })
}

/// A simulated shot. `labels` describe the balls, in order, and have an entry `ball`.
pub(super) fn outcome(prediction: &Prediction, labels: &[Value]) -> Value {
    let id = |index: usize| {
        labels
            .get(index)
            .and_then(|l| l.get("ball"))
            .cloned()
            .unwrap_or_else(|| json!(index))
    };
    let paths: Vec<Value> = prediction
        .paths
        .iter()
        .enumerate()
        .map(|(index, path)| {
            let mut view = labels
                .get(index)
                .cloned()
                .unwrap_or_else(|| json!({ "ball": index }));
            if let Some(map) = view.as_object_mut() {
                let points: Vec<[f64; 2]> = polyline(path).into_iter().map(point).collect();
                map.insert("length_m".into(), json!(metres(path.length_m())));
                map.insert("points".into(), json!(points));
                map.insert("end".into(), json!(point(path.end.position)));
                map.insert(
                    "pocket".into(),
                    json!(prediction.pocket_of(index).map(PocketId::name)),
                );
            }
            view
        })
        .collect();
    let pocketed: Vec<Value> = prediction
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Pocketed(ball, pocket) => Some(json!({ "ball": id(ball), "pocket": pocket.name() })),
            _ => None,
        })
        .collect();
    let events: Vec<Value> = prediction.events.iter().map(|e| shot_event(e, &id)).collect();
    json!({
        "duration_s": metres(prediction.duration_s),
        "truncated": prediction.truncated,
        "miscue": prediction.miscue,
        "leaves_cloth": prediction.hop.map(|hop| {
            json!({ "height_m": metres(hop.height_m), "length_m": metres(hop.length_m) })
        }),
        "events": events,
        "paths": paths,
        "pocketed": pocketed,
    })
}

fn shot_event(event: &ShotEvent, id: &impl Fn(usize) -> Value) -> Value {
    let (name, ids, pocket) = match event.kind {
        EventKind::Strike(ball) => ("stick_ball".to_owned(), vec![id(ball)], None),
        EventKind::BallBall(a, b) => ("ball_ball".to_owned(), vec![id(a), id(b)], None),
        EventKind::Cushion(ball, _) => ("ball_linear_cushion".to_owned(), vec![id(ball)], None),
        EventKind::Jaw(ball, _) => ("ball_circular_cushion".to_owned(), vec![id(ball)], None),
        EventKind::OverEdge(ball, pocket) => {
            ("ball_over_edge".to_owned(), vec![id(ball)], Some(pocket.name()))
        }
        EventKind::PocketBack(ball, pocket) => {
            ("ball_pocket_back".to_owned(), vec![id(ball)], Some(pocket.name()))
        }
        EventKind::BackOut(ball, pocket) => ("ball_back_out".to_owned(), vec![id(ball)], Some(pocket.name())),
        EventKind::Pocketed(ball, pocket) => ("ball_pocket".to_owned(), vec![id(ball)], Some(pocket.name())),
        EventKind::Transition(ball, from, to) => {
            (format!("{}_{}", motion(from), motion(to)), vec![id(ball)], None)
        }
    };
    let mut view = json!({
        "t": metres(event.time_s),
        "type": name,
        "ids": ids,
        "position": point(event.position),
    });
    if let (Some(pocket), Some(map)) = (pocket, view.as_object_mut()) {
        map.insert("pocket".into(), json!(pocket));
    }
    view
}

const fn motion(motion: Motion) -> &'static str {
    match motion {
        Motion::Resting => "stationary",
        Motion::Spinning => "spinning",
        Motion::Rolling => "rolling",
        Motion::Sliding => "sliding",
        Motion::Falling => "falling",
        Motion::Pocketed => "pocketed",
    }
}

/// The line a ball draws on the cloth: every point of it lies within 0.3 mm of the path.
pub(super) fn polyline(path: &Path) -> Vec<Vec2> {
    const STEPS: u32 = 16;
    const TOLERANCE_M: f64 = 0.0003;
    let mut samples: Vec<Vec2> = Vec::new();
    for piece in &path.pieces {
        let step = (piece.end_s - piece.start_s) / f64::from(STEPS);
        samples.extend((0..=STEPS).map(|i| piece.at(piece.start_s + step * f64::from(i)).position));
    }
    if samples.is_empty() {
        samples.push(path.end.position);
    }
    simplify(&samples, TOLERANCE_M)
}

/// Leaves out points that the line through the others passes anyway (Douglas–Peucker, without recursion).
fn simplify(points: &[Vec2], tolerance: f64) -> Vec<Vec2> {
    let Some(last) = points.len().checked_sub(1).filter(|&l| l > 0) else {
        return points.to_vec();
    };
    let mut keep = vec![false; points.len()];
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        for end in [from, to] {
            if let Some(k) = keep.get_mut(end) {
                *k = true;
            }
        }
        let (Some(&a), Some(&b)) = (points.get(from), points.get(to)) else {
            continue;
        };
        let farthest = points
            .iter()
            .enumerate()
            .take(to)
            .skip(from + 1)
            .map(|(i, &p)| (i, distance_to_segment(p, a, b)))
            .max_by(|x, y| x.1.total_cmp(&y.1));
        if let Some((middle, distance)) = farthest
            && distance > tolerance
        {
            open.push((from, middle));
            open.push((middle, to));
        }
    }
    points
        .iter()
        .zip(keep)
        .filter_map(|(&p, k)| k.then_some(p))
        .collect()
}

/// Distance of a point to the nearest point of a line between two ends.
pub(super) fn distance_to_segment(p: Vec2, a: Vec2, b: Vec2) -> f64 {
    let along = b - a;
    let t = if along.length_squared() > 0.0 {
        ((p - a).dot(along) / along.length_squared()).clamp(0.0, 1.0)
    } else {
        0.0
    };
    p.distance(a + along * t)
}

/// `GET /health` and topic `health`.
pub(super) fn health(status: &SystemStatus, stale: bool) -> Value {
    let modules: Vec<Value> = status.modules.iter().map(|m| json!(m)).collect();
    json!({
        "state": status.state,
        "health": status.health,
        "score": status.score,
        "responding": !stale,
        "uptime_s": status.uptime_s.round(),
        "version": status.version,
        "environment": status.environment,
        "source": status.source,
        "display": status.display,
        "paused": status.paused,
        "assistance": status.assistance,
        "modules": modules,
        "alerts_open": status.alerts.iter().filter(|a| !a.acknowledged).count(),
    })
}

/// One reason why the trainer is not ready, or none.
pub(super) fn not_ready(snapshot: &Snapshot, stale: bool, fresh: Duration) -> Vec<String> {
    let mut reasons = Vec::new();
    if stale {
        reasons.push("the main loop does not turn".to_owned());
    }
    let status = &snapshot.status;
    if !matches!(status.state, "running" | "degraded") {
        reasons.push(format!("the system is {}", status.state));
    }
    let vision: Option<&ModuleStatus> = status.modules.iter().find(|m| m.id == "vision");
    match vision.map(|m| m.lifecycle) {
        Some(Lifecycle::Running) => {}
        Some(lifecycle) => reasons.push(format!("vision is {}", lifecycle.name())),
        None => reasons.push("vision is not there".to_owned()),
    }
    // Without looking there is no fresh frame, and that is as the operator wants it.
    if !status.paused {
        match snapshot.frame.as_ref().map(|f| f.captured.elapsed()) {
            Some(age) if age <= fresh => {}
            Some(age) => reasons.push(format!("the newest frame is {:.1} s old", age.as_secs_f64())),
            None => reasons.push("no frame has been seen yet".to_owned()),
        }
    }
    reasons
}

/// A duration as milliseconds with one decimal.
pub(super) fn millis(d: Duration) -> f64 {
    (d.as_secs_f64() * 1e4).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::prediction::{BallState, PathPiece};
    use crate::units::Vec3;

    #[test]
    fn a_path_becomes_few_points_but_keeps_its_turning_point() {
        let from = BallState {
            position: Vec2::new(0.0, 0.0),
            velocity: Vec2::new(1.0, 0.0),
            ..BallState::default()
        };
        // Drawn back: out to 0.5 m and home again, on one straight line.
        let piece = PathPiece {
            start_s: 0.0,
            end_s: 2.0,
            from,
            acceleration: Vec2::new(-1.0, 0.0),
            spin_acceleration: Vec3::ZERO,
        };
        let path = Path {
            end: piece.at(2.0),
            pieces: vec![piece],
        };
        let line = polyline(&path);
        assert_eq!(line.len(), 3, "{line:?}");
        assert!((line[1].x - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_curve_stays_within_its_tolerance() {
        let piece = PathPiece {
            start_s: 0.0,
            end_s: 1.0,
            from: BallState {
                velocity: Vec2::new(1.0, 0.0),
                ..BallState::default()
            },
            acceleration: Vec2::new(0.0, 0.5),
            spin_acceleration: Vec3::ZERO,
        };
        let path = Path {
            end: piece.at(1.0),
            pieces: vec![piece],
        };
        let line = polyline(&path);
        for i in 0..=100 {
            let p = piece.at(f64::from(i) / 100.0).position;
            let off = line
                .windows(2)
                .map(|w| distance_to_segment(p, w[0], w[1]))
                .fold(f64::MAX, f64::min);
            assert!(off < 0.0006, "{off}");
        }
    }
}
