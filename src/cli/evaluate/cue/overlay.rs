//! What the trainer would project while the player aims, thrown onto the virtual table.

use std::sync::Arc;

use glam::DMat3;

use crate::calibration::Homography;
use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, Simulator, part};
use crate::projector::compose::{Scene, compose};
use crate::projector::raster::picture;
use crate::projector::tessellate::Triangles;
use crate::projector::theme::Theme;
use crate::system::snapshot::PredictedShot;
use crate::table::{Geometry, TableSpec};
use crate::trainer::aim::{Assistance, ShotIntent, intent};
use crate::trainer::help::Help;
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
    theme: Theme,
    last: Option<(ShotIntent, Arc<ProjectedLight>)>,
}

impl Overlay {
    pub(super) fn new(table: &TableSpec) -> Self {
        Self {
            geometry: Geometry::of(table),
            simulator: Simulator::new(table),
            radius_m: table.ball.radius_m,
            half_m: Vec2::new(table.half_length_m(), table.half_width_m()),
            theme: Theme::default(),
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
        let scene = Scene {
            table: state,
            pockets: &self.geometry,
            ball_radius_m: self.radius_m,
            projector_m: None,
        };
        let shapes = compose(&shot, &scene, Help::default().of(Assistance::Beginner));
        let light = Arc::new(self.paint(&Triangles::of(&shapes, &self.theme, PIXEL_M))?);
        self.last = Some((aimed, Arc::clone(&light)));
        Some(light)
    }

    /// The triangles as a picture lying on the bed.
    fn paint(&self, triangles: &Triangles) -> Option<ProjectedLight> {
        let size = ImageSize::new(
            (2.0 * self.half_m.x / PIXEL_M) as u32,
            (2.0 * self.half_m.y / PIXEL_M) as u32,
        );
        let on_bed = DMat3::from_diagonal((1.0 / self.half_m).extend(1.0));
        let rgb = picture(triangles, &Homography::from_matrix(on_bed)?, size);
        ProjectedLight::new(size, rgb, self.half_m).ok()
    }
}
