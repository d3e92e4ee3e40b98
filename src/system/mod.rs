//! The system that keeps itself running: modules, their health, metrics, alerts.

pub mod alerts;
pub mod command;
pub mod health;
#[cfg(feature = "app")]
pub mod modules;
#[cfg(feature = "app")]
pub mod plugin;
#[cfg(feature = "app")]
pub mod resources;
pub mod rolling;
pub mod snapshot;
pub mod status;
pub mod summary;
