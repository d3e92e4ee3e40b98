//! How a ball moves on the cloth between two events: sliding, rolling, spinning, in closed form.

use super::Parameters;
use super::prediction::{BallState, Motion, PathPiece};
use crate::units::{Vec2, Vec3};

/// One kind of motion under constant acceleration, from a given state on.
///
/// Sliding: friction acts against the slip u = v + ω × (−R ẑ) with the constant size μ g, so
/// the path is a parabola until, after 2|u| / (7 μ g), the ball rolls (Coriolis 1835).
/// Rolling: constant deceleration. The spin about the vertical decays on its own. Falling: over
/// the hole of a pocket, free of the cloth.
///
/// On a table out of level the downhill pull joins in: wholly on a sliding ball, 5/7 of it on a
/// rolling one (the rest turns the ball). Friction then turns with the slip, or the ball's way, so
/// a phase is cut into stretches in which that turns by at most [`BEND`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phase {
    /// Acceleration of the centre, m/s².
    pub acceleration: Vec2,
    /// Angular acceleration while the ball still spins about the vertical, rad/s².
    pub spin_acceleration: Vec3,
    /// How long the phase lasts if nothing happens, seconds; infinite at rest.
    pub duration_s: f64,
    /// When the spin about the vertical has died, seconds from the start of the phase.
    spin_stop_s: f64,
    /// The ball goes on in the same kind of motion when the phase has run out.
    bends: bool,
}

/// The direction of friction changes by no more than this in one phase on a slope, radians, and
/// what slips or rolls loses no more than a quarter of its speed.
const BEND: f64 = 0.01;
/// Slower than this a ball on a slope slips or rolls straight on until it doesn't any more, m/s.
const CREEP_M_S: f64 = 1e-3;

impl Phase {
    /// The phase that begins in `state`. A falling ball's goes on for ever: the pocket ends it.
    pub fn of(state: &BallState, radius: f64, parameters: &Parameters) -> Self {
        let spin_stop_s = state.spin.z.abs() / parameters.spin_down_rad_s2;
        let spin_down = if state.spin.z == 0.0 {
            0.0
        } else {
            -parameters.spin_down_rad_s2.copysign(state.spin.z)
        };
        let downhill = parameters.slope * parameters.gravity_m_s2;
        match state.motion {
            Motion::Sliding => {
                let friction = parameters.slide_friction * parameters.gravity_m_s2;
                let torque = 2.5 * friction / radius;
                // Friction brakes the centre, and its torque the slip two and a half times as much again.
                let stretch = Stretch::of(slip(state, radius), downhill, 3.5 * friction);
                Self {
                    acceleration: downhill - friction * stretch.along,
                    // −(5 μ g / 2R) (û × ẑ)
                    spin_acceleration: Vec3::new(
                        -torque * stretch.along.y,
                        torque * stretch.along.x,
                        spin_down,
                    ),
                    duration_s: stretch.duration_s,
                    spin_stop_s,
                    bends: stretch.bends,
                }
            }
            Motion::Rolling => {
                let resistance = parameters.roll_friction * parameters.gravity_m_s2;
                let pull = downhill * (5.0 / 7.0);
                let stretch = Stretch::of(state.velocity, pull, resistance);
                let acceleration = if stretch.bends {
                    pull - resistance * stretch.along
                } else {
                    // The last stretch ends at rest.
                    -(resistance - pull.dot(stretch.along)) * stretch.along
                };
                Self {
                    acceleration,
                    spin_acceleration: rolling_spin(acceleration, radius, spin_down),
                    duration_s: stretch.duration_s,
                    spin_stop_s,
                    bends: stretch.bends,
                }
            }
            Motion::Spinning => Self {
                spin_acceleration: Vec3::new(0.0, 0.0, spin_down),
                duration_s: spin_stop_s,
                spin_stop_s,
                ..Self::default()
            },
            Motion::Falling | Motion::Resting | Motion::Pocketed => Self {
                duration_s: f64::INFINITY,
                spin_stop_s: f64::INFINITY,
                ..Self::default()
            },
        }
    }

    /// The ball `tau` seconds into the phase that began in `from`.
    pub fn at(&self, from: &BallState, tau: f64) -> BallState {
        let mut spin = from.spin + self.spin_acceleration * tau;
        if tau >= self.spin_stop_s {
            spin.z = 0.0;
        }
        BallState {
            position: self.position_at(from, tau),
            velocity: from.velocity + self.acceleration * tau,
            spin,
            motion: from.motion,
        }
    }

    /// The centre `tau` seconds into the phase that began in `from`.
    pub fn position_at(&self, from: &BallState, tau: f64) -> Vec2 {
        from.position + (from.velocity + self.acceleration * (0.5 * tau)) * tau
    }

