//! The mean and the variance as kernels bind them.

use crate::dispatch::Slot;
use crate::kernel::{Bound, vec4s};
use crate::problem::{Part, Problem};

/// Input `i` from one of its samples on.
pub(super) fn from_sample(problem: &Problem<'_>, i: usize, sample: usize) -> Bound {
    let part = &problem.inputs[i];
    let before = vec4s(part.ty) / part.ty.shape.n * sample;
    Bound::part(Slot::Input(i), &Part { base: part.base + before as u32, ..*part })
}

/// The variance, which is input `i`: of a mean and a variance in one tensor the latter.
pub(super) fn variance(problem: &Problem<'_>, i: usize) -> Bound {
    from_sample(problem, i, problem.inputs[i].ty.shape.n - 1)
}
