//! Data movement.

mod concat;
mod fill;
mod pad;
mod reorder;
mod rules;
mod slice;

pub use concat::Concat;
pub use fill::{Broadcast, Fill};
pub use pad::{Pad, PadGrad, PadMode};
pub use reorder::Flip;
pub use slice::{Place, Slice};
