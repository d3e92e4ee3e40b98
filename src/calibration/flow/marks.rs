//! What is shown on the way, and how it is found again.

use super::super::dots::{self, Patch};
use super::super::fit::Dot;
use super::super::luminance::Luminance;
use super::super::pattern::{Mark, Pattern};
use super::super::{CameraModel, Homography, ProjectorModel};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2};

/// Brightness of dots and crosses.
const BRIGHT: u8 = 255;

/// Dots all over the projector's picture, told apart by when they shine.
#[derive(Debug)]
pub(super) struct Coded {
    size: ImageSize,
    shown_px: Vec<Vec2>,
    radius_px: f64,
    /// The patches seen, with the bits read so far and what the last half bit gave.
    seen: Vec<(Patch, Option<u32>, f64)>,
}

impl Coded {
    const ACROSS: u32 = 17;
    const DOWN: u32 = 9;

    pub(super) fn over(size: ImageSize) -> Self {
        let pitch = Vec2::new(
            f64::from(size.width) / f64::from(Self::ACROSS),
            f64::from(size.height) / f64::from(Self::DOWN),
        );
        let at = |i: u32| {
            let (column, row) = (i % Self::ACROSS, i / Self::ACROSS);
            (Vec2::new(f64::from(column), f64::from(row)) + 0.5) * pitch
        };
        Self {
            size,
            shown_px: (0..Self::ACROSS * Self::DOWN).map(at).collect(),
            radius_px: 0.07 * pitch.min_element(),
            seen: Vec::new(),
        }
    }

    /// Bits of a dot's number.
    pub(super) const fn bits(&self) -> u32 {
        u32::BITS - (Self::ACROSS * Self::DOWN).leading_zeros()
    }

    fn of(&self, shines: impl Fn(u32) -> bool) -> Pattern {
        let marks = (self.shown_px.iter().zip(0..))
            .filter(|(_, i)| shines(*i))
            .map(|(at, _)| Mark::dot(*at, self.radius_px, BRIGHT))
            .collect();
        Pattern {
            size: self.size,
            marks,
        }
    }

    pub(super) fn all(&self) -> Pattern {
        self.of(|_| true)
    }

    /// Those whose number has this bit, or those whose number has it not.
    pub(super) fn with_bit(&self, bit: u32, on: bool) -> Pattern {
        self.of(|i| (i >> bit & 1 == 1) == on)
    }

    /// Finds the patches while all shine.
    pub(super) fn find(&mut self, gain: &Luminance) {
        self.seen = dots::patches(gain)
            .into_iter()
            .map(|p| (p, Some(0), 0.0))
            .collect();
    }

    pub(super) const fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Reads half a bit of every patch; the second half tells.
    pub(super) fn read(&mut self, bit: u32, on: bool, gain: &Luminance) {
        /// One of the two halves must be so much brighter than the other, or it is no dot.
        const CLEARLY: f64 = 2.0;
        for (patch, number, before) in &mut self.seen {
            let radius = (patch.area_px / std::f64::consts::PI).sqrt();
            let light = dots::light_at(gain, patch.centre_px, radius).max(1e-6);
            if on {
                *before = light;
            } else if *before > CLEARLY * light {
                *number = number.map(|n| n | 1 << bit);
            } else if light < CLEARLY * *before {
                *number = None;
            }
        }
    }

    /// The dots that could be told apart.
    pub(super) fn decoded(&self) -> Vec<Dot> {
        let mut times = vec![0_u32; self.shown_px.len()];
        for (_, number, _) in &self.seen {
            if let Some(times) = number.and_then(|n| times.get_mut(n as usize)) {
                *times += 1;
            }
        }
        (self.seen.iter())
            .filter_map(|(patch, number, _)| {
                let number = (*number)? as usize;
                // Seen twice, one is a reflection: nobody knows which.
                (times.get(number) == Some(&1)).then_some(())?;
                Some(Dot {
                    shown_px: *self.shown_px.get(number)?,
                    seen_px: patch.centre_px,
                })
            })
            .collect()
    }
}

