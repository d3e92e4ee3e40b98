//! A folder of annotated pictures.

use std::path::Path;

use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::{Report, progress};
use crate::cli::Failure;
use crate::cli::evaluate::dataset::{annotated_frame, is_clip, manifest};
use crate::table::Group;
use crate::units::{ImageSize, Vec2};
use crate::vision::analyse::Analyser;
use crate::vision::evaluate::{Known, KnownBall, compare};
use crate::vision::house_set::HouseSet;

/// An annotated picture, or a frame of a clip.
#[derive(Deserialize)]
struct Item {
    file: String,
    #[serde(default)]
    view: String,
    #[serde(default)]
    balls: Option<Vec<Ball>>,
    #[serde(default)]
    pockets_px: Option<Pockets>,
    #[serde(default)]
    balls_in_pockets_px: Vec<[f64; 2]>,
    #[serde(default)]
    center_tolerance_px: Option<f64>,
    #[serde(default)]
    frame_time_s: Option<f64>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Ball {
    #[serde(default)]
    group: String,
    #[serde(default)]
    number: Option<u8>,
    center_px: [f64; 2],
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Pockets {
    tl: Option<[f64; 2]>,
    tm: Option<[f64; 2]>,
    tr: Option<[f64; 2]>,
    bl: Option<[f64; 2]>,
    bm: Option<[f64; 2]>,
    br: Option<[f64; 2]>,
}

/// Looks at every annotated picture of a folder, each by itself, with no setting of its own.
pub(super) fn look(folder: &Path, balls: Option<&HouseSet>, report: &mut Report) -> Result<(), Failure> {
    let items: Vec<Item> = manifest(folder)?;
    let annotated: Vec<&Item> = items.iter().filter(|item| item.is_annotated()).collect();
    for (index, item) in annotated.iter().enumerate() {
        progress(index as u64, annotated.len() as u64, "pictures");
        let frame = annotated_frame(&folder.join(&item.file), item.frame_time_s)?;
        let seen = Analyser::new(None).with_house_set(balls.cloned()).analyse(&frame);
        let known = item.known(frame.size);
        let compared = compare(&known, &seen);
        report.all.add(&known, &seen, &compared);
        let set = item.file.split('/').next().unwrap_or_default();
        report.note(&item.view, &known, &seen, &compared);
        report.note(&format!("{} {set}", item.view), &known, &seen, &compared);
        report.keep_failure(&item.file, &frame, &known, &seen, &compared);
    }
    progress(annotated.len() as u64, annotated.len() as u64, "pictures");
    Ok(())
}

impl Item {
    /// Somebody has said what is in it: balls, or that there are none.
    fn is_annotated(&self) -> bool {
        let empty = self.note.contains("empty table") || self.note.contains("background");
        let balls = self
            .balls
            .as_ref()
            .is_some_and(|balls| !balls.is_empty() || empty);
        balls && (self.frame_time_s.is_some() || !is_clip(Path::new(&self.file)))
    }

    fn known(&self, size: ImageSize) -> Known {
        let point = |[x, y]: [f64; 2]| Vec2::new(x, y);
        let balls = self.balls.iter().flatten().map(|ball| KnownBall {
            center_px: point(ball.center_px),
            position_m: None,
            group: group_named(&ball.group),
            number: ball.number,
            moves: false,
            cloth_coloured: false,
        });
        let pockets = self.pockets_px.as_ref();
        // Annotations are as good as a person clicks: six pixels of a 1280 pixel picture.
        let clicked = 6.0 * f64::from(size.width) / 1280.0;
        Known {
            radius_m: None,
            balls: balls.collect(),
            ignore_px: self.balls_in_pockets_px.iter().copied().map(point).collect(),
            pockets_px: pockets.map_or([None; 6], |p| {
                [p.tl, p.tm, p.tr, p.bl, p.bm, p.br].map(|q| q.map(point))
            }),
            reach_px: self.center_tolerance_px.unwrap_or(0.0).max(clicked),
        }
    }
}

/// The group with this name; `None` where the annotator could not tell.
fn group_named(name: &str) -> Option<Group> {
    let read: Result<Group, serde::de::value::Error> = Group::deserialize(name.into_deserializer());
    read.ok().filter(|group| *group != Group::Unknown)
}
