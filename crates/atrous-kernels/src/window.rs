//! Windows of tensors, each of which is bound separately.

use std::ops::Range;

use atrous_graph::TensorType;

use crate::kernel::vec4_bytes;
use crate::limits::Limits;
use crate::problem::Part;

/// A range of samples and rows: all rows of some samples, or some rows of one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) n: Range<usize>,
    pub(crate) rows: Range<usize>,
}

impl Window {
    /// The window of a whole tensor.
    pub(crate) const fn whole(ty: TensorType) -> Self {
        Self { n: 0..ty.shape.n, rows: 0..ty.shape.h }
    }

    /// The window as a part, and the byte of the tensor at which its binding begins, which is aligned.
    pub(crate) fn part(&self, full: TensorType, limits: &Limits) -> (Part, u64) {
        let mut ty = full;
        ty.shape.n = self.n.len();
        ty.shape.h = self.rows.len();
        let padded = full.padded();
        let row = (padded.w * padded.c) as u64 * full.dtype.bytes();
        let start = (self.n.start * padded.h + self.rows.start) as u64 * row;
        let aligned = start - start % limits.alignment.max(16);
        let base = ((start - aligned) / vec4_bytes(full)) as u32;
        let part = Part { base, full, first_sample: self.n.start, first_row: self.rows.start, ..Part::whole(ty) };
        (part, aligned)
    }
}
