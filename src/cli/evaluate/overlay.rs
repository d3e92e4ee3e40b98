//! `evaluate overlay`.

mod measure;
mod stage;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::{Failure, show};
use crate::projector::colour::of_srgb;
use crate::projector::overlay::Meaning;
use crate::projector::theme::{CONTRAST, DIFFERENCE, Theme, USUAL_GAIN, Wanted};
use crate::units::ImageSize;
use crate::vision::frame::Frame;
use measure::{Sight, astray, projected};
use stage::{Drawing, Planned, Stage};

/// Throws all that can be drawn onto a virtual table, in every theme and on cloths of many colours, and
/// measures in the camera's picture whether it stands out, and whether light falls where it must not.
#[derive(Debug, Args)]
pub(crate) struct Overlay {
    /// Write the pictures into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Colour of the cloth.
    #[arg(long, value_enum, default_value_t = Cloth::All)]
    cloth: Cloth,
    /// Theme; each is looked at in a room it is made for.
    #[arg(long, value_enum, default_value_t = Which::All)]
    theme: Which,
    /// Light of full white on the cloth, as a multiple of the room's, in every theme.
    #[arg(long, value_name = "TIMES")]
    gain: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cloth {
    Green,
    Blue,
    Red,
    Grey,
    Black,
    All,
}

impl Cloth {
    const EACH: [Self; 5] = [Self::Green, Self::Blue, Self::Red, Self::Grey, Self::Black];

    const fn srgb(self) -> [u8; 3] {
        match self {
            Self::Green => [34, 118, 66],
            Self::Blue | Self::All => [38, 132, 160],
            Self::Red => [150, 32, 40],
            Self::Grey => [104, 108, 112],
            Self::Black => [38, 38, 40],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Standard,
    HighContrast,
    Dim,
    Auto,
    All,
}

impl Which {
    const EACH: [Self; 3] = [Self::Standard, Self::HighContrast, Self::Dim];

    /// The theme, and the gain of a room that it is made for: dimmed, with its lights on, and dark.
    const fn wanted(self) -> (Wanted, f64) {
        match self {
            Self::Standard => (Wanted::Standard, 18.0),
            Self::HighContrast => (Wanted::HighContrast, USUAL_GAIN),
            Self::Dim => (Wanted::Dim, 40.0),
            Self::Auto | Self::All => (Wanted::Auto, USUAL_GAIN),
        }
    }
}

/// Size of the pictures.
const SIZE: ImageSize = ImageSize::new(1920, 1080);

/// One theme on one cloth.
struct Look {
    cloth: Cloth,
    theme: Theme,
    seen: [u8; 3],
    /// Of each meaning: as the theme says, as the camera sees.
    contrasts: Vec<(Meaning, f64, Option<f64>)>,
    /// Lit pixels on balls and on the way of the cue.
    astray: [usize; 2],
}

impl Overlay {
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder)
                .map_err(|e| Failure::failed(format!("can't make {}: {e}", folder.display())))?;
        }
        let (stage, plans) = Stage::new(SIZE)?;
        let sight = Sight::new(&stage);
        let themes = Which::EACH
            .into_iter()
            .filter(|w| self.theme == Which::All || self.theme == *w);
        let themes: Vec<Which> = if self.theme == Which::Auto {
            vec![Which::Auto]
        } else {
            themes.collect()
        };
        let cloths = || {
            Cloth::EACH
                .into_iter()
                .filter(|c| self.cloth == Cloth::All || self.cloth == *c)
        };
        let mut faults = 0;
        for which in themes {
            let (wanted, gain) = which.wanted();
            let gain = self.gain.unwrap_or(gain);
            let mut looks = Vec::new();
            for cloth in cloths() {
                looks.push(self.look(&stage, &plans, &sight, cloth, wanted, gain)?);
            }
            let told = in_words(gain, &looks);
            faults += told.1;
            show(&told.0)?;
        }
        if faults > 0 {
            return Err(Failure::failed(format!("{faults} of these do not hold")));
        }
        Ok(())
    }

