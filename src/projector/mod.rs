//! What is drawn on the cloth.

pub mod compose;
pub mod overlay;
pub mod tessellate;
pub mod theme;
