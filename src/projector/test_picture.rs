//! Pictures by which an operator judges the projector: where its light lands, whether it is sharp, how bright it is.

use serde::{Deserialize, Serialize};

use super::overlay::{Geometry, Meaning, Shape};
use crate::calibration::{Mark, Pattern};
use crate::table::TableSpec;
use crate::units::{ImageSize, Vec2};

/// What is shown instead of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestPicture {
    /// Lines from diamond to diamond and rings round the spots: they must meet those of the table.
    Table,
    /// Fine lines over the whole picture and its border: to focus and zoom by.
    Sharpness,
    /// Nothing but light: to see how bright it is, and how evenly.
    White,
    /// Eight steps from dark to light: all must be told apart.
    Steps,
}

/// Every test picture with its name.
pub const ALL: [(TestPicture, &str); 4] = [
    (TestPicture::Table, "table"),
    (TestPicture::Sharpness, "sharpness"),
    (TestPicture::White, "white"),
    (TestPicture::Steps, "steps"),
];

/// An arrow key moves the light by so much, and with shift by so little, millimetres.
pub const STEP_MM: f64 = 1.0;
/// The same with shift.
pub const FINE_MM: f64 = 0.2;

/// Lines end so far from the noses, whose own height would move the light aside, metres.
const EDGE_M: f64 = 0.01;
/// Lines to focus by: so many across, so wide at their middle, pixels.
const FINE: u32 = 24;
const FINE_HALF_PX: f64 = 0.75;
/// Steps from dark to light.
const STEPS: u32 = 8;

impl TestPicture {
    /// The picture in places of the table, if it is about them.
    #[must_use]
    pub fn shapes(self, table: &TableSpec) -> Option<Vec<Shape>> {
        if self != Self::Table {
            return None;
        }
        let half = Vec2::new(table.half_length_m(), table.half_width_m());
        let end = half - EDGE_M;
        // Eight lengths between diamonds along a table, four across.
        let along = (-3..=3_i32).map(|i| {
            let x = half.x * f64::from(i) / 4.0;
            (Vec2::new(x, -end.y), Vec2::new(x, end.y))
        });
        let across = (-1..=1_i32).map(|j| {
            let y = half.y * f64::from(j) / 2.0;
            (Vec2::new(-end.x, y), Vec2::new(end.x, y))
        });
        let line = |(from, to): (Vec2, Vec2)| Geometry::Polyline {
            points: vec![from, to],
            dashed: false,
        };
        let ring = |x: f64| Geometry::Ring {
            centre: Vec2::new(x, 0.0),
            radius: table.ball.radius_m,
        };
        let rings = [-0.5, 0.0, 0.5].map(|share| ring(share * half.x));
        let head = Geometry::Text {
            at: Vec2::new(-0.875 * half.x, 0.25 * half.y),
            height: 0.05,
            text: "HEAD".to_owned(),
        };
        let shapes = (along.chain(across).map(line)).chain(rings).chain([head]);
        Some(
            shapes
                .map(|geometry| Shape {
                    meaning: Meaning::Label,
                    fade: 0.0,
                    geometry,
                })
                .collect(),
        )
    }

    /// True where it is made of the projector's pixels, not of places of the table.
    #[must_use]
    pub const fn is_of_pixels(self) -> bool {
        !matches!(self, Self::Table)
    }

    /// The picture in pixels of the projector, if it is about those.
    #[must_use]
    pub fn pattern(self, size: ImageSize) -> Option<Pattern> {
        let (w, h) = (f64::from(size.width), f64::from(size.height));
        let bar = |from_px: Vec2, to_px: Vec2, half_px: f64, level: u8| Mark {
            from_px,
            to_px,
            half_px,
            colour: [level; 3],
        };
        let marks = match self {
            Self::Table => return None,
            Self::White => vec![bar(Vec2::new(0.0, h / 2.0), Vec2::new(w, h / 2.0), h, 255)],
            Self::Steps => (0..STEPS)
                .map(|i| {
                    let step = w / f64::from(STEPS);
                    let x = (f64::from(i) + 0.5) * step;
                    let level = (255 * (i + 1) / STEPS) as u8;
                    // Square ends: what is beyond the picture is not seen.
                    bar(Vec2::new(x, -step), Vec2::new(x, h + step), 0.5 * step, level)
                })
                .collect(),
            Self::Sharpness => {
                let upright = (0..=FINE).map(|i| {
                    let x = 1.0 + (w - 2.0) * f64::from(i) / f64::from(FINE);
                    bar(Vec2::new(x, 0.0), Vec2::new(x, h), FINE_HALF_PX, 255)
                });
                let rows = (f64::from(FINE) * h / w).round().max(1.0) as u32;
                let level = (0..=rows).map(|j| {
                    let y = 1.0 + (h - 2.0) * f64::from(j) / f64::from(rows);
                    bar(Vec2::new(0.0, y), Vec2::new(w, y), FINE_HALF_PX, 255)
                });
                let crossed = [(0.0, h), (h, 0.0)]
                    .map(|(from, to)| bar(Vec2::new(0.0, from), Vec2::new(w, to), FINE_HALF_PX, 255));
                upright.chain(level).chain(crossed).collect()
            }
        };
        Some(Pattern { size, marks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_table_meet_its_diamonds_and_stay_on_the_cloth() {
        for table in [TableSpec::pool_9ft(), TableSpec::named("snooker-12ft").unwrap()] {
            let half = Vec2::new(table.half_length_m(), table.half_width_m());
            let shapes = TestPicture::Table.shapes(&table).unwrap();
            let lines: Vec<&Vec<Vec2>> = shapes
                .iter()
                .filter_map(|shape| match &shape.geometry {
                    Geometry::Polyline { points, .. } => Some(points),
                    _ => None,
                })
                .collect();
            assert_eq!(lines.len(), 7 + 3);
            for points in lines {
                for point in points {
                    let left = half - point.abs();
                    assert!(left.min_element() > 0.0, "{point}");
                }
                // Sights stand an eighth of the length apart, and a quarter of the width.
                let share = points[0] / half;
                let on = |v: f64, parts: f64| ((v * parts).round() / parts - v).abs() < 1e-9;
                assert!(on(share.x, 4.0) || on(share.y, 2.0));
            }
        }
        assert_eq!(TestPicture::White.shapes(&TableSpec::pool_9ft()), None);
    }

    #[test]
    fn pictures_in_pixels_are_what_they_say() {
        let size = ImageSize::new(160, 90);
        let at = |picture: TestPicture, x: usize, y: usize| {
            let rgb = picture.pattern(size).unwrap().picture();
            rgb[3 * (160 * y + x)]
        };
        for (x, y) in [(0, 0), (159, 89), (80, 45), (0, 89)] {
            assert_eq!(at(TestPicture::White, x, y), 255);
        }
        let steps: Vec<u8> = (0..8).map(|i| at(TestPicture::Steps, 10 + 20 * i, 45)).collect();
        assert!(steps.windows(2).all(|pair| pair[1] >= pair[0] + 30), "{steps:?}");
        assert_eq!(steps[7], 255);
        // The border is within the picture, and between the lines it is dark.
        assert!(at(TestPicture::Sharpness, 1, 45) > 120);
        assert!(at(TestPicture::Sharpness, 158, 30) > 120);
        let lit = TestPicture::Sharpness
            .pattern(ImageSize::new(1920, 1080))
            .unwrap()
            .picture();
        let lit = lit.iter().step_by(3).filter(|level| **level > 60).count();
        assert!((30_000..200_000).contains(&lit), "{lit}");
        assert_eq!(TestPicture::Table.pattern(size), None);
    }
}
