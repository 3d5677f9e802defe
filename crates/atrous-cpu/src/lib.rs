//! The CPU reference: what each operation means, in f64, and when a computed result counts as equal to it.
//!
//! [`evaluate`] runs one operation with the loops of its documented formula, [`run`] a whole graph. [`magnitude`]
//! says how much rounding each result may show, and [`compare`] judges a device's result by it: one rule for every
//! kernel.

mod chain;
mod compare;
mod conv;
mod custom;
mod dropout;
mod evaluate;
mod fused;
mod fused_loss;
mod fused_norm;
mod label;
mod magnitude;
mod movement;
mod norm;
mod optim;
mod pointwise;
mod pool;
mod pool_grad;
mod range;
mod reduce;
mod resize;
mod run;
mod softmax;
mod tensor;
mod unary;
mod unary_grad;

pub use compare::{CompareError, Mismatch, Tolerance, compare, compare_u32};
pub use evaluate::evaluate;
pub use magnitude::magnitude;
pub use optim::{OptimizerStep, Scale, Updated, clip_factor, global_norm, optimizer_magnitude, optimizer_step};
pub use range::{RangeError, check_range};
pub use run::{Error, run};
pub use tensor::Tensor;
