//! Scenes: what lies on the table when it starts, and what the player then does.

use std::str::FromStr;

use crate::table::{BallKind, BallSet, Group, TableSpec};
use crate::units::Vec2;

/// A named scene.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SceneName {
    /// A few balls lie about; a player pots them one after the other, for ever.
    #[default]
    Practice,
    /// A full rack, a break shot, then practice with what is left.
    Break,
    /// Nine-ball: the diamond, a break, then always the lowest number.
    Nine,
    /// A frame of snooker: reds and colours in turn.
    Snooker,
    /// Three balls on a table without pockets.
    Carom,
    /// Balls at rest; the cue turns slowly around the cue ball.
    Still,
    /// Every ball of the set on a grid, nothing moves.
    Grid,
    /// The empty table.
    Empty,
}

/// A scene name that stands for no scene.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scene `{0}`; known scenes are {known}", known = SceneName::ALL.map(SceneName::name).join(", "))]
pub struct UnknownScene(pub String);

impl SceneName {
    /// Every scene.
    pub const ALL: [Self; 8] = [
        Self::Practice,
        Self::Break,
        Self::Nine,
        Self::Snooker,
        Self::Carom,
        Self::Still,
        Self::Grid,
        Self::Empty,
    ];

    /// The word used in settings and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Practice => "practice",
            Self::Break => "break",
            Self::Nine => "nine",
            Self::Snooker => "snooker",
            Self::Carom => "carom",
            Self::Still => "still",
            Self::Grid => "grid",
            Self::Empty => "empty",
        }
    }

    /// The table this scene is played on when none is asked for.
    #[must_use]
    pub fn usual_table(self) -> TableSpec {
        let name = match self {
            Self::Snooker => "snooker-12ft",
            Self::Carom => "carom-10ft",
            _ => "pool-9ft",
        };
        TableSpec::named(name).unwrap_or_else(|_| TableSpec::pool_9ft())
    }

    /// The set of balls this scene can't do without.
    #[must_use]
    pub const fn needs(self) -> Option<BallSet> {
        match self {
            Self::Nine => Some(BallSet::Pool),
            Self::Snooker => Some(BallSet::Snooker),
            Self::Carom => Some(BallSet::Carom),
            _ => None,
        }
    }

    /// True where a player plays.
    #[must_use]
    pub const fn is_played(self) -> bool {
        !matches!(self, Self::Still | Self::Grid | Self::Empty)
    }
}

impl std::fmt::Display for SceneName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SceneName {
    type Err = UnknownScene;

    fn from_str(text: &str) -> Result<Self, UnknownScene> {
        Self::ALL
            .into_iter()
            .find(|scene| scene.name() == text)
            .ok_or_else(|| UnknownScene(text.to_owned()))
    }
}

/// Balls and where they lie, metres; the cue ball first.
pub(super) type Layout = Vec<(BallKind, Vec2)>;

const CUE_BALL: BallKind = BallKind::pool(0);

/// What lies on `table` when `scene` begins.
pub(super) fn layout(scene: SceneName, table: &TableSpec, random: &mut fastrand::Rng) -> Layout {
    match scene {
        SceneName::Empty => Layout::new(),
        SceneName::Grid => grid(table),
        SceneName::Nine => nine_ball(table, random),
        SceneName::Snooker => snooker(table),
        SceneName::Carom => carom(table),
        SceneName::Break => match table.ball_set {
            BallSet::Pool => eight_ball(table, random),
            BallSet::Snooker => snooker(table),
            BallSet::Carom => carom(table),
        },
        SceneName::Practice | SceneName::Still => match table.ball_set {
            BallSet::Pool | BallSet::Snooker => scattered(table, random),
            BallSet::Carom => carom(table),
        },
    }
}

/// Where a ball of this kind is put back: the cue ball on the head spot (or in the D),
/// a snooker colour on its own spot, any other on the foot spot.
pub(super) fn spot(kind: BallKind, table: &TableSpec) -> Vec2 {
    let hl = table.half_length_m();
    if table.ball_set != BallSet::Snooker {
        let end = if kind.group == Group::Cue { -0.5 } else { 0.5 };
        return Vec2::new(end * hl, 0.0);
    }
    // World Snooker: baulk line 737 mm from the baulk cushion, D of 292 mm, black 324 mm from the
    // top; in the same proportions on a smaller table.
    let (long, short) = (table.length_m / 3.569, table.width_m / 1.778);
    let baulk = -hl + 0.737 * long;
    match kind.group {
        Group::Cue => Vec2::new(baulk - 0.06 * long, 0.12 * short),
        Group::Yellow => Vec2::new(baulk, -0.292 * short),
        Group::Green => Vec2::new(baulk, 0.292 * short),
        Group::Brown => Vec2::new(baulk, 0.0),
        Group::Blue => Vec2::ZERO,
        Group::Pink => Vec2::new(0.5 * hl, 0.0),
        _ => Vec2::new(hl - 0.324 * long, 0.0),
    }
}

