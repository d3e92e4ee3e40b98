//! Places where a ball would lie against two others that touch. In a rack all of them but those outside are filled, and a
//! ball of the cloth's own colour in one shows too little of its rim to be found by that alone.

use super::blobs::{Candidate, Origin};
use super::judge::Disc;
use crate::units::Vec2;

/// Two balls whose distance is as near to a diameter as this share of it touch.
const TOUCH: f64 = 0.05;
/// Nearer than this many radii to a ball there is no room for another.
const ROOM: f64 = 1.8;
/// No more places are looked at in one round.
const MOST: usize = 24;

/// The places against each touching pair of `balls` (working pixels) that no other of them takes, but for those `tried`.
pub(super) fn nests(balls: &[Disc], tried: &[Candidate]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (i, a) in balls.iter().enumerate() {
        for b in balls.iter().skip(i + 1) {
            let (way, both) = (b.centre - a.centre, a.radius + b.radius);
            let apart = way.length();
            if (apart / both - 1.0).abs() > TOUCH {
                continue;
            }
            let radius = 0.5 * both;
            let aside = way.perp() / apart * (both * both - 0.25 * apart * apart).max(0.0).sqrt();
            for side in [aside, -aside] {
                let centre = a.centre + 0.5 * way + side;
                let taken = |other: Vec2, room: f64| other.distance(centre) < room * radius;
                let is_free = !balls.iter().any(|o| taken(o.centre, ROOM))
                    && !tried.iter().chain(&found).any(|o| taken(o.centre, 0.5));
                if is_free && found.len() < MOST {
                    found.push(Candidate {
                        centre,
                        radius,
                        origin: Origin::Nest,
                    });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ball_missing_from_a_rack_is_looked_for_where_it_must_lie() {
        let disc = |x: f64, y: f64| Disc {
            centre: Vec2::new(100.0 + 20.0 * x, 80.0 + 20.0 * y),
            radius: 10.0,
        };
        let row = 0.75_f64.sqrt();
        // A triangle of six without its last ball.
        let rack = [
            disc(0.0, 0.0),
            disc(row, -0.5),
            disc(row, 0.5),
            disc(2.0 * row, -1.0),
            disc(2.0 * row, 0.0),
        ];
        let found = nests(&rack, &[]);
        let last = disc(2.0 * row, 1.0).centre;
        assert!(found.iter().any(|c| c.centre.distance(last) < 1e-9), "{found:?}");
        // Once is enough.
        assert!(nests(&rack, &found).is_empty());
        // Outside there is room as well, inside there is none.
        assert!(
            found
                .iter()
                .all(|c| rack.iter().all(|b| b.centre.distance(c.centre) > 17.9))
        );
        assert!(nests(&[disc(0.0, 0.0), disc(1.2, 0.0)], &[]).is_empty());
    }
}
