//! The trainer: what the player intends, and what to show about it.

pub mod aim;
pub mod help;
pub mod played;
#[cfg(feature = "app")]
pub mod plugin;
pub mod predict;
pub mod rehearsal;
mod rollouts;
pub mod suggest;
