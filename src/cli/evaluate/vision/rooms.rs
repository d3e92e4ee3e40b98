//! Rooms made up by a number: the virtual table knows what is really there.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::overlay::{Overlay, light_of, projected};
use super::{Report, Uncalibrated, progress};
use crate::calibration::CameraModel;
use crate::cli::Failure;
use crate::table::{Geometry, TableSpec};
use crate::units::Vec2;
use crate::virtual_table::domain::as_calibrated;
use crate::virtual_table::{Company, Options, SceneName, VirtualTable};
use crate::vision::analyse::Analyser;
use crate::vision::evaluate::{Known, KnownBall, compare};
use crate::vision::frame::Frame;
use crate::vision::house_set::{HouseSet, Lesson};
use crate::vision::look::{Shade, hue_distance};
use crate::vision::observation::{Observation, TrueBall};
use crate::vision::source::FrameSource as _;
use crate::vision::track::Tracker;

/// Frames of a second at rest, and how many of the last of them tell the jitter.
const SECOND: usize = 30;
const SETTLED: usize = 10;

/// What the eyes know of the balls beforehand.
pub(super) struct House<'a> {
    /// The same set in every room.
    pub(super) balls: Option<&'a HouseSet>,
    /// Each room's own set, learned from one look at it.
    pub(super) taught: bool,
    /// A projector draws on the cloth.
    pub(super) overlay: Overlay,
}

/// Looks at `frames` pictures of each of these rooms.
pub(super) fn look(
    seed: u64,
    rooms: Range<u64>,
    frames: u64,
    house: &House<'_>,
    report: &mut Report,
) -> Result<(), Failure> {
    let (first, count) = (rooms.start, rooms.end - rooms.start);
    for room in rooms {
        let domain = seed.wrapping_mul(1_000_003).wrapping_add(room);
        progress(room - first, count, "rooms");
        let mut room = Room::new(domain, house)?;
        let mut random = fastrand::Rng::with_seed(domain);
        for index in 0..frames {
            // Any moment of the next seconds of play.
            room.table.skip(random.u64(5..150));
            room.look_once(&format!("room{domain}-{index}"), report)?;
        }
        room.look_without_calibration(report)?;
        room.look_for_a_second(report)?;
    }
    progress(count, count, "rooms");
    Ok(())
}

/// A virtual table and the eyes on it.
struct Room {
    domain: u64,
    options: Options,
    overlay: Overlay,
    table: VirtualTable,
    analyser: Analyser,
    /// Draws the directions of shots.
    random: fastrand::Rng,
    /// What a calibration would say of the camera.
    calibrated: Arc<CameraModel>,
}

impl Room {
    fn new(domain: u64, house: &House<'_>) -> Result<Self, Failure> {
        let options = Options::of_domain(domain);
        let table = VirtualTable::new(&options)
            .map_err(|error| Failure::failed(format!("room {domain}: {error}")))?;
        let balls = if house.taught {
            balls_of_room(&options)
        } else {
            house.balls.cloned()
        };
        Ok(Self {
            domain,
            analyser: Analyser::new(Some(options.table.clone())).with_house_set(balls),
            calibrated: Arc::new(as_calibrated(&table.camera(), &options.table, domain)),
            table,
            overlay: house.overlay,
            random: fastrand::Rng::with_seed(!domain),
            options,
        })
    }

    /// The next picture, with its true camera.
    fn picture(&mut self) -> Result<Option<Frame>, Failure> {
        let next = self.table.next(Duration::from_secs(1));
        next.map_err(|error| Failure::failed(format!("room {}: {error}", self.domain)))
    }

    /// The next picture, with what a projector would draw on it where one is on.
    fn picture_under_light(&mut self) -> Result<Option<Frame>, Failure> {
        let picture = self.picture()?;
        if self.overlay == Overlay::Off {
            return Ok(picture);
        }
        let truth = picture.as_ref().and_then(|frame| frame.truth.as_ref());
        let light = truth.and_then(|truth| light_of(truth, &self.options.table, &mut self.random));
        let Some(light) = light else { return Ok(picture) };
        self.table
            .set_projection(Some(projected(&light, &self.options.table)?));
        let picture = self.picture();
        self.table.set_projection(None);
        let told = (self.overlay == Overlay::Told).then(|| Arc::new(light));
        Ok(picture?.map(|frame| Frame { light: told, ..frame }))
    }