/// The pairs that one flat map explains, without those that lie on something else.
pub(super) fn agreeing(pairs: &[(Vec2, Vec2)]) -> Option<Vec<(Vec2, Vec2)>> {
    /// What a lens bends, at most: share of the picture's extent.
    const BENT: f64 = 0.02;
    let extent = pairs.iter().map(|p| p.1.length()).fold(0.0, f64::max);
    let mut kept = pairs.to_vec();
    for _ in 0..8 {
        let map = Homography::fit(&kept)?;
        let off = |pair: &(Vec2, Vec2)| map.apply(pair.0).map_or(f64::MAX, |p| p.distance(pair.1));
        let mut offs: Vec<f64> = kept.iter().map(off).collect();
        offs.sort_by(f64::total_cmp);
        let allowed = (3.0 * offs.get(offs.len() / 2)?).max(BENT * extent);
        let before = kept.len();
        kept.retain(|pair| off(pair) <= allowed);
        if kept.len() == before {
            break;
        }
    }
    (kept.len() >= super::FEWEST_DOTS).then_some(kept)
}

/// A grid of dots on the table.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// Place on the cloth, pixel in the projector's picture, radius there.
    dots: Vec<(Vec2, Vec2, f64)>,
    pitch_m: f64,
}

impl Grid {
    const PITCH_M: f64 = 0.16;
    /// Room to the noses: light that falls in aslant is kept off by them.
    const EDGE_M: f64 = 0.07;
    const RADIUS_M: f64 = 0.007;

    /// The grid as far as the projector reaches, and which share that is.
    pub(super) fn on(table: &TableSpec, projector: &ProjectorModel, balls: &[Vec2]) -> (Self, f64) {
        let half = Vec2::new(table.half_length_m(), table.half_width_m()) - Self::EDGE_M;
        let count = |half: f64| (2.0 * half / Self::PITCH_M).round().max(2.0) as u32;
        let (columns, rows) = (count(half.x), count(half.y));
        let (mut dots, mut reached) = (Vec::new(), 0.0);
        for i in 0..=columns {
            for j in 0..=rows {
                let share = Vec2::new(f64::from(i) / f64::from(columns), f64::from(j) / f64::from(rows));
                let place = half * (2.0 * share - 1.0);
                if let Some((pixel, radius)) = dot_px(projector, place, Self::RADIUS_M) {
                    reached += 1.0;
                    if is_clear(place, balls, Self::RADIUS_M) {
                        dots.push((place, pixel, radius));
                    }
                }
            }
        }
        let reach = reached / f64::from((columns + 1) * (rows + 1));
        let pitch_m = (2.0 * half / Vec2::new(f64::from(columns), f64::from(rows))).min_element();
        (Self { dots, pitch_m }, reach)
    }

    pub(super) const fn len(&self) -> usize {
        self.dots.len()
    }

    pub(super) fn pattern(&self, size: ImageSize) -> Pattern {
        let marks = self
            .dots
            .iter()
            .map(|(_, at, radius)| Mark::dot(*at, *radius, BRIGHT));
        Pattern {
            size,
            marks: marks.collect(),
        }
    }

    /// The dots that are seen near where they must be.
    pub(super) fn find(&self, gain: &Luminance, camera: &CameraModel) -> Vec<Dot> {
        let patches = dots::patches(gain);
        (self.dots.iter())
            .filter_map(|(place, shown_px, _)| {
                let patch = only_near(&patches, camera, *place, 0.4 * self.pitch_m)?;
                Some(Dot {
                    shown_px: *shown_px,
                    seen_px: patch.centre_px,
                })
            })
            .collect()
    }
}

/// The patch that is seen within a distance of a place of the cloth; of two, one is something else, and nobody knows which.
fn only_near<'a>(patches: &'a [Patch], camera: &CameraModel, place: Vec2, reach_m: f64) -> Option<&'a Patch> {
    let expected = camera.project(place.extend(0.0))?;
    let reach_px = expected.distance(camera.project((place + Vec2::new(reach_m, 0.0)).extend(0.0))?);
    let mut near = patches
        .iter()
        .filter(|p| p.centre_px.distance(expected) < reach_px);
    near.next().filter(|_| near.next().is_none())
}

