//! Kernels of which an invocation takes several vec4s of the same channels.

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::problem::Problem;
use crate::target::Target;

/// A dispatch over all vec4s of the result, several of the same channels in each invocation, so that what depends on channels
/// alone is read and computed once for them.
pub(super) fn strided(name: &'static str, kernel: Kernel, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let ty = problem.output.ty;
    let (count, c4) = (vec4s(ty), ty.padded().c / 4);
    let (width, items) = (c4 * 64_usize.div_ceil(c4), items(count, problem.target));
    let kernel = kernel.sizes([("COUNT", count), ("C4", c4), ("WIDTH", width), ("ITEMS", items)]);
    let invocations = count.div_ceil(width * items) * width;
    Ok(NodePlan::single(name, kernel.invocations(invocations, problem.target)?))
}

/// How many of `count` vec4s an invocation takes: as many as leave the adapter busy, and no more than pay.
fn items(count: usize, target: &Target) -> usize {
    let busy = if target.software { 1 << 10 } else { 1 << 16 };
    (count / busy).clamp(1, 8)
}
