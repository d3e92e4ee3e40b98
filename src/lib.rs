//! Billiards Trainer: a camera sees the table, physics predicts the shot, a projector draws it on the cloth.
//!
//! The package has two halves. Pure logic compiles with `--no-default-features` and knows
//! nothing of windows, devices or sockets; the cargo feature `app` adds Bevy, egui, axum
//! and nokhwa. `docs/architecture.md` shows the way of the data through the modules.

#[cfg(feature = "app")]
pub mod api;
#[cfg(feature = "app")]
pub mod app;
pub mod calibration;
pub mod cli;
pub mod config;
#[cfg(feature = "app")]
pub mod dashboard;
#[cfg(feature = "app")]
pub mod lab;
pub mod ops;
pub mod physics;
pub mod projector;
pub mod system;
pub mod table;
pub mod trainer;
pub mod units;
pub mod virtual_table;
pub mod vision;