/// True where no ball is lit by, or casts its shadow on, what has this radius there.
pub(in crate::calibration) fn is_clear(place: Vec2, balls: &[Vec2], radius_m: f64) -> bool {
    /// A ball and its shadow, however the light falls in.
    const REACH_M: f64 = 0.07;
    balls.iter().all(|ball| ball.distance(place) > REACH_M + radius_m)
}

/// Middle and radius in the projector's picture of a dot on the cloth; `None` where it is not wholly in it.
pub(in crate::calibration) fn dot_px(
    projector: &ProjectorModel,
    place: Vec2,
    radius_m: f64,
) -> Option<(Vec2, f64)> {
    let pixel = projector.pixel(place.extend(0.0))?;
    let across = projector.pixel((place + Vec2::new(radius_m, 0.0)).extend(0.0))?;
    let radius = pixel.distance(across).max(2.0);
    let margin = Vec2::splat(radius + 1.0);
    (projector.shows(pixel - margin) && projector.shows(pixel + margin)).then_some((pixel, radius))
}

/// Crosses between the grid's dots, to check by.
#[derive(Debug)]
pub(super) struct Crosses {
    /// Place on the cloth and the four ends of the two bars in the projector's picture.
    crosses: Vec<(Vec2, [Vec2; 4], f64)>,
}

impl Crosses {
    const COLUMNS: u32 = 6;
    const ROWS: u32 = 4;
    const EDGE_M: f64 = 0.10;
    /// Length of an arm and half its width, metres.
    const ARM_M: f64 = 0.02;
    const HALF_M: f64 = 0.003;

    pub(super) fn of(table: &TableSpec, projector: &ProjectorModel, balls: &[Vec2]) -> Self {
        let half = Vec2::new(table.half_length_m(), table.half_width_m()) - Self::EDGE_M;
        let mut crosses = Vec::new();
        for i in 0..Self::COLUMNS {
            for j in 0..Self::ROWS {
                let share = Vec2::new(
                    f64::from(i) / f64::from(Self::COLUMNS - 1),
                    f64::from(j) / f64::from(Self::ROWS - 1),
                );
                let place = half * (2.0 * share - 1.0);
                if !is_clear(place, balls, Self::ARM_M) {
                    continue;
                }
                let arms = [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y].map(|arm| {
                    let end = (place + arm * Self::ARM_M).extend(0.0);
                    projector.pixel(end).filter(|p| projector.shows(*p))
                });
                if let ([Some(a), Some(b), Some(c), Some(d)], Some((_, radius))) =
                    (arms, dot_px(projector, place, Self::HALF_M))
                {
                    crosses.push((place, [a, b, c, d], radius.max(1.0)));
                }
            }
        }
        Self { crosses }
    }

    pub(super) const fn len(&self) -> usize {
        self.crosses.len()
    }

    pub(super) fn pattern(&self, size: ImageSize) -> Pattern {
        let bars = self.crosses.iter().flat_map(|(_, [a, b, c, d], half_px)| {
            [(*a, *b), (*c, *d)].map(|(from_px, to_px)| Mark {
                from_px,
                to_px,
                half_px: *half_px,
                colour: [BRIGHT; 3],
            })
        });
        Pattern {
            size,
            marks: bars.collect(),
        }
    }

    /// Where each was meant and where it is seen, metres; those that are not seen are left out.
    pub(super) fn find(&self, gain: &Luminance, camera: &CameraModel) -> Vec<(Vec2, Vec2)> {
        let patches = dots::patches(gain);
        (self.crosses.iter())
            .filter_map(|(place, ..)| {
                let patch = only_near(&patches, camera, *place, 2.0 * Self::ARM_M)?;
                let seen = camera.on_plane(patch.centre_px, 0.0)?;
                Some((*place, seen))
            })
            .collect()
    }
}
