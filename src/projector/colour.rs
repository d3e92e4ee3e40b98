//! How light looks to people: contrast, difference of two colours, and how those see them who lack a kind of cone.

use glam::{DMat3, DVec3};

use crate::units::{linear_light, tone};

/// Linear light, red green blue with the primaries of sRGB; 1 is a white sheet under the room's own lamps.
pub type Rgb = DVec3;

/// The light of a picture's colour, 0..1.
#[must_use]
pub fn of_srgb(bytes: [u8; 3]) -> Rgb {
    Rgb::from_array(bytes.map(|byte| f64::from(linear_light(byte))))
}

/// A picture's colour for light, which is clamped into 0..1.
#[must_use]
pub fn to_srgb(light: Rgb) -> [u8; 3] {
    light
        .to_array()
        .map(|l| (f64::from(tone(l.clamp(0.0, 1.0) as f32)) * 255.0).round() as u8)
}

/// Relative luminance (WCAG 2.2, after ITU-R BT.709).
#[must_use]
pub fn luminance(light: Rgb) -> f64 {
    light.dot(Rgb::new(0.2126, 0.7152, 0.0722))
}

/// Light that comes into the eye from everywhere, as a share of white's (WCAG 2.2).
pub(super) const FLARE: f64 = 0.05;

/// Contrast of two luminances, 1..=21 for those from 0 to 1 (WCAG 2.2, "contrast ratio").
#[must_use]
pub fn contrast(a: f64, b: f64) -> f64 {
    (a.max(b) + FLARE) / (a.min(b) + FLARE)
}

/// How people see colours: with all three kinds of cones, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Usual.
    Usual,
    /// No cones for long waves: red is dark.
    Protanopia,
    /// No cones for middle waves: red and green are alike.
    Deuteranopia,
    /// No cones for short waves: blue and green are alike.
    Tritanopia,
}

impl Sight {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Usual,
        Self::Protanopia,
        Self::Deuteranopia,
        Self::Tritanopia,
    ];

    /// What light looks like to them, as light that looks so to everybody: Machado, Oliveira and Fernandes,
    /// "A physiologically-based model for simulation of color vision deficiency" (2009), severity 1.0.
    #[must_use]
    pub fn sees(self, light: Rgb) -> Rgb {
        let rows = match self {
            Self::Usual => return light,
            Self::Protanopia => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Self::Deuteranopia => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Self::Tritanopia => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        };
        (DMat3::from_cols_array_2d(&rows).transpose() * light).max(Rgb::ZERO)
    }
}

/// CIE L*a*b* of light, where `white` is the luminance that is seen as white (D65).
#[must_use]
pub fn lab(light: Rgb, white: f64) -> DVec3 {
    // sRGB to XYZ, IEC 61966-2-1, divided by the white of D65.
    let x = light.dot(DVec3::new(0.412_456_4, 0.357_576_1, 0.180_437_5)) / 0.950_47;
    let y = light.dot(DVec3::new(0.212_672_9, 0.715_152_2, 0.072_175_0));
    let z = light.dot(DVec3::new(0.019_333_9, 0.119_192_0, 0.950_304_1)) / 1.088_83;
    let f = |t: f64| {
        const KNEE: f64 = 6.0 / 29.0;
        if t > KNEE * KNEE * KNEE {
            t.cbrt()
        } else {
            t / (3.0 * KNEE * KNEE) + 4.0 / 29.0
        }
    };
    let [x, y, z] = [x, y, z].map(|v| f(v / white));
    DVec3::new(116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z))
}

