//! The second stage of a reduction.

use atrous_shaders::reduce::combine::{Axes, Bindings, Constants, call};

use super::stages::Stages;
use crate::dispatch::{Binding, Dispatch, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::problem::Problem;

/// The binding of the partial results of all slabs, which have `row` vec4s each.
pub(crate) fn partials(slabs: usize, row: usize) -> Binding {
    Binding { slot: Slot::Scratch(0), offset: 0, size: (slabs * row * 16) as u64 }
}

/// The second stage, which combines the slabs of every output.
pub(crate) fn combine(
    stages: Stages,
    slabs: usize,
    max: bool,
    divisor: usize,
    problem: &Problem<'_>,
) -> Result<Dispatch, PlanError> {
    let outputs = vec4s(problem.output.ty);
    let workgroup = stages == Stages::Workgroups;
    let kernel = Kernel::from(call(
        Axes { workgroup, narrow: is_half(problem.output.ty) },
        Constants { divisor: divisor as f64, max, outputs, slabs },
        Bindings { p: Bound::window(partials(slabs, outputs), 0), y: Bound::output(problem) },
    ));
    if workgroup { kernel.groups(outputs as u64, problem.target) } else { kernel.invocations(outputs, problem.target) }
}
