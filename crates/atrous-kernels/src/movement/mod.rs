//! Data movement: concat, slice, pad, flip; what repeats. All of it moves bits and takes any element type.

mod concat;
mod fill;
mod pad;
mod reorder;
mod slice;
