//! The cloth: its colour, how it varies over the table, and what is not cloth.

use super::working::WorkingPicture;
use crate::units::Vec2;

/// Bins per axis of the chromaticity histogram.
const BINS: usize = 64;
/// Side of a cell of the local colour field, working pixels.
const CELL: usize = 16;

/// The cloth's colour as one mode of the picture's chromaticities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ClothColour {
    /// Red share of the pixel sum at the mode, 0..1.
    red: f32,
    /// Blue share of the pixel sum at the mode, 0..1.
    blue: f32,
    /// Distance in (red, blue) up to which a pixel counts as cloth.
    tolerance: f32,
    /// Median brightness of the mode, 0..255.
    pub(super) brightness: f32,
    /// Shares of that brightness between which a pixel counts as cloth.
    lit: (f32, f32),
    /// Share of the central part that belongs to the mode, 0..1.
    pub(super) share: f32,
}

impl ClothColour {
    /// The densest chromaticity of the picture's central part. `None` for a picture too
    /// dark or too small to have one.
    pub(super) fn learn(picture: &WorkingPicture) -> Option<Self> {
        let (w, h) = (picture.w, picture.h);
        let mut histogram = vec![0u32; BINS * BINS];
        // Every second pixel of every second row of a picture that has many.
        let stride = if w * h > 100_000 { 2 } else { 1 };
        let centre = || {
            let rows = (h / 4..h - h / 4).step_by(stride);
            rows.flat_map(move |y| (w / 4..w - w / 4).step_by(stride).map(move |x| y * w + x))
        };
        let mut usable = 0u32;
        let mut all = 0u32;
        for px in centre().filter_map(|i| picture.px.get(i)) {
            all += 1;
            if px[3] < 16 {
                continue;
            }
            usable += 1;
            let (r, b) = shares(*px);
            let bin = bin_of(r) + BINS * bin_of(b);
            if let Some(count) = histogram.get_mut(bin) {
                *count += 1;
            }
        }
        if usable < 64 || usable * 4 < all {
            return None;
        }
        // Smoothing by neighbours keeps a mode that lies on a bin's border whole.
        let at = |x: usize, y: usize| histogram.get(x + BINS * y).copied().unwrap_or(0);
        let (mut best, mut peak) = (0, (0, 0));
        for y in 1..BINS - 1 {
            for x in 1..BINS - 1 {
                let sum: u32 = (y - 1..=y + 1)
                    .flat_map(|j| (x - 1..=x + 1).map(move |i| (i, j)))
                    .map(|(i, j)| at(i, j))
                    .sum();
                if sum > best {
                    best = sum;
                    peak = (x, y);
                }
            }
        }
        let mut red = (peak.0 as f32 + 0.5) / BINS as f32;
        let mut blue = (peak.1 as f32 + 0.5) / BINS as f32;
        let mut spread = 0.02_f32;
        let mut members = 0u32;
        let mut brightness = Vec::new();
        for _ in 0..4 {
            let reach = (2.5 * spread).clamp(0.02, 0.06);
            let (mut sum_r, mut sum_b, mut sum_d, mut n) = (0.0, 0.0, 0.0, 0u32);
            brightness.clear();
            for px in centre()
                .filter_map(|i| picture.px.get(i))
                .filter(|px| px[3] >= 16)
            {
                let (r, b) = shares(*px);
                let d2 = (r - red).powi(2) + (b - blue).powi(2);
                if d2 < reach * reach {
                    sum_r += f64::from(r);
                    sum_b += f64::from(b);
                    sum_d += f64::from(d2);
                    n += 1;
                    brightness.push(px[3]);
                }
            }
            if n == 0 {
                return None;
            }
            members = n;
            red = (sum_r / f64::from(n)) as f32;
            blue = (sum_b / f64::from(n)) as f32;
            spread = (sum_d / f64::from(n)).sqrt() as f32;
        }
        let middle = brightness.len() / 2;
        let (_, median, _) = brightness.select_nth_unstable(middle);
        Some(Self {
            red,
            blue,
            tolerance: (3.5 * spread).clamp(0.03, 0.07),
            brightness: f32::from(*median),
            lit: (0.22, 2.2),
            share: members as f32 / all.max(1) as f32,
        })
    }

