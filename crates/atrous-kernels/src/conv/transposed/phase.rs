//! The phases of the stride in tiles of registers.

use super::{direct, phases, tiled};
use crate::conv::problem::Conv;
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
        phases::plan(p, "conv/transposed_phase", tile, tile.register_groups(rows, columns))
    },
};
