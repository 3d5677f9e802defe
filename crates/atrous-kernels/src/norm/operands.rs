//! Mean and variance, as kernels bind them.

use crate::dispatch::Slot;
use crate::kernel::{Bound, vec4s};
use crate::problem::{Part, Problem};

/// Input `i` from sample `sample` on.
pub(super) fn from_sample(problem: &Problem<'_>, i: usize, sample: usize) -> Bound {
    let part = &problem.inputs[i];
    let before = vec4s(part.ty) / part.ty.shape.n * sample;
    Bound::part(Slot::Input(i), &Part { base: part.base + before as u32, ..*part })
}

/// The variance, input `i`. If mean and variance are in one tensor, this is its second sample.
pub(super) fn variance(problem: &Problem<'_>, i: usize) -> Bound {
    from_sample(problem, i, problem.inputs[i].ty.shape.n - 1)
}