    /// Red, green and blue.
    pub(super) fn srgb(&self) -> [u8; 3] {
        // Brightness is (r + 2 g + b) / 4, which is the sum of all three by (1 + green) / 4.
        let green = 1.0 - self.red - self.blue;
        let sum = 4.0 * self.brightness / (1.0 + green);
        [self.red, green, self.blue].map(|share| (share * sum).round() as u8)
    }

    /// The same cloth under the light at some place: its tint is taken from `samples` there, as
    /// far as they can be the cloth.
    pub(super) fn under_light_of(&self, samples: impl Iterator<Item = [u8; 4]>) -> Self {
        let (mut reds, mut blues) = (Vec::new(), Vec::new());
        for px in samples.filter(|px| px[3] >= 16) {
            let (r, b) = shares(px);
            if (r - self.red).hypot(b - self.blue) < 2.0 * self.tolerance {
                reds.push(r);
                blues.push(b);
            }
        }
        if reds.len() < 20 {
            return *self;
        }
        let middle = reds.len() / 2;
        let red = *reds.select_nth_unstable_by(middle, f32::total_cmp).1;
        let blue = *blues.select_nth_unstable_by(middle, f32::total_cmp).1;
        Self { red, blue, ..*self }
    }

    /// The same cloth without its deep shadows, and with its tolerance stretched: tells cloth from wood
    /// and floor of nearly its colour.
    pub(super) fn well_lit(self, factor: f32) -> Self {
        Self {
            lit: (0.55, 1.7),
            ..self.looser(factor)
        }
    }

    /// The same cloth with its tolerance stretched.
    pub(super) fn looser(self, factor: f32) -> Self {
        Self {
            tolerance: self.tolerance * factor,
            ..self
        }
    }

    /// True for a pixel of the cloth's colour, lit or in shadow.
    pub(super) fn is_cloth(&self, px: [u8; 4]) -> bool {
        let y = f32::from(px[3]);
        if y < self.lit.0 * self.brightness || y > self.lit.1 * self.brightness {
            return false;
        }
        let (r, b) = shares(px);
        // Dark pixels carry more chroma noise.
        let tolerance = self.tolerance * (1.0 + 6.0 / y);
        (r - self.red).powi(2) + (b - self.blue).powi(2) < tolerance * tolerance
    }
}

fn shares([r, g, b, _]: [u8; 4]) -> (f32, f32) {
    let sum = f32::from(u16::from(r) + u16::from(g) + u16::from(b)).max(1.0);
    (f32::from(r) / sum, f32::from(b) / sum)
}

fn bin_of(share: f32) -> usize {
    ((share * BINS as f32) as usize).min(BINS - 1)
}

/// What the cloth looks like at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LocalCloth {
    /// Red over brightness.
    pub(super) red: f32,
    /// Blue over brightness.
    pub(super) blue: f32,
    /// Brightness, 0..255; 0 where nothing is known.
    pub(super) brightness: f32,
}

impl LocalCloth {
    /// How far red and blue are from the cloth's, in shares of the brightness.
    pub(super) fn tint(self, [r, _, b, y]: [f32; 4]) -> f32 {
        let (dr, db) = (r - self.red * y, b - self.blue * y);
        (dr * dr + db * db).sqrt() / y.max(0.25 * self.brightness).max(1.0)
    }

    /// [`Self::tint`] from the cloth lit or in a shadow that makes it as dark as this, whichever is nearer.
    pub(super) fn tint_lit_or_shaded(self, px: [f32; 4]) -> f32 {
        let deep = self.in_shadow((px[3] / self.brightness).clamp(0.1, 1.0));
        self.tint(px).min(deep.tint(px))
    }

    /// How far grey is from the cloth's tint.
    pub(super) fn tint_of_grey(self) -> f32 {
        (1.0 - self.red).hypot(1.0 - self.blue)
    }

