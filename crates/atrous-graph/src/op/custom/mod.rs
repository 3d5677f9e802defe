//! Operations defined by a program.

mod backward;
mod handle;
mod kernel;
mod op;
mod registry;
mod rules;

pub use backward::*;
pub use handle::*;
pub use kernel::*;
pub use op::*;
