//! Operations that a program brings along.

mod backward;
mod handle;
mod kernel;
mod op;
mod registry;
mod rules;

pub use backward::Backward;
pub use handle::Custom;
pub use kernel::{CustomKernel, Grid};
pub use op::{CustomCut, CustomOp, Values};
