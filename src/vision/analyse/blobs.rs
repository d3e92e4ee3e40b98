//! From a mask of what is not cloth to places where balls may be.
//!
//! Thin things (cue, lines, rings, shadow edges) are taken away by eroding with a share of the
//! ball's radius; what is left are cores. A core of a ball's size is a ball; a larger one is a
//! cluster of touching balls or an arm, and is searched for circles of the known radius.

use super::bed::Bed;
use super::circles::{circles_around, find_circles};
use super::regions::{Region, Run, connect, runs_of};
use super::working::WorkingPicture;
use crate::units::Vec2;

/// Share of the ball's radius by which regions are eroded.
const EROSION: f64 = 0.45;

/// Share of the ball's radius that a cue is never thick (to either side of its middle).
pub(super) const THICK: f64 = 0.7;

/// A place where a ball may be, working pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) centre: Vec2,
    /// Radius expected there.
    pub(super) radius: f64,
    /// How it was found.
    pub(super) origin: Origin,
}

/// How a candidate was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A region of a ball's size on its own.
    Single,
    /// One of several touching things.
    Cluster,
    /// Part of something that reaches in over a cushion, or is too large to be balls.
    Occluder,
    /// What a cluster is when the balls already found in it are taken out: a ball between others.
    Leftover,
    /// Many places of a rim point to it.
    Rim,
    /// Where it would lie against two others.
    Nest,
    /// Around what a pocket leaves of something in its mouth.
    Mouth,
    /// Around something small that may be the part of a ball that does not look like cloth.
    Fragment,
}

/// A long thin thing: what erosion took away.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thread {
    /// Its pixels.
    pub(super) region: Region,
}

/// What a mask was taken apart into.
#[derive(Clone, Debug, Default)]
pub(super) struct Blobs {
    pub(super) candidates: Vec<Candidate>,
    pub(super) threads: Vec<Thread>,
    /// Cores that reach in over a cushion: arms, sleeves, heads.
    pub(super) occluders: Vec<Region>,
}

impl Blobs {
    /// Whatever lies inside a thing that reaches in has to be more like a ball to be taken for one.
    pub(super) fn demand_more_inside_occluders(&mut self) {
        let candidates = std::mem::take(&mut self.candidates);
        self.candidates = self.with_demands(candidates);
    }

    /// The candidates, those inside of what reaches in marked so.
    pub(super) fn with_demands(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        for candidate in &mut candidates {
            let p = candidate.centre;
            let inside = self.occluders.iter().flat_map(|o| &o.runs).any(|&(y, a, b)| {
                (f64::from(y) + 0.5 - p.y).abs() < 0.5 * candidate.radius
                    && p.x > f64::from(a) - 0.5 * candidate.radius
                    && p.x < f64::from(b) + 0.5 * candidate.radius
            });
            if inside && candidate.origin != Origin::Mouth {
                candidate.origin = Origin::Occluder;
            }
        }
        candidates
    }
}

/// How far the pixels of one region are from its rim.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    distance: Vec<u16>,
    runs: Vec<Run>,
}

/// Chamfer distance 3-4: one straight step counts this much.
const UNIT: f64 = 3.0;

impl Scratch {
    /// Measures the distance of every pixel of `region` to the nearest that is not of it.
    fn measure(&mut self, region: &Region) {
        let window = Window::around(region);
        window.clear(&mut self.distance, 0);
        for &run in &region.runs {
            window.fill(&mut self.distance, run, u16::MAX / 2);
        }
        window.chamfer(&mut self.distance, region);
    }

    /// Cores of a region: its pixels further than `depth` from its rim, connected.
    pub(super) fn cores_of(&mut self, region: &Region, depth: f64) -> Vec<Region> {
        self.measure(region);
        self.cores(region, depth)
    }

    /// Cores of the region measured: its pixels further than `depth` from its rim, connected.
    fn cores(&mut self, region: &Region, depth: f64) -> Vec<Region> {
        let limit = (UNIT * (depth + 0.5)).round() as u16;
        self.deeper(region, limit, 1)
    }

    /// The pixels of the region measured that are further than `limit`, connected.
    fn deeper(&mut self, region: &Region, limit: u16, least: usize) -> Vec<Region> {
        let window = Window::around(region);
        self.runs.clear();
        for &(y, a, b) in &region.runs {
            if let Some(row) = self.distance.get(window.range((y, a, b))) {
                runs_of(row, |d| *d > limit, (y, a), &mut self.runs);
            }
        }
        connect(&self.runs, least)
    }
}

/// A region's bounds with a rim of one pixel, as an array.
struct Window {
    left: u32,
    top: u32,
    w: usize,
    h: usize,
}

impl Window {
    fn around(region: &Region) -> Self {
        let (w, h) = region.size();
        let [left, top, ..] = region.bounds;
        Self {
            left,
            top,
            w: w + 2,
            h: h + 2,
        }
    }

    fn clear(&self, d: &mut Vec<u16>, value: u16) {
        d.clear();
        d.resize(self.w * self.h, value);
    }

