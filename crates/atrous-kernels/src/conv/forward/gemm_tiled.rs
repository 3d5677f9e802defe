//! 1×1 convolutions as matrix products, in tiles of workgroup memory.

use atrous_shaders::conv::gemm_tiled;

use crate::conv::conditions::{bare, hardware, memory, pointwise};
use crate::conv::problem::{Conv, ConvProblem};
use crate::conv::product::{Rows, Work, gemm};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::TALL, ..Entry::new("gemm_tiled") },
    legal: |p| pointwise(p).and(memory(p)).and(bare(p)),
    preferred: |p| hardware(p.target()),
    plan: |p| gemm(p, Work::in_workgroup(p.pixels(), p.o4(), 1, p.target()), kernel),
};

/// The product of rows and filter, finished as the convolution's result.
pub(super) fn kernel(p: &ConvProblem<'_>, tile: Tile, rows: Rows) -> Kernel {
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
