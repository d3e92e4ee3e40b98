//! A house's own balls: how each of them looks there, taught once, kept in a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::look::{Look, Shade, hue_distance};
use crate::table::{BallKind, BallSet, Group};

/// The form of the file; files of another are refused.
const VERSION: u32 = 1;
/// Shades nearer than this are the same paint; the nearest of a usual set, red and maroon, are 0.3 apart.
const SAME_PAINT: f64 = 0.08;
/// Share of paint a solid or stripe must show to be learned from.
const ENOUGH_PAINT: f64 = 0.12;

/// How the balls of a house look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HouseSet {
    version: u32,
    /// The game they are for.
    pub set: BallSet,
    /// One entry for each ball that was taught.
    pub balls: Vec<HouseBall>,
}

/// How one ball looks, and on how much that rests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HouseBall {
    /// Its group.
    pub group: Group,
    /// Its number, where it carries one.
    pub number: Option<u8>,
    /// Mean colour: of the paint; of the white of a cue ball; of a black ball only the brightness.
    pub shade: Shade,
    /// Standard deviation of hue (degrees), saturation and value from look to look.
    pub spread: Shade,
    /// Looks it rests on.
    pub looks: u32,
}

impl HouseBall {
    /// Which ball it is.
    #[must_use]
    pub const fn kind(&self) -> BallKind {
        BallKind {
            group: self.group,
            number: self.number,
        }
    }
}

/// A house's set that can't be used. The text says what, where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HouseSetError {
    /// The file can't be read.
    #[error("cannot read the ball set {path}: {reason}; check the path, or make it with `calibrate balls`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is not what it should be.
    #[error("{path}:{line}:{column}: {reason}; make the file anew with `calibrate balls`")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It says what can't be.
    #[error("{0}")]
    Impossible(String),
}

