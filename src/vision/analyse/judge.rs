//! Which outlines are balls, and which are shadows or pieces of something else.

use super::blobs::{Candidate, Origin};
use super::cloth::{ClothField, NOISE_FLOOR};
use super::identity::{self, SAMPLES};
use super::localise::Outline;
use super::view::View;
use super::working::WorkingPicture;
use crate::units::{Vec2, unit};

/// An outline that may be a ball's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) outline: Outline,
    /// How much speaks for a ball, 0..1.
    pub(super) confidence: f64,
    /// How it was found.
    pub(super) origin: Origin,
    /// The same outline on the working picture.
    pub(super) disc: Disc,
}

/// A circle on the working picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disc {
    pub(super) centre: Vec2,
    pub(super) radius: f64,
}

impl Disc {
    /// The same place, `share` times as wide.
    pub(super) fn scaled(self, share: f64) -> Self {
        Self {
            radius: share * self.radius,
            ..self
        }
    }

    pub(super) fn area(self) -> f64 {
        std::f64::consts::PI * self.radius * self.radius
    }

    /// Rows, each with its first column and one past the last, on a picture `w` pixels wide.
    pub(super) fn rows(self, w: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        let Self { centre, radius } = self;
        let first = (centre.y - radius).max(0.0) as usize;
        let last = (centre.y + radius).max(0.0) as usize;
        (first..=last).map(move |y| {
            let dy = y as f64 + 0.5 - centre.y;
            let half = (radius * radius - dy * dy).max(0.0).sqrt();
            let from = ((centre.x - half).max(0.0) as usize).min(w);
            (y, from..((centre.x + half).max(0.0) as usize + 1).min(w))
        })
    }
}

/// Looks at outlines on one picture of a table.
pub(super) struct Judge<'a> {
    pub(super) picture: &'a WorkingPicture,
    pub(super) field: &'a ClothField,
    /// What is not cloth.
    pub(super) mask: &'a [u8],
    pub(super) view: &'a View,
}

