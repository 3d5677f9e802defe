//! The CPU reference: what each operation means, in f64, and when a computed result counts as equal to it.
//!
//! [`evaluate`] runs one operation with the loops of its documented formula, [`run`] a whole graph. [`magnitude`]
//! says how much rounding each result may show, and [`compare`] judges a device's result by it: one rule for every
//! kernel.

mod compare;
mod conv;
mod custom;
mod loss;
mod movement;
mod norm;
mod numbers;
mod operation;
mod optim;
mod pointwise;
mod pool;
mod range;
mod reduce;
mod reference;
mod resize;
mod run;
mod source;
mod tensor;

pub use compare::{CompareError, Mismatch, Tolerance, compare, compare_u32};
pub use operation::{evaluate, magnitude};
pub use optim::{OptimizerStep, Scale, Updated, clip_factor, global_norm, optimizer_magnitude, optimizer_step};
pub use range::{RangeError, check_range};
pub use run::{Error, run};
pub use tensor::Tensor;
