//! Class weights and ignored labels, as kernels take them.

use crate::dispatch::{Dispatch, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::problem::Problem;

/// The ignored label as kernels take it. Without one the largest u32, which is never below the number of classes.
pub(super) fn ignored(ignore: Option<u32>) -> f64 {
    f64::from(ignore.unwrap_or(u32::MAX))
}

/// The variant with class weights if the node has them as input `weights`.
pub(super) fn variant(problem: &Problem<'_>, weights: usize) -> &'static str {
    if problem.inputs.len() > weights { "weights" } else { "" }
}

/// Binds the class weights, if there are any, and makes the dispatch: one invocation for a pixel.
pub(super) fn dispatch(kernel: Kernel, problem: &Problem<'_>, weights: usize) -> Result<Dispatch, PlanError> {
    let kernel = match problem.inputs.get(weights) {
        Some(part) => kernel.bind("WEIGHTS_BASE", Slot::Input(weights), part),
        None => kernel,
    };
    kernel.invocations(pixels(problem), problem.target)
}

/// Pixels of the result.
pub(super) fn pixels(problem: &Problem<'_>) -> usize {
    let shape = problem.output.ty.shape;
    shape.n * shape.h * shape.w
}
