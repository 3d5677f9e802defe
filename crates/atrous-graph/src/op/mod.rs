//! The primitive operations: what is computed, independent of how.
//!
//! [`Op`] has three levels: what users and layers write, [`Gradient`] of what autodiff adds, and [`Fused`] of what
//! passes make. Each operation is a type with its attributes in a file of its family, beside its definition: name,
//! shape rule, element types, costs. The gradients of a family are in its `rules.rs`. The CPU reference and the kernels
//! have the same families.

mod check;
mod conv;
mod custom;
mod definition;
mod fused;
mod gradient;
mod loss;
mod movement;
mod norm;
mod operation;
mod padding;
mod pointwise;
mod pool;
mod reduce;
mod resize;
mod source;

pub use conv::*;
pub use custom::*;
pub use fused::Fused;
pub use gradient::Gradient;
pub use loss::*;
pub use movement::*;
pub use norm::*;
pub use operation::Op;
pub use padding::Padding;
pub use pointwise::*;
pub use pool::*;
pub use reduce::*;
pub use resize::*;
pub use source::{Input, Parameter};

pub(crate) use operation::Tape;
