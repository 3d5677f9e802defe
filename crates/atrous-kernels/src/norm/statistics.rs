//! Mean and variance of a batch.

use atrous_graph::op::{BatchStatistics, ChannelVariance};
use atrous_shaders::norm::{statistics, statistics_slabs};
use atrous_shaders::reduce::variance_slabs;

use crate::dispatch::{Binding, Dispatch, NodePlan, Slot, Strips};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::reduce::combine::combine;
use crate::reduce::pixels::{Pixels, Window, plan_pixels};
use crate::reduce::stages::{self, Stages, by_workgroup};
use crate::variant::Entry;

impl Kernels for ChannelVariance {
    fn variants(&self) -> Vec<&'static Entry> {
        stages::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let slabs = |pixels: &Pixels, window: &Window| {
            let divisor = if pixels.single() { pixels.count } else { 1 };
            variance_slabs::call(
                variance_slabs::Axes { half: is_half(problem.inputs[0].ty) },
                variance_slabs::Constants { pixels: window.sizes, divisor: divisor as f64 },
                variance_slabs::Bindings { x: window.input(0), mean: Bound::input(problem, 1), p: window.result },
            )
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

    /// One pass over the pixels, in two stages if there are many.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let slabs = |pixels: &Pixels, window: &Window| {
            statistics_slabs::call(
                statistics_slabs::Axes { single: pixels.single(), half: is_half(problem.inputs[0].ty) },
                statistics_slabs::Constants { pixels: window.sizes },
                statistics_slabs::Bindings { x: window.input(0), p: window.result },
            )
        };
        plan_pixels(problem, 3, &slabs, &|pixels| {
            let &Pixels { c4, count, window, slabs, .. } = pixels;
            let sizes = statistics::Constants { c4, pixels: count, row: count, window, slabs };
            join(problem, pixels.stages == Stages::Workgroups, sizes, pixels.partials())
        })
    }

    fn sums(&self) -> bool {
        true
    }
}

/// Plans mean and variance of a tensor from the statistics of its strips, which were stored along with it.
///
/// # Errors
/// [`PlanError::Limit`] if the strips exceed the adapter's limits.
pub(crate) fn plan_strips(strips: &Strips, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let shape = problem.inputs[0].ty.shape;
    let (pixels, c4) = (shape.n * shape.h * shape.w, problem.inputs[0].ty.padded().c / 4);
    let workgroup = by_workgroup(strips.count(pixels) as usize, problem.target);
    let sizes = statistics::Constants { c4, pixels, row: strips.row, window: strips.len, slabs: 1 };
    let partials = Binding { slot: Slot::Strips, offset: 0, size: strips.bytes(pixels, c4) };
    Ok(NodePlan::single("strips", join(problem, workgroup, sizes, partials)?))
}

/// The dispatch that joins partial statistics.
fn join(
    problem: &Problem<'_>,
    workgroup: bool,
    sizes: statistics::Constants,
    partials: Binding,
) -> Result<Dispatch, PlanError> {
    let kernel = Kernel::from(statistics::call(
        statistics::Axes { workgroup },
        sizes,
        statistics::Bindings { p: Bound::window(partials, 0), y: Bound::output(problem) },
    ));
    let c4 = sizes.c4;
    if workgroup { kernel.groups(c4 as u64, problem.target) } else { kernel.invocations(c4, problem.target) }
}
