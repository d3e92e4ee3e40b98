//! Where the cue is while the player aims, strokes and follows through.

use super::{OPERATOR_GAP_M, Phase, Play, strike_of};
use crate::physics::CueStrike;
use crate::table::Group;
use crate::units::{Vec2, unit};
use crate::virtual_table::moment::CuePose;

/// What the cue must keep clear of a rail or a ball below it, its own thickness included, metres.
const CLEARANCE_M: f64 = 0.018;
const CUE_LENGTH_M: f64 = 1.47;

impl Play {
    /// The cue and the direction of its shot.
    pub(super) fn cue(&self) -> Option<(CuePose, Vec2)> {
        match &self.phase {
            Phase::Idle | Phase::Thinking { .. } => None,
            Phase::Aiming(aim) => {
                let t = self.clock_s - aim.since_s;
                // The player swings into line while settling, with a trace of tremor until the stroke.
                let rest = (1.0 - t / aim.stroke.settle_s).clamp(0.0, 1.0);
                let calm = (1.0 - t / aim.stroke.impact_s()).clamp(0.0, 1.0);
                let tremor = 0.0004 * calm * ((7.1 * t).sin() + (11.3 * t).sin());
                let direction = aim.strike.direction + aim.first_off * rest * rest * rest + tremor;
                self.cue_behind(self.cue_ball()?, direction, &aim.strike, aim.stroke.gap_at(t))
            }
            Phase::Operated { stroke: Some(aim) } => {
                let gap = aim.stroke.gap_at(self.clock_s - aim.since_s);
                self.cue_behind(self.cue_ball()?, aim.strike.direction, &aim.strike, gap)
            }
            Phase::Operated { stroke: None } => {
                let strike = strike_of(&self.handle.lock());
                self.cue_behind(self.cue_ball()?, strike.direction, &strike, OPERATOR_GAP_M)
            }
            Phase::Circling => {
                let direction = 0.25 * self.clock_s + 0.6 * (0.11 * self.clock_s).sin();
                let strike = CueStrike {
                    stick_speed_m_s: 0.0,
                    direction,
                    elevation: 0.0,
                    side: 0.0,
                    height: 0.0,
                };
                let gap = 0.04 + 0.015 * (0.9 * self.clock_s).sin();
                self.cue_behind(self.cue_ball()?, direction, &strike, gap)
            }
            Phase::Rolling(roll) => {
                // The stroke follows through a little, then the cue is lifted away.
                let t = self.clock_s - roll.since_s;
                if t > 0.22 {
                    return None;
                }
                let reach = 0.10;
                let through = reach * (1.0 - (-roll.strike.stick_speed_m_s * t / reach).exp());
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
        let off = (strike.side.hypot(strike.height)).min(0.9) * r;
        let behind = (r * r - off * off).sqrt() + gap_m;
        let flat = ball - along * behind + along.perp() * (strike.side * r);
        let height = r * (1.0 + strike.height);
        let elevation = self.elevation(flat, along, height).max(strike.elevation);
        let (sin, cos) = elevation.sin_cos();
        let axis = (-along * cos).extend(sin);
        let tip = flat.extend(height + gap_m.max(0.0) * elevation.tan());
        Some((CuePose { tip_m: tip, axis }, along))
    }

    /// The least elevation that clears rails and balls behind the tip, radians.
    pub(super) fn elevation(&self, tip: Vec2, along: Vec2, height: f64) -> f64 {
        let r = self.table.ball.radius_m;
        let (hl, hw) = (self.table.half_length_m(), self.table.half_width_m());
        let edge = self.table.cushion_width_m + self.table.rail_width_m;
        let mut steepest = 3.4_f64.to_radians().tan();
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
