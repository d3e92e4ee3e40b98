//! What a ball looks like, measured against the white of its picture.

use serde::{Deserialize, Serialize};

/// A colour whose white is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shade {
    /// Hue, degrees, 0..360.
    pub hue_deg: f64,
    /// Saturation, 0..1.
    pub saturation: f64,
    /// Brightness against white, 0..1; a little more where the picture's white is in shade.
    pub value: f64,
}

impl Shade {
    /// The shade of red, green and blue, each 1 for white.
    #[must_use]
    pub fn of_rgb([r, g, b]: [f64; 3]) -> Self {
        let (lo, hi) = (r.min(g).min(b), r.max(g).max(b));
        let range = hi - lo;
        if range < 1e-9 {
            return Self {
                hue_deg: 0.0,
                saturation: 0.0,
                value: hi,
            };
        }
        let hue = if hi <= r {
            60.0 * ((g - b) / range)
        } else if hi <= g {
            60.0 * ((b - r) / range + 2.0)
        } else {
            60.0 * ((r - g) / range + 4.0)
        };
        Self {
            hue_deg: hue.rem_euclid(360.0),
            saturation: range / hi.max(1e-9),
            value: hi,
        }
    }

    /// The shade as a point: two coordinates of colour and one of brightness. Unlike the hue by
    /// itself they are steady for pale colours, too.
    #[must_use]
    pub fn point(self) -> [f64; 3] {
        let (sin, cos) = self.hue_deg.to_radians().sin_cos();
        [self.saturation * cos, self.saturation * sin, self.value]
    }

    /// The inverse of [`Self::point`].
    #[must_use]
    pub fn of_point([x, y, value]: [f64; 3]) -> Self {
        Self {
            hue_deg: y.atan2(x).to_degrees().rem_euclid(360.0),
            saturation: x.hypot(y),
            value,
        }
    }

    /// How far two shades are apart as points; red and maroon are about 0.3, red and blue 1.5.
    #[must_use]
    pub fn apart(self, other: Self) -> f64 {
        let squares = self
            .point()
            .into_iter()
            .zip(other.point())
            .map(|(a, b)| (a - b) * (a - b));
        squares.sum::<f64>().sqrt()
    }
}

/// What a ball looks like in one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// Share of white, 0..1, the rim counted as much as the rest.
    pub white: f64,
    /// Share of nearly black.
    pub dark: f64,
    /// Median brightness of what is not white, against white, 0..1.
    pub body: f64,
    /// Share of saturated paint.
    pub paint: f64,
    /// The paint's colour.
    pub shade: Shade,
    /// Distance of the paint's hue from the cloth's, degrees.
    pub from_cloth: f64,
    /// The colour of its white.
    pub tone: Shade,
}

/// How far two hues are apart, degrees, 0..=180.
pub(crate) fn hue_distance(a: f64, b: f64) -> f64 {
    let d = (a - b).rem_euclid(360.0);
    d.min(360.0 - d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shade_is_the_same_as_a_point_and_neighbours_across_red_are_near() {
        let red = Shade::of_rgb([0.8, 0.1, 0.12]);
        let back = Shade::of_point(red.point());
        assert!((red.hue_deg - back.hue_deg).abs() < 1e-9 && (red.saturation - back.saturation).abs() < 1e-9);
        let other = Shade { hue_deg: 2.0, ..red };
        assert!(red.apart(other) < 0.06, "{}", red.apart(other));
        assert!((hue_distance(358.0, 3.0) - 5.0).abs() < 1e-9);
    }
}
