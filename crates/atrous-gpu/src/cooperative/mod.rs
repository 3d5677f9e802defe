//! Cooperative matrices: which of an adapter's kernels can use, and whether they multiply correctly.

mod proof;
mod usable;

pub(crate) use proof::enable;
pub(crate) use usable::{FEATURES, listed, of};
