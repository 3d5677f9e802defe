//! Convolution and transposed convolution: which kernel serves, and its dispatches.
//!
//! Kernels that keep tiles in workgroup memory come before those that keep them in registers, except on software
//! adapters, where a barrier costs more than it saves. `direct` and `transposed_direct` admit everything.

mod forward;
mod problem;
mod tile;
mod transposed;

pub use forward::plan_conv2d;
pub use transposed::plan_grad_input;

#[cfg(test)]
mod tests;