impl HouseSet {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`HouseSetError`] when it can't be read, parsed, or says what can't be.
    pub fn load(path: &Path) -> Result<Self, HouseSetError> {
        // A set is a few kilobytes; what is much longer is another file.
        const LONGEST: u64 = 1 << 20;
        let unreadable = |reason: String| HouseSetError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let length = std::fs::metadata(path)
            .map_err(|e| unreadable(e.to_string()))?
            .len();
        if length > LONGEST {
            return Err(unreadable("it is too long for a ball set".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
        Self::parse(&text, path)
    }

    /// Reads and checks a file for a game.
    ///
    /// # Errors
    /// As [`Self::load`], and when it is for another game.
    pub fn load_for(path: &Path, game: BallSet) -> Result<Self, HouseSetError> {
        let set = Self::load(path)?;
        if set.set == game {
            return Ok(set);
        }
        Err(HouseSetError::Impossible(format!(
            "{} has the balls of {:?}, but the table is for {:?}; give the file of that set, or none",
            path.display(),
            set.set,
            game
        )))
    }

    /// Reads and checks RON text; `path` is only for messages.
    ///
    /// # Errors
    /// [`HouseSetError::Invalid`] with line and column, [`HouseSetError::Impossible`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, HouseSetError> {
        let options =
            ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let set: Self = options.from_str(text).map_err(|e| HouseSetError::Invalid {
            path: path.to_owned(),
            line: e.span.start.line,
            column: e.span.start.col,
            reason: e.code.to_string(),
        })?;
        set.check().map_err(|why| {
            HouseSetError::Impossible(format!(
                "{}: {why}; correct it, or make the file anew with `calibrate balls`",
                path.display()
            ))
        })?;
        Ok(set)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// What the serializer says; it has no reason to.
    pub fn to_text(&self) -> Result<String, String> {
        let pretty = ron::ser::PrettyConfig::new()
            .depth_limit(3)
            .extensions(ron::extensions::Extensions::IMPLICIT_SOME);
        let text = ron::ser::to_string_pretty(self, pretty).map_err(|e| e.to_string())?;
        Ok(format!(
            "// How the balls of this house look; made by `calibrate balls`.\n{text}\n"
        ))
    }

    /// Says what is wrong with it in a few words.
    ///
    /// # Errors
    /// The first thing that can't be.
    pub fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("version {} is not known, only {VERSION}", self.version));
        }
        if self.balls.is_empty() {
            return Err("it names no ball".to_owned());
        }
        for (index, ball) in self.balls.iter().enumerate() {
            let name = name_of(ball.kind());
            if !belongs(ball.kind(), self.set) {
                return Err(format!("{name} is no ball of this game"));
            }
            let earlier = self.balls.get(..index).unwrap_or_default();
            if earlier.iter().any(|b| b.kind() == ball.kind()) {
                return Err(format!("{name} is there twice"));
            }
            if ball.looks == 0 {
                return Err(format!("{name} rests on no look"));
            }
            for (key, value, most) in [
                ("hue_deg", ball.shade.hue_deg, 360.0),
                ("saturation", ball.shade.saturation, 1.0),
                ("value", ball.shade.value, 1.5),
                ("the spread of hue_deg", ball.spread.hue_deg, 180.0),
                ("the spread of saturation", ball.spread.saturation, 1.0),
                ("the spread of value", ball.spread.value, 1.0),
            ] {
                if !(value.is_finite() && (0.0..=most).contains(&value)) {
                    return Err(format!("{key} of {name} is {value}; allowed are 0 to {most}"));
                }
            }
        }
        match self.alike() {
            Some((a, b)) => Err(format!("{} and {} have the same paint", name_of(a), name_of(b))),
            None => Ok(()),
        }
    }

    /// Two balls that can't be told apart.
    fn alike(&self) -> Option<(BallKind, BallKind)> {
        self.balls.iter().enumerate().find_map(|(index, ball)| {
            let others = self.balls.get(index + 1..).unwrap_or_default();
            others
                .iter()
                .find(|other| rivals(ball, other) && ball.shade.apart(other.shade) < SAME_PAINT)
                .map(|other| (ball.kind(), other.kind()))
        })
    }

    /// The ball that is most easily taken for this one, and how far apart they are ([`Shade::apart`]).
    #[must_use]
    pub fn nearest(&self, ball: &HouseBall) -> Option<(BallKind, f64)> {
        let others = (self.balls.iter()).filter(|b| b.kind() != ball.kind() && rivals(ball, b));
        others
            .map(|b| (b.kind(), ball.shade.apart(b.shade)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// How a ball looks here; a solid whose stripe was taught has that paint, and the other way round.
    #[must_use]
    pub fn ball(&self, kind: BallKind) -> Option<&HouseBall> {
        let own = self.balls.iter().find(|b| b.kind() == kind);
        own.or_else(|| {
            let partner = partner_of(kind)?;
            self.balls.iter().find(|b| b.kind() == partner)
        })
    }
}

/// True where the colours of two balls must differ: a solid and its stripe differ by their white.
fn rivals(a: &HouseBall, b: &HouseBall) -> bool {
    match (a.group, b.group) {
        (Group::Solid, Group::Stripe) | (Group::Stripe, Group::Solid) => false,
        // A pool cue ball is told by its white, in other games by its colour.
        (Group::Cue, _) => b.number.is_none(),
        (_, Group::Cue) => a.number.is_none(),
        _ => true,
    }
}

fn partner_of(kind: BallKind) -> Option<BallKind> {
    match kind.number {
        Some(n @ 1..=7) => Some(BallKind::pool(n + 8)),
        Some(n @ 9..=15) => Some(BallKind::pool(n - 8)),
        _ => None,
    }
}

/// Every kind of ball of a game.
#[must_use]
pub fn kinds_of(set: BallSet) -> Vec<BallKind> {
    let plain = |group: Group| BallKind { group, number: None };
    match set {
        BallSet::Pool => (0..16).map(BallKind::pool).collect(),
        BallSet::Snooker => [Group::Cue, Group::Red]
            .into_iter()
            .chain(Group::COLOURS)
            .map(plain)
            .collect(),
        BallSet::Carom => [Group::Cue, Group::Yellow, Group::Red].map(plain).to_vec(),
    }
}

fn belongs(kind: BallKind, set: BallSet) -> bool {
    kinds_of(set).contains(&kind)
}

/// What a person calls a ball: `the cue ball`, `ball 9`, `the pink ball`.
#[must_use]
pub fn name_of(kind: BallKind) -> String {
    match (kind.group, kind.number) {
        (Group::Cue, _) => "the cue ball".to_owned(),
        (_, Some(number)) => format!("ball {number}"),
        (group, None) => format!("the {} ball", group.name()),
    }
}

/// The colour by which a ball of this kind is known, as a look shows it.
///
/// # Errors
/// Says what is missing when the look does not show it.
pub fn colour_of(kind: BallKind, look: &Look) -> Result<Shade, &'static str> {
    match kind.group {
        Group::Cue if look.white > 0.3 => Ok(look.tone),
        Group::Cue => Err("shows too little white"),
        Group::Eight | Group::Black => Ok(Shade {
            value: look.body,
            ..Shade::default()
        }),
        Group::Unknown => Err("has no name"),
        _ if look.paint >= ENOUGH_PAINT => Ok(look.shade),
        _ => Err("shows too little paint"),
    }
}

/// What was seen of each ball, pooled over pictures.
#[derive(Clone, Debug)]
pub struct Lesson {
    set: BallSet,
    seen: Vec<(BallKind, Shade)>,
}

impl Lesson {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new(set: BallSet) -> Self {
        Self {
            set,
            seen: Vec::new(),
        }
    }

    /// Adds one look at a ball.
    ///
    /// # Errors
    /// Says what is wrong when nothing can be learned from it.
    pub fn add(&mut self, kind: BallKind, look: &Look) -> Result<(), String> {
        if !belongs(kind, self.set) {
            return Err(format!("{} is no ball of this game", name_of(kind)));
        }
        let shade = colour_of(kind, look).map_err(|why| format!("{} {why}; turn it", name_of(kind)))?;
        if !shade.point().iter().all(|v| v.is_finite()) {
            return Err(format!("{} can't be measured", name_of(kind)));
        }
        self.seen.push((kind, shade));
        Ok(())
    }

    /// The set as seen so far, not checked.
    #[must_use]
    pub fn set(&self) -> HouseSet {
        let balls = kinds_of(self.set)
            .into_iter()
            .filter_map(|kind| {
                let own: Vec<Shade> = self.seen.iter().filter(|s| s.0 == kind).map(|s| s.1).collect();
                pooled(kind, &own)
            })
            .collect();
        HouseSet {
            version: VERSION,
            set: self.set,
            balls,
        }
    }

    /// Kinds of the game that were not seen.
    #[must_use]
    pub fn missing(&self) -> Vec<BallKind> {
        let mut kinds = kinds_of(self.set);
        kinds.retain(|kind| self.seen.iter().all(|s| s.0 != *kind));
        kinds
    }
}

/// Mean and spread of one ball's looks.
fn pooled(kind: BallKind, looks: &[Shade]) -> Option<HouseBall> {
    if looks.is_empty() {
        return None;
    }
    let n = looks.len() as f64;
    let mut mean = [0.0; 3];
    for shade in looks {
        for (sum, v) in mean.iter_mut().zip(shade.point()) {
            *sum += v / n;
        }
    }
    let shade = rounded(Shade::of_point(mean));
    let deviation =
        |off: &dyn Fn(&Shade) -> f64| (looks.iter().map(|s| off(s).powi(2)).sum::<f64>() / n).sqrt();
    Some(HouseBall {
        group: kind.group,
        number: kind.number,
        shade,
        spread: rounded(Shade {
            hue_deg: deviation(&|s| hue_distance(s.hue_deg, shade.hue_deg)),
            saturation: deviation(&|s| s.saturation - shade.saturation),
            value: deviation(&|s| s.value - shade.value),
        }),
        looks: u32::try_from(looks.len()).unwrap_or(u32::MAX),
    })
}

/// Digits beyond these say nothing, and a person may read the file.
fn rounded(shade: Shade) -> Shade {
    let to = |v: f64, parts: f64| (v * parts).round() / parts;
    Shade {
        hue_deg: to(shade.hue_deg, 100.0),
        saturation: to(shade.saturation, 1e4),
        value: to(shade.value, 1e4),
    }
}

/// A house's set that follows slow changes of the light.
#[derive(Clone, Debug)]
pub struct FollowedSet {
    taught: HouseSet,
    now: HouseSet,
}

/// Share of what is new in a look that is taken over.
const RATE: f64 = 0.02;
/// Farthest that one rack moves a paint; red and maroon are 0.3 apart.
const LONGEST_STEP: f64 = 0.002;
/// Farthest from what was taught that a paint is followed; beyond, the set must be taught anew.
const LONGEST_WAY: f64 = 0.2;

impl FollowedSet {
    /// Begins with what was taught.
    #[must_use]
    pub fn new(taught: HouseSet) -> Self {
        Self {
            now: taught.clone(),
            taught,
        }
    }

    /// What was taught.
    #[must_use]
    pub fn into_taught(self) -> HouseSet {
        self.taught
    }

    /// The set as it looks now.
    #[must_use]
    pub fn now(&self) -> &HouseSet {
        &self.now
    }

    /// Takes in a whole set that lies on the table, each ball named beyond doubt. Nothing is
    /// learned where a ball is missing; the cue ball may be.
    ///
    /// A colour that is nearer to another ball's than to its own moves nothing, and what was taught
    /// of a ball stays at least twice as near as what was taught of any other: two can't change
    /// places, nor even meet, however long this goes on.
    pub fn follow(&mut self, rack: &[(BallKind, Look)]) {
        let is_whole = |ball: &HouseBall| ball.group == Group::Cue || rack.iter().any(|r| r.0 == ball.kind());
        if !self.now.balls.iter().all(is_whole) {
            return;
        }
        let before = self.now.balls.clone();
        for (ball, taught) in self.now.balls.iter_mut().zip(&self.taught.balls) {
            let own: Vec<Shade> = rack
                .iter()
                .filter(|(kind, _)| *kind == ball.kind())
                .filter_map(|(kind, look)| colour_of(*kind, look).ok())
                .filter(|shade| shade.point().iter().all(|v| v.is_finite()))
                .collect();
            let Some(seen) = pooled(ball.kind(), &own) else {
                continue;
            };
            // How far a shade is from this ball's, and from the nearest it may be confused with.
            let among = |shade: Shade, balls: &[HouseBall]| {
                let own = balls.iter().find(|b| b.kind() == taught.kind());
                let others = balls
                    .iter()
                    .filter(|b| rivals(b, taught) && b.kind() != taught.kind());
                (
                    own.map_or(f64::MAX, |b| shade.apart(b.shade)),
                    others.map(|b| shade.apart(b.shade)).fold(f64::MAX, f64::min),
                )
            };
            let (own, other) = among(seen.shade, &before);
            if own >= other {
                continue;
            }
            let step = RATE.min(LONGEST_STEP / own.max(1e-9));
            let mut point = ball.shade.point();
            for (v, to) in point.iter_mut().zip(seen.shade.point()) {
                *v += step * (to - *v);
            }
            let moved = Shade::of_point(point);
            let (own, other) = among(moved, &self.taught.balls);
            if own < LONGEST_WAY.min(0.5 * other) {
                ball.shade = moved;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(rgb: [f64; 3]) -> Look {
        Look {
            paint: 0.8,
            body: 0.1,
            white: 0.1,
            shade: Shade::of_rgb(rgb),
            ..Look::default()
        }
    }

    fn usual() -> Vec<(BallKind, Look)> {
        (0..16)
            .map(|n| {
                let kind = BallKind::pool(n);
                let rgb = kind.paint_srgb().map(|c| f64::from(c) / 245.0);
                let look = Look {
                    tone: Shade::of_rgb(rgb),
                    white: if n == 0 { 0.9 } else { 0.1 },
                    ..look(rgb)
                };
                (kind, look)
            })
            .collect()
    }

    fn taught() -> HouseSet {
        let mut lesson = Lesson::new(BallSet::Pool);
        for (kind, look) in usual() {
            lesson.add(kind, &look).unwrap();
        }
        assert!(lesson.missing().is_empty());
        lesson.set()
    }

    #[test]
    fn a_set_comes_back_from_its_file_as_it_was() {
        let set = taught();
        set.check().unwrap();
        let text = set.to_text().unwrap();
        let back = HouseSet::parse(&text, Path::new("balls.ron")).unwrap();
        assert_eq!(back.balls.len(), 16);
        for (a, b) in back.balls.iter().zip(&set.balls) {
            assert!(a.kind() == b.kind() && a.shade.apart(b.shade) < 1e-9);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_in_one_line_that_names_it() {
        let damaged = |damage: &dyn Fn(&mut HouseSet)| {
            let mut set = taught();
            damage(&mut set);
            HouseSet::parse(&set.to_text().unwrap(), Path::new("balls.ron"))
                .unwrap_err()
                .to_string()
        };
        for (message, words) in [
            (damaged(&|s| s.version = 9), "version 9"),
            (damaged(&|s| s.balls.clear()), "names no ball"),
            (
                damaged(&|s| s.balls[3].shade.value = f64::NAN),
                "value of ball 3 is NaN",
            ),
            (
                damaged(&|s| s.balls[5].shade.saturation = 1.2),
                "saturation of ball 5",
            ),
            (
                damaged(&|s| s.balls[5].spread.hue_deg = -1.0),
                "spread of hue_deg of ball 5",
            ),
            (damaged(&|s| s.balls[2].looks = 0), "ball 2 rests on no look"),
            (damaged(&|s| s.balls[4] = s.balls[3]), "ball 3 is there twice"),
            (
                damaged(&|s| s.balls[4].shade = s.balls[3].shade),
                "ball 3 and ball 4 have the same paint",
            ),
            (damaged(&|s| s.set = BallSet::Carom), "no ball of this game"),
        ] {
            assert!(
                message.starts_with("balls.ron: ") && message.contains(words) && !message.contains('\n'),
                "{message}"
            );
        }
        let message = HouseSet::parse("(version: 1, sort: pool)", Path::new("balls.ron"))
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("balls.ron:1:"), "{message}");
        let message = HouseSet::load(Path::new("/nowhere/balls.ron"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("calibrate balls"), "{message}");
    }

    #[test]
    fn a_damaged_file_is_refused_or_makes_sense() {
        let mut random = fastrand::Rng::with_seed(5);
        let text = taught().to_text().unwrap();
        for _ in 0..2000 {
            let mut bytes = text.clone().into_bytes();
            bytes.truncate(random.usize(..=bytes.len()));
            for _ in 0..random.usize(..4) {
                if let Some(byte) = bytes
                    .len()
                    .checked_sub(1)
                    .and_then(|n| bytes.get_mut(random.usize(..=n)))
                {
                    *byte = random.u8(32..127);
                }
            }
            let damaged = String::from_utf8(bytes).unwrap();
            if let Ok(set) = HouseSet::parse(&damaged, Path::new("balls.ron")) {
                set.check().unwrap();
            }
        }
    }

    #[test]
    fn a_look_without_its_colour_teaches_nothing() {
        let mut lesson = Lesson::new(BallSet::Pool);
        let white_up = Look {
            paint: 0.02,
            ..Look::default()
        };
        let message = lesson.add(BallKind::pool(11), &white_up).unwrap_err();
        assert!(
            message.contains("ball 11") && message.contains("turn it"),
            "{message}"
        );
        assert!(lesson.add(BallKind::default(), &white_up).is_err());
        assert_eq!(lesson.missing().len(), 16);
        let broken = Look {
            paint: 0.5,
            shade: Shade {
                value: f64::NAN,
                ..Shade::default()
            },
            ..Look::default()
        };
        assert!(lesson.add(BallKind::pool(1), &broken).is_err());
    }

    #[test]
    fn a_paint_follows_the_light_slowly_and_a_part_of_the_set_teaches_nothing() {
        let mut set = FollowedSet::new(taught());
        let dimmed: Vec<(BallKind, Look)> = usual()
            .into_iter()
            .map(|(kind, mut look)| {
                look.shade.value *= 0.92;
                (kind, look)
            })
            .collect();
        let red = |set: &FollowedSet| set.now().ball(BallKind::pool(3)).unwrap().shade.value;
        let first = red(&set);
        set.follow(&dimmed[..12]);
        assert_eq!(red(&set), first);
        set.follow(&dimmed);
        assert!(red(&set) < first && red(&set) > first - 0.003);
        for _ in 0..1000 {
            set.follow(&dimmed);
        }
        assert!((red(&set) - 0.92 * first).abs() < 0.002);
    }

    #[test]
    fn two_paints_cannot_change_places_however_they_are_led() {
        let (start, mut set) = (taught(), FollowedSet::new(taught()));
        // Red is shown a little more maroon every time, and maroon a little more red; then swapped outright.
        let (red, maroon) = (
            start.ball(BallKind::pool(3)).unwrap().shade,
            start.ball(BallKind::pool(7)).unwrap().shade,
        );
        for k in 0..4000 {
            let share = (f64::from(k) / 2000.0).min(1.0);
            let mixed = |a: Shade, b: Shade| {
                let mut p = a.point();
                for (v, w) in p.iter_mut().zip(b.point()) {
                    *v += share * (w - *v);
                }
                Shade::of_point(p)
            };
            let mut rack = usual();
            for (kind, look) in &mut rack {
                match kind.number {
                    Some(3 | 11) => look.shade = mixed(red, maroon),
                    Some(7 | 15) => look.shade = mixed(maroon, red),
                    _ => {}
                }
            }
            set.follow(&rack);
        }
        for (n, own, other) in [(3, red, maroon), (7, maroon, red)] {
            let now = set.now().ball(BallKind::pool(n)).unwrap().shade;
            assert!(
                now.apart(own) > 0.05 && 2.0 * now.apart(own) <= now.apart(other),
                "{n}"
            );
        }
    }
}
