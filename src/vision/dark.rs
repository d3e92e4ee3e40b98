//! Short dark windows: the projector draws nothing for a moment, so that what its light falls on is seen without it.

use std::time::{Duration, Instant};

use crate::table::Group;
use crate::vision::light::{Light, SEEN_FOR};
use crate::vision::track::{BallId, BallMotion, TableState};

/// Two pictures of a camera with 15 a second are taken after the last light has gone.
const PICTURES: Duration = Duration::from_millis(150);
/// Light nearer to a ball's middle than so many radii reaches it, through the haze of projector and camera.
const NEAR_RADII: f64 = 2.0;

/// When the projector is to draw nothing, and for which balls it already did.
#[derive(Debug, Default)]
pub struct DarkWindow {
    since: Option<Instant>,
    /// Balls that were looked at in the dark since they came to rest.
    tried: Vec<BallId>,
}

impl DarkWindow {
    /// Draw nothing from now on, until pictures without light have been taken.
    pub fn ask(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// The projector is to draw nothing.
    #[must_use]
    pub fn is_dark(&self, now: Instant) -> bool {
        self.since
            .is_some_and(|since| now.saturating_duration_since(since) < SEEN_FOR + PICTURES)
    }

    /// Asks for one where a ball at rest that nobody can name lies in light: once for each ball and rest.
    pub fn consider(&mut self, now: Instant, table: &TableState, light: Option<&Light>, ball_radius_m: f64) {
        let lies = |id: &BallId| (table.balls.iter()).any(|b| b.id == *id && b.motion != BallMotion::Moving);
        self.tried.retain(lies);
        let Some(light) = light.filter(|_| table.at_rest) else {
            return;
        };
        let reach = NEAR_RADII * ball_radius_m;
        let mut wanted = false;
        for ball in table.balls.iter().filter(|b| b.kind.group == Group::Unknown) {
            let half = |half_m: f64| reach + half_m;
            let lit = light
                .strokes
                .iter()
                .any(|stroke| stroke.distance(ball.position_m) < half(stroke.half_m));
            if lit && !self.tried.contains(&ball.id) {
                self.tried.push(ball.id);
                wanted = true;
            }
        }
        if wanted {
            self.ask(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::BallKind;
    use crate::units::Vec2;
    use crate::vision::light::Stroke;
    use crate::vision::track::TrackedBall;

    #[test]
    fn a_ball_without_a_name_in_the_light_is_looked_at_in_the_dark_once_for_each_rest() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let light = Light {
            strokes: vec![Stroke {
                from: Vec2::new(0.0, 0.04),
                to: Vec2::new(1.0, 0.04),
                half_m: 0.002,
                colour: [255; 3],
            }],
        };
        let ball = |kind, x, y| TrackedBall::lying(BallId(x as u32), kind, Vec2::new(x, y));
        let (unknown, known) = (BallKind::default(), BallKind::pool(3));
        let mut dark = DarkWindow::default();
        // Known, in the dark already, or far from the light: nothing to do.
        let named = TableState::lying(vec![ball(known, 0.5, 0.0), ball(unknown, 0.5, -0.3)]);
        dark.consider(at(0), &named, Some(&light), 0.028);
        let mut lit = TableState::lying(vec![ball(known, 0.5, 0.0), ball(unknown, 1.0, 0.0)]);
        dark.consider(at(0), &lit, None, 0.028);
        assert!(!dark.is_dark(at(0)));
        dark.consider(at(10), &lit, Some(&light), 0.028);
        assert!(dark.is_dark(at(10)) && dark.is_dark(at(300)) && !dark.is_dark(at(320)));
        dark.consider(at(400), &lit, Some(&light), 0.028);
        assert!(!dark.is_dark(at(400)), "once is enough");
        lit.at_rest = false;
        lit.balls[1].motion = BallMotion::Moving;
        dark.consider(at(500), &lit, Some(&light), 0.028);
        lit.at_rest = true;
        lit.balls[1].motion = BallMotion::Resting;
        dark.consider(at(600), &lit, Some(&light), 0.028);
        assert!(dark.is_dark(at(600)));
        dark.ask(at(2000));
        assert!(dark.is_dark(at(2000)));
    }
}
