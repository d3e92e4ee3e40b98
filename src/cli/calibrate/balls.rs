//! `calibrate balls`: how the balls of this house look.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::cli::{Failure, frame_of, show, table_named};
use crate::config::write_durably;
use crate::table::{BallKind, BallSet, Group, TableSpec};
use crate::virtual_table::{Options, Pace, SceneName, VirtualTable};
use crate::vision::analyse::Analyser;
use crate::vision::frame::Frame;
use crate::vision::house_set::{HouseSet, Lesson, kinds_of, name_of};
use crate::vision::naming::sure_names;
use crate::vision::observation::BallSeen;
use crate::vision::source::FrameSource as _;

/// Learns the colours of the house's own balls from pictures of the whole set.
///
/// Put every ball of the set on the table, none touching another, the stripes with some of their
/// band up. One picture is enough; a few, with the balls turned and moved, are better.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  billiards-trainer calibrate balls one.jpg two.jpg three.jpg
  billiards-trainer calibrate balls one.jpg --numbers 1,9,3,11,cue,8,2,10,4,12,5,13,6,14,7,15
  billiards-trainer calibrate balls virtual:grid --out balls.ron")]
pub(crate) struct Balls {
    /// Pictures of the set (JPEG, PNG, WebP, BMP), or virtual[:SCENE].
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<String>,
    /// Table model: pool-9ft, pool-8ft, pool-7ft, snooker-12ft, carom-10ft. Pool unless said.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// File to write.
    #[arg(long, value_name = "FILE", default_value = "config/balls.ron")]
    out: PathBuf,
    /// What lies in the first picture, row by row from the top, each from left to right: numbers
    /// (0 or cue for the cue ball), on other tables red, yellow and so on; - for what is no ball.
    #[arg(long, value_name = "LIST")]
    numbers: Option<String>,
}

/// Frames taken of a virtual table, and frames of play between them.
const VIRTUAL_FRAMES: usize = 3;
const VIRTUAL_SKIP: u64 = 15;
/// A name less sure than this is not learned from.
const SURE: f64 = 0.8;

impl Balls {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        let table = table_named(self.table.as_deref())?;
        let set = table.as_ref().map_or(BallSet::Pool, |t| t.ball_set);
        let mut given = match &self.numbers {
            Some(list) => Some(kinds_listed(list, set).map_err(Failure::usage)?),
            None => None,
        };
        let expected = given.as_ref().map_or_else(
            || kinds_of(set),
            |kinds| kinds.iter().flatten().copied().collect(),
        );
        let mut lesson = Lesson::new(set);
        for input in &self.pictures {
            for frame in frames_of(input, table.as_ref())? {
                // What the first pictures taught names the balls of the later ones.
                let taught = Some(lesson.set()).filter(|taught| taught.check().is_ok());
                learn(&frame, table.clone(), taught, given.take(), &mut lesson)
                    .map_err(|why| Failure::failed(format!("{input}: {why}")))?;
            }
        }
        let missing: Vec<String> = (lesson.missing().into_iter())
            .filter(|kind| expected.contains(kind))
            .map(name_of)
            .collect();
        if !missing.is_empty() {
            return Err(Failure::failed(format!(
                "not seen in any picture: {}; put out the whole set, or say with --numbers what lies there",
                missing.join(", ")
            )));
        }
        let taught = lesson.set();
        taught.check().map_err(|why| {
            Failure::failed(format!(
                "{why} as the camera sees it; look at the light and the white balance, or settle the names with --numbers"
            ))
        })?;
        let text = taught
            .to_text()
            .map_err(|why| Failure::failed(format!("can't write the set as text: {why}")))?;
        write_durably(&self.out, text.as_bytes()).map_err(|error| {
            Failure::failed(format!(
                "can't write {}: {error}; choose another file with --out",
                self.out.display()
            ))
        })?;
        show(&in_words(&taught, &self.out))
    }
}