impl Judge<'_> {
    /// An outline with what speaks for a ball; `None` where that is too little for how it was found.
    pub(super) fn judge(&self, candidate: &Candidate, outline: Outline) -> Option<Measured> {
        let view = self.view;
        let disc = self.disc_of(&outline);
        let filled = self.filled(disc);
        let (p, support) = (disc.centre, outline.support);
        let size = disc.radius / candidate.radius;
        // The noses may be misplaced by a little; a clear ball on cloth counts beyond them.
        let clear = support > 0.85 && filled > 0.7 && outline.cloth_around > 0.5;
        let least = match candidate.origin {
            _ if clear => -0.6,
            // Further out it falls.
            Origin::Mouth => 0.0,
            _ => 0.3,
        };
        let on_bed = view.bed.depth(p) > least * candidate.radius && view.bed.pocket_distance(p) > 0.8;
        let is_ball = match candidate.origin {
            Origin::Single => support >= 0.5 && filled > 0.3,
            Origin::Cluster => filled > 0.6 && support >= 0.35 || filled > 0.3 && support >= 0.55,
            Origin::Occluder => {
                support >= 0.75 && outline.cloth_around > if view.calibrated { 0.25 } else { 0.5 }
            }
            // Its rim is mostly other balls' and tells little; that it fills the gap tells much.
            // The black of a pocket fills one too.
            Origin::Leftover => filled > 0.8 && support >= 0.2 && view.bed.pocket_distance(p) > 1.4,
            // Where it lies is known. A ball of the cloth's colour shows 0.8 of its rim there, bare cloth among
            // balls at most 0.69, and is not painted.
            Origin::Nest => {
                let near = p.distance(candidate.centre) < 0.15 * candidate.radius;
                // Inside a rack little cloth is around, but then what fills the place is none.
                let faint = support >= 0.72 - 0.2 * filled
                    && (outline.cloth_around > 0.3 || filled > 0.6 || support > 0.75)
                    && (filled > 0.3
                        || self.is_tinted(disc)
                        || support > 0.8 && self.looks_like_paint(p, disc.radius));
                // What is mostly paint needs less of a rim.
                let painted = support >= 0.5 && outline.cloth_around > 0.3 && filled > 0.75;
                near && (faint || painted)
            }
            // A whole rim on cloth, or half of one around what differs from it; among other balls
            // nearly all of it: a gap between balls has half.
            Origin::Rim => {
                let whole =
                    support >= 0.78 - 0.3 * (filled - 0.25).clamp(0.0, 0.3) && outline.cloth_around > 0.6;
                let half = support >= 0.52 && outline.cloth_around > 0.5 && filled > 0.5;
                let between = support >= 0.78 && filled > 0.15;
                // Where sizes are known, seams of a dark cushion's shadow made circles too large by 0.06.
                let tinted = support >= 0.54
                    && outline.cloth_around >= 0.9 * support
                    && !(view.calibrated && size > 1.05)
                    && self.is_tinted(disc);
                (whole || half || between || tinted)
                    && self.looks_like_paint(p, candidate.radius)
                    && (support > 0.9 || !self.is_evenly_shaded(disc))
            }
            // Of a whole rim half lies over the pocket. Where nobody calibrated, pockets are not that surely placed.
            Origin::Mouth => view.calibrated && support >= 0.8 && filled > 0.3 && outline.cloth_around > 0.3,
            // Faint edges are trusted where the size is known, but then more than a speck of
            // the disc must differ from the cloth.
            Origin::Fragment if view.calibrated => {
                support >= 0.65 && outline.cloth_around > 0.6 && filled > 0.15
            }
            Origin::Fragment => support >= 0.7 && outline.cloth_around > 0.6,
        };
        let weight = match candidate.origin {
            Origin::Fragment => 0.7,
            Origin::Nest => (0.5 + 0.5 * support) / support,
            // A rim as whole as this is hardly anything else, and a faint tint is all that fills a ball of the cloth's colour.
            Origin::Rim => {
                let tinted = if self.is_tinted(disc) { 0.5 } else { 0.0 };
                0.5 + 0.5 * filled.max(tinted).max(1.5 * (support - 0.6))
            }
            _ => 0.5 + 0.5 * filled,
        };
        (is_ball && (0.72..1.35).contains(&size) && on_bed).then_some(Measured {
            outline,
            confidence: support * weight,
            origin: candidate.origin,
            disc,
        })
    }

    /// True for a disc most of which is of another tint than the cloth, lit (0.03 at most) or in shadow
    /// (0.05), and than noise makes of dark cloth.
    fn is_tinted(&self, disc: Disc) -> bool {
        const LEAST: f32 = 0.075;
        let local = self.field.around(disc.centre);
        if local.brightness < 1.0 {
            return false;
        }
        let is_tinted = |spot: &&Vec2| {
            let p = disc.centre + **spot * disc.radius;
            let px = self.picture.at(p.x as isize, p.y as isize).map(f32::from);
            local.tint_lit_or_shaded(px) > LEAST.max(NOISE_FLOOR / px[3].max(1.0))
        };
        identity::spots().iter().filter(is_tinted).count() > SAMPLES / 2
    }

    /// True for a disc whose rim is of the cloth's tint and evenly dark: a round shadow, as a ball throws it under one
    /// strong lamp. A ball's own rim is shaded from lamp to floor, or is of another tint.
    fn is_evenly_shaded(&self, disc: Disc) -> bool {
        const DIRECTIONS: usize = 48;
        const RINGS: [f64; 3] = [0.62, 0.72, 0.82];
        const PLACES: usize = DIRECTIONS * RINGS.len();
        /// Shares of the lit cloth between which a shadow of one lamp is, what it is even within, and the tint it has at most.
        /// A black ball on grey cloth is even and darker.
        const DARK: std::ops::Range<f32> = 0.5..0.86;
        const EVEN: f32 = 0.14;
        const TINT: f32 = 0.08;
        let local = self.field.around(disc.centre);
        if local.brightness < 1.0 {
            return false;
        }
        let places = (0..DIRECTIONS).flat_map(|k| {
            let direction = unit(std::f64::consts::TAU * k as f64 / DIRECTIONS as f64) * disc.radius;
            RINGS.map(|far| disc.centre + direction * far)
        });
        let (mut levels, mut tints) = ([0f32; PLACES], [0f32; PLACES]);
        for ((level, tint), p) in levels.iter_mut().zip(&mut tints).zip(places) {
            let px = self.picture.at(p.x as isize, p.y as isize).map(f32::from);
            *level = px[3] / local.brightness;
            *tint = local.tint_lit_or_shaded(px);
        }
        let at =
            |values: &mut [f32; PLACES], rank: usize| *values.select_nth_unstable_by(rank, f32::total_cmp).1;
        let (usual, darkest) = (at(&mut levels, PLACES / 2), at(&mut levels, PLACES / 10));
        DARK.contains(&usual) && usual - darkest < EVEN && at(&mut tints, PLACES / 2) < TINT
    }

    /// Leaves of overlapping outlines the best, and of those in a deep shadow none.
    pub(super) fn settle(&self, balls: &mut Vec<Measured>) {
        let discs: Vec<Disc> = balls.iter().map(|b| b.disc).collect();
        balls.retain(|b| self.is_black_on_grey(b, &discs) || !self.is_bare_shadow(b.disc, &discs));
        self.drop_doubles(balls);
    }

    /// Leaves out what is a piece of something larger that no balls explain, as of a hand or a head: the less
    /// of a rim speaks for a ball, the less may go on beyond it. The worst goes first, because what was taken
    /// for a ball beside it then explains nothing any more.
    pub(super) fn drop_parts(&self, balls: &mut Vec<Measured>) {
        loop {
            let excess = |(i, b): (usize, &Measured)| (i, self.goes_on(b.disc, balls) - self.may_go_on(b));
            let worst = balls.iter().enumerate().map(excess);
            match worst.max_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((i, excess)) if excess > 0.0 => {
                    balls.remove(i);
                }
                _ => break,
            }
        }
    }

    /// How much may go on beyond the rim of a ball ([`Self::goes_on`]). Where the balls' size is known: the
    /// share of its rim that is there less 0.35 (the worst balls of racks leave 0.5 of it, pieces of hands
    /// 0.4), for faint rims less 0.45, and anything beyond a rim that is whole, unless it was faint. In
    /// pictures that nobody calibrated rims are seen less well (balls in a pack leave 0.01, pieces of hands
    /// at most 0.3): all of that share.
    fn may_go_on(&self, ball: &Measured) -> f64 {
        const WHOLE: f64 = 0.8;
        let support = ball.outline.support;
        match (self.view.calibrated, ball.origin) {
            (false, _) => support,
            (true, Origin::Rim) => support - 0.45,
            (true, _) if support > WHOLE => 1.0,
            (true, _) => support - 0.35,
        }
    }

    /// Share of the places closely around a disc that are on the bed and neither cloth nor another ball.
    fn goes_on(&self, disc: Disc, balls: &[Measured]) -> f64 {
        const DIRECTIONS: usize = 32;
        const DISTANCES: [f64; 2] = [1.25, 1.45];
        let bed = &self.view.bed;
        let is_other = |o: &Disc| o.centre != disc.centre;
        let others = || balls.iter().map(|b| b.disc).filter(is_other);
        let goes_on = |p: &Vec2| {
            self.picture.is_marked(self.mask, *p)
                && bed.depth(*p) >= 0.0
                && bed.pocket_distance(*p) >= 1.2
                && !others().any(|o| o.centre.distance(*p) < 1.1 * o.radius)
        };
        let places = (0..DIRECTIONS).flat_map(|k| {
            let direction = unit(std::f64::consts::TAU * k as f64 / DIRECTIONS as f64) * disc.radius;
            DISTANCES.map(|far| disc.centre + direction * far)
        });
        places.filter(goes_on).count() as f64 / (DIRECTIONS * DISTANCES.len()) as f64
    }

    /// Of two outlines nearer than touching balls can be, the better supported stays.
    fn drop_doubles(&self, balls: &mut Vec<Measured>) {
        balls.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        // Where lengths on the table are known, two balls can't be in the same place.
        let nearest = if self.view.calibrated { 0.8 } else { 0.75 };
        let mut kept: Vec<Measured> = Vec::with_capacity(balls.len());
        for ball in balls.drain(..) {
            let clash = kept.iter().any(|k| {
                k.disc.centre.distance(ball.disc.centre) < nearest * (k.disc.radius + ball.disc.radius)
            });
            if !clash {
                kept.push(ball);
            }
        }
        *balls = kept;
    }

    fn disc_of(&self, outline: &Outline) -> Disc {
        let grid = self.picture.grid;
        let centre = grid.on_grid(outline.centre);
        let usual = self.view.bed.ball_radius(centre, self.view.radius_m);
        let radius = usual * outline.radius / grid.frame_length(centre, usual).max(1e-6);
        Disc { centre, radius }
    }

    /// Share of a disc that can't be cloth in shadow.
    fn filled(&self, disc: Disc) -> f64 {
        let inner = disc.scaled(0.85);
        let (mut on, mut all) = (0u32, 0u32);
        let w = self.picture.w;
        for (y, columns) in inner.rows(w) {
            let row = y * w;
            let cells = self.mask.get(row + columns.start..row + columns.end);
            for cell in cells.unwrap_or_default() {
                all += 1;
                on += u32::from(*cell);
            }
        }
        f64::from(on) / f64::from(all.max(1))
    }

    /// True for a disc (working pixels) that can't be bare cloth, lit or in shadow: half of a ball even
    /// of the cloth's colour is at least 0.5 of the limit away from it (bare cloth: 0.2), and either at
    /// least 0.08 in tint (a shadow: half of that) and more than noise, for its gloss mirrors the room, or
    /// its lamps and number are far from cloth, however dark (the darkest shadow: 0.9).
    pub(super) fn looks_like_paint(&self, centre: Vec2, radius: f64) -> bool {
        const FAINTEST: f32 = 0.4;
        const LEAST_TINT: f32 = 0.07;
        const MARK: f32 = 1.15;
        const SPOTS: usize = SAMPLES;
        let local = self.field.around(centre);
        let (mut deviations, mut tints) = ([0f32; SPOTS], [0f32; SPOTS]);
        let judged = deviations.iter_mut().zip(&mut tints);
        for ((deviation, tint), spot) in judged.zip(identity::spots()) {
            let p = centre + *spot * radius;
            let px = self.picture.at(p.x as isize, p.y as isize).map(f32::from);
            *deviation = self.field.deviation(local, px);
            // In limits: noise makes dark cloth look tinted.
            *tint = local.tint(px) / LEAST_TINT.max(1.2 * NOISE_FLOOR / px[3].max(1.0));
        }
        let at = |values: &mut [f32; SPOTS], share: f64| {
            let rank = (share * SPOTS as f64) as usize;
            *values.select_nth_unstable_by(rank, f32::total_cmp).1
        };
        at(&mut deviations, 0.5) > FAINTEST && (at(&mut tints, 0.5) > 1.0 || at(&mut deviations, 0.95) > MARK)
    }

    /// Share of a disc's rim beyond which no other of `discs` lies.
    fn free(disc: Disc, discs: &[Disc]) -> f64 {
        const DIRECTIONS: usize = 48;
        const BEYOND: f64 = 1.3;
        let is_other = |o: &&Disc| o.centre.distance(disc.centre) > 0.6 * disc.radius;
        let is_free = |k: &usize| {
            let direction = unit(std::f64::consts::TAU * *k as f64 / DIRECTIONS as f64);
            let beyond = disc.centre + direction * (BEYOND * disc.radius);
            let reaches = |o: &Disc| o.centre.distance(beyond) < 1.1 * o.radius;
            !discs.iter().filter(is_other).any(reaches)
        };
        (0..DIRECTIONS).filter(is_free).count() as f64 / DIRECTIONS as f64
    }

    /// True for an outline on grey cloth that is sharp all around, or in a pack as whole as a ball's: a black ball's,
    /// however like a deep shadow its middle is. A shadow ends softly (of 1000 in 80 rooms none had cloth beyond 0.9 of its
    /// rim), and where three balls or more touch it a ball lies.
    fn is_black_on_grey(&self, ball: &Measured, discs: &[Disc]) -> bool {
        const GREY: f32 = 0.25;
        const AROUND: usize = 3;
        let disc = ball.disc;
        let touches = |other: &&Disc| {
            let apart = other.centre.distance(disc.centre) / (other.radius + disc.radius);
            (0.93..1.07).contains(&apart)
        };
        let Outline {
            support,
            cloth_around,
            ..
        } = ball.outline;
        // Where another ball lies beyond its rim no cloth can.
        let alone = || {
            let free = Self::free(disc, discs);
            support > 0.95 && free > 0.6 && cloth_around > 0.9 * free
        };
        // Others hide some of its rim, and their shadows some more.
        let in_a_pack =
            || support > 0.8 && ball.confidence > 0.83 && discs.iter().filter(touches).count() >= AROUND;
        self.field.around(disc.centre).tint_of_grey() < GREY && (alone() || in_a_pack())
    }

    /// True for a disc that is dark and of the cloth's tint wherever no other of `discs` lies, with no
    /// lamp, number or paint in it: the core of a deep shadow. Any ball mirrors a lamp or shows its number,
    /// and a black one is not of a coloured cloth's tint.
    fn is_bare_shadow(&self, disc: Disc, discs: &[Disc]) -> bool {
        /// Shares of the cloth's brightness between which a disc is in a shadow (no lamp is alone in a
        /// room: some sixteenth of the light is left), and above which a pixel is a mark.
        const DARK: std::ops::Range<f32> = 0.3..0.72;
        const MARK: f32 = 1.25;
        /// Pixels that may be odd.
        const ODD: usize = 3;
        let Disc { centre, radius } = disc;
        let local = self.field.around(centre);
        if local.brightness < 1.0 {
            return false;
        }
        let beside = |other: &&Disc| {
            let apart = other.centre.distance(centre);
            apart > 0.6 * radius && apart < radius + 1.2 * other.radius
        };
        let others: Vec<_> = discs.iter().filter(beside).collect();
        let (mut levels, mut tints) = ([0f32; SAMPLES], [0f32; SAMPLES]);
        let pixels = || {
            identity::spots()
                .iter()
                .map(|spot| centre + *spot * radius)
                .filter(|p| others.iter().all(|o| o.centre.distance(*p) > 1.2 * o.radius))
                .map(|p| self.picture.at(p.x as isize, p.y as isize).map(f32::from))
        };
        let mut count = 0;
        for (level, px) in levels.iter_mut().zip(pixels()) {
            *level = px[3] / local.brightness;
            count += 1;
        }
        let (Some(levels), Some(tints)) = (levels.get_mut(..count), tints.get_mut(..count)) else {
            return false;
        };
        let at = |values: &mut [f32], rank: usize| *values.select_nth_unstable_by(rank, f32::total_cmp).1;
        if count < SAMPLES / 3 {
            return false;
        }
        let usual = at(levels, count / 2);
        if !DARK.contains(&usual) || at(levels, count - 1 - ODD) > MARK {
            return false;
        }
        let deep = local.in_shadow(usual);
        for (tint, px) in tints.iter_mut().zip(pixels()) {
            *tint = local.tint(px).min(deep.tint(px));
        }
        let most = f32::max(0.16, 0.27 * local.tint_of_grey());
        at(tints, count / 2) < most && at(tints, count - 1 - ODD) < 2.5 * most
    }
}

/// How much larger than supposed the well seen balls are, median; `None` without such.
pub(super) fn size_gain(balls: &[Measured], view: &View) -> Option<f64> {
    let mut gains: Vec<f64> = balls
        .iter()
        .map(|b| b.outline)
        .filter(|o| o.support > 0.8)
        .filter_map(|o| {
            let place = view.seen.camera.on_plane(o.centre, view.radius_m)?;
            let rim = view
                .seen
                .camera
                .silhouette(place.extend(view.radius_m), view.radius_m, 16);
            let mean = rim.iter().map(|p| p.distance(o.centre)).sum::<f64>() / rim.len().max(1) as f64;
            (mean > 0.5).then_some(o.radius / mean)
        })
        .collect();
    gains.sort_by(f64::total_cmp);
    gains.get(gains.len() / 2).copied()
}
