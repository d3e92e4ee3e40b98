//! Units and the one frame everything is measured in.
//!
//! Lengths are metres, times seconds, angles radians, masses kilograms.
//! The table frame has its origin at the centre of the playing surface, x along
//! the long side toward the foot end, y along the short side toward the left as
//! seen from the head end, z up from the cloth. Angles run anticlockwise from +x.
//! A quantity in any other unit says so in its name (`_mm`, `_ms`, `_px`, `_deg`).

/// A point or direction on the cloth, in metres (or a pixel point where the name ends in `_px`).
pub type Vec2 = glam::DVec2;
/// A point or direction in the table frame, in metres.
pub type Vec3 = glam::DVec3;

/// Metres to millimetres.
pub const MM_PER_M: f64 = 1000.0;

/// The unit vector that points along `angle` (radians, anticlockwise from +x).
#[must_use]
pub fn unit(angle: f64) -> Vec2 {
    Vec2::new(angle.cos(), angle.sin())
}

/// Wraps an angle into (-π, π].
#[must_use]
pub fn wrap_angle(angle: f64) -> f64 {
    let turn = std::f64::consts::TAU;
    let wrapped = angle - turn * (angle / turn).round();
    if wrapped <= -std::f64::consts::PI {
        wrapped + turn
    } else {
        wrapped
    }
}

/// Distance of a point from the piece of line between two others, which may be one.
#[must_use]
pub fn distance_to_segment(point: Vec2, from: Vec2, to: Vec2) -> f64 {
    let along = to - from;
    let length2 = along.length_squared();
    let share = if length2 < 1e-18 {
        0.0
    } else {
        ((point - from).dot(along) / length2).clamp(0.0, 1.0)
    };
    point.distance(from + along * share)
}

/// Light of a byte of a picture, 0..1, by the usual tone curve (sRGB, IEC 61966-2-1).
#[must_use]
pub fn linear_light(byte: u8) -> f32 {
    let v = f32::from(byte) / 255.0;
    if v <= 0.040_45 {
        v / 12.92
    } else {
        ((v + 0.055) / 1.055).powf(2.4)
    }
}

/// The inverse of [`linear_light`], from and to 0..1.
#[must_use]
pub fn tone(light: f32) -> f32 {
    if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    }
}

/// A size of a picture in pixels. A pixel point means nothing without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ImageSize {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl ImageSize {
    /// A picture of `width` × `height` pixels.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn angles_wrap_into_half_open_turn() {
        assert!((wrap_angle(3.0 * PI) - PI).abs() < 1e-12);
        assert!((wrap_angle(-PI) - PI).abs() < 1e-12);
        assert!((wrap_angle(0.25) - 0.25).abs() < 1e-12);
    }
}
