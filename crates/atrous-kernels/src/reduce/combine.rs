//! The second stage of a reduction.

use atrous_graph::DType;

use super::stages::Stages;
use crate::dispatch::{Binding, Dispatch, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, axes, vec4s};
use crate::problem::Problem;

/// Partial results of all slabs.
pub(crate) fn partials(slabs: usize, row: usize) -> Binding {
    Binding { slot: Slot::Scratch(0), offset: 0, size: (slabs * row * 16) as u64 }
}

/// The second stage: `slabs` slabs of all outputs into the result.
pub(crate) fn combine(
    stages: Stages,
    slabs: usize,
    max: bool,
    divisor: usize,
    problem: &Problem<'_>,
) -> Result<Dispatch, PlanError> {
    let outputs = vec4s(problem.output.ty);
    let workgroup = stages == Stages::Workgroups;
    let kernel = Kernel::new("reduce/combine", &axes(&[(workgroup, "workgroup"), (narrow(problem), "narrow")]))
        .sizes([("SLABS", slabs), ("OUTPUTS", outputs), ("MAX", usize::from(max)), ("DIVISOR", divisor), ("P_BASE", 0)])
        .window(partials(slabs, outputs))
        .bind("Y_BASE", Slot::Output, &problem.output);
    if workgroup { kernel.groups(outputs as u64, problem.target) } else { kernel.invocations(outputs, problem.target) }
}

/// Whether the result is stored in f16.
pub(super) fn narrow(problem: &Problem<'_>) -> bool {
    problem.output.ty.dtype == DType::F16
}
