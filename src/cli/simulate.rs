//! `simulate`: plays the shots of a file.

pub(in crate::cli) mod file;
pub(in crate::cli) mod names;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use self::file::{CUE_BALL, Input, Shot};
use self::names::Names;
use super::Failure;
use crate::physics::evaluate::families::median;
use crate::physics::prediction::{EventKind, Prediction};
use crate::physics::{BadInput, MOST_BALLS, Simulator};
use crate::table::Geometry;

/// Plays shots by the physics of the trainer and tells where the balls come to rest.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// File with `meta` (table, balls, cue) and `shots` (balls, stroke); metres, degrees, table frame.
    shots: PathBuf,
    /// Print one JSON document on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Play each shot this many times; the time that is told is the median.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
}

impl Simulate {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let shots = play_all(&file::read(&self.shots)?, self.runs).map_err(|f| f.of(self.shots.display()))?;
        let mut out = std::io::stdout().lock();
        let written = if self.json {
            serde_json::to_writer(&mut out, &Report { shots: &shots })
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            shots
                .iter()
                .try_for_each(|shot| write!(out, "{}", shot.in_words()))
        };
        written.map_err(|error| Failure::failed(format!("can't write the result: {error}")))
    }
}

fn play_all(input: &Input, runs: u32) -> Result<Vec<Played>, Failure> {
    let table = input.meta.table()?;
    let mut simulator = Simulator::new(&table);
    let names = Names::of(&Geometry::of(&table));
    let shots = input.shots.iter().enumerate();
    shots
        .map(|(index, value)| Shot::parse(index, value)?.play(&mut simulator, &names, runs))
        .collect()
}

