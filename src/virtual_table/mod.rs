//! The virtual table: a physically simulated table as a camera would see it, with its truth.
