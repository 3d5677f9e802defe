//! The phases of the stride in tiles of workgroup memory.

use atrous_shaders::conv::transposed_tiled;

use super::phases;
use crate::conv::conditions::{hardware, memory};
use crate::conv::problem::{Conv, ConvProblem};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry { tiles: Tile::WORKGROUP, ..Entry::new("transposed_tiled") },
    legal: |p| phases::layered(p).and(memory(p)),
    preferred: |p| {
        let filled = p.og4() >= 4 && p.cin_g >= 16;
        hardware(p.target()).and(require(filled, "a group has too few channels to fill a tile"))
    },
    plan: |p| {
        let [rows, columns, layers] = phases::size(p);
        let tile = Tile::in_workgroup(Tile::WORKGROUP, [rows, columns, layers], p.target());
        phases::plan(p, kernel(p, tile), tile, tile.count(rows, columns) as u64)
    },
};

fn kernel(p: &ConvProblem<'_>, tile: Tile) -> Kernel {
    let call = transposed_tiled::call(
        transposed_tiled::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: tile.n as u32,
        },
        transposed_tiled::Constants { geometry: p.geometry(), epilogue: p.epilogue(0) },
        transposed_tiled::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    call.into()
}