/// Difference of two colours in L*a*b*: CIEDE2000, all factors 1, after Sharma, Wu and Dalal, "The CIEDE2000
/// color-difference formula: implementation notes" (2005). About 1 is just seen side by side.
#[must_use]
pub fn difference(one: DVec3, other: DVec3) -> f64 {
    let seventh = |c: f64| (c.powi(7) / (c.powi(7) + 25_f64.powi(7))).sqrt();
    let chroma = 0.5 * (one.y.hypot(one.z) + other.y.hypot(other.z));
    let stretch = 1.0 + 0.5 * (1.0 - seventh(chroma));
    let polar = |c: DVec3| {
        let a = stretch * c.y;
        (a.hypot(c.z), c.z.atan2(a).to_degrees().rem_euclid(360.0))
    };
    let ((c1, h1), (c2, h2)) = (polar(one), polar(other));
    let grey = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if grey => 0.0,
        t if t > 180.0 => t - 360.0,
        t if t < -180.0 => t + 360.0,
        t => t,
    };
    let lightness = 0.5 * (one.x + other.x) - 50.0;
    let chroma = 0.5 * (c1 + c2);
    let hue = if grey { h1 + h2 } else { h1 + 0.5 * turn };
    let cos = |times: f64, less: f64| (times * hue - less).to_radians().cos();
    let t =
        1.0 - 0.17 * cos(1.0, 30.0) + 0.24 * cos(2.0, 0.0) + 0.32 * cos(3.0, -6.0) - 0.20 * cos(4.0, 63.0);
    let s_l = 1.0 + 0.015 * lightness * lightness / (20.0 + lightness * lightness).sqrt();
    let (s_c, s_h) = (1.0 + 0.045 * chroma, 1.0 + 0.015 * chroma * t);
    let blue = ((hue.rem_euclid(360.0) - 275.0) / 25.0).powi(2);
    let rotate = -2.0 * seventh(chroma) * (2.0 * 30.0 * (-blue).exp()).to_radians().sin();
    let l = (other.x - one.x) / s_l;
    let c = (c2 - c1) / s_c;
    let h = 2.0 * (c1 * c2).sqrt() * (0.5 * turn).to_radians().sin() / s_h;
    (l * l + c * c + h * h + rotate * c * h).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The W3C's own examples: grey on white, and black on white.
    #[test]
    fn contrast_is_that_of_the_w3c() {
        let of = |a: [u8; 3], b: [u8; 3]| contrast(luminance(of_srgb(a)), luminance(of_srgb(b)));
        for (grey, ratio) in [(0, 21.0), (0x76, 4.54), (0x77, 4.48), (0x94, 3.03), (0x59, 7.0)] {
            assert!((of([grey; 3], [255; 3]) - ratio).abs() < 0.01, "{grey}");
            assert!((of([255; 3], [grey; 3]) - ratio).abs() < 0.01, "{grey}");
        }
        assert!((of([255, 0, 0], [255; 3]) - 4.0).abs() < 0.01);
        assert!((of([0, 0, 255], [255; 3]) - 8.59).abs() < 0.01);
    }

    /// Pairs of the table in Sharma, Wu and Dalal (2005).
    #[test]
    fn differences_are_those_that_were_published() {
        for (one, other, published) in [
            ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
            ((50.0, 3.1571, -77.2803), (50.0, 0.0, -82.7485), 2.8615),
            ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
            ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
            ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
            ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
            ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
            ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
            ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
            ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
            ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
            ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
            ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
            ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
            ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
        ] {
            let [one, other] = [one, other].map(DVec3::from);
            assert!((difference(one, other) - published).abs() < 1e-4, "{one} {other}");
            assert!((difference(other, one) - published).abs() < 1e-4, "{other} {one}");
        }
    }

    #[test]
    fn white_has_no_colour_and_red_is_where_it_is() {
        let white = lab(Rgb::ONE, 1.0);
        assert!(white.distance(DVec3::new(100.0, 0.0, 0.0)) < 0.02, "{white}");
        let red = lab(of_srgb([255, 0, 0]), 1.0);
        assert!(red.distance(DVec3::new(53.24, 80.09, 67.20)) < 0.05, "{red}");
    }

    #[test]
    fn greys_look_the_same_to_everybody_and_red_and_green_do_not() {
        for sight in Sight::ALL {
            assert!(
                sight.sees(Rgb::splat(0.4)).distance(Rgb::splat(0.4)) < 1e-5,
                "{sight:?}"
            );
        }
        let apart = |sight: Sight| {
            let look = |bytes| lab(sight.sees(of_srgb(bytes)), 1.0);
            difference(look([200, 90, 60]), look([110, 130, 60]))
        };
        assert!(apart(Sight::Deuteranopia) < 0.4 * apart(Sight::Usual));
        assert!(apart(Sight::Protanopia) < 0.7 * apart(Sight::Usual));
    }

    #[test]
    fn a_colour_comes_back_from_light() {
        for byte in 0..=255_u8 {
            assert_eq!(to_srgb(of_srgb([byte, 255 - byte, 7])), [byte, 255 - byte, 7]);
        }
    }
}
