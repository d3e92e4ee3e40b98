//! The trainer: what the player intends, and what to show about it.

pub mod aim;
pub mod predict;
