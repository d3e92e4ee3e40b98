//! `POST /predict`: what would happen if a ball were struck like that?

use std::sync::Arc;
use std::time::Duration;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::problem::Problem;
use super::views;
use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, Simulator};
use crate::table::{Geometry, TableSpec};
use crate::units::Vec2;

/// More balls than any game has.
pub(super) const MAX_BALLS: usize = 32;
/// Balls that overlap by less are taken to touch, metres.
const TOUCHING_M: f64 = 5e-5;
/// Faster than any break, m/s.
const MAX_SPEED_M_S: f64 = 15.0;
/// Slower than any stroke, m/s.
const SLOWEST_M_S: f64 = 0.001;
/// Farther from the middle no tip meets the ball, radii.
const WIDEST: f64 = 0.9;
/// No cue stands steeper, degrees.
const STEEPEST_DEG: f64 = 85.0;
/// How long a question waits for the ones before it.
const WAIT: Duration = Duration::from_secs(2);
/// How long a simulation may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A question that makes sense.
#[derive(Debug)]
struct Question {
    table: TableSpec,
    labels: Vec<Value>,
    balls: Vec<BallState>,
    struck: usize,
    strike: CueStrike,
}

/// A question as it may be asked. That no balls overlap, lie off the table or in pockets, and that the tip meets the ball,
/// can't be said so.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    let number = |min: f64, max: f64| json!({ "type": "number", "minimum": min, "maximum": max });
    let id = id_schema();
    json_schema!({
        "type": "object",
        "required": ["balls", "cue"],
        "additionalProperties": false,
        "properties": {
            "table": table_schema(),
            "balls": balls_schema(),
            "cue": {
                "type": "object", "required": ["ball", "direction_deg", "stick_speed_m_s"],
                "additionalProperties": false,
                "properties": {
                    "ball": id,
                    "direction_deg": number(-3600.0, 3600.0),
                    "stick_speed_m_s": number(SLOWEST_M_S, MAX_SPEED_M_S),
                    "side": number(-WIDEST, WIDEST),
                    "height": number(-WIDEST, WIDEST),
                    "elevation_deg": number(0.0, STEEPEST_DEG),
                },
            },
        },
    })
}

/// What a ball may be called.
pub(super) fn id_schema() -> Value {
    json!({ "oneOf": [
        { "type": "integer", "minimum": 0, "maximum": u64::MAX }, { "type": "string", "minLength": 1, "maxLength": 32 },
    ] })
}

/// How a table is named.
pub(super) fn table_schema() -> Value {
    json!({ "type": ["string", "null"], "description": "a model; without one the table in use" })
}

/// What lies on it.
pub(super) fn balls_schema() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": MAX_BALLS,
        "items": {
            "type": "object", "required": ["id", "position"], "additionalProperties": false,
            "properties": {
                "id": id_schema(),
                "position": {
                    "type": "array", "minItems": 2, "maxItems": 2, "items": { "type": "number" },
                    "description": "metres",
                },
            },
        },
    })
}

/// Checks the question, simulates it on a thread of its own, and tells the outcome.
pub(super) async fn answer(context: &Context, body: &Value) -> Result<Value, Problem> {
    let question = read(body, &table_in_use(context))?;
    simulated(context, move || {
        let strike = Some((question.struck, question.strike));
        let prediction = Simulator::new(&question.table).simulate(&question.balls, strike);
        let shot = views::outcome(&prediction, &question.labels);
        json!({ "table": question.table.name, "shot": shot })
    })
    .await
}

/// The table the trainer stands at; until that is known, the usual one.
pub(super) fn table_in_use(context: &Context) -> Arc<TableSpec> {
    match context.shared.snapshot.load().as_ref() {
        Some(snapshot) => Arc::clone(&snapshot.table_spec),
        None => Arc::new(TableSpec::pool_9ft()),
    }
}