    fn look_once(&mut self, name: &str, report: &mut Report) -> Result<(), Failure> {
        let Some(mut frame) = self.picture_under_light()? else {
            return Ok(());
        };
        let Some(known) = known_of(&frame, &self.options) else {
            return Ok(());
        };
        frame.camera = Some(Arc::clone(&self.calibrated));
        let seen = self.analyser.analyse(&frame);
        let compared = compare(&known, &seen);
        report.all.add(&known, &seen, &compared);
        if frame.truth.as_ref().is_some_and(|t| t.cue.is_none()) {
            report.cueless.0 += 1;
            report.cueless.1 += seen.cues.len();
        }
        self.note_hidden(&frame, &seen, report);
        let options = &self.options;
        for stratum in [
            format!("table {}", options.table.name),
            format!("scene {}", options.scene),
            format!("picture {}x{}", frame.size.width, frame.size.height),
            format!("lamps {:?}", options.lighting).to_lowercase(),
            format!("delivered as {}", options.imaging.delivery),
            if options.company == Company::none() {
                "nobody there"
            } else {
                "somebody there"
            }
            .to_owned(),
        ] {
            report.note(&stratum, &known, &seen, &compared);
        }
        report.note_those("balls at rest", |b| !b.moves, &known, &seen, &compared);
        report.note_those("balls that move", |b| b.moves, &known, &seen, &compared);
        let like_cloth = |b: &KnownBall| b.cloth_coloured;
        report.note_those("balls of the cloth's hue", like_cloth, &known, &seen, &compared);
        let other = |b: &KnownBall| !b.cloth_coloured && !b.moves;
        report.note_those("balls at rest, other hue", other, &known, &seen, &compared);
        report.keep_failure(name, &frame, &known, &seen, &compared);
        Ok(())
    }

    /// Compares what the eyes call hidden with what is, at places all over the bed. Beside a ball it is
    /// the ball that hides.
    fn note_hidden(&self, frame: &Frame, seen: &Observation, report: &mut Report) {
        const APART_M: f64 = 0.07;
        let table = &self.options.table;
        let (half, least) = (
            Vec2::new(table.half_length_m(), table.half_width_m()),
            table.ball.radius_m,
        );
        // All there are: a hand covers balls that count as not shown.
        let balls = || frame.truth.iter().flat_map(|t| &t.balls).map(|b| b.position_m);
        let mut y = least - half.y;
        while y < half.y - least {
            let mut x = least - half.x;
            while x < half.x - least {
                let place = Vec2::new(x, y);
                if balls().all(|ball| ball.distance(place) > APART_M) {
                    let visible = self.table.visible_at(place);
                    report.sight.add(visible, seen.hidden.at(place));
                }
                x += APART_M;
            }
            y += APART_M;
        }
    }

    /// A picture that comes without a camera: balls, noses and pockets.
    fn look_without_calibration(&mut self, report: &mut Report) -> Result<(), Failure> {
        let Some(mut frame) = self.picture()? else {
            return Ok(());
        };
        let known = known_of(&frame, &self.options);
        let (Some(known), Some(camera)) = (known, frame.camera.take()) else {
            return Ok(());
        };
        let seen = Analyser::new(Some(self.options.table.clone())).analyse(&frame);
        let compared = compare(&known, &seen);
        report.note("without calibration", &known, &seen, &compared);
        report.keep_failure(
            &format!("room{}-uncalibrated", self.domain),
            &frame,
            &known,
            &seen,
            &compared,
        );
        let line = &mut report.uncalibrated;
        line.tables += 1;
        if let Some(table) = seen.table {
            line.found += 1;
            line.add(&camera, &self.options.table, &table.corners_px, &table.pockets_px);
        }
        Ok(())
    }

    /// What the tracker makes of a second in which nothing moves.
    fn look_for_a_second(&mut self, report: &mut Report) -> Result<(), Failure> {
        let mut tracker = Tracker::new(&self.options.table);
        let mut states = Vec::with_capacity(SECOND);
        let mut first = None;
        for _ in 0..SECOND {
            let Some(mut frame) = self.picture()? else {
                return Ok(());
            };
            let still = |known: &Known| known.balls.iter().all(|b| !b.moves);
            let Some(known) = known_of(&frame, &self.options).filter(still) else {
                return Ok(());
            };
            first.get_or_insert(known);
            frame.camera = Some(Arc::clone(&self.calibrated));
            states.extend(tracker.update(&self.analyser.analyse(&frame)));
        }
        if let (Some(known), Some(settled)) = (first, states.len().checked_sub(SETTLED)) {
            report
                .resting
                .add(&known, states.get(settled..).unwrap_or_default());
        }
        Ok(())
    }
}

