//! The handle of a custom operation: what stands for it in a graph.

use std::any::Any;
use std::fmt;

/// A [`CustomOp`](crate::op::CustomOp) as an attribute of [`Op`](crate::Op).
///
/// It is kept for the rest of the program, once: another object of the same type that prints the same is the same operation.
#[derive(Clone, Copy)]
pub struct Custom(pub(super) &'static Kept);

/// An operation in the registry. Not the object alone, which may be of no size and so have no address of its own.
pub(super) struct Kept {
    /// A `Box<dyn CustomOp>`. Its gradient makes operations, so the trait stands above them, and what they are made of below.
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
