//! What keeps the trainer going beside the table: other programs as children, the devices of this
//! machine, and the doctor that looks whether all is as it should be.

pub mod backup;
pub mod deploy;
pub mod devices;
pub mod doctor;
pub mod helpers;
pub mod installation;
pub mod process;
