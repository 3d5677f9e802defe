//! The phases of the stride in tiles whose rows a subgroup loads together.

use atrous_shaders::conv::transposed_subgroup;

use super::{direct, phases, tiled};
use crate::conv::conditions::{shared, subgroups};
use crate::conv::problem::{Conv, ConvProblem};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        name: "transposed_subgroup",
        tiles: Tile::SUBGROUP,
        beats: &[&direct::VARIANT.entry],
        beats_on_software: &[&tiled::VARIANT.entry],
    },
    legal: |p| subgroups(p.target()).and(phases::layered(p)),
    preferred: |p| shared(p.target(), p.og4()),
    plan: |p| {
        let [rows, columns, layers] = phases::size(p);
        let tile = Tile::in_subgroups(rows, columns, layers, p.target());
        phases::plan(p, kernel(p, tile), tile, tile.count(rows, columns) as u64)
    },
};

fn kernel(p: &ConvProblem<'_>, tile: Tile) -> Kernel {
    let call = transposed_subgroup::call(
        transposed_subgroup::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            sized: p.target().software,
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: 4,
        },
        transposed_subgroup::Constants { geometry: p.geometry(), epilogue: p.epilogue(0) },
        transposed_subgroup::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    call.into()
}
