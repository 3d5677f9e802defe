//! The phases of the stride: result pixels with the same coordinates modulo the stride. Each phase is a dense
//! convolution with the taps that reach it. In every group it is a layer of the grid.

use crate::conv::conditions::whole;
use crate::conv::problem::ConvProblem;
use crate::dispatch::{Dispatch, NodePlan};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Admission, require};

/// Number of phases in all groups; `None` if it overflows.
fn layers(p: &ConvProblem<'_>) -> Option<usize> {
    p.conv.stride[0].checked_mul(p.conv.stride[1])?.checked_mul(p.conv.groups)
}

/// The grid has a layer for each phase of each group, and no vec4 holds channels of two groups.
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

/// All phases in one dispatch of a kernel in this tile, with `groups` workgroups for each layer.
pub(super) fn plan(p: &ConvProblem<'_>, kernel: Kernel, tile: Tile, groups: u64) -> Result<NodePlan, PlanError> {
    let [.., layers] = size(p);
    let dispatch = kernel.groups(groups, p.target())?;
    let [x, y, _] = dispatch.grid;
    let dispatch = Dispatch { grid: [x, y, layers as u32], ..dispatch };
    Ok(NodePlan { tile: Some(tile), ..dispatch.into() })
}
