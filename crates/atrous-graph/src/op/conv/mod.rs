//! Convolutions.

mod forward;
mod fused;
mod grad_weight;
mod operands;
mod operations;
mod rules;
mod transposed;

pub use forward::Conv2d;
pub use fused::{Convolution, FusedConv};
pub use grad_weight::Conv2dGradWeight;
pub use transposed::Conv2dGradInput;
