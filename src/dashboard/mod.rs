//! The operator's dashboard: panels that show the snapshot and give back wishes.

mod calibration;
mod look;
mod panels;
mod pictures;
pub mod plugin;

pub use panels::{Dashboard, dashboard};
