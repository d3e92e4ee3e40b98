//! Balls: what they are called and what they weigh.

use serde::{Deserialize, Serialize};

/// Size and mass of a ball.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BallSpec {
    /// Radius in metres.
    pub radius_m: f64,
    /// Mass in kilograms.
    pub mass_kg: f64,
}

impl BallSpec {
    /// WPA pool ball: 57.15 mm, 170.1 g (6 oz).
    pub const POOL: Self = Self {
        radius_m: 0.028_575,
        mass_kg: 0.170_097,
    };
    /// Snooker ball: 52.5 mm (52.3875 mm = 2 1/16 in), 140 g.
    pub const SNOOKER: Self = Self {
        radius_m: 0.026_193_75,
        mass_kg: 0.140,
    };
    /// Carom ball: 61.5 mm, 210 g.
    pub const CAROM: Self = Self {
        radius_m: 0.030_75,
        mass_kg: 0.210,
    };
}

/// Which set of balls is on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BallSet {
    /// Cue ball, solids 1–7, eight, stripes 9–15.
    Pool,
    /// Cue ball, 15 reds, six colours.
    Snooker,
    /// White, yellow, red.
    Carom,
}

/// What kind of ball it is, as the rules of the game see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The cue ball.
    Cue,
    /// The black eight of pool.
    Eight,
    /// Pool 1–7.
    Solid,
    /// Pool 9–15.
    Stripe,
    /// Snooker red (carom red too).
    Red,
    /// Snooker yellow (carom second cue ball too).
    Yellow,
    /// Snooker green.
    Green,
    /// Snooker brown.
    Brown,
    /// Snooker blue.
    Blue,
    /// Snooker pink.
    Pink,
    /// Snooker black.
    Black,
    /// Not known (yet).
    #[default]
    Unknown,
}

impl Group {
    /// All groups there are.
    pub const ALL: [Self; 12] = [
        Self::Cue,
        Self::Eight,
        Self::Solid,
        Self::Stripe,
        Self::Red,
        Self::Yellow,
        Self::Green,
        Self::Brown,
        Self::Blue,
        Self::Pink,
        Self::Black,
        Self::Unknown,
    ];

    /// The colours of snooker, in order of their value.
    pub const COLOURS: [Self; 6] = [
        Self::Yellow,
        Self::Green,
        Self::Brown,
        Self::Blue,
        Self::Pink,
        Self::Black,
    ];

    /// The group of a pool ball by its number; 0 is the cue ball.
    #[must_use]
    pub const fn of_pool_number(number: u8) -> Self {
        match number {
            0 => Self::Cue,
            1..=7 => Self::Solid,
            8 => Self::Eight,
            9..=15 => Self::Stripe,
            _ => Self::Unknown,
        }
    }

    /// The lower-case word used in every interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cue => "cue",
            Self::Eight => "eight",
            Self::Solid => "solid",
            Self::Stripe => "stripe",
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Brown => "brown",
            Self::Blue => "blue",
            Self::Pink => "pink",
            Self::Black => "black",
            Self::Unknown => "unknown",
        }
    }
}

/// A particular ball: its group and, where the ball carries one, its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BallKind {
    /// The group.
    pub group: Group,
    /// The number on the ball (the cue ball has 0, a snooker ball none).
    pub number: Option<u8>,
}

impl BallKind {
    /// The pool ball with this number; 0 is the cue ball.
    #[must_use]
    pub const fn pool(number: u8) -> Self {
        Self {
            group: Group::of_pool_number(number),
            number: Some(number),
        }
    }

    /// The colour of the ball's paint as sRGB (of the band, for a stripe).
    /// Aramith's usual pool colours and the usual snooker set.
    #[must_use]
    pub const fn paint_srgb(self) -> [u8; 3] {
        match (self.group, self.number) {
            (Group::Cue, _) => [240, 235, 220],
            (Group::Solid | Group::Stripe, Some(n)) => match n % 8 {
                1 => [245, 190, 20],
                2 => [25, 55, 160],
                3 => [205, 30, 35],
                4 => [85, 40, 130],
                5 => [240, 105, 25],
                6 => [10, 95, 60],
                7 => [120, 25, 30],
                _ => [20, 20, 22],
            },
            (Group::Red, _) => [190, 20, 30],
            (Group::Yellow, _) => [240, 205, 40],
            (Group::Green, _) => [10, 110, 70],
            (Group::Brown, _) => [110, 65, 35],
            (Group::Blue, _) => [25, 80, 190],
            (Group::Pink, _) => [240, 130, 160],
            (Group::Black | Group::Eight, _) => [20, 20, 22],
            (Group::Unknown | Group::Solid | Group::Stripe, _) => [150, 150, 150],
        }
    }
}