    /// The tint of the same cloth in a shadow that leaves it `share` of its brightness. A camera's curve is
    /// steeper in the dark, so there a colour looks richer; with the curve of sRGB as an example.
    pub(super) fn in_shadow(self, share: f32) -> Self {
        let level = |bright: f32| (bright / 255.0).max(0.0).powf(2.4);
        let (red, blue) = (self.red * self.brightness, self.blue * self.brightness);
        let green = 0.5 * (4.0 * self.brightness - red - blue);
        let light = ((share + 0.055) / 1.055).powf(2.4);
        let seen = |bright: f32| {
            let x = light * level(bright);
            255.0
                * if x < 0.0031 {
                    12.92 * x
                } else {
                    1.055 * x.powf(1.0 / 2.4) - 0.055
                }
        };
        let [r, g, b] = [red, green, blue].map(seen);
        let brightness = (0.25 * (r + 2.0 * g + b)).max(1e-3);
        Self {
            red: r / brightness,
            blue: b / brightness,
            brightness: self.brightness,
        }
    }
}

/// The cloth's colour over the picture, with the noise around it.
#[derive(Clone, Debug, Default)]
pub(super) struct ClothField {
    columns: usize,
    rows: usize,
    cells: Vec<LocalCloth>,
    /// Deviation of red/brightness or blue/brightness that is not cloth any more.
    chroma_limit: f32,
    /// Brightness over local brightness above which it is not cloth any more.
    upper_limit: f32,
    sums: Vec<[f32; 4]>,
    spare: Vec<[f32; 4]>,
}

/// `f32::max` minds what is not a number, which no picture has, and takes long for it.
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// What passes for a shadow on the cloth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShadowRule {
    /// Every shadow is cloth: under one strong lamp it takes up to half of the light, and what
    /// is left comes from other lamps, whose colour may differ. Misses parts of balls that look like
    /// dark cloth.
    Tolerant,
    /// Only faint shadows are cloth. Finds all of every ball, and deep shadows with them.
    Strict,
}

impl ShadowRule {
    /// Additional deviation of tint in a complete shadow, and the share of the local brightness
    /// below which nothing is a shadow any more.
    const fn limits(self) -> (f32, f32) {
        match self {
            Self::Tolerant => (0.3, 0.45),
            Self::Strict => (0.05, 0.60),
        }
    }
}

/// The tint of a cushion may differ this many times as much.
const CUSHION_GAIN: f32 = 1.3;

/// Counts of sensor and JPEG noise that no relative limit may undercut.
pub(super) const NOISE_FLOOR: f32 = 5.0;

impl ClothField {
    /// Learns the field from the cloth-coloured pixels inside `spans` (per row: first and
    /// one past the last column). `radius` is the reach of the smoothing, working pixels.
    pub(super) fn learn(
        &mut self,
        picture: &WorkingPicture,
        colour: &ClothColour,
        spans: &[(u32, u32)],
        radius: f64,
    ) {
        self.columns = picture.w.div_ceil(CELL);
        self.rows = picture.h.div_ceil(CELL);
        self.sums.clear();
        self.sums.resize(self.columns * self.rows, [0.0; 4]);
        for (y, &(x0, x1)) in spans.iter().enumerate().step_by(2) {
            for x in (x0 as usize..x1 as usize).step_by(2) {
                let Some(&px) = picture.px.get(y * picture.w + x) else {
                    continue;
                };
                let cell = (y / CELL) * self.columns + x / CELL;
                if let Some(sum) = self.sums.get_mut(cell)
                    && colour.is_cloth(px)
                {
                    sum[0] += f32::from(px[0]);
                    sum[1] += f32::from(px[2]);
                    sum[2] += f32::from(px[3]);
                    sum[3] += 1.0;
                }
            }
        }
        let reach = ((radius / CELL as f64).round() as usize).max(1);
        // Twice a box is close to a bell; cells without cloth are filled from their neighbours.
        for _ in 0..2 {
            box_blur(&mut self.sums, &mut self.spare, self.columns, self.rows, reach);
        }
        self.cells.clear();
        self.cells.extend(self.sums.iter().map(|s| {
            if s[3] < 1e-3 || s[2] < 1e-3 {
                LocalCloth::default()
            } else {
                LocalCloth {
                    red: s[0] / s[2],
                    blue: s[1] / s[2],
                    brightness: s[2] / s[3],
                }
            }
        }));
        self.learn_limits(picture, colour, spans);
    }

