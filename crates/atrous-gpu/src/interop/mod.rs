//! Runs among other work on the device: inputs from the caller's buffers and textures, results into them, without copies through
//! the host.
//!
//! A run is encoded into the caller's encoder, which submits it. All inputs are copied by that encoder, also those from the host's
//! memory. So each run computes with its own inputs, whatever else is encoded or run and in whatever order it is submitted.

mod bind;
mod draw;
mod encode;
mod input;
mod output;

pub use draw::Overlay;
pub use input::{BufferLayout, DeviceInput, Picture};
pub use output::OutputBuffer;