    fn range(&self, (y, a, b): Run) -> std::ops::Range<usize> {
        let row = (y + 1 - self.top) as usize * self.w + 1;
        row + (a - self.left) as usize..row + (b - self.left) as usize
    }

    fn fill(&self, d: &mut [u16], run: Run, value: u16) {
        if let Some(row) = d.get_mut(self.range(run)) {
            row.fill(value);
        }
    }

    /// Two-pass chamfer distance of a region's pixels to the nearest 0 of `d`.
    fn chamfer(&self, d: &mut [u16], region: &Region) {
        let w = self.w;
        for &run in &region.runs {
            for i in self.range(run) {
                if d[i] != 0 {
                    d[i] = (d[i - 1] + 3)
                        .min(d[i - w] + 3)
                        .min(d[i - w - 1] + 4)
                        .min(d[i - w + 1] + 4)
                        .min(d[i]);
                }
            }
        }
        for &run in region.runs.iter().rev() {
            for i in self.range(run).rev() {
                if d[i] != 0 {
                    d[i] = (d[i + 1] + 3)
                        .min(d[i + w] + 3)
                        .min(d[i + w + 1] + 4)
                        .min(d[i + w - 1] + 4)
                        .min(d[i]);
                }
            }
        }
    }
}

/// Radius of the balls in metres: the most common size of round regions on the bed. `None` when nothing round is there.
pub(super) fn common_radius(
    found: &[Region],
    bed: &Bed,
    table_length_m: f64,
    scratch: &mut Scratch,
) -> Option<f64> {
    // Shares of the table's length. Only where nothing is as large as a pool ball are there snooker balls (0.0074):
    // a sticker or a spot is as small.
    let pool = common_size(
        found,
        bed,
        [0.0085, 0.03].map(|share| share * table_length_m),
        scratch,
    );
    pool.map(|(radius, _)| radius).or_else(|| {
        let snooker = common_size(
            found,
            bed,
            [0.0065, 0.0085].map(|share| share * table_length_m),
            scratch,
        );
        snooker.filter(|(_, alike)| *alike > 2).map(|(radius, _)| radius)
    })
}

/// The most common size, metres, of round regions on the bed between these two, and how many have it.
fn common_size(
    found: &[Region],
    bed: &Bed,
    [least, most]: [f64; 2],
    scratch: &mut Scratch,
) -> Option<(f64, usize)> {
    let mut sizes: Vec<f64> = Vec::new();
    for region in found {
        let m = region.moments();
        let small = bed.ball_radius(m.centre, least);
        let depth = 0.4 * small;
        scratch.measure(region);
        for core in scratch.cores(region, depth) {
            let m = core.moments();
            let radius = (core.len() as f64 / std::f64::consts::PI).sqrt() + depth;
            let per_metre = bed.ball_radius(m.centre, 1.0);
            let (a, b, _) = m.axes();
            let inside = bed.depth(m.centre) > 0.5 * radius && bed.pocket_distance(m.centre) > 1.9;
            if inside && per_metre > 0.0 && m.compactness(core.len()) > 0.93 && a < 1.4 * b {
                sizes.push(radius / per_metre);
            }
        }
    }
    sizes.retain(|s| (least..=most).contains(s));
    sizes.sort_by(f64::total_cmp);
    // The size with most others within a tenth; the larger of equals (a sticker is smaller).
    let votes = |s: f64| sizes.iter().filter(|o| (**o / s - 1.0).abs() < 0.12).count();
    let best = sizes
        .iter()
        .copied()
        .max_by_key(|s| (votes(*s), (*s * 1e6) as u64))?;
    let mut near: Vec<f64> = sizes
        .iter()
        .copied()
        .filter(|o| (o / best - 1.0).abs() < 0.12)
        .collect();
    near.sort_by(f64::total_cmp);
    Some((*near.get(near.len() / 2)?, near.len()))
}

/// Takes the regions apart. `radius_m`: the balls' radius.
pub(super) fn take_apart(
    found: &[Region],
    picture: &WorkingPicture,
    bed: &Bed,
    radius_m: f64,
    scratch: &mut Scratch,
) -> Blobs {
    let mut blobs = Blobs::default();
    for region in found {
        let m = region.moments();
        let here = bed.ball_radius(clamp_to(bed, m.centre), radius_m).max(2.0);
        let depth = EROSION * here;
        let (w, h) = region.size();
        if (w.max(h) as f64) < here || region.len() < 12 {
            continue;
        }
        let size = region.len() as f64 / (std::f64::consts::PI * here * here);
        let is_small = w.max(h) as f64 <= 3.0 * here;
        if is_small && size > 0.3 && bed.pocket_distance(m.centre) < 1.7 {
            let centres = circles_around(picture, m.centre, bed, radius_m).into_iter();
            blobs.candidates.extend(centres.map(|centre| Candidate {
                centre,
                radius: here,
                origin: Origin::Mouth,
            }));
        }
        scratch.measure(region);
        let parts = scratch.cores(region, depth);
        if !is_small {
            // A cue near the camera survives the erosion that parts balls; this one leaves balls and arms only.
            let depth = THICK * here;
            let thick = scratch.cores(region, depth);
            let thin = threads(region, &thick, depth, here, scratch);
            blobs
                .threads
                .extend(thin.into_iter().map(|region| Thread { region }));
        }
        for core in parts {
            sort_core(core, picture, bed, radius_m, depth, &mut blobs);
        }
    }
    blobs
}

