//! Convolution, transposed convolution and the filter's gradient: which kernel serves, and its dispatches.
//!
//! Kernels that keep tiles in workgroup memory come before those that keep them in registers, except on software
//! adapters, where a barrier costs more than it saves. `direct`, `transposed_direct` and `grad_weight_direct` admit
//! everything.

mod depthwise;
mod forward;
mod grad_weight;
mod problem;
mod tile;
mod transposed;

pub use forward::{CONV2D_VARIANTS, plan_conv2d};
pub use grad_weight::{GRAD_WEIGHT_VARIANTS, plan_grad_weight};
pub use transposed::{GRAD_INPUT_VARIANTS, plan_grad_input};

#[cfg(test)]
mod tests;
