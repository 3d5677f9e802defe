//! The phases of the stride: each is a dense convolution with the taps that reach it, and a layer of the grid in every group.

use crate::conv::conditions::whole;
use crate::conv::problem::ConvProblem;
use crate::dispatch::{Dispatch, NodePlan};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Admission, require};

/// Phases in all groups; none if they pass what can be counted.
fn layers(p: &ConvProblem<'_>) -> Option<usize> {
    p.conv.stride[0].checked_mul(p.conv.stride[1])?.checked_mul(p.conv.groups)
}

/// Whether the grid has a layer for each, and each group vec4s of its own.
pub(super) fn layered(p: &ConvProblem<'_>) -> Admission {
    let most = p.target().limits.max_workgroups as usize;
    whole(p).and(require(layers(p).is_some_and(|n| n <= most), "more phases and groups than layers of a grid"))
}

/// Rows and columns in vec4s of the largest phase, and the number of layers.
pub(super) fn size(p: &ConvProblem<'_>) -> [usize; 3] {
    let (y, [rows, columns]) = (p.y(), p.conv.stride);
    let largest = y.n * y.h.div_ceil(rows) * y.w.div_ceil(columns);
    [largest, p.og4(), rows * columns * p.conv.groups]
}

/// All phases in one dispatch of a kernel in this tile, of so many workgroups a layer.
pub(super) fn plan(p: &ConvProblem<'_>, kernel: Kernel, tile: Tile, groups: u64) -> Result<NodePlan, PlanError> {
    let [.., layers] = size(p);
    let dispatch = kernel.groups(groups, p.target())?;
    let [x, y, _] = dispatch.grid;
    let dispatch = Dispatch { grid: [x, y, layers as u32], ..dispatch };
    Ok(NodePlan { tile: Some(tile), ..dispatch.into() })
}
