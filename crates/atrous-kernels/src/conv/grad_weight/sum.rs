//! Both stages: partial sums, and the sum of these.

use atrous_shaders::reduce::combine;

use super::problem::Gradient;
use super::stage::Stage;
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::problem::Problem;

/// Most bytes of partial sums.
const PARTIAL_BYTES: u64 = 32 << 20;

/// Plans both stages.
pub(super) fn plan(p: &Gradient<'_>, stage: &Stage) -> Result<NodePlan, PlanError> {
    let problem = p.problem;
    let (filter, most) = (problem.output.ty.bytes(), PARTIAL_BYTES.min(p.target().limits.max_binding));
    let slabs = stage.slabs(p, most);

    // While there is room, each region has its own partial sums; later regions add to those of earlier ones.
    let sets = ((most / filter) as usize / slabs.count).clamp(1, p.regions.len());
    let single = slabs.count * sets == 1;
    let partials = Binding { slot: Slot::Scratch(0), offset: 0, size: (slabs.count * sets) as u64 * filter };
    let mut plan = NodePlan { tile: stage.tile, ..NodePlan::default() };
    for (i, region) in p.regions.iter().enumerate() {
        let to = if single {
            Bound::output(problem)
        } else {
            Bound::window(partials, i % sets * slabs.count * vec4s(problem.output.ty))
        };
        plan.dispatches.push(stage.dispatch(p, slabs, region, i >= sets, to)?);
    }
    if !single {
        plan.dispatches.push(add(slabs.count * sets, partials, problem)?);
        plan.scratch.push(partials.size);
    }
    Ok(plan)
}

/// The dispatch that adds the partial sums.
fn add(slabs: usize, partials: Binding, problem: &Problem<'_>) -> Result<Dispatch, PlanError> {
    let (outputs, target) = (vec4s(problem.output.ty), problem.target);
    let shared = slabs >= 64 && !target.software && target.limits.workgroup_memory >= 1024;
    let kernel = Kernel::from(combine::call(
        combine::Axes { workgroup: shared, narrow: false },
        combine::Constants { slabs, outputs, max: false, divisor: 1.0 },
        combine::Bindings { p: Bound::window(partials, 0), y: Bound::output(problem) },
    ));
    if shared { kernel.groups(outputs as u64, target) } else { kernel.invocations(outputs, target) }
}
