//! Mean and variance of a batch, and the running statistics made of them.

use atrous_graph::op::RunningStat;

use crate::kernel::{Kernel, vec4s};
use crate::reduce::stages::{Stages, by_workgroup};
use crate::reduce::{Pixels, plan_pixels};
use crate::{Binding, Dispatch, NodePlan, Part, PlanError, Problem, Slot, Strips};

/// Plans mean and variance of each channel in one pass over the pixels, in two stages where there are many.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input does not fit the adapter.
pub fn plan_statistics(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let slabs = |pixels: &Pixels, x: Binding, base: usize| {
        let variant = if pixels.single() { "single" } else { "" };
        Kernel::storing(problem.inputs[0].ty, "norm/statistics_slabs", variant).sizes([("X_BASE", base)]).window(x)
    };
    plan_pixels(problem, 3, &slabs, &|pixels| {
        let sizes =
            [("PIXELS", pixels.count), ("ROW", pixels.count), ("WINDOW", pixels.window), ("SLABS", pixels.slabs)];
        join(problem, pixels.stages == Stages::Workgroups, sizes, pixels.partials())
    })
}

/// Plans the same of a map whose maker has measured it strip by strip.
///
/// # Errors
/// [`PlanError::Limit`] if the strips do not fit the adapter.
pub fn plan_strips(strips: &Strips, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let shape = problem.inputs[0].ty.shape;
    let (pixels, c4) = (shape.n * shape.h * shape.w, problem.inputs[0].ty.padded().c / 4);
    let workgroup = by_workgroup(strips.count(pixels) as usize, problem.target);
    let sizes = [("PIXELS", pixels), ("ROW", strips.row), ("WINDOW", strips.len), ("SLABS", 1)];
    let partials = Binding { slot: Slot::Strips, offset: 0, size: strips.bytes(pixels, c4) };
    Ok(NodePlan::single("strips", join(problem, workgroup, sizes, partials)?))
}

/// The dispatch that joins partial statistics.
fn join(
    problem: &Problem<'_>,
    workgroup: bool,
    sizes: [(&'static str, usize); 4],
    partials: Binding,
) -> Result<Dispatch, PlanError> {
    let c4 = vec4s(problem.output.ty) / 2;
    let kernel = Kernel::new("norm/statistics", if workgroup { "workgroup" } else { "" })
        .sizes(sizes)
        .sizes([("C4", c4), ("P_BASE", 0)])
        .window(partials)
        .bind("Y_BASE", Slot::Output, &problem.output);
    if workgroup { kernel.groups(c4 as u64, problem.target) } else { kernel.invocations(c4, problem.target) }
}

/// Plans `keep * running + take * batch`.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_running_stat(op: &RunningStat, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let count = vec4s(problem.output.ty);
    let dispatch = Kernel::new("norm/running_stat", "")
        .sizes([("COUNT", count)])
        .set("KEEP", op.keep)
        .set("TAKE", op.take)
        .bind("RUNNING_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("BATCH_BASE", Slot::Input(1), &from_sample(&problem.inputs[1], op.sample))
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(count, problem.target)?;
    Ok(NodePlan::single("running_stat", dispatch))
}

/// A part as kernels read it that begin at one of its samples.
fn from_sample(part: &Part, sample: usize) -> Part {
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
