//! What every node of a graph costs on the device.

mod measure;
mod print;
mod recording;
mod roofline;
mod times;
mod trace;

pub use roofline::Roofline;
pub use times::{NodeProfile, Profile};
