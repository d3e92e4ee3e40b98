//! From a cue over the table to the shot the player intends.

use serde::{Deserialize, Serialize};

use crate::units::{Vec2, wrap_angle};
use crate::vision::track::{BallId, BallMotion, CuePhase, TableState};

/// How much help is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assistance {
    /// Nothing.
    Off,
    /// The aim line only.
    Minimal,
    /// Everything: the whole way of every ball.
    #[default]
    Beginner,
    /// Aim, ghost ball, object ball to its first cushion.
    Intermediate,
    /// Aim and ghost ball.
    Advanced,
    /// The ghost ball only.
    Expert,
}

impl Assistance {
    /// All levels from none to most subtle.
    pub const ALL: [Self; 6] = [
        Self::Off,
        Self::Minimal,
        Self::Beginner,
        Self::Intermediate,
        Self::Advanced,
        Self::Expert,
    ];

    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Minimal => "minimal",
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
            Self::Expert => "expert",
        }
    }
}

/// The shot the player is aiming at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShotIntent {
    /// The cue ball.
    pub cue_ball: BallId,
    /// Where it lies, metres.
    pub cue_ball_m: Vec2,
    /// Direction of the shot, radians anticlockwise from +x.
    pub direction: f64,
    /// Assumed speed of the stick at impact, m/s.
    pub stick_speed_m_s: f64,
}

/// What stands in the way of predicting a shot. Shown to the player instead of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoShot {
    /// Balls are still running.
    BallsMoving,
    /// The cue ball is not known.
    NoCueBall,
    /// No cue is over the table.
    NoCue,
    /// The cue does not point at the cue ball.
    NotAimed,
}

impl NoShot {
    /// In words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BallsMoving => "balls are still moving",
            Self::NoCueBall => "the cue ball is not on the table",
            Self::NoCue => "no cue is over the table",
            Self::NotAimed => "the cue does not point at the cue ball",
        }
    }
}

/// A cue farther from the cue ball than this is not aimed at it, metres.
const REACH_M: f64 = 0.5;
/// The line of the cue may miss the middle of the cue ball by this share of its radius and still strike it.
const HIT_WIDTH: f64 = 0.95;

/// The shot that cue and balls show, if they show one. Only the cue ball counts, and only at rest.
///
/// # Errors
/// [`NoShot`] says what is missing.
pub fn intent(table: &TableState, ball_radius_m: f64, stick_speed_m_s: f64) -> Result<ShotIntent, NoShot> {
    if !table.at_rest {
        return Err(NoShot::BallsMoving);
    }
    let ball = table.cue_ball().ok_or(NoShot::NoCueBall)?;
    if ball.motion == BallMotion::Moving {
        return Err(NoShot::BallsMoving);
    }
    let cue = table.cue.ok_or(NoShot::NoCue)?;
    if cue.phase == CuePhase::Lying {
        return Err(NoShot::NotAimed);
    }
    let to_ball = ball.position_m - cue.tip_m;
    let ahead = to_ball.dot(cue.direction);
    let miss = cue.direction.perp().dot(to_ball).abs();
    // The tip may reach slightly past the near side of the ball when its height is not known.
    if !(-ball_radius_m..=REACH_M).contains(&ahead) || miss > HIT_WIDTH * ball_radius_m {
        return Err(NoShot::NotAimed);
    }
    Ok(ShotIntent {
        cue_ball: ball.id,
        cue_ball_m: ball.position_m,
        direction: cue.direction.to_angle(),
        stick_speed_m_s,
    })
}

impl ShotIntent {
    /// True when the other shot is the same for every practical purpose: direction within
    /// 0.02° and cue ball within 0.2 mm, far below what a player can set.
    #[must_use]
    pub fn is_about(&self, other: &Self) -> bool {
        self.cue_ball == other.cue_ball
            && self.cue_ball_m.distance(other.cue_ball_m) < 2e-4
            && wrap_angle(self.direction - other.direction).abs() < 3.5e-4
            && (self.stick_speed_m_s - other.stick_speed_m_s).abs() < 1e-3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::BallKind;
    use crate::vision::track::{TrackedBall, TrackedCue};

    const R: f64 = 0.028_575;

    fn table(tip: Vec2, direction: Vec2) -> TableState {
        let ball = |id, number, place| TrackedBall::lying(BallId(id), BallKind::pool(number), place);
        let balls = vec![ball(1, 5, Vec2::new(0.1, 0.0)), ball(2, 0, Vec2::new(0.5, 0.0))];
        TableState {
            cue: Some(TrackedCue {
                tip_m: tip,
                direction: direction.normalize(),
                confidence: 0.9,
                ..TrackedCue::default()
            }),
            ..TableState::lying(balls)
        }
    }

    #[test]
    fn a_cue_behind_the_cue_ball_is_a_shot_along_the_cue() {
        let shot = intent(&table(Vec2::new(0.42, 0.0), Vec2::X), R, 2.0).unwrap();
        assert_eq!((shot.cue_ball, shot.direction), (BallId(2), 0.0));
    }

    #[test]
    fn any_other_ball_near_the_cue_is_not_the_cue_ball() {
        // Right behind the five, and the cue ball lies beyond reach on the same line.
        let shot = intent(&table(Vec2::new(-0.2, 0.0), Vec2::X), R, 2.0);
        assert_eq!(shot, Err(NoShot::NotAimed));
    }

    #[test]
    fn missing_parts_are_named() {
        let mut moving = table(Vec2::new(0.42, 0.0), Vec2::X);
        moving.at_rest = false;
        assert_eq!(intent(&moving, R, 2.0), Err(NoShot::BallsMoving));
        let mut lying = table(Vec2::new(0.42, 0.0), Vec2::X);
        if let Some(cue) = &mut lying.cue {
            cue.phase = CuePhase::Lying;
        }
        assert_eq!(intent(&lying, R, 2.0), Err(NoShot::NotAimed));
        let mut no_cue = table(Vec2::new(0.42, 0.0), Vec2::X);
        no_cue.cue = None;
        assert_eq!(intent(&no_cue, R, 2.0), Err(NoShot::NoCue));
        let mut no_ball = table(Vec2::new(0.42, 0.0), Vec2::X);
        no_ball.balls.pop();
        assert_eq!(intent(&no_ball, R, 2.0), Err(NoShot::NoCueBall));
        assert_eq!(
            intent(&table(Vec2::new(0.42, 0.04), Vec2::X), R, 2.0),
            Err(NoShot::NotAimed)
        );
        assert_eq!(
            intent(&table(Vec2::new(0.6, 0.0), Vec2::X), R, 2.0),
            Err(NoShot::NotAimed)
        );
    }
}
