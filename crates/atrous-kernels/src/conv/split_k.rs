//! Convolutions of few pixels and long sums: sums are cut into slabs, so that more workgroups run than there are tiles.
//!
//! The first stage writes the partial sums of every slab, the second adds them up in the order of the slabs and finishes the sum. How many
//! slabs there are depends on shapes and limits alone.

use atrous_graph::op::FusedConv;

use super::problem::ConvProblem;
use super::tile::{BUSY, Tile};
use crate::kernel::require;
use crate::{Binding, Dispatch, NodePlan, PlanError, Slot};

/// Bytes of partial sums at most.
const PARTIAL_BYTES: u64 = 32 << 20;

/// Steps that a slab should have at least, if two slabs leave it as many.
const LEAST: usize = 8;

/// Steps from which a sum is long.
const LONG: usize = 64;

/// How a sum is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    tile: Tile,
    /// Workgroups of one slab.
    tiles: usize,
    steps: usize,
    pub(super) slabs: usize,
    /// Steps of a slab.
    pub(super) per_slab: usize,
}

impl Cut {
    /// The cut of a problem's sums; none if they have a single step, or two slabs are too many for memory or grid.
    pub(super) fn of(p: &ConvProblem<'_>) -> Option<Self> {
        let (limits, layers) = (&p.target().limits, p.conv.groups);
        let tile = Tile::in_workgroup(Tile::WORKGROUP, [p.pixels(), p.og4(), layers], p.target());
        let tiles = tile.count(p.pixels(), p.og4()) * layers;
        let room = PARTIAL_BYTES.min(limits.max_binding) / partial_bytes(p);
        let most = (room as usize).min(limits.max_workgroups as usize / layers).min(p.steps());
        let wanted = (2 * BUSY).div_ceil(tiles).min(p.steps() / LEAST).max(2);
        let per_slab = p.steps().div_ceil(wanted.min(most).max(1));
        let slabs = p.steps().div_ceil(per_slab);
        (slabs > 1).then_some(Self { tile, tiles, steps: p.steps(), slabs, per_slab })
    }

    /// Whether the second stage may be worth its time.
    pub(super) fn pays(cut: Option<Self>) -> Result<(), &'static str> {
        let Some(cut) = cut else { return Ok(()) };
        require(4 * cut.tiles <= BUSY, "there are enough tiles to keep the adapter busy")
            .and(require(cut.steps >= LONG, "the sum is too short to be cut"))
    }
}

/// Bytes of the partial sums of one slab.
fn partial_bytes(p: &ConvProblem<'_>) -> u64 {
    (p.pixels() * p.o4() * 16) as u64
}

/// Both stages: partial sums, and their sum.
pub(super) fn plan(p: &ConvProblem<'_>, variant: &'static str, name: &str) -> Result<NodePlan, PlanError> {
    let cut = Cut::of(p).expect("the variant is legal: a bug of atrous");
    let (inputs, output) = (p.problem.inputs, &p.problem.output);
    let partials = Binding { slot: Slot::Scratch(0), offset: 0, size: cut.slabs as u64 * partial_bytes(p) };
    let of = |fused| ConvProblem { cut: Some(cut), ..ConvProblem::new(p.conv, fused, p.problem) };
    let (bare, whole) = (of(FusedConv::plain(p.fused.conv, false)), of(p.fused));

    let first = bare
        .kernel(name, &cut.tile.axes())
        .bind("X_BASE", Slot::Input(0), &inputs[0])
        .bind("W_BASE", Slot::Input(1), &inputs[1])
        .sizes([("Y_BASE", 0), ("Y_STRIDE", p.o4())])
        .window(partials);
    let first = if variant == "gemm_split" { p.matrix(first) } else { first };
    let first = first.groups(cut.tile.count(p.pixels(), p.og4()) as u64, p.target())?;
    let [x, y, _] = first.grid;
    let first = Dispatch { grid: [x, y, (p.conv.groups * cut.slabs) as u32], ..first };

    let second =
        whole.kernel("conv/combine", "").sizes([("P_BASE", 0)]).window(partials).bind("Y_BASE", Slot::Output, output);
    let second = whole.bind_rest(second, 0).invocations(p.pixels() * p.o4(), p.target())?;
    Ok(NodePlan {
        variant,
        tile: Some(cut.tile),
        dispatches: vec![first, second],
        scratch: vec![partials.size],
        ..NodePlan::default()
    })
}
