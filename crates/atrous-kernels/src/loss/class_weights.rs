//! Class weights and ignored labels, as kernels take them.

use crate::kernel::Bound;
use crate::problem::Problem;

/// The ignored label as kernels take it. Without one it is the largest u32, which is not below the number of classes.
pub(super) fn ignored(ignore: Option<u32>) -> usize {
    ignore.unwrap_or(u32::MAX) as usize
}

/// The class weights, if the node has them as input `i`.
pub(super) fn weights(problem: &Problem<'_>, i: usize) -> Option<Bound> {
    (problem.inputs.len() > i).then(|| Bound::input(problem, i))
}

/// Number of pixels of the result.
pub(super) fn pixels(problem: &Problem<'_>) -> usize {
    let shape = problem.output.ty.shape;
    shape.n * shape.h * shape.w
}
