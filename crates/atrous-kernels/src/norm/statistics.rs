//! Mean and variance of a batch.

use atrous_graph::op::{BatchStatistics, ChannelVariance};

use crate::dispatch::{Binding, Dispatch, NodePlan, Slot, Strips};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::reduce::combine::combine;
use crate::reduce::pixels::{Pixels, plan_pixels};
use crate::reduce::stages::{self, Stages, by_workgroup};
use crate::variant::Entry;

impl Kernels for ChannelVariance {
    fn variants(&self) -> Vec<&'static Entry> {
        stages::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let slabs = |pixels: &Pixels, x: Binding, base: usize| {
            let divisor = if pixels.single() { pixels.count } else { 1 };
            Kernel::storing(problem.inputs[0].ty, "reduce/variance_slabs", "")
                .sizes([("X_BASE", base), ("DIVISOR", divisor)])
                .window(x)
                .bind("MEAN_BASE", Slot::Input(1), &problem.inputs[1])
        };
        plan_pixels(problem, 1, &slabs, &|p| combine(p.stages, p.all_slabs(), false, p.count, problem))
    }

    fn sums(&self) -> bool {
        true
    }
}

impl Kernels for BatchStatistics {
    fn variants(&self) -> Vec<&'static Entry> {
        stages::VARIANTS.entries()
    }

    /// In one pass over the pixels, in two stages where there are many.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
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

    fn sums(&self) -> bool {
        true
    }
}

/// Plans mean and variance of a map whose maker has measured it strip by strip.
///
/// # Errors
/// [`PlanError::Limit`] if the strips do not fit the adapter.
pub(crate) fn plan_strips(strips: &Strips, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
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
