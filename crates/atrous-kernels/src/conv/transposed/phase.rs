//! The phases of the stride in tiles of registers.

use atrous_shaders::conv::transposed_phase;

use super::{direct, phases, tiled};
use crate::conv::problem::{Conv, ConvProblem};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::variant::{Entry, Variant};

pub(super) static VARIANT: Variant<Conv> = Variant {
    entry: Entry {
        name: "transposed_phase",
        tiles: Tile::REGISTERS,
        beats: &[&direct::VARIANT.entry],
        beats_on_software: &[&tiled::VARIANT.entry],
    },
    legal: phases::layered,
    preferred: |_| Ok(()),
    plan: |p| {
        let [rows, columns, layers] = phases::size(p);
        let tile = Tile::in_registers(rows, columns, layers, p.target());
        phases::plan(p, kernel(p, tile), tile, tile.register_groups(rows, columns))
    },
};

fn kernel(p: &ConvProblem<'_>, tile: Tile) -> Kernel {
    let call = transposed_phase::call(
        transposed_phase::Axes {
            bias: p.fused.bias,
            residual: p.fused.residual,
            in_place: p.in_place().is_some(),
            sized: p.target().software,
            half: p.half(),
            tile_m: tile.m as u32,
            tile_n: tile.n as u32,
        },
        transposed_phase::Constants { geometry: p.geometry(), epilogue: p.epilogue(0) },
        transposed_phase::Bindings { x: p.image(), w: p.filter(), y: p.result(), b: p.bias(), r: p.residual() },
    );
    call.into()
}
