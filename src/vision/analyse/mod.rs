//! One frame in, one observation out.
//!
//! [`working`] shrinks the frame, or shows its table from straight above ([`grid`]), [`cloth`] learns what
//! cloth looks like, [`table_finder`] and [`pose`] find the table where no calibration came with the frame,
//! [`bed`] says where balls can lie, [`blobs`] and [`circles`] find them, [`localise`] measures them in the
//! full frame, [`judge`] tells balls from what only looks like one, [`streak`] puts fast ones where they were,
//! [`identity`] names them, [`cue`] finds the cue, [`shaft`] measures it.

pub(in crate::vision) mod assignment;
mod bed;
mod blobs;
mod circles;
mod clock;
mod cloth;
mod cue;
mod cues_measured;
mod faint;
mod grid;
mod identity;
mod judge;
mod line;
mod lit;
mod localise;
mod nests;
mod patch;
mod pockets;
mod pose;
mod regions;
#[cfg(test)]
mod sampler;
#[cfg(test)]
mod scene;
mod shaft;
mod streak;
mod table_finder;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_virtual;
mod view;
mod working;

use std::time::{Duration, Instant};

use bed::Bed;
use blobs::{Blobs, Candidate, Origin, Scratch};
use clock::Clock;
use cloth::{ClothColour, ClothField, ShadowRule};
use cue::CueFound;
use cues_measured::CuesMeasured;
use faint::Rims;
use grid::Flat;
use identity::Identity;
use judge::{Disc, Judge, Measured};
use localise::{Start, Surroundings};
use patch::Patch;
use regions::Region;
use table_finder::TableOutline;
use view::{View, model_for};
use working::WorkingPicture;

use crate::calibration::CameraModel;
use crate::table::{BallSet, TableSpec};
use crate::units::{ImageSize, Vec2};
use crate::vision::frame::Frame;
use crate::vision::hidden::Hidden;
use crate::vision::house_set::{FollowedSet, HouseSet};
use crate::vision::observation::{BallSeen, Observation};

/// Finds table, balls and cue in a frame. Holds what it learned from earlier frames of
/// the same source (cloth colour, table place, scratch buffers).
#[derive(Debug, Default)]
pub struct Analyser {
    table: Option<TableSpec>,
    picture: WorkingPicture,
    field: ClothField,
    /// The cloth's colour as it was learned last.
    cloth_srgb: Option<[u8; 3]>,
    /// What is not cloth, shadows left out.
    mask: Vec<u8>,
    /// Another mask, for a while: without the balls already found, or with deep shadows.
    peeled: Vec<u8>,
    scratch: Scratch,
    patch: Patch,
    rims: Rims,
    calibrated: Option<Calibrated>,
    /// The table's outline as it was found last in pictures of this size, where nobody calibrated.
    outline: Option<(ImageSize, TableOutline)>,
    house: Option<FollowedSet>,
    /// When a whole set was last looked for: a frame's time.
    last_rack: Option<Instant>,
    cues: CuesMeasured,
}

/// What follows from a calibration and stays as long as it does.
#[derive(Debug)]
struct Calibrated {
    camera: CameraModel,
    image: ImageSize,
    view: View,
    colour: Option<ClothColour>,
    /// When the cloth's colour was last looked for: a frame's time.
    learned: Option<Instant>,
}

/// Time between two looks at the cloth's colour, and at whole sets for the balls' colours: both change as
/// slowly as daylight does, but whoever leaned over the table at the last look is gone.
const CLOTH_PERIOD: Duration = Duration::from_secs(1);

/// True where the last look is a period ago, or, as in a video that starts again, still to come.
fn is_due(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now < last || now - last >= CLOTH_PERIOD)
}

/// Most rims that are measured in a frame.
const MOST_RIMS: usize = 12;

/// Balls as clear as this tell where another would lie against them; rims among others are drawn aside unless they are clearer.
const BESIDE: f64 = 0.5;
const BESIDE_RIM: f64 = 0.8;