impl Uncalibrated {
    /// Compares corners of the noses' rectangle and pockets as found with where the true camera sees
    /// them: the noses at their height, the holes in the cloth.
    fn add(&mut self, camera: &CameraModel, table: &TableSpec, corners: &[Vec2; 4], pockets: &[Vec2; 6]) {
        let height = table.nose_height_m;
        let half = Vec2::new(table.half_length_m(), table.half_width_m());
        let [tl, tr, br, bl] = corners;
        for (from, to) in [(tl, tr), (tr, br), (br, bl), (bl, tl)] {
            for k in 1..=5 {
                // Away from the corners, where pockets are.
                let place = camera.on_plane(from.lerp(*to, f64::from(k) / 6.0), height);
                self.noses_mm.extend(place.map(|p| {
                    let off = p.abs() - half;
                    1e3 * off.x.abs().min(off.y.abs())
                }));
            }
        }
        let true_pockets = Geometry::of(table).pockets;
        for told in pockets.iter().filter_map(|px| camera.on_plane(*px, 0.0)) {
            let off = true_pockets.iter().map(|p| p.centre.distance(told));
            self.pockets_mm
                .extend(off.min_by(f64::total_cmp).map(|m| 1e3 * m));
        }
    }
}

/// What is learned from one look at the whole set of a room by somebody who knows the balls.
fn balls_of_room(options: &Options) -> Option<HouseSet> {
    let laid_out = Options {
        scene: SceneName::Grid,
        ..options.clone()
    };
    let mut table = VirtualTable::new(&laid_out).ok()?;
    let frame = table.next(Duration::from_secs(1)).ok()??;
    let known = known_of(&frame, options)?;
    let kinds = frame.truth.as_ref()?.balls.iter().map(|ball| ball.kind);
    let seen = Analyser::new(Some(options.table.clone())).analyse(&frame);
    let mut lesson = Lesson::new(options.table.ball_set);
    for (kind, found) in kinds.zip(compare(&known, &seen).found) {
        if let Some(ball) = found.and_then(|s| seen.balls.get(s)) {
            // A ball that shows no colour is not learned; its partner's paint serves.
            lesson.add(kind, &ball.look).unwrap_or_default();
        }
    }
    Some(lesson.set()).filter(|set| set.check().is_ok())
}

/// Share of a ball that must be in sight for it to be looked for.
const IN_SIGHT: f64 = 0.7;

/// What a virtual frame shows, in pixels of its true camera. A ball that somebody or something
/// hides is neither right nor wrong.
fn known_of(frame: &Frame, options: &Options) -> Option<Known> {
    let (truth, camera) = (frame.truth.as_ref()?, frame.camera.as_ref()?);
    let radius_m = options.table.ball.radius_m;
    let cloth = hue_of(options.cloth());
    let (shown, hidden): (Vec<&TrueBall>, Vec<&TrueBall>) =
        truth.balls.iter().partition(|b| b.visible >= IN_SIGHT);
    let place = |ball: &TrueBall| camera.project(ball.position_m.extend(radius_m));
    let balls = shown.into_iter().filter_map(|ball| {
        let paint = hue_of(options.finish.paint_srgb(ball.kind));
        let alike = cloth.zip(paint).is_some_and(|(a, b)| hue_distance(a, b) < 25.0);
        Some(KnownBall {
            center_px: place(ball)?,
            position_m: Some(ball.position_m),
            group: Some(ball.kind.group),
            number: ball.kind.number,
            moves: ball.velocity_m_s.length() > 0.02,
            cloth_coloured: alike,
        })
    });
    Some(Known {
        balls: balls.collect(),
        ignore_px: hidden.into_iter().filter_map(place).collect(),
        radius_m: Some(radius_m),
        ..Known::default()
    })
}

/// Hue in degrees of a colour that has one.
fn hue_of(srgb: [u8; 3]) -> Option<f64> {
    let shade = Shade::of_rgb(srgb.map(|c| f64::from(c) / 255.0));
    (shade.saturation > 0.2 && shade.value > 0.12).then_some(shade.hue_deg)
}