/// The place nearest to `wish` where a ball fits, looking along the table first.
pub(super) fn free_place(wish: Vec2, taken: &[Vec2], table: &TableSpec) -> Vec2 {
    let room = 2.0 * table.ball.radius_m + 0.0005;
    let free =
        |p: Vec2| table.holds_ball_at(p.x * 1.02, p.y * 1.02) && taken.iter().all(|q| q.distance(p) >= room);
    let step = 0.5 * table.ball.radius_m;
    (0..4000)
        .map(|i: u32| {
            // A spiral around the wish, a little longer along the table.
            let r = step * f64::from(i).sqrt() * 0.5;
            wish + Vec2::new(1.0, 0.8) * crate::units::unit(2.4 * f64::from(i)) * r
        })
        .find(|p| free(*p))
        .unwrap_or(wish)
}

/// Every ball of a set, the cue ball first.
fn whole_set(set: BallSet) -> Vec<BallKind> {
    let group = |group| BallKind { group, number: None };
    match set {
        BallSet::Pool => (0..=15).map(BallKind::pool).collect(),
        BallSet::Snooker => std::iter::once(CUE_BALL)
            .chain((0..15).map(|_| group(Group::Red)))
            .chain(Group::COLOURS.map(group))
            .collect(),
        BallSet::Carom => vec![CUE_BALL, group(Group::Yellow), group(Group::Red)],
    }
}

fn grid(table: &TableSpec) -> Layout {
    let kinds = whole_set(table.ball_set);
    let rows = if kinds.len() > 3 { 4 } else { 1 };
    let columns = kinds.len().div_ceil(rows);
    let place =
        |i: usize, count: usize, half: f64| half * 0.8 * (2.0 * (i as f64 + 0.5) / count as f64 - 1.0);
    kinds
        .into_iter()
        .enumerate()
        .map(|(i, kind)| {
            let x = place(i % columns, columns, table.half_length_m());
            let y = place(i / columns, rows, table.half_width_m());
            (kind, Vec2::new(x, y))
        })
        .collect()
}

/// Distance between neighbours in a rack: touching but for a tenth of a millimetre.
fn pitch(table: &TableSpec) -> f64 {
    2.0 * table.ball.radius_m + 1e-4
}

/// Places of a triangle with its apex at `apex`, row by row toward the foot.
fn triangle(apex: Vec2, rows: u8, pitch: f64) -> Vec<Vec2> {
    (0..rows)
        .flat_map(|row| {
            (0..=row).map(move |i| {
                let x = f64::from(row) * pitch * 0.75_f64.sqrt();
                apex + Vec2::new(x, (f64::from(i) - f64::from(row) / 2.0) * pitch)
            })
        })
        .collect()
}

fn behind_head_string(table: &TableSpec, random: &mut fastrand::Rng) -> Vec2 {
    let side = if random.bool() { 1.0 } else { -1.0 };
    Vec2::new(
        -0.5 * table.half_length_m() - 0.02,
        side * table.half_width_m() * (0.15 + 0.3 * random.f64()),
    )
}

fn eight_ball(table: &TableSpec, random: &mut fastrand::Rng) -> Layout {
    let mut others: Vec<u8> = (1..=15).filter(|n| *n != 8).collect();
    random.shuffle(&mut others);
    // The eight in the middle of the third row; one of each group in the back corners.
    others.insert(4, 8);
    let stripe = |n: &u8| *n > 8;
    if let (Some(a), Some(b)) = (others.get(10).copied(), others.get(14).copied())
        && stripe(&a) == stripe(&b)
        && let Some(swap) = others.iter().position(|n| *n != 8 && stripe(n) != stripe(&a))
    {
        others.swap(14, swap);
    }
    let foot = spot(BallKind::pool(1), table);
    std::iter::once((CUE_BALL, behind_head_string(table, random)))
        .chain(
            others
                .into_iter()
                .map(BallKind::pool)
                .zip(triangle(foot, 5, pitch(table))),
        )
        .collect()
}

fn nine_ball(table: &TableSpec, random: &mut fastrand::Rng) -> Layout {
    let mut others: Vec<u8> = (2..=8).collect();
    random.shuffle(&mut others);
    others.insert(0, 1);
    others.insert(4, 9);
    let pitch = pitch(table);
    let foot = spot(BallKind::pool(1), table);
    let rows: [u8; 5] = [1, 2, 3, 2, 1];
    let places = (0_u8..).zip(rows).flat_map(|(row, count)| {
        (0..count).map(move |i| {
            let y = (f64::from(i) - f64::from(count - 1) / 2.0) * pitch;
            foot + Vec2::new(f64::from(row) * pitch * 0.75_f64.sqrt(), y)
        })
    });
    std::iter::once((CUE_BALL, behind_head_string(table, random)))
        .chain(others.into_iter().map(BallKind::pool).zip(places))
        .collect()
}

