//! The scripted player's eye: which ball into which pocket, and how hard.

use crate::physics::CueStrike;
use crate::table::{BallSet, Geometry, PocketCircle, TableSpec};
use crate::units::{Vec2, unit};

/// A ball the player sees on the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) position: Vec2,
    /// The player may aim at it.
    pub(super) allowed: bool,
}

/// A pot that can be tried.
struct Pot {
    /// Index of the ball among the targets.
    target: usize,
    direction: f64,
    speed_m_s: f64,
    difficulty: f64,
}

/// Stick speed to ball speed for a centre hit with a 0.54 kg cue: 2 M/(m + M), about 1.5.
const STICK_TO_BALL: f64 = 1.5;
/// Deceleration of a rolling ball, m/s²: a tenth of a metre per second per second, near enough.
const ROLLING_M_S2: f64 = 0.1;

/// Corrections tried around the geometric line, degrees: a player knows that balls throw each other.
const CORRECTIONS_DEG: [f64; 9] = [0.0, 0.2, -0.2, 0.45, -0.45, 0.8, -0.8, 1.3, -1.3];

/// The shot the player chooses from the cue ball at `cue`, with a human's small error in aim.
///
/// `works` says of a strike and the index of the target whether that target would fall and
/// the cue ball stay up.
pub(super) fn choose(
    table: &TableSpec,
    geometry: &Geometry,
    cue: Vec2,
    targets: &[Target],
    random: &mut fastrand::Rng,
    mut works: impl FnMut(&CueStrike, usize) -> bool,
) -> CueStrike {
    let mut pots = pots(table, geometry, cue, targets);
    pots.sort_by(|a, b| a.difficulty.total_cmp(&b.difficulty));
    pots.truncate(3);
    let pick = (random.f64() * random.f64() * pots.len() as f64) as usize;
    if pick < pots.len() {
        pots.rotate_left(pick);
    }
    let height = match random.u8(0..4) {
        0 => 0.3,
        1 => -0.3,
        2 => 0.1,
        _ => 0.0,
    };
    let strike = |direction: f64, speed: f64| CueStrike {
        stick_speed_m_s: speed.clamp(0.7, 4.2),
        direction,
        elevation: 0.0,
        side: 0.0,
        height,
    };
    let sure = pots
        .iter()
        .flat_map(|pot| {
            CORRECTIONS_DEG.map(|off| {
                (
                    pot.target,
                    strike(pot.direction + off.to_radians(), pot.speed_m_s),
                )
            })
        })
        .find(|(target, strike)| works(strike, *target));
    let mut chosen = match (sure, pots.first()) {
        (Some((_, strike)), _) => strike,
        (None, Some(pot)) => strike(pot.direction, pot.speed_m_s),
        (None, None) => {
            let (direction, speed) = contact(table, cue, targets, random);
            strike(direction, speed)
        }
    };
    // About a sixth of a degree is what a decent club player is off.
    chosen.direction += (random.f64() + random.f64() + random.f64() - 1.5) * 0.32_f64.to_radians();
    chosen
}

/// The ball a break is played at: the apex of a pool rack; in snooker the corner red on the
/// cue ball's side; none in carom.
pub(super) fn break_ball(table: &TableSpec, cue: Vec2, targets: &[Target]) -> Option<Vec2> {
    let allowed = targets.iter().filter(|t| t.allowed).map(|t| t.position);
    match table.ball_set {
        BallSet::Pool => allowed.min_by(|a, b| a.distance(cue).total_cmp(&b.distance(cue))),
        BallSet::Snooker => allowed.max_by(|a, b| (a.y * cue.y.signum()).total_cmp(&(b.y * cue.y.signum()))),
        BallSet::Carom => None,
    }
}

/// A break: full speed into the apex ball; in snooker a soft clip of the corner red.
pub(super) fn break_shot(cue: Vec2, first: Vec2, table: &TableSpec, random: &mut fastrand::Rng) -> CueStrike {
    let toward = first - cue;
    let soft = table.ball_set == BallSet::Snooker;
    let thin = if soft {
        1.4 * table.ball.radius_m * cue.y.signum()
    } else {
        0.0
    };
    let aim = toward + toward.normalize_or_zero().perp() * thin;
    CueStrike {
        stick_speed_m_s: if soft { 2.0 } else { 5.6 + 1.2 * random.f64() },
        direction: aim.to_angle() + (random.f64() - 0.5) * 0.4_f64.to_radians(),
        elevation: 0.0,
        side: 0.0,
        height: if soft { 0.0 } else { -0.1 },
    }
}

/// True when a ball can roll from `from` to `to` without touching any of `others`.
fn is_clear(from: Vec2, to: Vec2, others: impl Iterator<Item = Vec2>, room: f64) -> bool {
    let way = to - from;
    let length = way.length();
    let along = way.normalize_or_zero();
    others
        .map(|p| p - from)
        .all(|p| p.dot(along) < 0.0 || p.dot(along) > length + 0.5 * room || along.perp_dot(p).abs() > room)
}

