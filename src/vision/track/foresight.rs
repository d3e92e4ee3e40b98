//! Where balls will be a moment later, the contacts on the way included.
//!
//! Balls go straight on, slow down as they roll, and meet one another and the cushions as equal spheres and
//! walls with a usual loss. It is meant for the time between two looks; the physics of a whole shot is
//! `crate::physics`, which lies further down the street.

use crate::table::{Geometry, PocketId, Segment};
use crate::units::Vec2;

/// Speed after a meeting of two balls along their line of centres as a share of that before.
const BALLS_KEEP: f64 = 0.95;
/// Speed after a cushion, across it and along it, as shares of those before.
const CUSHION_KEEPS: [f64; 2] = [0.8, 0.95];
/// A rolling ball slows down by so much, m/s².
pub(super) const ROLLING_M_S2: f64 = 0.12;
/// Contacts looked at in one go at most.
const MOST_CONTACTS: usize = 48;

/// A ball on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    pub(super) place: Vec2,
    pub(super) velocity: Vec2,
    /// How much contacts have changed its velocity, m/s, summed up.
    pub(super) changed: f64,
    /// How long ago its first contact was, seconds.
    pub(super) since_s: f64,
    /// The pocket it has gone into, and how long ago.
    pub(super) fell: Option<(PocketId, f64)>,
    /// It meets nothing.
    pub(super) alone: bool,
}

impl Body {
    pub(super) fn new(place: Vec2, velocity: Vec2) -> Self {
        Self {
            place,
            velocity,
            ..Self::default()
        }
    }

    fn touch(&mut self, velocity: Vec2, left_s: f64) {
        if self.changed == 0.0 {
            self.since_s = left_s;
        }
        self.changed += velocity.distance(self.velocity);
        self.velocity = velocity;
    }
}

/// What a ball meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Obstacle {
    Ball(usize),
    /// A wall, with its unit normal toward the table where it is met.
    Wall(Vec2),
}

/// The table as a ball's middle meets it.
#[derive(Debug)]
pub(super) struct Walls {
    geometry: Geometry,
    radius: f64,
}

