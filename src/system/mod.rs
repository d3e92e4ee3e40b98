//! The system that keeps itself running: modules, their health, metrics, alerts.

pub mod command;
pub mod snapshot;
pub mod status;
