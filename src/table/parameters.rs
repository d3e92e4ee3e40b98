//! Everything about balls, cloth, cushions, pockets and cue tip that a measurement could change.

use serde::{Deserialize, Serialize};

use super::balls::BallSet;
use crate::units::Vec2;

/// The physical parameters of a table, its balls and the cue that strikes them.
///
/// [`Parameters::of_set`] has those fitted to measured truths (`docs/physics.md` tells how),
/// [`Parameters::REFERENCE`] those of pooltool 0.6.0 for comparison with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// How far the table is out of level: metres of fall per metre of way along x and y.
    /// Sets a rolling ball off its line; to first order in the slope.
    pub slope: Vec2,
    /// Restitution between two balls, by the speed at which they close. 0.92–0.98 (Alciatore).
    pub ball_restitution: Restitution,
    /// Friction between two balls.
    pub ball_friction: BallFriction,
    /// What ends the patter of two balls pressed together.
    pub pressed_balls: PressedBalls,
    /// Restitution of the cushion along the line from the nose to the ball's centre, by the speed
    /// along it.
    pub cushion_restitution: Restitution,
    /// Coefficient of friction between ball and cushion. 0.14 measured (Mathavan 2010), 0.2 usual.
    pub cushion_friction: f64,
    /// Ratio of the tangential to the normal frequency of the cushion's rubber (Stronge 2000),
    /// between 1 and 2; 1.8 as in pooltool.
    pub cushion_frequency_ratio: f64,
    /// What a pocket does with a ball.
    pub pocket: Pocket,
    /// Mass of the cue, kg: 20 oz.
    pub cue_mass_kg: f64,
    /// Mass of the cue's end that moves aside with the ball and so causes squirt, kg.
    /// A thirtieth of a ball is a low-squirt shaft (Alciatore, TP A.31).
    pub cue_end_mass_kg: f64,
    /// Restitution between tip and ball. Leather 0.71–0.75, phenolic 0.81–0.87 (Alciatore).
    pub tip_restitution: f64,
    /// Friction between chalked tip and ball: a tip further from the middle than
    /// μ / √(1 + μ²) ball radii slips off. 0.6 (Alciatore): 0.51 radii.
    pub tip_friction: f64,
    /// Restitution between ball and bed; tells how high an elevated stroke makes the ball hop.
    /// 0.5–0.7 (Alciatore).
    pub bed_restitution: f64,
    /// How all this changes with the temperature.
    pub drift: Drift,
}

/// Restitution (speed of separation over speed of approach) by the speed of approach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restitution {
    /// The same at every speed.
    Constant(f64),
    /// Straight lines between measured points (m/s, restitution) in order of speed; constant
    /// below the first and above the last.
    Curve([[f64; 2]; Restitution::POINTS]),
}

/// Friction between two balls, which falls with the speed of slip s (m/s):
/// μ = floor + rise · exp(−decay · s).
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

/// Impacts are resolved one pair at a time, so balls pressed together (a frozen row, a rack)
/// would patter for ever. What ends it is a rule, not physics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PressedBalls {
    /// A pair that meets more than sixteen times in a tenth of a millisecond stops bouncing.
    Merge,
    /// As in pooltool: of two balls whose speeds along the line of centres differ by less than
    /// 1 cm/s, and which go in about the same direction, the slower along that line takes a tenth
    /// of the other's. Makes energy; for comparison only.
    Share,
}

/// What a pocket does with a ball whose centre has passed the edge of the slate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pocket {
    /// It has it, whatever the speed (pooltool).
    Edge,
    /// The ball falls freely while it crosses the hole; the pocket has it once it has sunk by
    /// `depth_m`. Before that it can rebound from the back and the facings, and what comes back
    /// over the edge pays for the height it has to climb.
    Drop {
        /// Sunk this deep the ball can't come back, metres: at half its radius it meets the
        /// slate's edge at 30° above its equator and is wedged in.
        depth_m: f64,
        /// Restitution of the pocket's back (leather, rubber, plastic). No measurement is known:
        /// so dead that a ball shot straight in at 11 m/s stays in.
        liner_restitution: f64,
        /// Restitution of the facings, which are of harder rubber than the noses and backed by
        /// wood. No measurement is known: 0.7 lets a ball shot along the rail at 5 m/s find 94 %
        /// of the target that a slow one has, and one at 11 m/s a third.
        facing_restitution: f64,
    },
}

