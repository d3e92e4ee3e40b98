//! Colours and widths of what is projected. The hues are the Okabe–Ito set, which people
//! with any of the common colour deficiencies can tell apart; meaning is also carried by form.

use crate::projector::overlay::Meaning;

/// How a meaning looks on the cloth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// sRGB.
    pub colour: [u8; 3],
    /// Line width on the cloth, metres.
    pub width_m: f64,
    /// 0..1.
    pub opacity: f64,
}

/// The style of a meaning. Readable at three metres: nothing is thinner than 5 mm.
#[must_use]
pub const fn style(meaning: Meaning) -> Style {
    let (colour, width_mm, opacity) = match meaning {
        Meaning::Aim => ([255, 255, 255], 6.0, 1.0),
        Meaning::CuePath => ([86, 180, 233], 6.0, 0.9),
        Meaning::GhostBall => ([255, 255, 255], 5.0, 1.0),
        Meaning::TangentLine => ([240, 228, 66], 5.0, 0.8),
        Meaning::ObjectPath => ([230, 159, 0], 7.0, 1.0),
        Meaning::OtherPath => ([204, 121, 167], 5.0, 0.8),
        Meaning::Spread => ([230, 159, 0], 5.0, 0.45),
        Meaning::Rebound => ([255, 255, 255], 5.0, 0.9),
        Meaning::Pocket => ([0, 200, 140], 10.0, 1.0),
        Meaning::Scratch => ([255, 80, 20], 10.0, 1.0),
        Meaning::Rest => ([86, 180, 233], 5.0, 0.9),
        Meaning::Label => ([255, 255, 255], 5.0, 1.0),
    };
    Style {
        colour,
        width_m: width_mm / 1000.0,
        opacity,
    }
}

/// Opacity left of a shape at the far end of its time.
pub const FADED: f64 = 0.35;
