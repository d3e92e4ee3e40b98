//! Is the physics right? Against measurements, against the reference, against itself.

pub mod brute;
pub mod families;
pub mod parity;
pub mod truths;
