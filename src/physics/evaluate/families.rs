//! Shots of every kind, made up by seed: the families of the reference set, for timing.

use std::time::Instant;

use crate::physics::prediction::BallState;
use crate::physics::{CueStrike, Simulator};
use crate::table::{Geometry, PocketId, TableSpec};
use crate::units::{Vec2, unit};

/// A shot of a family. The cue ball is the first ball.
#[derive(Clone, Debug)]
pub struct FamilyShot {
    /// Name, `cut-012`.
    pub id: String,
    /// Family.
    pub family: &'static str,
    /// Centres, metres, the cue ball first.
    pub places: Vec<Vec2>,
    /// The stroke.
    pub strike: CueStrike,
}

impl FamilyShot {
    /// The balls at rest.
    #[must_use]
    pub fn balls(&self) -> Vec<BallState> {
        self.places.iter().copied().map(BallState::resting).collect()
    }

    /// True for a break.
    #[must_use]
    pub fn is_break(&self) -> bool {
        self.family.starts_with("break")
    }
}

/// What a family's shots cost.
#[derive(Clone, Debug)]
pub struct FamilyTime {
    /// Family.
    pub family: &'static str,
    /// Time of each shot, microseconds: the median of its runs.
    pub us: Vec<f64>,
    /// Mean number of events of a shot.
    pub events: f64,
}

/// Every family with its shots, valid on `table`.
#[must_use]
pub fn all(table: &TableSpec, seed: u64) -> Vec<FamilyShot> {
    const SIZES: [(&str, usize); 17] = [
        ("straight", 10),
        ("swerve", 4),
        ("follow_draw", 10),
        ("cut", 34),
        ("throw", 12),
        ("kick1", 16),
        ("kick23", 10),
        ("bank", 5),
        ("combo", 5),
        ("frozen", 5),
        ("near_rail", 2),
        ("cluster", 5),
        ("corner", 11),
        ("rattle", 6),
        ("side", 8),
        ("break9", 3),
        ("break8", 3),
    ];
    let mut maker = Maker::new(table, seed);
    let mut shots = Vec::new();
    for (family, size) in SIZES {
        for _ in 0..size {
            let (places, strike) = maker.make(family);
            shots.push(FamilyShot {
                id: format!("{family}-{:03}", shots.len()),
                family,
                places,
                strike,
            });
        }
    }
    shots
}