/// Change per kelvin away from the temperature at which the parameters hold, as a share.
/// All zero: no measurement of it is known; a venue finds its own by a lag in the morning and
/// one at night.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drift {
    /// Temperature at which the parameters hold, °C.
    pub holds_at_c: f64,
    /// Of the sliding friction, 1/K.
    pub slide_friction_per_k: f64,
    /// Of the rolling resistance, 1/K.
    pub roll_friction_per_k: f64,
    /// Of the restitution of the cushions, 1/K.
    pub cushion_restitution_per_k: f64,
}

impl Parameters {
    /// No table is further out of level than this, metres per metre: 5 mm in a metre.
    pub const STEEPEST: f64 = 0.005;

    /// Those of pooltool 0.6.0, for comparison with it: constant restitutions, a hard tip that
    /// never slips, pockets that take every ball whose centre passes their edge.
    pub const REFERENCE: Self = Self {
        gravity_m_s2: 9.81,
        slide_friction: 0.2,
        roll_friction: 0.01,
        spin_down_rad_s2: 10.9,
        slope: Vec2::ZERO,
        ball_restitution: Restitution::Constant(0.95),
        ball_friction: BallFriction::ALCIATORE,
        pressed_balls: PressedBalls::Share,
        cushion_restitution: Restitution::Constant(0.85),
        cushion_friction: 0.2,
        cushion_frequency_ratio: 1.8,
        pocket: Pocket::Edge,
        cue_mass_kg: 0.567,
        cue_end_mass_kg: 0.170_097 / 30.0,
        tip_restitution: 1.0,
        tip_friction: f64::INFINITY,
        bed_restitution: 0.5,
        drift: Drift::NONE,
    };

    /// Those of pool as fitted to measurements.
    pub const POOL: Self = Self {
        ball_restitution: Restitution::POOL_BALLS,
        ball_friction: BallFriction::FITTED,
        pressed_balls: PressedBalls::Merge,
        cushion_restitution: Restitution::POOL_CUSHION,
        pocket: Pocket::DROP,
        tip_restitution: 0.73,
        tip_friction: 0.6,
        ..Self::REFERENCE
    };

    /// Those of the game that is played with this set, on a table of its own kind.
    #[must_use]
    pub fn of_set(set: BallSet, ball_mass_kg: f64) -> Self {
        let pool = Self {
            cue_end_mass_kg: ball_mass_kg / 30.0,
            ..Self::POOL
        };
        match set {
            BallSet::Pool => pool,
            BallSet::Snooker => Self {
                slide_friction: 0.21,
                roll_friction: 0.0128,
                ball_restitution: Restitution::Constant(0.93),
                cushion_restitution: Restitution::SNOOKER_CUSHION,
                cushion_friction: 0.14,
                ..pool
            },
            BallSet::Carom => Self {
                cushion_friction: 0.15,
                ..pool
            },
        }
    }

    /// These parameters when the table is this warm.
    #[must_use]
    pub fn at_temperature(&self, celsius: f64) -> Self {
        let warmer = celsius - self.drift.holds_at_c;
        let by = |per_k: f64| (1.0 + per_k * warmer).max(0.0);
        Self {
            slide_friction: self.slide_friction * by(self.drift.slide_friction_per_k),
            roll_friction: self.roll_friction * by(self.drift.roll_friction_per_k),
            cushion_restitution: self
                .cushion_restitution
                .times(by(self.drift.cushion_restitution_per_k)),
            drift: Drift {
                holds_at_c: celsius,
                ..self.drift
            },
            ..*self
        }
    }