/// Times the balls' size is corrected by their outlines at most.
const ROUNDS: u32 = 4;

impl Analyser {
    /// An analyser that knows which table it looks at, or `None` to find out.
    #[must_use]
    pub fn new(table: Option<TableSpec>) -> Self {
        Self {
            table,
            ..Self::default()
        }
    }

    /// Names balls by the colours they have in this house; where it knows no better, by the usual ones.
    #[must_use]
    pub fn with_house_set(mut self, set: Option<HouseSet>) -> Self {
        self.house = set.map(FollowedSet::new);
        self
    }

    /// Forgets everything learned from earlier frames.
    pub fn reset(&mut self) {
        let taught = self.house.take().map(FollowedSet::into_taught);
        *self = Self::new(self.table.take()).with_house_set(taught);
    }

    /// Looks at one frame.
    pub fn analyse(&mut self, frame: &Frame) -> Observation {
        let mut clock = Clock::new();
        let mut observation = Observation {
            sequence: frame.sequence,
            captured: frame.captured,
            image: frame.size,
            table: None,
            balls: Vec::new(),
            cues: Vec::new(),
            hidden: Hidden::default(),
            timing_ms: Vec::new(),
            warnings: Vec::new(),
            cloth_srgb: None,
        };
        let view = match frame.camera.as_deref().filter(|c| c.lens.image == frame.size) {
            Some(camera) => self.calibrated_view(frame, camera, &mut clock),
            None => self.find_view(frame, &mut clock),
        };
        match view {
            Ok(view) => {
                observation.cloth_srgb = self.cloth_srgb;
                self.look(frame, view, &mut observation, &mut clock);
            }
            Err(why) => observation.warnings.push(why.to_owned()),
        }
        observation.timing_ms = clock.finish();
        observation
    }

