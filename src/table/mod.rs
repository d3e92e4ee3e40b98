//! The table: its size, cushions, pockets, how it plays, and the set of balls that goes with it.

mod balls;
mod custom;
mod geometry;
pub mod parameters;
mod spec;

pub use balls::{BallKind, BallSet, BallSpec, Group};
pub use custom::{
    BallMeasures, ImpossibleMeasure, PhysicsMeasures, PocketMeasures, PocketPlay, RestitutionMeasures,
    TableMeasures,
};
pub use geometry::{Arc, Geometry, PocketCircle, PocketId, Segment};
pub use parameters::Parameters;
pub use spec::{PocketShape, TableSpec, UnknownTable};
