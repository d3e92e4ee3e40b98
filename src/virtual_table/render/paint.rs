//! What is painted on a ball.

use super::digits::Numeral;
use super::tone::linear;
use super::{Light, Point, smoothstep};
use crate::table::{BallKind, BallSet, Group};

/// Half the width of a stripe's band, in ball radii.
const BAND: f32 = 0.56;
/// Radius of the white disc that carries the number, in ball radii.
const DISC: f32 = 0.36;
/// Radius of a red point on a training cue ball, in ball radii.
const POINT: f32 = 0.12;

/// The paint of one kind of ball.
pub(super) struct Paint {
    body: Light,
    ivory: Light,
    pattern: Pattern,
}

enum Pattern {
    Plain,
    Points,
    Disc(Numeral),
    Stripe(Numeral),
}

impl Paint {
    pub(super) fn of(kind: BallKind, set: BallSet) -> Self {
        let numeral = || Numeral::new(kind.number.unwrap_or(0));
        let pattern = match (kind.group, set) {
            (Group::Cue, BallSet::Pool | BallSet::Carom) => Pattern::Points,
            (Group::Solid | Group::Eight, BallSet::Pool) => Pattern::Disc(numeral()),
            (Group::Stripe, BallSet::Pool) => Pattern::Stripe(numeral()),
            _ => Pattern::Plain,
        };
        Self {
            body: linear(kind.paint_srgb()),
            ivory: linear([240, 232, 212]),
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
                let band = 1.0 - smoothstep(BAND - soft, BAND + soft, v.y.abs());
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
