//! Convolutions whose sums are cut into slabs.
//!
//! The first stage writes the partial sums of every slab, the second adds them up in the order of the slabs and finishes the sum.

use atrous_graph::op::FusedConv;

use super::problem::ConvProblem;
use super::slabs::{Cut, partial_bytes};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;

/// Both stages: partial sums by the kernel of this name, to which `sized` adds what it needs, and their sum.
pub(super) fn plan(
    p: &ConvProblem<'_>,
    name: &str,
    sized: impl FnOnce(Kernel) -> Kernel,
) -> Result<NodePlan, PlanError> {
    let cut = Cut::of(p).expect("the variant is legal: a bug of atrous");
    let (inputs, output) = (p.problem.inputs, &p.problem.output);
    let partials = Binding { slot: Slot::Scratch(0), offset: 0, size: cut.slabs.count as u64 * partial_bytes(p) };
    let of = |fused| ConvProblem { slabs: Some(cut.slabs), ..ConvProblem::new(p.conv, fused, p.problem) };
    let (bare, whole) = (of(FusedConv::plain(p.fused.conv, false)), of(p.fused));

    let first = bare
        .kernel(name, &cut.tile.axes())
        .bind("X_BASE", Slot::Input(0), &inputs[0])
        .bind("W_BASE", Slot::Input(1), &inputs[1])
        .sizes([("Y_BASE", 0), ("Y_STRIDE", p.o4())])
        .window(partials);
    let first = sized(first).groups(cut.tile.count(p.pixels(), p.og4()) as u64, p.target())?;
    let [x, y, _] = first.grid;
    let first = Dispatch { grid: [x, y, (p.conv.groups * cut.slabs.count) as u32], ..first };

    let second =
        whole.kernel("conv/combine", "").sizes([("P_BASE", 0)]).window(partials).bind("Y_BASE", Slot::Output, output);
    let second = whole.bind_rest(second, 0).invocations(p.pixels() * p.o4(), p.target())?;
    Ok(NodePlan {
        tile: Some(cut.tile),
        dispatches: vec![first, second],
        scratch: vec![partials.size],
        ..NodePlan::default()
    })
}
