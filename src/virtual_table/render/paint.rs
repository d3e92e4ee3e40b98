//! What is painted on a ball.

use super::digits::Numeral;
use super::tone::linear;
use super::{Light, Point, smoothstep};
use crate::table::{BallKind, BallSet, Group};

/// Radius of the white disc that carries the number, in ball radii.
const DISC: f32 = 0.36;
/// Radius of a red point on a training cue ball, in ball radii.
const POINT: f32 = 0.12;

/// How a set of balls is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finish {
    /// The colours of television sets: pink 4, purple 5, pale green 6, tan 7.
    pub television: bool,
    /// The white of cue ball, bands and number discs as sRGB: it yellows with age.
    pub white_srgb: [u8; 3],
    /// Half the width of a stripe's band, in ball radii, 0.3..=0.8.
    pub band: f64,
    /// Red points on a pool or carom cue ball.
    pub points: bool,
    /// How far paints differ from the usual, as a share, and which way: a seed.
    pub odd: (f64, u64),
}

impl Default for Finish {
    /// A new set of the usual colours.
    fn default() -> Self {
        Self {
            television: false,
            white_srgb: [240, 232, 212],
            band: 0.56,
            points: true,
            odd: (0.0, 0),
        }
    }
}

impl Finish {
    /// The paint of a ball as sRGB.
    #[must_use]
    pub fn paint_srgb(&self, kind: BallKind) -> [u8; 3] {
        let usual = match (kind.group, kind.number) {
            (Group::Solid | Group::Stripe, Some(n)) if self.television => match n % 8 {
                4 => [235, 105, 150],
                5 => [95, 45, 145],
                6 => [115, 175, 60],
                7 => [160, 100, 58],
                _ => kind.paint_srgb(),
            },
            (Group::Cue, _) if self.white_srgb != Self::default().white_srgb => self.white_srgb,
            _ => kind.paint_srgb(),
        };
        let (share, seed) = self.odd;
        // The same paint for a number and its stripe.
        let paint = u64::from(kind.number.map_or(100 + kind.group as u8, |n| n % 8));
        let mut random = fastrand::Rng::with_seed(seed ^ (paint << 32));
        usual.map(|c| (f64::from(c) * (1.0 + share * (2.0 * random.f64() - 1.0))).clamp(0.0, 255.0) as u8)
    }
}

/// The paint of one kind of ball.
pub(super) struct Paint {
    body: Light,
    ivory: Light,
    band: f32,
    pattern: Pattern,
}

enum Pattern {
    Plain,
    Points,
    Disc(Numeral),
    Stripe(Numeral),
}

impl Paint {
    pub(super) fn of(kind: BallKind, set: BallSet, finish: &Finish) -> Self {
        let numeral = || Numeral::new(kind.number.unwrap_or(0));
        let pattern = match (kind.group, set) {
            (Group::Cue, BallSet::Pool | BallSet::Carom) if finish.points => Pattern::Points,
            (Group::Solid | Group::Eight, BallSet::Pool) => Pattern::Disc(numeral()),
            (Group::Stripe, BallSet::Pool) => Pattern::Stripe(numeral()),
            _ => Pattern::Plain,
        };
        Self {
            body: linear(finish.paint_srgb(kind)),
            ivory: linear(finish.white_srgb),
            band: finish.band as f32,
            pattern,
        }
    }

    /// The colour at a point of the ball's own sphere (unit vector in ball axes);
    /// `soft` is the size of a pixel in ball radii.
    pub(super) fn at(&self, v: Point, soft: f32) -> Light {
        match &self.pattern {
            Pattern::Plain => self.body,
            Pattern::Points => {
                let off_axis = |a: f32| (1.0 - a * a).max(0.0).sqrt();
                let d = off_axis(v.x).min(off_axis(v.y)).min(off_axis(v.z));
                let red = 1.0 - smoothstep(POINT - soft, POINT + soft, d);
                self.body.lerp(Light::new(0.55, 0.025, 0.025), red)
            }
            Pattern::Disc(numeral) => self.disc(self.body, numeral, v, soft),
            Pattern::Stripe(numeral) => {
                let band = 1.0 - smoothstep(self.band - soft, self.band + soft, v.y.abs());
                self.disc(self.ivory.lerp(self.body, band), numeral, v, soft)
            }
        }
    }

    fn disc(&self, under: Light, numeral: &Numeral, v: Point, soft: f32) -> Light {
        let d = v.truncate().length();
        let white = 1.0 - smoothstep(DISC - soft, DISC + soft, d);
        if white <= 0.0 {
            return under;
        }
        let reach = DISC * 0.92;
        // The number on the far side is not a mirror image.
        let ink = numeral.ink(v.x * v.z.signum() / reach, v.y / reach);
        under
            .lerp(self.ivory, white)
            .lerp(Light::splat(0.015), ink * white)
    }
}
