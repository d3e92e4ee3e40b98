//! The cameras and monitors of this machine, and who uses them.

mod cameras;
mod edid;
mod holders;
mod monitors;
mod xrandr;

pub use cameras::{Access, Camera, Format, User, cameras, lasting_id};
pub use holders::{Holder, Holders, holders_of};
pub use monitors::{MonitorOutput, Monitors, monitors, same_connector};