    /// What the ball does when the phase has run out. The conditions that define the next
    /// kind of motion are imposed exactly, so rounding can't leave a rolling ball slipping.
    pub fn end(&self, from: &BallState, radius: f64) -> BallState {
        if !self.duration_s.is_finite() {
            return *from;
        }
        let mut state = self.at(from, self.duration_s);
        match from.motion {
            Motion::Sliding if self.bends => {}
            Motion::Sliding => {
                state.spin = rolling_spin(state.velocity, radius, state.spin.z);
                state.motion = Motion::Rolling;
            }
            Motion::Rolling if self.bends => {
                state.spin = rolling_spin(state.velocity, radius, state.spin.z);
            }
            Motion::Rolling => {
                state.velocity = Vec2::ZERO;
                state.spin = Vec3::new(0.0, 0.0, state.spin.z);
                state.motion = if state.spin.z == 0.0 {
                    Motion::Resting
                } else {
                    Motion::Spinning
                };
            }
            Motion::Spinning => {
                state.velocity = Vec2::ZERO;
                state.spin = Vec3::ZERO;
                state.motion = Motion::Resting;
            }
            Motion::Falling | Motion::Resting | Motion::Pocketed => {}
        }
        state
    }

    /// Adds the way from `start_s`, where the phase began in `from`, to `end_s`: one piece,
    /// or two when the spin about the vertical dies on the way.
    pub fn record(&self, from: &BallState, start_s: f64, end_s: f64, pieces: &mut Vec<PathPiece>) {
        let stop = start_s + self.spin_stop_s;
        let moves = matches!(from.motion, Motion::Sliding | Motion::Rolling);
        let mut piece = PathPiece {
            start_s,
            end_s,
            from: *from,
            acceleration: self.acceleration,
            spin_acceleration: self.spin_acceleration,
        };
        if moves && stop < end_s && piece.spin_acceleration.z != 0.0 {
            if stop > start_s {
                piece.end_s = stop;
                pieces.push(piece);
            }
            piece.start_s = stop;
            piece.end_s = end_s;
            piece.from = self.at(from, self.spin_stop_s);
            piece.spin_acceleration.z = 0.0;
        }
        if piece.end_s > piece.start_s {
            pieces.push(piece);
        }
    }
}

/// How long the slip of a sliding ball, or the velocity of a rolling one, keeps its direction.
struct Stretch {
    /// Unit vector against which friction acts.
    along: Vec2,
    duration_s: f64,
    /// Another stretch follows.
    bends: bool,
}

impl Stretch {
    /// Of dw/dt = pull − friction ŵ (m/s²) from `w` (m/s) on. The pull is weaker than friction.
    fn of(w: Vec2, pull: Vec2, friction: f64) -> Self {
        let speed = w.length();
        let along = w.normalize_or_zero();
        let braking = friction - pull.dot(along);
        let whole_s = speed / braking;
        let across = pull - pull.dot(along) * along;
        if pull == Vec2::ZERO || across == Vec2::ZERO || speed < CREEP_M_S {
            return Self {
                along,
                duration_s: whole_s,
                bends: false,
            };
        }
        let duration_s = (BEND * speed / across.length()).min(0.25 * whole_s);
        // With |w| = speed − braking t the direction turns by (across / braking) ln(speed / |w|);
        // this is its mean over the stretch.
        let left = 1.0 - duration_s / whole_s;
        let turned = (left * libm::log(left) + 1.0 - left) / (1.0 - left);
        Self {
            along: (along + across / braking * turned).normalize_or_zero(),
            duration_s,
            bends: true,
        }
    }
}

/// The velocity of the point of the ball that touches the cloth, m/s.
pub(super) fn slip(state: &BallState, radius: f64) -> Vec2 {
    state.velocity + radius * Vec2::new(-state.spin.y, state.spin.x)
}

/// How a ball in this state moves, from velocity and spin alone.
pub(super) fn kind_of(state: &BallState, radius: f64) -> Motion {
    /// Less slip than this is rounding, m/s.
    const ROUNDING_M_S: f64 = 1e-9;
    if state.motion == Motion::Pocketed {
        Motion::Pocketed
    } else if slip(state, radius).length() > ROUNDING_M_S {
        Motion::Sliding
    } else if state.velocity.length() > ROUNDING_M_S {
        Motion::Rolling
    } else if state.spin.z != 0.0 {
        Motion::Spinning
    } else {
        Motion::Resting
    }
}

