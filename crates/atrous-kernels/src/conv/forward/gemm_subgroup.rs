//! 1×1 convolutions as matrix products, in tiles whose rows a subgroup loads together.

use atrous_shaders::conv::gemm_subgroup;

use super::implicit_gemm_subgroup;
use crate::conv::conditions::{bare, pointwise, shared, subgroups};
use crate::conv::problem::{Conv, ConvProblem};
use crate::conv::product::{Rows, Work, gemm};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        tiles: Tile::SUBGROUP,
        beats: &[&implicit_gemm_subgroup::VARIANT.entry],
        ..Entry::new("gemm_subgroup")
    },
    legal: |p| subgroups(p.target()).and(pointwise(p)).and(bare(p)),
    preferred: |p| shared(p.target(), p.og4()),
    plan: |p| gemm(p, Work::in_subgroups(p.pixels(), p.o4(), 1, p.target()), kernel),
};

/// The product of rows and filter, with the convolution's epilogue.
fn kernel(p: &ConvProblem<'_>, tile: Tile, rows: Rows) -> Kernel {
    let call = gemm_subgroup::call(
        gemm_subgroup::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            moments: p.strips.is_some(),
            sized: p.target().software,
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: 4,
        },
        gemm_subgroup::Constants { epilogue: p.epilogue(rows.first), k4: rows.k4, m: rows.m, o4: p.o4() },
        gemm_subgroup::Bindings { x: rows.x, w: p.filter(), y: rows.y, b: p.bias(), p: p.moments(), r: p.residual() },
    );
    call.into()
}
