//! Colours, widths and forms of what is projected.
//!
//! Three tints say whose way it is: white is for the player (aim, ghost ball, words), the cool one for the cue ball, the
//! warm one for the balls it moves. Form says it, too (`form`), so that nothing hangs on colour alone. Tints are
//! taken from the Okabe–Ito set (Okabe and Ito, "Color universal design", 2008), made as light as the cloth asks for.
//!
//! **Contrast.** A cloth reflects the share ρ of the room's light, which is 1, and of the projector's, which is
//! `gain` for full white: a line is ρ·(1 + gain·colour) bright, the cloth beside it ρ. Both are compared as
//! the W3C compares text with its background (WCAG 2.2, 1.4.3): (L + 0.05) / (L' + 0.05), where 1 is a white sheet under
//! the room's own lamps. That is stricter than the bare quotient, the more so the darker the cloth.

use serde::{Deserialize, Serialize};

use super::colour::{FLARE, Rgb, Sight, contrast, difference, lab, luminance, of_srgb, to_srgb};
use crate::projector::overlay::Meaning;
use crate::units::MM_PER_M;

/// Contrast that lines have against the cloth beside them, where the light allows it (WCAG 2.2, level AA for text).
pub const CONTRAST: f64 = 4.5;
/// So many times more is aimed at: the camera's exposure tells how bright a cloth is within a fifth or so, and bytes are rounded.
const MARGIN: f64 = 1.12;
/// In a dark room more than this dazzles, and lights up the room.
const DAZZLES: f64 = 10.0;
/// Two tints are told apart when they differ by this much (CIEDE2000), whatever cones somebody has: five times what
/// is just seen side by side.
pub const DIFFERENCE: f64 = 5.0;
/// Light of full white from the projector on the cloth, as a multiple of the room's, where nobody has measured it: 3500 lm
/// over the 4.6 m² of a picture that holds a nine-foot table, against the 100 lx of a room with its table lamps off
/// (EN 12464-1: what is asked for places where people only walk).
pub const USUAL_GAIN: f64 = 7.5;
/// Tints that differ by more are told apart no better; then the brighter ones are chosen.
const WELL_APART: f64 = 3.0 * DIFFERENCE;
/// Gains outside these are errors of measurement.
const GAINS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;
/// A cloth that nobody has seen yet: middle grey.
pub const UNSEEN_CLOTH: [u8; 3] = [118; 3];
/// Light left of a shape at the far end of its time, where contrast allows it.
const FADED: f64 = 0.35;
/// Light of a surface as a share of a line's. Its edges carry the contrast.
const AREA: f64 = 0.2;

/// Which theme is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The one that fits cloth and light.
    #[default]
    Auto,
    /// Three tints, each as light as it must be.
    Standard,
    /// Everything in full white, for bright rooms: form alone tells things apart.
    HighContrast,
    /// The standard one, no brighter than is pleasant in a dark room.
    Dim,
}

/// A theme that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeName {
    /// Three tints.
    Standard,
    /// White.
    HighContrast,
    /// Three tints, held back.
    Dim,
}

impl ThemeName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Standard, Self::HighContrast, Self::Dim];

    /// The word used in settings and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::HighContrast => "high_contrast",
            Self::Dim => "dim",
        }
    }
}

/// Whose way it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tint {
    White,
    Cool,
    Warm,
}

/// How a meaning looks whatever the theme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// Line width on the cloth, metres. Readable at three metres: nothing is thinner than 5 mm.
    pub width_m: f64,
    /// Lengths of dashes and gaps, metres, where the line is broken.
    pub dash_m: Option<(f64, f64)>,
    tint: Tint,
}

/// The form of a meaning.
#[must_use]
pub fn form(meaning: Meaning) -> Form {
    use Tint::{Cool, Warm, White};
    let (tint, width_mm, dash_mm) = match meaning {
        Meaning::Aim => (White, 6.0, None),
        Meaning::CuePath => (Cool, 6.0, Some((60.0, 22.0))),
        Meaning::GhostBall | Meaning::Rebound | Meaning::Scale | Meaning::Label | Meaning::Tip => {
            (White, 5.0, None)
        }
        Meaning::Contact => (White, 7.0, None),
        Meaning::TangentLine => (Cool, 5.0, Some((12.0, 12.0))),
        Meaning::ObjectPath => (Warm, 9.0, None),
        Meaning::OtherPath => (Warm, 5.0, Some((24.0, 18.0))),
        Meaning::Spread => (Warm, 5.0, None),
        Meaning::Pocket => (Warm, 10.0, None),
        Meaning::Scratch => (Cool, 7.0, None),
        Meaning::Rest | Meaning::Zone => (Cool, 5.0, None),
        Meaning::Speed => (White, 16.0, None),
        Meaning::Placement => (White, 5.0, Some((16.0, 11.0))),
        Meaning::Placed => (White, 6.0, None),
    };
    let m = |mm: f64| mm / MM_PER_M;
    Form {
        width_m: m(width_mm),
        dash_m: dash_mm.map(|(on, off)| (m(on), m(off))),
        tint,
    }
}

