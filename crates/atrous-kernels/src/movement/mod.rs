//! Data movement: concat, slice, pad, flip, permute, broadcast and fill. Copies move bits, so they take any element
//! type.

mod concat;
mod fill;
mod pad;
mod reorder;
mod slice;
