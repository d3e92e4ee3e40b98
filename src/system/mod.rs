//! The system that keeps itself running: modules, their health, metrics, alerts.

pub mod alerts;
pub mod command;
pub mod forecast;
pub mod health;
pub mod history;
pub mod metrics;
#[cfg(feature = "app")]
pub mod plugin;
pub mod rolling;
pub mod snapshot;
pub mod status;
pub mod summary;
pub mod thread_time;
