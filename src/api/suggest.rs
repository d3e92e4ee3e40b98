//! `GET` and `POST /suggest`: what could be played from here?

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::Context;
use super::problem::Problem;
use super::views::{metres, point};
use super::what_if::{
    Fields, MAX_BALLS, balls_schema, id_schema, index_of, lie_of, simulated, table_in_use, table_schema,
};
use crate::physics::prediction::BallState;
use crate::table::{Group, TableSpec};
use crate::trainer::predict::resting;
use crate::trainer::suggest::{Lie, ROLLOUTS, Skill, Suggester, Suggestion};

/// Suggestions, where nobody says how many.
const USUAL: usize = 5;
/// Most of them.
pub(super) const MOST: usize = 12;

/// What a look at the table is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Wish {
    skill: Option<Skill>,
    most: Option<usize>,
    /// Only balls of this group; without it all but the cue ball.
    group: Option<Group>,
}

/// A question that makes sense.
struct Question {
    table: TableSpec,
    ids: Vec<Value>,
    balls: Vec<BallState>,
    cue_ball: usize,
    targets: Vec<usize>,
    skill: Skill,
    most: usize,
}

/// A question as it may be asked.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let skill = Skill::json_schema(generator);
    let id = id_schema();
    json_schema!({
        "type": "object",
        "required": ["balls", "cue_ball"],
        "additionalProperties": false,
        "properties": {
            "table": table_schema(),
            "balls": balls_schema(),
            "cue_ball": id,
            "targets": {
                "type": "array", "minItems": 1, "maxItems": MAX_BALLS, "items": id,
                "description": "the balls that may be met first and pocketed; without it all but the cue ball",
            },
            "skill": skill,
            "most": { "type": "integer", "minimum": 1, "maximum": MOST },
        },
    })
}

/// For what lies on the table now.
pub(super) async fn for_the_table(context: &Context, wish: Wish) -> Result<Value, Problem> {
    let snapshot = context.snapshot()?;
    let conflict = |code, detail: &str| Problem::new(axum::http::StatusCode::CONFLICT, code, detail);
    let table = snapshot.table.as_deref().filter(|_| !snapshot.table_stale);
    let table = table.ok_or_else(|| conflict("no_table", "The table is not seen at present."))?;
    if !table.at_rest {
        return Err(conflict(
            "balls_moving",
            "Balls are moving; ask again when they rest.",
        ));
    }
    let cue_ball = table
        .cue_ball()
        .ok_or_else(|| conflict("no_cue_ball", "The cue ball is not on the table."))?;
    let is_target = |b: &&crate::vision::track::TrackedBall| {
        b.id != cue_ball.id && wish.group.is_none_or(|group| b.kind.group == group)
    };
    let index = |id| table.balls.iter().position(|b| b.id == id);
    let question = Question {
        ids: table.balls.iter().map(|b| json!(b.id)).collect(),
        balls: resting(table, snapshot.table_spec.ball.radius_m),
        cue_ball: index(cue_ball.id).unwrap_or_default(),
        targets: (table.balls.iter().filter(is_target))
            .filter_map(|b| index(b.id))
            .collect(),
        table: (*snapshot.table_spec).clone(),
        skill: wish.skill.unwrap_or_default(),
        most: number(wish.most)?,
    };
    answer(context, question).await
}

/// For what somebody lays out.
pub(super) async fn for_a_lie(context: &Context, body: &Value) -> Result<Value, Problem> {
    let known = ["table", "balls", "cue_ball", "targets", "skill", "most"];
    let top = Fields::of(body, "body", "", &known)?;
    let (table, ids, balls) = lie_of(&top, &table_in_use(context))?;
    let cue_ball = index_of(top.get("cue_ball")?, &ids, "cue_ball")?;
    let targets = match top.map.get("targets") {
        None => (0..balls.len()).filter(|ball| *ball != cue_ball).collect(),
        Some(_) => {
            let named = top.list("targets", MAX_BALLS)?.iter().enumerate();
            let mut targets = Vec::with_capacity(balls.len());
            for (place, id) in named {
                let path = format!("targets[{place}]");
                let ball = index_of(id, &ids, &path)?;
                if ball == cue_ball || targets.contains(&ball) {
                    return Err(Problem::invalid(path, "is the cue ball, or there twice"));
                }
                targets.push(ball);
            }
            targets
        }
    };
    let skill = match top.map.get("skill") {
        None => Skill::default(),
        Some(word) => Skill::deserialize(word).map_err(|_| {
            let words = Skill::ALL.map(Skill::name).join(", ");
            Problem::invalid("skill", format!("must be one of {words}"))
        })?,
    };
    let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let question = Question {
        table,
        ids: ids.into_iter().cloned().collect(),
        balls,
        cue_ball,
        targets,
        skill,
        most: number(top.map.get("most").map(whole))?,
    };
    answer(context, question).await
}

fn number(most: Option<usize>) -> Result<usize, Problem> {
    let most = most.unwrap_or(USUAL);
    let fits = (1..=MOST).contains(&most);
    fits.then_some(most)
        .ok_or_else(|| Problem::invalid("most", format!("must be 1 to {MOST}")))
}

async fn answer(context: &Context, question: Question) -> Result<Value, Problem> {
    simulated(context, move || {
        let lie = Lie {
            balls: &question.balls,
            cue_ball: question.cue_ball,
            targets: &question.targets,
        };
        let found = Suggester::new(&question.table).suggest(lie, question.skill, question.most);
        let shots: Vec<Value> = found.iter().map(|s| view(s, &question.ids)).collect();
        json!({
            "table": question.table.name, "skill": question.skill, "rollouts": ROLLOUTS, "suggestions": shots,
        })
    })
    .await
}

fn view(s: &Suggestion, ids: &[Value]) -> Value {
    let id = |ball: usize| ids.get(ball).cloned().unwrap_or_default();
    json!({
        "kind": s.kind, "ball": id(s.ball), "first": id(s.first), "pocket": s.pocket.name(),
        "success": metres(s.success), "scratch": metres(s.scratch),
        "cue": {
            "direction_deg": metres(s.strike.direction.to_degrees()), "stick_speed_m_s": s.strike.stick_speed_m_s,
            "side": s.strike.side, "height": s.strike.height,
            "elevation_deg": metres(s.strike.elevation.to_degrees()),
        },
        "cue_ball_rest": point(s.rest_m), "cue_ball_rest_spread": point(s.rest_spread_m),
    })
}
