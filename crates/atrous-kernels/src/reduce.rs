//! Sums, means, maxima and variances in two stages of fixed order.
//!
//! The first stage cuts what is reduced into slabs and reduces each on its own, the second combines the slabs. A tensor larger
//! than a binding is read through several windows, one dispatch each.

mod channels;
pub(crate) mod cut;
mod pixels;

use atrous_graph::DType;
use atrous_graph::op::{Reduce, Reduction};

use crate::kernel::{Candidate, Kernel, axes, choose, require, vec4s};
use crate::{Binding, Declined, Dispatch, NodePlan, PlanError, Problem, Slot, Target};

pub use channels::plan_channel_sum;
use cut::{Region, digits, regions, row_bytes, slabs, window};
pub(crate) use pixels::Pixels;

/// Partial results of all slabs.
pub(crate) fn partials(slabs: usize, row: usize) -> Binding {
    Binding { slot: Slot::Scratch(0), offset: 0, size: (slabs * row * 16) as u64 }
}

/// Whether a workgroup can join slabs.
fn workgroup_fits(target: &Target) -> Result<(), &'static str> {
    require(target.limits.workgroup_memory >= 4096, "needs 4096 bytes of workgroup memory")
}

/// Whether it had better join them than a single invocation.
fn workgroup_pays(slabs: usize, target: &Target) -> Result<(), &'static str> {
    require(!target.software, "barriers are slow on a software adapter")
        .and(require(slabs >= 64, "fewer than 64 slabs"))
}

/// Whether so many slabs of each output are joined by a workgroup, rather than by an invocation.
pub(crate) fn by_workgroup(slabs: usize, target: &Target) -> bool {
    workgroup_fits(target).and(workgroup_pays(slabs, target)).is_ok()
}

/// How values are reduced that are cut into `chunks` windows of `slabs` slabs each: at once if there is one slab, else in a
/// second stage by workgroups or by single invocations.
pub(crate) fn choose_stages(slabs: usize, chunks: usize, target: &Target) -> (&'static str, Vec<Declined>) {
    let candidates = [
        Candidate {
            variant: "single_stage",
            legal: require(chunks == 1, "more than one binding"),
            preferred: require(slabs == 1, "too many values for one invocation"),
        },
        Candidate {
            variant: "two_stage_workgroup",
            legal: workgroup_fits(target),
            preferred: workgroup_pays(slabs * chunks, target),
        },
        Candidate::new("two_stage", Ok(())),
    ];
    choose(target, &candidates)
}

/// The second stage: `slabs` slabs of all outputs into the result.
pub(crate) fn combine(
    variant: &str,
    slabs: usize,
    max: bool,
    divisor: usize,
    problem: &Problem<'_>,
) -> Result<Dispatch, PlanError> {
    let outputs = vec4s(problem.output.ty);
    let workgroup = variant == "two_stage_workgroup";
    let kernel = Kernel::new("reduce/combine", &axes(&[(workgroup, "workgroup"), (narrow(problem), "narrow")]))
        .sizes([("SLABS", slabs), ("OUTPUTS", outputs), ("MAX", usize::from(max)), ("DIVISOR", divisor), ("P_BASE", 0)])
        .window(partials(slabs, outputs))
        .bind("Y_BASE", Slot::Output, &problem.output);
    if workgroup { kernel.groups(outputs as u64, problem.target) } else { kernel.invocations(outputs, problem.target) }
}

/// Whether the result is stored in f16.
fn narrow(problem: &Problem<'_>) -> bool {
    problem.output.ty.dtype == DType::F16
}

/// The first stage of one region: its slabs and where they go.
struct Stage {
    slabs: usize,
    first: usize,
    row: usize,
    max: bool,
    divisor: usize,
    /// Whether it is all there is: what it makes is the result.
    last: bool,
}

fn stage(op: &Reduce, part: Region, problem: &Problem<'_>, stage: &Stage) -> Result<Kernel, PlanError> {
    let x = &problem.inputs[0];
    let (shape, c4) = (x.ty.shape, x.ty.padded().c / 4);
    let row = shape.w * c4;
    let sides = [(op.n, part.n.1, shape.h * row), (op.h, part.h.1, row), (op.w, shape.w, c4), (false, c4, 1)];
    let pick = |reduced: bool| digits(&sides.iter().filter(|a| a.0 == reduced).map(|a| (a.1, a.2)).collect::<Vec<_>>());
    let ([o1, o0], [r1, r0]) = (pick(false), pick(true));
    let start = (part.n.0 * shape.h + part.h.0) as u64 * row_bytes(x.ty);
    let bytes = ((part.n.1 - 1) * shape.h + part.h.1) as u64 * row_bytes(x.ty);
    let (binding, base) = window(x, start, bytes, &problem.target.limits);
    let variant = axes(&[(x.ty.dtype == DType::F16, "half"), (stage.last && narrow(problem), "narrow")]);
    Ok(Kernel::new("reduce/slabs", &variant)
        .sizes([("SLABS", stage.slabs), ("ROW", stage.row), ("FIRST", stage.first), ("MAX", usize::from(stage.max))])
        .sizes([("O1", o1.0), ("O1_STEP", o1.1), ("O0", o0.0), ("O0_STEP", o0.1)])
        .sizes([("R1", r1.0), ("R1_STEP", r1.1), ("R0", r0.0), ("R0_STEP", r0.1)])
        .sizes([("DIVISOR", stage.divisor), ("X_BASE", base)])
        .window(binding))
}

