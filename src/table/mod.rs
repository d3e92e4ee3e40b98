//! The table: its size, cushions, pockets, and the set of balls that goes with it.

mod balls;
mod geometry;
mod spec;

pub use balls::{BallKind, BallSet, BallSpec, Group};
pub use geometry::{Arc, Geometry, PocketCircle, PocketId, Segment};
pub use spec::{PocketShape, TableSpec, UnknownTable};