/// The spin ẑ × v / R of a ball that rolls with velocity v (and spins with `vertical`).
pub(super) fn rolling_spin(velocity: Vec2, radius: f64, vertical: f64) -> Vec3 {
    Vec3::new(-velocity.y / radius, velocity.x / radius, vertical)
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: f64 = 0.028_575;
    const POOL: Parameters = Parameters::REFERENCE;

    fn sliding(velocity: Vec2, spin: Vec3) -> BallState {
        BallState {
            velocity,
            spin,
            motion: Motion::Sliding,
            ..BallState::default()
        }
    }

    #[test]
    fn stun_shot_slides_and_then_rolls_at_five_sevenths() {
        for (v, distance, time) in [(1.0, 0.125, 0.146), (2.0, 0.499, 0.291), (4.0, 2.0, 0.58)] {
            let start = sliding(Vec2::new(v, 0.0), Vec3::ZERO);
            let phase = Phase::of(&start, R, &POOL);
            let end = phase.end(&start, R);
            assert!((phase.duration_s - time).abs() < 0.005);
            assert!((end.position.x - distance).abs() < 0.005);
            assert!((end.position.x - 12.0 * v * v / (49.0 * 0.2 * 9.81)).abs() < 1e-12);
            assert!((end.velocity.x - 5.0 / 7.0 * v).abs() < 1e-12);
            assert_eq!(end.motion, Motion::Rolling);
            assert!(slip(&end, R).length() < 1e-15);
        }
    }

    #[test]
    fn a_slide_ends_at_five_sevenths_v_plus_two_sevenths_of_the_spin() {
        let start = sliding(Vec2::new(1.3, -0.4), Vec3::new(12.0, -30.0, 5.0));
        let end = Phase::of(&start, R, &POOL).end(&start, R);
        // ω × R ẑ = R (ω_y, −ω_x)
        let spin = R * Vec2::new(start.spin.y, -start.spin.x);
        let expected = 5.0 / 7.0 * start.velocity + 2.0 / 7.0 * spin;
        assert!((end.velocity - expected).length() < 1e-12);
    }

    #[test]
    fn roll_out_distance() {
        for (v, distance) in [(0.25, 0.32), (0.5, 1.27), (0.75, 2.87), (1.0, 5.10), (2.0, 20.4)] {
            let mut start = sliding(Vec2::new(0.0, v), rolling_spin(Vec2::new(0.0, v), R, 0.0));
            start.motion = Motion::Rolling;
            let end = Phase::of(&start, R, &POOL).end(&start, R);
            assert!((end.position.y - distance).abs() < 0.006 * distance.max(1.0));
            assert_eq!(end.motion, Motion::Resting);
        }
    }

    #[test]
    fn a_lag_over_one_length_takes_seven_seconds() {
        // Jewett: t² = 2 L / (μ g): 7.2 s on a 9-ft table.
        let v = (2.0_f64 * 0.01 * 9.81 * 2.54).sqrt();
        let mut start = sliding(Vec2::new(v, 0.0), rolling_spin(Vec2::new(v, 0.0), R, 0.0));
        start.motion = Motion::Rolling;
        assert!((Phase::of(&start, R, &POOL).duration_s - 7.2).abs() < 0.05);
    }

    #[test]
    fn draw_comes_back() {
        let start = sliding(Vec2::new(0.5, 0.0), Vec3::new(0.0, -0.5 * 4.0 / R, 0.0));
        let end = Phase::of(&start, R, &POOL).end(&start, R);
        assert!(end.velocity.x < 0.0);
    }

    #[test]
    fn spin_about_the_vertical_dies_alone_and_splits_the_path() {
        let mut start = sliding(
            Vec2::new(1.0, 0.0),
            rolling_spin(Vec2::new(1.0, 0.0), R, 10.9 * 2.0),
        );
        start.motion = Motion::Rolling;
        let phase = Phase::of(&start, R, &POOL);
        let mut pieces = Vec::new();
        phase.record(&start, 1.0, 6.0, &mut pieces);
        assert_eq!(pieces.len(), 2);
        assert!((pieces[0].end_s - 3.0).abs() < 1e-12 && pieces[1].start_s == pieces[0].end_s);
        assert!((pieces[0].at(2.0).spin.z - 10.9).abs() < 1e-9);
        assert_eq!(pieces[1].at(5.0).spin.z, 0.0);
        assert!((pieces[1].at(6.0).position - phase.at(&start, 5.0).position).length() < 1e-12);
        assert!((phase.end(&start, R).spin.z).abs() < 1e-15);
    }

    #[test]
    fn a_ball_that_only_spins_stays() {
        let start = BallState {
            spin: Vec3::new(0.0, 0.0, -21.8),
            motion: Motion::Spinning,
            ..BallState::default()
        };
        let phase = Phase::of(&start, R, &POOL);
        assert!((phase.duration_s - 2.0).abs() < 1e-12);
        let end = phase.end(&start, R);
        assert_eq!((end.position, end.motion), (Vec2::ZERO, Motion::Resting));
    }

    #[test]
    fn motion_is_read_from_velocity_and_spin() {
        let v = Vec2::new(0.6, 0.8);
        assert_eq!(kind_of(&sliding(v, Vec3::ZERO), R), Motion::Sliding);
        assert_eq!(kind_of(&sliding(v, rolling_spin(v, R, 3.0)), R), Motion::Rolling);
        assert_eq!(
            kind_of(&sliding(Vec2::ZERO, Vec3::new(0.0, 0.0, 3.0)), R),
            Motion::Spinning
        );
        assert_eq!(kind_of(&sliding(Vec2::ZERO, Vec3::ZERO), R), Motion::Resting);
    }

    #[test]
    fn a_table_out_of_level_bends_a_roll_as_small_steps_do() {
        let sloping = Parameters {
            slope: Vec2::new(0.001, 0.003),
            ..POOL
        };
        let mut ball = sliding(Vec2::new(0.8, 0.0), rolling_spin(Vec2::new(0.8, 0.0), R, 0.0));
        ball.motion = Motion::Rolling;
        // The same equation of motion in steps of ten microseconds.
        let (mut p, mut v, dt) = (Vec2::ZERO, ball.velocity, 1e-5);
        let pull = sloping.slope * (9.81 * 5.0 / 7.0);
        while v.length() > CREEP_M_S {
            let a = pull - 0.0981 * v.normalize();
            p += (v + a * (0.5 * dt)) * dt;
            v += a * dt;
        }
        let mut phases = 0;
        while ball.motion == Motion::Rolling {
            ball = Phase::of(&ball, R, &sloping).end(&ball, R);
            phases += 1;
        }
        assert_eq!(ball.motion, Motion::Resting);
        assert!(ball.position.distance(p) < 5e-4, "{} {p}", ball.position);
        assert!(
            ball.position.y > 0.1 && phases < 200,
            "{} in {phases}",
            ball.position
        );
        // Straight downhill and straight uphill nothing bends.
        let mut down = sliding(Vec2::new(0.5, 0.0), rolling_spin(Vec2::new(0.5, 0.0), R, 0.0));
        down.motion = Motion::Rolling;
        let level = Phase::of(&down, R, &POOL).end(&down, R);
        let tilt = Parameters {
            slope: Vec2::new(0.002, 0.0),
            ..POOL
        };
        let further = Phase::of(&down, R, &tilt).end(&down, R);
        let expected = 0.25 / (2.0 * (0.0981 - 0.002 * 9.81 * 5.0 / 7.0));
        assert!(further.position.x > level.position.x && (further.position.x - expected).abs() < 1e-9);
    }
    #[test]
    fn a_table_out_of_level_turns_a_slide_as_small_steps_do() {
        // Draw across the steepest slope on the slickest cloth: it slips for more than a second.
        let sloping = Parameters {
            slope: Vec2::new(0.003, 0.004),
            slide_friction: 0.1,
            ..POOL
        };
        let mut ball = sliding(Vec2::new(1.5, 0.0), Vec3::new(3.0, -90.0, 20.0));
        let friction = 0.981;
        let (mut p, mut v, mut spin, dt) = (Vec2::ZERO, ball.velocity, ball.spin, 1e-5);
        while slip(&sliding(v, spin), R).length() > 1e-4 {
            let along = slip(&sliding(v, spin), R).normalize();
            let a = 9.81 * sloping.slope - friction * along;
            p += (v + a * (0.5 * dt)) * dt;
            v += a * dt;
            spin += Vec3::new(-along.y, along.x, 0.0) * (2.5 * friction / R * dt);
        }
        let (mut phases, mut slid_s) = (0, 0.0);
        while ball.motion == Motion::Sliding {
            let phase = Phase::of(&ball, R, &sloping);
            slid_s += phase.duration_s;
            ball = phase.end(&ball, R);
            phases += 1;
        }
        assert!(slid_s > 1.0 && phases < 40, "{slid_s} s in {phases}");
        assert!(ball.position.distance(p) < 1e-4, "{} {p}", ball.position);
        assert!(ball.velocity.distance(v) < 1e-4, "{} {v}", ball.velocity);
        assert!(
            (ball.spin - rolling_spin(v, R, ball.spin.z)).length() * R < 1e-4,
            "{}",
            ball.spin
        );
    }
}
