//! Operations that a program brings along.

mod backward;
mod kernel;
mod op;
mod registry;
mod rules;

pub use backward::*;
pub use kernel::*;
pub use op::*;
pub use registry::*;
