//! Cloth that the projector lights is cloth.

use super::cloth::ClothField;
use super::working::WorkingPicture;
use crate::calibration::CameraModel;
use crate::units::Vec2;
use crate::vision::light::{Light, Stroke};

/// Light reaches so far beyond its own edge in the picture, working pixels: it is smeared by lens, debayering and what the
/// calibration is off by.
const SMEAR_PX: f64 = 2.5;
/// Light only adds: a pixel darker than this share of the cloth around is something that lies there.
const LEAST_BRIGHTNESS: f32 = 0.8;

/// Clears what `mask` marks where the projector's light explains it.
pub(super) fn clear_lit(
    light: &Light,
    camera: &CameraModel,
    picture: &WorkingPicture,
    field: &ClothField,
    mask: &mut [u8],
) {
    for stroke in &light.strokes {
        let Some([a, b, side]) = on_picture(stroke, camera, picture) else {
            continue;
        };
        let reach = a.distance(side) + SMEAR_PX;
        let (low, high) = (a.min(b) - reach, a.max(b) + reach);
        let clamp = |v: f64, most: usize| v.clamp(0.0, most as f64) as usize;
        let rows = clamp(low.y, picture.h)..clamp(high.y + 1.0, picture.h);
        let columns = clamp(low.x, picture.w)..clamp(high.x + 1.0, picture.w);
        let along = b - a;
        let length2 = along.length_squared().max(1e-12);
        for y in rows {
            for x in columns.clone() {
                let p = Vec2::new(x as f64, y as f64);
                let share = ((p - a).dot(along) / length2).clamp(0.0, 1.0);
                if p.distance_squared(a + along * share) > reach * reach {
                    continue;
                }
                let i = y * picture.w + x;
                let (Some(mask), Some(px)) = (mask.get_mut(i), picture.px.get(i)) else {
                    continue;
                };
                if *mask != 0 && f32::from(px[3]) >= LEAST_BRIGHTNESS * field.at(x, y).brightness {
                    *mask = 0;
                }
            }
        }
    }
}

/// Both ends of a stroke and a point on its edge in working pixels.
fn on_picture(stroke: &Stroke, camera: &CameraModel, picture: &WorkingPicture) -> Option<[Vec2; 3]> {
    let across = (stroke.to - stroke.from)
        .try_normalize()
        .unwrap_or(Vec2::X)
        .perp();
    let side = stroke.from + across * stroke.half_m;
    let place = |p: Vec2| {
        let seen = camera.project(p.extend(0.0))?;
        Some(picture.grid.on_grid(seen)).filter(|p| p.is_finite())
    };
    Some([place(stroke.from)?, place(stroke.to)?, place(side)?])
}
