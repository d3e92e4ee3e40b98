//! The cameras and monitors of this machine.
