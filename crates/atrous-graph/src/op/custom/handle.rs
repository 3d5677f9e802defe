//! The handle of a custom operation: what stands for it in a graph.

use std::any::Any;
use std::fmt;

/// A [`CustomOp`](crate::op::CustomOp) as an attribute of [`Op`](crate::Op).
///
/// Operations are kept until the program ends. Objects of the same type with the same `Debug` output are the same
/// operation, which is kept once.
#[derive(Clone, Copy)]
pub struct Custom(pub(super) &'static Kept);

/// An operation in the registry. Handles are compared by the address of this struct, since the object may have size 0
/// and so no address of its own.
pub(super) struct Kept {
    /// A `Box<dyn CustomOp>`. Its type is erased to avoid a cycle of imports: `CustomOp` refers to `Op`, which contains
    /// `Custom`.
    pub(super) op: Box<dyn Any + Send + Sync>,
    pub(super) attributes: String,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.attributes)
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}
