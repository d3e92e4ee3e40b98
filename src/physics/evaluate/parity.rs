//! Against shots that another simulator has played: whole shots, and impact by impact.

use crate::physics::Simulator;
use crate::physics::prediction::{BallIndex, BallState, EventKind, Motion, Prediction};
use crate::physics::{BadInput, CueStrike};
use crate::table::PocketId;
use crate::units::{Vec2, Vec3};

/// A shot as the other simulator played it.
#[derive(Clone, Debug)]
pub struct Played {
    /// Name.
    pub id: String,
    /// Family: shots of a kind.
    pub family: String,
    /// The balls before the stroke, and the stroke of the cue ball.
    pub balls: Vec<BallState>,
    /// Which ball is struck, and how.
    pub strike: (BallIndex, CueStrike),
    /// Where each ball ends.
    pub ends: Vec<End>,
    /// The first events, in order.
    pub events: Vec<EventKind>,
    /// How many events there were in all.
    pub events_total: usize,
    /// Impacts with the states just before and after.
    pub impacts: Vec<Impact>,
    /// A break: chaotic by nature.
    pub is_break: bool,
    /// How far a ball's rest moves when the stroke is a hair different, metres; `None` when
    /// pocketing changes with it.
    pub sensitivity_m: Option<f64>,
}

impl Played {
    /// A shot in which a hair's difference in the stroke moves no ball by 5 mm: both simulators
    /// must agree on it.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        !self.is_break && self.sensitivity_m.is_some_and(|shift| shift < 0.005)
    }
}

/// Where a ball ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// At rest here, metres.
    Rests(Vec2),
    /// In this pocket.
    Falls(PocketId),
}

/// One impact: who, and the states of those just before and after.
#[derive(Clone, Copy, Debug)]
pub enum Impact {
    /// A ball and a straight cushion (index into noses, then facings).
    Line(usize, BallState, BallState),
    /// A ball and a rounded jaw (index into jaws).
    Jaw(usize, BallState, BallState),
    /// Two balls.
    Balls([BallState; 2], [BallState; 2]),
}

/// How one shot compares.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Name.
    pub id: String,
    /// Family.
    pub family: String,
    /// See [`Played::is_stable`].
    pub stable: bool,
    /// See [`Played::is_break`].
    pub is_break: bool,
    /// Largest distance between the places where a ball rests in both, metres.
    pub rest_error_m: f64,
    /// Every ball ends in the same pocket or in none in both.
    pub same_pockets: bool,
    /// How many of the listed events come in the same order.
    pub events_alike: usize,
    /// How many events are listed.
    pub events_listed: usize,
    /// Both have as many events in all.
    pub same_count: bool,
    /// Balls pocketed, there and here.
    pub pocketed: [usize; 2],
    /// Spread of the places of rest, there and here: metres rms from their middle.
    pub scatter_m: [f64; 2],
    /// Time the simulation took, microseconds.
    pub took_us: f64,
}

/// Plays a shot and compares. The time is that of the fastest of `rounds` runs.
///
/// # Errors
/// [`BadInput`] when the shot can't be played.
pub fn compare(simulator: &mut Simulator, played: &Played, rounds: u32) -> Result<Compared, BadInput> {
    simulator.check(&played.balls, Some(&played.strike))?;
    let mut took_us = f64::INFINITY;
    for _ in 0..rounds.max(1) {
        let began = std::time::Instant::now();
        simulator.play(&played.balls, Some(played.strike));
        took_us = took_us.min(began.elapsed().as_secs_f64() * 1e6);
    }
    let prediction = simulator.play(&played.balls, Some(played.strike));
    let ours: Vec<End> = (0..played.balls.len())
        .map(|ball| end_of(prediction, ball))
        .collect();
    let alike = played.events.iter().zip(&prediction.events);
    let rests = |ends: &[End]| -> Vec<Vec2> {
        ends.iter()
            .filter_map(|end| match end {
                End::Rests(place) => Some(*place),
                End::Falls(_) => None,
            })
            .collect()
    };
    let both = played.ends.iter().zip(&ours);
    Ok(Compared {
        id: played.id.clone(),
        family: played.family.clone(),
        stable: played.is_stable(),
        is_break: played.is_break,
        rest_error_m: both
            .clone()
            .filter_map(|pair| match pair {
                (End::Rests(a), End::Rests(b)) => Some(a.distance(*b)),
                _ => None,
            })
            .fold(0.0, f64::max),
        same_pockets: both.clone().all(|(a, b)| match (a, b) {
            (End::Falls(a), End::Falls(b)) => a == b,
            (End::Rests(_), End::Rests(_)) => true,
            _ => false,
        }),
        events_alike: alike.take_while(|(theirs, ours)| **theirs == ours.kind).count(),
        events_listed: played.events.len(),
        same_count: played.events_total == prediction.events.len(),
        pocketed: [&played.ends, &ours]
            .map(|ends| ends.iter().filter(|end| matches!(end, End::Falls(_))).count()),
        scatter_m: [scatter(&rests(&played.ends)), scatter(&rests(&ours))],
        took_us,
    })
}

fn end_of(prediction: &Prediction, ball: BallIndex) -> End {
    match prediction.pocket_of(ball) {
        Some(pocket) => End::Falls(pocket),
        None => End::Rests(
            prediction
                .paths
                .get(ball)
                .map(|p| p.end.position)
                .unwrap_or_default(),
        ),
    }
}

/// Root mean square distance from the common middle, metres.
fn scatter(places: &[Vec2]) -> f64 {
    let count = places.len().max(1) as f64;
    let middle = places.iter().copied().sum::<Vec2>() / count;
    (places.iter().map(|p| p.distance_squared(middle)).sum::<f64>() / count).sqrt()
}

/// Largest difference after one impact from the same states.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepError {
    /// m/s.
    pub velocity_m_s: f64,
    /// Of the ball's surface, m/s.
    pub spin_m_s: f64,
}

/// Resolves one impact by our model and compares.
#[must_use]
pub fn compare_impact(simulator: &Simulator, impact: &Impact) -> StepError {
    let rules = &simulator.rules;
    let error = |ours: &BallState, theirs: &BallState| StepError {
        velocity_m_s: ours.velocity.distance(theirs.velocity),
        spin_m_s: ours.spin.distance(theirs.spin) * rules.radius,
    };
    match *impact {
        Impact::Line(line, mut ball, after) => {
            rules.line_touches(&mut ball, line, Default::default());
            error(&ball, &after)
        }
        Impact::Jaw(jaw, mut ball, after) => {
            if let Some(arc) = rules.geometry.jaws.get(jaw) {
                rules.jaw_touches(&mut ball, arc.centre, arc.radius, Default::default());
            }
            error(&ball, &after)
        }
        Impact::Balls([mut a, mut b], after) => {
            rules.balls_touch(&mut a, &mut b, [rules.ball.mass_kg; 2], false);
            let (one, other) = (error(&a, &after[0]), error(&b, &after[1]));
            StepError {
                velocity_m_s: one.velocity_m_s.max(other.velocity_m_s),
                spin_m_s: one.spin_m_s.max(other.spin_m_s),
            }
        }
    }
}

/// A ball from `[x, y, vx, vy, wx, wy, wz]` (m, m/s, rad/s).
#[must_use]
pub fn ball_of(numbers: [f64; 7]) -> BallState {
    let [x, y, vx, vy, wx, wy, wz] = numbers;
    BallState {
        position: Vec2::new(x, y),
        velocity: Vec2::new(vx, vy),
        spin: Vec3::new(wx, wy, wz),
        motion: Motion::Sliding,
    }
}
