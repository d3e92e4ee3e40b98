//! Settings: defaults < environment preset < site file < changes while running < environment variables < command line.
//!
//! The site file is RON. What is not understood is refused with file, line, column and key; a
//! program that runs on settings it did not understand helps nobody. `docs/configuration.md`
//! tells the whole story to those who write the file.
//!
//! Nothing here knows the single sections: a new field of [`Settings`] is read from every layer,
//! shown and checked for its kind. Its range and meaning are one line in `keys.rs`.

mod changes;
mod durable;
mod fault;
mod keys;
mod last_good;
mod layers;
mod lock;
mod overrides;
mod read;
mod reload;
mod schema;
mod settings;
mod shape;
#[cfg(test)]
mod tests;
mod tree;
mod verify;

pub use changes::{ChangeError, Changed, Changes};
pub use durable::{sweep_unfinished, write_durably, write_privately};
pub use fault::{ConfigError, Fault};
pub use keys::{Effect, effect_of};
pub use layers::{Loaded, Source};
pub use lock::{InstanceLock, LockError};
pub use overrides::{Assignment, Overrides};
pub use reload::{FileWatch, Reloaded, changed_keys, reload};
pub use schema::{KeySchema, schema};
pub use settings::{
    ApiSettings, CalibrationSettings, Environment, ProjectorSettings, Settings, SystemSettings,
    TrainerSettings, VisionSettings,
};
pub use tree::Layer;
