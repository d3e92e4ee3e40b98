//! Everything about balls, cloth, cushions and cue that a measurement could change.

use serde::{Deserialize, Serialize};

use crate::table::{BallSet, TableSpec};

/// The physical parameters of a table, its balls and the cue that strikes them.
///
/// The defaults are those of pooltool 0.6.0, which follow Alciatore's physical-properties
/// FAQ and lie inside the ranges measured for pool; sources are named per field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Gravity, m/s².
    pub gravity_m_s2: f64,
    /// Coefficient of friction of a ball that slips on the cloth. Pool cloth 0.15–0.4
    /// (Alciatore); snooker cloth 0.178–0.245 (Mathavan, Jackson, Parkin, AJP 77, 2009).
    pub slide_friction: f64,
    /// Rolling resistance as deceleration over g. 0.005–0.015 (Alciatore); 0.0127–0.0129 on
    /// snooker cloth (Mathavan 2009).
    pub roll_friction: f64,
    /// Deceleration of the spin about the vertical, rad/s². 5–15 (Alciatore).
    pub spin_down_rad_s2: f64,
    /// Restitution between two balls. 0.92–0.98 (Alciatore).
    pub ball_restitution: f64,
    /// Friction between two balls.
    pub ball_friction: BallFriction,
    /// Restitution of the cushion, along the line from the nose to the ball's centre.
    pub cushion_restitution: CushionRestitution,
    /// Coefficient of friction between ball and cushion. 0.14 measured (Mathavan 2010), 0.2 usual.
    pub cushion_friction: f64,
    /// Ratio of the tangential to the normal frequency of the cushion's rubber (Stronge 2000),
    /// between 1 and 2; 1.8 as in pooltool.
    pub cushion_frequency_ratio: f64,
    /// Mass of the cue, kg: 20 oz.
    pub cue_mass_kg: f64,
    /// Mass of the cue's end that moves aside with the ball and so causes squirt, kg.
    /// A thirtieth of a ball is a low-squirt shaft (Alciatore, TP A.31).
    pub cue_end_mass_kg: f64,
}

/// Friction between two balls, which falls with the speed of slip s (m/s):
/// μ = floor + rise · exp(−s / scale).
///
/// Fit of Marlow's data by Alciatore (TP A.14): 0.009951 + 0.108 exp(−1.088 s).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallFriction {
    /// μ at high speed of slip.
    pub floor: f64,
    /// What is added at low speed of slip.
    pub rise: f64,
    /// How fast it falls, s/m.
    pub decay_s_m: f64,
}

/// Restitution of a cushion as a function of the normal speed of impact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CushionRestitution {
    /// The same at every speed (pooltool: 0.85).
    Constant(f64),
    /// `slow − drop_s_m · v`, but never less than `least`: cushions die at speed
    /// (Mathavan 2009, Fig. 9: the rebound ratio falls from 0.95 at 1 m/s to 0.80 at 3.5 m/s).
    Falling {
        /// Restitution of the softest touch.
        slow: f64,
        /// Loss per speed, s/m.
        drop_s_m: f64,
        /// Least restitution.
        least: f64,
    },
}

impl Parameters {
    /// The usual parameters of pool: ball 170.1 g, cloth of medium speed.
    pub const POOL: Self = Self {
        gravity_m_s2: 9.81,
        slide_friction: 0.2,
        roll_friction: 0.01,
        spin_down_rad_s2: 10.9,
        ball_restitution: 0.95,
        ball_friction: BallFriction::POOL,
        cushion_restitution: CushionRestitution::Constant(0.85),
        cushion_friction: 0.2,
        cushion_frequency_ratio: 1.8,
        cue_mass_kg: 0.567,
        cue_end_mass_kg: 0.170_097 / 30.0,
    };

    /// The usual parameters of the game that is played on `table`.
    #[must_use]
    pub fn of(table: &TableSpec) -> Self {
        match table.ball_set {
            BallSet::Pool => Self::POOL,
            BallSet::Snooker => Self {
                slide_friction: 0.5,
                cushion_friction: 0.5,
                cue_end_mass_kg: table.ball.mass_kg / 30.0,
                ..Self::POOL
            },
            BallSet::Carom => Self {
                cushion_friction: 0.15,
                cue_end_mass_kg: table.ball.mass_kg / 30.0,
                ..Self::POOL
            },
        }
    }

