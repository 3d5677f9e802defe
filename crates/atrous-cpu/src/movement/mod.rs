//! Data movement.

mod concat;
mod fill;
mod pad;
mod reorder;
mod slice;

pub(crate) use fill::repeated;
