//! Reference shots: read, compared, told.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::simulate::file::{self, Shot};
use crate::cli::simulate::names::{Names, pocket_named};
use crate::physics::Simulator;
use crate::physics::evaluate::families::FamilyShot;
use crate::physics::evaluate::parity::{self, Compared, End, Impact, Played};
use crate::physics::prediction::{BallState, EventKind};
use crate::table::parameters::Restitution;
use crate::table::{Geometry, TableSpec};
use crate::units::Vec2;

/// A rest this near to the reference's is the same, metres.
const SAME_REST_M: f64 = 1e-6;
/// A velocity this near to the reference's after an impact is the same, m/s.
const SAME_STEP_M_S: f64 = 1e-6;

/// One file of shots, compared.
pub(super) struct Reference {
    name: String,
    shots: Vec<Compared>,
    cushions: Steps,
    balls: Steps,
    /// Largest difference of the struck ball's velocity, m/s.
    strokes: Steps,
}

/// Impacts one by one.
#[derive(Default)]
struct Steps {
    count: usize,
    worst_m_s: f64,
    /// Those further off than [`SAME_STEP_M_S`].
    off: usize,
}

impl Steps {
    fn note(&mut self, error_m_s: f64) {
        self.count += 1;
        self.worst_m_s = self.worst_m_s.max(error_m_s);
        self.off += usize::from(error_m_s > SAME_STEP_M_S);
    }
}

/// Compares every shot of a file, or of every JSON file in a folder.
pub(super) fn compare_all(path: &Path) -> Result<Vec<Reference>, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    if path.is_dir() {
        let entries = std::fs::read_dir(path)
            .map_err(|error| Failure::failed(format!("can't read {}: {error}", path.display())))?;
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        files.retain(|file| file.extension().is_some_and(|e| e == "json"));
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    if files.is_empty() {
        return Err(Failure::failed(format!(
            "{}: there is no .json file in this folder; give a file of reference shots",
            path.display()
        )));
    }
    let compared = files
        .iter()
        .map(|file| compare(file).map_err(|f| f.of(file.display())));
    compared.collect()
}

fn compare(path: &Path) -> Result<Reference, Failure> {
    /// The fastest of so many runs counts.
    const RUNS: u32 = 5;
    let input = file::read(path)?;
    if input.shots.is_empty() {
        return Err(Failure::failed("shots: there is none in it"));
    }
    let table = input.meta.table()?;
    let mut simulator = Simulator::new(&table);
    let names = Names::of(&Geometry::of(&table));
    let mut told = Reference {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        shots: Vec::new(),
        cushions: Steps::default(),
        balls: Steps::default(),
        strokes: Steps::default(),
    };
    for (index, value) in input.shots.iter().enumerate() {
        let shot = Shot::parse(index, value)?;
        let played = played(&shot, value, &names)?;
        let compared = parity::compare(&mut simulator, &played, RUNS).map_err(|bad| shot.refusal(&bad))?;
        told.shots.push(compared);
        for impact in &played.impacts {
            let error = parity::compare_impact(&simulator, impact);
            let error = error.velocity_m_s.max(error.spin_m_s);
            match impact {
                Impact::Balls(..) => told.balls.note(error),
                Impact::Line(..) | Impact::Jaw(..) => told.cushions.note(error),
            }
        }
        if let Some([vx, vy, _]) = numbers(value.pointer("/post_strike/v")) {
            let struck = simulator.strike(&shot.strike).ball;
            told.strokes.note(struck.velocity.distance(Vec2::new(vx, vy)));
        }
    }
    Ok(told)
}

