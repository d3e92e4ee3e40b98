//! What is drawn on the cloth.

pub mod colour;
pub mod compose;
pub(crate) mod drawing;
pub mod exercise;
pub mod footprint;
pub mod guard;
pub mod keystone;
pub(crate) mod lettering;
pub mod overlay;
#[cfg(feature = "app")]
pub mod plugin;
pub mod raster;
pub mod sign;
pub mod tessellate;
pub mod test_picture;
pub mod theme;
pub mod tone;