    fn learn_limits(&mut self, picture: &WorkingPicture, colour: &ClothColour, spans: &[(u32, u32)]) {
        let (mut chroma, mut bright) = (Vec::new(), Vec::new());
        for (y, &(x0, x1)) in spans.iter().enumerate().step_by(3) {
            for x in (x0 as usize..x1 as usize).step_by(3) {
                let Some(&px) = picture.px.get(y * picture.w + x) else {
                    continue;
                };
                let local = self.at(x, y);
                if local.brightness < 1.0 || !colour.is_cloth(px) {
                    continue;
                }
                let level = f32::from(px[3]).max(1.0);
                let dr = f32::from(px[0]) / level - local.red;
                let db = f32::from(px[2]) / level - local.blue;
                chroma.push(dr.hypot(db));
                bright.push((level / local.brightness - 1.0).abs());
            }
        }
        let median = |v: &mut Vec<f32>| {
            let middle = v.len() / 2;
            if v.is_empty() {
                0.0
            } else {
                *v.select_nth_unstable_by(middle, f32::total_cmp).1
            }
        };
        self.chroma_limit = (5.0 * median(&mut chroma)).clamp(0.07, 0.22);
        self.upper_limit = 1.0 + (6.0 * median(&mut bright)).clamp(0.16, 0.40);
    }

    /// The cloth around a working pixel.
    pub(super) fn at(&self, x: usize, y: usize) -> LocalCloth {
        let cell = (y / CELL).min(self.rows.saturating_sub(1)) * self.columns
            + (x / CELL).min(self.columns.saturating_sub(1));
        self.cells.get(cell).copied().unwrap_or_default()
    }

    /// The cloth around a place between working pixels.
    pub(super) fn around(&self, p: Vec2) -> LocalCloth {
        self.at(p.x.max(0.0) as usize, p.y.max(0.0) as usize)
    }

    /// How far a colour is from cloth: 0 is cloth, 1 the limit, more is something else.
    pub(super) fn deviation(&self, local: LocalCloth, px: [f32; 4]) -> f32 {
        let [deviation] = self.deviations(local, &[px]);
        deviation
    }

    /// [`Self::deviation`] of many colours, several at a time.
    pub(super) fn deviations<const N: usize>(&self, local: LocalCloth, px: &[[f32; 4]; N]) -> [f32; N] {
        if local.brightness < 1.0 {
            return [0.0; N];
        }
        let (shadow_tint, lower_limit) = ShadowRule::Tolerant.limits();
        let over_above = 1.0 / ((self.upper_limit - 1.0) * local.brightness + NOISE_FLOOR);
        let over_below = 1.0 / ((1.0 - lower_limit) * local.brightness);
        let (red, blue, y) = (px.map(|px| px[0]), px.map(|px| px[2]), px.map(|px| px[3]));
        let mut out = [0.0; N];
        for (((out, red), blue), y) in out.iter_mut().zip(red).zip(blue).zip(y) {
            let (dr, db) = (red - local.red * y, blue - local.blue * y);
            let tint = (dr * dr + db * db).sqrt() / self.tint_limit(y, local.brightness, shadow_tint);
            let above = (y - local.brightness) * over_above;
            let below = (local.brightness - y) * over_below;
            *out = larger(tint, larger(above, below));
        }
        out
    }

    /// Tint (times brightness) up to which a pixel of brightness `y` is cloth. A shadow is lit by
    /// the other lamps only, whose colour may differ, so the darker the more is allowed.
    fn tint_limit(&self, y: f32, local: f32, shadow_tint: f32) -> f32 {
        let level = larger(y, 0.25 * local);
        let shade = larger(local - level, 0.0) / local;
        (self.chroma_limit + shadow_tint * shade) * level + NOISE_FLOOR
    }

