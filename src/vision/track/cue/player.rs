//! What is learned of a player: at what elevation the cue is held.

use crate::units::Vec2;
use crate::vision::cue_line::{CueLine, Elevation};

/// What is believed of whoever plays, stroke by stroke.
#[derive(Clone, Copy, Debug)]
pub(super) struct Player {
    /// What the player is used to.
    usual: Elevation,
}

const DEGREE: f64 = std::f64::consts::PI / 180.0;
/// How far strokes of one player differ (1 σ), radians.
const STROKE_SIGMA: f64 = 0.9 * DEGREE;
/// From stroke to stroke another may have taken the cue: what is believed gets a little older, radians.
const DRIFT: f64 = 0.3 * DEGREE;
/// An aim that turns less than this per radian of elevation does not tell it.
const LEAST_TURN: f64 = 0.02;

impl Player {
    /// Somebody nobody has seen play.
    pub(super) fn new() -> Self {
        let all = Elevation::USUAL;
        let sigma = (all.sigma * all.sigma - STROKE_SIGMA * STROKE_SIGMA)
            .max(0.0)
            .sqrt();
        Self {
            usual: Elevation {
                mean: all.mean,
                sigma,
            },
        }
    }

    /// The elevation of the next stroke.
    pub(super) fn next(&self) -> Elevation {
        Elevation {
            mean: self.usual.mean,
            sigma: self.usual.sigma.hypot(STROKE_SIGMA),
        }
    }

    /// Takes in a stroke whose stick really pointed along `stick` (standard deviation `sigma`, radians), and
    /// that had been believed to be raised by `believed`.
    pub(super) fn learn(&mut self, line: &CueLine, stick: Vec2, sigma: f64, believed: f64) {
        let turn = line.turn_per_elevation(self.usual.mean).abs();
        let raised = believed > self.usual.mean + STROKE_SIGMA;
        let Some(elevation) = line.elevation_of(stick).filter(|_| turn > LEAST_TURN && !raised) else {
            // It says nothing, or a rail said it all.
            return;
        };
        let variance = (sigma / turn).powi(2) + STROKE_SIGMA * STROKE_SIGMA;
        let before = self.usual.sigma * self.usual.sigma + DRIFT * DRIFT;
        let off = elevation - self.usual.mean;
        // What no player does is a wrong measurement.
        if off * off > 9.0 * (before + variance) {
            return;
        }
        let gain = before / (before + variance);
        self.usual.mean += gain * off;
        self.usual.sigma = ((1.0 - gain) * before).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{CameraModel, Lens, Pose};
    use crate::units::{ImageSize, Vec3, unit};

    #[test]
    fn a_player_is_known_better_with_every_stroke_aside_of_the_camera() {
        let camera = CameraModel {
            lens: Lens::pinhole(ImageSize::new(1920, 1080), 1500.0),
            pose: Pose::looking_at(Vec3::new(0.0, 0.0, 2.5), Vec3::ZERO, Vec3::Y),
        };
        let (mut player, truth) = (Player::new(), 7.5 * DEGREE);
        let stroke = |tip: Vec3, angle: f64| {
            let axis = (-unit(angle) * truth.cos()).extend(truth.sin());
            let px = |s: f64| camera.project(tip + axis * s).unwrap();
            CueLine::through(&camera, px(0.0), px(0.6), 5e-4).unwrap()
        };
        // Over the place straight below the camera the elevation does not show.
        player.learn(&stroke(Vec3::new(0.5, 0.0, 0.03), 0.0), unit(0.0), 0.003, 0.07);
        assert!((player.next().mean - Elevation::USUAL.mean).abs() < 1e-3);
        let mut off = (player.next().mean - truth).abs();
        for i in 0..6_u8 {
            let angle = 0.1 * f64::from(i);
            player.learn(
                &stroke(Vec3::new(0.2, 0.5, 0.03), angle),
                unit(angle),
                0.003,
                0.07,
            );
            let now = (player.next().mean - truth).abs();
            assert!(now < off, "{i}");
            off = now;
        }
        assert!(
            off < 0.8 * DEGREE && player.next().sigma < 1.3 * DEGREE,
            "{player:?}"
        );
        // A ball that went somewhere else altogether teaches nothing.
        let before = player.next();
        player.learn(&stroke(Vec3::new(0.2, 0.5, 0.03), 0.0), unit(0.4), 0.003, 0.07);
        assert_eq!(player.next(), before);
    }
}