    /// The name of the first parameter that no table can have, if there is one.
    #[must_use]
    pub fn first_impossible(&self) -> Option<&'static str> {
        // Wide of anything measured, but not so wide that a shot lasts for ever.
        let positive = |v: f64| (1e-3..=1e3).contains(&v);
        let not_negative = |v: f64| v.is_finite() && v >= 0.0;
        let ratio = |v: f64| (0.05..=1.0).contains(&v);
        let friction = &self.ball_friction;
        let drift = &self.drift;
        let gentle = |per_k: f64| per_k.abs() <= 0.05;
        let pocket = match self.pocket {
            Pocket::Edge => true,
            Pocket::Drop {
                depth_m,
                liner_restitution,
                facing_restitution,
            } => positive(depth_m) && (0.0..=1.0).contains(&liner_restitution) && ratio(facing_restitution),
        };
        [
            ("gravity_m_s2", (0.5..=30.0).contains(&self.gravity_m_s2)),
            ("slide_friction", (0.01..=3.0).contains(&self.slide_friction)),
            // A ball that slips is braked more than one that rolls, on any cloth.
            (
                "roll_friction",
                positive(self.roll_friction) && self.roll_friction < self.slide_friction,
            ),
            ("spin_down_rad_s2", positive(self.spin_down_rad_s2)),
            // On a steeper table balls roll off by themselves, or the first order does not do.
            (
                "slope",
                self.slope.length() < 0.9 * self.roll_friction && self.slope.length() <= Self::STEEPEST,
            ),
            ("ball_restitution", self.ball_restitution.is_possible()),
            (
                "ball_friction",
                not_negative(friction.floor)
                    && not_negative(friction.rise)
                    && not_negative(friction.decay_s_m),
            ),
            ("cushion_restitution", self.cushion_restitution.is_possible()),
            ("cushion_friction", positive(self.cushion_friction)),
            (
                "cushion_frequency_ratio",
                self.cushion_frequency_ratio > 1.0 && self.cushion_frequency_ratio < 2.0,
            ),
            ("pocket", pocket),
            ("cue_mass_kg", positive(self.cue_mass_kg)),
            ("cue_end_mass_kg", (1e-6..=1e3).contains(&self.cue_end_mass_kg)),
            ("tip_restitution", ratio(self.tip_restitution)),
            // Infinite: a tip that never slips.
            ("tip_friction", self.tip_friction > 0.0),
            ("bed_restitution", (0.0..=1.0).contains(&self.bed_restitution)),
            (
                "drift",
                drift.holds_at_c.is_finite()
                    && gentle(drift.slide_friction_per_k)
                    && gentle(drift.roll_friction_per_k)
                    && gentle(drift.cushion_restitution_per_k),
            ),
        ]
        .into_iter()
        .find_map(|(name, possible)| (!possible).then_some(name))
    }
}

impl BallFriction {
    /// Clean pool balls (Alciatore, TP A.14).
    pub const ALCIATORE: Self = Self {
        floor: 0.009_951,
        rise: 0.108,
        decay_s_m: 1.088,
    };

    /// Between Marlow's data and Alciatore's measured throw and distance ratio, which ask for a
    /// tenth more than his fit of the former.
    pub const FITTED: Self = Self {
        floor: 0.01,
        rise: 0.115,
        decay_s_m: 1.05,
    };

    /// The coefficient at a speed of slip (m/s).
    #[must_use]
    pub fn at(&self, slip_m_s: f64) -> f64 {
        self.floor + self.rise * libm::exp(-self.decay_s_m * slip_m_s)
    }
}

impl Restitution {
    /// How many points a curve has.
    pub const POINTS: usize = 6;

    /// Two pool balls: 0.98 at a touch, where Alciatore's distance ratio asks for it, 0.92 at a
    /// break, all within his 0.92–0.98.
    pub const POOL_BALLS: Self = Self::Curve([
        [0.75, 0.98],
        [1.5, 0.96],
        [3.0, 0.95],
        [6.0, 0.94],
        [10.0, 0.93],
        [13.0, 0.92],
    ]);

    /// A snooker cushion: what returns a rolling ball as measured (Mathavan 2009, Fig. 9).
    pub const SNOOKER_CUSHION: Self = Self::Curve([
        [0.3, 0.778],
        [0.5, 0.887],
        [1.0, 0.938],
        [1.5, 0.926],
        [2.5, 0.864],
        [3.5, 0.788],
    ]);

    /// A pool cushion. Nobody has published its curve: the shape is that of the snooker
    /// cushion, kept within Alciatore's 0.6–0.9, and so high that a firm shot travels the
    /// 4–4½ lengths of the WPA.
    pub const POOL_CUSHION: Self = Self::Curve([
        [0.3, 0.85],
        [0.75, 0.90],
        [1.5, 0.90],
        [3.0, 0.88],
        [5.0, 0.86],
        [8.0, 0.80],
    ]);

    /// The restitution at a speed of approach (m/s).
    #[must_use]
    pub fn at(&self, speed_m_s: f64) -> f64 {
        let points = match self {
            Self::Constant(e) => return *e,
            Self::Curve(points) => points,
        };
        let mut before = points[0];
        for &point in points {
            if speed_m_s < point[0] {
                let way = point[0] - before[0];
                let share = if way > 0.0 {
                    ((speed_m_s - before[0]) / way).max(0.0)
                } else {
                    1.0
                };
                return before[1] + share * (point[1] - before[1]);
            }
            before = point;
        }
        before[1]
    }

    /// The same, multiplied, kept at or below 1.
    fn times(&self, factor: f64) -> Self {
        let scaled = |e: f64| (e * factor).min(1.0);
        match *self {
            Self::Constant(e) => Self::Constant(scaled(e)),
            Self::Curve(points) => Self::Curve(points.map(|[speed, e]| [speed, scaled(e)])),
        }
    }

