//! Planning of the places of tensors in memory, before anything runs.
//!
//! Tensors whose lifetimes do not overlap share bytes. WebGPU tracks whole buffers: a dispatch may use a buffer for
//! reading or for writing, not both. So tensors are spread over a few buffers, the *banks*, such that no dispatch reads
//! and writes the same bank. Where that takes much more memory, a dispatch may do so; it must then declare all it binds
//! of that bank as writable.

mod assign;
mod request;

pub use assign::{Assignment, assign};
pub use request::{Request, lower_bound};
