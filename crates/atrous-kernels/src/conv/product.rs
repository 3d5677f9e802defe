//! Convolutions as one matrix product, computed in tiles.

use atrous_shaders::conv::{gemm_registers, gemm_tiled};

use super::problem::ConvProblem;
use crate::dispatch::{Dispatch, NodePlan};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel};
use crate::target::Target;
use crate::tile::Tile;

/// The tile of a product, and the number of workgroups of one of its layers.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) tile: Tile,
    pub(super) groups: u64,
    /// Rows whose statistics are stored together.
    pub(super) strip: usize,
}

impl Work {
    /// A product of `rows` × `columns` vec4s, computed `layers` times, in tiles of workgroup memory.
    pub(super) fn in_workgroup(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let tile = Tile::in_workgroup(Tile::TALL, [rows, columns, layers], target);
        Self { tile, groups: tile.count(rows, columns) as u64, strip: tile.m }
    }

    /// A product of `rows` × `columns` vec4s, computed `layers` times, in tiles that subgroups share.
    pub(super) fn in_subgroups(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let tile = Tile::in_subgroups(rows, columns, layers, target);
        Self { tile, groups: tile.count(rows, columns) as u64, strip: tile.m.min(16) }
    }

    /// A product of `rows` × `columns` vec4s, computed `layers` times, in tiles of registers.
    pub(super) fn in_registers(rows: usize, columns: usize, layers: usize, target: &Target) -> Self {
        let tile = Tile::in_registers(rows, columns, layers, target);
        Self { tile, groups: tile.register_groups(rows, columns), strip: tile.m }
    }
}

/// The rows that are multiplied by the filter: pixels of an image, or rows of the column matrix.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) x: Bound,
    pub(super) y: Bound,
    /// Number of rows of `x` and `y`.
    pub(super) m: usize,
    /// Vec4s of a row of `x`.
    pub(super) k4: usize,
    /// Pixel of the result that is the first row of `y`.
    pub(super) first: usize,
}

impl Rows {
    /// All pixels of a 1×1 convolution, whose sums are written to `y`.
    pub(super) fn all(p: &ConvProblem<'_>, y: Bound) -> Self {
        Self { x: p.image(), y, m: p.pixels(), k4: p.c4(), first: 0 }
    }
}

/// Plans a 1×1 convolution with a kernel that works in tiles.
pub(super) fn gemm(
    p: &ConvProblem<'_>,
    work: Work,
    kernel: fn(&ConvProblem<'_>, Tile, Rows) -> Kernel,
) -> Result<NodePlan, PlanError> {
    let p = p.measuring(p.pixels(), work.strip);
    let dispatch = kernel(&p, work.tile, Rows::all(&p, p.result())).groups(work.groups, p.target())?;
    Ok(p.single(work.tile, dispatch))
}

/// Plans any convolution with a kernel that works in tiles and writes to a binding. Groups are layers of the grid.
pub(super) fn implicit_gemm(
    p: &ConvProblem<'_>,
    work: Work,
    kernel: fn(&ConvProblem<'_>, Tile, Bound) -> Kernel,
) -> Result<NodePlan, PlanError> {
    let p = p.measuring(p.pixels(), work.strip);
    let dispatch = kernel(&p, work.tile, p.result()).groups(work.groups, p.target())?;
    let [x, y, _] = dispatch.grid;
    Ok(p.single(work.tile, Dispatch { grid: [x, y, p.conv.groups as u32], ..dispatch }))
}

/// The product of rows and filter in tiles of workgroup memory, with the convolution's epilogue.
pub(super) fn tiled(p: &ConvProblem<'_>, tile: Tile, rows: Rows) -> Kernel {
    let call = gemm_tiled::call(
        gemm_tiled::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            moments: p.strips.is_some(),
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: tile.n as u32,
        },
        gemm_tiled::Constants {
            epilogue: p.epilogue(rows.first),
            slabs: p.slabs(),
            k4: rows.k4,
            m: rows.m,
            o4: p.o4(),
        },
        gemm_tiled::Bindings { x: rows.x, w: p.filter(), y: rows.y, b: p.bias(), p: p.moments(), r: p.residual() },
    );
    call.into()
}

/// The product of rows and filter in tiles of registers, with the convolution's epilogue.
pub(super) fn in_registers(p: &ConvProblem<'_>, tile: Tile, rows: Rows) -> Kernel {
    let call = gemm_registers::call(
        gemm_registers::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            moments: p.strips.is_some(),
            sized: p.target().software,
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: tile.n as u32,
        },
        gemm_registers::Constants { epilogue: p.epilogue(rows.first), k4: rows.k4, m: rows.m, o4: p.o4() },
        gemm_registers::Bindings { x: rows.x, w: p.filter(), y: rows.y, b: p.bias(), p: p.moments(), r: p.residual() },
    );
    call.into()
}
