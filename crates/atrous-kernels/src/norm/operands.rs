//! The mean and the variance as kernels bind them.

use crate::dispatch::Slot;
use crate::kernel::{Kernel, vec4s};
use crate::problem::{Part, Problem};

/// A part as kernels read it that begin at one of its samples.
pub(super) fn from_sample(part: &Part, sample: usize) -> Part {
    let before = vec4s(part.ty) / part.ty.shape.n * sample;
    Part { base: part.base + before as u32, ..*part }
}

/// Binds the mean, which is input `mean`.
pub(super) fn bind_mean(kernel: Kernel, mean: usize, problem: &Problem<'_>) -> Kernel {
    kernel.bind("MEAN_BASE", Slot::Input(mean), &problem.inputs[mean])
}

/// Binds the variance, which is input `var`: of a mean and a variance in one tensor the latter.
pub(super) fn bind_variance(kernel: Kernel, var: usize, problem: &Problem<'_>) -> Kernel {
    let part = &problem.inputs[var];
    kernel.bind("VARIANCE_BASE", Slot::Input(var), &from_sample(part, part.ty.shape.n - 1))
}