/// Takes the looks of all balls of a picture into the lesson, or says why it can't.
fn learn(
    frame: &Frame,
    table: Option<TableSpec>,
    taught: Option<HouseSet>,
    given: Option<Vec<Option<BallKind>>>,
    lesson: &mut Lesson,
) -> Result<(), String> {
    let seen = Analyser::new(table).with_house_set(taught).analyse(frame);
    if seen.table.is_none() {
        let why = seen.warnings.into_iter().next();
        return Err(why.unwrap_or_else(|| "no table found".to_owned()));
    }
    let mut balls = seen.balls;
    in_reading_order(&mut balls);
    let names = match given {
        Some(kinds) if kinds.len() == balls.len() => kinds,
        Some(kinds) => {
            return Err(format!(
                "{} balls are seen ({}), but --numbers names {}; say - for what is no ball, and put apart what touches",
                balls.len(),
                places(balls.iter()),
                kinds.len()
            ));
        }
        None => named_surely(&balls)?,
    };
    let named: Vec<(BallKind, &BallSeen)> = names
        .iter()
        .zip(&balls)
        .filter_map(|(kind, ball)| Some(((*kind)?, ball)))
        .collect();
    for (index, (kind, ball)) in named.iter().enumerate() {
        let rest = named.get(index + 1..).unwrap_or_default();
        let touches = |other: &&(BallKind, &BallSeen)| {
            other.1.center_px.distance(ball.center_px) < 1.08 * (other.1.radius_px + ball.radius_px)
        };
        if let Some((other, _)) = rest.iter().find(touches) {
            let (a, b) = (name_of(*kind), name_of(*other));
            return Err(format!("{a} and {b} touch; put them apart"));
        }
        lesson.add(*kind, &ball.look)?;
    }
    Ok(())
}

/// The names of balls if every one of them is sure.
fn named_surely(balls: &[BallSeen]) -> Result<Vec<Option<BallKind>>, String> {
    const SETTLE: &str = "say with --numbers what lies there";
    let names = sure_names(balls);
    let strange: Vec<&BallSeen> = (names.iter().zip(balls))
        .filter(|((kind, _), _)| kind.group == Group::Unknown)
        .map(|(_, ball)| ball)
        .collect();
    if !strange.is_empty() {
        return Err(format!(
            "fits no ball that is not there already: {}; take away what is no ball of the set, or {SETTLE}",
            places(strange.into_iter())
        ));
    }
    let unsure: Vec<String> = (names.iter().zip(balls))
        .filter(|((_, sure), _)| *sure < SURE)
        .map(|((kind, _), ball)| format!("{} at {}", name_of(*kind), places(std::iter::once(ball))))
        .collect();
    if !unsure.is_empty() {
        return Err(format!(
            "not sure of {}; turn them so that their colour shows, or {SETTLE}",
            unsure.join(", ")
        ));
    }
    Ok(names.iter().map(|(kind, _)| Some(*kind)).collect())
}

/// Where balls lie in the picture, pixels.
fn places<'a>(balls: impl Iterator<Item = &'a BallSeen>) -> String {
    let places: Vec<String> = balls
        .map(|b| format!("({:.0}, {:.0})", b.center_px.x, b.center_px.y))
        .collect();
    places.join(" ")
}

/// Row by row from the top, each from left to right. Balls are in one row where no gap of half a
/// ball in height is between them.
fn in_reading_order(balls: &mut [BallSeen]) {
    balls.sort_by(|a, b| a.center_px.y.total_cmp(&b.center_px.y));
    let radius = balls.iter().map(|b| b.radius_px).sum::<f64>() / balls.len().max(1) as f64;
    balls
        .chunk_by_mut(|a, b| b.center_px.y - a.center_px.y < radius)
        .for_each(|row| row.sort_by(|a, b| a.center_px.x.total_cmp(&b.center_px.x)));
}

/// `1,9,cue,-` as kinds of ball of a game.
fn kinds_listed(list: &str, set: BallSet) -> Result<Vec<Option<BallKind>>, String> {
    let known = kinds_of(set);
    let mut kinds: Vec<Option<BallKind>> = Vec::new();
    for word in list.split(',').map(str::trim) {
        if word == "-" {
            kinds.push(None);
            continue;
        }
        let is_it = |kind: &&BallKind| match (kind.group, kind.number) {
            (Group::Cue, _) => word == "cue" || word == "0",
            (_, Some(number)) => word.parse() == Ok(number),
            (group, None) => word == group.name(),
        };
        let kind = known.iter().find(is_it).ok_or_else(|| {
            let example = match set {
                BallSet::Pool => "0 to 15, or cue",
                BallSet::Snooker => "cue, red, yellow, green, brown, blue, pink or black",
                BallSet::Carom => "cue, yellow or red",
            };
            format!("--numbers: `{word}` is no ball of this game; write {example}, or - for none")
        })?;
        if kind.group != Group::Red && kinds.contains(&Some(*kind)) {
            return Err(format!("--numbers: {} is there twice", name_of(*kind)));
        }
        kinds.push(Some(*kind));
    }
    Ok(kinds)
}