    /// The name of the first parameter that no table can have, if there is one.
    #[must_use]
    pub fn first_impossible(&self) -> Option<&'static str> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let not_negative = |v: f64| v.is_finite() && v >= 0.0;
        let ratio = |v: f64| v > 0.0 && v <= 1.0;
        let friction = &self.ball_friction;
        let cushion = match self.cushion_restitution {
            CushionRestitution::Constant(e) => ratio(e),
            CushionRestitution::Falling {
                slow,
                drop_s_m,
                least,
            } => ratio(slow) && not_negative(drop_s_m) && ratio(least),
        };
        [
            ("gravity_m_s2", positive(self.gravity_m_s2)),
            ("slide_friction", positive(self.slide_friction)),
            ("roll_friction", positive(self.roll_friction)),
            ("spin_down_rad_s2", positive(self.spin_down_rad_s2)),
            ("ball_restitution", ratio(self.ball_restitution)),
            (
                "ball_friction",
                not_negative(friction.floor)
                    && not_negative(friction.rise)
                    && not_negative(friction.decay_s_m),
            ),
            ("cushion_restitution", cushion),
            ("cushion_friction", positive(self.cushion_friction)),
            (
                "cushion_frequency_ratio",
                self.cushion_frequency_ratio > 1.0 && self.cushion_frequency_ratio < 2.0,
            ),
            ("cue_mass_kg", positive(self.cue_mass_kg)),
            ("cue_end_mass_kg", positive(self.cue_end_mass_kg)),
        ]
        .into_iter()
        .find_map(|(name, possible)| (!possible).then_some(name))
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::POOL
    }
}

impl BallFriction {
    /// Clean pool balls.
    pub const POOL: Self = Self {
        floor: 0.009_951,
        rise: 0.108,
        decay_s_m: 1.088,
    };

    /// The coefficient at a speed of slip (m/s).
    #[must_use]
    pub fn at(&self, slip_m_s: f64) -> f64 {
        self.floor + self.rise * (-self.decay_s_m * slip_m_s).exp()
    }
}

impl CushionRestitution {
    /// The restitution at a normal speed of impact (m/s).
    #[must_use]
    pub fn at(&self, normal_speed_m_s: f64) -> f64 {
        match *self {
            Self::Constant(e) => e,
            Self::Falling {
                slow,
                drop_s_m,
                least,
            } => (slow - drop_s_m * normal_speed_m_s).max(least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ball_friction_follows_marlow() {
        // Marlow's data as quoted by Alciatore: 0.11 / 0.06 / 0.01 at 0.07 / 0.71 / 7.1 m/s.
        for (slip, mu) in [(0.07, 0.11), (0.71, 0.06), (7.1, 0.01)] {
            assert!((BallFriction::POOL.at(slip) - mu).abs() < 0.006);
        }
    }

    #[test]
    fn impossible_parameters_are_named() {
        assert_eq!(Parameters::POOL.first_impossible(), None);
        let still = Parameters {
            roll_friction: 0.0,
            ..Parameters::POOL
        };
        assert_eq!(still.first_impossible(), Some("roll_friction"));
        let lively = Parameters {
            cushion_restitution: CushionRestitution::Constant(1.2),
            ..Parameters::POOL
        };
        assert_eq!(lively.first_impossible(), Some("cushion_restitution"));
        let unknown = Parameters {
            gravity_m_s2: f64::NAN,
            ..Parameters::POOL
        };
        assert_eq!(unknown.first_impossible(), Some("gravity_m_s2"));
    }

    #[test]
    fn falling_restitution_has_a_floor() {
        let e = CushionRestitution::Falling {
            slow: 0.98,
            drop_s_m: 0.05,
            least: 0.7,
        };
        assert!((e.at(1.0) - 0.93).abs() < 1e-12);
        assert!((e.at(20.0) - 0.7).abs() < 1e-12);
    }
}
