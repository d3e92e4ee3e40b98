//! What is drawn on the cloth.

pub mod compose;
pub mod footprint;
pub mod keystone;
pub mod overlay;
#[cfg(feature = "app")]
pub mod plugin;
pub mod tessellate;
pub mod test_picture;
pub mod theme;
