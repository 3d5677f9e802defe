//! Kernels for the transposed convolution.

use super::depthwise::strips;
use super::problem::ConvProblem;
use super::tile::{TILE_BYTES, Tile};
use crate::kernel::{Candidate, choose, require};
use crate::{Dispatch, NodePlan, PlanError};

/// The variants that may serve a transposed convolution, in the order of preference on a GPU.
pub const GRAD_INPUT_VARIANTS: &[&str] =
    &["transposed_depthwise", "transposed_tiled", "transposed_phase", "transposed_direct"];

/// Plans a transposed convolution: for depthwise ones, by phases of the stride (in workgroup memory, in registers), or as a
/// direct sum, which admits everything.
pub(super) fn plan(p: &ConvProblem<'_>) -> Result<NodePlan, PlanError> {
    // Unlike a convolution's filter, this one may reach beyond all images; coordinates are numbers of 32 bits.
    for axis in 0..2 {
        let (needs, limit) = (p.kernel[axis] as u64 * p.conv.dilation[axis] as u64, 1 << 31);
        if needs > limit {
            return Err(PlanError::Limit { what: "pixels under the filter", needs, limit });
        }
    }
    let (variant, declined) = choose(p.target(), &candidates(p));
    let (dispatch, tile) = match variant {
        "transposed_depthwise" => (depthwise(p)?, None),
        "transposed_tiled" => phase(p, true)?,
        "transposed_phase" => phase(p, false)?,
        _ => (p.bound("conv/transposed_direct", "").invocations(p.pixels() * p.o4(), p.target())?, None),
    };
    Ok(NodePlan { declined, tile, in_place: p.in_place(), ..NodePlan::single(variant, dispatch) })
}

fn candidates(p: &ConvProblem<'_>) -> [Candidate; 4] {
    let once = require(p.cin_g == 1 && p.cout_g == 1, "not one filter a channel");
    let whole = require(p.groups_are_whole(), "a group is not a multiple of 4 channels");
    let memory = p.target().limits.workgroup_memory >= TILE_BYTES;
    let memory = require(memory, "the tile passes the workgroup memory");
    let hardware = require(!p.target().software, "a barrier is slow on a software adapter");
    let filled = require(p.og4() >= 4 && p.cin_g >= 16, "a group has too few channels to fill a tile");
    let most = p.target().limits.max_workgroups as usize;
    let layered = require(layers(p).is_some_and(|n| n <= most), "more phases and groups than layers of a grid");
    [
        Candidate::new("transposed_depthwise", once),
        Candidate {
            variant: "transposed_tiled",
            legal: whole.and(layered).and(memory),
            preferred: hardware.and(filled),
        },
        Candidate::new("transposed_phase", whole.and(layered)),
        Candidate::new("transposed_direct", Ok(())),
    ]
}

fn depthwise(p: &ConvProblem<'_>) -> Result<Dispatch, PlanError> {
    // The adjoint of stride 1 is a convolution with the filter read back to front, padded with the rest of its reach.
    let [down, right] = p.conv.dilation.map(|dilation| 2 * dilation);
    let rest = down.checked_sub(p.conv.padding.top).zip(right.checked_sub(p.conv.padding.left));
    if let Some(dispatch) = rest.and_then(|(top, left)| strips(p, [top, left], true)) {
        return dispatch;
    }
    let y = p.y();
    // Runs of four outputs that lie `stride` apart.
    let stride = p.conv.stride[1].min(y.w);
    let runs = y.w.div_ceil(4 * stride) * stride;
    p.bound("conv/transposed_depthwise", "").invocations(y.n * y.h * runs * p.o4(), p.target())
}

/// Phases of the stride in every group.
fn layers(p: &ConvProblem<'_>) -> Option<usize> {
    p.conv.stride[0].checked_mul(p.conv.stride[1])?.checked_mul(p.conv.groups)
}

/// All phases in one dispatch, in tiles of workgroup memory or of registers.
fn phase(p: &ConvProblem<'_>, tiled: bool) -> Result<(Dispatch, Option<Tile>), PlanError> {
    let (y, [rows, columns]) = (p.y(), p.conv.stride);
    let largest = y.n * y.h.div_ceil(rows) * y.w.div_ceil(columns);
    let layers = rows * columns * p.conv.groups;
    let (name, tile, groups) = if tiled {
        let tile = Tile::in_workgroup(Tile::WORKGROUP, [largest, p.og4(), layers], p.target());
        ("conv/transposed_tiled", tile, tile.count(largest, p.og4()) as u64)
    } else {
        let tile = Tile::in_registers(largest, p.og4(), layers, p.target());
        ("conv/transposed_phase", tile, tile.register_groups(largest, p.og4()))
    };
    let dispatch = p.bound(name, &tile.axes()).groups(groups, p.target())?;
    let [gx, gy, _] = dispatch.grid;
    Ok((Dispatch { grid: [gx, gy, layers as u32], ..dispatch }, Some(tile)))
}