    fn look(
        &self,
        stage: &Stage,
        plans: &[(Drawing, Planned)],
        sight: &Sight,
        cloth: Cloth,
        wanted: Wanted,
        gain: f64,
    ) -> Result<Look, Failure> {
        let seen = stage.cloth_seen(cloth.srgb())?;
        let theme = Theme::of(wanted, seen, Some(gain));
        let mut look = Look {
            cloth,
            theme,
            seen,
            contrasts: Meaning::ALL.map(|m| (m, theme.contrast(m, 1.0), None)).to_vec(),
            astray: [0; 2],
        };
        // A camera that shows lines as bright as it can.
        let brightest = of_srgb(cloth.srgb()).max_element()
            * (1.0 + gain * of_srgb(theme.style(Meaning::Aim).colour).max_element());
        let brightness = (0.65 / brightest).clamp(0.01, 1.0);
        for (drawing, planned) in plans {
            let rgb = projected(stage, planned, &theme, |_| true);
            let here = astray(stage, planned, &rgb);
            look.astray = [look.astray[0] + here[0], look.astray[1] + here[1]];
            let frames = stage.pictures(cloth.srgb(), brightness, planned, rgb, gain)?;
            let measured = sight.contrasts(stage, planned, &theme, &frames, cloth.srgb());
            for (row, (_, found)) in look.contrasts.iter_mut().zip(measured) {
                row.2 = match (row.2, found) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            if let Some(folder) = &self.out {
                let name = format!("{}-{}-{}.png", theme.name.name(), name_of(cloth), drawing.name());
                save(&frames[0], &folder.join(name))?;
            }
        }
        Ok(look)
    }
}

fn name_of(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |v| v.get_name().to_owned())
}

fn save(frame: &Frame, path: &Path) -> Result<(), Failure> {
    let (width, height) = (frame.size.width, frame.size.height);
    image::RgbImage::from_raw(width, height, frame.pixels.to_vec())
        .ok_or_else(|| Failure::failed("a picture does not fit its size"))?
        .save(path)
        .map_err(|e| Failure::failed(format!("can't write {}: {e}", path.display())))
}

/// The table of one theme, and how many of its lines do not hold.
fn in_words(gain: f64, looks: &[Look]) -> (String, usize) {
    let mut faults = 0;
    let mut mark = |holds: bool| {
        faults += usize::from(!holds);
        if holds { ' ' } else { '!' }
    };
    let mut text = format!(
        "\nwhite light of the projector is {gain:.1} times the room's; contrast as the theme says / as measured\n"
    );
    let mut line = |name: &str, cells: Vec<String>| {
        text.push_str(&format!("{name:14}"));
        for cell in cells {
            text.push_str(&format!("{cell:>16}"));
        }
        text.push('\n');
    };
    line("cloth", looks.iter().map(|l| name_of(l.cloth)).collect());
    line("seen as", looks.iter().map(|l| hex(l.seen)).collect());
    line(
        "theme",
        looks.iter().map(|l| l.theme.name.name().to_owned()).collect(),
    );
    for (i, meaning) in Meaning::ALL.into_iter().enumerate() {
        let cells = looks.iter().map(|look| match look.contrasts.get(i) {
            Some((_, says, Some(measured))) => {
                // Where white itself can't, the theme has to say so.
                let holds = match look.theme.limit() {
                    None => *says >= CONTRAST - 1e-9 && *measured >= CONTRAST,
                    Some(limit) => *measured >= 0.85 * limit.reached,
                };
                format!("{says:.1} / {measured:.1}{}", mark(holds))
            }
            Some((_, says, None)) => format!("{says:.1} / -{}", mark(false)),
            None => String::new(),
        });
        line(&format!("{meaning:?}"), cells.collect());
    }
    let difference = |look: &Look| {
        let apart = look.theme.difference();
        let white = look.theme.name == crate::projector::theme::ThemeName::HighContrast;
        if white {
            "form alone ".to_owned()
        } else {
            format!("{apart:.1}{}", mark(apart >= DIFFERENCE))
        }
    };
    line("colours apart", looks.iter().map(difference).collect());
    let mut dark = |place: usize| -> Vec<String> {
        looks
            .iter()
            .map(|l| l.astray.get(place).copied().unwrap_or(0))
            .map(|n| format!("{n}{}", mark(n == 0)))
            .collect()
    };
    line("px on balls", dark(0));
    line("px on the cue", dark(1));
    for look in looks {
        if let Some(limit) = look.theme.limit() {
            text.push_str(&format!("{}: {limit}\n", name_of(look.cloth)));
        }
    }
    (text, faults)
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
