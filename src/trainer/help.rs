//! What each level of assistance draws.

use serde::{Deserialize, Serialize};

use crate::trainer::aim::Assistance;

/// Something that can be drawn for a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// The cue ball's way to the first contact.
    Aim,
    /// Where the cue ball will be at contact.
    Ghost,
    /// Where it will touch the other.
    Contact,
    /// Direction it leaves in without spin.
    Tangent,
    /// The struck ball's way, all of it.
    Object,
    /// The struck ball's way to its first cushion.
    ObjectToCushion,
    /// How sure that is: its cone, and the odds of its pocket.
    Spread,
    /// The cue ball's way after the contact.
    CuePath,
    /// The ways of the balls that are struck later.
    Others,
    /// Where cue ball and struck ball meet cushions.
    Rebounds,
    /// Pockets that balls will fall into; a warning where it is the cue ball.
    Pockets,
    /// Where the cue ball comes to rest.
    Rest,
    /// Where the tip is to meet the cue ball.
    Tip,
    /// The speed of the stick.
    Speed,
}

/// What is drawn, level by level. `off` draws nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Help {
    /// Little.
    pub minimal: Vec<Element>,
    /// Everything.
    pub beginner: Vec<Element>,
    /// Less.
    pub intermediate: Vec<Element>,
    /// Hardly anything.
    pub advanced: Vec<Element>,
    /// The least.
    pub expert: Vec<Element>,
}

impl Default for Help {
    fn default() -> Self {
        use Element::{
            Aim, Contact, CuePath, Ghost, Object, ObjectToCushion, Others, Pockets, Rebounds, Rest, Speed,
            Spread, Tangent, Tip,
        };
        Self {
            minimal: vec![Aim],
            beginner: vec![
                Aim, Ghost, Contact, Tangent, Object, Spread, CuePath, Others, Rebounds, Pockets, Rest, Tip,
                Speed,
            ],
            intermediate: vec![Aim, Ghost, Tangent, ObjectToCushion, Spread],
            advanced: vec![Aim, Ghost],
            expert: vec![Ghost],
        }
    }
}

impl Help {
    /// What this level draws.
    #[must_use]
    pub fn of(&self, level: Assistance) -> &[Element] {
        match level {
            Assistance::Off => &[],
            Assistance::Minimal => &self.minimal,
            Assistance::Beginner => &self.beginner,
            Assistance::Intermediate => &self.intermediate,
            Assistance::Advanced => &self.advanced,
            Assistance::Expert => &self.expert,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_help_never_draws_less() {
        let help = Help::default();
        let count = |level| help.of(level).len();
        assert_eq!(count(Assistance::Off), 0);
        assert!(count(Assistance::Expert) <= count(Assistance::Advanced));
        assert!(count(Assistance::Advanced) < count(Assistance::Intermediate));
        assert!(count(Assistance::Intermediate) < count(Assistance::Beginner));
    }
}
