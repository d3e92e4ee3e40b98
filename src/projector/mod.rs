//! What is drawn on the cloth.

pub mod overlay;