    /// Marks what is not cloth with 1 (working size, 0 elsewhere): inside `bed` (per row: first and
    /// one past the last column) by tint and brightness; by the tolerant rule also between that and
    /// `cloth`, on the cushions, by tint only, because they face the lamps differently.
    pub(super) fn foreground(
        &self,
        picture: &WorkingPicture,
        bed: &[(u32, u32)],
        cloth: &[(u32, u32)],
        rule: ShadowRule,
        mask: &mut Vec<u8>,
    ) {
        mask.clear();
        mask.resize(picture.w * picture.h, 0);
        for (y, (&(a, b), &(c, d))) in cloth.iter().zip(bed).enumerate() {
            let (c, d) = if c < d { (c.max(a), d.min(b)) } else { (b, b) };
            let [a, b, c, d] = [a, b, c, d].map(|x| x as usize);
            for (from, to, is_cushion) in [(a, c, true), (c, d, false), (d, b, true)] {
                if is_cushion && rule == ShadowRule::Strict {
                    continue;
                }
                let mut x = from;
                while x < to {
                    let end = ((x / CELL + 1) * CELL).min(to);
                    let range = y * picture.w + x..y * picture.w + end;
                    let local = self.at(x, y);
                    if local.brightness >= 1.0
                        && let (Some(row), Some(mask)) = (picture.px.get(range.clone()), mask.get_mut(range))
                    {
                        if is_cushion {
                            self.cushion_cell(local, row, mask);
                        } else {
                            self.bed_cell(local, row, rule, mask);
                        }
                    }
                    x = end;
                }
            }
        }
    }

    /// The pixels of one row of one cell of the bed.
    fn bed_cell(&self, local: LocalCloth, row: &[[u8; 4]], rule: ShadowRule, mask: &mut [u8]) {
        let (shadow_tint, deep) = rule.limits();
        let high = local.brightness * self.upper_limit + NOISE_FLOOR;
        let deep = local.brightness * deep;
        let floor = 0.25 * local.brightness;
        let shade_gain = 1.0 / local.brightness;
        for (px, mask) in row.iter().zip(mask) {
            let y = f32::from(px[3]);
            let dr = f32::from(px[0]) - local.red * y;
            let db = f32::from(px[2]) - local.blue * y;
            let level = y.max(floor);
            let shade = (local.brightness - level).max(0.0) * shade_gain;
            let limit = (self.chroma_limit + shadow_tint * shade) * level + NOISE_FLOOR;
            *mask = u8::from((y > high) | (dr * dr + db * db > limit * limit) | (y < deep));
        }
    }

    /// The pixels of one row of one cell of a cushion.
    fn cushion_cell(&self, local: LocalCloth, row: &[[u8; 4]], mask: &mut [u8]) {
        let (shadow_tint, _) = ShadowRule::Tolerant.limits();
        for (px, mask) in row.iter().zip(mask) {
            let y = f32::from(px[3]);
            let dr = f32::from(px[0]) - local.red * y;
            let db = f32::from(px[2]) - local.blue * y;
            let limit = CUSHION_GAIN * self.tint_limit(y, local.brightness, shadow_tint);
            *mask = u8::from(dr * dr + db * db > limit * limit);
        }
    }
}

/// Sums over a (2 reach + 1)² square around each cell, in place.
fn box_blur(cells: &mut [[f32; 4]], spare: &mut Vec<[f32; 4]>, columns: usize, rows: usize, reach: usize) {
    if columns == 0 || rows == 0 {
        return;
    }
    spare.clear();
    spare.resize(cells.len(), [0.0; 4]);
    let n = (2 * reach + 1) as f32;
    let add = |sum: &mut [f32; 4], cell: &[f32; 4], sign: f32| {
        for (s, c) in sum.iter_mut().zip(cell) {
            *s += sign * c;
        }
    };
    let pass =
        |from: &[[f32; 4]], to: &mut [[f32; 4]], count: usize, stride: usize, lines: usize, hop: usize| {
            for line in 0..lines {
                let at = |i: usize| from.get(line * hop + i * stride);
                let mut sum = [0.0; 4];
                for i in 0..reach.min(count) {
                    if let Some(c) = at(i) {
                        add(&mut sum, c, 1.0);
                    }
                }
                for i in 0..count {
                    if i + reach < count
                        && let Some(c) = at(i + reach)
                    {
                        add(&mut sum, c, 1.0);
                    }
                    if i > reach
                        && let Some(c) = at(i - reach - 1)
                    {
                        add(&mut sum, c, -1.0);
                    }
                    if let Some(out) = to.get_mut(line * hop + i * stride) {
                        *out = sum.map(|v| v.max(0.0) / n);
                    }
                }
            }
        };
    pass(cells, spare, columns, 1, rows, columns);
    pass(spare, cells, rows, columns, columns, 1);
}
