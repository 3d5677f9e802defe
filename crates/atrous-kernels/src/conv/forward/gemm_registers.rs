//! 1×1 convolutions as matrix products, in tiles of registers.

use atrous_shaders::conv::gemm_registers;

use super::{gemm_split, gemm_tiled, implicit_gemm_registers, implicit_gemm_split, implicit_gemm_tiled};
use crate::conv::conditions::{bare, pointwise};
use crate::conv::problem::{Conv, ConvProblem};
use crate::conv::product::{Rows, Work, gemm};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        name: "gemm_registers",
        tiles: Tile::REGISTERS,
        beats: &[
            &implicit_gemm_split::VARIANT.entry,
            &implicit_gemm_tiled::VARIANT.entry,
            &implicit_gemm_registers::VARIANT.entry,
        ],
        beats_on_software: &[&gemm_split::VARIANT.entry, &gemm_tiled::VARIANT.entry],
    },
    legal: |p| pointwise(p).and(bare(p)),
    preferred: |_| Ok(()),
    plan: |p| gemm(p, Work::in_registers(p.pixels(), p.o4(), 1, p.target()), kernel),
};

/// The product of rows and filter, finished as the convolution's result.
pub(super) fn kernel(p: &ConvProblem<'_>, tile: Tile, rows: Rows) -> Kernel {
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
