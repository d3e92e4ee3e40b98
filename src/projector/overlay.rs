//! Shapes in table metres with a meaning, not a colour.

use serde::Serialize;

use crate::units::Vec2;

/// What a shape stands for. The theme gives it colour and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Cue ball's way to the first contact.
    Aim,
    /// Cue ball's way after the first contact.
    CuePath,
    /// Where the cue ball will be at contact.
    GhostBall,
    /// Where the cue ball will touch the other.
    Contact,
    /// Direction the cue ball leaves in without spin (at right angles to the line of centres).
    TangentLine,
    /// The struck ball's way.
    ObjectPath,
    /// The ways of balls that are struck later.
    OtherPath,
    /// Between its edges the struck ball goes nine times in ten.
    Spread,
    /// A cushion contact.
    Rebound,
    /// A pocket that a ball will fall into.
    Pocket,
    /// The cue ball will fall: a warning.
    Scratch,
    /// Where a ball comes to rest.
    Rest,
    /// Where the tip is to meet the cue ball: its face as the player sees it.
    Tip,
    /// Speed of the stick, as the length of a bar.
    Speed,
    /// What the bar is measured by.
    Scale,
    /// A place where a ball is to be put.
    Placement,
    /// A place where a ball was to be put, and is.
    Placed,
    /// A part of the cloth where a ball is to come to rest.
    Zone,
    /// Words for the player.
    Label,
}

impl Meaning {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Aim,
        Self::CuePath,
        Self::GhostBall,
        Self::Contact,
        Self::TangentLine,
        Self::ObjectPath,
        Self::OtherPath,
        Self::Spread,
        Self::Rebound,
        Self::Pocket,
        Self::Scratch,
        Self::Rest,
        Self::Tip,
        Self::Speed,
        Self::Scale,
        Self::Placement,
        Self::Placed,
        Self::Zone,
        Self::Label,
    ];
}

/// A shape on the cloth, in the table frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Geometry {
    /// A line through points, metres.
    Polyline {
        /// The points in order.
        points: Vec<Vec2>,
        /// Drawn broken.
        dashed: bool,
    },
    /// A circle line.
    Ring {
        /// Centre, metres.
        centre: Vec2,
        /// Radius, metres.
        radius: f64,
    },
    /// A filled circle.
    Disc {
        /// Centre, metres.
        centre: Vec2,
        /// Radius, metres.
        radius: f64,
    },
    /// A filled head of an arrow, as wide as it is long.
    Arrow {
        /// Its point, metres.
        tip: Vec2,
        /// The middle of its base, metres.
        back: Vec2,
    },
    /// A see-through surface between two lines of as many points each, from one rung to the next.
    Area {
        /// One line, metres.
        left: Vec<Vec2>,
        /// The other, metres.
        right: Vec<Vec2>,
    },
    /// A line of text.
    Text {
        /// Middle of the text, metres.
        at: Vec2,
        /// Height of a capital letter, metres.
        height: f64,
        /// The words.
        text: String,
    },
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shape {
    /// What it stands for.
    pub meaning: Meaning,
    /// How far along it is, 0 (now) .. 1 (far): fades what is uncertain.
    pub fade: f64,
    /// The form.
    #[serde(flatten)]
    pub geometry: Geometry,
}