fn pots(table: &TableSpec, geometry: &Geometry, cue: Vec2, targets: &[Target]) -> Vec<Pot> {
    let diameter = 2.0 * table.ball.radius_m;
    let room = diameter + 0.002;
    let mut found = Vec::new();
    for (index, target) in targets.iter().enumerate().filter(|(_, t)| t.allowed) {
        let object = target.position;
        let others = || {
            targets
                .iter()
                .enumerate()
                .filter(move |(i, _)| *i != index)
                .map(|(_, t)| t.position)
        };
        for pocket in &geometry.pockets {
            let mouth = mouth_of(pocket);
            let to_pocket = mouth - object;
            let line = to_pocket.normalize_or_zero();
            let ghost = object - line * diameter;
            let to_ghost = ghost - cue;
            let cut = to_ghost.normalize_or_zero().dot(line);
            let (sx, sy) = pocket.id.signs();
            // A side pocket is shut to balls that come along its cushion.
            let entry = line.dot(Vec2::new(sx, sy).normalize_or_zero());
            let wide_open = entry > if pocket.id.is_side() { 0.72 } else { 0.50 };
            if cut < 0.42
                || !wide_open
                || !table.holds_ball_at(ghost.x, ghost.y)
                || !is_clear(object, mouth, others(), room)
                || !is_clear(cue, ghost, others(), room)
            {
                continue;
            }
            // Fast enough to reach the pocket at a walking pace.
            let arrive = 0.9_f64;
            let object_speed = (arrive.powi(2) + 2.0 * 1.5 * ROLLING_M_S2 * to_pocket.length()).sqrt() / 0.85;
            let at_contact = object_speed / (0.95 * cut);
            let at_start = (at_contact.powi(2) + 2.0 * ROLLING_M_S2 * to_ghost.length()).sqrt() * 1.12;
            found.push(Pot {
                target: index,
                direction: to_ghost.to_angle(),
                speed_m_s: at_start / STICK_TO_BALL,
                difficulty: (to_ghost.length() + 0.3) * (to_pocket.length() + 0.2) / cut.powi(2),
            });
        }
    }
    found
}

/// Where to aim in a pocket: the middle of its mouth, a little inside.
fn mouth_of(pocket: &PocketCircle) -> Vec2 {
    let (sx, sy) = pocket.id.signs();
    let inward = if pocket.id.is_side() { 0.55 } else { 0.45 };
    pocket.centre - Vec2::new(sx, sy).normalize_or_zero() * (inward * pocket.radius)
}

/// No pot: meet the nearest ball that can be seen, else just shoot.
fn contact(table: &TableSpec, cue: Vec2, targets: &[Target], random: &mut fastrand::Rng) -> (f64, f64) {
    let diameter = 2.0 * table.ball.radius_m;
    let mut best: Option<(f64, Vec2)> = None;
    for (index, target) in targets.iter().enumerate().filter(|(_, t)| t.allowed) {
        let others = targets
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != index)
            .map(|(_, t)| t.position);
        let distance = cue.distance(target.position);
        if is_clear(cue, target.position, others, diameter) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, target.position));
        }
    }
    match best {
        Some((distance, at)) => {
            let aside = (random.f64() * 2.0 - 1.0) * 0.6 * diameter;
            let way = at - cue;
            let aim = way + way.normalize_or_zero().perp() * aside;
            (aim.to_angle(), 1.1 + 0.5 * distance + 0.5 * random.f64())
        }
        None => (
            unit(random.f64() * std::f64::consts::TAU).to_angle(),
            1.5 + random.f64(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_shot_into_a_corner_is_found_and_aimed_along_the_line() {
        let table = TableSpec::pool_9ft();
        let geometry = Geometry::of(&table);
        let cue = Vec2::new(0.4, -0.2);
        let object = Vec2::new(0.85, 0.225);
        let targets = [Target {
            position: object,
            allowed: true,
        }];
        let mut random = fastrand::Rng::with_seed(3);
        let strike = choose(&table, &geometry, cue, &targets, &mut random, |_, _| false);
        let line = (object - cue).to_angle();
        assert!(
            (strike.direction - line).abs() < 0.1,
            "{} {line}",
            strike.direction
        );
    }

    #[test]
    fn a_ball_in_the_way_shuts_the_line() {
        let block = [Vec2::new(0.5, 0.01)];
        assert!(!is_clear(Vec2::ZERO, Vec2::X, block.into_iter(), 0.058));
        assert!(is_clear(
            Vec2::ZERO,
            Vec2::X,
            [Vec2::new(0.5, 0.08)].into_iter(),
            0.058
        ));
        assert!(is_clear(
            Vec2::ZERO,
            Vec2::X,
            [Vec2::new(-0.5, 0.0)].into_iter(),
            0.058
        ));
    }
}