/// The shot as the file says it went.
fn played(shot: &Shot, value: &Value, names: &Names) -> Result<Played, Failure> {
    let wrong = |what: &str| {
        Failure::failed(format!(
            "shot {}: {what}; is this a file of played shots?",
            shot.id
        ))
    };
    let family = value.get("family").and_then(Value::as_str);
    let family = family.map_or_else(
        || shot.id.split('-').next().unwrap_or_default().to_owned(),
        str::to_owned,
    );
    let index = |name: &str| shot.names.iter().position(|n| n == name);
    let ends = shot.names.iter().map(|name| {
        let end = value.get("final")?.get(name)?;
        match end.get("pocket").and_then(Value::as_str) {
            Some(pocket) => pocket_named(pocket).map(End::Falls),
            None => numbers(end.get("xy")).map(|[x, y]| End::Rests(Vec2::new(x, y))),
        }
    });
    let ends: Option<Vec<End>> = ends.collect();
    let Some(Value::Array(listed)) = value.get("events") else {
        return Err(wrong("events: missing"));
    };
    let mut events = Vec::new();
    let mut impacts = Vec::new();
    for event in listed {
        let ids: Vec<&str> = event
            .get("ids")
            .and_then(Value::as_array)
            .map(|ids| ids.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let kind = names
            .read(kind, &ids, index)
            .ok_or_else(|| wrong(&format!("events: `{kind}` of {} is not known", ids.join(", "))))?;
        events.push(kind);
        let state = |when: &str, of: usize| -> Option<BallState> {
            let listed = event.get(when)?.get(*ids.get(of)?)?.as_array()?;
            let mut seven = [0.0; 7];
            for (slot, number) in seven.iter_mut().zip(listed) {
                *slot = number.as_f64()?;
            }
            Some(parity::ball_of(seven))
        };
        let pair = |of: usize| Some((state("before", of)?, state("after", of)?));
        let impact = match kind {
            EventKind::Cushion(_, line) => pair(0).map(|(a, b)| Impact::Line(line, a, b)),
            EventKind::Jaw(_, jaw) => pair(0).map(|(a, b)| Impact::Jaw(jaw, a, b)),
            EventKind::BallBall(..) => pair(0)
                .zip(pair(1))
                .map(|((a, a_after), (b, b_after))| Impact::Balls([a, b], [a_after, b_after])),
            _ => None,
        };
        impacts.extend(impact);
    }
    let flips = value
        .pointer("/sensitivity/pocketing_flips")
        .and_then(Value::as_bool);
    let shift = value
        .pointer("/sensitivity/max_rest_shift_m")
        .and_then(Value::as_f64);
    let cue_ball = index(file::CUE_BALL).unwrap_or_default();
    Ok(Played {
        id: shot.id.clone(),
        is_break: family.starts_with("break"),
        family,
        balls: shot.balls.clone(),
        strike: (cue_ball, shot.strike),
        ends: ends.ok_or_else(|| wrong("final: must have a pocket or a place for every ball"))?,
        events_total: value
            .get("events_total")
            .and_then(Value::as_u64)
            .map_or(events.len(), |n| n as usize),
        events,
        impacts,
        sensitivity_m: if flips == Some(true) { None } else { shift },
    })
}

fn numbers<const N: usize>(value: Option<&Value>) -> Option<[f64; N]> {
    let list = value?.as_array()?;
    let mut numbers = [0.0; N];
    for (slot, number) in numbers.iter_mut().zip(list) {
        *slot = number.as_f64()?;
    }
    (list.len() >= N).then_some(numbers)
}

impl Reference {
    fn stable(&self) -> impl Iterator<Item = &Compared> {
        self.shots.iter().filter(|shot| shot.stable)
    }

    fn breaks(&self) -> impl Iterator<Item = &Compared> {
        self.shots.iter().filter(|shot| shot.is_break)
    }

    /// The first promise about this file that is not kept.
    pub(super) fn first_broken(&self) -> Option<String> {
        if self.stable().next().is_none() {
            return Some(format!(
                "{}: no shot says by its `sensitivity` that it is stable; nothing could be held against it",
                self.name
            ));
        }
        let off = |shot: &&Compared| !is_same(shot);
        let shot = self.stable().find(off);
        let shot = shot.map(|shot| format!("{}: shot {} ends differently", self.name, shot.id));
        let steps = self.cushions.off + self.balls.off + self.strokes.off;
        let steps = (steps > 0).then(|| format!("{}: {steps} single impacts differ", self.name));
        shot.or(steps)
    }

    pub(super) fn in_words(&self, text: &mut String) {
        let count = |of: &dyn Fn(&Compared) -> bool| self.stable().filter(|s| of(s)).count();
        let worst = self
            .stable()
            .max_by(|a, b| a.rest_error_m.total_cmp(&b.rest_error_m));
        let _ = writeln!(
            text,
            "\n{}: {} shots, {} of them stable (no rest moves by 5 mm for a hair's difference, no break)",
            self.name,
            self.shots.len(),
            self.stable().count()
        );
        let _ = writeln!(
            text,
            "  rest within 1 µm       {:>4}   worst {} ({})\n  same pockets           {:>4}\n  same order of events   {:>4}",
            count(&|s| s.rest_error_m <= SAME_REST_M),
            length(worst.map_or(0.0, |s| s.rest_error_m)),
            worst.map_or("-", |s| s.id.as_str()),
            count(&|s| s.same_pockets),
            count(&|s| s.events_alike == s.events_listed && s.same_count),
        );
        for shot in self.stable().filter(|shot| !is_same(shot)) {
            let _ = writeln!(
                text,
                "    {}: {}, {} of {} events alike",
                shot.id,
                length(shot.rest_error_m),
                shot.events_alike,
                shot.events_listed
            );
        }
        let all_same = self.shots.iter().filter(|s| is_same(s)).count();
        let _ = writeln!(
            text,
            "  all shots, unstable too: {all_same} of {} the same in all three",
            self.shots.len()
        );
        let _ = writeln!(
            text,
            "  single impacts: {} cushions, worst {:.1e} m/s; {} ball on ball, worst {:.1e} m/s; {} strokes, worst {:.1e} m/s",
            self.cushions.count,
            self.cushions.worst_m_s,
            self.balls.count,
            self.balls.worst_m_s,
            self.strokes.count,
            self.strokes.worst_m_s
        );
        for shot in self.breaks() {
            let _ = writeln!(
                text,
                "  {}: first {} of {} events alike; pocketed {} there, {} here; spread of the rests {:.2} m there, \
                 {:.2} m here; furthest rest {} away",
                shot.id,
                shot.events_alike,
                shot.events_listed,
                shot.pocketed[0],
                shot.pocketed[1],
                shot.scatter_m[0],
                shot.scatter_m[1],
                length(shot.rest_error_m)
            );
        }
        let mut ordinary: Vec<f64> = self
            .shots
            .iter()
            .filter(|s| !s.is_break)
            .map(|s| s.took_us)
            .collect();
        let slowest = self.breaks().map(|s| s.took_us).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "  time: median {:.1} µs a shot, slowest break {slowest:.0} µs",
            crate::physics::evaluate::families::median(&mut ordinary)
        );
    }

    pub(super) fn as_json(&self) -> Value {
        let shots: Vec<Value> = self
            .shots
            .iter()
            .map(|s| {
                json!({
                    "id": s.id, "family": s.family, "stable": s.stable, "rest_error_m": s.rest_error_m,
                    "same_pockets": s.same_pockets, "events_alike": s.events_alike,
                    "events_listed": s.events_listed, "same_event_count": s.same_count, "took_us": s.took_us,
                })
            })
            .collect();
        let steps = |s: &Steps| json!({ "count": s.count, "worst_m_s": s.worst_m_s, "over_1e-6_m_s": s.off });
        json!({
            "file": self.name, "shots": shots, "cushion_impacts": steps(&self.cushions),
            "ball_impacts": steps(&self.balls), "strokes": steps(&self.strokes),
        })
    }
}

