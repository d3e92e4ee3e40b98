//! Shows what is promised about faults: starts the trainer as a service manager would, breaks it on purpose, and
//! measures when that is noticed, what is done, and when all is well again.

mod cases;
mod cost;
mod latency;
mod load;
mod manager;
mod measure;
mod outside;
mod soak;

pub use cases::{CASES, Case};
pub use cost::{WithAndWithout, with_and_without};
pub use latency::{Loop, latency};
pub use load::{Load, Loaded, load};
pub use measure::{Result, run_case};
pub use soak::{Soak, soak};
