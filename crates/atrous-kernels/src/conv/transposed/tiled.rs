//! The phases of the stride in tiles of workgroup memory.

use super::phases;
use crate::conv::conditions::{hardware, memory};
use crate::conv::problem::Conv;
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
        phases::plan(p, "conv/transposed_tiled", tile, tile.count(rows, columns) as u64)
    },
};