impl Shot {
    fn play(self, simulator: &mut Simulator, names: &Names, runs: u32) -> Result<Played, Failure> {
        let cue_ball = self
            .names
            .iter()
            .position(|name| name == CUE_BALL)
            .unwrap_or_default();
        let strike = (cue_ball, self.strike);
        simulator
            .check(&self.balls, Some(&strike))
            .map_err(|bad| self.refusal(&bad))?;
        let struck = simulator.strike(&self.strike).ball;
        let mut times: Vec<f64> = (0..runs)
            .map(|_| {
                let began = Instant::now();
                simulator.play(&self.balls, Some(strike));
                began.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        let cpu_us = median(&mut times);
        let prediction = simulator.play(&self.balls, Some(strike));
        Ok(Played {
            post_strike: PostStrike {
                v: [struck.velocity.x, struck.velocity.y, 0.0],
                w: struck.spin.to_array(),
            },
            events: prediction
                .events
                .iter()
                .map(|e| self.told(e.time_s, e.kind, names))
                .collect(),
            t_end: prediction.duration_s,
            last: self.last(prediction),
            truncated: prediction.truncated,
            miscue: prediction.miscue,
            leaves_cloth: prediction.hop.map(|hop| LeavesCloth {
                height_m: hop.height_m,
                length_m: hop.length_m,
            }),
            cpu_us,
            id: self.id,
        })
    }

    pub(in crate::cli) fn refusal(&self, bad: &BadInput) -> Failure {
        let name = |ball: usize| self.names.get(ball).map_or("?", String::as_str);
        let told = match *bad {
            BadInput::NotFinite { ball, .. } => format!("balls.{}: is not a finite number", name(ball)),
            BadInput::OffTable { ball } => format!(
                "balls.{}: is not on the playing surface; the cushions and pockets bound it",
                name(ball)
            ),
            BadInput::Overlap {
                ball,
                other,
                overlap_m,
            } => format!(
                "balls.{}: overlaps balls.{} by {:.3} mm; move them apart",
                name(ball),
                name(other),
                overlap_m * 1000.0
            ),
            BadInput::TooFast { ball, .. } => format!("balls.{}: is faster than any ball", name(ball)),
            BadInput::TooMany { count } => format!("balls: {count} are too many; {MOST_BALLS} at most"),
            BadInput::NoSuchBall { .. } => "balls.cue: missing; it is the ball that is struck".to_owned(),
            BadInput::Strike { field } => match field {
                "stick_speed_m_s" => "cue.V0: must be a speed from 0 to 50 m/s".to_owned(),
                "direction" => "cue.phi: must be a finite number".to_owned(),
                "elevation" => "cue.theta: must be at least 0 and less than 90 degrees".to_owned(),
                "side" => "cue.a: must lie between -1 and 1".to_owned(),
                _ => "cue.b: the contact point (a, b) must lie on the ball, a² + b² ≤ 1".to_owned(),
            },
        };
        Failure::failed(format!("shot {}: {told}", self.id))
    }

    fn told(&self, t: f64, kind: EventKind, names: &Names) -> Event {
        let ball = |index: usize| self.names.get(index).cloned().unwrap_or_default();
        let (kind, ids) = names.tell(kind, ball);
        Event { t, kind, ids }
    }

    fn last(&self, prediction: &Prediction) -> BTreeMap<String, Last> {
        let each = self.names.iter().zip(&prediction.paths).enumerate();
        each.map(|(ball, (name, path))| {
            let last = Last {
                pocket: prediction.pocket_of(ball).map(|pocket| pocket.name()),
                xy: path.end.position.to_array(),
            };
            (name.clone(), last)
        })
        .collect()
    }
}

#[derive(Serialize)]
struct Report<'a> {
    shots: &'a [Played],
}

#[derive(Serialize)]
struct Played {
    id: String,
    post_strike: PostStrike,
    events: Vec<Event>,
    t_end: f64,
    #[serde(rename = "final")]
    last: BTreeMap<String, Last>,
    truncated: bool,
    miscue: bool,
    /// Set when the stroke throws the cue ball up: then the rest is that of a ball kept down.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves_cloth: Option<LeavesCloth>,
    cpu_us: f64,
}

#[derive(Serialize)]
struct LeavesCloth {
    height_m: f64,
    length_m: f64,
}

#[derive(Serialize)]
struct PostStrike {
    v: [f64; 3],
    w: [f64; 3],
}

#[derive(Serialize)]
struct Event {
    t: f64,
    #[serde(rename = "type")]
    kind: &'static str,
    ids: Vec<String>,
}

#[derive(Serialize)]
struct Last {
    pocket: Option<&'static str>,
    xy: [f64; 2],
}

impl Played {
    fn in_words(&self) -> String {
        let mut text = format!(
            "{}: {} events, {:.3} s{}\n",
            self.id,
            self.events.len(),
            self.t_end,
            if self.truncated {
                ", not played to the end"
            } else {
                ""
            }
        );
        if let Some(hop) = &self.leaves_cloth {
            text += &format!(
                "  the cue ball leaves the cloth, {:.0} mm high over {:.2} m; balls in the air are not \
                 simulated, what follows is that of a ball kept down\n",
                hop.height_m * 1000.0,
                hop.length_m
            );
        }
        for (name, last) in &self.last {
            let [x, y] = last.xy;
            text += &match last.pocket {
                Some(pocket) => format!("  {name}: in {pocket}\n"),
                None => format!("  {name}: rests at {x:.4}, {y:.4} m\n"),
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::file::{parse, without_infinities};
    use super::*;

    const META: &str = r#""meta": {
        "ball": {"m": 0.170097, "R": 0.028575, "u_s": 0.2, "u_r": 0.01, "u_sp": 0.0127,
                 "e_b": 0.95, "e_c": 0.85, "f_c": 0.2, "g": 9.81},
        "cue": {"M": 0.567, "end_mass": 0.0056699},
        "table": {"l": 2.54, "w": 1.27, "cushion_width": 0.0508, "cushion_height": 0.036576,
                  "corner_pocket_width": 0.118, "corner_pocket_angle": 5.3,
                  "corner_pocket_depth": 0.0417, "corner_pocket_radius": 0.062,
                  "corner_jaw_radius": 0.02095, "side_pocket_width": 0.137,
                  "side_pocket_angle": 7.14, "side_pocket_depth": 0.0685,
                  "side_pocket_radius": 0.0645, "side_jaw_radius": 0.00795}}"#;

    fn play(shots: &str) -> Result<Vec<Played>, String> {
        let input = parse(&format!("{{{META}, \"shots\": {shots}}}"))?;
        play_all(&input, 1).map_err(|failure| failure.to_string())
    }

    fn refusal(balls: &str, cue: &str) -> String {
        let shots = format!(r#"[{{"id": "x7", "balls": {balls}, "cue": {cue}}}]"#);
        play(&shots).err().unwrap()
    }

    #[test]
    fn a_shot_is_played_and_told() {
        let shots = r#"[{"id": "a", "balls": {"1": [0.3, 0.0], "cue": [-0.5, 0.0]},
                         "cue": {"V0": 1.0, "phi": 0.0}}]"#;
        let played = play(shots).unwrap();
        let told: Vec<_> = played[0]
            .events
            .iter()
            .map(|e| (e.kind, e.ids.join("-")))
            .collect();
        assert_eq!(told[0], ("stick_ball", "cue_stick-cue".to_owned()));
        assert!(told.contains(&("ball_ball", "cue-1".to_owned())));
        assert!(told.contains(&("ball_linear_cushion", "1-9".to_owned())));
        assert_eq!(told.last().unwrap().0, "rolling_stationary");
        assert!((played[0].post_strike.v[0] - 1.538).abs() < 1e-3);
        let json = serde_json::to_value(&Report { shots: &played }).unwrap();
        assert!(json["shots"][0]["final"]["cue"]["xy"][0].is_f64());
        assert!(json["shots"][0]["final"]["1"]["pocket"].is_null());
        assert!(json["shots"][0]["cpu_us"].is_number());
        assert!(played[0].in_words().contains("cue: rests at"));
    }

    #[test]
    fn a_refusal_names_the_shot_and_the_field() {
        let (cue, stroke) = (r#"{"cue": [0, 0]}"#, r#"{"V0": 1, "phi": 0}"#);
        for (balls, stroke, expected) in [
            (r#"{"cue": [0, NaN]}"#, stroke, "shot x7: balls.cue: must be"),
            (r#"{"cue": [0, 1e999]}"#, stroke, "shot x7: balls.cue: must be"),
            (r#"{"cue": [0, 0, 0]}"#, stroke, "shot x7: balls.cue: must be"),
            (r#"{"cue": "here"}"#, stroke, "shot x7: balls.cue: must be"),
            (r#"{"1": [0, 0]}"#, stroke, "shot x7: balls.cue: missing"),
            (
                r#"{"cue": [0, 0], "1": [0.01, 0]}"#,
                stroke,
                "shot x7: balls.cue: overlaps balls.1 by",
            ),
            (
                r#"{"cue": [0, 0], "1": [9, 0]}"#,
                stroke,
                "shot x7: balls.1: is not on",
            ),
            (r#"{"cue": [0.5, 0.63]}"#, stroke, "shot x7: balls.cue: is not on"),
            (cue, r#"{"V0": Infinity, "phi": 0}"#, "shot x7: cue.V0: must be"),
            (cue, r#"{"V0": -1, "phi": 0}"#, "shot x7: cue.V0: must be"),
            (cue, r#"{"V0": 1}"#, "shot x7: cue.phi: must be"),
            (cue, r#"{"V0": 1, "phi": 0, "a": 2}"#, "shot x7: cue.a: must"),
            (
                cue,
                r#"{"V0": 1, "phi": 0, "a": 0.8, "b": -0.8}"#,
                "shot x7: cue.b: ",
            ),
            (
                cue,
                r#"{"V0": 1, "phi": 0, "theta": 90}"#,
                "shot x7: cue.theta: must",
            ),
            (cue, "3", "shot x7: cue.V0: must be"),
        ] {
            let told = refusal(balls, stroke);
            assert!(told.starts_with(expected), "{balls} {stroke}: {told}");
            assert!(!told.contains('\n'));
        }
    }

    #[test]
    fn a_bad_file_is_named_where_it_is_bad() {
        let told = |text: &str| parse(text).err().unwrap();
        assert!(told("{").starts_with("is not JSON"));
        assert!(told("{}").starts_with("meta.ball: missing"));
        let without = |what: &str| told(&format!("{{{}}}", META.replace(what, "\"other\"")));
        assert_eq!(without("\"u_s\""), "meta.ball.u_s: must be a finite number");
        assert_eq!(
            without("\"side_jaw_radius\""),
            "meta.table.side_jaw_radius: must be a finite number"
        );
        let deep = META.replace("\"corner_pocket_depth\": 0.0417", "\"corner_pocket_depth\": 5");
        let input = parse(&format!("{{{deep}, \"shots\": []}}")).unwrap();
        let refused = play_all(&input, 1).err().unwrap().to_string();
        assert!(refused.starts_with("meta.table.corner_pocket_depth"));
        assert!(told(&format!("{{{META}}}")).starts_with("shots: must be"));
    }

    #[test]
    fn words_in_strings_are_left_alone() {
        let text = r#"{"a \" NaN": [NaN, -Infinity, 1.5, "Infinity"], "b": 1e999}"#;
        let clean = r#"{"a \" NaN": [null, null, 1.5, "Infinity"], "b": null} "#;
        assert_eq!(without_infinities(text), clean);
    }

    #[test]
    fn a_table_that_cannot_be_is_refused_by_the_field_of_the_file() {
        for (field, value, told) in [
            ("\"u_s\": 0.2", "\"u_s\": -0.2", "meta.ball.u_s"),
            ("\"R\": 0.028575", "\"R\": 0", "meta.ball.R"),
            ("\"m\": 0.170097", "\"m\": 0", "meta.ball.m"),
            ("\"e_b\": 0.95", "\"e_b\": 1e-6", "meta.ball.e_b"),
            ("\"g\": 9.81", "\"g\": 1e-300", "meta.ball.g"),
            (
                "\"cushion_height\": 0.036576",
                "\"cushion_height\": 1e6",
                "meta.table.cushion_height",
            ),
            (
                "\"corner_pocket_width\": 0.118",
                "\"corner_pocket_width\": 0.44",
                "meta.table.corner_pocket_width",
            ),
            ("\"w\": 1.27", "\"w\": 3.5", "meta.table.w"),
        ] {
            assert!(META.contains(field), "{field}");
            let text = format!("{{{}, \"shots\": []}}", META.replacen(field, value, 1));
            let refused = play_all(&parse(&text).unwrap(), 1).err().unwrap().to_string();
            assert!(refused.starts_with(told), "{value}: {refused}");
        }
    }
}
