//! Light that a projector throws onto the table.

use super::tone::linear;
use super::{Light, Point};
use crate::calibration::{Mark, Pattern, ProjectorModel};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2};
use crate::vision::light::Light as Strokes;

/// Light of a white projector pixel on the cloth, as a share of the lamps' light there:
/// 3000 lm on 3 m² against a table lit with some 600 lx.
const STRENGTH: f32 = 1.6;
/// Side of a cell of the coarse map of what is lit, in projected pixels.
const CELL: usize = 16;

/// A picture thrown onto the table. Black adds no light.
#[derive(Clone, Debug)]
pub struct ProjectedLight {
    size: ImageSize,
    rgb: Vec<u8>,
    thrown: Thrown,
    cells: Vec<bool>,
    cell_columns: usize,
    to_light: Vec<f32>,
}

/// How a picture comes onto the table.
#[derive(Clone, Copy, Debug)]
enum Thrown {
    /// From straight above, stretched over ±this rectangle, metres: its first row along the left side (+y),
    /// its first column at the head end (−x).
    Flat(glam::Vec2),
    /// By a projector that stands somewhere.
    From(ProjectorModel),
}

/// Light of each byte of a picture.
fn to_light(strength: f32) -> Vec<f32> {
    (0..=255_u8).map(|b| linear([b, b, b]).x * strength).collect()
}

/// A projected picture that does not fit its own description.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadProjection {
    /// The number of bytes is not width × height × 3.
    #[error("a projected picture of {width}×{height} needs {expected} bytes, got {got}")]
    Length {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes such a picture has.
        expected: usize,
        /// Bytes that came.
        got: usize,
    },
    /// The picture covers no area, or an unlimited one.
    #[error("a projected picture can't cover {0} × {1} m of the table")]
    Extent(f64, f64),
}

impl ProjectedLight {
    /// `rgb` (red green blue, rows top to bottom) stretched over the rectangle
    /// ±`half_extent_m` around the middle of the table.
    ///
    /// # Errors
    /// [`BadProjection`] when the bytes do not fit the size or the rectangle is empty.
    pub fn new(size: ImageSize, rgb: Vec<u8>, half_extent_m: Vec2) -> Result<Self, BadProjection> {
        if !half_extent_m.is_finite() || half_extent_m.min_element() <= 0.0 {
            return Err(BadProjection::Extent(
                2.0 * half_extent_m.x,
                2.0 * half_extent_m.y,
            ));
        }
        Self::thrown(size, rgb, Thrown::Flat(half_extent_m.as_vec2()))
    }

    /// The picture that a projector standing there throws of this pattern.
    ///
    /// # Errors
    /// [`BadProjection`] when the pattern is not of the projector's size, or has none.
    pub fn by_projector(pattern: &Pattern, projector: &ProjectorModel) -> Result<Self, BadProjection> {
        Self::of_picture(pattern.picture(), projector)
    }

    /// The picture (red green blue, rows top to bottom) that a projector standing there throws.
    ///
    /// # Errors
    /// [`BadProjection`] when the bytes do not fit the projector's size.
    pub fn of_picture(rgb: Vec<u8>, projector: &ProjectorModel) -> Result<Self, BadProjection> {
        Self::thrown(projector.size(), rgb, Thrown::From(*projector))
    }

    /// The same with another strength: light of a white pixel as a multiple of the lamps' light there.
    #[must_use]
    pub fn with_strength(mut self, strength: f64) -> Self {
        self.to_light = to_light(strength as f32);
        self
    }

    fn thrown(size: ImageSize, rgb: Vec<u8>, thrown: Thrown) -> Result<Self, BadProjection> {
        let expected = size.pixels() * 3;
        if rgb.len() != expected || expected == 0 {
            return Err(BadProjection::Length {
                width: size.width,
                height: size.height,
                expected,
                got: rgb.len(),
            });
        }
        let cell_columns = (size.width as usize).div_ceil(CELL);
        let mut cells = vec![false; cell_columns * (size.height as usize).div_ceil(CELL)];
        for (y, row) in rgb.chunks_exact(size.width as usize * 3).enumerate() {
            for (x, piece) in row.chunks(CELL * 3).enumerate() {
                if let Some(cell) = cells.get_mut(y / CELL * cell_columns + x) {
                    *cell |= piece.iter().any(|&byte| byte > 0);
                }
            }
        }
        Ok(Self {
            size,
            rgb,
            thrown,
            cells,
            cell_columns,
            to_light: to_light(STRENGTH),
        })
    }

