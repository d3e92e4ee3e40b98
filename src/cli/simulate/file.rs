//! The file of shots that `simulate` reads.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::super::Failure;
use crate::physics::CueStrike;
use crate::physics::prediction::BallState;
use crate::table::parameters::{Parameters, Restitution};
use crate::table::{BallSet, BallSpec, PocketShape, TableSpec};
use crate::units::Vec2;

/// The ball that is struck.
pub(in crate::cli) const CUE_BALL: &str = "cue";

/// The file, as far as it can be read before a shot is looked at.
pub(in crate::cli) struct Input {
    pub(in crate::cli) meta: Meta,
    pub(in crate::cli) shots: Vec<Value>,
}

#[derive(Deserialize)]
pub(in crate::cli) struct Meta {
    ball: MetaBall,
    cue: MetaCue,
    table: MetaTable,
}

/// Names as in the reference shots; see [`Parameters`] for their meaning.
#[derive(Deserialize)]
struct MetaBall {
    m: f64,
    #[serde(rename = "R")]
    radius: f64,
    u_s: f64,
    u_r: f64,
    u_sp: f64,
    e_b: f64,
    e_c: f64,
    f_c: f64,
    g: f64,
}

#[derive(Deserialize)]
struct MetaCue {
    #[serde(rename = "M")]
    mass: f64,
    end_mass: f64,
}

#[derive(Deserialize)]
struct MetaTable {
    l: f64,
    w: f64,
    cushion_width: f64,
    cushion_height: f64,
    #[serde(flatten)]
    pockets: Option<MetaPockets>,
}

#[derive(Deserialize)]
struct MetaPockets {
    corner_pocket_width: f64,
    corner_pocket_angle: f64,
    corner_pocket_depth: f64,
    corner_pocket_radius: f64,
    corner_jaw_radius: f64,
    side_pocket_width: f64,
    side_pocket_angle: f64,
    side_pocket_depth: f64,
    side_pocket_radius: f64,
    side_jaw_radius: f64,
}

/// Reads the file; a failure says what is wrong and where.
pub(in crate::cli) fn read(path: &Path) -> Result<Input, Failure> {
    let name = path.display();
    if path.is_dir() {
        return Err(Failure::usage(format!(
            "{name} is a folder; give a file of shots"
        )));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("can't read {name}: {error}")))?;
    parse(&text).map_err(|why| Failure::failed(format!("{name}: {why}")))
}

/// Reads the text of the file; an error says what is wrong and where.
pub(in crate::cli) fn parse(text: &str) -> Result<Input, String> {
    // Some writers put NaN and Infinity into JSON. As null they get as far as the check
    // that names the shot and the field.
    let mut document: Value = serde_json::from_str(text)
        .or_else(|error| serde_json::from_str(&without_infinities(text)).map_err(|_| error))
        .map_err(|error| format!("is not JSON: {error}"))?;
    let meta = document.get("meta").unwrap_or(&Value::Null);
    for (part, fields) in META_FIELDS {
        let Some(section) = meta.get(part) else {
            return Err(format!("meta.{part}: missing"));
        };
        let optional = |field: &str| field.contains("pocket") || field.contains("jaw");
        let has_pockets = fields.iter().any(|f| optional(f) && section.get(f).is_some());
        for field in *fields {
            let number = section.get(field).and_then(Value::as_f64);
            if !number.is_some_and(f64::is_finite) && (has_pockets || !optional(field)) {
                return Err(format!("meta.{part}.{field}: must be a finite number"));
            }
        }
    }
    let meta = Meta::deserialize(meta).map_err(|error| format!("meta: {error}"))?;
    match document.get_mut("shots").map(Value::take) {
        Some(Value::Array(shots)) => Ok(Input { meta, shots }),
        _ => Err("shots: must be a list of shots".to_owned()),
    }
}