fn is_same(shot: &Compared) -> bool {
    shot.rest_error_m <= SAME_REST_M
        && shot.same_pockets
        && shot.events_alike == shot.events_listed
        && shot.same_count
}

fn length(metres: f64) -> String {
    match metres {
        m if m >= 1e-3 => format!("{:.1} mm", m * 1e3),
        m if m >= 1e-6 => format!("{:.1} µm", m * 1e6),
        m => format!("{:.1} nm", m * 1e9),
    }
}

/// Shots in the form that `simulate` reads.
pub(super) fn document(table: &TableSpec, shots: &[FamilyShot]) -> Value {
    let physics = &table.physics;
    let constant = |restitution: &Restitution| restitution.at(0.0);
    let pocket =
        |shape: Option<crate::table::PocketShape>| shape.unwrap_or(crate::table::PocketShape::BAR_CORNER);
    let (corner, side) = (pocket(table.corner), pocket(table.side));
    let shots: Vec<Value> = shots
        .iter()
        .map(|shot| {
            let balls: serde_json::Map<String, Value> = shot
                .places
                .iter()
                .enumerate()
                .map(|(i, place)| {
                    let name = if i == 0 { file::CUE_BALL.to_owned() } else { i.to_string() };
                    (name, json!([place.x, place.y]))
                })
                .collect();
            json!({
                "id": shot.id, "family": shot.family, "balls": balls,
                "cue": {
                    "V0": shot.strike.stick_speed_m_s, "phi": shot.strike.direction.to_degrees(),
                    "theta": shot.strike.elevation.to_degrees(), "a": shot.strike.side, "b": shot.strike.height,
                },
            })
        })
        .collect();
    json!({
        "meta": {
            "ball": {
                "m": table.ball.mass_kg, "R": table.ball.radius_m, "u_s": physics.slide_friction,
                "u_r": physics.roll_friction,
                "u_sp": physics.spin_down_rad_s2 * table.ball.radius_m / (2.5 * physics.gravity_m_s2),
                "e_b": constant(&physics.ball_restitution), "e_c": constant(&physics.cushion_restitution),
                "f_c": physics.cushion_friction, "g": physics.gravity_m_s2,
            },
            "cue": { "M": physics.cue_mass_kg, "end_mass": physics.cue_end_mass_kg },
            "table": {
                "l": table.length_m, "w": table.width_m, "cushion_width": table.cushion_width_m,
                "cushion_height": table.nose_height_m,
                "corner_pocket_width": corner.mouth_m, "corner_pocket_angle": corner.jaw_angle_deg,
                "corner_pocket_depth": corner.corner_depth_m(), "corner_pocket_radius": corner.hole_radius_m,
                "corner_jaw_radius": corner.jaw_radius_m,
                "side_pocket_width": side.mouth_m, "side_pocket_angle": side.jaw_angle_deg,
                "side_pocket_depth": side.side_depth_m(), "side_pocket_radius": side.hole_radius_m,
                "side_jaw_radius": side.jaw_radius_m,
            },
        },
        "shots": shots,
    })
}
