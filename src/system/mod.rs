//! The system that keeps itself running: modules, their health, metrics, alerts.

pub mod alerts;
pub mod command;
pub mod health;
#[cfg(feature = "app")]
pub mod plugin;
pub mod rolling;
pub mod snapshot;
pub mod status;
pub mod summary;
#[cfg(feature = "app")]
pub mod webhook;