/// Times each shot `runs` times.
#[must_use]
pub fn time(simulator: &mut Simulator, shots: &[FamilyShot], runs: usize) -> Vec<FamilyTime> {
    let mut told: Vec<FamilyTime> = Vec::new();
    for shot in shots {
        let balls = shot.balls();
        let events = simulator.play(&balls, Some((0, shot.strike))).events.len() as f64;
        let mut times: Vec<f64> = (0..runs.max(1))
            .map(|_| {
                let began = Instant::now();
                simulator.play(&balls, Some((0, shot.strike)));
                began.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        let us = median(&mut times);
        match told.last_mut().filter(|t| t.family == shot.family) {
            Some(family) => {
                family.us.push(us);
                family.events += events;
            }
            None => told.push(FamilyTime {
                family: shot.family,
                us: vec![us],
                events,
            }),
        }
    }
    for family in &mut told {
        family.events /= family.us.len().max(1) as f64;
    }
    told
}

/// The middle one of some numbers; 0 of none.
#[must_use]
pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

/// Simulates the shots a player could think of, eight balls on the table: every ball into every
/// pocket with several speeds and spins. Gives shots and seconds.
#[must_use]
pub fn suggestions(table: &TableSpec, layouts: usize, seed: u64) -> (usize, f64) {
    let mut maker = Maker::new(table, seed);
    let mut simulator = Simulator::new(table);
    let (mut count, mut seconds) = (0, 0.0);
    let radius = table.ball.radius_m;
    for layout in 0..=layouts {
        let balls: Vec<BallState> = maker.scatter(8).into_iter().map(BallState::resting).collect();
        let Some(cue) = balls.first().map(|ball| ball.position) else {
            continue;
        };
        let mut strokes = Vec::new();
        for object in balls.iter().skip(1) {
            for pocket in &maker.geometry.pockets {
                let ghost =
                    object.position - (pocket.centre - object.position).normalize_or_zero() * (2.0 * radius);
                let aim = ghost - cue;
                if aim.dot(pocket.centre - object.position) <= 0.0 {
                    continue;
                }
                for speed in [1.0, 2.0, 3.5] {
                    for height in [-0.35, 0.0, 0.35] {
                        strokes.push(CueStrike {
                            height,
                            ..stroke(speed, aim.to_angle())
                        });
                    }
                }
            }
        }
        let began = Instant::now();
        for stroke in &strokes {
            simulator.play(&balls, Some((0, *stroke)));
        }
        // The first layout warms up.
        if layout > 0 {
            seconds += began.elapsed().as_secs_f64();
            count += strokes.len();
        }
    }
    (count, seconds)
}

struct Maker {
    random: fastrand::Rng,
    simulator: Simulator,
    geometry: Geometry,
    radius: f64,
    /// Where a ball may lie: |x|, |y| of its centre, metres.
    room: Vec2,
    foot_spot: Vec2,
}

impl Maker {
    fn new(table: &TableSpec, seed: u64) -> Self {
        let radius = table.ball.radius_m;
        // A little off the noses.
        let margin = Vec2::splat(radius + 0.002);
        Self {
            random: fastrand::Rng::with_seed(seed),
            simulator: Simulator::new(table),
            geometry: Geometry::of(table),
            radius,
            room: Vec2::new(table.half_length_m(), table.half_width_m()) - margin,
            foot_spot: Vec2::new(table.half_length_m() / 2.0, 0.0),
        }
    }

    /// A valid shot of this family.
    fn make(&mut self, family: &str) -> (Vec<Vec2>, CueStrike) {
        // Most are valid at once; a family that never is would be a mistake here.
        for _ in 0..10_000 {
            let (places, strike) = self.attempt(family);
            let balls: Vec<_> = places.iter().copied().map(BallState::resting).collect();
            if self.simulator.check(&balls, Some(&(0, strike))).is_ok() {
                return (places, strike);
            }
        }
        (vec![Vec2::ZERO], stroke(1.0, 0.0))
    }

    fn attempt(&mut self, family: &str) -> (Vec<Vec2>, CueStrike) {
        let d = 2.0 * self.radius;
        let speed = self.between(0.7, 2.2);
        match family {
            "straight" => {
                let direction = self.between(0.0, std::f64::consts::TAU);
                (vec![self.anywhere()], self.spun(0.0, 0.3 * speed, direction))
            }
            "swerve" => {
                let (side, direction) = (self.between(-0.4, 0.4), self.between(-0.3, 0.3));
                let strike = CueStrike {
                    elevation: self.between(0.15, 0.6),
                    side,
                    ..stroke(0.6 * speed, direction)
                };
                (vec![self.anywhere()], strike)
            }
            "follow_draw" => self.hit(0.0, 0.0, speed, [-0.5, 0.5]),
            "cut" => {
                let cut = self.between(2.0, 80.0);
                self.hit(cut, 0.0, speed, [0.0, 0.0])
            }
            "throw" => {
                let (cut, side) = (self.between(0.0, 50.0), self.between(-0.45, 0.45));
                self.hit(cut, side, speed, [-0.2, 0.3])
            }
            "kick1" => {
                let angle = self.between(20.0, 160.0);
                (vec![self.anywhere()], self.spun(0.4, speed, angle.to_radians()))
            }
            "kick23" => {
                let angle = self.between(0.0, 360.0);
                (
                    vec![self.anywhere()],
                    self.spun(0.4, 2.0 * speed, angle.to_radians()),
                )
            }
            "bank" => {
                let cut = self.between(-50.0, 50.0);
                self.hit(cut, 0.0, 1.5 * speed, [-0.3, 0.3])
            }
            "combo" | "frozen" => {
                let gap = if family == "frozen" {
                    1e-6
                } else {
                    self.between(0.1, 0.3)
                };
                let (mut places, strike) = self.hit(4.0, 0.0, 1.5 * speed, [0.0, 0.3]);
                let away = unit(strike.direction + self.between(-0.2, 0.2));
                if let Some(object) = places.get(1).copied() {
                    places.push(object + away * (d + gap));
                }
                (places, strike)
            }
            "near_rail" => {
                let place = Vec2::new(self.between(-0.6, 0.6), self.room.y);
                let direction = self.between(-0.02, 0.02);
                (vec![place], stroke(0.5 * speed, direction))
            }
            "cluster" => {
                let (mut places, strike) = self.hit(10.0, 0.0, 1.5 * speed, [0.0, 0.3]);
                if let Some(object) = places.get(1).copied() {
                    for i in 0..self.random.usize(2..5) {
                        let around = unit(strike.direction + (i as f64 - 1.5) * 1.05);
                        places.push(object + around * (d + 1e-5));
                    }
                }
                (places, strike)
            }
            "corner" | "rattle" => {
                let off = if family == "rattle" { 0.03 } else { 0.012 };
                self.at_pocket(PocketId::FootLeft, speed, off)
            }
            "side" => self.at_pocket(PocketId::SideLeft, speed, 0.012),
            _ => self.break_shot(family),
        }
    }

    /// A cue ball that hits an object ball at this cut angle (degrees).
    fn hit(&mut self, cut_deg: f64, side: f64, speed: f64, height: [f64; 2]) -> (Vec<Vec2>, CueStrike) {
        let object = self.anywhere();
        let direction = self.between(0.0, std::f64::consts::TAU);
        let away = self.between(0.15, 0.8);
        let ghost = object - unit(direction + cut_deg.to_radians()) * (2.0 * self.radius);
        let strike = CueStrike {
            side,
            height: self.between(height[0], height[1]),
            ..stroke(speed, direction)
        };
        (vec![ghost - unit(direction) * away, object], strike)
    }

    /// A ball shot at a pocket, a little off its middle.
    fn at_pocket(&mut self, pocket: PocketId, speed: f64, off: f64) -> (Vec<Vec2>, CueStrike) {
        let place = self.anywhere();
        let centre = self.geometry.pocket(pocket).map_or(Vec2::X, |p| p.centre);
        let direction = (centre - place).to_angle() + self.between(-off, off);
        (vec![place], stroke(speed, direction))
    }

    fn break_shot(&mut self, family: &str) -> (Vec<Vec2>, CueStrike) {
        let spot = self.foot_spot;
        let cue = Vec2::new(-spot.x, self.between(-0.1, 0.1));
        let pitch = 2.0 * self.radius + 1e-5;
        let rows: &[usize] = if family == "break9" {
            &[1, 2, 3, 2, 1]
        } else {
            &[1, 2, 3, 4, 5]
        };
        let mut places = vec![cue];
        for (row, &count) in rows.iter().enumerate() {
            for seat in 0..count {
                let across = seat as f64 - 0.5 * (count as f64 - 1.0);
                places.push(spot + Vec2::new(row as f64 * pitch * 0.75_f64.sqrt(), across * pitch));
            }
        }
        let speed = self.between(6.0, 10.0);
        let direction = (spot - cue).to_angle() + self.between(-0.005, 0.005);
        (places, stroke(speed, direction))
    }

    /// So many places, apart from each other.
    fn scatter(&mut self, count: usize) -> Vec<Vec2> {
        let mut places: Vec<Vec2> = Vec::new();
        while places.len() < count {
            let place = self.anywhere();
            if places.iter().all(|p| p.distance(place) > 2.2 * self.radius) {
                places.push(place);
            }
        }
        places
    }

    fn anywhere(&mut self) -> Vec2 {
        Vec2::new(
            self.between(-self.room.x, self.room.x),
            self.between(-self.room.y, self.room.y),
        )
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.f64()
    }

    fn spun(&mut self, side: f64, speed: f64, direction: f64) -> CueStrike {
        CueStrike {
            side: self.between(-side, side),
            height: self.between(-0.3, 0.4),
            ..stroke(speed, direction)
        }
    }
}

/// A level stroke at the middle of the ball.
fn stroke(speed: f64, direction: f64) -> CueStrike {
    CueStrike {
        stick_speed_m_s: speed,
        direction,
        elevation: 0.0,
        side: 0.0,
        height: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_there_and_every_shot_can_be_played() {
        let table = TableSpec::reference_9ft();
        let shots = all(&table, 5);
        assert_eq!(shots.len(), 149);
        let mut simulator = Simulator::new(&table);
        for shot in &shots {
            let balls = shot.balls();
            assert_eq!(
                simulator.check(&balls, Some(&(0, shot.strike))),
                Ok(()),
                "{}",
                shot.id
            );
            let prediction = simulator.play(&balls, Some((0, shot.strike)));
            assert!(
                prediction.events.len() > 1 && !prediction.truncated,
                "{}",
                shot.id
            );
        }
        let again = all(&table, 5);
        assert!(
            shots
                .iter()
                .zip(&again)
                .all(|(a, b)| a.places == b.places && a.strike == b.strike)
        );
    }
}
