//! Kernels of which an invocation takes several vec4s of the same channels.

use atrous_shaders::Call;
use atrous_shaders::groups::Strided;

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::problem::Problem;
use crate::target::Target;

/// How all vec4s of the result are dealt: several of the same channels to each invocation, so that what depends on channels alone is
/// read and computed once for them.
pub(super) fn sizes(problem: &Problem<'_>) -> Strided {
    let ty = problem.output.ty;
    let (count, c4) = (vec4s(ty), ty.padded().c / 4);
    Strided { count, c4, width: c4 * 64_usize.div_ceil(c4), items: items(count, problem.target) }
}

/// A dispatch over all vec4s that are dealt in this way.
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

/// How many of `count` vec4s an invocation takes: as many as leave the adapter busy, and no more than pay.
fn items(count: usize, target: &Target) -> usize {
    let busy = if target.software { 1 << 10 } else { 1 << 16 };
    (count / busy).clamp(1, 8)
}