/// Works on a thread of its own, after those who asked before.
pub(super) async fn simulated(
    context: &Context,
    work: impl FnOnce() -> Value + Send + 'static,
) -> Result<Value, Problem> {
    let busy = || Problem::unavailable("busy", "Other simulations are running; try again in a moment.");
    let permit = tokio::time::timeout(WAIT, Arc::clone(&context.simulations).acquire_owned())
        .await
        .map_err(|_| busy())?
        .map_err(|_| busy())?;
    let simulation = tokio::task::spawn_blocking(move || {
        // Kept until the simulation is over, even when nobody waits for it any more.
        let _permit = permit;
        work()
    });
    match tokio::time::timeout(PATIENCE, simulation).await {
        Ok(Ok(view)) => Ok(view),
        Ok(Err(_)) => Err(Problem::internal()),
        Err(_) => Err(Problem::unavailable("timeout", "The simulation took too long.")),
    }
}

fn read(body: &Value, current: &TableSpec) -> Result<Question, Problem> {
    let top = Fields::of(body, "body", "", &["table", "balls", "cue"])?;
    let (table, ids, balls) = lie_of(&top, current)?;
    let known = [
        "ball",
        "direction_deg",
        "stick_speed_m_s",
        "side",
        "height",
        "elevation_deg",
    ];
    let cue = Fields::of(top.get("cue")?, "cue", "cue.", &known)?;
    let struck = index_of(cue.get("ball")?, &ids, "cue.ball")?;
    let strike = CueStrike {
        direction: cue.number("direction_deg", None, -3600.0, 3600.0)?.to_radians(),
        stick_speed_m_s: cue.number("stick_speed_m_s", None, SLOWEST_M_S, MAX_SPEED_M_S)?,
        side: cue.number("side", Some(0.0), -WIDEST, WIDEST)?,
        height: cue.number("height", Some(0.0), -WIDEST, WIDEST)?,
        elevation: cue
            .number("elevation_deg", Some(0.0), 0.0, STEEPEST_DEG)?
            .to_radians(),
    };
    if strike.side.hypot(strike.height) > WIDEST {
        return Err(Problem::invalid(
            "cue.side",
            format!("side and height together miss the ball: at most {WIDEST} radii from the middle"),
        ));
    }
    let labels = ids.iter().map(|id| json!({ "ball": id })).collect();
    Ok(Question {
        table,
        labels,
        balls,
        struck,
        strike,
    })
}

/// The table and what lies on it.
pub(super) fn lie_of<'a>(
    top: &Fields<'a>,
    current: &TableSpec,
) -> Result<(TableSpec, Vec<&'a Value>, Vec<BallState>), Problem> {
    let table = match top.map.get("table") {
        None | Some(Value::Null) => current.clone(),
        Some(Value::String(name)) if *name == current.name => current.clone(),
        Some(Value::String(name)) => {
            let short: String = name.chars().take(60).collect();
            TableSpec::named(&short).map_err(|error| Problem::invalid("table", error.to_string()))?
        }
        Some(_) => return Err(Problem::invalid("table", "must be the name of a table")),
    };
    let list = top.list("balls", MAX_BALLS)?;
    let mut ids: Vec<&Value> = Vec::with_capacity(list.len());
    let mut balls: Vec<BallState> = Vec::with_capacity(list.len());
    let shape = Geometry::of(&table);
    for (index, entry) in list.iter().enumerate() {
        let path = format!("balls[{index}]");
        let fields = Fields::of(entry, &path, &format!("{path}."), &["id", "position"])?;
        let id = fields.get("id")?;
        let fits = id.as_u64().is_some() || id.as_str().is_some_and(|s| !s.is_empty() && s.len() <= 32);
        if !fits {
            return Err(Problem::invalid(
                format!("{path}.id"),
                "must be a whole number or a short text",
            ));
        }
        if ids.contains(&id) {
            return Err(Problem::invalid(
                format!("{path}.id"),
                format!("{id} is there twice"),
            ));
        }
        let position = position(fields.get("position")?, &format!("{path}.position"))?;
        check_place(position, &path, &table, &shape)?;
        for (other, state) in ids.iter().zip(&balls) {
            let overlap = 2.0 * table.ball.radius_m - state.position.distance(position);
            if overlap > TOUCHING_M {
                return Err(Problem::invalid(
                    format!("{path}.position"),
                    format!("overlaps ball {other} by {:.1} mm", overlap * 1e3),
                ));
            }
        }
        ids.push(id);
        balls.push(BallState::resting(position));
    }
    Ok((table, ids, balls))
}