/// The numbers `meta` has; pockets all or none.
const META_FIELDS: &[(&str, &[&str])] = &[
    (
        "ball",
        &["m", "R", "u_s", "u_r", "u_sp", "e_b", "e_c", "f_c", "g"],
    ),
    ("cue", &["M", "end_mass"]),
    (
        "table",
        &[
            "l",
            "w",
            "cushion_width",
            "cushion_height",
            "corner_pocket_width",
            "corner_pocket_angle",
            "corner_pocket_depth",
            "corner_pocket_radius",
            "corner_jaw_radius",
            "side_pocket_width",
            "side_pocket_angle",
            "side_pocket_depth",
            "side_pocket_radius",
            "side_jaw_radius",
        ],
    ),
];

/// The text with every number that isn't finite (`NaN`, `-Infinity`, `1e999`) replaced by `null`.
pub(in crate::cli) fn without_infinities(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut word = String::new();
    let (mut quoted, mut escaped) = (false, false);
    // The blank at the end lets the last word finish.
    for letter in text.chars().chain(std::iter::once(' ')) {
        if !quoted && (letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.')) {
            word.push(letter);
            continue;
        }
        let endless = word.parse::<f64>().is_ok_and(|number| !number.is_finite());
        clean += if endless { "null" } else { &word };
        word.clear();
        clean.push(letter);
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
    }
    clean
}

impl Meta {
    /// The table the file asks for, with its physics.
    pub(in crate::cli) fn table(&self) -> Result<TableSpec, Failure> {
        let (ball, cue, table) = (&self.ball, &self.cue, &self.table);
        let pockets = table.pockets.as_ref();
        let spec = TableSpec {
            name: "file".to_owned(),
            length_m: table.l,
            width_m: table.w,
            nose_height_m: table.cushion_height,
            cushion_width_m: table.cushion_width,
            rail_width_m: 0.13,
            corner: pockets.map(|p| {
                PocketShape {
                    mouth_m: p.corner_pocket_width,
                    jaw_angle_deg: p.corner_pocket_angle,
                    jaw_radius_m: p.corner_jaw_radius,
                    hole_radius_m: p.corner_pocket_radius,
                    shelf_m: 0.0,
                }
                .with_corner_depth(p.corner_pocket_depth)
            }),
            side: pockets.map(|p| {
                PocketShape {
                    mouth_m: p.side_pocket_width,
                    jaw_angle_deg: p.side_pocket_angle,
                    jaw_radius_m: p.side_jaw_radius,
                    hole_radius_m: p.side_pocket_radius,
                    shelf_m: 0.0,
                }
                .with_side_depth(p.side_pocket_depth)
            }),
            ball: BallSpec {
                radius_m: ball.radius,
                mass_kg: ball.m,
            },
            cue_ball_mass_kg: ball.m,
            ball_set: BallSet::Pool,
            physics: Parameters {
                gravity_m_s2: ball.g,
                slide_friction: ball.u_s,
                roll_friction: ball.u_r,
                // The file gives the friction of a spinning ball: α = 5 u_sp g / 2R.
                spin_down_rad_s2: 2.5 * ball.u_sp * ball.g / ball.radius,
                ball_restitution: Restitution::Constant(ball.e_b),
                cushion_restitution: Restitution::Constant(ball.e_c),
                cushion_friction: ball.f_c,
                cue_mass_kg: cue.mass,
                cue_end_mass_kg: cue.end_mass,
                ..Parameters::REFERENCE
            },
        };
        spec.check().map_err(|measure| {
            Failure::failed(format!("meta.{}: {}", in_file(&measure.key), measure.reason))
        })?;
        match spec.physics.first_impossible() {
            Some(name) => Err(Failure::failed(format!(
                "meta.{}: has a value no table can have",
                in_file(name)
            ))),
            None => Ok(spec),
        }
    }
}