/// How a meaning looks on this cloth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// sRGB.
    pub colour: [u8; 3],
    /// Its form.
    pub form: Form,
    /// Light left at the far end of its time, as a share.
    pub faded: f64,
}

impl Style {
    /// Light of a line as a share of its colour's, so far along its time: 0 (now) .. 1 (far).
    #[must_use]
    pub fn opacity(&self, fade: f64) -> f64 {
        1.0 - (1.0 - self.faded) * fade.clamp(0.0, 1.0)
    }

    /// Light of a surface.
    #[must_use]
    pub fn area_opacity(&self, fade: f64) -> f64 {
        AREA * self.opacity(fade)
    }
}

/// Colours chosen for a cloth in a room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// Which it is.
    pub name: ThemeName,
    /// Light of full white on the cloth, as a multiple of the room's.
    pub gain: f64,
    /// What the cloth reflects.
    cloth: Rgb,
    white: [u8; 3],
    cool: [u8; 3],
    warm: [u8; 3],
}

impl Default for Theme {
    fn default() -> Self {
        Self::of(Wanted::Auto, UNSEEN_CLOTH, None)
    }
}

impl Theme {
    /// The theme for a cloth of this colour (sRGB, as seen under the room's light) and this gain; `None`: not measured.
    #[must_use]
    pub fn of(wanted: Wanted, cloth_srgb: [u8; 3], gain: Option<f64>) -> Self {
        // The blackest cloth there is still reflects a little.
        let cloth = of_srgb(cloth_srgb).max(Rgb::splat(0.004));
        let gain = gain.filter(|g| GAINS.contains(g)).unwrap_or(USUAL_GAIN);
        let white = Self {
            name: ThemeName::HighContrast,
            gain,
            cloth,
            white: [255; 3],
            cool: [255; 3],
            warm: [255; 3],
        };
        let standard = || white.tinted(ThemeName::Standard, gain);
        let pleasant = white.gain_for(DAZZLES);
        let dim = || white.tinted(ThemeName::Dim, gain.min(pleasant));
        match wanted {
            Wanted::Standard => standard(),
            Wanted::HighContrast => white,
            Wanted::Dim => dim(),
            Wanted::Auto if gain > pleasant => dim(),
            Wanted::Auto => Some(standard())
                .filter(|theme| theme.difference() >= DIFFERENCE)
                .unwrap_or(white),
        }
    }

    /// The look of a meaning.
    #[must_use]
    pub fn style(&self, meaning: Meaning) -> Style {
        let form = form(meaning);
        let colour = match form.tint {
            Tint::White => self.white,
            Tint::Cool => self.cool,
            Tint::Warm => self.warm,
        };
        let whole = luminance(self.light(colour, 1.0)) - luminance(self.cloth);
        let needed = self.luminance_for(MARGIN * CONTRAST) - luminance(self.cloth);
        Style {
            colour,
            form,
            faded: (needed / whole.max(1e-9)).clamp(FADED, 1.0),
        }
    }

    /// What comes off the cloth where a colour is projected with this share of its light.
    #[must_use]
    pub fn light(&self, colour: [u8; 3], share: f64) -> Rgb {
        self.cloth * (Rgb::ONE + self.gain * share * of_srgb(colour))
    }

    /// Contrast of the lines of a meaning against the cloth, so far along their time: 0 (now) .. 1 (far), where they are
    /// weakest.
    #[must_use]
    pub fn contrast(&self, meaning: Meaning, fade: f64) -> f64 {
        let style = self.style(meaning);
        contrast(
            luminance(self.light(style.colour, style.opacity(fade))),
            luminance(self.cloth),
        )
    }

    /// Smallest difference of two tints (CIEDE2000) in anybody's eyes. 0 where there is only one.
    #[must_use]
    pub fn difference(&self) -> f64 {
        let [white, cool, warm] =
            [self.white, self.cool, self.warm].map(|colour| self.looks(of_srgb(colour)));
        [(&white, &cool), (&white, &warm), (&cool, &warm)]
            .into_iter()
            .map(|(a, b)| apart(a, b))
            .fold(f64::MAX, f64::min)
    }

