//! What one projector makes of light, put right: its brightness, its curve, its tint.

use serde::{Deserialize, Serialize};

/// How light is changed before it goes to the projector. As made, nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tone {
    /// Light of white, as a share of all the projector gives, 0.05..=1.
    pub brightness: f64,
    /// Exponent, 0.3..=3: more than 1 makes faint light fainter, less brighter, white stays.
    pub gamma: f64,
    /// Red, green and blue of white, 0.05..=1 each: against a tint of lamp or lens.
    pub white: [f64; 3],
}

impl Default for Tone {
    fn default() -> Self {
        Self {
            brightness: 1.0,
            gamma: 1.0,
            white: [1.0; 3],
        }
    }
}

impl Tone {
    /// What to ask the projector for, to have this light (0..1 in proportion to light; the last is how much covers what is below).
    #[must_use]
    pub fn of(&self, light: [f32; 4]) -> [f32; 4] {
        if *self == Self::default() {
            return light;
        }
        let [r, g, b, cover] = light;
        let [r, g, b] = [(r, self.white[0]), (g, self.white[1]), (b, self.white[2])].map(|(light, white)| {
            let curved = f64::from(light.max(0.0)).powf(self.gamma);
            (curved * white * self.brightness) as f32
        });
        [r, g, b, cover]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_made_nothing_is_changed_and_else_as_said() {
        let light = [0.25, 0.5, 1.0, 0.7];
        assert_eq!(Tone::default().of(light), light);
        let dimmed = Tone {
            brightness: 0.5,
            ..Tone::default()
        };
        assert_eq!(dimmed.of(light), [0.125, 0.25, 0.5, 0.7]);
        let curved = Tone {
            gamma: 2.0,
            ..Tone::default()
        };
        assert_eq!(curved.of(light), [0.0625, 0.25, 1.0, 0.7]);
        let tinted = Tone {
            white: [1.0, 0.5, 0.25],
            ..Tone::default()
        };
        assert_eq!(tinted.of(light), [0.25, 0.25, 0.25, 0.7]);
    }
}
