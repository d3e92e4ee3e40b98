//! From linear light to the camera's bytes.

use super::Light;
use crate::units::{linear_light, tone};

/// Linear 1.0 in the 16-bit store: two stops of headroom above white.
pub(super) const ONE: f32 = 16_384.0;

/// The camera's tone curve as a table over 16-bit linear light.
pub(super) struct Tone {
    curve: Box<[u8; 65_536]>,
}

impl Tone {
    pub(super) fn new() -> Self {
        let mut curve = Box::new([0_u8; 65_536]);
        for (i, byte) in curve.iter_mut().enumerate() {
            *byte = (tone(shoulder(i as f32 / ONE)) * 255.0 + 0.5) as u8;
        }
        Self { curve }
    }

    /// The byte for an amount of linear light.
    pub(super) fn byte(&self, linear: f32) -> u8 {
        // A float to integer cast saturates, and a u16 can't miss the table.
        self.curve[usize::from((linear * ONE) as u16)]
    }

    /// The byte for stored linear light.
    pub(super) fn stored(&self, linear: u16) -> u8 {
        self.curve[usize::from(linear)]
    }
}

/// Rolls highlights off softly, as a camera's tone curve does, instead of clipping at 1.
fn shoulder(x: f32) -> f32 {
    const KNEE: f32 = 0.72;
    if x < KNEE {
        x
    } else {
        KNEE + (1.0 - KNEE) * (1.0 - (-(x - KNEE) / (1.0 - KNEE)).exp())
    }
}

/// Linear light of an sRGB colour.
pub(super) fn linear(srgb: [u8; 3]) -> Light {
    Light::from_array(srgb.map(linear_light))
}
