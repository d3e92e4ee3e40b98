//! Ball physics: an f64 core of published formulas, with rapier2d as the world that
//! owns balls and rails and answers which of them can meet.

pub mod prediction;

use crate::table::TableSpec;
use prediction::{BallIndex, BallState, Prediction};

/// A stroke of the cue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CueStrike {
    /// Speed of the stick at impact, m/s.
    pub stick_speed_m_s: f64,
    /// Direction of the stick on the table, radians anticlockwise from +x.
    pub direction: f64,
    /// Elevation of the butt, radians.
    pub elevation: f64,
    /// Contact point to the side, in ball radii; + is left.
    pub side: f64,
    /// Contact point above the middle, in ball radii; + is top.
    pub height: f64,
}

/// Simulates shots on one table. Keeps its world between shots: building it costs more than a shot.
#[derive(Debug)]
pub struct Simulator {}

impl Simulator {
    /// A simulator for `table` with the usual cloth, cushions and balls.
    #[must_use]
    pub fn new(table: &TableSpec) -> Self {
        let _ = table;
        Self {}
    }

    /// Runs until everything rests. `strike` says which ball is struck and how; without it
    /// the balls just run on from the state they are in.
    pub fn simulate(&mut self, balls: &[BallState], strike: Option<(BallIndex, CueStrike)>) -> Prediction {
        let _ = (balls, strike);
        Prediction::default()
    }
}
