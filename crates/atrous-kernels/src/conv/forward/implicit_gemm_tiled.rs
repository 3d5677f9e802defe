//! Convolutions as matrix products, taps outermost, in tiles of workgroup memory.

use atrous_shaders::conv::implicit_gemm_tiled;

use crate::conv::conditions::{bare, filled, hardware, layered, memory};
use crate::conv::problem::{Conv, ConvProblem};
use crate::conv::product::{Work, implicit_gemm};
use crate::kernel::{Bound, Kernel};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::TALL, ..Entry::new("implicit_gemm_tiled") },
    legal: |p| layered(p).and(memory(p)).and(bare(p)),
    preferred: |p| hardware(p.target()).and(filled(p)),
    plan: |p| {
        let work = Work::in_workgroup(p.pixels(), p.og4(), p.conv.groups, p.target());
        implicit_gemm(p, work, kernel)
    },
};

/// The convolution, or a slab of its sums in each layer of the grid, written to `y`.
pub(super) fn kernel(p: &ConvProblem<'_>, tile: Tile, y: Bound) -> Kernel {
    let call = implicit_gemm_tiled::call(
        implicit_gemm_tiled::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            moments: p.strips.is_some(),
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: tile.n as u32,
        },
        implicit_gemm_tiled::Constants { geometry: p.geometry(), epilogue: p.epilogue(0), slabs: p.slabs() },
        implicit_gemm_tiled::Bindings { x: p.image(), w: p.filter(), y, b: p.bias(), p: p.moments(), r: p.residual() },
    );
    call.into()
}
