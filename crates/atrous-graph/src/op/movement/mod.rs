//! Data movement.

mod concat;
mod fill;
mod pad;
mod reorder;
mod rules;
mod slice;

pub use concat::*;
pub use fill::*;
pub use pad::*;
pub use reorder::*;
pub use slice::*;
