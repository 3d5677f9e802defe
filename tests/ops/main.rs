//! Every variant of every kernel against the f64 reference: a table of hazards, then random cases.
//!
//! The device is opened as the environment asks (`ATROUS_ADAPTER`, `ATROUS_CHECKS`, `ATROUS_LIMITS`). Limits of the adapter
//! that would need gigabytes to reach are also tried by planning for a target with tighter ones.

mod chains;
mod conv;
mod conv_grad;
mod cooperative;
mod dropout;
mod functions;
mod fused;
mod grads;
mod half;
mod labels;
mod limits;
mod measured;
mod memory;
mod move_grads;
mod not_finite;
mod others;
mod pieces;
mod random;
mod resized_losses;
mod sharing;
mod transposed;
mod ways;