    /// The picture that puts these strokes on a table, 2.5 mm to a pixel.
    ///
    /// # Errors
    /// [`BadProjection`] when the table has no area.
    pub fn of_light(strokes: &Strokes, table: &TableSpec) -> Result<Self, BadProjection> {
        const PIXEL_M: f64 = 0.0025;
        let half =
            Vec2::new(table.half_length_m(), table.half_width_m()) + Vec2::splat(table.cushion_width_m);
        let pixels = |half: f64| (2.0 * half / PIXEL_M).ceil().clamp(1.0, 8192.0) as u32;
        let size = ImageSize::new(pixels(half.x), pixels(half.y));
        let pixel = |at: Vec2| Vec2::new(at.x + half.x, half.y - at.y) / PIXEL_M;
        let marks = strokes.strokes.iter().map(|stroke| Mark {
            from_px: pixel(stroke.from),
            to_px: pixel(stroke.to),
            half_px: stroke.half_m / PIXEL_M,
            colour: stroke.colour,
        });
        let pattern = Pattern {
            size,
            marks: marks.collect(),
        };
        Self::new(size, pattern.picture(), half)
    }

    /// The light that falls on a surface at `at`, as a share of the lamps' light.
    pub(super) fn at(&self, at: Point) -> Light {
        let Some(p) = self.pixel(at) else {
            return Light::ZERO;
        };
        let (x, y) = (p.x - 0.5, p.y - 0.5);
        let (ix, iy) = (x.floor(), y.floor());
        let (u, v) = (x - ix, y - iy);
        let texel = |dx: i32, dy: i32| {
            let (x, y) = (ix as i32 + dx, iy as i32 + dy);
            if x < 0 || y < 0 || x >= self.size.width as i32 || y >= self.size.height as i32 {
                return Light::ZERO;
            }
            let i = (y as usize * self.size.width as usize + x as usize) * 3;
            match self.rgb.get(i..i + 3) {
                Some(&[r, g, b]) => Light::new(self.light(r), self.light(g), self.light(b)),
                _ => Light::ZERO,
            }
        };
        let top = texel(0, 0).lerp(texel(1, 0), u);
        let bottom = texel(0, 1).lerp(texel(1, 1), u);
        top.lerp(bottom, v)
    }

    /// Whether any light falls into the rectangle low..high (metres on the table), or on what stands
    /// up to `height_m` over it.
    pub(super) fn lights(&self, low: glam::Vec2, high: glam::Vec2, height_m: f32) -> bool {
        let (mut a, mut b) = (glam::Vec2::MAX, glam::Vec2::MIN);
        for z in [0.0, height_m] {
            for (x, y) in [(low.x, low.y), (high.x, low.y), (low.x, high.y), (high.x, high.y)] {
                let Some(pixel) = self.pixel(Point::new(x, y, z)) else {
                    return true;
                };
                (a, b) = (a.min(pixel), b.max(pixel));
            }
        }
        let span = |from: f32, to: f32, pixels: u32| {
            let first = (from - 1.0).max(0.0) as usize / CELL;
            let last = (to + 1.0).clamp(0.0, pixels as f32) as usize;
            first..last.div_ceil(CELL)
        };
        let columns = span(a.x, b.x, self.size.width);
        span(a.y, b.y, self.size.height).any(|row| {
            columns
                .clone()
                .any(|column| self.cells.get(row * self.cell_columns + column) == Some(&true))
        })
    }

    fn light(&self, byte: u8) -> f32 {
        self.to_light.get(usize::from(byte)).copied().unwrap_or(0.0)
    }

    /// The pixel whose light comes there.
    fn pixel(&self, at: Point) -> Option<glam::Vec2> {
        match &self.thrown {
            Thrown::Flat(half_m) => {
                let unit = glam::Vec2::new(at.x, -at.y) / *half_m * 0.5 + 0.5;
                Some(unit * glam::Vec2::new(self.size.width as f32, self.size.height as f32))
            }
            Thrown::From(projector) => projector.pixel(at.as_dvec3()).map(|p| p.as_vec2()),
        }
    }
}
