//! Kernels in which an invocation processes several vec4s of the same channels.

use atrous_shaders::Call;
use atrous_shaders::groups::Strided;

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::problem::Problem;
use crate::target::Target;

/// How the vec4s of the result are distributed over invocations. Each gets several of the same channels, for which it
/// reads and computes the values that depend only on channels once.
pub(super) fn sizes(problem: &Problem<'_>) -> Strided {
    let ty = problem.output.ty;
    let (count, c4) = (vec4s(ty), ty.padded().c / 4);
    Strided { count, c4, width: c4 * 64_usize.div_ceil(c4), items: items(count, problem.target) }
}

/// A dispatch over all vec4s, distributed as `sizes` says.
pub(super) fn plan(
    name: &'static str,
    call: Call<Bound>,
    sizes: Strided,
    problem: &Problem<'_>,
) -> Result<NodePlan, PlanError> {
    let Strided { count, width, items, .. } = sizes;
    let invocations = count.div_ceil(width * items) * width;
    Ok(NodePlan::single(name, Kernel::from(call).invocations(invocations, problem.target)?))
}

/// Number of vec4s, of `count`, for each invocation: few enough to keep the adapter busy, and at most 8.
fn items(count: usize, target: &Target) -> usize {
    let busy = if target.software { 1 << 10 } else { 1 << 16 };
    (count / busy).clamp(1, 8)
}
