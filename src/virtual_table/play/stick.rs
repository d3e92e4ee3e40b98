//! Where the cue is while the player aims, strokes and follows through.

use super::{OPERATOR_GAP_M, Phase, Play, strike_of};
use crate::physics::CueStrike;
use crate::table::Group;
use crate::units::{Vec2, unit};
use crate::virtual_table::moment::CuePose;

/// What the cue must keep clear of a rail or a ball below it, its own thickness included, metres.
const CLEARANCE_M: f64 = 0.018;
const CUE_LENGTH_M: f64 = 1.47;
/// Where the player has no manner of their own, radians.
const USUAL_ELEVATION: f64 = 3.4 * std::f64::consts::PI / 180.0;

impl Play {
    /// The cue and the direction of its shot.
    pub(super) fn cue(&self) -> Option<(CuePose, Vec2)> {
        self.cue_at(0.0)
    }

    /// The cue as it is `ahead_s` from now, of the shot that is played now; a few hundredths of a second.
    pub(super) fn cue_at(&self, ahead_s: f64) -> Option<(CuePose, Vec2)> {
        const STEP_S: f64 = 5e-4;
        let (mut pose, along) = self.cue_still(self.clock_s + ahead_s)?;
        if let Some((next, _)) = self.cue_still(self.clock_s + ahead_s + STEP_S) {
            pose.speed_m_s = (next.tip_m - pose.tip_m).dot(-pose.axis) / STEP_S;
        }
        Some((pose, along))
    }

    fn cue_still(&self, clock_s: f64) -> Option<(CuePose, Vec2)> {
        match &self.phase {
            Phase::Idle | Phase::Thinking { .. } => None,
            Phase::Aiming(aim) => {
                let t = clock_s - aim.since_s;
                // The player swings into line while settling, with a trace of tremor until the stroke.
                let rest = (1.0 - t / aim.stroke.settle_s).clamp(0.0, 1.0);
                let calm = (1.0 - t / aim.stroke.impact_s()).clamp(0.0, 1.0);
                let tremor = 0.0004 * calm * ((7.1 * t).sin() + (11.3 * t).sin());
                let direction = aim.strike.direction + aim.first_off * rest * rest * rest + tremor;
                self.cue_behind(self.cue_ball()?, direction, &aim.strike, aim.stroke.gap_at(t))
            }
            Phase::Operated { stroke: Some(aim) } => {
                let gap = aim.stroke.gap_at(clock_s - aim.since_s);
                self.cue_behind(self.cue_ball()?, aim.strike.direction, &aim.strike, gap)
            }
            Phase::Operated { stroke: None } => {
                let strike = strike_of(&self.handle.lock());
                self.cue_behind(self.cue_ball()?, strike.direction, &strike, OPERATOR_GAP_M)
            }
            Phase::Circling => {
                let direction = 0.25 * clock_s + 0.6 * (0.11 * clock_s).sin();
                let strike = CueStrike {
                    stick_speed_m_s: 0.0,
                    direction,
                    elevation: 0.0,
                    side: 0.0,
                    height: 0.0,
                };
                let gap = 0.04 + 0.015 * (0.9 * clock_s).sin();
                self.cue_behind(self.cue_ball()?, direction, &strike, gap)
            }
            Phase::Rolling(roll) => {
                // The stroke follows through a little, then the cue is lifted away.
                let t = clock_s - roll.since_s;
                if t > 0.22 {
                    return None;
                }
                if t < 0.0 {
                    let gap = roll.stroke.gap_at(roll.stroke.impact_s() + t);
                    return self.cue_behind(roll.met, roll.strike.direction, &roll.strike, gap);
                }
                let through = roll.stroke.through_m(t);
                let along = unit(roll.strike.direction);
                let room = self.cue_ball().map_or(through, |cue| {
                    let ahead = cue - roll.met;
                    let beside = along.perp_dot(ahead).abs() > 2.0 * self.table.ball.radius_m;
                    if beside { through } else { ahead.dot(along) }
                });
                self.cue_behind(
                    roll.met,
                    roll.strike.direction,
                    &roll.strike,
                    -through.min(room.max(-0.3)),
                )
            }
        }
    }

    /// The cue `gap_m` behind a ball at `ball`.
    pub(super) fn cue_behind(
        &self,
        ball: Vec2,
        direction: f64,
        strike: &CueStrike,
        gap_m: f64,
    ) -> Option<(CuePose, Vec2)> {
        let along = unit(direction);
        let r = self.table.ball.radius_m;
        let off = (strike.side.hypot(strike.height)).min(0.9);
        let depth = (1.0 - off * off).sqrt();
        // While it is drawn back it slides along its own line: the butt does not rise for the rail coming nearer to the tip.
        let flat = ball - along * (depth * r + gap_m.min(0.0)) + along.perp() * (strike.side * r);
        let least = if strike.elevation > 0.0 {
            strike.elevation
        } else {
            USUAL_ELEVATION
        };
        let elevation = self.elevation(flat, along, r * (1.0 + strike.height), least);
        let (sin, cos) = elevation.sin_cos();
        // The place of the ball that the tip meets is `height` above its middle as seen along the stick.
        let (back, up) = (
            depth * cos - strike.height * sin,
            depth * sin + strike.height * cos,
        );
        let met = (ball - along * (back * r) + along.perp() * (strike.side * r)).extend(r * (1.0 + up));
        let axis = (-along * cos).extend(sin);
        let pose = CuePose {
            tip_m: met + axis * gap_m,
            axis,
            speed_m_s: 0.0,
        };
        Some((pose, along))
    }

    /// The elevation of a stick that the player would hold at `least`, and higher where it has to clear rails
    /// and balls behind the tip, radians.
    pub(super) fn elevation(&self, tip: Vec2, along: Vec2, height: f64, least: f64) -> f64 {
        let r = self.table.ball.radius_m;
        let (hl, hw) = (self.table.half_length_m(), self.table.half_width_m());
        let edge = self.table.cushion_width_m + self.table.rail_width_m;
        let mut steepest = least.tan();
        let steps = 60_u32;
        for i in 1..=steps {
            let s = CUE_LENGTH_M * f64::from(i) / f64::from(steps);
            let p = tip - along * s;
            let beyond = (p.x.abs() - hl).max(p.y.abs() - hw);
            let mut need = 0.0;
            if beyond > 0.0 && beyond < edge {
                need = self.table.nose_height_m + 0.008 + CLEARANCE_M;
            }
            if self
                .on_table()
                .any(|b| b.kind.group != Group::Cue && b.state.position.distance(p) < r + 0.012)
            {
                need = 2.0 * r + CLEARANCE_M;
            }
            steepest = steepest.max((need - height) / s);
        }
        steepest.atan().min(1.0)
    }
}
