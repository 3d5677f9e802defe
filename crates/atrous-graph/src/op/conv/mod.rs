//! Convolutions.

mod forward;
mod fused;
mod grad_weight;
mod operands;
mod operations;
mod rules;
mod transposed;

pub use forward::*;
pub use fused::*;
pub use grad_weight::*;
pub use transposed::*;
