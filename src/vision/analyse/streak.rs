//! Balls that were too fast for the shutter: a band, as wide as the ball, with its middle where the ball was in the middle
//! of the exposure.

use super::cloth::LocalCloth;
use super::identity::{self, SAMPLES};
use super::judge::{Disc, Judge, Measured};
use super::localise::Outline;
use super::regions::Region;
use crate::units::Vec2;
use crate::vision::observation::Covariance;

impl Judge<'_> {
    /// Puts a ball that was too fast for the shutter in the middle of its streak, a band as wide as the ball, whether
    /// outlines were found at both its ends or at one. `found`: the regions of the mask.
    pub(super) fn join_streaks(&self, balls: &mut Vec<Measured>, found: &[Region]) {
        let mut at = 0;
        while let Some(one) = balls.get(at).copied() {
            let other = (at + 1..balls.len()).find(|k| self.is_streak(balls, at, *k));
            let ends = match other {
                Some(other) => Some([one, balls.remove(other)]),
                None => self.ends(balls, &one, found),
            };
            if let (Some([one, other]), Some(ball)) = (ends, balls.get_mut(at)) {
                *ball = one.joined_with(&other);
            }
            at += 1;
        }
    }

    /// True for two outlines at the ends of one streak. Between two balls that touch lies cloth on either side, in
    /// shadow, however red they make it.
    fn is_streak(&self, balls: &[Measured], one: usize, other: usize) -> bool {
        /// Distances of the ends in diameters: nearer ones are one outline twice.
        const APART: std::ops::Range<f64> = 0.75..3.5;
        let ends = [one, other].map(|k| balls.get(k).map(|ball| ball.disc));
        let [Some(a), Some(b)] = ends else { return false };
        // What another ball covers tells nothing.
        let is_free = |p: Vec2| {
            let others = balls.iter().enumerate().filter(|(k, _)| *k != one && *k != other);
            others
                .map(|(_, o)| o.disc)
                .all(|o| o.centre.distance(p) > 1.2 * o.radius)
        };
        APART.contains(&(a.centre.distance(b.centre) / (a.radius + b.radius)))
            && self.is_band(a, b, is_free, || [self.look_of(a), self.look_of(b)])
    }

    /// Both ends of the streak of a ball that was outlined once.
    fn ends(&self, balls: &[Measured], ball: &Measured, found: &[Region]) -> Option<[Measured; 2]> {
        /// Lengths between the ends in diameters. Shorter streaks are outlined as balls.
        const LONG: std::ops::Range<f64> = 0.6..3.5;
        /// The spread across of a disc is half a radius; that of two things beside each other is more.
        const NARROW: f64 = 0.62;
        /// Nothing is wrong with an outline of which more is there.
        const WHOLE: f64 = 0.8;
        if ball.outline.support > WHOLE {
            return None;
        }
        let disc = ball.disc;
        let region = found.iter().find(|region| region.contains(disc.centre))?;
        let alone = balls.iter().filter(|b| region.contains(b.disc.centre)).count() == 1;
        let m = region.moments();
        let (long, short, axis) = m.axes();
        // The variance along a band is that of a disc, r²/4, and of an even spread.
        let length = (12.0 * (long * long - 0.25 * disc.radius * disc.radius))
            .max(0.0)
            .sqrt();
        let is_long = LONG.contains(&(0.5 * length / disc.radius));
        let fits = (region.len() as f64) < 1.2 * (disc.area() + 2.0 * disc.radius * length);
        if !(alone && is_long && fits && short < NARROW * disc.radius) {
            return None;
        }
        let end = |centre: Vec2| Measured {
            outline: Outline {
                centre: self.picture.grid.in_frame(centre),
                ..ball.outline
            },
            disc: Disc { centre, ..disc },
            ..*ball
        };
        let ends = [-0.5, 0.5].map(|share| end(m.centre + axis * (share * length)));
        // A shadow is not told from a dark ball.
        let look = self.look_of(disc);
        let is_dark = look.x < 0.5 * f64::from(self.field.around(disc.centre).brightness);
        let [one, other] = ends.map(|end| end.disc);
        (!is_dark && self.is_band(one, other, |_| true, || [look; 2])).then_some(ends)
    }

    /// True where all between two discs is as wide as they are, free of others, and looks like them.
    fn is_band(
        &self,
        one: Disc,
        other: Disc,
        is_free: impl Fn(Vec2) -> bool,
        looks: impl FnOnce() -> [Vec2; 2],
    ) -> bool {
        /// Shares of the way between the ends, and radii beside it, at which the band must be there.
        const ALONG: [f64; 5] = [0.2, 0.35, 0.5, 0.65, 0.8];
        const BESIDE: [f64; 3] = [-0.7, 0.0, 0.7];
        /// How bright the band is at least, as a share of its brighter end, and how tinted against the cloth, of its less
        /// tinted one. On real pictures: streaks 0.73 and 0.49, gaps between balls at most 0.52 where they were as tinted.
        const BRIGHT: f64 = 0.65;
        const TINTED: f64 = 0.45;
        let way = other.centre - one.centre;
        let aside = way.perp().normalize_or_zero() * (0.5 * (one.radius + other.radius));
        let place = |(far, side): (f64, f64)| one.centre + way * far + aside * side;
        let places = || {
            ALONG
                .iter()
                .flat_map(|far| BESIDE.map(|side| place((*far, side))))
        };
        if !places().all(|p| self.picture.is_marked(self.mask, p) && is_free(p)) {
            return false;
        }
        let [a, b] = looks();
        let least = Vec2::new(BRIGHT * a.x.max(b.x), TINTED * a.y.min(b.y));
        let local = self.field.around(one.centre);
        places().all(|p| self.look_at(local, p).cmpge(least).all())
    }

    /// How bright the brightest of a pixel's three colours is, and how tinted it is against the cloth.
    fn look_at(&self, local: LocalCloth, p: Vec2) -> Vec2 {
        let px @ [r, g, b, _] = self.picture.at(p.x as isize, p.y as isize).map(f32::from);
        Vec2::new(
            f64::from(r.max(g).max(b)),
            f64::from(local.tint_lit_or_shaded(px)),
        )
    }

    /// The same of a disc, mean.
    fn look_of(&self, disc: Disc) -> Vec2 {
        let local = self.field.around(disc.centre);
        let at = |spot: &Vec2| self.look_at(local, disc.centre + *spot * disc.radius);
        identity::spots().iter().map(at).sum::<Vec2>() / SAMPLES as f64
    }
}

impl Measured {
    /// The ball whose streak has these two at its ends: halfway, and less sure along it.
    fn joined_with(&self, other: &Self) -> Self {
        let (a, b) = (self.outline, other.outline);
        let half = 0.5 * (b.centre - a.centre);
        // Evenly spread between the ends.
        let along = half / 3f64.sqrt();
        Self {
            outline: Outline {
                centre: a.centre.midpoint(b.centre),
                radius: 0.5 * (a.radius + b.radius),
                support: a.support.min(b.support),
                cloth_around: a.cloth_around.min(b.cloth_around),
                covariance: Covariance {
                    xx: a.covariance.xx + along.x * along.x,
                    xy: a.covariance.xy + along.x * along.y,
                    yy: a.covariance.yy + along.y * along.y,
                },
            },
            confidence: self.confidence.min(other.confidence),
            origin: self.origin,
            disc: Disc {
                centre: self.disc.centre.midpoint(other.disc.centre),
                radius: 0.5 * (self.disc.radius + other.disc.radius),
            },
        }
    }
}