/// The frames of a picture or of a virtual scene.
fn frames_of(input: &str, table: Option<&TableSpec>) -> Result<Vec<Frame>, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::failed(format!("{input}: {why}"));
    let scene = match input.split_once(':') {
        None if input == "virtual" => "grid",
        Some(("virtual", scene)) => scene,
        _ => {
            let frame = frame_of(Path::new(input)).map_err(|why| failed(&why))?;
            return Ok(vec![frame]);
        }
    };
    let scene: SceneName = scene
        .parse()
        .map_err(|e: crate::virtual_table::UnknownScene| Failure::usage(e.to_string()))?;
    let mut options = Options::new(scene);
    options.pace = Pace::Fast;
    if let Some(table) = table {
        options.table = table.clone();
    }
    let mut source = VirtualTable::new(&options).map_err(|e| failed(&e))?;
    let mut frames = Vec::new();
    for _ in 0..VIRTUAL_FRAMES {
        frames.extend(source.next(Duration::from_secs(1)).map_err(|e| failed(&e))?);
        source.skip(VIRTUAL_SKIP);
    }
    Ok(frames)
}

fn in_words(set: &HouseSet, out: &Path) -> String {
    let mut text = format!(
        "{:<16}{:>7}{:>8}{:>8}{:>7}  nearest\n",
        "ball", "hue", "colour", "light", "looks"
    );
    for ball in &set.balls {
        let nearest = set.nearest(ball).map_or_else(
            || "-".to_owned(),
            |(other, apart)| format!("{} ({apart:.2})", name_of(other)),
        );
        let _ = writeln!(
            text,
            "{:<16}{:>5.0} °{:>6.0} %{:>6.0} %{:>7}  {nearest}",
            name_of(ball.kind()),
            ball.shade.hue_deg,
            100.0 * ball.shade.saturation,
            100.0 * ball.shade.value,
            ball.looks,
        );
    }
    let _ = writeln!(
        text,
        "written to {0}; use it with --balls {0}, or in the settings: vision: (balls: \"{0}\")",
        out.display()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_balls_are_read_and_nonsense_is_refused() {
        let kinds = kinds_listed("1, 9,cue,-,15", BallSet::Pool).unwrap();
        let expected = [1, 9, 0].map(|n| Some(BallKind::pool(n)));
        assert_eq!(kinds.get(..3), Some(&expected[..]));
        assert_eq!((kinds[3], kinds[4]), (None, Some(BallKind::pool(15))));
        assert_eq!(kinds_listed("red,red,pink", BallSet::Snooker).unwrap().len(), 3);
        for (list, set) in [
            ("", BallSet::Pool),
            ("16", BallSet::Pool),
            ("1,1", BallSet::Pool),
            ("red", BallSet::Pool),
            ("pink", BallSet::Carom),
            ("1,,2", BallSet::Pool),
            ("-3", BallSet::Pool),
        ] {
            let message = kinds_listed(list, set).unwrap_err();
            assert!(message.starts_with("--numbers: "), "{message}");
        }
    }

    #[test]
    fn the_virtual_set_is_learned_and_names_itself() {
        let mut lesson = Lesson::new(BallSet::Pool);
        let frames = frames_of("virtual:grid", None).unwrap();
        learn(&frames[0], None, None, None, &mut lesson).unwrap();
        assert!(lesson.missing().is_empty());
        let taught = lesson.set();
        taught.check().unwrap();
        learn(&frames[1], None, Some(taught), None, &mut lesson).unwrap();
        assert!(lesson.set().balls.iter().all(|b| b.looks == 2));
        let message = learn(
            &frames[2],
            None,
            None,
            Some(vec![Some(BallKind::pool(1))]),
            &mut lesson,
        );
        assert!(message.unwrap_err().contains("16 balls are seen"));
    }

    #[test]
    fn an_empty_table_teaches_nothing() {
        let frames = frames_of("virtual:empty", None).unwrap();
        let mut lesson = Lesson::new(BallSet::Pool);
        learn(&frames[0], None, None, None, &mut lesson).unwrap();
        assert_eq!(lesson.missing().len(), 16);
        assert!(frames_of("virtual:nowhere", None).is_err());
        assert!(frames_of("/nowhere/picture.jpg", None).is_err());
    }
}