fn snooker(table: &TableSpec) -> Layout {
    let kind = |group| BallKind { group, number: None };
    let pink = spot(kind(Group::Pink), table);
    let apex = pink + Vec2::new(pitch(table) + 0.002, 0.0);
    std::iter::once((CUE_BALL, spot(CUE_BALL, table)))
        .chain(Group::COLOURS.map(|group| (kind(group), spot(kind(group), table))))
        .chain(
            triangle(apex, 5, pitch(table))
                .into_iter()
                .map(|p| (kind(Group::Red), p)),
        )
        .collect()
}

fn carom(table: &TableSpec) -> Layout {
    let kind = |group| BallKind { group, number: None };
    let (hl, hw) = (table.half_length_m(), table.half_width_m());
    vec![
        (CUE_BALL, Vec2::new(-0.5 * hl, 0.26 * hw)),
        (kind(Group::Yellow), Vec2::new(-0.5 * hl, 0.0)),
        (kind(Group::Red), Vec2::new(0.5 * hl, 0.0)),
    ]
}

/// The cue ball and seven others anywhere.
fn scattered(table: &TableSpec, random: &mut fastrand::Rng) -> Layout {
    let mut kinds = whole_set(table.ball_set);
    if let Some(objects) = kinds.get_mut(1..) {
        random.shuffle(objects);
    }
    kinds.truncate(8);
    let margin = 0.075;
    let reach = Vec2::new(table.half_length_m() - margin, table.half_width_m() - margin);
    let apart = 2.0 * table.ball.radius_m + 0.035;
    let mut layout = Layout::new();
    for kind in kinds {
        let mut wish = Vec2::ZERO;
        for _ in 0..200 {
            wish = reach * Vec2::new(2.0 * random.f64() - 1.0, 2.0 * random.f64() - 1.0);
            if layout.iter().all(|(_, p)| p.distance(wish) > apart) {
                break;
            }
        }
        let taken: Vec<Vec2> = layout.iter().map(|(_, p)| *p).collect();
        layout.push((kind, free_place(wish, &taken, table)));
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableMeasures;

    #[test]
    fn an_unknown_scene_is_refused_with_the_list_of_scenes() {
        let error = "trickshots".parse::<SceneName>().unwrap_err().to_string();
        assert!(error.contains("trickshots"));
        for scene in SceneName::ALL {
            assert!(error.contains(scene.name()), "{error}");
            assert_eq!(scene.name().parse::<SceneName>(), Ok(scene));
        }
    }

    #[test]
    fn every_layout_lies_on_its_table_without_overlap() {
        let models = TableSpec::NAMES.map(|name| TableSpec::named(name).unwrap());
        // The smallest that such balls fit on, and a snooker table for the home.
        let small = |name, length_m, width_m, radius_m| {
            let mut measures = TableMeasures::default();
            (measures.length_m, measures.width_m) = (Some(length_m), Some(width_m));
            measures.ball.radius_m = Some(radius_m);
            measures.on(&TableSpec::named(name).unwrap()).unwrap()
        };
        let custom = [
            small("pool-7ft", 0.92, 0.46, 0.028_575),
            small("snooker-12ft", 1.75, 0.87, 0.024),
            small("carom-10ft", 1.2, 0.6, 0.0305),
        ];
        for table in models.iter().chain(&custom) {
            let name = &table.name;
            for scene in SceneName::ALL {
                if scene.needs().is_some_and(|set| set != table.ball_set) {
                    continue;
                }
                for seed in 0..10 {
                    let balls = layout(scene, table, &mut fastrand::Rng::with_seed(seed));
                    for (i, (kind, p)) in balls.iter().enumerate() {
                        assert!(table.holds_ball_at(p.x, p.y), "{name} {scene} {kind:?} {p}");
                        for (_, q) in &balls[..i] {
                            assert!(p.distance(*q) >= 2.0 * table.ball.radius_m, "{name} {scene}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_full_rack_has_the_eight_in_the_middle_and_mixed_corners() {
        let table = TableSpec::pool_9ft();
        for seed in 0..20 {
            let rack = layout(SceneName::Break, &table, &mut fastrand::Rng::with_seed(seed));
            assert_eq!(rack.len(), 16);
            assert_eq!(rack[5].0, BallKind::pool(8));
            assert_ne!(rack[11].0.group, rack[15].0.group);
        }
    }
}