/// Plans a reduction over some of samples, rows and columns.
///
/// # Errors
/// [`PlanError::Limit`] if a row of the input, or the result, does not fit the adapter.
pub fn plan_reduce(op: &Reduce, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y, target) = (problem.inputs[0].ty, problem.output.ty, problem.target);
    let outputs = vec4s(y);
    let max = op.reduction == Reduction::Max;
    let divisor = if op.reduction == Reduction::Mean { op.count(x.shape) } else { 1 };
    let regions = regions(x, &target.limits)?;

    // Regions along reduced axes have slabs of their own, regions along kept ones have outputs of their own.
    let along_n = if op.n { regions.list.len() / regions.per_sample } else { 1 };
    let along_h = if op.h { regions.per_sample } else { 1 };
    let chunks = along_n * along_h;
    let values = op.count(x.shape).div_ceil(chunks);
    let room = (target.limits.max_binding / 16) as usize / (outputs * chunks).max(1);
    let slabs = slabs(values, outputs, target).min(room.max(1));
    let (variant, declined) = choose_stages(slabs, chunks, target);
    let single = variant == "single_stage";
    let slabs = if single { 1 } else { slabs };

    let kept_rows = if op.h { 1 } else { x.shape.h };
    let kept_row = y.shape.w * y.padded().c / 4;
    let mut dispatches = Vec::new();
    for (i, part) in regions.list.iter().enumerate() {
        let chunk_n = if op.n { i / regions.per_sample } else { 0 };
        let chunk_h = if op.h { i % regions.per_sample } else { 0 };
        let n = if op.n { 0 } else { part.n.0 };
        let h = if op.h { 0 } else { part.h.0 };
        let first = (n * kept_rows + h) * kept_row;
        let divisor = if single { divisor } else { 1 };
        let kernel = stage(op, *part, problem, &Stage { slabs, first, row: outputs, max, divisor, last: single })?;
        let kernel = if single {
            kernel.bind("P_BASE", Slot::Output, &problem.output)
        } else {
            let base = (chunk_n * along_h + chunk_h) * slabs * outputs;
            kernel.sizes([("P_BASE", base)]).window(partials(slabs * chunks, outputs))
        };
        let kept = (if op.n { 1 } else { part.n.1 }) * (if op.h { 1 } else { part.h.1 }) * kept_row;
        dispatches.push(kernel.invocations(slabs * kept, target)?);
    }
    if single {
        return Ok(NodePlan { variant, declined, dispatches, ..NodePlan::default() });
    }

    dispatches.push(combine(variant, slabs * chunks, max, divisor, problem)?);
    let scratch = vec![partials(slabs * chunks, outputs).size];
    Ok(NodePlan { variant, declined, dispatches, scratch, ..NodePlan::default() })
}

/// Plans the biased variance of each channel around a given mean.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input does not fit the adapter.
pub fn plan_variance(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let pixels = Pixels::of(problem, 1)?;
    let divisor = if pixels.single() { pixels.count } else { 1 };
    let slabs = |x: Binding, base: usize| {
        Kernel::storing(problem.inputs[0].ty, "reduce/variance_slabs", "")
            .sizes([("X_BASE", base), ("DIVISOR", divisor)])
            .window(x)
            .bind("MEAN_BASE", Slot::Input(1), &problem.inputs[1])
    };
    pixels.plan(problem, slabs, |p| combine(p.variant, p.all_slabs(), false, p.count, problem))
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, plan_node};

    fn plan(op: Op, x: Shape, limits: Limits, software: bool) -> NodePlan {
        let image = TensorType::image(x);
        let inputs = [image, TensorType::image(Shape::channels(x.c))];
        let inputs = if op == Op::ChannelVariance { &inputs[..] } else { &inputs[..1] };
        let y = op.infer(inputs).expect("a valid case");
        plan_node(&op, inputs, y, &Target::new(limits, software)).expect("a plan")
    }

    fn value(d: &Dispatch, name: &str) -> usize {
        d.overrides.iter().find(|(n, _)| *n == name).expect("an override").1 as usize
    }

    #[test]
    fn a_small_reduction_is_one_dispatch_and_a_large_one_two() {
        let small = plan(Op::Reduce(Reduce::MEAN_HW), Shape::new(2, 7, 7, 512), Limits::WEBGPU, false);
        assert_eq!((small.variant, small.dispatches.len()), ("single_stage", 1));
        assert_eq!(value(&small.dispatches[0], "DIVISOR"), 49);
        let large = plan(Op::Reduce(Reduce::MEAN_NHW), Shape::new(3, 513, 513, 3), Limits::WEBGPU, false);
        assert_eq!((large.variant, large.dispatches.len()), ("two_stage_workgroup", 2));
        assert_eq!(large.dispatches[1].grid, [1, 1, 1]);
        let software = plan(Op::Reduce(Reduce::MEAN_NHW), Shape::new(3, 513, 513, 3), Limits::WEBGPU, true);
        assert_eq!(software.dispatches[1].shader.variant, "");
        assert_eq!(software.declined[1].variant, "two_stage_workgroup");
    }

    #[test]
    fn windows_cover_a_tensor_that_passes_the_binding_limit() {
        let limits = Limits { max_binding: 64 << 10, ..Limits::WEBGPU };
        for op in [Op::Reduce(Reduce::MEAN_NHW), Op::Reduce(Reduce::MAX_HW), Op::ChannelVariance] {
            let plan = plan(op, Shape::new(3, 50, 41, 12), limits, true);
            let (stages, combine) = plan.dispatches.split_at(plan.dispatches.len() - 1);
            assert!(stages.len() > 3, "{op:?}");
            for d in plan.dispatches.iter().flat_map(|d| &d.bindings) {
                assert!(d.size <= limits.max_binding && d.offset % limits.alignment == 0, "{op:?}");
            }
            assert!(value(&combine[0], "SLABS") > 1);
        }
    }
}