/// Decides what a core is.
fn sort_core(
    core: Region,
    picture: &WorkingPicture,
    bed: &Bed,
    radius_m: f64,
    depth: f64,
    blobs: &mut Blobs,
) {
    let m = core.moments();
    let radius = bed.ball_radius(clamp_to(bed, m.centre), radius_m).max(2.0);
    let expected = std::f64::consts::PI * (radius - depth).max(1.0).powi(2);
    let ratio = core.len() as f64 / expected;
    if ratio < 0.25 {
        return;
    }
    let reaches_out = core.runs.iter().any(|&(y, a, b)| {
        [a, b].iter().any(|x| {
            let p = Vec2::new(f64::from(*x), f64::from(y) + 0.5);
            // Pieces of a pocket's lining are small; an arm may come in over a pocket.
            bed.depth(p) < -0.5 * bed.cushion && (ratio > 6.0 || bed.pocket_distance(p) > 1.6)
        })
    });
    let (long, short, _) = m.axes();
    if long > 4.5 * short && long > 0.9 * radius && short < 0.35 * radius {
        // A cue; it is among the threads.
        return;
    }
    if !reaches_out && ratio < 1.7 && m.compactness(core.len()) > 0.86 {
        if bed.depth(m.centre) > -0.6 * radius {
            blobs.candidates.push(Candidate {
                centre: m.centre,
                radius,
                origin: Origin::Single,
            });
        }
        return;
    }
    // A rack is fifteen balls.
    let reaches_out = reaches_out || ratio > 90.0;
    let origin = if reaches_out {
        Origin::Occluder
    } else {
        Origin::Cluster
    };
    for centre in find_circles(picture, &core, bed, radius_m, depth) {
        let radius = bed.ball_radius(centre, radius_m).max(2.0);
        if bed.depth(centre) > 0.35 * radius {
            blobs.candidates.push(Candidate {
                centre,
                radius,
                origin,
            });
        }
    }
    if reaches_out {
        blobs.occluders.push(core);
    }
}

/// Looks for whole balls around regions that no ball explains: a ball of the cloth's colour shows
/// only its highlights, its number or its stripe. `known`: balls found (centre, radius).
pub(super) fn around_fragments(
    found: &[Region],
    known: &[(Vec2, f64)],
    picture: &WorkingPicture,
    bed: &Bed,
    radius_m: f64,
) -> Vec<Candidate> {
    let mut out: Vec<Candidate> = Vec::new();
    for region in found {
        let m = region.moments();
        let radius = bed.ball_radius(clamp_to(bed, m.centre), radius_m).max(2.0);
        let (w, h) = region.size();
        let explained = known.iter().any(|(c, r)| c.distance(m.centre) < 1.15 * r);
        if explained || (region.len() as f64) < 0.05 * radius * radius || w.max(h) as f64 > 2.6 * radius {
            continue;
        }
        if bed.depth(m.centre) < 0.3 * radius || bed.pocket_distance(m.centre) < 1.3 {
            continue;
        }
        for centre in circles_around(picture, m.centre, bed, radius_m) {
            let near = |c: Vec2| c.distance(centre) < 0.3 * radius;
            if bed.depth(centre) > 0.35 * radius && !out.iter().any(|c| near(c.centre)) {
                out.push(Candidate {
                    centre,
                    radius,
                    origin: Origin::Fragment,
                });
            }
        }
    }
    out
}

/// Outside the bed the size of a ball is taken from the bed's nearest end.
fn clamp_to(bed: &Bed, p: Vec2) -> Vec2 {
    let [l, t, r, b] = bed.window.map(|v| v as f64);
    p.clamp(Vec2::new(l, t), Vec2::new(r.max(l), b.max(t)))
}

/// What is left of a region away from its cores, where long.
fn threads(region: &Region, cores: &[Region], depth: f64, radius: f64, scratch: &mut Scratch) -> Vec<Region> {
    // Distance from the cores, then the region's pixels that lie further away than the erosion took.
    let window = Window::around(region);
    window.clear(&mut scratch.distance, u16::MAX / 2);
    for &run in cores.iter().flat_map(|core| &core.runs) {
        window.fill(&mut scratch.distance, run, 0);
    }
    window.chamfer(&mut scratch.distance, region);
    let limit = (UNIT * (depth + 1.5)) as u16;
    let mut found = scratch.deeper(region, limit, (2.0 * radius) as usize);
    found.retain(|r| r.size().0.max(r.size().1) as f64 > 2.0 * radius);
    found
}
