//! What the trainer would project while the player aims, thrown onto the virtual table.

use std::sync::Arc;

use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, Simulator, part};
use crate::projector::compose::compose;
use crate::projector::tessellate::Triangles;
use crate::system::snapshot::PredictedShot;
use crate::table::{Geometry, TableSpec};
use crate::trainer::aim::{Assistance, ShotIntent, intent};
use crate::units::{ImageSize, Vec2};
use crate::virtual_table::ProjectedLight;
use crate::vision::track::TableState;

/// Side of a projected pixel on the cloth, metres: a 1080p projector over a nine-foot table.
const PIXEL_M: f64 = 0.002;
/// Speed of the stick that a prediction assumes, m/s.
const SPEED_M_S: f64 = 2.0;

/// Draws the shot that is aimed.
pub(super) struct Overlay {
    geometry: Geometry,
    simulator: Simulator,
    radius_m: f64,
    half_m: Vec2,
    last: Option<(ShotIntent, Arc<ProjectedLight>)>,
}

impl Overlay {
    pub(super) fn new(table: &TableSpec) -> Self {
        Self {
            geometry: Geometry::of(table),
            simulator: Simulator::new(table),
            radius_m: table.ball.radius_m,
            half_m: Vec2::new(table.half_length_m(), table.half_width_m()),
            last: None,
        }
    }

    /// The light for what the trainer believes to be on the table; `None` while no shot is aimed.
    pub(super) fn light(&mut self, state: &TableState) -> Option<Arc<ProjectedLight>> {
        let aimed = intent(state, self.radius_m, SPEED_M_S).ok()?;
        if let Some((before, light)) = &self.last
            && before.is_about(&aimed)
        {
            return Some(Arc::clone(light));
        }
        let balls: Vec<_> = state.balls.iter().map(|b| b.id).collect();
        let mut states: Vec<_> = (state.balls.iter().map(|b| BallState::resting(b.position_m))).collect();
        for _ in 0..8 {
            if !part(&mut states, self.radius_m) {
                break;
            }
        }
        let strike = CueStrike {
            stick_speed_m_s: SPEED_M_S,
            direction: aimed.direction,
            elevation: 0.0,
            side: 0.0,
            height: 0.0,
        };
        let struck = balls.iter().position(|id| *id == aimed.cue_ball);
        let shot = PredictedShot {
            intent: aimed,
            balls,
            prediction: self
                .simulator
                .simulate(&states, struck.map(|index| (index, strike))),
            spread: None,
        };
        let shapes = compose(&shot, state, &self.geometry, self.radius_m, Assistance::Beginner);
        let light = Arc::new(self.paint(&Triangles::of(&shapes, PIXEL_M))?);
        self.last = Some((aimed, Arc::clone(&light)));
        Some(light)
    }

    /// The triangles as a picture lying on the bed.
    fn paint(&self, triangles: &Triangles) -> Option<ProjectedLight> {
        let size = ImageSize::new(
            (2.0 * self.half_m.x / PIXEL_M) as u32,
            (2.0 * self.half_m.y / PIXEL_M) as u32,
        );
        let mut rgb = vec![0_u8; size.pixels() * 3];
        let corner = |index: u32| {
            let [x, y] = *triangles.positions.get(index as usize)?;
            let at = Vec2::new(
                (f64::from(x) + self.half_m.x) / PIXEL_M,
                (self.half_m.y - f64::from(y)) / PIXEL_M,
            );
            Some((at, *triangles.colours.get(index as usize)?))
        };
        for triple in triangles.indices.chunks_exact(3) {
            let &[a, b, c] = triple else { continue };
            let (Some(a), Some(b), Some(c)) = (corner(a), corner(b), corner(c)) else {
                continue;
            };
            fill([a, b, c], size, &mut rgb);
        }
        ProjectedLight::new(size, rgb, self.half_m).ok()
    }
}

/// Fills a triangle, colours mixed between its corners; what is lit more already stays.
fn fill(corners: [(Vec2, [f32; 4]); 3], size: ImageSize, rgb: &mut [u8]) {
    let [(a, ca), (b, cb), (c, cc)] = corners;
    let area = (b - a).perp_dot(c - a);
    if area.abs() < 1e-9 {
        return;
    }
    let span = |low: f64, high: f64, most: u32| {
        let first = low.floor().clamp(0.0, f64::from(most)) as u32;
        first..(high.ceil().clamp(0.0, f64::from(most)) as u32).max(first)
    };
    let columns = span(a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x), size.width);
    for y in span(a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y), size.height) {
        for x in columns.clone() {
            let p = Vec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
            let u = (b - p).perp_dot(c - p) / area;
            let v = (c - p).perp_dot(a - p) / area;
            let w = 1.0 - u - v;
            if u < 0.0 || v < 0.0 || w < 0.0 {
                continue;
            }
            let i = (y as usize * size.width as usize + x as usize) * 3;
            let mix = |k: usize| {
                let at = |colour: &[f32; 4]| f64::from(colour.get(k).copied().unwrap_or(0.0));
                u * at(&ca) + v * at(&cb) + w * at(&cc)
            };
            for (k, byte) in rgb.iter_mut().skip(i).take(3).enumerate() {
                // The projector is given sRGB.
                let level = (mix(k) * mix(3)).clamp(0.0, 1.0).powf(1.0 / 2.2);
                *byte = (*byte).max((255.0 * level) as u8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_is_filled_inside_and_nowhere_else() {
        let size = ImageSize::new(20, 10);
        let mut rgb = vec![0_u8; size.pixels() * 3];
        let white = [1.0_f32; 4];
        fill(
            [
                (Vec2::new(2.0, 2.0), white),
                (Vec2::new(12.0, 2.0), white),
                (Vec2::new(2.0, 8.0), white),
            ],
            size,
            &mut rgb,
        );
        let lit = rgb.chunks_exact(3).filter(|px| px[0] > 250).count();
        assert!((25..=35).contains(&lit), "{lit}");
        assert_eq!(rgb[(5 * 20 + 15) * 3], 0);
    }
}
