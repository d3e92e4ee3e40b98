//! Rooms with the projector on: what a shot from where the balls lie would be drawn as.

use std::sync::Arc;

use crate::cli::Failure;
use crate::projector::compose::{Scene, compose};
use crate::projector::footprint::footprint;
use crate::projector::theme::Theme;
use crate::table::{Geometry, Group, TableSpec};
use crate::trainer::aim::Assistance;
use crate::trainer::help::Help;
use crate::trainer::predict::Predictor;
use crate::units::unit;
use crate::virtual_table::ProjectedLight;
use crate::vision::light::Light;
use crate::vision::observation::Truth;
use crate::vision::track::{BallId, TableState, TrackedBall, TrackedCue};

/// Whether the projector is on, and whether the eyes are told what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Overlay {
    /// No light.
    #[default]
    Off,
    /// Light that the eyes know nothing of.
    Untold,
    /// Light that the eyes are told of.
    Told,
}

/// The light of a shot in some direction, with all there is to draw of it. `None` where there is no cue ball.
pub(super) fn light_of(truth: &Truth, table: &TableSpec, random: &mut fastrand::Rng) -> Option<Light> {
    let balls: Vec<TrackedBall> = (truth.balls.iter().zip(0..))
        .map(|(ball, id)| TrackedBall::lying(BallId(id), ball.kind, ball.position_m))
        .collect();
    let cue_ball = balls.iter().find(|b| b.kind.group == Group::Cue)?.position_m;
    let direction = unit(random.f64() * std::f64::consts::TAU);
    let state = TableState {
        cue: Some(TrackedCue {
            tip_m: cue_ball - direction * (table.ball.radius_m + 0.01),
            direction,
            confidence: 1.0,
            ..TrackedCue::default()
        }),
        ..TableState::lying(balls)
    };
    let shot = Predictor::new(table).update(&state, 2.5).ok()?;
    let geometry = Geometry::of(table);
    let scene = Scene {
        table: &state,
        pockets: &geometry,
        ball_radius_m: table.ball.radius_m,
        projector_m: None,
    };
    let shapes = compose(&shot, &scene, Help::default().of(Assistance::Beginner));
    Some(footprint(&shapes, &Theme::default())).filter(|light| !light.strokes.is_empty())
}

/// That light as a projector throws it on the table.
pub(super) fn projected(light: &Light, table: &TableSpec) -> Result<Arc<ProjectedLight>, Failure> {
    ProjectedLight::of_light(light, table)
        .map(Arc::new)
        .map_err(|e| Failure::failed(e.to_string()))
}