impl Walls {
    pub(super) fn new(geometry: Geometry, radius: f64) -> Self {
        Self { geometry, radius }
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// True for places where a ball can be that is on the table, or on its way into a pocket.
    pub(super) fn holds(&self, place: Vec2) -> bool {
        let reach = self.geometry.noses.iter().fold(Vec2::ZERO, |reach, nose| {
            reach.max(nose.a.abs()).max(nose.b.abs())
        });
        let beyond = (place.abs() - reach).max_element();
        let in_pocket =
            |pocket: &crate::table::PocketCircle| pocket.centre.distance(place) < 2.0 * pocket.radius;
        beyond < self.radius || self.geometry.pockets.iter().any(in_pocket)
    }

    /// How far a ball at this place is from the nearest wall it could touch, metres, and the normal there.
    pub(super) fn nearest(&self, place: Vec2) -> Option<(f64, Vec2)> {
        let lines = self.geometry.noses.iter().chain(&self.geometry.facings);
        let of_lines = lines.map(|line| {
            let nearest = nearest_on(line, place);
            let off = place - nearest;
            let distance = off.length();
            let ahead = off.dot(line.normal);
            // A middle beyond the nose is deeper than touching.
            let gap = if ahead < 0.0 { -distance } else { distance } - self.radius;
            (gap, line.normal)
        });
        let of_jaws = self.geometry.jaws.iter().map(|jaw| {
            let off = place - jaw.centre;
            (off.length() - jaw.radius - self.radius, off.normalize_or_zero())
        });
        of_lines
            .chain(of_jaws)
            .min_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))
    }

    /// When a ball that goes straight on first meets a wall within `most_s`, and the wall's normal.
    pub(super) fn first(&self, place: Vec2, velocity: Vec2, most_s: f64) -> Option<(f64, Vec2)> {
        let reach = velocity.length() * most_s;
        if reach < 1e-9 {
            return None;
        }
        let lines = self.geometry.noses.iter().chain(&self.geometry.facings);
        let of_lines = lines.filter_map(|line| {
            let closing = -velocity.dot(line.normal);
            if closing <= 1e-9 {
                return None;
            }
            let gap = (place - line.a).dot(line.normal) - self.radius;
            let time = gap / closing;
            // A little inside already, by an error of the look, is at the wall.
            let time = if (-0.5 * self.radius..0.0).contains(&gap) {
                0.0
            } else {
                time
            };
            let at = place + velocity * time;
            let along = (line.b - line.a).normalize_or_zero();
            let share = (at - line.a).dot(along);
            let on = (0.0..=(line.b - line.a).length()).contains(&share);
            ((0.0..=most_s).contains(&time) && on).then_some((time, line.normal))
        });
        let of_jaws = self.geometry.jaws.iter().filter_map(|jaw| {
            let time = meeting(place - jaw.centre, velocity, jaw.radius + self.radius)?;
            let normal = (place + velocity * time - jaw.centre).normalize_or_zero();
            (time <= most_s).then_some((time, normal))
        });
        of_lines.chain(of_jaws).min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// When a ball that goes straight on gets over the edge of a hole.
    fn pocket(&self, place: Vec2, velocity: Vec2, most_s: f64) -> Option<(f64, PocketId)> {
        let into = self.geometry.pockets.iter().filter_map(|pocket| {
            let off = place - pocket.centre;
            if off.length() < pocket.radius {
                return Some((0.0, pocket.id));
            }
            let time = meeting(off, velocity, pocket.radius)?;
            (time <= most_s).then_some((time, pocket.id))
        });
        into.min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// Lets all bodies go on for `time_s`.
    pub(super) fn foresee(&self, bodies: &mut [Body], time_s: f64) {
        let mut left = time_s;
        for _ in 0..MOST_CONTACTS {
            let Some((time, index, obstacle)) = self.next(bodies, left) else {
                break;
            };
            advance(bodies, time);
            left -= time;
            self.meet(bodies, index, obstacle, left);
        }
        advance(bodies, left);
        for body in bodies.iter_mut() {
            let slower = (body.velocity.length() - ROLLING_M_S2 * time_s).max(0.0);
            body.velocity = body.velocity.normalize_or_zero() * slower;
        }
    }

    fn next(&self, bodies: &[Body], most_s: f64) -> Option<(f64, usize, Met)> {
        let mut first: Option<(f64, usize, Met)> = None;
        let mut note = |time: f64, index: usize, met: Met| {
            if first.is_none_or(|(known, ..)| time < known) {
                first = Some((time, index, met));
            }
        };
        for (index, body) in bodies.iter().enumerate() {
            if body.fell.is_some() || body.alone {
                continue;
            }
            let moves = body.velocity != Vec2::ZERO;
            if moves {
                if let Some((time, pocket)) = self.pocket(body.place, body.velocity, most_s) {
                    note(time, index, Met::Pocket(pocket));
                }
                if let Some((time, normal)) = self.first(body.place, body.velocity, most_s) {
                    note(time, index, Met::Obstacle(Obstacle::Wall(normal)));
                }
            }
            for (other, there) in bodies.iter().enumerate().skip(index + 1) {
                if there.fell.is_some() || there.alone || !(moves || there.velocity != Vec2::ZERO) {
                    continue;
                }
                let (off, closing) = (body.place - there.place, body.velocity - there.velocity);
                if let Some(time) = meeting(off, closing, 2.0 * self.radius).filter(|time| *time <= most_s) {
                    note(time, index, Met::Obstacle(Obstacle::Ball(other)));
                }
            }
        }
        first
    }

    fn meet(&self, bodies: &mut [Body], index: usize, met: Met, left_s: f64) {
        let Some(body) = bodies.get(index).copied() else {
            return;
        };
        match met {
            Met::Pocket(pocket) => {
                if let Some(body) = bodies.get_mut(index) {
                    body.fell = Some((pocket, left_s));
                    body.velocity = Vec2::ZERO;
                }
            }
            Met::Obstacle(Obstacle::Wall(normal)) => {
                let [across, along] = CUSHION_KEEPS;
                let into = body.velocity.dot(normal);
                let beside = body.velocity - normal * into;
                if let Some(body) = bodies.get_mut(index) {
                    body.touch(beside * along - normal * (into * across), left_s);
                }
            }
            Met::Obstacle(Obstacle::Ball(other)) => {
                let Some(there) = bodies.get(other).copied() else {
                    return;
                };
                let line = (there.place - body.place).normalize_or_zero();
                let change = line * (0.5 * (1.0 + BALLS_KEEP) * (body.velocity - there.velocity).dot(line));
                if let Some(body) = bodies.get_mut(index) {
                    body.touch(body.velocity - change, left_s);
                }
                if let Some(there) = bodies.get_mut(other) {
                    there.touch(there.velocity + change, left_s);
                }
            }
        }
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug)]
enum Met {
    Obstacle(Obstacle),
    Pocket(PocketId),
}

fn advance(bodies: &mut [Body], time_s: f64) {
    for body in bodies.iter_mut().filter(|b| b.fell.is_none()) {
        body.place += body.velocity * time_s;
    }
}

fn nearest_on(line: &Segment, place: Vec2) -> Vec2 {
    let way = line.b - line.a;
    let share = (place - line.a).dot(way) / way.length_squared().max(1e-12);
    line.a + way * share.clamp(0.0, 1.0)
}

/// When two middles `off` apart that move by `closing` against each other are `distance` apart; now, where they
/// are nearer and still come closer.
pub(super) fn meeting(off: Vec2, closing: Vec2, distance: f64) -> Option<f64> {
    let nearing = off.dot(closing);
    if nearing >= -1e-12 {
        return None;
    }
    let now = off.length_squared() - distance * distance;
    if now <= 0.0 {
        return Some(0.0);
    }
    let speed2 = closing.length_squared();
    let inside = nearing * nearing - speed2 * now;
    (inside >= 0.0).then(|| (-nearing - inside.sqrt()) / speed2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableSpec;

    fn walls() -> Walls {
        let table = TableSpec::pool_9ft();
        Walls::new(Geometry::of(&table), table.ball.radius_m)
    }

    #[test]
    fn a_ball_that_meets_another_full_gives_it_its_speed() {
        let mut bodies = [
            Body::new(Vec2::new(0.0, 0.0), Vec2::new(3.0, 0.0)),
            Body::new(Vec2::new(0.1, 0.0), Vec2::ZERO),
        ];
        walls().foresee(&mut bodies, 0.05);
        let [hit, gone] = bodies;
        assert!(
            hit.velocity.length() < 0.1 && (gone.velocity.x - 2.92).abs() < 0.05,
            "{bodies:?}"
        );
        // It went 42.85 mm, the other takes the rest.
        assert!(
            (hit.place.x - 0.0455).abs() < 0.003 && gone.place.x > 0.19,
            "{bodies:?}"
        );
        assert!(gone.changed > 2.0 && gone.since_s > 0.03);
    }

    #[test]
    fn a_ball_comes_back_from_a_cushion_and_goes_into_a_pocket() {
        let mut bodies = [
            Body::new(Vec2::new(0.5, 0.58), Vec2::new(0.5, 2.0)),
            Body::new(Vec2::new(1.2, 0.565), Vec2::new(1.5, 1.5)),
        ];
        walls().foresee(&mut bodies, 0.1);
        let [back, fallen] = bodies;
        assert!(
            back.velocity.y < -1.4 && back.place.y < 0.606 && back.velocity.x > 0.4,
            "{back:?}"
        );
        assert_eq!(fallen.fell.map(|f| f.0), Some(PocketId::FootLeft), "{fallen:?}");
    }

    #[test]
    fn a_rack_in_touch_passes_a_push_on_and_ends() {
        let mut bodies = vec![Body::new(Vec2::new(0.0, 0.0), Vec2::new(5.0, 0.0))];
        bodies.extend((1..8).map(|k| Body::new(Vec2::new(0.056 * f64::from(k), 0.0), Vec2::ZERO)));
        walls().foresee(&mut bodies, 0.02);
        assert!(bodies.last().is_some_and(|b| b.velocity.x > 1.0));
        assert!(
            bodies
                .iter()
                .all(|b| b.place.is_finite() && b.velocity.is_finite())
        );
    }

    #[test]
    fn who_is_near_a_wall_is_told_so() {
        let (gap, normal) = walls().nearest(Vec2::new(0.5, 0.6)).unwrap();
        assert!(
            (gap - 0.006_425).abs() < 1e-6 && normal == Vec2::NEG_Y,
            "{gap} {normal}"
        );
    }
}
