//! Pictures for the projector that tell where its pixels fall.

use crate::units::{ImageSize, Vec2, distance_to_segment};

/// A dark picture with marks in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Size of the picture, pixels.
    pub size: ImageSize,
    /// What shines in it.
    pub marks: Vec<Mark>,
}

/// A bar with round ends; a dot where both ends are one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// One end, pixels.
    pub from_px: Vec2,
    /// The other end, pixels.
    pub to_px: Vec2,
    /// Half of its width, pixels.
    pub half_px: f64,
    /// sRGB.
    pub colour: [u8; 3],
}

impl Mark {
    /// A dot of this radius.
    #[must_use]
    pub const fn dot(centre_px: Vec2, radius_px: f64, level: u8) -> Self {
        Self {
            from_px: centre_px,
            to_px: centre_px,
            half_px: radius_px,
            colour: [level; 3],
        }
    }

    /// Distance of a pixel from the middle of the bar.
    #[must_use]
    pub fn distance(&self, pixel: Vec2) -> f64 {
        distance_to_segment(pixel, self.from_px, self.to_px)
    }
}

impl Pattern {
    /// Nothing but dark.
    #[must_use]
    pub const fn dark(size: ImageSize) -> Self {
        Self {
            size,
            marks: Vec::new(),
        }
    }

    /// The picture, red green blue, rows top to bottom, edges softened; where marks cross, the brighter shines.
    #[must_use]
    pub fn picture(&self) -> Vec<u8> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut rgb = vec![0_u8; self.size.pixels() * 3];
        for mark in &self.marks {
            let reach = mark.half_px + 1.0;
            let low = mark.from_px.min(mark.to_px) - reach;
            let high = mark.from_px.max(mark.to_px) + reach;
            let column = |x: f64| x.clamp(0.0, width as f64) as usize;
            let row = |y: f64| y.clamp(0.0, height as f64) as usize;
            for y in row(low.y)..row(high.y.ceil()) {
                for x in column(low.x)..column(high.x.ceil()) {
                    let pixel = Vec2::new(x as f64 + 0.5, y as f64 + 0.5);
                    let cover = (0.5 + mark.half_px - mark.distance(pixel)).clamp(0.0, 1.0);
                    let at = (y * width + x) * 3;
                    for (to, from) in rgb.iter_mut().skip(at).take(3).zip(mark.colour) {
                        *to = (*to).max((f64::from(from) * cover) as u8);
                    }
                }
            }
        }
        rgb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_shine_where_they_are_and_nowhere_else() {
        let pattern = Pattern {
            size: ImageSize::new(60, 40),
            marks: vec![
                Mark::dot(Vec2::new(10.0, 10.0), 4.0, 200),
                Mark {
                    from_px: Vec2::new(30.0, 20.0),
                    to_px: Vec2::new(50.0, 20.0),
                    half_px: 2.0,
                    colour: [10, 20, 30],
                },
                Mark::dot(Vec2::new(-3.0, 39.0), 5.0, 90),
            ],
        };
        let rgb = pattern.picture();
        let at = |x: usize, y: usize| [0, 1, 2].map(|c| rgb[(y * 60 + x) * 3 + c]);
        assert_eq!(at(10, 10), [200; 3]);
        assert_eq!(at(40, 20), [10, 20, 30]);
        assert_eq!(at(20, 30), [0; 3]);
        assert_eq!(at(0, 39), [90; 3]);
        // As much light as a disc of that radius gives.
        let sum: f64 = (0..20)
            .flat_map(|y| (0..20).map(move |x| (x, y)))
            .map(|(x, y)| f64::from(at(x, y)[0]) / 200.0)
            .sum();
        assert!((sum / (std::f64::consts::PI * 16.0) - 1.0).abs() < 0.03, "{sum}");
    }
}