    /// What keeps lines from standing out, where something does.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        let reached = contrast(luminance(self.light([255; 3], 1.0)), luminance(self.cloth));
        (reached < CONTRAST).then(|| Limit {
            reached,
            times: self.gain_for(CONTRAST) / self.gain,
        })
    }

    /// Luminance of a line with this contrast.
    fn luminance_for(&self, contrast: f64) -> f64 {
        contrast * (luminance(self.cloth) + FLARE) - FLARE
    }

    /// The gain with which full white has this contrast.
    fn gain_for(&self, contrast: f64) -> f64 {
        self.luminance_for(contrast) / luminance(self.cloth) - 1.0
    }

    /// How a projected colour looks to everybody: what is seen as white is a white sheet, or the brightest line.
    fn looks(&self, colour: Rgb) -> [glam::DVec3; 4] {
        let white = luminance(self.cloth * (1.0 + self.gain)).max(1.0);
        let light = self.cloth * (Rgb::ONE + self.gain * colour);
        Sight::ALL.map(|sight| lab(sight.sees(light), white))
    }

    /// With the cool and the warm tint that are told apart well and are as bright as can be, and all of the light held
    /// back to that of `gain`.
    fn tinted(self, name: ThemeName, gain: f64) -> Self {
        let held = Self { gain, ..self };
        let share = gain / self.gain;
        let dimmed = |colour: Rgb| to_srgb(colour * share);
        let looks = |colours: Vec<Rgb>| -> Vec<(Rgb, [glam::DVec3; 4])> {
            colours.into_iter().map(|c| (c, held.looks(c))).collect()
        };
        let white = held.looks(Rgb::ONE);
        let (cool, warm) = (looks(held.lightened(&COOL)), looks(held.lightened(&WARM)));
        let pairs = cool.iter().flat_map(|a| warm.iter().map(move |b| (a, b)));
        let scored = pairs.map(|((cool, a), (warm, b))| {
            let least = apart(a, b).min(apart(a, &white)).min(apart(b, &white));
            let dimmer = [cool, warm]
                .map(|c| luminance(self.cloth * *c))
                .into_iter()
                .fold(f64::MAX, f64::min);
            (least.min(WELL_APART), dimmer, *cool, *warm)
        });
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (.., cool, warm) = best.unwrap_or((0.0, 0.0, Rgb::ONE, Rgb::ONE));
        Self {
            name,
            white: dimmed(Rgb::ONE),
            cool: dimmed(cool),
            warm: dimmed(warm),
            ..self
        }
    }

    /// These colours at full strength, mixed with as much white as they need for their contrast, and with more.
    fn lightened(&self, srgb: &[[u8; 3]]) -> Vec<Rgb> {
        const MORE: [f64; 5] = [0.0, 0.12, 0.25, 0.4, 0.6];
        let over = |colour: Rgb| self.gain * luminance(self.cloth * colour);
        let needed = self.luminance_for(MARGIN * CONTRAST) - luminance(self.cloth);
        let mixed = srgb.iter().flat_map(|srgb| {
            let colour = of_srgb(*srgb);
            let full = colour / colour.max_element().max(1e-9);
            let room = over(Rgb::ONE) - over(full);
            let least = ((needed - over(full)) / room.max(1e-9)).clamp(0.0, 1.0);
            MORE.map(|more| full.lerp(Rgb::ONE, least + (1.0 - least) * more))
        });
        mixed.collect()
    }
}

/// Sky blue, bluish green, blue.
const COOL: [[u8; 3]; 3] = [[86, 180, 233], [0, 158, 115], [0, 114, 178]];
/// Orange, yellow, vermilion, reddish purple.
const WARM: [[u8; 3]; 4] = [[230, 159, 0], [240, 228, 66], [213, 94, 0], [204, 121, 167]];

/// How far two looks are apart for whom they differ least.
fn apart(a: &[glam::DVec3; 4], b: &[glam::DVec3; 4]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| difference(*a, *b));
    differences.fold(f64::MAX, f64::min)
}

/// Even full white does not stand out as it should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Contrast that white has.
    pub reached: f64,
    /// So many times more light from the projector against the room's would do.
    pub times: f64,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "lines stand out only {:.1}:1 on this cloth in this light; {CONTRAST}:1 takes a room {:.1} times as dark, or a \
             projector as much brighter",
            self.reached, self.times
        )
    }
}

#[cfg(test)]
mod tests;