    /// The table where the calibration says it is.
    fn calibrated_view(
        &mut self,
        frame: &Frame,
        camera: &CameraModel,
        clock: &mut Clock,
    ) -> Result<View, &'static str> {
        let known = self
            .calibrated
            .take()
            .filter(|c| c.camera == *camera && c.image == frame.size);
        let mut known = match known {
            Some(known) => known,
            None => {
                const NOT_SEEN: &str = "the calibrated camera does not see the table";
                let spec = self.table.clone().unwrap_or_else(TableSpec::pool_9ft);
                let flat = Flat::new(camera, &spec).ok_or(NOT_SEEN)?;
                self.picture.lay_flat(flat, frame.size);
                let view = View::of_camera(&self.picture, camera, &spec, spec.ball.radius_m, 1.0, true)
                    .ok_or(NOT_SEEN)?;
                Calibrated {
                    camera: *camera,
                    image: frame.size,
                    view,
                    colour: None,
                    learned: None,
                }
            }
        };
        self.picture.sample(frame);
        clock.lap("sample");
        if known.colour.is_none() || is_due(known.learned, frame.captured) {
            known.learned = Some(frame.captured);
            if let Some(colour) = ClothColour::learn(&self.picture) {
                let bed = &known.view.bed;
                self.field
                    .learn(&self.picture, &colour, &bed.nose_spans, 0.05 * bed.length);
                self.cloth_srgb = Some(colour.srgb());
                known.colour = Some(colour);
            }
            clock.lap("cloth");
        }
        let view = known.view.clone();
        let result = if known.colour.is_some() {
            Ok(view)
        } else {
            Err("no cloth to be seen where the calibration says the table is; too dark?")
        };
        self.calibrated = Some(known);
        result
    }

    /// The table where the picture shows it.
    fn find_view(&mut self, frame: &Frame, clock: &mut Clock) -> Result<View, &'static str> {
        self.calibrated = None;
        self.picture.shrink(frame);
        clock.lap("sample");
        let colour = ClothColour::learn(&self.picture)
            .ok_or("no table found: the picture is too dark, too small or without any colour")?;
        self.cloth_srgb = Some(colour.srgb());
        // Without a hint: a nine-foot table, whose shape all pool tables share; its size is
        // corrected below by the size of the balls.
        let first = self.table.clone().unwrap_or_else(TableSpec::pool_9ft);
        let camera = |outline: &TableOutline| View::camera_of(&self.picture, frame.size, outline, &first);
        let oddness = |outline: &TableOutline| camera(outline).map_or(f64::MAX, |fitted| fitted.oddness);
        let outline = TableOutline::find(&self.picture, &colour, oddness).ok_or(
            "no table found: nothing four-sided of one colour stands out; show the whole table, from above",
        )?;
        let earlier = self.outline.take().filter(|(size, _)| *size == frame.size);
        let outline = match &earlier {
            Some((_, earlier)) => outline.after(earlier),
            None => outline,
        };
        self.outline = Some((frame.size, outline.clone()));
        clock.lap("table");
        let fitted_view = |picture: &WorkingPicture, spec: &TableSpec, radius_m: f64| {
            View::of_outline(picture, frame.size, &outline, spec, radius_m, &colour)
        };
        let mut view = fitted_view(&self.picture, &first, first.ball.radius_m)
            .ok_or("no table found: what looks like one can't be a table, from wherever it is seen")?;
        self.field.learn(
            &self.picture,
            &colour,
            &view.bed.nose_spans,
            0.05 * view.bed.length,
        );
        clock.lap("cloth");
        self.mark_foreground(&view.bed);
        let found = regions::regions(&self.mask, self.picture.w, view.bed.window, 12);
        let radius = blobs::common_radius(&found, &view.bed, first.length_m, &mut self.scratch);
        if let Some(radius) = radius {
            let spec = self
                .table
                .clone()
                .unwrap_or_else(|| model_for(radius / first.length_m));
            let radius_m = radius * spec.length_m / first.length_m;
            view = if spec.name == first.name {
                View { radius_m, ..view }
            } else {
                fitted_view(&self.picture, &spec, radius_m).unwrap_or(View { radius_m, ..view })
            };
        }
        clock.lap("scale");
        Ok(view)
    }

    /// Marks what is not cloth, pockets left out.
    fn mark_foreground(&mut self, bed: &Bed) {
        let (noses, cloth) = (&bed.nose_spans, &bed.cloth_spans);
        self.field
            .foreground(&self.picture, noses, cloth, ShadowRule::Tolerant, &mut self.mask);
        bed.clear_pockets(&mut self.mask, self.picture.w);
    }

    /// What is not cloth and no more than a faint shadow, pockets left out.
    fn strict_regions(&mut self, frame: &Frame, view: &View) -> Vec<Region> {
        let bed = &view.bed;
        let (noses, cloth) = (&bed.nose_spans, &bed.cloth_spans);
        self.field
            .foreground(&self.picture, noses, cloth, ShadowRule::Strict, &mut self.peeled);
        let mut peeled = std::mem::take(&mut self.peeled);
        self.clear_lit(frame, &view.seen.camera, &mut peeled);
        self.peeled = peeled;
        bed.clear_pockets(&mut self.peeled, self.picture.w);
        regions::regions(&self.peeled, self.picture.w, bed.window, 12)
    }

    /// Takes what the projector lights out of a mask.
    fn clear_lit(&self, frame: &Frame, camera: &CameraModel, mask: &mut [u8]) {
        if let Some(light) = &frame.light {
            lit::clear_lit(light, camera, &self.picture, &self.field, mask);
        }
    }

    /// Finds everything on the table of `view`.
    fn look(&mut self, frame: &Frame, mut view: View, observation: &mut Observation, clock: &mut Clock) {
        self.mark_foreground(&view.bed);
        let mut mask = std::mem::take(&mut self.mask);
        self.clear_lit(frame, &view.seen.camera, &mut mask);
        self.mask = mask;
        clock.lap("foreground");
        let (w, window) = (self.picture.w, view.bed.window);
        let mut found = regions::regions(&self.mask, w, window, 12);
        // The number on a ball and the lamps in its lacquer can look like cloth.
        let [l, t, r, b] = window.map(|v| v as f64);
        let middle = Vec2::new(0.5 * (l + r), 0.5 * (t + b));
        let largest = (1.2 * view.bed.ball_radius(middle, view.radius_m).powi(2)) as usize;
        for region in &mut found {
            regions::fill_holes(region, &mut self.mask, w, largest);
        }
        clock.lap("regions");
        let (mut balls, cues) = if view.calibrated {
            self.find_of_known_size(frame, &view, &found, clock)
        } else {
            self.find_of_any_size(frame, &mut view, &found, clock)
        };
        let judge = self.judge(&view);
        judge.settle(&mut balls);
        judge.drop_parts(&mut balls);
        judge.join_streaks(&mut balls, &found);
        self.name_balls(frame, &view, &balls, observation);
        clock.lap("identity");
        observation.hidden = self.hidden(&found, &balls, &view);
        clock.lap("hidden");
        let grid = self.picture.grid;
        let discs: Vec<Disc> = balls.iter().map(|b| b.disc).collect();
        observation.cues = self.cues.measure(frame, &cues, &discs, grid, &view);
        clock.lap("cue");
        observation.table = Some(view.seen);
    }

    /// Balls and cues where the camera is calibrated: every ball has its known outline.
    fn find_of_known_size(
        &mut self,
        frame: &Frame,
        view: &View,
        found: &[Region],
        clock: &mut Clock,
    ) -> (Vec<Measured>, Vec<CueFound>) {
        let mut blobs = self.take_apart(found, view);
        blobs.demand_more_inside_occluders();
        clock.lap("blobs");
        let cues = self.find_cues(&blobs, view);
        clock.lap("cue");
        let mut balls = self.measure(frame, view, &blobs.candidates, &[]);
        self.judge(view).settle(&mut balls);
        clock.lap("localise");
        let faint = self.find_rims(view, &balls, &cues);
        clock.lap("rims");
        let added = self.measure(frame, view, &blobs.with_demands(faint), &balls);
        balls.extend(added);
        let between = self.between_balls(&balls, view, found);
        let added = self.measure(frame, view, &blobs.with_demands(between), &balls);
        balls.extend(added);
        let sure = |ball: &&Measured| match ball.origin {
            Origin::Rim => ball.confidence > BESIDE_RIM,
            _ => ball.confidence > BESIDE,
        };
        // What is found in one nest can make another.
        let mut nests: Vec<Candidate> = Vec::new();
        for _ in 0..2 {
            let surely: Vec<Disc> = balls.iter().filter(sure).map(|b| b.disc).collect();
            let more = nests::nests(&surely, &nests);
            let added = self.measure(frame, view, &blobs.with_demands(more.clone()), &balls);
            nests.extend(more);
            if added.is_empty() {
                break;
            }
            balls.extend(added);
        }
        clock.lap("localise");
        (balls, cues)
    }

    /// Places where many edges point to one centre, as they do on balls of the cloth's colour.
    fn find_rims(&mut self, view: &View, balls: &[Measured], cues: &[CueFound]) -> Vec<Candidate> {
        // What is surely a ball has no other within a diameter; what is not may lie a little off.
        let room = |ball: &Measured| {
            let share = if ball.confidence > 0.7 { 1.5 } else { 0.3 };
            (ball.disc.centre, share * ball.disc.radius)
        };
        let known: Vec<(Vec2, f64)> = balls.iter().map(room).collect();
        let mut faint = self.rims.find(&self.picture, &view.bed, view.radius_m, &known);
        let judge = self.judge(view);
        faint.retain(|c| {
            let on_cue = cues.iter().any(|cue| cue.distance(c.centre) < 0.9 * c.radius);
            !on_cue && judge.looks_like_paint(c.centre, c.radius)
        });
        faint.truncate(MOST_RIMS);
        faint
    }

    /// Balls and cues in a picture that nobody calibrated; corrects the balls' size by their outlines.
    fn find_of_any_size(
        &mut self,
        frame: &Frame,
        view: &mut View,
        found: &[Region],
        clock: &mut Clock,
    ) -> (Vec<Measured>, Vec<CueFound>) {
        let strict = self.strict_regions(frame, view);
        let mut round = 0;
        loop {
            round += 1;
            let mut blobs = self.take_apart(found, view);
            let other = self.take_apart(&strict, view);
            blobs.occluders.extend(other.occluders);
            blobs.demand_more_inside_occluders();
            clock.lap("blobs");
            let mut balls = self.measure(frame, view, &blobs.candidates, &[]);
            self.judge(view).settle(&mut balls);
            // What the strict mask adds, and then what both leave unexplained.
            let added = self.measure(frame, view, &blobs.with_demands(other.candidates), &balls);
            balls.extend(added);
            self.judge(view).settle(&mut balls);
            let known: Vec<(Vec2, f64)> = balls.iter().map(|b| (b.disc.centre, b.disc.radius)).collect();
            let more = blobs::around_fragments(&strict, &known, &self.picture, &view.bed, view.radius_m);
            let added = self.measure(frame, view, &more, &balls);
            balls.extend(added);
            let between = self.between_balls(&balls, view, found);
            let added = self.measure(frame, view, &blobs.with_demands(between), &balls);
            balls.extend(added);
            clock.lap("localise");
            // The first size came from areas; outlines know it better.
            match judge::size_gain(&balls, view).filter(|g| round < ROUNDS && (g - 1.0).abs() > 0.025) {
                // Outlines are drawn a little toward the supposed size, so go further than they say.
                Some(gain) => view.radius_m *= gain.powf(1.5),
                None => {
                    let cues = self.find_cues(&blobs, view);
                    clock.lap("cue");
                    let faint = self.find_rims(view, &balls, &cues);
                    let added = self.measure(frame, view, &blobs.with_demands(faint), &balls);
                    balls.extend(added);
                    clock.lap("rims");
                    return (balls, cues);
                }
            }
        }
    }

    fn take_apart(&mut self, found: &[Region], view: &View) -> Blobs {
        blobs::take_apart(found, &self.picture, &view.bed, view.radius_m, &mut self.scratch)
    }

    fn find_cues(&self, blobs: &Blobs, view: &View) -> Vec<CueFound> {
        cue::find_cues(
            &blobs.threads,
            &blobs.occluders,
            &self.picture,
            &view.bed,
            view.radius_m,
        )
    }

    fn judge<'a>(&'a self, view: &'a View) -> Judge<'a> {
        Judge {
            picture: &self.picture,
            field: &self.field,
            mask: &self.mask,
            view,
        }
    }

    /// Fits an outline to each candidate and keeps those that are balls.
    /// Leaves out candidates where one of `known` lies already, clearly seen.
    fn measure(
        &mut self,
        frame: &Frame,
        view: &View,
        candidates: &[Candidate],
        known: &[Measured],
    ) -> Vec<Measured> {
        let grid = self.picture.grid;
        let mut patch = std::mem::take(&mut self.patch);
        let around = Surroundings {
            frame,
            field: &self.field,
            grid,
            camera: &view.seen.camera,
            radius_m: view.radius_m,
            size_known: view.calibrated,
        };
        let judge = self.judge(view);
        let mut balls: Vec<Measured> = Vec::new();
        for candidate in candidates {
            let centre = grid.in_frame(candidate.centre);
            let radius = grid.frame_length(candidate.centre, candidate.radius);
            let there = |k: &Measured| k.confidence > 0.8 && k.outline.centre.distance(centre) < 0.5 * radius;
            if known.iter().any(there) {
                continue;
            }
            let touches = |c: &Vec2| (1.6..2.6).contains(&(c.distance(candidate.centre) / candidate.radius));
            // What lies in a pocket's mouth is rarely a ball.
            let likely = |c: &&Candidate| c.origin != Origin::Mouth;
            let others = candidates
                .iter()
                .filter(likely)
                .map(|c| c.centre)
                .chain(known.iter().map(|k| k.disc.centre));
            let beside: Vec<Vec2> = others.filter(touches).map(|c| grid.in_frame(c)).collect();
            // Of known size, touching balls are told apart to a pixel too.
            let start = match candidate.origin {
                Origin::Nest => Start::Held,
                Origin::Single => Start::Near,
                Origin::Cluster if view.calibrated => Start::Near,
                _ => Start::Rough,
            };
            let outline = localise::fit_outline(&around, &mut patch, centre, radius, start, &beside);
            balls.extend(outline.and_then(|outline| judge.judge(candidate, outline)));
        }
        self.patch = patch;
        balls
    }

    /// Balls of a cluster that are told from it only once the others are taken out of it.
    fn between_balls(&mut self, balls: &[Measured], view: &View, found: &[Region]) -> Vec<Candidate> {
        let w = self.picture.w;
        let clustered = found.iter().any(|region| {
            let middle = region.moments().centre;
            let radius = view.bed.ball_radius(middle, view.radius_m).max(2.0);
            region.len() as f64 > 1.6 * std::f64::consts::PI * radius * radius
        });
        if !clustered {
            return Vec::new();
        }
        self.peeled.clone_from(&self.mask);
        balls.iter().for_each(|b| erase(&mut self.peeled, w, b.disc));
        let left = regions::regions(&self.peeled, w, view.bed.window, 12);
        let apart = blobs::take_apart(&left, &self.picture, &view.bed, view.radius_m, &mut self.scratch);
        let whole = |c: &Candidate| !matches!(c.origin, Origin::Occluder | Origin::Mouth);
        apart
            .candidates
            .into_iter()
            .filter(whole)
            .map(|c| Candidate {
                origin: Origin::Leftover,
                ..c
            })
            .collect()
    }

    /// What of the bed is covered by something, thicker than a cue, that no balls explain.
    fn hidden(&mut self, found: &[Region], balls: &[Measured], view: &View) -> Hidden {
        let w = self.picture.w;
        let radius_at = |p: Vec2| view.bed.ball_radius(p, view.radius_m).max(2.0);
        let mut cores: Vec<Region> = Vec::new();
        for region in found {
            let radius = radius_at(region.moments().centre);
            let unexplained = radius * radius;
            let inside = || balls.iter().map(|b| b.disc).filter(|d| region.contains(d.centre));
            let explained: f64 = inside().map(Disc::area).sum();
            if (region.len() as f64) < explained + unexplained {
                continue;
            }
            // What is left of the region without its balls, and without what is as thin as cues are.
            self.peeled.clear();
            self.peeled.resize(self.mask.len(), 0);
            fill(&mut self.peeled, w, region);
            inside().for_each(|d| erase(&mut self.peeled, w, d.scaled(1.2)));
            let bounds = region.bounds.map(|v| v as usize);
            for part in regions::regions(&self.peeled, w, bounds, unexplained as usize) {
                cores.extend(self.scratch.cores_of(&part, blobs::THICK * radius));
            }
        }
        if cores.is_empty() {
            return Hidden::default();
        }
        self.peeled.fill(0);
        cores.iter().for_each(|core| fill(&mut self.peeled, w, core));
        let (grid, camera) = (self.picture.grid, &view.seen.camera);
        Hidden::of(view.half_m, |place| {
            let p = grid.of_place(place, view.radius_m, camera);
            // A cover reaches beyond its core by what was taken off to leave out cues.
            let depth = blobs::THICK * radius_at(p);
            let around = [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y];
            let near = [0.0, 0.5, 1.0]
                .into_iter()
                .flat_map(|far| around.map(|d| p + d * (far * depth)));
            self.picture.contains(p) && near.into_iter().any(|p| self.picture.is_marked(&self.peeled, p))
        })
    }

    fn name_balls(&mut self, frame: &Frame, view: &View, balls: &[Measured], observation: &mut Observation) {
        let cloth_at = |p: Vec2| self.field.around(self.picture.grid.on_grid(p));
        let light = |p: Vec2| f64::from(cloth_at(p).brightness);
        let mut levels: Vec<f64> = balls
            .iter()
            .map(|b| light(b.outline.centre))
            .filter(|l| *l > 1.0)
            .collect();
        levels.sort_by(f64::total_cmp);
        let usual = levels.get(levels.len() / 2).copied().unwrap_or(1.0);
        let subjects: Vec<identity::Subject> = balls
            .iter()
            .map(|b| b.outline)
            .map(|o| identity::Subject {
                centre: o.centre,
                radius: o.radius,
                light: if light(o.centre) > 1.0 {
                    light(o.centre) / usual
                } else {
                    1.0
                },
            })
            .collect();
        let set = self
            .table
            .as_ref()
            .map(|t| t.ball_set)
            .filter(|s| *s != BallSet::Pool);
        // The cloth's own colour around the balls: what a pale ball reflects on its underside.
        let mut cloth = [0.0; 3];
        let level = 1.0 / balls.len().max(1) as f64;
        for ball in balls {
            let local = cloth_at(ball.outline.centre);
            let (r, b) = (
                f64::from(local.red * local.brightness),
                f64::from(local.blue * local.brightness),
            );
            let g = (4.0 * f64::from(local.brightness) - r - b) / 2.0;
            for (sum, c) in cloth.iter_mut().zip([r, g, b]) {
                *sum += c * level;
            }
        }
        let house = self.house.as_ref().map(FollowedSet::now);
        let named = identity::identify(frame, &subjects, set, cloth, house);
        self.learn_from_rack(frame.captured, &named);
        let camera = &view.seen.camera;
        for (ball, named) in balls.iter().zip(named) {
            let outline = &ball.outline;
            let position_m = camera.on_plane(outline.centre, view.radius_m);
            // How the place follows the centre: a pixel to the right, a pixel down.
            let moved = |step: Vec2| {
                let to = camera.on_plane(outline.centre + step, view.radius_m);
                position_m.zip(to).map_or(Vec2::ZERO, |(from, to)| to - from)
            };
            observation.balls.push(BallSeen {
                center_px: outline.centre,
                radius_px: outline.radius,
                position_m,
                covariance_m2: outline.covariance.mapped(moved(Vec2::X), moved(Vec2::Y)),
                kind: named.kind,
                confidence: ball.confidence.clamp(0.0, 1.0),
                group_confidence: named.group_confidence,
                odds: named.odds,
                look: named.look,
            });
        }
        observation
            .balls
            .sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    }

    /// A whole set that lies there, all named beyond doubt, shows what the light makes of its colours now.
    fn learn_from_rack(&mut self, now: Instant, named: &[Identity]) {
        const SURE: f64 = 0.9;
        let Some(house) = &mut self.house else { return };
        if !is_due(self.last_rack, now) {
            return;
        }
        self.last_rack = Some(now);
        let sure = named.iter().filter(|n| n.confidence >= SURE);
        let rack: Vec<_> = sure.map(|n| (n.kind, n.look)).collect();
        house.follow(&rack);
    }
}

/// Clears a disc in a mask `w` wide.
fn erase(mask: &mut [u8], w: usize, disc: Disc) {
    for (y, columns) in disc.rows(w) {
        if let Some(row) = mask.get_mut(y * w + columns.start..y * w + columns.end) {
            row.fill(0);
        }
    }
}

/// Marks the pixels of a region in a mask `w` wide.
fn fill(mask: &mut [u8], w: usize, region: &Region) {
    for &(y, a, b) in &region.runs {
        let row = y as usize * w;
        if let Some(run) = mask.get_mut(row + a as usize..row + b as usize) {
            run.fill(1);
        }
    }
}
