//! Planning where tensors lie, before anything runs.
//!
//! Tensors whose lifetimes do not meet share bytes. WebGPU tracks whole buffers: a dispatch may use one for reading or for writing,
//! not both. So tensors are spread over a few buffers, the *banks*, such that what a dispatch writes shares no bank with what it
//! reads. Only where that takes much more memory do they share one, and the dispatch must declare all of it as written.

mod assign;
mod request;

pub use assign::{Assignment, assign};
pub use request::{Request, lower_bound};
