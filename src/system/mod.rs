//! The system that keeps itself running: modules, their health, metrics, alerts.

pub mod alerts;
pub mod command;
pub mod crash;
pub mod faults;
pub mod forecast;
pub mod health;
pub mod history;
pub mod journal;
pub mod keeper;
pub mod metrics;
pub mod orchestrator;
#[cfg(feature = "app")]
pub mod plugin;
pub mod pulse;
pub mod recovery;
pub mod rolling;
pub mod run_marker;
pub mod snapshot;
pub mod status;
pub mod summary;
pub mod thread_time;
#[cfg(feature = "app")]
pub mod watchdog;
#[cfg(feature = "app")]
pub mod webhook;
