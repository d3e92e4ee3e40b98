//! Releases put in place, watched, and taken back.
//!
//! A release is one file. It is taken in, looked at, tried on a copy of what is kept, and only then put in the place of the
//! one that runs; there it is watched, and taken back where it does not show what it should. Each step is on the disk before
//! it is done (`journal.rs`) and can be done again: whoever comes after a kill goes on from there. What is promised stands
//! in `docs/deploy.md`.

pub mod ask;
pub mod checks;
pub mod commands;
pub mod data;
mod elf;
mod error;
pub mod files;
pub mod guard;
pub mod incoming;
pub mod install;
pub mod journal;
mod kept;
mod lock;
pub mod outcome;
pub mod owner;
pub mod probation;
pub mod releases;
pub mod report;
pub mod service;
pub mod shadow;
pub mod signature;
#[cfg(test)]
mod tests;
mod tree;
mod trial;
mod version;
mod watch;
pub mod workshop;

pub use error::DeployError;
pub use version::Version;
