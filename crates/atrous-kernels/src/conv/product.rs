//! Convolutions as one matrix product of a kernel in tiles.

use super::problem::ConvProblem;
use crate::dispatch::{Dispatch, NodePlan};
use crate::error::PlanError;
use crate::target::Target;
use crate::tile::Tile;

/// The tile of a product, and the workgroups that cover one of its layers.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) tile: Tile,
    pub(super) groups: u64,
}

impl Work {
    /// For `rows` × `columns` vec4s, computed `layers` times, in tiles of workgroup memory.
    pub(super) fn in_workgroup(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let tile = Tile::in_workgroup(Tile::TALL, [rows, columns, layers], target);
        Self { tile, groups: tile.count(rows, columns) as u64 }
    }

    /// The same in tiles of registers.
    pub(super) fn in_registers(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let tile = Tile::in_registers(rows, columns, layers, target);
        Self { tile, groups: tile.register_groups(rows, columns) }
    }
}

/// A 1×1 convolution.
pub(super) fn gemm(p: &ConvProblem<'_>, name: &str, work: Work) -> Result<NodePlan, PlanError> {
    let p = p.measuring(p.pixels(), work.tile.m);
    let dispatch = p.matrix(p.bound(name, &work.tile.axes())).groups(work.groups, p.target())?;
    Ok(p.single(work.tile, dispatch))
}

/// Any convolution, its groups as layers of the grid.
pub(super) fn implicit_gemm(p: &ConvProblem<'_>, name: &str, work: Work) -> Result<NodePlan, PlanError> {
    let p = p.measuring(p.pixels(), work.tile.m);
    let dispatch = p.bound(name, &work.tile.axes()).groups(work.groups, p.target())?;
    let [x, y, _] = dispatch.grid;
    Ok(p.single(work.tile, Dispatch { grid: [x, y, p.conv.groups as u32], ..dispatch }))
}