    fn is_possible(&self) -> bool {
        let ratio = |v: f64| (0.05..=1.0).contains(&v);
        match self {
            Self::Constant(e) => ratio(*e),
            Self::Curve(points) => {
                points.iter().all(|[speed, e]| speed.is_finite() && ratio(*e))
                    && points.is_sorted_by(|a, b| a[0] <= b[0])
            }
        }
    }
}

impl Pocket {
    /// The usual pocket: half a pool ball's radius deep, a dead back.
    pub const DROP: Self = Self::Drop {
        depth_m: 0.0143,
        liner_restitution: 0.15,
        facing_restitution: 0.7,
    };
}

impl Drift {
    /// Nothing changes.
    pub const NONE: Self = Self {
        holds_at_c: 20.0,
        slide_friction_per_k: 0.0,
        roll_friction_per_k: 0.0,
        cushion_restitution_per_k: 0.0,
    };
}

impl Default for Drift {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ball_friction_follows_marlow() {
        // Marlow's data as quoted by Alciatore: 0.11 / 0.06 / 0.01 at 0.07 / 0.71 / 7.1 m/s.
        for (slip, mu) in [(0.07, 0.11), (0.71, 0.06), (7.1, 0.01)] {
            assert!((BallFriction::ALCIATORE.at(slip) - mu).abs() < 0.006);
        }
    }

    #[test]
    fn impossible_parameters_are_named() {
        for (name, parameters) in [
            (
                "roll_friction",
                Parameters {
                    roll_friction: 0.0,
                    ..Parameters::POOL
                },
            ),
            (
                "cushion_restitution",
                Parameters {
                    cushion_restitution: Restitution::Constant(1.2),
                    ..Parameters::POOL
                },
            ),
            (
                "ball_restitution",
                Parameters {
                    ball_restitution: Restitution::Curve([
                        [1.0, 0.9],
                        [0.5, 0.9],
                        [2.0, 0.9],
                        [3.0, 0.9],
                        [4.0, 0.9],
                        [5.0, 0.9],
                    ]),
                    ..Parameters::POOL
                },
            ),
            (
                "gravity_m_s2",
                Parameters {
                    gravity_m_s2: f64::NAN,
                    ..Parameters::POOL
                },
            ),
            (
                "slope",
                Parameters {
                    slope: Vec2::new(0.01, 0.0),
                    ..Parameters::POOL
                },
            ),
            (
                "slope",
                Parameters {
                    slope: Vec2::new(f64::NAN, 0.0),
                    ..Parameters::POOL
                },
            ),
            (
                "tip_friction",
                Parameters {
                    tip_friction: f64::NAN,
                    ..Parameters::POOL
                },
            ),
            (
                "pocket",
                Parameters {
                    pocket: Pocket::Drop {
                        depth_m: -1.0,
                        liner_restitution: 0.2,
                        facing_restitution: 0.6,
                    },
                    ..Parameters::POOL
                },
            ),
            (
                "drift",
                Parameters {
                    drift: Drift {
                        roll_friction_per_k: 7.0,
                        ..Drift::NONE
                    },
                    ..Parameters::POOL
                },
            ),
        ] {
            assert_eq!(parameters.first_impossible(), Some(name));
        }
        assert_eq!(Parameters::REFERENCE.first_impossible(), None);
        for set in [BallSet::Pool, BallSet::Snooker, BallSet::Carom] {
            assert_eq!(Parameters::of_set(set, 0.17).first_impossible(), None);
        }
    }

    #[test]
    fn a_curve_is_straight_between_its_points_and_flat_beyond() {
        let e = Restitution::Curve([
            [0.5, 0.9],
            [1.0, 0.8],
            [2.0, 0.8],
            [2.0, 0.7],
            [3.0, 0.6],
            [3.0, 0.6],
        ]);
        for (speed, expected) in [
            (0.1, 0.9),
            (0.5, 0.9),
            (0.75, 0.85),
            (1.5, 0.8),
            (2.0, 0.7),
            (2.5, 0.65),
            (9.0, 0.6),
        ] {
            assert!((e.at(speed) - expected).abs() < 1e-12, "{speed}: {}", e.at(speed));
        }
    }

    #[test]
    fn a_warm_table_plays_as_its_drift_says() {
        let drift = Drift {
            roll_friction_per_k: -0.01,
            cushion_restitution_per_k: 0.002,
            ..Drift::NONE
        };
        let cold = Parameters {
            drift,
            ..Parameters::REFERENCE
        };
        let warm = cold.at_temperature(30.0);
        assert!((warm.roll_friction - 0.009).abs() < 1e-12 && warm.slide_friction == 0.2);
        assert!((warm.cushion_restitution.at(1.0) - 0.867).abs() < 1e-12);
        // Twice the same temperature is no further change.
        assert_eq!(warm.at_temperature(30.0), warm);
    }
}
