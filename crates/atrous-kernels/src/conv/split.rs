//! Convolutions whose sums are cut into slabs.
//!
//! The first stage writes the partial sums of every slab. The second adds them in the order of the slabs and applies
//! the epilogue.

use atrous_graph::op::FusedConv;
use atrous_shaders::conv::combine;

use super::problem::ConvProblem;
use super::slabs::{Cut, partial_bytes};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel};
use crate::tile::Tile;

/// Plans both stages. `partial` is the kernel of the first, which works in tiles and writes partial sums to a binding.
pub(super) fn plan(
    p: &ConvProblem<'_>,
    partial: fn(&ConvProblem<'_>, Tile, Bound) -> Kernel,
) -> Result<NodePlan, PlanError> {
    let cut = Cut::of(p).expect("the variant is legal: a bug of atrous");
    let partials = Binding { slot: Slot::Scratch(0), offset: 0, size: cut.slabs.count as u64 * partial_bytes(p) };
    let of = |fused| ConvProblem { cut: Some(cut.slabs), ..ConvProblem::new(p.conv, fused, p.problem) };
    let (bare, whole) = (of(FusedConv::plain(p.fused.conv, false)), of(p.fused));

    let first = partial(&bare, cut.tile, Bound::window(partials, 0).with_stride(p.o4()));
    let first = first.groups(cut.tile.count(p.pixels(), p.og4()) as u64, p.target())?;
    let [x, y, _] = first.grid;
    let first = Dispatch { grid: [x, y, (p.conv.groups * cut.slabs.count) as u32], ..first };

    let second = sum(&whole, partials).invocations(p.pixels() * p.o4(), p.target())?;
    Ok(NodePlan {
        tile: Some(cut.tile),
        dispatches: vec![first, second],
        scratch: vec![partials.size],
        ..NodePlan::default()
    })
}

/// The kernel that adds the partial sums.
fn sum(p: &ConvProblem<'_>, partials: Binding) -> Kernel {
    let call = combine::call(
        combine::Axes { bias: p.fused.bias, residual: p.fused.residual, in_place: p.in_place().is_some() },
        combine::Constants { geometry: p.geometry(), epilogue: p.epilogue(0), slabs: p.slabs() },
        combine::Bindings { p: Bound::window(partials, 0), y: p.result(), b: p.bias(), r: p.residual() },
    );
    call.into()
}