/// What a measure or parameter is called in the file.
fn in_file(name: &str) -> &str {
    match name {
        "length_m" => "table.l",
        "width_m" => "table.w",
        "nose_height_m" => "table.cushion_height",
        "cushion_width_m" | "rail_width_m" => "table.cushion_width",
        "ball.radius_m" => "ball.R",
        "ball.mass_kg" | "cue_ball_mass_kg" => "ball.m",
        "corner.mouth_m" => "table.corner_pocket_width",
        "corner.jaw_angle_deg" => "table.corner_pocket_angle",
        "corner.jaw_radius_m" => "table.corner_jaw_radius",
        "corner.hole_radius_m" => "table.corner_pocket_radius",
        "corner.shelf_m" => "table.corner_pocket_depth",
        "side.mouth_m" => "table.side_pocket_width",
        "side.jaw_angle_deg" => "table.side_pocket_angle",
        "side.jaw_radius_m" => "table.side_jaw_radius",
        "side.hole_radius_m" => "table.side_pocket_radius",
        "side.shelf_m" => "table.side_pocket_depth",
        "gravity_m_s2" => "ball.g",
        "slide_friction" => "ball.u_s",
        "roll_friction" => "ball.u_r",
        "spin_down_rad_s2" => "ball.u_sp",
        "ball_restitution" => "ball.e_b",
        "cushion_restitution" => "ball.e_c",
        "cushion_friction" => "ball.f_c",
        "cue_mass_kg" => "cue.M",
        "cue_end_mass_kg" => "cue.end_mass",
        other => other,
    }
}

/// One shot as the file gives it.
pub(in crate::cli) struct Shot {
    pub(in crate::cli) id: String,
    /// Names in order; the simulation knows balls by their place in it.
    pub(in crate::cli) names: Vec<String>,
    pub(in crate::cli) balls: Vec<BallState>,
    pub(in crate::cli) strike: CueStrike,
}

#[derive(Deserialize)]
struct Stroke {
    #[serde(rename = "V0")]
    speed: f64,
    phi: f64,
    #[serde(default)]
    theta: f64,
    #[serde(default)]
    a: f64,
    #[serde(default)]
    b: f64,
}

impl Shot {
    pub(in crate::cli) fn parse(index: usize, value: &Value) -> Result<Self, Failure> {
        let id = match value.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => format!("#{index}"),
        };
        let wrong =
            |field: &str, why: &dyn std::fmt::Display| Failure::failed(format!("shot {id}: {field}: {why}"));
        let Some(Value::Object(listed)) = value.get("balls") else {
            return Err(wrong("balls", &"missing; give {\"name\": [x, y]} in metres"));
        };
        let mut names = Vec::new();
        let mut balls = Vec::new();
        // The cue ball first, then by number: the first of two balls that touch is named first.
        let (cue, mut others): (Vec<_>, Vec<_>) = listed.iter().partition(|(name, _)| *name == CUE_BALL);
        others.sort_by_key(|(name, _)| name.parse::<u64>().unwrap_or(u64::MAX));
        for (name, place) in cue.into_iter().chain(others) {
            let [x, y] = <[f64; 2]>::deserialize(place).map_err(|_| {
                wrong(
                    &format!("balls.{name}"),
                    &"must be two finite numbers [x, y] in metres",
                )
            })?;
            names.push(name.clone());
            balls.push(BallState::resting(Vec2::new(x, y)));
        }
        if !listed.contains_key(CUE_BALL) {
            return Err(wrong("balls.cue", &"missing; it is the ball that is struck"));
        }
        let stroke = value.get("cue").ok_or_else(|| wrong("cue", &"missing"))?;
        for field in ["V0", "phi", "theta", "a", "b"] {
            let usable = match stroke.get(field) {
                Some(number) => number.as_f64().is_some_and(f64::is_finite),
                None => !matches!(field, "V0" | "phi"),
            };
            if !usable {
                return Err(wrong(&format!("cue.{field}"), &"must be a finite number"));
            }
        }
        let stroke = Stroke::deserialize(stroke).map_err(|error| wrong("cue", &error))?;
        Ok(Self {
            names,
            balls,
            strike: CueStrike {
                stick_speed_m_s: stroke.speed,
                direction: stroke.phi.to_radians(),
                elevation: stroke.theta.to_radians(),
                side: stroke.a,
                height: stroke.b,
            },
            id,
        })
    }
}