/// Which of the balls it is.
pub(super) fn index_of(id: &Value, ids: &[&Value], path: &str) -> Result<usize, Problem> {
    ids.iter()
        .position(|known| *known == id)
        .ok_or_else(|| Problem::invalid(path, "is none of the balls' ids"))
}

fn position(value: &Value, path: &str) -> Result<Vec2, Problem> {
    let pair = value.as_array().map(Vec::as_slice);
    match pair {
        Some([x, y]) => {
            let coordinate = |v: &Value, i: usize| {
                v.as_f64()
                    .filter(|v| v.is_finite())
                    .ok_or_else(|| Problem::invalid(format!("{path}[{i}]"), "must be a number of metres"))
            };
            Ok(Vec2::new(coordinate(x, 0)?, coordinate(y, 1)?))
        }
        _ => Err(Problem::invalid(path, "must be [x, y] in metres")),
    }
}

/// A ball may lie anywhere between the noses.
fn check_place(p: Vec2, path: &str, table: &TableSpec, shape: &Geometry) -> Result<(), Problem> {
    let slack = Vec2::new(p.x * (1.0 - 1e-9), p.y * (1.0 - 1e-9));
    if !table.holds_ball_at(slack.x, slack.y) {
        let (x, y) = (
            table.half_length_m() - table.ball.radius_m,
            table.half_width_m() - table.ball.radius_m,
        );
        return Err(Problem::invalid(
            format!("{path}.position"),
            format!(
                "is off the table: a ball of {} lies within ±{x:.4} m, ±{y:.4} m",
                table.name
            ),
        ));
    }
    if let Some(pocket) = shape.pockets.iter().find(|k| k.centre.distance(p) < k.radius) {
        return Err(Problem::invalid(
            format!("{path}.position"),
            format!("is in the pocket {}", pocket.id.name()),
        ));
    }
    Ok(())
}

/// An object whose members are all known.
pub(super) struct Fields<'a> {
    pub(super) map: &'a Map<String, Value>,
    /// What comes before a member's name in messages.
    prefix: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, what: &str, prefix: &str, known: &[&str]) -> Result<Self, Problem> {
        let map = value
            .as_object()
            .ok_or_else(|| Problem::invalid(what, "must be an object"))?;
        if let Some(odd) = map.keys().find(|k| !known.contains(&k.as_str())) {
            let odd: String = odd.chars().take(60).collect();
            return Err(Problem::invalid(
                format!("{prefix}{odd}"),
                format!("is not known; known are {}", known.join(", ")),
            ));
        }
        Ok(Self {
            map,
            prefix: prefix.to_owned(),
        })
    }

    /// A list of one to `most` things.
    pub(super) fn list(&self, name: &str, most: usize) -> Result<&'a [Value], Problem> {
        let path = || format!("{}{name}", self.prefix);
        let list = (self.get(name)?.as_array()).ok_or_else(|| Problem::invalid(path(), "must be a list"))?;
        if list.is_empty() || list.len() > most {
            let words = format!("must have 1 to {most} {name}, not {}", list.len());
            return Err(Problem::invalid(path(), words));
        }
        Ok(list)
    }

    pub(super) fn get(&self, name: &str) -> Result<&'a Value, Problem> {
        self.map
            .get(name)
            .ok_or_else(|| Problem::invalid(format!("{}{name}", self.prefix), "is missing"))
    }

    fn number(&self, name: &str, default: Option<f64>, min: f64, max: f64) -> Result<f64, Problem> {
        let value = match (self.map.get(name), default) {
            (None, Some(default)) => return Ok(default),
            (None, None) => self.get(name)?,
            (Some(value), _) => value,
        };
        value
            .as_f64()
            .filter(|v| v.is_finite() && (min..=max).contains(v))
            .ok_or_else(|| {
                Problem::invalid(
                    format!("{}{name}", self.prefix),
                    format!("must be a number from {min} to {max}"),
                )
            })
    }
}
