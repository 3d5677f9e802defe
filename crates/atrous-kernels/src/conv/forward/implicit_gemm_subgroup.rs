//! Convolutions as matrix products, taps outermost, in tiles whose rows a subgroup loads together.

use atrous_shaders::conv::implicit_gemm_subgroup;

use super::{direct, im2col, implicit_gemm_split, implicit_gemm_tiled};
use crate::conv::conditions::{bare, layered, shared, subgroups};
use crate::conv::problem::{Conv, ConvProblem};
use crate::conv::product::{Work, implicit_gemm};
use crate::kernel::{Bound, Kernel};
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        name: "implicit_gemm_subgroup",
        tiles: Tile::SUBGROUP,
        beats: &[&im2col::VARIANT.entry, &direct::VARIANT.entry],
        beats_on_software: &[&implicit_gemm_split::VARIANT.entry, &implicit_gemm_tiled::VARIANT.entry],
    },
    legal: |p| subgroups(p.target()).and(layered(p)).and(bare(p)),
    preferred: |p| shared(p.target(), p.og4()),
    plan: |p| {
        let work = Work::in_subgroups(p.pixels(), p.og4(), p.conv.groups, p.target());
        implicit_gemm(p, work, kernel)
    },
};

/// The convolution, written to `y`.
fn kernel(p: &ConvProblem<'_>, tile: Tile, y: Bound) -> Kernel {
    let call = implicit_gemm_subgroup::call(
        implicit_gemm_subgroup::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            moments: p.strips.is_some(),
            sized: p.target().software,
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: 4,
        },
        implicit_gemm_subgroup::Constants { geometry: p.geometry(), epilogue: p.epilogue(0) },
        implicit_gemm_subgroup::Bindings {
            x: p.image(),
            w: p.filter(),
            y,
            b: p.bias(),
            p: p.moments(),
            r: p.residual(),
        },
    );
    call.into()
}
